// Messages of several threads arrive, each thread's in order; a delivery may post again.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mailbox.h"

#include <pthread.h>

#include "base/memory.h"

enum { THREADS = 4, MESSAGES = 5000 };

struct note {
    struct message message;
    int thread;
    int number;
};

struct receiver {
    struct loop *loop;
    struct mailbox *mailbox;
    int next[THREADS + 1];
    int total;
    int posts_again;
};

struct poster {
    struct mailbox *mailbox;
    int thread;
};

static void post(struct mailbox *mailbox, int thread, int number);

static void deliver(struct message *message, void *owner)
{
    struct receiver *receiver = owner;
    struct note *note = CONTAINER_OF(message, struct note, message);
    assert_int_equal(note->number, receiver->next[note->thread]);
    receiver->next[note->thread]++;
    if (++receiver->total == THREADS * MESSAGES) {
        loop_stop(receiver->loop);
    }
    if (receiver->posts_again > 0) {
        receiver->posts_again--;
        post(receiver->mailbox, note->thread, note->number + 1);
    }
    memory_free(note);
}

static void post(struct mailbox *mailbox, int thread, int number)
{
    struct note *note = memory_new(sizeof *note);
    note->message.deliver = deliver;
    note->thread = thread;
    note->number = number;
    mailbox_post(mailbox, &note->message);
}

static void *post_many(void *argument)
{
    struct poster *poster = argument;
    for (int i = 0; i < MESSAGES; i++) {
        post(poster->mailbox, poster->thread, i);
    }
    return NULL;
}

static void delivers_in_order(void **state)
{
    (void)state;
    struct receiver receiver = {.loop = loop_new()};
    receiver.mailbox = mailbox_new(receiver.loop, &receiver);
    pthread_t threads[THREADS];
    struct poster posters[THREADS];
    for (int i = 0; i < THREADS; i++) {
        posters[i] = (struct poster){.mailbox = receiver.mailbox, .thread = i};
        assert_int_equal(pthread_create(&threads[i], NULL, post_many, &posters[i]), 0);
    }
    loop_run(receiver.loop);
    assert_int_equal(receiver.total, THREADS * MESSAGES);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    mailbox_free(receiver.mailbox);
    loop_free(receiver.loop);
}

static void delivers_the_rest_at_the_end(void **state)
{
    (void)state;
    struct receiver receiver = {.loop = loop_new(), .posts_again = 3};
    receiver.mailbox = mailbox_new(receiver.loop, &receiver);
    post(receiver.mailbox, THREADS, 0);
    mailbox_free(receiver.mailbox);
    assert_int_equal(receiver.total, 4);
    loop_free(receiver.loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(delivers_in_order),
        cmocka_unit_test(delivers_the_rest_at_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
