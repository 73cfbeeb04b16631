#pragma once
// Variables and functions that only waybill knows (FACT_WAYBILL). They stand alone in a SELECT:
//
//     SELECT @@waybill_transaction      the token of the open transaction; NULL: none yet
//     SELECT waybill_outcome('token')   committed | rolled back | running
//     SELECT @@waybill_distributed      atomic | refuse | best_effort: own_set.h

#include "session/session_impl.h"

void own_names_run(struct session *session, struct request *request);
