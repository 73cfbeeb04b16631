// A client's bytes in and out.
//
// In: one read goes into the worker's scratch. A whole packet there is handled where it lies; what
// is left over (a part of a packet, commands sent ahead of an answer) is kept in session->input,
// which is empty in an idle session. While a command runs, no more than CLIENT_AHEAD_MAX bytes of
// further commands are taken: then the socket is not read.
//
// Out: bytes are written at once, from where they lie. What the socket does not take is queued in
// borrowed blocks; above CLIENT_QUEUE_HIGH the flow is told to pause its backends.
//
//     backend's scratch --writev--> client        usually all of it: no copy, no watch changed
//              +-- the rest --> output blocks --on WRITE--> client; then flow->on_drained

#include "session/client_io.h"

#include <assert.h>

#include "base/log.h"
#include "protocol/compress.h"
#include "protocol/error_table.h"
#include "protocol/packet.h"
#include "session/answer_marks.h"
#include "session/client_login.h"
#include "session/command.h"
#include "session/cursor_aside.h"
#include "session/steps.h"

enum { LOGIN_PACKET_MAX = ATTRIBUTES_MAX + 4096, PARTS_MAX = 16 };

// ---- out

// The event that is running belongs to a flow or a backend: closing waits until it is over.
static void lose_client(struct session *session)
{
    session->is_client_gone = true;
    buffer_clear(&session->output);
    loop_do_later(session->sessions->host.loop, &session->later);
}

static void queue_rest(struct session *session, const struct iovec *parts, int count, size_t put)
{
    for (int i = 0; i < count; i++) {
        size_t len = parts[i].iov_len;
        if (put >= len) {
            put -= len;
            continue;
        }
        buffer_append(&session->output, (const uint8_t *)parts[i].iov_base + put, len - put);
        put = 0;
    }
    client_io_update_watch(session);
}

static bool write_parts(struct session *session, const struct iovec *parts, int count)
{
    if (session->is_client_gone || session->stream.fd < 0) {
        return false;
    }
    session->is_answer_begun = true;
    size_t total = 0;
    for (int i = 0; i < count; i++) {
        total += parts[i].iov_len;
    }
    counter_add(&session->sessions->counters.bytes_to_clients, total);
    size_t put = 0;
    if (session->output.size_bytes == 0 && total > 0) {
        enum io io = stream_write(&session->stream, parts, count, &put);
        if (io == IO_ERROR || io == IO_CLOSED) {
            lose_client(session);
            return false;
        }
        session->heard_us = session_now_us(session);
    }
    if (put < total) {
        queue_rest(session, parts, count, put);
    }
    if (session->output.size_bytes > CLIENT_QUEUE_HIGH) {
        session->is_output_full = true;
    }
    return session->is_output_full;
}

bool client_io_put(struct session *session, const void *bytes, size_t len)
{
    struct iovec part = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = len};
    return write_parts(session, &part, 1);
}

static bool write_or_put_aside(struct session *session, const struct iovec *parts, int count)
{
    bool is_aside = session->request != NULL && session->request->aside != NULL;
    return is_aside ? cursor_aside_write(session, parts, count)
                    : write_parts(session, parts, count);
}

bool client_io_write(struct session *session, const void *bytes, size_t len)
{
    struct iovec part = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = len};
    return write_or_put_aside(session, &part, 1);
}

bool session_write_parts(struct session *session, const struct iovec *parts, int count)
{
    bool is_marked = session->request != NULL && session->request->marks != NULL;
    if (session->request != NULL && session->request->is_step) {
        steps_catch(session, parts, count);
        return false;
    }
    return is_marked ? answer_marks_write(session, parts, count)
                     : write_or_put_aside(session, parts, count);
}

bool session_write(struct session *session, const void *bytes, size_t len)
{
    struct iovec part = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = len};
    return session_write_parts(session, &part, 1);
}

void client_io_write_packet(struct session *session, struct slice payload, uint8_t *sequence)
{
    struct text packet;
    text_init(&packet);
    packet_append(&packet, payload, sequence);
    (void)session_write(session, packet.ptr, packet.len);
    text_done(&packet);
}

// The last byte is written: nothing more goes out, and what the client still sends is dropped, so
// that its own unread bytes don't make the kernel throw our last packet away.
static void finish_ending(struct session *session)
{
    if (!stream_end_writing(&session->stream)) {
        session_close(session);
    }
}

