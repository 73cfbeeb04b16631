#pragma once
// A whole session between a real socket and scripted servers: the client's bytes go in by a socket
// pair, the pool and its backends are played here. Each test is the events in their order, and
// what the client and the servers got.
//
// Shards s1 (servers 0, 1) and s2 (2, 3); the first of each is the primary. shop.t is sharded by
// k: FIXTURE_K1 lies on s1, FIXTURE_K2 on s2; shop.home is on s1.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "protocol/column.h"
#include "protocol/error_table.h"
#include "protocol/packet.h"
#include "protocol/row_text.h"
#include "router/sharding.h"
#include "session/session_impl.h"

enum { BACKENDS_MAX = 16, SCRATCH_BYTES = 65536 };

struct backend { // a scripted one
    bool is_lent, is_running, is_closed, is_dirty, is_paused;
    uint16_t server;
    bool in_transaction;
    struct backend_user *user;
    struct session_state state;
    struct answer answer;
    struct text ahead;   // of the last command, each ended by ';'
    struct text command; // payload of the last command's packet, or "EXECUTE " and the text
    bool is_careful, is_stateless;
    uint32_t given, commands, cursors_closed;
    struct text file; // what it was fed
    bool is_file_over, is_slow, takes_file;
    bool is_killed; // its statement, on the server
};

struct fixture {
    struct loop *loop;
    struct slab arenas, buffers;
    uint8_t scratch[SCRATCH_BYTES];
    _Atomic uint32_t client_count;
    _Atomic uint64_t table_changes;
    _Atomic uint32_t account_clients[16];
    struct account_secret secret; // the last that was noted
    uint16_t secret_account;
    uint16_t outdated_shard; // of the last pools_outdate
    struct config *config;
    struct snapshot *snapshot;
    struct sessions *sessions;
    int client; // our end of the socket
    struct text in;
    struct backend backends[BACKENDS_MAX];
    uint16_t backend_count;
    bool has_no_idle; // pool_take gives nothing: waiters stand in line
    struct pool_waiter *waiter;
    uint64_t k1, k2; // keys on s1 and on s2
    uint16_t chosen_replica[2];
    struct errand kill; // the last one
    uint32_t doubts, certain_doubts;
    uint32_t waiting; // how often that was told
};

static struct fixture fixture;

// ---- the pool, played

static inline struct backend *fixture_open(uint16_t server)
{
    for (uint16_t i = 0; i < fixture.backend_count; i++) {
        struct backend *idle = &fixture.backends[i];
        if (idle->server == server && !idle->is_lent && !idle->is_closed) {
            return idle;
        }
    }
    assert_true(fixture.backend_count < BACKENDS_MAX);
    struct backend *backend = &fixture.backends[fixture.backend_count++];
    backend->server = server;
    state_init(&backend->state);
    return backend;
}

static inline void fixture_on_errand(void *owner, const struct errand *order)
{
    (void)owner;
    fixture.kill = *order;
}

static inline void fixture_on_accounts_doubt(void *owner, bool is_certain)
{
    (void)owner;
    fixture.doubts += is_certain ? 0 : 1;
    fixture.certain_doubts += is_certain ? 1 : 0;
}

static inline void fixture_on_waiting(void *owner)
{
    (void)owner;
    fixture.waiting++;
}

static inline uint64_t fixture_questions(void *owner)
{
    (void)owner;
    return 42;
}

bool pool_kill(struct pools *pools, struct backend *backend)
{
    (void)pools;
    backend->is_killed = true;
    return true;
}

void backend_hand_over(struct backend *backend, struct backend_user *user)
{
    assert_true(backend->is_lent);
    backend->user = user;
}

bool backend_was_killed(const struct backend *backend)
{
    return backend->is_killed;
}

void pools_outdate(struct pools *pools, uint16_t shard)
{
    (void)pools;
    fixture.outdated_shard = shard;
}

void pools_note_secret(struct pools *pools, uint16_t account, const struct account_secret *secret)
{
    (void)pools;
    fixture.secret = *secret;
    fixture.secret_account = account;
}

struct backend *pool_take(struct pools *pools, const struct pool_want *want,
                          struct backend_user *user)
{
    (void)pools;
    if (fixture.has_no_idle) {
        return NULL;
    }
    struct backend *backend = fixture_open(want->server);
    backend->is_lent = true;
    backend->user = user;
    return backend;
}

void pool_wait(struct pools *pools, const struct pool_want *want, struct pool_waiter *waiter)
{
    (void)pools;
    waiter->want = *want;
    fixture.waiter = waiter;
}

