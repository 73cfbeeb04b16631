"""Unique global indexes: a value is on one shard at most, whoever writes it, through whichever waybill, whatever is lost at whatever moment."""

import os
import random
import signal
import threading

import cuts
import wire
from compare import Outcome
from stand import SecondWaybill
from test_commit_cuts import is_ended
from test_cuts import start_behind
from test_indexes import code_of, mover, sends, shard_of, states

INDEXES = """
[index orders.no]
table = shop.orders
column = order_no
key_type = string
unique = on

[index orders.serial]
table = shop.orders
column = serial
unique = on
"""
TABLES = """[table shop.orders]
key = buyer_id

[user mover]
password = mover_pw
server_user = app
server_password = app_pw
default_schema = shop
allow_key_change = on

[user effort]
password = effort_pw
server_user = app
server_password = app_pw
default_schema = shop
distributed = best_effort
"""
SHARDS = 3
SERVERS = [f"s{i}a" for i in range(1, SHARDS + 1)]
CLUSTER = {"shards": SHARDS, "replicas": 0, "plain": True, "tables": TABLES + INDEXES, "settings": "in_doubt_ms = 500\nproxy_id = 5\n"}
CREATE = ("CREATE TABLE IF NOT EXISTS shop.orders (buyer_id BIGINT NOT NULL, id BIGINT NOT NULL, order_no VARCHAR(200) COLLATE utf8mb4_general_ci, "
          "serial INT UNSIGNED, n INT NOT NULL DEFAULT 0, PRIMARY KEY (buyer_id, id), UNIQUE KEY no_is_one (order_no), UNIQUE KEY serial (serial))")
NOT_INDEXED, ELSEWHERE, DUPLICATE, LOCK_WAIT = 9040, 9041, 1062, 1205


def wait_ready(stand):
    stand.wait_until(lambda: [row["state"] for row in states(stand)] == ["ready"] * 2 * SHARDS, 90, lambda: f"all are ready: {states(stand)}")


def check(stand):
    rows = states(stand, "CHECK INDEX")
    assert len(rows) == 2 * SHARDS and all((row["state"], row["missing"], row["note"]) == ("ready", "0", "") for row in rows), rows


def prepare(stand):
    for server in SERVERS + ["plain"]:
        root = stand.root(server)
        root.query("CREATE DATABASE IF NOT EXISTS shop")
        root.query(CREATE)
        root.query("DELETE FROM shop.orders")
        root.close()
    wait_ready(stand)


def buyers(client):
    """A buyer of each shard, in the order of the shards."""
    found = {}
    for buyer in range(1, 100):
        found.setdefault(shard_of(client, buyer), buyer)
    assert len(found) == SHARDS
    return [found[shard] for shard in sorted(found)]


def owners(stand, column, value):
    """The servers whose rows have the value."""
    return [server for server in SERVERS if stand.root(server).query(f"SELECT 1 FROM shop.orders WHERE {column} = {value}").rows]


def insert(buyer, number, order_no, serial="NULL", verb="INSERT INTO"):
    return f"{verb} orders (buyer_id, id, order_no, serial) VALUES ({buyer}, {number}, {order_no}, {serial})"


