#!/usr/bin/env python3
"""make bench-failover: how long nobody can write when a primary dies, hangs, or is changed, and what it costs.

One shard, a primary and two replicas, all settings at their defaults, and clients that write and read. Each writes
rows of its own with the hint once='...', so a write that was running when its server died can be sent again, and is;
more than a few times, or a read that fails, or a lost connection, is a failed statement. Then, `--runs` times each:
kill -9 of the primary, SIGSTOP of it, SWITCHOVER; at last for `--stall-seconds` stalls of the primary of up to
`--stall-ms`, half of failover_after_ms. Printed are median and worst of the time from the fault to the first
acknowledged write that was begun later (of a switchover: the longest pause between two of them), failed statements, and
acknowledged writes that are not there.
"""

import argparse
import collections
import os
import random
import re
import signal
import statistics
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tests", "support"))
sys.path.insert(0, os.path.join(ROOT, "tests", "system"))
import stand as stands  # noqa: E402
import wire  # noqa: E402

AIMS = {"killed": 500, "hung": 1500, "switchover": 120}
AGAIN = (1213, 9007)  # rolled back with its server; not known
TRIES = 10
PAUSE_S = 0.002  # between a client's statements: a load, not a contest for the processors


def options():
    parser = argparse.ArgumentParser(description="how long a failover takes")
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--stall-seconds", type=int, default=180)
    parser.add_argument("--stall-ms", type=int, default=500)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--only", default="", help="killed, hung, switchover or stalls")
    return parser.parse_args()


class Client(threading.Thread):
    """Writes and reads until it is told to stop. What was acknowledged, when; what failed."""

    def __init__(self, load, number):
        super().__init__(daemon=True)
        self.load, self.number, self.written = load, number, 0

    def run(self):
        client = None
        while not self.load.is_over:
            try:
                client = client or self.load.stand.client()
                self.write(client)
                client.query(f"SELECT note FROM bench WHERE id = {self.load.rows(self.number, self.written)}")
            except (OSError, wire.ServerError, wire.ConnectionLost) as problem:
                self.load.note_failure(problem)
                client = None
            time.sleep(PAUSE_S)

    def write(self, client):
        row = self.load.rows(self.number, self.written + 1)
        self.written += 1
        for tried in range(TRIES):
            began = time.monotonic()
            try:
                client.query(f"/* waybill: once='bench{row}' */ INSERT INTO bench (id, note) VALUES ({row}, 'a note')")
                break
            except wire.ServerError as problem:
                if problem.code not in AGAIN or tried == TRIES - 1:
                    raise
                self.load.again += 1
        self.load.acknowledged.append((time.monotonic(), began, row))


class Load:
    def __init__(self, stand, clients):
        self.stand, self.is_over, self.again = stand, False, 0
        self.acknowledged = collections.deque()
        self.failures = collections.Counter()
        self.clients = [Client(self, i) for i in range(clients)]

    @staticmethod
    def rows(number, count):
        return number * 100_000_000 + count

    def note_failure(self, problem):
        self.failures[re.sub(r"\d{3,}", "N", str(problem))[:100]] += 1

    def start(self):
        for client in self.clients:
            client.start()

    def stop(self):
        self.is_over = True
        for client in self.clients:
            client.join()

    def first_write_after(self, moment, patience_s):
        """Seconds until a write is acknowledged that was begun after the moment."""
        deadline = moment + patience_s
        while time.monotonic() < deadline:
            ends = [ended for ended, began, _ in list(self.acknowledged)[-500:] if began > moment]
            if ends:
                return min(ends) - moment
            time.sleep(0.005)
        raise TimeoutError(f"no write within {patience_s} s: {self.stand.admin('SHOW EVENTS')[-10:]}")

    def longest_gap(self, since):
        ends = [since] + sorted(ended for ended, _, _ in list(self.acknowledged) if ended > since)
        return max(b - a for a, b in zip(ends, ends[1:]))


