// A hostile client at a whole session: its log-in and its COM_CHANGE_USERs, with what it may know
// of some accounts. The input is a line of moves: raw bytes, packets with the right number, good
// packets with a few things wrong, and right answers to what was asked. Whatever comes, nobody gets
// into an account whose password was not proved, and nothing is left behind.

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/log.h"
#include "protocol/auth_rsa.h"
#include "protocol/auth_sha2_crypt.h"
#include "protocol/bytes.h"
#include "protocol/compress.h"
#include "protocol/packet.h"
#include "session/session_impl.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

enum { SCRATCH_BYTES = 65536, ACCOUNTS = 8, NAMES = 6, KNOWN = 4 };
enum move { MOVE_RAW, MOVE_PACKET, MOVE_LOGIN, MOVE_ANSWER, MOVE_CHANGE, MOVES };

// The password of each is its name; "empty" has none; "ghost" is nobody.
static const char *const names[NAMES] = {"native", "sha", "edward", "crypt", "empty", "ghost"};
static const char *const plugins[] = {"mysql_native_password",
                                      "caching_sha2_password",
                                      "client_ed25519",
                                      "mysql_clear_password",
                                      "none",
                                      ""};
enum { PLUGINS = sizeof plugins / sizeof plugins[0] };

static struct slab arenas, buffers;
static uint8_t scratch[SCRATCH_BYTES];
static _Atomic uint32_t client_count;
static _Atomic uint64_t table_changes;
static _Atomic uint32_t account_clients[ACCOUNTS];
static struct rsa_key *_Atomic rsa_key;
static struct loop *loop;
static struct snapshot *snapshots[2]; // by the plugin that is announced
static struct sessions *sessions[2];

struct client {
    int fd;
    struct text in;
    uint8_t sequence; // of the next packet
    uint8_t nonce[ED25519_NONCE_BYTES];
    char asked[32]; // the plugin
    bool wants_password, is_sealed;
    bool is_proved[NAMES];
};

// ---- the session's side

static struct snapshot *make_snapshot(const char *plugin)
{
    char digests[4][2 * SHA2_BYTES + 1] = {"", "", "", ""};
    uint8_t hash[SHA2_BYTES];
    auth_native_hash(slice_of_string("native"), hash);
    for (int i = 0; i < NATIVE_BYTES; i++) {
        snprintf(digests[0] + 2 * i, 3, "%02X", hash[i]);
    }
    auth_sha2_hash(slice_of_string("sha"), hash);
    for (int i = 0; i < SHA2_BYTES; i++) {
        snprintf(digests[1] + 2 * i, 3, "%02x", hash[i]);
    }
    char crypt[SHA2_CRYPT_DIGEST_CHARS + 1] = "";
    sha2_crypt_digest(slice_of_string("crypt"), slice_of_string("twenty bytes of salt"), 5000,
                      crypt);
    struct text text, errors;
    text_init(&text);
    text_init(&errors);
    text_add_format(
        &text,
        "[waybill]\ndefault_auth = %s\n[server a]\naddress = 127.0.0.1:1\n[shard s]\nservers = a\n"
        "[user native]\npassword_native = *%s\n[user sha]\npassword_sha2 = $W$%s\n"
        "[user crypt]\npassword_sha2 = $A$005$twenty bytes of salt%.43s\n"
        "[user empty]\npassword =\n[user edward]\npassword = edward\nplugin = client_ed25519\n",
        plugin, digests[0], digests[1], crypt);
    struct config *config = config_read_text(text_slice(&text), "fuzz.ini", NULL, &errors);
    assert(config != NULL);
    text_done(&text);
    text_done(&errors);
    return snapshot_new(config);
}

static void start(void)
{
    log_set_level(LOG_ERROR);
    loop = loop_new();
    slab_init(&arenas, "arena", ARENA_BLOCK_BYTES, 0);
    slab_init(&buffers, "buffer", BUFFER_BLOCK_BYTES, 0);
    atomic_store(&rsa_key, rsa_key_new());
    struct compressor *compressor = compressor_new();
    for (int i = 0; i < 2; i++) {
        snapshots[i] = make_snapshot(plugins[i]);
        struct pools_host pools_host = {.loop = loop,
                                        .arena_blocks = &arenas,
                                        .buffer_blocks = &buffers,
                                        .scratch = scratch,
                                        .scratch_bytes = sizeof scratch,
                                        .compressor = compressor,
                                        .worker_count = 1};
        struct sessions_host host = {.loop = loop,
                                     .arena_blocks = &arenas,
                                     .buffer_blocks = &buffers,
                                     .scratch = scratch,
                                     .scratch_bytes = sizeof scratch,
                                     .compressor = compressor,
                                     .worker_count = 1,
                                     .pools = pools_new(&pools_host, snapshots[i]),
                                     .client_count = &client_count,
                                     .table_changes = &table_changes,
                                     .account_clients = account_clients,
                                     .rsa_key = &rsa_key,
                                     .login_seed = 7};
        sessions[i] = sessions_new(&host, snapshots[i]);
    }
}

