"""A promotion that can't be done leaves the shard as it was; one that was begun is finished, once."""

import os
import signal
import time

CLUSTER = {"shards": 1, "replicas": 2}


def primary(stand):
    return stand.admin("SHOW SHARDS")[0]["primary"]


def servers(stand):
    return {row["server"]: row for row in stand.admin("SHOW SERVERS")}


def events(stand):
    return "\n".join(row["event"] for row in stand.admin("SHOW EVENTS"))


def epochs(root):
    return [tuple(row) for row in root.query("SELECT epoch, primary_name FROM waybill.topology ORDER BY epoch").rows]


def replication(root):
    result = root.query("SHOW SLAVE STATUS")
    return dict(zip(result.names(), result.rows[0])) if result.rows else {}


def locally(root, *statements):
    root.query("SET sql_log_bin = 0")
    for statement in statements:
        root.query(statement)
    root.query("SET sql_log_bin = 1")


def test_missing_privilege_is_told(stand):
    for server in ("s1a", "s1b", "s1c"):
        locally(stand.root(server), "REVOKE ALL PRIVILEGES, GRANT OPTION FROM waybill@'%'",
                "GRANT SLAVE MONITOR, REPLICATION MASTER ADMIN, REPLICATION SLAVE ADMIN, READ_ONLY ADMIN ON *.* TO waybill@'%'",
                "GRANT CREATE, SELECT, INSERT, UPDATE ON waybill.* TO waybill@'%'")
    stand.cluster("waybill", "stop")
    stand.start_waybill()
    stand.wait_until(lambda: servers(stand)["s1b"]["problem"] == "waybill needs RELOAD on s1b", 20, "the problem is told")
    stand.wait_until(lambda: "waybill needs RELOAD on s1c" in events(stand), 20, "... of the other replica, too")
    stand.wait_until(lambda: primary(stand) == "s1a", 20, "s1a is the primary")


def test_promotion_without_privilege_changes_nothing(stand):
    stand.cluster("kill", "s1/s1a")
    stand.wait_until(lambda: "failover of s1a refused: waybill needs RELOAD on s1" in events(stand), 20, "the refusal is told")
    time.sleep(2)  # it is tried again, and again
    for server in ("s1b", "s1c"):
        root = stand.root(server)
        assert epochs(root) == [], f"{server}: {epochs(root)}"
        status = replication(root)
        assert status["Slave_SQL_Running"] == "Yes" and status["Slave_IO_Running"] != "No", status
        assert root.query("SELECT @@read_only").rows[0][0] == "1"
    assert servers(stand)["s1a"]["role"] == "detached"  # it takes no writes, so it is no primary
    stand.cluster("start", "s1/s1a")
    stand.wait_until(lambda: primary(stand) == "s1a", 20, "the old primary is opened again")
    stand.wait_until(lambda: stand.try_query("SELECT 1"), 10, "waybill answers")


def test_one_with_the_privilege_is_promoted(stand):
    stand.wait_until(lambda: all(row["fit"] == "yes" for row in servers(stand).values() if row["role"] == "replica"), 10, "fit")
    locally(stand.root("s1c"), "GRANT RELOAD ON *.* TO waybill@'%'")
    stand.wait_until(lambda: servers(stand)["s1c"]["problem"] == "", 20, "the grant is seen")
    stand.cluster("kill", "s1/s1a")
    stand.wait_until(lambda: primary(stand) == "s1c", 20, "the one that may be promoted is")
    assert epochs(stand.root("s1c")) == [("1", "s1c")]
    stand.wait_until(lambda: stand.admin("SHOW SHARDS")[0]["replicas"] == "1", 10, "the other one follows it")


