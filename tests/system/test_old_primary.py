"""Primaries die under transactions on several shards and are replaced; nothing is there by half, and nobody waits for them."""

import os
import struct
import time

import bank
from test_recovery import quietly, xa

CLUSTER = {"shards": 2, "replicas": 2, "relaxed": False, "settings": "in_doubt_ms = 500\n",
           "durability": "best_effort"}  # (a waybill is started that has never seen the dead primary)


def settle(stand):
    stand.wait_until(lambda: bank.is_whole(stand), 20, lambda: f"all are there: {bank.short(stand)}")
    bank.prepare(stand)


def crash_with_failover(stand, primary, noisy=0):
    with bank.Transfers(stand, noisy=noisy) as transfers:
        time.sleep(1)
        bank.kill(stand, primary)
        stand.wait_until(lambda: bank.primary_of(stand, primary[:2]) not in (primary, "", "-", None), 20, lambda: f"a promotion: {bank.short(stand)}")
        before = transfers.done.value
        stand.wait_until(lambda: transfers.done.value > before + 10, 20, lambda: f"transfers go on: {bank.short(stand)}")
    bank.check(stand, away=[primary])
    stand.cluster("start", f"{primary[:2]}/{primary}")
    bank.check(stand)


def test_promotion_leaves_nothing_by_half(stand):
    settle(stand)
    with bank.Transfers(stand) as transfers:  # both decide, and both have branches of others
        for primary in ("s1a", "s2a"):
            time.sleep(0.7)
            bank.kill(stand, primary)
            stand.wait_until(lambda: bank.primary_of(stand, primary[:2]) not in (primary, "", "-", None), 20, lambda: f"a promotion: {bank.short(stand)}")
        before = transfers.done.value
        stand.wait_until(lambda: transfers.done.value > before + 10, 20, lambda: f"transfers go on: {bank.short(stand)}")
    bank.check(stand, away=["s1a", "s2a"])
    for primary in ("s1a", "s2a"):
        stand.cluster("start", f"{primary[:2]}/{primary}")
    bank.check(stand)


KINDS = """id INT PRIMARY KEY, t TINYINT UNSIGNED, n DECIMAL(12,2), f DOUBLE, c CHAR(40), v VARCHAR(300), b BLOB, d DATE, dt DATETIME(3), tm TIME,
    ts TIMESTAMP NULL, e ENUM('x','y'), s SET('p','q'), y YEAR, bits BIT(10), j JSON, u UUID"""
ROW = """200, -12345678.25, 1.5, 'Zoë', 'it''s', X'00ff', '2026-11-30', '2026-11-30 20:10:03.250', '-01:02:03', FROM_UNIXTIME(1700000000), 'y',
    'p,q', 2026, b'1000000001', '{"a": 1}', '123e4567-e89b-12d3-a456-426655440000'"""
PRINTED = ("INSERT INTO `shop`.`kinds` SET `id` = 5, `t` = 200, `n` = -12345678.25, `f` = 1.5, `c` = 'Zoë', `v` = 'it''s', `b` = X'00ff', "
           "`d` = '2026-11-30', `dt` = '2026-11-30 20:10:03.250', `tm` = '-01:02:03', `ts` = FROM_UNIXTIME(1700000000), `e` = 2, `s` = 3, "
           "`y` = 2026, `bits` = X'0201', `j` = '{\"a\": 1}', `u` = ")


def promotion_without(stand, shard, before=None):
    """Its primary dies, another takes its place; the old one is back, and waybill is not. Returns both."""
    old = bank.primary_of(stand, shard)
    stand.cluster("waybill", "stop")
    if before:
        before(old)
    bank.kill(stand, old)
    stand.start_waybill()
    stand.wait_until(lambda: bank.primary_of(stand, shard) not in (old, "", "-", None), 20, lambda: f"a promotion: {bank.short(stand)}")
    new = bank.primary_of(stand, shard)
    stand.wait_until(lambda: bank.prepared(stand, away=[old]) == {}, 20, lambda: f"nothing is prepared: {bank.short(stand)}")
    stand.cluster("waybill", "stop")
    stand.cluster("start", f"{shard}/{old}")
    return old, new


