#include "session/merge_warnings.h"

#include <stdio.h>

#include "base/memory.h"

static const char at_row[] = " at row ";

// The number behind the last " at row " of the message, which ends with it; 0: there is none.
static uint32_t find_row(struct slice message, size_t *words_end)
{
    size_t at = message.len, words = sizeof at_row - 1;
    uint64_t number = 0;
    while (at > 0 && message.ptr[at - 1] >= '0' && message.ptr[at - 1] <= '9') {
        at--;
    }
    *words_end = at;
    bool is_one =
        at < message.len && at >= words && memcmp(message.ptr + at - words, at_row, words) == 0 &&
        slice_to_uint64(slice_part(message, at, message.len), &number) && number <= UINT32_MAX;
    return is_one ? (uint32_t)number : 0;
}

static uint32_t row_in_statement(const struct warning_part *part, uint32_t row)
{
    return part->rows != NULL && row >= 1 && row <= part->row_count ? part->rows[row - 1] : row;
}

void merge_row_number(const struct warning_part *part, char *text, size_t text_bytes)
{
    size_t words_end = 0;
    uint32_t row = find_row(slice_of_string(text), &words_end);
    if (row != 0 && part->rows != NULL) {
        char digits[12];
        int len = snprintf(digits, sizeof digits, "%u", row_in_statement(part, row));
        if (words_end + (size_t)len < text_bytes) {
            memcpy(text + words_end, digits, (size_t)len + 1);
        }
    }
}

// ---- reading the parts side by side

struct cursor_of_part {
    size_t at;
    struct warning warning;
    uint32_t row; // of the statement, that its present warning is about; or the one before it
    bool has_warning;
};

static void advance(const struct warning_part *part, struct cursor_of_part *cursor)
{
    size_t words_end = 0;
    cursor->has_warning =
        part->list != NULL && warning_list_next(part->list, &cursor->at, &cursor->warning);
    uint32_t row = cursor->has_warning ? find_row(cursor->warning.message, &words_end) : 0;
    if (row != 0 && part->rows != NULL) {
        cursor->row = row_in_statement(part, row);
    }
}

static bool add(struct warning_list *list, const struct warning_part *part,
                const struct warning *warning)
{
    struct warning changed = *warning;
    struct text message;
    size_t words_end = 0;
    uint32_t row = find_row(warning->message, &words_end);
    text_init(&message);
    if (row != 0 && part->rows != NULL) {
        text_add_slice(&message, slice_part(warning->message, 0, words_end));
        text_add_format(&message, "%u", row_in_statement(part, row));
        changed.message = text_slice(&message);
    }
    bool is_added = warning_list_add(list, &changed);
    text_done(&message);
    return is_added;
}

// The part whose warning comes next; count: none has any.
static uint32_t next_part(const struct cursor_of_part *cursors, uint32_t count)
{
    uint32_t found = count;
    for (uint32_t i = 0; i < count; i++) {
        if (cursors[i].has_warning && (found == count || cursors[i].row < cursors[found].row)) {
            found = i;
        }
    }
    return found;
}

struct warning_list *merge_warnings(const struct warning_part *parts, uint32_t count,
                                    uint32_t max_rows)
{
    struct warning_list *list = warning_list_new();
    struct cursor_of_part *cursors = memory_new(count * sizeof *cursors);
    uint64_t total = 0, errors = 0;
    bool is_fine = true;
    for (uint32_t i = 0; i < count; i++) {
        total += parts[i].list != NULL ? parts[i].list->total : 0;
        errors += parts[i].list != NULL ? parts[i].list->errors : 0;
        advance(&parts[i], &cursors[i]);
    }
    uint32_t number;
    while (is_fine && list->count < max_rows && (number = next_part(cursors, count)) < count) {
        is_fine = add(list, &parts[number], &cursors[number].warning);
        advance(&parts[number], &cursors[number]);
    }
    memory_free(cursors);
    list->total = (uint32_t)(total < UINT32_MAX ? total : UINT32_MAX);
    list->errors = (uint32_t)(errors < UINT32_MAX ? errors : UINT32_MAX);
    if (!is_fine) {
        warning_list_free(list);
        return NULL;
    }
    return list;
}
