"""A frozen primary wakes up after another was promoted: it is fenced, and doesn't stand in the way of the next failover."""

import os
import signal
import threading
import time

import wire
from test_failover import prepare, primary_of

CLUSTER = {"shards": 1, "replicas": 2, "relaxed": False, "settings": "rejoin = off\n"}  # (it would be a replica soon)
DIRECT = 8  # clients that write past waybill: their commits wait as one group


def pid_of(stand, server):
    with open(os.path.join(stand.directory, server, "pid")) as text:
        return int(text.read())


def role_of(stand, server):
    return next(row["role"] for row in stand.admin("SHOW SERVERS") if row["server"] == server)


def events(stand):
    return "\n".join(row["event"] for row in stand.admin("SHOW EVENTS"))


def is_read_only(stand, server):
    try:
        return stand.root(server).query("SELECT @@read_only").rows[0][0] == "1"
    except (OSError, wire.ServerError, wire.ConnectionLost):
        return False  # fencing has ended this connection as well


def verify(stand, ledger, at_least):
    code, checked, complaint = stand.orders("verify", "--ledger", ledger)
    assert code == 0 and checked["missing"] == "0" and int(checked["checked"]) > at_least, f"{checked} {complaint}"


def test_resumed_primary_is_fenced(stand):
    """Frozen under load, with clients of its own that write past waybill: their commits are never acknowledged."""
    prepare(stand)
    ledger = os.path.join(stand.directory, "ledger")
    result, past = {}, {}
    load = threading.Thread(target=lambda: result.update(
        zip(("code", "figures", "complaint"), stand.orders("place", "--seconds", "12", "--clients", "16", "--users", "500", "--ledger", ledger))))
    connections = [stand.direct("s1a") for _ in range(DIRECT)]

    def write_past(buyer, direct):
        try:
            direct.query(f"UPDATE users SET name = 'past' WHERE buyer_id = {buyer}")
            past[buyer] = "OK"
        except (OSError, wire.ServerError, wire.ConnectionLost) as error:
            past[buyer] = error

    writers = [threading.Thread(target=write_past, args=(i + 1, direct)) for i, direct in enumerate(connections)]
    load.start()
    time.sleep(3)
    os.kill(pid_of(stand, "s1a"), signal.SIGSTOP)
    try:
        stand.wait_until(lambda: primary_of(stand, "s1") in ("s1b", "s1c"), 20, "a replica is promoted")
        for writer in writers:
            writer.start()
        time.sleep(0.5)
    finally:
        os.kill(pid_of(stand, "s1a"), signal.SIGCONT)
    new = primary_of(stand, "s1")
    stand.wait_until(lambda: is_read_only(stand, "s1a"), 10, "the old primary is read-only")
    said = f"s1a takes writes though epoch 1 made {new} the primary: fenced (read-only), "
    stand.wait_until(lambda: said in events(stand), 5, said)
    load.join()
    for writer in writers:
        writer.join(10)
    assert len(past) == DIRECT and "OK" not in past.values(), f"a commit that nobody has acknowledged was answered: {past}"
    assert (primary_of(stand, "s1"), role_of(stand, "s1a")) == (new, "detached")
    semi_sync = stand.root("s1a").query("SELECT @@rpl_semi_sync_master_enabled").rows[0][0]
    assert semi_sync == "1", "switched off it would have acknowledged what waited"
    verify(stand, ledger, 100)


def test_next_failover_goes_past_it(stand):
    """The new primary dies, too: the one replica that is left has received all that was acknowledged."""
    ledger = os.path.join(stand.directory, "ledger")
    second = primary_of(stand, "s1")
    third = next(name for name in ("s1b", "s1c") if name != second)
    stand.wait_until(lambda: role_of(stand, third) == "replica", 10, f"{third} is a replica")
    stand.cluster("kill", f"s1/{second}")
    stand.wait_until(lambda: primary_of(stand, "s1") == third, 20, f"{third} is promoted")
    assert "s1a takes writes, but" not in events(stand) and is_read_only(stand, "s1a")
    verify(stand, ledger, 100)
    code, figures, complaint = stand.orders("place", "--seconds", "1", "--clients", "4", "--users", "500", "--ledger", ledger)
    assert int(figures["shard_1_orders"]) > 0, f"{figures} {complaint}"


def test_detached_one_is_never_taken(stand):
    """No replica is left: nobody is promoted, and it is not the old primary that is opened. The last one is opened when all
    have been asked: of one that is away another waybill could have made the primary."""
    last = primary_of(stand, "s1")
    away = next(name for name in ("s1b", "s1c") if name != last)
    stand.cluster("kill", f"s1/{last}")
    nobody = ("", "-", None, "NULL")
    stand.wait_until(lambda: primary_of(stand, "s1") in nobody, 20, f"{last} is seen to be dead")
    time.sleep(3)
    assert primary_of(stand, "s1") in nobody and is_read_only(stand, "s1a"), stand.admin("SHOW SHARDS")
    assert f"{last} is down and there is no replica that answers" in events(stand)
    stand.cluster("start", f"s1/{last}")
    stand.wait_until(lambda: f"1 servers can't be asked and may have newer data than {last}" in events(stand), 20, "it is said why")
    assert primary_of(stand, "s1") in nobody, stand.admin("SHOW SHARDS")
    stand.cluster("start", f"s1/{away}")
    stand.wait_until(lambda: primary_of(stand, "s1") == last, 20, f"{last} is opened again")
