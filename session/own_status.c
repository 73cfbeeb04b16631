// Status variables of the connection over which they are asked, for SHOW STATUS (flow_status.c) and
// for the tables that have the same. Of these a SELECT may ask anything, so each becomes a derived
// table with the client's values in it:
//
//     SELECT ... FROM information_schema.session_status WHERE ...
//     SELECT ... FROM (SELECT VARIABLE_NAME, CASE LOWER(VARIABLE_NAME) WHEN 'ssl_cipher' THEN '...'
//                      ... ELSE VARIABLE_VALUE END AS VARIABLE_VALUE
//                      FROM information_schema.session_status LIMIT ...) AS session_status WHERE
//                      ...

#include "session/own_status.h"

#include <stdio.h>
#include <string.h>

#include "parser/splice.h"
#include "router/plan.h"

enum { REFS_MAX = 8 };

static const char *const names[] = {
    "ssl_cipher",          "ssl_version",           "ssl_cipher_list",
    "ssl_sessions_reused", "ssl_server_not_before", "ssl_server_not_after",
    "compression",         "compression_algorithm", "compression_level",
    "threads_connected", // the clients, of whom SHOW PROCESSLIST tells
};

static bool is_compressed(const struct session *session)
{
    return session->compression == COMPRESSION_ON;
}

const char *own_status_value(const struct session *session, struct slice name,
                             char number[OWN_STATUS_NUMBER_BYTES])
{
    static const struct tls_facts no_tls = {
        .version = "", .cipher = "", .known_ciphers = "", .not_before = "", .not_after = ""};
    const struct tls_facts *tls = stream_tls(&session->stream);
    tls = tls != NULL ? tls : &no_tls;
    bool is_count = slice_is_nocase(name, "threads_connected");
    uint32_t clients =
        atomic_load_explicit(session->sessions->host.client_count, memory_order_relaxed);
    uint32_t level = is_compressed(session) ? session->compression_level : 0;
    snprintf(number, OWN_STATUS_NUMBER_BYTES, "%u", is_count ? clients : level);
    const char *const values[] = {
        tls->cipher,
        tls->version,
        tls->known_ciphers,
        tls->is_resumed ? "1" : "0",
        tls->not_before,
        tls->not_after,
        is_compressed(session) ? "ON" : "OFF",
        session_compression_name(session),
        number,
        number,
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (slice_is_nocase(name, names[i])) {
            return values[i];
        }
    }
    return NULL;
}

// ---- the tables

static bool is_status_table(const struct table_ref *ref)
{
    return (slice_is_nocase(ref->schema, "information_schema") ||
            slice_is_nocase(ref->schema, "performance_schema")) &&
           (slice_is_nocase(ref->name, "session_status") ||
            slice_is_nocase(ref->name, "global_status"));
}

// ---- conditions that leave none of these: VARIABLE_NAME LIKE 'Handler%', = 'Questions', IN (...)

// `is_pattern`: of LIKE. Its letters before the first wildcard are looked at.
static bool is_of_others(const struct expr *value, bool is_pattern)
{
    struct slice word = value->value;
    if (value->kind != EXPR_STRING || value->has_introducer || word.len == 0 ||
        memchr(word.ptr, ' ', word.len) != NULL) { // at the end it would mean nothing
        return false;
    }
    for (size_t i = 0; is_pattern && i < word.len; i++) {
        if (word.ptr[i] == '%' || word.ptr[i] == '_' || word.ptr[i] == '\\') {
            word = slice_part(word, 0, i);
        }
    }
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct slice name = slice_of_string(names[i]);
        if (slice_equal_nocase(is_pattern ? slice_part(name, 0, word.len) : name, word)) {
            return false;
        }
    }
    return slice_is_ascii(word);
}

// The word between the two operands.
static bool is_word_between(struct slice text, const struct expr *expr, const char *word)
{
    size_t begin = expr->children[0]->span.end, end = expr->children[1]->span.begin;
    while (begin < end && text.ptr[begin] == ' ') {
        begin++;
    }
    while (end > begin && text.ptr[end - 1] == ' ') {
        end--;
    }
    return slice_is_nocase(slice_part(text, begin, end), word);
}

