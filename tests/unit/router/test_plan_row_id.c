// Row ids in statements: which are made, which are given, and when more of them are wished.

#include "tests/unit/router/route_fixture.h"

#include "cluster/row_id.h"

static const char tables[] = "[table shop.carts]\nkey = buyer_id\nrow_id = id\n"
                             "[table shop.items]\nkey = id\nrow_id = id\n"
                             "[table shop.people]\nkey = buyer_id\n"
                             "[table shop.countries]\ntype = reference\nrow_id = id\n";

struct row_id_case {
    const char *sql, *expected; // "wish 2 given 7 must": wishes; else as fixture_expect
};

#define TO(shard, text) shard " write: " text " | merge: none"

// The block of each table is 100 to 109; other waybills have 50 and later.
// clang-format off
static const struct row_id_case cases[] = {
    {"INSERT INTO carts (buyer_id) VALUES ({b2})", TO("s2", "INSERT INTO carts (buyer_id, `id`) VALUES ({b2}, 100)")},
    {"INSERT INTO carts (buyer_id) VALUES ({b2}), ({c2})", TO("s2", "INSERT INTO carts (buyer_id, `id`) VALUES ({b2}, 100), ({c2}, 101)")},
    {"INSERT INTO carts (id, buyer_id) VALUES (NULL, {b2}), (0, {b2}), (DEFAULT, {b2}), ('0', {b2})",
     TO("s2", "INSERT INTO carts (id, buyer_id) VALUES (100, {b2}), (101, {b2}), (102, {b2}), (103, {b2})")},
    {"INSERT INTO carts SET buyer_id = {b3}", TO("s3", "INSERT INTO carts SET `id` = 100, buyer_id = {b3}")},
    {"REPLACE INTO carts (buyer_id) VALUES ({b1})", TO("s1", "REPLACE INTO carts (buyer_id, `id`) VALUES ({b1}, 100)")},
    {"INSERT INTO carts (buyer_id) VALUES ({b1}), ({b2})",
     "s1 write: INSERT INTO carts (buyer_id, `id`) VALUES ({b1}, 100) | s2 write: INSERT INTO carts (buyer_id, `id`) VALUES ({b2}, 101) | merge: add up"},
    // given
    {"INSERT INTO carts (id, buyer_id) VALUES (105, {b2})", TO("s2", "as it came")},
    {"INSERT INTO carts (id, buyer_id) VALUES (105, {b2}), (NULL, {b2})", TO("s2", "INSERT INTO carts (id, buyer_id) VALUES (105, {b2}), (106, {b2})")},
    {"INSERT INTO carts (id, buyer_id) VALUES (49, {b2})", TO("s2", "as it came")},
    {"INSERT INTO carts (id, buyer_id) VALUES (50, {b2})", "wish 0 given 50 must"},
    {"INSERT INTO carts (id, buyer_id) VALUES (110, {b2}), (NULL, {b2}), (500, {b1})", "wish 1 given 500 must"},
    {"INSERT INTO carts (id, buyer_id) VALUES (-1, {b2})", TO("s2", "as it came")},
    {"INSERT IGNORE INTO carts (id, buyer_id) VALUES (-1, {b2})", "9003 a number that a server may change"},
    {"INSERT INTO carts (id, buyer_id) VALUES (18446744073709551615, {b2})", TO("s2", "as it came")},
    {"INSERT INTO carts (id, buyer_id) VALUES ((SELECT 1), {b2})", "9003 only a server can tell"},
    {"INSERT INTO carts (id, buyer_id) VALUES (1 + 1, {b2})", "first a server is asked for the values of expressions that place rows, or that only it knows | s1 write: as it came | merge: none"},
    {"INSERT INTO carts (buyer_id) VALUES (1),(1),(1),(1),(1),(1),(1),(1),(1),(1),(1)", "wish 11 given 0"},
    // by a change
    {"UPDATE carts SET id = 105 WHERE buyer_id = {b2}", TO("s2", "as it came")},
    {"UPDATE carts SET id = id WHERE buyer_id = {b2}", TO("s2", "as it came")},
    {"UPDATE carts SET id = 110 WHERE buyer_id = {b2}", "wish 0 given 110 must"},
    {"UPDATE carts SET id = id + 1 WHERE buyer_id = {b2}", "9003 only a server can tell"},
    {"INSERT INTO carts (id, buyer_id) VALUES (1, {b2}) ON DUPLICATE KEY UPDATE id = 5", TO("s2", "as it came")},
    {"INSERT INTO carts (id, buyer_id) VALUES (1, {b2}) ON DUPLICATE KEY UPDATE id = id + 5", "9003 only a server can tell"},
    {"INSERT INTO carts (buyer_id) VALUES ({b2}) ON DUPLICATE KEY UPDATE id = LAST_INSERT_ID(id)",
     TO("s2", "INSERT INTO carts (buyer_id, `id`) VALUES ({b2}, 100) ON DUPLICATE KEY UPDATE id = LAST_INSERT_ID(id)")},
    // as the key: of one id there is one shard
    {"INSERT INTO items (note) VALUES ('a')", TO("s{k}", "INSERT INTO items (note, `id`) VALUES ('a', 100)")},
    {"INSERT INTO items (id) VALUES (60)", TO("s{l}", "as it came")},
    {"INSERT INTO items (id) VALUES (500)", "wish 0 given 500"},
    // reference tables
    {"INSERT INTO countries (name) VALUES ('a'), ('b')",
     "s1 write: INSERT INTO countries (name, `id`) VALUES ('a', 100), ('b', 101) | s2 write: INSERT INTO countries (name, `id`) VALUES ('a', 100), ('b', 101) | "
     "s3 write: INSERT INTO countries (name, `id`) VALUES ('a', 100), ('b', 101) | s4 write: INSERT INTO countries (name, `id`) VALUES ('a', 100), ('b', 101) | merge: first"},
    {"INSERT INTO countries (name) VALUES ('a') /* waybill: shard=s2 */", TO("s2", "INSERT INTO countries (name, `id`) VALUES ('a', 100) /* waybill: shard=s2 */")},
    {"INSERT INTO countries VALUES (NULL, 'a')", "first a server is asked for the columns of the table"},
    // other ways
    {"INSERT INTO carts (id, buyer_id) SELECT buyer_id, buyer_id FROM people", "first a server is asked for the columns of the table"},
    {"INSERT INTO carts (buyer_id) SELECT buyer_id FROM people /* waybill: shard=s2 */", "9002 with a hint into table shop.carts"},
    {"LOAD DATA LOCAL INFILE 'f' INTO TABLE items", "9002 LOAD DATA into table shop.items"},
    {"LOAD DATA LOCAL INFILE 'f' INTO TABLE carts (buyer_id)", "first a server is asked for the columns of the table"},
    {"CREATE TABLE t (a INT) /* waybill: shard_by=a */", "9050 are for clients"},
    {"LOAD DATA LOCAL INFILE 'f' INTO TABLE countries", "9002 LOAD DATA into table shop.countries"},
    {"CREATE TABLE carts (id INT AUTO_INCREMENT, buyer_id BIGINT, PRIMARY KEY (id, buyer_id))", "9003 must be a BIGINT, for row ids"},
};
// clang-format on

