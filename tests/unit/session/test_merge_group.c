// Groups of several sources as one row each: every small case against a naive model, in both
// protocols; and what can't be put together.

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/memory.h"
#include "protocol/error_table.h"
#include "protocol/row_binary.h"
#include "session/merge_group.h"

enum { SOURCES = 3, GROUPS = 3, NONE = INT32_MAX, FIELDS = 9, FOLDS = 7 };

// Columns: key, SUM, AVG, MIN, MAX, BIT_XOR, COUNT | hidden SUM, COUNT.
// Behind those, for HAVING: the hidden SUM.
static const struct plan_fold folds[FOLDS + 1] = {
    {.kind = FOLD_FIRST, .collation = NO_HIDDEN},
    {.kind = FOLD_ADD, .collation = NO_HIDDEN},
    {.kind = FOLD_AVERAGE, .sum = 0, .count = 1, .collation = NO_HIDDEN},
    {.kind = FOLD_MIN, .collation = NO_HIDDEN},
    {.kind = FOLD_MAX, .collation = NO_HIDDEN},
    {.kind = FOLD_XOR, .collation = NO_HIDDEN},
    {.kind = FOLD_ADD, .collation = NO_HIDDEN},
    {.kind = FOLD_ADD, .collation = NO_HIDDEN, .hidden = 0},
};

static const struct column column_list[FIELDS] = {
    {.type = TYPE_LONG},
    {.type = TYPE_NEWDECIMAL},
    {.type = TYPE_NEWDECIMAL, .decimals = 4},
    {.type = TYPE_LONG},
    {.type = TYPE_LONG},
    {.type = TYPE_LONGLONG, .flags = COLUMN_UNSIGNED},
    {.type = TYPE_LONGLONG},
    {.type = TYPE_NEWDECIMAL},
    {.type = TYPE_LONGLONG},
};

struct bench {
    struct arena arena;
    struct column list[FIELDS];
    struct merge_columns columns;
    struct merge_key key;
    struct plan plan;
    struct slice rows[SOURCES][GROUPS];
    uint32_t counts[SOURCES];
    uint64_t counted; // groups, by the last run
    struct text out;  // of the run
};

static void bench_init(struct bench *bench, bool is_binary)
{
    *bench = (struct bench){.key = {.column = 0}};
    arena_init(&bench->arena, NULL);
    memcpy(bench->list, column_list, sizeof column_list);
    bench->columns = (struct merge_columns){
        .columns = bench->list, .count = FIELDS, .visible = FOLDS, .is_binary = is_binary};
    bench->plan = (struct plan){.merge = MERGE_GROUP,
                                .keys = &bench->key,
                                .key_count = 1,
                                .hidden_columns = FIELDS - FOLDS,
                                .folds = (struct plan_fold *)(uintptr_t)folds,
                                .fold_count = FOLDS,
                                .more_folds = 1,
                                .limit = UINT64_MAX};
}

static void add_integer(struct text *row, uint8_t type, int64_t value)
{
    size_t len = type == TYPE_LONG ? 4 : 8;
    for (size_t i = 0; i < len; i++) {
        write_u8(row, (uint8_t)((uint64_t)value >> (8 * i)));
    }
}

// NONE is NULL.
static struct slice row_of(struct bench *bench, const int32_t values[FIELDS])
{
    struct text row;
    text_init(&row);
    if (bench->columns.is_binary) {
        uint32_t nulls = 0;
        for (int i = 0; i < FIELDS; i++) {
            nulls |= values[i] == NONE ? 4u << i : 0;
        }
        write_u8(&row, 0);
        write_u8(&row, (uint8_t)nulls);
        write_u8(&row, (uint8_t)(nulls >> 8));
    }
    for (int i = 0; i < FIELDS; i++) {
        char text[16];
        snprintf(text, sizeof text, "%d", values[i]);
        bool is_text = !bench->columns.is_binary || bench->list[i].type == TYPE_NEWDECIMAL;
        if (values[i] == NONE && !bench->columns.is_binary) {
            row_text_add_null(&row);
        } else if (values[i] != NONE && is_text) {
            row_text_add(&row, slice_of_string(text));
        } else if (values[i] != NONE) {
            add_integer(&row, bench->list[i].type, values[i]);
        }
    }
    struct slice copy = arena_copy(&bench->arena, text_slice(&row));
    text_done(&row);
    return copy;
}