def reports(stand, server):
    return [row[0] for row in stand.root(server).query("SELECT CONVERT(report USING utf8mb4) FROM waybill.undone ORDER BY id").rows]


def test_what_was_never_acknowledged_is_reported_and_undone(stand):
    stand.wait_until(lambda: bank.is_whole(stand), 20, lambda: f"all are there: {bank.short(stand)}")
    bank.prepare(stand)
    root = stand.root(bank.primary_of(stand, "s1"))
    root.query(f"CREATE TABLE shop.kinds ({KINDS})")
    root.query(f"INSERT INTO shop.kinds VALUES (1, {ROW}), (2, {ROW}), (3, {ROW})")
    decider = stand.root(bank.primary_of(stand, "s2"))
    decider.query("INSERT INTO waybill.decision VALUES ('wb:1:u:1:s2', 'C', 0, UTC_TIMESTAMP(3))")

    def before(primary):
        xa(stand.root(primary), "wb:1:u:1:s2", "UPDATE shop.kinds SET t = 7 WHERE id = 3")
    old, new = promotion_without(stand, "s1", before)
    root = stand.root(old)
    root.query("XA COMMIT 'wb:1:u:1:s2','x.1',22338")
    for statement in (f"INSERT INTO shop.kinds VALUES (5, {ROW}), (6, {ROW})", "UPDATE shop.kinds SET id = id + 100 ORDER BY id DESC",
                      "DELETE FROM shop.kinds WHERE id IN (101, 106)", "INSERT INTO shop.kinds (id) VALUES (1)",
                      "UPDATE shop.kinds SET id = id - 100 WHERE id > 100 ORDER BY id", "UPDATE shop.kinds SET v = NULL, n = 0.05 WHERE id = 5"):
        root.query(statement)
    xa(stand.root(old), "wb:1:u:2:s2", "INSERT INTO shop.kinds (id) VALUES (11)")
    xa(stand.root(old), "wb:1:u:3:s2", "INSERT INTO shop.kinds (id) VALUES (12)", end=("XA PREPARE", "XA COMMIT"))
    xa(stand.root(old), "wb:1:u:4:s2", "INSERT INTO shop.kinds (id) VALUES (13)", end=("XA PREPARE", "XA ROLLBACK"))
    stand.start_waybill()
    bank.check(stand)
    rows = stand.root(old).query("SELECT id, t FROM shop.kinds ORDER BY id").rows
    assert rows == [("1", "200"), ("2", "200"), ("3", "7")], rows
    said = " ".join(bank.last_events(stand, 40))
    assert f"8 transactions of {old} that were never acknowledged are undone; waybill.undone on {new} has them" in said, said
    told = reports(stand, new)[-8:]  # others may have come of the crash before
    assert len(told) == 8, told
    assert PRINTED in told[1], told[1]
    assert "# INSERT INTO shop.kinds (id) VALUES (12)" in told[7] and "INSERT INTO `shop`.`kinds` SET `id` = 12, `t` = NULL" in told[7], told[7]
    assert "SET `id` = 5, `t` = 200, `n` = 0.05" in told[6] and "`v` = NULL" in told[6], told[6]
    assert stand.root(old).query("SELECT COUNT(*) FROM waybill.xa_fix").rows == [("0",)]


