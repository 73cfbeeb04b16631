// A backend until its log-in is over: the socket, TLS if it is wanted, the log-in, compression.
//
//     connected -> [PROXY header] ... greeting -> [request for TLS, handshake] -> log-in ... OK
//               -> [compression from here on] -> idle
//
// What is said is backend_login.c's to know; here the bytes get their ways.

#include "pool/pool_impl.h"

#include <assert.h>

#include "base/log.h"
#include "base/memory.h"
#include "protocol/error_table.h"

static struct pools *pools_of(const struct backend *backend)
{
    return backend->pool->slot->pools;
}

static void fail_to_connect(struct backend *backend, const char *why)
{
    struct error error;
    error_fill(&error, ER_CONNECT_SERVER, slot_config(backend->pool->slot)->name, why);
    backend_fail(backend, &error);
}

void backend_connect_begin(struct backend *backend, const struct pool_client *client)
{
    const struct pool *pool = backend->pool;
    const struct server_config *server = slot_config(pool->slot);
    backend->login = memory_new(sizeof *backend->login);
    backend_login_init(backend->login);
    told_attributes_write(&backend->login->attributes, client,
                          pools_of(backend)->snapshot->config->users[pool->account].name);
    told_proxy_write(&backend->out, server->link.proxy, pool->ip.is_known ? client->address : NULL,
                     &server->address);
}

void backend_forget_login(struct backend *backend)
{
    if (backend->login != NULL) {
        if (backend->out.ptr != NULL) { // the password may have been in it
            explicit_bzero(backend->out.ptr, backend->out.capacity);
        }
        backend_login_done(backend->login);
        memory_free(backend->login);
        backend->login = NULL;
    }
}

void backend_connected(struct backend *backend)
{
    int why = sock_error(backend->stream.fd);
    if (why != 0) {
        fail_to_connect(backend, strerror(why));
        return;
    }
    backend_enter(backend, BACKEND_LOGIN);
    struct error error = {0};
    if (!backend_send(backend, &error)) { // a header of the PROXY protocol
        backend_fail(backend, &error);
    }
}

// ---- the log-in

static uint64_t compression_of(const struct server_link *link)
{
    switch (link->compression) {
    case SERVER_COMPRESSION_OFF:
        return 0;
    case SERVER_COMPRESSION_ZLIB:
        return CAP_COMPRESS;
    case SERVER_COMPRESSION_ZSTD:
        return CAP_COMPRESS | CAP_ZSTD;
    }
    return 0;
}

// False with *error when no password is known.
static bool fill_wish(const struct backend *backend, struct login_wish *wish, struct error *error)
{
    const struct pool *pool = backend->pool;
    const struct pools *pools = pools_of(backend);
    const struct server_config *server = slot_config(pool->slot);
    *wish = (struct login_wish){
        .capability_class = pool->capabilities,
        .server = server->name,
        .user = pools->snapshot->config->users[pool->account].server_user,
        .tls = server->link.tls.mode,
        .compression = compression_of(&server->link),
    };
    return pools_password(pools, pool->account, &wish->password, error);
}

static void start_compression(struct backend *backend)
{
    bool is_zstd = (backend->capabilities & CAP_ZSTD) != 0;
    if (is_zstd || (backend->capabilities & CAP_COMPRESS) != 0) {
        const struct stream_codec *codec =
            compressor_codec(pools_of(backend)->host.compressor,
                             is_zstd ? COMPRESS_ZSTD : COMPRESS_ZLIB, COMPRESS_CONNECTS);
        stream_start_compression(&backend->stream, codec,
                                 is_zstd ? COMPRESS_ZSTD_LEVEL : COMPRESS_ZLIB_LEVEL);
    }
}

static void log_tls(const struct backend *backend)
{
    const struct tls_facts *tls = stream_tls(&backend->stream);
    if (tls != NULL) {
        log_debug("server %s: connection %u: %s, %s%s", slot_config(backend->pool->slot)->name,
                  backend->connection_id, tls->version, tls->cipher,
                  tls->is_resumed ? ", resumed" : "");
    }
}

static void note_login(struct backend *backend)
{
    const struct backend_login *login = backend->login;
    backend->connection_id = login->connection_id;
    backend->capabilities = login->capabilities;
    backend->version = login->version;
    backend->is_mariadb = login->is_mariadb;
    backend->status = login->status;
    // As the log-in has set it: see UTF8MB4_GENERAL_CI in backend_login.c.
    state_set_variable(&backend->session, slice_of_string("names"), slice_of_string("utf8mb4"));
    log_tls(backend);
    start_compression(backend);
    backend_forget_login(backend);
}

static void go_on(struct backend *backend, enum backend_login_result result, struct error *error)
{
    if (result == LOGIN_FAILED || !backend_send(backend, error)) {
        backend_fail(backend, error);
        return;
    }
    if (result == LOGIN_BEGIN_TLS && !backend_has_unsent(backend)) {
        backend_connect_drained(backend);
    } else if (result == LOGIN_DONE) {
        note_login(backend);
        backend->pool->opened++;
        pool_note_success(backend->pool);
        backend_become_idle(backend);
    }
}

void backend_connect_feed(struct backend *backend, const uint8_t *bytes, size_t len)
{
    struct error error = {0};
    struct login_wish wish;
    enum backend_login_result result = LOGIN_FAILED;
    if (fill_wish(backend, &wish, &error)) {
        result =
            backend_login_feed(backend->login, &wish, slice_of(bytes, len), &backend->out, &error);
    }
    go_on(backend, result, &error);
}

// ---- TLS

bool backend_connect_is_shaking_hands(const struct backend *backend)
{
    return backend->login != NULL && backend->login->is_secure &&
           stream_tls(&backend->stream) == NULL;
}

// The request for it is gone: everything from here on is TLS. The log-in is queued at once, and
// goes out when the handshake is over and has found nothing wrong.
static void begin_tls(struct backend *backend)
{
    struct slot *slot = backend->pool->slot;
    const struct server_config *server = slot_config(slot);
    struct tls_wish tls = {.host = server->host, .memory = &slot->tls_memory};
    struct login_wish wish;
    struct error error = {0};
    // A link that has changed since the greeting has closed the connection.
    assert(server->link.tls.context != NULL);
    backend_clear_out(backend);
    if (!stream_start_tls(&backend->stream, server->link.tls.context, &tls, slice_of(NULL, 0),
                          &error)) {
        fail_to_connect(backend, error.text);
        return;
    }
    enum backend_login_result result = LOGIN_FAILED;
    if (fill_wish(backend, &wish, &error)) {
        result = backend_login_secure(backend->login, &wish, &backend->out, &error);
    }
    go_on(backend, result, &error);
}

void backend_connect_drained(struct backend *backend)
{
    if (backend->login->step == LOGIN_TLS) {
        begin_tls(backend);
    }
}