static bool show_row(void *owner, struct slice payload, struct error *error)
{
    struct bench *bench = owner;
    struct text *out = &bench->out;
    struct field fields[FOLDS];
    uint32_t count = bench->columns.visible;
    (void)error;
    assert_true(bench->columns.is_binary ? row_binary_read(payload, bench->list, count, fields)
                                         : row_text_read(payload, fields, count));
    for (uint32_t i = 0; i < count; i++) {
        struct slice text = fields[i].bytes;
        struct binary_value value = {.type = bench->list[i].type,
                                     .is_unsigned = (bench->list[i].flags & COLUMN_UNSIGNED) != 0,
                                     .bytes = fields[i].bytes};
        if (!fields[i].is_null && bench->columns.is_binary) {
            assert_true(binary_to_text(&bench->arena, &value, &text));
        }
        text_add_string(out, fields[i].is_null ? "NULL" : "");
        text_add_slice(out, text);
        text_add_string(out, i + 1 < count ? "," : "|");
    }
    return true;
}

static bool feed(struct bench *bench, struct merge *merge, uint32_t *next, uint32_t source,
                 struct error *error)
{
    if (next[source] == bench->counts[source]) {
        merge_end(merge, source);
        return true;
    }
    return merge_put(merge, source, bench->rows[source][next[source]], error);
}

// All rows of the answer joined by '|'; behind them the error, if any.
static const char *run(struct bench *bench)
{
    struct error error = {.code = 0};
    const struct merge_group_out show = {.row = show_row, .owner = bench};
    uint32_t next[SOURCES] = {0}, source = 0;
    text_init(&bench->out);
    struct merge *merge = merge_start(&bench->arena, &bench->plan, &bench->columns, SOURCES);
    struct merge_group *group =
        merge_group_start(&bench->arena, &bench->plan, &bench->columns, &show, &error);
    bool is_fine = group != NULL;
    for (uint32_t i = 0; i < SOURCES && is_fine; i++) {
        is_fine = bench->counts[i] == 0 || merge_group_look(group, bench->rows[i][0], &error);
    }
    for (uint32_t i = 0; i < SOURCES && is_fine; i++) {
        is_fine = feed(bench, merge, next, i, &error);
    }
    while (is_fine && !merge_group_is_full(group) && merge_next(merge, &source) == MERGE_STEP_ROW) {
        is_fine =
            merge_group_add(group, bench->rows[source][next[source]], merge_shared(merge), &error);
        next[source]++;
        is_fine = is_fine && feed(bench, merge, next, source, &error);
    }
    is_fine = is_fine && merge_group_end(group, &error);
    merge_stop(merge);
    bench->counted = group != NULL ? merge_group_count(group) : 0;
    if (group != NULL) {
        merge_group_stop(group);
    }
    struct slice copy = arena_format(&bench->arena, "%.*s%s", (int)bench->out.len,
                                     (char *)bench->out.ptr, error.text);
    text_done(&bench->out);
    return (const char *)copy.ptr;
}

// ---- the model: each row of a table as it is, each source with some of them

static const int32_t group_names[GROUPS] = {NONE, -3, 7};
static const int32_t values[] = {NONE, -5, 0, 4};

// What source `source` has in the group: a value for each of two rows; none at all when bit 4 is
// off.
static int32_t value_at(uint32_t choice, int row)
{
    return values[(choice >> (2 * row)) & 3];
}

struct total {
    int32_t rows, count, sum, min, max;
    uint64_t bits;
};

static void total_add(struct total *total, int32_t value)
{
    total->rows++;
    if (value == NONE) {
        return;
    }
    total->min = total->count == 0 || value < total->min ? value : total->min;
    total->max = total->count == 0 || value > total->max ? value : total->max;
    total->sum += value;
    total->count++;
    total->bits ^= (uint64_t)(value & 15);
}

