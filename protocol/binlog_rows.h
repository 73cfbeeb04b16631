#pragma once
// Rows in events of MariaDB's binary log: the images of each row, and the event that undoes
// another. (Manual: "Table_map_event", "Rows_event_v1"; the lengths of values: sql/log_event.cc,
// calc_field_event_length.) Pure.

#include "base/arena.h"
#include "base/text.h"
#include "protocol/binlog_event.h"

enum binlog_column_type {
    BINLOG_TINY = 1,
    BINLOG_SHORT = 2,
    BINLOG_LONG = 3,
    BINLOG_FLOAT = 4,
    BINLOG_DOUBLE = 5,
    BINLOG_TIMESTAMP = 7,
    BINLOG_LONGLONG = 8,
    BINLOG_INT24 = 9,
    BINLOG_DATE = 10,
    BINLOG_TIME = 11,
    BINLOG_DATETIME = 12,
    BINLOG_YEAR = 13,
    BINLOG_NEWDATE = 14,
    BINLOG_VARCHAR = 15,
    BINLOG_BIT = 16,
    BINLOG_TIMESTAMP2 = 17,
    BINLOG_DATETIME2 = 18,
    BINLOG_TIME2 = 19,
    BINLOG_BLOB_COMPRESSED = 140,
    BINLOG_VARCHAR_COMPRESSED = 141,
    BINLOG_NEWDECIMAL = 246,
    BINLOG_ENUM = 247,
    BINLOG_SET = 248,
    BINLOG_BLOB = 252,
    BINLOG_VAR_STRING = 253,
    BINLOG_STRING = 254,
    BINLOG_GEOMETRY = 255
};

struct binlog_column {
    uint8_t type;  // enum binlog_column_type
    uint16_t meta; // by type: see binlog_rows.c
};

struct binlog_table {
    uint64_t id;
    struct slice schema, name; // borrowed from the event
    size_t column_count;
    struct binlog_column *columns; // the arena's
};

// False: it can't be read, or has a type that is not known.
bool binlog_table_read(const struct binlog_event *event, struct arena *arena,
                       struct binlog_table *table) MUST_CHECK;
uint64_t binlog_table_id(const struct binlog_event *event); // of a table map or of rows; 0: broken

// One image: which columns are NULL, and the values of all others.
struct binlog_image {
    struct slice whole;
    const uint8_t *nulls;
    struct slice values;
};

struct binlog_row { // an UPDATE's has both
    struct binlog_image before, after;
};

struct binlog_rows {
    uint8_t type;      // BINLOG_WRITE_ROWS ...
    size_t head_bytes; // of the event, before its first row
    size_t count;
    struct binlog_row *rows; // the arena's
};

// False: broken, or not all columns are in it (binlog_row_image is not FULL).
bool binlog_rows_read(const struct binlog_event *event, const struct binlog_table *table,
                      struct arena *arena, struct binlog_rows *rows) MUST_CHECK;
// Appends the event that takes these rows back, the last first, as a statement by itself and
// without looking at foreign keys.
void binlog_rows_invert(const struct binlog_event *event, const struct binlog_rows *rows,
                        struct text *out);
// Takes the next value from `values`, by the order of the columns. False: it is broken.
bool binlog_value_take(const struct binlog_column *column, struct slice *values,
                       struct slice *value) MUST_CHECK;
static inline bool binlog_is_null(const struct binlog_image *image, size_t column)
{
    return (image->nulls[column / 8] >> column % 8 & 1) != 0;
}
// Appends the value as SQL, for people: numbers, quoted text where it is readable, X'...'
// otherwise.
void binlog_value_print(const struct binlog_column *column, struct slice value, bool is_unsigned,
                        struct text *out);
