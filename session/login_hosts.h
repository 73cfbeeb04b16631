#pragma once
// Addresses from which log-ins fail (max_login_failures, login_block_ms). Each worker counts by
// itself: an address is served by any of them, so that in all it has that many tries for each.

#include "session/session_impl.h"

struct login_hosts; // a worker's; owned by its sessions

bool login_hosts_is_blocked(const struct sessions *sessions, const struct address *peer) MUST_CHECK;
void login_hosts_note_failure(struct sessions *sessions, const struct address *peer);
void login_hosts_note_success(struct sessions *sessions, const struct address *peer);
void login_hosts_free(struct sessions *sessions); // all are forgotten (FLUSH HOSTS)
