#pragma once
// The configuration, read once and const from then on: servers, shards, tables, users, bucket map.
// All memory is the config's own arena.

#include "base/arena.h"
#include "base/sock.h"
#include "base/tls.h"
#include "cluster/host.h"
#include "cluster/settings.h"
#include "protocol/auth_ed25519.h"
#include "protocol/auth_native.h"
#include "protocol/auth_sha2.h"

enum { ACCOUNTS_MAX = 65000 };
enum { BUCKET_COUNT = 4096, SERVERS_MAX = 256, SHARDS_MAX = 64 };

enum server_proxy { SERVER_PROXY_OFF, SERVER_PROXY_V1, SERVER_PROXY_V2 };

enum server_compression {
    SERVER_COMPRESSION_OFF,
    SERVER_COMPRESSION_ZLIB,
    SERVER_COMPRESSION_ZSTD
};

struct server_tls {
    enum tls_mode mode;
    enum tls_version min_version;
    const char *ca, *cert, *key; // paths; empty: none
    uint64_t files_hash;         // of what stood in the files
    struct tls_context *context; // one count is the config's; NULL: disabled
};

struct server_link { // how waybill speaks to a server
    enum server_proxy proxy;
    enum server_compression compression;
    struct server_tls tls;
};

// Would a connection opened by the one be like one opened by the other? (Not where the files of
// certificates have changed.)
bool server_link_is_same(const struct server_link *a, const struct server_link *b) MUST_CHECK;

// Ids are places in the config's arrays; they stay the same over reloads of one process (what is
// removed leaves a gap with is_removed set), so that a worker's pools can be found by id.
// Of a server, when a new primary is chosen among equals.
enum promote { PROMOTE_ALLOW, PROMOTE_PREFER, PROMOTE_NEVER };

struct server_config {
    uint16_t id;
    uint16_t shard; // id
    bool is_removed;
    const char *name;
    const char *address_text; // "host:port"
    const char *host;         // for CHANGE MASTER and libmysqlclient
    uint16_t port;
    struct address address;
    uint32_t weight;          // of reads, 0 = none
    uint32_t max_connections; // over all workers
    enum promote promote;
    const char *zone;   // empty: none
    bool is_near;       // in this proxy's zone
    bool is_discovered; // in no section: it was taken in (discover = on)
    struct server_link link;
};

// What an acknowledged write of a shard is to be worth.
enum durability_promise {
    DURABILITY_SEMI_SYNC,  // on a replica, too: nobody is promoted who may lack one
    DURABILITY_BEST_EFFORT // a promotion says what may be lost
};

struct shard_config {
    uint16_t id;
    bool is_removed;
    const char *name;
    enum durability_promise durability;
    bool discovers;    // replicas that are in no section are taken in
    uint16_t *servers; // ids
    uint16_t server_count;
};

// What becomes of a SELECT that reads several shards.
enum scatter_guard { GUARD_ALLOW, GUARD_WARN, GUARD_DENY };

enum table_type { TABLE_SHARDED, TABLE_REFERENCE, TABLE_UNSHARDED };
enum shard_method { METHOD_BUCKET, METHOD_RANGE, METHOD_LIST, METHOD_MODULO, METHOD_DATE };
// How values of the shard key compare on the servers, so that equal keys always meet in one shard.
enum key_type {
    KEY_INTEGER, // 5 = '5' = '05'
    KEY_STRING,  // ASCII without case and trailing blanks (the usual collations); anything else is
                 // refused as a key
    KEY_BINARY,  // bytes as they are (binary and _bin NO PAD columns)
    KEY_DATE,    // DATE, DATETIME
};
enum date_unit { DATE_YEAR, DATE_MONTH, DATE_DAY };

struct section;     // private to cluster/
struct row_ids;     // row_id.h
struct row_id_list; // row_id.h

struct key_range { // METHOD_RANGE: low <= key <= high. METHOD_DATE: days since 0000-03-01, both
                   // ends included
    int64_t low, high;
    uint16_t shard;
};

struct key_listed {   // METHOD_LIST
    struct slice key; // canonical
    uint16_t shard;
};

