"""Global indexes: a condition on an indexed column asks only the shards that may have such rows, and misses none, whoever
writes, whatever is lost at whatever moment."""

import os
import random
import signal

import cuts
import wire
from compare import Outcome
from test_commit_cuts import is_ended
from test_cuts import start_behind

INDEXES = """
[index orders.seller]
table = shop.orders
column = seller_id

[index orders.no]
table = shop.orders
column = order_no
key_type = string
"""
TABLES = """[table shop.orders]
key = buyer_id

[table shop.users]
key = buyer_id

[user mover]
password = mover_pw
server_user = app
server_password = app_pw
default_schema = shop
allow_key_change = on
"""
SHARDS = 4
SERVERS = [f"s{i}a" for i in range(1, SHARDS + 1)]
CLUSTER = {"shards": SHARDS, "replicas": 0, "plain": True, "tables": TABLES + INDEXES, "settings": "in_doubt_ms = 500\n"}
CREATE = ("CREATE TABLE shop.orders (buyer_id BIGINT NOT NULL, id BIGINT NOT NULL, seller_id BIGINT, "
          "order_no VARCHAR(200) COLLATE utf8mb4_general_ci, n INT NOT NULL DEFAULT 0, PRIMARY KEY (buyer_id, id), KEY (seller_id), KEY (order_no))")
USERS = "CREATE TABLE IF NOT EXISTS shop.users (buyer_id BIGINT NOT NULL PRIMARY KEY, seller_id BIGINT)"
NOT_INDEXED = 9040


def mover(stand, **more):
    return wire.Client(port=int(stand.values["WAYBILL_PORT"]), user="mover", password="mover_pw", database="shop", timeout=30, **more)


def states(stand, command="SHOW INDEXES"):
    client = wire.Client(port=int(stand.values["WAYBILL_ADMIN_PORT"]), user=stand.values["WAYBILL_ADMIN_USER"],
                         password=stand.values["WAYBILL_ADMIN_PASSWORD"], timeout=60)
    result = client.query(command)
    client.close()
    return [dict(zip(result.names(), row)) for row in result.rows]


def wait_ready(stand):
    def is_ready():
        rows = states(stand)
        return len(rows) == 2 * SHARDS and all(row["state"] == "ready" for row in rows)
    stand.wait_until(is_ready, 60, lambda: f"all are ready: {states(stand)}")


def check(stand):
    """Nothing is missing, so all stay ready."""
    rows = states(stand, "CHECK INDEX")
    assert len(rows) == 2 * SHARDS and all((row["state"], row["missing"], row["note"]) == ("ready", "0", "") for row in rows), rows


def prepare(stand):
    for server in SERVERS + ["plain"]:
        root = stand.root(server)
        root.query("CREATE DATABASE IF NOT EXISTS shop")
        root.query(CREATE.replace("TABLE", "TABLE IF NOT EXISTS"))
        root.query(USERS)
        root.query("DELETE FROM shop.orders")
        root.query("DELETE FROM shop.users")
        root.close()
    wait_ready(stand)


def sends(client, sql):
    """The shards that a statement goes to, and why."""
    rows = client.query(f"EXPLAIN ROUTE {sql}").rows
    return {row[1] for row in rows if row[0] == "send"}, " ".join(row[3] for row in rows if row[0] == "why")


def shard_of(client, buyer):
    return sends(client, f"SELECT 1 FROM orders WHERE buyer_id = {buyer}")[0].pop()


def code_of(client, sql):
    try:
        client.query(sql)
    except wire.ServerError as error:
        return error.code
    return 0


def fill(client, buyers=range(1, 41), sellers=7):
    client.query("INSERT INTO orders (buyer_id, id, seller_id, order_no) VALUES " +
                 ", ".join(f"({i}, {i}, {i % sellers}, 'NO-{i}')" for i in buyers))


