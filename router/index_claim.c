#include "router/index_claim.h"

#include <string.h>

#include "base/hash.h"
#include "parser/literal.h"
#include "protocol/error_table.h"
#include "router/sql_literal.h"

static const char begin[] = "unique index ";
static const char lacks[] = " lacks 0x";
static const char after[] = " after ";
static const char dots[] = "...";

enum { DUPLICATE_SHOWN = 64 };

struct claim_index claim_index_of(const struct config *config, const struct index_config *index)
{
    const struct table_config *table = &config->tables[index->table];
    return (struct claim_index){.key = index->key,
                                .schema = table->schema,
                                .table = table->name,
                                .column = index->column,
                                .is_integer = index->type == KEY_INTEGER};
}

// ---- names and values

void claim_add_prefix(struct text *sql, struct slice name)
{
    text_add_format(sql, "unique_%016llx_", (unsigned long long)hash_bytes(name.ptr, name.len));
}

void claim_add_table(struct text *sql, const char *key, const char *what)
{
    const char *mark = strchr(key, '#'); // "name#0123456789ab": cluster/config_index.c
    text_add_string(sql, "waybill.");
    claim_add_prefix(sql, slice_of(key, (size_t)(mark - key)));
    text_add_format(sql, "%s_%s", mark + 1, what);
}

void claim_add_value(struct text *sql, bool is_integer, struct slice value)
{
    if (is_integer) {
        text_add_slice(sql, value);
        return;
    }
    text_add_string(sql, "_utf8mb4 ");
    sql_add_hex(sql, value);
}

// `+ 0` takes the zeros of ZEROFILL off.
void claim_add_text(struct text *sql, bool is_integer, const char *column)
{
    text_add_format(sql, is_integer ? "CAST(%s + 0 AS CHAR)" : "CONVERT(%s USING utf8mb4)", column);
}

static void add_column(struct text *sql, const char *row, const char *column)
{
    text_add_string(sql, row);
    sql_add_name(sql, slice_of_string(column));
}

static void add_rows_of(struct text *sql, const struct claim_index *index)
{
    sql_add_name(sql, slice_of_string(index->schema));
    text_add_string(sql, ".");
    sql_add_name(sql, slice_of_string(index->table));
}

// ---- claims

void claim_add_claim(struct text *sql, const struct claim_index *index, struct slice value,
                     uint64_t version, const char *shard, bool is_first)
{
    text_add_string(sql, is_first ? "INSERT IGNORE INTO " : ", (");
    if (is_first) {
        claim_add_table(sql, index->key, "claim");
        text_add_string(sql, " (value, version, shard) VALUES (");
    }
    claim_add_value(sql, index->is_integer, value);
    text_add_format(sql, ", %llu, ", (unsigned long long)version);
    sql_add_hex(sql, slice_of_string(shard));
    text_add_string(sql, ")");
}

void claim_begin_question(struct text *sql, const struct claim_index *index)
{
    text_add_string(sql, "SELECT HEX(");
    claim_add_text(sql, index->is_integer, "c.value");
    text_add_string(sql, ") AS value, HEX(c.shard) AS shard, c.version AS version FROM ");
    claim_add_table(sql, index->key, "claim");
    text_add_string(sql, " c WHERE c.version = (SELECT MAX(d.version) FROM ");
    claim_add_table(sql, index->key, "claim");
    text_add_string(sql, " d WHERE d.value = c.value) AND c.value IN (");
}

// ---- on the shard

void claim_add_here(struct text *sql, const struct claim_index *index, struct slice value,
                    uint64_t version, bool is_first)
{
    text_add_string(sql, is_first ? "INSERT INTO " : ", (");
    if (is_first) {
        claim_add_table(sql, index->key, "here");
        text_add_string(sql, " (value, version, is_here) VALUES (");
    }
    claim_add_value(sql, index->is_integer, value);
    text_add_format(sql, ", %llu, 1)", (unsigned long long)version);
}

