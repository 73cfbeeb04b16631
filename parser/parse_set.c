// SET in its many forms, as a list of items that a session can remember and replay. A scope word
// counts for the items behind it, too, until the next one (SET GLOBAL a = 1, b = 2 sets two global
// variables); @@global.x counts for one.

#include "parser/parse_impl.h"

static struct set_item *new_item(struct parser *parser, enum set_scope scope, const char *name)
{
    struct set_item *item = arena_alloc(parser->arena, sizeof *item);
    item->scope = scope;
    item->name = slice_of_string(name);
    item->is_constant = true;
    return item;
}

static struct expr *new_string(struct parser *parser, struct span span, struct slice value)
{
    struct expr *expr = expr_new(parser, EXPR_STRING, span.begin);
    expr->span = span;
    expr->value = value;
    return expr;
}

// ---- values

static bool is_constant(const struct expr *expr)
{
    switch (expr->kind) {
    case EXPR_INTEGER:
    case EXPR_DECIMAL:
    case EXPR_FLOAT:
    case EXPR_STRING:
    case EXPR_HEX:
    case EXPR_NULL:
    case EXPR_BOOL:
    case EXPR_TEMPORAL:
        return true;
    case EXPR_UNARY:
        return expr->op == OP_MINUS && is_constant(expr->children[0]);
    case EXPR_DEFAULT:
    case EXPR_PARAM:
    case EXPR_COLUMN:
    case EXPR_STAR:
    case EXPR_FUNCTION:
    case EXPR_BINARY:
    case EXPR_BETWEEN:
    case EXPR_IN:
    case EXPR_ROW:
    case EXPR_SUBQUERY:
    case EXPR_EXISTS:
    case EXPR_IN_SUBQUERY:
    case EXPR_VARIABLE:
    case EXPR_SYSTEM_VARIABLE:
    case EXPR_OTHER:
        return false;
    }
    return false;
}

// ON, ALL, BINARY are reserved, but values here.
static bool at_value_word(struct parser *parser)
{
    switch ((unsigned)parser->token.keyword) {
    case KW_ON:
    case KW_ALL:
    case KW_BINARY:
    case KW_ROW:
    case KW_SYSTEM:
        break;
    default:
        return false;
    }
    const struct token *next = parser_ahead(parser);
    return next->kind == TOKEN_END || next->kind == TOKEN_SEMICOLON || next->kind == TOKEN_COMMA ||
           next->keyword == KW_FOR;
}

static void read_value(struct parser *parser, struct set_item *item)
{
    struct span span = parser->token.span;
    if (parser_at_word(parser, KW_DEFAULT) && parser_ahead(parser)->kind != TOKEN_LPAREN) {
        parser_advance(parser);
        return;
    }
    if (at_value_word(parser)) {
        item->value = new_string(parser, span, parser_text(parser, span));
        parser_advance(parser);
        return;
    }
    struct expr *value = parse_expr(parser);
    bool is_word = value->kind == EXPR_COLUMN && value->table.len == 0;
    if (is_word && item->scope != SCOPE_USER) {
        value = new_string(parser, value->span, value->name);
    }
    item->value = value;
    item->is_constant = is_constant(value);
}

static void read_equal(struct parser *parser)
{
    if (!parser_accept(parser, TOKEN_ASSIGN)) {
        parser_expect(parser, TOKEN_EQUAL);
    }
}

// ---- items

// NAMES x [COLLATE y], CHARACTER SET x: behind the words.
static void read_character_set(struct parser *parser, struct set_item *item)
{
    uint32_t begin = parser->token.span.begin;
    if (parser_accept_word(parser, KW_DEFAULT)) {
        return;
    }
    struct slice name;
    if (parser_at_word(parser, KW_BINARY)) {
        name = parser_text(parser, parser->token.span);
        parser_advance(parser);
    } else {
        name = parser_name_or_text(parser);
    }
    item->value = new_string(parser, parser_span_from(parser, begin), name);
}

static struct set_item *read_names(struct parser *parser)
{
    struct set_item *item = new_item(parser, SCOPE_SESSION, "names");
    parser_advance(parser);
    read_character_set(parser, item);
    if (parser_accept_word(parser, KW_COLLATE) && !parser_accept_word(parser, KW_DEFAULT)) {
        item->collation = parser_name_or_text(parser);
    }
    return item;
}

