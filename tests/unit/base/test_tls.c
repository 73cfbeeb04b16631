// TLS below a stream: whole handshakes, everything that must fail, every split of what is written,
// bytes that were read before TLS began, resumption, a socket that takes nothing.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BIG_BYTES = 3000000 };

struct end {
    struct stream stream;
    const uint8_t *out; // what is to be written
    size_t out_len, out_at, step;
    uint8_t in[BIG_BYTES];
    size_t in_len, read_max;
    bool is_over; // closed or broken
    enum io why;
    unsigned calls;
};

static char directory[] = "/tmp/waybill-tls-XXXXXX";
static struct loop *loop;
static struct end ours, theirs; // connects, listens
static struct tls_context *client_side, *server_side;
static uint8_t pattern[BIG_BYTES];

static const char *path_of(const char *name)
{
    static char paths[8][200];
    static int next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", directory, name);
    return path;
}

static struct tls_context *context_of(const struct tls_files *files)
{
    struct error error = {0};
    struct tls_context *context = tls_context_new(files, &error);
    if (context == NULL) {
        fail_msg("%s", error.text);
    }
    return context;
}

static void on_ready(struct stream *stream, unsigned events)
{
    struct end *end = CONTAINER_OF(stream, struct end, stream);
    end->calls++;
    if ((events & WATCH_WRITE) != 0 || (events & WATCH_READ) != 0) {
        size_t put = 0;
        while (end->out_at < end->out_len) {
            size_t left = end->out_len - end->out_at;
            size_t first = left < end->step ? left : end->step;
            struct iovec parts[2] = {
                {.iov_base = (void *)(uintptr_t)(end->out + end->out_at), .iov_len = first},
                {.iov_base = (void *)(uintptr_t)(end->out + end->out_at + first),
                 .iov_len = left - first}};
            enum io outcome = stream_write(stream, parts, first < left ? 2 : 1, &put);
            end->out_at += put;
            if (outcome == IO_AGAIN) {
                break;
            }
            if (outcome != IO_DONE) {
                end->is_over = true;
                end->why = outcome;
                stream_watch(stream, 0);
                return;
            }
        }
    }
    if ((events & WATCH_READ) != 0) {
        size_t got = 0;
        size_t room = sizeof end->in - end->in_len;
        uint8_t spare[64];
        enum io outcome = stream_read(stream, room > 0 ? end->in + end->in_len : spare,
                                      room == 0              ? sizeof spare
                                      : room < end->read_max ? room
                                                             : end->read_max,
                                      &got);
        if (room > 0) {
            end->in_len += got;
        }
        if (outcome == IO_CLOSED || outcome == IO_ERROR) {
            end->is_over = true;
            end->why = outcome;
            stream_watch(stream, 0);
            return;
        }
    }
    stream_watch(stream, WATCH_READ | (end->out_at < end->out_len ? WATCH_WRITE : 0));
}

static void connect_ends(void)
{
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    struct end *ends[2] = {&ours, &theirs};
    for (int i = 0; i < 2; i++) {
        memset(ends[i], 0, sizeof *ends[i]);
        ends[i]->step = SIZE_MAX;
        ends[i]->read_max = 65536;
        stream_init(&ends[i]->stream, loop, pair[i], on_ready);
    }
}

static void start_tls(const struct tls_wish *wish)
{
    struct error error;
    struct slice none = slice_of(NULL, 0);
    assert_true(stream_start_tls(&ours.stream, client_side, wish, none, &error));
    assert_true(stream_start_tls(&theirs.stream, server_side, NULL, none, &error));
    stream_watch(&ours.stream, WATCH_READ);
    stream_watch(&theirs.stream, WATCH_READ);
}

static void turn(int count)
{
    for (int i = 0; i < count; i++) {
        loop_run_once(loop, 0);
    }
}

static void close_ends(void)
{
    stream_close(&ours.stream);
    stream_close(&theirs.stream);
}

static void drop_contexts(void)
{
    tls_context_drop(client_side);
    tls_context_drop(server_side);
    client_side = server_side = NULL;
}

static void make_contexts(enum tls_mode mode, enum tls_version version)
{
    drop_contexts();
    server_side = context_of(&(struct tls_files){.side = TLS_LISTENS,
                                                 .mode = TLS_PREFERRED,
                                                 .cert = path_of("server.pem"),
                                                 .key = path_of("server.key"),
                                                 .min_version = version});
    client_side = context_of(&(struct tls_files){.side = TLS_CONNECTS,
                                                 .mode = mode,
                                                 .ca = path_of("ca.pem"),
                                                 .ciphers = "ECDHE-ECDSA-AES128-GCM-SHA256:"
                                                            "TLS_AES_128_GCM_SHA256"});
}

