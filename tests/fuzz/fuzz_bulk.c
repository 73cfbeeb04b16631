// COM_STMT_BULK_EXECUTE: sets of values that could be read are written again and read again.

#include <stdlib.h>

#include "protocol/bulk.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

enum { PARAMS_MAX = 8 };

static void check_again(const struct bulk *bulk, const struct binary_value *params, uint32_t count)
{
    struct text out;
    struct bulk again;
    struct binary_value read[PARAMS_MAX];
    text_init(&out);
    bulk_write_head(&out, bulk->types, count);
    for (uint32_t i = 0; i < count; i++) {
        bulk_write_value(&out, &params[i]);
    }
    if (!bulk_read(text_slice(&out), count, &again)) {
        abort();
    }
    struct reader reader = reader_of(again.rows);
    if (!bulk_read_row(&reader, again.types, count, read) || reader_left(&reader) != 0) {
        abort();
    }
    for (uint32_t i = 0; i < count; i++) {
        if (read[i].type != params[i].type || read[i].indicator != params[i].indicator ||
            !slice_equal(read[i].bytes, params[i].bytes)) {
            abort();
        }
    }
    text_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct bulk bulk;
    struct binary_value params[PARAMS_MAX];
    if (len == 0) {
        return 0;
    }
    uint32_t count = 1 + bytes[0] % PARAMS_MAX;
    if (!bulk_read(slice_of(bytes + 1, len - 1), count, &bulk) || bulk.types == NULL) {
        return 0;
    }
    struct reader reader = reader_of(bulk.rows);
    while (reader_left(&reader) > 0 && bulk_read_row(&reader, bulk.types, count, params)) {
        check_again(&bulk, params, count);
    }
    return 0;
}
