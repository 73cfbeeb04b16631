"""allow_key_change: an UPDATE of the shard key moves rows to other shards, and all that the client sees is as on one server:
counts, messages, errors, rows. Nothing is doubled or lost when a step fails or waybill is killed."""

import os
import signal

import cuts
import wire
from compare import Outcome
from test_commit_cuts import is_ended
from test_cuts import start_behind

TABLES = """
[table shop.carts]
key = buyer_id
[table shop.parts]
key = buyer_id
[table shop.typed]
key = owner
[table shop.named]
key = name
key_type = string
[table shop.areas]
method = range
key = area
ranges = ..99:s1, 100..199:s2, 200..299:s3
[table shop.marked]
key = buyer_id
id = id

[user mover]
password = mover_pw
server_user = app
server_password = app_pw
default_schema = shop
allow_key_change = on
"""
CLUSTER = {"shards": 3, "replicas": 0, "plain": True, "tables": TABLES, "settings": "in_doubt_ms = 500\n"}
MADE = {
    "carts": "id INT PRIMARY KEY, buyer_id BIGINT NOT NULL, note VARCHAR(30) DEFAULT 'none', n INT, total DECIMAL(10,2) NOT NULL DEFAULT 1.5, "
             "changed DATETIME NOT NULL DEFAULT '2020-01-01 00:00:00' ON UPDATE CURRENT_TIMESTAMP, twice DECIMAL(11,2) AS (total * 2) STORED, "
             "thrice DECIMAL(12,2) AS (total * 3) VIRTUAL, hidden INT INVISIBLE DEFAULT 7, UNIQUE KEY (buyer_id, n)",
    "parts": "buyer_id BIGINT NOT NULL, no INT NOT NULL, v INT NOT NULL DEFAULT 0, PRIMARY KEY (buyer_id, no), CHECK (v < 1000)",
    "typed": "id INT AUTO_INCREMENT PRIMARY KEY, owner INT NOT NULL, t TINYINT, b BIGINT UNSIGNED, f FLOAT, d DOUBLE, n DECIMAL(30,10), day DATE, tm TIME(3), "
             "dt DATETIME(6), ts TIMESTAMP NULL, y YEAR, c CHAR(10), v VARCHAR(20) COLLATE utf8mb4_bin, l VARCHAR(20) CHARACTER SET latin1, vb VARBINARY(20), "
             "tx TEXT, bl BLOB, bt BIT(9), e ENUM('z','a','m'), s SET('q','w'), j JSON",
    "named": "id INT PRIMARY KEY, name VARCHAR(20) NOT NULL, v INT",
    "areas": "area INT NOT NULL, id INT NOT NULL, v INT, PRIMARY KEY (id)",
}
ORDER = {"carts": "id", "parts": "buyer_id, no", "typed": "id", "named": "id", "areas": "id"}
SHOWN = {"carts": "id, buyer_id, note, n, total, changed > '2021-01-01', twice, thrice, hidden"}
STATEMENTS = (
    "UPDATE carts SET buyer_id = 9, note = 'x' WHERE id = 5",
    "UPDATE carts SET buyer_id = 9, note = 'x' WHERE id = 5",  # matched, not changed
    "UPDATE carts SET note = CONCAT(note, buyer_id), buyer_id = 17, total = total + buyer_id WHERE buyer_id IN (3, 4)",
    "UPDATE carts SET buyer_id = '3' WHERE id BETWEEN 8 AND 12",
    "UPDATE carts SET buyer_id = buyer_id + 1, changed = NOW() WHERE id IN (1, 2, 3, 4)",
    "UPDATE carts AS c SET c.buyer_id = 21 WHERE c.id = 1 OR c.note = 'x'",
    "UPDATE carts SET buyer_id = 22 WHERE buyer_id = 21 ORDER BY id DESC LIMIT 1",
    "UPDATE carts SET buyer_id = 22 WHERE note <> 'a\0b' AND id = 4 /* \0 */",
    "UPDATE carts SET buyer_id = 5 WHERE id = 99999",
    "UPDATE carts SET n = 3, buyer_id = 18 WHERE buyer_id = 6 AND id = 6",  # (18, 3) is there
    "UPDATE carts SET buyer_id = NULL WHERE id = 4",
    "UPDATE carts SET buyer_id = 'abc' WHERE id = 4",
    "UPDATE carts SET buyer_id = 8, total = 'much' WHERE id = 4",
    "UPDATE carts SET buyer_id = 8, note = REPEAT('x', 31) WHERE id = 4",
    "UPDATE carts SET buyer_id = 8 WHERE nothing = 4",
    "UPDATE carts SET buyer_id = 8 WHERE note = 5",
    "UPDATE carts SET buyer_id = 30",
    "UPDATE carts SET buyer_id = id, hidden = buyer_id",
    "UPDATE carts SET buyer_id = buyer_id DIV 2 + (1), note = 'all'",
    "UPDATE carts SET buyer_id = id WHERE (id < 3) OR (id > 20) ",
    "UPDATE carts SET buyer_id = (7) ORDER BY id",
    "UPDATE parts SET buyer_id = 8 WHERE buyer_id = 1",
    "UPDATE parts SET buyer_id = 8, v = v + 1 WHERE buyer_id = 2",  # (8, ..) is there
    "UPDATE parts SET buyer_id = 2 WHERE no = 0 AND buyer_id = 8",
    "UPDATE parts SET buyer_id = 40 WHERE no = 1 AND buyer_id = 3",
    "UPDATE parts SET buyer_id = 41, v = 2000 WHERE no = 2 AND buyer_id = 3",
    "UPDATE typed SET owner = 1",
    "UPDATE typed SET owner = 2, ts = ts",
    "UPDATE typed SET owner = 3, s = 'q,w', t = t + 1",
    "UPDATE typed SET owner = id + 11",
    "UPDATE named SET name = 'zoe', v = 5 WHERE id = 1",
    "UPDATE named SET name = 'Zoe' WHERE name = 'zoe'",
    "UPDATE named SET name = 'it''s' WHERE id < 4",
    "UPDATE areas SET area = area + 100 WHERE area < 200",
    "UPDATE areas SET area = 0 WHERE id IN (4, 1)",
    "UPDATE areas SET area = 299 - area",
)
BOUND = (  # statement, values
    ("UPDATE carts SET buyer_id = ?, note = ? WHERE id = ?", (33, "a'\\b", 6)),
    ("UPDATE parts SET buyer_id = ? WHERE buyer_id = ?", (50, 5)),
    ("UPDATE carts SET buyer_id = buyer_id + ? WHERE id < ?", (4, 9)),
    ("UPDATE named SET name = ? WHERE id = ?", ("bob", 2)),
)
REFUSED = (
    "UPDATE parts SET buyer_id = buyer_id + 1 WHERE no = 1",  # the primary key by an expression
    "UPDATE parts SET buyer_id = 77, no = 5 WHERE buyer_id = 4",
    "UPDATE carts SET id = id + 1000, buyer_id = 77",
    "UPDATE IGNORE carts SET buyer_id = 77",
    "UPDATE carts SET buyer_id = 77, buyer_id = 78",
    "UPDATE carts SET buyer_id = DEFAULT",
    "UPDATE carts SET buyer_id = (SELECT 77) WHERE id = 5",
    "UPDATE carts SET buyer_id = 77 WHERE (@n := id) > 0",
    "UPDATE carts c JOIN parts l ON l.buyer_id = c.buyer_id SET c.buyer_id = 77",
    "UPDATE parts SET buyer_id = 6.6 WHERE buyer_id = 4",
    "UPDATE areas SET area = 5000 WHERE id = 1",  # no range has it
    "UPDATE named SET name = '\u00e9' WHERE id = 1",
    "INSERT INTO parts (buyer_id, no) VALUES (5, 0) ON DUPLICATE KEY UPDATE buyer_id = 6",
    "UPDATE marked SET buyer_id = buyer_id + 1",
)
CUTS = int(os.environ.get("WAYBILL_TEST_CUTS", "4"))  # of so many packets that are spread evenly; every fourth one kills waybill
CARTS = max(100, CUTS * 15)  # that may be cut off
LIMITED = "UPDATE carts SET buyer_id = 77 ORDER BY id LIMIT 5"


