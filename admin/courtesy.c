// The mysql client asks for @@version_comment when it connects, for DATABASE() after USE, for the
// warnings of a statement; drivers set names and autocommit. They get a short, true answer, so that
// any client can be used here.

#include "admin/courtesy.h"

struct courtesy {
    const char *words;  // the statement begins so; compared without case
    const char *column; // NULL: OK without a result
    const char *value;  // NULL: no row
};

// clang-format off
static const struct courtesy table[] = {
    {"SELECT @@version_comment", "@@version_comment", "waybill's admin port: SHOW HELP says what there is"},
    {"SELECT DATABASE()",        "DATABASE()",        ""}, // filled in
    {"SELECT VERSION()",         "VERSION()",         WAYBILL_VERSION},
    {"SELECT @@version",         "@@version",         WAYBILL_VERSION},
    {"SELECT 1",                 "1",                 "1"},
    {"SHOW WARNINGS",            "Message",           NULL},
    {"SHOW ERRORS",              "Message",           NULL},
    {"SHOW DATABASES",           "Database",          "waybill"},
    {"SHOW VARIABLES",           "Variable_name",     NULL},
    {"SET",                      NULL,                NULL},
    {"ROLLBACK",                 NULL,                NULL},
    {"COMMIT",                   NULL,                NULL},
};
// clang-format on

// Without its comments in front and what ends it.
static struct slice skip_comment(struct slice text)
{
    while (text.len >= 2 && text.ptr[0] == '/' && text.ptr[1] == '*') {
        const uint8_t *end = memmem(text.ptr + 2, text.len - 2, "*/", 2);
        if (end == NULL) {
            return text;
        }
        text = slice_part(text, (size_t)(end - text.ptr) + 2, text.len);
        while (text.len > 0 && text.ptr[0] == ' ') {
            text = slice_part(text, 1, text.len);
        }
    }
    return text;
}

static bool begins_with(struct slice statement, const char *words)
{
    struct slice wanted = slice_of_string(words);
    while (wanted.len > 0) {
        struct slice word = admin_command_next_word(&wanted);
        if (!slice_equal_nocase(word, admin_command_next_word(&statement))) {
            return false;
        }
    }
    return true;
}

static void use_database(struct slice statement, struct text *database)
{
    (void)admin_command_next_word(&statement);
    if (statement.len >= 2 && statement.ptr[0] == '`') {
        statement = slice_part(statement, 1, statement.len - 1);
    }
    database->len = 0;
    text_add_slice(database, statement);
}

bool courtesy_answer(struct slice statement, struct text *database, struct command_run *run)
{
    statement = skip_comment(statement);
    grid_init(&run->grid, (struct slice){.ptr = NULL});
    if (begins_with(statement, "USE")) {
        use_database(statement, database);
        return true;
    }
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (!begins_with(statement, table[i].words)) {
            continue;
        }
        if (table[i].column == NULL) {
            return true;
        }
        grid_column(&run->grid, table[i].column);
        if (table[i].value != NULL) {
            bool is_database = strcmp(table[i].column, "DATABASE()") == 0;
            grid_slice(&run->grid,
                       is_database ? text_slice(database) : slice_of_string(table[i].value));
            grid_end_row(&run->grid);
        }
        return true;
    }
    return false;
}