static void put_block(struct row_ids *ids)
{
    struct row_id_block block = {.begin = 100, .end = 110, .until_us = UINT64_MAX};
    atomic_store(&ids->next, 0);
    atomic_store(&ids->end, 0);
    row_ids_put(ids, &block);
    row_ids_raise(ids, 50, 110);
}

static void put_blocks(const struct config *config)
{
    for (uint16_t i = 0; i < config->table_count; i++) {
        if (config->tables[i].row_ids != NULL) {
            put_block(config->tables[i].row_ids);
        }
    }
}

static void expect_wish(struct fixture *fixture, const char *sql, const char *expected)
{
    struct plan *plan = NULL;
    struct error error;
    char got[80];
    fixture->request.statement = fixture_parse(fixture, fixture_text(fixture, sql));
    assert_true(plan_make(&fixture->arena, &fixture->request, &plan, &error));
    const struct row_id_wish *wish = &plan->row_id_wish;
    snprintf(got, sizeof got, "%s %llu given %llu%s", wish->ids != NULL ? "wish" : "nothing",
             (unsigned long long)wish->count, (unsigned long long)wish->given,
             wish->must_pass ? " must" : "");
    if (strcmp(got, expected) != 0) {
        fixture->failures++;
        print_error("%s\n   gives    %s\n   expected %s\n", sql, got, expected);
    }
}

// "s{k}": the shard of key 100, "s{l}": of 60.
static const char *with_shards(struct fixture *fixture, const char *expected)
{
    const char *at =
        strstr(expected, "s{k}") != NULL ? strstr(expected, "s{k}") : strstr(expected, "s{l}");
    if (at == NULL) {
        return expected;
    }
    const char *key = at[2] == 'k' ? "100" : "60";
    return (const char *)arena_format(&fixture->arena, "%.*ss%u%s", (int)(at - expected), expected,
                                      1u + fixture_shard(bucket_of_key(slice_of_string(key))),
                                      at + 4)
        .ptr;
}

static void statements(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_init_with(&fixture, fixture_read(fixture_servers, tables, ""));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fixture_reset(&fixture);
        fixture.request.distributed = DISTRIBUTED_ATOMIC;
        put_blocks(fixture.config);
        if (strncmp(cases[i].expected, "wish", 4) == 0) {
            expect_wish(&fixture, cases[i].sql, cases[i].expected);
        } else {
            fixture_expect(&fixture, cases[i].sql, with_shards(&fixture, cases[i].expected));
        }
    }
    fixture_done(&fixture);
}

static void zero_may_be_a_number(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_init_with(&fixture, fixture_read(fixture_servers, tables, ""));
    fixture_reset(&fixture);
    fixture.request.keeps_zero = true;
    put_blocks(fixture.config);
    fixture_expect(&fixture, "INSERT INTO carts (id, buyer_id) VALUES (0, {b2})",
                   TO("s2", "as it came"));
    fixture_expect(&fixture, "INSERT INTO carts (id, buyer_id) VALUES (NULL, {b2})",
                   TO("s2", "INSERT INTO carts (id, buyer_id) VALUES (100, {b2})"));
    fixture_done(&fixture);
}

// EXPLAIN ROUTE takes none.
static void for_show(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_init_with(&fixture, fixture_read(fixture_servers, tables, ""));
    fixture_reset(&fixture);
    fixture.request.ids = NULL;
    fixture_expect(&fixture, "INSERT INTO carts (buyer_id) VALUES ({b2})",
                   TO("s2", "INSERT INTO carts (buyer_id, `id`) VALUES ({b2}, 1)"));
    fixture_done(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statements),
        cmocka_unit_test(zero_may_be_a_number),
        cmocka_unit_test(for_show),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
