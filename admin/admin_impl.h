#pragma once
// Private to admin/. The port's clients:
//
//     GREETED --> SWITCHED --> IDLE <--> ASKING
//        +---------------------^ |         |
//        +-----------+-----------+---------+--> ENDING --> CLOSED (freed after the turn)
//
//   GREETED   the greeting was sent, the client's log-in is awaited
//   SWITCHED  it was asked to log in with another plugin, or for the first time with its own
//   IDLE      takes commands
//   ASKING    a command waits for the workers' reports; further commands stay in `input`
//   ENDING    the last bytes are queued; closed as soon as they are written
//   CLOSED    the descriptor is closed
//
// admin_client_enter() is the only writer of the state.

#include "admin/admin.h"
#include "admin/command.h"
#include "base/arena.h"
#include "base/stream.h"
#include "protocol/handshake.h"

enum client_stage {
    CLIENT_GREETED,
    CLIENT_SWITCHED,
    CLIENT_IDLE,
    CLIENT_ASKING,
    CLIENT_ENDING,
    CLIENT_CLOSED,
};

struct http;
struct ask;

struct admin {
    struct admin_host host;
    struct slab buffer_blocks;
    int listener; // -1: no port
    struct watch accept_watch;
    struct timer tick;
    struct list clients; // open ones
    struct list closed;
    struct later sweep;
    uint32_t last_id;
    struct http *http; // owned; NULL: no page
};

struct client {
    struct node node;    // in admin->clients or admin->closed
    struct admin *admin; // back-pointer
    struct stream stream;
    struct later later; // takes the next command after the workers' reports
    enum client_stage stage;
    uint64_t since_us; // of the stage; loop clock
    uint32_t id;
    uint64_t capabilities;
    uint8_t nonce[NONCE_BYTES];
    uint8_t sequence; // of the next packet that waybill sends
    bool is_sha2;     // logs in with caching_sha2_password
    bool is_admin;    // the user that it named is admin_user
    bool begins_tls;  // it has asked; what it sends from now on belongs to TLS
    struct text input;
    struct buffer output;
    struct text database; // what USE said, for EXPLAIN ROUTE
    struct ask *ask;      // ASKING; else NULL
};

// admin_client.c
void admin_client_start(struct admin *admin, int fd);
void admin_client_enter(struct client *client, enum client_stage stage);
void admin_client_close(struct client *client);
void admin_client_send(struct client *client, struct slice payload); // frames it
void admin_client_send_bytes(struct client *client, struct slice framed);
void admin_client_send_error(struct client *client, const struct error *error);
void admin_client_send_ok(struct client *client, const char *message);
void admin_client_free(struct client *client); // from the closed list

// admin_login.c
void admin_login_greet(struct client *client);
void admin_login_answer(struct client *client, struct slice payload); // GREETED and SWITCHED

// admin_query.c
void admin_query_run(struct client *client, struct slice sql);
void admin_query_forget(struct client *client); // it leaves before the workers' reports have come
