// The servers' own accounts: what becomes of a row, which one counts, and what changes in a
// configuration when they change.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "cluster/account.h"
#include "cluster/snapshot.h"

#define CLUSTER                                                                                    \
    "[waybill]\nusers = servers\n[server a]\naddress = 127.0.0.1:3301\n[shard s]\nservers = a\n"
#define SHA1_X "*B69027D44F6E5EDC07F1AEAD1477967B16F28227"   // of 'x'
#define KEY_P1 "0cBZTrKx5x9mpSNQ5xpt6j3rJUcqumPHAV9MZCfsJ9g" // of 'p1', by MariaDB
#define CRYPT  "$A$005$abcdefghijklmnopqrst0123456789012345678901234567890123456789012"
#define NATIVE(x)                                                                                  \
    {                                                                                              \
        {                                                                                          \
            "mysql_native_password", x                                                             \
        }                                                                                          \
    }

static struct config *read_config(const char *text, const struct config *before)
{
    struct text errors;
    text_init(&errors);
    struct config *config = config_read_text(slice_of_string(text), "w.ini", before, &errors);
    if (config == NULL) {
        print_error("%.*s", (int)errors.len, (const char *)errors.ptr);
    }
    assert_non_null(config);
    text_done(&errors);
    return config;
}

static void add(struct account_list *list, const char *name, const char *host)
{
    struct account_facts facts = {
        .name = name, .host = host, .plugins = NATIVE(SHA1_X), .plugin_count = 1};
    account_list_add(list, &facts, NULL);
}

static const struct user_config *find_from(const struct config *config, const char *name,
                                           const char *address)
{
    struct address peer;
    char why[100], text[100];
    snprintf(text, sizeof text, "%s:1", address);
    assert_true(address_parse(&peer, text, why, sizeof why));
    return config_find_account(config, slice_of_string(name), &peer);
}

static void expect_from(const struct config *config, const char *name, const char *address,
                        const char *wanted)
{
    const struct user_config *user = find_from(config, name, address);
    char found[200] = "nobody";
    if (user != NULL) {
        snprintf(found, sizeof found, "%s@%s", user->name, user->from);
    }
    assert_string_equal(found, wanted);
}

// ---- a row

static void one_row(const struct account_facts *facts, struct user_config *user)
{
    struct account_list list;
    account_list_init(&list);
    account_list_add(&list, facts, NULL);
    assert_int_equal(list.count, 1);
    *user = list.users[0]; // its texts are not looked at
    user->unusable = user->unusable != NULL ? "yes" : NULL;
    account_list_done(&list);
}

static void every_plugin(void **state)
{
    (void)state;
    struct user_config user;
    one_row(&(struct account_facts){.plugins = NATIVE(SHA1_X), .plugin_count = 1}, &user);
    assert_true(user.has_native && !user.has_empty_password && user.unusable == NULL);
    one_row(&(struct account_facts){.plugins = {{"", SHA1_X}}, .plugin_count = 1}, &user);
    assert_true(user.has_native);
    one_row(&(struct account_facts){.plugins = NATIVE(""), .plugin_count = 1}, &user);
    assert_true(user.has_empty_password && user.unusable == NULL);
    one_row(
        &(struct account_facts){.plugins = {{"caching_sha2_password", CRYPT}}, .plugin_count = 1},
        &user);
    assert_true(user.sha2_crypt.len == 70 && user.unusable == NULL);
    one_row(&(struct account_facts){.plugins = {{"ed25519", KEY_P1}}, .plugin_count = 1}, &user);
    assert_true(user.has_ed25519 && user.unusable == NULL);
    one_row(&(struct account_facts){.plugins = {{"unix_socket", ""},
                                                {"mysql_native_password", SHA1_X},
                                                {"ed25519", KEY_P1}},
                                    .plugin_count = 3},
            &user);
    assert_true(user.has_native && user.has_ed25519 && user.unusable == NULL);
    // One of two ways is an empty password: never a way around the other one.
    one_row(&(struct account_facts){.plugins = {{"mysql_native_password", ""}, {"ed25519", KEY_P1}},
                                    .plugin_count = 2},
            &user);
    assert_true(user.has_ed25519 && !user.has_empty_password);
}

