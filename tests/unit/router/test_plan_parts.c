// SELECTs over several shards whose merge is made of more than one SELECT of each: finer groups for
// DISTINCT values, ROLLUP, the first by their values, and UNION.

#include "tests/unit/router/route_fixture.h"

struct route_case {
    const char *sql, *expected;
};

#define ALL(merge)                                                                                 \
    "s1 replica: as it came | s2 replica: as it came | s3 replica: as it came | "                  \
    "s4 replica: as it came | merge: " merge
#define EACH(sql, merge)                                                                           \
    "s1 replica: " sql " | s2 replica: " sql " | s3 replica: " sql " | s4 replica: " sql           \
    " | merge: " merge
// The collation of a key, for the merge; and of MIN and MAX.
#define C(key, number)  ", COLLATION(" key ") AS `waybill collation " number "`"
#define M(expr, number) ", COLLATION(" expr ") AS `_waybill_collation_" number "`"
// A finer key that isn't selected.
// What AVG is made of.
#define A(expr, number)                                                                            \
    ", SUM(" expr ") AS `_waybill_sum_" number "`, COUNT(" expr ") AS `_waybill_count_" number "`"
#define F(key, name, number) ", " key " AS `_waybill_" name "`" C(key, number)

// clang-format off
static const struct route_case fine_cases[] = {
    {"SELECT COUNT(DISTINCT buyer_id) AS n, SUM(total) FROM orders WHERE a > 1",
     EACH("SELECT COUNT(DISTINCT buyer_id) AS n, SUM(total)" F("buyer_id", "1", "0")
          " FROM orders WHERE a > 1 GROUP BY buyer_id ORDER BY `_waybill_1` LIMIT "
          "18446744073709551615",
          "group by hidden 1; 1 add distinct, 2 add; hidden columns 2")},
    {"SELECT COUNT(DISTINCT a, b) FROM orders LIMIT 1",
     EACH("SELECT COUNT(DISTINCT a, b)" F("a", "1", "0") F("b", "2", "1")
          " FROM orders GROUP BY a, b ORDER BY `_waybill_1`, `_waybill_2` LIMIT "
          "18446744073709551615",
          "group by hidden 1, hidden 3; 1 add distinct; hidden columns 4; limit 1")},
    {"SELECT status, AVG(DISTINCT a), MIN(DISTINCT b) FROM orders GROUP BY status DESC ORDER BY "
     "status LIMIT 3 OFFSET 2",
     EACH("SELECT status, AVG(DISTINCT a), MIN(DISTINCT b), SUM(DISTINCT a) AS `_waybill_sum_0`, "
          "COUNT(DISTINCT a) AS `_waybill_count_0`" M("MIN(DISTINCT b)", "2") C("status", "0")
          F("a", "2", "1")
          " FROM orders GROUP BY status DESC, a ORDER BY status, `_waybill_2` LIMIT "
          "18446744073709551615 OFFSET 0",
          "group by 1, hidden 5; 2 average distinct of hidden 1 / hidden 2, 3 min; hidden columns "
          "6; offset 2; limit 3")},
    {"SELECT COUNT(DISTINCT status) FROM orders GROUP BY status",
     EACH("SELECT COUNT(DISTINCT status), status AS `_waybill_1`" C("status", "0")
          " FROM orders GROUP BY status ORDER BY `_waybill_1`",
          "group by hidden 1; 1 add distinct; hidden columns 2")},
    {"SELECT COUNT(DISTINCT a), COUNT(DISTINCT b) FROM orders", "9001 several DISTINCT values"},
    {"SELECT COUNT(DISTINCT a), 5 FROM orders", "9001 without GROUP BY beside"},
    {"SELECT IFNULL(SUM(DISTINCT a), 0) FROM orders", "9001 without GROUP BY beside"},
    {"SELECT COUNT(DISTINCT a) FROM orders ORDER BY 1", "9001 without GROUP BY beside"},
    {"SELECT COUNT(DISTINCT a) FROM orders HAVING COUNT(*) > 1", "9001 without GROUP BY beside"},
    {"SELECT COUNT(DISTINCT 1) FROM orders", "9001 DISTINCT constants"},
    {"SELECT b AS a, COUNT(DISTINCT a + 1) FROM orders GROUP BY b", "9001 names that are aliases"},
    {"SELECT COUNT(DISTINCT (SELECT MAX(name) FROM countries)) FROM orders", "9001 subqueries"},
    {"SELECT status FROM orders GROUP BY status HAVING COUNT(DISTINCT a) > 5",
     EACH("SELECT status, COUNT(DISTINCT a) AS `_waybill_having_0`" C("status", "0")
          F("a", "2", "1")
          " FROM orders GROUP BY status, a HAVING 1 ORDER BY 1, `_waybill_2` LIMIT "
          "18446744073709551615",
          "group by 1, hidden 3; having COUNT(DISTINCT a) > 5; hidden columns 4")},
};

