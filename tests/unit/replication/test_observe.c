// Opinions on a shard of three servers: what probes say, and what must be held for true of it.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "replication/observe.h"

enum { MEMBERS = 3, A = 0, B = 1, C = 2, START_US = 10000000 };

struct scene {
    struct observation seen[MEMBERS];
    struct shard_member members[MEMBERS];
    struct shard_view view;
    struct shard_opinion opinion;
};

static const char *const names[MEMBERS] = {"a", "b", "c"};

static void begin(struct scene *scene)
{
    memset(scene, 0, sizeof *scene);
    for (uint16_t i = 0; i < MEMBERS; i++) {
        scene->members[i] = (struct shard_member){.server = i,
                                                  .name = names[i],
                                                  .host = "db",
                                                  .port = (uint16_t)(3300 + i),
                                                  .seen = &scene->seen[i]};
    }
    scene->view = (struct shard_view){.members = scene->members,
                                      .count = MEMBERS,
                                      .known_primary = NO_SERVER,
                                      .now_us = START_US,
                                      .failover_after_us = 1000000,
                                      .failover_refused_us = 200000};
}

static struct server_facts writable(void)
{
    return (struct server_facts){.is_mariadb = true};
}

static struct server_facts read_only(void)
{
    return (struct server_facts){.is_mariadb = true, .is_read_only = true};
}

static struct server_facts follows(int source)
{
    struct server_facts facts = read_only();
    facts.source_count = 1;
    facts.source_port = (uint16_t)(3300 + source);
    facts.receiving = RECEIVING_YES;
    facts.is_applying = true;
    snprintf(facts.source_host, sizeof facts.source_host, "DB");
    return facts;
}

static struct server_facts with_epoch(struct server_facts facts, uint64_t epoch, int owner)
{
    facts.epoch = epoch;
    snprintf(facts.epoch_primary, sizeof facts.epoch_primary, "%s", names[owner]);
    return facts;
}

static void probe(struct scene *scene, int server, enum db_failure failure,
                  const struct server_facts *facts)
{
    struct probe_result result = {
        .failure = failure, .began_us = scene->view.now_us, .ended_us = scene->view.now_us + 1000};
    if (facts != NULL) {
        result.facts = *facts;
    } else {
        snprintf(result.problem, sizeof result.problem, "no answer");
    }
    observe_result(&scene->seen[server], &result);
}

static void good(struct scene *scene, int server, struct server_facts facts)
{
    probe(scene, server, DB_FINE, &facts);
    probe(scene, server, DB_FINE, &facts);
}

static void bad(struct scene *scene, int server, enum db_failure failure, int times)
{
    for (int i = 0; i < times; i++) {
        probe(scene, server, failure, NULL);
    }
}

// Its replicas are asked again, and say what they said before.
static void ask_again(struct scene *scene, int server)
{
    struct server_facts facts = scene->seen[server].facts;
    probe(scene, server, DB_FINE, &facts);
}

static void judge(struct scene *scene)
{
    observe_shard(&scene->view, &scene->opinion);
    if (scene->opinion.primary != NO_SERVER) {
        scene->view.known_primary = scene->opinion.primary;
    }
}

// a takes writes, b and c follow it.
static void healthy(struct scene *scene)
{
    begin(scene);
    good(scene, A, writable());
    good(scene, B, follows(A));
    good(scene, C, follows(A));
    judge(scene);
    assert_int_equal(scene->opinion.verdict, SHARD_FINE);
    assert_int_equal(scene->opinion.primary, A);
}

static void later(struct scene *scene, uint64_t ms)
{
    scene->view.now_us += ms * 1000;
}

static void waits_once_a_beat_came_back(void **state)
{
    (void)state;
    struct observation seen = {.is_seen = false};
    struct probe_result result = {.failure = DB_FINE, .facts = writable()};
    result.facts.is_semi_sync_source = true; // just switched on: its replicas may be behind
    observe_result(&seen, &result);
    assert_false(seen.has_waited);
    result.facts.is_beat_written = true;
    observe_result(&seen, &result);
    assert_true(seen.has_waited);
    result.facts.is_beat_written = false; // it waits now, for replicas that are not there
    observe_result(&seen, &result);
    assert_true(seen.has_waited);
    result.failure = DB_LOST;
    observe_result(&seen, &result);
    assert_true(seen.has_waited);
    result.failure = DB_FINE;
    result.facts.is_semi_sync_source = false;
    observe_result(&seen, &result);
    assert_false(seen.has_waited);
    result.facts.is_semi_sync_source = true;
    observe_result(&seen, &result);
    assert_false(seen.has_waited);
}

