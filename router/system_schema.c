// information_schema tells of the tables of one server: those that are not sharded are on their
// home shards only, and the figures of a sharded one are of a part. A statement that says by
// constants which tables it is about (table_name = 'x', IN), and asks for no figures, is sent to
// the shard that has them. For any other SELECT the rows that the default shard lacks are asked of
// the others (catalog.h). What would miss rows in silence is refused.

#include <stdlib.h>

#include "router/catalog.h"
#include "router/plan_impl.h"

// What is the same on every shard, or about the server itself.
static const char *const without_tables[] = {
    "ALL_PLUGINS",
    "APPLICABLE_ROLES",
    "CHARACTER_SETS",
    "COLLATIONS",
    "COLLATION_CHARACTER_SET_APPLICABILITY",
    "ENABLED_ROLES",
    "ENGINES",
    "EVENTS",
    "FILES",
    "GLOBAL_STATUS",
    "GLOBAL_VARIABLES",
    "KEYWORDS",
    "PARAMETERS",
    "PLUGINS",
    "PROCESSLIST",
    "PROFILING",
    "ROUTINES",
    "SCHEMATA",
    "SCHEMA_PRIVILEGES",
    "SESSION_STATUS",
    "SESSION_VARIABLES",
    "SQL_FUNCTIONS",
    "SYSTEM_VARIABLES",
    "USER_PRIVILEGES",
    "USER_VARIABLES",
};

// The tables that one FROM list is about.
struct names {
    struct planner *planner;
    struct scope *scope;
    uint64_t known; // bits by ref: its tables are named
    struct asked_tables asked[SCOPE_REFS_MAX];
    struct shard_set shards; // of the named ones
};

bool plan_has_stray_tables(const struct planner *planner)
{
    const struct config *config = planner->config;
    for (uint16_t i = 0; i < config->table_count; i++) {
        const struct table_config *table = &config->tables[i];
        if (table->type == TABLE_UNSHARDED && table->home != config->default_shard) {
            return true;
        }
    }
    return false;
}

static bool is_about_tables(const struct scope *scope, const struct scope_ref *ref)
{
    struct slice schema =
        ref->table->schema.len > 0 ? ref->table->schema : scope->request->database;
    if (ref->place != PLACE_SYSTEM || !slice_is_nocase(schema, "information_schema")) {
        return false;
    }
    for (size_t i = 0; i < sizeof without_tables / sizeof without_tables[0]; i++) {
        if (slice_is_nocase(ref->table->name, without_tables[i])) {
            return false;
        }
    }
    return true;
}

// ---- columns

static bool is_of(const struct scope_ref *ref, const struct expr *column)
{
    struct slice name = ref->table->alias.len > 0 ? ref->table->alias : ref->table->name;
    return slice_equal_nocase(name, column->table);
}

// Whose column of this name it is; -1: not certain, or another column. A bare name counts when only
// one table of the list could have it.
static int find_ref(const struct names *names, const struct expr *column, bool is_schema)
{
    int found = -1;
    for (uint16_t i = 0; column->kind == EXPR_COLUMN && i < names->scope->ref_count; i++) {
        const struct scope_ref *ref = &names->scope->refs[i];
        bool is_trigger = slice_is_nocase(ref->table->name, "TRIGGERS");
        const char *name = is_schema    ? is_trigger ? "EVENT_OBJECT_SCHEMA" : "TABLE_SCHEMA"
                           : is_trigger ? "EVENT_OBJECT_TABLE"
                                        : "TABLE_NAME";
        if (!is_about_tables(names->scope, ref) || !slice_is_nocase(column->name, name) ||
            (column->table.len > 0 && !is_of(ref, column))) {
            continue;
        }
        if (found >= 0) {
            return -1;
        }
        found = i;
    }
    return found;
}

// The server compares these names without regard to case and accents: only ASCII is certain here.
static bool read_name(const struct names *names, const struct expr *expr, struct slice *name)
{
    const struct route_request *request = names->planner->request;
    bool is_call = expr->kind == EXPR_FUNCTION && expr->child_count == 0;
    if (is_call &&
        (slice_is_nocase(expr->name, "DATABASE") || slice_is_nocase(expr->name, "SCHEMA"))) {
        *name = request->database;
        return name->len > 0;
    }
    struct value value = value_of_expr(names->planner->arena, request, expr);
    if (value.kind != VALUE_STRING || expr->has_introducer) {
        return false;
    }
    *name = value.bytes;
    while (name->len > 0 && name->ptr[name->len - 1] == ' ') {
        name->len--;
    }
    for (size_t i = 0; i < name->len; i++) {
        if (name->ptr[i] < ' ' || name->ptr[i] > '~') {
            return false;
        }
    }
    return true;
}

