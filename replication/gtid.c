// Positions are small: a handful of domains or sources, so sorted arrays and plain loops do.
//
// A MariaDB position names the last transaction of each domain. That the ones before it are the
// same is what gtid_strict_mode promises; a position can't show it.

#include "replication/gtid.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/text.h"

// ---- reading

static struct slice trim(struct slice text)
{
    while (text.len > 0 && strchr(" \t\r\n", text.ptr[0]) != NULL) {
        text = slice_part(text, 1, text.len);
    }
    while (text.len > 0 && strchr(" \t\r\n", text.ptr[text.len - 1]) != NULL) {
        text = slice_part(text, 0, text.len - 1);
    }
    return text;
}

// Takes the part before the next `mark` from the front of *rest. False when nothing is left.
static bool take_part(struct slice *rest, char mark, struct slice *part)
{
    if (rest->ptr == NULL) {
        return false;
    }
    const uint8_t *end = rest->len > 0 ? memchr(rest->ptr, mark, rest->len) : NULL;
    if (end == NULL) {
        *part = trim(*rest);
        *rest = slice_of(NULL, 0);
        return true;
    }
    size_t len = (size_t)(end - rest->ptr);
    *part = trim(slice_part(*rest, 0, len));
    *rest = slice_part(*rest, len + 1, rest->len);
    return true;
}

static size_t count_byte(struct slice text, char byte)
{
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++) {
        count += text.ptr[i] == (uint8_t)byte;
    }
    return count;
}

static bool parse_number(struct slice text, uint64_t max, uint64_t *number)
{
    return text.len > 0 && text.ptr[0] != '+' && slice_to_uint64(text, number) && *number <= max;
}

static bool parse_position(struct slice text, struct gtid_position *position)
{
    struct slice parts[3];
    for (int i = 0; i < 3; i++) {
        if (!take_part(&text, '-', &parts[i])) {
            return false;
        }
    }
    uint64_t domain;
    uint64_t server;
    if (text.ptr != NULL || !parse_number(parts[0], UINT32_MAX, &domain) ||
        !parse_number(parts[1], UINT32_MAX, &server) ||
        !parse_number(parts[2], UINT64_MAX, &position->sequence)) {
        return false;
    }
    position->domain = (uint32_t)domain;
    position->server = (uint32_t)server;
    return true;
}

static int by_domain(const void *left, const void *right)
{
    const struct gtid_position *a = left;
    const struct gtid_position *b = right;
    return (a->domain > b->domain) - (a->domain < b->domain);
}

static bool parse_mariadb(struct slice text, struct arena *arena, struct gtid_set *set)
{
    set->positions = arena_alloc(arena, sizeof *set->positions * (count_byte(text, ',') + 1));
    struct slice part;
    while (take_part(&text, ',', &part)) {
        if (!parse_position(part, &set->positions[set->count])) {
            return false;
        }
        set->count++;
    }
    qsort(set->positions, set->count, sizeof *set->positions, by_domain);
    for (size_t i = 1; i < set->count; i++) {
        if (set->positions[i].domain == set->positions[i - 1].domain) {
            return false;
        }
    }
    return true;
}

static bool parse_uuid(struct slice text, char uuid[37])
{
    if (text.len != 36) {
        return false;
    }
    for (size_t i = 0; i < 36; i++) {
        char letter = (char)text.ptr[i];
        bool is_dash_place = i == 8 || i == 13 || i == 18 || i == 23;
        bool is_hex = (letter >= '0' && letter <= '9') || (letter >= 'a' && letter <= 'f') ||
                      (letter >= 'A' && letter <= 'F');
        if (is_dash_place ? letter != '-' : !is_hex) {
            return false;
        }
        uuid[i] = letter >= 'A' && letter <= 'F' ? (char)(letter - 'A' + 'a') : letter;
    }
    uuid[36] = '\0';
    return true;
}

static bool parse_interval(struct slice text, struct gtid_interval *interval)
{
    struct slice first;
    struct slice last;
    if (!take_part(&text, '-', &first) || !parse_number(first, INT64_MAX, &interval->first)) {
        return false;
    }
    interval->last = interval->first;
    if (take_part(&text, '-', &last) && !parse_number(last, INT64_MAX, &interval->last)) {
        return false;
    }
    return text.ptr == NULL && interval->first > 0 && interval->last >= interval->first;
}

static int by_source(const void *left, const void *right)
{
    const struct gtid_interval *a = left;
    const struct gtid_interval *b = right;
    int order = strcmp(a->uuid, b->uuid);
    return order != 0 ? order : (a->first > b->first) - (a->first < b->first);
}

// Sorts, and joins what overlaps or touches.
static void normalise(struct gtid_set *set)
{
    qsort(set->intervals, set->count, sizeof *set->intervals, by_source);
    size_t kept = 0;
    for (size_t i = 0; i < set->count; i++) {
        struct gtid_interval *next = &set->intervals[i];
        struct gtid_interval *last = kept > 0 ? &set->intervals[kept - 1] : NULL;
        if (last != NULL && strcmp(last->uuid, next->uuid) == 0 && next->first <= last->last + 1) {
            last->last = next->last > last->last ? next->last : last->last;
        } else {
            set->intervals[kept++] = *next;
        }
    }
    set->count = kept;
}

static bool parse_mysql(struct slice text, struct arena *arena, struct gtid_set *set)
{
    set->intervals = arena_alloc(arena, sizeof *set->intervals * (count_byte(text, ':') + 1));
    struct slice source;
    while (take_part(&text, ',', &source)) {
        struct slice part;
        char uuid[37];
        if (!take_part(&source, ':', &part) || !parse_uuid(part, uuid) || source.ptr == NULL) {
            return false;
        }
        while (take_part(&source, ':', &part)) {
            struct gtid_interval *interval = &set->intervals[set->count++];
            memcpy(interval->uuid, uuid, sizeof uuid);
            if (!parse_interval(part, interval)) {
                return false;
            }
        }
    }
    normalise(set);
    return true;
}

