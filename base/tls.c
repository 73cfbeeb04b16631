// One TLS connection. OpenSSL reads and writes the socket through a BIO of ours, so that bytes
// which were read before TLS began are taken first, and no write raises SIGPIPE.
//
//     tls_write: parts --gathered--> a record of at most 16 KiB --> one send
//     tls_read:  one recv of up to 32 KiB --> as many records as it held --> the caller's bytes
//
// A record that the socket took in part stays inside OpenSSL, which wants to be asked again with
// the same bytes (`unsent`): until then the caller is told that nothing went.

#include <assert.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <sys/socket.h>

#include "base/memory.h"
#include "base/text.h"
#include "base/tls_impl.h"

enum { RECORD_BYTES = SSL3_RT_MAX_PLAIN_LENGTH };

struct tls {
    SSL *ssl;                    // owned
    struct tls_context *context; // held
    struct tls_memory *memory;   // borrowed; NULL
    char *host;                  // owned; NULL
    int fd;                      // the stream's
    int io_errno;                // of the last call on it that failed
    bool is_eof;                 // the peer has closed the socket
    bool is_established;
    bool is_ended; // close_notify was sent, or can't be any more
    bool has_more;
    bool reads_by_writing, writes_by_reading;
    enum io broken;    // IO_DONE: it is not
    size_t unsent;     // bytes of the record that has to be offered again
    struct text begun; // read before TLS began, not yet taken
    struct tls_facts facts;
    char *subject, *issuer;     // owned
    unsigned char *common_name; // owned
    char problem[TLS_PROBLEM_BYTES];
};

// ---- the socket

static int bio_read(BIO *bio, char *bytes, int max)
{
    struct tls *tls = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (max <= 0) {
        return 0;
    }
    if (tls->begun.len > 0) {
        size_t len = tls->begun.len < (size_t)max ? tls->begun.len : (size_t)max;
        memcpy(bytes, tls->begun.ptr, len);
        text_drop_front(&tls->begun, len);
        if (tls->begun.len == 0) {
            text_done(&tls->begun);
        }
        return (int)len;
    }
    ssize_t got;
    do {
        got = recv(tls->fd, bytes, (size_t)max, 0);
    } while (got < 0 && errno == EINTR);
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
        BIO_set_retry_read(bio);
    } else if (got < 0) {
        tls->io_errno = errno;
    } else if (got == 0) {
        tls->is_eof = true;
    }
    return (int)got;
}

static int bio_write(BIO *bio, const char *bytes, int len)
{
    struct tls *tls = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    ssize_t put;
    do {
        put = send(tls->fd, bytes, (size_t)len, MSG_NOSIGNAL);
    } while (put < 0 && errno == EINTR);
    if (put < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
        BIO_set_retry_write(bio);
    } else if (put < 0) {
        tls->io_errno = errno;
    }
    return (int)put;
}

static long bio_control(BIO *bio, int command, long number, void *pointer)
{
    (void)number, (void)pointer;
    const struct tls *tls = BIO_get_data(bio);
    switch (command) {
    case BIO_CTRL_FLUSH:
        return 1;
    case BIO_CTRL_EOF:
        return tls->is_eof;
    default: // an open set of numbers; 0 is "not known here"
        return 0;
    }
}

BIO_METHOD *tls_bio_kind_new(void)
{
    BIO_METHOD *kind = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "waybill's socket");
    if (kind != NULL) {
        BIO_meth_set_read(kind, bio_read);
        BIO_meth_set_write(kind, bio_write);
        BIO_meth_set_ctrl(kind, bio_control);
    }
    return kind;
}

// ---- sessions kept

void tls_memory_done(struct tls_memory *memory)
{
    SSL_SESSION_free(memory->session);
    memory_free(memory->host);
    *memory = (struct tls_memory){0};
}

int tls_keep_session(SSL *ssl, SSL_SESSION *session)
{
    struct tls *tls = SSL_get_app_data(ssl);
    if (tls->memory == NULL) {
        return 0;
    }
    tls_memory_done(tls->memory);
    tls->memory->session = session; // ours from now on, as the 1 says
    tls->memory->context = tls->context;
    tls->memory->host = memory_copy_string(slice_of_string(tls->host));
    return 1;
}

// A session that was made under other rules, or with another server, proves nothing.
static void use_kept_session(struct tls *tls)
{
    struct tls_memory *memory = tls->memory;
    if (memory == NULL || memory->session == NULL) {
        return;
    }
    if (memory->context != tls->context || strcmp(memory->host, tls->host) != 0 ||
        SSL_SESSION_is_resumable(memory->session) != 1) {
        tls_memory_done(memory);
        return;
    }
    SSL_set_session(tls->ssl, memory->session);
}

// ---- making and ending

static bool is_ip_address(const char *host)
{
    ASN1_OCTET_STRING *address = a2i_IPADDRESS(host);
    ASN1_OCTET_STRING_free(address);
    ERR_clear_error();
    return address != NULL;
}

