#pragma once
// Capability flags (manual: "Capabilities Flags"; MariaDB KB: "Connecting"), status flags and
// command bytes.

#include "base/slice.h"

// The upper half are MariaDB's own, which stand in the last 4 of the 10 reserved bytes of greeting
// and login; both sides read them only where LONG_PASSWORD is clear on both.
// clang-format off
#define CAP_LONG_PASSWORD       (1ull << 0)  // clear = MariaDB
#define CAP_FOUND_ROWS          (1ull << 1)
#define CAP_LONG_FLAG           (1ull << 2)
#define CAP_CONNECT_WITH_DB     (1ull << 3)
#define CAP_NO_SCHEMA           (1ull << 4)
#define CAP_COMPRESS            (1ull << 5)
#define CAP_ODBC                (1ull << 6)
#define CAP_LOCAL_FILES         (1ull << 7)
#define CAP_IGNORE_SPACE        (1ull << 8)
#define CAP_PROTOCOL_41         (1ull << 9)
#define CAP_INTERACTIVE         (1ull << 10)
#define CAP_SSL                 (1ull << 11)
#define CAP_IGNORE_SIGPIPE      (1ull << 12)
#define CAP_TRANSACTIONS        (1ull << 13)
#define CAP_RESERVED            (1ull << 14)
#define CAP_SECURE_CONNECTION   (1ull << 15)
#define CAP_MULTI_STATEMENTS    (1ull << 16)
#define CAP_MULTI_RESULTS       (1ull << 17)
#define CAP_PS_MULTI_RESULTS    (1ull << 18)
#define CAP_PLUGIN_AUTH         (1ull << 19)
#define CAP_CONNECT_ATTRS       (1ull << 20)
#define CAP_PLUGIN_AUTH_LENENC  (1ull << 21)
#define CAP_EXPIRED_PASSWORDS   (1ull << 22)
#define CAP_SESSION_TRACK       (1ull << 23)
#define CAP_DEPRECATE_EOF       (1ull << 24)
#define CAP_OPTIONAL_METADATA   (1ull << 25)
#define CAP_ZSTD                (1ull << 26)
#define CAP_QUERY_ATTRIBUTES    (1ull << 27)
#define CAP_VERIFY_CERTIFICATE  (1ull << 30)
#define CAP_PROGRESS            (1ull << 32)
#define CAP_STMT_BULK           (1ull << 34)
#define CAP_EXTENDED_METADATA   (1ull << 35)
#define CAP_CACHE_METADATA      (1ull << 36)
// clang-format on

// What a client may have on: needs nothing of the backend, or the backend is opened alike
// (CAP_CLASS).
#define CAP_OFFERED                                                                                \
    (CAP_LONG_PASSWORD | CAP_FOUND_ROWS | CAP_LONG_FLAG | CAP_CONNECT_WITH_DB | CAP_NO_SCHEMA |    \
     CAP_ODBC | CAP_LOCAL_FILES | CAP_PROTOCOL_41 | CAP_INTERACTIVE | CAP_IGNORE_SIGPIPE |         \
     CAP_TRANSACTIONS | CAP_RESERVED | CAP_SECURE_CONNECTION | CAP_MULTI_STATEMENTS |              \
     CAP_MULTI_RESULTS | CAP_PS_MULTI_RESULTS | CAP_PLUGIN_AUTH | CAP_CONNECT_ATTRS |              \
     CAP_PLUGIN_AUTH_LENENC | CAP_SESSION_TRACK | CAP_DEPRECATE_EOF | CAP_IGNORE_SPACE |           \
     CAP_STMT_BULK | CAP_EXTENDED_METADATA)
// Those that change the bytes of an answer, or what may be asked: a client's backends are opened
// with the same. (IGNORE_SPACE is none of them: at the log-in it is put into sql_mode, and that is
// all; a session carries it. INTERACTIVE chooses a timeout.) Each has a name in capability.c.
#define CAP_CLASS                                                                                  \
    (CAP_FOUND_ROWS | CAP_DEPRECATE_EOF | CAP_SESSION_TRACK | CAP_LOCAL_FILES | CAP_STMT_BULK |    \
     CAP_EXTENDED_METADATA)
// Those that exist only between two that both say that they are MariaDB.
#define CAP_MARIADB (CAP_PROGRESS | CAP_STMT_BULK | CAP_EXTENDED_METADATA | CAP_CACHE_METADATA)

// The class of a connection in words, "no_eof found_rows"; empty when it has none of it.
enum { CAPABILITY_CLASS_BYTES = 128 };
void capability_print_class(uint64_t capabilities, char text[CAPABILITY_CLASS_BYTES]);

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
    STATUS_ANSI_QUOTES = 0x8000, // MariaDB
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
    COM_TABLE_DUMP = 0x13,
    COM_REGISTER_SLAVE = 0x15,
    COM_STMT_PREPARE = 0x16,
    COM_STMT_EXECUTE = 0x17,
    COM_STMT_SEND_LONG_DATA = 0x18,
    COM_STMT_CLOSE = 0x19,
    COM_STMT_RESET = 0x1a,
    COM_SET_OPTION = 0x1b,
    COM_STMT_FETCH = 0x1c,
    COM_BINLOG_DUMP_GTID = 0x1e,
    COM_RESET_CONNECTION = 0x1f,
    COM_STMT_BULK_EXECUTE = 0xfa,
};
