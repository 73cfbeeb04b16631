// Calls: the name, the arguments in the many forms that SQL has for them, and OVER. What a function
// means for the statement is in fact_table.c; here it is only asked.

#include "parser/parse_impl.h"

// Reserved words that are functions when a parenthesis follows.
static bool is_callable_word(enum keyword keyword)
{
    switch ((unsigned)keyword) {
    case KW_IF:
    case KW_LEFT:
    case KW_RIGHT:
    case KW_INSERT:
    case KW_REPLACE:
    case KW_REPEAT:
    case KW_MOD:
    case KW_CHAR:
    case KW_DATABASE:
    case KW_SCHEMA:
    case KW_VALUES:
    case KW_DEFAULT:
    case KW_CONVERT:
    case KW_MATCH:
    case KW_ROW_NUMBER:
    case KW_RANK:
    case KW_DENSE_RANK:
    case KW_CUME_DIST:
    case KW_PERCENT_RANK:
    case KW_FIRST_VALUE:
    case KW_LAST_VALUE:
    case KW_NTH_VALUE:
    case KW_NTILE:
    case KW_LAG:
    case KW_LEAD:
    case KW_GROUPING:
        return true;
    default:
        return false;
    }
}

// Words that are functions even without parentheses.
static bool is_bare_word(enum keyword keyword)
{
    switch ((unsigned)keyword) {
    case KW_CURRENT_DATE:
    case KW_CURRENT_TIME:
    case KW_CURRENT_TIMESTAMP:
    case KW_CURRENT_USER:
    case KW_CURRENT_ROLE:
    case KW_LOCALTIME:
    case KW_LOCALTIMESTAMP:
    case KW_UTC_DATE:
    case KW_UTC_TIME:
    case KW_UTC_TIMESTAMP:
        return true;
    default:
        return false;
    }
}

// ---- arguments: behind the opening parenthesis, to before the closing one

static void read_type(struct parser *parser)
{
    while (!parser_at(parser, TOKEN_RPAREN) && !parser_at(parser, TOKEN_END)) {
        parser_skip_token(parser);
    }
}

static void read_cast(struct parser *parser, struct expr_list *list)
{
    expr_list_add(parser, list, parse_expr(parser));
    parser_expect_word(parser, KW_AS);
    read_type(parser);
}

static void read_convert(struct parser *parser, struct expr_list *list)
{
    expr_list_add(parser, list, parse_expr(parser));
    if (!parser_accept_word(parser, KW_USING)) {
        parser_expect(parser, TOKEN_COMMA);
    }
    read_type(parser);
}

static void read_extract(struct parser *parser, struct expr_list *list)
{
    parser_advance(parser); // the unit
    parser_expect_word(parser, KW_FROM);
    expr_list_add(parser, list, parse_expr(parser));
}

static void read_trim(struct parser *parser, struct expr_list *list)
{
    bool has_side = parser_accept_word(parser, KW_LEADING) ||
                    parser_accept_word(parser, KW_TRAILING) || parser_accept_word(parser, KW_BOTH);
    if (!has_side || !parser_at_word(parser, KW_FROM)) {
        expr_list_add(parser, list, parse_expr(parser));
    }
    if (parser_accept_word(parser, KW_FROM)) {
        expr_list_add(parser, list, parse_expr(parser));
    } else if (has_side) {
        parser_fail(parser);
    }
}

static void read_substring(struct parser *parser, struct expr_list *list)
{
    expr_list_add(parser, list, parse_expr(parser));
    if (!parser_accept_word(parser, KW_FROM)) {
        parser_expect(parser, TOKEN_COMMA);
        parse_expr_list(parser, list);
        return;
    }
    expr_list_add(parser, list, parse_expr(parser));
    if (parser_accept_word(parser, KW_FOR)) {
        expr_list_add(parser, list, parse_expr(parser));
    }
}

static void read_position(struct parser *parser, struct expr_list *list)
{
    expr_list_add(parser, list, parse_expr_level(parser, LEVEL_BIT_OR));
    parser_expect_word(parser, KW_IN);
    expr_list_add(parser, list, parse_expr(parser));
}

// A word that is no column, and then ordinary arguments.
static void read_behind_word(struct parser *parser, struct expr_list *list)
{
    parser_advance(parser);
    parser_expect(parser, TOKEN_COMMA);
    parse_expr_list(parser, list);
}

static void read_char(struct parser *parser, struct expr_list *list)
{
    parse_expr_list(parser, list);
    if (parser_accept_word(parser, KW_USING)) {
        read_type(parser);
    }
}

// ORDER BY, SEPARATOR and LIMIT of the aggregates.
static void read_tail(struct parser *parser, struct expr *call, struct expr_list *list)
{
    struct call_tail tail = {.argument_count = list->count};
    if (parser_accept_words(parser, KW_ORDER, KW_BY)) {
        tail.order_by = parse_order_items(parser);
        for (const struct order_item *item = tail.order_by; item != NULL; item = item->next) {
            expr_list_add(parser, list, item->expr);
        }
    }
    if (parser_accept_word(parser, KW_SEPARATOR)) {
        struct expr *separator = parse_primary(parser);
        tail.separator = separator;
        expr_list_add(parser, list, separator);
    }
    if (parser_at_word(parser, KW_LIMIT)) {
        tail.has_limit = true;
        read_type(parser);
    }
    if (list->count > tail.argument_count || tail.has_limit) {
        struct call_tail *kept = arena_alloc(parser->arena, sizeof *kept);
        *kept = tail;
        call->tail = kept;
    }
}

