// Events of a binary log, one after another: what can be read can be turned around, and turned
// around twice it is what it was.

#include <stdlib.h>

#include "protocol/binlog_rows.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void print_image(const struct binlog_table *table, const struct binlog_image *image,
                        struct text *out)
{
    struct slice values = image->values, value;
    for (size_t i = 0; i < table->column_count; i++) {
        if (binlog_is_null(image, i)) {
            continue;
        }
        if (!binlog_value_take(&table->columns[i], &values, &value)) {
            abort(); // it was read before
        }
        binlog_value_print(&table->columns[i], value, i % 2 == 0, out);
    }
}

static void check_rows(const struct binlog_event *event, const struct binlog_table *table,
                       struct arena *arena)
{
    struct binlog_rows rows, turned_rows;
    struct binlog_event turned_event;
    struct text turned, again;
    if (!binlog_rows_read(event, table, arena, &rows)) {
        return;
    }
    text_init(&turned);
    text_init(&again);
    for (size_t i = 0; i < rows.count; i++) {
        if (rows.type != BINLOG_WRITE_ROWS) {
            print_image(table, &rows.rows[i].before, &again);
        }
        if (rows.type != BINLOG_DELETE_ROWS) {
            print_image(table, &rows.rows[i].after, &again);
        }
    }
    again.len = 0;
    binlog_rows_invert(event, &rows, &turned);
    if (!binlog_event_read(text_slice(&turned), &turned_event) ||
        !binlog_rows_read(&turned_event, table, arena, &turned_rows) ||
        turned_rows.count != rows.count) {
        abort();
    }
    binlog_rows_invert(&turned_event, &turned_rows, &again);
    if (!slice_equal(slice_part(text_slice(&again), rows.head_bytes, again.len),
                     slice_part(event->whole, rows.head_bytes, event->whole.len))) {
        abort();
    }
    text_done(&turned);
    text_done(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct binlog_group group = {.is_begun = false};
    struct binlog_table table = {.column_count = 0};
    struct arena arena;
    arena_init(&arena, NULL);
    while (len > BINLOG_HEADER_BYTES) {
        size_t event_len = (size_t)bytes[9] | (size_t)bytes[10] << 8;
        struct binlog_event event;
        if (event_len > len || event_len < BINLOG_HEADER_BYTES ||
            !binlog_event_read(slice_of(bytes, event_len), &event)) {
            break;
        }
        enum group_news news = binlog_group_take(&group, &event);
        if (news == GROUP_BROKEN) {
            break;
        }
        if (event.type == BINLOG_TABLE_MAP && !binlog_table_read(&event, &arena, &table)) {
            table.column_count = 0;
        }
        check_rows(&event, &table, &arena);
        bytes += event_len;
        len -= event_len;
    }
    arena_clear(&arena);
    return 0;
}
