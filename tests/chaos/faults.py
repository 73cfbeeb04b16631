"""What is done to servers, waybills and the network between them. A fault holds a slot while it lasts: at most one for each shard and
one for the waybills; some hold more. Each says what it does, and how and when it is healed."""

import os
import signal
import time

import wire

STATEMENTS = 30  # about as many as a promotion of one of three servers has


class Faults:
    """FAULTS, at the end, says which there are."""

    def __init__(self, ground, proxies, primary):
        self.ground, self.proxies, self.primary, self.rng = ground, proxies, primary, None
        self.healers = []  # (when, slots, what to do)
        self.held = set()
        self.told = []

    # ---- slots and healers

    def take_shard(self, wants_primary=None):
        """(shard, a server of it, the others), or None when it is taken or has no primary."""
        shard = f"s{self.rng.randint(1, self.ground.shards)}"
        wants = self.rng.random() < 0.6 if wants_primary is None else wants_primary
        pick = self.rng.random()
        primary = self.primary(shard)
        if shard in self.held or primary is None:
            return None
        replicas = [server for server in self.ground.members(shard) if server != primary]
        server = primary if wants else replicas[int(pick * len(replicas))]
        self.held.add(shard)
        return shard, server, [other for other in self.ground.members(shard) if other != server]

    def take_proxy(self):
        proxy = self.rng.choice(self.proxies)
        if "proxy" in self.held:
            return None
        self.held.add("proxy")
        return proxy

    def begin(self, text, least, most, slots, heal):
        self.tell(text)
        self.healers.append((time.monotonic() + self.rng.uniform(least, most), slots, heal))

    def tell(self, text):
        self.told.append(f"{time.strftime('%H:%M:%S')} {text}")

    def heal_due(self, is_all=False):
        for healer in list(self.healers):
            when, slots, heal = healer
            if is_all or time.monotonic() >= when:
                heal()
                self.healers.remove(healer)
                self.held.difference_update(slots)

    def order(self, server, sql):
        try:
            client = self.ground.root(server)
            client.query(sql)
            client.close()
        except (OSError, wire.ServerError, wire.ConnectionLost):
            pass  # it is no replica any more

    def start(self, shard, server):
        self.ground.cluster("start", f"{shard}/{server}", check=False)

    # ---- servers

    def kill_server(self):
        taken = self.take_shard()
        if taken:
            shard, server, _ = taken
            self.ground.cluster("kill", f"{shard}/{server}")
            self.begin(f"kill {server}", 0.2, 4, (shard,), lambda: self.start(shard, server))

    def freeze_server(self):
        taken = self.take_shard()
        if taken:
            shard, server, _ = taken
            pid = self.ground.pid(server)
            os.kill(pid, signal.SIGSTOP)
            self.begin(f"freeze {server}", 0.1, 6, (shard,), lambda: os.kill(pid, signal.SIGCONT))

    def stop_replica(self):
        taken = self.take_shard(wants_primary=False)
        if taken:
            shard, server, _ = taken
            threads = self.rng.choice((" IO_THREAD", " SQL_THREAD", ""))
            self.order(server, f"STOP SLAVE{threads}")
            self.begin(f"stop slave{threads.lower()} on {server}", 0.2, 3, (shard,), lambda: self.order(server, f"START SLAVE{threads}"))

    def kill_before_it_is_applied(self):
        """The replicas have received more than they have applied, and the primary dies."""
        taken = self.take_shard(wants_primary=True)
        if taken:
            shard, server, others = taken
            for other in others:
                self.order(other, "STOP SLAVE SQL_THREAD")
            time.sleep(self.rng.uniform(0.2, 1))
            self.ground.cluster("kill", f"{shard}/{server}")

            def heal():
                for other in others:
                    self.order(other, "START SLAVE SQL_THREAD")
                self.start(shard, server)

            self.begin(f"kill {server} with relay logs behind", 1, 6, (shard,), heal)

    def kill_two(self):
        """The primary and a replica at the same time, and the replica is back first."""
        taken = self.take_shard(wants_primary=True)
        if taken:
            shard, server, others = taken
            replica = self.rng.choice(others)
            for victim in (replica, server):
                os.kill(self.ground.pid(victim), signal.SIGKILL)
            self.start(shard, replica)
            self.begin(f"kill {replica} and {server}, {replica} is back", 1, 8, (shard,), lambda: self.start(shard, server))

    def fill_disk(self):
        taken = self.ground.has_disks and self.take_shard()
        if taken:
            shard, server, _ = taken
            self.ground.fill_disk(server)
            self.begin(f"full disk of {server}", 0.5, 5, (shard,), lambda: self.ground.empty_disk(server))

    def slow_disk(self):
        taken = self.ground.has_library and self.take_shard()
        if taken:
            shard, server, _ = taken
            delay_ms = self.rng.choice((10, 100, 600))
            faults = self.ground.faults_of(server)
            faults.set(fsync_delay_us=1000 * delay_ms)
            self.begin(f"fsync of {server} takes {delay_ms} ms", 0.5, 5, (shard,), lambda: faults.set(fsync_delay_us=0))

    def step_clock(self):
        """Stays as it is: clocks of a cluster differ."""
        if self.ground.has_library:
            node = self.rng.choice(self.ground.servers() + [proxy.name for proxy in self.proxies])
            step_s = self.rng.choice((-3600, -20, -2, 2, 20, 3600))
            self.ground.faults_of(node).set(clock_step_s=step_s)
            self.tell(f"clock of {node} is {step_s} s off")

    # ---- waybills

    def kill_proxy(self):
        proxy = self.take_proxy()
        if proxy:
            proxy.end(signal.SIGKILL)
            self.begin(f"kill {proxy.name}", 0.1, 2, ("proxy",), proxy.revive)

    def freeze_proxy(self):
        proxy = self.take_proxy()
        if proxy:
            proxy.freeze()
            self.begin(f"freeze {proxy.name}", 0.2, 5, ("proxy",), proxy.thaw)

    def cut_promotion(self):
        """The primary dies, and who promotes another dies or halts at one of the statements of it; perhaps the next one, too."""
        if not self.ground.has_library or "proxy" in self.held:
            return
        taken = self.take_shard(wants_primary=True)
        if not taken:
            return
        shard, server, _ = taken
        self.held.add("proxy")
        left, is_after = self.rng.randint(1, STATEMENTS), self.rng.randint(0, 1)
        how = self.rng.choice((signal.SIGKILL, signal.SIGSTOP))
        for proxy in self.proxies:
            self.ground.faults_of(proxy.name).set(signal=int(how), is_after=is_after, statements_left=left)
        self.ground.cluster("kill", f"{shard}/{server}")

        def heal():
            for proxy in self.proxies:
                self.ground.faults_of(proxy.name).set(statements_left=0)
                proxy.revive()
            self.start(shard, server)

        verb = "killed" if how == signal.SIGKILL else "frozen"
        self.begin(f"kill {server}, and who promotes is {verb} {'behind' if is_after else 'before'} statement {left}", 2, 8, (shard, "proxy"), heal)

    # ---- the network

    def part(self, text, pairs, most, slots):
        """(who, of whom it hears nothing any more)"""
        for node, others in pairs:
            self.ground.net.deafen(node, others)

        def heal():
            for node, _ in pairs:
                self.ground.net.heal(node)

        self.begin(text, 0.2, most, slots, heal)

    def one_way(self, one, other):
        """The pairs of a link that is cut this way, that way, or both."""
        which = self.rng.randint(0, 2)
        pairs = ([(one, [other])] if which != 1 else []) + ([(other, [one])] if which != 0 else [])
        return pairs, (f"{one} doesn't hear {other}", f"{other} doesn't hear {one}", f"{one} and {other} don't hear each other")[which]

    def part_servers(self):
        taken = self.ground.net.has_links and self.take_shard(wants_primary=True)
        if taken:
            shard, server, others = taken
            pairs, text = self.one_way(server, self.rng.choice(others))
            self.part(text, pairs, 6, (shard,))

    def part_proxy(self):
        proxy = self.ground.net.has_links and self.take_proxy()
        if proxy:
            pairs, text = self.one_way(proxy.name, self.rng.choice(self.ground.servers()))
            self.part(text, pairs, 6, ("proxy",))

    def isolate_proxy(self):
        proxy = self.ground.net.has_links and self.take_proxy()
        if proxy:
            servers = self.ground.servers()
            is_deaf = self.rng.random() < 0.5
            pairs = [(proxy.name, servers)] if is_deaf else [(server, [proxy.name]) for server in servers]
            self.part(f"{proxy.name} {'hears' if is_deaf else 'is heard by'} no server", pairs, 6, ("proxy",))

    def isolate_server(self):
        """From all, or with one waybill that still reaches it."""
        if not self.ground.net.has_links or "proxy" in self.held:
            return
        taken = self.take_shard()
        if not taken:
            return
        shard, server, others = taken
        self.held.add("proxy")
        near = self.rng.choice([None, *(proxy.name for proxy in self.proxies)])
        far = [other for other in self.ground.servers() + [proxy.name for proxy in self.proxies] if other not in (server, near)]
        pairs = [(server, far)] + [(node, [server]) for node in far]
        if near:
            far_servers = [node for node in far if not node.startswith("w")]
            pairs += [(near, far_servers)] + [(node, [near]) for node in far_servers]
        self.part(f"{server} {f'and {near} are' if near else 'is'} cut off", pairs, 8, (shard, "proxy"))

    def lose_packets(self):
        taken = self.ground.net.has_links and self.take_shard()
        if taken:
            shard, server, _ = taken
            percent = self.rng.choice((2, 10, 30))
            self.ground.net.lose(server, percent)
            self.begin(f"{server} loses {percent} % of its packets", 0.5, 6, (shard,), lambda: self.ground.net.heal(server))

    def one(self, names):
        getattr(self, self.rng.choice(names))()


FAULTS = ("kill_server", "kill_server", "freeze_server", "stop_replica", "kill_before_it_is_applied", "kill_two", "fill_disk", "slow_disk", "step_clock",
          "kill_proxy", "freeze_proxy", "cut_promotion", "cut_promotion", "part_servers", "part_proxy", "isolate_proxy", "isolate_server",
          "lose_packets")
