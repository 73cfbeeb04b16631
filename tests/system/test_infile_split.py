"""LOAD DATA LOCAL INFILE split by row onto the shards of a sharded table."""

import os
import random
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

[table shop.years]
method = date
key = day
unit = year
ranges = 2021:s1, 2022:s2, 2023:s3, 2024:s4

[table shop.products]
type = reference
"""
CLUSTER = {"shards": 4, "replicas": 0, "plain": True, "tables": TABLES}
LOCAL = wire.CLIENT_DEFAULT | wire.LOCAL_FILES
FILES = int(os.environ.get("WAYBILL_LOAD_FILES", "250"))  # random ones


def local(stand, user="loader", **more):
    return stand.client(user=user, capabilities=LOCAL, **more)


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


def message(result):
    return result.message if isinstance(result.message, str) else result.message.decode()


class Shards:
    """What is where, looked at past waybill."""

    def __init__(self, stand):
        self.roots = [stand.root(f"s{shard}a") for shard in range(1, stand.shards + 1)]
        self.plain = stand.root("plain")
        self.plain.query("SET GLOBAL local_infile = 1")
        self.direct = wire.Client(unix_socket=stand.values["WAYBILL_PLAIN_SOCKET"], user=stand.values["WAYBILL_ROOT_USER"],
                                  password="", timeout=30, capabilities=LOCAL)

    def counts(self, name):
        return [int(root.query(f"SELECT COUNT(*) FROM shop.{name}").rows[0][0]) for root in self.roots]

    def rows(self, name, what):
        return sorted((row for root in self.roots for row in root.query(f"SELECT {what} FROM shop.{name}").rows), key=repr)

    def plain_rows(self, name, what):
        return sorted(self.plain.query(f"SELECT {what} FROM shop.{name}").rows, key=repr)

    def empty(self, name):
        for root in self.roots + [self.plain]:
            root.query(f"TRUNCATE shop.{name}")

    def close(self):
        for each in self.roots + [self.plain, self.direct]:
            each.close()


def same_as_plain(shards, client, name, sql, data, what="*"):
    """The file through waybill and into the plain server: the same answer, the same rows."""
    direct = shards.direct.load(sql.replace(f" TABLE {name}", f" TABLE shop.{name}"), data)
    split = client.load(sql, data)
    assert (split.affected, split.warnings, message(split)) == (direct.affected, direct.warnings, message(direct)), (
        message(split), message(direct))
    assert shards.rows(name, what) == shards.plain_rows(name, what)
    return split


def test_split(stand):
    table(stand, "users", "buyer_id BIGINT NOT NULL PRIMARY KEY, name VARCHAR(20), note TEXT")
    shards, client = Shards(stand), local(stand)
    data = [b"".join(b"%d\tname %d\tx%s\n" % (n, n, b"y" * (n % 50)) for n in range(k * 1000, k * 1000 + 1000)) for k in range(20)]
    result = same_as_plain(shards, client, "users", "LOAD DATA LOCAL INFILE '/tmp/f' INTO TABLE users", data)
    assert client.asked == b"/tmp/f" and result.affected == 20000
    assert all(count > 4000 for count in shards.counts("users")), shards.counts("users")
    assert client.query("SELECT ROW_COUNT()").rows == [("20000",)]
    for key in (0, 7, 19999):  # one shard is asked for each
        assert client.query(f"SELECT name FROM users WHERE buyer_id = {key}").rows == [(f"name {key}",)]
    # Columns in another order, a SET of the others, doubles, lines that are skipped.
    shards.empty("users")
    same_as_plain(shards, client, "users", "LOAD DATA LOCAL INFILE 'f' INTO TABLE users FIELDS TERMINATED BY ',' ENCLOSED BY '\"' "
                  "IGNORE 2 LINES (name, @skipped, buyer_id) SET note = CONCAT(@skipped, '!')",
                  [b'name,"note\n', b'more"\n"a, ""b""\n",x,"5"\nc,y,6\nd,z,5\n\\N,NULL,7\n'])
    assert client.query("SELECT @skipped").rows == [(None,)]  # NULL: of the last row
    client.close()
    client = local(stand)
    same_as_plain(shards, client, "users", "LOAD DATA LOCAL INFILE 'f' REPLACE INTO TABLE users (buyer_id, name)",
                  [b"5\tnew\n8\tnew\n9\tnew\n"])
    # Nothing in it, and nothing but what is skipped.
    for data in ([], [b"a\nb"]):
        same_as_plain(shards, client, "users", "LOAD DATA LOCAL INFILE 'f' INTO TABLE users IGNORE 3 LINES", data)
    shards.close()
    client.close()


def test_columns_are_asked(stand):
    """Without a column list the servers' own order counts, as it is now."""
    table(stand, "users", "note TEXT, hidden INT INVISIBLE DEFAULT 7, twice INT AS (buyer_id * 2) STORED, buyer_id BIGINT NOT NULL, `a``b` INT")
    shards, client = Shards(stand), local(stand)
    sql = "LOAD DATA LOCAL INFILE 'f' INTO TABLE users"
    same_as_plain(shards, client, "users", sql, [b"".join(b"n\t0\t%d\t%d\n" % (n, n) for n in range(100))], "note, hidden, buyer_id, twice, `a``b`")
    for root in shards.roots + [shards.plain]:
        root.query("ALTER TABLE shop.users MODIFY buyer_id BIGINT NOT NULL FIRST")
    same_as_plain(shards, client, "users", sql + " ()", [b"".join(b"%d\tn\t0\t4\n" % n for n in range(100, 200))])
    shards.close()
    client.close()


