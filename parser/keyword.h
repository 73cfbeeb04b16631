#pragma once
// The words that the grammar knows. A word is only a keyword where the grammar asks for it; in all
// other places it is a name, unless the server reserves it.

#include "base/slice.h"

enum keyword_reserved {
    RESERVED = 1, // by every server
    BY_MARIADB = 2,
    BY_MYSQL = 4, // 5.6 and 8
    BY_MYSQL8 = 8,
    BY_BOTH_NEW = BY_MARIADB | BY_MYSQL8,
};

// By first letter, and within a letter by length: keyword_find relies on both
// (tests/unit/parser/test_lexer.c checks it). What is reserved was asked of MariaDB 10.11.19
// (`SELECT word FROM (SELECT 1 AS word)`), and read in MySQL's manual.
// clang-format off
#define KEYWORDS_A(X)                                                                            \
    X(AS, RESERVED) X(ADD, RESERVED) X(ALL, RESERVED) X(AND, RESERVED) X(ANY, 0)         \
    X(ASC, RESERVED) X(AFTER, 0) X(ALTER, RESERVED) X(ATOMIC, 0) X(AGAINST, 0)           \
    X(ANALYZE, RESERVED) X(AUTHORS, 0) X(AGGREGATE, 0) X(ALGORITHM, 0)                     \
    X(ACCESSIBLE, RESERVED) X(ASENSITIVE, RESERVED) X(AUTO_INCREMENT, 0)
#define KEYWORDS_B(X)                                                                            \
    X(BY, RESERVED) X(BLOB, RESERVED) X(BODY, 0) X(BOTH, RESERVED) X(BEGIN, 0)           \
    X(BACKUP, 0) X(BEFORE, RESERVED) X(BIGINT, RESERVED) X(BINARY, RESERVED)               \
    X(BINLOG, 0) X(BETWEEN, RESERVED) X(BOOLEAN, 0)
#define KEYWORDS_C(X)                                                                            \
    X(CALL, RESERVED) X(CASE, RESERVED) X(CAST, 0) X(CHAR, RESERVED) X(CODE, 0)          \
    X(CUBE, BY_MYSQL8) X(CACHE, 0) X(CHAIN, 0) X(CHECK, RESERVED) X(CLONE, 0)            \
    X(CLOSE, 0) X(COUNT, 0) X(CROSS, RESERVED) X(CYCLE, 0) X(CHANGE, RESERVED)           \
    X(COLUMN, RESERVED) X(COMMIT, 0) X(CREATE, RESERVED) X(CURSOR, RESERVED)               \
    X(CASCADE, RESERVED) X(CHANGED, 0) X(CHANNEL, 0) X(CHARSET, 0)                         \
    X(COLLATE, RESERVED) X(COLUMNS, 0) X(CONVERT, RESERVED) X(CURRENT, 0)                  \
    X(CHECKSUM, 0) X(CONTAINS, 0) X(CONTINUE, RESERVED) X(CHARACTER, RESERVED)             \
    X(COLLATION, 0) X(COMMITTED, 0) X(CONDITION, RESERVED) X(CUME_DIST, BY_MYSQL8)         \
    X(CONCURRENT, 0) X(CONNECTION, 0) X(CONSISTENT, 0) X(CONSTRAINT, RESERVED)             \
    X(CURRENT_DATE, RESERVED) X(CURRENT_ROLE, BY_MARIADB) X(CURRENT_TIME, RESERVED)          \
    X(CURRENT_USER, RESERVED) X(CURRENT_TIMESTAMP, RESERVED)
#define KEYWORDS_D(X)                                                                            \
    X(DO, 0) X(DAY, 0) X(DEC, RESERVED) X(DIV, RESERVED) X(DATA, 0) X(DATE, 0)         \
    X(DESC, RESERVED) X(DROP, RESERVED) X(DUAL, RESERVED) X(DELETE, RESERVED)              \
    X(DOUBLE, RESERVED) X(DECIMAL, RESERVED) X(DECLARE, RESERVED) X(DEFAULT, RESERVED)     \
    X(DEFINER, 0) X(DELAYED, RESERVED) X(DATABASE, BY_MYSQL) X(DAY_HOUR, RESERVED)         \
    X(DESCRIBE, RESERVED) X(DISTINCT, RESERVED) X(DUMPFILE, 0) X(DATABASES, RESERVED)      \
    X(DUPLICATE, 0) X(DAY_MINUTE, RESERVED) X(DAY_SECOND, RESERVED) X(DEALLOCATE, 0)       \
    X(DENSE_RANK, BY_MYSQL8) X(DIAGNOSTICS, 0) X(DISTINCTROW, RESERVED)                      \
    X(DETERMINISTIC, RESERVED) X(DO_DOMAIN_IDS, BY_MARIADB) X(DAY_MICROSECOND, RESERVED)     \
    X(DELETE_DOMAIN_ID, BY_MARIADB)
