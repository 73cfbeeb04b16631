// A client logs in.
//
//   GREETED  --login, plugin as announced-----------------------> verified or refused
//   GREETED  --login, another plugin--> (switch sent) SWITCHED --answer--> verified or refused
//   (COM_CHANGE_USER begins with the switch: SWITCHED)
//
//   verified --> OK, session IDLE; or first, when the client names a schema of its own, flow_login
//                asks a server whether the account may use it, and relays the server's error.
//
// Unknown users and wrong passwords look alike and cost alike: an unknown one is checked against
// a hash that nothing has. caching_sha2_password always takes its fast path, since waybill keeps
// the double hash.

#include "session/client_login.h"

#include <assert.h>
#include <sys/random.h>

#include "base/log.h"
#include "base/memory.h"
#include "protocol/charset.h"
#include "protocol/error_table.h"
#include "protocol/packet.h"
#include "session/client_io.h"
#include "session/gather.h"
#include "session/insert_id.h"
#include "session/transaction.h"

enum { NAME_MAX_BYTES = 128, UTF8MB4_GENERAL_CI = 45, SHA2_MORE = 0x01, SHA2_FAST_OK = 0x03 };

static const char native_name[] = "mysql_native_password";
static const char sha2_name[] = "caching_sha2_password";

enum login_step { STEP_GREETED, STEP_SWITCHED };

struct login_state {
    enum login_step step;
    uint8_t nonce[NONCE_BYTES];
    uint8_t sequence; // of the next packet, from either side
    bool is_sha2;     // the plugin whose answer is awaited
    bool is_change;   // COM_CHANGE_USER
    uint64_t offered; // capabilities
    uint64_t capabilities;
    uint16_t collation_id;
    char user[NAME_MAX_BYTES + 1];
    char database[NAME_MAX_BYTES + 1];
};

static void make_nonce(uint8_t nonce[NONCE_BYTES])
{
    size_t have = 0;
    while (have < NONCE_BYTES) {
        ssize_t got = getrandom(nonce + have, NONCE_BYTES - have, 0);
        have += got > 0 ? (size_t)got : 0;
    }
    for (int i = 0; i < NONCE_BYTES; i++) {
        nonce[i] = (uint8_t)(nonce[i] % 94 + 33); // old clients take it for text
    }
}

static struct login_state *state_new(struct session *session)
{
    login_done(session);
    session->login = memory_new(sizeof *session->login);
    make_nonce(session->login->nonce);
    return session->login;
}

void login_done(struct session *session)
{
    memory_free(session->login);
    session->login = NULL;
}

uint8_t login_sequence(const struct session *session)
{
    return session->login->sequence;
}

void login_start(struct session *session)
{
    const struct snapshot *snapshot = session->sessions->snapshot;
    struct login_state *login = state_new(session);
    const char *version = snapshot->config->settings.server_version;
    // What the bytes of an answer depend on is a promise that every server has to keep.
    login->offered = CAP_OFFERED & ~(snapshot->lacking & CAP_CLASS);
    struct greeting greeting = {
        .version = slice_of_string(version[0] != '\0' ? version : snapshot->version_text),
        .connection_id = session->id,
        .capabilities = login->offered,
        .collation_id = UTF8MB4_GENERAL_CI,
        .status = STATUS_AUTOCOMMIT,
        .plugin = slice_of_string(native_name),
    };
    memcpy(greeting.nonce, login->nonce, NONCE_BYTES);
    struct text payload;
    text_init(&payload);
    greeting_write(&payload, &greeting);
    client_io_write_packet(session, text_slice(&payload), &login->sequence);
    text_done(&payload);
}

// ---- refusing

static void refuse(struct session *session, const struct error *error)
{
    session->end_sequence = session->login->sequence;
    counter_add(&session->sessions->counters.logins_failed, 1);
    log_notice("session %u: log-in of '%s' refused: %s", session->id, session->login->user,
               error->text);
    session_end(session, error);
}

static void refuse_access(struct session *session, bool has_password)
{
    char host[ADDRESS_TEXT_BYTES];
    address_print(&session->peer, host);
    char *colon = strrchr(host, ':');
    if (host[0] == '/' || colon == NULL) {
        strcpy(host, "localhost");
    } else {
        *colon = '\0';
    }
    struct error error;
    error_fill(&error, ER_ACCESS_DENIED, session->login->user, host, has_password ? "YES" : "NO");
    refuse(session, &error);
}

