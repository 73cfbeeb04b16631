// information_schema tells of the tables of one server, and those that are not sharded are on their
// home shards only. While all homes are the default shard, that one knows every table. Otherwise a
// statement must say by constants which tables it is about (table_name = 'x', IN), and is sent to
// the shard that has them; anything else would miss rows in silence, and is refused.

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
    struct slice schemas[SCOPE_REFS_MAX];
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
        (void)!read_name(names, expr->children[1], &names->schemas[ref]);
    }
}

// Where a table of this name is. Without a schema the declared ones are meant.
static struct shard_set shards_of(const struct names *names, int ref, struct slice name)
{
    const struct config *config = names->planner->config;
    struct slice schema = names->schemas[ref];
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
    for (uint32_t i = 1; i < expr->child_count; i++) {
        struct slice name;
        if (!read_name(names, expr->children[i], &name)) {
            return;
        }
        set.bits |= shards_of(names, ref, name).bits;
    }
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

// False: rows of other shards could be missed.
static bool add_scope(struct planner *planner, struct scope *scope, struct shard_set *shards)
{
    struct names names = {.planner = planner, .scope = scope};
    uint64_t wanted = 0;
    for (uint16_t i = 0; i < scope->ref_count; i++) {
        wanted |= is_about_tables(scope, &scope->refs[i]) ? 1ull << i : 0;
    }
    if (wanted == 0) {
        return true;
    }
    all_conditions(&names, use_schema);
    all_conditions(&names, use_name);
    for (uint64_t before = 0; before != names.known;) {
        before = names.known;
        all_conditions(&names, use_equality);
    }
    shards->bits |= names.shards.bits;
    return (wanted & ~names.known) == 0;
}

bool plan_check_system(struct planner *planner)
{
    struct plan *plan = planner->plan;
    struct shard_set shards = {0};
    struct reach reach;
    bool is_known = true;
    if (planner->hint_shard != NO_SHARD || !plan_has_stray_tables(planner)) {
        return true;
    }
    for (struct scope *scope = planner->scopes.first; scope != NULL; scope = scope->next) {
        is_known &= add_scope(planner, scope, &shards);
    }
    scopes_reach(&planner->scopes, &reach);
    if (is_known && shards.bits == 0) {
        return true;
    }
    if (is_known && shard_set_count(shards) == 1 && plan->target_count == 1) {
        uint16_t shard = shard_set_first(shards);
        bool is_free = planner->statement->kind == STATEMENT_SELECT && reach.shards.bits == 0;
        if (is_free || plan->targets[0].shard == shard) {
            plan->targets[0].shard = shard;
            return true;
        }
    }
    return plan_refuse(planner, ER_CROSS_SHARD,
                       "information_schema knows the tables of one shard, and the tables that are "
                       "not sharded are on several: name tables of one shard by table_name = "
                       "'...', or the shard with /* waybill: shard=NAME */");
}
