// GROUP_CONCAT over several shards: the shards' texts, one behind the other with the separator
// between them. ORDER BY within it makes finer groups (group_fine.c), by what is ordered by:
//
//     SELECT status, GROUP_CONCAT(id ORDER BY total) FROM orders GROUP BY status
//
//     SELECT status, GROUP_CONCAT(id ORDER BY total), total AS `_waybill_2` .. FROM orders
//     GROUP BY status, total ORDER BY 1, `_waybill_2`
//
// so the text of a finer group is that of values which a server may put in any order, and the finer
// groups come in the order that is asked for. With DISTINCT each value is a finer group. Without
// ORDER BY the order is that of the shards: a server promises none.
//
// A server cuts the text at group_concat_max_len bytes of its own character set, and warns with the
// number of the row. Here a longer one is an error, and is gathered if nothing was sent yet. How
// long the texts are, and that setting, comes in a hidden column, see session/fold_concat.c:
//
//     CONCAT(SUM(LENGTH(CONCAT(id))), ' ', COUNT(CONCAT(id)), ' ', .., @@group_concat_max_len)
//
// NULL in what is ordered by is an error as well: servers take it there for 0 or '' (they compare
// the bytes that a NULL leaves), and not for the smallest value.

#include "router/group_impl.h"

static const char refusal[] =
    "GROUP_CONCAT with LIMIT, parameters, subqueries, quotients, a SEPARATOR beyond ASCII, or "
    "ORDER BY anything but expressions of columns (with DISTINCT: its own values)";

static bool refuse(struct grouping *grouping)
{
    return group_refuse(grouping->planner, refusal);
}

// Is it the same wherever it stands, and are all its digits shown?
static bool is_plain(const struct expr *expr)
{
    bool is = expr->kind != EXPR_SUBQUERY && expr->kind != EXPR_EXISTS &&
              expr->kind != EXPR_IN_SUBQUERY && expr->kind != EXPR_PARAM &&
              expr->kind != EXPR_VARIABLE && expr->kind != EXPR_SYSTEM_VARIABLE;
    for (uint32_t i = 0; i < expr->child_count && is; i++) {
        is = is_plain(expr->children[i]);
    }
    return is;
}

static uint32_t argument_count(const struct expr *call)
{
    return call->tail != NULL ? call->tail->argument_count : call->child_count;
}

static bool read_separator(const struct expr *call, struct slice *separator)
{
    const struct expr *told = call->tail != NULL ? call->tail->separator : NULL;
    *separator = told != NULL ? told->value : slice_of_string(",");
    bool is_fit = told == NULL || (told->kind == EXPR_STRING && !told->has_introducer);
    for (size_t i = 0; i < separator->len && is_fit; i++) {
        is_fit = separator->ptr[i] < 0x80 && separator->ptr[i] != '\0';
    }
    return is_fit;
}

static bool is_argument(const struct grouping *grouping, const struct expr *call,
                        const struct expr *expr)
{
    bool is = false;
    for (uint32_t i = 0; i < argument_count(call) && !is; i++) {
        is = group_is_same(grouping, call->children[i], expr);
    }
    return is;
}

// What finer groups are made by. False: refused.
static bool take_fine(struct grouping *grouping, const struct expr *call)
{
    struct group_fine fine = {.count = 0};
    const struct order_item *item = call->tail != NULL ? call->tail->order_by : NULL;
    for (; item != NULL; item = item->next) {
        if (call->is_distinct && !is_argument(grouping, call, item->expr)) {
            return refuse(grouping);
        }
        if (!group_add_fine(grouping, &fine, item->expr, item->is_descending)) {
            return refuse(grouping);
        }
    }
    fine.is_ordered = fine.count > 0;
    for (uint32_t i = 0; i < argument_count(call) && call->is_distinct; i++) {
        if (!group_add_fine(grouping, &fine, call->children[i], false)) {
            return refuse(grouping);
        }
    }
    return fine.count == 0 || group_take_fine(grouping, &fine);
}

// "c IS NULL OR d IS NULL" of what is ordered by and not shown; empty: nothing.
static struct slice null_text(const struct grouping *grouping, const struct expr *call)
{
    struct arena *arena = grouping->planner->arena;
    struct slice all = {.len = 0};
    const struct order_item *item = call->tail != NULL ? call->tail->order_by : NULL;
    for (; item != NULL; item = item->next) {
        struct slice text = group_text_of(grouping, item->expr);
        if (!is_argument(grouping, call, item->expr)) {
            all = arena_format(arena, "%.*s%s(%.*s) IS NULL", (int)all.len, (const char *)all.ptr,
                               all.len > 0 ? " OR " : "", (int)text.len, (const char *)text.ptr);
        }
    }
    return all;
}

static void add_facts(struct grouping *grouping, const struct expr *call, struct plan_fold *fold)
{
    struct arena *arena = grouping->planner->arena;
    struct slice first = group_text_of(grouping, call->children[0]);
    struct slice last = group_text_of(grouping, call->children[argument_count(call) - 1]);
    int len = (int)(last.ptr + last.len - first.ptr); // with the commas between them
    const char *values = (const char *)first.ptr;
    struct slice nulls = null_text(grouping, call);
    struct slice null_count = slice_of_string("0");
    if (nulls.len > 0) {
        null_count = arena_format(arena, "SUM(CONCAT(%.*s) IS NOT NULL AND (%.*s))", len, values,
                                  (int)nulls.len, (const char *)nulls.ptr);
    }
    struct slice count = call->is_distinct
                             ? slice_of_string("1")
                             : arena_format(arena, "COUNT(CONCAT(%.*s))", len, values);
    fold->sum = group_add_hidden(
        grouping,
        arena_format(arena,
                     "CONCAT(%s(LENGTH(CONCAT(%.*s))), ' ', %.*s, ' ', %.*s, ' ', "
                     "@@group_concat_max_len, ' ', MIN(CHARSET(CONCAT(%.*s)))) AS "
                     "`_waybill_concat_%u`",
                     call->is_distinct ? "MAX" : "SUM", len, values, (int)count.len,
                     (const char *)count.ptr, (int)null_count.len, (const char *)null_count.ptr,
                     len, values, grouping->planner->plan->hidden_columns));
}

bool group_concat_of(struct grouping *grouping, const struct expr *call, struct plan_fold *fold)
{
    struct slice text = group_text_of(grouping, call);
    bool is_fit = argument_count(call) > 0 && (call->tail == NULL || !call->tail->has_limit) &&
                  !call->has_over && memchr(text.ptr, '?', text.len) == NULL &&
                  memchr(text.ptr, '/', text.len) == NULL && read_separator(call, &fold->separator);
    for (uint32_t i = 0; i < argument_count(call) && is_fit; i++) {
        is_fit = is_plain(call->children[i]);
    }
    if (!is_fit) {
        return refuse(grouping);
    }
    fold->is_distinct = call->is_distinct;
    if (!take_fine(grouping, call)) {
        return false;
    }
    add_facts(grouping, call, fold);
    return true;
}
