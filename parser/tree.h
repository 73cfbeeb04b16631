#pragma once
// What the parser makes of one statement: a tree in the statement's arena whose nodes point into
// the SQL text. It is as deep as routing, merging and session tracking need, and no deeper.
// Rewriting is done by replacing spans of the original text, so what is not touched is sent on
// exactly as it came.

#include "base/arena.h"

struct span {
    uint32_t begin; // byte offsets into the statement's text
    uint32_t end;   // one behind the last byte
};

enum statement_kind {
    STATEMENT_EMPTY,  // only blanks and comments
    STATEMENT_SELECT, // also UNION, VALUES, WITH ... SELECT, TABLE t
    STATEMENT_INSERT,
    STATEMENT_REPLACE,
    STATEMENT_UPDATE,
    STATEMENT_DELETE,
    STATEMENT_CALL,
    STATEMENT_DO,
    STATEMENT_DDL, // CREATE, ALTER, DROP, RENAME, TRUNCATE of tables, views, indexes, databases,
                   // routines, ...
    STATEMENT_SET,
    STATEMENT_USE,
    STATEMENT_BEGIN, // BEGIN, START TRANSACTION
    STATEMENT_COMMIT,
    STATEMENT_ROLLBACK,
    STATEMENT_SAVEPOINT,
    STATEMENT_ROLLBACK_TO,
    STATEMENT_RELEASE,
    STATEMENT_LOCK,   // LOCK TABLES
    STATEMENT_UNLOCK, // UNLOCK TABLES
    STATEMENT_SHOW,
    STATEMENT_EXPLAIN, // EXPLAIN, DESCRIBE, DESC, ANALYZE <statement>: `inner` is the explained
                       // one, if any
    STATEMENT_PREPARE, // PREPARE, EXECUTE, DEALLOCATE as text, EXECUTE IMMEDIATE
    STATEMENT_XA,
    STATEMENT_KILL,
    STATEMENT_LOAD,  // LOAD DATA / XML
    STATEMENT_ADMIN, // GRANT, FLUSH, ANALYZE TABLE, OPTIMIZE, CHECK, RESET, SET PASSWORD, ...: a
                     // write by caution
    STATEMENT_HANDLER,
    STATEMENT_DIAGNOSTICS, // SHOW WARNINGS / ERRORS [COUNT], GET DIAGNOSTICS, SIGNAL ...: about the
                           // previous statement
    STATEMENT_UNKNOWN,     // could not be read; `problem` says where. Never routed by guess
};

enum expr_kind {
    EXPR_INTEGER, // unsigned decimal digits; a minus sign is EXPR_UNARY
    EXPR_DECIMAL, // 1.5
    EXPR_FLOAT,   // 1e3
    EXPR_STRING,  // value: unescaped bytes, adjacent literals joined; has_introducer when _utf8'..'
                  // or N'..'
    EXPR_HEX,     // x'..', 0x.., b'..': value = the bytes
    EXPR_NULL,
    EXPR_BOOL,            // TRUE, FALSE (integer 1 or 0)
    EXPR_TEMPORAL,        // DATE '..', TIME '..', TIMESTAMP '..': value = the string's bytes
    EXPR_DEFAULT,         // DEFAULT, in VALUES and SET
    EXPR_PARAM,           // ?: param_index, 0-based
    EXPR_COLUMN,          // [[schema.]table.]column
    EXPR_STAR,            // * or t.*
    EXPR_FUNCTION,        // name(arguments), also aggregates; is_distinct
    EXPR_UNARY,           // op, children[0]
    EXPR_BINARY,          // op, children[0], children[1]
    EXPR_BETWEEN,         // children[0] BETWEEN children[1] AND children[2]; is_negated
    EXPR_IN,              // children[0] IN (children[1..]); is_negated
    EXPR_ROW,             // (a, b, ...) with at least two
    EXPR_SUBQUERY,        // (SELECT ...): query
    EXPR_EXISTS,          // query
    EXPR_IN_SUBQUERY,     // children[0] IN (query); is_negated. Also = ANY/ALL/SOME (query) with op
    EXPR_VARIABLE,        // @x
    EXPR_SYSTEM_VARIABLE, // @@x, @@session.x, @@global.x: name
    EXPR_OTHER, // CASE, CAST, INTERVAL, LIKE, REGEXP, IS TRUE, COLLATE, ...: children hold the
                // operands found inside
};

