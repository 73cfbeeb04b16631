// GROUP_CONCAT of finer groups: every way in which two sources can have the texts of two groups,
// against a naive model, in both protocols, with DISTINCT and without, cut and not; and what the
// sources must not tell.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/memory.h"
#include "protocol/row_binary.h"
#include "session/fold.h"
#include "session/merge_group.h"

enum { SOURCES = 2, PLACES = 3, CELLS = SOURCES * PLACES, STATES = 4, FIELDS = 4, VISIBLE = 2 };

// Group and place in its order, of the places of a source.
static const int groups[PLACES] = {1, 1, 2}, orders[PLACES] = {5, 7, 6};

// What a source has there.
enum { ABSENT, EMPTY_GROUP, ONE_VALUE, TWO_VALUES };

#define SEPARATOR "--"

struct bench {
    struct arena arena;
    struct column list[FIELDS];
    struct plan_fold folds[VISIBLE];
    struct merge_columns columns;
    struct merge_key keys[2];
    struct plan plan;
    int cells[CELLS];
    uint32_t next[SOURCES]; // place
    struct slice rows[SOURCES];
    unsigned most;   // group_concat_max_len
    struct text out; // of the answer
};

static void bench_init(struct bench *bench, bool is_binary, bool is_distinct, unsigned most)
{
    *bench = (struct bench){
        .list = {{.type = TYPE_LONGLONG},
                 {.type = TYPE_VAR_STRING, .collation_id = 45},
                 {.type = TYPE_VAR_STRING, .collation_id = 45},
                 {.type = TYPE_LONGLONG}},
        .folds = {{.kind = FOLD_FIRST, .collation = NO_HIDDEN, .key = 0},
                  {.kind = FOLD_CONCAT,
                   .collation = NO_HIDDEN,
                   .separator = slice_of_string(SEPARATOR),
                   .is_distinct = is_distinct,
                   .key = NO_KEY}},
        .keys = {{.column = 0}, {.column = 1, .is_hidden = true}},
        .most = most,
    };
    arena_init(&bench->arena, NULL);
    bench->columns = (struct merge_columns){
        .columns = bench->list, .count = FIELDS, .visible = VISIBLE, .is_binary = is_binary};
    bench->plan = (struct plan){.merge = MERGE_GROUP,
                                .keys = bench->keys,
                                .key_count = 2,
                                .fine_keys = 1,
                                .hidden_columns = FIELDS - VISIBLE,
                                .folds = bench->folds,
                                .fold_count = VISIBLE,
                                .limit = UINT64_MAX};
    text_init(&bench->out);
}

static void bench_done(struct bench *bench)
{
    text_done(&bench->out);
    arena_clear(&bench->arena);
}

// "c", or "c" SEPARATOR "C", of the cell's own letter.
static void add_values(struct text *text, int cell, int state)
{
    text_add_format(text, "%c", 'a' + cell);
    if (state == TWO_VALUES) {
        text_add_format(text, SEPARATOR "%c", 'A' + cell);
    }
}

static struct slice row_of(struct bench *bench, int group, int order, const struct text *value,
                           const char *facts)
{
    struct text row;
    text_init(&row);
    if (bench->columns.is_binary) {
        write_u8(&row, 0);
        write_u8(&row, value == NULL ? 3u << 3 : 0);
    }
    for (int i = 0; i < FIELDS; i++) {
        bool is_number = i == 0 || i == 3;
        int number = i == 0 ? group : order;
        if (is_number && bench->columns.is_binary) {
            write_u32(&row, (uint32_t)number);
            write_u32(&row, 0);
        } else if (is_number) {
            row_text_add(&row, arena_format(&bench->arena, "%d", number));
        } else if (value != NULL) {
            row_text_add(&row, i == 1 ? text_slice(value) : slice_of_string(facts));
        } else if (!bench->columns.is_binary) {
            row_text_add_null(&row);
        }
    }
    struct slice copy = arena_copy(&bench->arena, text_slice(&row));
    text_done(&row);
    return copy;
}

