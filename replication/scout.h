#pragma once
// A job that looks at a replica which is in no section (discover = on): can it be reached by
// waybill's account, and does it hold what its shard holds, as the other replicas do? It changes
// nothing.

#include "base/mailbox.h"
#include "replication/dbconn.h"

enum { SCOUT_ADDRESS_BYTES = 64, SCOUT_WHY_BYTES = 160 };

// Plain values.
struct scout_setup {
    struct endpoint source; // whom it replicates from; also how it is spoken to
    uint32_t source_id;     // that one's server_id
    uint32_t server_id;     // its own
    char host[128];         // as it reports itself; "": it doesn't
    char port[8];
    uint16_t shard;
    struct mailbox *mailbox;
    void (*deliver)(struct message *message, void *receiver);
};

struct scout_report { // the receiver frees it (memory_free)
    struct message message;
    uint16_t shard;
    uint32_t server_id;
    char address[SCOUT_ADDRESS_BYTES]; // numeric; "": none was found
    char why[SCOUT_WHY_BYTES];         // "": it is fit; else what is not
};

struct scout; // opaque

struct scout *scout_start(const struct scout_setup *setup);
void scout_join(struct scout *scout);