static bool name_the_server(struct tls *tls, const char *host)
{
    bool is_ip = is_ip_address(host);
    tls->host = memory_copy_string(slice_of_string(host));
    if (!is_ip && host[0] != '\0' && SSL_set_tlsext_host_name(tls->ssl, host) != 1) {
        return false;
    }
    if (tls->context->mode != TLS_VERIFY_IDENTITY) {
        return true;
    }
    return is_ip ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(tls->ssl), host) == 1
                 : host[0] != '\0' && SSL_set1_host(tls->ssl, host) == 1;
}

static bool prepare(struct tls *tls, const struct tls_wish *wish)
{
    tls->ssl = SSL_new(tls->context->ctx);
    BIO *bio = BIO_new(tls->context->bio_kind);
    if (tls->ssl == NULL || bio == NULL) {
        BIO_free(bio);
        return false;
    }
    BIO_set_data(bio, tls);
    BIO_set_init(bio, 1);
    SSL_set_bio(tls->ssl, bio, bio); // the SSL's now
    SSL_set_app_data(tls->ssl, tls);
    if (tls->context->side == TLS_LISTENS) {
        SSL_set_accept_state(tls->ssl);
        return true;
    }
    SSL_set_connect_state(tls->ssl);
    if (!name_the_server(tls, wish != NULL && wish->host != NULL ? wish->host : "")) {
        return false;
    }
    tls->memory = wish != NULL ? wish->memory : NULL;
    use_kept_session(tls);
    return true;
}

struct tls *tls_new(struct tls_context *context, int fd, const struct tls_wish *wish,
                    struct slice begun, struct error *error)
{
    ERR_clear_error();
    struct tls *tls = memory_new(sizeof *tls);
    tls->context = tls_context_hold(context);
    tls->fd = fd;
    text_init(&tls->begun);
    if (!prepare(tls, wish)) {
        char why[TLS_PROBLEM_BYTES];
        tls_take_complaint(why);
        error_set(error, 2026, "HY000", "TLS cannot begin: %s", why);
        tls_free(tls);
        return NULL;
    }
    text_add_slice(&tls->begun, begun);
    tls->has_more = begun.len > 0;
    return tls;
}

void tls_free(struct tls *tls)
{
    SSL_free(tls->ssl);
    tls_context_drop(tls->context);
    text_done(&tls->begun);
    memory_free(tls->host);
    OPENSSL_free(tls->subject);
    OPENSSL_free(tls->issuer);
    OPENSSL_free(tls->common_name);
    memory_free(tls);
}

void tls_end(struct tls *tls)
{
    if (tls->is_established && !tls->is_ended && tls->broken == IO_DONE && tls->unsent == 0) {
        ERR_clear_error();
        (void)SSL_shutdown(tls->ssl);
        ERR_clear_error();
    }
    tls->is_ended = true;
}

// ---- what happened

static enum io note_broken(struct tls *tls, enum io outcome)
{
    long verdict = SSL_get_verify_result(tls->ssl);
    unsigned long complaint = ERR_peek_error();
    tls->broken = outcome;
    if (!tls->is_established && verdict != X509_V_OK && complaint != 0) {
        snprintf(tls->problem, sizeof tls->problem, "TLS: the peer's certificate: %s",
                 X509_verify_cert_error_string(verdict));
    } else if (complaint != 0) {
        char why[TLS_PROBLEM_BYTES];
        tls_take_complaint(why);
        snprintf(tls->problem, sizeof tls->problem, "TLS: %.180s", why);
    } else if (tls->io_errno != 0) {
        snprintf(tls->problem, sizeof tls->problem, "%s", strerror(tls->io_errno));
    } else {
        snprintf(tls->problem, sizeof tls->problem, "it closed the connection%s",
                 tls->is_established ? "" : " in the TLS handshake");
    }
    ERR_clear_error();
    return outcome;
}

static enum io outcome_of(struct tls *tls, int result, bool is_writing)
{
    switch (SSL_get_error(tls->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        tls->writes_by_reading = is_writing;
        return IO_AGAIN;
    case SSL_ERROR_WANT_WRITE:
        tls->reads_by_writing = !is_writing;
        return IO_AGAIN;
    case SSL_ERROR_ZERO_RETURN:
        return note_broken(tls, IO_CLOSED);
    default: // SSL_ERROR_SSL, SSL_ERROR_SYSCALL
        return note_broken(tls, tls->is_eof || tls->io_errno == EPIPE ? IO_CLOSED : IO_ERROR);
    }
}

// The last one is the most specific. A NUL inside would make two names look alike.
static unsigned char *common_name_of(const X509 *certificate)
{
    const X509_NAME *subject = X509_get_subject_name(certificate);
    int place = -1;
    for (int next; (next = X509_NAME_get_index_by_NID(subject, NID_commonName, place)) >= 0;) {
        place = next;
    }
    unsigned char *name = NULL;
    int len = place < 0 ? -1
                        : ASN1_STRING_to_UTF8(
                              &name, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, place)));
    if (len >= 0 && strlen((const char *)name) != (size_t)len) {
        OPENSSL_free(name);
        name = NULL;
    }
    return name;
}

