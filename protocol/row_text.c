// Rows of the text protocol.

#include "protocol/row_text.h"

enum { NULL_FIELD = 0xfb };

bool row_text_read(struct slice payload, struct field *fields, uint32_t count)
{
    struct reader reader = reader_of(payload);
    for (uint32_t i = 0; i < count && !reader.is_bad; i++) {
        fields[i] = (struct field){0};
        if (reader_left(&reader) > 0 && reader.at[0] == NULL_FIELD) {
            reader.at++;
            fields[i].is_null = true;
        } else {
            fields[i].bytes = read_lenenc_bytes(&reader);
        }
    }
    return !reader.is_bad && reader_left(&reader) == 0;
}

void row_text_add(struct text *out, struct slice bytes)
{
    write_lenenc_bytes(out, bytes);
}

void row_text_add_null(struct text *out)
{
    write_u8(out, NULL_FIELD);
}
