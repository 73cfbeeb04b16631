#include "cluster/ddl_note.h"

#include "base/memory.h"

struct ddl_note *ddl_note_new(void)
{
    struct ddl_note *note = memory_new(sizeof *note);
    text_init(&note->user);
    text_init(&note->database);
    text_init(&note->charset);
    text_init(&note->settings);
    text_init(&note->statement);
    text_init(&note->checks);
    text_init(&note->declared);
    return note;
}

void ddl_note_free(struct ddl_note *note)
{
    if (note == NULL) {
        return;
    }
    text_done(&note->user);
    text_done(&note->database);
    text_done(&note->charset);
    text_done(&note->settings);
    text_done(&note->statement);
    text_done(&note->checks);
    text_done(&note->declared);
    memory_free(note);
}

const char *ddl_state_name(enum ddl_state state)
{
    static const char *const names[] = {
        [DDL_BEGUN] = "begun",
        [DDL_DONE] = "done",
        [DDL_FAILED] = "failed",
        [DDL_UNKNOWN] = "unknown",
    };
    return names[state];
}
