// Query expressions: arms joined by UNION and the like, what stands behind the last one, WITH, and
// subqueries.
//
//     [WITH ...] arm UNION arm UNION (arm) ORDER BY ... LIMIT ... FOR UPDATE
//
// The arms are a plain list. ORDER BY, LIMIT and locks are read behind every arm: in the servers'
// grammar, too, they can only belong to the last one, unless parentheses say otherwise. An arm in
// parentheses that is more than one SELECT becomes `nested`. The clauses of one SELECT are in
// parse_clause.c.

#include "parser/parse_impl.h"

bool parser_at_query(struct parser *parser, const struct token *token)
{
    switch ((unsigned)token->keyword) {
    case KW_SELECT:
    case KW_WITH:
        return true;
    case KW_VALUES: // VALUES(x) of ON DUPLICATE KEY UPDATE is a function
        return !parser->is_in_on_duplicate;
    case KW_TABLE:
        return !parser->lexer.is_mariadb;
    default:
        return false;
    }
}

// ---- subqueries

void parse_note_subquery(struct parser *parser, struct query *query)
{
    struct statement *statement = parser->statement;
    if (statement->subquery_count == parser->subquery_capacity) {
        uint32_t capacity = parser->subquery_capacity == 0 ? 4 : parser->subquery_capacity * 2;
        struct query **grown = arena_alloc(parser->arena, capacity * sizeof(struct query *));
        if (statement->subquery_count > 0) {
            memcpy(grown, statement->subqueries,
                   statement->subquery_count * sizeof(struct query *));
        }
        statement->subqueries = grown;
        parser->subquery_capacity = capacity;
    }
    statement->subqueries[statement->subquery_count++] = query;
    parser_add_fact(parser, FACT_SUBQUERY);
}

// For one whose own subqueries have been noted already: to its place in the order of the text.
static void note_subquery_at(struct parser *parser, struct query *query, uint32_t index)
{
    parse_note_subquery(parser, query);
    struct query **list = parser->statement->subqueries;
    for (uint32_t i = parser->statement->subquery_count - 1; i > index; i--) {
        list[i] = list[i - 1];
    }
    list[index] = query;
}

// The place in the list is taken before the subquery's own subqueries are read.
struct query *parse_subquery(struct parser *parser)
{
    uint32_t index = parser->statement->subquery_count;
    parse_note_subquery(parser, NULL);
    struct query *outer = parser->query;
    parser->query_depth++;
    struct query *query = parse_query(parser);
    parser->query_depth--;
    parser->query = outer;
    parser->statement->subqueries[index] = query;
    return query;
}

// ---- WITH

static void add_cte(struct parser *parser, struct slice name)
{
    struct cte_name *cte = arena_alloc(parser->arena, sizeof *cte);
    cte->name = name;
    cte->next = parser->ctes;
    parser->ctes = cte;
}

static struct query *read_cte(struct parser *parser, bool is_recursive)
{
    struct slice name = parser_name(parser);
    if (parser_at(parser, TOKEN_LPAREN)) {
        parse_skip_name_list(parser);
    }
    parser_expect_word(parser, KW_AS);
    parser_expect(parser, TOKEN_LPAREN);
    if (is_recursive) {
        add_cte(parser, name);
    }
    struct query *query = parse_subquery(parser);
    parser_expect(parser, TOKEN_RPAREN);
    if (!is_recursive) {
        add_cte(parser, name);
    }
    if (parser_accept_word(parser, KW_CYCLE)) {
        do {
            (void)parser_name(parser);
        } while (parser_accept(parser, TOKEN_COMMA));
        parser_expect_word(parser, KW_RESTRICT);
    }
    return query;
}

struct query *parse_ctes(struct parser *parser, bool *is_recursive)
{
    struct query *first = NULL;
    struct query **last = &first;
    parser_expect_word(parser, KW_WITH);
    *is_recursive = parser_accept_word(parser, KW_RECURSIVE);
    do {
        struct query *query = read_cte(parser, *is_recursive);
        *last = query;
        last = &query->next_cte;
    } while (parser_accept(parser, TOKEN_COMMA));
    return first;
}

