// Tables of text: LIKE, dropped rows, the packets with and without EOF.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "admin/grid.h"
#include "protocol/capability.h"
#include "protocol/packet.h"

static bool is_like(const char *text, const char *pattern)
{
    return grid_is_like(slice_of_string(text), slice_of_string(pattern));
}

static void like(void **state)
{
    (void)state;
    assert_true(is_like("pool_max", "pool%"));
    assert_true(is_like("pool_max", "%MAX"));
    assert_true(is_like("pool_max", "p__l\\_m%x"));
    assert_true(is_like("", "%%"));
    assert_true(is_like("abab", "%ab"));
    assert_true(is_like("aXbXc", "a%b%c"));
    assert_false(is_like("pool_max", "pool"));
    assert_false(is_like("poolxmax", "pool\\_max"));
    assert_false(is_like("", "_"));
    assert_false(is_like("abc", "%d"));
    char many[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab";
    assert_false(is_like(many, "%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a%ac")); // and at once
}

static size_t count_packets(const struct text *text, uint8_t next_sequence)
{
    size_t count = 0;
    uint8_t sequence = 1;
    for (size_t at = 0; at < text->len; count++) {
        size_t raw = 0, payload = 0;
        struct slice rest = slice_of(text->ptr + at, text->len - at);
        assert_int_equal(packet_look(rest, sequence, SIZE_MAX, &raw, &payload, &sequence),
                         PACKET_WHOLE);
        at += raw;
    }
    assert_int_equal(sequence, next_sequence);
    return count;
}

static void rows_and_packets(void **state)
{
    (void)state;
    struct grid grid;
    grid_init(&grid, slice_of_string("a%"));
    grid_column(&grid, "name");
    grid_number_column(&grid, "n");
    static const char *const names[] = {"a1", "b1", "a2"};
    for (int i = 0; i < 3; i++) {
        grid_text(&grid, names[i]);
        i == 2 ? grid_null(&grid) : grid_number(&grid, i);
        grid_end_row(&grid);
    }
    assert_int_equal(grid.row_count, 2);
    struct text out;
    text_init(&out);
    uint8_t sequence = 1;
    grid_write(&grid, 0, &out, &sequence);
    assert_int_equal(count_packets(&out, sequence), 1 + 2 + 1 + 2 + 1);
    out.len = 0;
    sequence = 1;
    grid_write(&grid, CAP_DEPRECATE_EOF, &out, &sequence);
    assert_int_equal(count_packets(&out, sequence), 1 + 2 + 2 + 1);
    text_done(&out);
    grid_done(&grid);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(like),
        cmocka_unit_test(rows_and_packets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
