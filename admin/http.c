// libmicrohttpd offers an epoll descriptor for all its sockets: the control thread's loop watches
// it and lets the library run when it is ready, so no state is shared with another thread.
//
//     GET /metrics -> the connection is suspended, the workers are asked for their reports
//     reports      -> the page is made, the connection resumed -> the page is sent
//     GET /healthz -> 200 when every shard has a primary, else 503 and which have none
//
// A question to the workers outlives its page when the daemon stops first.

#include "admin/http.h"

#include <microhttpd.h>
#include <errno.h>

#include "admin/metrics.h"
#include "base/memory.h"
#include "base/sock.h"

enum { CONNECTIONS_MAX = 64, IDLE_SECONDS = 30 };

static const char metrics_type[] = "text/plain; version=0.0.4; charset=utf-8";
static const char text_type[] = "text/plain; charset=utf-8";

struct http {
    const struct admin_host *host; // borrowed
    struct MHD_Daemon *daemon;
    struct watch watch; // the daemon's epoll descriptor
    struct timer timer; // when the daemon wants to run again
    struct list pages;  // that wait for reports
    bool is_stopping;   // nothing is suspended any more
};

// One request for /metrics; owned by the connection until it is done, and by the question until it
// is answered.
struct page {
    struct node node;                  // in http->pages while asked
    struct http *http;                 // NULL: the daemon has stopped
    struct MHD_Connection *connection; // NULL: it has ended
    struct text text;
    bool is_asked; // the workers owe an answer
    bool is_ready;
};

// ---- the library's turn

static void run_daemon(struct http *http)
{
    MHD_run(http->daemon);
    MHD_UNSIGNED_LONG_LONG wait_ms = 0;
    if (MHD_get_timeout(http->daemon, &wait_ms) == MHD_YES) {
        timer_start(&http->timer, wait_ms < 60000 ? (uint32_t)wait_ms : 60000);
    } else {
        timer_stop(&http->timer);
    }
}

static void on_event(struct watch *watch, unsigned events)
{
    (void)events;
    run_daemon(CONTAINER_OF(watch, struct http, watch));
}

static void on_time(struct timer *timer)
{
    run_daemon(CONTAINER_OF(timer, struct http, timer));
}

// ---- pages

static enum MHD_Result respond(struct MHD_Connection *connection, unsigned status, const char *type,
                               struct slice body)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(
        body.len, (void *)(uintptr_t)body.ptr, MHD_RESPMEM_MUST_COPY);
    if (response == NULL) {
        return MHD_NO;
    }
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static void free_if_done(struct page *page)
{
    if (!page->is_asked && page->connection == NULL) {
        text_done(&page->text);
        memory_free(page);
    }
}

static void on_reports(void *asker, struct worker_report **reports, uint16_t count)
{
    struct page *page = asker;
    struct http *http = page->http;
    page->is_asked = false;
    if (http != NULL) {
        list_remove(&http->pages, &page->node);
    }
    if (http != NULL && page->connection != NULL) {
        struct metrics_view view = {.host = http->host,
                                    .snapshot = http->host->current(http->host->owner),
                                    .reports = reports,
                                    .report_count = count};
        metrics_write(&view, &page->text);
        page->is_ready = true;
        MHD_resume_connection(page->connection);
        timer_start(&http->timer, 0);
    }
    for (uint16_t i = 0; i < count; i++) {
        worker_report_free(reports[i]);
    }
    free_if_done(page);
}

static enum MHD_Result ask(struct http *http, struct MHD_Connection *connection, void **kept)
{
    struct page *page = memory_new(sizeof *page);
    page->http = http;
    page->connection = connection;
    page->is_asked = true;
    text_init(&page->text);
    list_push_back(&http->pages, &page->node);
    *kept = page;
    MHD_suspend_connection(connection);
    http->host->ask_workers(http->host->owner, on_reports, page);
    return MHD_YES;
}

