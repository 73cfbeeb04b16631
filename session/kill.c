// KILL, as it comes to the sessions of this worker: by their own KILL statements, those of other
// workers' and proxies' sessions, and the admin port.
//
//     KILL QUERY         runs on servers:  KILL there (pool_kill); the answer is the servers' 1317
//                        waits for one:    1317 from here
//                        COMMIT, ROLLBACK: goes on; the asker is told
//                        else:             nothing happens, as on a server
//     KILL [CONNECTION]  closed without a word, as servers do; what runs for it on servers ends
//                        COMMIT, ROLLBACK: closed after their answer
//
// A COMMIT is never interrupted, since a server whose commit waits for a replica would answer OK
// although no replica has it.

#include "session/kill.h"

#include "base/log.h"
#include "base/memory.h"
#include "protocol/error_table.h"
#include "session/errand.h"
#include "session/leg_impl.h"

// ---- one

// The flow's failure ends the session's other legs, too.
void legs_fail_waiting(struct session *session, const struct error *error)
{
    LIST_FOR_EACH (&session->legs, node) {
        struct leg *leg = CONTAINER_OF(node, struct leg, node);
        if (leg->state == LEG_WAITING || leg->state == LEG_HELD) {
            if (leg->state == LEG_WAITING) {
                pool_cancel(leg_pools(leg), &leg->waiter);
            }
            leg_fail(leg, error);
            return;
        }
    }
}

static bool is_ending_transaction(const struct session *session)
{
    LIST_FOR_EACH (&session->legs, node) {
        const struct leg *leg = CONTAINER_OF(node, struct leg, node);
        if (leg->state == LEG_RUNNING && leg->command.is_own) {
            return true;
        }
    }
    return false;
}

static void kill_query(struct session *session)
{
    bool has_running = false;
    if (session->flow == NULL) {
        return;
    }
    session->request->is_killed = true; // what still waits for a backend begins nothing
    LIST_FOR_EACH (&session->legs, node) {
        struct leg *leg = CONTAINER_OF(node, struct leg, node);
        has_running |= leg->state == LEG_RUNNING && pool_kill(leg_pools(leg), leg->backend);
    }
    if (!has_running) {
        struct error error;
        error_fill(&error, ER_QUERY_INTERRUPTED);
        legs_fail_waiting(session, &error);
    }
}

static void kill_connection(struct session *session)
{
    if (is_ending_transaction(session)) {
        session->wants_close = true;
        return;
    }
    session->is_killed = true;
    session_close(session);
}

static void kill_one(struct session *session, const struct errand *order,
                     struct errand_result *outcome)
{
    if (!errand_is_allowed(order, session_user(session))) {
        outcome->denied++;
        return;
    }
    if (order->is_query && is_ending_transaction(session)) {
        outcome->committing++;
        return;
    }
    outcome->killed++;
    log_notice("session %u: %s by %s %u", session->id,
               order->is_query ? "its statement is killed" : "killed",
               order->asker == 0 ? "the admin port" : "session", order->asker);
    if (order->is_query) {
        kill_query(session);
    } else {
        kill_connection(session);
    }
}

// ---- what is left on a server

// What runs on the server when nobody waits for its answer any more: is it ended there, too? A
// write by itself goes on, as it does on a server when the client has gone: he may have meant it.
bool kill_takes_left(const struct leg *leg)
{
    const struct session *session = leg->session;
    const struct statement *statement =
        session->request != NULL ? session->request->statement : NULL;
    bool is_select = statement != NULL && statement->kind == STATEMENT_SELECT;
    if (leg->command.is_own) {
        return false;
    }
    if (session->is_killed) {
        return true;
    }
    return !leg->has_delivered &&
           (leg->command.access == ACCESS_REPLICA || is_select ||
            ((leg->is_participant || leg->is_joining) && !leg_may_have_committed(leg)));
}

// ---- all

static bool is_everywhere(const char *host)
{
    return host[0] == '\0' || strcmp(host, "%") == 0;
}

bool kill_is_meant(const struct errand *order, const struct user_config *user)
{
    if (user == NULL || strcmp(user->name, order->user) != 0) {
        return false;
    }
    bool is_same_host = is_everywhere(order->host) ? is_everywhere(user->from)
                                                   : strcasecmp(order->host, user->from) == 0;
    return order->host[0] == '\0' || is_same_host;
}

// By their ids, since a session that goes may take others' places in the lists.
static void kill_user(struct sessions *sessions, const struct errand *order,
                      struct errand_result *outcome)
{
    size_t count = 0;
    size_t most = sessions_count(sessions);
    uint32_t *ids = memory_new((most + 1) * sizeof *ids);
    for (int stage = SESSION_LOGIN; stage < SESSION_CLOSED; stage++) {
        LIST_FOR_EACH (&sessions->stages[stage], node) {
            const struct session *session = CONTAINER_OF(node, struct session, node);
            if (session->id != order->asker && kill_is_meant(order, session_user(session))) {
                ids[count++] = session->id;
            }
        }
    }
    for (size_t i = 0; i < count; i++) {
        struct session *session = session_ids_find(&sessions->ids, ids[i]);
        if (session != NULL && session->stage != SESSION_CLOSED) {
            kill_one(session, order, outcome);
        }
    }
    memory_free(ids);
}

void sessions_kill(struct sessions *sessions, const struct errand *order,
                   struct errand_result *outcome)
{
    if (order->is_user) {
        kill_user(sessions, order, outcome);
        return;
    }
    struct session *session = session_ids_find(&sessions->ids, order->victim);
    if (session != NULL && session->stage != SESSION_CLOSED) {
        kill_one(session, order, outcome);
    }
}
