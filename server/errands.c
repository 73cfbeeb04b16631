// One victim belongs to the worker that its id names, or to another waybill; all else goes to every
// worker.

#include "server/errands.h"

#include "base/memory.h"

struct errand_question {
    struct node node;
    uint64_t number;
    uint16_t worker; // who has asked
    uint16_t missing;
    struct errand order;
    struct errand_result sum;
};

void errands_init(struct errands *errands, const struct errands_elsewhere *elsewhere,
                  struct worker **workers, uint16_t worker_count)
{
    *errands =
        (struct errands){.elsewhere = *elsewhere, .workers = workers, .worker_count = worker_count};
    list_init(&errands->questions);
}

static void forget(struct errands *errands, struct errand_question *question)
{
    list_remove(&errands->questions, &question->node);
    text_done(&question->sum.list);
    memory_free(question);
}

void errands_done(struct errands *errands)
{
    LIST_FOR_EACH_SAFE (&errands->questions, node) {
        forget(errands, CONTAINER_OF(node, struct errand_question, node));
    }
}

static struct errand_question *note(struct errands *errands, uint16_t worker,
                                    const struct errand *order, uint16_t missing)
{
    struct errand_question *question = memory_new(sizeof(*question));
    question->number = ++errands->last_question;
    question->worker = worker;
    question->missing = missing;
    question->order = *order;
    question->order.ddl = NULL; // handed on
    text_init(&question->sum.list);
    list_push_back(&errands->questions, &question->node);
    return question;
}

void errands_start_elsewhere(struct errands *errands, uint16_t worker, const struct errand *order)
{
    const struct errand_question *question = note(errands, worker, order, 1);
    errands->elsewhere.send(errands->elsewhere.owner, question->number, order);
}

void errands_start(struct errands *errands, uint16_t worker, const struct errand *order)
{
    bool is_one = order->kind == ERRAND_VICTIM || (order->kind == ERRAND_KILL && !order->is_user);
    const struct errand_question *question =
        note(errands, worker, order, is_one ? 1 : errands->worker_count);
    if (is_one) {
        uint16_t target = session_id_worker(order->victim, errands->worker_count);
        worker_run_errand(errands->workers[target], question->number, order);
        return;
    }
    for (uint16_t i = 0; i < errands->worker_count; i++) {
        worker_run_errand(errands->workers[i], question->number, order);
    }
}

void errands_answered(struct errands *errands, uint64_t number, const struct errand_result *outcome)
{
    LIST_FOR_EACH_SAFE (&errands->questions, node) {
        struct errand_question *question = CONTAINER_OF(node, struct errand_question, node);
        if (question->number != number) {
            continue;
        }
        question->sum.killed += outcome->killed;
        question->sum.denied += outcome->denied;
        question->sum.committing += outcome->committing;
        question->sum.busy += outcome->busy;
        question->sum.problem = outcome->problem;
        question->sum.number = outcome->number;
        text_add_slice(&question->sum.list, text_slice(&outcome->list));
        if (--question->missing == 0) {
            if (question->worker == FROM_ELSEWHERE) {
                errands->elsewhere.answer(errands->elsewhere.owner, &question->order,
                                          &question->sum);
            } else if (question->worker != NO_WORKER) {
                worker_end_errand(errands->workers[question->worker], &question->order,
                                  &question->sum);
            }
            forget(errands, question);
        }
        return;
    }
}
