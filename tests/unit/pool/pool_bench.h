#pragma once
// A bench for pools: a configuration of one server made by hand, a MySQL server that is a few lines
// long and runs on the same loop, and a user that writes down what it is told.
//
// The server notes each command in `bench.heard` ("Q:SELECT 1|") and answers: OK to what it doesn't
// know; an error to what begins with BAD; a transaction's flag after BEGIN; nothing to HANG; the
// end of the connection to DIE. KILL [QUERY] n ends a HANG on the connection with that number.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "base/sock.h"
#include "base/stream.h"
#include "pool/pool.h"
#include "protocol/error_table.h"
#include "protocol/handshake.h"
#include "protocol/packet.h"
#include "protocol/reply.h"
#include "protocol/statement.h"

enum { FAKE_CONNECTIONS = 32, SCRATCH_BYTES = 65536 };

struct fake_connection {
    struct stream stream;
    struct text in;
    size_t header_left; // of the PROXY protocol
    bool is_logged_in;
    bool in_transaction;
    bool hangs;
    uint32_t next_statement;
};

struct bench {
    struct loop *loop;
    struct slab arena_blocks, buffer_blocks;
    uint8_t scratch[SCRATCH_BYTES];
    struct settings settings; // shortcut to the config's
    struct snapshot *snapshot;
    struct pools *pools;
    // the server
    int listener;
    struct watch listening;
    struct fake_connection connections[FAKE_CONNECTIONS];
    size_t connection_count; // ever
    size_t open_count;
    const char *version;
    bool refuses_logins;
    size_t header_bytes;           // of the PROXY protocol, which every connection begins with
    bool is_silent;                // accepts, but says nothing
    bool is_in_commit;             // whoever asks for the state of a connection
    bool holds_looks, holds_kills; // gives no answer to them
    struct text heard;
    struct error trouble; // the last one reported
    int troubles;
};

static struct bench bench;

static inline const char *bench_heard(void)
{
    text_add(&bench.heard, "", 1);
    bench.heard.len--;
    return (const char *)bench.heard.ptr;
}

static inline void bench_forget(void)
{
    bench.heard.len = 0;
}

// ---- the server

static inline void fake_send(struct fake_connection *connection, const struct text *payload,
                             uint8_t sequence)
{
    struct text out;
    text_init(&out);
    packet_append(&out, text_slice(payload), &sequence);
    struct iovec part = {.iov_base = out.ptr, .iov_len = out.len};
    size_t put = 0;
    (void)!stream_write(&connection->stream, &part, 1, &put);
    text_done(&out);
}

static inline void fake_send_ok(struct fake_connection *connection, uint8_t sequence)
{
    struct text payload;
    text_init(&payload);
    struct ok_packet ok = {.status = STATUS_AUTOCOMMIT};
    ok.status |= connection->in_transaction ? STATUS_IN_TRANS : 0;
    ok_write(&payload, &ok);
    fake_send(connection, &payload, sequence);
    text_done(&payload);
}

static inline void fake_send_error(struct fake_connection *connection, uint16_t code,
                                   const char *sentence, uint8_t sequence)
{
    struct text payload;
    struct error error;
    text_init(&payload);
    error_set(&error, code, "HY000", "%s", sentence);
    error_write(&payload, &error);
    fake_send(connection, &payload, sequence);
    text_done(&payload);
}

static inline void fake_send_greeting(struct fake_connection *connection)
{
    struct text payload;
    text_init(&payload);
    struct greeting greeting = {
        .version = slice_of_string(bench.version),
        .connection_id = (uint32_t)bench.connection_count,
        .nonce = "abcdefghijklmnopqrs",
        .capabilities = 0x81fffffe,
        .plugin = slice_of_string("mysql_native_password"),
    };
    greeting_write(&payload, &greeting);
    fake_send(connection, &payload, 0);
    text_done(&payload);
}

static inline void fake_close(struct fake_connection *connection)
{
    stream_close(&connection->stream);
    text_done(&connection->in);
    bench.open_count--;
}

static inline void fake_answer_prepare(struct fake_connection *connection)
{
    struct text payload;
    text_init(&payload);
    struct prepared prepared = {.statement_id = ++connection->next_statement};
    prepared_write(&payload, &prepared);
    fake_send(connection, &payload, 1);
    text_done(&payload);
}

