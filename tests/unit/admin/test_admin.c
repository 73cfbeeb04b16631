// The admin port and the metrics page as their users see them: a real client library and a plain
// HTTP request, against a control thread that is played here (two workers, a snapshot made by
// hand).

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <sys/un.h>
#include <unistd.h>

#include "admin/admin.h"
#include "base/mailbox.h"
#include "base/memory.h"

enum { WORKERS = 2, HTTP_PORT = 26061 };

struct control { // the one that is played
    struct loop *loop;
    struct mailbox *mailbox;
    struct admin *admin;
    struct snapshot *snapshot;
    struct session_counters *counters[WORKERS];
    pthread_t thread;
    char socket_path[64];
    int reloads;
    bool reload_fails;
    bool is_mute; // reports are not sent until the test says so
    struct timer answer;
    void (*on_reports)(void *asker, struct worker_report **reports, uint16_t count);
    void *asker;
};

// ---- the host

static const struct snapshot *host_current(void *owner)
{
    return ((struct control *)owner)->snapshot;
}

static struct monitor *host_monitor(void *owner)
{
    (void)owner;
    return NULL;
}

static uint16_t host_worker_count(void *owner)
{
    (void)owner;
    return WORKERS;
}

static const struct session_counters *host_counters(void *owner, uint16_t worker)
{
    return ((struct control *)owner)->counters[worker];
}

static struct worker_report *make_report(uint16_t worker)
{
    struct worker_report *report = memory_new(sizeof *report);
    report->worker = worker;
    report->pool_count = 1;
    report->pools = memory_new(sizeof *report->pools);
    report->pools[0] = (struct pool_figures){.server = 1, .account = 0, .idle = 2, .taken = 40};
    report->session_count = worker;
    report->sessions = memory_new(sizeof *report->sessions);
    report->sessions[0].id = 77;
    strcpy(report->sessions[0].transport, "TLSv1.3 zlib");
    strcpy(report->sessions[0].state, "relaying");
    strcpy(report->sessions[0].statement, "SELECT 'x'");
    return report;
}

static void on_answer(struct timer *timer)
{
    struct control *control = CONTAINER_OF(timer, struct control, answer);
    struct worker_report *reports[WORKERS] = {make_report(0), make_report(1)};
    control->on_reports(control->asker, reports, WORKERS);
}

// One question at a time is enough here.
static void host_ask_workers(void *owner,
                             void (*on_reports)(void *, struct worker_report **, uint16_t),
                             void *asker)
{
    struct control *control = owner;
    control->on_reports = on_reports;
    control->asker = asker;
    if (!control->is_mute) {
        timer_start(&control->answer, 1);
    }
}

static bool host_reload(void *owner, struct text *errors)
{
    struct control *control = owner;
    control->reloads++;
    if (control->reload_fails) {
        text_add_string(errors, "w.ini:3: wrong\n");
    }
    return !control->reload_fails;
}

static uint64_t host_started_wall_ms(void *owner)
{
    (void)owner;
    return 1700000000123;
}

// ---- start and stop

static struct config *make_config(const struct control *control)
{
    struct text ini;
    struct text errors;
    text_init(&ini);
    text_init(&errors);
    text_add_format(&ini,
                    "[waybill]\nadmin_listen = %s\nhttp_listen = 127.0.0.1:%d\n"
                    "admin_password = secret\n"
                    "[server a1]\naddress = 127.0.0.1:3301\n[server a2]\naddress = 127.0.0.1:3302\n"
                    "[server a3]\naddress = 127.0.0.1:3303\n[server b1]\naddress = "
                    "127.0.0.1:3311\nzone = east\n"
                    "[shard s1]\nservers = a1, a2, a3\nbuckets = 0-2047\n"
                    "[shard s2]\nservers = b1\nbuckets = 2048-4095\n"
                    "[user app]\npassword = x\ndefault_schema = shop\n"
                    "[table shop.orders]\nkey = buyer_id\nid = order_id\n"
                    "[table shop.items]\nwith = shop.orders\nid = order_id\n"
                    "[table shop.events]\nmethod = date\nkey = day\n"
                    "ranges = ..2023-12:s1, 2024-01..2024-02:s2\n"
                    "[table shop.sites]\nmethod = list\nkey = site\nkey_type = string\n"
                    "lists = CN hk:s1, us:s2\n",
                    control->socket_path, HTTP_PORT);
    struct config *config = config_read_text(text_slice(&ini), "w.ini", NULL, &errors);
    assert_non_null(config);
    text_done(&ini);
    text_done(&errors);
    return config;
}

