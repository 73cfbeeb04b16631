"""Several waybills in front of one cluster, transfers between shards through all of them, and faults by a seed. In the end every
transfer that was acknowledged is there whole, none is there by half, and the servers are what they were before."""

import os
import random
import re
import signal
import subprocess
import threading
import time

import wire
from stand import BUILD, Stand

BUYERS, MONEY = 200, 1000
SETTINGS = "in_doubt_ms = 1000\nhold_ms = 8000\n"
TABLES = "[table shop.accounts]\nkey = buyer_id\n\n[table shop.moves]\nkey = buyer_id\n"
SETTLE_SECONDS = 90


class Proxy:
    """One of the waybills."""

    def __init__(self, stand, number):
        self.number, self.port, self.admin_port = number, stand.port + 150 + 3 * number, stand.port + 151 + 3 * number
        self.path = os.path.join(stand.directory, f"proxy{number}.ini")
        self.log_path = self.path.replace(".ini", ".log")
        text = stand.configuration(f"proxy_id = {number}\n")
        for name, port in (("listen", self.port), ("admin_listen", self.admin_port), ("http_listen", self.port + 2)):
            text = re.sub(rf"(?m)^{name} = .*$", f"{name} = 127.0.0.1:{port}", text)
        with open(self.path, "w") as out:
            out.write(text)
        self.process, self.is_frozen = None, False

    def start(self):
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen([os.path.join(BUILD, "waybill"), self.path], stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def end(self, how):
        if self.is_frozen:
            self.thaw()
        self.process.send_signal(how)
        self.process.wait()

    def freeze(self):
        self.process.send_signal(signal.SIGSTOP)
        self.is_frozen = True

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)
        self.is_frozen = False

    def connect(self):
        return wire.Client(port=self.port, user="bank", password="bank_pw", database="shop", timeout=15)

    def admin(self, command):
        client = wire.Client(port=self.admin_port, user="admin", password="admin_pw", timeout=5)
        result = client.query(command)
        client.close()
        return [dict(zip(result.names(), row)) for row in result.rows]


class Account:
    """What clients were told of each transfer."""

    def __init__(self):
        self.lock, self.last = threading.Lock(), 0
        self.done, self.not_done, self.unknown = set(), set(), set()

    def next(self):
        with self.lock:
            self.last += 1
            return self.last


class Teller(threading.Thread):
    """A client that makes transfers, now through this waybill, now through that one."""

    def __init__(self, chaos, seed):
        super().__init__(daemon=True)
        self.chaos, self.rng, self.client = chaos, random.Random(seed), None

    def run(self):
        while not self.chaos.is_over:
            number = self.chaos.account.next()
            try:
                self.transfer(number)
                self.chaos.account.done.add(number)
            except wire.ServerError as error:
                # 1213 and the like are rolled back; 9007: nobody knows
                (self.chaos.account.unknown if error.code == 9007 else self.chaos.account.not_done).add(number)
            except (OSError, wire.ConnectionLost, wire.ProtocolError):
                self.chaos.account.unknown.add(number)
                self.forget()
                time.sleep(0.05)
            if self.client and self.rng.random() < 0.02:
                self.forget()

    def forget(self):
        if self.client:
            self.client.abort()
        self.client = None

    def transfer(self, number):
        if self.client is None:
            self.client = self.rng.choice(self.chaos.proxies).connect()
        one, other = sorted(self.rng.sample(range(1, BUYERS + 1), 2))
        amount = self.rng.randint(1, 9)
        try:
            self.client.query("BEGIN")
            for buyer, change in ((one, -amount), (other, amount)):
                self.client.query(f"UPDATE accounts SET money = money + {change} WHERE buyer_id = {buyer}")
                self.client.query(f"INSERT INTO moves (number, buyer_id, amount) VALUES ({number}, {buyer}, {change})")
            self.client.query("COMMIT")
        except wire.ServerError:
            if not self.chaos.is_over:
                self.roll_back()
            raise

    def roll_back(self):
        try:
            self.client.query("ROLLBACK")
        except (wire.ServerError, OSError, wire.ConnectionLost):
            self.forget()


