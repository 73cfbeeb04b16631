// REPAIR SCHEMA: what is written down as open is looked at on its shards, and decided by the
// definitions as they are now, not by what was noted:
//
//     now as before on all shards, done nowhere     it was done nowhere: closed as failed
//     changed on all, and alike                     it was done: closed as done
//     changed on some, and alike; on the others
//     still as before                               run there, looked at again, closed as done
//     anything else                                 nothing is done: a person decides
//
// DDL that a waybill is running now is left alone. Rows: ddl, shard, statement, outcome.

#include <stdarg.h>
#include <stdio.h>

#include "base/memory.h"
#include "protocol/error_table.h"
#include "replication/ddl_journal.h"
#include "replication/job.h"
#include "replication/schema_work.h"
#include "router/definition.h"

enum {
    COLUMNS = 4,
    ENTRIES_MAX = 100,
    STATEMENT_SHOWN = 200,
    STATEMENT_MS = 60000, // longer, and it goes on without being awaited
    PROBES = 4,           // a waybill that lives has written a heartbeat by then
};

struct repair {
    struct schema_work *work;
    struct dbconn *home;
    struct ddl_entry *entry;
    uint64_t now[SHARDS_MAX];    // as `before`; 0: can't be looked at
    uint16_t places[SHARDS_MAX]; // in the order's shards
};

static void say(const struct repair *repair, const char *shard, const char *format, ...)
    PRINTF_LIKE(3, 4);
static void say(const struct repair *repair, const char *shard, const char *format, ...)
{
    const struct ddl_note *note = repair->entry->note;
    char text[700];
    size_t len = note->statement.len < STATEMENT_SHOWN ? note->statement.len : STATEMENT_SHOWN;
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    schema_work_say(repair->work, "%llu", (unsigned long long)note->id);
    schema_work_say(repair->work, "%s", shard);
    schema_work_say(repair->work, "%.*s", (int)len, (const char *)note->statement.ptr);
    schema_work_say(repair->work, "%s", text);
}

static void ask_person(const struct repair *repair, const char *shard, const char *why)
{
    say(repair, shard,
        "%s: nothing was done. Make the shards alike (SHOW SCHEMA DIFF) with statements that begin "
        "with /* waybill: shard=NAME */, then REPAIR SCHEMA again, or REPAIR SCHEMA FORGET %llu",
        why, (unsigned long long)repair->entry->note->id);
}

// ---- who has begun it

static bool read_beat(struct dbconn *home, uint32_t proxy, uint64_t *run, uint64_t *sent_us)
{
    struct db_rows rows;
    struct error error;
    bool is_fine =
        dbconn_query(home, &rows, &error,
                     "SELECT run, sent_us FROM waybill.heartbeat WHERE proxy = %u", proxy) &&
        rows.count > 0;
    *run = is_fine ? db_rows_number(&rows, "run") : 0;
    *sent_us = is_fine ? db_rows_number(&rows, "sent_us") : 0;
    db_rows_done(&rows);
    return is_fine;
}

static bool is_running(const struct repair *repair)
{
    const struct schema_order *order = &repair->work->order;
    const struct ddl_entry *entry = repair->entry;
    uint64_t run, sent_us, later_us;
    if (entry->proxy == order->proxy && entry->run == order->run) {
        for (size_t i = 0; i < order->running_count; i++) {
            if (order->running[i] == entry->note->id) {
                return true;
            }
        }
        return false;
    }
    for (uint16_t i = 0; i < entry->note->shard_count; i++) {
        if (entry->note->shards[i].state == DDL_BEGUN) {
            bool has_beat = read_beat(repair->home, entry->proxy, &run, &sent_us);
            enum job_news news = job_wait(repair->work->self, PROBES * order->probe_ms, NULL, 0);
            return has_beat && news != JOB_STOP && run == entry->run &&
                   read_beat(repair->home, entry->proxy, &run, &later_us) && later_us != sent_us;
        }
    }
    return false; // what came of it is noted: nobody works on it
}

// ---- as it is now

