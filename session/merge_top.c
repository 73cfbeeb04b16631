// See merge_top.h. A heap with the row on top that is the first to go.

#include "session/merge_top.h"

#include "base/memory.h"
#include "protocol/error_table.h"
#include "session/merge_scan.h"

enum { ROWS_AT_FIRST = 64 };

struct top_row {
    struct text bytes;    // owned: what it is sorted by, one behind the other, and the row
    struct place *places; // of what it is sorted by, in `bytes`; in the arena
    size_t row_begin;
    uint64_t number; // rows that are alike keep the order of their keys
};

// One thing that it is sorted by.
struct top_order {
    uint32_t fold;
    struct comparison_wish wish;
    struct comparison comparison;
    uint32_t collation_at; // the column that tells it; NO_HIDDEN: none
    bool is_chosen;        // the comparison
};

struct merge_top {
    struct arena *arena; // borrowed
    struct merge_group_out out;
    struct top_order *orders;
    uint32_t order_count;
    struct top_row *heap; // owned
    uint64_t count;       // rows in it
    uint64_t used;        // ... that have a place for their bytes: never less
    uint64_t capacity;
    uint64_t offset;
    uint64_t most; // OFFSET + LIMIT
    struct top_row next;
    uint64_t seen;
    uint64_t given; // when they are sorted
    size_t bytes;   // of all that are held
};

// ---- comparisons

static bool choose(struct top_order *order, struct error *error)
{
    order->is_chosen = true;
    return comparison_choose(&order->comparison, &order->wish, error);
}

// False with *error: no such column, or values that can't be compared.
static bool start_order(struct top_order *order, const struct plan *plan,
                        const struct plan_order *planned, const struct merge_columns *columns,
                        struct error *error)
{
    const struct plan_fold *fold = plan->fold_count > 0 ? &plan->folds[planned->fold] : NULL;
    bool is_there = planned->fold < columns->visible + plan->more_folds;
    uint32_t at = planned->fold;
    if (is_there && fold != NULL && planned->fold >= columns->visible) {
        at = columns->visible + fold->hidden;
    }
    if (!is_there || at >= columns->count) {
        error_fill(error, ER_CROSS_SHARD, "waybill's plan sorts by a column that isn't there");
        return false;
    }
    *order = (struct top_order){.fold = planned->fold,
                                .collation_at = NO_HIDDEN,
                                .wish = {.column = &columns->columns[at],
                                         .is_binary = columns->is_binary,
                                         .is_descending = planned->is_descending,
                                         .is_sent_raw = columns->is_sent_raw}};
    if (fold != NULL && fold->collation != NO_HIDDEN) {
        order->collation_at = columns->visible + fold->collation;
    } else if (fold != NULL && fold->kind == FOLD_FIRST && fold->key != NO_KEY) {
        order->collation_at = merge_columns_find_collation(columns, fold->key);
    }
    return (order->collation_at != NO_HIDDEN && order->collation_at < columns->count) ||
           choose(order, error);
}

bool merge_top_look(struct merge_top *top, const struct field *fields, struct error *error)
{
    for (uint32_t i = 0; i < top->order_count; i++) {
        struct top_order *order = &top->orders[i];
        if (order->collation_at == NO_HIDDEN) {
            continue;
        }
        const struct field *field = &fields[order->collation_at];
        struct slice told = field->is_null ? slice_of(NULL, 0) : field->bytes;
        if (!order->is_chosen) {
            order->wish.collation = told.ptr != NULL ? arena_copy(top->arena, told) : told;
            if (!choose(order, error)) {
                return false;
            }
        } else if (!slice_equal(order->wish.collation, told)) {
            error_fill(error, ER_CROSS_SHARD,
                       "the shards don't sort by the same collation; are the tables alike?");
            return false;
        }
    }
    return true;
}

// ---- rows

static void row_init(struct merge_top *top, struct top_row *row)
{
    *row = (struct top_row){.number = 0};
    text_init(&row->bytes);
    row->places = arena_alloc(top->arena, top->order_count * sizeof *row->places);
}

struct merge_top *merge_top_start(struct arena *arena, const struct plan *plan,
                                  const struct merge_columns *columns,
                                  const struct merge_group_out *out, struct error *error)
{
    struct merge_top *top = arena_alloc(arena, sizeof *top);
    bool is_bounded = plan->limit < UINT64_MAX - plan->offset;
    *top = (struct merge_top){.arena = arena,
                              .out = *out,
                              .order_count = plan->order_count,
                              .offset = plan->offset,
                              .most = is_bounded ? plan->offset + plan->limit : UINT64_MAX};
    top->orders = arena_alloc(arena, plan->order_count * sizeof *top->orders);
    for (uint32_t i = 0; i < plan->order_count; i++) {
        if (!start_order(&top->orders[i], plan, &plan->orders[i], columns, error)) {
            return NULL;
        }
    }
    row_init(top, &top->next);
    return top;
}

