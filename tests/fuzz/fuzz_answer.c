// The answer reader fed whole, in pieces that the input chooses, and (when whole packets are there)
// packet by packet: the same answer each time. The first bytes say what is read and how it is cut.

#include <assert.h>
#include <stdlib.h>

#include "protocol/answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void must(bool is_true)
{
    if (!is_true) {
        abort();
    }
}

static void compare(const struct answer *a, const struct answer *b)
{
    must(a->is_done == b->is_done && a->is_bad == b->is_bad && a->is_error == b->is_error);
    must(a->has_rows == b->has_rows && a->is_cursor_open == b->is_cursor_open);
    must(a->error_code == b->error_code && a->status == b->status && a->warnings == b->warnings);
    must(a->affected_rows == b->affected_rows && a->insert_id == b->insert_id);
    must(a->row_count == b->row_count && a->column_count == b->column_count);
    must(a->statement_id == b->statement_id && a->param_count == b->param_count);
    must(a->byte_count == b->byte_count && a->next_sequence == b->next_sequence);
    must(a->wants_file == b->wants_file && strcmp(a->sqlstate, b->sqlstate) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    if (len < 6) {
        return 0;
    }
    enum answer_kind kind = (enum answer_kind)(bytes[0] % (ANSWER_STRING + 1));
    uint64_t capabilities = bytes[1] & 1 ? CAP_DEPRECATE_EOF : 0;
    uint32_t random = (uint32_t)bytes[2] | (uint32_t)bytes[3] << 8 | (uint32_t)bytes[4] << 16;
    bytes += 5;
    len -= 5;
    struct answer whole;
    answer_start(&whole, kind, capabilities);
    size_t whole_eaten = answer_feed(&whole, bytes, len);
    must(whole_eaten <= len && whole_eaten == whole.byte_count);
    must(whole.is_done || whole.is_bad || whole_eaten == len);

    struct answer pieces;
    answer_start(&pieces, kind, capabilities);
    size_t at = 0;
    while (at < len && !pieces.is_done && !pieces.is_bad) {
        random = random * 1664525u + 1013904223u;
        size_t step = 1 + (random >> 24) % 32;
        step = step < len - at ? step : len - at;
        // A copy of its own, so that the sanitizer sees every byte too many.
        uint8_t *copy = malloc(step);
        must(copy != NULL);
        memcpy(copy, bytes + at, step);
        size_t eaten = answer_feed(&pieces, copy, step);
        free(copy);
        must(eaten == step || pieces.is_done || pieces.is_bad);
        at += eaten;
    }
    must(at == whole_eaten);
    compare(&whole, &pieces);
    return 0;
}
