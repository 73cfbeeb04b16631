// The push reader of answers.
//
// Two machines, one in the other. The outer one (answer_feed) cuts bytes into packets and knows
// for each packet as little as it can: a row is stepped over by its length, a packet that matters
// is gathered (its first ANSWER_HEAD_BYTES) and handed to the inner one. The inner one
// (answer_take) is the grammar of answers:
//
//   FIRST ── OK ───────────────────────────> done, or FIRST again with MORE_RESULTS
//     │ ──── ERR ──────────────────────────> done                      (from every state)
//     │ ──── LOCAL INFILE ─────────────────> FIRST  (the client speaks in between)
//     └ count -> COLUMNS -> [COLUMNS_END] -> ROWS -> EOF -> done, or FIRST with MORE_RESULTS
//                               └ a cursor was opened -> done
//   PREPARED -> [PARAMS -> [PARAMS_END]] -> [PREPARED_COLUMNS -> [..._END]] -> done
//   FETCHED: ROWS.   FIELDS: columns, then EOF.   SIMPLE and STRING: one packet.
//
//   The [..._END] packets are there only without CLIENT_DEPRECATE_EOF. MORE_RESULTS stands in
//   COLUMNS_END too and means nothing there.
//
// The outer machine's phases:
//
//   HEADER ─(4 bytes)─> FIRST_BYTE ─> SKIP    ─(payload over)─> HEADER     a list's ordinary packet
//      │                    └───────> GATHER  ─(payload over)─> HEADER     ERR or the list's end
//      ├──────────────────────────> GATHER                                 all other packets
//      └──────────────────────────> SKIP                        the continuation of a 16 MB packet
//
// Guarantees: in_continuation only between parts of one logical row; head holds the first head_have
// bytes in GATHER; packet_left is what the present packet still lacks in FIRST_BYTE, GATHER, SKIP.

#include <assert.h>

#include "protocol/answer.h"
#include "protocol/packet.h"
#include "protocol/reply.h"
#include "protocol/statement.h"

enum state {
    STATE_FIRST,
    STATE_COLUMNS,
    STATE_COLUMNS_END,
    STATE_ROWS,
    STATE_PREPARED,
    STATE_PARAMS,
    STATE_PARAMS_END,
    STATE_PREPARED_COLUMNS,
    STATE_PREPARED_COLUMNS_END,
    STATE_FIELDS,
    STATE_SIMPLE,
    STATE_STRING,
};

enum phase { PHASE_HEADER, PHASE_FIRST_BYTE, PHASE_SKIP, PHASE_GATHER };

enum {
    FIRST_OK = 0x00,
    FIRST_INFILE = 0xfb,
    FIRST_EOF = 0xfe,
    FIRST_ERROR = 0xff,
    EOF_BYTES = 5,
    METADATA_FOLLOWS = 1, // behind the count of columns
    OK_BYTES_MIN = 7,
    COLUMNS_MAX = 1 << 20,  // more than a statement of usual size can name
    PROGRESS_CODE = 0xffff, // MariaDB's progress reports; never asked for
};

void answer_start(struct answer *answer, enum answer_kind kind, uint64_t capabilities)
{
    static const uint8_t first_state[] = {
        [ANSWER_QUERY] = STATE_FIRST,      [ANSWER_EXECUTE] = STATE_FIRST,
        [ANSWER_PREPARE] = STATE_PREPARED, [ANSWER_FETCH] = STATE_ROWS,
        [ANSWER_FIELDS] = STATE_FIELDS,    [ANSWER_SIMPLE] = STATE_SIMPLE,
        [ANSWER_STRING] = STATE_STRING,
    };
    // head is not cleared: on the way of every query, and read only where it was written.
    memset(answer, 0, offsetof(struct answer, head));
    answer->kind = kind;
    answer->capabilities = capabilities;
    answer->state = first_state[kind];
    answer->next_sequence = 1;
    answer->has_rows = kind == ANSWER_FETCH;
}

