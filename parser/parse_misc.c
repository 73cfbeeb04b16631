// Statements that need little reading: what they touch, and what they mean for the session. The
// rest of their text goes to the server as it is.

#include "parser/parse_impl.h"

enum {
    FACTS_OF_ADMIN = FACT_WRITES | FACT_NEEDS_PRIMARY | FACT_ENDS_TRANSACTION,
};

// The first word in upper case.
static void name_by_word(struct parser *parser)
{
    parser->statement->name = literal_upper(parser->arena, parser_text(parser, parser->token.span));
}

static void read_table_list(struct parser *parser)
{
    struct table_ref **last = &parser->statement->tables;
    do {
        *last = parse_table_name(parser);
        last = &(*last)->next;
    } while (parser_accept(parser, TOKEN_COMMA));
}

void parse_call(struct parser *parser)
{
    parser_begin(parser, STATEMENT_CALL, FACT_WRITES | FACT_NEEDS_PRIMARY | FACT_ROUTINE);
    struct statement *statement = parser->statement;
    statement->name = parser_name(parser);
    if (parser_accept(parser, TOKEN_DOT)) {
        statement->name_schema = statement->name;
        statement->name = parser_name(parser);
    }
    if (parser_accept(parser, TOKEN_LPAREN) && !parser_accept(parser, TOKEN_RPAREN)) {
        struct expr_list list = {0};
        parse_expr_list(parser, &list);
        parser_expect(parser, TOKEN_RPAREN);
    }
}

void parse_do(struct parser *parser)
{
    parser_begin(parser, STATEMENT_DO, 0);
    uint32_t count = 0;
    (void)parse_select_items(parser, &count); // aliases are allowed, and mean nothing
}

void parse_handler(struct parser *parser)
{
    parser_begin(parser, STATEMENT_HANDLER, FACT_HANDLER | FACT_NEEDS_PRIMARY);
    parser->statement->tables = parse_table_name(parser);
    name_by_word(parser); // OPEN, READ, CLOSE
    parser_skip_rest(parser);
}

void parse_use(struct parser *parser)
{
    parser_begin(parser, STATEMENT_USE, 0);
    parser->statement->name = parser_name(parser);
}

// user, user@host, 'user'@'host', CURRENT_USER, CURRENT_USER(): then the name is empty.
static void read_account(struct parser *parser)
{
    struct statement *statement = parser->statement;
    if (parser_accept_word(parser, KW_CURRENT_USER)) {
        if (parser_accept(parser, TOKEN_LPAREN)) {
            parser_expect(parser, TOKEN_RPAREN);
        }
        return;
    }
    statement->name_schema = parser_name_or_text(parser);
    if (parser_at(parser, TOKEN_USER_VARIABLE)) {
        struct slice host = parser_text(parser, parser->token.span);
        bool is_quoted =
            host.len > 2 && (host.ptr[1] == '\'' || host.ptr[1] == '"' || host.ptr[1] == '`');
        statement->kill_host = slice_part(host, is_quoted ? 2 : 1, host.len - is_quoted);
        parser_advance(parser);
    }
}

void parse_kill(struct parser *parser)
{
    struct statement *statement = parser->statement;
    parser_begin(parser, STATEMENT_KILL, 0);
    statement->name = slice_of_string("CONNECTION");
    if (!parser_accept_word(parser, KW_HARD)) {
        (void)parser_accept_word(parser, KW_SOFT);
    }
    if (parser_accept_word(parser, KW_QUERY)) {
        statement->name = slice_of_string("QUERY");
    } else {
        (void)parser_accept_word(parser, KW_CONNECTION);
    }
    if (parser_accept_word(parser, KW_USER)) { // KILL USER x: all of one account's
        bool is_query = statement->name.ptr[0] == 'Q';
        statement->name = slice_of_string(is_query ? "QUERY USER" : "USER");
        read_account(parser);
        return;
    }
    if (statement->name.ptr[0] == 'Q' && parser_at(parser, TOKEN_NAME) &&
        slice_is_nocase(parser_text(parser, parser->token.span), "id")) {
        statement->name = slice_of_string("QUERY ID"); // the id is of a query, not of a connection
        parser_advance(parser);
    }
    statement->kill_id = parse_expr(parser);
}

