"""Tables that must not be written by a transaction on several shards are refused, with the reason, before anything commits."""

import struct

import wire

SHARDED = "".join(f"[table shop.{name}]\nkey = buyer_id\n\n" for name in ("users", "payments", "order_items"))
CLUSTER = {"shards": 2, "replicas": 0, "tables": SHARDED + "[table shop.products]\ntype = reference\n",
           "settings": "local_infile = on\n"}
MONEY = 100
TABLES = ("users", "payments", "products", "order_items")


def bank(stand, **more):
    return wire.Client(port=int(stand.values["WAYBILL_PORT"]), user="bank", password="bank_pw", database="shop", timeout=20, **more)


def on_both(stand, *statements):
    """Straight on the servers: waybill hears of it when it asks again."""
    for server in ("s1a", "s2a"):
        root = stand.root(server)
        root.query("USE shop")
        for sql in statements:
            root.query(sql)


def make(stand, payments="buyer_id BIGINT PRIMARY KEY, order_id BIGINT, v INT) ENGINE=InnoDB"):
    """DDL through waybill, so that nothing is believed of tables that were here before. Buyers of s1 and s2."""
    client = bank(stand)
    on_both(stand, "DROP VIEW IF EXISTS order_items", *(f"DROP TABLE IF EXISTS {table}" for table in TABLES))
    client.query("CREATE TABLE users (buyer_id BIGINT PRIMARY KEY, money INT NOT NULL) ENGINE=InnoDB")
    client.query(f"CREATE TABLE payments ({payments}")
    client.query(f"INSERT INTO users VALUES {', '.join(f'({i}, {MONEY})' for i in range(1, 21))}")
    pair = [int(stand.root(f"{shard}a").query("SELECT MIN(buyer_id) FROM shop.users").rows[0][0]) for shard in ("s1", "s2")]
    return (client, *pair)


def refusal(client, sql):
    try:
        client.query(sql)
    except wire.ServerError as error:
        return error.code, error.message
    return 0, ""


def count(stand, table):
    return [int(stand.root(f"{shard}a").query(f"SELECT COUNT(*) FROM shop.{table}").rows[0][0]) for shard in ("s1", "s2")]


NO_KEY = "buyer_id BIGINT, order_id BIGINT, v INT, KEY (buyer_id)) ENGINE=InnoDB"
NO_TRANSACTIONS = "buyer_id BIGINT PRIMARY KEY, order_id BIGINT, v INT) ENGINE=MyISAM"


def test_second_shard(stand):
    for payments, word in ((NO_KEY, "PRIMARY KEY"), (NO_TRANSACTIONS, "without transactions")):
        client, one, other = make(stand, payments)
        client.query("BEGIN")
        client.query(f"UPDATE users SET money = money - 1 WHERE buyer_id = {one}")
        code, text = refusal(client, f"INSERT INTO payments VALUES ({other}, 1, 1)")
        assert code == 9010 and "shop.payments" in text and word in text and "'s2'" in text, (code, text)
        client.query(f"UPDATE users SET money = money + 1 WHERE buyer_id = {other}")  # the transaction lives on
        client.query("COMMIT")
        assert count(stand, "payments") == [0, 0]
        rows = client.query(f"SELECT money FROM users WHERE buyer_id IN ({one}, {other}) ORDER BY money").rows
        assert rows == [(str(MONEY - 1),), (str(MONEY + 1),)], rows


def test_written_before(stand):
    for payments, word in ((NO_KEY, "PRIMARY KEY"), (NO_TRANSACTIONS, "without transactions")):
        client, one, other = make(stand, payments)
        client.query("BEGIN")
        client.query(f"INSERT INTO payments VALUES ({one}, 1, 1)")  # on one shard that is nobody's business
        client.query(f"UPDATE users SET money = money - 1 WHERE buyer_id = {one}")
        code, text = refusal(client, f"UPDATE users SET money = money + 1 WHERE buyer_id = {other}")
        assert code == 9010 and "shop.payments" in text and word in text and "'s1'" in text, (code, text)
        client.query("COMMIT")
        assert sum(count(stand, "payments")) == 1
        assert total(client) == 20 * MONEY - 1
        client.query("SET autocommit = 0")
        client.query(f"INSERT INTO payments VALUES ({other}, 1, 1)")
        assert refusal(client, f"UPDATE users SET money = 0 WHERE buyer_id = {one}")[0] == 9010
        client.query("ROLLBACK")
        client.query(f"UPDATE users SET money = money + 1 WHERE buyer_id = {one}")  # what was rolled back is forgotten
        client.query(f"UPDATE users SET money = money - 1 WHERE buyer_id = {other}")
        client.query("COMMIT")


