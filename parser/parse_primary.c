// Operands: literals, columns, variables, parentheses, and the forms that begin with a word of
// their own (CASE, EXISTS, INTERVAL ...). Calls of functions are in parse_function.c.

#include "parser/parse_impl.h"

static struct expr *failed(struct parser *parser)
{
    struct expr *expr = expr_new(parser, EXPR_OTHER, parser->token.span.begin);
    parser_fail(parser);
    return expr;
}

// ---- literals

static struct expr *read_literal(struct parser *parser, enum expr_kind kind)
{
    struct expr *expr = expr_new(parser, kind, parser->token.span.begin);
    expr->span = parser->token.span;
    expr->value = parser_text(parser, expr->span);
    parser_advance(parser);
    return expr;
}

static struct expr *read_hex(struct parser *parser, enum token_kind kind)
{
    struct expr *expr = read_literal(parser, EXPR_HEX);
    expr->value = kind == TOKEN_HEX ? literal_hex(parser->arena, expr->value)
                                    : literal_bits(parser->arena, expr->value);
    return expr;
}

// 'a' 'b' is one string.
static void join_strings(struct parser *parser, struct expr *expr)
{
    size_t capacity = 0;
    uint8_t *bytes = NULL;
    size_t len = expr->value.len;
    while (parser_at(parser, TOKEN_STRING)) {
        struct slice more = parser_string(parser);
        if (bytes == NULL || len + more.len > capacity) {
            capacity = (len + more.len) * 2 + 1;
            uint8_t *grown = arena_alloc(parser->arena, capacity);
            memcpy(grown, bytes == NULL ? expr->value.ptr : bytes, len);
            bytes = grown;
        }
        if (more.len > 0) {
            memcpy(bytes + len, more.ptr, more.len);
        }
        len += more.len;
    }
    expr->value = slice_of(bytes, len);
    expr->span.end = parser->token_end;
}

static struct expr *read_string(struct parser *parser)
{
    bool is_national = parser_at(parser, TOKEN_NATIONAL);
    struct expr *expr = read_literal(parser, EXPR_STRING);
    struct slice quoted = is_national ? slice_part(expr->value, 1, expr->value.len) : expr->value;
    expr->value = literal_string(parser->arena, quoted, parser->rules);
    expr->has_introducer = is_national;
    if (parser_at(parser, TOKEN_STRING)) {
        join_strings(parser, expr);
    }
    return expr;
}

// _utf8'..', _binary x'..': a name that is a character set, and a literal behind it.
static bool at_introducer(struct parser *parser)
{
    struct slice name = parser_text(parser, parser->token.span);
    if (name.ptr[0] != '_' || name.len < 2) {
        return false;
    }
    enum token_kind next = parser_ahead(parser)->kind;
    return (next == TOKEN_STRING || next == TOKEN_HEX || next == TOKEN_BITS) &&
           charset_find(slice_part(name, 1, name.len)) != NULL;
}

static struct expr *read_introduced(struct parser *parser)
{
    uint32_t begin = parser->token.span.begin;
    parser_advance(parser);
    struct expr *expr = parse_primary(parser);
    expr->has_introducer = true;
    expr->span.begin = begin;
    return expr;
}

static struct expr *read_bool(struct parser *parser, const char *value)
{
    struct expr *expr = read_literal(parser, EXPR_BOOL);
    expr->value = slice_of_string(value);
    return expr;
}

// DATE '2020-01-01': at the word, with a string behind it.
static struct expr *read_temporal(struct parser *parser)
{
    struct expr *expr = expr_new(parser, EXPR_TEMPORAL, parser->token.span.begin);
    parser_advance(parser);
    expr->value = parser_string(parser);
    expr->span.end = parser->token_end;
    return expr;
}

static struct expr *read_param(struct parser *parser)
{
    uint32_t index = parser->statement->param_count; // counted by the advance
    struct expr *expr = read_literal(parser, EXPR_PARAM);
    expr->value = (struct slice){0};
    expr->param_index = index;
    return expr;
}

// ---- variables

