// The rows of several sources as one row of rows.
//
//     source 0   [row]  <- the next row of each, put by the flow
//     source 1   [row]        heap of the sources that have a row, smallest on top
//     source 2   (none)  <- wanted: as long as one is wanted, a sorted merge must wait
//     source 3   ended
//
// MERGE_SORT takes the smallest row; equal ones by source, so that the answer doesn't depend on who
// is faster. MERGE_ROWS takes whatever is there. A row is never copied: only the places of its keys
// are kept (relative to its payload, which may move), what they compare by as bytes, and where its
// visible part ends.
//
// MERGE_GROUP gives all rows sorted likewise, and says which are of the same group as the one
// before (merge_group.h makes one of them). Each source must have each group once: one that tells
// apart what is equal here (or the other way round) is found out.
//
// The merge is exact only if each source comes in the order of our comparison. That is checked for
// each row against the one before (their keys were copied when it was taken): a source out of order
// (a TIMESTAMP across a daylight saving change, a collation with another meaning on that server)
// becomes an error, never a shuffled answer.

#include "session/merge_impl.h"

#include <assert.h>

#include "protocol/error_table.h"
#include "session/compare_key.h"

enum {
    BITMAP_OFFSET = 2,    // of a binary row
    SORT_LENGTH_MIN = 64, // max_sort_length may be as low: the server doesn't look further
};

static bool is_sorted(const struct merge *merge)
{
    return merge->plan->merge == MERGE_SORT || merge->plan->merge == MERGE_GROUP;
}

static bool is_grouped(const struct merge *merge)
{
    return merge->plan->merge == MERGE_GROUP;
}

static bool is_union(const struct merge *merge)
{
    return merge->plan->merge == MERGE_UNION;
}

// ---- reading a row

static bool scan_row(struct merge *merge, struct merge_source *source, struct error *error)
{
    if (!merge_scan(merge->columns, source->payload, merge->places, &source->visible_end)) {
        error_fill(error, ER_MALFORMED_PACKET);
        return false;
    }
    return true;
}

// ---- choosing the comparisons

static void find_keys(struct merge *merge)
{
    for (uint32_t i = 0; i < merge->plan->key_count; i++) {
        const struct merge_key *key = &merge->plan->keys[i];
        merge->key_columns[i] = key->column + (key->is_hidden ? merge->columns->visible : 0);
        merge->collation_columns[i] = merge_columns_find_collation(merge->columns, i);
    }
}

// What the first row says of the key in a hidden column; ptr NULL: nothing.
static struct slice told_by(const struct merge *merge, const struct merge_source *source,
                            uint32_t column)
{
    if (column == NO_HIDDEN) {
        return slice_of(NULL, 0);
    }
    return field_at(source->payload.ptr, &merge->places[column]).bytes;
}

static bool choose_comparison(struct merge *merge, const struct merge_source *source, uint32_t key,
                              struct error *error)
{
    if (merge->key_columns[key] >= merge->columns->count) {
        error_fill(error, ER_CROSS_SHARD, "waybill's plan sorts by a column that isn't there");
        return false;
    }
    const struct column *column = &merge->columns->columns[merge->key_columns[key]];
    if (merge->plan->merge == MERGE_GROUP && column->type == TYPE_TIMESTAMP) {
        // Two moments may have one local time, and would be one group.
        error_fill(error, ER_CROSS_SHARD,
                   "waybill can't put together the shards' groups by a TIMESTAMP: give the shard "
                   "key in WHERE");
        return false;
    }
    if (key >= merge->group_keys && (column->type == TYPE_FLOAT || column->type == TYPE_DOUBLE)) {
        // DISTINCT tells apart 0 and -0, GROUP BY doesn't.
        error_fill(error, ER_CROSS_SHARD,
                   "waybill can't put together the shards' DISTINCT values of FLOAT or DOUBLE "
                   "within an aggregate: give the shard key in WHERE");
        return false;
    }
    const struct comparison_wish wish = {
        .column = column,
        .is_binary = merge->columns->is_binary,
        .is_descending = merge->plan->keys[key].is_descending,
        .collation = merge->collations[key],
        .blank = told_by(merge, source, merge_columns_find_blank(merge->columns, key)),
        .is_sent_raw = merge->columns->is_sent_raw,
    };
    if (!comparison_choose(&merge->comparisons[key], &wish, error)) {
        return false;
    }
    if (merge->comparisons[key].is_weights) {
        merge->key_columns[key] = merge_columns_find_weights(merge->columns, key);
    }
    return true;
}

