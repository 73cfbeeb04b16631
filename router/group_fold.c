// Which aggregates of the shards add up to that of all.
//
// A SUM or AVG is exact only if each shard shows all digits of its sum. A DECIMAL quotient has more
// of them inside than it shows, so an argument that divides is refused; likewise what may hide a
// quotient (subqueries, variables, derived tables that divide).

#include "router/group_impl.h"

static const struct {
    const char *name;
    enum fold_kind kind;
} aggregates[] = {
    {"COUNT", FOLD_ADD}, {"SUM", FOLD_ADD},     {"AVG", FOLD_AVERAGE},
    {"MIN", FOLD_MIN},   {"MAX", FOLD_MAX},     {"BIT_AND", FOLD_AND},
    {"BIT_OR", FOLD_OR}, {"BIT_XOR", FOLD_XOR}, {"GROUP_CONCAT", FOLD_CONCAT},
};

static bool has_byte(struct slice text, char byte)
{
    return memchr(text.ptr, byte, text.len) != NULL;
}

static bool may_hide_digits(const struct expr *expr)
{
    bool may = expr->kind == EXPR_SUBQUERY || expr->kind == EXPR_VARIABLE ||
               expr->kind == EXPR_SYSTEM_VARIABLE;
    for (uint32_t i = 0; i < expr->child_count && !may; i++) {
        may = may_hide_digits(expr->children[i]);
    }
    return may;
}

// Does a shard's sum show all its digits?
static bool is_sum_whole(const struct grouping *grouping, const struct expr *argument)
{
    struct slice text = grouping->planner->statement->text;
    for (const struct table_ref *table = grouping->query->tables; table != NULL;
         table = table->next) {
        const struct query *derived = table->derived;
        if (table->is_cte ||
            (derived != NULL &&
             has_byte(slice_part(text, derived->whole_span.begin, derived->whole_span.end), '/'))) {
            return false;
        }
    }
    return !has_byte(group_text_of(grouping, argument), '/') && !may_hide_digits(argument);
}

static void add_average(struct grouping *grouping, const struct expr *expr, struct plan_fold *fold)
{
    struct slice argument = group_text_of(grouping, expr->children[0]);
    int len = (int)argument.len;
    const char *text = (const char *)argument.ptr;
    struct arena *arena = grouping->planner->arena;
    uint32_t number = grouping->planner->plan->hidden_columns;
    const char *distinct = expr->is_distinct ? "DISTINCT " : "";
    fold->sum = group_add_hidden(grouping, arena_format(arena, "SUM(%s%.*s) AS `_waybill_sum_%u`",
                                                        distinct, len, text, number));
    fold->count =
        group_add_hidden(grouping, arena_format(arena, "COUNT(%s%.*s) AS `_waybill_count_%u`",
                                                distinct, len, text, number));
}

static void add_collation(struct grouping *grouping, const struct expr *expr,
                          struct plan_fold *fold)
{
    struct slice text = group_text_of(grouping, expr);
    if (has_byte(text, '?')) {
        return; // it can't be there twice: strings are refused then
    }
    fold->collation = group_add_hidden(
        grouping, arena_format(grouping->planner->arena,
                               "COLLATION(%.*s) AS `_waybill_collation_%u`", (int)text.len,
                               (const char *)text.ptr, grouping->planner->plan->hidden_columns));
}

// IFNULL(SUM(x), 0), COALESCE(SUM(x), 0): what they are of a whole is the sum of what they are of
// its parts. The aggregate inside; else the expression itself.
static const struct expr *without_zero(const struct expr *expr)
{
    bool is_default =
        expr->kind == EXPR_FUNCTION && expr->child_count == 2 &&
        (slice_is_nocase(expr->name, "IFNULL") || slice_is_nocase(expr->name, "COALESCE"));
    if (!is_default || expr->children[1]->kind != EXPR_INTEGER ||
        !slice_is_nocase(expr->children[1]->value, "0") ||
        expr->children[0]->kind != EXPR_FUNCTION ||
        !slice_is_nocase(expr->children[0]->name, "SUM")) {
        return expr;
    }
    return expr->children[0];
}

static bool find_kind(const struct expr *expr, enum fold_kind *kind)
{
    for (size_t i = 0; i < sizeof aggregates / sizeof aggregates[0]; i++) {
        if (slice_is_nocase(expr->name, aggregates[i].name)) {
            *kind = aggregates[i].kind;
            return true;
        }
    }
    return false;
}

bool group_fold_of(struct grouping *grouping, const struct expr *item, struct plan_fold *fold)
{
    struct planner *planner = grouping->planner;
    const struct expr *expr = without_zero(item);
    bool is_known = expr->kind == EXPR_FUNCTION && find_kind(expr, &fold->kind);
    if (!is_known) {
        return group_refuse(planner, grouping->query->group_by != NULL
                                         ? "GROUP BY with anything else in the select list than "
                                           "what is grouped by and COUNT, SUM, AVG, MIN, MAX, "
                                           "BIT_AND, BIT_OR, BIT_XOR, GROUP_CONCAT"
                                         : "aggregates other than COUNT, SUM, AVG, MIN, MAX, "
                                           "BIT_AND, BIT_OR, BIT_XOR, GROUP_CONCAT, or "
                                           "anything beside them");
    }
    if (fold->kind == FOLD_CONCAT) {
        return group_concat_of(grouping, expr, fold);
    }
    bool is_count = slice_is_nocase(expr->name, "COUNT");
    bool is_extreme = fold->kind == FOLD_MIN || fold->kind == FOLD_MAX;
    fold->is_distinct = expr->is_distinct && !is_extreme; // the smallest of each once is the same
    if (expr->has_over || (expr->child_count != 1 && !(is_count && fold->is_distinct))) {
        return group_refuse(planner, "aggregates of several values");
    }
    if (fold->is_distinct && !group_take_distinct(grouping, expr)) {
        return false;
    }
    const struct expr *argument = expr->children[0];
    bool is_sum = fold->kind == FOLD_AVERAGE || slice_is_nocase(expr->name, "SUM");
    if (is_sum && !is_sum_whole(grouping, argument)) {
        return group_refuse(planner, "SUM and AVG of a quotient (or of what may hide one)");
    }
    if (fold->kind == FOLD_AVERAGE && has_byte(group_text_of(grouping, argument), '?')) {
        return group_refuse(planner, "AVG of an expression with a parameter");
    }
    if (fold->kind == FOLD_AVERAGE) {
        add_average(grouping, expr, fold);
    } else if (fold->kind == FOLD_MIN || fold->kind == FOLD_MAX) {
        add_collation(grouping, expr, fold);
    }
    return true;
}
