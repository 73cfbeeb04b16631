// Tables that are declared by statements, in a configuration. It has tables and indexes of its own,
// built by the same code out of the file's sections and the declared ones, and shares all the rest
// with the one that was read from the file, which lives as long.

#include "cluster/config_impl.h"

#include "base/memory.h"
#include "cluster/declared.h"
#include "cluster/row_id.h"

// ---- sections that are kept

static bool is_kept(const struct section *section)
{
    return section->kind == SECTION_SHARD || section->kind == SECTION_TABLE ||
           section->kind == SECTION_INDEX;
}

static struct entry *keep_entries(struct build *build, const struct entry *from)
{
    struct entry *first = NULL, **last = &first;
    for (; from != NULL; from = from->next) {
        struct entry *entry = arena_alloc(&build->config->arena, sizeof *entry);
        entry->name = build_keep(build, slice_of_string(from->name));
        entry->value = slice_of(build_keep(build, from->value), from->value.len);
        entry->line = from->line;
        *last = entry;
        last = &entry->next;
    }
    return first;
}

void build_keep_sections(struct build *build)
{
    struct section **last = &build->config->sections;
    for (const struct section *from = build->sections; from != NULL; from = from->next) {
        if (!is_kept(from)) {
            continue;
        }
        struct section *section = arena_alloc(&build->config->arena, sizeof *section);
        *section = *from;
        section->next = NULL;
        section->name = build_keep(build, slice_of_string(from->name));
        section->entries = keep_entries(build, from->entries);
        *last = section;
        last = &section->next;
    }
}

// The builders write into the sections, so each build has its own.
static void add_section(struct build *build, const struct section *from)
{
    struct section *section = arena_alloc(&build->scratch, sizeof *section);
    *section = *from;
    section->next = NULL;
    *(build->last != NULL ? &build->last->next : &build->sections) = section;
    build->last = section;
}

// ---- a declared one

static bool is_setting(struct build *build, struct slice name)
{
    struct near_miss near = {.wanted = name};
    size_t count = 0;
    const struct section_setting *settings = section_settings(&count);
    for (size_t i = 0; i < count; i++) {
        if (settings[i].kind == SECTION_TABLE) {
            near_miss_consider(&near, settings[i].name);
        }
    }
    if (near.best != NULL && near.distance == 0) {
        return true;
    }
    build_error(build, 0, "unknown setting '%.*s' of a table%s", (int)name.len,
                (const char *)name.ptr, near_miss_text(build, &near));
    return false;
}

static struct entry *read_entries(struct build *build, const char *words)
{
    struct slice rest = slice_of_string(words), line;
    struct entry *first = NULL, **last = &first;
    while (list_next(&rest, '\n', &line)) {
        struct slice value = line, name;
        if (!list_next(&value, '=', &name) || !is_setting(build, name)) {
            continue;
        }
        struct entry *entry = arena_alloc(&build->scratch, sizeof *entry);
        entry->name = (const char *)arena_format(&build->scratch, "%.*s", (int)name.len,
                                                 (const char *)name.ptr)
                          .ptr;
        value = slice_trim(value);
        entry->value = arena_format(&build->scratch, "%.*s", (int)value.len,
                                    value.len > 0 ? (const char *)value.ptr : "");
        *last = entry;
        last = &entry->next;
    }
    return first;
}

// False: the file, or one that was added before, has it.
static bool add_declared(struct build *build, const struct declared_row *row)
{
    struct slice name = arena_format(&build->scratch, "%s.%s", row->schema, row->name);
    if (build_find(build, SECTION_TABLE, name) != NULL) {
        return false;
    }
    struct section section = {.kind = SECTION_TABLE, .name = (const char *)name.ptr};
    section.entries = read_entries(build, row->words);
    add_section(build, &section);
    return true;
}

// ---- the whole

