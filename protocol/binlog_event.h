#pragma once
// Events of MariaDB's binary log as a server sends them to a replica, without
// checksums (manual: "2-Binlog Event Header" and the pages of the events; GTID_EVENT with its XA
// part: sql/log_event_server.cc of 10.11). Pure. Slices point into the event.

#include "base/slice.h"

enum binlog_type {
    BINLOG_QUERY = 2,
    BINLOG_ROTATE = 4,
    BINLOG_FORMAT = 15,
    BINLOG_XID = 16,
    BINLOG_TABLE_MAP = 19,
    BINLOG_WRITE_ROWS = 23, // version 1, MariaDB's only one
    BINLOG_UPDATE_ROWS = 24,
    BINLOG_DELETE_ROWS = 25,
    BINLOG_HEARTBEAT = 27,
    BINLOG_XA_PREPARE = 38,
    BINLOG_ANNOTATE_ROWS = 160,
    BINLOG_CHECKPOINT = 161,
    BINLOG_GTID = 162,
    BINLOG_GTID_LIST = 163,
    BINLOG_START_ENCRYPTION = 164,
};

enum { BINLOG_HEADER_BYTES = 19 };

struct binlog_event {
    struct slice whole;
    struct slice body; // behind the header
    uint8_t type;      // enum binlog_type, and others
    uint32_t server;
};

enum { XID_PART_BYTES = 65 }; // at most, with the NUL that is put behind it

struct binlog_xid { // both parts may have NULs in them when the format is not waybill's
    uint32_t format;
    char gtrid[XID_PART_BYTES], bqual[XID_PART_BYTES];
};

// Of the same name? For waybill's format only.
bool binlog_xid_is_same(const struct binlog_xid *a, const struct binlog_xid *b) MUST_CHECK;

// False: these bytes are no event.
bool binlog_event_read(struct slice bytes, struct binlog_event *event) MUST_CHECK;
// Is it one that a table map belongs to?
static inline bool binlog_has_rows(const struct binlog_event *event)
{
    return event->type == BINLOG_WRITE_ROWS || event->type == BINLOG_UPDATE_ROWS ||
           event->type == BINLOG_DELETE_ROWS;
}
// The statement of a BINLOG_QUERY. False: the event is broken.
bool binlog_query_read(const struct binlog_event *event, struct slice *statement) MUST_CHECK;

enum group_kind {
    GROUP_ROWS,    // a transaction
    GROUP_ALONE,   // one statement: DDL and the like
    GROUP_PREPARE, // XA PREPARE, with the rows of the branch
    GROUP_COMMIT,  // XA COMMIT
    GROUP_ROLLBACK // XA ROLLBACK
};

// What has one GTID, put together event by event.
struct binlog_group {
    bool is_begun;
    enum group_kind kind;
    bool has_statements; // besides rows, where only rows can be undone
    uint32_t domain, server;
    uint64_t sequence;
    struct binlog_xid xid; // of the kinds of XA
};

enum group_news {
    GROUP_BROKEN,  // bytes that can't be read
    GROUP_OUTSIDE, // the event belongs to no group
    GROUP_INSIDE,
    GROUP_COMPLETE // it is the group's last
};

// Takes the next event. is_begun is false at the start, and is not to be written.
enum group_news binlog_group_take(struct binlog_group *group, const struct binlog_event *event);
