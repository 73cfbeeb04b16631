// The door: options, several statements, limits, spans, and that nothing takes longer than its
// length.

#include <time.h>

#include "parser/splice.h"
#include "tests/unit/parser/parser_case.h"

static struct statement *parse(struct arena *arena, const char *sql,
                               const struct parse_options *options)
{
    struct statement *statement;
    assert_int_equal(parse_statement(arena, slice_of_string(sql), options, &statement), PARSE_OK);
    return statement;
}

static void assert_text(const struct statement *statement, struct span span, const char *expected)
{
    struct slice text = slice_part(statement->text, span.begin, span.end);
    if (!slice_equal(text, slice_of_string(expected))) {
        print_error("'%.*s' is not '%s'\n", (int)text.len, (const char *)text.ptr, expected);
        fail();
    }
}

// ---- options

// clang-format off
static const struct parser_case ansi_cases[] = {
    {"select \"a\" || 'b' || c = 'd'", "select (= (op (op a 'b') c) 'd')"},
    {"select a or b ^ c || d", "select (or a (op b (op c d)))"},
    {"set sql_mode = \"ansi\"", "set [sql_mode='ansi']"},
};

static const struct parser_case high_not_cases[] = {
    {"select not a = 1, not a between 1 and 2, a = not b", "select (= (not a) 1), (between (not a) 1 2), (= a (not b))"},
    {"select a not in (1)", "select (!in a 1)"},
};

static const struct parser_case no_escapes_cases[] = {
    {"select 'a\\', 'b''c\\n'", "select 'a\\', 'b'c\\n'"},
};

static const struct parser_case mysql8_cases[] = {
    {"select a from t where id member of('[1]')", "select a from t where (other id '[1]')"},
    {"select rank() over (), offset, returning from t offset", "select rank{}over, offset, returning from t offset | window"},
    {"select * from t, lateral (select t.a) x", "select * from t, <t.a> x | subquery"},
    {"insert into t table u", "insert t <* from u> | writes"},
    {"with a as (select 1) update t set x = (select * from a)", "update t set x=(query <* from a^>) | writes subquery"},
    {"select * from t where a in (table u)", "select * from t where (in a <* from u>) | subquery"},
    {"select a from t for update of t nowait", "select a from t lock | locks"},
    {"select lateral from t", "unknown near 'lateral from t'"},
};

static const struct parser_case mysql56_cases[] = {
    {"select rank, lateral, offset, except from t recursive", "select rank, lateral, offset, except from t recursive"},
    {"select database from t", "unknown near 'database from t'"},
};
// clang-format on

static void follows_options(void **state)
{
    (void)state;
    struct parse_options options = mariadb;
    options.sql_mode = parse_sql_mode(slice_of_string("ansi"));
    check_cases(ansi_cases, COUNT_OF(ansi_cases), &options);
    options.sql_mode = SQL_HIGH_NOT_PRECEDENCE;
    check_cases(high_not_cases, COUNT_OF(high_not_cases), &options);
    options.sql_mode = SQL_NO_BACKSLASH_ESCAPES;
    check_cases(no_escapes_cases, COUNT_OF(no_escapes_cases), &options);
    options = (struct parse_options){.server_version = 80030};
    check_cases(mysql8_cases, COUNT_OF(mysql8_cases), &options);
    options.server_version = 50651;
    check_cases(mysql56_cases, COUNT_OF(mysql56_cases), &options);
}

static void reads_sql_mode(void **state)
{
    (void)state;
    assert_int_equal(parse_sql_mode(slice_of_string("")), 0);
    assert_int_equal(parse_sql_mode(slice_of_string("STRICT_TRANS_TABLES,ansi_quotes")),
                     SQL_ANSI_QUOTES | SQL_STRICT);
    assert_int_equal(parse_sql_mode(slice_of_string("traditional")), SQL_STRICT);
    assert_int_equal(parse_sql_mode(slice_of_string("ANSI")),
                     SQL_ANSI_QUOTES | SQL_PIPES_AS_CONCAT | SQL_IGNORE_SPACE);
    assert_int_equal(parse_sql_mode(slice_of_string("NO_BACKSLASH_ESCAPES , HIGH_NOT_PRECEDENCE")),
                     SQL_NO_BACKSLASH_ESCAPES | SQL_HIGH_NOT_PRECEDENCE);
    assert_int_equal(parse_sql_mode(slice_of_string("4")), SQL_ANSI_QUOTES);
    assert_int_equal(parse_sql_mode(slice_of_string("1048576")), SQL_NO_BACKSLASH_ESCAPES);
}