def test_refused_before_the_file(stand):
    table(stand, "users", "buyer_id BIGINT NOT NULL PRIMARY KEY, name VARCHAR(20)")
    client = local(stand)
    for rest, code in (("users (name)", 9003), ("users (buyer_id, buyer_id)", 9003), ("users (buyer_id, nothing)", 1054), ("users (@a, name) SET buyer_id = @a", 9003),
                       ("users (buyer_id, name) SET buyer_id = 1", 9002), ("users FIELDS TERMINATED BY '' (buyer_id)", 9002),
                       ("users FIELDS ESCAPED BY 'ab'", 1083), ("users FIELDS TERMINATED BY x'ff'", 9002), ("users CHARACTER SET ucs2", 9002),
                       ("users (buyer_id, @n) SET name = @x := @x + 1", 9002), ("users (buyer_id) SET name = (SELECT MAX(name) FROM tags)", 9002),
                       ("order_items (note)", 1146)):
        refused(lambda: client.load(f"LOAD DATA LOCAL INFILE 'f' INTO TABLE {rest}", []), code)
    refused(lambda: client.load("LOAD XML LOCAL INFILE 'f' INTO TABLE users", []), 9002)
    refused(lambda: client.load("LOAD DATA INFILE 'f' INTO TABLE users", []), 9002)
    client.query("SET collation_connection = ucs2_general_ci")
    refused(lambda: client.load("LOAD DATA LOCAL INFILE 'f' INTO TABLE users FIELDS TERMINATED BY ','", []), 9002)
    assert client.query("SELECT 1").rows == [("1",)]
    client.close()
    client = stand.client()
    refused(lambda: client.load("LOAD DATA LOCAL INFILE 'a' INTO TABLE users", []), 4166)
    client.close()


