#pragma once
// From where an account may log in, written as in the servers' accounts: an address, a name,
// "localhost", a network with its mask, or a pattern with % and _.

#include "base/arena.h"
#include "base/network.h"

enum host_kind {
    HOST_LOCAL,   // "localhost": a local socket, or this machine's own loopback
    HOST_SOCKET,  // ... the socket only (a server with skip_name_resolve)
    HOST_NETWORK, // an address, or a network
    HOST_WILD,    // a pattern, compared with the address as text
    HOST_NAME,    // its addresses were looked up when the account was read
};

struct host_pattern {
    enum host_kind kind;
    const char *text; // as written
    struct network network;
    struct address *addresses; // HOST_NAME
    size_t address_count;
    uint32_t rank; // the higher, the more specific
};

// All memory is the arena's. False: `why` says what can't be honoured. The first looks nothing up:
// a name has no addresses yet. The second does that: may block. host_parse: both.
bool host_read(struct host_pattern *host, struct slice text, struct arena *arena, char *why,
               size_t why_bytes) MUST_CHECK;
bool host_look_up(struct host_pattern *host, struct arena *arena, char *why,
                  size_t why_bytes) MUST_CHECK;
bool host_parse(struct host_pattern *host, struct slice text, struct arena *arena, char *why,
                size_t why_bytes) MUST_CHECK;
bool host_matches(const struct host_pattern *host, const struct address *peer) MUST_CHECK;
