// Who of those that wait for one another is rolled back: of each cycle the youngest, and nobody
// else.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "replication/wait_graph.h"

enum { MAX = 64 };

// Transaction n (session n, the higher the younger) is connection 10 + n on each of four servers.
enum { SERVERS = 4, TRANSACTIONS = 6 };

static struct wait_holder holders[SERVERS * TRANSACTIONS];
static struct wait_edge edges[MAX];
static size_t edge_count;
static size_t victims[MAX];

static int set_up(void **state)
{
    (void)state;
    edge_count = 0;
    for (uint32_t i = 0; i < SERVERS * TRANSACTIONS; i++) {
        uint32_t number = i % TRANSACTIONS;
        holders[i] = (struct wait_holder){.server = (uint16_t)(i / TRANSACTIONS),
                                          .connection = 10 + number,
                                          .session = number,
                                          .began_us = 1000 + number};
    }
    return 0;
}

// On that server `waiter` waits for `blocker`: connections.
static void waits(uint16_t server, uint32_t waiter, uint32_t blocker)
{
    edges[edge_count++] =
        (struct wait_edge){.server = server, .waiter = waiter, .blocker = blocker};
}

static size_t find(void)
{
    return wait_graph_victims(edges, edge_count, holders, SERVERS * TRANSACTIONS, victims, MAX);
}

static void expect_one(uint32_t session)
{
    assert_int_equal(find(), 1);
    assert_int_equal(holders[victims[0]].session, session);
}

static void nobody_waits(void **state)
{
    (void)state;
    assert_int_equal(find(), 0);
    assert_int_equal(wait_graph_victims(NULL, 0, NULL, 0, victims, MAX), 0);
}

static void a_line_is_no_cycle(void **state)
{
    (void)state;
    waits(0, 11, 10);
    waits(1, 12, 11);
    waits(2, 13, 12);
    waits(3, 13, 10);
    assert_int_equal(find(), 0);
}

static void of_two_the_younger(void **state)
{
    (void)state;
    waits(0, 10, 12);
    waits(1, 12, 10);
    expect_one(2);
}

static void of_three_the_youngest(void **state)
{
    (void)state;
    waits(0, 13, 11);
    waits(1, 11, 12);
    waits(2, 12, 13);
    waits(0, 14, 13); // younger, and behind the cycle only
    waits(1, 11, 10); // older, and waits for nobody
    expect_one(3);
}

static void who_waits_for_himself(void **state)
{
    (void)state;
    holders[TRANSACTIONS].server = 0; // a second one of transaction 0 there
    holders[TRANSACTIONS].connection = 60;
    waits(0, 10, 50);
    waits(0, 50, 60);
    expect_one(0); // by way of a connection that is of no transaction on several shards
    edge_count = 0;
    waits(0, 10, 60);
    expect_one(0);
}

static void lone_connections_are_no_victims(void **state)
{
    (void)state;
    waits(0, 50, 51);
    waits(0, 51, 50);
    waits(0, 11, 50);
    assert_int_equal(find(), 0);
}

static void by_way_of_a_lone_one(void **state)
{
    (void)state;
    waits(0, 10, 50);
    waits(0, 50, 11);
    waits(1, 11, 10);
    expect_one(1);
}

static void the_same_number_elsewhere_is_another(void **state)
{
    (void)state;
    waits(0, 50, 11);
    waits(1, 11, 50);
    assert_int_equal(find(), 0);
}

static void cycles_apart_have_a_victim_each(void **state)
{
    (void)state;
    waits(0, 10, 11);
    waits(1, 11, 10);
    waits(0, 12, 13);
    waits(1, 13, 12);
    assert_int_equal(find(), 2);
    assert_int_equal(holders[victims[0]].session, 3);
    assert_int_equal(holders[victims[1]].session, 1);
}

