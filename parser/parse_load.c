// LOAD DATA and LOAD XML.
//
//     LOAD DATA [LOW_PRIORITY | CONCURRENT] [LOCAL] INFILE 'x' [REPLACE | IGNORE] INTO TABLE t
//         [PARTITION (p, ..)] [CHARACTER SET cs]
//         [FIELDS [TERMINATED BY 's'] [[OPTIONALLY] ENCLOSED BY 'c'] [ESCAPED BY 'c']]
//         [LINES [STARTING BY 's'] [TERMINATED BY 's']]
//         [IGNORE n LINES] [(column | @variable, ..)] [SET column = expression, ..]
//
// The parts of FIELDS and LINES may come in any order, and several times: the last one counts
// (sql_yacc.yy of MariaDB 10.11, tried).

#include "parser/parse_impl.h"

// A string, x'..', 0x.. or b'..'.
static struct slice read_bytes(struct parser *parser)
{
    struct slice text = parser_text(parser, parser->token.span);
    if (parser_at(parser, TOKEN_HEX)) {
        parser_advance(parser);
        return literal_hex(parser->arena, text);
    }
    if (parser_at(parser, TOKEN_BITS)) {
        parser_advance(parser);
        return literal_bits(parser->arena, text);
    }
    return parser_string(parser);
}

static struct slice read_by(struct parser *parser)
{
    parser_advance(parser); // TERMINATED and the like
    parser_expect_word(parser, KW_BY);
    return read_bytes(parser);
}

static void read_field_rules(struct parser *parser, struct load_part *load)
{
    if (!parser_accept_word(parser, KW_FIELDS) && !parser_accept_word(parser, KW_COLUMNS)) {
        return;
    }
    uint32_t count = 0;
    for (;; count++) {
        if (parser_at_word(parser, KW_TERMINATED)) {
            load->field_end = read_by(parser);
        } else if (parser_at_word(parser, KW_ENCLOSED)) {
            load->enclosed = read_by(parser);
        } else if (parser_at_words(parser, KW_OPTIONALLY, KW_ENCLOSED)) {
            parser_advance(parser);
            load->enclosed = read_by(parser);
        } else if (parser_at_word(parser, KW_ESCAPED)) {
            load->escaped = read_by(parser);
            load->is_escaped_given = true;
        } else {
            break;
        }
    }
    if (count == 0) {
        parser_fail(parser);
    }
}

static void read_line_rules(struct parser *parser, struct load_part *load)
{
    if (!parser_accept_word(parser, KW_LINES)) {
        return;
    }
    uint32_t count = 0;
    for (;; count++) {
        if (parser_at_word(parser, KW_TERMINATED)) {
            load->line_end = read_by(parser);
        } else if (parser_at_word(parser, KW_STARTING)) {
            load->line_start = read_by(parser);
        } else {
            break;
        }
    }
    if (count == 0) {
        parser_fail(parser);
    }
}

static void read_skipped_lines(struct parser *parser, struct load_part *load)
{
    uint32_t begin = parser->token.span.begin;
    if (!parser_accept_word(parser, KW_IGNORE)) {
        return;
    }
    struct slice digits = parser_text(parser, parser->token.span);
    parser_expect(parser, TOKEN_INTEGER);
    if (!slice_to_uint64(digits, &load->skipped_lines)) {
        parser_fail(parser);
    }
    if (!parser_accept_word(parser, KW_LINES)) {
        parser_expect_word(parser, KW_ROWS);
    }
    load->skipped_span = parser_span_from(parser, begin);
}

static void read_column(struct parser *parser, struct load_column *column)
{
    if (parser_at(parser, TOKEN_USER_VARIABLE)) {
        column->is_variable = true;
        column->name = parser_text(parser, parser->token.span);
        parser_add_fact(parser, FACT_SETS_USER_VARIABLE);
        parser_advance(parser);
        return;
    }
    do {
        column->name = parser_name(parser);
    } while (parser_accept(parser, TOKEN_DOT));
}

static void read_columns(struct parser *parser, struct load_part *load)
{
    uint32_t capacity = 0;
    uint32_t begin = parser->token.span.begin;
    load->columns_span = (struct span){parser->token_end, parser->token_end};
    if (!parser_accept(parser, TOKEN_LPAREN)) {
        return;
    }
    if (parser_accept(parser, TOKEN_RPAREN)) {
        load->columns_span = parser_span_from(parser, begin);
        return;
    }
    do {
        if (load->column_count == capacity) {
            capacity = capacity == 0 ? 16 : 2 * capacity;
            struct load_column *more = arena_alloc(parser->arena, capacity * sizeof *more);
            if (load->column_count > 0) {
                memcpy(more, load->columns, load->column_count * sizeof *more);
            }
            load->columns = more;
        }
        read_column(parser, &load->columns[load->column_count++]);
    } while (parser_accept(parser, TOKEN_COMMA));
    parser_expect(parser, TOKEN_RPAREN);
    load->columns_span = parser_span_from(parser, begin);
}

static void read_charset(struct parser *parser, struct load_part *load)
{
    if (parser_accept_words(parser, KW_CHARACTER, KW_SET) ||
        parser_accept_word(parser, KW_CHARSET)) {
        if (parser_at_word(parser, KW_BINARY)) { // a reserved word
            load->charset = slice_of_string("binary");
            parser_advance(parser);
        } else {
            load->charset = parser_name_or_text(parser);
        }
    }
}

static void read_data_rules(struct parser *parser, struct load_part *load)
{
    if (parser_at_word(parser, KW_PARTITION)) {
        parser_advance(parser);
        parse_skip_name_list(parser);
    }
    read_charset(parser, load);
    read_field_rules(parser, load);
    read_line_rules(parser, load);
    read_skipped_lines(parser, load);
    read_columns(parser, load);
    if (parser_accept_word(parser, KW_SET)) {
        load->set = parse_assignments(parser);
    }
}

void parse_load(struct parser *parser)
{
    bool is_xml = parser_ahead(parser)->keyword == KW_XML;
    if (!is_xml && parser_ahead(parser)->keyword != KW_DATA) { // LOAD INDEX INTO CACHE ...
        parse_admin(parser);
        return;
    }
    struct load_part *load = arena_alloc(parser->arena, sizeof *load);
    parser_begin(parser, STATEMENT_LOAD, FACT_WRITES);
    parser->statement->load = load;
    load->is_xml = is_xml;
    load->field_end = slice_of_string("\t");
    load->line_end = slice_of_string("\n");
    load->escaped = slice_of_string("\\");
    parser_advance(parser);
    if (!parser_accept_word(parser, KW_LOW_PRIORITY)) {
        (void)parser_accept_word(parser, KW_CONCURRENT);
    }
    load->is_local = parser_accept_word(parser, KW_LOCAL);
    parser_expect_word(parser, KW_INFILE);
    load->file = parser_string(parser);
    load->is_replace = parser_accept_word(parser, KW_REPLACE);
    if (!load->is_replace) {
        (void)parser_accept_word(parser, KW_IGNORE);
    }
    parser_expect_word(parser, KW_INTO);
    parser_expect_word(parser, KW_TABLE);
    parser->statement->tables = parse_table_name(parser);
    if (!is_xml) {
        read_data_rules(parser, load);
        return;
    }
    parser_skip_rest(parser);
    if ((parser->statement->facts & FACT_READS_USER_VARIABLE) != 0) { // (@a, b) SET c = @a
        parser_add_fact(parser, FACT_SETS_USER_VARIABLE);
    }
}
