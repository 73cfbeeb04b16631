// What no merge can answer is answered by one server that is given the rows first:
//
//     ASKING --> MAKING --> READING --> NAMING --> flow_single: the client's own statement
//                (tables)   (tables)    (tables)
//
//     ASKING   the server tells the columns of the tables, and that it won't write its binlog
//     MAKING   CREATE TEMPORARY TABLE `_waybill_gathered_1` LIKE `orders`; its own rows into it
//     READING  the rows of the other shards into it (gather_rows.c)
//     NAMING   from now on `orders` means the temporary table; all of them at the end, since the
//              rows are read by that name before
//
// The connection is this statement's alone (leg_start_apart), and is reset afterwards, which drops
// the tables. The server is a replica, so that primaries are spared; that nothing is written there
// to its binlog is what makes it possible: ROW format does not log temporary tables.
//
// When a server is lost on the way, all of it is done again, TRIES_MAX times: the client has seen
// nothing of it. Not so when the client's own statement runs.

#include "session/flow_gather.h"

#include <stdio.h>

#include "protocol/answer.h"
#include "protocol/error_table.h"
#include "protocol/packet.h"
#include "protocol/row_text.h"
#include "session/flow_scatter.h"
#include "session/flow_single.h"
#include "session/gather_impl.h"
#include "session/query.h"
#include "session/scatter_guard.h"
#include "session/table_locks.h"

enum {
    TRIES_MAX = 3,
    ANSWER_BYTES_MAX = 4 * 1024 * 1024,
    ROW_BYTES_MIN = PACKET_HEADER_BYTES + GATHER_FIELDS,
};

bool gather_is_possible(const struct session *session)
{
    return snapshot_may_gather(session->sessions->snapshot) && !table_locks_are_held(session);
}

static struct gathering *gathering_of(struct flow *flow)
{
    return CONTAINER_OF(flow, struct gathering, flow);
}

uint64_t gathering_rows_left(const struct gathering *all)
{
    uint64_t max = (uint64_t)session_config(all->flow.session)->settings.gather_max_rows;
    return max > all->rows ? max - all->rows : 0;
}

// ---- commands to the server

void gathering_command(struct gathering *all, struct slice packet,
                       const struct session_state *state)
{
    struct leg_command command = {
        .shard = all->shard,
        .access = ACCESS_REPLICA,
        .kind = ANSWER_QUERY,
        .packet = packet,
        .is_outside = true,
        .state = state,
        .wants_hold = true,
        .needs_tables_only = all->plan->is_inside,
        .is_there = all->state != GATHER_ASKING,
        .tag = GATHERER_TAG,
    };
    struct leg *leg = leg_find_held(all->flow.session, all->shard);
    all->is_busy = true;
    all->told.len = 0;
    if (leg == NULL) {
        (void)leg_start_apart(&all->flow, &command);
    } else {
        leg_start_there(&all->flow, leg, &command);
    }
}

static void command_sql(struct gathering *all, struct slice sql)
{
    gathering_command(all, flow_frame_query(gathering_arena(all), sql), &all->maker);
}

// ---- ASKING: what the tables are like

// True: one more column of a table of the plan. False: it can't be read.
static bool add_column(struct gathering *all, struct slice payload, bool *is_logged)
{
    struct field fields[GATHER_FIELDS];
    uint64_t table = 0;
    if (!row_text_read(payload, fields, GATHER_FIELDS) ||
        !slice_to_uint64(fields[0].bytes, &table) || table >= all->plan->table_count) {
        return false;
    }
    struct gather_columns *columns = &all->columns[table];
    if (columns->items == NULL) {
        columns->items = arena_alloc(gathering_arena(all),
                                     (all->told.len / ROW_BYTES_MIN + 1) * sizeof *columns->items);
    }
    columns->items[columns->count++] = (struct gather_column){
        .name = arena_copy(gathering_arena(all), fields[1].bytes),
        .type = arena_copy(gathering_arena(all), fields[2].bytes),
        .is_generated = slice_equal(fields[3].bytes, slice_of_string("1")),
        .is_unique = slice_equal(fields[4].bytes, slice_of_string("1")),
    };
    *is_logged |= slice_equal(fields[5].bytes, slice_of_string("1"));
    columns->is_view |= slice_equal(fields[6].bytes, slice_of_string("1"));
    return true;
}

static bool read_columns(struct gathering *all, bool *is_logged)
{
    struct answer answer;
    size_t at = 0;
    answer_start(&answer, ANSWER_QUERY, all->flow.session->capabilities);
    while (at + PACKET_HEADER_BYTES <= all->told.len) {
        size_t len = packet_payload_bytes(all->told.bytes + at);
        if (at + PACKET_HEADER_BYTES + len > all->told.len) {
            return false;
        }
        struct slice payload = slice_of(all->told.bytes + at + PACKET_HEADER_BYTES, len);
        if (answer_packet(&answer, payload) == PART_ROW && !add_column(all, payload, is_logged)) {
            return false;
        }
        at += PACKET_HEADER_BYTES + len;
    }
    return true;
}

