// Sessions share connections, and a connection has what was global when it was opened. So:
//
//     what is global until now is asked, over another connection
//       -> SET GLOBAL x = 2 -> its OK
//       -> all workers: no connection opened before is lent any more, so who comes has x = 2;
//          sessions that have not set x themselves carry x = 1 from now on
//       -> OK to the client
//
// What a session can't set by itself (max_allowed_packet), or only with privileges, is not carried:
// a session that moves to another connection has the new value there. The one that has said SET
// GLOBAL stays on its connection.

#include "session/global_settings.h"

#include "session/errand.h"
#include "session/flow_single.h"
#include "session/renumber.h"
#include "session/variables.h"

enum { NAMES_MAX = 16, ROW_FIELDS = 3 };

struct flow_globals {
    struct flow flow;
    struct gather gather; // what was asked; or the OK
    uint16_t shard;
    void (*then)(struct session *session, struct request *request);
};

static struct flow_globals *globals_of(struct flow *flow)
{
    return CONTAINER_OF(flow, struct flow_globals, flow);
}

bool globals_are_set(const struct set_item *items)
{
    for (const struct set_item *item = items; item != NULL; item = item->next) {
        if (item->scope == SCOPE_GLOBAL) {
            return true;
        }
    }
    return false;
}

// ---- what is global until now

static bool begins_with(struct slice name, const char *beginning)
{
    size_t len = strlen(beginning);
    return name.len >= len && slice_is_nocase(slice_part(name, 0, len), beginning);
}

// May any session set it, wherever it is? (MariaDB 10.11, tried with an account without privileges;
// the character sets are every session's own since its log-in.)
static bool may_be_carried(struct slice name)
{
    static const char *const beginnings[] = {"binlog_", "character_set_", "collation_", "debug",
                                             "gtid_",   "log_",           "pseudo_",    "wsrep_"};
    static const char *const names[] = {
        "enforce_storage_engine",
        "innodb_tmpdir",
        "max_allowed_packet",
        "max_user_connections",
        "net_buffer_length",
        "server_id",
        "sql_log_bin",
        "sql_log_off",
        "system_versioning_asof",
        "innodb_ft_user_stopword_table",
        "default_tmp_storage_engine", // none, which they mostly are, can't be said
    };
    for (size_t i = 0; i < sizeof beginnings / sizeof beginnings[0]; i++) {
        if (begins_with(name, beginnings[i])) {
            return false;
        }
    }
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (slice_is_nocase(name, names[i])) {
            return false;
        }
    }
    return variables_is_carried(name);
}

// As the server names it.
static struct slice name_of(const struct set_item *item)
{
    if (slice_is_nocase(item->name, "transaction isolation")) {
        return slice_of_string("tx_isolation");
    }
    return slice_is_nocase(item->name, "transaction access") ? slice_of_string("tx_read_only")
                                                             : item->name;
}

static bool is_word(struct slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        uint8_t letter = name.ptr[i] | 0x20;
        bool is_letter = letter >= 'a' && letter <= 'z';
        bool is_digit = name.ptr[i] >= '0' && name.ptr[i] <= '9';
        if (!is_letter && !is_digit && name.ptr[i] != '_') {
            return false;
        }
    }
    return name.len > 0;
}

// Empty: there is nothing to ask for.
static struct slice question(struct session *session, const struct set_item *items)
{
    struct text sql;
    text_init(&sql);
    for (const struct set_item *item = items; item != NULL; item = item->next) {
        struct slice name = name_of(item);
        if (item->scope != SCOPE_GLOBAL || !is_word(name) || !may_be_carried(name)) {
            continue;
        }
        text_add_string(&sql, sql.len == 0
                                  ? "SELECT VARIABLE_NAME, VARIABLE_TYPE, GLOBAL_VALUE FROM "
                                    "information_schema.SYSTEM_VARIABLES WHERE VARIABLE_SCOPE = "
                                    "'SESSION' AND VARIABLE_NAME IN ('"
                                  : ", '");
        text_add_slice(&sql, name);
        text_add_string(&sql, "'");
    }
    if (sql.len > 0) {
        text_add_string(&sql, ")");
    }
    struct slice copy = arena_copy(&session->arena, text_slice(&sql));
    text_done(&sql);
    return copy;
}

