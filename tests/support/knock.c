// knock: connects, asks one thing and disconnects, again and again, in several threads.
//
//     knock HOST PORT USER PASSWORD DATABASE THREADS SECONDS [CA_FILE]
//
// With the file of a CA it comes over TLS. Prints the connections a second and their p50 and p99 in
// milliseconds, a line each. The first error ends it.

#include <mysql.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { THREADS_MAX = 256, KNOCKS_MAX = 1 << 20 };

struct knocker {
    char **arguments; // borrowed from main
    uint64_t until_us;
    uint32_t *took_us; // owned; of each connection
    uint32_t count;
    pthread_t thread;
};

static uint64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void knock_once(char **arguments)
{
    MYSQL *mysql = mysql_init(NULL);
    bool has_tls = arguments[8] != NULL;
    if (has_tls) { // without a file the library reads all that the system trusts, each time
        mysql_options(mysql, MYSQL_OPT_SSL_CA, arguments[8]);
    }
    unsigned port = (unsigned)strtoul(arguments[2], NULL, 10);
    if (mysql_real_connect(mysql, arguments[1], arguments[3], arguments[4], arguments[5], port,
                           NULL, 0) == NULL ||
        (mysql_get_ssl_cipher(mysql) != NULL) != has_tls || mysql_query(mysql, "SELECT 1") != 0) {
        fprintf(stderr, "knock: %s\n", mysql_error(mysql));
        exit(1);
    }
    mysql_free_result(mysql_store_result(mysql));
    mysql_close(mysql);
}

static void *knock(void *argument)
{
    struct knocker *knocker = argument;
    uint64_t begin_us = now_us();
    while (begin_us < knocker->until_us && knocker->count < KNOCKS_MAX) {
        knock_once(knocker->arguments);
        uint64_t end_us = now_us();
        knocker->took_us[knocker->count++] = (uint32_t)(end_us - begin_us);
        begin_us = end_us;
    }
    return NULL;
}

static int compare(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    return (a > b) - (a < b);
}

// All threads' figures into the first one's.
static void print_figures(struct knocker *knockers, unsigned threads, double seconds)
{
    size_t count = 0;
    for (unsigned i = 0; i < threads; i++) {
        count += knockers[i].count;
    }
    uint32_t *all = malloc((count + 1) * sizeof *all);
    size_t at = 0;
    for (unsigned i = 0; i < threads; i++) {
        for (uint32_t j = 0; j < knockers[i].count; j++) {
            all[at++] = knockers[i].took_us[j];
        }
    }
    qsort(all, count, sizeof *all, compare);
    printf("%.1f\n%.3f\n%.3f\n", (double)count / seconds, count > 0 ? all[count / 2] / 1e3 : 0,
           count > 0 ? all[count * 99 / 100] / 1e3 : 0);
    free(all);
}

int main(int count, char **arguments)
{
    if (count != 8 && count != 9) {
        fprintf(stderr, "knock HOST PORT USER PASSWORD DATABASE THREADS SECONDS [CA_FILE]\n");
        return 2;
    }
    unsigned threads = (unsigned)strtoul(arguments[6], NULL, 10);
    unsigned seconds = (unsigned)strtoul(arguments[7], NULL, 10);
    if (threads == 0 || threads > THREADS_MAX || mysql_library_init(0, NULL, NULL) != 0) {
        return 2;
    }
    static struct knocker knockers[THREADS_MAX];
    uint64_t began_us = now_us();
    for (unsigned i = 0; i < threads; i++) {
        knockers[i] = (struct knocker){.arguments = arguments,
                                       .until_us = began_us + seconds * UINT64_C(1000000),
                                       .took_us = malloc(KNOCKS_MAX * sizeof(uint32_t))};
        if (knockers[i].took_us == NULL ||
            pthread_create(&knockers[i].thread, NULL, knock, &knockers[i]) != 0) {
            return 2;
        }
    }
    for (unsigned i = 0; i < threads; i++) {
        pthread_join(knockers[i].thread, NULL);
    }
    print_figures(knockers, threads, (double)(now_us() - began_us) / 1e6);
    return 0;
}
