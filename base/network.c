// Networks and the addresses in them. Whatever is compared is first brought to one form: the family
// and its bytes, with an IPv4 address that came over an IPv6 socket as what it is.

#include "base/network.h"

#include <arpa/inet.h>

enum { V4_BYTES = 4, V6_BYTES = 16 };

static const uint8_t mapped_v4[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static int plain_form(const struct address *address, uint8_t bytes[NETWORK_BYTES])
{
    memset(bytes, 0, NETWORK_BYTES);
    if (address->at.any.sa_family == AF_INET) {
        memcpy(bytes, &address->at.v4.sin_addr, V4_BYTES);
        return AF_INET;
    }
    if (address->at.any.sa_family != AF_INET6) {
        return AF_UNIX;
    }
    const uint8_t *v6 = address->at.v6.sin6_addr.s6_addr;
    if (memcmp(v6, mapped_v4, sizeof mapped_v4) == 0) {
        memcpy(bytes, v6 + sizeof mapped_v4, V4_BYTES);
        return AF_INET;
    }
    memcpy(bytes, v6, V6_BYTES);
    return AF_INET6;
}

// 255.255.240.0 -> 20; false when there are ones behind a zero.
static bool count_ones(const uint8_t mask[V4_BYTES], unsigned *prefix)
{
    uint32_t bits = (uint32_t)mask[0] << 24 | (uint32_t)mask[1] << 16 | (uint32_t)mask[2] << 8 |
                    (uint32_t)mask[3];
    *prefix = 0;
    while ((bits & 0x80000000u) != 0) {
        bits <<= 1;
        ++*prefix;
    }
    return bits == 0;
}

static bool read_prefix(const char *text, int family, unsigned *prefix)
{
    uint64_t number = 0;
    uint8_t mask[V4_BYTES];
    if (slice_to_uint64(slice_of_string(text), &number) && text[0] != '+') {
        *prefix = (unsigned)number;
        return number <= (family == AF_INET ? 8 * V4_BYTES : 8 * V6_BYTES);
    }
    return family == AF_INET && inet_pton(AF_INET, text, mask) == 1 && count_ones(mask, prefix);
}

static bool is_bit_alike(const uint8_t *a, const uint8_t *b, unsigned prefix)
{
    unsigned whole = prefix / 8;
    unsigned rest = prefix % 8;
    uint8_t mask = (uint8_t)(0xff00u >> rest);
    return memcmp(a, b, whole) == 0 && (rest == 0 || ((a[whole] ^ b[whole]) & mask) == 0);
}

bool network_parse(struct network *network, struct slice text)
{
    char copy[INET6_ADDRSTRLEN + 20];
    *network = (struct network){.family = AF_UNIX};
    if (slice_is_nocase(text, "unix")) {
        return true;
    }
    if (text.len == 0 || text.len >= sizeof copy || memchr(text.ptr, 0, text.len) != NULL) {
        return false;
    }
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    char *slash = strchr(copy, '/');
    if (slash != NULL) {
        *slash = '\0';
    }
    network->family = strchr(copy, ':') != NULL ? AF_INET6 : AF_INET;
    network->prefix = network->family == AF_INET ? 8 * V4_BYTES : 8 * V6_BYTES;
    return inet_pton(network->family, copy, network->bytes) == 1 &&
           (slash == NULL || read_prefix(slash + 1, network->family, &network->prefix));
}

bool network_has(const struct network *network, const struct address *address)
{
    uint8_t bytes[NETWORK_BYTES];
    return plain_form(address, bytes) == network->family &&
           is_bit_alike(bytes, network->bytes, network->prefix);
}

bool address_is_loopback(const struct address *address)
{
    static const uint8_t loopback_v6[V6_BYTES] = {[V6_BYTES - 1] = 1};
    uint8_t bytes[NETWORK_BYTES];
    int family = plain_form(address, bytes);
    return (family == AF_INET && bytes[0] == 127) ||
           (family == AF_INET6 && memcmp(bytes, loopback_v6, V6_BYTES) == 0);
}

void address_print_host(const struct address *address, char text[ADDRESS_TEXT_BYTES])
{
    uint8_t bytes[NETWORK_BYTES];
    int family = plain_form(address, bytes);
    if (family == AF_UNIX || inet_ntop(family, bytes, text, ADDRESS_TEXT_BYTES) == NULL) {
        memcpy(text, "localhost", sizeof "localhost");
    }
}
