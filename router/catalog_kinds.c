// Which tables of information_schema tell of tables, by which columns, and how the figures of one
// table on several shards become one.

#include "router/catalog.h"

enum { FOLDS_MAX = 12 };

struct fold_of {
    const char *column;
    enum catalog_fold fold;
};

struct catalog_kind {
    const char *name;
    const char *schema; // columns
    const char *table;
    struct fold_of folds[FOLDS_MAX];
};

// CARDINALITY is an estimate: as rows are added up, so is it, or a unique key would not seem one.
// clang-format off
#define FIGURES \
    {"TABLE_ROWS", CATALOG_ADD}, {"AVG_ROW_LENGTH", CATALOG_AVERAGE}, {"DATA_LENGTH", CATALOG_ADD}, \
    {"INDEX_LENGTH", CATALOG_ADD}, {"DATA_FREE", CATALOG_ADD}, {"CREATE_TIME", CATALOG_MIN}, \
    {"UPDATE_TIME", CATALOG_MAX}, {"CHECK_TIME", CATALOG_MIN}

static const struct catalog_kind kinds[] = {
    {"TABLES", "TABLE_SCHEMA", "TABLE_NAME", {FIGURES, {"AUTO_INCREMENT", CATALOG_MAX}}},
    {"PARTITIONS", "TABLE_SCHEMA", "TABLE_NAME",
     {{"PARTITION_NAME", CATALOG_KEY}, {"SUBPARTITION_NAME", CATALOG_KEY}, FIGURES}},
    {"STATISTICS", "TABLE_SCHEMA", "TABLE_NAME",
     {{"INDEX_NAME", CATALOG_KEY}, {"SEQ_IN_INDEX", CATALOG_KEY}, {"CARDINALITY", CATALOG_ADD}}},
    {"COLUMNS", "TABLE_SCHEMA", "TABLE_NAME", {{NULL, CATALOG_FIRST}}},
    {"KEY_COLUMN_USAGE", "TABLE_SCHEMA", "TABLE_NAME", {{NULL, CATALOG_FIRST}}},
    {"TABLE_CONSTRAINTS", "TABLE_SCHEMA", "TABLE_NAME", {{NULL, CATALOG_FIRST}}},
    {"REFERENTIAL_CONSTRAINTS", "CONSTRAINT_SCHEMA", "TABLE_NAME", {{NULL, CATALOG_FIRST}}},
    {"CHECK_CONSTRAINTS", "CONSTRAINT_SCHEMA", "TABLE_NAME", {{NULL, CATALOG_FIRST}}},
    {"VIEWS", "TABLE_SCHEMA", "TABLE_NAME", {{NULL, CATALOG_FIRST}}},
    {"TRIGGERS", "EVENT_OBJECT_SCHEMA", "EVENT_OBJECT_TABLE", {{NULL, CATALOG_FIRST}}},
};
// clang-format on

const struct catalog_kind *catalog_find(struct slice name)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (slice_is_nocase(name, kinds[i].name)) {
            return &kinds[i];
        }
    }
    return NULL;
}

const char *catalog_name(const struct catalog_kind *kind)
{
    return kind->name;
}

const char *catalog_schema_column(const struct catalog_kind *kind)
{
    return kind->schema;
}

const char *catalog_table_column(const struct catalog_kind *kind)
{
    return kind->table;
}

enum catalog_fold catalog_fold_of(const struct catalog_kind *kind, struct slice column)
{
    if (slice_is_nocase(column, kind->schema) || slice_is_nocase(column, kind->table)) {
        return CATALOG_KEY;
    }
    for (size_t i = 0; i < FOLDS_MAX && kind->folds[i].column != NULL; i++) {
        if (slice_is_nocase(column, kind->folds[i].column)) {
            return kind->folds[i].fold;
        }
    }
    return CATALOG_FIRST;
}

bool catalog_has_figures(const struct catalog_kind *kind, struct slice text)
{
    for (size_t i = 0; i < FOLDS_MAX && kind->folds[i].column != NULL; i++) {
        if (kind->folds[i].fold != CATALOG_KEY &&
            slice_contains_nocase(text, kind->folds[i].column)) {
            return true;
        }
    }
    return false;
}

bool catalog_can_fold(const struct catalog_kind *kind)
{
    return kind->folds[0].column != NULL;
}
