// Character sets: look-up by id and name, and where characters end.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "protocol/charset_impl.h"

static void test_ids(void **state)
{
    (void)state;
    size_t count;
    const struct collation *table = collation_table(&count);
    for (size_t i = 0; i < count; i++) {
        assert_true(i == 0 || table[i - 1].id < table[i].id);
        assert_ptr_equal(collation_find_id(table[i].id), &table[i]);
        assert_ptr_equal(collation_find(slice_of_string(table[i].name)), &table[i]);
    }
    assert_null(collation_find_id(0));
    assert_null(collation_find_id(272));
    assert_null(collation_find_id(UINT16_MAX));
    assert_string_equal(collation_find_id(8)->name, "latin1_swedish_ci");
    assert_string_equal(collation_find_id(45)->name, "utf8mb4_general_ci");
    assert_string_equal(collation_find_id(255)->name, "utf8mb4_0900_ai_ci");
    assert_string_equal(collation_find_id(63)->charset->name, "binary");
}

static void test_defaults(void **state)
{
    (void)state;
    size_t count;
    const struct charset *table = charset_table(&count);
    for (size_t i = 0; i < count; i++) {
        const struct collation *own = collation_find_id(table[i].default_collation_id);
        assert_non_null(own);
        assert_string_equal(own->name, table[i].default_collation);
        assert_ptr_equal(own->charset, &table[i]);
    }
}

static void test_names(void **state)
{
    (void)state;
    assert_int_equal(charset_find(slice_of_string("UTF8MB4"))->max_bytes, 4);
    assert_string_equal(charset_find(slice_of_string("utf8"))->name, "utf8mb3");
    assert_int_equal(collation_find(slice_of_string("utf8_general_ci"))->id, 33);
    assert_int_equal(collation_find(slice_of_string("Utf8mb3_Bin"))->id, 83);
    assert_null(charset_find(slice_of_string("utf")));
    assert_null(charset_find(slice_of_string("utf8mb")));
    assert_null(collation_find(slice_of_string("")));
    assert_true(charset_find(slice_of_string("latin1"))->is_ascii_safe);
    assert_false(charset_find(slice_of_string("gbk"))->is_ascii_safe);
    assert_false(charset_find(slice_of_string("ucs2"))->is_client_allowed);
}

static void test_char_length(void **state)
{
    (void)state;
    static const struct {
        const char *charset;
        const char *bytes;
        size_t len;
    } rows[] = {
        {"latin1", "\xe4\xb8", 1},
        {"utf8mb4", "a", 1},
        {"utf8mb4", "\xc3\xa4", 2},
        {"utf8mb4", "\xe2\x82\xac", 3},
        {"utf8mb4", "\xf0\x9f\x98\x80", 4},
        {"utf8mb4", "\xe2\x82", 1},
        {"utf8mb4", "\xc3'", 1},
        {"gbk", "\xbf\\", 2},
        {"gbk", "\xbf'", 1},
        {"gbk", "\xbf", 1},
        {"sjis", "\x83\\", 2},
        {"cp932", "\x83\\", 2},
        {"sjis", "\xb1\\", 1},
        {"big5", "\xa5\\", 2},
        {"gb18030", "\x81\x30\x81\x30", 4},
        {"gb18030", "\x81\\", 2},
        {"euckr", "\xb0\xa1", 2},
        {"euckr", "\xb0\\", 1},
        {"ujis", "\x8f\xa1\xa1", 3},
        {"eucjpms", "\x8e\xa1", 2},
        {"ucs2", "ab", 2},
        {"utf32", "abcd", 4},
        {"utf16", "\xd8\x01\xdc\x01", 4},
        {"utf16le", "\x01\xd8\x01\xdc", 4},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const uint8_t *at = (const uint8_t *)rows[i].bytes;
        const struct charset *charset = charset_find(slice_of_string(rows[i].charset));
        size_t found = charset->char_length(at, at + strlen(rows[i].bytes));
        if (found != rows[i].len) {
            fail_msg("row %zu (%s): %zu", i, rows[i].charset, found);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ids),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_char_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
