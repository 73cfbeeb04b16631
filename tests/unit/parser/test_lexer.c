// Tokens: where they begin and end, in every sql_mode, and in character sets whose second bytes
// look like quotes.

#include "parser/lexer.h"
#include "tests/unit/parser/parser_case.h"

struct token_case {
    const char *sql;
    const char *tokens; // a letter and the text of each
};

static char letter_of(const struct token *token)
{
    switch ((unsigned)token->kind) {
    case TOKEN_NAME:
        return token->keyword == KW_NONE ? 'n' : 'k';
    case TOKEN_QUOTED_NAME:
        return 'q';
    case TOKEN_INTEGER:
        return 'i';
    case TOKEN_DECIMAL:
        return 'd';
    case TOKEN_FLOAT:
        return 'f';
    case TOKEN_STRING:
        return 's';
    case TOKEN_NATIONAL:
        return 'N';
    case TOKEN_HEX:
        return 'x';
    case TOKEN_BITS:
        return 'b';
    case TOKEN_USER_VARIABLE:
        return 'v';
    case TOKEN_BAD:
        return '!';
    default:
        return 'o';
    }
}

static void check_tokens(struct slice sql, const char *expected,
                         const struct parse_options *options)
{
    struct lexer lexer;
    struct token token;
    struct text out;
    text_init(&out);
    lexer_init(&lexer, sql, options);
    for (lexer_next(&lexer, &token); token.kind != TOKEN_END; lexer_next(&lexer, &token)) {
        text_add_format(&out, "%s%c:", out.len > 0 ? " " : "", letter_of(&token));
        text_add_slice(&out, slice_part(sql, token.span.begin, token.span.end));
        if (token.kind == TOKEN_BAD) {
            break;
        }
    }
    text_add(&out, "", 1);
    assert_string_equal((const char *)out.ptr, expected);
    text_done(&out);
}

static void check_all(const struct token_case *cases, size_t count,
                      const struct parse_options *options)
{
    for (size_t i = 0; i < count; i++) {
        check_tokens(slice_of_string(cases[i].sql), cases[i].tokens, options);
    }
}

// clang-format off
static const struct token_case plain[] = {
    {"select a", "k:select n:a"},
    {"a.select . select", "n:a o:. n:select o:. k:select"},
    {"select.a", "n:select o:. n:a"},
    {"1 1.5 .5 1. 1e5 1.5e-3 1e 1a 0x1F 0x1G 0X1 0b01 0b2 00", "i:1 d:1.5 d:.5 d:1. f:1e5 f:1.5e-3 n:1e n:1a x:0x1F n:0x1G n:0X1 b:0b01 n:0b2 i:00"},
    {"1e1x t.1a `t`.1", "f:1e1 n:x n:t o:. n:1a q:`t` d:.1"},
    {"1.5e", "!:1.5"},
    {"x'41' X'' b'01' B'1' n'a' N'b'", "x:x'41' x:X'' b:b'01' b:B'1' N:n'a' N:N'b'"},
    {"x'4'", "!:x'4"},
    {"b'2'", "!:b'"},
    {"'a''b' 'a\\'b' \"a\"\"b\" ''", "s:'a''b' s:'a\\'b' s:\"a\"\"b\" s:''"},
    {"'abc", "!:'abc"},
    {"'abc\\", "!:'abc\\"},
    {"`a``b` `a b`", "q:`a``b` q:`a b`"},
    {"``", "q:``"},
    {"@a @a.b$c @'x y' @`z` @\"w\" u@h @@x @@global.y", "v:@a v:@a.b$c v:@'x y' v:@`z` v:@\"w\" n:u v:@h o:@@ n:x o:@@ n:global o:. n:y"},
    {"@", "!:@"},
    {"@@ x", "!:@@"},
    {"a<=>b<=c<>d!=e<<f>>g>=h:=i||j&&k->l->>m", "n:a o:<=> n:b o:<= n:c o:<> n:d o:!= n:e o:<< n:f o:>> n:g o:>= n:h o::= n:i o:|| n:j o:&& n:k o:-> n:l o:->> n:m"},
    {"a -- b\n c # d\n e /* f */ g --h", "n:a n:c n:e n:g o:- o:- n:h"},
    {"a --", "n:a"},
    {"a /* b", "n:a !:"},
    {"a /*!50000 b */ c /*!99999 d */ e /*!101119 f */ /*!101120 g */", "n:a n:b n:c n:e n:f"},
    {"/*!50700 a */ /*M!50700 b */ /*! c */ /*M! d */", "n:b n:c n:d"},
    {"a /*!50000 b", "n:a n:b !:"},
    {"a /*!50000 b /* c */ d */ e", "n:a n:b n:d n:e"},
    {"a /*!999999 b /* c */ d */ e", "n:a n:e"},
    {"a */ b", "n:a o:* o:/ n:b"},
    {"/*!500 a */", "i:500 n:a"},
    {"\\N \\n", "o:\\N !:\\"},
    {"a$b _c $d", "n:a$b n:_c n:$d"},
    {"caf\303\251 x", "n:caf\303\251 n:x"},
};

