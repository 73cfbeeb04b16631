// INSERT and REPLACE. Each row of a sharded table is placed by its key, or by its id when that is
// all there is. What the router can't be sure of it refuses: a row on the wrong shard would never
// be found again.
//
//     row -> key -> bucket -> shard      the id, when given, must carry the same bucket;
//                                        when left out, it is made for that bucket

#include "cluster/row_id.h"
#include "router/plan_impl.h"

struct placement {
    uint16_t shard;
    uint16_t bucket;
    bool has_bucket;
    const struct expr *replaced_id; // NULL, 0 or DEFAULT
    bool adds_id;
    bool has_row_id; // `id` is a row id
    uint64_t id;
};

static const char *table_name(struct planner *planner, const struct table_config *table)
{
    return (const char *)arena_format(planner->arena, "%s.%s", table->schema, table->name).ptr;
}

// ---- what can't be done at all

static bool is_same_name(const struct expr *expr, const struct expr *column)
{
    return expr->kind == EXPR_COLUMN && slice_equal_nocase(expr->name, column->name);
}

// a = a, a = VALUES(a), a = LAST_INSERT_ID(a) leave the column as it is.
static bool keeps_column(const struct assignment *assignment)
{
    const struct expr *value = assignment->value;
    if (value->kind == EXPR_FUNCTION && value->child_count == 1 &&
        (slice_is_nocase(value->name, "VALUES") || slice_is_nocase(value->name, "VALUE") ||
         slice_is_nocase(value->name, "LAST_INSERT_ID"))) {
        return is_same_name(value->children[0], assignment->column);
    }
    return is_same_name(value, assignment->column);
}

static bool check_on_duplicate(struct planner *planner, const struct scope_ref *target)
{
    const struct assignment *one = planner->statement->insert->on_duplicate;
    for (; one != NULL; one = one->next) {
        if (keeps_column(one)) {
            continue;
        }
        if (scope_attribute(target, one->column->name) != ATTRIBUTE_NONE) {
            return plan_refuse(
                planner, ER_SHARD_KEY,
                "ON DUPLICATE KEY UPDATE may not change `%.*s`, by which table %s is "
                "sharded: delete the row and insert it anew",
                (int)one->column->name.len, (const char *)one->column->name.ptr,
                table_name(planner, target->config));
        }
        if (row_id_is_column(target->config, one->column->name) &&
            !row_id_assign(planner, target->config, one)) {
            return false;
        }
    }
    return true;
}

bool plan_needs_list(struct planner *planner)
{
    return plan_refuse(planner, ER_SHARD_KEY,
                       "the account has privileges on single columns of the table, so that waybill "
                       "may not see all of them: name the columns in the statement");
}

static bool has_list(const struct insert_part *insert)
{
    return insert->columns != NULL && insert->column_count > 0;
}

// A server is asked, and the session writes the list into the statement.
bool plan_without_list(struct planner *planner, const struct table_config *table)
{
    const struct route_request *request = planner->request;
    const struct insert_part *insert = planner->statement->insert;
    bool has_values = insert->rows != NULL && insert->rows->value_count > 0;
    if (planner->is_lenient) {
        return false;
    }
    if (!has_values) {
        return plan_refuse(planner, ER_SHARD_KEY,
                           "INSERT into table %s must give a value for %s, by which its rows are "
                           "placed",
                           table_name(planner, table), plan_key_columns(planner, table));
    }
    if (request->columns != NULL && request->columns->may_lack_some) {
        return plan_needs_list(planner);
    }
    bool is_for_prepare = request->is_prepared && request->params == NULL;
    planner->plan->wants_columns = !is_for_prepare;
    plan_because(planner, "a server is asked first for the columns of the table");
    return (is_for_prepare || plan_may_rewrite(planner)) &&
           plan_to(planner, plan_any_shard(planner));
}

