#pragma once
// One statement of the client that waybill runs as several: a SELECT that tells something, then the
// writes that follow from it. Each step runs as if the client had sent it, in the same transaction;
// its answer is caught, and when all is done the client gets one.
//
//     steps_start --> (START TRANSACTION, if the client has none) --> step --> then --> step -->
//     ...
//         ... --> steps_end    COMMIT of that transaction, then the client's OK or rows
//             --> steps_fail   ROLLBACK of it, then the client's error
//
// In the client's own transaction a savepoint stands ahead of the first step on each shard, and
// steps_fail goes back to it: what the client has done before stays.

#include "protocol/column.h"
#include "protocol/reply.h"
#include "protocol/row_text.h"
#include "session/session_impl.h"

struct steps;

// What came of a step; lives until the next one begins.
struct step_answer {
    struct error error; // code 0: none, and all else counts
    bool has_rows;
    struct column *columns; // in the arena
    uint32_t column_count;
    uint64_t row_count;
    struct ok_packet ok; // also of the end of rows: status and warnings
};

// After a step: begins the next one, or ends. It may be called from inside steps_run_..., which is
// therefore the last thing that its caller does.
typedef void (*steps_then)(struct steps *steps, const struct step_answer *answer);

// `state` is the caller's, in the session's arena, which isn't cleared before the end.
struct steps *steps_start(struct session *session, struct request *request, void *state);
struct session *steps_session(const struct steps *steps);
struct request *steps_request(const struct steps *steps); // the client's
void *steps_state(const struct steps *steps);
// From now on it is all or nothing: the client's transaction, or one of its own.
void steps_begin_transaction(struct steps *steps);

// The session's settings for the running step, in which values come as they are stored
// (character_set_results = NULL), and all rows (sql_select_limit is for the client's SELECTs).
struct session_state *steps_raw_state(struct session *session);
// Runs the text, `raw_results` in those settings. At most max_bytes of its answer are kept: more is
// an error.
void steps_run(struct steps *steps, struct slice sql, bool raw_results, size_t max_bytes,
               steps_then then);
// A request for a step that the caller plans himself, and its start: with request->statement and
// request->plan. NULL: the text can't be read, which is told to `then`.
struct request *steps_new_request(struct steps *steps, struct slice sql, size_t max_bytes,
                                  steps_then then);
void steps_run_planned(struct steps *steps, struct request *request);

// The next row of the answer, from the first on; false behind the last, or when it can't be read.
bool steps_next_row(struct steps *steps, struct field *fields, uint32_t count) MUST_CHECK;

// The client's answer. The steps are gone afterwards, at once or when the transaction has ended.
void steps_end(struct steps *steps, const struct ok_packet *ok);
void steps_end_rows(struct steps *steps, uint16_t warnings); // those of the last step
void steps_fail(struct steps *steps, const struct error *error);
// The last step's answer is the statement's: its error, rows or OK.
void steps_end_as(struct steps *steps, const struct step_answer *answer);

// client_io.c, flow.c: bytes of the running step's answer; it is whole; the session is dropped.
void steps_catch(struct session *session, const struct iovec *parts, int count);
void steps_go_on(struct session *session);
void steps_done(struct session *session);
// leg.c: is a savepoint of the steps to stand ahead of what runs on each shard?
bool steps_want_points(const struct session *session) MUST_CHECK;
