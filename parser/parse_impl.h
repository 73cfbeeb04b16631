#pragma once
// What the files of the grammar share: the place in the token stream and one function for each part
// of a statement.
//
// Errors need no attention while reading: parser_fail() makes every further token TOKEN_END, so
// that all loops end, and no function gives NULL where a node is expected. parse_statement() looks
// once, at the end.

#include "parser/fact_table.h"
#include "parser/literal.h"

struct cte_name { // a name of WITH that can be seen from here
    struct slice name;
    struct cte_name *next;
};

struct parser {
    struct arena *arena; // borrowed
    struct lexer lexer;
    struct token token; // the one to be read
    struct token ahead; // the one behind it, when has_ahead
    bool has_ahead;
    bool has_failed;
    bool is_compound; // it was read to its end, but is not understood from its beginning on
    bool is_too_deep;
    bool is_in_on_duplicate; // VALUES(x) is a function here
    unsigned reserved_mask;  // enum keyword_reserved: who reserves words for this client
    uint32_t token_end;      // where the last token that was read ended
    uint32_t depth;
    uint32_t node_count;
    uint32_t nest_count;
    uint32_t query_depth; // 0: not inside a subquery
    uint32_t subquery_capacity;
    struct statement *statement;
    struct query *query;   // the arm that is being read; NULL outside
    struct cte_name *ctes; // innermost first
    struct literal_rules rules;
};

enum { PARSE_NODES_MAX = 5000000 };

// From loose to tight, as both servers have it (sql/sql_yacc.yy). Concatenation is || with
// PIPES_AS_CONCAT.
enum level {
    LEVEL_NONE,
    LEVEL_OR,
    LEVEL_XOR,
    LEVEL_AND,
    LEVEL_NOT,
    LEVEL_COMPARISON,
    LEVEL_BETWEEN,
    LEVEL_LIKE,
    LEVEL_BIT_OR,
    LEVEL_BIT_AND,
    LEVEL_SHIFT,
    LEVEL_PLUS,
    LEVEL_TIMES,
    LEVEL_CARET,
    LEVEL_CONCAT,
    LEVEL_UNARY,
    LEVEL_COLLATE,
};

// ---- parser.c: tokens
void parser_advance(struct parser *parser);
const struct token *parser_ahead(struct parser *parser);
void parser_fail(struct parser *parser);
bool parser_enter(
    struct parser *parser); // one deeper; false (and failed) when too deep. Pairs with parser_leave
void parser_leave(struct parser *parser);
static inline bool parser_at(const struct parser *parser, enum token_kind kind)
{
    return parser->token.kind == kind;
}
static inline bool parser_at_word(const struct parser *parser, enum keyword keyword)
{
    return parser->token.keyword == keyword;
}
bool parser_at_words(struct parser *parser, enum keyword first, enum keyword second);
bool parser_accept(struct parser *parser, enum token_kind kind);
bool parser_accept_word(struct parser *parser, enum keyword keyword);
bool parser_accept_words(struct parser *parser, enum keyword first, enum keyword second);
void parser_expect(struct parser *parser, enum token_kind kind);
void parser_expect_word(struct parser *parser, enum keyword keyword);
bool parser_is_name(const struct parser *parser,
                    const struct token *token); // a name that no server reserves
bool parser_at_name(const struct parser *parser);
struct slice parser_text(const struct parser *parser, struct span span);
struct slice parser_name(struct parser *parser);          // reads a name
struct slice parser_name_or_text(struct parser *parser);  // a name or a string
struct slice parser_string(struct parser *parser);        // reads one string token
struct slice parser_user_variable(struct parser *parser); // at @x: its name, without @ and quotes
struct span parser_span_from(const struct parser *parser,
                             uint32_t begin);   // to the end of what was read
void parser_skip_parens(struct parser *parser); // at a (: to behind its )
void parser_skip_token(
    struct parser *parser); // one token, or a pair of parentheses with all that is inside
void parser_skip_rest(struct parser *parser); // to the end of the statement
void parser_add_fact(struct parser *parser, uint32_t facts);
void parser_begin(struct parser *parser, enum statement_kind kind,
                  uint32_t facts); // behind its first word

// ---- parse_expr.c, parse_primary.c, parse_function.c
struct expr *expr_new(struct parser *parser, enum expr_kind kind, uint32_t begin);
void expr_adopt(struct parser *parser, struct expr *parent, struct expr **children, uint32_t count);
struct expr *expr_unary(struct parser *parser, enum expr_kind kind, enum expr_op op,
                        struct expr *child);
struct expr *parse_expr(struct parser *parser);
struct expr *parse_expr_level(struct parser *parser, enum level loosest);
struct expr *parse_expr_rest(struct parser *parser, struct expr *left,
                             enum level loosest); // left was read
