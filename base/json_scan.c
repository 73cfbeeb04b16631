// A string that a colon follows is a name; what comes behind the colon is its value. Nothing else
// has to be understood to find one.

#include "base/json_scan.h"

static size_t skip_blanks(struct slice text, size_t at)
{
    while (at < text.len && (text.ptr[at] == ' ' || text.ptr[at] == '\t' || text.ptr[at] == '\n' ||
                             text.ptr[at] == '\r')) {
        at++;
    }
    return at;
}

// `at`: behind the opening quote. Where the closing one is; text.len: it has none.
static size_t find_quote(struct slice text, size_t at)
{
    while (at < text.len && text.ptr[at] != '"') {
        at += text.ptr[at] == '\\' ? 2 : 1;
    }
    return at < text.len ? at : text.len;
}

static bool is_of_literal(uint8_t byte)
{
    return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') || byte == 'E' ||
           byte == '-' || byte == '+' || byte == '.';
}

// Objects and arrays are no values here.
static bool take_value(struct slice text, size_t at, struct slice *value)
{
    at = skip_blanks(text, at);
    if (at < text.len && text.ptr[at] == '"') {
        size_t end = find_quote(text, at + 1);
        *value = slice_of(text.ptr + at + 1, end - at - 1);
        return end < text.len;
    }
    size_t end = at;
    while (end < text.len && is_of_literal(text.ptr[end])) {
        end++;
    }
    *value = slice_of(text.ptr + at, end - at);
    return end > at;
}

bool json_find(struct slice text, const char *name, struct slice *value)
{
    size_t at = 0;
    while (at < text.len) {
        if (text.ptr[at] != '"') {
            at++;
            continue;
        }
        size_t end = find_quote(text, at + 1);
        struct slice word = slice_of(text.ptr + at + 1, end > at ? end - at - 1 : 0);
        if (end == text.len) {
            return false;
        }
        at = skip_blanks(text, end + 1);
        if (at < text.len && text.ptr[at] == ':' && slice_equal(word, slice_of_string(name)) &&
            take_value(text, at + 1, value)) {
            return true;
        }
    }
    return false;
}

bool json_find_number(struct slice text, const char *name, uint64_t *number)
{
    struct slice value;
    return json_find(text, name, &value) && slice_to_uint64(value, number);
}

bool json_is_true(struct slice text, const char *name)
{
    struct slice value;
    return json_find(text, name, &value) && slice_equal(value, slice_of_string("true"));
}
