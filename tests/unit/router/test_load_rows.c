// Where LOAD DATA's rows end, as MariaDB 10.11 was seen to end them; and that it makes no
// difference how the file was cut.

#include "router/load_rows.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

struct rows_case {
    const char *what;
    const char *field_end, *enclosed, *escape, *line_start, *line_end, *charset;
    uint32_t fields;
    uint64_t skipped;
    struct slice file;
    const char *expected; // for each row <its bytes> and the values of the first two fields
};

#define TEXT(literal)                                                                              \
    {                                                                                              \
        (const uint8_t *)(literal), sizeof(literal) - 1                                            \
    }

// clang-format off
static const struct rows_case cases[] = {
    {"plain", "\t", "", "\\", "", "\n", "utf8mb4", 2, 0, TEXT("1\ta\n2\tb\n"), "<1\ta\n>1,a;<2\tb\n>2,b;"},
    {"no end of the last line", "\t", "", "\\", "", "\n", "utf8mb4", 2, 0, TEXT("1\ta\n2\tb"), "<1\ta\n>1,a;<2\tb>2,b;"},
    {"nothing", "\t", "", "\\", "", "\n", "utf8mb4", 2, 0, TEXT(""), ""},
    {"an empty line is a row", "\t", "", "\\", "", "\n", "utf8mb4", 2, 0, TEXT("\n1\t2\n\n"), "<\n>,-;<1\t2\n>1,2;<\n>,-;"},
    {"too few and too many fields", ",", "", "\\", "", "\n", "utf8mb4", 2, 0, TEXT("1\n1,2,3,4\n5,\n6,"), "<1\n>1,-;<1,2,3,4\n>1,2;<5,\n>5,;<6,>6,-;"},
    {"escapes", ",", "", "\\", "", "\n", "utf8mb4", 2, 0, TEXT("\\N,\\\n\\,\\\\x\nN,x\\N\\"), "<\\N,\\\n\\,\\\\x\n>NULL,\n,\\x;<N,x\\N\\>N,xN\\;"},
    {"no escapes", ",", "", "", "", "\n", "utf8mb4", 2, 0, TEXT("\\N,\\\n"), "<\\N,\\\n>\\N,\\;"},
    {"quotes", ",", "\"", "\\", "", "\n", "utf8mb4", 2, 0, TEXT("\"1,\n\"\"\\\"\",b\"b\n\"NULL\",NULL\nNULL,\"\\N\"\n"),
     "<\"1,\n\"\"\\\"\",b\"b\n>1,\n\"\",b\"b;<\"NULL\",NULL\n>NULL,NULL;<NULL,\"\\N\"\n>NULL,NULL;"},
    {"a quote that ends nothing", ",", "\"", "\\", "", "\n", "utf8mb4", 2, 0, TEXT("\"1\"x\"\n\"2,3\n"), "<\"1\"x\"\n>1\"x,-;<\"2,3\n>\"2,3\n,-;"},
    {"a quote at the end of the file", ",", "\"", "\\", "", "\n", "utf8mb4", 2, 0, TEXT("1,\"2\""), "<1,\"2\">1,2;"},
    {"behind the last field quotes mean nothing", ",", "\"", "\\", "", "\n", "utf8mb4", 1, 0, TEXT("1,\"a\nb\"\\\n,x\n2\n"), "<1,\"a\n>1,-;<b\"\\\n,x\n>b\"\n,-;<2\n>2,-;"},
    {"the rest of a line has escapes", ",", "", "\\", "", "\n", "utf8mb4", 1, 0, TEXT("1,b\\\nc\n2,\\"), "<1,b\\\nc\n>1,-;<2,\\>2,-;"},
    {"doubled quotes as the escape", ",", "\"", "\"", "", "\n", "utf8mb4", 2, 0, TEXT("\"a\"\"n\",\"N\"\n\"\"\"\",n\"n\n"), "<\"a\"\"n\",\"N\"\n>a\"n,N;<\"\"\"\",n\"n\n>\",n\"n;"},
    {"long separators", "||", "", "\\", "", "\r\n", "utf8mb4", 2, 0, TEXT("1|2||3\r4\r\n5||6\r\r\n7|"), "<1|2||3\r4\r\n>1|2,3\r4;<5||6\r\r\n>5,6\r;<7|>7|,-;"},
    {"the line's end stands first", ",x", "", "\\", "", ",", "utf8mb4", 2, 0, TEXT("1,x2,"), "<1,>1,-;<x2,>x2,-;"},
    {"no line ends", ",", "", "\\", "", "", "utf8mb4", 2, 0, TEXT("1,2,3,4,5"), "<1,2,>1,2;<3,4,>3,4;<5>5,-;"},
    {"no line ends, some skipped", ",", "", "\\", "", "", "utf8mb4", 2, 1, TEXT("1,2,3,4,"), "<3,4,>3,4;"},
    {"one separator for both: nothing is skipped", ",", "", "\\", "", ",", "utf8mb4", 2, 1, TEXT("1,2,3,4,"), "<1,2,>1,2;<3,4,>3,4;"},
    {"a prefix", ",", "", "\\", "xx", "\n", "utf8mb4", 2, 0, TEXT("axx1,2\nb\nxxx3,4\nxx"), "<xx1,2\n>1,2;<xxx3,4\n>x3,4;"},
    {"skipped lines", ",", "\"", "\\", "", "\n", "utf8mb4", 2, 2, TEXT("\"a\nb\\\nc\"\n1,2\n"), "<1,2\n>1,2;"},
    {"more skipped than there are", ",", "", "\\", "", "\n", "utf8mb4", 2, 9, TEXT("a\nb"), ""},
    {"quoted fields only", "", "\"", "\\", "", "\n", "utf8mb4", 2, 0, TEXT("\"1\"\n2,3\n"), "<\"1\"\n>1,-;<2,3\n>2,3,-;"},
    {"control bytes", "\x01", "", "\\", "", "\n", "utf8mb4", 2, 0, TEXT("1\001\000\n"), "<1\001.\n>1,.;"},
    {"characters", ",", "", "\\", "", "\n", "utf8mb4", 2, 0, TEXT("\xc3\xa9,\xf0\x9f\x98\x80\n2,\xc3\xa9"), "<\xc3\xa9,\xf0\x9f\x98\x80\n>\xc3\xa9,\xf0\x9f\x98\x80;<2,\xc3\xa9>2,\xc3\xa9;"},
    {"bytes that never lead", ",", "", "\\", "", "\n", "utf8mb3", 2, 0, TEXT("\x80,\xf0\x9f\x98\x80\n"), "<\x80,\xf0\x9f\x98\x80\n>\x80,\xf0\x9f\x98\x80;"},
    {"half a character, far from a separator", ",", "", "\\", "", "\n", "utf8mb4", 2, 0, TEXT("1,\xe9xyz\n"), "<1,\xe9xyz\n>1,\xe9xyz;"},
    {"half a character before a separator", ",", "", "\\", "", "\n", "utf8mb4", 2, 0, TEXT("1,2\n3,\xe9\n5,6\n"), "<1,2\n>1,2;DOUBT"},
    {"half a character before half a one", ",", "", "\\", "", "\n", "utf8mb4", 2, 0, TEXT("1,\xe9\xc3\xa9\xe9x\n"), "DOUBT"},
    {"half a character in what is skipped", ",", "", "\\", "", "\n", "utf8mb4", 2, 1, TEXT("a\xe9\n1,2\n"), "DOUBT"},
    {"single bytes are no characters of several", ",", "", "\\", "", "\n", "latin1", 2, 0, TEXT("1,\xe9\n2,b\n"), "<1,\xe9\n>1,\xe9;<2,b\n>2,b;"},
    {"a trail byte like an escape", ",", "", "\\", "", "\n", "gbk", 2, 0, TEXT("1,\xb3\\\n\xb3\\,2\n"), "<1,\xb3\\\n>1,\xb3\\;<\xb3\\,2\n>\xb3\\,2;"},
    {"an escaped lead byte leaves its trail byte alone", ",", "", "\\", "", "\n", "gbk", 2, 0, TEXT("1,\\\xb3\\\nx\n"), "<1,\\\xb3\\\nx\n>1,\xb3\nx;"},
    {"a trail byte like a separator", "|", "", "\\", "", "\n", "big5", 2, 0, TEXT("\xa1|a|2\n"), "<\xa1|a|2\n>\xa1|a,2;"},
    {"a lead byte before a separator", ",", "", "\\", "", "\n", "gbk", 2, 0, TEXT("1,\xb3\n2,3\n"), "DOUBT"},
    {"a trail byte like a separator, behind the fields", "|", "", "\\", "", "\n", "big5", 1, 0, TEXT("1|\xa1\\\n2\n"), "DOUBT"},
    {"katakana", ",", "", "\\", "", "\n", "sjis", 2, 0, TEXT("\xb1,\xb2\n"), "<\xb1,\xb2\n>\xb1,\xb2;"},
};
// clang-format on