void pool_cancel(struct pools *pools, struct pool_waiter *waiter)
{
    (void)pools;
    if (fixture.waiter == waiter) {
        fixture.waiter = NULL;
    }
}

bool pool_has_room(const struct pools *pools, uint16_t server)
{
    (void)pools, (void)server;
    return !fixture.has_no_idle;
}

bool pool_has_line(const struct pools *pools, uint16_t server)
{
    (void)pools;
    return fixture.waiter != NULL && fixture.waiter->want.server == server;
}

void pool_close(struct pools *pools, struct backend *backend)
{
    (void)pools;
    assert_true(backend->is_lent);
    backend->is_lent = backend->is_running = false;
    backend->is_closed = true;
}

void pool_give(struct pools *pools, struct backend *backend)
{
    assert_true(backend->is_lent && !backend->is_running);
    backend->given++;
    backend->is_lent = false;
    if (backend->in_transaction || backend->is_dirty) {
        backend->is_lent = true;
        pool_close(pools, backend);
    }
}

uint16_t pool_choose(struct pools *pools, uint16_t shard, bool primary_only, uint64_t written_us)
{
    (void)pools;
    uint16_t primary = fixture.snapshot->shards[shard].primary;
    bool is_replica = !primary_only && written_us == 0;
    return is_replica ? fixture.chosen_replica[shard] : primary;
}

void backend_start(struct backend *backend, const struct backend_command *command)
{
    assert_true(backend->is_lent && !backend->is_running);
    backend->is_running = true;
    backend->commands++;
    backend->ahead.len = backend->command.len = 0;
    for (uint32_t i = 0; i < command->ahead_count; i++) {
        text_add_slice(&backend->ahead, command->ahead[i]);
        text_add_string(&backend->ahead, ";");
    }
    if (command->read_state != NULL) {
        struct slice mode = state_find_variable(command->read_state, slice_of_string("sql_mode"));
        struct slice names = state_find_variable(command->read_state, slice_of_string("names"));
        text_add_format(&backend->ahead, "as (%.*s)(%.*s) ", (int)mode.len, (const char *)mode.ptr,
                        (int)names.len, (const char *)names.ptr);
        text_add_slice(&backend->ahead, command->prepare_query);
        text_add_string(&backend->ahead, ";");
    }
    text_add(&backend->ahead, "", 1); // so that tests can look at it as a string
    backend->ahead.len--;
    if (command->prepare_sql.ptr != NULL) {
        text_add_string(&backend->command, "EXECUTE ");
        text_add_slice(&backend->command, command->prepare_sql);
    } else {
        text_add(&backend->command, command->packet.ptr + 4, command->packet.len - 4);
    }
    backend->is_careful = command->is_careful;
    backend->takes_file = command->takes_file;
    backend->is_file_over = false;
    backend->file.len = 0;
    backend->is_stateless = command->state == NULL;
    if (command->state != NULL) {
        state_copy(&backend->state, command->state);
    }
    answer_start(&backend->answer, command->kind, CAP_DEPRECATE_EOF);
}

bool backend_feed(struct backend *backend, struct slice bytes, bool is_end)
{
    assert_true(backend->is_running && backend->answer.wants_file && !backend->is_file_over);
    text_add_slice(&backend->file, bytes);
    backend->is_file_over = is_end;
    return backend->is_slow;
}

uint16_t backend_ahead_warnings(const struct backend *backend)
{
    (void)backend;
    return 0;
}

struct slice backend_ahead_changes(const struct backend *backend)
{
    (void)backend;
    return slice_of(NULL, 0);
}

const struct answer *backend_answer(const struct backend *backend)
{
    return &backend->answer;
}

void backend_pause(struct backend *backend)
{
    backend->is_paused = true;
}

void backend_resume(struct backend *backend)
{
    backend->is_paused = false;
}

uint32_t backend_connection_id(const struct backend *backend)
{
    (void)backend;
    return 77;
}

bool backend_in_transaction(const struct backend *backend)
{
    return backend->in_transaction;
}

struct session_state *backend_state(struct backend *backend)
{
    return &backend->state;
}

void backend_mark_dirty(struct backend *backend)
{
    backend->is_dirty = true;
}

void backend_leave_reading(struct backend *backend)
{
    backend_mark_dirty(backend);
}

uint32_t backend_statement(const struct backend *backend)
{
    return backend->server + 100u;
}

