// waybill FILE, waybill --check FILE and a few that print and end. Everything else is in the file:
// there is one place for a setting.

#include "server/options.h"

#include <stdio.h>
#include <string.h>

struct option_row {
    const char *name;
    enum option_task task;
    bool wants_file;
    const char *help;
};

// clang-format off
static const struct option_row rows[] = {
    {"--config",         TASK_RUN,            true,  "FILE  run with this configuration (the same as FILE alone)"},
    {"--check",          TASK_CHECK,          true,  "FILE  read it, print every mistake as file:line: what and why"},
    {"--check --live",   TASK_CHECK_LIVE,     true,  "FILE  ... and ask each server whether it is fit for it"},
    {"--print-ini",      TASK_PRINT_INI,      false, "      print a waybill.ini with every setting, its default and help"},
    {"--print-settings", TASK_PRINT_SETTINGS, false, "      print the same as a Markdown table"},
    {"--help",           TASK_HELP,           false, "      print this"},
    {"--version",        TASK_VERSION,        false, "      print the version"},
};
// clang-format on

enum { ROW_COUNT = sizeof(rows) / sizeof(rows[0]) };

void options_print_help(void)
{
    printf("waybill %s: makes many MySQL or MariaDB servers look like one to an order system\n\n"
           "usage: waybill FILE\n\n",
           WAYBILL_VERSION);
    for (size_t i = 0; i < ROW_COUNT; i++) {
        printf("  %-16s %s\n", rows[i].name, rows[i].help);
    }
    printf("\nsignals: TERM, INT  take no new clients, let transactions end, stop"
           "\n         HUP        read the file again; reopen the log\n");
}

static struct options wrong(const char *what, const char *argument)
{
    fprintf(stderr, "waybill: %s%s (see waybill --help)\n", what, argument);
    return (struct options){.task = TASK_WRONG};
}

struct options options_read(int argc, char **argv)
{
    if (argc < 2) {
        return wrong("no configuration file given", "");
    }
    if (argv[1][0] != '-') {
        return argc == 2 ? (struct options){.task = TASK_RUN, .path = argv[1]}
                         : wrong("too many arguments: ", argv[2]);
    }
    if (argc > 2 && strcmp(argv[1], "--check") == 0 && strcmp(argv[2], "--live") == 0) {
        return argc == 4 ? (struct options){.task = TASK_CHECK_LIVE, .path = argv[3]}
                         : wrong("exactly one file belongs behind ", "--check --live");
    }
    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (strcmp(argv[1], rows[i].name) != 0) {
            continue;
        }
        int wanted = rows[i].wants_file ? 3 : 2;
        if (argc != wanted) {
            return wrong(rows[i].wants_file ? "exactly one file belongs behind "
                                            : "nothing belongs behind ",
                         argv[1]);
        }
        return (struct options){.task = rows[i].task, .path = rows[i].wants_file ? argv[2] : NULL};
    }
    return wrong("unknown option ", argv[1]);
}
