// See scatter_guard.h.

#include "session/scatter_guard.h"

#include <stdio.h>

#include "base/log.h"
#include "protocol/error_table.h"

enum { LOG_PAUSE_US = 1000 * 1000, SHOWN_BYTES_MAX = 500 };

void scatter_guard_note(struct session *session, const struct request *request)
{
    struct sessions *sessions = session->sessions;
    const struct plan *plan = request->plan;
    uint64_t now_us = session_now_us(session);
    const struct plan_warning *warning = plan->warnings;
    if (warning == NULL || warning->code != ER_SCATTER_WARNED) {
        return;
    }
    counter_add(&sessions->counters.scatter_warned, 1);
    if (sessions->guard_logged_us != 0 && now_us < sessions->guard_logged_us + LOG_PAUSE_US) {
        sessions->guard_unlogged++;
        return;
    }
    struct slice text = request->statement->text;
    size_t len = text.len < SHOWN_BYTES_MAX ? text.len : SHOWN_BYTES_MAX;
    log_warning("session %u: user %s: %s: %.*s (%llu more like it since the last such line)",
                session->id, session_user(session)->name, warning->text, (int)len,
                (const char *)text.ptr, (unsigned long long)sessions->guard_unlogged);
    sessions->guard_logged_us = now_us;
    sessions->guard_unlogged = 0;
}

void scatter_guard_note_refusal(struct session *session, const struct error *error)
{
    if (error->code == ER_SCATTER_DENIED) {
        counter_add(&session->sessions->counters.scatter_denied, 1);
    }
}

static bool add_warning(struct warning_list *list, const struct plan_warning *of_plan)
{
    struct error error;
    error_fill(&error, of_plan->code, of_plan->text);
    return warning_list_add_own(list, &error);
}

struct warning_list *scatter_guard_list(const struct plan *plan)
{
    if (plan->warnings == NULL) {
        return NULL;
    }
    struct warning_list *list = warning_list_new();
    for (const struct plan_warning *one = plan->warnings; one != NULL; one = one->next) {
        if (!add_warning(list, one)) {
            warning_list_free(list);
            return NULL;
        }
    }
    return list;
}

uint32_t scatter_guard_count(const struct plan *plan)
{
    uint32_t count = 0;
    for (const struct plan_warning *one = plan->warnings; one != NULL; one = one->next) {
        count++;
    }
    return count;
}

bool scatter_guard_looks_at(const struct session *session, const struct plan *plan)
{
    return plan->warnings != NULL || plan->counts_found ||
           session_config(session)->settings.max_result_rows > 0;
}

bool scatter_guard_allows_row(const struct session *session, const struct plan *plan, uint64_t rows,
                              struct error *error)
{
    int64_t max = session_config(session)->settings.max_result_rows;
    bool is_select =
        plan->merge == MERGE_ROWS || plan->merge == MERGE_SORT || plan->merge == MERGE_GROUP;
    char text[300];
    if (max == 0 || rows < (uint64_t)max || plan->access == ACCESS_WRITE || !is_select) {
        return true;
    }
    snprintf(text, sizeof text,
             "The statement reads several shards and gives more rows than max_result_rows (%lld): "
             "add conditions or a LIMIT, or raise the setting",
             (long long)max);
    error_fill(error, ER_SCATTER_DENIED, text);
    return false;
}
