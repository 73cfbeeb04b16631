// The lexer reads as the servers' own does (sql/sql_lex.cc of MariaDB and MySQL), byte by byte,
// because a proxy that sees another string end than the server sees another statement.
//
// What is easily got wrong:
// - In gbk, sjis, big5 and the like the second byte of a character can be a backslash or a quote:
// characters are
//   stepped over whole.
// - A name right behind a dot is never a keyword and may begin with a digit (`t.1a`, `x.select`); a
// name right before
//   a dot is no keyword either (`select.a`).
// - A comment that begins with /*! (or /*M!) is SQL when the server is at least that version; then
// only its end is
//   skipped, wherever it comes.

#include "parser/lexer.h"

enum byte_class { OTHER, SPACE, LETTER, DIGIT }; // LETTER: what a name begins with

// clang-format off
#define O4 OTHER, OTHER, OTHER, OTHER
#define L4 LETTER, LETTER, LETTER, LETTER
#define L16 L4, L4, L4, L4
#define L128 L16, L16, L16, L16, L16, L16, L16, L16
static const uint8_t classes[256] = {
    OTHER, O4, O4, SPACE, SPACE, SPACE, SPACE, SPACE, OTHER, OTHER,
    O4, O4, O4, O4,
    SPACE, OTHER, OTHER, OTHER, LETTER /* $ */, OTHER, OTHER, OTHER, O4, O4,
    DIGIT, DIGIT, DIGIT, DIGIT, DIGIT, DIGIT, DIGIT, DIGIT, DIGIT, DIGIT, OTHER, OTHER, O4,
    OTHER, LETTER, LETTER, LETTER, L4, L4, L4,
    L4, L4, LETTER, LETTER, LETTER, OTHER, OTHER, OTHER, OTHER, LETTER /* _ */,
    OTHER, LETTER, LETTER, LETTER, L4, L4, L4,
    L4, L4, LETTER, LETTER, LETTER, OTHER, O4,
    L128,
};
// clang-format on

static bool is_digit(uint8_t byte)
{
    return classes[byte] == DIGIT;
}

static bool is_name_byte(uint8_t byte)
{
    return classes[byte] >= LETTER;
}

static bool is_hex_digit(uint8_t byte)
{
    return is_digit(byte) || ((byte | 32) >= 'a' && (byte | 32) <= 'f');
}

void lexer_init(struct lexer *lexer, struct slice text, const struct parse_options *options)
{
    static const struct parse_options usual = {.is_mariadb = true, .server_version = 101100};
    options = options == NULL ? &usual : options;
    *lexer = (struct lexer){
        .text = text.ptr,
        .size = (uint32_t)text.len,
        .sql_mode = options->sql_mode,
        .server_version = options->server_version,
        .is_mariadb = options->is_mariadb,
    };
    if (options->charset != NULL && !options->charset->is_ascii_safe) {
        lexer->wide = options->charset;
    }
}

uint32_t lexer_step(const struct charset *wide, const uint8_t *at, const uint8_t *end)
{
    if (wide == NULL || *at < 0x80) {
        return 1;
    }
    size_t len = wide->char_length(at, end);
    size_t left = (size_t)(end - at);
    return (uint32_t)(len == 0 ? 1 : len > left ? left : len);
}

// The byte `ahead` of the reading place; 0 behind the end, as the servers have it.
static uint8_t peek(const struct lexer *lexer, uint32_t ahead)
{
    return lexer->size - lexer->at > ahead ? lexer->text[lexer->at + ahead] : 0;
}

static uint32_t step(const struct lexer *lexer)
{
    return lexer_step(lexer->wide, lexer->text + lexer->at, lexer->text + lexer->size);
}

// ---- blanks and comments

static void skip_line(struct lexer *lexer)
{
    const uint8_t *from = lexer->text + lexer->at;
    const uint8_t *newline = memchr(from, '\n', lexer->size - lexer->at);
    lexer->at = newline == NULL ? lexer->size : (uint32_t)(newline - lexer->text) + 1;
}

