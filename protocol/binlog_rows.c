// A table map and the rows behind it:
//
//     Table_map   id(6) flags(2) length(1) schema NUL length(1) table NUL count(lenenc) types
//                 length(lenenc) meta ...
//     Rows        id(6) flags(2) count(lenenc) present(bits) [UPDATE: present after(bits)] rows
//     a row       nulls(bits) values [UPDATE: nulls(bits) values]
//
// How long a value is depends on its column's type and on what the table map says of it (meta):
//
//     type                  meta                          value
//     integers, YEAR, ...   -                             fixed
//     FLOAT, DOUBLE         1 byte                        fixed
//     the ...2 times        1 byte: digits of a second    fixed and (digits + 1) / 2
//     BLOB, TEXT, JSON ...  1 byte: bytes of the length   length, bytes
//     VARCHAR ...           2 bytes: its maximum          length (1 byte, or 2 from 256 on), bytes
//     CHAR, ENUM, SET       2 bytes: real type, size      as VARCHAR; ENUM and SET: fixed
//     DECIMAL               2 bytes: digits, decimals     fixed by both
//     BIT                   2 bytes: bits, bytes          fixed by both

#include "protocol/binlog_rows.h"

#include "protocol/bytes.h"

enum row_flags { STATEMENT_END = 0x01, NO_FOREIGN_KEY_CHECKS = 0x02 };

// ---- the table

// How many bytes of meta a type has; -1: it is not known.
static int meta_bytes(uint8_t type)
{
    switch (type) {
    case BINLOG_TINY:
    case BINLOG_SHORT:
    case BINLOG_LONG:
    case BINLOG_LONGLONG:
    case BINLOG_INT24:
    case BINLOG_TIMESTAMP:
    case BINLOG_DATE:
    case BINLOG_TIME:
    case BINLOG_DATETIME:
    case BINLOG_YEAR:
    case BINLOG_NEWDATE:
        return 0;
    case BINLOG_FLOAT:
    case BINLOG_DOUBLE:
    case BINLOG_TIMESTAMP2:
    case BINLOG_DATETIME2:
    case BINLOG_TIME2:
    case BINLOG_BLOB:
    case BINLOG_BLOB_COMPRESSED:
    case BINLOG_GEOMETRY:
        return 1;
    case BINLOG_VARCHAR:
    case BINLOG_VARCHAR_COMPRESSED:
    case BINLOG_VAR_STRING:
    case BINLOG_STRING:
    case BINLOG_BIT:
    case BINLOG_NEWDECIMAL:
        return 2;
    default:
        return -1;
    }
}

static bool read_columns(struct reader *reader, struct binlog_table *table)
{
    struct slice types = read_bytes(reader, table->column_count);
    struct reader metas = reader_of(read_lenenc_bytes(reader));
    for (size_t i = 0; !reader->is_bad && i < table->column_count; i++) {
        struct binlog_column *column = &table->columns[i];
        column->type = types.ptr[i];
        int bytes = meta_bytes(column->type);
        if (bytes < 0) {
            return false;
        }
        column->meta = bytes == 0 ? 0 : bytes == 1 ? read_u8(&metas) : read_u16(&metas);
    }
    return !reader->is_bad && !metas.is_bad;
}

bool binlog_table_read(const struct binlog_event *event, struct arena *arena,
                       struct binlog_table *table)
{
    struct reader reader = reader_of(event->body);
    *table = (struct binlog_table){.id = read_u32(&reader)};
    table->id |= (uint64_t)read_u16(&reader) << 32;
    (void)read_u16(&reader); // flags
    size_t schema_len = read_u8(&reader);
    table->schema = read_bytes(&reader, schema_len);
    (void)read_u8(&reader);
    size_t name_len = read_u8(&reader);
    table->name = read_bytes(&reader, name_len);
    (void)read_u8(&reader);
    table->column_count = (size_t)read_lenenc(&reader);
    if (reader.is_bad || table->column_count > reader_left(&reader)) {
        return false;
    }
    table->columns = arena_alloc(arena, (table->column_count + 1) * sizeof *table->columns);
    return read_columns(&reader, table);
}

uint64_t binlog_table_id(const struct binlog_event *event)
{
    struct reader reader = reader_of(event->body);
    uint64_t low = read_u32(&reader);
    return low | (uint64_t)read_u16(&reader) << 32;
}

// ---- values

static size_t decimal_bytes(unsigned digits, unsigned decimals)
{
    static const uint8_t bytes_of[] = {0, 1, 1, 2, 2, 3, 3, 4, 4, 4};
    unsigned whole = digits > decimals ? digits - decimals : 0;
    return whole / 9 * 4 + bytes_of[whole % 9] + decimals / 9 * 4 + bytes_of[decimals % 9];
}

static bool fixed_bytes(const struct binlog_column *column, size_t *bytes)
{
    unsigned low = column->meta & 0xff, high = column->meta >> 8;
    switch (column->type) {
    case BINLOG_TINY:
    case BINLOG_YEAR:
        *bytes = 1;
        return true;
    case BINLOG_SHORT:
        *bytes = 2;
        return true;
    case BINLOG_INT24:
    case BINLOG_DATE:
    case BINLOG_TIME:
    case BINLOG_NEWDATE:
        *bytes = 3;
        return true;
    case BINLOG_LONG:
    case BINLOG_FLOAT:
    case BINLOG_TIMESTAMP:
        *bytes = 4;
        return true;
    case BINLOG_LONGLONG:
    case BINLOG_DOUBLE:
    case BINLOG_DATETIME:
        *bytes = 8;
        return true;
    case BINLOG_TIMESTAMP2:
        *bytes = 4 + (low + 1) / 2;
        return true;
    case BINLOG_DATETIME2:
        *bytes = 5 + (low + 1) / 2;
        return true;
    case BINLOG_TIME2:
        *bytes = 3 + (low + 1) / 2;
        return true;
    case BINLOG_NEWDECIMAL:
        *bytes = decimal_bytes(low, high);
        return true;
    case BINLOG_BIT:
        *bytes = high + (low > 0 ? 1 : 0);
        return true;
    case BINLOG_STRING: // (its first byte is the real type)
        *bytes = high;
        return low == BINLOG_ENUM || low == BINLOG_SET;
    default:
        return false;
    }
}

