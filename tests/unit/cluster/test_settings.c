// The settings table: its defaults hold, values are printed as they are read, and the documents
// made from it are complete and can be read.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/arena.h"
#include "cluster/config.h"

static void defaults_are_in_their_limits(void **state)
{
    (void)state;
    struct settings settings;
    settings_init_defaults(&settings);
    assert_string_equal(settings.listen, "127.0.0.1:6033");
    assert_int_equal(settings.max_clients, 10000);
    assert_true(settings.read_split);
    assert_int_equal(settings.failover, FAILOVER_AUTO);
    size_t count = 0;
    const struct setting *rows = setting_table(&count);
    for (size_t i = 0; i < count; i++) {
        struct text printed;
        text_init(&printed);
        setting_print(&rows[i], &settings, &printed);
        assert_true(slice_equal(text_slice(&printed), slice_of_string(rows[i].default_text)));
        assert_ptr_equal(setting_find(slice_of_string(rows[i].name)), &rows[i]);
        assert_true(rows[i].help[strlen(rows[i].help) - 1] == '.');
        text_done(&printed);
    }
    assert_null(setting_find(slice_of_string("no_such_setting")));
}

static void values_are_read_and_printed(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, NULL);
    struct settings settings;
    settings_init_defaults(&settings);
    char why[256];
    const struct setting *password = setting_find(slice_of_string("admin_password"));
    assert_true(setting_parse(password, &settings, slice_of_string("x"), &arena, why, sizeof why));
    struct text printed;
    text_init(&printed);
    setting_print(password, &settings, &printed);
    assert_true(slice_equal(text_slice(&printed), slice_of_string("****")));
    const struct setting *split = setting_find(slice_of_string("read_split"));
    assert_true(setting_parse(split, &settings, slice_of_string("No"), &arena, why, sizeof why));
    assert_false(settings.read_split);
    const struct setting *lag = setting_find(slice_of_string("max_lag_ms"));
    assert_false(setting_parse(lag, &settings, slice_of_string("0"), &arena, why, sizeof why));
    assert_string_equal(why, "max_lag_ms is between 1 and 86400000, not 0");
    assert_int_equal(settings.max_lag_ms, 1000);
    struct settings defaults;
    settings_init_defaults(&defaults);
    assert_true(setting_is_same(lag, &settings, &defaults));
    assert_false(setting_is_same(split, &settings, &defaults));
    assert_false(setting_is_same(password, &settings, &defaults));
    text_done(&printed);
    arena_clear(&arena);
}

static void the_sample_can_be_read(void **state)
{
    (void)state;
    struct text ini;
    struct text errors;
    text_init(&ini);
    text_init(&errors);
    settings_write_ini(&ini);
    struct config *config = config_read_text(text_slice(&ini), "sample", NULL, &errors);
    assert_non_null(config);
    config_free(config);
    // With every setting taken out of its comment, it says the same.
    for (size_t i = 1; i < ini.len; i++) {
        if (ini.ptr[i] == ';' && ini.ptr[i - 1] == '\n') {
            ini.ptr[i] = ' ';
        }
    }
    config = config_read_text(text_slice(&ini), "sample", NULL, &errors);
    assert_non_null(config);
    struct settings defaults;
    settings_init_defaults(&defaults);
    size_t count = 0;
    const struct setting *rows = setting_table(&count);
    for (size_t i = 0; i < count; i++) {
        assert_true(setting_is_same(&rows[i], &config->settings, &defaults));
    }
    config_free(config);
    text_done(&ini);
    text_done(&errors);
}

static void the_page_has_every_setting(void **state)
{
    (void)state;
    struct text page;
    text_init(&page);
    settings_write_markdown(&page);
    size_t count = 0;
    const struct setting *rows = setting_table(&count);
    for (size_t i = 0; i < count; i++) {
        assert_non_null(memmem(page.ptr, page.len, rows[i].name, strlen(rows[i].name)));
    }
    text_done(&page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_in_their_limits),
        cmocka_unit_test(values_are_read_and_printed),
        cmocka_unit_test(the_sample_can_be_read),
        cmocka_unit_test(the_page_has_every_setting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
