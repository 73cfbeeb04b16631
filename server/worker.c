// A worker is a loop on a thread. The control thread makes it, starts it, and from then on only
// posts messages:
//
//     control                          worker
//     snapshot ----------------------> takes it, gives the one before back --->
//     on_snapshot_returned question ----------------------> fills a report ----------------------->
//     on_report open, drain, stop -------------> does it
//                                      a server refuses or resets ------------> on_server_trouble
//
// The kernel spreads clients over the workers' listeners, which share one port.

#include "server/worker.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include "base/buffer.h"
#include "base/log.h"
#include "base/memory.h"

enum {
    SCRATCH_BYTES = 65536,
    ACCEPT_BATCH =
        16, // clients taken for each event, so that a storm of them does not stop the others
    LISTEN_BACKLOG = 1024,
    ACCEPT_PAUSE_MS = 100, // without a descriptor for the next client, who stays in line
    ARENA_BLOCKS_KEPT = 256,
    BUFFER_BLOCKS_KEPT = 256,
    TROUBLE_PAUSE_US = 50000, // between two reports of trouble with one server
    FIGURES_SPARE = 64,       // what may come between counting and filling
};

struct worker {
    const struct worker_host *host; // borrowed
    uint16_t index;
    uint16_t count;
    pthread_t thread;
    bool is_running;
    struct loop *loop;       // owned
    struct mailbox *mailbox; // owned; its receiver is this worker
    struct slab arena_blocks;
    struct slab buffer_blocks;
    struct compressor *compressor; // owned
    struct pools *pools;           // owned
    struct sessions *sessions;     // owned
    int listener;                  // owned; -1: this worker has none
    struct watch accept_watch;
    struct timer accept_pause;
    bool is_short_told;               // of descriptors: said once, until a client is accepted
    const struct snapshot *snapshot;  // borrowed from control until it is returned
    uint64_t trouble_us[SERVERS_MAX]; // when it was last reported
    uint8_t scratch[SCRATCH_BYTES];
};

struct snapshot_message {
    struct message message;
    const struct snapshot *snapshot;
    const struct worker_host *host; // of a returned one
};

struct ask_message {
    struct message message;
    uint64_t question;
};

struct report_message {
    struct message message;
    const struct worker_host *host;
    uint64_t question;
    struct worker_report *report;
};

struct trouble_message {
    struct message message;
    const struct worker_host *host;
    uint16_t server;
    struct error error;
};

struct doubt_message {
    struct message message;
    bool is_certain;
    const struct worker_host *host;
};

struct waiting_message {
    struct message message;
    const struct worker_host *host;
};

// An errand on its way to control or to a worker, and what came of it on its way back.
struct errand_message {
    struct message message;
    const struct worker_host *host;
    uint16_t worker;   // who has asked
    uint64_t question; // of control
    struct errand order;
    struct errand_result outcome;
};

struct drain_message {
    struct message message;
    uint32_t grace_ms;
};

// ---- what leaves the worker

static void deliver_returned(struct message *message, void *receiver)
{
    struct snapshot_message *returned = CONTAINER_OF(message, struct snapshot_message, message);
    returned->host->on_snapshot_returned(receiver, returned->snapshot);
    memory_free(returned);
}

static void return_snapshot(struct worker *worker, const struct snapshot *snapshot)
{
    struct snapshot_message *returned = memory_new(sizeof(*returned));
    returned->message.deliver = deliver_returned;
    returned->snapshot = snapshot;
    returned->host = worker->host;
    mailbox_post(worker->host->mailbox, &returned->message);
}

static void deliver_trouble(struct message *message, void *receiver)
{
    struct trouble_message *trouble = CONTAINER_OF(message, struct trouble_message, message);
    trouble->host->on_server_trouble(receiver, trouble->server, &trouble->error);
    memory_free(trouble);
}

static void on_pool_trouble(void *owner, uint16_t server, const struct error *error)
{
    struct worker *worker = owner;
    uint64_t now_us = loop_now_us(worker->loop);
    if (now_us - worker->trouble_us[server] < TROUBLE_PAUSE_US) {
        return;
    }
    worker->trouble_us[server] = now_us;
    struct trouble_message *trouble = memory_new(sizeof(*trouble));
    trouble->message.deliver = deliver_trouble;
    trouble->host = worker->host;
    trouble->server = server;
    trouble->error = *error;
    mailbox_post(worker->host->mailbox, &trouble->message);
}

static void deliver_doubt(struct message *message, void *receiver)
{
    struct doubt_message *doubt = CONTAINER_OF(message, struct doubt_message, message);
    doubt->host->on_accounts_doubt(receiver, doubt->is_certain);
    memory_free(doubt);
}