static void what_cant_be_checked_is_unusable(void **state)
{
    (void)state;
    static const struct account_plugin plugins[] = {{"unix_socket", ""},
                                                    {"pam", "mysql"},
                                                    {"gssapi", ""},
                                                    {"sha256_password", "$5$"},
                                                    {"mysql_native_password", "invalid"},
                                                    {"", "0123456789abcdef"},
                                                    {"ed25519", "short"},
                                                    {"ed25519", ""},
                                                    {"caching_sha2_password", "$A$005$short"}};
    for (size_t i = 0; i < sizeof plugins / sizeof plugins[0]; i++) {
        struct user_config user;
        one_row(&(struct account_facts){.plugins = {plugins[i]}, .plugin_count = 1}, &user);
        assert_non_null(user.unusable);
        assert_false(user.has_empty_password || user.has_native || user.has_ed25519);
    }
    struct user_config user;
    one_row(&(struct account_facts){.plugin_count = 0}, &user);
    assert_non_null(user.unusable);
    one_row(&(struct account_facts){.host = "%.example.com",
                                    .plugins = NATIVE(SHA1_X),
                                    .plugin_count = 1},
            &user);
    assert_non_null(user.unusable);
    one_row(&(struct account_facts){.host = "localhost.",
                                    .plugins = NATIVE(SHA1_X),
                                    .plugin_count = 1,
                                    .is_by_address = true},
            &user);
    assert_non_null(user.unusable);
}

// ---- which one

static struct config *with_accounts(struct config *config, struct account_list *list)
{
    account_list_end(list);
    struct config *next = config_with_accounts(config, list);
    account_list_done(list);
    return next;
}

static void the_most_specific_host_counts(void **state)
{
    (void)state;
    struct account_list list;
    account_list_init(&list);
    const char *const hosts[] = {
        "%",        "10.%",    "10.0.0.0/255.255.255.0", "10.0.0.5", "10.0.0.1__",
        "fd00::/8", "fd00::7", "192.168.0.0/255.255.0.0"};
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
        add(&list, "app", hosts[i]);
    }
    add(&list, "only", "10.0.0.9");
    struct config *file = read_config(CLUSTER, NULL);
    struct config *config = with_accounts(file, &list);
    expect_from(config, "app", "10.0.0.5", "app@10.0.0.5");
    expect_from(config, "app", "10.0.0.6", "app@10.0.0.0/255.255.255.0");
    expect_from(config, "app", "10.0.0.123", "app@10.0.0.0/255.255.255.0");
    expect_from(config, "app", "10.9.0.6", "app@10.%");
    expect_from(config, "app", "11.0.0.1", "app@%");
    expect_from(config, "app", "192.168.7.1", "app@192.168.0.0/255.255.0.0");
    expect_from(config, "app", "[fd00::7]", "app@fd00::7");
    expect_from(config, "app", "[fd00::8]", "app@fd00::/8");
    expect_from(config, "app", "[2001:db8::8]", "app@%");
    expect_from(config, "only", "10.0.0.9", "only@10.0.0.9");
    expect_from(config, "only", "10.0.0.8", "nobody");
    expect_from(config, "App", "10.0.0.5", "nobody");
    config_free(config);
}