def test_only_the_shards_with_such_rows_are_asked(stand):
    prepare(stand)
    client = mover(stand)
    fill(client)
    home = shard_of(client, 5)
    shards, why = sends(client, "SELECT * FROM orders WHERE order_no = 'no-5 '")
    assert shards == {home} and f"order_no = no-5  -> index orders.no -> {home}" in why, (shards, why)
    assert client.query("SELECT buyer_id FROM orders WHERE order_no = 'no-5'").rows == [("5",)]
    assert sends(client, "SELECT * FROM orders WHERE order_no IN ('NO-5', 'NO-6')")[0] == {home, shard_of(client, 6)}
    assert sends(client, "SELECT * FROM orders WHERE order_no = 'NO-5' OR n = 1")[0] == {"s1", "s2", "s3", "s4"}
    assert len(sends(client, "SELECT * FROM orders WHERE order_no = 'nobody has it'")[0]) == 1
    assert sends(client, "UPDATE orders SET n = 1 WHERE order_no = 'NO-5'")[0] == {home}
    assert sends(client, "DELETE FROM orders WHERE order_no = 'NO-5' AND n > 5")[0] == {home}
    assert sends(client, "SELECT o.n FROM orders o JOIN users u USING (buyer_id) WHERE o.order_no = 'NO-5'")[0] == {home}
    assert sends(client, "SELECT * FROM orders WHERE order_no = 'NO-5' FOR UPDATE")[0] == {"s1", "s2", "s3", "s4"}
    statement = client.prepare("SELECT buyer_id FROM orders WHERE order_no = ? AND seller_id = ?")
    before = statements_sent(stand)
    assert [tuple(row) for row in client.execute(statement, ["NO-5", 5]).rows] == [(5,)]
    assert sum(after - was for after, was in zip(statements_sent(stand), before)) <= 3, "two questions and one shard"
    shards = {shard_of(client, buyer) for buyer in range(1, 41) if buyer % 7 == 3}
    assert sends(client, "SELECT * FROM orders WHERE seller_id = '03'")[0] == shards
    check(stand)
    client.close()


def statements_sent(stand):
    figures = {row["name"] if "name" in row else list(row.values())[0]: list(row.values())[1] for row in stand.admin("SHOW STATUS")}
    return [int(value) for name, value in sorted(figures.items()) if name.startswith("waybill_shard_statements_total")]


def test_every_write_keeps_it(stand):
    """Text and prepared, many rows, expressions, ON DUPLICATE KEY, REPLACE, IGNORE, INSERT ... SELECT, moves, LIMIT: as on one server."""
    prepare(stand)
    client, plain = mover(stand), stand.direct("plain")
    statements = [
        "INSERT INTO orders (buyer_id, id, seller_id, order_no) VALUES (1, 1, 100, 'A'), (2, 2, 101, 'B'), (3, 3, 100, 'C'), (4, 4, NULL, NULL)",
        "INSERT INTO orders SET buyer_id = 5, id = 5, seller_id = 40 + 2, order_no = CONCAT('x', 'y')",
        "INSERT INTO orders (buyer_id, id, seller_id, order_no) VALUES (1, 1, 999, 'dup'), (7, 7, 998, 'new')",
        "INSERT IGNORE INTO orders (buyer_id, id, seller_id, order_no) VALUES (1, 1, 997, 'dup'), (8, 8, 996, 'new2')",
        "INSERT INTO orders (buyer_id, id, seller_id) VALUES (1, 1, 995) ON DUPLICATE KEY UPDATE seller_id = 994, order_no = 'odku'",
        "REPLACE INTO orders (buyer_id, id, seller_id, order_no) VALUES (2, 2, 993, 'replaced')",
        "UPDATE orders SET seller_id = seller_id * 10, order_no = CONCAT(order_no, '-', buyer_id)",
        "UPDATE orders SET seller_id = 5 WHERE seller_id = 1010 OR order_no = 'b-2'",
        "UPDATE orders SET seller_id = seller_id + 1 ORDER BY id LIMIT 3",
        "INSERT INTO orders (buyer_id, id, seller_id, order_no) SELECT buyer_id + 10, id, seller_id + 1000, CONCAT(order_no, 's') FROM orders",
        "INSERT INTO users (buyer_id, seller_id) SELECT buyer_id, seller_id FROM orders",
        "UPDATE orders SET buyer_id = 300, seller_id = seller_id + 1 WHERE id = 3",
        "UPDATE orders SET order_no = 'Straße' WHERE id = 1",
        "UPDATE orders SET order_no = REPEAT('long ', 39) WHERE id = 2",
        "UPDATE orders SET order_no = 'with\ttab' WHERE id = 3",
        "DELETE FROM orders WHERE seller_id = 5",
        "INSERT INTO orders (buyer_id, id, seller_id, order_no) VALUES (9, 9, 'abc', 'bad')",
        "INSERT INTO orders (buyer_id, id, seller_id, order_no) VALUES (11, 9, -5, ''), (12, 9, 9223372036854775807, ' lead'), (13, 9, -0, 'trail   ')",
        "UPDATE orders SET seller_id = 7 WHERE order_no = ''",
    ]
    for sql in statements:
        mine, theirs = Outcome(client, sql), Outcome(plain, sql)
        assert not mine.differences(theirs, True), (sql, mine.differences(theirs, True))
        compare_all(client, plain, sql)
    insert = "INSERT INTO orders (buyer_id, id, seller_id, order_no) VALUES (?, 50, ?, ?), (?, 50, ?, ?)"
    for values in ((201, 7001, "P1", 202, 7002, "P2"), (203, "7003", "P3", 204, None, None)):
        mine, theirs = Outcome(client, insert, True, values), Outcome(plain, insert, True, values)
        assert not mine.differences(theirs, True), values
    compare_all(client, plain, insert)
    check(stand)
    client.close()
    plain.close()