// ---- arms

static bool is_single(const struct query *query)
{
    return query->next == NULL && !query->has_with;
}

static bool has_tail(const struct query *query)
{
    return query->order_by != NULL || query->limit != NULL || query->has_limit_expr ||
           query->lock != LOCK_NONE || query->has_into;
}

static struct query *wrapped(struct parser *parser, struct query *inner, struct span span)
{
    struct query *arm = arena_alloc(parser->arena, sizeof *arm);
    arm->nested = inner;
    arm->is_parenthesized = true;
    arm->span = span;
    return arm;
}

// What is read in parentheses as an arm: at the opening one.
static struct query *read_parenthesized(struct parser *parser)
{
    uint32_t begin = parser->token.span.begin;
    if (!parser_enter(parser)) {
        return arena_alloc(parser->arena, sizeof(struct query));
    }
    parser_expect(parser, TOKEN_LPAREN);
    uint32_t index = parser->statement->subquery_count;
    struct query *inner = parse_query(parser);
    parser_expect(parser, TOKEN_RPAREN);
    parser_leave(parser);
    struct span span = parser_span_from(parser, begin);
    if (is_single(inner)) {
        inner->is_parenthesized = true;
        inner->has_outer_order = false;
        inner->span = span;
        inner->whole_span = span;
        return inner;
    }
    note_subquery_at(parser, inner, index);
    return wrapped(parser, inner, span);
}

static struct query *read_values(struct parser *parser)
{
    struct query *query = arena_alloc(parser->arena, sizeof *query);
    query->is_values = true;
    query->span.begin = parser->token.span.begin;
    parser->query = query;
    parser_advance(parser);
    do {
        struct expr_list list = {0};
        (void)parser_accept_word(parser, KW_ROW);
        parser_expect(parser, TOKEN_LPAREN);
        parse_expr_list(parser, &list);
        parser_expect(parser, TOKEN_RPAREN);
    } while (parser_accept(parser, TOKEN_COMMA));
    query->span = parser_span_from(parser, query->span.begin);
    return query;
}

// TABLE t is SELECT * FROM t (MySQL 8).
static struct query *read_table(struct parser *parser)
{
    struct query *query = arena_alloc(parser->arena, sizeof *query);
    uint32_t begin = parser->token.span.begin;
    parser_advance(parser);
    query->items = arena_alloc(parser->arena, sizeof *query->items);
    query->items->expr = expr_new(parser, EXPR_STAR, begin);
    query->items->span = (struct span){begin, begin};
    query->items_span = query->items->span;
    query->item_count = 1;
    query->tables = parse_table_name(parser);
    query->span = parser_span_from(parser, begin);
    return query;
}

static struct query *read_arm(struct parser *parser)
{
    switch ((unsigned)parser->token.keyword) {
    case KW_SELECT:
        return parse_select_arm(parser);
    case KW_VALUES:
        return read_values(parser);
    case KW_TABLE:
        return read_table(parser);
    default:
        break;
    }
    if (parser_at(parser, TOKEN_LPAREN)) {
        return read_parenthesized(parser);
    }
    parser_fail(parser);
    return arena_alloc(parser->arena, sizeof(struct query));
}

// At UNION, INTERSECT or EXCEPT: reads it. SET_OP_NONE: no such word.
static enum set_op read_set_op(struct parser *parser)
{
    enum set_op op;
    switch ((unsigned)parser->token.keyword) {
    case KW_UNION:
        op = SET_OP_UNION;
        break;
    case KW_INTERSECT:
        op = SET_OP_INTERSECT;
        break;
    case KW_EXCEPT:
        op = SET_OP_EXCEPT;
        break;
    default:
        return SET_OP_NONE;
    }
    parser_advance(parser);
    if (parser_accept_word(parser, KW_ALL)) {
        return op == SET_OP_UNION ? SET_OP_UNION_ALL : op;
    }
    (void)parser_accept_word(parser, KW_DISTINCT);
    return op;
}

// ---- the whole expression

