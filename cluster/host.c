// Hosts of accounts.
//
// A server looks up the name of an address that connects, and compares that with the accounts.
// waybill must not wait for a name server while it serves clients, and the owner of an address
// decides which name it has; so it goes the other way: the names of the accounts are looked up when
// they are read. A pattern of names (%.example.com) can't be looked up, and is refused.
//
// Of several accounts of one name the most specific counts, as on the servers: a literal before a
// network, the smaller network before the larger, then patterns by how much stands before their
// first wildcard.

#include "cluster/host.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>

enum { RANK_LITERAL = 3000000, RANK_NETWORK = 2000000, RANK_WILD = 1000000, ADDRESSES_MAX = 16 };

static bool is_wild(struct slice text)
{
    return memchr(text.ptr, '%', text.len) != NULL || memchr(text.ptr, '_', text.len) != NULL;
}

static uint32_t count_literal(const char *text)
{
    return (uint32_t)strcspn(text, "%_");
}

// LIKE with \ as escape: a % that was passed is come back to with one byte more.
static bool is_like(const char *pattern, const char *text)
{
    const char *many = NULL, *many_text = text;
    while (*text != '\0') {
        bool is_escaped = *pattern == '\\' && pattern[1] != '\0';
        if (*pattern == '%') {
            many = ++pattern;
            many_text = text;
        } else if (*pattern != '\0' && (*pattern == '_' || pattern[is_escaped] == *text)) {
            pattern += 1 + is_escaped;
            text++;
        } else if (many != NULL) {
            pattern = many;
            text = ++many_text;
        } else {
            return false;
        }
    }
    while (*pattern == '%') {
        pattern++;
    }
    return *pattern == '\0';
}

static bool look_up(struct host_pattern *host, struct arena *arena)
{
    struct addrinfo wanted = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    if (getaddrinfo(host->text, NULL, &wanted, &found) != 0) {
        return false;
    }
    host->addresses = arena_alloc(arena, ADDRESSES_MAX * sizeof *host->addresses);
    for (struct addrinfo *one = found; one != NULL && host->address_count < ADDRESSES_MAX;
         one = one->ai_next) {
        struct address *address = &host->addresses[host->address_count++];
        memcpy(&address->at, one->ai_addr, one->ai_addrlen);
        address->len = one->ai_addrlen;
    }
    freeaddrinfo(found);
    return true;
}

// Could an address look like that?
static bool is_address_like(const char *text)
{
    return text[strspn(text, "0123456789abcdefABCDEF.:%_\\")] == '\0';
}

bool host_read(struct host_pattern *host, struct slice text, struct arena *arena, char *why,
               size_t why_bytes)
{
    *host = (struct host_pattern){.kind = HOST_WILD};
    host->text =
        (const char *)arena_format(arena, "%.*s", (int)text.len, (const char *)text.ptr).ptr;
    if (text.len == 0) {
        host->text = "%";
        host->rank = RANK_WILD;
        return true;
    }
    if (slice_is_nocase(text, "localhost")) {
        host->kind = HOST_LOCAL;
        host->rank = RANK_LITERAL;
        return true;
    }
    if (network_parse(&host->network, text) && host->network.family != AF_UNIX) {
        host->kind = HOST_NETWORK;
        bool is_one = memchr(text.ptr, '/', text.len) == NULL;
        host->rank = is_one ? RANK_LITERAL : RANK_NETWORK + host->network.prefix;
        return true;
    }
    if (is_wild(text)) {
        host->rank = RANK_WILD + count_literal(host->text);
        if (!is_address_like(host->text) && !is_like(host->text, "localhost")) {
            snprintf(why, why_bytes,
                     "host '%s' is a pattern of names; waybill knows clients by address only",
                     host->text);
            return false;
        }
        return true;
    }
    host->kind = HOST_NAME;
    host->rank = RANK_LITERAL;
    return true;
}

bool host_look_up(struct host_pattern *host, struct arena *arena, char *why, size_t why_bytes)
{
    if (host->kind != HOST_NAME) {
        return true;
    }
    if (strchr(host->text, '/') != NULL || !look_up(host, arena)) {
        snprintf(why, why_bytes, "host '%s' is neither an address nor a name that can be looked up",
                 host->text);
        return false;
    }
    return true;
}

bool host_parse(struct host_pattern *host, struct slice text, struct arena *arena, char *why,
                size_t why_bytes)
{
    return host_read(host, text, arena, why, why_bytes) &&
           host_look_up(host, arena, why, why_bytes);
}

bool host_matches(const struct host_pattern *host, const struct address *peer)
{
    bool is_local = peer->at.any.sa_family == AF_UNIX || address_is_loopback(peer);
    char text[ADDRESS_TEXT_BYTES];
    switch (host->kind) {
    case HOST_LOCAL:
        return is_local;
    case HOST_SOCKET:
        return peer->at.any.sa_family == AF_UNIX;
    case HOST_NETWORK:
        return network_has(&host->network, peer);
    case HOST_WILD:
        address_print_host(peer, text);
        return is_like(host->text, text) || (is_local && is_like(host->text, "localhost"));
    case HOST_NAME:
        break;
    }
    for (size_t i = 0; i < host->address_count; i++) {
        struct network one = {.family = host->addresses[i].at.any.sa_family};
        one.prefix = one.family == AF_INET ? 32 : 128;
        const struct address *address = &host->addresses[i];
        if (one.family == AF_INET) {
            memcpy(one.bytes, &address->at.v4.sin_addr, sizeof address->at.v4.sin_addr);
        } else {
            memcpy(one.bytes, &address->at.v6.sin6_addr, sizeof address->at.v6.sin6_addr);
        }
        if (network_has(&one, peer)) {
            return true;
        }
    }
    return false;
}