static void the_anonymous_account_comes_first_where_its_host_does(void **state)
{
    (void)state;
    struct account_list list;
    account_list_init(&list);
    add(&list, "app", "%");
    add(&list, "", "10.0.0.5");
    add(&list, "app", "10.0.0.7");
    add(&list, "", "10.0.0.7");
    add(&list, "own", "%");
    struct config *file = read_config(CLUSTER "[user own]\npassword = x\n", NULL);
    struct config *config = with_accounts(file, &list);
    expect_from(config, "app", "10.0.0.4", "app@%");
    expect_from(config, "app", "10.0.0.5", "@10.0.0.5");
    expect_from(config, "app", "10.0.0.7", "app@10.0.0.7");
    expect_from(config, "whoever", "10.0.0.5", "@10.0.0.5");
    expect_from(config, "whoever", "10.0.0.4", "nobody");
    expect_from(config, "own", "10.0.0.5", "own@"); // the file's
    config_free(config);
}

static void localhost_is_a_socket_where_names_are_not_resolved(void **state)
{
    (void)state;
    for (int is_by_address = 0; is_by_address < 2; is_by_address++) {
        struct account_list list;
        account_list_init(&list);
        struct account_facts facts = {.name = "app",
                                      .host = "localhost",
                                      .plugins = NATIVE(SHA1_X),
                                      .plugin_count = 1,
                                      .is_by_address = is_by_address == 1};
        account_list_add(&list, &facts, NULL);
        struct config *file = read_config(CLUSTER, NULL);
        struct config *config = with_accounts(file, &list);
        expect_from(config, "app", "127.0.0.1", is_by_address ? "nobody" : "app@localhost");
        struct address local = {.at.local.sun_family = AF_UNIX};
        assert_non_null(config_find_account(config, slice_of_string("app"), &local));
        config_free(config);
    }
}

// ---- changes

static void sections_say_the_rest(void **state)
{
    (void)state;
    struct account_list list;
    account_list_init(&list);
    add(&list, "app", "%");
    add(&list, "other", "%");
    add(&list, "own", "%");
    struct config *file = read_config(CLUSTER "[user app]\ndefault_schema = shop\n"
                                              "distributed = best_effort\nmax_connections = 7\n"
                                              "[user *]\nserver_user = all\nserver_password = p\n"
                                              "reads = primary\n"
                                              "[user own]\npassword = mine\n",
                                      NULL);
    struct config *config = with_accounts(file, &list);
    const struct user_config *app = config_find_user(config, slice_of_string("app"));
    assert_string_equal(app->default_schema, "shop");
    assert_int_equal(app->distributed, DISTRIBUTED_BEST_EFFORT);
    assert_int_equal(app->max_connections, 7);
    assert_string_equal(app->server_user, "app");
    assert_null(app->server_password);
    assert_true(app->reads_from_replicas && app->is_from_servers);
    const struct user_config *other = config_find_user(config, slice_of_string("other"));
    assert_string_equal(other->server_user, "all");
    assert_string_equal(other->server_password, "p");
    assert_false(other->reads_from_replicas);
    const struct user_config *own = config_find_user(config, slice_of_string("own"));
    assert_false(own->is_from_servers);
    config_free(config);
}

static void only_changes_make_a_new_one(void **state)
{
    (void)state;
    struct config *file = read_config(CLUSTER, NULL);
    struct snapshot *first = snapshot_new(file);
    struct account_list list;
    account_list_init(&list);
    add(&list, "b", "%");
    add(&list, "c", "%");
    struct config *config = with_accounts(file, &list);
    struct snapshot *second = snapshot_copy(first, config);
    snapshot_free(first); // the file's configuration lives as long as what shares it
    assert_ptr_equal(second->config->servers, file->servers);
    uint16_t b = config_find_user(config, slice_of_string("b"))->id;
    uint16_t c = config_find_user(config, slice_of_string("c"))->id;
    account_list_init(&list);
    add(&list, "b", "%");
    add(&list, "c", "%");
    account_list_end(&list);
    assert_null(config_with_accounts(config, &list));
    account_list_done(&list);
    account_list_init(&list);
    add(&list, "a", "%");
    add(&list, "b", "%");
    add(&list, "c", "%");
    struct config *third = with_accounts(config, &list);
    assert_int_equal(config_find_user(third, slice_of_string("b"))->id, b);
    assert_int_equal(config_find_user(third, slice_of_string("c"))->id, c);
    struct snapshot *last = snapshot_copy(second, third);
    snapshot_free(second);
    // A reload of the file keeps them as they were read last, with its own settings.
    struct config *again = read_config(CLUSTER "[user b]\nreads = primary\n", third);
    assert_int_equal(config_find_user(again, slice_of_string("b"))->id, b);
    assert_false(config_find_user(again, slice_of_string("b"))->reads_from_replicas);
    assert_non_null(find_from(again, "a", "10.0.0.1"));
    assert_true(find_from(again, "a", "10.0.0.1")->has_native);
    struct config *without = read_config("[waybill]\nusers = file\n[server a]\naddress = "
                                         "127.0.0.1:3301\n[shard s]\nservers = a\n"
                                         "[user x]\npassword = x\n",
                                         again);
    assert_null(find_from(without, "a", "10.0.0.1"));
    config_free(without);
    config_free(again);
    snapshot_free(last);
}

