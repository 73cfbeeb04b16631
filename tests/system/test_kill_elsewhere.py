"""KILL with an id that another waybill gave out: two waybills in front of one cluster."""

import contextlib
import os
import re
import signal
import struct
import subprocess
import threading
import time

import wire

CLUSTER = {"shards": 2, "replicas": 1, "settings": "proxy_id = 5\n"}
COM_PROCESS_KILL = 12
PORTS_FURTHER = 150  # the second waybill's


def outcome(action):
    """None, or the error's number, state and text."""
    try:
        action()
    except wire.ServerError as error:
        return error.code, error.sqlstate, error.message
    return None


def configuration(stand, port):
    text = stand.configuration().replace("proxy_id = 5", "proxy_id = 6")
    first = int(stand.values["WAYBILL_PORT"])
    for i in range(3):
        text = re.sub(rf"(listen = 127.0.0.1):{first + i}\b", rf"\1:{port + i}", text)
    return text.replace("[user loader]\n", "[user loader]\nall_sessions = yes\n")


class Other:
    """The second waybill."""

    def __init__(self, stand):
        self.stand, self.port = stand, int(stand.values["WAYBILL_PORT"]) + PORTS_FURTHER
        self.log = open(os.path.join(stand.directory, "other.log"), "a+")
        path = os.path.join(stand.directory, "other.ini")
        with open(path, "w") as out:
            out.write(configuration(stand, self.port))
        program = os.environ.get("WAYBILL_BIN", os.path.join(os.path.dirname(__file__), "..", "..", "build", "waybill"))
        self.process = subprocess.Popen([program, "--config", path], stderr=self.log, stdout=self.log)
        stand.wait_until(self.answers, 10, "the second waybill answers")

    def answers(self):
        assert self.process.poll() is None, "it has ended"
        try:
            client = self.client()
            client.close()
            return True
        except (OSError, wire.ServerError, wire.ConnectionLost):
            return False

    def client(self, user="app"):
        password = {"app": "app_pw", "loader": "loader_pw"}[user]
        return wire.Client(port=self.port, user=user, password=password, database="shop", timeout=30)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        self.process.send_signal(signal.SIGCONT)
        self.process.terminate()
        self.process.wait(10)
        self.log.close()
        with open(self.log.name) as log:
            found = re.search(r"Sanitizer|runtime error|Assertion", log.read())
        assert found is None, self.log.name


@contextlib.contextmanager
def second(stand):
    other = Other(stand)
    try:
        yield other
    finally:
        other.stop()


def sleep(client, heard):
    began = time.monotonic()
    heard.append((outcome(lambda: client.query("SELECT SLEEP(20), 'kill elsewhere'")), time.monotonic() - began))


def start(client):
    heard = []
    thread = threading.Thread(target=lambda: sleep(client, heard))
    thread.start()
    time.sleep(0.2)
    return thread, heard


def test_every_form(stand):
    kills = (lambda client, number: client.query(f"KILL QUERY {number}"),
             lambda client, number: client.execute(client.prepare("KILL QUERY ?"), [number]))
    ends = (lambda client, number: client.query(f"KILL {number}"),
            lambda client, number: client.query(f"KILL SOFT CONNECTION {number}"),
            lambda client, number: client.command(COM_PROCESS_KILL, struct.pack("<I", number)))
    with second(stand) as other:
        for here, there, proxy in ((stand, other, 6), (other, stand, 5)):
            killer = here.client()
            for kill in kills:
                victim = there.client()
                assert victim.connection_id >> 26 == proxy
                thread, heard = start(victim)
                began = time.monotonic()
                kill(killer, victim.connection_id)
                took = time.monotonic() - began
                thread.join(25)
                assert heard[0][1] < 5 and took < 2, (heard, took)
                assert victim.query("SELECT 1").rows[0][0] == "1"
            for kill in ends:
                victim = there.client()
                kill(killer, victim.connection_id)
                assert victim.is_closed_by_peer(2)
            assert killer.query("SELECT 1").rows[0][0] == "1"


