// One statement, one plan. Each kind of statement has its planner, in a row of one table. A planner
// lists the tables that the statement names (scope.c), sees where their rows can be (condition.c)
// and ends with one of: one target, all shards with a merge, or a refusal that says why.
//
// With a configuration of one shard there is nothing to decide: everything goes there as it came,
// and only order ids are still made.

#include <stdarg.h>
#include <stdio.h>

#include "router/declaration.h"
#include "router/plan_impl.h"

enum { SENTENCE_MAX = 500, WARNINGS_MAX = 64 };

bool plan_refuse(struct planner *planner, enum error_code code, const char *format, ...)
{
    char sentence[SENTENCE_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(sentence, sizeof sentence, format, args);
    va_end(args);
    error_fill(planner->error, code, sentence);
    return false;
}

void plan_warn(struct planner *planner, enum error_code code, const char *text)
{
    struct plan_warning **last = &planner->plan->warnings;
    for (uint32_t count = 1; *last != NULL; count++) {
        if (count == WARNINGS_MAX) {
            return; // more than a client is shown unless it asks for it
        }
        last = &(*last)->next;
    }
    *last = arena_alloc(planner->arena, sizeof **last);
    **last = (struct plan_warning){.code = (uint16_t)code, .text = text};
}

void plan_because(struct planner *planner, const char *format, ...)
{
    char sentence[SENTENCE_MAX];
    va_list args;
    if (!planner->request->wants_why) {
        return;
    }
    va_start(args, format);
    vsnprintf(sentence, sizeof sentence, format, args);
    va_end(args);
    planner->plan->why = (const char *)arena_format(planner->arena, "%s", sentence).ptr;
}

const char *plan_shard_name(const struct planner *planner, uint16_t shard)
{
    return shard < planner->config->shard_count ? planner->config->shards[shard].name : "?";
}

const char *plan_key_columns(struct planner *planner, const struct table_config *table)
{
    if (table->key == NULL || table->id_column == NULL) {
        return table->key != NULL ? table->key : table->id_column != NULL ? table->id_column : "?";
    }
    return (const char *)arena_format(planner->arena, "%s or %s", table->key, table->id_column).ptr;
}

uint16_t plan_any_shard(const struct planner *planner)
{
    uint16_t last = planner->request->last_shard;
    uint16_t home = plan_sequence_home(planner);
    if (home != NO_SHARD) {
        return home;
    }
    bool is_usable =
        last < planner->config->shard_count && !planner->config->shards[last].is_removed;
    return is_usable ? last : planner->config->default_shard;
}

bool plan_to(struct planner *planner, uint16_t shard)
{
    struct plan *plan = planner->plan;
    plan->targets = arena_alloc(planner->arena, sizeof *plan->targets);
    plan->target_count = 1;
    plan->targets[0].shard = shard;
    plan->merge = MERGE_NONE;
    return true;
}

bool plan_to_all(struct planner *planner, struct shard_set set, enum merge_kind merge)
{
    struct plan *plan = planner->plan;
    uint16_t count = 0;
    set.bits &= sharding_all(planner->config).bits;
    if (shard_set_count(set) <= 1) {
        return plan_to(planner, set.bits == 0 ? plan_any_shard(planner) : shard_set_first(set));
    }
    plan->targets = arena_alloc(planner->arena, shard_set_count(set) * sizeof *plan->targets);
    for (; set.bits != 0; set.bits &= set.bits - 1) {
        plan->targets[count++].shard = shard_set_first(set);
    }
    plan->target_count = count;
    plan->merge = merge;
    return true;
}

const struct param_edit *plan_edits(const struct plan *plan, const struct plan_target *target,
                                    uint32_t *count)
{
    *count = target->edits != NULL ? target->edit_count : plan->edit_count;
    return target->edits != NULL ? target->edits : plan->edits;
}

bool plan_is_too_large(struct planner *planner)
{
    if (!planner->scopes.is_too_large) {
        return false;
    }
    (void)plan_refuse(planner, ER_TOO_LARGE,
                      "The statement joins more than %d tables, or has too many subqueries, for "
                      "waybill to find its shards; split it",
                      SCOPE_REFS_MAX);
    return true;
}

bool plan_may_rewrite(struct planner *planner)
{
    if (!planner->statement->has_executable_comment) {
        return true;
    }
    return plan_refuse(
        planner, ER_NOT_SUPPORTED_YET,
        "changing a statement that has executable comments, as this one needs: write "
        "it without /*! ... */");
}

// Names of a set of shards, the first few of them.
static const char *shard_names(struct planner *planner, struct shard_set set)
{
    const char *names = "";
    set.bits &= sharding_all(planner->config).bits;
    for (unsigned i = 0; set.bits != 0; i++, set.bits &= set.bits - 1) {
        if (i == 4) {
            return (const char *)arena_format(planner->arena, "%s, ...", names).ptr;
        }
        names = (const char *)arena_format(planner->arena, "%s%s%s", names, i > 0 ? ", " : "",
                                           plan_shard_name(planner, shard_set_first(set)))
                    .ptr;
    }
    return names;
}

const char *plan_spread(struct planner *planner, const struct reach *reach)
{
    struct scope_ref *widest = reach->widest;
    struct shard_set set = {0};
    if (widest != NULL) {
        set = scope_root(reach->widest_scope, widest)->set;
    }
    if (widest != NULL && shard_set_count(set) > 1) {
        return (const char *)arena_format(planner->arena,
                                          "nothing limits table %s to one shard (by %s)",
                                          scope_table_name(planner->arena, widest),
                                          plan_key_columns(planner, widest->config))
            .ptr;
    }
    return (const char *)arena_format(planner->arena, "its tables are on different shards (%s)",
                                      shard_names(planner, reach->shards))
        .ptr;
}

bool plan_to_reach(struct planner *planner, enum error_code code, const char *what)
{
    struct reach reach;
    if (plan_is_too_large(planner)) {
        return false;
    }
    scopes_reach(&planner->scopes, &reach);
    if (shard_set_count(reach.shards) > 1) {
        return plan_refuse(planner, code,
                           "%s must stay on one shard, but %s. Add a condition on the shard key, "
                           "or name the shard with /* waybill: shard=NAME */",
                           what, plan_spread(planner, &reach));
    }
    if (reach.shards.bits != 0) {
        return plan_to(planner, shard_set_first(reach.shards));
    }
    return plan_to(planner,
                   reach.has_system ? planner->config->default_shard : plan_any_shard(planner));
}

const char *plan_single_server_part(const struct statement *statement)
{
    static const struct {
        uint32_t facts;
        const char *part;
    } parts[] = {
        {FACT_CALC_FOUND_ROWS, "SQL_CALC_FOUND_ROWS"},
        {FACT_OUTFILE, "INTO OUTFILE"},
        {FACT_READS_USER_VARIABLE | FACT_SETS_USER_VARIABLE, "a user variable"},
        {FACT_LAST_INSERT_ID | FACT_INSERT_ID_SET, "LAST_INSERT_ID()"},
        {FACT_FOUND_ROWS, "FOUND_ROWS()"},
        {FACT_ROW_COUNT, "ROW_COUNT()"},
        {FACT_DIAGNOSTICS, "@@warning_count or @@error_count"},
        {FACT_CONNECTION_ID, "CONNECTION_ID() or the like"},
        {FACT_NAMED_LOCK, "a named lock"},
        {FACT_SLEEPS, "SLEEP() or BENCHMARK()"},
        {FACT_NEEDS_PRIMARY, "a function that only one server can answer"},
    };
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if ((statement->facts & parts[i].facts) != 0) {
            return parts[i].part;
        }
    }
    return NULL;
}

