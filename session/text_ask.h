#pragma once
// What a server must be asked before a statement that is prepared as text can be routed: the text
// itself (PREPARE s FROM CONCAT(...)), and the values of variables that were set at run time.

#include "session/session_impl.h"

// What an expression that is asked may not do or read, beside tables.
#define TEXT_ASK_NO_FACTS                                                                          \
    ((uint32_t)(FACT_SETS_USER_VARIABLE | FACT_LOCKS_ROWS | FACT_NAMED_LOCK |                      \
                FACT_LAST_INSERT_ID | FACT_INSERT_ID_SET | FACT_FOUND_ROWS | FACT_ROW_COUNT |      \
                FACT_DIAGNOSTICS | FACT_UNKNOWN_FUNCTION | FACT_CONNECTION_ID))

struct text_ask {
    const struct statement *outer;       // PREPARE, EXECUTE
    struct slice sql;                    // the text of the statement; ptr NULL: to be asked
    struct binary_value *values;         // of USING
    struct prepared_statement *prepared; // EXECUTE name; else NULL
    void (*then)(struct session *session, struct request *request, struct text_ask *ask);
};

// Finds what is known here, asks for the rest, and goes on with `then`; or tells the client why
// not. `ask` is in the arena.
void text_ask_start(struct session *session, struct request *request, struct text_ask *ask);
