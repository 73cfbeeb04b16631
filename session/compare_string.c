// Strings in the order of their collation.
//
// Three things decide: the collation (of the column, which the server tells as COLLATION(column)),
// the character set in which the values are sent (character_set_results), and whether the collation
// fills the shorter value up with blanks (PAD SPACE, the old rule; NO PAD for `binary`, nopad and
// 0900 ones). A value is read as a row of weights; the row that is smaller at the first difference
// comes first.
//
// The weights are MariaDB's own, taken from WEIGHT_STRING (compare_general_ci_table.c). For the
// simple collations below each character has exactly one weight, so that comparing weights *is* the
// server's comparison. Collations with contractions and expansions (unicode_ci and what is tailored
// from it) are compared by the weights that the server gives with each value (WEIGHT_STRING); those
// with several levels (uca1400, most 0900) are refused.
//
// A value that was converted with loss ('?' for what latin1 can't say) can't be compared: each
// collation lists the sets of results into which its characters all fit.

#include "session/compare_impl.h"

#include <string.h>

#include "protocol/charset.h"

enum {
    BLANK = 0x20,          // the weight of a blank in every collation of the table
    ILL_FORMED = 0xff0000, // a byte that is no character: behind all others, as the server has it
    NOT_LATIN1 = 0x100,
};

// ---- weights

static uint32_t weight_byte(const uint8_t **at, const uint8_t *end)
{
    (void)end;
    return *(*at)++;
}

static uint32_t weight_ascii_nocase(const uint8_t **at, const uint8_t *end)
{
    (void)end;
    uint8_t byte = *(*at)++;
    return byte >= 'a' && byte <= 'z' ? byte - 0x20u : byte;
}

static uint32_t weight_latin1(const uint8_t **at, const uint8_t *end)
{
    (void)end;
    return compare_latin1_weight(*(*at)++);
}

// The next code point of UTF-8; an ill-formed byte is ILL_FORMED + byte.
static uint32_t utf8_next(const uint8_t **at, const uint8_t *end)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    uint8_t first = *(*at)++;
    if (first < 0x80) {
        return first;
    }
    size_t len = first >= 0xf5 ? 0 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc2 ? 2 : 0;
    if (len == 0 || (size_t)(end - *at) < len - 1) {
        return ILL_FORMED + first;
    }
    uint32_t code = first & (0xffu >> (len + 1));
    for (size_t i = 0; i < len - 1; i++) {
        if (((*at)[i] & 0xc0) != 0x80) {
            return ILL_FORMED + first;
        }
        code = code << 6 | ((*at)[i] & 0x3fu);
    }
    if (code < smallest[len]) {
        return ILL_FORMED + first;
    }
    *at += len - 1;
    return code;
}

// Of a sort key.
static uint32_t weight_of_two(const uint8_t **at, const uint8_t *end)
{
    uint32_t weight = (uint32_t) * *at << 8 | (end - *at > 1 ? (*at)[1] : 0u);
    *at += end - *at > 1 ? 2 : 1;
    return weight;
}

static uint32_t weight_general_ci(const uint8_t **at, const uint8_t *end)
{
    uint32_t code = utf8_next(at, end);
    return code >= ILL_FORMED ? code : compare_general_ci_weight(code);
}

// A column of latin1 sent as UTF-8: the byte that the server compares.
static uint32_t weight_utf8_as_byte(const uint8_t **at, const uint8_t *end)
{
    uint32_t code = utf8_next(at, end);
    int byte = code >= ILL_FORMED ? -1 : compare_latin1_byte(code);
    return byte >= 0 ? (uint32_t)byte : NOT_LATIN1 + code;
}

static uint32_t weight_utf8_as_latin1(const uint8_t **at, const uint8_t *end)
{
    uint32_t byte = weight_utf8_as_byte(at, end);
    return byte < NOT_LATIN1 ? compare_latin1_weight((uint8_t)byte) : byte;
}

// ---- collations

enum { SENT_LATIN1 = 1, SENT_UTF8MB3 = 2, SENT_UTF8MB4 = 4, SENT_ANY = 8 };
enum { SENT_UTF8 = SENT_UTF8MB3 | SENT_UTF8MB4, SENT_ASCII = SENT_UTF8 | SENT_LATIN1 };

struct collation_row {
    const char *name;
    compare_weight weight;
    unsigned sent_as; // the sets of results for which `weight` holds
    bool is_padded;
};