static void damps(void **state)
{
    (void)state;
    struct observation seen = {.is_seen = false};
    struct probe_result result = {.failure = DB_FINE, .began_us = 1000, .ended_us = 2000};
    observe_result(&seen, &result);
    assert_true(seen.is_up); // the first counts
    result.failure = DB_LOST;
    observe_result(&seen, &result);
    assert_true(seen.is_up);
    observe_result(&seen, &result);
    assert_false(seen.is_up);
    assert_int_equal(seen.fail_count, 2);
    result.failure = DB_FINE;
    observe_result(&seen, &result);
    assert_false(seen.is_up);
    observe_result(&seen, &result);
    assert_true(seen.is_up);
    result.failure = DB_REFUSED;
    observe_result(&seen, &result);
    assert_false(seen.is_up); // one refusal is enough
    result.failure = DB_ANSWERED;
    observe_result(&seen, &result);
    assert_int_equal(seen.fail_count, 0); // it lives
    assert_false(seen.is_up);
    seen.valid_from_us = 5000;
    result.failure = DB_FINE;
    observe_result(&seen, &result);
    assert_int_equal(seen.good_count, 0); // outdated
}

static void finds_roles(void **state)
{
    (void)state;
    struct scene scene;
    healthy(&scene);
    assert_int_equal(scene.opinion.roles[A], ROLE_PRIMARY);
    assert_int_equal(scene.opinion.roles[B], ROLE_REPLICA);
    assert_int_equal(scene.opinion.sources[B], A);
    good(&scene, C, follows(B)); // a chain
    judge(&scene);
    assert_int_equal(scene.opinion.verdict, SHARD_FINE);
    assert_int_equal(scene.opinion.roles[C], ROLE_REPLICA);
    good(&scene, C, follows(7)); // a stranger
    judge(&scene);
    assert_int_equal(scene.opinion.roles[C], ROLE_DETACHED);
    assert_int_equal(scene.opinion.sources[C], NO_SERVER);
    good(&scene, C, read_only());
    judge(&scene);
    assert_int_equal(scene.opinion.roles[C], ROLE_DETACHED);
    assert_int_equal(scene.opinion.verdict, SHARD_FINE);
}

static void dies(void **state)
{
    (void)state;
    struct scene scene;
    healthy(&scene);
    later(&scene, 5000);
    bad(&scene, A, DB_REFUSED, 1);
    judge(&scene);
    assert_int_equal(scene.opinion.verdict, SHARD_WAIT);
    assert_int_equal(scene.opinion.primary, NO_SERVER);      // nothing can be sent there
    assert_int_equal(scene.opinion.roles[A], ROLE_DETACHED); // and it is not called what it is not
    assert_int_equal(scene.opinion.roles[B], ROLE_REPLICA);
    later(&scene, 999);
    bad(&scene, A, DB_REFUSED, 9);
    judge(&scene);
    assert_int_equal(scene.opinion.verdict, SHARD_WAIT);
    later(&scene, 1);
    judge(&scene);
    assert_int_equal(scene.opinion.verdict, SHARD_WAIT); // do its replicas hear it?
    ask_again(&scene, B);
    judge(&scene);
    assert_int_equal(scene.opinion.verdict, SHARD_WAIT);
    ask_again(&scene, C);
    judge(&scene);
    assert_int_equal(scene.opinion.verdict, SHARD_DEAD);
    assert_int_equal(scene.opinion.subject, A);
}

static void two_failures_are_not_enough(void **state)
{
    (void)state;
    struct scene scene;
    healthy(&scene);
    later(&scene, 5000);
    bad(&scene, A, DB_LOST, 2);
    later(&scene, 5000);
    judge(&scene);
    assert_int_equal(scene.opinion.verdict, SHARD_WAIT);
    assert_int_equal(scene.opinion.primary, A); // slow: it may still answer
    bad(&scene, A, DB_LOST, 1);
    ask_again(&scene, B);
    ask_again(&scene, C);
    judge(&scene);
    assert_int_equal(scene.opinion.verdict, SHARD_DEAD);
    assert_int_equal(scene.opinion.primary, NO_SERVER);
}

// One probe of a server that hangs: a statement and then a second connection wait in vain.
static void a_silence_is_as_good_as_failures(void **state)
{
    (void)state;
    struct scene scene;
    healthy(&scene);
    later(&scene, 5000);
    struct probe_result result = {.failure = DB_LOST,
                                  .began_us = scene.view.now_us,
                                  .silent_since_us = scene.view.now_us + 200000};
    later(&scene, 1199);
    ask_again(&scene, B);
    ask_again(&scene, C);
    result.ended_us = scene.view.now_us;
    observe_result(&scene.seen[A], &result);
    assert_false(scene.seen[A].is_up);
    judge(&scene);
    assert_int_equal(scene.opinion.verdict, SHARD_WAIT); // silent for 999 ms
    assert_int_equal(scene.opinion.primary, A);
    later(&scene, 1);
    judge(&scene);
    assert_int_equal(scene.opinion.verdict, SHARD_DEAD);
}

