#pragma once
// A flow: what runs while a session is busy with one command. At most one for each session. It is
// begun by the command table, drives one or more legs (leg.h), writes packets to the client and
// ends itself:
//
//     xxx_start(session, request) -> on_answer | on_failed | on_drained ... -> flow_finish
//
// A flow embeds `struct flow` first, lives in the session's arena, and is gone after flow_finish:
// that call is the last thing that a flow does in an event.
//
// Re-entrance: no function of the kind is called from inside leg_start or session_write.

#include "session/leg.h"

struct session;
struct request;
struct flow;

struct flow_kind {
    const char *name; // shown as the session's state: "relaying", "merging", ...
    // Bytes of a leg's answer as they came from the wire (framed). `last` is NULL until the answer
    // is whole; then these are the last bytes (maybe none), *last says all about it, and the leg is
    // settled: its backend has been given back, or stays with the transaction; `leg` may not be
    // used after this call. `last` is valid during the call only.
    void (*on_answer)(struct flow *flow, struct leg *leg, const uint8_t *bytes, size_t len,
                      const struct answer *last);
    // The leg's command has no (whole) answer and will get none; the error is what the client
    // should be told (reads that could be run again were run again, transactions were rolled back).
    // The leg may not be used after this call.
    void (*on_failed)(struct flow *flow, struct leg *leg, const struct error *error);
    // The client's queue is below the limit again, after a session_write that said true.
    void (*on_drained)(struct flow *flow);
    // What leg_feed could not send at once is on its way. NULL where no command takes_file.
    void (*on_fed)(struct flow *flow, struct leg *leg);
    // Bytes of the client while session->takes_input: how many of them were used. The flow may be
    // gone afterwards. NULL where it never takes any.
    size_t (*on_input)(struct flow *flow, struct slice bytes);
    // The session gives up (client gone, time is up, worker ends): its legs have been stopped
    // already; free what is not in the arena. May be NULL.
    void (*on_abort)(struct flow *flow);
};

struct flow {
    const struct flow_kind *kind;
    struct session *session; // back-pointer
    struct request *request; // in the session's arena
};

// Makes it the session's running flow.
void flow_begin(struct flow *flow, const struct flow_kind *kind, struct session *session,
                struct request *request);
// The answer is whole and written (with session_write...): the session takes its next command.
// All legs must be settled or stopped. The arena and the flow are gone afterwards.
void flow_finish(struct flow *flow);
// The flow's answer is to be written when its statement's transaction has ended: another flow runs
// until then. Pairs; no leg runs a command of it.
void flow_suspend(struct flow *flow);
struct flow *flow_resume(struct session *session);
// Stops the legs that still run, then tells the client: an ERR packet when nothing of the answer
// was written yet, or in its place where the protocol allows one (between rows, by
// session->is_answer_between_rows); else the connection is closed, for a half answer must never
// look whole. Then as flow_finish.
void flow_fail(struct flow *flow, const struct error *error);
