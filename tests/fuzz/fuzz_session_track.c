// OK packets with their state changes: what can be read can be written and reads the same again.

#include <stdlib.h>

#include "protocol/reply.h"
#include "protocol/session_track.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void check_block(struct slice block)
{
    struct reader reader = reader_of(block);
    struct track_change change;
    size_t whole = 0;
    while (track_read(&reader, &change)) {
        whole += change.whole.len;
        bool is_string = change.type == TRACK_VARIABLE || change.type == TRACK_SCHEMA;
        if (is_string) {
            struct text again;
            text_init(&again);
            track_write(&again, (enum track_type)change.type, change.name, change.value);
            struct reader second = reader_of(text_slice(&again));
            struct track_change copy;
            if (!track_read(&second, &copy) || !slice_equal(copy.value, change.value) ||
                !slice_equal(copy.name, change.name)) {
                abort();
            }
            text_done(&again);
        }
    }
    if (whole > block.len || (!reader.is_bad && whole != block.len)) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct ok_packet ok, again;
    check_block(slice_of(bytes, len));
    if (!ok_read(slice_of(bytes, len), &ok)) {
        return 0;
    }
    check_block(ok.changes);
    struct text out;
    text_init(&out);
    ok_write(&out, &ok);
    if (!ok_read(text_slice(&out), &again) || !slice_equal(again.changes, ok.changes) ||
        again.affected_rows != ok.affected_rows || again.insert_id != ok.insert_id) {
        abort();
    }
    text_done(&out);
    return 0;
}
