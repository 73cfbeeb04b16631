// INSERT, REPLACE, UPDATE, DELETE.

#include "tests/unit/parser/parser_case.h"

// clang-format off
static const struct parser_case cases[] = {
    {"insert into t (a,b) values (1,'x'),(default, null) on duplicate key update a = values(a), b = (values(b)+1) returning *",
     "insert t (a,b) [1 'x'] [default null] dup a=values{a}, b=(op values{b} 1) returning | writes"},
    {"insert ignore into db.t set a=1, b=now()",
     "insert db.t (a,b) [1 now{}] ignore | writes random"},
    {"insert into t select * from u where id=4",
     "insert t <* from u where (= id 4)> | writes"},
    {"insert into t (a,b) (select 1,2)",
     "insert t (a,b) <p:1, 2> | writes"},
    {"insert into t () values ()",
     "insert t [] | writes"},
    {"replace into t values (1,2)",
     "replace t [1 2] | writes"},
    {"insert into t value (1,2) ",
     "insert t [1 2] | writes"},
    {"update t set a = a+1, b=default where id=7 order by a limit 3",
     "update t set a=(op a 1), b=default where (= id 7) order a limit 3 | writes"},
    {"update t1 join t2 on t1.a=t2.a set t1.b = 5 where t2.c=1",
     "update t1, t2 on (= t1.a t2.a) set t1.b=5 where (= t2.c 1) multi | writes"},
    {"update low_priority ignore t x set x.a=1",
     "update t x set x.a=1 ignore | writes"},
    {"delete from t where id=3 limit 1 returning a",
     "delete t where (= id 3) limit 1 returning | writes"},
    {"delete t1, t2.* from t1 join t2 on t1.a=t2.a where t1.b=1",
     "delete t1, t2 on (= t1.a t2.a) targets t1, t2 where (= t1.b 1) multi | writes"},
    {"delete from t1.*, db.t2 using t1 join db.t2",
     "delete t1, db.t2 targets t1, db.t2 multi | writes"},
    {"delete quick from t as x where x.a=1",
     "delete t x where (= x.a 1) | writes"},
    {"with a as (select 1) delete from t where x in (select * from a)",
     "delete t where (in x <* from a^>) | writes subquery"},
    {"insert into t select a from u join v on duplicate key update a=1",
     "insert t <a from u, v> dup a=1 | writes"},
    {"insert into t values (1) as new(a) on duplicate key update b=new.a",
     "insert t [1] dup b=new.a | writes"},
    {"update t set a=1 returning a",
     "update t set a=1 returning | writes"},
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
