// [index NAME]: what it becomes, its mistakes, and when its entries are those of another one.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cluster/config.h"

#define SERVERS "[server a]\naddress = 127.0.0.1:3301\n[server b]\naddress = 127.0.0.1:3302\n"
#define SHARDS                                                                                     \
    "[shard s1]\nservers = a\nbuckets = 0-2047\n[shard s2]\nservers = b\nbuckets = 2048-4095\n"
#define REST                                                                                       \
    "[user app]\npassword = x\n[table shop.orders]\nkey = buyer_id\nid = id\n"                     \
    "[table shop.areas]\ntype = reference\n" // 4 + 6 + 7 lines
#define CLUSTER SERVERS SHARDS REST
#define GOOD    "[index seller]\ntable = Shop.Orders\ncolumn = seller_id\n"

static struct text errors;

static struct config *read_text(const char *text)
{
    errors.len = 0;
    struct config *config = config_read_text(slice_of_string(text), "w.ini", NULL, &errors);
    text_add(&errors, "", 1);
    return config;
}

static void expect_error(const char *text, const char *wanted)
{
    assert_null(read_text(text));
    if (strncmp((const char *)errors.ptr, wanted, strlen(wanted)) != 0) {
        fail_msg("'%s' is not '%s'", (const char *)errors.ptr, wanted);
    }
    assert_ptr_equal(strchr((char *)errors.ptr, '\n'), strrchr((char *)errors.ptr, '\n'));
}

static void indexes_of_a_table(void **state)
{
    (void)state;
    struct config *config = read_text(
        CLUSTER GOOD "[index orders.no]\ntable = shop.orders\ncolumn = no\nkey_type = string\n");
    assert_non_null(config);
    assert_int_equal(config->index_count, 2);
    const struct table_config *table =
        config_find_table(config, slice_of_string("shop"), slice_of_string("orders"));
    const struct index_config *last = table->indexes;
    assert_string_equal(last->name, "orders.no");
    assert_int_equal(last->type, KEY_STRING);
    assert_ptr_equal(last->next, &config->indexes[0]);
    assert_string_equal(last->next->column, "seller_id");
    assert_int_equal(last->next->type, KEY_INTEGER);
    assert_int_equal(config->tables[last->next->table].id, table->id);
    assert_null(
        config_find_table(config, slice_of_string("shop"), slice_of_string("areas"))->indexes);
    config_free(config);
}

static void mistakes(void **state)
{
    (void)state;
#define INDEX CLUSTER "[index x]\n"
    expect_error(INDEX "column = c\n", "w.ini:18: [index x] needs a table\n");
    expect_error(INDEX "table = shop.order\ncolumn = c\n",
                 "w.ini:19: there is no table 'shop.order', did you mean 'shop.orders'?\n");
    expect_error(INDEX "table = shop.areas\ncolumn = c\n",
                 "w.ini:19: 'shop.areas' is not sharded, so there is nothing to look up\n");
    expect_error(INDEX "table = shop.orders\n", "w.ini:18: [index x] needs a column\n");
    expect_error(INDEX "table = shop.orders\ncolumn = a`b\n",
                 "w.ini:20: [index x] needs a column\n");
    expect_error(INDEX "table = shop.orders\ncolumn = Buyer_ID\n",
                 "w.ini:20: Buyer_ID finds the shard by itself, without an index\n");
    expect_error(INDEX "table = shop.orders\ncolumn = id\n",
                 "w.ini:20: id finds the shard by itself, without an index\n");
    expect_error(CLUSTER GOOD "[index x]\ntable = shop.orders\ncolumn = SELLER_ID\n",
                 "w.ini:23: there is another index of shop.orders on SELLER_ID\n");
    expect_error(INDEX "table = shop.orders\ncolumn = c\nkey_type = date\n",
                 "w.ini:21: key_type is one of integer, string, not 'date'");
    expect_error(INDEX "table = shop.orders\ncolumn = c\nunique = 7\n",
                 "w.ini:21: unique is one of off, on, not '7'");
    expect_error(CLUSTER "[index a b]\ntable = shop.orders\ncolumn = c\n",
                 "w.ini:18: the name of an index is at most 40 printable ASCII characters without");
    expect_error(CLUSTER GOOD GOOD, "w.ini:21: a second section [index seller]; the first is in "
                                    "line 18\n");
    expect_error(SERVERS "[shard s1]\nservers = a, b\nbuckets = 0-4095\ndurability = best_effort\n"
                         "[user app]\npassword = x\n[table shop.orders]\nkey = k\n" GOOD,
                 "w.ini:13: [index seller] needs durability = semi_sync of all shards, and shard "
                 "s1 has best_effort");
#undef INDEX
}

static struct text key_of(const char *text)
{
    struct config *config = read_text(text);
    struct text key;
    text_init(&key);
    assert_non_null(config);
    assert_int_equal(strncmp(config->indexes[0].key, "seller#", 7), 0);
    text_add(&key, config->indexes[0].key, strlen(config->indexes[0].key) + 1);
    config_free(config);
    return key;
}

// Of another column, or with entries elsewhere, it is another one, whatever its name.
static void keys(void **state)
{
    (void)state;
    static const char *const others[] = {
        CLUSTER "[index seller]\ntable = shop.orders\ncolumn = other\n",
        CLUSTER GOOD "key_type = string\n",
        SERVERS "[shard s1]\nservers = a\nbuckets = 0-2048\n[shard s2]\nservers = b\n"
                "buckets = 2049-4095\n" REST GOOD,
        SERVERS "[shard s1]\nservers = a\nbuckets = 0-2047\n[shard s3]\nservers = b\n"
                "buckets = 2048-4095\n" REST GOOD,
    };
    struct text first = key_of(CLUSTER GOOD), same = key_of(CLUSTER GOOD "key_type = integer\n");
    assert_string_equal((char *)first.ptr, (char *)same.ptr);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        struct text other = key_of(others[i]);
        assert_string_not_equal((char *)first.ptr, (char *)other.ptr);
        text_done(&other);
    }
    text_done(&first);
    text_done(&same);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(indexes_of_a_table),
        cmocka_unit_test(mistakes),
        cmocka_unit_test(keys),
    };
    text_init(&errors);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    text_done(&errors);
    return failed;
}
