// What is brought together for a SELECT that no merge can answer: which rows of which tables, by
// which text; and what is refused all the same.

#include "router/gather.h"
#include "tests/unit/router/route_fixture.h"

struct gather_case {
    const char *sql, *expected;
};

#define ON_S1(shards, more)                                                                        \
    "gather: rows of shop.orders from " shards more ", into a temporary table on s1 | "            \
    "s1 replica: as it came | merge: none"
#define NAMED ", the columns that are named"

// clang-format off
static const struct gather_case cases[] = {
    {"SELECT a, COUNT(*) FROM orders GROUP BY a", ON_S1("s2 s3 s4", NAMED)},
    {"SELECT DISTINCT a FROM orders", ON_S1("s2 s3 s4", NAMED)},
    {"SELECT DISTINCT * FROM orders", ON_S1("s2 s3 s4", "")},
    {"SELECT SUM(a) FROM shop.orders WHERE b = 5", ON_S1("s2 s3 s4", NAMED ", filtered there")},
    {"SELECT SUM(a) FROM orders WHERE buyer_id IN ({b1}, {b3})", ON_S1("s3", NAMED ", filtered there")},
    {"SELECT a FROM orders ORDER BY a + 1", ON_S1("s2 s3 s4", NAMED)},
    {"SELECT RANK() OVER (ORDER BY a) FROM orders", ON_S1("s2 s3 s4", NAMED)},
    {"WITH x AS (SELECT a FROM orders) SELECT * FROM x", ON_S1("s2 s3 s4", "")},
    {"SELECT a FROM orders WHERE buyer_id = {b1} UNION SELECT a FROM orders WHERE buyer_id = {b2}", ON_S1("s2", NAMED)},
    {"SELECT MAX(a) FROM orders JOIN countries ON countries.id = orders.a", ON_S1("s2 s3 s4", NAMED)},
    // the home of an unsharded table has to be the place; what is not needed stays where it is
    {"SELECT o.a FROM orders o JOIN flags f ON f.a = o.a WHERE o.buyer_id = {b1}",
     "gather: rows of shop.orders from s1, the columns that are named, filtered there, into a temporary table on s3 | "
     "s3 replica: as it came | merge: none"},
    {"SELECT n.a FROM numbers n JOIN regions r ON n.a = r.a WHERE r.region = 'cn'",
     "gather: rows of shop.numbers from s2 s3, the columns that are named, into a temporary table on s1 | "
     "s1 replica: as it came | merge: none"},
    // a merge is better
    {"SELECT COUNT(*) FROM orders WHERE buyer_id IN ({b1}, {b3})",
     "s1 replica: as it came | s3 replica: as it came | merge: group; 1 add"},
    {"SELECT MAX(a) FROM orders WHERE buyer_id = {b2}", "s2 replica: as it came | merge: none"},
    // never
    {"SELECT STD(a) FROM orders FOR UPDATE", "9001 aggregates other than"},
    {"SELECT STD(a) FROM orders LOCK IN SHARE MODE", "9001 aggregates other than"},
    {"SELECT STD(a) INTO @x FROM orders", "9001"},
    {"SELECT STD(a), @x := 1 FROM orders", "9001"},
    {"SELECT own(a) FROM orders GROUP BY 1", "9001"},
    {"SELECT STD(a), SLEEP(1) FROM orders", "9001"},
    {"SELECT STD(a), FOUND_ROWS() FROM orders", "9001"},
    {"SELECT STD(a), CONNECTION_ID() FROM orders", "9001"},
    {"SELECT SQL_CALC_FOUND_ROWS a FROM orders GROUP BY a HAVING a > 1", ON_S1("s2 s3 s4", NAMED)},
    {"SELECT /* waybill: primary */ STD(a) FROM orders", "9001 aggregates"},
    {"SELECT STD(a) FROM orders, information_schema.tables", "9001"},
    {"SELECT * FROM flags f JOIN undeclared u ON u.a = f.a", "9001"}, // different homes
    {"SELECT * FROM flags f JOIN regions r ON r.a = f.a", "9001"}, // there is no regions on s3
};
// clang-format on

static void fixture_start(struct fixture *fixture)
{
    fixture_init_with(fixture,
                      fixture_read(fixture_servers, fixture_bucket_tables, fixture_other_tables));
}

static void plans(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_start(&fixture);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fixture_reset(&fixture);
        fixture.request.may_gather = true;
        // Some of them could be merged, which turns out not to be exact when it runs.
        fixture.request.must_gather = strncmp(cases[i].expected, "gather", 6) == 0;
        fixture_expect(&fixture, cases[i].sql, cases[i].expected);
    }
    fixture_reset(&fixture);
    fixture_expect(&fixture, "SELECT STD(a) FROM orders", "9001 aggregates");
    fixture_done(&fixture);
}

