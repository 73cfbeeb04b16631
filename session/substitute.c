// The text is rewritten word by word:
//
//     SELECT FOUND_ROWS() + 1        SELECT CAST('00000000000000000007' AS SIGNED) + 1
//                                           AS `FOUND_ROWS() + 1`
//     SET @n = ROW_COUNT()           SET @n = 3
//
// In a query the value must have the type that the function has, a BIGINT; so many zeros make it
// one. Items get the name that they would have had. Elsewhere a plain number will do, and SET then
// has nothing that would bind the session to a server.

#include "session/substitute.h"

#include <inttypes.h>

#include "parser/lexer.h"
#include "parser/splice.h"
#include "session/aftermath.h"
#include "session/flow_single.h"
#include "session/query.h"
#include "session/warning_list.h"

enum { PLACES_MAX = 32, NAME_BYTES_MAX = 200, WINDOW = 4 };

struct place { // of a value in the text
    struct span span;
    int64_t value;
    bool is_variable; // unsigned, and may be NULL by its type
    bool is_item;     // all of an item in a select list
    bool is_argument; // the first one of a function: CONCAT(ROW_COUNT()) has its length
};

struct substitution {
    struct session *session;
    const struct statement *statement;
    struct place places[PLACES_MAX];
    uint32_t place_count;
    struct splice splices[2 * PLACES_MAX];
    uint32_t splice_count;
    bool is_full;
    bool is_id;                  // CONNECTION_ID() and nothing else
    bool keeps_variables;        // the statement clears the list first: servers give the right 0
    struct token window[WINDOW]; // the last tokens
    uint32_t at_at_begin;        // of the last @@
};

// ---- where they stand

static void add_place(struct substitution *all, uint32_t begin, int64_t value, bool is_variable)
{
    if (all->place_count == PLACES_MAX) {
        all->is_full = true;
        return;
    }
    struct span span = {begin, all->window[WINDOW - 1].span.end};
    all->places[all->place_count++] =
        (struct place){.span = span,
                       .value = value,
                       .is_variable = is_variable,
                       .is_argument = all->window[0].kind == TOKEN_LPAREN};
}

static struct slice text_of(const struct substitution *all, const struct token *token)
{
    return slice_part(all->statement->text, token->span.begin, token->span.end);
}

// NAME ( ), not behind a point
static void find_call(struct substitution *all)
{
    const struct token *window = all->window;
    const struct aftermath *aftermath = &all->session->aftermath;
    if (window[3].kind != TOKEN_RPAREN || window[2].kind != TOKEN_LPAREN ||
        window[1].kind != TOKEN_NAME || window[0].kind == TOKEN_DOT) {
        return;
    }
    struct slice name = text_of(all, &window[1]);
    if (all->is_id) {
        if (slice_is_nocase(name, "CONNECTION_ID")) {
            add_place(all, window[1].span.begin, all->session->id, false);
        }
    } else if (slice_is_nocase(name, "ROW_COUNT")) {
        add_place(all, window[1].span.begin, aftermath->row_count, false);
    } else if (slice_is_nocase(name, "FOUND_ROWS")) {
        add_place(all, window[1].span.begin, (int64_t)aftermath->found_rows, false);
    }
}

// @@name, or the end of @@session.name
static void find_variable(struct substitution *all)
{
    const struct token *window = all->window;
    bool is_scoped = window[2].kind == TOKEN_DOT && window[1].kind == TOKEN_NAME &&
                     window[0].kind == TOKEN_AT_AT;
    if (all->is_id || all->keeps_variables || window[3].kind != TOKEN_NAME ||
        (window[2].kind != TOKEN_AT_AT && !is_scoped)) {
        return;
    }
    struct slice name = text_of(all, &window[3]);
    const struct warning_list *list = all->session->warnings;
    if (slice_is_nocase(name, "warning_count")) {
        add_place(all, all->at_at_begin, list != NULL ? list->total : 0, true);
    } else if (slice_is_nocase(name, "error_count")) {
        add_place(all, all->at_at_begin, list != NULL ? list->errors : 0, true);
    }
}

static void find_places(struct substitution *all, const struct parse_options *options)
{
    struct lexer lexer;
    struct token token;
    lexer_init(&lexer, all->statement->text, options);
    do {
        lexer_next(&lexer, &token);
        memmove(all->window, all->window + 1, (WINDOW - 1) * sizeof *all->window);
        all->window[WINDOW - 1] = token;
        if (token.kind == TOKEN_AT_AT) {
            all->at_at_begin = token.span.begin;
        }
        find_call(all);
        find_variable(all);
    } while (token.kind != TOKEN_END && token.kind != TOKEN_BAD && !all->is_full);
}

// ---- what stands there instead

static struct slice value_text(const struct substitution *all, const struct place *place)
{
    struct arena *arena = &all->session->arena;
    const struct statement *statement = all->statement;
    bool makes_columns = statement->ddl != NULL && statement->ddl->select != NULL;
    if (statement->kind != STATEMENT_SELECT && !makes_columns) {
        return arena_format(arena, place->value < 0 ? "(%" PRId64 ")" : "%" PRId64, place->value);
    }
    if (all->is_id) {
        return arena_format(arena, "CAST('%010" PRId64 "' AS UNSIGNED)", place->value);
    }
    if (place->is_variable) {
        return arena_format(arena, "(CAST(NULLIF('%020" PRId64 "','') AS UNSIGNED) + 0)",
                            place->value);
    }
    bool is_whole = place->is_item || (makes_columns && place->is_argument);
    return arena_format(arena, "CAST('%0*" PRId64 "' AS SIGNED)", is_whole ? 21 : 20, place->value);
}

