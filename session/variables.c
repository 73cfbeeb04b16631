// SET and USE: what a session carries from backend to backend.
//
// Constants (SET names, sql_mode, time_zone, @x = 5, ...) are run on one backend, so that a wrong
// one gets the server's own error, and noted in session->carried; every backend that serves the
// session later is made alike first (pool/backend_sync).
//
// System variables set by an expression (SET sql_mode = CONCAT(@@sql_mode, ',...'), which drivers
// do) are run, and their values asked in the same breath; the values are carried:
//
//     SET sql_mode = CONCAT(...)  |  SELECT @@session.sql_mode   -> carried: sql_mode = 'STRICT...'
//
// So it is, too, when the session is bound to a server already, or is bound by the same SET.
// The rest (user variables by other expressions, roles) pins the session to the backend. Settings
// of the whole server are refused: they belong to its administrator.

#include "session/variables.h"

#include "protocol/charset.h"
#include "protocol/error_table.h"
#include "protocol/packet.h"
#include "session/carried_value.h"
#include "session/aftermath.h"
#include "session/command.h"
#include "session/flow_set.h"
#include "session/flow_single.h"
#include "session/global_settings.h"
#include "session/insert_id.h"
#include "session/login_impl.h"
#include "session/own_set.h"
#include "session/query.h"
#include "session/set_autocommit.h"
#include "session/text_statement.h"
#include "session/track.h"
#include "session/transaction.h"

// Variables that mean something for one connection or one statement only.
static const char *const not_carried[] = {
    "insert_id",   "rand_seed1", "rand_seed2", "pseudo_thread_id", "pseudo_slave_mode", "gtid_next",
    "gtid_seq_no", "server_id",  "debug",      "debug_dbug",       "profiling",
};

bool variables_is_carried(struct slice name)
{
    for (size_t i = 0; i < sizeof not_carried / sizeof not_carried[0]; i++) {
        if (slice_is_nocase(name, not_carried[i])) {
            return false;
        }
    }
    return !slice_is_nocase(name, "role");
}

static bool is_last_insert_id(struct slice name)
{
    return slice_is_nocase(name, "last_insert_id") || slice_is_nocase(name, "identity");
}

static enum set_class classify_item(const struct set_item *item, const char **why)
{
    switch (item->scope) {
    case SCOPE_GLOBAL:
        *why = "SET GLOBAL: settings of a server are changed on the server itself";
        return SET_REFUSED;
    case SCOPE_STATEMENT:
        *why = "SET STATEMENT";
        return SET_REFUSED;
    case SCOPE_ONCE:
        return SET_ONCE;
    case SCOPE_USER:
        return item->is_constant                  ? SET_CARRIED
               : carried_value_is_of_system(item) ? SET_EVALUATED
                                                  : SET_PINNED;
    case SCOPE_SESSION:
        break;
    }
    if (slice_is_nocase(item->name, "character set") || carried_value_is_of_parts(item)) {
        return SET_EVALUATED; // (the connection's character set becomes the database's)
    }
    if (!variables_is_carried(item->name)) {
        return SET_PINNED;
    }
    return item->is_constant || item->value == NULL ? SET_CARRIED : SET_EVALUATED;
}

enum set_class variables_classify(const struct set_item *items, const char **why)
{
    enum set_class all = SET_CARRIED;
    for (const struct set_item *item = items; item != NULL; item = item->next) {
        enum set_class one = classify_item(item, why);
        if (one == SET_REFUSED) {
            return SET_REFUSED;
        }
        all = one > all ? one : all;
    }
    return all;
}

// ---- noting

// One spelling for the usual ones, so that backends of many clients are alike: utf8mb4, or
// 'latin1' COLLATE 'latin1_bin'.
static void names_value(struct text *out, const struct set_item *item)
{
    if (item->value == NULL) {
        text_add_string(out, "DEFAULT");
        return;
    }
    const struct charset *charset = charset_find(item->value->value);
    const char *name = charset != NULL ? charset->name : "";
    bool is_plain = item->collation.len == 0 && charset != NULL && strcmp(name, "utf8mb4") == 0;
    if (is_plain) {
        text_add_string(out, name);
        return;
    }
    text_add_string(out, "'");
    if (charset != NULL) {
        text_add_string(out, name);
    } else {
        text_add_slice(out, item->value->value);
    }
    text_add_string(out, "'");
    if (item->collation.len > 0) {
        text_add_string(out, " COLLATE '");
        text_add_slice(out, item->collation);
        text_add_string(out, "'");
    }
}

