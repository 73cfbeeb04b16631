// Aggregates, GROUP BY and DISTINCT over several shards.
//
//     SELECT status, COUNT(*), AVG(total) FROM orders GROUP BY status LIMIT 5
//
// becomes, for each shard, the same with what the merge needs behind it, sorted by all keys:
//
//     SELECT status, COUNT(*), AVG(total), COLLATION(status) AS .., SUM(total) AS .., COUNT(total)
//     AS .. FROM orders GROUP BY status ORDER BY 1 LIMIT 5
//
// so that equal groups of the shards meet at the front of their rows, and one group at a time is in
// memory. A group among the first n of all is among the first n of each shard that has it: LIMIT
// holds on the shards, too.
//
// Aggregates of DISTINCT values have the shards make finer groups, see group_fine.c.
//
// The select list may have: aggregates that can be put together, what is grouped by, literals.
// ORDER BY may name what is grouped by. All else is refused by name.

#include "router/group_impl.h"

bool group_refuse(struct planner *planner, const char *what)
{
    return plan_refuse(planner, ER_CROSS_SHARD,
                       "waybill doesn't do %s over several shards yet. Add a condition on the "
                       "shard key, or name the shard with /* waybill: shard=NAME */",
                       what);
}

uint32_t group_add_hidden(struct grouping *grouping, struct slice text)
{
    grouping->hidden =
        arena_format(grouping->planner->arena, "%.*s, %.*s", (int)grouping->hidden.len,
                     (const char *)grouping->hidden.ptr, (int)text.len, (const char *)text.ptr);
    return grouping->planner->plan->hidden_columns++;
}

struct slice group_text_of(const struct grouping *grouping, const struct expr *expr)
{
    return slice_part(grouping->planner->statement->text, expr->span.begin, expr->span.end);
}

struct group_key *group_add_key(struct grouping *grouping, const struct expr *expr)
{
    if (grouping->key_count == GROUP_KEYS_MAX) {
        (void)plan_refuse(grouping->planner, ER_TOO_LARGE,
                          "GROUP BY or DISTINCT has more than %d items", GROUP_KEYS_MAX);
        return NULL;
    }
    struct group_key *key = &grouping->keys[grouping->key_count++];
    *key = (struct group_key){.expr = expr, .item = NO_ITEM};
    return key;
}

// ---- DISTINCT: every item is a key

static bool find_distinct_keys(struct grouping *grouping)
{
    uint32_t at = 0;
    for (const struct select_item *item = grouping->query->items; item != NULL;
         item = item->next, at++) {
        if (item->expr->kind == EXPR_STAR) {
            return group_refuse(grouping->planner, "DISTINCT with *");
        }
        struct group_key *key = group_add_key(grouping, item->expr);
        if (key == NULL) {
            return false;
        }
        key->item = at;
    }
    return at > 0 || group_refuse(grouping->planner, "DISTINCT without a select list");
}

// ---- GROUP BY

static bool is_same_column(const struct grouping *grouping, const struct expr *a,
                           const struct expr *b)
{
    if (a->kind != EXPR_COLUMN || b->kind != EXPR_COLUMN || !slice_equal_nocase(a->name, b->name)) {
        return false;
    }
    bool is_only_table = grouping->planner->scopes.first->ref_count == 1;
    return is_only_table || slice_equal_nocase(a->table, b->table);
}

// The same text; with the same case where strings may stand in it.
bool group_is_same(const struct grouping *grouping, const struct expr *a, const struct expr *b)
{
    if (a->kind == EXPR_COLUMN || b->kind == EXPR_COLUMN) {
        return is_same_column(grouping, a, b);
    }
    struct slice x = group_text_of(grouping, a), y = group_text_of(grouping, b);
    bool has_string = memchr(x.ptr, '\'', x.len) != NULL || memchr(x.ptr, '"', x.len) != NULL;
    return has_string ? slice_equal(x, y) : slice_equal_nocase(x, y);
}

