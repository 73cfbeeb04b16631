// information_schema.PROCESSLIST of a server has the connections of waybill's pools. In a SELECT
// its place is taken by a derived table, so that the client's own conditions, joins and functions
// work on it:
//
//     SELECT ... FROM (SELECT * FROM information_schema.PROCESSLIST WHERE 1 = 0
//                      UNION ALL SELECT 5, _utf8'app', _utf8'10.0.0.7:3312', NULL, ...
//                      UNION ALL ...) AS PROCESSLIST WHERE ...
//
// In front of one server a derived table of that is joined with the server's own list, which knows
// in what state it is with the session's statement (and TID, QUERY_ID, ...).
//
// The first part, which has no rows, gives the columns their names and types. A column that is
// called by the table's full name is called by the derived table's then. Left to the server, whose
// own list it is then:
//
//     with a hint                     one wants that server's own
//     beside other system tables      they have the server's own ids (innodb_trx, THREADS)
//     in executable comments          spans may begin inside of them

#include "session/process_table.h"

#include "parser/lexer.h"
#include "parser/splice.h"
#include "protocol/error_table.h"
#include "router/plan.h"
#include "router/sql_literal.h"
#include "session/processlist.h"
#include "session/query.h"
#include "session/substitute.h"

enum {
    PLACES_MAX = 16,
    WINDOW = 4,
    INFO_BYTES = 100,                      // of each statement ...
    FULL_UNTIL_BYTES = 1 << 20,            // ... when the text is so long already
    SQL_BYTES_MAX = (3 << 20) + (1 << 19), // below max_allowed_packet of the oldest servers
};

static const char table_name[] = "PROCESSLIST";

struct place {
    struct span span;
    const struct table_ref *ref; // NULL: a column's full name
};

struct places {
    struct place items[PLACES_MAX]; // in the order of the text
    uint32_t count;
    bool has_alias;
    bool is_full;
    bool has_other; // another system table
};

// ---- where the table stands

static bool is_system_schema(struct slice schema)
{
    return slice_is_nocase(schema, "information_schema") ||
           slice_is_nocase(schema, "performance_schema") || slice_is_nocase(schema, "mysql") ||
           slice_is_nocase(schema, "sys");
}

static void add_place(struct places *all, struct span span, const struct table_ref *ref)
{
    if (all->count == PLACES_MAX) {
        all->is_full = true;
        return;
    }
    uint32_t at = all->count++;
    for (; at > 0 && all->items[at - 1].span.begin > span.begin; at--) {
        all->items[at] = all->items[at - 1];
    }
    all->items[at] = (struct place){.span = span, .ref = ref};
}

static void find_in(const struct session *session, const struct query *query, struct places *all)
{
    for (; query != NULL; query = query->next) {
        for (const struct table_ref *ref = query->tables; ref != NULL; ref = ref->next) {
            struct slice schema = ref->schema.len > 0
                                      ? ref->schema
                                      : text_slice(&session_state_now(session)->database);
            if (ref->name.len == 0 || ref->is_cte || !is_system_schema(schema)) {
                continue;
            }
            if (slice_is_nocase(schema, "information_schema") &&
                slice_is_nocase(ref->name, table_name)) {
                all->has_alias |= ref->alias.len > 0;
                add_place(all, ref->name_span, ref);
            } else {
                all->has_other = true;
            }
        }
    }
}

static void find_refs(const struct session *session, const struct statement *statement,
                      struct places *all)
{
    *all = (struct places){0};
    find_in(session, statement->query, all);
    for (uint32_t i = 0; i < statement->subquery_count; i++) {
        find_in(session, statement->subqueries[i], all);
    }
}

bool process_table_is_for(struct session *session, const struct request *request)
{
    const struct statement *statement = request->statement;
    const struct plan *plan = request->plan;
    struct places all;
    if (statement->kind != STATEMENT_SELECT || plan->target_count != 1 ||
        plan->targets[0].sql.ptr != NULL || statement->hint.len > 0 ||
        statement->has_executable_comment) {
        return false;
    }
    find_refs(session, statement, &all);
    return all.count > 0 && !all.has_other;
}

// ---- where its full name stands before a column's

