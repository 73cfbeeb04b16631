// SHOW, DESCRIBE, EXPLAIN, ANALYZE <statement>: what is shown of which table, and what is
// explained.

#include "parser/parse_impl.h"

enum {
    SHOW_WORDS_MAX = 3,
    // What remains of a statement's facts when it is only explained.
    FACTS_OF_EXPLAINED = FACT_SYSTEM_SCHEMA | FACT_READS_USER_VARIABLE | FACT_SUBQUERY,
};

// ---- SHOW

static bool accept_from(struct parser *parser)
{
    return parser_accept_word(parser, KW_FROM) || parser_accept_word(parser, KW_IN);
}

static void read_from_schema(struct parser *parser)
{
    if (accept_from(parser)) {
        parser->statement->name_schema = parser_name(parser);
    }
}

// FROM t [FROM schema]
static void read_from_table(struct parser *parser)
{
    if (!accept_from(parser)) {
        parser_fail(parser);
        return;
    }
    struct table_ref *ref = parse_table_name(parser);
    if (accept_from(parser)) {
        ref->schema = parser_name(parser);
        ref->is_cte = false;
    }
    parser->statement->tables = ref;
    parser->statement->name_schema = ref->schema;
}

static void show_named(struct parser *parser, const char *name)
{
    parser->statement->name = slice_of_string(name);
    parser_advance(parser);
}

// The words up to the first that asks for a part: SLAVE STATUS, BINARY LOGS, VARIABLES ...
static void read_words(struct parser *parser)
{
    struct slice name = {0};
    for (int i = 0; i < SHOW_WORDS_MAX && parser_at(parser, TOKEN_NAME); i++) {
        switch ((unsigned)parser->token.keyword) {
        case KW_LIKE:
        case KW_WHERE:
        case KW_FROM:
        case KW_IN:
        case KW_FOR:
        case KW_LIMIT:
            i = SHOW_WORDS_MAX;
            continue;
        default:
            break;
        }
        struct slice word = parser_text(parser, parser->token.span);
        name = name.len == 0
                   ? word
                   : arena_format(parser->arena, "%.*s %.*s", (int)name.len, (const char *)name.ptr,
                                  (int)word.len, (const char *)word.ptr);
        parser_advance(parser);
    }
    if (name.len == 0) {
        parser_fail(parser);
        return;
    }
    parser->statement->name = literal_upper(parser->arena, name);
}

// SHOW CREATE TABLE t ...: behind CREATE.
static void read_show_create(struct parser *parser)
{
    struct slice word = parser_text(parser, parser->token.span);
    bool is_table = parser_at_word(parser, KW_TABLE) || parser_at_word(parser, KW_VIEW) ||
                    parser_at_word(parser, KW_SEQUENCE);
    bool is_schema = parser_at_word(parser, KW_DATABASE) || parser_at_word(parser, KW_SCHEMA);
    parser->statement->name =
        arena_format(parser->arena, "CREATE %.*s", (int)word.len, (const char *)word.ptr);
    parser->statement->name = literal_upper(parser->arena, parser->statement->name);
    parser_advance(parser);
    if (is_table) {
        parser->statement->tables = parse_table_name(parser);
    } else if (slice_is_nocase(word, "TRIGGER")) {
        parser->statement->shown_trigger = parse_table_name(parser);
    } else if (is_schema) {
        if (parser_accept_word(parser, KW_IF)) {
            parser_expect_word(parser, KW_NOT);
            parser_expect_word(parser, KW_EXISTS);
        }
        parser->statement->name_schema = parser_name(parser);
    }
}

// COUNT(*) WARNINGS
static void read_count(struct parser *parser)
{
    parser_advance(parser);
    parser_expect(parser, TOKEN_LPAREN);
    parser_expect(parser, TOKEN_STAR);
    parser_expect(parser, TOKEN_RPAREN);
    if (parser_at_word(parser, KW_WARNINGS)) {
        show_named(parser, "COUNT WARNINGS");
    } else if (parser_at_word(parser, KW_ERRORS)) {
        show_named(parser, "COUNT ERRORS");
    } else {
        parser_fail(parser);
    }
}

static bool accept_modifier(struct parser *parser)
{
    if (parser_accept_word(parser, KW_FULL)) {
        parser->statement->is_full = true;
        return true;
    }
    return parser_accept_word(parser, KW_GLOBAL) || parser_accept_word(parser, KW_SESSION) ||
           parser_accept_word(parser, KW_LOCAL) || parser_accept_word(parser, KW_EXTENDED);
}

// WARNINGS or ERRORS [LIMIT ..]
static void show_diagnostics(struct parser *parser, const char *name)
{
    parser->statement->kind = STATEMENT_DIAGNOSTICS;
    show_named(parser, name);
    if (parser_at_word(parser, KW_LIMIT)) {
        parser->statement->shown = arena_alloc(parser->arena, sizeof *parser->statement->shown);
        parse_limit(parser, parser->statement->shown);
    }
}

static void read_shown(struct parser *parser)
{
    switch ((unsigned)parser->token.keyword) {
    case KW_WARNINGS:
        show_diagnostics(parser, "WARNINGS");
        break;
    case KW_ERRORS:
        show_diagnostics(parser, "ERRORS");
        break;
    case KW_COUNT:
        parser->statement->kind = STATEMENT_DIAGNOSTICS;
        read_count(parser);
        break;
    case KW_CREATE:
        parser_advance(parser);
        read_show_create(parser);
        break;
    case KW_COLUMNS:
    case KW_FIELDS:
        show_named(parser, "COLUMNS");
        read_from_table(parser);
        break;
    case KW_INDEX:
    case KW_INDEXES:
    case KW_KEYS:
        show_named(parser, "INDEX");
        read_from_table(parser);
        break;
    case KW_TABLES:
    case KW_TRIGGERS:
    case KW_EVENTS:
    case KW_TABLE: // TABLE STATUS
    case KW_OPEN:  // OPEN TABLES
        read_words(parser);
        read_from_schema(parser);
        break;
    default:
        read_words(parser);
        break;
    }
}

