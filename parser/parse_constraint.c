// What a definition of a table demands of its rows beyond one row: UNIQUE, PRIMARY KEY, FOREIGN
// KEY, AUTO_INCREMENT, of columns and by themselves. Each of these may not hold where the rows are
// on several servers. All else is skipped.

#include "parser/parse_impl.h"

static bool at_element_end(const struct parser *parser)
{
    return parser_at(parser, TOKEN_COMMA) || parser_at(parser, TOKEN_RPAREN) ||
           parser_at(parser, TOKEN_SEMICOLON) || parser_at(parser, TOKEN_END);
}

static void skip_element(struct parser *parser)
{
    while (!at_element_end(parser)) {
        parser_skip_token(parser);
    }
}

static struct constraint_def *add_constraint(struct parser *parser, struct ddl_part *ddl,
                                             enum constraint_kind kind)
{
    struct constraint_def *constraint = arena_alloc(parser->arena, sizeof *constraint);
    constraint->kind = kind;
    *(ddl->last_constraint != NULL ? &ddl->last_constraint->next : &ddl->constraints) = constraint;
    ddl->last_constraint = constraint;
    return constraint;
}

static struct key_part *new_part(struct parser *parser, struct slice name)
{
    struct key_part *part = arena_alloc(parser->arena, sizeof *part);
    part->name = name;
    return part;
}

// (a, b(10) DESC, (c + 1)); at the parenthesis, else there are none.
static struct key_part *read_parts(struct parser *parser)
{
    struct key_part *parts = NULL;
    struct key_part **last = &parts;
    if (!parser_accept(parser, TOKEN_LPAREN)) {
        return NULL;
    }
    do {
        bool is_column = parser_at_name(parser);
        *last = new_part(parser, is_column ? parser_name(parser) : slice_of(NULL, 0));
        (*last)->is_whole = is_column && !parser_at(parser, TOKEN_LPAREN);
        last = &(*last)->next;
        skip_element(parser);
    } while (parser_accept(parser, TOKEN_COMMA));
    parser_expect(parser, TOKEN_RPAREN);
    return parts;
}

// Behind REFERENCES.
static void read_references(struct parser *parser, struct constraint_def *constraint)
{
    constraint->references = parse_table_name(parser);
    constraint->referenced = read_parts(parser);
}

static void add_of_column(struct parser *parser, struct ddl_part *ddl, enum constraint_kind kind,
                          struct slice column)
{
    struct constraint_def *constraint = add_constraint(parser, ddl, kind);
    constraint->parts = new_part(parser, column);
    constraint->parts->is_whole = true;
    if (kind == CONSTRAINT_FOREIGN) {
        read_references(parser, constraint);
    }
}

// DEFAULT's value. Sequences in it are noted: they are on one server.
static void read_default(struct parser *parser)
{
    int depth = 0;
    do {
        bool is_function = slice_is_nocase(parser_text(parser, parser->token.span), "NEXTVAL") &&
                           parser_ahead(parser)->kind == TOKEN_LPAREN;
        bool is_value =
            parser_at_word(parser, KW_NEXT) && parser_ahead(parser)->keyword == KW_VALUE;
        if (parser->lexer.is_mariadb && (is_function || is_value)) {
            (void)parse_primary(parser);
            continue;
        }
        depth += parser_at(parser, TOKEN_LPAREN);
        depth -= parser_at(parser, TOKEN_RPAREN);
        parser_advance(parser);
    } while (depth > 0 && !parser_at(parser, TOKEN_END));
}

