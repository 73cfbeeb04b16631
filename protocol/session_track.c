// A state change in the wire's form:
//
//     type(1)  length(lenenc)  [ name(lenenc string) value(lenenc string)   a variable
//                              | value(lenenc string)                       schema, 4, 5
//                              | bytes ]                                    the others

#include "protocol/session_track.h"

static bool has_string(uint8_t type)
{
    return type == TRACK_SCHEMA || type == TRACK_CHARACTERISTICS || type == TRACK_TRANSACTION;
}

bool track_read(struct reader *block, struct track_change *change)
{
    const uint8_t *begin = block->at;
    *change = (struct track_change){0};
    if (reader_left(block) == 0) {
        return false;
    }
    change->type = read_u8(block);
    struct slice inner = read_lenenc_bytes(block);
    if (block->is_bad) {
        return false;
    }
    struct reader reader = reader_of(inner);
    change->whole = slice_of(begin, (size_t)(block->at - begin));
    if (change->type == TRACK_VARIABLE) {
        change->name = read_lenenc_bytes(&reader);
        change->value = read_lenenc_bytes(&reader);
        change->is_server_gtid = slice_is_nocase(change->name, "last_gtid");
    } else if (has_string(change->type)) {
        change->value = read_lenenc_bytes(&reader);
    } else {
        change->value = read_rest(&reader);
        change->is_server_gtid = change->type == TRACK_GTIDS;
    }
    block->is_bad = reader.is_bad || reader_left(&reader) > 0;
    return !block->is_bad;
}

void track_write(struct text *block, enum track_type type, struct slice name, struct slice value)
{
    struct text inner;
    text_init(&inner);
    if (type == TRACK_VARIABLE) {
        write_lenenc_bytes(&inner, name);
    }
    write_lenenc_bytes(&inner, value);
    write_u8(block, (uint8_t)type);
    write_lenenc_bytes(block, text_slice(&inner));
    text_done(&inner);
}
