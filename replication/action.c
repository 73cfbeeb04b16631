// A runbook on its thread: take the leader's locks, run, report the end, let the locks go.

#include "replication/action_impl.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/memory.h"

static struct action_report *new_report(const struct action *action, enum report_kind kind)
{
    struct action_report *report = memory_new(sizeof *report);
    report->message.deliver = action->setup.deliver;
    report->kind = kind;
    report->action = action->setup.kind;
    report->shard = action->setup.shard;
    report->server = NO_SERVER;
    report->at_us = job_now_us();
    return report;
}

static unsigned elapsed_ms(const struct action *action)
{
    return (unsigned)((job_now_us() - action->began_us) / 1000);
}

static void post_text(struct action *action, enum report_kind kind, const char *format,
                      va_list args) PRINTF_LIKE(3, 0);
static void post_text(struct action *action, enum report_kind kind, const char *format,
                      va_list args)
{
    struct action_report *report = new_report(action, kind);
    int len = snprintf(report->text, sizeof report->text,
                       "shard %s: +%u ms: ", action->setup.shard_name, elapsed_ms(action));
    vsnprintf(report->text + len, sizeof report->text - (size_t)len, format, args);
    mailbox_post(action->setup.mailbox, &report->message);
}

void action_say(struct action *action, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    post_text(action, REPORT_STEP, format, args);
    va_end(args);
}

void action_report_closed(struct action *action, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    post_text(action, REPORT_CLOSED, format, args);
    va_end(args);
}

void action_report_opened(struct action *action, uint16_t server, uint64_t epoch)
{
    struct action_report *report = new_report(action, REPORT_OPENED);
    report->server = server;
    report->epoch = epoch;
    snprintf(report->text, sizeof report->text, "shard %s: +%u ms: %s takes writes, epoch %llu",
             action->setup.shard_name, elapsed_ms(action),
             action->setup.servers[action_place(action, server)].endpoint.name,
             (unsigned long long)epoch);
    mailbox_post(action->setup.mailbox, &report->message);
}

bool action_give_up(struct action *action, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(action->why, sizeof action->why, format, args);
    va_end(args);
    return false;
}

size_t action_place(const struct action *action, uint16_t server)
{
    size_t place = 0;
    while (place < action->setup.count && action->setup.servers[place].server != server) {
        place++;
    }
    assert(place < action->setup.count);
    return place;
}

static const char *title(enum action_kind kind)
{
    switch (kind) {
    case ACTION_OPEN:
        return "opening";
    case ACTION_FAILOVER:
        return "failover";
    case ACTION_FOLLOW:
        return "leading back";
    case ACTION_FENCE:
        return "fencing";
    case ACTION_REJOIN:
        return "rejoin";
    case ACTION_MEND:
        return "mending";
    case ACTION_SWITCHOVER:
        return "switchover";
    case ACTION_MAINTAIN:
        return "maintenance";
    case ACTION_RESUME:
        return "resumption";
    case ACTION_ADOPT:
        return "taking in";
    case ACTION_LET_GO:
        return "letting go";
    case ACTION_CLONE:
        return "cloning";
    }
    return "?";
}

static bool run_book(struct action *action)
{
    switch (action->setup.kind) {
    case ACTION_OPEN:
        return action_open(action);
    case ACTION_FAILOVER:
        return action_failover(action);
    case ACTION_FOLLOW:
        return action_follow(action);
    case ACTION_FENCE:
        return action_fence(action);
    case ACTION_REJOIN:
        return action_rejoin(action);
    case ACTION_MEND:
        return action_mend(action);
    case ACTION_SWITCHOVER:
        return action_switchover(action);
    case ACTION_MAINTAIN:
        return action_maintain(action);
    case ACTION_RESUME:
        return action_resume(action);
    case ACTION_ADOPT:
        return action_adopt(action);
    case ACTION_LET_GO:
        return action_let_go(action);
    case ACTION_CLONE:
        return action_clone(action);
    }
    return false;
}

static const char *name_subject(const struct action *action)
{
    size_t place = action_place(action, action->setup.subject);
    return action->setup.peer[0] != '\0' ? action->setup.peer
                                         : action->setup.servers[place].endpoint.name;
}

static void run_action(struct job *job, void *owner)
{
    struct action *action = owner;
    action->self = job;
    arena_init(&action->arena, NULL);
    action->began_us = job_now_us();
    bool is_leader = action->setup.kind == ACTION_CLONE || step_take_leadership(action);
    bool is_done = is_leader && run_book(action);
    struct action_report *report = new_report(action, REPORT_END);
    report->is_done = is_done;
    memcpy(report->why, action->why, sizeof report->why);
    snprintf(report->text, sizeof report->text, "shard %s: +%u ms: %s of %s %s%s",
             action->setup.shard_name, elapsed_ms(action), title(action->setup.kind),
             name_subject(action), is_done ? "done" : "refused: ", is_done ? "" : action->why);
    leader_give_up(&action->leader);
    arena_clear(&action->arena);
    mailbox_post(action->setup.mailbox, &report->message);
}

struct action *action_start(const struct action_setup *setup)
{
    struct action *action = memory_new(sizeof *action);
    action->setup = *setup;
    char name[16];
    snprintf(name, sizeof name, "act %.11s", setup->shard_name);
    action->job = job_start(name, run_action, action);
    return action;
}

void action_ask_to_stop(struct action *action)
{
    job_ask_to_stop(action->job);
}

void action_join(struct action *action)
{
    job_join(action->job);
    memory_free(action->setup.servers);
    memory_free(action);
}
