// The sessions of one worker: how they come, what state each is in, how long it may stay there, and
// how they go.
//
//     sessions.stages[LOGIN]    s4 s9            each state is a list in the order of entering it
//     sessions.stages[IDLE]     s1 s7 s2 ...     (the states: session_impl.h)
//     sessions.stages[RUNNING]  s3
//     ...
//
// One tick of the worker, ten times a second, sees to all deadlines: no session has a timer of its
// own, and a query starts none. Closing moves a session to the closed list; the sweep frees it
// after the turn, so that no pointer on the stack dies under its user.

#include "session/session.h"

#include <assert.h>
#include <sys/random.h>
#include <time.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/network.h"
#include "protocol/error_table.h"
#include "protocol/packet.h"
#include "session/account_wait.h"
#include "session/aftermath.h"
#include "session/applying.h"
#include "session/client_io.h"
#include "session/client_login.h"
#include "session/deadlock.h"
#include "session/insert_id.h"
#include "session/fit.h"
#include "session/login_cache.h"
#include "session/login_hosts.h"
#include "session/multi.h"
#include "session/prepared.h"
#include "session/session_impl.h"
#include "session/track.h"
#include "session/transaction.h"
#include "session/untold_wait.h"

enum { ENDING_MS = 2000, SESSIONS_KEPT = 256, LEGS_KEPT = 256 };

static const char *const stage_names[SESSION_STAGES] = {
    [SESSION_LOGIN] = "login",       [SESSION_IDLE] = "idle",     [SESSION_RUNNING] = "running",
    [SESSION_FLUSHING] = "flushing", [SESSION_ENDING] = "ending", [SESSION_CLOSED] = "closed",
};

static struct session *session_of(struct node *node)
{
    return CONTAINER_OF(node, struct session, node);
}

const struct config *session_config(const struct session *session)
{
    return session->sessions->snapshot->config;
}

const struct user_config *session_user(const struct session *session)
{
    static const struct user_config gone = {
        .is_removed = true, .name = "", .server_user = "", .default_schema = ""};
    const struct config *config = session_config(session);
    if (session->account >= config->user_count) {
        return NULL;
    }
    // Its place may be another's already.
    const struct user_config *user = &config->users[session->account];
    return user->generation == session->account_generation ? user : &gone;
}

// ---- states

void session_check(const struct session *session)
{
    assert(node_is_linked(&session->node));
    switch (session->stage) {
    case SESSION_LOGIN:
        assert(session->login != NULL && session->flow == NULL);
        break;
    case SESSION_IDLE:
        assert(session->flow == NULL && session->request == NULL && session->arena.first == NULL);
        assert(session->output.size_bytes == 0 && session->login == NULL);
        break;
    case SESSION_RUNNING:
        assert(session->flow != NULL && session->request != NULL);
        break;
    case SESSION_FLUSHING:
        assert(session->flow == NULL && session->output.size_bytes > 0);
        break;
    case SESSION_ENDING:
        assert(session->flow == NULL);
        break;
    case SESSION_CLOSED:
        assert(session->flow == NULL && session->stream.fd == -1 && list_is_empty(&session->legs));
        break;
    }
}

void session_enter(struct session *session, enum session_stage stage)
{
    struct sessions *sessions = session->sessions;
    assert(session->stage != SESSION_CLOSED || !node_is_linked(&session->node));
    if (node_is_linked(&session->node)) {
        list_remove(&sessions->stages[session->stage], &session->node);
        log_debug("session %u: %s -> %s", session->id, stage_names[session->stage],
                  stage_names[stage]);
    }
    session->stage = stage;
    session->since_us = session_now_us(session);
    list_push_back(&sessions->stages[stage], &session->node);
}

// ---- coming

static void on_later(struct later *later)
{
    struct session *session = CONTAINER_OF(later, struct session, later);
    if (session->is_client_gone) {
        session_close(session);
    } else {
        client_io_continue(session);
    }
}

static struct session *session_new(struct sessions *sessions, int fd, const struct address *peer)
{
    struct session *session = slab_take(&sessions->session_slab);
    session->sessions = sessions;
    session->peer = *peer;
    session_ids_add(&sessions->ids, session);
    session->account = session->counted_account = NO_ACCOUNT;
    session->later.on_later = on_later;
    session->next_prepared_id = 1;
    session->aftermath.shard = NO_SHARD;
    session->transaction.first_shard = session->transaction.writer_shard = NO_SHARD;
    stream_init(&session->stream, sessions->host.loop, fd, client_io_on_ready);
    text_init(&session->insert_id.table);
    text_init(&session->insert_id.columns);
    text_init(&session->attributes);
    text_init(&session->input);
    text_init(&session->packet);
    buffer_init(&session->output, sessions->host.buffer_blocks);
    arena_init(&session->arena, sessions->host.arena_blocks);
    list_init(&session->legs);
    state_init(&session->carried);
    return session;
}

