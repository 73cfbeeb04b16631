"""What an acknowledged write is worth is shown; a failover that may lose one is refused, or says so."""

import os
import re
import subprocess
import urllib.request

CLUSTER = {"shards": 1, "replicas": 2}


def shard(stand):
    return stand.admin("SHOW SHARDS")[0]


def events(stand):
    return "\n".join(row["event"] for row in stand.admin("SHOW EVENTS"))


def test_semi_sync_is_shown(stand):
    stand.wait_until(lambda: shard(stand)["durability"] == "semi_sync", 20, "semi-sync is seen")
    assert "does not wait" not in events(stand)


def test_fall_back_is_told(stand):
    """The primary's timeout is over: it goes on without its replicas."""
    root = stand.root("s1a")
    root.query("SET GLOBAL rpl_semi_sync_master_timeout = 100")
    for replica in ("s1b", "s1c"):
        stand.root(replica).query("STOP SLAVE IO_THREAD")
    root.query("CREATE DATABASE IF NOT EXISTS fallen_back")
    stand.wait_until(lambda: shard(stand)["durability"] == "none", 20, "the fall-back is seen")
    assert "shard s1: s1a does not wait for acknowledgements" in events(stand)
    for replica in ("s1b", "s1c"):
        stand.root(replica).query("START SLAVE IO_THREAD")
    stand.wait_until(lambda: shard(stand)["durability"] == "semi_sync", 20, "semi-sync is back")
    assert "s1a waits for acknowledgements again" in events(stand)


def metric(stand, name):
    with urllib.request.urlopen(f"http://127.0.0.1:{stand.values['WAYBILL_HTTP_PORT']}/metrics") as page:
        return next(line.split()[-1] for line in page.read().decode().splitlines() if line.startswith(name + "{"))


