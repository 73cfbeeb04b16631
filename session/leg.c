// A leg: how a statement gets its backend on one shard, and how it is given up. The picture is in
// leg.h; what comes back from the backend is in leg_answer.c.

#include "session/leg_impl.h"

#include <assert.h>
#include <stdio.h>

#include "protocol/error_table.h"
#include "session/aftermath.h"
#include "session/applying.h"
#include "session/branch.h"
#include "session/cursor.h"
#include "session/declare.h"
#include "session/insert_id.h"
#include "session/kill.h"
#include "session/steps.h"
#include "session/transaction.h"
#include "session/untold_wait.h"

enum {
    AHEAD_MORE_MAX = 4, // beside the transaction's: two SAVEPOINTs, PREPARE, LAST_INSERT_ID()
};

struct pools *leg_pools(const struct leg *leg)
{
    return leg->session->sessions->host.pools;
}

void leg_enter(struct leg *leg, enum leg_state state)
{
    leg->state = state;
    leg->since_us = session_now_us(leg->session);
}

void leg_leave_list(struct leg *leg)
{
    struct sessions *sessions = leg->session->sessions;
    if (node_is_linked(&leg->list_node)) {
        list_remove(leg->state == LEG_HELD ? &sessions->held : &sessions->lingering,
                    &leg->list_node);
    }
}

// Out of the session; the memory lives until leg_free.
void leg_detach(struct leg *leg)
{
    leg_leave_list(leg);
    list_remove(&leg->session->legs, &leg->node);
    if (leg->session->aftermath.shard == leg->shard && !leg_is_for_cursors(leg)) {
        aftermath_lose(leg->session);
    }
    if (leg->cursors > 0) {
        cursors_lose(leg);
    }
    if (leg->session->pin == leg) {
        insert_id_lose_backend(leg->session);
        leg->session->pin = NULL;
        leg->session->pin_reason = NULL;
        leg->session->pin_facts = 0;
    }
}

void leg_free(struct sessions *sessions, struct leg *leg)
{
    slab_give(&sessions->leg_slab, leg);
}

// ---- the end of a leg

// The command can't be run: the flow is told, the leg is gone.
void leg_fail(struct leg *leg, const struct error *error)
{
    struct sessions *sessions = leg->session->sessions;
    struct flow *flow = leg->flow;
    leg_detach(leg);
    flow->kind->on_failed(flow, leg, error);
    leg_free(sessions, leg);
}

static void release(struct leg *leg)
{
    struct pools *pools = leg_pools(leg);
    switch (leg->state) {
    case LEG_NEW:
    case LEG_HELD:
        break;
    case LEG_WAITING:
        pool_cancel(pools, &leg->waiter);
        break;
    case LEG_RUNNING:
        if (kill_takes_left(leg)) {
            (void)pool_kill(pools, leg->backend);
        }
        pool_close(pools, leg->backend);
        break;
    case LEG_KEPT:
        if (leg->cursors > 0 || leg->is_held || leg->has_lasting) {
            backend_mark_dirty(leg->backend);
        }
        if (leg->command.has_own_transaction) {
            backend_leave_reading(leg->backend);
        }
        if (leg->branch != BRANCH_NONE) {
            pool_close(pools, leg->backend);
        } else {
            pool_give(pools, leg->backend);
        }
        break;
    }
    struct sessions *sessions = leg->session->sessions;
    leg_detach(leg);
    leg_free(sessions, leg);
}

void leg_give_up(struct leg *leg)
{
    assert(leg->state == LEG_KEPT);
    leg->session->wants_close |= leg_is_bound(leg);
    pool_close(leg_pools(leg), leg->backend);
    struct sessions *sessions = leg->session->sessions;
    leg_detach(leg);
    leg_free(sessions, leg);
}

void legs_forget_steps_points(struct session *session)
{
    LIST_FOR_EACH (&session->legs, node) {
        CONTAINER_OF(node, struct leg, node)->has_steps_point = false;
    }
}