def test_columns_that_have_no_index(stand):
    """Whose values have no one spelling, or change past the triggers: SHOW INDEXES says why, and statements ask all shards."""
    prepare(stand)
    client = mover(stand)
    fill(client)
    for definition, why in (("VARCHAR(200) COLLATE utf8mb4_lithuanian_ci", "different letters for one"),
                            ("VARCHAR(200) COLLATE utf8mb4_uca1400_roman_ai_ci", "different letters for one"), ("TEXT", "is no CHAR or VARCHAR")):
        for server in SERVERS:
            stand.root(server).query(f"ALTER TABLE shop.orders DROP KEY IF EXISTS order_no, MODIFY order_no {definition}")

        def notes():
            return [row["note"] for row in states(stand) if row["index"] == "orders.no"]
        stand.wait_until(lambda: all(why in note for note in notes()), 60, lambda: f"{definition}: {notes()}")
        stand.wait_until(lambda: len(sends(client, "SELECT * FROM orders WHERE order_no = 'NO-5'")[0]) == SHARDS, 60, "all are asked")
    for server in SERVERS:
        stand.root(server).query("DROP TABLE shop.orders")
    prepare(stand)
    check(stand)
    client.close()


def test_parts_that_commit_one_by_one(stand):
    """With best_effort, text and prepared, with parameters and without: no part is done without the others' entries."""
    prepare(stand)
    client, plain = stand.client(user="loader"), stand.direct("plain")
    sql = "INSERT IGNORE INTO orders (buyer_id, id, seller_id, order_no) VALUES "

    def fixed(number):
        return sql + ", ".join(f"({i}, {number}, {100 * number + i}, 'E{number}-{i}')" for i in range(1, 9))
    runs = [(fixed(60), False, ()), (fixed(61), True, ()),
            (sql + ", ".join(["(?, ?, ?, ?)"] * 8), True, [value for i in range(1, 9) for value in (i, 62, 9200 + i, f"E62-{i}")])]
    for text, is_prepared, values in runs:
        mine, theirs = Outcome(client, text, is_prepared, values), Outcome(plain, text, is_prepared, values)
        assert not mine.differences(theirs, True), (text, mine.differences(theirs, True))
        compare_all(client, plain, text)
    for values in ("(1, 63, 1 + 9300, 'E63-1'), (2, 63, 9302, 'E63-2')",
                   ", ".join(f"({i}, 64, {10000 + i}, NULL)" for i in range(1, 1100))):
        for is_prepared in (False, True):
            assert Outcome(client, sql + values, is_prepared).error[0] == 9002, values[:60]
    for unseen in ("REPLACE INTO orders (buyer_id, id, seller_id, order_no) SELECT buyer_id, id, seller_id, CONCAT(order_no, 'y') FROM orders",
                   "INSERT INTO orders (buyer_id, id, seller_id) SELECT buyer_id, id + 5000, seller_id + 777000 FROM orders WHERE id = 60"):
        for is_prepared in (False, True):  # on each shard by itself
            mine = Outcome(client, unseen, is_prepared)
            assert mine.error and mine.error[0] == 9002, (unseen, mine.error)
    seen = "INSERT INTO orders (buyer_id, id, n) SELECT buyer_id, id + 5000, 1 FROM orders WHERE id = 60"
    mine, theirs = Outcome(client, seen), Outcome(plain, seen)
    assert not mine.differences(theirs, True) and mine.affected == 8, mine.differences(theirs, True)
    compare_all(client, plain, "refused")
    check(stand)
    client.close()
    plain.close()


