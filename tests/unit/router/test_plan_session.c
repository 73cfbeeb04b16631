// What the session's facts change: order ids made in the text and in parameters, prepared values,
// LAST_INSERT_ID, transactions, one shard only, why.

#include <math.h>
#include "tests/unit/router/route_fixture.h"

static struct binary_value integer(struct fixture *fixture, uint64_t value)
{
    return binary_from_uint64(&fixture->arena, value);
}

static struct binary_value floating(struct fixture *fixture, double number)
{
    uint8_t *bytes = arena_alloc(&fixture->arena, sizeof number);
    memcpy(bytes, &number, sizeof number);
    return (struct binary_value){.type = TYPE_DOUBLE, .bytes = slice_of(bytes, sizeof number)};
}

static struct binary_value string(const char *text)
{
    return (struct binary_value){.type = TYPE_VAR_STRING, .bytes = slice_of_string(text)};
}

static const struct binary_value null = {.type = TYPE_NULL, .is_null = true};

static void start(struct fixture *fixture)
{
    fixture_init_with(fixture,
                      fixture_read(fixture_servers, fixture_bucket_tables, fixture_other_tables));
    fixture_reset(fixture);
}

// The id that comes next for the key {b1}, {c2}, ...: as the fixture's source starts anew.
static uint64_t made_id(const struct fixture *fixture, unsigned shard, unsigned which,
                        unsigned sequence)
{
    uint64_t bucket = order_id_bucket(fixture->ids[shard - 1][which]);
    return 200000000000ull << 22 | bucket << 10 | sequence;
}

static void PRINTF_LIKE(3, 4)
    expect_text(struct fixture *fixture, const char *sql, const char *format, ...)
{
    char wanted[1000];
    va_list args;
    va_start(args, format);
    vsnprintf(wanted, sizeof wanted, format, args);
    va_end(args);
    fixture_expect(fixture, sql, wanted);
    fixture_reset(fixture);
}

static void ids_in_the_text(void **state)
{
    (void)state;
    struct fixture f;
    start(&f);
    unsigned long long b2 = made_id(&f, 2, 0, 0);
    unsigned long long again = made_id(&f, 2, 0, 1);
    unsigned long long c2 = made_id(&f, 2, 1, 0);
    expect_text(&f, "INSERT INTO orders (buyer_id, a) VALUES ({b2}, 1)",
                "s2 write: INSERT INTO orders (buyer_id, a, `id`) VALUES ({b2}, 1, %llu) | "
                "merge: none",
                b2);
    expect_text(&f, "INSERT INTO orders (buyer_id) VALUES ({b2}), ( {b2} ) , ({c2})",
                "s2 write: INSERT INTO orders (buyer_id, `id`) VALUES ({b2}, %llu), ( {b2} , %llu) "
                ", ({c2}, %llu) | merge: none",
                b2, again, c2);
    expect_text(&f,
                "INSERT INTO orders (id, buyer_id) VALUES (NULL, {b2}), (0, {b2}), "
                "(DEFAULT, {c2}), ({i2}, {b2})",
                "s2 write: INSERT INTO orders (id, buyer_id) VALUES (%llu, {b2}), (%llu, {b2}), "
                "(%llu, {c2}), ({i2}, {b2}) | merge: none",
                b2, again, c2);
    expect_text(&f, "INSERT INTO orders SET a = (5), buyer_id = {b2}",
                "s2 write: INSERT INTO orders SET `id` = %llu, a = (5), buyer_id = {b2} | "
                "merge: none",
                b2);
    expect_text(&f,
                "INSERT INTO orders SET id = (NULL), buyer_id = {b2} ON DUPLICATE KEY UPDATE "
                "a = 1",
                "s2 write: INSERT INTO orders SET id = %llu, buyer_id = {b2} ON DUPLICATE KEY "
                "UPDATE a = 1 | merge: none",
                b2);
    f.request.distributed = DISTRIBUTED_BEST_EFFORT;
    unsigned long long b1 = made_id(&f, 1, 0, 0);
    expect_text(&f, "INSERT INTO orders (buyer_id) VALUES ({b2}), ({b1}), ({c2})",
                "s1 write: INSERT INTO orders (buyer_id, `id`) VALUES ({b1}, %llu) | s2 write: "
                "INSERT INTO orders (buyer_id, `id`) VALUES ({b2}, %llu), ({c2}, %llu) | "
                "merge: add up",
                b1, b2, c2);
    expect_text(&f, "INSERT INTO orders /*! (buyer_id) */ VALUES ({b2})",
                "1235 executable comments");
    fixture_done(&f);
}

