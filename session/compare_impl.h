#pragma once
// Behind session/compare.h: numbers as text, strings and their weights.

#include "session/compare.h"

// A decimal number: its digits from the first that isn't 0, with the point somewhere between.
struct compare_number {
    int sign;           // -1, 0, 1
    int64_t magnitude;  // place of the first digit: 1 = units, 2 = tens, 0 = tenths
    const uint8_t *at;  // the first digit that isn't 0
    const uint8_t *end; // of the mantissa
};

struct compare_number compare_number_of(struct slice text);

// A number with the order of the values, equal for equal ones: of the methods whose values fit into
// 64 bits, 0 for the others (number text, bits, strings).
uint64_t compare_fixed_key(const struct comparison *comparison, struct slice value);

// How values of this collation, sent in the character set of `results_collation_id`, are compared.
// False: waybill doesn't know it.
bool compare_choose_collation(struct comparison *comparison, struct slice collation,
                              uint16_t results_collation_id) MUST_CHECK;
// The same by the servers' own weights, of collations that have one level of weights of two bytes;
// `blank` is a blank's. False: it is no such collation.
bool compare_choose_weights(struct comparison *comparison, struct slice collation,
                            struct slice blank) MUST_CHECK;
// Of the character at *at, which is before `end`; moves *at on.
static inline uint32_t compare_next_weight(const struct comparison *comparison, const uint8_t **at,
                                           const uint8_t *end)
{
    return **at < comparison->ascii_end ? comparison->ascii[*(*at)++] : comparison->weight(at, end);
}

int compare_strings(const struct comparison *comparison, struct slice a, struct slice b);

// compare_general_ci_table.c
uint32_t compare_general_ci_weight(uint32_t code); // utf8mb3_general_ci, utf8mb4_general_ci
uint8_t compare_latin1_weight(uint8_t byte);       // latin1_swedish_ci
int compare_latin1_byte(uint32_t code);            // the latin1 byte of a code point; -1: none
