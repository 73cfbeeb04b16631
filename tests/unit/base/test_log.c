// One event is one line; levels are respected; a reopened log goes on in the new file.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char path[64];

static size_t read_file(const char *name, char *text, size_t max)
{
    FILE *file = fopen(name, "r");
    assert_non_null(file);
    size_t len = fread(text, 1, max - 1, file);
    text[len] = '\0';
    fclose(file);
    return len;
}

static int make_path(void **state)
{
    (void)state;
    snprintf(path, sizeof path, "/tmp/waybill-test-log-XXXXXX");
    int fd = mkstemp(path);
    if (fd >= 0) {
        close(fd);
    }
    return fd >= 0 ? 0 : -1;
}

static int remove_path(void **state)
{
    (void)state;
    return log_open("stderr", LOG_NOTICE) && unlink(path) == 0 ? 0 : -1;
}

static void writes_lines(void **state)
{
    (void)state;
    char text[8192];
    assert_true(log_open(path, LOG_NOTICE));
    log_name_thread("worker-1");
    log_warning("a %s\nwith a line's end", "name");
    log_debug("not to be seen");
    size_t len = read_file(path, text, sizeof text);
    // 2025-03-01 09:30:00.123 warning [worker-1] ...
    assert_string_equal(text + 23, " warning [worker-1] a name with a line's end\n");
    assert_int_equal(text[4], '-');
    assert_int_equal(text[19], '.');
    assert_int_equal(len, 23 + strlen(text + 23));
    log_notice("%4000d", 1); // longer than a line may be
    len = read_file(path, text, sizeof text);
    assert_int_equal(text[len - 1], '\n');
    assert_true(len < 4000);
}

static void goes_on_after_rotation(void **state)
{
    (void)state;
    char text[8192];
    char rotated[80];
    snprintf(rotated, sizeof rotated, "%s.1", path);
    assert_true(log_open(path, LOG_DEBUG));
    assert_int_equal(rename(path, rotated), 0);
    assert_true(log_reopen());
    log_debug("after");
    read_file(path, text, sizeof text);
    assert_non_null(strstr(text, "after"));
    read_file(rotated, text, sizeof text);
    assert_null(strstr(text, "after"));
    unlink(rotated);
    assert_false(log_open("/nowhere/at/all", LOG_NOTICE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_lines),
        cmocka_unit_test(goes_on_after_rotation),
    };
    return cmocka_run_group_tests(tests, make_path, remove_path);
}
