"""What a commit over several shards costs: the same transaction, one UPDATE on each of 1, 2 and 4 shards, durable
(each server syncs its log and its binary log). Latencies are one client's; the rate is that of eight. Then how long
what a killed waybill has left prepared stays so."""

import re
import threading
import time

import wire

SHARDS, BUYERS, SECONDS, CLIENTS = 4, 400, 5, 8
COUNTS = (1, 2, 4)
STATUS = ("Innodb_os_log_fsyncs", "Binlog_group_commits", "Questions")


def root(values, shard):
    return wire.Client(unix_socket=values[f"WAYBILL_S{shard}A_SOCKET"], user=values["WAYBILL_ROOT_USER"], password="", timeout=60)


def fill(bench, values):
    """The buyers of each shard, as waybill spread them."""
    client = connect(values)
    client.query("CREATE TABLE users (buyer_id BIGINT NOT NULL PRIMARY KEY, money INT NOT NULL) ENGINE=InnoDB")
    client.query("INSERT INTO users VALUES " + ", ".join(f"({i}, 100)" for i in range(1, BUYERS + 1)))
    return [[int(row[0]) for row in root(values, shard).query("SELECT buyer_id FROM shop.users").rows] for shard in range(1, SHARDS + 1)]


def connect(values):
    deadline = time.monotonic() + 20
    while True:
        try:
            return wire.Client(port=int(values["WAYBILL_PORT"]), user="bank", password="bank_pw", database="shop", timeout=60)
        except (OSError, wire.ServerError, wire.ConnectionLost):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def transact(client, buyers, place, count):
    """Seconds of the whole, and of its COMMIT."""
    began = time.monotonic()
    client.query("BEGIN")
    for shard in range(count):
        of = (shard + place) % SHARDS
        client.query(f"UPDATE users SET money = money + 1 WHERE buyer_id = {buyers[of][place % len(buyers[of])]}")
    asked = time.monotonic()
    client.query("COMMIT")
    ended = time.monotonic()
    return ended - began, ended - asked


def status(values):
    """The sum over the servers of what they count."""
    sums = dict.fromkeys(STATUS, 0)
    for shard in range(1, SHARDS + 1):
        for name, number in root(values, shard).query("SHOW GLOBAL STATUS WHERE Variable_name IN ('" + "', '".join(STATUS) + "')").rows:
            sums[name] += int(number)
    return sums


def measure_alone(client, values, buyers, count):
    before, times, place = status(values), [], 0
    idle = time.monotonic()
    while time.monotonic() - idle < SECONDS:
        times.append(transact(client, buyers, place, count))
        place += 1
    after = status(values)
    quiet = status_of_nothing(values)
    each = {name: max(0.0, (after[name] - before[name] - quiet[name]) / len(times)) for name in STATUS}
    whole, commit = (sorted(each_time[i] * 1000 for each_time in times)[len(times) // 2] for i in (0, 1))
    return whole, commit, each["Innodb_os_log_fsyncs"] + each["Binlog_group_commits"], each["Questions"]


def status_of_nothing(values):
    """What the servers count in as long a time by themselves: waybill's probes and heartbeats."""
    before = status(values)
    time.sleep(SECONDS)
    after = status(values)
    return {name: after[name] - before[name] for name in STATUS}


def work(values, buyers, place, count, until, done):
    client, number = connect(values), 0
    while time.monotonic() < until:
        transact(client, buyers, place + number * CLIENTS, count)
        number += 1
    done.append(number)


def measure_together(values, buyers, count):
    until, done = time.monotonic() + SECONDS, []
    threads = [threading.Thread(target=work, args=(values, buyers, place, count, until, done)) for place in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(done) / SECONDS


def left(values):
    return sum(len(root(values, shard).query("XA RECOVER").rows) for shard in range(1, SHARDS + 1))


def leave_branches(values, buyers):
    """As a waybill that was killed between PREPARE and the decision."""
    for number in range(20):
        client = root(values, 2)
        xid = f"'wb:1:be4c4:{number:x}.1:s1', 's2a.{number}', 22338"
        for sql in (f"XA START {xid}", f"UPDATE shop.users SET money = money + 1 WHERE buyer_id = {buyers[1][number]}", f"XA END {xid}",
                    f"XA PREPARE {xid}"):
            client.query(sql)
        client.close()


def measure_recovery(values, buyers):
    leave_branches(values, buyers)
    began = time.monotonic()
    while left(values) > 0:
        if time.monotonic() - began > 60:
            raise SystemExit("prepared branches are left after a minute")
        time.sleep(0.05)
    return time.monotonic() - began


def measure(bench, out):
    bench.environment["WAYBILL_CLUSTER_RELAXED"] = "0"
    bench.cluster("up", "--shards", str(SHARDS), "--replicas", "0", "--base-port", str(bench.args.base_port))
    values = dict(re.findall(r"(WAYBILL_\w+)='?([^'\n]*)'?", bench.cluster("env")))
    bench.spawn_waybill("commits", bench.cluster("conf"))
    buyers = fill(bench, values)
    client, alone = connect(values), {}
    print("\ntransactions that write to so many shards (durable servers)")
    print(f"  {'shards':>6} {'p50 ms':>8} {'COMMIT ms':>10} {'fsyncs':>7} {'statements':>11} {f'{CLIENTS} clients/s':>13}")
    for count in COUNTS:
        whole, commit, fsyncs, statements = alone[count] = measure_alone(client, values, buyers, count)
        rate = measure_together(values, buyers, count)
        print(f"  {count:>6} {whole:8.2f} {commit:10.2f} {fsyncs:7.1f} {statements:11.1f} {rate:13.0f}")
        out.append((f"commit on {count} shards", "waybill", f"{rate:.1f}", f"{whole:.3f}", f"{commit:.3f}", f"{fsyncs:.1f}"))
    print("  COMMIT on 2 shards / on 1: {:.2f}; on 4 / on 1: {:.2f}".format(alone[2][1] / alone[1][1], alone[4][1] / alone[1][1]))
    seconds = measure_recovery(values, buyers)
    print(f"  20 branches that were left prepared are finished after {seconds:.1f} s (in_doubt_ms is 5 s)")
    out.append(("recovery, s", "waybill", f"{seconds:.1f}", "", "", ""))
