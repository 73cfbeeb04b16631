// Names become places. A statement's FROM lists form a tree (subqueries see the tables around
// them); each is a scope, outer ones before inner ones, so that an inner one can follow what is
// known of its outer one. What a column name means is decided only where it is certain: the router
// knows the shard key and id columns of declared tables and no others.

#include "router/scope.h"
#include "router/condition.h"

enum { SCOPES_MAX = 4096 };

void scopes_init(struct scopes *scopes, struct arena *arena, const struct route_request *request,
                 const struct statement *statement)
{
    *scopes = (struct scopes){.arena = arena, .request = request};
    scopes->wants_inner = statement->subquery_count > 0 || (statement->facts & FACT_SUBQUERY) != 0;
}

static bool is_system_schema(struct slice schema)
{
    static const char *const names[] = {"information_schema", "performance_schema", "mysql", "sys"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (slice_is_nocase(schema, names[i])) {
            return true;
        }
    }
    return false;
}

void scope_place(const struct route_request *request, const struct table_ref *table,
                 struct scope_ref *ref)
{
    *ref = (struct scope_ref){.table = table, .place = PLACE_NOWHERE};
    if (table->derived != NULL || table->is_cte || table->name.len == 0) {
        return;
    }
    struct slice schema = table->schema.len > 0 ? table->schema : request->database;
    ref->config = config_find_table(request->config, schema, table->name);
    if (ref->config == NULL) {
        if (is_system_schema(schema)) {
            ref->place = PLACE_SYSTEM;
        } else if (table->schema.len > 0 || !slice_is_nocase(table->name, "dual")) {
            ref->place = PLACE_HOME;
            ref->home = request->config->default_shard;
        }
        return;
    }
    switch (ref->config->type) {
    case TABLE_SHARDED:
        ref->place = PLACE_SHARDED;
        ref->set = sharding_of_table(request->config, ref->config);
        break;
    case TABLE_REFERENCE:
        ref->place = PLACE_REFERENCE;
        break;
    case TABLE_UNSHARDED:
        ref->place = PLACE_HOME;
        ref->home = ref->config->home;
        break;
    }
}

struct scope_ref *scope_root(struct scope *scope, struct scope_ref *ref)
{
    while (&scope->refs[ref->parent] != ref) {
        ref = &scope->refs[ref->parent];
    }
    return ref;
}

const char *scope_table_name(struct arena *arena, const struct scope_ref *ref)
{
    struct slice name;
    if (ref->config != NULL) {
        name = arena_format(arena, "%s.%s", ref->config->schema, ref->config->name);
    } else {
        name = arena_format(arena, "%.*s%s%.*s", (int)ref->table->schema.len,
                            (const char *)ref->table->schema.ptr,
                            ref->table->schema.len > 0 ? "." : "", (int)ref->table->name.len,
                            (const char *)ref->table->name.ptr);
    }
    return (const char *)name.ptr;
}

bool scope_are_together(const struct scope_ref *a, const struct scope_ref *b,
                        enum attribute attribute)
{
    if (a->config == NULL || b->config == NULL) {
        return false;
    }
    return attribute == ATTRIBUTE_ID || // it carries the bucket, whatever the table
           (attribute == ATTRIBUTE_KEY && a->config->group == b->config->group);
}

static void mark_join(struct scope *scope, const struct table_ref *table)
{
    scope->has_using |= table->using_count > 0;
    scope->has_natural |= table->is_natural;
    scope->has_nest |= table->nest != 0;
    scope->has_outer_join |= table->join == JOIN_LEFT || table->join == JOIN_RIGHT;
}

static struct scope *scope_new(struct scopes *scopes, const struct table_ref *tables,
                               struct scope *outer)
{
    uint16_t count = 0;
    for (const struct table_ref *table = tables; table != NULL; table = table->next) {
        if (++count > SCOPE_REFS_MAX) {
            scopes->is_too_large = true;
            return NULL;
        }
    }
    if (++scopes->count > SCOPES_MAX) {
        scopes->is_too_large = true;
        return NULL;
    }
    struct scope *scope = arena_alloc(scopes->arena, sizeof *scope);
    scope->request = scopes->request;
    scope->outer = outer;
    scope->ref_count = count;
    scope->refs = arena_alloc(scopes->arena, (count + 1u) * sizeof *scope->refs);
    uint16_t at = 0;
    for (const struct table_ref *table = tables; table != NULL; table = table->next) {
        scope_place(scopes->request, table, &scope->refs[at]);
        scope->refs[at].parent = at;
        mark_join(scope, table);
        at++;
    }
    if (scopes->last == NULL) {
        scopes->first = scope;
    } else {
        scopes->last->next = scope;
    }
    scopes->last = scope;
    return scope;
}

