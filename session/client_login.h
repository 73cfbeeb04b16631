#pragma once
// A client's log-in, and COM_CHANGE_USER, which is one more log-in on the same connection.

#include "session/session_impl.h"

void login_start(struct session *session); // sends the greeting
void login_done(struct session *session);  // forgets what is only needed while logging in
uint8_t login_sequence(const struct session *session); // expected of the next packet
void login_packet(struct session *session, const struct packet_in *packet);
// False: the payload is no COM_CHANGE_USER.
void login_change_user(struct session *session, struct request *request);
// What the session has set is as after log-in (COM_RESET_CONNECTION).
void login_reset_carried(struct session *session);
