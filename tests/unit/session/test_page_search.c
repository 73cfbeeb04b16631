// Where a deep page begins, against all rows sorted: shards with few rows exhaustively, many rows
// at random. The shards' answers are played here; values are numbers, NULL is -1.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "session/page_search.h"

enum { SHARDS_MAX_HERE = 16, NONE = -2 };

struct shard {
    int64_t *values; // sorted
    uint64_t count;
};

struct model {
    struct shard shards[SHARDS_MAX_HERE];
    uint32_t shard_count;
    bool is_descending;
    struct page_search search;
    int64_t bound; // NONE
};

// Is the row before the value? As page_count has it.
static bool is_before(const struct model *model, int64_t row, int64_t value)
{
    return model->is_descending ? row > value && row != -1 : row < value;
}

static bool is_left(const struct model *model, int64_t row)
{
    return model->bound == NONE || !is_before(model, row, model->bound);
}

static int compare(const void *a, const void *b)
{
    const int64_t *left = a, *right = b;
    return (*left > *right) - (*left < *right);
}

static int compare_descending(const void *a, const void *b)
{
    return compare(b, a);
}

// The shard's value at its place, of the rows from the bound on; NONE: it has no row there.
static int64_t value_at(const struct model *model, uint32_t shard, uint64_t place)
{
    for (uint64_t i = 0; i < model->shards[shard].count; i++) {
        int64_t row = model->shards[shard].values[i];
        if (is_left(model, row) && place-- == 0) {
            return row;
        }
    }
    return NONE;
}

static uint64_t count_before(const struct model *model, uint32_t shard, int64_t value)
{
    uint64_t count = 0;
    for (uint64_t i = 0; i < model->shards[shard].count; i++) {
        int64_t row = model->shards[shard].values[i];
        count += is_left(model, row) && is_before(model, row, value);
    }
    return count;
}

static void play_round(struct model *model)
{
    int64_t values[SHARDS_MAX_HERE];
    uint64_t counts[SHARDS_MAX_HERE * SHARDS_MAX_HERE];
    uint32_t value_count = 0;
    uint64_t asked = 0;
    page_search_ask(&model->search);
    for (uint32_t i = 0; i < model->shard_count; i++) {
        int64_t value = value_at(model, i, model->search.places[i]);
        asked += model->search.places[i];
        if (value == NONE) {
            page_search_miss(&model->search, i);
        } else if (value != -1) {
            values[value_count++] = value;
        }
    }
    assert_true(asked <= model->search.skip);
    for (uint32_t i = 0; i < value_count; i++) {
        for (uint32_t k = 0; k < model->shard_count; k++) {
            counts[i * model->shard_count + k] = count_before(model, k, values[i]);
        }
    }
    if (value_count == 0) {
        page_search_end(&model->search);
        return;
    }
    uint32_t best = page_search_take(&model->search, counts, value_count);
    if (best != PAGE_NO_BOUND) {
        model->bound = values[best];
    }
}

// Rows from the bound on, sorted, behind those that are still to be skipped, are the page.
static void check(const struct model *model, const int64_t *all, uint64_t all_count,
                  uint64_t offset)
{
    const struct page_search *search = &model->search;
    uint64_t left = 0;
    for (uint64_t i = 0; i < all_count; i++) {
        left += is_left(model, all[i]);
    }
    if (search->is_beyond) {
        assert_true(all_count <= offset);
        return;
    }
    assert_int_equal(all_count - left, offset - search->skip);
    for (uint64_t i = 0; i < all_count - left; i++) {
        assert_false(is_left(model, all[i])); // those left out come first
    }
}

static void play(struct arena *arena, struct model *model, uint64_t offset, uint64_t goal)
{
    int64_t *all = arena_alloc(arena, 20000 * sizeof *all);
    uint64_t count = 0;
    for (uint32_t i = 0; i < model->shard_count; i++) {
        struct shard *shard = &model->shards[i];
        qsort(shard->values, shard->count, sizeof *shard->values,
              model->is_descending ? compare_descending : compare);
        for (uint64_t k = 0; k < shard->count; k++) {
            all[count++] = shard->values[k];
        }
    }
    qsort(all, count, sizeof *all, model->is_descending ? compare_descending : compare);
    model->bound = NONE;
    page_search_start(&model->search, arena, model->shard_count, offset, goal);
    while (!page_search_is_done(&model->search)) {
        play_round(model);
    }
    check(model, all, count, offset);
}

