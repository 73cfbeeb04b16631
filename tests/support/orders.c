// orders: real order traffic from many concurrent clients, and the account of what was
// acknowledged.
//
//     orders fill   users, products and stock
//     orders place  orders: BEGIN, order, items, payment, COMMIT; then the stock; and reads between
//     them orders verify every order of a ledger is there, whole, by order id and by buyer
//
// An order counts as acknowledged when its COMMIT was answered with OK; only then is it written to
// the ledger, as `order_id buyer_id items total_cents`. Errors that tell the application to try
// again are tried again; a COMMIT whose outcome is not known is neither counted nor repeated. All
// SQL is what an application would send to one server.

#include <errno.h>
#include <inttypes.h>
#include <mysql.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    CLIENTS_MAX = 256,
    PRODUCTS = 100,
    SHARDS_MAX = 64,
    RECONNECT_US = 20000,
    ROWS_AT_ONCE = 200
};

struct plan {
    const char *host, *user, *password, *schema, *ledger_path;
    unsigned port;
    int clients;
    int shards;
    long users;
    long orders;  // acknowledged in all; 0: until `seconds` are over
    long seconds; // 0: until `orders` are acknowledged
    int reads;    // SELECTs for each order
};

struct client {
    const struct plan *plan;
    int number;
    pthread_t thread;
    MYSQL *connection;
    uint64_t random;
    long acknowledged, tries, read_count, errors, unknown;
    char last_error[256];
    FILE *ledger;
};

static _Atomic long acknowledged_total;
static _Atomic long first_missing;
static _Atomic uint64_t last_ack_us[SHARDS_MAX], longest_gap_us[SHARDS_MAX], acked[SHARDS_MAX];
static uint64_t end_us;

static uint64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static uint64_t next_random(struct client *client)
{
    client->random ^= client->random << 13;
    client->random ^= client->random >> 7;
    client->random ^= client->random << 17;
    return client->random;
}

static long random_below(struct client *client, long limit)
{
    return (long)(next_random(client) % (uint64_t)limit);
}

static bool connect_client(struct client *client)
{
    const struct plan *plan = client->plan;
    unsigned timeout_s = 30;
    if (client->connection != NULL) {
        mysql_close(client->connection);
    }
    client->connection = mysql_init(NULL);
    mysql_options(client->connection, MYSQL_OPT_CONNECT_TIMEOUT, &timeout_s);
    mysql_options(client->connection, MYSQL_OPT_READ_TIMEOUT, &timeout_s);
    if (mysql_real_connect(client->connection, plan->host, plan->user, plan->password, plan->schema,
                           plan->port, NULL, 0) != NULL) {
        return true;
    }
    snprintf(client->last_error, sizeof(client->last_error), "connect: %u %s",
             mysql_errno(client->connection), mysql_error(client->connection));
    client->errors++;
    return false;
}

__attribute__((format(printf, 2, 3))) static bool run(struct client *client, const char *format,
                                                      ...)
{
    char sql[65536];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(sql, sizeof(sql), format, args);
    va_end(args);
    if (mysql_real_query(client->connection, sql, (unsigned long)len) == 0) {
        MYSQL_RES *result = mysql_store_result(client->connection);
        if (result != NULL) {
            mysql_free_result(result);
        }
        return true;
    }
    snprintf(client->last_error, sizeof(client->last_error), "%u %.100s: %.60s",
             mysql_errno(client->connection), mysql_error(client->connection), sql);
    client->errors++;
    return false;
}

// The first column of the first row as a number; -1 when there is none.
__attribute__((format(printf, 2, 3))) static long long ask(struct client *client,
                                                           const char *format, ...)
{
    char sql[1024];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(sql, sizeof(sql), format, args);
    va_end(args);
    long long value = -1;
    if (mysql_real_query(client->connection, sql, (unsigned long)len) != 0) {
        snprintf(client->last_error, sizeof(client->last_error), "%u %.200s",
                 mysql_errno(client->connection), mysql_error(client->connection));
        return -2;
    }
    MYSQL_RES *result = mysql_store_result(client->connection);
    if (result != NULL) {
        MYSQL_ROW row = mysql_fetch_row(result);
        if (row != NULL && row[0] != NULL) {
            value = atoll(row[0]);
        }
        mysql_free_result(result);
    }
    return value;
}

// ---- placing orders

