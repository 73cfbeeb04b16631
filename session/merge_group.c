// See merge_group.h. OFFSET and LIMIT count groups here, not rows: the merge beneath knows of
// neither.
//
// WITH ROLLUP there is a level for each number of keys that are not rolled up. A row goes into all
// of them; one that has the first n keys in common with the row before ends those above n:
//
//     a b         ends level     gives
//     1 x         -
//     1 y         2              1 x
//     2 x         2, 1           1 y, 1 NULL
//     (end)       2, 1, 0        2 x, 2 NULL, NULL NULL

#include "session/merge_group.h"

#include "protocol/error_table.h"
#include "protocol/row_binary.h"
#include "session/fold.h"
#include "session/having.h"
#include "session/merge_top.h"

enum { BITMAP_OFFSET = 2 }; // of a binary row

struct merge_group {
    struct arena *arena;                 // borrowed
    const struct merge_columns *columns; // borrowed
    const struct plan_having *having;    // borrowed; NULL: all groups stay
    struct merge_group_out out;
    struct merge_top *top; // the groups go there instead; NULL: they don't
    struct fold *folds;    // of each level: one for each visible column, then those for `having`
    uint32_t fold_count;
    uint32_t group_keys; // of the plan's keys, without the fine ones:
    uint32_t fine_keys;
    uint32_t first_level; // group_keys, or 0 with ROLLUP; the last level is that of group_keys
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

static struct fold *folds_of(const struct merge_group *group, uint32_t level)
{
    return &group->folds[(size_t)(level - group->first_level) * group->fold_count];
}

static bool init_folds(struct merge_group *group, const struct plan *plan, struct fold *folds,
                       struct error *error)
{
    const struct merge_columns *columns = group->columns;
    for (uint32_t i = 0; i < group->fold_count; i++) {
        const struct plan_fold *fold = plan->fold_count > 0 ? &plan->folds[i] : NULL;
        bool is_hidden = fold != NULL && i >= columns->visible;
        uint32_t at = is_hidden ? columns->visible + fold->hidden : i;
        if (!fold_init(&folds[i], fold, columns, at, error)) {
            return false;
        }
    }
    return group->having == NULL || having_check(group->having, folds, error);
}

struct merge_group *merge_group_start(struct arena *arena, const struct plan *plan,
                                      const struct merge_columns *columns,
                                      const struct merge_group_out *out, struct error *error)
{
    struct merge_group *group = arena_alloc(arena, sizeof *group);
    group->arena = arena;
    group->columns = columns;
    group->out = *out;
    group->fine_keys = plan->fine_keys;
    group->group_keys = plan->key_count - plan->fine_keys;
    group->first_level = plan->has_rollup ? 0 : group->group_keys;
    group->offset_left = plan->offset;
    group->limit_left = plan->limit;
    group->counts_all = plan->counts_found;
    group->having = plan->having;
    group->is_one_row = plan->fine_keys > 0 && plan->fine_keys == plan->key_count;
    group->fold_count = columns->visible + plan->more_folds;
    uint32_t levels = group->group_keys - group->first_level + 1;
    group->folds = arena_alloc(arena, (size_t)levels * group->fold_count * sizeof *group->folds);
    group->fields = arena_alloc(arena, columns->count * sizeof *group->fields);
    text_init(&group->row);
    text_init(&group->value);
    if (plan->fold_count != 0 && plan->fold_count != columns->visible) {
        error_fill(error, ER_CROSS_SHARD, "the shards' answers don't have the columns of the plan");
        return NULL;
    }
    if (plan->order_count > 0) {
        group->top = merge_top_start(arena, plan, columns, out, error);
        group->offset_left = 0;
        group->limit_left = UINT64_MAX;
        if (group->top == NULL) {
            return NULL;
        }
    }
    for (uint32_t level = group->first_level; level <= group->group_keys; level++) {
        if (!init_folds(group, plan, folds_of(group, level), error)) {
            return NULL;
        }
    }
    return group;
}

void merge_group_stop(struct merge_group *group)
{
    if (group->top != NULL) {
        merge_top_stop(group->top);
    }
    uint32_t levels = group->group_keys - group->first_level + 1;
    for (uint32_t i = 0; i < levels * group->fold_count; i++) {
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
    bool is_fine = read_fields(group, payload, error) &&
                   (group->top == NULL || merge_top_look(group->top, group->fields, error));
    for (uint32_t level = group->first_level; level <= group->group_keys; level++) {
        struct fold *folds = folds_of(group, level);
        for (uint32_t i = 0; i < group->fold_count && is_fine; i++) {
            is_fine = fold_look(&folds[i], group->arena, group->fields, error);
        }
    }
    return is_fine;
}

static bool write_row(struct merge_group *group, uint32_t level, struct error *error)
{
    const struct fold *folds = folds_of(group, level);
    const struct merge_columns *columns = group->columns;
    bool is_null;
    group->row.len = 0;
    for (size_t i = 0; columns->is_binary && i < 1 + (columns->visible + 9u) / 8; i++) {
        write_u8(&group->row, 0); // the row's mark and the bitmap
    }
    for (uint32_t i = 0; i < columns->visible; i++) {
        group->value.len = 0;
        if (!fold_value(&folds[i], &group->value, &is_null, error)) {
            return false;
        }
        is_null = is_null || (level < group->group_keys && fold_is_rolled_up(&folds[i], level));
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

static bool give_row(struct merge_group *group, const struct fold *folds, struct error *error)
{
    struct slice row = text_slice(&group->row);
    return group->top != NULL ? merge_top_add(group->top, folds, row, error)
                              : group->out.row(group->out.owner, row, error);
}

// The group is over: its row, if the client wants it.
static bool finish_group(struct merge_group *group, uint32_t level, struct error *error)
{
    struct fold *folds = folds_of(group, level);
    if (!group->has_rows || merge_group_is_full(group)) {
        return true;
    }
    bool stays = group->having == NULL || having_holds(group->having, folds);
    group->count += stays;
    if (!stays) {
        // as if it had not been
    } else if (group->offset_left > 0) {
        group->offset_left--;
    } else if (group->limit_left > 0) {
        group->limit_left -= group->limit_left != UINT64_MAX;
        if (!write_row(group, level, error) || !give_row(group, folds, error)) {
            return false;
        }
    }
    for (uint32_t i = 0; i < group->fold_count; i++) {
        fold_reset(&folds[i]);
    }
    return true;
}

// Those of more keys first, down to `last`.
static bool finish_levels(struct merge_group *group, uint32_t last, struct error *error)
{
    bool is_fine = true;
    for (uint32_t level = group->group_keys + 1; level > last && is_fine; level--) {
        is_fine = finish_group(group, level - 1, error);
    }
    return is_fine;
}

static bool add_fields(struct merge_group *group, uint32_t level, bool is_repeated,
                       struct error *error)
{
    struct fold *folds = folds_of(group, level);
    for (uint32_t i = 0; i < group->fold_count; i++) {
        if (is_repeated && fold_is_distinct(&folds[i])) {
            continue;
        }
        if (!fold_add(&folds[i], group->arena, group->fields, error)) {
            return false;
        }
    }
    return true;
}

bool merge_group_add(struct merge_group *group, struct slice payload, uint32_t shared,
                     struct error *error)
{
    uint32_t all_keys = group->group_keys + group->fine_keys;
    bool is_repeated = all_keys > 0 && shared == all_keys;
    uint32_t last = shared + 1 > group->first_level ? shared + 1 : group->first_level;
    if (shared < group->group_keys && !finish_levels(group, last, error)) {
        return false;
    }
    if (!read_fields(group, payload, error)) {
        return false;
    }
    for (uint32_t level = group->first_level; level <= group->group_keys; level++) {
        if (!add_fields(group, level, is_repeated, error)) {
            return false;
        }
    }
    group->has_rows = true;
    return true;
}

bool merge_group_end(struct merge_group *group, struct error *error)
{
    if (group->is_one_row && !group->has_rows) { // of no rows at all
        for (uint32_t i = 0; i < group->fold_count; i++) {
            fold_nothing(&group->folds[i]);
        }
        group->has_rows = true;
    }
    if (!finish_levels(group, group->first_level, error)) {
        return false;
    }
    if (group->top != NULL) {
        merge_top_sort(group->top);
    }
    return true;
}

bool merge_group_give(struct merge_group *group, bool *is_over, struct error *error)
{
    *is_over = true;
    return group->top == NULL || merge_top_give(group->top, is_over, error);
}

bool merge_group_is_full(const struct merge_group *group)
{
    return group->limit_left == 0 && !group->counts_all;
}

uint64_t merge_group_count(const struct merge_group *group)
{
    return group->count;
}