static void first_made_id(void **state)
{
    (void)state;
    struct fixture f;
    struct plan *plan = NULL;
    struct error error;
    start(&f);
    f.request.statement = fixture_parse(
        &f, fixture_text(&f, "INSERT INTO orders (id, buyer_id) VALUES ({i2}, {b2}), (0, {c2})"));
    assert_true(plan_make(&f.arena, &f.request, &plan, &error));
    assert_true(plan->has_made_ids);
    assert_true(plan->first_made_id == made_id(&f, 2, 1, 0));
    fixture_reset(&f);
    f.request.statement = fixture_parse(
        &f, fixture_text(&f, "INSERT INTO orders (id, buyer_id) VALUES ({i2}, {b2})"));
    assert_true(plan_make(&f.arena, &f.request, &plan, &error));
    assert_false(plan->has_made_ids);
    fixture_done(&f);
}

static void prepare(struct fixture *f, const struct binary_value *params)
{
    f->request.is_prepared = true;
    f->request.params = params;
}

static void ids_in_parameters(void **state)
{
    (void)state;
    struct fixture f;
    start(&f);
    unsigned long long b2 = made_id(&f, 2, 0, 0);
    unsigned long long c2 = made_id(&f, 2, 1, 0);
    struct binary_value params[4] = {integer(&f, f.keys[1][0]), string("x"),
                                     integer(&f, f.keys[1][1]), string("y")};
    prepare(&f, params);
    expect_text(&f, "INSERT INTO orders (buyer_id, a) VALUES (?, ?)",
                "s2 write: INSERT INTO orders (buyer_id, a, `id`) VALUES (?, ?, ?) | merge: none | "
                "insert before parameter 3: %llu",
                b2);
    params[0] = integer(&f, f.keys[1][0]);
    params[2] = integer(&f, f.keys[1][1]);
    prepare(&f, params);
    expect_text(&f, "INSERT INTO orders (buyer_id, a) VALUES (?, ?), (?, ?)",
                "s2 write: INSERT INTO orders (buyer_id, a, `id`) VALUES (?, ?, ?), (?, ?, ?) | "
                "merge: none | insert before parameter 3: %llu | insert before parameter 5: %llu",
                b2, c2);
    struct binary_value with_id[2] = {null, integer(&f, f.keys[1][0])};
    prepare(&f, with_id);
    expect_text(&f, "INSERT INTO orders (id, buyer_id) VALUES (?, ?)",
                "s2 write: as it came | merge: none | replace parameter 1: %llu", b2);
    with_id[0] = integer(&f, 0);
    with_id[1] = integer(&f, f.keys[1][0]);
    prepare(&f, with_id);
    expect_text(&f, "INSERT INTO orders (id, buyer_id) VALUES (?, ?)",
                "s2 write: as it came | merge: none | replace parameter 1: %llu", b2);
    with_id[0] = integer(&f, f.ids[1][0]);
    with_id[1] = integer(&f, f.keys[1][0]);
    prepare(&f, with_id);
    expect_text(&f, "INSERT INTO orders (id, buyer_id) VALUES (?, ?)",
                "s2 write: as it came | merge: none");
    with_id[1] = integer(&f, f.keys[1][0]);
    prepare(&f, with_id + 1);
    expect_text(&f, "INSERT INTO orders SET buyer_id = ?",
                "s2 write: INSERT INTO orders SET `id` = ?, buyer_id = ? | merge: none | "
                "insert before parameter 1: %llu",
                b2);
    with_id[1] = integer(&f, f.keys[1][0]);
    prepare(&f, with_id + 1);
    expect_text(&f, "INSERT INTO orders (id, buyer_id) VALUES (NULL, ?)",
                "s2 write: INSERT INTO orders (id, buyer_id) VALUES (?, ?) | merge: none | "
                "insert before parameter 1: %llu",
                b2);
    struct binary_value inner[2] = {string("x"), integer(&f, f.keys[1][0])};
    prepare(&f, inner);
    expect_text(&f,
                "INSERT INTO orders (a, buyer_id) VALUES ((SELECT a FROM countries WHERE b = "
                "?), ?)",
                "1235 parameters inside subqueries");
    fixture_done(&f);
}

