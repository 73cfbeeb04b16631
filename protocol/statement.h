#pragma once
// COM_STMT_PREPARE answers and COM_STMT_EXECUTE packets (manual: "COM_STMT_EXECUTE").

#include "protocol/row_binary.h"

// MariaDB: the id of the statement prepared last on the connection, so that a client can send
// PREPARE and EXECUTE in one write (knowledge base: "COM_STMT_EXECUTE", statement id -1).
#define LAST_STATEMENT 0xffffffffu

struct prepared { // the first packet of the answer to COM_STMT_PREPARE
    uint32_t statement_id;
    uint16_t column_count;
    uint16_t param_count;
    uint16_t warnings;
};

bool prepared_read(struct slice payload, struct prepared *prepared) MUST_CHECK;
void prepared_write(struct text *out, const struct prepared *prepared);

enum { CURSOR_READ_ONLY = 1 }; // of the cursor flags the only one that servers look at

struct execute { // COM_STMT_EXECUTE
    uint32_t statement_id;
    uint8_t cursor_flags;
    uint32_t iterations;
    bool has_types; // new_params_bound
    uint32_t param_count;
    struct binary_value *params; // in the arena; values borrow from the payload
    struct slice bulk; // ptr not NULL: the payload of COM_STMT_BULK_EXECUTE to be written instead
};

// `types`: those of the last execution (2 bytes each: type, flags), used when the packet brings
// none; may be NULL then it is an error. `has_long_data` (one for each parameter, may be NULL):
// values that came by SEND_LONG_DATA are not in the packet. `payload` begins with the command byte.
bool execute_read(struct arena *arena, struct slice payload, uint32_t param_count,
                  const uint8_t *types, const bool *has_long_data,
                  struct execute *execute) MUST_CHECK;
// A packet with all types and values written out, for another statement id: also when parameters
// were put in or changed.
void execute_write(struct text *out, const struct execute *execute, uint32_t statement_id);
// An integer parameter (BIGINT, signed or unsigned) whose bytes are in the arena.
struct binary_value binary_from_uint64(struct arena *arena, uint64_t value);