static bool answer_expects_eof(const struct answer *answer)
{
    return !(answer->capabilities & CAP_DEPRECATE_EOF);
}

// ---- the grammar

static enum answer_part answer_bad(struct answer *answer)
{
    answer->is_bad = true;
    return PART_BAD;
}

static enum answer_part take_error(struct answer *answer, struct slice head)
{
    struct error error;
    if (!error_read(head, &error) || error.code == PROGRESS_CODE) {
        return answer_bad(answer);
    }
    answer->error_code = error.code;
    memcpy(answer->sqlstate, error.sqlstate, sizeof answer->sqlstate);
    answer->is_error = true;
    answer->is_done = true;
    return PART_ERROR;
}

static bool take_ok_values(struct answer *answer, struct slice head)
{
    struct ok_packet ok;
    if (!ok_read(head, &ok)) {
        return false;
    }
    answer->affected_rows = ok.affected_rows;
    answer->insert_id = ok.insert_id;
    answer->status = ok.status;
    answer->warnings = ok.warnings;
    return true;
}

// EOF, or with DEPRECATE_EOF the OK that stands for it. (MySQL 5.7 was seen to send an old EOF from
// its query cache where an OK was due: its length tells.)
static bool take_eof_values(struct answer *answer, struct slice head, size_t payload_bytes)
{
    if (payload_bytes == EOF_BYTES) {
        return eof_read(head, &answer->warnings, &answer->status);
    }
    return !answer_expects_eof(answer) && payload_bytes >= OK_BYTES_MIN &&
           payload_bytes < PACKET_PAYLOAD_MAX && head.ptr[0] == FIRST_EOF &&
           take_ok_values(answer, head);
}

static void next_result_or_done(struct answer *answer)
{
    if (answer->status & STATUS_MORE_RESULTS) {
        answer->state = STATE_FIRST;
    } else {
        answer->is_done = true;
    }
}

static enum answer_part take_column_count(struct answer *answer, struct slice head,
                                          size_t payload_bytes)
{
    struct reader reader = reader_of(head);
    uint64_t count = read_lenenc(&reader);
    // Anything behind the count belongs to capabilities that are never asked for. But MariaDB's
    // query cache (10.11) gives what a client that caches metadata has read to others as well,
    // with the byte that says "the columns follow".
    bool is_cached = reader_left(&reader) == 1 && head.ptr[head.len - 1] == METADATA_FOLLOWS;
    if (reader.is_bad || (reader_left(&reader) > 0 && !is_cached) || payload_bytes != head.len ||
        count == 0 || count > COLUMNS_MAX) {
        return answer_bad(answer);
    }
    answer->column_count = (uint32_t)count;
    answer->columns_left = (uint32_t)count;
    answer->has_rows = true;
    answer->rows_before = answer->row_count;
    answer->state = STATE_COLUMNS;
    return PART_COLUMN_COUNT;
}

static enum answer_part take_first(struct answer *answer, struct slice head, size_t payload_bytes)
{
    answer->is_cursor_open = false;
    switch (head.ptr[0]) {
    case FIRST_OK:
        if (!take_ok_values(answer, head)) {
            return answer_bad(answer);
        }
        answer->wants_file = false;
        next_result_or_done(answer);
        return PART_OK;
    case FIRST_INFILE:
        if (answer->wants_file) {
            return answer_bad(answer);
        }
        answer->wants_file = true;
        // The client's packets take numbers of the same sequence.
        answer->is_started = false;
        return PART_LOCAL_INFILE;
    case FIRST_EOF:
        return answer_bad(answer);
    default:
        return answer->wants_file ? answer_bad(answer)
                                  : take_column_count(answer, head, payload_bytes);
    }
}

// MariaDB sets the flag as well when a routine has used a cursor of its own: in the middle of
// several results, or behind rows.
static bool opens_cursor(const struct answer *answer)
{
    return answer->kind == ANSWER_EXECUTE && (answer->status & STATUS_CURSOR_EXISTS) != 0 &&
           (answer->status & STATUS_MORE_RESULTS) == 0 && answer->row_count == answer->rows_before;
}

