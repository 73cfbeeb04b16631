// See merge_top.h. A heap with the row on top that is the first to go.

#include "session/merge_top.h"

#include "protocol/error_table.h"

enum { TOP_BYTES_MAX = 32 * 1024 * 1024 };

struct top_row {
    struct text bytes; // owned: what it is sorted by, one behind the other, and the row
    struct field *fields;
    size_t *begins; // of the fields in `bytes`
    size_t row_begin;
    uint64_t number; // rows that are alike keep the order of their keys
};

struct merge_top {
    const struct plan *plan; // borrowed
    struct merge_group_out out;
    struct comparison *comparisons; // one for each of plan.orders
    struct top_row *heap;
    uint64_t count;
    uint64_t most; // OFFSET + LIMIT
    struct top_row next;
    uint64_t seen;
    size_t bytes; // of all that are held
};

static const struct column *column_of(const struct plan *plan, const struct merge_columns *columns,
                                      uint32_t fold)
{
    uint32_t at = fold < columns->visible ? fold : columns->visible + plan->folds[fold].hidden;
    return at < columns->count ? &columns->columns[at] : NULL;
}

static void row_init(struct arena *arena, const struct plan *plan, struct top_row *row)
{
    *row = (struct top_row){.number = 0};
    text_init(&row->bytes);
    row->fields = arena_alloc(arena, plan->order_count * sizeof *row->fields);
    row->begins = arena_alloc(arena, plan->order_count * sizeof *row->begins);
}

struct merge_top *merge_top_start(struct arena *arena, const struct plan *plan,
                                  const struct merge_columns *columns,
                                  const struct merge_group_out *out, struct error *error)
{
    struct merge_top *top = arena_alloc(arena, sizeof *top);
    *top = (struct merge_top){.plan = plan, .out = *out, .most = plan->offset + plan->limit};
    top->comparisons = arena_alloc(arena, plan->order_count * sizeof *top->comparisons);
    for (uint32_t i = 0; i < plan->order_count; i++) {
        const struct comparison_wish wish = {
            .column = column_of(plan, columns, plan->orders[i].fold),
            .is_binary = columns->is_binary,
            .is_descending = plan->orders[i].is_descending,
            .is_sent_raw = columns->is_sent_raw,
        };
        if (wish.column == NULL) {
            error_fill(error, ER_CROSS_SHARD, "waybill's plan sorts by a column that isn't there");
            return NULL;
        }
        if (!comparison_choose(&top->comparisons[i], &wish, error)) {
            return NULL;
        }
    }
    top->heap = arena_alloc(arena, (size_t)top->most * sizeof *top->heap);
    for (uint64_t i = 0; i < top->most; i++) {
        row_init(arena, plan, &top->heap[i]);
    }
    row_init(arena, plan, &top->next);
    return top;
}

void merge_top_stop(struct merge_top *top)
{
    for (uint64_t i = 0; i < top->most; i++) {
        text_done(&top->heap[i].bytes);
    }
    text_done(&top->next.bytes);
}

// > 0: a goes before b does.
static int compare_rows(const struct merge_top *top, const struct top_row *a,
                        const struct top_row *b)
{
    int order = 0;
    for (uint32_t i = 0; i < top->plan->order_count && order == 0; i++) {
        order = compare_fields(&top->comparisons[i], &a->fields[i], &b->fields[i]);
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
    for (uint32_t i = 0; i < top->plan->order_count; i++) {
        bool is_null;
        next->begins[i] = next->bytes.len;
        if (!fold_value(&folds[top->plan->orders[i].fold], &next->bytes, &is_null, error)) {
            return false;
        }
        next->fields[i].is_null = is_null;
    }
    next->row_begin = next->bytes.len;
    next->number = top->seen++;
    text_add_slice(&next->bytes, row);
    for (uint32_t i = 0; i < top->plan->order_count; i++) { // the bytes may have moved until here
        size_t end = i + 1 < top->plan->order_count ? next->begins[i + 1] : next->row_begin;
        next->fields[i].bytes = slice_part(text_slice(&next->bytes), next->begins[i], end);
    }
    return true;
}

bool merge_top_add(struct merge_top *top, const struct fold *folds, struct slice row,
                   struct error *error)
{
    if (top->most == 0) {
        return true;
    }
    if (!fill_next(top, folds, row, error)) {
        return false;
    }
    bool is_full = top->count == top->most;
    if (is_full && compare_rows(top, &top->next, &top->heap[0]) > 0) {
        return true;
    }
    top->bytes += top->next.bytes.len - (is_full ? top->heap[0].bytes.len : 0);
    if (top->bytes > TOP_BYTES_MAX) {
        error_fill(error, ER_CROSS_SHARD,
                   "the first groups of all by their aggregates take more than 32 MiB: select "
                   "less, or give a smaller LIMIT");
        return false;
    }
    if (is_full) {
        swap(&top->next, &top->heap[0]);
        sift_down(top, top->count);
    } else {
        swap(&top->next, &top->heap[top->count]);
        sift_up(top, top->count++);
    }
    return true;
}

bool merge_top_end(struct merge_top *top, struct error *error)
{
    for (uint64_t left = top->count; left > 1; left--) { // sorted in place
        swap(&top->heap[0], &top->heap[left - 1]);
        sift_down(top, left - 1);
    }
    for (uint64_t i = top->plan->offset; i < top->count; i++) {
        struct slice bytes = text_slice(&top->heap[i].bytes);
        struct slice row = slice_part(bytes, top->heap[i].row_begin, bytes.len);
        if (!top->out.row(top->out.owner, row, error)) {
            return false;
        }
    }
    return true;
}
