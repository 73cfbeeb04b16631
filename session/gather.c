// One-packet answers nearly always come in one piece, but never surely so.

#include "session/gather.h"

#include "protocol/answer.h"
#include "protocol/error_table.h"
#include "protocol/packet.h"
#include "protocol/reply.h"

enum {
    GATHER_FIRST = 512,
    GATHER_MAX = PACKET_PAYLOAD_MAX + 64 * 1024, // a server that sends more means harm
};

void gather_add(struct gather *gather, struct arena *arena, const uint8_t *bytes, size_t len)
{
    len = len < GATHER_MAX - gather->len ? len : GATHER_MAX - gather->len;
    if (gather->len + len > gather->capacity) {
        size_t capacity = gather->capacity == 0 ? GATHER_FIRST : gather->capacity * 2;
        while (capacity < gather->len + len) {
            capacity *= 2;
        }
        uint8_t *larger = arena_alloc(arena, capacity);
        if (gather->len > 0) {
            memcpy(larger, gather->bytes, gather->len);
        }
        gather->bytes = larger;
        gather->capacity = capacity;
    }
    if (len > 0) {
        memcpy(gather->bytes + gather->len, bytes, len);
        gather->len += len;
    }
}

struct slice gather_payload(const struct gather *gather)
{
    if (gather->len < PACKET_HEADER_BYTES) {
        return slice_of(NULL, 0);
    }
    size_t len = packet_payload_bytes(gather->bytes);
    if (gather->len < PACKET_HEADER_BYTES + len) {
        return slice_of(NULL, 0);
    }
    return slice_of(gather->bytes + PACKET_HEADER_BYTES, len);
}

// Empty when it is not whole.
static struct slice last_payload(const struct gather *gather)
{
    struct slice payload = slice_of(NULL, 0);
    size_t at = 0;
    while (at + PACKET_HEADER_BYTES <= gather->len) {
        size_t len = packet_payload_bytes(gather->bytes + at);
        at += PACKET_HEADER_BYTES;
        if (at + len > gather->len) {
            return slice_of(NULL, 0);
        }
        payload = slice_of(gather->bytes + at, len);
        at += len;
    }
    return payload;
}

void gather_error(const struct gather *gather, struct error *error)
{
    if (!error_read(last_payload(gather), error)) {
        error_fill(error, ER_UNKNOWN, "a server's error could not be read");
    }
}

static bool each(const struct gather *gather, uint64_t capabilities, enum answer_part part,
                 bool (*take)(void *owner, struct slice payload), void *owner)
{
    struct answer answer;
    size_t at = 0;
    answer_start(&answer, ANSWER_QUERY, capabilities);
    while (at + PACKET_HEADER_BYTES <= gather->len) {
        size_t len = packet_payload_bytes(gather->bytes + at);
        if (at + PACKET_HEADER_BYTES + len > gather->len) {
            return false;
        }
        struct slice payload = slice_of(gather->bytes + at + PACKET_HEADER_BYTES, len);
        if (answer_packet(&answer, payload) == part && !take(owner, payload)) {
            return false;
        }
        at += PACKET_HEADER_BYTES + len;
    }
    return answer.is_done && !answer.is_error;
}

bool gather_each_row(const struct gather *gather, uint64_t capabilities,
                     bool (*take)(void *owner, struct slice row), void *owner)
{
    return each(gather, capabilities, PART_ROW, take, owner);
}

bool gather_each_column(const struct gather *gather, uint64_t capabilities,
                        bool (*take)(void *owner, struct slice definition), void *owner)
{
    return each(gather, capabilities, PART_COLUMN, take, owner);
}

struct only_row {
    struct field *fields;
    uint32_t count;
    bool is_there;
};

static bool take_only(void *owner, struct slice row)
{
    struct only_row *only = owner;
    bool is_first = !only->is_there;
    only->is_there = true;
    return is_first && row_text_read(row, only->fields, only->count);
}

bool gather_only_row(const struct gather *gather, uint64_t capabilities, struct field *fields,
                     uint32_t count)
{
    struct only_row only = {.fields = fields, .count = count};
    return gather_each_row(gather, capabilities, take_only, &only) && only.is_there;
}