// Both directions carry the pattern; `step` and `read_max` split it.
static void exchange(size_t len, size_t step, size_t read_max)
{
    struct end *ends[2] = {&ours, &theirs};
    for (int i = 0; i < 2; i++) {
        ends[i]->out = pattern;
        ends[i]->out_len = len;
        ends[i]->out_at = ends[i]->in_len = 0;
        ends[i]->step = step;
        ends[i]->read_max = read_max;
        stream_watch(&ends[i]->stream, WATCH_READ | WATCH_WRITE);
    }
    for (int i = 0; i < 100000 && (ours.in_len < len || theirs.in_len < len); i++) {
        loop_run_once(loop, 0);
        assert_false(ours.is_over || theirs.is_over);
    }
    assert_int_equal(ours.in_len, len);
    assert_int_equal(theirs.in_len, len);
    assert_memory_equal(ours.in, pattern, len);
    assert_memory_equal(theirs.in, pattern, len);
}

// ---- tests

static void carries_bytes(void **state)
{
    (void)state;
    static const struct {
        size_t len, step, read_max;
    } rows[] = {
        {1, 1, 65536},
        {2, 1, 1},
        {16384, 100, 65536},
        {16385, 16384, 16384},
        {40000, 16383, 1000},
        {65536, 7, 65536},
        {100000, 65536, 333},
        {BIG_BYTES, 3, 65536},
        {BIG_BYTES, 70000, 65536},
    };
    for (int version = TLS_1_2; version <= TLS_1_3; version++) {
        make_contexts(TLS_VERIFY_IDENTITY, TLS_1_2);
        if (version == TLS_1_2) { // the connecting side may have no more
            tls_context_drop(client_side);
            client_side = context_of(&(struct tls_files){.side = TLS_CONNECTS,
                                                         .mode = TLS_VERIFY_IDENTITY,
                                                         .ca = path_of("ca.pem"),
                                                         .max_version_is_1_2 = true});
        }
        connect_ends();
        start_tls(&(struct tls_wish){.host = "localhost"});
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
            exchange(rows[i].len, rows[i].step, rows[i].read_max);
        }
        assert_string_equal(stream_tls(&ours.stream)->version,
                            version == TLS_1_2 ? "TLSv1.2" : "TLSv1.3");
        assert_string_equal(stream_tls(&ours.stream)->subject, "/CN=server");
        assert_string_equal(stream_tls(&ours.stream)->issuer, "/CN=ca");
        assert_null(stream_tls(&theirs.stream)->subject);
        assert_non_null(
            strstr(stream_tls(&theirs.stream)->known_ciphers, "TLS_AES_256_GCM_SHA384"));
        assert_non_null(strstr(stream_tls(&theirs.stream)->not_after, " GMT"));
        assert_string_equal(stream_tls(&ours.stream)->not_after, ""); // it has no certificate
        // Nothing to do: nobody is called again and again.
        unsigned calls = ours.calls + theirs.calls;
        turn(20);
        assert_int_equal(ours.calls + theirs.calls, calls);
        // The end is told.
        stream_close(&ours.stream);
        turn(3);
        assert_true(theirs.is_over);
        assert_int_equal(theirs.why, IO_CLOSED);
        close_ends();
    }
}

static void shakes_hands_by_writing(void **state)
{
    (void)state;
    make_contexts(TLS_REQUIRED, TLS_1_3);
    connect_ends();
    struct error error;
    struct slice none = slice_of(NULL, 0);
    assert_true(stream_start_tls(&theirs.stream, server_side, NULL, none, &error));
    assert_true(
        stream_start_tls(&ours.stream, client_side, &(struct tls_wish){.host = ""}, none, &error));
    stream_watch(&theirs.stream, WATCH_READ);
    ours.out = pattern;
    ours.out_len = 100;
    stream_watch(&ours.stream, WATCH_WRITE);
    for (int i = 0; i < 50 && theirs.in_len < 100; i++) {
        loop_run_once(loop, 0);
    }
    assert_int_equal(theirs.in_len, 100);
    close_ends();
}

static void takes_what_was_read_before(void **state)
{
    (void)state;
    make_contexts(TLS_VERIFY_CA, TLS_1_2);
    for (size_t begun_max = 1; begun_max < 400; begun_max += 33) {
        connect_ends();
        struct error error;
        struct slice none = slice_of(NULL, 0);
        assert_true(stream_start_tls(&ours.stream, client_side,
                                     &(struct tls_wish){.host = "db.test"}, none, &error));
        uint8_t begun[400];
        ssize_t got = recv(theirs.stream.fd, begun, begun_max, 0);
        assert_true(got > 0);
        assert_true(stream_start_tls(&theirs.stream, server_side, NULL,
                                     slice_of(begun, (size_t)got), &error));
        stream_watch(&ours.stream, WATCH_READ);
        stream_watch(&theirs.stream, WATCH_READ);
        exchange(1000, 10, 65536);
        close_ends();
    }
}

