"""Prepared statements: what they come to must be what one plain server makes of them, wherever and how often they move."""

import os
import struct
import threading
import time

import wire

CLUSTER = {"shards": 2, "replicas": 1, "plain": True}
TABLES = """CREATE TABLE users (buyer_id BIGINT PRIMARY KEY, name VARCHAR(200), age INT);
CREATE TABLE orders (order_id BIGINT PRIMARY KEY, buyer_id BIGINT NOT NULL, note VARCHAR(50));
CREATE TABLE inventory (product_id BIGINT PRIMARY KEY, n INT)"""


def plain(stand, **more):
    return wire.Client(port=int(stand.values["WAYBILL_PLAIN_PORT"]), user=stand.values["WAYBILL_USER"],
                       password=stand.values["WAYBILL_PASSWORD"], database="shop", timeout=30, **more)


def fill(client):
    for sql in TABLES.split(";"):
        client.query(f"DROP TABLE IF EXISTS {sql.split()[2]}")
        client.query(sql)


def outcome(run):
    """What a call comes to, as something to compare."""
    try:
        result = run()
    except wire.ServerError as why:
        return (why.code, why.sqlstate, why.message)
    if result is None:
        return None
    columns = [(c.name, c.type, c.flags, c.length, c.decimals, c.collation) for c in result.columns] if result.is_result_set else None
    return (columns, result.rows, result.affected, result.insert_id, result.warnings, result.message)


def error_of(run):
    try:
        run()
    except wire.ServerError as why:
        return why.code
    return None


def both(stand, user=None):
    clients = [plain(stand), stand.client(user=user)]
    for client in (plain(stand), stand.client(user="loader")):
        fill(client)
        client.close()
    return clients


def test_rows_of_several_shards_in_one_insert(stand):
    """For a user who may: split, each shard with the parameters of its rows."""
    direct, client = both(stand, "loader")
    ids = [3, 4, 5, 6, 7, 8, 9, 10]
    for sql in ("INSERT INTO users (buyer_id, name, age) VALUES " + ", ".join(["(?, ?, ?)"] * 8),
                "INSERT INTO users (buyer_id, name, age) VALUES " + ", ".join(["(?, ?, ?)"] * 8)
                + " ON DUPLICATE KEY UPDATE name = CONCAT(VALUES(name), ?), age = ?",
                "REPLACE INTO users (age, buyer_id, name) VALUES " + ", ".join(["(7, ?, ?)"] * 8)):
        values = []
        for i in ids:
            values += [i, f"user {i}"] + ([] if sql.startswith("REPLACE") else [i % 3])
        values += ["!", 9] if "DUPLICATE" in sql else []
        got = [outcome(lambda: c.execute(c.prepare(sql), values)) for c in (direct, client)]
        assert got[0] == got[1], got
        rows = [c.query("SELECT * FROM users ORDER BY buyer_id").rows for c in (direct, client)]
        assert rows[0] == rows[1] and len(rows[0]) == 8, rows
    for i, name in ((1, "SELECT COUNT(*) FROM shop.users"), (2, "SELECT COUNT(*) FROM shop.users")):
        assert 0 < int(stand.direct(f"s{i}a").query(name).rows[0][0]) < 8
    text = "INSERT INTO users (buyer_id, name) VALUES (?, ?), (21, 'x'), (?, ?), (?, ?)"
    for c in (direct, client):
        c.query(f"PREPARE many FROM '{text}'".replace("'x'", "''x''"))
        c.query("SET @a = 22, @b = 'b', @c = 23")
    got = [outcome(lambda: c.query("EXECUTE many USING @a, @b, 24, 'd', @c, @b")) for c in (direct, client)]
    assert got[0] == got[1], got
    rows = [c.query("SELECT * FROM users ORDER BY buyer_id").rows for c in (direct, client)]
    assert rows[0] == rows[1] and len(rows[0]) == 12, rows


def test_made_ids_of_several_shards(stand):
    _, client = both(stand, "loader")
    statement = client.prepare("INSERT INTO orders (note, buyer_id) VALUES (?, ?), ('literal', ?), (?, ?)")
    for turn in range(3):
        result = client.execute(statement, ["a", 3, 4, "c", 5 + turn])
        assert result.affected == 3 and result.insert_id > 0, vars(result)
    replaced = client.prepare("INSERT INTO orders (order_id, note, buyer_id) VALUES (?, ?, ?), (?, ?, ?)")
    assert client.execute(replaced, [None, "e", 8, 0, "f", 9]).affected == 2
    client.query("EXECUTE IMMEDIATE 'INSERT INTO orders (order_id, note, buyer_id) VALUES (?, ?, ?), (NULL, ?, ?)' USING NULL, 'g', 10, 'h', 12")
    client.query("EXECUTE IMMEDIATE 'INSERT INTO orders (note, buyer_id) VALUES (?, ?), (?, ?)' USING 'i', 13, 'j', 14")
    rows = client.query("SELECT order_id, buyer_id, note FROM orders").rows
    assert len(rows) == 15 and len({row[0] for row in rows}) == 15, rows
    for order_id, buyer_id, note in rows:  # found by the id, and by the key
        assert client.query(f"SELECT buyer_id, note FROM orders WHERE order_id = {order_id}").rows == [(buyer_id, note)]
        assert (order_id,) in client.query(f"SELECT order_id FROM orders WHERE buyer_id = {buyer_id}").rows