// A name that is an alias of another column or of an expression means the column of the tables
// first: whether there is one, a server must tell.
static bool is_alias_certain(struct grouping *grouping, const struct expr *name, bool *is_column)
{
    struct planner *planner = grouping->planner;
    const struct route_request *request = planner->request;
    const struct table_ref *table = grouping->query->tables;
    bool is_one_table = table != NULL && table->next == NULL && table->derived == NULL;
    *is_column = false;
    if (!is_one_table || (request->columns != NULL && request->columns->may_lack_some)) {
        return plan_refuse(planner, ER_CROSS_SHARD,
                           "It is not certain whether GROUP BY `%.*s` means the alias or a column "
                           "in a statement for several shards: write the expression itself, or its "
                           "position",
                           (int)name->name.len, (const char *)name->name.ptr);
    }
    if (request->columns == NULL) {
        planner->plan->wants_columns = true;
        return true;
    }
    *is_column = columns_find(request->columns, name->name) != NULL;
    return true;
}

// An item with the name as alias that isn't the column of that name.
static const struct select_item *find_alias(const struct grouping *grouping,
                                            const struct expr *name, uint32_t *at)
{
    uint32_t i = 0;
    for (const struct select_item *item = grouping->query->items; item != NULL;
         item = item->next, i++) {
        if (name->table.len == 0 && item->alias.len > 0 &&
            slice_equal_nocase(item->alias, name->name) &&
            !is_same_column(grouping, item->expr, name)) {
            *at = i;
            return item;
        }
    }
    return NULL;
}

bool group_is_alias(const struct grouping *grouping, const struct expr *name)
{
    uint32_t at;
    return find_alias(grouping, name, &at) != NULL;
}

static bool add_item_key(struct grouping *grouping, uint64_t position)
{
    uint64_t at = 0;
    for (const struct select_item *item = grouping->query->items; item != NULL;
         item = item->next, at++) {
        if (at + 1 == position && item->expr->kind != EXPR_STAR) {
            struct group_key *key = group_add_key(grouping, item->expr);
            if (key != NULL) {
                key->item = (uint32_t)at;
            }
            return key != NULL;
        }
        if (item->expr->kind == EXPR_STAR) {
            break;
        }
    }
    return plan_refuse(grouping->planner, ER_CROSS_SHARD,
                       "GROUP BY names position %llu, which the "
                       "select list doesn't have, or behind *",
                       (unsigned long long)position);
}

static void find_item_of(struct grouping *grouping, struct group_key *key)
{
    uint32_t at = 0;
    for (const struct select_item *item = grouping->query->items; item != NULL;
         item = item->next, at++) {
        if (key->item == NO_ITEM && group_is_same(grouping, item->expr, key->expr)) {
            key->item = at;
        }
    }
}

static bool find_group_key(struct grouping *grouping, const struct expr *expr)
{
    uint64_t position = 0;
    uint32_t alias_at = 0;
    if (expr->kind == EXPR_INTEGER) {
        return slice_to_uint64(expr->value, &position)
                   ? add_item_key(grouping, position)
                   : group_refuse(grouping->planner, "GROUP BY a number that is no position");
    }
    if (expr->kind == EXPR_COLUMN && find_alias(grouping, expr, &alias_at) != NULL) {
        bool is_column;
        if (!is_alias_certain(grouping, expr, &is_column)) {
            return false;
        }
        if (!is_column) {
            return add_item_key(grouping, alias_at + 1);
        }
    }
    struct group_key *key = group_add_key(grouping, expr);
    if (key == NULL) {
        return false;
    }
    struct slice text = group_text_of(grouping, expr);
    if (memchr(text.ptr, '?', text.len) != NULL) {
        return group_refuse(grouping->planner, "GROUP BY a parameter");
    }
    find_item_of(grouping, key);
    return true;
}

static bool find_group_keys(struct grouping *grouping)
{
    for (const struct order_item *item = grouping->query->group_by; item != NULL;
         item = item->next) {
        grouping->items_of_group++;
        uint32_t count = grouping->key_count;
        if (item->expr->kind == EXPR_NULL) {
            continue;
        }
        if (!find_group_key(grouping, item->expr)) {
            return false;
        }
        if (grouping->key_count > count) {
            grouping->keys[count].is_descending = item->is_descending;
        }
    }
    return true;
}

// ---- the select list

