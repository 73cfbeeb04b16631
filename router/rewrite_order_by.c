// ORDER BY over several shards: each shard sorts, the merge compares columns of the result. So each
// item must be found in the select list, or be put there as a hidden column (`_waybill_1`, ...)
// that the client never sees. With * nobody here knows how many columns stand before it, so then
// every item is a hidden one.
//
// Which column a bare name means follows the servers' rule: a name or alias in the select list goes
// before a column of the tables. Where two could be meant it is refused.

#include "router/plan_impl.h"

enum { ORDER_ITEMS_MAX = 64 };

struct found_item {
    unsigned aliases; // items with the name as alias
    unsigned columns; // items that are the column itself, whatever their alias
    uint32_t alias_at, column_at;
    const struct select_item *alias, *column;
    bool has_star;
};

static bool is_same_column(const struct expr *item, const struct expr *wanted)
{
    if (item->kind != EXPR_COLUMN || !slice_equal_nocase(item->name, wanted->name)) {
        return false;
    }
    return wanted->table.len == 0 || (slice_equal_nocase(item->table, wanted->table) &&
                                      slice_equal_nocase(item->schema, wanted->schema));
}

static void find_item(const struct query *query, const struct expr *wanted,
                      struct found_item *found)
{
    uint32_t at = 0;
    *found = (struct found_item){.aliases = 0};
    for (const struct select_item *item = query->items; item != NULL; item = item->next, at++) {
        found->has_star |= item->expr->kind == EXPR_STAR;
        if (wanted->table.len == 0 && item->alias.len > 0 &&
            slice_equal_nocase(item->alias, wanted->name)) {
            found->aliases++;
            found->alias = item;
            found->alias_at = at;
        }
        if (is_same_column(item->expr, wanted)) {
            found->columns++;
            found->column_at = at;
            found->column = item;
        }
    }
}

static void add_key(struct plan *plan, uint32_t column, bool is_hidden, bool is_descending)
{
    plan->keys[plan->key_count++] = (struct merge_key){
        .column = column, .is_hidden = is_hidden, .is_descending = is_descending};
}

static struct slice text_of(const struct planner *planner, const struct expr *expr)
{
    return slice_part(planner->statement->text, expr->span.begin, expr->span.end);
}

// What the servers sort by, as far as they look, and the weight of a blank, with which the shorter
// of two keys counts as filled up. Nobody looks at them where the key is no string.
static void add_sort_key(struct planner *planner, struct slice text, struct slice *hidden_text)
{
    uint32_t key = planner->plan->key_count - 1;
    *hidden_text =
        arena_format(planner->arena,
                     "%.*s, LEFT(WEIGHT_STRING(%.*s), @@max_sort_length) AS `waybill weights %u`, "
                     "WEIGHT_STRING(CONCAT(IFNULL(LEFT(%.*s, 0), ''), ' ')) AS `waybill blank %u`",
                     (int)hidden_text->len, (const char *)hidden_text->ptr, (int)text.len,
                     (const char *)text.ptr, key, (int)text.len, (const char *)text.ptr, key);
    planner->plan->hidden_columns += 2;
    planner->plan->has_sort_keys = true;
}

// A hidden column that tells the merge by which collation the servers sort the last key: column
// definitions don't (they name that of character_set_results). `expr` is the key's own expression,
// not an alias.
static void add_collation(struct planner *planner, struct slice text, struct slice *hidden_text)
{
    if (planner->plan->key_count == 1) {
        planner->first_key = text;
    }
    if (memchr(text.ptr, '?', text.len) != NULL) {
        return; // a parameter can't be there twice; the merge does without, or refuses strings
    }
    *hidden_text =
        arena_format(planner->arena, "%.*s, COLLATION(%.*s) AS `waybill collation %u`",
                     (int)hidden_text->len, (const char *)hidden_text->ptr, (int)text.len,
                     (const char *)text.ptr, planner->plan->key_count - 1);
    planner->plan->hidden_columns++;
    if (planner->request->wants_sort_keys) {
        add_sort_key(planner, text, hidden_text);
    }
}

