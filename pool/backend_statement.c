// The prepared statements of one connection, so that a statement is prepared once for many
// sessions.
//
// A statement's meaning is fixed when it is prepared: the database in which its names are looked
// up, the sql_mode and the character sets by which its text was read. They are part of the key, so
// that a session never runs a statement that was prepared for another world.

#include "pool/pool_impl.h"

#include "base/hash.h"
#include "base/memory.h"
#include "protocol/bytes.h"
#include "protocol/packet.h"

#define uthash_malloc(size)        memory_new(size)
#define uthash_free(pointer, size) memory_free(pointer)
#include <uthash.h>

struct statement_entry {
    UT_hash_handle hh;
    struct node node; // in by_use
    uint32_t id;
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

static void write_close(struct text *out, uint32_t id)
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
    text_init(&statements->key);
}

void statements_clear(struct statements *statements)
{
    struct node *node;
    while ((node = list_first(&statements->by_use)) != NULL) {
        forget(statements, CONTAINER_OF(node, struct statement_entry, node));
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

void statements_add(struct statements *statements, uint32_t id, size_t max, struct text *out)
{
    struct statement_entry *old = find(statements);
    if (old != NULL) {
        write_close(out, old->id);
        forget(statements, old);
    }
    while (!list_is_empty(&statements->by_use) && statements->by_use.count >= max) {
        struct node *last = statements->by_use.head.prev;
        struct statement_entry *entry = CONTAINER_OF(last, struct statement_entry, node);
        write_close(out, entry->id);
        forget(statements, entry);
    }
    const struct text *key = &statements->key;
    struct statement_entry *entry = memory_new(sizeof *entry + key->len);
    entry->id = id;
    memcpy(entry->key, key->ptr, key->len);
    HASH_ADD_KEYPTR_BYHASHVALUE(hh, statements->by_key, entry->key, (unsigned)key->len,
                                hash_of(key), entry);
    list_push_front(&statements->by_use, &entry->node);
}
