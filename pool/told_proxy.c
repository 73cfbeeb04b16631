// The PROXY protocol's header (haproxy.org/download/2.8/doc/proxy-protocol.txt): the first bytes of
// a connection, before the server's greeting is read. A server that expects it takes the client's
// address for the connection's own.
//
//   v1  "PROXY TCP4 10.1.2.3 10.0.0.5 51234 3306\r\n", or "PROXY UNKNOWN\r\n"
//   v2  12 bytes of signature, version and command, family, length; the addresses in binary; or
//       LOCAL without any
//
// The destination should be where the client has connected to, which is nobody's business behind
// waybill: the server's own address stands there. Both have one family; an IPv4 address beside an
// IPv6 one is written as ::ffff:a.b.c.d. A client of a Unix socket has no address to be told.

#include "pool/pool_impl.h"

#include <arpa/inet.h>

static const uint8_t signature[] = {0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d,
                                    0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a};

enum {
    V2_LOCAL = 0x20,
    V2_PROXY = 0x21,
    V2_TCP4 = 0x11,
    V2_TCP6 = 0x21,
    V4_BYTES = 4,
    V6_BYTES = 16,
    V4_IN_V6 = 12, // where the 4 bytes stand in ::ffff:a.b.c.d
};

struct end {
    uint8_t ip[V6_BYTES]; // IPv4 as ::ffff:a.b.c.d
    uint8_t port[2];      // of the network
};

static const uint8_t v4_prefix[V4_IN_V6] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static bool read_end(const struct address *address, struct end *end)
{
    if (address == NULL) {
        return false;
    }
    if (address->at.any.sa_family == AF_INET) {
        memcpy(end->ip, v4_prefix, V4_IN_V6);
        memcpy(end->ip + V4_IN_V6, &address->at.v4.sin_addr, V4_BYTES);
        memcpy(end->port, &address->at.v4.sin_port, 2);
        return true;
    }
    if (address->at.any.sa_family == AF_INET6) {
        memcpy(end->ip, &address->at.v6.sin6_addr, V6_BYTES);
        memcpy(end->port, &address->at.v6.sin6_port, 2);
        return true;
    }
    return false;
}

static bool is_v4(const struct end *end)
{
    return memcmp(end->ip, v4_prefix, V4_IN_V6) == 0;
}

struct client_ip client_ip_of(const struct address *address)
{
    struct client_ip ip = {0};
    struct end end;
    if (read_end(address, &end)) {
        ip.is_known = true;
        memcpy(ip.bytes, end.ip, V6_BYTES);
    }
    return ip;
}

static unsigned port_of(const struct end *end)
{
    return (unsigned)(end->port[0] << 8 | end->port[1]);
}

static void write_v1(struct text *out, const struct end *from, const struct end *to)
{
    char from_text[INET6_ADDRSTRLEN];
    char to_text[INET6_ADDRSTRLEN];
    bool is_short = is_v4(from) && is_v4(to);
    int family = is_short ? AF_INET : AF_INET6;
    size_t at = is_short ? V4_IN_V6 : 0;
    (void)inet_ntop(family, from->ip + at, from_text, sizeof from_text);
    (void)inet_ntop(family, to->ip + at, to_text, sizeof to_text);
    text_add_format(out, "PROXY TCP%c %s %s %u %u\r\n", is_short ? '4' : '6', from_text, to_text,
                    port_of(from), port_of(to));
}

static void write_v2(struct text *out, const struct end *from, const struct end *to)
{
    bool is_short = is_v4(from) && is_v4(to);
    size_t at = is_short ? V4_IN_V6 : 0;
    size_t ip_bytes = V6_BYTES - at;
    const uint8_t head[] = {V2_PROXY, is_short ? V2_TCP4 : V2_TCP6, 0, (uint8_t)(2 * ip_bytes + 4)};
    text_add(out, signature, sizeof signature);
    text_add(out, head, sizeof head);
    text_add(out, from->ip + at, ip_bytes);
    text_add(out, to->ip + at, ip_bytes);
    text_add(out, from->port, 2);
    text_add(out, to->port, 2);
}

void told_proxy_write(struct text *out, enum server_proxy kind, const struct address *client,
                      const struct address *server)
{
    static const uint8_t local[] = {V2_LOCAL, 0, 0, 0};
    struct end from, to;
    bool is_known = read_end(client, &from) && read_end(server, &to);
    switch (kind) {
    case SERVER_PROXY_OFF:
        return;
    case SERVER_PROXY_V1:
        if (is_known) {
            write_v1(out, &from, &to);
        } else {
            text_add_string(out, "PROXY UNKNOWN\r\n");
        }
        return;
    case SERVER_PROXY_V2:
        if (is_known) {
            write_v2(out, &from, &to);
        } else {
            text_add(out, signature, sizeof signature);
            text_add(out, local, sizeof local);
        }
        return;
    }
}