static void an_error_is_an_answer(void **state)
{
    (void)state;
    struct scene scene;
    healthy(&scene);
    later(&scene, 5000);
    bad(&scene, A, DB_ANSWERED, 20);
    later(&scene, 5000);
    judge(&scene);
    assert_int_equal(scene.opinion.verdict, SHARD_WAIT);
}

static void a_primary_that_is_still_heard_lives(void **state)
{
    (void)state;
    struct scene scene;
    healthy(&scene);
    later(&scene, 5000);
    bad(&scene, A, DB_LOST, 3);
    later(&scene, 5000);
    struct server_facts moving = follows(A);
    snprintf(moving.received_gtid, sizeof moving.received_gtid, "1-1-9");
    good(&scene, B, moving);
    judge(&scene);
    assert_int_equal(scene.opinion.verdict, SHARD_WAIT);
    assert_non_null(strstr(scene.opinion.why, "still receives"));
    later(&scene, 1100);
    good(&scene, B, moving); // nothing new came
    ask_again(&scene, C);
    judge(&scene);
    assert_int_equal(scene.opinion.verdict, SHARD_DEAD);
}

static void a_dead_primary_without_replicas_stays(void **state)
{
    (void)state;
    struct scene scene;
    healthy(&scene);
    for (int i = 0; i < MEMBERS; i++) {
        bad(&scene, i, DB_REFUSED, 5);
    }
    later(&scene, 5000);
    judge(&scene);
    assert_int_equal(scene.opinion.verdict, SHARD_WAIT);
}

static void a_dead_primary_is_known_by_its_replicas(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene); // a proxy that has just started
    good(&scene, B, follows(A));
    good(&scene, C, follows(A));
    bad(&scene, A, DB_REFUSED, 5);
    later(&scene, 5000);
    ask_again(&scene, B);
    ask_again(&scene, C);
    judge(&scene);
    assert_int_equal(scene.opinion.verdict, SHARD_DEAD);
    assert_int_equal(scene.opinion.subject, A);
    assert_int_equal(scene.opinion.roles[A], ROLE_UNKNOWN); // never seen
}

static void opens_the_one_that_is_followed(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene);
    good(&scene, A, read_only());
    good(&scene, B, follows(A));
    judge(&scene);
    assert_int_equal(scene.opinion.verdict, SHARD_WAIT); // c was not asked
    good(&scene, C, follows(A));
    judge(&scene);
    assert_int_equal(scene.opinion.verdict, SHARD_OPEN);
    assert_int_equal(scene.opinion.subject, A);
    assert_int_equal(scene.opinion.primary, NO_SERVER);
    assert_int_equal(scene.opinion.roles[A], ROLE_DETACHED); // until it is open
    assert_int_equal(scene.opinion.roles[B], ROLE_REPLICA);
    bad(&scene, C, DB_REFUSED, 1); // one follower and one away: still proven
    judge(&scene);
    assert_int_equal(scene.opinion.verdict, SHARD_OPEN);
    good(&scene, B, follows(C)); // b was led to c: c may be the newer primary
    judge(&scene);
    assert_int_not_equal(scene.opinion.verdict, SHARD_OPEN);
}

// Another waybill may have promoted one of those that can't be asked here.
static void opens_not_the_known_one_when_two_are_away(void **state)
{
    (void)state;
    struct scene scene;
    healthy(&scene);
    bad(&scene, A, DB_REFUSED, 3);
    bad(&scene, B, DB_REFUSED, 3);
    bad(&scene, C, DB_REFUSED, 3);
    judge(&scene);
    assert_int_equal(scene.view.known_primary, A);
    good(&scene, A, read_only());
    judge(&scene);
    assert_int_equal(scene.opinion.verdict, SHARD_WAIT);
    good(&scene, B, follows(A));
    judge(&scene);
    assert_int_equal(scene.opinion.verdict, SHARD_OPEN);
}

static void opens_nothing_when_two_are_away(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene);
    good(&scene, A, with_epoch(read_only(), 1, A));
    bad(&scene, B, DB_REFUSED, 3);
    bad(&scene, C, DB_REFUSED, 3);
    judge(&scene);
    assert_int_equal(scene.opinion.verdict, SHARD_WAIT); // the epoch names it: there may be a newer
    scene.view.durability = DURABILITY_BEST_EFFORT;
    judge(&scene);
    assert_int_equal(scene.opinion.verdict, SHARD_OPEN);
    begin(&scene);
    good(&scene, A, read_only());
    bad(&scene, B, DB_REFUSED, 3);
    bad(&scene, C, DB_REFUSED, 3);
    judge(&scene);
    assert_int_equal(scene.opinion.verdict, SHARD_WAIT);
}

