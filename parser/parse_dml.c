// INSERT, REPLACE, UPDATE, DELETE. The rows of a long INSERT are where parsing time goes: a row
// gets its array of values in the size that the row before it had.

#include "parser/parse_impl.h"

// ---- SET a = b, c = d

static struct assignment *read_assignment(struct parser *parser)
{
    struct assignment *assignment = arena_alloc(parser->arena, sizeof *assignment);
    assignment->column = parse_column(parser);
    if (assignment->column->kind != EXPR_COLUMN) {
        parser_fail(parser);
    }
    if (!parser_accept(parser, TOKEN_ASSIGN)) {
        parser_expect(parser, TOKEN_EQUAL);
    }
    assignment->value = parse_expr(parser);
    return assignment;
}

struct assignment *parse_assignments(struct parser *parser)
{
    struct assignment *first = NULL;
    struct assignment **last = &first;
    do {
        *last = read_assignment(parser);
        last = &(*last)->next;
    } while (parser_accept(parser, TOKEN_COMMA));
    return first;
}

// ---- INSERT

static void read_insert_options(struct parser *parser, struct insert_part *insert)
{
    for (;;) {
        if (parser_accept_word(parser, KW_IGNORE)) {
            insert->is_ignore = true;
        } else if (parser_accept_word(parser, KW_LOW_PRIORITY) ||
                   parser_accept_word(parser, KW_DELAYED)) {
            insert->is_delayed_or_low = true;
        } else if (!parser_accept_word(parser, KW_HIGH_PRIORITY)) {
            break;
        }
    }
    (void)parser_accept_word(parser, KW_INTO);
}

static void add_column(struct parser *parser, struct insert_part *insert, uint32_t *capacity)
{
    if (insert->column_count == *capacity) {
        *capacity = *capacity == 0 ? 8 : *capacity * 2;
        struct slice *names = arena_alloc(parser->arena, *capacity * sizeof *names);
        struct span *spans = arena_alloc(parser->arena, *capacity * sizeof *spans);
        if (insert->column_count > 0) {
            memcpy(names, insert->columns, insert->column_count * sizeof *names);
            memcpy(spans, insert->column_spans, insert->column_count * sizeof *spans);
        }
        insert->columns = names;
        insert->column_spans = spans;
    }
    struct expr *column = parse_column(parser);
    if (column->kind != EXPR_COLUMN) {
        parser_fail(parser);
    }
    insert->columns[insert->column_count] = column->name;
    insert->column_spans[insert->column_count] = column->span;
    insert->column_count++;
}

// (a, b, c), or () which is no list at all.
static void read_columns(struct parser *parser, struct insert_part *insert)
{
    uint32_t begin = parser->token.span.begin;
    uint32_t capacity = 0;
    parser_expect(parser, TOKEN_LPAREN);
    if (!parser_at(parser, TOKEN_RPAREN)) {
        do {
            add_column(parser, insert, &capacity);
        } while (parser_accept(parser, TOKEN_COMMA));
    }
    parser_expect(parser, TOKEN_RPAREN);
    insert->columns_span = parser_span_from(parser, begin);
}

// `guess`: how many values the row before had.
static struct value_row *read_row(struct parser *parser, uint32_t guess)
{
    struct value_row *row = arena_alloc(parser->arena, sizeof *row);
    uint32_t begin = parser->token.span.begin;
    struct expr_list list = {0};
    (void)parser_accept_word(parser, KW_ROW);
    parser_expect(parser, TOKEN_LPAREN);
    if (guess > 0) {
        list.items = arena_alloc(parser->arena, guess * sizeof(struct expr *));
        list.capacity = guess;
    }
    if (!parser_at(parser, TOKEN_RPAREN)) {
        parse_expr_list(parser, &list);
    }
    parser_expect(parser, TOKEN_RPAREN);
    row->values = list.items;
    row->value_count = list.count;
    row->span = parser_span_from(parser, begin);
    parser->node_count++;
    return row;
}

static void read_rows(struct parser *parser, struct insert_part *insert)
{
    struct value_row **last = &insert->rows;
    uint32_t guess = insert->column_count;
    parser_advance(parser);
    do {
        *last = read_row(parser, guess);
        guess = (*last)->value_count;
        last = &(*last)->next;
        insert->row_count++;
    } while (parser_accept(parser, TOKEN_COMMA));
}

