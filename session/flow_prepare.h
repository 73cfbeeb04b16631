#pragma once
// Prepared statements of the binary protocol: COM_STMT_*.

#include "session/session_impl.h"

void prepare_run(struct session *session, struct request *request);     // COM_STMT_PREPARE
void prepare_execute(struct session *session, struct request *request); // COM_STMT_EXECUTE
void prepare_long_data(struct session *session, struct request *request);
void prepare_close(struct session *session, struct request *request);
void prepare_reset(struct session *session, struct request *request);
// Where a statement is prepared: as it is executed, but that nothing is written yet.
enum plan_access prepare_access(const struct plan *plan);