def test_a_log_that_was_torn_is_read(stand):
    """A crash may end it in the middle of an event: that was never done, and what is before and behind it counts."""
    stand.wait_until(lambda: bank.is_whole(stand), 20, lambda: f"all are there: {bank.short(stand)}")
    bank.prepare(stand)
    stand.root(bank.primary_of(stand, "s1")).query("CREATE TABLE IF NOT EXISTS shop.torn (id INT PRIMARY KEY)")
    old, new = promotion_without(stand, "s1")
    root = stand.root(old)
    logs = [row[0] for row in root.query("SHOW BINARY LOGS").rows]
    root.query(f"PURGE BINARY LOGS TO '{logs[-1]}'")  # so that it is the first that is read
    root.query("INSERT INTO shop.torn VALUES (1)")
    log = root.query("SHOW MASTER STATUS").rows[0][0]
    bank.kill(stand, old)
    with open(os.path.join(stand.directory, old, "data", log), "ab") as file:
        file.write(struct.pack("<IBIIIH", 0, 2, 101, 1000, 0, 0) + bytes(200))  # a statement of 1000 bytes
    stand.cluster("start", f"s1/{old}")
    stand.root(old).query("INSERT INTO shop.torn VALUES (2)")
    stand.start_waybill()
    bank.check(stand)
    assert stand.root(old).query("SELECT id FROM shop.torn").rows == [], "undone"
    assert f"2 transactions of {old} that were never acknowledged are undone" in " ".join(bank.last_events(stand, 40))


def test_what_can_not_be_undone_stays_and_nothing_is_undone_twice(stand):
    """A foreign key has changed rows that no log has: refused. Then as if an attempt had ended after it had undone all: its mark is
    found, and the rows are left as they are."""
    stand.wait_until(lambda: bank.is_whole(stand), 20, lambda: f"all are there: {bank.short(stand)}")
    root = stand.root(bank.primary_of(stand, "s2"))
    root.query("CREATE TABLE shop.parent (id INT PRIMARY KEY)")
    root.query("CREATE TABLE shop.child (id INT PRIMARY KEY, p INT, FOREIGN KEY (p) REFERENCES shop.parent (id) ON DELETE CASCADE)")
    root.query("INSERT INTO shop.parent VALUES (1)")
    root.query("INSERT INTO shop.child VALUES (1, 1)")
    old, new = promotion_without(stand, "s2")
    root = stand.root(old)
    root.query("DELETE FROM shop.parent")
    sequence = int(root.query("SELECT @@GLOBAL.gtid_binlog_pos").rows[0][0].split("-")[-1])
    stand.start_waybill()
    stand.wait_until(lambda: any(f"rejoin of {old} refused: " in event and "was never acknowledged and can't be undone (a foreign key that "
                                 "cascades)" in event for event in bank.last_events(stand, 40)), 20, lambda: bank.last_events(stand))
    assert bank.roles(stand)[old]["role"] == "detached" and root.query("SELECT * FROM shop.parent").rows == []
    epoch = int(stand.root(new).query("SELECT MAX(epoch) FROM waybill.topology WHERE shard = 's2'").rows[0][0])
    quietly(root, "CREATE TABLE IF NOT EXISTS waybill.xa_fix (id BIGINT UNSIGNED NOT NULL PRIMARY KEY)")
    quietly(root, "BEGIN")
    root.query("INSERT INTO shop.parent VALUES (1)")
    root.query("INSERT INTO shop.child VALUES (1, 1)")
    root.query(f"INSERT INTO waybill.xa_fix VALUES ({1 << 63 | epoch << 40 | sequence})")
    root.query("COMMIT")
    bank.check(stand)
    assert stand.root(old).query("SELECT COUNT(*) FROM waybill.xa_fix").rows == [("0",)]


def test_one_that_is_missing_is_gone_past(stand):
    """durability = best_effort: a replica is away when the primary dies; the other is promoted, and what may be lost is said."""
    stand.wait_until(lambda: bank.is_whole(stand), 40, lambda: f"all are there: {bank.short(stand)}")
    bank.prepare(stand)
    old = bank.primary_of(stand, "s1")
    missing, other = [name for name in bank.servers(stand) if name.startswith("s1") and name != old]
    with bank.Transfers(stand):
        bank.kill(stand, missing)
        stand.wait_until(lambda: bank.roles(stand)[missing]["state"] == "down", 20, "it is seen to be away")
        bank.kill(stand, old)
        stand.wait_until(lambda: bank.primary_of(stand, "s1") == other, 20, lambda: f"a promotion: {bank.short(stand)}")
    assert any("1 can't be reached: what is there alone is lost" in event for event in bank.last_events(stand, 40)), bank.last_events(stand, 40)
    for server in (missing, old):
        stand.cluster("start", f"s1/{server}")
    bank.check(stand)
