// Where a transaction is in the logs can't be asked, only where a log begins. So reading begins at
// a log's head, which also says what was there before (Gtid_list).

#include "replication/binlog_scan.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "protocol/bytes.h"

enum { NO_BINARY_LOGGING = 1381, BROKEN_CODE = 1236 };

static bool sum_sizes(struct binlog_scan *scan, uint64_t *size, struct error *error)
{
    struct db_rows rows;
    bool is_fine = dbconn_query(scan->conn, &rows, error, "SHOW BINARY LOGS");
    *size = 0;
    for (bool is_row = is_fine && rows.row != NULL; is_row; is_row = db_rows_next(&rows)) {
        *size += db_rows_number(&rows, "File_size");
    }
    db_rows_done(&rows);
    return is_fine;
}

// The log in which the last tail_bytes begin.
static bool find_start(struct binlog_scan *scan, uint64_t tail_bytes, struct error *error)
{
    uint64_t size, passed = 0;
    struct db_rows rows;
    if (!sum_sizes(scan, &size, error)) {
        return false;
    }
    uint64_t skipped = size > tail_bytes ? size - tail_bytes : 0;
    bool is_fine = dbconn_query(scan->conn, &rows, error, "SHOW BINARY LOGS");
    for (bool is_row = is_fine && rows.row != NULL; is_row; is_row = db_rows_next(&rows)) {
        scan->is_first_file = passed == 0;
        snprintf(scan->file, sizeof scan->file, "%s", db_rows_text(&rows, "Log_name"));
        passed += db_rows_number(&rows, "File_size");
        if (passed > skipped) {
            break;
        }
    }
    db_rows_done(&rows);
    return is_fine;
}

bool binlog_scan_open(struct binlog_scan *scan, const struct endpoint *to, uint64_t tail_bytes,
                      uint32_t proxy, struct error *error)
{
    enum db_failure failure;
    *scan = (struct binlog_scan){.has_log = true, .to = to, .proxy = proxy};
    text_init(&scan->format);
    text_init(&scan->bytes);
    scan->conn = dbconn_open(to, error, &failure);
    if (scan->conn == NULL) {
        return false;
    }
    if (!find_start(scan, tail_bytes, error)) {
        scan->has_log = error->code != NO_BINARY_LOGGING;
        return !scan->has_log;
    }
    return dbconn_dump(scan->conn, scan->file, NULL, proxy, error);
}

// The log behind the present one; false: there is none, or it can't be asked.
static bool find_next(struct binlog_scan *scan, struct error *error)
{
    struct db_rows rows;
    bool is_behind = false, is_found = false;
    bool is_fine = dbconn_query(scan->conn, &rows, error, "SHOW BINARY LOGS");
    for (bool is_row = is_fine && rows.row != NULL; is_row && !is_found;
         is_row = db_rows_next(&rows)) {
        const char *name = db_rows_text(&rows, "Log_name");
        if (is_behind) {
            snprintf(scan->file, sizeof scan->file, "%s", name);
            is_found = true;
        }
        is_behind |= strcmp(name, scan->file) == 0;
    }
    db_rows_done(&rows);
    return is_found;
}

// A crash has torn the log: the server has begun another one, and what it had begun to write was
// never done. The dump has ended with an error.
static bool pass_torn_end(struct binlog_scan *scan, struct error *error)
{
    enum db_failure failure;
    struct error why;
    if (error->code != BROKEN_CODE || strstr(error->text, "truncated in the middle") == NULL) {
        return false;
    }
    dbconn_close(scan->conn);
    scan->conn = dbconn_open(scan->to, &why, &failure);
    scan->group = (struct binlog_group){.is_begun = false};
    return scan->conn != NULL && find_next(scan, &why) &&
           dbconn_dump(scan->conn, scan->file, NULL, scan->proxy, &why);
}

enum { ROTATE_HEAD = 8 }; // before the name of the log that begins

// (Before the first log's format is known, the event's checksum would count as part of the name.)
static void note_file(struct binlog_scan *scan)
{
    struct slice body = scan->event.body;
    if (scan->event.type == BINLOG_ROTATE && scan->format.len > 0 && body.len > ROTATE_HEAD) {
        snprintf(scan->file, sizeof scan->file, "%.*s", (int)(body.len - ROTATE_HEAD),
                 (const char *)body.ptr + ROTATE_HEAD);
    }
}

