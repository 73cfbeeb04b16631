// servers | etcd://host:port[,host:port...] | etcds://..., the same over TLS

#include "cluster/coordination.h"

#include <ctype.h>
#include <stdio.h>

enum { MEMBER_BYTES_MAX = 200, TEXT_BYTES_MAX = 390, PORT_MAX = 65535 };

static const char prefix[] = "etcd://";
static const char tls_prefix[] = "etcds://";

bool coordination_is_tls(const char *text)
{
    return strncmp(text, tls_prefix, sizeof tls_prefix - 1) == 0;
}

const char *coordination_etcd(const char *text)
{
    bool is_etcd = strncmp(text, prefix, sizeof prefix - 1) == 0;
    return is_etcd                     ? text + sizeof prefix - 1
           : coordination_is_tls(text) ? text + sizeof tls_prefix - 1
                                       : NULL;
}

// A name, an IPv4 address or an IPv6 address in brackets, and a port.
static bool is_member(struct slice member)
{
    size_t colon = member.len;
    uint64_t port = 0;
    for (size_t i = 0; i < member.len; i++) {
        uint8_t byte = member.ptr[i];
        if (!isalnum(byte) && strchr(".-_[]:", byte) == NULL) {
            return false;
        }
        colon = byte == ':' ? i : colon;
    }
    return member.len <= MEMBER_BYTES_MAX && colon > 0 && colon < member.len &&
           slice_to_uint64(slice_part(member, colon + 1, member.len), &port) && port > 0 &&
           port <= PORT_MAX;
}

bool coordination_check(const char *text, char *why, size_t why_bytes)
{
    const char *member = coordination_etcd(text);
    if (member == NULL) {
        snprintf(why, why_bytes,
                 "'%s' is neither servers nor etcd://host:port[,host:port...] (or etcds://)", text);
        return strcmp(text, "servers") == 0;
    }
    if (strlen(text) > TEXT_BYTES_MAX) {
        snprintf(why, why_bytes, "it has more than %d bytes", TEXT_BYTES_MAX);
        return false;
    }
    while (true) {
        size_t len = strcspn(member, ",");
        if (!is_member(slice_of(member, len))) {
            snprintf(why, why_bytes, "'%.*s' is no host:port of etcd", (int)len, member);
            return false;
        }
        if (member[len] == '\0') {
            return true;
        }
        member += len + 1;
    }
}

bool coordination_is_name(const char *name)
{
    size_t len = 0;
    while (isalnum((unsigned char)name[len]) || (name[len] != '\0' && strchr(".-_", name[len]))) {
        len++;
    }
    return len > 0 && len <= 64 && name[len] == '\0';
}
