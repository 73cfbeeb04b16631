// Merging: rows of several sources in one order, limits, hidden columns, columns, counts, OKs.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/memory.h"
#include "protocol/row_binary.h"
#include "session/merge.h"

static struct column column_of(const char *name, uint8_t type, uint16_t flags)
{
    return (struct column){.name = slice_of_string(name),
                           .type = type,
                           .flags = flags,
                           .collation_id =
                               type < TYPE_VARCHAR || type == TYPE_NEWDECIMAL ? 63 : 45};
}

// A text row in the arena; "NULL" is NULL.
static struct slice text_row(struct arena *arena, int count, ...)
{
    struct text row;
    text_init(&row);
    va_list fields;
    va_start(fields, count);
    for (int i = 0; i < count; i++) {
        const char *field = va_arg(fields, const char *);
        if (strcmp(field, "NULL") == 0) {
            row_text_add_null(&row);
        } else {
            row_text_add(&row, slice_of_string(field));
        }
    }
    va_end(fields);
    struct slice copy = arena_copy(arena, text_slice(&row));
    text_done(&row);
    return copy;
}

static const char *shown_text(struct arena *arena, struct slice payload, uint32_t columns)
{
    struct field fields[16];
    assert_true(row_text_read(payload, fields, columns));
    struct text shown;
    text_init(&shown);
    for (uint32_t i = 0; i < columns; i++) {
        text_add_string(&shown, i > 0 ? "," : "");
        if (fields[i].is_null) {
            text_add_string(&shown, "NULL");
        }
        text_add_slice(&shown, fields[i].bytes);
    }
    struct slice copy = arena_format(arena, "%.*s", (int)shown.len, (const char *)shown.ptr);
    text_done(&shown);
    return (const char *)copy.ptr;
}

struct feed { // rows of each source
    struct slice rows[4][16];
    uint32_t counts[4];
    uint32_t next[4];
    uint32_t sources;
};

static bool feed_one(struct merge *merge, struct feed *feed, uint32_t source, struct error *error)
{
    if (feed->next[source] == feed->counts[source]) {
        merge_end(merge, source);
        return true;
    }
    return merge_put(merge, source, feed->rows[source][feed->next[source]++], error);
}

// Runs it all; the rows joined by '|', or "!" and the error.
static const char *run(struct arena *arena, struct feed *feed, const struct plan *plan,
                       const struct merge_columns *columns)
{
    struct merge *merge = merge_start(arena, plan, columns, feed->sources);
    struct text out;
    text_init(&out);
    struct error error = {0};
    bool is_fine = true;
    for (uint32_t i = 0; i < feed->sources && is_fine; i++) {
        uint32_t any;
        assert_true(plan->merge != MERGE_SORT || plan->limit == 0 ||
                    merge_next(merge, &any) == MERGE_STEP_WAIT);
        is_fine = feed_one(merge, feed, i, &error);
    }
    uint32_t source;
    enum merge_step step = MERGE_STEP_DONE;
    while (is_fine && (step = merge_next(merge, &source)) != MERGE_STEP_DONE) {
        assert_int_not_equal(step, MERGE_STEP_WAIT);
        if (step == MERGE_STEP_ROW) {
            struct slice row = merge_shown(merge, source);
            text_add_format(&out, "%s|", shown_text(arena, row, columns->visible));
        }
        is_fine = feed_one(merge, feed, source, &error);
    }
    merge_stop(merge);
    struct slice copy = is_fine ? arena_format(arena, "%.*s", (int)out.len, (char *)out.ptr)
                                : arena_format(arena, "!%s", error.text);
    text_done(&out);
    return (const char *)copy.ptr;
}

