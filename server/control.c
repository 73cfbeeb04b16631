// The control thread's life:
//
//     start:   workers are made (their ports opened), the monitor looks at the servers, the admin
//     port opens settled: every server was seen once, or SETTLE_MAX_MS are over: the workers accept
//     clients run:     snapshots go out, come back; questions of the admin port go to the workers
//     drain:   a signal: no new clients, running transactions may end within DRAIN_GRACE_MS; a
//     second signal: now stop:    admin, workers, monitor, in this order

#include "server/control.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>
#include "admin/admin.h"
#include "base/log.h"
#include "base/mailbox.h"
#include "base/memory.h"
#include "cluster/ddl_note.h"
#include "protocol/error_table.h"
#include "server/elsewhere.h"
#include "server/errands.h"
#include "server/limits.h"
#include "server/login_key.h"
#include "server/notify.h"
#include "server/publish.h"
#include "server/reload.h"
#include "server/schema_asks.h"
#include "server/worker.h"

enum {
    SETTLE_MAX_MS = 5000,
    TICK_MS = 50,
    DRAIN_GRACE_MS = 5000,
};

// A question of the admin port that waits for reports.
struct question {
    struct node node;
    uint64_t number;
    void (*on_reports)(void *asker, struct worker_report **reports, uint16_t count);
    void *asker;
    uint16_t missing;
    struct worker_report *reports[]; // by worker
};

enum control_phase { PHASE_START, PHASE_RUN, PHASE_DRAIN };

struct control {
    enum control_phase phase;
    _Atomic uint32_t client_count;
    _Atomic uint64_t table_changes;
    uint16_t worker_count;
    struct loop *loop;
    struct mailbox *mailbox;
    struct publisher publisher;
    struct worker_host worker_host;
    struct admin_host admin_host;
    struct monitor_host monitor_host;
    struct worker **workers; // owned
    struct monitor *monitor;
    struct admin *admin;
    struct timer tick;
    uint64_t phase_us; // loop clock when the phase began
    uint64_t started_wall_ms;
    struct list questions;
    uint64_t last_question;
    struct errands errands;
    struct schema_asks schema_asks;
    _Atomic uint32_t *account_clients; // owned; by account id
    struct counter *ids_used_ms;       // owned; by worker
    struct login_key login_key;
};

static uint64_t wall_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

// ---- what the rooms ask of control

static const struct snapshot *host_current(void *owner)
{
    return publish_newest(&((struct control *)owner)->publisher);
}

static uint64_t host_ids_used_ms(void *owner)
{
    const struct control *control = owner;
    return counter_highest(control->ids_used_ms, control->worker_count);
}

static void host_publish(void *owner, struct snapshot *next)
{
    login_key_make(&((struct control *)owner)->login_key, next->config);
    publish_send(&((struct control *)owner)->publisher, next);
}

static struct monitor *host_monitor(void *owner)
{
    return ((struct control *)owner)->monitor;
}

static uint16_t host_worker_count(void *owner)
{
    return ((struct control *)owner)->worker_count;
}

static const struct session_counters *host_counters(void *owner, uint16_t worker)
{
    return worker_counters(((struct control *)owner)->workers[worker]);
}

static uint64_t host_started_wall_ms(void *owner)
{
    return ((struct control *)owner)->started_wall_ms;
}

static void host_ask_workers(void *owner,
                             void (*on_reports)(void *, struct worker_report **, uint16_t),
                             void *asker)
{
    struct control *control = owner;
    size_t reports_bytes = control->worker_count * sizeof(void *); // pointers
    struct question *question = memory_new(sizeof(*question) + reports_bytes);
    question->number = ++control->last_question;
    question->on_reports = on_reports;
    question->asker = asker;
    question->missing = control->worker_count;
    list_push_back(&control->questions, &question->node);
    for (uint16_t i = 0; i < control->worker_count; i++) {
        worker_ask(control->workers[i], question->number);
    }
}

static bool host_reload(void *owner, struct text *errors)
{
    struct control *control = owner;
    struct snapshot *next = reload_config(publish_newest(&control->publisher), errors);
    if (next == NULL) {
        return false;
    }
    log_set_level((enum log_level)next->config->settings.log_level);
    login_key_make(&control->login_key, next->config);
    publish_send(&control->publisher, next);
    monitor_config_changed(control->monitor);
    return true;
}

static bool host_resolve(void *owner, struct slice gtrid, char outcome)
{
    struct control *control = owner;
    return control->monitor != NULL && monitor_resolve(control->monitor, gtrid, outcome);
}

