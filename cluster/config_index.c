// Global indexes: [index NAME] names a table of the file and one of its columns. What the servers
// have to say about that column is looked at when the index is built (replication/index_work.c).

#include "base/hash.h"
#include "cluster/config_impl.h"

enum { INDEXES_MAX = 1000, NAME_BYTES_MAX = 64, INDEX_NAME_BYTES_MAX = 40 };

static const char *const type_words[] = {"integer", "string", NULL};
static const char *const unique_words[] = {"off", "on", NULL};

// The names stand in statements and in the look-up table.
static void check_name(struct build *build, const struct section *section)
{
    bool is_fine = strlen(section->name) <= INDEX_NAME_BYTES_MAX;
    for (const char *byte = section->name; *byte != '\0'; byte++) {
        is_fine =
            is_fine && *byte > ' ' && *byte < 0x7f && *byte != '\'' && *byte != '`' && *byte != '#';
    }
    if (!is_fine) {
        build_error(build, section->line,
                    "the name of an index is at most %d printable ASCII characters without blanks, "
                    "quotes and #, not '%s'",
                    INDEX_NAME_BYTES_MAX, section->name);
    }
}

static struct table_config *read_table(struct build *build, const struct section *section)
{
    const struct entry *entry = section_find(section, "table");
    if (entry == NULL) {
        build_error(build, section->line, "[index %s] needs a table", section->name);
        return NULL;
    }
    const struct section *found = build_find_table(build, entry);
    struct table_config *table = found != NULL ? &build->config->tables[found->id] : NULL;
    if (table != NULL && table->type != TABLE_SHARDED) {
        build_error(build, entry->line, "'%s' is not sharded, so there is nothing to look up",
                    found->name);
        return NULL;
    }
    return table;
}

static bool is_taken(const struct table_config *table, const char *column)
{
    for (const struct index_config *other = table->indexes; other != NULL; other = other->next) {
        if (slice_is_nocase(slice_of_string(column), other->column)) {
            return true;
        }
    }
    return false;
}

static bool is_placing(const struct table_config *table, const char *column)
{
    struct slice name = slice_of_string(column);
    return (table->key != NULL && slice_is_nocase(name, table->key)) ||
           (table->id_column != NULL && slice_is_nocase(name, table->id_column));
}

static bool read_column(struct build *build, const struct section *section,
                        const struct table_config *table, struct index_config *index)
{
    const struct entry *entry = section_find(section, "column");
    if (entry == NULL || entry->value.len == 0 || entry->value.len > NAME_BYTES_MAX ||
        memchr(entry->value.ptr, '`', entry->value.len) != NULL) {
        build_error(build, entry != NULL ? entry->line : section->line, "[index %s] needs a column",
                    section->name);
        return false;
    }
    index->column = build_keep(build, entry->value);
    if (is_placing(table, index->column)) {
        build_error(build, entry->line, "%s finds the shard by itself, without an index",
                    index->column);
        return false;
    }
    if (is_taken(table, index->column)) {
        build_error(build, entry->line, "there is another index of %s.%s on %s", table->schema,
                    table->name, index->column);
        return false;
    }
    return true;
}

// An entry that is lost in a promotion is a row that is not found any more.
static void check_shards(struct build *build, const struct section *section)
{
    for (uint16_t i = 0; i < build->config->shard_count; i++) {
        const struct shard_config *shard = &build->config->shards[i];
        if (!shard->is_removed && shard->durability != DURABILITY_SEMI_SYNC) {
            build_error(build, section->line,
                        "[index %s] needs durability = semi_sync of all shards, and shard %s has "
                        "best_effort: rows whose entries a promotion lost would not be found",
                        section->name, shard->name);
        }
    }
}

// What it is of, and which shard has the entries of each bucket.
static void make_key(struct build *build, const struct table_config *table,
                     struct index_config *index)
{
    const struct config *config = build->config;
    struct text all;
    text_init(&all);
    text_add_format(&all, "%s.%s.%s %d%s", table->schema, table->name, index->column,
                    (int)index->type, index->is_unique ? " unique" : "");
    for (size_t bucket = 0; bucket < BUCKET_COUNT; bucket++) {
        uint16_t shard = config->bucket_shard[bucket];
        shard = shard < config->shard_count ? shard : config->default_shard;
        text_add_format(&all, ",%s", config->shards[shard].name);
    }
    uint64_t digest = hash_bytes(all.ptr, all.len) >> 16;
    text_done(&all);
    index->key = (const char *)arena_format(&build->config->arena, "%s#%012llx", index->name,
                                            (unsigned long long)digest)
                     .ptr;
}

static bool build_index(struct build *build, const struct section *section,
                        struct index_config *index)
{
    check_name(build, section);
    check_shards(build, section);
    index->name = build_keep(build, slice_of_string(section->name));
    index->type =
        section_choice(build, section, "key_type", type_words, 0) == 0 ? KEY_INTEGER : KEY_STRING;
    index->is_unique = section_choice(build, section, "unique", unique_words, 0) == 1;
    struct table_config *table = read_table(build, section);
    if (table == NULL || !read_column(build, section, table, index)) {
        return false;
    }
    index->table = table->id;
    make_key(build, table, index);
    index->next = table->indexes;
    table->indexes = index;
    return true;
}

void build_indexes(struct build *build)
{
    size_t count = build_count(build, SECTION_INDEX);
    struct config *config = build->config;
    const struct section *section = build_next(build, SECTION_INDEX, NULL);
    if (count > INDEXES_MAX) {
        build_error(build, section->line, "there can be %d indexes", INDEXES_MAX);
        return;
    }
    config->indexes = arena_alloc(&config->arena, (count + 1) * sizeof *config->indexes);
    for (; section != NULL; section = build_next(build, SECTION_INDEX, section)) {
        if (build_index(build, section, &config->indexes[config->index_count])) {
            config->index_count++;
        }
    }
}
