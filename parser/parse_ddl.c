// CREATE, ALTER, DROP, RENAME, TRUNCATE: which tables, and for CREATE TABLE the columns and a
// SELECT behind it. The rest is the server's.

#include "parser/parse_impl.h"

enum { FACTS_OF_DDL = FACT_WRITES | FACT_NEEDS_PRIMARY | FACT_ENDS_TRANSACTION };

static struct ddl_part *begin_ddl(struct parser *parser)
{
    struct ddl_part *ddl = arena_alloc(parser->arena, sizeof *ddl);
    parser->statement->ddl = ddl;
    ddl->kind = DDL_OTHER;
    parser_begin(parser, STATEMENT_DDL, FACTS_OF_DDL);
    return ddl;
}

// Users, servers, tablespaces ...: no schema objects.
static void become_admin(struct parser *parser, const char *name)
{
    parser->statement->ddl = NULL;
    parser->statement->kind = STATEMENT_ADMIN;
    parser->statement->name = slice_of_string(name);
    if (parser_at_word(parser, KW_USER) || parser_at_word(parser, KW_ROLE)) {
        parser_add_fact(parser, FACT_ACCOUNTS);
    }
    parser_skip_rest(parser);
}

static void read_exists(struct parser *parser, struct ddl_part *ddl)
{
    if (parser_accept_word(parser, KW_IF)) {
        (void)parser_accept_word(parser, KW_NOT);
        parser_expect_word(parser, KW_EXISTS);
        ddl->if_exists = true;
    }
}

static struct table_ref **add_table(struct parser *parser, struct table_ref **last)
{
    *last = parse_table_name(parser);
    return &(*last)->next;
}

static struct table_ref **read_table_list(struct parser *parser)
{
    struct table_ref **last = &parser->statement->tables;
    do {
        last = add_table(parser, last);
    } while (parser_accept(parser, TOKEN_COMMA));
    return last;
}

static void set_temporary(struct parser *parser, struct ddl_part *ddl)
{
    ddl->is_temporary = true;
    parser->statement->facts &= ~(uint32_t)FACT_ENDS_TRANSACTION;
    parser_add_fact(parser, FACT_TEMPORARY_TABLE);
}

// DEFINER = u@h, ALGORITHM = x, SQL SECURITY x
static bool accept_object_option(struct parser *parser)
{
    bool is_definer = parser_at_word(parser, KW_DEFINER);
    if (is_definer || parser_at_word(parser, KW_ALGORITHM)) {
        parser_advance(parser);
        parser_expect(parser, TOKEN_EQUAL);
        parser_advance(parser); // a name, a string, CURRENT_USER
        if (parser_at(parser, TOKEN_LPAREN)) {
            parser_skip_parens(parser);
        }
        if (is_definer) {
            (void)parser_accept(parser, TOKEN_USER_VARIABLE); // the host
        }
        return true;
    }
    if (parser_accept_words(parser, KW_SQL, KW_SECURITY)) {
        parser_advance(parser);
        return true;
    }
    return false;
}

// ---- CREATE TABLE

static bool at_column_def(struct parser *parser)
{
    return parser_at_name(parser) &&
           !(parser_at_word(parser, KW_PERIOD) && parser_ahead(parser)->keyword == KW_FOR);
}

// One of the list: a column, or an index, a constraint, a check.
static struct column_def *read_element(struct parser *parser, struct ddl_part *ddl)
{
    if (!at_column_def(parser)) {
        parse_table_constraint(parser, ddl);
        return NULL;
    }
    struct column_def *column = arena_alloc(parser->arena, sizeof *column);
    column->name = parser_name(parser);
    if (!parser_at(parser, TOKEN_NAME)) {
        parser_fail(parser);
        return column;
    }
    column->type = parser_text(parser, parser->token.span);
    parse_column_constraints(parser, ddl, column->name);
    return column;
}

