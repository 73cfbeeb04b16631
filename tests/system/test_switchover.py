"""A planned change of a primary: nobody's statement fails for it, and what can't be done changes nothing. An old primary that
comes back becomes a replica by itself, unless it has something that was never acknowledged."""

import os
import threading
import time

import test_reload
import wire
from test_failover import prepare, primary_of

CLUSTER = {"shards": 1, "replicas": 2, "relaxed": False, "settings": "switchover_grace_ms = 1500\n"}


def servers(stand):
    return {row["server"]: row for row in stand.admin("SHOW SERVERS")}


def other_than(stand, *names):
    return next(name for name in ("s1a", "s1b", "s1c") if name not in names)


def settled(stand, primary):
    """All is as it should be: one primary, two fit replicas of it."""
    stand.wait_until(lambda: primary_of(stand, "s1") == primary and
                     all(row["role"] == "replica" and row["fit"] == "yes" for name, row in servers(stand).items() if name != primary),
                     20, f"{primary} is the primary and the others follow")


def refused(stand, command):
    try:
        answer = stand.admin(command)
    except wire.ServerError as error:
        return str(error)
    raise AssertionError(f"{command} was not refused: {answer}")


def test_nothing_fails_under_load(stand):
    prepare(stand)
    settled(stand, "s1a")
    ledger = os.path.join(stand.directory, "ledger")
    result = {}
    load = threading.Thread(target=lambda: result.update(
        zip(("code", "figures", "complaint"), stand.orders("place", "--seconds", "9", "--clients", "16", "--users", "500", "--ledger", ledger))))
    load.start()
    time.sleep(1.5)
    for to in ("s1b", "s1c", "s1a"):
        stand.admin(f"SWITCHOVER SHARD s1 TO {to}")
        assert primary_of(stand, "s1") == to
        settled(stand, to)
    load.join()
    figures = result["figures"]
    assert figures["errors"] == "0" and figures["unknown"] == "0", figures
    code, checked, complaint = stand.orders("verify", "--ledger", ledger)
    assert code == 0 and checked["missing"] == "0" and int(checked["checked"]) > 100, f"{checked} {complaint}"
    for name in ("s1b", "s1c"):
        root = stand.root(name)
        assert root.query("SELECT @@read_only").rows[0][0] == "1"


def test_waybill_chooses(stand):
    before = primary_of(stand, "s1")
    settled(stand, before)
    stand.admin("SWITCHOVER SHARD s1")
    now = primary_of(stand, "s1")
    assert now != before and now in ("s1a", "s1b", "s1c")
    settled(stand, now)


def begin_switchover(stand):
    """In a thread of its own; the shard is closed when this returns."""
    began = len([row for row in stand.admin("SHOW EVENTS") if "new statements wait" in row["event"]])
    outcome = {}

    def run():
        try:
            outcome["answer"] = stand.admin("SWITCHOVER SHARD s1")
        except wire.ServerError as error:
            outcome["error"] = str(error)
    thread = threading.Thread(target=run)
    thread.start()
    stand.wait_until(lambda: len([row for row in stand.admin("SHOW EVENTS") if "new statements wait" in row["event"]]) > began, 10,
                     "the shard is closed")
    return thread, outcome


def test_open_transactions_may_end(stand):
    prepare(stand)
    before = primary_of(stand, "s1")
    settled(stand, before)
    busy, new = stand.client(), stand.client()
    busy.query("BEGIN")
    busy.query("UPDATE users SET name = 'in time' WHERE buyer_id = 1")
    thread, outcome = begin_switchover(stand)
    held = {}
    writer = threading.Thread(target=lambda: held.update(answer=new.query("UPDATE users SET name = 'held' WHERE buyer_id = 2")))
    writer.start()
    time.sleep(0.2)
    assert not held, "a new statement should wait while the shard is closed"
    busy.query("UPDATE users SET email = 'in@time' WHERE buyer_id = 1")
    busy.query("COMMIT")
    thread.join()
    writer.join()
    assert "error" not in outcome, outcome
    now = primary_of(stand, "s1")
    assert now != before
    rows = stand.root(now).query("SELECT name FROM shop.users WHERE buyer_id IN (1, 2) ORDER BY buyer_id").rows
    assert [row[0] for row in rows] == ["in time", "held"], rows
    settled(stand, now)