#define KEYWORDS_E(X)                                                                            \
    X(END, 0) X(EACH, RESERVED) X(ELSE, RESERVED) X(EXIT, RESERVED)                        \
    X(EMPTY, BY_MYSQL8) X(EVENT, 0) X(ELSEIF, RESERVED) X(ENGINE, 0) X(ERRORS, 0)        \
    X(ESCAPE, 0) X(EVENTS, 0) X(EXCEPT, BY_BOTH_NEW) X(EXISTS, RESERVED) X(ENGINES, 0)   \
    X(ESCAPED, RESERVED) X(EXECUTE, 0) X(EXPLAIN, RESERVED) X(EXTRACT, 0)                  \
    X(ENCLOSED, RESERVED) X(EXAMINED, 0) X(EXCHANGE, 0) X(EXTENDED, 0) X(EXPANSION, 0)
#define KEYWORDS_F(X)                                                                            \
    X(FOR, RESERVED) X(FAST, 0) X(FROM, RESERVED) X(FULL, 0) X(FALSE, RESERVED)          \
    X(FETCH, RESERVED) X(FIRST, 0) X(FLOAT, RESERVED) X(FLUSH, 0) X(FORCE, RESERVED)     \
    X(FIELDS, 0) X(FLOAT4, RESERVED) X(FLOAT8, RESERVED) X(FORMAT, 0)                      \
    X(FOREIGN, RESERVED) X(FULLTEXT, RESERVED) X(FUNCTION, BY_MYSQL8)                        \
    X(FIRST_VALUE, BY_MYSQL8)
#define KEYWORDS_G(X)                                                                            \
    X(GET, BY_MYSQL) X(GRANT, RESERVED) X(GROUP, RESERVED) X(GLOBAL, 0) X(GRANTS, 0)     \
    X(GROUPS, BY_MYSQL8) X(GROUPING, BY_MYSQL8) X(GENERATED, BY_MYSQL8) X(GET_FORMAT, 0)
#define KEYWORDS_H(X)                                                                            \
    X(HARD, 0) X(HELP, 0) X(HOSTS, 0) X(HAVING, RESERVED) X(HANDLER, 0)                  \
    X(HISTORY, 0) X(HOUR_MINUTE, RESERVED) X(HOUR_SECOND, RESERVED)                          \
    X(HIGH_PRIORITY, RESERVED) X(HOUR_MICROSECOND, RESERVED)
#define KEYWORDS_I(X)                                                                            \
    X(IF, RESERVED) X(IN, RESERVED) X(IS, RESERVED) X(INT, RESERVED) X(INT1, RESERVED)   \
    X(INT2, RESERVED) X(INT3, RESERVED) X(INT4, RESERVED) X(INT8, RESERVED)                \
    X(INTO, RESERVED) X(INDEX, RESERVED) X(INNER, RESERVED) X(INOUT, RESERVED)             \
    X(IGNORE, RESERVED) X(IMPORT, 0) X(INFILE, RESERVED) X(INSERT, RESERVED)               \
    X(INDEXES, 0) X(INSTALL, 0) X(INTEGER, RESERVED) X(INVOKER, 0)                         \
    X(ITERATE, RESERVED) X(INSTANCE, 0) X(INTERVAL, RESERVED) X(IMMEDIATE, 0)              \
    X(INTERSECT, BY_BOTH_NEW) X(ISOLATION, 0) X(INSENSITIVE, RESERVED)                       \
    X(IGNORE_DOMAIN_IDS, BY_MARIADB)
#define KEYWORDS_J(X)                                                                            \
    X(JOIN, RESERVED) X(JSON, 0) X(JSON_TABLE, BY_MYSQL8)
#define KEYWORDS_K(X)                                                                            \
    X(KEY, RESERVED) X(KEYS, RESERVED) X(KILL, RESERVED)
