// Values as keys, and keys as shards: every spelling that is one key, and every one that is not
// certain.

#include "router/value.h"
#include "tests/unit/router/route_fixture.h"

struct key_case {
    enum key_type type;
    enum value_kind kind;
    bool is_negative;
    const char *bytes;
    const char *compared, *stored; // canonical, or NULL: not certain
};

// clang-format off
static const struct key_case key_cases[] = {
    {KEY_INTEGER, VALUE_INTEGER, false, "5", "5", "5"},
    {KEY_INTEGER, VALUE_INTEGER, true, "5", "-5", "-5"},
    {KEY_INTEGER, VALUE_INTEGER, true, "0", "0", "0"},
    {KEY_INTEGER, VALUE_INTEGER, false, "0005", "5", "5"},
    {KEY_INTEGER, VALUE_INTEGER, false, "18446744073709551615", "18446744073709551615", "18446744073709551615"},
    {KEY_INTEGER, VALUE_INTEGER, false, "18446744073709551616", NULL, NULL},
    {KEY_INTEGER, VALUE_INTEGER, true, "9223372036854775808", "-9223372036854775808", "-9223372036854775808"},
    {KEY_INTEGER, VALUE_INTEGER, true, "9223372036854775809", NULL, NULL},
    {KEY_INTEGER, VALUE_STRING, false, "05", "5", "5"},
    {KEY_INTEGER, VALUE_STRING, false, "-05", "-5", "-5"},
    {KEY_INTEGER, VALUE_STRING, false, "+5", "5", "5"},
    {KEY_INTEGER, VALUE_STRING, false, "-0", "0", "0"},
    {KEY_INTEGER, VALUE_STRING, false, "", NULL, NULL},
    {KEY_INTEGER, VALUE_STRING, false, "-", NULL, NULL},
    {KEY_INTEGER, VALUE_STRING, false, " 5", NULL, NULL},
    {KEY_INTEGER, VALUE_STRING, false, "5 ", NULL, NULL},
    {KEY_INTEGER, VALUE_STRING, false, "5.0", NULL, NULL},
    {KEY_INTEGER, VALUE_STRING, false, "5e0", NULL, NULL},
    {KEY_INTEGER, VALUE_DECIMAL, false, "5.00", NULL, "5"},
    {KEY_INTEGER, VALUE_DECIMAL, true, "5.", NULL, "-5"},
    {KEY_INTEGER, VALUE_DECIMAL, false, "5.01", NULL, NULL},
    {KEY_INTEGER, VALUE_DECIMAL, false, ".0", NULL, NULL},
    {KEY_INTEGER, VALUE_BOOL, false, "1", NULL, "1"},
    {KEY_INTEGER, VALUE_NULL, false, "", NULL, NULL},
    {KEY_INTEGER, VALUE_DEFAULT, false, "", NULL, NULL},
    {KEY_INTEGER, VALUE_UNKNOWN, false, "", NULL, NULL},
    {KEY_INTEGER, VALUE_DATE, false, "2024-01-01", NULL, NULL},
    {KEY_STRING, VALUE_STRING, false, "AbC  ", "abc", "abc"},
    {KEY_STRING, VALUE_STRING, false, " a", " a", " a"},
    {KEY_STRING, VALUE_STRING, false, "", "", ""},
    {KEY_STRING, VALUE_STRING, false, "a\tb", NULL, NULL},
    {KEY_STRING, VALUE_STRING, false, "\xc3\xa4", NULL, NULL},
    {KEY_STRING, VALUE_INTEGER, true, "007", NULL, "-7"},
    {KEY_STRING, VALUE_DECIMAL, false, "7.0", NULL, NULL},
    {KEY_BINARY, VALUE_STRING, false, "AbC  ", "AbC  ", "AbC  "},
    {KEY_BINARY, VALUE_STRING, false, "\x01", NULL, NULL},
    {KEY_DATE, VALUE_STRING, false, "0000-01-01", NULL, NULL},
    {KEY_DATE, VALUE_STRING, false, "2023-02-29", NULL, NULL},
    {KEY_DATE, VALUE_STRING, false, "2024-00-01", NULL, NULL},
    {KEY_DATE, VALUE_STRING, false, "2024-02-29", "739250", "739250"},
    {KEY_DATE, VALUE_DATE, false, "2024-02-29", "739250", "739250"},
    {KEY_DATE, VALUE_STRING, false, "2024-02-29 23:59:59", "739250", "739250"},
    {KEY_DATE, VALUE_STRING, false, "2024-02-29T10:00:00", "739250", "739250"},
    {KEY_DATE, VALUE_STRING, false, "2024-02-29 23:59:58.999999", "739250", "739250"},
    {KEY_DATE, VALUE_STRING, false, "2024-02-29 23:59:59.5", NULL, NULL},
    {KEY_DATE, VALUE_STRING, false, "2024-02-29 24:00:00", NULL, NULL},
    {KEY_DATE, VALUE_STRING, false, "2024-02-29 10:00", NULL, NULL},
    {KEY_DATE, VALUE_STRING, false, "2024-02-29 10-00-00", NULL, NULL},
    {KEY_DATE, VALUE_STRING, false, "2024-2-29", NULL, NULL},
    {KEY_DATE, VALUE_STRING, false, "24-02-29", NULL, NULL},
    {KEY_DATE, VALUE_STRING, false, "2024-02", NULL, NULL},
    {KEY_DATE, VALUE_INTEGER, false, "20240229", NULL, NULL},
};
// clang-format on

