#pragma once
// Private to router/: one statement being planned, and what the planners of the kinds of statements
// share.

#include "parser/splice.h"
#include "protocol/error_table.h"
#include "router/condition.h"

// Changes to the text, sorted by place.
struct splice_list {
    struct splice *items;
    size_t count;
};

struct planner {
    struct arena *arena;
    const struct route_request *request;
    const struct config *config;
    const struct statement *statement;
    struct plan *plan;
    struct error *error;
    struct scopes scopes;
    uint16_t hint_shard;                 // of /* waybill: shard=s1 */; NO_SHARD
    struct slice once;                   // of /* waybill: once='name' */; empty: none
    bool wants_primary;                  // of /* waybill: primary */
    const struct scope_ref *load_target; // plan_load_split
    struct slice first_key;              // rewrite_order_by: the first expression; empty: none
    bool is_lenient;                     // the configuration has one shard: nothing is refused
};

// False, with the error set: so that a planner can end with `return plan_refuse(...)`.
void plan_warn(struct planner *planner, enum error_code code, const char *text); // borrows the text
bool plan_refuse(struct planner *planner, enum error_code code, const char *format, ...)
    PRINTF_LIKE(3, 4);
// A sentence for plan.why; kept only if the request wants it.
void plan_because(struct planner *planner, const char *format, ...) PRINTF_LIKE(2, 3);

bool plan_to(struct planner *planner, uint16_t shard); // true: one target, as it came
bool plan_to_all(struct planner *planner, struct shard_set set, enum merge_kind merge);
uint16_t plan_any_shard(const struct planner *planner); // where a statement without tables may go

// One target, if all that the scopes name is there; refused otherwise: `what` is the part of the
// statement ("UPDATE") and `code` the error.
bool plan_to_reach(struct planner *planner, enum error_code code, const char *what);
// Why the scopes need several shards, as a part of a sentence; in the arena.
const char *plan_spread(struct planner *planner, const struct reach *reach);
// What only one server can answer, or would answer differently elsewhere; NULL when nothing.
const char *plan_single_server_part(const struct statement *statement);
// Writes to a reference table: every shard, the same.
bool plan_reference_write(struct planner *planner, const char *what);
const char *plan_shard_name(const struct planner *planner, uint16_t shard);
// "buyer_id or id": the columns that place the rows of a sharded table; in the arena.
const char *plan_key_columns(struct planner *planner, const struct table_config *table);
// May parts of the text be replaced? Refused, if an executable comment makes it unsafe.
bool plan_may_rewrite(struct planner *planner);
bool plan_is_too_large(struct planner *planner); // refused, if so

// Refused: the account doesn't see all columns of the table, so the statement must name its own.
bool plan_needs_list(struct planner *planner);

bool plan_hint(struct planner *planner);
enum plan_access plan_access_of(const struct planner *planner);

bool plan_select(struct planner *planner);
bool plan_select_scatter(struct planner *planner, const struct reach *reach);
// Do the rows of the statement's tables meet only within a shard, those of its subqueries too? Then
// each shard of *set has its own part of the result. Refused otherwise.
bool plan_within_shards(struct planner *planner, const struct reach *reach, struct shard_set *set);
// What the pieces of several shards don't add up to, by the look of that SELECT; NULL when nothing.
const char *plan_inexact_part(const struct query *query, const struct statement *statement);
// The targets' text: the client's with these changes, if there are any. False: refused.
bool plan_splice(struct planner *planner, const struct splice_list *list) MUST_CHECK;
// plan_union.c. The statement is several SELECTs that UNION makes one of.
bool plan_union(struct planner *planner, const struct reach *reach);
// After a refusal of the merge: all on one server? False leaves the error, or has a better one.
bool plan_gather(struct planner *planner, const struct reach *reach);
// plan_guard.c. May a SELECT read so many shards? Refused, or the plan has a warning.
bool plan_guard(struct planner *planner, const struct reach *reach);
// plan_sequence.c. The shard of the statement's sequence; NO_SHARD: it uses none.
uint16_t plan_sequence_home(const struct planner *planner);
bool plan_sequences(struct planner *planner);       // false: refused, whatever else it is
bool plan_check_sequences(struct planner *planner); // ... when it is planned
// plan_constraint.c. Do the constraints hold that the DDL makes? Refused, or the plan has warnings.
bool plan_constraints(struct planner *planner, const struct scope_ref *table);
bool plan_insert(struct planner *planner);
bool plan_change(struct planner *planner);
// May the rows be found by a locking SELECT of the same table, WHERE, ORDER BY and LIMIT?
bool plan_change_may_be_asked(const struct planner *planner) MUST_CHECK;
// plan_move.c. An UPDATE's assignment to a column that places the rows of the table, to another
// value: plan.steps is STEPS_MOVE, or it is refused.
bool plan_move(struct planner *planner, const struct scope_ref *table,
               const struct assignment *assignment);