// Parentheses leave no node; they only widen the span. Chains of AND and of OR are balanced, so
// that ten thousand of them are no higher than fourteen.
enum { EXPR_HEIGHT_MAX = 1000 };

enum expr_op {
    OP_NONE,
    OP_AND, // AND, &&
    OP_OR,  // OR, || without PIPES_AS_CONCAT
    OP_XOR,
    OP_NOT, // NOT, !
    OP_EQUAL,
    OP_NULL_SAFE_EQUAL, // <=>
    OP_NOT_EQUAL,
    OP_LESS,
    OP_LESS_EQUAL,
    OP_GREATER,
    OP_GREATER_EQUAL,
    OP_IS_NULL,
    OP_IS_NOT_NULL,
    OP_MINUS,  // unary
    OP_ASSIGN, // := (a user variable)
    OP_OTHER,  // arithmetic, LIKE, concatenation, ...
};

struct query;

struct expr {
    enum expr_kind kind;
    enum expr_op op;
    bool is_negated;
    bool is_distinct;    // COUNT(DISTINCT ..)
    bool has_introducer; // of a string: bytes are of another character set than the connection's
    bool has_over;       // a window function
    bool is_all;         // EXPR_IN_SUBQUERY: = ALL (query), which is not IN
    uint16_t height;     // 1 for a leaf; never more than EXPR_HEIGHT_MAX: walking down may recurse
    uint32_t param_index;
    struct span span;    // all of it
    struct slice value;  // literals: digits or bytes (in the arena or the text)
    struct slice schema; // columns: may be empty. Names are unquoted (`` `a``b` `` gives a`b)
    struct slice table;  // columns and t.*: may be empty
    struct slice name;   // columns, functions, variables
    struct expr **children;
    uint32_t child_count;
    struct query *query;
    const struct call_tail *tail; // functions; NULL: nothing stands behind the arguments
};

// GROUP_CONCAT(a, b ORDER BY c SEPARATOR ';' LIMIT 3): c and the separator are children, too,
// behind the arguments.
struct call_tail {
    uint32_t argument_count;
    const struct order_item *order_by; // NULL: none
    const struct expr *separator;      // NULL: none is given
    bool has_limit;
};

// A function of a sequence, which it names like a column.
bool expr_is_sequence(const struct expr *call);

enum join_kind {
    JOIN_INNER,
    JOIN_LEFT,
    JOIN_RIGHT,
    JOIN_CROSS
}; // comma and STRAIGHT_JOIN are JOIN_INNER

// One table named (or derived) in a FROM, UPDATE, DELETE, INSERT, DDL, ...
enum table_lock { TABLE_LOCK_READ, TABLE_LOCK_READ_LOCAL, TABLE_LOCK_WRITE };

struct table_ref {
    struct slice schema;   // empty: the session's database
    struct slice name;     // empty for a derived table
    struct slice alias;    // empty when none
    struct span name_span; // `schema.name` as written
    struct query *derived; // a subquery in FROM; NULL for a named table
    enum join_kind join;   // how it is joined to what stands before it
    enum table_lock lock;  // LOCK TABLES
    bool is_natural;       // NATURAL JOIN
    bool is_cte;           // the name of a WITH of this statement: not a real table
    bool is_function;      // JSON_TABLE(...): not a real table; name is empty and derived NULL
    struct expr *on;       // NULL when none
    struct slice *using_columns;
    uint32_t using_count;
    // 0 = plain list; else in parentheses of a nested join (or what amounts to it: a LEFT JOIN b
    // JOIN c ON .. ON ..). The first table of a nest has the nest's `join` and `on`.
    uint32_t nest;
    struct table_ref *next;
};