static void refuse_client(int fd, const struct address *peer, enum error_code code)
{
    struct error error;
    char host[ADDRESS_TEXT_BYTES];
    address_print_host(peer, host);
    error_fill(&error, code, host); // the others' texts name no host
    struct text packet, payload;
    text_init(&packet);
    text_init(&payload);
    error_write(&payload, &error);
    uint8_t sequence = 0;
    packet_append(&packet, text_slice(&payload), &sequence);
    struct stream stream;
    stream_init(&stream, NULL, fd, NULL);
    struct iovec part = {.iov_base = packet.ptr, .iov_len = packet.len};
    size_t put = 0;
    // A client whose socket does not even take these few bytes gets none.
    (void)!stream_write(&stream, &part, 1, &put);
    stream_close(&stream);
    text_done(&packet);
    text_done(&payload);
}

// So that a query needs no clock of its own for the ids that it makes.
static void note_wall_clock(struct sessions *sessions)
{
    struct timespec wall;
    clock_gettime(CLOCK_REALTIME, &wall);
    sessions->wall_ahead_ms = (int64_t)wall.tv_sec * 1000 + wall.tv_nsec / 1000000 -
                              (int64_t)(loop_now_us(sessions->host.loop) / 1000);
}

void sessions_accept(struct sessions *sessions, int fd, const struct address *peer)
{
    uint32_t before =
        atomic_fetch_add_explicit(sessions->host.client_count, 1, memory_order_relaxed);
    bool is_full = before >= (uint64_t)sessions->snapshot->config->settings.max_clients;
    bool is_blocked = login_hosts_is_blocked(sessions, peer);
    if (is_full || sessions->is_draining || is_blocked) {
        atomic_fetch_sub_explicit(sessions->host.client_count, 1, memory_order_relaxed);
        counter_add(&sessions->counters.clients_refused, 1);
        refuse_client(fd, peer,
                      is_full      ? ER_CON_COUNT
                      : is_blocked ? ER_HOST_IS_BLOCKED
                                   : ER_SERVER_SHUTDOWN);
        return;
    }
    counter_add(&sessions->counters.clients_accepted, 1);
    counter_add(&sessions->counters.clients_connected, 1);
    struct session *session = session_new(sessions, fd, peer);
    login_note_peer(session);
    client_io_start(session);
    login_start(session);
    session_enter(session, SESSION_LOGIN);
    if (!timer_is_running(&sessions->tick)) {
        note_wall_clock(sessions);
        timer_start(&sessions->tick, TICK_MS);
    }
}

// ---- going

void session_close(struct session *session)
{
    struct sessions *sessions = session->sessions;
    if (session->stage == SESSION_CLOSED) {
        return;
    }
    session_drop_flow(session);
    legs_release_all(session);
    login_leave_account(session);
    loop_cancel_later(sessions->host.loop, &session->later);
    stream_close(&session->stream);
    session_enter(session, SESSION_CLOSED);
    session_check(session);
    loop_do_later(sessions->host.loop, &sessions->sweep);
}

static void session_free(struct session *session)
{
    struct sessions *sessions = session->sessions;
    loop_cancel_later(sessions->host.loop, &session->later);
    list_remove(&sessions->stages[SESSION_CLOSED], &session->node);
    session_ids_remove(&sessions->ids, session);
    applying_forget_session(session);
    untold_forget_session(session);
    login_done(session);
    multi_done(session);
    prepared_clear(session);
    transaction_done(session);
    track_reset(session);
    insert_id_done(session);
    aftermath_done(session);
    text_done(&session->attributes);
    text_done(&session->input);
    text_done(&session->packet);
    buffer_clear(&session->output);
    arena_clear(&session->arena);
    state_done(&session->carried);
    memory_free(session->login_database);
    memory_free(session->written_us);
    counter_sub(&sessions->counters.clients_connected, 1);
    atomic_fetch_sub_explicit(sessions->host.client_count, 1, memory_order_relaxed);
    slab_give(&sessions->session_slab, session);
}

static void on_sweep(struct later *later)
{
    struct sessions *sessions = CONTAINER_OF(later, struct sessions, sweep);
    struct node *node;
    while ((node = list_first(&sessions->stages[SESSION_CLOSED])) != NULL) {
        session_free(session_of(node));
    }
}

// ---- deadlines

static bool is_older(uint64_t now_us, uint64_t since_us, int64_t limit_ms)
{
    return limit_ms > 0 && now_us >= since_us + (uint64_t)limit_ms * 1000;
}

