// Many sets of values on the wire:
//
//   fa  id(4)  flags(2)  and with BULK_SENDS_TYPES: [type(1) flags(1) for each parameter]
//   then set after set to the end of the packet: [indicator(1), and for VALUE the value] for each
//
// An indicator says what stands in place of a value: nothing else does, so there is no NULL bitmap.

#include "protocol/bulk.h"

#include "protocol/capability.h"

enum { UNSIGNED_BIT = 0x80 };

bool bulk_read(struct slice payload, uint32_t param_count, struct bulk *bulk)
{
    struct reader reader = reader_of(payload);
    uint8_t command = read_u8(&reader);
    *bulk = (struct bulk){.statement_id = read_u32(&reader)};
    bulk->flags = read_u16(&reader);
    if ((bulk->flags & BULK_SENDS_TYPES) != 0) {
        bulk->types = read_bytes(&reader, (size_t)param_count * 2).ptr;
    }
    bulk->rows = read_rest(&reader);
    return !reader.is_bad && command == COM_STMT_BULK_EXECUTE;
}

bool bulk_read_row(struct reader *reader, const uint8_t *types, uint32_t param_count,
                   struct binary_value *params)
{
    for (size_t i = 0; i < param_count; i++) {
        struct binary_value *param = &params[i];
        *param = (struct binary_value){
            .type = types[2 * i],
            .is_unsigned = (types[2 * i + 1] & UNSIGNED_BIT) != 0,
            .indicator = read_u8(reader),
        };
        param->is_null = param->indicator == INDICATOR_NULL;
        if (param->indicator > INDICATOR_IGNORE) {
            reader->is_bad = true;
        } else if (param->indicator == INDICATOR_VALUE) {
            param->bytes = binary_read_value(reader, param->type);
        }
        if (reader->is_bad) {
            return false;
        }
    }
    return true;
}

void bulk_write_value(struct text *out, const struct binary_value *value)
{
    uint8_t indicator = value->is_null ? INDICATOR_NULL : value->indicator;
    write_u8(out, indicator);
    if (indicator == INDICATOR_VALUE) {
        binary_write_value(out, value);
    }
}

void bulk_write_head(struct text *out, const uint8_t *types, uint32_t param_count)
{
    write_u8(out, COM_STMT_BULK_EXECUTE);
    write_u32(out, 0);
    write_u16(out, BULK_SENDS_TYPES);
    text_add(out, types, (size_t)param_count * 2);
}