void parse_column_constraints(struct parser *parser, struct ddl_part *ddl, struct slice column)
{
    if (parser_at_word(parser, KW_SERIAL)) { // the type
        add_of_column(parser, ddl, CONSTRAINT_COUNTER, column);
        add_of_column(parser, ddl, CONSTRAINT_UNIQUE, column);
    }
    while (!at_element_end(parser)) {
        if (parser_accept_word(parser, KW_UNIQUE)) {
            (void)parser_accept_word(parser, KW_KEY);
            add_of_column(parser, ddl, CONSTRAINT_UNIQUE, column);
        } else if (parser_accept_word(parser, KW_PRIMARY) || parser_at_word(parser, KW_KEY)) {
            (void)parser_accept_word(parser, KW_KEY);
            add_of_column(parser, ddl, CONSTRAINT_PRIMARY, column);
        } else if (parser_accept_word(parser, KW_AUTO_INCREMENT)) {
            add_of_column(parser, ddl, CONSTRAINT_COUNTER, column);
        } else if (parser->lexer.is_mariadb && parser_accept_word(parser, KW_REFERENCES)) {
            add_of_column(parser, ddl, CONSTRAINT_FOREIGN, column); // (MySQL reads over it)
        } else if (parser_accept_word(parser, KW_DEFAULT)) {
            read_default(parser);
        } else if (parser_accept_word(parser, KW_AFTER)) {
            (void)parser_name(parser); // it may be such a word
        } else {
            parser_skip_token(parser);
        }
    }
}

void parse_table_constraint(struct parser *parser, struct ddl_part *ddl)
{
    enum constraint_kind kind = CONSTRAINT_FOREIGN;
    if (parser_accept_word(parser, KW_CONSTRAINT) && parser_at_name(parser)) {
        (void)parser_name(parser);
    }
    if (parser_accept_word(parser, KW_UNIQUE)) {
        kind = CONSTRAINT_UNIQUE;
    } else if (parser_accept_word(parser, KW_PRIMARY)) {
        kind = CONSTRAINT_PRIMARY;
    } else if (!parser_accept_word(parser, KW_FOREIGN)) {
        skip_element(parser);
        return;
    }
    while (!parser_at(parser, TOKEN_LPAREN) && !at_element_end(parser)) {
        parser_advance(parser); // KEY, IF NOT EXISTS, a name, USING BTREE
    }
    struct constraint_def *constraint = add_constraint(parser, ddl, kind);
    constraint->parts = read_parts(parser);
    if (kind == CONSTRAINT_FOREIGN && parser_accept_word(parser, KW_REFERENCES)) {
        read_references(parser, constraint);
    }
    skip_element(parser);
}

void parse_index_constraint(struct parser *parser, struct ddl_part *ddl)
{
    if (ddl->is_unique) {
        while (!parser_at(parser, TOKEN_LPAREN) && !at_element_end(parser)) {
            parser_advance(parser); // USING BTREE
        }
        add_constraint(parser, ddl, CONSTRAINT_UNIQUE)->parts = read_parts(parser);
    }
}

// A column, or a constraint. What can't be read here is the server's to judge.
static void read_added(struct parser *parser, struct ddl_part *ddl)
{
    if (!parser_at_name(parser)) {
        parse_table_constraint(parser, ddl);
        return;
    }
    struct slice column = parser_name(parser);
    parse_column_constraints(parser, ddl, column);
}

static void skip_exists(struct parser *parser)
{
    if (parser_accept_word(parser, KW_IF)) {
        (void)parser_accept_word(parser, KW_NOT);
        (void)parser_accept_word(parser, KW_EXISTS);
    }
}

// ALTER [COLUMN] a SET DEFAULT ...
static void read_new_default(struct parser *parser)
{
    (void)parser_accept_word(parser, KW_COLUMN);
    skip_exists(parser);
    if (parser_at_name(parser)) {
        (void)parser_name(parser);
    }
    if (parser_accept_word(parser, KW_SET) && parser_accept_word(parser, KW_DEFAULT)) {
        read_default(parser);
    }
}

bool parse_alteration(struct parser *parser, struct ddl_part *ddl)
{
    if (parser_accept_word(parser, KW_ALTER)) {
        read_new_default(parser);
        return true;
    }
    bool is_change = parser_at_word(parser, KW_CHANGE);
    if (!is_change && !parser_at_word(parser, KW_ADD) && !parser_at_word(parser, KW_MODIFY)) {
        return false;
    }
    parser_advance(parser);
    (void)parser_accept_word(parser, KW_COLUMN);
    skip_exists(parser);
    if (is_change && parser_at_name(parser)) {
        (void)parser_name(parser); // the one before
    }
    if (!parser_accept(parser, TOKEN_LPAREN)) {
        read_added(parser, ddl);
        return true;
    }
    do {
        read_added(parser, ddl);
    } while (parser_accept(parser, TOKEN_COMMA));
    parser_expect(parser, TOKEN_RPAREN);
    return true;
}
