// Many sets of values in one packet. Each is planned as an execution by itself, and goes with the
// others of its shard, in their order:
//
//     INSERT ... VALUES (?, ?)   (5, a) (6, b) (7, c)  ->  s1: (5, a) (7, c)   s2: (6, b)
//
// On one server an INSERT with all its sets is one statement (all or nothing); so on several shards
// it is what an INSERT of rows of several shards is: refused, but for users who may. What must be
// rewritten (made ids) is rewritten in every set: that works as long as it leaves the text the same
// for all of them.

#include "session/bulk.h"

#include <stdio.h>

#include "protocol/bulk.h"
#include "protocol/error_table.h"
#include "session/command.h"
#include "session/prepared.h"
#include "session/query.h"

enum { SETS_MAX = 65536, UNSIGNED_BIT = 0x80 };

#define COMMAND "mysqld_stmt_bulk_execute"

struct bulk_set {
    uint32_t begin, end; // in bulk.rows
    uint16_t shard;
    bool is_edited;
    uint64_t value; // of the edit
};

struct planning {
    struct session *session;
    struct request *request;
    const struct route_request *route;
    struct bulk bulk;
    uint32_t param_count;
    struct binary_value *params; // of the present set
    struct bulk_set *sets;
    uint32_t count;     // of sets
    uint32_t set_count; // ... that are planned
    bool has_edit;      // the sets have one more value, or another one
    enum param_edit_kind edit_kind;
    uint32_t edit_index;
    bool has_unedited; // beside edited ones
    struct error *error;
};

// ---- sets

static bool refuse(struct planning *planning, enum error_code code, const char *why)
{
    error_fill(planning->error, code, why);
    return false;
}

static bool is_in_one_step(struct planning *planning, const struct plan *plan)
{
    return plan->steps == STEPS_NONE || refuse(planning, ER_NOT_SUPPORTED_YET,
                                               "COM_STMT_BULK_EXECUTE of a statement that it runs "
                                               "as several ones: execute it set by set");
}

// Does it matter what the values are? Not for tables that are wholly on their shards.
static bool depends_on_values(const struct planning *planning)
{
    const struct route_request *route = planning->route;
    const struct statement *statement = route->statement;
    const struct table_ref *ref = statement->tables;
    if (ref == NULL || ref->next != NULL || statement->subquery_count > 0) {
        return true;
    }
    struct slice schema = ref->schema.len > 0 ? ref->schema : route->database;
    const struct table_config *table = config_find_table(route->config, schema, ref->name);
    return table != NULL && (table->type == TABLE_SHARDED || table->row_ids != NULL);
}

// Takes over what the plan of one set says. The plan itself lives in another arena.
static bool note_set(struct planning *planning, const struct plan *plan, struct bulk_set *set)
{
    struct plan *all = planning->request->plan;
    const struct plan_target *target = &plan->targets[0];
    if (plan->wants_columns) { // where any set goes is not known before
        all->wants_columns = true;
        all->targets[0].shard = target->shard;
        return true;
    }
    if (plan->row_id_wish.ids != NULL) {
        uint64_t given = all->row_id_wish.given;
        all->row_id_wish = plan->row_id_wish;
        all->row_id_wish.count = planning->count;
        all->row_id_wish.given = given > plan->row_id_wish.given ? given : plan->row_id_wish.given;
        return true;
    }
    if (plan->target_count > 1 || plan->edit_count > 1) {
        return refuse(planning, ER_CROSS_SHARD_WRITE,
                      "One of the sets of values concerns several shards, or several made ids: "
                      "execute it by itself");
    }
    if (planning->set_count == 0) {
        all->targets[0].sql = target->sql.ptr != NULL
                                  ? arena_copy(&planning->session->arena, target->sql)
                                  : target->sql;
        all->access = plan->access;
    } else if (!slice_equal(all->targets[0].sql, target->sql)) {
        return refuse(planning, ER_NOT_SUPPORTED_YET,
                      "sets of values that need different texts in one COM_STMT_BULK_EXECUTE");
    }
    set->shard = target->shard;
    set->is_edited = plan->edit_count > 0;
    planning->has_unedited |= !set->is_edited;
    if (set->is_edited) {
        set->value = plan->edits[0].value;
        planning->has_edit = true;
        planning->edit_kind = plan->edits[0].kind;
        planning->edit_index = plan->edits[0].index;
    }
    if (plan->has_made_ids && !all->has_made_ids) {
        all->has_made_ids = true;
        all->first_made_id = plan->first_made_id;
    }
    return true;
}

