// Tables: names, derived tables and joins, flattened into one list in the order of the text.
//
// A join that is not a plain chain keeps its shape by `nest`: the tables in parentheses, and those
// of a chain whose ON comes late (a LEFT JOIN b JOIN c ON .. ON ..: b and c are joined first),
// share a number, and the first of them has the join and the ON of the whole.

#include "parser/parse_impl.h"

struct table_list {
    struct table_ref *first;
    struct table_ref **last;
};

static struct table_ref *read_factor(struct parser *parser, struct table_list *list, uint32_t nest);
static void read_joins(struct parser *parser, struct table_list *list, uint32_t nest);

static struct table_ref *add_table(struct parser *parser, struct table_list *list, uint32_t nest)
{
    struct table_ref *ref = arena_alloc(parser->arena, sizeof *ref);
    ref->nest = nest;
    *list->last = ref;
    list->last = &ref->next;
    parser->node_count++;
    return ref;
}

// ---- names

static bool is_visible_cte(const struct parser *parser, struct slice name)
{
    for (const struct cte_name *cte = parser->ctes; cte != NULL; cte = cte->next) {
        if (slice_equal(cte->name, name)) {
            return true;
        }
    }
    return false;
}

static void read_table_name(struct parser *parser, struct table_ref *ref)
{
    uint32_t begin = parser->token.span.begin;
    ref->name = parser_name(parser);
    if (parser_accept(parser, TOKEN_DOT)) {
        ref->schema = ref->name;
        ref->name = parser_name(parser);
        if (is_system_schema(ref->schema)) {
            parser_add_fact(parser, FACT_SYSTEM_SCHEMA);
        }
    } else {
        ref->is_cte = is_visible_cte(parser, ref->name);
    }
    ref->name_span = parser_span_from(parser, begin);
}

struct table_ref *parse_table_name(struct parser *parser)
{
    struct table_ref *ref = arena_alloc(parser->arena, sizeof *ref);
    read_table_name(parser, ref);
    return ref;
}

// Words that no server reserves, but that cannot be the alias of a table here.
static bool is_alias_stop(struct parser *parser)
{
    switch ((unsigned)parser->token.keyword) {
    case KW_WINDOW:
        return true;
    case KW_OFFSET: // MySQL reserves none of these two
    case KW_RETURNING:
        return parser->lexer.is_mariadb;
    default:
        return false;
    }
}

struct slice parse_alias(struct parser *parser)
{
    if (parser_accept_word(parser, KW_AS)) {
        return parser_name(parser);
    }
    if (parser_at_name(parser) && !is_alias_stop(parser)) {
        return parser_name(parser);
    }
    return (struct slice){0};
}

void parse_skip_name_list(struct parser *parser)
{
    parser_expect(parser, TOKEN_LPAREN);
    do {
        (void)parser_name(parser);
    } while (parser_accept(parser, TOKEN_COMMA));
    parser_expect(parser, TOKEN_RPAREN);
}

// ---- what may stand around a name

// FOR SYSTEM_TIME ..., FOR PORTION OF p FROM x TO y.
static void read_period(struct parser *parser)
{
    if (parser_accept_words(parser, KW_FOR, KW_PORTION)) {
        parser_expect_word(parser, KW_OF);
        (void)parser_name(parser);
        parser_expect_word(parser, KW_FROM);
        (void)parse_expr_level(parser, LEVEL_BIT_OR);
        parser_expect_word(parser, KW_TO);
        (void)parse_expr_level(parser, LEVEL_BIT_OR);
        return;
    }
    if (!parser_accept_words(parser, KW_FOR, KW_SYSTEM_TIME)) {
        return;
    }
    if (parser_accept_word(parser, KW_ALL)) {
        return;
    }
    if (parser_accept_word(parser, KW_AS)) {
        parser_expect_word(parser, KW_OF);
        (void)parse_expr_level(parser, LEVEL_BIT_OR);
        return;
    }
    bool is_between = parser_accept_word(parser, KW_BETWEEN);
    if (!is_between) {
        parser_expect_word(parser, KW_FROM);
    }
    (void)parse_expr_level(parser, LEVEL_BIT_OR);
    parser_expect_word(parser, is_between ? KW_AND : KW_TO);
    (void)parse_expr_level(parser, LEVEL_BIT_OR);
}

// USE INDEX FOR JOIN (a, b), IGNORE KEY (c) ...
static void read_index_hints(struct parser *parser)
{
    for (;;) {
        bool is_hint =
            (parser_at_word(parser, KW_USE) || parser_at_word(parser, KW_FORCE) ||
             parser_at_word(parser, KW_IGNORE)) &&
            (parser_ahead(parser)->keyword == KW_INDEX || parser_ahead(parser)->keyword == KW_KEY);
        if (!is_hint) {
            return;
        }
        parser_advance(parser);
        parser_advance(parser);
        if (parser_accept_word(parser, KW_FOR) && !parser_accept_word(parser, KW_JOIN)) {
            parser_advance(parser); // ORDER or GROUP
            parser_expect_word(parser, KW_BY);
        }
        if (parser_at(parser, TOKEN_LPAREN)) {
            parser_skip_parens(parser);
        } else {
            parser_fail(parser);
        }
    }
}

