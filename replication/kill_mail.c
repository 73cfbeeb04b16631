// A row is the request and its answer. Its key says who asks whom, and in which of his slots, so
// that there is a bounded number of rows; the next request overwrites it.
//
//     asked --(target) UPDATE--> taken --> killed | denied | committing | unknown
//       `----(asker, after its time) UPDATE--> late
//
// Each step is an UPDATE of a row in the state before it, so that a request that was given up is
// never carried out, and none twice. It names the target's run, as its heartbeat has it: another
// process with the same proxy_id, whose ids begin anew, doesn't take it.

#include "replication/kill_mail.h"

#include <stdio.h>

#include "base/memory.h"
#include "protocol/error_table.h"
#include "replication/job.h"
#include "replication/schema.h"

enum {
    POLL_MS = 20,
    CARRY_OUT_MS = 2000,
    USER_SQL_BYTES = 2 * 256 + 8,
};

static const char *const states[] = {
    [KILL_DONE] = "killed",
    [KILL_DENIED] = "denied",
    [KILL_COMMITTING] = "committing",
    [KILL_UNKNOWN] = "unknown",
};

static void post(const struct kill_mail_setup *setup, const struct kill_letter *letter)
{
    struct kill_letter *copy = memory_new(sizeof *copy);
    *copy = *letter;
    copy->message.deliver = setup->deliver;
    mailbox_post(setup->mailbox, &copy->message);
}

// Has the last UPDATE changed a row?
static bool has_changed(struct dbconn *conn, bool *changed, struct error *error)
{
    struct db_rows rows;
    bool is_fine = dbconn_query(conn, &rows, error, "SELECT ROW_COUNT() AS changed");
    *changed = is_fine && db_rows_number(&rows, "changed") == 1;
    db_rows_done(&rows);
    return is_fine;
}

// ---- asking

struct kill_asker {
    struct kill_mail_setup setup;
    struct kill_order order;
    uint64_t number;
    uint32_t slot;
    uint32_t wait_ms;
    struct job *job;  // owned
    struct job *self; // the same, for the job's thread
    struct dbconn *conn;
    uint64_t target_run;
};

static struct kill_answer failed(const struct kill_asker *asker, const char *why)
{
    struct kill_answer answer = {.outcome = KILL_FAILED};
    char text[400];
    snprintf(
        text, sizeof text,
        "KILL %u: that client belongs to the waybill with proxy_id = %u, which is asked by way "
        "of the default shard's primary: %s",
        asker->order.victim, asker->order.target, why);
    error_fill(&answer.error, ER_UNKNOWN, text);
    return answer;
}

static struct kill_answer uncertain(const struct kill_asker *asker)
{
    struct kill_answer answer = {.outcome = KILL_FAILED};
    char text[300];
    snprintf(text, sizeof text,
             "KILL %u: the waybill with proxy_id = %u has taken the request, and it is not known "
             "what came of it: look there",
             asker->order.victim, asker->order.target);
    error_fill(&answer.error, ER_OUTCOME_UNKNOWN, text);
    return answer;
}

// Whom a request has to name. False: that proxy_id has never been here, or *error has a code.
static bool find_target(struct kill_asker *asker, struct error *error)
{
    struct db_rows rows;
    bool is_fine =
        dbconn_query(asker->conn, &rows, error,
                     "SELECT run FROM waybill.heartbeat WHERE proxy = %u", asker->order.target);
    asker->target_run = is_fine && rows.count > 0 ? db_rows_number(&rows, "run") : 0;
    db_rows_done(&rows);
    if (is_fine || schema_is_missing(error)) {
        error->code = 0;
    }
    return asker->target_run != 0;
}

static bool insert_request(struct kill_asker *asker, struct error *error)
{
    const struct kill_order *order = &asker->order;
    char user[USER_SQL_BYTES];
    db_quote(order->user, user, sizeof user);
    return dbconn_run(
        asker->conn, error,
        "INSERT INTO waybill.kill_request (target, asker, slot, target_run, asker_run, number, "
        "victim, asker_session, is_query, may_all, user, state, asked_at) VALUES (%u, %u, %u, "
        "%llu, %llu, %llu, %u, %u, %u, %u, %s, 'asked', UTC_TIMESTAMP(3)) ON DUPLICATE KEY UPDATE "
        "target_run = VALUES(target_run), asker_run = VALUES(asker_run), number = VALUES(number), "
        "victim = VALUES(victim), asker_session = VALUES(asker_session), is_query = "
        "VALUES(is_query), may_all = VALUES(may_all), user = VALUES(user), state = VALUES(state), "
        "asked_at = VALUES(asked_at)",
        asker->order.target, asker->setup.proxy, asker->slot, (unsigned long long)asker->target_run,
        (unsigned long long)asker->setup.run, (unsigned long long)asker->number, order->victim,
        order->asker, order->is_query, order->may_all, user);
}

