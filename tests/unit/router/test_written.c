// Which of its tables a statement writes, and whether there may be others.

#include "router/written.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/text.h"
#include "parser/parse.h"

static const struct {
    const char *sql, *written;
    enum written_hidden hidden;
} cases[] = {
    {"INSERT INTO a VALUES (1)", "a", HIDDEN_NONE},
    {"REPLACE INTO s.a SELECT * FROM b", "a", HIDDEN_NONE},
    {"UPDATE a SET x = 1 WHERE y IN (SELECT y FROM b)", "a", HIDDEN_NONE},
    {"DELETE FROM a WHERE x = 1", "a", HIDDEN_NONE},
    {"UPDATE a JOIN b ON a.i = b.i SET a.x = b.x", "a", HIDDEN_NONE},
    {"UPDATE a AS o JOIN b ON o.i = b.i SET b.x = 1, b.y = 2", "b", HIDDEN_NONE},
    {"UPDATE a AS o JOIN b ON o.i = b.i SET O.x = 1, b.y = 2", "a b", HIDDEN_NONE},
    {"UPDATE a JOIN b ON a.i = b.i SET x = 1", "a b", HIDDEN_NONE},
    {"UPDATE a JOIN (SELECT i FROM c) d ON a.i = d.i SET a.x = 1", "a", HIDDEN_NONE},
    {"DELETE b FROM a JOIN b ON a.i = b.i", "b", HIDDEN_NONE},
    {"DELETE FROM o, b USING a AS o JOIN b ON o.i = b.i", "a b", HIDDEN_NONE},
    {"LOAD DATA LOCAL INFILE 'f' INTO TABLE a", "a", HIDDEN_NONE},
    {"UPDATE a SET x = some_function(y)", "a", HIDDEN_FUNCTION},
    {"INSERT INTO a VALUES (CONCAT('x', NOW()))", "a", HIDDEN_NONE},
    {"SELECT some_function(1)", "", HIDDEN_FUNCTION},
    {"SELECT NEXTVAL(s)", "", HIDDEN_FUNCTION},
    {"CALL p()", "", HIDDEN_ROUTINE},
    {"FROBNICATE a", "", HIDDEN_UNREAD},
};

static void test_written(void **state)
{
    (void)state;
    const struct parse_options options = {.is_mariadb = true, .server_version = 101119};
    struct arena arena;
    arena_init(&arena, NULL);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct statement *statement = NULL;
        struct text names;
        text_init(&names);
        assert_int_equal(
            parse_statement(&arena, slice_of_string(cases[i].sql), &options, &statement), PARSE_OK);
        for (const struct table_ref *table = statement->tables; table != NULL;
             table = table->next) {
            if (written_is(statement, table)) {
                text_add_string(&names, names.len > 0 ? " " : "");
                text_add_slice(&names, table->name);
            }
        }
        text_add(&names, "", 1);
        assert_string_equal((const char *)names.ptr, cases[i].written);
        assert_int_equal(written_hidden(statement), cases[i].hidden);
        text_done(&names);
    }
    arena_clear(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_written)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