// Closes those that have been in the state for longer than the limit (they stand in front).
static void close_old(struct sessions *sessions, enum session_stage stage, int64_t limit_ms)
{
    uint64_t now_us = loop_now_us(sessions->host.loop);
    struct node *node;
    while ((node = list_first(&sessions->stages[stage])) != NULL) {
        struct session *session = session_of(node);
        if (!is_older(now_us, session->since_us, limit_ms)) {
            return;
        }
        log_debug("session %u: closed after %lld ms in state %s", session->id, (long long)limit_ms,
                  stage_names[stage]);
        session_close(session);
    }
}

static void close_stuck(struct sessions *sessions, enum session_stage stage)
{
    uint64_t now_us = loop_now_us(sessions->host.loop);
    int64_t limit_ms = sessions->snapshot->config->settings.client_write_ms;
    LIST_FOR_EACH_SAFE (&sessions->stages[stage], node) {
        struct session *session = session_of(node);
        bool is_awaited = session->output.size_bytes > 0 ||
                          (session->takes_input && !session->is_input_held); // its file
        if (is_awaited && is_older(now_us, session->heard_us, limit_ms)) {
            log_notice("session %u: the client has taken nothing for %lld ms: closed", session->id,
                       (long long)limit_ms);
            session_close(session);
        }
    }
}

static void end_idle_for_drain(struct sessions *sessions)
{
    LIST_FOR_EACH_SAFE (&sessions->stages[SESSION_IDLE], node) {
        struct session *session = session_of(node);
        if (!session_in_transaction(session)) {
            struct error error;
            error_fill(&error, ER_SERVER_SHUTDOWN);
            session_end(session, &error);
        }
    }
    if (loop_now_us(sessions->host.loop) >= sessions->drain_deadline_us) {
        for (int stage = SESSION_LOGIN; stage < SESSION_CLOSED; stage++) {
            struct node *node;
            while ((node = list_first(&sessions->stages[stage])) != NULL) {
                session_close(session_of(node));
            }
        }
    }
}

static void on_tick(struct timer *timer)
{
    struct sessions *sessions = CONTAINER_OF(timer, struct sessions, tick);
    const struct settings *settings = &sessions->snapshot->config->settings;
    close_old(sessions, SESSION_LOGIN, settings->login_timeout_ms);
    close_old(sessions, SESSION_IDLE, settings->client_idle_ms);
    close_old(sessions, SESSION_ENDING, ENDING_MS);
    close_stuck(sessions, SESSION_RUNNING);
    close_stuck(sessions, SESSION_FLUSHING);
    legs_tick(sessions);
    untold_tick(sessions);
    deadlock_look(sessions);
    login_accounts_read(sessions);
    account_waits_go_on(sessions);
    note_wall_clock(sessions);
    if (sessions->is_draining) {
        end_idle_for_drain(sessions);
    }
    if (sessions_count(sessions) > 0) {
        timer_start(timer, TICK_MS);
    }
}

// ---- the door

static void take_grants(struct order_id_source *ids, const struct snapshot *snapshot)
{
    uint16_t count = snapshot->config->shard_count;
    ids->grants = memory_resize(ids->grants, (count + 1u) * sizeof *ids->grants);
    for (uint16_t i = 0; i < count; i++) {
        ids->grants[i] = snapshot->shards[i].ids;
    }
}

static void take_snapshot(struct sessions *sessions, const struct snapshot *snapshot)
{
    const struct snapshot *before = sessions->snapshot;
    if (before != NULL && before->config->declared_number != snapshot->config->declared_number) {
        sessions->declared_us = loop_now_us(sessions->host.loop);
    }
    sessions->snapshot = snapshot;
    sessions->sql_mode = parse_sql_mode(slice_of_string(snapshot->sql_mode));
    sessions->order_ids.proxy_id = (uint8_t)snapshot->config->settings.proxy_id;
    take_grants(&sessions->order_ids, snapshot);
}

// 40 bits: names of transactions have room for no more.
static uint64_t random_run(uint64_t fallback)
{
    uint64_t run = 0;
    if (getrandom(&run, sizeof run, 0) != (ssize_t)sizeof run) {
        run = fallback;
    }
    return run & 0xffffffffff;
}

