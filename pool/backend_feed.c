// The client's file on its way to a server that has asked for it (LOAD DATA LOCAL).
//
//     command --> 0xfb NAME <-- server
//     user:   backend_feed(bytes) ... backend_feed(is_end)
//     server: <-- OK or ERR
//
// Whatever packets the client sent, here they are made anew, so that bytes can be left out or go to
// several servers. What the server does not take waits in `out`, and the user is asked to wait, so
// no more than one call's bytes are ever kept.

#include "pool/pool_impl.h"

#include <assert.h>

#include "protocol/error_table.h"
#include "protocol/packet.h"

// Far below any max_allowed_packet that is used.
enum { FILE_PACKET_BYTES = 16 * 1024 };

bool backend_feed_begin(struct backend *backend, struct error *error)
{
    struct backend_run *run = &backend->run;
    bool is_offered = run->step == STEP_COMMAND && run->command.takes_file && !run->is_failed &&
                      !run->is_held_back && !backend_has_unsent(backend);
    if (!is_offered) {
        error_fill(error, ER_SERVER_LOST, slot_config(backend->pool->slot)->name,
                   "it asked for a file that nobody has offered");
        return false;
    }
    run->is_asked = true;
    run->feed_sequence = backend->answer.next_sequence;
    return true;
}

bool backend_awaits_file(const struct backend *backend)
{
    return backend->run.is_asked && !backend->run.is_file_over && !backend_has_unsent(backend);
}

bool backend_feed(struct backend *backend, struct slice bytes, bool is_end)
{
    struct backend_run *run = &backend->run;
    struct error error = {0};
    assert(backend->state == BACKEND_RUNNING && run->is_asked && !run->is_file_over);
    if (backend->lost != NULL) {
        return false; // the user is told soon
    }
    if (!backend_has_unsent(backend)) {
        backend->out.len = backend->sent_bytes = 0;
        backend->packet = slice_of(NULL, 0);
        backend->active_us = pools_now_us(backend->pool->slot->pools); // the server's time counts
    }
    while (bytes.len > 0) {
        size_t len = bytes.len < FILE_PACKET_BYTES ? bytes.len : FILE_PACKET_BYTES;
        packet_append(&backend->out, slice_part(bytes, 0, len), &run->feed_sequence);
        bytes = slice_part(bytes, len, bytes.len);
    }
    if (is_end) {
        run->is_file_over = true;
        packet_append(&backend->out, slice_of(NULL, 0), &run->feed_sequence);
    }
    if (!backend_send(backend, &error)) {
        backend_fail_later(backend, &error);
        return false;
    }
    run->is_feed_full = backend_has_unsent(backend);
    return run->is_feed_full;
}

void backend_feed_drained(struct backend *backend)
{
    if (backend->run.is_feed_full) {
        backend->run.is_feed_full = false;
        backend->user->on_fed(backend->user, backend);
    }
}
