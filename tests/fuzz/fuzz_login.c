// A hostile server while waybill logs in: its bytes come as they are, or in packets with the right
// numbers, so that more of them are read. The first byte says which, and what is known of the
// password, whether TLS and compression are wanted; the password must never go out in clear, unless
// over TLS.

#include <stdlib.h>

#include "pool/login_impl.h"
#include "protocol/auth_native.h"
#include "protocol/auth_sha2.h"
#include "protocol/packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

enum {
    CHOICE_CLEAR = 0x01,
    CHOICE_SHA1 = 0x02,
    CHOICE_SHA256 = 0x04,
    CHOICE_SECURE = 0x08,
    CHOICE_RAW = 0x10,
    CHOICE_MARIADB = 0x20,
    CHOICE_TLS = 0x40,
    CHOICE_REQUIRED = 0x80,
    OUT_MAX = 64 * 1024,
};

static const char secret[] = "correct horse battery staple";

static struct backend_login login;
static struct login_wish wish;
static struct text out;
static uint8_t sha1[NATIVE_BYTES] = {1};
static uint8_t sha256[SHA2_BYTES] = {2};

static void expect_no_secret(void)
{
    bool is_shown = out.len > 0 && memmem(out.ptr, out.len, secret, sizeof secret - 1) != NULL;
    if (out.len > OUT_MAX || (is_shown && !login.is_secure)) {
        abort();
    }
}

// What was said until here is gone, and TLS begins.
static enum backend_login_result secure(struct error *error)
{
    expect_no_secret();
    out.len = 0;
    return backend_login_secure(&login, &wish, &out, error);
}

// False when it is over.
static bool feed(struct slice part)
{
    struct error error = {0};
    enum backend_login_result result = backend_login_feed(&login, &wish, part, &out, &error);
    if (result == LOGIN_BEGIN_TLS) {
        result = secure(&error);
    }
    if ((result == LOGIN_FAILED) != error_is_set(&error)) {
        abort();
    }
    return result == LOGIN_MORE;
}

static void feed_packets(struct slice input)
{
    struct text packet;
    text_init(&packet);
    bool goes_on = true;
    while (goes_on && input.len > 0) {
        size_t size = input.ptr[0] < input.len ? input.ptr[0] : input.len - 1;
        uint8_t sequence = login.next_sequence;
        packet.len = 0;
        packet_append(&packet, slice_part(input, 1, 1 + size), &sequence);
        goes_on = feed(text_slice(&packet));
        input = slice_part(input, 1 + size, input.len);
    }
    text_done(&packet);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    if (len == 0) {
        return 0;
    }
    uint8_t choice = bytes[0];
    struct slice input = slice_of(bytes + 1, len - 1);
    backend_login_init(&login);
    login.is_secure = (choice & CHOICE_SECURE) != 0;
    wish = (struct login_wish){.server = "s1", .user = "app"};
    wish.tls = (choice & CHOICE_TLS) == 0        ? TLS_DISABLED
               : (choice & CHOICE_REQUIRED) == 0 ? TLS_PREFERRED
                                                 : TLS_REQUIRED;
    wish.compression = CAP_COMPRESS | CAP_ZSTD;
    wish.capability_class = (choice & CHOICE_MARIADB) != 0 ? CAP_STMT_BULK : 0;
    wish.password.clear =
        (choice & CHOICE_CLEAR) != 0 ? slice_of_string(secret) : slice_of(NULL, 0);
    wish.password.sha1 = (choice & CHOICE_SHA1) != 0 ? sha1 : NULL;
    wish.password.sha256 = (choice & CHOICE_SHA256) != 0 ? sha256 : NULL;
    text_init(&out);
    if ((choice & CHOICE_RAW) != 0) {
        (void)feed(input);
    } else {
        feed_packets(input);
    }
    expect_no_secret();
    text_done(&out);
    backend_login_done(&login);
    return 0;
}