// INSERT ... SET a = 1, b = 2 as one row; its span is the whole list.
static void read_set_form(struct parser *parser, struct insert_part *insert)
{
    struct value_row *row = arena_alloc(parser->arena, sizeof *row);
    struct expr_list list = {0};
    uint32_t capacity = 0;
    insert->is_set_form = true;
    parser_advance(parser);
    uint32_t begin = parser->token.span.begin;
    do {
        add_column(parser, insert, &capacity);
        if (!parser_accept(parser, TOKEN_ASSIGN)) {
            parser_expect(parser, TOKEN_EQUAL);
        }
        expr_list_add(parser, &list, parse_expr(parser));
    } while (parser_accept(parser, TOKEN_COMMA));
    row->values = list.items;
    row->value_count = list.count;
    row->span = parser_span_from(parser, begin);
    insert->rows = row;
    insert->row_count = 1;
}

// VALUES (..) AS new(a, b) of MySQL 8.
static void read_row_alias(struct parser *parser)
{
    if (parser_accept_word(parser, KW_AS)) {
        (void)parser_name(parser);
        if (parser_at(parser, TOKEN_LPAREN)) {
            parse_skip_name_list(parser);
        }
    }
}

static void read_source(struct parser *parser, struct insert_part *insert)
{
    insert->values_at = parser->token.span.begin;
    switch ((unsigned)parser->token.keyword) {
    case KW_VALUES:
    case KW_VALUE:
        read_rows(parser, insert);
        read_row_alias(parser);
        break;
    case KW_SET:
        read_set_form(parser, insert);
        read_row_alias(parser);
        break;
    default: // SELECT, WITH, ( ...
        insert->select = parse_query(parser);
        break;
    }
}

static void read_on_duplicate(struct parser *parser, struct insert_part *insert)
{
    if (!parser_accept_words(parser, KW_ON, KW_DUPLICATE)) {
        return;
    }
    parser_expect_word(parser, KW_KEY);
    parser_expect_word(parser, KW_UPDATE);
    parser->is_in_on_duplicate = true;
    insert->on_duplicate = parse_assignments(parser);
    parser->is_in_on_duplicate = false;
}

static bool read_returning(struct parser *parser)
{
    uint32_t count = 0;
    if (!parser_accept_word(parser, KW_RETURNING)) {
        return false;
    }
    (void)parse_select_items(parser, &count);
    return true;
}

void parse_insert(struct parser *parser)
{
    struct statement *statement = parser->statement;
    struct insert_part *insert = arena_alloc(parser->arena, sizeof *insert);
    bool is_replace = parser_at_word(parser, KW_REPLACE);
    statement->kind = is_replace ? STATEMENT_REPLACE : STATEMENT_INSERT;
    statement->insert = insert;
    parser_add_fact(parser, FACT_WRITES);
    parser_advance(parser);
    read_insert_options(parser, insert);
    statement->tables = parse_table_name(parser);
    if (parser_at_word(parser, KW_PARTITION)) {
        parser_advance(parser);
        parse_skip_name_list(parser);
    }
    if (parser_at(parser, TOKEN_LPAREN)) {
        const struct token *inside = parser_ahead(parser);
        if (inside->kind != TOKEN_LPAREN && !parser_at_query(parser, inside)) {
            read_columns(parser, insert);
        }
    }
    read_source(parser, insert);
    if (!is_replace) {
        read_on_duplicate(parser, insert);
    }
    insert->has_returning = read_returning(parser);
}

// ---- UPDATE

static struct expr *read_where(struct parser *parser)
{
    return parser_accept_word(parser, KW_WHERE) ? parse_expr(parser) : NULL;
}

static void read_order_and_limit(struct parser *parser, struct change_part *change)
{
    uint32_t begin = parser->token.span.begin;
    if (parser_accept_words(parser, KW_ORDER, KW_BY)) {
        change->order_by = parse_order_items(parser);
        change->order_by_span = parser_span_from(parser, begin);
    }
    if (parser_accept_word(parser, KW_LIMIT)) {
        change->limit = parse_primary(parser);
        if (parser_accept_words(parser, KW_ROWS, KW_EXAMINED)) {
            (void)parse_primary(parser);
            change->has_odd_part = true;
        }
    }
}