static void cycles_that_meet_are_both_broken(void **state)
{
    (void)state;
    waits(0, 10, 15); // 0 <-> 5 and 0 <-> 1: without 5 there is one left
    waits(1, 15, 10);
    waits(2, 10, 11);
    waits(3, 11, 10);
    assert_int_equal(find(), 2);
    assert_int_equal(holders[victims[0]].session, 5);
    assert_int_equal(holders[victims[1]].session, 1);
    edge_count = 0;
    waits(0, 10, 11); // 0 -> 1 -> 5 -> 0 and 0 -> 1 -> 0: without 5 as well
    waits(1, 11, 15);
    waits(2, 15, 10);
    waits(3, 11, 10);
    assert_int_equal(find(), 2);
    edge_count = 0;
    waits(0, 10, 15); // 0 -> 5 -> 0 and 0 -> 5 -> 1 -> 0: both end with 5
    waits(1, 15, 10);
    waits(2, 15, 11);
    waits(3, 11, 10);
    expect_one(5);
}

static void no_more_than_there_is_room_for(void **state)
{
    (void)state;
    waits(0, 10, 11);
    waits(1, 11, 10);
    waits(0, 12, 13);
    waits(1, 13, 12);
    assert_int_equal(
        wait_graph_victims(edges, edge_count, holders, SERVERS * TRANSACTIONS, victims, 1), 1);
}

// ---- against the plain definition

static bool reaches[TRANSACTIONS][TRANSACTIONS];

static bool is_removed(uint32_t number, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (holders[victims[i]].session == number) {
            return true;
        }
    }
    return false;
}

// Who waits for whom by any way, without the first `removed` victims.
static void close_over(size_t removed)
{
    for (uint32_t i = 0; i < TRANSACTIONS; i++) {
        for (uint32_t j = 0; j < TRANSACTIONS; j++) {
            reaches[i][j] = false;
        }
    }
    for (size_t i = 0; i < edge_count; i++) {
        uint32_t from = edges[i].waiter - 10, to = edges[i].blocker - 10;
        reaches[from][to] = !is_removed(from, removed) && !is_removed(to, removed);
    }
    for (uint32_t k = 0; k < TRANSACTIONS; k++) {
        for (uint32_t i = 0; i < TRANSACTIONS; i++) {
            for (uint32_t j = 0; j < TRANSACTIONS; j++) {
                reaches[i][j] |= reaches[i][k] && reaches[k][j];
            }
        }
    }
}

static void each_victim_is_the_youngest_in_a_cycle_and_none_is_left(void **state)
{
    (void)state;
    srand(7);
    for (int run = 0; run < 3000; run++) {
        edge_count = 0;
        for (int i = rand() % 12; i >= 0; i--) {
            waits((uint16_t)(rand() % SERVERS), 10 + (uint32_t)(rand() % TRANSACTIONS),
                  10 + (uint32_t)(rand() % TRANSACTIONS));
        }
        size_t count = find();
        for (size_t i = 0; i <= count; i++) {
            close_over(i);
            for (uint32_t number = TRANSACTIONS; number-- > 0;) {
                bool is_victim = i < count && holders[victims[i]].session == number;
                assert_true(!is_victim || reaches[number][number]);
                assert_true(is_victim || !reaches[number][number] ||
                            (i < count && number < holders[victims[i]].session));
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(nobody_waits, set_up),
        cmocka_unit_test_setup(a_line_is_no_cycle, set_up),
        cmocka_unit_test_setup(of_two_the_younger, set_up),
        cmocka_unit_test_setup(of_three_the_youngest, set_up),
        cmocka_unit_test_setup(who_waits_for_himself, set_up),
        cmocka_unit_test_setup(lone_connections_are_no_victims, set_up),
        cmocka_unit_test_setup(by_way_of_a_lone_one, set_up),
        cmocka_unit_test_setup(the_same_number_elsewhere_is_another, set_up),
        cmocka_unit_test_setup(cycles_apart_have_a_victim_each, set_up),
        cmocka_unit_test_setup(cycles_that_meet_are_both_broken, set_up),
        cmocka_unit_test_setup(no_more_than_there_is_room_for, set_up),
        cmocka_unit_test_setup(each_victim_is_the_youngest_in_a_cycle_and_none_is_left, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
