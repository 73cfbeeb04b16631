// Transactions and locks: BEGIN, START TRANSACTION, COMMIT, ROLLBACK, savepoints, XA, LOCK TABLES.

#include "parser/parse_impl.h"

void parse_begin(struct parser *parser)
{
    if (parser_ahead(parser)->keyword == KW_NOT) { // BEGIN NOT ATOMIC
        parse_compound(parser);
        return;
    }
    parser_begin(parser, STATEMENT_BEGIN, FACT_ENDS_TRANSACTION);
    (void)parser_accept_word(parser, KW_WORK);
}

static void read_start_option(struct parser *parser)
{
    if (parser_accept_word(parser, KW_WITH)) {
        parser_expect_word(parser, KW_CONSISTENT);
        parser_expect_word(parser, KW_SNAPSHOT);
        parser->statement->is_consistent_snapshot = true;
        return;
    }
    parser_expect_word(parser, KW_READ);
    if (parser_accept_word(parser, KW_ONLY)) {
        parser->statement->is_read_only_transaction = true;
    } else {
        parser_expect_word(parser, KW_WRITE);
        parser->statement->is_read_write_transaction = true;
    }
}

// START TRANSACTION; START SLAVE and the like are administration.
void parse_start(struct parser *parser)
{
    if (parser_ahead(parser)->keyword != KW_TRANSACTION) {
        parse_admin(parser);
        return;
    }
    parser_begin(parser, STATEMENT_BEGIN, FACT_ENDS_TRANSACTION);
    parser_advance(parser);
    if (parser_at_word(parser, KW_WITH) || parser_at_word(parser, KW_READ)) {
        do {
            read_start_option(parser);
        } while (parser_accept(parser, TOKEN_COMMA));
        if (parser->statement->is_read_only_transaction &&
            parser->statement->is_read_write_transaction) {
            parser_fail(parser);
        }
    }
}

// [AND [NO] CHAIN] [[NO] RELEASE]
static void read_completion(struct parser *parser)
{
    if (parser_accept_word(parser, KW_AND)) {
        bool is_no = parser_accept_word(parser, KW_NO);
        parser_expect_word(parser, KW_CHAIN);
        parser->statement->is_transaction_chain = !is_no;
    }
    bool is_no = parser_accept_word(parser, KW_NO);
    bool is_chain = parser->statement->is_transaction_chain; // CHAIN RELEASE contradicts itself
    if ((is_no || !is_chain) && parser_accept_word(parser, KW_RELEASE)) {
        parser->statement->is_transaction_release = !is_no;
    } else if (is_no) {
        parser_fail(parser);
    }
}

void parse_commit(struct parser *parser)
{
    parser_begin(parser, STATEMENT_COMMIT, 0);
    (void)parser_accept_word(parser, KW_WORK);
    read_completion(parser);
}

void parse_rollback(struct parser *parser)
{
    parser_begin(parser, STATEMENT_ROLLBACK, 0);
    (void)parser_accept_word(parser, KW_WORK);
    if (parser_accept_word(parser, KW_TO)) {
        (void)parser_accept_word(parser, KW_SAVEPOINT);
        parser->statement->kind = STATEMENT_ROLLBACK_TO;
        parser->statement->name = parser_name(parser);
        return;
    }
    read_completion(parser);
}

void parse_savepoint(struct parser *parser)
{
    parser_begin(parser, STATEMENT_SAVEPOINT, 0);
    parser->statement->name = parser_name(parser);
}

void parse_release(struct parser *parser)
{
    parser_begin(parser, STATEMENT_RELEASE, 0);
    parser_expect_word(parser, KW_SAVEPOINT);
    parser->statement->name = parser_name(parser);
}

// t [AS a] READ [LOCAL] | [LOW_PRIORITY] WRITE [CONCURRENT] [WAIT n | NOWAIT]
static void read_locked_table(struct parser *parser, struct table_ref *ref)
{
    ref->alias = parse_alias(parser);
    if (parser_accept_word(parser, KW_READ)) {
        bool is_local = parser_accept_word(parser, KW_LOCAL);
        ref->lock = is_local ? TABLE_LOCK_READ_LOCAL : TABLE_LOCK_READ;
        return;
    }
    ref->lock = TABLE_LOCK_WRITE;
    (void)parser_accept_word(parser, KW_LOW_PRIORITY);
    parser_expect_word(parser, KW_WRITE);
    (void)parser_accept_word(parser, KW_CONCURRENT);
}

void parse_lock(struct parser *parser)
{
    if (parser_ahead(parser)->keyword == KW_INSTANCE) {
        parse_admin(parser);
        return;
    }
    parser_begin(parser, STATEMENT_LOCK,
                 FACT_TABLE_LOCK | FACT_NEEDS_PRIMARY | FACT_ENDS_TRANSACTION);
    if (!parser_accept_word(parser, KW_TABLES)) {
        parser_expect_word(parser, KW_TABLE);
    }
    struct table_ref **last = &parser->statement->tables;
    do {
        *last = parse_table_name(parser);
        read_locked_table(parser, *last);
        last = &(*last)->next;
    } while (parser_accept(parser, TOKEN_COMMA));
    struct span wait = parser->token.span;
    if (parser_accept_word(parser, KW_WAIT)) {
        wait = parser->token.span;
        (void)parse_primary(parser);
        parser->statement->lock_wait = parser_text(parser, wait);
    } else if (parser_accept_word(parser, KW_NOWAIT)) {
        parser->statement->lock_wait = parser_text(parser, wait);
    }
}

void parse_unlock(struct parser *parser)
{
    if (parser_ahead(parser)->keyword == KW_INSTANCE) {
        parse_admin(parser);
        return;
    }
    parser_begin(parser, STATEMENT_UNLOCK, 0);
    if (!parser_accept_word(parser, KW_TABLES)) {
        parser_expect_word(parser, KW_TABLE);
    }
}

// The verb is the name: START, BEGIN, END, PREPARE, COMMIT, ROLLBACK, RECOVER. Behind it stands
// 'gtrid' [, 'bqual' [, format]], and what servers see to.
void parse_xa(struct parser *parser)
{
    parser_begin(parser, STATEMENT_XA, FACT_XA | FACT_NEEDS_PRIMARY);
    struct slice verb = parser_text(parser, parser->token.span);
    parser->statement->name = literal_upper(parser->arena, verb);
    for (int commas = 0; commas < 2 && !parser_at(parser, TOKEN_END);) {
        commas += parser_at(parser, TOKEN_COMMA);
        parser_advance(parser);
        if (commas == 2) {
            parser->statement->xa_format = parser_text(parser, parser->token.span);
        }
    }
    parser_skip_rest(parser);
}
