"""Transfers between accounts on two shards, for tests in which servers crash under them, and what must be true afterwards."""

import multiprocessing
import os
import random
import signal
import time

import wire

ACCOUNTS, MONEY = 40, 1000
SHARDS = ("s1", "s2")


def client_of(stand, timeout=20):
    return wire.Client(port=int(stand.values["WAYBILL_PORT"]), user="bank", password="bank_pw", database="shop", timeout=timeout)


def prepare(stand):
    client = client_of(stand)
    client.query("CREATE TABLE IF NOT EXISTS users (buyer_id BIGINT PRIMARY KEY, money INT NOT NULL) ENGINE=InnoDB")
    for shard in SHARDS:
        stand.root(primary_of(stand, shard)).query("CREATE TABLE IF NOT EXISTS shop.noise (id BIGINT AUTO_INCREMENT PRIMARY KEY, v BIGINT NOT NULL)")
    client.query("DELETE FROM users")
    client.query("INSERT INTO users VALUES " + ", ".join(f"({i}, {MONEY})" for i in range(1, ACCOUNTS + 1)))


def transfer(client, one, other):
    client.query("BEGIN")
    client.query(f"UPDATE users SET money = money - 1 WHERE buyer_id = {one}")
    client.query(f"UPDATE users SET money = money + 1 WHERE buyer_id = {other}")
    client.query("COMMIT")


def transfer_until(stand, is_over, done, seed):
    """Every third one is on one account only, which is a plain transaction. In one order, so that no two wait for each other."""
    rng, client = random.Random(seed), None
    while not is_over.is_set():
        try:
            client = client or client_of(stand)
            one, other = sorted(rng.sample(range(1, ACCOUNTS + 1), 2))
            transfer(client, one, one if rng.randrange(3) == 0 else other)
            with done.get_lock():
                done.value += 1
        except (OSError, wire.ServerError, wire.ConnectionLost):
            client = None  # (the transaction may live on after an error: a BEGIN would commit the half of it)
            time.sleep(0.01)


def make_noise(stand, server, is_over, number):
    """Branches of waybill's format as fast as they go, straight on a server, on a connection that is one step ahead of a crash."""
    root = None
    while not is_over.is_set():
        number += 1000
        xid = f"'wb:9:{number:x}:{time.time_ns():x}:s1','{server}.9',22338"
        end = "COMMIT" if number % 3 else "ROLLBACK"
        try:
            if root is None:
                root = wire.Client(port=int(stand.values[f"WAYBILL_{server.upper()}_PORT"]), user="app", password="app_pw", timeout=5,
                                   capabilities=wire.CLIENT_DEFAULT | wire.MULTI_STATEMENTS)
            root.query(f"XA START {xid}; INSERT INTO shop.noise (v) VALUES ({number}); XA END {xid}; XA PREPARE {xid}; XA {end} {xid}")
        except (OSError, wire.ServerError, wire.ConnectionLost):
            root = None
            time.sleep(0.05)


class Transfers:
    """Runs them in processes of its own: `with` waits for their end. noisy: so many others make work for the binary logs."""

    def __init__(self, stand, clients=6, noisy=0):
        context = multiprocessing.get_context("fork")
        self.is_over, self.done = context.Event(), context.Value("i", 0)
        self.processes = [context.Process(target=transfer_until, args=(stand, self.is_over, self.done, random.random()), daemon=True)
                          for _ in range(clients)]
        self.processes += [context.Process(target=make_noise, args=(stand, primary_of(stand, shard), self.is_over, number), daemon=True)
                           for number in range(noisy) for shard in SHARDS]

    def __enter__(self):
        for process in self.processes:
            process.start()
        return self

    def __exit__(self, *_):
        self.is_over.set()
        for process in self.processes:
            process.join()


def servers(stand):
    return [name for name in stand.values["WAYBILL_SERVERS"].replace("'", "").split()]


def kill(stand, server):
    """At once, without a word to anybody."""
    with open(os.path.join(stand.directory, server, "mysqld.pid")) as pid:
        os.kill(int(pid.read()), signal.SIGKILL)


def prepared(stand, away=()):
    return {server: rows for server in servers(stand) if server not in away and (rows := stand.root(server).query("XA RECOVER").rows)}


def primary_of(stand, shard):
    return next(row["primary"] for row in stand.admin("SHOW SHARDS") if row["shard"] == shard)


def roles(stand):
    return {row["server"]: row for row in stand.admin("SHOW SERVERS")}


def short(stand):
    """For the message of a test that waited in vain."""
    problems = {name: row["problem"] for name, row in roles(stand).items() if row["problem"]}
    down = [name for name, row in roles(stand).items() if row["state"] != "up"]
    return f"{problems or ''} {prepared(stand, down) or ''} {last_events(stand)}"


def is_whole(stand, away=()):
    """Each shard has a primary, and all other servers are replicas that can serve."""
    return all(row["role"] == "primary" or (row["role"] == "replica" and row["fit"] == "yes")
               for name, row in roles(stand).items() if name not in away) and \
        all(primary_of(stand, shard) not in ("", "-", None) for shard in SHARDS)


def checksums(stand, server):
    root = stand.root(server)
    tables = root.query("SELECT CONCAT('`', TABLE_SCHEMA, '`.`', TABLE_NAME, '`') FROM information_schema.TABLES WHERE TABLE_SCHEMA "
                        "IN ('shop', 'waybill') AND TABLE_TYPE = 'BASE TABLE' ORDER BY 1").rows
    return {table: root.query(f"CHECKSUM TABLE {table} EXTENDED").rows[0][1] for (table,) in tables}


def differing(stand, away=()):
    """Tables of replicas that are not as their primary's, by server."""
    wrong = {}
    for shard in SHARDS:
        primary = primary_of(stand, shard)
        root = stand.root(primary)
        wanted, position = checksums(stand, primary), root.query("SELECT @@GLOBAL.gtid_binlog_pos").rows[0][0]
        for server in servers(stand):
            if server.startswith(shard) and server != primary and server not in away:
                stand.root(server).query(f"SELECT MASTER_GTID_WAIT('{position}', 10)")
                there = checksums(stand, server)
                names = [name for name in {*wanted, *there} if wanted.get(name) != there.get(name)]
                if names:
                    wrong[server] = names
    return wrong


def check(stand, away=()):
    """No half of a transfer, nobody who waits for one, and every replica as its primary. away: servers that are down."""
    stand.wait_until(lambda: is_whole(stand, away), 40, lambda: f"all are back: {short(stand)}")
    stand.wait_until(lambda: prepared(stand, away) == {}, 20, lambda: f"nothing is prepared: {short(stand)}")
    total = int(client_of(stand).query("SELECT /* waybill: primary */ SUM(money) FROM users").rows[0][0])
    assert total == ACCOUNTS * MONEY, total
    # (Heartbeats go on meanwhile: what differs by them only is as it should be a moment later.)
    stand.wait_until(lambda: not still_differing(stand, away), 10, lambda: f"replicas are as their primaries: {differing(stand, away)}")


def still_differing(stand, away=()):
    return {server: names for server, names in differing(stand, away).items() if names != ["`waybill`.`heartbeat`"]}


def last_events(stand, count=12):
    return [row["event"] for row in stand.admin("SHOW EVENTS")][-count:]