// The item's text goes to the end of the select list.
static void add_hidden(struct planner *planner, const struct order_item *item, struct slice text,
                       struct slice *hidden_text)
{
    struct plan *plan = planner->plan;
    add_key(plan, plan->hidden_columns, true, item->is_descending);
    plan->hidden_columns++;
    *hidden_text = arena_format(planner->arena, "%.*s, %.*s AS `_waybill_%u`",
                                (int)hidden_text->len, (const char *)hidden_text->ptr,
                                (int)text.len, (const char *)text.ptr, plan->key_count);
}

static bool refuse_name(struct planner *planner, struct slice name)
{
    return plan_refuse(planner, ER_CROSS_SHARD,
                       "It is not certain which column ORDER BY `%.*s` means in a statement for "
                       "several shards: give the column in the select list an alias of its own, or "
                       "name the table",
                       (int)name.len, (const char *)name.ptr);
}

static bool is_star_of(const struct expr *star, const struct table_ref *table)
{
    return slice_equal_nocase(star->table, table->alias.len > 0 ? table->alias : table->name);
}

// t.*: does its table have the column for certain, or else none of those joined?
static bool has_column(const struct planner *planner, const struct expr *star, struct slice name)
{
    const struct scope *scope = planner->scopes.first;
    bool is_certain = false;
    bool is_same_table = true;
    for (uint16_t i = 0; i < scope->ref_count; i++) {
        const struct scope_ref *ref = &scope->refs[i];
        is_certain |= is_star_of(star, ref->table) && scope_attribute(ref, name) != ATTRIBUTE_NONE;
        is_same_table &= ref->config != NULL && ref->config == scope->refs[0].config;
    }
    return is_certain || is_same_table;
}

// The text by which a hidden column is the one that ORDER BY means: of t.* in the select list,
// before those of other tables, which the select list itself would find ambiguous. False: not
// certain.
static bool qualify(struct planner *planner, const struct query *query, const struct expr *wanted,
                    struct slice *text)
{
    const struct expr *star = NULL;
    uint32_t stars = 0;
    *text = text_of(planner, wanted);
    for (const struct select_item *item = query->items; item != NULL; item = item->next) {
        if (item->expr->kind == EXPR_STAR && item->expr->table.len == 0) {
            return true;
        }
        if (item->expr->kind == EXPR_STAR) {
            star = item->expr;
            stars++;
        }
    }
    if (wanted->table.len > 0 || stars == 0 || stars >= planner->scopes.first->ref_count) {
        return true; // the select list has all tables, or none as a whole
    }
    struct slice prefix = text_of(planner, star);
    if (stars > 1 || !has_column(planner, star, wanted->name)) {
        return false;
    }
    *text = arena_format(planner->arena, "%.*s%.*s", (int)prefix.len - 1, (const char *)prefix.ptr,
                         (int)text->len, (const char *)text->ptr);
    return true;
}

static bool order_by_name(struct planner *planner, const struct query *query,
                          const struct order_item *item, struct slice *hidden_text)
{
    struct found_item found;
    const struct expr *wanted = item->expr;
    find_item(query, wanted, &found);
    if (found.aliases > 0) {
        bool is_itself = found.aliases == 1 && is_same_column(found.alias->expr, wanted);
        if (found.aliases > 1 || found.columns > (is_itself ? 1u : 0u) ||
            (found.has_star && !is_itself)) {
            return refuse_name(planner, wanted->name);
        }
        if (!found.has_star) {
            add_key(planner->plan, found.alias_at, false, item->is_descending);
            add_collation(planner, text_of(planner, found.alias->expr), hidden_text);
            return true;
        }
    } else if (found.columns > 1 && wanted->table.len == 0) {
        return refuse_name(planner, wanted->name);
    } else if (found.columns > 0 && !found.has_star) {
        add_key(planner->plan, found.column_at, false, item->is_descending);
        add_collation(planner, text_of(planner, found.column->expr), hidden_text);
        return true;
    }
    struct slice text;
    if (!qualify(planner, query, wanted, &text)) {
        return refuse_name(planner, wanted->name);
    }
    add_hidden(planner, item, text, hidden_text);
    add_collation(planner, text, hidden_text);
    return true;
}

