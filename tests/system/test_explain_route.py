"""EXPLAIN ROUTE from a client: where a statement would go and why, as a table and as JSON; what the session has against it; and a
table of that name is a table."""

import json

import wire

CLUSTER = {"shards": 2, "replicas": 0}


def route(client, sql):
    result = client.query("EXPLAIN ROUTE " + sql)
    assert result.names() == ["step", "shard", "access", "detail"], result.names()
    return [tuple(row) for row in result.rows]


def route_json(client, sql):
    result = client.query("EXPLAIN ROUTE FORMAT=JSON " + sql)
    assert len(result.rows) == 1 and len(result.rows[0]) == 1
    return json.loads(result.rows[0][0])


def test_steps(stand):
    client = stand.client()
    rows = route(client, "SELECT COUNT(*) FROM orders")
    assert rows[:3] == [("send", "s1", "replica", "as it came"), ("send", "s2", "replica", "as it came"),
                        ("merge", "", "", "group; 1 add")], rows
    assert [row[0] for row in rows[3:]] == ["memory", "why"], rows
    rows = route(client, "SELECT * FROM orders WHERE buyer_id = 5")
    assert [row[0] for row in rows] == ["send", "merge", "why"], rows
    assert rows[2][3].startswith("buyer_id = 5 -> bucket "), rows
    client.close()


def test_json_is_read_by_others(stand):
    client = stand.client()
    told = route_json(client, "SELECT total, 'a\"b\\\\c\né' FROM orders ORDER BY total DESC LIMIT 2, 3")
    assert [target["shard"] for target in told["targets"]] == ["s1", "s2"]
    assert told["targets"][0]["sql"].endswith("LIMIT 0, 5") and not told["targets"][0]["as_it_came"]
    assert told["merge"]["keys"] == [{"column": 1, "hidden": False, "descending": True}]
    assert (told["merge"]["offset"], told["merge"]["limit"]) == (2, 3)
    assert told["statement"].startswith("SELECT total, 'a\"b\\\\c\né'")
    client.close()


def test_refusals_are_shown(stand):
    client = stand.client()
    rows = route(client, "HANDLER orders OPEN")
    assert len(rows) == 1 and rows[0][0] == "refused" and rows[0][3].startswith("error 9001 (0A000): "), rows
    refused = route_json(client, "HANDLER orders OPEN")["refused"]
    assert (refused["error"], refused["sqlstate"]) == (9001, "0A000")
    assert stand.admin("EXPLAIN ROUTE HANDLER shop.orders OPEN")[0]["route"] == "refused: " + rows[0][3]
    client.query("CREATE TEMPORARY TABLE mine (a INT)")
    rows = route(client, "SELECT COUNT(*) FROM orders")
    assert rows[0][3].startswith("error 9006 "), rows
    client.close()


def make_tables(client):
    client.query("CREATE TABLE IF NOT EXISTS orders (order_id BIGINT PRIMARY KEY, buyer_id BIGINT, seller_id INT, status CHAR(9), total INT, created_at DATETIME)")
    client.query("CREATE TABLE IF NOT EXISTS inventory (product_id INT PRIMARY KEY, stock INT)")


def refused(client, sql):
    rows = route(client, sql)
    return int(rows[0][3].split()[1]) if rows[0][0] == "refused" else rows[0][0]


def told(client, sql):
    """What becomes of the statement when it is sent: 0, or its error."""
    try:
        client.query(sql)
    except wire.ServerError as error:
        return error.code
    return 0