void claim_end_here(struct text *sql)
{
    text_add_string(sql, " ON DUPLICATE KEY UPDATE is_here = IF(VALUES(version) > version, 1, "
                         "is_here), version = GREATEST(version, VALUES(version))");
}

static void add_look(struct text *sql, const struct claim_index *index, struct slice value)
{
    text_add_string(sql, "SELECT COUNT(*) INTO waybill_rows FROM ");
    add_rows_of(sql, index);
    add_column(sql, " WHERE ", index->column);
    text_add_string(sql, " = ");
    claim_add_value(sql, index->is_integer, value);
    text_add_string(sql, " FOR UPDATE; ");
}

static void add_names(struct text *sql, const struct claim_index *index)
{
    text_add_string(sql, "S.TABLE_SCHEMA = ");
    sql_add_utf8mb3(sql, slice_of_string(index->schema));
    text_add_string(sql, " AND S.TABLE_NAME = ");
    sql_add_utf8mb3(sql, slice_of_string(index->table));
    text_add_string(sql, " AND S.COLUMN_NAME = ");
    sql_add_utf8mb3(sql, slice_of_string(index->column));
}

// As the server has it where its own key finds a duplicate: at most 64 bytes of the value.
static void add_shown(struct text *sql, const struct claim_index *index, struct slice value)
{
    size_t len = value.len;
    if (len > DUPLICATE_SHOWN) {
        len = DUPLICATE_SHOWN - strlen(dots);
        while (len > 0 && (value.ptr[len] & 0xc0) == 0x80) {
            len--;
        }
    }
    text_add_string(sql,
                    "IF waybill_rows > 0 THEN SET waybill_text = CONCAT('Duplicate entry ''', ");
    claim_add_value(sql, index->is_integer, slice_part(value, 0, len));
    text_add_format(sql, ", '%s'' for key ''', ", len < value.len ? dots : "");
}

static void add_signal(struct text *sql, const struct claim_index *index, struct slice value)
{
    add_shown(sql, index, value);
    text_add_string(sql, "IFNULL((SELECT MIN(S.INDEX_NAME) FROM information_schema.STATISTICS S "
                         "WHERE ");
    add_names(sql, index);
    text_add_string(sql, " AND S.NON_UNIQUE = 0 AND S.SEQ_IN_INDEX = 1), '?'), ''''); SIGNAL "
                         "SQLSTATE '23000' SET MYSQL_ERRNO = 1062, MESSAGE_TEXT = waybill_text; "
                         "END IF; ");
}

// The rows are locked before `here`, as the trigger AFTER INSERT has it, so that two don't meet in
// a deadlock. The second look is what counts: whoever the trigger let through before has ended now,
// and it lets nobody through any more.
void claim_add_revoke(struct text *sql, const struct claim_index *index, struct slice value,
                      uint64_t version, bool waits)
{
    text_add_string(sql, "BEGIN NOT ATOMIC DECLARE waybill_rows BIGINT; DECLARE waybill_text "
                         "VARCHAR(800) CHARACTER SET utf8mb4; DECLARE EXIT HANDLER FOR "
                         "SQLEXCEPTION BEGIN ROLLBACK; RESIGNAL; END; ");
    text_add_string(sql, waits ? "" : "SET SESSION innodb_lock_wait_timeout = 0; ");
    text_add_string(sql, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; START TRANSACTION READ "
                         "WRITE; ");
    add_look(sql, index, value);
    text_add_string(sql, "IF waybill_rows = 0 THEN INSERT INTO ");
    claim_add_table(sql, index->key, "here");
    text_add_string(sql, " (value, version, is_here) VALUES (");
    claim_add_value(sql, index->is_integer, value);
    text_add_format(sql,
                    ", %llu, 0) ON DUPLICATE KEY UPDATE is_here = 0, version = GREATEST(version, "
                    "VALUES(version)); ",
                    (unsigned long long)version);
    add_look(sql, index, value);
    text_add_string(sql, "END IF; ");
    add_signal(sql, index, value);
    text_add_string(sql, "COMMIT; END");
}