static bool is_over_limit(const struct session *session, const struct user_config *user)
{
    if (user->max_connections == 0) {
        return false;
    }
    const struct sessions *sessions = session->sessions;
    // Each worker holds its share, rounded up: workers don't count together.
    uint32_t workers = sessions->host.worker_count;
    uint32_t share = (user->max_connections + workers - 1) / workers;
    uint32_t count = 0;
    for (int stage = SESSION_IDLE; stage <= SESSION_FLUSHING; stage++) {
        LIST_FOR_EACH (&sessions->stages[stage], node) {
            count += CONTAINER_OF(node, struct session, node)->account == user->id;
        }
    }
    return count >= share;
}

// ---- verified

static void set_names(struct session *session, uint16_t collation_id)
{
    const struct collation *collation = collation_find_id(collation_id);
    // MySQL 8's collations are not known to MariaDB, which falls back by itself: so do we.
    bool is_foreign = session->sessions->snapshot->is_mariadb && collation != NULL &&
                      collation_id >= 255 && collation_id <= 323;
    if (collation == NULL || is_foreign || !collation->charset->is_client_allowed) {
        collation = collation_find_id(UTF8MB4_GENERAL_CI);
    }
    session->charset = collation == NULL ? NULL : collation->charset;
    struct text value;
    text_init(&value);
    if (collation == NULL || collation->id == UTF8MB4_GENERAL_CI) {
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
    insert_id_set(session, 0);
    session->aftermath = (struct aftermath){.shard = NO_SHARD};
    set_names(session, session->login_collation);
    if (session->login_database != NULL) {
        state_set_database(&session->carried, slice_of_string(session->login_database));
    } else if (user != NULL && user->default_schema[0] != '\0') {
        state_set_database(&session->carried, slice_of_string(user->default_schema));
    }
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
    session_write_ok(session, &(struct ok_packet){0});
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
        .is_stateless = true,
    };
    text_done(&packet);
    flow_begin(&login->flow, &flow_login_kind, session, request);
    (void)leg_start(&login->flow, &command);
}

static void accept_login(struct session *session, const struct user_config *user)
{
    struct login_state *login = session->login;
    uint8_t sequence = login->sequence;
    bool is_own_database =
        login->database[0] != '\0' && strcmp(login->database, user->default_schema) != 0;
    if (login->is_sha2) {
        static const uint8_t fast_ok[] = {SHA2_MORE, SHA2_FAST_OK};
        client_io_write_packet(session, slice_of(fast_ok, sizeof fast_ok), &sequence);
    }
    session->account = user->id;
    session->capabilities = login->capabilities;
    session->login_collation = login->collation_id;
    memory_free(session->login_database);
    session->login_database =
        is_own_database ? memory_copy_string(slice_of_string(login->database)) : NULL;
    login_reset_carried(session);
    login_done(session);
    struct request *request = arena_alloc(&session->arena, sizeof *request);
    request->session = session;
    request->command = COM_INIT_DB;
    request->sequence = sequence;
    request->began_us = session_now_us(session);
    session->is_answer_begun = false;
    session->request = request;
    if (is_own_database) {
        check_database(session, request);
        return;
    }
    session_write_ok(session, &(struct ok_packet){0});
    request_finish(session);
}

// ---- checking

static bool is_answer_right(const struct login_state *login, const struct user_config *user,
                            struct slice answer)
{
    static const uint8_t nobody[SHA2_BYTES] = {1};
    bool is_empty = answer.len == 0 || (login->is_sha2 && answer.len == 1 && answer.ptr[0] == 0);
    bool is_right;
    if (login->is_sha2) {
        is_right = auth_sha2_check(answer, login->nonce, user != NULL ? user->sha2_hash : nobody);
        is_right = is_right && user != NULL && user->has_sha2;
    } else {
        is_right =
            auth_native_check(answer, login->nonce, user != NULL ? user->native_hash : nobody);
        is_right = is_right && user != NULL && user->has_native;
    }
    if (is_empty) {
        return user != NULL && user->has_empty_password;
    }
    return is_right && !user->has_empty_password;
}

static void check_answer(struct session *session, struct slice answer)
{
    struct login_state *login = session->login;
    const struct user_config *user =
        config_find_user(session_config(session), slice_of_string(login->user));
    if (user != NULL && user->is_removed) {
        user = NULL;
    }
    if (!is_answer_right(login, user, answer) || user == NULL) {
        refuse_access(session, answer.len > 1);
        return;
    }
    if (is_over_limit(session, user)) {
        struct error error;
        error_set(&error, 1226, "42000",
                  "User '%s' has exceeded the 'max_connections' resource (current value: %u)",
                  user->name, user->max_connections);
        refuse(session, &error);
        return;
    }
    accept_login(session, user);
}

