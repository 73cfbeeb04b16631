// The rows that were asked of the shards, and the statement with them in it.

#include "router/catalog.h"

#include <inttypes.h>

#include "parser/lexer.h"
#include "parser/splice.h"
#include "router/sql_literal.h"

enum { SPLICES_MAX = 32, WINDOW = 4 };

// ---- taking rows

void catalog_rows_init(struct catalog_rows *rows, struct arena *arena,
                       const struct catalog_kind *kind)
{
    *rows = (struct catalog_rows){.arena = arena, .kind = kind};
}

bool catalog_rows_columns(struct catalog_rows *rows, const struct column *columns, uint32_t count)
{
    if (rows->column_count == 0) {
        rows->columns = arena_alloc(rows->arena, count * sizeof *rows->columns);
        rows->column_count = count;
        for (uint32_t i = 0; i < count; i++) {
            rows->columns[i] = (struct catalog_column){
                .name = arena_copy(rows->arena, columns[i].name),
                .fold = catalog_fold_of(rows->kind, columns[i].name),
                .type = columns[i].type,
                .is_unsigned = (columns[i].flags & COLUMN_UNSIGNED) != 0,
            };
        }
        return count > 0;
    }
    bool is_same = rows->column_count == count;
    for (uint32_t i = 0; is_same && i < count; i++) {
        is_same = slice_equal_nocase(rows->columns[i].name, columns[i].name);
    }
    return is_same;
}

static bool is_equal(const struct field *a, const struct field *b)
{
    return a->is_null == b->is_null && slice_equal(a->bytes, b->bytes);
}

// The row of the same table (index, partition), or NULL.
static struct field *find_row(const struct catalog_rows *rows, const struct field *fields)
{
    for (uint32_t i = 0; i < rows->count; i++) {
        bool is_same = true;
        for (uint32_t k = 0; is_same && k < rows->column_count; k++) {
            is_same =
                rows->columns[k].fold != CATALOG_KEY || is_equal(&rows->rows[i][k], &fields[k]);
        }
        if (is_same) {
            return rows->rows[i];
        }
    }
    return NULL;
}

// Numbers by their value; dates, which all have the same length, by their text.
static int compare(struct slice a, struct slice b, uint8_t type)
{
    uint64_t left, right;
    bool are_numbers =
        type == TYPE_LONGLONG && slice_to_uint64(a, &left) && slice_to_uint64(b, &right);
    if (are_numbers) {
        return left < right ? -1 : left > right;
    }
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len > 0 ? memcmp(a.ptr, b.ptr, len) : 0;
    return order != 0 ? order : a.len < b.len ? -1 : a.len > b.len;
}

static void fold_field(const struct catalog_rows *rows, const struct catalog_column *column,
                       struct field *into, const struct field *more)
{
    uint64_t left = 0, right = 0;
    if (more->is_null) {
        return;
    }
    bool is_taken = into->is_null;
    switch (column->fold) {
    case CATALOG_FIRST:
    case CATALOG_KEY:
    case CATALOG_AVERAGE:
        return;
    case CATALOG_ADD:
        if (!is_taken && slice_to_uint64(into->bytes, &left) &&
            slice_to_uint64(more->bytes, &right)) {
            *into = (struct field){.bytes = arena_format(rows->arena, "%" PRIu64, left + right)};
        }
        break;
    case CATALOG_MAX:
        is_taken |= compare(more->bytes, into->bytes, column->type) > 0;
        break;
    case CATALOG_MIN:
        is_taken |= compare(more->bytes, into->bytes, column->type) < 0;
        break;
    }
    if (is_taken) {
        *into = (struct field){.bytes = arena_copy(rows->arena, more->bytes)};
    }
}

static uint64_t figure(const struct catalog_rows *rows, const struct field *row, const char *name)
{
    uint64_t number = 0;
    for (uint32_t i = 0; i < rows->column_count; i++) {
        if (slice_is_nocase(rows->columns[i].name, name) && !row[i].is_null) {
            (void)!slice_to_uint64(row[i].bytes, &number);
        }
    }
    return number;
}

