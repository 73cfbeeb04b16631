// How the servers are spoken to, in the configuration: TLS and compression for all and for one,
// every mistake with its line, and a second reading, as a reload does it.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cluster/config.h"

#define A    "[server a]\naddress = 127.0.0.1:3301\n"
#define B    "[server b]\naddress = 127.0.0.1:3302\n"
#define REST "[shard s1]\nservers = a, b\nbuckets = 0-4095\n[user app]\npassword = secret\n"

static char directory[] = "/tmp/waybill-config-link-XXXXXX";
static struct text errors;

// $D in the lines stands for the directory of the certificates.
static struct config *read_lines(const char *lines, const struct config *before)
{
    struct text whole;
    text_init(&whole);
    for (const char *at = lines; *at != '\0'; at++) {
        if (at[0] == '$' && at[1] == 'D') {
            text_add_string(&whole, directory);
            at++;
        } else {
            text_add(&whole, at, 1);
        }
    }
    errors.len = 0;
    struct config *config = config_read_text(text_slice(&whole), "w.ini", before, &errors);
    text_add(&errors, "", 1);
    text_done(&whole);
    return config;
}

static struct config *read_good(const char *lines, const struct config *before)
{
    struct config *config = read_lines(lines, before);
    if (config == NULL) {
        fail_msg("%s", (const char *)errors.ptr);
    }
    return config;
}

static void expect_error(const char *lines, const char *line_and_begin, const char *more)
{
    assert_null(read_lines(lines, NULL));
    const char *found = (const char *)errors.ptr;
    if (strncmp(found, line_and_begin, strlen(line_and_begin)) != 0 ||
        strstr(found, more) == NULL) {
        fail_msg("'%s' is not '%s...%s'", found, line_and_begin, more);
    }
    assert_ptr_equal(strchr(found, '\n'), strrchr(found, '\n')); // no second complaint
}

static void shell(const char *commands)
{
    char line[400];
    snprintf(line, sizeof line, "cd %s && %s", directory, commands);
    assert_int_equal(system(line), 0);
}

static const struct server_link *link_of(const struct config *config, size_t server)
{
    return &config->servers[server].link;
}

static void nothing_is_nothing(void **state)
{
    (void)state;
    struct config *config = read_good(A B REST, NULL);
    assert_int_equal(link_of(config, 0)->tls.mode, TLS_DISABLED);
    assert_null(link_of(config, 0)->tls.context);
    assert_int_equal(link_of(config, 0)->compression, SERVER_COMPRESSION_OFF);
    config_free(config);
}

static void a_server_has_its_own(void **state)
{
    (void)state;
    struct config *config =
        read_good("[waybill]\nserver_tls = verify-ca\nserver_tls_ca = $D/ca.pem\n"
                  "server_compression = zlib\n" A B
                  "tls = verify-identity\ntls_min_version = TLSv1.3\ncompression = zstd\n" REST,
                  NULL);
    const struct server_link *a = link_of(config, 0), *b = link_of(config, 1);
    assert_int_equal(a->tls.mode, TLS_VERIFY_CA);
    assert_int_equal(a->tls.min_version, TLS_1_2);
    assert_int_equal(a->compression, SERVER_COMPRESSION_ZLIB);
    assert_int_equal(b->tls.mode, TLS_VERIFY_IDENTITY);
    assert_int_equal(b->tls.min_version, TLS_1_3);
    assert_string_equal(b->tls.ca, a->tls.ca);
    assert_int_equal(b->compression, SERVER_COMPRESSION_ZSTD);
    assert_false(server_link_is_same(a, b));
    config_free(config);
}

static void who_is_alike_shares_a_context(void **state)
{
    (void)state;
    struct config *config = read_good("[waybill]\nserver_tls = required\n" A B REST, NULL);
    assert_non_null(link_of(config, 0)->tls.context);
    assert_ptr_equal(link_of(config, 0)->tls.context, link_of(config, 1)->tls.context);
    assert_true(server_link_is_same(link_of(config, 0), link_of(config, 1)));
    config_free(config);
}

static void unused_files_are_not_read(void **state)
{
    (void)state;
    config_free(
        read_good("[waybill]\nserver_tls_ca = /nowhere\n" A B "tls_key = /nowhere\n" REST, NULL));
}