// Behind the end of a comment whose beginning has been read. A comment of another version may hold
// one more.
static bool skip_comment(struct lexer *lexer, unsigned nested_max)
{
    unsigned depth = 1;
    while (lexer->at < lexer->size) {
        uint8_t byte = lexer->text[lexer->at];
        if (byte == '*' && peek(lexer, 1) == '/') {
            lexer->at += 2;
            depth--;
            if (depth == 0) {
                return true;
            }
        } else if (byte == '/' && peek(lexer, 1) == '*' && depth <= nested_max) {
            lexer->at += 2;
            depth++;
        } else {
            lexer->at++;
        }
    }
    return false;
}

static void note_hint(struct lexer *lexer, uint32_t begin, uint32_t end)
{
    static const char prefix[] = "waybill:";
    while (begin < end && classes[lexer->text[begin]] == SPACE) {
        begin++;
    }
    while (end > begin && classes[lexer->text[end - 1]] == SPACE) {
        end--;
    }
    size_t prefix_len = sizeof prefix - 1;
    struct slice text = slice_part(slice_of(lexer->text, lexer->size), begin, end);
    if (lexer->hint.end != 0 || text.len < prefix_len ||
        !slice_is_nocase(slice_part(text, 0, prefix_len), prefix)) {
        return;
    }
    begin += (uint32_t)prefix_len;
    while (begin < end && classes[lexer->text[begin]] == SPACE) {
        begin++;
    }
    lexer->hint = (struct span){begin, end};
}

// The version digits at the reading place, or 0; *len says how many.
static uint32_t read_version(const struct lexer *lexer, uint32_t *len)
{
    uint32_t version = 0;
    uint32_t count = 0;
    while (count < 6 && is_digit(peek(lexer, count))) {
        version = version * 10 + (uint32_t)(peek(lexer, count) - '0');
        count++;
    }
    bool has_six = lexer->is_mariadb || lexer->server_version >= 80000;
    if (count == 6 && !has_six) {
        version /= 10;
        count = 5;
    }
    *len = count >= 5 ? count : 0;
    return count >= 5 ? version : 0;
}

// At the slash of a comment. True when reading goes on behind it (or inside it, when it is
// executable).
static bool enter_comment(struct lexer *lexer)
{
    uint32_t begin = lexer->at;
    bool is_marked = peek(lexer, 2) == '!';
    bool is_mariadb_mark = peek(lexer, 2) == 'M' && peek(lexer, 3) == '!' && lexer->is_mariadb;
    if (!is_marked && !is_mariadb_mark) {
        lexer->at += 2;
        bool is_closed = skip_comment(lexer, 0);
        if (is_closed) {
            note_hint(lexer, begin + 2, lexer->at - 2);
        }
        return is_closed;
    }
    lexer->at += is_marked ? 3 : 4;
    uint32_t len;
    uint32_t version = read_version(lexer, &len);
    // MariaDB takes MySQL's comments only up to the version that it branched from.
    bool is_foreign = lexer->is_mariadb && is_marked && version >= 50700 && version <= 99999;
    if (len > 0 && (version > lexer->server_version || is_foreign)) {
        return skip_comment(lexer, 1);
    }
    lexer->at += len;
    lexer->is_in_executable = true;
    lexer->has_executable = true;
    return true;
}

static bool is_dash_comment(const struct lexer *lexer)
{
    uint8_t after = peek(lexer, 2);
    return peek(lexer, 1) == '-' && (after <= 0x20 || after == 0x7F);
}

// To the first byte of a token, or to the end. False: a comment has no end.
static bool skip_blanks(struct lexer *lexer)
{
    while (lexer->at < lexer->size) {
        uint8_t byte = lexer->text[lexer->at];
        if (classes[byte] == SPACE) {
            lexer->at++;
        } else if (byte == '#' || (byte == '-' && is_dash_comment(lexer))) {
            skip_line(lexer);
        } else if (byte == '/' && peek(lexer, 1) == '*') {
            if (!enter_comment(lexer)) {
                return false;
            }
        } else if (byte == '*' && lexer->is_in_executable && peek(lexer, 1) == '/') {
            lexer->at += 2;
            lexer->is_in_executable = false;
        } else {
            return true;
        }
    }
    return !lexer->is_in_executable;
}

