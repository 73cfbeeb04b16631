"""Prepared statements: what they come to must be what one plain server makes of them, wherever and how often they move."""

import struct

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
    for client in clients:  # the very ones: replicas may be behind
        fill(client)
    return clients


def test_unsharded_tables_deep_inside(stand):
    """It is prepared where they are, whatever the session has on other shards."""
    direct, client = both(stand)
    clients = (direct, client)
    for c in clients:
        c.query("INSERT INTO inventory VALUES (1, 5), (2, 6)")
    for buyer in range(1, 9):
        for c in clients:
            c.query("BEGIN")
            c.query(f"INSERT INTO users VALUES ({buyer}, 'x', 1)")
        for sql in ("SELECT t.n + ? FROM (SELECT i.n FROM inventory i WHERE i.product_id > ?) t ORDER BY 1",
                    "SELECT COUNT(?) FROM users WHERE age < (SELECT MAX(n) FROM inventory WHERE n > ?)",
                    "WITH c AS (SELECT n FROM inventory) SELECT n + ? FROM c UNION SELECT ? ORDER BY 1"):
            told = [[column.name for column in c.prepare(sql).columns] for c in clients]
            assert told[0] == told[1], (sql, told)
        for c in clients:
            c.query("COMMIT")


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


METADATA = """SELECT buyer_id, name n, age + ? FROM users WHERE buyer_id = ?;SELECT * FROM users ORDER BY buyer_id LIMIT ?, ?
SELECT COUNT(*) FROM users;SELECT ?, ? + 1, CONCAT(?, 'x'), NULL, 1.5, NOW() IS NULL;INSERT INTO users (buyer_id, name, age) VALUES (?, ?, ?)
UPDATE users SET name = ? WHERE buyer_id = ?;DELETE FROM users WHERE buyer_id IN (?, ?, ?);SELECT * FROM inventory WHERE n > ?
DO ?;SHOW COLUMNS FROM users;SHOW CREATE TABLE users;SHOW TABLES LIKE 'users';SHOW VARIABLES LIKE 'autocommit';SET @x = 5;BEGIN;COMMIT
EXPLAIN SELECT * FROM inventory;SELECT @@autocommit, DATABASE();SELECT u.name, v.name FROM users u JOIN users v USING (buyer_id) WHERE u.buyer_id = ?
SELECT nothing FROM users;SELECT 1 FROM nowhere;SELEC 1;SELECT 1; SELECT 2;PREPARE s FROM 'SELECT 1';;-- comment
CREATE TABLE inventory (a INT);USE shop;SAVEPOINT a;SELECT FOUND_ROWS();VALUES (1, 2);WITH c AS (SELECT ? AS x) SELECT * FROM c
SELECT buyer_id FROM users WHERE buyer_id = ? UNION SELECT 5"""


def described(client, sql):
    """The packets of PREPARE's answer, but for the number."""
    client.send_command(wire.COM_STMT_PREPARE, sql)
    payload = client.read_packet()
    if payload[0] == 0xff:
        return [payload]
    _, columns, params = struct.unpack_from("<IHH", payload, 1)
    packets = [payload[5:]]
    is_old = not client.capabilities & wire.DEPRECATE_EOF
    for count in (params, columns):
        packets += [client.read_packet() for _ in range(count + (is_old and count > 0))]
    return packets


def test_prepare_tells_what_one_server_tells(stand):
    for capabilities in (wire.CLIENT_DEFAULT, wire.CLIENT_DEFAULT & ~wire.DEPRECATE_EOF):
        direct, client = plain(stand, capabilities=capabilities), stand.client(capabilities=capabilities)
        fill(direct)
        fill(client)
        for sql in METADATA.replace("\n", ";").split(";"):
            want, got = described(direct, sql), described(client, sql)
            if want[0][0] == 0xff and got[0][0] == 0xff:
                want, got = wire.read_error(want[0]).code, wire.read_error(got[0]).code
            assert want == got, f"{sql}: {want} through waybill {got}"