struct select_item {
    struct expr *expr;  // EXPR_STAR for * and t.*
    struct slice alias; // empty when none; unquoted
    struct span span;   // with the alias
    struct select_item *next;
};

struct order_item {
    struct expr *expr;
    bool is_descending;
    struct order_item *next;
};

enum set_op { SET_OP_NONE, SET_OP_UNION, SET_OP_UNION_ALL, SET_OP_INTERSECT, SET_OP_EXCEPT };

enum lock_kind { LOCK_NONE, LOCK_SHARE, LOCK_UPDATE };

// One SELECT; `next` is the following arm of a UNION.
struct query {
    bool is_distinct;
    bool has_calc_found_rows;
    bool has_into; // INTO OUTFILE / DUMPFILE / @x
    bool has_with; // begins with WITH ...
    bool is_recursive;
    bool has_rollup;
    bool has_window;
    bool has_limit_expr; // a LIMIT that is neither a number nor a parameter; also ROWS EXAMINED,
                         // WITH TIES
    struct select_item *items;
    uint32_t item_count;
    struct table_ref *tables; // in the order of the text, all joins flattened
    struct expr *where;
    // Instead of all that stands above: this arm is itself a query expression in parentheses (a
    // union, or with its own ORDER BY or LIMIT and another one behind); one of
    // statement.subqueries.
    struct query *nested;
    bool is_parenthesized; // (SELECT ...): its order_by and limit stand inside
    bool is_values;        // VALUES (..), (..): no items
    bool has_aggregate;    // in this arm itself
    bool has_outer_order;  // of the last arm: its order_by, limit and lock stand behind the union
                           // (or behind the parentheses) and are of the whole
    struct order_item *group_by;
    struct expr *having;
    struct order_item *order_by; // of the last arm: of the whole union when has_outer_order
    struct expr *limit;          // NULL when none; EXPR_INTEGER or EXPR_PARAM
    struct expr *offset;         // NULL when none
    struct span items_span;      // the select list
    struct span where_span;      // from WHERE to the end of the condition; empty when none
    struct span group_by_span;   // from GROUP to the end of the list; empty when none
    struct span rollup_span;     // WITH ROLLUP; empty when there is none
    struct span order_by_span;   // from ORDER to the end of the list; empty when none
    struct span limit_span;      // from LIMIT to the end of it; empty when none
    enum lock_kind lock;
    uint32_t lock_at;   // where FOR UPDATE, LOCK IN SHARE MODE begin; 0: there is none
    enum set_op set_op; // how this arm is combined with what stands before it; NONE: the first.
                        // INTERSECT binds closer than the others
    struct query *next;
    struct query *ctes; // the queries of WITH, linked by next_cte
    struct query *next_cte;
    struct span span;       // of the arm
    struct span whole_span; // of the first arm: the whole query expression, WITH and all
};

// One row of VALUES.
struct value_row {
    struct expr **values;
    uint32_t value_count;
    struct span span; // with its parentheses
    struct value_row *next;
};

struct assignment { // SET a = b of UPDATE, INSERT ... SET, ON DUPLICATE KEY UPDATE
    struct expr *column;
    struct expr *value;
    struct assignment *next;
};

struct insert_part {
    struct slice *columns; // unquoted names; NULL when the statement has no column list
    struct span *column_spans;
    uint32_t column_count;
    struct span columns_span; // the list with its parentheses; empty when none
    uint32_t values_at;       // offset of VALUES / VALUE / SELECT / SET
    struct value_row *rows;   // VALUES form; INSERT ... SET is given as one row with columns
    uint32_t row_count;
    bool is_set_form;
    bool is_ignore;
    bool is_delayed_or_low;
    struct query *select; // INSERT ... SELECT
    struct assignment *on_duplicate;
    bool has_returning;
};