struct expr *parse_primary(struct parser *parser);
struct expr *parse_interval(struct parser *parser, bool *is_function); // at INTERVAL
struct expr *parse_parens(struct parser *parser); // at a (: an expression, a row or a subquery
struct expr *parse_function(struct parser *parser, struct slice schema,
                            uint32_t begin); // at the name before the (
void parse_note_sequence(struct parser *parser, const struct expr *call); // if it is one's
struct expr *parse_column(struct parser *parser);                         // [[schema.]table.]column
bool parse_bare_function(struct parser *parser, struct expr **call); // CURRENT_DATE and the like

struct expr_list {
    struct expr **items;
    uint32_t count;
    uint32_t capacity;
};
void expr_list_add(struct parser *parser, struct expr_list *list, struct expr *expr);
void parse_expr_list(struct parser *parser, struct expr_list *list); // with commas, at least one

// ---- parse_constraint.c
// Of a column, at its type: to the end of its definition.
void parse_column_constraints(struct parser *parser, struct ddl_part *ddl, struct slice column);
// What stands in place of a column: to its end.
void parse_table_constraint(struct parser *parser, struct ddl_part *ddl);
void parse_index_constraint(struct parser *parser, struct ddl_part *ddl); // behind the table's name
// ADD, MODIFY, CHANGE of ALTER TABLE. False: it is none.
bool parse_alteration(struct parser *parser, struct ddl_part *ddl) MUST_CHECK;

// ---- parse_select.c, parse_table.c
bool parser_at_query(struct parser *parser,
                     const struct token *token);  // SELECT, WITH, VALUES, TABLE
struct query *parse_query(struct parser *parser); // a whole query expression, without parentheses
struct query *parse_query_after(struct parser *parser,
                                struct query *first); // `first` in parentheses was read
struct query *
parse_subquery(struct parser *parser); // parse_query, one query deeper, noted as a subquery

void parse_note_subquery(struct parser *parser, struct query *query);
struct query *parse_select_arm(struct parser *parser); // SELECT ... up to its tail
bool parse_at_tail(struct parser *parser);             // ORDER BY, LIMIT, INTO, locks
void parse_tail(struct parser *parser, struct query *query);
struct order_item *parse_order_items(struct parser *parser);
void parse_limit(struct parser *parser, struct query *query);
struct query *parse_ctes(struct parser *parser, bool *is_recursive); // at WITH
struct select_item *parse_select_items(struct parser *parser, uint32_t *count);
struct table_ref *parse_table_refs(struct parser *parser); // with commas and joins
struct table_ref *parse_table_name(struct parser *parser); // [schema.]name only
void parse_table_suffix(struct parser *parser,
                        struct table_ref *ref);   // PARTITION, alias, index hints
struct slice parse_alias(struct parser *parser);  // [AS] name, if any
void parse_skip_name_list(struct parser *parser); // at a (: names only

// ---- statements: at their first word
void parse_select_statement(struct parser *parser);
void parse_with_statement(struct parser *parser);
void parse_insert(struct parser *parser);
void parse_update(struct parser *parser);
void parse_delete(struct parser *parser);
void parse_call(struct parser *parser);
void parse_do(struct parser *parser);
void parse_load(struct parser *parser);
void parse_handler(struct parser *parser);
void parse_create(struct parser *parser);
void parse_alter(struct parser *parser);
void parse_drop(struct parser *parser);
void parse_truncate(struct parser *parser);
void parse_rename(struct parser *parser);
void parse_routine_body(struct parser *parser); // to its end: may hold semicolons
void parse_compound(struct parser *parser);     // FOR ... END FOR and the like: read to its end
void parse_set(struct parser *parser);
void parse_begin(struct parser *parser);
void parse_start(struct parser *parser);
void parse_commit(struct parser *parser);
void parse_rollback(struct parser *parser);
void parse_savepoint(struct parser *parser);
void parse_release(struct parser *parser);
void parse_lock(struct parser *parser);
void parse_unlock(struct parser *parser);
void parse_xa(struct parser *parser);
void parse_show(struct parser *parser);
void parse_explain(struct parser *parser);
void parse_analyze(struct parser *parser);
void parse_use(struct parser *parser);
void parse_kill(struct parser *parser);
void parse_prepare(struct parser *parser);
void parse_diagnostics(struct parser *parser);
void parse_admin(struct parser *parser);
void parse_backup(struct parser *parser);
void parse_accounts(struct parser *parser);
void parse_flush(struct parser *parser);
void parse_table_maintenance(struct parser *parser);
void parse_help(struct parser *parser);
void parse_any_statement(struct parser *parser); // dispatch; also for EXPLAIN and SET STATEMENT
struct assignment *parse_assignments(struct parser *parser);