// What is asked about a GROUP_CONCAT.
#define G(how, values, count, nulls, number)                                                       \
    ", CONCAT(" how "(LENGTH(CONCAT(" values "))), ' ', " count ", ' ', " nulls                    \
    ", ' ', @@group_concat_max_len, ' ', MIN(CHARSET(CONCAT(" values ")))) AS "                    \
    "`_waybill_concat_" number "`"
#define GA(values, nulls, number) G("SUM", values, "COUNT(CONCAT(" values "))", nulls, number)

static const struct route_case concat_cases[] = {
    {"SELECT GROUP_CONCAT(a) FROM orders",
     EACH("SELECT GROUP_CONCAT(a)" GA("a", "0", "0") " FROM orders", "group; 1 concat; hidden columns 1")},
    {"SELECT status, GROUP_CONCAT(a, b SEPARATOR '; ') FROM orders GROUP BY status",
     EACH("SELECT status, GROUP_CONCAT(a, b SEPARATOR '; ')" GA("a, b", "0", "0") C("status", "0") " FROM orders GROUP BY status ORDER BY 1",
          "group by 1; 2 concat; hidden columns 2")},
    {"SELECT status, GROUP_CONCAT(a ORDER BY b DESC, a) FROM orders GROUP BY status",
     EACH("SELECT status, GROUP_CONCAT(a ORDER BY b DESC, a)" GA("a", "SUM(CONCAT(a) IS NOT NULL AND ((b) IS NULL))", "0") C("status", "0")
          F("b", "2", "1") F("a", "3", "2")
          " FROM orders GROUP BY status, b, a ORDER BY 1, `_waybill_2` DESC, `_waybill_3` LIMIT 18446744073709551615",
          "group by 1, hidden 3 desc, hidden 5; 2 concat; hidden columns 6")},
    {"SELECT GROUP_CONCAT(DISTINCT a ORDER BY a DESC), COUNT(DISTINCT a) FROM orders",
     EACH("SELECT GROUP_CONCAT(DISTINCT a ORDER BY a DESC), COUNT(DISTINCT a)" G("MAX", "a", "1", "0", "0") F("a", "1", "0")
          " FROM orders GROUP BY a ORDER BY `_waybill_1` DESC LIMIT 18446744073709551615",
          "group by hidden 2 desc; 1 concat distinct, 2 add distinct; hidden columns 3")},
    {"SELECT COUNT(DISTINCT b), GROUP_CONCAT(a ORDER BY b DESC) FROM orders",
     EACH("SELECT COUNT(DISTINCT b), GROUP_CONCAT(a ORDER BY b DESC)" GA("a", "SUM(CONCAT(a) IS NOT NULL AND ((b) IS NULL))", "0") F("b", "1", "0")
          " FROM orders GROUP BY b ORDER BY `_waybill_1` DESC LIMIT 18446744073709551615",
          "group by hidden 2 desc; 1 add distinct, 2 concat; hidden columns 3")},
    {"SELECT GROUP_CONCAT(a ORDER BY b), GROUP_CONCAT(b ORDER BY b DESC) FROM orders", "9001 several DISTINCT values or orders"},
    {"SELECT GROUP_CONCAT(a ORDER BY b), COUNT(DISTINCT a) FROM orders", "9001 several DISTINCT values or orders"},
    {"SELECT GROUP_CONCAT(DISTINCT a ORDER BY b) FROM orders", "9001 GROUP_CONCAT with"},
    {"SELECT GROUP_CONCAT(a ORDER BY 1) FROM orders", "9001 GROUP_CONCAT with"},
    {"SELECT GROUP_CONCAT(a LIMIT 3) FROM orders", "9001 GROUP_CONCAT with"},
    {"SELECT GROUP_CONCAT(a SEPARATOR 'ä') FROM orders", "9001 GROUP_CONCAT with"},
    {"SELECT GROUP_CONCAT(a SEPARATOR _latin1 'x') FROM orders", "9001 GROUP_CONCAT with"},
    {"SELECT GROUP_CONCAT(a / b) FROM orders", "9001 GROUP_CONCAT with"},
    {"SELECT GROUP_CONCAT((SELECT name FROM countries LIMIT 1)) FROM orders", "9001 GROUP_CONCAT with"},
    {"SELECT GROUP_CONCAT(a ORDER BY b) + 1 FROM orders", "9001 aggregates other than"},
    {"SELECT b AS a, GROUP_CONCAT(b ORDER BY a) FROM orders GROUP BY b", "9001 GROUP_CONCAT with"},
    {"SELECT status, GROUP_CONCAT(a ORDER BY a) FROM orders GROUP BY status WITH ROLLUP", "9001 WITH ROLLUP with"},
};

