// TLS towards clients in the configuration: what makes a context, every mistake with its line, and
// a second reading, as a reload does it, that takes new files or leaves the running context alone.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "cluster/config.h"

#define REST                                                                                       \
    "[server a]\naddress = 127.0.0.1:3301\n[shard s1]\nservers = a\nbuckets = 0-4095\n"            \
    "[user app]\npassword = secret\n"

static char directory[] = "/tmp/waybill-config-tls-XXXXXX";

// $D in the lines stands for the directory of the certificates.
static struct config *read_lines(const char *lines, struct text *errors)
{
    struct text whole;
    text_init(&whole);
    text_add_string(&whole, "[waybill]\n");
    for (const char *at = lines; *at != '\0'; at++) {
        if (at[0] == '$' && at[1] == 'D') {
            text_add_string(&whole, directory);
            at++;
        } else {
            text_add(&whole, at, 1);
        }
    }
    struct config *config = config_read_text(text_slice(&whole), "w.ini", NULL, errors);
    text_done(&whole);
    return config;
}

static void expect_context(const char *lines, bool has_context)
{
    struct text errors;
    text_init(&errors);
    struct config *config = read_lines(lines, &errors);
    text_add(&errors, "", 1);
    assert_string_equal((const char *)errors.ptr, "");
    assert_non_null(config);
    assert_int_equal(config->client_tls != NULL, has_context);
    config_free(config);
    text_done(&errors);
}

static void expect_error(const char *lines, const char *line_and_begin, const char *more)
{
    struct text errors;
    text_init(&errors);
    assert_null(read_lines(lines, &errors));
    text_add(&errors, "", 1);
    const char *found = (const char *)errors.ptr;
    if (strncmp(found, line_and_begin, strlen(line_and_begin)) != 0 ||
        strstr(found, more) == NULL) {
        fail_msg("'%s' is not '%s...%s'", found, line_and_begin, more);
    }
    assert_ptr_equal(strchr(found, '\n'), strrchr(found, '\n')); // no second complaint
    text_done(&errors);
}

#define CERT "tls_cert = $D/server.pem\ntls_key = $D/server.key\n"

static void when_there_is_a_context(void **state)
{
    (void)state;
    expect_context(REST, false);
    expect_context("tls = preferred\n" REST, false);
    expect_context("tls = disabled\n" CERT REST, false);
    expect_context("tls = disabled\ntls_cert = /nowhere\n" REST, false);
    expect_context(CERT REST, true);
    expect_context("tls = required\n" CERT REST, true);
    expect_context("tls = verify-ca\ntls_ca = $D/ca.pem\n" CERT REST, true);
    expect_context("tls = verify-identity\ntls_ca = $D/ca.pem\n" CERT REST, true);
    expect_context("tls_min_version = TLSv1.3\ntls_ciphers = TLS_AES_128_GCM_SHA256\n" CERT REST,
                   true);
    expect_context("tls_cert = $D/both.pem\n" REST, true);
    expect_context(CERT REST "require = ssl\n", true);
    expect_context("tls_ca = $D/ca.pem\n" CERT REST "require = subject '/CN=x'\n", true);
}

static void mistakes(void **state)
{
    (void)state;
    expect_error("tls = required\n" REST, "w.ini:2: tls = required needs a tls_cert", "");
    expect_error("tls = on\n" REST, "w.ini:2: tls is one of disabled|preferred|", "not 'on'");
    expect_error("tls_key = $D/server.key\ntls_cert = $D/none.pem\n" REST,
                 "w.ini:3: tls_cert: certificate /tmp/", "none.pem: No such file");
    expect_error("tls_cert = $D/server.pem\ntls_key = $D/none.key\n" REST,
                 "w.ini:3: tls_key: private key /tmp/", "none.key: No such file");
    expect_error("tls_cert = $D/server.pem\ntls_key = $D/client.key\n" REST,
                 "w.ini:3: tls_key: private key /tmp/", "client.key: key values mismatch");
    expect_error("tls_cert = $D/server.pem\n" REST, "w.ini:2: tls_cert: private key /tmp/",
                 "server.pem");
    expect_error(CERT "tls_ca = $D/server.key\n" REST, "w.ini:4: tls_ca: CA file /tmp/",
                 "server.key");
    expect_error("tls = verify-ca\n" CERT REST, "w.ini:2: tls: clients' certificates need a CA",
                 "");
    expect_error(CERT "tls_ciphers = NOTHING\n" REST, "w.ini:4: tls_ciphers: ciphers NOTHING", "");
    expect_error(CERT "tls_min_version = SSLv3\n" REST, "w.ini:4: tls_min_version is one of", "");
    expect_error("compression = gzip\n" REST, "w.ini:2: compression is one of off|zlib|zstd|both",
                 "");
    expect_error(REST "require = ssl\n", "w.ini:9: require = ssl, but there is no TLS", "");
    expect_error("tls = disabled\n" CERT REST "require = x509\n",
                 "w.ini:12: require = x509, but there is no TLS", "");
    expect_error(CERT REST "require = x509\n", "w.ini:11: require = x509, but there is no tls_ca",
                 "");
    expect_error(CERT REST "require = issuer '/CN=ca'\n", "w.ini:11: require = issuer", "tls_ca");
}

// Inside the directory.
static void shell(const char *commands)
{
    char line[400];
    snprintf(line, sizeof line, "cd %s && %s", directory, commands);
    assert_int_equal(system(line), 0);
}

static void every_reading_makes_its_own(void **state)
{
    (void)state;
    struct text errors;
    text_init(&errors);
    struct config *first = read_lines(CERT REST, &errors);
    struct tls_context *kept = tls_context_hold(first->client_tls); // a connection's
    shell("cp second.pem server.pem");
    assert_null(read_lines(CERT REST, &errors)); // the key is still the old one
    shell("cp second.key server.key");
    errors.len = 0;
    struct config *second = read_lines(CERT REST, &errors);
    assert_non_null(second);
    assert_ptr_not_equal(second->client_tls, first->client_tls);
    config_free(first);
    config_free(second);
    tls_context_drop(kept);
    text_done(&errors);
}

static int make_certificates(void **state)
{
    (void)state;
    if (mkdtemp(directory) == NULL) {
        return -1;
    }
    char line[200];
    snprintf(line, sizeof line, "tests/support/certificates %s", directory);
    if (system(line) != 0) {
        return -1;
    }
    shell("umask 077 && cat server.pem server.key > both.pem");
    return 0;
}

static int remove_certificates(void **state)
{
    (void)state;
    char command[200];
    snprintf(command, sizeof command, "rm -r %s", directory);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(when_there_is_a_context),
        cmocka_unit_test(mistakes),
        cmocka_unit_test(every_reading_makes_its_own),
    };
    return cmocka_run_group_tests(tests, make_certificates, remove_certificates);
}
