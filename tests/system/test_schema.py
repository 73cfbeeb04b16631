"""DDL on several shards: looked at on all first, run on all, and what a crash leaves is found and finished."""

import os
import signal
import time

import wire

TABLES = """[table shop.orders]
key = buyer_id
id = order_id
[table shop.order_items]
with = shop.orders
id = order_id
[table shop.products]
type = reference
"""
CLUSTER = {"shards": 2, "replicas": 0, "tables": TABLES, "settings": "ddl_lock_wait_ms = 1000\n"}
SCHEMA = 9009


def error_of(call):
    try:
        call()
    except wire.ServerError as error:
        return error
    raise AssertionError("no error")


def columns(stand, server, table="orders"):
    rows = stand.root(server).query("SELECT column_name FROM information_schema.columns WHERE table_schema = 'shop' "
                                    f"AND table_name = '{table}'").rows
    return {row[0] for row in rows}


def diff(stand, table=""):
    return [(row["table"], row["shard"], row["difference"]) for row in stand.admin(f"SHOW SCHEMA DIFF {table}")]


def repair(stand):
    return [(row["shard"], row["outcome"]) for row in stand.admin("REPAIR SCHEMA")]


def states(stand):
    root = stand.root("s1a")
    return [tuple(row) for row in root.query("SELECT d.state, s.shard, s.state FROM waybill.ddl AS d JOIN waybill.ddl_shard AS s "
                                             "ON s.ddl = d.id WHERE d.id = (SELECT MAX(id) FROM waybill.ddl) ORDER BY s.shard").rows]


def test_it_is_done_on_all_and_written_down(stand):
    client = stand.client()
    client.query("CREATE TABLE orders (order_id BIGINT PRIMARY KEY, buyer_id BIGINT NOT NULL, seller_id BIGINT, status VARCHAR(20), "
                 "total DECIMAL(12, 2), created_at DATETIME(6))")
    client.query("CREATE TABLE order_items (order_id BIGINT, item_no INT, PRIMARY KEY (order_id, item_no))")
    client.query("CREATE TABLE products (product_id BIGINT PRIMARY KEY, name VARCHAR(50))")
    client.query("ALTER TABLE orders ADD note1 VARCHAR(20) COMMENT 'AUTO_INCREMENT=7'")
    assert "note1" in columns(stand, "s1a") and "note1" in columns(stand, "s2a")
    assert states(stand) == [("done", "s1", "done"), ("done", "s2", "done")], states(stand)
    client.query("ALTER TABLE orders DROP note1")
    client.query("SET autocommit = 0")
    client.query("CREATE INDEX by_total ON orders (total)")
    client.query("DROP INDEX by_total ON orders")
    for sql in ("CREATE DATABASE more", "CREATE DATABASE IF NOT EXISTS more", "DROP DATABASE more", "TRUNCATE order_items"):
        client.query(sql)
        assert [row[2] for row in states(stand)] == ["done", "done"], (sql, states(stand))
    assert diff(stand) == [], diff(stand)


def test_a_statement_that_is_wrong_everywhere_gets_the_servers_error(stand):
    client = stand.client()
    assert error_of(lambda: client.query("ALTER TABLE orders ADD buyer_id INT")).code == 1060
    assert [row[0] for row in states(stand)] == ["failed", "failed"]
    assert error_of(lambda: client.query("CREATE DATABASE shop")).code == 1007
    assert repair(stand) == []


