// A short list: what is prepared at one time. The newest is looked for first.

#include "replication/xa_ledger.h"

#include <stdio.h>

#include "base/memory.h"
#include "cluster/decision.h"

void xa_ledger_done(struct xa_ledger *ledger)
{
    memory_free(ledger->branches);
    *ledger = (struct xa_ledger){.count = 0};
}

struct xa_branch *xa_ledger_find(const struct xa_ledger *ledger, const char *gtrid,
                                 const char *bqual)
{
    for (size_t i = ledger->count; i > 0; i--) {
        struct xa_branch *branch = &ledger->branches[i - 1];
        if (strcmp(branch->gtrid, gtrid) == 0 && strcmp(branch->bqual, bqual) == 0) {
            return branch;
        }
    }
    return NULL;
}

static struct xa_branch *add(struct xa_ledger *ledger, const char *gtrid, const char *bqual)
{
    if (ledger->count == ledger->capacity) {
        ledger->capacity = ledger->capacity * 2 + 16;
        ledger->branches =
            memory_resize(ledger->branches, ledger->capacity * sizeof *ledger->branches);
    }
    struct xa_branch *branch = &ledger->branches[ledger->count++];
    *branch = (struct xa_branch){.verb = XA_NONE};
    snprintf(branch->gtrid, sizeof branch->gtrid, "%s", gtrid);
    snprintf(branch->bqual, sizeof branch->bqual, "%s", bqual);
    return branch;
}

void xa_ledger_hold(struct xa_ledger *ledger, const char *gtrid, const char *bqual)
{
    add(ledger, gtrid, bqual)->is_held = true;
}

static enum xa_verb verb_of(enum group_kind kind)
{
    switch (kind) {
    case GROUP_PREPARE:
        return XA_PREPARED;
    case GROUP_COMMIT:
        return XA_COMMITTED;
    case GROUP_ROLLBACK:
        return XA_ROLLED_BACK;
    case GROUP_ROWS:
    case GROUP_ALONE:
        break;
    }
    return XA_NONE;
}

void xa_ledger_note(struct xa_ledger *ledger, const struct binlog_group *group)
{
    enum xa_verb verb = verb_of(group->kind);
    if (verb == XA_NONE || group->xid.format != DECISION_FORMAT_ID) {
        return;
    }
    struct xa_branch *branch = xa_ledger_find(ledger, group->xid.gtrid, group->xid.bqual);
    if (branch == NULL && verb == XA_PREPARED) {
        branch = add(ledger, group->xid.gtrid, group->xid.bqual);
    }
    if (branch == NULL) {
        return;
    }
    branch->verb = verb;
    if (!branch->is_held && verb != XA_PREPARED) {
        *branch = ledger->branches[--ledger->count];
    }
}

static char *print_hex(const char *text, char *hex)
{
    for (; *text != '\0'; text++, hex += 2) {
        snprintf(hex, 3, "%02x", (unsigned)(unsigned char)*text);
    }
    return hex;
}

void xa_print_name(const char *gtrid, const char *bqual, char text[XA_NAME_SQL_BYTES])
{
    char *at = text + snprintf(text, 3, "X'");
    at = print_hex(gtrid, at);
    at += snprintf(at, 5, "',X'");
    at = print_hex(bqual, at);
    snprintf(at, 16, "',%d", DECISION_FORMAT_ID);
}
