"""coordination = etcd://...: who promotes is agreed on in a real etcd, also where half of the servers is gone."""

import base64
import json
import os
import re
import shutil
import signal
import subprocess
import urllib.request

import stand as stands
import wire

CLUSTER = {"shards": 1, "replicas": 1, "durability": "best_effort"}
PORTS_FURTHER = 150  # the second waybill's
ETCD_PORT = 190  # from the cluster's first
LEASE_S = 2
LEADER = base64.b64encode(b"waybill/test/leader/s1").decode()


class Etcd:
    SCHEME = "http"

    def words(self):
        """Of its command line, further ones."""
        return []

    def __init__(self, stand):
        self.stand, self.port = stand, stand.port + ETCD_PORT
        self.directory = os.path.join(stand.directory, "etcd")
        self.process = None

    def start(self):
        log = open(os.path.join(self.stand.directory, "etcd.log"), "a")
        client, peer = f"{self.SCHEME}://127.0.0.1:{self.port}", f"http://127.0.0.1:{self.port + 1}"
        words = ["etcd", "--data-dir", self.directory, "--listen-client-urls", client, "--advertise-client-urls", client,
                 "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", f"default={peer}", *self.words()]
        environment = {**os.environ, "ETCD_UNSUPPORTED_ARCH": os.uname().machine}
        self.process = subprocess.Popen(words, stdout=log, stderr=log, env=environment)
        log.close()
        self.stand.wait_until(self.answers, 60, "etcd answers")

    def ask(self, path, **body):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/v3/{path}", json.dumps(body).encode())
        with urllib.request.urlopen(request, timeout=5) as page:
            return json.load(page)

    def answers(self):
        try:
            self.ask("kv/range", key=LEADER)
            return True
        except OSError:
            return False

    def leads(self):
        """Who has the key."""
        found = self.ask("kv/range", key=LEADER).get("kvs")
        return base64.b64decode(found[0]["value"]).decode() if found else None

    def stop(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


class STAND(stands.Stand):
    """Servers, etcd, and a waybill; a second one, which probes later, so that the first one is faster."""

    def __init__(self, name, **shape):
        super().__init__(name, **shape)
        if shutil.which("etcd") is None:
            raise stands.Skip("no etcd (Debian: etcd-server)")
        self.etcd, self.other = Etcd(self), None
        self.settings = (f"coordination = etcd://127.0.0.1:1,127.0.0.1:{self.port + ETCD_PORT}\ncluster_name = test\nswitchover_grace_ms = 60000\n"
                         f"coordination_lease_ms = {LEASE_S * 1000}\nproxy_id = 3\n")

    def start_waybill(self):
        if self.etcd.process is None:
            self.etcd.start()
        super().start_waybill()

    def stop(self):
        self.etcd.stop()
        if self.other is not None:
            self.other.send_signal(signal.SIGCONT)
            self.other.kill()
            self.other.wait()
        return super().stop()


def events(stand):
    return "\n".join(row["event"] for row in stand.admin("SHOW EVENTS"))


def shard(stand):
    return stand.admin("SHOW SHARDS")[0]


def whole(stand):
    """Both servers are there. The primary, and its replica."""
    for server in ("s1a", "s1b"):
        stand.cluster("start", f"s1/{server}", check=False)
    stand.wait_until(lambda: shard(stand)["fit_replicas"] == "1", 40, lambda: (stand.admin("SHOW SERVERS"), events(stand)))
    primary = shard(stand)["primary"]
    return primary, "s1a" if primary == "s1b" else "s1b"


def test_one_of_two_servers_is_enough(stand):
    """No majority of the servers is left, but etcd is."""
    primary, replica = whole(stand)
    stand.cluster("kill", f"s1/{primary}")
    stand.wait_until(lambda: shard(stand)["primary"] == replica, 30, lambda: events(stand))
    stand.wait_until(lambda: "failover of " + primary + " done" in events(stand), 20, lambda: events(stand))
    stand.wait_until(lambda: stand.etcd.leads() is None, 10, "the key is given back")


def test_another_leader_is_waited_for(stand):
    primary, replica = whole(stand)
    stand.wait_until(lambda: stand.etcd.leads() is None, 10, "nobody leads")
    lease = stand.etcd.ask("lease/grant", TTL=LEASE_S * 300)["ID"]
    stand.etcd.ask("kv/put", key=LEADER, value=base64.b64encode(b"another").decode(), lease=lease)
    stand.cluster("kill", f"s1/{primary}")
    stand.wait_until(lambda: "not the leader: another waybill leads" in events(stand), 30, lambda: events(stand))
    assert shard(stand)["primary"] == ""
    stand.etcd.ask("lease/revoke", ID=lease)
    stand.wait_until(lambda: shard(stand)["primary"] == replica, 30, lambda: events(stand))


def test_without_etcd_nobody_is_promoted(stand):
    """It serves on; when etcd is back, so is the failover."""
    primary, replica = whole(stand)
    stand.etcd.stop()
    assert stand.try_query("SELECT 1")
    program = os.environ.get("WAYBILL_BIN", "build/waybill")
    checked = subprocess.run([program, "--check", "--live", os.path.join(stand.directory, "waybill.ini")], capture_output=True, text=True)
    assert checked.returncode == 1 and re.search(r"^etcd: etcd 127.0.0.1:\d+: ", checked.stdout, re.M), checked
    stand.cluster("kill", f"s1/{primary}")
    stand.wait_until(lambda: re.search(r"failover of \w+ refused: not the leader: etcd 127.0.0.1:\d+: ", events(stand)), 30, lambda: events(stand))
    assert shard(stand)["primary"] == ""
    stand.etcd.start()
    stand.wait_until(lambda: shard(stand)["primary"] == replica, 40, lambda: events(stand))


def start_other(stand):
    text = stand.configuration().replace("proxy_id = 3", "proxy_id = 4")
    first = int(stand.values["WAYBILL_PORT"])
    for i in range(3):
        text = re.sub(rf"(listen = 127.0.0.1):{first + i}\b", rf"\1:{first + PORTS_FURTHER + i}", text)
    path = os.path.join(stand.directory, "other.ini")
    with open(path, "w") as out:
        out.write(text)
    program = os.environ.get("WAYBILL_BIN", os.path.join(stands.ROOT, "build", "waybill"))
    with open(os.path.join(stand.directory, "other.log"), "a") as log:
        stand.other = subprocess.Popen([program, "--config", path], stderr=log, stdout=log)


def primary_of_other(stand):
    try:
        client = wire.Client(port=int(stand.values["WAYBILL_ADMIN_PORT"]) + PORTS_FURTHER, user=stand.values["WAYBILL_ADMIN_USER"],
                             password=stand.values["WAYBILL_ADMIN_PASSWORD"], timeout=10)
    except (OSError, wire.ConnectionLost):
        return None
    found = client.query("SHOW SHARDS")
    client.close()
    return dict(zip(found.names(), found.rows[0]))["primary"]


def test_a_leader_that_stands_still(stand):
    """It has the key, and locks on the servers, in the middle of a change; the other one takes over when both are gone. Awake
    again it does nothing more."""
    primary, replica = whole(stand)
    start_other(stand)
    stand.wait_until(lambda: primary_of_other(stand) == primary, 30, "the other one knows the primary")
    busy = stand.client()
    busy.query("CREATE TABLE IF NOT EXISTS held (id INT PRIMARY KEY)")
    busy.query("BEGIN")
    busy.query("INSERT INTO held VALUES (1)")
    pid = stand.waybill_pid()
    admin = wire.Client(port=int(stand.values["WAYBILL_ADMIN_PORT"]), user=stand.values["WAYBILL_ADMIN_USER"],
                        password=stand.values["WAYBILL_ADMIN_PASSWORD"], timeout=60)
    admin.send_command(wire.COM_QUERY, f"SWITCHOVER SHARD s1 TO {replica}")  # waits for the transaction
    stand.wait_until(lambda: stand.etcd.leads() == "3", 20, lambda: events(stand))
    os.kill(pid, signal.SIGSTOP)
    try:
        stand.cluster("kill", f"s1/{primary}")
        stand.wait_until(lambda: primary_of_other(stand) == replica, 90, lambda: (stand.etcd.leads(), primary_of_other(stand)))
    finally:
        os.kill(pid, signal.SIGCONT)
    epoch = stand.root(replica).query("SELECT MAX(epoch) FROM waybill.topology").rows
    stand.wait_until(lambda: shard(stand)["primary"] == replica, 30, lambda: events(stand))
    assert stand.root(replica).query("SELECT MAX(epoch) FROM waybill.topology").rows == epoch
    assert stand.root(replica).query("SELECT @@read_only").rows[0][0] == "0"
