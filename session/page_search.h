#pragma once
// Where a deep page begins (router/page.h): which places the shards are asked for, and what their
// counts say. A function of numbers: values are the servers' business.
//
//     places --> a value of each shard --> counts of the rows before each value, on each shard
//        ^                                     |
//        +-- among the rows from the best -----+--> done: `skip` rows are left before the page
//            value on
//
// Of the values with no more than `skip` rows before them the last is the new bound; the first one
// with more says how far each shard needs to be looked at. The places are shares of `skip`, so the
// least of the values is always one of the former.

#include "base/arena.h"

#define PAGE_NO_PLACE UINT64_MAX
#define PAGE_NO_BOUND UINT32_MAX

struct page_search {
    uint32_t shard_count;
    uint64_t skip; // rows before the page, of those from the bound on
    uint64_t goal; // that few need no further round
    // Of each shard, from the bound on; in the arena.
    uint64_t *windows; // no more rows than that are before the page
    uint64_t *places;  // asked for; 0 is the first row
    uint32_t rounds;
    uint32_t missed; // places without a row
    bool is_stuck;   // the last round told nothing new
    bool is_beyond;  // there are no more than `skip` rows
};

void page_search_start(struct page_search *search, struct arena *arena, uint32_t shard_count,
                       uint64_t skip, uint64_t goal);
// Is there no more to be asked?
bool page_search_is_done(const struct page_search *search) MUST_CHECK;
// Fills `places`.
void page_search_ask(struct page_search *search);
// The shard has no row at its place.
void page_search_miss(struct page_search *search, uint32_t shard);
// No shard gave a value: it is done.
void page_search_end(struct page_search *search);
// counts[value * shard_count + shard]. Which value is the new bound; PAGE_NO_BOUND: the old one
// stays.
uint32_t page_search_take(struct page_search *search, const uint64_t *counts, uint32_t values);
