// The settings table: one row says everything about a setting. Reading, printing, checking and the
// documentation walk these rows, so a new setting is a member of struct settings and a row here.
// The order of the rows is the order in which people read them in etc/waybill.ini.

#include "cluster/settings.h"

#include <assert.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/tls.h"

#define AT(member) offsetof(struct settings, member)
#define DAY_MS     86400000
#define ANY        0, 0
#define RELOAD     true
#define RESTART    false

// clang-format off
static const struct setting table[] = {
    // ---- doors
    {"listen", SETTING_TEXT, RESTART, AT(listen), "127.0.0.1:6033", ANY, NULL,
     "Where applications connect: host:port, [IPv6]:port or the path of a socket."},
    {"admin_listen", SETTING_TEXT, RESTART, AT(admin_listen), "127.0.0.1:6032", ANY, NULL,
     "Where operators connect with the mysql client. Empty: no admin port."},
    {"http_listen", SETTING_TEXT, RESTART, AT(http_listen), "", ANY, NULL,
     "Where /metrics (Prometheus) and /healthz are served, host:port. Empty: nowhere."},
    {"admin_user", SETTING_TEXT, RELOAD, AT(admin_user), "admin", ANY, NULL,
     "The one user of the admin port."},
    {"admin_password", SETTING_SECRET, RELOAD, AT(admin_password), "", ANY, NULL,
     "Its password. Empty: nobody can log in there."},
    // ---- accounts on the servers
    {"monitor_user", SETTING_TEXT, RESTART, AT(monitor_user), "waybill", ANY, NULL,
     "The account with which waybill looks at the servers and promotes them."},
    {"monitor_password", SETTING_SECRET, RESTART, AT(monitor_password), "", ANY, NULL,
     "Its password."},
    {"replication_user", SETTING_TEXT, RESTART, AT(replication_user), "repl", ANY, NULL,
     "The account with which a replica connects to its primary: written into CHANGE MASTER when a "
     "replica is pointed to a new primary."},
    {"replication_password", SETTING_SECRET, RESTART, AT(replication_password), "", ANY, NULL,
     "Its password."},
    {"clone_user", SETTING_TEXT, RELOAD, AT(clone_user), "", ANY, NULL,
     "The account with which CLONE SERVER reads the one server and writes the other: it needs all privileges. Empty: monitor_user."},
    {"clone_password", SETTING_SECRET, RELOAD, AT(clone_password), "", ANY, NULL,
     "Its password."},
    // ---- the process
    {"log", SETTING_TEXT, RESTART, AT(log), "stderr", ANY, NULL,
     "Where the log goes: stderr, or the path of a file (opened anew on SIGHUP)."},
    {"log_level", SETTING_CHOICE, RELOAD, AT(log_level), "notice", ANY, "error|warning|notice|debug",
     "The least serious lines that are logged."},
    {"workers", SETTING_INTEGER, RESTART, AT(workers), "0", 0, 256, NULL,
     "Threads that serve clients. 0: one for each core."},
    {"proxy_id", SETTING_INTEGER, RESTART, AT(proxy_id), "0", 0, 63, NULL,
     "This proxy's number: different for each proxy in front of the same servers, because it is part "
     "of every order id that waybill makes, and of every connection id."},
    {"row_id_block", SETTING_INTEGER, RELOAD, AT(row_id_block), "1000", 1, 1000000, NULL,
     "How many row ids (`row_id` of a table) are reserved on the default shard at a time. More: fewer "
     "questions there; larger gaps after a restart, and between what several waybills make."},
    // ---- clients
    {"max_clients", SETTING_INTEGER, RELOAD, AT(max_clients), "10000", 1, 1000000, NULL,
     "Clients at one time, over all workers. One more gets error 1040."},
    {"max_packet_bytes", SETTING_INTEGER, RELOAD, AT(max_packet_bytes), "67108864", 1024, 1073741824, NULL,
     "The largest statement that a client may send; it should not be more than max_allowed_packet of "
     "the servers. A larger one gets error 1153. Answers have no limit."},
    {"local_infile", SETTING_BOOL, RELOAD, AT(local_infile), "on", ANY, NULL,
     "Whether clients may send files with LOAD DATA LOCAL INFILE, where the servers allow it."},
    {"login_timeout_ms", SETTING_INTEGER, RELOAD, AT(login_timeout_ms), "10000", 1, DAY_MS, NULL,
     "How long a client may take to log in."},
    {"users", SETTING_CHOICE, RELOAD, AT(users), "file", ANY, "file|servers",
     "Who may log in. file: the [user NAME] sections. servers: also who has an account on the servers, "
     "as it is there (hosts, TLS, locked, expired). A section with a password counts instead of accounts "
     "of that name; one without says the rest for them, [user *] for all that have none. The monitor's "
     "account then needs SELECT on mysql.global_priv, mysql.db and mysql.roles_mapping (MySQL: mysql.user and mysql.db). More in doc/accounts.md."},
    {"accounts_refresh_ms", SETTING_INTEGER, RELOAD, AT(accounts_refresh_ms), "5000", 100, DAY_MS, NULL,
     "users = servers: how often their accounts are read. A log-in that fails has them read at once; one "
     "with a password that was changed just now may still be let in for so long."},
    {"default_auth", SETTING_CHOICE, RELOAD, AT(default_auth), "mysql_native_password", ANY,
     "mysql_native_password|caching_sha2_password",
     "The plugin that is announced. Clients that have another one are asked for theirs; those of MySQL 9 "
     "have no mysql_native_password."},
    {"rsa_key", SETTING_TEXT, RESTART, AT(rsa_key), "", ANY, NULL,
     "A private RSA key (PEM), for caching_sha2_password without TLS where waybill keeps MySQL's own hash. "
     "Empty: one is made when it is needed, and lost when waybill ends."},
    {"max_login_failures", SETTING_INTEGER, RELOAD, AT(max_login_failures), "0", 0, 1000000, NULL,
     "So many failed log-ins in a row from one address, and it gets error 1129 for login_block_ms. Each "
     "worker counts by itself. 0: off."},
    {"login_block_ms", SETTING_INTEGER, RELOAD, AT(login_block_ms), "60000", 1, DAY_MS, NULL,
     "How long such an address is refused. FLUSH HOSTS on the admin port ends it."},
    {"proxy_protocol_networks", SETTING_TEXT, RELOAD, AT(proxy_protocol_networks), "", ANY, NULL,
     "Peers whose PROXY header (versions 1 and 2) says the client's true address: networks (10.0.0.0/8, "
     "192.168.1.5) and `unix`, with commas. Empty: nobody's."},
    {"tls", SETTING_CHOICE, RELOAD, AT(tls), "preferred", ANY, TLS_MODES,
     "TLS towards clients. preferred: for those who ask, where there is a tls_cert. required: others get "
     "error 3159, but for those of a local socket. verify-ca: clients need a certificate that tls_ca has "
     "signed. verify-identity: ... whose common name is the user's."},
    {"tls_cert", SETTING_TEXT, RELOAD, AT(tls_cert), "", ANY, NULL,
     "waybill's certificate and those that have signed it: a PEM file. Read anew at each reload, for clients "
     "that come then. Empty: no TLS."},
    {"tls_key", SETTING_TEXT, RELOAD, AT(tls_key), "", ANY, NULL,
     "Its private key: a PEM file without a password. Empty: it is in the file of the certificate."},
    {"tls_ca", SETTING_TEXT, RELOAD, AT(tls_ca), "", ANY, NULL,
     "Whose signatures count on clients' certificates: a PEM file. A client may then show one, and one that "
     "does not hold is refused. Empty: clients are asked for none, so no account with x509 gets in."},
    {"tls_min_version", SETTING_CHOICE, RELOAD, AT(tls_min_version), "TLSv1.2", ANY, TLS_VERSIONS,
     "The oldest version that clients may speak."},
    {"tls_ciphers", SETTING_TEXT, RELOAD, AT(tls_ciphers), "", ANY, NULL,
     "Names of ciphers as OpenSSL has them, with colons: ECDHE-RSA-AES256-GCM-SHA384:TLS_AES_256_GCM_SHA384. "
     "Empty: OpenSSL's choice."},
    {"compression", SETTING_CHOICE, RELOAD, AT(compression), "both", ANY, "off|zlib|zstd|both",
     "What clients may have compressed, if they ask for it."},
    {"client_idle_ms", SETTING_INTEGER, RELOAD, AT(client_idle_ms), "28800000", 0, INT32_MAX, NULL,
     "A client that asks nothing for so long is closed, as by a server's wait_timeout. 0: never."},
    {"client_write_ms", SETTING_INTEGER, RELOAD, AT(client_write_ms), "60000", 1, DAY_MS, NULL,
     "A client that takes none of its answer for so long is closed, so that it does not keep a "
     "server's connection."},
    {"query_timeout_ms", SETTING_INTEGER, RELOAD, AT(query_timeout_ms), "0", 0, INT32_MAX, NULL,
     "How long a server may be silent while it owes an answer; then its connection is closed and the "
     "client gets an error. 0: no limit."},
    {"max_prepared", SETTING_INTEGER, RELOAD, AT(max_prepared), "4096", 1, 1000000, NULL,
     "Prepared statements that one client may have open. One more gets error 1461."},
    {"max_cursors", SETTING_INTEGER, RELOAD, AT(max_cursors), "16", 0, 65535, NULL,
     "Server-side cursors that one client may have open. Each holds a connection to a server until its "
     "last row is fetched or it is closed. The rows of one more are put aside in waybill: "
     "cursor_buffer_bytes."},
    {"cursor_buffer_bytes", SETTING_INTEGER, RELOAD, AT(cursor_buffer_bytes), "16777216", 0, 1 << 30, NULL,
     "Memory that one client may have for the rows of cursors that no server keeps: those of several shards, "
     "and those beyond max_cursors. A statement with more rows gets error 9008. 0: none are kept, all rows "
     "come at once, which the protocol allows but not every client can read."},
    {"server_version", SETTING_TEXT, RELOAD, AT(server_version), "", ANY, NULL,
     "The version announced to clients. Empty: the servers' own."},
    // ---- connections to servers
    {"server_tls", SETTING_CHOICE, RELOAD, AT(server_tls), "disabled", ANY, TLS_MODES,
     "TLS towards the servers. preferred: where a server offers it. required: or no connection, but anybody may "
     "be the server. verify-ca: server_tls_ca has signed its certificate. verify-identity: also, the certificate "
     "names the host of its address. This and the next five are for each server that has no setting of its own."},
    {"server_tls_ca", SETTING_TEXT, RELOAD, AT(server_tls_ca), "", ANY, NULL,
     "Whose signatures count: a file with certificates (PEM). Empty: those that the system trusts."},
    {"server_tls_cert", SETTING_TEXT, RELOAD, AT(server_tls_cert), "", ANY, NULL,
     "waybill's own certificate with its chain (PEM), for accounts that REQUIRE one. Empty: none."},
    {"server_tls_key", SETTING_TEXT, RELOAD, AT(server_tls_key), "", ANY, NULL,
     "Its private key (PEM, without a password). Empty: it is in the file of the certificate."},
    {"server_tls_min_version", SETTING_CHOICE, RELOAD, AT(server_tls_min_version), "TLSv1.2", ANY, TLS_VERSIONS,
     "The oldest version that is spoken with the servers."},
    {"server_compression", SETTING_CHOICE, RELOAD, AT(server_compression), "off", ANY, "off|zlib|zstd",
     "Packets between waybill and the servers are compressed: costs time, saves bytes of slow networks. zstd: of "
     "MySQL from 8.0.18 on; other servers get zlib. A server that has neither is spoken to without."},
    {"connect_timeout_ms", SETTING_INTEGER, RELOAD, AT(connect_timeout_ms), "3000", 1, DAY_MS, NULL,
     "How long it may take to connect and log in to a server."},
    {"pool_max", SETTING_INTEGER, RELOAD, AT(pool_max), "200", 1, 100000, NULL,
     "Connections to each server, over all workers, unless the server has max_connections of its own."},
    {"pool_wait_ms", SETTING_INTEGER, RELOAD, AT(pool_wait_ms), "5000", 1, DAY_MS, NULL,
     "How long a statement waits in line for a connection."},
    {"pool_wait_max", SETTING_INTEGER, RELOAD, AT(pool_wait_max), "10000", 1, 1000000, NULL,
     "How many statements may wait in line, for each worker and server. One more is refused at once."},
    {"pool_idle_ms", SETTING_INTEGER, RELOAD, AT(pool_idle_ms), "60000", 1, INT32_MAX, NULL,
     "A connection that nobody used for so long is closed."},
    {"pool_prepared_max", SETTING_INTEGER, RELOAD, AT(pool_prepared_max), "256", 1, 100000, NULL,
     "Prepared statements kept on each connection; the one unused for longest makes room."},
    {"backoff_ms", SETTING_INTEGER, RELOAD, AT(backoff_ms), "100", 1, DAY_MS, NULL,
     "The first pause after a server refused a connection. It doubles with each further refusal, up to "
     "32 times itself."},
    // ---- reads
    {"read_split", SETTING_BOOL, RELOAD, AT(read_split), "on", ANY, NULL,
     "Reads outside transactions go to replicas that are fresh enough. off: everything goes to primaries."},
    {"max_lag_ms", SETTING_INTEGER, RELOAD, AT(max_lag_ms), "1000", 1, DAY_MS, NULL,
     "A replica that is behind its primary by more serves no reads."},
    {"gather", SETTING_BOOL, RELOAD, AT(gather), "on", ANY, NULL,
     "A SELECT over several shards that no merge can answer exactly (joins and subqueries over shards, window functions, UNION, "
     "...) is run on one server that is given the rows first, in temporary tables; MariaDB only. off: it is "
     "refused (9001). More in doc/gather.md."},
    {"gather_on_primary", SETTING_BOOL, RELOAD, AT(gather_on_primary), "off", ANY, NULL,
     "Whether a primary may be that server where no replica is fit for it."},
    {"gather_max_rows", SETTING_INTEGER, RELOAD, AT(gather_max_rows), "100000", 1, 1000000000, NULL,
     "Rows that may be gathered for one statement, those of the server itself counted. With more it gets error 9008."},
    {"gather_max_bytes", SETTING_INTEGER, RELOAD, AT(gather_max_bytes), "67108864", 1024, 1099511627776, NULL,
     "Bytes of SQL that may be sent for it. With more it gets error 9008."},
    {"max_scatter_shards", SETTING_INTEGER, RELOAD, AT(max_scatter_shards), "0", 0, 64, NULL,
     "A SELECT that needs the rows of more shards gets error 9030. 0: no limit."},
    {"max_result_rows", SETTING_INTEGER, RELOAD, AT(max_result_rows), "0", 0, 1000000000000, NULL,
     "A SELECT over several shards that gives more rows ends with error 9030 behind so many of them. 0: no limit."},
    {"unsafe_constraints", SETTING_CHOICE, RELOAD, AT(unsafe_constraints), "warn", ANY, "allow|warn|deny",
     "CREATE TABLE, ALTER TABLE and CREATE INDEX that make a constraint which no server can keep because the rows are on several "
     "shards: UNIQUE without the shard key, FOREIGN KEY to rows elsewhere, AUTO_INCREMENT. warn: it is done, with a warning (9034, "
     "9035, 9036). deny: that is the error, and nothing is done. More in doc/sharding.md."},
    {"declared_tables", SETTING_BOOL, RESTART, AT(declared_tables), "off", ANY, NULL,
     "on: CREATE TABLE with a comment /* waybill: shard_by=COLUMN */ makes the table known to all waybills in front of these servers; "
     "it has to be on in all of them. The monitor's account needs to see the tables. More in doc/declared.md. off: such a comment is "
     "refused (9050); tables that were declared are known all the same."},
    {"default_shard", SETTING_TEXT, RELOAD, AT(default_shard), "", ANY, NULL,
     "The shard of tables that have no section here. Empty: the first shard of the file."},
    // ---- failure
    {"probe_ms", SETTING_INTEGER, RELOAD, AT(probe_ms), "250", 10, 60000, NULL,
     "How often every server is looked at."},
    {"failover", SETTING_CHOICE, RELOAD, AT(failover), "auto", ANY, "off|auto|manual",
     "auto: when a primary is dead the best replica is promoted. manual: waybill says so, and FAILOVER SHARD on the admin port has "
     "it done. off: it only says so."},
    {"failover_after_ms", SETTING_INTEGER, RELOAD, AT(failover_after_ms), "1000", 100, DAY_MS, NULL,
     "How long a primary must be seen dead before another server is promoted."},
    {"failover_refused_ms", SETTING_INTEGER, RELOAD, AT(failover_refused_ms), "200", 0, DAY_MS, NULL,
     "The same when its port refuses connections and all its replicas have lost it: its process is gone. More than a restart of "
     "the server takes, if it shall not be replaced by that; failover_after_ms is the upper bound."},
    {"promise_trust_ms", SETTING_INTEGER, RELOAD, AT(promise_trust_ms), "300000", 0, DAY_MS, NULL,
     "Of a primary that died before this waybill saw it: how old the last row may be in which a waybill has written down that it "
     "waits for its replicas. If it is older, nobody is promoted with durability = semi_sync. 0: it is never believed."},
    {"coordination", SETTING_TEXT, RESTART, AT(coordination), "servers", ANY, NULL,
     "How several waybills agree on who promotes. servers: by locks on a majority of all servers. etcd://host:port[,host:port...]: "
     "by a key in etcd, and those locks on the servers that are changed; a majority of the servers is not needed. etcds://...: over "
     "TLS. The same for all waybills; doc/failover.md."},
    {"coordination_ca", SETTING_TEXT, RESTART, AT(coordination_ca), "", ANY, NULL,
     "With etcds://: the PEM file of whom to trust to sign etcd's certificates. Empty: whom the system trusts."},
    {"coordination_cert", SETTING_TEXT, RESTART, AT(coordination_cert), "", ANY, NULL,
     "With etcds://: the PEM file of the certificate that is shown to etcd. Empty: none."},
    {"coordination_key", SETTING_TEXT, RESTART, AT(coordination_key), "", ANY, NULL,
     "With etcds://: the PEM file of its key. Empty: it is in the file of the certificate."},
    {"coordination_lease_ms", SETTING_INTEGER, RESTART, AT(coordination_lease_ms), "10000", 2000, 600000, NULL,
     "With etcd: how long the key of a waybill stays that is gone or cut off in the middle of a promotion. In whole seconds; a "
     "statement of a promotion that takes longer than half of it ends the promotion."},
    {"cluster_name", SETTING_TEXT, RESTART, AT(cluster_name), "main", ANY, NULL,
     "With etcd: the part of its keys that tells this cluster from others, waybill/NAME/leader/SHARD."},
    {"zone", SETTING_TEXT, RELOAD, AT(zone), "", ANY, NULL,
     "Where this waybill is: reads go to replicas of the same zone while one of them is fit. Empty: to all alike."},
    {"hook", SETTING_TEXT, RELOAD, AT(hook), "", ANY, NULL,
     "A program that is run, without arguments, when something happens to a shard; what it is stands in its environment "
     "(WAYBILL_EVENT ...; doc/failover.md). Nobody waits for it; after 30 s it is killed. Empty: none."},
    {"rejoin", SETTING_CHOICE, RELOAD, AT(rejoin), "auto", ANY, "off|auto",
     "auto: an old primary that is back and read-only becomes a replica of the new one, what was never acknowledged is reported "
     "and undone (doc/failover.md); a replica that a crash has stopped is mended (doc/transactions.md). off: both are left alone."},
    {"discover", SETTING_BOOL, RELOAD, AT(discover), "off", ANY, NULL,
     "on: a replica of a shard that is in no section is taken in as a server for reads when it is fit for it, and counts as one that "
     "may have acknowledged something; it is never promoted, and let go when it is gone (doc/failover.md). The same for all waybills."},
    {"switchover_grace_ms", SETTING_INTEGER, RELOAD, AT(switchover_grace_ms), "2000", 0, DAY_MS, NULL,
     "How long SWITCHOVER SHARD waits for open transactions before it ends them (error 1213). New statements wait meanwhile."},
    {"in_doubt_ms", SETTING_INTEGER, RELOAD, AT(in_doubt_ms), "5000", 100, DAY_MS, NULL,
     "A transaction on several shards that is prepared and gets no further (its waybill is gone, or a "
     "server was) is finished after so long, by any waybill."},
    {"deadlock_check_ms", SETTING_INTEGER, RELOAD, AT(deadlock_check_ms), "500", 0, DAY_MS, NULL,
     "A statement of a transaction that is on several shards and takes longer is looked at: if it waits in a deadlock that no "
     "server sees by itself, the youngest transaction of it is rolled back (error 1213). 0: off."},
    {"hold_ms", SETTING_INTEGER, RELOAD, AT(hold_ms), "15000", 0, DAY_MS, NULL,
     "How long a statement that was not sent yet waits for a shard that has no primary. 0: it fails at once."},
    {"ddl_lock_wait_ms", SETTING_INTEGER, RELOAD, AT(ddl_lock_wait_ms), "5000", 0, DAY_MS, NULL,
     "How long DDL on several shards waits on each for transactions that use the table (in whole seconds); unless "
     "the client has set lock_wait_timeout. 0: as the servers have it."},
    {"slow_query_ms", SETTING_INTEGER, RELOAD, AT(slow_query_ms), "0", 0, DAY_MS, NULL,
     "Statements that take longer are logged. 0: off."},
};
// clang-format on

