#pragma once
// The servers' own accounts (users = servers), as they are read there: each row of their table as
// texts becomes an account of the configuration. For a job thread: looks names up, may block.

#include "cluster/config.h"

enum { ACCOUNT_PLUGINS_MAX = 5 }; // that one account may be proved by (MariaDB: OR)

struct account_plugin {
    const char *name;  // "": mysql_native_password, as MySQL 5.6 has it
    const char *proof; // authentication_string
};

struct account_facts { // all borrowed; NULL texts count as empty
    const char *name, *host;
    struct account_plugin plugins[ACCOUNT_PLUGINS_MAX]; // any of them
    size_t plugin_count;
    bool is_locked, is_expired;
    bool is_by_address; // the server knows clients by address only (skip_name_resolve)
    enum require_kind require;
    const char *subject, *issuer, *cipher;
    uint32_t max_connections; // 0: no limit
    bool sees_all_sessions, kills_all_sessions;
    const char *access; // what else it may do, in whatever words; only changes of it matter
    bool has_role;      // one that it has from its log-in on
};

// What the accounts of one name may do. Of one name, since the server takes waybill's connection
// for the account with waybill's own host, which may be another one.
struct account_mark {
    const char *name;
    uint64_t hash;
    bool has_role;
};

struct account_list {
    struct arena arena;        // owns what the accounts point to
    struct user_config *users; // owned
    size_t count, room;
    size_t left_out;            // more than ACCOUNTS_MAX
    struct account_mark *marks; // owned; after account_list_end by name, each once
    size_t mark_count, mark_room;
    uint64_t roles_hash;  // what roles may do
    uint64_t public_hash; // ... and everybody
    uint64_t digest;      // after account_list_end: two lists of one digest are the same
    uint64_t looked_us;   // when the names were looked up; the caller's
};

void account_list_init(struct account_list *list);
void account_list_done(struct account_list *list);
// `known` (may be NULL): a list of a moment ago, whose names need not be looked up again.
void account_list_add(struct account_list *list, const struct account_facts *facts,
                      const struct account_list *known);
// A row that says what accounts of that name, or a role, may do: `text` in whatever words.
void account_list_note(struct account_list *list, const char *name, bool is_role,
                       struct slice text);
// After the last row of all tables.
void account_list_end(struct account_list *list);
// Another number when what they may do has changed. 0: no such account.
uint64_t account_list_privileges(const struct account_list *list, const char *name);
