#pragma once
// A statement's tree as one line of text, for tests that compare trees.
//
//     a + 1 = 2 AND NOT b   ->   (and (= (op a 1) 2) (not b))
//
// Every function appends to a struct text.

#include <stdio.h>

#include "base/text.h"
#include "parser/parse.h"

static void tree_text_query(struct text *out, const struct query *query);
static void tree_text_tables(struct text *out, const struct table_ref *ref);

static inline const char *tree_text_op(enum expr_op op)
{
    static const char *const names[] = {
        [OP_NONE] = "",
        [OP_AND] = "and",
        [OP_OR] = "or",
        [OP_XOR] = "xor",
        [OP_NOT] = "not",
        [OP_EQUAL] = "=",
        [OP_NULL_SAFE_EQUAL] = "<=>",
        [OP_NOT_EQUAL] = "!=",
        [OP_LESS] = "<",
        [OP_LESS_EQUAL] = "<=",
        [OP_GREATER] = ">",
        [OP_GREATER_EQUAL] = ">=",
        [OP_IS_NULL] = "isnull",
        [OP_IS_NOT_NULL] = "notnull",
        [OP_MINUS] = "-",
        [OP_ASSIGN] = ":=",
        [OP_OTHER] = "op",
    };
    return names[op];
}

static void tree_text_expr(struct text *out, const struct expr *expr);

static void tree_text_list(struct text *out, const char *head, const struct expr *expr)
{
    text_add_format(out, "(%s%s%s", expr->is_negated ? "!" : "", head, expr->is_all ? "all" : "");
    for (uint32_t i = 0; i < expr->child_count; i++) {
        text_add_string(out, " ");
        tree_text_expr(out, expr->children[i]);
    }
    if (expr->query != NULL) {
        text_add_string(out, " <");
        tree_text_query(out, expr->query);
        text_add_string(out, ">");
    }
    text_add_string(out, ")");
}

static void tree_text_name(struct text *out, const struct expr *expr)
{
    if (expr->schema.len > 0) {
        text_add_slice(out, expr->schema);
        text_add_string(out, ".");
    }
    if (expr->table.len > 0) {
        text_add_slice(out, expr->table);
        text_add_string(out, ".");
    }
    text_add_slice(out, expr->name);
}

static void tree_text_call(struct text *out, const struct expr *expr)
{
    tree_text_name(out, expr);
    text_add_string(out, expr->is_distinct ? "{distinct" : "{");
    for (uint32_t i = 0; i < expr->child_count; i++) {
        text_add_string(out, i > 0 || expr->is_distinct ? " " : "");
        tree_text_expr(out, expr->children[i]);
    }
    text_add_string(out, expr->has_over ? "}over" : "}");
}

static void tree_text_hex(struct text *out, struct slice bytes)
{
    text_add_string(out, "x");
    for (size_t i = 0; i < bytes.len; i++) {
        text_add_format(out, "%02x", bytes.ptr[i]);
    }
}

static void tree_text_quoted(struct text *out, const char *prefix, struct slice bytes)
{
    text_add_string(out, prefix);
    text_add_string(out, "'");
    text_add_slice(out, bytes);
    text_add_string(out, "'");
}

static void tree_text_leaf(struct text *out, const char *prefix, struct slice bytes)
{
    text_add_string(out, prefix);
    text_add_slice(out, bytes);
}

