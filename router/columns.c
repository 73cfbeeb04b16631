#include "router/columns.h"

#include "base/text.h"

const struct table_column *columns_find(const struct table_columns *columns, struct slice name)
{
    for (uint32_t i = 0; i < columns->count; i++) {
        if (slice_equal_nocase(columns->items[i].name, name)) {
            return &columns->items[i];
        }
    }
    return NULL;
}

static void add_name(struct text *out, struct slice name)
{
    text_add_string(out, "`");
    for (size_t i = 0; i < name.len; i++) {
        text_add(out, name.ptr + i, 1);
        if (name.ptr[i] == '`') {
            text_add_string(out, "`");
        }
    }
    text_add_string(out, "`");
}

struct slice columns_list(struct arena *arena, const struct table_columns *columns)
{
    struct text list;
    text_init(&list);
    for (uint32_t i = 0; i < columns->visible_count; i++) {
        text_add_string(&list, i == 0 ? " (" : ", ");
        add_name(&list, columns->items[i].name);
    }
    text_add_string(&list, ")");
    struct slice copy = arena_copy(arena, text_slice(&list));
    text_done(&list);
    return copy;
}
