// Groups of the binary log, from events as MariaDB 10.11 writes them.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "protocol/binlog_event.h"
#include "protocol/bytes.h"

static struct text bytes;

static void begin(uint8_t type)
{
    text_done(&bytes);
    text_init(&bytes);
    write_u32(&bytes, 1700000000);
    write_u8(&bytes, type);
    write_u32(&bytes, 101);
    write_u32(&bytes, 0); // length: by finish()
    write_u32(&bytes, 4711);
    write_u16(&bytes, 0);
}

static enum group_news take(struct binlog_group *group)
{
    struct binlog_event event;
    bytes.ptr[9] = (uint8_t)bytes.len;
    bytes.ptr[10] = (uint8_t)(bytes.len >> 8);
    assert_true(binlog_event_read(text_slice(&bytes), &event));
    return binlog_group_take(group, &event);
}

static enum group_news take_gtid(struct binlog_group *group, uint8_t flags)
{
    begin(BINLOG_GTID);
    write_u64(&bytes, 42);
    write_u32(&bytes, 7);
    write_u8(&bytes, flags);
    if ((flags & 0x02) != 0) {
        write_u64(&bytes, 99); // commit id
    }
    if ((flags & 0xc0) != 0) {
        write_u32(&bytes, 22338);
        write_u8(&bytes, 3);
        write_u8(&bytes, 2);
        text_add_string(&bytes, "abcxy");
    }
    text_add(&bytes, "\0\0\0\0\0\0", 6);
    return take(group);
}

static enum group_news take_query(struct binlog_group *group, const char *statement)
{
    begin(BINLOG_QUERY);
    text_add(&bytes, "\1\0\0\0\0\0\0\0", 8);
    write_u8(&bytes, 4); // schema
    write_u16(&bytes, 0);
    write_u16(&bytes, 2); // variables
    text_add(&bytes, "vvshop", 7);
    text_add_string(&bytes, statement);
    return take(group);
}

static enum group_news take_type(struct binlog_group *group, uint8_t type)
{
    begin(type);
    text_add_string(&bytes, "whatever is in it");
    return take(group);
}

static void reads_transactions(void **state)
{
    (void)state;
    struct binlog_group group = {.is_begun = false};
    assert_int_equal(take_type(&group, BINLOG_FORMAT), GROUP_OUTSIDE);
    assert_int_equal(take_type(&group, BINLOG_XID), GROUP_OUTSIDE);
    assert_int_equal(take_gtid(&group, 0x02), GROUP_INSIDE);
    assert_int_equal(take_type(&group, BINLOG_ANNOTATE_ROWS), GROUP_INSIDE);
    assert_int_equal(take_type(&group, BINLOG_TABLE_MAP), GROUP_INSIDE);
    assert_int_equal(take_type(&group, BINLOG_HEARTBEAT), GROUP_OUTSIDE);
    assert_int_equal(take_type(&group, BINLOG_UPDATE_ROWS), GROUP_INSIDE);
    assert_int_equal(take_query(&group, "SAVEPOINT `a`"), GROUP_INSIDE);
    assert_int_equal(take_type(&group, BINLOG_XID), GROUP_COMPLETE);
    assert_int_equal(group.kind, GROUP_ROWS);
    assert_false(group.has_statements);
    assert_int_equal(group.domain, 7);
    assert_int_equal(group.server, 101);
    assert_int_equal(group.sequence, 42);
}

static void tells_statements(void **state)
{
    (void)state;
    struct binlog_group group = {.is_begun = false};
    assert_int_equal(take_gtid(&group, 0x01), GROUP_INSIDE);
    assert_int_equal(take_query(&group, "CREATE TABLE t (a INT)"), GROUP_COMPLETE);
    assert_int_equal(group.kind, GROUP_ALONE);
    take_gtid(&group, 0);
    assert_int_equal(take_query(&group, "UPDATE t SET a = 1"), GROUP_INSIDE);
    assert_int_equal(take_query(&group, "COMMIT"), GROUP_COMPLETE);
    assert_true(group.has_statements);
    take_gtid(&group, 0);
    assert_int_equal(take_type(&group, 166), GROUP_INSIDE); // compressed rows
    assert_true(group.has_statements);
}

static void reads_branches(void **state)
{
    (void)state;
    struct binlog_group group = {.is_begun = false};
    static const uint8_t flags[] = {0x40, 0x42};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(take_gtid(&group, flags[i]), GROUP_INSIDE);
        assert_int_equal(take_type(&group, BINLOG_WRITE_ROWS), GROUP_INSIDE);
        assert_int_equal(take_query(&group, "XA END X'616263',X'7879',22338"), GROUP_INSIDE);
        assert_int_equal(take_type(&group, BINLOG_XA_PREPARE), GROUP_COMPLETE);
        assert_int_equal(group.kind, GROUP_PREPARE);
        assert_false(group.has_statements);
        assert_int_equal(group.xid.format, 22338);
        assert_string_equal(group.xid.gtrid, "abc");
        assert_string_equal(group.xid.bqual, "xy");
    }
    take_gtid(&group, 0x81);
    assert_int_equal(take_query(&group, "XA COMMIT X'616263',X'7879',22338"), GROUP_COMPLETE);
    assert_int_equal(group.kind, GROUP_COMMIT);
    take_gtid(&group, 0x81);
    assert_int_equal(take_query(&group, "XA ROLLBACK X'616263',X'7879',22338"), GROUP_COMPLETE);
    assert_int_equal(group.kind, GROUP_ROLLBACK);
    assert_string_equal(group.xid.gtrid, "abc");
    take_gtid(&group, 0x81);
    assert_int_equal(take_query(&group, "XA WHATEVER"), GROUP_BROKEN);
}

static void refuses_what_is_cut(void **state)
{
    (void)state;
    struct binlog_group group = {.is_begun = false};
    struct binlog_event event;
    take_gtid(&group, 0x42);
    for (size_t len = 0; len < bytes.len; len++) {
        assert_false(binlog_event_read(slice_of(bytes.ptr, len), &event));
    }
    for (size_t len = BINLOG_HEADER_BYTES; len < BINLOG_HEADER_BYTES + 32; len++) {
        take_gtid(&group, 0x42);
        bytes.len = len;
        assert_int_equal(take(&group), GROUP_BROKEN);
    }
    take_gtid(&group, 0x40);
    bytes.ptr[BINLOG_HEADER_BYTES + 13 + 4] = 65; // longer than a gtrid may be
    text_add(&bytes, "....................................................................", 66);
    assert_int_equal(take(&group), GROUP_BROKEN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_transactions),
        cmocka_unit_test(tells_statements),
        cmocka_unit_test(reads_branches),
        cmocka_unit_test(refuses_what_is_cut),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    text_done(&bytes);
    return failed;
}