#define KEYWORDS_L(X)                                                                            \
    X(LAG, BY_MYSQL8) X(LAST, 0) X(LEAD, BY_MYSQL8) X(LEFT, RESERVED) X(LESS, 0)         \
    X(LIKE, RESERVED) X(LOAD, RESERVED) X(LOCK, RESERVED) X(LOGS, 0) X(LONG, RESERVED)   \
    X(LOOP, RESERVED) X(LEAVE, RESERVED) X(LEVEL, 0) X(LIMIT, RESERVED)                    \
    X(LINES, RESERVED) X(LOCAL, 0) X(LINEAR, RESERVED) X(LOCKED, 0)                        \
    X(LATERAL, BY_MYSQL8) X(LEADING, RESERVED) X(LOGFILE, 0) X(LANGUAGE, 0)                \
    X(LONGBLOB, RESERVED) X(LONGTEXT, RESERVED) X(LOCALTIME, RESERVED)                       \
    X(LAST_VALUE, BY_MYSQL8) X(LOW_PRIORITY, RESERVED) X(LOCALTIMESTAMP, RESERVED)
#define KEYWORDS_M(X)                                                                            \
    X(MID, 0) X(MOD, RESERVED) X(MODE, 0) X(MATCH, RESERVED) X(MERGE, 0)                 \
    X(MASTER, 0) X(MEMBER, 0) X(MODIFY, 0) X(MAXVALUE, RESERVED) X(MODIFIES, RESERVED)                  \
    X(MEDIUMINT, RESERVED) X(MIDDLEINT, RESERVED) X(MEDIUMBLOB, RESERVED)                    \
    X(MEDIUMTEXT, RESERVED) X(MICROSECOND, 0) X(MATERIALIZED, 0)                             \
    X(MINUTE_SECOND, RESERVED) X(MINUTE_MICROSECOND, RESERVED)                                 \
    X(MASTER_DEMOTE_TO_SLAVE, BY_MARIADB) X(MASTER_DEMOTE_TO_REPLICA, BY_MARIADB)              \
    X(MASTER_SSL_VERIFY_SERVER_CERT, RESERVED)
#define KEYWORDS_N(X)                                                                            \
    X(NO, 0) X(NOT, RESERVED) X(NEXT, 0) X(NULL, RESERVED) X(NAMES, 0)                   \
    X(NTILE, BY_MYSQL8) X(NESTED, 0) X(NOWAIT, 0) X(NATURAL, RESERVED)                     \
    X(NUMERIC, RESERVED) X(NTH_VALUE, BY_MYSQL8) X(NO_WRITE_TO_BINLOG, RESERVED)
#define KEYWORDS_O(X)                                                                            \
    X(OF, BY_MYSQL8) X(OJ, 0) X(ON, RESERVED) X(OR, RESERVED) X(OLD, 0) X(ONE, 0)      \
    X(OUT, RESERVED) X(ONLY, 0) X(OPEN, 0) X(OVER, BY_BOTH_NEW) X(ORDER, RESERVED)       \
    X(OUTER, RESERVED) X(OFFSET, BY_MARIADB) X(ONLINE, 0) X(OPTION, BY_MYSQL)              \
    X(OUTFILE, RESERVED) X(OPTIMIZE, RESERVED) X(OPTIONALLY, RESERVED)
#define KEYWORDS_P(X)                                                                            \
    X(PHASE, 0) X(PURGE, RESERVED) X(PERIOD, 0) X(PLUGIN, 0) X(PACKAGE, 0)               \
    X(PERSIST, 0) X(PLUGINS, 0) X(PORTION, BY_MARIADB) X(PREPARE, 0)                       \
    X(PRIMARY, RESERVED) X(PASSWORD, 0) X(POSITION, 0) X(PREVIOUS, 0)                      \
    X(PARTITION, RESERVED) X(PRECISION, RESERVED) X(PROCEDURE, RESERVED)                     \
    X(PARTITIONS, 0) X(PRIVILEGES, 0) X(PROCESSLIST, 0) X(PERCENT_RANK, BY_MYSQL8)         \
    X(PERSIST_ONLY, 0) X(PAGE_CHECKSUM, BY_MARIADB) X(PARSE_VCOL_EXPR, BY_MARIADB)
#define KEYWORDS_Q(X)                                                                            \
    X(QUERY, 0) X(QUICK, 0)