static const struct route_case rollup_cases[] = {
    {"SELECT status, COUNT(*) FROM orders GROUP BY status WITH ROLLUP",
     EACH("SELECT SQL_BIG_RESULT status, COUNT(*)" C("status", "0") " FROM orders GROUP BY status  ORDER BY 1 LIMIT 18446744073709551615",
          "group by 1 with rollup; 2 add; hidden columns 1")},
    {"SELECT SUM(a) FROM orders GROUP BY a DESC, b WITH ROLLUP HAVING COUNT(*) > 1 LIMIT 5",
     EACH("SELECT SQL_BIG_RESULT SUM(a), COUNT(*) AS `_waybill_having_0`, a AS `_waybill_1`" C("a", "0") ", b AS `_waybill_2`" C("b", "1")
          " FROM orders GROUP BY a DESC, b  HAVING 1 ORDER BY `_waybill_1` DESC, `_waybill_2` LIMIT 18446744073709551615",
          "group by hidden 2 desc, hidden 4 with rollup; 1 add; having COUNT(*) > 1; hidden columns 5; limit 5")},
    {"SELECT a, COUNT(*) FROM orders GROUP BY a WITH ROLLUP ORDER BY a", "9001 WITH ROLLUP with ORDER BY"},
    {"SELECT a, COUNT(DISTINCT b) FROM orders GROUP BY a WITH ROLLUP", "9001 WITH ROLLUP with"},
    {"SELECT a, COUNT(*) FROM orders GROUP BY a, a WITH ROLLUP", "9001 WITH ROLLUP with"},
    {"SELECT a, COUNT(*) FROM orders GROUP BY a, NULL WITH ROLLUP", "9001 WITH ROLLUP with"},
    {"SELECT IFNULL(a, 'all'), COUNT(*) FROM orders GROUP BY a WITH ROLLUP", "9001 GROUP BY with anything else"},
};