def test_whose_it_is(stand):
    with second(stand) as other:
        killer, victim = stand.client(), other.client(user="loader")
        number = victim.connection_id
        assert outcome(lambda: killer.query(f"KILL {number}")) == (1095, "HY000", f"You are not owner of thread {number}")
        assert victim.query("SELECT 1").rows
        free = number + 1000 & 0xffffffff
        assert outcome(lambda: killer.query(f"KILL {free}")) == (1094, "HY000", f"Unknown thread id: {free}")
        began, nobody = time.monotonic(), 9 << 26 | 77  # a proxy_id that was never here
        assert outcome(lambda: killer.query(f"KILL {nobody}")) == (1094, "HY000", f"Unknown thread id: {nobody}")
        assert time.monotonic() - began < 1
        his = stand.client()  # and loader may kill anybody there
        other.client(user="loader").query(f"KILL {his.connection_id}")
        assert his.is_closed_by_peer(2)


def test_many_at_once(stand):
    with second(stand) as other:
        pairs = [(stand.client(), other.client()) for _ in range(6)] + [(other.client(), stand.client()) for _ in range(6)]
        said = []
        threads = [threading.Thread(target=lambda k=k, v=v: said.append(outcome(lambda: k.query(f"KILL {v.connection_id}"))))
                   for k, v in pairs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        assert said == [None] * 12, said
        assert all(victim.is_closed_by_peer(2) for _, victim in pairs)
        root = stand.root("s1a")
        assert int(root.query("SELECT COUNT(*) FROM waybill.kill_request").rows[0][0]) <= 40, "rows are used again"


def test_one_that_does_not_answer(stand):
    """The asker hears so, and what was given up is not done later, nor by another process of that id."""
    with second(stand) as other:
        killer, victim = stand.client(), other.client()
        other.process.send_signal(signal.SIGSTOP)
        began = time.monotonic()
        said = outcome(lambda: killer.query(f"KILL {victim.connection_id}"))
        assert said[0] == 1105 and "has not answered" in said[2] and "proxy_id = 6" in said[2], said
        assert 1.5 < time.monotonic() - began < 6
        other.process.send_signal(signal.SIGCONT)
        time.sleep(1)
        assert victim.query("SELECT 1").rows[0][0] == "1"
        killer.query(f"KILL {victim.connection_id}")
        assert victim.is_closed_by_peer(2)
        number = other.client().connection_id
        other.kill()
    said = outcome(lambda: killer.query(f"KILL {number}"))
    assert said[0] == 1105 and "has not answered" in said[2], said
    root = stand.root("s1a")
    root.query(f"UPDATE waybill.kill_request SET state = 'asked', victim = {6 << 26 | 1}, asked_at = "
               "UTC_TIMESTAMP(3) + INTERVAL 5 SECOND WHERE target = 6")
    with second(stand) as other:
        victims = [other.client() for _ in range(4)]
        time.sleep(1)
        assert all(victim.query("SELECT 1").rows for victim in victims)
        assert root.query("SELECT COUNT(*) FROM waybill.kill_request WHERE target = 6 AND state = 'asked'").rows[0][0] != "0"


def test_a_schema_of_before(stand):
    """An older waybill has made the schema: what is missing is added."""
    root = stand.root("s1a")
    root.query("DROP TABLE waybill.kill_request")
    with second(stand) as other:
        killer, victim = stand.client(), other.client()
        killer.query(f"KILL {victim.connection_id}")
        assert victim.is_closed_by_peer(2)


def primary_of(stand, shard):
    return next(row["primary"] for row in stand.admin("SHOW SHARDS") if row["shard"] == shard)


def test_after_a_failover(stand):
    with second(stand) as other:
        killer, victims = stand.client(), [other.client() for _ in range(2)]
        stand.cluster("kill", "s1/s1a")
        stand.wait_until(lambda: primary_of(stand, "s1") == "s1b", 30, "s1b is promoted")
        stand.wait_until(lambda: outcome(lambda: killer.query(f"KILL {victims[0].connection_id}")) in (None,), 20, "it works again")
        assert victims[0].is_closed_by_peer(3)
        stand.cluster("kill", "s1/s1b")
        stand.wait_until(lambda: primary_of(stand, "s1") != "s1b", 30, "nobody is primary")
        began = time.monotonic()
        said = outcome(lambda: killer.query(f"KILL {victims[1].connection_id}"))
        assert said[0] == 1105 and "primary" in said[2], said
        assert time.monotonic() - began < 6
        assert victims[1].query("SELECT CONNECTION_ID()").rows[0][0] == str(victims[1].connection_id)
