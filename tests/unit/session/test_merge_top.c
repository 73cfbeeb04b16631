// The first groups by their values: random groups, every LIMIT and OFFSET, against sorting them
// all.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/memory.h"
#include "protocol/row_binary.h"
#include "session/merge_top.h"

enum { GROUPS_MAX = 9, NULL_VALUE = 3, RUNS = 400 };

// The group's number, and two values that it is sorted by, the second one descending.
static const struct column column_list[] = {
    {.type = TYPE_LONG}, {.type = TYPE_LONGLONG}, {.type = TYPE_LONGLONG}};
static const struct plan_fold plan_folds[] = {
    {.kind = FOLD_FIRST, .collation = NO_HIDDEN, .key = 0},
    {.kind = FOLD_ADD, .collation = NO_HIDDEN},
    {.kind = FOLD_ADD, .collation = NO_HIDDEN},
};
static struct plan_order orders[] = {{.fold = 1}, {.fold = 2, .is_descending = true}};

struct group {
    int a, b;
    unsigned number;
};

static int sort_value(int value) // NULL is the smallest
{
    return value == NULL_VALUE ? -100 : value;
}

static int compare_groups(const void *x, const void *y)
{
    const struct group *a = x, *b = y;
    if (a->a != b->a) {
        return sort_value(a->a) < sort_value(b->a) ? -1 : 1;
    }
    if (a->b != b->b) {
        return sort_value(a->b) > sort_value(b->b) ? -1 : 1;
    }
    return (a->number > b->number) - (a->number < b->number);
}

static bool show(void *owner, struct slice row, struct error *error)
{
    struct text *out = owner;
    struct field field;
    (void)error;
    assert_true(row_text_read(row, &field, 1));
    text_add_slice(out, field.bytes);
    text_add_string(out, "|");
    return true;
}

static void set_fold(struct fold *fold, int value)
{
    fold_reset(fold);
    fold->is_null = value == NULL_VALUE;
    fold->integer = (uint64_t)(int64_t)value;
}

static void check(const struct group *groups, uint32_t count, uint64_t offset, uint64_t limit)
{
    struct arena arena;
    struct error error = {.code = 0};
    struct text found, expected;
    struct fold folds[3];
    struct plan plan = {.folds = (struct plan_fold *)(uintptr_t)plan_folds,
                        .fold_count = 3,
                        .orders = orders,
                        .order_count = 2,
                        .offset = offset,
                        .limit = limit};
    const struct merge_columns columns = {
        .columns = (struct column *)(uintptr_t)column_list, .count = 3, .visible = 3};
    const struct merge_group_out out = {.row = show, .owner = &found};
    arena_init(&arena, NULL);
    text_init(&found);
    text_init(&expected);
    struct merge_top *top = merge_top_start(&arena, &plan, &columns, &out, &error);
    assert_non_null(top);
    for (uint32_t i = 0; i < 3; i++) {
        assert_true(fold_init(&folds[i], &plan_folds[i], &columns, i, &error));
    }
    for (uint32_t i = 0; i < count; i++) {
        struct text row;
        text_init(&row);
        char number[16];
        snprintf(number, sizeof number, "%u", groups[i].number);
        row_text_add(&row, slice_of_string(number));
        set_fold(&folds[1], groups[i].a);
        set_fold(&folds[2], groups[i].b);
        assert_true(merge_top_add(top, folds, text_slice(&row), &error));
        text_done(&row);
    }
    merge_top_sort(top);
    for (bool is_over = false; !is_over;) {
        assert_true(merge_top_give(top, &is_over, &error));
    }
    struct group sorted[GROUPS_MAX];
    memcpy(sorted, groups, sizeof sorted);
    qsort(sorted, count, sizeof *sorted, compare_groups);
    for (uint64_t i = offset; i < count && i - offset < limit; i++) {
        text_add_format(&expected, "%u|", sorted[i].number);
    }
    text_add(&expected, "", 1);
    text_add(&found, "", 1);
    assert_string_equal((const char *)found.ptr, (const char *)expected.ptr);
    for (uint32_t i = 0; i < 3; i++) {
        fold_done(&folds[i]);
    }
    merge_top_stop(top);
    text_done(&expected);
    text_done(&found);
    arena_clear(&arena);
}

static void as_if_all_were_sorted(void **state)
{
    (void)state;
    uint32_t random = 1;
    for (uint32_t run = 0; run < RUNS; run++) {
        struct group groups[GROUPS_MAX];
        for (uint32_t i = 0; i < GROUPS_MAX; i++) {
            random = random * 1664525u + 1013904223u;
            groups[i] = (struct group){.a = (int)(random >> 24 & 3) + (random >> 20 & 1 ? 0 : -2),
                                       .b = (int)(random >> 28 & 3),
                                       .number = i};
        }
        uint32_t count = run % (GROUPS_MAX + 1);
        for (uint64_t limit = 0; limit <= GROUPS_MAX; limit++) {
            check(groups, count, run % 4, limit);
        }
        check(groups, count, run % 4, UINT64_MAX);
    }
}