// The left operand is followed in a loop: a chain of ten thousand ORs leans to the left.
void scopes_add_inner(struct scopes *scopes, struct scope *outer, const struct expr *expr)
{
    while (expr != NULL && scopes->wants_inner) {
        if (expr->query != NULL) {
            scopes_add_query(scopes, expr->query, outer, false);
        }
        for (uint32_t i = 1; i < expr->child_count; i++) {
            scopes_add_inner(scopes, outer, expr->children[i]);
        }
        expr = expr->child_count > 0 ? expr->children[0] : NULL;
    }
}

static void add_order(struct scopes *scopes, struct scope *outer, const struct order_item *item)
{
    for (; item != NULL; item = item->next) {
        scopes_add_inner(scopes, outer, item->expr);
    }
}

// Derived tables see nothing of the query that they stand in.
static void add_tables_inner(struct scopes *scopes, struct scope *scope,
                             const struct table_ref *table)
{
    for (; table != NULL; table = table->next) {
        if (table->derived != NULL) {
            scopes_add_query(scopes, table->derived, NULL, false);
        }
        scopes_add_inner(scopes, scope, table->on);
    }
}

static void add_arm(struct scopes *scopes, const struct query *query, struct scope *outer,
                    bool is_top)
{
    struct scope *scope = scope_new(scopes, query->tables, outer);
    if (scope == NULL) {
        return;
    }
    scope->query = query;
    scope->is_top = is_top;
    condition_narrow(scopes, scope, query->where);
    if (query->nested != NULL) {
        scopes_add_query(scopes, query->nested, outer, false);
    }
    add_tables_inner(scopes, scope, query->tables);
    for (const struct query *cte = query->ctes; cte != NULL; cte = cte->next_cte) {
        scopes_add_query(scopes, cte, NULL, false);
    }
    if (!scopes->wants_inner) {
        return;
    }
    for (const struct select_item *item = query->items; item != NULL; item = item->next) {
        scopes_add_inner(scopes, scope, item->expr);
    }
    scopes_add_inner(scopes, scope, query->where);
    scopes_add_inner(scopes, scope, query->having);
    add_order(scopes, scope, query->group_by);
    add_order(scopes, scope, query->order_by);
}

void scopes_add_query(struct scopes *scopes, const struct query *query, struct scope *outer,
                      bool is_top)
{
    for (; query != NULL && !scopes->is_too_large; query = query->next) {
        add_arm(scopes, query, outer, is_top);
    }
}

struct scope *scopes_add_tables(struct scopes *scopes, const struct table_ref *tables,
                                const struct expr *where)
{
    struct scope *scope = scope_new(scopes, tables, NULL);
    if (scope != NULL) {
        scope->is_top = true;
        condition_narrow(scopes, scope, where);
        add_tables_inner(scopes, scope, tables);
        scopes_add_inner(scopes, scope, where);
    }
    return scope;
}

static bool is_known(const struct scopes *scopes, const struct query *query)
{
    for (const struct scope *scope = scopes->first; scope != NULL; scope = scope->next) {
        if (scope->query == query) {
            return true;
        }
    }
    return false;
}

void scopes_add_rest(struct scopes *scopes, const struct statement *statement)
{
    for (uint32_t i = 0; i < statement->subquery_count && !scopes->is_too_large; i++) {
        if (!is_known(scopes, statement->subqueries[i])) {
            scopes_add_query(scopes, statement->subqueries[i], NULL, false);
        }
    }
}

static const struct index_config *find_index(const struct scope_ref *ref, struct slice name)
{
    const struct index_config *index = ref->config->indexes;
    while (index != NULL && !slice_is_nocase(name, index->column)) {
        index = index->next;
    }
    return index;
}

enum attribute scope_attribute(const struct scope_ref *ref, struct slice name)
{
    if (ref->place != PLACE_SHARDED) {
        return ATTRIBUTE_NONE;
    }
    if (ref->config->key != NULL && slice_is_nocase(name, ref->config->key)) {
        return ATTRIBUTE_KEY;
    }
    if (ref->config->id_column != NULL && slice_is_nocase(name, ref->config->id_column)) {
        return ATTRIBUTE_ID;
    }
    return ATTRIBUTE_NONE;
}

// The same, and what a global index leads to the rows of.
static enum attribute narrowing_attribute(const struct scope_ref *ref, struct slice name)
{
    enum attribute attribute = scope_attribute(ref, name);
    if (attribute == ATTRIBUTE_NONE && ref->place == PLACE_SHARDED &&
        find_index(ref, name) != NULL) {
        return ATTRIBUTE_INDEX;
    }
    return attribute;
}

