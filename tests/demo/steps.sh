# The steps of the demo, in order. Each checks what it says.

start_cluster() {
    title "Starting 2 shards, each a primary and 2 semi-synchronous replicas (MariaDB), and waybill"
    tools/cluster waybill stop >/dev/null 2>&1 || true
    tools/cluster down >/dev/null 2>&1 || true
    rm -f "$ledger"
    tools/cluster up --shards 2 --replicas 2 --base-port "$base_port" >/dev/null
    tools/cluster waybill start >/dev/null
    eval "$(tools/cluster env)"
    wait_until 15 "waybill's log-in" sql "SELECT 1" >/dev/null 2>&1
    say "$(mariadbd --version | grep -o 'Ver [^ ]*' | head -1), clients on port $WAYBILL_PORT, admin on $WAYBILL_ADMIN_PORT"
}

step_schema() {
    title "An order schema, made through waybill on both shards at once"
    # The client splits the file; waybill gets one statement at a time.
    mariadb --no-defaults -h "$WAYBILL_HOST" -P "$WAYBILL_PORT" -u "$WAYBILL_USER" -p"$WAYBILL_PASSWORD" shop \
        < <(sed 's/CREATE TABLE /CREATE TABLE IF NOT EXISTS /' tests/demo/schema.sql)
    local on_s1 on_s2
    on_s1=$(root s1a "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'shop'")
    on_s2=$(root s2a "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'shop'")
    check "tables on shard s1" "$on_s1" -eq 6
    check "tables on shard s2" "$on_s2" -eq 5
    "$build/orders" fill --host "$WAYBILL_HOST" --port "$WAYBILL_PORT" --user "$WAYBILL_LOADER_USER" \
        --password "$WAYBILL_LOADER_PASSWORD" >/dev/null
    say "users, orders, order_items, payments: sharded; products: on every shard; inventory: on s1 alone"
    say "2000 buyers are on s1: $(root s1a 'SELECT COUNT(*) FROM shop.users'), on s2: $(root s2a 'SELECT COUNT(*) FROM shop.users')"
}

step_traffic() {
    title "$ORDERS orders from $CLIENTS concurrent clients, each a transaction of order, items and payment"
    orders place --orders "$ORDERS" --ledger "$ledger" >"$build/demo-traffic" || fail "the load: $(value_of last_error "$build/demo-traffic")"
    local seconds acknowledged
    seconds=$(value_of seconds "$build/demo-traffic")
    acknowledged=$(value_of acknowledged "$build/demo-traffic")
    check "acknowledged orders" "$acknowledged" -ge "$ORDERS"
    check "errors" "$(value_of errors "$build/demo-traffic")" -eq 0
    local on_s1 on_s2
    on_s1=$(root s1a 'SELECT COUNT(*) FROM shop.orders')
    on_s2=$(root s2a 'SELECT COUNT(*) FROM shop.orders')
    check "orders on both shards" "$((on_s1 + on_s2))" -eq "$acknowledged"
    say "$acknowledged orders in $seconds s; $on_s1 are on s1, $on_s2 on s2; no error"
    note "orders placed" "$acknowledged in $seconds s by $CLIENTS clients"
}

