// Version 1 is a line of text: "PROXY TCP4 192.0.2.1 192.0.2.9 56324 3306\r\n", at most 107 bytes.
// Version 2 is binary: a signature, version and command, family, length, addresses, and then what
// this reader skips. Neither can be mistaken for a client's first packet: they would announce
// megabytes.

#include "protocol/proxy_header.h"

#include <arpa/inet.h>

enum {
    V1_BYTES_MAX = 107,
    V2_FIXED_BYTES = 16,
    V2_BYTES_MAX = 4096, // more than any balancer sends
    V2_LOCAL = 0x20,
    V2_PROXY = 0x21,
    FAMILY_UNKNOWN = 0x00,
    FAMILY_TCP4 = 0x11,
    FAMILY_TCP6 = 0x21,
    FAMILY_UNIX = 0x31,
    TCP4_BYTES = 12,
    TCP6_BYTES = 36,
    UNIX_BYTES = 216,
};

static const uint8_t v1_mark[] = {'P', 'R', 'O', 'X', 'Y', ' '};
static const uint8_t v2_mark[] = {'\r', '\n', '\r', '\n', 0, '\r', '\n', 'Q', 'U', 'I', 'T', '\n'};

static bool begins_alike(struct slice bytes, const uint8_t *mark, size_t mark_len)
{
    return memcmp(bytes.ptr, mark, bytes.len < mark_len ? bytes.len : mark_len) == 0;
}

static void set_v4(struct address *address, const void *bytes, uint16_t port)
{
    address->at.v4.sin_family = AF_INET;
    memcpy(&address->at.v4.sin_addr, bytes, sizeof address->at.v4.sin_addr);
    address->at.v4.sin_port = htons(port);
    address->len = sizeof address->at.v4;
}

static void set_v6(struct address *address, const void *bytes, uint16_t port)
{
    address->at.v6.sin6_family = AF_INET6;
    memcpy(&address->at.v6.sin6_addr, bytes, sizeof address->at.v6.sin6_addr);
    address->at.v6.sin6_port = htons(port);
    address->len = sizeof address->at.v6;
}

// ---- version 1

static bool next_word(struct slice *rest, char *word, size_t word_bytes)
{
    const uint8_t *blank = memchr(rest->ptr, ' ', rest->len);
    size_t len = blank != NULL ? (size_t)(blank - rest->ptr) : rest->len;
    if (len == 0 || len >= word_bytes) {
        return false;
    }
    memcpy(word, rest->ptr, len);
    word[len] = '\0';
    *rest = slice_part(*rest, len + (blank != NULL), rest->len);
    return true;
}

static bool read_port(const char *word, uint16_t *port)
{
    uint64_t number = 0;
    bool is_digit = word[0] >= '0' && word[0] <= '9';
    if (!is_digit || !slice_to_uint64(slice_of_string(word), &number) || number > UINT16_MAX) {
        return false;
    }
    *port = (uint16_t)number;
    return true;
}

// "TCP4 source destination port port"
static bool read_line(struct slice line, struct proxy_header *header)
{
    char family[8], source[INET6_ADDRSTRLEN], destination[INET6_ADDRSTRLEN], ports[2][8];
    uint16_t source_port = 0, destination_port = 0;
    uint8_t bytes[16];
    if (!next_word(&line, family, sizeof family)) {
        return false;
    }
    if (strcmp(family, "UNKNOWN") == 0) {
        return true;
    }
    bool is_v4 = strcmp(family, "TCP4") == 0;
    if ((!is_v4 && strcmp(family, "TCP6") != 0) || !next_word(&line, source, sizeof source) ||
        !next_word(&line, destination, sizeof destination) ||
        !next_word(&line, ports[0], sizeof ports[0]) ||
        !next_word(&line, ports[1], sizeof ports[1]) || line.len > 0 ||
        !read_port(ports[0], &source_port) || !read_port(ports[1], &destination_port) ||
        inet_pton(is_v4 ? AF_INET : AF_INET6, destination, bytes) != 1 ||
        inet_pton(is_v4 ? AF_INET : AF_INET6, source, bytes) != 1) {
        return false;
    }
    header->has_address = true;
    if (is_v4) {
        set_v4(&header->source, bytes, source_port);
    } else {
        set_v6(&header->source, bytes, source_port);
    }
    return true;
}

static enum proxy_header_fit read_v1(struct slice bytes, struct proxy_header *header)
{
    size_t seen = bytes.len < V1_BYTES_MAX ? bytes.len : V1_BYTES_MAX;
    const uint8_t *end = memchr(bytes.ptr, '\n', seen);
    if (end == NULL) {
        return bytes.len < V1_BYTES_MAX ? PROXY_HEADER_PARTIAL : PROXY_HEADER_BAD;
    }
    size_t len = (size_t)(end - bytes.ptr);
    header->bytes = len + 1;
    if (len <= sizeof v1_mark || bytes.ptr[len - 1] != '\r') {
        return PROXY_HEADER_BAD;
    }
    bool is_read = read_line(slice_part(bytes, sizeof v1_mark, len - 1), header);
    return is_read ? PROXY_HEADER_WHOLE : PROXY_HEADER_BAD;
}

// ---- version 2

static uint16_t big_endian(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

static bool read_addresses(uint8_t family, struct slice bytes, struct proxy_header *header)
{
    header->has_address = true;
    if (family == FAMILY_TCP4 && bytes.len >= TCP4_BYTES) {
        set_v4(&header->source, bytes.ptr, big_endian(bytes.ptr + 8));
        return true;
    }
    if (family == FAMILY_TCP6 && bytes.len >= TCP6_BYTES) {
        set_v6(&header->source, bytes.ptr, big_endian(bytes.ptr + 32));
        return true;
    }
    if (family == FAMILY_UNIX && bytes.len >= UNIX_BYTES) {
        header->source.at.local.sun_family = AF_UNIX;
        header->source.len = sizeof(sa_family_t);
        return true;
    }
    header->has_address = false;
    return family == FAMILY_UNKNOWN;
}

static enum proxy_header_fit read_v2(struct slice bytes, struct proxy_header *header)
{
    if (bytes.len < V2_FIXED_BYTES) {
        return PROXY_HEADER_PARTIAL;
    }
    uint8_t command = bytes.ptr[12];
    uint8_t family = bytes.ptr[13];
    header->bytes = (size_t)V2_FIXED_BYTES + big_endian(bytes.ptr + 14);
    if ((command != V2_LOCAL && command != V2_PROXY) || header->bytes > V2_BYTES_MAX) {
        return PROXY_HEADER_BAD;
    }
    if (bytes.len < header->bytes) {
        return PROXY_HEADER_PARTIAL;
    }
    if (command == V2_LOCAL) {
        return PROXY_HEADER_WHOLE;
    }
    bool is_read = read_addresses(family, slice_part(bytes, V2_FIXED_BYTES, header->bytes), header);
    return is_read ? PROXY_HEADER_WHOLE : PROXY_HEADER_BAD;
}

enum proxy_header_fit proxy_header_read(struct slice bytes, struct proxy_header *header)
{
    *header = (struct proxy_header){0};
    if (bytes.len == 0) {
        return PROXY_HEADER_PARTIAL;
    }
    if (begins_alike(bytes, v1_mark, sizeof v1_mark)) {
        return read_v1(bytes, header);
    }
    if (begins_alike(bytes, v2_mark, sizeof v2_mark)) {
        return read_v2(bytes, header);
    }
    return PROXY_HEADER_NONE;
}
