// The values that the rows of a shard have, all of them once, in pieces: are they entered? A row
// that is seen here was committed, and its entries were before: what is missing is missing for
// good.

#include "replication/index_work_impl.h"

#include "base/memory.h"
#include "parser/literal.h"
#include "protocol/error_table.h"
#include "router/global_index.h"
#include "replication/job.h"
#include "router/sql_literal.h"

enum { PIECE = 500 };

struct piece {
    struct index_shard *at;
    bool enters;
    struct arena arena; // of its values
    struct slice values[PIECE];
    uint32_t count;
};

static uint16_t home_of(const struct schema_work *work, struct slice value)
{
    return work->order.indexes->homes[bucket_of_key(value)];
}

static bool is_on(const struct schema_work *work, struct slice value, uint16_t shard)
{
    return index_is_mark(value) || home_of(work, value) == shard;
}

static bool run(struct piece *piece, uint16_t shard, struct text *sql)
{
    struct index_shard *at = piece->at;
    struct dbconn *conn = index_work_conn(at->work, shard, &at->error);
    text_add(sql, "", 1);
    return conn != NULL && dbconn_run(conn, &at->error, "%s", (const char *)sql->ptr);
}

// How many of the piece the shard has to have, and has not.
static bool count_missing(struct piece *piece, uint16_t shard, const char *table, bool all)
{
    struct index_shard *at = piece->at;
    struct dbconn *conn = index_work_conn(at->work, shard, &at->error);
    struct db_rows rows = {.result = NULL};
    struct text sql;
    uint64_t wanted = 0;
    text_init(&sql);
    text_add_format(&sql, "SELECT COUNT(DISTINCT value) AS n FROM %s WHERE index_key = ", table);
    sql_add_hex(&sql, slice_of_string(at->target->key));
    if (!all) {
        text_add_string(&sql, " AND shard = ");
        sql_add_hex(&sql, slice_of_string(at->work->order.shards[at->shard].name));
    }
    text_add_string(&sql, all ? " AND digest IN (" : " AND value IN (");
    for (uint32_t i = 0; i < piece->count; i++) {
        if (all || is_on(at->work, piece->values[i], shard)) {
            text_add_string(&sql, wanted++ == 0 ? "" : ", ");
            text_add_string(&sql, all ? "UNHEX(MD5(" : "");
            sql_add_hex(&sql, piece->values[i]);
            text_add_string(&sql, all ? "))" : "");
        }
    }
    text_add_string(&sql, ")");
    text_add(&sql, "", 1);
    bool is_fine = conn != NULL && (wanted == 0 || dbconn_query(conn, &rows, &at->error, "%s",
                                                                (const char *)sql.ptr));
    if (is_fine && wanted > 0) {
        uint64_t has = db_rows_number(&rows, "n");
        at->missing += has < wanted ? wanted - has : 0;
    }
    db_rows_done(&rows);
    text_done(&sql);
    return is_fine;
}

static bool look(struct piece *piece)
{
    bool is_fine = count_missing(piece, piece->at->shard, INDEX_HERE_TABLE, true);
    for (uint16_t i = 0; i < piece->at->work->order.shard_count && is_fine; i++) {
        is_fine = count_missing(piece, i, INDEX_ENTRY_TABLE, false);
    }
    return is_fine;
}

static bool enter_on(struct piece *piece, uint16_t home)
{
    const struct index_shard *at = piece->at;
    struct slice key = slice_of_string(at->target->key);
    struct text sql;
    uint32_t count = 0;
    text_init(&sql);
    for (uint32_t i = 0; i < piece->count; i++) {
        if (is_on(at->work, piece->values[i], home)) {
            index_add_entry(&sql, key, piece->values[i], at->work->order.shards[at->shard].name,
                            count++ == 0);
        }
    }
    bool is_fine = count == 0 || run(piece, home, &sql);
    text_done(&sql);
    return is_fine;
}

static bool enter(struct piece *piece)
{
    struct slice key = slice_of_string(piece->at->target->key);
    struct text sql;
    for (uint16_t i = 0; i < piece->at->work->order.shard_count; i++) {
        if (!enter_on(piece, i)) {
            return false;
        }
    }
    text_init(&sql);
    for (uint32_t i = 0; i < piece->count; i++) {
        index_add_here(&sql, key, piece->values[i], i == 0);
    }
    bool is_fine = run(piece, piece->at->shard, &sql);
    text_done(&sql);
    return is_fine;
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
    struct slice digits = arena_format(&piece->arena, "0x%s", text);
    piece->values[piece->count++] = literal_hex(&piece->arena, digits);
    if (job_is_stopping(piece->at->work->self)) {
        error_set(&piece->at->error, ER_UNKNOWN, "HY000", "waybill ends");
        return false;
    }
    return piece->count < PIECE || end_piece(piece);
}

bool index_rows_look(struct index_shard *at, bool enters)
{
    const struct index_target *target = at->target;
    if (target->is_unique) {
        return index_unique_rows_look(at, enters);
    }
    struct piece *piece = memory_new(sizeof *piece);
    enum db_failure failure;
    struct text sql;
    piece->at = at;
    piece->enters = enters;
    arena_init(&piece->arena, NULL);
    text_init(&sql);
    text_add_format(&sql, "SELECT DISTINCT HEX(%s) FROM ", (const char *)target->canonical.ptr);
    sql_add_name(&sql, slice_of_string(target->schema));
    text_add_string(&sql, ".");
    sql_add_name(&sql, slice_of_string(target->table));
    text_add_string(&sql, " WHERE ");
    sql_add_name(&sql, slice_of_string(target->column));
    text_add_string(&sql, " IS NOT NULL");
    text_add(&sql, "", 1);
    at->values = at->missing = 0;
    struct dbconn *conn =
        dbconn_open(&at->work->order.shards[at->shard].endpoint, &at->error, &failure);
    bool is_fine =
        conn != NULL && dbconn_run(conn, &at->error, "SET SESSION net_write_timeout = 3600") &&
        dbconn_each(conn, &at->error, (const char *)sql.ptr, take_value, piece) && end_piece(piece);
    dbconn_close(conn);
    text_done(&sql);
    arena_clear(&piece->arena);
    memory_free(piece);
    return is_fine;
}
