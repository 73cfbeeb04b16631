// Plans that need the columns of a table, as a server has told them: LOAD DATA into sharded tables.

#include "router/load_split.h"
#include "tests/unit/router/route_fixture.h"

struct columns_case {
    const char *sql;
    const char *expected; // as in fixture_expect; all four shards get the text behind "="
};

#define LOAD "LOAD DATA LOCAL INFILE 'x' INTO TABLE "

// clang-format off
// The table has the columns note, id, buyer_id, `a``b` and, invisible, hidden.
static const struct columns_case cases[] = {
    {LOAD "orders", "=" LOAD "orders (`note`, `id`, `buyer_id`, `a``b`)"},
    {LOAD "orders ()", "=" LOAD "orders  (`note`, `id`, `buyer_id`, `a``b`)"},
    {LOAD "shop.orders IGNORE 1 LINES SET note = 1", "=" LOAD "shop.orders  (`note`, `id`, `buyer_id`, `a``b`) SET note = 1"},
    {LOAD "orders (id, shop.orders.buyer_id, hidden)", "=as it came"},
    {LOAD "orders IGNORE 3 ROWS (id, buyer_id)", "=" LOAD "orders  (id, buyer_id)"},
    {LOAD "orders ( buyer_id, @x) SET note = @x", "=" LOAD "orders (`id`,  buyer_id, @x) SET note = @x"},
    {LOAD "orders (buyer_id, note) SET note = NOW()", "=" LOAD "orders (`id`, buyer_id, note) SET note = NOW()"},
    {LOAD "orders (buyer_id) SET note = (SELECT name FROM countries LIMIT 1)", "=" LOAD "orders (`id`, buyer_id) SET note = (SELECT name FROM countries LIMIT 1)"},
    {LOAD "orders (buyer_id) SET note = (SELECT MAX(a) FROM flags)", "9002 reference tables only"},
    {LOAD "orders (buyer_id) SET note = LAST_INSERT_ID()", "9002 LAST_INSERT_ID() would be another one on each"},
    {LOAD "orders (buyer_id, @n) SET note = @n := @n + 1", "9002 @variable := ..."},
    {LOAD "orders (buyer_id, @n) SET note = CONCAT('a', @n := 1)", "9002 @variable := ..."},
    {LOAD "orders (buyer_id) SET ID = 5", "9002 SET may not change the column"},
    {LOAD "orders (note)", "9003 must read its shard key `buyer_id`"},
    {LOAD "orders (@buyer_id, note) SET buyer_id = @buyer_id", "9003 must read its shard key"},
    {LOAD "orders (buyer_id, Buyer_ID)", "9003 names column `buyer_id` twice"},
    {LOAD "orders (buyer_id, nothing)", "1054 Unknown column 'nothing' in 'field list'"},
    {LOAD "orders FIELDS TERMINATED BY '' (buyer_id)", "9002 fixed-length fields"},
    {LOAD "orders FIELDS TERMINATED BY 'é' (buyer_id)", "9002 separators beyond ASCII"},
    {LOAD "orders FIELDS ENCLOSED BY 'ab' (buyer_id)", "1083"},
    {LOAD "orders FIELDS TERMINATED BY '12' (buyer_id)", "9002 the ids that it makes"},
    {LOAD "orders FIELDS TERMINATED BY '12' (buyer_id, id)", "=as it came"},
    {LOAD "orders FIELDS TERMINATED BY ',' ESCAPED BY ',' (buyer_id)", "9002 the ids that it makes"},
    {LOAD "orders FIELDS TERMINATED BY '\\n,' (buyer_id)", "9002 the ids that it makes"},
    {LOAD "orders LINES STARTING BY '>' TERMINATED BY '' IGNORE 1 LINES (buyer_id, id)", "9002 LINES STARTING BY"},
    {LOAD "orders FIELDS TERMINATED BY ',' ENCLOSED BY ',' ESCAPED BY ',' (buyer_id, id)", "9002 depends on the next one"},
    {LOAD "orders CHARACTER SET ucs2 (buyer_id)", "9002 its character set"},
    {LOAD "orders CHARACTER SET swe7 (buyer_id)", "9002 its character set"},
    {LOAD "orders CHARACTER SET gbk (buyer_id, id)", "=as it came"},
    {"LOAD DATA /*! LOCAL */ INFILE 'x' INTO TABLE orders (buyer_id)", "1235 executable comments"},
    {"LOAD XML LOCAL INFILE 'x' INTO TABLE orders", "9002 XML"},
};
// clang-format on

static struct table_column items[] = {
    {.type = {(const uint8_t *)"varchar", 7}, .max_chars = 20},
    {.type = {(const uint8_t *)"bigint", 6}},
    {.type = {(const uint8_t *)"int", 3}, .is_unsigned = true},
    {.type = {(const uint8_t *)"int", 3}},
    {.type = {(const uint8_t *)"int", 3}},
};

static struct table_columns columns_of_orders(void)
{
    static const char *const names[] = {"note", "id", "buyer_id", "a`b", "hidden"};
    for (size_t i = 0; i < 5; i++) {
        items[i].name = slice_of_string(names[i]);
    }
    return (struct table_columns){.items = items,
                                  .count = 5,
                                  .visible_count = 4,
                                  .charset = slice_of_string("utf8mb4"),
                                  .connection = slice_of_string("latin1")};
}

static void init(struct fixture *fixture)
{
    fixture_init_with(fixture,
                      fixture_read(fixture_servers, fixture_bucket_tables, fixture_other_tables));
}

