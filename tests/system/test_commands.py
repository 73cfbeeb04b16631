"""Every command of the protocol, well and badly formed: waybill's answer is the server's, byte by byte, where it should be."""

import struct

import wire

CLUSTER = {"shards": 2, "replicas": 0, "plain": True}
PLAIN, OLD = wire.CLIENT_DEFAULT, wire.CLIENT_DEFAULT & ~wire.DEPRECATE_EOF
TABLES = ["CREATE TABLE users (buyer_id BIGINT UNSIGNED PRIMARY KEY DEFAULT 7, name VARCHAR(20) NOT NULL DEFAULT 'x', d DECIMAL(10,2))",
          "CREATE TABLE products (product_id INT PRIMARY KEY, label CHAR(5))",
          "CREATE TABLE inventory (product_id BIGINT PRIMARY KEY, n INT)"]

# Commands and arguments whose answer must be the server's own.
SAME = [
    ("sleep", 0, b""), ("create db", 5, b"zz"), ("drop db", 6, b"zz"), ("shutdown", 8, b"\0"), ("shutdown without", 8, b""),
    ("connect", 11, b""), ("time", 15, b""), ("delayed insert", 16, b""), ("table dump", 19, b"\4shop\5users"),
    ("connect out", 20, b""), ("daemon", 29, b""), ("debug", 13, b""), ("clone", 32, b""), ("33", 33, b""), ("40", 40, b"x"),
    ("251", 251, b""), ("252", 252, b""), ("253", 253, b""), ("254", 254, b""), ("255", 255, b"xyz"),
    ("ping", 14, b""), ("ping with more", 14, b"more"),
    ("kill unknown", 12, struct.pack("<I", 77777)), ("kill short", 12, b"\x07"), ("kill long", 12, b"\x31\xd4\0\0more"),
    ("set option on", 27, b"\0\0"), ("set option off", 27, b"\1\0"), ("set option 7", 27, b"\7\0"), ("set option short", 27, b"\1"),
    ("set option empty", 27, b""), ("set option long", 27, b"\1\0xyz"),
    ("init db", 2, b"shop"), ("init unknown db", 2, b"nope"), ("init no db", 2, b""), ("init long db", 2, b"x" * 200),
    ("init db nul", 2, b"shop\0"),
    ("field list", 4, b"users\0"), ("field list %", 4, b"users\0%"), ("field list like", 4, b"users\0na%"),
    ("field list none", 4, b"users\0zz"), ("field list reference", 4, b"products\0"),
    ("field list unsharded", 4, b"inventory\0n"), ("field list unknown", 4, b"nope\0"), ("field list empty", 4, b""),
    ("field list nul", 4, b"\0"), ("field list quoted", 4, b"us`ers\0"),
    ("fetch unknown", 28, b"\x09\0\0\0\1\0\0\0"), ("fetch short", 28, b"\x09\0"), ("reset unknown", 26, b"\x09\0\0\0"),
    ("reset short", 26, b"\x09"), ("execute unknown", 23, b"\x09\0\0\0\0\1\0\0\0"), ("execute short", 23, b"\x09"),
    ("query empty", 3, b""), ("query blank", 3, b"  "), ("query nul", 3, b"\0"), ("prepare empty", 22, b""),
    ("reset connection", 31, b""), ("reset connection with more", 31, b"abc"),
]
# Those have no answer at all.
SILENT = [("close unknown", 25, b"\x09\0\0\0"), ("close short", 25, b"\x09"), ("close empty", 25, b""),
          ("long data unknown", 24, b"\x09\0\0\0\0\0abc"), ("long data short", 24, b"\x09\0"), ("long data empty", 24, b"")]
REPLICATION = [("binlog dump", 18, b"\4\0\0\0\0\0\1\0\0\0"), ("binlog dump gtid", 30, bytes(30)),
               ("register slave", 21, b"\1\0\0\0" + bytes(14)), ("binlog dump short", 18, b"")]


def plain(stand, **more):
    return wire.Client(port=int(stand.values["WAYBILL_PLAIN_PORT"]), user=stand.values["WAYBILL_USER"],
                       password=stand.values["WAYBILL_PASSWORD"], database="shop", timeout=5, **more)


def fill(stand):
    for client in (stand.client(user="loader"), plain(stand)):
        for sql in TABLES:
            client.query(f"DROP TABLE IF EXISTS {sql.split()[2]}")
            client.query(sql)
        client.close()


def hear(client, command, argument):
    """All packets of the answer with their sequence numbers, then whether the connection still works."""
    heard = []
    client.send_command(command, argument)
    try:
        while True:
            payload = client.read_packet()
            heard.append((client.sequence, payload))
            is_list = command == wire.COM_FIELD_LIST
            if payload[:1] in (b"\xff", b"\xfe") or not is_list:
                break
    except (wire.ConnectionLost, OSError) as why:
        heard.append(type(why).__name__)
    try:
        client.ping()
        heard.append("alive")
    except (wire.ConnectionLost, wire.ServerError, wire.ProtocolError, OSError) as why:
        heard.append(f"then {type(why).__name__}")
    return heard


def test_answers_are_the_servers(stand):
    fill(stand)
    differ = []
    for capabilities in (PLAIN, OLD):
        for name, command, argument in SAME:
            direct = hear(plain(stand, capabilities=capabilities), command, argument)
            through = hear(stand.client(capabilities=capabilities), command, argument)
            if direct != through:
                differ.append(f"{name}: directly {direct}, through waybill {through}")
    assert not differ, "\n".join(differ)


def test_commands_without_an_answer(stand):
    for name, command, argument in SILENT:
        client = stand.client()
        client.send_command(command, argument)
        client.send_command(wire.COM_PING)
        assert client.read_packet()[0] == 0, name
        assert client.query("SELECT 1").rows[0][0] == "1", name


def test_replication_is_sent_to_the_servers(stand):
    primary = next(row["primary"] for row in stand.admin("SHOW SHARDS") if row["shard"] == "s1")
    address = next(row["address"] for row in stand.admin("SHOW SERVERS") if row["server"] == primary)
    for name, command, argument in REPLICATION:
        client = stand.client()
        heard = hear(client, command, argument)
        error = wire.read_error(heard[0][1])
        assert error.code == 1227 and address in error.message, (name, error)
        assert heard[1] == "alive", (name, heard)


def test_refresh_is_for_the_servers_administrators(stand):
    for argument in (b"\1", b"\4", b"", b"\xff"):
        heard = hear(stand.client(), 7, argument)
        assert wire.read_error(heard[0][1]).code == 1227 and heard[1] == "alive", heard


def test_statistics(stand):
    """One line, as a server's, of waybill's own figures."""
    def words(text):
        return [part.rsplit(":", 1)[0].strip() for part in text.split("  ")]

    first, server = stand.client().statistics(), plain(stand).statistics()
    assert words(first) == words(server), (first, server)
    client = stand.client()
    for _ in range(5):
        client.query("SELECT 1")
    assert client.statistics() != first


def test_quit(stand):
    for client in (plain(stand), stand.client()):
        client.send_command(wire.COM_QUIT, b"whatever")
        assert client.is_closed_by_peer(2)
