#pragma once
// Reads a server's accounts, once, on a thread of its own.

#include "base/mailbox.h"
#include "cluster/account.h"
#include "replication/dbconn.h"
#include "replication/told.h"

struct accounts_result {
    struct message message;
    bool is_read;
    char problem[TOLD_BYTES];    // if not
    uint64_t began_us, ended_us; // loop clock: what was done on the server before is in it
    struct account_list list;    // the receiver's
};

struct accounts_setup {
    struct endpoint endpoint;
    const struct account_list *known; // borrowed until the thread has ended; NULL: look names up
    struct mailbox *mailbox;
    void (*deliver)(struct message *message, void *receiver);
};

struct accounts_reader; // opaque

struct accounts_reader *accounts_reader_start(const struct accounts_setup *setup);
void accounts_reader_join(struct accounts_reader *reader); // its one message is its last act
