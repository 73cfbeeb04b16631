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
};

struct account_list {
    struct arena arena;        // owns what the accounts point to
    struct user_config *users; // owned
    size_t count, room;
    size_t left_out;    // more than ACCOUNTS_MAX
    uint64_t digest;    // two lists of one digest are the same
    uint64_t looked_us; // when the names were looked up; the caller's
};

void account_list_init(struct account_list *list);
void account_list_done(struct account_list *list);
// `known` (may be NULL): a list of a moment ago, whose names need not be looked up again.
void account_list_add(struct account_list *list, const struct account_facts *facts,
                      const struct account_list *known);