// Each shard gets the parameters of its own rows, and of what follows the rows.
static void rows_of_several_shards(void **state)
{
    (void)state;
    struct fixture f;
    start(&f);
    struct binary_value params[5] = {integer(&f, f.keys[1][0]), string("x"), string("y"),
                                     integer(&f, f.keys[2][0]), string("z")};
    prepare(&f, params);
    f.request.distributed = DISTRIBUTED_BEST_EFFORT;
    params[0] = integer(&f, f.ids[1][0]);
    params[2] = integer(&f, f.ids[2][0]);
    params[3] = string("y");
    prepare(&f, params);
    f.request.distributed = DISTRIBUTED_BEST_EFFORT;
    expect_text(&f,
                "INSERT INTO items (order_id, a) VALUES (?, ?), (?, ?) ON DUPLICATE KEY UPDATE a = "
                "?",
                "s2 write: INSERT INTO items (order_id, a) VALUES (?, ?) ON DUPLICATE KEY UPDATE a "
                "= ? | drop parameter 3 | drop parameter 4 | "
                "s3 write: INSERT INTO items (order_id, a) VALUES (?, ?) ON DUPLICATE KEY UPDATE a "
                "= ? | drop parameter 1 | drop parameter 2 | merge: add up");
    struct binary_value keys[2] = {integer(&f, f.keys[1][0]), integer(&f, f.keys[2][0])};
    prepare(&f, keys);
    f.request.distributed = DISTRIBUTED_BEST_EFFORT;
    expect_text(&f, "INSERT INTO orders (buyer_id) VALUES (?), (?)",
                "s2 write: INSERT INTO orders (buyer_id, `id`) VALUES (?, ?) | insert before "
                "parameter 2: %llu | drop parameter 2 | "
                "s3 write: INSERT INTO orders (buyer_id, `id`) VALUES (?, ?) | drop parameter 1 | "
                "insert before parameter 3: %llu | merge: add up",
                (unsigned long long)made_id(&f, 2, 0, 0), (unsigned long long)made_id(&f, 3, 0, 0));
    fixture_done(&f);
}

static void values_of_parameters(void **state)
{
    (void)state;
    struct fixture f;
    char digits[32];
    start(&f);
    snprintf(digits, sizeof digits, "%llu", (unsigned long long)f.keys[2][0]);
    struct binary_value params[3] = {string(digits), integer(&f, f.keys[0][0]), null};
    prepare(&f, params);
    expect_text(&f, "SELECT * FROM orders WHERE buyer_id = ?",
                "s3 replica: as it came | merge: none");
    params[0] = integer(&f, f.keys[2][0]);
    params[1] = integer(&f, f.keys[0][0]);
    prepare(&f, params);
    expect_text(&f, "SELECT * FROM orders WHERE buyer_id IN (?, ?)",
                "s1 replica: as it came | "
                "s3 replica: as it came | merge: rows");
    params[0] = null;
    prepare(&f, params);
    expect_text(&f, "SELECT * FROM orders WHERE buyer_id = ?",
                "s1 replica: as it came | merge: none");
    prepare(&f, params);
    expect_text(&f, "SELECT * FROM flags f LEFT JOIN orders o ON 1 WHERE o.buyer_id <=> ?",
                "9001 Table shop.flags");
    // without values: somewhere to prepare it, whatever comes of it later
    prepare(&f, NULL);
    expect_text(&f, "SELECT DISTINCT a FROM orders WHERE buyer_id = ?",
                "s1 replica: as it came | merge: none");
    prepare(&f, NULL);
    expect_text(&f, "INSERT INTO flags VALUES (?)", "s3 write: as it came | merge: none");
    prepare(&f, NULL);
    expect_text(&f, "INSERT INTO orders (buyer_id) VALUES (?)",
                "s1 write: as it came | merge: none");
    // what can't be read is not prepared either, but where a hint sends it
    prepare(&f, NULL);
    expect_text(&f, "FROBNICATE orders, ?", "1064 can't read this statement near 'FROBNICATE");
    prepare(&f, NULL);
    expect_text(&f, "FROBNICATE orders, ? /* waybill: shard=s3 */",
                "s3 write: as it came | merge: none");
    fixture_done(&f);
}

