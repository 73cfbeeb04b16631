// HAVING over several shards: a shard has only a part of a group, so it is asked for all of its
// groups (HAVING 1), and whether a group stays is decided when it is whole. Aggregates that the
// select list doesn't have are fetched in hidden columns.
//
//     HAVING SUM(total) > 100 AND NOT n BETWEEN 2 AND 5
//
// What is understood: AND, OR, NOT, comparisons and BETWEEN of aggregates, their aliases and
// numbers; IS NULL of aggregates. Whether the aggregates are exact numbers is seen by their
// columns.

#include "router/group_impl.h"

enum { NUMBER_BYTES_MAX = 30 };

static bool refuse(struct grouping *grouping)
{
    return group_refuse(grouping->planner,
                        "HAVING with anything but comparisons of aggregates and numbers");
}

static struct plan_having *new_having(struct grouping *grouping, enum having_kind kind)
{
    struct plan_having *having = arena_alloc(grouping->planner->arena, sizeof *having);
    having->kind = kind;
    return having;
}

// ---- what is compared

static bool read_number(struct grouping *grouping, const struct expr *expr, struct slice *number)
{
    bool is_negative = expr->kind == EXPR_UNARY && expr->op == OP_MINUS;
    const struct expr *digits = is_negative ? expr->children[0] : expr;
    if ((digits->kind != EXPR_INTEGER && digits->kind != EXPR_DECIMAL) ||
        digits->value.len > NUMBER_BYTES_MAX) {
        return false;
    }
    *number = arena_format(grouping->planner->arena, "%s%.*s", is_negative ? "-" : "",
                           (int)digits->value.len, (const char *)digits->value.ptr);
    return true;
}

static bool is_name_of(const struct expr *expr, struct slice name)
{
    return expr->kind == EXPR_COLUMN && slice_equal_nocase(expr->name, name);
}

// Could the name mean anything but one item's alias?
static bool is_ambiguous(const struct grouping *grouping, struct slice name)
{
    uint32_t aliases = 0;
    for (const struct select_item *item = grouping->query->items; item != NULL; item = item->next) {
        aliases += item->alias.len > 0 && slice_equal_nocase(item->alias, name);
        if (is_name_of(item->expr, name)) {
            return true;
        }
    }
    for (uint32_t i = 0; i < grouping->key_count; i++) {
        if (is_name_of(grouping->keys[i].expr, name)) {
            return true;
        }
    }
    return aliases != 1;
}

// The item of the select list that the aggregate is, or whose alias it is.
static bool find_item(const struct grouping *grouping, const struct expr *expr, uint32_t *at)
{
    bool is_alias = expr->kind == EXPR_COLUMN && expr->table.len == 0;
    if (is_alias && is_ambiguous(grouping, expr->name)) {
        return false;
    }
    *at = 0;
    for (const struct select_item *item = grouping->query->items; item != NULL;
         item = item->next, ++*at) {
        bool is_it = is_alias ? slice_equal_nocase(item->alias, expr->name)
                              : expr->kind == EXPR_FUNCTION && item->expr->kind == EXPR_FUNCTION &&
                                    group_is_same(grouping, item->expr, expr);
        if (is_it) {
            return true;
        }
    }
    return false;
}

static bool add_fold(struct grouping *grouping, const struct expr *expr, uint32_t *number)
{
    struct plan *plan = grouping->planner->plan;
    struct slice text = group_text_of(grouping, expr);
    if (plan->more_folds == GROUP_MORE_FOLDS_MAX || expr->kind != EXPR_FUNCTION) {
        return refuse(grouping);
    }
    struct plan_fold fold = {.kind = FOLD_FIRST, .collation = NO_HIDDEN, .key = NO_KEY};
    if (!group_fold_of(grouping, expr, &fold)) {
        return false;
    }
    fold.hidden = group_add_hidden(
        grouping, arena_format(grouping->planner->arena, "%.*s AS `_waybill_having_%u`",
                               (int)text.len, (const char *)text.ptr, plan->more_folds));
    *number = plan->fold_count + plan->more_folds;
    plan->folds[*number] = fold;
    plan->more_folds++;
    return true;
}

// The fold whose value the expression is, put there if there is none.
static bool read_fold(struct grouping *grouping, const struct expr *expr, bool is_compared,
                      uint32_t *number)
{
    const struct plan *plan = grouping->planner->plan;
    if (!group_find_fold(grouping, expr, number)) {
        return false;
    }
    // A shard's average has more digits inside than it shows.
    enum fold_kind kind = plan->folds[*number].kind;
    return kind != FOLD_FIRST && (kind != FOLD_AVERAGE || !is_compared) ? true : refuse(grouping);
}

bool group_find_fold(struct grouping *grouping, const struct expr *expr, uint32_t *number)
{
    return find_item(grouping, expr, number) || add_fold(grouping, expr, number);
}

