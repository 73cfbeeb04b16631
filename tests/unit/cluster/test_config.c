// The configuration file: what a good one becomes, and the text of every mistake in a bad one.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "cluster/config.h"

#define SERVERS                                                                                    \
    "[server a1]\naddress = 127.0.0.1:3301\n[server a2]\naddress = 127.0.0.1:3302\n"               \
    "[server b1]\naddress = 127.0.0.1:3311\n"
#define SHARDS                                                                                     \
    "[shard s1]\nservers = a1, a2\nbuckets = 0-2047\n"                                             \
    "[shard s2]\nservers = b1\nbuckets = 2048-4095\n"
#define USER    "[user app]\npassword = secret\n"
#define CLUSTER SERVERS SHARDS USER // 14 lines

static struct config *read_after(const char *text, const struct config *before, struct text *errors)
{
    return config_read_text(slice_of_string(text), "w.ini", before, errors);
}

static struct config *read_good(const char *text)
{
    struct text errors;
    text_init(&errors);
    struct config *config = read_after(text, NULL, &errors);
    if (config == NULL) {
        print_error("%.*s", (int)errors.len, (const char *)errors.ptr);
    }
    assert_non_null(config);
    assert_int_equal(errors.len, 0);
    text_done(&errors);
    return config;
}

static void expect_errors_after(const char *text, const struct config *before, const char *wanted)
{
    struct text errors;
    text_init(&errors);
    assert_null(read_after(text, before, &errors));
    text_add(&errors, "", 1);
    assert_string_equal((const char *)errors.ptr, wanted);
    text_done(&errors);
}

static void expect_errors(const char *text, const char *wanted)
{
    expect_errors_after(text, NULL, wanted);
}

static const struct table_config *find_table(const struct config *config, const char *name)
{
    return config_find_table(config, slice_of_string("shop"), slice_of_string(name));
}

static void zones(void **state)
{
    (void)state;
    static const char servers[] = "[server a]\naddress = 127.0.0.1:1\nzone = east\n"
                                  "[server b]\naddress = 127.0.0.1:2\nzone = west\n"
                                  "[server c]\naddress = 127.0.0.1:3\n"
                                  "[shard s]\nservers = a, b, c\nbuckets = 0-4095\n"
                                  "[user u]\npassword = x\n";
    char text[512];
    snprintf(text, sizeof text, "[waybill]\nzone = west\n%s", servers);
    struct config *config = read_good(text);
    assert_string_equal(config->servers[0].zone, "east");
    assert_false(config->servers[0].is_near);
    assert_true(config->servers[1].is_near);
    assert_false(config->servers[2].is_near);
    config_free(config);
    config = read_good(servers); // waybill is nowhere: none is near
    assert_false(config->servers[0].is_near || config->servers[1].is_near ||
                 config->servers[2].is_near);
    config_free(config);
}