// JavaScript's drivers send every number as a DOUBLE.
static void whole_floats_are_integers(void **state)
{
    (void)state;
    struct fixture f;
    start(&f);
    struct binary_value params[2] = {floating(&f, (double)f.keys[2][0]), floating(&f, 1)};
    prepare(&f, params);
    expect_text(&f, "SELECT * FROM orders WHERE buyer_id = ?",
                "s3 replica: as it came | merge: none");
    params[0] = floating(&f, (double)f.keys[2][0]);
    prepare(&f, params);
    expect_text(&f, "INSERT INTO orders (buyer_id, id) VALUES (?, 0)",
                "s3 write: INSERT INTO orders (buyer_id, id) VALUES (?, ?) | merge: none | insert "
                "before parameter 2: %llu",
                (unsigned long long)made_id(&f, 3, 0, 0));
    const double others[] = {0.5, -0.0, 1e15, 9007199254740993.0, INFINITY};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        params[0] = floating(&f, others[i]);
        prepare(&f, params);
        expect_text(&f, "INSERT INTO orders (buyer_id) VALUES (?)", "9003 The shard key");
    }
    fixture_done(&f);
}

static void limits_in_parameters(void **state)
{
    (void)state;
    struct fixture f;
    start(&f);
    struct binary_value params[2] = {integer(&f, 10), integer(&f, 5)};
    prepare(&f, params);
    expect_text(&f, "SELECT n FROM regions LIMIT ? OFFSET ?",
                "s1 replica: as it came | s2 replica: as it came | merge: rows; offset 5; limit 10 "
                "| replace parameter 1: 15 | replace parameter 2: 0");
    params[0] = integer(&f, 5);
    params[1] = integer(&f, 10);
    prepare(&f, params);
    expect_text(&f, "SELECT n FROM regions LIMIT ?, ?",
                "s1 replica: as it came | s2 replica: as it came | merge: rows; offset 5; limit 10 "
                "| replace parameter 1: 0 | replace parameter 2: 15");
    params[0] = integer(&f, 10);
    prepare(&f, params);
    expect_text(&f, "SELECT n FROM regions LIMIT ? OFFSET 5",
                "s1 replica: SELECT n FROM regions LIMIT ? OFFSET 0 | s2 replica: SELECT n FROM "
                "regions LIMIT ? OFFSET 0 | merge: rows; offset 5; limit 10 | replace parameter 1: "
                "15");
    params[0] = string("x");
    prepare(&f, params);
    expect_text(&f, "SELECT n FROM regions LIMIT ?", "9001 The LIMIT");
    fixture_done(&f);
}

static void last_insert_id(void **state)
{
    (void)state;
    struct fixture f;
    start(&f);
    uint64_t id = f.ids[3][0];
    f.request.last_insert_id = id;
    expect_text(&f,
                "INSERT INTO items (order_id, pos) VALUES (LAST_INSERT_ID(), 1), "
                "(LAST_INSERT_ID(), 2)",
                "s4 write: as it came | merge: none");
    f.request.last_insert_id = id;
    expect_text(&f, "SELECT * FROM orders WHERE id = LAST_INSERT_ID()",
                "s4 replica: as it came | merge: none");
    f.request.last_insert_id = id;
    expect_text(&f, "SELECT * FROM orders WHERE id = @@last_insert_id",
                "s4 replica: as it came | merge: none");
    fixture_done(&f);
}

static void transactions_and_last_shard(void **state)
{
    (void)state;
    struct fixture f;
    start(&f);
    f.request.in_transaction = true;
    f.request.last_shard = 2;
    expect_text(&f, "SELECT 1", "s3 primary: as it came | merge: none");
    f.request.last_shard = 2;
    expect_text(&f, "SELECT * FROM countries", "s3 replica: as it came | merge: none");
    f.request.last_shard = 2;
    expect_text(&f, "SHOW VARIABLES", "s3 replica: as it came | merge: none");
    f.request.last_shard = 2;
    expect_text(&f, "SHOW ENGINES", "s1 replica: as it came | merge: none");
    fixture_done(&f);
}

