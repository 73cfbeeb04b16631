"""LOCK TABLES over several shards: the same locks on every primary, all or none of them; dumps that lock, both ways."""

import subprocess
import threading
import time

import wire

TABLES = """
[table shop.orders]
key = buyer_id
[table shop.items]
with = shop.orders
key = buyer_id
[table shop.products]
type = reference
[table shop.inventory]
type = unsharded
shard = s2
[table shop.tagged]
key = id
[index tag]
table = shop.tagged
column = tag
"""
CLUSTER = {"shards": 3, "replicas": 1, "plain": True, "tables": TABLES, "settings": "ddl_lock_wait_ms = 1000\n"}
SCHEMA = ("CREATE TABLE orders (buyer_id BIGINT, no INT, note VARCHAR(40), raw BLOB, PRIMARY KEY (buyer_id, no))",
          "CREATE TABLE items (buyer_id BIGINT, no INT, item INT, PRIMARY KEY (buyer_id, no, item))",
          "CREATE TABLE products (id BIGINT PRIMARY KEY, name VARCHAR(20))",
          "CREATE TABLE inventory (id BIGINT PRIMARY KEY, n INT)",
          "CREATE TABLE notes (id BIGINT PRIMARY KEY, t VARCHAR(20))")
ALL = ("orders", "items", "products", "inventory", "notes")
BUYERS = 40
NOT_LOCKED, LOCKED_TO_READ, LOCK_WAIT, NOT_THERE = 1100, 1099, 1205, 1146


def prepare(stand):
    """Tables with rows on all shards; a loader who waits for nobody longer than two seconds."""
    client = stand.client("loader")
    for table in ALL:
        client.query(f"DROP TABLE IF EXISTS {table}")
    for sql in SCHEMA:
        client.query(sql)
    client.query("INSERT INTO orders VALUES " + ", ".join(f"({n}, 1, 'n''{n}', x'00ff{n:02x}')" for n in range(BUYERS)))
    client.query("INSERT INTO items VALUES " + ", ".join(f"({n}, 1, 1)" for n in range(BUYERS)))
    for table in ("products", "inventory", "notes"):
        client.query(f"INSERT INTO {table} VALUES (1, 1), (2, 2)")
    return client


def error_of(client, sql):
    try:
        client.query(sql)
    except wire.ServerError as error:
        return error.code, error.message
    raise AssertionError(f"{sql} was not refused")


def code_of(client, sql):
    return error_of(client, sql)[0]


def count(client, table="orders"):
    return int(client.query(f"SELECT COUNT(*) FROM {table}").rows[0][0])


def test_every_shard_is_locked(stand):
    client = prepare(stand)
    other = stand.client("loader")
    other.query("SET lock_wait_timeout = 1")
    client.query("LOCK TABLES orders READ, products READ LOCAL, inventory AS i WRITE, notes WRITE")
    assert count(client) == BUYERS and count(client, "products") == 2
    assert [len(client.query("SELECT * FROM orders ORDER BY buyer_id LIMIT 7, 9").rows), count(client, "inventory i")] == [9, 2]
    assert code_of(client, "SELECT * FROM items") == NOT_LOCKED
    assert code_of(client, "UPDATE orders SET note = 'x' WHERE buyer_id = 3") == LOCKED_TO_READ
    assert "it has locked tables" in [row["pinned"] for row in stand.admin("SHOW SESSIONS")]
    assert code_of(other, "UPDATE orders SET note = 'x' WHERE buyer_id = 3") == LOCK_WAIT
    for server in ("s1a", "s2a", "s3a"):
        direct = stand.direct(server)
        direct.query("SET lock_wait_timeout = 1")
        assert code_of(direct, "UPDATE orders SET note = 'x'") == LOCK_WAIT, server
        assert int(direct.query("SELECT COUNT(*) FROM orders").rows[0][0]) > 0
        direct.close()
    assert code_of(other, "INSERT INTO notes VALUES (3, 3)") == LOCK_WAIT
    client.query("INSERT INTO notes VALUES (4, 4)")
    client.query("UNLOCK TABLES")
    other.query("UPDATE orders SET note = 'x' WHERE buyer_id = 3")
    assert count(client, "items") == BUYERS
    assert "it has locked tables" not in [row["pinned"] for row in stand.admin("SHOW SESSIONS")]