static void read_elements(struct parser *parser, struct ddl_part *ddl)
{
    struct column_def **last = &ddl->columns;
    parser_expect(parser, TOKEN_LPAREN);
    do {
        struct column_def *column = read_element(parser, ddl);
        if (column != NULL) {
            *last = column;
            last = &column->next;
        }
    } while (parser_accept(parser, TOKEN_COMMA));
    parser_expect(parser, TOKEN_RPAREN);
}

static bool at_create_select(struct parser *parser)
{
    const struct token *next = parser_ahead(parser);
    if (parser_at(parser, TOKEN_LPAREN)) {
        return next->kind == TOKEN_LPAREN || parser_at_query(parser, next);
    }
    bool is_versioning = parser_at_word(parser, KW_WITH) &&
                         (next->keyword == KW_SYSTEM || next->keyword == KW_VERSIONING);
    return parser_at_query(parser, &parser->token) && !is_versioning;
}

// The options of the table, and a SELECT behind them.
static void read_table_options(struct parser *parser, struct ddl_part *ddl)
{
    while (!parser_at(parser, TOKEN_END) && !parser_at(parser, TOKEN_SEMICOLON)) {
        if (at_create_select(parser)) {
            ddl->select = parse_query(parser);
            return;
        }
        parser_skip_token(parser);
    }
}

static void read_create_table(struct parser *parser, struct ddl_part *ddl)
{
    ddl->kind = DDL_CREATE_TABLE;
    read_exists(parser, ddl);
    struct table_ref **last = add_table(parser, &parser->statement->tables);
    if (parser_accept_word(parser, KW_LIKE)) {
        (void)add_table(parser, last);
        return;
    }
    if (parser_at(parser, TOKEN_LPAREN) && parser_ahead(parser)->keyword == KW_LIKE) {
        parser_advance(parser);
        parser_advance(parser);
        (void)add_table(parser, last);
        parser_expect(parser, TOKEN_RPAREN);
        return;
    }
    if (parser_at(parser, TOKEN_LPAREN) && !at_create_select(parser)) {
        read_elements(parser, ddl);
    }
    read_table_options(parser, ddl);
}

// ---- CREATE of the rest

static void read_create_index(struct parser *parser, struct ddl_part *ddl)
{
    ddl->kind = DDL_CREATE_INDEX;
    read_exists(parser, ddl);
    (void)parser_name(parser);
    if (parser_accept_word(parser, KW_USING)) {
        (void)parser_name(parser);
    }
    parser_expect_word(parser, KW_ON);
    (void)add_table(parser, &parser->statement->tables);
    parse_index_constraint(parser, ddl);
    parser_skip_rest(parser);
}

static void read_create_view(struct parser *parser, struct ddl_part *ddl)
{
    ddl->kind = DDL_VIEW;
    read_exists(parser, ddl);
    (void)add_table(parser, &parser->statement->tables);
    if (parser_at(parser, TOKEN_LPAREN)) {
        parse_skip_name_list(parser);
    }
    parser_expect_word(parser, KW_AS);
    ddl->select = parse_query(parser);
    if (parser_at_word(parser, KW_WITH)) { // CHECK OPTION
        parser_skip_rest(parser);
    }
}

static void read_database(struct parser *parser, struct ddl_part *ddl, enum ddl_kind kind)
{
    ddl->kind = kind;
    read_exists(parser, ddl);
    if (kind != DDL_ALTER_DATABASE || parser_at_name(parser)) {
        ddl->database = parser_name(parser);
    }
    parser_skip_rest(parser);
}

// The table of a trigger: behind TRIGGER.
static void read_trigger_table(struct parser *parser)
{
    while (!parser_at(parser, TOKEN_END) && !parser_at_word(parser, KW_ON)) {
        parser_advance(parser);
    }
    parser_expect_word(parser, KW_ON);
    (void)add_table(parser, &parser->statement->tables);
}

static void read_routine(struct parser *parser, struct ddl_part *ddl)
{
    bool is_trigger = parser_at_word(parser, KW_TRIGGER);
    ddl->kind = DDL_ROUTINE;
    parser_advance(parser);
    if (is_trigger) {
        read_trigger_table(parser);
    }
    parse_routine_body(parser);
}

