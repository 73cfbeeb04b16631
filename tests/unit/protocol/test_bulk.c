// COM_STMT_BULK_EXECUTE read and written: by hand-made bytes.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "protocol/bulk.h"
#include "protocol/capability.h"

static const uint8_t types[] = {TYPE_LONG, 0x80, TYPE_VAR_STRING, 0};

static void reads_sets(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {0xfa, 7, 0, 0, 0, 128, 0, TYPE_LONG, 0x80, TYPE_VAR_STRING,
                                    0,    0, 5, 0, 0, 0,   0, 3,         'a',  'b',
                                    'c', //
                                    2,    1, 3, 2};
    struct bulk bulk;
    struct binary_value params[2];
    assert_true(bulk_read(slice_of(bytes, sizeof bytes), 2, &bulk));
    assert_int_equal(bulk.statement_id, 7);
    assert_memory_equal(bulk.types, types, sizeof types);
    struct reader reader = reader_of(bulk.rows);
    assert_true(bulk_read_row(&reader, bulk.types, 2, params));
    assert_true(params[0].is_unsigned && params[0].bytes.len == 4 && params[0].bytes.ptr[0] == 5);
    assert_true(slice_is_nocase(params[1].bytes, "abc"));
    assert_true(bulk_read_row(&reader, bulk.types, 2, params));
    assert_int_equal(params[0].indicator, INDICATOR_DEFAULT);
    assert_true(params[1].is_null);
    assert_true(bulk_read_row(&reader, bulk.types, 2, params));
    assert_int_equal(params[0].indicator, INDICATOR_IGNORE);
    assert_int_equal(params[1].indicator, INDICATOR_DEFAULT);
    assert_int_equal(reader_left(&reader), 0);
}

static void refuses_what_is_cut_off(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {0xfa, 7, 0, 0, 0, 128, 0, TYPE_LONG, 0x80, TYPE_VAR_STRING,
                                    0,    0, 5, 0, 0, 0,   0, 3,         'a',  'b',
                                    'c'};
    for (size_t len = 0; len < sizeof bytes; len++) {
        struct bulk bulk;
        struct binary_value params[2];
        bool is_head = bulk_read(slice_of(bytes, len), 2, &bulk);
        assert_int_equal(is_head, len >= 11);
        struct reader reader = reader_of(bulk.rows);
        assert_false(is_head && bulk_read_row(&reader, bulk.types, 2, params));
    }
    static const uint8_t unknown[] = {4, 1};
    struct binary_value params[2];
    struct reader reader = reader_of(slice_of(unknown, sizeof unknown));
    assert_false(bulk_read_row(&reader, types, 2, params));
}

static void writes_sets(void **state)
{
    (void)state;
    static const uint8_t wanted[] = {0xfa, 9, 0, 0, 0, 128, 0, TYPE_LONG, 0x80, TYPE_VAR_STRING,
                                     0,    0, 5, 0, 0, 0,   1, 2};
    struct text out, packet;
    text_init(&out);
    text_init(&packet);
    struct binary_value value = {.type = TYPE_LONG, .bytes = slice_of("\5\0\0\0", 4)};
    bulk_write_head(&out, types, 2);
    bulk_write_value(&out, &value);
    value.is_null = true;
    bulk_write_value(&out, &value);
    value = (struct binary_value){.type = TYPE_LONG, .indicator = INDICATOR_DEFAULT};
    bulk_write_value(&out, &value);
    struct execute execute = {.bulk = text_slice(&out)};
    execute_write(&packet, &execute, 9);
    assert_int_equal(packet.len, sizeof wanted);
    assert_memory_equal(packet.ptr, wanted, sizeof wanted);
    text_done(&out);
    text_done(&packet);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_sets),
        cmocka_unit_test(refuses_what_is_cut_off),
        cmocka_unit_test(writes_sets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