void session_end(struct session *session, const struct error *error)
{
    assert(session->flow == NULL);
    if (session->stage == SESSION_ENDING || session->stage == SESSION_CLOSED) {
        return;
    }
    if (error != NULL) {
        struct text payload;
        text_init(&payload);
        error_write(&payload, error);
        uint8_t sequence = session->end_sequence;
        client_io_write_packet(session, text_slice(&payload), &sequence);
        text_done(&payload);
        counter_add(&session->sessions->counters.errors_sent, 1);
    }
    legs_release_all(session);
    session_enter(session, SESSION_ENDING);
    text_done(&session->input);
    client_io_update_watch(session);
    if (session->output.size_bytes == 0) {
        finish_ending(session);
    }
}

void client_io_log(const struct session *session, const struct error *error)
{
    char peer[ADDRESS_TEXT_BYTES];
    address_print(&session->peer, peer);
    log_notice("session %u from %s: %s", session->id, peer, error->text);
}

static void refuse_packet(struct session *session, enum error_code code, uint8_t sequence)
{
    struct error error;
    error_fill(&error, code);
    client_io_log(session, &error);
    session->end_sequence = sequence;
    session_end(session, &error);
}

// What was read until now came before the client knew that it is logged in, so before it could
// compress.
static void start_compression(struct session *session)
{
    enum compress_kind kind =
        (session->capabilities & CAP_COMPRESS) != 0 ? COMPRESS_ZLIB : COMPRESS_ZSTD;
    session->compression = COMPRESSION_ON;
    stream_start_compression(
        &session->stream,
        compressor_codec(session->sessions->host.compressor, kind, COMPRESS_LISTENS),
        session->compression_level);
    if (session->input.len > 0) {
        refuse_packet(session, ER_PACKETS_OUT_OF_ORDER, 1);
    }
}

void client_io_rest(struct session *session)
{
    session->is_output_full = false;
    session_enter(session, SESSION_IDLE);
    if (session->compression == COMPRESSION_AWAITED) {
        start_compression(session);
    }
}

static void on_writable(struct session *session)
{
    size_t before = session->output.size_bytes;
    enum io io = stream_flush(&session->stream, &session->output);
    if (io == IO_ERROR || io == IO_CLOSED) {
        session_close(session);
        return;
    }
    if (session->output.size_bytes < before) {
        session->heard_us = session_now_us(session);
    }
    client_io_update_watch(session);
    if (session->output.size_bytes == 0 && session->stage == SESSION_ENDING) {
        finish_ending(session);
    } else if (session->output.size_bytes == 0 && session->stage == SESSION_FLUSHING) {
        client_io_rest(session);
        client_io_continue(session);
    } else if (session->output.size_bytes <= CLIENT_QUEUE_LOW && session->is_output_full) {
        session->is_output_full = false;
        if (session->flow != NULL) {
            session->flow->kind->on_drained(session->flow);
        }
    }
}

// ---- in

static bool takes_packets(const struct session *session)
{
    return session->stage == SESSION_LOGIN || session->stage == SESSION_IDLE;
}

void client_io_update_watch(struct session *session)
{
    if (session->stream.fd < 0) {
        return;
    }
    bool is_busy = session->stage == SESSION_RUNNING || session->stage == SESSION_FLUSHING;
    bool is_held = session->takes_input ? session->is_input_held
                                        : is_busy && session->input.len >= CLIENT_AHEAD_MAX;
    unsigned events = is_held ? 0 : WATCH_READ;
    if (session->output.size_bytes > 0) {
        events |= WATCH_WRITE;
    }
    stream_watch(&session->stream, events);
}