static void source_row(struct bench *bench, uint32_t source, int32_t name, uint32_t choice)
{
    struct total total = {.rows = 0};
    total_add(&total, value_at(choice, 0));
    total_add(&total, value_at(choice, 1));
    bool is_null = total.count == 0;
    const int32_t row[FIELDS] = {name,
                                 is_null ? NONE : total.sum,
                                 is_null ? NONE : 1, // the shard's own average is not looked at
                                 is_null ? NONE : total.min,
                                 is_null ? NONE : total.max,
                                 (int32_t)total.bits,
                                 total.count,
                                 is_null ? NONE : total.sum,
                                 total.count};
    bench->rows[source][bench->counts[source]++] = row_of(bench, row);
}

static void model_row(int32_t name, const struct total *total, struct text *out)
{
    char key[16] = "NULL";
    if (name != NONE) {
        snprintf(key, sizeof key, "%d", name);
    }
    text_add_format(out, "%s,", key);
    if (total->count == 0) {
        text_add_format(out, "NULL,NULL,NULL,NULL,0,0|");
        return;
    }
    long size = labs((long)total->sum);
    long average = (size * 20000 + total->count) / (2 * total->count);
    text_add_format(out, "%d,%s%ld.%04ld,%d,%d,%" PRIu64 ",%d|", total->sum,
                    total->sum < 0 && average > 0 ? "-" : "", average / 10000, average % 10000,
                    total->min, total->max, total->bits, total->count);
}

// ---- HAVING

enum { SUM = FOLDS, MIN = 3, MAX = 4, BITS = 5, COUNT = 6, HAVINGS = 7 };

#define NUMBER(digits)                                                                             \
    {                                                                                              \
        .number = {.ptr = (const uint8_t *)(digits), .len = sizeof(digits) - 1 }                   \
    }
#define FOLD(at)                                                                                   \
    {                                                                                              \
        .fold = (at)                                                                               \
    }
#define COMPARED(by, left, right)                                                                  \
    {                                                                                              \
        .kind = HAVING_COMPARED, .op = (by), .a = left, .b = right                                 \
    }

static const struct plan_having parts[] = {
    COMPARED(OP_GREATER_EQUAL, FOLD(SUM), NUMBER("4.0")),
    COMPARED(OP_EQUAL, FOLD(MIN), NUMBER("-5")),
    COMPARED(OP_GREATER, FOLD(COUNT), NUMBER("1")),
    COMPARED(OP_LESS, FOLD(MAX), NUMBER("4")),
    {.kind = HAVING_IS_NULL, .a = FOLD(MIN)},
    COMPARED(OP_NOT_EQUAL, FOLD(BITS), NUMBER("0")),
    COMPARED(OP_LESS_EQUAL, NUMBER("-0.5"), FOLD(SUM)),
};

static const struct plan_having havings[HAVINGS] = {
    [1] = COMPARED(OP_GREATER_EQUAL, FOLD(SUM), NUMBER("4.0")),
    [2] = {.kind = HAVING_NOT, .left = &parts[1]},
    [3] = {.kind = HAVING_AND, .left = &parts[2], .right = &parts[3]},
    [4] = {.kind = HAVING_OR, .left = &parts[4], .right = &parts[5]},
    [5] = COMPARED(OP_LESS, FOLD(MIN), FOLD(MAX)),
    [6] = {.kind = HAVING_OR, .left = &parts[6], .right = &parts[4]},
};

// 0: no HAVING.
static bool model_holds(int having, const struct total *total)
{
    bool has_values = total->count > 0;
    switch (having) {
    case 1:
        return has_values && total->sum >= 4;
    case 2:
        return has_values && total->min != -5;
    case 3:
        return total->count > 1 && total->max < 4;
    case 4:
        return !has_values || total->bits != 0;
    case 5:
        return has_values && total->min < total->max;
    case 6:
        return !has_values || total->sum >= 0;
    default:
        return true;
    }
}

