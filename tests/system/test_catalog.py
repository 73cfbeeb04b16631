"""information_schema, SHOW and table maintenance tell of the tables of all shards as one server would; mariadb-dump through
waybill restores into one server. `inventory` is on s2 alone, `notes` on s1."""

import os
import subprocess

import wire

TABLES = """
[table shop.orders]
key = buyer_id
id = order_id
[table shop.order_items]
with = shop.orders
id = order_id
[table shop.products]
type = reference
[table shop.inventory]
type = unsharded
shard = s2
"""
CLUSTER = {"shards": 2, "replicas": 0, "plain": True, "tables": TABLES}
SCHEMA = """CREATE TABLE orders (order_id BIGINT PRIMARY KEY, buyer_id BIGINT NOT NULL, status ENUM('new','paid') NOT NULL DEFAULT 'new',
  total DECIMAL(12,2), note VARCHAR(100) COMMENT 'it''s ž', at DATETIME(6), data BLOB, KEY (buyer_id), KEY st (status)) COMMENT='ž"''\\\\';
CREATE TABLE order_items (order_id BIGINT, item_no INT, product_id INT, PRIMARY KEY (order_id, item_no), CONSTRAINT fk FOREIGN KEY (order_id) REFERENCES orders (order_id));
CREATE TABLE products (product_id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(50) NOT NULL, UNIQUE KEY (name));
CREATE TABLE inventory (product_id INT PRIMARY KEY, stock INT NOT NULL, CONSTRAINT enough CHECK (stock >= 0));
CREATE TABLE notes (id INT AUTO_INCREMENT PRIMARY KEY, t TEXT)"""
ALL = ("orders", "order_items", "products", "inventory", "notes")
BUYERS = 30


def fill(stand):
    """Through waybill, and the same rows (with the ids that waybill made) on the plain server."""
    if getattr(stand, "has_rows", False):
        return
    stand.has_rows = True
    loader, plain = stand.client("loader"), stand.direct("plain")
    for client in (loader, plain):
        client.query("SET NAMES utf8mb4")
        for sql in SCHEMA.split(";\n"):
            client.query(sql)
    for buyer in range(BUYERS):
        loader.query(f"INSERT INTO orders (buyer_id, total, note, at, data) VALUES ({buyer}, {buyer}.5, 'ž''\\\\{buyer}', '2026-01-01 00:00:00.{buyer:06}', x'00ff27{buyer:02x}')")
        loader.query("INSERT INTO order_items VALUES (LAST_INSERT_ID(), 1, 7)")
    for table in ("orders", "order_items"):
        columns = "order_id, buyer_id, status, total, note, at, HEX(data)" if table == "orders" else "*"
        for row in loader.query(f"SELECT {columns} FROM {table}").rows:
            values = [f"'{value}'" for value in row]
            if table == "orders":
                values[4] = "x'" + row[4].encode().hex() + "'"
                values[6] = "x'" + row[6] + "'"
            plain.query(f"INSERT INTO {table} VALUES ({', '.join(values)})")
    for client in (loader, plain):
        for number in range(1, 6):
            client.query(f"INSERT INTO products VALUES ({number}, 'p{number}')")
            client.query(f"INSERT INTO inventory VALUES ({number}, {number * 10})")
            client.query(f"INSERT INTO notes (t) VALUES ('n{number}')")
        for table in ALL:
            client.query(f"ANALYZE TABLE {table}")
    for servers, name, table, body in ((("s1a", "plain"), "tr", "notes", "NEW.t = CONCAT(NEW.t, '!')"),
                                       (("s2a", "plain"), "tr2", "inventory", "NEW.stock = NEW.stock + 0")):
        for server in servers:
            root = stand.root(server)
            root.query("USE shop")
            root.query(f"CREATE TRIGGER {name} BEFORE INSERT ON {table} FOR EACH ROW SET {body}")


