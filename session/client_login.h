#pragma once
// A client's log-in, and COM_CHANGE_USER, which is one more log-in on the same connection.

#include "session/session_impl.h"

void login_start(struct session *session); // sends the greeting
void login_done(struct session *session);  // forgets what is only needed while logging in
uint8_t login_sequence(const struct session *session); // expected of the next packet
void login_packet(struct session *session, const struct packet_in *packet);
void login_change_user(struct session *session, struct request *request);
void login_note_peer(struct session *session); // its address is known: what follows from it
// While session->awaits_proxy: how many of the bytes were a PROXY header (0: none, or it is not
// whole).
size_t login_take_proxy(struct session *session, struct slice bytes);
// Behind an SSLRequest: TLS takes over the connection, with the bytes that came behind it.
bool login_begins_tls(const struct session *session);
void login_start_tls(struct session *session, struct slice begun);
// The connection broke while it logged in: the log has it, where that is of interest.
void login_note_broken(const struct session *session);
// A new snapshot, or time has passed: those who waited for the servers' accounts go on.
void login_accounts_read(struct sessions *sessions);
// It does not count any more among the clients of its account.
void login_leave_account(struct session *session);
// What the session has set is as after log-in (COM_RESET_CONNECTION).
void login_reset_carried(struct session *session);