// ---- the client's side

static void look_at(struct client *client, struct slice payload)
{
    struct greeting greeting;
    struct error error;
    struct slice plugin, nonce;
    if (payload.len > 0 && payload.ptr[0] == 10 && greeting_read(payload, &greeting, &error)) {
        memcpy(client->nonce, greeting.nonce, NONCE_BYTES);
        snprintf(client->asked, sizeof client->asked, "%.*s", (int)greeting.plugin.len,
                 (const char *)greeting.plugin.ptr);
    } else if (payload.len > 1 && payload.ptr[0] == 0xfe &&
               auth_switch_read(payload, &plugin, &nonce) && nonce.len <= sizeof client->nonce) {
        memcpy(client->nonce, nonce.ptr, nonce.len);
        snprintf(client->asked, sizeof client->asked, "%.*s", (int)plugin.len,
                 (const char *)plugin.ptr);
        client->wants_password = client->is_sealed = false;
    } else if (payload.len == 2 && payload.ptr[0] == 1 && payload.ptr[1] == 4) {
        client->wants_password = true;
    }
}

static void turn(struct client *client)
{
    uint8_t bytes[16384];
    ssize_t got;
    for (int i = 0; i < 3; i++) {
        loop_run_once(loop, 0);
    }
    while ((got = recv(client->fd, bytes, sizeof bytes, MSG_DONTWAIT)) > 0) {
        text_add(&client->in, bytes, (size_t)got);
    }
    while (client->in.len >= PACKET_HEADER_BYTES) {
        size_t size = packet_payload_bytes(client->in.ptr) + PACKET_HEADER_BYTES;
        if (client->in.len < size) {
            return;
        }
        client->sequence = (uint8_t)(client->in.ptr[3] + 1);
        look_at(client, slice_of(client->in.ptr + PACKET_HEADER_BYTES, size - PACKET_HEADER_BYTES));
        text_drop_front(&client->in, size);
    }
}

// Nobody is in who has not shown that he knows the password.
static void check_who_is_in(const struct client *client, const struct sessions *of)
{
    static const enum session_stage in[] = {SESSION_IDLE, SESSION_RUNNING, SESSION_FLUSHING};
    for (size_t i = 0; i < sizeof in / sizeof in[0]; i++) {
        LIST_FOR_EACH (&of->stages[in[i]], node) {
            const struct user_config *user = session_user(CONTAINER_OF(node, struct session, node));
            bool may_be = user != NULL && user->has_empty_password;
            for (int name = 0; user != NULL && name < KNOWN; name++) {
                may_be |= client->is_proved[name] && strcmp(user->name, names[name]) == 0;
            }
            if (!may_be) {
                abort();
            }
        }
    }
}

static void say(struct client *client, struct slice payload)
{
    struct text packet;
    text_init(&packet);
    packet_append(&packet, payload, &client->sequence);
    (void)send(client->fd, packet.ptr, packet.len, MSG_NOSIGNAL | MSG_DONTWAIT);
    text_done(&packet);
}

// The right answer to what was asked last.
static void prove(struct client *client, int name, struct text *out)
{
    uint8_t answer[ED25519_SIGNATURE_BYTES];
    size_t len = 0;
    struct slice password = slice_of_string(name < KNOWN ? names[name] : "");
    client->is_proved[name] = true;
    if (strcmp(client->asked, plugins[3]) == 0 || client->wants_password) {
        text_add_slice(out, password); // of a local socket: nobody can listen
        write_u8(out, 0);
        return;
    }
    if (strcmp(client->asked, plugins[0]) == 0) {
        auth_native_answer(password, client->nonce, answer, &len);
    } else if (strcmp(client->asked, plugins[1]) == 0) {
        auth_sha2_answer(password, client->nonce, answer, &len);
    } else {
        auth_ed25519_sign(password, client->nonce, answer);
        len = sizeof answer;
    }
    text_add(out, answer, len);
}

// ---- moves

