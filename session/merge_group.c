// See merge_group.h. OFFSET and LIMIT count groups here, not rows: the merge beneath knows of
// neither.

#include "session/merge_group.h"

#include "protocol/error_table.h"
#include "protocol/row_binary.h"
#include "session/fold.h"
#include "session/having.h"

enum { BITMAP_OFFSET = 2 }; // of a binary row

struct merge_group {
    struct arena *arena;                 // borrowed
    const struct merge_columns *columns; // borrowed
    const struct plan_having *having;    // borrowed; NULL: all groups stay
    struct fold *folds;                  // one for each visible column, then those for `having`
    uint32_t fold_count;
    struct field *fields; // scratch: one for each column
    bool has_rows;        // of a group that is not over
    bool is_one_row;      // all rows are one group, also none at all
    uint64_t offset_left;
    uint64_t limit_left;
    bool counts_all;   // groups beyond the limit, too
    uint64_t count;    // of groups that are over
    struct text row;   // owned
    struct text value; // owned; scratch
};

struct merge_group *merge_group_start(struct arena *arena, const struct plan *plan,
                                      const struct merge_columns *columns, struct error *error)
{
    struct merge_group *group = arena_alloc(arena, sizeof *group);
    group->arena = arena;
    group->columns = columns;
    group->offset_left = plan->offset;
    group->limit_left = plan->limit;
    group->counts_all = plan->counts_found;
    group->having = plan->having;
    group->is_one_row = plan->fine_keys > 0 && plan->fine_keys == plan->key_count;
    group->fold_count = columns->visible + plan->more_folds;
    group->folds = arena_alloc(arena, group->fold_count * sizeof *group->folds);
    group->fields = arena_alloc(arena, columns->count * sizeof *group->fields);
    text_init(&group->row);
    text_init(&group->value);
    if (plan->fold_count != 0 && plan->fold_count != columns->visible) {
        error_fill(error, ER_CROSS_SHARD, "the shards' answers don't have the columns of the plan");
        return NULL;
    }
    for (uint32_t i = 0; i < group->fold_count; i++) {
        const struct plan_fold *fold = plan->fold_count > 0 ? &plan->folds[i] : NULL;
        bool is_hidden = fold != NULL && i >= columns->visible;
        uint32_t at = is_hidden ? columns->visible + fold->hidden : i;
        if (!fold_init(&group->folds[i], fold, columns, at, error)) {
            return NULL;
        }
    }
    bool is_fine = group->having == NULL || having_check(group->having, group->folds, error);
    return is_fine ? group : NULL;
}

void merge_group_stop(struct merge_group *group)
{
    for (uint32_t i = 0; i < group->fold_count; i++) {
        fold_done(&group->folds[i]);
    }
    text_done(&group->row);
    text_done(&group->value);
}

static bool read_fields(struct merge_group *group, struct slice payload, struct error *error)
{
    const struct merge_columns *columns = group->columns;
    bool is_read = columns->is_binary
                       ? row_binary_read(payload, columns->columns, columns->count, group->fields)
                       : row_text_read(payload, group->fields, columns->count);
    if (!is_read) {
        error_fill(error, ER_MALFORMED_PACKET);
    }
    return is_read;
}

bool merge_group_look(struct merge_group *group, struct slice payload, struct error *error)
{
    bool is_fine = read_fields(group, payload, error);
    for (uint32_t i = 0; i < group->fold_count && is_fine; i++) {
        is_fine = fold_look(&group->folds[i], group->arena, group->fields, error);
    }
    return is_fine;
}

static bool write_row(struct merge_group *group, struct error *error)
{
    const struct merge_columns *columns = group->columns;
    bool is_null;
    group->row.len = 0;
    for (size_t i = 0; columns->is_binary && i < 1 + (columns->visible + 9u) / 8; i++) {
        write_u8(&group->row, 0); // the row's mark and the bitmap
    }
    for (uint32_t i = 0; i < columns->visible; i++) {
        group->value.len = 0;
        if (!fold_value(&group->folds[i], &group->value, &is_null, error)) {
            return false;
        }
        struct slice bytes = text_slice(&group->value);
        if (columns->is_binary && is_null) {
            uint32_t bit = i + BITMAP_OFFSET;
            group->row.ptr[1 + bit / 8] |= (uint8_t)(1u << bit % 8);
        } else if (columns->is_binary) {
            binary_write_value(&group->row, &(struct binary_value){.type = columns->columns[i].type,
                                                                   .bytes = bytes});
        } else if (is_null) {
            row_text_add_null(&group->row);
        } else {
            row_text_add(&group->row, bytes);
        }
    }
    return true;
}

// The group is over: its row, if the client wants it.
static bool finish_group(struct merge_group *group, struct slice *row, struct error *error)
{
    *row = slice_of(NULL, 0);
    if (!group->has_rows || merge_group_is_full(group)) {
        return true;
    }
    bool stays = group->having == NULL || having_holds(group->having, group->folds);
    group->has_rows = false;
    group->count += stays;
    if (!stays) {
        // as if it had not been
    } else if (group->offset_left > 0) {
        group->offset_left--;
    } else if (group->limit_left > 0) {
        if (!write_row(group, error)) {
            return false;
        }
        group->limit_left -= group->limit_left != UINT64_MAX;
        *row = text_slice(&group->row);
    }
    for (uint32_t i = 0; i < group->fold_count; i++) {
        fold_reset(&group->folds[i]);
    }
    return true;
}

bool merge_group_add(struct merge_group *group, struct slice payload, enum merge_kin kin,
                     struct slice *row, struct error *error)
{
    *row = slice_of(NULL, 0);
    if (kin == MERGE_KIN_NONE && !finish_group(group, row, error)) {
        return false;
    }
    if (!read_fields(group, payload, error)) {
        return false;
    }
    for (uint32_t i = 0; i < group->fold_count; i++) {
        if (kin == MERGE_KIN_ALL && fold_is_distinct(&group->folds[i])) {
            continue;
        }
        if (!fold_add(&group->folds[i], group->arena, group->fields, error)) {
            return false;
        }
    }
    group->has_rows = true;
    return true;
}

bool merge_group_end(struct merge_group *group, struct slice *row, struct error *error)
{
    if (group->is_one_row && !group->has_rows) { // of no rows at all
        for (uint32_t i = 0; i < group->fold_count; i++) {
            fold_nothing(&group->folds[i]);
        }
        group->has_rows = true;
    }
    return finish_group(group, row, error);
}

bool merge_group_is_full(const struct merge_group *group)
{
    return group->limit_left == 0 && !group->counts_all;
}

uint64_t merge_group_count(const struct merge_group *group)
{
    return group->count;
}
