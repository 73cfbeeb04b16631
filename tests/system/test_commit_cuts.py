"""A transfer between two shards that is cut off at every point of its dialogue with the servers: before and behind each packet
that waybill sends or is sent, and inside. The connection is lost there, or waybill is killed. All or nothing, the client is told
the truth, and nothing stays prepared."""

import os
import signal

import cuts
import wire
from test_commit import branches
from test_cuts import start_behind

CLUSTER = {"shards": 2, "replicas": 0, "settings": "in_doubt_ms = 500\n"}
MONEY, PAIRS_MAX = 100, 400
UNKNOWN, ROLLED_BACK = 9007, (1213, 9004)  # the latter: nothing was done


def connect(stand):
    return wire.Client(port=int(stand.values["WAYBILL_PORT"]), user="bank", password="bank_pw", database="shop", timeout=20)


def fill(stand):
    """Pairs of buyers: the first one's on s1, the other one's on s2."""
    client = connect(stand)
    client.query("DROP TABLE IF EXISTS users")
    client.query("CREATE TABLE users (buyer_id BIGINT PRIMARY KEY, money INT NOT NULL) ENGINE=InnoDB")
    client.query("INSERT INTO users VALUES " + ", ".join(f"({i}, {MONEY})" for i in range(1, 3 * PAIRS_MAX)))
    sides = [[int(row[0]) for row in stand.root(server).query("SELECT buyer_id FROM shop.users").rows] for server in ("s1a", "s2a")]
    return list(zip(*sides))


def transfer(stand, pair, tokens=None):
    """What the client was told: 'done', the number of an error, or None when it was told nothing. Its token into `tokens`."""
    one, other = pair
    try:
        client = connect(stand)
        client.query("BEGIN")
        client.query(f"UPDATE users SET money = money - 1 WHERE buyer_id = {one}")
        if tokens is not None:
            tokens[pair] = client.query("SELECT @@waybill_transaction").rows[0][0]
        client.query(f"UPDATE users SET money = money + 1 WHERE buyer_id = {other}")
        client.query("COMMIT")
        return "done"
    except wire.ServerError as error:
        return error.code
    except (wire.ConnectionLost, OSError):
        return None


def has_moved(stand, pair):
    """True or False for both; never one of them."""
    moved = []
    for server, buyer, change in zip(("s1a", "s2a"), pair, (-1, 1)):
        money = int(stand.root(server).query(f"SELECT money FROM shop.users WHERE buyer_id = {buyer}").rows[0][0])
        assert money in (MONEY, MONEY + change), (server, buyer, money)
        moved.append(money != MONEY)
    assert moved[0] == moved[1], f"half a commit: {pair} {moved}"
    return moved[0]


def check(stand, told, tokens):
    """`told`: (pair, where it was cut, what the client was told)"""
    client = connect(stand)
    stand.wait_until(lambda: branches(stand) == [], 20, lambda: branches(stand))
    for pair, where, what in told:
        moved = has_moved(stand, pair)
        assert what == "done" and moved or what in ROLLED_BACK and not moved or what in (UNKNOWN, None), (where, what, moved)
        if pair in tokens:
            outcome = client.query(f"SELECT waybill_outcome('{tokens[pair]}')").rows[0][0]
            assert outcome == ("committed" if moved else "rolled back"), (where, what, moved, outcome)


def relayed(stand):
    return cuts.Relay({server: int(stand.values[f"WAYBILL_{server.upper()}_PORT"]) for server in ("s1a", "s2a")}, ("app", "bank"))


def points_of(stand, relay, pair):
    """Of a whole transfer: (is it asked, or answered; how many bytes until then), packet by packet and inside."""
    transfer(stand, pair)  # connections are there
    relay.arm(None)
    assert transfer(stand, pair) == "done"
    found = []
    for asks, streams in ((True, relay.asked), (False, relay.heard)):
        at = 0
        for stream in streams.values():
            found += [(asks, at + point) for point in cuts.cut_points(stream) if at + point > 0]
            at += len(stream)
        found.append((asks, at))
    return found


def is_ended(pid):
    with open(f"/proc/{pid}/stat") as stat:
        return stat.read().rsplit(")", 1)[1].split()[0] == "Z"


def warm_up(stand, pair):
    """Connections are there, and waybill has an idle one for each shard."""
    came = []

    def is_done():
        came.append(transfer(stand, pair))
        return came[-1] == "done"
    stand.wait_until(is_done, 20, lambda: f"transfers go on: {came[-3:]}")


def test_connections_are_lost(stand):
    pairs, cut = iter(fill(stand)), 0
    warm = next(pairs)
    relay, told, tokens = relayed(stand), [], {}
    try:
        start_behind(stand, relay, workers=1)
        points = points_of(stand, relay, next(pairs))
        for asks, point in points:
            relay.arm(None)
            warm_up(stand, warm)
            pair = next(pairs)
            relay.arm(point, asks)
            told.append((pair, (asks, point), transfer(stand, pair, tokens)))
            cut += relay.disarm()  # names differ in length, so the last points may not be reached
        check(stand, told, tokens)
        outcomes = {what for _, _, what in told}
        assert cut > 50 and {"done", 1213} <= outcomes, (cut, outcomes)
    finally:
        relay.arm(None)
        stand.cluster("waybill", "stop")
        stand.start_waybill()
        relay.close()


def test_waybill_is_killed(stand):
    """At each packet's end only: it has to be started every time."""
    pairs = iter(fill(stand))
    warm = next(pairs)
    relay, told, tokens = relayed(stand), [], {}
    try:
        start_behind(stand, relay, workers=1)
        pid = [stand.waybill_pid()]
        points_of(stand, relay, next(pairs))
        counts = [sum(len(cuts.packet_ends(stream)) for stream in streams.values()) for streams in (relay.asked, relay.heard)]
        for asks, point in [(True, n + 1) for n in range(counts[0])] + [(False, n + 1) for n in range(counts[1])]:
            warm_up(stand, warm)
            pair = next(pairs)
            pid[0] = stand.waybill_pid()
            relay.arm_packets(point, asks, lambda: os.kill(pid[0], signal.SIGKILL))
            told.append((pair, (asks, point), transfer(stand, pair, tokens)))
            assert relay.disarm(), (asks, point)
            stand.wait_until(lambda: not os.path.exists(f"/proc/{pid[0]}") or is_ended(pid[0]), 10, "waybill is gone")
            stand.cluster("waybill", "start", "--conf", stand.directory + "/relayed.ini")
        check(stand, told, tokens)
        moved = [has_moved(stand, pair) for pair, _, _ in told]
        assert len(told) == sum(counts) > 15 and True in moved and False in moved, moved
    finally:
        relay.arm(None)
        stand.cluster("waybill", "stop")
        stand.start_waybill()
        relay.close()
