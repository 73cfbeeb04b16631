// Rows of the binary log: read, turned around, printed. The first events are a server's own bytes.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "protocol/binlog_rows.h"
#include "protocol/bytes.h"

static struct arena arena;

static struct binlog_event event_of(const void *bytes, size_t len)
{
    struct binlog_event event;
    uint8_t *copy = arena_alloc(&arena, len);
    memcpy(copy, bytes, len);
    copy[9] = (uint8_t)len;
    copy[10] = (uint8_t)(len >> 8);
    assert_true(binlog_event_read(slice_of(copy, len), &event));
    return event;
}

#define HEADER(type)                                                                               \
    "\xaa\xd5\x0d\x6b" type "\xc9\x00\x00\x00\x00\x00\x00\x00\xe1\xdf\x06\x00\x00\x00"

// users (buyer_id BIGINT PRIMARY KEY, money INT NOT NULL), binlog_row_metadata = FULL
static const char users[] = HEADER("\x13") "\x21\x00\x00\x00\x00\x00\x01\x00"
                                           "\x04shop\x00\x05users\x00\x02\x08\x03\x00\x00"
                                           "\x01\x01\x00\x04\x0f\x08"
                                           "buyer_id\x05money\x08\x01";
static const char update[] = HEADER("\x18") "\x21\x00\x00\x00\x00\x00\x01\x00\x02\x03\x03"
                                            "\xfc\x0f\x00\x00\x00\x00\x00\x00\x00\xe9\x03\x00\x00"
                                            "\xfc\x0f\x00\x00\x00\x00\x00\x00\x00\xe8\x03\x00\x00";

static void reads_an_update(void **state)
{
    (void)state;
    struct binlog_table table;
    struct binlog_rows rows;
    struct binlog_event map = event_of(users, sizeof users - 1);
    struct binlog_event event = event_of(update, sizeof update - 1);
    assert_true(binlog_table_read(&map, &arena, &table));
    assert_int_equal(table.column_count, 2);
    assert_true(slice_equal(table.schema, slice_of_string("shop")));
    assert_true(slice_equal(table.name, slice_of_string("users")));
    assert_true(binlog_rows_read(&event, &table, &arena, &rows));
    assert_int_equal(rows.count, 1);
    assert_int_equal(rows.rows[0].before.whole.len, 13);
    assert_int_equal(rows.rows[0].after.values.ptr[8], 0xe8);
}

static void turns_an_update_around(void **state)
{
    (void)state;
    struct binlog_table table;
    struct binlog_rows rows, turned_rows;
    struct text turned, again;
    struct binlog_event map = event_of(users, sizeof users - 1), turned_event;
    struct binlog_event event = event_of(update, sizeof update - 1);
    assert_true(binlog_table_read(&map, &arena, &table));
    assert_true(binlog_rows_read(&event, &table, &arena, &rows));
    text_init(&turned);
    text_init(&again);
    binlog_rows_invert(&event, &rows, &turned);
    assert_true(binlog_event_read(text_slice(&turned), &turned_event));
    assert_int_equal(turned_event.type, BINLOG_UPDATE_ROWS);
    assert_int_equal(turned_event.body.ptr[6], 0x03); // ends a statement, no foreign keys
    assert_true(binlog_rows_read(&turned_event, &table, &arena, &turned_rows));
    assert_true(slice_equal(turned_rows.rows[0].before.whole, rows.rows[0].after.whole));
    assert_true(slice_equal(turned_rows.rows[0].after.whole, rows.rows[0].before.whole));
    binlog_rows_invert(&turned_event, &turned_rows, &again);
    assert_true(slice_equal(slice_part(text_slice(&again), rows.head_bytes, again.len),
                            slice_part(event.whole, rows.head_bytes, event.whole.len)));
    text_done(&turned);
    text_done(&again);
}

static void turns_several_rows_around(void **state)
{
    (void)state;
    static const char three[] = HEADER("\x17") "\x21\x00\x00\x00\x00\x00\x00\x00\x02\x03"
                                               "\xfc"
                                               "AAAAAAAA"
                                               "1111"
                                               "\xfd"
                                               "2222"
                                               "\xfe"
                                               "CCCCCCCC";
    struct binlog_table table;
    struct binlog_rows rows;
    struct text turned;
    struct binlog_event map = event_of(users, sizeof users - 1), deleted;
    struct binlog_event event = event_of(three, sizeof three - 1);
    assert_true(binlog_table_read(&map, &arena, &table));
    assert_true(binlog_rows_read(&event, &table, &arena, &rows));
    assert_int_equal(rows.count, 3);
    assert_true(binlog_is_null(&rows.rows[1].after, 0) && !binlog_is_null(&rows.rows[1].after, 1));
    text_init(&turned);
    binlog_rows_invert(&event, &rows, &turned);
    assert_true(binlog_event_read(text_slice(&turned), &deleted));
    assert_int_equal(deleted.type, BINLOG_DELETE_ROWS);
    assert_int_equal(turned.len, event.whole.len);
    assert_memory_equal(turned.ptr + rows.head_bytes,
                        "\xfe"
                        "CCCCCCCC"
                        "\xfd"
                        "2222"
                        "\xfc"
                        "AAAAAAAA"
                        "1111",
                        27);
    text_done(&turned);
}

