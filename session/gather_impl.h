#pragma once
// Behind flow_gather.h: the flow's state, and what it does with rows (gather_rows.c).

#include "protocol/error_table.h"
#include "router/gather.h"
#include "session/flow_gather.h"
#include "session/gather.h"
#include "session/scatter_source.h"

enum gather_state { GATHER_ASKING, GATHER_MAKING, GATHER_READING, GATHER_NAMING };

struct gathering {
    struct flow flow; // first
    enum gather_state state;
    const struct gather_plan *plan;
    uint16_t shard; // whose server gets the rows
    uint32_t tries;
    struct gather_columns *columns; // of each table of the plan
    struct gather told;             // the server's answer to what it is doing
    bool is_busy;                   // it is doing something
    bool is_failing;                // readings of the transaction are awaited, then it fails
    struct error failure;           // ... with this
    bool is_copying;                // MAKING: the table is there, its own rows are being copied
    uint32_t table;                 // which one is being made, read, named
    // Owned: what connections are like that read, that make tables and copy, and that write: in
    // UTC, so that every TIMESTAMP has one spelling.
    struct session_state reader, maker, writer;
    // READING
    struct scatter_source *sources; // of the present table, in the arena
    uint32_t source_count;
    struct text filling;  // owned; a framed INSERT, open at its end; empty: none is begun
    struct text sending;  // owned; the one that the server works on
    size_t filling_place; // for packet_end
    uint32_t filling_rows;
    struct field *fields; // room for a row, in the arena
    uint64_t rows, bytes; // so far
};

static inline struct arena *gathering_arena(const struct gathering *all)
{
    return &all->flow.session->arena;
}
// Whose rows are read and sent: where they are gathered there may be some already.
static inline struct shard_set gathering_others(const struct gathering *all, uint32_t table)
{
    struct shard_set shards = all->plan->tables[table].shards;
    if (!all->plan->is_inside) {
        shards.bits &= ~shard_set_of(all->shard).bits;
    }
    return shards;
}

#define GATHERER_TAG UINT32_MAX

// flow_gather.c. The server gets the framed packet next.
void gathering_command(struct gathering *all, struct slice packet,
                       const struct session_state *state);
uint64_t gathering_rows_left(const struct gathering *all);

// gather_fail.c. Ends the flow, at once or when the transaction's readings are over: the last thing
// in an event.
void gathering_fail(struct gathering *all, const struct error *error);
// "gathering the rows of shop.orders on server s1b" ... with the reason behind it.
void gathering_explain(const struct gathering *all, enum error_code code, struct slice why,
                       struct error *error);
// What a server has said against a step, for the client.
void gathering_explain_refusal(const struct gathering *all, struct error *error);
void gathering_go_on_failing(struct gathering *all); // an answer is over; likewise
void gathering_drop_server(struct gathering *all);
// None of this flow's commands runs any more, and what it had made is gone.
void gathering_stop_all(struct gathering *all);
void gathering_give_back(struct gathering *all); // what is not in the arena

// gather_rows.c. The present table's rows of the other shards are asked for.
void gathering_read_start(struct gathering *all);
void gathering_read_stop(struct gathering *all);
enum gathering_step { GATHERING_GOES_ON, GATHERING_DONE, GATHERING_FAILED };
// Passes on what has come. DONE: the table is complete. FAILED with *error.
enum gathering_step gathering_pump(struct gathering *all, struct error *error) MUST_CHECK;