static bool run_parts(struct dbconn *conn, const struct ddl_note *note, struct error *error)
{
    struct text use;
    text_init(&use);
    text_add_string(&use, "USE `");
    for (size_t i = 0; i < note->database.len; i++) {
        text_add_string(&use, note->database.ptr[i] == '`' ? "`" : "");
        text_add(&use, &note->database.ptr[i], 1);
    }
    text_add_string(&use, "`");
    text_add(&use, "", 1);
    bool is_fine =
        (note->charset.len == 0 || dbconn_run(conn, error, "SET NAMES %.*s", (int)note->charset.len,
                                              (const char *)note->charset.ptr)) &&
        (note->settings.len == 0 || dbconn_run(conn, error, "%.*s", (int)note->settings.len,
                                               (const char *)note->settings.ptr));
    if (is_fine && note->database.len > 0 &&
        !dbconn_run(conn, error, "%s", (const char *)use.ptr)) {
        is_fine = schema_work_is_absent(error); // DROP DATABASE has taken it
    }
    text_done(&use);
    return is_fine;
}

// 0 with *error: it can't be told.
static uint64_t hash_now(struct dbconn *conn, const struct ddl_note *note, struct error *error)
{
    uint64_t hash = 0;
    size_t at = 0;
    while (at < note->checks.len) {
        const uint8_t *end = memchr(note->checks.ptr + at, '\n', note->checks.len - at);
        size_t len = end != NULL ? (size_t)(end - (note->checks.ptr + at)) : note->checks.len - at;
        char *question = memory_copy_string(slice_of(note->checks.ptr + at, len));
        struct text create;
        text_init(&create);
        bool is_there = schema_work_definition(conn, question, &create, error);
        bool is_known = is_there || schema_work_is_absent(error);
        uint64_t next = is_there ? definition_hash(slice_of_string((const char *)create.ptr)) : 0;
        text_done(&create);
        memory_free(question);
        if (!is_known) {
            return 0;
        }
        hash = definition_hash_join(hash, next);
        at += len + 1;
    }
    return hash;
}

static struct dbconn *session_on(const struct repair *repair, uint16_t i, struct error *error)
{
    struct schema_work *work = repair->work;
    const struct ddl_note *note = repair->entry->note;
    struct schema_shard to = work->order.shards[repair->places[i]];
    enum db_failure failure;
    if (!to.has_primary) {
        error_fill(error, ER_SHARD_UNAVAILABLE, "it has no primary now");
        return NULL;
    }
    to.endpoint.answer_ms = STATEMENT_MS;
    struct dbconn *conn = dbconn_open(&to.endpoint, error, &failure);
    if (conn != NULL && !run_parts(conn, note, error)) {
        dbconn_close(conn);
        conn = NULL;
    }
    return conn;
}

static bool find_places(struct repair *repair)
{
    const struct schema_order *order = &repair->work->order;
    const struct ddl_note *note = repair->entry->note;
    for (uint16_t i = 0; i < note->shard_count; i++) {
        uint16_t place = 0;
        while (place < order->shard_count &&
               strcmp(order->shards[place].name, note->shards[i].name) != 0) {
            place++;
        }
        if (place == order->shard_count) {
            ask_person(repair, note->shards[i].name, "the configuration has no such shard");
            return false;
        }
        repair->places[i] = place;
    }
    return true;
}

static bool look(struct repair *repair)
{
    const struct ddl_note *note = repair->entry->note;
    for (uint16_t i = 0; i < note->shard_count; i++) {
        struct error error = {0};
        struct dbconn *conn = session_on(repair, i, &error);
        repair->now[i] = conn != NULL ? hash_now(conn, note, &error) : 0;
        dbconn_close(conn);
        if (repair->now[i] == 0) {
            say(repair, note->shards[i].name, "can't be looked at: %s", error.text);
            return false;
        }
    }
    return true;
}

// ---- finishing

static void close_as(const struct repair *repair, const char *state, const char *outcome)
{
    struct error error;
    if (ddl_journal_close(repair->home, repair->entry->note->id, state, &error)) {
        say(repair, "", "%s", outcome);
    } else {
        say(repair, "", "%s, and this could not be written down: %s", outcome, error.text);
    }
}