static void sorts_rows(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL);
    struct column list[] = {column_of("v", TYPE_LONG, 0), column_of("s", TYPE_VAR_STRING, 0),
                            column_of("waybill collation 1", TYPE_VAR_STRING, 0)};
    struct merge_columns columns = {.columns = list, .count = 3, .visible = 2};
    struct merge_key keys[] = {{.column = 0}, {.column = 1, .is_descending = true}};
    struct plan plan = {.merge = MERGE_SORT, .keys = keys, .key_count = 2, .limit = UINT64_MAX};
    const char *ci = "utf8mb4_general_ci";
    struct feed feed = {
        .sources = 3,
        .counts = {3, 0, 4},
        .rows = {{text_row(&arena, 3, "NULL", "x", ci), text_row(&arena, 3, "2", "b", ci),
                  text_row(&arena, 3, "10", "A", ci)},
                 {{0}},
                 {text_row(&arena, 3, "-5", "x", ci), text_row(&arena, 3, "2", "C", ci),
                  text_row(&arena, 3, "2", "B ", ci), text_row(&arena, 3, "10", "NULL", ci)}},
    };
    struct feed again = feed;
    assert_string_equal(run(&arena, &again, &plan, &columns),
                        "NULL,x|-5,x|2,C|2,b|2,B |10,A|10,NULL|");
    plan.offset = 2;
    plan.limit = 3;
    again = feed;
    assert_string_equal(run(&arena, &again, &plan, &columns), "2,C|2,b|2,B |");
    plan.limit = 0;
    again = feed;
    assert_string_equal(run(&arena, &again, &plan, &columns), "");
    plan.limit = UINT64_MAX;
    plan.offset = 100;
    again = feed;
    assert_string_equal(run(&arena, &again, &plan, &columns), "");
    arena_clear(&arena);
}

static void refuses_what_it_cannot_compare(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL);
    struct column list[] = {column_of("s", TYPE_VAR_STRING, 0),
                            column_of("waybill collation 0", TYPE_VAR_STRING, 0)};
    struct merge_columns columns = {.columns = list, .count = 2, .visible = 1};
    struct merge_key key = {.column = 0};
    struct plan plan = {.merge = MERGE_SORT, .keys = &key, .key_count = 1, .limit = UINT64_MAX};
    struct feed feed = {.sources = 2, .counts = {2, 1}};
    feed.rows[0][0] = text_row(&arena, 2, "a", "utf8mb4_unicode_ci");
    struct feed again = feed;
    assert_non_null(strstr(run(&arena, &again, &plan, &columns), "utf8mb4_unicode_ci"));
    // One shard has another collation.
    feed.rows[0][0] = text_row(&arena, 2, "a", "utf8mb4_general_ci");
    feed.rows[0][1] = text_row(&arena, 2, "B", "utf8mb4_general_ci");
    feed.rows[1][0] = text_row(&arena, 2, "a", "utf8mb4_bin");
    again = feed;
    assert_non_null(strstr(run(&arena, &again, &plan, &columns), "the same collation"));
    // A source that is not in order.
    feed.rows[1][0] = text_row(&arena, 2, "a", "utf8mb4_bin");
    feed.rows[0][0] = text_row(&arena, 2, "a", "utf8mb4_bin");
    feed.rows[0][1] = text_row(&arena, 2, "B", "utf8mb4_bin");
    again = feed;
    assert_non_null(strstr(run(&arena, &again, &plan, &columns), "don't come in the order"));
    // Collation not told.
    list[1] = column_of("hidden", TYPE_LONG, 0);
    again = feed;
    assert_non_null(strstr(run(&arena, &again, &plan, &columns), "not known"));
    // A row that is none.
    feed.rows[0][0] = slice_of("\x05a", 2);
    again = feed;
    assert_int_equal(run(&arena, &again, &plan, &columns)[0], '!');
    arena_clear(&arena);
}

static void passes_rows_in_any_order(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL);
    struct column list[] = {column_of("v", TYPE_LONG, 0), column_of("h", TYPE_LONG, 0)};
    struct merge_columns columns = {.columns = list, .count = 2, .visible = 1};
    struct plan plan = {.merge = MERGE_ROWS, .limit = 4, .offset = 1};
    struct feed feed = {.sources = 2, .counts = {3, 3}};
    for (uint32_t i = 0; i < 6; i++) {
        char number[12];
        snprintf(number, sizeof number, "%u", i);
        feed.rows[i / 3][i % 3] = text_row(&arena, 2, number, "9");
    }
    assert_string_equal(run(&arena, &feed, &plan, &columns), "3|1|4|2|");
    arena_clear(&arena);
}

