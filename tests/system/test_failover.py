"""A primary dies under load: a replica is promoted, and every acknowledged order is there."""

import os
import threading
import time

import wire

CLUSTER = {"shards": 2, "replicas": 2, "relaxed": False}
SCHEMA = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "demo", "schema.sql")


def prepare(stand):
    client = stand.client(user="loader")
    with open(SCHEMA) as script:
        lines = [line for line in script if not line.startswith("--")]
    for statement in "".join(lines).split(";"):
        if statement.strip():
            client.query(statement.strip().replace("CREATE TABLE ", "CREATE TABLE IF NOT EXISTS "))
    if client.query("/* waybill: primary */ SELECT COUNT(*) FROM products").rows[0][0] == "0":
        code, _, complaint = stand.orders("fill", "--user", "loader", "--password", "loader_pw", "--users", "500")
        assert code == 0, complaint
    client.close()


def primary_of(stand, shard):
    return next(row["primary"] for row in stand.admin("SHOW SHARDS") if row["shard"] == shard)


def test_reads_go_to_replicas(stand):
    prepare(stand)
    client = stand.client()
    before = {row["server"]: int(row["reads"]) for row in stand.admin("SHOW SERVERS")}
    stand.wait_until(lambda: all(row["fit"] == "yes" for row in stand.admin("SHOW SERVERS") if row["role"] == "replica"), 10,
                     "every replica is fit")
    for buyer in range(1, 101):
        client.query(f"SELECT COUNT(*) FROM orders WHERE buyer_id = {buyer}")
    after = {row["server"]: int(row["reads"]) for row in stand.admin("SHOW SERVERS")}
    for replica in ("s1b", "s1c", "s2b", "s2c"):
        assert after[replica] > before[replica], f"no read went to {replica}: {before} {after}"
    for primary in ("s1a", "s2a"):
        assert after[primary] == before[primary], f"reads went to {primary}: {before} {after}"


def test_own_writes_are_read(stand):
    """Right after its own write a session reads it, however far the replicas are behind."""
    prepare(stand)
    roots = [stand.root(name) for name in ("s1b", "s1c", "s2b", "s2c")]
    for root in roots:
        root.query("STOP SLAVE SQL_THREAD")
    try:
        client = stand.client()
        for buyer in range(9001, 9021):
            client.query(f"INSERT INTO users (buyer_id, name, email, created_at) VALUES ({buyer}, 'mine', 'm@example.com', NOW(6))")
            rows = client.query(f"SELECT name FROM users WHERE buyer_id = {buyer}").rows
            assert rows == [("mine",)] or rows == [["mine"]], f"buyer {buyer}: {rows}"
    finally:
        for root in roots:
            root.query("START SLAVE SQL_THREAD")


def test_lagging_replica_serves_no_reads(stand):
    root = stand.root("s1b")
    root.query("STOP SLAVE SQL_THREAD")
    fit = lambda: next(row["fit"] for row in stand.admin("SHOW SERVERS") if row["server"] == "s1b")
    stand.wait_until(lambda: fit() == "no", 10, "s1b is taken out")
    root.query("START SLAVE SQL_THREAD")
    stand.wait_until(lambda: fit() == "yes", 10, "s1b is back")


def test_primary_killed_under_load(stand):
    prepare(stand)
    ledger = os.path.join(stand.directory, "ledger")
    victim = primary_of(stand, "s1")
    result = {}
    load = threading.Thread(target=lambda: result.update(
        zip(("code", "figures", "complaint"), stand.orders("place", "--seconds", "10", "--clients", "16", "--users", "500", "--ledger", ledger))))
    load.start()
    time.sleep(3)
    stand.cluster("kill", f"s1/{victim}")
    load.join()
    figures = result["figures"]
    assert primary_of(stand, "s1") not in (victim, "", "NULL"), stand.admin("SHOW SHARDS")
    assert float(figures["shard_1_longest_pause_ms"]) < 8000, figures
    code, checked, complaint = stand.orders("verify", "--ledger", ledger)
    assert code == 0 and checked["missing"] == "0" and int(checked["checked"]) > 100, f"{checked} {complaint}"
    # It goes on: orders are placed on both shards after the failover.
    code, figures, complaint = stand.orders("place", "--seconds", "2", "--clients", "4", "--users", "500", "--ledger", ledger)
    assert int(figures["shard_1_orders"]) > 0 and int(figures["shard_2_orders"]) > 0, figures


def test_old_primary_is_not_written(stand):
    """The killed server comes back: read-only, no write is sent to it, and it is no primary."""
    down = [row["server"] for row in stand.admin("SHOW SERVERS") if row["state"] != "up"]
    assert len(down) == 1, f"one server should be down: {down}"
    stand.cluster("start", f"s1/{down[0]}")
    state = lambda: next(row for row in stand.admin("SHOW SERVERS") if row["server"] == down[0])
    stand.wait_until(lambda: state()["state"] == "up", 15, "the old primary is seen")
    time.sleep(1)
    assert state()["role"] in ("detached", "replica"), state()  # (it may have something that was never acknowledged)
    before = int(state()["writes"])
    code, figures, _ = stand.orders("place", "--seconds", "1", "--clients", "4", "--users", "500")
    assert int(figures["acknowledged"]) > 0
    assert int(state()["writes"]) == before
    root = stand.root(down[0])
    assert root.query("SELECT @@read_only").rows[0][0] == "1"


