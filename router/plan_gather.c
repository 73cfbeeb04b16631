// When no merge is exact: the statement as it came, on one server that is given the rows first
// (gather.h). What is decided here is which tables' rows, of which shards, under which conditions.
//
// A condition of a WHERE may be used on its table ahead of everything else, since rows for which it
// is not true are in no result: also behind an outer join, where it drops the rows of NULLs that
// take their place. So may that of the ON of an inner join, where there are no outer ones. A table
// that is named twice is brought once, without conditions.

#include "router/plan_impl.h"

#include "router/gather.h"

struct gathering {
    struct planner *planner;
    struct gather_plan *gather;
    struct gather_table **table_of; // of the scope's references; NULL: nothing to bring
    struct scope *scope;
};

// ---- which statements

static bool has_star(const struct query *query)
{
    for (const struct select_item *item = query->items; item != NULL; item = item->next) {
        if (item->expr->kind == EXPR_STAR) {
            return true;
        }
    }
    return query->items == NULL && !query->is_values && query->nested == NULL;
}

// @@autocommit and the like: the statement is run beside the transaction.
static bool names_transaction(struct slice text)
{
    static const char *const names[] = {"autocommit", "in_transaction"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        size_t len = strlen(names[i]);
        for (size_t at = 0; at + len <= text.len; at++) {
            if (slice_is_nocase(slice_part(text, at, at + len), names[i])) {
                return true;
            }
        }
    }
    return false;
}

// What one server alone would answer otherwise, or must not run.
static bool is_fit(const struct planner *planner)
{
    const struct statement *statement = planner->statement;
    const uint32_t unfit = FACT_WRITES | FACT_LOCKS_ROWS | FACT_NEEDS_PRIMARY | FACT_OUTFILE |
                           FACT_SETS_USER_VARIABLE | FACT_TEMPORARY_TABLE | FACT_TABLE_LOCK |
                           FACT_NAMED_LOCK | FACT_FOUND_ROWS | FACT_ROW_COUNT | FACT_DIAGNOSTICS |
                           FACT_CONNECTION_ID | FACT_SLEEPS | FACT_INSERT_ID_SET |
                           FACT_UNKNOWN_FUNCTION;
    if ((statement->facts & unfit) != 0 || planner->wants_primary ||
        (planner->request->in_transaction && names_transaction(statement->text))) {
        return false;
    }
    for (const struct scope *scope = planner->scopes.first; scope != NULL; scope = scope->next) {
        if (scope->query == NULL || scope->query->has_into || scope->query->lock != LOCK_NONE) {
            return false;
        }
    }
    return true;
}

// ---- which tables

// The entry of the table, a new one if need be. NULL: there are too many, or its name can't be
// written in another character set.
static struct gather_table *entry_of(struct planner *planner, struct gather_plan *gather,
                                     const struct table_ref *table)
{
    struct slice schema = table->schema.len > 0 ? table->schema : planner->request->database;
    for (uint32_t i = 0; i < gather->table_count; i++) {
        struct gather_table *known = &gather->tables[i];
        if (slice_equal_nocase(known->schema, schema) &&
            slice_equal_nocase(known->name, table->name)) {
            return known;
        }
    }
    if (gather->table_count == GATHER_TABLES_MAX || schema.len == 0 || !slice_is_ascii(schema) ||
        !slice_is_ascii(table->name)) {
        return NULL;
    }
    struct gather_table *entry = &gather->tables[gather->table_count++];
    entry->schema = schema;
    entry->name = table->name;
    return entry;
}

