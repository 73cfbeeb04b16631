"""Compressed packets towards clients, by zlib and zstd, with TLS and without: everything that a client can do."""

import os
import struct
import time

import compressed
import wire
from test_client_tls import configure, connect, refusal, status, trust, works

CLUSTER = {"shards": 2, "replicas": 0}
KINDS = ("zlib", "zstd")
LOAD = "LOAD DATA LOCAL INFILE 'x' INTO TABLE products FIELDS TERMINATED BY ',' (id, name, price)"


def ways(stand):
    return [dict(compress=kind, tls=tls) for kind in KINDS for tls in (None, trust(stand))]


def test_which_is_chosen(stand):
    for setting, told in (("off", (0, 0)), ("zlib", (1, 0)), ("zstd", (0, 1)), ("both", (1, 1))):
        configure(stand, compression=setting)
        client = connect(stand)
        assert tuple(bool(client.server_capabilities & bit) for bit in (wire.COMPRESS, wire.ZSTD)) == told
        for kind, is_on in zip(KINDS, told):
            if is_on:
                client = connect(stand, compress=kind)
                assert works(client) and status(client, "Compression") == {"Compression": "ON"}
    client = connect(stand, compress="zlib", capabilities=wire.CLIENT_DEFAULT | wire.ZSTD)  # both: zlib
    assert works(client)
    for level in (0, 1, 3, 9, 22, 200):
        assert works(connect(stand, compress="zstd", level=level))
    several = [connect(stand, **way) for way in ways(stand)]
    told = {row["transport"] for row in stand.admin("SHOW SESSIONS")}
    assert told >= {"plain zlib", "plain zstd", "TLSv1.3 zlib", "TLSv1.3 zstd"} and len(several) == 4, told
    client = connect(stand, capabilities=wire.CLIENT_DEFAULT)
    assert status(client, "Compression") == {"Compression": "OFF"}


def test_results_are_compressed(stand):
    configure(stand)
    for way in ways(stand):
        client = connect(stand, **way)
        before = client.sock.wire_bytes
        assert client.query("SELECT REPEAT('abc', 1000000)").rows == [("abc" * 1000000,)]
        assert client.sock.wire_bytes - before < 300000
        noise = os.urandom(100000).hex()
        assert client.query(f"SELECT '{noise}'").rows == [(noise,)]


def test_packets_of_every_size(stand):
    """Around the ends of frames, of packets, of what is not worth packing."""
    configure(stand)
    for way in ways(stand):
        client = connect(stand, **way)
        for size in (1, 30, 49, 50, 51, 16383, 16384, 32760, 32768, 40000, 65536):
            assert client.query(f"SELECT LENGTH('{'y' * size}')").rows == [(str(size),)], size
        for size in (1, 32700, 32768, 65535, 16777211):
            assert len(client.query(f"SELECT REPEAT('z', {size})").rows[0][0]) == size, size
        assert works(client)


def test_packets_over_16_mib(stand):
    configure(stand)
    for way in [*ways(stand)[:3], {"tls": trust(stand)}]:
        client = connect(stand, **way)
        for size in (16777205, 16777215, 20000000):
            assert client.query(f"SELECT LENGTH('{'y' * size}')").rows == [(str(size),)], size
            assert len(client.query(f"SELECT REPEAT('z', {size})").rows[0][0]) == size, size
        assert works(client)


