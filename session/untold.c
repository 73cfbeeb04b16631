#include "session/untold.h"

#include <stdio.h>

#include "protocol/error_table.h"
#include "session/aftermath.h"

struct warning_list *untold_list(uint16_t left)
{
    struct error error;
    char text[200];
    if (left == 0) {
        return NULL;
    }
    snprintf(text, sizeof text,
             "the transaction is committed, but %u of its shards could not be told: there it is "
             "seen when a waybill has finished it",
             left);
    error_fill(&error, ER_UNTOLD, text);
    struct warning_list *list = warning_list_new();
    if (!warning_list_add_own(list, &error)) {
        warning_list_free(list);
        return NULL;
    }
    return list;
}

void untold_answer(struct session *session, uint16_t left)
{
    struct aftermath aftermath = {.warnings = 1, .shard = NO_SHARD};
    aftermath_note_merged(session, &aftermath, untold_list(left));
    session_write_ok(session, &(struct ok_packet){.warnings = 1});
}
