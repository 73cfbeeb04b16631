// A source's bytes come in pieces of any size and leave as rows.
//
//     bytes:  [used up |H row      |H row      |H ro]      H = packet header
//                      ^used       ^ +front_bytes    ^len
//
// Used bytes are dropped only when new ones come, and then at once; so the row at the front moves
// only in source_add. A row of more than 16 MB is joined from its packets into a buffer of its own.

#include "session/scatter_source.h"

#include <assert.h>

#include "protocol/bytes.h"
#include "protocol/error_table.h"
#include "protocol/packet.h"
#include "session/merge.h"

enum {
    ROW_BYTES_MAX = 0x7fffffff,
    KEPT_BYTES_MAX = 1024 * 1024, // a buffer that a huge row has made larger is given back
};

void source_start(struct scatter_source *source, struct arena *arena, const char *shard,
                  enum answer_kind kind, uint64_t capabilities)
{
    *source = (struct scatter_source){.arena = arena, .shard = shard};
    text_init(&source->bytes);
    text_init(&source->joined);
    answer_start(&source->answer, kind, capabilities);
}

void source_stop(struct scatter_source *source)
{
    text_done(&source->bytes);
    text_done(&source->joined);
    warning_list_free(source->warnings);
    source->warnings = NULL;
}

size_t source_waiting_bytes(const struct scatter_source *source)
{
    return source->bytes.len - source->used - source->front_bytes;
}

static bool is_joined(const struct scatter_source *source)
{
    return source->front_bytes > PACKET_HEADER_BYTES + source->row.len;
}

void source_add(struct scatter_source *source, const uint8_t *bytes, size_t len)
{
    if (source->at == SOURCE_AT_END || source->at == SOURCE_AT_OK ||
        source->at == SOURCE_AT_ERROR) {
        return; // bytes behind the end were never asked for
    }
    if (source->used == source->bytes.len && source->bytes.capacity > KEPT_BYTES_MAX) {
        text_done(&source->bytes);
    } else {
        text_drop_front(&source->bytes, source->used);
    }
    source->used = 0;
    text_add(&source->bytes, bytes, len);
    if (source->at == SOURCE_AT_ROW && !is_joined(source)) {
        source->row.ptr = source->bytes.ptr + PACKET_HEADER_BYTES;
    }
}

void source_fail(struct scatter_source *source, const struct error *error)
{
    source->at = SOURCE_AT_ERROR;
    source->error = *error;
}

void source_cut(struct scatter_source *source)
{
    source->at = SOURCE_AT_END;
    source->front_bytes = 0;
}

static void fail_with(struct scatter_source *source, enum error_code code, const char *text)
{
    struct error error;
    error_fill(&error, code, text);
    source_fail(source, &error);
}

// The payload of the packet at the front, `raw` bytes with its headers.
static struct slice join(struct scatter_source *source, size_t raw, size_t payload_bytes)
{
    const uint8_t *front = source->bytes.ptr + source->used;
    if (raw == PACKET_HEADER_BYTES + payload_bytes) {
        return slice_of(front + PACKET_HEADER_BYTES, payload_bytes);
    }
    source->joined.len = 0;
    for (size_t at = 0; at < raw;) {
        uint32_t part = packet_payload_bytes(front + at);
        text_add(&source->joined, front + at + PACKET_HEADER_BYTES, part);
        at += PACKET_HEADER_BYTES + part;
    }
    return text_slice(&source->joined);
}

static void take_column(struct scatter_source *source, struct slice payload)
{
    struct column column;
    if (source->columns_have >= source->column_count ||
        !column_read(payload, &column, source->answer.capabilities)) {
        fail_with(source, ER_MALFORMED_PACKET, "");
        return;
    }
    source->columns[source->columns_have++] = merge_copy_column(source->arena, &column);
    source->has_columns = source->columns_have == source->column_count;
}

