// The clauses of one SELECT: its list, FROM (in parse_table.c), WHERE, GROUP BY, HAVING, and the
// tail that may stand behind a whole union: ORDER BY, LIMIT, INTO, locks.

#include "parser/parse_impl.h"

// ---- the list

static bool at_alias_name(struct parser *parser)
{
    return parser_at_name(parser) && !parser_at_word(parser, KW_SOUNDS);
}

static struct slice read_item_alias(struct parser *parser)
{
    bool has_as = parser_accept_word(parser, KW_AS);
    if (parser_at(parser, TOKEN_STRING)) {
        return parser_string(parser);
    }
    return has_as || at_alias_name(parser) ? parser_name(parser) : (struct slice){0};
}

static struct select_item *read_item(struct parser *parser)
{
    struct select_item *item = arena_alloc(parser->arena, sizeof *item);
    uint32_t begin = parser->token.span.begin;
    if (parser_at(parser, TOKEN_STAR)) {
        item->expr = expr_new(parser, EXPR_STAR, begin);
        parser_advance(parser);
        item->expr->span.end = parser->token_end;
    } else {
        item->expr = parse_expr(parser);
        if (item->expr->kind != EXPR_STAR) {
            item->alias = read_item_alias(parser);
        }
    }
    item->span = parser_span_from(parser, begin);
    return item;
}

struct select_item *parse_select_items(struct parser *parser, uint32_t *count)
{
    struct select_item *first = NULL;
    struct select_item **last = &first;
    do {
        *last = read_item(parser);
        last = &(*last)->next;
        *count += 1;
    } while (parser_accept(parser, TOKEN_COMMA));
    return first;
}

static void read_options(struct parser *parser, struct query *query)
{
    for (;;) {
        switch ((unsigned)parser->token.keyword) {
        case KW_DISTINCT:
        case KW_DISTINCTROW:
            query->is_distinct = true;
            break;
        case KW_SQL_CALC_FOUND_ROWS:
            query->has_calc_found_rows = true;
            parser_add_fact(parser, FACT_CALC_FOUND_ROWS);
            break;
        case KW_SQL_BUFFER_RESULT: // not reserved: columns of that name are refused by MariaDB only
        case KW_SQL_CACHE:
        case KW_SQL_NO_CACHE:
        case KW_ALL:
        case KW_HIGH_PRIORITY:
        case KW_STRAIGHT_JOIN:
        case KW_SQL_SMALL_RESULT:
        case KW_SQL_BIG_RESULT:
            break;
        default:
            return;
        }
        parser_advance(parser);
    }
}

// ---- order and limit

struct order_item *parse_order_items(struct parser *parser)
{
    struct order_item *first = NULL;
    struct order_item **last = &first;
    do {
        struct order_item *item = arena_alloc(parser->arena, sizeof *item);
        item->expr = parse_expr(parser);
        item->is_descending = parser_at_word(parser, KW_DESC);
        if (item->is_descending || parser_at_word(parser, KW_ASC)) {
            parser_advance(parser);
        }
        *last = item;
        last = &item->next;
    } while (parser_accept(parser, TOKEN_COMMA));
    return first;
}

static struct expr *read_limit_value(struct parser *parser, struct query *query)
{
    if (parser_at(parser, TOKEN_INTEGER) || parser_at(parser, TOKEN_PARAM)) {
        return parse_primary(parser);
    }
    query->has_limit_expr = true;
    (void)parse_primary(parser);
    return NULL;
}

// FETCH FIRST 3 ROWS ONLY: at FETCH.
static void read_fetch(struct parser *parser, struct query *query)
{
    parser_advance(parser);
    if (!parser_accept_word(parser, KW_FIRST)) {
        parser_expect_word(parser, KW_NEXT);
    }
    if (parser_at_word(parser, KW_ROW) || parser_at_word(parser, KW_ROWS)) {
        query->limit = expr_new(parser, EXPR_INTEGER, parser->token.span.begin);
        query->limit->value = slice_of_string("1");
    } else {
        query->limit = read_limit_value(parser, query);
    }
    if (!parser_accept_word(parser, KW_ROW)) {
        parser_expect_word(parser, KW_ROWS);
    }
    if (parser_accept_words(parser, KW_WITH, KW_TIES)) {
        query->has_limit_expr = true;
    } else {
        parser_expect_word(parser, KW_ONLY);
    }
}

