#include "session/errand.h"

#include "session/account_wait.h"
#include "session/deadlock.h"
#include "session/declare.h"
#include "session/flow_ddl.h"
#include "session/flow_infile.h"
#include "session/flow_kill.h"
#include "session/flow_processlist.h"
#include "session/global_settings.h"
#include "session/kill.h"
#include "session/process_table.h"
#include "session/processlist.h"
#include "session/row_id_wait.h"

void errand_start(struct session *session, const struct errand *errand)
{
    struct sessions *sessions = session->sessions;
    struct errand order = *errand;
    const char *name = session_user(session)->name;
    size_t len = strnlen(name, sizeof order.asker_user - 1);
    order.asker = session->id;
    order.ticket = ++sessions->last_ticket;
    const struct user_config *user = session_user(session);
    order.may_all =
        errand->kind == ERRAND_KILL ? user->kills_all_sessions : user->sees_all_sessions;
    memcpy(order.asker_user, name, len);
    order.asker_user[len] = '\0';
    session->request->ticket = order.ticket;
    sessions->host.on_errand(sessions->host.owner, &order);
}

bool errand_is_allowed(const struct errand *errand, const struct user_config *user)
{
    return errand->may_all || (user != NULL && strcmp(errand->asker_user, user->name) == 0);
}

void sessions_run_errand(struct sessions *sessions, const struct errand *errand,
                         struct errand_result *result)
{
    *result = (struct errand_result){0};
    text_init(&result->list);
    switch (errand->kind) {
    case ERRAND_KILL:
        sessions_kill(sessions, errand, result);
        break;
    case ERRAND_LIST:
    case ERRAND_TABLE:
        processlist_write(sessions, errand, &result->list);
        break;
    case ERRAND_ACCOUNTS:
        if (errand->shard != NO_SHARD) {
            pools_outdate(sessions->host.pools, errand->shard);
        }
        break;
    case ERRAND_GLOBALS:
        sessions_note_globals(sessions, errand);
        break;
    case ERRAND_WAITERS:
        deadlock_list(sessions, &result->list);
        break;
    case ERRAND_VICTIM:
        deadlock_end_victim(sessions, &errand->waiter, result);
        break;
    case ERRAND_DECLARED:
        result->busy = declare_count_old(sessions, errand->declared_since);
        break;
    case ERRAND_DDL:
    case ERRAND_ROW_IDS:
        break; // goes to the monitor
    }
}

void sessions_errand_done(struct sessions *sessions, const struct errand *errand,
                          const struct errand_result *result)
{
    struct session *session = session_ids_find(&sessions->ids, errand->asker);
    bool has_gone =
        session == NULL || session->flow == NULL || session->request->ticket != errand->ticket;
    if (has_gone) {
        if (errand->kind == ERRAND_DDL) {
            flow_ddl_answered(sessions, NULL, errand, result);
        }
        return;
    }
    switch (errand->kind) {
    case ERRAND_KILL:
        kill_answered(session, errand, result);
        break;
    case ERRAND_LIST:
        processlist_answered(session, result);
        break;
    case ERRAND_TABLE:
        process_table_answered(session, result);
        break;
    case ERRAND_ACCOUNTS:
        account_wait_answered(session);
        break;
    case ERRAND_GLOBALS:
        globals_told(session);
        break;
    case ERRAND_DDL:
        flow_ddl_answered(sessions, session, errand, result);
        break;
    case ERRAND_ROW_IDS:
        if (flow_infile_awaits_ids(session)) {
            flow_infile_ids_reserved(session, result);
        } else {
            row_id_wait_answered(session, result);
        }
        break;
    case ERRAND_WAITERS:
    case ERRAND_VICTIM:
    case ERRAND_DECLARED:
        break; // no session asks
    }
}