// A string without its collation can't be compared.
static void refuses_strings(void **state)
{
    (void)state;
    struct arena arena;
    struct error error = {.code = 0};
    struct column column = {.type = TYPE_VAR_STRING, .collation_id = 45};
    const struct merge_columns columns = {.columns = &column, .count = 1, .visible = 1};
    struct plan_order order = {.fold = 0};
    const struct plan plan = {.orders = &order, .order_count = 1, .limit = 5};
    const struct merge_group_out out = {.row = show};
    arena_init(&arena, NULL);
    assert_null(merge_top_start(&arena, &plan, &columns, &out, &error));
    assert_int_not_equal(error.code, 0);
    arena_clear(&arena);
}

enum { WORDS = 5 };

// The words by MAX(word), whose collation comes with the rows, or by a key with one.
static void sort_words(enum fold_kind kind, const char *collation, const char *expected)
{
    static const char *const words[WORDS] = {"b", "A", "a", "B", "\xc3\xa4"};
    struct arena arena;
    struct error error = {.code = 0};
    struct text found;
    struct fold fold;
    struct column list[] = {
        {.type = TYPE_VAR_STRING, .collation_id = 45},
        {.type = TYPE_VAR_STRING, .name = slice_of_string("waybill collation 0")}};
    struct plan_fold planned = {
        .kind = kind, .collation = kind == FOLD_MAX ? 0 : NO_HIDDEN, .key = 0};
    struct plan_order order = {.fold = 0};
    const struct plan plan = {.folds = &planned,
                              .fold_count = 1,
                              .orders = &order,
                              .order_count = 1,
                              .limit = UINT64_MAX};
    const struct merge_columns columns = {.columns = list, .count = 2, .visible = 1};
    const struct merge_group_out out = {.row = show, .owner = &found};
    struct field fields[] = {{.is_null = true}, {.bytes = slice_of_string(collation)}};
    arena_init(&arena, NULL);
    text_init(&found);
    struct merge_top *top = merge_top_start(&arena, &plan, &columns, &out, &error);
    assert_non_null(top);
    assert_true(fold_init(&fold, &planned, &columns, 0, &error));
    assert_false(merge_top_add(top, &fold, slice_of_string("x"), &error));
    assert_true(merge_top_look(top, fields, &error));
    for (int i = 0; i < WORDS; i++) {
        struct text row;
        fields[0] = (struct field){.bytes = slice_of_string(words[i])};
        fold_reset(&fold);
        assert_true(fold_add(&fold, &arena, fields, &error));
        text_init(&row);
        row_text_add(&row, fields[0].bytes);
        assert_true(merge_top_add(top, &fold, text_slice(&row), &error));
        text_done(&row);
    }
    merge_top_sort(top);
    for (bool is_over = false; !is_over;) {
        assert_true(merge_top_give(top, &is_over, &error));
    }
    text_add(&found, "", 1);
    assert_string_equal((const char *)found.ptr, expected);
    fields[1].bytes = slice_of_string("latin1_bin");
    assert_false(merge_top_look(top, fields, &error));
    fold_done(&fold);
    merge_top_stop(top);
    text_done(&found);
    arena_clear(&arena);
}

static void strings_by_the_collation_that_rows_tell(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        enum fold_kind kind = i == 0 ? FOLD_MAX : FOLD_FIRST;
        sort_words(kind, "utf8mb4_general_ci", "A|a|\xc3\xa4|b|B|");
        sort_words(kind, "utf8mb4_bin", "A|B|a|b|\xc3\xa4|");
    }
}

// More than may be held is an error, whatever LIMIT says.
static void bounded(void **state)
{
    (void)state;
    enum { ROW_BYTES = 1024 * 1024 };
    struct arena arena;
    struct error error = {.code = 0};
    struct text row;
    struct fold fold;
    struct column column = {.type = TYPE_LONGLONG};
    struct plan_fold planned = {.kind = FOLD_ADD, .collation = NO_HIDDEN};
    struct plan_order order = {.fold = 0};
    const struct plan plan = {.folds = &planned,
                              .fold_count = 1,
                              .orders = &order,
                              .order_count = 1,
                              .limit = UINT64_MAX};
    const struct merge_columns columns = {.columns = &column, .count = 1, .visible = 1};
    const struct merge_group_out out = {.row = show};
    arena_init(&arena, NULL);
    text_init(&row);
    for (int i = 0; i < ROW_BYTES; i++) {
        text_add(&row, "x", 1);
    }
    struct merge_top *top = merge_top_start(&arena, &plan, &columns, &out, &error);
    assert_non_null(top);
    assert_true(fold_init(&fold, &planned, &columns, 0, &error));
    uint32_t held = 0;
    while (held < 100 && merge_top_add(top, &fold, text_slice(&row), &error)) {
        held++;
    }
    assert_in_range(held, 8, MERGE_TOP_BYTES_MAX / ROW_BYTES);
    assert_non_null(strstr(error.text, "more than 32 MiB"));
    fold_done(&fold);
    merge_top_stop(top);
    text_done(&row);
    arena_clear(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_if_all_were_sorted),
        cmocka_unit_test(refuses_strings),
        cmocka_unit_test(strings_by_the_collation_that_rows_tell),
        cmocka_unit_test(bounded),
    };
    return cmocka_run_group_tests_name("merge_top", tests, NULL, NULL);
}
