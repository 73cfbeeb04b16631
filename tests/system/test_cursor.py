"""Server-side cursors: every packet of a dialogue is the plain server's, whatever else the session does meanwhile."""

import re
import struct

import test_reload
import wire

CLUSTER = {"shards": 2, "replicas": 1, "plain": True}
CURSOR = 1
TABLES = """CREATE TABLE users (buyer_id BIGINT PRIMARY KEY, name VARCHAR(20), blobs LONGBLOB);
CREATE TABLE inventory (product_id BIGINT PRIMARY KEY, n INT)"""
CAPABILITIES = (wire.CLIENT_DEFAULT, wire.CLIENT_DEFAULT & ~wire.DEPRECATE_EOF)


def fill(client):
    for sql in TABLES.split(";"):
        name = sql.split()[2]
        client.query(f"DROP TABLE IF EXISTS {name}")
        client.query(sql)
    for i in range(1, 8):
        client.query(f"INSERT INTO users (buyer_id, name, blobs) VALUES ({i}, 'user {i}', REPEAT('x', {i * 3000}))")
        client.query(f"INSERT INTO inventory VALUES ({i}, {i * i})")


def plain(stand, **more):
    return wire.Client(port=int(stand.values["WAYBILL_PLAIN_PORT"]), user=stand.values["WAYBILL_USER"],
                       password=stand.values["WAYBILL_PASSWORD"], database="shop", timeout=30, **more)


class Dialogue:
    """Packets as they come. Server-wide statement numbers in errors are made those of the client's statements."""

    def __init__(self, client):
        self.client, self.statements, self.heard = client, {}, []

    def packets(self):
        """Up to an OK, an EOF or an ERR."""
        while True:
            payload = self.client.read_packet()
            self.heard.append(payload)
            if payload[0] in (0xfe, 0xff) or (payload[0] == 0 and len(self.heard) > 1 and self.heard[-2] == "sent" and self.is_ok_due):
                break
        if payload[0] == 0xff:
            text = payload
            for name, statement in self.statements.items():
                text = text.replace(b"(%d)" % statement.id, b"(%s)" % name.encode())
            self.heard[-1] = text
        return payload

    def send(self, payload, is_ok_due):
        self.heard.append("sent")
        self.is_ok_due = is_ok_due
        self.client.send_packet(payload, sequence=0)

    def prepare(self, name, sql):
        self.statements[name] = self.client.prepare(sql)

    def execute(self, name, *values, cursor=CURSOR):
        self.send(self.client.execute_payload(self.statements[name], list(values), cursor), True)
        payload = self.packets()
        is_old = not self.client.capabilities & wire.DEPRECATE_EOF
        if is_old and payload[0] == 0xfe and not struct.unpack_from("<H", payload, 3)[0] & wire.CURSOR_EXISTS:
            self.packets()

    def fetch(self, name, count):
        self.send(bytes([wire.COM_STMT_FETCH]) + struct.pack("<II", self.statements[name].id, count), False)
        self.packets()

    def reset(self, name):
        self.send(bytes([wire.COM_STMT_RESET]) + struct.pack("<I", self.statements[name].id), True)
        self.packets()

    def query(self, sql):
        try:
            result = self.client.query(sql)
            self.heard.append((result.rows, result.affected, result.status & (wire.IN_TRANS | wire.AUTOCOMMIT)))
        except wire.ServerError as why:
            self.heard.append(str(why))


HOME = {"all": "SELECT product_id, n FROM inventory ORDER BY product_id", "one": "SELECT name FROM users WHERE buyer_id = ?",
        "write": "UPDATE inventory SET n = n + 1 WHERE product_id = ?", "other": "SELECT product_id FROM inventory WHERE n > ? ORDER BY n",
        "few": 20, "change": "UPDATE inventory SET n = 0 WHERE product_id = 7", "wrong": "SELECT no_such_column FROM inventory",
        "shorten": "DELETE FROM inventory WHERE product_id = 6", "restore": "INSERT INTO inventory VALUES (6, 36)", "count": "SELECT 1"}
SHARDED = {"all": "SELECT buyer_id, name, blobs FROM users ORDER BY buyer_id", "one": "SELECT n FROM inventory WHERE product_id = ?",
           "write": "UPDATE users SET name = CONCAT(name, '!') WHERE buyer_id = ?",
           "other": "SELECT name, buyer_id + 0.5 FROM users WHERE buyer_id > ? ORDER BY name DESC",
           "few": 5, "change": "UPDATE users SET name = '' WHERE buyer_id = 7", "wrong": "SELECT no_such_column FROM users",
           "shorten": "DELETE FROM users WHERE buyer_id = 6", "restore": "INSERT INTO users VALUES (6, 'user 6', REPEAT('x', 18000))",
           "count": "SELECT ROW_COUNT(), FOUND_ROWS()"}


