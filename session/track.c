// What a client with CLIENT_SESSION_TRACK is told of its session's state in OK packets.
//
// Backends of such a client are opened with the capability, too. Each reports what a statement
// changed in the OK to that very statement (MariaDB 10.11), so what is sent ahead to make a backend
// like the session is reported in answers that nobody sees, and a relayed OK is right as it is:
// most sessions have no `struct track`, and cost nothing. There is one when
//
//   - an answer was swallowed, or several became one: what they told is due with the next OK,
//   - session_track_transaction_info is on: a transaction is of several backends, which begin it
//     late, and its BEGIN and COMMIT are answered here.
//
//     BEGIN (here)        told: T_______                  "START TRANSACTION;"
//     SELECT on s1        s1: T_R___S_   told: T_R___S_
//     SELECT on s2        s2: T_R___S_   told: nothing, the client knows
//     UPDATE on s2        s2: T_R_W_S_   told: T_R_W_S_
//     COMMIT (both)       s1, s2: ________   told: ________   ""
//
// GTIDs of one command from several servers are left out: each is the truth about its own server
// only, and a client could not tell which.

#include "session/track.h"

#include "base/memory.h"
#include "protocol/session_track.h"
#include "session/answer_marks.h"
#include "session/characteristics.h"
#include "session/transaction.h"

enum { PENDING_MAX = 65536, LOCKED_TABLES_AT = 7, READ_AT = 2 };

enum level { LEVEL_OFF, LEVEL_STATE, LEVEL_CHARACTERISTICS };

#define NO_TRANSACTION "________"

struct track {
    enum level level;
    bool is_level_new; // the server's own answer to SET session_track_transaction_info is due
    // What is due: changes but those of the transaction; one of each kind.
    struct text pending;
    uint16_t gtid_shard; // whose GTID is among them; NO_SHARD
    bool has_more_gtids; // another shard's came too: none is told
    // The transaction.
    bool has_reported;                      // since the last OK a server has reported its state:
    char reported[TRACK_TRANSACTION_BYTES]; // that, of several servers put together
    char seen[TRACK_TRANSACTION_BYTES];     // all that servers have reported since it began
    char told[TRACK_TRANSACTION_BYTES];
    bool has_own;                // the characteristics are due, whatever was told
    bool has_characteristics;    // since the last OK a server has reported them:
    struct text characteristics; // that
    struct text told_characteristics;
};

static void clear_due(struct track *track)
{
    track->pending.len = 0;
    track->gtid_shard = NO_SHARD;
    track->has_more_gtids = false;
    track->is_level_new = false;
    track->has_reported = false;
    track->has_own = false;
    track->has_characteristics = false;
}

static struct track *track_of(struct session *session)
{
    struct track *track = session->track;
    if (track == NULL) {
        track = session->track = memory_new(sizeof *track);
        text_init(&track->pending);
        text_init(&track->characteristics);
        text_init(&track->told_characteristics);
        memcpy(track->seen, NO_TRANSACTION, sizeof track->seen);
        memcpy(track->told, NO_TRANSACTION, sizeof track->told);
        clear_due(track);
    }
    return track;
}

void track_reset(struct session *session)
{
    struct track *track = session->track;
    if (track != NULL) {
        text_done(&track->pending);
        text_done(&track->characteristics);
        text_done(&track->told_characteristics);
        memory_free(track);
        session->track = NULL;
    }
}

static bool is_word(struct slice value, const char *word)
{
    bool is_quoted = value.len >= 2 && (value.ptr[0] == '\'' || value.ptr[0] == '"');
    return slice_is_nocase(is_quoted ? slice_part(value, 1, value.len - 1) : value, word);
}