void parse_table_suffix(struct parser *parser, struct table_ref *ref)
{
    if (parser_at_word(parser, KW_PARTITION) && parser_ahead(parser)->kind == TOKEN_LPAREN) {
        parser_advance(parser);
        parser_skip_parens(parser);
    }
    read_period(parser);
    ref->alias = parse_alias(parser);
    read_index_hints(parser);
}

static void read_derived_alias(struct parser *parser, struct table_ref *ref)
{
    read_period(parser);
    ref->alias = parse_alias(parser);
    if (parser_at(parser, TOKEN_LPAREN)) {
        parse_skip_name_list(parser);
    }
}

// JSON_TABLE(doc, path COLUMNS (...)) [AS] t
static void read_json_table(struct parser *parser, struct table_ref *ref)
{
    ref->is_function = true;
    parser_advance(parser);
    parser_expect(parser, TOKEN_LPAREN);
    (void)parse_expr(parser);
    while (!parser_at(parser, TOKEN_RPAREN) && !parser_at(parser, TOKEN_END)) {
        parser_skip_token(parser);
    }
    parser_expect(parser, TOKEN_RPAREN);
    ref->alias = parse_alias(parser);
}

// ---- parentheses

static void put_in_nest(struct parser *parser, struct table_ref *ref, uint32_t outer_nest);

// A comma binds less than a join: a, b RIGHT JOIN c is not (a, b) RIGHT JOIN c.
static void read_comma_list(struct parser *parser, struct table_list *list, uint32_t nest)
{
    while (parser_accept(parser, TOKEN_COMMA)) {
        struct table_ref *first = read_factor(parser, list, nest);
        read_joins(parser, list, nest);
        for (struct table_ref *ref = first->next; ref != NULL; ref = ref->next) {
            if (ref->join == JOIN_RIGHT || ref->is_natural) {
                put_in_nest(parser, first, nest);
                break;
            }
        }
    }
}

// At an opening parenthesis. Gives the query when it was one (its alias is still to come);
// otherwise the tables of a nested join have been added. Only what follows an inner parenthesis
// tells which it is.
static struct query *read_parens(struct parser *parser, struct table_list *list, uint32_t nest)
{
    if (!parser_enter(parser)) {
        return NULL;
    }
    parser_expect(parser, TOKEN_LPAREN);
    struct query *query = NULL;
    if (parser_at_query(parser, &parser->token)) {
        query = parse_subquery(parser);
    } else if (parser_at(parser, TOKEN_LPAREN)) {
        query = read_parens(parser, list, nest);
        bool is_query = query != NULL && !parser_at_name(parser) && !parser_at_word(parser, KW_AS);
        if (is_query) {
            query = parse_query_after(parser, query);
        } else {
            if (query != NULL) {
                struct table_ref *ref = add_table(parser, list, nest);
                ref->derived = query;
                read_derived_alias(parser, ref);
            }
            query = NULL;
            read_joins(parser, list, nest);
            read_comma_list(parser, list, nest);
        }
    } else {
        (void)read_factor(parser, list, nest);
        read_joins(parser, list, nest);
        read_comma_list(parser, list, nest);
    }
    parser_expect(parser, TOKEN_RPAREN);
    parser_leave(parser);
    return query;
}

static struct table_ref *read_parenthesized(struct parser *parser, struct table_list *list,
                                            uint32_t nest)
{
    struct table_ref **place = list->last;
    uint32_t inner_nest = ++parser->nest_count;
    struct query *query = read_parens(parser, list, inner_nest);
    if (query == NULL) {
        return *place != NULL ? *place : add_table(parser, list, nest);
    }
    struct table_ref *ref = add_table(parser, list, nest);
    ref->derived = query;
    read_derived_alias(parser, ref);
    return ref;
}

// ODBC's {OJ a LEFT OUTER JOIN b ON ..}.
static struct table_ref *read_braces(struct parser *parser, struct table_list *list, uint32_t nest)
{
    if (!parser_enter(parser)) {
        return add_table(parser, list, nest);
    }
    uint32_t inner_nest = ++parser->nest_count;
    parser_advance(parser);
    parser_expect_word(parser, KW_OJ);
    struct table_ref *first = read_factor(parser, list, inner_nest);
    read_joins(parser, list, inner_nest);
    parser_expect(parser, TOKEN_RBRACE);
    parser_leave(parser);
    return first;
}

// One table, or parentheses: the first of the tables that were added.
static struct table_ref *read_factor(struct parser *parser, struct table_list *list, uint32_t nest)
{
    bool is_lateral =
        parser_at_word(parser, KW_LATERAL) && parser_ahead(parser)->kind == TOKEN_LPAREN;
    if (is_lateral) {
        parser_advance(parser);
    }
    if (parser_at(parser, TOKEN_LPAREN)) {
        return read_parenthesized(parser, list, nest);
    }
    if (parser_at(parser, TOKEN_LBRACE)) {
        return read_braces(parser, list, nest);
    }
    struct table_ref *ref = add_table(parser, list, nest);
    if (parser_at_word(parser, KW_JSON_TABLE) && parser_ahead(parser)->kind == TOKEN_LPAREN) {
        read_json_table(parser, ref);
    } else {
        read_table_name(parser, ref);
        parse_table_suffix(parser, ref);
    }
    return ref;
}

