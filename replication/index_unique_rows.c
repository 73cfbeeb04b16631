// The values that the rows of a shard have: is each claimed for it, and here? With `enters` it is
// afterwards, or it is on another shard as well, which is told.
//
// In pieces: what nobody has is claimed, what the shard has of them is put here, then what rows
// still lack is settled one by one, as a session does (session/index_claim.c).

#include "replication/index_work_impl.h"

#include "base/memory.h"
#include "parser/literal.h"
#include "protocol/error_table.h"
#include "replication/job.h"
#include "router/global_index.h"
#include "router/index_claim.h"
#include "router/sql_literal.h"

// A row of waybill.index_entry that is about no value.
#define INDEX_CONFLICT    "X'FF747769636520'"
#define INDEX_IS_CONFLICT "LEFT(value, LENGTH(" INDEX_CONFLICT ")) = " INDEX_CONFLICT

enum { PIECE = 500, ROUNDS_MAX = 50, DUPLICATE = 1062 };

struct claimed { // the newest claim of a value
    struct slice value;
    uint64_t version;
    struct slice shard;
};

struct piece {
    struct index_shard *at;
    struct claim_index claims;
    bool enters;
    struct arena arena; // of all that follows
    struct slice values[PIECE];
    uint32_t count;
    struct claimed found[PIECE];
    uint32_t found_count;
};

static uint16_t home_of(const struct piece *piece, struct slice value)
{
    struct slice key = index_home_key(piece->claims.key, !piece->claims.is_integer, value);
    return piece->at->work->order.indexes->homes[bucket_of_key(key)];
}

static const char *own_name(const struct piece *piece)
{
    return piece->at->work->order.shards[piece->at->shard].name;
}

static bool run(struct piece *piece, uint16_t shard, struct text *sql)
{
    struct index_shard *at = piece->at;
    struct dbconn *conn = index_work_conn(at->work, shard, &at->error);
    bool is_fine = conn != NULL && dbconn_run_bytes(conn, text_slice(sql), &at->error);
    text_done(sql);
    return is_fine;
}

static struct slice hex_text(struct piece *piece, const char *digits)
{
    return literal_hex(&piece->arena, arena_format(&piece->arena, "0x%s", digits));
}

// ---- claims

// Those of `values` whose home it is are claimed for the shard, as that version.
static bool claim_on(struct piece *piece, uint16_t home, const struct slice *values, uint32_t count,
                     uint64_t version)
{
    struct text sql;
    uint32_t added = 0;
    text_init(&sql);
    for (uint32_t i = 0; i < count; i++) {
        if (home_of(piece, values[i]) == home) {
            claim_add_claim(&sql, &piece->claims, values[i], version, own_name(piece),
                            added++ == 0);
        }
    }
    if (added == 0) {
        text_done(&sql);
        return true;
    }
    return run(piece, home, &sql);
}

static bool take_claims(struct piece *piece, uint16_t home, const struct text *sql)
{
    struct index_shard *at = piece->at;
    struct dbconn *conn = index_work_conn(at->work, home, &at->error);
    struct db_rows rows = {.result = NULL};
    bool is_fine = conn != NULL && dbconn_query(conn, &rows, &at->error, "%.*s)", (int)sql->len,
                                                (const char *)sql->ptr);
    for (bool has = is_fine && rows.count > 0; has && piece->found_count < PIECE;
         has = db_rows_next(&rows)) {
        piece->found[piece->found_count++] =
            (struct claimed){.value = hex_text(piece, db_rows_text(&rows, "value")),
                             .version = db_rows_number(&rows, "version"),
                             .shard = hex_text(piece, db_rows_text(&rows, "shard"))};
    }
    db_rows_done(&rows);
    return is_fine;
}