def test_rows_that_are_returned(stand):
    """The columns and rows of RETURNING come before the error that a value has no entry: it is not told all the same. Where
    too many rows have been sent by then the client gets the error, and nothing stays."""
    prepare(stand)
    client, plain = mover(stand), stand.direct("plain")
    one = "INSERT INTO orders (buyer_id, id, seller_id, order_no) VALUES (%d, 70, 7777, 'R-1'), (%d, 70, 7778, 'R-2') RETURNING id, order_no"
    assert len({shard_of(client, buyer) for buyer in (1, 1001, 2, 1002)}) > 1
    for buyer, is_prepared in ((1, False), (2, True)):
        mine, theirs = Outcome(client, one % (buyer, buyer + 1000), is_prepared), Outcome(plain, one % (buyer, buyer + 1000), is_prepared)
        assert not mine.differences(theirs, False), mine.differences(theirs, False)
    compare_all(client, plain, "RETURNING")
    pad = "x" * 190
    many = ", ".join(f"(5, {i}, 5, '{pad}')" for i in range(1000, 2000))
    spread = ", ".join(f"({i}, {i}, 5, '{pad}')" for i in range(1000, 2000))
    lasts = [f", ({buyer}, 3000, LENGTH('{text}'), 'R-3')" for buyer, text in ((5, "not in the text"), (6, "nor this one, which is longer"))]
    for many, last in [(many, last) for many in (many, spread) for last in lasts]:
        before = int(client.query("SELECT COUNT(*) FROM orders").rows[0][0])
        mine = Outcome(client, f"INSERT INTO orders (buyer_id, id, seller_id, order_no) VALUES {many}{last} RETURNING id, order_no")
        count = int(client.query("SELECT COUNT(*) FROM orders").rows[0][0])
        if mine.error is None:  # it came before a row was sent
            assert count == before + 1001 and len(mine.rows) == 1001, (before, count, len(mine.rows))
            client.query("DELETE FROM orders WHERE id >= 1000")
        else:
            assert mine.error[0] == NOT_INDEXED and count == before, (mine.error, count - before)
    assert client.query("SELECT 1").rows == [("1",)]
    check(stand)
    client.close()
    plain.close()


def compare_all(client, plain, what):
    """By each value that there is, and by some that there aren't."""
    for column, more in (("seller_id", ["0", "123456789"]), ("order_no", ["'nobody'", "'strasse'", "'b-2'"])):
        values = [row[0] for row in plain.query(f"SELECT DISTINCT {column} FROM orders WHERE {column} IS NOT NULL").rows]
        for value in ["'" + value.replace("'", "''") + "'" for value in values] + more:
            sql = f"SELECT buyer_id, id, seller_id, order_no FROM orders WHERE {column} = {value} ORDER BY 1, 2"
            assert client.query(sql).rows == plain.query(sql).rows, (what, sql)