class Reader(threading.Thread):
    """A client that looks at all accounts in one moment, through this waybill or that one."""

    def __init__(self, chaos, seed):
        super().__init__(daemon=True)
        self.chaos, self.rng, self.client, self.sums, self.failures = chaos, random.Random(seed), None, [], 0

    def run(self):
        while not self.chaos.is_over:
            try:
                self.client = self.client or self.rng.choice(self.chaos.proxies).connect()
                self.client.query("START TRANSACTION WITH CONSISTENT SNAPSHOT")
                for _ in range(2):
                    self.sums.append(int(self.client.query("SELECT SUM(money) FROM accounts").rows[0][0]))
                    time.sleep(0.01)
                self.client.query("COMMIT")
                if self.rng.random() < 0.1:
                    self.forget()
            except (OSError, wire.ServerError, wire.ConnectionLost, wire.ProtocolError):
                self.failures += 1
                self.forget()
                time.sleep(0.05)

    def forget(self):
        if self.client:
            self.client.abort()
        self.client = None


class Chaos:
    def __init__(self, stand, seed, proxies=3, tellers=9, readers=0, report=print):
        self.stand, self.rng, self.report = stand, random.Random(seed), report
        self.proxies = [Proxy(stand, number) for number in range(1, proxies + 1)]
        self.account, self.is_over, self.faults = Account(), False, []
        self.tellers = [Teller(self, self.rng.random()) for _ in range(tellers)]
        self.readers = [Reader(self, self.rng.random()) for _ in range(readers)]
        self.healers = []  # (when, what to do)
        self.anew = set()
        self.down = {}  # what is broken now: at most one server of a shard, and one waybill

    # the cluster

    def servers(self):
        return [f"s{shard}{letter}" for shard in range(1, self.stand.shards + 1) for letter in "abcdefg"[: self.stand.replicas + 1]]

    def members(self, shard):
        return [server for server in self.servers() if server.startswith(shard)]

    def pid(self, server):
        with open(os.path.join(self.stand.directory, server, "pid")) as file:
            return int(file.read())

    def primary(self, shard):
        for proxy in [proxy for proxy in self.proxies if not proxy.is_frozen]:
            try:
                return next(row["primary"] for row in proxy.admin("SHOW SHARDS") if row["shard"] == shard) or None
            except (OSError, wire.ServerError, wire.ConnectionLost):
                continue
        return None

    def start(self):
        self.stand.cluster("waybill", "stop")
        for proxy in self.proxies:
            proxy.start()
        self.stand.wait_until(lambda: all(self.answers(proxy) for proxy in self.proxies), 30, "all waybills answer")
        client = self.proxies[0].connect()
        for table in ("accounts", "moves"):
            client.query(f"DROP TABLE IF EXISTS {table}")
        client.query("CREATE TABLE accounts (buyer_id BIGINT NOT NULL PRIMARY KEY, money BIGINT NOT NULL) ENGINE=InnoDB")
        client.query("CREATE TABLE moves (number BIGINT NOT NULL, buyer_id BIGINT NOT NULL, amount INT NOT NULL, "
                     "PRIMARY KEY (number, buyer_id)) ENGINE=InnoDB")
        client.query("INSERT INTO accounts VALUES " + ", ".join(f"({i}, {MONEY})" for i in range(1, BUYERS + 1)))
        client.close()

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

    # faults: each breaks something, and says how it is healed

    def break_server(self, how):
        shard = f"s{self.rng.randint(1, self.stand.shards)}"
        primary, wants_primary = self.primary(shard), self.rng.random() < 0.6
        if shard in self.down or primary is None:
            return
        others = [server for server in self.members(shard) if server != primary]
        server = primary if wants_primary else self.rng.choice(others)
        self.down[shard] = server
        self.faults.append(f"{how} {server}{' (primary)' if wants_primary else ''}")
        if how == "kill":
            self.stand.cluster("kill", f"{shard}/{server}")
            self.heal_in(0.2, 4, shard, lambda: self.stand.cluster("start", f"{shard}/{server}", check=False))
        else:
            pid = self.pid(server)
            os.kill(pid, signal.SIGSTOP)
            self.heal_in(0.1, 6, shard, lambda: os.kill(pid, signal.SIGCONT))

    def break_proxy(self, how):
        proxy = self.rng.choice(self.proxies)
        if "proxy" in self.down:
            return
        self.down["proxy"] = proxy
        self.faults.append(f"{how} waybill {proxy.number}")
        if how == "kill":
            proxy.end(signal.SIGKILL)
            self.heal_in(0.1, 2, "proxy", proxy.start)
        else:
            proxy.freeze()
            self.heal_in(0.2, 5, "proxy", proxy.thaw)

    def stop_replication(self):
        shard = f"s{self.rng.randint(1, self.stand.shards)}"
        others = [server for server in self.members(shard) if server != self.primary(shard)]
        if shard in self.down or not others:
            return
        server, thread = self.rng.choice(others), self.rng.choice(("IO_THREAD", "SQL_THREAD"))
        self.down[shard] = server
        self.faults.append(f"stop {thread} of {server}")
        self.order(server, f"STOP SLAVE {thread}")
        self.heal_in(0.2, 3, shard, lambda: self.order(server, f"START SLAVE {thread}"))

    def order(self, server, sql):
        try:
            self.stand.root(server).query(sql)
        except (OSError, wire.ServerError, wire.ConnectionLost):
            pass  # it is no replica any more

    def heal_in(self, least, most, what, heal):
        self.healers.append((time.monotonic() + self.rng.uniform(least, most), what, heal))

    def heal_due(self, is_all=False):
        for healer in list(self.healers):
            when, what, heal = healer
            if is_all or time.monotonic() >= when:
                heal()
                self.healers.remove(healer)
                self.down.pop(what, None)

    def one_fault(self):
        self.rng.choice((lambda: self.break_server("kill"), lambda: self.break_server("kill"), lambda: self.break_server("freeze"),
                         lambda: self.break_proxy("kill"), lambda: self.break_proxy("freeze"), self.stop_replication))()

    def play(self, seconds, transfers=0):
        """For so long, and until so many transfers were acknowledged."""
        self.start()
        clients = self.tellers + self.readers
        for client in clients:
            client.start()
        began = time.monotonic()
        while time.monotonic() < began + seconds or len(self.account.done) < transfers:
            assert time.monotonic() < began + seconds + transfers, f"{len(self.account.done)} transfers in {seconds + transfers} s"
            time.sleep(self.rng.uniform(0.1, 0.9))
            self.heal_due()
            self.one_fault()
        self.heal_due(is_all=True)
        time.sleep(1)
        self.is_over = True
        for client in clients:
            client.join(60)
            assert not client.is_alive(), "a client waits for ever"

    # what must be so

    def check(self):
        self.stand.wait_until(self.is_settled, SETTLE_SECONDS, self.state)
        primaries = {f"s{number}": self.primary(f"s{number}") for number in range(1, self.stand.shards + 1)}
        rows, money = {}, 0
        for primary in primaries.values():
            root = self.stand.root(primary)
            money += int(root.query("SELECT SUM(money) FROM shop.accounts").rows[0][0])
            for number, amount in root.query("SELECT number, amount FROM shop.moves").rows:
                rows.setdefault(int(number), []).append(int(amount))
        halves = {number: amounts for number, amounts in rows.items() if len(amounts) != 2 or sum(amounts) != 0}
        account = self.account
        assert not halves, f"transfers that are there by half: {halves}"
        assert money == BUYERS * MONEY, f"money is {money}, not {BUYERS * MONEY}"
        sums = [total for reader in self.readers for total in reader.sums]
        assert set(sums) <= {BUYERS * MONEY}, f"a snapshot had a total of {set(sums) - {BUYERS * MONEY}}"
        assert not account.done - set(rows), f"acknowledged, and not there: {sorted(account.done - set(rows))}"
        assert not account.not_done & set(rows), f"told to be rolled back, and there: {sorted(account.not_done & set(rows))}"
        self.compare_replicas(primaries)
        return (f"{len(account.done)} transfers acknowledged, {len(account.not_done)} refused, {len(account.unknown)} without an answer; "
                f"{len(sums)} totals of snapshots, all the same; "
                f"to be made anew: {', '.join(sorted(self.anew)) or 'none'}; faults: {', '.join(self.faults)}")

    def compare_replicas(self, primaries):
        for shard, primary in primaries.items():
            for table in ("shop.accounts", "shop.moves"):
                sums = {server: self.stand.root(server).query(f"CHECKSUM TABLE {table}").rows[0][1] for server in self.members(shard) if server not in self.anew}
                assert len(set(sums.values())) == 1, f"{table} is not the same: {sums} (primary {primary})"

    def find_anew(self, proxy):
        """Old primaries that waybill doesn't take back, and says why: they have to be made anew."""
        texts = [row["event"] for row in proxy.admin("SHOW EVENTS")]
        return {row["server"] for row in proxy.admin("SHOW SERVERS") if row["role"] == "detached" and
                any(f"rejoin of {row['server']} refused" in text and "made anew" in text for text in texts)}

    def is_settled(self):
        """Every waybill sees each shard whole, nothing is prepared, and one server of each shard takes writes."""
        try:
            self.anew = set.union(*(self.find_anew(proxy) for proxy in self.proxies))
            for proxy in self.proxies:
                for row in proxy.admin("SHOW SHARDS"):
                    lost = len(self.anew & set(self.members(row["shard"])))
                    if row["state"] != "ok" or int(row["fit_replicas"]) != self.stand.replicas - lost:
                        return False
            for server in self.servers():
                root = self.stand.root(server)
                if server not in self.anew and root.query("XA RECOVER").rows:
                    return False
                if root.query("SELECT @@read_only").rows != [("0" if server == self.primary(server[:2]) else "1",)]:
                    return False
            return True
        except (OSError, wire.ServerError, wire.ConnectionLost):
            return False

    def state(self):
        lines = [f"the cluster doesn't settle; faults: {', '.join(self.faults)}"]
        for proxy in self.proxies:
            try:
                for command in ("SHOW SHARDS", "SHOW SERVERS", "SHOW TRANSACTIONS"):
                    lines += [f"waybill {proxy.number}: {row}" for row in proxy.admin(command)]
                lines += [f"waybill {proxy.number}: {row['event']}" for row in proxy.admin("SHOW EVENTS")[-25:]]
            except (OSError, wire.ServerError, wire.ConnectionLost) as why:
                lines.append(f"waybill {proxy.number}: {why}")
        for server in self.servers():
            try:
                root = self.stand.root(server)
                rows = root.query("SHOW SLAVE STATUS")
                slave = dict(zip(rows.names(), rows.rows[0])) if rows.rows else {}
                lines.append(f"{server}: prepared {root.query('XA RECOVER').rows} {slave.get('Last_SQL_Error')} {slave.get('Last_IO_Error')}")
            except (OSError, wire.ServerError, wire.ConnectionLost) as why:
                lines.append(f"{server}: {why}")
        return "\n    ".join(lines)

    def stop(self):
        for _, _, heal in self.healers:
            heal()
        self.is_over = True
        for proxy in self.proxies:
            if proxy.process and proxy.process.poll() is None:
                proxy.end(signal.SIGTERM)

    def complaints(self):
        found = []
        for proxy in self.proxies:
            with open(proxy.log_path, errors="replace") as log:
                found += re.findall(r".*(?:Sanitizer|runtime error|Assertion).*", log.read())
        return found


def run(stand, seed, seconds, transfers=0, **more):
    """A whole round; what came of it."""
    chaos = Chaos(stand, seed, **more)
    try:
        chaos.play(seconds, transfers)
        said = chaos.check()
        assert not chaos.complaints(), chaos.complaints()
        return said
    finally:
        chaos.stop()


def stand_for(name, shards=2, replicas=2):
    return Stand(name, shards=shards, replicas=replicas, tables=TABLES, settings=SETTINGS, relaxed=False)
