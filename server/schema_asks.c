#include "server/schema_asks.h"

#include "base/memory.h"

struct schema_question {
    struct node node;
    uint64_t number;
    void (*on_report)(void *asker, const struct schema_report *report);
    void *asker;
};

void schema_asks_init(struct schema_asks *asks)
{
    list_init(&asks->questions);
}

static void end(struct schema_asks *asks, struct schema_question *question,
                const struct schema_report *report)
{
    list_remove(&asks->questions, &question->node);
    question->on_report(question->asker, report);
    memory_free(question);
}

void schema_asks_done(struct schema_asks *asks)
{
    LIST_FOR_EACH_SAFE (&asks->questions, node) {
        end(asks, CONTAINER_OF(node, struct schema_question, node), NULL);
    }
}

void schema_asks_start(struct schema_asks *asks, struct monitor *monitor, enum schema_kind kind,
                       struct slice argument,
                       void (*on_report)(void *asker, const struct schema_report *report),
                       void *asker)
{
    struct schema_question *question = memory_new(sizeof *question);
    question->number = ++asks->last_number;
    question->on_report = on_report;
    question->asker = asker;
    list_push_back(&asks->questions, &question->node);
    monitor_work_schema(monitor, question->number, kind, argument);
}

void schema_asks_answered(struct schema_asks *asks, const struct schema_report *report)
{
    LIST_FOR_EACH_SAFE (&asks->questions, node) {
        struct schema_question *question = CONTAINER_OF(node, struct schema_question, node);
        if (question->number == report->number) {
            end(asks, question, report);
            return;
        }
    }
}