// Binary rows: NULL bitmap of the visible columns only, whatever stands in the hidden ones.
static void hides_columns_of_binary_rows(void **state)
{
    (void)state;
    for (uint32_t visible = 1; visible < 20; visible++) {
        struct arena arena;
        arena_init(&arena, NULL);
        struct column list[24];
        uint32_t count = visible + 4;
        struct text row;
        text_init(&row);
        uint8_t bitmap[8] = {0};
        for (uint32_t i = 0; i < count; i++) {
            list[i] = column_of("c", i == visible ? TYPE_LONGLONG : TYPE_TINY, 0);
            bool is_null = i % 3 == 1 || i == visible + 1;
            bitmap[(i + 2) / 8] |= (uint8_t)(is_null << ((i + 2) % 8));
        }
        bitmap[(visible + 2) / 8] &= (uint8_t) ~(1u << ((visible + 2) % 8));
        write_u8(&row, 0);
        text_add(&row, bitmap, (count + 9) / 8);
        for (uint32_t i = 0; i < count; i++) {
            if (i == visible) {
                write_u64(&row, 77);
            } else if (((bitmap[(i + 2) / 8] >> ((i + 2) % 8)) & 1) == 0) {
                write_u8(&row, (uint8_t)i);
            }
        }
        struct merge_columns columns = {
            .columns = list, .count = count, .visible = visible, .is_binary = true};
        struct merge_key key = {.column = 0, .is_hidden = true};
        struct plan plan = {.merge = MERGE_SORT, .keys = &key, .key_count = 1, .limit = UINT64_MAX};
        struct merge *merge = merge_start(&arena, &plan, &columns, 1);
        struct error error;
        uint32_t source;
        assert_true(merge_put(merge, 0, slice_of(NULL, 0), &error) == false);
        merge_stop(merge);
        merge = merge_start(&arena, &plan, &columns, 1);
        // The bytes may move between put and use.
        struct slice moved = arena_copy(&arena, text_slice(&row));
        assert_true(merge_put(merge, 0, text_slice(&row), &error));
        memset(row.ptr, 0xee, row.len);
        merge_moved(merge, 0, moved.ptr);
        assert_int_equal(merge_next(merge, &source), MERGE_STEP_ROW);
        struct field fields[24];
        struct slice shown = merge_shown(merge, 0);
        assert_true(row_binary_read(shown, list, visible, fields));
        for (uint32_t i = 0; i < visible; i++) {
            assert_int_equal(fields[i].is_null, i % 3 == 1);
            assert_true(fields[i].is_null || fields[i].bytes.ptr[0] == i);
        }
        assert_int_equal(shown.ptr[(visible + 9) / 8] >> ((visible + 2 - 1) % 8 + 1), 0);
        merge_stop(merge);
        text_done(&row);
        arena_clear(&arena);
    }
}

static void joins_columns(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL);
    struct column a[] = {column_of("id", TYPE_LONG, COLUMN_NOT_NULL), column_of("h", TYPE_LONG, 0)};
    struct column b[] = {column_of("id", TYPE_LONG, 0), column_of("h", TYPE_LONG, 0)};
    a[0].length = 11;
    b[0].length = 20;
    struct merge_head heads[] = {{.columns = a, .count = 2, .shard = "s1"},
                                 {.columns = b, .count = 2, .shard = "s2"}};
    struct merge_columns columns = {0};
    struct error error;
    assert_true(merge_columns_join(&arena, heads, 2, 1, &columns, &error));
    assert_int_equal(columns.columns[0].length, 20);
    assert_int_equal(columns.columns[0].flags, 0);
    assert_int_equal(columns.visible, 1);
    b[0].type = TYPE_LONGLONG;
    assert_false(merge_columns_join(&arena, heads, 2, 1, &columns, &error));
    assert_int_equal(error.code, 9001);
    assert_non_null(strstr(error.text, "type of column 1 ('id') is not the same on s1 and s2"));
    heads[1].count = 1;
    assert_false(merge_columns_join(&arena, heads, 2, 1, &columns, &error));
    assert_non_null(strstr(error.text, "2 columns from s1, 1 from s2"));
    arena_clear(&arena);
}

static void adds_oks(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL);
    struct ok_packet total;
    struct ok_packet one = {
        .affected_rows = 2,
        .warnings = 40000,
        .message = slice_of_string("Rows matched: 9  Changed: 2  Warnings: 0"),
    };
    merge_ok_add(&arena, &total, &one, true);
    merge_ok_add(&arena, &total, &one, false);
    assert_int_equal(total.affected_rows, 4);
    assert_int_equal(total.warnings, 65535);
    assert_true(
        slice_equal(total.message, slice_of_string("Rows matched: 18  Changed: 4  Warnings: 0")));
    one.message = slice_of_string("Records: 1");
    merge_ok_add(&arena, &total, &one, false);
    assert_int_equal(total.message.len, 0);
    arena_clear(&arena);
}