static bool is_single_table(const struct table_ref *tables)
{
    return tables != NULL && tables->next == NULL && tables->derived == NULL &&
           !tables->is_function;
}

void parse_update(struct parser *parser)
{
    struct statement *statement = parser->statement;
    struct change_part *change = arena_alloc(parser->arena, sizeof *change);
    statement->kind = STATEMENT_UPDATE;
    statement->change = change;
    parser_add_fact(parser, FACT_WRITES);
    parser_advance(parser);
    (void)parser_accept_word(parser, KW_LOW_PRIORITY);
    change->is_ignore = parser_accept_word(parser, KW_IGNORE);
    uint32_t begin = parser->token.span.begin;
    statement->tables = parse_table_refs(parser);
    change->tables_span = parser_span_from(parser, begin);
    change->is_multi_table = !is_single_table(statement->tables);
    parser_expect_word(parser, KW_SET);
    change->set = parse_assignments(parser);
    change->where = read_where(parser);
    read_order_and_limit(parser, change);
    change->has_returning = read_returning(parser);
}

// ---- DELETE

// One of t1, s.t2, t3.*: what a DELETE deletes from.
static struct table_ref *read_target(struct parser *parser)
{
    struct table_ref *ref = arena_alloc(parser->arena, sizeof *ref);
    uint32_t begin = parser->token.span.begin;
    ref->name = parser_name(parser);
    ref->name_span = parser_span_from(parser, begin);
    for (int dots = 0; dots < 2 && parser_accept(parser, TOKEN_DOT); dots++) {
        if (parser_accept(parser, TOKEN_STAR)) {
            break;
        }
        if (ref->schema.len > 0) {
            parser_fail(parser);
        }
        ref->schema = ref->name;
        ref->name = parser_name(parser);
        ref->name_span = parser_span_from(parser, begin);
    }
    return ref;
}

static struct table_ref *read_targets(struct parser *parser)
{
    struct table_ref *first = NULL;
    struct table_ref **last = &first;
    do {
        *last = read_target(parser);
        last = &(*last)->next;
    } while (parser_accept(parser, TOKEN_COMMA));
    return first;
}

static void read_delete_options(struct parser *parser, struct change_part *change)
{
    for (;;) {
        if (parser_accept_word(parser, KW_IGNORE)) {
            change->is_ignore = true;
            continue;
        }
        bool is_option = parser_at_word(parser, KW_LOW_PRIORITY) ||
                         parser_at_word(parser, KW_QUICK) || parser_at_word(parser, KW_HISTORY);
        if (!is_option) {
            return;
        }
        parser_advance(parser);
    }
}

// DELETE FROM t ...; DELETE FROM a, b USING a JOIN b ...: behind FROM.
static void read_delete_from(struct parser *parser, struct change_part *change)
{
    uint32_t begin = parser->token.span.begin;
    struct table_ref *targets = read_targets(parser);
    if (parser_accept_word(parser, KW_USING)) {
        change->targets = targets;
        change->is_multi_table = true;
        parser->statement->tables = parse_table_refs(parser);
        return;
    }
    if (targets->next != NULL) {
        parser_fail(parser);
    }
    parse_table_suffix(parser, targets);
    parser->statement->tables = targets;
    change->tables_span = parser_span_from(parser, begin);
}

void parse_delete(struct parser *parser)
{
    struct statement *statement = parser->statement;
    struct change_part *change = arena_alloc(parser->arena, sizeof *change);
    statement->kind = STATEMENT_DELETE;
    statement->change = change;
    parser_add_fact(parser, FACT_WRITES);
    parser_advance(parser);
    read_delete_options(parser, change);
    if (parser_accept_word(parser, KW_FROM)) {
        read_delete_from(parser, change);
    } else {
        change->targets = read_targets(parser);
        change->is_multi_table = true;
        parser_expect_word(parser, KW_FROM);
        statement->tables = parse_table_refs(parser);
    }
    if (parser_at_word(parser, KW_BEFORE)) { // BEFORE SYSTEM_TIME x
        change->has_odd_part = true;
        parser_advance(parser);
        parser_expect_word(parser, KW_SYSTEM_TIME);
        (void)parse_expr_level(parser, LEVEL_BIT_OR);
    }
    change->where = read_where(parser);
    read_order_and_limit(parser, change);
    change->has_returning = read_returning(parser);
}