def test_rows_without_a_certain_place(stand):
    """The whole file is rolled back, and the client reads the error when it has sent all."""
    table(stand, "users", "buyer_id INT NOT NULL, name VARCHAR(20)")
    table(stand, "tags", "tag VARCHAR(3) NOT NULL, name VARCHAR(20)")
    table(stand, "years", "day DATE NOT NULL, name VARCHAR(20)")
    shards, client = Shards(stand), local(stand)
    good = {"users": b"".join(b"%d\tx\n" % n for n in range(2000)), "tags": b"".join(b"%d\tx\n" % n for n in range(999)),
            "years": b"".join(b"202%d-01-01\tx\n" % (1 + n % 4) for n in range(100))}
    for name, rows in (("users", (b"x", b"", b"\\N", b"1.5", b"1e2", b" 1", b"2147483648", b"-2147483649")),
                       ("tags", (b"abcd", b"\xc3\xa9", b"\\N", b"a\\\nb")), ("years", (b"2025-01-01", b"2021-02-30", b"x", b"20210101"))):
        for row in rows:
            said = refused(lambda: client.load(f"LOAD DATA LOCAL INFILE 'f' INTO TABLE {name}", [good[name], row + b"\tx\n", good[name] * 20]), 9003)
            assert said.startswith("Row %d of the file for table shop.%s" % (good[name].count(b"\n") + 1, name)), said
            assert shards.counts(name) == [0] * 4
    for row in (b"1\tcaf\xe9\n2\tx\n",):
        assert "no characters of utf8mb4" in refused(lambda: client.load("LOAD DATA LOCAL INFILE 'f' INTO TABLE users CHARACTER SET utf8mb4", [row]), 9003)
    assert "max_packet_bytes" in refused(
        lambda: client.load("LOAD DATA LOCAL INFILE 'f' INTO TABLE users FIELDS ENCLOSED BY '\"'", [b'1\t"' + b"x" * 1000000] + [b"x" * 1000000] * 70), 9008)
    # What fits is loaded: spellings of one key, both ends of the column.
    same_as_plain(shards, client, "users", "LOAD DATA LOCAL INFILE 'f' INTO TABLE users", [b"05\ta\n+5\tb\n-2147483648\tc\n2147483647\td\n\\5\te"])
    assert len(client.query("SELECT * FROM users WHERE buyer_id = 5").rows) == 3
    same_as_plain(shards, client, "tags", "LOAD DATA LOCAL INFILE 'f' INTO TABLE tags", [b"abc\ta\nABC  \tb\n\tc\n"])
    same_as_plain(shards, client, "years", "LOAD DATA LOCAL INFILE 'f' INTO TABLE years", [good["years"]])
    assert shards.counts("years") == [25] * 4
    shards.close()
    client.close()


def test_one_shard_for_everybody(stand):
    """Who may not write to several shards may load a file for one; others are rolled back."""
    table(stand, "orders", "order_id BIGINT NOT NULL PRIMARY KEY, buyer_id BIGINT NOT NULL, name VARCHAR(20)")
    shards, client = Shards(stand), local(stand, user=None)
    sql = "LOAD DATA LOCAL INFILE 'f' INTO TABLE orders (buyer_id, name)"
    result = client.load(sql, [b"5\ta\n", b"5\tb\n5\tc" + b"x" * 30 + b"\n"])
    assert (result.affected, result.warnings) == (3, 1)
    assert client.query("SHOW WARNINGS").rows[0][1] == "1265"
    assert sorted(shards.counts("orders")) == [0, 0, 0, 3]
    refused(lambda: client.load(sql, [b"5\td\n" * 50000, b"".join(b"%d\tx\n" % n for n in range(100)), b"5\te\n" * 50000]), 9002)
    assert sorted(shards.counts("orders")) == [0, 0, 0, 3]
    # In a transaction: kept with it, rolled back with it; the second shard of it is refused.
    client.query("BEGIN")
    client.load(sql, [b"5\td\n"])
    assert client.query("SELECT COUNT(*) FROM orders WHERE buyer_id = 5").rows == [("4",)]
    key = next(n for n in range(100) if client.query(f"SELECT COUNT(*) FROM orders WHERE buyer_id = {n}").rows == [("0",)] and refuses(client, f"UPDATE orders SET name = '' WHERE buyer_id = {n}"))
    refused(lambda: client.load(sql, [b"%d\tx\n" % key]), 9002)
    assert client.query("SELECT COUNT(*) FROM orders WHERE buyer_id = 5").rows == [("4",)]
    client.query("ROLLBACK")
    assert sorted(shards.counts("orders")) == [0, 0, 0, 3]
    # Half of a file is in a transaction: the whole of it is gone, and the client is told so.
    client.query("BEGIN")
    client.query("UPDATE orders SET name = 'changed' WHERE buyer_id = 5")
    refused(lambda: client.load(sql, [b"5\td\n", b"wrong\tx\n"]), 1213)
    assert client.query("SELECT COUNT(*) FROM orders WHERE name = 'changed'").rows == [("0",)]
    # Only in the shard of the hint.
    one = next(i for i, n in enumerate(shards.counts("orders")) if n)
    other = (one + 1) % 4 + 1
    refused(lambda: client.load(f"/* waybill: shard=s{other} */ " + sql, [b"5\td\n"]), 9003)
    assert client.load(f"/* waybill: shard=s{one + 1} */ " + sql, [b"5\td\n"]).affected == 1
    shards.close()
    client.close()


