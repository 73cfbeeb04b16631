// What a condition says about places. Two passes over a scope:
//
//   1. Equalities of keys (or of ids) of tables of one group, where every row fulfils them: the
//      tables meet only within a shard, so they are one class with one set of shards. An equality
//      with a table of an outer query ties the class to that one: it inherits its set.
//   2. Conditions with constants: each gives, for every class, the shards of rows that can fulfil
//      it. AND intersects, OR unites, and what is not understood gives all shards.
//
// The ON of a LEFT JOIN puts the joined table into one class at most: with `LEFT JOIN c ON c.k =
// a.k AND c.k = b.k` rows of a and b meet whether or not there is such a c.
//
// A class that a WHERE narrows also loses its rows of NULLs from outer joins (no condition
// understood here is true for NULL), so WHERE needs no care about outer joins. ON does: of an outer
// join it selects what is joined, not what is in the result, so only its equalities with the joined
// table count. With parentheses around joins beside outer joins nothing in ON counts.

#include "router/condition.h"
#include <stdio.h>

enum { WHY_MAX = 1000, SHOWN_SHARDS = 4 };

struct narrowing {
    struct scopes *scopes;
    struct scope *scope;
};

static void set_each(struct shard_set *sets, uint16_t count, uint64_t bits)
{
    for (uint16_t i = 0; i < count; i++) {
        sets[i].bits = bits;
    }
}

// ---- pass 1: equalities

static void unite(struct scope *scope, struct scope_ref *a, struct scope_ref *b)
{
    struct scope_ref *root = scope_root(scope, a);
    struct scope_ref *other = scope_root(scope, b);
    if (root == other) {
        return;
    }
    other->parent = (uint16_t)(root - scope->refs);
    root->set.bits &= other->set.bits;
    root->is_tied |= other->is_tied;
}

static bool is_alone(struct scope *scope, struct scope_ref *ref)
{
    uint16_t members = 0;
    for (uint16_t i = 0; i < scope->ref_count; i++) {
        bool is_member = scope_root(scope, &scope->refs[i]) == scope_root(scope, ref);
        members = (uint16_t)(members + (is_member ? 1 : 0));
    }
    return members == 1;
}

// By the ON or USING of `joined`.
static void unite_joined(struct scope *scope, struct scope_ref *joined, struct scope_ref *with)
{
    if (joined->table->join != JOIN_LEFT || is_alone(scope, joined)) {
        unite(scope, joined, with);
    }
}

struct equality_use {
    struct scope_ref *joined; // of an outer join: the table that its ON joins. NULL: any
    bool is_filter;           // every row of the result fulfils it
};

static void use_equality(struct scope *scope, const struct equality_use *use,
                         const struct expr *left, const struct expr *right)
{
    struct scope_column a = scope_find_column(scope, left);
    struct scope_column b = scope_find_column(scope, right);
    if (a.scope == NULL || b.scope == NULL || a.attribute != b.attribute ||
        !scope_are_together(a.ref, b.ref, a.attribute)) {
        return;
    }
    if (a.scope == scope && b.scope == scope) {
        if (use->joined == NULL) {
            unite(scope, a.ref, b.ref);
        } else if (use->joined == a.ref || use->joined == b.ref) {
            unite_joined(scope, use->joined, use->joined == a.ref ? b.ref : a.ref);
        }
        return;
    }
    if (!use->is_filter || (a.scope != scope && b.scope != scope)) {
        return;
    }
    const struct scope_column *inner = a.scope == scope ? &a : &b;
    const struct scope_column *outer = a.scope == scope ? &b : &a;
    struct scope_ref *root = scope_root(scope, inner->ref);
    root->set.bits &= scope_root(outer->scope, outer->ref)->set.bits;
    root->is_tied = true;
}

static void collect_equalities(struct scope *scope, const struct equality_use *use,
                               const struct expr *expr)
{
    while (expr != NULL && expr->kind == EXPR_BINARY && expr->op == OP_AND) {
        collect_equalities(scope, use, expr->children[1]);
        expr = expr->children[0];
    }
    if (expr == NULL || expr->kind != EXPR_BINARY || expr->op != OP_EQUAL) {
        return;
    }
    const struct expr *left = expr->children[0];
    const struct expr *right = expr->children[1];
    if (left->kind == EXPR_COLUMN && right->kind == EXPR_COLUMN) {
        use_equality(scope, use, left, right);
        return;
    }
    if (left->kind == EXPR_ROW && right->kind == EXPR_ROW &&
        left->child_count == right->child_count) {
        for (uint32_t i = 0; i < left->child_count; i++) {
            use_equality(scope, use, left->children[i], right->children[i]);
        }
    }
}