INTEGERS = (1, 2, 3, 8, 9)  # types of columns
SAME = """SELECT table_name, table_type, engine, table_rows, auto_increment, table_collation, table_comment FROM information_schema.tables WHERE table_schema = 'shop' ORDER BY 1
SELECT table_name, avg_row_length > 0, table_comment FROM information_schema.tables WHERE table_schema = DATABASE() AND table_rows > 9 ORDER BY 1
SELECT information_schema.TABLES.table_name FROM information_schema.TABLES WHERE TABLES.table_schema = 'shop' ORDER BY 1
SELECT SUM(table_rows), COUNT(*), MAX(auto_increment) FROM information_schema.tables WHERE table_schema IN ('shop')
SELECT * FROM information_schema.columns WHERE table_schema = 'shop' ORDER BY table_name, ordinal_position
SELECT table_name, column_name, column_type, character_maximum_length, column_comment FROM information_schema.columns WHERE table_schema = 'shop' AND column_name LIKE '%id' ORDER BY 1, 2
SELECT t.table_name, COUNT(*) FROM information_schema.tables t JOIN information_schema.columns c USING (table_schema, table_name) WHERE t.table_schema = 'shop' GROUP BY 1 ORDER BY 1
SELECT table_name, index_name, seq_in_index, column_name, non_unique FROM information_schema.statistics WHERE table_schema = 'shop' ORDER BY 1, 2, 3
SELECT table_name, index_name, cardinality FROM information_schema.statistics WHERE table_schema = 'shop' AND non_unique = 0 AND table_name <> 'order_items' ORDER BY 1, 2
SELECT * FROM information_schema.table_constraints WHERE table_schema = 'shop' ORDER BY table_name, constraint_name
SELECT * FROM information_schema.key_column_usage WHERE table_schema = 'shop' ORDER BY table_name, constraint_name, ordinal_position
SELECT * FROM information_schema.referential_constraints WHERE constraint_schema = 'shop'
SELECT * FROM information_schema.check_constraints WHERE constraint_schema = 'shop'
SELECT trigger_name, event_object_table, action_statement FROM information_schema.triggers WHERE trigger_schema = 'shop' ORDER BY 1
SELECT table_name FROM information_schema.tables WHERE table_name IN ('orders', 'inventory') AND table_schema = 'shop' UNION ALL SELECT 'x' ORDER BY 1
SELECT (SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'shop') AS a, stock FROM (SELECT 1 AS stock) d
SELECT table_rows FROM information_schema.tables WHERE table_schema = 'shop' AND table_name = 'orders'
SELECT partition_name, table_rows FROM information_schema.partitions WHERE table_schema = 'shop' AND table_name = 'orders'
SHOW TABLES
SHOW FULL TABLES
SHOW FULL COLUMNS FROM inventory
SHOW FULL COLUMNS FROM orders
SHOW CREATE TABLE inventory
SHOW CREATE TABLE orders
SHOW EVENTS
SHOW TABLE STATUS LIKE 'ORD%'
SHOW TABLE STATUS FROM information_schema LIKE 'nothing'
DESCRIBE inventory
CHECKSUM TABLE orders
CHECKSUM TABLE products
CHECKSUM TABLE inventory
CHECKSUM TABLE no_such
CHECK TABLE orders, order_items
CHECK TABLE products
OPTIMIZE TABLE order_items
ANALYZE TABLE orders, order_items"""


def test_as_one_server(stand):
    fill(stand)
    client, plain = stand.client(), stand.direct("plain")
    for session in (client, plain):
        session.query("SET NAMES utf8mb4")
    for sql in SAME.splitlines():
        mine, theirs = client.query(sql), plain.query(sql)
        assert mine.names() == theirs.names(), (sql, mine.names(), theirs.names())
        assert mine.rows == theirs.rows, (sql, mine.rows, theirs.rows)
        integers = [[column.type in INTEGERS for column in result.columns or ()] for result in (mine, theirs)]
        assert integers[0] == integers[1], (sql, integers)
    client.close()


def field_list(client, table):
    client.send_command(wire.COM_FIELD_LIST, table.encode() + b"\0")
    heard = [client.read_packet()]
    while heard[-1][:1] not in (b"\xff", b"\xfe"):
        heard.append(client.read_packet())
    return heard[:-1]


