// One transaction for the beginning, so that an entry has all its shards or isn't there; one for
// the end. What stands in between is open.

#include "replication/ddl_journal.h"

#include <stdio.h>

#include "replication/schema.h"
#include "router/sql_literal.h"

static bool run_text(struct dbconn *conn, struct text *sql, struct error *error)
{
    text_add(sql, "", 1);
    bool is_fine = dbconn_run(conn, error, "%s", (const char *)sql->ptr);
    sql->len = 0;
    return is_fine;
}

// ---- beginning

static bool insert_entry(struct dbconn *conn, const struct ddl_note *note, uint32_t proxy,
                         uint64_t run, struct error *error)
{
    const struct text *const parts[] = {&note->user,     &note->database,  &note->charset,
                                        &note->settings, &note->statement, &note->checks};
    struct text sql;
    text_init(&sql);
    text_add_format(&sql,
                    "INSERT INTO waybill.ddl (id, state, proxy, run, user_name, database_name, "
                    "charset, settings, statement, checks, is_repeatable, begun_at) VALUES "
                    "(%llu, 'open', %u, %llu",
                    (unsigned long long)note->id, proxy, (unsigned long long)run);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        text_add_string(&sql, ", ");
        sql_add_hex(&sql, text_slice(parts[i]));
    }
    text_add_format(&sql, ", %u, UTC_TIMESTAMP(3))", note->is_repeatable);
    bool is_fine = run_text(conn, &sql, error);
    text_done(&sql);
    return is_fine;
}

static bool insert_shards(struct dbconn *conn, const struct ddl_note *note, struct error *error)
{
    struct text sql;
    text_init(&sql);
    for (uint16_t i = 0; i < note->shard_count; i++) {
        text_add_string(&sql, i == 0 ? "INSERT INTO waybill.ddl_shard (ddl, shard, before_hash, "
                                       "state, problem, changed_at) VALUES "
                                     : ", ");
        text_add_format(&sql, "(%llu, '%s', %llu, 'begun', '', UTC_TIMESTAMP(3))",
                        (unsigned long long)note->id, note->shards[i].name,
                        (unsigned long long)note->shards[i].before);
    }
    bool is_fine = run_text(conn, &sql, error);
    text_done(&sql);
    return is_fine;
}

static bool begin(struct dbconn *conn, const struct ddl_note *note, uint32_t proxy, uint64_t run,
                  struct error *error)
{
    return dbconn_run(conn, error, "START TRANSACTION") &&
           insert_entry(conn, note, proxy, run, error) && insert_shards(conn, note, error) &&
           dbconn_run(conn, error, "COMMIT");
}

bool ddl_journal_begin(struct dbconn *conn, const struct ddl_note *note, uint32_t proxy,
                       uint64_t run, struct error *error)
{
    return begin(conn, note, proxy, run, error) ||
           (schema_is_missing(error) && schema_create(conn, error) &&
            begin(conn, note, proxy, run, error));
}

// ---- ending

static bool update_shard(struct dbconn *conn, uint64_t id, const struct ddl_shard *shard,
                         struct error *error)
{
    struct text sql;
    text_init(&sql);
    text_add_format(&sql, "UPDATE waybill.ddl_shard SET state = '%s', problem = ",
                    ddl_state_name(shard->state));
    sql_add_hex(&sql, slice_of_string(shard->problem));
    text_add_format(&sql, ", changed_at = UTC_TIMESTAMP(3) WHERE ddl = %llu AND shard = '%s'",
                    (unsigned long long)id, shard->name);
    bool is_fine = run_text(conn, &sql, error);
    text_done(&sql);
    return is_fine;
}

static bool are_all(const struct ddl_note *note, enum ddl_state state)
{
    for (uint16_t i = 0; i < note->shard_count; i++) {
        if (note->shards[i].state != state) {
            return false;
        }
    }
    return true;
}

bool ddl_journal_close(struct dbconn *conn, uint64_t id, const char *state, struct error *error)
{
    return dbconn_run(conn, error, "UPDATE waybill.ddl SET state = '%s' WHERE id = %llu", state,
                      (unsigned long long)id);
}

