// An INSERT whose rows are on several shards is several statements for the servers, and one for the
// client. What it is told is what one server would have said:
//
//     Records: 3  Duplicates: 1  Warnings: 0    a part of one row brings no such text: it is made
//     up
//                                               from its OK
//     insert id                                 of the first row that was given one

#include "session/insert_id.h"
#include "session/scatter_impl.h"

static bool is_insert_of_parts(const struct scatter *scatter)
{
    return scatter->plan.merge == MERGE_OK && scatter->plan.targets[0].rows != NULL;
}

// How many of the part's one row were duplicates; false: its OK doesn't tell.
static bool count_duplicates(const struct scatter *scatter, const struct ok_packet *ok,
                             uint64_t *duplicates)
{
    const struct session *session = scatter->flow.session;
    const struct statement *statement = scatter->flow.request->statement;
    const struct insert_part *insert = statement->insert;
    bool counts_found = (session->capabilities & CAP_FOUND_ROWS) != 0;
    if (insert->on_duplicate != NULL && !insert->is_ignore) {
        *duplicates = ok->affected_rows == 2; // updated
        return !counts_found || ok->affected_rows == 2;
    }
    if (insert->is_ignore) {
        *duplicates = ok->affected_rows == 0;
        return insert->on_duplicate == NULL;
    }
    *duplicates = ok->affected_rows > 0 ? ok->affected_rows - 1 : 0; // REPLACE: deleted
    return true;
}

void scatter_complete_records(struct scatter *scatter)
{
    for (uint32_t i = 0; is_insert_of_parts(scatter) && i < scatter->merged_count; i++) {
        struct scatter_source *source = &scatter->sources[i];
        uint64_t duplicates = 0;
        if (source->at == SOURCE_AT_OK && scatter->plan.targets[i].row_count == 1 &&
            source->ok.message.len == 0 && count_duplicates(scatter, &source->ok, &duplicates)) {
            source->ok.message =
                arena_format(scatter_arena(scatter), "Records: 1  Duplicates: %llu  Warnings: %u",
                             (unsigned long long)duplicates, source->ok.warnings);
        }
    }
}

uint64_t scatter_insert_id(const struct scatter *scatter, uint64_t first)
{
    uint32_t first_row = UINT32_MAX;
    for (uint32_t i = 0; is_insert_of_parts(scatter) && i < scatter->merged_count; i++) {
        const struct plan_target *target = &scatter->plan.targets[i];
        const struct scatter_source *source = &scatter->sources[i];
        if (source->ok.insert_id != 0 && target->rows[0] < first_row) {
            first_row = target->rows[0];
            first = source->ok.insert_id;
        }
    }
    return first;
}