static void fold_row(const struct catalog_rows *rows, struct field *into, const struct field *more)
{
    for (uint32_t i = 0; i < rows->column_count; i++) {
        fold_field(rows, &rows->columns[i], &into[i], &more[i]);
    }
    uint64_t count = figure(rows, into, "TABLE_ROWS"), bytes = figure(rows, into, "DATA_LENGTH");
    for (uint32_t i = 0; i < rows->column_count; i++) {
        if (rows->columns[i].fold == CATALOG_AVERAGE && !into[i].is_null) {
            into[i].bytes = arena_format(rows->arena, "%" PRIu64, count > 0 ? bytes / count : 0);
        }
    }
}

static void append_row(struct catalog_rows *rows, const struct field *fields)
{
    struct field *row = arena_alloc(rows->arena, rows->column_count * sizeof *row);
    for (uint32_t i = 0; i < rows->column_count; i++) {
        row[i] = (struct field){.is_null = fields[i].is_null};
        if (!fields[i].is_null) {
            row[i].bytes = arena_copy(rows->arena, fields[i].bytes);
            rows->bytes += fields[i].bytes.len;
        }
    }
    if (rows->count == rows->capacity) {
        uint32_t capacity = rows->capacity == 0 ? 16 : rows->capacity * 2;
        struct field **more = arena_alloc(rows->arena, capacity * sizeof(void *)); // pointers
        if (rows->count > 0) {
            memcpy(more, rows->rows, rows->count * sizeof(void *));
        }
        rows->rows = more;
        rows->capacity = capacity;
    }
    rows->rows[rows->count++] = row;
}

bool catalog_rows_add(struct catalog_rows *rows, struct slice payload)
{
    struct field *fields = arena_alloc(rows->arena, rows->column_count * sizeof *fields);
    if (!row_text_read(payload, fields, rows->column_count)) {
        return false;
    }
    struct field *known = catalog_can_fold(rows->kind) ? find_row(rows, fields) : NULL;
    if (known != NULL) {
        fold_row(rows, known, fields);
    } else {
        append_row(rows, fields);
    }
    return true;
}

// ---- the derived table

static bool is_number(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        bool is_sign = i == 0 && text.ptr[0] == '-' && text.len > 1;
        if (!is_sign && (text.ptr[i] < '0' || text.ptr[i] > '9')) {
            return false;
        }
    }
    return text.len > 0;
}

static bool is_time(struct slice text)
{
    static const char known[] = "0123456789-: .";
    for (size_t i = 0; i < text.len; i++) {
        if (memchr(known, text.ptr[i], sizeof known - 1) == NULL) {
            return false;
        }
    }
    return text.len >= 19 && text.ptr[0] != '0';
}

static void add_cell(struct text *sql, const struct catalog_column *column,
                     const struct field *field)
{
    bool is_date = column->type == TYPE_DATETIME || column->type == TYPE_TIMESTAMP;
    bool is_string = column->type == TYPE_VARCHAR || column->type >= TYPE_ENUM;
    bool is_text = is_string || (!field->is_null && !is_number(field->bytes));
    if (column->is_unsigned && !is_text) { // else the column would become a DECIMAL
        text_add_format(sql, "CAST(%.*s AS UNSIGNED)", field->is_null ? 4 : (int)field->bytes.len,
                        field->is_null ? "NULL" : (const char *)field->bytes.ptr);
    } else if (field->is_null || (is_date && !is_time(field->bytes))) {
        text_add_string(sql, "NULL");
    } else if (is_date) {
        text_add_format(sql, "TIMESTAMP'%.*s'", (int)field->bytes.len,
                        (const char *)field->bytes.ptr);
    } else if (!is_text) {
        text_add_slice(sql, field->bytes);
    } else {
        struct slice text = field->bytes;
        sql_add_utf8mb3(sql, text.ptr != NULL ? text : slice_of("", 0));
    }
}