static void a_whole_cluster(void **state)
{
    (void)state;
    struct config *config =
        read_good("\xef\xbb\xbf# comment\n[waybill]\n  max_lag_ms = 250 # a comment\nfailover = "
                  "off ; another\n"
                  "admin_password = \"a # \"\"b\"\" ; c\" # d\n" CLUSTER
                  "[table shop.orders]\nkey = buyer_id\nid = order_id\n"
                  "[table shop.order_items]\nwith = shop.orders\nid = order_id\n"
                  "[table shop.payments]\nwith = Shop.Orders\nkey = buyer\n"
                  "[table shop.users]\nkey = user_id\n"
                  "[table shop.sessions]\nkey = token\nkey_type = string\n"
                  "[table shop.products]\ntype = reference\n"
                  "[table shop.stock]\ntype = unsharded\nshard = s2\n");
    assert_int_equal(config->settings.max_lag_ms, 250);
    assert_int_equal(config->settings.failover, FAILOVER_OFF);
    assert_int_equal(config->settings.pool_max, 200);
    assert_string_equal(config->settings.admin_password, "a # \"b\" ; c");
    assert_int_equal(config->server_count, 3);
    assert_string_equal(config->servers[2].host, "127.0.0.1");
    assert_int_equal(config->servers[2].port, 3311);
    assert_int_equal(config->servers[2].shard, 1);
    assert_int_equal(config->servers[2].weight, 100);
    assert_int_equal(config->servers[2].max_connections, 200);
    assert_int_equal(config->shards[0].server_count, 2);
    assert_int_equal(config->bucket_shard[2047], 0);
    assert_int_equal(config->bucket_shard[2048], 1);
    const struct user_config *user = config_find_user(config, slice_of_string("app"));
    assert_string_equal(user->server_user, "app");
    assert_string_equal(user->server_password, "secret");
    assert_true(user->has_native && user->has_sha2 && user->reads_from_replicas);
    assert_false(user->has_empty_password);
    const struct table_config *orders = find_table(config, "ORDERS");
    const struct table_config *items = find_table(config, "order_items");
    const struct table_config *payments = find_table(config, "payments");
    assert_true(orders->makes_ids);
    assert_false(items->makes_ids || payments->makes_ids);
    assert_int_equal(items->group, orders->group);
    assert_int_equal(payments->group, orders->group);
    assert_int_equal(find_table(config, "users")->group, orders->group); // one map of buckets
    assert_int_equal(find_table(config, "users")->with, find_table(config, "users")->id);
    assert_int_equal(items->with, orders->id);
    assert_int_not_equal(find_table(config, "sessions")->group, orders->group);
    assert_int_not_equal(find_table(config, "stock")->group, orders->group);
    assert_null(items->key);
    assert_string_equal(payments->key, "buyer");
    assert_null(payments->id_column);
    assert_int_equal(find_table(config, "products")->type, TABLE_REFERENCE);
    assert_int_equal(find_table(config, "stock")->home, 1);
    assert_null(find_table(config, "unknown"));
    for (uint16_t i = 0; i < config->table_count; i++) {
        assert_int_equal(config->tables[i].id, i);
    }
    config_free(config);
}

static void every_method(void **state)
{
    (void)state;
    struct config *config =
        read_good(CLUSTER "[table shop.r]\nmethod = range\nkey = k\n"
                          "ranges = 100..:s2, ..-1:s1, 7:s2, 10 .. 20 : s1\n"
                          "[table shop.l]\nmethod = list\nkey = k\nkey_type = string\n"
                          "lists = us:s2, CN hk  tw:s1\n"
                          "[table shop.n]\nmethod = list\nkey = k\nlists = 007 5:s1, -1:s2\n"
                          "[table shop.m]\nmethod = modulo\nkey = k\nshards = s1, s2, s1\n"
                          "[table shop.y]\nmethod = date\nkey = k\nunit = year\n"
                          "ranges = ..2023:s1, 2024..:s2\n"
                          "[table shop.d]\nmethod = date\nkey = k\nranges = 2024-02:s1\n");
    const struct table_config *range = find_table(config, "r");
    assert_int_equal(range->range_count, 4);
    assert_true(range->ranges[0].low == INT64_MIN && range->ranges[0].high == -1);
    assert_true(range->ranges[1].low == 7 && range->ranges[1].high == 7);
    assert_int_equal(range->ranges[1].shard, 1);
    assert_true(range->ranges[3].low == 100 && range->ranges[3].high == INT64_MAX);
    const struct table_config *list = find_table(config, "l");
    assert_int_equal(list->listed_count, 4);
    assert_true(slice_is_nocase(list->listed[0].key, "cn"));
    assert_memory_equal(list->listed[0].key.ptr, "cn", 2);
    assert_memory_equal(list->listed[3].key.ptr, "us", 2);
    assert_int_equal(list->listed[3].shard, 1);
    const struct table_config *numbers = find_table(config, "n");
    assert_true(slice_equal(numbers->listed[0].key, slice_of_string("-1")));
    assert_true(slice_equal(numbers->listed[2].key, slice_of_string("7")));
    const struct table_config *modulo = find_table(config, "m");
    assert_int_equal(modulo->modulo, 3);
    assert_int_equal(modulo->modulo_shards[1], 1);
    const struct table_config *years = find_table(config, "y");
    assert_int_equal(years->key_type, KEY_DATE);
    assert_int_equal(years->ranges[0].high + 1, years->ranges[1].low);
    const struct table_config *month = find_table(config, "d");
    assert_int_equal(month->ranges[0].high - month->ranges[0].low, 28); // 1 to 29 February
    config_free(config);
}