void legs_forget_points(struct session *session)
{
    LIST_FOR_EACH (&session->legs, node) {
        CONTAINER_OF(node, struct leg, node)->has_point = false;
    }
}

bool leg_is_bound(const struct leg *leg)
{
    return leg->has_locks || leg->session->pin == leg;
}

bool leg_is_for_cursors(const struct leg *leg)
{
    return leg->cursors > 0 && leg->state == LEG_KEPT && !leg->is_participant &&
           !leg->is_lingering && !leg->is_held && !leg_is_bound(leg);
}

struct leg *leg_kept_on(const struct session *session, uint16_t shard)
{
    LIST_FOR_EACH (&session->legs, node) {
        struct leg *leg = CONTAINER_OF(node, struct leg, node);
        if (leg->shard == shard && leg->state == LEG_KEPT && !leg_is_for_cursors(leg)) {
            return leg;
        }
    }
    return NULL;
}

void leg_let_go(struct leg *leg)
{
    assert(leg->state == LEG_KEPT);
    if (leg->is_participant || leg->is_lingering || leg->is_held || leg_is_bound(leg)) {
        return;
    }
    if (leg->cursors == 0) {
        release(leg);
    }
}

void legs_release_all(struct session *session)
{
    struct node *node;
    while ((node = list_first(&session->legs)) != NULL) {
        release(CONTAINER_OF(node, struct leg, node));
    }
}

void legs_release_participants(struct session *session)
{
    LIST_FOR_EACH_SAFE (&session->legs, node) {
        struct leg *leg = CONTAINER_OF(node, struct leg, node);
        if (leg->state != LEG_KEPT || !leg->is_participant) {
            continue;
        }
        if (!leg_is_bound(leg)) {
            release(leg);
        } else {
            session->wants_close = true; // it can't be rolled back without what is set there
        }
    }
}

bool leg_may_stop(const struct leg *leg)
{
    return leg->state != LEG_RUNNING ||
           (!leg->is_participant && !leg->is_joining && !leg_is_bound(leg) && leg->cursors == 0 &&
            leg->command.access == ACCESS_REPLICA);
}

void leg_stop(struct leg *leg)
{
    struct session *session = leg->session;
    if (leg->state == LEG_RUNNING && (leg->is_participant || leg->is_joining)) {
        session->transaction.is_lost = true;
    }
    if (leg_is_bound(leg)) {
        session->wants_close = true; // what was set on it is lost
    }
    release(leg);
}

void leg_pause(struct leg *leg)
{
    if (leg->state == LEG_RUNNING && !leg->is_paused) {
        leg->is_paused = true;
        backend_pause(leg->backend);
    }
}

void leg_resume(struct leg *leg)
{
    if (leg->state == LEG_RUNNING && leg->is_paused) {
        leg->is_paused = false;
        backend_resume(leg->backend);
    }
}

// ---- running

static void count_start(const struct leg *leg)
{
    struct session_counters *counters = &leg->session->sessions->counters;
    bool is_write = leg->command.access == ACCESS_WRITE;
    const struct snapshot *snapshot = leg->session->sessions->snapshot;
    counter_add(&counters->shard_statements[leg->shard], 1);
    if (is_write) {
        counter_add(&counters->writes, 1);
        counter_add(&counters->server_writes[leg->server], 1);
        return;
    }
    bool is_primary = snapshot->shards[leg->shard].primary == leg->server;
    counter_add(is_primary ? &counters->reads_primary : &counters->reads_replica, 1);
    counter_add(&counters->server_reads[leg->server], 1);
}