static void tree_text_expr(struct text *out, const struct expr *expr)
{
    switch (expr->kind) {
    case EXPR_INTEGER:
        tree_text_leaf(out, "", expr->value);
        break;
    case EXPR_DECIMAL:
        tree_text_leaf(out, "dec:", expr->value);
        break;
    case EXPR_FLOAT:
        tree_text_leaf(out, "float:", expr->value);
        break;
    case EXPR_STRING:
        tree_text_quoted(out, expr->has_introducer ? "_" : "", expr->value);
        break;
    case EXPR_HEX:
        tree_text_hex(out, expr->value);
        break;
    case EXPR_NULL:
        text_add_string(out, "null");
        break;
    case EXPR_BOOL:
        tree_text_leaf(out, "bool:", expr->value);
        break;
    case EXPR_TEMPORAL:
        tree_text_quoted(out, "time", expr->value);
        break;
    case EXPR_DEFAULT:
        text_add_string(out, "default");
        break;
    case EXPR_PARAM:
        text_add_format(out, "?%u", expr->param_index);
        break;
    case EXPR_COLUMN:
        tree_text_name(out, expr);
        break;
    case EXPR_STAR:
        tree_text_name(out, expr);
        text_add_string(out, "*");
        break;
    case EXPR_FUNCTION:
        tree_text_call(out, expr);
        break;
    case EXPR_UNARY:
    case EXPR_BINARY:
        tree_text_list(out, tree_text_op(expr->op), expr);
        break;
    case EXPR_BETWEEN:
        tree_text_list(out, "between", expr);
        break;
    case EXPR_IN:
        tree_text_list(out, "in", expr);
        break;
    case EXPR_ROW:
        tree_text_list(out, "row", expr);
        break;
    case EXPR_SUBQUERY:
        tree_text_list(out, "query", expr);
        break;
    case EXPR_EXISTS:
        tree_text_list(out, "exists", expr);
        break;
    case EXPR_IN_SUBQUERY:
        tree_text_list(out, expr->op == OP_NONE ? "in" : tree_text_op(expr->op), expr);
        break;
    case EXPR_VARIABLE:
        tree_text_leaf(out, "@", expr->name);
        break;
    case EXPR_SYSTEM_VARIABLE:
        text_add_string(out, "@@");
        tree_text_name(out, expr);
        break;
    case EXPR_OTHER:
        tree_text_list(out, "other", expr);
        break;
    }
}

static void tree_text_clause(struct text *out, const char *word, const struct expr *expr)
{
    if (expr != NULL) {
        text_add_string(out, word);
        tree_text_expr(out, expr);
    }
}

static void tree_text_order(struct text *out, const char *word, const struct order_item *item)
{
    for (; item != NULL; item = item->next) {
        text_add_string(out, word);
        tree_text_expr(out, item->expr);
        text_add_string(out, item->is_descending ? " desc" : "");
        word = ",";
    }
}

static void tree_text_table(struct text *out, const struct table_ref *ref)
{
    if (ref->derived != NULL) {
        text_add_string(out, "<");
        tree_text_query(out, ref->derived);
        text_add_string(out, ">");
    }
    if (ref->schema.len > 0) {
        text_add_slice(out, ref->schema);
        text_add_string(out, ".");
    }
    text_add_slice(out, ref->name);
    text_add_string(out, ref->is_function ? "{}" : "");
    text_add_string(out, ref->is_cte ? "^" : "");
    if (ref->alias.len > 0) {
        text_add_string(out, " ");
        text_add_slice(out, ref->alias);
    }
    if (ref->nest != 0) {
        text_add_format(out, "#%u", ref->nest);
    }
}

static void tree_text_tables(struct text *out, const struct table_ref *ref)
{
    static const char *const joins[] = {
        [JOIN_INNER] = "", [JOIN_LEFT] = "left ", [JOIN_RIGHT] = "right ", [JOIN_CROSS] = "cross "};
    for (bool is_first = true; ref != NULL; ref = ref->next, is_first = false) {
        text_add_string(out, is_first ? "" : ", ");
        text_add_string(out, ref->is_natural ? "natural " : "");
        text_add_string(out, joins[ref->join]);
        tree_text_table(out, ref);
        tree_text_clause(out, " on ", ref->on);
        for (uint32_t i = 0; i < ref->using_count; i++) {
            text_add_string(out, i == 0 ? " using " : ",");
            text_add_slice(out, ref->using_columns[i]);
        }
    }
}