static void read_create_object(struct parser *parser, struct ddl_part *ddl)
{
    switch ((unsigned)parser->token.keyword) {
    case KW_TABLE:
        parser_advance(parser);
        read_create_table(parser, ddl);
        break;
    case KW_INDEX:
        parser_advance(parser);
        read_create_index(parser, ddl);
        break;
    case KW_VIEW:
        parser_advance(parser);
        read_create_view(parser, ddl);
        break;
    case KW_DATABASE:
    case KW_SCHEMA:
        parser_advance(parser);
        read_database(parser, ddl, DDL_CREATE_DATABASE);
        break;
    case KW_PROCEDURE:
    case KW_FUNCTION:
    case KW_TRIGGER:
    case KW_EVENT:
    case KW_PACKAGE:
        read_routine(parser, ddl);
        break;
    case KW_SEQUENCE:
        parser_advance(parser);
        read_exists(parser, ddl);
        (void)add_table(parser, &parser->statement->tables);
        parser_skip_rest(parser);
        break;
    default: // USER, ROLE, SERVER, TABLESPACE ...
        become_admin(parser, "CREATE");
        break;
    }
}

void parse_create(struct parser *parser)
{
    struct ddl_part *ddl = begin_ddl(parser);
    if (parser_accept_word(parser, KW_OR)) {
        parser_expect_word(parser, KW_REPLACE);
        ddl->is_replace = true;
    }
    for (;;) {
        if (parser_accept_word(parser, KW_TEMPORARY)) {
            set_temporary(parser, ddl);
            continue;
        }
        if (parser_accept_word(parser, KW_UNIQUE)) {
            ddl->is_unique = true;
            continue;
        }
        bool is_modifier = parser_accept_word(parser, KW_FULLTEXT) ||
                           parser_accept_word(parser, KW_SPATIAL) ||
                           parser_accept_word(parser, KW_AGGREGATE) || accept_object_option(parser);
        if (!is_modifier) {
            break;
        }
    }
    read_create_object(parser, ddl);
}

// ---- ALTER

// What follows the name: only other tables matter (RENAME TO b, EXCHANGE PARTITION p WITH TABLE b).
static void read_alterations(struct parser *parser, struct ddl_part *ddl, struct table_ref **last)
{
    while (!parser_at(parser, TOKEN_END) && !parser_at(parser, TOKEN_SEMICOLON)) {
        if (parser_accept_words(parser, KW_WITH, KW_TABLE)) {
            last = add_table(parser, last);
        } else if (parser_accept_word(parser, KW_RENAME)) {
            bool has_word = parser_accept_word(parser, KW_TO) ||
                            parser_accept_word(parser, KW_AS) || parser_accept(parser, TOKEN_EQUAL);
            if (has_word || parser_at_name(parser)) {
                last = add_table(parser, last);
            }
        } else if (!parse_alteration(parser, ddl)) {
            parser_skip_token(parser);
        }
    }
}

void parse_alter(struct parser *parser)
{
    struct ddl_part *ddl = begin_ddl(parser);
    while (parser_accept_word(parser, KW_ONLINE) || parser_accept_word(parser, KW_IGNORE) ||
           accept_object_option(parser)) {
    }
    switch ((unsigned)parser->token.keyword) {
    case KW_TABLE:
        ddl->kind = DDL_ALTER_TABLE;
        parser_advance(parser);
        read_exists(parser, ddl);
        read_alterations(parser, ddl, add_table(parser, &parser->statement->tables));
        break;
    case KW_VIEW:
        parser_advance(parser);
        read_create_view(parser, ddl);
        break;
    case KW_DATABASE:
    case KW_SCHEMA:
        parser_advance(parser);
        read_database(parser, ddl, DDL_ALTER_DATABASE);
        break;
    case KW_PROCEDURE:
    case KW_FUNCTION:
    case KW_EVENT:
        read_routine(parser, ddl);
        break;
    case KW_SEQUENCE:
        parser_advance(parser);
        read_exists(parser, ddl);
        (void)add_table(parser, &parser->statement->tables);
        parser_skip_rest(parser);
        break;
    default:
        become_admin(parser, "ALTER");
        break;
    }
}