def test_as_on_one_server(stand):
    """Duplicates on the same and on other shards, in every form, have the error of one server; what is free again is taken."""
    prepare(stand)
    client, plain = mover(stand), stand.direct("plain")
    a, b, c = buyers(client)
    long = "'" + "long " * 28 + "'"
    statements = [
        insert(a, 1, "'A-1'", 7), insert(b, 1, "'A-1'"), insert(b, 1, "'a-1  '"), insert(a, 2, "'A-1'"), insert(b, 1, "'B-1'", 7), insert(b, 1, "'B-1'", "'08'"),
        insert(c, 1, "'C-1'", 8), insert(c, 1, "NULL"), insert(a, 3, "NULL"), insert(b, 3, "'Ärger'"), insert(c, 3, "'ARGER'"), insert(a, 4, "'ärger '"),
        insert(c, 4, long), insert(a, 5, long), insert(a, 5, "CONCAT('A', '-', 1)"), insert(b, 5, "CONCAT('A', '-', 1)"), insert(a, 6, "''"), insert(b, 6, "''"),
        insert(b, 6, "'  '"), insert(a, 8, "10"), insert(b, 8, "'10'"), insert(a, 9, "'x'", 0), insert(b, 9, "'y'", "-0"), insert(c, 9, "'y'", 4294967295),
        insert(a, 10, "'z'", 4294967295),
        f"INSERT INTO orders (buyer_id, id, order_no) VALUES ({a}, 20, 'M-1'), ({b}, 20, 'M-2'), ({c}, 20, 'M-3'), ({a}, 21, 'M-4')",
        f"INSERT INTO orders (buyer_id, id, order_no) VALUES ({a}, 22, 'N-1'), ({b}, 22, 'm-4'), ({c}, 22, 'N-3')",
        f"INSERT INTO orders (buyer_id, id, order_no) VALUES ({a}, 22, 'N-1'), ({b}, 22, 'n-1')",
        f"INSERT INTO orders SET buyer_id = {b}, id = 23, order_no = 'M-1'",
        f"UPDATE orders SET order_no = 'M-1' WHERE buyer_id = {b} AND id = 20",
        f"UPDATE orders SET order_no = 'm-2' WHERE buyer_id = {b} AND id = 20",
        f"UPDATE orders SET order_no = 'U-1', serial = 100 WHERE buyer_id = {b} AND id = 20",
        insert(c, 30, "'M-2'"), insert(a, 30, "'u-1'"), insert(a, 30, "'free'", 100),
        f"DELETE FROM orders WHERE buyer_id = {a} AND id = 1",
        insert(b, 31, "'a-1'", 7), insert(a, 31, "'A-1'"), insert(a, 31, "'A-2'", 7),
        f"DELETE FROM orders WHERE buyer_id = {b} AND id = 31",
        insert(a, 32, "'A-1'", 7), insert(c, 32, "'A-1'"),
        "UPDATE orders SET serial = n + 5000 WHERE order_no = 'A-1'",
        "UPDATE orders SET order_no = CONCAT(order_no, '+') WHERE order_no LIKE 'M-%'",
        f"INSERT INTO orders (buyer_id, id, order_no) SELECT buyer_id, id + 1000, CONCAT(order_no, 's') FROM orders WHERE id = 20",
        f"INSERT IGNORE INTO orders (buyer_id, id, order_no) VALUES ({a}, 40, 'A-1'), ({a}, 41, 'ign')",
        "UPDATE orders SET n = n + 1, order_no = 'A-1b' WHERE order_no = 'A-1'",
        f"REPLACE INTO orders (buyer_id, id, order_no) VALUES ({a}, 43, 'A-1b')",
        insert(b, 44, "'A-1b'"), insert(c, 45, "'A-1'"),
        "DELETE FROM orders WHERE order_no = 'A-1b'", insert(b, 44, "'A-1b'"),
    ]
    for sql in statements:
        mine, theirs = Outcome(client, sql), Outcome(plain, sql)
        assert not mine.differences(theirs, False), (sql, mine.error, theirs.error, mine.differences(theirs, False))
        everything = "SELECT * FROM orders ORDER BY buyer_id, id"
        assert client.query(everything).rows == plain.query(everything).rows, sql
    into = "INSERT INTO orders (buyer_id, id, order_no, serial) VALUES (?, ?, ?, ?)"
    for values in ((a, 60, "P-1", 60), (b, 60, "P-1", 61), (b, 60, "P-2", 60), (c, 60, "P-3", "61"), (b, 61, "P-3", 62)):
        mine, theirs = Outcome(client, into, True, values), Outcome(plain, into, True, values)
        assert not mine.differences(theirs, False), (values, mine.error, theirs.error)
    for value in [row[0] for row in plain.query("SELECT order_no FROM orders WHERE order_no IS NOT NULL").rows] + ["nobody"]:
        sql = f"SELECT buyer_id, id FROM orders WHERE order_no = '{value}'"
        assert client.query(sql).rows == plain.query(sql).rows, sql
    check(stand)
    client.close()
    plain.close()