def mover(stand, **more):
    return wire.Client(port=int(stand.values["WAYBILL_PORT"]), user="mover", password="mover_pw", database="shop", timeout=30, **more)


def fill(client):
    for name, columns in MADE.items():
        client.query(f"DROP TABLE IF EXISTS {name}")
        client.query(f"CREATE TABLE {name} ({columns}) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4")
    client.query("INSERT INTO carts (id, buyer_id, n) VALUES " + ", ".join(f"({i}, {i}, {i})" for i in range(1, 25)))
    client.query("INSERT INTO parts VALUES " + ", ".join(f"({i // 3}, {i % 3}, {i})" for i in range(3, 24)))
    client.query("SET time_zone = '+00:00'")
    client.query("""INSERT INTO typed VALUES
        (1, 5, -5, 18446744073709551615, 0.1, 0.1, -1.0000000001, '2024-02-29', '-12:34:56.789', '2026-01-01 00:00:00.000001', '2026-10-25 00:30:00', 2026,
         ' a ', 'it''s', 'ähm', X'00FF27', 'über\\nall', X'5C27', b'100000001', 'a', 'q,w', '{"a": 1}'),
        (2, 6, 127, 0, 3.4e38, 1e-300, 0, '9999-12-31', '838:59:59', '1000-01-01', '2026-10-25 01:30:00', 1999, '', '日本', '', '', '', '', 0, 'z', '', '[]'),
        (3, 7, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)""")
    client.query("SET time_zone = DEFAULT")
    client.query("INSERT INTO named VALUES (1, 'ann', 1), (2, 'bob', 2), (3, 'cid', 3), (4, 'dan', 4)")
    client.query("INSERT INTO areas VALUES " + ", ".join(f"({i * 47 % 300}, {i}, {i})" for i in range(1, 13)))


