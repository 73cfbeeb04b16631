#pragma once
// The lists of several shards as one server would have it.

#include "session/warning_list.h"

struct warning_part {
    const struct warning_list *list; // NULL: it had nothing to say
    // The rows of the statement that this shard had, numbered from 1 in the whole statement; NULL:
    // not known.
    const uint32_t *rows;
    uint32_t row_count;
};

// What "... at row 2" of a part says is the number in that part: puts the statement's own there.
// `text` is changed in place, text_bytes is its room with the NUL.
void merge_row_number(const struct warning_part *part, char *text, size_t text_bytes);

// On the heap; NULL: too large. Shard by shard; where the rows of each are known, in their order,
// as far as the messages tell. At most `max_rows` (max_error_count), but all are counted.
struct warning_list *merge_warnings(const struct warning_part *parts, uint32_t count,
                                    uint32_t max_rows) MUST_CHECK;
