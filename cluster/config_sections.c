// The settings of the named sections: a row for each, for the check of the file and for its
// documentation. ([waybill] has the table of settings.c.)

#include "cluster/config_impl.h"

#define KEYED (SHAPE_BUCKET | SHAPE_RANGE | SHAPE_LIST | SHAPE_MODULO | SHAPE_DATE)

// clang-format off
static const struct section_setting table[] = {
    {SECTION_SERVER, 0, "address", "host:port", "",
     "Where the server listens. Other servers must reach it by the same address, for replication."},
    {SECTION_SERVER, 0, "weight", "0..1000000", "100",
     "Its share of the reads among the replicas of its shard. 0: none."},
    {SECTION_SERVER, 0, "max_connections", "1..100000", "pool_max",
     "Connections of this proxy to it, over all workers."},
    {SECTION_SERVER, 0, "promote", "allow|prefer|never", "allow",
     "When a new primary is chosen among servers that have received the same: prefer, before others; never, "
     "not at all, nor by SWITCHOVER."},
    {SECTION_SERVER, 0, "zone", "text", "",
     "Where it is. Reads go to replicas in waybill's own zone while one of them is fit; among equals a new primary is "
     "chosen in the zone of the old one."},
    {SECTION_SERVER, 0, "proxy_protocol", "off|v1|v2", "off",
     "Tells the server each client's address ahead of the connection, by the PROXY protocol (MariaDB: "
     "proxy_protocol_networks must name this proxy). Connections are then shared only by clients of one "
     "address."},
    {SECTION_SERVER, 0, "tls", TLS_MODES, "server_tls",
     "As server_tls, for this server."},
    {SECTION_SERVER, 0, "tls_ca", "PATH", "server_tls_ca",
     "As server_tls_ca."},
    {SECTION_SERVER, 0, "tls_cert", "PATH", "server_tls_cert",
     "As server_tls_cert."},
    {SECTION_SERVER, 0, "tls_key", "PATH", "server_tls_key",
     "As server_tls_key."},
    {SECTION_SERVER, 0, "tls_min_version", TLS_VERSIONS, "server_tls_min_version",
     "As server_tls_min_version."},
    {SECTION_SERVER, 0, "compression", "off|zlib|zstd", "server_compression",
     "As server_compression."},

    {SECTION_SHARD, 0, "servers", "NAME, NAME, ...", "",
     "Its servers. Which one is the primary is found out, not configured."},
    {SECTION_SHARD, 0, "buckets", "0-2047, 3000, ...", "",
     "Which of the 4096 buckets are here. All shards together have each bucket exactly once."},
    {SECTION_SHARD, 0, "durability", "semi_sync|best_effort", "semi_sync",
     "What an acknowledged write is to be worth. semi_sync: it is on a replica, too, and a promotion that may lose "
     "one is refused. best_effort: the best replica that can be reached is promoted, and what may be lost is said."},
    {SECTION_SHARD, 0, "discover", "off|on", "discover",
     "As discover of [waybill], for this shard."},

    {SECTION_USER, 0, "password", "text", "",
     "What the client must know. Nothing behind the = means an empty password. Needed, or one of its "
     "hashes, but with users = servers."},
    {SECTION_USER, 0, "password_native", "*HEX", "",
     "Instead of password: its hash for mysql_native_password, as in mysql.user."},
    {SECTION_USER, 0, "password_sha2", "$W$HEX", "",
     "Instead of password: SHA256(SHA256(password)) in hexadecimal, for caching_sha2_password; or what "
     "MySQL keeps in mysql.user ($A$005$..., or that in hexadecimal with 0x in front), which takes TLS "
     "or an RSA key for the first log-in."},
    {SECTION_USER, 0, "password_ed25519", "BASE64", "",
     "Instead of password: the public key of MariaDB's ed25519, 43 characters, as in mysql.user. It shows "
     "nothing that the servers' log-in takes, so it needs server_password, or a client over TLS that "
     "agrees to mysql_clear_password."},
    {SECTION_USER, 0, "from", "HOST, HOST, ...", "everywhere",
     "From where: an address, 10.0.0.%, 10.0.0.0/24, 10.0.0.0/255.255.255.0, localhost or a name. There "
     "may be several sections of one user with different ones; the most specific host counts."},
    {SECTION_USER, 0, "plugin", "any|mysql_native_password|caching_sha2_password|client_ed25519|mysql_clear_password",
     "any",
     "How the client has to prove its password. mysql_clear_password: over TLS only."},
    {SECTION_USER, 0, "require", "none|ssl|x509|subject '...' issuer '...' cipher '...'", "none",
     "As REQUIRE of CREATE USER: TLS, a client's certificate, or one with that subject or issuer."},
    {SECTION_USER, 0, "locked", "no|yes", "no",
     "yes: nobody logs in."},
    {SECTION_USER, 0, "server_user", "text", "the user's own name",
     "The account on the servers."},
    {SECTION_USER, 0, "server_password", "text", "password",
     "Its password. Where neither is given, it is taken from what a client shows when it logs in, as far "
     "as its plugin shows enough."},
    {SECTION_USER, 0, "default_schema", "text", "",
     "The schema of a client that names none when it connects."},
    {SECTION_USER, 0, "distributed", "refuse|best_effort|atomic", "atomic",
     "A statement or transaction that writes to more than one shard. atomic: all shards commit or none "
     "(MariaDB 10.5 or later, and privileges on the table waybill.decision; elsewhere it is refused; "
     "doc/transactions.md says what to know). best_effort: each shard commits by itself, so a failure in "
     "between leaves a part of it. refuse: error 9002. The bound of what a session may choose by SET "
     "waybill_distributed."},
    {SECTION_USER, 0, "commit_wait", "applied|decided", "applied",
     "When a COMMIT on several shards is answered. applied: when all of them have it. decided: when it is "
     "certain that all of them will; another session may read an older state of some for a moment, this one "
     "waits where it reads."},
    {SECTION_USER, 0, "commit_token", "off|on", "off",
     "on: each transaction between BEGIN and COMMIT writes a row of its own into waybill.decision, so that "
     "waybill tells the truth of a COMMIT during which the server was lost, and the application can ask for "
     "it (`SELECT waybill_outcome(...)`) when its own connection was. MariaDB 10.5 or later."},
    {SECTION_USER, 0, "allow_key_change", "off|on", "off",
     "on: an UPDATE that changes the shard key of rows moves them to the shards where they belong then, "
     "in one transaction (doc/writes.md). off: error 9003. Needs distributed = atomic."},
    {SECTION_USER, 0, "scatter", "allow|warn|deny", "allow",
     "SELECTs of this user that read several shards. warn: they are run, with a warning (9031) and a line in "
     "the log. deny: error 9030. The stricter of the user's and the tables' counts."},
    {SECTION_USER, 0, "max_connections", "0..1000000", "0",
     "Clients of this user at one time. 0: no limit but max_clients."},
    {SECTION_USER, 0, "reads", "replica|primary", "replica",
     "primary: this user's reads never go to replicas."},
    {SECTION_USER, 0, "all_sessions", "no|yes", "no",
     "yes: SHOW PROCESSLIST shows, and KILL takes, the clients of all users, not only this one's own. "
     "Accounts of the servers may do what they may there, and with yes all of it."},

    {SECTION_TABLE, SHAPE_ANY, "type", "sharded|reference|unsharded", "sharded",
     "sharded: each row is on one shard. reference: the whole table is on every shard. unsharded: the "
     "whole table is on one shard."},
    {SECTION_TABLE, SHAPE_UNSHARDED, "shard", "NAME", "",
     "Where an unsharded table is."},
    {SECTION_TABLE, SHAPE_WITH, "with", "SCHEMA.NAME", "",
     "Sharded as that table, so that rows with one key are together. Has a key or an id of its own."},
    {SECTION_TABLE, KEYED, "method", "bucket|range|list|modulo|date", "bucket",
     "How a key finds its shard: hashed to a bucket, by ranges of numbers, by lists of values, by the "
     "rest of a division, by ranges of dates."},
    {SECTION_TABLE, KEYED | SHAPE_WITH, "key", "COLUMN", "",
     "The column that says where a row is."},
    {SECTION_TABLE, KEYED, "key_type", "integer|string|binary|date", "integer",
     "How the servers compare it. string: ASCII, without case and trailing blanks. binary: bytes as they "
     "are. Method date has date."},
    {SECTION_TABLE, SHAPE_BUCKET | SHAPE_WITH, "id", "COLUMN", "",
     "A BIGINT column whose values carry the bucket, so that a row is found by it as well. waybill makes "
     "the values for a table that has a key and is not `with` another."},
    {SECTION_TABLE, KEYED | SHAPE_WITH | SHAPE_REFERENCE, "row_id", "COLUMN", "",
     "A BIGINT column that waybill fills with increasing numbers where an INSERT leaves it out, as AUTO_INCREMENT does "
     "on one server. It may be the key."},
    {SECTION_TABLE, KEYED | SHAPE_WITH, "scatter", "allow|warn|deny", "allow",
     "SELECTs that read this table on several shards: as `scatter` of a user. A table that is `with` another "
     "one has that one's, unless it says otherwise."},
    {SECTION_TABLE, SHAPE_RANGE | SHAPE_DATE, "ranges", "0..999:s1, 1000..:s2", "",
     "Ranges of keys (both ends belong to it, an end may be open) and the shard of each. By date: "
     "2024-01..2024-12:s1, 2025-01..:s2."},
    {SECTION_TABLE, SHAPE_LIST, "lists", "cn hk tw:s1, us:s2", "",
     "Keys and the shard of each."},
    {SECTION_TABLE, SHAPE_MODULO, "shards", "NAME, NAME, ...", "",
     "The shard of each rest when the key is divided by their number: 0, 1, 2, ..."},
    {SECTION_TABLE, SHAPE_DATE, "unit", "year|month|day", "month",
     "In what the ranges of dates are written: 2024, 2024-05 or 2024-05-17."},

    {SECTION_INDEX, 0, "table", "SCHEMA.NAME", "",
     "A sharded table. A look-up table says which shards may have rows with a value of `column`, so that "
     "a condition on it asks only those (doc/indexes.md)."},
    {SECTION_INDEX, 0, "column", "COLUMN", "",
     "The column: whole numbers, CHAR or VARCHAR. Not the key or the id, which find the shard by themselves."},
    {SECTION_INDEX, 0, "key_type", "integer|string", "integer",
     "What the column has."},
    {SECTION_INDEX, 0, "unique", "on|off", "off",
     "on: no value is on two shards. Within a shard a UNIQUE key of the column alone sees to it, which the table must "
     "have."},
};
// clang-format on

const struct section_setting *section_settings(size_t *count)
{
    *count = sizeof table / sizeof table[0];
    return table;
}
