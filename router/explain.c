// A plan as steps, for EXPLAIN ROUTE and for tests. In lines:
//
//     s1 replica: as it came
//     s2 replica: SELECT ...
//     merge: sort by 2 desc, hidden 1; hidden columns 1; offset 5; limit 10
//     memory: of each of 2 shards the next row, and 64 KiB behind it
//     why: buyer_id = 5 -> bucket 1234 -> s2

#include "router/explain.h"

#include <inttypes.h>

#include "base/text.h"
#include "router/catalog.h"
#include "router/gather.h"
#include "router/page.h"

const char *explain_access_name(enum plan_access access)
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

const char *explain_merge_name(enum merge_kind merge)
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

const char *explain_fold_name(enum fold_kind kind)
{
    switch (kind) {
    case FOLD_FIRST:
        return "first";
    case FOLD_ADD:
        return "add";
    case FOLD_AVERAGE:
        return "average";
    case FOLD_MIN:
        return "min";
    case FOLD_MAX:
        return "max";
    case FOLD_AND:
        return "bit and";
    case FOLD_OR:
        return "bit or";
    case FOLD_XOR:
        return "bit xor";
    case FOLD_CONCAT:
        return "concat";
    case FOLD_CHECKSUM:
        return "add modulo 2^32";
    }
    return "?";
}

const char *explain_kind_name(enum explain_kind kind)
{
    switch (kind) {
    case EXPLAIN_REFUSED:
        return "refused";
    case EXPLAIN_HERE:
        return "here";
    case EXPLAIN_ASK:
        return "ask";
    case EXPLAIN_GATHER:
        return "gather";
    case EXPLAIN_SEND:
        return "send";
    case EXPLAIN_PARAMETER:
        return "parameter";
    case EXPLAIN_MERGE:
        return "merge";
    case EXPLAIN_MEMORY:
        return "memory";
    case EXPLAIN_GUARD:
        return "guard";
    case EXPLAIN_WHY:
        return "why";
    }
    return "?";
}

struct explain_step *explain_add(struct arena *arena, struct explanation *explanation,
                                 enum explain_kind kind, struct slice detail)
{
    struct explain_step *step = arena_alloc(arena, sizeof *step);
    *step = (struct explain_step){.kind = kind, .detail = arena_copy(arena, detail)};
    if (explanation->last == NULL) {
        explanation->first = step;
    } else {
        explanation->last->next = step;
    }
    explanation->last = step;
    return step;
}

static void add_text(struct arena *arena, struct explanation *explanation, enum explain_kind kind,
                     struct text *detail)
{
    explain_add(arena, explanation, kind, text_slice(detail));
    text_done(detail);
}

// ---- what is sent

static void add_edits(struct arena *arena, struct explanation *explanation,
                      const struct param_edit *edits, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct param_edit *edit = &edits[i];
        struct slice detail;
        if (edit->kind == EDIT_DROP) {
            detail = arena_format(arena, "drop parameter %" PRIu32, edit->index + 1);
        } else {
            detail = arena_format(arena, "%s parameter %" PRIu32 ": %" PRIu64,
                                  edit->kind == EDIT_INSERT ? "insert before" : "replace",
                                  edit->index + 1, edit->value);
        }
        explain_add(arena, explanation, EXPLAIN_PARAMETER, detail);
    }
}

static bool asks_shards(const struct plan *plan)
{
    uint32_t count = 0;
    for (uint32_t i = 0; plan->catalog != NULL && i < plan->catalog->ref_count; i++) {
        count += plan->catalog->refs[i].question_count;
    }
    return count > 0;
}

static void add_targets(struct arena *arena, struct explanation *explanation)
{
    const struct plan *plan = explanation->plan;
    const struct config *config = explanation->request->config;
    for (uint16_t i = 0; i < plan->target_count; i++) {
        const struct plan_target *target = &plan->targets[i];
        bool is_place = plan->catalog != NULL && plan->catalog->form == CATALOG_PLACE;
        const char *untouched = is_place                ? "as it came; or to the one that has it"
                                : asks_shards(plan)     ? "with what the shards answered in it"
                                : plan->catalog != NULL ? "as it came, without waybill's own schema"
                                                        : "as it came";
        struct slice sql = target->sql.ptr != NULL ? target->sql : slice_of_string(untouched);
        struct explain_step *step = explain_add(arena, explanation, EXPLAIN_SEND, sql);
        step->shard = config->shards[target->shard].name;
        step->access = explain_access_name(plan->access);
        add_edits(arena, explanation, target->edits, target->edit_count);
    }
}

