"""What a client may have agreed on at its log-in: the packets are those of one plain server, also where several shards'
answers become one; what waybill does not offer is not there, whatever the client says."""

import struct

import wire

CLUSTER = {"shards": 4, "replicas": 0, "plain": True}
IGNORE_SPACE, OPTIONAL_METADATA, QUERY_ATTRIBUTES = 1 << 8, 1 << 25, 1 << 27
PROGRESS, STMT_BULK, EXTENDED_METADATA, CACHE_METADATA = 1, 4, 8, 16
TABLE = "CREATE TABLE users (buyer_id BIGINT PRIMARY KEY, j JSON, u UUID, i INET6, g POINT, c CHAR(3))"
READS = ("SELECT * FROM users WHERE buyer_id = 3", "SELECT * FROM users ORDER BY buyer_id", "SELECT j, u FROM users ORDER BY buyer_id LIMIT 2",
         "SELECT COUNT(*) FROM users", "SELECT COUNT(j) FROM users", "SELECT CAST('::1' AS INET6)", "SELECT ROW_COUNT()",
         "SELECT JSON_OBJECT('a', 1)", "SHOW WARNINGS", "SHOW TABLES", "DO 1")


class MariaDbClient(wire.Client):
    """Leaves bit 0 out and says what of MariaDB's own it wants."""

    def __init__(self, extended, forced=0, **more):
        self.extended, self.forced = extended, forced
        super().__init__(database="shop", timeout=30, **more)

    def login_payload(self):
        payload = bytearray(super().login_payload())
        payload[0] &= 0xfe
        payload[:4] = struct.pack("<I", struct.unpack_from("<I", payload)[0] | self.forced)
        payload[28:32] = struct.pack("<I", self.extended)
        return bytes(payload)

    def offered(self):
        """MariaDB's own capabilities in the greeting."""
        after_version = self.raw_greeting.index(b"\0", 1) + 1
        return struct.unpack_from("<I", self.raw_greeting, after_version + 4 + 9 + 2 + 1 + 2 + 2 + 1 + 6)[0]

    def read_packet(self, *args):
        payload = super().read_packet(*args)
        if not hasattr(self, "raw_greeting"):
            self.raw_greeting = payload
        return payload

    def answer(self, command, argument):
        """The packets up to the end of a single result."""
        self.send_command(command, argument)
        packets = [self.read_packet()]
        if packets[0][:1] in (b"\0", b"\xff"):
            return packets
        ends = 1 if self.capabilities & wire.DEPRECATE_EOF else 2
        while ends > 0:
            packets.append(self.read_packet())
            ends -= packets[-1][:1] in (b"\xfe", b"\xff")
        return packets


def place(stand, is_direct):
    port = stand.values["WAYBILL_PLAIN_PORT" if is_direct else "WAYBILL_PORT"]
    return {"port": int(port), "user": stand.values["WAYBILL_USER"], "password": stand.values["WAYBILL_PASSWORD"]}


def fill(stand):
    for client in (wire.Client(database="shop", **place(stand, True)), stand.client(user="loader")):
        client.query("DROP TABLE IF EXISTS users")
        client.query(TABLE)
        for i in range(1, 9):
            client.query(f"INSERT INTO users (buyer_id, j, u, i, g, c) VALUES ({i}, '[{i}]', '123e4567-e89b-12d3-a456-42665544000{i}', "
                         f"'::{i}', POINT({i}, 1), 'c')")
        client.close()


def prepared(client, sql):
    """The packets of PREPARE but for the statement's number, and those of EXECUTE."""
    client.send_command(wire.COM_STMT_PREPARE, sql)
    first = client.read_packet()
    if first[0] == 0xff:
        return [first]
    statement_id, columns, params = struct.unpack_from("<IHH", first, 1)
    count = columns + params + (0 if client.capabilities & wire.DEPRECATE_EOF else (columns > 0) + (params > 0))
    packets = [client.read_packet() for _ in range(count)]
    return packets + client.answer(wire.COM_STMT_EXECUTE, struct.pack("<IBI", statement_id, 0, 1))


def without_statuses(packets):
    """What servers say of their work (whether an index was used) is not the same over shards."""
    return [packet[:3] if packet[:1] == b"\xfe" else packet for packet in packets]


def test_extended_metadata(stand):
    fill(stand)
    for eof in (0, wire.DEPRECATE_EOF):
        for extended in (0, EXTENDED_METADATA):
            capabilities = wire.CLIENT_DEFAULT & ~wire.LONG_PASSWORD & ~wire.DEPRECATE_EOF | eof
            direct, client = (MariaDbClient(extended, capabilities=capabilities, **place(stand, is_direct)) for is_direct in (True, False))
            for sql in READS:
                expected, found = (without_statuses(one.answer(wire.COM_QUERY, sql)) for one in (direct, client))
                assert sorted(found) == sorted(expected), (sql, found, expected)
                if sql.startswith("SELECT"):
                    expected, found = (without_statuses(prepared(one, sql)) for one in (direct, client))
                    assert sorted(found) == sorted(expected) or sql == "SELECT ROW_COUNT()", (sql, found, expected)
            assert any(b"json" in packet for packet in client.answer(wire.COM_QUERY, READS[1])) == bool(extended)


def test_what_is_not_offered(stand):
    """The column count has no byte behind it and a text begins at once, whatever the client asked for."""
    fill(stand)
    client = MariaDbClient(EXTENDED_METADATA | CACHE_METADATA | PROGRESS, forced=OPTIONAL_METADATA | QUERY_ATTRIBUTES,
                           capabilities=wire.CLIENT_DEFAULT & ~wire.LONG_PASSWORD, **place(stand, False))
    assert client.offered() & (PROGRESS | CACHE_METADATA) == 0, client.offered()
    assert client.offered() & EXTENDED_METADATA
    assert client.server_capabilities & (OPTIONAL_METADATA | QUERY_ATTRIBUTES | wire.LONG_PASSWORD) == 0
    for sql in READS[:4]:
        assert len(client.answer(wire.COM_QUERY, sql)[0]) == 1
        assert len(prepared(client, sql)[-1]) > 1
    client.close()


def test_ignore_space(stand):
    fill(stand)
    for is_direct in (True, False):
        client = wire.Client(database="shop", capabilities=wire.CLIENT_DEFAULT | IGNORE_SPACE, **place(stand, is_direct))
        assert "IGNORE_SPACE" in client.query("SELECT @@sql_mode").rows[0][0]
        assert client.query("SELECT COUNT (*) FROM users").rows == [("8",)]
        client.query("SET sql_mode = CONCAT(@@sql_mode, ',ANSI_QUOTES')")
        assert client.query('SELECT COUNT (*) FROM "users"').rows == [("8",)]
        client.reset_connection()  # which takes it away
        mode = client.query("SELECT @@sql_mode").rows[0][0]
        assert "IGNORE_SPACE" not in mode and "STRICT" in mode
        try:
            client.query("SELECT COUNT (*) FROM users")
            assert False
        except wire.ServerError as error:
            assert error.code == 1064
        client.close()