def test_a_read_asks_one_shard(stand):
    prepare(stand)
    client = mover(stand)
    a, b, _ = buyers(client)
    client.query(insert(a, 1, "'R-1'", 71))
    client.query(insert(b, 1, "'R-2'", 72))
    assert sends(client, "SELECT * FROM orders WHERE order_no = 'r-1 '")[0] == {shard_of(client, a)}
    assert sends(client, "SELECT * FROM orders WHERE serial = 72")[0] == {shard_of(client, b)}
    assert sends(client, "UPDATE orders SET n = 1 WHERE order_no = 'R-2'")[0] == {shard_of(client, b)}
    other = mover(stand)
    other.query("BEGIN")
    assert other.query("SELECT COUNT(*) FROM orders").rows == [("2",)]
    client.query("DELETE FROM orders WHERE order_no = 'R-1'")
    client.query(insert(b, 2, "'R-1'"))
    assert other.query("SELECT buyer_id FROM orders WHERE order_no = 'R-1'").rows == [(str(a),)], "as its snapshot has it"
    other.query("COMMIT")
    assert other.query("SELECT buyer_id FROM orders WHERE order_no = 'R-1'").rows == [(str(b),)]
    check(stand)
    other.close()
    client.close()


def test_what_is_refused(stand):
    """What would need the duplicate's row on its shard, or what the transaction itself has locked there: an error that says so."""
    prepare(stand)
    client = mover(stand)
    a, b, c = buyers(client)
    client.query(insert(a, 1, "'F-1'", 1))
    count = "SELECT COUNT(*) FROM orders"
    for sql in (insert(b, 1, "'F-1'", verb="INSERT IGNORE INTO"), insert(b, 1, "'F-1'", verb="REPLACE INTO"),
                insert(a, 1, "'F-1'") + " ON DUPLICATE KEY UPDATE n = 5", insert(b, 1, "'F-1'") + " ON DUPLICATE KEY UPDATE n = 5"):
        assert code_of(client, sql) == ELSEWHERE, sql
        assert client.query(count).rows == [("1",)], sql
    client.query(insert(b, 9, "'F-9'"))
    assert code_of(client, f"UPDATE IGNORE orders SET order_no = 'F-1' WHERE buyer_id = {b}") == ELSEWHERE
    assert code_of(client, f"UPDATE orders SET buyer_id = {b} WHERE buyer_id = {a} AND id = 1") == ELSEWHERE
    assert client.query(f"SELECT buyer_id FROM orders WHERE order_no = 'F-1'").rows == [(str(a),)]
    assert code_of(client, f"INSERT INTO orders (buyer_id, id, order_no) SELECT {b}, id + 9, order_no FROM orders WHERE buyer_id = {a}") == ELSEWHERE, "it has read that row"
    assert client.query(count).rows == [("2",)]
    client.query("BEGIN")
    client.query(f"DELETE FROM orders WHERE buyer_id = {a}")
    assert code_of(client, insert(b, 2, "'F-1'")) == ELSEWHERE
    client.query("COMMIT")
    client.query(insert(b, 2, "'F-1'"))
    assert code_of(client, insert(c, 2, "'F-1'")) == DUPLICATE
    effort = wire.Client(port=int(stand.values["WAYBILL_PORT"]), user="effort", password="effort_pw", database="shop", timeout=30)
    assert code_of(effort, f"INSERT INTO orders (buyer_id, id, order_no) VALUES ({a}, 50, 'E-1'), ({b}, 50, 'E-2')") == 9002
    assert code_of(effort, "UPDATE orders SET order_no = CONCAT('E', buyer_id)") == 9002
    assert code_of(effort, "UPDATE orders SET n = n + 1") == 0 and code_of(effort, insert(a, 51, "'F-1'")) == DUPLICATE
    server = stand.direct(f"{shard_of(client, a)}a")
    assert code_of(server, insert(a, 52, "'F-1'")) == NOT_INDEXED and code_of(server, insert(a, 52, "'new'")) == NOT_INDEXED
    assert code_of(client, insert(a, 53, "REPEAT('w', 151)")) == NOT_INDEXED, "longer than an error can tell"
    check(stand)
    for one in (client, effort, server):
        one.close()


