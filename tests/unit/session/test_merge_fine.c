// Aggregates of DISTINCT values out of finer groups: every way in which three sources can have the
// values of two groups, against a naive model; with groups and as one row of all, which there is
// even of nothing. Likewise WITH ROLLUP.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/memory.h"
#include "protocol/row_binary.h"
#include "session/merge_group.h"

enum { SOURCES = 3, GROUPS = 2, VALUES = 3, CELLS = GROUPS * VALUES, FIELDS = 7 };
enum { NONE = INT32_MAX, ROW_BYTES = 64 };

// The group, COUNT(DISTINCT x), SUM(DISTINCT x), COUNT(*), BIT_AND(y), MAX(y) | x
static const struct plan_fold folds[] = {
    {.kind = FOLD_FIRST, .collation = NO_HIDDEN},
    {.kind = FOLD_ADD, .collation = NO_HIDDEN, .is_distinct = true},
    {.kind = FOLD_ADD, .collation = NO_HIDDEN, .is_distinct = true},
    {.kind = FOLD_ADD, .collation = NO_HIDDEN},
    {.kind = FOLD_AND, .collation = NO_HIDDEN},
    {.kind = FOLD_MAX, .collation = NO_HIDDEN},
};

// WITH ROLLUP: the group, x, y and others added up | x, which is a key like the group
static const struct plan_fold rollup_folds[] = {
    {.kind = FOLD_FIRST, .collation = NO_HIDDEN, .key = 0},
    {.kind = FOLD_ADD, .collation = NO_HIDDEN},
    {.kind = FOLD_FIRST, .collation = NO_HIDDEN, .key = 1},
    {.kind = FOLD_ADD, .collation = NO_HIDDEN},
    {.kind = FOLD_AND, .collation = NO_HIDDEN},
    {.kind = FOLD_MAX, .collation = NO_HIDDEN},
};

static const struct column column_list[FIELDS] = {
    {.type = TYPE_LONGLONG},
    {.type = TYPE_LONGLONG, .flags = COLUMN_NOT_NULL},
    {.type = TYPE_LONGLONG},
    {.type = TYPE_LONGLONG, .flags = COLUMN_NOT_NULL},
    {.type = TYPE_LONGLONG, .flags = COLUMN_UNSIGNED | COLUMN_NOT_NULL},
    {.type = TYPE_LONGLONG},
    {.type = TYPE_LONGLONG},
};

static const int32_t values[VALUES] = {NONE, 3, 40}; // in the order of ORDER BY x

struct source_rows {
    uint8_t bytes[CELLS][ROW_BYTES];
    size_t len[CELLS];
    uint32_t count;
    uint32_t next;
};

struct bench {
    struct arena arena;
    struct column list[FIELDS];
    struct merge_columns columns;
    struct merge_key keys[2];
    struct plan plan;
    struct source_rows sources[SOURCES];
    struct text *out; // of the answer
};

static void bench_init(struct bench *bench, bool is_binary, bool is_one_row)
{
    *bench = (struct bench){.keys = {{.column = 0}, {.column = 0, .is_hidden = true}}};
    arena_init(&bench->arena, NULL);
    memcpy(bench->list, column_list, sizeof column_list);
    bench->columns = (struct merge_columns){
        .columns = bench->list, .count = FIELDS, .visible = FIELDS - 1, .is_binary = is_binary};
    bench->plan = (struct plan){.merge = MERGE_GROUP,
                                .keys = bench->keys + is_one_row,
                                .key_count = is_one_row ? 1 : 2,
                                .fine_keys = 1,
                                .hidden_columns = 1,
                                .folds = (struct plan_fold *)(uintptr_t)folds,
                                .fold_count = FIELDS - 1,
                                .limit = UINT64_MAX};
}