// ---- characters

static size_t two_bytes(const uint8_t *at, const uint8_t *end)
{
    return *at >= 0x81 && end - at >= 2 ? 2 : 1;
}

static const struct charset wide = {.name = "gbk", .max_bytes = 2, .char_length = two_bytes};

// \x81\x5c is one character: the quote behind it ends the string. As latin1 it would be a backslash
// and an escaped quote. But a backslash before it takes \x81 alone, as on a server.
static void reads_wide_strings(void **state)
{
    (void)state;
    struct parse_options options = mariadb;
    options.charset = &wide;
    struct arena arena;
    arena_init(&arena, NULL);
    struct statement *statement = parse(&arena, "select '\x81\\', 'a\\\x81\\b\\n'", &options);
    const struct select_item *item = statement->query->items;
    assert_true(slice_equal(item->expr->value, slice_of_string("\x81\\")));
    assert_true(slice_equal(item->next->expr->value, slice_of_string("a\x81\b\n")));
    options.charset = NULL;
    assert_int_equal(parse(&arena, "select '\x81\\', 'a'", &options)->kind, STATEMENT_UNKNOWN);
    arena_clear(&arena);
}

// ---- several statements

struct multiple_case {
    const char *sql;
    enum parse_result result;
    enum statement_kind kind;
    uint32_t rest;
};

// clang-format off
static const struct multiple_case multiple_cases[] = {
    {"select 1", PARSE_OK, STATEMENT_SELECT, 0},
    {"select 1;", PARSE_OK, STATEMENT_SELECT, 9},
    {"select 1; -- x", PARSE_OK, STATEMENT_SELECT, 9},
    {"select 1; select 2", PARSE_MULTIPLE, STATEMENT_SELECT, 9},
    {"select ';' ; ;", PARSE_MULTIPLE, STATEMENT_SELECT, 12},
    {"foo; bar", PARSE_MULTIPLE, STATEMENT_UNKNOWN, 4},
    {"foo;", PARSE_OK, STATEMENT_UNKNOWN, 4},
    {"foo ';", PARSE_OK, STATEMENT_UNKNOWN, 0},
    {"select from; select 1", PARSE_MULTIPLE, STATEMENT_UNKNOWN, 12},
    {"begin not atomic select 1; select 2; end", PARSE_OK, STATEMENT_UNKNOWN, 0},
    {"create procedure p() begin select 1; end", PARSE_OK, STATEMENT_DDL, 0},
    {"create procedure p() begin if 1 then select 1; end if; case a when 1 then set b = 1; end case; while 1 do set c = case 1 when 1 then if(1, 2, 3) end; end while; end; select 1", PARSE_MULTIPLE, STATEMENT_DDL, 165},
    {"create trigger t before insert on u for each row if new.a then set @a = 1; end if; drop table x", PARSE_MULTIPLE, STATEMENT_DDL, 82},
    {"create procedure p() l: loop leave l; end loop; select 1", PARSE_MULTIPLE, STATEMENT_DDL, 47},
    {"create procedure p() select if(1, 2, 3); drop table x", PARSE_MULTIPLE, STATEMENT_DDL, 40},
    {"for i in 1..3 do insert into t values (i); end for; select 1", PARSE_MULTIPLE, STATEMENT_UNKNOWN, 51},
    {"while @a < 3 do set @a = @a + 1; end while; select 1", PARSE_MULTIPLE, STATEMENT_UNKNOWN, 43},
    {"if @a then select 1; else select 2; end if", PARSE_OK, STATEMENT_UNKNOWN, 0},
    {"x: loop leave x; end loop; select 1", PARSE_MULTIPLE, STATEMENT_UNKNOWN, 26},
    {"begin not atomic select 1; if @a then select 2; end if; end; select 3", PARSE_MULTIPLE, STATEMENT_UNKNOWN, 60},
    {"begin not atomic for i in 1..3 do select i; end for; end; select 3", PARSE_MULTIPLE, STATEMENT_UNKNOWN, 57},
    {"create function f(x int) returns int if x in (select a from t) then return 1; else return 2; end if; select 1", PARSE_MULTIPLE, STATEMENT_DDL, 100},
    {"create function f(x int) returns varchar(9) deterministic return if(x, 1, 2); select 1", PARSE_MULTIPLE, STATEMENT_DDL, 77},
    {"create function f(x int) returns int return case x when 1 then 2 else 3 end; select 1", PARSE_MULTIPLE, STATEMENT_DDL, 76},
    {"", PARSE_OK, STATEMENT_EMPTY, 0},
    {" /* */ ; ", PARSE_OK, STATEMENT_EMPTY, 8},
    {"; select 1", PARSE_MULTIPLE, STATEMENT_EMPTY, 1},
};
// clang-format on

