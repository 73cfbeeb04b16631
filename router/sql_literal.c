#include "router/sql_literal.h"

// How many bytes the character at the front has if utf8mb3 can say it; 0: it can't.
static size_t utf8mb3_step(struct slice text)
{
    const uint8_t *at = text.ptr;
    bool has_second = text.len > 1 && (at[1] & 0xc0) == 0x80;
    bool has_third = has_second && text.len > 2 && (at[2] & 0xc0) == 0x80;
    if (at[0] < 0x80) {
        return 1;
    }
    if (at[0] >= 0xc2 && at[0] <= 0xdf && has_second) {
        return 2;
    }
    bool is_short = at[0] == 0xe0 && has_second && at[1] < 0xa0; // overlong
    bool is_surrogate = at[0] == 0xed && has_second && at[1] >= 0xa0;
    return (at[0] & 0xf0) == 0xe0 && has_third && !is_short && !is_surrogate ? 3 : 0;
}

static bool is_simple(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < ' ' || text.ptr[i] > '~' || text.ptr[i] == '\'' || text.ptr[i] == '\\') {
            return false;
        }
    }
    return true;
}

void sql_add_hex(struct text *sql, struct slice bytes)
{
    static const char digits[] = "0123456789ABCDEF";
    text_add_string(sql, "X'");
    for (size_t i = 0; i < bytes.len; i++) {
        char pair[2] = {digits[bytes.ptr[i] >> 4], digits[bytes.ptr[i] & 15]};
        text_add(sql, pair, sizeof pair);
    }
    text_add_string(sql, "'");
}

void sql_add_utf8mb3(struct text *sql, struct slice text)
{
    if (text.ptr == NULL) {
        text_add_string(sql, "NULL");
    } else if (is_simple(text)) {
        text_add_format(sql, "_utf8'%.*s'", (int)text.len, (const char *)text.ptr);
    } else {
        struct text clean;
        text_init(&clean);
        while (text.len > 0) {
            size_t step = utf8mb3_step(text);
            text_add(&clean, step > 0 ? text.ptr : (const uint8_t *)"?", step > 0 ? step : 1);
            text = slice_part(text, step > 0 ? step : 1, text.len);
        }
        text_add_string(sql, "_utf8 ");
        sql_add_hex(sql, text_slice(&clean));
        text_done(&clean);
    }
}

void sql_add_name(struct text *sql, struct slice name)
{
    text_add_string(sql, "`");
    for (size_t i = 0; i < name.len; i++) {
        text_add(sql, name.ptr + i, 1);
        if (name.ptr[i] == '`') {
            text_add_string(sql, "`");
        }
    }
    text_add_string(sql, "`");
}
