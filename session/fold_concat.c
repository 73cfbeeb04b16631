// GROUP_CONCAT of a group, out of the shards' texts: one behind the other, with the separator
// between them. What a shard tells of its text in a hidden column (router/group_concat.c), with
// blanks between:
//
//     bytes     of the values, in the character set in which the server puts them together
//     values    how many there are
//     nulls     how many of them are ordered by a NULL
//     most      @@group_concat_max_len
//     charset   that character set
//
// As long as all values and the separators between them have no more bytes than that, no shard has
// cut its text, and one server would not have either.

#include "protocol/charset.h"
#include "session/fold.h"

#include "protocol/error_table.h"

enum {
    COLLATION_BINARY = 63,
    CONCAT_BYTES_MAX = 16 * 1024 * 1024, // whatever group_concat_max_len says
    FACTS = 4,                           // numbers
};

struct facts {
    uint64_t numbers[FACTS]; // bytes, values, nulls, most
    struct slice charset;
};

static bool refuse(struct error *error, const char *why)
{
    error_fill(error, ER_CROSS_SHARD, why);
    return false;
}

bool fold_concat_check(const struct merge_columns *columns, uint32_t at, struct error *error)
{
    const struct column *column = &columns->columns[at];
    const struct collation *collation = collation_find_id(column->collation_id);
    bool is_string = column->type == TYPE_VARCHAR || column->type == TYPE_VAR_STRING ||
                     column->type == TYPE_STRING || column->type == TYPE_TINY_BLOB ||
                     column->type == TYPE_MEDIUM_BLOB || column->type == TYPE_LONG_BLOB ||
                     column->type == TYPE_BLOB;
    // The separator is written here as ASCII.
    bool is_ascii = column->collation_id == COLLATION_BINARY ||
                    (collation != NULL && collation->charset->is_client_allowed);
    return (is_string && is_ascii && !columns->is_sent_raw) ||
           refuse(error,
                  "waybill can't put together the shards' GROUP_CONCAT in this character set "
                  "of results");
}

static bool read_facts(const struct field *field, struct facts *facts)
{
    struct slice left = field->bytes;
    for (int i = 0; i < FACTS; i++) {
        const uint8_t *blank = left.len > 0 ? memchr(left.ptr, ' ', left.len) : NULL;
        size_t len = blank != NULL ? (size_t)(blank - left.ptr) : 0;
        if (field->is_null || blank == NULL ||
            !slice_to_uint64(slice_part(left, 0, len), &facts->numbers[i])) {
            return false;
        }
        left = slice_part(left, len + 1, left.len);
    }
    facts->charset = left;
    return true;
}

bool fold_concat_add(struct fold *fold, const struct field *fields, struct error *error)
{
    struct facts facts;
    if (!read_facts(&fields[fold->count_at], &facts) || facts.numbers[1] == 0) {
        return refuse(error, "the shards' figures about GROUP_CONCAT can't be read");
    }
    uint64_t bytes = facts.numbers[0], values = facts.numbers[1], most = facts.numbers[3];
    const struct charset *charset = charset_find(facts.charset);
    const struct slice separator = fold->plan->separator;
    if (charset == NULL || !charset->is_client_allowed) {
        return refuse(error, "waybill can't put together the shards' GROUP_CONCAT in this "
                             "character set");
    }
    if (facts.numbers[2] > 0) {
        return refuse(error,
                      "GROUP_CONCAT has an ORDER BY of NULL values, which servers don't sort "
                      "as NULL: leave them out over several shards, or use IFNULL");
    }
    if (!fold->is_null && fold->integer != most) {
        return refuse(error, "the shards differ in group_concat_max_len");
    }
    uint64_t limit = most < CONCAT_BYTES_MAX ? most : CONCAT_BYTES_MAX;
    uint64_t separators = values - 1 + !fold->is_null;
    if (bytes > limit || separators > limit ||
        fold->count + bytes + separators * separator.len > limit ||
        fold->bytes.len + separator.len + fields[fold->at].bytes.len > 4 * CONCAT_BYTES_MAX) {
        return refuse(error, "a GROUP_CONCAT over several shards is longer than "
                             "group_concat_max_len allows: set it to more (16 MiB at most)");
    }
    if (!fold->is_null) {
        text_add_slice(&fold->bytes, separator);
    }
    text_add_slice(&fold->bytes, fields[fold->at].bytes);
    fold->count += bytes + separators * separator.len;
    fold->integer = most;
    return true;
}