def test_all_or_none(stand):
    """A shard that can't lock leaves none locked; what was locked before is given up first, as on one server."""
    client = prepare(stand)
    other = stand.client("loader")
    other.query("SET lock_wait_timeout = 1")
    client.query("LOCK TABLES orders WRITE")
    assert code_of(client, "LOCK TABLES items WRITE, nothing.here WRITE") in (NOT_THERE, 1044, 1049)
    other.query("UPDATE orders SET note = 'y' WHERE buyer_id IN (1, 2)")
    holder = stand.direct("s3a")
    holder.query("LOCK TABLES items WRITE")
    assert code_of(client, "LOCK TABLES items WRITE WAIT 1") == LOCK_WAIT
    assert code_of(client, "LOCK TABLES orders READ, items WRITE NOWAIT") == LOCK_WAIT
    holder.query("UNLOCK TABLES")
    other.query("LOCK TABLES items WRITE")
    other.query("UNLOCK TABLES")
    client.query("LOCK TABLES orders READ")
    client.query("LOCK TABLES inventory WRITE")  # on one shard
    other.query("UPDATE orders SET note = 'z' WHERE buyer_id IN (1, 2)")
    client.query("LOCK TABLES orders READ")
    other.query("UPDATE inventory SET n = 9 WHERE id = 1")
    client.query("BEGIN")  # a server unlocks them
    other.query("UPDATE orders SET note = 'a' WHERE buyer_id IN (1, 2)")
    client.query("ROLLBACK")
    client.query("LOCK TABLES orders WRITE")
    client.close()
    stand.wait_until(lambda: not any(row["pinned"] for row in stand.admin("SHOW SESSIONS")), 10, "the client is gone")
    other.query("SET lock_wait_timeout = 20")
    other.query("UPDATE orders SET note = 'b' WHERE buyer_id IN (1, 2)")