bool plan_insert_select(struct planner *planner, const struct scope_ref *target);
bool plan_ddl(struct planner *planner);
// plan_index.c. Does the DDL leave global indexes what they need? Refused otherwise.
bool plan_keeps_indexes(struct planner *planner);
bool plan_load(struct planner *planner);
bool plan_load_split(struct planner *planner, const struct scope_ref *target); // to a sharded table
bool plan_lock(struct planner *planner);
bool plan_xa(struct planner *planner);
bool plan_show(struct planner *planner);
bool plan_explained(struct planner *planner);
bool plan_admin(struct planner *planner);
bool plan_call(struct planner *planner);
bool plan_handler(struct planner *planner);
bool plan_anywhere(struct planner *planner);
bool plan_prepared_text(struct planner *planner);
bool plan_unknown(struct planner *planner);

// ---- plan_catalog.c

struct catalog_plan;
// The tables that a mention of information_schema is about, as far as the statement says so.
struct asked_tables {
    struct slice schema;       // empty: any
    const struct slice *names; // NULL: any
    uint32_t name_count;
};
// May sharded tables be among them, so that one server has a part of the figures only?
bool plan_catalog_asks_parts(const struct planner *planner,
                             const struct asked_tables *asked) MUST_CHECK;
// Adds what has to be asked for that mention, if anything; the first one makes *catalog. False: it
// tells of tables in a way that can't be put together, or there are too many.
bool plan_catalog_add(struct planner *planner, struct catalog_plan **catalog,
                      const struct table_ref *table, const struct asked_tables *asked,
                      bool wants_figures) MUST_CHECK;
// That mention of SCHEMATA without waybill's own schema. False: there are too many.
bool plan_catalog_hide(struct planner *planner, struct catalog_plan **catalog,
                       const struct table_ref *table) MUST_CHECK;
// Where a statement runs that has rows of all shards in it.
uint16_t plan_catalog_shard(const struct planner *planner);
// SHOW CREATE TRIGGER: is the trigger on another shard than the default one?
bool plan_show_trigger(struct planner *planner);
// SHOW TABLE STATUS or SHOW TRIGGERS.
bool plan_show_catalog(struct planner *planner, bool is_status);

// ---- plan_insert.c

// Which columns of an INSERT place its rows: places in its list, or NO_COLUMN.
enum { NO_COLUMN = -1 };
struct insert_shape {
    const struct table_config *table;
    int32_t key_at, id_at, row_id_at;
};
bool plan_insert_shape(struct planner *planner, const struct table_config *table,
                       struct insert_shape *shape); // refused when one is missing

// Nobody but a server knows for what the values of an INSERT without a list of columns are.
bool plan_without_list(struct planner *planner, const struct table_config *table);
// A row with more or fewer values than columns: the server refuses the statement as a whole.
bool insert_has_wrong_count(const struct insert_part *insert) MUST_CHECK;

// ---- plan_insert_reference.c

bool plan_insert_reference(struct planner *planner, const struct scope_ref *target);
void insert_add_sources(struct planner *planner); // the scopes of its SELECT and its subqueries

// ---- row_id.c

