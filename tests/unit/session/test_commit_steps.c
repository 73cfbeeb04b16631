// Every script of answers that three participants can give, to COMMIT and to ROLLBACK: whatever
// comes, all of those that have written commit, or none does, or nobody is told anything more.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "session/commit_steps.h"

enum { PARTS = 3, ROUNDS_MAX = 12 };

// What is really so on the servers.
enum fate { FATE_OPEN, FATE_PREPARED, FATE_COMMITTED, FATE_ROLLED_BACK };

struct world {
    struct commit commit;
    enum commit_wish wish;
    enum fate fates[PARTS];
    char row; // of the decision: 0, 'C', 'A'
    uint32_t script_count;
    uint32_t outcomes[3];
};

static bool has_decided(const struct world *world)
{
    return world->row == 'C';
}

// The server did it, and said so; or did it and was lost; or was lost before; or said no.
enum event { EVENT_DONE, EVENT_DONE_LOST, EVENT_NOT_DONE_LOST, EVENT_REFUSED, EVENTS };

static void do_it(struct world *world, uint16_t part, enum commit_verb verb)
{
    enum fate *fate = &world->fates[part];
    switch (verb) {
    case VERB_COMMIT:
    case VERB_END:
        assert_int_equal(*fate, FATE_OPEN);
        *fate = FATE_COMMITTED;
        break;
    case VERB_PREPARE:
        assert_int_equal(*fate, FATE_OPEN);
        *fate = FATE_PREPARED;
        break;
    case VERB_DECIDE:
        assert_int_equal(*fate, FATE_OPEN);
        assert_int_equal(world->row, 0);
        world->row = 'C';
        *fate = FATE_COMMITTED;
        break;
    case VERB_APPLY:
        assert_int_equal(*fate, FATE_PREPARED);
        assert_true(has_decided(world)); // never before it is certain
        *fate = FATE_COMMITTED;
        break;
    case VERB_UNDO_PREPARED:
        assert_int_equal(*fate, FATE_PREPARED);
        assert_false(has_decided(world));
        *fate = FATE_ROLLED_BACK;
        break;
    case VERB_ROLLBACK:
    case VERB_UNDO:
        assert_false(has_decided(world));
        if (*fate == FATE_OPEN) {
            *fate = FATE_ROLLED_BACK;
        }
        break;
    case VERB_ASK:
    case VERB_NONE:
        fail();
    }
}

// A server that loses the connection of what is not prepared rolls it back.
static void lose(struct world *world, uint16_t part)
{
    if (world->fates[part] == FATE_OPEN) {
        world->fates[part] = FATE_ROLLED_BACK;
    }
}

static enum commit_answer ask(struct world *world, enum event event)
{
    if (event == EVENT_REFUSED) {
        return ANSWER_REFUSED;
    }
    if (event == EVENT_NOT_DONE_LOST) {
        return ANSWER_LOST;
    }
    if (world->row == 0) {
        world->row = 'A';
    }
    if (event == EVENT_DONE_LOST) {
        return ANSWER_LOST;
    }
    return world->row == 'C' ? ANSWER_COMMITTED : ANSWER_ABORTED;
}

static enum commit_answer happen(struct world *world, uint16_t part, enum commit_verb verb,
                                 enum event event)
{
    if (verb == VERB_ASK) {
        return ask(world, event);
    }
    switch (event) {
    case EVENT_DONE:
        do_it(world, part, verb);
        return ANSWER_DONE;
    case EVENT_DONE_LOST:
        do_it(world, part, verb);
        return ANSWER_LOST;
    case EVENT_NOT_DONE_LOST:
        lose(world, part);
        return ANSWER_LOST;
    case EVENT_REFUSED:
    case EVENTS:
        break;
    }
    return ANSWER_REFUSED;
}

// What a recovery does later with what is left.
static void recover(struct world *world)
{
    for (uint16_t i = 0; i < PARTS; i++) {
        lose(world, i);
        if (world->fates[i] == FATE_PREPARED) {
            if (world->row == 0) {
                world->row = 'A';
            }
            world->fates[i] = has_decided(world) ? FATE_COMMITTED : FATE_ROLLED_BACK;
        }
    }
}

static void check_end(struct world *world)
{
    const struct commit *commit = &world->commit;
    uint32_t written = 0, committed = 0;
    recover(world);
    for (uint16_t i = 0; i < PARTS; i++) {
        if (commit->parts[i].has_written) {
            written++;
            committed += world->fates[i] == FATE_COMMITTED;
        }
    }
    assert_true(committed == 0 || committed == written); // all or nothing
    if (commit->outcome == OUTCOME_COMMITTED) {
        assert_int_equal(committed, written);
    } else if (commit->outcome == OUTCOME_ROLLED_BACK) {
        assert_int_equal(committed, 0);
    }
    if (world->wish == WISH_TOKEN && committed > 0) {
        assert_int_equal(world->row, 'C'); // whoever asks is told the truth
    }
    world->script_count++;
    world->outcomes[commit->outcome]++;
}