def test_longer_ones_are_rolled_back(stand):
    prepare(stand)
    settled(stand, primary_of(stand, "s1"))
    busy, bound = stand.client(), stand.client()
    name = busy.query("/* waybill: primary */ SELECT name FROM users WHERE buyer_id = 1").rows[0][0]
    busy.query("BEGIN")
    busy.query("UPDATE users SET name = 'too late' WHERE buyer_id = 1")
    bound.query("CREATE TEMPORARY TABLE mine (a INT)")
    thread, outcome = begin_switchover(stand)
    thread.join()
    assert "error" not in outcome, outcome
    try:
        busy.query("COMMIT")
        raise AssertionError("the transaction should be lost")
    except wire.ServerError as error:
        assert error.code == 1213, error
    assert busy.query("SELECT name FROM users WHERE buyer_id = 1").rows[0][0] == name
    busy.query("UPDATE users SET name = 'again' WHERE buyer_id = 1")
    try:
        bound.query("INSERT INTO mine VALUES (1)")
        raise AssertionError("the session was bound to the old primary")
    except (wire.ServerError, wire.ConnectionLost, OSError) as error:
        assert "read-only" not in str(error), error
    settled(stand, primary_of(stand, "s1"))


def test_refusals_change_nothing(stand):
    primary = primary_of(stand, "s1")
    settled(stand, primary)
    replica = other_than(stand, primary)
    assert "no shard 's7'" in refused(stand, "SWITCHOVER SHARD s7")
    assert "no server 'nobody'" in refused(stand, "SWITCHOVER SHARD s1 TO nobody")
    assert "is the primary" in refused(stand, f"SWITCHOVER SHARD s1 TO {primary}")
    assert "SWITCHOVER SHARD shard" in refused(stand, "SWITCHOVER SHARD s1 s1b")
    stand.root(replica).query("STOP SLAVE SQL_THREAD")
    try:
        assert "is stopped" in refused(stand, f"SWITCHOVER SHARD s1 TO {replica}")
    finally:
        stand.root(replica).query("START SLAVE SQL_THREAD")
    settled(stand, primary)


def test_put_back(stand):
    """Nobody can replicate from the new one: the old one takes writes again, and what waited goes on there."""
    prepare(stand)
    primary = primary_of(stand, "s1")
    settled(stand, primary)
    root = stand.root(primary)
    client = stand.client()
    root.query("SET PASSWORD FOR repl@'%' = PASSWORD('changed')")
    try:
        thread, outcome = begin_switchover(stand)
        held = threading.Thread(target=lambda: client.query("UPDATE users SET name = 'put back' WHERE buyer_id = 3"))
        held.start()
        thread.join()
        assert "can receive from" in outcome.get("error", ""), outcome
        assert primary_of(stand, "s1") == primary
    finally:
        root.query("SET GLOBAL rpl_semi_sync_master_enabled = 0")
        root.query("SET PASSWORD FOR repl@'%' = PASSWORD('repl_pw')")
        root.query("SET GLOBAL rpl_semi_sync_master_enabled = 1")
    held.join()
    settled(stand, primary)
    assert stand.root(primary).query("SELECT name FROM shop.users WHERE buyer_id = 3").rows[0][0] == "put back"


def test_who_may_be_promoted(stand):
    """`promote` of the servers: one is preferred, another one is never taken, not even by name."""
    primary = primary_of(stand, "s1")
    settled(stand, primary)
    others = [name for name in ("s1a", "s1b", "s1c") if name != primary]
    whole = test_reload.read(stand)
    try:
        for never, preferred in (others, others[::-1]):
            text = whole.replace(f"[server {never}]\n", f"[server {never}]\npromote = never\n")
            test_reload.write(stand, text.replace(f"[server {preferred}]\n", f"[server {preferred}]\npromote = prefer\n"))
            test_reload.reload(stand)
            assert "promote = never" in refused(stand, f"SWITCHOVER SHARD s1 TO {never}")
            stand.admin("SWITCHOVER SHARD s1")
            assert primary_of(stand, "s1") == preferred
            settled(stand, preferred)
            stand.admin(f"SWITCHOVER SHARD s1 TO {primary}")
            settled(stand, primary)
    finally:
        test_reload.write(stand, whole)
        test_reload.reload(stand)


