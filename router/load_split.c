// A row of a file is placed like a row of an INSERT (plan_insert.c), with one more doubt: LOAD DATA
// LOCAL never fails for a value, it stores what is left of it. So what the column can't hold as it
// stands is refused here, by the column's own type.

#include "router/load_split.h"

#include <stdarg.h>
#include <stdio.h>

#include "protocol/error_table.h"

// The row in question.
struct doubt {
    const struct load_placer *placer;
    uint64_t number;
    struct error *error;
};

static bool refuse(const struct doubt *doubt, const char *format, ...) PRINTF_LIKE(2, 3);
static bool refuse(const struct doubt *doubt, const char *format, ...)
{
    const struct table_config *table = doubt->placer->table;
    char why[400], text[sizeof doubt->error->text];
    va_list args;
    va_start(args, format);
    vsnprintf(why, sizeof why, format, args);
    va_end(args);
    snprintf(text, sizeof text, "Row %llu of the file for table %s.%s: %s",
             (unsigned long long)doubt->number, table->schema, table->name, why);
    error_fill(doubt->error, ER_SHARD_KEY, text);
    return false;
}

static int shown(struct slice value)
{
    return (int)(value.len < 64 ? value.len : 64);
}

static struct value value_of(const struct load_field *field)
{
    return (struct value){.kind = field->is_null ? VALUE_NULL : VALUE_STRING,
                          .bytes = text_slice(&field->value)};
}

struct integer_type {
    const char *name;
    int64_t low;
    uint64_t high, high_unsigned;
};

// clang-format off
static const struct integer_type integer_types[] = {
    {"tinyint", INT8_MIN, INT8_MAX, UINT8_MAX},
    {"smallint", INT16_MIN, INT16_MAX, UINT16_MAX},
    {"mediumint", -8388608, 8388607, 16777215},
    {"int", INT32_MIN, INT32_MAX, UINT32_MAX},
    {"bigint", INT64_MIN, INT64_MAX, UINT64_MAX},
    {"year", 1901, 2155, 2155},
};
// clang-format on

static bool fits_integer(const struct table_column *column, const struct shard_key *key)
{
    size_t count = sizeof integer_types / sizeof integer_types[0];
    for (size_t i = 0; i < count; i++) {
        const struct integer_type *type = &integer_types[i];
        uint64_t number = 0;
        if (!slice_is_nocase(column->type, type->name)) {
            continue;
        }
        if (!slice_to_uint64(key->bytes, &number)) { // negative
            return !column->is_unsigned && key->number >= type->low;
        }
        bool is_low = type->low > 0 && key->number < type->low;
        return !is_low && number <= (column->is_unsigned ? type->high_unsigned : type->high);
    }
    return false;
}

static bool fits_column(const struct table_config *table, const struct table_column *column,
                        const struct shard_key *key)
{
    switch (table->key_type) {
    case KEY_INTEGER:
        return fits_integer(column, key);
    case KEY_STRING:
    case KEY_BINARY:
        return key->bytes.len <= column->max_chars;
    case KEY_DATE:
        return true;
    }
    return false;
}

static bool place_by_key(const struct doubt *doubt, const struct load_field *field,
                         struct load_place *place)
{
    const struct load_placer *placer = doubt->placer;
    const struct table_config *table = placer->table;
    struct value value = value_of(field);
    struct shard_key key;
    const char *why = "has no value";
    if (!field->is_there ||
        !value_to_key(placer->scratch, table->key_type, KEY_STORED, &value, &key, &why)) {
        return refuse(doubt, "its shard key `%s` %s (\"%.*s\")", table->key, why,
                      shown(value.bytes), (const char *)value.bytes.ptr);
    }
    if (!fits_column(table, &placer->split->key, &key)) {
        return refuse(doubt,
                      "its shard key `%s` = %.*s does not fit the column, and the server would "
                      "store another one",
                      table->key, shown(value.bytes), (const char *)value.bytes.ptr);
    }
    if (!sharding_of_key(placer->config, table, &key, &place->shard)) {
        return refuse(doubt,
                      "no %s covers %s = %.*s: add one to the table's section in the configuration",
                      sharding_method_name(table), table->key, shown(value.bytes),
                      (const char *)value.bytes.ptr);
    }
    place->bucket = bucket_of_key(key.bytes);
    return true;
}

static bool place_by_id(const struct doubt *doubt, const struct load_field *field,
                        struct load_place *place)
{
    static const char advice[] =
        ". To have ids made, leave the column out of the file and name the "
        "others in the column list";
    const struct load_placer *placer = doubt->placer;
    const struct table_config *table = placer->table;
    struct value value = value_of(field);
    uint64_t id = 0;
    if (!field->is_there || value_to_id(placer->scratch, &value, &id) != ID_KNOWN) {
        return refuse(doubt, "its `%s` is no id that waybill made (\"%.*s\")%s", table->id_column,
                      shown(value.bytes), (const char *)value.bytes.ptr,
                      table->makes_ids ? advice : "");
    }
    uint16_t bucket = order_id_bucket(id);
    if (table->key != NULL && place->bucket != bucket) {
        return refuse(doubt, "its %s belongs to bucket %u, but %s = %llu carries bucket %u",
                      table->key, place->bucket, table->id_column, (unsigned long long)id, bucket);
    }
    place->bucket = bucket;
    place->shard = placer->config->bucket_shard[bucket];
    return true;
}

bool load_placer_init(struct load_placer *placer, const struct load_split *split,
                      const struct config *config, struct arena *scratch)
{
    *placer = (struct load_placer){.split = split,
                                   .config = config,
                                   .table = config_find_table(config, split->schema, split->table),
                                   .scratch = scratch};
    return placer->table != NULL && placer->table->type == TABLE_SHARDED &&
           sharding_fingerprint(config, placer->table) == split->sharding;
}

bool load_place_row(const struct load_placer *placer, const struct load_rows *rows,
                    struct load_place *place, struct error *error)
{
    const struct load_split *split = placer->split;
    struct doubt doubt = {
        .placer = placer, .number = rows->row_count + split->rules.skipped_lines, .error = error};
    *place = (struct load_place){.shard = NO_SHARD};
    if (placer->table->key != NULL && !place_by_key(&doubt, &rows->fields[0], place)) {
        return false;
    }
    if (placer->table->id_column != NULL && !split->makes_ids &&
        !place_by_id(&doubt, &rows->fields[1], place)) {
        return false;
    }
    if (split->hint_shard != NO_SHARD && split->hint_shard != place->shard) {
        return refuse(&doubt, "the hint names shard %s, and it belongs to shard %s",
                      placer->config->shards[split->hint_shard].name,
                      placer->config->shards[place->shard].name);
    }
    return true;
}