static void separates_statements(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(multiple_cases); i++) {
        struct arena arena;
        struct statement *statement;
        const struct multiple_case *one = &multiple_cases[i];
        arena_init(&arena, NULL);
        enum parse_result result =
            parse_statement(&arena, slice_of_string(one->sql), &mariadb, &statement);
        if (result != one->result || statement->kind != one->kind || statement->rest != one->rest) {
            print_error("%s: %d %d %u\n", one->sql, (int)result, (int)statement->kind,
                        statement->rest);
            fail();
        }
        arena_clear(&arena);
    }
}

// ---- spans

static void gives_spans(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL);
    struct statement *statement =
        parse(&arena,
              "select a, (b) x from s . t as y where (a) = (1) and b order by c desc, d "
              "limit 5 offset 6 for update",
              &mariadb);
    const struct query *query = statement->query;
    assert_text(statement, query->items_span, "a, (b) x");
    assert_text(statement, query->items->next->span, "(b) x");
    assert_text(statement, query->tables->name_span, "s . t");
    assert_text(statement, query->where_span, "where (a) = (1) and b");
    assert_text(statement, query->where->children[0]->span, "(a) = (1)");
    assert_text(statement, query->order_by_span, "order by c desc, d");
    assert_text(statement, query->limit_span, "limit 5 offset 6");
    statement = parse(&arena, "insert into t (a, `b`) values (1, 2), (3, 4)", &mariadb);
    assert_text(statement, statement->insert->columns_span, "(a, `b`)");
    assert_text(statement, statement->insert->column_spans[1], "`b`");
    assert_text(statement, statement->insert->rows->next->span, "(3, 4)");
    assert_int_equal(statement->insert->values_at, 23);
    statement = parse(&arena, "set a = 1, global b = 2", &mariadb);
    assert_text(statement, statement->set->next->span, "global b = 2");
    statement = parse(&arena, "select 1 union (select 2 limit 1) order by 1", &mariadb);
    assert_text(statement, statement->query->span, "select 1");
    assert_text(statement, statement->query->next->span, "(select 2 limit 1)");
    assert_text(statement, statement->query->whole_span,
                "select 1 union (select 2 limit 1) order by 1");
    arena_clear(&arena);
}

static void finds_hints(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL);
    struct statement *statement =
        parse(&arena, "/*  WAYBILL:  shard = 2 */ select /* waybill: x */ 1 /*! + 1 */", &mariadb);
    assert_true(slice_equal(statement->hint, slice_of_string("shard = 2")));
    assert_true(statement->has_executable_comment);
    statement = parse(&arena, "select /* waybil: x */ 1 /*!99999 + 1 */", &mariadb);
    assert_int_equal(statement->hint.len, 0);
    assert_false(statement->has_executable_comment);
    statement = parse(&arena, "foo /*waybill:a*/", &mariadb);
    assert_int_equal(statement->kind, STATEMENT_UNKNOWN);
    assert_true(slice_equal(statement->hint, slice_of_string("a")));
    statement = parse(&arena, "foo bar 'x' baz /*waybill:a*/;", &mariadb);
    assert_true(slice_equal(statement->hint, slice_of_string("a")));
    arena_clear(&arena);
}

static void splices(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL);
    const struct splice parts[] = {
        {{0, 0}, slice_of_string("<")},
        {{2, 3}, slice_of_string("XYZ")},
        {{3, 3}, slice_of_string("!")},
        {{4, 6}, slice_of_string("")},
    };
    struct slice text = slice_of_string("abcdef");
    struct slice result = splice_text(&arena, text, parts, COUNT_OF(parts));
    assert_true(slice_equal(result, slice_of_string("<abXYZ!d")));
    assert_true(slice_equal(splice_text(&arena, text, NULL, 0), text));
    arena_clear(&arena);
}