static void read_offset_fetch(struct parser *parser, struct query *query)
{
    if (parser_accept_word(parser, KW_OFFSET)) {
        query->offset = read_limit_value(parser, query);
        if (!parser_accept_word(parser, KW_ROW)) {
            parser_expect_word(parser, KW_ROWS);
        }
    }
    if (parser_at_word(parser, KW_FETCH)) {
        read_fetch(parser, query);
    }
}

void parse_limit(struct parser *parser, struct query *query)
{
    uint32_t begin = parser->token.span.begin;
    if (!parser_accept_word(parser, KW_LIMIT)) {
        if (parser_at_word(parser, KW_OFFSET) || parser_at_word(parser, KW_FETCH)) {
            read_offset_fetch(parser, query);
            query->limit_span = parser_span_from(parser, begin);
        }
        return;
    }
    if (!parser_at_word(parser, KW_ROWS)) {
        query->limit = read_limit_value(parser, query);
        if (parser_accept(parser, TOKEN_COMMA)) {
            query->offset = query->limit;
            query->limit = read_limit_value(parser, query);
        } else if (parser_accept_word(parser, KW_OFFSET)) {
            query->offset = read_limit_value(parser, query);
        }
    }
    if (parser_accept_words(parser, KW_ROWS, KW_EXAMINED)) {
        query->has_limit_expr = true;
        (void)parse_primary(parser);
    }
    query->limit_span = parser_span_from(parser, begin);
}

// ---- the tail

// INTO @a, @b; INTO OUTFILE 'x' ...; INTO DUMPFILE 'x': at INTO.
static void read_into(struct parser *parser, struct query *query)
{
    query->has_into = true;
    parser_advance(parser);
    if (parser_accept_word(parser, KW_DUMPFILE)) {
        (void)parser_string(parser);
        parser_add_fact(parser, FACT_OUTFILE | FACT_NEEDS_PRIMARY);
        return;
    }
    if (!parser_accept_word(parser, KW_OUTFILE)) {
        do {
            parser_expect(parser, TOKEN_USER_VARIABLE);
        } while (parser_accept(parser, TOKEN_COMMA));
        parser_add_fact(parser, FACT_SETS_USER_VARIABLE | FACT_NEEDS_PRIMARY);
        return;
    }
    (void)parser_string(parser);
    parser_add_fact(parser, FACT_OUTFILE | FACT_NEEDS_PRIMARY);
    // CHARACTER SET x FIELDS TERMINATED BY ',' ... LINES ...: up to what can follow them
    while (!parser_at(parser, TOKEN_END) && !parser_at(parser, TOKEN_SEMICOLON) &&
           !parser_at(parser, TOKEN_RPAREN) && !parser_at_word(parser, KW_FROM) &&
           !parser_at_word(parser, KW_FOR) && !parser_at_word(parser, KW_LOCK)) {
        parser_skip_token(parser);
    }
}

static void read_lock_wait(struct parser *parser)
{
    if (parser_accept_word(parser, KW_OF)) {
        do {
            (void)parse_table_name(parser);
        } while (parser_accept(parser, TOKEN_COMMA));
    }
    if (parser_accept_word(parser, KW_NOWAIT) || parser_accept_words(parser, KW_SKIP, KW_LOCKED)) {
        return;
    }
    if (parser_accept_word(parser, KW_WAIT)) {
        (void)parse_primary(parser);
    }
}

// FOR UPDATE, FOR SHARE, LOCK IN SHARE MODE.
static void read_locks(struct parser *parser, struct query *query)
{
    for (;;) {
        uint32_t begin = parser->token.span.begin;
        if (parser_accept_words(parser, KW_FOR, KW_UPDATE)) {
            query->lock = LOCK_UPDATE;
        } else if (parser_accept_words(parser, KW_FOR, KW_SHARE)) {
            query->lock = query->lock == LOCK_UPDATE ? LOCK_UPDATE : LOCK_SHARE;
        } else if (parser_accept_words(parser, KW_LOCK, KW_IN)) {
            parser_expect_word(parser, KW_SHARE);
            parser_expect_word(parser, KW_MODE);
            query->lock = LOCK_SHARE;
        } else {
            return;
        }
        query->lock_at = query->lock_at == 0 ? begin : query->lock_at;
        parser_add_fact(parser, FACT_LOCKS_ROWS);
        read_lock_wait(parser);
    }
}

