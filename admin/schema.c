// SHOW SCHEMA DIFF, REPAIR SCHEMA, CHECK REFERENCE, SHOW POSITIONS: what a job has found out, as a
// grid.

#include "admin/command.h"

#include "protocol/error_table.h"

static bool find_index_kind(const char *words, enum schema_kind *kind)
{
    static const struct {
        const char *words;
        enum schema_kind kind;
    } rows[] = {
        {"SHOW INDEXES", SCHEMA_INDEX_SHOW},
        {"CHECK INDEX", SCHEMA_INDEX_CHECK},
        {"REPAIR INDEX", SCHEMA_INDEX_REPAIR},
        {"DROP INDEX", SCHEMA_INDEX_DROP},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (strcmp(words, rows[i].words) == 0) {
            *kind = rows[i].kind;
            return true;
        }
    }
    return false;
}

bool admin_schema_order(const struct command *command, struct slice arguments,
                        enum schema_kind *kind, struct slice *argument, struct error *error)
{
    *argument = admin_command_next_word(&arguments);
    if (slice_is_nocase(slice_of_string(command->words), "SHOW SCHEMA DIFF")) {
        *kind = SCHEMA_DIFF;
    } else if (slice_is_nocase(slice_of_string(command->words), "CHECK REFERENCE")) {
        *kind = SCHEMA_REFERENCE;
    } else if (find_index_kind(command->words, kind)) {
        // an index, or all
    } else if (command->form[0] == '\0') { // FLUSH WAYBILL COMMITS, SHOW POSITIONS
        *kind = SCHEMA_POSITIONS;
        arguments = *argument;
    } else if (argument->len == 0) {
        *kind = SCHEMA_REPAIR;
    } else if (slice_is_nocase(*argument, "FORGET") && arguments.len > 0) {
        *kind = SCHEMA_FORGET;
        *argument = admin_command_next_word(&arguments);
    } else {
        arguments = *argument; // not understood
    }
    if (arguments.len > 0) {
        error_set(error, ER_PARSE, "42000", "after %s comes nothing or %s", command->words,
                  command->form);
    }
    return arguments.len == 0;
}

static void name_columns(struct grid *grid, enum schema_kind kind)
{
    switch (kind) {
    case SCHEMA_DIFF:
        grid_column(grid, "table");
        grid_column(grid, "shard");
        grid_column(grid, "difference");
        break;
    case SCHEMA_REPAIR:
    case SCHEMA_FORGET:
        grid_column(grid, "ddl");
        grid_column(grid, "shard");
        grid_column(grid, "statement");
        grid_column(grid, "outcome");
        break;
    case SCHEMA_REFERENCE:
        grid_column(grid, "table");
        grid_column(grid, "shard");
        grid_number_column(grid, "rows");
        grid_number_column(grid, "checksum");
        grid_column(grid, "difference");
        break;
    case SCHEMA_POSITIONS:
        grid_column(grid, "shard");
        grid_column(grid, "server");
        grid_column(grid, "position");
        break;
    case SCHEMA_INDEX_SHOW:
    case SCHEMA_INDEX_CHECK:
    case SCHEMA_INDEX_REPAIR:
    case SCHEMA_INDEX_DROP:
        grid_column(grid, "index");
        grid_column(grid, "shard");
        grid_column(grid, "state");
        grid_number_column(grid, "values");
        grid_number_column(grid, "missing");
        grid_column(grid, "note");
        break;
    case SCHEMA_INDEX_BUILD:
    case SCHEMA_NOTE:
    case SCHEMA_ROW_IDS:
    case SCHEMA_DECLARED_TIDY:
    case SCHEMA_DECLARED_CHANGED:
        break;
    }
}

void admin_show_schema(struct command_run *run)
{
    const struct schema_report *report = run->schema;
    if (error_is_set(&report->error)) {
        run->error = report->error;
        return;
    }
    name_columns(&run->grid, report->kind);
    for (size_t at = 0; at < report->rows.len;) {
        for (uint32_t i = 0; i < report->columns; i++) {
            const char *field = (const char *)report->rows.ptr + at;
            grid_text(&run->grid, field);
            at += strlen(field) + 1;
        }
        grid_end_row(&run->grid);
    }
}