def rows_of(client, table):
    client.query("SET time_zone = '+00:00'")
    rows = client.query(f"SELECT {SHOWN.get(table, '*')} FROM {table} ORDER BY {ORDER[table]}").rows
    client.query("SET time_zone = DEFAULT")
    return [tuple(row) for row in rows]


def differences_of_tables(mine, theirs, sql):
    found = []
    for table in MADE:
        if table in sql:
            rows, wanted = rows_of(mine, table), rows_of(theirs, table)
            found += [f"{table}: {sorted(set(rows) ^ set(wanted))}"] if rows != wanted else []
    return found


def misplaced(stand, client):
    """Rows that waybill wouldn't find where they are, or that are there twice."""
    found = []
    for table, key in (("carts", "buyer_id"), ("parts", "buyer_id"), ("typed", "owner"), ("named", "name"), ("areas", "area")):
        for server in ("s1a", "s2a", "s3a"):
            for row in stand.root(server).query(f"SELECT DISTINCT {key}, COUNT(*) FROM shop.{table} GROUP BY BINARY {key}").rows:
                value = row[0].replace("'", "''")
                route = client.query(f"EXPLAIN ROUTE SELECT * FROM {table} WHERE {key} = '{value}'").rows
                shards = {step[1] for step in route if step[0] == "send"}
                found += [(table, row[0], server, shards)] if shards != {server[:2]} else []
    return found