// ---- what they may do

struct rights { // of the server
    const char *anna, *role, *of_schema, *of_role, *of_all;
};

static struct config *with_rights(struct config *config, const struct rights *rights)
{
    struct account_list list;
    account_list_init(&list);
    const char *const hosts[] = {"%", "10.0.0.5"};
    for (size_t i = 0; i < 2; i++) {
        struct account_facts anna = {.name = "anna",
                                     .host = hosts[i],
                                     .plugins = NATIVE(SHA1_X),
                                     .plugin_count = 1,
                                     .access = i == 0 ? rights->anna : "0"};
        account_list_add(&list, &anna, NULL);
    }
    struct account_facts actor = {.name = "actor",
                                  .host = "%",
                                  .plugins = NATIVE(SHA1_X),
                                  .plugin_count = 1,
                                  .access = "0 part",
                                  .has_role = true};
    account_list_add(&list, &actor, NULL);
    account_list_note(&list, "part", true, slice_of_string(rights->role));
    account_list_note(&list, "anna", false, slice_of_string(rights->of_schema));
    account_list_note(&list, "part", true, slice_of_string(rights->of_role));
    account_list_note(&list, "PUBLIC", true, slice_of_string(rights->of_all));
    return with_accounts(config, &list);
}

// Of which users the connections are of the past: "anna actor mine", as far as they have changed.
static void expect_changed(const struct rights *rights, const char *wanted)
{
    static const char *const names[] = {"anna", "actor", "mine"};
    struct config *file =
        read_config(CLUSTER "[user mine]\npassword = x\nserver_user = anna\n", NULL);
    struct rights none = {"0", "", "", "", ""};
    struct config *before = with_rights(file, &none);
    struct config *after = with_rights(before, rights);
    char changed[100] = "";
    for (size_t i = 0; i < 3 && after != NULL; i++) {
        const struct user_config *old = find_from(before, names[i], "10.0.0.5");
        const struct user_config *new = find_from(after, names[i], "10.0.0.5");
        if (old->privileges != new->privileges) {
            size_t len = strlen(changed);
            snprintf(changed + len, sizeof changed - len, "%s%s", len > 0 ? " " : "", names[i]);
        }
    }
    assert_string_equal(changed, wanted);
    if (after != NULL) {
        // A reload of the file changes nothing of it.
        struct config *again =
            read_config(CLUSTER "[user mine]\npassword = y\nserver_user = anna\n", after);
        assert_true(find_from(again, "mine", "10.0.0.5")->privileges ==
                    find_from(after, "mine", "10.0.0.5")->privileges);
        config_free(again);
        config_free(after);
    }
    config_free(before);
}