def test_zones(stand):
    """Reads go to the replica of waybill's own zone, and the new primary is in the zone of the old one."""
    prepare(stand)
    primary = primary_of(stand, "s1")
    settled(stand, primary)
    whole = test_reload.read(stand)
    reads = lambda: {name: int(row["reads"]) for name, row in servers(stand).items()}
    try:
        for near in [name for name in ("s1a", "s1b", "s1c") if name != primary]:
            text = whole.replace("[waybill]\n", "[waybill]\nmax_lag_ms = 60000\nzone = here\n", 1)
            for name in (near, primary):
                text = text.replace(f"[server {name}]\n", f"[server {name}]\nzone = here\n")
            test_reload.write(stand, text)
            test_reload.reload(stand)
            settled(stand, primary)
            before, client = reads(), stand.client()
            for buyer in range(1, 31):
                client.query(f"SELECT COUNT(*) FROM orders WHERE buyer_id = {buyer}")
            after, far = reads(), other_than(stand, near, primary)
            assert after[near] == before[near] + 30 and after[far] == before[far], (near, before, after)
            stand.admin("SWITCHOVER SHARD s1")
            assert primary_of(stand, "s1") == near
            settled(stand, near)
            stand.admin(f"SWITCHOVER SHARD s1 TO {primary}")
            settled(stand, primary)
    finally:
        test_reload.write(stand, whole)
        test_reload.reload(stand)


def test_maintenance(stand):
    """A rolling restart: the primary is replaced first; who is in maintenance serves no reads, and is promoted only if it
    alone has everything (of two replicas either may have the last heartbeat)."""
    prepare(stand)
    settled(stand, primary_of(stand, "s1"))
    old = primary_of(stand, "s1")
    assert "there is no server 's7'" in refused(stand, "MAINTAIN SERVER s7")
    stand.admin(f"MAINTAIN SERVER {old}")
    new = primary_of(stand, "s1")
    third = other_than(stand, old, new)
    assert new not in ("", old)
    stand.wait_until(lambda: servers(stand)[old]["state"] == "maintained" and servers(stand)[third]["fit"] == "yes", 20, lambda: servers(stand))
    assert f"{old} is in maintenance" in refused(stand, f"SWITCHOVER SHARD s1 TO {old}")
    stand.cluster("stop", f"s1/{old}")
    stand.wait_until(lambda: servers(stand)[old]["state"] == "maintained, down", 20, lambda: servers(stand))
    stand.cluster("start", f"s1/{old}")
    stand.cluster("waybill", "stop")
    stand.start_waybill()  # (it is kept on the servers)
    stand.wait_until(lambda: servers(stand)[old]["state"] == "maintained" and servers(stand)[old]["applying"] == "yes", 20, lambda: servers(stand))
    before = int(servers(stand)[old]["reads"])
    client = stand.client()
    for buyer in range(1, 41):
        client.query(f"SELECT COUNT(*) FROM orders WHERE buyer_id = {buyer}")
    assert servers(stand)[old]["fit"] == "no" and int(servers(stand)[old]["reads"]) == before
    stand.wait_until(lambda: servers(stand)[third]["fit"] == "yes", 20, "the third one is fit")
    stand.cluster("kill", f"s1/{new}")
    stand.wait_until(lambda: primary_of(stand, "s1") not in ("", new), 30, "a promotion")
    now = primary_of(stand, "s1")
    events = [row["event"] for row in stand.admin("SHOW EVENTS")]
    assert now == third or any(f"{old} is in maintenance, but no other server can be promoted" in event for event in events), events
    assert servers(stand)[old]["state"] == "maintained"
    stand.admin(f"RESUME SERVER {old}")
    stand.wait_until(lambda: servers(stand)[old]["state"] == "up", 20, lambda: servers(stand))
    stand.cluster("start", f"s1/{new}")
    settled(stand, now)