static bool is_primary(const struct gathering *all, uint16_t server)
{
    return all->flow.session->sessions->snapshot->shards[all->shard].primary == server;
}

static void explain_primary(struct error *error)
{
    error_fill(error, ER_CROSS_SHARD,
               "The statement needs rows of several shards on one server, and no replica is fit to "
               "gather them (or the session's own writes are on no replica yet). With "
               "gather_on_primary = on a primary may do it; or limit the statement to one shard");
}

// Can the present table's rows be brought here? False with *error.
static bool look_at_table(struct gathering *all, struct error *error)
{
    const struct gather_table *table = &all->plan->tables[all->table];
    struct gather_columns *columns = &all->columns[all->table];
    const struct gather_column *unfit = NULL;
    if (columns->is_view) {
        gathering_explain(all, ER_CROSS_SHARD,
                          slice_of_string("it is a view, which would see the rows of one shard "
                                          "only: use the tables themselves"),
                          error);
        return false;
    }
    if (gathering_others(all, all->table).bits == 0) {
        return true; // it is used as it is, or missed by the server itself
    }
    if (columns->count == 0) {
        struct slice schema = arena_format(gathering_arena(all), "%.*s", (int)table->schema.len,
                                           (const char *)table->schema.ptr);
        struct slice name = arena_format(gathering_arena(all), "%.*s", (int)table->name.len,
                                         (const char *)table->name.ptr);
        error_fill(error, ER_NO_SUCH_TABLE, (const char *)schema.ptr, (const char *)name.ptr);
        return false;
    }
    if (!gather_settle(all->plan, columns, &unfit)) {
        struct slice why = arena_format(gathering_arena(all),
                                        "column %.*s is of type %.*s, which waybill can't move",
                                        (int)unfit->name.len, (const char *)unfit->name.ptr,
                                        (int)unfit->type.len, (const char *)unfit->type.ptr);
        gathering_explain(all, ER_CROSS_SHARD, why, error);
        return false;
    }
    return true;
}

// False with *error. The tables' columns are known then.
static bool look_at_tables(struct gathering *all, struct error *error)
{
    bool is_logged = false;
    if (!read_columns(all, &is_logged)) {
        gathering_explain(all, ER_CROSS_SHARD,
                          slice_of_string("its answer about the columns can't be read"), error);
        return false;
    }
    for (all->table = 0; all->table < all->plan->table_count; all->table++) {
        if (!look_at_table(all, error)) {
            return false;
        }
    }
    all->table = 0;
    if (is_logged) {
        gathering_explain(all, ER_CROSS_SHARD,
                          slice_of_string("its binlog_format is not ROW, so temporary tables would "
                                          "be written to its binlog"),
                          error);
    }
    return !is_logged;
}

// ---- steps

// The next table of the plan with rows on other shards, from `table` on.
static bool find_table(struct gathering *all)
{
    while (all->table < all->plan->table_count && gathering_others(all, all->table).bits == 0) {
        all->table++;
    }
    return all->table < all->plan->table_count;
}

static void run_statement(struct gathering *all)
{
    struct session *session = all->flow.session;
    struct request *request = all->flow.request;
    struct leg *leg = leg_find_held(session, all->shard);
    struct error error;
    if (leg == NULL || request->is_killed) {
        error_fill(&error, request->is_killed ? ER_QUERY_INTERRUPTED : ER_SERVER_LOST);
        gathering_fail(all, &error);
        return;
    }
    counter_add(&session->sessions->counters.queries_gathered, 1);
    counter_add(&session->sessions->counters.rows_gathered, all->rows);
    gathering_give_back(all);
    session->flow = NULL; // this flow is over, the command is not
    if (all->plan->is_inside) {
        request->state = session_state_apart(session);
    }
    if (all->plan->is_inside || scatter_guard_looks_at(session, request->plan)) {
        flow_scatter_start(session, request); // the answer is looked at row by row
    } else {
        flow_single_start(session, request);
    }
}

static void name_next(struct gathering *all)
{
    if (find_table(all)) {
        command_sql(all, gather_rename(gathering_arena(all), all->plan, all->table));
    } else {
        run_statement(all);
    }
}

static void read_next(struct gathering *all)
{
    if (find_table(all)) {
        gathering_read_start(all);
        return;
    }
    all->state = GATHER_NAMING;
    all->table = 0;
    name_next(all);
}

static void make_next(struct gathering *all)
{
    if (find_table(all)) {
        command_sql(all, gather_create(gathering_arena(all), all->plan, all->table));
        return;
    }
    all->state = GATHER_READING;
    all->table = 0;
    read_next(all);
}