static bool is_number(struct slice type)
{
    return type.len >= 3 &&
           (memmem(type.ptr, type.len, "INT", 3) != NULL || slice_is_nocase(type, "DOUBLE"));
}

// A literal that means the same in every sql_mode and character set. False: it is none.
static bool add_literal(struct text *out, struct slice type, struct slice value)
{
    text_add_string(out, is_number(type) ? "" : "'");
    for (size_t i = 0; i < value.len; i++) {
        uint8_t byte = value.ptr[i];
        if (byte < ' ' || byte > '~' || byte == '\\' || byte == '\'') {
            return false;
        }
        text_add(out, &byte, 1);
    }
    text_add_string(out, is_number(type) ? "" : "'");
    return true;
}

static bool note_row(void *owner, struct slice row)
{
    struct text *out = owner;
    struct field fields[ROW_FIELDS];
    if (!row_text_read(row, fields, ROW_FIELDS) || fields[0].is_null || fields[1].is_null ||
        fields[2].is_null) {
        return true;
    }
    size_t begin = out->len;
    text_add_slice(out, fields[0].bytes);
    text_add(out, "", 1);
    bool is_good = add_literal(out, fields[1].bytes, fields[2].bytes);
    text_add(out, "", 1);
    if (!is_good || out->len > sizeof((struct errand *)0)->settings) {
        out->len = begin;
    }
    return true;
}

static struct slice read_rows(struct session *session, const struct gather *gather)
{
    struct text all;
    text_init(&all);
    bool is_whole = gather_each_row(gather, session->capabilities, note_row, &all);
    struct slice copy =
        arena_copy(&session->arena, slice_part(text_slice(&all), 0, is_whole ? all.len : 0));
    text_done(&all);
    return copy;
}

static void go_on(struct flow_globals *ask, struct slice globals)
{
    struct session *session = ask->flow.session;
    struct request *request = ask->flow.request;
    request->globals = arena_alloc(&session->arena, sizeof *request->globals);
    *request->globals = globals;
    session->flow = NULL; // this flow is over, the command is not
    ask->then(session, request);
}

static void on_answer(struct flow *flow, struct leg *leg, const uint8_t *bytes, size_t len,
                      const struct answer *last)
{
    (void)leg;
    struct flow_globals *ask = globals_of(flow);
    struct session *session = flow->session;
    gather_add(&ask->gather, &session->arena, bytes, len);
    if (last == NULL) {
        return;
    }
    struct leg *held = leg_find_held(session, ask->shard);
    if (held != NULL) {
        leg_drop_held(held);
    }
    go_on(ask, last->is_error ? slice_of_string("") : read_rows(session, &ask->gather));
}

// Nobody keeps his value then.
static void on_failed(struct flow *flow, struct leg *leg, const struct error *error)
{
    (void)leg, (void)error;
    go_on(globals_of(flow), slice_of_string(""));
}

static void on_drained(struct flow *flow)
{
    (void)flow; // of an answer before this one
}

static const struct flow_kind flow_globals_kind = {
    .name = "asking for a setting",
    .on_answer = on_answer,
    .on_failed = on_failed,
    .on_drained = on_drained,
};