static bool order_by_position(struct planner *planner, const struct query *query,
                              const struct order_item *item, struct slice *hidden_text)
{
    uint64_t position = 0;
    uint64_t at = 0;
    if (!slice_to_uint64(item->expr->value, &position)) {
        position = 0;
    }
    for (const struct select_item *one = query->items; one != NULL; one = one->next) {
        if (one->expr->kind == EXPR_STAR) {
            return plan_refuse(planner, ER_CROSS_SHARD,
                               "ORDER BY a position behind * is not possible in a statement for "
                               "several shards: name the column");
        }
        if (++at == position) {
            add_key(planner->plan, (uint32_t)(at - 1), false, item->is_descending);
            add_collation(planner, text_of(planner, one->expr), hidden_text);
            return true;
        }
    }
    return plan_refuse(planner, ER_CROSS_SHARD,
                       "ORDER BY names position %llu, and the select list "
                       "has %llu",
                       (unsigned long long)position, (unsigned long long)at);
}

// Does a name in the expression mean another item of the select list by its alias?
static bool has_alias(const struct query *query, const struct expr *expr)
{
    bool has = false;
    if (expr->kind == EXPR_COLUMN) {
        struct found_item found;
        find_item(query, expr, &found);
        has = found.aliases > 0 && (found.aliases > 1 || !is_same_column(found.alias->expr, expr));
    }
    for (uint32_t i = 0; i < expr->child_count && !has; i++) {
        has = has_alias(query, expr->children[i]);
    }
    return has;
}

static bool order_by_expression(struct planner *planner, const struct query *query,
                                const struct order_item *item, struct slice *hidden_text)
{
    struct slice text = text_of(planner, item->expr);
    bool is_repeatable = (planner->statement->facts & FACT_NOT_DETERMINISTIC) == 0 &&
                         memchr(text.ptr, '?', text.len) == NULL;
    if (!is_repeatable || has_alias(query, item->expr)) {
        return plan_refuse(planner, ER_CROSS_SHARD,
                           "waybill doesn't do ORDER BY an expression with %s over several shards "
                           "yet: put it into the select list with an alias and order by the alias",
                           is_repeatable
                               ? "an alias of the select list"
                               : "parameters, or beside functions like NOW() and RAND(),");
    }
    add_hidden(planner, item, text, hidden_text);
    add_collation(planner, text, hidden_text);
    return true;
}

bool rewrite_order_by(struct planner *planner, const struct query *query,
                      struct splice_list *splices)
{
    struct slice hidden = {.len = 0};
    uint32_t count = 0;
    planner->plan->keys = arena_alloc(planner->arena, ORDER_ITEMS_MAX * sizeof(struct merge_key));
    for (const struct order_item *item = query->order_by; item != NULL; item = item->next) {
        bool is_done = true;
        if (++count > ORDER_ITEMS_MAX) {
            return plan_refuse(planner, ER_TOO_LARGE, "ORDER BY has more than %d items",
                               ORDER_ITEMS_MAX);
        }
        if (item->expr->kind == EXPR_NULL) {
            continue; // no order: the idiom for "don't sort"
        }
        if (item->expr->kind == EXPR_COLUMN) {
            is_done = order_by_name(planner, query, item, &hidden);
        } else if (item->expr->kind == EXPR_INTEGER) {
            is_done = order_by_position(planner, query, item, &hidden);
        } else {
            is_done = order_by_expression(planner, query, item, &hidden);
        }
        if (!is_done) {
            return false;
        }
    }
    if (hidden.len > 0 && query->items_span.begin == query->items_span.end) {
        return plan_refuse(
            planner, ER_CROSS_SHARD,
            "waybill doesn't do TABLE ... ORDER BY over several shards: write SELECT "
            "* FROM");
    }
    if (hidden.len > 0) {
        splices->items[splices->count++] = (struct splice){
            .span = {query->items_span.end, query->items_span.end},
            .with = hidden,
        };
    }
    return true;
}
