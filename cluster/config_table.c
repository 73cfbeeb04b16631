// Tables: where the rows of each are. A table's *shape* is its type and method in one word (or
// `with`); it decides which settings have a meaning, and one that has none is a mistake rather than
// something to pass over.
//
// The sections are sorted by name first, so that a table's place, its id, is known before tables
// that are `with` it are built. A table that others are with is built before them.

#include "cluster/config_impl.h"

#include <stdlib.h>

#include "cluster/row_id.h"

enum { TABLES_MAX = 65535, NAME_MAX_BYTES = 64 };

static const char *const type_words[] = {"sharded", "reference", "unsharded", NULL};
static const char *const method_words[] = {"bucket", "range", "list", "modulo", "date", NULL};
static const char *const key_type_words[] = {"integer", "string", "binary", "date", NULL};
static const char *const scatter_words[] = {"allow", "warn", "deny", NULL};
static const char *const unit_words[] = {"year", "month", "day", NULL};

// ---- the shape

static const char *shape_name(enum table_shape shape)
{
    switch (shape) {
    case SHAPE_BUCKET:
        return "a table sharded by bucket";
    case SHAPE_RANGE:
        return "a table sharded by range";
    case SHAPE_LIST:
        return "a table sharded by list";
    case SHAPE_MODULO:
        return "a table sharded by modulo";
    case SHAPE_DATE:
        return "a table sharded by date";
    case SHAPE_WITH:
        return "a table sharded with another";
    case SHAPE_REFERENCE:
        return "a reference table";
    case SHAPE_UNSHARDED:
        return "an unsharded table";
    case SHAPE_ANY:
        break;
    }
    return "a table";
}

static enum table_shape read_shape(struct build *build, const struct section *section,
                                   struct table_config *table)
{
    static const enum table_shape of_method[] = {SHAPE_BUCKET, SHAPE_RANGE, SHAPE_LIST,
                                                 SHAPE_MODULO, SHAPE_DATE};
    table->type =
        (enum table_type)section_choice(build, section, "type", type_words, TABLE_SHARDED);
    table->method =
        (enum shard_method)section_choice(build, section, "method", method_words, METHOD_BUCKET);
    if (table->type == TABLE_REFERENCE) {
        return SHAPE_REFERENCE;
    }
    if (table->type == TABLE_UNSHARDED) {
        return SHAPE_UNSHARDED;
    }
    return section_find(section, "with") != NULL ? SHAPE_WITH : of_method[table->method];
}

static void check_meaning(struct build *build, const struct section *section,
                          enum table_shape shape)
{
    size_t count = 0;
    const struct section_setting *rows = section_settings(&count);
    for (const struct entry *entry = section->entries; entry != NULL; entry = entry->next) {
        for (size_t i = 0; i < count; i++) {
            if (rows[i].kind == SECTION_TABLE && strcmp(rows[i].name, entry->name) == 0 &&
                (rows[i].shapes & (unsigned)shape) == 0) {
                build_error(build, entry->line, "%s has no meaning for %s", entry->name,
                            shape_name(shape));
            }
        }
    }
}

// ---- parts

static bool read_name(struct build *build, const struct section *section,
                      struct table_config *table)
{
    struct slice rest = slice_of_string(section->name);
    struct slice schema;
    if (!list_next(&rest, '.', &schema) || schema.len == 0 || rest.len == 0 ||
        memchr(rest.ptr, '.', rest.len) != NULL || schema.len > NAME_MAX_BYTES ||
        rest.len > NAME_MAX_BYTES) {
        build_error(build, section->line, "a table is named SCHEMA.NAME, not '%s'", section->name);
        table->schema = table->name = "";
        return false;
    }
    table->schema = build_keep(build, schema);
    table->name = build_keep(build, rest);
    return true;
}

// The column that a setting names; NULL when it is not set.
static const char *read_column(struct build *build, const struct section *section, const char *name)
{
    const struct entry *entry = section_find(section, name);
    if (entry == NULL) {
        return NULL;
    }
    if (entry->value.len == 0 || entry->value.len > NAME_MAX_BYTES) {
        build_error(build, entry->line, "%s is the name of a column", name);
    }
    return build_keep(build, entry->value);
}

static void read_columns(struct build *build, const struct section *section,
                         struct table_config *table)
{
    table->key = read_column(build, section, "key");
    table->id_column = read_column(build, section, "id");
    bool may_have_id = section_find(section, "with") != NULL || table->method == METHOD_BUCKET;
    if (table->key == NULL && (table->id_column == NULL || !may_have_id)) {
        build_error(build, section->line, "[table %s] needs %s", section->name,
                    may_have_id ? "a key or an id" : "a key");
    }
    if (table->key != NULL && table->id_column != NULL &&
        slice_is_nocase(slice_of_string(table->key), table->id_column)) {
        build_error(build, section_find(section, "id")->line,
                    "key and id are the same column '%s': an id finds the shard by itself",
                    table->key);
    }
}