def test_locks(stand):
    """A value that an open transaction has written or deleted on another shard: waits, as a server would, for what comes of it."""
    prepare(stand)
    client, other = mover(stand), mover(stand)
    a, b, c = buyers(client)
    client.query("SET innodb_lock_wait_timeout = 1")
    other.query("BEGIN")
    other.query(insert(a, 1, "'L-1'"))
    assert code_of(client, insert(b, 1, "'L-1'")) == LOCK_WAIT
    client.query("SET innodb_lock_wait_timeout = 60")
    root = stand.root(f"{shard_of(other, a)}a")
    for ends, told in (("ROLLBACK", 0), ("COMMIT", DUPLICATE)):
        found = []
        waiting = threading.Thread(target=lambda: found.append(code_of(client, insert(b, 1, "'L-1'"))))
        waiting.start()
        # information_schema.INNODB_TRX stays as it was while it is asked more often than every 100 ms
        stand.wait_until(lambda: root.query("SELECT 1 FROM information_schema.PROCESSLIST WHERE info LIKE '%orders%FOR UPDATE' AND time_ms > 100").rows, 30, "it waits")
        other.query(ends)
        waiting.join()
        assert found == [told], (ends, found)
        assert len(owners(stand, "order_no", "'L-1'")) == 1
        if ends == "ROLLBACK":
            assert code_of(other, insert(a, 1, "'L-1'")) == DUPLICATE
            client.query(f"DELETE FROM orders WHERE buyer_id = {b}")
            other.query("BEGIN")
            other.query(insert(a, 1, "'L-1'"))
    other.query("BEGIN")
    other.query(insert(c, 1, "'L-2'"))
    other.query("SAVEPOINT s")
    other.query(insert(c, 2, "'L-3'"))
    other.query("ROLLBACK TO s")
    other.query("COMMIT")
    assert code_of(client, insert(a, 3, "'L-3'")) == 0 and code_of(client, insert(a, 2, "'L-2'")) == DUPLICATE
    check(stand)
    client.close()
    other.close()


ROUNDS = int(os.environ.get("WAYBILL_TEST_ROUNDS", "150"))