static enum MHD_Result answer_health(struct http *http, struct MHD_Connection *connection)
{
    const struct snapshot *snapshot = http->host->current(http->host->owner);
    struct text text;
    text_init(&text);
    for (uint16_t i = 0; i < snapshot->config->shard_count; i++) {
        if (!snapshot->config->shards[i].is_removed && snapshot->shards[i].primary == NO_SERVER) {
            text_add_format(&text, "shard %s has no primary\n", snapshot->config->shards[i].name);
        }
    }
    unsigned status = text.len == 0 ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE;
    if (text.len == 0) {
        text_add_string(&text, "ok\n");
    }
    enum MHD_Result result = respond(connection, status, text_type, text_slice(&text));
    text_done(&text);
    return result;
}

// The library's handler: for a GET it comes once, and after a suspension once more. The types of
// its parameters are the library's.
static enum MHD_Result on_request(void *owner, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *body,
                                  size_t *body_bytes, void **kept)
{
    (void)version;
    (void)body;
    struct http *http = owner;
    struct page *page = *kept;
    if (page != NULL) {
        return page->is_ready
                   ? respond(connection, MHD_HTTP_OK, metrics_type, text_slice(&page->text))
                   : respond(connection, MHD_HTTP_SERVICE_UNAVAILABLE, text_type,
                             slice_of_string("stopping\n"));
    }
    if (*body_bytes > 0) {
        *body_bytes = 0;
        return MHD_YES;
    }
    if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0) {
        return respond(connection, MHD_HTTP_METHOD_NOT_ALLOWED, text_type,
                       slice_of_string("only GET\n"));
    }
    if (http->is_stopping) {
        return MHD_NO;
    }
    if (strcmp(url, "/metrics") == 0) {
        return ask(http, connection, kept);
    }
    if (strcmp(url, "/healthz") == 0) {
        return answer_health(http, connection);
    }
    return respond(connection, MHD_HTTP_NOT_FOUND, text_type,
                   slice_of_string("here are /metrics and /healthz\n"));
}

static void on_completed(void *owner, struct MHD_Connection *connection, void **kept,
                         enum MHD_RequestTerminationCode why)
{
    (void)owner;
    (void)connection;
    (void)why;
    struct page *page = *kept;
    if (page != NULL) {
        *kept = NULL;
        page->connection = NULL;
        free_if_done(page);
    }
}

// ---- start and stop

struct http *http_start(const struct admin_host *host, const char *listen, struct error *error)
{
    struct address address;
    char why[256] = "the port can't be opened";
    bool is_good = address_parse(&address, listen, why, sizeof why);
    int fd = is_good ? sock_listen(&address, false, CONNECTIONS_MAX) : -1;
    if (fd < 0) {
        error_set(error, 1105, "HY000", "http_listen %s: %s", listen,
                  is_good ? strerror(errno) : why);
        return NULL;
    }
    struct http *http = memory_new(sizeof *http);
    http->host = host;
    list_init(&http->pages);
    http->daemon = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, on_request, http,
        MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_SECONDS, MHD_OPTION_NOTIFY_COMPLETED,
        on_completed, http, MHD_OPTION_END);
    if (http->daemon == NULL) {
        error_set(error, 1105, "HY000", "http_listen %s: libmicrohttpd does not start", listen);
        sock_close(fd);
        memory_free(http);
        return NULL;
    }
    const union MHD_DaemonInfo *facts = MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    watch_init(&http->watch, host->loop, facts->epoll_fd, on_event);
    watch_set(&http->watch, WATCH_READ);
    timer_init(&http->timer, host->loop, on_time);
    return http;
}

void http_stop(struct http *http)
{
    if (http == NULL) {
        return;
    }
    http->is_stopping = true;
    watch_set(&http->watch, 0);
    timer_stop(&http->timer);
    LIST_FOR_EACH (&http->pages, node) {
        struct page *page = CONTAINER_OF(node, struct page, node);
        page->http = NULL; // its answer finds neither us nor our list
        if (page->connection != NULL) {
            MHD_resume_connection(page->connection);
        }
    }
    MHD_run(http->daemon);
    MHD_stop_daemon(http->daemon);
    memory_free(http);
}
