#pragma once
// Every error that waybill gives by itself: number, SQLSTATE, text. MySQL's own numbers where MySQL
// would say the same thing; 9000 and up are waybill's own.

#include "base/error.h"

// clang-format off
#define ERROR_TABLE(X) \
    X(ER_RECORD_CHANGED,        1020, "HY000", "Record has changed since last read in table '%s' (waybill: nothing was done; run the statement again)") \
    X(ER_CON_COUNT,             1040, "08004", "Too many connections") \
    X(ER_HANDSHAKE,             1043, "08S01", "Bad handshake") \
    X(ER_ACCESS_DENIED,         1045, "28000", "Access denied for user '%s'@'%s' (using password: %s)") \
    X(ER_NO_DB,                 1046, "3D000", "No database selected") \
    X(ER_UNKNOWN_COM,           1047, "08S01", "Unknown command") \
    X(ER_SERVER_SHUTDOWN,       1053, "08S01", "Server shutdown in progress") \
    X(ER_PARSE,                 1064, "42000", "waybill can't read this statement %s, and so does not know its shards; /* waybill: shard=NAME */ in it sends it to that shard's primary as it is") \
    X(ER_BAD_FIELD,             1054, "42S22", "Unknown column '%s' in 'field list'") \
    X(ER_EMPTY_QUERY,           1065, "42000", "Query was empty") \
    X(ER_WRONG_FIELD_TERMINATORS, 1083, "42000", "Field separator argument is not what is expected; check the manual%s") \
    X(ER_NO_SUCH_THREAD,        1094, "HY000", "Unknown thread id: %llu") \
    X(ER_KILL_DENIED,           1095, "HY000", "You are not owner of thread %u") \
    X(ER_UNKNOWN,               1105, "HY000", "%s") \
    X(ER_HOST_IS_BLOCKED,       1129, "HY000", "Host '%s' is blocked because of many failed log-ins; unblock with FLUSH HOSTS on the admin port") \
    X(ER_CON_REFUSED,           1130, "HY000", "Host '%s' is not allowed to connect to this waybill") \
    X(ER_NO_SUCH_TABLE,         1146, "42S02", "Table '%s.%s' doesn't exist") \
    X(ER_NOT_ALLOWED_COMMAND,   1148, "42000", "The used command is not allowed (waybill: local_infile is off)") \
    X(ER_PACKET_TOO_LARGE,      1153, "08S01", "Got a packet bigger than 'max_packet_bytes'") \
    X(ER_PACKETS_OUT_OF_ORDER,  1156, "08S01", "Got packets out of order") \
    X(ER_NET_READ_INTERRUPTED,  1159, "08S01", "Got timeout reading communication packets") \
    X(ER_CONNECT_SERVER,        1218, "08S01", "Error connecting to server '%s': %s") \
    X(ER_NOT_SUPPORTED_AUTH_MODE, 1251, "08004", "Client does not support authentication protocol requested by server; consider upgrading MySQL client") \
    X(ER_LOCK_DEADLOCK,         1213, "40001", "Deadlock found when trying to get lock; try restarting transaction (waybill: %s)") \
    X(ER_ACCESS_SPECIFIC,       1227, "42000", "Access denied; %s") \
    X(ER_WRONG_ARGUMENTS,       1210, "HY000", "Incorrect arguments to %s") \
    X(ER_UNKNOWN_STMT,          1243, "HY000", "Unknown prepared statement handler (%.*s) given to %s") \
    X(ER_WRONG_VALUE_FOR_VAR,   1231, "42000", "Variable 'character_set_client' can't be set to the value of '%s'") \
    X(ER_NOT_SUPPORTED_YET,     1235, "42000", "waybill doesn't yet support %s") \
    X(ER_UNSUPPORTED_PS,        1295, "HY000", "This command is not supported in the prepared statement protocol yet") \
    X(ER_QUERY_INTERRUPTED,     1317, "70100", "Query execution was interrupted") \
    X(ER_NO_CURSOR,             1421, "HY000", "The statement (%u) has no open cursor%s") \
    X(ER_TOO_MANY_STATEMENTS,   1461, "42000", "Can't create more than max_prepared_stmt_count statements (current value: %u)") \
    X(ER_CANT_CHANGE_TRANSACTION, 1568, "25001", "Transaction characteristics can't be changed while a transaction is in progress") \
    X(ER_PASSWORD_EXPIRED,      1862, "HY000", "Your password has expired. To log in you must change it on a server.") \
    X(ER_ACCOUNT_LOCKED_MYSQL,  3118, "HY000", "Access denied for user '%s'@'%s'. Account is locked.") \
    X(ER_SECURE_TRANSPORT_REQUIRED, 3159, "HY000", "Connections using insecure transport are prohibited (waybill: tls asks for it)") \
    X(ER_ACCOUNT_LOCKED,        4151, "HY000", "Access denied, this account is locked") \
    X(ER_MALFORMED_PACKET,      1835, "HY000", "Malformed communication packet") \
    X(ER_CONNECTION_KILLED,     1927, "70100", "Connection was killed") \
    X(ER_QUERY_TIMEOUT,         1969, "70100", "Query execution was interrupted (max_statement_time exceeded)") \
    X(ER_SERVER_LOST,           2013, "HY000", "Lost connection to server '%s' during query: %s") \
    X(ER_CROSS_SHARD,           9001, "0A000", "%s") \
    X(ER_CROSS_SHARD_WRITE,     9002, "0A000", "%s") \
    X(ER_SHARD_KEY,             9003, "HY000", "%s") \
    X(ER_SHARD_UNAVAILABLE,     9004, "08S01", "%s") \
    X(ER_POOL_FULL,             9005, "08004", "%s") \
    X(ER_PINNED,                9006, "0A000", "%s") \
    X(ER_OUTCOME_UNKNOWN,       9007, "08007", "%s") \
    X(ER_TOO_LARGE,             9008, "HY000", "%s") \
    X(ER_SCHEMA,                9009, "HY000", "%s") \
    X(ER_UNFIT_TABLE,           9010, "0A000", "%s") \
    X(ER_ONCE,                  9011, "HY000", "The hint once='...' of this statement: %s") \
    X(ER_NO_ORDER_ID,           9016, "HY000", "%s") \
    X(ER_NO_SERVER_PASSWORD,    9020, "28000", "waybill has no password for '%s' on the servers: %s") \
    X(ER_SCATTER_DENIED,        9030, "HY000", "%s") \
    X(ER_SCATTER_WARNED,        9031, "01000", "%s") \
    X(ER_UNTOLD,                9032, "01000", "%s") \
    X(ER_UNSAFE_UNIQUE,         9034, "HY000", "%s") \
    X(ER_UNSAFE_FOREIGN_KEY,    9035, "HY000", "%s") \
    X(ER_UNSAFE_COUNTER,        9036, "HY000", "%s") \
    X(ER_NOT_INDEXED,           9040, "HY000", "%s") \
    X(ER_UNIQUE_ELSEWHERE,      9041, "HY000", "%s") \
    X(ER_DECLARATION,           9050, "HY000", "%s") \
    X(ER_TABLES_UNKNOWN,        9051, "HY000", "%s")
// clang-format on

enum error_code {
#define X(name, number, state, text) name = number,
    ERROR_TABLE(X)
#undef X
};

// Fills *error from the row; the arguments are those of the row's text.
void error_fill(struct error *error, enum error_code code, ...);
