// What follows a log-in that was right: the session becomes the account's, and what it sends and
// gets is as the account has it. When the client names a schema of its own, a server is asked first
// whether the account may use it, and its error is relayed.

#include "base/memory.h"
#include "protocol/charset.h"
#include "protocol/compress.h"
#include "protocol/packet.h"
#include "protocol/session_track.h"
#include "session/client_io.h"
#include "session/command.h"
#include "session/gather.h"
#include "session/aftermath.h"
#include "session/insert_id.h"
#include "session/login_impl.h"
#include "session/track.h"
#include "session/transaction.h"

enum { ZSTD_LEVEL_MAX = 9 };

const struct collation *login_default_collation(const struct session *session)
{
    const struct collation *collation =
        collation_find_id(session->sessions->snapshot->default_collation_id);
    bool is_usable = collation != NULL && collation->charset->is_client_allowed;
    return is_usable ? collation : collation_find_id(LOGIN_COLLATION);
}

static void set_names(struct session *session, uint16_t collation_id)
{
    const struct snapshot *snapshot = session->sessions->snapshot;
    const struct collation *collation = collation_find_id(collation_id);
    // MySQL's own (gb18030, utf8mb4_0900) are not known to MariaDB, which falls back: so do we.
    bool is_foreign = snapshot->is_mariadb && ((collation_id >= 248 && collation_id <= 250) ||
                                               (collation_id >= 255 && collation_id <= 323));
    if (collation == NULL || is_foreign || !collation->charset->is_client_allowed) {
        collation = login_default_collation(session);
    }
    session->charset = collation->charset;
    struct text value;
    text_init(&value);
    if (collation->id == LOGIN_COLLATION) {
        text_add_string(&value, "utf8mb4"); // what backends are opened with
    } else {
        text_add_format(&value, "'%s' COLLATE '%s'", collation->charset->name, collation->name);
    }
    state_set_variable(&session->carried, slice_of_string("names"), text_slice(&value));
    text_done(&value);
}

void login_reset_carried(struct session *session)
{
    const struct user_config *user = session_user(session);
    state_done(&session->carried);
    state_init(&session->carried);
    session->is_sql_mode_own = false;
    track_reset(session);
    track_note_level(session, false);
    insert_id_set(session, 0);
    aftermath_done(session);
    set_names(session, session->login_collation);
    if (session->login_database != NULL) {
        state_set_database(&session->carried, slice_of_string(session->login_database));
    } else if (user != NULL && user->default_schema[0] != '\0') {
        state_set_database(&session->carried, slice_of_string(user->default_schema));
    }
}

// A server tells which schema the client has begun in.
static void write_login_ok(struct session *session)
{
    struct slice database = text_slice(&session->carried.database);
    struct text block;
    text_init(&block);
    if (database.len > 0 && (session->capabilities & CAP_SESSION_TRACK) != 0) {
        track_write(&block, TRACK_SCHEMA, slice_of(NULL, 0), database);
        track_gather(session, NO_SHARD, text_slice(&block));
    }
    session_write_ok(session, &(struct ok_packet){0});
    text_done(&block);
}

struct flow_login {
    struct flow flow;
    struct gather gather;
};

static void flow_login_on_answer(struct flow *flow, struct leg *leg, const uint8_t *bytes,
                                 size_t len, const struct answer *last)
{
    (void)leg;
    struct session *session = flow->session;
    struct flow_login *login = (struct flow_login *)(void *)flow;
    gather_add(&login->gather, &session->arena, bytes, len);
    if (last == NULL) {
        return;
    }
    if (last->is_error) {
        struct error error;
        gather_error(&login->gather, &error);
        session->wants_close = true;
        flow_fail(flow, &error);
        return;
    }
    write_login_ok(session);
    flow_finish(flow);
}

static void flow_login_on_failed(struct flow *flow, struct leg *leg, const struct error *error)
{
    (void)leg;
    flow->session->wants_close = true;
    flow_fail(flow, error);
}

static const struct flow_kind flow_login_kind = {
    .name = "logging in",
    .on_answer = flow_login_on_answer,
    .on_failed = flow_login_on_failed,
};

// The connection is in that database now, for whoever gets it next.
static void note_database(struct leg *leg, const struct answer *answer)
{
    (void)answer;
    state_set_database(backend_state(leg->backend), text_slice(&leg->session->carried.database));
}

// Asks a server whether the schema is there for the account.
static void check_database(struct session *session, struct request *request)
{
    struct flow_login *login = arena_alloc(&session->arena, sizeof *login);
    struct slice name = text_slice(&session->carried.database);
    struct text packet;
    text_init(&packet);
    size_t place = packet_begin(&packet);
    write_u8(&packet, COM_INIT_DB);
    text_add_slice(&packet, name);
    uint8_t sequence = 0;
    packet_end(&packet, place, &sequence);
    struct leg_command command = {
        .shard = session_config(session)->default_shard,
        .access = ACCESS_REPLICA,
        .kind = ANSWER_SIMPLE,
        .packet = arena_copy(&session->arena, text_slice(&packet)),
        .is_outside = true,
        .is_stateless = slice_is_ascii(name), // else its letters are in the client's set
        .on_ok = note_database,
    };
    text_done(&packet);
    flow_begin(&login->flow, &flow_login_kind, session, request);
    (void)leg_start(&login->flow, &command);
}