static enum level read_level(const struct session *session)
{
    struct slice value =
        state_find_variable(&session->carried, slice_of_string("session_track_transaction_info"));
    if (value.ptr == NULL || is_word(value, "DEFAULT")) {
        value = slice_of_string(session->sessions->snapshot->tracks_transactions);
    }
    if (is_word(value, "STATE") || is_word(value, "1")) {
        return LEVEL_STATE;
    }
    return is_word(value, "CHARACTERISTICS") || is_word(value, "2") ? LEVEL_CHARACTERISTICS
                                                                    : LEVEL_OFF;
}

void track_note_level(struct session *session, bool is_answered)
{
    enum level level = read_level(session);
    if ((session->capabilities & CAP_SESSION_TRACK) == 0 ||
        (level == LEVEL_OFF && session->track == NULL)) {
        return;
    }
    struct track *track = track_of(session);
    track->level = level;
    track->is_level_new = is_answered;
}

void track_note_begin(struct session *session)
{
    struct track *track = session->track;
    if (track != NULL && track->level != LEVEL_OFF) {
        track->has_own = true;
        track->has_reported = false;
        memcpy(track->seen, NO_TRANSACTION, sizeof track->seen);
        if (session->transaction.is_snapshot) {
            track->seen[READ_AT] = 'R';
        }
    }
}

void track_note_once(struct session *session)
{
    if (session->track != NULL) {
        session->track->has_own = true;
    }
}

// ---- what servers report

static bool is_same_kind(const struct track_change *a, const struct track_change *b)
{
    return a->type == b->type && slice_equal_nocase(a->name, b->name);
}

// `value` NULL: takes all GTIDs out.
static void replace_pending(struct track *track, const struct track_change *change)
{
    struct text old = track->pending;
    struct reader reader = reader_of(text_slice(&old));
    struct track_change other;
    text_init(&track->pending);
    while (track_read(&reader, &other)) {
        bool is_replaced = change == NULL ? other.is_server_gtid : is_same_kind(change, &other);
        if (!is_replaced) {
            text_add_slice(&track->pending, other.whole);
        }
    }
    if (change != NULL && track->pending.len + change->whole.len <= PENDING_MAX) {
        text_add_slice(&track->pending, change->whole);
    }
    text_done(&old);
}

static void take_gtid(struct track *track, uint16_t shard, const struct track_change *change)
{
    if (track->gtid_shard != NO_SHARD && track->gtid_shard != shard) {
        track->has_more_gtids = true;
    }
    track->gtid_shard = shard;
    replace_pending(track, track->has_more_gtids ? NULL : change);
}

static void take_state(struct track *track, struct slice value)
{
    if (value.len != TRACK_TRANSACTION_BYTES) {
        return;
    }
    if (!track->has_reported) {
        memcpy(track->reported, value.ptr, sizeof track->reported);
        track->has_reported = true;
        return;
    }
    for (size_t i = 0; i < value.len; i++) {
        track->reported[i] = value.ptr[i] != '_' ? (char)value.ptr[i] : track->reported[i];
    }
}

static void take_changes(struct track *track, uint16_t shard, struct slice changes)
{
    struct reader reader = reader_of(changes);
    struct track_change change;
    while (track_read(&reader, &change)) {
        if (change.type == TRACK_TRANSACTION && track->level != LEVEL_OFF) {
            take_state(track, change.value);
        } else if (change.type == TRACK_CHARACTERISTICS && track->level != LEVEL_OFF) {
            track->has_characteristics = true;
            track->characteristics.len = 0;
            text_add_slice(&track->characteristics, change.value);
        } else if (change.is_server_gtid) {
            take_gtid(track, shard, &change);
        } else {
            replace_pending(track, &change);
        }
    }
}

void track_gather(struct session *session, uint16_t shard, struct slice changes)
{
    if (changes.len > 0 && (session->capabilities & CAP_SESSION_TRACK) != 0) {
        take_changes(track_of(session), shard, changes);
    }
}

