// Contexts: what is read from files and holds for all connections that are begun with it. A reload
// makes a new context; connections of the old one keep it alive.
//
// Resumption: a listening side keeps nothing, the session travels in the ticket, which any thread
// can read, for they share the context. A connecting side keeps one session for each server
// (struct tls_memory).

#include <errno.h>
#include <openssl/err.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"
#include "base/tls_impl.h"

enum {
    SSL_PROBLEM = 2026,      // CR_SSL_CONNECTION_ERROR
    READ_AHEAD_BYTES = 32768 // one read takes a record, or several
};

void tls_take_complaint(char text[TLS_PROBLEM_BYTES])
{
    unsigned long code = ERR_get_error();
    const char *reason = ERR_GET_LIB(code) == ERR_LIB_SYS ? strerror(ERR_GET_REASON(code))
                                                          : ERR_reason_error_string(code);
    snprintf(text, TLS_PROBLEM_BYTES, "%s", reason != NULL ? reason : "unknown error");
    ERR_clear_error();
}

static bool is_given(const char *text)
{
    return text != NULL && text[0] != '\0';
}

static bool complain(struct error *error, const char *what, const char *which)
{
    char why[TLS_PROBLEM_BYTES];
    tls_take_complaint(why);
    error_set(error, SSL_PROBLEM, "HY000", "%s %s: %s", what, which, why);
    return false;
}

// A key with a password would be asked for on the terminal.
static int no_password(char *password, int max, int is_writing, void *owner)
{
    (void)password, (void)max, (void)is_writing, (void)owner;
    return -1;
}

static void warn_of_readers(const char *key)
{
    struct stat facts;
    if (stat(key, &facts) == 0 && (facts.st_mode & (S_IROTH | S_IWOTH)) != 0) {
        log_warning("the private key %s can be read by everybody on this machine", key);
    }
}

static bool load_identity(SSL_CTX *ctx, const struct tls_files *files, struct error *error)
{
    if (!is_given(files->cert)) {
        if (files->side == TLS_LISTENS) {
            error_set(error, SSL_PROBLEM, "HY000", "there is no certificate");
        }
        return files->side == TLS_CONNECTS;
    }
    const char *key = is_given(files->key) ? files->key : files->cert;
    SSL_CTX_set_default_passwd_cb(ctx, no_password);
    if (SSL_CTX_use_certificate_chain_file(ctx, files->cert) != 1) {
        return complain(error, "certificate", files->cert);
    }
    // OpenSSL compares the two here.
    if (SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1) {
        return complain(error, "private key", key);
    }
    warn_of_readers(key);
    return true;
}

static bool load_trust(SSL_CTX *ctx, const struct tls_files *files, struct error *error)
{
    bool is_strict = files->mode >= TLS_VERIFY_CA;
    bool is_listening = files->side == TLS_LISTENS;
    if (is_given(files->ca)) {
        if (SSL_CTX_load_verify_file(ctx, files->ca) != 1) {
            return complain(error, "CA file", files->ca);
        }
        if (is_listening) {
            SSL_CTX_set_client_CA_list(ctx, SSL_load_client_CA_file(files->ca));
        }
    } else if (is_strict && is_listening) {
        error_set(error, SSL_PROBLEM, "HY000", "clients' certificates need a CA file");
        return false;
    } else if (is_strict && SSL_CTX_set_default_verify_paths(ctx) != 1) {
        return complain(error, "CA files", "of the system");
    }
    int verify = SSL_VERIFY_NONE;
    if (is_listening && is_given(files->ca)) {
        verify = SSL_VERIFY_PEER | (is_strict ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0);
    } else if (!is_listening && is_strict) {
        verify = SSL_VERIFY_PEER;
    }
    SSL_CTX_set_verify(ctx, verify, NULL);
    return true;
}

// TLS 1.3 has names of its own ("TLS_AES_256_GCM_SHA384") and a call of its own for them.
static bool set_ciphers(SSL_CTX *ctx, const char *names, struct error *error)
{
    struct text old, new;
    text_init(&old);
    text_init(&new);
    for (const char *at = names; *at != '\0';) {
        size_t len = strcspn(at, ":");
        struct text *list = strncmp(at, "TLS_", 4) == 0 ? &new : &old;
        text_add_format(list, "%s%.*s", list->len > 0 ? ":" : "", (int)len, at);
        at += len + (at[len] == ':');
    }
    text_add(&old, "", 1);
    text_add(&new, "", 1);
    bool is_good = (old.len == 1 || SSL_CTX_set_cipher_list(ctx, (const char *)old.ptr) == 1) &&
                   (new.len == 1 || SSL_CTX_set_ciphersuites(ctx, (const char *)new.ptr) == 1);
    text_done(&old);
    text_done(&new);
    return is_good || complain(error, "ciphers", names);
}

