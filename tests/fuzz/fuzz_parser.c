// The parser: any bytes give a tree whose spans lie inside the text and inside each other, and the
// same tree again when they are read again. The first byte chooses sql_mode, character set and
// server (a blank: none, utf8mb4, MariaDB).

#include <stdlib.h>

#include "parser/digest.h"
#include "parser/splice.h"
#include "tests/support/tree_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void require(bool is_true)
{
    if (!is_true) {
        abort();
    }
}

static void check_span(struct span span, struct span outer)
{
    require(span.begin <= span.end && span.begin >= outer.begin && span.end <= outer.end);
}

static void check_query(const struct query *query, struct span outer);

static void check_expr(const struct expr *expr, struct span outer)
{
    if (expr == NULL) {
        return;
    }
    check_span(expr->span, outer);
    require(expr->height >= 1 && expr->height <= EXPR_HEIGHT_MAX);
    for (uint32_t i = 0; i < expr->child_count; i++) {
        require(expr->children[i]->height < expr->height);
        check_expr(expr->children[i], expr->span);
    }
    if (expr->query != NULL) {
        check_query(expr->query, expr->span);
    }
}

static void check_order(const struct order_item *item, struct span outer)
{
    for (; item != NULL; item = item->next) {
        check_expr(item->expr, outer);
    }
}

static void check_tables(const struct table_ref *ref, struct span outer)
{
    for (; ref != NULL; ref = ref->next) {
        check_span(ref->name_span, (struct span){0, outer.end});
        check_expr(ref->on, outer);
        if (ref->derived != NULL) {
            check_query(ref->derived, outer);
        }
    }
}

static void check_query(const struct query *query, struct span outer)
{
    check_span(query->whole_span, outer);
    for (const struct query *cte = query->ctes; cte != NULL; cte = cte->next_cte) {
        check_query(cte, outer);
    }
    for (const struct query *arm = query; arm != NULL; arm = arm->next) {
        check_span(arm->span, query->whole_span);
        check_span(arm->items_span, (struct span){0, outer.end});
        check_span(arm->where_span, (struct span){0, outer.end});
        check_span(arm->order_by_span, (struct span){0, outer.end});
        check_span(arm->limit_span, (struct span){0, outer.end});
        for (const struct select_item *item = arm->items; item != NULL; item = item->next) {
            check_span(item->span, outer);
            check_expr(item->expr, item->span);
        }
        check_tables(arm->tables, outer);
        check_expr(arm->where, outer);
        check_order(arm->group_by, outer);
        check_expr(arm->having, outer);
        check_order(arm->order_by, outer);
        check_expr(arm->limit, outer);
        check_expr(arm->offset, outer);
        if (arm->nested != NULL) {
            check_query(arm->nested, arm->span);
        }
    }
}

static void check_assignments(const struct assignment *assignment, struct span all)
{
    for (; assignment != NULL; assignment = assignment->next) {
        check_expr(assignment->column, all);
        check_expr(assignment->value, all);
    }
}

static void check_insert(const struct insert_part *insert, struct span all)
{
    check_span(insert->columns_span, all);
    require(insert->values_at <= all.end);
    uint32_t rows = 0;
    for (const struct value_row *row = insert->rows; row != NULL; row = row->next, rows++) {
        check_span(row->span, all);
        for (uint32_t i = 0; i < row->value_count; i++) {
            check_expr(row->values[i], row->span);
        }
    }
    require(rows == insert->row_count);
    for (uint32_t i = 0; i < insert->column_count; i++) {
        check_span(insert->column_spans[i], all);
    }
    if (insert->select != NULL) {
        check_query(insert->select, all);
    }
    check_assignments(insert->on_duplicate, all);
}

static void check_statement(const struct statement *statement, struct span all)
{
    check_tables(statement->tables, all);
    if (statement->query != NULL) {
        check_query(statement->query, all);
    }
    if (statement->insert != NULL) {
        check_insert(statement->insert, all);
    }
    if (statement->change != NULL) {
        check_assignments(statement->change->set, all);
        check_expr(statement->change->where, all);
        check_expr(statement->change->limit, all);
        check_order(statement->change->order_by, all);
    }
    if (statement->ddl != NULL && statement->ddl->select != NULL) {
        check_query(statement->ddl->select, all);
    }
    for (const struct set_item *item = statement->set; item != NULL; item = item->next) {
        check_span(item->span, all);
        check_expr(item->value, all);
    }
    for (uint32_t i = 0; i < statement->subquery_count; i++) {
        require(statement->subqueries[i] != NULL);
    }
    if (statement->inner != NULL) {
        check_statement(statement->inner, all);
    }
}

static size_t two_bytes(const uint8_t *at, const uint8_t *end)
{
    return *at >= 0x81 && end - at >= 2 ? 2 : 1;
}

static const struct charset wide = {.name = "gbk", .max_bytes = 2, .char_length = two_bytes};

static void put_tree(struct text *out, struct slice sql, const struct parse_options *options)
{
    struct arena arena;
    struct statement *statement;
    arena_init(&arena, NULL);
    enum parse_result result = parse_statement(&arena, sql, options, &statement);
    require(slice_equal(statement->text, sql) && statement->rest <= sql.len);
    require((result == PARSE_MULTIPLE) <= (statement->rest > 0));
    if (result != PARSE_TOO_DEEP) {
        check_statement(statement, (struct span){0, (uint32_t)sql.len});
        tree_text(out, result, statement);
    }
    struct slice same = splice_text(&arena, sql, NULL, 0);
    require(slice_equal(same, sql));
    arena_clear(&arena);
}

static uint64_t digest_of(struct slice sql, const struct parse_options *options)
{
    struct arena arena;
    struct slice text;
    arena_init(&arena, NULL);
    uint64_t hash = digest_statement(&arena, sql, options, &text);
    require(text.len <= 4 * sql.len + 8);
    arena_clear(&arena);
    return hash;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    if (len == 0) {
        return 0;
    }
    unsigned choice = bytes[0] ^ ' ';
    struct parse_options options = {
        .sql_mode = choice & 31,
        .charset = (choice & 32) != 0 ? &wide : NULL,
        .is_mariadb = (choice & 64) == 0,
        .server_version = (choice & 64) == 0    ? 101119
                          : (choice & 128) == 0 ? 50651
                                                : 80030,
    };
    struct slice sql = slice_of(bytes + 1, len - 1);
    struct text first, second;
    text_init(&first);
    text_init(&second);
    put_tree(&first, sql, &options);
    put_tree(&second, sql, &options);
    require(slice_equal(text_slice(&first), text_slice(&second)));
    require(digest_of(sql, &options) == digest_of(sql, &options));
    text_done(&first);
    text_done(&second);
    return 0;
}
