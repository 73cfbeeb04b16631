#pragma once
// What a TLS context is, for the two files that know OpenSSL.

#include <openssl/ssl.h>
#include <stdatomic.h>
#include "base/tls.h"

enum { TLS_PROBLEM_BYTES = 200, TLS_DAY_BYTES = 40 };

struct tls_context {
    SSL_CTX *ctx;         // owned
    BIO_METHOD *bio_kind; // owned: how its connections reach the socket
    enum tls_side side;
    enum tls_mode mode;
    char *known_ciphers; // owned
    char not_before[TLS_DAY_BYTES], not_after[TLS_DAY_BYTES];
    _Atomic uint32_t count;
};

// The oldest of OpenSSL's complaints in words; the queue is empty afterwards.
void tls_take_complaint(char text[TLS_PROBLEM_BYTES]);
BIO_METHOD *tls_bio_kind_new(void);
int tls_keep_session(SSL *ssl,
                     SSL_SESSION *session); // a callback of the connecting side's contexts
