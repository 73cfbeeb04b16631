// Snapshots share a config, keep what is known over a reload, and say which replica is fit.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cluster/snapshot.h"

#define REST "[user u]\npassword = x\n"

static struct config *read_config(const char *text, const struct config *before)
{
    struct text errors;
    text_init(&errors);
    struct config *config = config_read_text(slice_of_string(text), "w.ini", before, &errors);
    assert_non_null(config);
    text_done(&errors);
    return config;
}

static struct config *first_config(void)
{
    return read_config("[server a]\naddress = 127.0.0.1:1\n[server b]\naddress = 127.0.0.1:2\n"
                       "[server c]\naddress = 127.0.0.1:3\n[shard s]\nservers = a, b, c\n" REST,
                       NULL);
}

static void states_survive_a_reload(void **state)
{
    (void)state;
    struct snapshot *first = snapshot_new(first_config());
    assert_int_equal(first->version, 1);
    assert_int_equal(first->shards[0].primary, NO_SERVER);
    first->shards[0].primary = 0;
    first->shards[0].epoch = 7;
    first->servers[0].role = ROLE_PRIMARY;
    first->servers[1].role = ROLE_REPLICA;
    first->is_mariadb = true;
    struct snapshot *second = snapshot_copy(first, NULL);
    assert_int_equal(second->version, 2);
    assert_ptr_equal(second->config, first->config);
    assert_int_equal(second->servers[1].role, ROLE_REPLICA);
    assert_true(second->is_mariadb);
    // b has another address, c has gone, d is new.
    struct config *config =
        read_config("[server a]\naddress = 127.0.0.1:1\n[server b]\naddress = 127.0.0.1:9\n"
                    "[server d]\naddress = 127.0.0.1:4\n[shard s]\nservers = a, b, d\n" REST,
                    first->config);
    struct snapshot *third = snapshot_copy(second, config);
    assert_int_equal(third->servers[0].role, ROLE_PRIMARY);
    assert_int_equal(third->servers[1].role, ROLE_UNKNOWN);
    assert_int_equal(third->servers[3].role, ROLE_UNKNOWN);
    assert_int_equal(third->shards[0].primary, 0);
    assert_int_equal(third->shards[0].epoch, 7);
    snapshot_free(first);
    snapshot_free(second);
    config = read_config("[server b]\naddress = 127.0.0.1:9\n[shard s]\nservers = b\n" REST,
                         third->config);
    struct snapshot *fourth = snapshot_copy(third, config);
    assert_int_equal(fourth->shards[0].primary, NO_SERVER); // it was a
    snapshot_free(third);
    snapshot_free(fourth);
}

static void which_replica_is_fit(void **state)
{
    (void)state;
    struct snapshot *snapshot = snapshot_new(first_config()); // max_lag_ms = 1000
    const struct server_state fit = {.role = ROLE_REPLICA,
                                     .is_up = true,
                                     .is_applying = true,
                                     .is_lag_known = true,
                                     .lag_us = 400000,
                                     .seen_us = 5000000,
                                     .applied_us = 4000000};
    struct server_state *server = &snapshot->servers[1];
    *server = fit;
    assert_true(snapshot_is_fit(snapshot, 1, 5600000, 0));
    assert_false(snapshot_is_fit(snapshot, 1, 5600001, 0)); // 400 ms and 600 ms unseen
    assert_true(snapshot_is_fit(snapshot, 1, 4000000, 0));
    assert_true(snapshot_is_fit(snapshot, 1, 5000000, 3999999));
    assert_false(snapshot_is_fit(snapshot, 1, 5000000, 4000000));
    server->applied_us = 0;
    assert_false(snapshot_is_fit(snapshot, 1, 5000000, 1));
    assert_true(snapshot_is_fit(snapshot, 1, 5000000, 0));
    *server = fit;
    server->lag_us = -5; // clocks
    assert_true(snapshot_is_fit(snapshot, 1, 6000000, 0));
    *server = fit;
    server->is_up = false;
    assert_false(snapshot_is_fit(snapshot, 1, 5000000, 0));
    *server = fit;
    server->is_applying = false;
    assert_false(snapshot_is_fit(snapshot, 1, 5000000, 0));
    *server = fit;
    server->is_lag_known = false;
    assert_false(snapshot_is_fit(snapshot, 1, 5000000, 0));
    *server = fit;
    server->role = ROLE_DETACHED;
    assert_false(snapshot_is_fit(snapshot, 1, 5000000, 0));
    snapshot_free(snapshot);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(states_survive_a_reload),
        cmocka_unit_test(which_replica_is_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