void backend_end_cursor(struct backend *backend, uint32_t statement_id, bool is_closed)
{
    assert_true(backend->is_lent && !backend->is_running);
    assert_int_equal(statement_id, backend->server + 100u);
    backend->cursors_closed += is_closed ? 0 : 1;
}

// ---- the servers, played

// The only backend of the server that runs a command.
static inline struct backend *fixture_running(uint16_t server)
{
    struct backend *found = NULL;
    for (uint16_t i = 0; i < fixture.backend_count; i++) {
        struct backend *backend = &fixture.backends[i];
        if (backend->server == server && backend->is_running) {
            assert_null(found);
            found = backend;
        }
    }
    if (found == NULL) {
        fail_msg("nothing runs on server %u", server);
    }
    return found;
}

static inline void fixture_expect(const struct backend *backend, const char *ahead, const char *sql)
{
    char got[400];
    snprintf(got, sizeof got, "%.*s|%.*s", (int)backend->ahead.len,
             backend->ahead.len > 0 ? (const char *)backend->ahead.ptr : "",
             (int)(backend->command.len - 1), (const char *)backend->command.ptr + 1);
    char want[400];
    snprintf(want, sizeof want, "%s|%s", ahead, sql);
    assert_string_equal(got, want);
}

static inline void fixture_turn(void)
{
    for (int i = 0; i < 4; i++) {
        loop_run_once(fixture.loop, 0);
    }
}

static inline void fixture_feed(struct backend *backend, const void *bytes, size_t len)
{
    size_t eaten = answer_feed(&backend->answer, bytes, len);
    assert_int_equal(eaten, len);
    bool is_done = backend->answer.is_done;
    if (is_done) {
        backend->is_running = false;
        if (!backend->answer.is_error) {
            backend->in_transaction = (backend->answer.status & STATUS_IN_TRANS) != 0;
        }
    }
    backend->user->on_bytes(backend->user, backend, bytes, len);
    fixture_turn();
}

static inline void fixture_feed_payload(struct backend *backend, struct text *payload)
{
    struct text packet;
    text_init(&packet);
    uint8_t sequence = 1;
    packet_append(&packet, text_slice(payload), &sequence);
    text_done(payload);
    fixture_feed(backend, packet.ptr, packet.len);
    text_done(&packet);
}

static inline void fixture_ok(struct backend *backend, const struct ok_packet *ok)
{
    struct text payload;
    text_init(&payload);
    ok_write(&payload, ok);
    fixture_feed_payload(backend, &payload);
}

static inline void fixture_ok_in(struct backend *backend) // in a transaction
{
    fixture_ok(backend, &(struct ok_packet){.status = STATUS_IN_TRANS | STATUS_AUTOCOMMIT,
                                            .affected_rows = 1});
}

static inline void fixture_ok_out(struct backend *backend)
{
    fixture_ok(backend, &(struct ok_packet){.status = STATUS_AUTOCOMMIT, .affected_rows = 1});
}

// A result set in one piece: `values` row by row.
static inline void fixture_rows(struct backend *backend, uint8_t columns, const char *const *values,
                                uint32_t rows)
{
    struct text packets, payload;
    text_init(&packets);
    text_init(&payload);
    uint8_t sequence = 1;
    write_u8(&payload, columns);
    packet_append(&packets, text_slice(&payload), &sequence);
    for (uint8_t i = 0; i < columns; i++) {
        struct column column = column_string("column");
        payload.len = 0;
        column_write(&payload, &column, 0);
        packet_append(&packets, text_slice(&payload), &sequence);
    }
    for (uint32_t row = 0; row < rows; row++) {
        payload.len = 0;
        for (uint8_t i = 0; i < columns; i++) {
            row_text_add(&payload, slice_of_string(values[row * columns + i]));
        }
        packet_append(&packets, text_slice(&payload), &sequence);
    }
    payload.len = 0;
    ok_write_eof(&payload, &(struct ok_packet){.status = STATUS_AUTOCOMMIT});
    packet_append(&packets, text_slice(&payload), &sequence);
    fixture_feed(backend, packets.ptr, packets.len);
    text_done(&payload);
    text_done(&packets);
}

static inline void fixture_error(struct backend *backend, uint16_t code, const char *why)
{
    struct text payload;
    struct error error;
    text_init(&payload);
    error_set(&error, code, "HY000", "%s", why);
    error_write(&payload, &error);
    fixture_feed_payload(backend, &payload);
}

static inline void fixture_lose(struct backend *backend, bool was_sent)
{
    struct error error;
    error_fill(&error, ER_SERVER_LOST, "x", "it is gone");
    backend->is_lent = backend->is_running = false;
    backend->is_closed = true;
    backend->user->on_lost(backend->user, backend, &error, was_sent);
    fixture_turn();
}