static void send_switch(struct session *session)
{
    struct login_state *login = session->login;
    struct text payload;
    text_init(&payload);
    auth_switch_write(&payload, slice_of_string(login->is_sha2 ? sha2_name : native_name),
                      login->nonce);
    client_io_write_packet(session, text_slice(&payload), &login->sequence);
    text_done(&payload);
    login->step = STEP_SWITCHED;
}

// The plugin that this client speaks and the user's hashes allow.
static bool choose_sha2(const struct session *session, struct slice plugin)
{
    const struct user_config *user =
        config_find_user(session_config(session), slice_of_string(session->login->user));
    bool wants_sha2 = slice_equal(plugin, slice_of_string(sha2_name));
    if (user == NULL) {
        return wants_sha2; // as for one that has both
    }
    return (wants_sha2 && user->has_sha2) || (!user->has_native && user->has_sha2);
}

static bool keep_name(char to[NAME_MAX_BYTES + 1], struct slice name)
{
    if (name.len > NAME_MAX_BYTES) {
        return false;
    }
    if (name.len > 0) {
        memcpy(to, name.ptr, name.len);
    }
    to[name.len] = '\0';
    return true;
}

static void refuse_handshake(struct session *session)
{
    struct error error;
    error_fill(&error, ER_HANDSHAKE);
    refuse(session, &error);
}

static void first_answer(struct session *session, struct slice payload)
{
    struct login_state *state = session->login;
    struct login login = {0};
    const uint32_t needed = CAP_PROTOCOL_41 | CAP_SECURE_CONNECTION;
    if (!login_read(payload, &login) || login.wants_tls ||
        (login.capabilities & needed) != needed || !keep_name(state->user, login.user)) {
        refuse_handshake(session);
        return;
    }
    state->capabilities = login.capabilities & state->offered;
    state->collation_id = login.collation_id;
    if ((login.capabilities & CAP_CONNECT_WITH_DB) != 0 &&
        !keep_name(state->database, login.database)) {
        refuse_handshake(session);
        return;
    }
    bool has_plugins = (login.capabilities & CAP_PLUGIN_AUTH) != 0;
    bool is_announced = !has_plugins || login.plugin.len == 0 ||
                        slice_equal(login.plugin, slice_of_string(native_name));
    state->is_sha2 = has_plugins && choose_sha2(session, login.plugin);
    if (is_announced && !state->is_sha2) {
        check_answer(session, login.auth);
    } else {
        send_switch(session);
    }
}

void login_packet(struct session *session, const struct packet_in *packet)
{
    struct login_state *login = session->login;
    struct slice payload = slice_part(packet->raw, PACKET_HEADER_BYTES, packet->raw.len);
    login->sequence = packet->next_sequence;
    switch (login->step) {
    case STEP_GREETED:
        first_answer(session, payload);
        break;
    case STEP_SWITCHED:
        check_answer(session, payload);
        break;
    }
}

void login_change_user(struct session *session, struct request *request)
{
    struct reader reader = reader_of(request->payload);
    (void)read_u8(&reader);
    struct slice user = read_nul_string(&reader);
    (void)read_bytes(&reader, read_u8(&reader)); // its answer to the old nonce: asked again below
    struct slice database = read_nul_string(&reader);
    bool has_more = reader_left(&reader) >= 2;
    uint16_t collation_id = has_more ? read_u16(&reader) : session->login_collation;
    struct slice plugin = reader_left(&reader) > 0 ? read_nul_string(&reader) : slice_of(NULL, 0);
    struct login_state *login = state_new(session);
    login->is_change = true;
    login->sequence = request->sequence;
    login->capabilities = session->capabilities;
    login->collation_id = collation_id;
    bool is_read =
        !reader.is_bad && keep_name(login->user, user) && keep_name(login->database, database);
    login->is_sha2 = choose_sha2(session, plugin); // the payload is gone with the arena
    session_reset(session);
    session->account = NO_ACCOUNT;
    session->request = NULL;
    arena_clear(&session->arena);
    session_enter(session, SESSION_LOGIN);
    if (!is_read) {
        refuse_handshake(session);
        return;
    }
    send_switch(session);
}