static int32_t column_at(const struct insert_part *insert, const char *name)
{
    for (uint32_t i = 0; name != NULL && i < insert->column_count; i++) {
        if (slice_is_nocase(insert->columns[i], name)) {
            return (int32_t)i;
        }
    }
    return NO_COLUMN;
}

static bool is_key_made(const struct table_config *table)
{
    return table->key != NULL && row_id_is_column(table, slice_of_string(table->key));
}

bool plan_insert_shape(struct planner *planner, const struct table_config *table,
                       struct insert_shape *shape)
{
    const struct insert_part *insert = planner->statement->insert;
    shape->table = table;
    shape->key_at = column_at(insert, table->key);
    shape->id_at = column_at(insert, table->id_column);
    shape->row_id_at = column_at(insert, table->row_ids != NULL ? table->row_ids->column : NULL);
    if (table->key != NULL && shape->key_at == NO_COLUMN && !is_key_made(table)) {
        return plan_refuse(planner, ER_SHARD_KEY,
                           "INSERT into table %s must give a value for its shard key `%s`",
                           table_name(planner, table), table->key);
    }
    if (table->id_column != NULL && shape->id_at == NO_COLUMN && !table->makes_ids) {
        return plan_refuse(planner, ER_SHARD_KEY,
                           "INSERT into table %s must give a value for `%s`, by which its rows are "
                           "found (waybill makes it only for the table that others are sharded "
                           "with)",
                           table_name(planner, table), table->id_column);
    }
    return true;
}

bool insert_has_wrong_count(const struct insert_part *insert)
{
    for (const struct value_row *row = insert->rows; row != NULL; row = row->next) {
        if (row->value_count != insert->column_count) {
            return true;
        }
    }
    return insert->rows == NULL;
}

// ---- one row

// IGNORE, or a sql_mode that is not strict, lets the server change a number that doesn't fit into
// the column: then the row has another key than the one it was placed by. What every BIGINT column
// takes, signed or not, is certain.
static bool may_be_changed(const struct planner *planner, const struct table_config *table,
                           const struct shard_key *key)
{
    uint64_t number = 0;
    if (table->key_type != KEY_INTEGER ||
        (planner->request->is_strict && !planner->statement->insert->is_ignore)) {
        return false;
    }
    return !slice_to_uint64(key->bytes, &number) || number > INT64_MAX;
}

static bool place_by_key(struct planner *planner, const struct insert_shape *shape,
                         const struct value_row *row, uint32_t number, struct placement *placement)
{
    const struct table_config *table = shape->table;
    struct value value =
        placement->has_row_id && is_key_made(table)
            ? (struct value){.kind = VALUE_INTEGER,
                             .bytes = arena_format(planner->arena, "%llu",
                                                   (unsigned long long)placement->id)}
            : value_of_expr(planner->arena, planner->request, row->values[shape->key_at]);
    struct shard_key key;
    const char *why = NULL;
    if (!value_to_key(planner->arena, table->key_type, KEY_STORED, &value, &key, &why)) {
        return plan_refuse(
            planner, ER_SHARD_KEY,
            "The shard key `%s` of row %u of the INSERT into table %s %s: give it as "
            "a literal or a parameter that is certain",
            table->key, number, table_name(planner, table), why);
    }
    if (may_be_changed(planner, table, &key)) {
        return plan_refuse(planner, ER_SHARD_KEY,
                           "The shard key `%s` of row %u of the INSERT into table %s may be out of "
                           "its column's range, and with IGNORE or a sql_mode that is not strict "
                           "the server would change it: insert it without IGNORE, in a strict mode",
                           table->key, number, table_name(planner, table));
    }
    if (!sharding_of_key(planner->config, table, &key, &placement->shard)) {
        return plan_refuse(planner, ER_SHARD_KEY,
                           "No %s of table %s covers %s = %.*s (row %u): add one to its section in "
                           "the configuration",
                           sharding_method_name(table), table_name(planner, table), table->key,
                           (int)(value.bytes.len < 64 ? value.bytes.len : 64),
                           (const char *)value.bytes.ptr, number);
    }
    placement->bucket = bucket_of_key(key.bytes);
    placement->has_bucket = true;
    return true;
}

