#pragma once
// COM_STMT_BULK_EXECUTE: one prepared statement with many sets of values (MariaDB knowledge base:
// "COM_STMT_BULK_EXECUTE").

#include "protocol/statement.h"

enum { BULK_SENDS_TYPES = 128 }; // the only flag that MariaDB 10.11 takes

struct bulk {
    uint32_t statement_id;
    uint16_t flags;
    const uint8_t *types; // 2 bytes for each parameter: type, flags; borrowed; NULL: not sent
    struct slice rows;    // of the sets of values, one behind the other; borrowed
};

// `payload` begins with the command byte.
bool bulk_read(struct slice payload, uint32_t param_count, struct bulk *bulk) MUST_CHECK;
// The next set of values; `params` has room for it, values borrow from the payload.
bool bulk_read_row(struct reader *reader, const uint8_t *types, uint32_t param_count,
                   struct binary_value *params) MUST_CHECK;

// A value with its indicator.
void bulk_write_value(struct text *out, const struct binary_value *value);
// All before the sets: with types, for whatever statement (execute_write puts its number in).
void bulk_write_head(struct text *out, const uint8_t *types, uint32_t param_count);
