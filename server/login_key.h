#pragma once
// The RSA key of log-ins by MySQL's own hashes: they take the password itself, which a client
// without TLS has to seal.

#include "cluster/config.h"
#include "protocol/auth_rsa.h"

struct login_key {
    struct rsa_key *_Atomic key; // owned; NULL until it is needed; any thread reads it
    bool was_tried;              // control thread
};

// Reads it or makes it, once, when the configuration needs one. What fails is logged.
void login_key_make(struct login_key *login_key, const struct config *config);
void login_key_done(struct login_key *login_key);
