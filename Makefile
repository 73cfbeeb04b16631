# waybill: build, test and demo. `make help` lists the targets.
# Rooms are compiled to build/<room>.a; a unit test links only the rooms that its room may include.

BUILD   ?= build
CC      ?= gcc
PREFIX  ?= /usr/local
DESTDIR ?=
VERSION := 0.1.0

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
CFLAGS   += -std=c11 -D_GNU_SOURCE -I. -DWAYBILL_VERSION='"$(VERSION)"' $(WARN) $(OPT) $(SANITIZE) -pthread \
            -fno-omit-frame-pointer -MMD -MP
LDFLAGS  += -pthread $(SANITIZE)
LIBS     := -lev -lxxhash -linih -lssl -lcrypto -lmariadb -lmicrohttpd -lm

BUILD_PACKAGES := gcc make pkg-config libev-dev libxxhash-dev libinih-dev libssl-dev uthash-dev \
                  default-libmysqlclient-dev libmicrohttpd-dev
TEST_PACKAGES  := $(BUILD_PACKAGES) libcmocka-dev mariadb-server mariadb-client python3
CHECK_PACKAGES := $(TEST_PACKAGES) clang clang-format clang-tidy cppcheck libclang-rt-14-dev
BENCH_PACKAGES := $(TEST_PACKAGES) sysbench haproxy

sources = $(sort $(wildcard $(1)/*.c))
objects = $(patsubst %.c,$(BUILD)/%.o,$(call sources,$(1)))
ALL_OBJECTS := $(foreach room,$(ROOMS),$(call objects,$(room)))

.PHONY: all
all: build-packages $(BUILD)/waybill

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -c -o $@ $<

define room_archive
$(BUILD)/$(1).a: $$(call objects,$(1))
	@mkdir -p $$(@D)
	@rm -f $$@
	ar rcs $$@ $$^
endef
$(foreach room,$(ROOMS),$(eval $(call room_archive,$(room))))

$(BUILD)/waybill: $(foreach room,$(below_server),$(BUILD)/$(room).a)
	$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)

# ---- unit tests: tests/unit/<room>/test_<module>.c -> build/tests/unit/<room>/test_<module>

UNIT_SOURCES := $(sort $(wildcard tests/unit/*/test_*.c))
UNIT_TESTS   := $(patsubst %.c,$(BUILD)/%,$(UNIT_SOURCES))

define unit_room
$(BUILD)/tests/unit/$(1)/%: tests/unit/$(1)/%.c $(foreach below,$(below_$(1)),$(BUILD)/$(below).a)
	@mkdir -p $$(@D)
	$$(CC) $$(filter-out -Wmissing-prototypes,$$(CFLAGS)) $$(LDFLAGS) -o $$@ $$(filter %.c %.a,$$^) $$(LIBS) -lcmocka
unit-$(1): $(patsubst %.c,$(BUILD)/%,$(sort $(wildcard tests/unit/$(1)/test_*.c)))
	@set -e; for t in $$^; do $$$$t; done
.PHONY: unit-$(1)
endef
$(foreach room,$(filter-out server,$(ROOMS)),$(eval $(call unit_room,$(room))))

.PHONY: unit
unit: $(UNIT_TESTS)
	@set -e; for t in $(UNIT_TESTS); do $$t; done

-include $(ALL_OBJECTS:.o=.d) $(UNIT_TESTS:=.d)

.PHONY: build-packages clean
build-packages:
	@tools/install_packages $(BUILD_PACKAGES)

clean:
	rm -rf $(BUILD)
