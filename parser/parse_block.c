// The body of a routine, a trigger or an event, and MariaDB's compound statements outside of any:
// one statement, but a compound one has semicolons inside. To know where the whole ends, its blocks
// are counted; nothing in them is understood.
//
// What opens a block: BEGIN, CASE, and at the beginning of a statement IF, LOOP, WHILE, REPEAT,
// FOR. END closes one. In an expression CASE .. THEN IF(..) END the IF is a function, so the words
// behind THEN are a statement's beginning only when the innermost CASE is a statement itself.

#include "parser/parse_impl.h"

enum { BLOCK_DEPTH_MAX = 128 };

struct block_scan {
    bool is_expression[BLOCK_DEPTH_MAX]; // a CASE in an expression
    uint32_t depth;
    bool is_start;       // the token stands where a statement may begin
    bool is_behind_type; // RETURNS and the words of a type: the body begins somewhere here
};

static void open_block(struct parser *parser, struct block_scan *scan, bool is_expression)
{
    if (scan->depth == BLOCK_DEPTH_MAX) {
        parser->is_too_deep = true;
        parser_fail(parser);
        return;
    }
    scan->is_expression[scan->depth++] = is_expression;
    scan->is_behind_type = false;
}

// At END: with the word that may follow it (END IF, END CASE ...).
static void close_block(struct parser *parser, struct block_scan *scan)
{
    if (scan->depth > 0) {
        scan->depth--;
    }
    switch ((unsigned)parser_ahead(parser)->keyword) {
    case KW_IF:
    case KW_CASE:
    case KW_LOOP:
    case KW_WHILE:
    case KW_REPEAT:
    case KW_FOR:
        parser_advance(parser);
        break;
    default:
        break;
    }
}

static bool is_in_expression(const struct block_scan *scan)
{
    return scan->depth > 0 && scan->is_expression[scan->depth - 1];
}

static void scan_word(struct parser *parser, struct block_scan *scan)
{
    bool was_start = scan->is_start || scan->is_behind_type;
    scan->is_start = false;
    switch ((unsigned)parser->token.keyword) {
    case KW_BEGIN:
        open_block(parser, scan, false);
        scan->is_start = true;
        break;
    case KW_CASE:
        open_block(parser, scan, !was_start);
        break;
    case KW_IF:
    case KW_WHILE:
    case KW_FOR:
        if (was_start) {
            open_block(parser, scan, false);
        }
        break;
    case KW_LOOP:
    case KW_REPEAT:
        if (was_start) {
            open_block(parser, scan, false);
            scan->is_start = true;
        }
        break;
    case KW_END:
        close_block(parser, scan);
        break;
    case KW_THEN:
    case KW_ELSE:
        scan->is_start = !is_in_expression(scan);
        break;
    case KW_DO:
    case KW_ATOMIC:
    case KW_EACH: // FOR EACH ROW
    case KW_DETERMINISTIC:
    case KW_SQL:
    case KW_DATA:
    case KW_DEFINER:
    case KW_INVOKER:
        scan->is_start = true;
        break;
    case KW_ROW:
        scan->is_start = was_start;
        break;
    case KW_RETURNS:
        scan->is_behind_type = scan->depth == 0;
        break;
    case KW_RETURN:
        scan->is_behind_type = false;
        break;
    default:
        break;
    }
}

static void scan_blocks(struct parser *parser, struct block_scan *scan)
{
    while (!parser_at(parser, TOKEN_END)) {
        if (parser_at(parser, TOKEN_SEMICOLON) && scan->depth == 0) {
            return;
        }
        if (parser_at(parser, TOKEN_NAME)) {
            scan_word(parser, scan);
        } else {
            bool is_end_of_head = scan->depth == 0 && (parser_at(parser, TOKEN_RPAREN) ||
                                                       parser_at(parser, TOKEN_STRING));
            scan->is_start = is_end_of_head || parser_at(parser, TOKEN_SEMICOLON) ||
                             parser_at(parser, TOKEN_COLON);
        }
        parser_advance(parser);
    }
}

void parse_routine_body(struct parser *parser)
{
    struct block_scan scan = {.depth = 0};
    scan_blocks(parser, &scan);
}

void parse_compound(struct parser *parser)
{
    struct block_scan scan = {.is_start = true};
    scan_blocks(parser, &scan);
    parser->is_compound = true;
    parser_fail(parser); // who knows what it does
}
