// What a server's trigger says of a unique index, and where the values of such ones are at home.

#include "route_fixture.h"
#include "router/global_index.h"
#include "router/index_claim.h"

static const char indexed[] =
    "[table shop.sales]\nkey = buyer_id\n"
    "[index sales.serial]\ntable = shop.sales\ncolumn = serial\nunique = on\n"
    "[index sales.no]\ntable = shop.sales\ncolumn = no\n"
    "key_type = string\nunique = on\n";

static void what_a_trigger_says(void **state)
{
    (void)state;
    static const char *const broken[] = {
        "",
        "unique index ",
        "unique index a lacks 0x",
        "unique index a lacks 0x41",
        "unique index a lacks 0x41 after ",
        "unique index a lacks 0x41 after 7",
        "unique index a lacks 0x41 after : write",
        "unique index a lacks 0x41 after 99999999999999999999: write",
        "index a lacks 0x41 after 7: write",
    };
    struct arena arena;
    struct slice key;
    struct claim_lack lack;
    arena_init(&arena, NULL);
    struct slice told = slice_of_string("unique index a#1 lacks 0xC384 after 12: write it");
    assert_true(claim_read_lack(&arena, told, &key, &lack));
    assert_true(slice_equal(key, slice_of_string("a#1")));
    assert_true(slice_equal(lack.value, slice_of_string("\xc3\x84")));
    assert_int_equal(lack.after, 12);
    told = slice_of_string("unique index a#1 lacks 0x after 0: write it");
    assert_true(claim_read_lack(&arena, told, &key, &lack) && lack.value.len == 0);
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        assert_false(claim_read_lack(&arena, slice_of_string(broken[i]), &key, &lack));
    }
    arena_clear(&arena);
}

static struct value string_of(const char *text)
{
    return (struct value){.kind = VALUE_STRING, .bytes = slice_of_string(text)};
}

// Strings as they are, since the servers compare them, and all at one home; numbers by their own.
static void values_and_homes(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_init_with(&fixture, fixture_read(fixture_servers, fixture_bucket_tables, indexed));
    fixture_reset(&fixture);
    const struct index_config *serial = &fixture.config->indexes[0];
    const struct index_config *no = &fixture.config->indexes[1];
    struct slice text, other;
    struct value value = string_of("Ab ");
    assert_true(index_value(&fixture.arena, no, &value, &text));
    assert_true(slice_equal(text, slice_of_string("Ab ")));
    assert_true(index_stored_value(&fixture.arena, no, &value, &other) && slice_equal(other, text));
    value = string_of("\xc3\x84");
    assert_false(index_value(&fixture.arena, no, &value, &text));
    assert_false(index_stored_value(&fixture.arena, no, &value, &text));
    value = string_of("007");
    assert_true(index_value(&fixture.arena, serial, &value, &text));
    assert_true(slice_equal(text, slice_of_string("7")));
    for (unsigned shard = 0; shard < FIXTURE_SHARDS; shard++) {
        struct slice number =
            arena_format(&fixture.arena, "%llu", (unsigned long long)fixture.keys[shard][0]);
        assert_int_equal(index_home(fixture.config, serial, number), shard);
        assert_int_equal(index_home(fixture.config, no, number),
                         index_home(fixture.config, no, slice_of_string("a")));
    }
    fixture_done(&fixture);
}

// Two bytes of a character are not torn apart, and what is cut off shows.
static void what_a_duplicate_shows(void **state)
{
    (void)state;
    static const struct claim_index index = {
        .key = "a#1", .schema = "s", .table = "t", .column = "c"};
    char value[101] = "";
    for (size_t i = 0; i < 100; i += 2) {
        memcpy(value + i, "\xc3\xa4", 2);
    }
    struct text sql;
    text_init(&sql);
    claim_add_duplicate(&sql, &index, slice_of_string(value));
    text_add(&sql, "", 1);
    const char *shown = strstr((const char *)sql.ptr, "X'");
    assert_non_null(shown);
    assert_int_equal(strcspn(shown + 2, "'"), 2 * 60);
    assert_non_null(strstr(shown, "', '...''"));
    text_done(&sql);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_trigger_says),
        cmocka_unit_test(values_and_homes),
        cmocka_unit_test(what_a_duplicate_shows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