static void opens_a_restarted_primary(void **state)
{
    (void)state;
    struct scene scene;
    healthy(&scene);
    bad(&scene, A, DB_REFUSED, 3);
    judge(&scene);
    later(&scene, 300);
    good(&scene, A, read_only());
    judge(&scene);
    assert_int_equal(scene.opinion.verdict, SHARD_OPEN);
    assert_int_equal(scene.opinion.primary, NO_SERVER);
}

// Its epoch's row is written, but it is still a replica of the old primary, which comes back.
static void a_promotion_that_was_begun_is_finished(void **state)
{
    (void)state;
    struct scene scene;
    healthy(&scene);
    bad(&scene, A, DB_REFUSED, 3);
    good(&scene, B, with_epoch(follows(A), 1, B));
    good(&scene, C, with_epoch(follows(B), 1, B));
    good(&scene, A, read_only());
    judge(&scene);
    assert_int_equal(scene.opinion.verdict, SHARD_DEAD); // A is replaced, never opened
    assert_int_equal(scene.opinion.subject, A);
    assert_int_equal(scene.opinion.primary, NO_SERVER);
    good(&scene, A, with_epoch(read_only(), 1, B)); // it has the row: B was primary before it
    judge(&scene);
    assert_int_not_equal(scene.opinion.verdict, SHARD_DEAD);
}

// ... and it is no replica any more, only not writable yet: it is opened, whether the old primary,
// which is better known, is there or not.
static void a_promoted_server_is_opened(void **state)
{
    (void)state;
    struct scene scene;
    healthy(&scene);
    bad(&scene, A, DB_REFUSED, 3);
    later(&scene, 5000);
    good(&scene, B, with_epoch(read_only(), 1, B));
    good(&scene, C, with_epoch(follows(B), 1, B));
    judge(&scene);
    assert_int_equal(scene.opinion.verdict, SHARD_OPEN);
    assert_int_equal(scene.opinion.subject, B);
    good(&scene, A, read_only());
    judge(&scene);
    assert_int_equal(scene.opinion.verdict, SHARD_OPEN);
    assert_int_equal(scene.opinion.subject, B);
}

static void opens_a_lone_server(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene);
    scene.view.count = 1;
    good(&scene, A, read_only());
    judge(&scene);
    assert_int_equal(scene.opinion.verdict, SHARD_OPEN);
}

static void an_old_primary_stays_detached(void **state)
{
    (void)state;
    struct scene scene;
    healthy(&scene);
    bad(&scene, A, DB_REFUSED, 3);
    good(&scene, B, with_epoch(writable(), 1, B));
    good(&scene, C, with_epoch(follows(B), 1, B));
    judge(&scene);
    assert_int_equal(scene.opinion.primary, B);
    assert_int_equal(scene.opinion.epoch, 1);
    assert_int_equal(scene.opinion.roles[A], ROLE_DETACHED);
    good(&scene, A, read_only());
    judge(&scene);
    assert_int_equal(scene.opinion.verdict, SHARD_FINE);
    assert_int_equal(scene.opinion.roles[A], ROLE_DETACHED);
    good(&scene, A, writable()); // it even came back open
    judge(&scene);
    assert_int_equal(scene.opinion.verdict, SHARD_FENCE);
    assert_int_equal(scene.opinion.subject, A);
    assert_string_equal(scene.opinion.why, "a takes writes though epoch 1 made b the primary");
    assert_int_equal(scene.opinion.primary, B);
    assert_int_equal(scene.opinion.roles[A], ROLE_DETACHED);
    good(&scene, A, read_only());
    judge(&scene);
    assert_int_equal(scene.opinion.verdict, SHARD_FINE);
}

// a: frozen until b was promoted, and writable still. b takes writes, c follows it.
static void resumed(struct scene *scene)
{
    healthy(scene);
    bad(scene, A, DB_LOST, 3);
    good(scene, B, with_epoch(writable(), 1, B));
    good(scene, C, with_epoch(follows(B), 1, B));
    judge(scene);
    assert_int_equal(scene->opinion.primary, B);
    good(scene, A, writable());
}

static void a_death_beside_an_old_writer_is_judged(void **state)
{
    (void)state;
    struct scene scene;
    resumed(&scene);
    bad(&scene, B, DB_REFUSED, 3);
    later(&scene, 1500);
    bad(&scene, B, DB_REFUSED, 1);
    ask_again(&scene, C);
    judge(&scene);
    assert_int_equal(scene.opinion.verdict, SHARD_FENCE); // first
    assert_int_equal(scene.opinion.primary, NO_SERVER);
    assert_int_equal(scene.opinion.roles[A], ROLE_DETACHED);
    good(&scene, A, read_only());
    judge(&scene);
    assert_int_equal(scene.opinion.verdict, SHARD_DEAD);
    assert_int_equal(scene.opinion.subject, B);
    assert_int_equal(scene.opinion.roles[A], ROLE_DETACHED);
    assert_int_equal(scene.opinion.roles[C], ROLE_REPLICA);
}