// True: an error was sent.
static bool is_one_too_many(struct session *session, const struct user_config *user)
{
    struct sessions_host *host = &session->sessions->host;
    uint32_t before =
        atomic_fetch_add_explicit(&host->account_clients[user->id], 1, memory_order_relaxed);
    if (user->max_connections == 0 || before < user->max_connections) {
        session->counted_account = user->id;
        return false;
    }
    atomic_fetch_sub_explicit(&host->account_clients[user->id], 1, memory_order_relaxed);
    struct error error;
    error_set(&error, 1226, "42000",
              "User '%s' has exceeded the 'max_connections' resource (current value: %u)",
              user->name, user->max_connections);
    login_refuse(session, &error, NULL);
    return true;
}

void login_leave_account(struct session *session)
{
    if (session->counted_account != NO_ACCOUNT) {
        struct sessions_host *host = &session->sessions->host;
        atomic_fetch_sub_explicit(&host->account_clients[session->counted_account], 1,
                                  memory_order_relaxed);
        session->counted_account = NO_ACCOUNT;
    }
}

// MySQL's servers, too, take zlib where a client offers both. A zstd of the highest levels would
// keep the worker from its other clients.
static void note_compression(struct session *session)
{
    const struct login_state *login = session->login;
    uint8_t level = login->zstd_level;
    if (login->is_change || (login->capabilities & (CAP_COMPRESS | CAP_ZSTD)) == 0) {
        return;
    }
    session->compression = COMPRESSION_AWAITED;
    session->compression_level = COMPRESS_ZLIB_LEVEL;
    if ((login->capabilities & CAP_COMPRESS) == 0) {
        session->compression_level = level == 0               ? COMPRESS_ZSTD_LEVEL
                                     : level < ZSTD_LEVEL_MAX ? level
                                                              : ZSTD_LEVEL_MAX;
    }
}

// What a server makes of CAP_IGNORE_SPACE, once: a reset takes it away again.
static void ignore_spaces(struct session *session)
{
    state_set_variable(&session->carried, slice_of_string("sql_mode"),
                       slice_of_string("CONCAT(@@GLOBAL.sql_mode, ',IGNORE_SPACE')"));
    session->is_sql_mode_own = true;
    session->sql_mode = session->sessions->sql_mode | SQL_IGNORE_SPACE;
}

static void become(struct session *session, const struct user_config *user)
{
    struct login_state *login = session->login;
    if (user->server_password == NULL && login->secret.kind != SECRET_NONE) {
        pools_note_secret(session->sessions->host.pools, user->id, &login->secret);
    }
    session->account = user->id;
    session->account_generation = user->generation;
    session->capabilities = login->capabilities;
    note_compression(session);
    session->login_collation = login->collation_id;
    memory_free(session->login_database);
    session->login_database =
        login->database[0] != '\0' ? memory_copy_string(slice_of_string(login->database)) : NULL;
    login_reset_carried(session);
    if ((session->capabilities & CAP_IGNORE_SPACE) != 0 && !login->is_change) {
        ignore_spaces(session);
    }
}

static struct request *new_request(struct session *session, uint8_t sequence)
{
    struct request *request = arena_alloc(&session->arena, sizeof *request);
    request->session = session;
    request->command = COM_INIT_DB;
    request->sequence = sequence;
    request->began_us = session_now_us(session);
    session->is_answer_begun = false;
    session->request = request;
    return request;
}

void login_return(struct session *session, const struct error *error)
{
    struct login_state *login = session->login;
    uint8_t sequence = login->sequence;
    struct sessions_host *host = &session->sessions->host;
    session->account = session->counted_account = login->before_account;
    atomic_fetch_add_explicit(&host->account_clients[session->account], 1, memory_order_relaxed);
    login_reset_carried(session);
    state_set_database(&session->carried, text_slice(&login->before_database));
    login_done(session);
    (void)new_request(session, sequence);
    session->failed_changes++;
    command_error(session, error);
}

void login_accept(struct session *session, const struct user_config *user)
{
    struct login_state *login = session->login;
    uint8_t sequence = login->sequence;
    if (is_one_too_many(session, user)) {
        return;
    }
    bool is_own_database =
        login->database[0] != '\0' && strcmp(login->database, user->default_schema) != 0;
    become(session, user);
    login_done(session);
    struct request *request = new_request(session, sequence);
    if (is_own_database) {
        check_database(session, request);
        return;
    }
    write_login_ok(session);
    request_finish(session);
}
