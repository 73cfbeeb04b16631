// What a server answers to SHOW WARNINGS, kept and merged with itself, whatever it says: the first
// two bytes choose the rows of the parts.

#include <stdlib.h>

#include "protocol/capability.h"
#include "session/merge_warnings.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void must(bool is_true)
{
    if (!is_true) {
        abort();
    }
}

static uint32_t count_rows(const struct warning_list *list)
{
    struct warning warning;
    size_t at = 0;
    uint32_t count = 0;
    while (warning_list_next(list, &at, &warning)) {
        must(warning.level <= LEVEL_ERROR && strlen(warning.sqlstate) <= 5);
        count++;
    }
    must(at == list->rows.len && count == list->count && list->rows.len <= WARNINGS_BYTES_MAX);
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    if (len < 2) {
        return 0;
    }
    uint32_t rows[] = {bytes[0] % 16u + 1, bytes[0] % 16u + 1 + bytes[1] % 16u};
    uint64_t capabilities = (bytes[1] & 0x80) != 0 ? CAP_DEPRECATE_EOF : 0;
    struct warning_list *list = warning_list_new();
    bool is_read = warning_list_read(list, slice_of(bytes + 2, len - 2), capabilities);
    uint32_t count = count_rows(list);
    struct warning_part parts[] = {{list, rows, 2}, {NULL, NULL, 0}, {list, rows, 1}};
    struct warning_list *all = merge_warnings(parts, 3, 64);
    if (all != NULL) {
        must(count_rows(all) == (2 * count < 64 ? 2 * count : 64));
        must(all->total == 2 * count);
        warning_list_free(all);
    }
    if (is_read && count > 0) {
        warning_list_drop_error(list, 1064);
        must(count_rows(list) + 1 >= count);
    }
    warning_list_free(list);
    return 0;
}
