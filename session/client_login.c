// A client logs in.
//
//   GREETED  --first answer, plugin as announced--> the plugin takes it
//   GREETED  --first answer, another plugin--> (switch sent) SWITCHED --answer--> the plugin takes
//   it SWITCHED --(caching_sha2_password wants the password itself)--> PASSWORD --password--> ...
//   COM_CHANGE_USER begins like a first answer, to the nonce that was used last
//
//   taken: right --> login_accept: OK, session IDLE
//          wrong --> refused; or first, where the accounts are the servers' own (users = servers):
//                    DOUBTED until they were read again, since the account may be a moment old. So
//                    is who would be let in as the anonymous one
//
// From a peer that is listed in proxy_protocol_networks a PROXY header may come ahead of the first
// answer, as with MariaDB: the greeting goes out at once, since a client that sends no header waits
// for it.

#include "session/client_login.h"

#include "base/log.h"
#include "base/memory.h"
#include "protocol/charset.h"
#include "protocol/error_table.h"
#include "protocol/packet.h"
#include "protocol/proxy_header.h"
#include "session/client_io.h"
#include "session/command.h"
#include "session/login_hosts.h"
#include "session/login_impl.h"

enum { DOUBT_MAX_US = 2000000, FAILED_CHANGES_MAX = 3 };

static struct login_state *state_new(struct session *session)
{
    login_done(session);
    session->login = memory_new(sizeof *session->login);
    text_init(&session->login->doubted);
    text_init(&session->login->before_database);
    return session->login;
}

static void wipe_doubted(struct login_state *login)
{
    if (login->doubted.len > 0) {
        explicit_bzero(login->doubted.ptr, login->doubted.len);
    }
    text_done(&login->doubted);
}

void login_done(struct session *session)
{
    struct login_state *login = session->login;
    if (login != NULL) {
        wipe_doubted(login);
        text_done(&login->before_database);
        explicit_bzero(login, sizeof *login);
        memory_free(login);
        session->login = NULL;
    }
}

uint8_t login_sequence(const struct session *session)
{
    return session->login->sequence;
}

// COM_CHANGE_USER is answered to the nonce of the connection, as on a server: Connector/C goes by
// the one that it has seen.
static void make_nonce(struct session *session)
{
    struct login_state *login = session->login;
    bool is_common = login->plugin->nonce_bytes == NONCE_BYTES;
    if (is_common && login->is_change) {
        memcpy(login->nonce, session->nonce, NONCE_BYTES);
        return;
    }
    login_plugin_make_nonce(login->plugin, login->nonce);
    if (is_common) {
        memcpy(session->nonce, login->nonce, NONCE_BYTES);
    }
}

void login_start(struct session *session)
{
    const struct snapshot *snapshot = session->sessions->snapshot;
    struct login_state *login = state_new(session);
    const char *version = snapshot->config->settings.server_version;
    login->plugin = login_plugin_announced(session);
    make_nonce(session);
    // What the bytes of an answer depend on is a promise that every server has to keep.
    login->offered = CAP_OFFERED & ~(snapshot->lacking & CAP_CLASS);
    if (!snapshot->config->settings.local_infile) {
        login->offered &= ~CAP_LOCAL_FILES;
    }
    login->offered |= login_offered_hop(snapshot->config);
    if (snapshot->is_mariadb && (login->offered & CAP_MARIADB) != 0) {
        login->offered &= ~CAP_LONG_PASSWORD; // it says so
    }
    uint16_t default_id = login_default_collation(session)->id;
    struct greeting greeting = {
        .version = slice_of_string(version[0] != '\0' ? version : snapshot->version_text),
        .connection_id = session->id,
        .capabilities = login->offered,
        .collation_id = (uint8_t)(default_id <= UINT8_MAX ? default_id : LOGIN_COLLATION),
        .status = STATUS_AUTOCOMMIT,
        .plugin = slice_of_string(login->plugin->name),
    };
    memcpy(greeting.nonce, login->nonce, NONCE_BYTES);
    struct text payload;
    text_init(&payload);
    greeting_write(&payload, &greeting);
    client_io_write_packet(session, text_slice(&payload), &login->sequence);
    text_done(&payload);
}

// ---- the PROXY header

