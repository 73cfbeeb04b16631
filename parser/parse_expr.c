// Operators: precedence climbing over the levels of the servers' grammar.
//
//     parse_expr_level(L) reads an operand and then every operator that binds at least as tightly
//     as L.
//
// Where the grammar is more than a table of precedences:
// - Boolean tests (= < IS ...) take a predicate on their right and chain to the left: a = b IS NULL
// is (a = b) IS NULL.
// - A predicate (IN, LIKE, BETWEEN) is no operand of arithmetic: `ceiling` is the tightest level
// that may still follow.
// - NOT IN, NOT LIKE ... bind closer than LIKE to what stands before them: a LIKE b NOT IN (c) is a
// LIKE (b NOT IN (c)).
//   (In MariaDB's grammar NOT_SYM has a high precedence of its own. MySQL refuses such a text.)
// - Chains of AND and OR become balanced trees, so that a list of ten thousand keys is no deep
// recursion for anybody.

#include "parser/parse_impl.h"

struct infix {
    enum level level;
    enum expr_op op;
    bool is_negated; // NOT in front, still to be read
};

struct expr *expr_new(struct parser *parser, enum expr_kind kind, uint32_t begin)
{
    struct expr *expr = arena_alloc(parser->arena, sizeof *expr);
    expr->kind = kind;
    expr->height = 1;
    expr->span = (struct span){begin, begin};
    parser->node_count++;
    if (parser->node_count > PARSE_NODES_MAX) {
        parser->is_too_deep = true;
        parser_fail(parser);
    }
    return expr;
}

// The children must be in the arena. The parent's span is widened to hold what was read.
void expr_adopt(struct parser *parser, struct expr *parent, struct expr **children, uint32_t count)
{
    unsigned height = 0;
    for (uint32_t i = 0; i < count; i++) {
        height = children[i]->height > height ? children[i]->height : height;
    }
    if (height >= EXPR_HEIGHT_MAX) {
        parser->is_too_deep = true;
        parser_fail(parser);
        height = 0;
    }
    parent->height = (uint16_t)(height + 1);
    parent->children = count == 0 ? NULL : children;
    parent->child_count = count;
    if (parser->token_end > parent->span.end) {
        parent->span.end = parser->token_end;
    }
}

void expr_list_add(struct parser *parser, struct expr_list *list, struct expr *expr)
{
    if (list->count == list->capacity) {
        uint32_t capacity = list->capacity == 0 ? 2 : list->capacity * 2;
        struct expr **items = arena_alloc(parser->arena, capacity * sizeof(struct expr *));
        if (list->count > 0) {
            memcpy(items, list->items, list->count * sizeof(struct expr *));
        }
        list->items = items;
        list->capacity = capacity;
    }
    list->items[list->count++] = expr;
}

struct expr *expr_unary(struct parser *parser, enum expr_kind kind, enum expr_op op,
                        struct expr *child)
{
    struct expr *expr = expr_new(parser, kind, child->span.begin);
    expr->op = op;
    struct expr_list list = {0};
    expr_list_add(parser, &list, child);
    expr_adopt(parser, expr, list.items, list.count);
    return expr;
}

static struct expr *new_binary(struct parser *parser, enum expr_op op, struct expr *left,
                               struct expr *right)
{
    struct expr *expr = expr_new(parser, EXPR_BINARY, left->span.begin);
    expr->op = op;
    struct expr_list list = {0};
    expr_list_add(parser, &list, left);
    expr_list_add(parser, &list, right);
    expr->height = 1;
    expr_adopt(parser, expr, list.items, list.count);
    expr->span.end = right->span.end;
    return expr;
}

// ---- which operator stands here

