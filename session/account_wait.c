// CREATE USER, GRANT, FLUSH PRIVILEGES and the like, where the accounts are the servers' own:
//
//     OK of the server --> READING --accounts read after it are here--> TELLING --all have them-->
//     OK
//                             \------------------ a second is over --------------------/
//
// They are read on the default shard. On another one (by a hint) there is nothing to read, but its
// connections were opened by what counted before: all workers are told to lend none of them.

#include "session/account_wait.h"

#include "session/errand.h"
#include "session/renumber.h"

enum { WAIT_MAX_US = 1000000 };

struct account_wait {
    struct flow flow;
    struct node node; // in sessions->account_waits
    uint16_t shard;
    bool is_telling;
    uint64_t since_us; // when the server has said OK (loop clock)
    struct gather ok;
};

static struct account_wait *wait_of(struct flow *flow)
{
    return CONTAINER_OF(flow, struct account_wait, flow);
}

bool account_wait_is_for(const struct session *session, const struct request *request)
{
    return request->statement != NULL && (request->statement->facts & FACT_ACCOUNTS) != 0 &&
           session_config(session)->settings.users == USERS_SERVERS &&
           session->sessions->host.on_accounts_doubt != NULL;
}

static void leave(struct account_wait *wait)
{
    list_remove(&wait->flow.session->sessions->account_waits, &wait->node);
}

static void answer(struct account_wait *wait)
{
    struct renumber renumber = {0};
    leave(wait);
    (void)renumber_write(&renumber, wait->flow.session, wait->ok.bytes, wait->ok.len);
    flow_finish(&wait->flow);
}

static void tell(struct account_wait *wait)
{
    bool is_read = wait->shard == session_config(wait->flow.session)->default_shard;
    struct errand errand = {.kind = ERRAND_ACCOUNTS, .shard = is_read ? NO_SHARD : wait->shard};
    wait->is_telling = true;
    errand_start(wait->flow.session, &errand);
}

static void on_abort(struct flow *flow)
{
    leave(wait_of(flow));
}

static void on_drained(struct flow *flow)
{
    (void)flow; // of an answer before this one
}

static const struct flow_kind account_wait_kind = {
    .name = "reading accounts",
    .on_drained = on_drained,
    .on_abort = on_abort,
};

void account_wait_start(struct session *session, struct request *request, uint16_t shard,
                        const struct gather *ok)
{
    struct sessions *sessions = session->sessions;
    struct account_wait *wait = arena_alloc(&session->arena, sizeof *wait);
    session->flow = NULL; // that flow is over, the command is not
    flow_begin(&wait->flow, &account_wait_kind, session, request);
    wait->shard = shard;
    wait->since_us = loop_read_clock_us(sessions->host.loop);
    wait->ok = *ok;
    list_push_back(&sessions->account_waits, &wait->node);
    if (shard == session_config(session)->default_shard) {
        sessions->host.on_accounts_doubt(sessions->host.owner, true);
    } else {
        tell(wait);
    }
}

void account_wait_answered(struct session *session)
{
    answer(wait_of(session->flow));
}

void account_waits_go_on(struct sessions *sessions)
{
    uint64_t now_us = loop_now_us(sessions->host.loop);
    LIST_FOR_EACH_SAFE (&sessions->account_waits, node) {
        struct account_wait *wait = CONTAINER_OF(node, struct account_wait, node);
        if (now_us > wait->since_us + WAIT_MAX_US) {
            answer(wait);
        } else if (!wait->is_telling && sessions->snapshot->accounts_us > wait->since_us) {
            tell(wait);
        }
    }
}