// True: the shard is now as `after`.
static bool finish_on(struct repair *repair, uint16_t i, uint64_t after)
{
    const struct ddl_note *note = repair->entry->note;
    const char *shard = note->shards[i].name;
    struct error error = {0};
    struct dbconn *conn = session_on(repair, i, &error);
    if (conn == NULL || !dbconn_run(conn, &error, "%.*s", (int)note->statement.len,
                                    (const char *)note->statement.ptr)) {
        bool is_lost = conn != NULL && dbconn_failure(conn) == DB_LOST;
        say(repair, shard, "%s: %s",
            is_lost ? "was run, and its answer is not known: REPAIR SCHEMA again later"
                    : "could not be done",
            error.text);
        dbconn_close(conn);
        return false;
    }
    uint64_t now = hash_now(conn, note, &error);
    dbconn_close(conn);
    if (now != after) {
        ask_person(repair, shard, "was run, but the definition is not that of the other shards");
        return false;
    }
    say(repair, shard, "done");
    return true;
}

static void decide(struct repair *repair)
{
    const struct ddl_note *note = repair->entry->note;
    uint64_t after = 0;
    uint16_t changed = 0, noted_done = 0;
    for (uint16_t i = 0; i < note->shard_count; i++) {
        bool has_changed = repair->now[i] != note->shards[i].before;
        noted_done = (uint16_t)(noted_done + (note->shards[i].state == DDL_DONE));
        changed = (uint16_t)(changed + has_changed);
        if (has_changed && after != 0 && repair->now[i] != after) {
            ask_person(repair, note->shards[i].name,
                       "the definition is neither the one before nor that of the other shards");
            return;
        }
        after = has_changed ? repair->now[i] : after;
    }
    if (changed == 0 && noted_done == 0) {
        close_as(repair, "failed", "it was done nowhere: given up");
    } else if (changed == 0) {
        ask_person(repair, "",
                   "it was done, and the definitions are as before: it was undone, or "
                   "changes no definition");
    } else {
        bool is_done = true;
        for (uint16_t i = 0; i < note->shard_count; i++) {
            if (repair->now[i] == note->shards[i].before) {
                is_done = finish_on(repair, i, after) && is_done;
            }
        }
        if (is_done) {
            close_as(repair, "done", "is done on all shards");
        }
    }
}

static bool has_befores(const struct ddl_note *note)
{
    for (uint16_t i = 0; i < note->shard_count; i++) {
        if (note->shards[i].before == 0) {
            return false;
        }
    }
    return note->checks.len > 0;
}

static void repair_one(struct repair *repair)
{
    const struct ddl_note *note = repair->entry->note;
    if (is_running(repair)) {
        say(repair, "", "is running now, at the waybill with proxy_id = %u", repair->entry->proxy);
    } else if (!note->is_repeatable || !repair->entry->is_whole || !has_befores(note)) {
        ask_person(repair, "", "whether it was done can't be told from definitions");
    } else if (find_places(repair) && look(repair)) {
        decide(repair);
    }
}

static void forget(struct repair *repair)
{
    uint64_t id = 0;
    const struct ddl_note *note = repair->entry->note;
    bool is_meant =
        slice_to_uint64(slice_of_string(repair->work->order.argument), &id) && id == note->id;
    if (is_meant && is_running(repair)) {
        say(repair, "", "is running now");
    } else if (is_meant) {
        close_as(repair, "forgotten", "forgotten");
    }
}

void schema_repair_run(struct schema_work *work)
{
    struct ddl_entry entries[ENTRIES_MAX];
    size_t count = 0;
    struct error *error = &work->report->error;
    work->report->columns = COLUMNS;
    struct repair *repair = memory_new(sizeof *repair);
    repair->work = work;
    repair->home = schema_work_conn(work, work->order.home, error);
    if (repair->home != NULL &&
        ddl_journal_read(repair->home, entries, ENTRIES_MAX, &count, error)) {
        error->code = 0;
    }
    for (size_t i = 0; i < count && error->code == 0 && !job_is_stopping(work->self); i++) {
        repair->entry = &entries[i];
        if (work->order.kind == SCHEMA_FORGET) {
            forget(repair);
        } else {
            repair_one(repair);
        }
    }
    ddl_entries_free(entries, count);
    memory_free(repair);
}