void globals_ask(struct session *session, struct request *request,
                 void (*then)(struct session *session, struct request *request))
{
    struct flow_globals *ask = arena_alloc(&session->arena, sizeof *ask);
    struct slice sql = question(session, request->statement->set);
    ask->then = then;
    ask->shard = config_only_shard(session_config(session));
    flow_begin(&ask->flow, &flow_globals_kind, session, request);
    if (sql.len == 0 || !session->sessions->snapshot->is_mariadb) {
        go_on(ask, slice_of_string(""));
        return;
    }
    struct leg_command command = {
        .shard = ask->shard,
        .access = ACCESS_PRIMARY,
        .kind = ANSWER_QUERY,
        .packet = flow_frame_query(&session->arena, sql),
        .is_outside = true,
        .state = session_state_apart(session),
        .wants_hold = true,
    };
    (void)leg_start_apart(&ask->flow, &command);
}

// ---- all workers are told

static const struct flow_kind flow_tell_kind = {
    .name = "telling a setting",
    .on_drained = on_drained,
};

void globals_tell_start(struct session *session, struct request *request, uint16_t shard,
                        const struct gather *ok)
{
    struct flow_globals *tell = arena_alloc(&session->arena, sizeof *tell);
    struct errand errand = {.kind = ERRAND_GLOBALS, .shard = shard};
    tell->gather = *ok;
    if (request->globals->len > 0) {
        memcpy(errand.settings, request->globals->ptr, request->globals->len);
    }
    errand.settings_bytes = (uint16_t)request->globals->len;
    session->flow = NULL; // that flow is over, the command is not
    flow_begin(&tell->flow, &flow_tell_kind, session, request);
    errand_start(session, &errand);
}

void globals_told(struct session *session)
{
    struct flow_globals *tell = globals_of(session->flow);
    struct renumber renumber = {0};
    (void)renumber_write(&renumber, session, tell->gather.bytes, tell->gather.len);
    flow_finish(&tell->flow);
}

// ---- what a worker makes of it

static bool is_set(const struct session_state *state, struct slice name)
{
    static const char *const twins[][2] = {{"default_storage_engine", "storage_engine"},
                                           {"tx_isolation", "transaction_isolation"},
                                           {"tx_read_only", "transaction_read_only"}};
    bool found = state_find_variable(state, name).ptr != NULL;
    for (size_t i = 0; i < sizeof twins / sizeof twins[0]; i++) {
        for (size_t one = 0; one < 2 && !found; one++) {
            struct slice twin = slice_of_string(twins[i][1 - one]);
            found = slice_is_nocase(name, twins[i][one]) &&
                    state_find_variable(state, twin).ptr != NULL;
        }
    }
    return found;
}

// Its connections, if it has any, have that value since they were opened.
static void keep_value(struct session *session, struct slice name, struct slice literal)
{
    if (is_set(&session->carried, name)) {
        return;
    }
    state_set_variable(&session->carried, name, literal);
    LIST_FOR_EACH (&session->legs, node) {
        const struct leg *leg = CONTAINER_OF(node, struct leg, node);
        if (leg->backend != NULL && !is_set(backend_state(leg->backend), name)) {
            state_set_variable(backend_state(leg->backend), name, literal);
        }
    }
    if (slice_is_nocase(name, "sql_mode")) {
        struct slice value = slice_part(literal, 1, literal.len - 1);
        variables_note_sql_mode(session, &value);
    }
}

static struct slice next_word(const struct errand *errand, size_t *at)
{
    const char *word = errand->settings + *at;
    struct slice slice = slice_of(word, strnlen(word, errand->settings_bytes - *at));
    *at += slice.len + 1;
    return slice;
}

void sessions_note_globals(struct sessions *sessions, const struct errand *errand)
{
    pools_outdate(sessions->host.pools, errand->shard);
    for (size_t at = 0; at < errand->settings_bytes;) {
        struct slice name = next_word(errand, &at);
        struct slice literal = next_word(errand, &at);
        for (enum session_stage stage = SESSION_IDLE; stage <= SESSION_FLUSHING; stage++) {
            LIST_FOR_EACH (&sessions->stages[stage], node) {
                keep_value(CONTAINER_OF(node, struct session, node), name, literal);
            }
        }
    }
}