def refuses(client, sql):
    try:
        client.query(sql)
    except wire.ServerError as error:
        return error.code == 9002
    return False


def test_ids(stand):
    """waybill makes the ids that the file lacks; those that it has must be its own."""
    table(stand, "orders", "order_id BIGINT NOT NULL PRIMARY KEY, buyer_id BIGINT NOT NULL, name VARCHAR(20)")
    table(stand, "order_items", "item_id INT NOT NULL, order_id BIGINT NOT NULL, name VARCHAR(20)")
    shards, client = Shards(stand), local(stand)
    for rest in (" (name, buyer_id)", " FIELDS TERMINATED BY '||' ENCLOSED BY '\"' LINES STARTING BY '>' (name, buyer_id)"):
        separator, start = (b"||", b"junk>") if "||" in rest else (b"\t", b"")
        data = b"".join(start + b"n%d" % n + separator + b"%d\n" % n for n in range(1000))
        assert client.load("LOAD DATA LOCAL INFILE 'f' INTO TABLE orders" + rest, [data]).affected == 1000
    rows = client.query("SELECT order_id, buyer_id, name FROM orders").rows
    assert len(rows) == len({row[0] for row in rows}) == 2000 and all(row[2] == "n" + row[1] for row in rows)
    for row in rows[::100]:  # one shard is asked
        assert client.query(f"SELECT buyer_id FROM orders WHERE order_id = {row[0]}").rows == [(row[1],)]
    refused(lambda: client.query("SELECT LAST_INSERT_ID()"), 1235)
    # Items by the ids of their orders, and orders with ids.
    items = "".join(f"{n}\t{row[0]}\tx\n" for n, row in enumerate(rows)).encode()
    same_as_plain(shards, client, "order_items", "LOAD DATA LOCAL INFILE 'f' INTO TABLE order_items", [items])
    assert shards.counts("order_items") == shards.counts("orders")
    assert "no id that waybill made" in refused(lambda: client.load("LOAD DATA LOCAL INFILE 'f' INTO TABLE order_items", [b"1\t0\tx\n"]), 9003)
    refused(lambda: client.load("LOAD DATA LOCAL INFILE 'f' INTO TABLE order_items (item_id, name)", []), 9003)
    shards.empty("orders")
    dump = "".join("\t".join(row) + "\n" for row in rows).encode()
    same_as_plain(shards, client, "orders", "LOAD DATA LOCAL INFILE 'f' INTO TABLE orders", [dump])
    for id in ("\\N", "0", rows[0][0]):
        other = next(row[1] for row in rows if int(row[0]) >> 10 & 4095 != int(rows[0][0]) >> 10 & 4095)
        refused(lambda: client.load("LOAD DATA LOCAL INFILE 'f' INTO TABLE orders", [f"{id}\t{other}\tx\n".encode()]), 9003)
    refused(lambda: client.load("LOAD DATA LOCAL INFILE 'f' INTO TABLE orders FIELDS TERMINATED BY '1' (buyer_id)", []), 9002)
    shards.close()
    client.close()


