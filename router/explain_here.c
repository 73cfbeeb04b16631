// Statements that waybill doesn't send on as they are: it keeps what they say, or answers by
// itself.

#include "router/explain.h"

struct here {
    enum statement_kind kind;
    const char *sentence;
};

static const struct here table[] = {
    {STATEMENT_EMPTY, "answered here: there is no statement"},
    {STATEMENT_SET, "kept for the session; a server's connection is made to have it ahead of the "
                    "session's next statement there"},
    {STATEMENT_USE, "kept for the session; a server's connection is made to have it ahead of the "
                    "session's next statement there"},
    {STATEMENT_BEGIN, "noted here; begins on a shard with the transaction's first statement there"},
    {STATEMENT_COMMIT,
     "to the shards that take part in the transaction; answered here if none does"},
    {STATEMENT_ROLLBACK,
     "to the shards that take part in the transaction; answered here if none does"},
    {STATEMENT_SAVEPOINT,
     "noted here; set on the shards that take part in the transaction, and on those that join it"},
    {STATEMENT_ROLLBACK_TO, "to the shards that take part in the transaction"},
    {STATEMENT_RELEASE, "to the shards that take part in the transaction"},
    {STATEMENT_UNLOCK, "to the servers that have the session's locked tables; answered here if "
                       "there are none"},
    {STATEMENT_KILL, "done by waybill to its own session, on the servers too"},
    {STATEMENT_DIAGNOSTICS, "answered here, or by the server that ran the statement before it"},
};

static const char set_global[] =
    "settings of a server: sent to the only server; refused (1227) in front of several";
static const char processlist[] = "answered here: the sessions of waybill";

static bool sets_global(const struct statement *statement)
{
    bool found = false;
    for (const struct set_item *item = statement->set; item != NULL; item = item->next) {
        found |= item->scope == SCOPE_GLOBAL;
    }
    return found && statement->kind == STATEMENT_SET;
}

const char *explain_here(const struct statement *statement)
{
    bool is_hinted = statement->hint.len > 0; // then a server's own are shown
    if (!is_hinted && statement->kind == STATEMENT_SHOW &&
        slice_is_nocase(statement->name, "PROCESSLIST")) {
        return processlist;
    }
    if (sets_global(statement)) {
        return set_global;
    }
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (table[i].kind == statement->kind) {
            return table[i].sentence;
        }
    }
    return NULL;
}
