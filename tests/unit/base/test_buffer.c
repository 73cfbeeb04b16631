// What goes in comes out in order, in any pieces, and an empty buffer owns nothing.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/buffer.h"

static void keeps_the_order(void **state)
{
    (void)state;
    struct slab blocks;
    struct buffer buffer;
    slab_init(&blocks, "buffer", BUFFER_BLOCK_BYTES, 4);
    buffer_init(&buffer, &blocks);
    uint32_t next_in = 0;
    uint32_t next_out = 0;
    for (int round = 0; round < 500; round++) {
        for (int i = 0; i < round * 3 % 700; i++) {
            buffer_append(&buffer, &next_in, sizeof next_in);
            next_in++;
        }
        struct iovec part;
        if (buffer_parts(&buffer, &part, 1) == 0) {
            continue;
        }
        // Whole numbers only, so that the test stays simple; a block's room is a multiple of four.
        size_t len = part.iov_len / 2 / sizeof next_out * sizeof next_out;
        for (size_t at = 0; at < len; at += sizeof next_out) {
            uint32_t number;
            memcpy(&number, (uint8_t *)part.iov_base + at, sizeof number);
            assert_int_equal(number, next_out);
            next_out++;
        }
        buffer_drop(&buffer, len);
        assert_int_equal(buffer.size_bytes, (next_in - next_out) * sizeof next_in);
    }
    buffer_drop(&buffer, buffer.size_bytes);
    assert_int_equal(blocks.used_count, 0);
    slab_done(&blocks);
}

static void shows_its_parts(void **state)
{
    (void)state;
    static uint8_t bytes[100000];
    struct slab blocks;
    struct buffer buffer;
    struct iovec parts[16];
    slab_init(&blocks, "buffer", BUFFER_BLOCK_BYTES, 0);
    buffer_init(&buffer, &blocks);
    assert_int_equal(buffer_parts(&buffer, parts, 16), 0);
    buffer_append(&buffer, bytes, sizeof bytes);
    assert_int_equal(buffer_parts(&buffer, parts, 3), 3);
    int count = buffer_parts(&buffer, parts, 16);
    size_t sum = 0;
    for (int i = 0; i < count; i++) {
        sum += parts[i].iov_len;
    }
    assert_int_equal(sum, sizeof bytes);
    buffer_clear(&buffer);
    assert_int_equal(buffer.size_bytes, 0);
    slab_done(&blocks);
}

static void takes_across_blocks(void **state)
{
    (void)state;
    static uint8_t bytes[100000], taken[100000];
    struct slab blocks;
    struct buffer buffer;
    slab_init(&blocks, "buffer", BUFFER_BLOCK_BYTES, 0);
    buffer_init(&buffer, &blocks);
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(i * 7 + i / 256);
    }
    buffer_append(&buffer, bytes, sizeof bytes);
    for (size_t at = 0, len = 1; at < sizeof bytes; at += len, len = len * 3 % 20011) {
        len = len < sizeof bytes - at ? len : sizeof bytes - at;
        buffer_take(&buffer, taken + at, len);
    }
    assert_memory_equal(bytes, taken, sizeof bytes);
    assert_int_equal(buffer.size_bytes, 0);
    assert_int_equal(blocks.used_count, 0);
    slab_done(&blocks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_the_order),
        cmocka_unit_test(shows_its_parts),
        cmocka_unit_test(takes_across_blocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