static bool check_id(struct planner *planner, const struct insert_shape *shape, uint32_t number,
                     uint64_t id, struct placement *placement)
{
    const struct table_config *table = shape->table;
    uint16_t bucket = order_id_bucket(id);
    if (placement->has_bucket && placement->bucket != bucket) {
        return plan_refuse(planner, ER_SHARD_KEY,
                           "Row %u of the INSERT into table %s: its %s belongs to bucket %u, but "
                           "%s = %llu carries bucket %u. Leave `%s` out%s",
                           number, table_name(planner, table), table->key, placement->bucket,
                           table->id_column, (unsigned long long)id, bucket, table->id_column,
                           table->makes_ids ? ", and waybill makes it"
                                            : " or use the id that waybill made for this key");
    }
    placement->shard = planner->config->bucket_shard[bucket];
    placement->bucket = bucket;
    placement->has_bucket = true;
    return true;
}

static bool place_by_id(struct planner *planner, const struct insert_shape *shape,
                        const struct value_row *row, uint32_t number, struct placement *placement)
{
    const struct table_config *table = shape->table;
    if (shape->id_at == NO_COLUMN) {
        placement->adds_id = true;
        return true;
    }
    const struct expr *expr = row->values[shape->id_at];
    struct value value = value_of_expr(planner->arena, planner->request, expr);
    uint64_t id = 0;
    if (table->makes_ids && value_wants_id(&value)) {
        placement->replaced_id = expr;
        return true;
    }
    switch (value_to_id(planner->arena, &value, &id)) {
    case ID_KNOWN:
        return check_id(planner, shape, number, id, placement);
    case ID_IMPOSSIBLE:
        return plan_refuse(planner, ER_SHARD_KEY,
                           "`%s` of row %u of the INSERT into table %s must be an id that waybill "
                           "made (a positive BIGINT)%s",
                           table->id_column, number, table_name(planner, table),
                           expr->kind == EXPR_FUNCTION ? "; LAST_INSERT_ID() is 0 in this session"
                                                       : "");
    case ID_UNKNOWN:
        break;
    }
    return plan_refuse(planner, ER_SHARD_KEY,
                       "`%s` of row %u of the INSERT into table %s is an expression whose value "
                       "only the server knows: give it as a whole number or a parameter",
                       table->id_column, number, table_name(planner, table));
}

static bool place_row(struct planner *planner, const struct insert_shape *shape,
                      const struct value_row *row, uint32_t number, struct placement *placement)
{
    bool has_key =
        shape->key_at != NO_COLUMN || (placement->has_row_id && is_key_made(shape->table));
    if (has_key && !place_by_key(planner, shape, row, number, placement)) {
        return false;
    }
    if (shape->table->id_column == NULL) {
        return true;
    }
    return place_by_id(planner, shape, row, number, placement);
}

// ---- all rows

static void push(struct splice_list *list, struct splice splice)
{
    list->items[list->count++] = splice;
}

// The INSERT with only the rows of one shard: the others are cut out, with the commas that would be
// too many.
static struct slice text_for_shard(struct planner *planner, const struct splice_list *splices,
                                   const struct placement *placements, uint16_t shard)
{
    const struct insert_part *insert = planner->statement->insert;
    struct splice_list list = {.count = 0};
    size_t at = 0;
    uint32_t before_end = 0;
    uint32_t number = 0;
    bool has_kept = false;
    list.items =
        arena_alloc(planner->arena, (splices->count + 2u * insert->row_count) * sizeof *list.items);
    for (const struct value_row *row = insert->rows; row != NULL; row = row->next, number++) {
        bool is_kept = placements[number].shard == shard;
        while (at < splices->count && splices->items[at].span.begin < row->span.begin) {
            push(&list, splices->items[at++]);
        }
        if (number > 0 && !(is_kept && has_kept)) {
            push(&list, (struct splice){.span = {before_end, row->span.begin}});
        }
        for (; at < splices->count && splices->items[at].span.begin < row->span.end; at++) {
            if (is_kept) {
                push(&list, splices->items[at]);
            }
        }
        if (!is_kept) {
            push(&list, (struct splice){.span = row->span});
        }
        has_kept |= is_kept;
        before_end = row->span.end;
    }
    while (at < splices->count) {
        push(&list, splices->items[at++]);
    }
    return splice_text(planner->arena, planner->statement->text, list.items, list.count);
}