def test_what_the_session_refuses(stand):
    client, loader = stand.client(), stand.client("loader")
    make_tables(loader)
    for sql, code in (("XA START 'x'", 9001), ("/* waybill: shard=s2 */ XA START 'x','',22338", 1235), ("SET GLOBAL max_connections = 5", 1227), ("SET sql_mode = 'ORACLE'", 1235),
                      ("SET STATEMENT max_statement_time = 1 FOR COMMIT", 1235)):
        assert (refused(client, sql), told(client, sql)) == (code, code), sql
    assert refused(client, "SET @a = 1") == "here"
    assert "9001" in stand.admin("EXPLAIN ROUTE XA RECOVER")[0]["route"]
    assert "1227" in stand.admin("EXPLAIN ROUTE SET GLOBAL max_connections = 5")[0]["route"]
    client.query("BEGIN")
    assert refused(client, "SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE") == 1235
    for sql in ("INSERT INTO inventory VALUES (77, 1)", "SELECT COUNT(*) FROM orders"):
        client.query(sql)
    ddl = "ALTER TABLE inventory COMMENT 'x'"
    assert (refused(client, ddl), told(client, ddl)) == (9001, 9001)
    client.query("ROLLBACK")
    assert refused(client, ddl) == "send"
    for one in (client, loader):
        one.close()


def test_steps_and_guards(stand):
    loader = stand.client("loader")
    make_tables(loader)
    rows = route(loader, "DELETE FROM orders ORDER BY total LIMIT 3")
    assert rows[0][0] == "ask" and "FOR UPDATE" in rows[0][3], rows
    assert [row[3] for row in rows if row[0] == "guard"] == ["distributed = best_effort (of the user): with refuse it is error 9002"], rows
    rows = route(loader, "INSERT INTO orders (buyer_id, seller_id, status, total, created_at) VALUES (1 + 1, 1, 'new', 1, NOW())")
    assert rows[0][0] == "ask" and "values of expressions" in rows[0][3], rows
    loader.close()


def test_columns_are_asked(stand):
    """Where the plan needs a table's columns: a server is asked for them, and the steps behind that are shown, too."""
    loader = stand.client("loader")
    make_tables(loader)
    wanted = "INSERT INTO inventory SELECT order_id, COUNT(*) FROM orders GROUP BY order_id"
    rows = route(loader, wanted)
    assert [row[0] for row in rows[:2]] == ["ask", "ask"] and "columns" in rows[0][3] and "inserted as VALUES" in rows[1][3], rows
    assert {row[0] for row in rows[2:]} == {"send", "merge", "why"}, rows
    assert [target["as_it_came"] for target in route_json(loader, wanted)["targets"]] == [True]
    assert told(loader, "EXPLAIN ROUTE INSERT INTO absent SELECT order_id, 1 FROM orders") == 1146
    assert loader.query("SELECT COUNT(*) FROM inventory WHERE product_id > 1000").rows == [("0",)]
    rows = route(loader, "INSERT INTO inventory SELECT order_id, 1 FROM orders UNION SELECT 1, 2")
    assert rows[0][0] == "refused" and "UNION" in rows[0][3], rows
    loader.close()


def test_nothing_is_run(stand):
    client = stand.client("loader")
    make_tables(client)
    before = client.query("SELECT COUNT(*) FROM orders").rows
    route(client, "DELETE FROM orders")
    route(client, "INSERT INTO orders (buyer_id, seller_id, status, total, created_at) VALUES (1, 1, 'new', 1, NOW())")
    route(client, "DROP TABLE orders")
    assert client.query("SELECT COUNT(*) FROM orders").rows == before
    assert route(client, "COMMIT AND CHAIN")[0][0] == "here"
    client.close()


def test_a_table_of_that_name(stand):
    client = stand.client()
    client.query("CREATE TABLE route (x INT, y INT)")
    assert [row[0] for row in client.query("EXPLAIN route").rows] == ["x", "y"]
    assert [row[0] for row in client.query("EXPLAIN route x").rows] == ["x"]
    assert [row[0] for row in client.query("EXPLAIN `route`").rows] == ["x", "y"]
    client.query("DROP TABLE route")
    client.close()


def test_prepared_is_refused(stand):
    client = stand.client()
    for attempt in (lambda: client.prepare("EXPLAIN ROUTE SELECT * FROM orders"),
                    lambda: client.query("PREPARE s FROM 'EXPLAIN ROUTE SELECT * FROM orders'")):
        try:
            attempt()
        except wire.ServerError as error:
            assert error.code == 1235, error
        else:
            raise AssertionError("prepared")
    client.close()


