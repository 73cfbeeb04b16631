// A queue of bytes that could not be written yet, in chained blocks:
//
//     chain: [..begin####end] -> [########] -> [####end.....]
//            drop from here                     append here
//
// Blocks are borrowed from the thread's slab and go back as soon as they are empty, so an idle
// connection has none. A queue is bounded by its owner (it stops reading the other side), not here.

#include "base/buffer.h"

#include <assert.h>

struct buffer_block {
    struct node node;
    size_t begin; // of the queued bytes in `bytes`
    size_t end;
    uint8_t bytes[];
};

enum { BLOCK_ROOM = BUFFER_BLOCK_BYTES - (int)sizeof(struct buffer_block) };

static struct buffer_block *block_of(struct node *node)
{
    return CONTAINER_OF(node, struct buffer_block, node);
}

void buffer_init(struct buffer *buffer, struct slab *blocks)
{
    assert(blocks->item_size == BUFFER_BLOCK_BYTES);
    buffer->blocks = blocks;
    buffer->size_bytes = 0;
    list_init(&buffer->chain);
}

void buffer_clear(struct buffer *buffer)
{
    struct node *node;
    while ((node = list_pop_front(&buffer->chain)) != NULL) {
        slab_give(buffer->blocks, block_of(node));
    }
    buffer->size_bytes = 0;
}

// The block that still has room at its end; a new one when there is none.
static struct buffer_block *last_block(struct buffer *buffer)
{
    if (!list_is_empty(&buffer->chain)) {
        struct buffer_block *block = block_of(buffer->chain.head.prev);
        if (block->end < BLOCK_ROOM) {
            return block;
        }
    }
    struct buffer_block *block = slab_take_dirty(buffer->blocks);
    block->begin = block->end = 0;
    list_push_back(&buffer->chain, &block->node);
    return block;
}

void buffer_append(struct buffer *buffer, const void *bytes, size_t len)
{
    const uint8_t *from = bytes;
    buffer->size_bytes += len;
    while (len > 0) {
        struct buffer_block *block = last_block(buffer);
        size_t room = BLOCK_ROOM - block->end;
        size_t piece = len < room ? len : room;
        memcpy(block->bytes + block->end, from, piece);
        block->end += piece;
        from += piece;
        len -= piece;
    }
}

int buffer_parts(const struct buffer *buffer, struct iovec *parts, int max)
{
    int count = 0;
    LIST_FOR_EACH (&buffer->chain, node) {
        if (count == max) {
            break;
        }
        struct buffer_block *block = block_of(node);
        parts[count].iov_base = block->bytes + block->begin;
        parts[count].iov_len = block->end - block->begin;
        count++;
    }
    return count;
}

void buffer_take(struct buffer *buffer, void *bytes, size_t len)
{
    uint8_t *to = bytes;
    while (len > 0) {
        struct buffer_block *block = block_of(buffer->chain.head.next);
        size_t there = block->end - block->begin;
        size_t step = len < there ? len : there;
        memcpy(to, block->bytes + block->begin, step);
        buffer_drop(buffer, step);
        to += step;
        len -= step;
    }
}

void buffer_drop(struct buffer *buffer, size_t len)
{
    assert(len <= buffer->size_bytes);
    buffer->size_bytes -= len;
    while (len > 0) {
        struct buffer_block *block = block_of(buffer->chain.head.next);
        size_t there = block->end - block->begin;
        if (len < there) {
            block->begin += len;
            return;
        }
        len -= there;
        list_remove(&buffer->chain, &block->node);
        slab_give(buffer->blocks, block);
    }
}
