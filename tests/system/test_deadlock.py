"""Deadlocks over shards, which no server sees: the youngest transaction of a cycle is rolled back, and nobody else."""

import threading
import time

import test_commit
import test_gather
import test_kill_elsewhere
import test_reload
import wire

CLUSTER = {"shards": 3, "replicas": 0, "settings": "proxy_id = 5\ndeadlock_check_ms = 200\n"}
WITHIN_S = 20  # innodb_lock_wait_timeout is 50


def buyers(stand):
    """One of each shard."""
    test_commit.fill(stand)
    return [int(stand.root(f"{shard}a").query("SELECT MIN(buyer_id) FROM shop.users").rows[0][0]) for shard in ("s1", "s2", "s3")]


def bank(port):
    return wire.Client(port=port, user="bank", password="bank_pw", database="shop", timeout=60)


class Transaction:
    """One client, whose statements run on a thread of their own."""

    def __init__(self, port):
        self.client, self.code, self.thread = bank(port), None, None

    def take(self, buyer):
        self.client.query(f"UPDATE users SET money = money - 1 WHERE buyer_id = {buyer}")

    def begin(self, *taken):
        self.client.query("BEGIN")
        for buyer in taken:
            self.take(buyer)
        time.sleep(0.1)  # whoever begins next is younger by each worker's clock
        return self

    def want(self, sql):
        def run():
            self.code = test_commit.code_of(self.client, sql)

        self.thread = threading.Thread(target=run)
        self.thread.start()
        return self

    def want_buyer(self, buyer):
        return self.want(f"UPDATE users SET money = money - 1 WHERE buyer_id = {buyer}")

    def end(self, how="COMMIT"):
        """What came of the statement."""
        self.thread.join(WITHIN_S)
        assert not self.thread.is_alive(), "it still waits"
        test_commit.code_of(self.client, how)
        self.client.close()
        return self.code


def money(client, buyer):
    return int(client.query(f"SELECT money FROM users WHERE buyer_id = {buyer}").rows[0][0])


def count(stand):
    return test_gather.figure(stand, "deadlocks_total")


def port_of(stand):
    return int(stand.values["WAYBILL_PORT"])


def check_cycle(stand, ports, shards):
    """As many transactions as ports, each with a row of a shard, each wants the next one's; the last began last."""
    rows = buyers(stand)[:shards]
    ring = []
    for number, port in enumerate(ports):
        ring.append(Transaction(port).begin(rows[number]))
    for number, transaction in enumerate(ring):
        transaction.want_buyer(rows[(number + 1) % len(rows)])
    assert ring[-1].end() == 1213
    for transaction in reversed(ring[:-1]):
        assert transaction.end() == 0
    client = bank(port_of(stand))
    taken = [test_commit.MONEY - money(client, buyer) for buyer in rows]
    assert sum(taken) == 2 * (len(ring) - 1), taken  # nothing of the victim's is left
    assert not [row for shard in ("s1", "s2", "s3") for row in stand.root(f"{shard}a").query("XA RECOVER").rows]


def test_of_two(stand):
    before = count(stand)
    port = port_of(stand)
    check_cycle(stand, [port, port], 2)
    assert count(stand) == before + 1


def test_of_three(stand):
    port = port_of(stand)
    check_cycle(stand, [port, port, port], 3)


def test_through_two_waybills(stand):
    with test_kill_elsewhere.second(stand) as other:
        check_cycle(stand, [port_of(stand), other.port], 2)
        check_cycle(stand, [other.port, other.port, port_of(stand)], 3)


def wait_for_lock(stand, server, buyer):
    """Until somebody has that row locked."""
    root = stand.root(server)
    stand.wait_until(lambda: not root.query(f"SELECT 1 FROM shop.users WHERE buyer_id = {buyer} FOR UPDATE SKIP LOCKED").rows,
                     WITHIN_S, f"the row of {buyer} is locked")
    root.close()


