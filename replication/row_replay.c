#include "replication/row_replay.h"

#include <sodium.h>

#include "base/memory.h"

bool row_replay_run(struct dbconn *conn, struct slice events, struct error *error)
{
    size_t size = sodium_base64_encoded_len(events.len, sodium_base64_VARIANT_ORIGINAL);
    char *coded = memory_new(size);
    sodium_bin2base64(coded, size, events.ptr, events.len, sodium_base64_VARIANT_ORIGINAL);
    bool is_done = dbconn_run(conn, error, "BINLOG '%s'", coded);
    memory_free(coded);
    return is_done;
}

bool row_replay_begin(struct dbconn *conn, struct slice format_event, struct error *error)
{
    return row_replay_run(conn, format_event, error);
}