static void learn_facts(struct tls *tls)
{
    X509 *peer = SSL_get0_peer_certificate(tls->ssl);
    if (peer != NULL) {
        tls->subject = X509_NAME_oneline(X509_get_subject_name(peer), NULL, 0);
        tls->issuer = X509_NAME_oneline(X509_get_issuer_name(peer), NULL, 0);
        tls->common_name = common_name_of(peer);
    }
    tls->facts = (struct tls_facts){
        .version = SSL_get_version(tls->ssl),
        .cipher = SSL_get_cipher_name(tls->ssl),
        .subject = tls->subject,
        .issuer = tls->issuer,
        .common_name = (const char *)tls->common_name,
        .is_resumed = SSL_session_reused(tls->ssl) == 1,
        .known_ciphers = tls->context->known_ciphers,
        .not_before = tls->context->not_before,
        .not_after = tls->context->not_after,
    };
}

static enum io shake_hands(struct tls *tls, bool is_writing)
{
    int result = SSL_do_handshake(tls->ssl);
    if (result != 1) {
        return outcome_of(tls, result, is_writing);
    }
    tls->is_established = true;
    tls->reads_by_writing = tls->writes_by_reading = false;
    tls->has_more = SSL_has_pending(tls->ssl) == 1;
    learn_facts(tls);
    return IO_DONE;
}

// ---- in and out

enum io tls_read(struct tls *tls, void *bytes, size_t max, size_t *got)
{
    *got = 0;
    if (tls->broken != IO_DONE) {
        return tls->broken;
    }
    ERR_clear_error();
    tls->reads_by_writing = false;
    tls->has_more = false;
    if (!tls->is_established) {
        enum io outcome = shake_hands(tls, false);
        if (outcome != IO_DONE) {
            return outcome;
        }
    }
    do {
        size_t count = 0;
        int result = SSL_read_ex(tls->ssl, (char *)bytes + *got, max - *got, &count);
        if (result != 1) {
            enum io outcome = outcome_of(tls, result, false);
            // What was read before it goes first; a break is told by the next read.
            tls->has_more = *got > 0 && outcome != IO_AGAIN;
            return *got > 0 ? IO_DONE : outcome;
        }
        *got += count;
        tls->has_more = SSL_has_pending(tls->ssl) == 1;
    } while (tls->has_more && *got < max);
    return IO_DONE;
}

// The first bytes of the parts, behind the `skip` that are written: where they lie when one part
// has enough, else copied into `record`.
static struct slice gather(const struct iovec *parts, int part_count, size_t skip, size_t max,
                           uint8_t *record)
{
    size_t len = 0;
    for (int i = 0; i < part_count && len < max; i++) {
        if (skip >= parts[i].iov_len) {
            skip -= parts[i].iov_len;
            continue;
        }
        const uint8_t *from = (const uint8_t *)parts[i].iov_base + skip;
        size_t part = parts[i].iov_len - skip;
        skip = 0;
        if (len == 0 && (part >= max || i == part_count - 1)) {
            return slice_of(from, part < max ? part : max);
        }
        part = part < max - len ? part : max - len;
        memcpy(record + len, from, part);
        len += part;
    }
    return slice_of(record, len);
}

enum io tls_write(struct tls *tls, const struct iovec *parts, int part_count, size_t *put)
{
    uint8_t record[RECORD_BYTES];
    *put = 0;
    if (tls->broken != IO_DONE) {
        return tls->broken;
    }
    ERR_clear_error();
    tls->writes_by_reading = false;
    if (!tls->is_established) {
        enum io outcome = shake_hands(tls, true);
        if (outcome != IO_DONE) {
            return outcome;
        }
    }
    for (;;) {
        size_t max = tls->unsent > 0 ? tls->unsent : RECORD_BYTES;
        struct slice bytes = gather(parts, part_count, *put, max, record);
        if (bytes.len == 0) {
            return IO_DONE;
        }
        assert(bytes.len >= tls->unsent);
        size_t count = 0;
        int result = SSL_write_ex(tls->ssl, bytes.ptr, bytes.len, &count);
        if (result != 1) {
            enum io outcome = outcome_of(tls, result, true);
            tls->unsent = bytes.len;
            return *put > 0 && outcome == IO_AGAIN ? IO_DONE : outcome;
        }
        tls->unsent = 0;
        *put += count;
    }
}

bool tls_has_more(const struct tls *tls)
{
    return tls->has_more;
}

bool tls_reads_by_writing(const struct tls *tls)
{
    return tls->reads_by_writing;
}

bool tls_writes_by_reading(const struct tls *tls)
{
    return tls->writes_by_reading;
}

const struct tls_facts *tls_facts(const struct tls *tls)
{
    return tls->is_established ? &tls->facts : NULL;
}

const char *tls_problem(const struct tls *tls)
{
    return tls->problem;
}
