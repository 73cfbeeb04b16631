// SHOW SCHEMA DIFF: each table that every shard must have is asked for on every primary, and what
// isn't as on most of them is told. Rows: table, shard, difference.

#include <stdio.h>

#include "base/memory.h"
#include "replication/ddl_journal.h"
#include "replication/schema_work.h"
#include "router/definition.h"

enum { COLUMNS = 3, ENTRIES_MAX = 100, STATEMENT_SHOWN = 200 };

struct found { // a table on a shard
    bool is_there, is_known;
    struct text create; // owned; with a NUL
    uint64_t hash;      // 0: not there
};

static void say(struct schema_work *work, const struct schema_table *table, uint16_t shard,
                const char *difference)
{
    schema_work_say(work, "%s.%s", table->schema, table->name);
    schema_work_say(work, "%s", work->order.shards[shard].name);
    schema_work_say(work, "%s", difference);
}

// ---- a table

// Its error is told. The connection was made before.
static void find(struct schema_work *work, const struct schema_table *table, uint16_t shard,
                 struct found *found)
{
    char name[1300], question[1400];
    struct error error;
    struct dbconn *conn = work->conns[shard];
    *found = (struct found){.is_known = false};
    text_init(&found->create);
    if (conn == NULL) {
        return; // told once
    }
    schema_table_quote(table, name, sizeof name);
    snprintf(question, sizeof question, "SHOW CREATE TABLE %s", name);
    found->is_there = schema_work_definition(conn, question, &found->create, &error);
    found->is_known = found->is_there || schema_work_is_absent(&error);
    if (found->is_there) {
        found->hash = definition_hash(slice_of_string((const char *)found->create.ptr));
    } else if (!found->is_known) {
        char text[700];
        snprintf(text, sizeof text, "can't be looked at: %s", error.text);
        say(work, table, shard, text);
    }
}

// As most have it; of two that are equally often, the first. NULL: nobody has it.
static const struct found *choose_norm(const struct found *found, uint16_t count)
{
    const struct found *norm = NULL;
    uint16_t most = 0;
    for (uint16_t i = 0; i < count; i++) {
        uint16_t same = 0;
        for (uint16_t other = 0; other < count; other++) {
            same = (uint16_t)(same + (found[i].is_there && found[other].is_there &&
                                      found[i].hash == found[other].hash));
        }
        if (same > most) {
            most = same;
            norm = &found[i];
        }
    }
    return norm;
}

static void compare(struct schema_work *work, const struct schema_table *table,
                    const struct found *found)
{
    uint16_t count = work->order.shard_count;
    const struct found *norm = choose_norm(found, count);
    for (uint16_t i = 0; i < count; i++) {
        if (!found[i].is_known || (norm != NULL && found[i].hash == norm->hash)) {
            continue;
        }
        if (!found[i].is_there || norm == NULL) {
            say(work, table, i, norm != NULL ? "is not there" : "is not there, as on no shard");
            continue;
        }
        struct text lines;
        text_init(&lines);
        definition_difference(slice_of_string((const char *)found[i].create.ptr),
                              slice_of_string((const char *)norm->create.ptr), &lines);
        text_add(&lines, "", 1);
        say(work, table, i, (const char *)lines.ptr);
        text_done(&lines);
    }
}

static void look_at_table(struct schema_work *work, const struct schema_table *table)
{
    uint16_t count = work->order.shard_count;
    struct found *found = memory_new(count * sizeof *found);
    for (uint16_t i = 0; i < count; i++) {
        find(work, table, i, &found[i]);
    }
    compare(work, table, found);
    for (uint16_t i = 0; i < count; i++) {
        text_done(&found[i].create);
    }
    memory_free(found);
}

// ---- what is written down

static void say_open(struct schema_work *work)
{
    struct ddl_entry entries[ENTRIES_MAX];
    size_t count = 0;
    struct error error;
    struct dbconn *home = work->conns[work->order.home];
    if (home != NULL && !ddl_journal_read(home, entries, ENTRIES_MAX, &count, &error)) {
        schema_work_say(work, "(waybill.ddl)");
        schema_work_say(work, "%s", work->order.shards[work->order.home].name);
        schema_work_say(work, "can't be read: %s", error.text);
    }
    for (size_t i = 0; i < count; i++) {
        const struct ddl_note *note = entries[i].note;
        for (uint16_t shard = 0; shard < note->shard_count; shard++) {
            const struct ddl_shard *at = &note->shards[shard];
            size_t len =
                note->statement.len < STATEMENT_SHOWN ? note->statement.len : STATEMENT_SHOWN;
            schema_work_say(work, "(DDL %llu)", (unsigned long long)note->id);
            schema_work_say(work, "%s", at->name);
            schema_work_say(work, "%s%s%s: %.*s", ddl_state_name(at->state),
                            at->problem[0] != '\0' ? ", " : "", at->problem, (int)len,
                            (const char *)note->statement.ptr);
        }
    }
    ddl_entries_free(entries, count);
}

// ---- all

static void connect_all(struct schema_work *work)
{
    for (uint16_t i = 0; i < work->order.shard_count; i++) {
        struct error error = {0};
        struct dbconn *conn = schema_work_conn(work, i, &error);
        bool is_fine = conn != NULL && dbconn_run(conn, &error,
                                                  "SET SESSION sql_mode = '', "
                                                  "sql_quote_show_create = 1");
        if (!is_fine) {
            schema_work_say(work, "(all)");
            schema_work_say(work, "%s", work->order.shards[i].name);
            schema_work_say(work, "can't be asked: %s", error.text);
            dbconn_close(conn);
            work->conns[i] = NULL;
        }
    }
}

void schema_diff_run(struct schema_work *work)
{
    work->report->columns = COLUMNS;
    connect_all(work);
    for (size_t i = 0; i < work->order.table_count; i++) {
        if (schema_table_is_meant(&work->order, &work->order.tables[i])) {
            look_at_table(work, &work->order.tables[i]);
        }
    }
    say_open(work);
}
