// Sort keys against the comparison that they stand for: whatever two keys say must be what
// compare_fields says, for all pairs of many values of each kind, ascending and descending.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "protocol/column.h"
#include "session/compare_key.h"

enum { KEY_BYTES_MAX = 65, VALUES_MAX = 400, VALUE_BYTES = 48 };

struct value {
    struct field field;
    uint8_t bytes[VALUE_BYTES];
    uint8_t key[KEY_BYTES_MAX];
    bool is_exact;
};

struct values {
    struct value list[VALUES_MAX];
    int count;
};

static void add(struct values *values, const void *bytes, size_t len)
{
    assert_true(values->count < VALUES_MAX && len <= VALUE_BYTES);
    struct value *value = &values->list[values->count++];
    *value = (struct value){.field = {.is_null = bytes == NULL}};
    if (bytes != NULL) {
        memcpy(value->bytes, bytes, len);
        value->field.bytes = slice_of(value->bytes, len);
    }
}

static void add_string(struct values *values, const char *text)
{
    add(values, text, strlen(text));
}

static int sign(int order)
{
    return (order > 0) - (order < 0);
}

static void compare_all(const struct comparison *comparison, struct values *values)
{
    size_t len = compare_key_bytes(comparison);
    assert_true(len <= KEY_BYTES_MAX);
    for (int i = 0; i < values->count; i++) {
        struct value *value = &values->list[i];
        value->is_exact = compare_key_write(comparison, &value->field, value->key);
    }
    for (int i = 0; i < values->count; i++) {
        for (int j = 0; j < values->count; j++) {
            struct value *a = &values->list[i], *b = &values->list[j];
            int by_key = sign(memcmp(a->key, b->key, len));
            int by_value = sign(compare_fields(comparison, &a->field, &b->field));
            bool is_told = by_key != 0 || (a->is_exact && b->is_exact);
            if (is_told && by_key != by_value) {
                fail_msg("'%.*s' and '%.*s': the keys say %d, the values %d",
                         (int)a->field.bytes.len, (const char *)a->bytes, (int)b->field.bytes.len,
                         (const char *)b->bytes, by_key, by_value);
            }
        }
    }
}

static void check(struct values *values, struct column column, bool is_binary,
                  const char *collation)
{
    struct comparison comparison;
    struct error error;
    for (int is_descending = 0; is_descending < 2; is_descending++) {
        const struct comparison_wish wish = {.column = &column,
                                             .is_binary = is_binary,
                                             .is_descending = is_descending != 0,
                                             .collation = slice_of_string(collation)};
        assert_true(comparison_choose(&comparison, &wish, &error));
        compare_all(&comparison, values);
    }
}

static void numbers(void **state)
{
    static const char *const mantissas[] = {
        "1", "9", "10", "15", "1.5", "0.5", "0.05", "0.050", "1.05", "99", "123456789012345"};
    struct values values = {.count = 0};
    char text[VALUE_BYTES];
    (void)state;
    add(&values, NULL, 0);
    for (size_t i = 0; i < sizeof mantissas / sizeof mantissas[0]; i++) {
        static const char *const forms[] = {"%s",     "-%s",     "%se5",    "-%se-5",
                                            "%se300", "%se2500", "%se-2500"};
        for (size_t j = 0; j < sizeof forms / sizeof forms[0]; j++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
            snprintf(text, sizeof text, forms[j], mantissas[i]);
#pragma GCC diagnostic pop
            add_string(&values, text);
        }
    }
    static const char *const edges[] = {"0",
                                        "-0",
                                        "0.000",
                                        "00",
                                        "9223372036854775807",
                                        "9223372036854775808",
                                        "-9223372036854775808",
                                        "18446744073709551615",
                                        "18446744073709551614",
                                        "12345678901234567890123456789012345",
                                        "12345678901234567890123456789012346",
                                        "1234567890123456789012345678901234.5",
                                        "-12345678901234567890123456789012345",
                                        "99999999999999.99",
                                        "99999999999999.991",
                                        "100000000000000",
                                        "838860800064966671",
                                        "838860800064966672",
                                        "0.0000000000000000000000000000001",
                                        "5.",
                                        "1e1999",
                                        "5e1998"};
    for (size_t i = 0; i < sizeof edges / sizeof edges[0]; i++) {
        add_string(&values, edges[i]);
    }
    check(&values, (struct column){.type = TYPE_NEWDECIMAL}, false, "binary");
}

