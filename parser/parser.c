// The token stream as the grammar sees it: one token to be read, one more when asked for, and a
// failure that ends everything. Parameters are counted here, in the order in which they are read,
// so that those in skipped parts count.

#include "parser/parse_impl.h"

void parser_advance(struct parser *parser)
{
    if (parser->has_failed) {
        return;
    }
    if (parser->token.kind == TOKEN_PARAM) {
        parser->statement->param_count++;
    }
    parser->token_end = parser->token.span.end;
    if (parser->has_ahead) {
        parser->token = parser->ahead;
        parser->has_ahead = false;
    } else {
        lexer_next(&parser->lexer, &parser->token);
    }
    if (parser->token.kind == TOKEN_BAD) {
        parser_fail(parser);
    }
}

const struct token *parser_ahead(struct parser *parser)
{
    if (parser->has_failed) {
        return &parser->token;
    }
    if (!parser->has_ahead) {
        lexer_next(&parser->lexer, &parser->ahead);
        parser->has_ahead = true;
    }
    return &parser->ahead;
}

void parser_fail(struct parser *parser)
{
    if (parser->has_failed) {
        return;
    }
    parser->has_failed = true;
    parser->token.kind = TOKEN_END;
    parser->token.keyword = KW_NONE;
}

bool parser_enter(struct parser *parser)
{
    parser->depth++;
    if (parser->depth > PARSE_DEPTH_MAX) {
        parser->is_too_deep = true;
        parser_fail(parser);
        return false;
    }
    return true;
}

void parser_leave(struct parser *parser)
{
    parser->depth--;
}

bool parser_at_words(struct parser *parser, enum keyword first, enum keyword second)
{
    return parser_at_word(parser, first) && parser_ahead(parser)->keyword == second;
}

bool parser_accept(struct parser *parser, enum token_kind kind)
{
    if (parser->token.kind != kind) {
        return false;
    }
    parser_advance(parser);
    return true;
}

bool parser_accept_word(struct parser *parser, enum keyword keyword)
{
    if (parser->token.keyword != keyword) {
        return false;
    }
    parser_advance(parser);
    return true;
}

bool parser_accept_words(struct parser *parser, enum keyword first, enum keyword second)
{
    if (!parser_at_words(parser, first, second)) {
        return false;
    }
    parser_advance(parser);
    parser_advance(parser);
    return true;
}

void parser_expect(struct parser *parser, enum token_kind kind)
{
    if (!parser_accept(parser, kind)) {
        parser_fail(parser);
    }
}

void parser_expect_word(struct parser *parser, enum keyword keyword)
{
    if (!parser_accept_word(parser, keyword)) {
        parser_fail(parser);
    }
}

bool parser_is_name(const struct parser *parser, const struct token *token)
{
    if (token->kind == TOKEN_NAME) {
        return token->keyword == KW_NONE ||
               (keyword_reserved_by(token->keyword) & parser->reserved_mask) == 0;
    }
    return token->kind == TOKEN_QUOTED_NAME;
}

bool parser_at_name(const struct parser *parser)
{
    return parser_is_name(parser, &parser->token);
}

struct slice parser_text(const struct parser *parser, struct span span)
{
    return slice_part(parser->statement->text, span.begin, span.end);
}

struct slice parser_name(struct parser *parser)
{
    if (!parser_at_name(parser)) {
        parser_fail(parser);
        return (struct slice){0};
    }
    struct slice text = parser_text(parser, parser->token.span);
    parser_advance(parser);
    return literal_name(parser->arena, text, parser->rules.wide);
}

struct slice parser_string(struct parser *parser)
{
    if (!parser_at(parser, TOKEN_STRING)) {
        parser_fail(parser);
        return (struct slice){0};
    }
    struct slice text = parser_text(parser, parser->token.span);
    parser_advance(parser);
    return literal_string(parser->arena, text, parser->rules);
}

struct slice parser_user_variable(struct parser *parser)
{
    struct slice text = parser_text(parser, parser->token.span);
    struct slice name = slice_part(text, 1, text.len);
    bool is_quoted =
        name.len > 0 && (name.ptr[0] == '\'' || name.ptr[0] == '"' || name.ptr[0] == '`');
    parser_advance(parser);
    return is_quoted ? literal_string(parser->arena, name, parser->rules) : name;
}

struct slice parser_name_or_text(struct parser *parser)
{
    return parser_at(parser, TOKEN_STRING) ? parser_string(parser) : parser_name(parser);
}

struct span parser_span_from(const struct parser *parser, uint32_t begin)
{
    return (struct span){begin, parser->token_end > begin ? parser->token_end : begin};
}

void parser_add_fact(struct parser *parser, uint32_t facts)
{
    parser->statement->facts |= facts;
}

// What is skipped is not understood, but the functions that a read calls, the variables and the
// subqueries still count. Of other statements (a default in CREATE TABLE, the host of an account)
// neither means anything.
static void note_skipped(struct parser *parser)
{
    switch ((unsigned)parser->statement->kind) {
    case STATEMENT_DDL:
    case STATEMENT_ADMIN:
    case STATEMENT_SET:
    case STATEMENT_XA:
    case STATEMENT_KILL:
        return;
    default:
        break;
    }
    if (parser_at(parser, TOKEN_USER_VARIABLE)) {
        parser_add_fact(parser, FACT_READS_USER_VARIABLE);
    } else if (parser_at_word(parser, KW_SELECT)) {
        parser_add_fact(parser, FACT_SUBQUERY);
    } else if (parser_at(parser, TOKEN_NAME) && parser_ahead(parser)->kind == TOKEN_LPAREN) {
        struct function_facts known = function_facts(parser_text(parser, parser->token.span));
        if (known.kind != FUNCTION_UNKNOWN) {
            parser_add_fact(parser, known.facts);
        }
    }
}

void parser_skip_parens(struct parser *parser)
{
    uint32_t open = 0;
    do {
        note_skipped(parser);
        if (parser_at(parser, TOKEN_LPAREN)) {
            open++;
        } else if (parser_at(parser, TOKEN_RPAREN)) {
            open--;
        } else if (parser_at(parser, TOKEN_END) || parser_at(parser, TOKEN_SEMICOLON)) {
            parser_fail(parser);
            return;
        }
        parser_advance(parser);
    } while (open > 0);
}

void parser_skip_token(struct parser *parser)
{
    if (parser_at(parser, TOKEN_LPAREN)) {
        parser_skip_parens(parser);
    } else {
        note_skipped(parser);
        parser_advance(parser);
    }
}

void parser_skip_rest(struct parser *parser)
{
    while (!parser_at(parser, TOKEN_END) && !parser_at(parser, TOKEN_SEMICOLON)) {
        note_skipped(parser);
        parser_advance(parser);
    }
}

void parser_begin(struct parser *parser, enum statement_kind kind, uint32_t facts)
{
    parser->statement->kind = kind;
    parser_add_fact(parser, facts);
    parser_advance(parser);
}
