// How threads talk. A mailbox is a list of messages under a mutex, and a wake-up of the receiver's
// loop:
//
//     any thread: post -> [lock: push] -> wakeup_send        receiver's loop: wake-up -> [lock:
//     take the whole list]
//                                                                                -> deliver each,
//                                                                                in order
//
// The receiver takes the whole list at once and delivers without the lock, so that a delivery may
// post again, to itself as well (that one comes with the next wake-up: a receiver can't starve its
// own loop). Only a post into an empty mailbox sends a wake-up; a message that finds others waiting
// is taken with them.

#include "base/mailbox.h"

#include <pthread.h>

#include "base/memory.h"

struct mailbox {
    pthread_mutex_t lock;
    struct list waiting;   // under lock
    void *receiver;        // borrowed
    struct wakeup *wakeup; // owned
};

// Moves all of `from` to the end of the empty `into`.
static void move_all(struct list *from, struct list *into)
{
    struct node *node;
    while ((node = list_pop_front(from)) != NULL) {
        list_push_back(into, node);
    }
}

static void deliver_waiting(struct mailbox *mailbox)
{
    struct list taken;
    list_init(&taken);
    pthread_mutex_lock(&mailbox->lock);
    move_all(&mailbox->waiting, &taken);
    pthread_mutex_unlock(&mailbox->lock);
    LIST_FOR_EACH_SAFE (&taken, node) {
        struct message *message = CONTAINER_OF(node, struct message, node);
        list_remove(&taken, node);
        message->deliver(message, mailbox->receiver);
    }
}

static void on_wakeup(void *owner)
{
    deliver_waiting(owner);
}

struct mailbox *mailbox_new(struct loop *loop, void *receiver)
{
    struct mailbox *mailbox = memory_new(sizeof *mailbox);
    pthread_mutex_init(&mailbox->lock, NULL);
    list_init(&mailbox->waiting);
    mailbox->receiver = receiver;
    mailbox->wakeup = wakeup_new(loop, on_wakeup, mailbox);
    return mailbox;
}

void mailbox_free(struct mailbox *mailbox)
{
    while (!list_is_empty(&mailbox->waiting)) {
        deliver_waiting(mailbox);
    }
    wakeup_free(mailbox->wakeup);
    pthread_mutex_destroy(&mailbox->lock);
    memory_free(mailbox);
}

void mailbox_post(struct mailbox *mailbox, struct message *message)
{
    pthread_mutex_lock(&mailbox->lock);
    bool was_empty = list_is_empty(&mailbox->waiting);
    list_push_back(&mailbox->waiting, &message->node);
    // Under the lock: once it is open the receiver may deliver a last message and free the mailbox.
    if (was_empty) {
        wakeup_send(mailbox->wakeup);
    }
    pthread_mutex_unlock(&mailbox->lock);
}