static void on_asked(struct gathering *all, const struct leg *leg)
{
    const struct settings *settings = &session_config(all->flow.session)->settings;
    struct error error;
    if (is_primary(all, leg->server) && !settings->gather_on_primary) {
        explain_primary(&error);
        gathering_fail(all, &error);
    } else if (!look_at_tables(all, &error)) {
        gathering_fail(all, &error);
    } else {
        backend_mark_dirty(leg->backend);
        all->state = GATHER_MAKING;
        make_next(all);
    }
}

static void on_made(struct gathering *all, const struct answer *last)
{
    const struct gather_table *table = &all->plan->tables[all->table];
    struct error error;
    bool has_own = !all->plan->is_inside && shard_set_has(table->shards, all->shard);
    if (!all->is_copying && has_own) {
        all->is_copying = true;
        command_sql(all, gather_copy(gathering_arena(all), all->plan, all->table,
                                     &all->columns[all->table], gathering_rows_left(all) + 1));
        return;
    }
    if (all->is_copying && last->affected_rows > gathering_rows_left(all)) {
        gathering_explain(all, ER_TOO_LARGE, slice_of(NULL, 0), &error);
        gathering_fail(all, &error);
        return;
    }
    all->rows += all->is_copying ? last->affected_rows : 0;
    all->is_copying = false;
    all->table++;
    make_next(all);
}

static void go_on_reading(struct gathering *all)
{
    struct error error;
    switch (gathering_pump(all, &error)) {
    case GATHERING_GOES_ON:
        break;
    case GATHERING_FAILED:
        gathering_fail(all, &error);
        break;
    case GATHERING_DONE:
        gathering_read_stop(all);
        all->table++;
        read_next(all);
        break;
    }
}

// The server's answer is whole.
static void on_told(struct gathering *all, const struct leg *leg, const struct answer *last)
{
    struct error error;
    all->is_busy = false;
    if (last->is_error || all->told.len > ANSWER_BYTES_MAX || all->flow.request->is_killed) {
        error_fill(&error, ER_QUERY_INTERRUPTED);
        if (last->is_error) {
            gathering_explain_refusal(all, &error);
        }
        gathering_fail(all, &error);
        return;
    }
    switch (all->state) {
    case GATHER_ASKING:
        on_asked(all, leg);
        break;
    case GATHER_MAKING:
        on_made(all, last);
        break;
    case GATHER_READING:
        go_on_reading(all);
        break;
    case GATHER_NAMING:
        all->table++;
        name_next(all);
        break;
    }
}

// ---- events

static void on_answer(struct flow *flow, struct leg *leg, const uint8_t *bytes, size_t len,
                      const struct answer *last)
{
    struct gathering *all = gathering_of(flow);
    if (all->is_failing) {
        if (last != NULL) {
            gathering_go_on_failing(all);
        }
        return;
    }
    if (leg->command.tag == GATHERER_TAG) {
        if (all->told.len <= ANSWER_BYTES_MAX) {
            gather_add(&all->told, gathering_arena(all), bytes, len);
        }
        if (last != NULL) {
            on_told(all, leg, last);
        }
        return;
    }
    struct scatter_source *source = &all->sources[leg->command.tag];
    source_add(source, bytes, len);
    if (last != NULL) {
        source->leg = NULL;
    }
    go_on_reading(all);
}

static void start(struct gathering *all)
{
    all->state = GATHER_ASKING;
    all->table = 0;
    all->rows = all->bytes = 0;
    all->is_busy = all->is_copying = false;
    memset(all->columns, 0, all->plan->table_count * sizeof *all->columns);
    command_sql(all, gather_question(gathering_arena(all), all->plan));
}

static void on_failed(struct flow *flow, struct leg *leg, const struct error *error)
{
    struct gathering *all = gathering_of(flow);
    bool is_lost = error->code == ER_SERVER_LOST || error->code == ER_SERVER_SHUTDOWN;
    if (all->is_failing) {
        gathering_go_on_failing(all);
        return;
    }
    if (leg->command.tag != GATHERER_TAG) {
        all->sources[leg->command.tag].leg = NULL;
    }
    if (is_lost && all->plan->is_inside) { // its readings can't be stopped to begin anew
        struct error again;
        gathering_explain(all, ER_CROSS_SHARD,
                          slice_of_string("failed as the server was lost; the "
                                          "transaction goes on: try again"),
                          &again);
        gathering_fail(all, &again);
        return;
    }
    if (!is_lost || all->flow.request->is_killed || ++all->tries > TRIES_MAX) {
        gathering_fail(all, error);
        return;
    }
    counter_add(&flow->session->sessions->counters.retries, 1);
    gathering_stop_all(all);
    start(all);
}