// ---- the client

static inline void fixture_read_more(void)
{
    uint8_t bytes[65536];
    ssize_t got;
    fixture_turn();
    while ((got = recv(fixture.client, bytes, sizeof bytes, MSG_DONTWAIT)) > 0) {
        text_add(&fixture.in, bytes, (size_t)got);
        fixture_turn();
    }
}

// The next packet's payload; empty when there is none.
static inline struct slice fixture_packet(void)
{
    static uint8_t payload[70000];
    fixture_read_more();
    if (fixture.in.len < PACKET_HEADER_BYTES) {
        return slice_of(payload, 0);
    }
    size_t len = packet_payload_bytes(fixture.in.ptr);
    assert_true(fixture.in.len >= len + PACKET_HEADER_BYTES && len < sizeof payload);
    memcpy(payload, fixture.in.ptr + PACKET_HEADER_BYTES, len);
    text_drop_front(&fixture.in, len + PACKET_HEADER_BYTES);
    return slice_of(payload, len);
}

static inline struct ok_packet fixture_client_ok(void)
{
    struct slice payload = fixture_packet();
    struct ok_packet ok = {0};
    if (payload.len == 0 || !ok_read(payload, &ok)) {
        fail_msg("no OK for the client: %.*s", (int)payload.len, (const char *)payload.ptr);
    }
    return ok;
}

static inline void fixture_client_error(uint16_t code)
{
    struct error error = {0};
    struct slice payload = fixture_packet();
    if (!error_read(payload, &error) || error.code != code) {
        fail_msg("not error %u for the client but %u: %s", code, error.code, error.text);
    }
}

static inline bool fixture_is_client_closed(void)
{
    uint8_t byte;
    fixture_read_more();
    return recv(fixture.client, &byte, 1, MSG_DONTWAIT) == 0;
}

static inline void fixture_send(const void *bytes, size_t len)
{
    assert_int_equal(send(fixture.client, bytes, len, 0), len);
    fixture_turn();
}

static inline void fixture_command(enum com command, struct slice argument)
{
    struct text packet;
    text_init(&packet);
    uint8_t sequence = 0;
    size_t place = packet_begin(&packet);
    write_u8(&packet, (uint8_t)command);
    text_add_slice(&packet, argument);
    packet_end(&packet, place, &sequence);
    fixture_send(packet.ptr, packet.len);
    text_done(&packet);
}

PRINTF_LIKE(1, 2) static inline void fixture_query(const char *format, ...)
{
    char sql[1000];
    va_list args;
    va_start(args, format);
    vsnprintf(sql, sizeof sql, format, args);
    va_end(args);
    fixture_command(COM_QUERY, slice_of_string(sql));
}

static inline struct session *fixture_session(void)
{
    for (int stage = SESSION_LOGIN; stage < SESSION_CLOSED; stage++) {
        struct node *node = list_first(&fixture.sessions->stages[stage]);
        if (node != NULL) {
            return CONTAINER_OF(node, struct session, node);
        }
    }
    fail_msg("no session");
    return NULL;
}

static inline void fixture_connect(void)
{
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    fixture.client = pair[0];
    struct address peer = {.len = sizeof(sa_family_t)};
    peer.at.local.sun_family = AF_UNIX;
    sessions_accept(fixture.sessions, pair[1], &peer);
    fixture_turn();
}

// Sends the answer to the greeting; what comes of it is still to be read.
static inline void fixture_login(const char *user, const char *password, const char *database)
{
    struct greeting greeting;
    struct error error;
    struct slice payload = fixture_packet();
    assert_true(greeting_read(payload, &greeting, &error));
    uint8_t proof[NATIVE_BYTES];
    size_t proof_len = 0;
    auth_native_answer(slice_of_string(password), greeting.nonce, proof, &proof_len);
    struct login login = {
        .capabilities = CAP_PROTOCOL_41 | CAP_SECURE_CONNECTION | CAP_PLUGIN_AUTH |
                        CAP_DEPRECATE_EOF | (database != NULL ? CAP_CONNECT_WITH_DB : 0u),
        .collation_id = 45,
        .user = slice_of_string(user),
        .auth = slice_of(proof, proof_len),
        .plugin = slice_of_string("mysql_native_password"),
    };
    if (database != NULL) {
        login.database = slice_of_string(database);
    }
    struct text packet;
    text_init(&packet);
    uint8_t sequence = 1;
    size_t place = packet_begin(&packet);
    login_write(&packet, &login);
    packet_end(&packet, place, &sequence);
    fixture_send(packet.ptr, packet.len);
    text_done(&packet);
}