def test_copies_of_reference_tables(stand):
    loader = stand.client("loader")
    loader.query("INSERT INTO products VALUES (1, 'one'), (2, 'two'), (3, NULL)")

    def differences(table=""):
        return {(row["shard"], row["rows"]): row["difference"] for row in stand.admin(f"CHECK REFERENCE {table}")}

    assert differences() == {("s1", "3"): "", ("s2", "3"): ""}, differences()
    assert differences("shop.orders") == {}
    stand.root("s2a").query("UPDATE shop.products SET name = 'deux' WHERE product_id = 2")
    assert differences("shop.products")[("s2", "3")] == "as many rows, but not the same"
    stand.root("s2a").query("DELETE FROM shop.products WHERE product_id > 1")
    assert differences() == {("s1", "3"): "", ("s2", "1"): "lacks 2 rows, at least"}, differences()
    stand.root("s2a").query("DROP TABLE shop.products")
    assert "can't be looked at" in differences()[("s2", "0")]
    stand.client().query("CREATE TABLE IF NOT EXISTS products (product_id BIGINT PRIMARY KEY, name VARCHAR(50))")
    loader.query("DELETE FROM products")
    assert differences() == {("s1", "0"): "", ("s2", "0"): ""}, differences()


def test_prepared(stand):
    client = stand.client()
    client.query("PREPARE s FROM 'ALTER TABLE orders ADD note2 INT'")
    client.query("EXECUTE s")
    client.execute(client.prepare("ALTER TABLE orders DROP note2"))
    assert "note2" not in columns(stand, "s1a") | columns(stand, "s2a")
    assert [row[0] for row in states(stand)] == ["done", "done"]


def test_shards_that_differ_are_not_touched(stand):
    client = stand.client()
    stand.root("s2a").query("ALTER TABLE shop.orders ADD only_here INT NOT NULL DEFAULT 5")
    error = error_of(lambda: client.query("ALTER TABLE orders ADD note3 INT"))
    assert error.code == SCHEMA and "s1" in str(error) and "s2" in str(error), error
    assert "note3" not in columns(stand, "s1a") | columns(stand, "s2a")
    found = diff(stand)
    assert len(found) == 1 and found[0][:2] == ("shop.orders", "s2") and "only_here" in found[0][2], found
    assert diff(stand, "shop.order_items") == []
    client.query("/* waybill: shard=s2 */ ALTER TABLE orders DROP only_here")
    assert diff(stand) == []
    stand.root("s2a").query("DROP TABLE shop.order_items")
    error = error_of(lambda: client.query("ALTER TABLE order_items ADD note3 INT"))
    assert error.code == SCHEMA, error
    assert diff(stand) == [("shop.order_items", "s2", "is not there")], diff(stand)
    create = stand.root("s1a").query("SHOW CREATE TABLE shop.order_items").rows[0][1]
    client.query(create.replace("CREATE TABLE", "CREATE TABLE IF NOT EXISTS"))
    assert diff(stand) == []


def test_a_table_in_use_on_one_shard_is_not_changed_on_the_others(stand):
    holder = stand.direct("s2a")
    holder.query("BEGIN")
    holder.query("SELECT COUNT(*) FROM orders")
    client = stand.client()
    began = time.monotonic()
    error = error_of(lambda: client.query("ALTER TABLE orders ADD note4 INT"))
    assert error.code == SCHEMA and "s2" in str(error) and "in use" in str(error), error
    assert time.monotonic() - began < 10
    assert "note4" not in columns(stand, "s1a") | columns(stand, "s2a")
    other = stand.client()  # the lock that was tried is gone on s1
    other.query("INSERT INTO orders (buyer_id, seller_id, status, total, created_at) VALUES (4, 1, 'new', 1, NOW(6))")
    holder.query("COMMIT")
    client.query("ALTER TABLE orders ADD note4 INT")
    client.query("ALTER TABLE orders DROP note4")


