#pragma once
// TLS 1.2 and 1.3 (OpenSSL 3, which is included in base/tls*.c only): contexts, which hold what is
// read from files and are shared by threads, and connections, which live below a stream.

#include <sys/uio.h>
#include "base/error.h"

enum tls_side { TLS_LISTENS, TLS_CONNECTS };

// Connecting: REQUIRED encrypts but checks nothing, VERIFY_CA checks who signed the server's
// certificate, VERIFY_IDENTITY also whom it names. Listening: both VERIFY ones demand a certificate
// of the client. What PREFERRED and REQUIRED say about a peer without TLS is the caller's to see
// to.
enum tls_mode { TLS_DISABLED, TLS_PREFERRED, TLS_REQUIRED, TLS_VERIFY_CA, TLS_VERIFY_IDENTITY };
#define TLS_MODES "disabled|preferred|required|verify-ca|verify-identity" // in that order

enum tls_version { TLS_1_2, TLS_1_3 };
#define TLS_VERSIONS "TLSv1.2|TLSv1.3" // in that order

struct tls_files { // paths of PEM files; NULL and "" are none
    enum tls_side side;
    enum tls_mode mode;
    const char *cert; // with its chain; a listening side needs one
    const char *key;  // none: it is in the file of the certificate
    // Whom to trust. None: the system's, for a connecting side that verifies. A listening side that
    // has one asks clients for a certificate, and takes none that it can't verify.
    const char *ca;
    enum tls_version min_version;
    bool max_version_is_1_2; // for peers whose TLS 1.3 does not work
    const char
        *ciphers; // names of TLS 1.2 and 1.3 mixed, with colons between; none: OpenSSL's choice
};

struct tls_context; // opaque; counted, by any thread

// One count for the caller. NULL with *error, which names the file.
struct tls_context *tls_context_new(const struct tls_files *files, struct error *error) MUST_CHECK;
struct tls_context *tls_context_hold(struct tls_context *context); // returns it; NULL is fine
void tls_context_drop(struct tls_context *context);                // NULL is fine

// Where the certificates are that the system trusts, for libraries that have to be told.
const char *tls_system_ca_directory(void);

// A connecting side's session, kept for the next connection to the same server: it saves both sides
// the expensive half of the handshake. Zeroed at first, of one thread, and longer alive than the
// connections that are told of it.
struct tls_memory {
    void *session;                     // owned
    const struct tls_context *context; // that it was made with; only compared
    char *host;                        // owned: whose it is
};
void tls_memory_done(struct tls_memory *memory); // empty again

// What a connecting side wants; NULL for a listening one.
struct tls_wish {
    const char *host;          // said to the server and looked for in its certificate; borrowed
    struct tls_memory *memory; // NULL: nothing is kept
};

struct tls_facts {       // valid as long as the connection
    const char *version; // "TLSv1.3"
    const char *cipher;
    const char
        *subject; // of the peer's certificate, as MySQL writes it: "/CN=app/O=shop"; NULL: none
    const char *issuer;
    const char *common_name; // of the subject, the last one; NULL: none, or it is not text
    bool is_resumed;
    // Of our own side: the names of the ciphers that it knows, with colons between, and the days of
    // its certificate ("Dec 30 05:37:39 2026 GMT"); empty: it has none.
    const char *known_ciphers, *not_before, *not_after;
};

// ---- for base/stream

struct tls; // one connection's

// `begun`: what was already read from the descriptor. The context is held as long as needed. NULL
// with *error: the wish is wrong, or memory is short.
struct tls *tls_new(struct tls_context *context, int fd, const struct tls_wish *wish,
                    struct slice begun, struct error *error) MUST_CHECK;
void tls_free(struct tls *tls);
// The handshake runs inside these two. As stream_read and stream_write; IO_AGAIN waits for what
// tls_reads_by_writing and tls_writes_by_reading say.
enum io tls_read(struct tls *tls, void *bytes, size_t max, size_t *got) MUST_CHECK;
enum io tls_write(struct tls *tls, const struct iovec *parts, int part_count,
                  size_t *put) MUST_CHECK;
bool tls_has_more(const struct tls *tls); // for a read, without the socket
bool tls_reads_by_writing(const struct tls *tls);
bool tls_writes_by_reading(const struct tls *tls);
void tls_end(struct tls *tls); // tells the peer that nothing more comes; what does not go is left
const struct tls_facts *tls_facts(const struct tls *tls); // NULL: the handshake is not over
const char *tls_problem(const struct tls *tls);           // why the last IO_ERROR