#define ASKED_ROW_FORMAT                                                                           \
    "target = %u AND asker = %u AND slot = %u AND asker_run = %llu AND number = %llu"
#define ASKED_ROW(asker)                                                                           \
    (asker)->order.target, (asker)->setup.proxy, (asker)->slot,                                    \
        (unsigned long long)(asker)->setup.run, (unsigned long long)(asker)->number

static bool read_state(struct kill_asker *asker, char state[16], struct error *error)
{
    struct db_rows rows;
    bool is_fine = dbconn_query(asker->conn, &rows, error,
                                "SELECT state FROM waybill.kill_request WHERE " ASKED_ROW_FORMAT,
                                ASKED_ROW(asker));
    snprintf(state, 16, "%s", is_fine ? db_rows_text(&rows, "state") : "");
    db_rows_done(&rows);
    return is_fine;
}

static bool take_answer(const char *state, struct kill_answer *answer)
{
    for (int i = KILL_DONE; i < KILL_FAILED; i++) {
        if (strcmp(state, states[i]) == 0) {
            answer->outcome = (enum kill_outcome)i;
            return true;
        }
    }
    return false;
}

// Nobody has answered in time: from here on nobody will.
static struct kill_answer give_up(struct kill_asker *asker)
{
    struct kill_answer answer = {0};
    struct error error;
    char state[16];
    char why[100];
    bool is_late = false;
    if (!dbconn_run(asker->conn, &error,
                    "UPDATE waybill.kill_request SET state = 'late' WHERE " ASKED_ROW_FORMAT
                    " AND state = 'asked'",
                    ASKED_ROW(asker)) ||
        !has_changed(asker->conn, &is_late, &error) ||
        (!is_late && !read_state(asker, state, &error))) {
        return uncertain(asker);
    }
    if (is_late) {
        snprintf(why, sizeof why, "it has not answered within %u ms, and may not be running",
                 asker->wait_ms);
        return failed(asker, why);
    }
    return take_answer(state, &answer) ? answer : uncertain(asker);
}

static struct kill_answer wait_for_answer(struct kill_asker *asker)
{
    struct kill_answer answer = {0};
    struct error error;
    char state[16];
    uint64_t until_us = job_now_us() + (uint64_t)asker->wait_ms * 1000;
    while (job_now_us() < until_us && job_wait(asker->self, POLL_MS, NULL, 0) != JOB_STOP) {
        if (!read_state(asker, state, &error)) {
            return uncertain(asker);
        }
        if (take_answer(state, &answer)) {
            return answer;
        }
    }
    return give_up(asker);
}

static struct kill_answer ask(struct kill_asker *asker)
{
    struct error error = {0};
    enum db_failure failure;
    asker->conn = dbconn_open(&asker->setup.endpoint, &error, &failure);
    if (asker->conn == NULL) {
        return failed(asker, error.text);
    }
    if (!find_target(asker, &error)) {
        return error.code != 0 ? failed(asker, error.text)
                               : (struct kill_answer){.outcome = KILL_UNKNOWN};
    }
    bool is_asked = insert_request(asker, &error);
    if (!is_asked && schema_is_missing(&error)) {
        is_asked = schema_create(asker->conn, &error) && insert_request(asker, &error);
    }
    if (is_asked) {
        return wait_for_answer(asker);
    }
    // A commit that waits for a replica when the connection ends is there all the same.
    return dbconn_failure(asker->conn) == DB_LOST ? uncertain(asker) : failed(asker, error.text);
}

static void run_asker(struct job *job, void *owner)
{
    struct kill_asker *asker = owner;
    asker->self = job;
    struct kill_letter letter = {.kind = LETTER_ANSWER, .number = asker->number};
    letter.answer = ask(asker);
    dbconn_close(asker->conn);
    post(&asker->setup, &letter);
}

struct kill_asker *kill_asker_start(const struct kill_mail_setup *setup,
                                    const struct kill_order *order, uint64_t number, uint32_t slot,
                                    uint32_t wait_ms)
{
    struct kill_asker *asker = memory_new(sizeof *asker);
    asker->setup = *setup;
    asker->order = *order;
    asker->number = number;
    asker->slot = slot;
    asker->wait_ms = wait_ms;
    asker->job = job_start("kill asker", run_asker, asker);
    return asker;
}