static void note_rows(struct planner *planner, const struct placement *placements,
                      struct plan_target *target)
{
    const struct insert_part *insert = planner->statement->insert;
    uint32_t *rows = arena_alloc(planner->arena, insert->row_count * sizeof *rows);
    for (uint32_t i = 0; i < insert->row_count; i++) {
        if (placements[i].shard == target->shard) {
            rows[target->row_count++] = i + 1;
        }
    }
    target->rows = rows;
}

// The subqueries in its values must be answered by the shard that has the rows.
static bool check_inner(struct planner *planner, uint16_t shard)
{
    struct reach reach;
    scopes_add_rest(&planner->scopes, planner->statement);
    if (plan_is_too_large(planner)) {
        return false;
    }
    scopes_reach(&planner->scopes, &reach);
    if ((reach.shards.bits & ~shard_set_of(shard).bits) != 0) {
        return plan_refuse(planner, ER_CROSS_SHARD,
                           "A subquery of the INSERT needs other shards than %s, where the rows "
                           "belong: %s. Read the value first and put it in",
                           plan_shard_name(planner, shard), plan_spread(planner, &reach));
    }
    return true;
}

// Rows of several shards: their subqueries are answered on each, so from reference tables only.
static bool check_inner_of_many(struct planner *planner)
{
    struct reach reach;
    scopes_add_rest(&planner->scopes, planner->statement);
    scopes_reach(&planner->scopes, &reach);
    if (planner->scopes.is_too_large || reach.has_sharded || reach.has_home || reach.has_system) {
        return plan_refuse(
            planner, ER_CROSS_SHARD,
            "The rows of this INSERT belong to several shards, so its subqueries may "
            "read reference tables only: read the values first and put them in");
    }
    return true;
}

static bool insert_on_many(struct planner *planner, const struct table_config *table,
                           const struct splice_list *splices, const struct placement *placements)
{
    const struct insert_part *insert = planner->statement->insert;
    struct shard_set set = {0};
    const char *what = NULL;
    for (uint32_t i = 0; i < insert->row_count; i++) {
        set.bits |= shard_set_of(placements[i].shard).bits;
    }
    if (!plan_may_write_several(planner->request)) {
        return plan_refuse(planner, ER_CROSS_SHARD_WRITE,
                           "The rows of this INSERT into table %s belong to %u shards, %s: insert "
                           "the rows of each shard by a statement of their own",
                           table_name(planner, table), shard_set_count(set),
                           plan_why_not_several(planner->request));
    }
    if (planner->statement->param_count > 0 && !rewrite_sees_params(planner)) {
        what = "which waybill can't split where parameters stand in subqueries: read the values "
               "first and put them in";
    } else if (plan_single_server_part(planner->statement) != NULL) {
        what = "and waybill can't do that with functions that only one server can answer";
    }
    if (what != NULL) {
        return plan_refuse(planner, ER_CROSS_SHARD_WRITE,
                           "The rows of this INSERT into table %s belong to %u shards, %s",
                           table_name(planner, table), shard_set_count(set), what);
    }
    if (!plan_may_rewrite(planner) || !check_inner_of_many(planner) ||
        !plan_to_all(planner, set, insert->has_returning ? MERGE_ROWS : MERGE_OK)) {
        return false;
    }
    uint16_t *shards = arena_alloc(planner->arena, insert->row_count * sizeof *shards);
    for (uint32_t i = 0; i < insert->row_count; i++) {
        shards[i] = placements[i].shard;
    }
    for (uint16_t i = 0; i < planner->plan->target_count; i++) {
        struct plan_target *target = &planner->plan->targets[i];
        target->sql = text_for_shard(planner, splices, placements, target->shard);
        if (planner->statement->param_count > 0 || planner->plan->edit_count > 0) {
            rewrite_edits_of_shard(planner, shards, target);
        }
        note_rows(planner, placements, target);
    }
    planner->plan->is_write_to_many = true;
    planner->plan->is_in_row_order = insert->has_returning && !insert->is_ignore;
    plan_because(planner, "its rows belong to %u shards", shard_set_count(set));
    return true;
}