static void on_drained(struct flow *flow)
{
    (void)flow; // writes nothing itself
}

static void on_abort(struct flow *flow)
{
    gathering_drop_server(gathering_of(flow));
    gathering_give_back(gathering_of(flow));
}

static const struct flow_kind gathering_kind = {
    .name = "gathering",
    .on_answer = on_answer,
    .on_failed = on_failed,
    .on_drained = on_drained,
    .on_abort = on_abort,
};

// ---- starting

// In a transaction all rows come from its own connections: of what the session has written only
// the definitions of tables must be there.
static bool may_gather_on(const struct session *session, uint16_t shard, bool is_inside)
{
    const struct sessions *sessions = session->sessions;
    const struct user_config *user = session_user(session);
    const struct settings *settings = &session_config(session)->settings;
    uint64_t written_us = is_inside                     ? session->ddl_us
                          : session->written_us != NULL ? session->written_us[shard]
                                                        : 0;
    bool is_primary_only = !settings->read_split || !user->reads_from_replicas;
    uint16_t server = pool_choose(sessions->host.pools, shard, is_primary_only, written_us);
    return server != NO_SERVER &&
           (settings->gather_on_primary || sessions->snapshot->shards[shard].primary != server);
}

// The plan's shard, if its servers may; else another one that has all the tables; NO_SHARD.
static uint16_t choose_shard(const struct session *session, const struct plan *plan)
{
    struct shard_set places = plan->gather->places;
    uint16_t wanted = plan->targets[0].shard;
    if (may_gather_on(session, wanted, plan->gather->is_inside)) {
        return wanted;
    }
    for (; places.bits != 0; places.bits &= places.bits - 1) {
        if (may_gather_on(session, shard_set_first(places), plan->gather->is_inside)) {
            return shard_set_first(places);
        }
    }
    return NO_SHARD;
}

// In what form rows are read and written.
static void set_form(struct session_state *state)
{
    state_set_variable(state, slice_of_string("names"), slice_of_string("'utf8mb4'"));
    state_set_variable(state, slice_of_string("character_set_results"), slice_of_string("NULL"));
    state_set_variable(state, slice_of_string("sql_mode"),
                       slice_of_string("'ALLOW_INVALID_DATES,NO_AUTO_VALUE_ON_ZERO'"));
}

static void init_states(struct gathering *all)
{
    const struct session_state *carried = session_state_now(all->flow.session);
    struct slice time_zone = state_find_variable(carried, slice_of_string("time_zone"));
    state_init(&all->reader);
    state_init(&all->maker);
    state_init(&all->writer);
    state_set_database(&all->maker, text_slice(&carried->database));
    set_form(&all->maker);
    state_set_variable(&all->maker, slice_of_string("check_constraint_checks"),
                       slice_of_string("0"));
    state_set_variable(&all->maker, slice_of_string("tx_isolation"),
                       slice_of_string("'READ-COMMITTED'")); // so that copying locks nothing
    state_copy(&all->writer, &all->maker);
    state_set_variable(&all->writer, slice_of_string("time_zone"), slice_of_string("'+00:00'"));
    if (time_zone.ptr != NULL) {
        state_set_variable(&all->maker, slice_of_string("time_zone"), time_zone);
    }
    if (!all->plan->is_inside) {
        state_copy(&all->reader, &all->maker);
        return;
    }
    // What could end the transaction, or change what it sees, stays as it is there.
    state_copy(&all->reader, carried);
    state_drop_variable(&all->reader, slice_of_string("sql_select_limit"));
    set_form(&all->reader);
}

// False with *error: no server may do it for this session.
static bool find_server(const struct session *session, struct gathering *all,
                        const struct plan *plan, struct error *error)
{
    if (session->pin != NULL) {
        error_fill(
            error, ER_PINNED,
            "this session is bound to its server, and rows of other shards can't be gathered "
            "there: use another connection, or reset this one (COM_RESET_CONNECTION)");
        return false;
    }
    all->shard = choose_shard(session, plan);
    if (all->shard == NO_SHARD) {
        explain_primary(error);
    }
    return all->shard != NO_SHARD;
}

void flow_gather_start(struct session *session, struct request *request)
{
    struct gathering *all = arena_alloc(&session->arena, sizeof *all);
    struct error error;
    if (!find_server(session, all, request->plan, &error)) {
        query_refuse(session, request, &error);
        return;
    }
    all->plan = request->plan->gather;
    request->plan->targets[0].shard = all->shard;
    all->columns = arena_alloc(&session->arena, all->plan->table_count * sizeof *all->columns);
    text_init(&all->filling);
    text_init(&all->sending);
    legs_release_lingering(session); // the statement must find the gatherer's, and no other
    flow_begin(&all->flow, &gathering_kind, session, request);
    init_states(all);
    start(all);
}