def test_insert_without_columns(stand):
    """The server's present order counts for INSERT, too; ids are made where the place of the id asks for one."""
    table(stand, "orders", "name VARCHAR(20), order_id BIGINT NOT NULL PRIMARY KEY, buyer_id BIGINT NOT NULL, hidden INT INVISIBLE DEFAULT 3, `a``b` INT AS (buyer_id + 1)")
    shards, client = Shards(stand), stand.client()
    for id in ("NULL", "0", "DEFAULT"):
        result = client.query(f"INSERT INTO orders VALUES ('x', {id}, 5, DEFAULT)")
        assert client.query("SELECT LAST_INSERT_ID()").rows == [(str(result.insert_id),)] and result.insert_id > 0
        assert client.query(f"SELECT buyer_id, hidden, `a``b` FROM orders WHERE order_id = {result.insert_id}").rows == [("5", "3", "6")]
    statement = client.prepare("INSERT INTO orders VALUES (?, ?, ?, DEFAULT)")
    for buyer in range(20):
        made = client.execute(statement, ["p", None, buyer]).insert_id
        assert client.query(f"SELECT buyer_id FROM orders WHERE order_id = {made}").rows == [(str(buyer),)]
    assert sum(1 for count in shards.counts("orders") if count) == 4
    # The order is changed behind waybill's back.
    for root in shards.roots:
        root.query("ALTER TABLE shop.orders MODIFY buyer_id BIGINT NOT NULL FIRST")
    client.execute(statement, [77, "moved", None])
    client.query("INSERT INTO orders VALUES (77, 'moved', NULL, DEFAULT)")
    assert client.query("SELECT COUNT(*) FROM orders WHERE buyer_id = 77 AND name = 'moved'").rows == [("2",)]
    loader = stand.client(user="loader")
    loader.query("INSERT INTO orders VALUES " + ", ".join(f"({n}, 'many', NULL, DEFAULT)" for n in range(100, 140)))
    assert all(loader.query(f"SELECT name FROM orders WHERE buyer_id = {n}").rows == [("many",)] for n in range(100, 140))
    refused(lambda: client.query("INSERT INTO orders VALUES ()"), 9003)
    # An account that sees a part of the columns would be given another order.
    for root in shards.roots:
        root.query("CREATE USER half@'%' IDENTIFIED BY 'half_pw'")
        root.query("GRANT SELECT (buyer_id), INSERT (buyer_id, order_id) ON shop.orders TO half@'%'")
    for each in (client, loader):
        each.close()
    with open(os.path.join(stand.directory, "waybill.ini"), "a") as config:
        config.write("\n[user half]\npassword = half_pw\nserver_user = half\nserver_password = half_pw\ndefault_schema = shop\n")
    stand.admin("RELOAD")
    time.sleep(0.3)
    half = wire.Client(port=int(stand.values["WAYBILL_PORT"]), user="half", password="half_pw", database="shop", timeout=30, capabilities=LOCAL)
    assert half.query("INSERT INTO orders (buyer_id) VALUES (99)").affected == 1
    assert "single columns" in refused(lambda: half.query("INSERT INTO orders VALUES (99, 5)"), 9003)
    refused(lambda: half.load("LOAD DATA LOCAL INFILE 'f' INTO TABLE orders", []), 9003)
    half.close()
    shards.close()


def test_one_server_fails(stand):
    """A server that is lost in the middle, or refuses: no shard keeps anything."""
    table(stand, "users", "buyer_id BIGINT NOT NULL, name VARCHAR(20)")
    shards, client = Shards(stand), local(stand)
    data = [b"".join(b"%d\tx\n" % n for n in range(k * 1000, k * 1000 + 1000)) for k in range(50)]
    sql = "LOAD DATA LOCAL INFILE 'a' INTO TABLE users"
    client.load(sql, data[:10], is_ended=False)
    stand.wait_until(lambda: shards.roots[2].query("SELECT ID FROM information_schema.PROCESSLIST WHERE INFO LIKE 'LOAD DATA%'").rows, 5, "it loads")
    busy = shards.roots[2].query("SELECT ID FROM information_schema.PROCESSLIST WHERE INFO LIKE 'LOAD DATA%'").rows
    shards.roots[2].query(f"KILL {busy[0][0]}")
    for chunk in data[10:]:
        client.send_packet(chunk)
    client.send_packet(b"")
    refused(client.read_results, 2013)
    stand.wait_until(lambda: shards.counts("users") == [0] * 4, 5, "nothing is left")
    shards.roots[1].query("DROP TABLE shop.users")
    refused(lambda: client.load(sql, data), 1146)
    shards.roots[1].query("CREATE TABLE shop.users (buyer_id BIGINT NOT NULL, name VARCHAR(20))")
    assert shards.counts("users") == [0] * 4
    # The client goes.
    client.load(sql, data[:10], is_ended=False)
    client.abort()
    stand.wait_until(lambda: all(int(row["lent"]) == 0 for row in stand.admin("SHOW POOLS")), 5, "the backends are closed")
    stand.wait_until(lambda: shards.counts("users") == [0] * 4, 5, "nothing is left")
    # A shard that hears nothing for longer than its net_read_timeout; whoever has its connection next has the old value.
    client = local(stand)
    client.query("SET net_read_timeout = 1")
    client.load(sql, [b"".join(b"%d\tx\n" % n for n in range(100))], is_ended=False)
    for _ in range(15):
        time.sleep(0.2)
        client.send_packet(b"1\ty\n")
    client.send_packet(b"")
    assert client.read_results().affected == 115
    assert client.query("SELECT @@net_read_timeout").rows == [("1",)]
    client.close()
    client = local(stand)
    for shard in range(1, 5):
        assert client.query(f"/* waybill: shard=s{shard} */ SELECT @@net_read_timeout").rows == [("30",)]
    shards.close()
    client.close()


