#include "router/global_index.h"

#include <stdio.h>

#include "base/hash.h"
#include "parser/literal.h"
#include "protocol/error_table.h"
#include "router/index_claim.h"
#include "router/sql_literal.h"

// No canonical value begins with this byte.
#define MARK "\xff"
static const char other[] = MARK "other";
static const char ready[] = MARK "ready";
static const char lacks[] = " lacks 0x";

// ---- values

static bool to_canonical(struct arena *arena, const struct index_config *index, enum key_use use,
                         const struct value *value, struct slice *canonical)
{
    struct shard_key key;
    const char *why = NULL;
    if (!value_to_key(arena, index->type, use, value, &key, &why)) {
        return false;
    }
    *canonical = key.bytes.len > INDEX_VALUE_MAX ? index_other() : key.bytes;
    return true;
}

// The servers compare the strings of a unique index themselves.
static bool has_claims_of_strings(const struct index_config *index)
{
    return index->is_unique && index->type == KEY_STRING;
}

bool index_value(struct arena *arena, const struct index_config *index, const struct value *value,
                 struct slice *canonical)
{
    if (!to_canonical(arena, index, KEY_COMPARED, value, canonical)) {
        return false;
    }
    if (has_claims_of_strings(index)) {
        *canonical = value->bytes;
    }
    return true;
}

bool index_stored_value(struct arena *arena, const struct index_config *index,
                        const struct value *value, struct slice *canonical)
{
    if (has_claims_of_strings(index)) {
        bool is_known = to_canonical(arena, index, KEY_STORED, value, canonical);
        *canonical = is_known && value->kind == VALUE_STRING ? value->bytes : *canonical;
        return is_known;
    }
    *canonical = index_other();
    return to_canonical(arena, index, KEY_STORED, value, canonical) ||
           (index->type == KEY_STRING && value->kind == VALUE_STRING);
}

struct index_wish *index_wish_find(const struct index_wishes *wishes,
                                   const struct index_config *index, struct slice value)
{
    for (uint32_t i = 0; i < wishes->count; i++) {
        struct index_wish *wish = &wishes->items[i];
        if (strcmp(wish->index->key, index->key) == 0 && slice_equal(wish->value, value)) {
            return wish;
        }
    }
    return NULL;
}

struct slice index_home_key(const char *key, bool is_one_for_all, struct slice value)
{
    return is_one_for_all ? slice_of_string(key) : value;
}

uint16_t index_home(const struct config *config, const struct index_config *index,
                    struct slice value)
{
    struct slice key = index_home_key(index->key, has_claims_of_strings(index), value);
    uint16_t shard = config->bucket_shard[bucket_of_key(key)];
    return shard < config->shard_count ? shard : config->default_shard; // nobody has buckets
}

uint16_t index_wish_home(const struct config *config, const struct index_wish *wish)
{
    return index_home(config, wish->index, wish->value);
}

bool index_is_mark(struct slice value)
{
    return value.len > 0 && value.ptr[0] == (uint8_t)MARK[0];
}

struct slice index_other(void)
{
    return slice_of_string(other);
}

struct slice index_ready(void)
{
    return slice_of_string(ready);
}

const struct index_config *index_find(const struct config *config, struct slice key)
{
    for (uint16_t i = 0; i < config->index_count; i++) {
        if (slice_equal(key, slice_of_string(config->indexes[i].key))) {
            return &config->indexes[i];
        }
    }
    return NULL;
}

// ---- SQL

// "(index_key = X'..' AND value IN (X'..', X'..'))"
static void add_one(struct text *sql, const struct index_wish *wish)
{
    text_add_string(sql, "(index_key = ");
    sql_add_hex(sql, slice_of_string(wish->index->key));
    text_add_string(sql, " AND value IN (");
    sql_add_hex(sql, index_ready());
    text_add_string(sql, ", ");
    sql_add_hex(sql, index_other());
    text_add_string(sql, ", ");
    sql_add_hex(sql, wish->value);
    text_add_string(sql, "))");
}

// All shards that ever claimed the value: a snapshot of before may show a row that is gone.
static void add_claims(struct text *sql, const struct config *config, const struct index_wish *wish)
{
    struct claim_index index = claim_index_of(config, wish->index);
    text_add_string(sql, " UNION ALL SELECT HEX(");
    sql_add_hex(sql, slice_of_string(wish->index->key));
    text_add_string(sql, "), HEX(");
    sql_add_hex(sql, wish->value);
    text_add_string(sql, "), HEX(shard) FROM ");
    claim_add_table(sql, index.key, "claim");
    text_add_string(sql, " WHERE value = ");
    claim_add_value(sql, index.is_integer, wish->value);
}

void index_add_question(struct text *sql, const struct config *config,
                        const struct index_wishes *wishes, uint16_t home)
{
    const char *before = "";
    text_add_string(sql, "SELECT HEX(index_key), HEX(value), HEX(shard) FROM " INDEX_ENTRY_TABLE
                         " WHERE ");
    for (uint32_t i = 0; i < wishes->count; i++) {
        if (index_wish_home(config, &wishes->items[i]) == home) {
            text_add_string(sql, before);
            add_one(sql, &wishes->items[i]);
            before = " OR ";
        }
    }
    for (uint32_t i = 0; i < wishes->count; i++) {
        if (wishes->items[i].index->is_unique &&
            index_wish_home(config, &wishes->items[i]) == home) {
            add_claims(sql, config, &wishes->items[i]);
        }
    }
    text_add_string(sql, " LIMIT 1000000"); // not sql_select_limit
}