// Behind an arm: ORDER BY, LIMIT and the like; false when there are none. `*arm` is replaced when
// it has such clauses of its own already.
static bool read_tail(struct parser *parser, struct query **arm, bool is_union)
{
    struct query *target = *arm;
    if (!parse_at_tail(parser)) {
        return false;
    }
    if (target->is_parenthesized && target->nested == NULL && has_tail(target)) {
        target = wrapped(parser, *arm, (*arm)->span);
        target->set_op = (*arm)->set_op;
        (*arm)->set_op = SET_OP_NONE;
        parse_note_subquery(parser, *arm);
        *arm = target;
    }
    parser->query = target;
    parse_tail(parser, target);
    target->has_outer_order = target->is_parenthesized || is_union;
    if (!target->has_outer_order) {
        target->span.end = parser->token_end;
    }
    return true;
}

// Everything behind the first arm. No arm may follow one that has a tail.
static struct query *read_rest(struct parser *parser, struct query *first, uint32_t begin)
{
    struct query **last = &first;
    bool is_last = read_tail(parser, last, false);
    while (!is_last) {
        enum set_op op = read_set_op(parser);
        if (op == SET_OP_NONE) {
            break;
        }
        last = &(*last)->next;
        *last = read_arm(parser);
        (*last)->set_op = op;
        is_last = read_tail(parser, last, true);
    }
    first->whole_span = parser_span_from(parser, begin);
    return first;
}

static struct query *read_body(struct parser *parser, uint32_t begin)
{
    struct query *outer = parser->query;
    struct query *query = read_rest(parser, read_arm(parser), begin);
    parser->query = outer;
    return query;
}

struct query *parse_query(struct parser *parser)
{
    uint32_t begin = parser->token.span.begin;
    struct cte_name *outer_ctes = parser->ctes;
    if (!parser_enter(parser)) {
        return arena_alloc(parser->arena, sizeof(struct query));
    }
    struct query *query;
    if (parser_at_word(parser, KW_WITH)) {
        bool is_recursive;
        struct query *ctes = parse_ctes(parser, &is_recursive);
        query = read_body(parser, begin);
        query->has_with = true;
        query->is_recursive = is_recursive;
        query->ctes = ctes;
    } else {
        query = read_body(parser, begin);
    }
    parser->ctes = outer_ctes;
    parser_leave(parser);
    return query;
}

struct query *parse_query_after(struct parser *parser, struct query *first)
{
    struct query *outer = parser->query;
    parser->query_depth++;
    if (!is_single(first)) {
        first = wrapped(parser, first, first->whole_span);
    }
    first->is_parenthesized = true;
    struct query *noted = first->nested != NULL ? first->nested : first;
    first = read_rest(parser, first, first->span.begin);
    if (first != noted) { // it stands for what was noted, which is one more subquery now
        uint32_t index = parser->statement->subquery_count;
        while (index > 0 && parser->statement->subqueries[index - 1] != noted) {
            index--;
        }
        note_subquery_at(parser, first, index == 0 ? 0 : index - 1);
    }
    parser->query_depth--;
    parser->query = outer;
    return first;
}

void parse_select_statement(struct parser *parser)
{
    parser->statement->kind = STATEMENT_SELECT;
    parser->statement->query = parse_query(parser);
}

// WITH ... before SELECT, UPDATE or DELETE.
void parse_with_statement(struct parser *parser)
{
    uint32_t begin = parser->token.span.begin;
    bool is_recursive;
    struct query *ctes = parse_ctes(parser, &is_recursive);
    if (parser_at_word(parser, KW_UPDATE) || parser_at_word(parser, KW_DELETE)) {
        if (parser_at_word(parser, KW_UPDATE)) {
            parse_update(parser);
        } else {
            parse_delete(parser);
        }
        parser->statement->change->ctes = ctes;
        return;
    }
    struct query *query = read_body(parser, begin);
    query->has_with = true;
    query->is_recursive = is_recursive;
    query->ctes = ctes;
    parser->statement->kind = STATEMENT_SELECT;
    parser->statement->query = query;
}
