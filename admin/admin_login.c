// Log-in of the admin port: one user, admin_user, with admin_password. The greeting names
// mysql_native_password. A client that prefers caching_sha2_password has not answered yet, or has
// answered for the greeting's nonce: it is asked to switch to its own plugin, or taken at its word.
// Any other plugin is switched to mysql_native_password. caching_sha2_password takes its fast path,
// for waybill knows the password.

#include "admin/admin_impl.h"

#include <sys/random.h>

#include "base/log.h"
#include "protocol/error_table.h"
#include "protocol/reply.h"

enum { COLLATION_ID = 45, SHA2_MORE = 0x01, SHA2_FAST_OK = 0x03 };

static const char native_name[] = "mysql_native_password";
static const char sha2_name[] = "caching_sha2_password";

static const struct config *config_of(const struct client *client)
{
    return client->admin->host.current(client->admin->host.owner)->config;
}

static const struct settings *settings_of(const struct client *client)
{
    return &config_of(client)->settings;
}

static void make_nonce(uint8_t nonce[NONCE_BYTES])
{
    size_t have = 0;
    while (have < NONCE_BYTES) {
        ssize_t got = getrandom(nonce + have, NONCE_BYTES - have, 0);
        have += got > 0 ? (size_t)got : 0;
    }
    for (int i = 0; i < NONCE_BYTES; i++) {
        nonce[i] = (uint8_t)(nonce[i] % 94 + 33); // old clients take it for text
    }
}

void admin_login_greet(struct client *client)
{
    make_nonce(client->nonce);
    struct greeting greeting = {
        .version = slice_of_string("5.7.0-waybill-" WAYBILL_VERSION "-admin"),
        .connection_id = client->id,
        .capabilities = CAP_OFFERED | (config_of(client)->client_tls != NULL ? CAP_SSL : 0),
        .collation_id = COLLATION_ID,
        .status = STATUS_AUTOCOMMIT,
        .plugin = slice_of_string(native_name),
    };
    memcpy(greeting.nonce, client->nonce, NONCE_BYTES);
    struct text payload;
    text_init(&payload);
    greeting_write(&payload, &greeting);
    admin_client_send(client, text_slice(&payload));
    text_done(&payload);
}

static void refuse(struct client *client, const struct error *error)
{
    log_notice("admin client %u: log-in refused: %s", client->id, error->text);
    admin_client_send_error(client, error);
    admin_client_enter(client, CLIENT_ENDING);
}

static void finish(struct client *client, bool is_right)
{
    if (is_right) {
        admin_client_send_ok(client, "");
        admin_client_enter(client, CLIENT_IDLE);
        return;
    }
    struct error error;
    error_set(&error, ER_ACCESS_DENIED, "28000",
              settings_of(client)->admin_password[0] == '\0'
                  ? "Access denied: no admin_password is set, so nobody can log in here"
                  : "Access denied: not the admin_user and admin_password of the configuration");
    refuse(client, &error);
}

static bool check_native(const struct client *client, struct slice answer)
{
    const struct settings *settings = settings_of(client);
    uint8_t hash[NATIVE_BYTES];
    auth_native_hash(slice_of_string(settings->admin_password), hash);
    return settings->admin_password[0] != '\0' && auth_native_check(answer, client->nonce, hash);
}

static bool check_sha2(const struct client *client, struct slice answer)
{
    const struct settings *settings = settings_of(client);
    uint8_t hash[SHA2_BYTES];
    auth_sha2_hash(slice_of_string(settings->admin_password), hash);
    return settings->admin_password[0] != '\0' && auth_sha2_check(answer, client->nonce, hash);
}

static bool is_admin(const struct client *client, struct slice user)
{
    return slice_equal(user, slice_of_string(settings_of(client)->admin_user));
}

static void ask_to_switch(struct client *client)
{
    struct text payload;
    text_init(&payload);
    auth_switch_write(&payload, slice_of_string(client->is_sha2 ? sha2_name : native_name),
                      client->nonce);
    admin_client_send(client, text_slice(&payload));
    text_done(&payload);
    admin_client_enter(client, CLIENT_SWITCHED);
}

static void check_answer(struct client *client, struct slice answer)
{
    bool is_right = client->is_admin &&
                    (client->is_sha2 ? check_sha2(client, answer) : check_native(client, answer));
    if (is_right && client->is_sha2) {
        const uint8_t fast[] = {SHA2_MORE, SHA2_FAST_OK};
        admin_client_send(client, slice_of(fast, sizeof fast));
    }
    finish(client, is_right);
}

static void take_login(struct client *client, const struct login *login)
{
    client->capabilities = login->capabilities & CAP_OFFERED;
    client->is_admin = is_admin(client, login->user);
    client->is_sha2 = slice_equal(login->plugin, slice_of_string(sha2_name));
    text_add_slice(&client->database, login->database);
    bool is_answer = client->is_sha2 ? login->auth.len == SHA2_BYTES
                                     : login->plugin.len == 0 ||
                                           slice_equal(login->plugin, slice_of_string(native_name));
    if (is_answer) {
        check_answer(client, login->auth);
    } else {
        ask_to_switch(client);
    }
}

void admin_login_answer(struct client *client, struct slice payload)
{
    if (client->stage == CLIENT_SWITCHED) {
        check_answer(client, payload);
        return;
    }
    struct login login;
    struct error error;
    bool is_read = login_read(payload, &login);
    bool may_begin_tls =
        config_of(client)->client_tls != NULL && stream_tls(&client->stream) == NULL;
    if (is_read && login.wants_tls && may_begin_tls) {
        client->begins_tls = true;
        return;
    }
    if (!is_read || login.wants_tls || (login.capabilities & CAP_PROTOCOL_41) == 0) {
        error_fill(&error, ER_HANDSHAKE);
        refuse(client, &error);
        return;
    }
    take_login(client, &login);
}
