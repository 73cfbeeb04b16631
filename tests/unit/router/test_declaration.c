// What a comment of CREATE TABLE says of where its rows are, as lines of a section; and which
// statements name tables that nobody has declared.

#include "route_fixture.h"

#include "router/declaration.h"

struct declaration_case {
    const char *sql;
    const char *words; // or a part of the mistake
};

#define T                                                                                          \
    "CREATE TABLE shop.t (a BIGINT NOT NULL, `b c` VARCHAR(20), d DATE, e VARBINARY(9), f FLOAT) "

// clang-format off
static const struct declaration_case good[] = {
    {T "/* waybill: shard_by=a */", "key = a\nkey_type = integer\n"},
    {"/* waybill: SHARD_BY=A */" T, "key = A\nkey_type = integer\n"},
    {T "/* waybill: shard_by='b c' */", "key = b c\nkey_type = string\n"},
    {T "/* waybill: key=d */", "key = d\nkey_type = date\n"},
    {T "/* waybill: key=e */", "key = e\nkey_type = binary\n"},
    {T "/* waybill: shard_by=e,key_type=string */", "key = e\nkey_type = string\n"},
    {T "/* waybill: shard_by=d, method=date, ranges='2024-01..:s1', unit=month */", "key = d\nmethod = date\nranges = 2024-01..:s1\nunit = month\n"},
    {T "/* waybill: shard_by=a, method=range ranges=\"0..9:s1, 10..:s2\" */", "key = a\nmethod = range\nranges = 0..9:s1, 10..:s2\nkey_type = integer\n"},
    {T "/* waybill: id=a, with=orders */", "id = a\nwith = shop.orders\n"},
    {T "/* waybill: shard_by=a, with=other.orders, scatter=deny */", "key = a\nwith = other.orders\nscatter = deny\n"},
    {T "/* waybill: reference, row_id=a */", "type = reference\nrow_id = a\n"},
    {T "/* waybill: type=reference */", "type = reference\n"},
};

static const struct declaration_case bad[] = {
    {T "/* waybill: shard_by=x */", "no column `x`"},
    {T "/* waybill: shard_by=a, id=x */", "no column `x`"},
    {T "/* waybill: shard_by=a, row_id=x */", "no column `x`"},
    {T "/* waybill: shard_by=f */", "no values of that type can be a shard key"},
    {T "/* waybill: shard_by= */", "has no value"},
    {T "/* waybill: shard_by=a, shard_by=d */", "said twice"},
    {T "/* waybill: shard_by=a, key=d */", "said twice"},
    {T "/* waybill: shard_by=a, primary */", "can't be in one comment"},
    {T "/* waybill: shard_by='a;b' */", "plain ASCII"},
    {T "/* waybill: type=unsharded */", "leave the comment out"},
    {"CREATE TABLE `x.y` (a INT) /* waybill: shard_by=a */", "plain ASCII"},
    {"CREATE TABLE t LIKE u /* waybill: shard_by=a */", "LIKE or SELECT"},
    {"CREATE TABLE t (a INT) SELECT 1 AS b /* waybill: shard_by=a */", "LIKE or SELECT"},
    {"CREATE OR REPLACE TABLE t (a INT) /* waybill: shard_by=a */", "OR REPLACE"},
    {"CREATE TEMPORARY TABLE t (a INT) /* waybill: shard_by=a */", "temporary"},
    {"DROP TABLE t /* waybill: shard_by=a */", "of CREATE TABLE"},
    {"SELECT 1 /* waybill: shard_by=a */", "of CREATE TABLE"},
};