// USING joins with what stands before it, up to a comma (which binds weaker than JOIN).
static void use_using(struct scope *scope, uint16_t at)
{
    const struct table_ref *table = scope->refs[at].table;
    for (uint32_t c = 0; c < table->using_count; c++) {
        enum attribute attribute = scope_attribute(&scope->refs[at], table->using_columns[c]);
        for (uint16_t i = at; attribute != ATTRIBUTE_NONE && i > 0; i--) {
            const struct table_ref *before = scope->refs[i - 1].table;
            if (scope_attribute(&scope->refs[i - 1], table->using_columns[c]) == attribute &&
                scope_are_together(&scope->refs[i - 1], &scope->refs[at], attribute)) {
                unite_joined(scope, &scope->refs[at], &scope->refs[i - 1]);
            }
            if ((before->join == JOIN_INNER || before->join == JOIN_CROSS) && before->on == NULL &&
                before->using_count == 0) {
                break;
            }
        }
    }
}

static bool is_outer(const struct table_ref *table)
{
    return table->join == JOIN_LEFT || table->join == JOIN_RIGHT;
}

// Does a RIGHT JOIN behind the table make its ON part of what is joined?
static bool is_before_right_join(const struct table_ref *table)
{
    for (table = table->next; table != NULL; table = table->next) {
        if (table->join == JOIN_RIGHT) {
            return true;
        }
    }
    return false;
}

static void join_tables(struct scope *scope)
{
    for (uint16_t i = 0; i < scope->ref_count; i++) {
        const struct table_ref *table = scope->refs[i].table;
        if (table->on != NULL && !(scope->has_nest && scope->has_outer_join)) {
            struct equality_use use = {
                .joined = is_outer(table) ? &scope->refs[i] : NULL,
                .is_filter = !is_outer(table) && !is_before_right_join(table),
            };
            collect_equalities(scope, &use, table->on);
        }
        if (table->using_count > 0 && !scope->has_nest) {
            use_using(scope, i);
        }
    }
}

// ---- pass 2: constants

// Names of the shards, the first few of them.
static const char *shards_text(struct scopes *scopes, struct shard_set set)
{
    const struct config *config = scopes->request->config;
    const char *names = "";
    if (set.bits == UINT64_MAX) {
        return "any shard";
    }
    set.bits &= sharding_all(config).bits;
    for (unsigned i = 0; set.bits != 0; i++, set.bits &= set.bits - 1) {
        const char *name = i < SHOWN_SHARDS ? config->shards[shard_set_first(set)].name : "...";
        names =
            (const char *)arena_format(scopes->arena, "%s%s%s", names, i > 0 ? ", " : "", name).ptr;
        if (i == SHOWN_SHARDS) {
            break;
        }
    }
    return names[0] != '\0' ? names : "no shard";
}

// "bucket 1234 -> ": how the value leads to its shards.
static const char *way_text(struct scopes *scopes, const struct scope_column *column,
                            const struct value *value)
{
    struct shard_key key;
    const char *reason = NULL;
    uint64_t id = 0;
    uint16_t bucket = BUCKET_COUNT;
    if (column->attribute == ATTRIBUTE_INDEX) {
        return (const char *)arena_format(
                   scopes->arena, "index %s%s -> ", column->index->name,
                   scopes->request->index_answers != NULL ? "" : " (asked when it runs)")
            .ptr;
    }
    if (column->attribute == ATTRIBUTE_ID && value_to_id(scopes->arena, value, &id) == ID_KNOWN) {
        bucket = order_id_bucket(id);
    } else if (column->attribute == ATTRIBUTE_KEY && column->ref->config->method == METHOD_BUCKET &&
               value_to_key(scopes->arena, column->ref->config->key_type, KEY_COMPARED, value, &key,
                            &reason)) {
        bucket = bucket_of_key(key.bytes);
    }
    if (bucket == BUCKET_COUNT) {
        return "";
    }
    return (const char *)arena_format(scopes->arena, "bucket %u -> ", bucket).ptr;
}