def converse(client, texts):
    talk = Dialogue(client)
    for name in ("all", "one", "write", "other"):
        talk.prepare(name, texts[name])
    for count in (2, 0, 3, 9, 1):  # a FETCH after the last row is an error
        if count == 2:
            talk.execute("all")
        talk.fetch("all", count)
    talk.execute("all")
    talk.fetch("all", 7)  # as many as there are: the last one is not known to be it
    talk.fetch("all", 7)
    talk.fetch("one", 1)
    talk.execute("write", 3)  # has no rows, so no cursor
    talk.fetch("write", 1)
    talk.execute("all")
    talk.execute("other", texts["few"])  # two at a time, and other statements in between
    for buyer in (1, 2, 3):
        talk.execute("one", buyer)
    talk.query("BEGIN")
    talk.fetch("all", 1)
    talk.query(texts["change"])
    talk.fetch("all", 1)
    talk.fetch("other", 1)
    talk.execute("other", 0)
    talk.query("ROLLBACK")
    talk.fetch("other", 3)
    talk.query("SET autocommit = 0")
    talk.fetch("all", 1)
    talk.query("SET autocommit = 1")
    talk.query(texts["wrong"])
    talk.query(texts["shorten"])
    talk.fetch("all", 10)  # its rows were put aside when it was opened
    talk.query(texts["restore"])
    talk.fetch("one", 10)
    talk.execute("all", cursor=0)
    talk.fetch("all", 1)
    talk.execute("all")
    talk.reset("all")
    talk.fetch("all", 1)
    talk.execute("all", cursor=2)  # a flag that servers don't look at
    talk.execute("other", 1000)
    talk.fetch("other", 1)  # without a row
    talk.execute("other", 0)
    talk.execute("all")
    client.close_statement(talk.statements["other"])
    talk.fetch("other", 1)
    talk.fetch("all", 2)
    talk.query(texts["count"])
    client.reset_connection()
    talk.fetch("all", 2)
    return talk.heard


def without_keys(payload):
    """A column without what a server forgets of it when it fills a cursor: its name in the table, keys. And an EOF
    behind columns without the hint that no index was used, which waybill can't know as early."""
    if isinstance(payload, bytes) and payload[:1] == b"\xfe" and len(payload) == 5:
        return payload[:3] + bytes([payload[3] & ~0x20]) + payload[4:]
    if not isinstance(payload, bytes) or payload[:4] != b"\x03def":
        return payload
    column = wire.Column(payload)
    return (column.schema, column.table, column.org_table, column.name, column.collation, column.length, column.type,
            column.flags & ~0x42ce, column.decimals)


def compare(heard, seen=lambda payload: payload):
    for place, (want, got) in enumerate(zip(*heard)):
        assert seen(want) == seen(got), f"{place}: {heard[0][max(0, place - 3):place]} then {want!r} through waybill {got!r}"
    assert len(heard[0]) == len(heard[1])


def test_a_dialogue_is_the_plain_server_s(stand):
    for capabilities in CAPABILITIES:
        heard = []
        for client in (plain(stand, capabilities=capabilities), stand.client(capabilities=capabilities)):
            fill(client)
            heard.append(converse(client, HOME))
            client.close()
        compare(heard)


def test_the_same_on_several_shards(stand):
    """Their rows are kept by waybill; all but some facts about columns is as on one server."""
    for capabilities in CAPABILITIES:
        heard = []
        for client in (plain(stand, capabilities=capabilities), stand.client(capabilities=capabilities)):
            fill(client)
            heard.append(converse(client, SHARDED))
            client.close()
        compare(heard, without_keys)


SHORT = """SELECT 1;SELECT CONNECTION_ID() IS NULL;SELECT ROW_COUNT();SELECT FOUND_ROWS();SELECT @@warning_count;SHOW WARNINGS;SHOW ERRORS
SHOW COUNT(*) WARNINGS;SHOW STATUS LIKE 'no such';SHOW TABLES;SHOW TABLES LIKE 'users';SHOW VARIABLES LIKE 'autocommit';SHOW CREATE TABLE users
SHOW COLUMNS FROM users;EXPLAIN SELECT 1;VALUES (1), (2);SELECT 1 UNION SELECT 2;DO 1;SELECT COUNT(*) FROM users
SELECT MAX(name), STD(LENGTH(blobs)) FROM users;SELECT DISTINCT LENGTH(name) FROM users;SELECT buyer_id FROM users WHERE 1 = 0;SELECT 1 / 0;SELECT DISTINCT n FROM inventory ORDER BY 1
SELECT buyer_id FROM users WHERE name = 1 ORDER BY buyer_id;SHOW ENGINES;SHOW DATABASES LIKE 'shop';SHOW COLLATION LIKE 'utf8mb4_bin'"""