static void host_forget_hosts(void *owner)
{
    struct control *control = owner;
    for (uint16_t i = 0; i < control->worker_count; i++) {
        worker_forget_hosts(control->workers[i]);
    }
}

static void host_work_schema(void *owner, enum schema_kind kind, struct slice argument,
                             void (*on_report)(void *asker, const struct schema_report *report),
                             void *asker)
{
    struct control *control = owner;
    schema_asks_start(&control->schema_asks, control->monitor, kind, argument, on_report, asker);
}

static void on_schema_report(void *owner, const struct schema_report *report)
{
    schema_asks_answered(&((struct control *)owner)->schema_asks, report);
}

static void host_kill(void *owner, const struct errand *order)
{
    errands_start(&((struct control *)owner)->errands, NO_WORKER, order);
}

// ---- what the workers say

static uint64_t count_questions(const struct worker_host *host)
{
    const struct control *control = CONTAINER_OF(host, struct control, worker_host);
    uint64_t count = 0;
    for (uint16_t i = 0; i < control->worker_count; i++) {
        count += counter_get(&worker_counters(control->workers[i])->queries);
    }
    return count;
}

static void on_errand(void *receiver, uint16_t worker, const struct errand *order)
{
    struct control *control = receiver;
    const struct settings *settings = &publish_newest(&control->publisher)->config->settings;
    bool is_one = order->kind == ERRAND_KILL && !order->is_user;
    if (order->kind == ERRAND_DDL && control->monitor == NULL) {
        ddl_note_free(order->ddl); // waybill ends
    } else if (order->kind == ERRAND_ROW_IDS && control->monitor == NULL) {
        return; // likewise
    } else if (order->kind == ERRAND_DDL || order->kind == ERRAND_ROW_IDS ||
               (is_one && control->monitor != NULL &&
                session_id_is_elsewhere(order->victim, settings))) {
        errands_start_elsewhere(&control->errands, worker, order);
    } else {
        errands_start(&control->errands, worker, order);
    }
}

static void send_elsewhere(void *owner, uint64_t question, const struct errand *order)
{
    struct monitor *monitor = ((struct control *)owner)->monitor;
    if (order->kind == ERRAND_DDL) {
        monitor_note_ddl(monitor, question, order->ddl);
    } else if (order->kind == ERRAND_ROW_IDS) {
        monitor_reserve_row_ids(monitor, question, &order->row_ids);
    } else {
        elsewhere_send(monitor, question, order);
    }
}

static void answer_elsewhere(void *owner, const struct errand *order,
                             const struct errand_result *outcome)
{
    const struct control *control = owner;
    if (control->monitor != NULL) {
        elsewhere_answer(control->monitor, order, outcome);
    }
}

static void on_waiting(void *receiver)
{
    struct control *control = receiver;
    if (control->monitor != NULL) {
        elsewhere_list_waiters(&control->errands, control->monitor);
    }
}

static void on_deadlock(void *owner, const struct waiter *victim)
{
    elsewhere_end_victim(&((struct control *)owner)->errands, victim);
}

static void on_declared_published(void *owner, uint64_t number, uint64_t seen)
{
    elsewhere_look_for_old(&((struct control *)owner)->errands, number, seen);
}

static void on_kill_answer(void *owner, uint64_t number, const struct kill_answer *answer)
{
    elsewhere_take_answer(&((struct control *)owner)->errands, number, answer);
}

static void on_ddl_noted(void *owner, uint64_t number, uint64_t id, const struct error *error)
{
    struct errand_result result = {.number = id, .problem = *error};
    errands_answered(&((struct control *)owner)->errands, number, &result);
}

static void on_row_ids(void *owner, uint64_t number, const struct error *error)
{
    struct errand_result result = {.problem = *error};
    errands_answered(&((struct control *)owner)->errands, number, &result);
}

static void on_kill_order(void *owner, uint64_t number, const struct kill_order *order)
{
    elsewhere_take_order(&((struct control *)owner)->errands, number, order);
}

static void on_errand_run(void *receiver, uint64_t question, const struct errand_result *outcome)
{
    errands_answered(&((struct control *)receiver)->errands, question, outcome);
}

static void on_accounts_doubt(void *receiver, bool is_certain)
{
    struct control *control = receiver;
    if (control->monitor != NULL) {
        monitor_refresh_accounts(control->monitor, is_certain);
    }
}

static void on_snapshot_returned(void *receiver, const struct snapshot *snapshot)
{
    publish_take_back(&((struct control *)receiver)->publisher, snapshot);
}

static void on_server_trouble(void *receiver, uint16_t server, const struct error *error)
{
    struct control *control = receiver;
    if (control->monitor != NULL) {
        monitor_note_trouble(control->monitor, server, error);
    }
}