static void add_row(struct bench *bench, uint32_t source, const int32_t fields[FIELDS])
{
    struct source_rows *rows = &bench->sources[source];
    struct text row;
    uint32_t nulls = 0;
    text_init(&row);
    for (int i = 0; i < FIELDS; i++) {
        nulls |= fields[i] == NONE ? 4u << i : 0u;
    }
    for (int i = 0; bench->columns.is_binary && i < 3; i++) {
        write_u8(&row, (uint8_t)(i == 0 ? 0u : nulls >> (8 * (i - 1))));
    }
    for (int i = 0; i < FIELDS; i++) {
        char text[16];
        snprintf(text, sizeof text, "%d", fields[i]);
        if (!bench->columns.is_binary && fields[i] == NONE) {
            row_text_add_null(&row);
        } else if (!bench->columns.is_binary) {
            row_text_add(&row, slice_of_string(text));
        } else if (fields[i] != NONE) {
            int64_t wide = fields[i];
            text_add(&row, &wide, sizeof wide);
        }
    }
    assert_true(row.len <= ROW_BYTES);
    memcpy(rows->bytes[rows->count], row.ptr, row.len);
    rows->len[rows->count++] = row.len;
    text_done(&row);
}

static int32_t y_of(uint32_t source, uint32_t cell)
{
    return (int32_t)(source * 5 + cell * 3 + 1) | 16;
}

// The finer groups of a source; `cells`: a bit for each group and value that it has.
static void fill(struct bench *bench, uint32_t source, uint32_t cells)
{
    for (uint32_t cell = 0; cell < CELLS; cell++) {
        int32_t x = values[cell % VALUES];
        int32_t y = y_of(source, cell);
        if ((cells >> cell & 1) != 0) {
            const int32_t fields[FIELDS] = {
                (int32_t)(cell / VALUES), x != NONE, x, (int32_t)(source + cell + 1), y, y, x};
            add_row(bench, source, fields);
        }
    }
}

// ---- the model

struct total {
    uint32_t rows;
    int32_t distinct, sum, count, bits, max;
};

static void total_add_cell(struct total *total, const uint32_t cells[SOURCES], uint32_t cell)
{
    bool is_there = false;
    for (uint32_t source = 0; source < SOURCES; source++) {
        if ((cells[source] >> cell & 1) != 0) {
            int32_t y = y_of(source, cell);
            is_there = true;
            total->rows++;
            total->count += (int32_t)(source + cell + 1);
            total->bits &= y;
            total->max = total->max > y ? total->max : y;
        }
    }
    if (is_there && values[cell % VALUES] != NONE) {
        total->distinct++;
        total->sum += values[cell % VALUES];
    }
}

static void model_row(uint32_t group, const struct total *total, struct text *out)
{
    if (total->rows == 0) {
        text_add_string(out, "NULL,0,NULL,0,18446744073709551615,NULL|");
        return;
    }
    text_add_format(out, "%u,%d,", group, total->distinct);
    if (total->distinct == 0) {
        text_add_string(out, "NULL");
    } else {
        text_add_format(out, "%d", total->sum);
    }
    text_add_format(out, ",%d,%d,%d|", total->count, total->bits, total->max);
}

static void model(const uint32_t cells[SOURCES], bool is_one_row, const struct plan *plan,
                  struct text *out)
{
    uint64_t seen = 0;
    for (uint32_t group = 0; group < (is_one_row ? 1 : GROUPS); group++) {
        struct total total = {.bits = -1};
        for (uint32_t value = 0; value < VALUES; value++) {
            total_add_cell(&total, cells, group * VALUES + value);
        }
        if ((total.rows > 0 || is_one_row) && seen++ >= plan->offset &&
            seen <= plan->offset + plan->limit) {
            model_row(group, &total, out);
        }
    }
}

// ---- the merge

static bool show_row(void *owner, struct slice payload, struct error *error)
{
    struct bench *bench = owner;
    struct text *out = bench->out;
    (void)error;
    struct field fields[FIELDS];
    uint32_t count = bench->columns.visible;
    assert_true(bench->columns.is_binary ? row_binary_read(payload, bench->list, count, fields)
                                         : row_text_read(payload, fields, count));
    for (uint32_t i = 0; i < count; i++) {
        struct slice text = fields[i].bytes;
        const struct binary_value value = {.type = bench->list[i].type,
                                           .is_unsigned =
                                               (bench->list[i].flags & COLUMN_UNSIGNED) != 0,
                                           .bytes = text};
        if (!fields[i].is_null && bench->columns.is_binary) {
            assert_true(binary_to_text(&bench->arena, &value, &text));
        }
        text_add_string(out, fields[i].is_null ? "NULL" : "");
        text_add_slice(out, text);
        text_add_string(out, i + 1 < count ? "," : "|");
    }
    return true;
}

