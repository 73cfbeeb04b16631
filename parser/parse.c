// The door of the parser: one statement, by its first word. What could not be read becomes
// STATEMENT_UNKNOWN with nothing of the tree left, so that nobody routes by half of a statement.

#include "parser/parse_impl.h"

struct statement_row {
    uint16_t keyword;
    void (*parse)(struct parser *parser);
};

// The most frequent first.
// clang-format off
static const struct statement_row statements[] = {
    {KW_SELECT, parse_select_statement}, {KW_INSERT, parse_insert}, {KW_UPDATE, parse_update},
    {KW_DELETE, parse_delete}, {KW_SET, parse_set}, {KW_BEGIN, parse_begin}, {KW_START, parse_start},
    {KW_COMMIT, parse_commit}, {KW_ROLLBACK, parse_rollback}, {KW_REPLACE, parse_insert},
    {KW_CALL, parse_call}, {KW_SHOW, parse_show}, {KW_USE, parse_use}, {KW_WITH, parse_with_statement},
    {KW_VALUES, parse_select_statement}, {KW_TABLE, parse_select_statement}, {KW_DO, parse_do},
    {KW_SAVEPOINT, parse_savepoint}, {KW_RELEASE, parse_release}, {KW_CREATE, parse_create},
    {KW_ALTER, parse_alter}, {KW_DROP, parse_drop}, {KW_TRUNCATE, parse_truncate},
    {KW_RENAME, parse_rename}, {KW_LOCK, parse_lock}, {KW_UNLOCK, parse_unlock}, {KW_XA, parse_xa},
    {KW_EXPLAIN, parse_explain}, {KW_DESCRIBE, parse_explain}, {KW_DESC, parse_explain},
    {KW_ANALYZE, parse_analyze}, {KW_KILL, parse_kill}, {KW_LOAD, parse_load},
    {KW_HANDLER, parse_handler}, {KW_PREPARE, parse_prepare}, {KW_EXECUTE, parse_prepare},
    {KW_DEALLOCATE, parse_prepare}, {KW_GET, parse_diagnostics}, {KW_SIGNAL, parse_diagnostics},
    {KW_RESIGNAL, parse_diagnostics}, {KW_FLUSH, parse_flush}, {KW_OPTIMIZE, parse_table_maintenance},
    {KW_CHECK, parse_table_maintenance}, {KW_REPAIR, parse_table_maintenance},
    {KW_CHECKSUM, parse_table_maintenance}, {KW_HELP, parse_help}, {KW_GRANT, parse_accounts},
    {KW_REVOKE, parse_accounts}, {KW_RESET, parse_admin}, {KW_CHANGE, parse_admin},
    {KW_PURGE, parse_admin}, {KW_CACHE, parse_admin}, {KW_INSTALL, parse_admin},
    {KW_UNINSTALL, parse_admin}, {KW_SHUTDOWN, parse_admin}, {KW_STOP, parse_admin},
    {KW_BINLOG, parse_admin}, {KW_BACKUP, parse_backup}, {KW_CLONE, parse_admin},
    {KW_RESTART, parse_admin}, {KW_IMPORT, parse_admin}, {KW_FOR, parse_compound},
    {KW_WHILE, parse_compound}, {KW_LOOP, parse_compound}, {KW_REPEAT, parse_compound},
    {KW_IF, parse_compound}, {KW_CASE, parse_compound},
};
// clang-format on

void parse_any_statement(struct parser *parser)
{
    if (parser_at(parser, TOKEN_LPAREN)) {
        parse_select_statement(parser);
        return;
    }
    for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++) {
        if (parser->token.keyword == statements[i].keyword) {
            statements[i].parse(parser);
            return;
        }
    }
    if (parser_ahead(parser)->kind == TOKEN_COLON) { // a label
        parse_compound(parser);
    }
    parser_fail(parser);
}

static void init(struct parser *parser, struct arena *arena, struct slice sql,
                 const struct parse_options *options)
{
    *parser = (struct parser){.arena = arena};
    lexer_init(&parser->lexer, sql, options);
    parser->rules.has_escapes = (parser->lexer.sql_mode & SQL_NO_BACKSLASH_ESCAPES) == 0;
    parser->rules.wide = parser->lexer.wide;
    unsigned mysql = parser->lexer.server_version >= 80000 ? BY_MYSQL | BY_MYSQL8 : BY_MYSQL;
    parser->reserved_mask = RESERVED | (parser->lexer.is_mariadb ? BY_MARIADB : mysql);
    parser->statement = arena_alloc(arena, sizeof *parser->statement);
    parser->statement->text = sql;
    lexer_next(&parser->lexer, &parser->token);
    if (parser->token.kind == TOKEN_BAD) {
        parser_fail(parser);
    }
}

// Reading stopped at the present token: forgets the tree, and looks whether another statement
// follows.
static enum parse_result finish_unknown(struct parser *parser)
{
    struct statement *statement = parser->statement;
    struct slice text = statement->text;
    uint32_t at = parser->token.span.begin;
    struct lexer *lexer = &parser->lexer;
    *statement = (struct statement){
        .kind = STATEMENT_UNKNOWN,
        .text = text,
        .facts = statement->facts,
        .param_count = statement->param_count,
    };
    uint32_t blamed = parser->is_compound ? 0 : at;
    size_t shown = text.len - blamed < 80 ? text.len - blamed : 80;
    statement->problem =
        arena_format(parser->arena, "near '%.*s'", (int)shown, (const char *)text.ptr + blamed);
    lexer->at = at;
    lexer->is_name_next = false;
    enum parse_result result = PARSE_OK;
    struct token token;
    bool is_behind = false; // a semicolon was read
    for (lexer_next(lexer, &token); token.kind != TOKEN_END; lexer_next(lexer, &token)) {
        if (is_behind) {
            result = PARSE_MULTIPLE;
            break;
        }
        statement->param_count += token.kind == TOKEN_PARAM;
        if (token.kind == TOKEN_SEMICOLON) {
            is_behind = true;
            statement->rest = token.span.end;
        }
        if (token.kind == TOKEN_BAD && lexer->at >= lexer->size) {
            break;
        }
    }
    return result;
}

