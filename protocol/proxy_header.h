#pragma once
// The PROXY protocol (HAProxy, doc/proxy-protocol.txt), versions 1 and 2: what a load balancer says
// of its client ahead of the client's own first bytes.

#include "base/sock.h"

enum proxy_header_fit {
    PROXY_HEADER_NONE,    // these bytes are not the begin of one
    PROXY_HEADER_PARTIAL, // more bytes are needed
    PROXY_HEADER_WHOLE,
    PROXY_HEADER_BAD,
};

struct proxy_header {
    size_t bytes;     // of the header
    bool has_address; // false: the balancer speaks for itself (LOCAL), or does not know (UNKNOWN)
    struct address source;
};

enum proxy_header_fit proxy_header_read(struct slice bytes, struct proxy_header *header) MUST_CHECK;