// A look-up table from values of a column to the shards that may have rows with them
// (doc/indexes.md).
struct index_config {
    const char *name; // as in the file
    // "name#0123456789ab": another one when it is of something else, or the entries of a value are
    // on another shard. By it entries are kept, so that none of another definition count.
    const char *key;
    uint16_t table; // id
    const char *column;
    enum key_type type;              // KEY_INTEGER or KEY_STRING
    bool is_unique;                  // no value is on two shards
    const struct index_config *next; // of the same table; NULL
};

struct table_config {
    uint16_t id;
    const char *schema, *name; // as written in the file
    enum table_type type;
    enum shard_method method;
    enum key_type key_type;
    enum date_unit date_unit;
    const char *key;       // column; NULL when the table is found by `id` alone
    const char *id_column; // BIGINT that carries the bucket; NULL when none. METHOD_BUCKET only
    bool is_closed;        // it is declared, which is being made or taken back: no other DDL
    bool makes_ids; // waybill makes the id when an INSERT leaves it out (the table that others are
                    // sharded with)
    struct row_ids *row_ids; // the column that waybill fills with row ids; NULL: none. The
                             // process's (row_id.h)
    uint16_t group;          // tables of one group and one key value are on one shard
    uint16_t with;           // whose settings it has: its own id, or the table's that `with` names
    uint16_t home;           // TABLE_UNSHARDED: shard id
    uint32_t modulo;         // METHOD_MODULO: `modulo_shards` has so many entries
    uint16_t *modulo_shards;
    struct key_range *ranges; // sorted by low, no overlap
    uint32_t range_count;
    struct key_listed *listed; // sorted by key bytes
    uint32_t listed_count;
    enum scatter_guard scatter;         // of reads of its rows on several shards
    int32_t line;                       // in the file
    const struct index_config *indexes; // global ones; NULL: none
    uint64_t declared;          // the number of its declaration (declared.h); 0: it is of the file
    const char *declared_words; // ... and its words; NULL
};

enum distributed { DISTRIBUTED_REFUSE, DISTRIBUTED_BEST_EFFORT, DISTRIBUTED_ATOMIC };
#define DISTRIBUTED_IS_OFF "which needs distributed = atomic or best_effort" // in refusals

enum auth_plugin { AUTH_ANY, AUTH_NATIVE, AUTH_SHA2, AUTH_ED25519, AUTH_CLEAR };
enum require_kind { REQUIRE_NONE, REQUIRE_SSL, REQUIRE_X509, REQUIRE_SPECIFIED };

// An account: a name together with where it comes from. Several may have one name.
struct user_config {
    uint16_t id;
    bool is_removed;
    bool is_from_servers;       // read from their own accounts (users = servers)
    uint32_t generation;        // of its place: another account that gets the place has another one
    const char *name;           // empty: the servers' anonymous one, for every name
    const char *from;           // as written: "10.0.0.%, localhost"; empty: from everywhere
    struct host_pattern *hosts; // any of them; none: from everywhere
    uint16_t host_count;
    bool has_empty_password;
    uint8_t native_hash[NATIVE_BYTES]; // from `password` or `password_native`
    uint8_t sha2_hash[SHA2_BYTES];     // from `password` or `password_sha2`
    uint8_t ed25519_key[ED25519_KEY_BYTES];
    struct slice sha2_crypt; // "$A$005$...", as MySQL keeps it; empty: none
    bool has_native, has_sha2, has_ed25519;
    enum auth_plugin plugin;   // the one that is asked for; AUTH_ANY: one that fits
    const char *unusable;      // why nobody can log in by it through waybill; NULL: can
    bool is_locked;            // told to who knows the password
    bool is_expired;           // ... too
    enum require_kind require; // of TLS
    const char *require_subject, *require_issuer, *require_cipher; // REQUIRE_SPECIFIED; "": any
    const char *server_user;                                       // the account on the servers
    const char *server_password; // NULL: learned from clients that log in (pools_note_secret)
    const char *default_schema;  // empty: none
    enum distributed distributed;
    bool waits_for_decision; // a commit on several shards: no longer (commit_wait = decided)
    bool commit_token;       // also the commit of a transaction on one shard leaves a decision
    bool allow_key_change;   // an UPDATE of the shard key moves the rows
    enum scatter_guard scatter;
    uint32_t max_connections; // 0 = no limit
    bool reads_from_replicas; // default yes
    bool sees_all_sessions;   // SHOW PROCESSLIST, of other users too
    bool kills_all_sessions;  // KILL ...
    // users = servers: another one when what the account may do there has changed, since a server
    // looks some of it up only when a connection is opened.
    uint64_t privileges;
};