static struct infix operator_of_word(struct parser *parser)
{
    switch ((unsigned)parser->token.keyword) {
    case KW_OR:
        return (struct infix){LEVEL_OR, OP_OR, false};
    case KW_XOR:
        return (struct infix){LEVEL_XOR, OP_XOR, false};
    case KW_AND:
        return (struct infix){LEVEL_AND, OP_AND, false};
    case KW_IS:
        return (struct infix){LEVEL_COMPARISON, OP_IS_NULL, false};
    case KW_BETWEEN:
        return (struct infix){LEVEL_BETWEEN, OP_OTHER, false};
    case KW_IN:
    case KW_LIKE:
    case KW_REGEXP:
    case KW_RLIKE:
        return (struct infix){LEVEL_LIKE, OP_OTHER, false};
    case KW_DIV:
    case KW_MOD:
        return (struct infix){LEVEL_TIMES, OP_OTHER, false};
    case KW_COLLATE:
        return (struct infix){LEVEL_COLLATE, OP_OTHER, false};
    case KW_SOUNDS:
        return (struct infix){parser_ahead(parser)->keyword == KW_LIKE ? LEVEL_LIKE : LEVEL_NONE,
                              OP_OTHER, false};
    case KW_MEMBER:
        return (struct infix){parser_ahead(parser)->keyword == KW_OF ? LEVEL_LIKE : LEVEL_NONE,
                              OP_OTHER, false};
    case KW_NOT:
        switch ((unsigned)parser_ahead(parser)->keyword) {
        case KW_IN:
        case KW_LIKE:
        case KW_REGEXP:
        case KW_RLIKE:
            return (struct infix){LEVEL_LIKE, OP_OTHER, true};
        case KW_BETWEEN:
            return (struct infix){LEVEL_BETWEEN, OP_OTHER, true};
        default:
            return (struct infix){0};
        }
    default:
        return (struct infix){0};
    }
}

static struct infix operator_here(struct parser *parser)
{
    bool is_concat = (parser->lexer.sql_mode & SQL_PIPES_AS_CONCAT) != 0;
    switch ((unsigned)parser->token.kind) {
    case TOKEN_NAME:
        return operator_of_word(parser);
    case TOKEN_BAR_BAR:
        return (struct infix){is_concat ? LEVEL_CONCAT : LEVEL_OR, is_concat ? OP_OTHER : OP_OR,
                              false};
    case TOKEN_AND_AND:
        return (struct infix){LEVEL_AND, OP_AND, false};
    case TOKEN_EQUAL:
        return (struct infix){LEVEL_COMPARISON, OP_EQUAL, false};
    case TOKEN_NULL_SAFE_EQUAL:
        return (struct infix){LEVEL_COMPARISON, OP_NULL_SAFE_EQUAL, false};
    case TOKEN_NOT_EQUAL:
        return (struct infix){LEVEL_COMPARISON, OP_NOT_EQUAL, false};
    case TOKEN_LESS:
        return (struct infix){LEVEL_COMPARISON, OP_LESS, false};
    case TOKEN_LESS_EQUAL:
        return (struct infix){LEVEL_COMPARISON, OP_LESS_EQUAL, false};
    case TOKEN_GREATER:
        return (struct infix){LEVEL_COMPARISON, OP_GREATER, false};
    case TOKEN_GREATER_EQUAL:
        return (struct infix){LEVEL_COMPARISON, OP_GREATER_EQUAL, false};
    case TOKEN_BAR:
        return (struct infix){LEVEL_BIT_OR, OP_OTHER, false};
    case TOKEN_AMPERSAND:
        return (struct infix){LEVEL_BIT_AND, OP_OTHER, false};
    case TOKEN_SHIFT_LEFT:
    case TOKEN_SHIFT_RIGHT:
        return (struct infix){LEVEL_SHIFT, OP_OTHER, false};
    case TOKEN_PLUS:
    case TOKEN_MINUS:
        return (struct infix){LEVEL_PLUS, OP_OTHER, false};
    case TOKEN_STAR:
    case TOKEN_SLASH:
    case TOKEN_PERCENT:
        return (struct infix){LEVEL_TIMES, OP_OTHER, false};
    case TOKEN_CARET:
        return (struct infix){LEVEL_CARET, OP_OTHER, false};
    default:
        return (struct infix){0};
    }
}

// ---- operators with more than two plain operands