def play(stand, statements, **way):
    filler = stand.client(user="loader")
    plain = stand.direct("plain", **way)
    client = mover(stand, **way)
    fill(filler)
    fill(plain)
    problems = []
    for sql in statements:
        values = ()
        if isinstance(sql, tuple):
            sql, values = sql
        mine, theirs = Outcome(client, sql, bool(values), values), Outcome(plain, sql, bool(values), values)
        for what in mine.differences(theirs, True) + differences_of_tables(client, plain, sql):
            problems.append(f"{sql}\n        {what}")
    assert not problems, "\n    ".join(["differences:"] + problems)
    assert misplaced(stand, client) == []
    for one in (filler, plain, client):
        one.close()


def branches(stand):
    return [row for server in ("s1a", "s2a", "s3a") for row in stand.root(server).query("XA RECOVER").rows]


def refusal(client, sql):
    try:
        client.query(sql)
    except wire.ServerError as error:
        return error.code, error.message
    return 0, ""


def test_as_on_one_server(stand):
    play(stand, STATEMENTS)


def test_found_rows_and_old_eof(stand):
    play(stand, STATEMENTS[:5] + STATEMENTS[15:17], capabilities=(wire.CLIENT_DEFAULT | wire.FOUND_ROWS) & ~wire.DEPRECATE_EOF)


def test_prepared(stand):
    play(stand, BOUND)


def all_rows(client):
    return {table: rows_of(client, table) for table in MADE}


def test_refused(stand):
    filler, client = stand.client(user="loader"), mover(stand)
    fill(filler)
    before = all_rows(client)
    for sql in REFUSED:
        code, text = refusal(client, sql)
        assert code == 9003, (sql, code, text)
    assert refusal(client, LIMITED)[0] == 9002
    code, text = refusal(filler, STATEMENTS[0])
    assert code == 9003 and "allow_key_change = on" in text, (code, text)
    for sql in ("SET waybill_distributed = refuse", "SET sql_mode = ''"):
        client.query(sql)
        assert refusal(client, STATEMENTS[0])[0] == 9003, sql
        client.reset_connection()
    for how, undo, word in (("CREATE TRIGGER parts_go BEFORE DELETE ON parts FOR EACH ROW SET @gone = 1", "DROP TRIGGER parts_go", "triggers"),
                            ("CREATE TABLE children (a BIGINT, b INT, FOREIGN KEY (a, b) REFERENCES parts (buyer_id, no))", "DROP TABLE children", "foreign keys"),
                            ("ALTER TABLE parts ADD SYSTEM VERSIONING", "ALTER TABLE parts DROP SYSTEM VERSIONING", "versioning"),
                            ("ALTER TABLE parts DROP PRIMARY KEY, ADD KEY (buyer_id)", "ALTER TABLE parts ADD PRIMARY KEY (buyer_id, no)", "PRIMARY KEY")):
        for shard in ("s1", "s2", "s3"):
            on(stand, shard, how)
        code, text = refusal(client, "UPDATE parts SET buyer_id = 60 WHERE buyer_id = 4")
        assert code == 9003 and word in text, (how, code, text)
        for shard in ("s1", "s2", "s3"):
            on(stand, shard, undo)
    client.init_db("shop")
    assert all_rows(client) == before
    assert client.query("UPDATE parts SET buyer_id = 60 WHERE buyer_id = 4").affected == 3
    client.close()
    filler.close()


def on(stand, shard, sql):
    root = stand.root(f"{shard}a")
    root.query("USE shop")
    root.query(sql)
    root.close()


def test_in_a_transaction(stand):
    """It is of the transaction; when it fails its own part is undone, on all shards, and the rest stays."""
    filler, client, other = stand.client(user="loader"), mover(stand), mover(stand)
    fill(filler)
    before = all_rows(client)
    client.query("BEGIN")
    client.query("UPDATE carts SET note = 'kept' WHERE id = 1")
    assert refusal(client, "UPDATE parts SET buyer_id = 30 WHERE buyer_id IN (1, 3)")[0] == 1062
    assert rows_of(client, "parts") == before["parts"]
    assert client.query("UPDATE carts SET buyer_id = buyer_id + 100").affected == 24
    assert {int(row[1]) for row in rows_of(client, "carts")} == set(range(101, 125))
    assert rows_of(other, "carts") == before["carts"]
    client.query("ROLLBACK")
    assert all_rows(client) == before and branches(stand) == []
    client.query("SET autocommit = 0")
    assert client.query("UPDATE carts SET buyer_id = buyer_id + 100").affected == 24
    client.query("COMMIT")
    assert {int(row[1]) for row in rows_of(other, "carts")} == set(range(101, 125))
    assert misplaced(stand, other) == [] and branches(stand) == []
    for one in (filler, client, other):
        one.close()


