// The library counts its timeouts in whole seconds, and its connect and read are not told apart. So
// whatever may wait is called in its non-blocking way, and waited for here, in milliseconds.

#include "replication/dbconn_impl.h"

#include <errno.h>
#include <poll.h>
#include <time.h>

uint64_t dbconn_clock_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

// Which of the library's events have happened, by the time; MYSQL_WAIT_TIMEOUT: none.
static int wait_until(MYSQL *mysql, int events, uint64_t until_ms)
{
    struct pollfd wait = {.fd = (int)mysql_get_socket(mysql)};
    wait.events = (short)(((events & MYSQL_WAIT_READ) != 0 ? POLLIN : 0) |
                          ((events & MYSQL_WAIT_WRITE) != 0 ? POLLOUT : 0) |
                          ((events & MYSQL_WAIT_EXCEPT) != 0 ? POLLPRI : 0));
    int count = 0;
    do {
        uint64_t now_ms = dbconn_clock_ms();
        count = poll(&wait, 1, until_ms > now_ms ? (int)(until_ms - now_ms) : 0);
    } while (count < 0 && errno == EINTR);
    if (count <= 0) {
        return MYSQL_WAIT_TIMEOUT;
    }
    // (An error wakes whoever waits: the read or write finds it.)
    int all = events & (MYSQL_WAIT_READ | MYSQL_WAIT_WRITE | MYSQL_WAIT_EXCEPT);
    int happened = ((wait.revents & POLLIN) != 0 ? MYSQL_WAIT_READ : 0) |
                   ((wait.revents & POLLOUT) != 0 ? MYSQL_WAIT_WRITE : 0) |
                   ((wait.revents & POLLPRI) != 0 ? MYSQL_WAIT_EXCEPT : 0);
    return (wait.revents & (POLLERR | POLLHUP | POLLNVAL)) != 0 ? all : happened;
}

// Does the server greet a new connection?
static bool is_there(const struct dbconn *conn)
{
    struct error error;
    enum db_failure failure;
    struct endpoint to = *conn->doubt;
    uint32_t left_ms = conn->patience_ms - conn->doubt_ms;
    to.connect_ms = left_ms < to.connect_ms ? left_ms : to.connect_ms;
    struct dbconn *other = dbconn_open(&to, &error, &failure);
    dbconn_close(other);
    return other != NULL || failure == DB_ANSWERED;
}

static int wait_for_answer(struct dbconn *conn, int events)
{
    uint64_t began_ms = dbconn_clock_ms();
    if (conn->doubt != NULL && conn->doubt_ms < conn->answer_ms) {
        int happened = wait_until(conn->mysql, events, began_ms + conn->doubt_ms);
        if (happened != MYSQL_WAIT_TIMEOUT) {
            return happened;
        }
        bool is_silent = !is_there(conn);
        happened = wait_until(conn->mysql, events, 0);
        if (happened != MYSQL_WAIT_TIMEOUT) {
            return happened;
        }
        if (is_silent) {
            conn->silent_us = (dbconn_clock_ms() - began_ms) * 1000;
            return MYSQL_WAIT_TIMEOUT;
        }
    }
    return wait_until(conn->mysql, events, began_ms + conn->answer_ms);
}

MYSQL *dbconn_connect_within(MYSQL *mysql, const struct endpoint *to)
{
    MYSQL *connected = NULL;
    uint64_t until_ms = dbconn_clock_ms() + to->connect_ms;
    int events = mysql_real_connect_start(&connected, mysql, to->host, to->user, to->password, NULL,
                                          to->port, NULL, 0);
    while (events != 0) {
        events = mysql_real_connect_cont(&connected, mysql, wait_until(mysql, events, until_ms));
    }
    return connected;
}

bool dbconn_run_query(struct dbconn *conn, const char *statement, size_t len)
{
    int failed = 0;
    int events = mysql_real_query_start(&failed, conn->mysql, statement, (unsigned long)len);
    while (events != 0) {
        events = mysql_real_query_cont(&failed, conn->mysql, wait_for_answer(conn, events));
    }
    return failed == 0;
}

bool dbconn_send_query(struct dbconn *conn, const char *statement)
{
    int failed = 0;
    int events =
        mysql_send_query_start(&failed, conn->mysql, statement, (unsigned long)strlen(statement));
    while (events != 0) {
        events = mysql_send_query_cont(&failed, conn->mysql, wait_for_answer(conn, events));
    }
    return failed == 0;
}

bool dbconn_read_answer(struct dbconn *conn)
{
    my_bool has_failed = 0;
    int events = mysql_read_query_result_start(&has_failed, conn->mysql);
    while (events != 0) {
        events =
            mysql_read_query_result_cont(&has_failed, conn->mysql, wait_for_answer(conn, events));
    }
    return has_failed == 0;
}

MYSQL_RES *dbconn_store_result(struct dbconn *conn)
{
    MYSQL_RES *result = NULL;
    int events = mysql_store_result_start(&result, conn->mysql);
    while (events != 0) {
        events = mysql_store_result_cont(&result, conn->mysql, wait_for_answer(conn, events));
    }
    return result;
}
