#pragma once
// Every setting is one row of one table: its name, type, default, limits and help. The defaults,
// `--check`, `--help`, SHOW SETTINGS, etc/waybill.ini and doc/settings.md all come from these rows.

#include "base/text.h"

enum users_from { USERS_FILE, USERS_SERVERS };
enum default_auth { DEFAULT_AUTH_NATIVE, DEFAULT_AUTH_SHA2 };
// What clients may have compressed; in the order of the choices.
enum client_compression {
    CLIENT_COMPRESSION_OFF,
    CLIENT_COMPRESSION_ZLIB,
    CLIENT_COMPRESSION_ZSTD,
    CLIENT_COMPRESSION_BOTH
};
enum failover_mode { FAILOVER_OFF, FAILOVER_AUTO, FAILOVER_MANUAL };
enum rejoin_mode { REJOIN_OFF, REJOIN_AUTO };

struct settings { // strings are owned by the config's arena, never NULL
    const char *listen;
    const char *admin_listen;
    const char *http_listen; // empty: no metrics
    const char *admin_user, *admin_password;
    const char *monitor_user, *monitor_password;
    const char *replication_user, *replication_password;
    const char *clone_user, *clone_password; // empty: the monitor's
    const char *log;
    int64_t log_level;    // enum log_level
    int64_t workers;      // 0 = one for each core
    int64_t row_id_block; // row ids that are reserved at a time
    int64_t proxy_id;     // 0..63, different for each proxy in front of the same servers
    int64_t max_clients;  // over all workers
    int64_t max_packet_bytes;
    int64_t login_timeout_ms;
    int64_t users;        // enum users_from
    int64_t default_auth; // enum default_auth
    const char *rsa_key;  // path; empty: made at start
    int64_t accounts_refresh_ms;
    int64_t max_login_failures; // 0 = off
    int64_t login_block_ms;
    const char *proxy_protocol_networks;
    int64_t tls;                             // enum tls_mode, towards clients
    const char *tls_cert, *tls_key, *tls_ca; // paths
    int64_t tls_min_version;                 // enum tls_version
    const char *tls_ciphers;
    int64_t compression;         // enum client_compression
    int64_t client_idle_ms;      // wait_timeout towards clients
    int64_t client_write_ms;     // a client that takes nothing for so long is closed
    int64_t query_timeout_ms;    // 0 = no limit: an answer's silence from a server
    int64_t max_prepared;        // for each session
    int64_t max_cursors;         // likewise
    int64_t cursor_buffer_bytes; // likewise
    int64_t server_tls;          // enum tls_mode; this and the next: unless the server has its own
    const char *server_tls_ca, *server_tls_cert, *server_tls_key; // paths; empty: none
    int64_t server_tls_min_version;                               // enum tls_version
    int64_t server_compression;                                   // enum server_compression
    int64_t connect_timeout_ms;                                   // to a server, with log-in
    int64_t pool_max;          // connections to each server over all workers
    int64_t pool_wait_ms;      // how long a statement waits in line for a connection
    int64_t pool_wait_max;     // how many may wait, for each worker and server
    int64_t pool_idle_ms;      // an unused connection is closed after it
    int64_t pool_prepared_max; // prepared statements kept on each connection
    int64_t backoff_ms;        // first pause after a server refused; doubles up to 32 times
    int64_t hold_ms;           // how long a statement waits for a shard that has no primary
    int64_t max_lag_ms;        // a replica behind by more serves no reads
    int64_t probe_ms;
    int64_t failover; // enum failover_mode
    int64_t failover_after_ms;
    int64_t failover_refused_ms;
    int64_t promise_trust_ms;
    int64_t coordination_lease_ms;
    const char *coordination;                                           // coordination.h
    const char *coordination_ca, *coordination_cert, *coordination_key; // paths; empty: none
    const char *cluster_name;
    int64_t rejoin; // enum rejoin_mode
    bool discover;  // replicas that are in no section are taken in
    int64_t switchover_grace_ms;
    int64_t ddl_lock_wait_ms;
    int64_t deadlock_check_ms; // 0: off
    int64_t in_doubt_ms;       // a prepared branch that is older is finished by the recovery
    bool local_infile;         // LOAD DATA LOCAL
    bool read_split;           // reads to replicas
    bool gather, gather_on_primary;
    bool declared_tables;                        // CREATE TABLE with a comment: declared.h
    int64_t gather_max_rows, gather_max_bytes;   // for each statement
    int64_t unsafe_constraints;                  // enum scatter_guard
    int64_t max_scatter_shards, max_result_rows; // of a SELECT over several shards; 0 = no limit
    const char *hook;                            // path; empty: none
    const char *zone;                            // of this proxy; empty: none
    const char *default_shard;  // for tables that are not declared; empty: the first one
    const char *server_version; // announced to clients; empty: the servers' own
    int64_t slow_query_ms;      // 0 = off: logged when slower
};

enum setting_type { SETTING_TEXT, SETTING_INTEGER, SETTING_BOOL, SETTING_CHOICE, SETTING_SECRET };

struct setting {
    const char *name;
    enum setting_type type;
    bool is_reloadable; // may change without a restart
    size_t offset;      // in struct settings
    const char *default_text;
    int64_t min, max;
    const char *choices; // "off|auto", the value is the place in it
    const char *help;    // one or more full sentences
};

const struct setting *setting_table(size_t *count);
const struct setting *setting_find(struct slice name); // NULL: unknown
void settings_init_defaults(struct settings *settings);
// The value as it would be written in the file; secrets as "****".
void setting_print(const struct setting *setting, const struct settings *settings,
                   struct text *out);
// False with a sentence in `why`. Strings are copied into the arena.
struct arena;
bool setting_parse(const struct setting *setting, struct settings *settings, struct slice value,
                   struct arena *arena, char *why, size_t why_bytes) MUST_CHECK;
bool setting_is_same(const struct setting *setting, const struct settings *a,
                     const struct settings *b) MUST_CHECK;

// settings_print.c: the documents that are made from the rows of the settings and of the sections.
void settings_write_ini(struct text *out);      // etc/waybill.ini
void settings_write_markdown(struct text *out); // doc/settings.md