void parse_show(struct parser *parser)
{
    parser_begin(parser, STATEMENT_SHOW, 0);
    while (accept_modifier(parser)) {
    }
    read_shown(parser);
    parser->statement->show_rest.begin = parser->token.span.begin;
    parser_skip_rest(parser); // LIKE, WHERE, LIMIT ...
    parser->statement->show_rest.end = parser->token.span.begin;
}

// ---- EXPLAIN and DESCRIBE

static bool at_explainable(struct parser *parser)
{
    switch ((unsigned)parser->token.keyword) {
    case KW_INSERT:
    case KW_REPLACE:
    case KW_UPDATE:
    case KW_DELETE:
        return true;
    default:
        return parser_at(parser, TOKEN_LPAREN) || parser_at_query(parser, &parser->token);
    }
}

static void read_inner(struct parser *parser, bool is_run)
{
    struct statement *outer = parser->statement;
    struct statement *inner = arena_alloc(parser->arena, sizeof *inner);
    if (!parser_enter(parser)) {
        return;
    }
    inner->text = outer->text;
    parser->statement = inner;
    parse_any_statement(parser);
    parser->statement = outer;
    parser->subquery_capacity = 0;
    outer->inner = inner;
    outer->param_count = inner->param_count;
    outer->facts |= is_run ? inner->facts : inner->facts & FACTS_OF_EXPLAINED;
    parser_leave(parser);
}

// EXTENDED, PARTITIONS, FORMAT = x; ANALYZE, which also runs the statement.
static bool accept_explain_option(struct parser *parser, bool *is_run)
{
    enum token_kind next = parser_ahead(parser)->kind;
    if (next == TOKEN_END || next == TOKEN_SEMICOLON || next == TOKEN_DOT) {
        return false;
    }
    if (parser_at_word(parser, KW_FORMAT) && next == TOKEN_EQUAL) {
        parser_advance(parser);
        parser_advance(parser);
        (void)parser_name_or_text(parser);
        return true;
    }
    if (parser_accept_word(parser, KW_ANALYZE)) {
        *is_run = true;
        return true;
    }
    return parser_accept_word(parser, KW_EXTENDED) || parser_accept_word(parser, KW_PARTITIONS);
}

// EXPLAIN ROUTE [FORMAT=JSON] statement, which is waybill's own. EXPLAIN route and EXPLAIN route x
// are about a table of that name, as for a server.
static bool at_route(struct parser *parser)
{
    enum token_kind next = parser_ahead(parser)->kind;
    return parser_at(parser, TOKEN_NAME) && next != TOKEN_END && next != TOKEN_SEMICOLON &&
           next != TOKEN_DOT && slice_is_nocase(parser_text(parser, parser->token.span), "ROUTE");
}

static void read_route(struct parser *parser)
{
    struct statement *statement = parser->statement;
    struct table_ref *ref = parse_table_name(parser);
    enum token_kind next = parser_ahead(parser)->kind;
    bool is_word = parser_at_name(parser) || parser_at(parser, TOKEN_STRING);
    if (is_word && (next == TOKEN_END || next == TOKEN_SEMICOLON)) {
        statement->tables = ref;
        (void)parser_name_or_text(parser);
        return;
    }
    if (parser_at_word(parser, KW_FORMAT) && next == TOKEN_EQUAL) {
        parser_advance(parser);
        parser_advance(parser);
        statement->is_routed_json = slice_is_nocase(parser_name_or_text(parser), "JSON");
    }
    statement->name = slice_of_string("ROUTE");
    statement->routed.begin = parser->token.span.begin;
    parser_skip_rest(parser);
    statement->routed.end = parser->token_end;
    statement->facts = 0; // nothing of it is run
}

void parse_explain(struct parser *parser)
{
    bool is_run = false;
    parser_begin(parser, STATEMENT_EXPLAIN, 0);
    if (at_route(parser)) {
        read_route(parser);
        return;
    }
    while (accept_explain_option(parser, &is_run)) {
    }
    if (at_explainable(parser)) {
        read_inner(parser, is_run);
        return;
    }
    if (parser_accept_word(parser, KW_FOR)) { // FOR CONNECTION n
        parser->statement->name = slice_of_string("CONNECTION");
        parser_add_fact(parser, FACT_CONNECTION_ID | FACT_NEEDS_PRIMARY);
        parser_skip_rest(parser);
        return;
    }
    parser->statement->tables = parse_table_name(parser);
    if (parser_at_name(parser) || parser_at(parser, TOKEN_STRING)) {
        (void)parser_name_or_text(parser); // one column, or a pattern
    }
}

// ANALYZE TABLE t; ANALYZE [FORMAT = JSON] SELECT ... (MariaDB), which runs it.
void parse_analyze(struct parser *parser)
{
    switch ((unsigned)parser_ahead(parser)->keyword) {
    case KW_TABLE:
    case KW_TABLES:
    case KW_LOCAL:
    case KW_NO_WRITE_TO_BINLOG:
        parse_table_maintenance(parser);
        return;
    default:
        break;
    }
    bool is_run = true;
    parser_begin(parser, STATEMENT_EXPLAIN, 0);
    (void)accept_explain_option(parser, &is_run);
    if (at_explainable(parser)) {
        read_inner(parser, is_run);
    } else {
        parser_fail(parser);
    }
}
