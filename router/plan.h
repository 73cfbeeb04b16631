#pragma once
// The router's one question: where does this statement go, as what text, and how do the answers
// become one? A function of values: the statement, the snapshot's config, the session's facts.
// Never a guess: what has no exact plan is an error that says why and what to do.

#include "base/error.h"
#include "cluster/config.h"
#include "cluster/row_id.h"
#include "parser/parse.h"
#include "protocol/statement.h"
#include "router/columns.h"
#include "router/order_id.h"

struct index_wishes; // global_index.h

enum plan_access {
    ACCESS_REPLICA, // a read that a replica may answer
    ACCESS_PRIMARY, // a read that only the primary may answer (locks, reasons in the statement)
    ACCESS_WRITE,
};

enum merge_kind {
    MERGE_NONE,  // one target
    MERGE_ROWS,  // all rows of all targets, in no promised order; limit may cut
    MERGE_SORT,  // each target's rows come sorted: k-way merge by `keys`, then offset and limit
    MERGE_UNION, // names, sorted by `keys` as bytes: k-way merge, and equal rows once
    MERGE_GROUP, // each target's rows come sorted by `keys` and no two alike: those that are equal
                 // in `keys` (but the last `fine_keys`) become one row by `folds`. Without keys one
                 // row from each target (aggregates), without folds the first of them (DISTINCT)
    MERGE_OK,    // OK packets: affected rows and warnings added up; first error wins
    MERGE_FIRST, // the same everywhere (DDL on all shards, writes to reference tables): the first
                 // target's answer, if none failed
};

// What is read of a target ahead of the row that is merged; then it has to wait.
enum { MERGE_SOURCE_BYTES = 64 * 1024 };

struct merge_key {
    uint32_t column; // place in the result of the targets, 0-based
    bool is_hidden;  // `column` counts from the first hidden one instead: with * in the select list
                     // nobody knows here how many columns stand before it. The place is then
                     // (columns of the result - plan.hidden_columns + column)
    bool is_descending;
};

// How a column of the result of MERGE_GROUP comes out of those of the targets.
enum fold_kind {
    FOLD_FIRST,   // as the first has it: what is grouped by, literals
    FOLD_ADD,     // COUNT, SUM
    FOLD_AVERAGE, // AVG, out of hidden columns with SUM and COUNT of the same
    FOLD_MIN,
    FOLD_MAX,
    FOLD_AND, // BIT_AND
    FOLD_OR,
    FOLD_XOR,
    FOLD_CONCAT,   // GROUP_CONCAT
    FOLD_CHECKSUM, // CHECKSUM TABLE: added up modulo 2^32, as servers do with rows; NULL if one is
};

#define NO_HIDDEN UINT32_MAX
#define NO_KEY    UINT32_MAX

struct plan_fold {
    enum fold_kind kind;
    uint32_t sum, count; // AVERAGE: hidden columns, counted from the first hidden one. CONCAT: sum,
                         // the one with the facts (group_concat.c)
    struct slice separator; // CONCAT
    uint32_t collation;     // MIN, MAX: the hidden one that tells the collation; NO_HIDDEN: none
    uint32_t hidden;        // one more fold: its own column, a hidden one
    bool is_distinct;       // of rows that are equal in all keys, fine ones too, one counts
    uint32_t key; // FIRST: the plan's key that it is, NULL where that is rolled up; NO_KEY
};

// ORDER BY of groups by more than their keys.
struct plan_order {
    uint32_t fold; // of plan.folds
    bool is_descending;
};

// HAVING, of groups that are whole.
enum having_kind { HAVING_AND, HAVING_OR, HAVING_NOT, HAVING_COMPARED, HAVING_IS_NULL };

struct having_operand {
    struct slice number; // digits; ptr NULL:
    uint32_t fold;       // of plan.folds
};

struct plan_having {
    enum having_kind kind;
    enum expr_op op;                        // COMPARED: OP_EQUAL, ... OP_GREATER_EQUAL
    struct having_operand a, b;             // COMPARED; IS_NULL: a, a fold
    const struct plan_having *left, *right; // AND, OR; NOT: left
};

