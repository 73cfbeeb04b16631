#pragma once
// sql_select_limit of a session whose statement goes to several shards.

#include "session/session_impl.h"

#define SELECT_LIMIT_NONE "18446744073709551615"

// Limits the request's plan by it. False with *error: not where the answer isn't plain rows, or
// groups that are counted (SQL_CALC_FOUND_ROWS).
bool select_limit_apply(const struct session *session, const struct request *request,
                        struct error *error) MUST_CHECK;