bool plan_may_write_several(const struct route_request *request)
{
    return request->distributed != DISTRIBUTED_REFUSE;
}

const char *plan_why_not_several(const struct route_request *request)
{
    return request->why_not_several != NULL ? request->why_not_several : DISTRIBUTED_IS_OFF;
}

bool plan_reference_write(struct planner *planner, const char *what)
{
    const char *part = plan_single_server_part(planner->statement);
    if (part == NULL && (planner->statement->facts & FACT_NOT_DETERMINISTIC) != 0) {
        part = "a function like NOW(), RAND() or UUID()";
    }
    if (part != NULL) {
        return plan_refuse(planner, ER_CROSS_SHARD_WRITE,
                           "%s writes a reference table, which has a copy on every shard, and %s "
                           "would differ between the copies: put the value itself in",
                           what, part);
    }
    if (!plan_may_write_several(planner->request)) {
        return plan_refuse(planner, ER_CROSS_SHARD_WRITE,
                           "%s writes a reference table, so every shard, %s", what,
                           plan_why_not_several(planner->request));
    }
    planner->plan->is_write_to_many = true;
    plan_because(planner, "a reference table: every shard");
    return plan_to_all(planner, sharding_all(planner->config), MERGE_FIRST);
}

// ---- which planner

typedef bool (*plan_function)(struct planner *planner);

