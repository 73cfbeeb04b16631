// Rows are kept as they will be sent, so that a table of ten thousand sessions is one growing text
// and not ten thousand pieces. The first field decides whether a row is kept, once it is known.

#include "admin/grid.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#include "protocol/capability.h"
#include "protocol/column.h"
#include "protocol/packet.h"
#include "protocol/reply.h"
#include "protocol/row_text.h"

enum { LENGTH_BYTES = 4, FORMAT_BYTES = 1024 };

void grid_init(struct grid *grid, struct slice like)
{
    *grid = (struct grid){.like = like};
    text_init(&grid->rows);
}

void grid_done(struct grid *grid)
{
    text_done(&grid->rows);
}

static void add_column(struct grid *grid, const char *name, bool is_number)
{
    assert(grid->column_count < GRID_COLUMNS_MAX && grid->row_count == 0);
    grid->columns[grid->column_count++] = (struct grid_column){name, is_number};
}

void grid_column(struct grid *grid, const char *name)
{
    add_column(grid, name, false);
}

void grid_number_column(struct grid *grid, const char *name)
{
    add_column(grid, name, true);
}

// ---- fields

static void begin_field(struct grid *grid)
{
    assert(grid->fields < grid->column_count);
    if (grid->fields++ == 0) {
        grid->row_place = grid->rows.len;
        text_add(&grid->rows, "\0\0\0\0", LENGTH_BYTES);
    }
}

void grid_slice(struct grid *grid, struct slice text)
{
    begin_field(grid);
    if (grid->fields == 1 && grid->like.ptr != NULL) {
        grid->is_dropped = !grid_is_like(text, grid->like);
    }
    row_text_add(&grid->rows, text);
}

void grid_text(struct grid *grid, const char *text)
{
    grid_slice(grid, slice_of_string(text));
}

void grid_format(struct grid *grid, const char *format, ...)
{
    char text[FORMAT_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    grid_text(grid, text);
}

void grid_number(struct grid *grid, int64_t number)
{
    grid_format(grid, "%lld", (long long)number);
}

void grid_yes_no(struct grid *grid, bool is_so)
{
    grid_text(grid, is_so ? "yes" : "no");
}

void grid_null(struct grid *grid)
{
    begin_field(grid);
    row_text_add_null(&grid->rows);
}

void grid_end_row(struct grid *grid)
{
    assert(grid->fields == grid->column_count);
    grid->fields = 0;
    if (grid->is_dropped) {
        grid->is_dropped = false;
        grid->rows.len = grid->row_place;
        return;
    }
    uint32_t len = (uint32_t)(grid->rows.len - grid->row_place - LENGTH_BYTES);
    memcpy(grid->rows.ptr + grid->row_place, &len, LENGTH_BYTES);
    grid->row_count++;
}

// ---- packets

static void write_end(uint64_t capabilities, bool is_last, struct text *out, uint8_t *sequence)
{
    bool has_no_eof = (capabilities & CAP_DEPRECATE_EOF) != 0;
    if (has_no_eof && !is_last) {
        return;
    }
    struct ok_packet ok = {.status = STATUS_AUTOCOMMIT};
    size_t place = packet_begin(out);
    if (has_no_eof) {
        ok_write_eof(out, &ok);
    } else {
        eof_write(out, 0, STATUS_AUTOCOMMIT);
    }
    packet_end(out, place, sequence);
}

void grid_write(const struct grid *grid, uint64_t capabilities, struct text *out, uint8_t *sequence)
{
    size_t place = packet_begin(out);
    write_lenenc(out, grid->column_count);
    packet_end(out, place, sequence);
    for (uint32_t i = 0; i < grid->column_count; i++) {
        const struct grid_column *from = &grid->columns[i];
        struct column column =
            from->is_number ? column_int64(from->name) : column_string(from->name);
        place = packet_begin(out);
        column_write(out, &column, 0);
        packet_end(out, place, sequence);
    }
    write_end(capabilities, false, out, sequence);
    for (size_t at = 0; at < grid->rows.len;) {
        uint32_t len;
        memcpy(&len, grid->rows.ptr + at, LENGTH_BYTES);
        packet_append(out, slice_of(grid->rows.ptr + at + LENGTH_BYTES, len), sequence);
        at += LENGTH_BYTES + len;
    }
    write_end(capabilities, true, out, sequence);
}

// ---- LIKE

static uint8_t lower(uint8_t byte)
{
    return byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte + ('a' - 'A')) : byte;
}

// One byte of the pattern (at *at, which moves behind it) against one of the text.
static bool fits(struct slice pattern, size_t *at, uint8_t byte)
{
    uint8_t wanted = pattern.ptr[(*at)++];
    if (wanted == '_') {
        return true;
    }
    if (wanted == '\\' && *at < pattern.len) {
        wanted = pattern.ptr[(*at)++];
    }
    return lower(wanted) == lower(byte);
}

// A mismatch goes back to the last % only: what an earlier one would try, the last one tries too.
bool grid_is_like(struct slice text, struct slice pattern)
{
    size_t t = 0, p = 0;
    size_t star_t = 0, star_p = SIZE_MAX;
    while (t < text.len) {
        if (p < pattern.len && pattern.ptr[p] == '%') {
            star_p = ++p;
            star_t = t;
            continue;
        }
        size_t next = p;
        if (p < pattern.len && fits(pattern, &next, text.ptr[t])) {
            p = next;
            t++;
        } else if (star_p != SIZE_MAX) {
            p = star_p;
            t = ++star_t;
        } else {
            return false;
        }
    }
    while (p < pattern.len && pattern.ptr[p] == '%') {
        p++;
    }
    return p == pattern.len;
}
