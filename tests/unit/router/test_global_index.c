// What a statement wants to know of global indexes, where it goes with their answers, and the SQL
// about them.

#include "route_fixture.h"
#include "router/global_index.h"

static const char indexed[] = "[table shop.sales]\nkey = buyer_id\n"
                              "[index sales.seller]\ntable = shop.sales\ncolumn = seller_id\n"
                              "[index sales.no]\ntable = shop.sales\ncolumn = no\n"
                              "key_type = string\n";

static struct plan *plan_of(struct fixture *fixture, const char *sql)
{
    struct plan *plan = NULL;
    struct error error;
    fixture->request.statement = fixture_parse(fixture, fixture_text(fixture, sql));
    if (!plan_make(&fixture->arena, &fixture->request, &plan, &error)) {
        fail_msg("%s: %u %s", sql, error.code, error.text);
    }
    return plan;
}

static void begin(struct fixture *fixture)
{
    fixture_reset(fixture);
    fixture->request.may_look_up = true;
    fixture->request.distributed = DISTRIBUTED_ATOMIC;
}

// "seller 5, no a" of the values that are asked for; "" when nothing is.
static void expect_wishes(struct fixture *fixture, const char *sql, const char *expected)
{
    struct text found;
    text_init(&found);
    begin(fixture);
    const struct plan *plan = plan_of(fixture, sql);
    for (uint32_t i = 0; plan->index_wishes != NULL && i < plan->index_wishes->count; i++) {
        const struct index_wish *wish = &plan->index_wishes->items[i];
        text_add_format(&found, "%s%s %.*s", i > 0 ? ", " : "", wish->index->name + 6,
                        (int)wish->value.len, (const char *)wish->value.ptr);
    }
    text_add(&found, "", 1);
    if (strcmp((const char *)found.ptr, expected) != 0) {
        fail_msg("%s: '%s', not '%s'", sql, (const char *)found.ptr, expected);
    }
    text_done(&found);
}

static void wishes(void **state)
{
    (void)state;
    static const struct {
        const char *sql, *wishes;
    } cases[] = {
        {"SELECT * FROM sales WHERE seller_id = 05", "seller 5"},
        {"SELECT * FROM sales s WHERE '007' = s.seller_id AND no = 'Ab '", "no ab, seller 7"},
        {"SELECT * FROM sales WHERE seller_id IN (-1, 2, 2)", "seller -1, seller 2"},
        {"SELECT * FROM sales WHERE seller_id = 1 OR no = 'x'", "no x, seller 1"},
        {"SELECT * FROM sales WHERE seller_id <=> 3", "seller 3"},
        {"UPDATE sales SET n = 1 WHERE seller_id = 4", "seller 4"},
        {"DELETE FROM sales WHERE no = ''", "no "},
        {"SELECT COUNT(DISTINCT n) FROM sales WHERE seller_id = 4", "seller 4"},
        {"SELECT * FROM sales JOIN users ON user_id = buyer_id WHERE seller_id = 8", "seller 8"},
        // Not certain, or not needed.
        {"SELECT * FROM sales WHERE seller_id = 5.0", ""},
        {"SELECT * FROM sales WHERE no = 5", ""},
        {"SELECT * FROM sales WHERE no = 'stra\xc3\x9f"
         "e'",
         ""},
        {"SELECT * FROM sales WHERE seller_id = NULL", ""},
        {"SELECT * FROM sales WHERE seller_id > 5", ""},
        {"SELECT * FROM sales WHERE seller_id = n", ""},
        {"SELECT * FROM sales WHERE buyer_id = {b2} AND seller_id = 5", ""},
        {"INSERT INTO sales (buyer_id, seller_id) VALUES ({b1}, 5)", ""},
        {"SELECT * FROM users WHERE seller_id = 5", ""},
    };
    struct fixture fixture;
    fixture_init_with(&fixture, fixture_read(fixture_servers, fixture_bucket_tables, indexed));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        expect_wishes(&fixture, cases[i].sql, cases[i].wishes);
    }
    fixture_done(&fixture);
}

static void a_long_list_is_not_looked_up(void **state)
{
    (void)state;
    struct fixture fixture;
    struct text sql;
    fixture_init_with(&fixture, fixture_read(fixture_servers, fixture_bucket_tables, indexed));
    text_init(&sql);
    text_add_string(&sql, "SELECT * FROM sales WHERE seller_id IN (0");
    for (int i = 1; i <= INDEX_WISHES_MAX; i++) {
        text_add_format(&sql, ", %d", i);
    }
    text_add_string(&sql, ")");
    text_add(&sql, "", 1);
    begin(&fixture);
    struct index_wishes *answers = plan_of(&fixture, (const char *)sql.ptr)->index_wishes;
    assert_int_equal(answers->count, INDEX_WISHES_MAX);
    for (uint32_t i = 0; i < answers->count; i++) {
        answers->items[i].shards = shard_set_of(1);
    }
    fixture.request.index_answers = answers;
    assert_int_equal(plan_of(&fixture, (const char *)sql.ptr)->target_count, 4);
    text_done(&sql);
    fixture_done(&fixture);
}

