#pragma once
// Intrusive, counted, doubly linked list. An object is in at most as many lists as it has nodes.

#include "base/slice.h"

struct node {
    struct node *next; // NULL when in no list
    struct node *prev;
};

struct list {
    struct node head;
    size_t count;
};

static inline void list_init(struct list *list)
{
    list->head.next = list->head.prev = &list->head;
    list->count = 0;
}

static inline bool list_is_empty(const struct list *list)
{
    return list->count == 0;
}

static inline bool node_is_linked(const struct node *node)
{
    return node->next != NULL;
}

static inline void list_insert_before(struct list *list, struct node *place, struct node *node)
{
    node->next = place;
    node->prev = place->prev;
    place->prev->next = node;
    place->prev = node;
    list->count++;
}

static inline void list_push_back(struct list *list, struct node *node)
{
    list_insert_before(list, &list->head, node);
}

static inline void list_push_front(struct list *list, struct node *node)
{
    list_insert_before(list, list->head.next, node);
}

static inline void list_remove(struct list *list, struct node *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    node->next = node->prev = NULL;
    list->count--;
}

// NULL when empty.
static inline struct node *list_first(const struct list *list)
{
    return list->count > 0 ? list->head.next : NULL;
}

static inline struct node *list_pop_front(struct list *list)
{
    struct node *node = list_first(list);
    if (node != NULL) {
        list_remove(list, node);
    }
    return node;
}

// `node` may not be removed inside the loop; the SAFE form allows that.
#define LIST_FOR_EACH(list, node)                                                                  \
    for (struct node *node = (list)->head.next; node != &(list)->head; node = node->next)
#define LIST_FOR_EACH_SAFE(list, node)                                                             \
    for (struct node *node = (list)->head.next, *node##_next = node->next; node != &(list)->head;  \
         node = node##_next, node##_next = node->next)