// What is sent ahead of the command: of the transaction, and of LAST_INSERT_ID().
static void prepare_ahead(struct leg *leg)
{
    struct session *session = leg->session;
    const struct request *request = session->request;
    bool has_text = leg->command.prepare_text.ptr != NULL && request->reading == NULL;
    bool is_clients = !leg->command.is_outside || leg->command.is_beside;
    bool wants_id = request->statement != NULL && is_clients &&
                    session->insert_id.doubt == DOUBT_NONE &&
                    ((request->statement->facts & FACT_LAST_INSERT_ID) != 0 ||
                     insert_id_is_opaque(request->statement) ||
                     insert_id_is_asked_after(session, request->statement));
    bool wants_steps_point = !leg->command.is_outside && !leg->command.is_own &&
                             !leg->has_steps_point && steps_want_points(session);
    leg->ahead_count = 0;
    leg->is_joining = false;
    leg->is_point_of_steps_ahead = false;
    leg->ahead = &leg->command.first;
    if (leg->command.first.ptr != NULL) {
        leg->ahead_count = 1;
        return;
    }
    if (!leg->command.is_outside && !leg->is_participant && !leg->command.is_own) {
        bool is_branch = branch_is_wanted(leg);
        leg->ahead_count = transaction_ahead(leg, is_branch, &leg->ahead, AHEAD_MORE_MAX);
        leg->is_joining = session->transaction.is_open || is_branch;
        leg->branch = is_branch ? BRANCH_ACTIVE : BRANCH_NONE;
    }
    bool wants_more = wants_id || has_text || leg->command.wants_point || wants_steps_point;
    if (wants_more && leg->ahead_count == 0) {
        leg->ahead = arena_alloc(&session->arena, AHEAD_MORE_MAX * sizeof *leg->ahead);
    }
    if (wants_steps_point) {
        leg->ahead[leg->ahead_count++] = slice_of_string("SAVEPOINT " STEPS_POINT);
        leg->is_point_of_steps_ahead = true;
    }
    if (leg->command.wants_point) {
        leg->ahead[leg->ahead_count++] = slice_of_string("SAVEPOINT " BRANCH_POINT);
    }
    if (has_text) {
        leg->ahead[leg->ahead_count++] = leg->command.prepare_text;
    }
    if (wants_id) {
        leg->ahead[leg->ahead_count++] = arena_format(&session->arena, "SET last_insert_id=%llu",
                                                      (unsigned long long)session->last_insert_id);
    }
}

static void run(struct leg *leg)
{
    const struct leg_command *command = &leg->command;
    prepare_ahead(leg);
    leg_enter(leg, LEG_RUNNING);
    leg->is_paused = false;
    count_start(leg);
    const struct reading *reading = leg->session->request->reading;
    bool is_reading =
        reading != NULL && (command->prepare_sql.ptr != NULL || command->prepare_text.ptr != NULL);
    struct backend_command order = {
        .read_state = is_reading ? reading->state : NULL,
        .prepare_query = is_reading ? command->prepare_text : slice_of(NULL, 0),
        .state = leg_state_wanted(leg),
        .ahead = leg->ahead,
        .ahead_count = leg->ahead_count,
        // A write whose BEGIN failed would commit by itself.
        .is_careful = (leg->is_joining && command->access != ACCESS_REPLICA) ||
                      command->prepare_text.ptr != NULL,
        .kind = command->kind,
        .packet = command->packet,
        .prepare_sql = command->prepare_sql,
        .execute = command->execute,
        .takes_file = command->takes_file,
    };
    backend_start(leg->backend, &order);
}

bool leg_feed(struct leg *leg, struct slice bytes, bool is_end)
{
    assert(leg->state == LEG_RUNNING && leg->command.takes_file);
    leg->is_file_over = is_end;
    return backend_feed(leg->backend, bytes, is_end);
}

static void on_fed(struct backend_user *user, struct backend *backend)
{
    (void)backend;
    struct leg *leg = CONTAINER_OF(user, struct leg, user);
    leg->flow->kind->on_fed(leg->flow, leg);
}

// ---- getting a backend

static bool wants_primary(const struct session *session, const struct leg_command *command)
{
    bool is_in = !command->is_outside &&
                 (session_in_transaction(session) || session->carried.is_autocommit_off);
    return command->access != ACCESS_REPLICA || is_in || command->pin_reason != NULL ||
           !session_config(session)->settings.read_split ||
           !session_user(session)->reads_from_replicas;
}

