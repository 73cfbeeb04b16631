#pragma once
// Sockets: addresses and the few calls on them. All descriptors are non-blocking and close-on-exec.

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include "base/slice.h"

struct address {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_un local;
    } at;
    socklen_t len;
};

enum { ADDRESS_TEXT_BYTES = 128 };

// "host:port", "[v6]:port", "/path/of/socket". Looks names up, so it may block: control thread and
// start only. On failure `why` (NUL-terminated) says it.
bool address_parse(struct address *address, const char *text, char *why,
                   size_t why_bytes) MUST_CHECK;
void address_print(const struct address *address, char text[ADDRESS_TEXT_BYTES]);

// Each returns a descriptor or -1 with errno.
int sock_listen(const struct address *address, bool is_port_shared, int backlog) MUST_CHECK;
int sock_accept(int listener, struct address *peer) MUST_CHECK;
int sock_connect(const struct address *address)
    MUST_CHECK;                    // started; writable when done, then sock_error
int sock_error(int fd) MUST_CHECK; // errno of a finished connect; 0 = fine
void sock_close(int fd);
