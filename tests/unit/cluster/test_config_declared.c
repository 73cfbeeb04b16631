// Declared tables in a configuration: built as sections of the file are, kept over new accounts,
// and never before the file.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cluster/account.h"
#include "cluster/config.h"
#include "cluster/declared.h"

static const char file[] =
    "[server a]\naddress = 127.0.0.1:3301\n[server b]\naddress = 127.0.0.1:3302\n"
    "[shard s1]\nservers = a\nbuckets = 0-2047\n[shard s2]\nservers = b\nbuckets = 2048-4095\n"
    "[user app]\npassword = x\n[table shop.orders]\nkey = buyer_id\nid = id\n"
    "[table shop.users]\nwith = shop.orders\nkey = user_id\n"
    "[index seller]\ntable = shop.orders\ncolumn = seller_id\n";

static struct text errors;

static struct config *read_file(const char *text)
{
    struct config *config = config_read_text(slice_of_string(text), "w.ini", NULL, &errors);
    assert_non_null(config);
    return config;
}

static const struct table_config *find(const struct config *config, const char *name)
{
    return config_find_table(config, slice_of_string("shop"), slice_of_string(name));
}

static struct declared_set *one(const char *name, const char *words, uint64_t number)
{
    struct declared_set *set = declared_set_new(number);
    struct declared_row row = {.schema = "shop", .name = name, .words = words, .number = number};
    declared_add(&set->rows, &row);
    return set;
}

// A configuration with it, which owns the file's.
static struct config *with(struct config *running, struct declared_set *set)
{
    errors.len = 0;
    struct config *next = config_with_declared(running, set, &errors);
    declared_set_free(set);
    return next;
}

static void rows_as_text(void **state)
{
    (void)state;
    struct declared_set *set = declared_set_new(7);
    struct declared_row row = {
        .schema = "a", .name = "b", .words = "key = c\n", .number = 5, .is_closed = true};
    declared_add(&set->rows, &row);
    declared_add(&set->rows, &(struct declared_row){.schema = "d", .name = "e", .words = ""});
    struct slice rest = text_slice(&set->rows);
    assert_true(declared_next(&rest, &row));
    assert_string_equal(row.words, "key = c\n");
    assert_int_equal(row.number, 5);
    assert_true(row.is_closed);
    assert_true(declared_next(&rest, &row));
    assert_string_equal(row.name, "e");
    assert_false(row.is_closed);
    assert_false(declared_next(&rest, &row));
    declared_set_free(set);
}

static void a_table_like_any_other(void **state)
{
    (void)state;
    struct config *config =
        with(read_file(file), one("Carts", "with = shop.orders\nkey = owner_id\nrow_id = no\n", 3));
    assert_non_null(config);
    const struct table_config *carts = find(config, "carts");
    const struct table_config *orders = find(config, "orders");
    assert_non_null(carts);
    assert_int_equal(carts->declared, 3);
    assert_string_equal(carts->declared_words, "with = shop.orders\nkey = owner_id\nrow_id = no\n");
    assert_int_equal(carts->with, orders->id);
    assert_int_equal(carts->group, orders->group);
    assert_non_null(carts->row_ids);
    assert_int_equal(orders->declared, 0);
    assert_int_equal(config->index_count, 1);
    assert_ptr_equal(orders->indexes, &config->indexes[0]);
    assert_int_equal(config->indexes[0].table, orders->id);
    assert_int_equal(config->declared_number, 3);
    assert_non_null(config_find_user(config, slice_of_string("app")));
    config_free(config);
}

static void the_file_goes_before(void **state)
{
    (void)state;
    struct config *config = with(read_file(file), one("orders", "key = seller_id\n", 9));
    assert_non_null(config);
    assert_string_equal(find(config, "orders")->key, "buyer_id");
    assert_int_equal(find(config, "orders")->declared, 0);
    assert_int_equal(config->declared_number, 9);
    config_free(config);
}

static void mistakes(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"key = a\nmethod = range\nranges = 0..9:s7\n", "there is no shard 's7'"},
        {"kee = a\n", "unknown setting 'kee' of a table, did you mean 'key'?"},
        {"key = a\nwith = shop.nothing\n", "there is no table 'shop.nothing'"},
        {"key = a\nunit = day\n", "unit has no meaning for a table sharded by bucket"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct text why;
        text_init(&why);
        struct config *running = read_file(file);
        struct declared_row row = {
            .schema = "shop", .name = "t", .words = cases[i][0], .number = 1};
        assert_null(config_look_declared(running, &row, &why));
        text_add(&why, "", 1);
        assert_non_null(strstr((const char *)why.ptr, cases[i][1]));
        text_done(&why);
        assert_null(with(running, one("t", cases[i][0], 1))); // and the file's is gone with it
        assert_true(errors.len > 0);
    }
}

static void a_look_changes_nothing(void **state)
{
    (void)state;
    struct text why;
    text_init(&why);
    struct config *running = with(read_file(file), one("carts", "key = owner_id\n", 3));
    struct declared_row row = {.schema = "shop", .name = "carts", .words = "key = b\n"};
    struct config *look = config_look_declared(running, &row, &why);
    assert_non_null(look);
    assert_string_equal(find(look, "carts")->key, "b");
    assert_string_equal(find(running, "carts")->key, "owner_id");
    config_end_look(look);
    row = (struct declared_row){.schema = "Shop", .name = "ORDERS", .words = "key = c\n"};
    look = config_look_declared(running, &row, &why);
    assert_non_null(look);
    assert_string_equal(find(look, "orders")->key, "c"); // instead of the file's
    assert_int_equal(find(look, "users")->with, find(look, "orders")->id);
    config_end_look(look);
    text_done(&why);
    config_free(running);
}

static void new_accounts_keep_them(void **state)
{
    (void)state;
    struct account_list accounts;
    account_list_init(&accounts);
    accounts.digest = 5;
    struct config *running = with(read_file(file), one("carts", "key = owner_id\n", 3));
    struct config *next = config_with_accounts(running, &accounts);
    assert_non_null(next);
    assert_int_equal(find(next, "carts")->declared, 3);
    assert_int_equal(next->declared_number, 3);
    config_free(running);
    assert_string_equal(find(next, "carts")->key, "owner_id");
    struct config *last = with(next, one("bills", "type = reference\n", 4));
    assert_int_equal(last->accounts_digest, 5);
    assert_null(find(last, "carts"));
    assert_int_equal(find(last, "bills")->type, TABLE_REFERENCE);
    config_free(next);
    config_free(last);
    account_list_done(&accounts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_as_text),           cmocka_unit_test(a_table_like_any_other),
        cmocka_unit_test(the_file_goes_before),   cmocka_unit_test(mistakes),
        cmocka_unit_test(a_look_changes_nothing), cmocka_unit_test(new_accounts_keep_them),
    };
    int failures = cmocka_run_group_tests_name("cluster/config_declared", tests, NULL, NULL);
    text_done(&errors);
    return failures;
}