// The choices of one case: for each source and group 5 bits, of which the uppermost says whether
// the source has the group.
static void check_case(uint8_t choices[SOURCES][GROUPS], bool is_binary, int having,
                       uint64_t offset, uint64_t limit)
{
    struct bench bench;
    struct text expected;
    uint64_t shown = 0;
    bench_init(&bench, is_binary);
    text_init(&expected);
    for (int g = 0; g < GROUPS; g++) {
        struct total total = {.rows = 0};
        for (uint32_t s = 0; s < SOURCES; s++) {
            if ((choices[s][g] & 16) == 0) {
                continue;
            }
            source_row(&bench, s, group_names[g], choices[s][g]);
            total_add(&total, value_at(choices[s][g], 0));
            total_add(&total, value_at(choices[s][g], 1));
        }
        if (total.rows > 0 && model_holds(having, &total) && shown++ >= offset &&
            shown <= offset + limit) {
            model_row(group_names[g], &total, &expected);
        }
    }
    bench.plan.offset = offset;
    bench.plan.limit = limit;
    bench.plan.having = having > 0 ? &havings[having] : NULL;
    text_add(&expected, "", 1);
    assert_string_equal(run(&bench), (const char *)expected.ptr);
    text_done(&expected);
    arena_clear(&bench.arena);
}

// Which source has which group, all 512 cases, with offsets and limits.
static void every_spread(void **state)
{
    (void)state;
    for (uint32_t spread = 0; spread < 1u << (SOURCES * GROUPS); spread++) {
        uint8_t choices[SOURCES][GROUPS];
        for (uint32_t i = 0; i < SOURCES * GROUPS; i++) {
            uint32_t mixed = (spread * 2654435761u + i * 40503u) >> 7;
            choices[i / GROUPS][i % GROUPS] =
                (uint8_t)((mixed & 15) | ((spread >> i & 1) != 0 ? 16 : 0));
        }
        for (uint64_t offset = 0; offset < 3; offset++) {
            int having = (int)(spread % HAVINGS);
            check_case(choices, false, 0, offset, 100);
            check_case(choices, true, 0, offset, 1);
            check_case(choices, (spread & 1) != 0, having, offset, 0);
            check_case(choices, (spread & 1) != 0, having, offset, 1);
        }
    }
}

// All values of two rows on each of three sources, in one group.
// SQL_CALC_FOUND_ROWS: all groups are counted, and the client gets those that it gets anyway.
static void counts_beyond_the_limit(void **state)
{
    (void)state;
    for (uint64_t limit = 0; limit <= GROUPS; limit++) {
        for (uint64_t offset = 0; offset <= GROUPS; offset++) {
            struct bench bench;
            const char *rows[2];
            bench_init(&bench, limit % 2 == 0);
            for (uint32_t group = 0; group < GROUPS; group++) {
                source_row(&bench, 0, group_names[group], 1);
                source_row(&bench, group % 2 == 0 ? 1 : 2, group_names[group], 5);
            }
            bench.plan.offset = offset;
            bench.plan.limit = limit;
            for (int i = 0; i < 2; i++) {
                bench.plan.counts_found = i == 1;
                rows[i] = run(&bench);
            }
            assert_string_equal(rows[0], rows[1]);
            assert_int_equal(bench.counted, GROUPS);
            arena_clear(&bench.arena);
        }
    }
}

static void every_value(void **state)
{
    (void)state;
    for (uint32_t all = 0; all < 1u << 12; all++) {
        uint8_t choices[SOURCES][GROUPS] = {{0}};
        for (uint32_t s = 0; s < SOURCES; s++) {
            choices[s][1] = (uint8_t)(16 | (all >> (4 * s) & 15));
        }
        for (int having = 0; having < HAVINGS; having++) {
            check_case(choices, (all & 1) != 0, having, 0, 100);
        }
    }
}

static void without_keys(void **state)
{
    (void)state;
    struct bench bench;
    bench_init(&bench, false);
    bench.plan.key_count = 0;
    for (uint32_t i = 0; i < SOURCES; i++) {
        source_row(&bench, i, 5, 16 | 3 | 1 << 2); // 4 and -5
    }
    // (4 and 15) of each of three: 4 ^ 11, an odd number of times
    assert_string_equal(run(&bench), "5,-3,-0.5000,-5,4,15,6|");
    bench.counts[0] = 2;
    bench.rows[0][1] = bench.rows[0][0];
    assert_non_null(strstr(run(&bench), "tells apart"));
    arena_clear(&bench.arena);
}

static void refuses_sources_out_of_order(void **state)
{
    (void)state;
    struct bench bench;
    bench_init(&bench, false);
    source_row(&bench, 0, 7, 16);
    source_row(&bench, 0, 7, 16);
    assert_non_null(strstr(run(&bench), "tells apart"));
    bench.counts[0] = 1;
    source_row(&bench, 0, -3, 16);
    assert_non_null(strstr(run(&bench), "don't come in the order"));
    arena_clear(&bench.arena);
}

