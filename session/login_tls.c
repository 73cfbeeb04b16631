// What TLS has to do with a log-in. An SSLRequest ahead of the first answer begins it, of which the
// stream alone knows afterwards:
//
//   GREETED  --SSLRequest--> (stream_start_tls) GREETED  --first answer, encrypted--> ...
//
// What the setting `tls` and an account demand is looked at later: that nobody listens, before the
// client shows anything; whose certificate it is, when its password was right.

#include "base/log.h"
#include "protocol/error_table.h"
#include "session/login_impl.h"

uint64_t login_offered_hop(const struct config *config)
{
    static const uint64_t compression[] = {
        [CLIENT_COMPRESSION_OFF] = 0,
        [CLIENT_COMPRESSION_ZLIB] = CAP_COMPRESS,
        [CLIENT_COMPRESSION_ZSTD] = CAP_ZSTD,
        [CLIENT_COMPRESSION_BOTH] = CAP_COMPRESS | CAP_ZSTD,
    };
    return compression[config->settings.compression] | (config->client_tls != NULL ? CAP_SSL : 0);
}

// ---- the handshake

bool login_begins_tls(const struct session *session)
{
    return session->login != NULL && session->login->begins_tls;
}

static void close_without_tls(struct session *session, const char *why)
{
    char peer[ADDRESS_TEXT_BYTES];
    address_print(&session->peer, peer);
    log_notice("session %u: no TLS with %s: %s", session->id, peer, why);
    session_close(session);
}

void login_start_tls(struct session *session, struct slice begun)
{
    struct error error;
    session->login->begins_tls = false;
    session->login->is_tls_begun = true;
    // A reload may have switched it off since it was offered.
    struct tls_context *context = session_config(session)->client_tls;
    if (context == NULL) {
        close_without_tls(session, "it was switched off");
    } else if (!stream_start_tls(&session->stream, context, NULL, begun, &error)) {
        close_without_tls(session, error.text);
    }
}

void login_note_broken(const struct session *session)
{
    if (session->stage == SESSION_LOGIN && session->login->is_tls_begun &&
        !login_has_tls(session)) {
        char peer[ADDRESS_TEXT_BYTES];
        address_print(&session->peer, peer);
        log_notice("session %u: no TLS with %s: %s", session->id, peer,
                   stream_problem(&session->stream));
    }
}

// ---- what it is good for

bool login_has_tls(const struct session *session)
{
    return stream_tls(&session->stream) != NULL;
}

bool login_is_private(const struct session *session)
{
    return login_has_tls(session) || session->is_local;
}

bool login_is_too_open(struct session *session)
{
    if (session_config(session)->settings.tls < TLS_REQUIRED || login_is_private(session)) {
        return false;
    }
    struct error error;
    error_fill(&error, ER_SECURE_TRANSPORT_REQUIRED);
    login_refuse(session, &error, NULL);
    return true;
}

static bool is_text_met(const char *required, const char *text)
{
    return required[0] == '\0' || (text != NULL && strcmp(required, text) == 0);
}

// What CREATE USER ... REQUIRE says of the account.
bool login_is_required_met(const struct session *session, const struct user_config *user)
{
    const struct tls_facts *tls = stream_tls(&session->stream);
    switch (user->require) {
    case REQUIRE_NONE:
        return true;
    case REQUIRE_SSL:
        return tls != NULL;
    case REQUIRE_X509:
        return tls != NULL && tls->subject != NULL;
    case REQUIRE_SPECIFIED:
        return tls != NULL && is_text_met(user->require_subject, tls->subject) &&
               is_text_met(user->require_issuer, tls->issuer) &&
               is_text_met(user->require_cipher, tls->cipher);
    }
    return false;
}

// What the setting `tls` asks of all. (That it is private was seen before the password.)
bool login_is_identity_met(const struct session *session, const struct user_config *user)
{
    const struct tls_facts *tls = stream_tls(&session->stream);
    switch ((enum tls_mode)session_config(session)->settings.tls) {
    case TLS_DISABLED:
    case TLS_PREFERRED:
    case TLS_REQUIRED:
        return true;
    case TLS_VERIFY_CA:
        return tls == NULL || tls->subject != NULL;
    case TLS_VERIFY_IDENTITY:
        return tls == NULL ||
               (tls->common_name != NULL && strcmp(tls->common_name, user->name) == 0);
    }
    return false;
}