static void test_load(void **state)
{
    (void)state;
    struct table_columns columns = columns_of_orders();
    struct fixture fixture;
    init(&fixture);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct text expected;
        text_init(&expected);
        fixture_reset(&fixture);
        fixture.request.columns = &columns;
        for (int shard = 1; cases[i].expected[0] == '=' && shard <= 4; shard++) {
            text_add_format(&expected, "s%d write: %s | ", shard, cases[i].expected + 1);
        }
        text_add_string(&expected,
                        cases[i].expected[0] == '=' ? "merge: add up" : cases[i].expected);
        text_add(&expected, "", 1);
        fixture_expect(&fixture, cases[i].sql, (const char *)expected.ptr);
        text_done(&expected);
    }
    fixture_reset(&fixture);
    columns.connection = slice_of_string("ucs2");
    fixture.request.columns = &columns;
    fixture_expect(&fixture, LOAD "orders (buyer_id, id)", "9002 not like ASCII");
    columns.connection = slice_of_string("utf8mb4");
    // A table for which waybill makes no ids; a server that wasn't asked yet.
    fixture_reset(&fixture);
    items[1].name = slice_of_string("order_id");
    fixture.request.columns = &columns;
    fixture_expect(&fixture, LOAD "payments (buyer_id)", "9003 must read `order_id` from the file");
    fixture_reset(&fixture);
    fixture.request.is_prepared = true;
    fixture_expect(&fixture, LOAD "orders (buyer_id)", "s1 write: as it came | merge: none");
    fixture_done(&fixture);
}

static void test_wants_columns(void **state)
{
    (void)state;
    struct fixture fixture;
    struct plan *plan = NULL;
    struct error error;
    init(&fixture);
    fixture_reset(&fixture);
    fixture.request.statement = fixture_parse(&fixture, slice_of_string(LOAD "orders (buyer_id)"));
    assert_true(plan_make(&fixture.arena, &fixture.request, &plan, &error));
    assert_true(plan->wants_columns && plan->split == NULL);
    fixture_done(&fixture);
}

// ---- rows

struct place_case {
    const char *table, *columns;
    const char *row;
    const char *expected; // the shard, or a part of the sentence
};

// clang-format off
static const struct place_case place_cases[] = {
    {"orders", "id, buyer_id", "{i2}\t{b2}", "s2"},
    {"orders", "id, buyer_id", "{j2}\t{b2}", "carries bucket"},
    {"orders", "id, buyer_id", "\\N\t{b2}", "leave the column out"},
    {"orders", "id, buyer_id", "0\t{b2}", "leave the column out"},
    {"orders", "buyer_id", "{b3}", "s3"},
    {"orders", "buyer_id", "000{b3}", "s3"},
    {"orders", "buyer_id", "4294967296", "does not fit"}, // int unsigned
    {"orders", "buyer_id", "-1", "does not fit"},
    {"orders", "buyer_id", "", "no whole number"},
    {"orders", "buyer_id", "\\N", "is NULL"},
    {"orders", "note, buyer_id", "x", "has no value"},
    {"orders", "buyer_id", "1.5", "no whole number"},
};
// clang-format on

static void check_place(struct fixture *fixture, const struct place_case *one)
{
    struct plan *plan = NULL;
    struct error error = {0};
    struct load_placer placer;
    struct load_place place;
    struct load_rows rows;
    struct slice sql = arena_format(&fixture->arena, LOAD "%s (%s)", one->table, one->columns);
    fixture->request.statement = fixture_parse(fixture, sql);
    assert_true(plan_make(&fixture->arena, &fixture->request, &plan, &error));
    load_rows_init(&rows, &plan->split->rules);
    load_rows_add(&rows, fixture_text(fixture, one->row));
    load_rows_add(&rows, slice_of_string("\n"));
    assert_int_equal(load_rows_next(&rows), LOAD_ROW);
    assert_true(load_placer_init(&placer, plan->split, fixture->config, &fixture->arena));
    bool is_placed = load_place_row(&placer, &rows, &place, &error);
    const char *got = is_placed ? fixture->config->shards[place.shard].name : error.text;
    if (strstr(got, one->expected) == NULL) {
        fixture->failures++;
        print_error("%s: %s instead of %s\n", one->row, got, one->expected);
    }
    load_rows_done(&rows);
}

static void test_places(void **state)
{
    (void)state;
    struct table_columns columns = columns_of_orders();
    struct fixture fixture;
    init(&fixture);
    for (size_t i = 0; i < sizeof place_cases / sizeof place_cases[0]; i++) {
        fixture_reset(&fixture);
        fixture.request.columns = &columns;
        check_place(&fixture, &place_cases[i]);
    }
    fixture_done(&fixture);
}

// A reload that moves rows of the table ends a load.
static void test_fingerprint(void **state)
{
    (void)state;
    static const char moved[] = "[table shop.numbers]\nmethod = range\nkey = n\n"
                                "ranges = 0..998:s1, 999..1999:s2, 2000..:s3\n";
    struct config *one = fixture_read(fixture_servers, fixture_bucket_tables, fixture_other_tables);
    struct config *two = fixture_read(fixture_servers, fixture_bucket_tables, moved);
    struct slice shop = slice_of_string("shop");
    static const char *const tables[] = {"orders", "users", "numbers"};
    for (int i = 0; i < 3; i++) {
        const struct table_config *a = config_find_table(one, shop, slice_of_string(tables[i]));
        const struct table_config *b = config_find_table(two, shop, slice_of_string(tables[i]));
        assert_true((sharding_fingerprint(one, a) == sharding_fingerprint(two, b)) == (i < 2));
    }
    config_free(one);
    config_free(two);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_load),
        cmocka_unit_test(test_wants_columns),
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_fingerprint),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