uint16_t leg_choose(struct leg *leg)
{
    const struct session *session = leg->session;
    uint64_t written_us = session->written_us != NULL ? session->written_us[leg->shard] : 0;
    written_us = leg->command.needs_tables_only ? session->ddl_us : written_us;
    bool is_primary_only = wants_primary(session, &leg->command);
    uint16_t server = pool_choose(leg_pools(leg), leg->shard, is_primary_only, written_us);
    if (server == leg->avoid && !is_primary_only) {
        server = pool_choose(leg_pools(leg), leg->shard, false, written_us);
        if (server == leg->avoid) {
            server = pool_choose(leg_pools(leg), leg->shard, true, written_us);
        }
    }
    return server;
}

static bool has_account(const struct session *session)
{
    const struct user_config *user = session_user(session);
    return user == NULL || !user->is_removed;
}

void leg_acquire(struct leg *leg)
{
    const struct session *session = leg->session;
    uint16_t server = has_account(session) ? leg_choose(leg) : NO_SERVER;
    leg->server = server;
    if (server == NO_SERVER || applying_is_on(session, leg->shard) ||
        untold_is_on(session, leg->shard)) {
        leg_hold(leg);
        return;
    }
    struct pool_want want = {
        .server = server,
        .account = session->account,
        .capabilities = session->capabilities,
        .state = leg_state_wanted(leg),
        .client = {.address = &session->peer, .attributes = text_slice(&session->attributes)},
    };
    leg->backend = pool_take(leg_pools(leg), &want, &leg->user);
    if (leg->backend == NULL && !pool_has_room(leg_pools(leg), server)) {
        leg_reclaim_lingering(leg);
        leg->backend = pool_take(leg_pools(leg), &want, &leg->user);
    }
    if (leg->backend != NULL) {
        run(leg);
        return;
    }
    leg_enter(leg, LEG_WAITING);
    pool_wait(leg_pools(leg), &want, &leg->waiter);
}

// Another server may do better, or this one after a while: what it does to this statement it may
// well do again, and each try costs it a connection.
void leg_acquire_again(struct leg *leg)
{
    leg->avoid = leg->server;
    leg->backend = NULL;
    if (++leg->tries > READ_TRIES_MAX) {
        leg->tries = 0;
        leg_hold(leg);
        leg->is_resting = true;
        leg->rest_primary = leg->session->sessions->snapshot->shards[leg->shard].primary;
    } else {
        leg_acquire(leg);
    }
}

static void on_ready(struct pool_waiter *waiter, struct backend *backend)
{
    struct leg *leg = CONTAINER_OF(waiter, struct leg, waiter);
    if (leg->session->request->is_killed) {
        struct error error;
        pool_give(leg_pools(leg), backend);
        error_fill(&error, ER_QUERY_INTERRUPTED);
        leg_fail(leg, &error);
        return;
    }
    struct error error;
    if (declare_forbids(leg->session, leg->session->request, &error)) {
        pool_give(leg_pools(leg), backend);
        leg_fail(leg, &error);
        return;
    }
    leg->backend = backend;
    run(leg);
}

// The server can't be reached or takes nobody now, which is no answer to the statement.
static bool is_passing(const struct error *error)
{
    switch (error->code) {
    case ER_CON_COUNT:
    case ER_SERVER_SHUTDOWN:
    case ER_CONNECT_SERVER:
    case ER_HANDSHAKE:
    case 1158:
    case 1159:
    case 1160:
    case 1161:
    case 1203: // too many connections of this user
        return true;
    default:
        return error->code >= 2000 && error->code < 2100;
    }
}

static void on_wait_failed(struct pool_waiter *waiter, const struct error *error)
{
    struct leg *leg = CONTAINER_OF(waiter, struct leg, waiter);
    if (is_passing(error)) {
        leg_acquire_again(leg);
    } else if (leg_is_account_late(leg, error)) {
        leg->command.access = ACCESS_PRIMARY;
        leg_acquire(leg);
    } else {
        leg_fail(leg, error);
    }
}

// ---- starting