static void add_gathered(struct arena *arena, struct explanation *explanation)
{
    const struct config *config = explanation->request->config;
    const struct gather_plan *gather = explanation->plan->gather;
    uint16_t shard = explanation->plan->targets[0].shard;
    for (uint32_t i = 0; i < gather->table_count; i++) {
        const struct gather_table *table = &gather->tables[i];
        struct shard_set set = table->shards;
        struct text out;
        set.bits &= gather->is_inside ? set.bits : ~shard_set_of(shard).bits;
        if (set.bits == 0) {
            continue;
        }
        text_init(&out);
        text_add_format(&out, "rows of %.*s.%.*s from", (int)table->schema.len,
                        (const char *)table->schema.ptr, (int)table->name.len,
                        (const char *)table->name.ptr);
        for (; set.bits != 0; set.bits &= set.bits - 1) {
            text_add_format(&out, " %s", config->shards[shard_set_first(set)].name);
        }
        text_add_format(&out, "%s%s, into a temporary table on %s%s",
                        gather->wants_all_columns ? "" : ", the columns that are named",
                        table->conditions != NULL && table->uses == 1 ? ", filtered there" : "",
                        config->shards[shard].name,
                        gather->is_inside ? " beside the transaction" : "");
        add_text(arena, explanation, EXPLAIN_GATHER, &out);
    }
}

static void add_catalog(struct arena *arena, struct explanation *explanation)
{
    const struct catalog_plan *catalog = explanation->plan->catalog;
    const struct config *config = explanation->request->config;
    for (uint32_t i = 0; i < catalog->ref_count; i++) {
        const struct catalog_ref *ref = &catalog->refs[i];
        for (uint32_t k = 0; k < ref->question_count; k++) {
            struct explain_step *step =
                explain_add(arena, explanation, EXPLAIN_ASK, ref->questions[k].sql);
            step->shard = config->shards[ref->questions[k].shard].name;
        }
    }
}

// ---- how the answers become one

// "; 2 add, 3 average of hidden 1 / hidden 2": what isn't the group's first.
static void tell_folds(struct text *out, const struct plan *plan)
{
    const char *before = "; ";
    for (uint32_t i = 0; i < plan->fold_count; i++) {
        const struct plan_fold *fold = &plan->folds[i];
        if (fold->kind == FOLD_FIRST) {
            continue;
        }
        text_add_format(out, "%s%" PRIu32 " %s%s", before, i + 1, explain_fold_name(fold->kind),
                        fold->is_distinct ? " distinct" : "");
        if (fold->kind == FOLD_AVERAGE) {
            text_add_format(out, " of hidden %" PRIu32 " / hidden %" PRIu32, fold->sum + 1,
                            fold->count + 1);
        }
        before = ", ";
    }
}

static void add_merge(struct arena *arena, struct explanation *explanation)
{
    const struct plan *plan = explanation->plan;
    struct text out;
    text_init(&out);
    text_add_string(&out, explain_merge_name(plan->merge));
    for (uint32_t i = 0; i < plan->key_count; i++) {
        text_add_format(&out, "%s%s%" PRIu32 "%s", i == 0 ? " by " : ", ",
                        plan->keys[i].is_hidden ? "hidden " : "", plan->keys[i].column + 1,
                        plan->keys[i].is_descending ? " desc" : "");
    }
    text_add_string(&out, plan->has_rollup ? " with rollup" : "");
    tell_folds(&out, plan);
    if (plan->having != NULL) {
        text_add_format(&out, "; having %.*s", (int)plan->having_text.len,
                        (const char *)plan->having_text.ptr);
    }
    for (uint32_t i = 0; i < plan->order_count; i++) {
        text_add_format(&out, "%s%" PRIu32 "%s", i == 0 ? "; sorted by value " : ", ",
                        plan->orders[i].fold + 1, plan->orders[i].is_descending ? " desc" : "");
    }
    if (plan->hidden_columns > 0) {
        text_add_format(&out, "; hidden columns %" PRIu32, plan->hidden_columns);
    }
    if (plan->tells_shard) {
        text_add_string(&out, ", shard after shard, with its name");
    }
    if (plan->offset > 0) {
        text_add_format(&out, "; offset %" PRIu64, plan->offset);
    }
    if (plan->limit != UINT64_MAX) {
        text_add_format(&out, "; limit %" PRIu64, plan->limit);
    }
    add_text(arena, explanation, EXPLAIN_MERGE, &out);
}