// The newest claims of `values`, appended to what was found.
static bool ask(struct piece *piece, const struct slice *values, uint32_t count)
{
    bool is_fine = true;
    piece->found_count = 0;
    for (uint16_t home = 0; home < piece->at->work->order.shard_count && is_fine; home++) {
        struct text sql;
        uint32_t added = 0;
        text_init(&sql);
        claim_begin_question(&sql, &piece->claims);
        for (uint32_t i = 0; i < count; i++) {
            if (home_of(piece, values[i]) == home) {
                text_add_string(&sql, added++ > 0 ? ", " : "");
                claim_add_value(&sql, piece->claims.is_integer, values[i]);
            }
        }
        is_fine = added == 0 || take_claims(piece, home, &sql);
        text_done(&sql);
    }
    return is_fine;
}

static bool is_own(const struct piece *piece, const struct claimed *claimed)
{
    return slice_equal(claimed->shard, slice_of_string(own_name(piece)));
}

// What was found to be the shard's own is put here.
static bool put_here(struct piece *piece)
{
    struct text sql;
    uint32_t added = 0;
    text_init(&sql);
    for (uint32_t i = 0; i < piece->found_count; i++) {
        if (is_own(piece, &piece->found[i])) {
            claim_add_here(&sql, &piece->claims, piece->found[i].value, piece->found[i].version,
                           added++ == 0);
        }
    }
    if (added == 0) {
        text_done(&sql);
        return true;
    }
    claim_end_here(&sql);
    return run(piece, piece->at->shard, &sql);
}

// ---- what rows lack

static void add_values(struct piece *piece, struct text *sql, const struct slice *values,
                       uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        text_add_string(sql, i > 0 ? ", " : "");
        claim_add_value(sql, piece->claims.is_integer, values[i]);
    }
}

// Of `values` those that a row has, and that are not here: into `lacking`.
static bool list_lacking(struct piece *piece, const struct slice *values, uint32_t count,
                         struct slice *lacking, uint32_t *lacking_count)
{
    const struct index_target *target = piece->at->target;
    struct dbconn *conn = index_work_conn(piece->at->work, piece->at->shard, &piece->at->error);
    struct db_rows rows = {.result = NULL};
    struct text sql, column;
    text_init(&sql);
    text_init(&column);
    text_add_string(&column, "t.");
    sql_add_name(&column, slice_of_string(target->column));
    text_add(&column, "", 1);
    text_add_string(&sql, "SELECT HEX(");
    claim_add_text(&sql, target->is_integer, (const char *)column.ptr);
    text_add_string(&sql, ") AS value FROM ");
    sql_add_name(&sql, slice_of_string(target->schema));
    text_add_string(&sql, ".");
    sql_add_name(&sql, slice_of_string(target->table));
    text_add_string(&sql, " t LEFT JOIN ");
    claim_add_table(&sql, target->key, "here");
    text_add_format(&sql, " h ON h.value = %s AND h.is_here = 1 WHERE h.value IS NULL AND %s IN (",
                    (const char *)column.ptr, (const char *)column.ptr);
    add_values(piece, &sql, values, count);
    bool is_fine = conn != NULL && dbconn_query(conn, &rows, &piece->at->error, "%.*s)",
                                                (int)sql.len, (const char *)sql.ptr);
    *lacking_count = 0;
    for (bool has = is_fine && rows.count > 0; has && *lacking_count < count;
         has = db_rows_next(&rows)) {
        lacking[(*lacking_count)++] = hex_text(piece, db_rows_text(&rows, "value"));
    }
    db_rows_done(&rows);
    text_done(&sql);
    text_done(&column);
    return is_fine;
}

// Is it still a row's, and not here?
static bool still_lacks(struct piece *piece, struct slice value, bool *lacks)
{
    struct slice one;
    uint32_t count = 0;
    bool is_fine = list_lacking(piece, &value, 1, &one, &count);
    *lacks = count > 0;
    return is_fine;
}

