"""Server-side cursors: every packet of a dialogue is the plain server's, whatever else the session does meanwhile."""

import struct

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


def converse(client):
    talk = Dialogue(client)
    talk.prepare("all", "SELECT product_id, n FROM inventory ORDER BY product_id")
    talk.prepare("one", "SELECT name FROM users WHERE buyer_id = ?")
    talk.prepare("write", "UPDATE inventory SET n = n + 1 WHERE product_id = ?")
    talk.prepare("other", "SELECT product_id FROM inventory WHERE n > ? ORDER BY n")
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
    talk.execute("other", 20)  # two at a time, and other statements in between
    for buyer in (1, 2, 3):
        talk.execute("one", buyer)
    talk.query("BEGIN")
    talk.fetch("all", 1)
    talk.query("UPDATE inventory SET n = 0 WHERE product_id = 7")
    talk.fetch("all", 1)
    talk.fetch("other", 1)
    talk.execute("other", 0)
    talk.query("ROLLBACK")
    talk.fetch("other", 3)
    talk.query("SET autocommit = 0")
    talk.fetch("all", 1)
    talk.query("SET autocommit = 1")
    talk.query("SELECT no_such_column FROM inventory")
    talk.query("DELETE FROM inventory WHERE product_id > 5")
    talk.fetch("all", 10)  # its rows were put aside when it was opened
    talk.query("INSERT INTO inventory VALUES (6, 36), (7, 49)")
    talk.fetch("one", 10)
    talk.execute("all", cursor=0)
    talk.fetch("all", 1)
    talk.execute("all")
    talk.reset("all")
    talk.fetch("all", 1)
    talk.execute("all", cursor=2)  # a flag that servers don't look at
    talk.execute("all")
    client.close_statement(talk.statements["other"])
    talk.fetch("other", 1)
    talk.fetch("all", 2)
    client.reset_connection()
    talk.fetch("all", 2)
    return talk.heard


def test_a_dialogue_is_the_plain_server_s(stand):
    for capabilities in CAPABILITIES:
        heard = []
        for client in (plain(stand, capabilities=capabilities), stand.client(capabilities=capabilities)):
            fill(client)
            heard.append(converse(client))
            client.close()
        assert len(heard[0]) == len(heard[1])
        for place, (want, got) in enumerate(zip(*heard)):
            assert want == got, f"{place}: {heard[0][max(0, place - 3):place]} then {want!r} through waybill {got!r}"


def test_several_shards_send_all_at_once(stand):
    client = stand.client()
    statement = client.prepare("SELECT buyer_id FROM users ORDER BY buyer_id")
    stand.wait_until(lambda: len(client.execute(statement, cursor=CURSOR).rows) == 7, 10, "the replicas have the rows")
    result = client.execute(statement, cursor=CURSOR)
    assert not result.is_cursor_open and [row[0] for row in result.rows] == list(range(1, 8))
    try:
        client.fetch(statement, result.columns, 1)
    except wire.ServerError as why:
        assert why.code == 1421
    else:
        raise AssertionError("fetched without a cursor")


def test_more_cursors_than_allowed_are_plain_answers(stand):
    client = stand.client()
    statements = [client.prepare(f"SELECT product_id + {i} FROM inventory ORDER BY 1") for i in range(18)]
    opened = [client.execute(statement, cursor=CURSOR) for statement in statements]
    assert [result.is_cursor_open for result in opened] == [True] * 16 + [False] * 2
    assert len(opened[17].rows) == 7
    for i in (15, 0, 7):
        assert client.fetch(statements[i], opened[i].columns, 1).rows == [(1 + i,)]
    client.close_statement(statements[7])
    assert client.execute(statements[17], cursor=CURSOR).is_cursor_open
    lent = sum(int(row["lent"]) for row in stand.admin("SHOW POOLS"))
    assert lent <= 16, lent
    client.close()
    stand.wait_until(lambda: sum(int(row["lent"]) for row in stand.admin("SHOW POOLS")) == 0, 5, "all are given back")


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