// ---- names and strings

static void read_name(struct lexer *lexer, struct token *token)
{
    uint32_t begin = lexer->at;
    bool is_word = !lexer->is_name_next;
    lexer->is_name_next = false;
    while (lexer->at < lexer->size && is_name_byte(lexer->text[lexer->at])) {
        lexer->at += step(lexer);
    }
    token->kind = TOKEN_NAME;
    lexer->name_end = lexer->at;
    if (is_word && !(peek(lexer, 0) == '.' && is_name_byte(peek(lexer, 1)))) {
        token->keyword = keyword_find(lexer->text + begin, lexer->at - begin);
    }
}

// From the opening quote to behind the closing one.
static bool skip_quoted(struct lexer *lexer, bool has_escapes)
{
    uint8_t quote = lexer->text[lexer->at];
    lexer->at++;
    while (lexer->at < lexer->size) {
        uint8_t byte = lexer->text[lexer->at];
        if (byte >= 0x80) {
            lexer->at += step(lexer);
        } else if (byte == quote) {
            lexer->at++;
            if (peek(lexer, 0) != quote) {
                return true;
            }
            lexer->at++;
        } else if (byte == '\\' && has_escapes && lexer->size - lexer->at >= 2) {
            lexer->at += 2; // one byte, even if a wide character seems to begin with it
        } else {
            lexer->at++;
        }
    }
    return false;
}

static enum token_kind read_string(struct lexer *lexer, enum token_kind kind)
{
    bool has_escapes = (lexer->sql_mode & SQL_NO_BACKSLASH_ESCAPES) == 0;
    return skip_quoted(lexer, has_escapes) ? kind : TOKEN_BAD;
}

static enum token_kind read_quoted_name(struct lexer *lexer)
{
    uint32_t begin = lexer->at;
    if (!skip_quoted(lexer, false) || // an empty one may be an alias
        memchr(lexer->text + begin, 0, lexer->at - begin) != NULL) {
        return TOKEN_BAD;
    }
    return TOKEN_QUOTED_NAME;
}

static enum token_kind read_double_quoted(struct lexer *lexer)
{
    return (lexer->sql_mode & SQL_ANSI_QUOTES) != 0 ? read_quoted_name(lexer)
                                                    : read_string(lexer, TOKEN_STRING);
}

// At the letter of x'..' or b'..'.
static enum token_kind read_quoted_digits(struct lexer *lexer, enum token_kind kind)
{
    lexer->at += 2;
    uint32_t begin = lexer->at;
    while (kind == TOKEN_HEX ? is_hex_digit(peek(lexer, 0)) : (peek(lexer, 0) | 1) == '1') {
        lexer->at++;
    }
    bool is_even = kind == TOKEN_BITS || (lexer->at - begin) % 2 == 0;
    if (peek(lexer, 0) != '\'' || !is_even) {
        return TOKEN_BAD;
    }
    lexer->at++;
    return kind;
}

// A letter that may begin x'..', b'..' or N'..'.
static bool read_prefixed(struct lexer *lexer, struct token *token)
{
    if (peek(lexer, 1) != '\'' || lexer->is_name_next) {
        return false;
    }
    switch (peek(lexer, 0) | 32) {
    case 'x':
        token->kind = read_quoted_digits(lexer, TOKEN_HEX);
        return true;
    case 'b':
        token->kind = read_quoted_digits(lexer, TOKEN_BITS);
        return true;
    case 'n':
        lexer->at++;
        token->kind = read_string(lexer, TOKEN_NATIONAL);
        return true;
    default:
        return false;
    }
}

// ---- numbers

