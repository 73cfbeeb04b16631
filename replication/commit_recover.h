#pragma once
// Transactions on several shards that nobody finishes: their waybill is gone or frozen, or a server
// was lost at the wrong moment. Any waybill can finish them, and several may try at one time. One
// round is one job: it looks at every primary, finishes what is older than in_doubt_ms, and comes
// back with what is left.

#include "base/mailbox.h"
#include "cluster/snapshot.h"
#include "protocol/binlog_event.h"
#include "replication/dbconn.h"

enum { RECOVER_NAME_BYTES = XID_PART_BYTES };

struct recover_shard {
    char name[RECOVER_NAME_BYTES];
    bool has_primary;
    struct endpoint endpoint; // of the primary
};

struct recover_branch {
    char gtrid[RECOVER_NAME_BYTES], bqual[RECOVER_NAME_BYTES];
    uint16_t shard;    // place in the round's shards
    uint64_t seen_us;  // first, by this process; job_now_us
    bool is_there;     // in this round
    bool is_finished;  // by this round
    char problem[160]; // why it is not; empty: it is not old enough
};

// RESOLVE TRANSACTION: an operator's word, where the decider can't be asked any more.
struct recover_word {
    char gtrid[RECOVER_NAME_BYTES]; // empty: none
    char outcome;                   // 'C', 'A'
};

struct recover_line {    // to a primary; kept from round to round
    struct dbconn *conn; // owned; NULL: none
    struct endpoint endpoint;
};

struct recover_round { // made by the monitor, which gets it back as a message
    struct message message;
    struct mailbox *mailbox;
    struct recover_shard *shards; // owned
    size_t shard_count;
    struct recover_branch *branches; // owned; in: of the round before, out: those that are left
    size_t branch_count;
    struct recover_line *lines; // owned; as many as shards
    uint64_t in_doubt_us;
    bool wants_sweep; // old decisions are deleted, if all is finished
    bool is_swept;    // ... and were
    struct recover_word word;
    struct text said; // owned; events for people, each ended by a NUL
};

struct recover_job; // opaque
struct recover_job *recover_start(struct recover_round *round);
void recover_join(struct recover_job *job); // asks it to stop; waits and frees it
void recover_round_free(struct recover_round *round);

// What a gtrid says: the decider's shard; "" when it is none of waybill's.
const char *recover_decider(const char *gtrid);
// The connection in a bqual of that server; 0: another server's.
uint32_t recover_connection(const char *bqual, const char *server);