static bool plan_set(struct planning *planning, struct reader *reader)
{
    struct bulk_set *set = &planning->sets[planning->set_count];
    struct arena arena;
    struct route_request route = *planning->route;
    struct plan *plan = NULL;
    set->begin = (uint32_t)(reader->at - planning->bulk.rows.ptr);
    if (!bulk_read_row(reader, planning->bulk.types, planning->param_count, planning->params)) {
        return refuse(planning, ER_WRONG_ARGUMENTS, COMMAND);
    }
    set->end = (uint32_t)(reader->at - planning->bulk.rows.ptr);
    route.params = planning->params;
    arena_init(&arena, planning->session->sessions->host.arena_blocks);
    bool is_planned = plan_make(&arena, &route, &plan, planning->error) &&
                      is_in_one_step(planning, plan) && note_set(planning, plan, set);
    arena_clear(&arena);
    planning->set_count++;
    return is_planned;
}

static uint32_t count_sets(const struct planning *planning)
{
    struct reader reader = reader_of(planning->bulk.rows);
    uint32_t count = 0;
    while (reader_left(&reader) > 0 && count <= SETS_MAX &&
           bulk_read_row(&reader, planning->bulk.types, planning->param_count, planning->params)) {
        count++;
    }
    return reader.is_bad ? 0 : count;
}

static bool plan_sets(struct planning *planning)
{
    uint32_t count = count_sets(planning);
    struct reader reader = reader_of(planning->bulk.rows);
    if (count == 0) {
        return refuse(planning, ER_WRONG_ARGUMENTS, COMMAND);
    }
    if (count > SETS_MAX) {
        char text[120];
        snprintf(text, sizeof text, "more than %d sets of values for a sharded table: send fewer",
                 SETS_MAX);
        return refuse(planning, ER_TOO_LARGE, text);
    }
    planning->count = count;
    planning->sets = arena_alloc(&planning->session->arena, count * sizeof *planning->sets);
    while (planning->set_count < count && !planning->request->plan->wants_columns) {
        if (!plan_set(planning, &reader)) {
            return false;
        }
    }
    bool is_replaced = planning->has_edit && planning->edit_kind == EDIT_REPLACE;
    if (is_replaced && planning->has_unedited &&
        planning->bulk.types[2 * planning->edit_index] != TYPE_LONGLONG) {
        return refuse(planning, ER_NOT_SUPPORTED_YET,
                      "sets of values with and without an id, the ids not as BIGINT");
    }
    return true;
}

// ---- what the shards get

static void write_types(const struct planning *planning, struct text *out)
{
    const uint8_t *types = planning->bulk.types;
    static const uint8_t made[2] = {TYPE_LONGLONG, 0};
    bool is_inserted = planning->edit_kind == EDIT_INSERT;
    size_t at = (size_t)planning->edit_index * 2;
    if (!planning->has_edit) {
        bulk_write_head(out, types, planning->param_count);
        return;
    }
    struct text changed;
    text_init(&changed);
    text_add(&changed, types, at);
    text_add(&changed, made, sizeof made);
    at += is_inserted ? 0 : 2;
    text_add(&changed, types + at, (size_t)planning->param_count * 2 - at);
    bulk_write_head(out, changed.ptr, (uint32_t)(changed.len / 2));
    text_done(&changed);
}