def test_what_a_client_can_do(stand):
    configure(stand)
    for way in [*ways(stand), {"tls": trust(stand)}]:
        client = connect(stand, user="loader", password="loader_pw", capabilities=wire.CLIENT_DEFAULT | wire.MULTI_STATEMENTS |
                         wire.LOCAL_FILES, **way)
        client.query("CREATE TABLE IF NOT EXISTS products (id INT PRIMARY KEY, name VARCHAR(40), price DECIMAL(10,2))")
        client.query("DELETE FROM products")
        rows = [b"%d,name %d,1.50\n" % (i, i) for i in range(20000)]
        chunks = [b"".join(rows[at:at + 500]) for at in range(0, len(rows), 500)]
        assert client.load(LOAD, chunks).affected == 20000
        assert client.query("SELECT COUNT(*), SUM(LENGTH(name)) FROM products").rows[0][0] == "20000"
        statement = client.prepare("SELECT id, name FROM products WHERE id >= ? ORDER BY id")
        assert len(client.execute(statement, [10000]).rows) == 10000
        opened = client.execute(statement, [0], cursor=1)
        if opened.is_cursor_open:
            assert len(client.fetch(statement, opened.columns, 700).rows) == 700
        client.reset_statement(statement)
        client.send_long_data(client.prepare("SELECT LENGTH(?)"), 0, b"l" * 100000)
        several = client.query("SELECT 1; SELECT COUNT(*) FROM products; SELECT 3")
        assert [several.rows] + [more.rows for more in several.more] == [[("1",)], [("20000",)], [("3",)]]
        try:
            client.query("SELECT nothing FROM products")
        except wire.ServerError as error:
            assert error.code == 1054
        client.reset_connection()
        assert client.ping().affected == 0 and client.init_db("shop").affected == 0 and "Uptime" in client.statistics()
        try:
            client.load(LOAD.replace("products", "nowhere"), [])
        except wire.ServerError as error:
            assert error.code == 1146
        assert works(client)
        client.query("DELETE FROM products")


def test_change_user(stand):
    configure(stand, sections="\n[user slow]\nplugin = caching_sha2_password\npassword = slow_pw\nserver_user = app\nserver_password = app_pw\n")
    for way in ways(stand):
        client = connect(stand, **way)
        for user, password in (("slow", "slow_pw"), ("app", "app_pw")):
            client.password = password
            payload = user.encode() + b"\0\0shop\0\x2d\0mysql_native_password\0"  # no answer: it is asked for one
            client.send_command(wire.COM_CHANGE_USER, payload)
            client.finish_login()
            assert works(client)


def test_log_ins_that_fail_are_plain(stand):
    configure(stand)
    for way in ways(stand):
        assert refusal(stand, password="wrong", **way) == 1045
        try:
            wire.Client(port=int(stand.values["WAYBILL_PORT"]), user="app", password="app_pw", database="no_such", timeout=20, **way)
        except wire.ServerError as error:  # said by a server, after the password was right
            assert error.code in (1044, 1049), error
        else:
            raise AssertionError("it got in")


def test_commands_in_a_row(stand):
    """Sent before the answers are read, several in one frame, and cut anywhere."""
    configure(stand)
    for way in ways(stand):
        client = connect(stand, **way)
        client.sock.is_strict = False
        packets = b"".join(wire.frame(b"\x03SELECT %d" % i, 0) for i in range(300))
        client.send_raw(packets)
        for i in range(300):
            client.sequence = 1
            assert client.read_results().rows == [(str(i),)]
        for cut in (3, 7, 20):
            bytes_ = wire.frame(b"\x03SELECT 'in pieces'", 0)
            client.send_raw(bytes_[:cut])
            client.sock.sock.sendall(client.sock.frame(bytes_[cut:]))
            client.sequence = 1
            assert client.read_results().rows == [("in pieces",)]


def test_numbers_inside_of_frames(stand):
    """Frames are counted; MariaDB Connector/J 2.7 goes on counting inside of them, and servers don't look there."""
    configure(stand)
    for way in ways(stand):
        client = connect(stand, user="loader", password="loader_pw", capabilities=wire.CLIENT_DEFAULT | wire.LOCAL_FILES, **way)
        client.sock.is_strict = False
        for number in (1, 7, 255):
            client.send_raw(wire.frame(b"\x03SELECT 'numbered'", number))
            client.sequence = 1
            assert client.read_results().rows == [("numbered",)]
        client.query("CREATE TABLE IF NOT EXISTS products (id INT PRIMARY KEY, name VARCHAR(40), price DECIMAL(10,2))")
        client.query("DELETE FROM products")
        client.send_raw(wire.frame(b"\x03" + LOAD.encode(), 3))
        client.sequence = 1
        assert client.read_packet()[:1] == b"\xfb"
        for number, chunk in ((9, b"1,a,2\n"), (10, b"2,b,3\n"), (11, b"")):
            client.send_raw(wire.frame(chunk, number))
        client.sequence = 5
        assert client.read_results().affected == 2
        assert works(client)
        client.query("DELETE FROM products")