static void on_accounts_doubt(void *owner, bool is_certain)
{
    struct worker *worker = owner;
    struct doubt_message *doubt = memory_new(sizeof(*doubt));
    doubt->message.deliver = deliver_doubt;
    doubt->is_certain = is_certain;
    doubt->host = worker->host;
    mailbox_post(worker->host->mailbox, &doubt->message);
}

static void deliver_waiting(struct message *message, void *receiver)
{
    struct waiting_message *waiting = CONTAINER_OF(message, struct waiting_message, message);
    waiting->host->on_waiting(receiver);
    memory_free(waiting);
}

static void on_waiting(void *owner)
{
    struct worker *worker = owner;
    struct waiting_message *waiting = memory_new(sizeof(*waiting));
    waiting->message.deliver = deliver_waiting;
    waiting->host = worker->host;
    mailbox_post(worker->host->mailbox, &waiting->message);
}

static uint64_t all_questions(void *owner)
{
    const struct worker_host *host = ((struct worker *)owner)->host;
    return host->questions(host);
}

static void deliver_errand_wanted(struct message *message, void *receiver)
{
    struct errand_message *errand = CONTAINER_OF(message, struct errand_message, message);
    errand->host->on_errand(receiver, errand->worker, &errand->order);
    memory_free(errand);
}

static void on_errand(void *owner, const struct errand *order)
{
    struct worker *worker = owner;
    struct errand_message *errand = memory_new(sizeof(*errand));
    errand->message.deliver = deliver_errand_wanted;
    errand->host = worker->host;
    errand->worker = worker->index;
    errand->order = *order;
    mailbox_post(worker->host->mailbox, &errand->message);
}

static void deliver_errand_run(struct message *message, void *receiver)
{
    struct errand_message *errand = CONTAINER_OF(message, struct errand_message, message);
    errand->host->on_errand_run(receiver, errand->question, &errand->outcome);
    text_done(&errand->outcome.list);
    memory_free(errand);
}

static void deliver_report(struct message *message, void *receiver)
{
    struct report_message *answer = CONTAINER_OF(message, struct report_message, message);
    answer->host->on_report(receiver, answer->question, answer->report);
    memory_free(answer);
}

static struct worker_report *make_report(struct worker *worker)
{
    struct worker_report *report = memory_new(sizeof(*report));
    report->worker = worker->index;
    size_t pool_max = pools_figures(worker->pools, NULL, 0) + FIGURES_SPARE;
    report->pools = memory_new(pool_max * sizeof(*report->pools));
    report->pool_count = pools_figures(worker->pools, report->pools, pool_max);
    size_t session_max = sessions_count(worker->sessions) + FIGURES_SPARE;
    report->sessions = memory_new(session_max * sizeof(*report->sessions));
    report->session_count = sessions_figures(worker->sessions, report->sessions, session_max);
    return report;
}

// ---- what reaches the worker

static void deliver_ask(struct message *message, void *receiver)
{
    struct ask_message *ask = CONTAINER_OF(message, struct ask_message, message);
    struct worker *worker = receiver;
    struct report_message *answer = memory_new(sizeof(*answer));
    answer->message.deliver = deliver_report;
    answer->host = worker->host;
    answer->question = ask->question;
    answer->report = make_report(worker);
    mailbox_post(worker->host->mailbox, &answer->message);
    memory_free(ask);
}

static void deliver_errand(struct message *message, void *receiver)
{
    struct errand_message *errand = CONTAINER_OF(message, struct errand_message, message);
    struct worker *worker = receiver;
    sessions_run_errand(worker->sessions, &errand->order, &errand->outcome);
    errand->message.deliver = deliver_errand_run; // the same message goes back
    mailbox_post(worker->host->mailbox, &errand->message);
}

static void deliver_errand_done(struct message *message, void *receiver)
{
    struct errand_message *errand = CONTAINER_OF(message, struct errand_message, message);
    struct worker *worker = receiver;
    sessions_errand_done(worker->sessions, &errand->order, &errand->outcome);
    text_done(&errand->outcome.list);
    memory_free(errand);
}

static void deliver_snapshot(struct message *message, void *receiver)
{
    struct snapshot_message *sent = CONTAINER_OF(message, struct snapshot_message, message);
    struct worker *worker = receiver;
    const struct snapshot *before = worker->snapshot;
    worker->snapshot = sent->snapshot;
    pools_set_snapshot(worker->pools, sent->snapshot);
    sessions_set_snapshot(worker->sessions, sent->snapshot);
    return_snapshot(worker, before);
    memory_free(sent);
}