def total(client):
    return int(client.query("SELECT SUM(money) FROM users").rows[0][0])


def test_one_statement(stand):
    client, one, other = make(stand, NO_KEY)
    on_both(stand, f"INSERT INTO payments VALUES (0, 0, 0)")
    values = f"({one}, 1, 1), ({other}, 2, 1)"
    for sql in (f"INSERT INTO payments VALUES {values}", "UPDATE payments SET v = v + 1", "DELETE FROM payments",
                "UPDATE payments SET v = 7 ORDER BY buyer_id LIMIT 2",
                "INSERT INTO payments (buyer_id, order_id, v) SELECT buyer_id, 1, 1 FROM users"):
        code, text = refusal(client, sql)
        assert code == 9010 and "shop.payments" in text, (sql, code, text)
        assert count(stand, "payments") == [1, 1], sql
        client.query("BEGIN")
        client.query(f"UPDATE users SET money = money - 1 WHERE buyer_id = {one}")
        assert refusal(client, sql)[0] == 9010, sql
        client.query("ROLLBACK")
    client.query(f"INSERT INTO payments VALUES ({one}, 1, 1)")  # one shard
    assert sum(count(stand, "payments")) == 3
    client.query("CREATE TABLE products (id INT, v INT) ENGINE=InnoDB")
    assert refusal(client, "INSERT INTO products VALUES (1, 1)")[0] == 9010  # a reference table: all shards


def test_prepared(stand):
    client, one, other = make(stand, NO_KEY)
    statement = client.prepare("INSERT INTO payments VALUES (?, 1, 1)")
    client.query("BEGIN")
    client.execute(statement, [one])
    insert = client.prepare("UPDATE users SET money = money + 1 WHERE buyer_id = ?")
    try:
        client.execute(insert, [other])
        code = 0
    except wire.ServerError as error:
        code = error.code
    assert code == 9010
    client.query("ROLLBACK")
    client.query("PREPARE p FROM 'INSERT INTO payments VALUES (?, 1, 1), (?, 1, 1)'")
    assert refusal(client, f"EXECUTE p USING {one}, {other}")[0] == 9010


def test_what_hides_tables(stand):
    client, one, other = make(stand)
    hidden = [
        ("order_items", "view", ["CREATE TABLE real_items (buyer_id BIGINT PRIMARY KEY, order_id BIGINT, v INT)",
                                 "CREATE VIEW order_items AS SELECT * FROM real_items"], f"INSERT INTO order_items VALUES ({other}, 1, 1)"),
        ("payments", "trigger", ["CREATE TRIGGER t1 BEFORE INSERT ON payments FOR EACH ROW INSERT INTO real_items VALUES (NEW.buyer_id + 1, 1, 1)"],
         f"INSERT INTO payments VALUES ({other}, 1, 1)"),
        ("", "function", ["CREATE FUNCTION f1() RETURNS INT NO SQL RETURN 5"], f"UPDATE users SET money = f1() WHERE buyer_id = {other}"),
        ("", "procedure", ["CREATE PROCEDURE p1() UPDATE users SET money = 1"], "/* waybill: shard=s2 */ CALL p1()"),
    ]
    for table, word, ddl, sql in hidden:
        on_both(stand, *ddl)
        client = bank(stand)
        client.query("BEGIN")
        client.query(f"UPDATE users SET money = money - 1 WHERE buyer_id = {one}")
        code, text = refusal(client, sql)
        assert code == 9010 and word in text and table in text, (sql, code, text)
        client.query("ROLLBACK")
    on_both(stand, "DROP TRIGGER t1", "CREATE TRIGGER t2 BEFORE INSERT ON payments FOR EACH ROW SET NEW.v = 9")
    client.query("BEGIN")
    client.query(f"INSERT INTO payments VALUES ({one}, 1, 1)")
    client.query(f"INSERT INTO payments VALUES ({other}, 1, 1)")  # a trigger that writes no table
    client.query("COMMIT")
    assert client.query("SELECT SUM(v) FROM payments").rows == [("18",)]
    on_both(stand, "DROP TABLE real_items", "DROP VIEW order_items", "DROP FUNCTION f1", "DROP PROCEDURE p1")


