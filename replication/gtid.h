#pragma once
// Positions in replication: MariaDB's `domain-server-sequence,...` (the last of each domain, which
// stands for all before it) and MySQL's sets `uuid:1-5:7,...`. Pure.

#include "base/arena.h"

enum gtid_flavor { GTID_MARIADB, GTID_MYSQL };

struct gtid_position { // MariaDB
    uint32_t domain, server;
    uint64_t sequence;
};

struct gtid_interval { // MySQL: sequence numbers first..last of one source
    char uuid[37];     // lower case, NUL-terminated
    uint64_t first, last;
};

struct gtid_set {
    enum gtid_flavor flavor;
    size_t count;
    struct gtid_position *positions; // GTID_MARIADB: sorted, one for each domain
    struct gtid_interval *intervals; // GTID_MYSQL: sorted, disjoint, not adjacent
};

// The empty text is the empty set. White space around parts is skipped (MySQL breaks lines). The
// set's memory is the arena's. False when the text is no position.
bool gtid_parse(enum gtid_flavor flavor, struct slice text, struct arena *arena,
                struct gtid_set *set) MUST_CHECK;
// Does `a` hold everything that `b` holds? MariaDB: the same sequence by different servers is not
// the same transaction.
bool gtid_contains(const struct gtid_set *a, const struct gtid_set *b) MUST_CHECK;
// Is all that `set` has beyond `cut` the server's own writing (MariaDB: by server_id, MySQL: by
// uuid)?
bool gtid_is_own_tail(const struct gtid_set *set, const struct gtid_set *cut, uint32_t server_id,
                      const char *uuid) MUST_CHECK;
// Everything that is in one of them. MariaDB: the later position of each domain; where they are
// equal but for the server, a's.
struct gtid_set gtid_union(const struct gtid_set *a, const struct gtid_set *b, struct arena *arena);
struct slice gtid_print(const struct gtid_set *set, struct arena *arena); // NUL behind it

enum gtid_order { GTID_EQUAL, GTID_AHEAD, GTID_BEHIND, GTID_DIVERGED };
enum gtid_order gtid_compare(const struct gtid_set *a, const struct gtid_set *b) MUST_CHECK;
