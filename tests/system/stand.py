"""What a system test stands on: a disposable cluster of real servers with waybill in front."""

import hashlib
import os
import re
import signal
import subprocess
import time

import wire

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BUILD = os.path.dirname(os.environ.get("WAYBILL_BIN", os.path.join(ROOT, "build", "waybill")))
# All of them below the ports that the system gives to clients (from 32768 on).
FIRST_PORT = int(os.environ.get("WAYBILL_TEST_PORT", "16000"))
PORTS_EACH = 200
REFUSALS = (1235, 9001, 9002, 9003, 9006)  # waybill says why not, and changes nothing


MEMORY = "/dev/shm"
MEMORY_BYTES = 8 << 30


def scratch():
    """The directory of all clusters, always the same for one program, so that the next run ends what a killed one left.
    In memory where there is room: kill -9 can't tell the difference, and a slow disk decides no test."""
    has_room = False
    if os.access(MEMORY, os.W_OK):
        room = os.statvfs(MEMORY)
        with open("/proc/meminfo") as meminfo:
            available = 1024 * int(re.search(r"MemAvailable:\s+(\d+)", meminfo.read()).group(1))
        has_room = min(room.f_bavail * room.f_frsize, available) >= MEMORY_BYTES
    name = "waybill-" + hashlib.sha256(os.path.abspath(BUILD).encode()).hexdigest()[:8]
    return os.path.join(MEMORY, name) if has_room else os.path.join(BUILD, "system")


SCRATCH = scratch()


class Skip(Exception):
    pass


