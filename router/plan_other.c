// The statements that are neither rows nor DDL: SHOW, EXPLAIN, CALL, LOCK, administration.
// Most go to one shard; what names tables goes where they are.

#include <stdlib.h>

#include "cluster/decision.h"
#include "router/plan_impl.h"

// Everything that the statement names, as one list without a condition.
static void add_everything(struct planner *planner)
{
    if (planner->statement->tables != NULL) {
        (void)scopes_add_tables(&planner->scopes, planner->statement->tables, NULL);
    }
    if (planner->statement->query != NULL) {
        scopes_add_query(&planner->scopes, planner->statement->query, NULL, false);
    }
    scopes_add_rest(&planner->scopes, planner->statement);
}

bool plan_anywhere(struct planner *planner)
{
    add_everything(planner);
    return plan_to_reach(planner, ER_CROSS_SHARD, "This statement");
}

bool plan_handler(struct planner *planner)
{
    add_everything(planner);
    return plan_to_reach(planner, ER_CROSS_SHARD, "HANDLER");
}

// Branches of waybill's own are finished by their decision, and nobody's word.
static bool is_own_format(struct slice format)
{
    char number[32] = "";
    if (format.len >= sizeof number) {
        return true; // no such number is needed
    }
    if (format.len > 0) {
        memcpy(number, format.ptr, format.len);
    }
    return strtod(number, NULL) == DECISION_FORMAT_ID; // as servers read it: 0x5742, 22338.0 too
}

// In front of several shards; the only one runs it. A session stays where its first XA was.
bool plan_xa(struct planner *planner)
{
    const struct route_request *request = planner->request;
    if (is_own_format(planner->statement->xa_format)) {
        return plan_refuse(
            planner, ER_NOT_SUPPORTED_YET,
            "XA statements with the format id 22338, by which waybill knows its own");
    }
    if (planner->hint_shard != NO_SHARD) {
        plan_because(planner, "the hint names it");
        return plan_to(planner, planner->hint_shard);
    }
    if (request->is_pinned && request->last_shard != NO_SHARD) {
        plan_because(planner, "the session is bound to it");
        return plan_to(planner, request->last_shard);
    }
    return plan_refuse(planner, ER_CROSS_SHARD,
                       "XA must stay on one shard, and nothing tells on which: say it with the "
                       "first one, /* waybill: shard=NAME */ XA ...");
}

// What a procedure does nobody knows here, and on one shard it would see that shard's rows only: so
// somebody who knows has to say where it runs.
bool plan_call(struct planner *planner)
{
    struct reach reach;
    add_everything(planner);
    if (plan_is_too_large(planner)) {
        return false;
    }
    scopes_reach(&planner->scopes, &reach);
    if (reach.shards.bits != 0) {
        return plan_to_reach(planner, ER_CROSS_SHARD, "CALL");
    }
    return plan_refuse(planner, ER_CROSS_SHARD,
                       "waybill can't see which tables a procedure uses: say where it runs by "
                       "/* waybill: shard=NAME */ CALL ...");
}

// The rows of one table on several shards have one checksum: the sum of those of the shards, as a
// server adds up those of the rows.
static bool plan_checksum(struct planner *planner, struct shard_set set)
{
    struct plan *plan = planner->plan;
    if (planner->statement->tables->next != NULL) {
        return plan_refuse(planner, ER_CROSS_SHARD,
                           "CHECKSUM TABLE adds up what the shards answer for one table: name them "
                           "in statements of their own");
    }
    plan->folds = arena_alloc(planner->arena, 2 * sizeof *plan->folds);
    plan->folds[0] = (struct plan_fold){.kind = FOLD_FIRST, .collation = NO_HIDDEN};
    plan->folds[1] = (struct plan_fold){.kind = FOLD_CHECKSUM, .collation = NO_HIDDEN};
    plan->fold_count = 2;
    plan_because(planner, "every shard has a part of the table");
    return plan_to_all(planner, set, MERGE_GROUP);
}

