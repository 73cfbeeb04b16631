// A reload is a new snapshot with a new config, or nothing. A setting that can't change while
// waybill runs makes the whole reload fail: half of a file in force would be worse than the old
// one.

#include "server/reload.h"

struct snapshot *reload_config(const struct snapshot *running, struct text *errors)
{
    struct config *next = config_read(running->config->path, running->config, errors);
    if (next == NULL) {
        return NULL;
    }
    return snapshot_copy(running, next);
}
