#pragma once
// What leg.c and leg_answer.c share.

#include "session/session_impl.h"

struct pools *leg_pools(const struct leg *leg);
void leg_enter(struct leg *leg, enum leg_state state); // the only writer of the state
void leg_leave_list(struct leg *leg);                  // of the held, of the lingering
void leg_detach(struct leg *leg); // out of the session; the memory lives until leg_free
void leg_free(struct sessions *sessions, struct leg *leg);
// The command can't be run: the flow is told, the leg is gone.
void leg_fail(struct leg *leg, const struct error *error);
// Which server it is to have; NO_SERVER: there is none now.
uint16_t leg_choose(struct leg *leg);
// A backend there, a place in line for one, or it is held.
void leg_acquire(struct leg *leg);
// leg_answer.c: what the session reads there must have it.
void leg_note_written(struct session *session, uint16_t shard);
// leg_held.c: the HELD one of the shard; NULL.
struct leg *leg_held_on(const struct session *session, uint16_t shard);
// leg_held.c: until there is another primary, or a while has passed.
void leg_hold(struct leg *leg);
// Another server may do better, or this one after a while.
void leg_acquire_again(struct leg *leg);

// An account of the servers that a replica refuses: it may not have it yet, but the primary has.
bool leg_is_account_late(const struct leg *leg, const struct error *error) MUST_CHECK;

// DDL does that first, and a routine can do it by itself, in the middle of the transaction.
bool leg_may_have_committed(const struct leg *leg) MUST_CHECK;

// Of struct backend_user.
void leg_on_bytes(struct backend_user *user, struct backend *backend, const uint8_t *bytes,
                  size_t len);
void leg_on_lost(struct backend_user *user, struct backend *backend, const struct error *why,
                 bool was_sent);

// What the backend's session must be like; NULL: as it is.
static inline const struct session_state *leg_state_wanted(const struct leg *leg)
{
    const struct session_state *own =
        leg->command.state != NULL ? leg->command.state : &leg->session->carried;
    return leg->command.is_stateless ? NULL : own;
}

// leg_linger.c
void leg_stop_lingering(struct leg *leg);
// The server takes no more connections, and `leg` wants one: one that lingers there goes.
void leg_reclaim_lingering(const struct leg *leg);
void legs_end_lingering(struct sessions *sessions); // those whose time is over