def test_failover_by_hand(stand):
    """... to the one that may be promoted."""
    prepare(stand)
    old = primary_of(stand, "s1")
    settled(stand, old)
    whole = test_reload.read(stand)
    never, other = [name for name in ("s1a", "s1b", "s1c") if name != old]

    def is_said():
        return any(f"{old} is dead" in row["event"] for row in stand.admin("SHOW EVENTS")[-5:])
    try:
        text = whole.replace(f"[server {never}]\n", f"[server {never}]\npromote = never\n")
        test_reload.write(stand, text.replace("[waybill]\n", "[waybill]\nfailover = manual\n", 1))
        test_reload.reload(stand)
        assert "no primary of the shard is dead" in refused(stand, "FAILOVER SHARD s1")
        stand.cluster("kill", f"s1/{old}")
        stand.wait_until(is_said, 20, "it is said to be dead")
        time.sleep(1)
        assert primary_of(stand, "s1") in ("", None, "-")
        stand.admin("FAILOVER SHARD s1")
        assert primary_of(stand, "s1") == other
    finally:
        test_reload.write(stand, whole)
        test_reload.reload(stand)
    stand.cluster("start", f"s1/{old}")
    settled(stand, primary_of(stand, "s1"))


def test_the_hook_is_told(stand):
    """... with its facts in the environment, and nobody waits for it."""
    old = primary_of(stand, "s1")
    settled(stand, old)
    whole = test_reload.read(stand)
    program, told = os.path.join(stand.directory, "hook.sh"), os.path.join(stand.directory, "told")
    with open(program, "w") as out:
        out.write(f"#!/bin/sh\nls /proc/self/fd | wc -l >> {told}.fds\necho $WAYBILL_EVENT $WAYBILL_SHARD $WAYBILL_SERVER $WAYBILL_BEFORE >> {told}\nsleep 0.2\n")
    os.chmod(program, 0o755)
    try:
        test_reload.write(stand, whole.replace("[waybill]\n", f"[waybill]\nhook = {program}\n", 1))
        test_reload.reload(stand)
        stand.admin("SWITCHOVER SHARD s1")
        new = primary_of(stand, "s1")

        def lines():
            with open(told) as file:
                return file.read().split("\n")
        expected = {f"primary s1 {new} {old}", f"switchover_done s1 {old}"}
        stand.wait_until(lambda: os.path.exists(told) and expected <= {line.strip() for line in lines()}, 10, lambda: f"{expected}, not {lines()}")
        with open(told + ".fds") as file:
            assert {int(line) for line in file} == {4}, "standard input, output and error, and what ls opens"
        test_reload.write(stand, whole.replace("[waybill]\n", "[waybill]\nhook = /nowhere\n", 1))
        test_reload.reload(stand)
        settled(stand, new)
        stand.admin("SWITCHOVER SHARD s1")
        assert primary_of(stand, "s1") != new
    finally:
        test_reload.write(stand, whole)
        test_reload.reload(stand)
    settled(stand, primary_of(stand, "s1"))


def test_a_replica_that_a_waybill_left_stopped(stand):
    """... in the middle of a promotion that was then given up by its death: the next one that looks starts it. Not one that
    somebody else has stopped."""
    primary = primary_of(stand, "s1")
    settled(stand, primary)
    replica, other = [name for name in ("s1a", "s1b", "s1c") if name != primary]
    for name in (replica, other):
        stand.root(name).query("STOP SLAVE IO_THREAD")
    stand.root(replica).query("SET GLOBAL init_slave = 'DO 0 /* stopped by waybill */'")
    stand.wait_until(lambda: servers(stand)[replica]["receiving"] == "yes", 10, "it receives again")
    stand.wait_until(lambda: stand.root(replica).query("SELECT @@GLOBAL.init_slave").rows == [("",)], 5, "the mark is gone")
    time.sleep(0.6)
    assert servers(stand)[other]["receiving"] == "no"
    stand.root(other).query("START SLAVE")
    settled(stand, primary)


