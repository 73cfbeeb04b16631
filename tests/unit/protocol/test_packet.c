// Framing: payloads of every critical size, written two ways and read back.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/memory.h"
#include "protocol/packet.h"

static uint8_t *filled(size_t len)
{
    uint8_t *bytes = memory_new(len + 1);
    for (size_t i = 0; i < len; i++) {
        bytes[i] = (uint8_t)(i * 31 + i / 251);
    }
    return bytes;
}

static void check_size(size_t len, size_t parts)
{
    uint8_t *payload = filled(len);
    struct text appended;
    text_init(&appended);
    text_add_string(&appended, "before");
    uint8_t sequence = 254;
    packet_append(&appended, slice_of(payload, len), &sequence);
    assert_int_equal(sequence, (uint8_t)(254 + parts));
    assert_int_equal(appended.len, 6 + len + 4 * parts);

    struct text built;
    text_init(&built);
    text_add_string(&built, "before");
    size_t place = packet_begin(&built);
    text_add(&built, payload, len);
    uint8_t built_sequence = 254;
    packet_end(&built, place, &built_sequence);
    assert_int_equal(built_sequence, sequence);
    assert_true(slice_equal(text_slice(&built), text_slice(&appended)));

    size_t raw, found;
    uint8_t next;
    struct slice bytes = slice_part(text_slice(&built), 6, built.len);
    assert_int_equal(packet_look(bytes, 254, len, &raw, &found, &next), PACKET_WHOLE);
    assert_int_equal(raw, bytes.len);
    assert_int_equal(found, len);
    assert_int_equal(next, sequence);
    packet_renumber(built.ptr + 6, bytes.len, 7); // all its parts
    assert_int_equal(packet_look(bytes, 7, len, &raw, &found, &next), PACKET_WHOLE);
    assert_int_equal(next, (uint8_t)(sequence - 254 + 7));
    packet_renumber(built.ptr + 6, bytes.len, 254);
    struct arena arena;
    arena_init(&arena, NULL);
    assert_true(slice_equal(packet_payload(&arena, slice_part(bytes, 0, raw), found),
                            slice_of(payload, len)));
    arena_clear(&arena);
    bytes.len--;
    assert_int_equal(packet_look(bytes, 254, len, &raw, &found, &next), PACKET_PARTIAL);
    if (len > 0) {
        assert_int_equal(packet_look(bytes, 254, len - 1, &raw, &found, &next), PACKET_TOO_LARGE);
    }
    text_done(&appended);
    text_done(&built);
    memory_free(payload);
}

static void test_sizes(void **state)
{
    (void)state;
    check_size(0, 1);
    check_size(1, 1);
    check_size(PACKET_PAYLOAD_MAX - 1, 1);
    check_size(PACKET_PAYLOAD_MAX, 2);
    check_size(PACKET_PAYLOAD_MAX + 1, 2);
    check_size(2 * PACKET_PAYLOAD_MAX, 3);
    check_size(2 * PACKET_PAYLOAD_MAX + 77, 3);
}

static void test_look(void **state)
{
    (void)state;
    size_t raw, payload;
    uint8_t next;
    struct slice bytes = slice_of("\3\0\0\0abc\1\0\0\0d", 12);
    assert_int_equal(packet_look(bytes, 0, 100, &raw, &payload, &next), PACKET_WHOLE);
    assert_int_equal(raw, 7);
    assert_int_equal(payload, 3);
    assert_int_equal(next, 1);
    assert_int_equal(packet_look(bytes, 1, 100, &raw, &payload, &next), PACKET_BAD_ORDER);
    for (size_t len = 0; len < 7; len++) {
        bytes.len = len;
        assert_int_equal(packet_look(bytes, 0, 100, &raw, &payload, &next), PACKET_PARTIAL);
    }
    bytes.len = 4; // the header alone is enough to say no
    assert_int_equal(packet_look(bytes, 0, 2, &raw, &payload, &next), PACKET_TOO_LARGE);
}

// Only the packet at the front, and of that only what is there.
static void test_renumber(void **state)
{
    (void)state;
    uint8_t bytes[] = "\1\0\0\5a\1\0\0\6b";
    packet_renumber(bytes, sizeof bytes - 1, 0);
    assert_memory_equal(bytes, "\1\0\0\0a\1\0\0\6b", sizeof bytes);
    packet_renumber(bytes, 3, 9);
    packet_renumber(bytes, 0, 9);
    assert_memory_equal(bytes, "\1\0\0\0a\1\0\0\6b", sizeof bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_look),
        cmocka_unit_test(test_renumber),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
