// See page.h. The conditions are written beside the client's own:
//
//                  rows before m             rows from m on
//     ascending    x < m OR x IS NULL        x >= m               NULLs come first
//     descending   x > m                     x <= m OR x IS NULL  NULLs come last
//
// Among rows from a bound on, "x IS NULL" is left out of the first: there are none.

#include "router/page.h"

#include "base/text.h"
#include "router/plan_impl.h"
#include "router/sql_literal.h"

enum { OFFSET_MIN = 5000, GOAL_MIN = 100, STRING_CHARACTERS = 64 };

uint64_t page_goal(uint64_t limit)
{
    return limit > GOAL_MIN ? limit : GOAL_MIN;
}

// ---- which statements

// All tables are named ones, whose rows are as they are at one moment.
static bool has_plain_tables(const struct query *query, uint32_t *count)
{
    *count = 0;
    for (const struct table_ref *table = query->tables; table != NULL; table = table->next) {
        if (table->name.len == 0 || table->is_cte || table->is_function) {
            return false;
        }
        ++*count;
    }
    return *count > 0;
}

// In a transaction it goes to primaries for that reason alone.
static bool is_plain_read(const struct planner *planner)
{
    const uint32_t others = FACT_LOCKS_ROWS | FACT_NEEDS_PRIMARY | FACT_TABLE_LOCK |
                            FACT_NAMED_LOCK | FACT_TEMPORARY_TABLE | FACT_SETS_USER_VARIABLE;
    bool is_inside = planner->request->in_transaction && planner->plan->access == ACCESS_PRIMARY;
    return planner->plan->access == ACCESS_REPLICA ||
           (is_inside && (planner->statement->facts & others) == 0);
}

static bool is_possible(const struct planner *planner, const struct query *query)
{
    const struct plan *plan = planner->plan;
    const struct statement *statement = planner->statement;
    return plan->merge == MERGE_SORT && !plan->has_sort_keys && plan->offset >= OFFSET_MIN &&
           plan->limit > 0 && is_plain_read(planner) && !plan->counts_found &&
           (!planner->request->is_prepared || planner->request->params != NULL ||
            statement->param_count == 0) &&
           statement->set == NULL && statement->subquery_count == 0 &&
           (statement->facts & FACT_NOT_DETERMINISTIC) == 0 && !query->is_values &&
           !query->is_parenthesized && !query->has_with;
}

void plan_page(struct planner *planner, const struct query *query, const struct splice *splices,
               size_t splice_count)
{
    uint32_t table_count = 0;
    if (!is_possible(planner, query) || planner->first_key.len == 0 ||
        !has_plain_tables(query, &table_count)) {
        return;
    }
    struct slice items =
        slice_part(planner->statement->text, query->items_span.begin, query->items_span.end);
    struct page_plan *page = arena_alloc(planner->arena, sizeof *page);
    if (planner->request->is_prepared || planner->statement->param_count > 0) {
        // A value in the select list would be described otherwise as a literal.
        *page = (struct page_plan){.wants_text = true};
        planner->plan->page = memchr(items.ptr, '?', items.len) == NULL ? page : NULL;
        return;
    }
    struct splice *own = arena_alloc(planner->arena, (splice_count + 1) * sizeof *own);
    for (size_t i = 0; i < splice_count; i++) {
        own[i] = splices[i];
    }
    *page = (struct page_plan){
        .query = query,
        .text = planner->statement->text,
        .key = planner->first_key,
        .is_descending = planner->plan->keys[0].is_descending,
        .splices = own,
        .splice_count = (uint32_t)splice_count,
        .tables = query->tables,
        .table_count = table_count,
        .database = planner->request->database,
        .is_inside = planner->request->in_transaction,
    };
    planner->plan->page = page;
}

// ---- conditions

static void add_compared(struct text *sql, const struct page_plan *page, const char *op,
                         struct slice bound)
{
    text_add_format(sql, "(%.*s) %s ", (int)page->key.len, (const char *)page->key.ptr, op);
    text_add_slice(sql, bound);
}

static void add_is_null(struct text *sql, const struct page_plan *page)
{
    text_add_format(sql, " OR (%.*s) IS NULL", (int)page->key.len, (const char *)page->key.ptr);
}

// In parentheses; nothing, when all rows are meant.
static void add_from(struct text *sql, const struct page_plan *page, struct slice bound)
{
    if (bound.ptr == NULL) {
        return;
    }
    text_add_string(sql, "(");
    add_compared(sql, page, page->is_descending ? "<=" : ">=", bound);
    if (page->is_descending) {
        add_is_null(sql, page);
    }
    text_add_string(sql, ")");
}

// Before any of the bounds.
static void add_before(struct text *sql, const struct page_plan *page, struct slice bound,
                       const struct slice *bounds, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        text_add_string(sql, i > 0 ? " OR " : "");
        add_compared(sql, page, page->is_descending ? ">" : "<", bounds[i]);
    }
    if (!page->is_descending && bound.ptr == NULL) {
        add_is_null(sql, page);
    }
}

// ---- questions

static struct slice text_of(const struct page_plan *page, struct span span)
{
    return slice_part(page->text, span.begin, span.end);
}

// Where a condition stands, or would: behind FROM.
static uint32_t end_of_tables(const struct query *query)
{
    return query->where != NULL ? query->where_span.begin : query->order_by_span.begin;
}