static bool is_listed(const struct session *session)
{
    const struct config *config = session_config(session);
    for (uint16_t i = 0; i < config->proxy_network_count; i++) {
        if (network_has(&config->proxy_networks[i], &session->peer)) {
            return true;
        }
    }
    return false;
}

void login_note_peer(struct session *session)
{
    session->awaits_proxy = is_listed(session);
    session->is_local = session->peer.at.any.sa_family == AF_UNIX;
}

static void refuse_blocked(struct session *session)
{
    char host[ADDRESS_TEXT_BYTES];
    address_print_host(&session->peer, host);
    struct error error;
    error_fill(&error, ER_HOST_IS_BLOCKED, host);
    counter_add(&session->sessions->counters.clients_refused, 1);
    session->end_sequence = session->login->sequence;
    session_end(session, &error);
}

size_t login_take_proxy(struct session *session, struct slice bytes)
{
    struct proxy_header header;
    char peer[ADDRESS_TEXT_BYTES];
    switch (proxy_header_read(bytes, &header)) {
    case PROXY_HEADER_PARTIAL:
        return 0;
    case PROXY_HEADER_NONE:
        session->awaits_proxy = false;
        return 0;
    case PROXY_HEADER_BAD:
        address_print(&session->peer, peer);
        log_notice("session %u: a PROXY header from %s can't be read", session->id, peer);
        session_close(session);
        return bytes.len;
    case PROXY_HEADER_WHOLE:
        break;
    }
    session->awaits_proxy = false;
    if (header.has_address) {
        session->peer = header.source;
        session->is_local = false;
        if (login_hosts_is_blocked(session->sessions, &session->peer)) {
            refuse_blocked(session);
        }
    }
    return header.bytes;
}

// ---- taking answers

static void take_answer(struct session *session, struct slice packet);

static void send_switch(struct session *session, const struct login_plugin *plugin)
{
    struct login_state *login = session->login;
    struct text payload;
    text_init(&payload);
    login->plugin = plugin;
    make_nonce(session);
    login_plugin_write_switch(plugin, login->nonce, &payload);
    client_io_write_packet(session, text_slice(&payload), &login->sequence);
    text_done(&payload);
    login->step = STEP_SWITCHED;
}

static void refuse_handshake(struct session *session)
{
    struct error error;
    error_fill(&error, ER_HANDSHAKE);
    login_refuse(session, &error, NULL);
}

// As a server: texts in sets whose letters are no ASCII bytes (utf16) could not be read.
static bool may_speak(struct session *session)
{
    enum { FILENAME_COLLATION = 17 }; // for names of files; no table of names has it
    uint16_t id = session->login->collation_id;
    const struct collation *collation = collation_find_id(id);
    if (id != FILENAME_COLLATION && (collation == NULL || collation->charset->is_client_allowed)) {
        return true;
    }
    struct error error;
    error_fill(&error, ER_WRONG_VALUE_FOR_VAR,
               collation != NULL ? collation->charset->name : "filename");
    login_refuse(session, &error, NULL);
    return false;
}

// The answer that the client gave by itself, if it is one for the plugin that the account needs;
// else it is asked for one.
static void begin(struct session *session, struct slice wanted, struct slice answer)
{
    if (!may_speak(session)) {
        return;
    }
    struct login_state *login = session->login;
    const struct login_plugin *before = login->plugin;
    bool is_decoy;
    if (login_is_too_open(session)) {
        return;
    }
    const struct user_config *user = login_account(session, &is_decoy);
    const struct login_plugin *plugin =
        login_plugin_choose(session, user, login->has_plugins ? wanted : slice_of(NULL, 0));
    bool is_answer_for_it =
        plugin->takes_greeting &&
        (wanted.len == 0 ? plugin == before : slice_equal(wanted, slice_of_string(plugin->name)));
    // An answer to the greeting's nonce by another plugin than the announced one is not to be had.
    bool is_for_nonce = plugin == before || plugin->nonce_bytes == 0;
    if (is_answer_for_it && is_for_nonce) {
        login->plugin = plugin;
        take_answer(session, answer);
    } else if (login->has_plugins) {
        send_switch(session, plugin);
    } else {
        struct error error;
        error_fill(&error, ER_NOT_SUPPORTED_AUTH_MODE);
        login_refuse(session, &error, NULL);
    }
}

// ---- wrong, or not yet known