// Room for the sort keys, once it is known how they are compared.
static void make_room_for_keys(struct merge *merge)
{
    merge->key_bytes = 0;
    for (uint32_t i = 0; i < merge->plan->key_count; i++) {
        merge->key_bytes += compare_key_bytes(&merge->comparisons[i]);
    }
    for (uint32_t i = 0; i < merge->source_count; i++) {
        merge->sources[i].keys.bytes = arena_alloc(merge->arena, merge->key_bytes);
    }
    merge->last_keys.bytes = arena_alloc(merge->arena, merge->key_bytes);
}

// The first row of each source: all must sort by the same collations.
static bool look_at_collations(struct merge *merge, struct merge_source *source,
                               struct error *error)
{
    source->is_seen = true;
    for (uint32_t i = 0; i < merge->plan->key_count; i++) {
        struct slice told = told_by(merge, source, merge->collation_columns[i]);
        if (!merge->has_comparisons) {
            merge->collations[i] = told.ptr != NULL ? arena_copy(merge->arena, told) : told;
            if (!choose_comparison(merge, source, i, error)) {
                return false;
            }
        } else if (!slice_equal(merge->collations[i], told)) {
            error_fill(error, ER_CROSS_SHARD,
                       "the shards don't sort by the same collation; are the tables alike?");
            return false;
        }
    }
    if (!merge->has_comparisons) {
        make_room_for_keys(merge);
        merge->has_comparisons = true;
    }
    return true;
}

// ---- order

static void write_keys(const struct merge *merge, struct merge_source *source)
{
    uint8_t *to = source->keys.bytes;
    source->keys.is_exact = true;
    for (uint32_t i = 0; i < merge->plan->key_count; i++) {
        struct field field = field_at(source->payload.ptr, &source->keys.places[i]);
        source->keys.is_exact &= compare_key_write(&merge->comparisons[i], &field, to);
        to += compare_key_bytes(&merge->comparisons[i]);
    }
}

// Of two rows; each with the bytes in which its keys' places are.
static int compare_keys(const struct merge *merge, const uint8_t *a_base, const struct row_keys *a,
                        const uint8_t *b_base, const struct row_keys *b)
{
    if (a->is_exact && b->is_exact) {
        return memcmp(a->bytes, b->bytes, merge->key_bytes);
    }
    size_t at = 0;
    int order = 0;
    for (uint32_t i = 0; i < merge->plan->key_count && order == 0; i++) {
        const struct comparison *comparison = &merge->comparisons[i];
        size_t len = compare_key_bytes(comparison);
        order = memcmp(a->bytes + at, b->bytes + at, len);
        if (order == 0) {
            struct field a_field = field_at(a_base, &a->places[i]);
            struct field b_field = field_at(b_base, &b->places[i]);
            order = compare_fields(comparison, &a_field, &b_field);
        }
        at += len;
    }
    return order;
}

static bool is_before(const struct merge *merge, uint32_t a, uint32_t b)
{
    const struct merge_source *x = &merge->sources[a], *y = &merge->sources[b];
    int order = compare_keys(merge, x->payload.ptr, &x->keys, y->payload.ptr, &y->keys);
    return order != 0 ? order < 0 : a < b;
}

