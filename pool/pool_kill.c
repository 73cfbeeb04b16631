// Statements are ended on their servers, over another connection of the same account:
//
//     pool_kill -> WAITING  for an idle connection of the same pool, or one opened for it (beyond
//                     |     the limit: where all are busy, one of them is to be freed)
//                  LOOKING  what does the victim do? A commit that waits for a replica is never
//                     |     ended: KILL would make the server answer OK although no replica has it
//                   SENT    KILL QUERY (the victim is closed: KILL)
//                     |
//                   (gone)  answered
//
// The kill must hit the statement for which it was ordered and nothing else. So while it is under
// way the victim's connection sends nothing new (backend_send), is lent to nobody, and a connection
// for which a KILL was sent is closed when it is given back. A victim whose statement ends before
// SENT is left alone. When nobody can say whether the KILL is still coming, the victim is given up.

#include "pool/pool_impl.h"

#include <assert.h>
#include <stdio.h>

#include "base/log.h"
#include "base/memory.h"
#include "protocol/error_table.h"
#include "protocol/packet.h"

enum {
    KILLS_MAX = 256, // of one server, on one worker
    KILLERS_AT_ONCE = 4,
    HEARD_BYTES = 512, // of what the victim does: one column, one row
};

enum kill_step { KILL_WAITING, KILL_LOOKING, KILL_SENT };

struct pool_kill {
    struct node node; // in slot->kills, oldest first
    enum kill_step step;
    struct pool *pool;
    struct backend *victim; // NULL: it is closed, or has ended its statement
    struct backend *killer; // lent to `user`; NULL: WAITING
    struct backend_user user;
    uint32_t connection_id;
    bool is_closed; // the victim's connection: all that is left of it may end
    bool is_off;    // the statement has ended by itself
    uint64_t deadline_us;
    struct text packet;
    uint8_t heard[HEARD_BYTES];
    size_t heard_bytes;
};

// ---- the end

static void give_up(struct pool_kill *kill)
{
    struct error error;
    struct backend *victim = kill->victim;
    if (kill->step != KILL_SENT || victim == NULL) {
        return;
    }
    victim->is_broken = true;
    if (victim->state != BACKEND_RUNNING || backend_has_unsent(victim)) {
        error_fill(&error, ER_SERVER_LOST, slot_config(victim->pool->slot)->name,
                   "a KILL of the statement before is still under way");
        backend_fail_later(victim, &error);
    }
}

// Out of the list; what the victim held back goes out.
static void end(struct pool_kill *kill)
{
    struct slot *slot = kill->pool->slot;
    struct backend *victim = kill->victim;
    struct error error = {0};
    list_remove(&slot->kills, &kill->node);
    kill->pool->kills -= kill->step == KILL_WAITING;
    if (victim != NULL) {
        victim->kill = NULL;
        if (victim->lost == NULL && victim->state == BACKEND_RUNNING &&
            !backend_send(victim, &error)) {
            backend_fail_later(victim, &error);
        }
    }
    text_done(&kill->packet);
    memory_free(kill);
    slot_serve_later(slot);
}

static void give_killer_back(struct pool_kill *kill)
{
    struct backend *killer = kill->killer;
    kill->killer = NULL;
    pool_give(kill->pool->slot->pools, killer);
}

// ---- over the killer's connection

static void send_query(struct pool_kill *kill, const char *sql)
{
    uint8_t sequence = 0;
    kill->packet.len = 0;
    size_t place = packet_begin(&kill->packet);
    text_add(&kill->packet, (const uint8_t[]){COM_QUERY}, 1);
    text_add_string(&kill->packet, sql);
    packet_end(&kill->packet, place, &sequence);
    struct backend_command command = {.kind = ANSWER_QUERY, .packet = text_slice(&kill->packet)};
    backend_start(kill->killer, &command);
}

static void look(struct pool_kill *kill)
{
    char sql[120];
    kill->pool->kills--;
    kill->step = KILL_LOOKING;
    snprintf(sql, sizeof sql,
             "SELECT STATE FROM information_schema.PROCESSLIST WHERE ID = %u LIMIT 1",
             kill->connection_id);
    send_query(kill, sql);
}

static bool is_in_commit(const struct pool_kill *kill)
{
    static const char state[] = "Waiting for semi-sync ACK";
    return memmem(kill->heard, kill->heard_bytes, state, sizeof state - 1) != NULL;
}

static void strike(struct pool_kill *kill)
{
    char sql[40];
    kill->step = KILL_SENT;
    if (kill->victim != NULL) {
        kill->victim->was_killed = true;
        kill->victim->run.is_killed = true;
    }
    snprintf(sql, sizeof sql, "%s %u", kill->is_closed ? "KILL" : "KILL QUERY",
             kill->connection_id);
    send_query(kill, sql);
}

static void on_bytes(struct backend_user *user, struct backend *backend, const uint8_t *bytes,
                     size_t len)
{
    struct pool_kill *kill = CONTAINER_OF(user, struct pool_kill, user);
    size_t room = HEARD_BYTES - kill->heard_bytes;
    if (kill->step == KILL_LOOKING && room > 0) {
        size_t more = len < room ? len : room;
        memcpy(kill->heard + kill->heard_bytes, bytes, more);
        kill->heard_bytes += more;
    }
    if (!backend_answer(backend)->is_done) {
        return;
    }
    if (kill->step == KILL_LOOKING && !kill->is_off && !is_in_commit(kill)) {
        strike(kill);
        return;
    }
    give_killer_back(kill);
    end(kill);
}

