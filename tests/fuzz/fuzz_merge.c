// Rows of hostile servers in a sorted merge, in groups, and in groups that are sorted by their
// values. The first bytes say how many columns of which types, which folds and keys; then each row:
// its source, its length, its bytes.

#include "session/merge_group.h"

static bool drop_row(void *owner, struct slice row, struct error *error)
{
    (void)owner, (void)row, (void)error;
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

enum { COLUMNS_MAX = 6, HIDDEN = 3, SOURCES = 3, FOLD_KINDS = FOLD_CONCAT + 1 };

struct input {
    struct reader reader;
    struct merge_columns columns;
    struct column list[COLUMNS_MAX];
    struct plan plan;
    struct plan_fold folds[COLUMNS_MAX];
    struct merge_key keys[2];
    struct plan_order orders[2];
    struct slice rows[SOURCES]; // the one that each has put
};

static void read_plan(struct input *input)
{
    uint8_t shape = read_u8(&input->reader);
    uint32_t visible = 1 + (shape & 1) + (shape >> 1 & 1);
    input->columns = (struct merge_columns){.columns = input->list,
                                            .count = visible + HIDDEN,
                                            .visible = visible,
                                            .is_binary = (shape & 4) != 0};
    for (uint32_t i = 0; i < visible + HIDDEN; i++) {
        uint8_t more = read_u8(&input->reader);
        input->list[i].type = read_u8(&input->reader);
        input->list[i].flags = (more & 1) != 0 ? COLUMN_UNSIGNED : 0;
        input->list[i].decimals = more >> 1 & 63;
        input->list[i].collation_id = 45;
        input->folds[i] = (struct plan_fold){.kind = read_u8(&input->reader) % FOLD_KINDS,
                                             .sum = 0,
                                             .count = 1,
                                             .collation = (more & 128) != 0 ? 2 : NO_HIDDEN,
                                             .separator = slice_of_string(", "),
                                             .is_distinct = (more & 64) != 0,
                                             .key = more % 3};
    }
    input->keys[0] = (struct merge_key){.column = 0, .is_descending = (shape & 8) != 0};
    input->keys[1] = (struct merge_key){.column = 0, .is_hidden = true};
    input->plan = (struct plan){.merge = (shape & 16) != 0 ? MERGE_SORT : MERGE_GROUP,
                                .keys = input->keys,
                                .key_count = shape >> 5 & 3,
                                .hidden_columns = HIDDEN,
                                .folds = input->folds,
                                .fold_count = visible,
                                .offset = shape >> 7,
                                .limit = UINT64_MAX};
    input->plan.key_count = input->plan.key_count < 2 ? input->plan.key_count : 2;
    uint8_t form = read_u8(&input->reader);
    input->plan.fine_keys = form % 3 <= input->plan.key_count ? form % 3 : 0;
    input->plan.has_rollup = (form & 4) != 0 && input->plan.fine_keys == 0;
    input->orders[0] =
        (struct plan_order){.fold = form >> 4 & 3, .is_descending = (form & 64) != 0};
    input->orders[1] = (struct plan_order){.fold = 0, .is_descending = (form & 128) != 0};
    input->plan.orders = input->orders;
    input->plan.order_count = (form & 8) != 0 ? 2 : 0;
    input->plan.limit = (form & 16) != 0 ? 2 : UINT64_MAX;
    input->list[visible + HIDDEN - 1].name = slice_of_string("waybill collation 0");
}

static bool feed(struct input *input, struct merge *merge, uint32_t source)
{
    struct error error;
    size_t len = read_u8(&input->reader);
    if (reader_left(&input->reader) < len || len == 0) {
        merge_end(merge, source);
        return true;
    }
    input->rows[source] = read_bytes(&input->reader, len);
    return merge_put(merge, source, input->rows[source], &error);
}

// The first rows tell the collations.
static bool look(const struct input *input, struct merge_group *group)
{
    struct error error;
    bool is_fine = true;
    for (uint32_t i = 0; i < SOURCES && is_fine; i++) {
        is_fine = input->rows[i].ptr == NULL || merge_group_look(group, input->rows[i], &error);
    }
    return is_fine;
}

static void end_groups(struct merge_group *group)
{
    struct error error;
    bool is_over = false;
    bool is_fine = merge_group_end(group, &error);
    while (is_fine && !is_over) {
        is_fine = merge_group_give(group, &is_over, &error);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct input input = {.reader = reader_of(slice_of(bytes, len))};
    struct arena arena;
    struct error error;
    uint32_t source = 0;
    read_plan(&input);
    arena_init(&arena, NULL);
    struct merge *merge = merge_start(&arena, &input.plan, &input.columns, SOURCES);
    const struct merge_group_out out = {.row = drop_row};
    struct merge_group *group =
        merge_group_start(&arena, &input.plan, &input.columns, &out, &error);
    bool is_fine = group != NULL && !input.reader.is_bad;
    for (uint32_t i = 0; i < SOURCES && is_fine; i++) {
        is_fine = feed(&input, merge, i);
    }
    is_fine = is_fine && (input.plan.merge == MERGE_SORT || look(&input, group));
    while (is_fine && merge_next(merge, &source) != MERGE_STEP_DONE) {
        if (input.plan.merge == MERGE_SORT) {
            (void)merge_shown(merge, source);
        } else {
            is_fine = merge_group_add(group, input.rows[source], merge_shared(merge), &error);
        }
        is_fine = is_fine && feed(&input, merge, source);
    }
    if (is_fine && input.plan.merge == MERGE_GROUP) {
        end_groups(group);
    }
    merge_stop(merge);
    if (group != NULL) {
        merge_group_stop(group);
    }
    arena_clear(&arena);
    return 0;
}