void variables_add_user_name(struct text *out, struct slice name)
{
    text_add_string(out, "@`");
    for (size_t i = 0; i < name.len; i++) {
        text_add(out, name.ptr + i, 1);
        if (name.ptr[i] == '`') {
            text_add_string(out, "`");
        }
    }
    text_add_string(out, "`");
}

void variables_carry_user(struct session *session, struct slice name, struct slice value)
{
    struct text quoted;
    text_init(&quoted);
    variables_add_user_name(&quoted, name);
    state_set_variable(&session->carried, text_slice(&quoted), value);
    text_done(&quoted);
}

// SET SESSION TRANSACTION ... as the variable that it sets.
static void note_transaction(struct session_state *state, const struct set_item *item,
                             bool has_transaction_isolation)
{
    struct text value;
    text_init(&value);
    bool is_isolation = slice_is_nocase(item->name, "transaction isolation");
    if (is_isolation) {
        text_add_string(&value, "'");
        text_add_slice(&value, item->value->value);
        text_add_string(&value, "'");
    } else {
        text_add_string(&value, slice_is_nocase(item->value->value, "READ-ONLY") ? "1" : "0");
    }
    const char *name;
    if (has_transaction_isolation) {
        name = is_isolation ? "transaction_isolation" : "transaction_read_only";
    } else {
        name = is_isolation ? "tx_isolation" : "tx_read_only";
    }
    state_set_variable(state, slice_of_string(name), text_slice(&value));
    text_done(&value);
}

static void note_item(struct session_state *state, const struct set_item *item, struct slice text,
                      bool has_transaction_isolation)
{
    struct text name, value;
    text_init(&name);
    text_init(&value);
    if (item->scope == SCOPE_USER) {
        variables_add_user_name(&name, item->name);
    } else {
        text_add_slice(&name, item->name);
    }
    if (slice_is_nocase(item->name, "names")) {
        names_value(&value, item);
    } else if (item->value == NULL) {
        text_add_string(&value, "DEFAULT");
    } else {
        carried_value_add(&value, state, item, text);
    }
    bool is_transaction = slice_is_nocase(item->name, "transaction isolation") ||
                          slice_is_nocase(item->name, "transaction access");
    if (is_transaction && item->scope == SCOPE_SESSION && item->value != NULL) {
        note_transaction(state, item, has_transaction_isolation);
    } else {
        state_set_variable(state, text_slice(&name), text_slice(&value));
    }
    text_done(&name);
    text_done(&value);
}

void variables_note(struct session_state *state, const struct set_item *items, struct slice text,
                    bool has_transaction_isolation)
{
    for (const struct set_item *item = items; item != NULL; item = item->next) {
        bool is_noted = !slice_is_nocase(item->name, "character set") &&
                        (item->is_constant || item->value == NULL) &&
                        (item->scope == SCOPE_SESSION || item->scope == SCOPE_USER) &&
                        (item->scope == SCOPE_USER ||
                         (variables_is_carried(item->name) && !is_last_insert_id(item->name)));
        if (is_noted) {
            note_item(state, item, text, has_transaction_isolation);
        }
    }
}

// The servers' name of the isolation variable.
static bool has_transaction_isolation(const struct session *session)
{
    const struct snapshot *snapshot = session->sessions->snapshot;
    return snapshot->server_version >= (snapshot->is_mariadb ? 110101u : 50720u);
}

// Where there is one shard nothing depends on what is read of a statement.
bool variables_is_oracle(const struct session *session, struct slice sql_mode)
{
    return session->sessions->snapshot->is_mariadb &&
           (parse_sql_mode(sql_mode) & SQL_ORACLE) != 0 &&
           config_only_shard(session_config(session)) == NO_SHARD;
}

void variables_note_sql_mode(struct session *session, const struct slice *value)
{
    session->is_sql_mode_own = value != NULL;
    session->sql_mode = value != NULL ? parse_sql_mode(*value) : 0;
}

static void note_charset(struct session *session, const struct set_item *item)
{
    const struct charset *own = login_default_collation(session)->charset;
    session->charset = item->value == NULL ? own : charset_find(item->value->value);
}