void merge_top_stop(struct merge_top *top)
{
    for (uint64_t i = 0; i < top->used; i++) {
        text_done(&top->heap[i].bytes);
    }
    memory_free(top->heap);
    text_done(&top->next.bytes);
}

static struct field field_of(const struct top_row *row, uint32_t at)
{
    const struct place *place = &row->places[at];
    return (struct field){
        .bytes = slice_part(text_slice(&row->bytes), place->begin, place->begin + place->len),
        .is_null = place->is_null};
}

// > 0: a goes before b does.
static int compare_rows(const struct merge_top *top, const struct top_row *a,
                        const struct top_row *b)
{
    int order = 0;
    for (uint32_t i = 0; i < top->order_count && order == 0; i++) {
        struct field a_field = field_of(a, i), b_field = field_of(b, i);
        order = compare_fields(&top->orders[i].comparison, &a_field, &b_field);
    }
    return order != 0 ? order : (a->number > b->number) - (a->number < b->number);
}

static void swap(struct top_row *a, struct top_row *b)
{
    struct top_row kept = *a;
    *a = *b;
    *b = kept;
}

static void sift_up(struct merge_top *top, uint64_t at)
{
    while (at > 0 && compare_rows(top, &top->heap[at], &top->heap[(at - 1) / 2]) > 0) {
        swap(&top->heap[at], &top->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
}

static void sift_down(struct merge_top *top, uint64_t count)
{
    uint64_t at = 0;
    for (uint64_t child = 1; child < count; child = 2 * at + 1) {
        child +=
            child + 1 < count && compare_rows(top, &top->heap[child + 1], &top->heap[child]) > 0;
        if (compare_rows(top, &top->heap[child], &top->heap[at]) <= 0) {
            return;
        }
        swap(&top->heap[child], &top->heap[at]);
        at = child;
    }
}

static bool fill_next(struct merge_top *top, const struct fold *folds, struct slice row,
                      struct error *error)
{
    struct top_row *next = &top->next;
    next->bytes.len = 0;
    for (uint32_t i = 0; i < top->order_count; i++) {
        struct place *place = &next->places[i];
        place->begin = next->bytes.len;
        if (!fold_value(&folds[top->orders[i].fold], &next->bytes, &place->is_null, error)) {
            return false;
        }
        place->len = next->bytes.len - place->begin;
    }
    next->row_begin = next->bytes.len;
    next->number = top->seen++;
    text_add_slice(&next->bytes, row);
    return true;
}

// The next row becomes one of those that are held; its place in the heap isn't found yet.
static void hold_next(struct merge_top *top)
{
    if (top->count == top->capacity) {
        top->capacity = top->capacity > 0 ? 2 * top->capacity : ROWS_AT_FIRST;
        top->heap = memory_resize(top->heap, (size_t)top->capacity * sizeof *top->heap);
    }
    if (top->count == top->used) {
        row_init(top, &top->heap[top->used++]);
    }
    swap(&top->next, &top->heap[top->count]);
}

static size_t bytes_of(const struct merge_top *top, const struct top_row *row)
{
    return sizeof *row + top->order_count * sizeof *row->places + row->bytes.capacity;
}

bool merge_top_add(struct merge_top *top, const struct fold *folds, struct slice row,
                   struct error *error)
{
    if (top->most == 0) {
        return true;
    }
    for (uint32_t i = 0; i < top->order_count; i++) {
        if (!top->orders[i].is_chosen) {
            error_fill(error, ER_CROSS_SHARD, "the shards' rows came before their collations");
            return false;
        }
    }
    if (!fill_next(top, folds, row, error)) {
        return false;
    }
    bool is_full = top->count == top->most;
    if (is_full && compare_rows(top, &top->next, &top->heap[0]) > 0) {
        return true;
    }
    top->bytes += bytes_of(top, &top->next) - (is_full ? bytes_of(top, &top->heap[0]) : 0);
    if (top->bytes > MERGE_TOP_BYTES_MAX) {
        error_fill(error, ER_CROSS_SHARD,
                   "the groups that are sorted by their aggregates take more than 32 MiB: select "
                   "less, or give a smaller LIMIT");
        return false;
    }
    if (is_full) {
        swap(&top->next, &top->heap[0]);
        sift_down(top, top->count);
    } else {
        hold_next(top);
        sift_up(top, top->count++);
    }
    return true;
}

void merge_top_sort(struct merge_top *top)
{
    for (uint64_t left = top->count; left > 1; left--) {
        swap(&top->heap[0], &top->heap[left - 1]);
        sift_down(top, left - 1);
    }
    top->given = top->offset < top->count ? top->offset : top->count;
}

bool merge_top_give(struct merge_top *top, bool *is_over, struct error *error)
{
    *is_over = top->given == top->count;
    if (*is_over) {
        return true;
    }
    struct top_row *row = &top->heap[top->given++];
    struct slice bytes = text_slice(&row->bytes);
    bool is_fine =
        top->out.row(top->out.owner, slice_part(bytes, row->row_begin, bytes.len), error);
    text_done(&row->bytes);
    text_init(&row->bytes);
    return is_fine;
}