// ---- what it costs

// What a merge of this kind holds besides the rows to come; NULL: it holds no rows at all.
static const char *held_by(enum merge_kind merge)
{
    switch (merge) {
    case MERGE_NONE:
        return NULL;
    case MERGE_ROWS:
    case MERGE_SORT:
    case MERGE_UNION:
        return "";
    case MERGE_GROUP:
        return "one group; ";
    case MERGE_OK:
    case MERGE_FIRST:
        return NULL;
    }
    return NULL;
}

static void add_memory(struct arena *arena, struct explanation *explanation)
{
    const struct plan *plan = explanation->plan;
    const char *held = held_by(plan->merge);
    struct slice detail = slice_of(NULL, 0);
    if (plan->gather != NULL) {
        detail = arena_format(
            arena, "%u KiB of rows on their way, and the longest row; all rows are on %s",
            2 * GATHER_INSERT_BYTES / 1024,
            explanation->request->config->shards[plan->targets[0].shard].name);
    } else if (asks_shards(plan)) {
        detail = arena_format(arena, "what the shards answer, at most %u KiB",
                              CATALOG_SQL_BYTES_MAX / 1024);
    } else if (plan->split != NULL) {
        detail = slice_of_string("a part of the client's file for each shard");
    } else if (plan->order_count > 0 && plan->target_count > 1) {
        bool is_bounded = plan->limit < UINT64_MAX - plan->offset;
        struct slice groups = is_bounded
                                  ? arena_format(arena, "%" PRIu64, plan->offset + plan->limit)
                                  : slice_of_string("all");
        detail = arena_format(arena,
                              "%.*s groups, at most 32 MiB; of each of %u shards the next row, and "
                              "%u KiB behind it",
                              (int)groups.len, (const char *)groups.ptr, plan->target_count,
                              MERGE_SOURCE_BYTES / 1024);
    } else if (held != NULL && plan->target_count > 1) {
        detail = arena_format(arena, "%sof each of %u shards the next row, and %u KiB behind it",
                              held, plan->target_count, MERGE_SOURCE_BYTES / 1024);
    }
    if (detail.len > 0) {
        explain_add(arena, explanation, EXPLAIN_MEMORY, detail);
    }
}

// The settings that would stop it, with what they are now.
static void add_guards(struct arena *arena, struct explanation *explanation)
{
    const struct plan *plan = explanation->plan;
    const struct settings *settings = &explanation->request->config->settings;
    if (plan->gather != NULL) {
        explain_add(arena, explanation, EXPLAIN_GUARD,
                    arena_format(arena,
                                 "gather_max_rows = %" PRIu64 ", gather_max_bytes = %" PRIu64
                                 ": with more it is error 9008",
                                 (uint64_t)settings->gather_max_rows,
                                 (uint64_t)settings->gather_max_bytes));
    }
    bool is_rows = plan->gather != NULL || plan->merge == MERGE_ROWS || plan->merge == MERGE_SORT ||
                   plan->merge == MERGE_GROUP;
    if (is_rows && settings->max_scatter_shards > 0) {
        explain_add(arena, explanation, EXPLAIN_GUARD,
                    arena_format(arena,
                                 "max_scatter_shards = %" PRIu64
                                 ": rows of more shards are error 9030",
                                 (uint64_t)settings->max_scatter_shards));
    }
    if (is_rows && settings->max_result_rows > 0) {
        explain_add(arena, explanation, EXPLAIN_GUARD,
                    arena_format(arena, "max_result_rows = %" PRIu64 ": with more it is error 9030",
                                 (uint64_t)settings->max_result_rows));
    }
    for (const struct plan_warning *one = plan->warnings; one != NULL; one = one->next) {
        explain_add(arena, explanation, EXPLAIN_GUARD,
                    arena_format(arena, "warning %u: %s", one->code, one->text));
    }
    if (plan->is_write_to_many) {
        bool is_atomic = explanation->request->distributed == DISTRIBUTED_ATOMIC;
        explain_add(arena, explanation, EXPLAIN_GUARD,
                    arena_format(arena,
                                 "distributed = %s (of the user): with refuse it is error 9002",
                                 is_atomic ? "atomic" : "best_effort"));
    }
}

// ---- all

