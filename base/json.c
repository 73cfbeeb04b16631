#include "base/json.h"

#include <assert.h>
#include <inttypes.h>

void json_init(struct json *json, struct text *out)
{
    *json = (struct json){.out = out};
}

static void new_line(struct json *json)
{
    text_add_string(json->out, "\n");
    for (unsigned i = 0; i < json->depth; i++) {
        text_add_string(json->out, "  ");
    }
}

static void begin_member(struct json *json, const char *name)
{
    if (json->has_members[json->depth]) {
        text_add_string(json->out, ",");
    }
    json->has_members[json->depth] = true;
    if (json->depth > 0) {
        new_line(json);
    }
    if (name != NULL) {
        text_add_format(json->out, "\"%s\": ", name);
    }
}

static void begin_level(struct json *json, const char *name, const char *bracket)
{
    assert(json->depth + 1 < JSON_DEPTH_MAX);
    begin_member(json, name);
    text_add_string(json->out, bracket);
    json->has_members[++json->depth] = false;
}

static void end_level(struct json *json, const char *bracket)
{
    bool has_members = json->has_members[json->depth--];
    if (has_members) {
        new_line(json);
    }
    text_add_string(json->out, bracket);
}

void json_begin_object(struct json *json, const char *name)
{
    begin_level(json, name, "{");
}

void json_end_object(struct json *json)
{
    end_level(json, "}");
}

void json_begin_array(struct json *json, const char *name)
{
    begin_level(json, name, "[");
}

void json_end_array(struct json *json)
{
    end_level(json, "]");
}

// ---- strings

// Bytes of the UTF-8 character at the front; 0: it is none.
static size_t character(struct slice text)
{
    uint8_t first = text.ptr[0];
    size_t len = first < 0x80   ? 1
                 : first < 0xc2 ? 0
                 : first < 0xe0 ? 2
                 : first < 0xf0 ? 3
                 : first < 0xf5 ? 4
                                : 0;
    if (len > text.len) {
        return 0;
    }
    for (size_t i = 1; i < len; i++) {
        if ((text.ptr[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    uint8_t second = len > 2 ? text.ptr[1] : 0;
    bool is_overlong = (first == 0xe0 && second < 0xa0) || (first == 0xf0 && second < 0x90);
    bool is_beyond = (first == 0xed && second > 0x9f) || (first == 0xf4 && second > 0x8f);
    return is_overlong || is_beyond ? 0 : len;
}

static void add_escaped(struct text *out, uint8_t byte)
{
    switch (byte) {
    case '"':
        text_add_string(out, "\\\"");
        break;
    case '\\':
        text_add_string(out, "\\\\");
        break;
    case '\n':
        text_add_string(out, "\\n");
        break;
    case '\t':
        text_add_string(out, "\\t");
        break;
    default:
        if (byte < 0x20 || byte == 0x7f) {
            text_add_format(out, "\\u%04x", byte);
        } else {
            text_add(out, &byte, 1);
        }
        break;
    }
}

void json_slice(struct json *json, const char *name, struct slice value)
{
    begin_member(json, name);
    text_add_string(json->out, "\"");
    while (value.len > 0) {
        size_t len = character(value);
        if (len == 0) {
            text_add_string(json->out, "\\ufffd");
            len = 1;
        } else if (len == 1) {
            add_escaped(json->out, value.ptr[0]);
        } else {
            text_add(json->out, value.ptr, len);
        }
        value = slice_part(value, len, value.len);
    }
    text_add_string(json->out, "\"");
}

void json_text(struct json *json, const char *name, const char *value)
{
    json_slice(json, name, slice_of_string(value));
}

void json_number(struct json *json, const char *name, uint64_t value)
{
    begin_member(json, name);
    text_add_format(json->out, "%" PRIu64, value);
}

void json_bool(struct json *json, const char *name, bool value)
{
    begin_member(json, name);
    text_add_string(json->out, value ? "true" : "false");
}
