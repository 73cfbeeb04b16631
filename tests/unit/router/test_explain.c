// EXPLAIN ROUTE: the steps of every kind of plan and of refusals, as lines and as JSON.

#include "router/explain.h"
#include "tests/unit/router/route_fixture.h"

static void start(struct fixture *fixture)
{
    fixture_init_with(fixture,
                      fixture_read(fixture_servers, fixture_bucket_tables, fixture_other_tables));
    fixture_reset(fixture);
}

static struct explanation *explain(struct fixture *fixture, const char *sql)
{
    fixture->request.statement = fixture_parse(fixture, fixture_text(fixture, sql));
    return explain_statement(&fixture->arena, &fixture->request);
}

static void expect_lines(struct fixture *fixture, const char *sql, const char *wanted)
{
    struct slice text = explain_text(&fixture->arena, explain(fixture, sql));
    text = arena_format(&fixture->arena, "%.*s", (int)text.len, (const char *)text.ptr);
    assert_string_equal((const char *)text.ptr, wanted);
}

static const char *json_of(struct fixture *fixture, const char *sql)
{
    struct slice text = explain_json(&fixture->arena, explain(fixture, sql));
    return (const char *)arena_format(&fixture->arena, "%.*s", (int)text.len,
                                      (const char *)text.ptr)
        .ptr;
}

static void merges_and_what_they_hold(void **state)
{
    (void)state;
    struct fixture f;
    start(&f);
    expect_lines(&f, "SELECT * FROM regions",
                 "s1 replica: as it came\ns2 replica: as it came\nmerge: rows\n"
                 "memory: of each of 2 shards the next row, and 64 KiB behind it\n"
                 "why: nothing limits table shop.regions to one shard (by region)\n");
    expect_lines(&f, "SELECT COUNT(*) FROM regions",
                 "s1 replica: as it came\ns2 replica: as it came\nmerge: group; 1 add\n"
                 "memory: one group; of each of 2 shards the next row, and 64 KiB behind it\n"
                 "why: nothing limits table shop.regions to one shard (by region)\n");
    expect_lines(&f, "SELECT 1",
                 "s1 replica: as it came\nmerge: none\nwhy: no table: any shard can answer\n");
    expect_lines(
        &f, "SELECT * FROM flags JOIN countries USING (code)",
        "s3 replica: as it came\nmerge: none\nwhy: its tables that are not sharded live on "
        "s3\n");
    expect_lines(&f, "SELECT COUNT(*) FROM countries",
                 "s1 replica: as it came\nmerge: none\nwhy: reference tables are whole on every "
                 "shard\n");
    expect_lines(&f, "SELECT NEXTVAL(flags)",
                 "s3 write: as it came\nmerge: none\nwhy: the sequence lives on s3\n");
    fixture_done(&f);
}

static void guards(void **state)
{
    (void)state;
    struct fixture f;
    start(&f);
    f.request.may_gather = true;
    struct slice text = explain_text(
        &f.arena, explain(&f, "SELECT region FROM regions GROUP BY region HAVING region > 'x'"));
    const char *lines =
        (const char *)arena_format(&f.arena, "%.*s", (int)text.len, (const char *)text.ptr).ptr;
    assert_non_null(strstr(lines, "gather: rows of shop.regions from s"));
    assert_non_null(strstr(lines, "memory: 512 KiB of rows on their way"));
    assert_non_null(strstr(lines, "guard: gather_max_rows = 100000, gather_max_bytes = 67108864"));
    f.request.distributed = DISTRIBUTED_BEST_EFFORT;
    expect_lines(&f, "UPDATE regions SET x = 1",
                 "s1 write: as it came\ns2 write: as it came\nmerge: add up\n"
                 "guard: distributed = best_effort (of the user): with refuse it is error 9002\n"
                 "why: nothing limits table shop.regions to one shard (by region)\n");
    fixture_done(&f);
}

static void guards_of_settings(void **state)
{
    (void)state;
    struct fixture f;
    start(&f);
    f.config->settings.max_scatter_shards = 2;
    f.config->settings.max_result_rows = 7;
    f.request.scatter = GUARD_WARN;
    expect_lines(&f, "SELECT * FROM regions",
                 "s1 replica: as it came\ns2 replica: as it came\nmerge: rows\n"
                 "memory: of each of 2 shards the next row, and 64 KiB behind it\n"
                 "guard: max_scatter_shards = 2: rows of more shards are error 9030\n"
                 "guard: max_result_rows = 7: with more it is error 9030\n"
                 "guard: warning 9031: waybill: the statement has read 2 shards (scatter = warn of "
                 "the user): nothing limits table shop.regions to one shard (by region)\n"
                 "why: nothing limits table shop.regions to one shard (by region)\n");
    f.request.scatter = GUARD_ALLOW;
    f.request.distributed = DISTRIBUTED_ATOMIC;
    expect_lines(&f, "UPDATE regions SET x = 1",
                 "s1 write: as it came\ns2 write: as it came\nmerge: add up\n"
                 "guard: distributed = atomic (of the user): with refuse it is error 9002\n"
                 "why: nothing limits table shop.regions to one shard (by region)\n");
    fixture_done(&f);
}

