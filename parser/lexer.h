#pragma once
// SQL text -> tokens, one at a time. A token is a kind and a span of the text: nothing is copied.

#include "base/arena.h"
#include "parser/keyword.h"
#include "parser/parse.h"

enum token_kind {
    TOKEN_END,
    TOKEN_BAD,  // what no server would read: an open quote, a stray byte
    TOKEN_NAME, // without quotes; `keyword` says which word of the grammar it may be
    TOKEN_QUOTED_NAME,
    TOKEN_INTEGER,
    TOKEN_DECIMAL,
    TOKEN_FLOAT,
    TOKEN_STRING,
    TOKEN_NATIONAL, // N'..'
    TOKEN_HEX,      // x'..', 0x..
    TOKEN_BITS,     // b'..', 0b..
    TOKEN_NULL,     // \N
    TOKEN_PARAM,
    TOKEN_USER_VARIABLE, // @x, @'x', @`x`: with all of it; also the host of user@host
    TOKEN_AT_AT,         // @@: the name is the next token
    TOKEN_LPAREN,
    TOKEN_RPAREN,
    TOKEN_LBRACE,
    TOKEN_RBRACE,
    TOKEN_COMMA,
    TOKEN_SEMICOLON,
    TOKEN_DOT,
    TOKEN_COLON,
    TOKEN_ASSIGN, // :=
    TOKEN_EQUAL,
    TOKEN_NULL_SAFE_EQUAL,
    TOKEN_NOT_EQUAL,
    TOKEN_LESS,
    TOKEN_LESS_EQUAL,
    TOKEN_GREATER,
    TOKEN_GREATER_EQUAL,
    TOKEN_SHIFT_LEFT,
    TOKEN_SHIFT_RIGHT,
    TOKEN_PLUS,
    TOKEN_MINUS,
    TOKEN_STAR,
    TOKEN_SLASH,
    TOKEN_PERCENT,
    TOKEN_CARET,
    TOKEN_TILDE,
    TOKEN_BANG,
    TOKEN_AMPERSAND,
    TOKEN_BAR,
    TOKEN_AND_AND,
    TOKEN_BAR_BAR,
    TOKEN_ARROW,      // ->
    TOKEN_ARROW_TEXT, // ->>
};

struct token {
    enum token_kind kind;
    enum keyword keyword; // of TOKEN_NAME; KW_NONE for other words and where only a name can stand
    struct span span;
};

struct lexer {
    const uint8_t *text; // borrowed
    uint32_t size;
    uint32_t at;
    uint32_t sql_mode;
    uint32_t server_version;
    bool is_mariadb;
    bool is_in_executable; // inside an executable comment, whose end is still to come
    bool has_executable;   // one was seen
    bool is_name_next; // a dot was read and a name stands right behind it: no keyword, may begin
                       // with a digit
    uint32_t name_end; // where the last unquoted name ended
    const struct charset *wide; // NULL when no byte of a character below 0x80 can mislead
    struct span hint;           // the text of the first waybill comment; empty when none
};

// `options` may be NULL: MariaDB 10.11, utf8mb4, no sql_mode.
void lexer_init(struct lexer *lexer, struct slice text, const struct parse_options *options);
void lexer_next(struct lexer *lexer, struct token *token);
// Bytes of the character at `at` (>= 1, within the text).
uint32_t lexer_step(const struct charset *wide, const uint8_t *at, const uint8_t *end);