bool ddl_journal_end(struct dbconn *conn, const struct ddl_note *note, bool *is_open,
                     struct error *error)
{
    bool is_done = note->shard_count > 0 && are_all(note, DDL_DONE);
    bool is_failed = !is_done && are_all(note, DDL_FAILED);
    bool is_fine = dbconn_run(conn, error, "START TRANSACTION");
    for (uint16_t i = 0; i < note->shard_count && is_fine; i++) {
        is_fine = update_shard(conn, note->id, &note->shards[i], error);
    }
    *is_open = !is_done && !is_failed;
    if (is_fine && !*is_open) {
        is_fine = ddl_journal_close(conn, note->id, is_done ? "done" : "failed", error);
    }
    return is_fine && dbconn_run(conn, error, "COMMIT");
}

// ---- reading

static enum ddl_state state_of(const char *name)
{
    for (int i = DDL_BEGUN; i < DDL_UNKNOWN; i++) {
        if (strcmp(name, ddl_state_name((enum ddl_state)i)) == 0) {
            return (enum ddl_state)i;
        }
    }
    return DDL_UNKNOWN;
}

static void read_entry(const struct db_rows *rows, struct ddl_entry *entry)
{
    struct ddl_note *note = ddl_note_new();
    *entry = (struct ddl_entry){.note = note,
                                .proxy = (uint32_t)db_rows_number(rows, "proxy"),
                                .run = db_rows_number(rows, "run")};
    note->id = db_rows_number(rows, "id");
    note->is_repeatable = db_rows_is_yes(rows, "is_repeatable");
    text_add_string(&note->user, db_rows_text(rows, "user_name"));
    text_add_string(&note->database, db_rows_text(rows, "database_name"));
    text_add_string(&note->charset, db_rows_text(rows, "charset"));
    text_add_string(&note->settings, db_rows_text(rows, "settings"));
    text_add_string(&note->statement, db_rows_text(rows, "statement"));
    text_add_string(&note->checks, db_rows_text(rows, "checks"));
    // A NUL in it ends it here.
    entry->is_whole = note->statement.len == db_rows_number(rows, "statement_bytes") &&
                      note->settings.len == db_rows_number(rows, "settings_bytes");
}

static bool read_shards(struct dbconn *conn, struct ddl_note *note, struct error *error)
{
    struct db_rows rows;
    bool is_fine = dbconn_query(conn, &rows, error,
                                "SELECT shard, before_hash, state, problem FROM waybill.ddl_shard "
                                "WHERE ddl = %llu ORDER BY shard",
                                (unsigned long long)note->id);
    bool has_row = is_fine && rows.count > 0;
    for (; has_row && note->shard_count < SHARDS_MAX; has_row = db_rows_next(&rows)) {
        struct ddl_shard *shard = &note->shards[note->shard_count++];
        *shard = (struct ddl_shard){.before = db_rows_number(&rows, "before_hash"),
                                    .state = state_of(db_rows_text(&rows, "state"))};
        snprintf(shard->name, sizeof shard->name, "%s", db_rows_text(&rows, "shard"));
        snprintf(shard->problem, sizeof shard->problem, "%s", db_rows_text(&rows, "problem"));
    }
    db_rows_done(&rows);
    return is_fine;
}

bool ddl_journal_read(struct dbconn *conn, struct ddl_entry *entries, size_t max, size_t *count,
                      struct error *error)
{
    struct db_rows rows;
    *count = 0;
    bool is_fine = dbconn_query(
        conn, &rows, error,
        "SELECT id, proxy, run, user_name, database_name, charset, settings, statement, checks, "
        "is_repeatable, LENGTH(statement) AS statement_bytes, LENGTH(settings) AS settings_bytes "
        "FROM waybill.ddl WHERE state = 'open' ORDER BY id LIMIT %zu",
        max);
    bool has_row = is_fine && rows.count > 0;
    for (; has_row && *count < max; has_row = db_rows_next(&rows)) {
        read_entry(&rows, &entries[(*count)++]);
    }
    db_rows_done(&rows);
    if (!is_fine && schema_is_missing(error)) {
        return true; // nothing was ever written down
    }
    for (size_t i = 0; i < *count && is_fine; i++) {
        is_fine = read_shards(conn, entries[i].note, error);
    }
    return is_fine;
}

void ddl_entries_free(struct ddl_entry *entries, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        ddl_note_free(entries[i].note);
    }
}
