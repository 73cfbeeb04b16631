"""LOAD DATA LOCAL INFILE through waybill: into one shard, into every copy of a reference table, and split by row."""

import os
import subprocess
import time

import wire

TABLES = """[table shop.orders]
key = buyer_id
id = order_id

[table shop.order_items]
with = shop.orders
id = order_id

[table shop.users]
key = buyer_id

[table shop.tags]
key = tag
key_type = string

[table shop.products]
type = reference

[table shop.stock]
type = unsharded
shard = s2
"""
CLUSTER = {"shards": 4, "replicas": 0, "plain": True, "tables": TABLES}
LOCAL = wire.CLIENT_DEFAULT | wire.LOCAL_FILES


def local(stand, **more):
    return stand.client(capabilities=LOCAL, **more)


def refused(run, *codes):
    try:
        run()
    except wire.ServerError as error:
        assert error.code in codes, error
        return error.message
    raise AssertionError("it was not refused")


def table(stand, name, columns):
    loader = stand.client(user="loader")
    loader.query(f"DROP TABLE IF EXISTS {name}")
    loader.query(f"CREATE TABLE {name} ({columns})")
    loader.close()
    root = stand.root("plain")
    root.query("CREATE DATABASE IF NOT EXISTS shop")
    root.query(f"CREATE OR REPLACE TABLE shop.{name} ({columns})")
    root.close()


def count(stand, server, name):
    root = stand.root(server)
    found = int(root.query(f"SELECT COUNT(*) FROM shop.{name}").rows[0][0])
    root.close()
    return found


def counts(stand, name):
    """How many rows each shard has."""
    return [count(stand, f"s{shard}a", name) for shard in range(1, stand.shards + 1)]


def message(result):
    return result.message if isinstance(result.message, str) else result.message.decode()


def test_into_one_shard(stand):
    """The answer, the warnings and what they say afterwards are the server's own."""
    table_text = "id INT NOT NULL PRIMARY KEY, name VARCHAR(400)"
    root = stand.root("s2a")
    root.query(f"CREATE OR REPLACE TABLE shop.stock ({table_text})")
    client = local(stand)
    result = client.load("LOAD DATA LOCAL INFILE '/no/such/file' INTO TABLE stock", [b"1\tone\n", b"2\ttwo\n3\tth", b"ree\n"])
    assert client.asked == b"/no/such/file"
    assert (result.affected, message(result)) == (3, "Records: 3  Deleted: 0  Skipped: 0  Warnings: 0"), message(result)
    assert client.query("SELECT ROW_COUNT()").rows == [("3",)]
    result = client.load("LOAD DATA LOCAL INFILE 'a' INTO TABLE stock", [b"3\tdouble\nfour\tx\n"])
    assert result.warnings == 2, result.warnings
    assert [row[1] for row in client.query("SHOW WARNINGS").rows] == ["1062", "1366"]
    result = client.load("LOAD DATA LOCAL INFILE 'a' REPLACE INTO TABLE stock FIELDS TERMINATED BY ','", [b"3,drei\n"])
    assert message(result) == "Records: 1  Deleted: 1  Skipped: 0  Warnings: 0"
    # A file that the client can't read: it sends the end at once.
    assert client.load("LOAD DATA LOCAL INFILE 'a' INTO TABLE stock", []).affected == 0
    # Refused before the client is asked, and after its file.
    refused(lambda: client.load("LOAD DATA LOCAL INFILE 'a' INTO TABLE stock (nothing)", []), 1054)
    refused(lambda: client.load("LOAD DATA LOCAL INFILE 'a' REPLACE INTO TABLE stock", [b"9\tx\n", b"wrong\tx\n"]), 1366)
    assert client.query("SELECT id, name FROM stock ORDER BY id").rows == [
        ("0", "x"), ("1", "one"), ("2", "two"), ("3", "drei")]
    # In a transaction.
    client.query("BEGIN")
    client.load("LOAD DATA LOCAL INFILE 'a' INTO TABLE stock", [b"7\tseven\n"])
    client.query("ROLLBACK")
    assert client.query("SELECT COUNT(*) FROM stock").rows == [("4",)]
    # Packets of 0xffffff bytes, the longest that don't need a second one, and an exact multiple of it.
    root.query("TRUNCATE shop.stock")
    row = b"%d\t" + b"x" * 300 + b"\n"
    data = b"".join(row % number for number in range(80000))
    chunks = [data[i:i + wire.PAYLOAD_MAX] for i in range(0, len(data), wire.PAYLOAD_MAX)]
    assert len(chunks[0]) == wire.PAYLOAD_MAX and len(chunks) > 1
    assert client.load("LOAD DATA LOCAL INFILE 'a' INTO TABLE stock", chunks).affected == 80000
    # Several in one row, and commands sent behind it without waiting.
    root.query("TRUNCATE shop.stock")
    client.send_command(wire.COM_QUERY, "LOAD DATA LOCAL INFILE 'a' INTO TABLE stock")
    client.send_packet(b"77\tx\n", sequence=2)
    client.send_packet(b"")
    client.send_raw(wire.frame(b"\x03SELECT COUNT(*) FROM stock"))
    client.sequence = 1
    assert client.read_packet()[:1] == b"\xfb"
    client.sequence = 4
    assert client.read_results().affected == 1
    client.sequence = 1
    assert client.read_results().rows == [("1",)]
    client.close()
    root.close()