static void *run_loop(void *owner)
{
    loop_run(((struct control *)owner)->loop);
    return NULL;
}

static void deliver_stop(struct message *message, void *receiver)
{
    loop_stop(((struct control *)receiver)->loop);
    memory_free(message);
}

static int start(void **state)
{
    struct control *control = memory_new(sizeof *control);
    snprintf(control->socket_path, sizeof control->socket_path, "/tmp/waybill-admin-%d", getpid());
    control->snapshot = snapshot_new(make_config(control));
    control->snapshot->shards[0].primary = 0;
    control->snapshot->servers[0].role = ROLE_PRIMARY;
    control->snapshot->servers[0].is_up = true;
    control->snapshot->servers[0].is_waiting = true;
    control->snapshot->servers[1].role = ROLE_REPLICA;
    control->snapshot->servers[2].role = ROLE_DETACHED;
    strcpy(control->snapshot->servers[3].problem, "connection refused");
    for (int i = 0; i < WORKERS; i++) {
        control->counters[i] = memory_new(sizeof *control->counters[i]);
        counter_add(&control->counters[i]->queries, 21);
        counter_add(&control->counters[i]->server_reads[1], 5);
        histogram_add(&control->counters[i]->latency_us, 1000);
    }
    control->loop = loop_new();
    control->mailbox = mailbox_new(control->loop, control);
    timer_init(&control->answer, control->loop, on_answer);
    struct admin_host host = {
        .loop = control->loop,
        .owner = control,
        .current = host_current,
        .monitor = host_monitor,
        .worker_count = host_worker_count,
        .counters = host_counters,
        .ask_workers = host_ask_workers,
        .reload = host_reload,
        .started_wall_ms = host_started_wall_ms,
    };
    struct error error = {0};
    control->admin = admin_start(&host, &error);
    assert_string_equal(error.text, "");
    assert_non_null(control->admin);
    assert_int_equal(pthread_create(&control->thread, NULL, run_loop, control), 0);
    *state = control;
    return 0;
}

static int stop(void **state)
{
    struct control *control = *state;
    struct message *message = memory_new(sizeof *message);
    message->deliver = deliver_stop;
    mailbox_post(control->mailbox, message);
    pthread_join(control->thread, NULL);
    admin_stop(control->admin);
    if (control->is_mute) {
        on_answer(&control->answer); // an answer that comes after the end
    }
    timer_stop(&control->answer);
    mailbox_free(control->mailbox);
    loop_free(control->loop);
    snapshot_free(control->snapshot);
    for (int i = 0; i < WORKERS; i++) {
        memory_free(control->counters[i]);
    }
    unlink(control->socket_path);
    memory_free(control);
    return 0;
}

// ---- the client

struct client {
    struct control *control;
    const char *user, *password, *plugin;
};

static struct client admin_of(struct control *control)
{
    return (struct client){control, "admin", "secret", "mysql_native_password"};
}

// What the plain mysql client prints: fields with a tab between them, errors too. Statements
// separated by ; go over one connection.
static void ask(const struct client *client, const char *sql, struct text *out)
{
    char command[2048];
    snprintf(command, sizeof command,
             "mysql --no-defaults -S %s -u%s -p%s --default-auth=%s -D shop -N -B --raw "
             "2>&1 -e \"%s\"",
             client->control->socket_path, client->user, client->password, client->plugin, sql);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    char bytes[4096];
    size_t got = 0;
    out->len = 0;
    while ((got = fread(bytes, 1, sizeof bytes, pipe)) > 0) {
        text_add(out, bytes, got);
    }
    pclose(pipe);
    for (size_t i = 0; i < out->len; i++) {
        out->ptr[i] = out->ptr[i] == '\t' ? '|' : out->ptr[i];
    }
    text_add(out, "", 1);
}

static void expect_of(const struct client *client, const char *sql, const char *wanted)
{
    struct text out;
    text_init(&out);
    ask(client, sql, &out);
    assert_string_equal((const char *)out.ptr, wanted);
    text_done(&out);
}

static void expect(struct control *control, const char *sql, const char *wanted)
{
    struct client client = admin_of(control);
    expect_of(&client, sql, wanted);
}

