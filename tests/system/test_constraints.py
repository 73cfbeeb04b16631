"""Constraints that no server can keep over shards are reported when they are made; triggers are dropped where they are."""

import wire

TABLES = """[table shop.orders]
key = buyer_id
id = order_id

[table shop.users]
with = shop.orders
key = buyer_id

[table shop.products]
type = reference

[table shop.inventory]
type = unsharded
shard = s2
"""
CLUSTER = {"shards": 3, "replicas": 0, "tables": TABLES}


def warnings(client):
    return [(row[0], int(row[1]), row[2]) for row in client.query("SHOW WARNINGS").rows]


def codes(client, sql, prepared=False):
    result = client.execute(client.prepare(sql)) if prepared else client.query(sql)
    found = warnings(client)
    assert result.warnings == len(found), (sql, result.warnings, found)
    assert all(level == "Warning" for level, _, _ in found)
    return [code for _, code, _ in found]


def refused(client, sql):
    try:
        client.query(sql)
    except wire.ServerError as error:
        return error.code, error.message
    raise AssertionError(f"{sql} was not refused")


def drop_all(client):
    for table in ("users", "orders", "inventory", "products"):
        client.query(f"DROP TABLE IF EXISTS {table}")


ORDERS = "CREATE TABLE orders (order_id BIGINT NOT NULL PRIMARY KEY, buyer_id BIGINT NOT NULL, no INT%s)"


def test_warnings_are_shown_and_counted(stand):
    client = stand.client(user="loader")
    drop_all(client)
    assert codes(client, ORDERS % "") == []
    assert codes(client, "ALTER TABLE orders ADD UNIQUE (no), ADD COLUMN n INT UNIQUE") == [9034, 9034]
    text = client.query("ALTER TABLE orders DROP KEY no, ADD UNIQUE no (no)") and warnings(client)[0][2]
    assert "UNIQUE (`no`) of table shop.orders lacks what places its rows, `buyer_id`" in text, text
    assert codes(client, "CREATE UNIQUE INDEX i ON orders (no, buyer_id)") == []
    client.query("DROP TABLE orders")
    assert codes(client, ORDERS % " UNIQUE", prepared=True) == [9034]
    assert codes(client, "CREATE TABLE users (buyer_id BIGINT NOT NULL, n INT AUTO_INCREMENT, "
                         "KEY (n), PRIMARY KEY (buyer_id))") == [9036]
    assert client.query("SELECT COUNT(*) FROM users").warnings == 0 and warnings(client) == []
    drop_all(client)
    client.close()


def test_a_table_of_one_shard_that_refers_elsewhere(stand):
    client = stand.client(user="loader")
    drop_all(client)
    client.query("SET foreign_key_checks = 0")
    assert codes(client, "CREATE TABLE inventory (id INT PRIMARY KEY, o BIGINT, FOREIGN KEY (o) "
                         "REFERENCES orders (order_id))") == [9035]
    assert client.query("SELECT COUNT(*) FROM inventory").rows == [("0",)]
    drop_all(client)
    client.close()


def test_denied_nothing_is_done(stand):
    client = stand.client(user="loader")
    drop_all(client)
    client.query("CREATE TABLE products (id INT PRIMARY KEY)")
    client.query(ORDERS % ", KEY (no)")
    client.close()
    stand.settings = "unsafe_constraints = deny\n"
    stand.cluster("waybill", "stop")
    stand.start_waybill()
    try:
        client = stand.client(user="loader")
        for code, sql in ((9034, "ALTER TABLE orders ADD UNIQUE (no)"), (9034, "CREATE UNIQUE INDEX i ON orders (no)"),
                          (9035, "CREATE TABLE users (buyer_id BIGINT PRIMARY KEY, o INT, FOREIGN KEY (o) REFERENCES orders (no))"),
                          (9036, "CREATE TABLE users (buyer_id BIGINT PRIMARY KEY, n SERIAL)")):
            said = refused(client, sql)
            assert said[0] == code and "unsafe_constraints = deny" in said[1], said
        assert client.query("SHOW TABLES").rows == [("orders",), ("products",)]
        assert codes(client, "CREATE TABLE users (buyer_id BIGINT PRIMARY KEY, p INT, FOREIGN KEY (p) REFERENCES products (id), "
                             "FOREIGN KEY (buyer_id) REFERENCES users (buyer_id))") == []
        client.close()
    finally:
        stand.settings = ""
        stand.cluster("waybill", "stop")
        stand.start_waybill()
    client = stand.client(user="loader")
    drop_all(client)
    client.close()


def let_triggers_be_made(stand):
    for shard in range(1, stand.shards + 1):
        root = stand.root(f"s{shard}a")
        root.query("SET GLOBAL log_bin_trust_function_creators = 1")
        root.close()


def triggers_on(stand):
    found = []
    for shard in range(1, stand.shards + 1):
        direct = stand.direct(f"s{shard}a")
        found.append(len(direct.query("SHOW TRIGGERS").rows))
        direct.close()
    return found


def test_triggers_are_dropped_where_they_are(stand):
    client = stand.client(user="loader")
    drop_all(client)
    let_triggers_be_made(stand)
    client.query("CREATE TABLE inventory (id INT PRIMARY KEY, n INT)")
    client.query(ORDERS % "")
    client.query("CREATE TRIGGER of_one BEFORE INSERT ON inventory FOR EACH ROW SET NEW.n = 1")
    client.query("CREATE TRIGGER of_all BEFORE INSERT ON orders FOR EACH ROW SET NEW.no = 1")
    assert triggers_on(stand) == [1, 2, 1]
    client.query("DROP TRIGGER of_one")
    assert triggers_on(stand) == [1, 1, 1]
    client.query("DROP TRIGGER IF EXISTS shop.of_all")
    assert triggers_on(stand) == [0, 0, 0]
    assert refused(client, "DROP TRIGGER of_one")[0] == 1360
    assert client.query("DROP TRIGGER IF EXISTS of_one").warnings == 1
    assert [row[:2] for row in client.query("SHOW WARNINGS").rows] == [("Note", "1360")]
    drop_all(client)
    client.close()