// Told by SHOW INDEXES, too, until the rows are looked at again.
static bool conflict(struct piece *piece, struct slice value, struct slice other)
{
    struct index_shard *at = piece->at;
    struct error ignored;
    struct text sql;
    error_set(&at->error, ER_UNKNOWN, "HY000",
              "the value '%.*s' is on shards %.*s and %s: one of the two rows has to go",
              (int)(value.len < 100 ? value.len : 100), (const char *)value.ptr, (int)other.len,
              (const char *)other.ptr, own_name(piece));
    text_init(&sql);
    text_add_string(&sql,
                    "INSERT IGNORE INTO " INDEX_ENTRY_TABLE " (index_key, value, shard) SELECT ");
    sql_add_hex(&sql, slice_of_string(at->target->key));
    text_add_string(&sql, ", CONCAT(" INDEX_CONFLICT ", ");
    sql_add_hex(&sql, slice_of_string(at->error.text));
    text_add_string(&sql, "), ");
    sql_add_hex(&sql, slice_of_string(own_name(piece)));
    struct dbconn *conn = index_work_conn(at->work, at->shard, &ignored);
    if (conn == NULL || !dbconn_run_bytes(conn, text_slice(&sql), &ignored)) {
        // it is told all the same, as an event
    }
    text_done(&sql);
    return false;
}

// What was told before is over.
static bool forget_conflicts(struct index_shard *at)
{
    struct dbconn *conn = index_work_conn(at->work, at->shard, &at->error);
    struct text sql;
    text_init(&sql);
    text_add_string(&sql, "DELETE FROM " INDEX_ENTRY_TABLE " WHERE index_key = ");
    sql_add_hex(&sql, slice_of_string(at->target->key));
    text_add_string(&sql, " AND " INDEX_IS_CONFLICT);
    bool is_fine = conn != NULL && dbconn_run_bytes(conn, text_slice(&sql), &at->error);
    text_done(&sql);
    return is_fine;
}

bool index_unique_conflict(struct index_shard *at)
{
    struct dbconn *conn = index_work_conn(at->work, at->shard, &at->error);
    struct db_rows rows = {.result = NULL};
    struct text sql;
    text_init(&sql);
    sql_add_hex(&sql, slice_of_string(at->target->key));
    text_add(&sql, "", 1);
    bool is_fine = conn != NULL &&
                   dbconn_query(conn, &rows, &at->error,
                                "SELECT SUBSTRING(value, LENGTH(" INDEX_CONFLICT ") + 1) AS what "
                                "FROM " INDEX_ENTRY_TABLE " WHERE index_key = %s "
                                "AND " INDEX_IS_CONFLICT,
                                (const char *)sql.ptr);
    if (is_fine && rows.count > 0) {
        error_set(&at->error, ER_UNKNOWN, "HY000", "%s", db_rows_text(&rows, "what"));
        is_fine = false;
    }
    db_rows_done(&rows);
    text_done(&sql);
    return is_fine;
}

// Takes it from the shard that has claimed it, unless that has a row with it.
static bool revoke(struct piece *piece, struct slice value, const struct claimed *claimed)
{
    struct index_shard *at = piece->at;
    struct text sql;
    bool lacks = true;
    uint16_t shard = 0;
    while (shard < at->work->order.shard_count &&
           !slice_equal(claimed->shard, slice_of_string(at->work->order.shards[shard].name))) {
        shard++;
    }
    if (shard == at->work->order.shard_count) {
        error_set(&at->error, ER_UNKNOWN, "HY000",
                  "a value belongs to shard %.*s, which is not in the configuration",
                  (int)claimed->shard.len, (const char *)claimed->shard.ptr);
        return false;
    }
    text_init(&sql);
    claim_add_revoke(&sql, &piece->claims, value, claimed->version, true);
    if (run(piece, shard, &sql)) {
        return true;
    }
    if (at->error.code != DUPLICATE) {
        return false;
    }
    struct error error = at->error;
    if (!still_lacks(piece, value, &lacks)) {
        return false;
    }
    at->error = error;
    return !lacks || conflict(piece, value, claimed->shard);
}