void claim_add_duplicate(struct text *sql, const struct claim_index *index, struct slice value)
{
    text_add_string(sql, "BEGIN NOT ATOMIC DECLARE waybill_rows BIGINT DEFAULT 1; DECLARE "
                         "waybill_text VARCHAR(800) CHARACTER SET utf8mb4; ");
    add_signal(sql, index, value);
    text_add_string(sql, "END");
}

// ---- the trigger

// The lock stays until the row is committed: nobody takes the value away meanwhile.
static void add_check(struct text *sql, const struct claim_index *index, const char *column)
{
    text_add_string(sql, "SELECT MAX(IF(is_here, -1, version)) INTO waybill_after FROM ");
    claim_add_table(sql, index->key, "here");
    text_add_format(sql, " WHERE value = %s LOCK IN SHARE MODE; IF NOT waybill_after <=> -1 THEN ",
                    column);
    text_add_string(sql, "SET waybill_value = ");
    claim_add_text(sql, index->is_integer, column);
    text_add_format(sql,
                    "; SET waybill_text = IF(LENGTH(waybill_value) > %d, '%s%s is for values of at "
                    "most %d bytes', CONCAT('%s%s%s', HEX(waybill_value), '%s', "
                    "IFNULL(waybill_after, 0), ': write it through a waybill that has this "
                    "index')); SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = %d, MESSAGE_TEXT = "
                    "waybill_text; END IF; ",
                    CLAIM_VALUE_MAX, begin, index->key, CLAIM_VALUE_MAX, begin, index->key, lacks,
                    after, ER_NOT_INDEXED);
}

void claim_add_trigger_body(struct text *sql, const struct claim_index *index, char event)
{
    struct text column, old;
    text_init(&column);
    text_init(&old);
    add_column(&column, "NEW.", index->column);
    text_add(&column, "", 1);
    add_column(&old, "OLD.", index->column);
    text_add(&old, "", 1);
    const char *name = (const char *)column.ptr;
    text_add_string(sql, "BEGIN DECLARE waybill_after BIGINT; DECLARE waybill_value, waybill_text "
                         "TEXT CHARACTER SET utf8mb4; ");
    text_add_format(sql, "IF %s IS NOT NULL", name);
    if (event == 'u') {
        text_add_format(sql, " AND NOT (CAST(%s AS BINARY) <=> CAST(%s AS BINARY))", name,
                        (const char *)old.ptr);
    }
    text_add_string(sql, " THEN ");
    add_check(sql, index, name);
    text_add_string(sql, "END IF; END");
    text_done(&column);
    text_done(&old);
}

// ---- the error

static size_t length_while(struct slice text, size_t from, const char *bytes)
{
    size_t at = from;
    while (at < text.len && text.ptr[at] != 0 && strchr(bytes, text.ptr[at]) != NULL) {
        at++;
    }
    return at - from;
}

bool claim_read_lack(struct arena *arena, struct slice message, struct slice *key,
                     struct claim_lack *lack)
{
    const size_t begin_len = sizeof begin - 1, lacks_len = sizeof lacks - 1;
    const size_t after_len = sizeof after - 1;
    if (message.len < begin_len || memcmp(message.ptr, begin, begin_len) != 0) {
        return false;
    }
    message = slice_part(message, begin_len, message.len);
    const uint8_t *at = memmem(message.ptr, message.len, lacks, lacks_len);
    if (at == NULL) {
        return false;
    }
    *key = slice_of(message.ptr, (size_t)(at - message.ptr));
    size_t first = key->len + lacks_len;
    size_t end = first + length_while(message, first, "0123456789ABCDEF");
    if (message.len < end + after_len || memcmp(message.ptr + end, after, after_len) != 0) {
        return false;
    }
    lack->value = literal_hex(arena, slice_part(message, first - 2, end)); // with its 0x
    size_t number = end + after_len;
    size_t digits = length_while(message, number, "0123456789");
    return number + digits < message.len &&
           slice_to_uint64(slice_part(message, number, number + digits), &lack->after);
}