#define KEYWORDS_R(X)                                                                            \
    X(ROW, BY_MYSQL8) X(RANK, BY_MYSQL8) X(READ, RESERVED) X(REAL, RESERVED)               \
    X(ROLE, 0) X(ROWS, BY_BOTH_NEW) X(RANGE, RESERVED) X(READS, RESERVED) X(RESET, 0)    \
    X(RIGHT, RESERVED) X(RLIKE, RESERVED) X(REGEXP, RESERVED) X(RENAME, RESERVED)          \
    X(REPAIR, 0) X(REPEAT, RESERVED) X(RETURN, RESERVED) X(REVOKE, RESERVED)               \
    X(ROLLUP, 0) X(RECOVER, 0) X(RELEASE, RESERVED) X(REPLACE, RESERVED) X(REPLICA, 0)   \
    X(REQUIRE, RESERVED) X(RESPECT, 0) X(RESTART, 0) X(RETURNS, 0) X(ROUTINE, 0)         \
    X(RESIGNAL, RESERVED) X(RESTRICT, RESERVED) X(ROLLBACK, 0) X(RECURSIVE, BY_BOTH_NEW)   \
    X(RETURNING, BY_MARIADB) X(READ_WRITE, RESERVED) X(REFERENCES, RESERVED)                 \
    X(REPEATABLE, 0) X(ROW_NUMBER, BY_BOTH_NEW) X(REF_SYSTEM_ID, BY_MARIADB)
#define KEYWORDS_S(X)                                                                            \
    X(SET, RESERVED) X(SQL, RESERVED) X(SSL, RESERVED) X(SHOW, RESERVED) X(SKIP, 0)      \
    X(SOFT, 0) X(SOME, 0) X(STOP, 0) X(SHARE, 0) X(SLAVE, 0) X(START, 0)               \
    X(SCHEMA, BY_MYSQL) X(SERIAL, 0) X(SELECT, RESERVED) X(SERVER, 0) X(SIGNAL, RESERVED)               \
    X(SOUNDS, 0) X(STATUS, 0) X(STORED, BY_MYSQL8) X(SUBSTR, 0) X(SYSTEM, BY_MYSQL8)     \
    X(SCHEMAS, RESERVED) X(SESSION, 0) X(SPATIAL, RESERVED) X(SUSPEND, 0)                  \
    X(SECURITY, 0) X(SEQUENCE, 0) X(SHUTDOWN, 0) X(SMALLINT, RESERVED) X(SNAPSHOT, 0)    \
    X(SPECIFIC, RESERVED) X(SQLSTATE, RESERVED) X(STARTING, RESERVED) X(SAVEPOINT, 0)      \
    X(SENSITIVE, RESERVED) X(SEPARATOR, RESERVED) X(SQL_CACHE, 0) X(STATEMENT, 0)          \
    X(SUBSTRING, 0) X(SQLWARNING, RESERVED) X(SYSTEM_TIME, 0) X(SERIALIZABLE, 0)           \
    X(SQLEXCEPTION, RESERVED) X(SQL_NO_CACHE, 0) X(STRAIGHT_JOIN, RESERVED)                  \
    X(SQL_BIG_RESULT, RESERVED) X(SQL_SMALL_RESULT, RESERVED)                                  \
    X(STATS_PERSISTENT, BY_MARIADB) X(SQL_BUFFER_RESULT, 0)                                    \
    X(STATS_AUTO_RECALC, BY_MARIADB) X(SECOND_MICROSECOND, RESERVED)                           \
    X(STATS_SAMPLE_PAGES, BY_MARIADB) X(SQL_CALC_FOUND_ROWS, RESERVED)
#define KEYWORDS_T(X)                                                                            \
    X(TO, RESERVED) X(THEN, RESERVED) X(TIES, 0) X(TIME, 0) X(TRIM, 0)                   \
    X(TRUE, RESERVED) X(TABLE, RESERVED) X(TABLES, 0) X(TINYINT, RESERVED)                 \
    X(TRIGGER, RESERVED) X(TINYBLOB, RESERVED) X(TINYTEXT, RESERVED)                         \
    X(TRAILING, RESERVED) X(TRIGGERS, 0) X(TRUNCATE, 0) X(TEMPORARY, 0)                    \
    X(TEMPTABLE, 0) X(TIMESTAMP, 0) X(TABLESPACE, 0) X(TERMINATED, RESERVED)               \
    X(TRANSACTION, 0) X(TIMESTAMPADD, 0) X(TIMESTAMPDIFF, 0)