// ANALYZE TABLE and the like on every shard that has the table: what all of them say is shown once.
// Copies of a reference table should have the same checksum: each one that differs is shown.
static bool plan_maintenance(struct planner *planner, struct shard_set set, bool has_parts)
{
    bool is_checksum = slice_is_nocase(planner->statement->name, "CHECKSUM");
    if (shard_set_count(set) > 1 && is_checksum && has_parts) {
        return plan_checksum(planner, set);
    }
    plan_because(planner, "every shard that has the table");
    return plan_to_all(planner, set, MERGE_UNION);
}

// Accounts, FLUSH and the rest belong to a server: done on one shard alone they would leave the
// shards different.
bool plan_admin(struct planner *planner)
{
    const struct table_ref *table = planner->statement->tables;
    struct shard_set set = {0};
    bool has_parts = false;
    for (; table != NULL; table = table->next) {
        struct scope_ref ref;
        struct shard_set one = {0};
        scope_place(planner->request, table, &ref);
        has_parts |= ref.place == PLACE_SHARDED;
        if (ref.place == PLACE_SHARDED || ref.place == PLACE_REFERENCE) {
            one = sharding_all(planner->config);
        } else if (ref.place == PLACE_HOME) {
            one = shard_set_of(ref.home);
        }
        if (set.bits != 0 && one.bits != 0 && set.bits != one.bits) {
            return plan_refuse(planner, ER_CROSS_SHARD,
                               "The tables of this statement are not on the same shards: name them "
                               "in statements of their own");
        }
        set.bits |= one.bits;
    }
    if (set.bits != 0) {
        return plan_maintenance(planner, set, has_parts);
    }
    bool is_flush = slice_is_nocase(planner->statement->name, "FLUSH");
    return plan_refuse(
        planner, ER_CROSS_SHARD,
        "Accounts and administration belong to each server: do it on the servers, or "
        "shard by shard with /* waybill: shard=NAME */%s",
        is_flush ? " (a dump: --lock-tables or --single-transaction, not --lock-all-tables)" : "");
}

// The first shard that has the table.
static uint16_t table_shard(struct planner *planner, const struct table_ref *table)
{
    struct scope_ref ref;
    scope_place(planner->request, table, &ref);
    if (ref.place == PLACE_HOME) {
        return ref.home;
    }
    if (ref.place == PLACE_SHARDED && ref.set.bits != 0) {
        return shard_set_first(ref.set);
    }
    return planner->config->default_shard;
}

static bool is_about_the_session(struct slice name)
{
    static const char *const words[] = {"VARIABLES",   "STATUS",   "SESSION", "LOCAL",    "GLOBAL",
                                        "PROCESSLIST", "PROFILES", "PROFILE", "WARNINGS", "ERRORS"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        size_t len = strlen(words[i]);
        if (name.len >= len && slice_is_nocase(slice_part(name, 0, len), words[i])) {
            return true;
        }
    }
    return false;
}

// SHOW DATABASES without a condition leaves waybill's own schema out.
static void hide_own_schema(struct planner *planner)
{
    const struct statement *statement = planner->statement;
    bool is_of_schemas = !slice_is_nocase(statement->name, "TABLES");
    if (!is_of_schemas || statement->show_rest.begin < statement->show_rest.end ||
        statement->has_executable_comment) {
        return;
    }
    struct slice sql =
        arena_format(planner->arena, "%.*s\nWHERE `Database` <> 'waybill'",
                     (int)statement->show_rest.end, (const char *)statement->text.ptr);
    for (uint16_t i = 0; i < planner->plan->target_count; i++) {
        planner->plan->targets[i].sql = sql;
    }
}

// Tables that are not sharded are on their home shards only, so each shard has other names. The
// servers give them sorted by the first column.
static bool show_names(struct planner *planner)
{
    const char *part = plan_single_server_part(planner->statement);
    if (part != NULL) {
        return plan_refuse(
            planner, ER_CROSS_SHARD,
            "SHOW asks every shard for its names, and only one server can answer %s: "
            "put the value itself in",
            part);
    }
    struct merge_key *key = arena_alloc(planner->arena, sizeof *key);
    planner->plan->keys = key; // the first column
    planner->plan->key_count = 1;
    plan_because(planner, "the names that any shard has");
    bool is_done = plan_to_all(planner, sharding_all(planner->config), MERGE_UNION);
    hide_own_schema(planner);
    return is_done;
}

