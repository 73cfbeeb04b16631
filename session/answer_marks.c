// An answer goes by as bytes; some of its packets, OK and EOF, have a status. Those alone are put
// together before they are passed on, with the flags in them; all others go through as they come.
// Whoever writes to the client need not know of it: session_write comes by here.
//
//     SERVER_MORE_RESULTS    another statement of the same text follows (multi.c)
//     state changes          what a server tells of its session is not all of the client's
//     (track.c) SERVER_STATUS_IN_TRANS the statement ran beside the client's transaction (SET, USE)
//     autocommit, sql_mode   the backend's session is another one's still (USE)

#include "session/answer_marks.h"

#include "protocol/bytes.h"
#include "protocol/packet.h"
#include "session/client_io.h"
#include "session/track.h"

enum {
    LOOK_BYTES = PACKET_HEADER_BYTES + 1, // what must be seen of a packet to know its kind
    EOF_BYTES = 5,
    EOF_STATUS_AT = 3,
};

void answer_marks_add(struct session *session, enum answer_kind kind, uint16_t flags)
{
    struct request *request = session->request;
    if (request->marks == NULL) {
        request->marks = arena_alloc(&session->arena, sizeof *request->marks);
        answer_start(&request->marks->answer, kind, session->capabilities);
    }
    request->marks->flags |= flags;
}

void answer_marks_own_session(struct session *session, enum answer_kind kind, uint16_t status)
{
    bool has_quotes = session->sessions->snapshot->is_mariadb; // a flag of MariaDB's
    uint16_t about_session = STATUS_AUTOCOMMIT | STATUS_IN_TRANS | STATUS_IN_TRANS_READONLY |
                             STATUS_NO_BACKSLASH_ESCAPES;
    answer_marks_add(session, kind, status);
    session->request->marks->unflags |=
        (uint16_t)(about_session | (has_quotes ? STATUS_ANSI_QUOTES : 0));
}

// Where the status stands in an OK or EOF; 0: nowhere.
static size_t find_status(struct slice payload)
{
    struct reader reader = reader_of(payload);
    if (payload.len == EOF_BYTES && payload.ptr[0] == 0xfe) {
        return EOF_STATUS_AT;
    }
    (void)read_u8(&reader);
    (void)read_lenenc(&reader);
    (void)read_lenenc(&reader);
    size_t at = payload.len - reader_left(&reader);
    (void)read_u16(&reader);
    return reader.is_bad ? 0 : at;
}

static void put_flags(struct answer_marks *marks)
{
    uint8_t *payload = marks->held.bytes + PACKET_HEADER_BYTES;
    size_t len = marks->held.len - PACKET_HEADER_BYTES;
    if (len == 0 || (payload[0] != 0x00 && payload[0] != 0xfe)) {
        return; // an error, a count of columns, a wish for a file
    }
    size_t at = find_status(slice_of(payload, len));
    if (at > 0) {
        unsigned status = payload[at] | (unsigned)payload[at + 1] << 8;
        status = (status & ~(unsigned)marks->unflags) | marks->flags;
        payload[at] = (uint8_t)status;
        payload[at + 1] = (uint8_t)(status >> 8);
    }
}

// The OK again, with the state changes that are the client's session's.
static void put_tracking(struct answer_marks *marks, struct session *session)
{
    struct slice payload = gather_payload(&marks->held);
    struct ok_packet ok;
    if (payload.len <= EOF_BYTES || (payload.ptr[0] != 0x00 && payload.ptr[0] != 0xfe) ||
        !ok_read(payload, &ok)) {
        return;
    }
    struct text block, packet;
    text_init(&block);
    text_init(&packet);
    track_take(session, marks->shard, ok.changes, &block);
    if (!slice_equal(text_slice(&block), ok.changes)) {
        uint8_t sequence = packet_sequence(marks->held.bytes);
        ok.changes = text_slice(&block);
        size_t place = packet_begin(&packet);
        ok_write_as(&packet, payload.ptr[0], &ok);
        packet_end(&packet, place, &sequence);
        marks->held.len = 0;
        gather_add(&marks->held, &session->arena, packet.ptr, packet.len);
    }
    text_done(&block);
    text_done(&packet);
}

// A packet of which nothing has gone out: the number of bytes that are to go through as they are,
// or 0: it is put together.
static size_t look(const struct answer_marks *marks, const uint8_t *begin)
{
    size_t payload_bytes = packet_payload_bytes(begin);
    bool is_ordinary =
        marks->is_row_part ||
        (payload_bytes > 0 &&
         answer_is_in_list(&marks->answer, begin[PACKET_HEADER_BYTES], payload_bytes));
    return is_ordinary ? PACKET_HEADER_BYTES + payload_bytes : 0;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

// How many bytes go through: the rest of a packet that does so, and as many behind it.
static size_t pass(struct answer_marks *marks, const uint8_t *bytes, size_t len)
{
    size_t at = 0;
    while (at < len) {
        if (marks->passing == 0) {
            size_t through = len - at >= LOOK_BYTES ? look(marks, bytes + at) : 0;
            if (through == 0) {
                break;
            }
            marks->is_row_part = through == PACKET_HEADER_BYTES + PACKET_PAYLOAD_MAX;
            marks->passing = (uint32_t)through;
        }
        size_t step = least(marks->passing, len - at);
        (void)!answer_feed(&marks->answer, bytes + at, step);
        marks->passing -= (uint32_t)step;
        at += step;
    }
    return at;
}

// How many bytes of the present packet are still wanted before something can be done with it.
static size_t wanted(const struct answer_marks *marks)
{
    size_t have = marks->held.len;
    if (have < PACKET_HEADER_BYTES) {
        return PACKET_HEADER_BYTES - have;
    }
    size_t whole = PACKET_HEADER_BYTES + packet_payload_bytes(marks->held.bytes);
    return have < LOOK_BYTES && whole >= LOOK_BYTES ? LOOK_BYTES - have : whole - have;
}

// Takes bytes of a packet that may need the flags; what is whole, or needs none, goes out.
static size_t hold(struct answer_marks *marks, struct session *session, const uint8_t *bytes,
                   size_t len)
{
    struct gather *held = &marks->held;
    size_t step = least(wanted(marks), len);
    gather_add(held, &session->arena, bytes, step);
    if (held->len >= LOOK_BYTES && look(marks, held->bytes) > 0) {
        (void)!pass(marks, held->bytes, held->len);
    } else if (held->len >= PACKET_HEADER_BYTES && wanted(marks) == 0) {
        (void)!answer_feed(&marks->answer, held->bytes, held->len);
        put_flags(marks);
        if (marks->has_tracking && track_is_due(session)) {
            put_tracking(marks, session);
        }
        marks->is_row_part = false;
    } else {
        return step;
    }
    (void)client_io_write(session, held->bytes, held->len);
    held->len = 0;
    return step;
}

void answer_marks_drop_part(struct session *session)
{
    if (session->request->marks != NULL) {
        session->request->marks->held.len = 0;
    }
}

bool answer_marks_write(struct session *session, const struct iovec *parts, int count)
{
    struct answer_marks *marks = session->request->marks;
    for (int i = 0; i < count; i++) {
        const uint8_t *bytes = parts[i].iov_base;
        size_t len = parts[i].iov_len;
        while (len > 0 && !session->is_client_gone) {
            size_t step = marks->held.len == 0 ? pass(marks, bytes, len) : 0;
            if (step > 0) {
                (void)client_io_write(session, bytes, step);
            } else {
                step = hold(marks, session, bytes, len);
            }
            bytes += step;
            len -= step;
        }
    }
    return session->is_output_full;
}
