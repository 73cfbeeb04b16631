// State changes in OK packets: bytes of MariaDB 10.11, and what is no change.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "protocol/reply.h"
#include "protocol/session_track.h"

#define BYTES(literal) slice_of(literal, sizeof(literal) - 1)

static void check(struct slice block, uint8_t type, const char *name, const char *value)
{
    struct reader reader = reader_of(block);
    struct track_change change;
    assert_true(track_read(&reader, &change));
    assert_int_equal(change.type, type);
    assert_true(slice_equal(change.name, slice_of_string(name)));
    assert_true(slice_equal(change.value, slice_of_string(value)));
    assert_true(slice_equal(change.whole, block));
    assert_false(track_read(&reader, &change));
    assert_false(reader.is_bad);
}

static void test_read(void **state)
{
    (void)state;
    check(BYTES("\x00\x12\x09last_gtid\x07"
                "0-31-93"),
          TRACK_VARIABLE, "last_gtid", "0-31-93");
    check(BYTES("\x01\x05\x04shop"), TRACK_SCHEMA, "", "shop");
    check(BYTES("\x01\x01\x00"), TRACK_SCHEMA, "", "");
    check(BYTES("\x02\x01"
                "1"),
          TRACK_STATE, "", "1");
    check(BYTES("\x05\x09\x08T_R_W_S_"), TRACK_TRANSACTION, "", "T_R_W_S_");
    check(BYTES("\x04\x01\x00"), TRACK_CHARACTERISTICS, "", "");
    check(BYTES("\x63\x02zz"), 0x63, "", "zz"); // one that came later
}

static void test_gtids(void **state)
{
    (void)state;
    struct track_change change;
    struct reader reader = reader_of(BYTES("\x00\x0e\x09last_gtid\x03"
                                           "1-2"
                                           "\x03\x03\x00\x01x"
                                           "\x00\x05\x01"
                                           "a\x02on"));
    assert_true(track_read(&reader, &change) && change.is_server_gtid);
    assert_true(track_read(&reader, &change) && change.is_server_gtid);
    assert_true(track_read(&reader, &change) && !change.is_server_gtid);
    assert_false(track_read(&reader, &change));
    assert_false(reader.is_bad);
}

static void test_bad(void **state)
{
    (void)state;
    const struct slice bad[] = {
        BYTES("\x00"),                 // no length
        BYTES("\x01\x05\x04sho"),      // longer than the block
        BYTES("\x01\x03\x05xy"),       // the string longer than the change
        BYTES("\x01\x04\x01xyz"),      // ... and shorter
        BYTES("\x00\x03\x02xy"),       // a variable without value
        BYTES("\x01\xfe\xff\xff\xff"), // half a length
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct reader reader = reader_of(bad[i]);
        struct track_change change;
        assert_false(track_read(&reader, &change));
        assert_true(reader.is_bad);
        assert_false(track_read(&reader, &change));
    }
}

static void test_write(void **state)
{
    (void)state;
    struct text block;
    text_init(&block);
    track_write(&block, TRACK_SCHEMA, slice_of(NULL, 0), slice_of_string("shop"));
    track_write(&block, TRACK_VARIABLE, slice_of_string("autocommit"), slice_of_string("ON"));
    assert_true(slice_equal(text_slice(&block), BYTES("\x01\x05\x04shop\x00\x0e\x0a"
                                                      "autocommit\x02ON")));
    // As the whole of an OK, with and without a message.
    for (int i = 0; i < 2; i++) {
        struct text out;
        text_init(&out);
        struct ok_packet found, ok = {.message = slice_of_string(i == 0 ? "" : "Records: 1"),
                                      .changes = text_slice(&block)};
        ok_write(&out, &ok);
        assert_true(ok_read(text_slice(&out), &found));
        assert_int_equal(found.status, STATUS_SESSION_CHANGED);
        assert_true(slice_equal(found.changes, text_slice(&block)));
        assert_true(slice_equal(found.message, ok.message));
        // Its beginning alone is an OK without them.
        assert_true(ok_read(slice_of(out.ptr, out.len - 1), &found));
        assert_int_equal(found.changes.len, 0);
        text_done(&out);
    }
    text_done(&block);
}

static void test_flag_without_changes(void **state)
{
    (void)state;
    struct text out;
    text_init(&out);
    struct ok_packet found, ok = {.status = STATUS_SESSION_CHANGED | STATUS_AUTOCOMMIT};
    ok_write(&out, &ok);
    assert_true(ok_read(text_slice(&out), &found));
    assert_int_equal(found.status, STATUS_AUTOCOMMIT);
    // What stands there without the flag is none.
    assert_true(ok_read(BYTES("\0\0\0\2\0\0\0\0\3\1\1\0"), &found));
    assert_int_equal(found.changes.len, 0);
    text_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_gtids),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_write),
        cmocka_unit_test(test_flag_without_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
