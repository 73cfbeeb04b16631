#include "server/check_live.h"

#include <stdio.h>

#include "cluster/coordination.h"
#include "replication/durability.h"
#include "replication/etcd.h"
#include "replication/monitor_endpoint.h"
#include "replication/privilege.h"

// What the server can't be relied on for; "" when all is well. False: the connection is gone.
static bool look(struct dbconn *conn, const struct config *config, uint16_t server, char *problem,
                 size_t problem_bytes, struct error *error)
{
    const struct shard_config *shard = &config->shards[config->servers[server].shard];
    struct privileges privileges;
    struct durability settings;
    if (!privilege_look(conn, &privileges, error) || !durability_read(conn, &settings, error)) {
        return false;
    }
    privilege_explain(&privileges, config->servers[server].name, problem, problem_bytes);
    if (problem[0] == '\0' && shard->durability == DURABILITY_SEMI_SYNC &&
        shard->server_count > 1) {
        durability_explain(&settings, problem, problem_bytes);
    }
    return true;
}

static bool check_server(const struct config *config, uint16_t server)
{
    const char *name = config->servers[server].name;
    struct endpoint endpoint;
    struct error error = {.code = 0};
    enum db_failure failure = DB_FINE;
    char problem[sizeof error.text] = "";
    char version[64] = "";
    monitor_fill_endpoint(config, server, &endpoint);
    struct dbconn *conn = dbconn_open(&endpoint, &error, &failure);
    if (conn == NULL || !look(conn, config, server, problem, sizeof problem, &error)) {
        snprintf(problem, sizeof problem, "%s", error.text);
    } else {
        dbconn_print_greeting(conn, version, sizeof version);
    }
    dbconn_close(conn);
    bool is_fine = problem[0] == '\0';
    printf("%s: %s%s\n", name, is_fine ? "fine: " : "", is_fine ? version : problem);
    return is_fine;
}

// What CREATE TABLE has declared (doc/declared.md), as a server of the default shard knows it. No
// schema of waybill's, no right to it: nothing.
static void tell_declared(const struct config *config)
{
    const struct shard_config *home = &config->shards[config->default_shard];
    struct endpoint endpoint;
    struct error error;
    enum db_failure failure;
    struct dbconn *conn = NULL;
    struct db_rows rows = {.count = 0};
    for (uint16_t i = 0; i < home->server_count && conn == NULL; i++) {
        monitor_fill_endpoint(config, home->servers[i], &endpoint);
        conn = dbconn_open(&endpoint, &error, &failure);
    }
    bool has_row = conn != NULL &&
                   dbconn_query(conn, &rows, &error,
                                "SELECT table_schema, table_name FROM waybill.declared_table "
                                "ORDER BY table_schema, table_name") &&
                   rows.count > 0;
    if (has_row) {
        printf("declared tables: %zu (SHOW DECLARED TABLES on the admin port)\n", rows.count);
    }
    for (; has_row; has_row = db_rows_next(&rows)) {
        const char *schema = db_rows_text(&rows, "table_schema");
        const char *name = db_rows_text(&rows, "table_name");
        if (config_find_table(config, slice_of_string(schema), slice_of_string(name)) != NULL) {
            printf("%s.%s: declared, and in this file, which counts\n", schema, name);
        }
    }
    db_rows_done(&rows);
    dbconn_close(conn);
}

static bool check_etcd(const struct config *config)
{
    const struct settings *settings = &config->settings;
    const struct etcd_place place = {.members = coordination_etcd(settings->coordination),
                                     .is_tls = coordination_is_tls(settings->coordination),
                                     .ca = settings->coordination_ca,
                                     .cert = settings->coordination_cert,
                                     .key = settings->coordination_key};
    char why[200] = "";
    bool is_fine = place.members == NULL || etcd_is_there(&place, why, sizeof why);
    if (place.members != NULL) {
        printf("etcd: %s\n", is_fine ? "fine" : why);
    }
    return is_fine;
}

bool check_live(const struct config *config)
{
    dbconn_start_library();
    etcd_start_library();
    bool is_fine = check_etcd(config);
    for (uint16_t i = 0; i < config->server_count; i++) {
        is_fine = check_server(config, i) && is_fine;
    }
    tell_declared(config);
    return is_fine;
}
