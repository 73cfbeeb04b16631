// Packets that waybill makes itself for a client: OK, ERR, the end of rows. They continue the
// sequence of the running command.

#include <assert.h>

#include "protocol/packet.h"
#include "session/client_io.h"
#include "session/track.h"
#include "session/transaction.h"

uint16_t session_status(const struct session *session)
{
    uint16_t status = session->carried.is_autocommit_off ? 0 : STATUS_AUTOCOMMIT;
    if (transaction_is_seen(session)) {
        status |= STATUS_IN_TRANS;
        status |= session->transaction.is_read_only ? STATUS_IN_TRANS_READONLY : 0;
    }
    if ((session_sql_mode(session) & SQL_ANSI_QUOTES) != 0 &&
        session->sessions->snapshot->is_mariadb) {
        status |= STATUS_ANSI_QUOTES;
    }
    if ((session_sql_mode(session) & SQL_NO_BACKSLASH_ESCAPES) != 0) {
        status |= STATUS_NO_BACKSLASH_ESCAPES;
    }
    return status;
}

void session_write_payload(struct session *session, struct slice payload)
{
    assert(session->request != NULL);
    client_io_write_packet(session, payload, &session->request->sequence);
}

// With the state changes that are due, where it is no part of a relayed answer.
static void write_own_ok(struct session *session, uint8_t first, const struct ok_packet *ok)
{
    struct ok_packet whole = *ok;
    struct text payload, block;
    text_init(&payload);
    text_init(&block);
    whole.status |= session_status(session);
    if (track_is_due(session) && !track_is_followed(session)) {
        track_take(session, NO_SHARD, slice_of(NULL, 0), &block);
        whole.changes = text_slice(&block);
    }
    ok_write_as(&payload, first, &whole);
    session_write_payload(session, text_slice(&payload));
    text_done(&payload);
    text_done(&block);
}

void session_write_ok(struct session *session, const struct ok_packet *ok)
{
    write_own_ok(session, 0x00, ok);
}

void session_write_error(struct session *session, const struct error *error)
{
    struct text payload;
    text_init(&payload);
    error_write(&payload, error);
    session_write_payload(session, text_slice(&payload));
    text_done(&payload);
    counter_add(&session->sessions->counters.errors_sent, 1);
}

void session_write_rows_end(struct session *session, uint16_t warnings, uint16_t more_status)
{
    if ((session->capabilities & CAP_DEPRECATE_EOF) != 0) {
        write_own_ok(session, 0xfe,
                     &(struct ok_packet){.status = more_status, .warnings = warnings});
        return;
    }
    struct text payload;
    text_init(&payload);
    eof_write(&payload, warnings, session_status(session) | more_status);
    session_write_payload(session, text_slice(&payload));
    text_done(&payload);
}