// An expression, DEFAULT, or (MariaDB) IGNORE, which leaves the column as it is.
static struct expr *read_value(struct parser *parser)
{
    if (!parser_at_word(parser, KW_IGNORE)) {
        return parse_expr(parser);
    }
    struct expr *expr = expr_new(parser, EXPR_DEFAULT, parser->token.span.begin);
    expr->span = parser->token.span;
    parser_advance(parser);
    return expr;
}

static void read_using(struct parser *parser, struct prepare_part *prepare)
{
    struct expr_list list = {0};
    if (parser_accept_word(parser, KW_USING)) {
        do {
            expr_list_add(parser, &list, read_value(parser));
        } while (parser_accept(parser, TOKEN_COMMA));
        prepare->values = list.items;
        prepare->value_count = list.count;
    }
}

// PREPARE s FROM text, EXECUTE s [USING ..], EXECUTE IMMEDIATE text [USING ..], DEALLOCATE PREPARE
// s, DROP PREPARE s.
void parse_prepare(struct parser *parser)
{
    struct prepare_part *prepare = arena_alloc(parser->arena, sizeof *prepare);
    prepare->begin = parser->token.span.begin;
    bool is_execute = parser_at_word(parser, KW_EXECUTE);
    bool is_prepare = parser_at_word(parser, KW_PREPARE);
    parser_begin(parser, STATEMENT_PREPARE, FACT_PREPARED_TEXT | FACT_NEEDS_PRIMARY);
    parser->statement->prepare = prepare;
    if (is_execute && parser_accept_word(parser, KW_IMMEDIATE)) {
        prepare->verb = PREPARE_IMMEDIATE;
        prepare->text = parse_expr(parser);
    } else if (is_execute) {
        prepare->verb = PREPARE_EXECUTE;
        parser->statement->name = parser_name(parser);
    } else if (is_prepare) {
        prepare->verb = PREPARE_TEXT;
        parser->statement->name = parser_name(parser);
        parser_expect_word(parser, KW_FROM);
        prepare->text = parse_expr(parser);
    } else {
        prepare->verb = PREPARE_DROP;
        parser_expect_word(parser, KW_PREPARE);
        parser->statement->name = parser_name(parser);
    }
    if (is_execute) { // what it does is not known here
        parser_add_fact(parser, FACT_WRITES);
        read_using(parser, prepare);
    }
}

static bool accept_name(struct parser *parser, const char *name)
{
    bool is_it = parser_at(parser, TOKEN_NAME) &&
                 slice_is_nocase(parser_text(parser, parser->token.span), name);
    if (is_it) {
        parser_advance(parser);
    }
    return is_it;
}

static bool is_diagnostics_item(struct slice name, bool is_of_condition)
{
    static const char *const of_statement[] = {"NUMBER", "ROW_COUNT"};
    static const char *const of_condition[] = {
        "CLASS_ORIGIN",    "SUBCLASS_ORIGIN",    "RETURNED_SQLSTATE", "MESSAGE_TEXT", "MYSQL_ERRNO",
        "CATALOG_NAME",    "SCHEMA_NAME",        "TABLE_NAME",        "COLUMN_NAME",  "CURSOR_NAME",
        "CONSTRAINT_NAME", "CONSTRAINT_CATALOG", "CONSTRAINT_SCHEMA", "ROW_NUMBER"};
    const char *const *names = is_of_condition ? of_condition : of_statement;
    size_t count = is_of_condition ? sizeof of_condition / sizeof of_condition[0]
                                   : sizeof of_statement / sizeof of_statement[0];
    for (size_t i = 0; i < count; i++) {
        if (slice_is_nocase(name, names[i])) {
            return true;
        }
    }
    return false;
}

// @variable = NAME, ...
static void read_diagnostics_items(struct parser *parser, struct diagnostics_part *part)
{
    struct diagnostics_item **last = &part->items;
    do {
        struct diagnostics_item *item = arena_alloc(parser->arena, sizeof *item);
        if (!parser_at(parser, TOKEN_USER_VARIABLE)) {
            parser_fail(parser);
            return;
        }
        item->variable = parser_user_variable(parser);
        parser_expect(parser, TOKEN_EQUAL);
        item->name = parser_text(parser, parser->token.span);
        if (!is_diagnostics_item(item->name, part->condition != NULL)) {
            parser_fail(parser);
            return;
        }
        parser_advance(parser);
        *last = item;
        last = &item->next;
    } while (parser_accept(parser, TOKEN_COMMA));
}

