#pragma once
// A backend: one connection to a server, lent to one user (a flow) at a time. It runs one command
// at a time: first makes the connection's session like the client's, then sends the command's
// bytes, then hands the answer's bytes on as they come.
//
// Rule against re-entrance: no callback runs inside a call that the user made; callbacks come from
// the loop.

#include "base/arena.h"
#include "base/error.h"
#include "pool/session_state.h"
#include "protocol/answer.h"
#include "protocol/statement.h"

struct backend;

// Embedded in whoever holds a backend.
struct backend_user {
    // Bytes of the answer to the user's own command (never of what was sent ahead of it), as they
    // came from the wire; backend_answer() says what is known after them: with is_done these were
    // the last ones. Between start and is_done the user may only pause, resume, close or abandon.
    void (*on_bytes)(struct backend_user *user, struct backend *backend, const uint8_t *bytes,
                     size_t len);
    // The connection is gone, or could not be made like the session; the backend is closed by the
    // pool afterwards and the user forgets it. `was_sent`: false = the command never went out, so
    // it can be run elsewhere.
    void (*on_lost)(struct backend_user *user, struct backend *backend, const struct error *error,
                    bool was_sent);
    // All that backend_feed queued is on its way, after it said true. From the loop only; may be
    // NULL where no command takes_file.
    void (*on_fed)(struct backend_user *user, struct backend *backend);
};

// One command. The struct itself is copied; all that it points to is borrowed until is_done or
// on_lost.
struct backend_command {
    const struct session_state *state; // what the connection's session must be like; NULL: as it is
    // Sent ahead in packets of their own, their OKs swallowed: BEGIN, SAVEPOINT ..., SET
    // last_insert_id=.... An error to one of them is the answer of the whole command (is_error),
    // and the command itself counts as failed.
    const struct slice *ahead;
    uint32_t ahead_count;
    // Wait for the answers to what is sent ahead before the command goes out (writes whose meaning
    // depends on them). Otherwise all goes out in one write; only a database or settings that this
    // server has not accepted before are always waited for.
    bool is_careful;
    enum answer_kind kind;
    struct slice packet; // framed bytes, sequence from 0, as the client sent them or as
                         // packet_append made them
    // Instead of `packet`: execute a statement that is prepared here first if it is not yet.
    struct slice prepare_sql;      // ptr NULL: `packet` is used
    const struct execute *execute; // its parameters
    // What it was written for, when that differs from `state` in sql_mode and character sets: it is
    // prepared as in a session like that, then executed as in `state`. NULL: `state`.
    const struct session_state *read_state;
    struct slice prepare_query; // with read_state: PREPARE as text, before `packet`. ptr NULL: none
    // LOAD DATA LOCAL: the server may ask for the client's file. A server that asks after any other
    // command is hostile, and lost.
    bool takes_file;
};

void backend_start(struct backend *backend, const struct backend_command *command);
// After the server has asked for the file (wants_file in its answer): the next bytes of it, copied;
// they go in packets of their own. With is_end nothing more comes. True: the server doesn't take
// them at once, wait for on_fed before more is fed.
bool backend_feed(struct backend *backend, struct slice bytes, bool is_end);
const struct answer *backend_answer(const struct backend *backend);
void backend_pause(struct backend *backend); // the client is slow: stop reading
void backend_resume(struct backend *backend);

// Another user has it from now on; no command runs.
void backend_hand_over(struct backend *backend, struct backend_user *user);
uint16_t backend_account(const struct backend *backend);       // user_config id
uint32_t backend_connection_id(const struct backend *backend); // the server's
bool backend_is_idle(const struct backend *backend);           // no command runs
// A KILL was sent for the command that runs, or was run last.
bool backend_was_killed(const struct backend *backend);
// The transaction flag of the last answer.
bool backend_in_transaction(const struct backend *backend);
// What its session is like; after a SET or USE was run on it as the user's command, the user calls
// this to note it.
struct session_state *backend_state(struct backend *backend);
// The state changes in the OK to the last statement that was sent ahead of the command; empty: none
// were told. Until the next command.
struct slice backend_ahead_changes(const struct backend *backend);
// ... and its warnings. Likewise.
uint16_t backend_ahead_warnings(const struct backend *backend) MUST_CHECK;
// The server's id of the statement that was executed last, by prepare_sql. When that has opened a
// cursor, nothing else is executed by this id until backend_end_cursor; `is_closed`: the server has
// said that the cursor is closed. No command may run meanwhile.
uint32_t backend_statement(const struct backend *backend);
void backend_end_cursor(struct backend *backend, uint32_t statement_id, bool is_closed);
// It has something that a later user must not see (a user variable set at run time, a temporary
// table, a lock, ...): reset (COM_RESET_CONNECTION; closed where the server has none) before it is
// lent again.
void backend_mark_dirty(struct backend *backend);
// It is in a transaction that has only read: the reset ends it.
void backend_leave_reading(struct backend *backend);