static struct slice row_of_cell(struct bench *bench, uint32_t place, int cell)
{
    int state = bench->cells[cell];
    struct text value;
    char facts[64];
    text_init(&value);
    add_values(&value, cell, state);
    snprintf(facts, sizeof facts, "%d %d 0 %u utf8mb4", state == TWO_VALUES ? 2 : 1,
             state == TWO_VALUES ? 2 : 1, bench->most);
    struct slice row =
        row_of(bench, groups[place], orders[place], state == EMPTY_GROUP ? NULL : &value, facts);
    text_done(&value);
    return row;
}

static bool show(void *owner, struct slice row, struct error *error)
{
    struct bench *bench = owner;
    struct field fields[VISIBLE];
    (void)error;
    assert_true(bench->columns.is_binary ? row_binary_read(row, bench->list, VISIBLE, fields)
                                         : row_text_read(row, fields, VISIBLE));
    text_add_format(
        &bench->out,
        "%d:", bench->columns.is_binary ? fields[0].bytes.ptr[0] : fields[0].bytes.ptr[0] - '0');
    text_add_slice(&bench->out, fields[1].is_null ? slice_of_string("NULL") : fields[1].bytes);
    text_add_string(&bench->out, "|");
    return true;
}

static void feed(struct bench *bench, struct merge *merge, uint32_t source)
{
    struct error error;
    while (bench->next[source] < PLACES) {
        uint32_t place = bench->next[source]++;
        int cell = (int)(source * PLACES + place);
        if (bench->cells[cell] != ABSENT) {
            bench->rows[source] = row_of_cell(bench, place, cell);
            assert_true(merge_put(merge, source, bench->rows[source], &error));
            return;
        }
    }
    merge_end(merge, source);
}

// False: it was refused.
static bool run(struct bench *bench, struct error *error)
{
    const struct merge_group_out out = {.row = show, .owner = bench};
    struct merge *merge = merge_start(&bench->arena, &bench->plan, &bench->columns, SOURCES);
    struct merge_group *group =
        merge_group_start(&bench->arena, &bench->plan, &bench->columns, &out, error);
    uint32_t source = 0;
    bool is_fine = group != NULL;
    for (uint32_t i = 0; i < SOURCES; i++) {
        feed(bench, merge, i);
    }
    while (is_fine && merge_next(merge, &source) == MERGE_STEP_ROW) {
        is_fine = merge_group_add(group, bench->rows[source], merge_shared(merge), error);
        feed(bench, merge, source);
    }
    is_fine = is_fine && merge_group_end(group, error);
    merge_stop(merge);
    merge_group_stop(group);
    return is_fine;
}

// The texts of a group, place by place, source by source. False: longer than may be.
static bool add_expected(const struct bench *bench, int group, bool is_distinct, struct text *text)
{
    struct text all;
    size_t begin = text->len;
    bool has_rows = false, has_values = false;
    text_init(&all);
    for (int place = 0; place < PLACES; place++) {
        bool is_seen = false;
        for (int source = 0; source < SOURCES && groups[place] == group; source++) {
            int cell = source * PLACES + place, state = bench->cells[cell];
            has_rows |= state != ABSENT;
            if (state > EMPTY_GROUP && !(is_distinct && is_seen)) {
                text_add_string(&all, has_values ? SEPARATOR : "");
                add_values(&all, cell, state);
                has_values = true;
            }
            is_seen |= state != ABSENT;
        }
    }
    if (has_rows) {
        text_add_format(text, "%d:", group);
        text_add_slice(text, has_values ? text_slice(&all) : slice_of_string("NULL"));
        text_add_string(text, "|");
    }
    bool is_fine = all.len <= bench->most;
    text->len = is_fine ? text->len : begin;
    text_done(&all);
    return is_fine;
}

