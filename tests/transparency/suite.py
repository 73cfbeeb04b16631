"""One MariaDB server as mariadb-test-run would start it, waybill in front of it, and runs of tests on either."""

import concurrent.futures
import glob
import os
import re
import shutil
import signal
import subprocess
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
INSTALLED = "/usr/share/mysql/mysql-test"
PROGRAM = os.environ.get("WAYBILL_BIN", os.path.join(ROOT, "build", "waybill"))
PORT = int(os.environ.get("WAYBILL_TEST_PORT", "26000"))
PORTS = 10  # that a run of mariadb-test-run takes
# A server with other options than the plain one, a debug build, or one that a test starts anew.
NOT_PLAIN = re.compile(r"restart_mysqld|kill_mysqld|shutdown_mysqld|shutdown|have_debug|big_test|master-slave|"
                       r"valgrind|mysqld_bootstrap|slow_log", re.I)
RESULT = re.compile(r"^main\.(\S+)(?: '[^']*')*\s+(?:w\d+ )?\[ (pass|fail|skipped|disabled)")


def all_names():
    names = []
    for path in sorted(glob.glob(os.path.join(INSTALLED, "main", "*.test"))):
        base = path[:-5]
        with open(path, errors="replace") as text:
            special = NOT_PLAIN.search(text.read())
        options = any(os.path.exists(base + end) for end in (".opt", "-master.opt", ".cnf", ".combinations", "-master.sh"))
        if not special and not options and os.path.exists(base + ".result"):
            names.append(os.path.basename(base))
    return names


class Result:
    def __init__(self, passed, output):
        self.passed, self.output = passed, output


