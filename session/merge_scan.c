// See merge_scan.h.

#include "session/merge_scan.h"

#include "protocol/row_binary.h"

enum {
    NULL_BYTE = 0xfb,  // of a text row
    BITMAP_OFFSET = 2, // of a binary row
};

static bool scan_text(const struct merge_columns *columns, struct slice payload,
                      struct place *places, size_t *visible_end)
{
    struct reader reader = reader_of(payload);
    for (uint32_t i = 0; i < columns->count; i++) {
        places[i] = (struct place){.begin = 0};
        if (reader_left(&reader) > 0 && reader.at[0] == NULL_BYTE) {
            reader.at++;
            places[i].is_null = true;
        } else {
            struct slice bytes = read_lenenc_bytes(&reader);
            places[i].begin = (size_t)(reader.at - payload.ptr) - bytes.len;
            places[i].len = bytes.len;
        }
        if (i + 1 == columns->visible) {
            *visible_end = (size_t)(reader.at - payload.ptr);
        }
    }
    return !reader.is_bad && reader_left(&reader) == 0;
}

size_t merge_bitmap_bytes(uint32_t columns)
{
    return ((size_t)columns + BITMAP_OFFSET + 7) / 8;
}

static bool scan_binary(const struct merge_columns *columns, struct slice payload,
                        struct place *places, size_t *visible_end)
{
    struct reader reader = reader_of(payload);
    uint8_t first = read_u8(&reader);
    struct slice bitmap = read_bytes(&reader, merge_bitmap_bytes(columns->count));
    if (reader.is_bad || first != 0) {
        return false;
    }
    for (uint32_t i = 0; i < columns->count; i++) {
        uint32_t bit = i + BITMAP_OFFSET;
        places[i] = (struct place){.is_null = (bitmap.ptr[bit / 8] >> (bit % 8)) & 1};
        if (!places[i].is_null) {
            struct slice bytes = binary_read_value(&reader, columns->columns[i].type);
            places[i].begin = (size_t)(reader.at - payload.ptr) - bytes.len;
            places[i].len = bytes.len;
        }
        if (i + 1 == columns->visible) {
            *visible_end = (size_t)(reader.at - payload.ptr);
        }
    }
    return !reader.is_bad && reader_left(&reader) == 0;
}

bool merge_scan(const struct merge_columns *columns, struct slice payload, struct place *places,
                size_t *visible_end)
{
    return columns->is_binary ? scan_binary(columns, payload, places, visible_end)
                              : scan_text(columns, payload, places, visible_end);
}
