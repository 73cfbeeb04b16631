#pragma once
// What SET TRANSACTION asks of the next transaction, as SQL and as session tracking tells it.

#include "session/session_impl.h"

// Takes the items of SET TRANSACTION over; what they don't name stays.
void characteristics_note(struct characteristics *asked, const struct set_item *items);
// The session variable was set, and that counts for the next transaction, too.
void characteristics_forget(struct characteristics *asked, struct slice variable);
// The SET TRANSACTION statement; nothing where nothing is asked.
void characteristics_print_sql(struct text *sql, const struct characteristics *asked);
// The statements that would begin a transaction like the one that is open, or asked for, as a
// server tells them: "SET TRANSACTION ISOLATION LEVEL READ COMMITTED; START TRANSACTION READ ONLY;"
void characteristics_print(struct text *out, const struct transaction *transaction);
// Will BEGIN open a read-only transaction? As a status flag says it.
bool characteristics_is_read_only(const struct session *session) MUST_CHECK;
