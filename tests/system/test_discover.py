"""discover = on: a replica that is in no section is taken in when it holds what its shard holds, serves reads, counts in a
promotion as one that may have acknowledged, is never promoted, and is let go when it is gone."""

import re
import time

import test_failover
import test_reload

CLUSTER = {"shards": 2, "replicas": 2, "settings": "discover = on\n"}
OUTSIDE = "s1c"


def events(stand):
    return "\n".join(row["event"] for row in stand.admin("SHOW EVENTS"))


def server(stand, name):
    return next((row for row in stand.admin("SHOW SERVERS") if row["server"] == name), {})


def address(stand):
    return f"127.0.0.1:{stand.values[f'WAYBILL_{OUTSIDE.upper()}_PORT']}"


def found_name(stand):
    return address(stand).replace(":", "-")


def without(whole):
    """The configuration has it not."""
    text = re.sub(rf"\[server {OUTSIDE}\]\n(?:[^\[\n].*\n|\n)*", "", whole)
    return re.sub(rf"^(servers = .*?),\s*{OUTSIDE}\b", r"\1", text, flags=re.M)


def leave_out(stand):
    """It replicates on, and is in no section."""
    if not hasattr(stand, "whole_text"):
        stand.client(user="loader").query("CREATE TABLE IF NOT EXISTS kept (id INT PRIMARY KEY)")  # on the first shard
        stand.whole_text = stand.configuration()
        text = without(stand.whole_text)
        assert text.count(OUTSIDE) == 0, text
        stand.configuration = lambda: text
        test_reload.write(stand, text)
        test_reload.reload(stand)


def taken_in(stand):
    leave_out(stand)
    name = found_name(stand)
    stand.wait_until(lambda: server(stand, name).get("fit") == "yes", 40, lambda: (stand.admin("SHOW SERVERS"), events(stand)))
    return name


def test_one_that_has_not_everything_is_left_alone(stand):
    root = stand.root(OUTSIDE)
    root.query("STOP SLAVE")
    root.query("SET GLOBAL replicate_ignore_table = 'shop.absent'")
    root.query("START SLAVE")
    leave_out(stand)
    stand.wait_until(lambda: "is not taken in: it has not everything (Replicate_Ignore_Table)" in events(stand), 40, lambda: events(stand))
    assert server(stand, found_name(stand)) == {}
    root.query("STOP SLAVE")
    root.query("SET GLOBAL replicate_ignore_table = ''")
    root.query("START SLAVE")


def test_it_serves_reads(stand):
    name = taken_in(stand)
    row = server(stand, name)
    assert (row["discovered"], row["shard"], row["address"], row["role"]) == ("yes", "s1", address(stand), "replica"), row
    assert stand.root("s1b").query("SELECT shard, address FROM waybill.discovered").rows == [("s1", address(stand))]
    client = stand.client()

    def is_read():
        client.query("SELECT COUNT(*) FROM kept")
        return int(server(stand, name)["reads"]) > 0
    stand.wait_until(is_read, 20, lambda: stand.admin("SHOW SERVERS"))


def test_a_reload_keeps_it(stand):
    name = taken_in(stand)
    test_reload.reload(stand)
    assert server(stand, name)["discovered"] == "yes" and server(stand, name)["state"] == "up"


def test_another_waybill_has_it_too(stand):
    """By the table: also one that starts later."""
    name = taken_in(stand)
    stand.cluster("waybill", "stop")
    stand.start_waybill()
    stand.wait_until(lambda: server(stand, name).get("fit") == "yes", 40, lambda: (stand.admin("SHOW SERVERS"), events(stand)))


def test_what_it_alone_acknowledged_is_not_lost(stand):
    """The other replica receives nothing; the primary dies; nobody else has the row, and nobody is promoted. Put into the file
    the server may be."""
    name = taken_in(stand)
    primary = test_failover.primary_of(stand, "s1")
    other = next(server for server in ("s1a", "s1b") if server != primary)
    stand.root(other).query("STOP SLAVE IO_THREAD")
    client = stand.client()
    client.query("INSERT INTO kept VALUES (990001)")
    stand.cluster("kill", f"s1/{primary}")
    stand.wait_until(lambda: f"failover of {primary} refused: {name} has promote = never" in events(stand), 30, lambda: events(stand))
    assert test_failover.primary_of(stand, "s1") in ("", None)
    sections = next(row["sections"] for row in stand.admin("SHOW DISCOVERED"))
    own = re.search(r"\[server .*?\]\naddress = .*?\n", sections).group(0)
    servers = re.search(r"servers = (.*)", sections).group(1)
    text = re.sub(r"^servers = .*$", f"servers = {servers}", without(stand.whole_text), count=1, flags=re.M) + "\n" + own
    test_reload.write(stand, text)
    test_reload.reload(stand)
    assert server(stand, name)["discovered"] == "no"
    stand.wait_until(lambda: test_failover.primary_of(stand, "s1") == name, 40, lambda: events(stand))
    rows = stand.client().query("/* waybill: primary */ SELECT id FROM kept WHERE id = 990001").rows
    assert [tuple(row) for row in rows] == [("990001",)], rows
    stand.cluster("start", f"s1/{primary}")
    stand.wait_until(lambda: server(stand, primary).get("fit") == "yes" and server(stand, other).get("fit") == "yes", 60, lambda: (stand.admin("SHOW SERVERS"), events(stand)))
    stand.admin("SWITCHOVER SHARD s1 TO " + primary)
    test_reload.write(stand, without(stand.whole_text))
    test_reload.reload(stand)


def admin_error(stand, statement):
    try:
        stand.admin(statement)
    except Exception as error:  # whatever the client's library makes of it
        return str(error)
    return ""


def test_it_is_never_promoted(stand):
    name = taken_in(stand)
    primary = test_failover.primary_of(stand, "s1")
    refused = admin_error(stand, f"SWITCHOVER SHARD s1 TO {name}")
    assert "has promote = never" in refused, refused
    assert test_failover.primary_of(stand, "s1") == primary


def test_who_is_gone_is_let_go(stand):
    """The primary lives without it for a minute."""
    name = taken_in(stand)
    stand.cluster("stop", f"s1/{OUTSIDE}")
    since = time.monotonic()
    stand.wait_until(lambda: server(stand, name) == {}, 150, lambda: (stand.admin("SHOW SERVERS"), events(stand)))
    assert time.monotonic() - since > 50, "not at once"
    assert stand.root("s1b").query("SELECT * FROM waybill.discovered").rows == []
    stand.cluster("start", f"s1/{OUTSIDE}")
    stand.wait_until(lambda: server(stand, name).get("fit") == "yes", 60, lambda: (stand.admin("SHOW SERVERS"), events(stand)))