EVERY_KIND = """SELECT 1; SELECT * FROM orders WHERE order_id = 5; SELECT * FROM orders ORDER BY total DESC LIMIT 3 OFFSET 7; SELECT COUNT(*), AVG(total) FROM orders GROUP BY status
SELECT * FROM orders LIMIT 5 OFFSET 1000000; SELECT a.total FROM orders a JOIN orders b USING (total); SELECT x FROM t; SELECT * FROM products; SELECT NEXTVAL(s)
SELECT DISTINCT status FROM orders UNION SELECT 'x'; WITH c AS (SELECT * FROM orders) SELECT MAX(total) FROM c; SELECT SUM(total) OVER () FROM orders
SELECT 'a"b\\\\' AS `q"`, x'00ff', 'ž' FROM orders; SELECT * FROM orders FOR UPDATE; SELECT SQL_CALC_FOUND_ROWS * FROM orders LIMIT 1; SELECT @@version, @a
INSERT INTO orders (buyer_id, total) VALUES (1, 2), (2, 3), (3, 4); REPLACE INTO products VALUES (1, 'a'); INSERT INTO orders (buyer_id) SELECT buyer_id FROM orders
INSERT INTO orders (buyer_id) VALUES (1 + 1); UPDATE orders SET total = 1; UPDATE orders SET total = 1 WHERE order_id = 5; UPDATE orders SET total = 1 ORDER BY total LIMIT 2
UPDATE orders SET buyer_id = 5 WHERE order_id = 5; DELETE FROM orders LIMIT 3; DELETE o FROM orders o JOIN order_items i USING (order_id); TRUNCATE orders
CREATE TABLE x (a INT); CREATE TABLE orders (a INT); ALTER TABLE orders ADD x INT; DROP TABLE orders; CREATE DATABASE y; CREATE VIEW v AS SELECT * FROM orders
RENAME TABLE orders TO o; CREATE INDEX i ON orders (total); SET NAMES utf8mb4; SET @a = 1; SET GLOBAL max_connections = 5; USE shop; BEGIN WORK; COMMIT AND CHAIN; SAVEPOINT p
KILL 5; SHOW TABLES; SHOW CREATE TABLE orders; SHOW STATUS; SHOW WARNINGS; SHOW PROCESSLIST; SHOW TABLE STATUS; DESCRIBE orders; EXPLAIN SELECT * FROM orders
LOCK TABLES orders READ, t WRITE; UNLOCK TABLES; CALL p(1); DO 1; HANDLER orders OPEN; XA START 'a'; PREPARE s FROM 'SELECT 1'; EXECUTE s; ANALYZE TABLE orders; CHECKSUM TABLE orders
FLUSH TABLES WITH READ LOCK; GRANT SELECT ON *.* TO x; LOAD DATA LOCAL INFILE 'x' INTO TABLE orders; LOAD DATA INFILE 'x' INTO TABLE orders; SIGNAL SQLSTATE '45000'
GET DIAGNOSTICS @a = NUMBER; SELECT * FROM information_schema.tables; SELECT * FROM orders WHERE; frobnicate orders"""


def test_every_kind_of_statement(stand):
    """A table with something in it and valid JSON; a SELECT has its reason; a refusal is what running it says."""
    for user in ("app", "loader"):
        client = stand.client(user)
        for sql in (sql.strip() for line in EVERY_KIND.split("\n") for sql in line.split(";")):
            rows, told = route(client, sql), route_json(client, sql)
            assert rows and told["statement"] == sql, (sql, told)
            assert {"refused", "here", "targets", "ask"} & set(told), told
            is_select = sql.startswith("SELECT") and "targets" in told and "ask" not in told and "information_schema" not in sql
            assert not is_select or told.get("why"), told
            if "refused" in told and sql.startswith(("SELECT", "UPDATE", "INSERT", "DELETE", "CALL", "HANDLER", "FLUSH")):
                assert rows[0][0] == "refused" and str(told["refused"]["error"]) in rows[0][3], rows
                try:
                    client.query(sql)
                    raise AssertionError(f"{sql} is run")
                except wire.ServerError as error:
                    assert (error.code, error.message) == (told["refused"]["error"], told["refused"]["reason"]) or error.code == 1064, (sql, error, told)
        client.close()
