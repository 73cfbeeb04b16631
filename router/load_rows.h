#pragma once
// LOAD DATA's file cut into rows exactly where a server's reader cuts it (READ_INFO of sql_load.cc,
// MariaDB 10.11 and MySQL), with the values of the fields that place a row. Pure: bytes in, rows
// out, the same rows whatever pieces the bytes come in.

#include "base/text.h"
#include "protocol/charset.h"

enum {
    LOAD_NO_BYTE = -1,
    LOAD_NO_FIELD = -1,
    LOAD_WANTED = 2, // fields whose values are given: the key and the id
};

// All separators are ASCII. What they point to is borrowed.
struct load_rules {
    struct slice field_end; // empty only together with an `enclosed`: that is no fixed-row format
    struct slice line_end;
    struct slice line_start;
    int enclosed; // LOAD_NO_BYTE: none
    int escape;   // likewise
    const struct charset *charset;
    uint32_t field_count; // of a row; what stands behind them is passed over
    const bool *is_text;  // for each field: is it for a column of text? NULL: all are
    uint64_t skipped_lines;
    int32_t wanted[LOAD_WANTED]; // place of the field; LOAD_NO_FIELD
};

struct load_field {
    struct text value; // as it is stored: unescaped, without its quotes
    bool is_null;
    bool is_there; // false: the row ends before it
};

enum load_step {
    LOAD_ROW,   // `row` and `fields` are the next row's, until the next call
    LOAD_MORE,  // bytes are needed; after load_rows_end: there are no more rows
    LOAD_DOUBT, // bytes that are no characters, of which the servers don't agree whether a
                // separator behind them counts. Nothing more can be said of this file
};

struct load_rows {
    struct load_rules rules;
    bool is_special[256]; // bytes at which the reader must look twice
    bool is_multi_byte;
    // The row that is being read.
    int state; // enum place, load_rows.c
    uint32_t field;
    bool is_enclosed;
    bool is_text;              // every server reads characters here; else some read bytes
    bool has_null_mark;        // \N was in the field
    struct load_field *filled; // NULL: nobody wants the field
    // Offsets into the window.
    size_t row_at, content_at, at;
    size_t doubt_until;
    struct text window;             // owned: the bytes from the row on
    bool is_last;                   // nothing comes behind the window
    uint64_t lines_left, rows_left; // to be skipped
    // The row that was found last.
    struct slice row;      // its bytes; what stands before LINES STARTING BY is left out
    size_t content_offset; // of the first field in it, behind the text of LINES STARTING BY
    struct load_field fields[LOAD_WANTED]; // owned
    uint64_t row_count;
};

void load_rows_init(struct load_rows *rows, const struct load_rules *rules);
void load_rows_done(struct load_rows *rows);
// The next bytes of the file, copied.
void load_rows_add(struct load_rows *rows, struct slice bytes);
void load_rows_end(struct load_rows *rows);
enum load_step load_rows_next(struct load_rows *rows) MUST_CHECK;
// Bytes of the row that is not whole yet: the one whose length the caller must bound.
size_t load_rows_pending(const struct load_rows *rows);