static void by_turns_and_in_transactions(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_start(&fixture);
    for (unsigned i = 0; i < FIXTURE_SHARDS; i++) {
        char place[40];
        fixture_reset(&fixture);
        fixture.request.may_gather = true;
        fixture.request.now_ms = FIXTURE_NOW + i;
        snprintf(place, sizeof place, "temporary table on s%u", i + 1);
        assert_non_null(strstr(fixture_plan(&fixture, "SELECT STD(a) FROM orders"), place));
    }
    fixture_reset(&fixture);
    fixture.request.may_gather = fixture.request.in_transaction = true;
    fixture.request.last_shard = 1;
    fixture_expect(
        &fixture, "SELECT STD(a) FROM orders",
        "gather: rows of shop.orders from s1 s2 s3 s4, the columns that are named, into a "
        "temporary table on s1 beside the transaction | s1 replica: as it came | merge: "
        "none");
    fixture_expect(&fixture, "SELECT STD(a), @@autocommit FROM orders", "9001");
    // Reference tables, too, from where the transaction is already; a name of one is not enough.
    const char *text =
        fixture_plan(&fixture, "SELECT COUNT(*) FROM orders o JOIN orders p ON o.a = "
                               "p.b JOIN countries USING (c)");
    assert_non_null(strstr(text, "gather: rows of shop.countries from s2, "));
    fixture.request.in_transaction = false;
    fixture.request.must_gather = true;
    fixture_expect(&fixture, "SELECT a FROM orders ORDER BY a", ON_S1("s2 s3 s4", NAMED));
    fixture_done(&fixture);
}

// ---- the texts

static struct gather_column columns_of_orders[] = {
    {.name = {(const uint8_t *)"nr", 2}, .type = {(const uint8_t *)"bigint", 6}, .is_unique = true},
    {.name = {(const uint8_t *)"at", 2}, .type = {(const uint8_t *)"timestamp", 9}},
    {.name = {(const uint8_t *)"f", 1}, .type = {(const uint8_t *)"float", 5}},
    {.name = {(const uint8_t *)"kind", 4}, .type = {(const uint8_t *)"enum", 4}},
    {.name = {(const uint8_t *)"memo", 4}, .type = {(const uint8_t *)"varchar", 7}},
    {.name = {(const uint8_t *)"day", 3}, .type = {(const uint8_t *)"date", 4}},
    {.name = {(const uint8_t *)"price", 5}, .type = {(const uint8_t *)"decimal", 7}},
    {.name = {(const uint8_t *)"odd`name", 8}, .type = {(const uint8_t *)"text", 4}},
};

// The SELECT with which the other shards' rows of the first table are read.
static const char *reading(struct fixture *fixture, const char *sql)
{
    struct plan *plan = NULL;
    struct error error;
    const struct gather_column *unfit = NULL;
    struct gather_columns columns = {
        .items = columns_of_orders,
        .count = sizeof columns_of_orders / sizeof columns_of_orders[0],
    };
    fixture_reset(fixture);
    fixture->request.may_gather = fixture->request.must_gather = true;
    fixture->request.statement = fixture_parse(fixture, fixture_text(fixture, sql));
    assert_true(plan_make(&fixture->arena, &fixture->request, &plan, &error));
    assert_non_null(plan->gather);
    assert_true(gather_settle(plan->gather, &columns, &unfit));
    struct slice text = gather_read(&fixture->arena, plan->gather, 0, &columns, 9);
    return (const char *)arena_format(&fixture->arena, "%.*s", (int)text.len,
                                      (const char *)text.ptr)
        .ptr;
}

#define FROM(where) " FROM `shop`.`orders`" where " LIMIT 9"