// Handles the whole packets at the front, as long as the session takes commands; returns how many
// bytes were used. `is_kept`: they are session->input.
static size_t use_packets(struct session *session, struct slice bytes, bool is_kept)
{
    size_t used = 0;
    if (session->awaits_proxy && bytes.len > 0) {
        used = login_take_proxy(session, bytes);
        if (session->awaits_proxy) {
            return 0; // more of it is to come
        }
    }
    while (used < bytes.len && takes_packets(session)) {
        struct slice rest = slice_part(bytes, used, bytes.len);
        bool is_login = session->stage == SESSION_LOGIN;
        size_t max = is_login ? LOGIN_PACKET_MAX
                              : (size_t)session_config(session)->settings.max_packet_bytes;
        uint8_t expected = is_login ? login_sequence(session) : 0;
        size_t raw_bytes = 0, payload_bytes = 0;
        uint8_t next = 0;
        if (session->compression == COMPRESSION_ON) {
            packet_renumber((uint8_t *)(uintptr_t)rest.ptr, rest.len, expected); // our own buffer
        }
        switch (packet_look(rest, expected, max, &raw_bytes, &payload_bytes, &next)) {
        case PACKET_PARTIAL:
            return used;
        case PACKET_BAD_ORDER:
            refuse_packet(session, ER_PACKETS_OUT_OF_ORDER, (uint8_t)(expected + 1));
            return bytes.len;
        case PACKET_TOO_LARGE:
            refuse_packet(session, ER_PACKET_TOO_LARGE, (uint8_t)(expected + 1));
            return bytes.len;
        case PACKET_WHOLE:
            break;
        }
        struct packet_in packet = {.raw = slice_part(rest, 0, raw_bytes),
                                   .payload_bytes = payload_bytes,
                                   .next_sequence = next};
        used += raw_bytes;
        if (is_kept && used == bytes.len && raw_bytes == bytes.len) {
            // All that was kept is this one packet: it moves instead of being copied.
            text_done(&session->packet);
            session->packet = session->input;
            text_init(&session->input);
            packet.is_moved = true;
            used = 0;
            bytes.len = 0;
        }
        if (is_login) {
            bool was_compressed = session->compression == COMPRESSION_ON;
            login_packet(session, &packet);
            if (login_begins_tls(session)) {
                login_start_tls(session, slice_part(bytes, used, bytes.len));
                return bytes.len;
            }
            if (!was_compressed && session->compression == COMPRESSION_ON && used < bytes.len) {
                refuse_packet(session, ER_PACKETS_OUT_OF_ORDER, 1);
                return bytes.len;
            }
        } else {
            command_run(session, &packet);
        }
    }
    return used;
}

// What the running flow wants is its; commands begin behind it.
static size_t use_bytes(struct session *session, struct slice bytes, bool is_kept)
{
    size_t used = 0;
    if (session->takes_input && !session->is_input_held) {
        session->heard_us = session_now_us(session);
        used = session->flow->kind->on_input(session->flow, bytes);
    }
    if (used < bytes.len && takes_packets(session)) {
        struct slice rest = slice_part(bytes, used, bytes.len);
        used += use_packets(session, rest, is_kept && used == 0);
    }
    return used;
}

void client_io_take_input(struct session *session, bool is_held)
{
    session->takes_input = true;
    session->is_input_held = is_held;
    if (!is_held && session->input.len > 0) {
        loop_do_later(session->sessions->host.loop, &session->later);
    }
    client_io_update_watch(session);
}

void client_io_leave_input(struct session *session)
{
    session->takes_input = session->is_input_held = false;
    client_io_update_watch(session);
}

void client_io_continue(struct session *session)
{
    if (session->input.len > 0 && (takes_packets(session) || session->takes_input)) {
        size_t used = use_bytes(session, text_slice(&session->input), true);
        if (used > 0 && session->input.len >= used) {
            text_drop_front(&session->input, used);
        }
        if (session->input.len == 0) {
            text_done(&session->input);
        }
    }
    client_io_update_watch(session);
}

static void on_readable(struct session *session)
{
    const struct sessions_host *host = &session->sessions->host;
    size_t got = 0;
    enum io io = stream_read(&session->stream, host->scratch, host->scratch_bytes, &got);
    if (io == IO_AGAIN) {
        return;
    }
    if (io != IO_DONE) {
        login_note_broken(session);
        session_close(session);
        return;
    }
    counter_add(&session->sessions->counters.bytes_from_clients, got);
    if (session->stage == SESSION_ENDING) {
        return;
    }
    size_t used = 0;
    if (session->input.len == 0) {
        used = use_bytes(session, slice_of(host->scratch, got), false);
    }
    if (session->stage == SESSION_ENDING || session->stage == SESSION_CLOSED) {
        return;
    }
    if (used < got) {
        text_add(&session->input, host->scratch + used, got - used);
        client_io_continue(session);
    }
}

void client_io_on_ready(struct stream *stream, unsigned events)
{
    struct session *session = CONTAINER_OF(stream, struct session, stream);
    if ((events & WATCH_WRITE) != 0 && session->output.size_bytes > 0) {
        on_writable(session);
    }
    if ((events & WATCH_READ) != 0 && session->stage != SESSION_CLOSED &&
        (session->stream.wanted & WATCH_READ) != 0) {
        on_readable(session);
    }
}

void client_io_start(struct session *session)
{
    stream_watch(&session->stream, WATCH_READ);
    session->heard_us = session_now_us(session);
}