def test_warnings_of_prepare(stand):
    """The server's, asked for behind PREPARE; what was prepared without any leaves them or forgets them as a server does."""
    old = "CREATE TABLE nowhere (a VARCHAR(10) BINARY COMPRESSED)"
    for capabilities in (wire.CLIENT_DEFAULT, wire.CLIENT_DEFAULT & ~wire.DEPRECATE_EOF):
        heard = []
        for client in (plain(stand, capabilities=capabilities), stand.client(capabilities=capabilities)):
            fill(client)
            told = []
            for sql in (old, "SELECT 1", "SELECT age FROM users WHERE buyer_id = 1", old, "SELECT FROM"):
                told.append(outcome(lambda: client.prepare(sql) and None))
                told.append(client.query("SHOW WARNINGS").rows)
            for sql in (f"PREPARE s FROM '{old}'", "PREPARE s FROM 'SELECT 1'", f"PREPARE s FROM '{old}'"):
                told.append(client.query(sql).warnings)
                told.append(client.query("SHOW WARNINGS").rows)
            heard.append(told)
        assert "deprecated" in heard[0][1][0][2], heard[0]
        assert heard[0] == heard[1], heard


VALUES = [None, 0, 1, -1, 127, -128, 2**31, -2**31, 2**63 - 1, -2**63, 2**64 - 1, 2**63, 1.5, -0.25, "text", "", "é", b"\0\xff'\\", "5", "-7",
          " 5", "1e3", "9" * 30]


def test_values_of_all_kinds(stand):
    """Back as they came, and as keys of a sharded table, the types changing from one execution to the next."""
    direct, client = both(stand)
    for c in (direct, client):
        for i in (0, 1, 5, -1, -7, 127, 2**31, 2**63 - 1, -2**63, 1000):
            c.query(f"INSERT INTO users (buyer_id, name, age) VALUES ({i}, 'user {i}', 1)")
    for sql in ("SELECT ?, HEX(?)", "SELECT name FROM users WHERE buyer_id = ? OR buyer_id = ? ORDER BY buyer_id",
                "UPDATE users SET age = age + 1, name = CONCAT(?, '') WHERE buyer_id = ?"):
        statements = [c.prepare(sql) for c in (direct, client)]
        for value in VALUES:
            mine = outcome(lambda: client.execute(statements[1], [value, value]))
            if mine[0] in (9001, 9002):  # what is no whole number may be on any shard
                assert not isinstance(value, int), (sql, value, mine)
                continue
            theirs = outcome(lambda: direct.execute(statements[0], [value, value]))
            if not isinstance(value, int) and "buyer_id" in sql:
                mine, theirs = mine[:4], theirs[:4]  # both shards have warned
            assert mine == theirs, (sql, value, mine, theirs)
    got = [c.query("SELECT * FROM users ORDER BY buyer_id").rows for c in (direct, client)]
    assert got[0] == got[1], got