static const struct route_case top_cases[] = {
    {"SELECT a, SUM(b) AS s FROM orders GROUP BY a ORDER BY s DESC, a LIMIT 3 OFFSET 2",
     EACH("SELECT SQL_BUFFER_RESULT a, SUM(b) AS s" C("a", "0") " FROM orders GROUP BY a ORDER BY 1 LIMIT 18446744073709551615 OFFSET 0",
          "group by 1; 2 add; sorted by value 2 desc, 1; hidden columns 1; offset 2; limit 3")},
    {"SELECT a FROM orders GROUP BY a ORDER BY COUNT(*), 1 DESC LIMIT 3",
     EACH("SELECT SQL_BUFFER_RESULT a, COUNT(*) AS `_waybill_having_0`" C("a", "0") " FROM orders GROUP BY a ORDER BY 1 LIMIT 18446744073709551615",
          "group by 1; sorted by value 2, 1 desc; hidden columns 2; limit 3")},
    {"SELECT a, COUNT(*) FROM orders GROUP BY a HAVING COUNT(*) > 1 ORDER BY 2 LIMIT 3",
     EACH("SELECT SQL_BUFFER_RESULT a, COUNT(*)" C("a", "0") " FROM orders GROUP BY a HAVING 1 ORDER BY 1 LIMIT 18446744073709551615",
          "group by 1; 2 add; having COUNT(*) > 1; sorted by value 2; hidden columns 1; limit 3")},
    {"SELECT a, COUNT(DISTINCT b) FROM orders GROUP BY a ORDER BY COUNT(DISTINCT b) LIMIT 3",
     EACH("SELECT SQL_BUFFER_RESULT a, COUNT(DISTINCT b)" C("a", "0") F("b", "2", "1") " FROM orders GROUP BY a, b ORDER BY 1, `_waybill_2` LIMIT 18446744073709551615",
          "group by 1, hidden 2; 2 add distinct; sorted by value 2; hidden columns 3; limit 3")},
    {"SELECT a, COUNT(*) FROM orders GROUP BY a ORDER BY 2",
     EACH("SELECT SQL_BUFFER_RESULT a, COUNT(*)" C("a", "0") " FROM orders GROUP BY a ORDER BY 1 LIMIT 18446744073709551615",
          "group by 1; 2 add; sorted by value 2; hidden columns 1")},
    {"SELECT a, AVG(b) FROM orders GROUP BY a ORDER BY 2 LIMIT 20000",
     EACH("SELECT SQL_BUFFER_RESULT a, AVG(b)" A("b", "0") C("a", "0") " FROM orders GROUP BY a ORDER BY 1 LIMIT 18446744073709551615",
          "group by 1; 2 average of hidden 1 / hidden 2; sorted by value 2; hidden columns 3; limit 20000")},
    {"SELECT a FROM orders GROUP BY a ORDER BY AVG(b) DESC",
     EACH("SELECT SQL_BUFFER_RESULT a" A("b", "0") ", AVG(b) AS `_waybill_having_0`" C("a", "0") " FROM orders GROUP BY a ORDER BY 1 LIMIT 18446744073709551615",
          "group by 1; sorted by value 2 desc; hidden columns 4")},
    {"SELECT a, COUNT(*) FROM orders GROUP BY a, b ORDER BY 2, b LIMIT 3",
     EACH("SELECT SQL_BUFFER_RESULT a, COUNT(*)" C("a", "0") ", b AS `_waybill_2`" C("b", "1")
          " FROM orders GROUP BY a, b ORDER BY 1, `_waybill_2` LIMIT 18446744073709551615",
          "group by 1, hidden 2; 2 add; sorted by value 2, 3; hidden columns 3; limit 3")},
    {"SELECT a, COUNT(*) FROM orders GROUP BY a ORDER BY COUNT(*) + 1 LIMIT 3", "9001"},
    {"SELECT a, SUM(b + ?) FROM orders GROUP BY a ORDER BY SUM(b + ?) LIMIT 3", "9001 ORDER BY anything but"},
    {"SELECT a, COUNT(*) FROM orders GROUP BY a ORDER BY 3 LIMIT 3", "9001 ORDER BY anything but"},
};

