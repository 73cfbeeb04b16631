#pragma once
// The command line.

#include "base/slice.h"

enum option_task {
    TASK_RUN,
    TASK_CHECK,
    TASK_CHECK_LIVE,
    TASK_HELP,
    TASK_VERSION,
    TASK_PRINT_INI,
    TASK_PRINT_SETTINGS,
    TASK_WRONG
};

struct options {
    enum option_task task;
    const char *path; // of the configuration; borrowed from argv
};

// On TASK_WRONG a sentence was printed to standard error.
struct options options_read(int argc, char **argv);
void options_print_help(void);
