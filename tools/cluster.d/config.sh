# shellcheck shell=bash
# Everything that is written for somebody to read: my.cnf, waybill.ini, shell variables.

# --- my.cnf

# print_server_cnf SERVER: `template` is the server that initialises the template.
print_server_cnf() {
    print_common_cnf "$1"
    [[ $1 == template ]] || print_network_cnf "$1"
    [[ $1 == template || $1 == plain ]] || print_replication_cnf "$1"
    [[ $1 == template || $flavor != mysql56 ]] || print_mysql56_cnf "$1"
}

# Small buffers, so that a dozen servers fit on a small machine. A temporary directory of its own: a server that starts
# removes whatever looks like a left-over temporary table there, also one that another server is using.
print_common_cnf() {
    cat <<CNF
[mysqld]
datadir = $dir/$1/data
tmpdir = $dir/$1/tmp
character_set_server = utf8mb4
innodb_buffer_pool_size = 48M
innodb_log_file_size = 16M
innodb_file_per_table = 1
performance_schema = OFF
skip_name_resolve
max_allowed_packet = 64M
CNF
    if [[ $flavor == mariadb ]]; then
        echo 'aria_pagecache_buffer_size = 8M'
    fi
    if ((EUID == 0)); then
        echo 'user = mysql'
    fi
}

print_network_cnf() {
    cat <<CNF
bind_address = $(server_host "$1")
port = $(server_port "$1")
socket = $dir/$1/sock
pid_file = $dir/$1/mysqld.pid
log_error = $dir/$1/error.log
max_connections = 1000
table_open_cache = 1000
event_scheduler = OFF
CNF
    if ((relaxed)); then
        printf '%s\n' 'innodb_flush_log_at_trx_commit = 2' 'sync_binlog = 0'
    else
        printf '%s\n' 'innodb_flush_log_at_trx_commit = 1' 'sync_binlog = 1'
    fi
}

# Every server starts read-only, whatever it was: waybill opens exactly one of each shard.
print_replication_cnf() {
    cat <<CNF
server_id = $(server_id "$1")
report_host = $(server_host "$1")
report_port = $(server_port "$1")
read_only = 1
log_bin = binlog
binlog_format = ROW
binlog_row_image = FULL
log_slave_updates = 1
relay_log = relay
relay_log_recovery = 1
slave_net_timeout = 10
CNF
    [[ $flavor != mariadb ]] || print_mariadb_replication_cnf "$1"
}

# The replica's half of semi-sync is on everywhere. The primary's half is not in the file: a replica that
# had it would wait for acknowledgements of what it applies. It is switched on where a primary is opened.
print_mariadb_replication_cnf() {
    cat <<CNF
gtid_domain_id = $(shard_number "$(server_shard "$1")")
gtid_strict_mode = 1
binlog_row_metadata = FULL
slave_parallel_threads = 4
slave_parallel_mode = conservative
CNF
    ((replicas > 0)) || return 0
    cat <<CNF
rpl_semi_sync_slave_enabled = 1
rpl_semi_sync_master_wait_point = AFTER_SYNC
rpl_semi_sync_master_timeout = 4294967295
rpl_semi_sync_master_wait_no_slave = 1
CNF
}

print_mysql56_cnf() {
    cat <<CNF
basedir = $mysql56_server
lc_messages_dir = $mysql56_server/share
explicit_defaults_for_timestamp = 1
CNF
    if [[ $1 != plain ]]; then
        printf '%s\n' 'gtid_mode = ON' 'enforce_gtid_consistency = 1' \
            'master_info_repository = TABLE' 'relay_log_info_repository = TABLE'
    fi
}

# --- waybill.ini

print_conf() {
    cat <<CONF
[waybill]
listen = 127.0.0.1:$waybill_port
admin_listen = 127.0.0.1:$admin_port
http_listen = 127.0.0.1:$http_port
admin_user = admin
admin_password = admin_pw
monitor_user = waybill
monitor_password = waybill_pw
replication_user = repl
replication_password = repl_pw
workers = 2
log = stderr

CONF
    local shard server
    for shard in $(all_shards); do
        for server in $(shard_servers "$shard"); do
            printf '[server %s]\naddress = %s:%s\nweight = 100\n\n' "$server" "$(server_host "$server")" \
                "$(server_port "$server")"
        done
    done
    for shard in $(all_shards); do
        printf '[shard %s]\nservers = %s\nbuckets = %s\n' \
            "$shard" "$(shard_servers "$shard" | paste -sd, | sed 's/,/, /g')" "$(shard_buckets "$shard")"
        [[ $flavor == mariadb ]] || echo 'durability = best_effort' # (this MySQL comes without semi-sync)
        echo
    done
    print_conf_user app app_pw refuse
    print_conf_user loader loader_pw best_effort
    print_conf_user bank bank_pw
    if [[ -n $tables_file ]]; then
        cat -- "$tables_file"
    else
        print_conf_tables
    fi
}

# All 4096 buckets, each on exactly one shard.
shard_buckets() {
    local i
    i=$(shard_number "$1")
    echo "$(((i - 1) * 4096 / shards))-$((i * 4096 / shards - 1))"
}

print_conf_user() {
    cat <<CONF
[user $1]
password = $2
server_user = app
server_password = app_pw
default_schema = shop
CONF
    [[ -z ${3-} ]] || echo "distributed = $3"
    echo
}

print_conf_tables() {
    cat <<'CONF'
[table shop.orders]
type = sharded
method = bucket
key = buyer_id
id = order_id

[table shop.order_items]
with = shop.orders
id = order_id

[table shop.payments]
with = shop.orders
id = order_id

[table shop.users]
type = sharded
method = bucket
key = buyer_id

[table shop.products]
type = reference

[table shop.inventory]
type = unsharded
shard = s1
CONF
}

# --- shell variables

print_environment() {
    cat <<ENV
WAYBILL_CLUSTER_DIR=$(printf %q "$dir")
WAYBILL_HOST=127.0.0.1
WAYBILL_PORT=$waybill_port
WAYBILL_ADMIN_PORT=$admin_port
WAYBILL_HTTP_PORT=$http_port
WAYBILL_USER=app
WAYBILL_PASSWORD=app_pw
WAYBILL_LOADER_USER=loader
WAYBILL_LOADER_PASSWORD=loader_pw
WAYBILL_ADMIN_USER=admin
WAYBILL_ADMIN_PASSWORD=admin_pw
WAYBILL_SERVER_USER=app
WAYBILL_SERVER_PASSWORD=app_pw
WAYBILL_MONITOR_USER=waybill
WAYBILL_MONITOR_PASSWORD=waybill_pw
WAYBILL_ROOT_USER=$root_user
WAYBILL_FLAVOR=$flavor
WAYBILL_SHARDS='$(all_shards | paste -sd' ')'
WAYBILL_SERVERS='$(all_servers | paste -sd' ')'
ENV
    local server prefix
    for server in $(all_servers); do
        prefix=WAYBILL_${server^^}
        echo "${prefix}_PORT=$(server_port "$server")"
        echo "${prefix}_ROLE=$(server_role "$server")"
        echo "${prefix}_SOCKET=$(printf %q "$dir/$server/sock")"
    done
}