def test_last_insert_id_and_warnings(stand):
    filler, client = stand.client(user="loader"), mover(stand)
    fill(filler)
    filler.query("ALTER TABLE typed AUTO_INCREMENT = 1000")
    client.query("INSERT INTO typed (owner) VALUES (5)")
    made = client.query("SELECT LAST_INSERT_ID()").rows
    result = client.query("UPDATE typed SET owner = owner + 100, n = 1.23456789012345 WHERE id < 3")
    assert (result.affected, result.insert_id) == (2, 0)
    assert client.query("SELECT LAST_INSERT_ID()").rows == made and made != [("0",)]
    client.query("UPDATE carts SET buyer_id = 70 WHERE id = 5")
    assert client.query("SELECT ROW_COUNT()").rows == [("1",)]
    filler.close()
    client.close()


def test_a_row_that_comes_in_between(stand):
    """READ COMMITTED: it isn't updated, so that it isn't left where it doesn't belong."""
    filler, client, holder = stand.client(user="loader"), mover(stand), mover(stand)
    fill(filler)
    places = {server: [int(row[0]) for row in stand.root(f"{server}a").query("SELECT id FROM shop.carts ORDER BY id").rows] for server in ("s1", "s2", "s3")}
    holder.query("BEGIN")
    holder.query(f"UPDATE carts SET total = 2 WHERE id = {places['s3'][0]} AND buyer_id = {places['s3'][0]}")
    client.query("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
    client.send_command(wire.COM_QUERY, "UPDATE carts SET buyer_id = 7, note = 'all' WHERE n > 0")
    waits = "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE 'SELECT _id_ FROM carts%FOR UPDATE'"
    stand.wait_until(lambda: stand.root("s3a").query(waits).rows != [("0",)], 20, "it waits on s3")
    late = places["s1"][0]
    filler.query(f"INSERT INTO carts (id, buyer_id, n) VALUES (1000, {late}, 77)")
    holder.query("COMMIT")
    assert client.read_result(wire.decode_text_row, False).affected == 24
    assert misplaced(stand, filler) == []
    assert filler.query("SELECT id, buyer_id FROM carts WHERE note = 'none'").rows == [("1000", str(late))]
    for one in (filler, client, holder):
        one.close()


def test_prepared_for_another_database(stand):
    """Each step runs where the statement was prepared, and sql_select_limit is not for what waybill reads."""
    filler, client = stand.client(user="loader"), mover(stand)
    fill(filler)
    statement = client.prepare("UPDATE carts SET buyer_id = ? WHERE id = ?")
    client.query("USE information_schema")
    client.query("SET sql_select_limit = 1")
    assert client.execute(statement, [80, 5]).affected == 1
    assert client.query("SELECT buyer_id, n FROM shop.carts WHERE id = 5").rows == [("80", "5")]
    assert client.query("UPDATE shop.carts SET buyer_id = 81").affected == 24
    filler.close()
    client.close()


def test_explain_route(stand):
    client = mover(stand)
    steps = client.query("EXPLAIN ROUTE UPDATE carts SET buyer_id = 9 WHERE id = 5").rows
    assert [step[0] for step in steps] == ["ask", "send", "send", "send", "merge", "guard", "why"], steps
    assert "deleted, and inserted there" in steps[0][3] and "atomic" in steps[5][3], steps
    client.close()


# ---- cut off

def move(stand, number):
    """Cart `number` of buyer `number` to buyer `number + 1000`. What the client was told: 'done', an error's number, or None."""
    try:
        client = mover(stand)
        assert client.query(f"UPDATE carts SET buyer_id = {number + 1000}, note = 'moved' WHERE id = {number}").affected == 1
        client.close()
        return "done"
    except wire.ServerError as error:
        return error.code
    except (wire.ConnectionLost, OSError):
        return None


def has_moved(stand, number):
    found = []
    for server in ("s1a", "s2a", "s3a"):
        found += stand.root(server).query(f"SELECT buyer_id, note FROM shop.carts WHERE id = {number}").rows
    assert found in ([(str(number), "none")], [(str(number + 1000), "moved")]), (number, found)
    return found[0][1] == "moved"


def numbers_that_leave(stand):
    """Carts of s1 whose buyer will be one of s2, so that each move has as many packets as the other; and others that leave."""
    place = {}
    for server in ("s1a", "s2a", "s3a"):
        place.update({int(row[0]): server for row in stand.root(server).query("SELECT buyer_id FROM shop.carts").rows})
    leaving = [number for number in range(1, CARTS) if place[number] != place[number + 1000]]
    alike = [number for number in leaving if (place[number], place[number + 1000]) == ("s1a", "s2a")]
    return iter(alike), iter(sorted(set(leaving) - set(alike)))


def spread(points, count):
    return points[::max(1, len(points) // (count - 1))][:count - 1] + points[-1:]


def check_cut(stand, client, told):
    stand.wait_until(lambda: branches(stand) == [], 20, lambda: branches(stand))
    for number, where, what in told:
        moved = has_moved(stand, number)
        assert what == "done" and moved or what in (1213, 9004) and not moved or what in (9007, 2013, None), (where, what, moved)
    assert {True, False} == {has_moved(stand, number) for number, _, _ in told}, told
    assert misplaced(stand, client) == []


def test_cut_off(stand):
    """The connection to a server is lost, or waybill is killed, while a row is on its way."""
    filler = stand.client(user="loader")
    fill(filler)
    filler.query("DELETE FROM carts")
    for base in (1, 1001):
        filler.query("INSERT INTO carts (id, buyer_id) VALUES " + ", ".join(f"({i}, {i})" for i in range(base, base + CARTS)))
    numbers, others = numbers_that_leave(stand)
    relay = cuts.Relay({server: int(stand.values[f"WAYBILL_{server.upper()}_PORT"]) for server in ("s1a", "s2a", "s3a")}, ("app",))
    told, pid = [], [0]
    try:
        start_behind(stand, relay, workers=1)
        stand.wait_until(lambda: move(stand, next(others)) == "done", 20, "moves are done")
        relay.arm(None)
        assert move(stand, next(numbers)) == "done"
        counts = [sum(len(cuts.packet_ends(stream)) for stream in streams.values()) for streams in (relay.asked, relay.heard)]
        points = [(True, n + 1) for n in range(counts[0])] + [(False, n + 1) for n in range(counts[1])]
        for at, (asks, point) in enumerate(spread(points, CUTS)):
            is_killed = at % 4 == 2
            relay.arm(None)
            stand.wait_until(lambda: move(stand, next(others)) == "done", 20, "moves go on")
            pid[0] = stand.waybill_pid()
            relay.arm_packets(point, asks, (lambda: os.kill(pid[0], signal.SIGKILL)) if is_killed else None)
            number = next(numbers)
            told.append((number, (is_killed, asks, point), move(stand, number)))
            assert relay.disarm(), (asks, point)
            if is_killed:
                stand.wait_until(lambda: not os.path.exists(f"/proc/{pid[0]}") or is_ended(pid[0]), 10, "waybill is gone")
                stand.cluster("waybill", "start", "--conf", stand.directory + "/relayed.ini")
        check_cut(stand, mover(stand), told)
    finally:
        relay.arm(None)
        stand.cluster("waybill", "stop")
        stand.start_waybill()
        relay.close()