// Every string of up to three of these pieces, and long ones that differ late.
static void strings(void **state)
{
    static const char *const pieces[] = {
        "", "a", "A", "b", " ", "\x01", "\xc3\xa4", "\xc3", "\xf0\x9f\x98\x80"};
    static const char *const collations[] = {"binary",
                                             "utf8mb4_bin",
                                             "utf8mb4_nopad_bin",
                                             "utf8mb4_general_ci",
                                             "utf8mb4_general_nopad_ci",
                                             "latin1_swedish_ci",
                                             "latin1_bin",
                                             "ascii_general_ci"};
    enum { PIECES = sizeof pieces / sizeof pieces[0] };
    static struct values values;
    char text[VALUE_BYTES];
    (void)state;
    values.count = 0;
    add(&values, NULL, 0);
    add(&values, "a\0", 2);
    add(&values, "\0", 1);
    for (int i = 0; i < PIECES * PIECES * 4; i++) {
        snprintf(text, sizeof text, "%s%s%s", pieces[i % PIECES], pieces[i / PIECES % PIECES],
                 pieces[i / PIECES / PIECES]);
        add_string(&values, text);
    }
    for (int i = 0; i < 8; i++) {
        snprintf(text, sizeof text, "%.*s%s", 28 + i, "abcdefghijklmnopqrstuvwxyzabcdefghijklm",
                 i % 2 == 0 ? "" : "  \x01");
        add_string(&values, text);
    }
    for (size_t i = 0; i < sizeof collations / sizeof collations[0]; i++) {
        check(&values, (struct column){.type = TYPE_VAR_STRING, .collation_id = 45}, false,
              collations[i]);
    }
}

// As rows of 16-bit weights, the shorter filled up with `blank` (0: with nothing, which is less).
static int by_weights(const struct value *a, const struct value *b, unsigned blank)
{
    for (size_t at = 0; at < VALUE_BYTES; at += 2) {
        bool has_a = at < a->field.bytes.len, has_b = at < b->field.bytes.len;
        if (!has_a && !has_b) {
            return 0;
        }
        long weight_a = has_a ? a->bytes[at] << 8 | a->bytes[at + 1] : blank > 0 ? (long)blank : -1;
        long weight_b = has_b ? b->bytes[at] << 8 | b->bytes[at + 1] : blank > 0 ? (long)blank : -1;
        if (weight_a != weight_b) {
            return weight_a < weight_b ? -1 : 1;
        }
    }
    return 0;
}

static void compare_by_weights(struct values *values, const char *collation, unsigned blank)
{
    const struct column column = {.type = TYPE_VAR_STRING, .collation_id = 45};
    const struct comparison_wish wish = {.column = &column,
                                         .collation = slice_of_string(collation),
                                         .blank = slice_of("\x02\x09", 2)};
    struct comparison comparison;
    struct error error;
    assert_true(comparison_choose(&comparison, &wish, &error));
    assert_true(comparison.is_weights);
    compare_all(&comparison, values);
    for (int i = 0; i < values->count; i++) {
        for (int j = 0; j < values->count; j++) {
            struct value *a = &values->list[i], *b = &values->list[j];
            assert_int_equal(sign(compare_fields(&comparison, &a->field, &b->field)),
                             by_weights(a, b, blank));
        }
    }
}

// All rows of up to three of some weights: less than a blank, a blank, more, the most.
static void weights_of_servers(void **state)
{
    static const uint8_t weights[][2] = {{0, 1}, {2, 1}, {2, 9}, {0x0e, 0x33}, {0xff, 0xff}};
    enum { KINDS = 5, LEN_MAX = 3 };
    struct values values = {.count = 0};
    uint8_t bytes[2 * LEN_MAX];
    add(&values, "", 0);
    for (int len = 1, many = KINDS; len <= LEN_MAX; len++, many *= KINDS) {
        for (int number = 0; number < many; number++) {
            for (int i = 0, rest = number; i < len; i++, rest /= KINDS) {
                memcpy(bytes + 2 * i, weights[rest % KINDS], 2);
            }
            add(&values, bytes, 2 * (size_t)len);
        }
    }
    compare_by_weights(&values, "utf8mb4_unicode_ci", 0x209);
    compare_by_weights(&values, "utf8mb4_unicode_nopad_ci", 0);
    (void)state;
}

