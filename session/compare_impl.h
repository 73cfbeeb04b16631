#pragma once
// Behind session/compare.h: strings and their weights.

#include "session/compare.h"

// How values of this collation, sent in the character set of `results_collation_id`, are compared.
// False: waybill doesn't know it.
bool compare_choose_collation(struct comparison *comparison, struct slice collation,
                              uint16_t results_collation_id) MUST_CHECK;
int compare_strings(const struct comparison *comparison, struct slice a, struct slice b);

// compare_general_ci_table.c
uint32_t compare_general_ci_weight(uint32_t code); // utf8mb3_general_ci, utf8mb4_general_ci
uint8_t compare_latin1_weight(uint8_t byte);       // latin1_swedish_ci
int compare_latin1_byte(uint32_t code);            // the latin1 byte of a code point; -1: none