class Stand:
    """`tables`: table sections for waybill's configuration. `settings`: further lines of [waybill]. `durability`: of all shards."""

    made = 0

    def __init__(self, name, shards=2, replicas=0, plain=False, tables=None, settings="", flavor="mariadb", relaxed=True, durability=None):
        self.directory = os.path.join(SCRATCH, name)
        self.port = FIRST_PORT + Stand.made * PORTS_EACH
        Stand.made += 1
        self.shards, self.replicas, self.plain, self.flavor = shards, replicas, plain, flavor
        self.tables, self.settings, self.durability = tables, settings, durability
        self.environment = dict(os.environ)
        if relaxed:
            self.environment["WAYBILL_CLUSTER_RELAXED"] = "1"
        self.values = {}

    def cluster(self, *words, check=True):
        command = [os.path.join(ROOT, "tools", "cluster"), *words, "--dir", self.directory]
        done = subprocess.run(command, capture_output=True, text=True, env=self.environment)
        if check and done.returncode != 0:
            raise RuntimeError(f"tools/cluster {' '.join(words)}: {done.stdout}{done.stderr}")
        return done.stdout

    def start(self):
        self.stop()
        words = ["up", "--shards", str(self.shards), "--replicas", str(self.replicas), "--base-port", str(self.port),
                 "--flavor", self.flavor]
        words += ["--plain", "1"] if self.plain else []
        self.cluster(*words)
        self.start_waybill()
        self.read_env()
        self.wait_until(lambda: self.try_query("SELECT 1"), 20, "waybill answers")

    def read_env(self):
        self.values = dict(re.findall(r"^(?:export )?(WAYBILL_\w+)='?([^'\n]*?)'?$", self.cluster("env"), re.M))

    def configuration(self, settings=""):
        text = self.cluster("conf")
        if self.tables is not None:
            text = text[: text.index("[table ")] + self.tables
        if self.durability is not None:
            text = re.sub(r"(\[shard \w+\]\n)", rf"\1durability = {self.durability}\n", text)
        return text.replace("[waybill]\n", "[waybill]\n" + self.settings + settings, 1)

    def start_waybill(self):
        text = self.configuration()
        path = os.path.join(self.directory, "test.ini")
        with open(path, "w") as out:
            out.write(text)
        self.cluster("waybill", "start", "--conf", path)

    def stop(self):
        """Ends everything; what a sanitizer or an assertion said in waybill's log is a failure."""
        self.cluster("waybill", "stop", check=False)
        complaints = self.complaints()
        self.cluster("down", check=False)
        return complaints

    def complaints(self):
        try:
            with open(os.path.join(self.directory, "waybill.log"), errors="replace") as log:
                text = log.read()
        except OSError:
            return ""
        found = re.search(r"(Sanitizer|runtime error|Assertion)", text)
        return text[max(0, found.start() - 200): found.start() + 4000] if found else ""

    def skip_if_sanitized(self):
        """For tests that measure memory."""
        if os.environ.get("WAYBILL_SANITIZED"):
            raise Skip("memory is not comparable under a sanitizer")

    def pid(self, server):
        with open(os.path.join(self.directory, server, "pid")) as file:
            return int(file.read())

    def waybill_pid(self):
        return int(self.cluster("waybill", "pid"))

    def waybill_rss_kib(self):
        with open(f"/proc/{self.waybill_pid()}/status") as status:
            return int(re.search(r"VmRSS:\s+(\d+)", status.read()).group(1))

    def show_log(self):
        try:
            with open(os.path.join(self.directory, "waybill.log")) as log:
                print("".join("      " + line for line in log.readlines()[-12:]), flush=True)
        except OSError:
            pass

    # connections

    def client(self, user=None, database="shop", **more):
        """A client of waybill; user 'loader' may write to several shards."""
        password = {"loader": "loader_pw"}.get(user, self.values["WAYBILL_PASSWORD"])
        return wire.Client(port=int(self.values["WAYBILL_PORT"]), user=user or self.values["WAYBILL_USER"],
                           password=password, database=database, timeout=30, **more)

    def direct(self, server, database="shop", **more):
        """The application's account, straight on a server."""
        return wire.Client(port=int(self.values[f"WAYBILL_{server.upper()}_PORT"]), user=self.values["WAYBILL_USER"],
                           password=self.values["WAYBILL_PASSWORD"], database=database, timeout=30, **more)

    def root(self, server):
        return wire.Client(unix_socket=self.values[f"WAYBILL_{server.upper()}_SOCKET"], user=self.values["WAYBILL_ROOT_USER"],
                           password="", timeout=30)

    def admin(self, command):
        """The rows of an admin command as dictionaries."""
        client = wire.Client(port=int(self.values["WAYBILL_ADMIN_PORT"]), user=self.values["WAYBILL_ADMIN_USER"],
                             password=self.values["WAYBILL_ADMIN_PASSWORD"], timeout=10)
        result = client.query(command)
        client.close()
        return [dict(zip(result.names(), row)) for row in result.rows]

    def try_query(self, sql):
        try:
            client = self.client()
            client.query(sql)
            client.close()
            return True
        except (OSError, wire.ServerError, wire.ConnectionLost):
            return False

    def wait_until(self, condition, seconds, what):
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError(f"not within {seconds} s: {what() if callable(what) else what}")
            time.sleep(0.05)

    def orders(self, *words):
        """Runs the load generator; its figures as a dictionary."""
        program = os.path.join(BUILD, "orders")
        done = subprocess.run([program, *words, "--port", self.values["WAYBILL_PORT"], "--shards", str(self.shards)],
                              capture_output=True, text=True)
        figures = dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
        return done.returncode, figures, done.stderr


class SecondWaybill:
    """Beside the stand's own one, before the same servers. `change`: (old, new) in its configuration. `place`: 0, or 1 for
    a third one."""

    PORTS_FURTHER = 150

    def __init__(self, stand, user, change=("", ""), place=0):
        first = int(stand.values["WAYBILL_PORT"])
        self.stand, self.user, self.port = stand, user, first + self.PORTS_FURTHER + 10 * place
        text = stand.configuration().replace(*change)
        for i in range(3):
            text = re.sub(rf"(listen = 127.0.0.1):{first + i}\b", rf"\1:{self.port + i}", text)
        path = os.path.join(stand.directory, f"other{place or ''}.ini")
        with open(path, "w") as out:
            out.write(text)
        self.log = open(os.path.join(stand.directory, f"other{place or ''}.log"), "w")
        program = os.environ.get("WAYBILL_BIN", os.path.join(ROOT, "build", "waybill"))
        self.process = subprocess.Popen([program, "--config", path], stderr=self.log, stdout=self.log)
        stand.wait_until(self.answers, 60, "the second waybill answers")

    def answers(self):
        assert self.process.poll() is None, "it has ended"
        try:
            self.client().close()
            return True
        except (OSError, wire.ServerError, wire.ConnectionLost):
            return False

    def client(self):
        return wire.Client(port=self.port, user=self.user, password=f"{self.user}_pw", database="shop", timeout=60)

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        self.process.wait(60)
        self.log.close()