static void add_why(struct scopes *scopes, const struct scope_column *column,
                    const struct value *value, struct shard_set set)
{
    const char *before = scopes->why == NULL ? "" : scopes->why;
    const char *name = column->attribute == ATTRIBUTE_KEY  ? column->ref->config->key
                       : column->attribute == ATTRIBUTE_ID ? column->ref->config->id_column
                                                           : column->index->column;
    if (strlen(before) > WHY_MAX) {
        return;
    }
    scopes->why =
        (const char *)arena_format(scopes->arena, "%s%s%s = %s%.*s -> %s%s", before,
                                   *before != 0 ? "; " : "", name, value->is_negative ? "-" : "",
                                   (int)value->bytes.len, (const char *)value->bytes.ptr,
                                   way_text(scopes, column, value), shards_text(scopes, set))
            .ptr;
}

static struct shard_set equal_key(struct scopes *scopes, const struct scope_column *column,
                                  const struct value *value)
{
    struct shard_key key;
    const char *why = NULL;
    uint16_t shard = 0;
    if (!value_to_key(scopes->arena, column->ref->config->key_type, KEY_COMPARED, value, &key,
                      &why)) {
        return shard_set_all();
    }
    if (!sharding_of_key(scopes->request->config, column->ref->config, &key, &shard)) {
        return (struct shard_set){0};
    }
    return shard_set_of(shard);
}

static struct shard_set equal_id(struct scopes *scopes, const struct value *value)
{
    uint64_t id = 0;
    switch (value_to_id(scopes->arena, value, &id)) {
    case ID_UNKNOWN:
        return shard_set_all();
    case ID_IMPOSSIBLE:
        return (struct shard_set){0};
    case ID_KNOWN:
        return shard_set_of(scopes->request->config->bucket_shard[order_id_bucket(id)]);
    }
    return shard_set_all();
}

// Too many, and those beyond are on any shard.
static void add_wish(struct scopes *scopes, const struct index_config *index, struct slice value)
{
    struct index_wishes *wishes = &scopes->wishes;
    if (wishes->count == INDEX_WISHES_MAX || index_wish_find(wishes, index, value) != NULL) {
        return;
    }
    if (wishes->items == NULL) {
        wishes->items = arena_alloc(scopes->arena, INDEX_WISHES_MAX * sizeof *wishes->items);
    }
    wishes->items[wishes->count++] =
        (struct index_wish){.index = index, .value = value, .shards = shard_set_all()};
}

static struct shard_set equal_indexed(struct scopes *scopes, const struct index_config *index,
                                      const struct value *value)
{
    const struct route_request *request = scopes->request;
    struct slice canonical;
    if (!index_value(scopes->arena, index, value, &canonical)) {
        return shard_set_all();
    }
    if (request->index_answers == NULL) {
        add_wish(scopes, index, canonical);
        return shard_set_all();
    }
    const struct index_wish *answer = index_wish_find(request->index_answers, index, canonical);
    return answer != NULL ? answer->shards : shard_set_all();
}

struct shard_set condition_equal(struct scopes *scopes, const struct scope_column *column,
                                 const struct value *value)
{
    struct shard_set set = shard_set_all();
    if (value->kind == VALUE_NULL) {
        return (struct shard_set){0};
    }
    switch (column->attribute) {
    case ATTRIBUTE_NONE:
        break;
    case ATTRIBUTE_KEY:
        set = equal_key(scopes, column, value);
        break;
    case ATTRIBUTE_ID:
        set = equal_id(scopes, value);
        break;
    case ATTRIBUTE_INDEX:
        set = equal_indexed(scopes, column->index, value);
        break;
    }
    if (scopes->request->wants_why) {
        add_why(scopes, column, value, set);
    }
    return set;
}

static struct shard_set *set_of_column(struct scope *scope, const struct scope_column *column,
                                       struct shard_set *sets)
{
    return &sets[scope_root(scope, column->ref) - scope->refs];
}

// `left` = `right` where left is perhaps one of our columns.
static bool narrow_by_pair(const struct narrowing *narrowing, const struct expr *left,
                           const struct expr *right, struct shard_set *sets)
{
    struct scope *scope = narrowing->scope;
    struct scope_column column = scope_find_column(scope, left);
    if (column.scope != scope) {
        return false;
    }
    struct shard_set *set = set_of_column(scope, &column, sets);
    struct scope_column other = scope_find_column(scope, right);
    if (other.scope != NULL) {
        if (other.scope != scope && other.attribute == column.attribute &&
            scope_are_together(column.ref, other.ref, column.attribute)) {
            set->bits &= scope_root(other.scope, other.ref)->set.bits;
        }
        return false; // the other side may be a column of ours as well
    }
    struct value value = value_of_expr(narrowing->scopes->arena, narrowing->scopes->request, right);
    set->bits &= condition_equal(narrowing->scopes, &column, &value).bits;
    return true;
}