static void on_report(void *receiver, uint64_t number, struct worker_report *report)
{
    struct control *control = receiver;
    LIST_FOR_EACH_SAFE (&control->questions, node) {
        struct question *question = CONTAINER_OF(node, struct question, node);
        if (question->number != number) {
            continue;
        }
        question->reports[report->worker] = report;
        if (--question->missing == 0) {
            list_remove(&control->questions, node);
            question->on_reports(question->asker, question->reports, control->worker_count);
            memory_free(question);
        }
        return;
    }
    worker_report_free(report);
}

// ---- phases

static void enter_phase(struct control *control, enum control_phase phase)
{
    control->phase = phase;
    control->phase_us = loop_now_us(control->loop);
}

static void open_workers(struct control *control)
{
    for (uint16_t i = 0; i < control->worker_count; i++) {
        worker_open(control->workers[i]);
    }
    const struct settings *settings = &publish_newest(&control->publisher)->config->settings;
    log_notice("ready: clients on %s, admin on %s, %u workers", settings->listen,
               settings->admin_listen, control->worker_count);
    notify_systemd("READY=1");
    enter_phase(control, PHASE_RUN);
}

static void on_tick(struct timer *timer)
{
    struct control *control = CONTAINER_OF(timer, struct control, tick);
    uint64_t phase_ms = (loop_now_us(control->loop) - control->phase_us) / 1000;
    switch (control->phase) {
    case PHASE_START:
        if (monitor_is_settled(control->monitor) || phase_ms >= SETTLE_MAX_MS) {
            open_workers(control);
        }
        break;
    case PHASE_RUN:
        break;
    case PHASE_DRAIN:
        if (atomic_load(&control->client_count) == 0 || phase_ms >= DRAIN_GRACE_MS) {
            loop_stop(control->loop);
        }
        break;
    }
    if (control->phase != PHASE_RUN) {
        timer_start(&control->tick, TICK_MS);
    }
}

static void begin_drain(struct control *control)
{
    log_notice("stopping: %u clients are connected", atomic_load(&control->client_count));
    notify_systemd("STOPPING=1");
    for (uint16_t i = 0; i < control->worker_count; i++) {
        worker_drain(control->workers[i], DRAIN_GRACE_MS);
    }
    enter_phase(control, PHASE_DRAIN);
    timer_start(&control->tick, TICK_MS);
}

static void on_hangup(struct control *control)
{
    struct text errors;
    text_init(&errors);
    notify_systemd("RELOADING=1");
    if (!log_reopen()) {
        log_warning("cannot reopen the log: %s", strerror(errno));
    }
    if (host_reload(control, &errors)) {
        log_notice("the configuration was read again");
    } else {
        log_error("the configuration stays as it was:\n%.*s", (int)errors.len,
                  (const char *)errors.ptr);
    }
    notify_systemd("READY=1");
    text_done(&errors);
}

static void on_signal(void *owner, int signal_number)
{
    struct control *control = owner;
    if (signal_number == SIGHUP) {
        on_hangup(control);
    } else if (control->phase == PHASE_DRAIN) {
        loop_stop(control->loop);
    } else {
        begin_drain(control);
    }
}

// ---- start and stop

static bool make_workers(struct control *control, struct error *error)
{
    const struct snapshot *first = publish_newest(&control->publisher);
    for (uint16_t i = 0; i < control->worker_count; i++) {
        control->workers[i] =
            worker_new(&control->worker_host, i, control->worker_count, first, error);
        if (control->workers[i] == NULL) {
            return false;
        }
    }
    return true;
}

static bool start_rooms(struct control *control, struct error *error)
{
    if (!make_workers(control, error)) {
        return false;
    }
    control->admin_host = (struct admin_host){
        .loop = control->loop,
        .owner = control,
        .current = host_current,
        .monitor = host_monitor,
        .worker_count = host_worker_count,
        .counters = host_counters,
        .ask_workers = host_ask_workers,
        .reload = host_reload,
        .forget_hosts = host_forget_hosts,
        .resolve = host_resolve,
        .kill = host_kill,
        .work_schema = host_work_schema,
        .started_wall_ms = host_started_wall_ms,
    };
    control->admin = admin_start(&control->admin_host, error);
    if (control->admin == NULL) {
        return false;
    }
    for (uint16_t i = 0; i < control->worker_count; i++) {
        if (!worker_start(control->workers[i])) {
            error_set(error, 1105, "HY000", "cannot start a thread: %s", strerror(errno));
            return false;
        }
    }
    control->monitor_host = (struct monitor_host){
        .loop = control->loop,
        .owner = control,
        .current = host_current,
        .publish = host_publish,
        .ids_used_ms = host_ids_used_ms,
        .on_kill_answer = on_kill_answer,
        .on_kill_order = on_kill_order,
        .on_ddl_noted = on_ddl_noted,
        .on_row_ids = on_row_ids,
        .on_schema_report = on_schema_report,
        .on_declared_published = on_declared_published,
        .on_deadlock = on_deadlock,
    };
    control->monitor = monitor_start(&control->monitor_host);
    return true;
}

