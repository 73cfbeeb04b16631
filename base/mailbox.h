#pragma once
// How threads talk: a queue of messages into one loop. Posting hands the message over; the receiver
// frees it.

#include "base/loop.h"

// Embedded first in every message. `deliver` runs on the receiving thread and owns the message from
// then on.
struct message {
    void (*deliver)(struct message *message, void *receiver);
    struct node node;
};

struct mailbox; // opaque

struct mailbox *mailbox_new(struct loop *loop, void *receiver);
void mailbox_free(struct mailbox *mailbox); // what is still queued is delivered first
void mailbox_post(struct mailbox *mailbox, struct message *message); // from any thread