def test_prepared_and_several_in_one_text(stand):
    table(stand, "users", "buyer_id BIGINT NOT NULL PRIMARY KEY, name VARCHAR(20)")
    shards, client = Shards(stand), stand.client(user="loader", capabilities=LOCAL | wire.MULTI_STATEMENTS)
    statement = client.prepare("LOAD DATA LOCAL INFILE 'a' INTO TABLE users (buyer_id) SET name = ?")
    for number in (1, 2):
        client.send_packet(client.execute_payload(statement, [f"p{number}"]), sequence=0)
        assert client.read_packet() == b"\xfba"
        client.send_packet(b"".join(b"%d\n" % n for n in range(number * 100, number * 100 + 100)))
        client.send_packet(b"")
        assert client.read_results(wire.decode_binary_row, is_execute=True).affected == 100
    assert client.query("SELECT COUNT(*) FROM users WHERE name = 'p2'").rows == [("100",)]
    result = client.load("LOAD DATA LOCAL INFILE 'a' INTO TABLE users; SELECT COUNT(*) FROM users", [b"1\n2\n3\n"])
    assert result.affected == 3 and result.more[0].rows == [("203",)]
    shards.close()
    client.close()


# ---- the same file into one plain server and through waybill

FIELD_ENDS = ["\\t", ",", ";", "||", "ab", "\\r\\n", "x'01'", "|", "\\0"]
LINE_ENDS = ["\\n", "\\r\\n", "\\n\\n", ";", "|", "", ",", "\\t", "zz", "x'02'"]
CHARSETS = ["", "utf8mb4", "latin1", "binary", "gbk", "sjis", "big5", "ujis", "euckr", "utf8mb3", "cp932"]
MEANING = {"\\t": b"\t", "\\r\\n": b"\r\n", "\\n": b"\n", "\\n\\n": b"\n\n", "\\0": b"\0", "x'01'": b"\x01", "x'02'": b"\x02"}


def quoted(text):
    return text if text.startswith("x'") else f"'{text}'"


def random_rules(dice):
    field, line = dice.choice(FIELD_ENDS), dice.choice(LINE_ENDS if dice.random() < 0.5 else LINE_ENDS[:2])
    enclosed = dice.choice(["", "", '"', "\\'", "|"])
    escaped = dice.choice([None, None, None, "", '"', "e", "\\\\"])
    start = dice.choice(["", "", "", ">>", "a"])
    skip = dice.choice([0, 0, 0, 1, 2])
    charset = dice.choice(CHARSETS)
    sql = f"CHARACTER SET {charset} " if charset else ""
    sql += f"FIELDS TERMINATED BY {quoted(field)} " + (f"OPTIONALLY ENCLOSED BY '{enclosed}' " if enclosed else "")
    sql += f"ESCAPED BY '{escaped}' " if escaped is not None else ""
    sql += f"LINES STARTING BY '{start}' TERMINATED BY {quoted(line)} " + (f"IGNORE {skip} LINES " if skip else "")
    meant = lambda text: MEANING.get(text, text.replace("\\'", "'").encode())
    return sql, meant(field), meant(line), meant(enclosed), b"\\" if escaped in (None, "\\\\") else escaped.encode(), start.encode(), charset