enum { TABLE_COUNT = sizeof table / sizeof table[0] };

const struct setting *setting_table(size_t *count)
{
    *count = TABLE_COUNT;
    return table;
}

const struct setting *setting_find(struct slice name)
{
    for (size_t i = 0; i < TABLE_COUNT; i++) {
        if (slice_equal(name, slice_of_string(table[i].name))) {
            return &table[i];
        }
    }
    return NULL;
}

static void *member_at(struct settings *settings, const struct setting *setting)
{
    return (char *)settings + setting->offset;
}

static const void *const_member_at(const struct settings *settings, const struct setting *setting)
{
    return (const char *)settings + setting->offset;
}

// The name at a place in "off|auto".
static struct slice choice_at(const char *choices, int64_t place)
{
    const char *begin = choices;
    for (; place > 0 && *begin != '\0'; place--) {
        begin = strchrnul(begin, '|');
        begin += *begin == '|';
    }
    return slice_of(begin, (size_t)(strchrnul(begin, '|') - begin));
}

static bool parse_choice(const struct setting *setting, struct slice value, int64_t *place)
{
    for (*place = 0;; ++*place) {
        struct slice choice = choice_at(setting->choices, *place);
        if (choice.len == 0) {
            return false;
        }
        if (slice_equal_nocase(choice, value)) {
            return true;
        }
    }
}

