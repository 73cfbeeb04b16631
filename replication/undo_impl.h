#pragma once
// What undo.c and undo_report.c share.

#include "protocol/binlog_rows.h"
#include "replication/undo.h"

struct undo_event {
    struct slice bytes; // whole, the arena's
    uint8_t type;
};

// One transaction to be undone: in the tail with its rows, or a branch that was committed there.
struct undo_unit {
    struct binlog_group group;
    size_t count, room;
    struct undo_event *events; // the arena's; annotations, table maps, rows
};

struct undo_work {
    const struct undo *undo;
    struct slice format; // the arena's
    size_t count, bytes;
    struct undo_unit *units; // the arena's; oldest first
};

// Walks through a unit's events: reads each table map and the rows that belong to it. False: *why.
bool undo_read_rows(struct undo_work *work, const struct undo_unit *unit, size_t event,
                    struct binlog_table *table, struct binlog_rows *rows, size_t *map) MUST_CHECK;
// As an SQL string; the arena's.
const char *undo_quote(struct arena *arena, struct slice name);
// undo_report.c: writes waybill.undone on the new primary.
bool undo_report(struct undo_work *work) MUST_CHECK;