// Also DISTINCT of the aggregates.
static void read_plain(struct parser *parser, struct expr *call, struct expr_list *list)
{
    if (parser_accept_word(parser, KW_DISTINCT)) {
        call->is_distinct = true;
    } else {
        (void)parser_accept_word(parser, KW_ALL);
    }
    if (parser_at(parser, TOKEN_STAR)) {
        struct expr *star = expr_new(parser, EXPR_STAR, parser->token.span.begin);
        parser_advance(parser);
        star->span.end = parser->token_end;
        expr_list_add(parser, list, star);
    } else if (!parser_at(parser, TOKEN_RPAREN)) {
        parse_expr_list(parser, list);
    }
    read_tail(parser, call, list);
    bool has_rest =
        slice_is_nocase(call->name, "json_value") || slice_is_nocase(call->name, "weight_string");
    if (has_rest) { // RETURNING type ON EMPTY ..., AS CHAR(3) LEVEL ...
        read_type(parser);
    }
}

// The arguments of dynamic columns may have types: COLUMN_GET(a, 'b' AS CHAR(10)).
static void read_typed(struct parser *parser, struct expr_list *list)
{
    do {
        expr_list_add(parser, list, parse_expr(parser));
        if (parser_accept_word(parser, KW_AS)) {
            while (!parser_at(parser, TOKEN_COMMA) && !parser_at(parser, TOKEN_RPAREN) &&
                   !parser_at(parser, TOKEN_END)) {
                parser_skip_token(parser);
            }
        }
    } while (parser_accept(parser, TOKEN_COMMA));
}

static bool is_dynamic_column(struct slice name)
{
    return slice_is_nocase(name, "column_create") || slice_is_nocase(name, "column_add") ||
           slice_is_nocase(name, "column_get");
}

static void read_arguments(struct parser *parser, enum keyword word, struct expr *call,
                           struct expr_list *list)
{
    switch ((unsigned)word) {
    case KW_CAST:
        read_cast(parser, list);
        break;
    case KW_CONVERT:
        read_convert(parser, list);
        break;
    case KW_EXTRACT:
        read_extract(parser, list);
        break;
    case KW_TRIM:
        read_trim(parser, list);
        break;
    case KW_SUBSTR:
    case KW_SUBSTRING:
    case KW_MID:
        read_substring(parser, list);
        break;
    case KW_POSITION:
        read_position(parser, list);
        break;
    case KW_GET_FORMAT:
    case KW_TIMESTAMPADD:
    case KW_TIMESTAMPDIFF:
        read_behind_word(parser, list);
        break;
    case KW_CHAR:
        read_char(parser, list);
        break;
    default:
        if (is_dynamic_column(call->name)) {
            read_typed(parser, list);
        } else {
            read_plain(parser, call, list);
        }
        break;
    }
}

// MATCH (a, b) AGAINST (expr IN BOOLEAN MODE): at the word.
static struct expr *read_match(struct parser *parser, uint32_t begin)
{
    struct expr *match = expr_new(parser, EXPR_OTHER, begin);
    struct expr_list list = {0};
    parser_advance(parser);
    if (parser_at(parser, TOKEN_LPAREN)) {
        parser_advance(parser);
        parse_expr_list(parser, &list);
        parser_expect(parser, TOKEN_RPAREN);
    } else { // MATCH a, b AGAINST
        do {
            expr_list_add(parser, &list, parse_column(parser));
        } while (parser_accept(parser, TOKEN_COMMA));
    }
    parser_expect_word(parser, KW_AGAINST);
    parser_expect(parser, TOKEN_LPAREN);
    expr_list_add(parser, &list, parse_expr_level(parser, LEVEL_BIT_OR));
    read_type(parser);
    parser_expect(parser, TOKEN_RPAREN);
    expr_adopt(parser, match, list.items, list.count);
    return match;
}

// ---- what follows a call

static void add_order(struct parser *parser, struct expr_list *list)
{
    for (struct order_item *item = parse_order_items(parser); item != NULL; item = item->next) {
        expr_list_add(parser, list, item->expr);
    }
}

// OVER w, OVER (w PARTITION BY .. ORDER BY .. ROWS ..): behind the word.
static void read_over(struct parser *parser, struct expr_list *list)
{
    if (!parser_at(parser, TOKEN_LPAREN)) {
        (void)parser_name(parser);
        return;
    }
    parser_advance(parser);
    if (!parser_at_word(parser, KW_PARTITION) && !parser_at_word(parser, KW_RANGE) &&
        !parser_at_word(parser, KW_ROWS) && parser_at_name(parser)) {
        (void)parser_name(parser);
    }
    if (parser_accept_words(parser, KW_PARTITION, KW_BY)) {
        parse_expr_list(parser, list);
    }
    if (parser_accept_words(parser, KW_ORDER, KW_BY)) {
        add_order(parser, list);
    }
    read_type(parser); // the frame
    parser_expect(parser, TOKEN_RPAREN);
}

