# shellcheck shell=bash
# One server: create, start, stop, kill, ask.

# server_sql SERVER STATEMENTS: as root through the socket; rows as tab-separated lines.
server_sql() {
    mariadb --no-defaults --connect-timeout=5 -u"$root_user" -S "$dir/$1/sock" -NB -e "$2"
}

# server_value SERVER VARIABLE-OR-STATUS-EXPRESSION: one value, or nothing when the server is down.
server_value() { server_sql "$1" "SELECT $2" 2>/dev/null || true; }

create_server() {
    [[ ! -e $dir/$1/data ]] || return 0
    mkdir -p "$dir/$1"
    if [[ -n ${WAYBILL_CLUSTER_DISK:-} ]] && ! mountpoint -q "$dir/$1"; then
        mount -t tmpfs -o "mode=755,size=$WAYBILL_CLUSTER_DISK" waybill "$dir/$1"
    fi
    mkdir -p "$dir/$1/tmp"
    print_server_cnf "$1" >"$dir/$1/my.cnf"
    rm -rf "$dir/$1/data.new"
    cp -a --reflink=auto "$dir/template/data" "$dir/$1/data.new"
    : >"$dir/$1/error.log"
    if ((EUID == 0)); then
        chown mysql: "$dir/$1" "$dir/$1/tmp" "$dir/$1/error.log"
    fi
    mv "$dir/$1/data.new" "$dir/$1/data"
}

server_unmount() { ! mountpoint -q "$dir/$1" || umount "$dir/$1"; }

# A process counts as ours only while its command line names this server's my.cnf: pids are used again.
server_is_running() { process_is_ours "$dir/$1/pid" "$dir/$1/my.cnf"; }

# process_is_ours PIDFILE ARGUMENT
process_is_ours() {
    local pid
    pid=$(cat "$1" 2>/dev/null) && [[ -n $pid ]] || return 1
    # (`grep -q` would close the pipe early, which pipefail counts as a failure.)
    { tr '\0' '\n' <"/proc/$pid/cmdline" | grep -F -- "$2"; } >/dev/null 2>&1
}

server_start() {
    if ! server_is_running "$1"; then
        rm -f "$dir/$1/sock"
        [[ $flavor != mysql56 ]] || find_mysql56
        start_program "$1"
    fi
    wait_until 60 server_answers "$1" || die "server $1 does not answer; the end of its error.log:
$(tail -5 "$dir/$1/error.log" 2>/dev/null)"
}

# The server leads a session of its own, so that it outlives the terminal and this script.
start_program() {
    local program=mariadbd
    export PATH=$PATH:/usr/sbin
    if [[ $flavor == mysql56 ]]; then
        program=$mysql56_server/mysqld
        local -x LD_LIBRARY_PATH=$mysql56_server
    fi
    local around=()
    [[ -z $network ]] || around=(ip netns exec "$1")
    if [[ -n ${WAYBILL_CLUSTER_FAULTS:-} ]]; then
        around+=(env "LD_PRELOAD=${WAYBILL_CLUSTER_FAULTS%%:*}" "WAYBILL_FAULTS=${WAYBILL_CLUSTER_FAULTS#*:}/$1")
    fi
    (
        cd "$dir/$1"
        exec setsid "${around[@]}" "$program" --defaults-file="$dir/$1/my.cnf" </dev/null >>"$dir/$1/error.log" 2>&1 9>&-
    ) &
    echo $! >"$dir/$1/pid"
    await_exec $! server_is_running "$1"
}

# await_exec PID COMMAND...: a process that was just started is this script by its command line until its exec; waits
# until the command knows it for what it is, or it has ended.
await_exec() {
    local pid=$1 tries=0
    shift
    until "$@" || ((++tries > 250)) || ! kill -0 "$pid" 2>/dev/null; do
        sleep 0.02
    done
}

server_answers() {
    # A server that died while starting will never answer.
    server_is_running "$1" || return 2
    [[ -S $dir/$1/sock ]] && server_sql "$1" 'SELECT 1' >/dev/null 2>&1
}