// ---- limits

static void repeat(struct text *text, const char *piece, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        text_add_string(text, piece);
    }
}

// head, then `piece` many times, then `middle`, then `closing` as often.
static enum parse_result parse_repeated(const char *const parts[4], size_t count)
{
    struct text text;
    struct arena arena;
    struct statement *statement;
    text_init(&text);
    arena_init(&arena, NULL);
    text_add_string(&text, parts[0]);
    repeat(&text, parts[1], count);
    text_add_string(&text, parts[2]);
    repeat(&text, parts[3], count);
    enum parse_result result = parse_statement(&arena, text_slice(&text), &mariadb, &statement);
    arena_clear(&arena);
    text_done(&text);
    return result;
}

// clang-format off
static const char *const nested[][4] = {
    {"select ", "(", "1", ")"},
    {"select ", "f(", "1", ")"},
    {"select ", "- ", "1", ""},
    {"select ", "not ", "1", ""},
    {"select ", "(select ", "1", ")"},
    {"select * from ", "(", "t", ")"},
    {"select * from ", "(select * from ", "t", ") x"},
    {"", "(", "select 1", ")"},
    {"select ", "case when ", "1", " then 1 end"},
    {"select ", "a between b and ", "c", ""},
    {"select ", "a like b not like ", "c", ""},
    {"select ", "@a := ", "1", ""},
    {"select ", "interval(1, ", "2", ")"},
    {"select ", "1 in (", "2", ")"},
    {"select ", "{d ", "2", "}"},
    {"select * from a", " join b", "", ""},
    {"select 1", "+1", "", ""},
    {"select a", " is null", "", ""},
    {"select a", " collate x", "", ""},
    {"with a as (", "with a as (", "select 1", ") select 1"},
};
// clang-format on

static void refuses_depth(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(nested); i++) {
        enum parse_result small = parse_repeated(nested[i], 50);
        enum parse_result large = parse_repeated(nested[i], 200000);
        if (small != PARSE_OK || large != PARSE_TOO_DEEP) {
            print_error("%s%s...: %d %d\n", nested[i][0], nested[i][1], (int)small, (int)large);
            fail();
        }
    }
}

// clang-format off
static const char *const wide_forms[][4] = {
    {"select 1 from t where a = 1", " or a = 2", "", ""},
    {"select 1 from t where a = 1", " and b = 2", "", ""},
    {"select 1 from t where a in (1", ",2", ")", ""},
    {"insert into t values (1)", ",(2)", "", ""},
    {"insert into t (a) values (1,'x''y')", ",(?,'a\\n')", "", ""},
    {"select 1", " union select 1", "", ""},
    {"select 'a'", " 'b'", "", ""},
    {"select 1 from t", ",t", "", ""},
    {"select 1 from t", " join t on 1", "", ""},
    {"select 1 from t order by 1", ",a desc", "", ""},
    {"select 1", ",(select 1)", "", ""},
    {"select 1", ",((select 1) limit 1)", "", ""},
    {"set a=1", ",@b=2", "", ""},
    {"(select 1 limit 1)", " union (select 1 union select 2)", "", ""},
    {"", "/* x */", "select 1", ""},
    {"", "/*! */", "select 1", ""},
    {"select 1 from t where concat(1", ",(a or b)", ")", ""},
    {"create table t (a int", ",b int", ")", ""},
};
// clang-format on

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

// Eight times as long takes no more than some eight times as long. Quadratic work would be sixty
// times as long.
static void is_linear(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(wide_forms); i++) {
        double start = seconds_now();
        assert_int_equal(parse_repeated(wide_forms[i], 5000), PARSE_OK);
        double small = seconds_now() - start;
        start = seconds_now();
        assert_int_equal(parse_repeated(wide_forms[i], 40000), PARSE_OK);
        double large = seconds_now() - start;
        if (large > small * 30 + 0.2) {
            print_error("%s%s...: %f s, then %f s\n", wide_forms[i][0], wide_forms[i][1], small,
                        large);
            fail();
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(follows_options),
        cmocka_unit_test(reads_sql_mode),
        cmocka_unit_test(reads_wide_strings),
        cmocka_unit_test(separates_statements),
        cmocka_unit_test(gives_spans),
        cmocka_unit_test(finds_hints),
        cmocka_unit_test(splices),
        cmocka_unit_test(refuses_depth),
        cmocka_unit_test(is_linear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