static enum parse_result finish_known(struct parser *parser)
{
    struct token next;
    if (parser_at(parser, TOKEN_END)) {
        return PARSE_OK;
    }
    parser->statement->rest = parser->token.span.end;
    lexer_next(&parser->lexer, &next);
    return next.kind == TOKEN_END ? PARSE_OK : PARSE_MULTIPLE;
}

static void note_comments(struct parser *parser, const struct lexer *lexer)
{
    struct statement *statement = parser->statement;
    statement->has_executable_comment = lexer->has_executable;
    if (lexer->hint.end != 0) {
        statement->hint = parser_text(parser, lexer->hint);
    }
}

enum parse_result parse_statement(struct arena *arena, struct slice sql,
                                  const struct parse_options *options, struct statement **statement)
{
    struct parser parser;
    bool is_too_long = sql.len >= UINT32_MAX;
    init(&parser, arena, is_too_long ? slice_of(sql.ptr, 0) : sql, options);
    *statement = parser.statement;
    if (is_too_long) {
        parser.statement->kind = STATEMENT_UNKNOWN;
        return PARSE_TOO_DEEP;
    }
    bool is_empty = parser_at(&parser, TOKEN_END) || parser_at(&parser, TOKEN_SEMICOLON);
    if (!parser.has_failed && !is_empty) {
        parse_any_statement(&parser);
        if (!parser_at(&parser, TOKEN_END) && !parser_at(&parser, TOKEN_SEMICOLON)) {
            parser_fail(&parser);
        }
    }
    if (parser.has_ahead) { // the place is behind the present token, as the ends expect
        parser.lexer.at = parser.ahead.span.begin;
    }
    struct lexer comments = parser.lexer; // as they are before the next statement is looked at
    enum parse_result result = parser.has_failed ? finish_unknown(&parser) : finish_known(&parser);
    if (parser.has_failed && result == PARSE_OK) {
        comments = parser.lexer; // a hint may stand behind what could not be read
    }
    note_comments(&parser, &comments);
    return parser.is_too_deep ? PARSE_TOO_DEEP : result;
}

// ---- sql_mode

struct mode_row {
    const char *name;
    unsigned bit; // of the number that the servers give it
    uint32_t mode;
};

// clang-format off
enum { ANSI_MODES = SQL_ANSI_QUOTES | SQL_PIPES_AS_CONCAT | SQL_IGNORE_SPACE };

static const struct mode_row modes[] = {
    {"PIPES_AS_CONCAT", 1, SQL_PIPES_AS_CONCAT},
    {"ANSI_QUOTES", 2, SQL_ANSI_QUOTES},
    {"IGNORE_SPACE", 3, SQL_IGNORE_SPACE},
    {"POSTGRESQL", 8, ANSI_MODES},
    {"ORACLE", 9, ANSI_MODES | SQL_ORACLE},
    {"MSSQL", 10, ANSI_MODES},
    {"DB2", 11, ANSI_MODES},
    {"MAXDB", 12, ANSI_MODES},
    {"MYSQL323", 16, SQL_HIGH_NOT_PRECEDENCE},
    {"MYSQL40", 17, SQL_HIGH_NOT_PRECEDENCE},
    {"ANSI", 18, ANSI_MODES},
    {"NO_AUTO_VALUE_ON_ZERO", 19, SQL_NO_AUTO_VALUE_ON_ZERO},
    {"NO_BACKSLASH_ESCAPES", 20, SQL_NO_BACKSLASH_ESCAPES},
    {"STRICT_TRANS_TABLES", 21, SQL_STRICT},
    {"STRICT_ALL_TABLES", 22, SQL_STRICT},
    {"TRADITIONAL", 27, SQL_STRICT},
    {"HIGH_NOT_PRECEDENCE", 29, SQL_HIGH_NOT_PRECEDENCE},
};
// clang-format on

static uint32_t mode_of_word(struct slice word)
{
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        if (slice_is_nocase(word, modes[i].name)) {
            return modes[i].mode;
        }
    }
    return 0;
}

uint32_t parse_sql_mode(struct slice text)
{
    uint32_t mode = 0;
    uint64_t number;
    if (slice_to_uint64(text, &number)) {
        for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
            mode |= (number >> modes[i].bit & 1) != 0 ? modes[i].mode : 0;
        }
        return mode;
    }
    for (size_t begin = 0; begin <= text.len;) {
        size_t end = begin;
        while (end < text.len && text.ptr[end] != ',') {
            end++;
        }
        struct slice word = slice_part(text, begin, end);
        while (word.len > 0 && word.ptr[word.len - 1] == ' ') {
            word.len--;
        }
        while (word.len > 0 && word.ptr[0] == ' ') {
            word = slice_part(word, 1, word.len);
        }
        mode |= mode_of_word(word);
        begin = end + 1;
    }
    return mode;
}