def test_a_follower_that_a_cut_promotion_left_in_a_chain(stand):
    """A waybill that was killed after it had led the old primary to the new one, and before all others: who still follows the
    old primary is marked, and the next waybill leads it on. A chain that somebody has made is left alone."""
    primary = primary_of(stand, "s1")
    settled(stand, primary)
    old, left = [name for name in ("s1a", "s1b", "s1c") if name != primary]
    root = stand.root(left)
    root.query("STOP SLAVE")
    root.query(f"CHANGE MASTER TO MASTER_PORT = {stand.values[f'WAYBILL_{old.upper()}_PORT']}, MASTER_USE_GTID = slave_pos")
    root.query("START SLAVE")
    stand.wait_until(lambda: (servers(stand)[left]["source"], servers(stand)[left]["role"]) == (old, "replica"), 10, "a chain")
    held = time.monotonic() + 0.6
    stand.wait_until(lambda: servers(stand)[left]["source"] != old or time.monotonic() > held, 5, "some rounds of probes")
    assert servers(stand)[left]["source"] == old, "it is left alone"
    root.query("SET GLOBAL init_slave = 'DO 0 /* stopped by waybill */'")
    stand.wait_until(lambda: servers(stand)[left]["source"] == primary, 15, lambda: [row["event"] for row in stand.admin("SHOW EVENTS")][-8:])
    settled(stand, primary)
    stand.wait_until(lambda: root.query("SELECT @@GLOBAL.init_slave").rows == [("",)], 5, "the mark is gone")


def set_delay(stand, name, seconds):
    root = stand.root(name)
    for sql in ("STOP SLAVE", f"CHANGE MASTER TO MASTER_DELAY = {seconds}", "START SLAVE"):
        root.query(sql)


def test_a_delayed_replica_takes_over_from_nobody(stand):
    prepare(stand)
    primary = primary_of(stand, "s1")
    settled(stand, primary)
    delayed = other_than(stand, primary)
    try:
        set_delay(stand, delayed, 3600)
        stand.wait_until(lambda: "MASTER_DELAY" in (servers(stand)[delayed]["problem"] or ""), 20, "its delay is told")
        assert "applies with a delay of 3600 s" in refused(stand, f"SWITCHOVER SHARD s1 TO {delayed}")
        stand.admin("SWITCHOVER SHARD s1")
        assert primary_of(stand, "s1") == other_than(stand, primary, delayed)
    finally:
        set_delay(stand, delayed, 0)
    settled(stand, primary_of(stand, "s1"))


def test_old_primary_rejoins(stand):
    prepare(stand)
    old = primary_of(stand, "s1")
    settled(stand, old)
    stand.cluster("kill", f"s1/{old}")
    stand.wait_until(lambda: primary_of(stand, "s1") not in (old, "", None, "-"), 20, "a replica is promoted")
    stand.client().query("UPDATE users SET name = 'meanwhile' WHERE buyer_id = 4")
    stand.cluster("start", f"s1/{old}")
    settled(stand, primary_of(stand, "s1"))
    stand.wait_until(lambda: stand.root(old).query("SELECT name FROM shop.users WHERE buyer_id = 4").rows[0][0] == "meanwhile", 10,
                     "the old primary has what was written meanwhile")


def test_one_with_more_does_not(stand):
    """What only the old primary has was never acknowledged: it is not lost silently."""
    prepare(stand)
    old = primary_of(stand, "s1")
    settled(stand, old)
    stand.cluster("kill", f"s1/{old}")
    stand.wait_until(lambda: primary_of(stand, "s1") not in (old, "", None, "-"), 20, "a replica is promoted")
    stand.cluster("waybill", "stop")
    stand.cluster("start", f"s1/{old}")
    root = stand.root(old)
    root.query("CREATE TABLE shop.never_acknowledged (a INT)")
    stand.start_waybill()
    stand.wait_until(lambda: any("rejoin of" in row["event"] and "never acknowledged" in row["event"] and old in row["event"] for row in stand.admin("SHOW EVENTS")), 20,
                     "an event says what it has")
    assert servers(stand)[old]["role"] == "detached"
    assert root.query("SHOW TABLES FROM shop LIKE 'never_acknowledged'").rows