// A statement that waybill runs as several ones, see session/steps.h.
enum plan_steps {
    STEPS_NONE,
    STEPS_LIMIT,  // UPDATE, DELETE with LIMIT: first it is found out how many rows each target has
                  // among the plan.limit first ones
    STEPS_SELECT, // INSERT ... SELECT: the rows are read, then inserted as VALUES
    STEPS_ONCE,   // hint once='...': what came of it is kept, and told when it comes again
    STEPS_VALUES, // INSERT: a server is asked for the values of plan.asked, which place rows
    STEPS_MOVE,   // UPDATE of plan.moved_key: rows that then belong to another shard are moved
};

enum param_edit_kind { EDIT_REPLACE, EDIT_INSERT, EDIT_DROP };

// For prepared statements: parameters that the target's text has instead of the client's, sorted by
// index.
struct param_edit {
    enum param_edit_kind kind;
    uint32_t index; // REPLACE: of the client's parameter. INSERT: before the client's parameter of
                    // that index
    uint64_t value;
    uint32_t row; // of an INSERT, whose it is
};

struct plan_target {
    uint16_t shard;
    struct slice sql;         // ptr NULL: the statement as it came
    struct param_edit *edits; // of its own instead of the plan's; NULL: the plan's
    uint32_t edit_count;
    // An INSERT's rows that this target has, numbered from 1 in the statement; NULL: all of them.
    const uint32_t *rows;
    uint32_t row_count;
};

// Where the target's parameters differ from the client's; *count of them.
struct plan;
const struct param_edit *plan_edits(const struct plan *plan, const struct plan_target *target,
                                    uint32_t *count);
struct load_split;   // load_split.h
struct gather_plan;  // gather.h
struct catalog_plan; // catalog.h
struct page_plan;    // page.h

struct plan_warning { // of a guard (scatter = warn), or of a constraint that can't hold
    uint16_t code;    // enum error_code
    const char *text;
    struct plan_warning *next;
};

struct plan {
    enum plan_access access;
    struct plan_target *targets; // at least one
    uint16_t target_count;
    enum merge_kind merge;
    struct merge_key *keys;
    uint32_t key_count;
    uint32_t fine_keys; // MERGE_GROUP: so many of them, the last ones, are not of the group: they
                        // tell apart the values of DISTINCT aggregates
    bool has_rollup;    // MERGE_GROUP: behind the groups with the same first keys one for all of
                        // them, at last one for all rows
    bool has_sort_keys; // MERGE_SORT: beside each key its WEIGHT_STRING: MERGE_WEIGHTS_ALIAS
    uint32_t hidden_columns; // at the end of the targets' rows: dropped before the client sees
                             // them; for each key also its collation, see MERGE_COLLATION_ALIAS
    struct plan_fold *folds; // MERGE_GROUP: one for each column that the client sees
    uint32_t fold_count;     // 0: all FOLD_FIRST
    uint32_t more_folds;     // behind those: of hidden columns, for HAVING
    // MERGE_GROUP: the groups by their values, not by their keys; offset + limit of them are held
    // until all were there (session/merge_top.h bounds the bytes).
    struct plan_order *orders;
    uint32_t order_count;
    const struct plan_having *having; // MERGE_GROUP: which groups stay; NULL: all
    struct slice having_text;
    uint64_t offset; // of MERGE_SORT, _ROWS and _GROUP, already taken out of the targets' text
    uint64_t limit;  // UINT64_MAX = none
    struct param_edit *edits;
    uint32_t edit_count;
    bool counts_found; // SQL_CALC_FOUND_ROWS: how many rows there are without LIMIT is asked of the
                       // targets (ROWS, SORT); all groups come and are counted (GROUP)
    bool sorts_distinct; // MERGE_GROUP of a DISTINCT whose ORDER BY is waybill's alone
    bool
        has_made_ids; // waybill made order or row ids: first_made_id is what LAST_INSERT_ID() gives
    uint64_t first_made_id;
    // Its table's row ids don't reach: ask for more of them and make the plan anew. Nothing else of
    // this plan counts. ids NULL: they do.
    struct row_id_wish row_id_wish;
    bool is_write_to_many; // best effort: more than one shard is written
    bool is_in_row_order;  // MERGE_ROWS of an INSERT: each target gives a row for each of its
                           // `rows`, and the client gets them in the statement's order; where
                           // they have none, one target after the other
    bool tells_shard;      // ... and each row has the name of its shard behind it (EXPLAIN)
    bool is_beside;        // not a part of the client's transaction: what no ROLLBACK takes back
    // What it needs to know first is which columns the table of the statement has: ask a server and
    // make the plan anew, with request.columns. Nothing else of this plan counts.
    bool wants_columns;
    // ... where rows with these values may be: look it up, and make the plan anew, with
    // request.index_answers. Nothing else of this plan counts. NULL: nothing is to be looked up.
    struct index_wishes *index_wishes;
    const struct load_split *split; // LOAD DATA: each row goes to the target of its own key
    // The one target's server is given rows of other shards before it runs the statement.
    const struct gather_plan *gather;
    // A deep page: what is before it may be skipped on the shards. NULL: it isn't one.
    const struct page_plan *page;
    const struct plan *whole; // rows were skipped, on connections that the session holds: the plan
                              // without that. NULL: none were
    // Rows of information_schema are asked of the shards first: they become a part of the text.
    const struct catalog_plan *catalog;
    struct plan_warning *warnings; // of waybill's own, for SHOW WARNINGS; in the arena
    enum plan_steps steps;         // not STEPS_NONE: the targets are only for show
    struct slice once;             // STEPS_ONCE: its name; letters, digits and ._:- only
    uint32_t asked_count;
    const struct expr **asked; // STEPS_VALUES, in the order of the text; asked_count of them
    const char *moved_key;     // STEPS_MOVE: the shard key; in the arena
    const char *why; // EXPLAIN ROUTE: "buyer_id = 5 -> bucket 1234 -> s2"; in the arena. NULL
                     // unless the request wants_why
};

