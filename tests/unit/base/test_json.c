// JSON as it is written: commas, levels, escapes, bytes that are no UTF-8.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/json.h"

static void expect(struct text *out, const char *wanted)
{
    text_add(out, "", 1);
    assert_string_equal((const char *)out->ptr, wanted);
    text_done(out);
}

static void levels_and_commas(void **state)
{
    (void)state;
    struct text out;
    struct json json;
    text_init(&out);
    json_init(&json, &out);
    json_begin_object(&json, NULL);
    json_number(&json, "a", UINT64_MAX);
    json_begin_array(&json, "b");
    json_bool(&json, NULL, true);
    json_bool(&json, NULL, false);
    json_begin_object(&json, NULL);
    json_end_object(&json);
    json_end_array(&json);
    json_text(&json, "c", "x");
    json_end_object(&json);
    expect(&out,
           "{\n  \"a\": 18446744073709551615,\n  \"b\": [\n    true,\n    false,\n    {}\n  ],\n"
           "  \"c\": \"x\"\n}");
}

static void expect_escaped(const char *bytes, size_t len, const char *wanted)
{
    struct text out;
    struct json json;
    text_init(&out);
    json_init(&json, &out);
    json_slice(&json, NULL, slice_of(bytes, len));
    expect(&out, wanted);
}

static void strings(void **state)
{
    (void)state;
    expect_escaped("", 0, "\"\"");
    expect_escaped("a\"b\\c\n\t\r\0\x7f", 10, "\"a\\\"b\\\\c\\n\\t\\u000d\\u0000\\u007f\"");
    expect_escaped("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 9,
                   "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"");
    expect_escaped("\xe9t\xe9", 3, "\"\\ufffdt\\ufffd\"");                     // latin1
    expect_escaped("\xc3", 1, "\"\\ufffd\"");                                  // cut off
    expect_escaped("\xc0\xaf", 2, "\"\\ufffd\\ufffd\"");                       // overlong
    expect_escaped("\xe0\x80\xaf", 3, "\"\\ufffd\\ufffd\\ufffd\"");            // overlong
    expect_escaped("\xed\xa0\x80", 3, "\"\\ufffd\\ufffd\\ufffd\"");            // surrogate
    expect_escaped("\xf4\x90\x80\x80", 4, "\"\\ufffd\\ufffd\\ufffd\\ufffd\""); // beyond U+10FFFF
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(levels_and_commas),
        cmocka_unit_test(strings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
