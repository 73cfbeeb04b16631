#pragma once
// The sessions of a worker as lines of SHOW PROCESSLIST, on their way to the asker.

#include "session/session_impl.h"

struct process {
    uint32_t id;
    uint32_t thread;                                         // that runs it on the only server; 0
    uint64_t for_us;                                         // in this state
    struct slice user, host, database, command, state, info; // ptr NULL: NULL
};

void processlist_write(const struct sessions *sessions, const struct errand *errand,
                       struct text *list);
// The next one at the front of *list, borrowed from it. False at the end.
bool processlist_read(struct slice *list, struct process *process) MUST_CHECK;
