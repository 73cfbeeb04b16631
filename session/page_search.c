#include "session/page_search.h"

enum { ROUNDS_MAX = 12 };

void page_search_start(struct page_search *search, struct arena *arena, uint32_t shard_count,
                       uint64_t skip, uint64_t goal)
{
    *search = (struct page_search){.shard_count = shard_count, .skip = skip, .goal = goal};
    search->windows = arena_alloc(arena, shard_count * sizeof *search->windows);
    search->places = arena_alloc(arena, shard_count * sizeof *search->places);
    for (uint32_t i = 0; i < shard_count; i++) {
        search->windows[i] = skip;
    }
}

bool page_search_is_done(const struct page_search *search)
{
    return search->skip <= search->goal || search->is_stuck || search->is_beyond ||
           search->rounds >= ROUNDS_MAX;
}

// As a double, which is near enough to choose by.
static double sum_of_windows(const struct page_search *search)
{
    double sum = 0;
    for (uint32_t i = 0; i < search->shard_count; i++) {
        sum += (double)search->windows[i];
    }
    return sum;
}

// Each shard's share of `skip` by its window; together they are no more than that.
void page_search_ask(struct page_search *search)
{
    double part = (double)search->skip / sum_of_windows(search);
    uint64_t left = search->skip;
    search->rounds++;
    search->missed = 0;
    for (uint32_t i = 0; i < search->shard_count; i++) {
        uint64_t window = search->windows[i];
        double wanted = (double)window * part;
        uint64_t place = wanted < (double)window ? (uint64_t)wanted : window;
        place = place < left ? place : left;
        left -= place;
        search->places[i] = place;
    }
}

void page_search_miss(struct page_search *search, uint32_t shard)
{
    search->missed++;
    if (search->windows[shard] > search->places[shard]) {
        search->windows[shard] = search->places[shard];
    }
}

void page_search_end(struct page_search *search)
{
    search->is_stuck = true;
    search->is_beyond = search->missed == search->shard_count; // no more rows than all the places
}

static uint64_t total_of(const struct page_search *search, const uint64_t *counts)
{
    uint64_t total = 0;
    for (uint32_t i = 0; i < search->shard_count; i++) {
        total += counts[i];
    }
    return total;
}

uint32_t page_search_take(struct page_search *search, const uint64_t *counts, uint32_t values)
{
    const uint32_t shards = search->shard_count;
    uint32_t low = PAGE_NO_BOUND, high = PAGE_NO_BOUND;
    uint64_t low_total = 0, high_total = UINT64_MAX;
    double before = sum_of_windows(search);
    for (uint32_t i = 0; i < values; i++) {
        uint64_t total = total_of(search, &counts[i * shards]);
        if (total <= search->skip && total > low_total) {
            low = i;
            low_total = total;
        } else if (total > search->skip && total < high_total) {
            high = i;
            high_total = total;
        }
    }
    search->skip -= low_total;
    for (uint32_t i = 0; i < shards; i++) {
        uint64_t window = search->windows[i];
        if (high != PAGE_NO_BOUND && counts[high * shards + i] < window) {
            window = counts[high * shards + i];
        }
        uint64_t left_out = low != PAGE_NO_BOUND ? counts[low * shards + i] : 0;
        window = window > left_out ? window - left_out : 0;
        search->windows[i] = window < search->skip ? window : search->skip;
    }
    search->is_stuck = low == PAGE_NO_BOUND && sum_of_windows(search) >= before;
    return low;
}