static void note_acknowledged(struct client *client, uint64_t order_id, long buyer, int items,
                              long cents)
{
    int shard = (int)(((order_id >> 10) & 0xfff) * (unsigned)client->plan->shards / 4096);
    uint64_t now = now_us();
    uint64_t before = atomic_exchange(&last_ack_us[shard], now);
    uint64_t longest = atomic_load(&longest_gap_us[shard]);
    while (before != 0 && now > before && now - before > longest &&
           !atomic_compare_exchange_weak(&longest_gap_us[shard], &longest, now - before)) {
    }
    atomic_fetch_add(&acked[shard], 1);
    atomic_fetch_add(&acknowledged_total, 1);
    client->acknowledged++;
    if (client->ledger != NULL) {
        fprintf(client->ledger, "%" PRIu64 " %ld %d %ld\n", order_id, buyer, items, cents);
    }
}

static bool write_order(struct client *client, long buyer, uint64_t *order_id, int *items,
                        long *cents)
{
    *items = 1 + (int)random_below(client, 3);
    *cents = 0;
    if (!run(client, "BEGIN") || !run(client,
                                      "INSERT INTO orders (buyer_id, seller_id, status, total, "
                                      "created_at) VALUES (%ld, %ld, 'new', 0, NOW(6))",
                                      buyer, 1 + random_below(client, 50))) {
        return false;
    }
    *order_id = mysql_insert_id(client->connection);
    for (int item = 1; item <= *items; item++) {
        long price = 100 + random_below(client, 10000);
        *cents += price;
        if (!run(client,
                 "INSERT INTO order_items (order_id, item_no, product_id, quantity, price) VALUES "
                 "(%" PRIu64 ", %d, %ld, 1, %ld.%02ld)",
                 *order_id, item, 1 + random_below(client, PRODUCTS), price / 100, price % 100)) {
            return false;
        }
    }
    return run(client,
               "INSERT INTO payments (order_id, payment_no, amount, method) VALUES (%" PRIu64
               ", 1, %ld.%02ld, 'card')",
               *order_id, *cents / 100, *cents % 100) &&
           run(client,
               "UPDATE orders SET total = %ld.%02ld, status = 'paid' WHERE order_id = %" PRIu64,
               *cents / 100, *cents % 100, *order_id);
}

static void recover(struct client *client)
{
    unsigned code = mysql_errno(client->connection);
    if (code < 2000 || code >= 3000) {
        if (mysql_query(client->connection, "ROLLBACK") == 0) {
            usleep(1000);
            return;
        }
    }
    while (!connect_client(client) && now_us() < end_us) {
        usleep(RECONNECT_US);
    }
}

static void place_order(struct client *client)
{
    long buyer = 1 + random_below(client, client->plan->users);
    uint64_t order_id;
    int items;
    long cents;
    client->tries++;
    if (!write_order(client, buyer, &order_id, &items, &cents)) {
        recover(client);
        return;
    }
    if (!run(client, "COMMIT")) {
        client->unknown++;
        recover(client);
        return;
    }
    note_acknowledged(client, order_id, buyer, items, cents);
    for (int i = 0; i < client->plan->reads; i++) {
        client->read_count++;
        if (!run(client,
                 "SELECT order_id, status, total FROM orders WHERE buyer_id = %ld ORDER BY "
                 "created_at DESC LIMIT 10",
                 1 + random_below(client, client->plan->users))) {
            recover(client);
            return;
        }
    }
    if (client->acknowledged % 10 == 0 &&
        !run(client, "UPDATE inventory SET stock = stock - 1 WHERE product_id = %ld",
             1 + random_below(client, PRODUCTS))) {
        recover(client);
    }
}

static bool is_over(const struct plan *plan)
{
    return (plan->orders > 0 && atomic_load(&acknowledged_total) >= plan->orders) ||
           now_us() >= end_us;
}

static void *place_thread(void *argument)
{
    struct client *client = argument;
    mysql_thread_init();
    while (client->connection == NULL || mysql_ping(client->connection) != 0) {
        if (now_us() >= end_us) {
            return NULL;
        }
        if (!connect_client(client)) {
            usleep(RECONNECT_US);
        }
    }
    while (!is_over(client->plan)) {
        place_order(client);
    }
    mysql_close(client->connection);
    mysql_thread_end();
    return NULL;
}