static void pauses(void **state)
{
    (void)state;
    make_contexts(TLS_REQUIRED, TLS_1_2);
    connect_ends();
    start_tls(&(struct tls_wish){.host = "localhost"});
    exchange(10, 10, 65536);
    // A record of 16 KiB, read in pieces, with a pause between: what waits inside is not forgotten.
    theirs.in_len = 0;
    theirs.read_max = 100;
    ours.out_len = 16000;
    ours.out_at = 0;
    stream_watch(&ours.stream, WATCH_WRITE | WATCH_READ);
    while (theirs.in_len == 0) {
        loop_run_once(loop, 0);
    }
    stream_watch(&theirs.stream, 0);
    unsigned calls = theirs.calls;
    size_t len = theirs.in_len;
    assert_true(len < 16000);
    turn(20);
    assert_int_equal(theirs.calls, calls);
    assert_int_equal(theirs.in_len, len);
    stream_watch(&theirs.stream, WATCH_READ);
    turn(40);
    assert_int_equal(theirs.in_len, 16000); // ... and told without the socket's help
    assert_memory_equal(theirs.in, pattern, 16000);
    close_ends();
}

static void resumes(void **state)
{
    (void)state;
    make_contexts(TLS_VERIFY_IDENTITY, TLS_1_2);
    struct tls_memory memory = {0};
    static const struct {
        const char *host;
        bool is_resumed;
    } rows[] = {{"localhost", false},
                {"localhost", true},
                {"localhost", true},
                {"127.0.0.1", false},
                {"127.0.0.1", true}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        connect_ends();
        start_tls(&(struct tls_wish){.host = rows[i].host, .memory = &memory});
        exchange(10, 10, 65536);
        assert_int_equal(stream_tls(&ours.stream)->is_resumed, rows[i].is_resumed);
        assert_int_equal(stream_tls(&theirs.stream)->is_resumed, rows[i].is_resumed);
        assert_string_equal(stream_tls(&ours.stream)->subject, "/CN=server");
        close_ends();
    }
    // New rules prove themselves anew.
    make_contexts(TLS_VERIFY_CA, TLS_1_2);
    connect_ends();
    start_tls(&(struct tls_wish){.host = "127.0.0.1", .memory = &memory});
    exchange(10, 10, 65536);
    assert_false(stream_tls(&ours.stream)->is_resumed);
    close_ends();
    tls_memory_done(&memory);
    assert_null(memory.session);
}

static void expect_refusal(const char *host, const char *words)
{
    connect_ends();
    start_tls(&(struct tls_wish){.host = host});
    turn(20);
    // TLS 1.3: the client thinks that all is well until the server has looked at its certificate.
    assert_true(ours.is_over && theirs.is_over);
    assert_null(stream_tls(&theirs.stream));
    const char *problem = stream_problem(&ours.stream);
    if (strstr(problem, words) == NULL) {
        fail_msg("'%s' is not in '%s'", words, problem);
    }
    close_ends();
}

static void verifies(void **state)
{
    (void)state;
    make_contexts(TLS_VERIFY_IDENTITY, TLS_1_2);
    expect_refusal("elsewhere.test", "hostname mismatch");
    expect_refusal("127.0.0.2", "IP address mismatch");
    tls_context_drop(client_side);
    client_side = context_of(&(struct tls_files){
        .side = TLS_CONNECTS, .mode = TLS_VERIFY_CA, .ca = path_of("other-ca.pem")});
    expect_refusal("localhost", "unable to get local issuer certificate");
    // No version and no cipher in common.
    drop_contexts();
    server_side = context_of(&(struct tls_files){.side = TLS_LISTENS,
                                                 .cert = path_of("server.pem"),
                                                 .key = path_of("server.key"),
                                                 .min_version = TLS_1_3});
    client_side = context_of(&(struct tls_files){.side = TLS_CONNECTS, .max_version_is_1_2 = true});
    expect_refusal("localhost", "protocol version");
}

