"""Compression towards real servers, with and without TLS: every kind of command, large packets, files, a slow client."""

import time

import wire
from test_server_login import restart_with
from test_server_tls import CLUSTER as TLS_CLUSTER
from test_server_tls import settings, status, wire_rows, with_tls

CLUSTER = {**TLS_CLUSTER, "replicas": 2}
TABLES = "/* waybill: shard=s1 */ "


def big_packets(stand):
    """More than 16 MB both ways, and back again as it went."""
    client = stand.client(user="loader")
    client.query(TABLES + "CREATE OR REPLACE TABLE shop.large (id INT PRIMARY KEY, body LONGTEXT)")
    for number, size in ((1, 40), (2, (1 << 24) - 1), (3, 20 << 20)):
        text = ("abcdefghij" * (size // 10 + 1))[:size]
        client.query(TABLES + f"INSERT INTO large VALUES ({number}, '{text}')")
        assert client.query(TABLES + f"SELECT body FROM large WHERE id = {number}").rows[0][0] == text, size
    client.close()


def statements(stand):
    client = stand.client(user="loader")
    prepared = client.prepare(TABLES + "SELECT ?, REPEAT(?, 1000)")
    for number in range(5):
        row = client.execute(prepared, [number, "x"]).rows[0]
        assert row[0] == number and row[1] == "x" * 1000, row
    try:
        client.query(TABLES + "SELECT nothing FROM nowhere")
        raise AssertionError("there is no such table")
    except wire.ServerError as error:
        assert error.code == 1146, error
    client.query(TABLES + "BEGIN")
    client.query(TABLES + "INSERT INTO large VALUES (7, 'seven')")
    client.query("ROLLBACK")
    assert client.query(TABLES + "SELECT COUNT(*) FROM large").rows[0][0] == "3"
    client.ping()
    client.reset_connection()
    rows = client.query(TABLES + "SELECT seq, MD5(seq) FROM seq_1_to_50000").rows
    assert len(rows) == 50000 and rows[49999][0] == "50000"
    client.close()


def files(stand):
    client = stand.client(user="loader", capabilities=wire.CLIENT_DEFAULT | wire.LOCAL_FILES)
    client.query(TABLES + "CREATE OR REPLACE TABLE shop.lines (id INT PRIMARY KEY, body VARCHAR(200))")
    lines = [f"{number}\t{'line' * 20}\n".encode() for number in range(30000)]
    chunks = [b"".join(lines[at:at + 700]) for at in range(0, len(lines), 700)]
    client.load(TABLES + "LOAD DATA LOCAL INFILE 'lines' INTO TABLE `lines`", chunks)
    assert client.query(TABLES + "SELECT COUNT(*) FROM `lines`").rows[0][0] == "30000"
    client.close()


def slow_client(stand):
    """waybill does not take what its client does not; nothing is lost by that."""
    client = stand.client()
    before = stand.waybill_rss_kib()
    client.send_command(wire.COM_QUERY, TABLES + "SELECT seq, REPEAT(MD5(seq), 3000) FROM seq_1_to_1000")
    time.sleep(1)
    grown = stand.waybill_rss_kib() - before
    count = len(client.read_results().rows)
    assert count == 1000
    assert grown < 8192, f"{grown} KiB more while a client is slow"
    client.close()


def goodbyes(stand):
    """Servers count as aborted what ends without COM_QUIT."""
    def aborted():
        return sum(int(root.query("SHOW GLOBAL STATUS LIKE 'Aborted_clients'").rows[0][1]) for root in roots)
    roots = [stand.root(server) for server in ("s1a", "s1b", "s1c")]
    before = aborted()
    connections = {row[0] for row in wire_rows(stand, "SELECT CONNECTION_ID() + 0")}
    restart_with(stand)
    assert connections and aborted() == before, (before, aborted())


def everything(stand):
    big_packets(stand)
    statements(stand)
    files(stand)
    slow_client(stand)
    goodbyes(stand)


def test_zlib(stand):
    for server in ("s1a", "s1b", "s1c"):
        stand.root(server).query("SET GLOBAL max_allowed_packet = 67108864")
    restart_with(stand, waybill="server_compression = zlib\n")
    assert status(stand, "Compression") == "ON"
    everything(stand)


def test_over_tls(stand):
    with_tls(stand, "max_allowed_packet = 64M")
    restart_with(stand, waybill=settings(stand, "verify-ca"), server="compression = zlib\n")
    assert status(stand, "Compression") == "ON" and status(stand, "Ssl_cipher")
    everything(stand)


def test_tls_alone(stand):
    with_tls(stand, "max_allowed_packet = 64M")
    restart_with(stand, waybill=settings(stand, "verify-ca"))
    assert status(stand, "Compression") == "OFF" and status(stand, "Ssl_cipher")
    everything(stand)


def test_what_mariadb_does_not_have(stand):
    """zstd is MySQL's alone; zlib is better than nothing."""
    restart_with(stand, waybill="server_compression = zstd\n")
    assert status(stand, "Compression") == "ON"
    restart_with(stand)
    assert status(stand, "Compression") == "OFF"