// On the shard that a hint names, and then where the session is bound. Never waybill's own
// branches.
static void xa_of_clients(void **state)
{
    (void)state;
    static const char *const own[] = {"22338", "0x5742", "22338.0", "0000022338"};
    struct fixture f;
    start(&f);
    expect_text(&f, "/* waybill: shard=s2 */ XA START 'a'", "s2 write: as it came | merge: none");
    assert_non_null(strstr(fixture_plan(&f, "XA START 'a'"), "9001"));
    fixture_reset(&f);
    f.request.last_shard = 2; // a transaction's
    assert_non_null(strstr(fixture_plan(&f, "XA START 'a'"), "9001"));
    f.request.is_pinned = true;
    f.request.last_shard = 2;
    expect_text(&f, "XA PREPARE 'a','b'", "s3 write: as it came | merge: none");
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        char sql[100];
        fixture_reset(&f);
        snprintf(sql, sizeof sql, "/* waybill: shard=s2 */ XA COMMIT 'wb:1', 'x,y', %s", own[i]);
        assert_non_null(strstr(fixture_plan(&f, sql), "1235"));
    }
    fixture_reset(&f);
    expect_text(&f, "/* waybill: shard=s2 */ XA ROLLBACK 'a', '22338', 1",
                "s2 write: as it came | merge: none");
    fixture_done(&f);
}

static void one_shard_refuses_nothing(void **state)
{
    (void)state;
    static const char *const statements[] = {
        "SELECT DISTINCT a FROM orders o JOIN carts c GROUP BY 1 HAVING x",
        "INSERT INTO orders VALUES (1, 2)",
        "INSERT INTO orders (buyer_id) SELECT 1",
        "INSERT INTO orders (buyer_id) VALUES (1 + 1)",
        "INSERT INTO orders (buyer_id, id) VALUES (1, 77)",
        "INSERT INTO countries VALUES (NOW())",
        "UPDATE orders SET buyer_id = 5 LIMIT 3",
        "DELETE FROM orders",
        "CREATE TABLE orders (a INT)",
        "RENAME TABLE orders TO x",
        "LOCK TABLES orders WRITE",
        "LOAD DATA INFILE 'x' INTO TABLE orders",
        "FROBNICATE orders",
        "INSERT INTO orders (buyer_id) VALUES (1) /*! ON DUPLICATE KEY UPDATE a = 1 */",
    };
    struct fixture f;
    fixture_init_with(&f, fixture_read(fixture_single, fixture_bucket_tables, ""));
    for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++) {
        fixture_reset(&f);
        const char *plan = fixture_plan(&f, statements[i]);
        if (strncmp(plan, "s1 ", 3) != 0 || strstr(plan, "as it came | merge: none") == NULL) {
            fail_msg("%s gives %s", statements[i], plan);
        }
    }
    fixture_reset(&f);
    assert_non_null(strstr(fixture_plan(&f, "INSERT INTO orders (buyer_id) VALUES (1)"),
                           "INSERT INTO orders (buyer_id, `id`) VALUES (1, "));
    fixture_done(&f);
}

static void says_why(void **state)
{
    (void)state;
    struct fixture f;
    start(&f);
    f.request.wants_why = true;
    expect_text(&f, "SELECT * FROM orders WHERE buyer_id = {b2} AND id = {i2}",
                "s2 replica: as it came | merge: none | why: id = {i2} -> bucket %u -> s2; "
                "buyer_id = {b2} -> bucket %u -> s2",
                order_id_bucket(f.ids[1][0]), order_id_bucket(f.ids[1][0]));
    f.request.wants_why = true;
    expect_text(&f, "SELECT * FROM regions",
                "s1 replica: as it came | s2 replica: as it came | "
                "merge: rows | why: nothing limits table shop.regions to one shard (by region)");
    fixture_done(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_in_the_text),
        cmocka_unit_test(first_made_id),
        cmocka_unit_test(ids_in_parameters),
        cmocka_unit_test(rows_of_several_shards),
        cmocka_unit_test(values_of_parameters),
        cmocka_unit_test(whole_floats_are_integers),
        cmocka_unit_test(limits_in_parameters),
        cmocka_unit_test(last_insert_id),
        cmocka_unit_test(transactions_and_last_shard),
        cmocka_unit_test(xa_of_clients),
        cmocka_unit_test(one_shard_refuses_nothing),
        cmocka_unit_test(says_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
