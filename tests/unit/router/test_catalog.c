// information_schema over several shards: rows that are put together, and the statement that is
// written with them.

#include "protocol/column.h"
#include "router/catalog.h"
#include "tests/unit/router/route_fixture.h"

static const struct {
    const char *name;
    uint8_t type;
} columns[] = {
    {"TABLE_SCHEMA", TYPE_VAR_STRING}, {"TABLE_NAME", TYPE_VAR_STRING},
    {"TABLE_ROWS", TYPE_LONGLONG},     {"AVG_ROW_LENGTH", TYPE_LONGLONG},
    {"DATA_LENGTH", TYPE_LONGLONG},    {"AUTO_INCREMENT", TYPE_LONGLONG},
    {"CREATE_TIME", TYPE_DATETIME},    {"UPDATE_TIME", TYPE_DATETIME},
};
enum { COLUMNS = sizeof columns / sizeof columns[0] };

static void start(struct arena *arena, struct catalog_rows *rows)
{
    struct column told[COLUMNS];
    for (size_t i = 0; i < COLUMNS; i++) {
        told[i] =
            (struct column){.name = slice_of_string(columns[i].name), .type = columns[i].type};
        told[i].flags = columns[i].type == TYPE_LONGLONG && i != 4 ? COLUMN_UNSIGNED : 0;
    }
    arena_init(arena, NULL);
    catalog_rows_init(rows, arena, catalog_find(slice_of_string("tables")));
    assert_true(catalog_rows_columns(rows, told, COLUMNS));
    assert_true(catalog_rows_columns(rows, told, COLUMNS));
    assert_false(catalog_rows_columns(rows, told, COLUMNS - 1));
}

static void add(struct catalog_rows *rows, const char *const *fields)
{
    struct text row;
    text_init(&row);
    for (size_t i = 0; i < COLUMNS; i++) {
        if (fields[i] == NULL) {
            row_text_add_null(&row);
        } else {
            row_text_add(&row, slice_of_string(fields[i]));
        }
    }
    assert_true(catalog_rows_add(rows, text_slice(&row)));
    text_done(&row);
}

static void expect(const struct catalog_rows *rows, uint32_t at, const char *const *fields)
{
    for (size_t i = 0; i < COLUMNS; i++) {
        const struct field *field = &rows->rows[at][i];
        assert_int_equal(field->is_null, fields[i] == NULL);
        if (fields[i] != NULL) {
            assert_true(slice_equal(field->bytes, slice_of_string(fields[i])));
        }
    }
}

#define ROW(...) ((const char *const[COLUMNS]){__VA_ARGS__})

static void figures_are_added_up(void **state)
{
    (void)state;
    struct arena arena;
    struct catalog_rows rows;
    start(&arena, &rows);
    add(&rows, ROW("shop", "a", "10", "100", "1000", "7", "2026-01-02 00:00:00", NULL));
    add(&rows, ROW("shop", "b", "1", "1", "1", NULL, "2026-01-02 00:00:00", NULL));
    add(&rows,
        ROW("shop", "a", "30", "50", "1500", "12", "2026-01-01 00:00:00", "2026-01-03 00:00:00"));
    add(&rows, ROW("shop", "a", NULL, NULL, NULL, "9", NULL, "2026-01-02 00:00:00"));
    assert_int_equal(rows.count, 2);
    expect(
        &rows, 0,
        ROW("shop", "a", "40", "62", "2500", "12", "2026-01-01 00:00:00", "2026-01-03 00:00:00"));
    expect(&rows, 1, ROW("shop", "b", "1", "1", "1", NULL, "2026-01-02 00:00:00", NULL));
    arena_clear(&arena);
}

static void empty_tables(void **state)
{
    (void)state;
    struct arena arena;
    struct catalog_rows rows;
    start(&arena, &rows);
    add(&rows, ROW("shop", "a", "0", "0", "16384", NULL, NULL, NULL));
    add(&rows, ROW("shop", "a", "0", "0", "16384", NULL, NULL, NULL));
    expect(&rows, 0, ROW("shop", "a", "0", "0", "32768", NULL, NULL, NULL));
    assert_false(catalog_rows_add(&rows, slice_of("\xfc", 1)));
    arena_clear(&arena);
}

// ---- the statement

