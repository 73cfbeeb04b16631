// CREATE, ALTER, DROP, RENAME, TRUNCATE, and bodies with semicolons.

#include "tests/unit/parser/parser_case.h"

// clang-format off
static const struct parser_case cases[] = {
    {"drop prepare s",
     "prepare s | primary prepared"},
    {"create table if not exists t (id bigint primary key, `na me` varchar(10) default (uuid()), unique key x (a), check (a > 1), constraint c foreign key (a) references u(b), period for system_time(a,b)) engine=innodb partition by range (id) (partition p0 values less than (10))",
     "ddl t ddl:0 if id:bigint na me:varchar | writes primary ends"},
    {"create table t like u",
     "ddl t, u ddl:0 | writes primary ends"},
    {"create table t (like s.u)",
     "ddl t, s.u ddl:0 | writes primary ends"},
    {"create table t (a int) select * from u",
     "ddl t ddl:0 a:int <* from u> | writes primary ends"},
    {"create table t select 1 a",
     "ddl t ddl:0 <1 a> | writes primary ends"},
    {"create or replace table t as (select 1)",
     "ddl t ddl:0 <p:1> | writes primary ends"},
    {"create table t ((select 1))",
     "ddl t ddl:0 <p:1> | writes primary ends"},
    {"create temporary table t (a int)",
     "ddl t ddl:0 temporary a:int | writes primary temporary"},
    {"create table t (a int) with system versioning",
     "ddl t ddl:0 a:int | writes primary ends"},
    {"drop temporary table if exists a,b",
     "ddl a, b ddl:2 temporary if | writes primary temporary"},
    {"drop table a, s.b cascade",
     "ddl a, s.b ddl:2 | writes primary ends"},
    {"truncate t",
     "ddl t ddl:3 | writes primary ends"},
    {"truncate table s.t",
     "ddl s.t ddl:3 | writes primary ends"},
    {"rename table a to b, c to s.d",
     "ddl a, b, c, s.d ddl:4 | writes primary ends"},
    {"alter table t add column x int, rename to u",
     "ddl t, u ddl:1 | writes primary ends"},
    {"alter online ignore table t rename column a to b",
     "ddl t ddl:1 | writes primary ends"},
    {"alter table t exchange partition p with table u",
     "ddl t, u ddl:1 | writes primary ends"},
    {"alter database x character set utf8",
     "ddl ddl:9 db:x | writes primary ends"},
    {"create database if not exists x",
     "ddl ddl:7 if db:x | writes primary ends"},
    {"drop schema x",
     "ddl ddl:8 db:x | writes primary ends"},
    {"create unique index i on t (a)",
     "ddl t ddl:5 | writes primary ends"},
    {"drop index i on s.t",
     "ddl s.t ddl:6 | writes primary ends"},
    {"create or replace algorithm=merge definer=`root`@`localhost` sql security invoker view v (a,b) as select 1,2 from t with check option",
     "ddl v ddl:10 <1, 2 from t> | writes primary ends"},
    {"drop view if exists a,b",
     "ddl a, b ddl:10 if | writes primary ends"},
    {"create definer='root'@'%' procedure p(in a int) begin if a then select 1; else select 2; end if; end; select 5",
     "MULTIPLE ddl ddl:11 | writes primary ends"},
    {"create function f() returns int return 5",
     "ddl ddl:11 | writes primary ends"},
    {"create trigger t1 before insert on s.t for each row set new.a = 1",
     "ddl s.t ddl:11 | writes primary ends"},
    {"create trigger t1 after insert on t for each row begin insert into u values (1); case when 1 then select if(1,2,3); end case; end",
     "ddl t ddl:11 | writes primary ends"},
    {"create event e on schedule every 1 day do delete from t",
     "ddl ddl:11 | writes primary ends"},
    {"create procedure p() select if(1,2,3); select 2",
     "MULTIPLE ddl ddl:11 | writes primary ends"},
    {"create user x identified by 'y'",
     "admin CREATE | writes primary ends"},
    {"drop user x",
     "admin DROP | writes primary ends"},
    {"create sequence s start with 5",
     "ddl s ddl:12 | writes primary ends"},
    {"drop procedure p",
     "ddl ddl:11 | writes primary ends"},
    {"alter user x",
     "admin ALTER | writes primary ends"},
    {"rename user a to b",
     "admin RENAME | writes primary ends"},
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
