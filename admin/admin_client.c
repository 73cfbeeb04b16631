// A client of the admin port: bytes in and out, and the states of admin_impl.h. Nothing here is
// fast or large: a packet has at most PACKET_MAX bytes, an answer is made whole and queued.
//
// Whatever happens in an event, a client is closed by moving it to the closed list; the sweep frees
// it after the turn.

#include "admin/admin_impl.h"

#include <assert.h>

#include "base/log.h"
#include "base/memory.h"
#include "protocol/capability.h"
#include "protocol/error_table.h"
#include "protocol/packet.h"
#include "protocol/reply.h"

enum { PACKET_MAX = 1024 * 1024, READ_BYTES = 16384 };

// ---- states

void admin_client_enter(struct client *client, enum client_stage stage)
{
    client->stage = stage;
    client->since_us = loop_now_us(client->admin->host.loop);
    assert((stage == CLIENT_ASKING) == (client->ask != NULL));
}

void admin_client_close(struct client *client)
{
    struct admin *admin = client->admin;
    if (client->stage == CLIENT_CLOSED) {
        return;
    }
    if (client->ask != NULL) {
        admin_query_forget(client);
    }
    loop_cancel_later(admin->host.loop, &client->later);
    stream_close(&client->stream);
    list_remove(&admin->clients, &client->node);
    list_push_back(&admin->closed, &client->node);
    admin_client_enter(client, CLIENT_CLOSED);
    loop_do_later(admin->host.loop, &admin->sweep);
}

void admin_client_free(struct client *client)
{
    list_remove(&client->admin->closed, &client->node);
    text_done(&client->input);
    text_done(&client->database);
    buffer_clear(&client->output);
    memory_free(client);
}

// ---- out

// What is queued goes out as far as the socket takes it; an ending client is closed behind its last
// byte.
static void flush(struct client *client)
{
    enum io io = stream_flush(&client->stream, &client->output);
    if (io == IO_CLOSED || io == IO_ERROR || (io == IO_DONE && client->stage == CLIENT_ENDING)) {
        admin_client_close(client);
        return;
    }
    bool wants_more = client->stage != CLIENT_ENDING && client->input.len <= PACKET_MAX;
    stream_watch(&client->stream,
                 (wants_more ? WATCH_READ : 0) | (io == IO_AGAIN ? WATCH_WRITE : 0));
}

void admin_client_send_bytes(struct client *client, struct slice framed)
{
    buffer_append(&client->output, framed.ptr, framed.len);
}

void admin_client_send(struct client *client, struct slice payload)
{
    struct text packet;
    text_init(&packet);
    packet_append(&packet, payload, &client->sequence);
    admin_client_send_bytes(client, text_slice(&packet));
    text_done(&packet);
}

void admin_client_send_error(struct client *client, const struct error *error)
{
    struct text payload;
    text_init(&payload);
    error_write(&payload, error);
    admin_client_send(client, text_slice(&payload));
    text_done(&payload);
}

void admin_client_send_ok(struct client *client, const char *message)
{
    struct ok_packet ok = {.status = STATUS_AUTOCOMMIT, .message = slice_of_string(message)};
    struct text payload;
    text_init(&payload);
    ok_write(&payload, &ok);
    admin_client_send(client, text_slice(&payload));
    text_done(&payload);
}

// ---- in

static void run_command(struct client *client, struct slice payload)
{
    struct slice rest = payload.len > 0 ? slice_part(payload, 1, payload.len) : payload;
    struct error error;
    switch (payload.len > 0 ? payload.ptr[0] : COM_SLEEP) {
    case COM_QUERY:
        admin_query_run(client, rest);
        return;
    case COM_PING:
    case COM_RESET_CONNECTION:
        admin_client_send_ok(client, "");
        return;
    case COM_INIT_DB:
        client->database.len = 0;
        text_add_slice(&client->database, rest);
        admin_client_send_ok(client, "");
        return;
    case COM_STATISTICS: {
        const char *text = "waybill " WAYBILL_VERSION " (SHOW STATUS says more)";
        admin_client_send(client, slice_of_string(text));
        return;
    }
    case COM_QUIT:
        admin_client_enter(client, CLIENT_ENDING);
        return;
    default:
        error_fill(&error, ER_UNKNOWN_COM);
        admin_client_send_error(client, &error);
        return;
    }
}

static void refuse_packet(struct client *client, enum error_code code)
{
    struct error error;
    error_fill(&error, code);
    admin_client_send_error(client, &error);
    admin_client_enter(client, CLIENT_ENDING);
}

static bool takes_packets(const struct client *client)
{
    return client->stage <= CLIENT_IDLE;
}

// What is in the input, and all that follows, belongs to TLS.
static void start_tls(struct client *client)
{
    struct tls_context *context =
        client->admin->host.current(client->admin->host.owner)->config->client_tls;
    struct error error;
    client->begins_tls = false;
    if (!stream_start_tls(&client->stream, context, NULL, text_slice(&client->input), &error)) {
        log_notice("admin client %u: no TLS: %s", client->id, error.text);
        admin_client_enter(client, CLIENT_ENDING);
    }
    text_done(&client->input);
}

// The whole packets at the front of the input, as long as it takes any.
static void use_packets(struct client *client)
{
    while (client->input.len > 0 && takes_packets(client)) {
        bool is_command = client->stage == CLIENT_IDLE;
        size_t raw_bytes = 0, payload_bytes = 0;
        uint8_t next = 0;
        switch (packet_look(text_slice(&client->input), is_command ? 0 : client->sequence,
                            PACKET_MAX, &raw_bytes, &payload_bytes, &next)) {
        case PACKET_PARTIAL:
            return;
        case PACKET_BAD_ORDER:
            refuse_packet(client, ER_PACKETS_OUT_OF_ORDER);
            return;
        case PACKET_TOO_LARGE:
            refuse_packet(client, ER_PACKET_TOO_LARGE);
            return;
        case PACKET_WHOLE:
            break;
        }
        client->sequence = next;
        // PACKET_MAX is less than one part of a packet, so the payload lies in one piece.
        struct slice payload = slice_of(client->input.ptr + PACKET_HEADER_BYTES, payload_bytes);
        if (is_command) {
            run_command(client, payload);
        } else {
            admin_login_answer(client, payload);
        }
        text_drop_front(&client->input, raw_bytes);
        if (client->begins_tls) {
            start_tls(client);
        }
    }
}

static void on_ready(struct stream *stream, unsigned events)
{
    struct client *client = CONTAINER_OF(stream, struct client, stream);
    uint8_t bytes[READ_BYTES];
    size_t got = 0;
    if ((events & WATCH_READ) != 0) {
        enum io io = stream_read(&client->stream, bytes, sizeof bytes, &got);
        if (io == IO_CLOSED || io == IO_ERROR) {
            admin_client_close(client);
            return;
        }
        text_add(&client->input, bytes, got);
        use_packets(client);
    }
    flush(client);
}

static void on_later(struct later *later)
{
    struct client *client = CONTAINER_OF(later, struct client, later);
    use_packets(client);
    flush(client);
}

void admin_client_start(struct admin *admin, int fd)
{
    struct client *client = memory_new(sizeof *client);
    client->admin = admin;
    client->id = ++admin->last_id;
    stream_init(&client->stream, admin->host.loop, fd, on_ready);
    client->later.on_later = on_later;
    text_init(&client->input);
    text_init(&client->database);
    buffer_init(&client->output, &admin->buffer_blocks);
    list_push_back(&admin->clients, &client->node);
    admin_client_enter(client, CLIENT_GREETED);
    admin_login_greet(client);
    flush(client);
}