struct sessions *sessions_new(const struct sessions_host *host, const struct snapshot *snapshot)
{
    struct sessions *sessions = memory_new(sizeof *sessions);
    sessions->host = *host;
    sessions->began_us = loop_now_us(host->loop);
    sessions->fit = fit_new();
    sessions->run = random_run(sessions->began_us);
    for (int stage = 0; stage < SESSION_STAGES; stage++) {
        list_init(&sessions->stages[stage]);
    }
    list_init(&sessions->held);
    list_init(&sessions->lingering);
    list_init(&sessions->account_waits);
    list_init(&sessions->applying);
    list_init(&sessions->untold);
    list_init(&sessions->moments);
    slab_init(&sessions->session_slab, "session", sizeof(struct session), SESSIONS_KEPT);
    slab_init(&sessions->leg_slab, "leg", sizeof(struct leg), LEGS_KEPT);
    timer_init(&sessions->tick, host->loop, on_tick);
    sessions->sweep.on_later = on_sweep;
    session_ids_init(&sessions->ids, (uint8_t)snapshot->config->settings.proxy_id, host->worker,
                     host->worker_count);
    sessions->order_ids.worker = host->worker;
    sessions->order_ids.worker_count = host->worker_count;
    sessions->order_ids.sequence = memory_new(BUCKET_COUNT * sizeof *sessions->order_ids.sequence);
    sessions->order_ids.used_ms = host->ids_used_ms;
    note_wall_clock(sessions);
    take_snapshot(sessions, snapshot);
    return sessions;
}

void sessions_free(struct sessions *sessions)
{
    for (int stage = SESSION_LOGIN; stage < SESSION_CLOSED; stage++) {
        struct node *node;
        while ((node = list_first(&sessions->stages[stage])) != NULL) {
            session_close(session_of(node));
        }
    }
    on_sweep(&sessions->sweep);
    loop_cancel_later(sessions->host.loop, &sessions->sweep);
    applying_close_all(sessions);
    timer_stop(&sessions->tick);
    slab_done(&sessions->session_slab);
    slab_done(&sessions->leg_slab);
    fit_free(sessions->fit);
    login_cache_free(sessions);
    login_hosts_free(sessions);
    session_ids_done(&sessions->ids);
    memory_free(sessions->order_ids.sequence);
    memory_free(sessions->order_ids.grants);
    memory_free(sessions);
}

bool session_is_removed(const struct session *session, struct error *error)
{
    const struct user_config *user = session_user(session);
    if (user == NULL || !user->is_removed) {
        return false;
    }
    error_set(error, ER_ACCESS_DENIED, "28000", "Access denied: user '%s' is not there any more",
              user->name);
    return true;
}

// Idle ones at once, others after their command; what has no backend yet gets none.
static void end_removed_users(struct sessions *sessions)
{
    struct error error;
    LIST_FOR_EACH_SAFE (&sessions->stages[SESSION_IDLE], node) {
        if (session_is_removed(session_of(node), &error)) {
            session_end(session_of(node), &error);
        }
    }
    LIST_FOR_EACH_SAFE (&sessions->stages[SESSION_RUNNING], node) {
        if (session_is_removed(session_of(node), &error)) {
            legs_fail_waiting(session_of(node), &error);
        }
    }
    LIST_FOR_EACH_SAFE (&sessions->stages[SESSION_FLUSHING], node) {
        if (session_is_removed(session_of(node), &error)) {
            session_end(session_of(node), &error);
        }
    }
}

static bool has_another_primary(const struct snapshot *before, const struct snapshot *now)
{
    for (uint16_t i = 0; i < now->config->shard_count; i++) {
        uint16_t primary = now->shards[i].primary;
        if (primary != NO_SERVER &&
            (i >= before->config->shard_count || before->shards[i].primary != primary)) {
            return true;
        }
    }
    return false;
}

void sessions_set_snapshot(struct sessions *sessions, const struct snapshot *snapshot)
{
    bool has_moved = has_another_primary(sessions->snapshot, snapshot);
    take_snapshot(sessions, snapshot);
    end_removed_users(sessions);
    if (has_moved) {
        sessions_leave_replaced(sessions);
    }
    login_accounts_read(sessions);
    account_waits_go_on(sessions);
    legs_retry_held(sessions);
}

void sessions_drain(struct sessions *sessions, uint32_t grace_ms)
{
    sessions->is_draining = true;
    sessions->drain_deadline_us = loop_now_us(sessions->host.loop) + (uint64_t)grace_ms * 1000;
    end_idle_for_drain(sessions);
}

size_t sessions_count(const struct sessions *sessions)
{
    size_t count = 0;
    for (int stage = SESSION_LOGIN; stage < SESSION_CLOSED; stage++) {
        count += sessions->stages[stage].count;
    }
    return count;
}

void sessions_forget_hosts(struct sessions *sessions)
{
    login_hosts_free(sessions);
}

const struct rsa_key *sessions_rsa_key(const struct sessions *sessions)
{
    struct rsa_key *_Atomic *place = sessions->host.rsa_key;
    return place != NULL ? atomic_load_explicit(place, memory_order_acquire) : NULL;
}

struct session_counters *sessions_counters(struct sessions *sessions)
{
    return &sessions->counters;
}