// ---- joins

struct join_word {
    enum join_kind kind;
    bool is_natural;
    bool may_have_on;
    bool must_have_on;
};

// Reads the words of a join; false when there are none.
static bool read_join_word(struct parser *parser, struct join_word *word)
{
    *word = (struct join_word){.kind = JOIN_INNER, .may_have_on = true};
    if (parser_accept_word(parser, KW_STRAIGHT_JOIN) || parser_accept_word(parser, KW_JOIN)) {
        return true;
    }
    word->is_natural = parser_accept_word(parser, KW_NATURAL);
    bool is_left = parser_at_word(parser, KW_LEFT);
    if (is_left || parser_at_word(parser, KW_RIGHT)) {
        parser_advance(parser);
        (void)parser_accept_word(parser, KW_OUTER);
        word->kind = is_left ? JOIN_LEFT : JOIN_RIGHT;
        word->must_have_on = !word->is_natural;
    } else if (parser_accept_word(parser, KW_CROSS)) {
        word->kind = JOIN_CROSS;
    } else if (!parser_accept_word(parser, KW_INNER) && !word->is_natural) {
        return false;
    }
    word->may_have_on = !word->is_natural;
    parser_expect_word(parser, KW_JOIN);
    return true;
}

static bool at_join_word(struct parser *parser)
{
    switch ((unsigned)parser->token.keyword) {
    case KW_JOIN:
    case KW_STRAIGHT_JOIN:
    case KW_INNER:
    case KW_CROSS:
    case KW_LEFT:
    case KW_RIGHT:
    case KW_NATURAL:
        return true;
    default:
        return false;
    }
}

static void read_using(struct parser *parser, struct table_ref *ref)
{
    uint32_t capacity = 4;
    ref->using_columns = arena_alloc(parser->arena, capacity * sizeof(struct slice));
    parser_expect(parser, TOKEN_LPAREN);
    do {
        if (ref->using_count == capacity) {
            capacity *= 2;
            struct slice *grown = arena_alloc(parser->arena, capacity * sizeof(struct slice));
            memcpy(grown, ref->using_columns, ref->using_count * sizeof(struct slice));
            ref->using_columns = grown;
        }
        ref->using_columns[ref->using_count++] = parser_name(parser);
    } while (parser_accept(parser, TOKEN_COMMA));
    parser_expect(parser, TOKEN_RPAREN);
}

// The tables from `ref` on are joined with each other before they are joined to what stands in
// front.
static void put_in_nest(struct parser *parser, struct table_ref *ref, uint32_t outer_nest)
{
    uint32_t nest = ++parser->nest_count;
    uint32_t first_nest = ref->nest;
    for (; ref != NULL; ref = ref->next) {
        bool is_plain = ref->nest == outer_nest || ref->nest == first_nest;
        ref->nest = is_plain ? nest : ref->nest;
    }
}

// False: there is none.
static bool read_condition(struct parser *parser, struct table_ref *ref, struct join_word word)
{
    bool is_on_duplicate = parser_at_words(parser, KW_ON, KW_DUPLICATE);
    if (word.may_have_on && !is_on_duplicate && parser_accept_word(parser, KW_ON)) {
        ref->on = parse_expr(parser);
        return true;
    }
    if (word.may_have_on && parser_accept_word(parser, KW_USING)) {
        read_using(parser, ref);
        return true;
    }
    if (word.must_have_on) {
        parser_fail(parser);
    }
    return false;
}

static void read_join(struct parser *parser, struct table_list *list, uint32_t nest,
                      struct join_word word)
{
    if (!parser_enter(parser)) {
        return;
    }
    struct table_ref *ref = read_factor(parser, list, nest);
    ref->join = word.kind;
    ref->is_natural = word.is_natural;
    bool is_late = word.may_have_on && at_join_word(parser);
    if (is_late) { // its ON, if any, comes behind the next joins
        read_joins(parser, list, nest);
    }
    if (read_condition(parser, ref, word) && is_late) {
        put_in_nest(parser, ref, nest);
    }
    parser_leave(parser);
}

static void read_joins(struct parser *parser, struct table_list *list, uint32_t nest)
{
    struct join_word word;
    while (!parser->has_failed && read_join_word(parser, &word)) {
        read_join(parser, list, nest, word);
    }
}

struct table_ref *parse_table_refs(struct parser *parser)
{
    struct table_list list = {NULL, &list.first};
    if (parser_at_word(parser, KW_DUAL)) {
        parser_advance(parser);
        return NULL;
    }
    (void)read_factor(parser, &list, 0);
    read_joins(parser, &list, 0);
    read_comma_list(parser, &list, 0);
    return list.first;
}
