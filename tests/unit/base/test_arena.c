// Pieces of every size are zeroed, aligned and apart from each other, and go back all at once.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/arena.h"

static void fill_with_pieces(struct arena *arena)
{
    uint8_t *pieces[200];
    size_t sizes[200];
    for (size_t i = 0; i < 200; i++) {
        sizes[i] = i * 37 % 5000;
        pieces[i] = arena_alloc(arena, sizes[i]);
        assert_int_equal((uintptr_t)pieces[i] % 16, 0);
        for (size_t at = 0; at < sizes[i]; at++) {
            assert_int_equal(pieces[i][at], 0);
        }
        if (sizes[i] > 0) {
            memset(pieces[i], (int)i, sizes[i]);
        }
    }
    for (size_t i = 0; i < 200; i++) {
        for (size_t at = 0; at < sizes[i]; at++) {
            assert_int_equal(pieces[i][at], (uint8_t)i);
        }
    }
}

static void serves_from_a_slab(void **state)
{
    (void)state;
    struct slab blocks;
    struct arena arena;
    slab_init(&blocks, "arena", ARENA_BLOCK_BYTES, 0);
    arena_init(&arena, &blocks);
    assert_int_equal(blocks.used_count, 0);
    for (int round = 0; round < 3; round++) {
        fill_with_pieces(&arena);
        assert_true(arena.total_bytes > 100000);
        arena_clear(&arena);
        assert_int_equal(arena.total_bytes, 0);
        assert_int_equal(blocks.used_count, 0);
    }
    slab_done(&blocks);
}

static void serves_from_the_heap(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL);
    fill_with_pieces(&arena);
    arena_clear(&arena);
    // A large piece first.
    uint8_t *large = arena_alloc(&arena, 1 << 20);
    large[(1 << 20) - 1] = 1;
    uint8_t *small = arena_alloc(&arena, 10);
    small[9] = 1;
    arena_clear(&arena);
}

static void makes_text(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL);
    struct slice text = arena_format(&arena, "%s-%d", "order", 42);
    assert_int_equal(text.len, 8);
    assert_string_equal((const char *)text.ptr, "order-42");
    struct slice copy = arena_copy(&arena, text);
    assert_ptr_not_equal(copy.ptr, text.ptr);
    assert_true(slice_equal(copy, text));
    assert_int_equal(arena_copy(&arena, slice_of(NULL, 0)).len, 0);
    arena_clear(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(serves_from_a_slab),
        cmocka_unit_test(serves_from_the_heap),
        cmocka_unit_test(makes_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