static void feed(struct bench *bench, struct merge *merge, uint32_t source)
{
    struct source_rows *rows = &bench->sources[source];
    struct error error;
    if (rows->next == rows->count) {
        merge_end(merge, source);
        return;
    }
    uint32_t at = rows->next++;
    assert_true(merge_put(merge, source, slice_of(rows->bytes[at], rows->len[at]), &error));
}

static void run(struct bench *bench, struct text *out)
{
    struct error error;
    uint32_t source;
    const struct merge_group_out show = {.row = show_row, .owner = bench};
    bench->out = out;
    struct merge *merge = merge_start(&bench->arena, &bench->plan, &bench->columns, SOURCES);
    struct merge_group *group =
        merge_group_start(&bench->arena, &bench->plan, &bench->columns, &show, &error);
    assert_non_null(group);
    for (source = 0; source < SOURCES; source++) {
        feed(bench, merge, source);
    }
    while (!merge_group_is_full(group) && merge_next(merge, &source) == MERGE_STEP_ROW) {
        const struct source_rows *rows = &bench->sources[source];
        uint32_t at = rows->next - 1;
        assert_true(merge_group_add(group, slice_of(rows->bytes[at], rows->len[at]),
                                    merge_shared(merge), &error));
        feed(bench, merge, source);
    }
    assert_true(merge_group_end(group, &error));
    merge_stop(merge);
    merge_group_stop(group);
}

static void check(const uint32_t cells[SOURCES], bool is_binary, bool is_one_row, uint64_t offset,
                  uint64_t limit)
{
    struct bench bench;
    struct text expected, found;
    text_init(&expected);
    text_init(&found);
    bench_init(&bench, is_binary, is_one_row);
    bench.plan.offset = offset;
    bench.plan.limit = limit;
    for (uint32_t source = 0; source < SOURCES; source++) {
        fill(&bench, source, cells[source]);
    }
    model(cells, is_one_row, &bench.plan, &expected);
    run(&bench, &found);
    text_add(&expected, "", 1);
    text_add(&found, "", 1);
    assert_string_equal((const char *)found.ptr, (const char *)expected.ptr);
    text_done(&expected);
    text_done(&found);
    arena_clear(&bench.arena);
}

// ---- WITH ROLLUP

struct level_total {
    uint32_t rows;
    int32_t with_x, count, bits, max;
};

static void add_level(struct level_total *total, uint32_t source, uint32_t cell)
{
    int32_t y = y_of(source, cell);
    total->rows++;
    total->with_x += values[cell % VALUES] != NONE;
    total->count += (int32_t)(source + cell + 1);
    total->bits = total->rows == 1 ? y : total->bits & y;
    total->max = total->max > y ? total->max : y;
}

// A row of the rows from cell `begin` on; `keys` of them are not rolled up.
static void rollup_row(const uint32_t cells[SOURCES], uint32_t begin, uint32_t end, uint32_t keys,
                       struct text *out)
{
    struct level_total total = {.rows = 0};
    for (uint32_t cell = begin; cell < end; cell++) {
        for (uint32_t source = 0; source < SOURCES; source++) {
            if ((cells[source] >> cell & 1) != 0) {
                add_level(&total, source, cell);
            }
        }
    }
    if (total.rows == 0) {
        return;
    }
    char group[16] = "NULL", x[16] = "NULL";
    if (keys > 0) {
        snprintf(group, sizeof group, "%u", begin / VALUES);
    }
    if (keys > 1 && values[begin % VALUES] != NONE) {
        snprintf(x, sizeof x, "%d", values[begin % VALUES]);
    }
    text_add_format(out, "%s,%d,%s,%d,%d,%d|", group, total.with_x, x, total.count, total.bits,
                    total.max);
}