def test_transactions(stand):
    """What a transaction has written it finds; what was rolled back nobody does; an old snapshot stays what it was."""
    prepare(stand)
    client, other = mover(stand), mover(stand)
    by_seller = "SELECT buyer_id FROM orders WHERE seller_id = 31 ORDER BY 1"
    other.query("BEGIN")
    other.query("SELECT COUNT(*) FROM orders")
    client.query("BEGIN")
    for buyer in (1, 2, 3):
        client.query(f"INSERT INTO orders (buyer_id, id, seller_id, order_no) VALUES ({buyer}, 1, 31, 'T{buyer}')")
    assert client.query(by_seller).rows == [("1",), ("2",), ("3",)] and other.query(by_seller).rows == []
    client.query("SAVEPOINT a")
    client.query("INSERT INTO orders (buyer_id, id, seller_id) VALUES (4, 1, 32)")
    client.query("ROLLBACK TO a")
    assert client.query("SELECT COUNT(*) FROM orders WHERE seller_id = 32").rows == [("0",)]
    client.query("COMMIT")
    assert other.query(by_seller).rows == []
    other.query("COMMIT")
    assert other.query(by_seller).rows == [("1",), ("2",), ("3",)]
    client.query("BEGIN")
    client.query("DELETE FROM orders WHERE seller_id = 31")
    assert other.query(by_seller).rows == [("1",), ("2",), ("3",)]
    client.query("ROLLBACK")
    assert client.query(by_seller).rows == [("1",), ("2",), ("3",)]
    client.query("SET autocommit = 0")
    client.query("INSERT INTO orders (buyer_id, id, seller_id) VALUES (5, 1, 33), (6, 1, 34), (7, 1, 35)")
    assert client.query("SELECT buyer_id FROM orders WHERE seller_id = 34").rows == [("6",)]
    client.query("ROLLBACK")
    assert client.query("SELECT COUNT(*) FROM orders WHERE seller_id = 34").rows == [("0",)]
    check(stand)
    client.close()
    other.close()


def test_whoever_does_not_know_of_it_can_not_spoil_it(stand):
    """Straight on a server, and through a waybill without the index: a value that has no entry is refused, others are found."""
    prepare(stand)
    client = mover(stand)
    fill(client)
    server = stand.direct(f"{shard_of(client, 5)}a")
    assert code_of(server, "INSERT INTO orders (buyer_id, id, seller_id) VALUES (5, 500, 4711)") == NOT_INDEXED
    assert code_of(server, "INSERT IGNORE INTO orders (buyer_id, id, seller_id) VALUES (5, 500, 4711)") == NOT_INDEXED
    assert code_of(server, "UPDATE IGNORE orders SET order_no = 'unknown' WHERE buyer_id = 5") == NOT_INDEXED
    assert code_of(server, "INSERT INTO orders (buyer_id, id, seller_id) VALUES (5, 501, 5)") == 0
    server.close()
    stand.cluster("waybill", "stop")
    path = f"{stand.directory}/without.ini"
    with open(path, "w") as out:
        out.write(stand.configuration().replace(INDEXES, ""))
    stand.cluster("waybill", "start", "--conf", path)
    stand.wait_until(lambda: stand.try_query("SELECT 1"), 20, "waybill answers")
    unaware = mover(stand)
    assert code_of(unaware, "INSERT INTO orders (buyer_id, id, seller_id) VALUES (5, 502, 4712)") == NOT_INDEXED
    assert code_of(unaware, "INSERT INTO orders (buyer_id, id, seller_id) VALUES (5, 503, 5)") == 0
    unaware.close()
    stand.cluster("waybill", "stop")
    stand.start_waybill()
    stand.wait_until(lambda: stand.try_query("SELECT 1"), 20, "waybill answers")
    client = mover(stand)
    assert client.query("SELECT id FROM orders WHERE seller_id = 5 AND buyer_id < 12 ORDER BY 1").rows == [("5",), ("501",), ("503",)]
    assert client.query("SELECT COUNT(*) FROM orders WHERE seller_id IN (4711, 4712)").rows == [("0",)]
    check(stand)
    client.close()