static bool settle(struct piece *piece, struct slice value)
{
    for (int round = 0; round < ROUNDS_MAX; round++) {
        bool lacks = true;
        if (!ask(piece, &value, 1) || piece->found_count == 0 || !put_here(piece) ||
            !still_lacks(piece, value, &lacks)) {
            return false;
        }
        if (!lacks) {
            return true;
        }
        struct claimed claimed = piece->found[0];
        if ((!is_own(piece, &claimed) && !revoke(piece, value, &claimed)) ||
            !claim_on(piece, home_of(piece, value), &value, 1, claimed.version + 1)) {
            return false;
        }
    }
    error_set(&piece->at->error, ER_UNKNOWN, "HY000", "a value is being moved between shards");
    return false;
}

// ---- the piece

static bool enter(struct piece *piece)
{
    struct slice *lacking = arena_alloc(&piece->arena, PIECE * sizeof *lacking);
    uint32_t count = 0;
    for (uint16_t home = 0; home < piece->at->work->order.shard_count; home++) {
        if (!claim_on(piece, home, piece->values, piece->count, 1)) {
            return false;
        }
    }
    bool is_fine = ask(piece, piece->values, piece->count) && put_here(piece) &&
                   list_lacking(piece, piece->values, piece->count, lacking, &count);
    for (uint32_t i = 0; i < count && is_fine; i++) {
        is_fine = settle(piece, lacking[i]);
    }
    return is_fine;
}

static bool look(struct piece *piece)
{
    struct slice *lacking = arena_alloc(&piece->arena, PIECE * sizeof *lacking);
    uint32_t count = 0, own = 0;
    if (!ask(piece, piece->values, piece->count) ||
        !list_lacking(piece, piece->values, piece->count, lacking, &count)) {
        return false;
    }
    for (uint32_t i = 0; i < piece->found_count; i++) {
        own += is_own(piece, &piece->found[i]);
    }
    piece->at->missing += count > piece->count - own ? count : piece->count - own;
    return true;
}

static bool end_piece(struct piece *piece)
{
    bool is_fine = piece->count == 0 ||
                   (look(piece) && (!piece->enters || piece->at->missing == 0 || enter(piece)));
    piece->at->values += piece->count;
    piece->count = 0;
    arena_clear(&piece->arena);
    return is_fine;
}

static bool take_value(void *owner, const char *text)
{
    struct piece *piece = owner;
    piece->values[piece->count++] = hex_text(piece, text);
    if (job_is_stopping(piece->at->work->self)) {
        error_set(&piece->at->error, ER_UNKNOWN, "HY000", "waybill ends");
        return false;
    }
    return piece->count < PIECE || end_piece(piece);
}

static void add_all_values(struct text *sql, const struct index_target *target)
{
    struct text column;
    text_init(&column);
    sql_add_name(&column, slice_of_string(target->column));
    text_add(&column, "", 1);
    text_add_string(sql, "SELECT HEX(");
    claim_add_text(sql, target->is_integer, (const char *)column.ptr);
    text_add_string(sql, ") FROM ");
    sql_add_name(sql, slice_of_string(target->schema));
    text_add_string(sql, ".");
    sql_add_name(sql, slice_of_string(target->table));
    text_add_format(sql, " WHERE %s IS NOT NULL", (const char *)column.ptr);
    text_add(sql, "", 1);
    text_done(&column);
}

bool index_unique_rows_look(struct index_shard *at, bool enters)
{
    struct piece *piece = memory_new(sizeof *piece);
    enum db_failure failure;
    struct text sql;
    piece->at = at;
    piece->claims = index_unique_claims(at->target);
    piece->enters = enters;
    arena_init(&piece->arena, NULL);
    text_init(&sql);
    add_all_values(&sql, at->target);
    at->values = at->missing = 0;
    struct dbconn *conn =
        dbconn_open(&at->work->order.shards[at->shard].endpoint, &at->error, &failure);
    bool is_fine = conn != NULL && (!enters || forget_conflicts(at)) &&
                   dbconn_run(conn, &at->error, "SET SESSION net_write_timeout = 3600") &&
                   dbconn_each(conn, &at->error, (const char *)sql.ptr, take_value, piece) &&
                   end_piece(piece);
    dbconn_close(conn);
    text_done(&sql);
    arena_clear(&piece->arena);
    memory_free(piece);
    return is_fine;
}
