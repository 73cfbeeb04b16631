// An explanation as lines and as JSON:
//
//     {"targets": [{"shard": "s1", "access": "replica", "sql": "SELECT ...", "as_it_came": true}],
//      "merge": {"kind": "sort", "keys": [{"column": 1, "hidden": false, "descending": true}],
//      ...}, "memory": ["..."], "guards": ["..."], "why": "..."}
//     {"refused": {"error": 9001, "sqlstate": "0A000", "reason": "..."}}

#include <inttypes.h>

#include "base/json.h"
#include "base/text.h"
#include "router/explain.h"

// ---- lines

static void add_line(struct text *out, const struct explain_step *step)
{
    if (step->kind == EXPLAIN_ASK && step->shard != NULL) {
        text_add_format(out, "ask %s: ", step->shard);
    } else if (step->kind == EXPLAIN_SEND) {
        text_add_format(out, "%s %s: ", step->shard, step->access);
    } else if (step->kind != EXPLAIN_ASK && step->kind != EXPLAIN_PARAMETER) {
        text_add_format(out, "%s: ", explain_kind_name(step->kind));
    }
    text_add_slice(out, step->detail);
    text_add_string(out, "\n");
}

static struct slice take(struct arena *arena, struct text *out)
{
    struct slice copy = arena_copy(arena, text_slice(out));
    text_done(out);
    return copy;
}

struct slice explain_text(struct arena *arena, const struct explanation *explanation)
{
    struct text out;
    text_init(&out);
    for (const struct explain_step *step = explanation->first; step != NULL; step = step->next) {
        add_line(&out, step);
    }
    return take(arena, &out);
}

// ---- JSON

static void add_targets(struct json *json, const struct explanation *explanation)
{
    const struct plan *plan = explanation->plan;
    struct slice came = explanation->request->statement->text;
    json_begin_array(json, "targets");
    for (uint16_t i = 0; i < plan->target_count && !plan->wants_columns; i++) {
        const struct plan_target *target = &plan->targets[i];
        json_begin_object(json, NULL);
        json_text(json, "shard", explanation->request->config->shards[target->shard].name);
        json_text(json, "access", explain_access_name(plan->access));
        json_slice(json, "sql", target->sql.ptr != NULL ? target->sql : came);
        json_bool(json, "as_it_came", target->sql.ptr == NULL && plan->catalog == NULL);
        json_end_object(json);
    }
    json_end_array(json);
}

static void add_keys(struct json *json, const struct plan *plan)
{
    json_begin_array(json, "keys");
    for (uint32_t i = 0; i < plan->key_count; i++) {
        json_begin_object(json, NULL);
        json_number(json, "column", plan->keys[i].column + 1);
        json_bool(json, "hidden", plan->keys[i].is_hidden);
        json_bool(json, "descending", plan->keys[i].is_descending);
        json_end_object(json);
    }
    json_end_array(json);
}

static void add_folds(struct json *json, const struct plan *plan)
{
    json_begin_array(json, "folds");
    for (uint32_t i = 0; i < plan->fold_count; i++) {
        json_begin_object(json, NULL);
        json_number(json, "column", i + 1);
        json_text(json, "fold", explain_fold_name(plan->folds[i].kind));
        json_end_object(json);
    }
    json_end_array(json);
}

static void add_merge(struct json *json, const struct plan *plan)
{
    json_begin_object(json, "merge");
    json_text(json, "kind", explain_merge_name(plan->merge));
    if (plan->key_count > 0) {
        add_keys(json, plan);
    }
    if (plan->fold_count > 0) {
        add_folds(json, plan);
    }
    json_number(json, "hidden_columns", plan->hidden_columns);
    json_number(json, "offset", plan->offset);
    if (plan->limit != UINT64_MAX) {
        json_number(json, "limit", plan->limit);
    }
    json_end_object(json);
}

// The steps of one kind, as an array of sentences; nothing when there is none.
static void add_steps(struct json *json, const char *name, const struct explanation *explanation,
                      enum explain_kind kind)
{
    bool has_any = false;
    for (const struct explain_step *step = explanation->first; step != NULL; step = step->next) {
        if (step->kind == kind) {
            if (!has_any) {
                json_begin_array(json, name);
            }
            has_any = true;
            json_slice(json, NULL, step->detail);
        }
    }
    if (has_any) {
        json_end_array(json);
    }
}

static void add_refusal(struct json *json, const struct error *error)
{
    json_begin_object(json, "refused");
    json_number(json, "error", error->code);
    json_text(json, "sqlstate", error->sqlstate);
    json_text(json, "reason", error->text);
    json_end_object(json);
}

struct slice explain_json(struct arena *arena, const struct explanation *explanation)
{
    struct text out;
    struct json json;
    text_init(&out);
    json_init(&json, &out);
    json_begin_object(&json, NULL);
    json_slice(&json, "statement", explanation->request->statement->text);
    add_steps(&json, "here", explanation, EXPLAIN_HERE);
    add_steps(&json, "ask", explanation, EXPLAIN_ASK);
    add_steps(&json, "gather", explanation, EXPLAIN_GATHER);
    if (explanation->plan != NULL) {
        add_targets(&json, explanation);
        add_steps(&json, "parameters", explanation, EXPLAIN_PARAMETER);
        add_merge(&json, explanation->plan);
    } else if (explanation->error.code != 0) {
        add_refusal(&json, &explanation->error);
    }
    add_steps(&json, "memory", explanation, EXPLAIN_MEMORY);
    add_steps(&json, "guards", explanation, EXPLAIN_GUARD);
    add_steps(&json, "why", explanation, EXPLAIN_WHY);
    json_end_object(&json);
    return take(arena, &out);
}