// FROM ..., and the client's own condition with what is behind it; `more` may be empty.
static void add_tables(struct text *sql, const struct page_plan *page, const struct text *more)
{
    const struct query *query = page->query;
    struct span from = {query->items_span.end, end_of_tables(query)};
    text_add_slice(sql, text_of(page, from));
    if (query->where != NULL) {
        text_add_string(sql, " WHERE (");
        text_add_slice(sql, text_of(page, query->where->span));
        text_add_string(sql, ")");
    }
    if (more->len > 0) {
        text_add_string(sql, query->where != NULL ? " AND " : " WHERE ");
        text_add_slice(sql, text_slice(more));
    }
}

static struct slice take_text(struct arena *arena, struct text *sql)
{
    struct slice copy = arena_copy(arena, text_slice(sql));
    text_done(sql);
    return copy;
}

struct slice page_tables(struct arena *arena, const struct page_plan *page)
{
    struct text sql;
    text_init(&sql);
    text_add_string(&sql, "SELECT (SELECT COUNT(*) FROM information_schema.TABLES WHERE ENGINE = "
                          "'InnoDB' AND (");
    for (const struct table_ref *table = page->tables; table != NULL; table = table->next) {
        text_add_string(&sql, table == page->tables ? "" : " OR ");
        text_add_string(&sql, "(TABLE_SCHEMA = ");
        sql_add_utf8mb3(&sql, table->schema.len > 0 ? table->schema : page->database);
        text_add_string(&sql, " AND TABLE_NAME = ");
        sql_add_utf8mb3(&sql, table->name);
        text_add_string(&sql, ")");
    }
    text_add_string(&sql, ")), @@time_zone, @@system_time_zone");
    text_add_string(&sql, page->is_inside ? ", @@tx_isolation" : ", NULL");
    return take_text(arena, &sql);
}

struct slice page_key(struct arena *arena, const struct page_plan *page)
{
    struct text sql, none;
    text_init(&sql);
    text_init(&none);
    text_add_format(&sql, "SELECT %.*s AS waybill_key", (int)page->key.len,
                    (const char *)page->key.ptr);
    add_tables(&sql, page, &none);
    text_add_string(&sql, " LIMIT 0");
    return take_text(arena, &sql);
}

struct slice page_place(struct arena *arena, const struct page_plan *page, struct slice bound,
                        bool is_string, uint64_t place)
{
    struct text sql, more;
    int len = (int)page->key.len;
    const char *key = (const char *)page->key.ptr;
    text_init(&sql);
    text_init(&more);
    add_from(&more, page, bound);
    if (is_string) {
        text_add_format(&sql, "SELECT HEX(LEFT(%.*s, %d)), COLLATION(%.*s)", len, key,
                        STRING_CHARACTERS, len, key);
    } else {
        text_add_format(&sql, "SELECT %.*s AS waybill_key, NULL", len, key);
    }
    add_tables(&sql, page, &more);
    text_add_format(&sql, " ORDER BY %.*s%s LIMIT 1 OFFSET %llu", len, key,
                    page->is_descending ? " DESC" : "", (unsigned long long)place);
    text_done(&more);
    return take_text(arena, &sql);
}

struct slice page_count(struct arena *arena, const struct page_plan *page, struct slice bound,
                        const struct slice *bounds, uint32_t count)
{
    struct text sql, more;
    text_init(&sql);
    text_init(&more);
    text_add_string(&sql, "SELECT ");
    for (uint32_t i = 0; i < count; i++) {
        text_add_string(&sql, i == 0 ? "COUNT(CASE WHEN " : ", COUNT(CASE WHEN ");
        add_before(&sql, page, bound, &bounds[i], 1);
        text_add_string(&sql, " THEN 1 END)");
    }
    add_from(&more, page, bound);
    text_add_string(&more, bound.ptr != NULL ? " AND (" : "(");
    add_before(&more, page, bound, bounds, count);
    text_add_string(&more, ")");
    add_tables(&sql, page, &more);
    text_done(&more);
    return take_text(arena, &sql);
}

// ---- the rows

// The condition's splices; how many there are.
static uint32_t splice_condition(struct arena *arena, const struct page_plan *page,
                                 struct slice bound, struct splice *splices)
{
    const struct query *query = page->query;
    struct text condition;
    if (bound.ptr == NULL) {
        return 0;
    }
    text_init(&condition);
    text_add_string(&condition, query->where != NULL ? ") AND " : "WHERE ");
    add_from(&condition, page, bound);
    text_add_string(&condition, query->where != NULL ? "" : " ");
    struct slice with = take_text(arena, &condition);
    if (query->where == NULL) {
        uint32_t at = end_of_tables(query);
        splices[0] = (struct splice){.span = {at, at}, .with = with};
        return 1;
    }
    struct span where = query->where->span;
    splices[0] = (struct splice){.span = {where.begin, where.begin}, .with = slice_of_string("(")};
    splices[1] = (struct splice){.span = {where.end, where.end}, .with = with};
    return 2;
}

struct slice page_rows(struct arena *arena, const struct page_plan *page, struct slice bound,
                       uint64_t limit)
{
    uint32_t count = page->splice_count;
    struct splice *splices = arena_alloc(arena, (count + 3) * sizeof *splices);
    for (uint32_t i = 0; i < count; i++) {
        splices[i] = page->splices[i];
    }
    count += splice_condition(arena, page, bound, &splices[count]);
    splices[count++] = (struct splice){
        .span = page->query->limit_span,
        .with = arena_format(arena, "LIMIT %llu", (unsigned long long)limit),
    };
    return splice_text(arena, page->text, splices, count);
}