def test_what_got_past_it_is_found(stand):
    """Rows without entries: CHECK INDEX finds them, the index is not trusted until they are entered, which happens by itself."""
    prepare(stand)
    client = mover(stand)
    fill(client)
    shard = shard_of(client, 5)
    root = stand.root(f"{shard}a")
    root.query("USE shop")
    triggers = [row[0] for row in root.query("SELECT TRIGGER_NAME FROM information_schema.TRIGGERS WHERE TRIGGER_NAME LIKE 'waybill_index%_i'").rows]
    assert len(triggers) == 2, triggers
    for trigger in triggers:
        root.query(f"DROP TRIGGER {trigger}")
    root.query("INSERT INTO orders (buyer_id, id, seller_id, order_no) VALUES (5, 600, 4711, 'past')")
    by_seller = "SELECT id FROM orders WHERE seller_id = 4711"
    stand.wait_until(lambda: client.query(by_seller).rows == [("600",)], 30, "its triggers are missed, and made")
    wait_ready(stand)
    check(stand)
    root.query("DELETE FROM waybill.index_here WHERE value = '4711'")
    for server in SERVERS:
        stand.root(server).query("DELETE FROM waybill.index_entry WHERE value = '4711'")
    rows = {(row["index"], row["shard"]): row for row in states(stand, "CHECK INDEX orders.seller")}
    found = rows[("orders.seller", shard)]
    assert found["missing"] == "2" and found["state"] != "ready" and len(rows) == SHARDS, rows
    assert client.query(by_seller).rows == [("600",)]
    wait_ready(stand)
    assert client.query(by_seller).rows == [("600",)]
    states(stand, "REPAIR INDEX")
    check(stand)
    root.close()
    client.close()


def test_ddl_that_would_lose_rows(stand):
    prepare(stand)
    client = stand.client(user="loader")
    for sql in ("DROP TABLE orders", "RENAME TABLE orders TO o2", "ALTER TABLE orders MODIFY seller_id VARCHAR(20)", "ALTER TABLE orders CONVERT TO CHARACTER SET latin1",
                "CREATE OR REPLACE TABLE orders (buyer_id BIGINT)", "DROP DATABASE shop", "ALTER TABLE orders ENGINE = Aria",
                "/* waybill: shard=s1 */ DROP TABLE orders"):
        assert code_of(client, sql) == 9009, sql
    client.query("ALTER TABLE orders ADD COLUMN note VARCHAR(10), ADD KEY (n)")
    client.query("ALTER TABLE orders DROP COLUMN note, DROP KEY n")
    fill(client)
    assert client.query("SELECT buyer_id FROM orders WHERE order_no = 'NO-9'").rows == [("9",)]
    client.query("TRUNCATE TABLE orders")
    assert client.query("SELECT buyer_id FROM orders WHERE order_no = 'NO-9'").rows == []
    check(stand)
    client.close()


def test_at_random(stand):
    """The same statements on one plain server and through waybill, with commits, rollbacks and deletions in between."""
    prepare(stand)
    seed = int(os.environ.get("WAYBILL_TEST_SEED", "0").split()[0]) or random.randrange(1 << 30)
    dice = random.Random(seed)
    client, plain = mover(stand), stand.direct("plain")
    numbers = ["0", "1", "2", "-1", "9223372036854775807", "NULL"] + [str(dice.randrange(20)) for _ in range(10)]
    texts = ["''", "'a'", "'A '", "'b'", "'ä'", "'Z9'", "'10'", "NULL"] + [f"'n{dice.randrange(12)}'" for _ in range(8)]

    def value(column):
        return dice.choice(numbers if column == "seller_id" else texts)

    def condition():
        column = dice.choice(["seller_id", "order_no"])
        return dice.choice([f"{column} = {value(column)}", f"{column} IN ({value(column)}, {value(column)})", f"{column} <=> {value(column)}",
                            f"({column} = {value(column)} OR seller_id = {value('seller_id')})",
                            f"seller_id = {value('seller_id')} AND order_no = {value('order_no')}"])

    def row():
        return f"({dice.randrange(1, 40)}, {dice.randrange(3)}, {value('seller_id')}, {value('order_no')})"

    def statement():
        column = dice.choice(["seller_id", "order_no"])
        return dice.choice([
            f"SELECT * FROM orders WHERE {condition()} ORDER BY buyer_id, id",
            f"SELECT COUNT(*), SUM(n) FROM orders WHERE {condition()}",
            f"INSERT INTO orders (buyer_id, id, seller_id, order_no) VALUES {row()}",
            f"INSERT IGNORE INTO orders (buyer_id, id, seller_id, order_no) VALUES {row()}, {row()}, {row()}",
            f"REPLACE INTO orders (buyer_id, id, seller_id, order_no) VALUES {row()}, {row()}",
            f"INSERT INTO orders (buyer_id, id, seller_id, order_no) VALUES {row()} ON DUPLICATE KEY UPDATE {column} = {value(column)}, n = n + 1",
            f"UPDATE orders SET {column} = {value(column)}, n = n + 1 WHERE {condition()}",
            f"UPDATE orders SET seller_id = n + {dice.randrange(9)} WHERE {condition()}",
            f"DELETE FROM orders WHERE {condition()}",
            dice.choice(["BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT a"]),
        ])
    for number in range(400):
        sql = statement()
        mine, theirs = Outcome(client, sql), Outcome(plain, sql)
        differences = [] if mine.is_refused() else mine.differences(theirs, False)
        if mine.error and theirs.error and mine.error[0] == theirs.error[0]:
            differences = []  # which of several duplicates is told
        assert not mine.is_refused() and not differences, f"seed {seed}, {number}: {sql}: {mine.error} {differences}"
        if mine.error:
            client.query("ROLLBACK")
            plain.query("ROLLBACK")
    client.query("COMMIT")
    plain.query("COMMIT")
    compare_all(client, plain, f"seed {seed}")
    check(stand)
    client.close()
    plain.close()