static void check_rollup(const uint32_t cells[SOURCES], bool is_binary)
{
    struct bench bench;
    struct text expected, found;
    text_init(&expected);
    text_init(&found);
    bench_init(&bench, is_binary, false);
    bench.plan.fine_keys = 0;
    bench.plan.has_rollup = true;
    bench.plan.folds = (struct plan_fold *)(uintptr_t)rollup_folds;
    for (uint32_t source = 0; source < SOURCES; source++) {
        fill(&bench, source, cells[source]);
    }
    for (uint32_t cell = 0; cell < CELLS; cell++) {
        rollup_row(cells, cell, cell + 1, 2, &expected);
        if (cell % VALUES == VALUES - 1) {
            rollup_row(cells, cell + 1 - VALUES, cell + 1, 1, &expected);
        }
    }
    rollup_row(cells, 0, CELLS, 0, &expected);
    run(&bench, &found);
    text_add(&expected, "", 1);
    text_add(&found, "", 1);
    assert_string_equal((const char *)found.ptr, (const char *)expected.ptr);
    text_done(&expected);
    text_done(&found);
    arena_clear(&bench.arena);
}

static void every_spread_with_rollup(void **state)
{
    (void)state;
    for (uint32_t spread = 0; spread < 1u << (SOURCES * CELLS); spread += 3) {
        const uint32_t cells[SOURCES] = {spread & 63, spread >> 6 & 63, spread >> 12};
        check_rollup(cells, (spread & 1) != 0);
    }
}

static void every_spread_over_groups(void **state)
{
    (void)state;
    for (uint32_t spread = 0; spread < 1u << (SOURCES * CELLS); spread += 3) {
        const uint32_t cells[SOURCES] = {spread & 63, spread >> 6 & 63, spread >> 12};
        check(cells, (spread & 1) != 0, false, spread % 5 == 0, spread % 7 == 0 ? 1 : 100);
    }
}

// What is DISTINCT is what is grouped by: no finer groups.
static void every_spread_by_the_value(void **state)
{
    (void)state;
    for (uint32_t spread = 0; spread < 1u << (SOURCES * VALUES); spread++) {
        const uint32_t cells[SOURCES] = {spread & 7, spread >> 3 & 7, spread >> 6};
        struct bench bench;
        struct text expected, found;
        text_init(&expected);
        text_init(&found);
        bench_init(&bench, (spread & 1) != 0, true);
        bench.plan.fine_keys = 0;
        for (uint32_t source = 0; source < SOURCES; source++) {
            fill(&bench, source, cells[source]);
        }
        for (uint32_t value = 0; value < VALUES; value++) {
            struct total total = {.bits = -1};
            total_add_cell(&total, cells, value);
            if (total.rows > 0) {
                model_row(0, &total, &expected);
            }
        }
        run(&bench, &found);
        text_add(&expected, "", 1);
        text_add(&found, "", 1);
        assert_string_equal((const char *)found.ptr, (const char *)expected.ptr);
        text_done(&expected);
        text_done(&found);
        arena_clear(&bench.arena);
    }
}

static void every_spread_as_one_row(void **state)
{
    (void)state;
    for (uint32_t spread = 0; spread < 1u << (SOURCES * VALUES); spread++) {
        const uint32_t cells[SOURCES] = {spread & 7, spread >> 3 & 7, spread >> 6};
        for (uint64_t limit = 0; limit < 2; limit++) {
            check(cells, false, true, 0, limit);
            check(cells, true, true, 0, limit);
            check(cells, false, true, 1, limit);
        }
    }
}

static void doubles_are_refused(void **state)
{
    (void)state;
    struct bench bench;
    struct error error = {.code = 0};
    const uint32_t cells = 2;
    bench_init(&bench, false, false);
    bench.list[FIELDS - 1].type = TYPE_DOUBLE;
    fill(&bench, 0, cells);
    struct merge *merge = merge_start(&bench.arena, &bench.plan, &bench.columns, 1);
    const struct source_rows *rows = &bench.sources[0];
    assert_false(merge_put(merge, 0, slice_of(rows->bytes[0], rows->len[0]), &error));
    assert_non_null(strstr(error.text, "DISTINCT values of FLOAT or DOUBLE"));
    merge_stop(merge);
    arena_clear(&bench.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_spread_over_groups), cmocka_unit_test(every_spread_by_the_value),
        cmocka_unit_test(every_spread_as_one_row),  cmocka_unit_test(every_spread_with_rollup),
        cmocka_unit_test(doubles_are_refused),
    };
    return cmocka_run_group_tests_name("merge_fine", tests, NULL, NULL);
}