static bool leaves_none(struct slice text, const struct expr *expr)
{
    bool is_pair = expr->child_count == 2;
    if (expr->kind == EXPR_BINARY && expr->op == OP_AND) {
        return is_pair &&
               (leaves_none(text, expr->children[0]) || leaves_none(text, expr->children[1]));
    }
    bool is_equal = expr->kind == EXPR_BINARY && expr->op == OP_EQUAL;
    bool is_like = is_pair && expr->kind == EXPR_OTHER && is_word_between(text, expr, "LIKE");
    bool is_in = expr->kind == EXPR_IN && !expr->is_negated;
    if ((!is_equal && !is_like && !is_in) || expr->child_count < 2 ||
        expr->children[0]->kind != EXPR_COLUMN ||
        !slice_is_nocase(expr->children[0]->name, "VARIABLE_NAME")) {
        return false;
    }
    for (uint32_t i = 1; i < expr->child_count; i++) {
        if (!is_of_others(expr->children[i], is_like)) {
            return false;
        }
    }
    return true;
}

// The server's own rows are the answer then, and it counts no reads that are not the client's.
static bool is_about_others(struct slice text, const struct query *query)
{
    return query->tables != NULL && query->tables->next == NULL && query->where != NULL &&
           leaves_none(text, query->where);
}

struct found {
    const struct table_ref *refs[REFS_MAX]; // in the order of the text
    size_t count;
    bool is_more;
};

static void add_ref(struct found *found, const struct table_ref *ref)
{
    if (found->count == REFS_MAX) {
        found->is_more = true;
        return;
    }
    size_t at = found->count++;
    for (; at > 0 && found->refs[at - 1]->name_span.begin > ref->name_span.begin; at--) {
        found->refs[at] = found->refs[at - 1];
    }
    found->refs[at] = ref;
}

static void find_refs(struct found *found, struct slice text, const struct query *query)
{
    for (; query != NULL; query = query->next) {
        if (is_about_others(text, query)) {
            continue;
        }
        for (const struct table_ref *ref = query->tables; ref != NULL; ref = ref->next) {
            if (is_status_table(ref)) {
                add_ref(found, ref);
            }
        }
    }
}

// A column may be called by the table's full name, which a derived table has not.
static bool is_named_elsewhere(struct slice text, const struct found *found)
{
    size_t count = 0;
    for (size_t i = 0; i + strlen("session_status") <= text.len; i++) {
        count +=
            slice_is_nocase(slice_part(text, i, i + strlen("session_status")), "session_status") ||
            slice_is_nocase(slice_part(text, i, i + strlen("global_status")), "global_status");
    }
    return count > found->count;
}

// Values are names of ciphers, dates, numbers: nothing in them needs an escape.
static struct slice derived_table(struct session *session, struct slice text,
                                  const struct table_ref *ref)
{
    struct text sql;
    text_init(&sql);
    text_add_string(&sql, "(SELECT VARIABLE_NAME, CASE LOWER(VARIABLE_NAME)");
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char number[OWN_STATUS_NUMBER_BYTES];
        text_add_format(&sql, " WHEN '%s' THEN '%s'", names[i],
                        own_status_value(session, slice_of_string(names[i]), number));
    }
    struct slice table = slice_part(text, ref->name_span.begin, ref->name_span.end);
    // With the limit it is not merged into the query: columns are called as they are named there.
    text_add_format(&sql,
                    " ELSE VARIABLE_VALUE END AS VARIABLE_VALUE FROM %.*s LIMIT "
                    "18446744073709551615)",
                    (int)table.len, (const char *)table.ptr);
    if (ref->alias.len == 0) {
        text_add_format(&sql, " AS %.*s", (int)ref->name.len, (const char *)ref->name.ptr);
    }
    struct slice kept = arena_copy(&session->arena, text_slice(&sql));
    text_done(&sql);
    return kept;
}

void own_status_rewrite(struct session *session, struct request *request)
{
    const struct statement *statement = request->statement;
    struct plan *plan = request->plan;
    struct found found = {0};
    if (statement->kind != STATEMENT_SELECT || plan->target_count != 1 ||
        plan->targets[0].sql.ptr != NULL) {
        return;
    }
    find_refs(&found, statement->text, statement->query);
    for (uint32_t i = 0; i < statement->subquery_count; i++) {
        find_refs(&found, statement->text, statement->subqueries[i]);
    }
    if (found.count == 0 || found.is_more || is_named_elsewhere(statement->text, &found)) {
        return;
    }
    struct splice splices[REFS_MAX];
    for (size_t i = 0; i < found.count; i++) {
        splices[i] = (struct splice){
            .span = found.refs[i]->name_span,
            .with = derived_table(session, statement->text, found.refs[i]),
        };
    }
    plan->targets[0].sql = splice_text(&session->arena, statement->text, splices, found.count);
}