// Has the leg's server what a command like this would be given elsewhere?
static bool is_suitable(const struct leg *leg, const struct leg_command *command)
{
    const struct session *session = leg->session;
    const struct snapshot *snapshot = session->sessions->snapshot;
    uint64_t written_us = session->written_us != NULL ? session->written_us[leg->shard] : 0;
    return snapshot->shards[leg->shard].primary == leg->server ||
           (!wants_primary(session, command) &&
            snapshot_is_fit(snapshot, leg->server, session_now_us(session), written_us));
}

// The shard's leg; without one a leg that has cursors there, if its server will do.
static struct leg *find_kept(const struct session *session, const struct leg_command *command)
{
    struct leg *found = NULL;
    LIST_FOR_EACH (&session->legs, node) {
        struct leg *leg = CONTAINER_OF(node, struct leg, node);
        if (leg->shard != command->shard) {
            continue;
        }
        assert(leg->state == LEG_KEPT);
        if (leg->is_held && !command->is_there) {
            continue; // the running flow has it for something else
        }
        if (!leg_is_for_cursors(leg)) {
            return leg;
        }
        found = is_suitable(leg, command) ? leg : found;
    }
    return found;
}

bool leg_in_transaction(const struct session *session, uint16_t shard)
{
    LIST_FOR_EACH (&session->legs, node) {
        const struct leg *leg = CONTAINER_OF(node, struct leg, node);
        if (leg->shard == shard && leg->is_participant) {
            return true;
        }
    }
    return false;
}

static struct leg *leg_new(struct session *session, uint16_t shard)
{
    struct leg *leg = slab_take(&session->sessions->leg_slab);
    leg->session = session;
    leg->shard = shard;
    leg->server = NO_SERVER;
    leg->user.on_bytes = leg_on_bytes;
    leg->user.on_lost = leg_on_lost;
    leg->user.on_fed = on_fed;
    leg->waiter.on_ready = on_ready;
    leg->waiter.on_failed = on_wait_failed;
    leg->waiter.user = &leg->user;
    list_push_back(&session->legs, &leg->node);
    return leg;
}

// It lingers on a replica, and the command is for the primary.
static bool is_too_old(const struct leg *leg, const struct leg_command *command)
{
    const struct session *session = leg->session;
    const struct snapshot *snapshot = session->sessions->snapshot;
    return leg->is_lingering && snapshot->shards[leg->shard].primary != leg->server &&
           wants_primary(session, command);
}

struct leg *leg_start(struct flow *flow, const struct leg_command *command)
{
    struct session *session = flow->session;
    struct leg *leg = find_kept(session, command);
    if (leg != NULL && is_too_old(leg, command)) {
        leg_stop_lingering(leg);
        leg = NULL;
    }
    if (leg == NULL) {
        leg = leg_new(session, command->shard);
    }
    leg_start_there(flow, leg, command);
    return leg;
}

struct leg *leg_start_apart(struct flow *flow, const struct leg_command *command)
{
    assert(command->wants_hold);
    struct leg *leg = leg_new(flow->session, command->shard);
    leg_start_there(flow, leg, command);
    return leg;
}

struct leg *leg_find_held(const struct session *session, uint16_t shard)
{
    LIST_FOR_EACH (&session->legs, node) {
        struct leg *leg = CONTAINER_OF(node, struct leg, node);
        if (leg->is_held && leg->shard == shard) {
            return leg;
        }
    }
    return NULL;
}

void leg_drop_held(struct leg *leg)
{
    assert(leg->is_held && leg->state == LEG_KEPT);
    backend_mark_dirty(leg->backend);
    leg->is_held = false;
    leg_let_go(leg);
}

void leg_start_there(struct flow *flow, struct leg *leg, const struct leg_command *command)
{
    leg_leave_list(leg);
    leg->flow = flow;
    leg->command = *command;
    leg->tries = 0;
    leg->avoid = NO_SERVER;
    leg->held_us = 0;
    leg->has_delivered = false;
    leg->was_sent = false;
    leg->is_file_over = false;
    leg->is_lingering = false;
    leg->is_held = false;
    if (leg->backend != NULL) {
        run(leg);
    } else {
        leg_acquire(leg);
    }
}