#define KEYWORDS_U(X)                                                                            \
    X(USE, RESERVED) X(UNDO, RESERVED) X(USER, 0) X(UNION, RESERVED) X(UNTIL, 0)         \
    X(USAGE, RESERVED) X(USING, RESERVED) X(UNIQUE, RESERVED) X(UNLOCK, RESERVED)          \
    X(UPDATE, RESERVED) X(UNKNOWN, 0) X(UNSIGNED, RESERVED) X(UTC_DATE, RESERVED)          \
    X(UTC_TIME, RESERVED) X(UNDEFINED, 0) X(UNINSTALL, 0) X(UNCOMMITTED, 0)                \
    X(UTC_TIMESTAMP, RESERVED)
#define KEYWORDS_V(X)                                                                            \
    X(VIEW, 0) X(VALUE, 0) X(VALUES, RESERVED) X(VARCHAR, RESERVED)                        \
    X(VARYING, RESERVED) X(VIRTUAL, BY_MYSQL8) X(VARBINARY, RESERVED) X(VARIABLES, 0)      \
    X(VERSIONING, 0) X(VARCHARACTER, RESERVED)
#define KEYWORDS_W(X)                                                                            \
    X(WAIT, 0) X(WHEN, RESERVED) X(WITH, RESERVED) X(WORK, 0) X(WHERE, RESERVED)         \
    X(WHILE, RESERVED) X(WRITE, RESERVED) X(WINDOW, BY_MYSQL8) X(WITHIN, 0)                \
    X(WITHOUT, 0) X(WARNINGS, 0) X(WEIGHT_STRING, 0)
#define KEYWORDS_X(X)                                                                            \
    X(XA, 0) X(XML, 0) X(XOR, RESERVED)
#define KEYWORDS_Y(X)                                                                            \
    X(YEAR_MONTH, RESERVED)
#define KEYWORDS_Z(X)                                                                            \
    X(ZEROFILL, RESERVED)

#define KEYWORD_ENUM_ROW(word, reserved) KW_##word,
enum keyword {
    KW_NONE,
    KEYWORDS_A(KEYWORD_ENUM_ROW) KEYWORDS_B(KEYWORD_ENUM_ROW) KEYWORDS_C(KEYWORD_ENUM_ROW)
    KEYWORDS_D(KEYWORD_ENUM_ROW) KEYWORDS_E(KEYWORD_ENUM_ROW) KEYWORDS_F(KEYWORD_ENUM_ROW)
    KEYWORDS_G(KEYWORD_ENUM_ROW) KEYWORDS_H(KEYWORD_ENUM_ROW) KEYWORDS_I(KEYWORD_ENUM_ROW)
    KEYWORDS_J(KEYWORD_ENUM_ROW) KEYWORDS_K(KEYWORD_ENUM_ROW) KEYWORDS_L(KEYWORD_ENUM_ROW)
    KEYWORDS_M(KEYWORD_ENUM_ROW) KEYWORDS_N(KEYWORD_ENUM_ROW) KEYWORDS_O(KEYWORD_ENUM_ROW)
    KEYWORDS_P(KEYWORD_ENUM_ROW) KEYWORDS_Q(KEYWORD_ENUM_ROW) KEYWORDS_R(KEYWORD_ENUM_ROW)
    KEYWORDS_S(KEYWORD_ENUM_ROW) KEYWORDS_T(KEYWORD_ENUM_ROW) KEYWORDS_U(KEYWORD_ENUM_ROW)
    KEYWORDS_V(KEYWORD_ENUM_ROW) KEYWORDS_W(KEYWORD_ENUM_ROW) KEYWORDS_X(KEYWORD_ENUM_ROW)
    KEYWORDS_Y(KEYWORD_ENUM_ROW) KEYWORDS_Z(KEYWORD_ENUM_ROW)
    KEYWORD_COUNT,
};
#undef KEYWORD_ENUM_ROW
// clang-format on

// KW_NONE when the word is none; any case.
enum keyword keyword_find(const uint8_t *word, size_t len);
const char *keyword_text(enum keyword keyword);     // upper case
unsigned keyword_reserved_by(enum keyword keyword); // enum keyword_reserved