static void deliver_open(struct message *message, void *receiver)
{
    struct worker *worker = receiver;
    if (worker->listener >= 0) {
        watch_set(&worker->accept_watch, WATCH_READ);
    }
    memory_free(message);
}

static void close_listener(struct worker *worker)
{
    timer_stop(&worker->accept_pause);
    if (worker->listener >= 0) {
        watch_set(&worker->accept_watch, 0);
        sock_close(worker->listener);
        worker->listener = -1;
    }
}

static void deliver_drain(struct message *message, void *receiver)
{
    struct drain_message *drain = CONTAINER_OF(message, struct drain_message, message);
    struct worker *worker = receiver;
    close_listener(worker);
    sessions_drain(worker->sessions, drain->grace_ms);
    memory_free(drain);
}

static void deliver_forget_hosts(struct message *message, void *receiver)
{
    sessions_forget_hosts(((struct worker *)receiver)->sessions);
    memory_free(message);
}

static void deliver_stop(struct message *message, void *receiver)
{
    struct worker *worker = receiver;
    loop_stop(worker->loop);
    memory_free(message);
}

static void on_pause_over(struct timer *timer)
{
    struct worker *worker = CONTAINER_OF(timer, struct worker, accept_pause);
    watch_set(&worker->accept_watch, WATCH_READ);
}

static void note_accept_failure(struct worker *worker, int why)
{
    if (why == EAGAIN || why == EINTR || why == ECONNABORTED) {
        return;
    }
    watch_set(&worker->accept_watch, 0);
    timer_start(&worker->accept_pause, ACCEPT_PAUSE_MS);
    if (!worker->is_short_told) {
        log_warning("cannot accept a client: %s", strerror(why));
        worker->is_short_told = true;
    }
}

static void on_accept(struct watch *watch, unsigned events)
{
    struct worker *worker = CONTAINER_OF(watch, struct worker, accept_watch);
    (void)events;
    for (int i = 0; i < ACCEPT_BATCH; i++) {
        struct address peer;
        int fd = sock_accept(worker->listener, &peer);
        if (fd < 0) {
            note_accept_failure(worker, errno);
            return;
        }
        worker->is_short_told = false;
        sessions_accept(worker->sessions, fd, &peer);
    }
}

static void *run_thread(void *argument)
{
    struct worker *worker = argument;
    char name[16];
    snprintf(name, sizeof(name), "worker %u", worker->index);
    pthread_setname_np(pthread_self(), name);
    log_name_thread(name);
    loop_run(worker->loop);
    return NULL;
}

// ---- making and ending

static bool open_listener(struct worker *worker, struct error *error)
{
    const char *text = worker->snapshot->config->settings.listen;
    struct address address;
    char why[256];
    if (!address_parse(&address, text, why, sizeof(why))) {
        error_set(error, 1105, "HY000", "listen = %s: %s", text, why);
        return false;
    }
    bool is_local = address.at.any.sa_family == AF_UNIX;
    if (is_local && worker->index > 0) {
        return true; // a path can't be shared: the first worker takes all
    }
    worker->listener = sock_listen(&address, !is_local, LISTEN_BACKLOG);
    if (worker->listener < 0) {
        error_set(error, 1105, "HY000", "cannot listen on %s: %s", text, strerror(errno));
        return false;
    }
    watch_init(&worker->accept_watch, worker->loop, worker->listener, on_accept);
    return true;
}

static void make_rooms(struct worker *worker)
{
    struct pools_host pools_host = {
        .loop = worker->loop,
        .arena_blocks = &worker->arena_blocks,
        .buffer_blocks = &worker->buffer_blocks,
        .scratch = worker->scratch,
        .scratch_bytes = sizeof(worker->scratch),
        .compressor = worker->compressor,
        .worker = worker->index,
        .worker_count = worker->count,
        .owner = worker,
        .on_server_trouble = on_pool_trouble,
    };
    worker->pools = pools_new(&pools_host, worker->snapshot);
    struct sessions_host sessions_host = {
        .loop = worker->loop,
        .arena_blocks = &worker->arena_blocks,
        .buffer_blocks = &worker->buffer_blocks,
        .scratch = worker->scratch,
        .scratch_bytes = sizeof(worker->scratch),
        .worker = worker->index,
        .worker_count = worker->count,
        .pools = worker->pools,
        .compressor = worker->compressor,
        .client_count = worker->host->client_count,
        .table_changes = worker->host->table_changes,
        .account_clients = worker->host->account_clients,
        .ids_used_ms = &worker->host->ids_used_ms[worker->index],
        .rsa_key = worker->host->rsa_key,
        .login_seed = worker->host->login_seed,
        .owner = worker,
        .on_accounts_doubt = on_accounts_doubt,
        .on_waiting = on_waiting,
        .on_errand = on_errand,
        .questions = all_questions,
    };
    worker->sessions = sessions_new(&sessions_host, worker->snapshot);
}