static bool parse_bool(struct slice value, bool *is_on)
{
    static const char *const words[] = {"off", "on", "no", "yes", "false", "true", "0", "1"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (slice_is_nocase(value, words[i])) {
            *is_on = i % 2 == 1;
            return true;
        }
    }
    return false;
}

static bool parse_integer(const struct setting *setting, struct slice value, int64_t *number,
                          char *why, size_t why_bytes)
{
    if (!slice_to_int64(value, number)) {
        snprintf(why, why_bytes, "%s is a whole number, not '%.*s'", setting->name, (int)value.len,
                 (const char *)value.ptr);
        return false;
    }
    if (*number < setting->min || *number > setting->max) {
        snprintf(why, why_bytes, "%s is between %lld and %lld, not %lld", setting->name,
                 (long long)setting->min, (long long)setting->max, (long long)*number);
        return false;
    }
    return true;
}

bool setting_parse(const struct setting *setting, struct settings *settings, struct slice value,
                   struct arena *arena, char *why, size_t why_bytes)
{
    int64_t number = 0;
    bool is_on = false;
    switch (setting->type) {
    case SETTING_TEXT:
    case SETTING_SECRET:
        *(const char **)member_at(settings, setting) =
            (const char *)arena_format(arena, "%.*s", (int)value.len, (const char *)value.ptr).ptr;
        return true;
    case SETTING_INTEGER:
        if (!parse_integer(setting, value, &number, why, why_bytes)) {
            return false;
        }
        *(int64_t *)member_at(settings, setting) = number;
        return true;
    case SETTING_BOOL:
        if (!parse_bool(value, &is_on)) {
            snprintf(why, why_bytes, "%s is on or off, not '%.*s'", setting->name, (int)value.len,
                     (const char *)value.ptr);
            return false;
        }
        *(bool *)member_at(settings, setting) = is_on;
        return true;
    case SETTING_CHOICE:
        if (!parse_choice(setting, value, &number)) {
            snprintf(why, why_bytes, "%s is one of %s, not '%.*s'", setting->name, setting->choices,
                     (int)value.len, (const char *)value.ptr);
            return false;
        }
        *(int64_t *)member_at(settings, setting) = number;
        return true;
    }
    assert(false);
    return false;
}