void track_note_changed(struct session *session)
{
    static const uint8_t changed[] = {TRACK_STATE, 1, '1'};
    struct slice value =
        state_find_variable(&session->carried, slice_of_string("session_track_state_change"));
    if (value.ptr != NULL && (is_word(value, "1") || is_word(value, "ON"))) {
        track_gather(session, NO_SHARD, slice_of(changed, sizeof changed));
    }
}

// ---- what the client is told

// The state of the client's transaction, by its own facts and the servers' reports.
static void find_state(const struct session *session, struct track *track, char state[])
{
    bool is_open = session->transaction.is_open;
    memcpy(state, NO_TRANSACTION, TRACK_TRANSACTION_BYTES);
    if (track->has_reported && track->reported[0] == '_') {
        memcpy(state, track->reported, TRACK_TRANSACTION_BYTES);
        memcpy(track->seen, NO_TRANSACTION, sizeof track->seen);
        return;
    }
    if (!track->has_reported && !session_in_transaction(session)) {
        state[LOCKED_TABLES_AT] = session->pin != NULL ? track->told[LOCKED_TABLES_AT] : '_';
        memcpy(track->seen, NO_TRANSACTION, sizeof track->seen);
        return;
    }
    for (size_t i = 0; track->has_reported && i < sizeof track->seen; i++) {
        track->seen[i] = track->reported[i] != '_' ? track->reported[i] : track->seen[i];
    }
    memcpy(state, track->seen, TRACK_TRANSACTION_BYTES);
    char implicit = track->has_reported ? track->reported[0] : track->told[0];
    state[0] = is_open ? 'T' : implicit;
}

static void tell_state(struct session *session, struct track *track, struct text *block)
{
    char state[TRACK_TRANSACTION_BYTES];
    if (track->is_level_new) { // as its server says it
        if (!track->has_reported) {
            return;
        }
        memcpy(state, track->reported, sizeof state);
    } else {
        find_state(session, track, state);
        if (memcmp(state, track->told, sizeof state) == 0) {
            return;
        }
    }
    memcpy(track->told, state, sizeof state);
    track_write(block, TRACK_TRANSACTION, slice_of(NULL, 0), slice_of(state, sizeof state));
}

static void tell_characteristics(struct session *session, struct track *track, struct text *block)
{
    const struct transaction *transaction = &session->transaction;
    struct slice told = text_slice(&track->told_characteristics);
    bool is_over = !session_in_transaction(session) && transaction->once.len == 0;
    bool is_new =
        track->has_characteristics && !slice_equal(text_slice(&track->characteristics), told);
    struct text text;
    text_init(&text);
    if (track->has_own) {
        characteristics_print(&text, transaction);
    } else if (is_new || (track->is_level_new && track->has_characteristics)) {
        text_add_slice(&text, text_slice(&track->characteristics));
    } else if (!is_over || told.len == 0) {
        return;
    }
    track_write(block, TRACK_CHARACTERISTICS, slice_of(NULL, 0), text_slice(&text));
    text_done(&track->told_characteristics);
    track->told_characteristics = text;
}

void track_take(struct session *session, uint16_t shard, struct slice changes, struct text *block)
{
    struct track *track = session->track;
    take_changes(track, shard, changes);
    text_add_slice(block, text_slice(&track->pending));
    if (track->level != LEVEL_OFF) {
        tell_state(session, track, block);
    }
    if (track->level == LEVEL_CHARACTERISTICS) {
        tell_characteristics(session, track, block);
    }
    clear_due(track);
    if (track->level == LEVEL_OFF) {
        track_reset(session); // all was told
    }
}

void track_follow(struct session *session, enum answer_kind kind, uint16_t shard)
{
    if (track_is_due(session)) {
        answer_marks_add(session, kind, 0);
        session->request->marks->has_tracking = true;
        session->request->marks->shard = shard;
    }
}

bool track_is_followed(const struct session *session)
{
    const struct request *request = session->request;
    return request != NULL && request->marks != NULL && request->marks->has_tracking;
}
