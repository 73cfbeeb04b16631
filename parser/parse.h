#pragma once
// SQL text -> statement. Pure: no I/O, no clock, all memory from the arena.

#include "parser/tree.h"
#include "protocol/charset.h"

enum {
    SQL_ANSI_QUOTES = 1,
    SQL_NO_BACKSLASH_ESCAPES = 2,
    SQL_PIPES_AS_CONCAT = 4,
    SQL_IGNORE_SPACE = 8,
    SQL_HIGH_NOT_PRECEDENCE = 16,
    SQL_ORACLE = 64,                 // MariaDB's other grammar: the parser doesn't read it
    SQL_NO_AUTO_VALUE_ON_ZERO = 128, // no matter to the parser
    SQL_STRICT = 32,                 // values that don't fit are refused: no matter to the parser
};

// Those by which a text is read differently.
enum {
    SQL_OF_GRAMMAR = SQL_ANSI_QUOTES | SQL_NO_BACKSLASH_ESCAPES | SQL_PIPES_AS_CONCAT |
                     SQL_IGNORE_SPACE | SQL_HIGH_NOT_PRECEDENCE,
};

struct parse_options {
    uint32_t sql_mode;             // of the bits above
    const struct charset *charset; // the client's (character_set_client); NULL = utf8mb4
    bool is_mariadb;               // /*M! ... */ is SQL
    uint32_t server_version; // for /*!NNNNN ... */: 101119 for 10.11.19; comments of newer versions
                             // are comments
};

enum parse_result {
    PARSE_OK, // also for STATEMENT_UNKNOWN: the statement could not be read but is one statement
    PARSE_MULTIPLE, // the first of several statements with ; between them (a trailing ; is no
                    // second statement)
    PARSE_TOO_DEEP, // nested deeper than PARSE_DEPTH_MAX, or too many nodes: refused
};

enum { PARSE_DEPTH_MAX = 200 };

// Never fails otherwise: what is not understood is STATEMENT_UNKNOWN, or skipped where it cannot
// matter to routing. `sql` must outlive the statement.
enum parse_result parse_statement(struct arena *arena, struct slice sql,
                                  const struct parse_options *options,
                                  struct statement **statement) MUST_CHECK;

// The bits above from the text of a sql_mode ("ANSI_QUOTES,STRICT_TRANS_TABLES", "ANSI", numbers
// too).
uint32_t parse_sql_mode(struct slice text);