static void tree_text_items(struct text *out, const struct select_item *item)
{
    for (; item != NULL; item = item->next) {
        tree_text_expr(out, item->expr);
        if (item->alias.len > 0) {
            text_add_string(out, " ");
            text_add_slice(out, item->alias);
        }
        text_add_string(out, item->next != NULL ? ", " : "");
    }
}

static void tree_text_arm(struct text *out, const struct query *query)
{
    text_add_string(out, query->is_parenthesized ? "p:" : "");
    if (query->nested != NULL) {
        text_add_string(out, "{");
        tree_text_query(out, query->nested);
        text_add_string(out, "}");
    }
    text_add_string(out, query->is_values ? "values" : "");
    text_add_string(out, query->is_distinct ? "distinct " : "");
    tree_text_items(out, query->items);
    if (query->tables != NULL) {
        text_add_string(out, " from ");
        tree_text_tables(out, query->tables);
    }
    tree_text_clause(out, " where ", query->where);
    tree_text_order(out, " group ", query->group_by);
    text_add_string(out, query->has_rollup ? " rollup" : "");
    tree_text_clause(out, " having ", query->having);
    text_add_string(out, query->has_outer_order ? " |" : "");
    tree_text_order(out, " order ", query->order_by);
    tree_text_clause(out, " limit ", query->limit);
    tree_text_clause(out, " offset ", query->offset);
    text_add_string(out, query->has_limit_expr ? " limit-expr" : "");
    text_add_string(out, query->has_into ? " into" : "");
    text_add_string(out, query->lock == LOCK_UPDATE ? " lock" : "");
    text_add_string(out, query->lock == LOCK_SHARE ? " share" : "");
}

static void tree_text_query(struct text *out, const struct query *query)
{
    static const char *const ops[] = {[SET_OP_NONE] = " ?? ",
                                      [SET_OP_UNION] = " union ",
                                      [SET_OP_UNION_ALL] = " union all ",
                                      [SET_OP_INTERSECT] = " intersect ",
                                      [SET_OP_EXCEPT] = " except "};
    for (const struct query *cte = query->ctes; cte != NULL; cte = cte->next_cte) {
        text_add_string(out, "with <");
        tree_text_query(out, cte);
        text_add_string(out, "> ");
    }
    tree_text_arm(out, query);
    for (query = query->next; query != NULL; query = query->next) {
        text_add_string(out, ops[query->set_op]);
        tree_text_arm(out, query);
    }
}

static void tree_text_assignments(struct text *out, const char *word,
                                  const struct assignment *assignment)
{
    for (; assignment != NULL; assignment = assignment->next) {
        text_add_string(out, word);
        tree_text_expr(out, assignment->column);
        text_add_string(out, "=");
        tree_text_expr(out, assignment->value);
        word = ", ";
    }
}

static void tree_text_insert(struct text *out, const struct insert_part *insert)
{
    for (uint32_t i = 0; i < insert->column_count; i++) {
        text_add_string(out, i == 0 ? " (" : ",");
        text_add_slice(out, insert->columns[i]);
    }
    text_add_string(out, insert->column_count > 0 ? ")" : "");
    for (const struct value_row *row = insert->rows; row != NULL; row = row->next) {
        text_add_string(out, " [");
        for (uint32_t i = 0; i < row->value_count; i++) {
            text_add_string(out, i > 0 ? " " : "");
            tree_text_expr(out, row->values[i]);
        }
        text_add_string(out, "]");
    }
    if (insert->select != NULL) {
        text_add_string(out, " <");
        tree_text_query(out, insert->select);
        text_add_string(out, ">");
    }
    tree_text_assignments(out, " dup ", insert->on_duplicate);
    text_add_string(out, insert->is_ignore ? " ignore" : "");
    text_add_string(out, insert->has_returning ? " returning" : "");
}

