#include "session/deadlock.h"

#include "base/log.h"
#include "protocol/error_table.h"
#include "protocol/packet.h"

enum {
    LOOK_PAUSE_US = 250 * 1000,
    ERR_PACKET_MAX = 600, // of a killed statement
};

static bool has_connection(const struct leg *leg)
{
    return (leg->is_participant || leg->is_joining) &&
           (leg->state == LEG_RUNNING || leg->state == LEG_KEPT);
}

// One that ends its transaction waits for nobody's rows.
static bool is_suspect(const struct session *session)
{
    uint32_t connections = 0, running = 0;
    LIST_FOR_EACH (&session->legs, node) {
        const struct leg *leg = CONTAINER_OF(node, struct leg, node);
        connections += has_connection(leg);
        running += has_connection(leg) && leg->state == LEG_RUNNING;
        if (leg->command.is_own && leg->state == LEG_RUNNING) {
            return false;
        }
    }
    return connections > 1 && running > 0 && !session->transaction.is_ending &&
           !session->request->is_victim;
}

static void add_connections(const struct session *session, struct text *list)
{
    LIST_FOR_EACH (&session->legs, node) {
        const struct leg *leg = CONTAINER_OF(node, struct leg, node);
        if (has_connection(leg)) {
            struct waiter waiter = {
                .session = session->id,
                .began_us = session->transaction.began_us,
                .statement_us = session->request->began_us,
                .server = leg->server,
                .connection = backend_connection_id(leg->backend),
            };
            text_add(list, &waiter, sizeof waiter);
        }
    }
}

// True: there is one at least. `list` may be NULL.
static bool find_suspects(const struct sessions *sessions, struct text *list)
{
    uint64_t after_us = (uint64_t)sessions->snapshot->config->settings.deadlock_check_ms * 1000;
    uint64_t now_us = loop_now_us(sessions->host.loop);
    bool is_any = false;
    LIST_FOR_EACH (&sessions->stages[SESSION_RUNNING], node) { // the oldest first
        const struct session *session = CONTAINER_OF(node, struct session, node);
        if (now_us < session->since_us + after_us || (is_any && list == NULL)) {
            break;
        }
        if (is_suspect(session)) {
            is_any = true;
            if (list != NULL) {
                add_connections(session, list);
            }
        }
    }
    return is_any;
}

void deadlock_look(struct sessions *sessions)
{
    uint64_t now_us = loop_now_us(sessions->host.loop);
    bool is_on = sessions->snapshot->config->settings.deadlock_check_ms > 0;
    if (is_on && now_us >= sessions->waiting_told_us + LOOK_PAUSE_US &&
        find_suspects(sessions, NULL)) {
        sessions->waiting_told_us = now_us;
        sessions->host.on_waiting(sessions->host.owner);
    }
}

void deadlock_list(const struct sessions *sessions, struct text *list)
{
    (void)find_suspects(sessions, list);
}

void deadlock_end_victim(struct sessions *sessions, const struct waiter *who,
                         struct errand_result *result)
{
    struct session *session = session_ids_find(&sessions->ids, who->session);
    if (session == NULL || session->stage != SESSION_RUNNING ||
        session->transaction.began_us != who->began_us ||
        session->request->began_us != who->statement_us || !is_suspect(session)) {
        return;
    }
    LIST_FOR_EACH (&session->legs, node) {
        struct leg *leg = CONTAINER_OF(node, struct leg, node);
        if (leg->state == LEG_RUNNING && has_connection(leg) &&
            pool_kill(sessions->host.pools, leg->backend)) {
            session->request->is_victim = true;
        }
    }
    result->killed = session->request->is_victim;
    counter_add(&sessions->counters.deadlocks, result->killed);
}

static void make_packet(struct session *session, const uint8_t *bytes, size_t before,
                        const uint8_t **out, size_t *len)
{
    struct error error;
    struct text text;
    uint8_t sequence = packet_sequence(bytes + before);
    error_set(&error, ER_LOCK_DEADLOCK, "40001",
              "Deadlock found when trying to get lock; try restarting transaction");
    text_init(&text);
    text_add(&text, bytes, before);
    size_t place = packet_begin(&text);
    error_write(&text, &error);
    packet_end(&text, place, &sequence);
    struct slice copy = arena_copy(&session->arena, text_slice(&text));
    *out = copy.ptr;
    *len = copy.len;
    text_done(&text);
}

// Where the packet begins that ends with the bytes; `len`: not whole among them.
static size_t find_error(const uint8_t *bytes, size_t len)
{
    static const uint8_t head[] = {0xff, ER_QUERY_INTERRUPTED & 0xff, ER_QUERY_INTERRUPTED >> 8};
    for (size_t size = PACKET_HEADER_BYTES + sizeof head; size <= len && size <= ERR_PACKET_MAX;
         size++) {
        const uint8_t *packet = bytes + len - size;
        if (packet_payload_bytes(packet) == size - PACKET_HEADER_BYTES &&
            memcmp(packet + PACKET_HEADER_BYTES, head, sizeof head) == 0) {
            return len - size;
        }
    }
    return len;
}

void deadlock_rewrite(const struct leg *leg, struct answer *last, const uint8_t **bytes,
                      size_t *len)
{
    struct session *session = leg->session;
    if (!last->is_error || last->error_code != ER_QUERY_INTERRUPTED ||
        !session->request->is_victim) {
        return;
    }
    last->error_code = ER_LOCK_DEADLOCK;
    session->transaction.is_lost = true;
    size_t before = find_error(*bytes, *len);
    if (before < *len) {
        make_packet(session, *bytes, before, bytes, len);
    }
}