static void heap_push(struct merge *merge, uint32_t source)
{
    uint32_t at = merge->heap_count++;
    while (at > 0 && is_before(merge, source, merge->heap[(at - 1) / 2])) {
        merge->heap[at] = merge->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    merge->heap[at] = source;
}

static uint32_t heap_pop(struct merge *merge)
{
    uint32_t top = merge->heap[0], moved = merge->heap[--merge->heap_count], at = 0;
    for (uint32_t child = 1; child < merge->heap_count; child = 2 * at + 1) {
        if (child + 1 < merge->heap_count &&
            is_before(merge, merge->heap[child + 1], merge->heap[child])) {
            child++;
        }
        if (!is_before(merge, merge->heap[child], moved)) {
            break;
        }
        merge->heap[at] = merge->heap[child];
        at = child;
    }
    merge->heap[at] = moved;
    return top;
}

// Whether a long string decides between the two rows: the server sorts by max_sort_length bytes
// only, so that such rows may come in either order.
static bool is_long_tie(const struct merge *merge, const struct merge_source *source)
{
    for (uint32_t i = 0; i < merge->plan->key_count; i++) {
        struct field last = field_at(merge->last_bytes.ptr, &merge->last_keys.places[i]);
        struct field next = field_at(source->payload.ptr, &source->keys.places[i]);
        if (compare_fields(&merge->comparisons[i], &last, &next) != 0) {
            return merge->comparisons[i].method == COMPARE_STRING &&
                   last.bytes.len >= SORT_LENGTH_MIN && next.bytes.len >= SORT_LENGTH_MIN;
        }
    }
    return false;
}

static bool is_in_order(struct merge *merge, const struct merge_source *source, struct error *error)
{
    int order = compare_keys(merge, merge->last_bytes.ptr, &merge->last_keys, source->payload.ptr,
                             &source->keys);
    if (is_grouped(merge) ? order < 0 : (order <= 0 || is_long_tie(merge, source))) {
        return true;
    }
    if (order == 0) {
        error_fill(error, ER_CROSS_SHARD,
                   "a shard tells apart two groups that waybill compares as equal; give the shard "
                   "key in WHERE");
        return false;
    }
    error_fill(error, ER_CROSS_SHARD,
               "a shard's rows don't come in the order in which waybill compares them (a TIMESTAMP "
               "across a daylight saving change?); give the shard key in WHERE, or set "
               "time_zone = '+00:00'");
    return false;
}

static uint32_t count_shared(const struct merge *merge, const struct merge_source *source)
{
    uint32_t count = 0;
    bool is_shared = true;
    for (uint32_t i = 0; i < merge->plan->key_count && is_shared; i++) {
        struct field last = field_at(merge->last_bytes.ptr, &merge->last_keys.places[i]);
        struct field next = field_at(source->payload.ptr, &source->keys.places[i]);
        is_shared = compare_fields(&merge->comparisons[i], &last, &next) == 0;
        count += is_shared;
    }
    return count;
}

static void note_shared(struct merge *merge, const struct merge_source *source)
{
    merge->shared = 0;
    if (!is_grouped(merge) || !merge->has_last) {
        return;
    }
    if (compare_keys(merge, merge->last_bytes.ptr, &merge->last_keys, source->payload.ptr,
                     &source->keys) == 0) {
        merge->shared = merge->plan->key_count;
    } else if (merge->plan->fine_keys > 0 || merge->plan->has_rollup) {
        merge->shared = count_shared(merge, source);
    }
}

uint32_t merge_shared(const struct merge *merge)
{
    return merge->shared;
}

static void keep_last(struct merge *merge, const struct merge_source *source)
{
    merge->last_bytes.len = 0;
    for (uint32_t i = 0; i < merge->plan->key_count; i++) {
        const struct place *key = &source->keys.places[i];
        merge->last_keys.places[i] = *key;
        merge->last_keys.places[i].begin = merge->last_bytes.len;
        text_add(&merge->last_bytes, source->payload.ptr + key->begin, key->len);
    }
    memcpy(merge->last_keys.bytes, source->keys.bytes, merge->key_bytes);
    merge->last_keys.is_exact = source->keys.is_exact;
    merge->has_last = true;
}

// ---- the door

struct merge *merge_start(struct arena *arena, const struct plan *plan,
                          const struct merge_columns *columns, uint32_t source_count)
{
    struct merge *merge = arena_alloc(arena, sizeof *merge);
    uint32_t keys = plan->key_count;
    merge->plan = plan;
    merge->group_keys = keys - plan->fine_keys;
    merge->columns = columns;
    merge->arena = arena;
    merge->source_count = merge->wanted_count = source_count;
    merge->last_source = source_count - 1; // so that the first one begins
    merge->offset_left = plan->merge == MERGE_GROUP ? 0 : plan->offset;
    merge->limit_left = plan->merge == MERGE_GROUP ? UINT64_MAX : plan->limit;
    merge->comparisons = arena_alloc(arena, keys * sizeof *merge->comparisons);
    merge->collations = arena_alloc(arena, keys * sizeof *merge->collations);
    merge->key_columns = arena_alloc(arena, keys * sizeof *merge->key_columns);
    merge->collation_columns = arena_alloc(arena, keys * sizeof *merge->collation_columns);
    merge->last_keys.places = arena_alloc(arena, keys * sizeof *merge->last_keys.places);
    merge->places = arena_alloc(arena, columns->count * sizeof *merge->places);
    merge->sources = arena_alloc(arena, source_count * sizeof *merge->sources);
    merge->heap = arena_alloc(arena, source_count * sizeof *merge->heap);
    for (uint32_t i = 0; i < source_count; i++) {
        merge->sources[i].keys.places = arena_alloc(arena, keys * sizeof(struct place));
    }
    text_init(&merge->last_bytes);
    text_init(&merge->shown);
    find_keys(merge);
    return merge;
}

void merge_stop(struct merge *merge)
{
    text_done(&merge->last_bytes);
    text_done(&merge->shown);
}

static bool put_sorted(struct merge *merge, uint32_t number, struct error *error)
{
    struct merge_source *source = &merge->sources[number];
    if (!source->is_seen && !look_at_collations(merge, source, error)) {
        return false;
    }
    merge_find_keys(merge, source);
    write_keys(merge, source);
    if (merge->has_last && merge->last_source == number && !is_in_order(merge, source, error)) {
        return false;
    }
    heap_push(merge, number);
    return true;
}

bool merge_put(struct merge *merge, uint32_t number, struct slice payload, struct error *error)
{
    struct merge_source *source = &merge->sources[number];
    assert(source->state == SOURCE_WANTED);
    source->payload = payload;
    source->visible_end = payload.len;
    bool is_scanned =
        is_sorted(merge) || is_union(merge) || merge->columns->visible < merge->columns->count;
    if (is_scanned && !scan_row(merge, source, error)) {
        return false;
    }
    if (is_sorted(merge) && !put_sorted(merge, number, error)) {
        return false;
    }
    if (is_union(merge)) {
        merge_union_put(merge, source);
    }
    source->state = SOURCE_HAS_ROW;
    merge->wanted_count--;
    return true;
}

void merge_moved(struct merge *merge, uint32_t number, const uint8_t *payload)
{
    merge->sources[number].payload.ptr = payload;
}

void merge_end(struct merge *merge, uint32_t number)
{
    assert(merge->sources[number].state == SOURCE_WANTED);
    merge->sources[number].state = SOURCE_ENDED;
    merge->wanted_count--;
}

// MERGE_ROWS: the next source with a row behind the one that was last, so that all get on alike.
static bool take_any(const struct merge *merge, uint32_t *number)
{
    for (uint32_t i = 1; i <= merge->source_count; i++) {
        *number = (merge->last_source + i) % merge->source_count;
        if (merge->sources[*number].state == SOURCE_HAS_ROW) {
            return true;
        }
    }
    return false;
}

// The source whose next row stands first in the statement; false: it hasn't brought it yet, or all
// have ended.
static bool take_placed(struct merge *merge, uint32_t *number)
{
    uint32_t first = UINT32_MAX;
    for (uint32_t i = 0; i < merge->source_count; i++) {
        const struct merge_source *source = &merge->sources[i];
        const struct plan_target *target = &merge->plan->targets[i];
        // More rows than the INSERT has would come last.
        uint32_t row =
            source->taken < target->row_count ? target->rows[source->taken] : UINT32_MAX - 1;
        if (source->state != SOURCE_ENDED && row < first) {
            first = row;
            *number = i;
        }
    }
    bool has_row = first != UINT32_MAX && merge->sources[*number].state == SOURCE_HAS_ROW;
    merge->sources[has_row ? *number : 0].taken += has_row;
    return has_row;
}

enum merge_step merge_next(struct merge *merge, uint32_t *number)
{
    if (merge->limit_left == 0) {
        return MERGE_STEP_DONE;
    }
    if (is_union(merge)) {
        return merge_union_next(merge, number);
    }
    if (is_sorted(merge)) {
        if (merge->wanted_count > 0 || merge->heap_count == 0) {
            return merge->wanted_count > 0 ? MERGE_STEP_WAIT : MERGE_STEP_DONE;
        }
        *number = heap_pop(merge);
        note_shared(merge, &merge->sources[*number]);
        keep_last(merge, &merge->sources[*number]);
    } else if (!(merge->plan->is_in_row_order ? take_placed(merge, number)
                                              : take_any(merge, number))) {
        return merge->wanted_count > 0 ? MERGE_STEP_WAIT : MERGE_STEP_DONE;
    }
    merge->sources[*number].state = SOURCE_WANTED;
    merge->wanted_count++;
    merge->last_source = *number;
    if (merge->offset_left > 0) {
        merge->offset_left--;
        return MERGE_STEP_SKIP;
    }
    merge->limit_left -= merge->limit_left != UINT64_MAX;
    return MERGE_STEP_ROW;
}

// A binary row's NULL bitmap is as long as all its columns need: rebuilt for the visible ones.
static struct slice shown_binary(struct merge *merge, const struct merge_source *source)
{
    uint32_t visible = merge->columns->visible;
    size_t have = 1 + merge_bitmap_bytes(merge->columns->count),
           want = 1 + merge_bitmap_bytes(visible);
    uint32_t last_bits = (visible + BITMAP_OFFSET) % 8;
    merge->shown.len = 0;
    text_add(&merge->shown, source->payload.ptr, want);
    if (last_bits != 0) {
        merge->shown.ptr[want - 1] &= (uint8_t)((1u << last_bits) - 1);
    }
    text_add(&merge->shown, source->payload.ptr + have, source->visible_end - have);
    return text_slice(&merge->shown);
}

struct slice merge_shown(struct merge *merge, uint32_t number)
{
    const struct merge_source *source = &merge->sources[number];
    bool has_hidden = merge->columns->visible < merge->columns->count;
    if (has_hidden && merge->columns->is_binary) {
        return shown_binary(merge, source);
    }
    return slice_part(source->payload, 0, source->visible_end);
}