static bool is_of(const struct section *section, const struct declared_row *row)
{
    struct slice name = slice_of_string(section->name);
    size_t dot = strlen(row->schema);
    return section->kind == SECTION_TABLE && name.len == dot + 1 + strlen(row->name) &&
           name.ptr[dot] == '.' && slice_is_nocase(slice_part(name, 0, dot), row->schema) &&
           slice_is_nocase(slice_part(name, dot + 1, name.len), row->name);
}

// `instead`: of the file's section of that table; may be NULL.
static void begin(struct build *build, struct config *config, const struct section *sections,
                  const struct declared_row *instead)
{
    *build = (struct build){.config = config, .path = "declared tables"};
    arena_init(&build->scratch, NULL);
    config->tables = NULL;
    config->table_count = 0;
    config->indexes = NULL;
    config->index_count = 0;
    for (; sections != NULL; sections = sections->next) {
        if (instead == NULL || !is_of(sections, instead)) {
            add_section(build, sections);
        }
    }
}

static void mark(struct config *config, const struct declared_row *row)
{
    for (uint16_t i = 0; i < config->table_count; i++) {
        struct table_config *table = &config->tables[i];
        if (slice_is_nocase(slice_of_string(row->schema), table->schema) &&
            slice_is_nocase(slice_of_string(row->name), table->name)) {
            table->declared = row->number;
            table->declared_words =
                (const char *)arena_format(&config->arena, "%s", row->words).ptr;
            table->is_closed = row->is_closed;
        }
    }
}

// `more`: beside those of the rows, and before one of them with its name; may be NULL.
static void build_with(struct build *build, struct slice rows, const struct declared_row *more)
{
    struct declared_row row;
    struct slice rest = rows;
    bool has_more = more != NULL && add_declared(build, more);
    size_t count = 0;
    while (declared_next(&rest, &row)) {
        count++;
    }
    bool *is_added = arena_alloc(&build->scratch, (count + 1) * sizeof *is_added);
    rest = rows;
    for (size_t i = 0; declared_next(&rest, &row); i++) {
        is_added[i] = add_declared(build, &row);
    }
    build_tables(build);
    build_indexes(build);
    if (build->error_count > 0) {
        return;
    }
    if (has_more) {
        mark(build->config, more);
    }
    rest = rows;
    for (size_t i = 0; declared_next(&rest, &row); i++) {
        if (is_added[i]) {
            mark(build->config, &row);
        }
    }
}

bool config_add_declared(struct config *next, uint64_t number, struct slice rows,
                         struct text *errors)
{
    struct build build;
    begin(&build, next, next->sections, NULL);
    next->declared_number = number;
    next->declared_rows = arena_copy(&next->arena, rows);
    build_with(&build, rows, NULL);
    build_print_errors(&build, errors);
    arena_clear(&build.scratch);
    return build.error_count == 0;
}

struct config *config_with_declared(struct config *running, const struct declared_set *set,
                                    struct text *errors)
{
    struct config *next = config_derive(running);
    if (!config_add_declared(next, set->number, text_slice(&set->rows), errors)) {
        config_free(next);
        return NULL;
    }
    return next;
}

// ---- a look

struct config *config_look_declared(const struct config *running, const struct declared_row *row,
                                    struct text *why)
{
    struct config *look = memory_new(sizeof *look);
    struct build build;
    *look = *running;
    arena_init(&look->arena, NULL);
    look->row_ids = row_id_list_new(); // (the running one's is the control thread's)
    begin(&build, look, running->sections, row);
    build_with(&build, running->declared_rows, row);
    text_add_string(why, build_first_error(&build));
    arena_clear(&build.scratch);
    if (why->len > 0) {
        config_end_look(look);
        return NULL;
    }
    return look;
}

void config_end_look(struct config *look)
{
    if (look != NULL) {
        row_id_list_drop(look->row_ids);
        arena_clear(&look->arena);
        memory_free(look);
    }
}
