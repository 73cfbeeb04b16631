#include "session/index_values.h"

#include "router/scope.h"
#include "session/query.h"

void index_items_init(struct index_items *items, struct session *session)
{
    *items = (struct index_items){.count = 0};
    items->items = arena_alloc(&session->arena, INDEX_ITEMS_MAX * sizeof *items->items);
}

void index_items_add(struct index_items *items, struct index_item item)
{
    for (uint32_t i = 0; i < items->count; i++) {
        const struct index_item *old = &items->items[i];
        if (old->shard == item.shard && old->index == item.index &&
            slice_equal(old->value, item.value)) {
            return;
        }
    }
    if (items->count == INDEX_ITEMS_MAX) {
        items->has_more = true;
        return;
    }
    items->items[items->count++] = item;
}

// The place of the column in the list of an INSERT; -1: not there.
static int32_t place_of(const struct insert_part *insert, const char *column)
{
    for (uint32_t i = 0; i < insert->column_count; i++) {
        if (slice_is_nocase(insert->columns[i], column)) {
            return (int32_t)i;
        }
    }
    return -1;
}

static void add_column(struct index_items *items, struct arena *arena,
                       const struct route_request *route, const struct insert_part *insert,
                       const struct index_config *index, const struct plan_target *target)
{
    int32_t at = place_of(insert, index->column);
    const struct value_row *row = at >= 0 ? insert->rows : NULL;
    uint32_t number = 0, taken = 0; // of the target's rows, which ascend
    for (; row != NULL && !(items->has_more && items->count == INDEX_ITEMS_MAX); row = row->next) {
        struct slice canonical;
        number++;
        if (target->rows != NULL && (taken == target->row_count || target->rows[taken] != number)) {
            continue;
        }
        taken++;
        if ((uint32_t)at < row->value_count) {
            struct value value = value_of_expr(arena, route, row->values[at]);
            if (index_stored_value(arena, index, &value, &canonical)) {
                index_items_add(items, (struct index_item){index, canonical, target->shard});
            } else if (value.kind != VALUE_NULL) {
                items->has_more = true;
            }
        }
    }
}

// What the target's rows have, as far as that can be read: in its own text, or where that has
// parameters of its own, in the statement as it came.
static void add_target(struct index_items *items, struct request *request,
                       struct plan_target target, bool is_unique)
{
    struct session *session = request->session;
    struct statement *statement = request->statement;
    struct route_request route = query_route_request(session, request);
    struct parse_options options = query_parse_options(session);
    if (target.sql.ptr != NULL && statement->param_count == 0) {
        target.rows = NULL;
        if (parse_statement(&session->arena, target.sql, &options, &statement) != PARSE_OK) {
            return;
        }
    }
    struct scope_ref ref = {.config = NULL};
    if (statement->insert != NULL && statement->tables != NULL) {
        scope_place(&route, statement->tables, &ref);
    }
    const struct index_config *index = ref.config != NULL ? ref.config->indexes : NULL;
    for (; index != NULL; index = index->next) {
        if (index->is_unique == is_unique) {
            add_column(items, &session->arena, &route, statement->insert, index, &target);
        }
    }
}

void index_items_add_targets(struct index_items *items, struct request *request, bool is_unique)
{
    for (uint16_t i = 0; i < request->plan->target_count; i++) {
        add_target(items, request, request->plan->targets[i], is_unique);
    }
}
