// CHECK REFERENCE: are the copies of a reference table the same? Rows and CHECKSUM TABLE of each
// shard's primary. A write may have reached one shard and not yet the next, so what differs is
// looked at again before it is told. Rows: table, shard, rows, checksum, difference.

#include <stdio.h>

#include "base/memory.h"
#include "replication/job.h"
#include "replication/schema_work.h"

enum {
    COLUMNS = 5,
    LOOKS_MAX = 3,
    PAUSE_MS = 300,
    COUNT_MS = 60000, // a table that takes longer can't be compared
};

struct copy { // a shard's
    bool is_known;
    uint64_t rows, checksum;
    struct error error; // if not
};

static bool count_rows(struct dbconn *conn, const char *table, struct copy *copy)
{
    struct db_rows rows;
    copy->is_known = dbconn_query(conn, &rows, &copy->error, "SELECT COUNT(*) AS n FROM %s", table);
    copy->rows = copy->is_known ? db_rows_number(&rows, "n") : 0;
    db_rows_done(&rows);
    if (!copy->is_known) {
        return false;
    }
    copy->is_known = dbconn_query(conn, &rows, &copy->error, "CHECKSUM TABLE %s EXTENDED", table);
    bool has_sum = copy->is_known && db_rows_get(&rows, "Checksum") != NULL;
    copy->checksum = has_sum ? db_rows_number(&rows, "Checksum") : 0;
    db_rows_done(&rows);
    if (copy->is_known && !has_sum) {
        error_set(&copy->error, 1105, "HY000", "the server gives no checksum of it");
        copy->is_known = false;
    }
    return copy->is_known;
}

static void look(struct schema_work *work, const char *table, struct copy *copies)
{
    for (uint16_t i = 0; i < work->order.shard_count; i++) {
        copies[i] = (struct copy){.is_known = false};
        struct dbconn *conn = schema_work_conn(work, i, &copies[i].error);
        if (conn != NULL && !count_rows(conn, table, &copies[i]) &&
            dbconn_failure(conn) == DB_LOST) {
            dbconn_close(conn);
            work->conns[i] = NULL;
        }
    }
}

static bool are_same(const struct copy *a, const struct copy *b)
{
    return a->is_known && b->is_known && a->rows == b->rows && a->checksum == b->checksum;
}

// As most have it; of two that are equally often, the first. NULL: none could be looked at.
static const struct copy *choose_norm(const struct copy *copies, uint16_t count)
{
    const struct copy *norm = NULL;
    uint16_t most = 0;
    for (uint16_t i = 0; i < count; i++) {
        uint16_t same = 0;
        for (uint16_t other = 0; other < count; other++) {
            same = (uint16_t)(same + are_same(&copies[i], &copies[other]));
        }
        if (same > most) {
            most = same;
            norm = &copies[i];
        }
    }
    return norm;
}

static bool is_all_same(const struct copy *copies, uint16_t count)
{
    const struct copy *norm = choose_norm(copies, count);
    for (uint16_t i = 0; i < count; i++) {
        if (norm == NULL || (copies[i].is_known && !are_same(&copies[i], norm))) {
            return norm == NULL; // nobody answers: a second look won't help
        }
    }
    return true;
}

static void say_difference(struct schema_work *work, const struct copy *copy,
                           const struct copy *norm)
{
    if (!copy->is_known) {
        schema_work_say(work, "can't be looked at: %s", copy->error.text);
    } else if (copy->rows < norm->rows) {
        schema_work_say(work, "lacks %llu rows, at least",
                        (unsigned long long)(norm->rows - copy->rows));
    } else if (copy->rows > norm->rows) {
        schema_work_say(work, "has %llu rows more, at least",
                        (unsigned long long)(copy->rows - norm->rows));
    } else {
        schema_work_say(work, "%s", are_same(copy, norm) ? "" : "as many rows, but not the same");
    }
}

static void check(struct schema_work *work, const struct schema_table *table)
{
    char name[1300];
    uint16_t count = work->order.shard_count;
    struct copy *copies = memory_new(count * sizeof *copies);
    schema_table_quote(table, name, sizeof name);
    look(work, name, copies);
    for (int looks = 1; looks < LOOKS_MAX && !is_all_same(copies, count); looks++) {
        if (job_wait(work->self, PAUSE_MS, NULL, 0) == JOB_STOP) {
            break;
        }
        look(work, name, copies);
    }
    const struct copy *norm = choose_norm(copies, count);
    for (uint16_t i = 0; i < count; i++) {
        schema_work_say(work, "%s.%s", table->schema, table->name);
        schema_work_say(work, "%s", work->order.shards[i].name);
        schema_work_say(work, "%llu", (unsigned long long)copies[i].rows);
        schema_work_say(work, "%llu", (unsigned long long)copies[i].checksum);
        say_difference(work, &copies[i], norm);
    }
    memory_free(copies);
}

void reference_check_run(struct schema_work *work)
{
    work->report->columns = COLUMNS;
    for (uint16_t i = 0; i < work->order.shard_count; i++) {
        work->order.shards[i].endpoint.answer_ms = COUNT_MS;
    }
    for (size_t i = 0; i < work->order.table_count && !job_is_stopping(work->self); i++) {
        const struct schema_table *table = &work->order.tables[i];
        if (table->is_reference && schema_table_is_meant(&work->order, table)) {
            check(work, table);
        }
    }
}
