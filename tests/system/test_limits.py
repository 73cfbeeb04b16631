"""What happens at the limits of the machine and of the pools, on real servers: every client gets an answer, nothing is left behind."""

import os
import resource
import socket
import threading
import time

CLUSTER = {"shards": 2, "replicas": 0, "settings": "pool_max = 4\npool_wait_ms = 20000\n"}


def descriptors(stand):
    return len(os.listdir(f"/proc/{stand.waybill_pid()}/fd"))


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def nothing_is_left(stand):
    stand.wait_until(lambda: not stand.admin("SHOW SESSIONS"), 10, "no session is left")
    stand.wait_until(lambda: all(int(row["lent"]) == 0 and int(row["waiting"]) == 0 for row in stand.admin("SHOW POOLS")), 10,
                     "no backend is lent")


def test_no_descriptor_for_the_next_client(stand):
    """Who can't be accepted stays in line; waybill neither spins nor floods its log, and goes on when there is room."""
    pid = stand.waybill_pid()
    soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    client = stand.client()
    client.query("SELECT 1")
    log = os.path.join(stand.directory, "waybill.log")
    logged = os.path.getsize(log)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (descriptors(stand) + 2, hard))
    waiting = [socket.create_connection(("127.0.0.1", int(stand.values[f"WAYBILL_{port}PORT"])), timeout=10)
               for port in ("", "", "", "", "", "", "", "", "ADMIN_", "ADMIN_")]
    try:
        began, used = time.monotonic(), cpu_seconds(pid)
        while time.monotonic() < began + 1.5:
            assert client.query("SELECT 1").rows[0][0] == "1"  # who is in is served
            time.sleep(0.05)
        used = cpu_seconds(pid) - used
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, hard))
    for connection in waiting:
        assert connection.recv(1), "nobody greeted"
        connection.close()
    assert used < 0.75, f"{used:.2f} s of CPU while nothing could be done"
    assert os.path.getsize(log) - logged < 5000, "the log was flooded"
    client.close()
    nothing_is_left(stand)


def test_scattered_reads_do_not_wait_for_each_other(stand):
    """Each needs a connection to both servers, and is so large that it holds the first while it is in line for the second."""
    loader = stand.client(user="loader")
    loader.query("CREATE TABLE IF NOT EXISTS orders (order_id BIGINT PRIMARY KEY, buyer_id BIGINT, note VARCHAR(2000))")
    for first in range(1, 2001, 500):
        rows = ", ".join(f"({buyer}, REPEAT('x', 1000))" for buyer in range(first, first + 500))
        loader.query(f"INSERT INTO orders (buyer_id, note) VALUES {rows}")
    loader.close()
    answered, errors = [], []

    def read(number):
        try:
            client = stand.client()
            for _ in range(3):
                if number % 3 == 0:
                    rows = client.query("SELECT COUNT(*) FROM orders").rows
                    assert rows[0][0] == "2000", rows
                else:
                    rows = client.query(f"SELECT order_id, note FROM orders ORDER BY order_id LIMIT {1500 + number}").rows
                    assert len(rows) == 1500 + number, len(rows)
                answered.append(number)
            client.close()
        except Exception as error:
            errors.append(error)

    began = time.monotonic()
    threads = [threading.Thread(target=read, args=(i,)) for i in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors, errors[:3]
    assert len(answered) == 72 and time.monotonic() - began < 15
    nothing_is_left(stand)


def test_clients_that_leave_at_any_moment(stand):
    """In the middle of a packet, of a result, of a transaction, in line: nothing of them stays."""
    before = descriptors(stand)
    moments = (
        lambda client: client.send_raw(b"\x50\x00\x00\x00\x03SELECT"),
        lambda client: (client.send_raw(b"\x24\x00\x00\x00\x03SELECT order_id, note FROM orders o"), client.sock.recv(1000)),
        lambda client: (client.query("BEGIN"), client.query("UPDATE orders SET note = 'left' WHERE buyer_id = 7")),
        lambda client: (client.query("BEGIN"), client.query("DELETE FROM orders WHERE buyer_id = 8"),
                        client.send_raw(b"\x09\x00\x00\x00\x03ROLLBACK")),
        lambda client: client.send_raw(b"\x12\x00\x00\x00\x03SELECT SLEEP(0.3)"),
        lambda client: client.send_raw(b"\x09\x00\x00\x00\x03SELECT 1\x09\x00\x00\x00\x03SELECT 2"),
        lambda client: (client.query("SET @kept = 1"), client.query("SELECT GET_LOCK('mine', 0)")),
    )

    def come_and_go(number):
        for i in range(12):
            client = stand.client()
            moments[(number + i) % len(moments)](client)
            client.close_socket()

    threads = [threading.Thread(target=come_and_go, args=(i,)) for i in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    nothing_is_left(stand)
    stand.wait_until(lambda: descriptors(stand) <= before + 16, 10, "descriptors are given back")
    client = stand.client()
    for buyer in (7, 8):
        assert client.query(f"SELECT COUNT(*) FROM orders WHERE buyer_id = {buyer} AND note <> 'left'").rows[0][0] == "1"
    assert stand.root("s1a").query("SELECT COUNT(*) FROM information_schema.innodb_trx").rows[0][0] == "0"