def test_two_never_wait_for_each_other(stand):
    prepare(stand)
    problems = []

    def work(tables):
        client = stand.client("loader")
        client.query("SET lock_wait_timeout = 20")
        try:
            for _ in range(25):
                client.query(f"LOCK TABLES {tables}")
                client.query("UNLOCK TABLES")
        except (wire.ServerError, OSError, wire.ConnectionLost) as error:
            problems.append(error)

    threads = [threading.Thread(target=work, args=[tables])
               for tables in ("orders WRITE, items WRITE", "items WRITE, orders WRITE", "inventory WRITE, orders WRITE", "products WRITE")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems, problems


def test_writes(stand):
    """On one shard as ever. On several only for who accepts that they are not one commit: in a transaction a server would unlock."""
    client = prepare(stand)
    client.query("SET waybill_distributed = 'atomic'")
    client.query("LOCK TABLES orders WRITE, items WRITE")
    client.query("INSERT INTO orders VALUES (100, 1, 'x', '')")
    code, text = error_of(client, "INSERT INTO orders VALUES (101, 1, 'x', ''), (102, 1, 'x', ''), (103, 1, 'x', ''), (104, 1, 'x', '')")
    assert code == 9002 and "UNLOCK TABLES" in text, text
    assert code_of(client, "DELETE FROM orders LIMIT 3") in (9002, 9006)
    assert code_of(client, "SELECT o.no FROM orders o JOIN items i USING (no)") in (9001, 9006)
    assert code_of(client, "CREATE TEMPORARY TABLE t (a INT)") == 9006
    assert code_of(client, "SELECT * FROM inventory") in (NOT_LOCKED, 9006)
    assert client.query("ALTER TABLE orders DISABLE KEYS").affected == 0
    client.query("ALTER TABLE orders ADD COLUMN more INT")
    client.query("SET waybill_distributed = 'best_effort'")
    client.query("INSERT INTO orders VALUES (101, 1, 'x', '', 1), (102, 1, 'x', '', 1), (103, 1, 'x', '', 1), (104, 1, 'x', '', 1)")
    assert client.query("UPDATE orders SET more = 2").affected == count(client) == BUYERS + 5
    client.query("UNLOCK TABLES")
    client.query("SET autocommit = 0")
    client.query("LOCK TABLES orders WRITE")
    client.query("UPDATE orders SET more = 3")
    client.query("ROLLBACK")
    assert count(client, "orders WHERE more = 2") == BUYERS + 5
    client.query("UPDATE orders SET more = 4")
    client.query("UNLOCK TABLES")  # commits
    assert count(stand.client("loader"), "orders WHERE more = 4") == BUYERS + 5
    client.query("SET autocommit = 1")
    client.query("SET waybill_distributed = DEFAULT")
    client.query("DELETE FROM orders WHERE more = 4 LIMIT 3")


def test_lost_server(stand):
    """With the server its lock is gone: the client must not go on as if it had it."""
    client = prepare(stand)
    client.query("LOCK TABLES orders WRITE")
    for row in stand.root("s2a").query("SHOW PROCESSLIST").rows:
        if row[1] == stand.values["WAYBILL_USER"] or row[1] == "loader":
            stand.root("s2a").query(f"KILL {row[0]}")
    deadline = time.monotonic() + 20
    try:
        while time.monotonic() < deadline:
            client.query("SELECT COUNT(*) FROM orders")
            time.sleep(0.05)
        raise AssertionError("it has gone on")
    except (wire.ServerError, wire.ConnectionLost, OSError):
        pass
    stand.wait_until(lambda: not any(row["pinned"] for row in stand.admin("SHOW SESSIONS")), 20, "nothing is locked any more")
    stand.client("loader").query("UPDATE orders SET note = 'c' WHERE buyer_id IN (1, 2, 3, 4)")


def content(client, schema):
    return {table: sorted(client.query(f"SELECT * FROM {schema}.{table}").rows) for table in ALL}


def account(stand, user="app"):
    password = {"loader": "loader_pw"}.get(user, stand.values["WAYBILL_PASSWORD"])
    return ["-h", "127.0.0.1", "-P", stand.values["WAYBILL_PORT"], "-u", user, "-p" + password]


def run(words, text=None):
    done = subprocess.run(words, input=text, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    return done.returncode, done.stdout, done.stderr.decode()


def test_dumps_that_lock(stand):
    """What waybill dumps with locks one plain server takes; what that one dumps waybill takes. The rows are the same."""
    client = prepare(stand)
    wanted = content(client, "shop")
    plain = stand.root("plain")
    server = ["-S", stand.values["WAYBILL_PLAIN_SOCKET"], "-u", stand.values["WAYBILL_ROOT_USER"]]
    for words in (["shop"], ["--lock-tables", "--databases", "shop"], ["shop", "orders", "inventory", "items", "products", "notes"]):
        code, text, problem = run(["mariadb-dump", *account(stand, stand.values["WAYBILL_USER"]), *words])
        assert code == 0 and not problem, problem
        plain.query("DROP DATABASE IF EXISTS shop")
        plain.query("CREATE DATABASE shop")
        code, _, problem = run(["mariadb", *server, "shop"], text)
        assert code == 0, problem
        assert content(plain, "shop") == wanted, words
    code, text, problem = run(["mariadb-dump", *server, "shop"])
    assert code == 0 and b"LOCK TABLES `orders` WRITE" in text, problem
    code, _, problem = run(["mariadb", *account(stand, "loader"), "--init-command=SET waybill_distributed = 'atomic'", "shop"], text)
    assert code != 0 and "9002" in problem and "--skip-add-locks" in problem, problem
    for words, dumped in ((["--init-command=SET waybill_distributed = 'best_effort'"], []), (["--init-command=SET waybill_distributed = 'atomic'"], ["--skip-add-locks"])):
        for table in ALL:
            client.query(f"DROP TABLE IF EXISTS {table}")
        text = run(["mariadb-dump", *server, *dumped, "shop"])[1]
        code, _, problem = run(["mariadb", *account(stand, "loader"), *words, "shop"], text)
        assert code == 0, problem
        assert content(client, "shop") == wanted, words
    code, _, problem = run(["mariadb-dump", *account(stand, stand.values["WAYBILL_USER"]), "--lock-all-tables", "shop"])
    assert code != 0 and "--single-transaction" in problem, problem


def test_events_of_a_dump(stand):
    """On a replica an event doesn't run (DISABLE ON SLAVE); a dump must have it as it is on the primary."""
    client = stand.client("loader")
    client.query("DROP EVENT IF EXISTS nightly")
    client.query("CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY DO SET @x = 1")
    status = "SELECT status FROM information_schema.events WHERE event_name = 'nightly'"
    stand.wait_until(lambda: stand.root("s1b").query(status).rows == [("SLAVESIDE_DISABLED",)], 30, "the replica has it")
    for _ in range(20):  # of connections that have written nothing
        reader = stand.client("loader")
        assert reader.query(status).rows == [("ENABLED",)]
        assert "DISABLE" not in reader.query("SHOW CREATE EVENT nightly").rows[0][3]
        assert reader.query("SHOW EVENTS LIKE 'nightly'").rows[0][10] == "ENABLED"
        reader.close()
    code, text, problem = run(["mariadb-dump", *account(stand, "loader"), "--events", "--skip-lock-tables", "shop"])
    assert code == 0 and b"EVENT `nightly`" in text and b"DISABLE ON SLAVE" not in text, problem
    client.query("DROP EVENT nightly")


def test_global_index(stand):
    """Its entries are written beside the session's connections, and would wait for its locks."""
    client = stand.client("loader")
    client.query("CREATE TABLE IF NOT EXISTS tagged (id BIGINT PRIMARY KEY, tag BIGINT NOT NULL)")
    client.query("LOCK TABLES tagged WRITE")
    code, text = error_of(client, "INSERT INTO tagged VALUES (1, 5)")
    assert code == 9006 and "global index" in text, text
    assert count(client, "tagged") == 0
    assert count(client, "tagged WHERE tag = 5") == 0
    client.query("UNLOCK TABLES")
    client.query("INSERT INTO tagged VALUES (1, 5)")
    client.query("DELETE FROM tagged")
