// Column definitions: six length-encoded strings (MariaDB's extended metadata as a seventh, where
// that was agreed on), then a block of fixed fields with its own length.

#include "protocol/column.h"

enum {
    FIXED_BYTES = 12,
    COLLATION_UTF8MB4_GENERAL_CI = 45,
    COLLATION_BINARY = 63,
    STRING_CHARACTERS = 1024, // what clients size their display by; no limit of the values
    INT64_DIGITS = 20,
};

void column_write(struct text *out, const struct column *column, uint64_t capabilities)
{
    write_lenenc_bytes(out, slice_of_string("def"));
    write_lenenc_bytes(out, column->schema);
    write_lenenc_bytes(out, column->table);
    write_lenenc_bytes(out, column->org_table);
    write_lenenc_bytes(out, column->name);
    write_lenenc_bytes(out, column->org_name);
    if ((capabilities & CAP_EXTENDED_METADATA) != 0) {
        write_lenenc_bytes(out, column->extended);
    }
    write_lenenc(out, FIXED_BYTES);
    write_u16(out, column->collation_id);
    write_u32(out, column->length);
    write_u8(out, column->type);
    write_u16(out, column->flags);
    write_u8(out, column->decimals);
    write_u16(out, 0);
}

bool column_read(struct slice payload, struct column *column, uint64_t capabilities)
{
    struct reader reader = reader_of(payload);
    (void)read_lenenc_bytes(&reader); // the catalog, always "def"
    column->schema = read_lenenc_bytes(&reader);
    column->table = read_lenenc_bytes(&reader);
    column->org_table = read_lenenc_bytes(&reader);
    column->name = read_lenenc_bytes(&reader);
    column->org_name = read_lenenc_bytes(&reader);
    column->extended = slice_of(NULL, 0);
    if ((capabilities & CAP_EXTENDED_METADATA) != 0) {
        column->extended = read_lenenc_bytes(&reader);
    }
    uint64_t fixed_bytes = read_lenenc(&reader);
    column->collation_id = read_u16(&reader);
    column->length = read_u32(&reader);
    column->type = read_u8(&reader);
    column->flags = read_u16(&reader);
    column->decimals = read_u8(&reader);
    (void)read_u16(&reader);
    return !reader.is_bad && fixed_bytes >= FIXED_BYTES;
}

struct column column_string(const char *name)
{
    return (struct column){
        .name = slice_of_string(name),
        .collation_id = COLLATION_UTF8MB4_GENERAL_CI,
        .length = STRING_CHARACTERS * 4,
        .type = TYPE_VAR_STRING,
    };
}

struct column column_int64(const char *name)
{
    return (struct column){
        .name = slice_of_string(name),
        .collation_id = COLLATION_BINARY,
        .length = INT64_DIGITS,
        .type = TYPE_LONGLONG,
        .flags = COLUMN_BINARY,
    };
}
