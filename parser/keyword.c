// Keyword look-up: the rows of one letter are searched for a word of the right length.
//
// A letter has some 20 words, sorted by length, so that most names fall out after comparing a few
// lengths and never reach the comparison of bytes.

#include "parser/keyword.h"

struct keyword_row {
    const char *text;
    uint8_t len;
    uint8_t reserved;
    uint16_t keyword;
};

// clang-format off
#define KEYWORD_ROW(word, reserved) {#word, sizeof #word - 1, (reserved), KW_##word},
static const struct keyword_row rows_a[] = {KEYWORDS_A(KEYWORD_ROW)};
static const struct keyword_row rows_b[] = {KEYWORDS_B(KEYWORD_ROW)};
static const struct keyword_row rows_c[] = {KEYWORDS_C(KEYWORD_ROW)};
static const struct keyword_row rows_d[] = {KEYWORDS_D(KEYWORD_ROW)};
static const struct keyword_row rows_e[] = {KEYWORDS_E(KEYWORD_ROW)};
static const struct keyword_row rows_f[] = {KEYWORDS_F(KEYWORD_ROW)};
static const struct keyword_row rows_g[] = {KEYWORDS_G(KEYWORD_ROW)};
static const struct keyword_row rows_h[] = {KEYWORDS_H(KEYWORD_ROW)};
static const struct keyword_row rows_i[] = {KEYWORDS_I(KEYWORD_ROW)};
static const struct keyword_row rows_j[] = {KEYWORDS_J(KEYWORD_ROW)};
static const struct keyword_row rows_k[] = {KEYWORDS_K(KEYWORD_ROW)};
static const struct keyword_row rows_l[] = {KEYWORDS_L(KEYWORD_ROW)};
static const struct keyword_row rows_m[] = {KEYWORDS_M(KEYWORD_ROW)};
static const struct keyword_row rows_n[] = {KEYWORDS_N(KEYWORD_ROW)};
static const struct keyword_row rows_o[] = {KEYWORDS_O(KEYWORD_ROW)};
static const struct keyword_row rows_p[] = {KEYWORDS_P(KEYWORD_ROW)};
static const struct keyword_row rows_q[] = {KEYWORDS_Q(KEYWORD_ROW)};
static const struct keyword_row rows_r[] = {KEYWORDS_R(KEYWORD_ROW)};
static const struct keyword_row rows_s[] = {KEYWORDS_S(KEYWORD_ROW)};
static const struct keyword_row rows_t[] = {KEYWORDS_T(KEYWORD_ROW)};
static const struct keyword_row rows_u[] = {KEYWORDS_U(KEYWORD_ROW)};
static const struct keyword_row rows_v[] = {KEYWORDS_V(KEYWORD_ROW)};
static const struct keyword_row rows_w[] = {KEYWORDS_W(KEYWORD_ROW)};
static const struct keyword_row rows_x[] = {KEYWORDS_X(KEYWORD_ROW)};
static const struct keyword_row rows_y[] = {KEYWORDS_Y(KEYWORD_ROW)};
static const struct keyword_row rows_z[] = {KEYWORDS_Z(KEYWORD_ROW)};

#define KEYWORD_LETTER(rows) {(rows), sizeof(rows) / sizeof((rows)[0])}
static const struct {
    const struct keyword_row *rows;
    size_t count;
} letters[26] = {
    KEYWORD_LETTER(rows_a), KEYWORD_LETTER(rows_b), KEYWORD_LETTER(rows_c), KEYWORD_LETTER(rows_d),
    KEYWORD_LETTER(rows_e), KEYWORD_LETTER(rows_f), KEYWORD_LETTER(rows_g), KEYWORD_LETTER(rows_h),
    KEYWORD_LETTER(rows_i), KEYWORD_LETTER(rows_j), KEYWORD_LETTER(rows_k), KEYWORD_LETTER(rows_l),
    KEYWORD_LETTER(rows_m), KEYWORD_LETTER(rows_n), KEYWORD_LETTER(rows_o), KEYWORD_LETTER(rows_p),
    KEYWORD_LETTER(rows_q), KEYWORD_LETTER(rows_r), KEYWORD_LETTER(rows_s), KEYWORD_LETTER(rows_t),
    KEYWORD_LETTER(rows_u), KEYWORD_LETTER(rows_v), KEYWORD_LETTER(rows_w), KEYWORD_LETTER(rows_x),
    KEYWORD_LETTER(rows_y), KEYWORD_LETTER(rows_z),
};

// By keyword, for what is asked of a known one.
#define KEYWORD_BY_ID(word, reserved) [KW_##word] = {#word, sizeof #word - 1, (reserved), KW_##word},
static const struct keyword_row by_keyword[KEYWORD_COUNT] = {
    [KW_NONE] = {"", 0, 0, KW_NONE},
    KEYWORDS_A(KEYWORD_BY_ID) KEYWORDS_B(KEYWORD_BY_ID) KEYWORDS_C(KEYWORD_BY_ID)
    KEYWORDS_D(KEYWORD_BY_ID) KEYWORDS_E(KEYWORD_BY_ID) KEYWORDS_F(KEYWORD_BY_ID)
    KEYWORDS_G(KEYWORD_BY_ID) KEYWORDS_H(KEYWORD_BY_ID) KEYWORDS_I(KEYWORD_BY_ID)
    KEYWORDS_J(KEYWORD_BY_ID) KEYWORDS_K(KEYWORD_BY_ID) KEYWORDS_L(KEYWORD_BY_ID)
    KEYWORDS_M(KEYWORD_BY_ID) KEYWORDS_N(KEYWORD_BY_ID) KEYWORDS_O(KEYWORD_BY_ID)
    KEYWORDS_P(KEYWORD_BY_ID) KEYWORDS_Q(KEYWORD_BY_ID) KEYWORDS_R(KEYWORD_BY_ID)
    KEYWORDS_S(KEYWORD_BY_ID) KEYWORDS_T(KEYWORD_BY_ID) KEYWORDS_U(KEYWORD_BY_ID)
    KEYWORDS_V(KEYWORD_BY_ID) KEYWORDS_W(KEYWORD_BY_ID) KEYWORDS_X(KEYWORD_BY_ID)
    KEYWORDS_Y(KEYWORD_BY_ID) KEYWORDS_Z(KEYWORD_BY_ID)
};
// clang-format on

static bool is_same_word(const uint8_t *word, const char *text, size_t len)
{
    for (size_t i = 1; i < len; i++) { // the first letter chose the rows
        uint8_t byte = word[i];
        if (byte >= 'a' && byte <= 'z') {
            byte = (uint8_t)(byte - 32);
        }
        if (byte != (uint8_t)text[i]) {
            return false;
        }
    }
    return true;
}

enum keyword keyword_find(const uint8_t *word, size_t len)
{
    unsigned letter = len == 0 ? 26 : (word[0] | 32u) - 'a';
    if (letter >= 26 || (word[0] & 0xC0) != 0x40) {
        return KW_NONE;
    }
    const struct keyword_row *row = letters[letter].rows;
    const struct keyword_row *end = row + letters[letter].count;
    while (row < end && row->len < len) {
        row++;
    }
    for (; row < end && row->len == len; row++) {
        if (is_same_word(word, row->text, len)) {
            return (enum keyword)row->keyword;
        }
    }
    return KW_NONE;
}

const char *keyword_text(enum keyword keyword)
{
    return by_keyword[keyword].text;
}

unsigned keyword_reserved_by(enum keyword keyword)
{
    return by_keyword[keyword].reserved;
}
