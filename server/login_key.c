#include "server/login_key.h"

#include <stdatomic.h>

#include "base/error.h"
#include "base/log.h"
#include "protocol/error_table.h"

void login_key_make(struct login_key *login_key, const struct config *config)
{
    if (!config->wants_rsa_key || login_key->was_tried) {
        return;
    }
    login_key->was_tried = true;
    struct error error;
    struct rsa_key *key = NULL;
    if (config->settings.rsa_key[0] != '\0') {
        key = rsa_key_read(config->settings.rsa_key, &error);
    } else {
        error_set(&error, ER_UNKNOWN, "HY000", "OpenSSL can't make an RSA key");
        key = rsa_key_new();
        log_notice("an RSA key was made for caching_sha2_password; it is lost when waybill ends "
                   "(rsa_key)");
    }
    if (key == NULL) {
        log_error("%s: caching_sha2_password needs TLS", error.text);
    }
    atomic_store_explicit(&login_key->key, key, memory_order_release);
}

void login_key_done(struct login_key *login_key)
{
    rsa_key_free(atomic_load(&login_key->key));
}