step_one_order() {
    title "1. One order, by hand"
    local id found route
    sql "INSERT INTO users (buyer_id, name, email, created_at) VALUES (4711, 'by hand', 'hand@example.com', NOW(6))"
    id=$(sql "INSERT INTO orders (buyer_id, seller_id, status, total, created_at) VALUES (4711, 1, 'new', 30.00, NOW(6));
        SELECT LAST_INSERT_ID();")
    check "an order id" "$id" -gt 0
    sql "INSERT INTO order_items (order_id, item_no, product_id, quantity, price) VALUES ($id, 1, 1, 2, 10.00), ($id, 2, 7, 1, 10.00)"
    say "buyer 4711 orders: waybill gave it the id $id, which carries bucket $(((id >> 10) & 4095))"
    found=$(sql "SELECT order_id FROM orders WHERE buyer_id = 4711")
    check "found by buyer" "$found" = "$id"
    found=$(sql "SELECT COUNT(*) FROM orders JOIN order_items USING (order_id) WHERE orders.order_id = $id")
    check "items found by order id" "$found" -eq 2
    for condition in "buyer_id = 4711" "order_id = $id"; do
        route=$(admin "EXPLAIN ROUTE SELECT * FROM shop.orders WHERE $condition" -N -B | head -1)
        say "WHERE $condition goes to: $route"
    done
    local shard=$((((id >> 10) & 4095) / 2048 + 1))
    check "the row is on shard s$shard" "$(root "s${shard}a" "SELECT COUNT(*) FROM shop.orders WHERE order_id = $id")" -eq 1
    check "and on no other" "$(root "s$((3 - shard))a" "SELECT COUNT(*) FROM shop.orders WHERE order_id = $id")" -eq 0
    note "an order found by buyer and by order id" "on one shard, s$shard"
}

step_split() {
    title "2. Reads on replicas, writes on primaries: statements that waybill sent to each server"
    admin "SHOW SERVERS" -t | sed 's/^/  /'
    local server
    for server in s1b s1c s2b s2c; do
        check "reads on replica $server" "$(admin_value 'SHOW SERVERS' $server reads)" -gt 0
        check "writes on replica $server" "$(admin_value 'SHOW SERVERS' $server writes)" -eq 0
    done
    for server in s1a s2a; do
        check "writes on primary $server" "$(admin_value 'SHOW SERVERS' $server writes)" -gt 0
    done
    note "writes sent to replicas" 0
    note "reads sent to the four replicas" "$(for s in s1b s1c s2b s2c; do admin_value 'SHOW SERVERS' $s reads; done | paste -sd' ')"
}

step_reports() {
    title "3. All shards, a reference table, an unsharded table"
    local count newest sum
    count=$(sql "SELECT COUNT(*) FROM orders")
    check "orders counted over both shards" "$count" -ge "$ORDERS"
    say "SELECT COUNT(*) FROM orders: $count, added up over both shards"
    newest=$(sql "SELECT order_id, buyer_id, total FROM orders ORDER BY order_id DESC LIMIT 3" | paste -sd';' | tr '\t' ' ')
    sum=$( (root s1a "SELECT order_id FROM shop.orders ORDER BY order_id DESC LIMIT 1"; root s2a "SELECT order_id FROM shop.orders ORDER BY order_id DESC LIMIT 1") | sort -n | tail -1)
    check "the newest order" "${newest%% *}" -eq "$sum"
    say "the newest three of all, merged: $newest"
    say "products is on every shard: joined with order items within a shard: $(sql "SELECT p.name FROM order_items i JOIN products p ON p.product_id = i.product_id WHERE i.order_id = ${newest%% *} LIMIT 1")"
    check "stock on s1 alone" "$(sql "SELECT COUNT(*) FROM inventory")" -eq 100
    say "inventory (unsharded) is asked on s1: 100 products, $(sql "SELECT SUM(stock) FROM inventory") pieces"
    counted=$(sql "SELECT seller_id, COUNT(*) FROM orders GROUP BY seller_id" | awk '{ n += $2 } END { print n }')
    check "orders counted by seller" "$counted" -ge "$count"
    say "GROUP BY seller_id, put together of both shards: $(sql "SELECT seller_id, COUNT(*), SUM(total) FROM orders GROUP BY seller_id LIMIT 1" | tr '\t' ' ')"
    sellers=$( (root s1a "SELECT DISTINCT seller_id FROM shop.orders"; root s2a "SELECT DISTINCT seller_id FROM shop.orders") | sort -u | wc -l)
    check "sellers of both shards" "$(sql "SELECT seller_id, SUM(total) FROM orders GROUP BY seller_id HAVING SUM(total) >= 0" | wc -l)" -eq "$sellers"
    say "GROUP BY ... HAVING: $sellers sellers, gathered on a replica"
    if sql "UPDATE orders SET buyer_id = 1 WHERE order_id = ${newest%% *}" >/dev/null 2>"$build/demo-refusal"; then
        fail "a change of a row's shard key was not refused"
    fi
    say "what can't be done exactly is refused: $(grep -o 'ERROR.*' "$build/demo-refusal" | cut -c1-200)"
    note "rows counted over both shards" "$count"
}

replica_status() { admin_value 'SHOW SERVERS' "$1" fit; }
replica_is() { [ "$(replica_status "$1")" = "$2" ]; }

step_lag() {
    title "4. A replica falls behind: out of rotation, and back"
    local before after lag limit
    limit=$(admin_value "SHOW SETTINGS" max_lag_ms value)
    root s1b "FLUSH TABLES WITH READ LOCK; SELECT SLEEP(5)" >/dev/null & # nothing can be applied meanwhile
    wait_until 15 "taking s1b out of rotation" replica_is s1b no
    sleep 0.5
    lag=$(admin_value 'SHOW SERVERS' s1b lag_ms)
    check "lag of s1b in ms" "$lag" -gt "$limit"
    say "s1b can't apply: its lag is $lag ms, the limit $limit ms: no reads for it"
    before=$(admin_value 'SHOW SERVERS' s1b reads)
    for _ in $(seq 20); do sql "SELECT COUNT(*) FROM orders WHERE buyer_id IN (1, 2, 3, 4, 5, 6, 7, 8)" >/dev/null; done
    after=$(admin_value 'SHOW SERVERS' s1b reads)
    check "reads sent to the lagging replica" "$((after - before))" -eq 0
    wait_until 30 "taking s1b back" replica_is s1b yes
    say "it applies again and serves reads again; lag $(admin_value 'SHOW SERVERS' s1b lag_ms) ms"
    note "reads sent to a replica over max_lag_ms" 0
}

step_kill() {
    title "5. kill -9 of the primary of s1 under load"
    orders place --seconds 12 --ledger "$ledger" >"$build/demo-kill" 2>/dev/null &
    load_pid=$!
    sleep 4
    tools/cluster kill s1/s1a >/dev/null
    say "s1a is killed, $CLIENTS clients go on"
    wait "$load_pid" || fail "the load did not go on"
    load_pid=
    local primary pause other
    primary=$(admin_value 'SHOW SHARDS' s1 primary)
    check "a new primary of s1" "$primary" != s1a
    pause=$(value_of shard_1_longest_pause_ms "$build/demo-kill")
    other=$(value_of shard_2_longest_pause_ms "$build/demo-kill")
    say "promoted: $primary; longest time without an acknowledged order on s1: $pause ms, on s2 at the same time: $other ms"
    say "$(value_of acknowledged "$build/demo-kill") orders acknowledged, $(value_of errors "$build/demo-kill") errors seen by clients, $(value_of unknown "$build/demo-kill") COMMITs without a known outcome"
    check "orders acknowledged on s1 after the kill" "$(value_of shard_1_orders "$build/demo-kill")" -gt 0
    orders verify --ledger "$ledger" >"$build/demo-verify" || fail "$(value_of missing "$build/demo-verify") acknowledged orders are missing"
    check "missing orders" "$(value_of missing "$build/demo-verify")" -eq 0
    say "every acknowledged order was looked up, whole, by buyer and by order id: $(value_of checked "$build/demo-verify") checked, 0 missing"
    note "primary killed: writes on s1 paused" "$pause ms"
    note "acknowledged orders checked / missing" "$(value_of checked "$build/demo-verify") / 0"
}

step_admin() {
    title "6. The admin port, asked with the plain client"
    local command
    for command in "SHOW SHARDS" "SHOW SERVERS" "SHOW POOLS" "SHOW VERSION"; do
        say "$command"
        admin "$command" -t | head -20 | sed 's/^/  /'
    done
    if admin "SHOW NONSENSE" >/dev/null 2>"$build/demo-refusal"; then
        fail "an unknown command was not refused"
    fi
    say "an unknown command: $(grep -o 'ERROR.*' "$build/demo-refusal" | cut -c1-200)"
}
