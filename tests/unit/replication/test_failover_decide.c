// Over all states of three servers with positions 0 to 3: whoever is chosen has received everything
// that any replica has, reachable or not.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "replication/failover_decide.h"

enum { MEMBERS = 3, POSITIONS = 4, STATES = POSITIONS * 4 };

static struct arena arena;

// A state of one member: two bits of position, reachable, replica.
static unsigned position_of(unsigned state)
{
    return state & 3;
}

static struct failover_member member_of(unsigned state)
{
    struct failover_member member = {.is_reachable = (state & 4) != 0,
                                     .is_replica = (state & 8) != 0};
    char text[32] = "";
    if (position_of(state) > 0) {
        snprintf(text, sizeof text, "1-101-%u", position_of(state));
    }
    assert_true(gtid_parse(GTID_MARIADB, slice_of_string(text), &arena, &member.received));
    return member;
}

static void check(const unsigned states[MEMBERS])
{
    struct failover_member members[MEMBERS];
    unsigned highest = 0;
    bool is_known = true;
    bool has_replica = false;
    for (int i = 0; i < MEMBERS; i++) {
        members[i] = member_of(states[i]);
        if (members[i].is_replica) {
            is_known = is_known && members[i].is_reachable;
            has_replica = true;
            highest = position_of(states[i]) > highest ? position_of(states[i]) : highest;
        }
    }
    struct failover_choice choice;
    failover_decide(members, MEMBERS, DURABILITY_SEMI_SYNC, &choice);
    assert_int_equal(choice.is_refused, !is_known || !has_replica);
    assert_int_not_equal(choice.why[0], '\0');
    if (!choice.is_refused) {
        assert_true(members[choice.candidate].is_replica);
        assert_true(members[choice.candidate].is_reachable);
        assert_int_equal(position_of(states[choice.candidate]), highest);
    }
}

static void never_loses(void **state)
{
    (void)state;
    for (unsigned all = 0; all < STATES * STATES * STATES; all++) {
        check((unsigned[MEMBERS]){all % STATES, all / STATES % STATES, all / STATES / STATES});
        arena_clear(&arena);
    }
}

static void refuses_diverged(void **state)
{
    (void)state;
    struct failover_member members[2] = {{.is_reachable = true, .is_replica = true},
                                         {.is_reachable = true, .is_replica = true}};
    assert_true(
        gtid_parse(GTID_MARIADB, slice_of_string("1-101-5,2-1-1"), &arena, &members[0].received));
    assert_true(
        gtid_parse(GTID_MARIADB, slice_of_string("1-101-4,2-1-2"), &arena, &members[1].received));
    struct failover_choice choice;
    failover_decide(members, 2, DURABILITY_SEMI_SYNC, &choice);
    assert_true(choice.is_refused);
    assert_non_null(strstr(choice.why, "diverged"));
    arena_clear(&arena);
}

static void takes_the_first_of_equals(void **state)
{
    (void)state;
    unsigned replica = 4 | 8;
    struct failover_member members[3] = {member_of(replica | 1), member_of(replica | 2),
                                         member_of(replica | 2)};
    struct failover_choice choice;
    failover_decide(members, 3, DURABILITY_SEMI_SYNC, &choice);
    assert_false(choice.is_refused);
    assert_int_equal(choice.candidate, 1);
    failover_decide(NULL, 0, DURABILITY_SEMI_SYNC, &choice);
    assert_true(choice.is_refused);
    arena_clear(&arena);
}

// It acknowledged up to 3, was made to receive anew, and the primary died before it was there
// again.
static void refuses_what_a_replica_had_and_nobody_has(void **state)
{
    (void)state;
    unsigned replica = 4 | 8;
    struct failover_member members[2] = {member_of(replica | 2), member_of(replica | 1)};
    struct gtid_set had;
    struct failover_choice choice;
    assert_true(gtid_parse(GTID_MARIADB, slice_of_string("1-101-3"), &arena, &had));
    members[1].had = &had;
    failover_decide(members, 2, DURABILITY_SEMI_SYNC, &choice);
    assert_true(choice.is_refused);
    assert_non_null(strstr(choice.why, "init_slave"));
    failover_decide(members, 2, DURABILITY_BEST_EFFORT, &choice);
    assert_false(choice.is_refused);
    assert_int_equal(choice.candidate, 0);
    assert_non_null(strstr(choice.why, "is lost"));
    members[0] = member_of(replica | 3); // another one has it
    failover_decide(members, 2, DURABILITY_SEMI_SYNC, &choice);
    assert_false(choice.is_refused);
    assert_int_equal(choice.candidate, 0);
    members[0] = member_of(replica | 2); // or itself has it again
    members[1] = member_of(replica | 3);
    members[1].had = &had;
    failover_decide(members, 2, DURABILITY_SEMI_SYNC, &choice);
    assert_false(choice.is_refused);
    assert_int_equal(choice.candidate, 1);
    arena_clear(&arena);
}

static void passes_over_the_barred(void **state)
{
    (void)state;
    unsigned replica = 4 | 8;
    struct failover_member members[3] = {member_of(replica | 2), member_of(replica | 2),
                                         member_of(replica | 1)};
    struct failover_choice choice;
    members[0].barred = "waybill needs RELOAD on a";
    failover_decide(members, 3, DURABILITY_SEMI_SYNC, &choice);
    assert_false(choice.is_refused);
    assert_int_equal(choice.candidate, 1);
    members[1].barred = "waybill needs RELOAD on b";
    failover_decide(members, 3, DURABILITY_SEMI_SYNC,
                    &choice); // the third may, but lacks something
    assert_true(choice.is_refused);
    assert_non_null(strstr(choice.why, "needs RELOAD on"));
    arena_clear(&arena);
}