def check_live(stand):
    program = os.environ.get("WAYBILL_BIN", "build/waybill")
    done = subprocess.run([program, "--check", "--live", os.path.join(stand.directory, "waybill.ini")], capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def test_settings_that_break_the_promise(stand):
    """The cluster is a relaxed one, and s1a has a timeout of the test before."""
    assert shard(stand)["promise"] == "semi_sync"
    weakness = "s1a: rpl_semi_sync_master_timeout = 100 (4294967295), sync_binlog = 0 (1), innodb_flush_log_at_trx_commit = 2 (1)"
    stand.wait_until(lambda: shard(stand)["weakness"] == weakness, 20, lambda: shard(stand))
    assert "shard s1: durability = semi_sync can't be kept for sure: s1a: sync_binlog = 0 (1)" in events(stand)
    assert metric(stand, "waybill_shard_durable") == "0"
    code, text = check_live(stand)
    assert code == 1 and weakness in text and "s1b: sync_binlog = 0 (1)" in text, text
    for server in ("s1a", "s1b", "s1c"):
        stand.root(server).query("SET GLOBAL sync_binlog = 1, innodb_flush_log_at_trx_commit = 1, rpl_semi_sync_master_timeout = 4294967295")
    stand.wait_until(lambda: shard(stand)["weakness"] == "", 20, lambda: shard(stand))
    assert "shard s1: all settings keep durability = semi_sync" in events(stand)
    stand.wait_until(lambda: metric(stand, "waybill_shard_durable") == "1", 10, "the metric says so")
    code, text = check_live(stand)
    assert code == 0 and "s1c: fine: " in text, text


def test_a_replica_that_is_not_configured_is_told(stand):
    path = os.path.join(stand.directory, "waybill.ini")
    with open(path) as conf:
        whole = conf.read()
    less = re.sub(r"\[server s1c\]\n(?:[^\[\n].*\n)+", "", whole).replace("servers = s1a, s1b, s1c", "servers = s1a, s1b")
    told = "not in the configuration, but replicates from s1a: server_id 103 (127.0.0.1:"
    assert len(less) < len(whole) and told not in events(stand)
    for text, event in ((less, told), (whole, "all that replicate from s1a are servers of the shard")):
        with open(path, "w") as conf:
            conf.write(text)
        stand.admin("RELOAD")
        stand.wait_until(lambda: event in events(stand), 20, lambda: events(stand))


def test_what_may_be_lost_is_refused_or_said(stand):
    stand.root("s1a").query("SET GLOBAL rpl_semi_sync_master_enabled = 0")
    stand.wait_until(lambda: shard(stand)["durability"] == "none", 20, "it is seen")
    stand.cluster("kill", "s1/s1a")
    refusal = "failover of s1a refused: s1a did not wait for acknowledgements: what it acknowledged may be on it alone"
    stand.wait_until(lambda: refusal in events(stand), 20, "the refusal")
    code, text = check_live(stand)
    assert code == 1 and "s1a: " in text, text
    path = os.path.join(stand.directory, "waybill.ini")
    with open(path) as conf:
        best_effort = conf.read().replace("[shard s1]\n", "[shard s1]\ndurability = best_effort\n")
    with open(path, "w") as conf:
        conf.write(best_effort)
    stand.admin("RELOAD")
    stand.wait_until(lambda: shard(stand)["primary"] in ("s1b", "s1c"), 20, "a promotion")
    assert "s1a did not wait for acknowledgements: writes may be lost" in events(stand), events(stand)
    stand.wait_until(lambda: shard(stand)["durability"] == "semi_sync", 20, "the new primary waits")
    root = stand.root(shard(stand)["primary"])
    stand.wait_until(lambda: root.query("SELECT text FROM waybill.event").rows, 10, "the event is written")
    assert "writes may be lost" in root.query("SELECT text FROM waybill.event").rows[0][0]
    assert "does not wait" not in events(stand).split("takes writes")[-1], events(stand)


def edit(stand, old, new):
    path = os.path.join(stand.directory, "waybill.ini")
    with open(path) as conf:
        text = conf.read()
    assert old in text, text
    with open(path, "w") as conf:
        conf.write(text.replace(old, new, 1))


def whole_again(stand):
    """All three are there, and the promise of the primary is on its replicas. The primary, and they."""
    for server in ("s1a", "s1b", "s1c"):
        stand.cluster("start", f"s1/{server}", check=False)
    stand.wait_until(lambda: shard(stand)["durability"] == "semi_sync" and shard(stand)["fit_replicas"] == "2", 40, lambda: (shard(stand), events(stand)))
    primary = shard(stand)["primary"]
    return primary, [server for server in ("s1a", "s1b", "s1c") if server != primary]


def promised(stand, server):
    rows = stand.root(server).query("SELECT primary_name, waits, COALESCE((SELECT MAX(epoch) FROM waybill.topology), 0) - epoch FROM waybill.promise").rows
    return [tuple(row) for row in rows]


def has_had_it_since_its_start(stand, replica):
    """(One that was started later than that may have lost what it had received.)"""
    root = stand.root(replica)
    age = int(root.query("SELECT TIMESTAMPDIFF(SECOND, MAX(at), UTC_TIMESTAMP(6)) FROM waybill.promise").rows[0][0])
    return age + 4 < int(root.query("SHOW GLOBAL STATUS LIKE 'Uptime'").rows[0][1])


def test_a_promise_outlives_the_waybill_that_saw_it(stand):
    """Primary and waybill are gone. The next waybill never saw that primary, but its replicas have what it promised."""
    primary, replicas = whole_again(stand)
    for replica in replicas:
        stand.wait_until(lambda: promised(stand, replica) == [(primary, "1", "0")], 20, lambda: promised(stand, replica))
        stand.wait_until(lambda: has_had_it_since_its_start(stand, replica), 20, "a promise is written after its start")
    stand.cluster("waybill", "stop")
    stand.cluster("kill", f"s1/{primary}")
    stand.settings = "promise_trust_ms = 0\n"
    stand.start_waybill()
    refusal = f"whether {primary} waited for acknowledgements was never seen, nor lately written down: what it acknowledged may be on it alone"
    stand.wait_until(lambda: refusal in events(stand), 30, lambda: events(stand))
    edit(stand, "promise_trust_ms = 0", "promise_trust_ms = 300000")
    stand.admin("RELOAD")
    stand.wait_until(lambda: shard(stand)["primary"] in replicas, 30, lambda: events(stand))
    assert f"{primary} waited for acknowledgements when proxy 0 looked last" in events(stand), events(stand)
    assert "may be lost" not in events(stand), events(stand)


def test_a_broken_promise_outlives_it_too(stand):
    primary, replicas = whole_again(stand)
    stand.root(primary).query("SET GLOBAL rpl_semi_sync_master_enabled = 0")
    for replica in replicas:
        stand.wait_until(lambda: promised(stand, replica) == [(primary, "0", "0")], 20, lambda: promised(stand, replica))
    stand.cluster("waybill", "stop")
    stand.cluster("kill", f"s1/{primary}")
    stand.start_waybill()
    stand.wait_until(lambda: f"failover of {primary} refused: {primary} did not wait for acknowledgements" in events(stand), 30, lambda: events(stand))