static void note_call(struct parser *parser, struct expr *call, uint32_t argument_count)
{
    struct function_facts facts = function_facts(call->schema.len == 0 ? call->name : call->schema);
    bool is_unknown = facts.kind == FUNCTION_UNKNOWN || call->schema.len > 0 ||
                      (facts.kind == FUNCTION_WINDOW && !call->has_over);
    if (is_unknown) {
        parser_add_fact(parser, FACT_UNKNOWN_FUNCTION | FACT_NOT_DETERMINISTIC);
        return;
    }
    parser_add_fact(parser, argument_count > 0 ? facts.argument_facts : facts.facts);
    if (facts.kind != FUNCTION_AGGREGATE || call->has_over || parser->query == NULL) {
        return;
    }
    parser->query->has_aggregate = true;
    if (parser->query_depth == 0) {
        parser_add_fact(parser, FACT_AGGREGATE);
    }
}

static void finish_call(struct parser *parser, struct expr *call, struct expr_list *list)
{
    uint32_t argument_count = list->count;
    if (parser_at_words(parser, KW_WITHIN, KW_GROUP)) {
        parser_advance(parser);
        parser_advance(parser);
        parser_expect(parser, TOKEN_LPAREN);
        parser_expect_word(parser, KW_ORDER);
        parser_expect_word(parser, KW_BY);
        add_order(parser, list);
        parser_expect(parser, TOKEN_RPAREN);
    }
    bool is_over =
        parser_at_word(parser, KW_OVER) && (parser_ahead(parser)->kind == TOKEN_LPAREN ||
                                            parser_is_name(parser, parser_ahead(parser)));
    if (is_over) {
        parser_advance(parser);
        read_over(parser, list);
        call->has_over = true;
        parser_add_fact(parser, FACT_WINDOW);
        if (parser->query != NULL) {
            parser->query->has_window = true;
        }
    }
    expr_adopt(parser, call, list->items, list->count);
    note_call(parser, call, argument_count);
}

// With a schema, the function's own name has been read and the place is its parenthesis; the caller
// sets the name.
bool expr_is_sequence(const struct expr *call)
{
    bool has_name = slice_is_nocase(call->name, "NEXTVAL") ||
                    slice_is_nocase(call->name, "SETVAL") || slice_is_nocase(call->name, "LASTVAL");
    return call->kind == EXPR_FUNCTION && call->schema.len == 0 && has_name &&
           call->child_count > 0 && call->children[0]->kind == EXPR_COLUMN;
}

void parse_note_sequence(struct parser *parser, const struct expr *call)
{
    if (!parser->lexer.is_mariadb || !expr_is_sequence(call)) {
        return;
    }
    struct sequence_ref *sequence = arena_alloc(parser->arena, sizeof *sequence);
    sequence->table.schema = call->children[0]->table;
    sequence->table.name = call->children[0]->name;
    sequence->is_last = slice_is_nocase(call->name, "LASTVAL");
    sequence->next = parser->statement->sequences;
    parser->statement->sequences = sequence;
}

struct expr *parse_function(struct parser *parser, struct slice schema, uint32_t begin)
{
    struct expr *call = expr_new(parser, EXPR_FUNCTION, begin);
    enum keyword word = KW_NONE;
    call->schema = schema;
    if (schema.len == 0) {
        word = parser->token.keyword;
        bool is_allowed = parser_at_name(parser) || is_callable_word(word) || is_bare_word(word);
        if (!is_allowed) {
            parser_fail(parser);
            return call;
        }
        if (word == KW_MATCH) {
            return read_match(parser, begin);
        }
        call->name = literal_name(parser->arena, parser_text(parser, parser->token.span),
                                  parser->rules.wide);
        parser_advance(parser);
    }
    struct expr_list list = {0};
    parser_expect(parser, TOKEN_LPAREN);
    read_arguments(parser, word, call, &list);
    parser_expect(parser, TOKEN_RPAREN);
    finish_call(parser, call, &list);
    parse_note_sequence(parser, call);
    return call;
}

// CURRENT_TIMESTAMP without parentheses; DEFAULT alone. False: no such word stands here.
bool parse_bare_function(struct parser *parser, struct expr **call)
{
    if (parser_ahead(parser)->kind == TOKEN_LPAREN) {
        return false;
    }
    bool is_default = parser_at_word(parser, KW_DEFAULT);
    if (!is_default && !is_bare_word(parser->token.keyword)) {
        return false;
    }
    struct expr *expr =
        expr_new(parser, is_default ? EXPR_DEFAULT : EXPR_FUNCTION, parser->token.span.begin);
    expr->span = parser->token.span;
    if (!is_default) {
        expr->name = parser_text(parser, expr->span);
        parser_add_fact(parser, function_facts(expr->name).facts);
    }
    parser_advance(parser);
    *call = expr;
    return true;
}
