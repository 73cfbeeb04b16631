#pragma once
// Statements that clients and drivers send by themselves, before or between what a person types.

#include "admin/command.h"
#include "base/text.h"

// True when the statement is one of them: `run` has the answer (admin_command_done afterwards).
// `database` is what USE said and is changed by it.
bool courtesy_answer(struct slice statement, struct text *database, struct command_run *run);