static bool read_operand(struct grouping *grouping, const struct expr *expr,
                         struct having_operand *operand)
{
    return read_number(grouping, expr, &operand->number) ||
           read_fold(grouping, expr, true, &operand->fold);
}

// ---- conditions

static const struct plan_having *read_having(struct grouping *grouping, const struct expr *expr);

static const struct plan_having *compare(struct grouping *grouping, enum expr_op op,
                                         const struct expr *a, const struct expr *b)
{
    struct plan_having *having = new_having(grouping, HAVING_COMPARED);
    having->op = op;
    return read_operand(grouping, a, &having->a) && read_operand(grouping, b, &having->b) ? having
                                                                                          : NULL;
}

static const struct plan_having *join(struct grouping *grouping, enum having_kind kind,
                                      const struct plan_having *left,
                                      const struct plan_having *right)
{
    struct plan_having *having = new_having(grouping, kind);
    having->left = left;
    having->right = right;
    return left != NULL && (right != NULL || kind == HAVING_NOT) ? having : NULL;
}

static const struct plan_having *read_between(struct grouping *grouping, const struct expr *expr)
{
    const struct plan_having *both =
        join(grouping, HAVING_AND,
             compare(grouping, OP_GREATER_EQUAL, expr->children[0], expr->children[1]),
             compare(grouping, OP_LESS_EQUAL, expr->children[0], expr->children[2]));
    return expr->is_negated ? join(grouping, HAVING_NOT, both, NULL) : both;
}

// COUNT and the like are never NULL: a server sees that at once, and describes its answer
// otherwise.
static bool may_be_null(const struct grouping *grouping, uint32_t at, const struct expr *expr)
{
    const struct select_item *item = grouping->query->items;
    for (uint32_t i = 0; item != NULL && i < at; i++) {
        item = item->next;
    }
    const struct expr *aggregate = item != NULL ? item->expr : expr;
    enum fold_kind kind = grouping->planner->plan->folds[at].kind;
    bool is_sum = kind == FOLD_ADD && slice_is_nocase(aggregate->name, "SUM");
    return is_sum || kind == FOLD_AVERAGE || kind == FOLD_MIN || kind == FOLD_MAX;
}

static const struct plan_having *read_is_null(struct grouping *grouping, const struct expr *expr)
{
    struct plan_having *having = new_having(grouping, HAVING_IS_NULL);
    const struct expr *aggregate = expr->children[0];
    if (!read_fold(grouping, aggregate, false, &having->a.fold)) {
        return NULL;
    }
    if (!may_be_null(grouping, having->a.fold, aggregate)) {
        (void)refuse(grouping);
        return NULL;
    }
    return expr->op == OP_IS_NOT_NULL ? join(grouping, HAVING_NOT, having, NULL) : having;
}

static const struct plan_having *read_binary(struct grouping *grouping, const struct expr *expr)
{
    const struct expr *a = expr->children[0], *b = expr->children[1];
    switch ((int)expr->op) {
    case OP_AND:
        return join(grouping, HAVING_AND, read_having(grouping, a), read_having(grouping, b));
    case OP_OR:
        return join(grouping, HAVING_OR, read_having(grouping, a), read_having(grouping, b));
    case OP_EQUAL:
    case OP_NOT_EQUAL:
    case OP_LESS:
    case OP_LESS_EQUAL:
    case OP_GREATER:
    case OP_GREATER_EQUAL:
        return compare(grouping, expr->op, a, b);
    default:
        (void)refuse(grouping);
        return NULL;
    }
}

// NULL: refused.
static const struct plan_having *read_having(struct grouping *grouping, const struct expr *expr)
{
    if (expr->kind == EXPR_BINARY && expr->child_count == 2) {
        return read_binary(grouping, expr);
    }
    if (expr->kind == EXPR_BETWEEN) {
        return read_between(grouping, expr);
    }
    if (expr->kind == EXPR_UNARY && expr->op == OP_NOT) {
        return join(grouping, HAVING_NOT, read_having(grouping, expr->children[0]), NULL);
    }
    if (expr->kind == EXPR_UNARY && (expr->op == OP_IS_NULL || expr->op == OP_IS_NOT_NULL)) {
        return read_is_null(grouping, expr);
    }
    (void)refuse(grouping);
    return NULL;
}

bool group_having(struct grouping *grouping)
{
    struct plan *plan = grouping->planner->plan;
    const struct expr *expr = grouping->query->having;
    if (expr == NULL) {
        return true;
    }
    struct slice text = group_text_of(grouping, expr);
    if (memchr(text.ptr, '?', text.len) != NULL) {
        return group_refuse(grouping->planner, "HAVING with a parameter");
    }
    plan->having = read_having(grouping, expr);
    plan->having_text = text;
    return plan->having != NULL;
}