// Another proxy promoted b: this one knows a as the primary, and saw b never.
static void an_old_primary_is_no_candidate(void **state)
{
    (void)state;
    struct scene scene;
    healthy(&scene);
    good(&scene, C, with_epoch(follows(B), 1, B));
    good(&scene, A, read_only());
    scene.seen[B] = (struct observation){.is_seen = false};
    bad(&scene, B, DB_REFUSED, 3);
    later(&scene, 1500);
    bad(&scene, B, DB_REFUSED, 1);
    ask_again(&scene, C);
    assert_int_equal(scene.view.known_primary, A);
    judge(&scene);
    assert_int_equal(scene.opinion.verdict, SHARD_DEAD);
    assert_int_equal(scene.opinion.subject, B);
}

static void only_what_is_proven_is_fenced(void **state)
{
    (void)state;
    struct scene scene;
    resumed(&scene);
    good(&scene, C, with_epoch(follows(A), 1, B)); // who has the row, but not from b
    bad(&scene, B, DB_REFUSED, 3);
    judge(&scene);
    assert_int_equal(scene.opinion.verdict, SHARD_CONFLICT);
    resumed(&scene);
    good(&scene, A, with_epoch(writable(), 1, B)); // made writable after the epoch, by hand
    judge(&scene);
    assert_int_equal(scene.opinion.verdict, SHARD_CONFLICT);
    assert_int_equal(scene.opinion.primary, B);
    resumed(&scene);
    good(&scene, A, with_epoch(writable(), 2, A)); // promoted again: b is the old one
    good(&scene, C, with_epoch(follows(A), 2, A));
    judge(&scene);
    assert_int_equal(scene.opinion.verdict, SHARD_FENCE);
    assert_int_equal(scene.opinion.subject, B);
    assert_int_equal(scene.opinion.primary, A);
    resumed(&scene);
    good(&scene, B, with_epoch(follows(A), 1, B)); // the row is written, b isn't opened
    good(&scene, C, with_epoch(follows(B), 1, B));
    judge(&scene);
    assert_int_not_equal(scene.opinion.verdict, SHARD_FENCE);
}

static void two_writers(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene);
    good(&scene, A, writable());
    good(&scene, B, writable());
    good(&scene, C, follows(A));
    judge(&scene);
    assert_int_equal(scene.opinion.verdict, SHARD_CONFLICT);
    assert_int_equal(scene.opinion.primary, NO_SERVER); // nothing tells
    scene.view.known_primary = A;
    judge(&scene);
    assert_int_equal(scene.opinion.primary, A);
    assert_int_equal(scene.opinion.roles[B], ROLE_DETACHED);
}

static void a_switchover_by_hand_is_followed(void **state)
{
    (void)state;
    struct scene scene;
    healthy(&scene);
    good(&scene, A, with_epoch(follows(B), 1, A));
    good(&scene, B, with_epoch(writable(), 1, A));
    good(&scene, C, with_epoch(follows(B), 1, A));
    judge(&scene);
    assert_int_equal(scene.opinion.verdict, SHARD_FINE);
    assert_int_equal(scene.opinion.primary, B);
    assert_int_equal(scene.opinion.roles[A], ROLE_REPLICA);
}

static void leads_strays_back(void **state)
{
    (void)state;
    struct scene scene;
    healthy(&scene);
    bad(&scene, A, DB_REFUSED, 3);
    good(&scene, B, with_epoch(writable(), 1, B));
    judge(&scene); // c still follows the dead one
    assert_int_equal(scene.opinion.verdict, SHARD_FOLLOW);
    assert_int_equal(scene.opinion.subject, C);
    assert_int_equal(scene.opinion.roles[C], ROLE_DETACHED);
}

static void one_that_is_gone_for_all_dies_sooner(void **state)
{
    (void)state;
    struct scene scene;
    healthy(&scene);
    struct server_facts lost = follows(A);
    lost.receiving = RECEIVING_CONNECTING;
    bad(&scene, A, DB_REFUSED, 3);
    scene.view.now_us += 250000;
    judge(&scene); // the replicas were asked before it went
    assert_int_equal(scene.opinion.verdict, SHARD_WAIT);
    good(&scene, B, lost);
    judge(&scene); // c was not
    assert_int_equal(scene.opinion.verdict, SHARD_WAIT);
    good(&scene, C, lost);
    judge(&scene);
    assert_int_equal(scene.opinion.verdict, SHARD_DEAD);
}