static struct slice name_of(struct slice text, const struct token *token)
{
    bool is_quoted = token->kind == TOKEN_QUOTED_NAME;
    if (!is_quoted && token->kind != TOKEN_NAME) {
        return slice_of(NULL, 0);
    }
    return slice_part(text, token->span.begin + is_quoted, token->span.end - is_quoted);
}

static bool is_at_ref(const struct places *all, struct span span)
{
    for (uint32_t i = 0; i < all->count; i++) {
        const struct place *place = &all->items[i];
        if (place->ref != NULL && span.begin >= place->span.begin && span.end <= place->span.end) {
            return true;
        }
    }
    return false;
}

// [information_schema .] PROCESSLIST .
static void find_mention(struct slice text, const struct token window[WINDOW], struct places *all)
{
    struct span span = window[2].span;
    bool is_behind_dot = window[1].kind == TOKEN_DOT;
    if (window[3].kind != TOKEN_DOT || !slice_is_nocase(name_of(text, &window[2]), table_name) ||
        is_at_ref(all, span)) {
        return;
    }
    if (is_behind_dot && !slice_is_nocase(name_of(text, &window[0]), "information_schema")) {
        return;
    }
    span.begin = is_behind_dot ? window[0].span.begin : span.begin;
    add_place(all, span, NULL);
}

static void find_mentions(const struct session *session, struct slice text, struct places *all)
{
    struct parse_options options = query_parse_options(session);
    struct token window[WINDOW] = {0};
    struct lexer lexer;
    lexer_init(&lexer, text, &options);
    do {
        memmove(window, window + 1, (WINDOW - 1) * sizeof *window);
        lexer_next(&lexer, &window[WINDOW - 1]);
        find_mention(text, window, all);
    } while (window[WINDOW - 1].kind != TOKEN_END && window[WINDOW - 1].kind != TOKEN_BAD);
}

// ---- the derived table

static bool is_text_type(uint8_t type)
{
    return type == TYPE_VARCHAR || type >= TYPE_ENUM;
}

static void add_cell(struct text *sql, const struct process *process, const struct column *column)
{
    const struct {
        const char *name;
        struct slice text;
    } texts[] = {
        {"USER", process->user},       {"HOST", process->host},   {"DB", process->database},
        {"COMMAND", process->command}, {"STATE", process->state}, {"INFO", process->info},
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (slice_is_nocase(column->name, texts[i].name)) {
            sql_add_utf8mb3(sql, texts[i].text);
            return;
        }
    }
    unsigned long long for_us = process->for_us;
    if (slice_is_nocase(column->name, "ID")) {
        text_add_format(sql, "%u", process->id);
    } else if (slice_is_nocase(column->name, "TIME")) {
        text_add_format(sql, "%llu", for_us / 1000000);
    } else if (slice_is_nocase(column->name, "TIME_MS")) {
        text_add_format(sql, "%llu.%03llu", for_us / 1000, for_us % 1000);
    } else if (slice_is_nocase(column->name, "INFO_BINARY") && process->info.ptr != NULL) {
        sql_add_hex(sql, process->info);
    } else { // what a server knows of its own threads only
        text_add_string(sql, is_text_type(column->type) ? "NULL" : "0");
    }
}

// Does the only server know it better?
static bool is_servers(const struct column *column)
{
    static const char *const own[] = {"ID", "USER", "HOST", "DB", "COMMAND", "TIME", "TIME_MS"};
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        if (slice_is_nocase(column->name, own[i])) {
            return false;
        }
    }
    return true;
}

// The thread that runs it there: of the asker that which runs this statement.
static void add_thread(struct text *sql, const struct session *session,
                       const struct process *process)
{
    if (process->id == session->id) {
        text_add_string(sql, "CONNECTION_ID()");
    } else {
        text_add_format(sql, "%u", process->thread);
    }
}

