"""Servers crash under transactions on several shards, and are put right before they take part again."""

import time

import bank

CLUSTER = {"shards": 2, "replicas": 1, "relaxed": False, "settings": "in_doubt_ms = 500\nfailover = off\n"}


def settle(stand):
    stand.wait_until(lambda: bank.is_whole(stand), 20, lambda: f"all are there: {bank.roles(stand)}")
    bank.prepare(stand)


def crash_in_place(stand, server):
    """Killed and started again, without a failover."""
    with bank.Transfers(stand) as transfers:
        time.sleep(1)
        bank.kill(stand, server)
        stand.cluster("start", f"{server[:2]}/{server}")
        before = transfers.done.value
        stand.wait_until(lambda: transfers.done.value > before + 10, 20, lambda: f"transfers go on: {bank.last_events(stand)}")
    bank.check(stand)


def test_primary_crashes_in_place(stand):
    settle(stand)
    for server in ("s1a", "s2a"):  # both decide, and both are others' branches
        crash_in_place(stand, server)


def xa(server, name, *statements, logged=True, end=("XA PREPARE",)):
    """A branch of waybill's format, on a connection that is closed at its end."""
    xid = f"'{name}','x.1',22338"
    server.query(f"SET SESSION sql_log_bin = {int(logged)}")
    for statement in (f"XA START {xid}", *statements, f"XA END {xid}", *(f"{verb} {xid}" for verb in end)):
        server.query(statement)
    server.close()


def test_primary_is_put_right(stand):
    """What a crash can leave, made by hand: a branch that is prepared in the log alone (and on the replica, with its locks), one that
    is committed and one that is rolled back in the log alone; and what is none of waybill's business."""
    settle(stand)
    root = stand.root("s2a")
    xa(stand.root("s2a"), "wb:1:a:1:s1", "INSERT INTO shop.users VALUES (1001, 1)")
    xa(stand.root("s2a"), "wb:1:a:2:s1", "INSERT INTO shop.users VALUES (1002, 2)", end=("XA PREPARE", "XA COMMIT"))
    xa(stand.root("s2a"), "wb:1:a:3:s1", "INSERT INTO shop.users VALUES (1003, 3)", end=("XA PREPARE", "XA ROLLBACK"))
    root.query("SET SESSION sql_log_bin = 0")
    root.query("XA ROLLBACK 'wb:1:a:1:s1','x.1',22338")
    root.query("DELETE FROM shop.users WHERE buyer_id = 1002")
    xa(stand.root("s2a"), "wb:1:a:2:s1", "INSERT INTO shop.users VALUES (1002, 2)", logged=False)
    xa(stand.root("s2a"), "wb:1:a:3:s1", "INSERT INTO shop.users VALUES (1003, 3)", logged=False)
    others = stand.root("s2a")
    others.query("XA START 'other'")
    others.query("INSERT INTO shop.users VALUES (1004, 4)")
    others.query("XA END 'other'")
    others.query("XA PREPARE 'other'")
    others.close()
    root.query("XA ROLLBACK 'other'")  # in the log it is prepared for ever: others' business
    stand.wait_until(lambda: len(stand.root("s2b").query("XA RECOVER").rows) == 2, 10, "the replica has two")
    stand.cluster("stop", "s2/s2a")
    stand.cluster("start", "s2/s2a")
    stand.wait_until(lambda: bank.is_whole(stand), 20, lambda: f"all are back: {bank.last_events(stand)}")
    stand.wait_until(lambda: len(stand.root("s2b").query("XA RECOVER").rows) == 1, 10, lambda: f"{bank.prepared(stand)}")
    for server in ("s2a", "s2b"):
        rows = stand.root(server).query("SELECT buyer_id FROM shop.users WHERE buyer_id > 1000").rows
        assert rows == [("1002",)], (server, rows, bank.last_events(stand))
    said = " ".join(bank.last_events(stand, 30))
    for number, what in ((1, "prepared"), (2, "committed"), (3, "rolled back")):
        assert f"transaction wb:1:a:{number}:s1 was {what} in its binary log only" in said, said
    replica = stand.root("s2b")
    replica.query("SET SESSION sql_log_bin = 0")
    replica.query("XA ROLLBACK 'other'")  # as it would be without waybill
    stand.root("s2a").query("DELETE FROM shop.users WHERE buyer_id = 1002")
    bank.check(stand)
