#pragma once
// SELECT ... FROM information_schema.PROCESSLIST has waybill's sessions in it, as SHOW PROCESSLIST.

#include "protocol/column.h"
#include "session/session_impl.h"

enum { PROCESS_TABLE_COLUMNS_MAX = 32 };

// Does the statement read the table, in a way that can be about waybill's sessions? (See
// process_table.c for what it leaves to the server.)
bool process_table_is_for(struct session *session, const struct request *request) MUST_CHECK;
// The plan's only target has the list (processlist.h) in the place of the table, in rows of the
// server's columns. False: *error.
bool process_table_write(struct session *session, struct request *request,
                         const struct column *columns, uint32_t column_count, struct slice list,
                         struct error *error) MUST_CHECK;

// flow_process_table.c: the same with the columns asked of the server and the list of all workers.
void process_table_ask(struct session *session, struct request *request,
                       void (*then)(struct session *session, struct request *request));
void process_table_answered(struct session *session, const struct errand_result *result);