static void set_ways(SSL_CTX *ctx, const struct tls_files *files)
{
    static const unsigned char name[] = "waybill";
    // An end without close_notify is no danger here: MySQL's packets say how long they are.
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                              SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_min_proto_version(ctx,
                                  files->min_version == TLS_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION);
    SSL_CTX_set_max_proto_version(ctx, files->max_version_is_1_2 ? TLS1_2_VERSION : 0);
    SSL_CTX_set_read_ahead(ctx, 1);
    SSL_CTX_set_default_read_buffer_len(ctx, READ_AHEAD_BYTES);
    if (files->side == TLS_LISTENS) {
        SSL_CTX_set_dh_auto(ctx, 1);
        SSL_CTX_set_session_id_context(ctx, name, sizeof name - 1);
        SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
        SSL_CTX_set_num_tickets(ctx, 1);
    } else {
        SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
        SSL_CTX_sess_set_new_cb(ctx, tls_keep_session);
    }
}

// ---- what can be told of it

static void print_day(const ASN1_TIME *day, char text[TLS_DAY_BYTES])
{
    BIO *out = BIO_new(BIO_s_mem());
    if (out != NULL && ASN1_TIME_print(out, day) == 1) {
        int len = BIO_read(out, text, TLS_DAY_BYTES - 1);
        text[len > 0 ? len : 0] = '\0';
    }
    BIO_free(out);
}

static void learn_facts(struct tls_context *context)
{
    struct text names;
    text_init(&names);
    STACK_OF(SSL_CIPHER) *ciphers = SSL_CTX_get_ciphers(context->ctx);
    for (int i = 0; i < sk_SSL_CIPHER_num(ciphers); i++) {
        text_add_format(&names, "%s%s", i > 0 ? ":" : "",
                        SSL_CIPHER_get_name(sk_SSL_CIPHER_value(ciphers, i)));
    }
    context->known_ciphers = memory_copy_string(text_slice(&names));
    text_done(&names);
    const X509 *certificate = SSL_CTX_get0_certificate(context->ctx);
    if (certificate != NULL) {
        print_day(X509_get0_notBefore(certificate), context->not_before);
        print_day(X509_get0_notAfter(certificate), context->not_after);
    }
    ERR_clear_error();
}

struct tls_context *tls_context_new(const struct tls_files *files, struct error *error)
{
    ERR_clear_error();
    struct tls_context *context = memory_new(sizeof *context);
    context->side = files->side;
    context->mode = files->mode;
    context->count = 1;
    context->bio_kind = tls_bio_kind_new();
    context->ctx =
        SSL_CTX_new(files->side == TLS_LISTENS ? TLS_server_method() : TLS_client_method());
    if (context->ctx == NULL || context->bio_kind == NULL) {
        complain(error, "TLS", "cannot be used");
    } else {
        set_ways(context->ctx, files);
        if (load_identity(context->ctx, files, error) && load_trust(context->ctx, files, error) &&
            (!is_given(files->ciphers) || set_ciphers(context->ctx, files->ciphers, error))) {
            learn_facts(context);
            return context;
        }
    }
    tls_context_drop(context);
    return NULL;
}

struct tls_context *tls_context_hold(struct tls_context *context)
{
    if (context != NULL) {
        atomic_fetch_add_explicit(&context->count, 1, memory_order_relaxed);
    }
    return context;
}

void tls_context_drop(struct tls_context *context)
{
    if (context == NULL ||
        atomic_fetch_sub_explicit(&context->count, 1, memory_order_acq_rel) > 1) {
        return;
    }
    SSL_CTX_free(context->ctx);
    BIO_meth_free(context->bio_kind);
    memory_free(context->known_ciphers);
    memory_free(context);
}

const char *tls_system_ca_directory(void)
{
    return X509_get_default_cert_dir();
}