// A CHAR's maximum has its upper two bits in the type's byte, the other way around.
static unsigned char_max(uint16_t meta)
{
    return (meta >> 8) | (((meta & 0x30u) ^ 0x30u) << 4);
}

static size_t length_bytes(const struct binlog_column *column)
{
    switch (column->type) {
    case BINLOG_BLOB:
    case BINLOG_BLOB_COMPRESSED:
    case BINLOG_GEOMETRY:
        return column->meta;
    case BINLOG_STRING:
        return char_max(column->meta) < 256 ? 1 : 2;
    default:
        return column->meta < 256 ? 1 : 2;
    }
}

bool binlog_value_take(const struct binlog_column *column, struct slice *values,
                       struct slice *value)
{
    struct reader reader = reader_of(*values);
    size_t bytes = 0;
    if (!fixed_bytes(column, &bytes)) {
        size_t prefix = length_bytes(column);
        bytes = 0;
        for (size_t i = 0; i < prefix && i < 4; i++) {
            bytes |= (size_t)read_u8(&reader) << (8 * i);
        }
        reader.is_bad |= prefix == 0 || prefix > 4;
    }
    *value = read_bytes(&reader, bytes);
    *values = read_rest(&reader);
    return !reader.is_bad;
}

// ---- rows

static bool read_image(struct reader *reader, const struct binlog_table *table,
                       struct binlog_image *image)
{
    const uint8_t *begin = reader->at;
    image->nulls = read_bytes(reader, (table->column_count + 7) / 8).ptr;
    struct slice values = slice_of(reader->at, reader_left(reader));
    const uint8_t *values_begin = values.ptr;
    for (size_t i = 0; !reader->is_bad && i < table->column_count; i++) {
        struct slice value;
        if (!binlog_is_null(image, i) && !binlog_value_take(&table->columns[i], &values, &value)) {
            return false;
        }
    }
    if (reader->is_bad) {
        return false;
    }
    reader->at = reader->end - values.len;
    image->whole = slice_of(begin, (size_t)(reader->at - begin));
    image->values = slice_of(values_begin, (size_t)(reader->at - values_begin));
    return true;
}

static bool has_all_columns(struct reader *reader, size_t count)
{
    struct slice present = read_bytes(reader, (count + 7) / 8);
    for (size_t i = 0; !reader->is_bad && i < count; i++) {
        if ((present.ptr[i / 8] >> i % 8 & 1) == 0) {
            return false;
        }
    }
    return !reader->is_bad;
}

static bool read_head(struct reader *reader, const struct binlog_event *event,
                      const struct binlog_table *table)
{
    (void)read_bytes(reader, 8); // id, flags
    return read_lenenc(reader) == table->column_count &&
           has_all_columns(reader, table->column_count) &&
           (event->type != BINLOG_UPDATE_ROWS || has_all_columns(reader, table->column_count));
}

static bool read_row(struct reader *reader, uint8_t type, const struct binlog_table *table,
                     struct binlog_row *row)
{
    return (type == BINLOG_WRITE_ROWS || read_image(reader, table, &row->before)) &&
           (type == BINLOG_DELETE_ROWS || read_image(reader, table, &row->after));
}

bool binlog_rows_read(const struct binlog_event *event, const struct binlog_table *table,
                      struct arena *arena, struct binlog_rows *rows)
{
    struct reader reader = reader_of(event->body);
    *rows = (struct binlog_rows){.type = event->type};
    if (!binlog_has_rows(event) || binlog_table_id(event) != table->id ||
        table->column_count == 0 || !read_head(&reader, event, table)) {
        return false;
    }
    rows->head_bytes = event->whole.len - reader_left(&reader);
    struct reader ahead = reader;
    while (reader_left(&ahead) > 0) {
        struct binlog_row row;
        if (!read_row(&ahead, event->type, table, &row)) {
            return false;
        }
        rows->count++;
    }
    rows->rows = arena_alloc(arena, (rows->count + 1) * sizeof *rows->rows);
    bool is_fine = true;
    for (size_t i = 0; i < rows->count; i++) {
        is_fine &= read_row(&reader, event->type, table, &rows->rows[i]);
    }
    return is_fine;
}

static uint8_t opposite(uint8_t type)
{
    return type == BINLOG_WRITE_ROWS    ? BINLOG_DELETE_ROWS
           : type == BINLOG_DELETE_ROWS ? BINLOG_WRITE_ROWS
                                        : BINLOG_UPDATE_ROWS;
}

void binlog_rows_invert(const struct binlog_event *event, const struct binlog_rows *rows,
                        struct text *out)
{
    enum { TYPE_AT = 4, FLAGS_AT = BINLOG_HEADER_BYTES + 6 };
    size_t begin = out->len;
    text_add(out, event->whole.ptr, rows->head_bytes);
    out->ptr[begin + TYPE_AT] = opposite(rows->type);
    out->ptr[begin + FLAGS_AT] |= STATEMENT_END | NO_FOREIGN_KEY_CHECKS;
    for (size_t i = rows->count; i > 0; i--) {
        text_add_slice(out, rows->rows[i - 1].after.whole);
        text_add_slice(out, rows->rows[i - 1].before.whole);
    }
}