// All ways to give two shards up to three rows each of NULL, 0, 1.
static void test_small(void **state)
{
    (void)state;
    for (unsigned code = 0; code < 4096 * 2; code++) {
        int64_t rows[2][3];
        struct model model = {.shard_count = 2, .is_descending = code >= 4096};
        for (unsigned i = 0; i < 6; i++) {
            unsigned digit = code >> (2 * i) & 3;
            struct shard *shard = &model.shards[i / 3];
            shard->values = rows[i / 3];
            if (digit != 3) {
                shard->values[shard->count++] = (int64_t)digit - 1;
            }
        }
        for (uint64_t offset = 1; offset <= 8; offset++) {
            struct arena arena;
            arena_init(&arena, NULL);
            play(&arena, &model, offset, 0);
            arena_clear(&arena);
        }
    }
}

enum spread { SPREAD_EVEN, SPREAD_TIES, SPREAD_APART, SPREAD_NULLS, SPREAD_ALL };

static int64_t value_of(enum spread spread, uint32_t shard, unsigned random)
{
    switch (spread) {
    case SPREAD_EVEN:
        return random % 1000000;
    case SPREAD_TIES:
        return random % 50;
    case SPREAD_APART: // all rows of a shard before those of the next
        return (int64_t)shard * 1000000 + random % 1000000;
    case SPREAD_NULLS:
        return random % 10 == 0 ? -1 : (int64_t)(random % 1000000);
    case SPREAD_ALL:
        break;
    }
    return 0;
}

static void test_large(void **state)
{
    (void)state;
    unsigned random = 20261130;
    for (unsigned turn = 0; turn < 2 * SPREAD_ALL; turn++) {
        enum spread spread = turn % SPREAD_ALL;
        struct arena arena;
        struct model model = {.shard_count = SHARDS_MAX_HERE, .is_descending = turn >= SPREAD_ALL};
        arena_init(&arena, NULL);
        for (uint32_t i = 0; i < SHARDS_MAX_HERE; i++) {
            model.shards[i] = (struct shard){.count = 1000};
            model.shards[i].values = arena_alloc(&arena, 1000 * sizeof(int64_t));
            for (unsigned k = 0; k < 1000; k++) {
                random = random * 1103515245 + 12345;
                model.shards[i].values[k] = value_of(spread, i, random >> 8);
            }
        }
        play(&arena, &model, 9000, 100);
        assert_true(model.search.rounds <= 5);
        if (spread != SPREAD_TIES) { // 320 rows of a value: the page may begin among them
            assert_true(model.search.skip <= 100);
        } else {
            assert_true(model.search.skip <= 400);
        }
        play(&arena, &model, 20000, 100);
        assert_true(model.search.is_beyond || spread == SPREAD_NULLS);
        arena_clear(&arena);
    }
}

// Hostile counts do no harm.
static void test_nonsense(void **state)
{
    (void)state;
    struct arena arena;
    struct page_search search;
    arena_init(&arena, NULL);
    page_search_start(&search, &arena, 2, UINT64_MAX, 100);
    page_search_ask(&search);
    static const uint64_t counts[] = {UINT64_MAX, UINT64_MAX, UINT64_MAX - 5, 0, 7, 7};
    (void)page_search_take(&search, counts, 3);
    while (!page_search_is_done(&search)) {
        page_search_ask(&search);
        (void)page_search_take(&search, counts, 3);
    }
    arena_clear(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small),
        cmocka_unit_test(test_large),
        cmocka_unit_test(test_nonsense),
    };
    return cmocka_run_group_tests_name("page_search", tests, NULL, NULL);
}