// The count's upper bits are flags.
static bool take_list(struct binlog_scan *scan)
{
    struct reader reader = reader_of(scan->event.body);
    size_t count = read_u32(&reader) & 0x0fffffff;
    if (count * 16 > reader_left(&reader)) {
        return false;
    }
    scan->has_before = true;
    scan->before = memory_new((count + 1) * sizeof *scan->before);
    for (scan->before_count = 0; scan->before_count < count; scan->before_count++) {
        struct gtid_position *position = &scan->before[scan->before_count];
        position->domain = read_u32(&reader);
        position->server = read_u32(&reader);
        position->sequence = read_u64(&reader);
    }
    return !reader.is_bad;
}

enum { TYPE_AT = 4, LENGTH_AT = 9, CHECKSUM_BYTES = 4 };

// A server whose log has checksums sends them, whatever is asked for. They are taken off, and the
// event that says how the log is written (which has one in any case) says so.
static void take_bytes(struct binlog_scan *scan, struct slice event)
{
    bool is_long = event.len > BINLOG_HEADER_BYTES + CHECKSUM_BYTES;
    bool is_format = is_long && event.ptr[TYPE_AT] == BINLOG_FORMAT;
    size_t cut = is_long && !is_format && scan->has_checksums ? CHECKSUM_BYTES : 0;
    scan->bytes.len = 0;
    text_add(&scan->bytes, event.ptr, event.len - cut);
    if (is_format) {
        uint8_t *algorithm = &scan->bytes.ptr[event.len - CHECKSUM_BYTES - 1];
        scan->has_checksums = *algorithm == 1;
        *algorithm = 0;
        scan->format.len = 0;
        text_add_slice(&scan->format, text_slice(&scan->bytes));
    }
    for (size_t i = 0; cut > 0 && i < 4; i++) {
        scan->bytes.ptr[LENGTH_AT + i] = (uint8_t)(scan->bytes.len >> (8 * i));
    }
}

static enum scan_news fail(struct error *error)
{
    error_set(error, BROKEN_CODE, "HY000", "its binary log holds something that can't be read");
    return SCAN_FAILED;
}

enum scan_news binlog_scan_next(struct binlog_scan *scan, struct error *error)
{
    struct slice bytes;
    while (scan->has_log) {
        enum io io = dbconn_next_event(scan->conn, &bytes, error);
        if (io != IO_DONE && io != IO_CLOSED && pass_torn_end(scan, error)) {
            continue;
        }
        if (io != IO_DONE) {
            return io == IO_CLOSED ? SCAN_END : SCAN_FAILED;
        }
        take_bytes(scan, bytes);
        if (!binlog_event_read(text_slice(&scan->bytes), &scan->event)) {
            return fail(error);
        }
        note_file(scan);
        if (scan->event.type == BINLOG_GTID_LIST && !scan->has_before && !take_list(scan)) {
            return fail(error);
        }
        switch (binlog_group_take(&scan->group, &scan->event)) {
        case GROUP_BROKEN:
            return fail(error);
        case GROUP_OUTSIDE:
            break;
        case GROUP_INSIDE:
            return SCAN_EVENT;
        case GROUP_COMPLETE:
            return SCAN_GROUP;
        }
    }
    return SCAN_END;
}

static bool is_in(const struct gtid_set *set, const struct gtid_position *position)
{
    for (size_t i = 0; i < set->count; i++) {
        if (set->positions[i].domain == position->domain) {
            return position->sequence <= set->positions[i].sequence;
        }
    }
    return false;
}

bool binlog_scan_began_before(const struct binlog_scan *scan, const struct gtid_set *position)
{
    for (size_t i = 0; i < scan->before_count; i++) {
        if (!is_in(position, &scan->before[i])) {
            return false;
        }
    }
    return scan->has_before;
}

bool binlog_scan_is_beyond(const struct binlog_scan *scan, const struct gtid_set *position)
{
    struct gtid_position group = {.domain = scan->group.domain, .sequence = scan->group.sequence};
    return !is_in(position, &group);
}

void binlog_scan_close(struct binlog_scan *scan)
{
    dbconn_close(scan->conn);
    memory_free(scan->before);
    text_done(&scan->format);
    text_done(&scan->bytes);
    *scan = (struct binlog_scan){.conn = NULL};
}