static struct expr *balanced(struct parser *parser, enum expr_op op, struct expr **operands,
                             uint32_t count)
{
    if (count == 1) {
        return operands[0];
    }
    uint32_t half = count / 2;
    struct expr *left = balanced(parser, op, operands, half);
    return new_binary(parser, op, left, balanced(parser, op, operands + half, count - half));
}

static struct expr *read_chain(struct parser *parser, struct expr *left, struct infix infix)
{
    struct expr_list operands = {0};
    expr_list_add(parser, &operands, left);
    do {
        parser_advance(parser);
        expr_list_add(parser, &operands, parse_expr_level(parser, infix.level + 1));
    } while (operator_here(parser).level == infix.level);
    return balanced(parser, infix.op, operands.items, operands.count);
}

static struct expr *read_is(struct parser *parser, struct expr *left)
{
    parser_advance(parser);
    bool is_negated = parser_accept_word(parser, KW_NOT);
    if (parser_at_word(parser, KW_NULL) || parser_at(parser, TOKEN_NULL)) {
        parser_advance(parser);
        return expr_unary(parser, EXPR_UNARY, is_negated ? OP_IS_NOT_NULL : OP_IS_NULL, left);
    }
    if (!parser_at_word(parser, KW_TRUE) && !parser_at_word(parser, KW_FALSE) &&
        !parser_at_word(parser, KW_UNKNOWN)) {
        parser_fail(parser);
    }
    parser_advance(parser);
    struct expr *test = expr_unary(parser, EXPR_OTHER, OP_OTHER, left);
    test->is_negated = is_negated;
    return test;
}

static struct expr *new_in_subquery(struct parser *parser, struct expr *left, struct query *query)
{
    struct expr *test = expr_unary(parser, EXPR_IN_SUBQUERY, OP_NONE, left);
    test->query = query;
    return test;
}

// = ANY (SELECT ...): at the word.
static bool at_quantifier(struct parser *parser)
{
    switch ((unsigned)parser->token.keyword) {
    case KW_ALL:
    case KW_ANY:
    case KW_SOME:
        return parser_ahead(parser)->kind == TOKEN_LPAREN;
    default:
        return false;
    }
}

static struct expr *read_comparison(struct parser *parser, struct expr *left, enum expr_op op)
{
    parser_advance(parser);
    if (op == OP_NULL_SAFE_EQUAL || !at_quantifier(parser)) {
        return new_binary(parser, op, left, parse_expr_level(parser, LEVEL_BETWEEN));
    }
    bool is_all = parser_at_word(parser, KW_ALL);
    parser_advance(parser);
    struct expr *operand = parse_parens(parser);
    if (operand->kind != EXPR_SUBQUERY) {
        parser_fail(parser);
        return left;
    }
    struct expr *test = new_in_subquery(parser, left, operand->query);
    test->op = op;
    test->is_all = is_all;
    return test;
}

static struct expr *read_between(struct parser *parser, struct expr *left)
{
    struct expr_list list = {0};
    struct expr *test = expr_new(parser, EXPR_BETWEEN, left->span.begin);
    expr_list_add(parser, &list, left);
    expr_list_add(parser, &list, parse_expr_level(parser, LEVEL_BETWEEN));
    parser_expect_word(parser, KW_AND);
    expr_list_add(parser, &list, parse_expr_level(parser, LEVEL_BETWEEN));
    expr_adopt(parser, test, list.items, list.count);
    return test;
}

static struct expr *read_in(struct parser *parser, struct expr *left)
{
    struct expr *test = expr_new(parser, EXPR_IN, left->span.begin);
    struct expr_list list = {0};
    if (!parser_at(parser, TOKEN_LPAREN)) {
        parser_fail(parser);
        return left;
    }
    if (parser_at_query(parser, parser_ahead(parser))) {
        struct expr *operand = parse_parens(parser);
        return operand->kind == EXPR_SUBQUERY ? new_in_subquery(parser, left, operand->query)
                                              : left;
    }
    parser_advance(parser);
    expr_list_add(parser, &list, left);
    parse_expr_list(parser, &list);
    if (list.count == 2 && list.items[1]->kind == EXPR_SUBQUERY) { // IN ((SELECT ..) [UNION ..])
        struct query *query = parse_query_after(parser, list.items[1]->query);
        parser_expect(parser, TOKEN_RPAREN);
        return new_in_subquery(parser, left, query);
    }
    parser_expect(parser, TOKEN_RPAREN);
    expr_adopt(parser, test, list.items, list.count);
    return test;
}