def test_which_statements_have_a_cursor(stand):
    """With as many on servers as it likes, and with no more allowed: the same ones, the same rows."""
    outcomes = []
    for number, client in enumerate((plain(stand), stand.client(), stand.client())):
        fill(client)
        stand.wait_until(lambda: refused(client, client.prepare("SELECT MAX(name), STD(LENGTH(blobs)) FROM users")) is None, 10, "a replica has the rows")
        held = [client.prepare("SELECT product_id FROM inventory ORDER BY 1") for _ in range(16)] if number == 2 else []
        assert all(client.execute(statement, cursor=CURSOR).is_cursor_open for statement in held)
        outcomes.append([])
        for sql in SHORT.replace("\n", ";").split(";"):
            statement = client.prepare(sql)
            result = client.execute(statement, cursor=CURSOR)
            rows = client.fetch(statement, result.columns, 1000).rows if result.is_cursor_open else result.rows
            outcomes[-1].append((sql, result.is_cursor_open, rows, result.warnings))
            client.close_statement(statement)
    for want, got, more in zip(*outcomes):
        assert want == got, (want, got)
        assert want == more, (want, more)


def test_more_cursors_than_allowed_are_put_aside(stand):
    client = stand.client()
    fill(client)
    statements = [client.prepare(f"SELECT product_id + {i} FROM inventory ORDER BY 1") for i in range(30)]
    opened = [client.execute(statement, cursor=CURSOR) for statement in statements]
    assert all(result.is_cursor_open for result in opened)
    for i in (15, 0, 7, 17, 29):
        assert client.fetch(statements[i], opened[i].columns, 1).rows == [(1 + i,)]
    client.close_statement(statements[7])
    assert client.execute(statements[17], cursor=CURSOR).is_cursor_open
    assert [row[0] for row in client.fetch(statements[17], opened[17].columns, 9).rows] == list(range(18, 25))
    lent = sum(int(row["lent"]) for row in stand.admin("SHOW POOLS"))
    assert lent <= 16, lent
    client.close()
    stand.wait_until(lambda: sum(int(row["lent"]) for row in stand.admin("SHOW POOLS")) == 0, 5, "all are given back")


def refused(client, statement):
    try:
        client.execute(statement, cursor=CURSOR)
    except wire.ServerError as why:
        return why
    return None


def test_what_is_put_aside_is_bounded(stand):
    client = stand.client()
    fill(client)
    wide = client.prepare("SELECT buyer_id, REPEAT(name, 150000) FROM users ORDER BY buyer_id")  # 7 rows of 900,000 bytes
    columns = client.execute(wide, cursor=CURSOR).columns
    again = client.prepare("SELECT REPEAT(name, 150000), buyer_id FROM users ORDER BY buyer_id")
    opened = client.execute(again, cursor=CURSOR)
    third = client.prepare("SELECT REPEAT(name, 150001), buyer_id FROM users ORDER BY buyer_id")
    why = refused(client, third)
    assert client.query("SHOW ERRORS").rows == [("Error", "9008", why.message)]
    assert why.code == 9008 and "cursor_buffer_bytes (16777216)" in why.message, why
    try:
        client.fetch(third, opened.columns, 1)
    except wire.ServerError as error:
        assert error.code == 1421
    else:
        raise AssertionError("a cursor that was refused")
    assert len(client.fetch(wide, columns, 100).rows) == 7  # and room is made by that
    assert client.execute(third, cursor=CURSOR).is_cursor_open
    assert [len(row[0]) for row in client.fetch(again, opened.columns, 100).rows] == [6 * 150000] * 7
    client.query("BEGIN")  # which stays
    client.query("UPDATE users SET name = 'longer name' WHERE buyer_id = 1")
    huge = client.prepare("SELECT a.buyer_id, REPEAT(a.name, 500000) FROM users a ORDER BY 1")
    assert refused(client, huge).code == 9008
    assert client.query("SELECT name FROM users WHERE buyer_id = 1").rows == [("longer name",)]
    client.query("ROLLBACK")
    assert client.query("SELECT name FROM users WHERE buyer_id = 1").rows == [("user 1",)]
    home = [client.prepare("SELECT product_id FROM inventory ORDER BY 1") for _ in range(16)]
    assert all(client.execute(statement, cursor=CURSOR).is_cursor_open for statement in home)
    one = client.prepare("SELECT REPEAT('x', 9000000) FROM inventory")  # one server's, and the 17th
    assert refused(client, one).code == 9008
    assert len(client.execute(one).rows) == 7
    client.close_statement(third)
    assert client.execute(wide, cursor=CURSOR).is_cursor_open
    client.close()