static void read_file(const char *name, struct text *text)
{
    char path[256];
    snprintf(path, sizeof path, "tests/unit/cluster/golden/%s", name);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    char bytes[4096];
    size_t got = 0;
    while ((got = fread(bytes, 1, sizeof bytes, file)) > 0) {
        text_add(text, bytes, got);
    }
    fclose(file);
    text_add(text, "", 1);
}

// NAME.ini has the mistakes, NAME.errors what is said about them.
static void expect_golden(const char *name)
{
    char path[64];
    struct text ini;
    struct text wanted;
    text_init(&ini);
    text_init(&wanted);
    snprintf(path, sizeof path, "%s.ini", name);
    read_file(path, &ini);
    snprintf(path, sizeof path, "%s.errors", name);
    read_file(path, &wanted);
    expect_errors((const char *)ini.ptr, (const char *)wanted.ptr);
    text_done(&ini);
    text_done(&wanted);
}

static void all_mistakes_at_once(void **state)
{
    (void)state;
    expect_golden("every_mistake");
    expect_golden("nothing");
    expect_golden("doors");
}

static void a_file_that_is_not_there(void **state)
{
    (void)state;
    struct text errors;
    text_init(&errors);
    assert_null(config_read("/nowhere/waybill.ini", NULL, &errors));
    text_add(&errors, "", 1);
    assert_string_equal((const char *)errors.ptr,
                        "/nowhere/waybill.ini: can't be read: No such file or directory\n");
    text_done(&errors);
}

static void long_lines_and_names(void **state)
{
    (void)state;
    struct text text;
    text_init(&text);
    text_add_string(&text,
                    CLUSTER "[table a_schema_with_a_really_long_name_of_fifty_bytes_and_more."
                            "a_table_with_a_really_long_name_of_fifty_bytes_and_more]\n"
                            "method = list\nkey = k\nlists = ");
    for (int i = 0; i < 10000; i++) {
        text_add_format(&text, "%d ", i);
    }
    text_add_string(&text, ":s1\n");
    text_add(&text, "", 1);
    struct config *config = read_good((const char *)text.ptr);
    assert_int_equal(config->tables[0].listed_count, 10000);
    assert_string_equal(config->tables[0].name,
                        "a_table_with_a_really_long_name_of_fifty_bytes_and_more");
    config_free(config);
    text_done(&text);
}

#define ONE_SHARD(servers) "[shard s1]\nservers = " servers "\nbuckets = 0-4095\n"
#define SERVER(name, port) "[server " name "]\naddress = 127.0.0.1:" port "\n"

static void ids_stay_over_reloads(void **state)
{
    (void)state;
    struct text errors;
    text_init(&errors);
    struct config *first = read_good(CLUSTER "[user old]\npassword = x\n");
    struct config *second =
        read_after(SERVER("new", "3399") SERVER("b1", "3311") SERVER("a2", "3302")
                       ONE_SHARD("a2, b1, new") "[user late]\npassword =\n" USER,
                   first, &errors);
    assert_non_null(second);
    assert_int_equal(second->server_count, 4);
    assert_true(second->servers[0].is_removed);
    assert_string_equal(second->servers[0].name, "a1");
    assert_string_equal(second->servers[1].name, "a2");
    assert_string_equal(second->servers[2].name, "b1");
    assert_int_equal(second->servers[2].shard, 0);
    assert_string_equal(second->servers[3].name, "new");
    assert_true(second->shards[1].is_removed);
    assert_int_equal(second->shards[1].server_count, 0);
    assert_null(config_find_shard(second, slice_of_string("s2")));
    assert_string_equal(second->users[0].name, "app");
    assert_true(second->users[1].is_removed);
    assert_string_equal(second->users[2].name, "late");
    assert_true(second->users[2].has_empty_password);
    assert_null(config_find_user(second, slice_of_string("old")));
    struct config *third = read_after(CLUSTER, second, &errors);
    assert_non_null(third);
    assert_false(third->servers[0].is_removed); // the old place again
    assert_true(third->servers[3].is_removed);
    assert_int_equal(config_find_shard(third, slice_of_string("s2"))->id, 1);
    config_free(first);
    config_free(second);
    config_free(third);
    text_done(&errors);
}

