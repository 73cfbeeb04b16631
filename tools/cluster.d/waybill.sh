# shellcheck shell=bash
# waybill itself, run on the cluster's configuration.

waybill_is_running() { process_is_ours "$dir/waybill.pid" "$dir/waybill.ini"; }
waybill_is_gone() { ! waybill_is_running; }

waybill_start() {
    local program=${WAYBILL_BIN:-$tool_root/build/waybill}
    if waybill_is_running; then
        return
    fi
    [[ -x $program ]] || die "no program $program (make builds it)"
    if [[ -n $conf_file ]]; then
        cp -- "$conf_file" "$dir/waybill.ini"
    else
        print_conf >"$dir/waybill.ini"
    fi
    program=$(realpath "$program")
    (
        cd "$dir"
        exec setsid "$program" "$dir/waybill.ini" </dev/null >>"$dir/waybill.log" 2>&1 9>&-
    ) &
    echo $! >"$dir/waybill.pid"
    await_exec $! waybill_is_running
    wait_until 20 waybill_listens || die "waybill does not listen on port $waybill_port; the end of its log:
$(tail -5 "$dir/waybill.log")"
}

waybill_listens() {
    waybill_is_running || return 2
    port_is_taken "$(listen_port)"
}

# The port of `listen` in the configuration that runs, which --conf may have changed.
listen_port() { sed -n 's/^ *listen *=.*:\([0-9]*\).*/\1/p' "$dir/waybill.ini" | head -1; }

waybill_stop() {
    if waybill_is_running; then
        kill -TERM "$(<"$dir/waybill.pid")" 2>/dev/null || true
        if ! wait_until 15 waybill_is_gone; then
            say "waybill does not stop in 15 s: kill -9"
            kill -KILL "$(<"$dir/waybill.pid")" 2>/dev/null || true
            wait_until 5 waybill_is_gone || true
        fi
    fi
    rm -f "$dir/waybill.pid"
}