def raw_execute(client, statement, types, values):
    """Parameters as bytes, all kinds of types: (type, is unsigned) and the value on the wire; None: NULL."""
    bitmap = bytearray((len(values) + 7) // 8)
    for i, value in enumerate(values):
        bitmap[i // 8] |= (value is None) << (i % 8)
    payload = bytes([wire.COM_STMT_EXECUTE]) + struct.pack("<IBI", statement.id, 0, 1) + bytes(bitmap)
    payload += b"\0" if types is None else b"\1" + b"".join(bytes([t, 128 if u else 0]) for t, u in types)
    payload += b"".join(value for value in values if value is not None)
    client.send_packet(payload, sequence=0)
    return client.read_results(wire.decode_binary_row, is_execute=True)


def test_every_type_on_the_wire(stand):
    direct, client = both(stand)
    text = b"\x0512.50"
    cases = [(1, 0, b"\xff"), (1, 1, b"\xff"), (2, 0, b"\0\x80"), (2, 1, b"\0\x80"), (3, 0, b"\0\0\0\x80"), (3, 1, b"\0\0\0\x80"), (9, 0, b"\xfe\xff\xff\xff"),
             (8, 0, b"\xff" * 8), (8, 1, b"\xff" * 8), (13, 0, b"\xe4\x07"), (4, 0, struct.pack("<f", 5.0)), (5, 0, struct.pack("<d", 5.0)),
             (5, 0, struct.pack("<d", 1e300)), (0, 0, text), (246, 0, text), (253, 0, text), (254, 0, text), (15, 0, text), (252, 0, text), (249, 0, text),
             (250, 0, text), (251, 0, text), (16, 0, b"\x01\x05"), (245, 0, b"\x04null"), (247, 0, b"\x015"), (248, 0, b"\x015"), (255, 0, b"\x015"),
             (6, 0, None), (10, 0, b"\x04\xe8\x07\x02\x1d"), (10, 0, b"\0"), (12, 0, b"\x07\xe8\x07\x02\x1d\x01\x02\x03"),
             (7, 0, b"\x0b\xe8\x07\x02\x1d\x01\x02\x03\x40\x42\x0f\0"[:12]), (11, 0, b"\x08\x01\x22\0\0\0\x16\x3b\x3b"),
             (11, 0, b"\x0c\0\0\0\0\0\x01\x02\x03\x87\xd6\x12\0"), (11, 0, b"\0"), (3, 0, None), (253, 0, b"\xfd\x40\x9c\0" + b"y" * 40000)]
    for sql in ("SELECT ?, ? + 0, HEX(?)", "SELECT name FROM users WHERE buyer_id = ? AND ? IS NOT NULL AND 1 = LENGTH(?)"):
        statements = [c.prepare(sql) for c in (direct, client)]
        for number, (type_, is_unsigned, value) in enumerate(cases):
            types = [(type_, is_unsigned)] * 3
            got = [outcome(lambda: raw_execute(c, s, types, [value] * 3)) for c, s in zip((direct, client), statements)]
            got = [one[:4] for one in got]  # not the warnings of both shards
            assert got[0] == got[1], (sql, number, got)
            if len(got[0]) == 3:
                continue  # an error
            got = [outcome(lambda: raw_execute(c, s, None, [value] * 3)) for c, s in zip((direct, client), statements)]  # types are remembered
            assert got[0][:4] == got[1][:4], (sql, number, "again", got)


def test_long_data(stand):
    """In pieces, for the key itself, many megabytes of it, and no more than a packet may have."""
    direct, client = both(stand)
    for c in (direct, client):
        c.query("INSERT INTO users (buyer_id, name) VALUES (12345, 'twelve')")
        c.query("INSERT INTO users (buyer_id, name) VALUES (5, 'five')")
    key = [c.prepare("SELECT name FROM users WHERE buyer_id = ?") for c in (direct, client)]
    length = [c.prepare("SELECT LENGTH(?), RIGHT(?, 3)") for c in (direct, client)]
    for c, k, l in zip((direct, client), key, length):
        for piece in (b"12", b"3", b"45"):
            c.send_long_data(k, 0, piece)
        assert c.execute(k, [b""], long_data=(0,)).rows == [("twelve",)]
        assert c.execute(k, [5]).rows == [("five",)]
        c.send_long_data(k, 0, b"nonsense")
        c.reset_statement(k)
        assert c.execute(k, ["5"]).rows == [("five",)]
        for _ in range(12):
            c.send_long_data(l, 0, b"z" * 1000000)
        assert c.execute(l, [b"", "abcdef"], long_data=(0,)).rows == [(12000000, "def")]
    for _ in range(70):
        client.send_long_data(length[1], 0, b"z" * 1000000)
    assert error_of(lambda: client.execute(length[1], [b"", "x"], long_data=(0,))) == 1153
    assert client.execute(length[1], ["ab", "x"]).rows == [(2, "x")]
    client.send_long_data(length[1], 9, b"no such parameter")
    assert error_of(lambda: client.execute(length[1], ["ab", "x"])) is not None
    assert client.execute(length[1], ["ab", "x"]).rows == [(2, "x")]


def count_of(stand, name):
    return {server: int(stand.root(server).query(f"SHOW GLOBAL STATUS LIKE '{name}'").rows[0][1]) for server in ("s1a", "s1b", "s2a", "s2b")}


def test_a_text_is_prepared_once_for_all(stand):
    both(stand)
    warm = stand.client()
    sql = "SELECT name, 'shared' FROM users WHERE buyer_id = ?"
    before = count_of(stand, "Com_stmt_prepare")
    for _ in range(30):
        client = stand.client()
        statement = client.prepare(sql)
        for buyer in range(20):
            client.execute(statement, [buyer])
        client.close()
    connections = sum(int(row["idle"]) + int(row["lent"]) for row in stand.admin("SHOW POOLS"))
    made = sum(count_of(stand, "Com_stmt_prepare").values()) - sum(before.values())
    # The client's PREPARE is one; executions of 30 clients share what the connections have.
    assert made <= 30 + connections, (made, connections)
    warm.close()


def test_thousands_in_bounded_memory(stand):
    stand.skip_if_sanitized()
    client = stand.client()
    client.prepare("SELECT 0 FROM users WHERE buyer_id = ?")
    before = stand.waybill_rss_kib()
    statements = [client.prepare(f"SELECT {i} FROM users WHERE buyer_id = ?") for i in range(4000)]
    each = (stand.waybill_rss_kib() - before) * 1024 / 4000
    print(f"      {each:.0f} bytes for each prepared statement")
    assert each < 1024, each
    assert client.execute(statements[3999], [5]).rows == []
    for i in range(94):
        client.query(f"PREPARE s{i} FROM 'SELECT {i}'")
    prepared = []
    assert error_of(lambda: [prepared.append(client.prepare(f"SELECT {i}")) for i in range(10)]) == 1461
    assert error_of(lambda: client.query("PREPARE more FROM 'SELECT 1'")) == 1461
    client.close_statement(prepared[0])
    client.query("PREPARE more FROM 'SELECT 1'")
    most = max(int(stand.root(server).query("SHOW GLOBAL STATUS LIKE 'Prepared_stmt_count'").rows[0][1]) for server in ("s1a", "s1b", "s2a", "s2b"))
    connections = sum(int(row["idle"]) + int(row["lent"]) for row in stand.admin("SHOW POOLS"))
    assert most <= 256 * connections, (most, connections)
    client.close()


def test_tables_change_under_prepared_statements(stand):
    """A server prepares its statements anew; the columns are the new ones, on every shard alike."""
    direct, client = both(stand)
    texts = ("SELECT * FROM users WHERE buyer_id = ?", "SELECT * FROM users WHERE buyer_id > ? ORDER BY buyer_id", "UPDATE users SET age = 2 WHERE buyer_id = ?",
             "SELECT * FROM inventory WHERE product_id = ?")
    statements = [[c.prepare(text) for text in texts] for c in (direct, client)]
    for c in (direct, client):
        for buyer in range(1, 9):
            c.query(f"INSERT INTO users (buyer_id, name, age) VALUES ({buyer}, 'user', 1)")
        c.query("INSERT INTO inventory VALUES (1, 1)")
        c.query("PREPARE txt FROM 'SELECT * FROM users WHERE buyer_id = 3'")
    for change in ("SELECT 1", "ALTER TABLE users ADD more VARCHAR(5) DEFAULT 'new'", "ALTER TABLE users DROP COLUMN name, MODIFY age BIGINT",
                   "ALTER TABLE inventory ADD m INT FIRST", "DROP TABLE users", "CREATE TABLE users (age INT, buyer_id BIGINT PRIMARY KEY, z INT)",
                   "TRUNCATE users"):
        for c in (direct, client):
            c.query(change)
        for number in range(len(texts)):
            for key in (1, 2, 3, 4):
                got = [outcome(lambda: c.execute(s[number], [key])) for c, s in zip((direct, client), statements)]
                assert got[0] == got[1], (change, texts[number], key, got)
        got = [outcome(lambda: c.query("EXECUTE txt")) for c in (direct, client)]
        assert got[0] == got[1], (change, got)
