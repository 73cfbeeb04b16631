// UPDATE and DELETE. Where the rows are follows from WHERE as for SELECT. On several shards each
// changes its own rows, if the tables' rows meet only within a shard, and the user may write to
// several. The columns that place a row are not changed, since the row would be where nobody looks
// for it; or, where the user has allow_key_change, the rows are moved (plan_move.c).

#include "router/plan_impl.h"

static const char *verb(const struct planner *planner)
{
    return planner->statement->kind == STATEMENT_UPDATE ? "UPDATE" : "DELETE";
}

// Which table an assigned column is of; NULL when that is not certain.
static const struct scope_ref *assigned_table(struct scope *scope, const struct expr *column)
{
    const struct scope_ref *found = NULL;
    if (scope->ref_count == 1) {
        return &scope->refs[0];
    }
    for (uint16_t i = 0; i < scope->ref_count; i++) {
        const struct table_ref *table = scope->refs[i].table;
        if (slice_equal_nocase(table->alias.len > 0 ? table->alias : table->name, column->table)) {
            if (found != NULL) {
                return NULL;
            }
            found = &scope->refs[i];
        }
    }
    return found;
}

// A column that places rows of the table, or of any table when it is not certain which one is
// meant.
static const struct scope_ref *placing_table(struct scope *scope, const struct expr *column)
{
    const struct scope_ref *table = assigned_table(scope, column);
    for (uint16_t i = 0; i < scope->ref_count; i++) {
        const struct scope_ref *ref = &scope->refs[i];
        if ((table == NULL || table == ref) &&
            scope_attribute(ref, column->name) != ATTRIBUTE_NONE) {
            return ref;
        }
    }
    return NULL;
}

// What the WHERE pins the one table's key and id to.
struct pins {
    bool has_key, has_id;
    struct shard_key key;
    uint64_t id;
};

static void pin(struct planner *planner, struct scope *scope, const struct expr *column,
                const struct expr *constant, struct pins *pins)
{
    struct scope_column found = scope_find_column(scope, column);
    struct value value = value_of_expr(planner->arena, planner->request, constant);
    const char *why = NULL;
    if (found.attribute == ATTRIBUTE_KEY) {
        pins->has_key |= value_to_key(planner->arena, found.ref->config->key_type, KEY_COMPARED,
                                      &value, &pins->key, &why);
    } else if (found.attribute == ATTRIBUTE_ID) {
        pins->has_id |= value_to_id(planner->arena, &value, &pins->id) == ID_KNOWN;
    }
}

static void find_pins(struct planner *planner, struct scope *scope, const struct expr *where,
                      struct pins *pins)
{
    if (where == NULL || where->kind != EXPR_BINARY) {
        return;
    }
    if (where->op == OP_AND) {
        find_pins(planner, scope, where->children[0], pins);
        find_pins(planner, scope, where->children[1], pins);
    } else if (where->op == OP_EQUAL) {
        pin(planner, scope, where->children[0], where->children[1], pins);
        pin(planner, scope, where->children[1], where->children[0], pins);
    }
}

// All rows that WHERE leaves are on the shard to which the new key belongs, and nothing else says
// where they are. Not where the server might store another key than this one.
static bool stays_on_shard(struct planner *planner, struct scope *scope,
                           const struct shard_key *key)
{
    const struct table_config *table = scope->refs[0].config;
    bool is_strict = planner->request->is_strict && !planner->statement->change->is_ignore;
    uint16_t shard = NO_SHARD;
    return table->id_column == NULL && is_strict &&
           sharding_of_key(planner->config, table, key, &shard) &&
           scope_root(scope, &scope->refs[0])->set.bits == shard_set_of(shard).bits;
}

// Object-relational mappers write every column back. That is fine when the row keeps its place: the
// value is the one that WHERE asks for, the key's bucket is the one of the id in WHERE, or the
// shard stays the same.
static bool keeps_place(struct planner *planner, struct scope *scope,
                        const struct assignment *assignment)
{
    struct pins pins = {.has_key = false};
    const struct table_config *table = scope->refs[0].config;
    struct value value = value_of_expr(planner->arena, planner->request, assignment->value);
    struct shard_key key;
    const char *why = NULL;
    uint64_t id = 0;
    if (scope->ref_count != 1) {
        return false;
    }
    find_pins(planner, scope, planner->statement->change->where, &pins);
    if (scope_attribute(&scope->refs[0], assignment->column->name) == ATTRIBUTE_ID) {
        return pins.has_id && value_to_id(planner->arena, &value, &id) == ID_KNOWN && id == pins.id;
    }
    if (!value_to_key(planner->arena, table->key_type, KEY_STORED, &value, &key, &why)) {
        return false;
    }
    return (pins.has_key && slice_equal(key.bytes, pins.key.bytes)) ||
           stays_on_shard(planner, scope, &key) ||
           (pins.has_id && table->method == METHOD_BUCKET &&
            bucket_of_key(key.bytes) == order_id_bucket(pins.id));
}