static struct plan union_plan(struct merge_key *key)
{
    return (struct plan){.merge = MERGE_UNION, .keys = key, .key_count = 1, .limit = UINT64_MAX};
}

static void unites_rows(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL);
    struct column list[] = {column_of("Tables_in_shop", TYPE_VAR_STRING, 0),
                            column_of("Table_type", TYPE_VAR_STRING, 0)};
    struct merge_columns columns = {.columns = list, .count = 2, .visible = 2};
    struct merge_key key = {.column = 0};
    struct plan plan = union_plan(&key);
    struct feed feed = {
        .sources = 4,
        .counts = {3, 4, 0, 3},
        .rows = {{text_row(&arena, 2, "a", "t"), text_row(&arena, 2, "ab", "t"),
                  text_row(&arena, 2, "v", "VIEW")},
                 {text_row(&arena, 2, "B", "t"), text_row(&arena, 2, "ab", "t"),
                  text_row(&arena, 2, "v", "VIEW"), text_row(&arena, 2, "z", "t")},
                 {{0}},
                 {text_row(&arena, 2, "a", "t"), text_row(&arena, 2, "v", "t"),
                  text_row(&arena, 2, "\xc3\xa9", "t")}},
    };
    assert_string_equal(run(&arena, &feed, &plan, &columns),
                        "B,t|a,t|ab,t|v,t|v,VIEW|z,t|\xc3\xa9,t|");
    arena_clear(&arena);
}

// Servers whose order is another one: each name once all the same, and common beginnings stay.
static void unites_rows_in_other_orders(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL);
    struct column list[] = {column_of("Database", TYPE_VAR_STRING, 0)};
    struct merge_columns columns = {.columns = list, .count = 1, .visible = 1};
    struct merge_key key = {.column = 0};
    struct plan plan = union_plan(&key);
    struct feed feed = {
        .sources = 3,
        .counts = {3, 4, 2},
        .rows = {{text_row(&arena, 1, "information_schema"), text_row(&arena, 1, "a1"),
                  text_row(&arena, 1, "a-b")},
                 {text_row(&arena, 1, "information_schema"), text_row(&arena, 1, "a-b"),
                  text_row(&arena, 1, "b"), text_row(&arena, 1, "z")},
                 {text_row(&arena, 1, "information_schema"), text_row(&arena, 1, "x")}},
    };
    assert_string_equal(run(&arena, &feed, &plan, &columns), "information_schema|a-b|a1|b|x|z|");
    arena_clear(&arena);
}

static void unites_many_rows(void **state)
{
    (void)state;
    enum { ROWS = 1000 };
    struct arena arena;
    arena_init(&arena, NULL);
    struct column list[] = {column_of("Database", TYPE_VAR_STRING, 0)};
    struct merge_columns columns = {.columns = list, .count = 1, .visible = 1};
    struct merge_key key = {.column = 0};
    struct plan plan = union_plan(&key);
    struct merge *merge = merge_start(&arena, &plan, &columns, 2);
    struct error error;
    uint32_t next[2] = {0, 1}, source, given = 0; // even numbers and all of them
    for (uint32_t i = 0; i < 2; i++) {
        const char *name = (const char *)arena_format(&arena, "%05u", next[i]).ptr;
        assert_true(merge_put(merge, i, text_row(&arena, 1, name), &error));
    }
    for (enum merge_step step; (step = merge_next(merge, &source)) != MERGE_STEP_DONE;) {
        given += step == MERGE_STEP_ROW;
        next[source] += source == 0 ? 2 : 1;
        if (next[source] >= ROWS) {
            merge_end(merge, source);
            continue;
        }
        const char *name = (const char *)arena_format(&arena, "%05u", next[source]).ptr;
        assert_true(merge_put(merge, source, text_row(&arena, 1, name), &error));
    }
    assert_int_equal(given, ROWS);
    merge_stop(merge);
    arena_clear(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sorts_rows),
        cmocka_unit_test(refuses_what_it_cannot_compare),
        cmocka_unit_test(passes_rows_in_any_order),
        cmocka_unit_test(hides_columns_of_binary_rows),
        cmocka_unit_test(joins_columns),
        cmocka_unit_test(adds_oks),
        cmocka_unit_test(unites_rows),
        cmocka_unit_test(unites_rows_in_other_orders),
        cmocka_unit_test(unites_many_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
