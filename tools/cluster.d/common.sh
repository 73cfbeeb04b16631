# shellcheck shell=bash
# The cluster's shape, its names and ports, and small helpers. Everything else is derived from the shape.

say() { echo "cluster: $*" >&2; }
die() { echo "cluster: $*" >&2; exit 1; }

# number OPTION VALUE MIN MAX: prints VALUE, or dies.
number() {
    [[ $2 =~ ^[0-9]+$ ]] && (($2 >= $3 && $2 <= $4)) || die "$1 must be a number from $3 to $4, not '$2'"
    echo "$2"
}

# in_parallel FUNCTION ITEM...: calls it for each item at once; fails when one fails.
in_parallel() {
    local function=$1 item pids=() pid failed=0
    shift
    for item in "$@"; do
        "$function" "$item" &
        pids+=($!)
    done
    for pid in "${pids[@]}"; do
        wait "$pid" || failed=1
    done
    ((failed == 0)) || die "$function failed (see the lines above and the error.log files in $dir)"
}

# --- shape

# Takes the shape from the arguments; an existing cluster must have the same one.
remember_shape() {
    if [[ -e $dir/cluster.conf ]]; then
        load_shape
        local name
        for name in shards replicas flavor base_port plain; do
            local asked=asked_$name
            [[ -z ${!asked} || ${!asked} == "${!name}" ]] ||
                die "$dir already holds a cluster with $name=${!name}, not ${!asked}: run 'down' first"
        done
        return
    fi
    shards=${asked_shards:-2} replicas=${asked_replicas:-2} flavor=${asked_flavor:-mariadb}
    base_port=${asked_base_port:-3300} plain=${asked_plain:-0}
    [[ $flavor == mariadb || $flavor == mysql56 ]] || die "--flavor is mariadb or mysql56, not '$flavor'"
    printf '%s=%s\n' shards "$shards" replicas "$replicas" flavor "$flavor" base_port "$base_port" \
        plain "$plain" relaxed "${WAYBILL_CLUSTER_RELAXED:-0}" network "${WAYBILL_CLUSTER_NETWORK:-}" >"$dir/cluster.conf.new"
    mv "$dir/cluster.conf.new" "$dir/cluster.conf"
    load_shape
}

load_shape() {
    [[ -e $dir/cluster.conf ]] || die "no cluster in $dir (tools/cluster up makes one)"
    network=''
    . "$dir/cluster.conf"
    waybill_port=$((base_port + 1)) admin_port=$((base_port + 2)) http_port=$((base_port + 3))
    # MariaDB's root account is the one of the operating system's user, through the socket (template.sh).
    root_user=root
    [[ $flavor == mysql56 ]] || root_user=$(id -un)
}

# --- names: s1 is a shard, s1a its first server; `plain` is a server of no shard.

all_shards() { seq -f 's%.0f' 1 "$shards"; }

shard_servers() {
    local j
    for ((j = 0; j <= replicas; j++)); do
        echo "$1$(server_letter "$j")"
    done
}

all_servers() {
    local shard
    for shard in $(all_shards); do
        shard_servers "$shard"
    done
    if ((plain)); then
        echo plain
    fi
}

server_letter() { local letters=abcdefghi; echo "${letters:$1:1}"; }
server_shard() { [[ $1 == plain ]] && echo - || echo "${1%?}"; }
shard_number() { echo "${1#s}"; }

# A server's place in its shard: s1a is 0.
server_index() { local letters=abcdefghi before; before=${letters%%"${1: -1}"*}; echo "${#before}"; }

server_port() {
    if [[ $1 == plain ]]; then
        echo $((base_port + 9))
    else
        echo $((base_port + 10 * $(shard_number "${1%?}") + $(server_index "$1") + 1))
    fi
}

server_host() {
    if [[ -z $network ]]; then
        echo 127.0.0.1
    elif [[ $1 == plain ]]; then
        echo "$network.0.9"
    else
        echo "$network.$(shard_number "${1%?}").$(($(server_index "$1") + 1))"
    fi
}

server_id() {
    if [[ $1 == plain ]]; then
        echo 9999
    else
        echo $((100 * $(shard_number "${1%?}") + $(server_index "$1") + 1))
    fi
}

# server_named SHARD/SERVER: the server's name; a bare server name will do as well.
server_named() {
    local name=${1#*/}
    [[ -n $1 ]] || die "which server? (SHARD/SERVER, for example s1/s1a)"
    [[ " $(all_servers | paste -sd' ') " == *" $name "* ]] ||
        die "no server '$1' here; there are: $(all_servers | paste -sd' ')"
    [[ $1 != */* || ${1%%/*} == "$(server_shard "$name")" ]] || die "server $name is not in shard ${1%%/*}"
    echo "$name"
}

# --- directory

# The servers run as user mysql when we are root: they must be able to walk to D.
prepare_directory() {
    mkdir -p "$dir"
    if [[ ! -e $dir/cluster.conf && -n $(ls -A "$dir" | grep -vx 'cluster.conf.new\|lock') ]]; then
        die "$dir is not empty and not a cluster of this tool: choose another --dir"
    fi
    ((${#dir} <= 90)) || die "$dir is too long for a Unix socket in it (over 90 characters): choose another --dir"
    if ((EUID == 0)); then
        id mysql >/dev/null 2>&1 || die "no user 'mysql' (tools/install_packages mariadb-server)"
        chmod 755 "$dir"
        runuser -u mysql -- test -x "$dir" ||
            die "user mysql cannot reach $dir (a directory above it is closed to others): choose another --dir"
    fi
}

# One `up` or `down` at a time. The descriptor is closed in every server (9>&-), or it would hold the lock.
lock_cluster() {
    exec 9>"$dir/lock"
    flock -w 120 9 || die "another up or down is busy with $dir"
}

check_ports() {
    local server port
    for server in $(all_servers); do
        port=$(server_port "$server")
        if [[ -z $network ]] && ! server_is_running "$server" && port_is_taken "$port"; then
            say "port $port (for $server) is taken: choose another --base-port"
            return 1
        fi
    done
}

port_is_taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