// Ids that a statement gives are never made: the assignments to them are looked at.
static bool check_row_ids(struct planner *planner, struct scope *scope,
                          const struct assignment *one)
{
    const struct scope_ref *table = assigned_table(scope, one->column);
    for (uint16_t i = 0; i < scope->ref_count; i++) {
        const struct table_config *config = scope->refs[i].config;
        if ((table == NULL || table == &scope->refs[i]) && config != NULL &&
            row_id_is_column(config, one->column->name) && !row_id_assign(planner, config, one)) {
            return false;
        }
    }
    return true;
}

static bool check_assignments(struct planner *planner, struct scope *scope)
{
    const struct assignment *one = planner->statement->change->set;
    for (; one != NULL; one = one->next) {
        const struct expr *value = one->value;
        const struct scope_ref *table = placing_table(scope, one->column);
        bool is_itself = value->kind == EXPR_COLUMN && scope->ref_count == 1 &&
                         slice_equal_nocase(value->name, one->column->name);
        bool is_moved = table != NULL && !is_itself && !keeps_place(planner, scope, one);
        if (!is_itself && !check_row_ids(planner, scope, one)) {
            return false;
        }
        if (is_moved && !plan_move(planner, table, one)) {
            return false;
        }
    }
    return true;
}

static uint16_t count_places(const struct scope *scope, enum place place)
{
    uint16_t count = 0;
    for (uint16_t i = 0; i < scope->ref_count; i++) {
        count = (uint16_t)(count + (scope->refs[i].place == place ? 1 : 0));
    }
    return count;
}

// May it write to a reference table that is joined with others?
static bool may_write_reference(struct planner *planner, struct scope *scope)
{
    const struct assignment *one = planner->statement->change->set;
    if (count_places(scope, PLACE_REFERENCE) == 0) {
        return false;
    }
    for (; one != NULL; one = one->next) {
        const struct scope_ref *table = assigned_table(scope, one->column);
        if (table == NULL || table->place == PLACE_REFERENCE) {
            return true;
        }
    }
    for (const struct table_ref *target = planner->statement->change->targets; target != NULL;
         target = target->next) {
        struct expr column = {.table = target->name};
        const struct scope_ref *table = assigned_table(scope, &column);
        if (table == NULL || table->place == PLACE_REFERENCE) {
            return true;
        }
    }
    return false;
}

static bool change_reference(struct planner *planner)
{
    const struct change_part *change = planner->statement->change;
    struct reach reach;
    scopes_reach(&planner->scopes, &reach);
    if (reach.has_sharded || reach.has_home || reach.has_system) {
        return plan_refuse(planner, ER_CROSS_SHARD_WRITE,
                           "%s of a reference table may read only reference tables, since it runs "
                           "on every shard: read the values first and put them in",
                           verb(planner));
    }
    if (change->limit != NULL || change->has_returning) {
        return plan_refuse(
            planner, ER_CROSS_SHARD_WRITE,
            "%s of a reference table can't have LIMIT or RETURNING, since it runs on "
            "every shard: name the rows in WHERE",
            verb(planner));
    }
    return plan_reference_write(planner, verb(planner));
}

bool plan_change_may_be_asked(const struct planner *planner)
{
    const struct change_part *change = planner->statement->change;
    bool is_plain = !change->is_multi_table && !change->is_ignore && !change->has_odd_part &&
                    change->ctes == NULL && planner->statement->set == NULL;
    for (const struct order_item *item = change->order_by; item != NULL; item = item->next) {
        is_plain = is_plain && item->expr->kind != EXPR_INTEGER; // not the place of a column
    }
    return is_plain && (planner->statement->facts & FACT_SUBQUERY) == 0;
}