// clang-format off
static const struct collation_row collation_rows[] = {
    {"binary",                     weight_byte,            SENT_ANY,     false},
    {"ascii_bin",                  weight_byte,            SENT_ASCII,   true},
    {"ascii_nopad_bin",            weight_byte,            SENT_ASCII,   false},
    {"ascii_general_ci",           weight_ascii_nocase,    SENT_ASCII,   true},
    {"ascii_general_nopad_ci",     weight_ascii_nocase,    SENT_ASCII,   false},
    {"latin1_bin",                 weight_byte,            SENT_LATIN1,  true},
    {"latin1_bin",                 weight_utf8_as_byte,    SENT_UTF8,    true},
    {"latin1_nopad_bin",           weight_byte,            SENT_LATIN1,  false},
    {"latin1_nopad_bin",           weight_utf8_as_byte,    SENT_UTF8,    false},
    {"latin1_swedish_ci",          weight_latin1,          SENT_LATIN1,  true},
    {"latin1_swedish_ci",          weight_utf8_as_latin1,  SENT_UTF8,    true},
    {"latin1_swedish_nopad_ci",    weight_latin1,          SENT_LATIN1,  false},
    {"latin1_swedish_nopad_ci",    weight_utf8_as_latin1,  SENT_UTF8,    false},
    {"utf8_bin",                   weight_byte,            SENT_UTF8,    true},
    {"utf8_general_ci",            weight_general_ci,      SENT_UTF8,    true},
    {"utf8mb3_bin",                weight_byte,            SENT_UTF8,    true},
    {"utf8mb3_nopad_bin",          weight_byte,            SENT_UTF8,    false},
    {"utf8mb3_general_ci",         weight_general_ci,      SENT_UTF8,    true},
    {"utf8mb3_general_nopad_ci",   weight_general_ci,      SENT_UTF8,    false},
    {"utf8mb4_bin",                weight_byte,            SENT_UTF8MB4, true},
    {"utf8mb4_nopad_bin",          weight_byte,            SENT_UTF8MB4, false},
    {"utf8mb4_0900_bin",           weight_byte,            SENT_UTF8MB4, false},
    {"utf8mb4_general_ci",         weight_general_ci,      SENT_UTF8MB4, true},
    {"utf8mb4_general_nopad_ci",   weight_general_ci,      SENT_UTF8MB4, false},
};
// clang-format on

static unsigned sent_as(uint16_t results_collation_id)
{
    const struct collation *results = collation_find_id(results_collation_id);
    if (results == NULL) {
        return SENT_ANY;
    }
    struct slice charset = slice_of_string(results->charset->name);
    if (slice_is_nocase(charset, "utf8mb4")) {
        return SENT_UTF8MB4 | SENT_ANY;
    }
    if (slice_is_nocase(charset, "utf8mb3") || slice_is_nocase(charset, "utf8")) {
        return SENT_UTF8MB3 | SENT_ANY;
    }
    return SENT_ANY | (slice_is_nocase(charset, "latin1") ? SENT_LATIN1 : 0);
}

static void weigh_ascii(struct comparison *comparison)
{
    comparison->ascii_end = 128;
    comparison->blank = BLANK;
    for (uint8_t byte = 0; byte < 128; byte++) {
        const uint8_t *at = &byte;
        comparison->ascii[byte] = (uint16_t)comparison->weight(&at, &byte + 1);
    }
}

bool compare_choose_collation(struct comparison *comparison, struct slice collation,
                              uint16_t results_collation_id)
{
    unsigned sent = sent_as(results_collation_id);
    for (size_t i = 0; i < sizeof collation_rows / sizeof collation_rows[0]; i++) {
        const struct collation_row *row = &collation_rows[i];
        if ((row->sent_as & sent) != 0 && slice_is_nocase(collation, row->name)) {
            comparison->weight = row->weight;
            comparison->is_padded = row->is_padded;
            weigh_ascii(comparison);
            return true;
        }
    }
    return false;
}

bool compare_choose_weights(struct comparison *comparison, struct slice collation,
                            struct slice blank)
{
    const struct collation *known = collation_find(collation);
    bool is_unicode = known != NULL && (strncmp(known->charset->name, "utf", 3) == 0 ||
                                        strncmp(known->charset->name, "ucs", 3) == 0);
    if (!is_unicode || blank.len != 2) {
        return false;
    }
    bool is_nopad = memmem(collation.ptr, collation.len, "nopad", 5) != NULL ||
                    memmem(collation.ptr, collation.len, "_0900_", 6) != NULL;
    *comparison = (struct comparison){.method = COMPARE_STRING,
                                      .is_descending = comparison->is_descending,
                                      .is_weights = true,
                                      .is_padded = !is_nopad,
                                      .blank = (uint16_t)(blank.ptr[0] << 8 | blank.ptr[1]),
                                      .weight = weight_of_two};
    return true;
}

// One value has ended: how the rest of the other compares with nothing, or with blanks.
static int compare_rest(const struct comparison *comparison, const uint8_t *at, const uint8_t *end)
{
    if (!comparison->is_padded) {
        return at < end;
    }
    while (at < end) {
        uint32_t weight = comparison->weight(&at, end);
        if (weight != comparison->blank) {
            return weight < comparison->blank ? -1 : 1;
        }
    }
    return 0;
}

static int rest_of(const struct comparison *comparison, struct slice value)
{
    return value.len == 0 ? 0 : compare_rest(comparison, value.ptr, value.ptr + value.len);
}

int compare_strings(const struct comparison *comparison, struct slice a, struct slice b)
{
    if (a.len == 0 || b.len == 0) {
        return rest_of(comparison, a) - rest_of(comparison, b);
    }
    const uint8_t *a_at = a.ptr, *a_end = a.ptr + a.len;
    const uint8_t *b_at = b.ptr, *b_end = b.ptr + b.len;
    while (a_at < a_end && b_at < b_end) {
        uint32_t a_weight = compare_next_weight(comparison, &a_at, a_end);
        uint32_t b_weight = compare_next_weight(comparison, &b_at, b_end);
        if (a_weight != b_weight) {
            return a_weight < b_weight ? -1 : 1;
        }
    }
    return compare_rest(comparison, a_at, a_end) - compare_rest(comparison, b_at, b_end);
}