// The process's ids of that column, with what is left of their block.
static void read_row_id(struct build *build, const struct section *section,
                        struct table_config *table)
{
    const char *column = read_column(build, section, "row_id");
    if (column == NULL) {
        return;
    }
    if (table->id_column != NULL) {
        build_error(build, section_find(section, "row_id")->line,
                    "[table %s] has an id, which waybill makes: it can't have a row_id as well",
                    section->name);
        return;
    }
    table->row_ids = row_id_list_get(build->config->row_ids, table->schema, table->name, column);
}

static void read_key_type(struct build *build, const struct section *section,
                          struct table_config *table)
{
    static const unsigned fitting[] = {
        [METHOD_BUCKET] = 1u << KEY_INTEGER | 1u << KEY_STRING | 1u << KEY_BINARY | 1u << KEY_DATE,
        [METHOD_RANGE] = 1u << KEY_INTEGER,
        [METHOD_LIST] = 1u << KEY_INTEGER | 1u << KEY_STRING | 1u << KEY_BINARY,
        [METHOD_MODULO] = 1u << KEY_INTEGER,
        [METHOD_DATE] = 1u << KEY_DATE,
    };
    int missing = table->method == METHOD_DATE ? KEY_DATE : KEY_INTEGER;
    table->key_type =
        (enum key_type)section_choice(build, section, "key_type", key_type_words, missing);
    if ((fitting[table->method] & 1u << table->key_type) == 0) {
        build_error(build, section_find(section, "key_type")->line,
                    "method %s can't have key_type %s", method_words[table->method],
                    key_type_words[table->key_type]);
    }
}

static void read_method(struct build *build, const struct section *section,
                        struct table_config *table)
{
    static const char *const needs[] = {NULL, "ranges", "lists", "shards", "ranges"};
    const char *name = needs[table->method];
    table->date_unit =
        (enum date_unit)section_choice(build, section, "unit", unit_words, DATE_MONTH);
    const struct entry *entry = name != NULL ? section_find(section, name) : NULL;
    if (name != NULL && (entry == NULL || entry->value.len == 0)) {
        build_error(build, entry != NULL ? entry->line : section->line, "[table %s] by %s needs %s",
                    section->name, method_words[table->method], name);
        return;
    }
    switch (table->method) {
    case METHOD_BUCKET:
        break;
    case METHOD_RANGE:
    case METHOD_DATE:
        build_ranges(build, table, entry);
        break;
    case METHOD_LIST:
        build_lists(build, table, entry);
        break;
    case METHOD_MODULO:
        build_modulo(build, table, entry);
        break;
    }
}

static void read_home(struct build *build, const struct section *section,
                      struct table_config *table)
{
    const struct entry *entry = section_find(section, "shard");
    if (entry == NULL) {
        table->home = build->config->default_shard;
    } else if (!build_find_shard(build, entry->line, entry->value, &table->home)) {
        table->home = 0;
    }
}

// ---- tables

static void build_table(struct build *build, const struct section *section)
{
    struct table_config *table = &build->config->tables[section->id];
    table->id = table->group = table->with = section->id;
    table->line = section->line;
    if (!read_name(build, section, table)) {
        return;
    }
    enum table_shape shape = read_shape(build, section, table);
    check_meaning(build, section, shape);
    if (shape == SHAPE_REFERENCE) {
        read_row_id(build, section, table);
        return;
    }
    if (shape == SHAPE_UNSHARDED) {
        read_home(build, section, table);
        return;
    }
    read_columns(build, section, table);
    read_row_id(build, section, table);
    table->scatter =
        (enum scatter_guard)section_choice(build, section, "scatter", scatter_words, GUARD_ALLOW);
    if (shape != SHAPE_WITH) {
        read_key_type(build, section, table);
        read_method(build, section, table);
        table->makes_ids = table->id_column != NULL && table->key != NULL;
    }
}

const struct section *build_find_table(struct build *build, const struct entry *entry)
{
    const struct section *table = build_find(build, SECTION_TABLE, entry->value);
    if (table != NULL) {
        return table;
    }
    struct near_miss near = {.wanted = entry->value};
    while ((table = build_next(build, SECTION_TABLE, table)) != NULL) {
        near_miss_consider(&near, table->name);
    }
    build_error(build, entry->line, "there is no table '%s'%s", (const char *)entry->value.ptr,
                near_miss_text(build, &near));
    return NULL;
}

// The section that `with` names, if a table can be with it.
static const struct section *find_parent(struct build *build, const struct entry *with)
{
    const struct section *parent = build_find_table(build, with);
    if (parent == NULL) {
        return NULL;
    }
    const struct entry *further = section_find(parent, "with");
    if (further != NULL) {
        build_error(build, with->line, "'%s' is itself sharded with another table; write with = %s",
                    parent->name, (const char *)further->value.ptr);
        return NULL;
    }
    if (build->config->tables[parent->id].type != TABLE_SHARDED) {
        build_error(build, with->line, "'%s' is not sharded, so no table can be sharded with it",
                    parent->name);
        return NULL;
    }
    return parent;
}

