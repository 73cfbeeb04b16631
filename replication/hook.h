#pragma once
// The operator's own program, told of what happens to a shard (setting `hook`). Control thread.

#include "base/slice.h"

enum { HOOKS_MAX = 8, HOOK_MAX_S = 30 };

struct hook_process {
    int pid; // 0: the place is free
    uint64_t began_us;
};

struct hooks {
    struct hook_process running[HOOKS_MAX];
};

// What happened, in the program's environment: WAYBILL_EVENT, WAYBILL_SHARD, WAYBILL_SERVER,
// WAYBILL_BEFORE, WAYBILL_PROXY, WAYBILL_TEXT.
struct hook_facts {
    const char *event;  // dead | primary | failover_done | failover_refused | ...
    const char *shard;  // name
    const char *server; // whom it is about; the new primary
    const char *before; // "primary": the last one; else ""
    const char *text;   // as in SHOW EVENTS
    uint32_t proxy;
};

// Starts it, and doesn't wait for it. `path`: empty: there is none. What fails is logged.
void hook_run(struct hooks *hooks, const char *path, const struct hook_facts *facts,
              uint64_t now_us);
// Now and then: those that have ended are let go, those that take longer than HOOK_MAX_S killed.
void hooks_look(struct hooks *hooks, uint64_t now_us);
