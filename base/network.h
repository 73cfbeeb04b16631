#pragma once
// Networks: "10.0.0.0/8", "10.0.0.0/255.0.0.0", "10.1.2.3", "fd00::/8", and "unix" for local
// sockets.

#include "base/sock.h"

enum { NETWORK_BYTES = 16 };

struct network {
    int family;      // AF_INET, AF_INET6 or AF_UNIX
    unsigned prefix; // leading bits that count
    uint8_t bytes[NETWORK_BYTES];
};

// No names are looked up.
bool network_parse(struct network *network, struct slice text) MUST_CHECK;
// An IPv4 address in IPv6's clothes (::ffff:10.0.0.1) is an IPv4 address.
bool network_has(const struct network *network, const struct address *address) MUST_CHECK;
bool address_is_loopback(const struct address *address) MUST_CHECK;
// The address without its port, as servers write it: "10.0.0.1", "fd00::1"; "localhost" for a local
// socket.
void address_print_host(const struct address *address, char text[ADDRESS_TEXT_BYTES]);
