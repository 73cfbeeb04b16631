# Helpers of the demo: talking to waybill, saying things, and ending.

summary=()
is_done=no

say() { printf '  %s\n' "$*"; }
title() { printf '\n%s\n' "$*"; }
fail() {
    printf '\nNOT SO: %s\n' "$*" >&2
    tail -n 15 "$WAYBILL_CLUSTER_DIR/waybill.log" >&2 2>/dev/null || true
    exit 1
}
# check WHAT LEFT OPERATOR RIGHT, as of test(1)
check() {
    [ "$2" "$3" "$4" ] || fail "$1: $2 $3 $4 does not hold"
}
note() { summary+=("$1|$2"); } # one line of the summary: what | figure

sql() { # the plain client, as an application would connect
    mariadb --no-defaults -h "$WAYBILL_HOST" -P "$WAYBILL_PORT" -u "${as:-$WAYBILL_USER}" -p"${with:-$WAYBILL_PASSWORD}" \
        -N -B shop -e "$1"
}
admin() {
    mariadb --no-defaults -h "$WAYBILL_HOST" -P "$WAYBILL_ADMIN_PORT" -u "$WAYBILL_ADMIN_USER" \
        -p"$WAYBILL_ADMIN_PASSWORD" "${@:2}" -e "$1"
}
# admin_value 'SHOW ...' KEY COLUMN: the column of the line whose first column is KEY
admin_value() {
    admin "$1" -B | awk -F'\t' -v key="$2" -v column="$3" '
        NR == 1 { for (i = 1; i <= NF; i++) if ($i == column) at = i
                  if (!at) { print "no column " column > "/dev/stderr"; exit 1 } next }
        $1 == key { print $at; exit }'
}
root() { # server, SQL: straight to a server, past waybill
    local name=${1^^}
    local socket=WAYBILL_${name}_SOCKET
    mariadb --no-defaults -u "$WAYBILL_ROOT_USER" -S "${!socket}" -N -B -e "$2"
}
orders() {
    "$build/orders" "$1" --host "$WAYBILL_HOST" --port "$WAYBILL_PORT" --user "$WAYBILL_USER" \
        --password "$WAYBILL_PASSWORD" --shards 2 --clients "$CLIENTS" "${@:2}"
}
# wait_until SECONDS WHAT COMMAND...: until the command succeeds
wait_until() {
    local deadline=$((SECONDS + $1)) what=$2
    shift 2
    until "$@"; do
        [ $SECONDS -lt $deadline ] || fail "$what did not happen in time"
        sleep 0.1
    done
}
value_of() { sed -n "s/^$1=//p" "$2"; }

print_how_to_connect() {
    cat <<TEXT

Everything runs; make demo-down ends it.
  application   mariadb -h $WAYBILL_HOST -P $WAYBILL_PORT -u $WAYBILL_USER -p$WAYBILL_PASSWORD shop
  admin         mariadb -h $WAYBILL_HOST -P $WAYBILL_ADMIN_PORT -u $WAYBILL_ADMIN_USER -p$WAYBILL_ADMIN_PASSWORD
  metrics       http://$WAYBILL_HOST:$WAYBILL_HTTP_PORT/metrics
  servers       tools/cluster status --dir $WAYBILL_CLUSTER_DIR
  kill one      tools/cluster kill s1/s1a --dir $WAYBILL_CLUSTER_DIR
TEXT
    is_done=yes
}

print_summary() {
    title "Summary"
    local line
    for line in "${summary[@]}"; do
        printf '  %-52s %s\n' "${line%%|*}" "${line#*|}"
    done
    is_done=yes
}

end_demo() {
    [ -z "${load_pid:-}" ] || kill "$load_pid" 2>/dev/null || true
    if [ $task = up ] && [ "$1" = 0 ]; then
        return
    fi
    tools/cluster waybill stop >/dev/null 2>&1 || true
    tools/cluster down >/dev/null 2>&1 || true
    if [ "$is_done" = yes ] && [ "$1" = 0 ]; then
        printf '\nAll servers are stopped. The demo took %d seconds.\n' "$SECONDS"
    fi
}