// What the session itself must know of it.
static void note_for_session(struct session *session, const struct set_item *items)
{
    for (const struct set_item *item = items; item != NULL; item = item->next) {
        if (item->scope == SCOPE_SESSION) {
            transaction_forget_once(session, item->name);
        }
        if (item->scope != SCOPE_SESSION || !(item->is_constant || item->value == NULL)) {
            continue;
        }
        if (slice_is_nocase(item->name, "sql_mode")) {
            variables_note_sql_mode(session, item->value == NULL ? NULL : &item->value->value);
        } else if (slice_is_nocase(item->name, "names") ||
                   slice_is_nocase(item->name, "character_set_client")) {
            note_charset(session, item);
        } else if (slice_is_nocase(item->name, "session_track_transaction_info")) {
            track_note_level(session, track_is_followed(session));
        } else if (is_last_insert_id(item->name) && item->value != NULL) {
            uint64_t id = 0;
            insert_id_set(session, slice_to_uint64(item->value->value, &id) ? id : 0);
        }
    }
}

// The server has taken it.
void variables_note_backend(struct leg *leg)
{
    const struct statement *statement = leg->session->request->statement;
    variables_note(backend_state(leg->backend), statement->set, statement->text,
                   has_transaction_isolation(leg->session));
}

void variables_note_session(struct session *session)
{
    const struct statement *statement = session->request->statement;
    variables_note(&session->carried, statement->set, statement->text,
                   has_transaction_isolation(session));
    note_for_session(session, statement->set);
}

static void on_set(struct leg *leg, const struct answer *answer)
{
    (void)answer;
    variables_note_session(leg->session);
    variables_note_backend(leg);
}

// ---- SET

static struct leg_command set_command(const struct session *session, struct slice packet)
{
    uint16_t shard = aftermath_lingers_on(session);
    return (struct leg_command){
        .shard = shard != NO_SHARD ? shard : query_any_shard(session),
        .wants_keep = shard != NO_SHARD, // SHOW WARNINGS is about the statement before it
        .access = ACCESS_REPLICA,
        .kind = ANSWER_QUERY,
        .packet = packet,
        .is_outside = true,
    };
}

// EXECUTE of a SET, as text, with values that only a server knows.
static bool has_hidden_values(const struct request *request)
{
    return request->text != NULL && request->statement->param_count > 0;
}

static struct slice text_packet(struct session *session, struct request *request)
{
    if (has_hidden_values(request)) {
        return flow_frame_query(&session->arena, text_execute_sql(request));
    }
    struct slice text = request->statement->text;
    return request->command == COM_QUERY ? request->raw : flow_frame_query(&session->arena, text);
}

// Sets, and asks what was set.
static void set_and_ask(struct session *session, struct request *request,
                        struct leg_command *command)
{
    bool is_hidden = has_hidden_values(request);
    command->wants_keep = false; // who knows what was set
    command->first = is_hidden ? text_execute_sql(request) : request->statement->text;
    flow_set_start(session, request, command);
}

static bool is_character_set(const struct set_item *item)
{
    return item->scope == SCOPE_SESSION && slice_is_nocase(item->name, "character set");
}

// MariaDB's other grammar.
static bool sets_oracle(const struct session *session, const struct set_item *items)
{
    for (const struct set_item *item = items; item != NULL; item = item->next) {
        if (item->scope == SCOPE_SESSION && item->value != NULL && item->is_constant &&
            slice_is_nocase(item->name, "sql_mode") &&
            variables_is_oracle(session, item->value->value)) {
            return true;
        }
    }
    return false;
}

// Is something set that waybill must know, to a value that has to be asked for?
static bool hides_meaning(const struct set_item *items)
{
    static const char *const names[] = {"sql_mode", "character_set_client", "autocommit",
                                        "session_track_transaction_info"};
    for (const struct set_item *item = items; item != NULL; item = item->next) {
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
            if (item->scope == SCOPE_SESSION && item->value != NULL && !item->is_constant &&
                slice_is_nocase(item->name, names[i])) {
                return true;
            }
        }
        if (is_character_set(item)) {
            return true;
        }
    }
    return false;
}

// A server keeps these for the next transaction; the one that is open has its own already.
static bool sets_transaction(const struct set_item *items)
{
    static const char *const names[] = {"transaction isolation", "transaction access",
                                        "tx_isolation",          "tx_read_only",
                                        "transaction_isolation", "transaction_read_only"};
    for (const struct set_item *item = items; item != NULL; item = item->next) {
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
            if (item->scope == SCOPE_SESSION && slice_is_nocase(item->name, names[i])) {
                return true;
            }
        }
    }
    return false;
}

