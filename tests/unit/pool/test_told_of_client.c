// What a server is told of the client for whom a connection is opened: the PROXY protocol's header,
// connection attributes, and whose connection it is then.

#include "tests/unit/pool/pool_bench.h"

#include "pool/pool_impl.h"
#include "protocol/bytes.h"

static struct text out;

static struct address address_of(const char *text)
{
    struct address address;
    char why[100];
    assert_true(address_parse(&address, text, why, sizeof why));
    return address;
}

static void expect_v1(const char *client, const char *server, const char *expected)
{
    struct address from = address_of(client);
    struct address to = address_of(server);
    out.len = 0;
    told_proxy_write(&out, SERVER_PROXY_V1, &from, &to);
    assert_int_equal(out.len, strlen(expected));
    assert_memory_equal(out.ptr, expected, out.len);
}

static void test_v1(void **state)
{
    (void)state;
    text_init(&out);
    expect_v1("10.1.2.3:51234", "10.0.0.5:3306", "PROXY TCP4 10.1.2.3 10.0.0.5 51234 3306\r\n");
    expect_v1("[2001:db8::1]:51234", "[2001:db8::5]:3306",
              "PROXY TCP6 2001:db8::1 2001:db8::5 51234 3306\r\n");
    expect_v1("[2001:db8::1]:51234", "10.0.0.5:3306",
              "PROXY TCP6 2001:db8::1 ::ffff:10.0.0.5 51234 3306\r\n");
    expect_v1("[::ffff:10.1.2.3]:51234", "10.0.0.5:3306",
              "PROXY TCP4 10.1.2.3 10.0.0.5 51234 3306\r\n");
    expect_v1("/run/waybill.sock", "10.0.0.5:3306", "PROXY UNKNOWN\r\n");
    text_done(&out);
}

static void test_v2(void **state)
{
    (void)state;
    struct address from = address_of("10.1.2.3:51234");
    struct address to = address_of("10.0.0.5:3306");
    static const uint8_t v4[] = {0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49,
                                 0x54, 0x0a, 0x21, 0x11, 0,    12,   10,   1,    2,    3,
                                 10,   0,    0,    5,    0xc8, 0x22, 0x0c, 0xea};
    text_init(&out);
    told_proxy_write(&out, SERVER_PROXY_V2, &from, &to);
    assert_int_equal(out.len, sizeof v4);
    assert_memory_equal(out.ptr, v4, sizeof v4);
    from = address_of("[2001:db8::1]:51234");
    out.len = 0;
    told_proxy_write(&out, SERVER_PROXY_V2, &from, &to);
    assert_int_equal(out.len, 16 + 36);
    assert_memory_equal(out.ptr + 12, "\x21\x21\x00\x24\x20\x01\x0d\xb8", 8);
    assert_memory_equal(out.ptr + 16 + 16 + 10, "\xff\xff\x0a\x00\x00\x05", 6);
    out.len = 0;
    told_proxy_write(&out, SERVER_PROXY_V2, NULL, &to);
    assert_int_equal(out.len, 16);
    assert_memory_equal(out.ptr + 12, "\x20\x00\x00\x00", 4);
    out.len = 0;
    told_proxy_write(&out, SERVER_PROXY_OFF, &from, &to);
    assert_int_equal(out.len, 0);
    text_done(&out);
}

// The value of an attribute in `out`; NULL when there is none.
static const char *attribute(const char *wanted)
{
    static char text[1024];
    struct reader reader = reader_of(text_slice(&out));
    while (reader_left(&reader) > 0) {
        struct slice name = read_lenenc_bytes(&reader);
        struct slice value = read_lenenc_bytes(&reader);
        assert_false(reader.is_bad);
        if (slice_equal(name, slice_of_string(wanted))) {
            memcpy(text, value.ptr, value.len);
            text[value.len] = '\0';
            return text;
        }
    }
    return NULL;
}