static bool add_ref(struct planner *planner, struct gather_plan *gather, struct scope *scope,
                    struct scope_ref *ref)
{
    bool is_home = ref->place == PLACE_HOME;
    if (ref->place == PLACE_SYSTEM) {
        return false;
    }
    bool is_copied = ref->place == PLACE_REFERENCE && gather->is_inside;
    if (ref->place != PLACE_SHARDED && !is_home && !is_copied) {
        return true;
    }
    struct gather_table *entry = entry_of(planner, gather, ref->table);
    if (entry == NULL) {
        return false;
    }
    struct shard_set set = is_home ? shard_set_of(ref->home) : scope_root(scope, ref)->set;
    struct shard_set has = is_home ? set : sharding_of_table(planner->config, ref->config);
    if (is_copied) {
        set = shard_set_of(plan_any_shard(planner)); // the transaction's first, if it has one
        has = sharding_all(planner->config);
    }
    entry->shards.bits |= set.bits & sharding_all(planner->config).bits;
    entry->uses++;
    gather->places.bits &= has.bits;
    return true;
}

static bool add_tables(struct planner *planner, struct gather_plan *gather)
{
    gather->tables = arena_alloc(planner->arena, GATHER_TABLES_MAX * sizeof *gather->tables);
    gather->places = sharding_all(planner->config);
    for (struct scope *scope = planner->scopes.first; scope != NULL; scope = scope->next) {
        gather->wants_all_columns |= scope->has_natural || has_star(scope->query);
        for (uint16_t i = 0; i < scope->ref_count; i++) {
            if (!add_ref(planner, gather, scope, &scope->refs[i])) {
                return false;
            }
        }
    }
    return gather->places.bits != 0;
}

// ---- which conditions

static bool is_name_of(const struct gathering *all, const struct scope_ref *ref,
                       const struct expr *expr)
{
    const struct table_ref *table = ref->table;
    struct slice name = table->alias.len > 0 ? table->alias : table->name;
    if (expr->table.len > 0) {
        return expr->schema.len == 0 && slice_equal_nocase(name, expr->table);
    }
    // If another table had it too the server would refuse the statement as ambiguous.
    return !all->scope->has_using && !all->scope->has_natural;
}

// For every table that may have the column: whether it has is known later.
static void add_condition(const struct gathering *all, const struct gather_condition *condition,
                          const struct expr *column)
{
    struct planner *planner = all->planner;
    for (uint16_t i = 0; i < all->scope->ref_count; i++) {
        struct gather_table *table = all->table_of[i];
        if (table == NULL || table->uses != 1 || !is_name_of(all, &all->scope->refs[i], column)) {
            continue;
        }
        struct gather_condition *copy = arena_alloc(planner->arena, sizeof *copy);
        *copy = *condition;
        copy->column = column->name;
        copy->next = table->conditions;
        table->conditions = copy;
    }
}

// False: one of them is no constant.
static bool take_values(const struct gathering *all, struct expr *const *exprs, uint32_t count,
                        struct gather_condition *condition)
{
    struct planner *planner = all->planner;
    struct value *values = arena_alloc(planner->arena, count * sizeof *values);
    for (uint32_t i = 0; i < count; i++) {
        values[i] = value_of_expr(planner->arena, planner->request, exprs[i]);
        if (values[i].kind == VALUE_UNKNOWN || values[i].kind == VALUE_NULL ||
            values[i].kind == VALUE_DEFAULT) {
            return false;
        }
    }
    condition->values = values;
    condition->value_count = count;
    return true;
}

static enum expr_op flipped(enum expr_op op)
{
    switch ((int)op) {
    case OP_LESS:
        return OP_GREATER;
    case OP_LESS_EQUAL:
        return OP_GREATER_EQUAL;
    case OP_GREATER:
        return OP_LESS;
    case OP_GREATER_EQUAL:
        return OP_LESS_EQUAL;
    default:
        return op;
    }
}

static void add_comparison(const struct gathering *all, const struct expr *expr)
{
    struct gather_condition condition = {.op = expr->op};
    bool is_comparison = expr->op == OP_EQUAL || expr->op == OP_NOT_EQUAL || expr->op == OP_LESS ||
                         expr->op == OP_LESS_EQUAL || expr->op == OP_GREATER ||
                         expr->op == OP_GREATER_EQUAL;
    if (!is_comparison || expr->child_count != 2) {
        return;
    }
    bool is_left = expr->children[0]->kind == EXPR_COLUMN;
    const struct expr *column = expr->children[is_left ? 0 : 1];
    condition.op = is_left ? expr->op : flipped(expr->op);
    if (column->kind == EXPR_COLUMN &&
        take_values(all, &expr->children[is_left ? 1 : 0], 1, &condition)) {
        add_condition(all, &condition, column);
    }
}

