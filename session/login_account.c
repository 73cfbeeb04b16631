// Whose log-in it is, and how it is refused.
//
// A name that nobody has is compared with an account that is there (always the same for that name,
// as long as waybill runs), takes the same steps and fails at the same place: which plugin is asked
// for, how long it takes and what is said tell nothing about which users there are. What only the
// owner of an account must learn (it is locked, it wants TLS) is said after its password was right.

#include "base/hash.h"
#include "base/log.h"
#include "base/network.h"
#include "protocol/error_table.h"
#include "session/login_hosts.h"
#include "session/login_impl.h"

// When there are no accounts at all.
static const struct user_config nobody = {
    .name = "", .has_native = true, .has_sha2 = true, .native_hash = {1}, .sha2_hash = {1}};

const struct user_config *login_account(const struct session *session, bool *is_decoy)
{
    const struct config *config = session_config(session);
    const char *name = session->login->user;
    const struct user_config *user =
        config_find_account(config, slice_of_string(name), &session->peer);
    *is_decoy = user == NULL || user->unusable != NULL;
    if (!*is_decoy) {
        return user;
    }
    uint64_t number = hash_bytes(name, strlen(name)) ^ session->sessions->host.login_seed;
    user = config_decoy_account(config, hash_bytes(&number, sizeof number));
    return user != NULL ? user : &nobody;
}

// ---- what is known of the connection

bool login_may_enter(struct session *session, const struct user_config *user, struct error *error,
                     const char **why)
{
    *why = NULL;
    if (!login_is_required_met(session, user)) {
        login_access_error(session, error);
        *why = "the account requires TLS, or another certificate";
    } else if (!login_is_identity_met(session, user)) {
        login_access_error(session, error);
        *why = "the certificate is not this user's";
    } else if (user->is_locked) {
        bool is_mariadb = session->sessions->snapshot->is_mariadb;
        if (is_mariadb) {
            error_fill(error, ER_ACCOUNT_LOCKED);
        } else {
            char host[ADDRESS_TEXT_BYTES];
            address_print_host(&session->peer, host);
            error_fill(error, ER_ACCOUNT_LOCKED_MYSQL, user->name, host);
        }
    } else if (user->is_expired) {
        error_fill(error, ER_PASSWORD_EXPIRED);
    } else {
        return true;
    }
    return false;
}

// ---- refusing

void login_refuse(struct session *session, const struct error *error, const char *why)
{
    char peer[ADDRESS_TEXT_BYTES];
    address_print(&session->peer, peer);
    session->end_sequence = session->login->sequence;
    counter_add(&session->sessions->counters.logins_failed, 1);
    log_notice("session %u: log-in of '%s' from %s refused: %s%s%s%s", session->id,
               session->login->user, peer, error->text, why != NULL ? " (" : "",
               why != NULL ? why : "", why != NULL ? ")" : "");
    if (session->login->is_change && session->login->before_account != NO_ACCOUNT) {
        login_return(session, error);
    } else {
        session_end(session, error);
    }
}

void login_access_error(const struct session *session, struct error *error)
{
    char host[ADDRESS_TEXT_BYTES];
    address_print_host(&session->peer, host);
    error_fill(error, ER_ACCESS_DENIED, session->login->user, host,
               session->login->has_password ? "YES" : "NO");
}

static const char *why_unusable(const struct session *session)
{
    const struct user_config *user = config_find_account(
        session_config(session), slice_of_string(session->login->user), &session->peer);
    if (user != NULL && user->name[0] == '\0') {
        return "from there the servers' anonymous account comes first";
    }
    return user != NULL ? user->unusable : NULL;
}

void login_refuse_access(struct session *session, const char *why)
{
    struct error error;
    login_access_error(session, &error);
    login_hosts_note_failure(session->sessions, &session->peer);
    login_refuse(session, &error, why != NULL ? why : why_unusable(session));
}
