#pragma once
// Sort keys: what a value compares by, written once for each row, so that rows are compared as
// bytes. Pure.
//
//     key = 0 (NULL) or 1, then the value's bytes, as many for every value of a column; all
//     inverted
//           when the order is descending
//
// Where two keys differ, their order (as bytes) is that of compare_fields. Where they are equal the
// values are, too, if both keys are exact; else compare_fields must tell (a string longer than the
// key, a number with more digits).

#include "session/compare.h"

// Bytes of a key of this comparison.
size_t compare_key_bytes(const struct comparison *comparison);
// Writes compare_key_bytes of them; is the key exact?
bool compare_key_write(const struct comparison *comparison, const struct field *field,
                       uint8_t *key);
