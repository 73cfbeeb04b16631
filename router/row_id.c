// Row ids (cluster/row_id.h) in statements. An INSERT that leaves the column out, or gives NULL,
// DEFAULT or 0, gets ids of the process's block: all of one statement follow one another. An id
// that a statement gives itself must never be made later:
//
//     in what is left of the block       what is before it is passed over
//     behind the block                   the counter is moved past it first (plan.row_id_wish)
//     where another waybill may be       refused; but where rows of one id are always on one shard
//     making ids                         the server finds the duplicate

#include <assert.h>

#include "cluster/row_id.h"
#include "router/plan_impl.h"
#include "router/value.h"

bool row_id_is_column(const struct table_config *table, struct slice name)
{
    return table->row_ids != NULL && slice_is_nocase(name, table->row_ids->column);
}

// Can the same id be on two shards?
static bool may_be_elsewhere(const struct table_config *table)
{
    return table->type == TABLE_SHARDED &&
           (table->key == NULL || !row_id_is_column(table, slice_of_string(table->key)));
}

static bool note_given(struct planner *planner, const struct table_config *table, uint64_t id,
                       struct row_id_wish *wish)
{
    const struct route_request *request = planner->request;
    bool must_pass = may_be_elsewhere(table);
    if (request->ids == NULL || row_ids_pass(table->row_ids, id, request->now_us) ||
        (!must_pass && row_ids_reach(table->row_ids, id))) {
        return true;
    }
    wish->ids = table->row_ids;
    wish->given = id > wish->given ? id : wish->given;
    wish->must_pass = must_pass;
    return true;
}

static bool refuse_value(struct planner *planner, const struct table_config *table, const char *why)
{
    return plan_refuse(
        planner, ER_SHARD_KEY,
        "`%s` of table %s.%s, whose numbers waybill makes, is given %s: leave it out, "
        "or give it as a whole number or a parameter",
        table->row_ids->column, table->schema, table->name, why);
}

// A value for the column; *is_made: it asks for an id.
static bool note_value(struct planner *planner, const struct table_config *table,
                       const struct expr *expr, bool *is_made, struct row_id_wish *wish)
{
    const struct route_request *request = planner->request;
    struct value value = value_of_expr(planner->arena, request, expr);
    bool is_word = value.kind == VALUE_NULL || value.kind == VALUE_DEFAULT;
    uint64_t id = 0;
    *is_made = value_wants_id(&value) && (is_word || !request->keeps_zero);
    if (*is_made || (value_wants_id(&value) && request->keeps_zero)) {
        return true;
    }
    const struct insert_part *insert = planner->statement->insert;
    bool is_exact = request->is_strict && (insert == NULL || !insert->is_ignore);
    switch (value_to_id(planner->arena, &value, &id)) {
    case ID_KNOWN:
        return note_given(planner, table, id, wish);
    case ID_IMPOSSIBLE:
        return is_exact || refuse_value(planner, table, // negative, or larger than all ids
                                        "as a number that a server may change here");
    case ID_UNKNOWN:
        break;
    }
    return refuse_value(planner, table, "as something that only a server can tell the number of");
}

bool row_id_use(struct planner *planner, const struct insert_shape *shape, struct row_id_use *use)
{
    const struct insert_part *insert = planner->statement->insert;
    const struct route_request *request = planner->request;
    struct row_id_wish wish = {.ids = NULL};
    uint32_t number = 0;
    *use = (struct row_id_use){.next = 1};
    use->is_made = arena_alloc(planner->arena, insert->row_count * sizeof *use->is_made);
    for (const struct value_row *row = insert->rows; row != NULL; row = row->next, number++) {
        use->is_made[number] = true;
        if (shape->row_id_at != NO_COLUMN &&
            !note_value(planner, shape->table, row->values[shape->row_id_at], &use->is_made[number],
                        &wish)) {
            return false;
        }
        use->made_count += use->is_made[number];
    }
    bool is_for_show = request->ids == NULL || use->made_count == 0;
    if (wish.ids == NULL && (is_for_show || row_ids_take(shape->table->row_ids, use->made_count,
                                                         request->now_us, &use->next))) {
        return true;
    }
    wish.ids = shape->table->row_ids;
    wish.count = use->made_count;
    planner->plan->row_id_wish = wish;
    return true;
}

bool row_id_assign(struct planner *planner, const struct table_config *table,
                   const struct assignment *assignment)
{
    struct row_id_wish wish = {.ids = NULL};
    bool is_made = false;
    if (!may_be_elsewhere(table)) {
        return true; // a duplicate is found
    }
    if (!note_value(planner, table, assignment->value, &is_made, &wish)) {
        return false;
    }
    if (wish.ids != NULL) {
        planner->plan->row_id_wish = wish;
    }
    return true; // NULL, 0: as on one server
}

// ---- reference tables

static int32_t find_column(const struct insert_part *insert, const char *name)
{
    for (uint32_t i = 0; i < insert->column_count; i++) {
        if (slice_is_nocase(insert->columns[i], name)) {
            return (int32_t)i;
        }
    }
    return NO_COLUMN;
}

static bool put_ids(struct planner *planner, const struct insert_shape *shape,
                    struct row_id_use *use, struct slice *sql)
{
    const struct insert_part *insert = planner->statement->insert;
    struct id_rewrite rewrite;
    uint32_t number = 0;
    assert(shape->table->row_ids != NULL);
    const char *column = shape->table->row_ids->column;
    rewrite_id_start(planner, &rewrite, column, shape->row_id_at == NO_COLUMN);
    for (const struct value_row *row = insert->rows; row != NULL; row = row->next, number++) {
        if (use->is_made[number]) {
            rewrite_id(planner, &rewrite, row,
                       shape->row_id_at == NO_COLUMN ? NULL : row->values[shape->row_id_at],
                       use->next++);
        }
        rewrite_id_pass(&rewrite, row);
    }
    if (!rewrite_id_is_certain(planner)) {
        return plan_refuse(planner, ER_NOT_SUPPORTED_YET,
                           "parameters inside subqueries of an INSERT for which it makes the `%s`",
                           column);
    }
    if (rewrite.splices.count > 0) {
        *sql = splice_text(planner->arena, planner->statement->text, rewrite.splices.items,
                           rewrite.splices.count);
        return plan_may_rewrite(planner);
    }
    return true;
}

bool row_id_reference(struct planner *planner, const struct table_config *table, struct slice *sql)
{
    const struct insert_part *insert = planner->statement->insert;
    struct insert_shape shape = {.table = table, .key_at = NO_COLUMN, .id_at = NO_COLUMN};
    struct row_id_use use;
    shape.row_id_at = find_column(insert, table->row_ids->column);
    if (insert_has_wrong_count(insert)) {
        return true;
    }
    if (insert_asked_find(planner, &shape)) {
        plan_because(planner, "a server knows what the expressions are");
        return plan_may_rewrite(planner);
    }
    return row_id_use(planner, &shape, &use) &&
           (planner->plan->row_id_wish.ids != NULL || put_ids(planner, &shape, &use, sql));
}
