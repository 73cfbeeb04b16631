// Addresses in all their spellings, and connections over TCP and a local socket.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/sock.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

static void parse(struct address *address, const char *text)
{
    char why[200] = "";
    if (!address_parse(address, text, why, sizeof why)) {
        fail_msg("%s: %s", text, why);
    }
}

static void prints_what_it_parsed(void **state)
{
    (void)state;
    const char *texts[] = {"127.0.0.1:3306", "[::1]:4000", "/tmp/some.sock"};
    for (int i = 0; i < 3; i++) {
        struct address address;
        char text[ADDRESS_TEXT_BYTES];
        parse(&address, texts[i]);
        address_print(&address, text);
        assert_string_equal(text, texts[i]);
    }
}

static void says_what_is_wrong(void **state)
{
    (void)state;
    char long_path[300];
    memset(long_path, 'x', sizeof long_path);
    long_path[0] = '/';
    long_path[299] = '\0';
    const char *texts[] = {"localhost", "127.0.0.1:", "127.0.0.1:65536", "::1:3306",
                           ":3306",     "[::1]",      "1.2.3.4:x",       long_path};
    for (int i = 0; i < 8; i++) {
        struct address address;
        char why[200] = "";
        assert_false(address_parse(&address, texts[i], why, sizeof why));
        assert_true(strlen(why) > 0);
    }
}

static int accept_when_ready(int listener, struct address *peer)
{
    struct pollfd wait = {.fd = listener, .events = POLLIN};
    assert_int_equal(poll(&wait, 1, 5000), 1);
    return sock_accept(listener, peer);
}

static void talks(struct address *address)
{
    struct address peer;
    int listener = sock_listen(address, true, 16);
    assert_true(listener >= 0);
    if (address->at.any.sa_family == AF_INET) {
        socklen_t len = sizeof address->at;
        assert_int_equal(getsockname(listener, &address->at.any, &len), 0);
    }
    int none = sock_accept(listener, &peer);
    assert_true(none < 0 && errno == EAGAIN);
    int client = sock_connect(address);
    assert_true(client >= 0);
    int server = accept_when_ready(listener, &peer);
    assert_true(server >= 0);
    struct pollfd wait = {.fd = client, .events = POLLOUT};
    assert_int_equal(poll(&wait, 1, 5000), 1);
    assert_int_equal(sock_error(client), 0);
    char text[ADDRESS_TEXT_BYTES];
    address_print(&peer, text);
    assert_true(strlen(text) > 0);
    char byte = 'x';
    assert_int_equal(write(client, &byte, 1), 1);
    struct pollfd readable = {.fd = server, .events = POLLIN};
    assert_int_equal(poll(&readable, 1, 5000), 1);
    assert_int_equal(read(server, &byte, 1), 1);
    sock_close(client);
    sock_close(server);
    sock_close(listener);
}

static void connects_over_tcp(void **state)
{
    (void)state;
    struct address address;
    parse(&address, "127.0.0.1:0");
    talks(&address);
}

static void connects_over_a_local_socket(void **state)
{
    (void)state;
    struct address address;
    char path[64];
    snprintf(path, sizeof path, "/tmp/waybill-test-%d.sock", (int)getpid());
    parse(&address, path);
    talks(&address);
    talks(&address); // the stale file is no obstacle
    int first = sock_listen(&address, false, 1);
    assert_true(first >= 0);
    int second = sock_listen(&address, false, 1);
    assert_int_equal(second, -1); // but a living listener is
    sock_close(first);
    unlink(path);
}

static int option(int fd, int level, int name)
{
    int value = 0;
    socklen_t len = sizeof value;
    assert_int_equal(getsockopt(fd, level, name, &value, &len), 0);
    return value;
}

static void both_ends_are_tuned(void **state)
{
    (void)state;
    struct address address, peer;
    parse(&address, "127.0.0.1:0");
    int listener = sock_listen(&address, false, 1);
    socklen_t len = sizeof address.at;
    assert_int_equal(getsockname(listener, &address.at.any, &len), 0);
    int ends[2] = {sock_connect(&address), -1};
    ends[1] = accept_when_ready(listener, &peer);
    for (int i = 0; i < 2; i++) {
        assert_int_not_equal(option(ends[i], IPPROTO_TCP, TCP_NODELAY), 0);
        assert_int_not_equal(option(ends[i], SOL_SOCKET, SO_KEEPALIVE), 0);
        sock_close(ends[i]);
    }
    sock_close(listener);
}

static void says_refused(void **state)
{
    (void)state;
    struct address address;
    parse(&address, "127.0.0.1:0");
    int listener = sock_listen(&address, false, 1);
    socklen_t len = sizeof address.at;
    assert_int_equal(getsockname(listener, &address.at.any, &len), 0);
    sock_close(listener);
    int client = sock_connect(&address);
    if (client < 0) {
        assert_int_equal(errno, ECONNREFUSED);
        return;
    }
    struct pollfd wait = {.fd = client, .events = POLLOUT};
    assert_int_equal(poll(&wait, 1, 5000), 1);
    assert_int_equal(sock_error(client), ECONNREFUSED);
    sock_close(client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prints_what_it_parsed), cmocka_unit_test(says_what_is_wrong),
        cmocka_unit_test(connects_over_tcp),     cmocka_unit_test(connects_over_a_local_socket),
        cmocka_unit_test(both_ends_are_tuned),   cmocka_unit_test(says_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