static void narrow_by_equal(const struct narrowing *narrowing, const struct expr *left,
                            const struct expr *right, struct shard_set *sets)
{
    if (left->kind == EXPR_ROW && right->kind == EXPR_ROW) {
        for (uint32_t i = 0; i < left->child_count && left->child_count == right->child_count;
             i++) {
            narrow_by_equal(narrowing, left->children[i], right->children[i], sets);
        }
        return;
    }
    if (!narrow_by_pair(narrowing, left, right, sets)) {
        narrow_by_pair(narrowing, right, left, sets);
    }
}

// A day's midnight: before it means before the day.
static bool is_midnight(const struct value *value)
{
    for (size_t i = 10; i < value->bytes.len; i++) {
        if (value->bytes.ptr[i] >= '1' && value->bytes.ptr[i] <= '9') {
            return false;
        }
    }
    return true;
}

static void narrow_by_order(const struct narrowing *narrowing, const struct expr *left,
                            enum expr_op op, const struct expr *right, struct shard_set *sets)
{
    struct scopes *scopes = narrowing->scopes;
    struct scope_column column = scope_find_column(narrowing->scope, left);
    struct shard_key key;
    const char *why = NULL;
    if (column.scope != narrowing->scope || column.attribute != ATTRIBUTE_KEY ||
        !sharding_is_ordered(column.ref->config)) {
        return;
    }
    enum key_type type = column.ref->config->key_type;
    struct value value = value_of_expr(scopes->arena, scopes->request, right);
    struct shard_set *set = set_of_column(narrowing->scope, &column, sets);
    if (value.kind == VALUE_NULL) {
        set->bits = 0;
        return;
    }
    if ((type != KEY_INTEGER && type != KEY_DATE) ||
        !value_to_key(scopes->arena, type, KEY_COMPARED, &value, &key, &why)) {
        return;
    }
    int64_t low = INT64_MIN;
    int64_t high = INT64_MAX;
    bool is_saturated = key.number == INT64_MAX; // what the value really is lies beyond
    if (op == OP_LESS || op == OP_LESS_EQUAL) {
        bool is_before = op == OP_LESS && !is_saturated && key.number > INT64_MIN &&
                         (type == KEY_INTEGER || is_midnight(&value));
        high = is_before ? key.number - 1 : key.number;
    } else {
        bool is_behind = op == OP_GREATER && !is_saturated && type == KEY_INTEGER;
        low = is_behind ? key.number + 1 : key.number;
    }
    set->bits &= sharding_between(scopes->request->config, column.ref->config, low, high).bits;
}

static enum expr_op op_flipped(enum expr_op op)
{
    static const uint8_t flipped[] = {
        [OP_LESS] = OP_GREATER,
        [OP_LESS_EQUAL] = OP_GREATER_EQUAL,
        [OP_GREATER] = OP_LESS,
        [OP_GREATER_EQUAL] = OP_LESS_EQUAL,
    };
    return (enum expr_op)flipped[op];
}

// a IN (x, y) is a = x OR a = y, also for rows of columns.
static void narrow_by_in(const struct narrowing *narrowing, const struct expr *expr,
                         struct shard_set *sets)
{
    const uint16_t count = narrowing->scope->ref_count;
    struct shard_set any[SCOPE_REFS_MAX];
    struct shard_set one[SCOPE_REFS_MAX];
    if (expr->is_negated || expr->child_count < 2) {
        return;
    }
    set_each(any, count, 0);
    for (uint32_t i = 1; i < expr->child_count; i++) {
        set_each(one, count, UINT64_MAX);
        narrow_by_equal(narrowing, expr->children[0], expr->children[i], one);
        for (uint16_t r = 0; r < count; r++) {
            any[r].bits |= one[r].bits;
        }
    }
    for (uint16_t r = 0; r < count; r++) {
        sets[r].bits &= any[r].bits;
    }
}

static void narrow(const struct narrowing *narrowing, const struct expr *expr,
                   struct shard_set *sets);