struct change_part {        // UPDATE and DELETE
    struct assignment *set; // UPDATE
    struct expr *where;
    struct order_item *order_by;
    struct expr *limit;
    bool is_multi_table;
    bool has_returning;
    bool is_ignore;
    struct table_ref *targets; // DELETE a, b FROM ...: names or aliases of what is deleted from
    struct query *ctes;        // WITH ... UPDATE / DELETE (MySQL 8)
    struct span tables_span;   // all that stands between the verb and SET, or FROM and WHERE
    struct span order_by_span; // from ORDER to the end of the list; empty when none
    bool has_odd_part;         // BEFORE SYSTEM_TIME, ROWS EXAMINED
    // the tables stand in statement.tables
};

enum prepare_verb {
    PREPARE_TEXT,      // PREPARE name FROM text
    PREPARE_EXECUTE,   // EXECUTE name [USING ...]
    PREPARE_IMMEDIATE, // EXECUTE IMMEDIATE text [USING ...] (MariaDB)
    PREPARE_DROP,      // DEALLOCATE | DROP PREPARE name
};

// Prepared statements as text. The name is statement.name.
struct prepare_part {
    enum prepare_verb verb;
    uint32_t begin;       // of its first word: behind SET STATEMENT ... FOR
    struct expr *text;    // PREPARE, IMMEDIATE
    struct expr **values; // USING; NULL when there is none
    uint32_t value_count;
};

// LOAD DATA's list of columns.
struct load_column {
    struct slice name; // unquoted, without table
    bool is_variable;  // @x
};

// LOAD DATA INFILE and, as far as `file`, LOAD XML. Strings are unescaped bytes.
struct load_part {
    bool is_local;
    bool is_xml;
    bool is_replace;
    struct slice file;
    struct slice charset;        // empty: character_set_database
    struct slice field_end;      // FIELDS TERMINATED BY
    struct slice enclosed;       // [OPTIONALLY] ENCLOSED BY
    struct slice escaped;        // ESCAPED BY
    bool is_escaped_given;       // ... and not the default
    struct slice line_start;     // LINES STARTING BY
    struct slice line_end;       // LINES TERMINATED BY
    uint64_t skipped_lines;      // IGNORE n LINES
    struct span skipped_span;    // ... with its words; empty when none
    struct load_column *columns; // NULL when there is no list, or an empty one
    uint32_t column_count;
    struct span columns_span; // the list with its parentheses; empty, where it would stand, if none
    struct assignment *set;
};

enum diagnostics_kind { DIAGNOSTICS_GET, DIAGNOSTICS_SIGNAL, DIAGNOSTICS_RESIGNAL };

struct diagnostics_item {  // @variable = NAME
    struct slice variable; // without the @, unquoted
    struct slice name;     // as written
    struct diagnostics_item *next;
};

struct diagnostics_part {
    enum diagnostics_kind kind;
    struct expr *condition;         // GET DIAGNOSTICS CONDITION n; NULL: of the statement
    struct diagnostics_item *items; // GET
};

enum ddl_kind {
    DDL_CREATE_TABLE,
    DDL_ALTER_TABLE,
    DDL_DROP_TABLE,
    DDL_TRUNCATE,
    DDL_RENAME_TABLE,
    DDL_CREATE_INDEX,
    DDL_DROP_INDEX,
    DDL_CREATE_DATABASE,
    DDL_DROP_DATABASE,
    DDL_ALTER_DATABASE,
    DDL_VIEW,
    DDL_ROUTINE, // procedures, functions, triggers, events
    DDL_OTHER,
};

struct column_def { // of CREATE TABLE: what is needed to check shard keys
    struct slice name;
    struct slice type; // first word, as written: BIGINT, VARCHAR ...
    struct column_def *next;
};

enum constraint_kind {
    CONSTRAINT_UNIQUE,
    CONSTRAINT_PRIMARY,
    CONSTRAINT_FOREIGN,
    CONSTRAINT_COUNTER, // AUTO_INCREMENT
};

struct key_part {
    struct slice name; // of a column; empty: an expression
    bool is_whole;     // not only its first characters
    struct key_part *next;
};

