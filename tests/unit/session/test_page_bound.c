// Values as literals: what a shard answers, of each type.

#include "session/page_bound.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

enum { FLAG_ENUM = 256 };

static void expect(uint8_t type, const char *value, const char *collation, const char *wanted)
{
    struct arena arena;
    struct column key = {.type = type, .collation_id = 45};
    struct field fields[] = {{.is_null = value == NULL}, {.is_null = collation == NULL}};
    fields[0].bytes = slice_of_string(value != NULL ? value : "");
    fields[1].bytes = slice_of_string(collation != NULL ? collation : "");
    arena_init(&arena, NULL);
    assert_true(page_bound_is_possible(&key, true));
    struct slice got = page_bound_of(&arena, &key, &fields[0], &fields[1]);
    if (wanted == NULL) {
        assert_null(got.ptr);
    } else if (!slice_equal(got, slice_of_string(wanted))) {
        fail_msg("%.*s, not %s", (int)got.len, (const char *)got.ptr, wanted);
    }
    arena_clear(&arena);
}

static void test_literals(void **state)
{
    (void)state;
    expect(TYPE_LONG, "5", NULL, "5");
    expect(TYPE_LONGLONG, "18446744073709551615", NULL, "18446744073709551615");
    expect(TYPE_LONG, "-5", NULL, " -5");
    expect(TYPE_NEWDECIMAL, "-0.3333333333", NULL, " -0.3333333333");
    expect(TYPE_LONG, NULL, NULL, NULL);
    expect(TYPE_LONG, "5 OR 1", NULL, NULL);
    expect(TYPE_DATE, "2026-11-30", NULL, "DATE '2026-11-30'");
    expect(TYPE_DATE, "2026-00-00", NULL, NULL);
    expect(TYPE_DATETIME, "0000-00-00 00:00:00", NULL, NULL);
    expect(TYPE_DATETIME, "2026-11-30 12:00:00.25", NULL, "TIMESTAMP '2026-11-30 12:00:00.25'");
    expect(TYPE_TIMESTAMP, "2026-11-30 12:00:00", NULL, "TIMESTAMP '2026-11-30 12:00:00'");
    expect(TYPE_TIME, "-838:59:59", NULL, "TIME '-838:59:59'");
    expect(TYPE_VAR_STRING, "E4F6", "latin1_german1_ci",
           "_latin1 X'E4F6' COLLATE latin1_german1_ci");
    expect(TYPE_BLOB, "", "utf8mb4_general_ci", "_utf8mb4 X'' COLLATE utf8mb4_general_ci");
    expect(TYPE_VAR_STRING, "00FF", "binary", "_binary X'00FF'");
    expect(TYPE_VAR_STRING, NULL, "binary", NULL);
    expect(TYPE_VAR_STRING, "41", NULL, NULL);
    expect(TYPE_VAR_STRING, "41", "utf8mb4_nowhere_ci", NULL);
    expect(TYPE_VAR_STRING, "4'1", "utf8mb4_bin", NULL);
}

static void test_types(void **state)
{
    (void)state;
    static const uint8_t never[] = {TYPE_FLOAT, TYPE_DOUBLE, TYPE_YEAR,    TYPE_BIT,
                                    TYPE_NULL,  TYPE_JSON,   TYPE_GEOMETRY};
    for (size_t i = 0; i < sizeof never; i++) {
        assert_false(page_bound_is_possible(&(struct column){.type = never[i]}, true));
    }
    assert_false(
        page_bound_is_possible(&(struct column){.type = TYPE_STRING, .flags = FLAG_ENUM}, true));
    assert_false(page_bound_is_possible(&(struct column){.type = TYPE_TIMESTAMP}, false));
    assert_true(page_bound_is_possible(&(struct column){.type = TYPE_DATETIME}, false));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_literals),
        cmocka_unit_test(test_types),
    };
    return cmocka_run_group_tests_name("page_bound", tests, NULL, NULL);
}
