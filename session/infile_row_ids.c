// Row ids for the rows of a file. How many rows some bytes bring is not known before they are read,
// but not more than they have ends of lines, and one. So many are held before the bytes are looked
// at; what is left over serves the next ones.

#include "protocol/error_table.h"
#include "router/load_split.h"
#include "session/client_io.h"
#include "session/errand.h"
#include "session/infile_impl.h"

enum { HELD_MIN = 100 };

static uint64_t count_ends(struct slice bytes, struct slice line_end)
{
    uint64_t count = 0;
    for (size_t i = 0; i < bytes.len; i++) {
        count += line_end.len == 0 || bytes.ptr[i] == line_end.ptr[line_end.len - 1];
    }
    return count;
}

bool infile_ids_ready(struct infile *infile, struct slice bytes)
{
    struct session *session = infile->flow.session;
    const struct load_split *split = infile->flow.request->plan->split;
    struct infile_ids *held = &infile->ids;
    if (infile->split == NULL || split->row_ids == NULL || infile->state != INFILE_TAKING) {
        return true;
    }
    uint64_t count = count_ends(bytes, split->rules.line_end) + 1;
    if (held->end - held->next >= count) {
        return true;
    }
    count = count > HELD_MIN ? count : HELD_MIN;
    if (row_ids_take(split->row_ids, count, session_now_us(session), &held->next)) {
        held->end = held->next + count;
        return true;
    }
    struct errand errand = {.kind = ERRAND_ROW_IDS,
                            .row_ids = {.ids = split->row_ids, .count = count}};
    held->is_awaited = true;
    client_io_take_input(session, true);
    errand_start(session, &errand);
    return false;
}

bool infile_take_id(struct infile *infile, uint64_t *id, struct error *error)
{
    if (infile->ids.next == infile->ids.end) {
        error_fill(error, ER_NO_ORDER_ID, "No row id can be made: none is left for the file's row");
        return false;
    }
    *id = infile->ids.next++;
    return true;
}