static void check(uint32_t number, bool is_binary, bool is_distinct, unsigned most)
{
    struct bench bench;
    struct error error = {.code = 0};
    struct text expected;
    bench_init(&bench, is_binary, is_distinct, most);
    text_init(&expected);
    for (int i = 0; i < CELLS; i++, number /= STATES) {
        bench.cells[i] = (int)(number % STATES);
    }
    bool is_fine = add_expected(&bench, 1, is_distinct, &expected) &&
                   add_expected(&bench, 2, is_distinct, &expected);
    assert_int_equal(run(&bench, &error), is_fine);
    assert_int_equal(error.code == 0, is_fine);
    text_add(&expected, "", 1);
    text_add(&bench.out, "", 1);
    if (is_fine) {
        assert_string_equal((const char *)bench.out.ptr, (const char *)expected.ptr);
    }
    text_done(&expected);
    bench_done(&bench);
}

static void every_small_case(void **state)
{
    (void)state;
    uint32_t count = 1;
    for (int i = 0; i < CELLS; i++) {
        count *= STATES;
    }
    for (uint32_t number = 0; number < count; number++) {
        check(number, number % 2 == 0, false, 1000);
        check(number, number % 2 != 0, true, 1000);
        check(number, false, false, number % 17);
    }
}

// Of the second source; the first one has a text of 3 bytes.
static void refuse_facts(const char *facts, bool is_fine)
{
    struct bench bench;
    struct error error = {.code = 0};
    struct text value;
    struct fold fold;
    bench_init(&bench, false, false, 20);
    text_init(&value);
    text_add_string(&value, "abc");
    assert_true(fold_init(&fold, &bench.folds[1], &bench.columns, 1, &error));
    for (int i = 0; i < 2; i++) {
        struct field fields[FIELDS];
        struct slice row = row_of(&bench, 1, 1, &value, i == 0 ? "3 1 0 20 utf8mb4" : facts);
        assert_true(row_text_read(row, fields, FIELDS));
        assert_int_equal(fold_add(&fold, &bench.arena, fields, &error), i == 0 || is_fine);
    }
    assert_int_equal(error.code == 0, is_fine);
    fold_done(&fold);
    text_done(&value);
    bench_done(&bench);
}

static void what_is_refused(void **state)
{
    (void)state;
    static const char *const facts[] = {
        "",
        "3",
        "3 1 0 20",
        "x 1 0 20 utf8mb4",
        "3 0 0 20 utf8mb4",
        "3 1 1 20 utf8mb4",
        "3 1 0 21 utf8mb4",
        "16 1 0 20 utf8mb4",
        "3 18446744073709551615 0 20 utf8mb4",
        "18446744073709551615 1 0 20 utf8mb4",
        "99999999999999999999 1 0 20 utf8mb4",
        "3 1 0 20 utf16",
        "3 1 0 20 nothing",
    };
    for (size_t i = 0; i < sizeof facts / sizeof facts[0]; i++) {
        refuse_facts(facts[i], false);
    }
    refuse_facts("15 1 0 20 utf8mb4", true);
    refuse_facts("3 1 0 20 latin1", true);
    refuse_facts("3 1 0 20 binary", true);
}

// Where the separator may not be ASCII, or the values are not as they are stored.
static void results_in_other_character_sets(void **state)
{
    (void)state;
    struct bench bench;
    struct error error = {.code = 0};
    struct fold fold;
    bench_init(&bench, false, false, 20);
    bench.list[1].collation_id = 54; // utf16_general_ci
    assert_false(fold_init(&fold, &bench.folds[1], &bench.columns, 1, &error));
    bench.list[1].collation_id = 63; // binary
    assert_true(fold_init(&fold, &bench.folds[1], &bench.columns, 1, &error));
    bench.columns.is_sent_raw = true;
    assert_false(fold_init(&fold, &bench.folds[1], &bench.columns, 1, &error));
    bench.columns.is_sent_raw = false;
    bench.list[1].type = TYPE_LONGLONG;
    assert_false(fold_init(&fold, &bench.folds[1], &bench.columns, 1, &error));
    bench_done(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_small_case),
        cmocka_unit_test(what_is_refused),
        cmocka_unit_test(results_in_other_character_sets),
    };
    return cmocka_run_group_tests_name("merge_concat", tests, NULL, NULL);
}
