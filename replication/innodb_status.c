// A transaction is a block of lines:
//
//     ---TRANSACTION 76, ACTIVE 0 sec
//     2 lock struct(s), heap size 1128, 1 row lock(s)
//     MariaDB thread id 12, OS thread handle 139653419779776, query id 63 localhost root
//
// or "not started". One without a thread is a prepared branch whose connection is gone.

#include "replication/innodb_status.h"

#include <stdbool.h>
#include <string.h>

#define BEGIN  "---TRANSACTION "
#define ACTIVE ", ACTIVE"
#define THREAD " thread id "

static const char *next_line(const char *line)
{
    const char *end = strchr(line, '\n');
    return end != NULL ? end + 1 : line + strlen(line);
}

static bool has_within(const char *line, const char *end, const char *what)
{
    return memmem(line, (size_t)(end - line), what, strlen(what)) != NULL;
}

size_t innodb_status_open_transactions(const char *status)
{
    size_t count = 0;
    bool is_active = false; // and its thread was not seen yet
    for (const char *line = status; *line != '\0';) {
        const char *end = next_line(line);
        if (strncmp(line, BEGIN, strlen(BEGIN)) == 0) {
            is_active = has_within(line, end, ACTIVE);
        } else if (is_active && has_within(line, end, THREAD)) {
            count++;
            is_active = false;
        }
        line = end;
    }
    return count;
}
