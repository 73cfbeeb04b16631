"""Things break under load: no acknowledged order is lost, none is there by half, and nothing of it stays behind."""

import os
import random
import re
import signal
import threading
import time

import wire

CLUSTER = {"shards": 2, "replicas": 1}
SCHEMA = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "demo", "schema.sql")
SECONDS = 4
HALVES = (
    ("orders without items", "shop.orders AS a LEFT JOIN shop.order_items AS b USING (order_id) WHERE b.order_id IS NULL"),
    ("items without order", "shop.order_items AS a LEFT JOIN shop.orders AS b USING (order_id) WHERE b.order_id IS NULL"),
    ("orders without payment", "shop.orders AS a LEFT JOIN shop.payments AS b USING (order_id) WHERE b.order_id IS NULL OR b.amount <> a.total"),
    ("payments without order", "shop.payments AS a LEFT JOIN shop.orders AS b USING (order_id) WHERE b.order_id IS NULL"),
)


class Load:
    """Order traffic in the background; `with` waits for its end and keeps the account."""

    def __init__(self, stand, seconds=SECONDS, clients=12):
        self.stand, self.figures = stand, {}
        self.ledger = os.path.join(stand.directory, "ledger")
        words = ("place", "--seconds", str(seconds), "--clients", str(clients), "--users", "200", "--ledger", self.ledger)
        self.thread = threading.Thread(target=lambda: self.figures.update(stand.orders(*words)[1]))

    def __enter__(self):
        prepare(self.stand)
        self.thread.start()
        time.sleep(0.5)
        return self

    def __exit__(self, *_):
        self.thread.join()


def prepare(stand):
    client = stand.client(user="loader")
    with open(SCHEMA) as script:
        lines = [line for line in script if not line.startswith("--")]
    for statement in "".join(lines).split(";"):
        if statement.strip():
            client.query(statement.strip().replace("CREATE TABLE ", "CREATE TABLE IF NOT EXISTS "))
    if client.query("/* waybill: primary */ SELECT COUNT(*) FROM products").rows[0][0] == "0":
        code, _, complaint = stand.orders("fill", "--user", "loader", "--password", "loader_pw", "--users", "200")
        assert code == 0, complaint
    client.close()


def check(stand, load):
    stand.wait_until(lambda: stand.try_query("SELECT 1"), 10, "waybill answers")
    assert int(load.figures["acknowledged"]) > 20, load.figures
    code, checked, complaint = stand.orders("verify", "--ledger", load.ledger)
    assert code == 0 and checked["missing"] == "0", f"{checked} {complaint}"
    stand.wait_until(lambda: not stand.admin("SHOW SESSIONS"), 10, "no session is left")
    stand.wait_until(lambda: all(row["lent"] == "0" for row in stand.admin("SHOW POOLS")), 10, "no backend is lent")
    for primary in ("s1a", "s2a"):
        root = stand.root(primary)
        for what, source in HALVES:
            count = root.query(f"SELECT COUNT(*) FROM {source}").rows[0][0]
            assert count == "0", f"{primary}: {count} {what}"
        root.close()


def test_backends_are_killed(stand):
    """By root, in the middle of statements, transactions and COMMITs."""
    killed = 0
    with Load(stand) as load:
        roots = [stand.root(server) for server in ("s1a", "s2a", "s1b", "s2b")]
        while load.thread.is_alive():
            for root in roots:
                rows = root.query("SELECT id, info FROM information_schema.processlist WHERE user = 'app'").rows
                random.shuffle(rows)
                rows.sort(key=lambda row: row[1] != "COMMIT")
                for row in rows[:2]:
                    try:
                        root.query(f"KILL {row[0]}")
                        killed += 1
                    except wire.ServerError:
                        pass  # it has ended meanwhile
            time.sleep(0.01)
    assert killed > 20, killed
    check(stand, load)


def test_waybill_is_killed(stand):
    with Load(stand, SECONDS + 2) as load:
        for _ in range(2):
            os.kill(stand.waybill_pid(), signal.SIGKILL)
            time.sleep(0.1)
            stand.start_waybill()
            time.sleep(1)
    check(stand, load)


def test_waybill_is_stopped(stand):
    """SIGTERM: what is running ends, a COMMIT is never left in doubt."""
    with Load(stand) as load:
        stand.cluster("waybill", "stop")
        stand.start_waybill()
    assert load.figures["unknown"] == "0", load.figures
    check(stand, load)


def test_configuration_is_read_again(stand):
    """Weights, limits, users, tables and a replica change under load: no client notices."""
    path = os.path.join(stand.directory, "waybill.ini")
    with open(path) as file:
        original = file.read()
    with Load(stand) as load:
        for i in range(12):
            text = original.replace("weight = 100", f"weight = {i % 3}", 1 + i % 4)
            if i % 3 == 0:
                text = text.replace("[waybill]\n", f"[waybill]\npool_max = {6 + i}\npool_idle_ms = 1\n", 1)
            if i % 3 == 1:
                text += f"\n[user more{i}]\npassword = x\n\n[table shop.more{i}]\ntype = reference\n"
            if i % 4 == 2:
                text = re.sub(r"\[server s1b\]\n.*\n.*\n", "", text).replace("s1a, s1b", "s1a")
            with open(path, "w") as file:
                file.write(text if i < 11 else original)
            os.kill(stand.waybill_pid(), signal.SIGHUP)
            time.sleep(0.2)
    assert load.figures["errors"] == "0", load.figures
    check(stand, load)


def test_a_replica_hangs(stand):
    """Its reads are answered by another server, late but right."""
    with open(os.path.join(stand.directory, "s1b", "pid")) as file:
        pid = int(file.read())
    client = stand.client()
    os.kill(pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        for buyer in range(1, 21):
            assert len(client.query(f"SELECT name FROM users WHERE buyer_id = {buyer}").rows) == 1
        took = time.monotonic() - began
    finally:
        os.kill(pid, signal.SIGCONT)
    assert took < 10, took
