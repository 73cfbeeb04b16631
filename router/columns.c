#include "router/columns.h"

#include "router/sql_literal.h"

const struct table_column *columns_find(const struct table_columns *columns, struct slice name)
{
    for (uint32_t i = 0; i < columns->count; i++) {
        if (slice_equal_nocase(columns->items[i].name, name)) {
            return &columns->items[i];
        }
    }
    return NULL;
}

struct slice columns_list(struct arena *arena, const struct table_columns *columns)
{
    struct text list;
    text_init(&list);
    for (uint32_t i = 0; i < columns->visible_count; i++) {
        text_add_string(&list, i == 0 ? " (" : ", ");
        sql_add_name(&list, columns->items[i].name);
    }
    text_add_string(&list, ")");
    struct slice copy = arena_copy(arena, text_slice(&list));
    text_done(&list);
    return copy;
}
