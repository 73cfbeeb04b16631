# shellcheck shell=bash
# A shard: its replicas are attached once, by us; whoever is primary later is waybill's business.

shard_wire() {
    local primary=$1a replica
    if [[ -e $dir/$1.replicating ]]; then
        shard_reopen "$1"
        return
    fi
    semi_sync_as_primary "$primary"
    for replica in $(shard_servers "$1" | tail -n +2); do
        attach_replica "$replica" "$primary"
    done
    for replica in $(shard_servers "$1" | tail -n +2); do
        wait_until 30 replica_runs "$replica" || die "replica $replica does not run: $(replica_field "$replica" Last_IO_Error)"
    done
    wait_until 30 replicas_acknowledge "$primary" || die "not all replicas of $1 acknowledge semi-synchronously"
    server_sql "$primary" 'SET GLOBAL read_only = 0'
    touch "$dir/$1.replicating"
}

semi_sync_as_primary() {
    [[ $flavor == mariadb ]] && ((replicas > 0)) || return 0
    server_sql "$1" 'SET GLOBAL rpl_semi_sync_slave_enabled = 0; SET GLOBAL rpl_semi_sync_master_enabled = 1'
}

attach_replica() {
    local position='MASTER_USE_GTID = slave_pos'
    [[ $flavor == mariadb ]] || position='MASTER_AUTO_POSITION = 1'
    server_sql "$1" "STOP SLAVE; CHANGE MASTER TO MASTER_HOST = '$(server_host "$2")', MASTER_PORT = $(server_port "$2"),
        MASTER_USER = 'repl', MASTER_PASSWORD = 'repl_pw', MASTER_CONNECT_RETRY = 1, $position; START SLAVE" 2>/dev/null
}

replica_runs() {
    [[ $(replica_field "$1" Slave_IO_Running) == Yes && $(replica_field "$1" Slave_SQL_Running) == Yes ]]
}

replicas_acknowledge() {
    [[ $flavor == mariadb ]] && ((replicas > 0)) || return 0
    [[ $(server_semi_sync "$1") == "$replicas acks" ]]
}

# A shard that was wired before: open its primary when nobody is open, it is clear who that is, and no
# waybill is there to do it.
shard_reopen() {
    local server role candidates=()
    waybill_is_running && return
    for server in $(shard_servers "$1"); do
        role=$(server_role "$server")
        [[ $role != primary ]] || return 0
        [[ $role != read-only ]] || candidates+=("$server")
    done
    if ((${#candidates[@]} != 1)); then
        say "shard $1: no primary, and not one clear candidate (${candidates[*]:-none}): left read-only"
        return
    fi
    semi_sync_as_primary "${candidates[0]}"
    wait_until 15 replicas_acknowledge "${candidates[0]}" ||
        say "shard $1: not all replicas acknowledge yet (see status)"
    server_sql "${candidates[0]}" 'SET GLOBAL read_only = 0'
}