static void give_row_id(const struct insert_shape *shape, const struct value_row *row, uint64_t id,
                        struct placement *placement)
{
    placement->has_row_id = true;
    placement->id = id;
    placement->adds_id = shape->row_id_at == NO_COLUMN;
    placement->replaced_id = placement->adds_id ? NULL : row->values[shape->row_id_at];
}

static bool place_rows(struct planner *planner, const struct insert_shape *shape,
                       struct id_rewrite *rewrite, struct placement *placements)
{
    const struct insert_part *insert = planner->statement->insert;
    struct row_id_use use = {.made_count = 0};
    uint32_t number = 0;
    if (shape->table->row_ids != NULL && !row_id_use(planner, shape, &use)) {
        return false;
    }
    for (const struct value_row *row = insert->rows; row != NULL; row = row->next, number++) {
        placements[number] = (struct placement){.has_bucket = false};
        if (use.made_count > 0 && use.is_made[number]) {
            give_row_id(shape, row, use.next++, &placements[number]);
        }
        if (!place_row(planner, shape, row, number + 1, &placements[number])) {
            return false;
        }
    }
    number = 0;
    for (const struct value_row *row = insert->rows; row != NULL; row = row->next, number++) {
        struct placement *placement = &placements[number];
        bool wants_id = placement->adds_id || placement->replaced_id != NULL;
        if (wants_id && !placement->has_row_id &&
            !rewrite_make_order_id(planner, placement->bucket, &placement->id)) {
            return false;
        }
        if (wants_id) {
            rewrite_id(planner, rewrite, row, placement->replaced_id, placement->id);
        }
        rewrite_id_pass(rewrite, row);
    }
    if (!rewrite_id_is_certain(planner)) {
        return plan_refuse(planner, ER_NOT_SUPPORTED_YET,
                           "parameters inside subqueries of an INSERT for which it makes the `%s`",
                           rewrite->column);
    }
    return true;
}

static bool finish_insert(struct planner *planner, const struct table_config *table,
                          const struct id_rewrite *rewrite, const struct placement *placements)
{
    const struct insert_part *insert = planner->statement->insert;
    uint16_t shard = placements[0].shard;
    bool is_on_one = true;
    for (uint32_t i = 1; i < insert->row_count; i++) {
        is_on_one = is_on_one && placements[i].shard == shard;
    }
    if (planner->hint_shard != NO_SHARD && (!is_on_one || planner->hint_shard != shard)) {
        return plan_refuse(planner, ER_SHARD_KEY,
                           "The hint names shard %s, but rows of this INSERT into table %s belong "
                           "to shard %s",
                           plan_shard_name(planner, planner->hint_shard),
                           table_name(planner, table),
                           plan_shard_name(planner, shard != planner->hint_shard
                                                        ? shard
                                                        : placements[insert->row_count - 1].shard));
    }
    if (!is_on_one) {
        return insert_on_many(planner, table, &rewrite->splices, placements);
    }
    if (!check_inner(planner, shard) || !plan_to(planner, shard)) {
        return false;
    }
    if (rewrite->splices.count > 0 && !plan_may_rewrite(planner)) {
        return false;
    }
    if (rewrite->splices.count > 0) {
        planner->plan->targets[0].sql = splice_text(planner->arena, planner->statement->text,
                                                    rewrite->splices.items, rewrite->splices.count);
    }
    plan_because(planner, "%s of the row%s -> %s", plan_key_columns(planner, table),
                 insert->row_count > 1 ? "s" : "", plan_shard_name(planner, shard));
    return true;
}

