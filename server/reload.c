// A reload is a new snapshot with a new config, or nothing. A setting that can't change while
// waybill runs makes the whole reload fail: half of a file in force would be worse than the old
// one.

#include "server/reload.h"

#include "cluster/declared.h"

// Tables that were declared stay so, where the file has no section of them.
static struct config *keep_declared(struct config *next, const struct config *running,
                                    struct text *errors)
{
    if (running->declared_number == 0) {
        return next;
    }
    struct declared_set *set = declared_set_new(running->declared_number);
    text_add_slice(&set->rows, running->declared_rows);
    struct config *both = config_with_declared(next, set, errors); // NULL: `next` has gone, too
    declared_set_free(set);
    return both;
}

struct snapshot *reload_config(const struct snapshot *running, struct text *errors)
{
    struct config *next = config_read(running->config->path, running->config, errors);
    next = next != NULL ? keep_declared(next, running->config, errors) : NULL;
    if (next == NULL) {
        return NULL;
    }
    return snapshot_copy(running, next);
}