#define ARMS "SELECT id, a FROM orders WHERE a > 1 UNION ALL SELECT id, b FROM carts"
#define SET "SELECT id AS x, a FROM orders UNION SELECT id, b FROM carts"
static const struct route_case union_cases[] = {
    {ARMS, ALL("rows")},
    {ARMS " LIMIT 3", ALL("rows; limit 3")},
    {ARMS " ORDER BY a DESC, 1", ALL("sort by 2 desc, 1")},
    {ARMS " ORDER BY id LIMIT 3 OFFSET 5", EACH(ARMS " ORDER BY id LIMIT 8 OFFSET 0", "sort by 1; offset 5; limit 3")},
    {ARMS " ORDER BY NULL", ALL("rows")},
    {"(" ARMS ") ORDER BY id", "9001 ORDER BY with parentheses"},
    {"(SELECT id FROM orders) UNION ALL (SELECT id FROM carts) ORDER BY id", ALL("sort by 1")},
    {"(SELECT id FROM orders LIMIT 5) UNION ALL SELECT id FROM carts", "9001 LIMIT or WITH"},
    {"SELECT id FROM orders UNION ALL (SELECT id FROM carts ORDER BY id LIMIT 5)", "9001 LIMIT or WITH"},
    {"SELECT * FROM orders UNION ALL SELECT * FROM carts", ALL("rows")},
    {"SELECT * FROM orders UNION ALL SELECT * FROM carts ORDER BY id", "9001 ORDER BY anything but"},
    {"SELECT id, id FROM orders UNION ALL SELECT id, a FROM carts ORDER BY id", "9001 ORDER BY anything but"},
    {ARMS " ORDER BY a + 1", "9001 ORDER BY anything but"},
    {ARMS " ORDER BY 3", "9001 ORDER BY anything but"},
    {ARMS " ORDER BY 0", "9001 ORDER BY anything but"},
    {"SELECT id FROM orders WHERE id = {i1} UNION ALL SELECT id FROM carts WHERE buyer_id = {b3}",
     "s1 replica: as it came | s3 replica: as it came | merge: rows"},
    {ARMS " UNION ALL SELECT 1, 2", "9001 arms without a sharded table"},
    {ARMS " UNION ALL SELECT code, name FROM countries", "9001 arms without a sharded table"},
    {ARMS " UNION ALL SELECT o.id, i.a FROM orders o JOIN items i ON i.order_id = o.id", ALL("rows")},
    {ARMS " UNION ALL SELECT o.id, o.a FROM orders o JOIN carts c ON c.a = o.a", "9001 not joined by their shard key"},
    {ARMS " UNION ALL SELECT COUNT(*), 1 FROM orders", "9001 groups or DISTINCT"},
    {ARMS " UNION ALL SELECT DISTINCT a, 1 FROM orders", "9001 groups or DISTINCT"},
    {ARMS " INTERSECT SELECT id, a FROM orders", "9001 INTERSECT or EXCEPT"},
    {ARMS " FOR UPDATE", "9001"},
    {"SELECT SQL_CALC_FOUND_ROWS id FROM orders UNION ALL SELECT id FROM carts", "9001 SQL_CALC_FOUND_ROWS"},
    {SET, EACH(SET " ORDER BY 1, 2", "group by 1, 2")},
    {SET " ORDER BY a DESC", EACH(SET " ORDER BY a DESC, 1", "group by 2 desc, 1")},
    {SET " ORDER BY x, 2", ALL("group by 1, 2")},
    {SET " LIMIT 3 OFFSET 5", EACH(SET " ORDER BY 1, 2 LIMIT 8 OFFSET 0", "group by 1, 2; offset 5; limit 3")},
    {ARMS " UNION DISTINCT SELECT id, a FROM orders", EACH(ARMS " UNION DISTINCT SELECT id, a FROM orders ORDER BY 1, 2", "group by 1, 2")},
    {SET " UNION ALL SELECT id, a FROM orders", "9001 UNION ALL behind UNION"},
    {"SELECT * FROM orders UNION SELECT * FROM carts", "9001 * or too many"},
};
// clang-format on

static void run(const struct route_case *cases, size_t count)
{
    struct fixture fixture;
    fixture_init_with(&fixture,
                      fixture_read(fixture_servers, fixture_bucket_tables, fixture_other_tables));
    for (size_t i = 0; i < count; i++) {
        fixture_reset(&fixture);
        fixture_expect(&fixture, cases[i].sql, cases[i].expected);
    }
    fixture_done(&fixture);
}

static void finer_groups(void **state)
{
    (void)state;
    run(fine_cases, sizeof fine_cases / sizeof fine_cases[0]);
}

static void concatenated(void **state)
{
    (void)state;
    run(concat_cases, sizeof concat_cases / sizeof concat_cases[0]);
}

static void rollups(void **state)
{
    (void)state;
    run(rollup_cases, sizeof rollup_cases / sizeof rollup_cases[0]);
}

static void first_groups(void **state)
{
    (void)state;
    run(top_cases, sizeof top_cases / sizeof top_cases[0]);
}

static void unions(void **state)
{
    (void)state;
    run(union_cases, sizeof union_cases / sizeof union_cases[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finer_groups), cmocka_unit_test(concatenated), cmocka_unit_test(rollups),
        cmocka_unit_test(first_groups), cmocka_unit_test(unions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
