// One command on a backend: what is sent ahead of it, and whose answer is whose.
//
//     out:      [close statements] [USE] [SET ...] [ahead ...] [[SET] PREPARE [SET]] [the command]
//     answers:                      ok    ok        ok ...       ok  prepared ok    -> the user
//     step:                      DATABASE VARIABLES AHEAD       TURN PREPARE RETURN COMMAND
//
// TURN and RETURN stand around a PREPARE whose text was written for other settings (sql_mode,
// character sets) than those in which it is executed.
//
// Usually all goes out in one write and costs no round trip. The command is held back until
// everything before it was answered when
//   - the user asks for it (is_careful),
//   - this server has never yet accepted that database or those settings: a command must not run in
//   a session that
//     could not be made like the client's,
//   - it turns to other settings and back,
//   - it executes a statement whose id is not known before (PREPARE). MariaDB has an id for "the
//   one prepared last",
//     and after a PREPARE that failed there is none, so that nothing else is executed by mistake.
//
// When something ahead fails, its error is the answer of the whole command, handed over when the
// connection is quiet again (the command's own answer, if it was sent, is swallowed).

#include "pool/pool_impl.h"

#include <assert.h>

#include "base/hash.h"
#include "protocol/bytes.h"
#include "protocol/error_table.h"
#include "protocol/packet.h"
#include "protocol/reply.h"

enum { MARIADB_HAS_LAST_STATEMENT = 100200 };

static struct slot *slot_of(const struct backend *backend)
{
    return backend->pool->slot;
}

// ---- what is sent

static void add_packet(struct text *out, enum com command, struct slice argument)
{
    uint8_t sequence = 0;
    size_t place = packet_begin(out);
    write_u8(out, (uint8_t)command);
    text_add_slice(out, argument);
    packet_end(out, place, &sequence);
}

static bool was_accepted(const struct slot *slot, uint64_t hash)
{
    return slot->accepted[hash % ACCEPTED_SLOTS] == hash;
}

static void note_accepted(struct slot *slot, uint64_t hash)
{
    slot->accepted[hash % ACCEPTED_SLOTS] = hash;
}

static void add_database(struct backend *backend, struct slice database)
{
    struct backend_run *run = &backend->run;
    run->database_hash = hash_bytes(database.ptr, database.len) ^ COM_INIT_DB;
    add_packet(&backend->out, COM_INIT_DB, database);
    run->is_held_back |= !was_accepted(slot_of(backend), run->database_hash);
}

static void add_variables(struct backend *backend, const struct session_state *want)
{
    struct backend_run *run = &backend->run;
    uint8_t sequence = 0;
    size_t place = packet_begin(&backend->out);
    write_u8(&backend->out, COM_QUERY);
    size_t begin = backend->out.len;
    state_difference(&backend->session, want, &backend->out);
    if (backend->out.len == begin) {
        backend->out.len = place; // nothing to set
        return;
    }
    run->has_variables = true;
    run->variables_hash = hash_bytes(backend->out.ptr + begin, backend->out.len - begin);
    packet_end(&backend->out, place, &sequence);
    run->is_held_back |= !was_accepted(slot_of(backend), run->variables_hash);
}

// The session's database and variables, if they differ from the connection's. A variable may be
// about the database, but the letters of a name that is not ASCII are in the character set of the
// session.
static void add_session(struct backend *backend, const struct session_state *want)
{
    struct backend_run *run = &backend->run;
    if (want == NULL || state_equal(&backend->session, want)) {
        return;
    }
    backend->pool->synced++;
    struct slice database = text_slice(&want->database);
    // A connection can't be brought back to no database: pool_take doesn't lend such a one.
    run->has_late_database = !slice_is_ascii(database); // the same bytes may be another name
    run->has_database = !run->has_late_database && database.len > 0 &&
                        !slice_equal(database, text_slice(&backend->session.database));
    if (run->has_database) {
        add_database(backend, database);
    }
    add_variables(backend, want);
    if (run->has_late_database) {
        add_database(backend, database);
    }
}

// False: there is nothing to set.
static bool add_set(struct backend *backend, const struct session_state *from,
                    const struct session_state *to)
{
    uint8_t sequence = 0;
    size_t place = packet_begin(&backend->out);
    write_u8(&backend->out, COM_QUERY);
    size_t begin = backend->out.len;
    state_difference(from, to, &backend->out);
    if (backend->out.len == begin) {
        backend->out.len = place;
        return false;
    }
    packet_end(&backend->out, place, &sequence);
    return true;
}

