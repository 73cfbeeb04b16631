// Puts ids that waybill makes into an INSERT: a column at the end of the list and a value at the
// end of each row, or a value in place of NULL, 0 or DEFAULT. A prepared statement's text must stay
// the same for every execution, so there it is a `?` and an edit of the parameters.

#include "router/plan_impl.h"

bool rewrite_make_order_id(struct planner *planner, uint16_t bucket, uint64_t *id)
{
    const struct route_request *request = planner->request;
    if (request->ids != NULL) {
        return order_id_next(request->ids, planner->config, bucket, request->now_ms, id,
                             planner->error);
    }
    // for show only
    uint16_t sequence[BUCKET_COUNT] = {0};
    struct id_grant grants[SHARDS_MAX];
    for (size_t i = 0; i < SHARDS_MAX; i++) {
        grants[i] = (struct id_grant){.upto_ms = ORDER_ID_END_MS};
    }
    struct order_id_source source = {.worker_count = 1, .sequence = sequence, .grants = grants};
    return order_id_next(&source, planner->config, bucket, request->now_ms, id, planner->error);
}

void rewrite_id_start(struct planner *planner, struct id_rewrite *rewrite, const char *column,
                      bool adds_column)
{
    const struct insert_part *insert = planner->statement->insert;
    uint32_t rows = insert->row_count;
    *rewrite = (struct id_rewrite){.column = column};
    rewrite->splices.items = arena_alloc(planner->arena, (rows + 1u) * sizeof(struct splice));
    planner->plan->edits = arena_alloc(planner->arena, rows * sizeof(struct param_edit));
    if (adds_column && !insert->is_set_form) {
        uint32_t at = insert->columns_span.end - 1; // before the parenthesis
        rewrite->splices.items[rewrite->splices.count++] = (struct splice){
            .span = {at, at},
            .with = arena_format(planner->arena, ", `%s`", column),
        };
    }
}

struct param_count {
    uint32_t seen;  // the highest number and one
    uint32_t nodes; // how many
};

// The left operand is followed in a loop.
static void count_params(const struct expr *expr, struct param_count *count)
{
    for (;;) {
        if (expr->kind == EXPR_PARAM) {
            count->nodes++;
            count->seen = expr->param_index + 1 > count->seen ? expr->param_index + 1 : count->seen;
        }
        for (uint32_t i = 1; i < expr->child_count; i++) {
            count_params(expr->children[i], count);
        }
        if (expr->child_count == 0) {
            return;
        }
        expr = expr->children[0];
    }
}

static void count_row_params(struct id_rewrite *rewrite, const struct value_row *row,
                             const struct expr *before)
{
    for (uint32_t i = 0; i < row->value_count && row->values[i] != before; i++) {
        struct param_count count = {rewrite->params_seen, 0};
        count_params(row->values[i], &count);
        rewrite->params_seen = count.seen;
    }
}

static void add_edit(struct planner *planner, const struct id_rewrite *rewrite,
                     enum param_edit_kind kind, uint32_t index, uint64_t id)
{
    struct plan *plan = planner->plan;
    plan->edits[plan->edit_count++] =
        (struct param_edit){.kind = kind, .index = index, .value = id, .row = rewrite->row};
}

// The made id as text, at the place of the splice.
static struct slice id_text(struct planner *planner, struct id_rewrite *rewrite, uint64_t id)
{
    if (!planner->request->is_prepared) {
        return arena_format(planner->arena, "%llu", (unsigned long long)id);
    }
    add_edit(planner, rewrite, EDIT_INSERT, rewrite->params_seen, id);
    return slice_of_string("?");
}

static void add_value(struct planner *planner, struct id_rewrite *rewrite,
                      const struct value_row *row, uint64_t id)
{
    const struct insert_part *insert = planner->statement->insert;
    struct splice *splice = &rewrite->splices.items[rewrite->splices.count++];
    if (insert->is_set_form) {
        uint32_t at = insert->column_spans[0].begin;
        struct slice text = id_text(planner, rewrite, id);
        splice->span = (struct span){at, at};
        splice->with = arena_format(planner->arena, "`%s` = %.*s, ", rewrite->column, (int)text.len,
                                    (const char *)text.ptr);
        return;
    }
    count_row_params(rewrite, row, NULL);
    struct slice text = id_text(planner, rewrite, id);
    splice->span = (struct span){row->span.end - 1, row->span.end - 1};
    splice->with = arena_format(planner->arena, ", %.*s", (int)text.len, (const char *)text.ptr);
}

void rewrite_id(struct planner *planner, struct id_rewrite *rewrite, const struct value_row *row,
                const struct expr *value, uint64_t id)
{
    if (!planner->plan->has_made_ids) {
        planner->plan->has_made_ids = true;
        planner->plan->first_made_id = id;
    }
    if (value == NULL) {
        add_value(planner, rewrite, row, id);
    } else if (value->kind == EXPR_PARAM) {
        add_edit(planner, rewrite, EDIT_REPLACE, value->param_index, id);
    } else {
        count_row_params(rewrite, row, value);
        rewrite->splices.items[rewrite->splices.count++] =
            (struct splice){.span = value->span, .with = id_text(planner, rewrite, id)};
    }
}

void rewrite_id_pass(struct id_rewrite *rewrite, const struct value_row *row)
{
    count_row_params(rewrite, row, NULL);
    rewrite->row++;
}

bool rewrite_id_is_certain(const struct planner *planner)
{
    const struct plan *plan = planner->plan;
    bool has_inserted = false;
    for (uint32_t i = 0; i < plan->edit_count; i++) {
        has_inserted |= plan->edits[i].kind == EDIT_INSERT;
    }
    return !has_inserted || rewrite_sees_params(planner);
}

bool rewrite_sees_params(const struct planner *planner)
{
    const struct insert_part *insert = planner->statement->insert;
    struct param_count count = {0, 0};
    for (const struct value_row *row = insert->rows; row != NULL; row = row->next) {
        for (uint32_t i = 0; i < row->value_count; i++) {
            count_params(row->values[i], &count);
        }
    }
    for (const struct assignment *one = insert->on_duplicate; one != NULL; one = one->next) {
        count_params(one->value, &count);
    }
    return count.nodes == planner->statement->param_count;
}

void rewrite_edits_of_shard(struct planner *planner, const uint16_t *shards,
                            struct plan_target *target)
{
    const struct plan *plan = planner->plan;
    const struct insert_part *insert = planner->statement->insert;
    uint32_t param = 0, edit = 0, number = 0;
    size_t max = (size_t)planner->statement->param_count + plan->edit_count;
    target->edits = arena_alloc(planner->arena, (max + 1) * sizeof *target->edits);
    for (const struct value_row *row = insert->rows; row != NULL; row = row->next, number++) {
        bool is_kept = shards[number] == target->shard;
        struct id_rewrite passed = {.params_seen = param};
        rewrite_id_pass(&passed, row);
        for (; edit < plan->edit_count && plan->edits[edit].row == number; edit++) {
            if (is_kept) {
                target->edits[target->edit_count++] = plan->edits[edit];
            }
        }
        for (; param < passed.params_seen; param++) {
            if (!is_kept) {
                target->edits[target->edit_count++] =
                    (struct param_edit){.kind = EDIT_DROP, .index = param};
            }
        }
    }
}
