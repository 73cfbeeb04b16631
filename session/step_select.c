// INSERT ... SELECT whose rows go to other shards than they come from:
//
//     SELECT @@time_zone ...                         can a TIMESTAMP be carried as text?
//     SELECT .. LOCK IN SHARE MODE                   as any SELECT; its rows are kept here
//     INSERT INTO t (..) VALUES (..), (..) ...       as any INSERT, in batches; ON DUPLICATE KEY
//                                                    UPDATE behind each
//
// All of it in one transaction, and the source's rows are locked as a server locks them for the
// statement, so that it is of one moment. What the client is told is the sum of the batches.

#include "session/step_literal.h"

#include <string.h>

#include "parser/splice.h"
#include "protocol/error_table.h"
#include "session/aftermath.h"
#include "session/insert_id.h"
#include "session/merge.h"
#include "session/query.h"
#include "session/step_kinds.h"
#include "session/steps.h"

enum {
    BATCH_BYTES = 1024 * 1024,
    BATCH_ROWS_MAX = 5000,
    INSERT_ANSWER_BYTES = 64 * 1024,
    ENUM_OR_SET = 256 | 2048, // flags of a column definition
};

struct selecting {
    struct slice sql;                  // the client's, without parameters
    const struct statement *statement; // ... as read
    const struct table_columns *target;
    bool is_zone_safe;            // no hour comes twice in the session's time zone
    const struct column *columns; // of the SELECT
    uint32_t column_count;
    struct slice written; // the rows, each as "(..)", with commas between those of a batch
    size_t *ends;         // of each batch in it
    uint32_t *counts;     // rows of each batch
    uint32_t batch_count, batch;
    struct ok_packet total;
    bool has_lost_warnings; // a batch but the last had some
    uint64_t first_id;      // LAST_INSERT_ID() after the first batch
    bool has_first_id;
};

// ---- inserting

// How many of the batch's one row were duplicates, in an OK that has no text.
static uint64_t duplicates_of_one(const struct insert_part *insert, const struct ok_packet *ok)
{
    if (insert->is_ignore) {
        return ok->affected_rows == 0;
    }
    if (insert->on_duplicate != NULL) {
        return ok->affected_rows == 2;
    }
    return ok->affected_rows > 0 ? ok->affected_rows - 1 : 0; // REPLACE
}

static void add_batch(struct steps *steps, const struct step_answer *answer)
{
    struct selecting *selecting = steps_state(steps);
    struct session *session = steps_session(steps);
    struct ok_packet ok = answer->ok;
    bool is_one = selecting->counts[selecting->batch] == 1;
    bool counts_found = (session->capabilities & CAP_FOUND_ROWS) != 0;
    bool is_unclear = selecting->statement->insert->on_duplicate != NULL && counts_found;
    if (ok.message.len == 0 && is_one && !(is_unclear && ok.affected_rows == 1)) {
        uint64_t duplicates = duplicates_of_one(selecting->statement->insert, &ok);
        ok.message = arena_format(&session->arena, "Records: 1  Duplicates: %llu  Warnings: %u",
                                  (unsigned long long)duplicates, (unsigned)ok.warnings);
    }
    merge_ok_add(&session->arena, &selecting->total, &ok, selecting->batch == 0);
    if (selecting->batch == 0) {
        selecting->has_first_id = session->insert_id.doubt == DOUBT_NONE;
        selecting->first_id = session->last_insert_id;
    }
    selecting->has_lost_warnings |=
        ok.warnings > 0 && selecting->batch + 1 < selecting->batch_count;
}

// What is left for LAST_INSERT_ID() and SHOW WARNINGS is that of all batches.
static void note_all(struct steps *steps)
{
    struct selecting *selecting = steps_state(steps);
    struct session *session = steps_session(steps);
    session->aftermath.row_count = (int64_t)selecting->total.affected_rows;
    session->aftermath.warnings = selecting->total.warnings;
    if (selecting->has_lost_warnings) {
        aftermath_lose(session);
    }
    if (selecting->batch_count > 1 && selecting->has_first_id) {
        insert_id_set(session, selecting->first_id);
    } else if (selecting->batch_count > 1) {
        insert_id_lose(session);
    }
}

static void insert_next(struct steps *steps);

static void on_inserted(struct steps *steps, const struct step_answer *answer)
{
    struct selecting *selecting = steps_state(steps);
    if (answer->error.code != 0) {
        steps_fail(steps, &answer->error);
        return;
    }
    add_batch(steps, answer);
    selecting->batch++;
    insert_next(steps);
}