def test_bound_sessions_and_transactions(stand):
    """Wherever the session is, it is told of the tables of all shards."""
    fill(stand)
    plain = stand.direct("plain")
    questions = ("SELECT table_name, table_rows FROM information_schema.tables WHERE table_schema = 'shop' ORDER BY 1",
                 "SELECT table_name FROM information_schema.tables WHERE table_schema = 'shop' ORDER BY 1",
                 "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'shop' AND table_name IN ('notes', 'inventory') ORDER BY 1, 2",
                 "SELECT table_name FROM information_schema.tables WHERE table_schema = 'shop' AND table_name = 'notes'",
                 "SELECT table_name FROM information_schema.tables WHERE table_schema = 'shop' AND table_name = 'inventory'",
                 "SELECT constraint_name FROM information_schema.check_constraints WHERE constraint_schema = 'shop' ORDER BY 1",
                 "SELECT table_name FROM information_schema.views WHERE table_schema = 'shop'")
    for begin in ("/* waybill: shard=s1 */ CREATE TEMPORARY TABLE mine (a INT)", "/* waybill: shard=s2 */ CREATE TEMPORARY TABLE mine (a INT)",
                  "BEGIN; SELECT * FROM inventory FOR UPDATE", "BEGIN; SELECT * FROM notes FOR UPDATE"):
        client = stand.client()
        for sql in begin.split("; "):
            client.query(sql)
        for sql in questions:
            assert client.query(sql).rows == plain.query(sql).rows, (begin, sql)
        names = ("Name", "Engine", "Rows", "Auto_increment", "Collation")
        assert dictionaries(client.query("SHOW TABLE STATUS"), *names) == dictionaries(plain.query("SHOW TABLE STATUS"), *names), begin
        assert sorted(client.query("SHOW TRIGGERS").rows)[0][0] == "tr", begin
        for table in ("notes", "inventory", "orders"):
            if table != "notes" or "s2" not in begin:  # nothing says where undeclared tables are but the default shard
                assert field_list(client, table) == field_list(plain, table), (begin, table)
        client.close()


def test_own_schema_is_hidden(stand):
    fill(stand)
    client = stand.client()
    shown = [row[0] for row in client.query("SHOW DATABASES").rows]
    assert "shop" in shown and "waybill" not in shown
    for sql in ("SELECT schema_name FROM information_schema.schemata", "SELECT information_schema.SCHEMATA.schema_name FROM information_schema.SCHEMATA ORDER BY 1",
                "SELECT s.schema_name, 'x' FROM information_schema.schemata AS s", "SELECT schema_name FROM (SELECT * FROM information_schema.schemata) AS d",
                "SELECT DISTINCT schema_name FROM information_schema.schemata JOIN information_schema.tables ON table_schema = schema_name"):
        told = sorted(row[0] for row in client.query(sql).rows)
        assert told == sorted(shown), (sql, told)
        assert sorted(row[0] for row in client.execute(client.prepare(sql)).rows) == told, sql
    assert len(client.query("SELECT schema_name FROM information_schema.schemata WHERE schema_name = 'waybill'").rows) == 1
    client.close()


def dictionaries(result, *names):
    return [tuple(dict(zip(result.names(), row))[name] for name in names) for row in result.rows]


def test_show_table_status(stand):
    fill(stand)
    client, plain = stand.client(), stand.direct("plain")
    for condition in ("", " LIKE 'o%'", " FROM shop WHERE Name LIKE '%o%' AND `Rows` > 4", " WHERE Engine = 'none'", " LIKE 'o%' -- and so on"):
        mine, theirs = client.query("SHOW TABLE STATUS" + condition), plain.query("SHOW TABLE STATUS" + condition)
        assert mine.names() == theirs.names()
        names = ("Name", "Engine", "Version", "Row_format", "Rows", "Auto_increment", "Collation", "Create_options", "Comment", "Temporary")
        assert dictionaries(mine, *names) == dictionaries(theirs, *names), condition
    parts = [stand.direct(server).query("SHOW TABLE STATUS LIKE 'orders'") for server in ("s1a", "s2a")]
    total = sum(int(dictionaries(part, "Data_length")[0][0]) for part in parts)
    assert dictionaries(client.query("SHOW TABLE STATUS LIKE 'orders'"), "Data_length") == [(str(total),)]
    for sql in ("SHOW TRIGGERS", "SHOW TRIGGERS LIKE 'inv%'", "SHOW TRIGGERS WHERE `Trigger` = 'tr'"):
        mine, theirs = client.query(sql), plain.query(sql)
        names = ("Trigger", "Event", "Table", "Statement", "Timing")
        assert mine.names() == theirs.names() and dictionaries(mine, *names) == dictionaries(theirs, *names), sql
    client.close()