static struct set_item *read_user_variable(struct parser *parser)
{
    struct set_item *item = new_item(parser, SCOPE_USER, "");
    item->name = parser_user_variable(parser);
    read_equal(parser);
    read_value(parser, item);
    return item;
}

static struct set_item *read_system_variable(struct parser *parser)
{
    uint32_t facts = parser->statement->facts; // it is set, not read
    struct expr *variable = parse_primary(parser);
    parser->statement->facts = facts;
    struct set_item *item = new_item(parser, SCOPE_SESSION, "");
    item->name = variable->name;
    if (slice_is_nocase(variable->schema, "global")) {
        item->scope = SCOPE_GLOBAL;
    }
    read_equal(parser);
    read_value(parser, item);
    return item;
}

static struct set_item *read_variable(struct parser *parser, enum set_scope scope)
{
    struct set_item *item = new_item(parser, scope, "");
    struct slice name = parser_name(parser);
    if (parser_accept(parser, TOKEN_DOT)) {
        struct slice part = parser_name(parser);
        name = arena_format(parser->arena, "%.*s.%.*s", (int)name.len, (const char *)name.ptr,
                            (int)part.len, (const char *)part.ptr);
    }
    item->name = literal_lower(parser->arena, name);
    read_equal(parser);
    read_value(parser, item);
    return item;
}

static bool is_before_value(struct parser *parser)
{
    enum token_kind next = parser_ahead(parser)->kind;
    return next == TOKEN_EQUAL || next == TOKEN_ASSIGN || next == TOKEN_DOT;
}

// GLOBAL, SESSION ... before a name: reads it.
static void read_scope(struct parser *parser, enum set_scope *scope)
{
    if (is_before_value(parser)) {
        return; // a variable of that name
    }
    switch ((unsigned)parser->token.keyword) {
    case KW_GLOBAL:
    case KW_PERSIST:
    case KW_PERSIST_ONLY:
        *scope = SCOPE_GLOBAL;
        break;
    case KW_SESSION:
    case KW_LOCAL:
        *scope = SCOPE_SESSION;
        break;
    default:
        return;
    }
    parser_advance(parser);
}

static struct set_item *read_item(struct parser *parser, enum set_scope *scope)
{
    if (parser_at(parser, TOKEN_USER_VARIABLE)) {
        return read_user_variable(parser);
    }
    if (parser_at(parser, TOKEN_AT_AT)) {
        return read_system_variable(parser);
    }
    if (parser_at_word(parser, KW_NAMES) && !is_before_value(parser)) {
        return read_names(parser);
    }
    bool is_charset = parser_at_word(parser, KW_CHARSET) && !is_before_value(parser);
    if (is_charset || parser_at_words(parser, KW_CHARACTER, KW_SET)) {
        struct set_item *item = new_item(parser, SCOPE_SESSION, "character set");
        parser_advance(parser);
        (void)parser_accept_word(parser, KW_SET);
        read_character_set(parser, item);
        return item;
    }
    read_scope(parser, scope);
    return read_variable(parser, *scope);
}

static struct set_item *read_items(struct parser *parser, enum set_scope scope)
{
    struct set_item *first = NULL;
    struct set_item **last = &first;
    do {
        uint32_t begin = parser->token.span.begin;
        struct set_item *item = read_item(parser, &scope);
        item->span = parser_span_from(parser, begin);
        *last = item;
        last = &item->next;
    } while (parser_accept(parser, TOKEN_COMMA));
    return first;
}

// ---- SET TRANSACTION

static const char *read_isolation(struct parser *parser)
{
    if (parser_accept_word(parser, KW_SERIALIZABLE)) {
        return "SERIALIZABLE";
    }
    if (parser_accept_word(parser, KW_REPEATABLE)) {
        parser_expect_word(parser, KW_READ);
        return "REPEATABLE-READ";
    }
    parser_expect_word(parser, KW_READ);
    if (parser_accept_word(parser, KW_COMMITTED)) {
        return "READ-COMMITTED";
    }
    parser_expect_word(parser, KW_UNCOMMITTED);
    return "READ-UNCOMMITTED";
}