static struct expr *read_user_variable(struct parser *parser)
{
    struct expr *expr = read_literal(parser, EXPR_VARIABLE);
    struct slice name = slice_part(expr->value, 1, expr->value.len);
    expr->value = (struct slice){0};
    bool is_string = name.ptr[0] == '\'' || name.ptr[0] == '"';
    bool has_escapes = is_string && parser->rules.has_escapes &&
                       !(name.ptr[0] == '"' && (parser->lexer.sql_mode & SQL_ANSI_QUOTES) != 0);
    struct literal_rules rules = {has_escapes, parser->rules.wide};
    expr->name =
        is_string || name.ptr[0] == '`' ? literal_string(parser->arena, name, rules) : name;
    if (!parser_at(parser, TOKEN_ASSIGN)) {
        parser_add_fact(parser, FACT_READS_USER_VARIABLE);
        return expr;
    }
    parser_advance(parser);
    parser_add_fact(parser, FACT_SETS_USER_VARIABLE | FACT_NEEDS_PRIMARY);
    struct expr *assignment = expr_new(parser, EXPR_BINARY, expr->span.begin);
    struct expr_list list = {0};
    expr_list_add(parser, &list, expr);
    expr_list_add(parser, &list, parse_expr(parser)); // := takes all that follows
    expr_adopt(parser, assignment, list.items, list.count);
    assignment->op = OP_ASSIGN;
    return assignment;
}

static bool is_scope_word(struct slice name)
{
    return slice_is_nocase(name, "global") || slice_is_nocase(name, "session") ||
           slice_is_nocase(name, "local");
}

// A name behind @@ or behind a dot of it: no word is reserved there.
static struct slice read_variable_name(struct parser *parser)
{
    if (!parser_at(parser, TOKEN_NAME) && !parser_at(parser, TOKEN_QUOTED_NAME)) {
        parser_fail(parser);
        return (struct slice){0};
    }
    struct slice text = parser_text(parser, parser->token.span);
    parser_advance(parser);
    return literal_name(parser->arena, text, parser->rules.wide);
}

// @@name, @@scope.name (scope in `schema`), @@name.part (given as "name.part").
static struct expr *read_system_variable(struct parser *parser)
{
    struct expr *expr = expr_new(parser, EXPR_SYSTEM_VARIABLE, parser->token.span.begin);
    parser_advance(parser);
    expr->name = read_variable_name(parser);
    if (is_scope_word(expr->name) && parser_accept(parser, TOKEN_DOT)) {
        expr->schema = literal_lower(parser->arena, expr->name);
        expr->name = read_variable_name(parser);
    }
    if (parser_accept(parser, TOKEN_DOT)) {
        struct slice part = read_variable_name(parser);
        expr->name =
            arena_format(parser->arena, "%.*s.%.*s", (int)expr->name.len,
                         (const char *)expr->name.ptr, (int)part.len, (const char *)part.ptr);
    }
    expr->name = literal_lower(parser->arena, expr->name);
    expr->span.end = parser->token_end;
    parser_add_fact(parser, variable_facts(expr->name));
    return expr;
}

// ---- names

struct expr *parse_column(struct parser *parser)
{
    struct expr *expr = expr_new(parser, EXPR_COLUMN, parser->token.span.begin);
    expr->name = parser_name(parser);
    for (int dots = 0; dots < 2 && parser_accept(parser, TOKEN_DOT); dots++) {
        if (parser_at(parser, TOKEN_STAR)) {
            expr->kind = EXPR_STAR;
            expr->schema = expr->table;
            expr->table = expr->name;
            expr->name = (struct slice){0};
            parser_advance(parser);
            break;
        }
        expr->schema = expr->table;
        expr->table = expr->name;
        expr->name = parser_name(parser);
    }
    expr->span.end = parser->token_end;
    return expr;
}

// A column, or schema.function(...).
static struct expr *read_column_or_call(struct parser *parser)
{
    uint32_t begin = parser->token.span.begin;
    struct expr *expr = parse_column(parser);
    if (parser_at(parser, TOKEN_LPAREN) && expr->kind == EXPR_COLUMN && expr->schema.len == 0 &&
        expr->table.len > 0) {
        struct expr *call = parse_function(parser, expr->table, begin);
        call->name = expr->name;
        return call;
    }
    if (parser_at(parser, TOKEN_ARROW) || parser_at(parser, TOKEN_ARROW_TEXT)) {
        parser_advance(parser);
        (void)parser_string(parser);
        return expr_unary(parser, EXPR_OTHER, OP_OTHER, expr);
    }
    return expr;
}

// ---- words and parentheses

static struct expr *read_case(struct parser *parser)
{
    struct expr *expr = expr_new(parser, EXPR_OTHER, parser->token.span.begin);
    struct expr_list list = {0};
    parser_advance(parser);
    if (!parser_at_word(parser, KW_WHEN)) {
        expr_list_add(parser, &list, parse_expr(parser));
    }
    if (!parser_at_word(parser, KW_WHEN)) {
        parser_fail(parser);
    }
    while (parser_accept_word(parser, KW_WHEN)) {
        expr_list_add(parser, &list, parse_expr(parser));
        parser_expect_word(parser, KW_THEN);
        expr_list_add(parser, &list, parse_expr(parser));
    }
    if (parser_accept_word(parser, KW_ELSE)) {
        expr_list_add(parser, &list, parse_expr(parser));
    }
    parser_expect_word(parser, KW_END);
    expr_adopt(parser, expr, list.items, list.count);
    return expr;
}