static void add_prepare_packet(struct backend *backend)
{
    struct backend_run *run = &backend->run;
    const struct backend_command *command = &run->command;
    if (command->prepare_query.ptr != NULL) {
        run->is_held_back = true;
        add_packet(&backend->out, COM_QUERY, command->prepare_query);
        return;
    }
    if (backend->is_mariadb && backend->version >= MARIADB_HAS_LAST_STATEMENT) {
        run->statement_id = LAST_STATEMENT;
    } else {
        run->is_held_back = true;
    }
    add_packet(&backend->out, COM_STMT_PREPARE, command->prepare_sql);
}

static void add_prepare(struct backend *backend)
{
    struct backend_run *run = &backend->run;
    const struct backend_command *command = &run->command;
    const struct session_state *now = command->state != NULL ? command->state : &backend->session;
    const struct session_state *then = command->read_state != NULL ? command->read_state : now;
    if (command->prepare_query.ptr == NULL &&
        statements_find(&backend->statements, command->prepare_sql, then, &run->statement_id)) {
        return;
    }
    run->has_prepare = true;
    run->has_turn = then != now && add_set(backend, now, then);
    add_prepare_packet(backend);
    if (run->has_turn) {
        (void)add_set(backend, then, now);
        run->is_held_back = true;
    }
}

static void add_command(struct backend *backend)
{
    struct backend_run *run = &backend->run;
    run->ahead_bytes = backend->out.len;
    run->is_held_back = false;
    if (run->command.prepare_sql.ptr == NULL) {
        backend->packet = run->command.packet;
        return;
    }
    uint8_t sequence = 0;
    size_t place = packet_begin(&backend->out);
    execute_write(&backend->out, run->command.execute, run->statement_id);
    packet_end(&backend->out, place, &sequence);
}

// ---- whose answer comes next

static enum answer_kind kind_of(const struct backend_run *run)
{
    switch (run->step) {
    case STEP_DATABASE:
    case STEP_LATE_DATABASE:
        return ANSWER_SIMPLE;
    case STEP_VARIABLES:
    case STEP_AHEAD:
    case STEP_TURN:
    case STEP_RETURN:
        return ANSWER_QUERY;
    case STEP_PREPARE:
        return run->command.prepare_query.ptr != NULL ? ANSWER_QUERY : ANSWER_PREPARE;
    case STEP_COMMAND:
        break;
    }
    return run->command.kind;
}

// Goes to the first step from `step` on that there is.
static void enter_step(struct backend *backend, enum backend_step step)
{
    struct backend_run *run = &backend->run;
    if (step == STEP_DATABASE && !run->has_database) {
        step = STEP_VARIABLES;
    }
    if (step == STEP_VARIABLES && !run->has_variables) {
        step = STEP_LATE_DATABASE;
    }
    if (step == STEP_LATE_DATABASE && !run->has_late_database) {
        step = STEP_AHEAD;
    }
    if (step == STEP_AHEAD && run->ahead_left == 0) {
        step = STEP_TURN;
    }
    if (step == STEP_TURN && !run->has_turn) {
        step = STEP_PREPARE;
    }
    if (step == STEP_PREPARE && !run->has_prepare) {
        step = STEP_RETURN;
    }
    if (step == STEP_RETURN && !run->has_turn) {
        step = STEP_COMMAND;
    }
    run->step = step;
    backend->failure.len = run->is_failed ? backend->failure.len : 0;
    answer_start(&backend->answer, kind_of(run), backend->capabilities);
}

static void next_step(struct backend *backend)
{
    struct backend_run *run = &backend->run;
    if (run->step == STEP_AHEAD) {
        run->ahead_left--;
        enter_step(backend, STEP_AHEAD);
    } else {
        enter_step(backend, run->step + 1);
    }
}

void backend_sync_start(struct backend *backend, const struct backend_command *command)
{
    struct backend_run *run = &backend->run;
    memset(run, 0, sizeof *run);
    run->command = *command;
    text_add_slice(&backend->out, text_slice(&backend->closing));
    backend->closing.len = 0;
    backend->ahead_changes.len = 0;
    backend->ahead_warnings = 0;
    add_session(backend, command->state);
    for (uint32_t i = 0; i < command->ahead_count; i++) {
        add_packet(&backend->out, COM_QUERY, command->ahead[i]);
    }
    run->ahead_left = command->ahead_count;
    if (command->prepare_sql.ptr != NULL || command->prepare_query.ptr != NULL) {
        add_prepare(backend);
    }
    enter_step(backend, STEP_DATABASE);
    if (command->is_careful && run->step != STEP_COMMAND) {
        run->is_held_back = true;
    }
    if (!run->is_held_back) {
        add_command(backend);
    }
}