static const char *steps_text(enum plan_steps steps)
{
    switch (steps) {
    case STEPS_NONE:
        break;
    case STEPS_LIMIT:
        return "first the rows are found and locked (SELECT ... FOR UPDATE); then each shard gets "
               "its part of the LIMIT";
    case STEPS_SELECT:
        return "first the SELECT is run; its rows are then inserted as VALUES";
    case STEPS_ONCE:
        return "in one transaction with it: its name is written into waybill.once; when it is "
               "there already, the first result is told and nothing is done";
    case STEPS_VALUES:
        return "first a server is asked for the values of expressions that place rows, or that "
               "only it knows";
    case STEPS_MOVE:
        return "in one transaction: the rows are found and locked (SELECT ... FOR UPDATE), and "
               "updated where they are; those that belong to another shard then are read, deleted, "
               "and inserted there";
    }
    return "";
}

// Rows that move when all goes well, and when nothing can be skipped.
static void add_page(struct arena *arena, struct explanation *explanation)
{
    const struct plan *plan = explanation->plan;
    explain_add(arena, explanation, EXPLAIN_ASK,
                arena_format(arena,
                             "first where the page begins: the rows before it are counted on the "
                             "shards and don't move. Of each of %u shards come the rows of the "
                             "page and up to %" PRIu64
                             " before it; where its beginning can't be found (see "
                             "doc/sharding.md), up to %" PRIu64,
                             plan->target_count, page_goal(plan->limit),
                             plan->limit > UINT64_MAX - plan->offset ? UINT64_MAX
                                                                     : plan->offset + plan->limit));
}

static void add_plan(struct arena *arena, struct explanation *explanation)
{
    const struct plan *plan = explanation->plan;
    if (plan->wants_columns || explanation->request->columns != NULL) {
        explain_add(arena, explanation, EXPLAIN_ASK,
                    slice_of_string("first a server is asked for the columns of the table"));
    }
    if (!plan->wants_columns) {
        if (plan->steps != STEPS_NONE) {
            explain_add(arena, explanation, EXPLAIN_ASK, slice_of_string(steps_text(plan->steps)));
        }
        if (plan->gather != NULL) {
            add_gathered(arena, explanation);
        }
        if (plan->page != NULL) {
            add_page(arena, explanation);
        }
        if (plan->catalog != NULL) {
            add_catalog(arena, explanation);
        }
        add_targets(arena, explanation);
        add_merge(arena, explanation);
    }
    if (plan->targets != NULL && plan->targets[0].edits == NULL) {
        add_edits(arena, explanation, plan->edits, plan->edit_count);
    }
    if (!plan->wants_columns) {
        add_memory(arena, explanation);
        add_guards(arena, explanation);
    }
    if (plan->why != NULL && *plan->why != 0) {
        explain_add(arena, explanation, EXPLAIN_WHY, slice_of_string(plan->why));
    }
}

void explain_refuse(struct arena *arena, struct explanation *explanation, const struct error *error)
{
    explanation->plan = NULL;
    explanation->first = explanation->last = NULL;
    explanation->error = *error;
    explain_add(
        arena, explanation, EXPLAIN_REFUSED,
        arena_format(arena, "error %u (%s): %s", error->code, error->sqlstate, error->text));
}

struct explanation *explain_statement(struct arena *arena, const struct route_request *request)
{
    struct explanation *explanation = arena_alloc(arena, sizeof *explanation);
    struct route_request *asked = arena_alloc(arena, sizeof *asked);
    struct plan *plan = NULL;
    struct error error;
    *asked = *request;
    asked->ids = NULL;
    asked->wants_why = true;
    *explanation = (struct explanation){.request = asked};
    const char *here = explain_here(request->statement);
    if (here != NULL) {
        explain_add(arena, explanation, EXPLAIN_HERE, slice_of_string(here));
    } else if (plan_make(arena, asked, &plan, &error)) {
        explanation->plan = plan;
        add_plan(arena, explanation);
    } else {
        explain_refuse(arena, explanation, &error);
    }
    return explanation;
}

struct slice plan_explain(struct arena *arena, const struct plan *plan, const struct config *config)
{
    struct route_request request = {.config = config};
    struct explanation explanation = {.request = &request, .plan = plan};
    add_plan(arena, &explanation);
    struct explain_step **link = &explanation.first;
    while (*link != NULL) {
        bool is_shown = (*link)->kind != EXPLAIN_MEMORY && (*link)->kind != EXPLAIN_GUARD;
        if (is_shown) {
            link = &(*link)->next;
        } else {
            *link = (*link)->next;
        }
    }
    return explain_text(arena, &explanation);
}