static struct expr *read_exists(struct parser *parser)
{
    struct expr *expr = expr_new(parser, EXPR_EXISTS, parser->token.span.begin);
    parser_advance(parser);
    if (!parser_at(parser, TOKEN_LPAREN)) {
        return failed(parser);
    }
    struct expr *operand = parse_parens(parser);
    if (operand->kind != EXPR_SUBQUERY) {
        return failed(parser);
    }
    expr->query = operand->query;
    expr->span.end = operand->span.end;
    return expr;
}

// INTERVAL 1 DAY, or the function INTERVAL(a, b, ...), which only the comma tells from the
// parentheses of an amount.
struct expr *parse_interval(struct parser *parser, bool *is_function)
{
    uint32_t begin = parser->token.span.begin;
    *is_function = false;
    parser_advance(parser);
    struct expr *amount;
    if (parser_at(parser, TOKEN_LPAREN)) {
        amount = parse_parens(parser);
        if (amount->kind == EXPR_ROW) {
            amount->kind = EXPR_OTHER;
            amount->span.begin = begin;
            *is_function = true;
            return amount;
        }
        amount = parse_expr_rest(parser, amount, LEVEL_OR);
    } else {
        amount = parse_expr(parser);
    }
    if (!parser_at(parser, TOKEN_NAME)) { // the unit
        return failed(parser);
    }
    parser_advance(parser);
    struct expr *expr = expr_unary(parser, EXPR_OTHER, OP_OTHER, amount);
    expr->span.begin = begin;
    return expr;
}

// INTERVAL 1 DAY + x: the servers take a whole boolean test for x.
static struct expr *read_interval(struct parser *parser)
{
    bool is_function;
    struct expr *interval = parse_interval(parser, &is_function);
    if (is_function || !parser_accept(parser, TOKEN_PLUS)) {
        return interval;
    }
    struct expr *sum = expr_new(parser, EXPR_BINARY, interval->span.begin);
    struct expr_list list = {0};
    expr_list_add(parser, &list, interval);
    expr_list_add(parser, &list, parse_expr_level(parser, LEVEL_NOT));
    expr_adopt(parser, sum, list.items, list.count);
    sum->op = OP_OTHER;
    return sum;
}

// ODBC's {d '2020-01-01'} and {fn f(x)}: nothing to route by.
static struct expr *read_braces(struct parser *parser)
{
    uint32_t begin = parser->token.span.begin;
    parser_advance(parser);
    (void)parser_name(parser);
    struct expr *inside = parse_expr(parser);
    parser_expect(parser, TOKEN_RBRACE);
    struct expr *expr = expr_unary(parser, EXPR_OTHER, OP_OTHER, inside);
    expr->span.begin = begin;
    return expr;
}

// NEXT VALUE FOR s, PREVIOUS VALUE FOR s: as the functions of the same meaning.
static struct expr *read_sequence_value(struct parser *parser)
{
    bool is_next = parser_at_word(parser, KW_NEXT);
    struct expr *expr = expr_new(parser, EXPR_FUNCTION, parser->token.span.begin);
    struct expr_list list = {0};
    parser_advance(parser);
    parser_advance(parser);
    parser_expect_word(parser, KW_FOR);
    expr->name = slice_of_string(is_next ? "NEXTVAL" : "LASTVAL");
    expr_list_add(parser, &list, parse_column(parser));
    expr_adopt(parser, expr, list.items, list.count);
    parser_add_fact(parser, function_facts(expr->name).facts);
    parse_note_sequence(parser, expr);
    return expr;
}

static struct expr *read_subquery(struct parser *parser, uint32_t begin)
{
    struct expr *expr = expr_new(parser, EXPR_SUBQUERY, begin);
    expr->query = parse_subquery(parser);
    parser_expect(parser, TOKEN_RPAREN);
    expr->span.end = parser->token_end;
    return expr;
}