// 0x.. and 0b.., unless name bytes follow: then it is a name that begins with a digit.
static bool read_prefixed_number(struct lexer *lexer, struct token *token)
{
    uint8_t letter = peek(lexer, 1);
    uint32_t len = 2;
    if (letter == 'x') {
        while (is_hex_digit(peek(lexer, len))) {
            len++;
        }
    } else if (letter == 'b') {
        while ((peek(lexer, len) | 1) == '1') {
            len++;
        }
    }
    if (len == 2 || is_name_byte(peek(lexer, len))) {
        return false;
    }
    lexer->at += len;
    token->kind = letter == 'x' ? TOKEN_HEX : TOKEN_BITS;
    return true;
}

static void skip_digits(struct lexer *lexer)
{
    while (is_digit(peek(lexer, 0))) {
        lexer->at++;
    }
}

// At an e: skips it with its digits, if they are there.
static bool skip_exponent(struct lexer *lexer)
{
    if ((peek(lexer, 0) | 32) != 'e') {
        return false;
    }
    bool has_sign = peek(lexer, 1) == '+' || peek(lexer, 1) == '-';
    if (!is_digit(peek(lexer, has_sign ? 2 : 1))) {
        return false;
    }
    lexer->at += has_sign ? 2 : 1;
    skip_digits(lexer);
    return true;
}

// Behind the dot of a number.
static enum token_kind read_fraction(struct lexer *lexer)
{
    skip_digits(lexer);
    if ((peek(lexer, 0) | 32) == 'e') {
        return skip_exponent(lexer) ? TOKEN_FLOAT : TOKEN_BAD;
    }
    return TOKEN_DECIMAL;
}

static void read_number(struct lexer *lexer, struct token *token)
{
    if (peek(lexer, 0) == '0' && read_prefixed_number(lexer, token)) {
        return;
    }
    uint32_t begin = lexer->at;
    skip_digits(lexer);
    if (skip_exponent(lexer)) {
        token->kind = TOKEN_FLOAT;
    } else if (is_name_byte(peek(lexer, 0))) {
        lexer->at = begin;
        read_name(lexer, token);
        token->keyword = KW_NONE;
    } else if (peek(lexer, 0) == '.') {
        lexer->at++;
        token->kind = read_fraction(lexer);
    } else {
        token->kind = TOKEN_INTEGER;
    }
}

// ---- the rest

static void read_at_sign(struct lexer *lexer, struct token *token)
{
    lexer->at++;
    uint8_t byte = peek(lexer, 0);
    if (byte == '@') {
        lexer->at++;
        lexer->is_name_next = is_name_byte(peek(lexer, 0));
        bool has_name = lexer->is_name_next || peek(lexer, 0) == '`';
        token->kind = has_name ? TOKEN_AT_AT : TOKEN_BAD;
    } else if (byte == '\'' || byte == '"' || byte == '`') {
        bool is_name = byte == '`' || (byte == '"' && (lexer->sql_mode & SQL_ANSI_QUOTES) != 0);
        enum token_kind kind = is_name ? read_quoted_name(lexer) : read_string(lexer, TOKEN_STRING);
        token->kind = kind == TOKEN_BAD ? TOKEN_BAD : TOKEN_USER_VARIABLE;
    } else {
        while (is_name_byte(peek(lexer, 0)) || peek(lexer, 0) == '.') {
            lexer->at += step(lexer);
        }
        bool is_empty = lexer->at == token->span.begin + 1;
        token->kind = is_empty ? TOKEN_BAD : TOKEN_USER_VARIABLE;
    }
}

static void read_dot(struct lexer *lexer, struct token *token)
{
    bool is_behind_name = lexer->name_end == lexer->at && lexer->at > 0;
    lexer->at++;
    uint8_t byte = peek(lexer, 0);
    if (is_digit(byte) && !is_behind_name) {
        token->kind = read_fraction(lexer);
        return;
    }
    token->kind = TOKEN_DOT;
    lexer->is_name_next = is_name_byte(byte);
}

struct operator_row {
    char text[4];
    uint8_t len;
    uint8_t kind;
};

