#pragma once
// Result sets of one row of numbers that are made here, for statements about the session.

#include "session/session_impl.h"

enum number_kind {
    NUMBER_FUNCTION, // ROW_COUNT()
    NUMBER_VARIABLE, // @@warning_count
    NUMBER_ID,       // CONNECTION_ID()
};

struct local_number {
    enum number_kind kind;
    struct slice name; // of the column
    uint64_t value;    // NUMBER_FUNCTION: signed
};

enum { LOCAL_NUMBERS_MAX = 16 };

// The same of one text; ptr NULL is NULL. To COM_QUERY only.
void local_answer_text(struct session *session, struct slice name, struct slice text);
// The whole answer, as text or, to COM_STMT_EXECUTE, binary; the command is over afterwards.
void local_answer_numbers(struct session *session, const struct local_number *numbers,
                          uint8_t count);
