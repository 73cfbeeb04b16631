// Column definitions of several targets as one.
//
// The client reads each row by the definitions that it was given, so what changes the reading of a
// value (type, sign, in which character set) must be the same everywhere; shards on which a column
// has another type are a half-done ALTER TABLE, and the error says so. What only describes (length,
// decimals, flags) is taken so wide that it is true of every target's rows.

#include <stdio.h>

#include "protocol/error_table.h"
#include "session/merge.h"

enum { NAME_SHOWN_MAX = 64, ALIAS_BYTES = 48 };

struct column merge_copy_column(struct arena *arena, const struct column *column)
{
    struct column copy = *column;
    copy.schema = arena_copy(arena, column->schema);
    copy.table = arena_copy(arena, column->table);
    copy.org_table = arena_copy(arena, column->org_table);
    copy.name = arena_copy(arena, column->name);
    copy.org_name = arena_copy(arena, column->org_name);
    copy.extended = arena_copy(arena, column->extended);
    return copy;
}

// NULL when both read alike.
static const char *difference(const struct column *a, const struct column *b)
{
    if (!slice_equal(a->name, b->name)) {
        return "name";
    }
    if (a->type != b->type || !slice_equal(a->extended, b->extended)) {
        return "type";
    }
    if (((a->flags ^ b->flags) & COLUMN_UNSIGNED) != 0) {
        return "sign";
    }
    if (a->collation_id != b->collation_id || ((a->flags ^ b->flags) & COLUMN_BINARY) != 0) {
        return "collation";
    }
    return NULL;
}

static void widen(struct column *column, const struct column *other)
{
    column->length = other->length > column->length ? other->length : column->length;
    column->decimals = other->decimals > column->decimals ? other->decimals : column->decimals;
    if ((other->flags & COLUMN_NOT_NULL) == 0) {
        column->flags &= (uint16_t)~COLUMN_NOT_NULL;
    }
}

static bool refuse_count(const struct merge_head *first, const struct merge_head *other,
                         struct error *error)
{
    char text[sizeof error->text];
    snprintf(text, sizeof text,
             "the shards' answers don't fit together: %u columns from %s, %u from %s; are the "
             "tables alike?",
             first->count, first->shard, other->count, other->shard);
    error_fill(error, ER_CROSS_SHARD, text);
    return false;
}

static bool join_head(struct column *columns, const struct merge_head *first,
                      const struct merge_head *other, struct error *error)
{
    if (other->count != first->count) {
        return refuse_count(first, other, error);
    }
    for (uint32_t i = 0; i < first->count; i++) {
        const struct column *column = &columns[i];
        const char *what = difference(column, &other->columns[i]);
        if (what != NULL) {
            char text[sizeof error->text];
            size_t len = column->name.len < NAME_SHOWN_MAX ? column->name.len : NAME_SHOWN_MAX;
            snprintf(text, sizeof text,
                     "the shards' answers don't fit together: the %s of column %u ('%.*s') is not "
                     "the same on %s and %s; are the tables alike?",
                     what, i + 1, (int)len, (const char *)column->name.ptr, first->shard,
                     other->shard);
            error_fill(error, ER_CROSS_SHARD, text);
            return false;
        }
        widen(&columns[i], &other->columns[i]);
    }
    return true;
}

static uint32_t find_alias(const struct merge_columns *columns, const char *alias)
{
    for (uint32_t i = columns->visible; i < columns->count; i++) {
        if (slice_equal(columns->columns[i].name, slice_of_string(alias))) {
            return i;
        }
    }
    return NO_HIDDEN;
}

uint32_t merge_columns_find_collation(const struct merge_columns *columns, uint32_t key)
{
    char alias[ALIAS_BYTES];
    snprintf(alias, sizeof alias, MERGE_COLLATION_ALIAS, key);
    return find_alias(columns, alias);
}

uint32_t merge_columns_find_weights(const struct merge_columns *columns, uint32_t key)
{
    char alias[ALIAS_BYTES];
    snprintf(alias, sizeof alias, MERGE_WEIGHTS_ALIAS, key);
    return find_alias(columns, alias);
}

uint32_t merge_columns_find_blank(const struct merge_columns *columns, uint32_t key)
{
    char alias[ALIAS_BYTES];
    snprintf(alias, sizeof alias, MERGE_BLANK_ALIAS, key);
    return find_alias(columns, alias);
}

// MariaDB's temporary table for a DISTINCT that is sorted makes an integer of BIT, and its column
// has no base table any more.
bool merge_columns_keep_bits(const struct merge_columns *columns, struct error *error)
{
    for (uint32_t i = 0; i < columns->visible; i++) {
        const struct column *column = &columns->columns[i];
        bool is_integer = column->type == TYPE_LONG || column->type == TYPE_LONGLONG;
        if (is_integer && (column->flags & COLUMN_UNSIGNED) != 0 && column->table.len > 0 &&
            column->org_table.len == 0) {
            char text[sizeof error->text];
            size_t len = column->name.len < NAME_SHOWN_MAX ? column->name.len : NAME_SHOWN_MAX;
            snprintf(text, sizeof text,
                     "waybill can't put together the shards' DISTINCT values of '%.*s', which may "
                     "be a BIT column: give the shard key in WHERE, or select column + 0",
                     (int)len, (const char *)column->name.ptr);
            error_fill(error, ER_CROSS_SHARD, text);
            return false;
        }
    }
    return true;
}

bool merge_columns_join(struct arena *arena, const struct merge_head *heads, uint32_t head_count,
                        uint32_t hidden_columns, struct merge_columns *out, struct error *error)
{
    const struct merge_head *first = &heads[0];
    if (first->count <= hidden_columns) {
        return refuse_count(
            first, &(struct merge_head){.count = hidden_columns, .shard = "the plan"}, error);
    }
    out->columns = arena_alloc(arena, first->count * sizeof *out->columns);
    out->count = first->count;
    out->visible = first->count - hidden_columns;
    memcpy(out->columns, first->columns, first->count * sizeof *out->columns);
    for (uint32_t i = 1; i < head_count; i++) {
        if (!join_head(out->columns, first, &heads[i], error)) {
            return false;
        }
    }
    return true;
}