static bool is_literal(const struct expr *expr)
{
    return expr->kind == EXPR_INTEGER || expr->kind == EXPR_DECIMAL || expr->kind == EXPR_STRING ||
           expr->kind == EXPR_NULL || expr->kind == EXPR_BOOL;
}

// The place of the key that the item is; NO_KEY: none.
static uint32_t key_of_item(const struct grouping *grouping, const struct expr *expr, uint32_t at)
{
    for (uint32_t i = 0; i < grouping->key_count; i++) {
        if (grouping->keys[i].item == at || group_is_same(grouping, expr, grouping->keys[i].expr)) {
            return i;
        }
    }
    return NO_KEY;
}

static bool find_folds(struct grouping *grouping)
{
    struct plan *plan = grouping->planner->plan;
    uint32_t at = 0;
    plan->folds =
        arena_alloc(grouping->planner->arena,
                    (grouping->query->item_count + GROUP_MORE_FOLDS_MAX) * sizeof *plan->folds);
    for (const struct select_item *item = grouping->query->items; item != NULL;
         item = item->next, at++) {
        struct plan_fold *fold = &plan->folds[at];
        *fold = (struct plan_fold){.kind = FOLD_FIRST,
                                   .collation = NO_HIDDEN,
                                   .key = key_of_item(grouping, item->expr, at)};
        if (is_literal(item->expr) || fold->key != NO_KEY) {
            continue;
        }
        if (!group_fold_of(grouping, item->expr, fold)) {
            return false;
        }
    }
    plan->fold_count = at;
    return true;
}

// ---- the order

static struct group_key *find_key_at(struct grouping *grouping, uint64_t item)
{
    for (uint32_t i = 0; i < grouping->key_count; i++) {
        if (grouping->keys[i].item == item) {
            return &grouping->keys[i];
        }
    }
    return NULL;
}

// What an item of ORDER BY names; NULL: no key.
struct group_key *group_find_ordered(struct grouping *grouping, const struct expr *expr)
{
    uint64_t position = 0;
    uint32_t at = 0;
    if (expr->kind == EXPR_INTEGER) {
        bool is_position = slice_to_uint64(expr->value, &position) && position > 0;
        return is_position ? find_key_at(grouping, position - 1) : NULL;
    }
    if (expr->kind == EXPR_COLUMN && find_alias(grouping, expr, &at) != NULL) {
        // Where a column is selected by that name, too, the servers find it ambiguous, or not.
        for (const struct select_item *item = grouping->query->items; item != NULL;
             item = item->next) {
            if (is_same_column(grouping, item->expr, expr)) {
                return NULL;
            }
        }
        return find_key_at(grouping, at);
    }
    for (uint32_t i = 0; i < grouping->key_count; i++) {
        if (group_is_same(grouping, grouping->keys[i].expr, expr)) {
            return &grouping->keys[i];
        }
    }
    return NULL;
}

static void add_order(struct grouping *grouping, struct group_key *key, bool is_descending)
{
    const struct planner *planner = grouping->planner;
    struct plan *plan = planner->plan;
    bool is_hidden = key->item == NO_ITEM;
    struct slice text = group_text_of(grouping, key->expr);
    key->is_ordered = true;
    plan->keys[plan->key_count++] =
        (struct merge_key){.column = is_hidden ? plan->hidden_columns : key->item,
                           .is_hidden = is_hidden,
                           .is_descending = is_descending};
    if (is_hidden) {
        key->hidden = plan->key_count;
        group_add_hidden(grouping,
                         arena_format(planner->arena, "%.*s AS `_waybill_%u`", (int)text.len,
                                      (const char *)text.ptr, plan->key_count));
    }
    bool is_expression = key->expr->kind != EXPR_COLUMN && !grouping->query->is_distinct;
    if (memchr(text.ptr, '?', text.len) == NULL) {
        // MIN: ONLY_FULL_GROUP_BY of MariaDB finds the column within an expression ungrouped.
        group_add_hidden(grouping, arena_format(planner->arena,
                                                "COLLATION(%s%.*s%s) AS `waybill collation %u`",
                                                is_expression ? "MIN(" : "", (int)text.len,
                                                (const char *)text.ptr, is_expression ? ")" : "",
                                                plan->key_count - 1));
    }
}