static enum answer_part take_columns_end(struct answer *answer, struct slice head,
                                         size_t payload_bytes)
{
    if (!take_eof_values(answer, head, payload_bytes)) {
        return answer_bad(answer);
    }
    answer->state = STATE_ROWS;
    if (opens_cursor(answer)) {
        answer->is_cursor_open = true;
        answer->is_done = true;
    }
    return PART_COLUMNS_END;
}

static enum answer_part take_rows_end(struct answer *answer, struct slice head,
                                      size_t payload_bytes)
{
    if (!take_eof_values(answer, head, payload_bytes)) {
        return answer_bad(answer);
    }
    if (answer->kind == ANSWER_FETCH) {
        bool has_cursor = (answer->status & STATUS_CURSOR_EXISTS) != 0;
        answer->is_cursor_open = has_cursor && !(answer->status & STATUS_LAST_ROW_SENT);
        answer->is_done = true;
    } else if (opens_cursor(answer)) {
        answer->is_cursor_open = true;
        answer->is_done = true;
    } else {
        next_result_or_done(answer);
    }
    return PART_ROWS_END;
}

static void enter_prepared_columns(struct answer *answer)
{
    answer->columns_left = answer->column_count;
    answer->state = STATE_PREPARED_COLUMNS;
    answer->is_done = answer->column_count == 0;
}

static enum answer_part take_prepared(struct answer *answer, struct slice head)
{
    struct prepared prepared;
    if (!prepared_read(head, &prepared)) {
        return answer_bad(answer);
    }
    answer->statement_id = prepared.statement_id;
    answer->column_count = prepared.column_count;
    answer->param_count = prepared.param_count;
    answer->warnings = prepared.warnings;
    if (prepared.param_count > 0) {
        answer->columns_left = prepared.param_count;
        answer->state = STATE_PARAMS;
    } else {
        enter_prepared_columns(answer);
    }
    return PART_PREPARED;
}

static enum answer_part take_prepared_end(struct answer *answer, struct slice head,
                                          size_t payload_bytes)
{
    bool is_params = answer->state == STATE_PARAMS_END;
    uint16_t warnings = answer->warnings; // the first packet tells them
    if (!take_eof_values(answer, head, payload_bytes)) {
        return answer_bad(answer);
    }
    answer->warnings = warnings;
    if (is_params) {
        enter_prepared_columns(answer);
    } else {
        answer->is_done = true;
    }
    return is_params ? PART_PARAMS_END : PART_COLUMNS_END;
}

// `count` ordinary packets of the present list went by.
static enum answer_part list_advance(struct answer *answer, uint32_t count)
{
    if (answer->state == STATE_ROWS) {
        answer->row_count += count;
        return PART_ROW;
    }
    if (answer->state == STATE_FIELDS) {
        answer->column_count += count;
        return PART_COLUMN;
    }
    assert(count <= answer->columns_left);
    bool is_params = answer->state == STATE_PARAMS;
    answer->columns_left -= count;
    if (answer->columns_left > 0) {
        return is_params ? PART_PARAM : PART_COLUMN;
    }
    if (answer_expects_eof(answer)) {
        answer->state++; // each list's end stands behind it in the enum
    } else if (answer->state == STATE_COLUMNS) {
        answer->state = STATE_ROWS;
    } else if (is_params) {
        enter_prepared_columns(answer);
    } else {
        answer->is_done = true;
    }
    return is_params ? PART_PARAM : PART_COLUMN;
}

// Packets of these states come in any number and are stepped over.
static bool is_list(enum state state)
{
    return state == STATE_ROWS || state == STATE_COLUMNS || state == STATE_PARAMS ||
           state == STATE_PREPARED_COLUMNS || state == STATE_FIELDS;
}