// ---- all of it

#ifndef FIXTURE_TABLES
#define FIXTURE_TABLES "[table shop.t]\nkey = k\n"
#endif
static const char fixture_config[] =
    "[waybill]\nhold_ms = 300\nmax_clients = 3\nmax_prepared = 2\ndefault_shard = s1\n"
    "[server a]\naddress = 127.0.0.1:3301\n[server b]\naddress = 127.0.0.1:3302\n"
    "[server c]\naddress = 127.0.0.1:3303\n[server d]\naddress = 127.0.0.1:3304\n"
    "[shard s1]\nservers = a, b\nbuckets = 0-2047\n"
    "[shard s2]\nservers = c, d\nbuckets = 2048-4095\n"
    "[user app]\npassword = pw\ndefault_schema = shop\ndistributed = refuse\n"
    "[user both]\npassword = pw\ndefault_schema = shop\ndistributed = best_effort\n"
    "[user whole]\npassword = pw\ndefault_schema = shop\n" FIXTURE_TABLES
    "[table shop.home]\ntype = unsharded\nshard = s1\n";

static inline void fixture_find_keys(void)
{
    for (uint64_t k = 1; fixture.k1 == 0 || fixture.k2 == 0; k++) {
        char digits[24];
        int len = snprintf(digits, sizeof digits, "%llu", (unsigned long long)k);
        uint16_t bucket = bucket_of_key(slice_of(digits, (size_t)len));
        *(bucket < BUCKET_COUNT / 2 ? &fixture.k1 : &fixture.k2) = k;
    }
}

static int fixture_setup(void **state)
{
    (void)state;
    memset(&fixture, 0, sizeof fixture);
    struct text errors;
    text_init(&errors);
    fixture.loop = loop_new();
    slab_init(&fixture.arenas, "arena", ARENA_BLOCK_BYTES, 0);
    slab_init(&fixture.buffers, "buffer", BUFFER_BLOCK_BYTES, 0);
    fixture.config = config_read_text(slice_of_string(fixture_config), "t.ini", NULL, &errors);
    if (fixture.config == NULL) {
        fail_msg("%.*s", (int)errors.len, (const char *)errors.ptr);
    }
    fixture.snapshot = snapshot_new(fixture.config);
    fixture.snapshot->is_mariadb = true;
    fixture.snapshot->server_version = 101119;
    fixture.snapshot->shards[0].primary = 0;
    fixture.snapshot->shards[1].primary = 2;
    for (uint16_t i = 0; i < fixture.config->shard_count; i++) {
        fixture.snapshot->shards[i].ids = (struct id_grant){.upto_ms = UINT64_MAX};
    }
    fixture.chosen_replica[0] = 1;
    fixture.chosen_replica[1] = 3;
    struct sessions_host host = {
        .on_errand = fixture_on_errand,
        .on_accounts_doubt = fixture_on_accounts_doubt,
        .on_waiting = fixture_on_waiting,
        .questions = fixture_questions,
        .loop = fixture.loop,
        .arena_blocks = &fixture.arenas,
        .buffer_blocks = &fixture.buffers,
        .scratch = fixture.scratch,
        .scratch_bytes = sizeof fixture.scratch,
        .worker_count = 1,
        .client_count = &fixture.client_count,
        .table_changes = &fixture.table_changes,
        .account_clients = fixture.account_clients,
    };
    fixture.sessions = sessions_new(&host, fixture.snapshot);
    fixture_find_keys();
    fixture_connect();
    return 0;
}

static inline int fixture_setup_logged_in(void **state)
{
    fixture_setup(state);
    fixture_login("app", "pw", NULL);
    (void)fixture_client_ok();
    return 0;
}

static int fixture_teardown(void **state)
{
    (void)state;
    close(fixture.client);
    fixture_turn();
    sessions_free(fixture.sessions);
    for (uint16_t i = 0; i < fixture.backend_count; i++) {
        struct backend *backend = &fixture.backends[i];
        assert_false(backend->is_lent); // whatever happened, nothing is kept
        state_done(&backend->state);
        text_done(&backend->ahead);
        text_done(&backend->command);
        text_done(&backend->file);
    }
    text_done(&fixture.in);
    snapshot_free(fixture.snapshot);
    slab_done(&fixture.arenas);
    slab_done(&fixture.buffers);
    loop_free(fixture.loop);
    return 0;
}
