#include "cluster/row_id.h"

#include <assert.h>

#include "base/memory.h"

struct row_id_list {
    uint32_t use_count;
    struct list all;
};

// ---- the list

struct row_id_list *row_id_list_new(void)
{
    struct row_id_list *list = memory_new(sizeof *list);
    list->use_count = 1;
    list_init(&list->all);
    return list;
}

struct row_id_list *row_id_list_hold(struct row_id_list *list)
{
    list->use_count++;
    return list;
}

void row_id_list_drop(struct row_id_list *list)
{
    if (list == NULL || --list->use_count > 0) {
        return;
    }
    LIST_FOR_EACH_SAFE (&list->all, node) {
        struct row_ids *ids = CONTAINER_OF(node, struct row_ids, node);
        list_remove(&list->all, node);
        memory_free((void *)ids->schema);
        memory_free((void *)ids->table);
        memory_free((void *)ids->column);
        memory_free(ids);
    }
    memory_free(list);
}

static bool is_same(const char *a, const char *b)
{
    return slice_equal_nocase(slice_of_string(a), slice_of_string(b));
}

struct row_ids *row_id_list_get(struct row_id_list *list, const char *schema, const char *table,
                                const char *column)
{
    LIST_FOR_EACH_SAFE (&list->all, node) {
        struct row_ids *ids = CONTAINER_OF(node, struct row_ids, node);
        if (is_same(ids->schema, schema) && is_same(ids->table, table) &&
            is_same(ids->column, column)) {
            return ids;
        }
    }
    struct row_ids *ids = memory_new(sizeof *ids);
    ids->schema = memory_copy_string(slice_of_string(schema));
    ids->table = memory_copy_string(slice_of_string(table));
    ids->column = memory_copy_string(slice_of_string(column));
    list_push_back(&list->all, &ids->node);
    return ids;
}

// ---- workers

// `next` while the block is replaced: the one before is over, nobody can take of it any more.
#define REPLACED UINT64_MAX

// In this order: who sees the `next` of a block sees all else of it; who has seen the `next` of an
// older one can't change it any more.
struct seen {
    uint64_t next, begin, end, until_us;
};

static struct seen look(const struct row_ids *ids)
{
    struct seen seen;
    seen.next = atomic_load(&ids->next);
    seen.begin = atomic_load(&ids->begin);
    seen.end = atomic_load(&ids->end);
    seen.until_us = atomic_load(&ids->until_us);
    return seen;
}

static bool has_left(const struct seen *seen, uint64_t count, uint64_t now_us)
{
    return seen->next < seen->end && seen->end - seen->next >= count && now_us < seen->until_us;
}

bool row_ids_take(struct row_ids *ids, uint64_t count, uint64_t now_us, uint64_t *first)
{
    struct seen seen;
    do {
        seen = look(ids);
        if (!has_left(&seen, count, now_us)) {
            return false;
        }
    } while (!atomic_compare_exchange_strong(&ids->next, &seen.next, seen.next + count));
    *first = seen.next;
    return true;
}

// Has it been made or passed over already?
static bool is_behind(const struct row_ids *ids, const struct seen *seen, uint64_t id)
{
    bool is_ours = id >= seen->begin && id < seen->next && seen->next != REPLACED;
    return is_ours || (id < seen->begin && id < atomic_load(&ids->floor));
}

static bool is_in_rest(const struct seen *seen, uint64_t id, uint64_t now_us)
{
    return id >= seen->next && id < seen->end && now_us < seen->until_us;
}

bool row_ids_pass(struct row_ids *ids, uint64_t id, uint64_t now_us)
{
    for (;;) {
        struct seen seen = look(ids);
        if (is_behind(ids, &seen, id)) {
            return true;
        }
        if (!is_in_rest(&seen, id, now_us)) {
            return false;
        }
        if (atomic_compare_exchange_strong(&ids->next, &seen.next, id + 1)) {
            return true;
        }
    }
}

bool row_ids_reach(const struct row_ids *ids, uint64_t id)
{
    return id < atomic_load(&ids->counter);
}

// ---- control thread

bool row_ids_may_pass(const struct row_ids *ids, uint64_t id, uint64_t now_us)
{
    struct seen seen = look(ids);
    return id == 0 || is_behind(ids, &seen, id) || is_in_rest(&seen, id, now_us);
}

bool row_ids_have(const struct row_ids *ids, uint64_t count, uint64_t id, uint64_t now_us)
{
    struct seen seen = look(ids);
    if (is_in_rest(&seen, id, now_us)) {
        seen.next = id + 1;
    }
    return count == 0 || has_left(&seen, count, now_us);
}

void row_ids_put(struct row_ids *ids, const struct row_id_block *block)
{
    assert(block->begin >= atomic_load(&ids->end) && block->end > block->begin);
    atomic_store(&ids->next, REPLACED);
    atomic_store(&ids->begin, block->begin);
    atomic_store(&ids->until_us, block->until_us);
    atomic_store(&ids->end, block->end);
    atomic_store(&ids->next, block->begin);
}

void row_ids_raise(struct row_ids *ids, uint64_t floor, uint64_t counter)
{
    if (floor > atomic_load(&ids->floor)) {
        atomic_store(&ids->floor, floor);
    }
    if (counter > atomic_load(&ids->counter)) {
        atomic_store(&ids->counter, counter);
    }
}
