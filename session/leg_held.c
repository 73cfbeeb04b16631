// Legs that wait for a server: the shard has no primary now, what there is did not serve, or it
// does not have yet what the session has committed there (untold_wait.h). They try again when a new
// snapshot has something for them, and every now and then, for hold_ms.

#include <stdio.h>

#include "protocol/error_table.h"
#include "session/declare.h"
#include "session/leg_impl.h"
#include "session/untold_wait.h"

enum { HELD_RETRY_US = 500 * 1000 };

void leg_hold(struct leg *leg)
{
    leg->backend = NULL;
    leg->is_resting = false;
    struct sessions *sessions = leg->session->sessions;
    leg_enter(leg, LEG_HELD);
    if (leg->held_us == 0) {
        leg->held_us = leg->since_us;
        counter_add(&sessions->counters.queries_held, 1);
    }
    list_push_back(&sessions->held, &leg->list_node);
}

struct leg *leg_held_on(const struct session *session, uint16_t shard)
{
    LIST_FOR_EACH (&session->legs, node) {
        struct leg *leg = CONTAINER_OF(node, struct leg, node);
        if (leg->state == LEG_HELD && leg->shard == shard) {
            return leg;
        }
    }
    return NULL;
}

// Nothing has changed for it since its tries were used up.
static bool rests(struct leg *leg)
{
    const struct snapshot *snapshot = leg->session->sessions->snapshot;
    return leg->is_resting && snapshot->shards[leg->shard].primary == leg->rest_primary &&
           leg_choose(leg) != NO_SERVER;
}

static bool has_waited(const struct leg *leg)
{
    return session_now_us(leg->session) >= leg->since_us + HELD_RETRY_US;
}

static void retry_held(struct sessions *sessions, bool is_news)
{
    for (size_t left = sessions->held.count; left > 0; left--) {
        struct node *node = list_pop_front(&sessions->held);
        if (node == NULL) {
            return;
        }
        struct leg *leg = CONTAINER_OF(node, struct leg, list_node);
        struct error error;
        if (declare_forbids(leg->session, leg->session->request, &error)) {
            leg_fail(leg, &error);
        } else if (has_waited(leg) || (is_news && !rests(leg))) {
            leg_acquire(leg);
        } else {
            list_push_back(&sessions->held, node);
        }
    }
}

void legs_retry_held(struct sessions *sessions)
{
    retry_held(sessions, true);
}

static void fail_held(struct leg *leg, int64_t hold_ms)
{
    struct error error;
    char text[250];
    const char *why = untold_is_on(leg->session, leg->shard)
                          ? "does not have yet what this session has committed there"
                          : "has no server that can take the statement";
    snprintf(text, sizeof text, "shard '%s' %s; it was held for %lld ms (hold_ms)",
             session_config(leg->session)->shards[leg->shard].name, why, (long long)hold_ms);
    error_fill(&error, ER_SHARD_UNAVAILABLE, text);
    leg_fail(leg, &error);
}

// One of the held whose time is over, or NULL.
static struct leg *find_overdue(const struct sessions *sessions, int64_t hold_ms)
{
    uint64_t now_us = loop_now_us(sessions->host.loop);
    LIST_FOR_EACH (&sessions->held, node) {
        struct leg *leg = CONTAINER_OF(node, struct leg, list_node);
        if (now_us >= leg->held_us + (uint64_t)hold_ms * 1000) {
            return leg;
        }
    }
    return NULL;
}

void legs_tick(struct sessions *sessions)
{
    int64_t hold_ms = sessions->snapshot->config->settings.hold_ms;
    struct leg *leg;
    while ((leg = find_overdue(sessions, hold_ms)) != NULL) {
        fail_held(leg, hold_ms);
    }
    retry_held(sessions, false);
    legs_end_lingering(sessions);
}
