// Constraints that can't hold over shards: which are found, under each setting.

#include "route_fixture.h"

static const char together[] = "[table shop.pages]\nkey = shop_id\nmethod = modulo\n"
                               "shards = s1, s2\n"
                               "[table shop.leaves]\nwith = shop.pages\nkey = page_shop\n"
                               "[index leaves.no]\ntable = shop.leaves\ncolumn = no\nunique = on\n"
                               "[index leaves.a]\ntable = shop.leaves\ncolumn = a\n";

struct constraint_case {
    const char *sql;
    const char *found; // codes, with blanks
};

#define ORDERS "CREATE TABLE orders (id BIGINT, buyer_id BIGINT, a INT, "
#define ITEMS  "CREATE TABLE items (order_id BIGINT, pos INT, "
#define CARTS  "CREATE TABLE carts (buyer_id BIGINT, a INT, "
#define LINES  "CREATE TABLE leaves (page_shop INT, a INT, "

// clang-format off
static const struct constraint_case cases[] = {
    // UNIQUE
    {ORDERS "PRIMARY KEY (id))", ""},
    {ORDERS "PRIMARY KEY (a, id), UNIQUE (buyer_id), UNIQUE (a, buyer_id))", ""},
    {ORDERS "PRIMARY KEY (a))", "9034"},
    {ORDERS "UNIQUE u (a), PRIMARY KEY (id), UNIQUE (a, (a + 1)))", "9034 9034"},
    {"CREATE TABLE orders (id BIGINT PRIMARY KEY, buyer_id BIGINT, a INT UNIQUE)", "9034"},
    {"CREATE TABLE sessions (token VARCHAR(20), UNIQUE (token))", ""},
    {"CREATE TABLE sessions (token VARCHAR(20), UNIQUE (token(5)))", "9034"},
    {ITEMS "PRIMARY KEY (order_id, pos))", ""},
    {ITEMS "PRIMARY KEY (pos))", "9034"},
    {"CREATE TABLE logs (at DATE, n INT, PRIMARY KEY (n))", "9034"},
    {"CREATE TABLE countries (id INT PRIMARY KEY, a INT UNIQUE)", ""},
    {"CREATE TABLE flags (id INT PRIMARY KEY, a INT UNIQUE)", ""},
    {"CREATE TABLE notes (id INT PRIMARY KEY, a INT UNIQUE)", ""},
    {"CREATE TEMPORARY TABLE notes (id INT PRIMARY KEY)", ""},
    {"CREATE UNIQUE INDEX i ON orders (a)", "9034"},
    {"CREATE UNIQUE INDEX i ON orders (a, buyer_id)", ""},
    {"CREATE INDEX i ON orders (a)", ""},
    {"ALTER TABLE orders ADD UNIQUE (a), ADD INDEX (a), ADD COLUMN b INT UNIQUE", "9034 9034"},
    {"ALTER TABLE orders ADD UNIQUE (a, id), ADD b INT", ""},
    {LINES "no INT UNIQUE, UNIQUE (a, no))", ""},
    {LINES "no VARCHAR(9), UNIQUE (a), UNIQUE (no(5)))", "9034 9034"},
    // FOREIGN KEY
    {CARTS "FOREIGN KEY (a) REFERENCES countries (id))", ""},
    {CARTS "FOREIGN KEY (buyer_id) REFERENCES orders (buyer_id))", ""},
    {CARTS "FOREIGN KEY (a, buyer_id) REFERENCES users (x, user_id))", ""},
    {CARTS "FOREIGN KEY (a, buyer_id) REFERENCES users (user_id, x))", "9035"},
    {CARTS "FOREIGN KEY (a) REFERENCES orders (a))", "9035"},
    {CARTS "FOREIGN KEY (a) REFERENCES carts (a))", "9035"},
    {CARTS "FOREIGN KEY (buyer_id) REFERENCES carts (buyer_id))", ""},
    {CARTS "FOREIGN KEY (buyer_id) REFERENCES stock (product_id))", "9035"},
    {CARTS "FOREIGN KEY (a) REFERENCES flags (id))", "9035"},
    {ITEMS "FOREIGN KEY (order_id) REFERENCES orders (id))", ""},
    {ITEMS "FOREIGN KEY (pos) REFERENCES orders (id))", "9035"},
    {LINES "CONSTRAINT c FOREIGN KEY (page_shop) REFERENCES shop.pages (shop_id))", ""},
    {LINES "CONSTRAINT c FOREIGN KEY (page_shop) REFERENCES other.pages (shop_id))", "9035"},
    {LINES "FOREIGN KEY (page_shop) REFERENCES stock (product_id))", "9035"},
    {"CREATE TABLE countries (id INT, FOREIGN KEY (id) REFERENCES countries (id))", ""},
    {"CREATE TABLE countries (id INT REFERENCES orders (id))", "9035"},
    {"CREATE TABLE countries (id INT REFERENCES notes (id))", "9035"},
    {"CREATE TABLE flags (id INT REFERENCES flags (id))", ""},
    {"CREATE TABLE flags (id INT REFERENCES countries (id))", ""},
    {"CREATE TABLE flags (id INT REFERENCES notes (id))", "9035"},
    {"CREATE TABLE notes (id INT REFERENCES users (user_id))", "9035"},
    {"CREATE TABLE notes (id INT REFERENCES others (id))", ""},
    {"ALTER TABLE notes ADD FOREIGN KEY (a) REFERENCES orders (id)", "9035"},
    {"ALTER TABLE items ADD CONSTRAINT FOREIGN KEY (order_id) REFERENCES orders (id)", ""},
    // AUTO_INCREMENT
    {"CREATE TABLE orders (id BIGINT AUTO_INCREMENT PRIMARY KEY, buyer_id BIGINT)", ""},
    {"CREATE TABLE sbtest1 (id BIGINT AUTO_INCREMENT PRIMARY KEY)", ""},
    {CARTS "n INT AUTO_INCREMENT, KEY (n))", "9036"},
    {CARTS "n SERIAL)", "9036 9034"},
    {"CREATE TABLE countries (id INT AUTO_INCREMENT PRIMARY KEY)", "9036"},
    {"CREATE TABLE flags (id INT AUTO_INCREMENT PRIMARY KEY)", ""},
    {"ALTER TABLE carts MODIFY a INT AUTO_INCREMENT, CHANGE b c INT UNIQUE", "9036 9034"},
};
// clang-format on

