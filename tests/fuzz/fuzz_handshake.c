// The packets of a log-in from both sides, and OK, ERR, EOF and columns, which share their reader.

#include <stdlib.h>

#include "protocol/column.h"
#include "protocol/handshake.h"
#include "protocol/reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void check_login(struct slice payload)
{
    struct login login, again;
    if (!login_read(payload, &login)) {
        return;
    }
    struct text out;
    text_init(&out);
    login_write(&out, &login);
    if (!login_read(text_slice(&out), &again) || again.wants_tls != login.wants_tls ||
        again.capabilities != login.capabilities || !slice_equal(again.user, login.user) ||
        !slice_equal(again.plugin, login.plugin) || !slice_equal(again.database, login.database)) {
        abort();
    }
    text_done(&out);
}

static void check_greeting(struct slice payload)
{
    struct greeting greeting, again;
    struct error error = {0};
    if (!greeting_read(payload, &greeting, &error)) {
        if (!error_is_set(&error)) {
            abort();
        }
        return;
    }
    struct text out;
    text_init(&out);
    greeting_write(&out, &greeting);
    if (!greeting_read(text_slice(&out), &again, &error) ||
        again.capabilities != greeting.capabilities ||
        !slice_equal(again.plugin, greeting.plugin) ||
        memcmp(again.nonce, greeting.nonce, NONCE_BYTES) != 0) {
        abort();
    }
    text_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct slice payload = slice_of(bytes, len);
    check_login(payload);
    check_greeting(payload);
    struct slice plugin, nonce;
    (void)!auth_switch_read(payload, &plugin, &nonce);
    struct ok_packet ok;
    (void)!ok_read(payload, &ok);
    struct error error;
    (void)!error_read(payload, &error);
    uint16_t warnings, status;
    (void)!eof_read(payload, &warnings, &status);
    struct column column;
    (void)!column_read(payload, &column, 0);
    (void)!column_read(payload, &column, CAP_EXTENDED_METADATA);
    return 0;
}
