// Open transactions in what real servers print.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "replication/innodb_status.h"

static const char head[] = "Trx id counter 81\n"
                           "LIST OF TRANSACTIONS FOR EACH SESSION:\n";

static void mariadb_prints_them(void **state)
{
    (void)state;
    assert_int_equal(
        innodb_status_open_transactions(
            "LIST OF TRANSACTIONS FOR EACH SESSION:\n"
            "---TRANSACTION 78, ACTIVE 0 sec starting index read\n"
            "mysql tables in use 1, locked 1\n"
            "LOCK WAIT 2 lock struct(s), heap size 1128, 1 row lock(s)\n"
            "MariaDB thread id 15, OS thread handle 1396534194725, query id 70 localhost root "
            "Updating\n"
            "UPDATE shop.t SET b = 3 WHERE a = 1\n"
            "------- TRX HAS BEEN WAITING 300376 us FOR THIS LOCK TO BE GRANTED:\n"
            "---TRANSACTION (0x7f039b401d80), ACTIVE 0 sec\n"
            "0 lock struct(s), heap size 1128, 0 row lock(s)\n"
            "MariaDB thread id 14, OS thread handle 139653419165376, query id 69 localhost root \n"
            "Trx read view will not see trx with id >= 76, sees < 76\n"
            "---TRANSACTION (0x7f039b3ffc80), not started\n"
            "0 lock struct(s), heap size 1128, 0 row lock(s)\n"),
        2);
}

static void mysql_prints_threads_of_those_that_did_not_start(void **state)
{
    (void)state;
    assert_int_equal(
        innodb_status_open_transactions(
            "---TRANSACTION 1337, not started\n"
            "MySQL thread id 8, OS thread handle 0x7f74ce3c36c0, query id 73 localhost root init\n"
            "SHOW ENGINE INNODB STATUS\n"
            "---TRANSACTION 1342, ACTIVE 0 sec\n"
            "2 lock struct(s), heap size 360, 1 row lock(s)\n"
            "MySQL thread id 9, OS thread handle 0x7f74ce3816c0, query id 55 localhost root\n"),
        1);
}

static void a_branch_without_a_connection_counts_for_nothing(void **state)
{
    (void)state;
    assert_int_equal(innodb_status_open_transactions(
                         "---TRANSACTION 77, ACTIVE (PREPARED) 0 sec recovered trx\n"
                         "1 lock struct(s), heap size 1128, 0 row lock(s), undo log entries 1\n"
                         "---TRANSACTION (0x7f039b3ffc80), not started\n"
                         "MariaDB thread id 14, OS thread handle 13965, query id 69 localhost r\n"),
                     0);
    assert_int_equal(innodb_status_open_transactions(
                         "---TRANSACTION 77, ACTIVE (PREPARED) 0 sec\n"
                         "1 lock struct(s), heap size 1128, 0 row lock(s), undo log entries 1\n"
                         "MariaDB thread id 14, OS thread handle 13965, query id 69 localhost r"),
                     1);
}

static void nothing_is_printed(void **state)
{
    (void)state;
    assert_int_equal(innodb_status_open_transactions(""), 0);
    assert_int_equal(innodb_status_open_transactions(head), 0);
    assert_int_equal(innodb_status_open_transactions("---TRANSACTION 7, ACTIVE"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mariadb_prints_them),
        cmocka_unit_test(mysql_prints_threads_of_those_that_did_not_start),
        cmocka_unit_test(a_branch_without_a_connection_counts_for_nothing),
        cmocka_unit_test(nothing_is_printed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
