// Expressions: every operand and operator in the shape that MariaDB gives it.

#include "tests/unit/parser/parser_case.h"

// clang-format off
static const struct parser_case cases[] = {
    {"select a = 1 = b, NOT a = 1, a = 1 COLLATE x, (a) = (1), BINARY a = 1, a = b'1', -5, - -5, (a,b)=(1,2), a <=> NULL, a like 'x' escape '!', a is true, a is not null, a is not unknown, a->'$.b' = 3, a sounds like b",
     "select (= (= a 1) b), (not (= a 1)), (= a (other 1)), (= a 1), (= (other a) 1), (= a x01), (- 5), (- (- 5)), (= (row a b) (row 1 2)), (<=> a null), (other a 'x' '!'), (other a), (notnull a), (!other a), (= (other a) 3), (other a b)"},
    {"select values(a), default(b), next value for s, nextval(s), lastval(s)",
     "select values{a}, default{b}, NEXTVAL{s}, nextval{s}, lastval{s} | writes primary random connection"},
    {"select 1 union select 2 order by 1",
     "select 1 union 2 | order 1"},
    {"select 1 except select 2 intersect select 3",
     "select 1 except 2 intersect 3"},
    {"select 1 as end, 2 as 'b c', 3 `d``e`",
     "select 1 end, 2 b c, 3 d`e"},
    {"select 1; select 2",
     "MULTIPLE select 1"},
    {"select 1;",
     "select 1"},
    {"select 'unclosed",
     "unknown near ''unclosed'"},
    {"select 1 from",
     "unknown near ''"},
    {"select @a := @b + 1, @'x y', @`z`, @@global.sql_mode, @@version, @@last_insert_id, @@warning_count",
     "select (:= @a (op @b 1)), @x y, @z, @@global.sql_mode, @@version, @@last_insert_id, @@warning_count | primary reads@ sets@ insert-id diagnostics"},
    {"select x'4142', 0x414, b'101', 0b1, n'abc', _utf8'x', _latin1 x'41', _foo 'x', 'a' 'b' \"c\", date '2020-01-01', {d '2020-01-01'}, .5, 1.e5, 1e-3, 5., \\N, true",
     "select x4142, x0414, x05, x01, _'abc', _'x', x41, _foo x, 'abc', time'2020-01-01', (other '2020-01-01'), dec:.5, float:1.e5, float:1e-3, dec:5., null, bool:1"},
    {"select now(), current_timestamp, current_user, current_date(), rand(), uuid(), foo(1), s.f(2), last_insert_id(), last_insert_id(5), found_rows(), row_count(), connection_id(), sleep(1), get_lock('a',1)",
     "select now{}, current_timestamp{}, current_user{}, current_date{}, rand{}, uuid{}, foo{1}, s.f{2}, last_insert_id{}, last_insert_id{5}, found_rows{}, row_count{}, connection_id{}, sleep{1}, get_lock{'a' 1} | primary named-lock insert-id found-rows row-count random sleeps connection sets-insert-id unknown-function"},
    {"select a || b && c xor d or not e between 1 and 2 and f",
     "select (or a (or (xor (and b c) d) (and (not (between e 1 2)) f)))"},
    {"select a not between 1 and 2, a not in (1), a not like 'x', a not regexp 'x', a like b not in (1), a between b and c not like d, not not a, !a = 1, ~a + 1, -a ^ b",
     "select (!between a 1 2), (!in a 1), (!other a 'x'), (!other a 'x'), (other a (!in b 1)), (between a b (!other c d)), (not (not a)), (= (not a) 1), (op (op a) 1), (op (- a) b)"},
    {"select a is null = b, a = b is null, a in (1) = 2, a in (select 1 union select 2), a in ((select 1)), a in ((select 1),2), (select 1) = 2, row(1,2) = (1,2)",
     "select (= (isnull a) b), (isnull (= a b)), (= (in a 1) 2), (in a <1 union 2>), (in a <p:1>), (in a (query <1>) 2), (= (query <1>) 2), (= (row 1 2) (row 1 2)) | subquery"},
    {"select ((select 1) union (select 2)) + 1, ((select 1)), ((1)), ((select 1) limit 1)",
     "select (op (query <p:1 union p:2>) 1), (query <1>), 1, (query <p:1 | limit 1>) | subquery"},
    {"select if(a,b,c), left(a,1), right(b,2), replace(a,b,c), insert(a,1,2,b), mod(a,b), char(1,2 using utf8), database(), schema(), repeat(a,2), user(), date(x), timestamp(x), year(x), format(a,b), position('a' in b), get_format(date,'usa'), timestampdiff(day,a,b), weight_string(a as char(3)), values(a)",
     "select if{a b c}, left{a 1}, right{b 2}, replace{a b c}, insert{a 1 2 b}, mod{a b}, char{1 2}, database{}, schema{}, repeat{a 2}, user{}, date{x}, timestamp{x}, year{x}, format{a b}, position{'a' b}, get_format{'usa'}, timestampdiff{a b}, weight_string{a}, values{a}"},
    {"select a + interval 1 day * 2, interval 1 day + a = b and c, a - interval 1 day between 1 and 2, date_add(a, interval b + 1 day)",
     "select (op (op a (other 1)) 2), (and (op (other 1) (= a b)) c), (between (op a (other 1)) 1 2), date_add{a (other (op b 1))}"},
    {"select not a is not null not like b",
     "unknown near 'not like b'"},
    {"select a = not b",
     "unknown near 'not b'"},
    {"select a in (1) + 2",
     "unknown near '+ 2'"},
    {"select @w := not a is null like b, @a := 1 or 2",
     "select (other (:= @w (not (isnull a))) b), (:= @a (or 1 2)) | primary sets@"},
    {"select a like b not like c like d, a between b and c between d and e, a between b like c and d",
     "select (other (other a (!other b c)) d), (between a b (between c d e)), (between a (other b c) d)"},
    {"select -a collate x, ! a collate x, -a ^ b, ~ - 1, binary a collate x = b",
     "select (- (other a)), (not (other a)), (op (- a) b), (op (- 1)), (= (other (other a)) b)"},
    {"select a <=> b <=> c, a < b is null is true, a = any(select 1) = 2",
     "select (<=> (<=> a b) c), (other (isnull (< a b))), (= (= a <1>) 2) | subquery"},
    {"select a xor b and not c || d, a | b & c << d + e * f ^ g",
     "select (or (xor a (and b (not c))) d), (op a (op b (op c (op d (op e (op f g))))))"},
    {"select match a, b against ('x'), column_get(a, 'b' as char(10))",
     "select (other a b 'x'), column_get{a 'b'}"},
};
// clang-format on

static void reads_trees(void **state)
{
    (void)state;
    check_cases(cases, COUNT_OF(cases), &mariadb);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_trees),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
