// One victim belongs to the worker that its id names; KILL USER goes to all of them.

#include "server/kills.h"

#include "base/memory.h"

struct kill_question {
    struct node node;
    uint64_t number;
    uint16_t worker; // who has asked
    uint16_t missing;
    struct kill_order order;
    struct kill_outcome sum;
};

void kills_init(struct kills *kills, struct worker **workers, uint16_t worker_count)
{
    *kills = (struct kills){.workers = workers, .worker_count = worker_count};
    list_init(&kills->questions);
}

static void forget(struct kills *kills, struct kill_question *question)
{
    list_remove(&kills->questions, &question->node);
    memory_free(question);
}

void kills_done(struct kills *kills)
{
    LIST_FOR_EACH_SAFE (&kills->questions, node) {
        forget(kills, CONTAINER_OF(node, struct kill_question, node));
    }
}

void kills_ask(struct kills *kills, uint16_t worker, const struct kill_order *order)
{
    struct kill_question *question = memory_new(sizeof(*question));
    question->number = ++kills->last_question;
    question->worker = worker;
    question->order = *order;
    question->missing = order->is_user ? kills->worker_count : 1;
    list_push_back(&kills->questions, &question->node);
    if (!order->is_user) {
        uint16_t target = session_id_worker(order->victim, kills->worker_count);
        worker_kill(kills->workers[target], question->number, order);
        return;
    }
    for (uint16_t i = 0; i < kills->worker_count; i++) {
        worker_kill(kills->workers[i], question->number, order);
    }
}

void kills_answered(struct kills *kills, uint64_t number, const struct kill_outcome *outcome)
{
    LIST_FOR_EACH_SAFE (&kills->questions, node) {
        struct kill_question *question = CONTAINER_OF(node, struct kill_question, node);
        if (question->number != number) {
            continue;
        }
        question->sum.killed += outcome->killed;
        question->sum.denied += outcome->denied;
        question->sum.committing += outcome->committing;
        if (--question->missing == 0) {
            if (question->worker != NO_WORKER) {
                worker_tell_killed(kills->workers[question->worker], &question->order,
                                   &question->sum);
            }
            forget(kills, question);
        }
        return;
    }
}
