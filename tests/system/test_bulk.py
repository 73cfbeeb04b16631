"""MariaDB's COM_STMT_BULK_EXECUTE: many sets of values in one packet must come to what one plain server makes of them."""

import os
import struct
import subprocess

import stand as stands
import wire

CLUSTER = {"shards": 2, "replicas": 0, "plain": True}
TABLES = """CREATE TABLE users (buyer_id BIGINT PRIMARY KEY, name VARCHAR(10) DEFAULT 'nobody', age INT);
CREATE TABLE orders (order_id BIGINT PRIMARY KEY, buyer_id BIGINT NOT NULL, note VARCHAR(50));
CREATE TABLE inventory (product_id BIGINT PRIMARY KEY AUTO_INCREMENT, n INT);CREATE TABLE products (product_id BIGINT PRIMARY KEY, name VARCHAR(20))"""
INT, STRING, BIG = (3, 0), (253, 0), (8, 0)
BULK = wire.CLIENT_DEFAULT | wire.STMT_BULK
DEFAULT, IGNORE = 2, 3


def integer(n):
    return struct.pack("<i", n)


def string(text):
    return wire.lenenc_bytes(text.encode())


def fill(client):
    for sql in TABLES.split(";"):
        client.query(f"DROP TABLE IF EXISTS {sql.split()[2]}")
        client.query(sql)
    return client


def pair(stand, user=None):
    direct = wire.Client(port=int(stand.values["WAYBILL_PLAIN_PORT"]), user=stand.values["WAYBILL_USER"],
                         password=stand.values["WAYBILL_PASSWORD"], database="shop", timeout=30, capabilities=BULK)
    assert direct.capabilities & wire.STMT_BULK
    client = stand.client(user=user, capabilities=BULK)
    assert client.capabilities & wire.STMT_BULK, "all servers have it"
    return fill(direct), fill(client)


def outcome(run):
    try:
        result = run()
    except wire.ServerError as why:
        return (why.code, why.sqlstate, why.message)
    return (result.affected, result.insert_id, result.warnings, result.message, result.rows)


def rows_of(client, table):
    return sorted(client.query(f"SELECT * FROM {table}").rows)


def same(clients, sql, types, sets, flags=128):
    got = [outcome(lambda: c.execute_bulk(c.prepare(sql), types, sets, flags)) for c in clients]
    assert got[0] == got[1], (sql, got)
    return got[0]


def test_tables_on_one_shard(stand):
    clients = pair(stand)
    insert = "INSERT INTO inventory (product_id, n) VALUES (?, ?)"
    same(clients, "INSERT INTO inventory (n) VALUES (?)", [INT], [(integer(5),), (None,), (DEFAULT,)])
    same(clients, insert, [INT, INT], [(integer(100), integer(1)), (integer(1), integer(2)), (integer(101), integer(3))])  # all or nothing
    same(clients, insert.replace("INSERT", "INSERT IGNORE"), [INT, INT], [(integer(100), integer(1)), (integer(1), integer(2))])
    same(clients, insert + " ON DUPLICATE KEY UPDATE n = n + 1", [INT, INT], [(integer(100), integer(1)), (integer(1), integer(2))])
    same(clients, "UPDATE inventory SET n = ? WHERE product_id = ?", [INT, INT], [(integer(7), integer(1)), (IGNORE, integer(2)), (integer(8), integer(999))])
    same(clients, "DELETE FROM inventory WHERE product_id = ?", [INT], [(integer(1),), (integer(1),), (integer(100),)])
    same(clients, insert + " RETURNING product_id, n", [INT, INT], [(integer(400), integer(1)), (integer(401), None)])
    same(clients, "INSERT INTO inventory (product_id, n) VALUES (?, ?), (?, 2)", [INT, INT, INT], [(integer(500), integer(1), integer(501))])
    for sql, types, sets, flags in ((insert, [INT, INT], [], 128), (insert, [INT, INT], [(integer(600),)], 128), (insert, [INT, INT], [(integer(601), 7)], 128),
                                    (insert, [INT, INT], [(integer(602), integer(1))], 192), (insert, [INT, INT], [(integer(602), integer(1))], 129),
                                    ("SELECT * FROM inventory WHERE n = ?", [INT], [(integer(1),)], 128), ("SET @a = 5", [], [], 128), ("DO ?", [INT], [(integer(1),)], 128),
                                    ("INSERT INTO inventory (n) VALUES (5)", [], [], 128), ("INSERT INTO inventory (n) SELECT ?", [INT], [(integer(1),)], 128)):
        same(clients, sql, types, sets, flags)
    for c in clients:
        c.query("BEGIN")
    same(clients, insert, [INT, INT], [(integer(700), integer(1)), (integer(700), integer(2))])
    same(clients, insert, [INT, INT], [(integer(701), integer(1)), (integer(702), integer(2))])
    for c in clients:
        c.query("ROLLBACK")
    assert rows_of(clients[0], "inventory") == rows_of(clients[1], "inventory")
    got = [outcome(lambda: c.execute_bulk(wire.Statement(999, [1], []), [], [(integer(1),)], 0)) for c in clients]
    assert got[0] == got[1] and got[0][0] == 1243, got


