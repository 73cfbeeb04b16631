#pragma once
// The steps of a commit over several shards: a function of the participants' answers. No I/O: what
// flow_commit.c sends is what commit_verb says, and it tells commit_take what came of it.
//
// One participant, the *decider*, is in a plain transaction; the others are *branches* (XA). The
// row of waybill.decision that the decider writes in its own transaction is the commit:
//
//     (commit) --+-- at most one has written, --> FINISHING ---------------------------+
//                |   and nobody will ask for it                                        |
//                |                                                                     |
//                +--> PREPARING -- all OK --> DECIDING -- OK --> APPLYING -----------> ENDED
//                        |                     |     |              ^                  ^
//                        | one is not          | no  | lost         | the row says so  |
//                        v                     |     v              |                  |
//     (rollback) -> UNDOING <------------------+   ASKING ----------+-- never said ----+
//                     |  ^                           |                                 |
//                     |  +--- the row says not ------+                                 |
//                     +----------------------------------------------------------------+
//
//     from -> to [function]: all of them [next_round], when all of a round's answers are there
//
//     FINISHING  nobody else depends on it: each ends by itself
//     PREPARING  nothing is decided; whatever fails, all is undone
//     DECIDING   every branch that has written is prepared; the decision is on its way
//     ASKING     the decider was lost with it: whoever asks and finds no row writes the one that
//                says `aborted`, so that the decision can't come later
//     APPLYING   decided: a branch that can't be told is left to the recovery
//     UNDOING    never decided, and never will be: likewise
//
// Guarantees: no branch is told to commit before the row is known to be there; none to roll back
// after that may have happened. Both are left alone when it isn't known.

#include "base/slice.h"

enum commit_state {
    COMMIT_FINISHING,
    COMMIT_PREPARING,
    COMMIT_DECIDING,
    COMMIT_ASKING,
    COMMIT_APPLYING,
    COMMIT_UNDOING,
    COMMIT_ENDED,
};

enum commit_outcome { OUTCOME_UNKNOWN, OUTCOME_COMMITTED, OUTCOME_ROLLED_BACK };

// What a participant is to be told in this round.
enum commit_verb {
    VERB_NONE,
    VERB_COMMIT,        // the decider: COMMIT
    VERB_END,           // a branch that nothing depends on: XA END; XA COMMIT ... ONE PHASE
    VERB_PREPARE,       // XA END; XA PREPARE
    VERB_DECIDE,        // the decider: its row and COMMIT
    VERB_ASK,           // anybody, on the decider's shard: which row is there?
    VERB_APPLY,         // XA COMMIT
    VERB_ROLLBACK,      // the decider: ROLLBACK
    VERB_UNDO,          // XA END; XA ROLLBACK
    VERB_UNDO_PREPARED, // XA ROLLBACK
};

enum commit_answer {
    ANSWER_DONE,      // OK
    ANSWER_REFUSED,   // an error, or it could not be sent: certainly not done
    ANSWER_LOST,      // sent, and nobody knows
    ANSWER_COMMITTED, // of VERB_ASK
    ANSWER_ABORTED,   // of VERB_ASK
};

enum { COMMIT_PARTS_MAX = 65, COMMIT_ASKS_MAX = 4 };

struct commit_part {
    bool is_decider;
    bool has_written;
    bool is_prepared; // a branch that said so
    bool is_over;     // it is told nothing more
    bool is_left;     // committed, and was not told
};

struct commit {
    enum commit_state state;
    enum commit_outcome outcome; // ENDED
    struct commit_part parts[COMMIT_PARTS_MAX];
    uint16_t count;
    uint16_t asks;
    uint16_t refused; // the first part that made it fail; NO_PART
    uint16_t left;    // branches that were not told of the decision: the recovery does it
    enum commit_answer answers[COMMIT_PARTS_MAX]; // of this round
};

enum { NO_PART = 0xffff };

enum commit_wish {
    WISH_COMMIT,
    WISH_TOKEN, // ... and leave a decision if anything was written: somebody may ask for it
    WISH_ROLLBACK,
};

// `parts`: is_decider and has_written. There is at most one decider; where a commit needs one
// (commit_needs_decider) there must be one.
void commit_begin(struct commit *commit, const struct commit_part *parts, uint16_t count,
                  enum commit_wish wish);
// Do so many of them have written that a decider is needed?
bool commit_needs_decider(const struct commit_part *parts, uint16_t count,
                          enum commit_wish wish) MUST_CHECK;
enum commit_verb commit_verb(const struct commit *commit, uint16_t part);
// The answer to the verb of this round.
void commit_take(struct commit *commit, uint16_t part, enum commit_answer answer);
// All of the round's answers were taken: the next round, or ENDED. A round may have no verbs at
// all; then it is over at once.
void commit_next(struct commit *commit);
const char *commit_state_name(enum commit_state state);
