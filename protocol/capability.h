#pragma once
// Capability flags (manual: "Capabilities Flags"; MariaDB KB: "Connecting"), status flags and
// command bytes.

#include "base/slice.h"

enum {
    CAP_LONG_PASSWORD = 1u << 0, // clear = MariaDB (its extended capabilities are in the handshake)
    CAP_FOUND_ROWS = 1u << 1,
    CAP_LONG_FLAG = 1u << 2,
    CAP_CONNECT_WITH_DB = 1u << 3,
    CAP_NO_SCHEMA = 1u << 4,
    CAP_COMPRESS = 1u << 5,
    CAP_ODBC = 1u << 6,
    CAP_LOCAL_FILES = 1u << 7,
    CAP_IGNORE_SPACE = 1u << 8,
    CAP_PROTOCOL_41 = 1u << 9,
    CAP_INTERACTIVE = 1u << 10,
    CAP_SSL = 1u << 11,
    CAP_IGNORE_SIGPIPE = 1u << 12,
    CAP_TRANSACTIONS = 1u << 13,
    CAP_RESERVED = 1u << 14,
    CAP_SECURE_CONNECTION = 1u << 15,
    CAP_MULTI_STATEMENTS = 1u << 16,
    CAP_MULTI_RESULTS = 1u << 17,
    CAP_PS_MULTI_RESULTS = 1u << 18,
    CAP_PLUGIN_AUTH = 1u << 19,
    CAP_CONNECT_ATTRS = 1u << 20,
    CAP_PLUGIN_AUTH_LENENC = 1u << 21,
    CAP_EXPIRED_PASSWORDS = 1u << 22,
    CAP_SESSION_TRACK = 1u << 23,
    CAP_DEPRECATE_EOF = 1u << 24,
};

// What a client may have on: needs nothing of the backend, or the backend is opened alike
// (CAP_CLASS).
#define CAP_OFFERED                                                                                \
    (CAP_LONG_PASSWORD | CAP_FOUND_ROWS | CAP_LONG_FLAG | CAP_CONNECT_WITH_DB | CAP_NO_SCHEMA |    \
     CAP_ODBC | CAP_PROTOCOL_41 | CAP_INTERACTIVE | CAP_IGNORE_SIGPIPE | CAP_TRANSACTIONS |        \
     CAP_RESERVED | CAP_SECURE_CONNECTION | CAP_MULTI_STATEMENTS | CAP_MULTI_RESULTS |             \
     CAP_PS_MULTI_RESULTS | CAP_PLUGIN_AUTH | CAP_CONNECT_ATTRS | CAP_PLUGIN_AUTH_LENENC |         \
     CAP_DEPRECATE_EOF)
// Those that change the bytes of an answer: a client's backends are opened with the same.
#define CAP_CLASS (CAP_FOUND_ROWS | CAP_DEPRECATE_EOF)

enum {
    STATUS_IN_TRANS = 0x0001,
    STATUS_AUTOCOMMIT = 0x0002,
    STATUS_MORE_RESULTS = 0x0008,
    STATUS_NO_GOOD_INDEX = 0x0010,
    STATUS_NO_INDEX = 0x0020,
    STATUS_CURSOR_EXISTS = 0x0040,
    STATUS_LAST_ROW_SENT = 0x0080,
    STATUS_DB_DROPPED = 0x0100,
    STATUS_NO_BACKSLASH_ESCAPES = 0x0200,
    STATUS_METADATA_CHANGED = 0x0400,
    STATUS_SLOW = 0x0800,
    STATUS_PS_OUT_PARAMS = 0x1000,
    STATUS_IN_TRANS_READONLY = 0x2000,
    STATUS_SESSION_CHANGED = 0x4000,
};

enum com {
    COM_SLEEP = 0x00,
    COM_QUIT = 0x01,
    COM_INIT_DB = 0x02,
    COM_QUERY = 0x03,
    COM_FIELD_LIST = 0x04,
    COM_CREATE_DB = 0x05,
    COM_DROP_DB = 0x06,
    COM_REFRESH = 0x07,
    COM_SHUTDOWN = 0x08,
    COM_STATISTICS = 0x09,
    COM_PROCESS_INFO = 0x0a,
    COM_CONNECT = 0x0b,
    COM_PROCESS_KILL = 0x0c,
    COM_DEBUG = 0x0d,
    COM_PING = 0x0e,
    COM_CHANGE_USER = 0x11,
    COM_BINLOG_DUMP = 0x12,
    COM_STMT_PREPARE = 0x16,
    COM_STMT_EXECUTE = 0x17,
    COM_STMT_SEND_LONG_DATA = 0x18,
    COM_STMT_CLOSE = 0x19,
    COM_STMT_RESET = 0x1a,
    COM_SET_OPTION = 0x1b,
    COM_STMT_FETCH = 0x1c,
    COM_RESET_CONNECTION = 0x1f,
    COM_STMT_BULK_EXECUTE = 0xfa,
};
