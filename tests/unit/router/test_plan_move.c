// UPDATE of the shard key with allow_key_change: which rows are moved, and what is refused.

#include "tests/unit/router/route_fixture.h"

struct move_case {
    const char *sql;
    const char *expected;
};

#define MOVED                                                                                      \
    "in one transaction: the rows are found and locked (SELECT ... FOR UPDATE), and updated "      \
    "where they are; those that belong to another shard then are read, deleted, and inserted "     \
    "there | "
#define ON(shard) shard " write: as it came | merge: none"

// clang-format off
static const struct move_case cases[] = {
    {"UPDATE numbers SET n = 1006 WHERE n = 5", MOVED ON("s1")},
    {"UPDATE numbers SET n = 1006 WHERE n IN (5, 1500)", MOVED "s1 write: as it came | s2 write: as it came | merge: add up"},
    {"UPDATE numbers SET a = NOW(), n = n + 1 WHERE n = 5 ORDER BY a LIMIT 3", MOVED ON("s1")},
    {"UPDATE carts SET buyer_id = {b1} WHERE buyer_id = {b2}", MOVED ON("s2")},
    {"UPDATE users u SET u.user_id = NULL WHERE u.user_id = {b2}", MOVED ON("s2")},
    // the rows stay where they are
    {"UPDATE numbers SET n = 6 WHERE n = 5", ON("s1")},
    {"UPDATE numbers SET n = n WHERE n = 5", ON("s1")},
    {"UPDATE numbers SET a = 1 WHERE n = 5", ON("s1")},
    {"UPDATE numbers SET n = 1006 WHERE n IN (5, 1500) LIMIT 3", "9002 LIMIT and a new shard key"},
    {"UPDATE orders SET buyer_id = 5 WHERE id = {i2}", "9003 whose ids carry the bucket"},
    {"UPDATE sbtest1 JOIN countries ON countries.id = a SET sbtest1.id = 5 WHERE sbtest1.id = {b1}", "9003 several tables"},
    {"UPDATE IGNORE numbers SET n = 1006 WHERE n = 5", "9003 IGNORE"},
    {"UPDATE numbers SET n = 1006 WHERE n = 5 AND a = (SELECT 5)", "9003 subqueries"},
    {"UPDATE numbers SET n = 1006 WHERE n = 5 ORDER BY 1", "9003 the number of a column"},
    {"UPDATE numbers SET n = 1006, n = 7 WHERE n = 5", "9003 set twice"},
    {"UPDATE numbers SET n = DEFAULT WHERE n = 5", "9003 DEFAULT"},
    {"UPDATE numbers SET n = LAST_INSERT_ID() WHERE n = 1500", "9003 only one server can answer"},
    {"UPDATE numbers SET n = NEXTVAL(notes) WHERE n = 5", "9003 only one server can answer, sequences"},
    {"UPDATE numbers SET n = what(5) WHERE n = 5", "9003 only one server can answer"},
    {"UPDATE numbers SET n = 1006 WHERE n = 5 AND (@a := 5)", "9003 user variables"},
    {"SET STATEMENT lock_wait_timeout = 1 FOR UPDATE numbers SET n = 1006 WHERE n = 5", "9003 SET STATEMENT"},
    {"/* waybill: shard=s1 */ UPDATE numbers SET n = 1006 WHERE n = 5", "9003 the hint"},
    {"INSERT INTO carts (buyer_id) VALUES ({b1}) ON DUPLICATE KEY UPDATE buyer_id = 5", "9003 may not change"},
    {"UPDATE numbers SET /*!50000 n = 1006 */ WHERE n = 5", "1235 executable comments"},
};
// clang-format on

static void who_may(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_init_with(&fixture,
                      fixture_read(fixture_servers, fixture_bucket_tables, fixture_other_tables));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fixture_reset(&fixture);
        fixture.request.distributed = DISTRIBUTED_ATOMIC;
        fixture.request.allows_key_change = true;
        fixture_expect(&fixture, cases[i].sql, cases[i].expected);
    }
    fixture_done(&fixture);
}

static void who_may_not(void **state)
{
    (void)state;
    static const char sql[] = "UPDATE numbers SET n = 1006 WHERE n = 5";
    struct fixture fixture;
    fixture_init_with(&fixture,
                      fixture_read(fixture_servers, fixture_bucket_tables, fixture_other_tables));
    fixture_reset(&fixture);
    fixture.request.distributed = DISTRIBUTED_ATOMIC;
    fixture_expect(&fixture, sql, "9003 or set allow_key_change = on for the user");
    fixture.request.allows_key_change = true;
    fixture.request.distributed = DISTRIBUTED_BEST_EFFORT;
    fixture_expect(&fixture, sql, "9003 distributed isn't atomic");
    fixture.request.distributed = DISTRIBUTED_ATOMIC;
    fixture.request.is_strict = false;
    fixture_expect(&fixture, sql, "9003 a sql_mode that isn't strict");
    fixture_done(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_may),
        cmocka_unit_test(who_may_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