static void add_conditions(const struct gathering *all, const struct expr *expr)
{
    struct gather_condition condition = {.op = OP_NONE};
    while (expr != NULL && expr->kind == EXPR_BINARY && expr->op == OP_AND) {
        add_conditions(all, expr->children[1]);
        expr = expr->children[0];
    }
    if (expr == NULL) {
        return;
    }
    condition.is_negated = expr->is_negated;
    if (expr->kind == EXPR_BINARY) {
        add_comparison(all, expr);
    } else if ((expr->kind == EXPR_IN || expr->kind == EXPR_BETWEEN) && expr->child_count >= 2 &&
               expr->child_count <= GATHER_VALUES_MAX && expr->children[0]->kind == EXPR_COLUMN &&
               take_values(all, expr->children + 1, expr->child_count - 1, &condition)) {
        condition.op = expr->kind == EXPR_BETWEEN ? OP_AND : OP_NONE;
        add_condition(all, &condition, expr->children[0]);
    }
}

static void add_scope_conditions(struct planner *planner, struct gather_plan *gather,
                                 struct scope *scope)
{
    struct gathering all = {.planner = planner, .gather = gather, .scope = scope};
    all.table_of = arena_alloc(planner->arena, (scope->ref_count + 1u) * sizeof(void *));
    for (uint16_t i = 0; i < scope->ref_count; i++) {
        enum place place = scope->refs[i].place;
        bool is_moved = place == PLACE_SHARDED || place == PLACE_HOME ||
                        (place == PLACE_REFERENCE && gather->is_inside);
        all.table_of[i] = is_moved ? entry_of(planner, gather, scope->refs[i].table) : NULL;
    }
    add_conditions(&all, scope->query->where);
    for (uint16_t i = 0; i < scope->ref_count && !scope->has_outer_join; i++) {
        add_conditions(&all, scope->refs[i].table->on);
    }
}

// ---- where

// One that has rows of its own to give, by turns.
static uint16_t choose_place(const struct planner *planner, const struct gather_plan *gather)
{
    struct shard_set wanted = {0};
    for (uint32_t i = 0; i < gather->table_count; i++) {
        wanted.bits |= gather->tables[i].shards.bits;
    }
    wanted.bits &= gather->places.bits;
    struct shard_set set = wanted.bits != 0 ? wanted : gather->places;
    for (unsigned left = (unsigned)(planner->request->now_ms % shard_set_count(set)); left > 0;
         left--) {
        set.bits &= set.bits - 1;
    }
    return shard_set_first(set);
}

bool plan_gather(struct planner *planner, const struct reach *reach)
{
    struct plan *plan = planner->plan;
    struct gather_plan *gather = arena_alloc(planner->arena, sizeof *gather);
    gather->is_inside = planner->request->in_transaction;
    if (!planner->request->may_gather || !is_fit(planner) || !add_tables(planner, gather)) {
        return false; // the error stays that of the merge
    }
    // SET STATEMENT time_zone = ... FOR: a condition could mean something else where it is read.
    bool has_settings = planner->statement->set != NULL;
    for (struct scope *scope = planner->scopes.first; scope != NULL && !has_settings;
         scope = scope->next) {
        add_scope_conditions(planner, gather, scope);
    }
    *planner->error = (struct error){.code = 0};
    *plan = (struct plan){
        .access = ACCESS_REPLICA,
        .limit = UINT64_MAX,
        .gather = gather,
        .counts_found = (planner->statement->facts & FACT_CALC_FOUND_ROWS) != 0,
    };
    gather->text = planner->statement->text;
    plan_because(planner, "%s", plan_spread(planner, reach));
    (void)plan_to(planner, choose_place(planner, gather));
    return true;
}
