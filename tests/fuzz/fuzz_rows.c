// Rows of both protocols: the first byte says how many columns, the next ones their types; every
// field of a binary row that could be read is also turned into text.

#include "protocol/row_binary.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

enum { COLUMNS_MAX = 32 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    uint32_t count = len > 0 ? bytes[0] % (COLUMNS_MAX + 1) : 0;
    if (len < 1 + (size_t)count) {
        return 0;
    }
    struct column columns[COLUMNS_MAX] = {0};
    for (uint32_t i = 0; i < count; i++) {
        columns[i].type = bytes[1 + i];
    }
    struct slice payload = slice_of(bytes + 1 + count, len - 1 - count);
    struct field fields[COLUMNS_MAX];
    (void)!row_text_read(payload, fields, count);
    if (!row_binary_read(payload, columns, count, fields)) {
        return 0;
    }
    struct arena arena;
    arena_init(&arena, NULL);
    for (uint32_t i = 0; i < count; i++) {
        struct binary_value value = {.type = columns[i].type,
                                     .is_unsigned = (len & 1) != 0,
                                     .is_null = fields[i].is_null,
                                     .bytes = fields[i].bytes};
        struct slice text;
        (void)!binary_to_text(&arena, &value, &text);
    }
    arena_clear(&arena);
    return 0;
}