def test_in_every_way(stand):
    """In a transaction, prepared, as text and by COM_STMT, in another character set; a pin elsewhere is told."""
    fill(stand)
    client, plain = stand.client(), stand.direct("plain")
    sql = "SELECT table_name, table_rows FROM information_schema.tables WHERE table_schema = 'shop' ORDER BY 1"
    wanted = plain.query(sql).rows
    client.query("BEGIN")
    client.query("SELECT COUNT(*) FROM orders")
    assert client.query(sql).rows == wanted
    client.query("ROLLBACK")
    statement = client.prepare(sql.replace("'shop'", "?"))
    for _ in range(2):
        assert [tuple(str(value) for value in row) for row in client.execute(statement, ["shop"]).rows] == wanted
    client.query("SET @schema = 'shop'")
    client.query("PREPARE s FROM '" + sql.replace("'shop'", "?") + "'")
    assert client.query("EXECUTE s USING @schema").rows == wanted
    client.query("SET NAMES latin1, sql_mode = 'NO_BACKSLASH_ESCAPES,ANSI_QUOTES'")
    plain.query("SET NAMES latin1")
    sql = "SELECT table_comment FROM information_schema.tables WHERE table_name IN ('orders', 'inventory') AND table_schema = 'shop'"
    assert sorted(client.query(sql).rows) == sorted(plain.query(sql).rows)
    client.query("USE information_schema")
    assert client.query("SELECT COUNT(*) FROM tables WHERE table_schema = 'shop'").rows == [(str(len(ALL)),)]
    client.close()


def test_what_is_refused(stand):
    fill(stand)
    client = stand.client()
    for sql in ("SELECT table_name FROM information_schema.innodb_sys_tables", "SHOW OPEN TABLES", "CHECKSUM TABLE orders, order_items",
                "CREATE TABLE copied AS SELECT table_name, table_rows FROM information_schema.tables",
                "SELECT COUNT(*) FROM information_schema.tables t JOIN inventory i ON i.stock = t.table_rows"):
        try:
            client.query(sql)
        except wire.ServerError as error:
            assert error.code == 9001, (sql, error)
        else:
            raise AssertionError(sql)
    assert ("waybill",) not in client.query("SHOW DATABASES").rows and ("shop",) in client.query("SHOW DATABASES").rows
    client.close()


def content(client, schema):
    return {table: sorted(client.query(f"SELECT * FROM {schema}.{table}").rows) for table in ALL}


def dump(stand, *words):
    done = subprocess.run(["mariadb-dump", "-h", "127.0.0.1", "-P", stand.values["WAYBILL_PORT"], "-u", stand.values["WAYBILL_USER"],
                           "-p" + stand.values["WAYBILL_PASSWORD"], "--single-transaction", *words],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert done.returncode == 0 and not done.stderr, done.stderr
    return done.stdout


def restore(stand, schema, text):
    subprocess.run(["mariadb", "-S", stand.values["WAYBILL_PLAIN_SOCKET"], "-u", stand.values["WAYBILL_ROOT_USER"], schema], input=text, check=True)


def test_dump_and_restore(stand):
    fill(stand)
    root, shards = stand.root("plain"), [stand.root(server) for server in ("s1a", "s2a")]
    wanted = {table: sorted(sum((shard.query(f"SELECT * FROM shop.{table}").rows for shard in shards), [])) for table in ("orders", "order_items")}
    wanted.update(products=sorted(shards[0].query("SELECT * FROM shop.products").rows), notes=sorted(shards[0].query("SELECT * FROM shop.notes").rows),
                  inventory=sorted(shards[1].query("SELECT * FROM shop.inventory").rows))
    assert len(wanted["orders"]) == BUYERS
    for words in (("shop",), ("--no-tablespaces", "--skip-extended-insert", "--hex-blob", "--events", "--routines", "shop")):
        root.query("DROP DATABASE IF EXISTS restored")
        root.query("CREATE DATABASE restored")
        restore(stand, "restored", dump(stand, *words))
        assert content(root, "restored") == wanted, words
        assert [row[0] for row in root.query("SHOW TRIGGERS FROM restored").rows] == ["tr2", "tr"]
    text = dump(stand, "--databases", "shop")
    assert b"CREATE DATABASE" in text
    root.query("DROP DATABASE shop")
    restore(stand, "mysql", text)
    assert content(root, "shop") == wanted


def test_mysqlcheck(stand):
    fill(stand)
    for word in ("--check", "--analyze", "--optimize"):
        done = subprocess.run(["mysqlcheck", word, "-h", "127.0.0.1", "-P", stand.values["WAYBILL_PORT"], "-u", stand.values["WAYBILL_USER"],
                               "-p" + stand.values["WAYBILL_PASSWORD"], "shop"], capture_output=True, text=True, env=dict(os.environ, LC_ALL="C"))
        assert done.returncode == 0, done.stderr
        for table in ALL:
            assert f"shop.{table}" in done.stdout, done.stdout
        assert done.stdout.count("OK") >= len(ALL) and "rror" not in done.stdout, done.stdout
