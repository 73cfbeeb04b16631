#include "session/own_names.h"

#include "cluster/distributed.h"
#include "protocol/error_table.h"
#include "session/aftermath.h"
#include "session/branch.h"
#include "session/command.h"
#include "session/flow_outcome.h"
#include "session/local.h"
#include "session/local_answer.h"
#include "session/own_set.h"

// "SELECT x" and nothing else, sent as text; else NULL.
static const struct select_item *only_item(const struct request *request)
{
    const struct query *query = request->statement->query;
    bool is_plain = request->command == COM_QUERY && request->text == NULL &&
                    local_is_of_items_only(request->statement) && query->item_count == 1;
    return is_plain ? query->items : NULL;
}

static struct slice name_of(const struct request *request, const struct select_item *item)
{
    return item->alias.len > 0
               ? item->alias
               : slice_part(request->statement->text, item->span.begin, item->span.end);
}

static void fail(struct session *session, const struct error *error)
{
    aftermath_note_error(session, error);
    session_write_error(session, error);
    request_finish(session);
}

static void answer_token(struct session *session, struct slice name)
{
    struct error error;
    struct slice token = branch_token(session, &error);
    if (error.code != 0) {
        fail(session, &error);
        return;
    }
    local_answer_text(session, name, token);
    request_finish(session);
}

static void ask_outcome(struct session *session, struct request *request, struct slice name,
                        const struct expr *argument)
{
    struct branch_token token;
    struct error error;
    if (argument->kind == EXPR_NULL) {
        local_answer_text(session, name, slice_of(NULL, 0));
        request_finish(session);
    } else if (argument->kind != EXPR_STRING) {
        command_refuse(session, "waybill_outcome() of anything but a string");
    } else if (!branch_token_read(session, argument->value, &token)) {
        error_fill(&error, ER_WRONG_ARGUMENTS,
                   "waybill_outcome(): that is no token of a transaction on these shards");
        fail(session, &error);
    } else if (token.is_own) {
        local_answer_text(session, name, slice_of_string("running"));
        request_finish(session);
    } else {
        flow_outcome_start(session, request, name, &token);
    }
}

void own_names_run(struct session *session, struct request *request)
{
    const struct select_item *item = only_item(request);
    const struct expr *expr = item != NULL ? item->expr : NULL;
    if (expr != NULL && expr->kind == EXPR_SYSTEM_VARIABLE &&
        slice_is_nocase(expr->name, "waybill_distributed")) {
        const char *word = distributed_words()[own_set_distributed(session)];
        local_answer_text(session, name_of(request, item), slice_of_string(word));
        request_finish(session);
    } else if (expr != NULL && expr->kind == EXPR_SYSTEM_VARIABLE) {
        answer_token(session, name_of(request, item));
    } else if (expr != NULL && expr->kind == EXPR_FUNCTION && expr->child_count == 1) {
        ask_outcome(session, request, name_of(request, item), expr->children[0]);
    } else {
        command_refuse(session, "waybill's own variables and functions anywhere but alone in a "
                                "SELECT that is sent as text");
    }
}
