#include "session/own_set.h"

#include "cluster/distributed.h"
#include "protocol/error_table.h"
#include "session/command.h"
#include "session/transaction.h"

#define NAME "waybill_distributed"

bool own_set_is_for(const struct set_item *items)
{
    for (const struct set_item *item = items; item != NULL; item = item->next) {
        if (item->scope != SCOPE_USER && slice_is_nocase(item->name, NAME)) {
            return true;
        }
    }
    return false;
}

static bool refuse(struct error *error, const char *why)
{
    error_fill(error, ER_NOT_SUPPORTED_YET, why);
    return false;
}

static bool read_word(const struct set_item *item, enum distributed *wanted, struct error *error)
{
    struct slice shown = slice_part(item->value->value, 0,
                                    item->value->value.len < 64 ? item->value->value.len : 64);
    if (item->value->kind == EXPR_NULL) {
        shown = slice_of_string("NULL");
    }
    if (item->value->kind == EXPR_STRING && distributed_find(item->value->value, wanted)) {
        return true;
    }
    error_set(error, 1231, "42000", "Variable '" NAME "' can't be set to the value of '%.*s'",
              (int)shown.len, (const char *)shown.ptr);
    return false;
}

bool own_set_may(const struct session *session, const struct set_item *items, struct error *error)
{
    enum distributed wanted = DISTRIBUTED_REFUSE;
    if (items->next != NULL) {
        return refuse(error, "SET " NAME " together with other variables: set it by itself");
    }
    if (items->scope == SCOPE_GLOBAL) {
        error_set(error, 1228, "HY000",
                  "Variable '" NAME "' is a SESSION variable and can't be used with SET GLOBAL");
        return false;
    }
    if (session_in_transaction(session)) {
        error_fill(error, ER_CANT_CHANGE_TRANSACTION);
        return false;
    }
    if (items->value == NULL) {
        return true;
    }
    if (!items->is_constant) {
        return refuse(error, "SET " NAME " by an expression: give the value itself");
    }
    if (!read_word(items, &wanted, error)) {
        return false;
    }
    if (!distributed_may_choose(session_user(session)->distributed, wanted)) {
        error_fill(error, ER_ACCESS_SPECIFIC,
                   "the configuration's `distributed` of the user bounds what " NAME " may be");
        return false;
    }
    return true;
}

void own_set_run(struct session *session, struct request *request)
{
    const struct set_item *item = request->statement->set;
    enum distributed wanted = DISTRIBUTED_REFUSE;
    session->has_distributed = item->value != NULL && distributed_find(item->value->value, &wanted);
    session->distributed = wanted;
    command_ok(session);
}

enum distributed own_set_distributed(const struct session *session)
{
    enum distributed of_user = session_user(session)->distributed;
    bool is_own = session->has_distributed && distributed_may_choose(of_user, session->distributed);
    return is_own ? session->distributed : of_user;
}
