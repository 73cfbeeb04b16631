// Any bytes as a statement, planned for several requests: a plan or an error, and nothing else. A
// rewritten statement must be readable if the one that came was.

#include <assert.h>
#include <stdlib.h>

#include "router/plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static const char configuration[] =
    "[server a]\naddress = 127.0.0.1:3301\n[server b]\naddress = 127.0.0.1:3302\n"
    "[shard s1]\nservers = a\nbuckets = 0-2047\n[shard s2]\nservers = b\nbuckets = 2048-4095\n"
    "[user u]\npassword = x\n"
    "[table d.o]\nkey = k\nid = i\n[table d.t]\nwith = d.o\nid = i\n[table d.s]\nkey = k\n"
    "key_type = string\n[table d.r]\ntype = reference\n[table d.u]\ntype = unsharded\nshard = s2\n"
    "[table d.n]\nmethod = range\nkey = k\nranges = ..9:s1, 10..:s2\n"
    "[table d.l]\nmethod = date\nkey = k\nranges = 2024-01..:s1\n";

static struct config *read_config(void)
{
    struct text errors;
    text_init(&errors);
    struct config *config =
        config_read_text(slice_of_string(configuration), "fuzz.ini", NULL, &errors);
    text_done(&errors);
    assert(config != NULL);
    return config;
}

static void check_plan(struct arena *arena, const struct route_request *request,
                       const struct parse_options *options, const struct plan *plan)
{
    assert(plan->target_count >= 1);
    (void)plan_explain(arena, plan, request->config);
    for (uint16_t i = 0; i < plan->target_count; i++) {
        struct statement *again = NULL;
        assert(plan->targets[i].shard < request->config->shard_count);
        assert(i == 0 || plan->targets[i].shard > plan->targets[i - 1].shard);
        if (plan->targets[i].sql.ptr == NULL) {
            continue;
        }
        assert(parse_statement(arena, plan->targets[i].sql, options, &again) == PARSE_OK);
        assert(again->kind == request->statement->kind);
    }
    for (uint32_t i = 1; i < plan->edit_count; i++) {
        assert(plan->edits[i - 1].index <= plan->edits[i].index);
    }
}

static void plan_one(struct arena *arena, struct route_request *request,
                     const struct parse_options *options)
{
    static const uint8_t number[8] = {10};
    struct plan *plan = NULL;
    struct error error;
    struct binary_value *params = NULL;
    for (unsigned turn = 0; turn < 4; turn++) {
        request->distributed = turn % 2 == 0 ? DISTRIBUTED_REFUSE : DISTRIBUTED_BEST_EFFORT;
        request->wants_why = turn % 2 == 1;
        request->is_prepared = turn >= 2;
        if (request->is_prepared && request->statement->param_count < 1000) {
            params = arena_alloc(arena, request->statement->param_count * sizeof *params);
            for (uint32_t i = 0; i < request->statement->param_count; i++) {
                params[i] = (struct binary_value){
                    .type = TYPE_LONGLONG, .is_null = i % 5 == 4, .bytes = slice_of(number, 8)};
            }
        }
        request->params = params;
        if (plan_make(arena, request, &plan, &error)) {
            check_plan(arena, request, options, plan);
        } else {
            assert(error.code != 0 && error.text[0] != 0);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static struct config *config;
    static uint16_t sequence[BUCKET_COUNT];
    struct id_grant grants[SHARDS_MAX] = {{.upto_ms = ORDER_ID_END_MS}};
    struct order_id_source ids = {.worker_count = 1, .sequence = sequence, .grants = grants};
    struct parse_options options = {.is_mariadb = true, .server_version = 101119};
    struct statement *statement = NULL;
    struct arena arena;
    if (config == NULL) {
        config = read_config();
    }
    arena_init(&arena, NULL);
    if (parse_statement(&arena, slice_of(bytes, len), &options, &statement) == PARSE_OK) {
        struct route_request request = {
            .statement = statement,
            .config = config,
            .database = slice_of_string("d"),
            .last_shard = NO_SHARD,
            .ids = &ids,
            .now_ms = ORDER_ID_EPOCH_MS + 1000000000ull,
        };
        plan_one(&arena, &request, &options);
    }
    arena_clear(&arena);
    return 0;
}