static void on_lost(struct backend_user *user, struct backend *backend, const struct error *error,
                    bool was_sent)
{
    (void)backend, (void)was_sent;
    struct pool_kill *kill = CONTAINER_OF(user, struct pool_kill, user);
    log_notice("server %s: connection %u could not be killed: %s",
               slot_config(kill->pool->slot)->name, kill->connection_id, error->text);
    kill->killer = NULL;
    give_up(kill);
    end(kill);
}

// ---- ordering

static struct pool_kill *kill_new(struct backend *victim)
{
    struct pool_kill *kill = memory_new(sizeof *kill);
    struct pool *pool = victim->pool;
    struct pools *pools = pool->slot->pools;
    kill->step = KILL_WAITING;
    kill->pool = pool;
    kill->victim = victim;
    kill->connection_id = victim->connection_id;
    kill->user = (struct backend_user){.on_bytes = on_bytes, .on_lost = on_lost};
    kill->deadline_us =
        pools_now_us(pools) + (uint64_t)pools_settings(pools)->connect_timeout_ms * 1000;
    text_init(&kill->packet);
    pool->kills++;
    list_push_back(&pool->slot->kills, &kill->node);
    return kill;
}

bool pool_kill(struct pools *pools, struct backend *backend)
{
    struct slot *slot = backend->pool->slot;
    if (backend->state != BACKEND_RUNNING || backend->lost != NULL || slot_is_down(slot)) {
        return false; // nothing runs there
    }
    if (backend->kill != NULL) {
        return true;
    }
    if (slot->kills.count >= KILLS_MAX) {
        log_warning("server %s: connection %u is not killed, too many are", slot_config(slot)->name,
                    backend->connection_id);
        return false;
    }
    backend->kill = kill_new(backend);
    slot_serve_later(slot);
    pools_watch(pools);
    return true;
}

bool backend_was_killed(const struct backend *backend)
{
    return backend->run.is_killed;
}

// ---- what becomes of the victim

void pool_kill_note_end(struct backend *victim)
{
    struct pool_kill *kill = victim->kill;
    if (kill->step == KILL_SENT) {
        return; // it stays in the way of the next command
    }
    victim->kill = NULL;
    kill->victim = NULL;
    kill->is_off = true;
    if (kill->step == KILL_WAITING) {
        end(kill);
    }
}

void pool_kill_note_close(struct backend *victim)
{
    struct pool_kill *kill = victim->kill;
    victim->kill = NULL;
    kill->victim = NULL;
    kill->is_closed = true;
}

// ---- serving

static size_t count_killers(const struct slot *slot)
{
    size_t count = 0;
    LIST_FOR_EACH (&slot->kills, node) {
        count += CONTAINER_OF(node, struct pool_kill, node)->killer != NULL;
    }
    return count;
}

// One more connection, beyond the limit: it is closed when it is given back.
static void open_killer(struct pool *pool)
{
    struct error error;
    struct address address = {.len = sizeof address.at.v6};
    struct pool_client client = {0};
    uint64_t now_us = pools_now_us(pool->slot->pools);
    if (pool->pending.count > 0 || slot_is_down(pool->slot) ||
        backoff_is_on(&pool->slot->backoff, now_us) || backoff_is_on(&pool->backoff, now_us)) {
        return;
    }
    if (pool->ip.is_known) {
        address.at.v6.sin6_family = AF_INET6;
        memcpy(&address.at.v6.sin6_addr, pool->ip.bytes, sizeof pool->ip.bytes);
        client.address = &address;
    }
    if (backend_open(pool, &client, &error) == NULL) {
        pool_note_refusal(pool, &error);
    }
}

void slot_serve_kills(struct slot *slot)
{
    static const struct pool_want any;
    size_t killers = count_killers(slot);
    LIST_FOR_EACH_SAFE (&slot->kills, node) {
        struct pool_kill *kill = CONTAINER_OF(node, struct pool_kill, node);
        if (kill->step != KILL_WAITING) {
            continue;
        }
        if (killers++ >= KILLERS_AT_ONCE) {
            return;
        }
        kill->killer = pool_pick_idle(kill->pool, &any, SIZE_MAX);
        if (kill->killer == NULL) {
            open_killer(kill->pool);
            continue;
        }
        backend_lend(kill->killer, &kill->user);
        look(kill);
    }
}

void slot_expire_kills(struct slot *slot)
{
    uint64_t now_us = pools_now_us(slot->pools);
    struct node *node;
    while ((node = list_first(&slot->kills)) != NULL) {
        struct pool_kill *kill = CONTAINER_OF(node, struct pool_kill, node);
        if (kill->deadline_us > now_us) {
            return;
        }
        log_warning("server %s: connection %u could not be killed in time (connect_timeout_ms)",
                    slot_config(slot)->name, kill->connection_id);
        if (kill->killer != NULL) {
            pool_close(slot->pools, kill->killer);
        }
        give_up(kill);
        end(kill);
    }
}

void slot_drop_kills(struct slot *slot)
{
    struct node *node;
    while ((node = list_first(&slot->kills)) != NULL) {
        struct pool_kill *kill = CONTAINER_OF(node, struct pool_kill, node);
        assert(kill->victim == NULL);
        if (kill->killer != NULL) {
            backend_close(kill->killer);
        }
        end(kill);
    }
}