// IGNORE is about those that are there: a lock that others can share, too.
void index_add_entry(struct text *sql, struct slice key, struct slice value, const char *shard,
                     bool is_first)
{
    text_add_string(sql, is_first ? "INSERT IGNORE INTO " INDEX_ENTRY_TABLE
                                    " (index_key, value, shard) VALUES ("
                                  : ", (");
    sql_add_hex(sql, key);
    text_add_string(sql, ", ");
    sql_add_hex(sql, value);
    text_add_string(sql, ", ");
    sql_add_hex(sql, slice_of_string(shard));
    text_add_string(sql, ")");
}

void index_add_here(struct text *sql, struct slice key, struct slice value, bool is_first)
{
    text_add_string(sql, is_first ? "INSERT IGNORE INTO " INDEX_HERE_TABLE
                                    " (index_key, digest, value) VALUES ("
                                  : ", (");
    sql_add_hex(sql, key);
    text_add_string(sql, ", UNHEX(MD5(");
    sql_add_hex(sql, value);
    text_add_string(sql, ")), ");
    sql_add_hex(sql, value);
    text_add_string(sql, ")");
}

// As key_canonical has it: `+ 0` takes the zeros of ZEROFILL off.
void index_add_canonical(struct text *sql, enum key_type type, const char *column)
{
    if (type == KEY_INTEGER) {
        text_add_format(sql, "CAST(CAST(%s + 0 AS CHAR) AS BINARY)", column);
        return;
    }
    text_add_format(sql,
                    "IF(CONVERT(%s USING utf8mb4) COLLATE utf8mb4_bin REGEXP '[^ -~]' OR "
                    "LENGTH(CONVERT(%s USING utf8mb4)) > %d, ",
                    column, column, INDEX_VALUE_MAX);
    sql_add_hex(sql, index_other());
    text_add_format(sql,
                    ", CAST(LOWER(TRIM(TRAILING ' ' FROM CONVERT(%s USING utf8mb4))) AS "
                    "BINARY))",
                    column);
}

void index_trigger_name(const char *index, char event, char name[INDEX_TRIGGER_MAX])
{
    uint64_t digest = hash_bytes(index, strlen(index));
    snprintf(name, INDEX_TRIGGER_MAX, INDEX_TRIGGER_PREFIX "%016llx_%c", (unsigned long long)digest,
             event);
}

static void add_column(struct text *sql, const char *row, const char *column)
{
    text_add_string(sql, row);
    text_add_string(sql, ".");
    sql_add_name(sql, slice_of_string(column));
    text_add(sql, "", 1);
}

// The SELECT is a current read that locks what it finds, as every read beside a change does: an
// entry that it has seen stays until the row is committed.
void index_add_trigger_body(struct text *sql, const struct index_config *index, char event)
{
    struct text column;
    text_init(&column);
    add_column(&column, "NEW", index->column);
    const char *new_value = (const char *)column.ptr;
    text_add_format(sql, "BEGIN DECLARE waybill_value VARBINARY(255); "
                         "DECLARE waybill_text VARCHAR(800) CHARACTER SET utf8mb4; ");
    text_add_format(sql, "IF %s IS NOT NULL", new_value);
    if (event == 'u') {
        struct text old;
        text_init(&old);
        add_column(&old, "OLD", index->column);
        text_add_format(sql, " AND NOT (CAST(%s AS BINARY) <=> CAST(%s AS BINARY))", new_value,
                        (const char *)old.ptr);
        text_done(&old);
    }
    text_add_string(sql, " THEN SET waybill_value = ");
    index_add_canonical(sql, index->type, new_value);
    text_add_string(sql, "; IF NOT EXISTS (SELECT 1 FROM " INDEX_HERE_TABLE " WHERE index_key = ");
    sql_add_hex(sql, slice_of_string(index->key));
    text_add_format(sql,
                    " AND digest = UNHEX(MD5(waybill_value))) THEN SET waybill_text = "
                    "CONCAT('index %s%s', HEX(waybill_value), ': write such rows through a waybill "
                    "that has this index'); SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = %d, "
                    "MESSAGE_TEXT = waybill_text; END IF; END IF; END",
                    index->key, lacks, ER_NOT_INDEXED);
    text_done(&column);
}

// ---- the error

static bool is_digit(uint8_t byte)
{
    return (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'F');
}

bool index_read_lack(struct arena *arena, struct slice message, struct slice *key,
                     struct slice *value)
{
    static const char begin[] = "index ";
    const size_t skipped = sizeof begin - 1;
    if (message.len < skipped || memcmp(message.ptr, begin, skipped) != 0) {
        return false;
    }
    message = slice_part(message, skipped, message.len);
    const uint8_t *at = memmem(message.ptr, message.len, lacks, sizeof lacks - 1);
    if (at == NULL) {
        return false;
    }
    *key = slice_of(message.ptr, (size_t)(at - message.ptr));
    size_t first = key->len + sizeof lacks - 1, end = first;
    while (end < message.len && is_digit(message.ptr[end])) {
        end++;
    }
    *value = literal_hex(arena, slice_part(message, first - 2, end)); // with its 0x
    return end < message.len;
}