// Default texts live as long as the program, so they need no arena; the others are numbers.
void settings_init_defaults(struct settings *settings)
{
    *settings = (struct settings){.listen = ""};
    for (size_t i = 0; i < TABLE_COUNT; i++) {
        char why[128];
        if (table[i].type == SETTING_TEXT || table[i].type == SETTING_SECRET) {
            *(const char **)member_at(settings, &table[i]) = table[i].default_text;
            continue;
        }
        bool is_good = setting_parse(&table[i], settings, slice_of_string(table[i].default_text),
                                     NULL, why, sizeof why);
        assert(is_good);
        (void)is_good;
    }
}

void setting_print(const struct setting *setting, const struct settings *settings, struct text *out)
{
    const void *member = const_member_at(settings, setting);
    switch (setting->type) {
    case SETTING_TEXT:
        text_add_string(out, *(const char *const *)member);
        return;
    case SETTING_SECRET:
        text_add_string(out, **(const char *const *)member == '\0' ? "" : "****");
        return;
    case SETTING_INTEGER:
        text_add_format(out, "%lld", (long long)*(const int64_t *)member);
        return;
    case SETTING_BOOL:
        text_add_string(out, *(const bool *)member ? "on" : "off");
        return;
    case SETTING_CHOICE:
        text_add_slice(out, choice_at(setting->choices, *(const int64_t *)member));
        return;
    }
}

bool setting_is_same(const struct setting *setting, const struct settings *a,
                     const struct settings *b)
{
    const void *left = const_member_at(a, setting);
    const void *right = const_member_at(b, setting);
    switch (setting->type) {
    case SETTING_TEXT:
    case SETTING_SECRET:
        return strcmp(*(const char *const *)left, *(const char *const *)right) == 0;
    case SETTING_INTEGER:
    case SETTING_CHOICE:
        return *(const int64_t *)left == *(const int64_t *)right;
    case SETTING_BOOL:
        return *(const bool *)left == *(const bool *)right;
    }
    return false;
}
