// How far the sources of a scattered statement are read: none much ahead of the others, none while
// the client is slow, and no further than it must be when what the client gets is decided.

#include "session/scatter_impl.h"

enum { DRAIN_BYTES_MAX = 256 * 1024 };

void source_stop_leg(struct scatter_source *source)
{
    if (source->leg != NULL && leg_may_stop(source->leg)) {
        leg_stop(source->leg);
        source->leg = NULL;
        source_cut(source);
    }
}

void source_stop_teller(struct scatter_source *source)
{
    if (source->teller != NULL) {
        leg_stop(source->teller);
        source->teller = NULL;
    }
}

// Reads on where it must, so that no transaction is lost and errors are seen. True: it is settled.
static bool drain(struct scatter *scatter, uint32_t number)
{
    struct scatter_source *source = &scatter->sources[number];
    while (source_look(source) == SOURCE_AT_ROW) {
        source->dropped_bytes += source->front_bytes;
        source_take(source);
    }
    if (source->at == SOURCE_AT_ERROR && scatter->ending != END_ERROR) {
        scatter->ending = END_ERROR; // in a transaction even unwanted rows may tell of its end
        scatter->error = source->error;
        scatter->failed = number;
    }
    bool must_end = scatter_asks_found(scatter) && scatter->ending == END_ROWS;
    if (source->dropped_bytes > DRAIN_BYTES_MAX && !must_end) {
        source_stop_leg(source);
    }
    return source->leg == NULL && source->teller == NULL;
}

bool scatter_is_drained(struct scatter *scatter)
{
    bool is_over = true;
    for (uint32_t i = 0; i < scatter->source_count; i++) {
        is_over = drain(scatter, i) && is_over;
    }
    return is_over;
}

// A source that is ahead of the others is not read; nor is any while the client is slow.
void scatter_update_pauses(struct scatter *scatter)
{
    for (uint32_t i = 0; i < scatter->source_count; i++) {
        struct scatter_source *source = &scatter->sources[i];
        bool is_ahead = source->at == SOURCE_AT_ROW && scatter->state != SCATTER_DRAINING &&
                        source_waiting_bytes(source) >= MERGE_SOURCE_BYTES;
        scatter_set_paused(source, is_ahead || scatter->state == SCATTER_FULL);
    }
}