def test_types_are_remembered(stand):
    clients = pair(stand)
    statements = [c.prepare("INSERT INTO inventory (product_id, n) VALUES (?, ?)") for c in clients]
    for types, sets, flags in (([INT, INT], [(integer(1), integer(1))], 128), ([], [(integer(2), integer(2)), (integer(3), None)], 0),
                               ([STRING, INT], [(string("4"), integer(4))], 128), ([], [(string("5"), integer(4))], 0)):
        got = [outcome(lambda: c.execute_bulk(s, types, sets, flags)) for c, s in zip(clients, statements)]
        assert got[0] == got[1], got
    assert rows_of(clients[0], "inventory") == rows_of(clients[1], "inventory")


def test_a_sharded_table(stand):
    """Each shard's sets in their order; what one server would do as one statement needs a user who may do it on several."""
    clients = pair(stand, "loader")
    insert = "INSERT INTO users (buyer_id, name, age) VALUES (?, ?, ?)"
    sets = [(integer(i), None if i % 5 == 0 else DEFAULT if i % 7 == 0 else string(f"user {i}"), integer(i % 4)) for i in range(1, 101)]
    result = same(clients, insert, [INT, STRING, INT], sets)
    assert result[0] == 100 and "Records: 100" in result[3], result
    shares = [int(stand.direct(f"s{n}a").query("SELECT COUNT(*) FROM shop.users").rows[0][0]) for n in (1, 2)]
    assert sum(shares) == 100 and min(shares) > 10, shares
    same(clients, "UPDATE users SET age = ?, name = CONCAT(name, ?) WHERE buyer_id = ?", [INT, STRING, BIG],
         [(integer(50 + i), string("!"), struct.pack("<q", i)) for i in range(1, 101)] + [(integer(99), string("?"), struct.pack("<q", 7))])
    same(clients, "INSERT INTO users (buyer_id, age) VALUES (?, ?) ON DUPLICATE KEY UPDATE age = age + VALUES(age)", [STRING, INT],
         [(string(str(i)), integer(1000)) for i in range(90, 111)])
    same(clients, "DELETE FROM users WHERE buyer_id = ?", [INT], [(integer(i),) for i in range(1, 50, 3)])
    same(clients, "REPLACE INTO users (name, buyer_id) VALUES (?, ?)", [STRING, INT], [(string("new"), integer(i)) for i in range(1, 20)])
    assert rows_of(clients[0], "users") == rows_of(clients[1], "users")
    many = [(integer(i), string("many"), None) for i in range(1000, 21000)]
    result = same(clients, insert, [INT, STRING, INT], many)
    assert result[0] == 20000, result
    assert rows_of(clients[0], "users") == rows_of(clients[1], "users")


def test_no_column_list(stand):
    """The columns are asked for before any set is placed."""
    clients = pair(stand, "loader")
    sets = [(integer(i), string("x"), integer(i % 4)) for i in range(1, 51)]
    same(clients, "INSERT INTO users VALUES (?, ?, ?)", [INT, STRING, INT], sets)
    shares = [int(stand.direct(f"s{n}a").query("SELECT COUNT(*) FROM shop.users").rows[0][0]) for n in (1, 2)]
    assert sum(shares) == 50 and min(shares) > 5, shares
    for i in range(1, 51):  # each where it is looked for
        assert clients[1].query(f"SELECT age FROM users WHERE buyer_id = {i}").rows == [(str(i % 4),)]