// The operands of a chain of ORs, from the last to the first.
static void narrow_by_or(const struct narrowing *narrowing, const struct expr *expr,
                         struct shard_set *sets)
{
    const uint16_t count = narrowing->scope->ref_count;
    struct shard_set any[SCOPE_REFS_MAX];
    struct shard_set one[SCOPE_REFS_MAX];
    set_each(any, count, 0);
    for (bool is_last = false; !is_last;) {
        is_last = expr->kind != EXPR_BINARY || expr->op != OP_OR;
        set_each(one, count, UINT64_MAX);
        narrow(narrowing, is_last ? expr : expr->children[1], one);
        for (uint16_t r = 0; r < count; r++) {
            any[r].bits |= one[r].bits;
        }
        if (!is_last) {
            expr = expr->children[0];
        }
    }
    for (uint16_t r = 0; r < count; r++) {
        sets[r].bits &= any[r].bits;
    }
}

// A value that is known and not NULL.
static bool is_constant(const struct narrowing *narrowing, const struct expr *expr)
{
    const struct scopes *scopes = narrowing->scopes;
    struct value value = value_of_expr(scopes->arena, scopes->request, expr);
    return value.kind != VALUE_UNKNOWN && value.kind != VALUE_NULL;
}

static void narrow_by_operator(const struct narrowing *narrowing, const struct expr *expr,
                               struct shard_set *sets)
{
    const struct expr *left = expr->children[0];
    const struct expr *right = expr->children[1];
    switch (expr->op) {
    case OP_OR:
        narrow_by_or(narrowing, expr, sets);
        break;
    case OP_NULL_SAFE_EQUAL: // true for NULL and NULL, which outer joins make
        if (is_constant(narrowing, left) || is_constant(narrowing, right)) {
            narrow_by_equal(narrowing, left, right, sets);
        }
        break;
    case OP_EQUAL:
        narrow_by_equal(narrowing, left, right, sets);
        break;
    case OP_LESS:
    case OP_LESS_EQUAL:
    case OP_GREATER:
    case OP_GREATER_EQUAL:
        narrow_by_order(narrowing, left, expr->op, right, sets);
        narrow_by_order(narrowing, right, op_flipped(expr->op), left, sets);
        break;
    case OP_NONE:
    case OP_AND:
    case OP_XOR:
    case OP_NOT:
    case OP_NOT_EQUAL:
    case OP_IS_NULL:
    case OP_IS_NOT_NULL:
    case OP_MINUS:
    case OP_ASSIGN:
    case OP_OTHER:
        break;
    }
}

static void narrow(const struct narrowing *narrowing, const struct expr *expr,
                   struct shard_set *sets)
{
    while (expr != NULL && expr->kind == EXPR_BINARY && expr->op == OP_AND) {
        narrow(narrowing, expr->children[1], sets);
        expr = expr->children[0];
    }
    if (expr == NULL) {
        return;
    }
    if (expr->kind == EXPR_BINARY && expr->child_count == 2) {
        narrow_by_operator(narrowing, expr, sets);
    } else if (expr->kind == EXPR_IN) {
        narrow_by_in(narrowing, expr, sets);
    } else if (expr->kind == EXPR_BETWEEN && !expr->is_negated && expr->child_count == 3) {
        narrow_by_order(narrowing, expr->children[0], OP_GREATER_EQUAL, expr->children[1], sets);
        narrow_by_order(narrowing, expr->children[0], OP_LESS_EQUAL, expr->children[2], sets);
    }
}

static void narrow_scope(const struct narrowing *narrowing, const struct expr *condition)
{
    struct scope *scope = narrowing->scope;
    struct shard_set sets[SCOPE_REFS_MAX];
    if (condition == NULL) {
        return;
    }
    set_each(sets, scope->ref_count, UINT64_MAX);
    narrow(narrowing, condition, sets);
    for (uint16_t i = 0; i < scope->ref_count; i++) {
        scope->refs[i].set.bits &= sets[i].bits;
    }
}

void condition_narrow(struct scopes *scopes, struct scope *scope, const struct expr *where)
{
    struct narrowing narrowing = {scopes, scope};
    bool has_sharded = false;
    for (uint16_t i = 0; i < scope->ref_count; i++) {
        has_sharded |= scope->refs[i].place == PLACE_SHARDED;
    }
    if (!has_sharded) {
        return;
    }
    if (scope->ref_count > 1 || scope->outer != NULL) {
        struct equality_use use = {.joined = NULL, .is_filter = true};
        collect_equalities(scope, &use, where);
        join_tables(scope);
    }
    narrow_scope(&narrowing, where);
    for (uint16_t i = 0; i < scope->ref_count; i++) {
        const struct table_ref *table = scope->refs[i].table;
        if (table->on != NULL && !is_outer(table) && !is_before_right_join(table) &&
            !(scope->has_nest && scope->has_outer_join)) {
            narrow_scope(&narrowing, table->on);
        }
    }
}
