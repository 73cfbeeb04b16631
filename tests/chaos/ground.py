"""What a round of chaos stands on: a cluster whose servers and waybills have networks, disks and clocks of their own, as far as
they can be had here."""

import contextlib
import mmap
import os
import re
import shutil
import signal
import struct
import subprocess

import network
import wire
from stand import BUILD, Stand

SETTINGS = "in_doubt_ms = 1000\nhold_ms = 8000\n"
TABLES = ("[table shop.accounts]\nkey = buyer_id\n\n[table shop.moves]\nkey = buyer_id\n\n"
          "[table shop.notes]\nkey = buyer_id\nid = note_id\n")
DISK_MIB = 1024
LIBRARY = os.path.join(BUILD, "faults.so")


class FaultFile:
    """What tests/support/faults.c reads in the program that it is preloaded into."""

    FIELDS = ("clock_step_s", "fsync_delay_us", "statements_left", "signal", "is_after")

    def __init__(self, path):
        self.path = path
        with open(path, "wb") as file:
            file.write(bytes(8 * len(self.FIELDS)))
        os.chmod(path, 0o666)  # the servers run as a user of their own
        with open(path, "r+b") as file:
            self.bytes = mmap.mmap(file.fileno(), 0)

    def set(self, **values):
        for field, value in values.items():
            at = 8 * self.FIELDS.index(field)
            self.bytes[at:at + 8] = struct.pack("<q", value)


class Ground(Stand):
    def __init__(self, name, net, shards=2, replicas=2, flavor="mariadb"):
        super().__init__(name, shards=shards, replicas=replicas, tables=TABLES, settings=SETTINGS, relaxed=False, flavor=flavor)
        self.net, self.fault_files = net, {}
        self.has_disks = net.has_links  # (mounts of this run alone)
        self.has_library = os.path.exists(LIBRARY) and not os.environ.get("WAYBILL_SANITIZED")
        self.fault_directory = self.directory + ".faults"
        if net.has_links:
            self.environment.update(WAYBILL_CLUSTER_NETWORK=net.prefix, WAYBILL_CLUSTER_DISK=f"{DISK_MIB}M")
        if self.has_library:
            self.environment["WAYBILL_CLUSTER_FAULTS"] = f"{LIBRARY}:{self.fault_directory}"

    def servers(self):
        return [server for number in range(1, self.shards + 1) for server in self.members(f"s{number}")]

    def members(self, shard):
        return [shard + letter for letter in "abcdefg"[: self.replicas + 1]]

    def start(self):
        self.stop()
        os.makedirs(self.fault_directory, exist_ok=True)
        os.chmod(self.fault_directory, 0o755)
        for server in self.servers():
            self.net.add(server, f"{self.net.prefix}.{server[1:-1]}.{ord(server[-1]) - ord('a') + 1}")
            self.faults_of(server)
        self.cluster("up", "--shards", str(self.shards), "--replicas", str(self.replicas), "--base-port", str(self.port), "--flavor", self.flavor)
        self.read_env()

    def stop(self):
        complaints = super().stop()
        self.fault_files.clear()
        shutil.rmtree(self.fault_directory, ignore_errors=True)
        return complaints

    def faults_of(self, node):
        if node not in self.fault_files:
            self.fault_files[node] = FaultFile(os.path.join(self.fault_directory, node))
        return self.fault_files[node]

    def preloaded(self, node):
        return ["env", f"LD_PRELOAD={LIBRARY}", f"WAYBILL_FAULTS={self.faults_of(node).path}"] if self.has_library else []

    def resize_disk(self, server, size):
        network.order("mount", "-o", f"remount,size={size}", os.path.join(self.directory, server))

    def fill_disk(self, server):
        for spare in (0, 64 << 10, 1 << 20):  # it may grow meanwhile, and can't be smaller than what is on it
            room = os.statvfs(os.path.join(self.directory, server))
            with contextlib.suppress(RuntimeError):
                return self.resize_disk(server, (room.f_blocks - room.f_bfree) * room.f_frsize + spare)
        return None

    def empty_disk(self, server):
        self.resize_disk(server, DISK_MIB << 20)


class Proxy:
    """One of the waybills."""

    def __init__(self, ground, number):
        self.ground, self.number, self.name = ground, number, f"w{number}"
        self.host = f"{ground.net.prefix}.200.{number}" if ground.net.has_links else "127.0.0.1"
        self.port, self.admin_port = ground.port + 150 + 3 * number, ground.port + 151 + 3 * number
        ground.net.add(self.name, self.host)
        self.path = os.path.join(ground.directory, f"proxy{number}.ini")
        self.log_path = self.path.replace(".ini", ".log")
        text = ground.configuration(f"proxy_id = {number}\n")
        for name, port in (("listen", self.port), ("admin_listen", self.admin_port), ("http_listen", self.port + 2)):
            text = re.sub(rf"(?m)^{name} = .*$", f"{name} = {self.host}:{port}", text)
        with open(self.path, "w") as out:
            out.write(text)
        self.process = None

    def start(self):
        words = [*self.ground.net.around(self.name), *self.ground.preloaded(self.name), os.path.join(BUILD, "waybill"), self.path]
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def state(self):
        """As in /proc: T is stopped; '' has ended."""
        if self.process is None or self.process.poll() is not None:
            return ""
        with open(f"/proc/{self.process.pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0]

    def end(self, how):
        self.thaw()
        self.process.send_signal(how)
        self.process.wait()

    def freeze(self):
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        if self.state() == "T":
            self.process.send_signal(signal.SIGCONT)

    def revive(self):
        """As it should be: neither dead nor halted."""
        if self.state() == "":
            self.start()
        self.thaw()

    def connect(self):
        return wire.Client(host=self.host, port=self.port, user="bank", password="bank_pw", database="shop", timeout=15)

    def admin(self, command):
        client = wire.Client(host=self.host, port=self.admin_port, user="admin", password="admin_pw", timeout=5)
        result = client.query(command)
        client.close()
        return [dict(zip(result.names(), row)) for row in result.rows]
