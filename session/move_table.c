#include "session/move_table.h"

#include "protocol/error_table.h"
#include "router/global_index.h"
#include "router/sql_literal.h"

enum field_place {
    AT_NAME,
    AT_TYPE,
    AT_IS_PRIMARY,
    AT_IS_GENERATED,
    AT_IS_PLAIN, // of the table, as are those behind it
    AT_TRIGGERS,
    AT_REFERENCES,
    AT_GRANTS,
    FIELDS
};

// ---- the question

static struct slice schema_of(const struct session *session, const struct table_ref *ref)
{
    return ref->schema.len > 0 ? ref->schema : text_slice(&session_state_now(session)->database);
}

void move_table_add_name(struct text *sql, const struct session *session,
                         const struct table_ref *ref)
{
    sql_add_name(sql, schema_of(session, ref));
    text_add_string(sql, ".");
    sql_add_name(sql, ref->name);
}

static void add_names(struct text *sql, const struct session *session, const struct table_ref *ref,
                      const char *schema_column, const char *name_column)
{
    text_add_format(sql, "%s = _utf8mb4 ", schema_column);
    sql_add_hex(sql, schema_of(session, ref));
    text_add_format(sql, " AND %s = _utf8mb4 ", name_column);
    sql_add_hex(sql, ref->name);
}

struct slice move_table_question(struct session *session, const struct table_ref *ref)
{
    struct text sql;
    text_init(&sql);
    text_add_string(&sql, "SELECT C.COLUMN_NAME, C.DATA_TYPE, C.COLUMN_KEY = 'PRI', "
                          "C.IS_GENERATED <> 'NEVER', (SELECT T.TABLE_TYPE = 'BASE TABLE' FROM "
                          "information_schema.TABLES T WHERE ");
    add_names(&sql, session, ref, "T.TABLE_SCHEMA", "T.TABLE_NAME");
    text_add_string(&sql, "), (SELECT COUNT(*) FROM information_schema.TRIGGERS R WHERE ");
    add_names(&sql, session, ref, "R.EVENT_OBJECT_SCHEMA", "R.EVENT_OBJECT_TABLE");
    text_add_string(
        &sql, " AND NOT " INDEX_IS_TRIGGER(
                  "R") "), (SELECT COUNT(*) FROM information_schema.REFERENTIAL_CONSTRAINTS F "
                       "WHERE (");
    add_names(&sql, session, ref, "F.CONSTRAINT_SCHEMA", "F.TABLE_NAME");
    text_add_string(&sql, ") OR (");
    add_names(&sql, session, ref, "F.UNIQUE_CONSTRAINT_SCHEMA", "F.REFERENCED_TABLE_NAME");
    text_add_string(&sql, ")), (SELECT COUNT(*) FROM information_schema.COLUMN_PRIVILEGES P WHERE "
                          "P.GRANTEE = CONCAT('''', SUBSTRING_INDEX(CURRENT_USER(), '@', 1), "
                          "'''@''', SUBSTRING_INDEX(CURRENT_USER(), '@', -1), '''') AND ");
    add_names(&sql, session, ref, "P.TABLE_SCHEMA", "P.TABLE_NAME");
    text_add_string(&sql, ") FROM information_schema.COLUMNS C WHERE ");
    add_names(&sql, session, ref, "C.TABLE_SCHEMA", "C.TABLE_NAME");
    text_add_string(&sql, " ORDER BY C.ORDINAL_POSITION LIMIT 5000");
    struct slice copy = arena_copy(&session->arena, text_slice(&sql));
    text_done(&sql);
    return copy;
}

// ---- the answer

static bool is_yes(const struct field *field)
{
    return field->is_null || !slice_equal(field->bytes, slice_of_string("0"));
}

static bool is_ascii(struct slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] >= 0x80) {
            return false;
        }
    }
    return true;
}

// Why rows of the table can't be moved: the end of a sentence. NULL: they can.
static const char *obstacle_of(const struct field *fields)
{
    struct slice type = fields[AT_TYPE].bytes;
    // Types whose values, written as literals, don't find the row again.
    bool is_odd = is_yes(&fields[AT_IS_GENERATED]) || slice_is_nocase(type, "float") ||
                  slice_is_nocase(type, "timestamp");
    if (!is_yes(&fields[AT_IS_PLAIN])) {
        return "it is a view or has system versioning";
    }
    if (is_yes(&fields[AT_TRIGGERS])) {
        return "it has triggers, which would see a DELETE and an INSERT";
    }
    if (is_yes(&fields[AT_REFERENCES])) {
        return "foreign keys lead out of it or into it";
    }
    if (is_yes(&fields[AT_GRANTS])) {
        return "the account has privileges on single columns of it, and may not see all";
    }
    if (is_yes(&fields[AT_IS_PRIMARY]) && is_odd) {
        return "its primary key has a FLOAT, TIMESTAMP or generated column";
    }
    return is_ascii(fields[AT_NAME].bytes) ? NULL : "the name of a column isn't ASCII";
}

static void add_column(struct arena *arena, const struct field *fields, struct move_table *table)
{
    if (!is_yes(&fields[AT_IS_GENERATED])) {
        struct move_column *column = &table->columns[table->count++];
        column->name = arena_copy(arena, fields[AT_NAME].bytes);
        column->type = arena_copy(arena, fields[AT_TYPE].bytes);
        column->is_primary = is_yes(&fields[AT_IS_PRIMARY]);
        table->primary_count += column->is_primary;
    }
}

static bool refuse(struct arena *arena, const struct table_ref *ref, const char *why,
                   struct error *error)
{
    struct slice text = arena_format(
        arena,
        "The rows of table %.*s can't be moved to another shard: %s. Insert the row anew with the "
        "new value and delete the old one",
        (int)ref->name.len, (const char *)ref->name.ptr, why);
    error_fill(error, ER_SHARD_KEY, (const char *)text.ptr);
    return false;
}

bool move_table_read(struct steps *steps, const struct step_answer *answer,
                     const struct table_ref *ref, struct move_table *table, struct error *error)
{
    struct arena *arena = &steps_session(steps)->arena;
    struct field fields[FIELDS];
    *table = (struct move_table){.count = 0};
    table->columns = arena_alloc(arena, (answer->row_count + 1) * sizeof *table->columns);
    for (uint64_t row = 0; row < answer->row_count; row++) {
        if (answer->column_count != FIELDS || !steps_next_row(steps, fields, FIELDS)) {
            error_fill(error, ER_MALFORMED_PACKET);
            return false;
        }
        const char *why_not = obstacle_of(fields);
        if (why_not != NULL) {
            return refuse(arena, ref, why_not, error);
        }
        add_column(arena, fields, table);
    }
    return table->primary_count > 0 ||
           refuse(arena, ref, "it has no PRIMARY KEY that this account may see", error);
}

// ---- the columns

void move_table_add_column(struct text *sql, const struct move_column *column)
{
    bool is_float = slice_is_nocase(column->type, "float"); // a server gives 6 digits of it
    text_add_string(sql, is_float ? "CAST(" : "");
    sql_add_name(sql, column->name);
    text_add_string(sql, is_float ? " AS DOUBLE)" : "");
}