static struct set_item *read_characteristic(struct parser *parser, enum set_scope scope)
{
    uint32_t begin = parser->token.span.begin;
    bool is_isolation = parser_accept_word(parser, KW_ISOLATION);
    struct set_item *item =
        new_item(parser, scope, is_isolation ? "transaction isolation" : "transaction access");
    const char *value;
    if (is_isolation) {
        parser_expect_word(parser, KW_LEVEL);
        value = read_isolation(parser);
    } else {
        parser_expect_word(parser, KW_READ);
        bool is_write = parser_accept_word(parser, KW_WRITE);
        if (!is_write) {
            parser_expect_word(parser, KW_ONLY);
        }
        value = is_write ? "READ-WRITE" : "READ-ONLY";
    }
    item->span = parser_span_from(parser, begin);
    item->value = new_string(parser, item->span, slice_of_string(value));
    return item;
}

static void read_transaction(struct parser *parser, enum set_scope scope)
{
    struct set_item *first = read_characteristic(parser, scope);
    parser->statement->set = first;
    if (parser_accept(parser, TOKEN_COMMA)) {
        first->next = read_characteristic(parser, scope);
        if (slice_equal(first->name, first->next->name)) {
            parser_fail(parser); // one of each
        }
    }
}

// [GLOBAL | SESSION | LOCAL] TRANSACTION: reads the words. False: something else stands here.
static bool accept_transaction(struct parser *parser, enum set_scope *scope)
{
    if (parser_at_word(parser, KW_TRANSACTION) && !is_before_value(parser)) {
        *scope = SCOPE_ONCE;
        parser_advance(parser);
        return true;
    }
    bool is_scope = parser_at_word(parser, KW_GLOBAL) || parser_at_word(parser, KW_SESSION) ||
                    parser_at_word(parser, KW_LOCAL);
    if (!is_scope || parser_ahead(parser)->keyword != KW_TRANSACTION) {
        return false;
    }
    *scope = parser_at_word(parser, KW_GLOBAL) ? SCOPE_GLOBAL : SCOPE_SESSION;
    parser_advance(parser);
    if (is_before_value(parser)) { // a variable named so
        return false;
    }
    parser_advance(parser);
    return true;
}

// ---- the statement

// SET STATEMENT a = 1, b = 2 FOR statement: the statement is what matters.
static void read_for_statement(struct parser *parser)
{
    parser_advance(parser);
    struct set_item *items = read_items(parser, SCOPE_STATEMENT);
    parser_expect_word(parser, KW_FOR);
    for (struct set_item *item = items; item != NULL; item = item->next) {
        item->scope = SCOPE_STATEMENT;
    }
    if (!parser_enter(parser)) {
        return;
    }
    bool is_nested = parser_at_word(parser, KW_SET);
    if (is_nested) { // the inner statement's items would stand in for the outer's
        parser_fail(parser);
    }
    parse_any_statement(parser);
    parser->statement->set = items;
    parser_leave(parser);
}

void parse_set(struct parser *parser)
{
    struct statement *statement = parser->statement;
    if (parser_ahead(parser)->keyword == KW_DEFAULT) { // SET DEFAULT ROLE
        parse_accounts(parser);
        return;
    }
    parser_begin(parser, STATEMENT_SET, 0);
    bool is_name = !is_before_value(parser);
    enum set_scope scope = SCOPE_SESSION;
    if (is_name && parser_at_word(parser, KW_STATEMENT)) {
        read_for_statement(parser);
    } else if (parser_at_word(parser, KW_PASSWORD)) {
        parse_accounts(parser);
    } else if (is_name && parser_at_word(parser, KW_ROLE)) {
        statement->set = new_item(parser, SCOPE_SESSION, "role");
        statement->set->is_constant = false;
        statement->set->span = parser->token.span;
        parser_skip_rest(parser);
        statement->set->span.end = parser->token_end;
    } else if (accept_transaction(parser, &scope)) {
        read_transaction(parser, scope);
    } else {
        statement->set = read_items(parser, scope);
    }
}