// LIKE, REGEXP, SOUNDS LIKE, MEMBER OF: at the last of its words.
static struct expr *read_like(struct parser *parser, struct expr *left)
{
    struct expr_list list = {0};
    struct expr *test = expr_new(parser, EXPR_OTHER, left->span.begin);
    test->op = OP_OTHER;
    bool may_escape = parser_at_word(parser, KW_LIKE);
    parser_advance(parser);
    expr_list_add(parser, &list, left);
    expr_list_add(parser, &list, parse_expr_level(parser, LEVEL_BIT_OR));
    if (may_escape && parser_accept_word(parser, KW_ESCAPE)) {
        expr_list_add(parser, &list, parse_expr_level(parser, LEVEL_BIT_OR));
    }
    expr_adopt(parser, test, list.items, list.count);
    return test;
}

static struct expr *read_predicate(struct parser *parser, struct expr *left, struct infix infix)
{
    if (!parser_enter(parser)) { // the last operand may be such a predicate again, without end
        return left;
    }
    if (infix.is_negated) {
        parser_advance(parser);
    }
    struct expr *test;
    if (parser_accept_word(parser, KW_BETWEEN)) {
        test = read_between(parser, left);
    } else if (parser_accept_word(parser, KW_IN)) {
        test = read_in(parser, left);
    } else {
        if (parser_at_word(parser, KW_SOUNDS) || parser_at_word(parser, KW_MEMBER)) {
            parser_advance(parser);
        }
        test = read_like(parser, left);
    }
    test->is_negated = infix.is_negated;
    parser_leave(parser);
    return test;
}

static struct expr *read_collate(struct parser *parser, struct expr *left)
{
    parser_advance(parser);
    if (parser_at_word(parser, KW_BINARY)) {
        parser_advance(parser);
    } else {
        (void)parser_name_or_text(parser);
    }
    return expr_unary(parser, EXPR_OTHER, OP_OTHER, left);
}

static struct expr *read_arithmetic(struct parser *parser, struct expr *left, struct infix infix)
{
    bool is_plus = infix.level == LEVEL_PLUS;
    parser_advance(parser);
    if (!is_plus || !parser_at_word(parser, KW_INTERVAL)) {
        return new_binary(parser, infix.op, left, parse_expr_level(parser, infix.level + 1));
    }
    bool is_function;
    struct expr *right = parse_interval(parser, &is_function);
    if (is_function) {
        right = parse_expr_rest(parser, right, LEVEL_TIMES);
    }
    return new_binary(parser, infix.op, left, right);
}

static struct expr *read_operator(struct parser *parser, struct expr *left, struct infix infix)
{
    switch (infix.level) {
    case LEVEL_OR:
    case LEVEL_AND:
        return read_chain(parser, left, infix);
    case LEVEL_COMPARISON:
        return infix.op == OP_IS_NULL ? read_is(parser, left)
                                      : read_comparison(parser, left, infix.op);
    case LEVEL_BETWEEN:
    case LEVEL_LIKE:
        return read_predicate(parser, left, infix);
    case LEVEL_COLLATE:
        return read_collate(parser, left);
    case LEVEL_XOR:
    case LEVEL_BIT_OR:
    case LEVEL_BIT_AND:
    case LEVEL_SHIFT:
    case LEVEL_PLUS:
    case LEVEL_TIMES:
    case LEVEL_CARET:
    case LEVEL_CONCAT:
        return read_arithmetic(parser, left, infix);
    case LEVEL_NONE:
    case LEVEL_NOT:
    case LEVEL_UNARY:
        break;
    }
    return left;
}

