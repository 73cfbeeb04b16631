// Integers and strings on the wire, both ways and past the end.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "protocol/bytes.h"

static void test_lenenc_round_trip(void **state)
{
    (void)state;
    static const struct {
        uint64_t value;
        size_t bytes;
    } rows[] = {{0, 1},       {250, 1},      {251, 3},       {0xffff, 3},
                {0x10000, 4}, {0xffffff, 4}, {0x1000000, 9}, {UINT64_MAX, 9}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct text out;
        text_init(&out);
        write_lenenc(&out, rows[i].value);
        assert_int_equal(out.len, rows[i].bytes);
        struct reader reader = reader_of(text_slice(&out));
        assert_int_equal(read_lenenc(&reader), rows[i].value);
        assert_false(reader.is_bad);
        assert_int_equal(reader_left(&reader), 0);
        for (size_t len = 0; len < out.len; len++) {
            reader = reader_of(slice_of(out.ptr, len));
            (void)read_lenenc(&reader);
            assert_true(reader.is_bad);
        }
        text_done(&out);
    }
}

static void test_lenenc_is_no_null(void **state)
{
    (void)state;
    struct reader reader = reader_of(slice_of("\xfb\1", 2));
    assert_int_equal(read_lenenc(&reader), 0);
    assert_true(reader.is_bad);
    reader = reader_of(slice_of("\xff\1\1", 3));
    assert_int_equal(read_lenenc(&reader), 0);
    assert_true(reader.is_bad);
}

static void test_integers(void **state)
{
    (void)state;
    struct text out;
    text_init(&out);
    write_u8(&out, 0xfe);
    write_u16(&out, 0xfedc);
    write_u24(&out, 0xfedcba);
    write_u32(&out, 0xfedcba98);
    write_u64(&out, 0xfedcba9876543210);
    write_nul_string(&out, slice_of_string("name"));
    write_lenenc_bytes(&out, slice_of_string("bytes"));
    write_u8(&out, 7);
    assert_memory_equal(out.ptr, "\xfe\xdc\xfe\xba\xdc\xfe\x98", 7);
    struct reader reader = reader_of(text_slice(&out));
    assert_int_equal(read_u8(&reader), 0xfe);
    assert_int_equal(read_u16(&reader), 0xfedc);
    assert_int_equal(read_u24(&reader), 0xfedcba);
    assert_int_equal(read_u32(&reader), 0xfedcba98);
    assert_int_equal(read_u64(&reader), 0xfedcba9876543210);
    assert_true(slice_equal(read_nul_string(&reader), slice_of_string("name")));
    assert_true(slice_equal(read_lenenc_bytes(&reader), slice_of_string("bytes")));
    assert_int_equal(read_rest(&reader).len, 1);
    assert_false(reader.is_bad);
    text_done(&out);
}

static void test_past_the_end_stays_bad(void **state)
{
    (void)state;
    struct reader reader = reader_of(slice_of("\1\2\3", 3));
    assert_int_equal(read_u32(&reader), 0);
    assert_true(reader.is_bad);
    assert_int_equal(read_u8(&reader), 0); // although a byte would be there
    assert_int_equal(read_rest(&reader).len, 0);
    reader = reader_of(slice_of("no end", 6));
    assert_int_equal(read_nul_string(&reader).len, 0);
    assert_true(reader.is_bad);
    reader = reader_of(slice_of("\xfe\xff\xff\xff\xff\xff\xff\xff\xffxx", 11));
    assert_int_equal(read_lenenc_bytes(&reader).len, 0);
    assert_true(reader.is_bad);
    reader = reader_of(slice_of(NULL, 0));
    assert_int_equal(reader_left(&reader), 0);
    assert_int_equal(read_rest(&reader).len, 0);
    assert_false(reader.is_bad);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lenenc_round_trip),
        cmocka_unit_test(test_lenenc_is_no_null),
        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_past_the_end_stays_bad),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
