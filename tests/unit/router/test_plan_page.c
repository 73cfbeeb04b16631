// Which statements are deep pages, and what the shards are asked for them.

#include "router/page.h"
#include "tests/unit/router/route_fixture.h"

static void start(struct fixture *fixture)
{
    fixture_init_with(fixture,
                      fixture_read(fixture_servers, fixture_bucket_tables, fixture_other_tables));
    fixture_reset(fixture);
}

static struct plan *plan_of(struct fixture *fixture, const char *sql)
{
    struct plan *plan = NULL;
    struct error error;
    fixture->request.statement = fixture_parse(fixture, fixture_text(fixture, sql));
    assert_true(plan_make(&fixture->arena, &fixture->request, &plan, &error));
    return plan;
}

static const struct page_plan *page_of(struct fixture *fixture, const char *sql)
{
    const struct page_plan *page = plan_of(fixture, sql)->page;
    if (page == NULL) {
        fail_msg("no page: %s", sql);
    }
    return page;
}

static void expect(struct slice got, const char *wanted)
{
    if (!slice_equal(got, slice_of_string(wanted))) {
        fail_msg("\n   gives    %.*s\n   expected %s", (int)got.len, (const char *)got.ptr, wanted);
    }
}

static const char *const none[] = {
    "SELECT id FROM orders LIMIT 10 OFFSET 100000",
    "SELECT id FROM orders ORDER BY a LIMIT 10 OFFSET 4999",
    "SELECT id FROM orders ORDER BY a LIMIT 0 OFFSET 100000",
    "SELECT id FROM orders ORDER BY NULL LIMIT 10 OFFSET 100000",
    "SELECT id FROM orders WHERE buyer_id = {b2} ORDER BY a LIMIT 10 OFFSET 100000",
    "SELECT DISTINCT a FROM orders ORDER BY a LIMIT 10 OFFSET 100000",
    "SELECT a, COUNT(*) FROM orders GROUP BY a ORDER BY a LIMIT 10 OFFSET 100000",
    "SELECT SQL_CALC_FOUND_ROWS id FROM orders ORDER BY a LIMIT 10 OFFSET 100000",
    "SELECT id FROM orders ORDER BY a LIMIT 10 OFFSET 100000 FOR UPDATE",
    "SELECT id FROM orders WHERE at < NOW() ORDER BY a LIMIT 10 OFFSET 100000",
    "SELECT id FROM orders WHERE a IN (SELECT code FROM countries) ORDER BY a LIMIT 10 OFFSET "
    "100000",
    "SELECT id FROM orders JOIN (SELECT 1 AS x) d ORDER BY a LIMIT 10 OFFSET 100000",
    "SET STATEMENT max_statement_time = 1 FOR SELECT id FROM orders ORDER BY a LIMIT 10 OFFSET "
    "100000",
};

static void test_which(void **state)
{
    (void)state;
    struct fixture fixture;
    start(&fixture);
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        fixture_reset(&fixture);
        if (plan_of(&fixture, none[i])->page != NULL) {
            fail_msg("a page: %s", none[i]);
        }
    }
    static const char page[] = "SELECT id FROM orders ORDER BY a LIMIT 10 OFFSET 5000";
    fixture_reset(&fixture);
    assert_non_null(plan_of(&fixture, page)->page);
    assert_non_null(strstr(fixture_plan(&fixture, page),
                           "Of each of 4 shards come the rows of the page and up to 100 before it; "
                           "where its beginning can't be found (see doc/sharding.md), up to 5010"));
    fixture.request.in_transaction = true;
    assert_true(page_of(&fixture, page)->is_inside);
    fixture.request.in_transaction = false;
    fixture.request.is_prepared = true;
    assert_true(page_of(&fixture, page)->wants_text);
    static const struct binary_value values[] = {
        {.type = TYPE_LONGLONG, .bytes = {(const uint8_t *)"\5\0\0\0\0\0\0\0", 8}},
        {.type = TYPE_LONGLONG, .bytes = {(const uint8_t *)"\x88\x13\0\0\0\0\0\0", 8}},
    };
    fixture.request.params = values;
    assert_true(page_of(&fixture, "SELECT id FROM orders WHERE b > ? ORDER BY a LIMIT 10 OFFSET ?")
                    ->wants_text);
    assert_null(plan_of(&fixture, "SELECT id, ? FROM orders ORDER BY a LIMIT 10 OFFSET ?")->page);
    fixture_done(&fixture);
}

