// Every snapshot that was handed out is in one list, oldest first, with the number of workers that
// have it. It is freed when that number is 0 and it is not the newest: never while anybody can
// still read it, and without a lock.

#include "server/publish.h"

#include <assert.h>
#include "base/list.h"
#include "base/memory.h"

struct issued {
    struct node node;
    struct snapshot *snapshot; // owned
    uint16_t holders;          // workers that have it or have it in their mailbox
};

static struct issued *issued_of(struct node *node)
{
    return CONTAINER_OF(node, struct issued, node);
}

static void issue(struct publisher *publisher, struct snapshot *snapshot)
{
    struct issued *issued = memory_new(sizeof(*issued));
    issued->snapshot = snapshot;
    issued->holders = publisher->worker_count;
    list_push_back(&publisher->issued, &issued->node);
}

static void drop(struct publisher *publisher, struct issued *issued)
{
    list_remove(&publisher->issued, &issued->node);
    snapshot_free(issued->snapshot);
    memory_free(issued);
}

void publish_init(struct publisher *publisher, struct snapshot *first, uint16_t worker_count)
{
    list_init(&publisher->issued);
    publisher->workers = NULL;
    publisher->worker_count = worker_count;
    issue(publisher, first);
}

void publish_done(struct publisher *publisher)
{
    LIST_FOR_EACH_SAFE (&publisher->issued, node) {
        drop(publisher, issued_of(node));
    }
}

const struct snapshot *publish_newest(const struct publisher *publisher)
{
    return issued_of(publisher->issued.head.prev)->snapshot;
}

void publish_send(struct publisher *publisher, struct snapshot *next)
{
    struct issued *before = issued_of(publisher->issued.head.prev);
    issue(publisher, next);
    for (uint16_t i = 0; i < publisher->worker_count; i++) {
        worker_send_snapshot(publisher->workers[i], next);
    }
    if (before->holders == 0) {
        drop(publisher, before);
    }
}

void publish_take_back(struct publisher *publisher, const struct snapshot *snapshot)
{
    const struct snapshot *newest = publish_newest(publisher);
    LIST_FOR_EACH_SAFE (&publisher->issued, node) {
        struct issued *issued = issued_of(node);
        if (issued->snapshot != snapshot) {
            continue;
        }
        assert(issued->holders > 0);
        issued->holders--;
        if (issued->holders == 0 && snapshot != newest) {
            drop(publisher, issued);
        }
        return;
    }
    assert(false); // it was never handed out
}