struct constraint_def {
    enum constraint_kind kind;
    struct key_part *parts;
    struct table_ref *references; // FOREIGN; not among the statement's tables
    struct key_part *referenced;
    struct constraint_def *next;
};

struct ddl_part {
    enum ddl_kind kind;
    bool is_temporary;
    bool if_exists;                         // IF [NOT] EXISTS
    bool is_replace;                        // CREATE OR REPLACE
    bool is_unique;                         // CREATE UNIQUE INDEX
    struct slice database;                  // CREATE/DROP DATABASE
    struct slice trigger;                   // DROP TRIGGER: its name as written
    struct column_def *columns;             // CREATE TABLE
    struct constraint_def *constraints;     // that it makes; CREATE and ALTER TABLE, CREATE INDEX
    struct constraint_def *last_constraint; // of them
    struct query *select;                   // CREATE TABLE ... SELECT, CREATE VIEW ... AS SELECT
};

enum set_scope { SCOPE_SESSION, SCOPE_GLOBAL, SCOPE_USER, SCOPE_ONCE, SCOPE_STATEMENT };
// SCOPE_ONCE: SET TRANSACTION ... without SESSION: the next transaction only. SCOPE_STATEMENT: SET
// STATEMENT .. FOR ..

struct set_item {
    enum set_scope scope;
    // The variable, lower case; "names" for SET NAMES, "character set" for SET CHARACTER SET,
    // "transaction isolation" / "transaction access" for SET TRANSACTION, with the value
    // "READ-COMMITTED" ... / "READ-ONLY", "READ-WRITE"; "role" for SET ROLE (no value).
    struct slice name;
    // NULL for NAMES DEFAULT / = DEFAULT; for NAMES a string with the character set's name. A word
    // without quotes (ON, utf8) is given as EXPR_STRING.
    struct expr *value;
    struct slice collation; // SET NAMES x COLLATE y
    bool is_constant;       // literals (also ON, OFF, names without quotes) only
    struct span span;       // of the one item, as written
    struct set_item *next;
};

// What a statement needs and changes, found while parsing (also inside subqueries). See
// fact_table.h.
enum fact {
    FACT_WRITES =
        1 << 0, // changes tables (or may: unknown procedures, functions with known side effects)
    FACT_LOCKS_ROWS = 1 << 1,    // FOR UPDATE, LOCK IN SHARE MODE
    FACT_NEEDS_PRIMARY = 1 << 2, // any other reason: GET_LOCK, NEXTVAL, @x := .., INTO OUTFILE, ...
    FACT_ENDS_TRANSACTION = 1 << 3,    // implicit commit
    FACT_READS_USER_VARIABLE = 1 << 4, // @x read
    FACT_SETS_USER_VARIABLE =
        1 << 5, // @x := ..., SELECT ... INTO @x (not SET @x = ..., see set items)
    FACT_TEMPORARY_TABLE = 1 << 6, // CREATE / DROP TEMPORARY TABLE
    FACT_TABLE_LOCK = 1 << 7,      // LOCK TABLES, FLUSH TABLES WITH READ LOCK
    FACT_NAMED_LOCK = 1 << 8,      // GET_LOCK
    FACT_LAST_INSERT_ID = 1 << 9,  // LAST_INSERT_ID() or @@last_insert_id, @@identity read
    FACT_FOUND_ROWS = 1 << 10,     // FOUND_ROWS()
    FACT_ROW_COUNT = 1 << 11,      // ROW_COUNT()
    FACT_CALC_FOUND_ROWS = 1 << 12,
    FACT_NOT_DETERMINISTIC = 1 << 13, // RAND, UUID, NOW, ...: would differ between shards
    FACT_AGGREGATE = 1 << 14,         // outside subqueries
    FACT_WINDOW = 1 << 15,
    FACT_SUBQUERY = 1 << 16,
    FACT_PREPARED_TEXT = 1 << 17, // PREPARE / EXECUTE / DEALLOCATE
    FACT_OUTFILE = 1 << 18,
    FACT_SYSTEM_SCHEMA = 1 << 19, // information_schema, performance_schema, mysql, sys are read
    FACT_ROUTINE = 1 << 20,       // CALL
    FACT_HANDLER = 1 << 21,
    FACT_SLEEPS = 1 << 22,        // SLEEP, BENCHMARK
    FACT_CONNECTION_ID = 1 << 23, // CONNECTION_ID() and the like: answers differ by backend
    FACT_XA = 1 << 24,
    FACT_INSERT_ID_SET = 1 << 25, // LAST_INSERT_ID(expr)
    FACT_DIAGNOSTICS = 1 << 26,   // @@warning_count, @@error_count: about the previous statement
    // A stored or loaded function: may even be an aggregate, or write.
    FACT_UNKNOWN_FUNCTION = 1 << 27,
    FACT_ACCOUNTS = 1 << 28, // changes accounts, or has the server read them: CREATE USER, GRANT,
                             // FLUSH PRIVILEGES ...
    FACT_WAYBILL = 1 << 29,  // a variable or function that only waybill knows: own_names.h
};