static void one_that_only_hangs_gets_its_time(void **state)
{
    (void)state;
    struct scene scene;
    healthy(&scene);
    struct server_facts lost = follows(A);
    lost.receiving = RECEIVING_CONNECTING;
    bad(&scene, A, DB_LOST, 3);
    scene.view.now_us += 250000;
    good(&scene, B, lost);
    good(&scene, C, lost);
    judge(&scene);
    assert_int_equal(scene.opinion.verdict, SHARD_WAIT);
}

static void an_old_primary_that_is_back_may_rejoin(void **state)
{
    (void)state;
    struct scene scene;
    healthy(&scene);
    bad(&scene, A, DB_REFUSED, 3);
    good(&scene, B, with_epoch(writable(), 1, B));
    good(&scene, C, with_epoch(follows(B), 1, B));
    judge(&scene);
    assert_int_equal(scene.opinion.verdict, SHARD_FINE);
    struct server_facts back = writable();
    back.is_read_only = true;
    good(&scene, A, back); // nothing shows that it was ever of this shard
    judge(&scene);
    assert_int_equal(scene.opinion.verdict, SHARD_FINE);
    back.has_tables = true;
    snprintf(back.binlog_gtid, sizeof back.binlog_gtid, "0-1-7");
    good(&scene, A, back);
    judge(&scene);
    assert_int_equal(scene.opinion.verdict, SHARD_REJOIN);
    assert_int_equal(scene.opinion.subject, A);
    assert_int_equal(scene.opinion.primary, B);
    assert_int_equal(scene.opinion.roles[A], ROLE_DETACHED);
}

static struct server_facts cloned(struct server_facts facts)
{
    facts.has_tables = true;
    snprintf(facts.binlog_gtid, sizeof facts.binlog_gtid, "0-1-7");
    snprintf(facts.cloned, sizeof facts.cloned, "being cloned from b: 1 of 2 tables");
    return facts;
}

static void one_that_is_cloned_is_left_alone(void **state)
{
    (void)state;
    struct scene scene;
    healthy(&scene);
    good(&scene, C, cloned(read_only()));
    judge(&scene);
    assert_int_equal(scene.opinion.verdict, SHARD_FINE);
    assert_int_equal(scene.opinion.roles[C], ROLE_DETACHED);
    good(&scene, C, cloned(writable())); // its my.cnf doesn't say read_only
    judge(&scene);
    assert_int_equal(scene.opinion.verdict, SHARD_FINE);
    assert_int_equal(scene.opinion.primary, A);
    struct server_facts crashed = cloned(follows(A));
    crashed.is_applying = false;
    crashed.apply_error = 1950;
    good(&scene, C, crashed);
    judge(&scene);
    assert_int_equal(scene.opinion.verdict, SHARD_FINE);
    good(&scene, C, cloned(follows(A))); // all is copied, and it acknowledges
    judge(&scene);
    assert_int_equal(scene.opinion.roles[C], ROLE_REPLICA);
    good(&scene, A, read_only());
    good(&scene, B, writable());
    judge(&scene);
    assert_int_equal(scene.opinion.verdict, SHARD_FOLLOW);
    assert_int_equal(scene.opinion.subject, C);
}

static void what_is_cloned_is_never_opened(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene);
    scene.view.known_primary = A;
    good(&scene, A, with_epoch(cloned(read_only()), 1, A));
    good(&scene, B, with_epoch(read_only(), 1, A));
    good(&scene, C, with_epoch(read_only(), 1, A));
    judge(&scene);
    assert_int_equal(scene.opinion.verdict, SHARD_WAIT);
    assert_int_equal(scene.opinion.primary, NO_SERVER);
}

static struct server_facts of_group(bool is_ready, bool is_read_only)
{
    return (struct server_facts){.is_in_group = true,
                                 .is_group_ready = is_ready,
                                 .is_applying = is_ready,
                                 .is_read_only = is_read_only};
}

static void a_group_sees_to_its_roles(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene);
    good(&scene, A, of_group(true, false)); // Galera: all take writes
    good(&scene, B, of_group(true, false));
    good(&scene, C, follows(B)); // a replica of a member
    judge(&scene);
    assert_int_equal(scene.opinion.verdict, SHARD_FINE);
    assert_int_equal(scene.opinion.primary, A);
    assert_int_equal(scene.opinion.roles[B], ROLE_REPLICA);
    assert_int_equal(scene.opinion.sources[B], A);
    assert_int_equal(scene.opinion.roles[C], ROLE_REPLICA);
    assert_int_equal(scene.opinion.sources[C], B);
    good(&scene, A, of_group(false, false)); // no part of the majority any more
    judge(&scene);
    assert_int_equal(scene.opinion.verdict, SHARD_FINE);
    assert_int_equal(scene.opinion.primary, B);
    good(&scene, A, of_group(true, false));
    judge(&scene);
    assert_int_equal(scene.opinion.primary, B); // and stays it
    bad(&scene, B, DB_REFUSED, 5);
    later(&scene, 5000);
    judge(&scene);
    assert_int_equal(scene.opinion.primary, A);
}