# wait_until SECONDS COMMAND...: true when the command becomes true; at once false when it returns 2.
wait_until() {
    local deadline=$((SECONDS + $1)) result
    shift
    while true; do
        result=0
        "$@" || result=$?
        ((result != 0)) || return 0
        ((result != 2 && SECONDS < deadline)) || return 1
        sleep 0.1
    done
}

server_is_gone() { ! server_is_running "$1"; }

server_stop() {
    server_is_running "$1" || { rm -f "$dir/$1/pid"; return 0; }
    kill -TERM "$(<"$dir/$1/pid")" 2>/dev/null || true
    if ! wait_until 30 server_is_gone "$1"; then
        say "server $1 does not shut down in 30 s (a commit that waits for a replica?): kill -9"
        server_kill "$1"
    fi
    rm -f "$dir/$1/pid"
}

server_kill() {
    if server_is_running "$1"; then
        kill -KILL "$(<"$dir/$1/pid")" 2>/dev/null || true
        wait_until 10 server_is_gone "$1" || die "server $1 survives kill -9"
    fi
    rm -f "$dir/$1/pid"
}

# primary, replica, read-only (neither a replica nor open), plain, or down
server_role() {
    local read_only
    read_only=$(server_value "$1" '@@read_only')
    if [[ -z $read_only ]]; then
        echo down
    elif [[ $1 == plain ]]; then
        echo plain
    elif [[ -n $(server_sql "$1" 'SHOW SLAVE STATUS') ]]; then
        echo replica
    elif ((read_only)); then
        echo read-only
    else
        echo primary
    fi
}

# replica_field SERVER FIELD: one field of SHOW SLAVE STATUS; a field's name stands alone before a colon.
replica_field() {
    mariadb --no-defaults --connect-timeout=5 -u"$root_user" -S "$dir/$1/sock" -e 'SHOW SLAVE STATUS\G' 2>/dev/null |
        sed -n "s/^ *$2: //p"
}

server_status_line() {
    local role read_only=- threads=- semi_sync=- gtid='' pid=-
    role=$(server_role "$1")
    server_is_running "$1" && pid=$(<"$dir/$1/pid")
    if [[ $role != down && $role != plain ]]; then
        read_only=$(server_value "$1" '@@read_only')
        gtid=$(server_value "$1" "$(gtid_variable)" | tr -d '\\n')
        semi_sync=$(server_semi_sync "$1")
    fi
    if [[ $role == replica ]]; then
        threads="io=$(replica_field "$1" Slave_IO_Running) sql=$(replica_field "$1" Slave_SQL_Running)"
        threads=$(sed 's/io=Yes sql=Yes/running/; s/io=No sql=No/stopped/; s/ /,/' <<<"$threads")
    fi
    printf '%-6s %-6s %-6s %-8s %-8s %-9s %-20s %-9s %s\n' "$1" "$(server_shard "$1")" "$(server_port "$1")" \
        "$pid" "$role" "$read_only" "$threads" "$semi_sync" "$gtid"
}

gtid_variable() { [[ $flavor == mysql56 ]] && echo '@@global.gtid_executed' || echo '@@gtid_binlog_pos'; }

# What this server's half of semi-sync does: "2 acks" on a primary with two acknowledging replicas.
server_semi_sync() {
    [[ $flavor == mariadb ]] || { echo -; return; }
    local row
    row=$(server_sql "$1" "SHOW GLOBAL STATUS LIKE 'Rpl_semi_sync_%'" 2>/dev/null | tr '\t\n' '= ')
    case " $row" in
    *' Rpl_semi_sync_master_status=ON'*)
        sed 's/.*Rpl_semi_sync_master_clients=\([0-9]*\).*/\1 acks/' <<<"$row" ;;
    *' Rpl_semi_sync_slave_status=ON'*) echo acking ;;
    *) echo off ;;
    esac
}