class Bench:
    def __init__(self, args):
        self.args, self.random = args, random.Random(args.seed)
        self.stand = stands.Stand("bench_failover", shards=1, replicas=2, relaxed=False)
        self.results = {}

    def primary(self):
        return self.stand.admin("SHOW SHARDS")[0]["primary"]

    def process(self, server):
        with open(os.path.join(self.stand.directory, server, "mysqld.pid")) as pid:
            return int(pid.read())

    def wait_whole(self):
        whole = lambda: (lambda row: row["fit_replicas"] == "2" and row["durability"] == "semi_sync")(self.stand.admin("SHOW SHARDS")[0])
        self.stand.wait_until(whole, 60, lambda: self.stand.admin("SHOW SERVERS"))
        time.sleep(1 + self.random.random() / 4)  # the next fault comes at any moment of a round of probes

    def fault(self, number, undo):
        """The primary gets the signal; seconds to the first write."""
        victim = self.primary()
        began = time.monotonic()
        os.kill(self.process(victim), number)
        taken = self.load.first_write_after(began, 60)
        assert self.primary() != victim, "no other primary"
        undo(victim)
        self.wait_whole()
        return taken

    def kill_one(self):
        return self.fault(signal.SIGKILL, lambda victim: self.stand.cluster("start", f"s1/{victim}"))

    def hang_one(self):
        return self.fault(signal.SIGSTOP, lambda victim: os.kill(self.process(victim), signal.SIGCONT))

    def switch(self):
        began = time.monotonic()
        self.stand.admin("SWITCHOVER SHARD s1")
        time.sleep(0.5)
        gap = self.load.longest_gap(began)
        self.wait_whole()
        return gap

    def measure(self, what, once):
        if self.args.only not in ("", what):
            return
        failed_before = sum(self.load.failures.values())
        times = []
        for _ in range(self.args.runs):
            times.append(once() * 1000)
            print(f"  {what}: {times[-1]:.0f} ms", flush=True)
        failed = sum(self.load.failures.values()) - failed_before
        self.results[what] = (statistics.median(times), max(times), failed)

    def stall(self):
        if self.args.only not in ("", "stalls"):
            return
        failed_before = sum(self.load.failures.values())
        epoch = lambda: self.stand.admin("SHOW SHARDS")[0]["epoch"]
        before, count, until = epoch(), 0, time.monotonic() + self.args.stall_seconds
        while time.monotonic() < until:
            victim = self.process(self.primary())
            os.kill(victim, signal.SIGSTOP)
            time.sleep(self.random.uniform(0.02, self.args.stall_ms / 1000))
            os.kill(victim, signal.SIGCONT)
            time.sleep(self.random.uniform(0.05, 1))
            count += 1
        self.results["stalls"] = (count, int(epoch()) - int(before), sum(self.load.failures.values()) - failed_before)

    def lost(self):
        root = self.stand.root(self.primary())
        there = {int(row[0]) for row in root.query("SELECT id FROM shop.bench").rows}
        return sum(row not in there for _, _, row in self.load.acknowledged)

    def run(self):
        self.stand.start()
        try:
            self.stand.client().query("CREATE TABLE bench (id BIGINT NOT NULL PRIMARY KEY, note VARCHAR(20) NOT NULL) ENGINE=InnoDB")
            self.load = Load(self.stand, self.args.clients)
            self.load.start()
            self.wait_whole()
            self.measure("killed", self.kill_one)
            self.measure("hung", self.hang_one)
            self.measure("switchover", self.switch)
            self.stall()
            self.load.stop()
            return self.report()
        finally:
            self.stand.stop()

    def report(self):
        lost, is_fine = self.lost(), True
        print(f"{'':12}{'median ms':>10}{'worst ms':>10}{'aim ms':>8}{'failed':>8}")
        for what, (median, worst, failed) in self.results.items():
            if what == "stalls":
                print(f"{what}: {median} in {self.args.stall_seconds} s, up to {self.args.stall_ms} ms each: {worst} false promotions, {failed} failed statements")
                is_fine &= worst == 0 and failed == 0
                continue
            print(f"{what:12}{median:10.0f}{worst:10.0f}{AIMS[what]:8}{failed:8}")
            is_fine &= worst <= AIMS[what] and failed == 0
        print(f"acknowledged writes: {len(self.load.acknowledged)}, lost: {lost}; sent again: {self.load.again}")
        for text, count in self.load.failures.most_common(8):
            print(f"  {count} x {text}")
        print("all aims are met" if is_fine and lost == 0 else "not all aims are met")
        return 0 if lost == 0 else 1


if __name__ == "__main__":
    sys.exit(Bench(options()).run())