static void worker_free(struct worker *worker)
{
    mailbox_free(worker->mailbox); // first: what is still queued finds its rooms alive
    if (worker->sessions != NULL) {
        sessions_free(worker->sessions);
    }
    if (worker->pools != NULL) {
        pools_free(worker->pools);
    }
    close_listener(worker);
    compressor_free(worker->compressor);
    loop_free(worker->loop);
    slab_done(&worker->arena_blocks);
    slab_done(&worker->buffer_blocks);
    memory_free(worker);
}

struct worker *worker_new(const struct worker_host *host, uint16_t index, uint16_t count,
                          const struct snapshot *snapshot, struct error *error)
{
    struct worker *worker = memory_new(sizeof(*worker));
    worker->host = host;
    worker->index = index;
    worker->count = count;
    worker->listener = -1;
    worker->snapshot = snapshot;
    worker->compressor = compressor_new();
    worker->loop = loop_new();
    worker->mailbox = mailbox_new(worker->loop, worker);
    timer_init(&worker->accept_pause, worker->loop, on_pause_over);
    slab_init(&worker->arena_blocks, "arena block", ARENA_BLOCK_BYTES, ARENA_BLOCKS_KEPT);
    slab_init(&worker->buffer_blocks, "buffer block", BUFFER_BLOCK_BYTES, BUFFER_BLOCKS_KEPT);
    if (!open_listener(worker, error)) {
        worker_free(worker);
        return NULL;
    }
    make_rooms(worker);
    return worker;
}

bool worker_start(struct worker *worker)
{
    worker->is_running = pthread_create(&worker->thread, NULL, run_thread, worker) == 0;
    return worker->is_running;
}

void worker_stop(struct worker *worker)
{
    if (worker->is_running) {
        struct message *stop = memory_new(sizeof(*stop));
        stop->deliver = deliver_stop;
        mailbox_post(worker->mailbox, stop);
        pthread_join(worker->thread, NULL);
    }
    worker_free(worker);
}

void worker_send_snapshot(struct worker *worker, const struct snapshot *snapshot)
{
    struct snapshot_message *sent = memory_new(sizeof(*sent));
    sent->message.deliver = deliver_snapshot;
    sent->snapshot = snapshot;
    mailbox_post(worker->mailbox, &sent->message);
}

void worker_open(struct worker *worker)
{
    struct message *open = memory_new(sizeof(*open));
    open->deliver = deliver_open;
    mailbox_post(worker->mailbox, open);
}

void worker_forget_hosts(struct worker *worker)
{
    struct message *forget = memory_new(sizeof(*forget));
    forget->deliver = deliver_forget_hosts;
    mailbox_post(worker->mailbox, forget);
}

void worker_drain(struct worker *worker, uint32_t grace_ms)
{
    struct drain_message *drain = memory_new(sizeof(*drain));
    drain->message.deliver = deliver_drain;
    drain->grace_ms = grace_ms;
    mailbox_post(worker->mailbox, &drain->message);
}

void worker_ask(struct worker *worker, uint64_t question)
{
    struct ask_message *ask = memory_new(sizeof(*ask));
    ask->message.deliver = deliver_ask;
    ask->question = question;
    mailbox_post(worker->mailbox, &ask->message);
}

void worker_run_errand(struct worker *worker, uint64_t question, const struct errand *order)
{
    struct errand_message *errand = memory_new(sizeof(*errand));
    errand->message.deliver = deliver_errand;
    errand->host = worker->host;
    errand->question = question;
    errand->order = *order;
    mailbox_post(worker->mailbox, &errand->message);
}

void worker_end_errand(struct worker *worker, const struct errand *order,
                       struct errand_result *outcome)
{
    struct errand_message *errand = memory_new(sizeof(*errand));
    errand->message.deliver = deliver_errand_done;
    errand->order = *order;
    errand->outcome = *outcome;
    text_init(&outcome->list);
    mailbox_post(worker->mailbox, &errand->message);
}

const struct session_counters *worker_counters(const struct worker *worker)
{
    return sessions_counters(worker->sessions);
}