// What several shards can't do each by themselves; NULL when nothing.
static const char *inexact_part(struct planner *planner, const struct scope *top)
{
    const struct change_part *change = planner->statement->change;
    if (top->ref_count == 1 && top->refs[0].place != PLACE_SHARDED) {
        return "a subquery on tables of other shards";
    }
    if (change->limit != NULL && planner->plan->steps == STEPS_MOVE) {
        return "LIMIT and a new shard key";
    }
    if (change->limit != NULL && !plan_change_may_be_asked(planner)) {
        return "LIMIT beside other tables, IGNORE and the like";
    }
    if (change->limit != NULL && change->order_by != NULL &&
        (planner->statement->facts & FACT_NOT_DETERMINISTIC) != 0) {
        return "LIMIT and functions like NOW() or RAND()";
    }
    if (change->limit == NULL && change->order_by != NULL && change->has_returning) {
        return "ORDER BY and RETURNING without LIMIT";
    }
    for (struct scope *scope = top->next; scope != NULL; scope = scope->next) {
        for (uint16_t i = 0; i < scope->ref_count; i++) {
            enum place place = scope->refs[i].place;
            if (place == PLACE_HOME || place == PLACE_SYSTEM ||
                (place == PLACE_SHARDED && !scope_root(scope, &scope->refs[i])->is_tied)) {
                return "a subquery that may need rows of other shards";
            }
        }
    }
    return plan_single_server_part(planner->statement);
}

// How many of the first rows each shard has is found out first; what it then does is its own LIMIT.
static bool change_limited(struct planner *planner, struct shard_set set)
{
    const struct expr *limit = planner->statement->change->limit;
    struct value value = value_of_expr(planner->arena, planner->request, limit);
    if (!value_to_count(&value, &planner->plan->limit)) {
        return plan_refuse(planner, ER_CROSS_SHARD_WRITE,
                           "The LIMIT of %s on several shards must be a whole number from 0 on",
                           verb(planner));
    }
    if (planner->plan->limit == 0) {
        return plan_to(planner, shard_set_first(set));
    }
    planner->plan->steps = STEPS_LIMIT;
    return plan_may_rewrite(planner) && plan_to_all(planner, set, MERGE_OK);
}

static bool change_many(struct planner *planner, struct scope *top, const struct reach *reach)
{
    const char *part = inexact_part(planner, top);
    const char *spread = plan_spread(planner, reach);
    struct shard_set set;
    if (part != NULL) {
        return plan_refuse(planner, ER_CROSS_SHARD_WRITE,
                           "waybill doesn't do %s with %s on several shards yet, and %s. Add a "
                           "condition on the shard key, or name the shard with /* waybill: "
                           "shard=NAME */",
                           verb(planner), part, spread);
    }
    if (!plan_may_write_several(planner->request)) {
        return plan_refuse(planner, ER_CROSS_SHARD_WRITE,
                           "%s on several shards, %s, and %s. Add a condition on the shard key",
                           verb(planner), plan_why_not_several(planner->request), spread);
    }
    if (!plan_within_shards(planner, reach, &set)) {
        planner->error->code = ER_CROSS_SHARD_WRITE; // it is no read
        return false;
    }
    planner->plan->is_write_to_many = true;
    plan_because(planner, "%s", spread);
    if (planner->statement->change->limit != NULL) {
        return change_limited(planner, set);
    }
    return plan_to_all(planner, set,
                       planner->statement->change->has_returning ? MERGE_ROWS : MERGE_OK);
}

static void add_assigned_values(struct planner *planner, struct scope *scope)
{
    const struct assignment *one = planner->statement->change->set;
    for (; one != NULL; one = one->next) {
        scopes_add_inner(&planner->scopes, scope, one->value);
    }
    scopes_add_rest(&planner->scopes, planner->statement);
}

bool plan_change(struct planner *planner)
{
    struct reach reach;
    const struct change_part *change = planner->statement->change;
    if (change == NULL || planner->statement->tables == NULL) {
        return plan_unknown(planner);
    }
    struct scope *top =
        scopes_add_tables(&planner->scopes, planner->statement->tables, change->where);
    if (top == NULL) {
        return !plan_is_too_large(planner) && plan_unknown(planner);
    }
    add_assigned_values(planner, top);
    if (plan_is_too_large(planner) || !check_assignments(planner, top)) {
        return false;
    }
    if (planner->hint_shard != NO_SHARD) {
        plan_because(planner, "the hint names it");
        return plan_to(planner, planner->hint_shard);
    }
    if (top->refs[0].place == PLACE_REFERENCE && top->ref_count == 1) {
        return change_reference(planner);
    }
    if (may_write_reference(planner, top)) {
        return plan_refuse(planner, ER_CROSS_SHARD_WRITE,
                           "%s of several tables may write a reference table, which has a copy on "
                           "every shard: read its values first, and change one table at a time",
                           verb(planner));
    }
    scopes_reach(&planner->scopes, &reach);
    if (shard_set_count(reach.shards) > 1) {
        return change_many(planner, top, &reach);
    }
    return plan_to_reach(planner, ER_CROSS_SHARD_WRITE, verb(planner));
}