static int byte_of(const char *text)
{
    return *text == '\0' ? LOAD_NO_BYTE : (uint8_t)*text;
}

static struct load_rules rules_of(const struct rows_case *one)
{
    return (struct load_rules){
        .field_end = slice_of_string(one->field_end),
        .line_end = slice_of_string(one->line_end),
        .line_start = slice_of_string(one->line_start),
        .enclosed = byte_of(one->enclosed),
        .escape = byte_of(one->escape),
        .charset = charset_find(slice_of_string(one->charset)),
        .field_count = one->fields,
        .skipped_lines = one->skipped,
        .wanted = {0, 1},
    };
}

static void add_field(struct text *out, const struct load_field *field)
{
    if (!field->is_there) {
        text_add_string(out, "-");
    } else if (field->is_null) {
        text_add_string(out, "NULL");
    } else {
        text_add_slice(out, text_slice(&field->value));
    }
}

static enum load_step take(struct load_rows *rows, struct text *out)
{
    enum load_step step;
    while ((step = load_rows_next(rows)) == LOAD_ROW) {
        text_add_string(out, "<");
        text_add_slice(out, rows->row);
        text_add_string(out, ">");
        add_field(out, &rows->fields[0]);
        text_add_string(out, ",");
        add_field(out, &rows->fields[1]);
        text_add_string(out, ";");
    }
    return step;
}