static void test_ascending(void **state)
{
    (void)state;
    struct fixture fixture;
    const struct slice bounds[] = {slice_of_string("5"), slice_of_string("7")};
    const struct slice first = slice_of(NULL, 0), bound = slice_of_string("3");
    start(&fixture);
    struct arena *arena = &fixture.arena;
    const struct page_plan *page =
        page_of(&fixture, "SELECT o.* FROM orders o WHERE b = 1 OR b = 2 -- two\n"
                          "ORDER BY o.a, id LIMIT 10 OFFSET 5000");
    expect(page_tables(arena, page),
           "SELECT (SELECT COUNT(*) FROM information_schema.TABLES WHERE ENGINE = 'InnoDB' AND "
           "((TABLE_SCHEMA = _utf8'shop' AND TABLE_NAME = _utf8'orders'))), @@time_zone, "
           "@@system_time_zone, NULL");
    expect(page_key(arena, page),
           "SELECT o.a AS waybill_key FROM orders o  WHERE (b = 1 OR b = 2) LIMIT 0");
    expect(page_place(arena, page, first, false, 1250),
           "SELECT o.a AS waybill_key, NULL FROM orders o  WHERE (b = 1 OR b = 2) ORDER BY o.a "
           "LIMIT 1 OFFSET 1250");
    expect(page_place(arena, page, bound, true, 9),
           "SELECT HEX(LEFT(o.a, 64)), COLLATION(o.a) FROM orders o  WHERE (b = 1 OR b = 2) AND "
           "((o.a) >= 3) ORDER BY o.a LIMIT 1 OFFSET 9");
    expect(page_count(arena, page, first, bounds, 2),
           "SELECT COUNT(CASE WHEN (o.a) < 5 OR (o.a) IS NULL THEN 1 END), COUNT(CASE WHEN (o.a) < "
           "7 OR (o.a) IS NULL THEN 1 END) FROM orders o  WHERE (b = 1 OR b = 2) AND ((o.a) < 5 OR "
           "(o.a) < 7 OR (o.a) IS NULL)");
    expect(page_count(arena, page, bound, bounds, 2),
           "SELECT COUNT(CASE WHEN (o.a) < 5 THEN 1 END), COUNT(CASE WHEN (o.a) < 7 THEN 1 END) "
           "FROM orders o  WHERE (b = 1 OR b = 2) AND ((o.a) >= 3) AND ((o.a) < 5 OR (o.a) < 7)");
    expect(page_rows(arena, page, bound, 25),
           "SELECT o.*, o.a AS `_waybill_1`, COLLATION(o.a) AS `waybill collation 0`, id AS "
           "`_waybill_2`, COLLATION(id) AS `waybill collation 1` FROM orders o WHERE (b = 1 OR b = "
           "2) AND ((o.a) >= 3) -- two\nORDER BY o.a, id LIMIT 25");
    fixture_done(&fixture);
}

static void test_descending(void **state)
{
    (void)state;
    struct fixture fixture;
    const struct slice bounds[] = {slice_of_string("5")};
    const struct slice first = slice_of(NULL, 0), bound = slice_of_string("9");
    start(&fixture);
    struct arena *arena = &fixture.arena;
    const struct page_plan *page =
        page_of(&fixture, "SELECT a + 1 AS x FROM orders # all\nORDER BY x DESC LIMIT 5000, 10");
    expect(
        page_place(arena, page, bound, false, 0),
        "SELECT a + 1 AS waybill_key, NULL FROM orders # all\n WHERE ((a + 1) <= 9 OR (a + 1) IS "
        "NULL) ORDER BY a + 1 DESC LIMIT 1 OFFSET 0");
    expect(
        page_count(arena, page, first, bounds, 1),
        "SELECT COUNT(CASE WHEN (a + 1) > 5 THEN 1 END) FROM orders # all\n WHERE ((a + 1) > 5)");
    expect(page_count(arena, page, bound, bounds, 1),
           "SELECT COUNT(CASE WHEN (a + 1) > 5 THEN 1 END) FROM orders # all\n WHERE ((a + 1) <= 9 "
           "OR (a + 1) IS NULL) AND ((a + 1) > 5)");
    expect(page_rows(arena, page, bound, 25),
           "SELECT a + 1 AS x, COLLATION(a + 1) AS `waybill collation 0` FROM orders # all\nWHERE "
           "((a + 1) <= 9 OR (a + 1) IS NULL) ORDER BY x DESC LIMIT 25");
    expect(page_rows(arena, page, first, 0),
           "SELECT a + 1 AS x, COLLATION(a + 1) AS `waybill collation 0` FROM orders # all\nORDER "
           "BY x DESC LIMIT 0");
    fixture_done(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_which),
        cmocka_unit_test(test_ascending),
        cmocka_unit_test(test_descending),
    };
    return cmocka_run_group_tests_name("plan_page", tests, NULL, NULL);
}