// clang-format off
static const plan_function planners[] = {
    [STATEMENT_EMPTY]       = plan_anywhere,
    [STATEMENT_SELECT]      = plan_select,
    [STATEMENT_INSERT]      = plan_insert,
    [STATEMENT_REPLACE]     = plan_insert,
    [STATEMENT_UPDATE]      = plan_change,
    [STATEMENT_DELETE]      = plan_change,
    [STATEMENT_CALL]        = plan_call,
    [STATEMENT_DO]          = plan_anywhere,
    [STATEMENT_DDL]         = plan_ddl,
    [STATEMENT_SET]         = plan_anywhere,
    [STATEMENT_USE]         = plan_anywhere,
    [STATEMENT_BEGIN]       = plan_anywhere,
    [STATEMENT_COMMIT]      = plan_anywhere,
    [STATEMENT_ROLLBACK]    = plan_anywhere,
    [STATEMENT_SAVEPOINT]   = plan_anywhere,
    [STATEMENT_ROLLBACK_TO] = plan_anywhere,
    [STATEMENT_RELEASE]     = plan_anywhere,
    [STATEMENT_LOCK]        = plan_lock,
    [STATEMENT_UNLOCK]      = plan_anywhere,
    [STATEMENT_SHOW]        = plan_show,
    [STATEMENT_EXPLAIN]     = plan_explained,
    [STATEMENT_PREPARE]     = plan_prepared_text,
    [STATEMENT_XA]          = plan_xa,
    [STATEMENT_KILL]        = plan_anywhere,
    [STATEMENT_LOAD]        = plan_load,
    [STATEMENT_ADMIN]       = plan_admin,
    [STATEMENT_HANDLER]     = plan_handler,
    [STATEMENT_DIAGNOSTICS] = plan_anywhere,
    [STATEMENT_UNKNOWN]     = plan_unknown,
};
// clang-format on

// Whatever stands in the way of making ids is the server's business here.
static bool plan_on_only_shard(struct planner *planner, uint16_t shard)
{
    bool is_insert = planner->statement->kind == STATEMENT_INSERT ||
                     planner->statement->kind == STATEMENT_REPLACE;
    enum plan_access access = planner->plan->access;
    planner->is_lenient = true;
    if (is_insert && plan_insert(planner)) {
        return true;
    }
    *planner->error = (struct error){.code = 0};
    *planner->plan = (struct plan){.access = access, .limit = UINT64_MAX};
    plan_because(planner, "there is one shard");
    return plan_to(planner, shard);
}

// A prepared statement without its values: somewhere where all its tables are known.
static bool plan_for_prepare(struct planner *planner)
{
    const struct statement *statement = planner->statement;
    struct scopes *scopes = &planner->scopes;
    uint16_t shard =
        planner->hint_shard != NO_SHARD ? planner->hint_shard : plan_any_shard(planner);
    if (statement->query != NULL) {
        scopes_add_query(scopes, statement->query, NULL, true);
    }
    (void)scopes_add_tables(scopes, statement->tables, NULL);
    scopes_add_rest(scopes, statement);
    for (const struct scope *scope = scopes->first; scope != NULL; scope = scope->next) {
        for (uint16_t i = 0; i < scope->ref_count; i++) {
            if (scope->refs[i].place == PLACE_HOME) {
                shard = scope->refs[i].home;
            }
        }
    }
    plan_because(planner, "prepared there; the values decide where it runs");
    return plan_to(planner, shard);
}

// The hint's shard, as it came, for what needs no look at its rows.
static bool plan_to_hint(struct planner *planner)
{
    plan_because(planner, "the hint names %s", plan_shard_name(planner, planner->hint_shard));
    return plan_to(planner, planner->hint_shard);
}

// Not where the rows must belong there, ids are made, or the key must stay as it is.
static bool is_hint_enough(enum statement_kind kind)
{
    return kind != STATEMENT_INSERT && kind != STATEMENT_REPLACE && kind != STATEMENT_UPDATE &&
           kind != STATEMENT_DELETE && kind != STATEMENT_LOAD && kind != STATEMENT_XA;
}

static bool plan_kind(struct planner *planner)
{
    const struct route_request *request = planner->request;
    bool is_unknown = planner->statement->kind == STATEMENT_UNKNOWN;
    if (request->is_prepared && request->params == NULL && planner->statement->param_count > 0 &&
        !is_unknown) {
        return plan_for_prepare(planner);
    }
    if (!plan_keeps_indexes(planner)) {
        return false;
    }
    if (planner->hint_shard != NO_SHARD && is_hint_enough(planner->statement->kind)) {
        return plan_to_hint(planner);
    }
    return planners[planner->statement->kind](planner);
}