// The file in two pieces (cut at `first`), or in pieces of `step` bytes.
static void read_all(const struct rows_case *one, size_t first, size_t step, struct text *out)
{
    struct load_rules rules = rules_of(one);
    struct load_rows rows;
    load_rows_init(&rows, &rules);
    enum load_step last = LOAD_MORE;
    for (size_t at = 0; at < one->file.len && last == LOAD_MORE;) {
        size_t len = at == 0 && first > 0 ? first : step;
        size_t end = at + len < one->file.len ? at + len : one->file.len;
        load_rows_add(&rows, slice_part(one->file, at, end));
        last = take(&rows, out);
        at = end;
    }
    if (last == LOAD_MORE) {
        load_rows_end(&rows);
        last = take(&rows, out);
    }
    if (last == LOAD_DOUBT) {
        text_add_string(out, "DOUBT");
    }
    for (size_t i = 0; i < out->len; i++) { // so that the expected text can be a string
        out->ptr[i] = out->ptr[i] == 0 ? '.' : out->ptr[i];
    }
    text_add(out, "", 1);
    load_rows_done(&rows);
}

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (size_t cut = 0; cut <= cases[i].file.len; cut++) {
            struct text out;
            text_init(&out);
            read_all(&cases[i], cut, cut == 0 ? 1 : SIZE_MAX / 2, &out);
            if (strcmp((const char *)out.ptr, cases[i].expected) != 0) {
                fail_msg("%s, cut at %zu: got %s", cases[i].what, cut, (const char *)out.ptr);
            }
            text_done(&out);
        }
    }
}

// What some servers read as bytes.
static void test_other_than_text(void **state)
{
    (void)state;
    static const bool is_text[] = {true, false};
    static const char *const files[] = {"\xb3\\|\xb3\xb3\n", "\xb3\xb3|\xb3\\\n"};
    for (int i = 0; i < 2; i++) {
        struct load_rules rules = {.field_end = slice_of_string("|"),
                                   .line_end = slice_of_string("\n"),
                                   .enclosed = LOAD_NO_BYTE,
                                   .escape = '\\',
                                   .charset = charset_find(slice_of_string("gbk")),
                                   .field_count = 2,
                                   .is_text = is_text,
                                   .wanted = {0, 1}};
        struct load_rows rows;
        load_rows_init(&rows, &rules);
        load_rows_add(&rows, slice_of_string(files[i]));
        assert_int_equal(load_rows_next(&rows), i == 0 ? LOAD_ROW : LOAD_DOUBT);
        load_rows_done(&rows);
    }
}

static void test_memory(void **state)
{
    (void)state;
    struct load_rules rules = rules_of(&cases[0]);
    struct load_rows rows;
    uint8_t block[4096];
    rules.skipped_lines = 1;
    rules.line_start = slice_of_string("~");
    memset(block, 'x', sizeof block);
    load_rows_init(&rows, &rules);
    for (int i = 0; i < 1000; i++) { // one long line that is skipped, then no beginning of a row
        load_rows_add(&rows, slice_of(block, sizeof block));
        assert_int_equal(load_rows_next(&rows), LOAD_MORE);
        assert_true(load_rows_pending(&rows) < 10);
        if (i == 500) {
            load_rows_add(&rows, slice_of_string("\n"));
            assert_int_equal(load_rows_next(&rows), LOAD_MORE);
        }
    }
    assert_true(rows.window.capacity < 4 * sizeof block);
    load_rows_add(&rows, slice_of_string("~1\t2"));
    for (int i = 0; i < 3; i++) {
        assert_int_equal(load_rows_next(&rows), LOAD_MORE);
        load_rows_add(&rows, slice_of(block, sizeof block));
    }
    assert_true(load_rows_pending(&rows) > 3 * sizeof block);
    load_rows_done(&rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_other_than_text),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