// GET [CURRENT] DIAGNOSTICS [CONDITION n] @x = NAME, ...; SIGNAL ..; RESIGNAL ..
void parse_diagnostics(struct parser *parser)
{
    struct diagnostics_part *part = arena_alloc(parser->arena, sizeof *part);
    bool is_get = parser_at_word(parser, KW_GET);
    bool is_resignal = parser_at_word(parser, KW_RESIGNAL);
    parser_begin(parser, STATEMENT_DIAGNOSTICS, 0);
    parser->statement->diagnostics = part;
    part->kind = is_resignal ? DIAGNOSTICS_RESIGNAL : DIAGNOSTICS_SIGNAL;
    if (!is_get) {
        parser_skip_rest(parser);
        return;
    }
    part->kind = DIAGNOSTICS_GET;
    (void)accept_name(parser, "CURRENT");
    parser_expect_word(parser, KW_DIAGNOSTICS);
    if (accept_name(parser, "CONDITION")) {
        part->condition = parse_primary(parser);
    }
    read_diagnostics_items(parser, part);
}

void parse_admin(struct parser *parser)
{
    name_by_word(parser);
    parser_begin(parser, STATEMENT_ADMIN, FACTS_OF_ADMIN);
    parser_skip_rest(parser);
}

// GRANT, REVOKE, SET PASSWORD, SET DEFAULT ROLE
void parse_accounts(struct parser *parser)
{
    parse_admin(parser);
    parser_add_fact(parser, FACT_ACCOUNTS);
}

// Stages and locks of a backup last as long as the connection.
void parse_backup(struct parser *parser)
{
    parse_admin(parser);
    parser_add_fact(parser, FACT_NAMED_LOCK);
}

void parse_help(struct parser *parser)
{
    name_by_word(parser);
    parser_begin(parser, STATEMENT_SHOW, 0);
    (void)parser_name_or_text(parser);
}

static bool at_table_word(const struct parser *parser)
{
    return parser_at_word(parser, KW_TABLE) || parser_at_word(parser, KW_TABLES);
}

// FLUSH TABLES [t, ...] [WITH READ LOCK | FOR EXPORT] takes locks; other forms do not.
void parse_flush(struct parser *parser)
{
    name_by_word(parser);
    parser_begin(parser, STATEMENT_ADMIN, FACTS_OF_ADMIN);
    if (!parser_accept_word(parser, KW_NO_WRITE_TO_BINLOG)) {
        (void)parser_accept_word(parser, KW_LOCAL);
    }
    bool is_tables = at_table_word(parser);
    if (is_tables) {
        parser_advance(parser);
        if (parser_at_name(parser)) {
            read_table_list(parser);
        }
        if (parser_at_word(parser, KW_WITH) || parser_at_word(parser, KW_FOR)) {
            parser_add_fact(parser, FACT_TABLE_LOCK);
        }
    }
    while (!is_tables && (parser_at(parser, TOKEN_NAME) || parser_at(parser, TOKEN_COMMA))) {
        if (parser_at_word(parser, KW_PRIVILEGES)) {
            parser_add_fact(parser, FACT_ACCOUNTS);
        }
        parser_advance(parser);
    }
    parser_skip_rest(parser);
}

// OPTIMIZE, CHECK, REPAIR, CHECKSUM, ANALYZE [LOCAL] TABLE t, ...
void parse_table_maintenance(struct parser *parser)
{
    name_by_word(parser);
    parser_begin(parser, STATEMENT_ADMIN, FACTS_OF_ADMIN);
    if (!parser_accept_word(parser, KW_NO_WRITE_TO_BINLOG)) {
        (void)parser_accept_word(parser, KW_LOCAL);
    }
    if (at_table_word(parser)) {
        parser_advance(parser);
        read_table_list(parser);
    }
    parser_skip_rest(parser);
}
