#pragma once
// What a waybill knows of declared tables, on the default shard's primary: a part of that server's
// probe, on its job's thread. It renews its row of waybill.proxy first and reads the declarations
// then, so that whoever declares a table afterwards finds the row and waits for it.

#include "cluster/declared.h"
#include "replication/dbconn.h"

struct declared_setup { // who asks
    uint32_t proxy;
    uint64_t run; // this process; never 0
    uint32_t probe_ms;
};

// Part of an order to the probe.
struct declared_order {
    uint64_t known;  // the number that the configuration has
    uint64_t seen;   // ... and all workers, with no statement left that was planned before
    bool is_home;    // the default shard's primary
    bool joins;      // false: it is looked for declarations now and then, and nothing is written
    bool has_failed; // what was read last can't be taken
};

struct declared_facts {
    bool is_looked;
    uint64_t renewed_us; // the clock before the row was renewed; 0: it was not
    uint64_t number;
    struct declared_set *set; // owned; NULL: the number is the one that was known
};

struct declared_look { // zeroed: nothing is known
    uint64_t beat;
    uint64_t looked_us;
};

// For so long after renewed_us what was read then counts. Others wait for longer than that.
uint32_t declared_lease_ms(uint32_t probe_ms);
// How long a table with a row that is not renewed is waited for.
uint32_t declared_foreign_ms(uint32_t lease_ms);

// False: it could not be read or written, with *error; *facts is empty then.
bool declared_look(struct declared_look *look, struct dbconn *conn,
                   const struct declared_setup *setup, const struct declared_order *order,
                   struct declared_facts *facts, struct error *error) MUST_CHECK;
// When no statement will be run any more: nobody has to wait for this one.
void declared_leave(struct dbconn *conn, const struct declared_setup *setup);
