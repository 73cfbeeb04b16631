// Commands about a server itself. Its state belongs to its administrators, who come to its own
// address; waybill says what a server says to an account without their privileges. Replicas and
// readers of the binary log are told where the server is: what they need is one server's, and
// waybill would give them another's after a failover.

#include "session/command_admin.h"

#include <stdio.h>

#include "protocol/error_table.h"
#include "session/command.h"

void command_statistics(struct session *session, struct request *request)
{
    (void)request;
    const struct sessions *sessions = session->sessions;
    uint64_t up_us = loop_now_us(sessions->host.loop) - sessions->began_us;
    uint64_t questions = sessions->host.questions(sessions->host.owner);
    uint64_t up_s = up_us / 1000000;
    struct slice text = arena_format(
        &session->arena,
        "Uptime: %llu  Threads: %u  Questions: %llu  Slow queries: 0  Opens: 0  Open tables: 0  "
        "Queries per second avg: %.3f",
        (unsigned long long)up_s, atomic_load(sessions->host.client_count),
        (unsigned long long)questions, (double)questions / (double)(up_s > 0 ? up_s : 1));
    session_write_payload(session, text);
    request_finish(session);
}

void command_deny(struct session *session, struct request *request)
{
    struct error error;
    char text[150];
    const char *privilege = request->command == COM_SHUTDOWN  ? "SHUTDOWN"
                            : request->command == COM_REFRESH ? "RELOAD"
                                                              : "SUPER";
    snprintf(text, sizeof text, "you need (at least one of) the %s privilege(s) for this operation",
             privilege);
    error_fill(&error, ER_ACCESS_SPECIFIC, text);
    command_error(session, &error);
}

void command_replication(struct session *session, struct request *request)
{
    (void)request;
    const struct config *config = session_config(session);
    const struct snapshot *snapshot = session->sessions->snapshot;
    uint16_t primary = snapshot->shards[config->default_shard].primary;
    struct error error;
    char text[300];
    if (primary == NO_SERVER) {
        snprintf(text, sizeof text,
                 "replicate from a server, at its own address, not from waybill");
    } else {
        snprintf(text, sizeof text,
                 "replicate from a server, at its own address, not from waybill: the primary of "
                 "shard '%s' is %.200s",
                 config->shards[config->default_shard].name, config->servers[primary].address_text);
    }
    error_fill(&error, ER_ACCESS_SPECIFIC, text);
    command_error(session, &error);
}
