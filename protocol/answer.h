#pragma once
// The push reader of answers: what each packet of an answer is, and when the answer ends. It sees
// bytes as they come (a relay needs nothing more), or whole packets (a merge). Never interprets the
// first byte of the continuation of a 16 MB packet.

#include "base/error.h"
#include "protocol/capability.h"

enum answer_kind {
    ANSWER_QUERY,   // COM_QUERY: OK, ERR or result sets, as many as MORE_RESULTS says
    ANSWER_EXECUTE, // COM_STMT_EXECUTE: the same with binary rows; ends after the columns when a
                    // cursor was opened
    ANSWER_PREPARE, // COM_STMT_PREPARE
    ANSWER_FETCH,   // COM_STMT_FETCH: rows, then EOF
    ANSWER_FIELDS,  // COM_FIELD_LIST: columns, then EOF
    ANSWER_SIMPLE,  // one OK, EOF or ERR: COM_PING, COM_INIT_DB, COM_RESET_CONNECTION,
                    // COM_STMT_RESET, COM_SET_OPTION
    ANSWER_STRING,  // COM_STATISTICS: one packet of text
};

enum answer_part { // what one packet is
    PART_OK,
    PART_ERROR,
    PART_COLUMN_COUNT,
    PART_COLUMN,
    PART_COLUMNS_END, // the EOF after the columns; not with DEPRECATE_EOF
    PART_ROW,
    PART_ROWS_END, // EOF, or OK with 0xfe
    PART_PREPARED,
    PART_PARAM,
    PART_PARAMS_END,
    PART_LOCAL_INFILE,
    PART_TEXT,
    PART_BAD, // no packet that may stand here
};

enum { ANSWER_HEAD_BYTES = 96 };

struct answer {
    enum answer_kind kind;
    uint64_t capabilities; // CAP_DEPRECATE_EOF is looked at
    // What is known so far; of the last OK, ERR or EOF.
    bool is_done;
    bool is_bad;   // not the protocol: the connection can't be used any more
    bool is_error; // it ended with ERR: error_code
    bool has_rows; // there was a result set
    bool is_cursor_open;
    bool wants_file; // the server asked for LOCAL INFILE and waits for the client's packets
    uint16_t error_code;
    char sqlstate[6];
    uint16_t status; // STATUS_*
    uint16_t warnings;
    uint64_t affected_rows;
    uint64_t insert_id;
    uint64_t row_count; // rows seen, of all results
    uint32_t column_count;
    uint32_t statement_id; // ANSWER_PREPARE
    uint16_t param_count;
    uint64_t byte_count;   // fed so far
    uint8_t next_sequence; // of the packet after the last one seen
    // The machine's own: see answer.c.
    uint64_t rows_before; // of results before this one
    uint8_t state;
    uint8_t phase;
    bool in_continuation;
    bool is_started; // a packet was seen
    uint32_t columns_left;
    uint32_t packet_left; // payload bytes of the present packet not yet seen
    uint8_t header_have;
    uint8_t header[4];
    uint8_t head_have;
    uint8_t
        head[ANSWER_HEAD_BYTES]; // the first payload bytes of the present packet, where they matter
};

void answer_start(struct answer *answer, enum answer_kind kind, uint64_t capabilities);
// Is a packet that begins so, next in the answer, one of a list (a row, a column): nothing that
// ends a part of it? `payload_bytes` is that of its first part, at least 1. Not in the middle of a
// packet.
bool answer_is_in_list(const struct answer *answer, uint8_t first, size_t payload_bytes) MUST_CHECK;
// Eats bytes up to the end of the answer or of the bytes; returns how many it ate. Look at is_done
// and is_bad after it.
size_t answer_feed(struct answer *answer, const uint8_t *bytes, size_t len) MUST_CHECK;
// The same machine fed with one whole logical packet's payload (without header).
enum answer_part answer_packet(struct answer *answer, struct slice payload);