static void tree_text_change(struct text *out, const struct change_part *change)
{
    if (change->targets != NULL) {
        text_add_string(out, " targets ");
        tree_text_tables(out, change->targets);
    }
    tree_text_assignments(out, " set ", change->set);
    tree_text_clause(out, " where ", change->where);
    tree_text_order(out, " order ", change->order_by);
    tree_text_clause(out, " limit ", change->limit);
    text_add_string(out, change->is_multi_table ? " multi" : "");
    text_add_string(out, change->is_ignore ? " ignore" : "");
    text_add_string(out, change->has_returning ? " returning" : "");
}

static void tree_text_parts(struct text *out, const struct key_part *part)
{
    text_add_string(out, "(");
    for (; part != NULL; part = part->next) {
        tree_text_leaf(out, "", part->name);
        text_add_string(out, part->is_whole ? "" : "~");
        text_add_string(out, part->next != NULL ? "," : "");
    }
    text_add_string(out, ")");
}

static void tree_text_constraint(struct text *out, const struct constraint_def *constraint)
{
    static const char *const names[] = {" unique", " primary", " foreign", " counter"};
    text_add_string(out, names[constraint->kind]);
    tree_text_parts(out, constraint->parts);
    if (constraint->references != NULL) {
        tree_text_leaf(out, "->", constraint->references->name);
        tree_text_parts(out, constraint->referenced);
    }
}

static void tree_text_ddl(struct text *out, const struct ddl_part *ddl)
{
    text_add_format(out, " ddl:%d", (int)ddl->kind);
    text_add_string(out, ddl->is_temporary ? " temporary" : "");
    text_add_string(out, ddl->if_exists ? " if" : "");
    if (ddl->database.len > 0) {
        tree_text_leaf(out, " db:", ddl->database);
    }
    if (ddl->trigger.len > 0) {
        tree_text_leaf(out, " trigger:", ddl->trigger);
    }
    for (const struct column_def *column = ddl->columns; column != NULL; column = column->next) {
        tree_text_leaf(out, " ", column->name);
        tree_text_leaf(out, ":", column->type);
    }
    for (const struct constraint_def *one = ddl->constraints; one != NULL; one = one->next) {
        tree_text_constraint(out, one);
    }
    if (ddl->select != NULL) {
        text_add_string(out, " <");
        tree_text_query(out, ddl->select);
        text_add_string(out, ">");
    }
}

static void tree_text_set(struct text *out, const struct set_item *item)
{
    static const char *const scopes[] = {[SCOPE_SESSION] = "",
                                         [SCOPE_GLOBAL] = "global ",
                                         [SCOPE_USER] = "@",
                                         [SCOPE_ONCE] = "once ",
                                         [SCOPE_STATEMENT] = "for "};
    for (; item != NULL; item = item->next) {
        text_add_format(out, " [%s", scopes[item->scope]);
        text_add_slice(out, item->name);
        tree_text_clause(out, "=", item->value);
        if (item->collation.len > 0) {
            tree_text_leaf(out, " collate ", item->collation);
        }
        text_add_string(out, item->is_constant ? "]" : " ...]");
    }
}

static void tree_text_load(struct text *out, const struct load_part *load)
{
    text_add_string(out, load->is_xml ? " xml" : "");
    text_add_string(out, load->is_local ? " local" : "");
    text_add_string(out, load->is_replace ? " replace" : "");
    tree_text_leaf(out, " <", load->file);
    if (load->is_xml) {
        text_add_string(out, ">");
        return;
    }
    tree_text_leaf(out, "> cs=", load->charset);
    tree_text_leaf(out, " f=", load->field_end);
    tree_text_leaf(out, " q=", load->enclosed);
    tree_text_leaf(out, load->is_escaped_given ? " e=" : " e:", load->escaped);
    tree_text_leaf(out, " s=", load->line_start);
    tree_text_leaf(out, " l=", load->line_end);
    text_add_format(out, " skip=%llu", (unsigned long long)load->skipped_lines);
    for (uint32_t i = 0; i < load->column_count; i++) {
        tree_text_leaf(out, load->columns[i].is_variable ? " var " : " ", load->columns[i].name);
    }
    for (const struct assignment *one = load->set; one != NULL; one = one->next) {
        tree_text_leaf(out, " set ", one->column->name);
    }
}

