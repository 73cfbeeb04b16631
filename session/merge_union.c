// MERGE_UNION takes the row with the smallest key as bytes, and each row once. It keeps what it has
// given (they are names, not data), so that it holds whatever order a server has: MySQL 5.6 begins
// SHOW DATABASES with information_schema, and sorts table names as they are on disk.

#include "session/merge_impl.h"

void merge_union_put(struct merge *merge, struct merge_source *source)
{
    merge_find_keys(merge, source);
    source->is_repeated = merge_seen_has(&merge->seen, source->payload);
}

static int compare_bytes(struct slice a, struct slice b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len > 0 ? memcmp(a.ptr, b.ptr, len) : 0;
    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

// By the keys, then by the whole row.
static int compare_rows(const struct merge *merge, const struct merge_source *a,
                        const struct merge_source *b)
{
    int order = 0;
    for (uint32_t i = 0; i < merge->plan->key_count && order == 0; i++) {
        order = compare_bytes(field_at(a->payload.ptr, &a->keys.places[i]).bytes,
                              field_at(b->payload.ptr, &b->keys.places[i]).bytes);
    }
    return order != 0 ? order : compare_bytes(a->payload, b->payload);
}

// MERGE_UNION: rows that were given already go first; else the smallest, and then those like it.
static enum merge_step take_united(struct merge *merge, uint32_t *number)
{
    const struct merge_source *smallest = NULL;
    for (uint32_t i = 0; i < merge->source_count; i++) {
        const struct merge_source *source = &merge->sources[i];
        if (source->state != SOURCE_HAS_ROW) {
            continue;
        }
        if (source->is_repeated) {
            *number = i;
            return MERGE_STEP_SKIP;
        }
        if (smallest == NULL || compare_rows(merge, source, smallest) < 0) {
            smallest = source;
            *number = i;
        }
    }
    if (merge->wanted_count > 0 || smallest == NULL) {
        return merge->wanted_count > 0 ? MERGE_STEP_WAIT : MERGE_STEP_DONE;
    }
    for (uint32_t i = 0; i < merge->source_count; i++) {
        struct merge_source *source = &merge->sources[i];
        source->is_repeated =
            source->state == SOURCE_HAS_ROW && slice_equal(source->payload, smallest->payload);
    }
    merge_seen_add(&merge->seen, merge->arena, smallest->payload);
    return MERGE_STEP_ROW;
}

enum merge_step merge_union_next(struct merge *merge, uint32_t *number)
{
    enum merge_step step = take_united(merge, number);
    if (step == MERGE_STEP_ROW || step == MERGE_STEP_SKIP) {
        merge->sources[*number].state = SOURCE_WANTED;
        merge->wanted_count++;
    }
    return step;
}
