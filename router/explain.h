#pragma once
// EXPLAIN ROUTE: what becomes of a statement, as steps in the order in which they happen. Nothing
// is run, and no id is used up.
//
//     explain_statement     the plan, or the refusal, as steps
//     explain_text          a line for each step         (admin port)
//     explain_json          the same and more as JSON    (FORMAT=JSON)

#include "router/plan.h"

enum explain_kind {
    EXPLAIN_REFUSED,   // there is no plan: why, and what to do
    EXPLAIN_HERE,      // waybill answers by itself
    EXPLAIN_ASK,       // what has to be known first
    EXPLAIN_GATHER,    // rows that are brought to the target
    EXPLAIN_SEND,      // the statement, to a target
    EXPLAIN_PARAMETER, // where the target's parameters differ from the client's
    EXPLAIN_MERGE,     // how the answers become one
    EXPLAIN_MEMORY,    // what is held in memory meanwhile, and how much of it
    EXPLAIN_GUARD,     // the setting that would stop it
    EXPLAIN_WHY,       // which condition gave which key
};

struct explain_step {
    enum explain_kind kind;
    const char *shard;   // NULL: of none
    const char *access;  // EXPLAIN_SEND: "replica", "primary", "write"; else NULL
    struct slice detail; // SEND: "as it came", or the text that the target gets
    struct explain_step *next;
};

struct explanation {
    const struct route_request *request;
    const struct plan *plan; // NULL: refused, or not for the servers
    struct error error;      // of a refusal
    struct explain_step *first, *last;
};

// "merge", "why": the step's name in a table.
const char *explain_kind_name(enum explain_kind kind);

// All in the arena; borrows from the request, whose `ids` and `wants_why` are not looked at.
struct explanation *explain_statement(struct arena *arena, const struct route_request *request);
// The refusal takes the place of all steps: what the router doesn't know stands in the way.
void explain_refuse(struct arena *arena, struct explanation *explanation,
                    const struct error *error);

// "s1 replica: SELECT ...", "merge: sort by 1", "why: ...": lines that end with \n; in the arena.
struct slice explain_text(struct arena *arena, const struct explanation *explanation);
// One object; in the arena. Bytes that are no UTF-8 are given as U+FFFD.
struct slice explain_json(struct arena *arena, const struct explanation *explanation);

// ---- private to the explain*.c

struct explain_step *explain_add(struct arena *arena, struct explanation *explanation,
                                 enum explain_kind kind, struct slice detail);
// What waybill itself does with statements of this kind; NULL: they go to the servers.
const char *explain_here(const struct statement *statement);
const char *explain_merge_name(enum merge_kind merge);
const char *explain_fold_name(enum fold_kind kind);
const char *explain_access_name(enum plan_access access);