// SHOW VARIABLES is about the session's own server; SHOW TABLES about all of them.
bool plan_show(struct planner *planner)
{
    struct slice name = planner->statement->name;
    if ((planner->statement->facts & FACT_SUBQUERY) != 0) {
        return plan_refuse(planner, ER_CROSS_SHARD,
                           "SHOW with a subquery would see one shard's rows only: ask for the rows "
                           "by themselves, or name the shard with /* waybill: shard=NAME */");
    }
    if (planner->statement->tables != NULL) {
        return plan_to(planner, table_shard(planner, planner->statement->tables));
    }
    if (is_about_the_session(name)) {
        return plan_to(planner, plan_any_shard(planner));
    }
    if (slice_is_nocase(name, "TABLES") || slice_is_nocase(name, "DATABASES") ||
        slice_is_nocase(name, "SCHEMAS")) {
        return show_names(planner);
    }
    if (planner->statement->shown_trigger != NULL) {
        return plan_show_trigger(planner);
    }
    bool is_status = slice_is_nocase(name, "TABLE STATUS");
    if (is_status || slice_is_nocase(name, "TRIGGERS")) {
        return plan_show_catalog(planner, is_status);
    }
    if (slice_is_nocase(name, "OPEN TABLES")) {
        return plan_refuse(planner, ER_CROSS_SHARD,
                           "SHOW OPEN TABLES would show those of one shard only: name it with "
                           "/* waybill: shard=NAME */");
    }
    return plan_to(planner, planner->config->default_shard);
}

// Each shard explains its own part of a SELECT.
static bool explain_parts(struct planner *planner, const struct plan *inner)
{
    struct plan *plan = planner->plan;
    plan->targets = inner->targets; // the whole text, EXPLAIN and all
    plan->target_count = inner->target_count;
    plan->merge = MERGE_ROWS;
    plan->is_in_row_order = plan->tells_shard = true;
    plan->warnings = inner->warnings;
    plan->why = inner->why;
    return true;
}

bool plan_explained(struct planner *planner)
{
    struct route_request request = *planner->request;
    struct plan *inner = NULL;
    request.statement = planner->statement->inner;
    if (planner->statement->routed.end > 0) { // the session answers it, where it can
        return plan_refuse(planner, ER_NOT_SUPPORTED_YET,
                           "EXPLAIN ROUTE as a prepared statement: send it as text");
    }
    if (request.statement == NULL) {
        return plan_show(planner);
    }
    request.ids = NULL; // nothing is written, so no ids are used up
    request.distributed = DISTRIBUTED_BEST_EFFORT;
    if (!plan_make(planner->arena, &request, &inner, planner->error)) {
        return false;
    }
    if (inner->target_count > 1 && request.statement->kind == STATEMENT_SELECT &&
        !request.is_prepared) {
        return explain_parts(planner, inner);
    }
    if (inner->target_count > 1) {
        return plan_refuse(
            planner, ER_CROSS_SHARD,
            "EXPLAIN of a write for %u shards (or a prepared one) would show the plan of one: name "
            "it with /* waybill: shard=NAME */, or use EXPLAIN ROUTE to see "
            "where the statement goes",
            inner->target_count);
    }
    if (inner->steps != STEPS_NONE) {
        return plan_refuse(
            planner, ER_CROSS_SHARD,
            "EXPLAIN of a statement that waybill runs as several ones: EXPLAIN ROUTE "
            "on the admin port shows how");
    }
    planner->plan->why = inner->why;
    return plan_to(planner, inner->targets[0].shard);
}

// PREPARE and EXECUTE as text: the session has the text that they are about, and asks for its plan
// by itself. Who asks here has only the name (EXPLAIN ROUTE).
bool plan_prepared_text(struct planner *planner)
{
    return plan_refuse(planner, ER_CROSS_SHARD,
                       "PREPARE and EXECUTE as SQL text go where the statement in them goes: ask "
                       "about that one");
}

bool plan_unknown(struct planner *planner)
{
    struct slice problem = planner->statement->problem;
    if (planner->config->table_count == 0) {
        return plan_to(planner, planner->config->default_shard);
    }
    struct slice text =
        arena_format(planner->arena, "%.*s", (int)problem.len, (const char *)problem.ptr);
    error_fill(planner->error, ER_PARSE, (const char *)text.ptr);
    return false;
}
