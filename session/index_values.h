#pragma once
// The values of indexed columns that the rows of an INSERT have, as far as they can be read in its
// text and its parameters.

#include "router/global_index.h"
#include "session/session_impl.h"

enum { INDEX_ITEMS_MAX = 1000 };

struct index_item { // rows with the value are to be on that shard
    const struct index_config *index;
    struct slice value;
    uint16_t shard;
};

struct index_items {
    struct index_item *items; // in the arena
    uint32_t count;
    bool has_more; // than could be read or held
};

void index_items_init(struct index_items *items, struct session *session);
// Each once.
void index_items_add(struct index_items *items, struct index_item item);
// Of all targets of the request's plan: of unique indexes, or of the others.
void index_items_add_targets(struct index_items *items, struct request *request, bool is_unique);