static const struct {
    const char *sql;
    bool has_unknown;
} naming[] = {
    {"SELECT * FROM orders", false},
    {"SELECT 1", false},
    {"SELECT 1 FROM dual", false},
    {"SELECT * FROM information_schema.tables", false},
    {"SELECT * FROM orders WHERE buyer_id = 5 AND id IN (SELECT a FROM nothing)", true},
    {"WITH nothing AS (SELECT * FROM orders) SELECT * FROM nothing", false},
    {"SELECT * FROM orders o JOIN other.orders p ON o.id = p.id", true},
    {"SELECT * FROM (SELECT * FROM nothing) AS d", true},
    {"SELECT 1 UNION SELECT a FROM nothing", true},
    {"INSERT INTO nothing VALUES (1)", true},
    {"INSERT INTO orders (buyer_id) SELECT a FROM nothing", true},
    {"INSERT INTO orders (buyer_id) VALUES ((SELECT a FROM nothing))", true},
    {"REPLACE INTO flags VALUES (1)", false},
    {"UPDATE nothing SET a = 1", true},
    {"UPDATE orders, nothing SET a = 1", true},
    {"DELETE FROM nothing", true},
    {"LOAD DATA LOCAL INFILE 'f' INTO TABLE nothing", true},
    {"CREATE TABLE nothing (a INT)", true},
    {"CREATE TABLE orders (id BIGINT) SELECT * FROM nothing", true},
    {"DROP TABLE orders, nothing", true},
    {"TRUNCATE orders", false},
    {"ANALYZE UPDATE nothing SET a = 1", true},
    {"SET @a = (SELECT 1 FROM nothing)", true},
    {"DO (SELECT 1 FROM nothing)", true},
    {"LOCK TABLES nothing WRITE", true},
    {"CREATE VIEW flags AS SELECT * FROM nothing", true},
    {"CREATE TABLE flags LIKE nothing", true},
    {"RENAME TABLE flags TO nothing", true},
};
// clang-format on

static void read_words(void **state)
{
    struct fixture *fixture = *state;
    struct declaration declaration;
    struct error error;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        const struct statement *statement = fixture_parse(fixture, slice_of_string(good[i].sql));
        assert_true(hint_declares(statement->hint));
        if (!declaration_read(&fixture->arena, statement, slice_of_string("shop"), &declaration,
                              &error)) {
            fail_msg("%s: %s", good[i].sql, error.text);
        }
        assert_string_equal(declaration.words, good[i].words);
        assert_string_equal(declaration.schema, "shop");
        assert_string_equal(declaration.name, "t");
    }
}

static void mistakes(void **state)
{
    struct fixture *fixture = *state;
    struct declaration declaration;
    struct error error;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const struct statement *statement = fixture_parse(fixture, slice_of_string(bad[i].sql));
        assert_false(declaration_read(&fixture->arena, statement, slice_of_string("shop"),
                                      &declaration, &error));
        if (error.code != ER_DECLARATION || strstr(error.text, bad[i].words) == NULL) {
            fail_msg("%s: %s", bad[i].sql, error.text);
        }
    }
    const struct statement *statement =
        fixture_parse(fixture, slice_of_string("CREATE TABLE t (a INT) /* waybill: shard_by=a */"));
    assert_false(
        declaration_read(&fixture->arena, statement, slice_of(NULL, 0), &declaration, &error));
    assert_int_equal(error.code, ER_NO_DB);
    assert_false(hint_declares(slice_of_string("shard=s1, primary, once='shard_by=a'")));
}

static void tables_that_nobody_has_declared(void **state)
{
    struct fixture *fixture = *state;
    struct plan *plan;
    struct error error;
    for (size_t i = 0; i < sizeof naming / sizeof naming[0]; i++) {
        fixture->request.statement = fixture_parse(fixture, slice_of_string(naming[i].sql));
        if (statement_has_unknown(&fixture->arena, &fixture->request) != naming[i].has_unknown) {
            fail_msg("%s", naming[i].sql);
        }
        fixture->request.is_behind = true;
        bool is_planned = plan_make(&fixture->arena, &fixture->request, &plan, &error);
        bool is_refused = !is_planned && error.code == ER_TABLES_UNKNOWN;
        assert_int_equal(is_refused, naming[i].has_unknown);
        fixture->request.is_behind = false;
    }
}

static void the_same_places(void **state)
{
    struct fixture *fixture = *state;
    const struct config *config = fixture->config;
    const char *const names[] = {"orders", "carts", "users", "countries", "numbers", "sessions"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        for (size_t j = 0; j < sizeof names / sizeof names[0]; j++) {
            const struct table_config *a =
                config_find_table(config, slice_of_string("shop"), slice_of_string(names[i]));
            const struct table_config *b =
                config_find_table(config, slice_of_string("shop"), slice_of_string(names[j]));
            if (a->with == a->id && b->with == b->id && i != j) {
                assert_false(declaration_is_same(config, a, config, b));
            }
            assert_true(i != j || declaration_is_same(config, a, config, b));
        }
    }
}

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture_init_with(&fixture,
                      fixture_read(fixture_servers, fixture_bucket_tables, fixture_other_tables));
    fixture_reset(&fixture);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    fixture_done(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(read_words),
        cmocka_unit_test(mistakes),
        cmocka_unit_test(tables_that_nobody_has_declared),
        cmocka_unit_test(the_same_places),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
