"""Servers crash under transactions on several shards, and are put right before they take part again."""

import time

import bank
import wire

CLUSTER = {"shards": 2, "replicas": 1, "relaxed": False, "settings": "in_doubt_ms = 500\nfailover = off\n"}


def settle(stand):
    stand.wait_until(lambda: bank.is_whole(stand), 20, lambda: f"all are there: {bank.short(stand)}")
    bank.prepare(stand)


def test_looking_costs_no_connections(stand):
    """Each primary is looked at once a second, by the connection that there is."""
    settle(stand)
    root = stand.root("s1a")

    def connections():
        return int(root.query("SHOW GLOBAL STATUS LIKE 'Connections'").rows[0][1])
    before = connections()
    time.sleep(3.2)
    assert connections() <= before + 1, f"{before} {connections()}"  # (the first one may just have come)


def crash_in_place(stand, server, noisy=0):
    """Killed and started again, without a failover."""
    with bank.Transfers(stand, noisy=noisy) as transfers:
        time.sleep(1)
        bank.kill(stand, server)
        stand.cluster("start", f"{server[:2]}/{server}")
        before = transfers.done.value
        stand.wait_until(lambda: transfers.done.value > before + 10, 20, lambda: f"transfers go on: {bank.last_events(stand)}")
    bank.check(stand)


def crash_replica(stand, primary, noisy=0):
    """The other server of that shard is killed, and started again."""
    replica = next(name for name in bank.servers(stand) if name.startswith(primary[:2]) and name != primary)
    with bank.Transfers(stand, noisy=noisy) as transfers:
        time.sleep(1)
        bank.kill(stand, replica)
        stand.cluster("start", f"{replica[:2]}/{replica}")
        before = transfers.done.value
        stand.wait_until(lambda: transfers.done.value > before + 10, 20, lambda: f"transfers go on: {bank.last_events(stand)}")
        time.sleep(0.5)
    bank.check(stand)


def test_primary_crashes_in_place(stand):
    settle(stand)
    crash_in_place(stand, "s1a", noisy=1)  # it decides, and has branches of others


def xa(server, name, *statements, logged=True, end=("XA PREPARE",)):
    """A branch of waybill's format, on a connection that is closed at its end."""
    xid = f"'{name}','x.1',22338"
    server.query(f"SET SESSION sql_log_bin = {int(logged)}")
    for statement in (f"XA START {xid}", *statements, f"XA END {xid}", *(f"{verb} {xid}" for verb in end)):
        server.query(statement)
    server.close()


def quietly(server, statement):
    """Without a word to its log. A connection that was closed just now may hold its branch for a moment more."""
    server.query("SET SESSION sql_log_bin = 0")
    deadline = time.monotonic() + 5
    while True:
        try:
            return server.query(statement)
        except wire.ServerError as error:
            if error.code != 1397 or time.monotonic() > deadline:
                raise


def test_primary_is_put_right(stand):
    """What a crash can leave, made by hand: a branch that is prepared in the log alone (and on the replica, with its locks), one that
    is committed and one that is rolled back in the log alone; and what is none of waybill's business."""
    settle(stand)
    root = stand.root("s2a")
    xa(stand.root("s2a"), "wb:1:a:1:s1", "INSERT INTO shop.users VALUES (1001, 1)")
    xa(stand.root("s2a"), "wb:1:a:2:s1", "INSERT INTO shop.users VALUES (1002, 2)", end=("XA PREPARE", "XA COMMIT"))
    xa(stand.root("s2a"), "wb:1:a:3:s1", "INSERT INTO shop.users VALUES (1003, 3)", end=("XA PREPARE", "XA ROLLBACK"))
    quietly(root, "XA ROLLBACK 'wb:1:a:1:s1','x.1',22338")
    root.query("DELETE FROM shop.users WHERE buyer_id = 1002")
    xa(stand.root("s2a"), "wb:1:a:2:s1", "INSERT INTO shop.users VALUES (1002, 2)", logged=False)
    xa(stand.root("s2a"), "wb:1:a:3:s1", "INSERT INTO shop.users VALUES (1003, 3)", logged=False)
    others = stand.root("s2a")
    others.query("XA START 'other'")
    others.query("INSERT INTO shop.users VALUES (1004, 4)")
    others.query("XA END 'other'")
    others.query("XA PREPARE 'other'")
    others.close()
    quietly(root, "XA ROLLBACK 'other'")  # in the log it is prepared for ever: others' business
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
    quietly(replica, "XA ROLLBACK 'other'")  # as it would be without waybill
    stand.root("s2a").query("DELETE FROM shop.users WHERE buyer_id = 1002")
    bank.check(stand)


def test_replica_crashes(stand):
    settle(stand)
    crash_replica(stand, "s2a", noisy=1)


def set_back(replica, position):
    """Its own binary log is ahead of its position from now on."""
    replica.query("STOP SLAVE")
    replica.query("SET GLOBAL gtid_strict_mode = 0")
    replica.query(f"SET GLOBAL gtid_slave_pos = '{position}'")
    replica.query("SET GLOBAL gtid_strict_mode = 1")