// ---- conditions: those that every row of the list fulfils

typedef void (*use_condition)(struct names *names, const struct expr *expr, int only);

static void each_condition(struct names *names, const struct expr *expr, int only,
                           use_condition use)
{
    while (expr != NULL && expr->kind == EXPR_BINARY && expr->op == OP_AND) {
        each_condition(names, expr->children[1], only, use);
        expr = expr->children[0];
    }
    if (expr != NULL) {
        use(names, expr, only);
    }
}

// Of WHERE and ON. The ON of a LEFT JOIN says something about the joined table only.
static void all_conditions(struct names *names, use_condition use)
{
    const struct scope *scope = names->scope;
    bool has_right = scope->has_nest;
    if (scope->query != NULL) {
        each_condition(names, scope->query->where, -1, use);
    }
    for (uint16_t i = 0; i < scope->ref_count; i++) {
        has_right |= scope->refs[i].table->join == JOIN_RIGHT;
    }
    for (uint16_t i = 0; i < scope->ref_count && !has_right; i++) {
        const struct table_ref *table = scope->refs[i].table;
        each_condition(names, table->on, table->join == JOIN_LEFT ? i : -1, use);
    }
}

// `table_schema = 'shop'`
static void use_schema(struct names *names, const struct expr *expr, int only)
{
    if (expr->kind != EXPR_BINARY || expr->op != OP_EQUAL) {
        return;
    }
    int ref = find_ref(names, expr->children[0], true);
    if (ref >= 0 && (only < 0 || only == ref)) {
        (void)!read_name(names, expr->children[1], &names->asked[ref].schema);
    }
}

// Where a table of this name is. Without a schema the declared ones are meant.
static struct shard_set shards_of(const struct names *names, int ref, struct slice name)
{
    const struct config *config = names->planner->config;
    struct slice schema = names->asked[ref].schema;
    struct shard_set set = {0};
    for (uint16_t i = 0; i < config->table_count; i++) {
        const struct table_config *table = &config->tables[i];
        if (slice_is_nocase(name, table->name) &&
            (schema.len == 0 || slice_is_nocase(schema, table->schema))) {
            bool has_home = table->type == TABLE_UNSHARDED;
            set.bits |= shard_set_of(has_home ? table->home : config->default_shard).bits;
        }
    }
    return set.bits != 0 ? set : shard_set_of(config->default_shard);
}

// `table_name = 'x'`, `table_name IN ('x', 'y')`
static void use_name(struct names *names, const struct expr *expr, int only)
{
    bool is_equal = expr->kind == EXPR_BINARY && expr->op == OP_EQUAL;
    if ((!is_equal && expr->kind != EXPR_IN) || expr->is_negated) {
        return;
    }
    int ref = find_ref(names, expr->children[0], false);
    struct shard_set set = {0};
    if (ref < 0 || (only >= 0 && only != ref)) {
        return;
    }
    struct slice *list = arena_alloc(names->planner->arena, expr->child_count * sizeof *list);
    for (uint32_t i = 1; i < expr->child_count; i++) {
        if (!read_name(names, expr->children[i], &list[i - 1])) {
            return;
        }
        set.bits |= shards_of(names, ref, list[i - 1]).bits;
    }
    names->asked[ref].names = list;
    names->asked[ref].name_count = expr->child_count - 1;
    names->known |= 1ull << ref;
    names->shards.bits |= set.bits;
}

// `a.table_name = b.table_name`: what is known of one is known of the other.
static void use_equality(struct names *names, const struct expr *expr, int only)
{
    if (expr->kind != EXPR_BINARY || expr->op != OP_EQUAL) {
        return;
    }
    int left = find_ref(names, expr->children[0], false);
    int right = find_ref(names, expr->children[1], false);
    if (left < 0 || right < 0) {
        return;
    }
    bool is_left_known = (names->known & 1ull << left) != 0;
    bool is_right_known = (names->known & 1ull << right) != 0;
    if (is_left_known && (only < 0 || only == right)) {
        names->known |= 1ull << right;
    }
    if (is_right_known && (only < 0 || only == left)) {
        names->known |= 1ull << left;
    }
}

