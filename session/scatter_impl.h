#pragma once
// Behind flow_scatter.h: the flow's state, and the parts of the answer that it writes
// (scatter_answer.c).

#include "session/flow_scatter.h"
#include "session/merge.h"
#include "session/scatter_source.h"
#include "session/session_impl.h"

enum scatter_state { SCATTER_HEADS, SCATTER_ROWS, SCATTER_FULL, SCATTER_DRAINING };

enum ending { END_ROWS, END_OK, END_ERROR };

struct scatter {
    struct flow flow; // first
    enum scatter_state state;
    enum ending ending;  // DRAINING
    struct error error;  // END_ERROR
    struct ok_packet ok; // END_OK
    struct plan plan;    // what it points to is the statement's
    struct scatter_source *sources;
    uint32_t source_count;
    uint32_t merged_count; // sources whose rows count: all, or the first (MERGE_FIRST)
    struct merge_columns columns;
    struct merge *merge; // NULL before ROWS
    struct text out;     // owned; framed bytes for the client
    uint64_t row_count;
    uint32_t tries;
};

static inline struct arena *scatter_arena(const struct scatter *scatter)
{
    return &scatter->flow.session->arena;
}

static inline bool scatter_is_write(const struct scatter *scatter)
{
    return scatter->plan.access == ACCESS_WRITE;
}

// Appends the packet to what goes to the client.
void scatter_add_packet(struct scatter *scatter, struct slice payload);
// The column definitions of all sources as one; each has given its own. False with *error.
bool scatter_join_columns(struct scatter *scatter, struct error *error) MUST_CHECK;
void scatter_add_columns(struct scatter *scatter);
// The whole answer of MERGE_SUM but its end; each source stands at its row. False with *error.
bool scatter_add_sum(struct scatter *scatter, struct error *error) MUST_CHECK;
// To a write's error, where it was done all the same, if it was anywhere.
void scatter_explain_write(const struct scatter *scatter, struct error *error);
// The ends; the session is told what came of the statement.
void scatter_write_ok(struct scatter *scatter);
void scatter_write_rows_end(struct scatter *scatter);