static void add_derived(struct text *sql, const struct catalog_ref *ref,
                        const struct catalog_rows *rows)
{
    text_add_string(sql, "(");
    text_add_slice(sql, ref->own);
    for (uint32_t i = 0; i < rows->count && sql->len < CATALOG_SQL_BYTES_MAX; i++) {
        for (uint32_t k = 0; k < rows->column_count; k++) {
            text_add_string(sql, k == 0 ? " UNION ALL SELECT " : ",");
            add_cell(sql, &rows->columns[k], &rows->rows[i][k]);
        }
    }
    text_add_string(sql, ")");
    if (!ref->has_alias) {
        text_add_format(sql, " AS %.*s", (int)ref->name.len, (const char *)ref->name.ptr);
    }
}

// ---- information_schema . TABLES . column: a derived table has no schema

struct writing {
    struct splice items[SPLICES_MAX]; // in the order of the text
    uint32_t count;
    bool is_full;
};

static void add_splice(struct writing *all, struct span span, struct slice with)
{
    if (all->count == SPLICES_MAX) {
        all->is_full = true;
        return;
    }
    uint32_t at = all->count++;
    for (; at > 0 && all->items[at - 1].span.begin > span.begin; at--) {
        all->items[at] = all->items[at - 1];
    }
    all->items[at] = (struct splice){.span = span, .with = with};
}

static bool is_within(const struct catalog_plan *plan, uint32_t at)
{
    for (uint32_t i = 0; i < plan->ref_count; i++) {
        if (at >= plan->refs[i].span.begin && at < plan->refs[i].span.end) {
            return true;
        }
    }
    return false;
}

static bool is_schema(struct slice text, const struct token *token)
{
    bool is_quoted = token->kind == TOKEN_QUOTED_NAME;
    struct slice name =
        slice_part(text, token->span.begin + is_quoted, token->span.end - is_quoted);
    return (is_quoted || token->kind == TOKEN_NAME) && slice_is_nocase(name, "information_schema");
}

static void find_mentions(const struct catalog_plan *plan, const struct parse_options *options,
                          struct writing *all)
{
    struct token window[WINDOW] = {0};
    struct lexer lexer;
    lexer_init(&lexer, plan->text, options);
    do {
        memmove(window, window + 1, (WINDOW - 1) * sizeof *window);
        lexer_next(&lexer, &window[WINDOW - 1]);
        if (window[1].kind == TOKEN_DOT && window[3].kind == TOKEN_DOT &&
            is_schema(plan->text, &window[0]) && !is_within(plan, window[0].span.begin)) {
            struct span span = {window[0].span.begin, window[2].span.begin};
            add_splice(all, span, slice_of("", 0));
        }
    } while (window[WINDOW - 1].kind != TOKEN_END && window[WINDOW - 1].kind != TOKEN_BAD);
}

// ---- SHOW as a SELECT

struct shown {
    const char *column, *name;
};

static const struct shown status[] = {
    {"TABLE_NAME", "Name"},
    {"ENGINE", "Engine"},
    {"VERSION", "Version"},
    {"ROW_FORMAT", "Row_format"},
    {"TABLE_ROWS", "Rows"},
    {"AVG_ROW_LENGTH", "Avg_row_length"},
    {"DATA_LENGTH", "Data_length"},
    {"MAX_DATA_LENGTH", "Max_data_length"},
    {"INDEX_LENGTH", "Index_length"},
    {"DATA_FREE", "Data_free"},
    {"AUTO_INCREMENT", "Auto_increment"},
    {"CREATE_TIME", "Create_time"},
    {"UPDATE_TIME", "Update_time"},
    {"CHECK_TIME", "Check_time"},
    {"TABLE_COLLATION", "Collation"},
    {"CHECKSUM", "Checksum"},
    {"CREATE_OPTIONS", "Create_options"},
    {"TABLE_COMMENT", "Comment"},
    {"MAX_INDEX_LENGTH", "Max_index_length"}, // MariaDB
    {"TEMPORARY", "Temporary"},
    {NULL, NULL},
};