// Is a packet that begins so an ordinary member of the present list? `payload_bytes` is that of its
// first part.
static bool is_member(enum state state, uint8_t first, size_t payload_bytes)
{
    if (first < FIRST_EOF) {
        return true;
    }
    // A field of 16 MB or more begins with 0xfe, and then its packet is as long.
    return first == FIRST_EOF && state == STATE_ROWS && payload_bytes >= PACKET_PAYLOAD_MAX;
}

bool answer_is_in_list(const struct answer *answer, uint8_t first, size_t payload_bytes)
{
    enum state state = (enum state)answer->state;
    return is_list(state) && is_member(state, first, payload_bytes);
}

// One packet that is no ordinary member of a list. `head`: its first bytes, all of them unless it
// is longer than ANSWER_HEAD_BYTES.
static enum answer_part answer_take(struct answer *answer, struct slice head, size_t payload_bytes)
{
    enum state state = (enum state)answer->state;
    if (state == STATE_STRING && (payload_bytes == 0 || head.ptr[0] != FIRST_ERROR)) {
        answer->is_done = true;
        return PART_TEXT;
    }
    if (payload_bytes == 0) {
        return answer_bad(answer);
    }
    if (head.ptr[0] == FIRST_ERROR) {
        return take_error(answer, head);
    }
    switch (state) {
    case STATE_FIRST:
        return take_first(answer, head, payload_bytes);
    case STATE_COLUMNS_END:
        return take_columns_end(answer, head, payload_bytes);
    case STATE_ROWS:
    case STATE_FIELDS:
        return take_rows_end(answer, head, payload_bytes);
    case STATE_PREPARED:
        return take_prepared(answer, head);
    case STATE_PARAMS_END:
    case STATE_PREPARED_COLUMNS_END:
        return take_prepared_end(answer, head, payload_bytes);
    case STATE_SIMPLE:
        answer->is_done = head.ptr[0] == FIRST_OK ? take_ok_values(answer, head)
                                                  : take_eof_values(answer, head, payload_bytes);
        return answer->is_done ? PART_OK : answer_bad(answer);
    case STATE_COLUMNS:
    case STATE_PARAMS:
    case STATE_PREPARED_COLUMNS:
    case STATE_STRING:
        break;
    }
    return answer_bad(answer);
}

enum answer_part answer_packet(struct answer *answer, struct slice payload)
{
    enum state state = (enum state)answer->state;
    size_t parts = payload.len / PACKET_PAYLOAD_MAX + 1;
    answer->next_sequence = (uint8_t)(answer->next_sequence + parts);
    answer->byte_count += payload.len + parts * PACKET_HEADER_BYTES;
    if (is_list(state) && payload.len > 0 && is_member(state, payload.ptr[0], payload.len)) {
        if (payload.len >= PACKET_PAYLOAD_MAX && state != STATE_ROWS) {
            return answer_bad(answer);
        }
        return list_advance(answer, 1);
    }
    if (payload.len >= PACKET_PAYLOAD_MAX) {
        return answer_bad(answer);
    }
    struct slice head = payload;
    if (head.len > ANSWER_HEAD_BYTES) {
        head.len = ANSWER_HEAD_BYTES;
    }
    return answer_take(answer, head, payload.len);
}

// ---- the packets

// Steps over whole packets of a list, as many as there are: the heart of the relay.
static const uint8_t *skip_members(struct answer *answer, const uint8_t *at, const uint8_t *end)
{
    uint32_t limit = answer->columns_left;
    if (answer->state == STATE_ROWS || answer->state == STATE_FIELDS) {
        limit = UINT32_MAX;
    }
    uint32_t count = 0;
    uint8_t sequence = answer->next_sequence;
    while (count < limit && end - at > PACKET_HEADER_BYTES) {
        uint32_t payload_bytes = packet_payload_bytes(at);
        if (at[PACKET_HEADER_BYTES] >= FIRST_EOF || packet_sequence(at) != sequence ||
            payload_bytes == 0 || payload_bytes == PACKET_PAYLOAD_MAX ||
            payload_bytes > (size_t)(end - at) - PACKET_HEADER_BYTES) {
            break;
        }
        at += PACKET_HEADER_BYTES + payload_bytes;
        sequence++;
        count++;
    }
    answer->next_sequence = sequence;
    if (count > 0) {
        (void)list_advance(answer, count);
    }
    return at;
}