// The kind as a word, and then the parts.
static void tree_text_statement(struct text *out, const struct statement *statement)
{
    static const char *const kinds[] = {
        "empty",  "select",   "insert",    "replace",     "update",  "delete",
        "call",   "do",       "ddl",       "set",         "use",     "begin",
        "commit", "rollback", "savepoint", "rollback-to", "release", "lock",
        "unlock", "show",     "explain",   "prepare",     "xa",      "kill",
        "load",   "admin",    "handler",   "diagnostics", "unknown"};
    text_add_string(out, kinds[statement->kind]);
    if (statement->kind == STATEMENT_UNKNOWN) {
        tree_text_leaf(out, " ", statement->problem);
        return;
    }
    if (statement->name.len > 0) {
        tree_text_leaf(out, " ", statement->name);
    }
    if (statement->name_schema.len > 0) {
        tree_text_leaf(out, " of ", statement->name_schema);
    }
    text_add_string(out, statement->is_transaction_chain ? " chain" : "");
    text_add_string(out, statement->is_transaction_release ? " release" : "");
    text_add_string(out, statement->is_read_only_transaction ? " read-only" : "");
    text_add_string(out, statement->is_read_write_transaction ? " read-write" : "");
    text_add_string(out, statement->is_consistent_snapshot ? " snapshot" : "");
    tree_text_clause(out, " ", statement->kill_id);
    if (statement->kill_host.len > 0) {
        tree_text_leaf(out, " at ", statement->kill_host);
    }
    if (statement->tables != NULL) {
        text_add_string(out, " ");
        tree_text_tables(out, statement->tables);
    }
    tree_text_set(out, statement->set);
    if (statement->query != NULL) {
        text_add_string(out, " ");
        tree_text_query(out, statement->query);
    }
    if (statement->insert != NULL) {
        tree_text_insert(out, statement->insert);
    }
    if (statement->change != NULL) {
        tree_text_change(out, statement->change);
    }
    if (statement->ddl != NULL) {
        tree_text_ddl(out, statement->ddl);
    }
    if (statement->load != NULL) {
        tree_text_load(out, statement->load);
    }
    if (statement->inner != NULL) {
        text_add_string(out, ": ");
        tree_text_statement(out, statement->inner);
    }
}

// The facts, a word for each, with a blank before it.
static inline void tree_text_facts(struct text *out, uint32_t facts)
{
    static const char *const words[] = {
        "writes",     "locks",          "primary",     "ends",
        "reads@",     "sets@",          "temporary",   "table-lock",
        "named-lock", "insert-id",      "found-rows",  "row-count",
        "calc",       "random",         "aggregate",   "window",
        "subquery",   "prepared",       "outfile",     "system",
        "routine",    "handler",        "sleeps",      "connection",
        "xa",         "sets-insert-id", "diagnostics", "unknown-function",
        "accounts"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if ((facts >> i & 1) != 0) {
            text_add_format(out, " %s", words[i]);
        }
    }
}

static inline const char *tree_text_result(enum parse_result result)
{
    switch (result) {
    case PARSE_OK:
        return "";
    case PARSE_MULTIPLE:
        return "MULTIPLE ";
    case PARSE_TOO_DEEP:
        return "TOO DEEP ";
    }
    return "";
}

// All in one: the result, the tree, and behind a bar the facts.
static inline void tree_text(struct text *out, enum parse_result result,
                             const struct statement *statement)
{
    text_add_string(out, tree_text_result(result));
    tree_text_statement(out, statement);
    if (statement->facts != 0) {
        text_add_string(out, " |");
        tree_text_facts(out, statement->facts);
    }
}
