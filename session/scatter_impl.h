#pragma once
// Behind flow_scatter.h: the flow's state, and the parts of the answer that it writes
// (scatter_answer.c).

#include "session/flow_scatter.h"
#include "session/merge_group.h"
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
    struct merge *merge;       // NULL before ROWS
    struct merge_group *group; // MERGE_GROUP, likewise
    bool has_all_groups;       // the last one is over
    struct text out;           // owned; framed bytes for the client
    uint64_t row_count;
    bool holds;             // while little is to be sent it waits: it may have to be gathered
    uint8_t first_sequence; // of the answer's first packet
    uint32_t tries;
    bool wants_point;  // in a transaction: to be undone where it has succeeded
    bool is_ended;     // ... or committed, or undone
    bool is_undone;    // END_ERROR of a write: nothing of it stays on any shard
    bool has_begun;    // the client has a part of the answer
    uint16_t left;     // committed, and so many shards were not told of it
    bool wants_gather; // END_ERROR: the rows can't be merged, but one server may answer with all
    uint32_t failed;   // END_ERROR: the source whose error it is; NO_SOURCE: waybill's own
};

#define NO_SOURCE UINT32_MAX

static inline struct arena *scatter_arena(const struct scatter *scatter)
{
    return &scatter->flow.session->arena;
}

static inline bool scatter_is_write(const struct scatter *scatter)
{
    return scatter->plan.access == ACCESS_WRITE;
}

// scatter_start.c: all sources are asked, for the first time or anew.
void scatter_start_all(struct scatter *scatter);
// Where the rows can't be merged so: by the servers' sort keys, or brought together?
bool scatter_has_other_way(const struct scatter *scatter) MUST_CHECK;

// scatter_answer.c. Appends the packet to what goes to the client.
void scatter_add_packet(struct scatter *scatter, struct slice payload);
// May it turn out behind the first rows that they can't be merged?
bool scatter_may_fail_late(const struct plan *plan) MUST_CHECK;
// Does what the client gets wait, because it may have to be gathered, or run again? Then it can be
// dropped, as if the answer had not begun.
bool scatter_is_held(const struct scatter *scatter) MUST_CHECK;
void scatter_drop_held(struct scatter *scatter);
// Are values sent as they are stored? Asked with some caution: whatever isn't surely a character
// set counts.
bool scatter_is_sent_raw(const struct session *session) MUST_CHECK;
// The column definitions of all sources as one; each has given its own. False with *error.
bool scatter_join_columns(struct scatter *scatter, struct error *error) MUST_CHECK;
void scatter_add_columns(struct scatter *scatter);
// The row that the merge has just taken goes to the client. False with *error: it is one too many.
bool scatter_add_row(struct scatter *scatter, uint32_t number, struct error *error) MUST_CHECK;
// MERGE_GROUP: the row that the merge has just taken goes into its group; a group that is over goes
// to the client. False with *error.
bool scatter_start_groups(struct scatter *scatter, struct error *error) MUST_CHECK;
bool scatter_group_row(struct scatter *scatter, uint32_t number, struct error *error) MUST_CHECK;
// As merge_next; also done when the client has all groups of its LIMIT.
enum merge_step scatter_next(struct scatter *scatter, uint32_t *number) MUST_CHECK;
// All rows were there: what is left of the groups goes to the client, one by one; *is_over: nothing
// is left. False with *error.
bool scatter_end_groups(struct scatter *scatter, bool *is_over, struct error *error) MUST_CHECK;
// To a write's error, where it was done all the same, if it was anywhere.
void scatter_explain_write(const struct scatter *scatter, struct error *error);
void scatter_set_paused(struct scatter_source *source, bool is_paused); // whether its leg is read
// DDL: has what came of it written down, if that isn't done; then flow_scatter_go_on is called.
bool scatter_end_ddl(struct scatter *scatter) MUST_CHECK;
// The ends; the session is told what came of the statement.
void scatter_write_ok(struct scatter *scatter);
void scatter_write_rows_end(struct scatter *scatter);

// scatter_pace.c
void source_stop_leg(struct scatter_source *source); // where it may be stopped
void source_stop_teller(struct scatter_source *source);
bool scatter_is_drained(struct scatter *scatter) MUST_CHECK; // reads on; all is settled
void scatter_update_pauses(struct scatter *scatter);

// scatter_warnings.c. The source's answer is whole: its backend is asked for warnings, if it has
// any.
void scatter_ask_warnings(struct scatter *scatter, uint32_t number, struct leg *leg,
                          const struct answer *last);
// Does the leg bring them? Then its bytes go here; with `last` it is settled.
bool scatter_is_teller(const struct scatter *scatter, const struct leg *leg) MUST_CHECK;
void scatter_take_warnings(struct scatter *scatter, struct leg *leg, const uint8_t *bytes,
                           size_t len, const struct answer *last);
void scatter_lose_warnings(struct scatter *scatter, const struct leg *leg);
uint16_t scatter_warning_count(const struct scatter *scatter); // for the client's OK or EOF
// All of them as one list, which is the caller's; NULL: some are not known.
struct warning_list *scatter_warnings(const struct scatter *scatter) MUST_CHECK;
// Those that go with the error of the statement, without itself. May be NULL.
struct warning_list *scatter_warnings_of_error(const struct scatter *scatter) MUST_CHECK;

// scatter_found.c: SQL_CALC_FOUND_ROWS. Is each source asked how many rows it found?
bool scatter_asks_found(const struct scatter *scatter) MUST_CHECK;
// The source has answered that; false: it can't be read.
bool scatter_read_found(struct scatter *scatter, struct scatter_source *source) MUST_CHECK;
// What FOUND_ROWS() is afterwards. False: as without SQL_CALC_FOUND_ROWS, or nobody knows.
bool scatter_found(const struct scatter *scatter, uint64_t *found) MUST_CHECK;

// scatter_insert.c: the parts of an INSERT whose rows are on several shards.
void scatter_complete_records(struct scatter *scatter); // before the OKs are added up
uint64_t scatter_insert_id(const struct scatter *scatter, uint64_t first);
// The error of a part names its own row.
void scatter_correct_row(const struct scatter *scatter, uint32_t number, struct error *error);
