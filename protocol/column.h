#pragma once
// Column definitions (manual: "Protocol::ColumnDefinition41") and the type numbers.

#include "protocol/bytes.h"
#include "protocol/capability.h"

enum column_type {
    TYPE_DECIMAL = 0,
    TYPE_TINY = 1,
    TYPE_SHORT = 2,
    TYPE_LONG = 3,
    TYPE_FLOAT = 4,
    TYPE_DOUBLE = 5,
    TYPE_NULL = 6,
    TYPE_TIMESTAMP = 7,
    TYPE_LONGLONG = 8,
    TYPE_INT24 = 9,
    TYPE_DATE = 10,
    TYPE_TIME = 11,
    TYPE_DATETIME = 12,
    TYPE_YEAR = 13,
    TYPE_VARCHAR = 15,
    TYPE_BIT = 16,
    TYPE_JSON = 245,
    TYPE_NEWDECIMAL = 246,
    TYPE_ENUM = 247,
    TYPE_SET = 248,
    TYPE_TINY_BLOB = 249,
    TYPE_MEDIUM_BLOB = 250,
    TYPE_LONG_BLOB = 251,
    TYPE_BLOB = 252,
    TYPE_VAR_STRING = 253,
    TYPE_STRING = 254,
    TYPE_GEOMETRY = 255,
};

enum {
    COLUMN_NOT_NULL = 1,
    COLUMN_PRIMARY_KEY = 2,
    COLUMN_UNSIGNED = 32,
    COLUMN_BINARY = 128,
    COLUMN_AUTO_INCREMENT = 512,
};

struct column {
    struct slice schema, table, org_table, name, org_name;
    // MariaDB, "Extended metadata": type and format names (uuid, json) as they stand in the packet;
    // empty: none.
    struct slice extended;
    uint16_t collation_id;
    uint32_t length;
    uint8_t type; // enum column_type
    uint16_t flags;
    uint8_t decimals;
};

// `capabilities` of the connection: CAP_EXTENDED_METADATA is looked at.
void column_write(struct text *out, const struct column *column, uint64_t capabilities);
// Borrows from payload.
bool column_read(struct slice payload, struct column *column, uint64_t capabilities) MUST_CHECK;
// For answers that waybill makes itself: a nullable utf8mb4 string or a signed BIGINT of that name.
struct column column_string(const char *name);
struct column column_int64(const char *name);