// once='...': nothing but what one shard can do and undo, and whose answer can be told again.
static bool plan_once(struct planner *planner)
{
    struct plan *plan = planner->plan;
    const struct statement *statement = planner->statement;
    enum statement_kind kind = statement->kind;
    bool is_insert = kind == STATEMENT_INSERT || kind == STATEMENT_REPLACE;
    bool is_change = kind == STATEMENT_UPDATE || kind == STATEMENT_DELETE;
    if (planner->request->is_step || plan->wants_columns) {
        return true;
    }
    if ((!is_insert && !is_change) || planner->request->is_prepared) {
        return plan_refuse(planner, ER_NOT_SUPPORTED_YET,
                           "the hint once='...' with anything but INSERT, REPLACE, UPDATE and "
                           "DELETE that are sent as text");
    }
    if ((is_insert && statement->insert->has_returning) ||
        (is_change && statement->change->has_returning)) {
        return plan_refuse(planner, ER_NOT_SUPPORTED_YET,
                           "the hint once='...' with RETURNING, whose rows are not kept");
    }
    if (plan->target_count != 1 || plan->steps != STEPS_NONE) {
        return plan_refuse(planner, ER_CROSS_SHARD_WRITE,
                           "A statement with the hint once='...' must be for one shard, and not "
                           "be run in steps (EXPLAIN ROUTE)");
    }
    plan->once = planner->once;
    plan->steps = STEPS_ONCE;
    return true;
}

// Why one shard is enough, where no condition on a key says it.
static void explain_one(struct planner *planner)
{
    const struct plan *plan = planner->plan;
    struct reach reach;
    if (!planner->request->wants_why || plan->why != NULL || plan->target_count != 1 ||
        plan->wants_columns || plan->gather != NULL || planner->scopes.is_too_large) {
        return;
    }
    scopes_reach(&planner->scopes, &reach);
    const char *shard = plan_shard_name(planner, plan->targets[0].shard);
    if (plan_sequence_home(planner) != NO_SHARD) {
        plan_because(planner, "the sequence lives on %s", shard);
    } else if (reach.has_sharded || reach.has_system) {
        return;
    } else if (reach.has_home) {
        plan_because(planner, "its tables that are not sharded live on %s", shard);
    } else if (reach.has_reference) {
        plan_because(planner, "reference tables are whole on every shard");
    } else if (planner->statement->kind == STATEMENT_SELECT ||
               planner->statement->kind == STATEMENT_DO) {
        plan_because(planner, "no table: any shard can answer");
    }
}

static bool plan_all(struct planner *planner)
{
    const struct route_request *request = planner->request;
    uint16_t only = config_only_shard(request->config);
    if (only != NO_SHARD) {
        return plan_on_only_shard(planner, only);
    }
    if (request->statement->kind == STATEMENT_ADMIN && planner->hint_shard == NO_SHARD &&
        slice_is_nocase(request->statement->name, "PASSWORD")) {
        return plan_refuse(planner, ER_NOT_SUPPORTED_YET,
                           "SET PASSWORD, which would change the account on one shard only: say "
                           "which by /* waybill: shard=NAME */, shard by shard");
    }
    if (request->is_behind && statement_has_unknown(planner->arena, request)) {
        return plan_refuse(planner, ER_TABLES_UNKNOWN,
                           "The statement names a table that the configuration does not have, and "
                           "whether it was declared through another waybill is not known now: "
                           "the default shard's primary has not been reached for some seconds; "
                           "try again");
    }
    scopes_init(&planner->scopes, planner->arena, request, request->statement);
    if (!plan_sequences(planner) || !plan_kind(planner) || !plan_check_sequences(planner) ||
        (planner->plan->steps == STEPS_NONE && !plan_check_system(planner))) {
        return false;
    }
    if (planner->plan->why == NULL) {
        planner->plan->why = planner->scopes.why;
    }
    explain_one(planner);
    return true;
}

// Could a global index say that fewer shards are enough, where several are not or cost more?
static bool wants_look_up(struct planner *planner, bool is_planned)
{
    const struct index_wishes *wishes = &planner->scopes.wishes;
    struct plan *plan = planner->plan;
    bool is_spread = !is_planned || plan->target_count > 1 || plan->gather != NULL;
    if (!planner->request->may_look_up || wishes->count == 0 || !is_spread ||
        (is_planned && plan->wants_columns)) {
        return false;
    }
    *planner->error = (struct error){.code = 0};
    *plan = (struct plan){.access = plan->access, .why = plan->why};
    plan->index_wishes = arena_alloc(planner->arena, sizeof *plan->index_wishes);
    *plan->index_wishes = *wishes;
    return true;
}

bool plan_make(struct arena *arena, const struct route_request *request, struct plan **plan,
               struct error *error)
{
    struct planner planner = {
        .arena = arena,
        .request = request,
        .config = request->config,
        .statement = request->statement,
        .error = error,
        .hint_shard = NO_SHARD,
    };
    *error = (struct error){.code = 0};
    *plan = planner.plan = arena_alloc(arena, sizeof **plan);
    planner.plan->limit = UINT64_MAX;
    if (request->statement->hint.len > 0 && !plan_hint(&planner)) {
        return false;
    }
    planner.plan->access = plan_access_of(&planner);
    bool is_planned = plan_all(&planner) && (planner.once.len == 0 || plan_once(&planner));
    return wants_look_up(&planner, is_planned) || is_planned;
}