def test_what_is_refused(stand):
    _, client = pair(stand)
    insert = client.prepare("INSERT INTO users (buyer_id, name) VALUES (?, ?)")
    keys = {1: [], 2: []}
    for i in range(1, 200):
        why = stand.admin(f"EXPLAIN ROUTE SELECT * FROM shop.users WHERE buyer_id = {i}")
        keys[1 if "s1 " in str(why) else 2].append(i)
    one = [(integer(i), string("one")) for i in keys[1][:20]]
    assert client.execute_bulk(insert, [INT, STRING], one).affected == 20
    mixed = [(integer(keys[1][30]), string("a")), (integer(keys[2][30]), string("b"))]
    for types, sets, code in (([INT, STRING], mixed, 9002), ([INT, STRING], [(None, string("x"))], 9003), ([INT, STRING], [(DEFAULT, string("x"))], 9003)):
        got = outcome(lambda: client.execute_bulk(insert, types, sets))
        assert got[0] == code, (sets, got)
    every = client.prepare("UPDATE users SET name = ?")
    assert outcome(lambda: client.execute_bulk(every, [STRING], [(string("all"),)]))[0] == 9002
    assert client.query("SELECT COUNT(*) FROM users").rows == [("20",)]
    plain = stand.client()
    statement = plain.prepare("INSERT INTO users (buyer_id, name) VALUES (?, ?)")
    assert outcome(lambda: plain.execute_bulk(statement, [INT, STRING], one))[0] == 1047  # it was not agreed on


def test_made_ids(stand):
    _, client = pair(stand, "loader")
    left_out = client.prepare("INSERT INTO orders (buyer_id, note) VALUES (?, ?)")
    result = client.execute_bulk(left_out, [INT, STRING], [(integer(i), string(f"order {i}")) for i in range(50)])
    assert result.affected == 50 and result.insert_id > 0
    first = client.query("SELECT LAST_INSERT_ID()").rows[0][0]
    assert int(first) == result.insert_id
    given = client.prepare("INSERT INTO orders (order_id, buyer_id, note) VALUES (?, ?, ?)")
    for nothing in (None, DEFAULT, integer(0)):
        assert client.execute_bulk(given, [INT, INT, STRING], [(nothing, integer(i), string("made")) for i in range(10)]).affected == 10
    rows = client.query("SELECT order_id, buyer_id FROM orders").rows
    assert len(rows) == 80 and len({row[0] for row in rows}) == 80
    for order_id, buyer_id in rows:
        assert client.query(f"SELECT buyer_id FROM orders WHERE order_id = {order_id}").rows == [(buyer_id,)]
        assert (order_id,) in client.query(f"SELECT order_id FROM orders WHERE buyer_id = {buyer_id}").rows


def test_reference_tables(stand):
    clients = pair(stand, "loader")
    same(clients, "INSERT INTO products (product_id, name) VALUES (?, ?)", [INT, STRING], [(integer(i), string(f"product {i}")) for i in range(30)])
    for shard in (1, 2):
        assert stand.direct(f"s{shard}a").query("SELECT COUNT(*) FROM shop.products").rows == [("30",)]


def test_connector_c(stand):
    """Arrays bound by mysql_stmt_attr_set, cursors, and mariadb_stmt_execute_direct."""
    program = os.path.join(stands.BUILD, "connector_c_bulk")
    source = os.path.join(stands.HERE, "clients", "connector_c_bulk.c")
    subprocess.run(["gcc", "-Wall", "-o", program, source, "-isystem", "/usr/include/mariadb", "-lmariadb"], check=True)
    printed = []
    for client, port in zip(pair(stand, "loader"), ("WAYBILL_PLAIN_PORT", "WAYBILL_PORT")):
        is_direct = port == "WAYBILL_PLAIN_PORT"
        user, password = (stand.values["WAYBILL_USER"], stand.values["WAYBILL_PASSWORD"]) if is_direct else ("loader", "loader_pw")
        environment = dict(os.environ, DB_PORT=stand.values[port], DB_USER=user, DB_PASSWORD=password, DB_NAME="shop")
        printed.append(subprocess.run([program], env=environment, capture_output=True, text=True, timeout=60, check=True).stdout)
    assert printed[0] == printed[1] and "3 rows" in printed[0], "\n".join(printed)