def race(stand, ports, one_round):
    """Threads through both waybills write the same value at one moment, in each round. How often one of them won."""
    wins = [0] * ROUNDS
    gate = threading.Barrier(len(ports))
    problems = []

    def run(port, number):
        client = wire.Client(port=port, user="mover", password="mover_pw", database="shop", timeout=60)
        client.query("SET innodb_lock_wait_timeout = 30")
        try:
            for at in range(ROUNDS):
                gate.wait(60)
                won, code = one_round(client, number, at)
                wins[at] += won
                if not won and code not in (DUPLICATE, 1213, LOCK_WAIT):
                    problems.append((at, code))
        except Exception as error:  # the others must not wait for ever
            problems.append(repr(error))
            gate.abort()
        finally:
            client.close()

    threads = [threading.Thread(target=run, args=(port, number)) for number, port in enumerate(ports)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems, problems[:5]
    return wins


def test_two_waybills_race_for_a_value(stand):
    prepare(stand)
    client = mover(stand)
    at = buyers(client)
    other = SecondWaybill(stand, "app", ("proxy_id = 5", "proxy_id = 6"))
    try:
        ports = [int(stand.values["WAYBILL_PORT"]), other.port] * 2

        def one_round(client, number, round_number):
            in_transaction = (round_number + number) % 3 == 0
            if in_transaction:
                client.query("BEGIN")
            code = code_of(client, insert(at[(number + round_number) % 3], round_number * 10 + number, f"'race {round_number // 3}'", round_number // 3))
            if in_transaction:
                client.query("COMMIT" if code == 0 else "ROLLBACK")
            dice = random.random()
            if code == 0 and dice < 0.5:  # somebody else may have it
                client.query(f"DELETE FROM orders WHERE buyer_id = {at[(number + round_number) % 3]} AND id = {round_number * 10 + number}")
            return code == 0, code

        race(stand, ports, one_round)
        values = [row[0] for row in client.query("SELECT order_no FROM orders").rows]
        assert len(values) == len(set(values)) and len(values) > 0, values

        def winner_of_all(client, number, round_number):
            code = code_of(client, insert(at[(number + round_number) % 3], 100000 + round_number * 10 + number, f"'only {round_number}'"))
            return code == 0, code

        wins = race(stand, ports, winner_of_all)
        assert all(count <= 1 for count in wins), wins
        for round_number in range(ROUNDS):
            found = owners(stand, "order_no", f"'only {round_number}'")
            assert len(found) == wins[round_number], (round_number, found)
        assert sum(wins) > ROUNDS * 3 // 4, f"a deadlock took too many: {sum(wins)}"
    finally:
        other.stop()
    check(stand)
    client.close()


def take(stand, value, buyer, number):
    """A value that another shard has had goes to the buyer's. What the client was told."""
    try:
        client = mover(stand)
        client.query(insert(buyer, number, f"'{value}'"))
        client.close()
        return "done"
    except wire.ServerError as error:
        return error.code
    except (OSError, wire.ConnectionLost):
        return "lost"


CUTS = int(os.environ.get("WAYBILL_TEST_CUTS", "10"))


def test_cut_off(stand):
    """Connections are lost, or waybill is killed, at each packet of a value's way to another shard: it is never on two, and can be had afterwards."""
    prepare(stand)
    client = mover(stand)
    at, number, done = buyers(client), iter(range(1, 100000)), []
    client.close()
    relay = cuts.Relay({server: int(stand.values[f"WAYBILL_{server.upper()}_PORT"]) for server in SERVERS}, ("app",))

    def left_behind(value):  # its row is gone, its claim is not
        buyer = at[len(done) % 3]
        stand.wait_until(lambda: take(stand, value, buyer, next(number)) == "done", 30, "orders come in")
        client = mover(stand)
        client.query(f"DELETE FROM orders WHERE order_no = '{value}'")
        client.close()
        return at[(len(done) + 1) % 3]

    def tried_at(place, kills, point=None):
        value = f"cut {len(done)}"
        relay.arm(None)
        buyer, pid = left_behind(value), stand.waybill_pid()
        if point is not None:
            relay.arm_packets(point, place, (lambda: os.kill(pid, signal.SIGKILL)) if kills else None)
        told = take(stand, value, buyer, next(number))
        done.append((value, told))
        relay.disarm()
        if kills and told == "lost":
            stand.wait_until(lambda: not os.path.exists(f"/proc/{pid}") or is_ended(pid), 10, "waybill is gone")
            stand.cluster("waybill", "start", "--conf", stand.directory + "/relayed.ini")
        return told

    try:
        start_behind(stand, relay, workers=1)
        stand.wait_until(lambda: take(stand, "warm", at[0], next(number)) in ("done", DUPLICATE), 20, "orders come in")
        left_behind("counted")
        relay.arm(None)
        assert take(stand, "counted", at[1], next(number)) == "done"
        counts = [sum(len(cuts.packet_ends(stream)) for stream in streams.values()) for streams in (relay.asked, relay.heard)]
        points = [(True, n + 1) for n in range(counts[0])] + [(False, n + 1) for n in range(counts[1])]
        for turn, (asks, point) in enumerate(points[:: max(1, len(points) // CUTS)]):
            tried_at(asks, turn % 2 == 1, point)
    finally:
        relay.arm(None)
        stand.cluster("waybill", "stop", check=False)
        stand.start_waybill()
        relay.close()
    stand.wait_until(lambda: not any(stand.root(server).query("XA RECOVER").rows for server in SERVERS), 30, "nothing is in doubt")
    client = mover(stand)
    for value, told in done:
        found = owners(stand, "order_no", f"'{value}'")
        assert len(found) <= 1 and (told != "done" or len(found) == 1), (value, told, found)
        codes = [code_of(client, insert(buyer, next(number), f"'{value}'")) for buyer in at]
        assert sorted(codes) == ([DUPLICATE] * 3 if found else [0, DUPLICATE, DUPLICATE]), (value, told, found, codes)
        assert len(owners(stand, "order_no", f"'{value}'")) == 1
    assert len({what for _, what in done}) > 1, done
    check(stand)
    client.close()


def test_steps_that_a_dead_waybill_left(stand):
    """Each state that it can leave, made by hand: the value can be had by each shard, and is on one."""
    prepare(stand)
    client = mover(stand)
    at = buyers(client)
    number = iter(range(1, 1000))
    root = stand.root("s1a")
    claims, here = [next(row[0] for row in root.query(f"SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_NAME LIKE 'unique%{kind}' AND EXISTS "
                                                      "(SELECT 1 FROM information_schema.COLUMNS C WHERE C.TABLE_NAME = TABLES.TABLE_NAME AND C.COLUMN_NAME = 'value' "
                                                      "AND C.DATA_TYPE = 'varchar')").rows) for kind in ("claim", "here")]
    servers = [f"{shard_of(client, buyer)}a" for buyer in at]
    for first in range(3):
        for second in range(3):
            for state in ("claimed", "revoked", "raised"):
                value = f"'{state} {first} {second}'"
                client.query(insert(at[first], next(number), value))
                client.query(f"DELETE FROM orders WHERE order_no = {value}")
                if state != "claimed":
                    stand.root(servers[first]).query(f"UPDATE waybill.{here} SET is_here = 0 WHERE value = {value}")
                if state == "raised":
                    for server in servers:
                        stand.root(server).query(f"INSERT INTO waybill.{claims} SELECT value, 2, '{servers[(first + 1) % 3][:-1]}' FROM waybill.{claims} WHERE value = {value}")
                codes = [code_of(client, insert(at[(second + i) % 3], next(number), value)) for i in range(3)]
                assert codes == [0, DUPLICATE, DUPLICATE], (value, codes)
    check(stand)
    root.close()
    client.close()


def test_ddl(stand):
    prepare(stand)
    client = stand.client(user="loader")
    for sql in ("ALTER TABLE orders DROP KEY no_is_one", "ALTER TABLE orders DROP INDEX no_is_one", "DROP INDEX no_is_one ON orders", "DROP TABLE orders"):
        assert code_of(client, sql) == 9009, sql
    result = client.query("CREATE TABLE IF NOT EXISTS orders (buyer_id BIGINT PRIMARY KEY, order_no INT UNIQUE)")
    told = [row[1] for row in client.query("SHOW WARNINGS").rows]
    assert "9034" not in told and result.warnings > 0, told
    client.close()
    check(stand)


def test_a_conflict_is_told(stand):
    """Rows of before the index that have one value: it is not ready, and says which and where, until one of them has gone."""
    prepare(stand)
    client = mover(stand)
    a, b, _ = buyers(client)
    client.query(insert(a, 1, "'twice'"))
    stand.cluster("waybill", "stop")
    path = f"{stand.directory}/without.ini"
    with open(path, "w") as out:
        out.write(stand.configuration().replace(INDEXES, ""))
    stand.cluster("waybill", "start", "--conf", path)
    stand.wait_until(lambda: stand.try_query("SELECT 1"), 20, "waybill answers")
    for name in ("orders.no", "orders.serial"):
        rows = states(stand, f"DROP INDEX {name}")
        assert [row["state"] for row in rows] == ["gone"] * SHARDS, rows
    root = stand.root("s1a")
    assert root.query("SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_NAME LIKE 'unique%'").rows == [("0",)]
    assert root.query("SELECT COUNT(*) FROM information_schema.TRIGGERS WHERE TRIGGER_NAME LIKE 'waybill_index%'").rows == [("0",)]
    unaware = mover(stand)
    unaware.query(insert(b, 1, "'TWICE'", 5))
    unaware.query(insert(b, 2, "'once'", 6))
    unaware.close()
    stand.cluster("waybill", "stop")
    stand.start_waybill()
    shards = sorted([shard_of(client := mover(stand), a), shard_of(client, b)])

    def is_told():
        rows = [row for row in states(stand) if row["index"] == "orders.no" and row["state"] != "ready"]
        return len(rows) == 1 and "twice" in rows[0]["note"].lower() and all(shard in rows[0]["note"] for shard in shards)

    stand.wait_until(is_told, 60, lambda: f"SHOW INDEXES names it: {states(stand)}")

    def is_event():
        events = [" ".join(str(field) for field in row.values()) for row in stand.admin("SHOW EVENTS")]
        return any("twice" in event.lower() and all(shard in event for shard in shards) for event in events)

    stand.wait_until(is_event, 30, "SHOW EVENTS names it, too")
    assert code_of(client, insert(a, 3, "'once'")) == DUPLICATE and code_of(client, insert(a, 3, "'fine'")) == 0
    assert client.query("SELECT buyer_id FROM orders WHERE order_no = 'once'").rows == [(str(b),)]
    client.query(f"DELETE FROM orders WHERE buyer_id = {b} AND order_no = 'twice'")
    wait_ready(stand)
    assert code_of(client, insert(b, 3, "'twice'")) == DUPLICATE
    check(stand)
    assert all(row["state"] == "ready" for row in states(stand, "REPAIR INDEX"))
    check(stand)
    root.close()
    client.close()


def test_at_random(stand):
    """The same statements on one plain server and through waybill; only what is refused (9041) is left out there, too."""
    prepare(stand)
    seed = int(os.environ.get("WAYBILL_TEST_SEED", "0").split()[0]) or random.randrange(1 << 30)
    dice = random.Random(seed)
    client, plain = mover(stand), stand.direct("plain")
    texts = ["''", "'a'", "'A '", "'ä'", "'b'", "NULL", "'ß'", "'ss'", "10", "'10'", "CONCAT('a', '')"] + [f"'n{i}'" for i in range(12)]
    numbers = ["0", "1", "NULL", "'07'"] + [str(i) for i in range(12)]

    def pair():
        return f"{dice.choice(texts)}, {dice.choice(numbers)}"

    def row():
        return f"({dice.randrange(1, 40)}, {dice.randrange(3)}, {pair()})"

    def statement():
        where = dice.choice([f"order_no = {dice.choice(texts)}", f"serial = {dice.choice(numbers)}", f"buyer_id = {dice.randrange(1, 40)}"])
        into = "orders (buyer_id, id, order_no, serial) VALUES"
        return dice.choice([
            f"SELECT * FROM orders WHERE {where} ORDER BY buyer_id, id",
            f"INSERT INTO {into} {row()}",
            f"INSERT INTO {into} {row()}, {row()}",
            f"INSERT IGNORE INTO {into} {row()}",
            f"REPLACE INTO {into} {row()}",
            f"INSERT INTO {into} {row()} ON DUPLICATE KEY UPDATE n = n + 1, order_no = {dice.choice(texts)}",
            f"UPDATE orders SET order_no = {dice.choice(texts)} WHERE {where}",
            f"UPDATE orders SET serial = {dice.choice(numbers)}, n = n + 1 WHERE {where}",
            f"DELETE FROM orders WHERE {where}",
            f"DELETE FROM orders WHERE {where}",
            dice.choice(["BEGIN", "COMMIT", "ROLLBACK"]),
        ])
    refused = done = 0
    for number in range(500):
        sql = statement()
        mine = Outcome(client, sql)
        if mine.error and mine.error[0] == ELSEWHERE:
            refused += 1
        else:
            theirs = Outcome(plain, sql)
            differences = mine.differences(theirs, False)
            if mine.error and theirs.error and mine.error[0] == theirs.error[0]:
                differences = []  # which of several duplicates is told
            assert not differences, f"seed {seed}, {number}: {sql}: {mine.error} {theirs.error} {differences}"
            done += not mine.error
        if mine.error:
            client.query("ROLLBACK")
            plain.query("ROLLBACK")
    client.query("COMMIT")
    plain.query("COMMIT")
    everything = "SELECT * FROM orders ORDER BY buyer_id, id"
    assert client.query(everything).rows == plain.query(everything).rows, seed
    assert done > 250 > refused, (done, refused)
    check(stand)
    client.close()
    plain.close()