struct config {
    struct arena arena; // owns everything; but see `file`
    uint32_t use_count; // snapshots that name it; control thread only
    // How many of the arrays below.
    uint16_t server_count, shard_count, table_count, user_count, profile_count, proxy_network_count;
    uint16_t index_count;
    uint16_t default_shard;
    bool wants_rsa_key; // of some only MySQL's own hash is kept
    const char *path;
    struct settings settings;
    struct server_config *servers;
    struct shard_config *shards;
    struct table_config *tables;  // sorted by schema and name (without case)
    struct index_config *indexes; // index_count of them, in the order of the file
    struct user_config *users;
    uint16_t *users_by_name;      // ids, sorted; of those that are removed, too
    struct user_config *profiles; // users = servers: sections that say no password, and what
                                  // a client of such an account gets
    uint64_t accounts_digest;     // of the servers' accounts that are in it; 0: as they were before
    struct config *file; // whose memory and TLS all but the users is; counted. NULL: its own
    struct tls_context *client_tls; // held; NULL: clients get no TLS
    struct network *proxy_networks; // who may send a PROXY header
    struct row_id_list *row_ids;    // counted, by the file's own
    struct section *sections;       // the file's, of shards, tables and indexes
    uint64_t declared_number;       // of the declared tables that it has; 0: none
    struct slice declared_rows;     // ... as declared_next reads them
    uint16_t bucket_shard[BUCKET_COUNT];
};

const struct table_config *config_find_table(const struct config *config, struct slice schema,
                                             struct slice name);
// The first of that name, from wherever.
const struct user_config *config_find_user(const struct config *config, struct slice name);
// The account by which `name` may come in from there: the one with the most specific host; NULL:
// none.
const struct user_config *config_find_account(const struct config *config, struct slice name,
                                              const struct address *peer);
// One that looks like any other, for a name that nobody has: the same one each time for the same
// number. NULL: there are no accounts.
const struct user_config *config_decoy_account(const struct config *config, uint64_t number);
const struct shard_config *config_find_shard(const struct config *config, struct slice name);
// The one shard of a configuration that has no other; NO_SHARD: there are several.
enum { NO_SHARD = 0xffff };
uint16_t config_only_shard(const struct config *config);
// There is one shard, and one server in it: what is said to it is said to all.
bool config_is_one_server(const struct config *config) MUST_CHECK;

// Reads a file. `before` (may be NULL) is the running one: ids are kept. NULL when anything is
// wrong; `errors` then has every mistake as `file:line: what and why`, a line each, in the order of
// the file. May block (host names).
struct config *config_read(const char *path, const struct config *before, struct text *errors);
// The same from memory; `path` is for the errors.
struct config *config_read_text(struct slice text, const char *path, const struct config *before,
                                struct text *errors);
// The running configuration with these accounts of the servers in place of those that it has. NULL:
// it has them. Control thread only.
struct account_list;
struct config *config_with_accounts(struct config *running, const struct account_list *accounts);
void config_free(struct config *config); // NULL is fine

// A server that was taken in; borrowed.
struct discovered {
    uint16_t shard;
    const char *address; // numeric: "10.0.0.9:3306"
};
// Those that a configuration has, at most max; how many were filled.
size_t config_discovered(const struct config *config, struct discovered *list, size_t max);
// The running one with these instead, but for those that are in the file. The caller has to
// publish it.
struct config *config_with_discovered(struct config *running, const struct discovered *list,
                                      size_t count);
// What such a server is called: "10.0.0.9-3306".
void config_name_discovered(const char *address, char *name, size_t name_bytes);
