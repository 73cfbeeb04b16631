#pragma once
// A list of warnings and errors as a session keeps it in memory: what SHOW WARNINGS shows.

#include "base/error.h"
#include "protocol/bytes.h"

enum warning_level { LEVEL_NOTE, LEVEL_WARNING, LEVEL_ERROR };

struct warning {
    enum warning_level level;
    uint16_t code;
    char sqlstate[6];     // empty: not known
    struct slice message; // as the client is to get it
};

enum { WARNINGS_BYTES_MAX = 64 * 1024 }; // of one list

struct warning_list {
    uint32_t count;   // rows
    uint32_t total;   // what happened: more than there are rows where max_error_count cut the list
    uint32_t errors;  // how many of that were errors
    bool is_ascii;    // the messages mean the same in every character set
    uint64_t charset; // what character set they are in otherwise (the session's number for it)
    struct text rows; // owned; for each: level, code, SQLSTATE, message
};

// On the heap; given back with warning_list_free, which takes NULL.
struct warning_list *warning_list_new(void);
void warning_list_free(struct warning_list *list);
// One more row, which counts in total and errors. False: the list would be too large.
bool warning_list_add(struct warning_list *list, const struct warning *warning) MUST_CHECK;
// ... a warning of waybill's own.
bool warning_list_add_own(struct warning_list *list, const struct error *error) MUST_CHECK;
// Without its last row, if that is an error of this code.
void warning_list_drop_error(struct warning_list *list, uint16_t code);
// The rows in order: *at is 0 before the first. False: no more.
bool warning_list_next(const struct warning_list *list, size_t *at,
                       struct warning *warning) MUST_CHECK; // borrows from the list
// Adds what SHOW WARNINGS has answered: framed packets, whole, rows of the text protocol. False: it
// can't be read, is an error, or too large.
bool warning_list_read(struct warning_list *list, struct slice packets,
                       uint64_t capabilities) MUST_CHECK;

const char *warning_level_name(enum warning_level level); // "Note"