def test_half_done_is_told_and_repaired(stand):
    client = stand.client()
    root = stand.root("s2a")
    for value in (71, 72):
        root.query("INSERT INTO shop.orders (order_id, buyer_id, seller_id, status, total, created_at) "
                   f"VALUES ({value}, 1, 1, 'twice', 987654.32, '2020-01-01')")
    stand.root("s1a").query("DELETE FROM shop.orders")
    root.query("DELETE FROM shop.orders WHERE status <> 'twice'")
    error = error_of(lambda: client.query("ALTER TABLE orders ADD UNIQUE KEY only_one (total, created_at)"))
    assert error.code == 1062 and "done on s1; not done on s2" in str(error) and "REPAIR SCHEMA" in str(error), error
    found = diff(stand)
    assert any(row[0] == "shop.orders" and "only_one" in row[2] for row in found), found
    assert any(row[0].startswith("(DDL") and row[1] == "s2" and "failed" in row[2] for row in found), found
    outcome = repair(stand)
    assert len(outcome) == 1 and outcome[0][0] == "s2" and "could not be done" in outcome[0][1], outcome
    root.query("DELETE FROM shop.orders WHERE order_id = 72")
    outcome = repair(stand)
    assert ("s2", "done") in outcome and outcome[-1] == ("", "is done on all shards"), outcome
    assert diff(stand) == [] and repair(stand) == []
    client.query("ALTER TABLE orders DROP KEY only_one")


def test_what_was_undone_by_hand_is_not_done_again(stand):
    client = stand.client()
    stand.root("s2a").query("INSERT INTO shop.orders (order_id, buyer_id, seller_id, status, total, created_at) "
                            "VALUES (73, 1, 1, 'twice', 987654.32, '2020-01-01')")
    assert error_of(lambda: client.query("ALTER TABLE orders ADD UNIQUE KEY only_one (total, created_at)")).code == 1062
    stand.root("s1a").query("ALTER TABLE shop.orders DROP KEY only_one")
    stand.root("s2a").query("DELETE FROM shop.orders")
    outcome = repair(stand)
    assert len(outcome) == 1 and "undone" in outcome[0][1], outcome
    assert columns(stand, "s1a") == columns(stand, "s2a")
    number = stand.admin("REPAIR SCHEMA")[0]["ddl"]
    assert stand.admin(f"REPAIR SCHEMA FORGET {number}")[0]["outcome"] == "forgotten"
    assert repair(stand) == [] and diff(stand) == []


def test_a_waybill_that_dies_half_way(stand):
    for server in ("s1a", "s2a"):  # without LOCK TABLES the use of the table isn't seen before
        for grantee in stand.root(server).query("SELECT user, host FROM mysql.user WHERE user = 'app'").rows:
            root = stand.root(server)
            root.query(f"REVOKE ALL PRIVILEGES, GRANT OPTION FROM {grantee[0]}@'{grantee[1]}'")
            root.query("GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, INDEX, DROP, CREATE TEMPORARY TABLES ON "
                       f"*.* TO {grantee[0]}@'{grantee[1]}'")
    stand.cluster("waybill", "stop")
    stand.start_waybill()
    stand.wait_until(lambda: stand.try_query("SELECT 1"), 20, "waybill answers")
    holder = stand.direct("s2a")
    holder.query("BEGIN")
    holder.query("SELECT COUNT(*) FROM orders")
    client = stand.client()
    client.query("SET lock_wait_timeout = 6")
    client.send_command(3, b"ALTER TABLE orders ADD note5 INT")
    stand.wait_until(lambda: "note5" in columns(stand, "s1a"), 10, "the first shard has it")
    outcome = repair(stand)
    assert len(outcome) == 1 and "running" in outcome[0][1], outcome
    os.kill(stand.waybill_pid(), signal.SIGKILL)
    waiting = "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE 'ALTER TABLE orders%'"
    stand.wait_until(lambda: stand.root("s2a").query(waiting).rows[0][0] == "0", 20, "the server has given up")
    assert "note5" not in columns(stand, "s2a")
    holder.query("ROLLBACK")
    stand.cluster("waybill", "stop", check=False)
    stand.start_waybill()
    stand.wait_until(lambda: stand.try_query("SELECT 1"), 20, "waybill answers")
    found = diff(stand)
    assert any("note5" in row[2] and row[0] == "shop.orders" for row in found), found
    assert sum(row[0].startswith("(DDL") and row[2].startswith("begun") for row in found) == 2, found
    outcome = repair(stand)
    assert ("s2", "done") in outcome, outcome
    assert "note5" in columns(stand, "s2a") and diff(stand) == []
    stand.client().query("ALTER TABLE orders DROP note5")