static void what_they_may_do_is_watched(void **state)
{
    (void)state;
    expect_changed(&(struct rights){"0", "", "", "", ""}, "");
    // The server may take the connection for any of his accounts.
    expect_changed(&(struct rights){"256", "", "", "", ""}, "anna mine");
    expect_changed(&(struct rights){"0", "", "shop Y", "", ""}, "anna mine");
    expect_changed(&(struct rights){"0", "256", "", "", ""}, "actor");
    expect_changed(&(struct rights){"0", "", "", "shop Y", ""}, "actor");
    expect_changed(&(struct rights){"0", "", "", "", "256"}, "anna actor mine");
}

static void all_sessions_is_a_privilege(void **state)
{
    (void)state;
    struct account_list list;
    account_list_init(&list);
    const char *const names[] = {"none", "sees", "kills", "profile"};
    for (size_t i = 0; i < 4; i++) {
        struct account_facts facts = {.name = names[i],
                                      .host = "%",
                                      .plugins = NATIVE(SHA1_X),
                                      .plugin_count = 1,
                                      .sees_all_sessions = i == 1,
                                      .kills_all_sessions = i == 2};
        account_list_add(&list, &facts, NULL);
    }
    struct config *file = read_config(CLUSTER "[user profile]\nall_sessions = yes\n", NULL);
    struct config *config = with_accounts(file, &list);
    for (size_t i = 0; i < 4; i++) {
        const struct user_config *user = config_find_user(config, slice_of_string(names[i]));
        assert_int_equal(user->sees_all_sessions, i == 1 || i == 3);
        assert_int_equal(user->kills_all_sessions, i == 2 || i == 3);
    }
    config_free(config);
}

static void places_are_used_again(void **state)
{
    (void)state;
    struct config *config = read_config(CLUSTER, NULL);
    uint16_t most = 0;
    uint32_t generations = 0;
    for (int i = 0; i < 100; i++) { // an account for each hour
        struct account_list list;
        char name[20];
        account_list_init(&list);
        snprintf(name, sizeof name, "hour%d", i);
        add(&list, name, "%");
        add(&list, "stays", "%");
        struct config *next = with_accounts(config, &list);
        const struct user_config *user = find_from(next, name, "10.0.0.1");
        const struct user_config *stays = find_from(next, "stays", "10.0.0.1");
        assert_non_null(user);
        assert_int_equal(stays->generation, 0);
        // Who was there just now: not yet.
        assert_true(user->id >= config->user_count || config->users[user->id].is_removed);
        generations = user->generation;
        most = next->user_count;
        if (i > 0) {
            config_free(config);
        }
        config = next;
    }
    assert_int_equal(most, 3);
    assert_in_range(generations, 40, 60);
    config_free(config);
}

static void only_so_many(void **state)
{
    (void)state;
    struct account_list list;
    account_list_init(&list);
    for (int i = 0; i < ACCOUNTS_MAX + 5; i++) {
        char name[20];
        snprintf(name, sizeof name, "u%d", i);
        add(&list, name, "10.0.0.1");
    }
    assert_int_equal(list.left_out, 5);
    struct config *file = read_config(CLUSTER "[user own]\npassword = x\n", NULL);
    struct config *config = with_accounts(file, &list);
    assert_int_equal(config->user_count, ACCOUNTS_MAX);
    assert_non_null(find_from(config, "u0", "10.0.0.1"));
    assert_non_null(find_from(config, "own", "10.0.0.1"));
    config_free(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_plugin),
        cmocka_unit_test(what_cant_be_checked_is_unusable),
        cmocka_unit_test(the_most_specific_host_counts),
        cmocka_unit_test(the_anonymous_account_comes_first_where_its_host_does),
        cmocka_unit_test(localhost_is_a_socket_where_names_are_not_resolved),
        cmocka_unit_test(sections_say_the_rest),
        cmocka_unit_test(only_changes_make_a_new_one),
        cmocka_unit_test(what_they_may_do_is_watched),
        cmocka_unit_test(all_sessions_is_a_privilege),
        cmocka_unit_test(places_are_used_again),
        cmocka_unit_test(only_so_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