bool gtid_parse(enum gtid_flavor flavor, struct slice text, struct arena *arena,
                struct gtid_set *set)
{
    *set = (struct gtid_set){.flavor = flavor};
    text = trim(text);
    if (text.len == 0) {
        return true;
    }
    return flavor == GTID_MARIADB ? parse_mariadb(text, arena, set) : parse_mysql(text, arena, set);
}

// ---- comparing

static const struct gtid_position *find_domain(const struct gtid_set *set, uint32_t domain)
{
    for (size_t i = 0; i < set->count; i++) {
        if (set->positions[i].domain == domain) {
            return &set->positions[i];
        }
    }
    return NULL;
}

static bool holds_position(const struct gtid_set *set, const struct gtid_position *wanted)
{
    const struct gtid_position *own = find_domain(set, wanted->domain);
    return own != NULL && (own->sequence > wanted->sequence ||
                           (own->sequence == wanted->sequence && own->server == wanted->server));
}

static bool holds_interval(const struct gtid_set *set, const struct gtid_interval *wanted)
{
    for (size_t i = 0; i < set->count; i++) {
        const struct gtid_interval *own = &set->intervals[i];
        if (strcmp(own->uuid, wanted->uuid) == 0 && own->first <= wanted->first &&
            own->last >= wanted->last) {
            return true;
        }
    }
    return false;
}

bool gtid_contains(const struct gtid_set *a, const struct gtid_set *b)
{
    for (size_t i = 0; i < b->count; i++) {
        if (b->flavor == GTID_MARIADB ? !holds_position(a, &b->positions[i])
                                      : !holds_interval(a, &b->intervals[i])) {
            return false;
        }
    }
    return true;
}

bool gtid_is_own_tail(const struct gtid_set *set, const struct gtid_set *cut, uint32_t server_id,
                      const char *uuid)
{
    for (size_t i = 0; i < set->count; i++) {
        if (set->flavor == GTID_MARIADB) {
            const struct gtid_position *position = &set->positions[i];
            if (!holds_position(cut, position) && position->server != server_id) {
                return false;
            }
        } else if (!holds_interval(cut, &set->intervals[i]) &&
                   strcasecmp(set->intervals[i].uuid, uuid) != 0) {
            return false;
        }
    }
    return true;
}

enum gtid_order gtid_compare(const struct gtid_set *a, const struct gtid_set *b)
{
    bool has_all = gtid_contains(a, b);
    bool is_within = gtid_contains(b, a);
    if (has_all) {
        return is_within ? GTID_EQUAL : GTID_AHEAD;
    }
    return is_within ? GTID_BEHIND : GTID_DIVERGED;
}

// ---- making

static void unite_positions(struct gtid_set *set, const struct gtid_set *more)
{
    size_t own_count = set->count;
    for (size_t i = 0; i < more->count; i++) {
        const struct gtid_position *position = &more->positions[i];
        size_t at = 0;
        while (at < own_count && set->positions[at].domain != position->domain) {
            at++;
        }
        if (at == own_count) {
            set->positions[set->count++] = *position;
        } else if (position->sequence > set->positions[at].sequence) {
            set->positions[at] = *position;
        }
    }
    qsort(set->positions, set->count, sizeof *set->positions, by_domain);
}

struct gtid_set gtid_union(const struct gtid_set *a, const struct gtid_set *b, struct arena *arena)
{
    struct gtid_set set = {.flavor = a->flavor, .count = a->count};
    if (a->count + b->count == 0) {
        return set;
    }
    if (a->flavor == GTID_MARIADB) {
        set.positions = arena_alloc(arena, sizeof *set.positions * (a->count + b->count));
        for (size_t i = 0; i < a->count; i++) {
            set.positions[i] = a->positions[i];
        }
        unite_positions(&set, b);
        return set;
    }
    set.intervals = arena_alloc(arena, sizeof *set.intervals * (a->count + b->count));
    for (size_t i = 0; i < a->count; i++) {
        set.intervals[i] = a->intervals[i];
    }
    for (size_t i = 0; i < b->count; i++) {
        set.intervals[set.count++] = b->intervals[i];
    }
    normalise(&set);
    return set;
}

static void print_interval(const struct gtid_set *set, size_t i, struct text *text)
{
    const struct gtid_interval *interval = &set->intervals[i];
    bool is_same_source = i > 0 && strcmp(set->intervals[i - 1].uuid, interval->uuid) == 0;
    if (!is_same_source) {
        text_add_format(text, "%s%s", i > 0 ? "," : "", interval->uuid);
    }
    text_add_format(text, ":%llu", (unsigned long long)interval->first);
    if (interval->last > interval->first) {
        text_add_format(text, "-%llu", (unsigned long long)interval->last);
    }
}

struct slice gtid_print(const struct gtid_set *set, struct arena *arena)
{
    struct text text;
    text_init(&text);
    for (size_t i = 0; i < set->count; i++) {
        if (set->flavor == GTID_MARIADB) {
            const struct gtid_position *position = &set->positions[i];
            text_add_format(&text, "%s%u-%u-%llu", i > 0 ? "," : "", position->domain,
                            position->server, (unsigned long long)position->sequence);
        } else {
            print_interval(set, i, &text);
        }
    }
    text_add(&text, "", 1);
    struct slice printed = arena_copy(arena, text_slice(&text));
    printed.len--;
    text_done(&text);
    return printed;
}
