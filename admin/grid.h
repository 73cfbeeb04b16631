#pragma once
// A table of text that a command fills in, column by column and row by row, and the packets of a
// text result that say it.
//
//     grid_column(grid, "server"); grid_number_column(grid, "weight");
//     grid_text(grid, "a1"); grid_number(grid, 100); grid_end_row(grid);

#include "base/text.h"

enum { GRID_COLUMNS_MAX = 32 };

struct grid_column {
    const char *name; // borrowed
    bool is_number;
};

struct grid {
    struct grid_column columns[GRID_COLUMNS_MAX];
    uint32_t column_count;
    struct slice like; // only rows whose first field is like it are kept; ptr NULL: all
    struct text rows;  // each: its length in 4 bytes, then a row of the text protocol
    size_t row_place;  // in `rows`, where the row being filled begins
    uint32_t fields;   // of that row, so far
    bool is_dropped;   // that row is not like it
    uint64_t row_count;
};

void grid_init(struct grid *grid, struct slice like); // borrows the pattern
void grid_done(struct grid *grid);
void grid_column(struct grid *grid, const char *name);
void grid_number_column(struct grid *grid, const char *name);
void grid_text(struct grid *grid, const char *text);
void grid_slice(struct grid *grid, struct slice text);
void grid_format(struct grid *grid, const char *format, ...) PRINTF_LIKE(2, 3);
void grid_number(struct grid *grid, int64_t number);
void grid_yes_no(struct grid *grid, bool is_so);
void grid_null(struct grid *grid);
void grid_end_row(struct grid *grid); // every column has its field

// All packets of the result, for a client with these capabilities; *sequence goes on.
void grid_write(const struct grid *grid, uint64_t capabilities, struct text *out,
                uint8_t *sequence);

// SQL's LIKE without case: % any bytes, _ one byte, \ takes the next one as it is.
bool grid_is_like(struct slice text, struct slice pattern) MUST_CHECK;
