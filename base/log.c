// One log for the process. A line is made on the stack of the thread that has something to say and
// leaves it in one write(), so that lines of different threads never mix and no lock is needed:
//
//     2025-03-01 09:30:00.123 warning [worker-2] text
//
// Reopening puts the new file under the old descriptor (dup2), so that a writer at that moment
// never meets a closed one. This file has the program's only mutable globals besides a mailbox's
// lock: the log is one by its nature.

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { LINE_BYTES = 2048, NAME_BYTES = 16, PATH_BYTES = 1024 };

static _Atomic int log_fd = STDERR_FILENO;
static _Atomic int log_level_max = LOG_NOTICE;
static pthread_mutex_t path_lock = PTHREAD_MUTEX_INITIALIZER;
static char log_path[PATH_BYTES]; // under path_lock; "" = stderr
static _Thread_local char thread_name[NAME_BYTES] = "main";

static const char *level_name(enum log_level level)
{
    switch (level) {
    case LOG_ERROR:
        return "error";
    case LOG_WARNING:
        return "warning";
    case LOG_NOTICE:
        return "notice";
    case LOG_DEBUG:
        return "debug";
    }
    return "?";
}

static int open_for_append(const char *path)
{
    return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
}

// Puts the file at `path` ("" = stderr) under the log's descriptor.
static bool switch_to(const char *path)
{
    if (path[0] == '\0') {
        int old = atomic_exchange(&log_fd, STDERR_FILENO);
        if (old != STDERR_FILENO) {
            close(old);
        }
        return true;
    }
    int fd = open_for_append(path);
    if (fd < 0) {
        return false;
    }
    int now = atomic_load(&log_fd);
    if (now == STDERR_FILENO) {
        atomic_store(&log_fd, fd);
        return true;
    }
    bool is_done = dup3(fd, now, O_CLOEXEC) >= 0;
    int why = errno;
    close(fd);
    errno = why;
    return is_done;
}

bool log_open(const char *target, enum log_level level)
{
    const char *path = strcmp(target, "stderr") == 0 ? "" : target;
    if (strlen(path) >= PATH_BYTES) {
        errno = ENAMETOOLONG;
        return false;
    }
    log_set_level(level);
    pthread_mutex_lock(&path_lock);
    bool is_done = switch_to(path);
    if (is_done) {
        snprintf(log_path, sizeof log_path, "%s", path);
    }
    pthread_mutex_unlock(&path_lock);
    return is_done;
}

bool log_reopen(void)
{
    pthread_mutex_lock(&path_lock);
    bool is_done = switch_to(log_path);
    pthread_mutex_unlock(&path_lock);
    return is_done;
}

void log_set_level(enum log_level level)
{
    atomic_store_explicit(&log_level_max, (int)level, memory_order_relaxed);
}

void log_name_thread(const char *name)
{
    snprintf(thread_name, sizeof thread_name, "%s", name);
}

bool log_is_on(enum log_level level)
{
    return (int)level <= atomic_load_explicit(&log_level_max, memory_order_relaxed);
}

// Everything before the text; returns its length.
static size_t print_head(char *line, size_t size, enum log_level level)
{
    struct timespec now;
    struct tm local;
    clock_gettime(CLOCK_REALTIME, &now);
    localtime_r(&now.tv_sec, &local);
    size_t len = strftime(line, size, "%Y-%m-%d %H:%M:%S", &local);
    int more = snprintf(line + len, size - len, ".%03d %s [%s] ", (int)(now.tv_nsec / 1000000),
                        level_name(level), thread_name);
    return len + (size_t)more;
}

void log_write(enum log_level level, const char *format, ...)
{
    if (!log_is_on(level)) {
        return;
    }
    int errno_before = errno; // a caller may log first and look at errno then
    char line[LINE_BYTES];
    size_t begin = print_head(line, sizeof line, level);
    size_t room = sizeof line - begin - 1; // one byte for the line's end
    va_list args;
    va_start(args, format);
    int len = vsnprintf(line + begin, room, format, args);
    va_end(args);
    size_t end = begin + (len < 0 ? 0 : (size_t)len < room ? (size_t)len : room - 1);
    // One event is one line, whatever a client has put into the names that are printed here.
    for (size_t i = begin; i < end; i++) {
        if ((unsigned char)line[i] < ' ') {
            line[i] = ' ';
        }
    }
    line[end++] = '\n';
    ssize_t written = write(atomic_load(&log_fd), line, end);
    (void)written; // there is nowhere to complain to
    errno = errno_before;
}
