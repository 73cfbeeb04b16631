// The prepared statements of one connection, so that a statement is prepared once for many
// sessions.
//
// A statement's meaning is fixed when it is prepared: the database in which its names are looked
// up, the sql_mode and the character sets by which its text was read. They are part of the key, so
// that a session never runs a statement that was prepared for another world.
//
// To execute a statement again closes its cursor, so one with an open cursor is taken out of the
// table: who wants the same text meanwhile prepares it once more.

#include "pool/pool_impl.h"

#include <assert.h>

#include "base/hash.h"
#include "base/memory.h"
#include "protocol/bytes.h"
#include "protocol/packet.h"

#define uthash_malloc(size)        memory_new(size)
#define uthash_free(pointer, size) memory_free(pointer)
#include <uthash.h>

struct statement_entry {
    UT_hash_handle hh;
    struct node node; // in by_use or with_cursor
    uint32_t id;
    uint32_t key_bytes;
    uint8_t key[];
};

static const char *const variables_of_meaning[] = {
    "sql_mode", "names", "character_set_client", "character_set_connection", "collation_connection",
};

static unsigned hash_of(const struct text *key)
{
    return (unsigned)hash_bytes(key->ptr, key->len);
}

static void make_key(struct text *key, struct slice sql, const struct session_state *state)
{
    key->len = 0;
    write_lenenc_bytes(key, sql);
    write_lenenc_bytes(key, text_slice(&state->database));
    for (size_t i = 0; i < sizeof variables_of_meaning / sizeof variables_of_meaning[0]; i++) {
        write_lenenc_bytes(key,
                           state_find_variable(state, slice_of_string(variables_of_meaning[i])));
    }
}

static struct statement_entry *find(struct statements *statements)
{
    struct statement_entry *entry = NULL;
    HASH_FIND_BYHASHVALUE(hh, statements->by_key, statements->key.ptr,
                          (unsigned)statements->key.len, hash_of(&statements->key), entry);
    return entry;
}

static void forget(struct statements *statements, struct statement_entry *entry)
{
    // clang's analyzer does not know that an entry of the list is in the table.
    HASH_DELETE(hh, statements->by_key, entry); // NOLINT(clang-analyzer-core.NullDereference)
    list_remove(&statements->by_use, &entry->node);
    memory_free(entry);
}

void statements_write_close(struct text *out, uint32_t id)
{
    uint8_t sequence = 0;
    size_t place = packet_begin(out);
    write_u8(out, COM_STMT_CLOSE);
    write_u32(out, id);
    packet_end(out, place, &sequence);
}

void statements_init(struct statements *statements)
{
    statements->by_key = NULL;
    list_init(&statements->by_use);
    list_init(&statements->with_cursor);
    text_init(&statements->key);
}

void statements_clear(struct statements *statements)
{
    struct node *node;
    while ((node = list_first(&statements->by_use)) != NULL) {
        forget(statements, CONTAINER_OF(node, struct statement_entry, node));
    }
    while ((node = list_pop_front(&statements->with_cursor)) != NULL) {
        memory_free(CONTAINER_OF(node, struct statement_entry, node));
    }
    text_done(&statements->key);
}

bool statements_find(struct statements *statements, struct slice sql,
                     const struct session_state *state, uint32_t *id)
{
    make_key(&statements->key, sql, state);
    struct statement_entry *entry = find(statements);
    if (entry == NULL) {
        return false;
    }
    list_remove(&statements->by_use, &entry->node);
    list_push_front(&statements->by_use, &entry->node);
    *id = entry->id;
    return true;
}

// Puts the entry into the table. An older twin goes, and those used longest ago, to make room.
static void insert(struct statements *statements, struct statement_entry *added, size_t max,
                   struct text *out)
{
    struct statement_entry *old = NULL;
    unsigned hash = (unsigned)hash_bytes(added->key, added->key_bytes);
    HASH_FIND_BYHASHVALUE(hh, statements->by_key, added->key, added->key_bytes, hash, old);
    if (old != NULL) {
        statements_write_close(out, old->id);
        forget(statements, old);
    }
    while (!list_is_empty(&statements->by_use) && statements->by_use.count >= max) {
        struct node *last = statements->by_use.head.prev;
        struct statement_entry *entry = CONTAINER_OF(last, struct statement_entry, node);
        statements_write_close(out, entry->id);
        forget(statements, entry);
    }
    HASH_ADD_KEYPTR_BYHASHVALUE(hh, statements->by_key, added->key, added->key_bytes, hash, added);
    list_push_front(&statements->by_use, &added->node);
}

void statements_add(struct statements *statements, uint32_t id, size_t max, struct text *out)
{
    const struct text *key = &statements->key;
    struct statement_entry *entry = memory_new(sizeof *entry + key->len);
    entry->id = id;
    entry->key_bytes = (uint32_t)key->len;
    memcpy(entry->key, key->ptr, key->len);
    insert(statements, entry, max, out);
}

void statements_open_cursor(struct statements *statements, uint32_t id)
{
    LIST_FOR_EACH (&statements->by_use, node) {
        struct statement_entry *entry = CONTAINER_OF(node, struct statement_entry, node);
        if (entry->id == id) { // it was used just now: the first
            HASH_DELETE(hh, statements->by_key,
                        entry); // NOLINT(clang-analyzer-core.NullDereference)
            list_remove(&statements->by_use, node);
            list_push_back(&statements->with_cursor, node);
            return;
        }
    }
}

void statements_end_cursor(struct statements *statements, uint32_t id, bool is_closed, size_t max,
                           struct text *out)
{
    LIST_FOR_EACH_SAFE (&statements->with_cursor, node) {
        struct statement_entry *entry = CONTAINER_OF(node, struct statement_entry, node);
        if (entry->id != id) {
            continue;
        }
        list_remove(&statements->with_cursor, node);
        if (is_closed) {
            insert(statements, entry, max, out);
        } else {
            statements_write_close(out, id);
            memory_free(entry);
        }
        return;
    }
}

// ---- for the user

uint32_t backend_statement(const struct backend *backend)
{
    return backend->run.statement_id;
}

void backend_end_cursor(struct backend *backend, uint32_t statement_id, bool is_closed)
{
    struct error error = {0};
    size_t max = (size_t)pools_settings(backend->pool->slot->pools)->pool_prepared_max;
    assert(backend->state == BACKEND_LENT);
    statements_end_cursor(&backend->statements, statement_id, is_closed, max, &backend->closing);
    if (is_closed || backend->is_broken || backend->lost != NULL) {
        return;
    }
    // Not with the next command, as others are closed: that may be long from now.
    text_add_slice(&backend->out, text_slice(&backend->closing));
    backend->closing.len = 0;
    if (!backend_send(backend, &error)) {
        backend_fail_later(backend, &error);
    } else if (!backend_has_unsent(backend)) {
        backend_clear_out(backend);
    } else {
        backend->is_broken = true;
    }
}
