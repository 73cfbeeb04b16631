#pragma once
// JSON being written, two blanks for each level. Names are waybill's own words and need no escape;
// NULL: within an array.

#include "base/text.h"

enum { JSON_DEPTH_MAX = 16 };

struct json {
    struct text *out; // borrowed
    unsigned depth;
    bool has_members[JSON_DEPTH_MAX]; // of the level: a comma comes first
};

void json_init(struct json *json, struct text *out);
void json_begin_object(struct json *json, const char *name);
void json_end_object(struct json *json);
void json_begin_array(struct json *json, const char *name);
void json_end_array(struct json *json);
void json_slice(struct json *json, const char *name, struct slice value); // escaped; bytes that are
                                                                          // no UTF-8: U+FFFD
void json_text(struct json *json, const char *name, const char *value);
void json_number(struct json *json, const char *name, uint64_t value);
void json_bool(struct json *json, const char *name, bool value);
