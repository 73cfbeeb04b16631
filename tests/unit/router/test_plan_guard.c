// Guards of SELECTs over several shards, merged and gathered.

#include "route_fixture.h"

static const char guarded[] = "[table shop.warned]\nkey = id\nscatter = warn\n"
                              "[table shop.too]\nwith = shop.warned\nkey = id\n"
                              "[table shop.open]\nwith = shop.warned\nkey = id\nscatter = allow\n"
                              "[table shop.denied]\nkey = id\nscatter = deny\n";

#define MERGED(table)   "SELECT id FROM " table
#define GATHERED(table) "SELECT STD(a) FROM " table

// What the guard says of it: "", "warn" or "deny".
static void expect(struct fixture *fixture, const char *sql, const char *expected)
{
    struct plan *plan = NULL;
    struct error error;
    fixture->request.statement = fixture_parse(fixture, fixture_text(fixture, sql));
    bool is_planned = plan_make(&fixture->arena, &fixture->request, &plan, &error);
    const char *found = is_planned                        ? plan->warnings != NULL ? "warn" : ""
                        : error.code == ER_SCATTER_DENIED ? "deny"
                                                          : "?";
    if (strcmp(found, expected) != 0) {
        fail_msg("%s: '%s', not '%s'", sql, found, expected);
    }
}

static const char *stricter(const char *a, const char *b)
{
    const char *const order[] = {"", "warn", "deny"};
    for (int i = 2; i > 0; i--) {
        if (strcmp(a, order[i]) == 0 || strcmp(b, order[i]) == 0) {
            return order[i];
        }
    }
    return "";
}

static void the_stricter_counts(void **state)
{
    (void)state;
    static const struct {
        const char *table, *says;
    } tables[] = {{"orders", ""},
                  {"warned", "warn"},
                  {"too", "warn"},
                  {"open", ""},
                  {"denied", "deny"},
                  {"open JOIN warned USING (id)", "warn"},
                  {"open JOIN denied USING (a)", "deny"}};
    static const struct {
        enum scatter_guard guard;
        const char *says;
    } users[] = {{GUARD_ALLOW, ""}, {GUARD_WARN, "warn"}, {GUARD_DENY, "deny"}};
    struct fixture fixture;
    fixture_init_with(&fixture, fixture_read(fixture_servers, fixture_bucket_tables, guarded));
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        for (size_t j = 0; j < sizeof users / sizeof users[0]; j++) {
            char sql[200];
            fixture_reset(&fixture);
            fixture.request.may_gather = true;
            fixture.request.scatter = users[j].guard;
            const char *expected = stricter(tables[i].says, users[j].says);
            snprintf(sql, sizeof sql, "SELECT a FROM %s", tables[i].table);
            expect(&fixture, sql, expected);
            snprintf(sql, sizeof sql, "SELECT STD(a) FROM %s", tables[i].table);
            expect(&fixture, sql, expected);
        }
    }
    fixture_done(&fixture);
}

static void one_shard_is_free(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_init_with(&fixture, fixture_read(fixture_servers, fixture_bucket_tables, guarded));
    fixture_reset(&fixture);
    fixture.request.may_gather = true;
    fixture.request.scatter = GUARD_DENY;
    expect(&fixture, "SELECT a FROM denied WHERE id = 5", "");
    expect(&fixture, "SELECT 1", "");
    expect(&fixture, "SELECT * FROM countries", "");
    fixture.request.scatter = GUARD_ALLOW;
    expect(&fixture, "SELECT COUNT(*) FROM orders JOIN denied ON denied.id = 5 AND a = b", "");
    expect(&fixture, "SELECT COUNT(*) FROM orders JOIN denied ON denied.id > 5 AND a = b", "deny");
    fixture_done(&fixture);
}

static void so_many_shards(void **state)
{
    (void)state;
    for (int max = 0; max <= FIXTURE_SHARDS; max++) {
        char settings[800];
        struct fixture fixture;
        snprintf(settings, sizeof settings, "[waybill]\nmax_scatter_shards = %d\n%s", max,
                 fixture_servers + sizeof "[waybill]\n" - 1);
        fixture_init_with(&fixture,
                          fixture_read(settings, fixture_bucket_tables, fixture_other_tables));
        fixture_reset(&fixture);
        fixture.request.may_gather = true;
        expect(&fixture, MERGED("orders"), max > 0 && max < 4 ? "deny" : "");
        expect(&fixture, GATHERED("orders"), max > 0 && max < 4 ? "deny" : "");
        expect(&fixture, "SELECT n FROM numbers WHERE n < 1500", max == 1 ? "deny" : "");
        expect(&fixture, "SELECT STD(a) FROM numbers WHERE n < 1500", max == 1 ? "deny" : "");
        fixture_done(&fixture);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_stricter_counts),
        cmocka_unit_test(one_shard_is_free),
        cmocka_unit_test(so_many_shards),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
