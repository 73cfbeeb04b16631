#pragma once
// One log for the process: a line for each event, `time level [thread] text`. Safe from every
// thread.

#include "base/slice.h"

enum log_level { LOG_ERROR, LOG_WARNING, LOG_NOTICE, LOG_DEBUG };

// "stderr" or a path (opened for append). False when the file can't be opened (errno says why).
bool log_open(const char *target, enum log_level level) MUST_CHECK;
bool log_reopen(void) MUST_CHECK; // after rotation
void log_set_level(enum log_level level);
void log_name_thread(const char *name); // copied, at most 15 characters
bool log_is_on(enum log_level level);
void log_write(enum log_level level, const char *format, ...) PRINTF_LIKE(2, 3);

#define log_error(...)   log_write(LOG_ERROR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_WARNING, __VA_ARGS__)
#define log_notice(...)  log_write(LOG_NOTICE, __VA_ARGS__)
#define log_debug(...)                                                                             \
    do {                                                                                           \
        if (log_is_on(LOG_DEBUG)) {                                                                \
            log_write(LOG_DEBUG, __VA_ARGS__);                                                     \
        }                                                                                          \
    } while (0)