static void expect_part_of(const struct client *client, const char *sql, const char *wanted)
{
    struct text out;
    text_init(&out);
    ask(client, sql, &out);
    if (strstr((const char *)out.ptr, wanted) == NULL) {
        fail_msg("%s: no '%s' in:\n%s", sql, wanted, (const char *)out.ptr);
    }
    text_done(&out);
}

static void expect_part(struct control *control, const char *sql, const char *wanted)
{
    struct client client = admin_of(control);
    expect_part_of(&client, sql, wanted);
}

static void logging_in(void **state)
{
    struct client client = admin_of(*state);
    expect_of(&client, "SELECT DATABASE()", "shop\n");
    client.plugin = "caching_sha2_password";
    expect_of(&client, "SELECT DATABASE()", "shop\n");
    client.plugin = "mysql_clear_password"; // asked to switch
    expect_of(&client, "SELECT DATABASE()", "shop\n");
    client.password = "wrong";
    expect_part_of(&client, "SELECT 1", "ERROR 1045 (28000): Access denied: not the admin_user");
    client.plugin = "caching_sha2_password";
    expect_part_of(&client, "SELECT 1", "ERROR 1045 (28000)");
    client = admin_of(*state);
    client.user = "app";
    expect_part_of(&client, "SELECT 1", "ERROR 1045 (28000)");
}

static void what_clients_send_by_themselves(void **state)
{
    struct control *client = *state;
    expect(client, "select @@version_comment limit 1",
           "waybill's admin port: SHOW HELP says what there is\n");
    expect(client, "SET NAMES utf8mb4", "");
    expect(client, "/* ping */ SELECT 1", "1\n");
    expect(client, "SHOW WARNINGS", "");
    expect(client, "USE a; SELECT DATABASE()", "a\n");
}

static void showing_the_cluster(void **state)
{
    struct control *client = *state;
    expect(client, "show  shards;",
           "s1|ok|a1|1|0|2048|0|semi_sync|a1, a2, a3|semi_sync|\n" // a3 is detached
           "s2|no primary||0|0|2048|0||b1|semi_sync|\n");
    expect(client, "SHOW SHARDS LIKE 's2'", "s2|no primary||0|0|2048|0||b1|semi_sync|\n");
    expect_part(client, "SHOW SERVERS", "a1|s1|127.0.0.1:3301|100|200|primary|up|NULL|no|0|0|");
    expect_part(client, "SHOW SERVERS LIKE 'a2'", "|replica|down|NULL|no|10|0|");
    expect_part(client, "SHOW SERVERS LIKE 'b%'", "|connection refused|east|no\n");
    expect(
        client, "SHOW TABLES",
        "shop.events|sharded|date|day|date||no|||..2023-12-31:s1, 2024-01-01..2024-02-29:s2|file\n"
        "shop.items|sharded|bucket||integer|order_id|no||shop.orders|by bucket|file\n"
        "shop.orders|sharded|bucket|buyer_id|integer|order_id|yes|||by bucket|file\n"
        "shop.sites|sharded|list|site|string||no|||cn:s1, hk:s1, us:s2|file\n");
    expect(client, "SHOW BUCKETS", "s1|0|2047|2048\ns2|2048|4095|2048\n");
    expect(client, "SHOW USERS",
           "app||file|ok|app|shop|atomic|replica|0|mysql_native_password, caching_sha2_password, "
           "client_ed25519\n");
    expect_part(client, "SHOW SETTINGS LIKE 'admin_password'", "admin_password|****||no|");
    expect_part(client, "SHOW VERSION", WAYBILL_VERSION "||w.ini|2023-11-14 22:13:20.123|");
    expect(client, "SHOW EVENTS", "");
}

static void asking_the_workers(void **state)
{
    struct control *client = *state;
    expect(client, "SHOW POOLS", "a2|app||4|0|0|0|80|0|0|0|0|0\n");
    expect_part(client, "SHOW SESSIONS", "app|77|1||TLSv1.3 zlib||relaying|");
    expect_part(client, "SHOW SESSIONS", "|SELECT 'x'\n");
    expect_part(client, "SHOW STATUS LIKE 'queries\\_total'", "queries_total||42|");
    expect_part(client, "SHOW STATUS LIKE 'server_reads%'", "|server=\"a2\",shard=\"s1\"|10|");
}