static void take_end(struct scatter_source *source, enum source_at at, struct slice payload)
{
    const struct answer *answer = &source->answer;
    source->at = at;
    source->ok = (struct ok_packet){.status = answer->status, .warnings = answer->warnings};
    bool is_ok = at == SOURCE_AT_OK || (answer->status & STATUS_SESSION_CHANGED) != 0;
    if (is_ok && !ok_read(payload, &source->ok) && at == SOURCE_AT_OK) {
        fail_with(source, ER_MALFORMED_PACKET, "");
        return;
    }
    source->ok.message = arena_copy(source->arena, source->ok.message);
    source->ok.changes = arena_copy(source->arena, source->ok.changes);
    if (!answer->is_done) {
        fail_with(
            source, ER_CROSS_SHARD,
            "several results from several shards can't be merged; send one statement at a time");
    }
}

// What one packet is. Afterwards source->at says whether to read on (AT_NOTHING).
static void take_packet(struct scatter_source *source, struct slice payload)
{
    switch (answer_packet(&source->answer, payload)) {
    case PART_COLUMN_COUNT:
        source->column_count = source->answer.column_count;
        if (source->column_count > UINT16_MAX) {
            fail_with(source, ER_CROSS_SHARD, "so many columns can't be merged");
            break;
        }
        source->columns =
            arena_alloc(source->arena, source->column_count * sizeof *source->columns);
        break;
    case PART_COLUMN:
        take_column(source, payload);
        break;
    case PART_COLUMNS_END:
        if (source->answer.is_done) {
            fail_with(source, ER_CROSS_SHARD, "a cursor can't be opened on several shards");
        }
        break;
    case PART_ROW:
        source->at = SOURCE_AT_ROW;
        source->row = payload;
        break;
    case PART_ROWS_END:
        take_end(source, SOURCE_AT_END, payload);
        break;
    case PART_OK:
        take_end(source, SOURCE_AT_OK, payload);
        break;
    case PART_ERROR:
        source->at = SOURCE_AT_ERROR;
        if (!error_read(payload, &source->error)) {
            fail_with(source, ER_MALFORMED_PACKET, "");
        }
        break;
    case PART_LOCAL_INFILE:
        fail_with(source, ER_CROSS_SHARD, "LOAD DATA LOCAL goes to one shard only");
        break;
    case PART_PREPARED:
    case PART_PARAM:
    case PART_PARAMS_END:
    case PART_TEXT:
    case PART_BAD:
        fail_with(source, ER_MALFORMED_PACKET, "");
        break;
    }
}

enum source_at source_look(struct scatter_source *source)
{
    while (source->at == SOURCE_AT_NOTHING) {
        struct slice rest = {.ptr = NULL};
        if (source->used < source->bytes.len) {
            rest = slice_part(text_slice(&source->bytes), source->used, source->bytes.len);
        }
        size_t raw = 0, payload_bytes = 0;
        uint8_t next = 0;
        uint8_t expected = rest.len >= PACKET_HEADER_BYTES ? packet_sequence(rest.ptr) : 0;
        enum packet_fit fit =
            packet_look(rest, expected, ROW_BYTES_MAX, &raw, &payload_bytes, &next);
        if (fit == PACKET_PARTIAL) {
            if (source->leg == NULL) { // nothing more will come
                fail_with(source, ER_MALFORMED_PACKET, "");
            }
            break;
        }
        if (fit != PACKET_WHOLE) {
            fail_with(source, ER_MALFORMED_PACKET, "");
            break;
        }
        take_packet(source, join(source, raw, payload_bytes));
        if (source->at == SOURCE_AT_ROW) {
            source->front_bytes = raw;
        } else {
            source->used += raw;
        }
    }
    return source->at;
}

void source_take(struct scatter_source *source)
{
    assert(source->at == SOURCE_AT_ROW);
    if (source->joined.capacity > KEPT_BYTES_MAX) {
        text_done(&source->joined);
    }
    source->used += source->front_bytes;
    source->front_bytes = 0;
    source->at = SOURCE_AT_NOTHING;
}

void source_skip_rows(struct scatter_source *source)
{
    while (source_look(source) == SOURCE_AT_ROW) {
        source_take(source);
    }
}