def random_file(dice, key_at, field, line, enclosed, escaped, start, charset):
    special = [field, line, enclosed, escaped, start, b"NULL", escaped + b"N", escaped + b"n", enclosed * 2, b"\n", b"a", b"e", b"0", b"\\", b'"']
    plain = [b"x", b"yz", b"15", b"word", b" ", b"Q"]
    if charset in ("gbk", "sjis", "big5", "cp932", "euckr"):
        plain += [b"\xb3\x5c", b"\xa1\x7c" if charset in ("gbk", "big5") else b"\x95\x5c", b"\xb0\xa1"]
    elif charset != "utf8mb3":
        plain += ["é€".encode(), "😀".encode()] if charset in ("", "utf8mb4", "binary") else [b"\xe9", b"\xa4\xa2"]
    simple = [b"x", b"yz", b"15", b"word", b" ", b"Q", b"a", b"e", b"0"]
    wild = dice.choice([0, 0.1, 0.3])
    out = []
    for _ in range(dice.randrange(40)):
        fields = []
        for at in range(dice.choice([3, 3, 3, 3, 1, 2, 4]) if wild else dice.choice([3, 3, 4])):
            words = simple if at == key_at and dice.random() < 0.95 else special if dice.random() < wild else plain
            text = b"".join(dice.choice(words) for _ in range(dice.randrange(5)))
            if enclosed and dice.random() < 0.5:
                text = enclosed + text.replace(enclosed, enclosed * 2) + enclosed
            fields.append(text)
        out.append((start if dice.random() < 0.9 else b"") + field.join(fields) + (line if dice.random() < 0.95 else field))
    data = b"".join(out)
    return data[:-len(line)] if line and dice.random() < 0.3 else data


def test_random_files(stand):
    """Rows by a text key, which nearly every text can be; where it can't, waybill says so and loads nothing."""
    table(stand, "tags", "tag VARCHAR(1000) CHARACTER SET latin1 NOT NULL, a VARBINARY(2000), b BLOB")
    shards, client = Shards(stand), local(stand)
    seed = int(os.environ.get("WAYBILL_SEED", "20261130"))
    taken = rows = 0
    for number in range(int(os.environ.get("WAYBILL_LOAD_FIRST", "0")), FILES):
        dice = random.Random(f"{seed} {number}")
        rules, *details = random_rules(dice)
        columns = dice.choice(["(tag, a, b)", "(a, tag, b)", "(b, a, tag)", "(tag, @x) SET a = @x", "(tag)", ""])
        key_at = {"(a": 1, "(b": 2}.get(columns[:2], 0)
        data = random_file(dice, key_at, *details)
        sql = f"LOAD DATA LOCAL INFILE 'f' INTO TABLE tags {rules}{columns}"
        chunks = []
        while data:
            size = dice.choice([1, 3, 100, 10000])
            chunks.append(data[:size])
            data = data[size:]
        shards.empty("tags")
        case = f"WAYBILL_SEED={seed} file {number}: {sql} {b''.join(chunks)!r}"
        try:
            result = client.load(sql, chunks)
        except wire.ServerError as error:
            assert error.code in (9002, 9003), f"{case}: {error}"
            assert shards.counts("tags") == [0] * 4, case
            client.reset_connection()
            continue
        direct = shards.direct.load(sql.replace(" tags ", " shop.tags "), chunks)
        what = "HEX(tag), HEX(a), HEX(b)"
        here, there = shards.rows("tags", what), shards.plain_rows("tags", what)
        assert here == there, f"{case}: only split {[row for row in here if row not in there]}, only direct {[row for row in there if row not in here]}"
        assert (result.affected, result.warnings, message(result)) == (direct.affected, direct.warnings, message(direct)), case
        taken, rows = taken + 1, rows + result.affected
        client.reset_connection()
    assert taken > FILES / 5 and rows > FILES, (taken, rows)


def test_programs(stand):
    """mariadb-import, and memory for a large file."""
    table(stand, "users", "buyer_id BIGINT NOT NULL PRIMARY KEY, name VARCHAR(120)")
    shards = Shards(stand)
    path = os.path.join(stand.directory, "users.txt")
    with open(path, "w") as out:
        out.write("buyer_id,name\n")
        for number in range(500000):
            out.write(f"{number},{'y' * 100}\n")
    before = stand.waybill_rss_kib()
    done = subprocess.run(["mariadb-import", "--no-defaults", "--local", "-h127.0.0.1", "-P" + stand.values["WAYBILL_PORT"], "-uloader", "-ploader_pw",
                           "--fields-terminated-by=,", "--ignore-lines=1", "--columns=buyer_id,name", "shop", path], capture_output=True, text=True)
    assert "Records: 500000  Deleted: 0  Skipped: 0  Warnings: 0" in done.stdout, done.stdout + done.stderr
    grown = stand.waybill_rss_kib() - before
    if not os.environ.get("WAYBILL_SANITIZED"):
        assert grown < 8 * 1024, f"{grown} KiB"
    assert sum(shards.counts("users")) == 500000
    os.remove(path)
    shards.close()
