#pragma once
// What the data path and the recovery must agree on: how branches of transactions on several shards
// are named, and the table of decisions.

// Of XA: others' branches are none of waybill's business.
enum { DECISION_FORMAT_ID = 22338 };
#define DECISION_PREFIX "wb:"
// The name of a shard that can decide: the rest of a gtrid's 64 bytes.
enum { DECISION_SHARD_BYTES_MAX = 24 };

// Writes the row, unless one is there already; then it is `C` or `A`. Both wait for a transaction
// that is writing it, and, being writes, for the replica that acknowledges. Commits by itself.
#define DECISION_TABLE "waybill.decision"
#define DECISION_COMMIT_FORMAT                                                                     \
    "BEGIN NOT ATOMIC INSERT INTO " DECISION_TABLE                                                 \
    " (gtrid, outcome, at) VALUES (%.*s, 'C', UTC_TIMESTAMP(3)); COMMIT; END"
#define DECISION_ABORT_FORMAT                                                                      \
    "INSERT INTO " DECISION_TABLE " (gtrid, outcome, at) VALUES (%.*s, 'A', UTC_TIMESTAMP(3)) "    \
    "ON DUPLICATE KEY UPDATE asked = asked + 1"
#define DECISION_ASK_FORMAT "SELECT outcome FROM " DECISION_TABLE " WHERE gtrid = %.*s"