static void show_progress(const struct plan *plan)
{
    uint64_t start = now_us();
    while (!is_over(plan)) {
        usleep(200000);
        if (isatty(2)) {
            fprintf(stderr, "\r  %ld orders, %.0f s ", atomic_load(&acknowledged_total),
                    (double)(now_us() - start) / 1e6);
        }
    }
    if (isatty(2)) {
        fprintf(stderr, "\r%40s\r", "");
    }
}

static int place(const struct plan *plan)
{
    static struct client clients[CLIENTS_MAX];
    FILE *ledger = plan->ledger_path != NULL ? fopen(plan->ledger_path, "a") : NULL;
    uint64_t start = now_us();
    end_us = start + (plan->seconds > 0 ? (uint64_t)plan->seconds : 600) * 1000000;
    for (int i = 0; i < plan->clients; i++) {
        clients[i] = (struct client){.plan = plan,
                                     .number = i,
                                     .random = 88172645463325252ull + (uint64_t)i * 7919 + start,
                                     .ledger = ledger};
        pthread_create(&clients[i].thread, NULL, place_thread, &clients[i]);
    }
    show_progress(plan);
    struct client sum = {0};
    for (int i = 0; i < plan->clients; i++) {
        pthread_join(clients[i].thread, NULL);
        sum.acknowledged += clients[i].acknowledged;
        sum.tries += clients[i].tries;
        sum.read_count += clients[i].read_count;
        sum.errors += clients[i].errors;
        sum.unknown += clients[i].unknown;
        if (clients[i].last_error[0] != '\0') {
            snprintf(sum.last_error, sizeof(sum.last_error), "%s", clients[i].last_error);
        }
    }
    if (ledger != NULL) {
        fclose(ledger);
    }
    double seconds = (double)(now_us() - start) / 1e6;
    printf("acknowledged=%ld\ntries=%ld\nreads=%ld\nerrors=%ld\nunknown=%ld\nseconds=%.1f\n",
           sum.acknowledged, sum.tries, sum.read_count, sum.errors, sum.unknown, seconds);
    for (int i = 0; i < plan->shards; i++) {
        printf("shard_%d_orders=%" PRIu64 "\nshard_%d_longest_pause_ms=%.0f\n", i + 1,
               atomic_load(&acked[i]), i + 1, (double)atomic_load(&longest_gap_us[i]) / 1e3);
    }
    printf("last_error='%s'\n", sum.last_error);
    return plan->orders > 0 && sum.acknowledged < plan->orders ? 1 : 0;
}

// ---- filling and verifying

static int fill(const struct plan *plan)
{
    struct client client = {.plan = plan, .random = 1};
    char sql[65536];
    if (!connect_client(&client)) {
        fprintf(stderr, "orders: %s\n", client.last_error);
        return 1;
    }
    for (int i = 1; i <= PRODUCTS; i++) {
        if (!run(&client, "INSERT INTO products VALUES (%d, 'product %d', %d.%02d)", i, i, i,
                 i % 100) ||
            !run(&client, "INSERT INTO inventory VALUES (%d, 1000000)", i)) {
            fprintf(stderr, "orders: %s\n", client.last_error);
            return 1;
        }
    }
    for (long user = 1; user <= plan->users;) {
        size_t len = (size_t)snprintf(
            sql, sizeof(sql), "INSERT INTO users (buyer_id, name, email, created_at) VALUES ");
        for (int i = 0; i < ROWS_AT_ONCE && user <= plan->users; i++, user++) {
            len += (size_t)snprintf(sql + len, sizeof(sql) - len,
                                    "%s(%ld, 'buyer %ld', 'b%ld@example.com', NOW(6))",
                                    i > 0 ? "," : "", user, user, user);
        }
        if (!run(&client, "%s", sql)) {
            fprintf(stderr, "orders: %s\n", client.last_error);
            return 1;
        }
    }
    mysql_close(client.connection);
    printf("users=%ld\nproducts=%d\n", plan->users, PRODUCTS);
    return 0;
}