static void write_edited(struct planning *planning, const struct bulk_set *set, struct text *out)
{
    struct reader reader = reader_of(slice_part(planning->bulk.rows, set->begin, set->end));
    bool is_read =
        bulk_read_row(&reader, planning->bulk.types, planning->param_count, planning->params);
    uint8_t bytes[8];
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(set->value >> (8 * i));
    }
    struct binary_value made = {.type = TYPE_LONGLONG, .bytes = slice_of(bytes, sizeof bytes)};
    for (uint32_t i = 0; is_read && i <= planning->param_count; i++) {
        bool is_here = i == planning->edit_index;
        if (is_here) {
            bulk_write_value(out, &made);
        }
        if (i < planning->param_count && !(is_here && planning->edit_kind == EDIT_REPLACE)) {
            bulk_write_value(out, &planning->params[i]);
        }
    }
}

static struct slice payload_of(struct planning *planning, uint16_t shard)
{
    struct text out;
    text_init(&out);
    write_types(planning, &out);
    for (uint32_t i = 0; i < planning->set_count; i++) {
        const struct bulk_set *set = &planning->sets[i];
        if (set->shard != shard) {
            continue;
        }
        if (set->is_edited) {
            write_edited(planning, set, &out);
        } else {
            text_add_slice(&out, slice_part(planning->bulk.rows, set->begin, set->end));
        }
    }
    struct slice payload = arena_copy(&planning->session->arena, text_slice(&out));
    text_done(&out);
    return payload;
}

// All sets to all targets of the plan.
static bool send_whole(struct planning *planning)
{
    struct request *request = planning->request;
    struct arena *arena = &planning->session->arena;
    struct route_request route = *planning->route;
    struct reader reader = reader_of(planning->bulk.rows);
    struct text out;
    if (!bulk_read_row(&reader, planning->bulk.types, planning->param_count, planning->params)) {
        return refuse(planning, ER_WRONG_ARGUMENTS, COMMAND);
    }
    route.params = planning->params;
    if (!plan_make(arena, &route, &request->plan, planning->error) ||
        !is_in_one_step(planning, request->plan)) {
        return false;
    }
    text_init(&out);
    bulk_write_head(&out, planning->bulk.types, planning->param_count);
    text_add_slice(&out, planning->bulk.rows);
    struct slice payload = arena_copy(arena, text_slice(&out));
    text_done(&out);
    request->bulk->payloads =
        arena_alloc(arena, request->plan->target_count * sizeof *request->bulk->payloads);
    for (uint16_t i = 0; i < request->plan->target_count; i++) {
        request->bulk->payloads[i] = payload;
    }
    return true;
}

static bool split(struct planning *planning)
{
    struct arena *arena = &planning->session->arena;
    struct plan *plan = planning->request->plan;
    struct slice sql = plan->targets[0].sql;
    uint16_t shards[SHARDS_MAX], count = 0;
    bool is_seen[SHARDS_MAX] = {false};
    for (uint32_t i = 0; i < planning->set_count; i++) {
        uint16_t shard = planning->sets[i].shard;
        if (!is_seen[shard]) {
            is_seen[shard] = true;
            shards[count++] = shard;
        }
    }
    bool may = plan_may_write_several(planning->route);
    if (count > 1 && !may) {
        char text[300];
        snprintf(text, sizeof text,
                 "The sets of values of this COM_STMT_BULK_EXECUTE belong to several shards, %s: "
                 "execute those of each shard by themselves",
                 plan_why_not_several(planning->route));
        return refuse(planning, ER_CROSS_SHARD_WRITE, text);
    }
    if (count > 1 && planning->route->statement->insert != NULL &&
        planning->route->statement->insert->has_returning) {
        return refuse(planning, ER_CROSS_SHARD_WRITE, "RETURNING of several shards");
    }
    plan->targets = arena_alloc(arena, count * sizeof *plan->targets);
    plan->target_count = count;
    plan->merge = count > 1 ? MERGE_OK : MERGE_NONE;
    plan->is_write_to_many = count > 1;
    planning->request->bulk->payloads =
        arena_alloc(arena, count * sizeof *planning->request->bulk->payloads);
    for (uint16_t i = 0; i < count; i++) {
        plan->targets[i] = (struct plan_target){.shard = shards[i], .sql = sql};
        planning->request->bulk->payloads[i] = payload_of(planning, shards[i]);
    }
    return true;
}