// A session that can't leave s2 gets all rows there; what the default shard has is asked for.
static void information_schema_of_a_bound_session(void **state)
{
    (void)state;
    struct fixture f;
    start(&f);
    f.request.is_pinned = true;
    f.request.last_shard = 1;
    expect_lines(&f, "SELECT table_name FROM information_schema.views",
                 "ask s3: SELECT * FROM information_schema.VIEWS WHERE (TABLE_SCHEMA = _utf8'shop' "
                 "AND TABLE_NAME IN (_utf8'flags'))\n"
                 "ask s1: SELECT * FROM information_schema.VIEWS WHERE NOT (TABLE_SCHEMA = "
                 "_utf8'shop' AND TABLE_NAME IN (_utf8'flags'))\n"
                 "s2 replica: with what the shards answered in it\nmerge: none\n"
                 "memory: what the shards answer, at most 3072 KiB\n");
    f.request.is_pinned = false; // a transaction may go to others
    expect_lines(&f, "SELECT table_name FROM information_schema.views WHERE table_name = 'no_such'",
                 "s1 replica: as it came\nmerge: none\n");
    fixture_done(&f);
}

static void no_ids_are_used_up(void **state)
{
    (void)state;
    struct fixture f;
    start(&f);
    explain(&f, "INSERT INTO orders (buyer_id) VALUES ({b1})");
    assert_int_equal(f.ids_source.last_ms, 0);
    fixture_done(&f);
}

static void refusals(void **state)
{
    (void)state;
    struct fixture f;
    start(&f);
    expect_lines(
        &f, "CALL x()",
        "refused: error 9001 (0A000): waybill can't see which tables a procedure uses: say "
        "where it runs by /* waybill: shard=NAME */ CALL ...\n");
    assert_string_equal(json_of(&f, "CALL x()"),
                        "{\n  \"statement\": \"CALL x()\",\n  \"refused\": {\n"
                        "    \"error\": 9001,\n    \"sqlstate\": \"0A000\",\n"
                        "    \"reason\": \"waybill can't see which tables a procedure uses: say "
                        "where it runs by /* waybill: shard=NAME */ CALL ...\"\n  }\n}");
    fixture_done(&f);
}

static void what_waybill_does_itself(void **state)
{
    (void)state;
    struct fixture f;
    start(&f);
    expect_lines(&f, "COMMIT",
                 "here: to the shards that take part in the transaction; answered here if none "
                 "does\n");
    expect_lines(&f, "SET GLOBAL max_connections = 5",
                 "here: settings of a server: sent to the only server; refused (1227) in front of "
                 "several\n");
    expect_lines(&f, "XA RECOVER",
                 "refused: error 9001 (0A000): XA must stay on one shard, and nothing tells on "
                 "which: say it with the first one, /* waybill: shard=NAME */ XA ...\n");
    expect_lines(&f, "/* waybill: shard=s2 */ XA RECOVER",
                 "s2 write: as it came\nmerge: none\nwhy: the hint names it\n");
    expect_lines(&f, "SHOW PROCESSLIST", "here: answered here: the sessions of waybill\n");
    expect_lines(&f, "/* waybill: shard=s2 */ SHOW PROCESSLIST",
                 "s2 replica: as it came\nmerge: none\nwhy: the hint names s2\n");
    fixture_done(&f);
}

static void json(void **state)
{
    (void)state;
    struct fixture f;
    start(&f);
    assert_string_equal(
        json_of(&f, "SELECT region, MAX(x) FROM regions GROUP BY region LIMIT 5"),
        "{\n  \"statement\": \"SELECT region, MAX(x) FROM regions GROUP BY region LIMIT 5\",\n"
        "  \"targets\": [\n    {\n      \"shard\": \"s1\",\n      \"access\": \"replica\",\n"
        "      \"sql\": \"SELECT region, MAX(x), COLLATION(MAX(x)) AS `_waybill_collation_0`, "
        "COLLATION(region) AS `waybill collation 0` FROM regions GROUP BY region ORDER BY 1 LIMIT "
        "5\",\n"
        "      \"as_it_came\": false\n    },\n    {\n      \"shard\": \"s2\",\n"
        "      \"access\": \"replica\",\n"
        "      \"sql\": \"SELECT region, MAX(x), COLLATION(MAX(x)) AS `_waybill_collation_0`, "
        "COLLATION(region) AS `waybill collation 0` FROM regions GROUP BY region ORDER BY 1 LIMIT "
        "5\",\n"
        "      \"as_it_came\": false\n    }\n  ],\n"
        "  \"merge\": {\n    \"kind\": \"group\",\n    \"keys\": [\n      {\n"
        "        \"column\": 1,\n        \"hidden\": false,\n        \"descending\": false\n"
        "      }\n    ],\n    \"folds\": [\n      {\n        \"column\": 1,\n"
        "        \"fold\": \"first\"\n      },\n      {\n        \"column\": 2,\n"
        "        \"fold\": \"max\"\n      }\n    ],\n    \"hidden_columns\": 2,\n"
        "    \"offset\": 0,\n    \"limit\": 5\n  },\n"
        "  \"memory\": [\n    \"one group; of each of 2 shards the next row, and 64 KiB behind "
        "it\"\n  ],\n"
        "  \"why\": [\n    \"nothing limits table shop.regions to one shard (by region)\"\n  ]\n}");
    fixture_done(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(merges_and_what_they_hold),
        cmocka_unit_test(guards),
        cmocka_unit_test(guards_of_settings),
        cmocka_unit_test(information_schema_of_a_bound_session),
        cmocka_unit_test(no_ids_are_used_up),
        cmocka_unit_test(refusals),
        cmocka_unit_test(what_waybill_does_itself),
        cmocka_unit_test(json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
