// SQL_CALC_FOUND_ROWS over several shards: how many rows there are without LIMIT.
//
//     no LIMIT       as many as were given
//     groups         all come, whatever the LIMIT: the merge counts them
//     other rows     each backend is asked for its FOUND_ROWS() as soon as its answer is whole, and
//                    so is one that has gathered; the sum is it

#include "session/scatter_impl.h"

bool scatter_asks_found(const struct scatter *scatter)
{
    const struct plan *plan = &scatter->plan;
    bool has_limit = plan->limit != UINT64_MAX || plan->gather != NULL;
    return plan->counts_found && has_limit && plan->merge != MERGE_GROUP;
}

bool scatter_read_found(struct scatter *scatter, struct scatter_source *source)
{
    struct field field;
    source->has_found =
        gather_only_row(&source->told, scatter->flow.session->capabilities, &field, 1) &&
        !field.is_null && slice_to_uint64(field.bytes, &source->found);
    return source->has_found;
}

bool scatter_found(const struct scatter *scatter, uint64_t *found)
{
    bool is_known = scatter->plan.counts_found && scatter->ending == END_ROWS;
    *found = scatter->group != NULL ? merge_group_count(scatter->group) : scatter->row_count;
    if (!is_known || !scatter_asks_found(scatter)) {
        return is_known;
    }
    *found = 0;
    for (uint32_t i = 0; i < scatter->merged_count; i++) {
        is_known = is_known && scatter->sources[i].has_found;
        *found += scatter->sources[i].found;
    }
    return is_known;
}
