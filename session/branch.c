#include "session/branch.h"

#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#include "cluster/decision.h"
#include "protocol/error_table.h"
#include "session/own_set.h"
#include "session/table_locks.h"
#include "session/transaction.h"

enum distributed branch_mode(const struct session *session, const char **why)
{
    const struct snapshot *snapshot = session->sessions->snapshot;
    enum distributed mode = own_set_distributed(session);
    const char *reason = DISTRIBUTED_IS_OFF;
    if (mode == DISTRIBUTED_ATOMIC && !snapshot_may_decide(snapshot, &reason)) {
        mode = DISTRIBUTED_REFUSE;
    }
    if (mode == DISTRIBUTED_ATOMIC && table_locks_are_held(session)) {
        mode = DISTRIBUTED_REFUSE;
        reason = "which can't be one commit while tables are locked on several shards: UNLOCK "
                 "TABLES first (a dump: --skip-add-locks), or be a user with distributed = "
                 "best_effort";
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

// The user has commit_token = on, and the servers can.
static bool wants_decision_of_all(const struct session *session)
{
    const char *why;
    return session_user(session)->commit_token &&
           snapshot_may_decide(session->sessions->snapshot, &why);
}

bool branch_wants_decision(const struct session *session)
{
    bool has_written = false;
    LIST_FOR_EACH (&session->legs, node) {
        const struct leg *leg = CONTAINER_OF(node, struct leg, node);
        has_written |= leg->is_participant && leg->has_written;
    }
    return session->transaction.wants_decision && has_written;
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
        transaction->began_us =
            session_now_us(session) + (uint64_t)session->sessions->wall_ahead_ms * 1000;
        transaction->wants_decision =
            wants_decision_of_all(session) && !table_locks_are_held(session);
        transaction->is_atomic =
            transaction->wants_decision || branch_mode(session, NULL) == DISTRIBUTED_ATOMIC;
    }
    return transaction->is_atomic && transaction->decider != leg->shard &&
           !transaction->is_read_only;
}

// Without quotes.
static void add_gtrid(struct text *out, const struct session *session)
{
    struct sessions *sessions = session->sessions;
    const struct config *config = session_config(session);
    text_add_format(out, DECISION_PREFIX "%lld:%llx:%x.%llx:%s",
                    (long long)config->settings.proxy_id, (unsigned long long)sessions->run,
                    sessions->host.worker, (unsigned long long)session->transaction.number,
                    config->shards[session->transaction.decider].name);
}

// Who asks for a transaction's outcome ends it, so nobody should guess another one's name.
enum { NUMBER_RANDOM_BITS = 24 };

static uint32_t random_word(void)
{
    uint32_t word = 0;
    ssize_t got = getrandom(&word, sizeof word, 0);
    (void)got; // the count alone makes names unique
    return word;
}

static void need_number(struct session *session)
{
    struct transaction *transaction = &session->transaction;
    if (transaction->number == 0) {
        transaction->number = ++session->sessions->transaction_count << NUMBER_RANDOM_BITS |
                              (random_word() & ((1u << NUMBER_RANDOM_BITS) - 1));
    }
}

struct slice branch_gtrid(struct session *session)
{
    struct text text;
    text_init(&text);
    need_number(session);
    text_add_string(&text, "'");
    add_gtrid(&text, session);
    text_add_string(&text, "'");
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
    text_add_format(&text, "%s '", verb);
    add_gtrid(&text, session);
    text_add_format(&text, "','%.50s.%u',%d", server, backend_connection_id(leg->backend),
                    DECISION_FORMAT_ID);
    struct slice copy = arena_copy(&session->arena, text_slice(&text));
    text_done(&text);
    return copy;
}

// ---- tokens

// Has a branch written, and the decider has not? Then nobody has looked whether its tables are fit
// to be prepared (flow_fit.h), for nothing of it would have been.
static bool has_written_aside(const struct session *session)
{
    bool has_branch = false, has_decider = false;
    LIST_FOR_EACH (&session->legs, node) {
        const struct leg *leg = CONTAINER_OF(node, struct leg, node);
        has_branch |= leg->is_participant && leg->has_written && leg->branch != BRANCH_NONE;
        has_decider |= leg->is_participant && leg->has_written && leg->branch == BRANCH_NONE;
    }
    return has_branch && !has_decider;
}

struct slice branch_token(struct session *session, struct error *error)
{
    struct transaction *transaction = &session->transaction;
    const char *why = NULL;
    error->code = 0;
    if (!session_in_transaction(session) || transaction->decider == NO_SHARD) {
        return slice_of(NULL, 0);
    }
    if (!snapshot_may_decide(session->sessions->snapshot, &why)) {
        error_fill(error, ER_NOT_SUPPORTED_YET,
                   "the token of a transaction on servers that are not MariaDB 10.5 or later");
        return slice_of(NULL, 0);
    }
    if (!transaction->is_atomic && transaction_participants(session) > 1) {
        error_fill(error, ER_NOT_SUPPORTED_YET,
                   "the token of a transaction that is on several shards already: ask after its "
                   "first statement, or set commit_token = on for the user");
        return slice_of(NULL, 0);
    }
    if (!transaction->wants_decision && has_written_aside(session)) {
        error_fill(
            error, ER_NOT_SUPPORTED_YET,
            "the token of a transaction whose first shard was only read: ask before anything "
            "is written, or set commit_token = on for the user");
        return slice_of(NULL, 0);
    }
    transaction->is_atomic = transaction->wants_decision = true;
    need_number(session);
    struct text text;
    text_init(&text);
    add_gtrid(&text, session);
    text_add_format(&text, "@%llx", (unsigned long long)time(NULL));
    struct slice copy = arena_copy(&session->arena, text_slice(&text));
    text_done(&text);
    return copy;
}

bool branch_is_gtrid(struct slice gtrid)
{
    static const char others[] = "._-:";
    for (size_t i = 0; i < gtrid.len; i++) {
        uint8_t byte = gtrid.ptr[i];
        bool is_letter = (byte | 32) >= 'a' && (byte | 32) <= 'z';
        bool is_digit = byte >= '0' && byte <= '9';
        if (!is_letter && !is_digit && (byte == 0 || strchr(others, byte) == NULL)) {
            return false;
        }
    }
    return gtrid.len > sizeof DECISION_PREFIX - 1 && gtrid.len <= GTRID_BYTES_MAX &&
           memcmp(gtrid.ptr, DECISION_PREFIX, sizeof DECISION_PREFIX - 1) == 0;
}

// The place behind the last such byte; 0: there is none.
static size_t behind_last(struct slice text, uint8_t byte)
{
    const uint8_t *at = text.len > 0 ? memrchr(text.ptr, byte, text.len) : NULL;
    return at == NULL ? 0 : (size_t)(at - text.ptr) + 1;
}

bool branch_token_read(const struct session *session, struct slice text, struct branch_token *token)
{
    enum { TIME_DIGITS_MAX = 12 };
    const struct config *config = session_config(session);
    size_t time_at = behind_last(text, '@');
    char digits[TIME_DIGITS_MAX + 1] = "";
    char *end;
    if (time_at == 0 || text.len == time_at || text.len - time_at > TIME_DIGITS_MAX) {
        return false;
    }
    memcpy(digits, text.ptr + time_at, text.len - time_at);
    unsigned long long given = strtoull(digits, &end, 16);
    token->gtrid = slice_part(text, 0, time_at - 1);
    size_t shard_at = behind_last(token->gtrid, ':');
    const struct shard_config *shard =
        config_find_shard(config, slice_part(token->gtrid, shard_at, token->gtrid.len));
    if (*end != '\0' || !branch_is_gtrid(token->gtrid) || shard == NULL) {
        return false;
    }
    unsigned long long now = (unsigned long long)time(NULL);
    token->decider = (uint16_t)(shard - config->shards);
    token->age_s = now > given ? now - given : 0;
    struct text own;
    text_init(&own);
    if (session->transaction.number != 0) {
        add_gtrid(&own, session);
    }
    token->is_own = slice_equal(text_slice(&own), token->gtrid);
    text_done(&own);
    return true;
}
