#pragma once
// One command on one shard: its answer is relayed as the bytes that come.

#include "session/session_impl.h"

// The one target of request->plan.
void flow_single_start(struct session *session, struct request *request);
// A command that needs no plan.
void flow_single_relay(struct session *session, struct request *request,
                       const struct leg_command *command);
// A COM_QUERY packet with this text; in the arena.
struct slice flow_frame_query(struct arena *arena, struct slice sql);