static void run(struct world world, struct world *totals, uint16_t part, unsigned rounds);

static void next_round(struct world world, struct world *totals, unsigned rounds)
{
    assert_true(rounds < ROUNDS_MAX);
    commit_next(&world.commit);
    if (world.commit.state == COMMIT_ENDED) {
        check_end(&world);
        totals->script_count++;
        totals->outcomes[world.commit.outcome]++;
        return;
    }
    run(world, totals, 0, rounds + 1);
}

// All that may happen to this part in this round, each with all that may come of it.
static void run(struct world world, struct world *totals, uint16_t part, unsigned rounds)
{
    if (part == PARTS) {
        next_round(world, totals, rounds);
        return;
    }
    enum commit_verb verb = commit_verb(&world.commit, part);
    if (verb == VERB_NONE) {
        run(world, totals, (uint16_t)(part + 1), rounds);
        return;
    }
    for (enum event event = EVENT_DONE; event < EVENTS; event++) {
        struct world next = world;
        commit_take(&next.commit, part, happen(&next, part, verb, event));
        run(next, totals, (uint16_t)(part + 1), rounds);
    }
}

static struct world run_all(unsigned written_bits, enum commit_wish wish)
{
    struct world world, totals;
    struct commit_part parts[PARTS];
    memset(&world, 0, sizeof world);
    memset(&totals, 0, sizeof totals);
    memset(parts, 0, sizeof parts);
    parts[1].is_decider = true;
    for (unsigned i = 0; i < PARTS; i++) {
        parts[i].has_written = (written_bits >> i & 1) != 0;
    }
    world.wish = wish;
    commit_begin(&world.commit, parts, PARTS, wish);
    run(world, &totals, 0, 0);
    return totals;
}

static void test_commit(void **state)
{
    static const enum commit_wish wishes[] = {WISH_COMMIT, WISH_TOKEN};
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        for (unsigned bits = 0; bits < 1u << PARTS; bits++) {
            struct world totals = run_all(bits, wishes[i]);
            assert_true(totals.outcomes[OUTCOME_COMMITTED] > 0);
            bool has_written = bits != 0;
            assert_int_equal(totals.outcomes[OUTCOME_ROLLED_BACK] > 0, has_written);
        }
    }
    struct world all = run_all(7, WISH_COMMIT);
    assert_true(all.script_count > 1000);
    assert_true(all.outcomes[OUTCOME_UNKNOWN] > 0);
}

static void test_rollback(void **state)
{
    (void)state;
    for (unsigned bits = 0; bits < 1u << PARTS; bits++) {
        struct world totals = run_all(bits, WISH_ROLLBACK);
        assert_int_equal(totals.outcomes[OUTCOME_COMMITTED], 0);
        assert_int_equal(totals.outcomes[OUTCOME_UNKNOWN], 0);
    }
}

// The rounds of the usual case, and that one who has only read is never prepared.
static void test_verbs(void **state)
{
    (void)state;
    struct commit commit;
    struct commit_part parts[PARTS] = {
        {.is_decider = true}, {.has_written = true}, {.has_written = false}};
    commit_begin(&commit, parts, PARTS, WISH_COMMIT);
    assert_int_equal(commit.state, COMMIT_FINISHING); // one has written
    assert_int_equal(commit_verb(&commit, 0), VERB_COMMIT);
    assert_int_equal(commit_verb(&commit, 1), VERB_END);
    parts[0].has_written = true;
    commit_begin(&commit, parts, PARTS, WISH_COMMIT);
    assert_int_equal(commit_verb(&commit, 0), VERB_NONE);
    assert_int_equal(commit_verb(&commit, 1), VERB_PREPARE);
    assert_int_equal(commit_verb(&commit, 2), VERB_NONE);
    commit_take(&commit, 1, ANSWER_DONE);
    commit_next(&commit);
    assert_int_equal(commit_verb(&commit, 0), VERB_DECIDE);
    commit_take(&commit, 0, ANSWER_DONE);
    commit_next(&commit);
    assert_int_equal(commit_verb(&commit, 0), VERB_NONE);
    assert_int_equal(commit_verb(&commit, 1), VERB_APPLY);
    assert_int_equal(commit_verb(&commit, 2), VERB_END);
    commit_take(&commit, 1, ANSWER_LOST);
    commit_take(&commit, 2, ANSWER_DONE);
    commit_next(&commit);
    assert_int_equal(commit.outcome, OUTCOME_COMMITTED);
    assert_int_equal(commit.left, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_commit),
        cmocka_unit_test(test_rollback),
        cmocka_unit_test(test_verbs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