// What all lists of a statement need.
struct needs {
    bool is_known;           // every table is named
    struct shard_set shards; // of the named ones
    bool has_figures;
    bool is_fit;                  // `catalog` has all that is needed
    struct catalog_plan *catalog; // NULL: nothing
};

// Columns that are not named are asked for as well.
static bool asks_all_columns(const struct scope *scope)
{
    const struct query *query = scope->query;
    if (query == NULL || scope->has_natural) {
        return true;
    }
    for (const struct select_item *item = query->items; item != NULL; item = item->next) {
        if (item->expr->kind == EXPR_STAR) {
            return true;
        }
    }
    return query->items == NULL;
}

static uint64_t refs_about_tables(const struct scope *scope)
{
    uint64_t wanted = 0;
    for (uint16_t i = 0; i < scope->ref_count; i++) {
        wanted |= is_about_tables(scope, &scope->refs[i]) ? 1ull << i : 0;
    }
    return wanted;
}

static void add_scope(struct planner *planner, struct scope *scope, struct needs *needs)
{
    uint64_t wanted = refs_about_tables(scope);
    if (wanted == 0) {
        return;
    }
    struct names names = {.planner = planner, .scope = scope};
    bool has_all = asks_all_columns(scope);
    all_conditions(&names, use_schema);
    all_conditions(&names, use_name);
    for (uint64_t before = 0; before != names.known;) {
        before = names.known;
        all_conditions(&names, use_equality);
    }
    needs->shards.bits |= names.shards.bits;
    needs->is_known &= (wanted & ~names.known) == 0;
    for (uint16_t i = 0; i < scope->ref_count; i++) {
        if ((wanted >> i & 1) == 0) {
            continue;
        }
        const struct table_ref *table = scope->refs[i].table;
        const struct catalog_kind *kind = catalog_find(table->name);
        bool has_figures = kind != NULL && catalog_can_fold(kind) &&
                           plan_catalog_asks_parts(planner, &names.asked[i]) &&
                           (has_all || catalog_has_figures(kind, planner->statement->text));
        needs->has_figures |= has_figures;
        needs->is_fit &=
            plan_catalog_add(planner, &needs->catalog, table, &names.asked[i], has_figures) ||
            (kind == NULL && !plan_has_stray_tables(planner));
    }
}

// All tables are named, and on one shard: there, as it came.
static bool plan_to_named(struct planner *planner, const struct needs *needs,
                          const struct reach *reach)
{
    struct plan *plan = planner->plan;
    const struct route_request *request = planner->request;
    if (!needs->is_known || shard_set_count(needs->shards) != 1 || plan->target_count != 1) {
        return false;
    }
    uint16_t shard = shard_set_first(needs->shards);
    if (request->is_pinned && request->last_shard != shard) {
        return false; // the rows can be brought
    }
    bool is_free = planner->statement->kind == STATEMENT_SELECT && reach->shards.bits == 0;
    if (is_free || plan->targets[0].shard == shard) {
        plan->targets[0].shard = shard;
        return true;
    }
    return false;
}

static bool refuse(struct planner *planner)
{
    return plan_refuse(
        planner, ER_CROSS_SHARD,
        "information_schema knows the tables of one shard, and here rows or figures of several are "
        "needed, which waybill puts together for a SELECT of such tables alone (TABLES, COLUMNS, "
        "STATISTICS, PARTITIONS, VIEWS, TRIGGERS, ..._CONSTRAINTS, KEY_COLUMN_USAGE): name tables "
        "of one shard by table_name = '...', or the shard with /* waybill: shard=NAME */");
}

static bool plan_with_catalog(struct planner *planner, const struct needs *needs,
                              const struct reach *reach)
{
    struct plan *plan = planner->plan;
    uint16_t place = plan_catalog_shard(planner);
    bool is_select = planner->statement->kind == STATEMENT_SELECT && plan->target_count == 1;
    if (!needs->is_fit || !is_select || plan->gather != NULL ||
        (reach->shards.bits & ~shard_set_of(place).bits) != 0) {
        return refuse(planner);
    }
    if (!plan_may_rewrite(planner)) {
        return false;
    }
    plan->targets[0].shard = place;
    plan->catalog = needs->catalog;
    return true;
}