static bool can_be_doubted(const struct session *session)
{
    return session_config(session)->settings.users == USERS_SERVERS &&
           !session->login->was_doubted && session->sessions->host.on_accounts_doubt != NULL;
}

// The servers' anonymous account lets everybody in who is not known; and he may be, since a moment
// ago.
static bool may_be_somebody(const struct session *session, const struct user_config *user)
{
    return session->login->user[0] != '\0' && user->name[0] == '\0' &&
           session->sessions->snapshot->accounts_us <= session->since_us;
}

static void doubt(struct session *session, struct slice packet)
{
    struct login_state *login = session->login;
    login->was_doubted = true;
    login->doubted_at = login->step;
    login->doubted_us = session_now_us(session);
    text_add_slice(&login->doubted, packet);
    login->step = STEP_DOUBTED;
    session->sessions->host.on_accounts_doubt(session->sessions->host.owner, false);
}

static void resume(struct session *session)
{
    struct login_state *login = session->login;
    struct text packet = login->doubted;
    text_init(&login->doubted);
    login->step = login->doubted_at;
    bool is_decoy;
    const struct user_config *user = login_account(session, &is_decoy);
    const struct login_plugin *plugin =
        login_plugin_choose(session, user, slice_of_string(login->plugin->name));
    if (plugin != login->plugin && login->has_plugins) {
        send_switch(session, plugin);
    } else {
        take_answer(session, text_slice(&packet));
    }
    if (packet.len > 0) {
        explicit_bzero(packet.ptr, packet.len);
    }
    text_done(&packet);
}

void login_accounts_read(struct sessions *sessions)
{
    uint64_t now_us = loop_now_us(sessions->host.loop);
    LIST_FOR_EACH_SAFE (&sessions->stages[SESSION_LOGIN], node) {
        struct session *session = CONTAINER_OF(node, struct session, node);
        const struct login_state *login = session->login;
        bool is_over =
            login->step == STEP_DOUBTED && (sessions->snapshot->accounts_us > login->doubted_us ||
                                            now_us > login->doubted_us + DOUBT_MAX_US);
        if (is_over) {
            resume(session);
        }
    }
}

static void take_answer(struct session *session, struct slice packet)
{
    struct login_state *login = session->login;
    bool is_decoy;
    const struct user_config *user = login_account(session, &is_decoy);
    login->has_password = login->has_password || packet.len > 1;
    enum login_verdict verdict = login->plugin->take(session, user, packet);
    if (verdict == VERDICT_MORE || session->stage != SESSION_LOGIN) {
        return;
    }
    if (verdict == VERDICT_RIGHT && !is_decoy && may_be_somebody(session, user) &&
        can_be_doubted(session)) {
        doubt(session, packet);
        return;
    }
    if (verdict == VERDICT_RIGHT && !is_decoy) {
        struct error error;
        const char *why = NULL;
        login_hosts_note_success(session->sessions, &session->peer);
        if (login_may_enter(session, user, &error, &why)) {
            login_accept(session, user);
        } else {
            login_refuse(session, &error, why);
        }
        return;
    }
    if (login->is_change && login->step == STEP_GREETED && login->has_plugins) {
        // Some clients answer the greeting's nonce, others the last one.
        send_switch(session, login->plugin);
    } else if (can_be_doubted(session)) {
        doubt(session, packet);
    } else {
        login_refuse_access(session, NULL);
    }
}

// ---- packets

static bool keep_name(char to[LOGIN_NAME_BYTES + 1], struct slice name)
{
    if (name.len > LOGIN_NAME_BYTES) {
        return false;
    }
    if (name.len > 0) {
        memcpy(to, name.ptr, name.len);
    }
    to[name.len] = '\0';
    return true;
}

// No schema has a name as long as that: a server will say so.
static void keep_database(struct login_state *login, struct slice name)
{
    size_t len = name.len < LOGIN_NAME_BYTES ? name.len : LOGIN_NAME_BYTES;
    (void)keep_name(login->database, slice_part(name, 0, len));
}

static void keep_attributes(struct session *session, struct slice attributes)
{
    text_done(&session->attributes);
    if (attributes.len <= ATTRIBUTES_MAX) {
        text_add_slice(&session->attributes, attributes);
    }
}

