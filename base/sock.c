// Sockets: the one place for socket options. Every descriptor is non-blocking and close-on-exec
// from birth; TCP without Nagle's delay (a query is one small packet that must leave now) and with
// keep-alive.

#include "base/sock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <unistd.h>

static bool parse_local(struct address *address, const char *path, char *why, size_t why_bytes)
{
    if (strlen(path) >= sizeof address->at.local.sun_path) {
        snprintf(why, why_bytes, "the path of a socket may have at most %zu bytes",
                 sizeof address->at.local.sun_path - 1);
        return false;
    }
    address->at.local.sun_family = AF_UNIX;
    memcpy(address->at.local.sun_path, path, strlen(path) + 1);
    address->len = sizeof address->at.local;
    return true;
}

// Cuts "host:port" or "[v6]:port" into its two parts. NULL, or what is wrong.
static const char *split_host_port(const char *text, char host[256], const char **port)
{
    const char *begin = text;
    const char *end = strrchr(text, ':');
    if (end == NULL) {
        return "a port is missing (host:port)";
    }
    *port = end + 1;
    if (text[0] == '[') {
        begin = text + 1;
        if (end == begin || end[-1] != ']') {
            return "an IPv6 address is written [address]:port";
        }
        end--;
    } else if (memchr(text, ':', (size_t)(end - text)) != NULL) {
        return "an IPv6 address is written [address]:port";
    }
    size_t len = (size_t)(end - begin);
    if (len == 0 || len >= 256) {
        return "the host is missing or too long";
    }
    memcpy(host, begin, len);
    host[len] = '\0';
    return NULL;
}

bool address_parse(struct address *address, const char *text, char *why, size_t why_bytes)
{
    memset(address, 0, sizeof *address);
    if (text[0] == '/') {
        return parse_local(address, text, why, why_bytes);
    }
    char host[256];
    const char *port = NULL;
    const char *wrong = split_host_port(text, host, &port);
    uint64_t number = 0;
    if (wrong == NULL && (!slice_to_uint64(slice_of_string(port), &number) || number > 65535)) {
        wrong = "the port must be a number up to 65535";
    }
    if (wrong != NULL) {
        snprintf(why, why_bytes, "%s", wrong);
        return false;
    }
    struct addrinfo wanted = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    int failure = getaddrinfo(host, NULL, &wanted, &found);
    if (failure != 0) {
        snprintf(why, why_bytes, "%s: %s", host, gai_strerror(failure));
        return false;
    }
    memcpy(&address->at, found->ai_addr, found->ai_addrlen);
    address->len = found->ai_addrlen;
    freeaddrinfo(found);
    if (address->at.any.sa_family == AF_INET6) {
        address->at.v6.sin6_port = htons((uint16_t)number);
    } else {
        address->at.v4.sin_port = htons((uint16_t)number);
    }
    return true;
}

void address_print(const struct address *address, char text[ADDRESS_TEXT_BYTES])
{
    char host[INET6_ADDRSTRLEN] = "?";
    if (address->at.any.sa_family == AF_INET) {
        inet_ntop(AF_INET, &address->at.v4.sin_addr, host, sizeof host);
        snprintf(text, ADDRESS_TEXT_BYTES, "%s:%u", host, ntohs(address->at.v4.sin_port));
    } else if (address->at.any.sa_family == AF_INET6) {
        inet_ntop(AF_INET6, &address->at.v6.sin6_addr, host, sizeof host);
        snprintf(text, ADDRESS_TEXT_BYTES, "[%s]:%u", host, ntohs(address->at.v6.sin6_port));
    } else if (address->len > sizeof(sa_family_t)) {
        snprintf(text, ADDRESS_TEXT_BYTES, "%s", address->at.local.sun_path);
    } else {
        snprintf(text, ADDRESS_TEXT_BYTES, "local"); // the far end of a local socket has no name
    }
}

static void close_and_keep_errno(int fd)
{
    int why = errno;
    close(fd);
    errno = why;
}

static bool turn_on(int fd, int level, int option)
{
    int on = 1;
    return setsockopt(fd, level, option, &on, sizeof on) == 0;
}

static bool is_tcp(const struct address *address)
{
    return address->at.any.sa_family != AF_UNIX;
}

static int open_socket(const struct address *address)
{
    return socket(address->at.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

// A local socket's file stays behind when its process ends; it is in the way only if nobody listens
// on it any more.
static void remove_stale_file(const struct address *address)
{
    int fd = open_socket(address);
    if (fd < 0) {
        return;
    }
    if (connect(fd, &address->at.any, address->len) < 0 && errno == ECONNREFUSED) {
        unlink(address->at.local.sun_path);
    }
    close(fd);
}

// A socket that works without these options is better than none, so their failure is not looked at.
static void tune_connection(int fd, const struct address *address)
{
    if (is_tcp(address)) {
        turn_on(fd, IPPROTO_TCP, TCP_NODELAY);
        turn_on(fd, SOL_SOCKET, SO_KEEPALIVE);
    }
}

int sock_listen(const struct address *address, bool is_port_shared, int backlog)
{
    if (!is_tcp(address)) {
        remove_stale_file(address);
    }
    int fd = open_socket(address);
    if (fd < 0) {
        return -1;
    }
    bool is_ready = !is_tcp(address) || turn_on(fd, SOL_SOCKET, SO_REUSEADDR);
    if (is_ready && is_tcp(address) && is_port_shared) {
        is_ready = turn_on(fd, SOL_SOCKET, SO_REUSEPORT);
    }
    is_ready = is_ready && bind(fd, &address->at.any, address->len) == 0;
    is_ready = is_ready && listen(fd, backlog) == 0;
    if (!is_ready) {
        close_and_keep_errno(fd);
        return -1;
    }
    tune_connection(fd, address); // what is accepted inherits it, without two calls for each
    return fd;
}

int sock_accept(int listener, struct address *peer)
{
    int fd;
    do {
        memset(peer, 0, sizeof *peer);
        peer->len = sizeof peer->at;
        fd = accept4(listener, &peer->at.any, &peer->len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        // A client that has gone again before it was accepted is no reason to stop accepting.
    } while (fd < 0 && (errno == EINTR || errno == ECONNABORTED));
    return fd;
}

int sock_connect(const struct address *address)
{
    int fd = open_socket(address);
    if (fd < 0) {
        return -1;
    }
    tune_connection(fd, address);
    if (connect(fd, &address->at.any, address->len) < 0 && errno != EINPROGRESS && errno != EINTR) {
        close_and_keep_errno(fd);
        return -1;
    }
    return fd;
}

int sock_error(int fd)
{
    int error = 0;
    socklen_t len = sizeof error;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0) {
        return errno;
    }
    return error;
}

void sock_close(int fd)
{
    close(fd);
}