static const struct token_case ansi_quotes[] = {
    {"\"a\"\"b\" 'c' \"d\\\"", "q:\"a\"\"b\" s:'c' q:\"d\\\""},
};

static const struct token_case no_escapes[] = {
    {"'a\\' b", "s:'a\\' n:b"},
};

static const struct token_case mysql56[] = {
    {"/*!50650 a */ /*!50700 b */ /*M! c */ /*!506500 d */", "n:a i:0 n:d"},
};
// clang-format on

static void reads_tokens(void **state)
{
    (void)state;
    struct parse_options options = mariadb;
    check_all(plain, COUNT_OF(plain), &options);
    options.sql_mode = SQL_ANSI_QUOTES;
    check_all(ansi_quotes, COUNT_OF(ansi_quotes), &options);
    options.sql_mode = SQL_NO_BACKSLASH_ESCAPES;
    check_all(no_escapes, COUNT_OF(no_escapes), &options);
    options = (struct parse_options){.server_version = 50651};
    check_all(mysql56, COUNT_OF(mysql56), &options);
}

static size_t two_bytes(const uint8_t *at, const uint8_t *end)
{
    return *at >= 0x81 && end - at >= 2 ? 2 : 1;
}

static const struct charset wide = {.name = "gbk", .max_bytes = 2, .char_length = two_bytes};

// The second byte of a character is a backslash, a quote, a backtick.
static void steps_over_wide_characters(void **state)
{
    (void)state;
    struct parse_options options = {.is_mariadb = true, .server_version = 101119, .charset = &wide};
    check_tokens(slice_of_string("'\x81\\' x"), "s:'\x81\\' n:x", &options);
    check_tokens(slice_of_string("'\x81'' x"), "s:'\x81'' n:x", &options);
    check_tokens(slice_of_string("`\x81`` x"), "q:`\x81`` n:x", &options);
    check_tokens(slice_of_string("a\x81\\b x"), "n:a\x81\\b n:x", &options);
    // A backslash takes one byte, even if a wide character seems to begin with it.
    check_tokens(slice_of_string("'\\\x81' x"), "s:'\\\x81' n:x", &options);
    check_tokens(slice_of_string("'\\\x81\x81\\' x"), "s:'\\\x81\x81\\' n:x", &options);
    options.charset = NULL;
    check_tokens(slice_of_string("'\x81\\' x"), "!:'\x81\\' x", &options);
}

static void keeps_zero_bytes(void **state)
{
    (void)state;
    check_tokens(slice_of("'a\0b' c", 7), "s:'a", &mariadb);
    check_tokens(slice_of("a \0 b", 5), "n:a !:", &mariadb);
    check_tokens(slice_of("`a\0b`", 5), "!:`a", &mariadb);
}

// What keyword_find relies on: every word is found, in any case, and none that is longer or
// shorter.
static void finds_keywords(void **state)
{
    (void)state;
    for (enum keyword keyword = KW_NONE + 1; keyword < KEYWORD_COUNT; keyword++) {
        const char *text = keyword_text(keyword);
        char lower[64] = {0};
        for (size_t i = 0; text[i] != 0; i++) {
            lower[i] = (char)(text[i] >= 'A' && text[i] <= 'Z' ? text[i] + 32 : text[i]);
        }
        assert_int_equal(keyword_find((const uint8_t *)text, strlen(text)), keyword);
        assert_int_equal(keyword_find((const uint8_t *)lower, strlen(text)), keyword);
        lower[strlen(text)] = 'q';
        assert_int_equal(keyword_find((const uint8_t *)lower, strlen(text) + 1), KW_NONE);
    }
    assert_int_equal(keyword_find((const uint8_t *)"", 0), KW_NONE);
    assert_int_equal(keyword_find((const uint8_t *)"@ND", 3), KW_NONE);
    assert_int_equal(keyword_find((const uint8_t *)"{f", 2), KW_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_tokens),
        cmocka_unit_test(steps_over_wide_characters),
        cmocka_unit_test(keeps_zero_bytes),
        cmocka_unit_test(finds_keywords),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