// Bits of `how`: 1 the right answer, 2 a schema, 4 attributes that are no pairs, 8 no plugins;
// above them the plugin that is named.
static void log_in(struct client *client, int name, unsigned how, struct slice rest)
{
    struct text answer, payload;
    text_init(&answer);
    text_init(&payload);
    if ((how & 1) != 0) {
        prove(client, name, &answer);
    } else {
        text_add_slice(&answer, slice_part(rest, 0, rest.len < 40 ? rest.len : 40));
    }
    struct login login = {.capabilities = CAP_PROTOCOL_41 | CAP_SECURE_CONNECTION,
                          .collation_id = (uint16_t)how,
                          .user = slice_of_string(names[name]),
                          .auth = text_slice(&answer),
                          .plugin = slice_of_string(plugins[how / 16])};
    login.capabilities |= (how & 8) != 0 ? 0 : CAP_PLUGIN_AUTH | CAP_PLUGIN_AUTH_LENENC;
    if ((how & 2) != 0) {
        login.capabilities |= CAP_CONNECT_WITH_DB;
        login.database = slice_of_string("shop");
    }
    if ((how & 4) != 0) {
        login.capabilities |= CAP_CONNECT_ATTRS;
        login.attributes = rest;
    }
    login_write(&payload, &login);
    say(client, text_slice(&payload));
    text_done(&payload);
    text_done(&answer);
}

static void change_user(struct client *client, int name, unsigned how, struct slice rest)
{
    struct text answer, payload;
    text_init(&answer);
    text_init(&payload);
    if ((how & 1) != 0) {
        prove(client, name, &answer);
    }
    write_u8(&payload, COM_CHANGE_USER);
    write_nul_string(&payload, slice_of_string(names[name]));
    write_u8(&payload, (uint8_t)answer.len);
    text_add_slice(&payload, text_slice(&answer));
    write_nul_string(&payload, slice_of_string((how & 2) != 0 ? "shop" : ""));
    if ((how & 4) != 0) {
        text_add_slice(&payload, rest);
    } else {
        write_u16(&payload, (uint16_t)how);
        write_nul_string(&payload, slice_of_string(plugins[how / 16]));
    }
    client->sequence = 0;
    say(client, text_slice(&payload));
    text_done(&payload);
    text_done(&answer);
}

static void answer(struct client *client, int name, struct slice rest)
{
    struct text out;
    text_init(&out);
    prove(client, name, &out);
    text_add_slice(&out, rest); // usually nothing
    say(client, text_slice(&out));
    text_done(&out);
}

// Its first byte says which move and the plugin, the second which account and the rest of `how`.
static void play(struct client *client, const uint8_t bytes[2], struct slice rest)
{
    int name = bytes[1] / 16 % NAMES;
    unsigned how = bytes[1] % 16u + bytes[0] / MOVES % PLUGINS * 16u;
    switch ((enum move)(bytes[0] % MOVES)) {
    case MOVE_RAW:
        (void)send(client->fd, rest.ptr, rest.len, MSG_NOSIGNAL | MSG_DONTWAIT);
        break;
    case MOVE_PACKET:
    case MOVES:
        say(client, rest);
        break;
    case MOVE_LOGIN:
        log_in(client, name, how, rest);
        break;
    case MOVE_ANSWER:
        answer(client, name, rest);
        break;
    case MOVE_CHANGE:
        change_user(client, name, how, rest);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    if (loop == NULL) {
        start();
    }
    struct slice input = slice_of(bytes, len);
    struct sessions *of = sessions[len > 0 && (bytes[0] & 1) != 0];
    struct client client = {.fd = -1};
    struct address peer = {.len = sizeof(sa_family_t)};
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) != 0) {
        return 0;
    }
    peer.at.local.sun_family = AF_UNIX;
    client.fd = pair[0];
    text_init(&client.in);
    sessions_accept(of, pair[1], &peer);
    turn(&client);
    input = slice_part(input, len > 0, len);
    while (input.len >= 3) { // a move: which, how, how many bytes behind it
        size_t size = input.ptr[2] < input.len - 3 ? input.ptr[2] : input.len - 3;
        play(&client, input.ptr, slice_part(input, 3, 3 + size));
        turn(&client);
        check_who_is_in(&client, of);
        input = slice_part(input, 3 + size, input.len);
    }
    close(client.fd);
    text_done(&client.in);
    for (int i = 0; i < 5 && sessions_count(of) > 0; i++) {
        loop_run_once(loop, 0);
    }
    assert(sessions_count(of) == 0 && atomic_load(&client_count) == 0);
    for (int i = 0; i < ACCOUNTS; i++) {
        assert(atomic_load(&account_clients[i]) == 0);
    }
    return 0;
}