// The row ids of an INSERT: of each row whether one is to be made, from `next` on.
struct row_id_use {
    bool *is_made; // by row
    uint32_t made_count;
    uint64_t next;
};
// False: refused. With plan.row_id_wish there aren't enough, and *use doesn't count.
bool row_id_use(struct planner *planner, const struct insert_shape *shape,
                struct row_id_use *use) MUST_CHECK;
// INSERT of VALUES into a reference table that has row ids: the text for all shards. ptr NULL: as
// it came.
bool row_id_reference(struct planner *planner, const struct table_config *table,
                      struct slice *sql) MUST_CHECK;
// An UPDATE or ON DUPLICATE KEY UPDATE sets the column.
bool row_id_assign(struct planner *planner, const struct table_config *table,
                   const struct assignment *assignment) MUST_CHECK;
bool row_id_is_column(const struct table_config *table, struct slice name) MUST_CHECK;

// ---- insert_asked.c

// Are there expressions that place rows and that a server can be asked for? Then plan.steps and
// plan.asked are filled.
bool insert_asked_find(struct planner *planner, const struct insert_shape *shape);

// ---- system_schema.c

// Are there tables on a shard by themselves that the default shard does not know?
bool plan_has_stray_tables(const struct planner *planner);
// A plan with information_schema in it goes to the shard that has the tables in question; refused
// when that is not certain.
bool plan_check_system(struct planner *planner);

// ---- rewrite_limit.c

// How LIMIT and OFFSET change when a statement goes to several shards: each gives limit + offset
// rows, the merge cuts. Groups that are to be counted (plan.counts_found) or looked at
// (plan.having) all come. Fills
// plan.offset, plan.limit and parameter edits; adds at most two splices.
bool rewrite_limit(struct planner *planner, const struct query *query, bool is_grouped,
                   struct splice_list *splices);

// ---- rewrite_order_by.c

// Fills plan.keys; what is not in the select list is added to it as hidden columns.
bool rewrite_order_by(struct planner *planner, const struct query *query,
                      struct splice_list *splices);

// ---- plan_page.c

// Is it a deep page whose beginning the shards can be asked for? Then plan.page is set. The plan is
// made; `splices` are those of the targets' text but for LIMIT.
void plan_page(struct planner *planner, const struct query *query, const struct splice *splices,
               size_t splice_count);

// ---- plan_group.c

// Must a shard give all of its groups, whatever LIMIT says? For HAVING, and when they are finer
// than the client's.
bool plan_wants_all_groups(const struct plan *plan) MUST_CHECK;

// GROUP BY, DISTINCT or aggregates: fills plan.keys, folds, having and hidden columns, and adds at
// most six splices. With plan.wants_columns nothing else counts. False: refused.
bool plan_group(struct planner *planner, const struct query *query, struct splice_list *splices);

// ---- rewrite_order_id.c

// The ids of new rows, put into text and parameters.
struct id_rewrite {
    const char *column;
    struct splice_list splices; // at most one for the column list and one for each row
    uint32_t params_seen;       // ? in the text before the place of the next splice
    uint32_t row;               // number of the next one
};

void rewrite_id_start(struct planner *planner, struct id_rewrite *rewrite, const char *column,
                      bool adds_column);
// False: none can be made now.
bool rewrite_make_order_id(struct planner *planner, uint16_t bucket, uint64_t *id) MUST_CHECK;
// The made id for the row: in place of `value`, or added to the row when value is NULL.
void rewrite_id(struct planner *planner, struct id_rewrite *rewrite, const struct value_row *row,
                const struct expr *value, uint64_t id);
// When a row is done: its parameters stand before those of the next.
void rewrite_id_pass(struct id_rewrite *rewrite, const struct value_row *row);
// Are the places of the new parameters certain? Not when some parameter was not seen above (inside
// a subquery).
bool rewrite_id_is_certain(const struct planner *planner) MUST_CHECK;
// Are all parameters of the INSERT seen, so that rows can be left out with theirs?
bool rewrite_sees_params(const struct planner *planner) MUST_CHECK;
// The edits of a target that gets only the rows of one shard (`shards`: of each row).
void rewrite_edits_of_shard(struct planner *planner, const uint16_t *shards,
                            struct plan_target *target);
