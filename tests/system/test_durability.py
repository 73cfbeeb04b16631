"""What an acknowledged write is worth is shown, and a failover says when some may be lost."""

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


def test_failover_says_what_may_be_lost(stand):
    stand.root("s1a").query("SET GLOBAL rpl_semi_sync_master_enabled = 0")
    stand.wait_until(lambda: shard(stand)["durability"] == "none", 20, "it is seen")
    stand.cluster("kill", "s1/s1a")
    stand.wait_until(lambda: shard(stand)["primary"] in ("s1b", "s1c"), 20, "a promotion")
    assert "s1a did not wait for acknowledgements: writes may be lost" in events(stand), events(stand)
    stand.wait_until(lambda: shard(stand)["durability"] == "semi_sync", 20, "the new primary waits")
    root = stand.root(shard(stand)["primary"])
    stand.wait_until(lambda: root.query("SELECT text FROM waybill.event").rows, 10, "the event is written")
    assert "writes may be lost" in root.query("SELECT text FROM waybill.event").rows[0][0]
    assert "does not wait" not in events(stand).split("takes writes")[-1], events(stand)