def test_begun_promotion_is_finished(stand):
    """waybill ended between the epoch's row and the opening, and the old primary is back before it."""
    locally(stand.root("s1b"), "GRANT RELOAD ON *.* TO waybill@'%'")
    stand.wait_until(lambda: servers(stand)["s1b"]["problem"] == "" and servers(stand)["s1b"]["fit"] == "yes", 20, "s1b is fit")
    stand.cluster("waybill", "stop")
    stand.cluster("kill", "s1/s1c")
    root = stand.root("s1b")
    root.query("STOP SLAVE")
    cut = root.query("SELECT @@gtid_slave_pos").rows[0][0]
    root.query(f"INSERT INTO waybill.topology VALUES ('s1', 2, 's1b', @@server_id, '{cut}', NOW(3))")
    stand.cluster("start", "s1/s1c")
    stand.start_waybill()
    stand.wait_until(lambda: stand.admin("SHOW SHARDS")[0]["epoch"] == "2", 20, "the epoch is seen")
    stand.cluster("start", "s1/s1a")
    stand.wait_until(lambda: primary(stand) == "s1b", 20, "the promotion is finished")
    assert epochs(root) == [("1", "s1c"), ("2", "s1b")]
    assert replication(root) == {}
    time.sleep(1)
    assert servers(stand)["s1c"]["role"] in ("detached", "replica")
    assert stand.root("s1c").query("SELECT @@read_only").rows[0][0] == "1"
    stand.client().query("CREATE TABLE after_it (id INT PRIMARY KEY)")


def test_nobody_else_can_be_led(stand):
    """s1c may not be promoted, nor does it let itself be led to s1b: nobody would have what s1b acknowledges."""
    stand.stop()
    stand.start()
    stand.wait_until(lambda: all(row["fit"] == "yes" for row in servers(stand).values() if row["role"] == "replica"), 20, "fit")
    locally(stand.root("s1c"), "REVOKE ALL PRIVILEGES, GRANT OPTION FROM waybill@'%'",
            "GRANT SLAVE MONITOR, REPLICATION SLAVE ADMIN, READ_ONLY ADMIN, RELOAD, PROCESS, CONNECTION ADMIN ON *.* TO waybill@'%'",
            "GRANT CREATE, SELECT, INSERT, UPDATE, DELETE ON waybill.* TO waybill@'%'")
    stand.cluster("kill", "s1/s1a")
    stand.wait_until(lambda: "no other replica can be led to s1b" in events(stand), 30, lambda: events(stand))
    assert "s1c can't be led to it: " in events(stand), events(stand)
    for server in ("s1b", "s1c"):
        assert epochs(stand.root(server)) == [] and stand.root(server).query("SELECT @@read_only").rows[0][0] == "1"
    stand.cluster("start", "s1/s1a")
    stand.wait_until(lambda: primary(stand) == "s1a", 30, "the old primary is opened again")
    stand.wait_until(lambda: [row["role"] for row in servers(stand).values()] == ["primary", "replica", "replica"], 20, "replicas")


def test_replication_account_that_cannot_connect(stand):
    """Found out before the epoch is written, and put back."""
    stand.stop()
    stand.start()
    stand.wait_until(lambda: all(row["fit"] == "yes" for row in servers(stand).values() if row["role"] == "replica"), 20, "fit")
    for server in ("s1b", "s1c"):
        locally(stand.root(server), "DROP USER repl@'%'")
    stand.cluster("kill", "s1/s1a")
    stand.wait_until(lambda: "can receive from" in events(stand), 30, "the refusal is told")
    stand.cluster("start", "s1/s1a")
    stand.wait_until(lambda: primary(stand) == "s1a", 30, "the old primary is opened again")
    stand.wait_until(lambda: [row["role"] for row in servers(stand).values()] == ["primary", "replica", "replica"], 20, "replicas")
    for server in ("s1b", "s1c"):
        assert epochs(stand.root(server)) == []
    stand.wait_until(lambda: all(row["fit"] == "yes" for row in servers(stand).values() if row["role"] == "replica"), 20, "fit again")
    assert stand.admin("SHOW SHARDS")[0]["state"] == "ok"


def behind(stand, count):
    """Both replicas have received so many rows that they have not applied; the positions up to which they have received."""
    stand.stop()
    stand.start()
    stand.wait_until(lambda: all(row["fit"] == "yes" for row in servers(stand).values() if row["role"] == "replica"), 20, "fit")
    client = stand.client()
    client.query("CREATE TABLE received (id INT PRIMARY KEY)")
    roots = {server: stand.root(server) for server in ("s1b", "s1c")}
    stand.wait_until(lambda: all(root.query("SELECT @@gtid_slave_pos").rows == stand.root("s1a").query("SELECT @@gtid_binlog_pos").rows for root in roots.values()),
                     20, "the replicas have the table")
    for root in roots.values():
        root.query("STOP SLAVE SQL_THREAD")
    for number in range(count):
        stand.root("s1a").query(f"INSERT INTO shop.received VALUES ({number})")
    position = stand.root("s1a").query("SELECT @@gtid_binlog_pos").rows[0][0]
    stand.wait_until(lambda: all(replication(root)["Gtid_IO_Pos"].split("-")[2] >= position.split("-")[2] for root in roots.values()), 20, "received")
    return roots


