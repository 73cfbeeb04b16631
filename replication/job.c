// A thread and a pipe. Orders are written into the pipe whole (they are smaller than PIPE_BUF), and
// its closed end says stop: the kernel does all the locking.
//
//     control thread: job_tell -> [pipe] -> job_wait :job thread
//                     close    -> [end ] -> JOB_STOP
//
// Out of descriptors a job runs without a pipe: it hears no orders, and looks every now and then
// whether it is to stop. Jobs are begun all the time (the recovery), and clients may use up what
// there is.

#include "replication/job.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"

enum { LOOK_MS = 20 }; // without a pipe

struct job {
    pthread_t thread;
    char name[16];
    int read_end;  // the job's; -1: there is no pipe
    int write_end; // the control thread's; -1 = closed
    _Atomic bool is_asked_to_stop;
    void (*run)(struct job *job, void *argument);
    void *argument; // borrowed
};

static void *run_job(void *owner)
{
    struct job *job = owner;
    log_name_thread(job->name);
    pthread_setname_np(pthread_self(), job->name);
    job->run(job, job->argument);
    return NULL;
}

static void fail(const char *what)
{
    log_error("%s: %s", what, strerror(errno));
    abort();
}

struct job *job_start(const char *name, void (*run)(struct job *job, void *argument),
                      void *argument)
{
    struct job *job = memory_new(sizeof *job);
    snprintf(job->name, sizeof job->name, "%s", name);
    job->run = run;
    job->argument = argument;
    int ends[2] = {-1, -1};
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) {
        log_warning("job %s: no pipe, it hears no orders: %s", name, strerror(errno));
    }
    job->read_end = ends[0];
    job->write_end = ends[1];
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failure = pthread_create(&job->thread, NULL, run_job, job);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failure != 0) {
        errno = failure;
        fail("no thread for a job");
    }
    return job;
}

void job_tell(struct job *job, const void *order, size_t order_bytes)
{
    assert(order_bytes > 0 && order_bytes <= JOB_ORDER_BYTES);
    if (job->write_end >= 0) {
        // A full pipe means a thousand unread orders; the job will see the state with the next one.
        ssize_t written = write(job->write_end, order, order_bytes);
        (void)written;
    }
}

void job_ask_to_stop(struct job *job)
{
    atomic_store_explicit(&job->is_asked_to_stop, true, memory_order_release);
    if (job->write_end >= 0) {
        close(job->write_end);
        job->write_end = -1;
    }
}

static void job_free(struct job *job)
{
    job_ask_to_stop(job);
    if (job->read_end >= 0) {
        close(job->read_end);
    }
    memory_free(job);
}

void job_join(struct job *job)
{
    job_ask_to_stop(job);
    pthread_join(job->thread, NULL);
    job_free(job);
}

bool job_try_join(struct job *job)
{
    if (pthread_tryjoin_np(job->thread, NULL) != 0) {
        return false;
    }
    job_free(job);
    return true;
}

static enum job_news wait_without_pipe(struct job *job, uint32_t wait_ms)
{
    bool is_asked = atomic_load_explicit(&job->is_asked_to_stop, memory_order_acquire);
    for (uint32_t waited_ms = 0; !is_asked && waited_ms < wait_ms; waited_ms += LOOK_MS) {
        uint32_t left_ms = wait_ms - waited_ms;
        int none = poll(NULL, 0, (int)(left_ms < LOOK_MS ? left_ms : LOOK_MS));
        (void)none;
        is_asked = atomic_load_explicit(&job->is_asked_to_stop, memory_order_acquire);
    }
    return is_asked ? JOB_STOP : JOB_NOTHING;
}

static bool poll_pipe(struct job *job, int wait_ms)
{
    struct pollfd pipe = {.fd = job->read_end, .events = POLLIN};
    int count = poll(&pipe, 1, wait_ms);
    return count > 0;
}

enum job_news job_wait(struct job *job, uint32_t wait_ms, void *order, size_t order_bytes)
{
    char skipped[JOB_ORDER_BYTES] = "";
    enum job_news news = JOB_NOTHING;
    if (job->read_end < 0) {
        return wait_without_pipe(job, wait_ms);
    }
    bool is_there = poll_pipe(job, (int)wait_ms);
    while (is_there) {
        ssize_t got = read(job->read_end, order != NULL ? order : skipped,
                           order != NULL ? order_bytes : sizeof skipped);
        if (got == 0) {
            return JOB_STOP;
        }
        if (got < 0) {
            return news;
        }
        news = JOB_ORDER;
        is_there = poll_pipe(job, 0);
    }
    return news;
}

bool job_is_stopping(struct job *job)
{
    return job_wait(job, 0, NULL, 0) == JOB_STOP;
}

uint64_t job_now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}
