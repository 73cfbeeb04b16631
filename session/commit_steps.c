#include "session/commit_steps.h"

#include <assert.h>

static uint16_t count_written(const struct commit_part *parts, uint16_t count)
{
    uint16_t written = 0;
    for (uint16_t i = 0; i < count; i++) {
        written = (uint16_t)(written + (parts[i].has_written ? 1 : 0));
    }
    return written;
}

bool commit_needs_decider(const struct commit_part *parts, uint16_t count, enum commit_wish wish)
{
    uint16_t alone_max = wish == WISH_TOKEN ? 0 : 1;
    return wish != WISH_ROLLBACK && count_written(parts, count) > alone_max;
}

static uint16_t decider_of(const struct commit *commit)
{
    for (uint16_t i = 0; i < commit->count; i++) {
        if (commit->parts[i].is_decider) {
            return i;
        }
    }
    return NO_PART;
}

static void check(const struct commit *commit)
{
    for (uint16_t i = 0; i < commit->count; i++) {
        const struct commit_part *part = &commit->parts[i];
        bool must_be = commit->state == COMMIT_DECIDING && part->has_written && !part->is_decider;
        assert(!must_be || part->is_prepared);
        assert(!part->is_prepared || !part->is_decider);
        (void)must_be;
    }
    assert(commit->state == COMMIT_ENDED || commit->outcome == OUTCOME_UNKNOWN);
}

static void enter(struct commit *commit, enum commit_state state)
{
    commit->state = state;
    for (uint16_t i = 0; i < commit->count; i++) {
        commit->answers[i] = ANSWER_DONE;
    }
    check(commit);
}

static void end(struct commit *commit, enum commit_outcome outcome)
{
    commit->outcome = outcome;
    commit->state = COMMIT_ENDED;
}

void commit_begin(struct commit *commit, const struct commit_part *parts, uint16_t count,
                  enum commit_wish wish)
{
    assert(count <= COMMIT_PARTS_MAX);
    *commit = (struct commit){.count = count, .refused = NO_PART};
    for (uint16_t i = 0; i < count; i++) {
        commit->parts[i] = (struct commit_part){.is_decider = parts[i].is_decider,
                                                .has_written = parts[i].has_written};
    }
    bool needs_decider = commit_needs_decider(parts, count, wish);
    assert(!needs_decider || decider_of(commit) != NO_PART);
    if (wish == WISH_ROLLBACK) {
        enter(commit, COMMIT_UNDOING);
    } else {
        enter(commit, needs_decider ? COMMIT_PREPARING : COMMIT_FINISHING);
    }
}

static enum commit_verb undo_of(const struct commit_part *part)
{
    if (part->is_decider) {
        return VERB_ROLLBACK;
    }
    return part->is_prepared ? VERB_UNDO_PREPARED : VERB_UNDO;
}

// A branch that has written nothing is never prepared: a server that lost its connection then
// could not end it.
enum commit_verb commit_verb(const struct commit *commit, uint16_t place)
{
    const struct commit_part *part = &commit->parts[place];
    if (part->is_over && commit->state != COMMIT_ASKING) {
        return VERB_NONE;
    }
    switch (commit->state) {
    case COMMIT_FINISHING:
        return part->is_decider ? VERB_COMMIT : VERB_END;
    case COMMIT_PREPARING:
        return !part->is_decider && part->has_written ? VERB_PREPARE : VERB_NONE;
    case COMMIT_DECIDING:
        return part->is_decider ? VERB_DECIDE : VERB_NONE;
    case COMMIT_ASKING:
        return part->is_decider ? VERB_ASK : VERB_NONE;
    case COMMIT_APPLYING:
        if (part->is_decider) {
            return VERB_NONE;
        }
        return part->is_prepared ? VERB_APPLY : VERB_END;
    case COMMIT_UNDOING:
        return undo_of(part);
    case COMMIT_ENDED:
        return VERB_NONE;
    }
    return VERB_NONE;
}

static void take_prepare(struct commit *commit, struct commit_part *part, enum commit_answer answer)
{
    part->is_prepared = answer == ANSWER_DONE;
    // Its connection is gone: with it the branch, or the recovery finds it prepared.
    part->is_over = answer == ANSWER_LOST;
    (void)commit;
}

