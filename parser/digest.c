// The digest: the tokens of the statement with one blank between them, values as ?, lists of values
// as one.
//
//     select a from t where id in (1, 2,3) /* x */   ->   SELECT a FROM t WHERE id IN ( ?+ )
//     insert into t values (1, 'a'), (2, 'b')        ->   INSERT INTO t VALUES ( ?+ )
//
// Lists shrink while they are written: a value behind `? ,` becomes `?+`, and a group in
// parentheses that is the same as the one before it (`( ?+ ) , ( ?+ )`) is taken back. So a
// statement of a million rows has a short digest, found in one pass and without a tree.

#include "parser/digest.h"

#include "base/hash.h"
#include "parser/literal.h"

enum {
    GROUPS_MAX = 64, // deeper parentheses are not looked at
    FIRST_BYTES = 256,
};

struct digest {
    struct arena *arena;
    uint8_t *bytes; // in the arena
    size_t len;
    size_t capacity;
    size_t group_begin[GROUPS_MAX]; // where the open groups began
    size_t last_begin[GROUPS_MAX];  // the closed group before the present place, for each depth
    size_t last_end[GROUPS_MAX];    // 0: none
    bool is_list[GROUPS_MAX];       // the group is one of a list of rows
    size_t depth;
    enum token_kind before; // the token before; TOKEN_PARAM for every value
    enum keyword word_before;
    bool is_operand_before;
    bool is_sign_before; // a + or - that belongs to the number behind it
};

static void add(struct digest *digest, struct slice text, bool is_upper)
{
    if (digest->len + text.len + 1 > digest->capacity) {
        size_t capacity = (digest->len + text.len + 1) * 2 + 128;
        uint8_t *grown = arena_alloc(digest->arena, capacity);
        if (digest->len > 0) {
            memcpy(grown, digest->bytes, digest->len);
        }
        digest->bytes = grown;
        digest->capacity = capacity;
    }
    if (digest->len > 0) {
        digest->bytes[digest->len++] = ' ';
    }
    uint8_t *at = digest->bytes + digest->len;
    for (size_t i = 0; i < text.len; i++) {
        bool is_lower = text.ptr[i] >= 'a' && text.ptr[i] <= 'z';
        at[i] = is_upper && is_lower ? (uint8_t)(text.ptr[i] - 32) : text.ptr[i];
    }
    digest->len += text.len;
}

static bool ends_with(const struct digest *digest, const char *text)
{
    size_t len = strlen(text);
    return digest->len >= len && memcmp(digest->bytes + digest->len - len, text, len) == 0;
}

static void add_value(struct digest *digest)
{
    if (digest->is_sign_before) { // with its blank, unless the digest begins with it
        digest->len -= digest->len > 1 ? 2 : 1;
    }
    if (ends_with(digest, " ? ,") || ends_with(digest, " ?+ ,")) {
        digest->len -= ends_with(digest, " ? ,") ? 4 : 5;
        add(digest, slice_of_string("?+"), false);
    } else {
        bool is_row = ends_with(digest, " (") && digest->depth > 0 && digest->depth <= GROUPS_MAX &&
                      digest->is_list[digest->depth - 1];
        bool is_list = is_row || ends_with(digest, " IN (");
        add(digest, slice_of_string(is_list ? "?+" : "?"), false);
    }
}

static void open_group(struct digest *digest)
{
    if (digest->depth < GROUPS_MAX) {
        size_t last_end = digest->last_end[digest->depth];
        bool is_next = last_end != 0 && digest->is_list[digest->depth] &&
                       last_end + 2 == digest->len && ends_with(digest, ",");
        digest->is_list[digest->depth] = is_next || ends_with(digest, " VALUES") ||
                                         ends_with(digest, " VALUE") || ends_with(digest, " IN (");
    }
    add(digest, slice_of_string("("), false);
    if (digest->depth < GROUPS_MAX) {
        digest->group_begin[digest->depth] = digest->len - 1;
    }
    digest->depth++;
    if (digest->depth < GROUPS_MAX) {
        digest->last_end[digest->depth] = 0;
    }
}