// ---- answers

static void note_status(struct backend *backend)
{
    const struct answer *answer = &backend->answer;
    bool has_status = answer->kind != ANSWER_PREPARE && answer->kind != ANSWER_STRING;
    if (has_status && !answer->is_error) {
        backend->status = answer->status;
    }
}

static void note_changes(struct backend *backend)
{
    struct ok_packet ok;
    struct slice packet = text_slice(&backend->failure);
    bool is_whole = packet.len > PACKET_HEADER_BYTES && packet.len == backend->answer.byte_count;
    backend->ahead_changes.len = 0;
    backend->ahead_warnings = backend->answer.warnings;
    if ((backend->answer.status & STATUS_SESSION_CHANGED) != 0 && is_whole &&
        ok_read(slice_part(packet, PACKET_HEADER_BYTES, packet.len), &ok)) {
        text_add_slice(&backend->ahead_changes, ok.changes);
    }
}

struct slice backend_ahead_changes(const struct backend *backend)
{
    return text_slice(&backend->ahead_changes);
}

uint16_t backend_ahead_warnings(const struct backend *backend)
{
    return backend->ahead_warnings;
}

static void note_prepared(struct backend *backend)
{
    struct backend_run *run = &backend->run;
    const struct settings *settings = pools_settings(slot_of(backend)->pools);
    if (run->command.prepare_query.ptr != NULL) {
        return;
    }
    run->statement_id = backend->answer.statement_id;
    if (run->is_failed) { // what it was read with is not known
        statements_write_close(&backend->closing, run->statement_id);
        return;
    }
    statements_add(&backend->statements, run->statement_id, (size_t)settings->pool_prepared_max,
                   &backend->closing);
}

static void note_success(struct backend *backend)
{
    struct backend_run *run = &backend->run;
    const struct session_state *want = run->command.state;
    switch (run->step) {
    case STEP_DATABASE:
    case STEP_LATE_DATABASE:
        state_set_database(&backend->session, text_slice(&want->database));
        note_accepted(slot_of(backend), run->database_hash);
        break;
    case STEP_VARIABLES:
        note_accepted(slot_of(backend), run->variables_hash);
        if (!run->is_failed) {
            struct text database = backend->session.database;
            text_init(&backend->session.database);
            state_copy(&backend->session, want);
            // Only USE changes what is noted of the database.
            state_set_database(&backend->session, text_slice(&database));
            text_done(&database);
        }
        break;
    case STEP_PREPARE:
        note_prepared(backend);
        break;
    case STEP_AHEAD:
        note_changes(backend);
        break;
    case STEP_TURN:
    case STEP_RETURN:
    case STEP_COMMAND:
        break;
    }
}

// A SET around a PREPARE has failed (a KILL may do that): all of it is set anew by the next
// command.
static void forget_settings(struct backend *backend)
{
    backend->is_dirty = true;
    state_set_variable(&backend->session, slice_of_string("sql_mode"), slice_of_string("?"));
    state_set_variable(&backend->session, slice_of_string("names"), slice_of_string("?"));
}

// Keeps the ERR packet that ends what was sent ahead, as the answer of the whole command.
static void note_failure(struct backend *backend)
{
    struct backend_run *run = &backend->run;
    const struct answer *answer = &backend->answer;
    run->is_failed = true;
    if (run->step <= STEP_LATE_DATABASE) {
        backend->is_dirty = true; // what of it holds is not known
    }
    if (answer->byte_count != backend->failure.len) { // it was longer, or not the first packet
        struct error error = {.code = answer->error_code};
        memcpy(error.sqlstate, answer->sqlstate, sizeof error.sqlstate);
        memcpy(error.text, "a statement sent ahead failed", 30);
        uint8_t sequence = 1;
        backend->failure.len = 0;
        size_t place = packet_begin(&backend->failure);
        error_write(&backend->failure, &error);
        packet_end(&backend->failure, place, &sequence);
    }
    // The client counts on from the packets of its own command.
    size_t parts = run->command.packet.len / (PACKET_PAYLOAD_MAX + PACKET_HEADER_BYTES) + 1;
    backend->failure.ptr[3] = (uint8_t)parts;
}

static void keep_first_bytes(struct backend *backend, const uint8_t *bytes, size_t len)
{
    size_t room = FAILURE_BYTES_MAX - backend->failure.len;
    text_add(&backend->failure, bytes, len < room ? len : room);
}