def test_another_shard_does_not_wait(stand):
    """s1 is in the middle of a switchover, which gives an open transaction time: s2 fails over meanwhile."""
    prepare(stand)
    stand.settings = "switchover_grace_ms = 60000\n"
    with open(os.path.join(stand.directory, "waybill.ini"), "w") as out:
        out.write(stand.configuration())
    stand.admin("RELOAD")
    victim = primary_of(stand, "s2")
    fit = lambda shard: [row["server"] for row in stand.admin("SHOW SERVERS") if row["server"][:2] == shard and row["fit"] == "yes"]
    stand.wait_until(lambda: fit("s1") and len(fit("s2")) == 2, 20, "replicas are fit")
    on_s1 = next(row[0] for row in stand.root(primary_of(stand, "s1")).query("SELECT buyer_id FROM shop.users LIMIT 1").rows)
    busy = stand.client()
    busy.query("BEGIN")
    busy.query(f"UPDATE users SET name = 'busy' WHERE buyer_id = {on_s1}")
    outcome = []

    def change():
        admin = wire.Client(port=int(stand.values["WAYBILL_ADMIN_PORT"]), user=stand.values["WAYBILL_ADMIN_USER"],
                            password=stand.values["WAYBILL_ADMIN_PASSWORD"], timeout=90)
        outcome.append(admin.query("SWITCHOVER SHARD s1").rows)
    change = threading.Thread(target=change)
    change.start()
    stand.wait_until(lambda: any("new statements wait" in row["event"] for row in stand.admin("SHOW EVENTS")), 20, "s1 is closed")
    stand.cluster("kill", f"s2/{victim}")
    stand.wait_until(lambda: primary_of(stand, "s2") not in ("", victim), 30, "s2 has another primary")
    assert not outcome and primary_of(stand, "s1") == "", "the switchover of s1 is over"
    busy.query("COMMIT")
    change.join()
    assert outcome and primary_of(stand, "s1") != ""
    stand.cluster("start", f"s2/{victim}")
    stand.wait_until(lambda: len(fit("s2")) == 2, 20, "the killed server is a replica")


def test_promotion_refused_when_it_cannot_be_proven(stand):
    """Primary and one of its replicas gone: the other may lack acknowledged orders, so nobody is promoted. With that
    replica back, the other has what the primary wrote after its end."""
    victim = primary_of(stand, "s2")
    replica = next(name for name in ("s2b", "s2c", "s2a") if name != victim)
    remaining = next(name for name in ("s2a", "s2b", "s2c") if name not in (victim, replica))
    stand.cluster("kill", f"s2/{replica}")
    stand.wait_until(lambda: {row["server"]: row["state"] for row in stand.admin("SHOW SERVERS")}[replica] != "up", 20, "it is gone")
    beats = stand.root(remaining).query("SELECT * FROM waybill.heartbeat").rows
    stand.wait_until(lambda: stand.root(remaining).query("SELECT * FROM waybill.heartbeat").rows != beats, 20, "a heartbeat comes")
    time.sleep(0.5)  # and one that was not on its way
    stand.cluster("kill", f"s2/{victim}")
    time.sleep(5)
    assert primary_of(stand, "s2") in ("", None, "NULL", "-"), stand.admin("SHOW SHARDS")
    assert stand.root(remaining).query("SELECT @@read_only").rows[0][0] == "1"
    stand.cluster("start", f"s2/{replica}")
    stand.wait_until(lambda: primary_of(stand, "s2") in (replica, remaining), 30, "with both replicas there one is promoted")


def test_what_a_replica_had_before_it_was_made_to_receive_anew(stand):
    """Its mark says what it may have acknowledged alone: nobody is promoted who lacks it, until somebody takes the mark away."""
    stand.wait_until(lambda: next(row["fit_replicas"] for row in stand.admin("SHOW SHARDS") if row["shard"] == "s1") == "2", 40, "both follow")
    victim = primary_of(stand, "s1")
    replica = next(name for name in ("s1a", "s1b", "s1c") if name != victim)
    domain, server, number = stand.root(victim).query("SELECT @@gtid_binlog_pos").rows[0][0].split(",")[0].split("-")
    mark = f"DO 0 /* waybill: it had received {domain}-{server}-{int(number) + 1000000} */"
    stand.root(replica).query(f"SET GLOBAL init_slave = '{mark}'")
    stand.cluster("kill", f"s1/{victim}")
    stand.wait_until(lambda: any("was made to receive anew, and had received what nobody has now" in row["event"] for row in stand.admin("SHOW EVENTS")),
                     30, lambda: [row["event"] for row in stand.admin("SHOW EVENTS")][-10:])
    assert primary_of(stand, "s1") in ("", None), stand.admin("SHOW SHARDS")
    assert stand.root(replica).query("SELECT @@init_slave").rows[0][0] == mark, "the mark stays"
    stand.root(replica).query("SET GLOBAL init_slave = ''")
    stand.wait_until(lambda: primary_of(stand, "s1") not in ("", None, victim), 30, "one is promoted")
    stand.cluster("start", f"s1/{victim}")


def test_restart_of_waybill_finds_the_roles(stand):
    before = {row["shard"]: row["primary"] for row in stand.admin("SHOW SHARDS")}
    stand.cluster("waybill", "stop")
    stand.start_waybill()
    stand.wait_until(lambda: stand.try_query("SELECT 1"), 20, "waybill answers")
    stand.wait_until(lambda: {row["shard"]: row["primary"] for row in stand.admin("SHOW SHARDS")} == before, 15, "the same primaries")
    client = stand.client()
    client.query("UPDATE users SET name = 'x' WHERE buyer_id = 1")
    assert isinstance(client, wire.Client)