static struct slice name_text(struct arena *arena, struct slice name)
{
    struct text out;
    text_init(&out);
    text_add_string(&out, " AS `");
    for (size_t i = 0; i < name.len; i++) {
        text_add(&out, name.ptr + i, 1);
        if (name.ptr[i] == '`') {
            text_add_string(&out, "`");
        }
    }
    text_add_string(&out, "`");
    struct slice copy = arena_copy(arena, text_slice(&out));
    text_done(&out);
    return copy;
}

static void name_item(struct substitution *all, const struct select_item *item)
{
    struct span whole = item->expr->span;
    bool is_touched = false;
    for (uint32_t i = 0; i < all->place_count; i++) {
        struct place *place = &all->places[i];
        is_touched |= place->span.begin >= item->span.begin && place->span.end <= item->span.end;
        place->is_item |= place->span.begin == whole.begin && place->span.end == whole.end;
    }
    if (!is_touched || item->alias.len > 0) {
        return;
    }
    struct slice name = slice_part(all->statement->text, item->span.begin, item->span.end);
    if (name.len > NAME_BYTES_MAX || all->splice_count == PLACES_MAX) {
        all->is_full = true;
        return;
    }
    all->splices[all->splice_count++] = (struct splice){
        .span = {item->span.end, item->span.end},
        .with = name_text(&all->session->arena, name),
    };
}

static void name_items(struct substitution *all, const struct query *query)
{
    for (; query != NULL; query = query->next) {
        for (const struct select_item *item = query->items; item != NULL; item = item->next) {
            name_item(all, item);
        }
    }
}

static void name_all(struct substitution *all)
{
    const struct statement *statement = all->statement;
    name_items(all, statement->query);
    name_items(all, statement->insert != NULL ? statement->insert->select : NULL);
    name_items(all, statement->ddl != NULL ? statement->ddl->select : NULL);
    for (uint32_t i = 0; i < statement->subquery_count; i++) {
        name_items(all, statement->subqueries[i]);
    }
}

static struct slice rewrite(struct substitution *all)
{
    for (uint32_t i = 0; i < all->place_count; i++) {
        all->splices[all->splice_count++] =
            (struct splice){.span = all->places[i].span, .with = value_text(all, &all->places[i])};
    }
    for (uint32_t i = 1; i < all->splice_count; i++) { // in the order of the text
        struct splice one = all->splices[i];
        uint32_t at = i;
        for (; at > 0 && all->splices[at - 1].span.begin > one.span.begin; at--) {
            all->splices[at] = all->splices[at - 1];
        }
        all->splices[at] = one;
    }
    return splice_text(&all->session->arena, all->statement->text, all->splices, all->splice_count);
}

// ---- all

static bool are_known(const struct session *session, uint32_t facts)
{
    const struct aftermath *aftermath = &session->aftermath;
    bool is_list_known = session->warnings != NULL || aftermath_is_empty(session);
    bool is_found_known = !aftermath->has_found_rows && !aftermath->is_found_lost;
    return ((facts & FACT_DIAGNOSTICS) == 0 || is_list_known) &&
           ((facts & FACT_FOUND_ROWS) == 0 || is_found_known);
}

// The statement is read again; `unwanted`: facts that it must not have any more.
static bool substitute(struct substitution *all, struct request *request, uint32_t unwanted)
{
    struct session *session = all->session;
    const struct statement *old = request->statement;
    struct statement *statement = NULL;
    struct parse_options options = query_parse_options(session);
    all->statement = old;
    find_places(all, &options);
    name_all(all);
    if (all->is_full || all->place_count == 0) {
        return false;
    }
    struct slice sql = rewrite(all);
    if (parse_statement(&session->arena, sql, &options, &statement) != PARSE_OK ||
        statement->kind != old->kind || statement->param_count != old->param_count ||
        (statement->facts & unwanted) != 0) {
        return false;
    }
    request->statement = statement;
    if (request->command == COM_QUERY) {
        request->raw = flow_frame_query(&session->arena, sql);
    }
    return true;
}

bool substitute_values(struct session *session, struct request *request)
{
    const struct statement *old = request->statement;
    bool keeps_variables = aftermath_list_of(request) == LIST_CLEARED;
    uint32_t unwanted = SUBSTITUTE_FACTS & ~(keeps_variables ? (uint32_t)FACT_DIAGNOSTICS : 0u);
    if (!are_known(session, old->facts & unwanted) || old->has_executable_comment) {
        return false;
    }
    struct substitution *all = arena_alloc(&session->arena, sizeof *all);
    all->session = session;
    all->keeps_variables = keeps_variables;
    return substitute(all, request, unwanted);
}

void substitute_connection_id(struct session *session, struct request *request)
{
    struct substitution *all = arena_alloc(&session->arena, sizeof *all);
    all->session = session;
    all->is_id = true;
    (void)substitute(all, request, 0);
}
