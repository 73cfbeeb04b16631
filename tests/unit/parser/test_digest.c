// Digests: one for all executions of a statement, and not one for two statements.

#include "parser/digest.h"
#include "tests/unit/parser/parser_case.h"

static struct slice digest_of(struct arena *arena, const char *sql, uint64_t *hash)
{
    struct slice text;
    *hash = digest_statement(arena, slice_of_string(sql), &mariadb, &text);
    return text;
}

// clang-format off
static const struct parser_case cases[] = {
    {"select a from t where id = 5", "SELECT a FROM t WHERE id = ?"},
    {"  select /* x */ a\n from t -- y\n where id=-5.5;", "SELECT a FROM t WHERE id = ?"},
    {"SELECT a FROM t WHERE id = ?", "SELECT a FROM t WHERE id = ?"},
    {"select a - 5, -5, (-5), f(- 5), a = +1", "SELECT a - ?+ , ( ? ) , f ( ? ) , a = ?"},
    {"select -1 + -2, a between -1 and -2, null - 1", "SELECT ? + ? , a BETWEEN ? AND ?+ - ?"},
    {"select a from t where id in (1)", "SELECT a FROM t WHERE id IN ( ?+ )"},
    {"select a from t where id in (1, 'x', null, ?, -3)", "SELECT a FROM t WHERE id IN ( ?+ )"},
    {"select a from t where (a, b) in ((1, 2), (3, 4))", "SELECT a FROM t WHERE ( a , b ) IN ( ( ?+ ) )"},
    {"insert into t values (1, 'a')", "INSERT INTO t VALUES ( ?+ )"},
    {"insert into t values (1, 'a'), (2, 'b'), (3, 'c')", "INSERT INTO t VALUES ( ?+ )"},
    {"insert into t values (1, now(), 'a'), (2, now(), 'b')", "INSERT INTO t VALUES ( ?+ , now ( ) , ? )"},
    {"select (a), (a)", "SELECT ( a ) , ( a )"},
    {"select a is null, a is not null, null, not null, true", "SELECT a IS NULL , a IS NOT NULL , ? , NOT NULL , ?"},
    {"select 'a' 'b', `c`, @d, @@e, x'41', _utf8'x'", "SELECT ? , `c` , @d , @@ e , ? , _utf8 ?"},
    {"begin", "BEGIN"},
    {"select 1 /*!50000 + a */ /*!99999 + b */", "SELECT ? + a"},
    {"select 'abc", "SELECT !"},
    {"select T.Key from Tt", "SELECT T . Key FROM Tt"},
    {"-5 + - 6", "? + ?"},
    {"", ""},
};
// clang-format on

static void digests(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct arena arena;
        uint64_t hash;
        arena_init(&arena, NULL);
        struct slice text = digest_of(&arena, cases[i].sql, &hash);
        if (!slice_equal(text, slice_of_string(cases[i].tree))) {
            print_error("%s\n  is       '%.*s'\n  expected '%s'\n", cases[i].sql, (int)text.len,
                        (const char *)text.ptr, cases[i].tree);
            fail();
        }
        assert_true(hash ==
                    digest_statement(&arena, slice_of_string(cases[i].sql), &mariadb, NULL));
        arena_clear(&arena);
    }
}

static void is_short_for_many_rows(void **state)
{
    (void)state;
    struct arena arena;
    struct text sql;
    struct slice digest;
    arena_init(&arena, NULL);
    text_init(&sql);
    text_add_string(&sql, "insert into t values (1, now(), 'x')");
    for (int i = 0; i < 100000; i++) {
        text_add_format(&sql, ", (%d, now(), 'y')", i);
    }
    (void)digest_statement(&arena, text_slice(&sql), &mariadb, &digest);
    assert_true(slice_equal(digest, slice_of_string("INSERT INTO t VALUES ( ?+ , now ( ) , ? )")));
    assert_true(arena.total_bytes < 4096);
    text_done(&sql);
    arena_clear(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digests),
        cmocka_unit_test(is_short_for_many_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