def test_file(stand):
    client, one, other = make(stand, NO_KEY)
    client = bank(stand, capabilities=wire.CLIENT_DEFAULT | wire.LOCAL_FILES)
    on_both(stand, "SET GLOBAL local_infile = 1")
    load = "LOAD DATA LOCAL INFILE 'f' INTO TABLE payments FIELDS TERMINATED BY ','"
    client.load(load, [f"{one},1,1\n{one},2,2\n".encode()])  # all on one shard
    assert sum(count(stand, "payments")) == 2
    for begin, number in (("DO 0", 9010), ("BEGIN", 1213)):  # a file that has begun to run takes its transaction with it
        client.query(begin)
        try:
            client.load(load, [f"{one},1,1\n{other},2,2\n".encode()])
            code, text = 0, ""
        except wire.ServerError as error:
            code, text = error.code, error.message
        assert code == number and "shop.payments" in text, (begin, code, text)
        client.query("COMMIT")
        assert sum(count(stand, "payments")) == 2
    client.query("BEGIN")
    client.load(load, [f"{one},1,1\n".encode()])
    assert refusal(client, f"UPDATE users SET money = 0 WHERE buyer_id = {other}")[0] == 9010
    client.query("ROLLBACK")


def test_bulk(stand):
    client, one, other = make(stand, NO_KEY)
    client = bank(stand, capabilities=wire.CLIENT_DEFAULT | wire.STMT_BULK)
    insert = client.prepare("INSERT INTO payments VALUES (?, 1, 1)")
    try:
        client.execute_bulk(insert, [(8, 0)], [[struct.pack("<q", one)], [struct.pack("<q", other)]])
        code = 0
    except wire.ServerError as error:
        code = error.code
    assert (code, count(stand, "payments")) == (9010, [0, 0])


def test_asked_once(stand):
    client, one, other = make(stand)

    def transfer():
        client.query("BEGIN")
        client.query(f"UPDATE users SET money = money - 1 WHERE buyer_id = {one}")
        client.query(f"UPDATE users SET money = money + 1 WHERE buyer_id = {other}")
        client.query("COMMIT")

    transfer()
    log = stand.root("s2a")
    log.query("SET GLOBAL log_output = 'TABLE'")
    log.query("TRUNCATE mysql.general_log")
    log.query("SET GLOBAL general_log = 1")
    for _ in range(5):
        transfer()
    log.query("SET GLOBAL general_log = 0")
    asked = "SELECT COUNT(*) FROM mysql.general_log WHERE argument LIKE '%information_schema.TRIGGERS%' AND argument NOT LIKE '%general_log%'"
    updates = "SELECT COUNT(*) FROM mysql.general_log WHERE argument LIKE 'UPDATE users%'"
    assert log.query(updates).rows == [("5",)] and log.query(asked).rows == [("0",)], log.query("SELECT argument FROM mysql.general_log").rows


def test_ddl_is_noticed(stand):
    """By sessions of every worker, at once."""
    client, one, other = make(stand)
    clients = [bank(stand) for _ in range(8)]

    def pay(who, number):
        who.query("BEGIN")
        who.query(f"UPDATE users SET money = money - 1 WHERE buyer_id = {one}")
        code = refusal(who, f"UPDATE payments SET v = v + {number} WHERE buyer_id = {other}")[0]
        who.query("ROLLBACK")
        return code

    assert [pay(who, 1) for who in clients] == [0] * 8
    client.query("ALTER TABLE payments DROP PRIMARY KEY, ADD KEY (buyer_id)")
    assert [pay(who, 2) for who in clients] == [9010] * 8
    client.query("ALTER TABLE payments ADD PRIMARY KEY (buyer_id)")
    assert [pay(who, 3) for who in clients] == [0] * 8