static const struct shown triggers[] = {
    {"TRIGGER_NAME", "Trigger"},
    {"EVENT_MANIPULATION", "Event"},
    {"EVENT_OBJECT_TABLE", "Table"},
    {"ACTION_STATEMENT", "Statement"},
    {"ACTION_TIMING", "Timing"},
    {"CREATED", "Created"},
    {"SQL_MODE", "sql_mode"},
    {"DEFINER", "Definer"},
    {"CHARACTER_SET_CLIENT", "character_set_client"},
    {"COLLATION_CONNECTION", "collation_connection"},
    {"DATABASE_COLLATION", "Database Collation"},
    {NULL, NULL},
};

static bool has_column(const struct catalog_rows *rows, const char *name)
{
    for (uint32_t i = 0; i < rows->column_count; i++) {
        if (slice_is_nocase(rows->columns[i].name, name)) {
            return true;
        }
    }
    return false;
}

// A pattern of SHOW is about the name as it is spelled: it tells upper from lower case.
static void add_show(struct text *sql, const struct catalog_plan *plan,
                     const struct catalog_rows *rows)
{
    bool is_status = plan->form == CATALOG_STATUS;
    const struct shown *shown = is_status ? status : triggers;
    const char *name = is_status ? "`Name`" : "`Table`";
    bool is_pattern = plan->rest.len > 4 && slice_is_nocase(slice_part(plan->rest, 0, 4), "LIKE");
    text_add_string(sql, "SELECT * FROM (SELECT ");
    for (bool is_first = true; shown->column != NULL; shown++) {
        if (has_column(rows, shown->column)) {
            text_add_format(sql, "%s%s AS `%s`", is_first ? "" : ", ", shown->column, shown->name);
            is_first = false;
        }
    }
    text_add_string(sql, " FROM ");
    add_derived(sql, &plan->refs[0], rows);
    text_add_format(sql, ") AS %s ", catalog_name(plan->refs[0].kind));
    if (is_pattern) {
        text_add_format(sql, "WHERE CONVERT(%s USING utf8mb4) COLLATE utf8mb4_bin ", name);
    }
    text_add_slice(sql, plan->rest);
    text_add_format(sql, "\nORDER BY CAST(%s AS BINARY)%s", name,
                    is_status ? ""
                              : ", FIELD(`Event`, 'INSERT', 'UPDATE', 'DELETE'), "
                                "FIELD(`Timing`, 'BEFORE', 'AFTER'), `Created`");
}

// ---- the statement

static void add_select(struct text *sql, struct arena *arena, const struct catalog_plan *plan,
                       const struct catalog_rows *rows, const struct parse_options *options)
{
    struct writing all = {.count = 0};
    size_t bytes = 0;
    for (uint32_t i = 0; i < plan->ref_count && bytes <= CATALOG_SQL_BYTES_MAX; i++) {
        struct text derived;
        text_init(&derived);
        add_derived(&derived, &plan->refs[i], &rows[i]);
        bytes += derived.len;
        add_splice(&all, plan->refs[i].span, arena_copy(arena, text_slice(&derived)));
        text_done(&derived);
    }
    find_mentions(plan, options, &all);
    if (!all.is_full && bytes <= CATALOG_SQL_BYTES_MAX) {
        text_add_slice(sql, splice_text(arena, plan->text, all.items, all.count));
    }
}

struct slice catalog_write(struct arena *arena, const struct catalog_plan *plan,
                           const struct catalog_rows *rows, const struct parse_options *options)
{
    struct text sql;
    text_init(&sql);
    if (plan->form == CATALOG_SELECT) {
        add_select(&sql, arena, plan, rows, options);
    } else {
        add_show(&sql, plan, rows);
    }
    bool is_short = sql.len <= CATALOG_SQL_BYTES_MAX;
    struct slice copy = is_short ? arena_copy(arena, text_slice(&sql)) : slice_of(NULL, 0);
    text_done(&sql);
    return copy;
}
