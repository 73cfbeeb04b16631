#include "router/columns.h"

const struct table_column *columns_find(const struct table_columns *columns, struct slice name)
{
    for (uint32_t i = 0; i < columns->count; i++) {
        if (slice_equal_nocase(columns->items[i].name, name)) {
            return &columns->items[i];
        }
    }
    return NULL;
}