// Longer ones before their beginnings.
// clang-format off
static const struct operator_row operators[] = {
    {"<=>", 3, TOKEN_NULL_SAFE_EQUAL}, {"->>", 3, TOKEN_ARROW_TEXT}, {"<=", 2, TOKEN_LESS_EQUAL},
    {"<>", 2, TOKEN_NOT_EQUAL}, {"<<", 2, TOKEN_SHIFT_LEFT}, {">=", 2, TOKEN_GREATER_EQUAL},
    {">>", 2, TOKEN_SHIFT_RIGHT}, {"!=", 2, TOKEN_NOT_EQUAL}, {":=", 2, TOKEN_ASSIGN},
    {"&&", 2, TOKEN_AND_AND}, {"||", 2, TOKEN_BAR_BAR}, {"->", 2, TOKEN_ARROW}, {"\\N", 2, TOKEN_NULL},
    {"<", 1, TOKEN_LESS}, {">", 1, TOKEN_GREATER}, {"!", 1, TOKEN_BANG}, {":", 1, TOKEN_COLON},
    {"&", 1, TOKEN_AMPERSAND}, {"|", 1, TOKEN_BAR}, {"-", 1, TOKEN_MINUS}, {"+", 1, TOKEN_PLUS},
    {"/", 1, TOKEN_SLASH}, {"%", 1, TOKEN_PERCENT}, {"^", 1, TOKEN_CARET}, {"~", 1, TOKEN_TILDE},
    {"{", 1, TOKEN_LBRACE}, {"}", 1, TOKEN_RBRACE},
};
// clang-format on

static enum token_kind read_operator(struct lexer *lexer)
{
    for (size_t i = 0; i < sizeof operators / sizeof operators[0]; i++) {
        const struct operator_row *row = &operators[i];
        if (lexer->size - lexer->at >= row->len &&
            memcmp(lexer->text + lexer->at, row->text, row->len) == 0) {
            lexer->at += row->len;
            return (enum token_kind)row->kind;
        }
    }
    lexer->at++;
    return TOKEN_BAD;
}

static enum token_kind read_sign(struct lexer *lexer, enum token_kind kind)
{
    lexer->at++;
    return kind;
}

static void read_punctuation(struct lexer *lexer, struct token *token)
{
    switch (lexer->text[lexer->at]) {
    case '(':
        token->kind = read_sign(lexer, TOKEN_LPAREN);
        break;
    case ')':
        token->kind = read_sign(lexer, TOKEN_RPAREN);
        break;
    case ',':
        token->kind = read_sign(lexer, TOKEN_COMMA);
        break;
    case '=':
        token->kind = read_sign(lexer, TOKEN_EQUAL);
        break;
    case '*':
        token->kind = read_sign(lexer, TOKEN_STAR);
        break;
    case ';':
        token->kind = read_sign(lexer, TOKEN_SEMICOLON);
        break;
    case '?':
        token->kind = read_sign(lexer, TOKEN_PARAM);
        break;
    case '.':
        read_dot(lexer, token);
        break;
    case '\'':
        token->kind = read_string(lexer, TOKEN_STRING);
        break;
    case '"':
        token->kind = read_double_quoted(lexer);
        break;
    case '`':
        token->kind = read_quoted_name(lexer);
        break;
    case '@':
        read_at_sign(lexer, token);
        break;
    default:
        token->kind = read_operator(lexer);
        break;
    }
}

void lexer_next(struct lexer *lexer, struct token *token)
{
    token->keyword = KW_NONE;
    bool is_closed = skip_blanks(lexer);
    token->span.begin = lexer->at;
    if (lexer->at >= lexer->size) {
        token->kind = is_closed ? TOKEN_END : TOKEN_BAD;
        token->span.end = lexer->at;
        return;
    }
    uint8_t class = classes[lexer->text[lexer->at]];
    if (class == LETTER || (class == DIGIT && lexer->is_name_next)) {
        if (!read_prefixed(lexer, token)) {
            read_name(lexer, token);
        }
    } else if (class == DIGIT) {
        read_number(lexer, token);
    } else {
        read_punctuation(lexer, token);
    }
    token->span.end = lexer->at;
}
