// A plan as text, for EXPLAIN ROUTE and for tests:
//
//     s1 replica: as it came
//     s2 replica: SELECT ...
//     merge: sort by 2 desc, hidden 1; hidden columns 1; offset 5; limit 10
//     why: buyer_id = 5 -> bucket 1234 -> s2

#include <inttypes.h>

#include "base/text.h"
#include "router/gather.h"

static const char *access_name(enum plan_access access)
{
    switch (access) {
    case ACCESS_REPLICA:
        return "replica";
    case ACCESS_PRIMARY:
        return "primary";
    case ACCESS_WRITE:
        return "write";
    }
    return "?";
}

static const char *merge_name(enum merge_kind merge)
{
    switch (merge) {
    case MERGE_NONE:
        return "none";
    case MERGE_ROWS:
        return "rows";
    case MERGE_SORT:
        return "sort";
    case MERGE_UNION:
        return "union";
    case MERGE_GROUP:
        return "group";
    case MERGE_OK:
        return "add up";
    case MERGE_FIRST:
        return "first";
    }
    return "?";
}

// "; 2 add, 3 average of hidden 1 / hidden 2": what isn't the group's first.
static void explain_folds(struct text *out, const struct plan *plan)
{
    // clang-format off
    static const char *const names[] = {
        [FOLD_FIRST] = "first", [FOLD_ADD] = "add", [FOLD_AVERAGE] = "average", [FOLD_MIN] = "min",
        [FOLD_MAX] = "max", [FOLD_AND] = "bit and", [FOLD_OR] = "bit or", [FOLD_XOR] = "bit xor",
    };
    // clang-format on
    const char *before = "; ";
    for (uint32_t i = 0; i < plan->fold_count; i++) {
        const struct plan_fold *fold = &plan->folds[i];
        if (fold->kind == FOLD_FIRST) {
            continue;
        }
        text_add_format(out, "%s%" PRIu32 " %s", before, i + 1, names[fold->kind]);
        if (fold->kind == FOLD_AVERAGE) {
            text_add_format(out, " of hidden %" PRIu32 " / hidden %" PRIu32, fold->sum + 1,
                            fold->count + 1);
        }
        before = ", ";
    }
}

static void explain_merge(struct text *out, const struct plan *plan)
{
    text_add_format(out, "merge: %s", merge_name(plan->merge));
    for (uint32_t i = 0; i < plan->key_count; i++) {
        text_add_format(out, "%s%s%" PRIu32 "%s", i == 0 ? " by " : ", ",
                        plan->keys[i].is_hidden ? "hidden " : "", plan->keys[i].column + 1,
                        plan->keys[i].is_descending ? " desc" : "");
    }
    explain_folds(out, plan);
    if (plan->hidden_columns > 0) {
        text_add_format(out, "; hidden columns %" PRIu32, plan->hidden_columns);
    }
    if (plan->offset > 0) {
        text_add_format(out, "; offset %" PRIu64, plan->offset);
    }
    if (plan->limit != UINT64_MAX) {
        text_add_format(out, "; limit %" PRIu64, plan->limit);
    }
    text_add_string(out, "\n");
}

static void explain_edits(struct text *out, const struct param_edit *edits, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct param_edit *edit = &edits[i];
        if (edit->kind == EDIT_DROP) {
            text_add_format(out, "drop parameter %" PRIu32 "\n", edit->index + 1);
            continue;
        }
        text_add_format(out, "%s parameter %" PRIu32 ": %" PRIu64 "\n",
                        edit->kind == EDIT_INSERT ? "insert before" : "replace", edit->index + 1,
                        edit->value);
    }
}

static void explain_gather(struct text *out, const struct gather_plan *gather, uint16_t shard,
                           const struct config *config)
{
    for (uint32_t i = 0; i < gather->table_count; i++) {
        const struct gather_table *table = &gather->tables[i];
        struct shard_set set = table->shards;
        set.bits &= ~shard_set_of(shard).bits;
        if (set.bits == 0) {
            continue;
        }
        text_add_format(out, "gather: rows of %.*s.%.*s from", (int)table->schema.len,
                        (const char *)table->schema.ptr, (int)table->name.len,
                        (const char *)table->name.ptr);
        for (; set.bits != 0; set.bits &= set.bits - 1) {
            text_add_format(out, " %s", config->shards[shard_set_first(set)].name);
        }
        text_add_format(out, "%s%s, into a temporary table on %s\n",
                        gather->wants_all_columns ? "" : ", the columns that are named",
                        table->conditions != NULL && table->uses == 1 ? ", filtered there" : "",
                        config->shards[shard].name);
    }
}

struct slice plan_explain(struct arena *arena, const struct plan *plan, const struct config *config)
{
    struct text out;
    text_init(&out);
    if (plan->wants_columns) {
        text_add_string(&out, "first a server is asked for the columns of the table\n");
    }
    if (plan->gather != NULL) {
        explain_gather(&out, plan->gather, plan->targets[0].shard, config);
    }
    for (uint16_t i = 0; i < plan->target_count && !plan->wants_columns; i++) {
        const struct plan_target *target = &plan->targets[i];
        text_add_format(&out, "%s %s: ", config->shards[target->shard].name,
                        access_name(plan->access));
        if (target->sql.ptr != NULL) {
            text_add_slice(&out, target->sql);
        } else {
            text_add_string(&out, "as it came");
        }
        text_add_string(&out, "\n");
        explain_edits(&out, target->edits, target->edit_count);
    }
    if (!plan->wants_columns) {
        explain_merge(&out, plan);
    }
    if (plan->targets[0].edits == NULL) {
        explain_edits(&out, plan->edits, plan->edit_count);
    }
    if (plan->why != NULL && *plan->why != 0) {
        text_add_format(&out, "why: %s\n", plan->why);
    }
    struct slice copy = arena_copy(arena, text_slice(&out));
    text_done(&out);
    return copy;
}
