#pragma once
// Which tables may be written by a transaction on several shards. Not those without a primary key
// (a replica can't apply their prepared branches: MDEV-32020), not those of an engine without
// transactions (nothing undoes what was done there), and not what hides which table is written.
//
// A worker keeps what servers have said of tables that are fit, for FIT_KEPT_US and until DDL goes
// through any worker of this process. Of others nothing is kept: they are asked for again.

#include "base/arena.h"
#include "base/error.h"
#include "base/text.h"

enum { FIT_KEPT_US = 10 * 1000 * 1000, FIT_TABLES_MAX = 10000 };

struct fit; // a worker's

struct fit_table { // on a shard
    uint16_t shard;
    struct slice schema, name;
};

enum unfit {
    UNFIT_NOT,
    UNFIT_ABSENT, // the server will say so
    UNFIT_KIND,
    UNFIT_ENGINE,
    UNFIT_KEY,
    UNFIT_TRIGGER,
    UNFIT_ROUTINE, // these are not about tables
    UNFIT_FUNCTION,
    UNFIT_UNREAD,
    UNFIT_MANY,
};

struct fit *fit_new(void);
void fit_free(struct fit *fit);

// `changes`: how often DDL has gone through this process.
bool fit_is_known(const struct fit *fit, const struct fit_table *table, uint64_t now_us,
                  uint64_t changes) MUST_CHECK;
// A server has said that it is fit; `now_us` and `changes` as they were when it was asked.
void fit_note(struct fit *fit, const struct fit_table *table, uint64_t now_us, uint64_t changes);

// Appends an expression of SQL: a number that says all about the table to fit_read.
void fit_add_question(struct text *sql, const struct fit_table *table);
// False: that is no answer to it.
bool fit_read(struct slice number, enum unfit *unfit) MUST_CHECK;

// Why the transaction may not become one of several shards. `shard`: its name. `was_written`:
// before; else by the statement. table->name is empty where `why` is about something else.
void fit_explain(const struct fit_table *table, const char *shard, enum unfit why, bool was_written,
                 struct error *error);