static void nobody_of_a_group_is_promoted(void **state)
{
    (void)state;
    struct scene scene;
    begin(&scene);
    good(&scene, A, of_group(true, false)); // Group Replication: one takes writes
    good(&scene, B, of_group(true, true));
    good(&scene, C, of_group(true, true));
    judge(&scene);
    assert_int_equal(scene.opinion.primary, A);
    bad(&scene, A, DB_REFUSED, 5);
    later(&scene, 10000);
    good(&scene, B, of_group(true, true));
    good(&scene, C, of_group(true, true));
    judge(&scene);
    assert_int_equal(scene.opinion.verdict, SHARD_WAIT);
    assert_int_equal(scene.opinion.primary, NO_SERVER);
    good(&scene, C, of_group(true, false)); // the group has chosen
    judge(&scene);
    assert_int_equal(scene.opinion.verdict, SHARD_FINE);
    assert_int_equal(scene.opinion.primary, C);
}

static void everybody_has_his_turn(void **state)
{
    (void)state;
    struct scene scene;
    struct server_facts back = read_only(), stopped = with_epoch(follows(B), 1, B);
    back.has_tables = true;
    snprintf(back.binlog_gtid, sizeof back.binlog_gtid, "0-1-7");
    stopped.is_applying = false;
    stopped.apply_error = 1950;
    healthy(&scene);
    good(&scene, A, back);
    good(&scene, B, with_epoch(writable(), 1, B));
    good(&scene, C, stopped);
    scene.view.known_primary = B;
    judge(&scene);
    assert_int_equal(scene.opinion.verdict, SHARD_REJOIN);
    assert_int_equal(scene.opinion.subject, A);
    scene.view.first = B; // A was refused
    judge(&scene);
    assert_int_equal(scene.opinion.verdict, SHARD_MEND);
    assert_int_equal(scene.opinion.subject, C);
    scene.view.first = A; // C as well
    judge(&scene);
    assert_int_equal(scene.opinion.subject, A);
}

static void what_a_waybill_has_stopped_is_started(void **state)
{
    (void)state;
    struct scene scene;
    struct server_facts stopped = with_epoch(follows(A), 1, A);
    stopped.receiving = RECEIVING_NO;
    healthy(&scene);
    good(&scene, C, stopped); // by somebody else: who may have his reasons
    judge(&scene);
    assert_int_equal(scene.opinion.verdict, SHARD_FINE);
    stopped.is_marked = true;
    good(&scene, C, stopped);
    judge(&scene);
    assert_int_equal(scene.opinion.verdict, SHARD_FOLLOW);
    assert_int_equal(scene.opinion.subject, C);
    stopped.receiving = RECEIVING_YES;
    stopped.is_applying = false;
    good(&scene, C, stopped);
    judge(&scene);
    assert_int_equal(scene.opinion.verdict, SHARD_FOLLOW);
    stopped.is_applying = true;
    good(&scene, C, stopped);
    judge(&scene);
    assert_int_equal(scene.opinion.verdict, SHARD_FINE);
}

// It was taken in, somebody cut it off and made it writable: it is not this shard's any more.
static void who_is_in_no_section_is_never_the_primary(void **state)
{
    (void)state;
    struct scene scene;
    healthy(&scene);
    scene.members[C].is_discovered = true;
    good(&scene, C, writable());
    judge(&scene);
    assert_int_equal(scene.opinion.verdict, SHARD_FINE);
    assert_int_equal(scene.opinion.primary, A);
    assert_int_equal(scene.opinion.roles[C], ROLE_DETACHED);
    bad(&scene, A, DB_REFUSED, 1);
    judge(&scene);
    assert_int_equal(scene.opinion.primary, NO_SERVER);
    struct server_facts alone = read_only();
    alone.has_tables = true;
    snprintf(alone.binlog_gtid, sizeof alone.binlog_gtid, "1-101-5");
    healthy(&scene);
    scene.members[C].is_discovered = true;
    good(&scene, C, alone); // nor is it made a replica again
    judge(&scene);
    assert_int_equal(scene.opinion.verdict, SHARD_FINE);
    // Its following proves nothing about who may be opened: others may not know it.
    begin(&scene);
    good(&scene, A, read_only());
    bad(&scene, B, DB_REFUSED, 1);
    good(&scene, C, follows(A));
    scene.view.known_primary = A;
    judge(&scene);
    assert_int_equal(scene.opinion.verdict, SHARD_OPEN);
    scene.members[C].is_discovered = true;
    judge(&scene);
    assert_int_equal(scene.opinion.verdict, SHARD_WAIT);
}

