// The lines of SHOW SESSIONS.

#include <stdio.h>

#include "session/session_impl.h"
#include "session/table_locks.h"
#include "session/transaction.h"

static void copy_text(char *to, size_t max, struct slice text)
{
    size_t len = text.len < max - 1 ? text.len : max - 1;
    if (len > 0) {
        memcpy(to, text.ptr, len);
    }
    to[len] = '\0';
}

static const char *state_name(const struct session *session)
{
    switch (session->stage) {
    case SESSION_LOGIN:
        return "login";
    case SESSION_IDLE:
        return "idle";
    case SESSION_RUNNING:
        break;
    case SESSION_FLUSHING:
        return "sending";
    case SESSION_ENDING:
    case SESSION_CLOSED:
        return "ending";
    }
    LIST_FOR_EACH (&session->legs, node) {
        const struct leg *leg = CONTAINER_OF(node, struct leg, node);
        if (leg->state == LEG_HELD) {
            return "held";
        }
        if (leg->state == LEG_WAITING) {
            return "waiting";
        }
    }
    return session->flow != NULL ? session->flow->kind->name : "running";
}

void session_print_state(const struct session *session, char *out, size_t max)
{
    copy_text(out, max, slice_of_string(state_name(session)));
}

static void list_shards(const struct session *session, char *out, size_t max)
{
    const struct config *config = session_config(session);
    size_t len = 0;
    out[0] = '\0';
    LIST_FOR_EACH (&session->legs, node) {
        const struct leg *leg = CONTAINER_OF(node, struct leg, node);
        if (leg->is_participant && len < max) {
            len += (size_t)snprintf(out + len, max - len, "%s%s", len > 0 ? "," : "",
                                    config->shards[leg->shard].name);
        }
    }
}

const char *session_compression_name(const struct session *session)
{
    bool is_zlib = (session->capabilities & CAP_COMPRESS) != 0;
    return session->compression != COMPRESSION_ON ? "" : is_zlib ? "zlib" : "zstd";
}

static void print_transport(const struct session *session, char *out, size_t max)
{
    const struct tls_facts *tls = stream_tls(&session->stream);
    const char *compression = session_compression_name(session);
    snprintf(out, max, "%s%s%s", tls != NULL ? tls->version : "plain",
             compression[0] != '\0' ? " " : "", compression);
}

static void fill(const struct session *session, struct session_figures *out)
{
    memset(out, 0, sizeof *out);
    out->id = session->id;
    out->account = session->account;
    char peer[ADDRESS_TEXT_BYTES];
    address_print(&session->peer, peer);
    copy_text(out->peer, sizeof out->peer, slice_of_string(peer));
    print_transport(session, out->transport, sizeof out->transport);
    copy_text(out->database, sizeof out->database, text_slice(&session->carried.database));
    copy_text(out->state, sizeof out->state, slice_of_string(state_name(session)));
    if (session->pin_reason != NULL) {
        copy_text(out->pinned, sizeof out->pinned, slice_of_string(session->pin_reason));
    } else if (table_locks_are_held(session)) {
        copy_text(out->pinned, sizeof out->pinned, slice_of_string("it has locked tables"));
    }
    list_shards(session, out->shards, sizeof out->shards);
    out->in_transaction = session_in_transaction(session);
    out->queries = session->queries;
    out->since_us = session->since_us;
    if (session->request != NULL && session->request->statement != NULL) {
        copy_text(out->statement, sizeof out->statement, session->request->statement->text);
    }
}

size_t sessions_figures(const struct sessions *sessions, struct session_figures *out, size_t max)
{
    size_t count = 0;
    for (int stage = SESSION_LOGIN; stage < SESSION_CLOSED; stage++) {
        LIST_FOR_EACH (&sessions->stages[stage], node) {
            if (count < max) {
                fill(CONTAINER_OF(node, struct session, node), &out[count]);
            }
            count++;
        }
    }
    return count;
}