def test_what_was_received_is_not_thrown_away(stand):
    """MariaDB does that when it starts a replica whose threads were both stopped."""
    behind(stand, 20)
    stand.cluster("kill", "s1/s1a")
    stand.wait_until(lambda: primary(stand) in ("s1b", "s1c"), 30, "a replica is promoted")
    assert stand.client().query("/* waybill: primary */ SELECT COUNT(*) FROM received").rows[0][0] == "20"


def test_nor_where_nobody_receives_any_more(stand):
    roots = behind(stand, 20)
    stand.cluster("waybill", "stop")
    stand.cluster("kill", "s1/s1a")
    for root in roots.values():
        root.query("STOP SLAVE")
    stand.start_waybill()
    stand.wait_until(lambda: primary(stand) in ("s1b", "s1c"), 30, "a replica is promoted")
    assert "is stopped: relay." in events(stand)
    assert stand.client().query("/* waybill: primary */ SELECT COUNT(*) FROM received").rows[0][0] == "20"


def test_nor_where_it_can_not_be_applied(stand):
    """It is left as it is, with both threads stopped, and applied from there when it can be."""
    roots = behind(stand, 20)
    for root in roots.values():
        root.query("SET GLOBAL read_only = 0")
        locally(root, "INSERT INTO shop.received VALUES (5)")
        root.query("SET GLOBAL read_only = 1")
    stand.cluster("kill", "s1/s1a")
    stand.wait_until(lambda: "has stopped to apply what it received" in events(stand), 30, "it is refused")
    time.sleep(1.5)  # again, and again
    assert primary(stand) in (None, ""), primary(stand)
    for server, root in roots.items():
        assert replication(root)["Gtid_IO_Pos"] != root.query("SELECT @@gtid_slave_pos").rows[0][0], f"{server} has thrown it away"
        locally(root, "DELETE FROM shop.received WHERE id = 5")
    stand.wait_until(lambda: primary(stand) in ("s1b", "s1c"), 30, "one is promoted")
    assert stand.client().query("/* waybill: primary */ SELECT COUNT(*) FROM received").rows[0][0] == "20"
    stand.cluster("start", "s1/s1a")
    stand.wait_until(lambda: [row["fit"] for row in servers(stand).values()].count("yes") == 2, 30, "all replicate again")
    for server in servers(stand):
        stand.wait_until(lambda: stand.root(server).query("SELECT COUNT(*) FROM shop.received").rows[0][0] == "20", 20, f"{server} has all of it")


def test_who_was_started_anew_may_have_lost_something(stand):
    """What it had received and not applied: it would ask its primary for it, which is dead."""
    behind(stand, 20)
    for server in ("s1b", "s1c", "s1a"):
        os.kill(stand.pid(server), signal.SIGKILL)
    for server in ("s1b", "s1c"):
        stand.cluster("start", f"s1/{server}")
    stand.wait_until(lambda: " was started anew, and had perhaps received" in events(stand), 30, "it is refused")
    time.sleep(1.5)  # again, and again
    assert primary(stand) in (None, ""), primary(stand)
    stand.cluster("start", "s1/s1a")
    stand.wait_until(lambda: primary(stand) == "s1a", 30, "the old primary is opened again")
    stand.wait_until(lambda: [row["fit"] for row in servers(stand).values()].count("yes") == 2, 30, "all replicate again")
    stand.cluster("kill", "s1/s1a")
    stand.wait_until(lambda: primary(stand) in ("s1b", "s1c"), 30, "they have it all now")
    assert stand.client().query("/* waybill: primary */ SELECT COUNT(*) FROM received").rows[0][0] == "20"
