// A statement that declares a table is planned with a configuration that has it already, so that
// all is as for a table of the file; then it is written down, all waybills are waited for, and it
// runs: flow_ddl. What a worker's statements may still do with an older configuration is found by
// their text: a statement that names the table has its name in it.

#include "session/declare.h"

#include <stdio.h>

#include "protocol/error_table.h"
#include "router/declaration.h"
#include "session/query.h"

static bool refuse(struct error *error, const char *text)
{
    error_fill(error, ER_DECLARATION, text);
    return false;
}

static const struct table_config *find(const struct session *session, const struct config *config,
                                       const struct table_ref *table)
{
    struct slice database = text_slice(&session_state_now(session)->database);
    return config_find_table(config, table->schema.len > 0 ? table->schema : database, table->name);
}

// ---- CREATE

static void keep(struct session *session, struct request *request, enum declares_kind kind,
                 const struct text *rows)
{
    request->declares = arena_alloc(&session->arena, sizeof *request->declares);
    request->declares->kind = kind;
    request->declares->rows = arena_copy(&session->arena, text_slice(rows));
}

static bool tell_mistake(const struct declared_row *row, const struct text *why,
                         struct error *error)
{
    char text[480];
    snprintf(text, sizeof text, "Table %.64s.%.64s can't be declared so: %.*s", row->schema,
             row->name, (int)(why->len < 300 ? why->len : 300), (const char *)why->ptr);
    return refuse(error, text);
}

// It is known: the comment may say the same again, as scripts that are run twice do.
static bool look_at_known(const struct session *session, const struct table_config *known,
                          const struct config *look, const struct table_config *said,
                          struct error *error)
{
    char text[480];
    if (declaration_is_same(session_config(session), known, look, said)) {
        return true;
    }
    snprintf(text, sizeof text, "Table %.64s.%.64s is %s otherwise than the comment says: %s",
             known->schema, known->name,
             known->declared > 0 ? "declared" : "in the configuration file",
             known->declared > 0 ? "DROP TABLE first" : "the file counts; leave the comment out");
    return refuse(error, text);
}

static bool look_at_create(struct session *session, struct request *request,
                           struct route_request *route, struct config **look, struct error *error)
{
    const struct config *config = session_config(session);
    const struct statement *statement = request->statement;
    struct declaration said;
    if (!declaration_read(&session->arena, statement, route->database, &said, error)) {
        return false;
    }
    if (!config->settings.declared_tables) {
        return refuse(error,
                      "declared_tables is off, so no table is declared by a comment: set it to on "
                      "in the configuration of every waybill in front of these servers and "
                      "restart them, or add [table SCHEMA.NAME] to it");
    }
    struct declared_row row = {
        .schema = said.schema, .name = said.name, .words = said.words, .number = 1};
    struct text why;
    text_init(&why);
    *look = config_look_declared(config, &row, &why);
    bool is_fine = *look != NULL || tell_mistake(&row, &why, error);
    text_done(&why);
    if (!is_fine) {
        return false;
    }
    const struct table_config *known = find(session, config, statement->tables);
    route->declares = true;
    if (known != NULL) {
        return look_at_known(session, known, *look, find(session, *look, statement->tables), error);
    }
    struct text rows;
    text_init(&rows);
    declared_add(&rows, &row);
    keep(session, request, DECLARES_TABLE, &rows);
    text_done(&rows);
    route->config = *look;
    return true;
}

// ---- DROP

static bool is_dropped(const struct session *session, const struct statement *statement,
                       const struct declared_row *row)
{
    const struct ddl_part *ddl = statement->ddl;
    struct slice database = text_slice(&session_state_now(session)->database);
    if (ddl->kind == DDL_DROP_DATABASE) {
        return slice_is_nocase(ddl->database, row->schema);
    }
    for (const struct table_ref *table = statement->tables; table != NULL; table = table->next) {
        struct slice schema = table->schema.len > 0 ? table->schema : database;
        if (slice_is_nocase(schema, row->schema) && slice_is_nocase(table->name, row->name)) {
            return true;
        }
    }
    return false;
}

// A table that is `with` one of them stays: its rows' places would be known no more.
static bool look_at_children(const struct session *session, const struct statement *statement,
                             struct error *error)
{
    const struct config *config = session_config(session);
    char text[480];
    for (uint16_t i = 0; i < config->table_count; i++) {
        const struct table_config *child = &config->tables[i];
        const struct table_config *parent = &config->tables[child->with];
        struct declared_row child_row = {.schema = child->schema, .name = child->name};
        struct declared_row parent_row = {.schema = parent->schema, .name = parent->name};
        if (child->type == TABLE_SHARDED && child->with != child->id && parent->declared > 0 &&
            is_dropped(session, statement, &parent_row) &&
            !is_dropped(session, statement, &child_row)) {
            snprintf(text, sizeof text,
                     "Table %.64s.%.64s is declared with %.64s.%.64s, so that one can't be "
                     "dropped before it",
                     child->schema, child->name, parent->schema, parent->name);
            return refuse(error, text);
        }
    }
    return true;
}

static bool look_at_drop(struct session *session, struct request *request, struct error *error)
{
    struct slice rest = session_config(session)->declared_rows;
    struct declared_row row;
    struct text rows;
    if (!look_at_children(session, request->statement, error)) {
        return false;
    }
    text_init(&rows);
    while (declared_next(&rest, &row)) {
        if (is_dropped(session, request->statement, &row)) {
            declared_add(&rows, &row);
        }
    }
    if (rows.len > 0) {
        keep(session, request, DECLARES_DROP, &rows);
    }
    text_done(&rows);
    return true;
}

