#pragma once
// Strings as SQL that means the same whatever the session's character set and sql_mode are.

#include "base/text.h"

// _utf8'..', in hexadecimal where need be; NULL when text.ptr is NULL. What utf8mb3, the character
// set of information_schema, can't say becomes '?'.
void sql_add_utf8mb3(struct text *sql, struct slice text);
void sql_add_hex(struct text *sql, struct slice bytes); // X'0AFF'
void sql_add_name(struct text *sql, struct slice name); // `name`