static inline void fake_kill(struct fake_connection *connection, const char *sql)
{
    unsigned number = 0;
    (void)sscanf(sql, strncmp(sql, "KILL QUERY", 10) == 0 ? "KILL QUERY %u" : "KILL %u", &number);
    for (size_t i = 0; i < FAKE_CONNECTIONS; i++) {
        struct fake_connection *victim = &bench.connections[i];
        if (i + 1 == number && victim->stream.fd >= 0 && victim->hangs) {
            victim->hangs = false;
            fake_send_error(victim, 1317, "interrupted", 1);
        }
    }
    if (!bench.holds_kills) {
        fake_send_ok(connection, 1);
    }
}

static inline void fake_answer_text(struct fake_connection *connection, const char *sql)
{
    if (strncmp(sql, "BAD", 3) == 0 || strstr(sql, "'BAD'") != NULL) {
        fake_send_error(connection, 1064, "that was bad", 1);
    } else if (strncmp(sql, "DIE", 3) == 0) {
        fake_close(connection);
    } else if (strncmp(sql, "HANG", 4) == 0) {
        connection->hangs = true;
    } else if (strncmp(sql, "KILL", 4) == 0) {
        fake_kill(connection, sql);
    } else if (bench.is_in_commit && strncmp(sql, "SELECT STATE", 12) == 0) {
        fake_send_error(connection, 1064, "Waiting for semi-sync ACK from slave", 1);
    } else if (!bench.holds_looks || strncmp(sql, "SELECT STATE", 12) != 0) {
        connection->in_transaction |= strncmp(sql, "BEGIN", 5) == 0;
        connection->in_transaction &= strncmp(sql, "COMMIT", 6) != 0;
        fake_send_ok(connection, 1);
    }
}

// False when the connection was closed.
static inline bool fake_answer(struct fake_connection *connection, struct slice payload)
{
    char sql[300];
    snprintf(sql, sizeof sql, "%.*s", (int)payload.len - 1, (const char *)payload.ptr + 1);
    switch (payload.ptr[0]) {
    case COM_QUERY:
        text_add_format(&bench.heard, "Q:%s|", sql);
        fake_answer_text(connection, sql);
        break;
    case COM_INIT_DB:
        text_add_format(&bench.heard, "DB:%s|", sql);
        fake_answer_text(connection, sql);
        break;
    case COM_STMT_PREPARE:
        text_add_format(&bench.heard, "P:%s|", sql);
        if (strncmp(sql, "BAD", 3) == 0) {
            fake_answer_text(connection, sql);
        } else {
            fake_answer_prepare(connection);
        }
        break;
    case COM_STMT_EXECUTE:
        text_add_format(&bench.heard, "E:%u|", (unsigned)payload.ptr[1]);
        fake_send_ok(connection, 1);
        break;
    case COM_STMT_CLOSE:
        text_add_format(&bench.heard, "C:%u|", (unsigned)payload.ptr[1]);
        break;
    case COM_RESET_CONNECTION:
        text_add_string(&bench.heard, "RESET|");
        connection->in_transaction = false;
        fake_send_ok(connection, 1);
        break;
    case COM_QUIT:
        text_add_string(&bench.heard, "QUIT|");
        break;
    default:
        fake_send_error(connection, 1047, "unknown command", 1);
    }
    return connection->stream.fd >= 0;
}

static inline void fake_log_in(struct fake_connection *connection)
{
    if (bench.refuses_logins) {
        fake_send_error(connection, 1045, "access denied", 2);
        fake_close(connection);
        return;
    }
    connection->is_logged_in = true;
    fake_send_ok(connection, 2);
}

static inline void fake_on_ready(struct stream *stream, unsigned events)
{
    (void)events;
    struct fake_connection *connection = CONTAINER_OF(stream, struct fake_connection, stream);
    uint8_t bytes[4096];
    size_t got = 0;
    enum io outcome = stream_read(&connection->stream, bytes, sizeof bytes, &got);
    if (outcome == IO_AGAIN) {
        return;
    }
    if (outcome != IO_DONE) {
        fake_close(connection);
        return;
    }
    text_add(&connection->in, bytes, got);
    if (connection->header_left > 0) {
        assert_true(connection->in.len >= connection->header_left); // it comes in one piece
        text_drop_front(&connection->in, connection->header_left);
        connection->header_left = 0;
    }
    while (connection->stream.fd >= 0 && connection->in.len >= PACKET_HEADER_BYTES) {
        size_t payload = packet_payload_bytes(connection->in.ptr);
        if (connection->in.len < payload + PACKET_HEADER_BYTES) {
            break;
        }
        if (!connection->is_logged_in) {
            fake_log_in(connection);
        } else if (!fake_answer(connection, slice_of(connection->in.ptr + 4, payload))) {
            return;
        }
        if (connection->stream.fd >= 0) {
            text_drop_front(&connection->in, payload + PACKET_HEADER_BYTES);
        }
    }
}