static void check_key(struct arena *arena, const struct key_case *one, enum key_use use,
                      const char *expected)
{
    struct value value = {one->kind, one->is_negative, slice_of_string(one->bytes)};
    struct shard_key key;
    const char *why = NULL;
    bool is_certain = value_to_key(arena, one->type, use, &value, &key, &why);
    if (is_certain != (expected != NULL) ||
        (is_certain && !slice_equal(key.bytes, slice_of_string(expected)))) {
        fail_msg("'%s' %s gives %.*s, expected %s", one->bytes,
                 use == KEY_STORED ? "stored" : "compared", is_certain ? (int)key.bytes.len : 0,
                 is_certain ? (const char *)key.bytes.ptr : "", expected == NULL ? "-" : expected);
    }
    if (!is_certain) {
        assert_true(strlen(why) > 4);
    }
}

static void values_as_keys(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL);
    for (size_t i = 0; i < sizeof key_cases / sizeof key_cases[0]; i++) {
        check_key(&arena, &key_cases[i], KEY_COMPARED, key_cases[i].compared);
        check_key(&arena, &key_cases[i], KEY_STORED, key_cases[i].stored);
    }
    arena_clear(&arena);
}

static void values_as_ids(void **state)
{
    (void)state;
    static const struct {
        struct value value;
        enum id_kind kind;
        uint64_t id;
        bool wants;
    } cases[] = {
        {{VALUE_INTEGER, false, {(const uint8_t *)"77", 2}}, ID_KNOWN, 77, false},
        {{VALUE_STRING, false, {(const uint8_t *)"077", 3}}, ID_KNOWN, 77, false},
        {{VALUE_INTEGER, true, {(const uint8_t *)"77", 2}}, ID_IMPOSSIBLE, 0, false},
        {{VALUE_INTEGER, false, {(const uint8_t *)"0", 1}}, ID_IMPOSSIBLE, 0, true},
        {{VALUE_STRING, false, {(const uint8_t *)"0", 1}}, ID_IMPOSSIBLE, 0, true},
        {{VALUE_NULL, false, {NULL, 0}}, ID_IMPOSSIBLE, 0, true},
        {{VALUE_DEFAULT, false, {NULL, 0}}, ID_UNKNOWN, 0, true},
        {{VALUE_UNKNOWN, false, {NULL, 0}}, ID_UNKNOWN, 0, false},
        {{VALUE_INTEGER, false, {(const uint8_t *)"9223372036854775808", 19}},
         ID_IMPOSSIBLE,
         0,
         false},
    };
    struct arena arena;
    arena_init(&arena, NULL);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint64_t id = 0;
        assert_int_equal(value_to_id(&arena, &cases[i].value, &id), cases[i].kind);
        assert_int_equal(value_wants_id(&cases[i].value), cases[i].wants);
        if (cases[i].kind == ID_KNOWN) {
            assert_true(id == cases[i].id);
        }
    }
    arena_clear(&arena);
}

// The bucket of a key is stored with every row: these figures may never change.
static void buckets_never_change(void **state)
{
    (void)state;
    assert_int_equal(bucket_of_key(slice_of_string("1")), 2939);
    assert_int_equal(bucket_of_key(slice_of_string("12345")), 3183);
    assert_int_equal(bucket_of_key(slice_of_string("abc")), 1099);
    assert_int_equal(bucket_of_key(slice_of_string("")), 3828);
}

static void sets(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init_with(&f,
                      fixture_read(fixture_servers, fixture_bucket_tables, fixture_other_tables));
    const struct table_config *numbers =
        config_find_table(f.config, slice_of_string("shop"), slice_of_string("numbers"));
    assert_true(sharding_all(f.config).bits == 15);
    assert_true(sharding_of_table(f.config, numbers).bits == 7);
    assert_true(sharding_between(f.config, numbers, 999, 1000).bits == 3);
    assert_true(sharding_between(f.config, numbers, -10, -1).bits == 0);
    assert_true(sharding_between(f.config, numbers, INT64_MAX, INT64_MAX).bits == 4);
    assert_true(sharding_between(f.config, numbers, 5, 4).bits == 1); // careful, not exact
    assert_int_equal(shard_set_count(shard_set_all()), 64);
    assert_int_equal(shard_set_first(shard_set_of(63)), 63);
    fixture_done(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_as_keys),
        cmocka_unit_test(values_as_ids),
        cmocka_unit_test(buckets_never_change),
        cmocka_unit_test(sets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
