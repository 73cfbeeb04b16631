// COM_STMT_EXECUTE: what could be read is written again and read again, with the same values.

#include <stdlib.h>

#include "protocol/statement.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

enum { PARAMS_MAX = 16 };

static void check_again(struct arena *arena, const struct execute *execute,
                        const bool *has_long_data)
{
    struct text out;
    text_init(&out);
    execute_write(&out, execute, 99);
    struct execute again;
    if (!execute_read(arena, text_slice(&out), execute->param_count, NULL, has_long_data, &again) ||
        again.statement_id != 99) {
        abort();
    }
    for (uint32_t i = 0; i < execute->param_count; i++) {
        const struct binary_value *a = &execute->params[i], *b = &again.params[i];
        if (a->type != b->type || a->is_null != b->is_null || a->is_unsigned != b->is_unsigned ||
            !slice_equal(a->bytes, b->bytes)) {
            abort();
        }
        struct slice text;
        (void)!binary_to_text(arena, a, &text);
    }
    text_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    enum { TYPES_AT = 3, HEAD = TYPES_AT + 2 * PARAMS_MAX };
    if (len < HEAD) {
        return 0;
    }
    uint32_t count = bytes[0] % (PARAMS_MAX + 1);
    bool has_long_data[PARAMS_MAX];
    for (unsigned i = 0; i < PARAMS_MAX; i++) {
        has_long_data[i] = i < 8 && ((bytes[1] & bytes[2]) >> i & 1);
    }
    struct arena arena;
    arena_init(&arena, NULL);
    struct execute execute;
    const uint8_t *types = bytes[2] & 1 ? bytes + TYPES_AT : NULL;
    if (execute_read(&arena, slice_of(bytes + HEAD, len - HEAD), count, types, has_long_data,
                     &execute)) {
        check_again(&arena, &execute, has_long_data);
    }
    arena_clear(&arena);
    return 0;
}
