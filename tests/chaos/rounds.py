"""A round: several waybills in front of one cluster, clients that write through all of them, and faults by a seed. In the end every
write that was acknowledged is there once and whole, nothing is there by half, and the servers are what they were before."""

import collections
import os
import random
import re
import signal
import time

import faults
import wire
from ground import Proxy
from workload import BUYERS, MONEY, Clerk, Reader, Register, Teller

SETTLE_SECONDS = 120
NOT_THERE = (OSError, wire.ServerError, wire.ConnectionLost)
REFUSALS = re.compile(r"made anew|not all of it is on")  # (MySQL's transactions are not undone)
LOSSES = re.compile(r"may be lost|is lost|waited for acknowledgements was never seen")


class Chaos:
    def __init__(self, ground, seed, proxies=3, tellers=7, clerks=2, readers=1, only=()):
        self.ground, self.seed, self.is_over = ground, seed, False
        self.names = only or faults.FAULTS
        self.proxies = [Proxy(ground, number) for number in range(1, proxies + 1)]
        self.faults = faults.Faults(ground, self.proxies, self.primary)
        self.transfers, self.notes = Register(), Register()
        self.circles = [range(1, BUYERS + 1)]  # buyers between whom money may go
        self.tellers = [Teller(self, f"{seed} teller {i}") for i in range(tellers)]
        self.clerks = [Clerk(self, f"{seed} clerk {i}") for i in range(clerks)]
        self.readers = [Reader(self, f"{seed} reader {i}") for i in range(readers)]
        self.anew = set()

    # the cluster

    def shards(self):
        return [f"s{number}" for number in range(1, self.ground.shards + 1)]

    def primary(self, shard):
        for proxy in [proxy for proxy in self.proxies if proxy.state() not in ("", "T")]:
            try:
                return next(row["primary"] for row in proxy.admin("SHOW SHARDS") if row["shard"] == shard) or None
            except NOT_THERE:
                continue
        return None

    def start(self):
        for proxy in self.proxies:
            proxy.start()
        self.ground.wait_until(lambda: all(self.answers(proxy) for proxy in self.proxies), 60, "all waybills answer")
        client = self.proxies[0].connect()
        for table in ("accounts", "moves", "notes"):
            client.query(f"DROP TABLE IF EXISTS {table}")
        client.query("CREATE TABLE accounts (buyer_id BIGINT NOT NULL PRIMARY KEY, money BIGINT NOT NULL) ENGINE=InnoDB")
        client.query("CREATE TABLE moves (number BIGINT NOT NULL, buyer_id BIGINT NOT NULL, amount INT NOT NULL, "
                     "PRIMARY KEY (number, buyer_id)) ENGINE=InnoDB")
        client.query("CREATE TABLE notes (note_id BIGINT NOT NULL PRIMARY KEY, buyer_id BIGINT NOT NULL, number BIGINT NOT NULL) ENGINE=InnoDB")
        for i in range(1, BUYERS + 1):
            client.query(f"INSERT INTO accounts VALUES ({i}, {MONEY})")
        client.close()
        if self.ground.flavor == "mysql56":  # (no transactions over shards)
            self.circles = [[int(row[0]) for row in self.rows(self.primary(shard), "SELECT buyer_id FROM shop.accounts")] for shard in self.shards()]

    def answers(self, proxy):
        try:
            client = proxy.connect()
            client.query("SELECT COUNT(*) FROM mysql.user")
            client.close()
            return True
        except wire.ServerError as error:
            return error.code == 1142
        except (OSError, wire.ConnectionLost):
            return False

    def rows(self, server, sql):
        root = self.ground.root(server)
        rows = root.query(sql).rows
        root.close()
        return rows

    def play(self, seconds, writes=0):
        """For so long, and until so many transfers were acknowledged."""
        self.start()
        clients = self.tellers + self.clerks + self.readers
        for client in clients:
            client.start()
        began, number = time.monotonic(), 0
        while time.monotonic() < began + seconds or len(self.transfers.done) < writes:
            assert time.monotonic() < began + seconds + writes, f"{len(self.transfers.done)} transfers in {seconds + writes} s"
            self.faults.rng = random.Random(f"{self.seed} fault {number}")  # the same whatever became of those before
            time.sleep(self.faults.rng.uniform(0.1, 1.2))
            self.faults.heal_due()
            self.faults.one(self.names)
            number += 1
        self.faults.heal_due(is_all=True)
        time.sleep(1)
        self.is_over = True
        for client in clients:
            client.join(60)
            assert not client.is_alive(), "a client waits for ever"

    # what must be so

    def check(self):
        self.ground.wait_until(self.is_settled, SETTLE_SECONDS, "the cluster is whole again")
        self.write_through_each()
        primaries = {shard: self.primary(shard) for shard in self.shards()}
        self.ground.wait_until(lambda: not self.differences(primaries), 30, lambda: f"replicas are not equal: {self.differences(primaries)}")
        lost = self.check_transfers(primaries) + self.check_notes(primaries)
        sums = [total for reader in self.readers for total in reader.sums]
        assert set(sums) <= {BUYERS * MONEY}, f"a snapshot had a total of {set(sums) - {BUYERS * MONEY}}"
        return (f"{len(self.transfers.done)} transfers and {len(self.notes.done)} notes acknowledged, "
                f"{len(self.transfers.not_done) + len(self.notes.not_done)} refused, {len(self.transfers.unknown) + len(self.notes.unknown)} without an answer; "
                f"{f'{lost} lost, as was said; ' if lost else ''}{len(sums)} totals of snapshots, all the same; "
                f"to be made anew: {', '.join(sorted(self.anew)) or 'none'}; faults: {', '.join(self.faults.told)}")

    def write_through_each(self):
        """Each waybill writes on each shard, and is believed as all the others are."""
        for proxy in self.proxies:
            client = proxy.connect()
            for buyer in range(1, 17):
                number = self.notes.next()
                client.query(f"INSERT INTO notes (buyer_id, number) VALUES ({buyer}, {number})")
                self.notes.done.add(number)
            client.close()

    def count_lost(self, what, lost):
        """Without semi-sync a promotion may lose what was acknowledged, if it says so."""
        told = [row["event"] for proxy in self.proxies for row in proxy.admin("SHOW EVENTS") if LOSSES.search(row["event"])]
        assert not lost or (self.ground.flavor == "mysql56" and told), f"{what} acknowledged, and not there: {sorted(lost)}"
        return len(lost)

    def check_transfers(self, primaries):
        rows, money = {}, 0
        for primary in primaries.values():
            money += int(self.rows(primary, "SELECT SUM(money) FROM shop.accounts")[0][0])
            for number, amount in self.rows(primary, "SELECT number, amount FROM shop.moves"):
                rows.setdefault(int(number), []).append(int(amount))
        halves = {number: amounts for number, amounts in rows.items() if len(amounts) != 2 or sum(amounts) != 0}
        told = {number: self.told(self.transfers, number) for number in halves}
        assert not halves, f"transfers that are there by half: {halves}; clients were told: {told}"
        assert money == BUYERS * MONEY, f"money is {money}, not {BUYERS * MONEY}"
        wrong = self.transfers.not_done & set(rows)
        assert not wrong, f"told to be rolled back, and there: {sorted(wrong)}"
        return self.count_lost("transfers", self.transfers.done - set(rows))

    def told(self, register, number):
        return "done" if number in register.done else "not done" if number in register.not_done else register.unknown.get(number, "nothing")

    def check_notes(self, primaries):
        found = [row for primary in primaries.values() for row in self.rows(primary, "SELECT note_id, number FROM shop.notes")]
        counts = collections.Counter(int(number) for _, number in found)
        twice = {number: (count, self.told(self.notes, number)) for number, count in counts.items() if count > 1}
        assert not twice, f"notes that are there more than once, and what was said of them: {twice}"
        assert len({note for note, _ in found}) == len(found), "an id was given twice"
        wrong = self.notes.not_done & set(counts)
        assert not wrong, f"notes that were refused, and are there: {sorted(wrong)}"
        return self.count_lost("notes", self.notes.done - set(counts))

    def differences(self, primaries):
        found = []
        for shard in primaries:
            for table in ("shop.accounts", "shop.moves", "shop.notes"):
                sums = {server: self.rows(server, f"CHECKSUM TABLE {table}")[0][1] for server in self.ground.members(shard) if server not in self.anew}
                found += [f"{table}: {sums} (primary {primaries[shard]})"] if len(set(sums.values())) != 1 else []
        return found

    def find_anew(self, proxy):
        """Old primaries that waybill doesn't take back, and replicas that crashed and that it can't mend, and says why."""
        texts = [row["event"] for row in proxy.admin("SHOW EVENTS")]
        return {row["server"] for row in proxy.admin("SHOW SERVERS") if row["role"] != "primary" and row["fit"] == "no" and
                any(re.search(rf"(rejoin|mending) of {row['server']} refused", text) and REFUSALS.search(text) for text in texts)}

    def is_settled(self):
        """Every waybill sees each shard whole, nothing is prepared, and one server of each shard takes writes."""
        try:
            self.anew = set.union(*(self.find_anew(proxy) for proxy in self.proxies))
            for proxy in self.proxies:
                for row in proxy.admin("SHOW SHARDS"):
                    lost = len(self.anew & set(self.ground.members(row["shard"])))
                    if row["state"] != "ok" or int(row["fit_replicas"]) != self.ground.replicas - lost:
                        return False
            for server in self.ground.servers():
                if server not in self.anew and self.rows(server, "XA RECOVER"):
                    return False
                if self.rows(server, "SELECT @@read_only") != [("0" if server == self.primary(server[:-1]) else "1",)]:
                    return False
            return True
        except NOT_THERE:
            return False

    def state(self):
        lines = [f"faults: {', '.join(self.faults.told)}"]
        for proxy in self.proxies:
            try:
                for command in ("SHOW SHARDS", "SHOW SERVERS", "SHOW TRANSACTIONS"):
                    lines += [f"{proxy.name}: {row}" for row in proxy.admin(command)]
                lines += [f"{proxy.name}: {row['event']}" for row in proxy.admin("SHOW EVENTS")[-60:]]
            except NOT_THERE as why:
                lines.append(f"{proxy.name}: {why}")
        for server in self.ground.servers():
            try:
                root = self.ground.root(server)
                rows = root.query("SHOW SLAVE STATUS")
                slave = dict(zip(rows.names(), rows.rows[0])) if rows.rows else {}
                lines.append(f"{server}: prepared {root.query('XA RECOVER').rows} {slave.get('Last_SQL_Error')} {slave.get('Last_IO_Error')}")
            except NOT_THERE as why:
                lines.append(f"{server}: {why}")
        return "\n    ".join(lines)

    def stop(self):
        self.faults.heal_due(is_all=True)
        self.is_over = True
        for proxy in self.proxies:
            if proxy.state():
                proxy.end(signal.SIGTERM)

    def complaints(self):
        found = []
        for proxy in self.proxies:
            with open(proxy.log_path, errors="replace") as log:
                found += re.findall(r".*(?:Sanitizer|runtime error|Assertion).*", log.read())
        return found


def run(ground, seed, seconds, writes=0, **more):
    """A whole round; what came of it."""
    chaos = Chaos(ground, seed, **more)
    try:
        chaos.play(seconds, writes)
        said = chaos.check()
        assert not chaos.complaints(), chaos.complaints()
        return said
    except Exception as why:
        keep(chaos, seed, why)
        raise
    finally:
        chaos.stop()


def keep(chaos, seed, why):
    """What the waybills and the servers had to say, for who looks for the reason."""
    ground, place = chaos.ground, os.path.join(chaos.ground.directory + ".kept", str(seed))
    os.makedirs(place, exist_ok=True)
    with open(os.path.join(place, "state"), "w") as state:
        state.write(f"{why}\n\n{chaos.state()}\n")
    for directory, _, names in os.walk(ground.directory):
        for name in names:
            if re.fullmatch(r"proxy\d+\.log|error\.log", name):
                node = name if name.startswith("proxy") else f"{os.path.basename(directory)}.{name}"
                with open(os.path.join(directory, name), "rb") as source, open(os.path.join(place, node), "wb") as copy:
                    copy.write(source.read())
    print(f"seed {seed}: faults: {', '.join(chaos.faults.told)}; more is in {place}", flush=True)
