#pragma once
// Session tracking that is more than a relay: see track.c. All of it does nothing for a client
// without CLIENT_SESSION_TRACK.

#include "session/session_impl.h"

// The variable session_track_transaction_info was set (or has its default again). `is_answered`:
// the OK to that is still to come by track_take.
void track_note_level(struct session *session, bool is_answered);
// COM_RESET_CONNECTION, a log-in, the end: nothing is due, nothing was told.
void track_reset(struct session *session);
// BEGIN; SET TRANSACTION: the client is told even if nothing is new.
void track_note_begin(struct session *session);
void track_note_once(struct session *session);
// The running statement has changed the session's state, and waybill answers it by itself.
void track_note_changed(struct session *session);
// State changes in an OK that the client does not get as it is: it is told with its next OK.
void track_gather(struct session *session, uint16_t shard, struct slice changes);
// The running command's answer comes from one shard, and is relayed: its OKs are corrected where
// that is needed.
void track_follow(struct session *session, enum answer_kind kind, uint16_t shard);
// The state changes for an OK, from what is due and from those that came with it from the shard
// (empty: it is waybill's own OK).
void track_take(struct session *session, uint16_t shard, struct slice changes, struct text *block);
// Will there be any? May say yes for nothing.
static inline bool track_is_due(const struct session *session)
{
    return session->track != NULL;
}
// An OK that a relay made itself is a relayed one, too: it comes by answer_marks.
bool track_is_followed(const struct session *session) MUST_CHECK;