void kill_asker_join(struct kill_asker *asker)
{
    job_join(asker->job);
    memory_free(asker);
}

// ---- answering

struct kill_answerer {
    struct kill_mail_setup setup;
    struct job *job;  // owned
    struct job *self; // the same, for the job's thread
    struct dbconn *conn;
    uint64_t number; // of the last order
};

struct told_outcome { // kill_answerer_tell's order
    uint64_t number;
    enum kill_outcome outcome;
};

struct found_request {
    uint32_t asker, slot;
    uint64_t asker_run, number;
    struct kill_order order;
};

static bool find_request(struct kill_answerer *answerer, struct found_request *found)
{
    struct db_rows rows;
    struct error error;
    bool is_there =
        dbconn_query(answerer->conn, &rows, &error,
                     "SELECT asker, slot, asker_run, number, victim, asker_session, is_query, "
                     "may_all, user " KILL_REQUESTS_FORMAT " ORDER BY asked_at LIMIT 1",
                     answerer->setup.proxy, (unsigned long long)answerer->setup.run) &&
        rows.count > 0;
    if (is_there) {
        found->asker = (uint32_t)db_rows_number(&rows, "asker");
        found->slot = (uint32_t)db_rows_number(&rows, "slot");
        found->asker_run = db_rows_number(&rows, "asker_run");
        found->number = db_rows_number(&rows, "number");
        found->order = (struct kill_order){
            .victim = (uint32_t)db_rows_number(&rows, "victim"),
            .asker = (uint32_t)db_rows_number(&rows, "asker_session"),
            .is_query = db_rows_is_yes(&rows, "is_query"),
            .may_all = db_rows_is_yes(&rows, "may_all"),
        };
        snprintf(found->order.user, sizeof found->order.user, "%s", db_rows_text(&rows, "user"));
    }
    db_rows_done(&rows);
    return is_there;
}

// False: it is not in that state any more, or the connection is gone.
static bool move_on(struct kill_answerer *answerer, const struct found_request *found,
                    const char *from, const char *to)
{
    struct error error;
    bool is_done = false;
    return dbconn_run(answerer->conn, &error,
                      "UPDATE waybill.kill_request SET state = '%s' WHERE target = %u AND asker = "
                      "%u AND slot = %u AND asker_run = %llu AND number = %llu AND state = '%s'",
                      to, answerer->setup.proxy, found->asker, found->slot,
                      (unsigned long long)found->asker_run, (unsigned long long)found->number,
                      from) &&
           has_changed(answerer->conn, &is_done, &error) && is_done;
}

static bool carry_out(struct kill_answerer *answerer, const struct found_request *found)
{
    struct told_outcome told = {0};
    struct kill_letter letter = {
        .kind = LETTER_ORDER, .number = ++answerer->number, .order = found->order};
    post(&answerer->setup, &letter);
    return job_wait(answerer->self, CARRY_OUT_MS, &told, sizeof told) == JOB_ORDER &&
           told.number == answerer->number && told.outcome < KILL_FAILED &&
           move_on(answerer, found, "taken", states[told.outcome]);
}

static void run_answerer(struct job *job, void *owner)
{
    struct kill_answerer *answerer = owner;
    struct found_request found;
    struct error error;
    enum db_failure failure;
    answerer->self = job;
    answerer->conn = dbconn_open(&answerer->setup.endpoint, &error, &failure);
    while (answerer->conn != NULL && find_request(answerer, &found)) {
        bool is_ours = move_on(answerer, &found, "asked", "taken");
        if (is_ours && !carry_out(answerer, &found)) {
            break;
        }
        if (!is_ours && dbconn_failure(answerer->conn) == DB_LOST) {
            break;
        }
    }
    dbconn_close(answerer->conn);
    post(&answerer->setup, &(struct kill_letter){.kind = LETTER_END});
}

struct kill_answerer *kill_answerer_start(const struct kill_mail_setup *setup)
{
    struct kill_answerer *answerer = memory_new(sizeof *answerer);
    answerer->setup = *setup;
    answerer->job = job_start("kill answerer", run_answerer, answerer);
    return answerer;
}

void kill_answerer_tell(struct kill_answerer *answerer, uint64_t number, enum kill_outcome outcome)
{
    struct told_outcome told = {.number = number, .outcome = outcome};
    job_tell(answerer->job, &told, sizeof told);
}

void kill_answerer_join(struct kill_answerer *answerer)
{
    job_join(answerer->job);
    memory_free(answerer);
}