bool bulk_plan(struct session *session, struct request *request, const struct route_request *route,
               struct error *error)
{
    struct arena *arena = &session->arena;
    uint32_t params = prepared_param_count(request->prepared);
    struct planning planning = {
        .session = session,
        .request = request,
        .route = route,
        .param_count = params,
        .params = arena_alloc(arena, params * sizeof *planning.params),
        .error = error,
    };
    request->plan = arena_alloc(arena, sizeof *request->plan);
    request->plan->targets = arena_alloc(arena, sizeof *request->plan->targets);
    request->plan->limit = UINT64_MAX;
    if (!bulk_read(request->payload, params, &planning.bulk)) {
        return refuse(&planning, ER_WRONG_ARGUMENTS, COMMAND);
    }
    if (planning.bulk.types == NULL) {
        planning.bulk.types = prepared_types(request->prepared);
    } else {
        prepared_keep_types(request->prepared, planning.bulk.types);
    }
    if (planning.bulk.types == NULL || planning.bulk.rows.len == 0) {
        return refuse(&planning, ER_WRONG_ARGUMENTS, COMMAND);
    }
    if (!depends_on_values(&planning)) {
        return send_whole(&planning);
    }
    bool is_unfinished = false;
    if (!plan_sets(&planning)) {
        return false;
    }
    is_unfinished = request->plan->wants_columns || request->plan->row_id_wish.ids != NULL;
    return is_unfinished || split(&planning);
}

// ---- the command

static bool may_be_bulk(const struct statement *statement)
{
    return statement->kind == STATEMENT_INSERT || statement->kind == STATEMENT_REPLACE ||
           statement->kind == STATEMENT_UPDATE || statement->kind == STATEMENT_DELETE;
}

static void refuse_command(struct session *session, enum error_code code)
{
    struct error error;
    error_fill(&error, code, COMMAND);
    command_error(session, &error);
}

void bulk_execute(struct session *session, struct request *request)
{
    struct reader reader = reader_of(request->payload);
    (void)read_u8(&reader);
    uint32_t id = read_u32(&reader);
    uint16_t flags = read_u16(&reader);
    struct prepared_statement *prepared = prepared_of_client(session, id);
    if ((session->capabilities & CAP_STMT_BULK) == 0) {
        refuse_command(session, ER_UNKNOWN_COM);
        return;
    }
    if (reader.is_bad || prepared == NULL) {
        prepared_tell_unknown(session, id, "mysqld_stmt_execute");
        return;
    }
    if (prepared_param_count(prepared) == 0 || (flags & ~(unsigned)BULK_SENDS_TYPES) != 0) {
        refuse_command(session, ER_UNSUPPORTED_PS);
        return;
    }
    cursor_end(prepared);
    prepared_clear_long(prepared);
    request->prepared = prepared;
    request->bulk = arena_alloc(&session->arena, sizeof *request->bulk);
    const char *why = prepared_find_world(prepared, session, request);
    if (why != NULL) {
        command_refuse(session, why);
    } else if (!query_parse(session, request, prepared_sql(prepared), false)) {
        return; // the client was told
    } else if (!may_be_bulk(request->statement)) {
        refuse_command(session, ER_UNSUPPORTED_PS);
    } else {
        query_run_statement(session, request);
    }
}
