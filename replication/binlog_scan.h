#pragma once
// Reads a server's own binary logs to their end, group by group, on a connection of its own.

#include "protocol/binlog_event.h"
#include "replication/dbconn.h"
#include "replication/gtid.h"

struct binlog_scan {     // zeroed: not open
    struct dbconn *conn; // owned
    const struct endpoint *to;
    uint32_t proxy;
    char file[512];     // that is read now
    bool has_log;       // false: the server writes none
    bool is_first_file; // it begins with the oldest log that there is
    bool has_before;
    bool has_checksums;        // on the wire; never in what is handed on
    struct text format;        // the event that says how the log is written
    struct text bytes;         // of the present event
    struct binlog_event event; // the last one
    struct binlog_group group; // that it belongs to
    size_t before_count;
    struct gtid_position *before; // owned; what was there when the first log began
};

enum scan_news {
    SCAN_EVENT, // of a group
    SCAN_GROUP, // the last one of a group, which is whole now
    SCAN_END,
    SCAN_FAILED // *error
};

// Begins so that at least the newest tail_bytes are read. MariaDB. binlog_scan_close in any case;
// `to` has to be there as long.
bool binlog_scan_open(struct binlog_scan *scan, const struct endpoint *to, uint64_t tail_bytes,
                      uint32_t proxy, struct error *error) MUST_CHECK;
// A log that ends in the middle of an event, as a crash leaves it, ends before that one's group.
enum scan_news binlog_scan_next(struct binlog_scan *scan, struct error *error) MUST_CHECK;
// Is all that comes after the position among what is read? To be asked at the end.
bool binlog_scan_began_before(const struct binlog_scan *scan,
                              const struct gtid_set *position) MUST_CHECK;
// Does the present group come after the position?
bool binlog_scan_is_beyond(const struct binlog_scan *scan,
                           const struct gtid_set *position) MUST_CHECK;
void binlog_scan_close(struct binlog_scan *scan);