static void first_answer(struct session *session, struct slice payload)
{
    struct login_state *state = session->login;
    struct login login = {0};
    if (!login_read(payload, &login) || !keep_name(state->user, login.user)) {
        refuse_handshake(session);
        return;
    }
    if (login.wants_tls) {
        state->begins_tls = (state->offered & CAP_SSL) != 0 && !login_has_tls(session);
        if (!state->begins_tls) {
            refuse_handshake(session);
        }
        return;
    }
    state->capabilities = login.capabilities & state->offered;
    state->collation_id = login.collation_id;
    state->has_plugins = (login.capabilities & CAP_PLUGIN_AUTH) != 0;
    state->zstd_level = login.zstd_level;
    if ((login.capabilities & CAP_CONNECT_WITH_DB) != 0) {
        keep_database(state, login.database);
    }
    keep_attributes(session, login.attributes);
    if ((login.capabilities & CAP_SECURE_CONNECTION) == 0 && login.auth.len > 0) {
        struct error error; // a proof from before MySQL 4.1
        error_fill(&error, ER_NOT_SUPPORTED_AUTH_MODE);
        login_refuse(session, &error, NULL);
        return;
    }
    begin(session, login.plugin, login.auth);
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
    case STEP_PASSWORD:
        take_answer(session, payload);
        break;
    case STEP_DOUBTED:
        refuse_handshake(session); // it was not its turn
        break;
    }
}

// ---- COM_CHANGE_USER

struct change {
    struct slice user, answer, database, plugin, attributes;
    uint16_t collation_id;
};

static bool read_change(const struct session *session, struct slice payload, struct change *change)
{
    struct reader reader = reader_of(payload);
    (void)read_u8(&reader);
    *change = (struct change){.collation_id = session->login_collation};
    change->user = read_nul_string(&reader);
    change->answer = read_bytes(&reader, read_u8(&reader));
    change->database = read_nul_string(&reader);
    if (reader_left(&reader) >= 2) {
        change->collation_id = read_u16(&reader);
    }
    if (reader_left(&reader) > 0 && (session->capabilities & CAP_PLUGIN_AUTH) != 0) {
        change->plugin = read_nul_string(&reader);
    }
    if (reader_left(&reader) > 0 && (session->capabilities & CAP_CONNECT_ATTRS) != 0) {
        change->attributes = read_lenenc_bytes(&reader);
    }
    return !reader.is_bad;
}

// Who he is, should it fail.
static void note_before(struct session *session)
{
    bool is_returned = session->sessions->snapshot->is_mariadb;
    session->login->before_account = is_returned ? session->account : NO_ACCOUNT;
    text_add_slice(&session->login->before_database, text_slice(&session->carried.database));
}

// Asked before the arena, in which the packet lies, is cleared: so `begin` comes first.
void login_change_user(struct session *session, struct request *request)
{
    struct change change;
    if (session->failed_changes >= FAILED_CHANGES_MAX) { // as MariaDB's servers: no more guesses
        struct error error;
        error_fill(&error, ER_UNKNOWN_COM);
        command_error(session, &error);
        return;
    }
    bool is_read = read_change(session, request->payload, &change);
    struct login_state *login = state_new(session);
    login->is_change = true;
    note_before(session);
    login->sequence = request->sequence;
    login->offered = login->capabilities = session->capabilities;
    login->has_plugins = (session->capabilities & CAP_PLUGIN_AUTH) != 0;
    login->collation_id = change.collation_id;
    login->plugin = login_plugin_announced(session);
    memcpy(login->nonce, session->nonce, NONCE_BYTES);
    is_read = is_read && keep_name(login->user, change.user);
    keep_database(login, change.database);
    struct text answer; // the packet goes with the arena
    text_init(&answer);
    struct text plugin;
    text_init(&plugin);
    if (is_read) {
        keep_attributes(session, change.attributes);
        text_add_slice(&answer, change.answer);
        text_add_slice(&plugin, change.plugin);
    }
    session_reset(session);
    login_leave_account(session);
    session->account = NO_ACCOUNT;
    session->request = NULL;
    arena_clear(&session->arena);
    session_enter(session, SESSION_LOGIN);
    if (is_read) {
        begin(session, text_slice(&plugin), text_slice(&answer));
    } else {
        refuse_handshake(session);
    }
    text_done(&answer);
    text_done(&plugin);
}