static void begin_join(struct text *sql, const struct column *columns, uint32_t column_count)
{
    for (uint32_t i = 0; i < column_count; i++) {
        const char *name = (const char *)columns[i].name.ptr;
        int len = (int)columns[i].name.len;
        text_add_string(sql, i == 0 ? "(SELECT " : ",");
        bool is_info = slice_is_nocase(columns[i].name, "INFO") ||
                       slice_is_nocase(columns[i].name, "INFO_BINARY");
        if (is_info) { // of a routine the statement that it has come to
            text_add_format(sql,
                            "IF(`own`.INFO LIKE 'CALL%%',COALESCE(`server`.%.*s,`own`.%.*s),"
                            "`own`.%.*s) AS %.*s",
                            len, name, len, name, len, name, len, name);
        } else if (is_servers(&columns[i])) {
            text_add_format(sql, "IF(`server`.ID IS NULL,`own`.%.*s,`server`.%.*s) AS %.*s", len,
                            name, len, name, len, name);
        } else {
            text_add_format(sql, "`own`.%.*s", len, name);
        }
    }
    text_add_string(sql, " FROM (SELECT 0 AS `thread`,`none`.* FROM "
                         "information_schema.PROCESSLIST AS `none` WHERE 1 = 0");
}

// Threads of the server that are no client's: of events, of replication.
static void end_join(struct text *sql)
{
    text_add_string(
        sql, ") AS `own` LEFT JOIN information_schema.PROCESSLIST AS `server` ON `server`.ID = "
             "`own`.`thread` UNION ALL SELECT * FROM information_schema.PROCESSLIST WHERE COMMAND "
             "IN ('Daemon','Slave_IO','Slave_SQL','Slave_worker') OR COMMAND = 'Connect' AND USER "
             "<> 'unauthenticated user')");
}

static struct slice derived_table(struct session *session, const struct column *columns,
                                  uint32_t column_count, struct slice list)
{
    struct text sql;
    struct process process;
    text_init(&sql);
    bool is_joined = config_is_one_server(session_config(session));
    if (is_joined) {
        begin_join(&sql, columns, column_count);
    } else {
        text_add_string(&sql, "(SELECT * FROM information_schema.PROCESSLIST WHERE 1 = 0");
    }
    while (processlist_read(&list, &process) && sql.len < SQL_BYTES_MAX) {
        if (sql.len > FULL_UNTIL_BYTES && process.info.len > INFO_BYTES) {
            process.info.len = INFO_BYTES;
        }
        text_add_string(&sql, " UNION ALL SELECT ");
        if (is_joined) {
            add_thread(&sql, session, &process);
        }
        for (uint32_t i = 0; i < column_count; i++) {
            text_add_string(&sql, i == 0 && !is_joined ? "" : ",");
            add_cell(&sql, &process, &columns[i]);
        }
    }
    if (is_joined) {
        end_join(&sql);
    } else {
        text_add_string(&sql, ")");
    }
    struct slice kept = arena_copy(&session->arena, text_slice(&sql));
    text_done(&sql);
    return kept;
}

bool process_table_write(struct session *session, struct request *request,
                         const struct column *columns, uint32_t column_count, struct slice list,
                         struct error *error)
{
    if ((request->statement->facts & FACT_CONNECTION_ID) != 0) {
        substitute_connection_id(session, request);
    }
    struct slice text = request->statement->text;
    struct splice splices[PLACES_MAX];
    struct places all;
    find_refs(session, request->statement, &all);
    if (!all.has_alias) {
        find_mentions(session, text, &all);
    }
    struct slice table = derived_table(session, columns, column_count, list);
    struct slice named = arena_format(&session->arena, "%.*s AS %s", (int)table.len,
                                      (const char *)table.ptr, table_name);
    size_t bytes = 0;
    for (uint32_t i = 0; i < all.count; i++) {
        const struct table_ref *ref = all.items[i].ref;
        splices[i].span = all.items[i].span;
        splices[i].with = ref == NULL          ? slice_of_string(table_name)
                          : ref->alias.len > 0 ? table
                                               : named;
        bytes += splices[i].with.len;
    }
    if (all.is_full || bytes > SQL_BYTES_MAX) {
        error_fill(error, ER_NOT_SUPPORTED_YET,
                   "information_schema.PROCESSLIST with so many sessions or so often in one "
                   "statement; use SHOW PROCESSLIST");
        return false;
    }
    request->plan->targets[0].sql = splice_text(&session->arena, text, splices, all.count);
    return true;
}