def test_by_way_of_others(stand):
    """A client that is on one shard only, or past waybill, stands in the middle, and is no victim."""
    one, two, _ = buyers(stand)
    more = int(stand.root("s1a").query("SELECT MAX(buyer_id) FROM shop.users").rows[0][0])
    assert more != one
    for middle in (bank(port_of(stand)), stand.root("s1a")):
        old, young = Transaction(port_of(stand)).begin(one), Transaction(port_of(stand)).begin(two)
        for sql in ("USE shop", "BEGIN", f"UPDATE users SET money = money + 0 WHERE buyer_id = {more}"):
            middle.query(sql)
        waiting = threading.Thread(target=lambda to=middle: to.query(f"UPDATE users SET money = money + 0 WHERE buyer_id = {one}"))
        waiting.start()  # for old
        young.want_buyer(more)  # for the middle
        old.want_buyer(two)  # for young
        assert young.end() == 1213 and old.end() == 0
        waiting.join(WITHIN_S)
        assert not waiting.is_alive()
        middle.query("COMMIT")
        middle.close()


def test_a_statement_of_several_shards(stand):
    """It is a transaction by itself."""
    one, two, _ = buyers(stand)
    client = bank(port_of(stand))
    old = Transaction(port_of(stand)).begin(two)
    young = Transaction(port_of(stand)).want(f"UPDATE users SET money = money - 1 WHERE buyer_id IN ({one}, {two})")
    wait_for_lock(stand, "s1a", one)  # and it waits for two, or will
    old.want_buyer(one)
    assert young.end() == 1213 and old.end() == 0
    assert [money(client, buyer) for buyer in (one, two)] == [test_commit.MONEY - 1] * 2


def test_rows_before_it_waits(stand):
    """What the victim has read before is a part of its answer, and its connection goes on."""
    _, two, _ = buyers(stand)
    here = [row[0] for row in stand.root("s1a").query("SELECT buyer_id FROM shop.users ORDER BY buyer_id").rows]
    for where in (f"WHERE buyer_id IN ({', '.join(here)})", ""):  # of one shard, of all
        old, young = Transaction(port_of(stand)).begin(int(here[-1])), Transaction(port_of(stand)).begin(two)
        old.want_buyer(two)
        young.want(f"SELECT *, REPEAT('x', 50000) FROM users {where} FOR UPDATE")
        young.thread.join(WITHIN_S)
        assert young.code == 1213, young.code
        assert young.client.query("SELECT 1").rows == [("1",)]
        assert young.end() == 1213 and old.end() == 0


def test_whoever_only_waits_is_left_alone(stand):
    """... for another one's row, or for time: no cycle, no victim, and the server's own limit holds."""
    one, two, three = buyers(stand)
    before = count(stand)
    holder = bank(port_of(stand))
    holder.query("BEGIN")
    holder.query(f"UPDATE users SET money = money - 1 WHERE buyer_id = {one}")
    waiting, slow = Transaction(port_of(stand)).begin(two), Transaction(port_of(stand)).begin(three)
    waiting.client.query("SET innodb_lock_wait_timeout = 1")
    waiting.want_buyer(one)
    slow.client.query(f"SELECT money FROM users WHERE buyer_id = {one}")
    slow.want(f"SELECT SLEEP(1.5) FROM users WHERE buyer_id = {three}")
    assert waiting.end() == 1205 and slow.end() == 0
    holder.query("ROLLBACK")
    holder.close()
    assert count(stand) == before


def test_off(stand):
    """deadlock_check_ms = 0: the servers' own limit, as before."""
    one, two, _ = buyers(stand)
    before = count(stand)
    text = test_reload.read(stand)
    test_reload.write(stand, text.replace("deadlock_check_ms = 200", "deadlock_check_ms = 0"))
    test_reload.reload(stand)
    old, young = Transaction(port_of(stand)).begin(one), Transaction(port_of(stand)).begin(two)
    young.client.query("SET innodb_lock_wait_timeout = 1")
    young.want_buyer(one)
    old.want_buyer(two)
    young.thread.join(WITHIN_S)
    assert young.code == 1205
    assert young.end() == 1205 and old.end() == 0
    assert count(stand) == before
    test_reload.write(stand, text)
    test_reload.reload(stand)