struct sequence_ref { // NEXTVAL(s), SETVAL(s, ..), LASTVAL(s); only of MariaDB
    struct table_ref table;
    bool is_last; // LASTVAL
    struct sequence_ref *next;
};

struct statement {
    enum statement_kind kind;
    struct slice text;        // the SQL, as it came; all spans are offsets into it
    uint32_t facts;           // enum fact
    uint32_t param_count;     // ? in all
    struct table_ref *tables; // INSERT target; UPDATE/DELETE tables; DDL tables; LOCK tables; SHOW
                              // ... FROM t; DESCRIBE t
    struct query *query;      // SELECT
    struct insert_part *insert;
    struct change_part *change;
    struct ddl_part *ddl;
    struct load_part *load;
    struct prepare_part *prepare;
    struct set_item *set; // also SET STATEMENT .. FOR ..: all else is then the inner statement's
    struct slice name; // USE database; SAVEPOINT x; CALL procedure; SHOW: first words in upper case
                       // ("TABLES"); of diagnostics "WARNINGS", "ERRORS", "COUNT WARNINGS" ...
    struct slice name_schema; // CALL schema.procedure; SHOW ... FROM schema; KILL USER name
    struct diagnostics_part *diagnostics; // GET DIAGNOSTICS, SIGNAL, RESIGNAL; else NULL
    struct table_ref *shown_trigger;      // SHOW CREATE TRIGGER
    struct span show_rest;   // SHOW TABLE STATUS, TRIGGERS ...: LIKE or WHERE and all behind it
    struct query *shown;     // SHOW WARNINGS / ERRORS: limit and offset, nothing else; NULL: none
    struct statement *inner; // EXPLAIN
    struct span routed;      // EXPLAIN ROUTE: the statement behind it, not read; else empty
    bool is_routed_json;     // ... FORMAT=JSON
    struct sequence_ref *sequences; // each use of one, the last one first
    struct query **subqueries;      // every subquery anywhere in it, in the order of the text
    uint32_t subquery_count;
    bool is_transaction_chain;   // COMMIT/ROLLBACK AND CHAIN
    bool is_transaction_release; // ... RELEASE
    bool is_read_only_transaction;
    bool is_read_write_transaction; // said so
    bool is_consistent_snapshot;
    bool is_full; // SHOW FULL ...
    // An executable comment was read as SQL: a span may begin inside of it, so splices may break
    // it.
    bool has_executable_comment;
    struct slice lock_wait; // LOCK TABLES: the number of WAIT, or NOWAIT; empty: none
    struct slice xa_format; // XA: the number as it stands there; empty: none
    struct expr *kill_id;   // KILL
    struct slice kill_host; // KILL USER name@host; empty: none was named
    uint32_t rest; // PARSE_MULTIPLE: offset of what follows the first ';'. The tree is the first's
    struct slice hint;    // the text of a /* waybill: ... */ comment, trimmed; empty when none
    struct slice problem; // STATEMENT_UNKNOWN: where reading stopped ("near '...'")
};