// Is a group sorted by more than its keys?
static bool is_by_values(struct grouping *grouping)
{
    bool is = false;
    const struct order_item *item = grouping->query->order_by;
    for (; item != NULL && !is && !grouping->query->is_distinct; item = item->next) {
        is = item->expr->kind != EXPR_NULL && group_find_ordered(grouping, item->expr) == NULL;
    }
    return is;
}

static bool order_as_told(struct grouping *grouping)
{
    if (is_by_values(grouping)) {
        return group_order_by_values(grouping);
    }
    for (const struct order_item *item = grouping->query->order_by; item != NULL;
         item = item->next) {
        if (item->expr->kind == EXPR_NULL) {
            continue;
        }
        struct group_key *key = group_find_ordered(grouping, item->expr);
        if (key == NULL) {
            return group_refuse(grouping->planner,
                                grouping->query->is_distinct
                                    ? "DISTINCT with ORDER BY what is not in the select list"
                                    : "GROUP BY with ORDER BY anything but columns of GROUP BY");
        }
        if (!key->is_ordered) {
            add_order(grouping, key, item->is_descending);
        }
    }
    return true;
}

// ", 2, `_waybill_1` DESC": the keys that the client's ORDER BY doesn't name.
static struct slice order_the_rest(struct grouping *grouping)
{
    struct arena *arena = grouping->planner->arena;
    struct slice order = {.len = 0};
    for (uint32_t i = 0; i < grouping->key_count; i++) {
        struct group_key *key = &grouping->keys[i];
        if (key->is_ordered) {
            continue;
        }
        add_order(grouping, key, key->is_descending);
        bool is_hidden = key->item == NO_ITEM;
        order = arena_format(arena, "%.*s%s%s%u%s%s", (int)order.len, (const char *)order.ptr,
                             order.len > 0 ? ", " : "", is_hidden ? "`_waybill_" : "",
                             is_hidden ? key->hidden : key->item + 1, is_hidden ? "`" : "",
                             key->is_descending ? " DESC" : "");
    }
    return order;
}

// Finer groups, in the order in which they are sorted: so a server need not sort twice.
static void splice_group(struct grouping *grouping, struct splice_list *list)
{
    struct slice fine = group_fine_text(grouping);
    if (fine.len > 0 && grouping->query->group_by != NULL) {
        uint32_t at = grouping->query->group_by_span.end;
        list->items[list->count++] =
            (struct splice){.span = {at, at},
                            .with = arena_format(grouping->planner->arena, ", %.*s", (int)fine.len,
                                                 (const char *)fine.ptr)};
    }
}

// The groups of groups are made here, of whole ones.
static bool take_rollup(struct grouping *grouping, struct splice_list *list)
{
    const struct query *query = grouping->query;
    bool is_plain = query->order_by == NULL && grouping->fine.count == 0 &&
                    grouping->key_count > 0 && grouping->key_count == grouping->items_of_group;
    for (uint32_t i = 1; i < grouping->key_count && is_plain; i++) {
        for (uint32_t k = 0; k < i && is_plain; k++) {
            is_plain = !group_is_same(grouping, grouping->keys[i].expr, grouping->keys[k].expr);
        }
    }
    if (!is_plain) {
        return group_refuse(grouping->planner, "WITH ROLLUP with ORDER BY, DISTINCT values, NULL "
                                               "or the same item twice in GROUP BY");
    }
    list->items[list->count++] =
        (struct splice){.span = query->rollup_span, .with = slice_of_string("")};
    return true;
}

// What a shard is asked for is to be described as a server describes the client's statement: ROLLUP
// is never done with a temporary table, ORDER BY an aggregate always is.
static void splice_described(const struct grouping *grouping, struct splice_list *list)
{
    bool is_by_values = grouping->planner->plan->order_count > 0;
    uint32_t at = grouping->query->items_span.begin;
    if (grouping->query->has_rollup || is_by_values) {
        list->items[list->count++] = (struct splice){
            .span = {at, at},
            .with = slice_of_string(is_by_values ? "SQL_BUFFER_RESULT " : "SQL_BIG_RESULT ")};
    }
}