static struct expr *climb(struct parser *parser, struct expr *left, enum level loosest,
                          enum level ceiling)
{
    for (;;) {
        struct infix infix = operator_here(parser);
        // What begins with NOT may also follow the right operand of LIKE (see the top of the file).
        bool is_bound = infix.level >= loosest || (infix.is_negated && loosest == LEVEL_BIT_OR);
        if (infix.level == LEVEL_NONE || !is_bound || infix.level > ceiling) {
            return left;
        }
        left = read_operator(parser, left, infix);
        // A sum with an INTERVAL is complete: a + INTERVAL 1 DAY * 2 is (a + INTERVAL 1 DAY) * 2.
        ceiling = infix.level == LEVEL_PLUS ? LEVEL_CARET : infix.level;
    }
}

// ---- what stands before an operand

static struct expr *read_prefixed(struct parser *parser, enum expr_kind kind, enum expr_op op,
                                  enum level level)
{
    uint32_t begin = parser->token.span.begin;
    if (!parser_enter(parser)) {
        return expr_new(parser, EXPR_OTHER, begin);
    }
    parser_advance(parser);
    struct expr *expr = expr_unary(parser, kind, op, parse_expr_level(parser, level));
    expr->span.begin = begin;
    parser_leave(parser);
    return expr;
}

static struct expr *read_not(struct parser *parser, enum level loosest)
{
    if ((parser->lexer.sql_mode & SQL_HIGH_NOT_PRECEDENCE) != 0) {
        return read_prefixed(parser, EXPR_UNARY, OP_NOT, LEVEL_UNARY);
    }
    if (loosest > LEVEL_NOT) { // no server reads a = NOT b
        parser_fail(parser);
    }
    return read_prefixed(parser, EXPR_UNARY, OP_NOT, LEVEL_NOT);
}

// The servers drop a plus: +5 is 5.
static struct expr *read_plus(struct parser *parser)
{
    uint32_t begin = parser->token.span.begin;
    if (!parser_enter(parser)) {
        return expr_new(parser, EXPR_OTHER, begin);
    }
    parser_advance(parser);
    struct expr *expr = parse_expr_level(parser, LEVEL_UNARY);
    expr->span.begin = begin;
    parser_leave(parser);
    return expr;
}

static struct expr *read_operand(struct parser *parser, enum level loosest)
{
    switch ((unsigned)parser->token.kind) {
    case TOKEN_MINUS:
        return read_prefixed(parser, EXPR_UNARY, OP_MINUS, LEVEL_UNARY);
    case TOKEN_PLUS:
        return read_plus(parser);
    case TOKEN_TILDE:
        return read_prefixed(parser, EXPR_UNARY, OP_OTHER, LEVEL_UNARY);
    case TOKEN_BANG:
        return read_prefixed(parser, EXPR_UNARY, OP_NOT, LEVEL_UNARY);
    case TOKEN_NAME:
        if (parser_at_word(parser, KW_NOT)) {
            return read_not(parser, loosest);
        }
        if (parser_at_word(parser, KW_BINARY)) {
            return read_prefixed(parser, EXPR_OTHER, OP_OTHER, LEVEL_UNARY);
        }
        return parse_primary(parser);
    default:
        return parse_primary(parser);
    }
}

struct expr *parse_expr_rest(struct parser *parser, struct expr *left, enum level loosest)
{
    return climb(parser, left, loosest, LEVEL_COLLATE);
}

struct expr *parse_expr_level(struct parser *parser, enum level loosest)
{
    bool is_not =
        parser_at_word(parser, KW_NOT) && (parser->lexer.sql_mode & SQL_HIGH_NOT_PRECEDENCE) == 0;
    struct expr *operand = read_operand(parser, loosest);
    return climb(parser, operand, loosest, is_not ? LEVEL_NOT : LEVEL_COLLATE);
}

struct expr *parse_expr(struct parser *parser)
{
    return parse_expr_level(parser, LEVEL_OR);
}

void parse_expr_list(struct parser *parser, struct expr_list *list)
{
    do {
        expr_list_add(parser, list, parse_expr(parser));
    } while (parser_accept(parser, TOKEN_COMMA));
}