def test_prepared(stand):
    """MariaDB takes LOAD DATA LOCAL as a prepared statement, too."""
    table(stand, "stock", "id INT NOT NULL PRIMARY KEY, name VARCHAR(20)")
    client = local(stand)
    statement = client.prepare("LOAD DATA LOCAL INFILE 'a' INTO TABLE stock (id) SET name = ?")
    for number in (1, 2):
        client.send_packet(client.execute_payload(statement, [f"p{number}"]), sequence=0)
        assert client.read_packet() == b"\xfba"
        client.send_packet(b"%d\n" % number)
        client.send_packet(b"")
        assert client.read_results(wire.decode_binary_row, is_execute=True).affected == 1
    assert client.query("SELECT * FROM stock ORDER BY id").rows == [("1", "p1"), ("2", "p2")]
    client.close()


def test_nothing_is_half_loaded(stand):
    """Who goes in the middle has loaded nothing, in a transaction or not."""
    table(stand, "stock", "id INT NOT NULL PRIMARY KEY, name VARCHAR(20)")
    data = [b"".join(b"%d\tx\n" % n for n in range(k * 1000, k * 1000 + 1000)) for k in range(50)]
    for begin in (None, "BEGIN"):
        client = local(stand)
        if begin:
            client.query(begin)
        client.load("LOAD DATA LOCAL INFILE 'a' INTO TABLE stock", data, is_ended=False)
        time.sleep(0.2)
        client.abort()
        stand.wait_until(lambda: all(int(row["lent"]) == 0 for row in stand.admin("SHOW POOLS")), 5, "the backend is closed")
        time.sleep(0.2)
        assert count(stand, "s2a", "stock") == 0
    # The server's connection is killed: the client may send to its end, and is told.
    client, root = local(stand), stand.root("s2a")
    client.load("LOAD DATA LOCAL INFILE 'a' INTO TABLE stock", data, is_ended=False)
    busy = root.query("SELECT ID FROM information_schema.PROCESSLIST WHERE INFO LIKE 'LOAD DATA%' ORDER BY ID DESC").rows
    root.query(f"KILL {busy[0][0]}")
    time.sleep(0.3)
    for chunk in data:
        client.send_packet(chunk)
    client.send_packet(b"")
    refused(client.read_results, 2013)
    assert client.query("SELECT COUNT(*) FROM stock").rows == [("0",)]
    client.close()
    root.close()