// ---- DROP, TRUNCATE, RENAME

static void read_drop_tables(struct parser *parser, struct ddl_part *ddl, enum ddl_kind kind)
{
    ddl->kind = kind;
    parser_advance(parser);
    read_exists(parser, ddl);
    (void)read_table_list(parser);
    parser_skip_rest(parser); // WAIT n, CASCADE
}

static void read_drop_index(struct parser *parser, struct ddl_part *ddl)
{
    ddl->kind = DDL_DROP_INDEX;
    parser_advance(parser);
    read_exists(parser, ddl);
    (void)parser_name(parser);
    parser_expect_word(parser, KW_ON);
    (void)add_table(parser, &parser->statement->tables);
    parser_skip_rest(parser);
}

static void read_drop_trigger(struct parser *parser, struct ddl_part *ddl)
{
    ddl->kind = DDL_ROUTINE;
    parser_advance(parser);
    read_exists(parser, ddl);
    ddl->trigger = parser_text(parser, parse_table_name(parser)->name_span);
}

void parse_drop(struct parser *parser)
{
    if (parser_ahead(parser)->keyword == KW_PREPARE) {
        parse_prepare(parser);
        return;
    }
    struct ddl_part *ddl = begin_ddl(parser);
    if (parser_accept_word(parser, KW_TEMPORARY)) {
        set_temporary(parser, ddl);
    }
    switch ((unsigned)parser->token.keyword) {
    case KW_TABLE:
    case KW_TABLES:
        read_drop_tables(parser, ddl, DDL_DROP_TABLE);
        break;
    case KW_VIEW:
        read_drop_tables(parser, ddl, DDL_VIEW);
        break;
    case KW_SEQUENCE:
        read_drop_tables(parser, ddl, DDL_OTHER);
        break;
    case KW_INDEX:
        read_drop_index(parser, ddl);
        break;
    case KW_DATABASE:
    case KW_SCHEMA:
        parser_advance(parser);
        read_database(parser, ddl, DDL_DROP_DATABASE);
        break;
    case KW_TRIGGER:
        read_drop_trigger(parser, ddl);
        break;
    case KW_PROCEDURE:
    case KW_FUNCTION:
    case KW_EVENT:
    case KW_PACKAGE:
        ddl->kind = DDL_ROUTINE;
        parser_skip_rest(parser);
        break;
    default:
        become_admin(parser, "DROP");
        break;
    }
}

void parse_truncate(struct parser *parser)
{
    struct ddl_part *ddl = begin_ddl(parser);
    ddl->kind = DDL_TRUNCATE;
    (void)parser_accept_word(parser, KW_TABLE);
    (void)add_table(parser, &parser->statement->tables);
    parser_skip_rest(parser);
}

// RENAME TABLE a TO b, c TO d
void parse_rename(struct parser *parser)
{
    struct ddl_part *ddl = begin_ddl(parser);
    if (!parser_at_word(parser, KW_TABLE) && !parser_at_word(parser, KW_TABLES)) {
        become_admin(parser, "RENAME");
        return;
    }
    parser_advance(parser);
    ddl->kind = DDL_RENAME_TABLE;
    read_exists(parser, ddl);
    struct table_ref **last = &parser->statement->tables;
    do {
        last = add_table(parser, last);
        if (parser_accept_word(parser, KW_WAIT)) {
            (void)parse_primary(parser);
        } else {
            (void)parser_accept_word(parser, KW_NOWAIT);
        }
        parser_expect_word(parser, KW_TO);
        last = add_table(parser, last);
    } while (parser_accept(parser, TOKEN_COMMA));
}