static void stop_rooms(struct control *control)
{
    if (control->admin != NULL) {
        admin_stop(control->admin);
    }
    for (uint16_t i = 0; i < control->worker_count; i++) {
        if (control->workers[i] != NULL) {
            worker_stop(control->workers[i]);
        }
    }
    control->publisher.worker_count = 0; // what the monitor still publishes goes to nobody
    if (control->monitor != NULL) {
        monitor_stop(control->monitor);
        control->monitor = NULL;
    }
}

static uint64_t random_seed(void)
{
    uint64_t seed = 0;
    while (getrandom(&seed, sizeof seed, 0) != (ssize_t)sizeof seed) {
    }
    return seed;
}

static void control_init(struct control *control, struct config *config)
{
    control->loop = loop_new();
    control->mailbox = mailbox_new(control->loop, control);
    control->worker_count = limits_count_workers(&config->settings);
    control->workers = memory_new(control->worker_count * sizeof(struct worker *));
    control->started_wall_ms = wall_ms();
    control->ids_used_ms = memory_new(control->worker_count * sizeof *control->ids_used_ms);
    control->account_clients = memory_new(ACCOUNTS_MAX * sizeof *control->account_clients);
    list_init(&control->questions);
    const struct errands_elsewhere elsewhere = {
        .owner = control, .send = send_elsewhere, .answer = answer_elsewhere};
    schema_asks_init(&control->schema_asks);
    errands_init(&control->errands, &elsewhere, control->workers, control->worker_count);
    control->worker_host = (struct worker_host){
        .mailbox = control->mailbox,
        .client_count = &control->client_count,
        .table_changes = &control->table_changes,
        .account_clients = control->account_clients,
        .ids_used_ms = control->ids_used_ms,
        .rsa_key = &control->login_key.key,
        .login_seed = random_seed(),
        .on_snapshot_returned = on_snapshot_returned,
        .on_report = on_report,
        .on_server_trouble = on_server_trouble,
        .on_accounts_doubt = on_accounts_doubt,
        .on_waiting = on_waiting,
        .questions = count_questions,
        .on_errand = on_errand,
        .on_errand_run = on_errand_run,
    };
    publish_init(&control->publisher, snapshot_new(config), control->worker_count);
    control->publisher.workers = control->workers;
    signal(SIGPIPE, SIG_IGN);
    loop_on_signal(control->loop, SIGTERM, on_signal, control);
    loop_on_signal(control->loop, SIGINT, on_signal, control);
    loop_on_signal(control->loop, SIGHUP, on_signal, control);
    timer_init(&control->tick, control->loop, on_tick);
    login_key_make(&control->login_key, config);
    limits_raise_descriptors(&config->settings);
}

static void control_done(struct control *control)
{
    timer_stop(&control->tick);
    mailbox_free(control->mailbox); // the last reports still reach who asked
    LIST_FOR_EACH_SAFE (&control->questions, node) {
        struct question *question = CONTAINER_OF(node, struct question, node);
        for (uint16_t i = 0; i < control->worker_count; i++) {
            if (question->reports[i] != NULL) {
                worker_report_free(question->reports[i]);
            }
        }
        list_remove(&control->questions, node);
        memory_free(question);
    }
    errands_done(&control->errands);
    schema_asks_done(&control->schema_asks);
    publish_done(&control->publisher);
    login_key_done(&control->login_key);
    memory_free((void *)control->account_clients);
    memory_free(control->ids_used_ms);
    memory_free(control->workers);
    loop_free(control->loop);
}

int control_run(struct config *config)
{
    struct control *control = memory_new(sizeof(*control));
    struct error error = {0};
    control_init(control, config);
    bool is_started = start_rooms(control, &error);
    if (is_started) {
        enter_phase(control, PHASE_START);
        timer_start(&control->tick, TICK_MS);
        loop_run(control->loop);
        log_notice("stopped");
    } else {
        log_error("%s", error.text);
    }
    stop_rooms(control);
    control_done(control);
    memory_free(control);
    return is_started ? 0 : 1;
}
