#include "replication/row_replay.h"

static void add_base64(struct text *out, struct slice bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t left = bytes.len - i;
        uint32_t three = (uint32_t)bytes.ptr[i] << 16 |
                         (left > 1 ? (uint32_t)bytes.ptr[i + 1] << 8 : 0) |
                         (left > 2 ? (uint32_t)bytes.ptr[i + 2] : 0);
        char four[4] = {digits[three >> 18], digits[three >> 12 & 63],
                        left > 1 ? digits[three >> 6 & 63] : '=',
                        left > 2 ? digits[three & 63] : '='};
        text_add(out, four, sizeof four);
    }
}

bool row_replay_run(struct dbconn *conn, struct slice events, struct error *error)
{
    struct text coded;
    text_init(&coded);
    add_base64(&coded, events);
    text_add(&coded, "", 1);
    bool is_done = dbconn_run(conn, error, "BINLOG '%s'", (const char *)coded.ptr);
    text_done(&coded);
    return is_done;
}

bool row_replay_begin(struct dbconn *conn, struct slice format_event, struct error *error)
{
    return row_replay_run(conn, format_event, error);
}