static void refuses_what_is_not_whole(void **state)
{
    (void)state;
    struct binlog_table table, other;
    struct binlog_rows rows;
    struct binlog_event map = event_of(users, sizeof users - 1);
    assert_true(binlog_table_read(&map, &arena, &table));
    for (size_t len = BINLOG_HEADER_BYTES; len < sizeof update - 1; len++) {
        struct binlog_event cut = event_of(update, len);
        bool is_read = binlog_rows_read(&cut, &table, &arena, &rows);
        assert_true(!is_read || rows.count == 0); // (its head alone is a statement without rows)
    }
    for (size_t len = BINLOG_HEADER_BYTES; len < BINLOG_HEADER_BYTES + 25; len++) {
        struct binlog_event cut = event_of(users, len);
        assert_false(binlog_table_read(&cut, &arena, &other));
    }
    char minimal[sizeof update];
    memcpy(minimal, update, sizeof update);
    minimal[BINLOG_HEADER_BYTES + 9] = 0x01; // binlog_row_image = MINIMAL
    struct binlog_event event = event_of(minimal, sizeof update - 1);
    assert_false(binlog_rows_read(&event, &table, &arena, &rows));
    table.id = 34;
    event = event_of(update, sizeof update - 1);
    assert_false(binlog_rows_read(&event, &table, &arena, &rows));
}

static void check_value(uint8_t type, uint16_t meta, const char *bytes, size_t len,
                        bool is_unsigned, const char *expected)
{
    struct binlog_column column = {.type = type, .meta = meta};
    struct slice values = slice_of(bytes, len), value;
    struct text out;
    text_init(&out);
    assert_true(binlog_value_take(&column, &values, &value));
    assert_int_equal(values.len, 0);
    binlog_value_print(&column, value, is_unsigned, &out);
    text_add(&out, "", 1);
    assert_string_equal((const char *)out.ptr, expected);
    for (size_t cut = 0; cut < len; cut++) {
        values = slice_of(bytes, cut);
        assert_false(binlog_value_take(&column, &values, &value));
    }
    text_done(&out);
}

#define VALUE(type, meta, bytes, expected)                                                         \
    check_value(type, meta, bytes, sizeof bytes - 1, false, expected)

static void prints_values(void **state)
{
    (void)state;
    VALUE(BINLOG_TINY, 0, "\xff", "-1");
    check_value(BINLOG_TINY, 0, "\xff", 1, true, "255");
    VALUE(BINLOG_INT24, 0, "\xfe\xff\xff", "-2");
    VALUE(BINLOG_LONGLONG, 0, "\x00\x00\x00\x00\x00\x00\x00\x80", "-9223372036854775808");
    VALUE(BINLOG_YEAR, 0, "\x7e", "2026");
    VALUE(BINLOG_DOUBLE, 8, "\x00\x00\x00\x00\x00\x00\xf8\x3f", "1.5");
    VALUE(BINLOG_VARCHAR, 80, "\x04it's", "'it''s'");
    VALUE(BINLOG_VARCHAR, 800,
          "\x02\x00"
          "ab",
          "'ab'");
    VALUE(BINLOG_VARCHAR, 80, "\x02\xc3\x28", "X'c328'"); // no UTF-8
    VALUE(BINLOG_BLOB, 2, "\x01\x00\x00", "X'00'");
    VALUE(BINLOG_STRING, 0x10fe, "\x02hi", "'hi'");   // CHAR
    VALUE(BINLOG_STRING, 0x01f7, "\x03", "3");        // ENUM
    VALUE(BINLOG_BIT, 0x0102, "\x02\x01", "X'0201'"); // BIT(10)
    // DECIMAL(14,4): 1234567890.1234, then negative; and 0.5 in DECIMAL(3,2)
    VALUE(BINLOG_NEWDECIMAL, 0x040e, "\x81\x0d\xfb\x38\xd2\x04\xd2", "1234567890.1234");
    VALUE(BINLOG_NEWDECIMAL, 0x040e, "\x7e\xf2\x04\xc7\x2d\xfb\x2d", "-1234567890.1234");
    VALUE(BINLOG_NEWDECIMAL, 0x0203, "\x80\x32", "0.50");
    VALUE(BINLOG_DATE, 0, "\x7e\xd5\x0f", "'2026-11-30'");
    VALUE(BINLOG_DATETIME2, 0, "\x99\xbb\x7d\x42\x83", "'2026-11-30 20:10:03'");
    VALUE(BINLOG_DATETIME2, 3, "\x99\xbb\x7d\x42\x83\x04\xce", "'2026-11-30 20:10:03.123'");
    VALUE(BINLOG_TIME2, 0, "\x80\x10\x83", "'01:02:03'");
    VALUE(BINLOG_TIME2, 0, "\x7f\xef\x7d", "'-01:02:03'");
    VALUE(BINLOG_TIMESTAMP2, 0, "\x6b\x0d\xd5\xaa", "FROM_UNIXTIME(1796068778)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_an_update),
        cmocka_unit_test(turns_an_update_around),
        cmocka_unit_test(turns_several_rows_around),
        cmocka_unit_test(refuses_what_is_not_whole),
        cmocka_unit_test(prints_values),
    };
    arena_init(&arena, NULL);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_clear(&arena);
    return failed;
}
