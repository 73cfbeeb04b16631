#pragma once
// The log-in as a machine of bytes, and a server that says what a test wants it to say.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "pool/pool_impl.h"
#include "protocol/auth_ed25519.h"
#include "protocol/auth_native.h"
#include "protocol/auth_sha2.h"
#include "protocol/error_table.h"
#include "protocol/handshake.h"
#include "protocol/packet.h"
#include "protocol/reply.h"

static const char nonce[] = "abcdefghijklmnopqrst";

static struct backend_login login;
static struct login_wish wish;
static struct text in, out;
static struct error error;
static uint8_t sequence;

static inline int start(void **state)
{
    (void)state;
    backend_login_init(&login);
    wish =
        (struct login_wish){.capability_class = CAP_DEPRECATE_EOF, .server = "s1", .user = "app"};
    wish.password = password_of("secret");
    text_init(&in);
    text_init(&out);
    memset(&error, 0, sizeof error);
    sequence = 0;
    return 0;
}

static inline int finish(void **state)
{
    (void)state;
    backend_login_done(&login);
    text_done(&in);
    text_done(&out);
    return 0;
}

// Hands over what is in `in` as one packet's payload, byte by byte.
static inline enum backend_login_result feed(void)
{
    struct text packet;
    enum backend_login_result result = LOGIN_MORE;
    text_init(&packet);
    packet_append(&packet, text_slice(&in), &sequence);
    for (size_t i = 0; i < packet.len; i++) {
        assert_int_equal(result, LOGIN_MORE);
        result = backend_login_feed(&login, &wish, slice_of(packet.ptr + i, 1), &out, &error);
    }
    text_done(&packet);
    in.len = 0;
    return result;
}

// The payload of the one packet that was sent; counts its sequence number.
static inline struct slice sent(void)
{
    assert_true(out.len >= 4);
    assert_int_equal(packet_sequence(out.ptr), sequence);
    assert_int_equal(packet_payload_bytes(out.ptr) + 4, out.len);
    sequence++;
    size_t len = out.len - 4;
    out.len = 0;
    return slice_of(out.ptr + 4, len);
}

static inline enum backend_login_result greet(const char *version, uint64_t capabilities,
                                              const char *plugin)
{
    struct greeting greeting = {
        .version = slice_of_string(version),
        .connection_id = 77,
        .capabilities = capabilities,
        .plugin = slice_of_string(plugin),
    };
    memcpy(greeting.nonce, nonce, NONCE_BYTES);
    greeting_write(&in, &greeting);
    return feed();
}

static inline enum backend_login_result say_ok(void)
{
    struct ok_packet ok = {.status = STATUS_AUTOCOMMIT};
    ok_write(&in, &ok);
    return feed();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, finish)