static void answers_narrow(void **state)
{
    (void)state;
    static const struct {
        const char *sql, *plan;
    } cases[] = {
        {"SELECT n FROM sales WHERE seller_id = 5", "s2 replica: as it came"},
        {"DELETE FROM sales WHERE seller_id = '5'", "s2 write: as it came"},
        {"SELECT n FROM sales WHERE seller_id = 6 AND seller_id = 5", "s2 replica: as it came"},
        {"SELECT n FROM sales WHERE seller_id IN (5, 6)",
         "s2 replica: as it came | s3 replica: as it came | merge: rows"},
        {"SELECT n FROM sales WHERE seller_id = 7",
         "s1 replica: as it came | s2 replica: as it came | s3 replica: as it came | s4 replica: "
         "as it came | merge: rows"},
    };
    struct fixture fixture;
    fixture_init_with(&fixture, fixture_read(fixture_servers, fixture_bucket_tables, indexed));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct index_wish items[] = {
            {fixture.config->indexes, slice_of_string("5"), shard_set_of(1)},
            {fixture.config->indexes, slice_of_string("6"), {6}},
        };
        struct index_wishes answers = {items, 2};
        begin(&fixture);
        fixture.request.index_answers = &answers;
        const char *found = fixture_plan(&fixture, cases[i].sql);
        if (strncmp(found, cases[i].plan, strlen(cases[i].plan)) != 0) {
            fail_msg("%s: '%s', not '%s'", cases[i].sql, found, cases[i].plan);
        }
    }
    fixture_done(&fixture);
}

static void ddl_that_would_lose_rows(void **state)
{
    (void)state;
    static const char *const refused[] = {
        "DROP TABLE sales",
        "DROP TABLE IF EXISTS users, shop.Sales",
        "RENAME TABLE sales TO s2",
        "ALTER TABLE sales RENAME TO s2",
        "ALTER TABLE sales MODIFY Seller_id INT",
        "ALTER TABLE sales DROP no",
        "ALTER TABLE sales ENGINE = MyISAM",
        "ALTER TABLE sales CONVERT TO CHARACTER SET latin1",
        "CREATE OR REPLACE TABLE sales (buyer_id BIGINT)",
        "DROP DATABASE shop",
        "/* waybill: shard=s1 */ DROP TABLE sales",
    };
    static const char *const fine[] = {
        "CREATE TABLE sales (buyer_id BIGINT)",
        "TRUNCATE TABLE sales",
        "DROP TABLE users",
        "ALTER TABLE sales ADD COLUMN x INT",
        "DROP DATABASE other",
        "CREATE INDEX a ON sales (n)",
        "ALTER TABLE users ENGINE = InnoDB",
    };
    struct fixture fixture;
    fixture_init_with(&fixture, fixture_read(fixture_servers, fixture_bucket_tables, indexed));
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        begin(&fixture);
        fixture_expect(&fixture, refused[i], "9009 would be lost to its global index");
    }
    for (size_t i = 0; i < sizeof fine / sizeof fine[0]; i++) {
        begin(&fixture);
        (void)plan_of(&fixture, fine[i]);
    }
    char trigger[INDEX_TRIGGER_MAX];
    char sql[100];
    index_trigger_name("sales.no", 'u', trigger);
    snprintf(sql, sizeof sql, "DROP TRIGGER shop.%s", trigger);
    begin(&fixture);
    fixture_expect(&fixture, sql, "9009 DROP INDEX sales.no");
    fixture_done(&fixture);
}

static void what_a_trigger_says(void **state)
{
    (void)state;
    static const char *const broken[] = {
        "", "index ", "index a", "index a lacks 0x", "index a lacks 0x41", "indexes a lacks 0x41: ",
    };
    struct arena arena;
    struct slice key, value;
    arena_init(&arena, NULL);
    assert_true(index_read_lack(&arena, slice_of_string("index a#1 lacks 0x41FF: write such"), &key,
                                &value));
    assert_true(slice_equal(key, slice_of_string("a#1")));
    assert_true(slice_equal(value, slice_of_string("A\xff")));
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        bool is_read = index_read_lack(&arena, slice_of_string(broken[i]), &key, &value);
        assert_true(!is_read || value.len == 0);
    }
    arena_clear(&arena);
}

static void values_have_homes(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_init_with(&fixture, fixture_read(fixture_servers, fixture_bucket_tables, indexed));
    fixture_reset(&fixture);
    for (unsigned shard = 0; shard < FIXTURE_SHARDS; shard++) {
        struct slice value =
            arena_format(&fixture.arena, "%llu", (unsigned long long)fixture.keys[shard][0]);
        assert_int_equal(index_home(fixture.config, &fixture.config->indexes[0], value), shard);
    }
    assert_true(index_is_mark(index_other()) && index_is_mark(index_ready()));
    assert_false(index_is_mark(slice_of_string("")) || index_is_mark(slice_of_string("other")));
    // What is too long to be kept is any such value.
    char text[INDEX_VALUE_MAX + 2] = "";
    memset(text, 'x', sizeof text - 1);
    struct value value = {.kind = VALUE_STRING, .bytes = slice_of_string(text)};
    struct slice canonical;
    assert_true(index_value(&fixture.arena, &fixture.config->indexes[1], &value, &canonical));
    assert_true(slice_equal(canonical, index_other()));
    value.bytes.len = INDEX_VALUE_MAX;
    assert_true(index_value(&fixture.arena, &fixture.config->indexes[1], &value, &canonical));
    assert_int_equal(canonical.len, INDEX_VALUE_MAX);
    fixture_done(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wishes),
        cmocka_unit_test(a_long_list_is_not_looked_up),
        cmocka_unit_test(answers_narrow),
        cmocka_unit_test(ddl_that_would_lose_rows),
        cmocka_unit_test(what_a_trigger_says),
        cmocka_unit_test(values_have_homes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