// `( a ) , ( a )` becomes `( a )`.
static void close_group(struct digest *digest)
{
    add(digest, slice_of_string(")"), false);
    if (digest->depth == 0 || --digest->depth >= GROUPS_MAX) {
        return;
    }
    size_t depth = digest->depth;
    size_t begin = digest->group_begin[depth];
    size_t last_begin = digest->last_begin[depth];
    size_t last_end = digest->last_end[depth];
    size_t len = digest->len - begin;
    bool is_same = digest->is_list[depth] && last_end != 0 && last_end + 3 == begin &&
                   digest->bytes[last_end + 1] == ',' && last_end - last_begin == len &&
                   memcmp(digest->bytes + last_begin, digest->bytes + begin, len) == 0;
    if (is_same) {
        digest->len = last_end;
        return;
    }
    digest->last_begin[depth] = begin;
    digest->last_end[depth] = digest->len;
}

static void add_word(struct digest *digest, struct slice text, enum keyword keyword)
{
    bool is_value =
        (keyword == KW_NULL && digest->word_before != KW_IS && digest->word_before != KW_NOT) ||
        keyword == KW_TRUE || keyword == KW_FALSE;
    if (is_value && digest->word_before != KW_IS) {
        add_value(digest);
    } else {
        bool is_first = digest->len == 0; // BEGIN, COMMIT: words that no server reserves
        bool is_word = keyword != KW_NONE && (is_first || keyword_reserved_by(keyword) != 0);
        add(digest, text, is_word || keyword == KW_VALUE);
    }
}

// What a minus behind it subtracts from.
static bool is_operand(const struct token *token)
{
    switch ((unsigned)token->kind) {
    case TOKEN_NAME:
        return keyword_reserved_by(token->keyword) != RESERVED || token->keyword == KW_NULL ||
               token->keyword == KW_TRUE || token->keyword == KW_FALSE;
    case TOKEN_LPAREN:
    case TOKEN_COMMA:
        return false;
    case TOKEN_RPAREN:
    case TOKEN_QUOTED_NAME:
    case TOKEN_USER_VARIABLE:
        return true;
    default:
        return token->kind >= TOKEN_INTEGER && token->kind <= TOKEN_PARAM;
    }
}

static void add_token(struct digest *digest, const struct token *token, struct slice text)
{
    switch ((unsigned)token->kind) {
    case TOKEN_INTEGER:
    case TOKEN_DECIMAL:
    case TOKEN_FLOAT:
    case TOKEN_STRING:
    case TOKEN_NATIONAL:
    case TOKEN_HEX:
    case TOKEN_BITS:
    case TOKEN_NULL:
    case TOKEN_PARAM:
        if (token->kind == TOKEN_STRING && digest->before == TOKEN_STRING) {
            break; // the strings are one value
        }
        add_value(digest);
        break;
    case TOKEN_NAME:
        add_word(digest, text, token->keyword);
        break;
    case TOKEN_LPAREN:
        open_group(digest);
        break;
    case TOKEN_RPAREN:
        close_group(digest);
        break;
    default:
        add(digest, text, false);
        break;
    }
    bool is_sign = token->kind == TOKEN_MINUS || token->kind == TOKEN_PLUS;
    digest->is_sign_before = is_sign && !digest->is_operand_before;
    digest->is_operand_before = is_operand(token);
    digest->before = token->kind;
    digest->word_before = token->keyword;
}

uint64_t digest_statement(struct arena *arena, struct slice sql,
                          const struct parse_options *options, struct slice *text)
{
    struct digest digest = {
        .arena = arena, .bytes = arena_alloc(arena, FIRST_BYTES), .capacity = FIRST_BYTES};
    struct lexer lexer;
    struct token token;
    sql.len = sql.len < UINT32_MAX ? sql.len : UINT32_MAX - 1;
    lexer_init(&lexer, sql, options);
    do {
        lexer_next(&lexer, &token);
        bool is_last = token.kind == TOKEN_END || (token.kind == TOKEN_BAD && lexer.at == sql.len);
        if (!is_last) {
            add_token(&digest, &token, slice_part(sql, token.span.begin, token.span.end));
        } else if (token.kind == TOKEN_BAD) { // an open string: what is in it stays out
            add(&digest, slice_of_string("!"), false);
            break;
        }
    } while (token.kind != TOKEN_END);
    while (digest.len >= 2 && ends_with(&digest, " ;")) {
        digest.len -= 2;
    }
    if (text != NULL) {
        *text = slice_of(digest.bytes, digest.len);
    }
    return hash_bytes(digest.bytes, digest.len);
}