bool parse_at_tail(struct parser *parser)
{
    switch ((unsigned)parser->token.keyword) {
    case KW_ORDER:
    case KW_LIMIT:
    case KW_FETCH:
    case KW_PROCEDURE:
    case KW_INTO:
        return true;
    case KW_OFFSET:
        return !parser_at_name(parser);
    case KW_FOR:
    case KW_LOCK:
        switch ((unsigned)parser_ahead(parser)->keyword) {
        case KW_UPDATE:
        case KW_SHARE:
        case KW_IN:
            return true;
        default:
            return false;
        }
    default:
        return false;
    }
}

void parse_tail(struct parser *parser, struct query *query)
{
    if (parser_at_word(parser, KW_ORDER)) {
        uint32_t begin = parser->token.span.begin;
        parser_advance(parser);
        parser_expect_word(parser, KW_BY);
        query->order_by = parse_order_items(parser);
        query->order_by_span = parser_span_from(parser, begin);
    }
    parse_limit(parser, query);
    if (parser_accept_word(parser, KW_PROCEDURE)) { // ANALYSE(..): the rows are not the table's
        query->has_limit_expr = true;
        (void)parse_primary(parser);
    }
    if (parser_at_word(parser, KW_INTO)) {
        read_into(parser, query);
    }
    read_locks(parser, query);
    if (parser_at_word(parser, KW_INTO) && !query->has_into) {
        read_into(parser, query);
    }
}

// ---- one SELECT

static void read_group_by(struct parser *parser, struct query *query)
{
    uint32_t begin = parser->token.span.begin;
    if (parser_accept_words(parser, KW_GROUP, KW_BY)) {
        query->group_by = parse_order_items(parser);
        query->group_by_span = parser_span_from(parser, begin);
        begin = parser->token.span.begin;
        query->has_rollup = parser_accept_words(parser, KW_WITH, KW_ROLLUP);
        query->rollup_span =
            query->has_rollup ? parser_span_from(parser, begin) : query->rollup_span;
    }
    if (parser_accept_word(parser, KW_HAVING)) {
        query->having = parse_expr(parser);
    }
}

// WINDOW w AS (...), v AS (...): what is in the parentheses matters to nobody but the server.
static void read_windows(struct parser *parser)
{
    if (!parser_at_word(parser, KW_WINDOW)) {
        return;
    }
    parser_advance(parser);
    do {
        (void)parser_name(parser);
        parser_expect_word(parser, KW_AS);
        if (parser_at(parser, TOKEN_LPAREN)) {
            parser_skip_parens(parser);
        } else {
            parser_fail(parser);
        }
    } while (parser_accept(parser, TOKEN_COMMA));
}

struct query *parse_select_arm(struct parser *parser)
{
    struct query *query = arena_alloc(parser->arena, sizeof *query);
    query->span.begin = parser->token.span.begin;
    parser->query = query;
    parser_expect_word(parser, KW_SELECT);
    read_options(parser, query);
    uint32_t begin = parser->token.span.begin;
    query->items = parse_select_items(parser, &query->item_count);
    query->items_span = parser_span_from(parser, begin);
    if (parser_at_word(parser, KW_INTO)) {
        read_into(parser, query);
    }
    if (parser_accept_word(parser, KW_FROM)) {
        query->tables = parse_table_refs(parser);
    }
    begin = parser->token.span.begin;
    if (parser_accept_word(parser, KW_WHERE)) {
        query->where = parse_expr(parser);
        query->where_span = parser_span_from(parser, begin);
    }
    read_group_by(parser, query);
    read_windows(parser);
    query->span = parser_span_from(parser, query->span.begin);
    return query;
}