// The old primary follows the new one already, and who was to be led there still follows the old
// one.
static void what_a_cut_promotion_left_in_a_chain_is_led_on(void **state)
{
    (void)state;
    struct scene scene;
    struct server_facts left = with_epoch(follows(A), 1, B);
    begin(&scene);
    good(&scene, A, with_epoch(follows(B), 1, B));
    good(&scene, B, with_epoch(writable(), 1, B));
    good(&scene, C, left);
    judge(&scene);
    assert_int_equal(scene.opinion.verdict, SHARD_FINE); // as somebody wanted it
    left.is_marked = true;
    good(&scene, C, left);
    judge(&scene);
    assert_int_equal(scene.opinion.verdict, SHARD_FOLLOW);
    assert_int_equal(scene.opinion.subject, C);
    assert_int_equal(scene.opinion.primary, B);
    left.receiving = RECEIVING_NO; // a failover stops it first
    good(&scene, C, left);
    judge(&scene);
    assert_int_equal(scene.opinion.verdict, SHARD_FOLLOW);
}

static void mend_verdict(struct scene *scene, struct server_facts facts, bool is_wanted)
{
    good(scene, C, facts);
    judge(scene);
    assert_int_equal(scene->opinion.verdict, is_wanted ? SHARD_MEND : SHARD_FINE);
    assert_int_equal(scene->opinion.primary, A);
    if (is_wanted) {
        assert_int_equal(scene->opinion.subject, C);
    }
}

static void a_replica_that_crashed_is_mended(void **state)
{
    (void)state;
    struct scene scene;
    healthy(&scene);
    struct server_facts facts = follows(A);
    facts.is_applying = false;
    static const uint16_t others[] = {0, 1032, 1062, 1205};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        facts.apply_error = others[i]; // no crash of XA's
        mend_verdict(&scene, facts, false);
    }
    static const uint16_t crashes[] = {1397, 1440, 1950, 1964};
    for (size_t i = 0; i < sizeof crashes / sizeof crashes[0]; i++) {
        facts.apply_error = crashes[i];
        mend_verdict(&scene, facts, true);
    }
    facts = follows(A);
    facts.connection = 2; // it goes on, and holds branches: looked at once for each connection
    facts.held_count = 1;
    mend_verdict(&scene, facts, true);
    scene.seen[C].mended = 2;
    mend_verdict(&scene, facts, false);
    facts.connection = 3;
    mend_verdict(&scene, facts, true);
    facts.held_count = 0;
    mend_verdict(&scene, facts, false);
    facts.is_read_only = false; // somebody's hand
    facts.held_count = 1;
    mend_verdict(&scene, facts, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waits_once_a_beat_came_back),
        cmocka_unit_test(damps),
        cmocka_unit_test(one_that_is_gone_for_all_dies_sooner),
        cmocka_unit_test(one_that_only_hangs_gets_its_time),
        cmocka_unit_test(an_old_primary_that_is_back_may_rejoin),
        cmocka_unit_test(finds_roles),
        cmocka_unit_test(dies),
        cmocka_unit_test(two_failures_are_not_enough),
        cmocka_unit_test(a_silence_is_as_good_as_failures),
        cmocka_unit_test(an_error_is_an_answer),
        cmocka_unit_test(a_primary_that_is_still_heard_lives),
        cmocka_unit_test(a_dead_primary_without_replicas_stays),
        cmocka_unit_test(a_dead_primary_is_known_by_its_replicas),
        cmocka_unit_test(opens_the_one_that_is_followed),
        cmocka_unit_test(opens_not_the_known_one_when_two_are_away),
        cmocka_unit_test(opens_nothing_when_two_are_away),
        cmocka_unit_test(opens_a_restarted_primary),
        cmocka_unit_test(a_promotion_that_was_begun_is_finished),
        cmocka_unit_test(a_promoted_server_is_opened),
        cmocka_unit_test(opens_a_lone_server),
        cmocka_unit_test(an_old_primary_stays_detached),
        cmocka_unit_test(a_death_beside_an_old_writer_is_judged),
        cmocka_unit_test(an_old_primary_is_no_candidate),
        cmocka_unit_test(only_what_is_proven_is_fenced),
        cmocka_unit_test(two_writers),
        cmocka_unit_test(a_switchover_by_hand_is_followed),
        cmocka_unit_test(leads_strays_back),
        cmocka_unit_test(one_that_is_cloned_is_left_alone),
        cmocka_unit_test(what_is_cloned_is_never_opened),
        cmocka_unit_test(a_group_sees_to_its_roles),
        cmocka_unit_test(nobody_of_a_group_is_promoted),
        cmocka_unit_test(everybody_has_his_turn),
        cmocka_unit_test(what_a_waybill_has_stopped_is_started),
        cmocka_unit_test(who_is_in_no_section_is_never_the_primary),
        cmocka_unit_test(what_a_cut_promotion_left_in_a_chain_is_led_on),
        cmocka_unit_test(a_replica_that_crashed_is_mended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
