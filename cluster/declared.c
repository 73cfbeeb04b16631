#include "cluster/declared.h"

#include "base/memory.h"

enum { NAME_BYTES_MAX = 64, VALUE_BYTES_MAX = 4096 };

struct declared_set *declared_set_new(uint64_t number)
{
    struct declared_set *set = memory_new(sizeof *set);
    set->number = number;
    text_init(&set->rows);
    return set;
}

void declared_set_free(struct declared_set *set)
{
    if (set != NULL) {
        text_done(&set->rows);
        memory_free(set);
    }
}

static void add_field(struct text *rows, const char *text)
{
    text_add(rows, text, strlen(text) + 1);
}

void declared_add(struct text *rows, const struct declared_row *row)
{
    add_field(rows, row->schema);
    add_field(rows, row->name);
    add_field(rows, row->words);
    text_add_format(rows, "%llu", (unsigned long long)row->number);
    add_field(rows, "");
    add_field(rows, row->is_closed ? "1" : "0");
}

static const char *next_field(struct slice *rows)
{
    const char *text = (const char *)rows->ptr;
    *rows = slice_part(*rows, strlen(text) + 1, rows->len);
    return text;
}

bool declared_next(struct slice *rows, struct declared_row *row)
{
    if (rows->len == 0) {
        return false;
    }
    row->schema = next_field(rows);
    row->name = next_field(rows);
    row->words = next_field(rows);
    if (!slice_to_uint64(slice_of_string(next_field(rows)), &row->number)) {
        row->number = 0;
    }
    row->is_closed = next_field(rows)[0] == '1';
    return true;
}

// ---- what can stand in a section

static bool is_plain(struct slice text, const char *forbidden)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < ' ' || text.ptr[i] == 0x7f || strchr(forbidden, text.ptr[i]) != NULL) {
            return false;
        }
    }
    return text.len > 0 && text.ptr[0] != ' ' && text.ptr[text.len - 1] != ' ';
}

bool declared_is_name(struct slice name)
{
    return name.len <= NAME_BYTES_MAX && is_plain(name, ".[]`'\"\\");
}

bool declared_is_value(struct slice value)
{
    return value.len <= VALUE_BYTES_MAX && is_plain(value, ";#`'\"\\");
}