def test_replica_is_put_right(stand):
    """What a crash can leave of a replica, made by hand: of four verbs that its log has beyond its position two are in its tables;
    and a branch that was prepared before is not there."""
    settle(stand)
    stand.cluster("waybill", "stop")
    root, replica = stand.root("s2a"), stand.root("s2b")
    stand.root("s1a").query("INSERT INTO waybill.decision VALUES ('wb:1:b:3:s1', 'C', 0, UTC_TIMESTAMP(3)), ('wb:1:b:4:s1', 'C', 0, UTC_TIMESTAMP(3)), ('wb:1:b:5:s1', 'C', 0, UTC_TIMESTAMP(3))")
    for number in (3, 4, 5):
        xa(stand.root("s2a"), f"wb:1:b:{number}:s1", f"INSERT INTO shop.users VALUES (200{number}, {number})")
    stand.wait_until(lambda: len(replica.query("XA RECOVER").rows) == 3, 10, "it has all")
    position = replica.query("SELECT @@GLOBAL.gtid_slave_pos").rows[0][0]
    root.query("XA COMMIT 'wb:1:b:4:s1','x.1',22338")
    for number in (1, 2):
        xa(stand.root("s2a"), f"wb:1:b:{number}:s1", f"INSERT INTO shop.users VALUES (200{number}, {number})")
    root.query("XA COMMIT 'wb:1:b:3:s1','x.1',22338")
    last = root.query("SELECT @@GLOBAL.gtid_binlog_pos").rows[0][0]
    replica.query(f"SELECT MASTER_GTID_WAIT('{last}', 10)")
    set_back(replica, position)
    for number in (2, 5):
        quietly(replica, f"XA ROLLBACK 'wb:1:b:{number}:s1','x.1',22338")
    replica.query("DELETE FROM shop.users WHERE buyer_id = 2003")
    xa(stand.root("s2b"), "wb:1:b:3:s1", "INSERT INTO shop.users VALUES (2003, 3)", logged=False)
    replica.query("START SLAVE")
    stand.start_waybill()
    stand.wait_until(lambda: bank.is_whole(stand), 20, lambda: f"it is mended: {bank.last_events(stand)}")
    said = " ".join(bank.last_events(stand, 30))
    assert "was ahead by 4, 2 of them not applied" in said, said
    stand.wait_until(lambda: bank.prepared(stand) == {}, 20, lambda: f"{bank.prepared(stand)}")
    rows = stand.root("s2b").query("SELECT buyer_id FROM shop.users WHERE buyer_id > 2000 ORDER BY 1").rows
    assert rows == [("2003",), ("2004",), ("2005",)], rows
    stand.wait_until(lambda: stand.root("s2b").query("SELECT @@init_slave").rows == [("",)], 10, "it has received all of that again: the mark is gone")
    stand.root("s2a").query("DELETE FROM shop.users WHERE buyer_id > 2000")
    bank.check(stand)


def test_held_branch_of_a_replica_that_goes_on(stand):
    """Its log has finished it, its tables hold it: nothing would come for it any more."""
    settle(stand)
    xa(stand.root("s2a"), "wb:1:c:1:s1", "INSERT INTO shop.users VALUES (3001, 1)", end=("XA PREPARE", "XA COMMIT"))
    position = stand.root("s2a").query("SELECT @@GLOBAL.gtid_binlog_pos").rows[0][0]
    replica = stand.root("s2b")
    replica.query(f"SELECT MASTER_GTID_WAIT('{position}', 10)")
    quietly(replica, "DELETE FROM shop.users WHERE buyer_id = 3001")
    xa(stand.root("s2b"), "wb:1:c:1:s1", "INSERT INTO shop.users VALUES (3001, 1)", logged=False)
    stand.cluster("stop", "s2/s2b")
    stand.cluster("start", "s2/s2b")
    stand.wait_until(lambda: bank.prepared(stand) == {}, 20, lambda: f"{bank.prepared(stand)} {bank.last_events(stand)}")
    stand.root("s2a").query("DELETE FROM shop.users WHERE buyer_id = 3001")
    bank.check(stand)


def test_what_has_stopped_a_replica_may_be_over(stand):
    """Its log doesn't tell: it is started again, and an event says so when it stops again."""
    settle(stand)
    holder = stand.root("s2b")
    holder.query("XA START 'wb:1:d:1:s1','x.1',22338")  # of the same name as one that comes
    xa(stand.root("s2a"), "wb:1:d:1:s1", "INSERT INTO shop.users VALUES (4001, 1)", end=("XA PREPARE", "XA ROLLBACK"))
    stand.wait_until(lambda: any("mending of s2b refused: its binary log does not tell why it stopped, and it stops again" in event
                                 for event in bank.last_events(stand, 30)), 30, lambda: bank.last_events(stand))
    holder.query("XA END 'wb:1:d:1:s1','x.1',22338")
    holder.query("XA ROLLBACK 'wb:1:d:1:s1','x.1',22338")
    bank.check(stand)


def test_replica_that_can_not_be_mended(stand):
    """It has written itself: it stays as it is, and an event says that it has to be made anew."""
    settle(stand)
    replica = stand.root("s2b")
    position = replica.query("SELECT @@GLOBAL.gtid_slave_pos").rows[0][0]
    replica.query("STOP SLAVE")
    replica.query("CREATE TABLE shop.of_the_replica (a INT PRIMARY KEY)")
    replica.query("START SLAVE")
    stand.wait_until(lambda: any("mending of s2b refused: it has written to its tables itself: it has to be made anew" in event
                                 for event in bank.last_events(stand, 30)), 20, lambda: bank.last_events(stand))
    assert replica.query("SHOW TABLES FROM shop LIKE 'of_the_replica'").rows and position
    quietly(replica, "DROP TABLE shop.of_the_replica")
    replica.query("STOP SLAVE")
    replica.query("RESET MASTER")  # (as a hand would)
    replica.query("START SLAVE")
    bank.check(stand)