static void prefers_among_equals(void **state)
{
    (void)state;
    unsigned replica = 4 | 8;
    struct failover_member members[3] = {member_of(replica | 2), member_of(replica | 1),
                                         member_of(replica | 2)};
    struct failover_choice choice;
    members[2].is_preferred = true;
    failover_decide(members, 3, DURABILITY_SEMI_SYNC, &choice);
    assert_int_equal(choice.candidate, 2);
    members[0].is_begun = true;
    failover_decide(members, 3, DURABILITY_SEMI_SYNC, &choice);
    assert_int_equal(choice.candidate, 0);
    members[0].is_begun = members[2].is_preferred = false;
    members[1].is_preferred = true; // but lacks something
    failover_decide(members, 3, DURABILITY_SEMI_SYNC, &choice);
    assert_int_equal(choice.candidate, 0);
    arena_clear(&arena);
}

static void goes_on_with_what_was_begun(void **state)
{
    (void)state;
    unsigned replica = 4 | 8;
    struct failover_member members[3] = {member_of(replica | 2), member_of(replica | 1),
                                         member_of(replica | 2)};
    struct failover_choice choice;
    members[2].is_begun = true;
    failover_decide(members, 3, DURABILITY_SEMI_SYNC, &choice);
    assert_int_equal(choice.candidate, 2);
    members[2].is_begun = false;
    members[1].is_begun = true; // but lacks something now
    failover_decide(members, 3, DURABILITY_SEMI_SYNC, &choice);
    assert_int_equal(choice.candidate, 0);
    arena_clear(&arena);
}

static void one_in_maintenance_is_the_last_choice(void **state)
{
    (void)state;
    unsigned replica = 4 | 8;
    struct failover_member members[3] = {member_of(replica | 2), member_of(replica | 1),
                                         member_of(replica | 2)};
    struct failover_choice choice;
    members[0].is_maintained = members[0].is_preferred = true;
    failover_decide(members, 3, DURABILITY_SEMI_SYNC, &choice);
    assert_int_equal(choice.candidate, 2);
    members[2].is_maintained = true; // nobody else has everything
    failover_decide(members, 3, DURABILITY_SEMI_SYNC, &choice);
    assert_false(choice.is_refused);
    assert_int_equal(choice.candidate, 0);
    members[2].is_begun = true;
    failover_decide(members, 3, DURABILITY_SEMI_SYNC, &choice);
    assert_int_equal(choice.candidate, 2);
    arena_clear(&arena);
}

static void the_zone_counts_among_equals(void **state)
{
    (void)state;
    unsigned replica = 4 | 8;
    struct failover_member members[3] = {member_of(replica | 2), member_of(replica | 2),
                                         member_of(replica | 2)};
    struct failover_choice choice;
    members[1].is_near = members[2].is_near = true;
    failover_decide(members, 3, DURABILITY_SEMI_SYNC, &choice);
    assert_int_equal(choice.candidate, 1);
    members[1].is_maintained = true;
    failover_decide(members, 3, DURABILITY_SEMI_SYNC, &choice);
    assert_int_equal(choice.candidate, 2);
    members[0].is_preferred = true;
    failover_decide(members, 3, DURABILITY_SEMI_SYNC, &choice);
    assert_int_equal(choice.candidate, 0);
    members[0] = member_of(replica | 1); // lacks something
    members[0].is_near = true;
    members[2].is_near = false;
    failover_decide(members, 3, DURABILITY_SEMI_SYNC, &choice);
    assert_int_equal(choice.candidate, 2);
    arena_clear(&arena);
}

static void best_effort_goes_past_those_that_are_away(void **state)
{
    (void)state;
    unsigned replica = 4 | 8;
    struct failover_member members[3] = {member_of(8 | 3), member_of(replica | 1),
                                         member_of(replica | 2)};
    struct failover_choice choice;
    failover_decide(members, 3, DURABILITY_SEMI_SYNC, &choice);
    assert_true(choice.is_refused);
    failover_decide(members, 3, DURABILITY_BEST_EFFORT, &choice);
    assert_false(choice.is_refused);
    assert_int_equal(choice.candidate, 2);
    assert_int_equal(choice.away, 1);
    assert_non_null(strstr(choice.why, "1 can't be reached: what is there alone is lost"));
    members[1].is_reachable = members[2].is_reachable = false;
    failover_decide(members, 3, DURABILITY_BEST_EFFORT, &choice);
    assert_true(choice.is_refused);
    arena_clear(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(never_loses),
        cmocka_unit_test(refuses_diverged),
        cmocka_unit_test(takes_the_first_of_equals),
        cmocka_unit_test(refuses_what_a_replica_had_and_nobody_has),
        cmocka_unit_test(passes_over_the_barred),
        cmocka_unit_test(prefers_among_equals),
        cmocka_unit_test(goes_on_with_what_was_begun),
        cmocka_unit_test(one_in_maintenance_is_the_last_choice),
        cmocka_unit_test(the_zone_counts_among_equals),
        cmocka_unit_test(best_effort_goes_past_those_that_are_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