// ---- other DDL

static bool is_closed(const struct session *session, const struct statement *statement)
{
    const struct config *config = session_config(session);
    for (const struct table_ref *table = statement->tables; table != NULL; table = table->next) {
        const struct table_config *known = find(session, config, table);
        if (known != NULL && known->is_closed) {
            return true;
        }
    }
    struct slice rest = config->declared_rows;
    struct declared_row row;
    while (statement->ddl->kind == DDL_DROP_DATABASE && declared_next(&rest, &row)) {
        if (row.is_closed && is_dropped(session, statement, &row)) {
            return true;
        }
    }
    return false;
}

static bool is_renaming(const struct session *session, const struct statement *statement)
{
    enum ddl_kind kind = statement->ddl->kind;
    bool has_two = statement->tables != NULL && statement->tables->next != NULL;
    bool may_rename = kind == DDL_RENAME_TABLE || (kind == DDL_ALTER_TABLE && has_two);
    for (const struct table_ref *table = statement->tables; table != NULL && may_rename;
         table = table->next) {
        const struct table_config *known = find(session, session_config(session), table);
        if (known != NULL && known->declared > 0) {
            return true;
        }
    }
    return false;
}

static bool look_at_ddl(struct session *session, struct request *request, struct error *error)
{
    const struct statement *statement = request->statement;
    const struct ddl_part *ddl = statement->ddl;
    if (ddl == NULL || ddl->is_temporary || session_config(session)->declared_number == 0) {
        return true;
    }
    if (is_closed(session, statement)) {
        return refuse(error, "A table of the statement is being declared or dropped now, here or "
                             "through another waybill: try again");
    }
    if (is_renaming(session, statement)) {
        return refuse(error,
                      "A declared table can't get another name, and no other one its name: put "
                      "its section (SHOW DECLARED TABLES on the admin port) into the file of every "
                      "waybill, under both names");
    }
    bool is_drop = ddl->kind == DDL_DROP_TABLE || ddl->kind == DDL_DROP_DATABASE;
    return !is_drop || look_at_drop(session, request, error);
}

bool declare_look(struct session *session, struct request *request, struct route_request *route,
                  struct config **look, struct error *error)
{
    request->declares = NULL;
    *look = NULL;
    if (request->statement->hint.len > 0 && hint_declares(request->statement->hint)) {
        return look_at_ddl(session, request, error) &&
               look_at_create(session, request, route, look, error);
    }
    return request->statement->kind != STATEMENT_DDL || look_at_ddl(session, request, error);
}

bool declare_plan(struct session *session, struct request *request, struct route_request *route,
                  struct error *error)
{
    struct config *look;
    bool is_planned = declare_look(session, request, route, &look, error) &&
                      plan_make(&session->arena, route, &request->plan, error);
    config_end_look(look);
    if (!is_planned || request->declares == NULL) {
        return is_planned;
    }
    if (request->plan->target_count > 1) {
        return true;
    }
    if (config_only_shard(session_config(session)) == NO_SHARD) { // /* waybill: shard=s1 */ DROP
        request->declares = NULL;
    } else {
        request->plan->merge = MERGE_FIRST;
    }
    return true;
}

// ---- while it is made

void declare_note(const struct request *request, struct ddl_note *note)
{
    if (request->declares != NULL) {
        note->declares = request->declares->kind;
        text_add_slice(&note->declared, request->declares->rows);
    }
}

bool declare_is_late(const struct session *session, const struct request *request,
                     uint64_t noted_us)
{
    enum { LATE_MS = 45000 }; // others give a declaration up after 60 s (declare_work.c)
    uint64_t now_us = loop_read_clock_us(session->sessions->host.loop);
    return request->declares != NULL && now_us - noted_us > (uint64_t)LATE_MS * 1000;
}

// ---- what is not known

bool declare_is_behind(const struct session *session)
{
    uint64_t until_us = session->sessions->snapshot->unknown_until_us;
    return until_us != UINT64_MAX && loop_read_clock_us(session->sessions->host.loop) > until_us;
}

bool declare_forbids(struct session *session, const struct request *request, struct error *error)
{
    if (!declare_is_behind(session) || request == NULL || request->statement == NULL ||
        config_only_shard(session_config(session)) != NO_SHARD) {
        return false;
    }
    struct route_request route = query_route_request(session, request);
    if (!statement_has_unknown(&session->arena, &route)) {
        return false;
    }
    error_fill(error, ER_TABLES_UNKNOWN,
               "The statement has waited, and meanwhile the default shard's primary was not "
               "reached for some seconds, so that a table that it names may have been declared "
               "through another waybill: nothing was done; try again");
    return true;
}

// ---- what is old

static bool names_one(const struct config *config, uint64_t since, struct slice text)
{
    struct slice rest = config->declared_rows;
    struct declared_row row;
    while (declared_next(&rest, &row)) {
        if (row.number > since && slice_contains_nocase(text, row.name)) {
            return true;
        }
    }
    return false;
}

static bool is_old(const struct session *session, uint64_t since)
{
    const struct request *request = session->request;
    return request != NULL && request->statement != NULL && request->declares == NULL &&
           request->began_us <= session->sessions->declared_us &&
           names_one(session_config(session), since, request->statement->text);
}

uint32_t declare_count_old(const struct sessions *sessions, uint64_t since)
{
    uint32_t count = 0;
    for (int stage = SESSION_LOGIN; stage < SESSION_CLOSED; stage++) {
        LIST_FOR_EACH (&sessions->stages[stage], node) {
            count += is_old(CONTAINER_OF(node, struct session, node), since);
        }
    }
    return count;
}
