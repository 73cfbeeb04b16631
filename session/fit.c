#include "session/fit.h"

#include <stdio.h>

#include "base/hash.h"
#include "base/memory.h"
#include "protocol/error_table.h"
#include "router/global_index.h"
#include "router/sql_literal.h"

#define uthash_malloc(size)        memory_new(size)
#define uthash_free(pointer, size) memory_free(pointer)
#include <uthash.h>

enum { IS_THERE = 1, IS_PLAIN = 2, HAS_TRANSACTIONS = 4, HAS_KEY = 8, HAS_TRIGGER = 16 };

struct known {
    struct text key; // owned: shard, schema, NUL, name
    uint64_t asked_us;
    uint64_t changes;
    UT_hash_handle hh;
};

struct fit {
    struct known *by_key;
};

struct fit *fit_new(void)
{
    return memory_new(sizeof(struct fit));
}

static void forget_all(struct fit *fit)
{
    struct known *known = NULL, *next = NULL;
    HASH_ITER(hh, fit->by_key, known, next)
    {
        HASH_DEL(fit->by_key, known);
        text_done(&known->key);
        memory_free(known);
    }
}

void fit_free(struct fit *fit)
{
    forget_all(fit);
    memory_free(fit);
}

static void write_key(struct text *key, const struct fit_table *table)
{
    text_init(key);
    text_add(key, &table->shard, sizeof table->shard);
    text_add_slice(key, table->schema);
    text_add(key, "", 1);
    text_add_slice(key, table->name);
}

static struct known *find(const struct fit *fit, const struct text *key)
{
    struct known *known = NULL;
    HASH_FIND(hh, fit->by_key, key->ptr, key->len, known);
    return known;
}

bool fit_is_known(const struct fit *fit, const struct fit_table *table, uint64_t now_us,
                  uint64_t changes)
{
    struct text key;
    write_key(&key, table);
    const struct known *known = find(fit, &key);
    text_done(&key);
    return known != NULL && known->changes == changes && now_us < known->asked_us + FIT_KEPT_US;
}

void fit_note(struct fit *fit, const struct fit_table *table, uint64_t now_us, uint64_t changes)
{
    struct text key;
    write_key(&key, table);
    struct known *known = find(fit, &key);
    if (known != NULL) {
        text_done(&key);
    } else {
        if (HASH_COUNT(fit->by_key) >= FIT_TABLES_MAX) {
            forget_all(fit);
        }
        known = memory_new(sizeof *known);
        known->key = key;
        HASH_ADD_KEYPTR(hh, fit->by_key, known->key.ptr, known->key.len, known);
    }
    known->asked_us = now_us;
    known->changes = changes;
}

// ---- the question

static void add_names(struct text *sql, const char *schema_column, const char *name_column,
                      const struct fit_table *table)
{
    text_add_format(sql, " WHERE %s = _utf8mb4 ", schema_column);
    sql_add_hex(sql, table->schema);
    text_add_format(sql, " AND %s = _utf8mb4 ", name_column);
    sql_add_hex(sql, table->name);
}

// A trigger that does nothing but SET the row's own columns writes no table, nor does one of a
// global index.
void fit_add_question(struct text *sql, const struct fit_table *table)
{
    text_add_format(sql,
                    "IFNULL((SELECT %d + %d * (T.TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED')) "
                    "+ %d * EXISTS (SELECT 1 FROM information_schema.ENGINES E WHERE E.ENGINE = "
                    "T.ENGINE AND E.TRANSACTIONS = 'YES' AND E.XA = 'YES') "
                    "FROM information_schema.TABLES T",
                    IS_THERE, IS_PLAIN, HAS_TRANSACTIONS);
    add_names(sql, "T.TABLE_SCHEMA", "T.TABLE_NAME", table);
    text_add_format(sql, "), 0) + %d * EXISTS (SELECT 1 FROM information_schema.STATISTICS S",
                    HAS_KEY);
    add_names(sql, "S.TABLE_SCHEMA", "S.TABLE_NAME", table);
    text_add_format(sql,
                    " AND S.INDEX_NAME = 'PRIMARY') + %d * EXISTS (SELECT 1 FROM "
                    "information_schema.TRIGGERS R",
                    HAS_TRIGGER);
    add_names(sql, "R.EVENT_OBJECT_SCHEMA", "R.EVENT_OBJECT_TABLE", table);
    text_add_string(sql, " AND R.ACTION_STATEMENT NOT REGEXP '^[[:space:]]*SET[[:space:]]' AND "
                         "NOT " INDEX_IS_TRIGGER("R") ")");
}

bool fit_read(struct slice number, enum unfit *unfit)
{
    uint64_t bits = 0;
    if (!slice_to_uint64(number, &bits)) {
        return false;
    }
    if ((bits & IS_THERE) == 0) {
        *unfit = UNFIT_ABSENT;
    } else if ((bits & IS_PLAIN) == 0) {
        *unfit = UNFIT_KIND;
    } else if ((bits & HAS_TRANSACTIONS) == 0) {
        *unfit = UNFIT_ENGINE;
    } else if ((bits & HAS_KEY) == 0) {
        *unfit = UNFIT_KEY;
    } else {
        *unfit = (bits & HAS_TRIGGER) != 0 ? UNFIT_TRIGGER : UNFIT_NOT;
    }
    return true;
}

// ---- the refusal

static const char *reason_of(enum unfit why)
{
    switch (why) {
    case UNFIT_KIND:
        return "is a view or a sequence, behind which any table may be written: write the tables "
               "themselves";
    case UNFIT_ENGINE:
        return "is of an engine without transactions, so nothing would undo what is done there: "
               "make it an InnoDB table";
    case UNFIT_KEY:
        return "has no PRIMARY KEY (or none that this account may see), so a replica could not "
               "apply it: give it one";
    case UNFIT_TRIGGER:
        return "has a trigger, which may write any table";
    case UNFIT_ROUTINE:
        return "calls a procedure, which may write any table";
    case UNFIT_FUNCTION:
        return "calls a function that waybill doesn't know, which may write any table";
    case UNFIT_UNREAD:
        return "can't be read by waybill: it may write any table";
    case UNFIT_MANY:
        return "has written more tables than waybill keeps of one transaction";
    case UNFIT_NOT:
    case UNFIT_ABSENT:
        break;
    }
    return "is fit";
}

void fit_explain(const struct fit_table *table, const char *shard, enum unfit why, bool was_written,
                 struct error *error)
{
    char text[sizeof error->text], subject[300];
    if (table->name.len > 0) {
        snprintf(subject, sizeof subject, "table '%.*s.%.*s' on shard '%s' %s",
                 (int)(table->schema.len < 64 ? table->schema.len : 64),
                 (const char *)table->schema.ptr,
                 (int)(table->name.len < 64 ? table->name.len : 64), (const char *)table->name.ptr,
                 shard, reason_of(why));
    } else {
        snprintf(subject, sizeof subject, "%s on shard '%s' %s",
                 was_written ? "what it has run before" : "the statement", shard, reason_of(why));
    }
    snprintf(text, sizeof text,
             "this would be a transaction that writes to several shards, and %s. %s", subject,
             was_written ? "This transaction has written there before: COMMIT first"
                         : "Or write it in a transaction of its own");
    error_fill(error, ER_UNFIT_TABLE, text);
}