static void feed_header(struct answer *answer)
{
    uint32_t payload_bytes = packet_payload_bytes(answer->header);
    enum state state = (enum state)answer->state;
    // The first packet's number depends on how many packets the command took.
    if (answer->is_started && packet_sequence(answer->header) != answer->next_sequence) {
        answer->is_bad = true;
        return;
    }
    answer->is_started = true;
    answer->next_sequence = (uint8_t)(packet_sequence(answer->header) + 1);
    answer->header_have = 0;
    answer->head_have = 0;
    answer->packet_left = payload_bytes;
    if (answer->in_continuation) {
        answer->phase = PHASE_SKIP;
    } else if (payload_bytes == PACKET_PAYLOAD_MAX && state != STATE_ROWS) {
        answer->is_bad = true; // only rows are that long
    } else {
        answer->phase = is_list(state) && payload_bytes > 0 ? PHASE_FIRST_BYTE : PHASE_GATHER;
    }
}

// The header of the present packet is still in answer->header.
static void feed_first_byte(struct answer *answer, uint8_t first)
{
    uint32_t payload_bytes = answer->packet_left;
    if (is_member((enum state)answer->state, first, payload_bytes)) {
        answer->phase = PHASE_SKIP;
    } else if (payload_bytes == PACKET_PAYLOAD_MAX) {
        answer->is_bad = true;
    } else {
        answer->phase = PHASE_GATHER;
    }
}

static void feed_packet_over(struct answer *answer)
{
    uint32_t payload_bytes = packet_payload_bytes(answer->header);
    enum phase phase = (enum phase)answer->phase;
    answer->phase = PHASE_HEADER;
    if (phase == PHASE_GATHER) {
        (void)answer_take(answer, slice_of(answer->head, answer->head_have), payload_bytes);
        return;
    }
    answer->in_continuation = payload_bytes == PACKET_PAYLOAD_MAX;
    if (!answer->in_continuation) {
        (void)list_advance(answer, 1);
    }
}

static const uint8_t *feed_payload(struct answer *answer, const uint8_t *at, const uint8_t *end)
{
    size_t step = (size_t)(end - at);
    if (step > answer->packet_left) {
        step = answer->packet_left;
    }
    if (answer->phase == PHASE_GATHER) {
        size_t room = sizeof answer->head - answer->head_have;
        size_t kept = step < room ? step : room;
        memcpy(answer->head + answer->head_have, at, kept);
        answer->head_have = (uint8_t)(answer->head_have + kept);
    }
    answer->packet_left -= (uint32_t)step;
    return at + step;
}

size_t answer_feed(struct answer *answer, const uint8_t *bytes, size_t len)
{
    const uint8_t *at = bytes;
    const uint8_t *end = bytes + len;
    while (at < end && !answer->is_done && !answer->is_bad) {
        if (answer->phase == PHASE_HEADER) {
            if (answer->header_have == 0 && answer->is_started && !answer->in_continuation &&
                is_list((enum state)answer->state)) {
                at = skip_members(answer, at, end);
            }
            while (at < end && answer->header_have < PACKET_HEADER_BYTES && !answer->is_done) {
                answer->header[answer->header_have++] = *at++;
            }
            if (answer->header_have < PACKET_HEADER_BYTES) {
                break;
            }
            feed_header(answer);
        } else if (answer->phase == PHASE_FIRST_BYTE) {
            feed_first_byte(answer, *at);
        } else {
            at = feed_payload(answer, at, end);
        }
        bool is_in_payload = answer->phase == PHASE_SKIP || answer->phase == PHASE_GATHER;
        if (is_in_payload && answer->packet_left == 0 && !answer->is_bad) {
            feed_packet_over(answer);
        }
    }
    answer->byte_count += (size_t)(at - bytes);
    return (size_t)(at - bytes);
}