class Stands:
    """As many as there are cores: each runs its part of the tests."""

    def __init__(self, count):
        self.output = os.path.join(os.path.dirname(os.path.abspath(PROGRAM)), "transparency")
        self.stands = [Stand(self.output, number) for number in range(count)]

    def __enter__(self):
        try:
            for stand in self.stands:
                stand.prepare()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for stand in self.stands:
            stand.stop()

    def run(self, names, variant, through):
        """A Result for each name. Who is ready takes the next part, smaller ones towards the end."""
        results, left, lock = {}, list(names), threading.Lock()

        def take():
            with lock:
                count = min(40, max(1, len(left) // (2 * len(self.stands))))
                part = left[:count]
                del left[:count]
                return part

        def work(stand):
            while part := take():
                results.update(stand.run(part, variant, through))
            stand.stop()

        with concurrent.futures.ThreadPoolExecutor(len(self.stands)) as pool:
            list(pool.map(work, self.stands))
        return {name: results[name] for name in names}


class Stand:
    def __init__(self, output, number):
        self.output, self.number = output, number
        self.base = os.path.join(output, f"stand{number}")
        # One base of ports for the run that makes the server, and one for those that test.
        self.port_bases = [PORT + 2 * PORTS * number + PORTS * further for further in (0, 1)]
        self.tree = os.path.join(self.base, "mysql-test")
        self.server_dir = os.path.join(self.base, "server")
        self.server = self.waybill = None

    # --- what mariadb-test-run needs, and the server that it makes

    def prepare(self):
        shutil.rmtree(self.base, ignore_errors=True)
        os.makedirs(os.path.join(self.tree, "main"))
        # A failed test leaves a file beside its result: not below /usr.
        for path in glob.glob(os.path.join(INSTALLED, "*")):
            if os.path.basename(path) not in ("main", "mariadb-test-run.pl"):
                os.symlink(path, os.path.join(self.tree, os.path.basename(path)))
        # Of a server that it has not started itself it asks for a variable that no server shows.
        with open(os.path.join(INSTALLED, "mariadb-test-run.pl")) as script, \
                open(os.path.join(self.tree, "mariadb-test-run.pl"), "w") as ours:
            ours.write(script.read().replace("$mysqld_variables{'ssl'}", "$mysqld_variables{'have-ssl'}"))
        for path in glob.glob(os.path.join(INSTALLED, "main", "*")):
            os.symlink(path, os.path.join(self.tree, "main", os.path.basename(path)))
        for name in ("share", "bin", "sbin", "lib"):
            os.symlink("/usr/" + name, os.path.join(self.base, name))
        self.make_server()

    def ports(self, further):
        return {"MTR_PORT_BASE": str(self.port_bases[further]), "MTR_PORT_GROUP_SIZE": str(PORTS)}

    def make_server(self):
        """mariadb-test-run makes the data directory and the options; the optional engines are switched on."""
        environment = dict(os.environ, **self.ports(0))
        done = subprocess.run(["perl", "mariadb-test-run.pl", f"--vardir={self.server_dir}", "--start-and-exit",
                               "--nocheck-testcases", "main.1st"], cwd=self.tree, env=environment, capture_output=True, text=True)
        pid = re.search(r"mysqld\.1 - pid: (\d+)", done.stdout)
        if not pid:
            raise RuntimeError(done.stdout + done.stderr)
        end_pid(int(pid.group(1)))
        self.options = os.path.join(self.server_dir, "my.cnf")
        with open(self.options) as text:
            options = text.read()
        options = re.sub(r"^loose-skip-plugin-(innodb|partition|sequence|user-variables).*\n", "", options, flags=re.M)
        options = re.sub(r"^secure-file-priv=.*\n", "", options, flags=re.M)
        options = re.sub(r"^((slow-query|general)-log)=1", r"\1=0", options, flags=re.M)
        options += "[mysqld]\ninnodb-flush-log-at-trx-commit=2\nmax-connections=151\n"
        with open(self.options, "w") as out:
            out.write(options)
        self.socket = re.search(r"^socket=(.*)$", options, re.M).group(1)
        self.port = int(re.search(r"^port=(\d+)$", options, re.M).group(1))
        self.data = os.path.join(self.server_dir, "mysqld.1", "data")
        shutil.copytree(self.data, os.path.join(self.base, "data"))
        # waybill's account and schema are there on both ways.
        self.start_server()
        self.sql(self.socket, "CREATE USER waybill@localhost IDENTIFIED BY 'waybill_pw'; GRANT ALL ON *.* TO waybill@localhost")
        self.start_waybill()
        self.stop_waybill()
        self.sql(self.socket, "SHUTDOWN")
        self.server.wait(30)
        self.server = None
        shutil.rmtree(os.path.join(self.base, "data"))
        shutil.copytree(self.data, os.path.join(self.base, "data"))

    def start_server(self):
        self.stop_server()
        shutil.rmtree(self.data, ignore_errors=True)
        shutil.copytree(os.path.join(self.base, "data"), self.data)
        os.makedirs(os.path.join(self.server_dir, "tmp", "mysqld.1"), exist_ok=True)
        self.server = subprocess.Popen(["/usr/sbin/mariadbd", f"--defaults-file={self.options}", "--defaults-group-suffix=.1",
                                        "--user=root"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(lambda: self.sql(self.socket, "SELECT 1"), "the server answers")

    def start_waybill(self):
        self.stop_waybill()
        self.waybill_socket = os.path.join(self.base, "w.sock")
        path = os.path.join(self.base, "waybill.ini")
        with open(os.path.join(HERE, "waybill.ini")) as template, open(path, "w") as out:
            out.write(template.read().replace("@SOCKET@", self.waybill_socket).replace("@PORT@", str(self.port))
                      .replace("@STD_DATA@", os.path.join(self.tree, "std_data")))
        log = open(os.path.join(self.base, "waybill.log"), "a")
        self.waybill = subprocess.Popen([PROGRAM, "--config", path], stdout=log, stderr=log)
        wait_for(lambda: self.sql(self.waybill_socket, "SELECT 1"), "waybill answers")

    def sql(self, socket, text):
        return subprocess.run(["mariadb", "--no-defaults", "-uroot", "-S", socket, "-e", text], capture_output=True).returncode == 0

    def stop_server(self):
        self.server = end(self.server, signal.SIGKILL)

    def stop_waybill(self):
        self.waybill = end(self.waybill, signal.SIGTERM)

    def stop(self):
        self.stop_waybill()
        self.stop_server()

    # --- runs

    def run(self, names, variant, through):
        """The server is new at the beginning and after each failure."""
        results = {}
        while len(results) < len(names):
            self.begin(through)
            rest = [name for name in names if name not in results]
            before = len(results)
            self.run_until_failure(rest, variant, through, results)
            if len(results) == before:
                results[rest[0]] = Result(False, "mariadb-test-run says nothing of it")
            if not list(results.values())[-1].passed:
                self.stop()
        return results

    def begin(self, through):
        """Goes on with the server that runs, when the last test on it passed."""
        if self.server is None:
            self.start_server()
        if through and self.waybill is None:
            self.start_waybill()
        if not through:
            self.stop_waybill()

    def run_until_failure(self, names, variant, through, results):
        socket = self.waybill_socket if through else self.socket
        command = ["perl", "mariadb-test-run.pl", f"--vardir={os.path.join(self.base, 'var')}", f"--extern=socket={socket}",
                   f"--extern=port={self.port}", "--testcase-timeout=4", "--nocheck-testcases", "--suite=main", "--noreorder",
                   "--nowarnings"]
        command += [] if variant == "plain" else ["--" + variant]
        environment = dict(os.environ, MASTER_MYSOCK=socket, MASTER_MYPORT=str(self.port), **self.ports(1))
        process = subprocess.Popen(command + ["main." + name for name in names], cwd=self.tree, env=environment, text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors="replace")
        lines = []
        for line in process.stdout:
            found = RESULT.match(line)
            if found:
                name, word = found.groups()
                results[name] = Result(word == "pass", "")
                self.note(f"{variant} {'through' if through else 'direct'} {name} {word}")
                lines = []
            lines.append(line)
        process.wait()
        for name, result in list(results.items())[-1:]:
            if not result.passed:
                result.output = "".join(lines)
                self.note(result.output)

    def note(self, text):
        """For who looks on."""
        with open(os.path.join(self.output, f"progress{self.number}.txt"), "a") as out:
            out.write(text + "\n")


def wait_for(condition, what, seconds=120):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds} s: {what}")
        time.sleep(0.1)


def end(process, number):
    if process is not None:
        process.send_signal(number)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def end_pid(pid):
    os.kill(pid, signal.SIGTERM)
    wait_for(lambda: not os.path.exists(f"/proc/{pid}"), "the server has ended")