static void insert_next(struct steps *steps)
{
    struct selecting *selecting = steps_state(steps);
    struct arena *arena = &steps_session(steps)->arena;
    const struct insert_part *insert = selecting->statement->insert;
    struct slice text = selecting->sql;
    if (selecting->batch == selecting->batch_count) {
        note_all(steps);
        steps_end(steps, &selecting->total);
        return;
    }
    size_t begin = selecting->batch == 0 ? 0 : selecting->ends[selecting->batch - 1];
    struct slice rows = slice_part(selecting->written, begin, selecting->ends[selecting->batch]);
    struct splice splice = {
        .span = {insert->values_at, insert->select->whole_span.end},
        .with = arena_format(arena, "VALUES %.*s", (int)rows.len, (const char *)rows.ptr)};
    steps_run(steps, splice_text(arena, text, &splice, 1), false, INSERT_ANSWER_BYTES, on_inserted);
}

// Nothing to insert: what a server says then.
static void end_empty(struct steps *steps)
{
    struct session *session = steps_session(steps);
    struct ok_packet ok = {.message = slice_of_string("Records: 0  Duplicates: 0  Warnings: 0")};
    aftermath_note_ok(session);
    steps_end(steps, &ok);
}

// ---- reading

static const struct table_column *target_of(const struct selecting *selecting, uint32_t place)
{
    const struct insert_part *insert = selecting->statement->insert;
    return columns_find(selecting->target, insert->columns[place]);
}

static bool is_of(const struct table_column *column, const char *const *words)
{
    for (; *words != NULL; words++) {
        if (slice_is_nocase(column->type, *words)) {
            return true;
        }
    }
    return false;
}

// Can values of the SELECT's column be written out such that the target's column takes them as it
// would take the column itself? False: *why is the end of a sentence.
static bool is_carried(const struct selecting *selecting, uint32_t place, const char **why)
{
    static const char *const texts[] = {"char",     "varchar", "tinytext", "text", "mediumtext",
                                        "longtext", "enum",    "set",      NULL};
    const struct column *column = &selecting->columns[place];
    const struct table_column *target = target_of(selecting, place);
    if ((column->flags & ENUM_OR_SET) != 0 && (target == NULL || !is_of(target, texts))) {
        *why = "is an ENUM or SET that goes into a column of another kind";
        return false;
    }
    if (column->type == TYPE_TIMESTAMP && !selecting->is_zone_safe) {
        *why = "is a TIMESTAMP, and in the session's time zone the same text may mean two moments: "
               "SET time_zone = '+00:00' first";
        return false;
    }
    return true;
}

static bool explain(struct steps *steps, uint32_t place, const char *why, struct error *error)
{
    const struct selecting *selecting = steps_state(steps);
    struct slice name = selecting->columns[place].name;
    struct slice text = arena_format(
        &steps_session(steps)->arena,
        "INSERT ... SELECT needs rows of other shards than those where they go, and "
        "column %u of the SELECT (%.*s) %s",
        (unsigned)place + 1, (int)(name.len < 64 ? name.len : 64), (const char *)name.ptr, why);
    error_fill(error, ER_CROSS_SHARD_WRITE, (const char *)text.ptr);
    return false;
}

static bool add_row(struct steps *steps, const struct field *fields, struct text *rows,
                    struct error *error)
{
    const struct selecting *selecting = steps_state(steps);
    for (uint32_t i = 0; i < selecting->column_count; i++) {
        const char *why = "";
        text_add_string(rows, i == 0 ? "(" : ", ");
        if (!step_literal_add(rows, &selecting->columns[i], &fields[i], &why)) {
            return explain(steps, i, why, error);
        }
    }
    text_add_string(rows, ")");
    return true;
}

// All rows of the answer as batches of values.
static bool write_rows(struct steps *steps, const struct step_answer *answer, struct text *rows,
                       struct error *error)
{
    struct selecting *selecting = steps_state(steps);
    struct arena *arena = &steps_session(steps)->arena;
    struct field *fields = arena_alloc(arena, answer->column_count * sizeof *fields);
    size_t begin = 0;
    selecting->ends = arena_alloc(arena, answer->row_count * sizeof *selecting->ends);
    selecting->counts = arena_alloc(arena, answer->row_count * sizeof *selecting->counts);
    selecting->batch_count = 1;
    for (uint64_t row = 0; row < answer->row_count; row++) {
        uint32_t batch = selecting->batch_count - 1;
        if (rows->len - begin > BATCH_BYTES || selecting->counts[batch] == BATCH_ROWS_MAX) {
            selecting->ends[batch++] = begin = rows->len;
            selecting->batch_count++;
        }
        text_add_string(rows, selecting->counts[batch] > 0 ? ", " : "");
        if (!steps_next_row(steps, fields, answer->column_count)) {
            error_fill(error, ER_MALFORMED_PACKET);
            return false;
        }
        if (!add_row(steps, fields, rows, error)) {
            return false;
        }
        selecting->counts[batch]++;
    }
    selecting->ends[selecting->batch_count - 1] = rows->len;
    return true;
}