static uint16_t members(const struct config *config, const char *shard)
{
    return config_find_shard(config, slice_of_string(shard))->server_count;
}

// Servers that were taken in: their places stay, a reload keeps them, a section takes them over.
static void servers_in_no_section(void **state)
{
    (void)state;
    struct text errors;
    text_init(&errors);
    struct discovered wanted[] = {{.shard = 0, .address = "127.0.0.1:3309"},
                                  {.shard = 1, .address = "[::1]:3310"},
                                  {.shard = 0, .address = "127.0.0.1:3301"}, // is a1
                                  {.shard = 0, .address = "elsewhere:3306"}};
    struct discovered list[4];
    struct config *first = read_good(CLUSTER);
    struct config *second = config_with_discovered(first, wanted, 4);
    assert_int_equal(config_discovered(second, list, 4), 2);
    assert_string_equal(list[1].address, "[::1]:3310");
    assert_int_equal(second->server_count, 5);
    assert_int_equal(members(second, "s1"), 3);
    assert_int_equal(second->shards[0].servers[2], 3);
    assert_string_equal(second->servers[3].name, "127.0.0.1-3309");
    assert_string_equal(second->servers[4].host, "::1");
    assert_int_equal(second->servers[3].promote, PROMOTE_NEVER);
    assert_non_null(config_find_user(second, slice_of_string("app")));
    assert_int_equal(members(first, "s1"), 2);
    struct config *third = config_with_discovered(second, &wanted[1], 1); // the first one is gone
    assert_true(third->servers[3].is_removed);
    assert_int_equal(members(third, "s1"), 2);
    assert_int_equal(config_discovered(third, list, 4), 1);
    struct config *fourth = read_after(CLUSTER, third, &errors); // a reload
    assert_non_null(fourth);
    assert_int_equal(config_discovered(fourth, list, 4), 1);
    assert_int_equal(fourth->shards[1].servers[1], 4);
    struct config *fifth = config_with_discovered(fourth, wanted, 1);
    assert_int_equal(fifth->shards[0].servers[2], 3); // its old place
    assert_int_equal(members(fifth, "s2"), 1);
    struct config *sixth = read_after("[server 127.0.0.1-3309]\naddress = 127.0.0.1:3309\n" SERVERS
                                      "[shard s1]\nservers = a1, 127.0.0.1-3309\nbuckets = 0-2047\n"
                                      "[shard s2]\nservers = b1, a2\nbuckets = 2048-4095\n" USER,
                                      fifth, &errors);
    assert_non_null(sixth);
    assert_int_equal(config_discovered(sixth, list, 4), 0);
    assert_false(sixth->servers[3].is_discovered || sixth->servers[3].is_removed);
    assert_int_equal(sixth->shards[0].servers[1], 3);
    config_free(third);
    config_free(second);
    config_free(fifth);
    config_free(sixth);
    text_done(&errors);
}

static void what_needs_a_restart(void **state)
{
    (void)state;
    struct config *first = read_good("[waybill]\nworkers = 2\n" CLUSTER);
    expect_errors_after("[waybill]\nmax_lag_ms = 7\nworkers = 3\n" CLUSTER, first,
                        "w.ini:3: workers can't be changed without a restart (running with '2')\n");
    config_free(first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_cluster),
        cmocka_unit_test(zones),
        cmocka_unit_test(every_method),
        cmocka_unit_test(all_mistakes_at_once),
        cmocka_unit_test(a_file_that_is_not_there),
        cmocka_unit_test(long_lines_and_names),
        cmocka_unit_test(ids_stay_over_reloads),
        cmocka_unit_test(servers_in_no_section),
        cmocka_unit_test(what_needs_a_restart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
