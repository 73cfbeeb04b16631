// Which keys are where, for the methods that say it key by key:
//
//     ranges = 0..999999:s1, 1000000..:s2        (method range; an end may be open)
//     ranges = 2023:s1, 2024..2026:s2            (method date, in its unit)
//     lists  = cn hk tw:s1, us:s2
//     shards = s1, s2, s3                        (method modulo)

#include "cluster/key.h"
#include "cluster/config_impl.h"

#include <stdlib.h>

// "...:shard": cuts at the last colon. False with an error.
static bool cut_shard(struct build *build, int line, struct slice item, struct slice *keys,
                      uint16_t *shard)
{
    const uint8_t *colon = item.len > 0 ? memrchr(item.ptr, ':', item.len) : NULL;
    if (colon == NULL) {
        build_error(build, line, "'%.*s' names no shard: KEYS:SHARD", (int)item.len,
                    (const char *)item.ptr);
        return false;
    }
    size_t at = (size_t)(colon - item.ptr);
    *keys = slice_trim(slice_part(item, 0, at));
    return build_find_shard(build, line, slice_trim(slice_part(item, at + 1, item.len)), shard);
}

static size_t count_items(struct slice list)
{
    size_t count = 0;
    struct slice item;
    while (list_next(&list, ',', &item)) {
        count++;
    }
    return count;
}

// ---- ranges

// Both ends of "LOW..HIGH" or "KEY"; an open end is empty.
static void cut_ends(struct slice text, struct slice *low, struct slice *high)
{
    const uint8_t *dots = memmem(text.ptr, text.len, "..", 2);
    if (dots == NULL) {
        *low = *high = text;
        return;
    }
    size_t at = (size_t)(dots - text.ptr);
    *low = slice_trim(slice_part(text, 0, at));
    *high = slice_trim(slice_part(text, at + 2, text.len));
}

static const char *const unit_examples[] = {
    [DATE_YEAR] = "2024", [DATE_MONTH] = "2024-05", [DATE_DAY] = "2024-05-17"};

static bool read_dates(struct build *build, int line, enum date_unit unit, struct slice end,
                       int64_t *first, int64_t *last)
{
    enum date_unit found;
    if (!key_parse_period(end, &found, first, last) || found != unit) {
        build_error(build, line, "'%.*s' is not written like %s, the unit of this table",
                    (int)end.len, (const char *)end.ptr, unit_examples[unit]);
        return false;
    }
    return true;
}

static bool read_number(struct build *build, int line, struct slice end, int64_t *number)
{
    if (!slice_to_int64(end, number)) {
        build_error(build, line, "'%.*s' is no whole number", (int)end.len, (const char *)end.ptr);
        return false;
    }
    return true;
}

static bool read_range(struct build *build, const struct table_config *table, int line,
                       struct slice text, struct key_range *range)
{
    struct slice low;
    struct slice high;
    int64_t unused = 0;
    cut_ends(text, &low, &high);
    range->low = INT64_MIN;
    range->high = INT64_MAX;
    bool is_date = table->method == METHOD_DATE;
    if (text.len == 0) {
        build_error(build, line, "a range without keys: LOW..HIGH:SHARD");
        return false;
    }
    if (low.len > 0 &&
        !(is_date ? read_dates(build, line, table->date_unit, low, &range->low, &unused)
                  : read_number(build, line, low, &range->low))) {
        return false;
    }
    if (high.len > 0 &&
        !(is_date ? read_dates(build, line, table->date_unit, high, &unused, &range->high)
                  : read_number(build, line, high, &range->high))) {
        return false;
    }
    if (range->low > range->high) {
        build_error(build, line, "the range '%.*s' ends before it begins", (int)text.len,
                    (const char *)text.ptr);
        return false;
    }
    return true;
}

static int compare_ranges(const void *left, const void *right)
{
    const struct key_range *a = left;
    const struct key_range *b = right;
    return a->low < b->low ? -1 : a->low > b->low;
}

void build_ranges(struct build *build, struct table_config *table, const struct entry *entry)
{
    struct arena *arena = &build->config->arena;
    table->ranges = arena_alloc(arena, sizeof *table->ranges * count_items(entry->value));
    struct slice rest = entry->value;
    struct slice item;
    while (list_next(&rest, ',', &item)) {
        struct key_range *range = &table->ranges[table->range_count];
        struct slice keys;
        if (cut_shard(build, entry->line, item, &keys, &range->shard) &&
            read_range(build, table, entry->line, keys, range)) {
            table->range_count++;
        }
    }
    qsort(table->ranges, table->range_count, sizeof *table->ranges, compare_ranges);
    for (uint32_t i = 1; i < table->range_count; i++) {
        const struct key_range *before = &table->ranges[i - 1];
        const struct key_range *range = &table->ranges[i];
        if (range->low <= before->high) {
            build_error(build, entry->line,
                        "the ranges of shards '%s' and '%s' overlap: a key can be in one only",
                        build->config->shards[before->shard].name,
                        build->config->shards[range->shard].name);
        }
    }
}

// ---- lists

static int compare_bytes(struct slice a, struct slice b)
{
    size_t shorter = a.len < b.len ? a.len : b.len;
    int difference = shorter > 0 ? memcmp(a.ptr, b.ptr, shorter) : 0;
    return difference != 0 ? difference : a.len < b.len ? -1 : a.len > b.len;
}

static int compare_listed(const void *left, const void *right)
{
    const struct key_listed *a = left;
    const struct key_listed *b = right;
    return compare_bytes(a->key, b->key);
}

static void add_listed(struct build *build, struct table_config *table, const struct entry *entry,
                       struct slice item)
{
    struct slice keys;
    struct slice key;
    uint16_t shard = 0;
    if (!cut_shard(build, entry->line, item, &keys, &shard)) {
        return;
    }
    if (keys.len == 0) {
        build_error(build, entry->line, "a list without keys: KEY KEY:SHARD");
    }
    while (list_next(&keys, ' ', &key)) {
        struct key_listed *listed = &table->listed[table->listed_count];
        struct slice kept = arena_copy(&build->config->arena, key);
        if (!key_canonical(table->key_type, kept, &build->config->arena, &listed->key)) {
            build_error(build, entry->line, "'%.*s' can't be a key of the key_type of this table",
                        (int)key.len, (const char *)key.ptr);
            continue;
        }
        listed->shard = shard;
        table->listed_count++;
    }
}

void build_lists(struct build *build, struct table_config *table, const struct entry *entry)
{
    // No more keys than every second byte.
    table->listed =
        arena_alloc(&build->config->arena, sizeof *table->listed * (entry->value.len / 2 + 1));
    struct slice rest = entry->value;
    struct slice item;
    while (list_next(&rest, ',', &item)) {
        add_listed(build, table, entry, item);
    }
    qsort(table->listed, table->listed_count, sizeof *table->listed, compare_listed);
    for (uint32_t i = 1; i < table->listed_count; i++) {
        struct slice key = table->listed[i].key;
        if (slice_equal(table->listed[i - 1].key, key)) {
            build_error(build, entry->line, "the key '%.*s' is listed twice", (int)key.len,
                        (const char *)key.ptr);
        }
    }
}

// ---- modulo

void build_modulo(struct build *build, struct table_config *table, const struct entry *entry)
{
    table->modulo_shards = arena_alloc(&build->config->arena,
                                       sizeof *table->modulo_shards * count_items(entry->value));
    struct slice rest = entry->value;
    struct slice name;
    while (list_next(&rest, ',', &name)) {
        if (build_find_shard(build, entry->line, name, &table->modulo_shards[table->modulo])) {
            table->modulo++;
        }
    }
}