def test_a_slow_client(stand):
    stand.skip_if_sanitized()
    configure(stand)
    for way in [*ways(stand), {"tls": trust(stand)}]:
        client = connect(stand, **way)
        sql = "SELECT " + ", ".join(f"SHA2(n.seq * {i}, 512)" for i in range(40)) + " FROM seq_1_to_4000 n"  # 20 MB, hardly packed
        client.query("SELECT 1")
        before = stand.waybill_rss_kib()
        client.send_command(wire.COM_QUERY, sql)
        time.sleep(1)
        grown = stand.waybill_rss_kib() - before
        assert grown < 4096, f"{grown} KiB"
        assert len(client.read_results().rows) == 4000
        client.send_command(wire.COM_QUERY, sql)
        client.sock.recv(1000)
        client.close_socket()


def test_bad_frames(stand):
    configure(stand)

    def header(size, number, before):
        return struct.pack("<I", size)[:3] + bytes([number]) + struct.pack("<I", before)[:3]

    ping = wire.frame(b"\x0e", 0)
    packed = compressed.Zlib.pack(ping * 20, 6)
    bad = [header(len(packed), 0, 5) + packed,                    # shorter than it is
           header(len(packed), 0, 5000) + packed + ping * 2000,   # longer than it is
           header(len(ping), 5, 0) + ping,                        # a number that can't be
           header(50, 0, 100) + b"\xff" * 50,                     # no compressed bytes
           header(0, 0, 100), header(0xffffff, 0, 1) + b"a" * 1000,
           os.urandom(3000)]
    for bytes_ in bad:
        for kind in KINDS:
            client = connect(stand, compress=kind)
            client.sock.sock.sendall(bytes_)
            client.sock.sock.shutdown(1)
            assert client.sock.sock.recv(1 << 16) is not None
            assert client.is_closed_by_peer(within=5), bytes_[:10]
    # Too much behind a small frame: a bomb.
    bomb = compressed.Zlib.pack(b"\0" * 0xffffff, 9)
    client = connect(stand, compress="zlib")
    before = stand.waybill_rss_kib()
    for _ in range(20):
        try:
            client.sock.sock.sendall(header(len(bomb), 0, 0xffffff) + bomb)
        except ConnectionError:
            break
    assert os.environ.get("WAYBILL_SANITIZED") or stand.waybill_rss_kib() - before < 8192
    client.close_socket()
    assert works(connect(stand, compress="zlib"))


def test_bytes_ahead_of_the_ok(stand):
    """A client can't know that it may compress before it is told so."""
    configure(stand)
    client = connect(stand, compress="zlib", connect=False)
    client.read_greeting()
    login = wire.frame(client.login_payload(), 1)
    ahead = compressed.Compressed(None, "zlib").frame(wire.frame(b"\x03SELECT 1", 0))
    client.send_raw(login + ahead)
    client.sequence = 2
    client.finish_login()
    # The frame of the error is numbered behind the frame that came too early, or begins anew when that was not read as one.
    client.sock = compressed.Compressed(client.sock, "zlib")
    client.sock.is_strict = False
    try:
        client.read_results()
    except (wire.ServerError, wire.ProtocolError, wire.ConnectionLost) as error:
        assert not isinstance(error, wire.ServerError) or error.code == 1156, error
    else:
        raise AssertionError("it was answered")
    assert client.sock.number in (0, 1, 2), "no frame, or one with the number 0 or 1"
    assert client.is_closed_by_peer()


def test_idle_clients_are_small(stand):
    stand.skip_if_sanitized()
    configure(stand)

    def idle_kib(count, **more):
        clients = [connect(stand, **more) for _ in range(50)]  # what is allocated once
        before = stand.waybill_rss_kib()
        clients += [connect(stand, **more) for _ in range(count)]
        grown = (stand.waybill_rss_kib() - before) / count
        for client in clients:
            client.query("SELECT 1")
        for client in clients:
            client.close_socket()
        return grown

    found = [idle_kib(700, compress=kind) for kind in KINDS]  # the second ones find memory of the first
    assert max(found) < 2, found