CUTS = int(os.environ.get("WAYBILL_TEST_CUTS", "8"))  # of so many packets that are spread evenly; every second one kills waybill


def order(stand, number):
    """Rows of new values on three shards, as one statement. What the client was told."""
    try:
        client = mover(stand)
        client.query("INSERT INTO orders (buyer_id, id, seller_id, order_no) VALUES " +
                     ", ".join(f"({number * 10 + i}, 1, {number * 10 + i}, 'C-{number}-{i}')" for i in range(6)))
        client.close()
        return "done"
    except wire.ServerError as error:
        return error.code
    except (OSError, wire.ConnectionLost):
        return "lost"


def test_cut_off(stand):
    """Connections to servers are lost, or waybill is killed, at each packet of a commit with new entries: no row lacks one."""
    prepare(stand)
    relay = cuts.Relay({server: int(stand.values[f"WAYBILL_{server.upper()}_PORT"]) for server in SERVERS}, ("app",))
    told, pid, number = [], [0], iter(range(1, 1000))
    try:
        start_behind(stand, relay, workers=1)
        stand.wait_until(lambda: order(stand, next(number)) == "done", 20, "orders come in")
        relay.arm(None)
        assert order(stand, next(number)) == "done"
        counts = [sum(len(cuts.packet_ends(stream)) for stream in streams.values()) for streams in (relay.asked, relay.heard)]
        points = [(True, n + 1) for n in range(counts[0])] + [(False, n + 1) for n in range(counts[1])]
        for at, (asks, point) in enumerate(points[:: max(1, len(points) // CUTS)]):
            relay.arm(None)
            stand.wait_until(lambda: order(stand, next(number)) == "done", 20, "orders come in")
            pid[0] = stand.waybill_pid()
            relay.arm_packets(point, asks, (lambda: os.kill(pid[0], signal.SIGKILL)) if at % 2 == 1 else None)
            this = next(number)
            told.append((this, order(stand, this)))
            relay.disarm()
            if at % 2 == 1 and told[-1][1] == "lost":
                stand.wait_until(lambda: not os.path.exists(f"/proc/{pid[0]}") or is_ended(pid[0]), 10, "waybill is gone")
                stand.cluster("waybill", "start", "--conf", stand.directory + "/relayed.ini")
    finally:
        relay.arm(None)
        stand.cluster("waybill", "stop")
        stand.start_waybill()
        relay.close()
    stand.wait_until(lambda: not any(stand.root(server).query("XA RECOVER").rows for server in SERVERS), 30, "nothing is in doubt")
    client = mover(stand)
    for this, what in told:
        found = int(client.query(f"SELECT COUNT(*) FROM orders WHERE buyer_id BETWEEN {this * 10} AND {this * 10 + 5}").rows[0][0])
        assert found == (6 if what == "done" else found) and found in (0, 6), (this, what, found)
        for i in range(6):
            by_index = client.query(f"SELECT COUNT(*) FROM orders WHERE order_no = 'C-{this}-{i}' AND seller_id = {this * 10 + i}").rows
            assert by_index == [(str(found // 6),)], (this, i, found, by_index)
    assert len({what for _, what in told}) > 1, told
    check(stand)
    client.close()
