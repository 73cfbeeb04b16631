// Prepared statements on the wire.
//
//   prepare's answer:  00  id(4)  columns(2)  params(2)  00  warnings(2)
//   execute:  17  id(4)  cursor flags(1)  iterations(4)
//             and with parameters: NULL bitmap  new_params_bound(1)  [type(1) flags(1) each] values
//
// A client writes the types once and leaves them out afterwards; a backend that has not seen them
// needs them, so execute_write always writes them.

#include "protocol/capability.h"
#include "protocol/statement.h"

enum { UNSIGNED_BIT = 0x80 };

bool prepared_read(struct slice payload, struct prepared *prepared)
{
    struct reader reader = reader_of(payload);
    uint8_t first = read_u8(&reader);
    prepared->statement_id = read_u32(&reader);
    prepared->column_count = read_u16(&reader);
    prepared->param_count = read_u16(&reader);
    (void)read_u8(&reader);
    prepared->warnings = read_u16(&reader);
    return !reader.is_bad && first == 0;
}

void prepared_write(struct text *out, const struct prepared *prepared)
{
    write_u8(out, 0);
    write_u32(out, prepared->statement_id);
    write_u16(out, prepared->column_count);
    write_u16(out, prepared->param_count);
    write_u8(out, 0);
    write_u16(out, prepared->warnings);
}

bool execute_read(struct arena *arena, struct slice payload, uint32_t param_count,
                  const uint8_t *types, const bool *has_long_data, struct execute *execute)
{
    struct reader reader = reader_of(payload);
    *execute = (struct execute){.param_count = param_count};
    uint8_t command = read_u8(&reader);
    execute->statement_id = read_u32(&reader);
    execute->cursor_flags = read_u8(&reader);
    execute->iterations = read_u32(&reader);
    if (reader.is_bad || command != COM_STMT_EXECUTE) {
        return false;
    }
    if (param_count == 0) {
        return true;
    }
    struct slice bitmap = read_bytes(&reader, ((size_t)param_count + 7) / 8);
    execute->has_types = read_u8(&reader) == 1;
    if (execute->has_types) {
        types = read_bytes(&reader, (size_t)param_count * 2).ptr;
    }
    if (reader.is_bad || types == NULL) {
        return false;
    }
    execute->params = arena_alloc(arena, sizeof *execute->params * param_count);
    for (size_t i = 0; i < param_count; i++) {
        struct binary_value *param = &execute->params[i];
        param->type = types[2 * i];
        param->is_unsigned = (types[2 * i + 1] & UNSIGNED_BIT) != 0;
        param->is_long_data = has_long_data != NULL && has_long_data[i];
        param->is_null = !param->is_long_data &&
                         (((bitmap.ptr[i / 8] >> (i % 8)) & 1) || param->type == TYPE_NULL);
        if (!param->is_null && !param->is_long_data) {
            param->bytes = binary_read_value(&reader, param->type);
        }
    }
    return !reader.is_bad;
}

static void write_null_bitmap(struct text *out, const struct execute *execute)
{
    for (size_t i = 0; i < execute->param_count; i += 8) {
        unsigned bits = 0;
        for (size_t bit = 0; bit < 8 && i + bit < execute->param_count; bit++) {
            bits |= (unsigned)execute->params[i + bit].is_null << bit;
        }
        write_u8(out, (uint8_t)bits);
    }
}

void execute_write(struct text *out, const struct execute *execute, uint32_t statement_id)
{
    if (execute->bulk.ptr != NULL) {
        write_u8(out, COM_STMT_BULK_EXECUTE);
        write_u32(out, statement_id);
        text_add_slice(out, slice_part(execute->bulk, 5, execute->bulk.len)); // behind the number
        return;
    }
    write_u8(out, COM_STMT_EXECUTE);
    write_u32(out, statement_id);
    write_u8(out, execute->cursor_flags);
    write_u32(out, execute->iterations);
    if (execute->param_count == 0) {
        return;
    }
    write_null_bitmap(out, execute);
    write_u8(out, 1);
    for (size_t i = 0; i < execute->param_count; i++) {
        write_u8(out, execute->params[i].type);
        write_u8(out, execute->params[i].is_unsigned ? UNSIGNED_BIT : 0);
    }
    for (size_t i = 0; i < execute->param_count; i++) {
        const struct binary_value *param = &execute->params[i];
        if (!param->is_null && !param->is_long_data) {
            binary_write_value(out, param);
        }
    }
}

struct binary_value binary_from_uint64(struct arena *arena, uint64_t value)
{
    uint8_t *bytes = arena_alloc(arena, 8);
    for (size_t i = 0; i < 8; i++) {
        bytes[i] = (uint8_t)(value >> (8 * i));
    }
    return (struct binary_value){
        .type = TYPE_LONGLONG,
        .is_unsigned = value > INT64_MAX,
        .bytes = slice_of(bytes, 8),
    };
}
