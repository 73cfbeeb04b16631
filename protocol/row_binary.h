#pragma once
// Rows of the binary protocol (manual: "Binary Protocol Resultset Row") and its values, which
// parameters share.

#include "protocol/column.h"
#include "protocol/row_text.h"

// Splits a row; each field's bytes are the raw value (without length prefix of strings; dates with
// their length byte left out), to be read by binary_to_text or by type.
bool row_binary_read(struct slice payload, const struct column *columns, uint32_t count,
                     struct field *fields) MUST_CHECK;

// A value of COM_STMT_EXECUTE or of a binary row.
enum value_indicator { // of COM_STMT_BULK_EXECUTE: what stands in place of a value
    INDICATOR_VALUE,
    INDICATOR_NULL,
    INDICATOR_DEFAULT,
    INDICATOR_IGNORE,
};

struct binary_value {
    uint8_t type;      // enum column_type
    uint8_t indicator; // enum value_indicator
    bool is_unsigned;
    bool is_null;
    bool is_long_data;  // came by COM_STMT_SEND_LONG_DATA: not in the packet, `bytes` is empty
    struct slice bytes; // raw, as above
};

// One value that is not NULL, and its counterpart. A type that no value can have sets is_bad.
struct slice binary_read_value(struct reader *reader, uint8_t type);
void binary_write_value(struct text *out, const struct binary_value *value);

// The value as the text protocol would show it: integers in decimal, dates as 'YYYY-MM-DD
// hh:mm:ss[.ffffff]'. False for a malformed value. Float and double with as many digits as needed
// to read the same value back.
bool binary_to_text(struct arena *arena, const struct binary_value *value,
                    struct slice *text) MUST_CHECK;