static void mistakes(void **state)
{
    (void)state;
    expect_error(A B "tls = on\n" REST, "w.ini:5: tls is one of disabled, preferred,", "not 'on'");
    expect_error(A B "compression = gzip\n" REST, "w.ini:5: compression is one of off, zlib,", "");
    expect_error("[waybill]\nserver_compression = lz4\n" A B REST,
                 "w.ini:2: server_compression is one of off|zlib|zstd", "");
    expect_error("[waybill]\nserver_tls = required\nserver_tls_ca = $D/none.pem\n" A B REST,
                 "w.ini:3: /tmp/", "none.pem can't be read: No such file");
    expect_error(A "tls = required\ntls_cert = $D/none.pem\n" B REST, "w.ini:4: /tmp/",
                 "none.pem can't be read: No such file");
    expect_error(A "tls = verify-ca\ntls_ca = $D/server.key\n" B REST,
                 "w.ini:4: TLS towards servers: CA file /tmp/", "server.key");
    expect_error(A "tls = required\ntls_key = $D/other.key\ntls_cert = $D/client.pem\n" B REST,
                 "w.ini:4: TLS towards servers: private key /tmp/", "key values mismatch");
    expect_error(A "tls_cert = $D/ca.key\n" B "tls_cert = $D/ca.key\ntls = preferred\n" REST,
                 "w.ini:6: TLS towards servers: certificate /tmp/", "ca.key");
    expect_error(A "tls = required\ntls_ca = /dev/zero\n" B REST, "w.ini:4: /dev/zero can't be",
                 "File too large");
}

#define TRUSTING                                                                                   \
    "[waybill]\nserver_tls = verify-ca\nserver_tls_ca = $D/now.pem\n" A B                          \
    "tls_ca = $D/ca.pem\n" REST

static void a_reload_reads_the_files_again(void **state)
{
    (void)state;
    shell("cp ca.pem now.pem");
    struct config *first = read_good(TRUSTING, NULL);
    struct config *second = read_good(TRUSTING, first);
    assert_true(server_link_is_same(link_of(first, 0), link_of(second, 0)));
    assert_ptr_equal(link_of(first, 0)->tls.context, link_of(second, 0)->tls.context);
    config_free(first);
    shell("cp other-ca.pem now.pem");
    struct config *third = read_good(TRUSTING, second);
    assert_false(server_link_is_same(link_of(second, 0), link_of(third, 0)));
    assert_ptr_not_equal(link_of(second, 0)->tls.context, link_of(third, 0)->tls.context);
    assert_true(server_link_is_same(link_of(second, 1), link_of(third, 1)));
    config_free(second);
    config_free(third);
}

static void what_the_system_trusts_is_read_anew(void **state)
{
    (void)state;
    static const char lines[] = "[waybill]\nserver_tls = verify-identity\n" A B REST;
    struct config *first = read_good(lines, NULL);
    struct config *second = read_good(lines, first);
    assert_ptr_not_equal(link_of(first, 0)->tls.context, link_of(second, 0)->tls.context);
    assert_true(server_link_is_same(link_of(first, 0), link_of(second, 0)));
    config_free(first);
    config_free(second);
}

static int make_certificates(void **state)
{
    (void)state;
    char line[200];
    text_init(&errors);
    if (mkdtemp(directory) == NULL) {
        return -1;
    }
    snprintf(line, sizeof line, "tests/support/certificates %s", directory);
    return system(line);
}

static int remove_certificates(void **state)
{
    (void)state;
    char line[200];
    text_done(&errors);
    snprintf(line, sizeof line, "rm -r %s", directory);
    return system(line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_nothing),
        cmocka_unit_test(a_server_has_its_own),
        cmocka_unit_test(who_is_alike_shares_a_context),
        cmocka_unit_test(unused_files_are_not_read),
        cmocka_unit_test(mistakes),
        cmocka_unit_test(a_reload_reads_the_files_again),
        cmocka_unit_test(what_the_system_trusts_is_read_anew),
    };
    return cmocka_run_group_tests(tests, make_certificates, remove_certificates);
}