static bool is_named(const struct scope *scope, const struct scope_ref *ref,
                     const struct expr *expr)
{
    const struct table_ref *table = ref->table;
    struct slice schema = table->schema.len > 0 ? table->schema : scope->request->database;
    struct slice name = table->alias.len > 0 ? table->alias : table->name;
    return slice_equal_nocase(name, expr->table) &&
           (expr->schema.len == 0 || slice_equal_nocase(schema, expr->schema));
}

enum found { FOUND_NOT, FOUND_UNSURE, FOUND_ONE };

// Whether names differ by case depends on the server: two that differ by case alone are told apart
// when one is exactly as written.
static enum found find_qualified(struct scope *scope, const struct expr *expr,
                                 struct scope_ref **ref)
{
    unsigned matches = 0;
    unsigned exact = 0;
    struct scope_ref *exact_ref = NULL;
    for (uint16_t i = 0; i < scope->ref_count; i++) {
        struct scope_ref *candidate = &scope->refs[i];
        const struct table_ref *table = candidate->table;
        if (!is_named(scope, candidate, expr)) {
            continue;
        }
        matches++;
        *ref = candidate;
        if (slice_equal(table->alias.len > 0 ? table->alias : table->name, expr->table)) {
            exact++;
            exact_ref = candidate;
        }
    }
    if (matches > 1 && exact == 1) {
        *ref = exact_ref;
        return FOUND_ONE;
    }
    return matches == 0 ? FOUND_NOT : matches == 1 ? FOUND_ONE : FOUND_UNSURE;
}

// A bare name that a declared table has: if another table had it too, the server would refuse the
// statement as ambiguous, unless USING or NATURAL make one column of several.
static enum found find_bare(struct scope *scope, const struct expr *expr, struct scope_ref **ref)
{
    struct scope_ref *first = NULL;
    for (uint16_t i = 0; i < scope->ref_count; i++) {
        struct scope_ref *candidate = &scope->refs[i];
        enum attribute attribute = narrowing_attribute(candidate, expr->name);
        if (attribute == ATTRIBUTE_NONE) {
            continue;
        }
        if (first == NULL) {
            first = candidate;
        } else if (!scope->has_using || attribute != narrowing_attribute(first, expr->name) ||
                   scope_root(scope, first) != scope_root(scope, candidate)) {
            return FOUND_UNSURE;
        }
    }
    if (first == NULL) {
        return scope->ref_count > 0 ? FOUND_UNSURE : FOUND_NOT;
    }
    *ref = first;
    return scope->has_natural && scope->ref_count > 1 ? FOUND_UNSURE : FOUND_ONE;
}

struct scope_column scope_find_column(struct scope *scope, const struct expr *expr)
{
    struct scope_column none = {.attribute = ATTRIBUTE_NONE};
    struct scope_ref *ref = NULL;
    for (; scope != NULL && expr->kind == EXPR_COLUMN; scope = scope->outer) {
        enum found found =
            expr->table.len > 0 ? find_qualified(scope, expr, &ref) : find_bare(scope, expr, &ref);
        if (found == FOUND_ONE) {
            enum attribute attribute = narrowing_attribute(ref, expr->name);
            if (attribute == ATTRIBUTE_NONE) {
                return none;
            }
            return (struct scope_column){
                .scope = scope,
                .ref = ref,
                .attribute = attribute,
                .index = attribute == ATTRIBUTE_INDEX ? find_index(ref, expr->name) : NULL,
            };
        }
        if (found == FOUND_UNSURE) {
            return none;
        }
    }
    return none;
}

static void reach_ref(struct reach *reach, struct scope *scope, struct scope_ref *ref)
{
    struct shard_set set;
    switch (ref->place) {
    case PLACE_SHARDED:
        reach->has_sharded = true;
        set = scope_root(scope, ref)->set;
        reach->shards.bits |= set.bits;
        if (reach->widest == NULL ||
            shard_set_count(set) >
                shard_set_count(scope_root(reach->widest_scope, reach->widest)->set)) {
            reach->widest = ref;
            reach->widest_scope = scope;
        }
        break;
    case PLACE_HOME:
        reach->has_home = true;
        reach->shards.bits |= shard_set_of(ref->home).bits;
        break;
    case PLACE_REFERENCE:
        reach->has_reference = true;
        break;
    case PLACE_SYSTEM:
        reach->has_system = true;
        break;
    case PLACE_NOWHERE:
        break;
    }
}

void scopes_reach(const struct scopes *scopes, struct reach *reach)
{
    *reach = (struct reach){.shards = {0}};
    for (struct scope *scope = scopes->first; scope != NULL; scope = scope->next) {
        for (uint16_t i = 0; i < scope->ref_count; i++) {
            reach_ref(reach, scope, &scope->refs[i]);
        }
    }
}