// clang-format off
static const struct gather_case readings[] = {
    {"SELECT SUM(price) FROM orders", "SELECT `nr`, `price`, `odd``name`" FROM("")},
    {"SELECT at, f, kind, memo, COUNT(*) FROM orders GROUP BY day, 1, 2, 3, 4",
     "SELECT `nr`, UNIX_TIMESTAMP(`at`), CAST(`f` AS DOUBLE), `kind` + 0, `memo`, `day`, `odd``name`" FROM("")},
    // conditions: the last one first
    {"SELECT MAX(nr) FROM orders WHERE price > 5 AND day >= '2026-01-02' AND kind IN ('a', 'b') AND 7 <> nr",
     "SELECT `nr`, `kind` + 0, `day`, `price`, `odd``name`" FROM(" WHERE `price` > 5 AND `day` >= '2026-01-02' AND `kind` IN ('a', 'b') AND `nr` <> 7")},
    {"SELECT MAX(nr) FROM orders o WHERE o.price BETWEEN -1.5 AND 2 AND o.nr NOT IN (1, 2)",
     "SELECT `nr`, `price`, `odd``name`" FROM(" WHERE `price` BETWEEN -1.5 AND 2 AND `nr` NOT IN (1, 2)")},
    // what could warn, or mean something else
    {"SELECT MAX(nr) FROM orders WHERE memo = 5 AND nr = '5' AND day = '2026-02-30' AND day > 'x' AND price = 1e1",
     "SELECT `nr`, `memo`, `day`, `price`, `odd``name`" FROM("")},
    {"SELECT MAX(nr) FROM orders WHERE memo = 'it''s' AND memo = 'caf\xc3\xa9' AND memo <=> 'x' AND nr IS NULL AND nr = 1 + 1",
     "SELECT `nr`, `memo`, `odd``name`" FROM("")},
    {"SELECT MAX(nr) FROM orders WHERE nr = 5 OR nr = 6", "SELECT `nr`, `odd``name`" FROM("")},
    {"SELECT MAX(nr) FROM orders WHERE NOT nr = 5", "SELECT `nr`, `odd``name`" FROM("")},
    {"SELECT /*!50000day*/ FROM orders GROUP BY memory", "SELECT `nr`, `day`, `odd``name`" FROM("")},
    {"SELECT MAX(nr) FROM orders HAVING MAX(nr) = 5 + 0", "SELECT `nr`, `odd``name`" FROM("")},
    {"SELECT MAX(o.nr) FROM orders o, orders x WHERE o.nr = 5 AND x.nr = 6", "SELECT `nr`, `odd``name`" FROM("")},
    {"SELECT MAX(o.nr) FROM orders o JOIN users u ON o.nr = u.a AND o.price = 3", "SELECT `nr`, `price`, `odd``name`" FROM(" WHERE `price` = 3")},
    {"SELECT MAX(o.nr) FROM orders o LEFT JOIN users u ON o.nr = u.a AND o.price = 3", "SELECT `nr`, `price`, `odd``name`" FROM("")},
    {"SELECT MAX(o.nr) FROM orders o LEFT JOIN users u ON o.nr = u.a WHERE o.price = 3", "SELECT `nr`, `price`, `odd``name`" FROM(" WHERE `price` = 3")},
    {"SELECT MAX(u.a) FROM orders o JOIN users u USING (zip) WHERE price = 3", "SELECT `nr`, `price`, `odd``name`" FROM("")},
};
// clang-format on

static void texts(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_start(&fixture);
    for (size_t i = 0; i < sizeof readings / sizeof readings[0]; i++) {
        const char *got = reading(&fixture, readings[i].sql);
        if (strcmp(got, readings[i].expected) != 0) {
            fixture.failures++;
            print_error("%s\n   gives    %s\n   expected %s\n", readings[i].sql, got,
                        readings[i].expected);
        }
    }
    fixture_done(&fixture);
}

static void unknown_types(void **state)
{
    (void)state;
    struct gather_plan plan = {.wants_all_columns = true};
    struct gather_column items[] = {
        {.name = {(const uint8_t *)"v", 1}, .type = {(const uint8_t *)"vector", 6}},
        {.name = {(const uint8_t *)"n", 1}, .type = {(const uint8_t *)"int", 3}},
    };
    struct gather_columns columns = {.items = items, .count = 2};
    const struct gather_column *unfit = NULL;
    assert_false(gather_settle(&plan, &columns, &unfit));
    assert_ptr_equal(unfit, &items[0]);
    plan.wants_all_columns = false; // nothing is named: one column stands for the row
    assert_true(gather_settle(&plan, &columns, &unfit));
    assert_true(!items[0].is_moved && items[1].is_moved && columns.moved_count == 1);
}

// ---- values

static void expect_literal(enum gather_form form, struct slice bytes, const char *expected)
{
    struct text sql;
    struct gather_column column = {.form = form};
    text_init(&sql);
    bool is_read = gather_add_value(&sql, &column, bytes, false);
    assert_int_equal(is_read, expected != NULL);
    if (expected != NULL) {
        assert_int_equal(sql.len, strlen(expected));
        assert_memory_equal(sql.ptr, expected, sql.len);
    }
    text_done(&sql);
}

static void values(void **state)
{
    (void)state;
    expect_literal(FORM_NUMBER, slice_of_string("-5.50"), "-5.50");
    expect_literal(FORM_NUMBER, slice_of_string("5)"), NULL);
    expect_literal(FORM_NUMBER, slice_of_string(""), NULL);
    expect_literal(FORM_FLOAT, slice_of_string("0.1"), "0.1e0");
    expect_literal(FORM_FLOAT, slice_of_string("-3.4e38"), "-3.4e38");
    expect_literal(FORM_INDEX, slice_of_string("3"), "3");
    expect_literal(FORM_TIMESTAMP, slice_of_string("1767225600.500"),
                   "FROM_UNIXTIME(1767225600.500)");
    expect_literal(FORM_TIMESTAMP, slice_of_string("0.000000"), "0");
    expect_literal(FORM_PLAIN, slice_of_string("2026-01-01"), "'2026-01-01'");
    expect_literal(FORM_PLAIN, slice_of_string("2026'"), NULL);
    expect_literal(FORM_BYTES, slice_of("a'b\\\0\xff", 6), "_binary'a\\'b\\\\\\0\xff'");
    expect_literal(FORM_BYTES, slice_of_string(""), "_binary''");
    expect_literal(FORM_UNKNOWN, slice_of_string("x"), NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plans),  cmocka_unit_test(by_turns_and_in_transactions),
        cmocka_unit_test(texts),  cmocka_unit_test(unknown_types),
        cmocka_unit_test(values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