static void asks_for_a_client_certificate(void **state)
{
    (void)state;
    static const struct {
        enum tls_mode mode;
        const char *cert, *key;
        bool is_taken;
    } rows[] = {
        {TLS_PREFERRED, NULL, NULL, true},
        {TLS_PREFERRED, "client.pem", "client.key", true},
        {TLS_PREFERRED, "other.pem", "other.key", false},
        {TLS_VERIFY_CA, NULL, NULL, false},
        {TLS_VERIFY_CA, "client.pem", "client.key", true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        drop_contexts();
        server_side = context_of(&(struct tls_files){.side = TLS_LISTENS,
                                                     .mode = rows[i].mode,
                                                     .cert = path_of("server.pem"),
                                                     .key = path_of("server.key"),
                                                     .ca = path_of("ca.pem")});
        client_side = context_of(
            &(struct tls_files){.side = TLS_CONNECTS,
                                .mode = TLS_REQUIRED,
                                .cert = rows[i].cert != NULL ? path_of(rows[i].cert) : NULL,
                                .key = rows[i].key != NULL ? path_of(rows[i].key) : NULL});
        if (!rows[i].is_taken) {
            expect_refusal("localhost", "TLS: ");
            continue;
        }
        connect_ends();
        start_tls(&(struct tls_wish){.host = "localhost"});
        exchange(10, 10, 65536);
        const struct tls_facts *facts = stream_tls(&theirs.stream);
        if (rows[i].cert == NULL) {
            assert_null(facts->subject);
            assert_null(facts->common_name);
        } else {
            assert_string_equal(facts->subject, "/O=shop/CN=app");
            assert_string_equal(facts->common_name, "app");
            assert_string_equal(facts->issuer, "/CN=ca");
        }
        close_ends();
    }
}

static void ends_a_broken_handshake(void **state)
{
    (void)state;
    make_contexts(TLS_REQUIRED, TLS_1_2);
    static const char *const garbage[] = {"GET / HTTP/1.0\r\n\r\n", "\x16\x03\x01\xff\xff",
                                          "\x16\x03\x01\x00\x05hello", "\x00"};
    for (size_t i = 0; i < sizeof garbage / sizeof garbage[0]; i++) {
        connect_ends();
        struct error error;
        assert_true(stream_start_tls(&theirs.stream, server_side, NULL, slice_of(NULL, 0), &error));
        stream_watch(&theirs.stream, WATCH_READ);
        assert_true(send(ours.stream.fd, garbage[i], strlen(garbage[i]) + 1, 0) > 0);
        turn(5);
        stream_close(&ours.stream); // half a hello, then nothing
        turn(5);
        assert_true(theirs.is_over);
        assert_true(stream_problem(&theirs.stream)[0] != '\0');
        close_ends();
    }
}

static void tells_of_bad_files(void **state)
{
    (void)state;
    static const struct {
        const char *cert, *key, *ca, *ciphers, *words;
    } rows[] = {
        {"none.pem", "server.key", NULL, NULL, "none.pem: No such file"},
        {"server.pem", "none.key", NULL, NULL, "none.key: No such file"},
        {"server.pem", "client.key", NULL, NULL, "client.key: key values mismatch"},
        {"server.key", "server.key", NULL, NULL, "server.key: no start line"},
        {"server.pem", NULL, NULL, NULL, "private key"},
        {"server.pem", "server.key", "none.pem", NULL, "none.pem: "},
        {"server.pem", "server.key", NULL, "ROT13", "ROT13: no cipher match"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct error error = {0};
        struct tls_files files = {.side = TLS_LISTENS,
                                  .cert = path_of(rows[i].cert),
                                  .key = rows[i].key != NULL ? path_of(rows[i].key) : NULL,
                                  .ca = rows[i].ca != NULL ? path_of(rows[i].ca) : NULL,
                                  .ciphers = rows[i].ciphers};
        assert_null(tls_context_new(&files, &error));
        if (strstr(error.text, rows[i].words) == NULL) {
            fail_msg("'%s' is not in '%s'", rows[i].words, error.text);
        }
    }
    struct error error = {0};
    assert_null(tls_context_new(&(struct tls_files){.side = TLS_LISTENS}, &error));
    assert_null(tls_context_new(&(struct tls_files){.side = TLS_LISTENS,
                                                    .mode = TLS_VERIFY_CA,
                                                    .cert = path_of("server.pem"),
                                                    .key = path_of("server.key")},
                                &error));
}

static int make_files(void **state)
{
    (void)state;
    char command[200];
    for (size_t i = 0; i < sizeof pattern; i++) {
        pattern[i] = (uint8_t)(i * 7 >> 3);
    }
    loop = loop_new();
    if (mkdtemp(directory) == NULL) {
        return -1;
    }
    snprintf(command, sizeof command, "tests/support/certificates %s", directory);
    return system(command);
}

static int remove_files(void **state)
{
    (void)state;
    char command[200];
    drop_contexts();
    loop_free(loop);
    snprintf(command, sizeof command, "rm -r %s", directory);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(carries_bytes),
        cmocka_unit_test(shakes_hands_by_writing),
        cmocka_unit_test(takes_what_was_read_before),
        cmocka_unit_test(pauses),
        cmocka_unit_test(resumes),
        cmocka_unit_test(verifies),
        cmocka_unit_test(asks_for_a_client_certificate),
        cmocka_unit_test(ends_a_broken_handshake),
        cmocka_unit_test(tells_of_bad_files),
    };
    return cmocka_run_group_tests(tests, make_files, remove_files);
}