static const char *run_one(struct bench *bench, enum fold_kind kind, const char *a, const char *b)
{
    static struct plan_fold fold;
    fold = (struct plan_fold){.kind = kind, .collation = NO_HIDDEN};
    bench->columns.count = bench->columns.visible = 1;
    bench->plan.folds = &fold;
    bench->plan.fold_count = 1;
    bench->plan.more_folds = 0;
    bench->plan.key_count = bench->plan.hidden_columns = 0;
    const char *const texts[] = {a, b};
    for (uint32_t i = 0; i < 2; i++) {
        struct text row;
        text_init(&row);
        row_text_add(&row, slice_of_string(texts[i]));
        bench->rows[i][0] = arena_copy(&bench->arena, text_slice(&row));
        bench->counts[i] = 1;
        text_done(&row);
    }
    return run(bench);
}

static void folds_other_types(void **state)
{
    (void)state;
    struct bench bench;
    bench_init(&bench, false);
    bench.list[0] = (struct column){.type = TYPE_DOUBLE, .decimals = 31};
    assert_string_equal(run_one(&bench, FOLD_ADD, "0.1", "0.2"), "0.30000000000000004|");
    assert_non_null(strstr(run_one(&bench, FOLD_ADD, "1e308", "1e308"), "out of range"));
    assert_non_null(strstr(run_one(&bench, FOLD_ADD, "1", "x"), "out of range"));
    bench.list[0].decimals = 2;
    assert_non_null(strstr(run_one(&bench, FOLD_ADD, "1.00", "2.00"), "fixed decimals"));
    bench.list[0] = (struct column){.type = TYPE_LONGLONG, .flags = COLUMN_UNSIGNED};
    assert_string_equal(run_one(&bench, FOLD_ADD, "9223372036854775808", "1"),
                        "9223372036854775809|");
    assert_non_null(strstr(run_one(&bench, FOLD_ADD, "18446744073709551615", "1"), "range"));
    assert_string_equal(run_one(&bench, FOLD_AND, "12", "10"), "8|");
    assert_string_equal(run_one(&bench, FOLD_OR, "12", "10"), "14|");
    assert_string_equal(run_one(&bench, FOLD_MAX, "18446744073709551615", "9"),
                        "18446744073709551615|");
    bench.list[0] = (struct column){.type = TYPE_LONGLONG};
    assert_non_null(strstr(run_one(&bench, FOLD_ADD, "9223372036854775807", "1"), "range"));
    bench.list[0] = (struct column){.type = TYPE_NEWDECIMAL, .decimals = 2};
    assert_string_equal(run_one(&bench, FOLD_ADD, "-0.05", "0.04"), "-0.01|");
    assert_string_equal(run_one(&bench, FOLD_MIN, "-0.05", "-10.00"), "-10.00|");
    bench.list[0].decimals = 38;
    assert_non_null(strstr(run_one(&bench, FOLD_ADD, "1", "1"), "so many digits"));
    bench.list[0] = (struct column){.type = TYPE_DATE};
    assert_string_equal(run_one(&bench, FOLD_MAX, "2026-01-31", "2026-02-01"), "2026-02-01|");
    bench.list[0] = (struct column){.type = TYPE_BIT};
    assert_non_null(strstr(run_one(&bench, FOLD_MAX, "2", "10"), "MIN and MAX of BIT"));
    bench.list[0] = (struct column){.type = TYPE_VAR_STRING, .collation_id = 45};
    assert_non_null(strstr(run_one(&bench, FOLD_MAX, "a", "b"), "collation is not known"));
    assert_non_null(strstr(run_one(&bench, FOLD_ADD, "1", "2"), "only numbers"));
    assert_non_null(strstr(run_one(&bench, FOLD_XOR, "1", "2"), "byte strings"));
    arena_clear(&bench.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_beyond_the_limit),
        cmocka_unit_test(every_spread),
        cmocka_unit_test(every_value),
        cmocka_unit_test(without_keys),
        cmocka_unit_test(refuses_sources_out_of_order),
        cmocka_unit_test(folds_other_types),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
