// What is learned of a password from the clients that log in.

#include "tests/unit/pool/pool_bench.h"

#include "pool/pool_impl.h"
#include "protocol/auth_native.h"
#include "protocol/auth_sha2.h"

static struct user user;

static int start(void **state)
{
    if (bench_start(state) != 0) {
        return -1;
    }
    bench.snapshot->config->users[0].server_password = NULL;
    user_init(&user);
    return 0;
}

static int finish(void **state)
{
    user_done(&user);
    return bench_finish(state);
}

static void note_clear(const char *clear)
{
    struct account_secret secret = {.kind = SECRET_CLEAR, .len = strlen(clear)};
    memcpy(secret.bytes, clear, secret.len);
    pools_note_secret(bench.pools, 0, &secret);
}

static void note_hash(enum secret_kind kind, const char *clear)
{
    struct account_secret secret = {.kind = kind};
    if (kind == SECRET_SHA1) {
        secret.len = NATIVE_BYTES;
        auth_native_hash_once(slice_of_string(clear), secret.bytes);
    } else {
        secret.len = SHA2_BYTES;
        auth_sha2_hash_once(slice_of_string(clear), secret.bytes);
    }
    pools_note_secret(bench.pools, 0, &secret);
}

static struct password known(void)
{
    struct password password;
    struct error error;
    assert_true(pools_password(bench.pools, 0, &password, &error));
    return password;
}

static void without_any_the_client_is_told_why(void **state)
{
    (void)state;
    user_get(&user, 0, NULL);
    assert_true(user.is_failed);
    assert_int_equal(user.error.code, ER_NO_SERVER_PASSWORD);
    assert_non_null(strstr(user.error.text, "set server_password"));
    assert_int_equal(bench.connection_count, 0);
    assert_int_equal(bench.troubles, 0); // it says nothing about the server
}

static void one_that_is_learned_is_used_at_once(void **state)
{
    (void)state;
    user_get(&user, 0, NULL);
    assert_true(user.is_failed);
    note_hash(SECRET_SHA1, "secret");
    user_get(&user, 0, NULL);
    assert_non_null(user.backend);
    user_give(&user);
}

static void hashes_of_two_kinds_stand_side_by_side(void **state)
{
    (void)state;
    note_hash(SECRET_SHA1, "secret");
    note_hash(SECRET_SHA256, "secret");
    assert_non_null(known().sha1);
    assert_non_null(known().sha256);
    assert_null(known().clear.ptr);
    note_hash(SECRET_SHA1, "changed");
    assert_non_null(known().sha1);
    assert_null(known().sha256);
}

static void a_password_is_worth_more_than_its_hash(void **state)
{
    (void)state;
    note_clear("secret");
    note_hash(SECRET_SHA1, "secret");
    note_hash(SECRET_SHA256, "secret");
    assert_true(slice_equal(known().clear, slice_of_string("secret")));
    note_hash(SECRET_SHA256, "changed");
    assert_null(known().clear.ptr);
    assert_non_null(known().sha256);
    note_clear("");
    assert_non_null(known().clear.ptr);
    assert_int_equal(known().clear.len, 0);
}

static void the_configuration_s_own_comes_first(void **state)
{
    (void)state;
    note_clear("secret");
    bench.snapshot->config->users[0].server_password = "other";
    assert_true(slice_equal(known().clear, slice_of_string("other")));
    note_clear("third");
    pools_set_snapshot(bench.pools, bench.snapshot); // drops what is not used
    bench.snapshot->config->users[0].server_password = NULL;
    struct password password;
    struct error error;
    assert_false(pools_password(bench.pools, 0, &password, &error));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, finish)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(without_any_the_client_is_told_why),     TEST(one_that_is_learned_is_used_at_once),
        TEST(hashes_of_two_kinds_stand_side_by_side), TEST(a_password_is_worth_more_than_its_hash),
        TEST(the_configuration_s_own_comes_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