static int compare_refs(const void *a, const void *b)
{
    const struct catalog_ref *left = a, *right = b;
    return left->span.begin < right->span.begin ? -1 : left->span.begin > right->span.begin;
}

// Nothing is asked of others: the default shard's server knows all, wherever the session has been.
static bool plan_to_default(struct planner *planner, const struct reach *reach)
{
    struct plan *plan = planner->plan;
    if (planner->statement->kind == STATEMENT_SELECT && plan->target_count == 1 &&
        plan->gather == NULL && reach->shards.bits == 0 && !planner->request->is_pinned) {
        plan->targets[0].shard = planner->config->default_shard;
    }
    return true;
}

// *catalog: what is asked for, in no order; NULL: nothing.
static bool plan_about_tables(struct planner *planner, struct catalog_plan **catalog)
{
    struct needs needs = {.is_known = true, .is_fit = true};
    struct reach reach;
    for (struct scope *scope = planner->scopes.first; scope != NULL; scope = scope->next) {
        add_scope(planner, scope, &needs);
    }
    scopes_reach(&planner->scopes, &reach);
    bool is_all_here = needs.catalog == NULL && needs.is_fit;
    if (is_all_here && (!plan_has_stray_tables(planner) || needs.shards.bits == 0)) {
        return plan_to_default(planner, &reach);
    }
    if ((is_all_here || !needs.has_figures) && plan_to_named(planner, &needs, &reach)) {
        return true;
    }
    *catalog = needs.catalog;
    return plan_with_catalog(planner, &needs, &reach);
}

// SELECT on SCHEMATA without a condition leaves waybill's own schema out, as SHOW DATABASES does.
static void hide_own_schema(struct planner *planner, const struct scope *scope,
                            struct catalog_plan **catalog)
{
    const struct plan *plan = planner->plan;
    bool is_whole = scope->query != NULL && scope->query->where == NULL &&
                    planner->statement->kind == STATEMENT_SELECT && plan->target_count == 1 &&
                    plan->gather == NULL && plan->targets[0].sql.ptr == NULL;
    for (uint16_t i = 0; i < scope->ref_count && is_whole; i++) {
        const struct table_ref *table = scope->refs[i].table;
        struct slice schema = table->schema.len > 0 ? table->schema : scope->request->database;
        if (scope->refs[i].place == PLACE_SYSTEM && slice_is_nocase(table->name, "SCHEMATA") &&
            slice_is_nocase(schema, "information_schema")) {
            (void)!plan_catalog_hide(planner, catalog, table); // so many: shown as it is
        }
    }
}

// What events are on the primary: see shows_events in readwrite.c.
static void read_events_there(struct planner *planner, const struct scope *scope)
{
    struct plan *plan = planner->plan;
    for (uint16_t i = 0; i < scope->ref_count && plan->access == ACCESS_REPLICA; i++) {
        const struct table_ref *table = scope->refs[i].table;
        struct slice schema = table->schema.len > 0 ? table->schema : scope->request->database;
        if (scope->refs[i].place == PLACE_SYSTEM && slice_is_nocase(table->name, "EVENTS") &&
            slice_is_nocase(schema, "information_schema")) {
            plan->access = ACCESS_PRIMARY;
        }
    }
}

bool plan_check_system(struct planner *planner)
{
    struct catalog_plan *catalog = NULL;
    bool has_system = false;
    if (planner->hint_shard != NO_SHARD) {
        return true;
    }
    for (struct scope *scope = planner->scopes.first; scope != NULL; scope = scope->next) {
        has_system |= refs_about_tables(scope) != 0;
        read_events_there(planner, scope);
    }
    if (has_system && !plan_about_tables(planner, &catalog)) {
        return false;
    }
    for (struct scope *scope = planner->scopes.first;
         scope != NULL && !planner->statement->has_executable_comment; scope = scope->next) {
        hide_own_schema(planner, scope, &catalog);
    }
    if (catalog != NULL) {
        qsort(catalog->refs, catalog->ref_count, sizeof *catalog->refs, compare_refs);
        planner->plan->catalog = catalog;
    }
    return true;
}