static void mistakes(void **state)
{
    struct control *client = *state;
    expect_part(client, "SHOW NOTHING",
                "ERROR 1064 (42000) at line 1: not known here; SHOW HELP tells all commands, among "
                "them SHOW SHARDS, SHOW SERVERS");
    expect_part(client, "SHOW NOTHING", "SHOW HELP\n");
    expect_part(client, "DROP TABLE x", "tells all commands, among them DROP INDEX\n");
    expect_part(client, "HELLO", "not known here; SHOW HELP tells all commands\n");
    expect_part(
        client, "SHOW SHARDS s1",
        "ERROR 1064 (42000) at line 1: after SHOW SHARDS comes nothing or LIKE 'pattern'\n");
    expect_part(client, "RELOAD now", "ERROR 1064 (42000) at line 1: nothing follows RELOAD\n");
    expect_part(client, "SHOW HELP", "SHOW SHARDS [LIKE 'pattern']|the shards");
}

static void reloading(void **state)
{
    struct control *control = *state;
    struct control *client = control;
    expect(client, "RELOAD", "");
    control->reload_fails = true;
    expect_part(client, "RELOAD",
                "ERROR 1105 (HY000) at line 1: nothing was changed:\nw.ini:3: wrong\n\n");
    assert_int_equal(control->reloads, 2);
}

static void explaining_routes(void **state)
{
    struct control *client = *state;
    expect_part(client, "EXPLAIN ROUTE SELECT * FROM orders WHERE buyer_id = 5", "bucket ");
    expect_part(client, "EXPLAIN ROUTE FOR app SELECT * FROM shop.orders", "\ns2");
    expect_part(client, "EXPLAIN ROUTE FOR nobody SELECT 1",
                "ERROR 1105 (HY000) at line 1: there is no user 'nobody' (SHOW USERS)\n");
    expect_part(client, "EXPLAIN ROUTE",
                "ERROR 1064 (42000) at line 1: a statement follows EXPLAIN ROUTE [FOR user] "
                "[FORMAT=JSON]\n");
}

// ---- the page

static void get(const char *path, struct text *out)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(HTTP_PORT),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    char request[256];
    int len = snprintf(request, sizeof request,
                       "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", path);
    assert_int_equal(write(fd, request, (size_t)len), len);
    out->len = 0;
    char bytes[4096];
    ssize_t got = 0;
    while ((got = read(fd, bytes, sizeof bytes)) > 0) {
        text_add(out, bytes, (size_t)got);
    }
    close(fd);
    text_add(out, "", 1);
}

static void expect_page(const char *path, const char *wanted)
{
    struct text out;
    text_init(&out);
    get(path, &out);
    if (strstr((const char *)out.ptr, wanted) == NULL) {
        fail_msg("%s: no '%s' in:\n%s", path, wanted, (const char *)out.ptr);
    }
    text_done(&out);
}

static void the_metrics_page(void **state)
{
    (void)state;
    expect_page("/metrics", "text/plain; version=0.0.4");
    expect_page("/metrics", "# HELP waybill_queries_total Commands that were routed.\n"
                            "# TYPE waybill_queries_total counter\nwaybill_queries_total 42\n");
    expect_page("/metrics", "waybill_server_up{server=\"a1\",shard=\"s1\"} 1\n");
    expect_page("/metrics", "waybill_pool_idle{server=\"a2\",user=\"app\",kind=\"\"} 4\n");
    expect_page("/metrics", "waybill_query_seconds_count 2\n");
    expect_page("/healthz", "503 Service Unavailable");
    expect_page("/healthz", "shard s2 has no primary\n");
    expect_page("/", "404 Not Found");
}

// A client and a page that wait for reports when all ends.
static void stopping_while_asking(void **state)
{
    struct control *control = *state;
    control->is_mute = true;
    control->asker = NULL;
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(HTTP_PORT),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    static const char request[] = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";
    assert_int_equal(write(fd, request, sizeof request - 1), sizeof request - 1);
    while (control->asker == NULL) {
        usleep(1000);
    }
    assert_int_equal(stop(state), 0);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logging_in),
        cmocka_unit_test(what_clients_send_by_themselves),
        cmocka_unit_test(showing_the_cluster),
        cmocka_unit_test(asking_the_workers),
        cmocka_unit_test(mistakes),
        cmocka_unit_test(reloading),
        cmocka_unit_test(explaining_routes),
        cmocka_unit_test(the_metrics_page),
    };
    const struct CMUnitTest last[] = {
        cmocka_unit_test_setup(stopping_while_asking, start), // and stops it
    };
    return cmocka_run_group_tests(tests, start, stop) + cmocka_run_group_tests(last, NULL, NULL);
}