// ((SELECT ..) UNION ..), ((SELECT ..)), ((SELECT ..) + 1): only what follows the inner parentheses
// tells.
static struct expr *finish_parens(struct parser *parser, struct expr *inside, uint32_t begin)
{
    if (inside->kind == EXPR_SUBQUERY && !parser_at(parser, TOKEN_RPAREN) &&
        !parser_at(parser, TOKEN_COMMA)) {
        inside->query = parse_query_after(parser, inside->query);
    }
    if (!parser_at(parser, TOKEN_COMMA)) {
        parser_expect(parser, TOKEN_RPAREN);
        inside->span = parser_span_from(parser, begin);
        return inside;
    }
    struct expr *row = expr_new(parser, EXPR_ROW, begin);
    struct expr_list list = {0};
    expr_list_add(parser, &list, inside);
    parser_advance(parser);
    parse_expr_list(parser, &list);
    parser_expect(parser, TOKEN_RPAREN);
    expr_adopt(parser, row, list.items, list.count);
    return row;
}

struct expr *parse_parens(struct parser *parser)
{
    uint32_t begin = parser->token.span.begin;
    parser_expect(parser, TOKEN_LPAREN);
    if (!parser_enter(parser)) {
        return failed(parser);
    }
    struct expr *expr = parser_at_query(parser, &parser->token)
                            ? read_subquery(parser, begin)
                            : finish_parens(parser, parse_expr(parser), begin);
    parser_leave(parser);
    return expr;
}

static struct expr *read_row(struct parser *parser)
{
    uint32_t begin = parser->token.span.begin;
    parser_advance(parser);
    struct expr *expr = parse_parens(parser);
    expr->span.begin = begin;
    return expr;
}

// Words that begin something else than a column. NULL: none of them.
static struct expr *read_word(struct parser *parser)
{
    switch ((unsigned)parser->token.keyword) {
    case KW_NULL:
        return read_literal(parser, EXPR_NULL);
    case KW_TRUE:
        return read_bool(parser, "1");
    case KW_FALSE:
        return read_bool(parser, "0");
    case KW_CASE:
        return read_case(parser);
    case KW_EXISTS:
        return read_exists(parser);
    case KW_INTERVAL:
        return read_interval(parser);
    case KW_ROW:
        return parser_ahead(parser)->kind == TOKEN_LPAREN ? read_row(parser) : NULL;
    case KW_DATE:
    case KW_TIME:
    case KW_TIMESTAMP:
        return parser_ahead(parser)->kind == TOKEN_STRING ? read_temporal(parser) : NULL;
    case KW_NEXT:
    case KW_PREVIOUS:
        return parser_ahead(parser)->keyword == KW_VALUE ? read_sequence_value(parser) : NULL;
    default:
        return NULL;
    }
}

static struct expr *read_name(struct parser *parser)
{
    struct expr *expr = parser->token.keyword == KW_NONE ? NULL : read_word(parser);
    if (expr != NULL) {
        return expr;
    }
    if (parser->token.keyword != KW_NONE && parse_bare_function(parser, &expr)) {
        return expr;
    }
    if (parser_ahead(parser)->kind == TOKEN_LPAREN || parser_at_word(parser, KW_MATCH)) {
        return parse_function(parser, (struct slice){0}, parser->token.span.begin);
    }
    if (at_introducer(parser)) {
        return read_introduced(parser);
    }
    return parser_at_name(parser) ? read_column_or_call(parser) : failed(parser);
}

static struct expr *read_one(struct parser *parser)
{
    switch ((unsigned)parser->token.kind) {
    case TOKEN_NAME:
        return read_name(parser);
    case TOKEN_QUOTED_NAME:
        return parser_ahead(parser)->kind == TOKEN_LPAREN
                   ? parse_function(parser, (struct slice){0}, parser->token.span.begin)
                   : read_column_or_call(parser);
    case TOKEN_INTEGER:
        return read_literal(parser, EXPR_INTEGER);
    case TOKEN_DECIMAL:
        return read_literal(parser, EXPR_DECIMAL);
    case TOKEN_FLOAT:
        return read_literal(parser, EXPR_FLOAT);
    case TOKEN_STRING:
    case TOKEN_NATIONAL:
        return read_string(parser);
    case TOKEN_HEX:
    case TOKEN_BITS:
        return read_hex(parser, parser->token.kind);
    case TOKEN_NULL:
        return read_literal(parser, EXPR_NULL);
    case TOKEN_PARAM:
        return read_param(parser);
    case TOKEN_USER_VARIABLE:
        return read_user_variable(parser);
    case TOKEN_AT_AT:
        return read_system_variable(parser);
    case TOKEN_LPAREN:
        return parse_parens(parser);
    case TOKEN_LBRACE:
        return read_braces(parser);
    default:
        return failed(parser);
    }
}

struct expr *parse_primary(struct parser *parser)
{
    if (!parser_enter(parser)) {
        return failed(parser);
    }
    struct expr *expr = read_one(parser);
    parser_leave(parser);
    return expr;
}
