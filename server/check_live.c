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
    return is_fine;
}