def test_out_of_order(stand):
    table(stand, "stock", "id INT NOT NULL PRIMARY KEY, name VARCHAR(20)")
    client = local(stand)
    client.send_command(wire.COM_QUERY, "LOAD DATA LOCAL INFILE 'a' INTO TABLE stock")
    client.read_packet()
    client.send_packet(b"1\ta\n")
    client.send_packet(b"2\ta\n", sequence=9)
    payload = client.read_packet(is_sequence_checked=False)
    assert payload[:3] == b"\xff\x84\x04", payload  # 1156
    assert client.is_closed_by_peer()
    assert count(stand, "s2a", "stock") == 0


def test_reference(stand):
    """Every copy gets the file, or none; only who may write to several shards may do it."""
    table(stand, "products", "id INT NOT NULL PRIMARY KEY, name VARCHAR(20)")
    client = local(stand)
    refused(lambda: client.load("LOAD DATA LOCAL INFILE 'a' INTO TABLE products", []), 9002)
    loader = local(stand, user="loader")
    data = [b"".join(b"%d\tx\n" % n for n in range(k * 1000, k * 1000 + 1000)) for k in range(20)]
    result = loader.load("LOAD DATA LOCAL INFILE 'a' INTO TABLE products", data)
    assert (result.affected, message(result)) == (20000, "Records: 20000  Deleted: 0  Skipped: 0  Warnings: 0"), message(result)
    assert counts(stand, "products") == [20000] * 4
    refused(lambda: loader.load("LOAD DATA LOCAL INFILE 'a' INTO TABLE products (nothing)", []), 1054)
    loader.query("DELETE FROM products")
    # One of the servers is lost in the middle: no copy has anything.
    root = stand.root("s3a")
    loader.load("LOAD DATA LOCAL INFILE 'a' INTO TABLE products", data, is_ended=False)
    busy = root.query("SELECT ID FROM information_schema.PROCESSLIST WHERE INFO LIKE 'LOAD DATA%' ORDER BY ID DESC").rows
    root.query(f"KILL {busy[0][0]}")
    for chunk in data:
        loader.send_packet(chunk)
    loader.send_packet(b"")
    refused(loader.read_results, 2013)
    stand.wait_until(lambda: counts(stand, "products") == [0] * 4, 5, "nothing is left")
    for each in (client, loader, root):
        each.close()


def test_not_allowed(stand):
    """A client without LOCAL_FILES hears what the server says to one."""
    table(stand, "stock", "id INT NOT NULL PRIMARY KEY, name VARCHAR(20)")
    client = stand.client()
    refused(lambda: client.load("LOAD DATA LOCAL INFILE 'a' INTO TABLE stock", []), 4166)
    refused(lambda: client.load("LOAD DATA INFILE 'a' INTO TABLE products", []), 9002)
    client.close()


def test_programs(stand):
    """The mariadb client sends a file of its own; memory stays what it is for a large one."""
    table(stand, "stock", "id INT NOT NULL PRIMARY KEY, name VARCHAR(120)")
    path = os.path.join(stand.directory, "stock.txt")
    line = "\t" + "y" * 100 + "\n"
    with open(path, "w") as out:
        for number in range(500000):
            out.write(str(number) + line)
    before = stand.waybill_rss_kib()
    done = subprocess.run(
        ["mariadb", "--no-defaults", "--local-infile=1", "-h127.0.0.1", "-P" + stand.values["WAYBILL_PORT"], "-uapp", "-papp_pw", "shop",
         "-vv", "-e", f"LOAD DATA LOCAL INFILE '{path}' INTO TABLE stock"], capture_output=True, text=True)
    assert "Records: 500000  Deleted: 0" in done.stdout, done.stdout + done.stderr
    grown = stand.waybill_rss_kib() - before
    if not os.environ.get("WAYBILL_SANITIZED"):
        assert grown < 8 * 1024, f"{grown} KiB"
    os.remove(path)
