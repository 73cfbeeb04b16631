// OK, ERR and EOF packets and the table of errors.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "protocol/error_table.h"
#include "protocol/reply.h"

static void test_ok(void **state)
{
    (void)state;
    struct text out;
    text_init(&out);
    struct ok_packet ok = {.affected_rows = 300,
                           .insert_id = UINT64_MAX,
                           .status = STATUS_IN_TRANS,
                           .warnings = 3,
                           .message = slice_of_string("Rows matched: 1")};
    ok_write(&out, &ok);
    struct ok_packet found;
    assert_true(ok_read(text_slice(&out), &found));
    assert_int_equal(found.affected_rows, 300);
    assert_int_equal(found.insert_id, UINT64_MAX);
    assert_int_equal(found.status, STATUS_IN_TRANS);
    assert_int_equal(found.warnings, 3);
    assert_true(slice_equal(found.message, ok.message));
    out.ptr[0] = 0xfe;
    assert_true(ok_read(text_slice(&out), &found));
    out.ptr[0] = 1;
    assert_false(ok_read(text_slice(&out), &found));
    text_done(&out);
    assert_true(ok_read(slice_of("\0\0\0\2\0\0\0", 7), &found));
    assert_false(ok_read(slice_of("\0\0\0\2\0\0", 6), &found));
    // A message that is no length-encoded string is taken as it is.
    assert_true(ok_read(slice_of("\0\0\0\2\0\0\0zero", 11), &found));
    assert_true(slice_equal(found.message, slice_of_string("zero")));
}

static void test_eof(void **state)
{
    (void)state;
    struct text out;
    text_init(&out);
    eof_write(&out, 5, STATUS_AUTOCOMMIT);
    assert_true(slice_equal(text_slice(&out), slice_of("\xfe\5\0\2\0", 5)));
    uint16_t warnings, status;
    assert_true(eof_read(text_slice(&out), &warnings, &status));
    assert_int_equal(warnings, 5);
    assert_int_equal(status, STATUS_AUTOCOMMIT);
    assert_false(eof_read(slice_of("\xfe\5\0\2\0\0", 6), &warnings, &status));
    assert_false(eof_read(slice_of("\xfe\5\0\2", 4), &warnings, &status));
    text_done(&out);
}

static void test_error(void **state)
{
    (void)state;
    struct text out;
    text_init(&out);
    struct error error, found;
    error_fill(&error, ER_ACCESS_DENIED, "app", "10.0.0.1", "YES");
    assert_int_equal(error.code, 1045);
    assert_string_equal(error.sqlstate, "28000");
    assert_string_equal(error.text,
                        "Access denied for user 'app'@'10.0.0.1' (using password: YES)");
    error_write(&out, &error);
    assert_true(error_read(text_slice(&out), &found));
    assert_int_equal(found.code, error.code);
    assert_string_equal(found.sqlstate, error.sqlstate);
    assert_string_equal(found.text, error.text);
    text_done(&out);
    // Before the log-in there is no SQLSTATE.
    assert_true(error_read(slice_of("\xff\x10\x04Too many", 11), &found));
    assert_int_equal(found.code, 1040);
    assert_string_equal(found.sqlstate, "HY000");
    assert_string_equal(found.text, "Too many");
    assert_false(error_read(slice_of("\xff\x10", 2), &found));
    // A text longer than ours is cut, not overrun.
    uint8_t longer[2000] = {0xff, 1, 1, '#', '4', '2', '0', '0', '0'};
    memset(longer + 9, 'x', sizeof longer - 9);
    assert_true(error_read(slice_of(longer, sizeof longer), &found));
    assert_int_equal(strlen(found.text), sizeof found.text - 1);
}

static void test_error_table(void **state)
{
    (void)state;
    static const struct {
        int number;
        const char *sqlstate;
    } rows[] = {
#define X(name, number, sqlstate, text) {number, sqlstate},
        ERROR_TABLE(X)
#undef X
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(strlen(rows[i].sqlstate), 5);
        for (size_t j = 0; j < i; j++) {
            assert_int_not_equal(rows[i].number, rows[j].number);
        }
    }
    struct error error;
    error_fill(&error, ER_UNKNOWN_STMT, 1, "7", "COM_STMT_EXECUTE");
    assert_string_equal(error.text,
                        "Unknown prepared statement handler (7) given to COM_STMT_EXECUTE");
    error_fill(&error, ER_NO_DB);
    assert_string_equal(error.text, "No database selected");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ok),
        cmocka_unit_test(test_eof),
        cmocka_unit_test(test_error),
        cmocka_unit_test(test_error_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