// Strings have the character set that was in force before the SET, even beside SET NAMES, and so
// does the name of the database. A dump is best bound to its server, where there is one shard.
static bool is_all_certain(const struct session *session, const struct set_item *items)
{
    bool has_names = false, has_client_set = false, has_user = false;
    bool is_only = config_only_shard(session_config(session)) != NO_SHARD;
    for (const struct set_item *item = items; item != NULL; item = item->next) {
        has_names |= slice_is_nocase(item->name, "names") || is_character_set(item);
        has_client_set |= has_names || slice_is_nocase(item->name, "character_set_client");
        has_user |= item->scope == SCOPE_USER;
        if ((is_only && carried_value_is_of_system(item)) ||
            !carried_value_is_certain(&session->carried, item)) {
            return false;
        }
    }
    return (!has_names || !has_user) &&
           (!has_client_set || slice_is_ascii(text_slice(&session->carried.database)));
}

static void bind_to_server(const struct session *session, struct leg_command *command)
{
    command->access = ACCESS_PRIMARY;
    command->pin_facts = FACT_SETS_USER_VARIABLE;
    command->pin_reason = session->pin_reason != NULL
                              ? session->pin_reason
                              : "it has set a variable to a value that only its server knows";
}

static void run_set(struct session *session, struct request *request)
{
    const char *why = NULL;
    const struct set_item *items = request->statement->set;
    enum set_class class = variables_classify(items, &why);
    class = class != SET_PINNED && !is_all_certain(session, items) ? SET_PINNED : class;
    if (class == SET_EVALUATED || hides_meaning(items)) {
        struct leg_command command = set_command(session, slice_of(NULL, 0));
        if (class == SET_PINNED) {
            bind_to_server(session, &command);
        }
        set_and_ask(session, request, &command);
        return;
    }
    struct leg_command command = set_command(session, text_packet(session, request));
    command.on_ok = on_set;
    command.may_linger = true;
    // The transaction that is open on the only shard must have begun before.
    bool is_within = sets_transaction(items) || query_is_bound_by_xa(session);
    command.is_outside = !(is_within && session_in_transaction(session));
    if (class != SET_CARRIED) {
        command.is_outside = false;
        bind_to_server(session, &command);
    }
    flow_single_relay(session, request, &command);
}

// A variable that is set by reading tables: where they are, the router knows.
static void run_reading_set(struct session *session, struct request *request)
{
    struct error error;
    const char *why = NULL;
    const struct set_item *items = request->statement->set;
    bool is_pinned = variables_classify(items, &why) == SET_PINNED;
    if (set_autocommit_is_unclear(session, items)) {
        command_refuse(session, "autocommit set from a query in a transaction: COMMIT first");
        return;
    }
    request->pin_reason = is_pinned ? "it has set a variable from a query" : NULL;
    if (!query_plan(session, request, &error)) {
        command_error(session, &error);
        return;
    }
    uint16_t shard = request->plan->targets[0].shard;
    if (request->plan->target_count > 1 || request->plan->targets[0].sql.ptr != NULL ||
        (session->pin != NULL && session->pin->shard != shard)) {
        command_refuse(session, "SET from a query on several shards, or not on the session's");
        return;
    }
    struct leg_command command = set_command(session, slice_of(NULL, 0));
    command.shard = shard;
    command.is_outside = false;
    command.access = ACCESS_PRIMARY;
    command.pin_reason = request->pin_reason;
    command.pin_facts = is_pinned ? FACT_SETS_USER_VARIABLE : 0;
    command.state = request->state;
    command.on_ok = on_set;
    if (!is_pinned || hides_meaning(items)) {
        set_and_ask(session, request, &command);
    } else {
        command.packet = text_packet(session, request);
        flow_single_relay(session, request, &command);
    }
}

// Settings of a server are its administrator's, but where there is only one, it says by itself who
// that is.
static bool is_for_only_server(const struct session *session, const struct set_item *items)
{
    for (const struct set_item *item = items; item != NULL; item = item->next) {
        if (item->scope == SCOPE_STATEMENT) {
            return false;
        }
    }
    return config_is_one_server(session_config(session));
}