static const char *written(struct fixture *fixture, const char *sql, struct catalog_rows *rows)
{
    struct parse_options options = {.is_mariadb = true, .server_version = 101119};
    struct plan *plan = NULL;
    struct error error;
    fixture->request.statement = fixture_parse(fixture, slice_of_string(sql));
    assert_true(plan_make(&fixture->arena, &fixture->request, &plan, &error));
    assert_non_null(plan->catalog);
    struct catalog_rows all[CATALOG_REFS_MAX];
    for (uint32_t i = 0; i < plan->catalog->ref_count; i++) {
        all[i] = *rows;
    }
    struct slice text = catalog_write(&fixture->arena, plan->catalog, all, &options);
    return (const char *)arena_format(&fixture->arena, "%.*s", (int)text.len,
                                      (const char *)text.ptr)
        .ptr;
}

#define OWN       "SELECT * FROM information_schema.TABLES WHERE "
#define NOT_FLAGS "NOT (TABLE_SCHEMA = _utf8'shop' AND TABLE_NAME IN (_utf8'flags'))"
#define TOLD                                                                                       \
    " UNION ALL SELECT _utf8'shop',_utf8'flags',CAST(3 AS UNSIGNED),CAST(NULL AS "                 \
    "UNSIGNED),5,CAST(NULL AS UNSIGNED),"                                                          \
    "TIMESTAMP'2026-01-01 00:00:00',NULL"

static void derived_tables(void **state)
{
    (void)state;
    struct fixture f;
    struct arena arena;
    struct catalog_rows rows;
    fixture_init_with(&f,
                      fixture_read(fixture_servers, fixture_bucket_tables, fixture_other_tables));
    fixture_reset(&f);
    start(&arena, &rows);
    add(&rows,
        ROW("shop", "flags", "3", NULL, "5", NULL, "2026-01-01 00:00:00", "0000-00-00 00:00:00"));
    assert_string_equal(
        written(&f, "SELECT table_name FROM information_schema.tables WHERE table_name LIKE 'f'",
                &rows),
        "SELECT table_name FROM (" OWN NOT_FLAGS TOLD ") AS tables WHERE table_name LIKE 'f'");
    assert_string_equal(written(&f,
                                "SELECT information_schema.TABLES.table_name, 'information_schema."
                                "TABLES.x' FROM information_schema . TABLES WHERE table_schema = "
                                "'shop'",
                                &rows),
                        "SELECT TABLES.table_name, 'information_schema.TABLES.x' FROM (" OWN
                        "TABLE_SCHEMA = _utf8'shop' AND " NOT_FLAGS TOLD
                        ") AS TABLES WHERE table_schema = 'shop'");
    assert_string_equal(
        written(
            &f,
            "SELECT a.table_name FROM information_schema.tables a, `information_schema`.`TABLES`"
            " AS b",
            &rows),
        "SELECT a.table_name FROM (" OWN NOT_FLAGS TOLD ") a, (" OWN NOT_FLAGS TOLD ") AS b");
    arena_clear(&arena);
    fixture_done(&f);
}

static void shows(void **state)
{
    (void)state;
    struct fixture f;
    struct arena arena;
    struct catalog_rows rows;
    fixture_init_with(&f,
                      fixture_read(fixture_servers, fixture_bucket_tables, fixture_other_tables));
    fixture_reset(&f);
    start(&arena, &rows);
    const char *sql = written(&f, "SHOW TABLE STATUS FROM shop LIKE 'a%'", &rows);
    assert_non_null(strstr(sql, "SELECT * FROM (SELECT TABLE_NAME AS `Name`, TABLE_ROWS AS `Rows`, "
                                "AVG_ROW_LENGTH AS `Avg_row_length`, DATA_LENGTH AS `Data_length`, "
                                "AUTO_INCREMENT AS `Auto_increment`, CREATE_TIME AS `Create_time`, "
                                "UPDATE_TIME AS `Update_time` FROM ("));
    assert_non_null(strstr(sql, "AS TABLES WHERE CONVERT(`Name` USING utf8mb4) COLLATE utf8mb4_bin "
                                "LIKE 'a%'\nORDER BY CAST(`Name` AS BINARY)"));
    sql = written(&f, "SHOW TABLE STATUS WHERE `Rows` > 5 -- many", &rows);
    assert_non_null(strstr(sql, ") AS TABLES WHERE `Rows` > 5"));
    arena_clear(&arena);
    fixture_done(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figures_are_added_up),
        cmocka_unit_test(empty_tables),
        cmocka_unit_test(derived_tables),
        cmocka_unit_test(shows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
