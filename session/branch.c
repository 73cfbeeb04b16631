#include "session/branch.h"

#include "cluster/decision.h"
#include "session/transaction.h"

enum distributed branch_mode(const struct session *session, const char **why)
{
    const struct user_config *user = session_user(session);
    const struct snapshot *snapshot = session->sessions->snapshot;
    enum distributed mode = user->distributed;
    const char *reason = DISTRIBUTED_IS_OFF;
    if (session->has_distributed) {
        mode = session->distributed;
    }
    if (mode == DISTRIBUTED_ATOMIC && !snapshot_may_decide(snapshot, &reason)) {
        mode = DISTRIBUTED_REFUSE;
    }
    if (why != NULL) {
        *why = mode == DISTRIBUTED_REFUSE ? reason : NULL;
    }
    return mode;
}

// Statements before which a server commits can't run in a branch, and need none.
static bool is_committing(const struct session *session)
{
    const struct statement *statement = session->request->statement;
    return statement != NULL && (statement->facts & FACT_ENDS_TRANSACTION) != 0;
}

bool branch_is_wanted(struct leg *leg)
{
    struct session *session = leg->session;
    struct transaction *transaction = &session->transaction;
    if (!transaction->is_open && !session->carried.is_autocommit_off) {
        return false;
    }
    if (is_committing(session)) {
        return false;
    }
    if (transaction->decider == NO_SHARD) {
        transaction->decider = leg->shard;
        transaction->is_atomic = branch_mode(session, NULL) == DISTRIBUTED_ATOMIC;
    }
    return transaction->is_atomic && transaction->decider != leg->shard &&
           !transaction->is_read_only;
}

static void add_gtrid(struct text *out, const struct session *session)
{
    struct sessions *sessions = session->sessions;
    const struct config *config = session_config(session);
    text_add_format(out, "'" DECISION_PREFIX "%lld:%llx:%x.%llx:%s'",
                    (long long)config->settings.proxy_id, (unsigned long long)sessions->run,
                    sessions->host.worker, (unsigned long long)session->transaction.number,
                    config->shards[session->transaction.decider].name);
}

static void need_number(struct session *session)
{
    struct transaction *transaction = &session->transaction;
    if (transaction->number == 0) {
        transaction->number = ++session->sessions->transaction_count;
    }
}

struct slice branch_gtrid(struct session *session)
{
    struct text text;
    text_init(&text);
    need_number(session);
    add_gtrid(&text, session);
    struct slice copy = arena_copy(&session->arena, text_slice(&text));
    text_done(&text);
    return copy;
}

struct slice branch_sql(const struct leg *leg, const char *verb)
{
    struct session *session = leg->session;
    const char *server = session_config(session)->servers[leg->server].name;
    struct text text;
    text_init(&text);
    need_number(session);
    text_add_format(&text, "%s ", verb);
    add_gtrid(&text, session);
    text_add_format(&text, ",'%.50s.%u',%d", server, backend_connection_id(leg->backend),
                    DECISION_FORMAT_ID);
    struct slice copy = arena_copy(&session->arena, text_slice(&text));
    text_done(&text);
    return copy;
}