// What stands in front of the order: ORDER BY, and GROUP BY where there is none.
static struct slice before_order(struct grouping *grouping, bool has_order, bool has_tail)
{
    struct slice fine = group_fine_text(grouping);
    const char *blank = has_tail ? "" : " ";
    if (has_order) {
        return slice_of_string(", ");
    }
    if (fine.len == 0 || grouping->query->group_by != NULL) {
        return slice_of_string(has_tail ? "ORDER BY " : " ORDER BY ");
    }
    return arena_format(grouping->planner->arena, "%sGROUP BY %.*s ORDER BY ", blank, (int)fine.len,
                        (const char *)fine.ptr);
}

// All groups of a shard are wanted for HAVING, and finer ones than the client's, whatever
// sql_select_limit is there.
static void splice_order(struct grouping *grouping, struct slice order, struct splice_list *list)
{
    const struct query *query = grouping->query;
    struct arena *arena = grouping->planner->arena;
    if (grouping->planner->plan->order_count > 0) { // by the values of whole groups, later
        const char *all = query->limit == NULL ? " LIMIT 18446744073709551615" : "";
        list->items[list->count++] =
            (struct splice){.span = query->order_by_span,
                            .with = arena_format(arena, "ORDER BY %.*s%s", (int)order.len,
                                                 (const char *)order.ptr, all)};
        return;
    }
    bool has_order = query->order_by_span.end > query->order_by_span.begin;
    bool has_limit = query->limit_span.end > query->limit_span.begin;
    bool has_tail = has_limit || query->lock_at > 0;
    bool wants_all = plan_wants_all_groups(grouping->planner->plan) && !has_limit;
    uint32_t at = has_order   ? query->order_by_span.end
                  : has_limit ? query->limit_span.begin
                  : has_tail  ? query->lock_at
                              : query->span.end;
    if (order.len > 0 || wants_all) {
        struct slice before = before_order(grouping, has_order, has_tail);
        before.len = order.len > 0 ? before.len : 0;
        list->items[list->count++] = (struct splice){
            .span = {at, at},
            .with = arena_format(arena, "%.*s%.*s%s%s", (int)before.len, (const char *)before.ptr,
                                 (int)order.len, (const char *)order.ptr,
                                 wants_all ? " LIMIT 18446744073709551615" : "",
                                 has_tail && !has_order ? " " : ""),
        };
    }
}

bool plan_wants_all_groups(const struct plan *plan)
{
    return plan->having != NULL || plan->fine_keys > 0 || plan->has_rollup || plan->order_count > 0;
}

bool plan_group(struct planner *planner, const struct query *query, struct splice_list *splices)
{
    struct grouping grouping = {.planner = planner, .query = query};
    bool has_group = query->group_by != NULL;
    if (query->is_distinct && (has_group || query->has_aggregate || query->having != NULL)) {
        return group_refuse(planner, "DISTINCT together with GROUP BY, HAVING or aggregates");
    }
    if (!(query->is_distinct ? find_distinct_keys(&grouping) : find_group_keys(&grouping))) {
        return false;
    }
    if (planner->plan->wants_columns) {
        return true;
    }
    planner->plan->has_rollup = query->has_rollup;
    planner->plan->keys = arena_alloc(planner->arena, GROUP_KEYS_MAX * sizeof *planner->plan->keys);
    // Without keys one row is the result, which has no order.
    if ((!query->is_distinct && (!find_folds(&grouping) || !group_having(&grouping))) ||
        (grouping.key_count > 0 && !order_as_told(&grouping)) || !group_add_fine_keys(&grouping)) {
        return false;
    }
    planner->plan->sorts_distinct = query->is_distinct && planner->plan->key_count == 0;
    struct slice order = order_the_rest(&grouping);
    group_end_order(&grouping);
    splice_described(&grouping, splices);
    if (grouping.hidden.len > 0) {
        splices->items[splices->count++] = (struct splice){
            .span = {query->items_span.end, query->items_span.end}, .with = grouping.hidden};
    }
    splice_group(&grouping, splices);
    if (query->has_rollup && !take_rollup(&grouping, splices)) {
        return false;
    }
    if (query->having != NULL && planner->plan->having != NULL) {
        splices->items[splices->count++] =
            (struct splice){.span = query->having->span, .with = slice_of_string("1")};
    }
    splice_order(&grouping, order, splices);
    return true;
}