static bool insert_sharded(struct planner *planner, const struct scope_ref *target)
{
    const struct table_config *table = target->config;
    const struct insert_part *insert = planner->statement->insert;
    struct insert_shape shape;
    struct id_rewrite rewrite;
    if (!check_on_duplicate(planner, target)) {
        return false;
    }
    if (insert->select != NULL) {
        return plan_insert_select(planner, target);
    }
    if (!has_list(insert)) {
        return plan_without_list(planner, table);
    }
    if (!plan_insert_shape(planner, table, &shape)) {
        return false;
    }
    if (insert_has_wrong_count(insert)) {
        return plan_to(planner, plan_any_shard(planner));
    }
    if (!planner->is_lenient && insert_asked_find(planner, &shape)) {
        plan_because(planner, "a server knows what the expressions are");
        return plan_may_rewrite(planner) && plan_to(planner, plan_any_shard(planner));
    }
    struct placement *placements =
        arena_alloc(planner->arena, insert->row_count * sizeof *placements);
    bool has_row_ids = table->row_ids != NULL;
    const char *column = has_row_ids ? table->row_ids->column : table->id_column;
    bool adds_column = column != NULL && (has_row_ids ? shape.row_id_at : shape.id_at) == NO_COLUMN;
    rewrite_id_start(planner, &rewrite, column, adds_column);
    return place_rows(planner, &shape, &rewrite, placements) &&
           (planner->plan->row_id_wish.ids != NULL
                ? plan_to(planner, plan_any_shard(planner))
                : finish_insert(planner, table, &rewrite, placements));
}

// ---- tables that are not sharded

// A sequence lives elsewhere: its values are asked first.
static bool wants_values(struct planner *planner, const struct scope_ref *target)
{
    uint16_t home = plan_sequence_home(planner);
    bool is_there = target->place == PLACE_HOME && target->home == home;
    return home != NO_SHARD && !is_there && planner->statement->insert->select == NULL &&
           insert_asked_find(planner, NULL);
}

bool plan_insert(struct planner *planner)
{
    const struct table_ref *table = planner->statement->tables;
    struct scope_ref target;
    if (table == NULL || planner->statement->insert == NULL) {
        return planner->is_lenient ? false : plan_unknown(planner);
    }
    scope_place(planner->request, table, &target);
    if (target.place == PLACE_SHARDED) {
        return insert_sharded(planner, &target);
    }
    if (planner->is_lenient) {
        return false;
    }
    bool has_row_ids = target.place == PLACE_REFERENCE && target.config->row_ids != NULL;
    if (planner->hint_shard != NO_SHARD && !has_row_ids) {
        return plan_to(planner, planner->hint_shard);
    }
    if (wants_values(planner, &target)) {
        plan_because(planner, "the values of the sequence are asked on its shard");
        return plan_may_rewrite(planner) && plan_to(planner, plan_any_shard(planner));
    }
    if (target.place == PLACE_REFERENCE) {
        return plan_insert_reference(planner, &target);
    }
    struct table_ref *only = arena_alloc(planner->arena, sizeof *only); // the scopes keep it
    *only = *table;
    only->next = NULL; // without what may follow it in the list
    if (scopes_add_tables(&planner->scopes, only, NULL) != NULL) {
        insert_add_sources(planner);
    }
    struct reach reach;
    scopes_reach(&planner->scopes, &reach);
    if (shard_set_count(reach.shards) > 1 && planner->statement->insert->select != NULL) {
        return plan_insert_select(planner, &target);
    }
    return plan_to_reach(planner, ER_CROSS_SHARD_WRITE, "INSERT ... SELECT");
}
