"""Large, slow, many and broken: every one has an answer, and memory stays bounded."""

import socket
import threading
import time

import wire

CLUSTER = {"shards": 2, "replicas": 0, "settings": "max_clients = 300\npool_max = 20\npool_wait_ms = 1500\nmax_packet_bytes = 67108864\n"}


def read_slowly(client, total, pause_each=32 << 20):
    received = 0
    while received < total:
        chunk = client.sock.recv(1 << 20)
        assert chunk, f"the stream ended after {received} bytes"
        if received // pause_each != (received + len(chunk)) // pause_each:
            time.sleep(0.02)
        received += len(chunk)


def test_a_gibibyte_in_constant_memory(stand):
    stand.skip_if_sanitized()
    client = stand.client()
    client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    before = stand.waybill_rss_kib()
    client.send_command(wire.COM_QUERY, "SELECT REPEAT('x', 1048576) FROM seq_1_to_1024")
    read_slowly(client, 512 << 20)
    grown = stand.waybill_rss_kib() - before
    read_slowly(client, 511 << 20)
    client.close_socket()
    assert grown < 8 * 1024, f"grew by {grown} KiB"


def test_a_client_that_does_not_read(stand):
    stand.skip_if_sanitized()
    clients = [stand.client() for _ in range(8)]
    before = stand.waybill_rss_kib()
    for client in clients:
        client.send_command(wire.COM_QUERY, "SELECT REPEAT('x', 1048576) FROM seq_1_to_256")
    time.sleep(2)
    grown = stand.waybill_rss_kib() - before
    assert grown < 16 * 1024, f"grew by {grown} KiB"
    assert stand.client().query("SELECT 1").rows[0][0] == "1"
    for client in clients:
        client.close_socket()


def test_packets_over_16_mib_both_ways(stand):
    client = stand.client()
    for size in (16777215 - 40, 16777215 - 8, 16777215, 16777216, 20 << 20, 31 << 20):
        text = "x" * size
        row = client.query(f"SELECT LENGTH('{text}'), '{text}'").rows[0]
        assert row[0] == str(size) and row[1] == text, size
    statement = client.prepare("SELECT LENGTH(?), ?")
    row = client.execute(statement, ["y" * (18 << 20), "z" * (17 << 20)]).rows[0]
    assert row[0] == 18 << 20 and row[1] == "z" * (17 << 20)


def test_long_data_over_16_mib(stand):
    """The execution is longer than the client's own packet: the answer's numbers are the client's all the same."""
    client = stand.client()
    statement = client.prepare("SELECT LENGTH(?), REPEAT('x', 20000000)")
    for _ in range(3):
        client.send_long_data(statement, 0, b"y" * (6 << 20))
    rows = client.execute(statement, ["placeholder"], long_data=(0,)).rows
    assert rows[0][0] == 18 << 20 and len(rows[0][1]) == 20000000
    client.close()


def test_a_packet_over_the_limit(stand):
    client = stand.client()
    try:
        client.query("SELECT '" + "x" * (70 << 20) + "'")
        raise AssertionError("accepted")
    except wire.ServerError as error:
        assert error.code == 1153, error
    except (wire.ConnectionLost, OSError):
        pass  # closed while the client was still writing
    assert stand.client().query("SELECT 1").rows[0][0] == "1"


def test_more_clients_than_connections(stand):
    """80 clients share 20 connections for each server: everybody is served."""
    errors = []

    def work(number):
        try:
            client = stand.client()
            for i in range(20):
                assert client.query(f"SELECT {number * 100 + i}, SLEEP(0.002)").rows[0][0] == str(number * 100 + i)
            client.close()
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(80)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors, errors[:3]


def test_the_line_has_a_deadline(stand):
    """All connections are in transactions: the next statement waits pool_wait_ms, then is told so."""
    holders = []
    for _ in range(40):
        client = stand.client()
        client.query("BEGIN")
        try:
            client.query("SELECT 1 FROM information_schema.schemata LIMIT 1")
        except wire.ServerError as error:
            assert error.code == 9005, error
            break
        holders.append(client)
    assert 10 <= len(holders) <= 20, len(holders)  # 10 for each of two workers
    for client in holders:
        client.close_socket()
    stand.wait_until(lambda: stand.try_query("SELECT 1"), 5, "connections are free again")


def test_max_clients(stand):
    clients = []
    refused = None
    for _ in range(320):
        try:
            clients.append(stand.client())
        except wire.ServerError as error:
            refused = error
            break
    assert refused is not None and refused.code == 1040, refused
    assert len(clients) <= 300
    for client in clients:
        client.close_socket()
    stand.wait_until(lambda: stand.try_query("SELECT 1"), 5, "clients are let in again")


def test_a_server_that_restarts(stand):
    client = stand.client()
    client.query("SELECT 1")
    stand.cluster("kill", "s1/s1a")
    stand.cluster("start", "s1/s1a")
    stand.read_env()
    assert client.query("SELECT 1").rows[0][0] == "1"
    stand.wait_until(lambda: stand.try_query("CREATE DATABASE IF NOT EXISTS probe_write"), 20, "the primary is opened again")


def test_killed_backend_in_a_transaction(stand):
    loader = stand.client(user="loader")
    loader.query("CREATE TABLE IF NOT EXISTS kept (id INT PRIMARY KEY)")
    client = stand.client()
    client.query("BEGIN")
    client.query("INSERT INTO kept VALUES (1)")
    root = stand.root("s1a")
    for row in root.query("SELECT id FROM information_schema.processlist WHERE user = 'app'").rows:
        root.query(f"KILL {row[0]}")
    try:
        client.query("INSERT INTO kept VALUES (2)")
        raise AssertionError("the transaction went on")
    except wire.ServerError as error:
        assert (error.code, error.sqlstate) == (1213, "40001"), error
    assert client.query("SELECT COUNT(*) FROM kept").rows[0][0] == "0"


def test_idle_clients_are_cheap(stand):
    stand.skip_if_sanitized()
    warm = [stand.client() for _ in range(30)]
    before = stand.waybill_rss_kib()
    clients = [stand.client() for _ in range(200)]
    for client in clients:
        client.query("SELECT 1")
    each = (stand.waybill_rss_kib() - before) / len(clients)
    for client in clients + warm:
        client.close_socket()
    assert each <= 4.0, f"{each:.1f} KiB for each idle client"


def test_wrong_password_and_unknown_user_look_alike(stand):
    seen = []
    for user, password in (("app", "wrong"), ("nobody", "wrong"), ("app", "")):
        try:
            wire.Client(port=int(stand.values["WAYBILL_PORT"]), user=user, password=password)
            raise AssertionError("let in")
        except wire.ServerError as error:
            seen.append((error.code, error.sqlstate, error.message.replace("nobody", "app")))
    assert seen[0] == seen[1] and seen[0][0] == 1045, seen


def test_caching_sha2_client(stand):
    client = stand.client(plugin=wire.SHA2)
    assert client.query("SELECT 1").rows[0][0] == "1"