static void add_code(char *found, size_t found_bytes, unsigned code)
{
    size_t len = strlen(found);
    snprintf(found + len, found_bytes - len, "%s%u", len > 0 ? " " : "", code);
}

static bool plan(struct fixture *fixture, const char *sql, struct plan **plan, struct error *error)
{
    fixture_reset(fixture);
    fixture->request.statement = fixture_parse(fixture, slice_of_string(sql));
    return plan_make(&fixture->arena, &fixture->request, plan, error);
}

static void expect_warned(struct fixture *fixture, const struct constraint_case *one)
{
    struct plan *made = NULL;
    struct error error = {0};
    char found[100] = "";
    if (!plan(fixture, one->sql, &made, &error)) {
        fail_msg("%s: %u %s", one->sql, error.code, error.text);
    }
    for (const struct plan_warning *warning = made->warnings; warning != NULL;
         warning = warning->next) {
        add_code(found, sizeof found, warning->code);
        assert_true(strlen(warning->text) < 500);
    }
    if (strcmp(found, one->found) != 0) {
        fail_msg("%s: '%s', not '%s'", one->sql, found, one->found);
    }
}

static void warned_by_default(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_init_with(&fixture, fixture_read(fixture_servers, fixture_bucket_tables, together));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (strstr(cases[i].sql, "flags") == NULL && strstr(cases[i].sql, "logs") == NULL &&
            strstr(cases[i].sql, "stock") == NULL) {
            expect_warned(&fixture, &cases[i]);
        }
    }
    fixture_done(&fixture);
    fixture_init_with(&fixture,
                      fixture_read(fixture_servers, fixture_bucket_tables, fixture_other_tables));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (strstr(cases[i].sql, "leaves") == NULL) {
            expect_warned(&fixture, &cases[i]);
        }
    }
    fixture_done(&fixture);
}

static void allowed_or_denied(void **state)
{
    (void)state;
    struct fixture fixture;
    struct plan *made = NULL;
    struct error error = {0};
    fixture_init_with(&fixture, fixture_read(fixture_servers, fixture_bucket_tables, ""));
    fixture.config->settings.unsafe_constraints = GUARD_ALLOW;
    assert_true(plan(&fixture, CARTS "UNIQUE (a))", &made, &error));
    assert_null(made->warnings);
    fixture.config->settings.unsafe_constraints = GUARD_DENY;
    assert_true(plan(&fixture, CARTS "UNIQUE (a, buyer_id))", &made, &error));
    assert_false(plan(&fixture, CARTS "UNIQUE (a))", &made, &error));
    assert_int_equal(error.code, ER_UNSAFE_UNIQUE);
    assert_string_equal(error.text,
                        "UNIQUE (`a`) of table shop.carts lacks what places its rows, `buyer_id`: "
                        "each shard finds equal values among its own rows only. Add that column to "
                        "it (unsafe_constraints = deny)");
    assert_false(plan(&fixture, ITEMS "FOREIGN KEY (pos) REFERENCES orders (id))", &made, &error));
    assert_int_equal(error.code, ER_UNSAFE_FOREIGN_KEY);
    assert_false(plan(&fixture, CARTS "n INT AUTO_INCREMENT, KEY (n))", &made, &error));
    assert_int_equal(error.code, ER_UNSAFE_COUNTER);
    fixture_done(&fixture);
}

// A statement of a megabyte is read and planned in no time, and says no more than is shown.
static void many_of_them(void **state)
{
    (void)state;
    struct fixture fixture;
    struct plan *made = NULL;
    struct error error = {0};
    struct text sql;
    uint32_t count = 0;
    fixture_init_with(&fixture, fixture_read(fixture_servers, fixture_bucket_tables, ""));
    text_init(&sql);
    text_add_string(&sql, CARTS "b INT");
    for (unsigned i = 0; i < 100000; i++) {
        text_add_string(&sql, ", UNIQUE (b)");
    }
    text_add_string(&sql, ")");
    text_add(&sql, "", 1);
    assert_true(plan(&fixture, (const char *)sql.ptr, &made, &error));
    for (const struct plan_warning *one = made->warnings; one != NULL; one = one->next) {
        count++;
    }
    assert_int_equal(count, 64);
    text_done(&sql);
    fixture_done(&fixture);
}

// Everything is on one server: nothing is reported.
static void one_shard_keeps_all(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_init_with(&fixture, fixture_read(fixture_single, fixture_bucket_tables, ""));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct constraint_case none = {cases[i].sql, ""};
        expect_warned(&fixture, &none);
    }
    fixture_done(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(warned_by_default),
        cmocka_unit_test(allowed_or_denied),
        cmocka_unit_test(many_of_them),
        cmocka_unit_test(one_shard_keeps_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
