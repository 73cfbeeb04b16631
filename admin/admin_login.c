// Log-in of the admin port: one user, admin_user, with admin_password. The client's own plugin is
// taken when waybill knows it (its answer is for the nonce of the greeting, whatever plugin that
// named); else it is asked to switch to mysql_native_password. caching_sha2_password takes its fast
// path, for waybill knows the password.

#include "admin/admin_impl.h"

#include <sys/random.h>

#include "base/log.h"
#include "protocol/error_table.h"
#include "protocol/reply.h"

enum { COLLATION_ID = 45, SHA2_MORE = 0x01, SHA2_FAST_OK = 0x03 };

static const char native_name[] = "mysql_native_password";
static const char sha2_name[] = "caching_sha2_password";

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

void login_greet(struct client *client)
{
    make_nonce(client->nonce);
    struct greeting greeting = {
        .version = slice_of_string("5.7.0-waybill-" WAYBILL_VERSION "-admin"),
        .connection_id = client->id,
        .capabilities = CAP_OFFERED,
        .collation_id = COLLATION_ID,
        .status = STATUS_AUTOCOMMIT,
        .plugin = slice_of_string(native_name),
    };
    memcpy(greeting.nonce, client->nonce, NONCE_BYTES);
    struct text payload;
    text_init(&payload);
    greeting_write(&payload, &greeting);
    client_send(client, text_slice(&payload));
    text_done(&payload);
}

static void refuse(struct client *client, const struct error *error)
{
    log_notice("admin client %u: log-in refused: %s", client->id, error->text);
    client_send_error(client, error);
    client_enter(client, CLIENT_ENDING);
}

static void finish(struct client *client, bool is_right)
{
    if (is_right) {
        client_send_ok(client, "");
        client_enter(client, CLIENT_IDLE);
        return;
    }
    const struct settings *settings =
        &client->admin->host.current(client->admin->host.owner)->config->settings;
    struct error error;
    error_set(&error, ER_ACCESS_DENIED, "28000",
              settings->admin_password[0] == '\0'
                  ? "Access denied: no admin_password is set, so nobody can log in here"
                  : "Access denied: not the admin_user and admin_password of the configuration");
    refuse(client, &error);
}

static bool check_native(struct client *client, struct slice answer)
{
    const struct settings *settings =
        &client->admin->host.current(client->admin->host.owner)->config->settings;
    uint8_t hash[NATIVE_BYTES];
    auth_native_hash(slice_of_string(settings->admin_password), hash);
    return settings->admin_password[0] != '\0' && auth_native_check(answer, client->nonce, hash);
}

static bool check_sha2(struct client *client, struct slice answer)
{
    const struct settings *settings =
        &client->admin->host.current(client->admin->host.owner)->config->settings;
    uint8_t hash[SHA2_BYTES];
    auth_sha2_hash(slice_of_string(settings->admin_password), hash);
    return settings->admin_password[0] != '\0' && auth_sha2_check(answer, client->nonce, hash);
}

static bool is_admin(const struct client *client, struct slice user)
{
    const struct settings *settings =
        &client->admin->host.current(client->admin->host.owner)->config->settings;
    return slice_equal(user, slice_of_string(settings->admin_user));
}

static void ask_to_switch(struct client *client)
{
    struct text payload;
    text_init(&payload);
    auth_switch_write(&payload, slice_of_string(native_name), client->nonce);
    client_send(client, text_slice(&payload));
    text_done(&payload);
    client_enter(client, CLIENT_SWITCHED);
}

static void take_login(struct client *client, const struct login *login)
{
    client->capabilities = login->capabilities & CAP_OFFERED;
    client->is_admin = is_admin(client, login->user);
    text_add_slice(&client->database, login->database);
    if (slice_equal(login->plugin, slice_of_string(sha2_name))) {
        bool is_right = client->is_admin && check_sha2(client, login->auth);
        if (is_right) {
            const uint8_t fast[] = {SHA2_MORE, SHA2_FAST_OK};
            client_send(client, slice_of(fast, sizeof fast));
        }
        finish(client, is_right);
    } else if (login->plugin.len == 0 || slice_equal(login->plugin, slice_of_string(native_name))) {
        finish(client, client->is_admin && check_native(client, login->auth));
    } else {
        ask_to_switch(client);
    }
}

void login_answer(struct client *client, struct slice payload)
{
    if (client->stage == CLIENT_SWITCHED) {
        finish(client, client->is_admin && check_native(client, payload));
        return;
    }
    struct login login;
    if (!login_read(payload, &login) || login.wants_tls ||
        (login.capabilities & CAP_PROTOCOL_41) == 0) {
        struct error error;
        error_fill(&error, ER_HANDSHAKE);
        refuse(client, &error);
        return;
    }
    take_login(client, &login);
}