// Levels behind one another, weights of one byte, or another set of characters: nobody guesses.
static void no_weights_of_servers(void **state)
{
    static const struct {
        const char *collation, *blank;
    } cases[] = {{"utf8mb4_uca1400_as_cs", "\x02\x09\x00\x20"},
                 {"latin1_german2_ci", "\x20"},
                 {"sjis_japanese_ci", "\x02\x09"},
                 {"no_such_collation", "\x02\x09"},
                 {"utf8mb4_unicode_ci", NULL}};
    const struct column column = {.type = TYPE_VAR_STRING, .collation_id = 45};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const size_t lens[] = {4, 1, 2, 2, 0};
        const struct comparison_wish wish = {.column = &column,
                                             .collation = slice_of_string(cases[i].collation),
                                             .blank = slice_of(cases[i].blank, lens[i])};
        struct comparison comparison;
        struct error error;
        assert_false(comparison_choose(&comparison, &wish, &error));
    }
    (void)state;
}

static void dates_and_times(void **state)
{
    static const char *const dates[] = {"0000-00-00",          "1000-01-01",
                                        "2026-02-28",          "2026-02-28 00:00:00.000001",
                                        "2026-02-28 23:59:59", "9999-12-31 23:59:59.999999"};
    static const char *const times[] = {"-838:59:59",      "-00:00:00.5", "00:00:00",
                                        "00:00:00.000001", "100:00:00",   "838:59:59.999999"};
    struct values values = {.count = 0};
    (void)state;
    add(&values, NULL, 0);
    for (size_t i = 0; i < sizeof dates / sizeof dates[0]; i++) {
        add_string(&values, dates[i]);
    }
    check(&values, (struct column){.type = TYPE_DATETIME}, false, "binary");
    values.count = 1;
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        add_string(&values, times[i]);
    }
    check(&values, (struct column){.type = TYPE_TIME}, false, "binary");
}

static void binary_numbers(void **state)
{
    static const int64_t integers[] = {INT64_MIN, INT64_MIN + 1, -256, -1,       0,
                                       1,         255,           256,  INT64_MAX};
    static const double doubles[] = {-1e300, -1.5, -1e-300, -0.0, 0.0, 1e-300, 1, 1.5, 1e300};
    struct values values = {.count = 0};
    (void)state;
    add(&values, NULL, 0);
    for (size_t i = 0; i < sizeof integers / sizeof integers[0]; i++) {
        add(&values, &integers[i], sizeof integers[i]);
    }
    check(&values, (struct column){.type = TYPE_LONGLONG}, true, "binary");
    check(&values, (struct column){.type = TYPE_LONGLONG, .flags = COLUMN_UNSIGNED}, true,
          "binary");
    check(&values, (struct column){.type = TYPE_BIT}, true, "binary");
    values.count = 1;
    for (size_t i = 0; i < sizeof doubles / sizeof doubles[0]; i++) {
        add(&values, &doubles[i], sizeof doubles[i]);
    }
    check(&values, (struct column){.type = TYPE_DOUBLE}, true, "binary");
}

static void bits(void **state)
{
    static const char *const texts[] = {"\x01",
                                        "\x01\x02",
                                        "\xff\xff\xff\xff\xff\xff\xff\xff",
                                        "\xff\xff\xff\xff\xff\xff\xff\xfe",
                                        "\x01\x01\x01\x01\x01\x01\x01\x01\x01",
                                        "\x01\x01\x01\x01\x01\x01\x01\x01\x02"};
    struct values values = {.count = 0};
    (void)state;
    add(&values, NULL, 0);
    add(&values, "", 0);
    add(&values, "\0\x01", 2);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        add_string(&values, texts[i]);
    }
    check(&values, (struct column){.type = TYPE_BIT}, false, "binary");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers),
        cmocka_unit_test(strings),
        cmocka_unit_test(weights_of_servers),
        cmocka_unit_test(no_weights_of_servers),
        cmocka_unit_test(dates_and_times),
        cmocka_unit_test(binary_numbers),
        cmocka_unit_test(bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