bool variables_may_set(const struct session *session, const struct statement *statement,
                       struct error *error)
{
    const char *why = NULL;
    enum set_class class = variables_classify(statement->set, &why);
    if (own_set_is_for(statement->set)) {
        return own_set_may(session, statement->set, error);
    }
    bool is_open =
        session_in_transaction(session) && config_only_shard(session_config(session)) == NO_SHARD;
    if (class == SET_REFUSED && !is_for_only_server(session, statement->set)) {
        error_fill(error, ER_ACCESS_SPECIFIC, why);
        return false;
    }
    if (sets_oracle(session, statement->set)) {
        error_fill(error, ER_NOT_SUPPORTED_YET, VARIABLES_NO_ORACLE);
        return false;
    }
    if (class != SET_ONCE && sets_transaction(statement->set) && is_open) {
        error_fill(error, ER_NOT_SUPPORTED_YET,
                   "isolation level and access mode of later transactions while one is open: set "
                   "them before BEGIN");
        return false;
    }
    return true;
}

void variables_set(struct session *session, struct request *request)
{
    const struct statement *statement = request->statement;
    const char *why = NULL;
    if (own_set_is_for(statement->set)) {
        own_set_run(session, request);
    } else if (globals_are_set(statement->set) && request->globals == NULL) {
        globals_ask(session, request, variables_set);
    } else if (variables_classify(statement->set, &why) == SET_ONCE) {
        transaction_set_once(session, request);
    } else if ((statement->facts & FACT_SUBQUERY) != 0) {
        run_reading_set(session, request);
    } else if (set_autocommit_is_unclear(session, statement->set)) {
        set_autocommit_ask(session, request, variables_set, run_set);
    } else if (set_autocommit_value(statement->set) == 1 && session->carried.is_autocommit_off &&
               session_in_transaction(session) && !query_is_bound_by_xa(session)) {
        transaction_commit_then(session, request, run_set); // as the server does
    } else {
        run_set(session, request);
    }
}

// ---- SET STATEMENT

const char *variables_refusal_for_statement(const struct statement *statement, bool is_only_shard)
{
    // Servers give LAST_INSERT_ID() its old value back; what the OK packet says is the new one. And
    // the router goes by the session's.
    bool may_make_ids = statement->kind != STATEMENT_SELECT &&
                        statement->kind != STATEMENT_UPDATE && statement->kind != STATEMENT_DELETE;
    bool has_own_id = may_make_ids || !is_only_shard;
    has_own_id |= (statement->facts & (uint32_t)(FACT_INSERT_ID_SET | FACT_UNKNOWN_FUNCTION)) != 0;
    for (const struct set_item *item = statement->set; item != NULL; item = item->next) {
        if (slice_is_nocase(item->name, "waybill_distributed")) {
            return "SET STATEMENT waybill_distributed: use SET";
        }
        if (slice_is_nocase(item->name, "insert_id") ||
            (has_own_id && is_last_insert_id(item->name))) {
            return "ids set by SET STATEMENT for this statement: use SET";
        }
        if (slice_is_nocase(item->name, "sql_mode") && !is_only_shard &&
            (statement->facts & FACT_WRITES) != 0) {
            return "sql_mode set by SET STATEMENT for a write: use SET";
        }
    }
    return NULL;
}

// ---- USE

static void on_use(struct leg *leg, const struct answer *answer)
{
    (void)answer;
    struct session *session = leg->session;
    struct slice name = session->request->database;
    state_set_database(&session->carried, name);
    state_set_database(backend_state(leg->backend), name);
}

void variables_use(struct session *session, struct request *request, struct slice database)
{
    struct text packet;
    text_init(&packet);
    uint8_t sequence = 0;
    size_t place = packet_begin(&packet);
    write_u8(&packet, COM_INIT_DB);
    text_add_slice(&packet, database);
    packet_end(&packet, place, &sequence);
    struct leg_command command =
        set_command(session, arena_copy(&session->arena, text_slice(&packet)));
    text_done(&packet);
    command.kind = ANSWER_SIMPLE;
    // The database that it has now may be gone: backends need not be brought there first. But the
    // name's letters are in the client's character set.
    command.is_stateless = slice_is_ascii(database);
    command.on_ok = on_use;
    request->database = database;
    flow_single_relay(session, request, &command);
}

void variables_init_db(struct session *session, struct request *request)
{
    legs_release_lingering(session);
    variables_use(session, request, slice_part(request->payload, 1, request->payload.len));
}
