#pragma once
// A job: a thread with straight-line code that may block. The control thread tells it things
// through a pipe; what it finds out comes back by mailbox.

#include "base/slice.h"

struct job; // opaque; owned by the thread that started it

enum job_news { JOB_NOTHING, JOB_ORDER, JOB_STOP };

enum { JOB_ORDER_BYTES = 64 }; // at most, and every order of one job has the same size

// `name` (15 characters count) is the thread's in the log and for the system. `run` returns soon
// after job_wait or job_is_stopping says so. Signals are blocked in the thread.
struct job *job_start(const char *name, void (*run)(struct job *job, void *argument),
                      void *argument);
void job_tell(struct job *job, const void *order, size_t order_bytes); // never blocks
void job_ask_to_stop(struct job *job);
void job_join(struct job *job); // asks too; waits for the thread's end and frees the job
// Frees the job if its thread has ended; never waits. False: not yet.
bool job_try_join(struct job *job) MUST_CHECK;

// On the job's thread: waits for the next order, at most wait_ms. JOB_ORDER: `order` is the newest
// (older ones are skipped: an order says all). `order` NULL when the job takes none.
enum job_news job_wait(struct job *job, uint32_t wait_ms, void *order,
                       size_t order_bytes) MUST_CHECK;
bool job_is_stopping(struct job *job) MUST_CHECK; // drops waiting orders
uint64_t job_now_us(void);                        // the loop's clock, read now