void commit_take(struct commit *commit, uint16_t place, enum commit_answer answer)
{
    struct commit_part *part = &commit->parts[place];
    bool is_fine = answer == ANSWER_DONE || answer == ANSWER_COMMITTED;
    commit->answers[place] = answer;
    switch (commit->state) {
    case COMMIT_PREPARING:
        take_prepare(commit, part, answer);
        break;
    case COMMIT_APPLYING:
        part->is_left = part->is_prepared && !is_fine;
        commit->left = (uint16_t)(commit->left + part->is_left);
        part->is_over = true;
        break;
    case COMMIT_FINISHING:
        is_fine = is_fine || !part->has_written; // nothing of it could be lost
        part->is_over = true;
        break;
    case COMMIT_DECIDING:
        part->is_over = answer != ANSWER_REFUSED;
        break;
    case COMMIT_UNDOING:
        part->is_over = true;
        is_fine = true;
        break;
    case COMMIT_ASKING:
    case COMMIT_ENDED:
        break;
    }
    bool is_failure = !is_fine && commit->state != COMMIT_APPLYING;
    if (is_failure && commit->refused == NO_PART) {
        commit->refused = place;
    }
}

// Of the only one that has written.
static void end_finishing(struct commit *commit)
{
    enum commit_outcome outcome = OUTCOME_COMMITTED;
    for (uint16_t i = 0; i < commit->count; i++) {
        if (commit->parts[i].has_written && commit->answers[i] == ANSWER_REFUSED) {
            outcome = OUTCOME_ROLLED_BACK;
        } else if (commit->parts[i].has_written && commit->answers[i] == ANSWER_LOST) {
            outcome = OUTCOME_UNKNOWN;
        }
    }
    end(commit, outcome);
}

static void after_deciding(struct commit *commit)
{
    switch (commit->answers[decider_of(commit)]) {
    case ANSWER_DONE:
    case ANSWER_COMMITTED:
        enter(commit, COMMIT_APPLYING);
        break;
    case ANSWER_REFUSED:
    case ANSWER_ABORTED:
        enter(commit, COMMIT_UNDOING);
        break;
    case ANSWER_LOST:
        enter(commit, COMMIT_ASKING);
        break;
    }
}

static void after_asking(struct commit *commit)
{
    switch (commit->answers[decider_of(commit)]) {
    case ANSWER_COMMITTED:
        enter(commit, COMMIT_APPLYING);
        break;
    case ANSWER_ABORTED:
        enter(commit, COMMIT_UNDOING);
        break;
    case ANSWER_DONE: // no answer to that question
    case ANSWER_REFUSED:
    case ANSWER_LOST:
        if (++commit->asks < COMMIT_ASKS_MAX) {
            enter(commit, COMMIT_ASKING);
        } else {
            end(commit, OUTCOME_UNKNOWN);
        }
        break;
    }
}

void commit_next(struct commit *commit)
{
    switch (commit->state) {
    case COMMIT_FINISHING:
        end_finishing(commit);
        break;
    case COMMIT_PREPARING:
        enter(commit, commit->refused == NO_PART ? COMMIT_DECIDING : COMMIT_UNDOING);
        break;
    case COMMIT_DECIDING:
        after_deciding(commit);
        break;
    case COMMIT_ASKING:
        after_asking(commit);
        break;
    case COMMIT_APPLYING:
        end(commit, OUTCOME_COMMITTED);
        break;
    case COMMIT_UNDOING:
        end(commit, OUTCOME_ROLLED_BACK);
        break;
    case COMMIT_ENDED:
        break;
    }
}

const char *commit_state_name(enum commit_state state)
{
    static const char *const names[] = {
        [COMMIT_FINISHING] = "finishing", [COMMIT_PREPARING] = "preparing",
        [COMMIT_DECIDING] = "deciding",   [COMMIT_ASKING] = "asking",
        [COMMIT_APPLYING] = "applying",   [COMMIT_UNDOING] = "undoing",
        [COMMIT_ENDED] = "ended",
    };
    return names[state];
}
