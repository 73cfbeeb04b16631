#include "replication/probe_followers.h"

#include <stdio.h>
#include <string.h>

#include "replication/schema.h"

enum { ENTRY_BYTES = 120 };

bool probe_is_mark(const char *init_slave)
{
    return strcmp(init_slave, STOPPED_MARK) == 0 ||
           strncmp(init_slave, HAD_MARK_BEGIN, strlen(HAD_MARK_BEGIN)) == 0;
}

bool probe_ask_semi_sync(struct dbconn *conn, struct server_facts *facts, struct error *error)
{
    struct db_rows rows;
    bool is_fine =
        dbconn_query(conn, &rows, error, "SHOW GLOBAL STATUS LIKE 'Rpl_semi_sync%%_status'");
    for (bool is_there = is_fine && rows.count > 0; is_there; is_there = db_rows_next(&rows)) {
        bool is_on = db_rows_is_yes(&rows, "Value");
        const char *name = db_rows_text(&rows, "Variable_name");
        facts->has_semi_sync = true;
        if (strstr(name, "_master_") != NULL || strstr(name, "_source_") != NULL) {
            facts->is_semi_sync_source = is_on;
        } else {
            facts->is_semi_sync_replica = is_on;
        }
    }
    db_rows_done(&rows);
    return is_fine;
}

bool probe_ask_discovered(struct dbconn *conn, const char *shard, struct server_facts *facts,
                          struct error *error)
{
    struct db_rows rows;
    bool is_fine = dbconn_query(
        conn, &rows, error,
        "SELECT GROUP_CONCAT(address) AS discovered FROM waybill.discovered WHERE shard = '%s'",
        shard);
    facts->has_discovered = is_fine || schema_is_missing(error);
    if (is_fine) {
        snprintf(facts->discovered, sizeof facts->discovered, "%s",
                 db_rows_text(&rows, "discovered"));
    }
    db_rows_done(&rows);
    return is_fine || dbconn_failure(conn) != DB_LOST;
}

bool probe_ask_followers(struct dbconn *conn, char *list, size_t list_bytes, struct error *error)
{
    struct db_rows rows;
    size_t len = 0;
    bool is_fine = dbconn_query(conn, &rows, error, "SHOW SLAVE HOSTS");
    list[0] = '\0';
    for (bool is_there = is_fine && rows.count > 0; is_there; is_there = db_rows_next(&rows)) {
        uint64_t id = db_rows_number(&rows, "Server_id");
        char entry[ENTRY_BYTES];
        int more = snprintf(entry, sizeof entry, "%llu=%.60s:%.5s,", (unsigned long long)id,
                            db_rows_text(&rows, "Host"), db_rows_text(&rows, "Port"));
        if (id > 0 && id < DUMP_SERVER_ID && len + (size_t)more < list_bytes) {
            memcpy(list + len, entry, (size_t)more + 1);
            len += (size_t)more;
        }
    }
    db_rows_done(&rows);
    return is_fine || dbconn_failure(conn) != DB_LOST;
}

static bool is_known(uint64_t id, const uint32_t *known, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (known[i] == id) {
            return true;
        }
    }
    return false;
}

void probe_name_strangers(const char *list, const uint32_t *known, size_t known_count, char *text,
                          size_t text_bytes)
{
    size_t len = 0;
    text[0] = '\0';
    for (const char *at = list; *at != '\0' && len < text_bytes;) {
        const char *sign = strchr(at, '='), *end = strchr(at, ',');
        uint64_t id = 0;
        if (sign == NULL || end == NULL || sign > end) {
            return;
        }
        if (slice_to_uint64(slice_of(at, (size_t)(sign - at)), &id) &&
            !is_known(id, known, known_count)) {
            int host_len = sign[1] != ':' ? (int)(end - sign - 1) : 0; // (it reports none)
            int more =
                snprintf(text + len, text_bytes - len, "%sserver_id %llu%s%.*s%s",
                         len > 0 ? ", " : "", (unsigned long long)id, host_len > 0 ? " (" : "",
                         host_len, sign + 1, host_len > 0 ? ")" : "");
            len += more > 0 ? (size_t)more : 0;
        }
        at = end + 1;
    }
}