static inline void fake_on_accept(struct watch *watch, unsigned events)
{
    (void)events;
    struct address peer;
    int fd = sock_accept(watch->fd, &peer);
    if (fd < 0 || bench.connection_count == FAKE_CONNECTIONS) {
        return;
    }
    struct fake_connection *connection = &bench.connections[bench.connection_count++];
    stream_init(&connection->stream, bench.loop, fd, fake_on_ready);
    text_init(&connection->in);
    connection->header_left = bench.header_bytes;
    stream_watch(&connection->stream, WATCH_READ);
    bench.open_count++;
    if (!bench.is_silent) {
        fake_send_greeting(connection);
    }
}

static inline void fake_listen(struct address *address)
{
    bench.listener = sock_listen(address, false, 16);
    assert_true(bench.listener >= 0);
    socklen_t len = sizeof address->at;
    getsockname(bench.listener, &address->at.any, &len);
    watch_init(&bench.listening, bench.loop, bench.listener, fake_on_accept);
    watch_set(&bench.listening, WATCH_READ);
}

static inline void fake_stop_listening(void)
{
    if (bench.listener >= 0) {
        watch_set(&bench.listening, 0);
        sock_close(bench.listener);
        bench.listener = -1;
    }
}

// ---- the pools

static inline void bench_on_trouble(void *owner, uint16_t server, const struct error *error)
{
    (void)owner;
    (void)server;
    bench.trouble = *error;
    bench.troubles++;
}

static inline struct config *bench_config(uint16_t server_count)
{
    static uint16_t ids[4] = {0, 1, 2, 3};
    static const char *const names[4] = {"s1a", "s1b", "s1c", "s1d"};
    struct config *config = memory_new(sizeof *config);
    arena_init(&config->arena, NULL);
    settings_init_defaults(&config->settings);
    config->settings.pool_max = 2;
    config->settings.pool_wait_ms = 300;
    config->settings.pool_wait_max = 5;
    config->settings.connect_timeout_ms = 300;
    config->settings.backoff_ms = 200;
    config->settings.pool_prepared_max = 2;
    config->servers = arena_alloc(&config->arena, sizeof *config->servers * 4);
    config->server_count = server_count;
    for (uint16_t i = 0; i < server_count; i++) {
        config->servers[i] = (struct server_config){
            .id = i, .name = names[i], .address_text = "fake", .weight = 100};
    }
    config->shards = arena_alloc(&config->arena, sizeof *config->shards);
    config->shards[0] =
        (struct shard_config){.name = "s1", .servers = ids, .server_count = server_count};
    config->shard_count = 1;
    config->users = arena_alloc(&config->arena, sizeof *config->users * 2);
    config->user_count = 2;
    for (uint16_t i = 0; i < 2; i++) {
        config->users[i] =
            (struct user_config){.id = i, .name = "u", .server_user = "app", .server_password = ""};
    }
    return config;
}

static inline void bench_free_snapshot(struct snapshot *snapshot, bool with_config)
{
    struct config *config = snapshot->config;
    config->use_count++; // this config is made by hand, and freed by hand
    snapshot_free(snapshot);
    config->use_count--;
    if (with_config) {
        arena_clear(&config->arena);
        memory_free(config);
    }
}

static inline int bench_start(void **state)
{
    (void)state;
    char why[100];
    memset(&bench, 0, sizeof bench);
    bench.loop = loop_new();
    bench.version = "5.5.5-10.11.19-MariaDB";
    slab_init(&bench.arena_blocks, "arena", ARENA_BLOCK_BYTES, 0);
    slab_init(&bench.buffer_blocks, "buffer", BUFFER_BLOCK_BYTES, 0);
    text_init(&bench.heard);
    struct config *config = bench_config(4);
    if (!address_parse(&config->servers[0].address, "127.0.0.1:0", why, sizeof why)) {
        return -1;
    }
    fake_listen(&config->servers[0].address);
    bench.snapshot = snapshot_new(config);
    bench.snapshot->servers[0].is_up = true;
    bench.snapshot->servers[0].seen_us = 1;
    bench.snapshot->shards[0].primary = 0;
    struct pools_host host = {
        .loop = bench.loop,
        .arena_blocks = &bench.arena_blocks,
        .buffer_blocks = &bench.buffer_blocks,
        .scratch = bench.scratch,
        .scratch_bytes = SCRATCH_BYTES,
        .worker_count = 1,
        .on_server_trouble = bench_on_trouble,
    };
    bench.pools = pools_new(&host, bench.snapshot);
    return 0;
}