// False with *error.
static bool look_at_columns(struct steps *steps, const struct step_answer *answer,
                            struct error *error)
{
    struct selecting *selecting = steps_state(steps);
    if (answer->column_count != selecting->statement->insert->column_count) {
        error_set(error, 1136, "21S01", "Column count doesn't match value count at row 1");
        return false;
    }
    selecting->columns = answer->columns;
    selecting->column_count = answer->column_count;
    for (uint32_t i = 0; i < answer->column_count; i++) {
        const char *why = "";
        if (!is_carried(selecting, i, &why)) {
            return explain(steps, i, why, error);
        }
    }
    return true;
}

static void on_selected(struct steps *steps, const struct step_answer *answer)
{
    struct selecting *selecting = steps_state(steps);
    struct arena *arena = &steps_session(steps)->arena;
    const struct settings *settings = &session_config(steps_session(steps))->settings;
    struct error error = answer->error;
    struct text rows;
    text_init(&rows);
    if (error.code == 0 && answer->row_count > (uint64_t)settings->gather_max_rows) {
        error_fill(
            &error, ER_TOO_LARGE,
            "INSERT ... SELECT over several shards has more rows than gather_max_rows: do it "
            "in parts, or raise the setting");
    }
    bool is_fine = error.code == 0 && look_at_columns(steps, answer, &error) &&
                   write_rows(steps, answer, &rows, &error);
    struct slice copy = arena_copy(arena, text_slice(&rows));
    text_done(&rows);
    if (!is_fine) {
        steps_fail(steps, &error);
    } else if (answer->row_count == 0) {
        end_empty(steps);
    } else {
        selecting->written = copy;
        insert_next(steps);
    }
}

// ---- the SELECT

// Sorted by place: a subquery within another ends before it.
static void add_lock(const struct query *query, struct splice *splices, size_t *count)
{
    uint32_t end = query->whole_span.end;
    bool is_plain = query->next == NULL && query->nested == NULL && !query->is_values &&
                    !query->is_parenthesized && query->tables != NULL && query->lock == LOCK_NONE;
    if (!is_plain) {
        return;
    }
    size_t at = (*count)++;
    for (; at > 0 && splices[at - 1].span.begin > end; at--) {
        splices[at] = splices[at - 1];
    }
    splices[at] =
        (struct splice){.span = {end, end}, .with = slice_of_string(" LOCK IN SHARE MODE")};
}

// The SELECT with locks on what it and its subqueries read.
static struct slice select_text(struct session *session, const struct statement *statement)
{
    const struct query *query = statement->insert->select;
    uint32_t begin = query->whole_span.begin;
    struct splice *splices =
        arena_alloc(&session->arena, (statement->subquery_count + 1) * sizeof *splices);
    size_t count = 0;
    for (uint32_t i = 0; i < statement->subquery_count; i++) {
        const struct query *inner = statement->subqueries[i];
        bool is_inside =
            inner->whole_span.begin > begin && inner->whole_span.end < query->whole_span.end;
        if (is_inside) {
            add_lock(inner, splices, &count);
        }
    }
    add_lock(query, splices, &count);
    for (size_t i = 0; i < count; i++) {
        splices[i].span.begin -= begin;
        splices[i].span.end -= begin;
    }
    struct slice text = slice_part(statement->text, begin, query->whole_span.end);
    return splice_text(&session->arena, text, splices, count);
}

static void on_zone(struct steps *steps, const struct step_answer *answer)
{
    struct selecting *selecting = steps_state(steps);
    struct session *session = steps_session(steps);
    const struct settings *settings = &session_config(session)->settings;
    struct field fields[2];
    if (answer->error.code != 0) {
        steps_fail(steps, &answer->error);
        return;
    }
    selecting->is_zone_safe = answer->column_count == 2 && steps_next_row(steps, fields, 2) &&
                              step_literal_zone_is_safe(fields[0].bytes, fields[1].bytes);
    steps_begin_transaction(steps);
    steps_run(steps, select_text(session, selecting->statement), true,
              (size_t)settings->gather_max_bytes, on_selected);
}

void step_select_start(struct session *session, struct request *request)
{
    struct selecting *selecting = arena_alloc(&session->arena, sizeof *selecting);
    struct parse_options options = query_parse_options(session);
    struct statement *statement = request->statement;
    struct error error;
    if (!step_literal_text(session, request, &selecting->sql, &error)) {
        query_refuse(session, request, &error);
        return;
    }
    if (statement->param_count > 0 &&
        (parse_statement(&session->arena, selecting->sql, &options, &statement) != PARSE_OK ||
         statement->insert == NULL || statement->insert->select == NULL)) {
        error_fill(&error, ER_PARSE, "");
        query_refuse(session, request, &error);
        return;
    }
    selecting->statement = statement;
    selecting->target = request->columns;
    struct steps *steps = steps_start(session, request, selecting);
    steps_run(steps, slice_of_string("SELECT @@time_zone, @@system_time_zone"), false,
              INSERT_ANSWER_BYTES, on_zone);
}