static void test_attributes(void **state)
{
    (void)state;
    struct address address = address_of("10.1.2.3:51234");
    struct pool_client client = {.address = &address};
    struct text theirs;
    text_init(&theirs);
    write_lenenc_bytes(&theirs, slice_of_string("_client_name"));
    write_lenenc_bytes(&theirs, slice_of_string("libmariadb"));
    write_lenenc_bytes(&theirs, slice_of_string("a_name_that_is_too_long_for_the_servers"));
    write_lenenc_bytes(&theirs, slice_of_string("x"));
    write_lenenc_bytes(&theirs, slice_of_string("client.address"));
    write_lenenc_bytes(&theirs, slice_of_string("a lie"));
    text_add(&theirs, "\xfe\xff\xff\xff\xff\xff\xff\xff\xff", 9); // an absurd length
    client.attributes = text_slice(&theirs);
    text_init(&out);
    told_attributes_write(&out, &client, "shop");
    assert_string_equal(attribute("_client_name"), "waybill");
    assert_string_equal(attribute("program_name"), "waybill");
    assert_non_null(attribute("_pid"));
    assert_string_equal(attribute("client.user"), "shop");
    assert_string_equal(attribute("client.address"), "10.1.2.3:51234");
    assert_string_equal(attribute("client._client_name"), "libmariadb");
    assert_string_equal(attribute("client.client.address"), "a lie");
    assert_null(attribute("client.a_name_that_is_too_long_for_the_servers"));
    text_done(&out);
    text_done(&theirs);
}

static void test_endless_attributes(void **state)
{
    (void)state;
    struct pool_client client = {0};
    struct text theirs;
    text_init(&theirs);
    for (int i = 0; i < 10000; i++) {
        write_lenenc_bytes(&theirs, slice_of_string("name"));
        write_lenenc_bytes(&theirs, slice_of_string("value"));
    }
    client.attributes = text_slice(&theirs);
    text_init(&out);
    told_attributes_write(&out, &client, "shop");
    assert_true(out.len < 4096);
    text_done(&out);
    text_done(&theirs);
}

// ---- whose connection it is

static struct user user, other;
static struct address first_address, second_address;

static int start(void **state)
{
    user_init(&user);
    user_init(&other);
    first_address = address_of("10.1.2.3:1000");
    second_address = address_of("10.1.2.4:1000");
    return bench_start(state);
}

static int finish(void **state)
{
    user_done(&user);
    user_done(&other);
    return bench_finish(state);
}

static void get(struct user *who, const struct address *address)
{
    struct pool_want want = want_of(0, NULL);
    want.client.address = address;
    who->backend = pool_take(bench.pools, &want, &who->backend_user);
    if (who->backend == NULL) {
        pool_wait(bench.pools, &want, &who->waiter);
    }
    for (int i = 0; i < 200 && who->backend == NULL && !who->is_failed; i++) {
        turn();
    }
    assert_non_null(who->backend);
}

static void without_a_header_anybody_has_it(void **state)
{
    (void)state;
    get(&user, &first_address);
    user_give(&user);
    get(&other, &second_address);
    user_give(&other);
    assert_int_equal(bench.connection_count, 1);
    assert_int_equal(bench.header_bytes, 0);
}

static void with_a_header_it_belongs_to_one_address(void **state)
{
    (void)state;
    bench.snapshot->config->servers[0].link.proxy = SERVER_PROXY_V2;
    bench.header_bytes = 28;
    get(&user, &first_address);
    user_give(&user);
    get(&other, &second_address);
    user_give(&other);
    assert_int_equal(bench.connection_count, 2);
    first_address = address_of("10.1.2.3:2000"); // another connection of the same client
    get(&user, &first_address);
    user_give(&user);
    assert_int_equal(bench.connection_count, 2);
    struct pool_figures figures[4];
    assert_int_equal(pools_figures(bench.pools, figures, 4), 2);
    assert_int_equal(figures[0].taken + figures[1].taken, 3);
}

static void a_client_that_is_gone_leaves_nothing_but_figures(void **state)
{
    (void)state;
    bench.snapshot->config->servers[0].link.proxy = SERVER_PROXY_V2;
    bench.snapshot->config->settings.pool_idle_ms = 1;
    bench.header_bytes = 28;
    get(&user, &first_address);
    user_give(&user);
    get(&other, &second_address);
    user_give(&other);
    struct pool_figures figures[4];
    for (int i = 0; i < 100 && pools_figures(bench.pools, figures, 4) > 1; i++) {
        turn();
    }
    assert_int_equal(pools_figures(bench.pools, figures, 4), 1);
    assert_int_equal(figures[0].taken, 2);
    assert_int_equal(figures[0].opened, 2);
    assert_int_equal(figures[0].closed, 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, finish)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_v1),
        cmocka_unit_test(test_v2),
        cmocka_unit_test(test_attributes),
        cmocka_unit_test(test_endless_attributes),
        TEST(without_a_header_anybody_has_it),
        TEST(with_a_header_it_belongs_to_one_address),
        TEST(a_client_that_is_gone_leaves_nothing_but_figures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