static inline int bench_finish(void **state)
{
    (void)state;
    pools_free(bench.pools);
    for (size_t i = 0; i < bench.connection_count; i++) {
        if (bench.connections[i].stream.fd >= 0) {
            fake_close(&bench.connections[i]);
        }
    }
    fake_stop_listening();
    bench_free_snapshot(bench.snapshot, true);
    text_done(&bench.heard);
    slab_done(&bench.arena_blocks);
    slab_done(&bench.buffer_blocks);
    loop_free(bench.loop);
    return 0;
}

// ---- the user

struct user {
    struct backend_user backend_user;
    struct pool_waiter waiter;
    struct backend *backend; // NULL: none
    struct text bytes;
    struct error error; // of on_lost or on_failed
    bool is_answered, is_lost, was_sent, is_failed;
};

static inline void user_on_bytes(struct backend_user *backend_user, struct backend *backend,
                                 const uint8_t *bytes, size_t len)
{
    struct user *user = CONTAINER_OF(backend_user, struct user, backend_user);
    assert_ptr_equal(user->backend, backend);
    text_add(&user->bytes, bytes, len);
    user->is_answered = backend_answer(backend)->is_done;
}

static inline void user_on_lost(struct backend_user *backend_user, struct backend *backend,
                                const struct error *error, bool was_sent)
{
    struct user *user = CONTAINER_OF(backend_user, struct user, backend_user);
    assert_ptr_equal(user->backend, backend);
    user->backend = NULL;
    user->is_lost = true;
    user->was_sent = was_sent;
    user->error = *error;
}

static inline void user_on_ready(struct pool_waiter *waiter, struct backend *backend)
{
    struct user *user = CONTAINER_OF(waiter, struct user, waiter);
    user->backend = backend;
}

static inline void user_on_failed(struct pool_waiter *waiter, const struct error *error)
{
    struct user *user = CONTAINER_OF(waiter, struct user, waiter);
    user->is_failed = true;
    user->error = *error;
}

static inline void user_init(struct user *user)
{
    memset(user, 0, sizeof *user);
    text_init(&user->bytes);
    user->backend_user.on_bytes = user_on_bytes;
    user->backend_user.on_lost = user_on_lost;
    user->waiter.on_ready = user_on_ready;
    user->waiter.on_failed = user_on_failed;
    user->waiter.user = &user->backend_user;
}

static inline void user_done(struct user *user)
{
    text_done(&user->bytes);
}

static inline void turn(void)
{
    loop_run_once(bench.loop, 20);
}

static inline struct pool_want want_of(uint16_t account, const struct session_state *state)
{
    return (struct pool_want){
        .account = account, .capabilities = CAP_DEPRECATE_EOF, .state = state};
}

// Takes or waits until there is one, or none to be had.
static inline void user_get(struct user *user, uint16_t account, const struct session_state *state)
{
    struct pool_want want = want_of(account, state);
    user->is_failed = false;
    user->backend = pool_take(bench.pools, &want, &user->backend_user);
    if (user->backend == NULL) {
        pool_wait(bench.pools, &want, &user->waiter);
        assert_null(user->backend);
        assert_false(user->is_failed);
    }
    for (int i = 0; i < 200 && user->backend == NULL && !user->is_failed; i++) {
        turn();
    }
}

static inline void user_give(struct user *user)
{
    struct backend *backend = user->backend;
    user->backend = NULL;
    pool_give(bench.pools, backend);
}

static inline void user_start(struct user *user, struct backend_command *command, const char *sql,
                              struct text *packet)
{
    uint8_t sequence = 0;
    size_t place = packet_begin(packet);
    write_u8(packet, COM_QUERY);
    text_add_string(packet, sql);
    packet_end(packet, place, &sequence);
    command->kind = ANSWER_QUERY;
    command->packet = text_slice(packet);
    user->is_answered = user->is_lost = false;
    user->bytes.len = 0;
    backend_start(user->backend, command);
}

static inline void user_await(struct user *user)
{
    for (int i = 0; i < 200 && !user->is_answered && !user->is_lost; i++) {
        turn();
    }
    assert_true(user->is_answered || user->is_lost);
}

// Runs a text statement to its end.
static inline void user_run(struct user *user, struct backend_command command, const char *sql)
{
    struct text packet;
    text_init(&packet);
    user_start(user, &command, sql, &packet);
    user_await(user);
    text_done(&packet);
}