def allow(stand, size):
    text = test_reload.read(stand)
    text = re.sub(r"cursor_buffer_bytes = .*\n", "", text).replace("[waybill]\n", f"[waybill]\ncursor_buffer_bytes = {size}\n", 1)
    test_reload.write(stand, text)
    test_reload.reload(stand)


def test_a_row_of_several_packets_is_put_aside(stand):
    client = stand.client()
    fill(client)
    for size in (16777205, 16777211):  # a packet that is just full, and one row in two
        statement = client.prepare(f"SELECT REPEAT('y', {size}) FROM users WHERE buyer_id IN (1, 2, 3) ORDER BY buyer_id LIMIT 1")
        allow(stand, 40000000)
        opened = client.execute(statement, cursor=CURSOR)
        assert opened.is_cursor_open
        assert [len(row[0]) for row in client.fetch(statement, opened.columns, 1).rows] == [size]
        assert client.fetch(statement, opened.columns, 1).rows == []
    allow(stand, 0)
    result = client.execute(client.prepare("SELECT buyer_id FROM users ORDER BY buyer_id"), cursor=CURSOR)
    assert not result.is_cursor_open and len(result.rows) == 7
    allow(stand, 16777216)


def test_the_last_statement_has_a_name(stand):
    """MariaDB's clients send PREPARE and what follows in one write, with the id -1."""
    client = stand.client()
    last = wire.Statement(0xFFFFFFFF, [], [])
    for sql, values in (("SELECT name FROM users WHERE buyer_id = ?", [3]), ("SELECT product_id FROM inventory ORDER BY 1", [])):
        client.send_packet(bytes([wire.COM_STMT_PREPARE]) + sql.encode(), sequence=0)
        last.sent_types = None
        client.send_raw(wire.frame(client.execute_payload(last, values, CURSOR)))
        client.sequence = 1
        columns = read_prepared(client)
        client.sequence = 1
        assert client.read_results(wire.decode_binary_row, is_execute=True).is_cursor_open
        client.sequence = 0
        assert len(client.fetch(last, columns, 1).rows) == 1
    client.close_statement(last)
    for attempt in (lambda: client.fetch(last, columns, 1), lambda: client.execute(last), lambda: client.reset_statement(last)):
        try:
            attempt()
        except wire.ServerError as why:
            assert why.code == 1243 and "(4294967295)" in why.message, why
        else:
            raise AssertionError("a statement that was closed")
    client.prepare("SELECT 1")
    try:
        client.prepare("SELECT FROM WHERE")
    except wire.ServerError:
        pass
    try:
        client.execute(last)
    except wire.ServerError as why:
        assert why.code == 1243, why
    else:
        raise AssertionError("the PREPARE has failed: there is no last statement")


def read_prepared(client):
    payload = client.read_packet()
    _, column_count, param_count = struct.unpack_from("<IHH", payload, 1)
    for _ in range(param_count):
        client.read_packet()
    return [wire.Column(client.read_packet()) for _ in range(column_count)]


def test_a_server_that_dies_takes_its_cursors(stand):
    client = stand.client()
    home = client.prepare("SELECT product_id FROM inventory ORDER BY 1")
    columns = client.execute(home, cursor=CURSOR).columns
    client.fetch(home, columns, 1)
    for server in ("s1a", "s1b"):
        root = stand.root(server)
        for (number,) in root.query("SELECT id FROM information_schema.processlist WHERE user = 'app'").rows:
            try:
                root.query(f"KILL {number}")
            except wire.ServerError:
                pass
    stand.wait_until(lambda: refusal(client, home, columns) is not None, 5, "the loss is seen")
    assert refusal(client, home, columns).code == 1421
    assert "was lost" in refusal(client, home, columns).message
    assert client.execute(home, cursor=CURSOR).is_cursor_open
    assert client.fetch(home, columns, 2).rows == [(1,), (2,)]


def refusal(client, statement, columns):
    try:
        client.fetch(statement, columns, 1)
    except wire.ServerError as why:
        return why
    return None