struct route_request {
    const struct statement *statement;
    const struct config *config;
    struct slice database; // the session's; empty: none
    const struct binary_value
        *params;      // NULL for text; NULL also when planning a prepared statement without values:
                      // then the plan is one target where it can be prepared as it came, and
                      // whether it can be executed is found out with the values
    bool is_prepared; // text with ?
    bool is_strict;   // sql_mode: values that don't fit a column are refused, not changed
    bool has_no_escapes;                      // sql_mode NO_BACKSLASH_ESCAPES
    bool may_look_up;                         // global indexes may be asked first
    const struct table_columns *columns;      // of the statement's table; NULL: not asked for yet
    const struct index_wishes *index_answers; // what they said; NULL: not asked yet
    enum distributed distributed;
    const char *why_not_several; // REFUSE: "which ...", a literal; NULL: the user has it so
    bool allows_key_change;      // the user's allow_key_change
    enum scatter_guard scatter;  // the user's
    bool in_transaction;         // reads go to primaries
    bool may_gather;             // rows of several shards may be brought together on one server
    bool must_gather;            // a merge was tried, and found at run time that it isn't exact
    bool wants_sort_keys;        // ... for it can't compare by a collation; with the servers' keys?
    uint16_t last_shard; // where a statement without any table may go cheaply (the transaction's or
                         // pinned shard); NO_SHARD
    bool is_step;        // of a statement that is run in steps: once='...' was seen to
    bool is_pinned;      // the session can't leave last_shard
    struct order_id_source *ids; // the worker's; NULL (EXPLAIN ROUTE): ids are only for show
    uint64_t now_us;             // loop clock, for row ids
    bool keeps_zero;             // sql_mode NO_AUTO_VALUE_ON_ZERO: 0 asks for no row id
    uint64_t now_ms;             // wall clock, Unix milliseconds, for ids
    uint64_t last_insert_id;     // the session's: what LAST_INSERT_ID() stands for when it is the
                                 // value of a key or an id. The text keeps the call: the session
                                 // makes the server know the value
    bool declares;               // CREATE TABLE whose hint declares it; `config` has it already
    bool is_behind;              // what tables there are beside the config's is not known now
    bool wants_why;              // fill plan.why (EXPLAIN ROUTE); costs time
};

// May a statement, or the transaction that it is a part of, write to several shards? The one place
// that decides it: atomically (XA), or each shard by itself where the user accepts that.
bool plan_may_write_several(const struct route_request *request) MUST_CHECK;
// Why not: "which needs ...", for refusals; a literal.
const char *plan_why_not_several(const struct route_request *request);

// False with *error (number, SQLSTATE, sentence). The plan is in the arena, and borrows from the
// statement.
bool plan_make(struct arena *arena, const struct route_request *request, struct plan **plan,
               struct error *error) MUST_CHECK;

// The text of EXPLAIN ROUTE: one line for each target and one for the merge; in the arena.
struct slice plan_explain(struct arena *arena, const struct plan *plan,
                          const struct config *config);