static bool check_line(struct client *client, const char *line)
{
    uint64_t order_id;
    long buyer, cents;
    int items;
    if (sscanf(line, "%" SCNu64 " %ld %d %ld", &order_id, &buyer, &items, &cents) != 4) {
        return false;
    }
    long long paid =
        ask(client, "SELECT ROUND(amount * 100) FROM payments WHERE order_id = %" PRIu64, order_id);
    long long rows =
        ask(client, "SELECT COUNT(*) FROM order_items WHERE order_id = %" PRIu64, order_id);
    long long total =
        ask(client,
            "SELECT ROUND(total * 100) FROM orders WHERE buyer_id = %ld AND order_id = %" PRIu64,
            buyer, order_id);
    if (paid == cents && total == cents && rows == items) {
        return true;
    }
    if (atomic_fetch_add(&first_missing, 1) < 5) {
        fprintf(stderr,
                "orders: order %" PRIu64
                " of buyer %ld: total %lld and payment %lld of %ld, %lld of %d items %s\n",
                order_id, buyer, total, paid, cents, rows, items, client->last_error);
    }
    return false;
}

static void *verify_thread(void *argument)
{
    struct client *client = argument;
    char line[128];
    FILE *ledger = fopen(client->plan->ledger_path, "r");
    mysql_thread_init();
    if (ledger == NULL || !connect_client(client)) {
        snprintf(client->last_error, sizeof(client->last_error), "cannot begin");
        client->errors++;
        return NULL;
    }
    for (long number = 0; fgets(line, sizeof(line), ledger) != NULL; number++) {
        if (number % client->plan->clients == client->number) {
            client->tries++;
            client->acknowledged += check_line(client, line);
        }
    }
    fclose(ledger);
    mysql_close(client->connection);
    mysql_thread_end();
    return NULL;
}

static int verify(const struct plan *plan)
{
    static struct client clients[CLIENTS_MAX];
    long found = 0, tried = 0, errors = 0;
    for (int i = 0; i < plan->clients; i++) {
        clients[i] = (struct client){.plan = plan, .number = i};
        pthread_create(&clients[i].thread, NULL, verify_thread, &clients[i]);
    }
    for (int i = 0; i < plan->clients; i++) {
        pthread_join(clients[i].thread, NULL);
        found += clients[i].acknowledged;
        tried += clients[i].tries;
        errors += clients[i].errors;
    }
    printf("checked=%ld\nfound=%ld\nmissing=%ld\n", tried, found, tried - found);
    return tried == found && errors == 0 ? 0 : 1;
}

// ---- the command line

static bool read_option(struct plan *plan, const char *name, const char *value)
{
    const struct {
        const char *name;
        const char **text;
        long *number;
    } rows[] = {
        {"--host", &plan->host, NULL},          {"--user", &plan->user, NULL},
        {"--password", &plan->password, NULL},  {"--schema", &plan->schema, NULL},
        {"--ledger", &plan->ledger_path, NULL}, {"--users", NULL, &plan->users},
        {"--orders", NULL, &plan->orders},      {"--seconds", NULL, &plan->seconds},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (strcmp(rows[i].name, name) == 0) {
            if (rows[i].text != NULL) {
                *rows[i].text = value;
            } else {
                *rows[i].number = atol(value);
            }
            return true;
        }
    }
    int number = atoi(value);
    if (strcmp(name, "--port") == 0) {
        plan->port = (unsigned)number;
    } else if (strcmp(name, "--clients") == 0 && number > 0 && number <= CLIENTS_MAX) {
        plan->clients = number;
    } else if (strcmp(name, "--shards") == 0 && number > 0 && number <= SHARDS_MAX) {
        plan->shards = number;
    } else if (strcmp(name, "--reads") == 0) {
        plan->reads = number;
    } else {
        return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    struct plan plan = {.host = "127.0.0.1",
                        .user = "app",
                        .password = "app_pw",
                        .schema = "shop",
                        .port = 6033,
                        .clients = 16,
                        .shards = 2,
                        .users = 2000,
                        .reads = 1};
    for (int i = 2; i < argc; i += 2) {
        if (i + 1 >= argc || !read_option(&plan, argv[i], argv[i + 1])) {
            fprintf(stderr, "orders: bad option %s\n", argv[i]);
            return 2;
        }
    }
    mysql_library_init(0, NULL, NULL);
    if (argc > 1 && strcmp(argv[1], "fill") == 0) {
        return fill(&plan);
    }
    if (argc > 1 && strcmp(argv[1], "place") == 0) {
        return place(&plan);
    }
    if (argc > 1 && strcmp(argv[1], "verify") == 0 && plan.ledger_path != NULL) {
        return verify(&plan);
    }
    fprintf(stderr, "usage: orders fill|place|verify [--host H --port P --user U --password P "
                    "--schema S --clients N --shards N\n"
                    "       --users N --orders N --seconds N --reads N --ledger FILE]\n");
    return 2;
}