// The connection is quiet: everything was answered.
static void finish(struct backend *backend)
{
    struct backend_run *run = &backend->run;
    if (backend_has_unsent(backend)) {
        backend->is_broken = true; // answered before it was sent: half a packet is on the wire
    }
    backend_clear_out(backend);
    if (run->command.kind == ANSWER_EXECUTE && backend->answer.is_cursor_open) {
        statements_open_cursor(&backend->statements, run->statement_id);
    }
    if (run->command.kind == ANSWER_PREPARE && run->command.packet.len > PACKET_HEADER_BYTES + 1 &&
        !run->is_failed && !backend->answer.is_error) {
        uint32_t old = 0;
        struct slice packet = run->command.packet;
        struct slice sql = slice_part(packet, PACKET_HEADER_BYTES + 1, packet.len);
        // Noted, so that it is closed some day and executed until then. An older twin goes.
        bool is_twin = statements_find(&backend->statements, sql, &backend->session, &old);
        (void)is_twin;
        statements_add(&backend->statements, backend->answer.statement_id,
                       (size_t)pools_settings(slot_of(backend)->pools)->pool_prepared_max,
                       &backend->closing);
    }
    if (backend->kill != NULL) {
        pool_kill_note_end(backend);
    }
    backend_enter(backend, BACKEND_LENT);
}

static void hand_over_failure(struct backend *backend)
{
    struct backend_user *user = backend->user;
    struct slice bytes = text_slice(&backend->failure);
    answer_start(&backend->answer, backend->run.command.kind, backend->capabilities);
    size_t eaten = answer_feed(&backend->answer, bytes.ptr, bytes.len);
    assert(eaten == bytes.len && backend->answer.is_error);
    finish(backend);
    user->on_bytes(user, backend, bytes.ptr, eaten);
}

// Something that the user doesn't see was answered to its end. False: the connection broke.
static bool hidden_answered(struct backend *backend, struct error *error)
{
    struct backend_run *run = &backend->run;
    note_status(backend);
    if (run->step == STEP_COMMAND) {
        hand_over_failure(backend);
        return true;
    }
    if (!backend->answer.is_error) {
        note_success(backend);
    } else if (!run->is_failed) {
        note_failure(backend);
    }
    if (backend->answer.is_error && (run->step == STEP_TURN || run->step == STEP_RETURN)) {
        forget_settings(backend);
    }
    next_step(backend);
    if (run->step != STEP_COMMAND || !run->is_held_back) {
        return true;
    }
    if (run->is_failed) {
        hand_over_failure(backend);
        return true;
    }
    add_command(backend);
    return backend_send(backend, error);
}

static bool bad_protocol(struct backend *backend, struct error *error)
{
    error_fill(error, ER_SERVER_LOST, slot_config(slot_of(backend))->name,
               "it sent what is not the MySQL protocol");
    return false;
}

// The user's own answer. Nothing may be done with the backend after on_bytes of the last ones.
static bool hand_over(struct backend *backend, const uint8_t *bytes, size_t len, size_t eaten,
                      struct error *error)
{
    struct backend_user *user = backend->user;
    if (backend->answer.is_bad) {
        return bad_protocol(backend, error);
    }
    if (backend->answer.is_done) {
        note_status(backend);
        // Nobody has asked for more; who answers before the file is over may read on in it.
        backend->is_broken |= eaten < len || backend->run.is_asked != backend->run.is_file_over;
        finish(backend);
    }
    user->on_bytes(user, backend, bytes, eaten);
    return true;
}

bool backend_sync_feed(struct backend *backend, const uint8_t *bytes, size_t len,
                       struct error *error)
{
    struct backend_run *run = &backend->run;
    for (;;) {
        size_t eaten = answer_feed(&backend->answer, bytes, len);
        if (backend->answer.wants_file && !run->is_asked && !backend_feed_begin(backend, error)) {
            return false;
        }
        if (run->step == STEP_COMMAND && !run->is_failed) {
            return run->is_held_back ? bad_protocol(backend, error)
                                     : hand_over(backend, bytes, len, eaten, error);
        }
        if (!run->is_failed) {
            keep_first_bytes(backend, bytes, eaten);
        }
        if (backend->answer.is_bad) {
            return bad_protocol(backend, error);
        }
        if (!backend->answer.is_done) {
            return true;
        }
        bytes += eaten;
        len -= eaten;
        bool is_last = run->step == STEP_COMMAND;
        if (is_last && len > 0) {
            backend->is_broken = true;
        }
        if (!hidden_answered(backend, error)) {
            return false;
        }
        // After a failure was handed over the backend is the user's, and may be anywhere.
        if (is_last || backend->state != BACKEND_RUNNING || len == 0) {
            return true;
        }
    }
}