static void join_parent(struct build *build, const struct section *section)
{
    const struct entry *with = section_find(section, "with");
    struct table_config *table = &build->config->tables[section->id];
    const struct section *found =
        with != NULL && table->type == TABLE_SHARDED ? find_parent(build, with) : NULL;
    if (found == NULL) {
        return;
    }
    const struct table_config *parent = &build->config->tables[found->id];
    if (table->id_column != NULL && parent->id_column == NULL) {
        build_error(build, section_find(section, "id")->line,
                    "'%s' has no id, so no value of %s could say where its row is", found->name,
                    table->id_column);
    }
    struct table_config joined = *parent;
    joined.id = table->id;
    joined.with = parent->id;
    joined.schema = table->schema;
    joined.name = table->name;
    joined.key = table->key;
    joined.id_column = table->id_column;
    joined.makes_ids = false;
    joined.row_ids = table->row_ids;
    joined.scatter = section_find(section, "scatter") != NULL ? table->scatter : parent->scatter;
    joined.line = table->line;
    *table = joined;
}

// One map of buckets serves all tables: equal keys of one type are in one bucket, whatever the
// table. So all tables by bucket with one type of key are one group.
static void group_by_bucket(struct config *config)
{
    for (uint16_t i = 0; i < config->table_count; i++) {
        struct table_config *table = &config->tables[i];
        for (uint16_t j = 0; j < i && table->method == METHOD_BUCKET; j++) {
            const struct table_config *other = &config->tables[j];
            if (table->type == TABLE_SHARDED && other->type == TABLE_SHARDED &&
                other->method == METHOD_BUCKET && other->key_type == table->key_type) {
                table->group = other->group;
                break;
            }
        }
    }
}

// ---- buckets

static void add_run(struct text *text, int first, int last)
{
    text_add_string(text, text->len > 0 ? ", " : "");
    if (first == last) {
        text_add_format(text, "%d", first);
    } else {
        text_add_format(text, "%d-%d", first, last);
    }
}

// Every bucket has a shard, if any table needs buckets.
static void check_buckets(struct build *build)
{
    const struct config *config = build->config;
    const struct table_config *needing = NULL;
    for (size_t i = 0; i < config->table_count; i++) {
        const struct table_config *table = &config->tables[i];
        if (table->schema[0] != '\0' && table->type == TABLE_SHARDED &&
            table->method == METHOD_BUCKET && (needing == NULL || table->line < needing->line)) {
            needing = table;
        }
    }
    struct text missing;
    text_init(&missing);
    for (int i = 0; needing != NULL && i < BUCKET_COUNT; i++) {
        int first = i;
        while (i < BUCKET_COUNT && config->bucket_shard[i] == 0xffff) {
            i++;
        }
        if (i > first) {
            add_run(&missing, first, i - 1);
        }
    }
    if (needing != NULL && missing.len > 0) {
        build_error(build, needing->line,
                    "%s.%s is sharded by bucket, but no shard has the buckets %.*s",
                    needing->schema, needing->name, (int)(missing.len > 200 ? 200 : missing.len),
                    (const char *)missing.ptr);
    }
    text_done(&missing);
}

// ---- all tables

static int compare_sections(const void *left, const void *right)
{
    struct slice a = slice_of_string((*(struct section *const *)left)->name);
    struct slice b = slice_of_string((*(struct section *const *)right)->name);
    const uint8_t *a_dot = a.len > 0 ? memchr(a.ptr, '.', a.len) : NULL;
    const uint8_t *b_dot = b.len > 0 ? memchr(b.ptr, '.', b.len) : NULL;
    size_t a_at = a_dot != NULL ? (size_t)(a_dot - a.ptr) : a.len;
    size_t b_at = b_dot != NULL ? (size_t)(b_dot - b.ptr) : b.len;
    int difference = name_compare(slice_part(a, 0, a_at), slice_part(b, 0, b_at));
    return difference != 0 ? difference
                           : name_compare(slice_part(a, a_at, a.len), slice_part(b, b_at, b.len));
}

void build_tables(struct build *build)
{
    size_t count = build_count(build, SECTION_TABLE);
    if (count == 0) {
        return;
    }
    if (count > TABLES_MAX) {
        build_error(build, build_next(build, SECTION_TABLE, NULL)->line, "there can be %d tables",
                    TABLES_MAX);
        return;
    }
    struct section **sorted = arena_alloc(&build->scratch, sizeof(struct section *) * count);
    struct section *section = NULL;
    for (size_t i = 0; i < count; i++) {
        sorted[i] = section = build_next(build, SECTION_TABLE, section);
    }
    qsort(sorted, count, sizeof(struct section *), compare_sections);
    struct config *config = build->config;
    config->table_count = (uint16_t)count;
    config->tables = arena_alloc(&config->arena, sizeof *config->tables * count);
    for (size_t i = 0; i < count; i++) {
        sorted[i]->id = (uint16_t)i;
        build_table(build, sorted[i]);
    }
    for (size_t i = 0; i < count; i++) {
        join_parent(build, sorted[i]);
    }
    group_by_bucket(config);
    check_buckets(build);
}
