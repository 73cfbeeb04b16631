// OK packets of several targets added up (MERGE_OK). The text of an OK ("Rows matched: 3  Changed:
// 2  Warnings: 0", "Records: ...") is added number by number when all targets say the same words.

#include <inttypes.h>

#include "session/merge.h"

static bool is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

// The number at the front of the text, which begins behind it afterwards.
static uint64_t take_number(struct slice *text)
{
    uint64_t value = 0;
    while (text->len > 0 && is_digit(text->ptr[0])) {
        value = value * 10 + (uint64_t)(text->ptr[0] - '0');
        *text = slice_part(*text, 1, text->len);
    }
    return value;
}

// Both texts with each pair of numbers added; ptr NULL when the words differ.
static struct slice add_messages(struct arena *arena, struct slice a, struct slice b)
{
    struct text sum;
    text_init(&sum);
    bool is_alike = true;
    while (is_alike && a.len > 0 && b.len > 0) {
        if (is_digit(a.ptr[0]) && is_digit(b.ptr[0])) {
            text_add_format(&sum, "%" PRIu64, take_number(&a) + take_number(&b));
            continue;
        }
        is_alike = a.ptr[0] == b.ptr[0];
        text_add(&sum, a.ptr, 1);
        a = slice_part(a, 1, a.len);
        b = slice_part(b, 1, b.len);
    }
    is_alike = is_alike && a.len == 0 && b.len == 0;
    struct slice message = is_alike ? arena_copy(arena, text_slice(&sum)) : slice_of(NULL, 0);
    text_done(&sum);
    return message;
}

void merge_ok_add(struct arena *arena, struct ok_packet *total, const struct ok_packet *ok,
                  bool is_first)
{
    if (is_first) {
        *total = *ok;
        total->message = arena_copy(arena, ok->message);
        return;
    }
    uint32_t warnings = (uint32_t)total->warnings + ok->warnings;
    total->affected_rows += ok->affected_rows;
    total->warnings = (uint16_t)(warnings > UINT16_MAX ? UINT16_MAX : warnings);
    total->insert_id = total->insert_id != 0 ? total->insert_id : ok->insert_id;
    total->status |= ok->status;
    total->message = add_messages(arena, total->message, ok->message);
}
