"""Clients that have logged in and then send what no client should: an error or the end of their connection, one line in
the log with their address, and nothing that anybody else notices."""

import random
import re
import struct
import threading

import wire

CLUSTER = {"shards": 2, "replicas": 0}
ROUNDS = 400
COMMANDS = [2, 3, 4, 5, 7, 9, 10, 11, 12, 13, 14, 17, 18, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 250, 254, 255]


class Neighbour:
    """Works all the while; what goes wrong for it is in `wrong`."""

    def __init__(self, stand):
        self.stand, self.wrong, self.done, self.is_over = stand, [], 0, False
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        try:
            client = self.stand.client()
            statement = client.prepare("SELECT ? + 1")
            while not self.is_over:
                self.done += 1
                assert client.query(f"SELECT {self.done} AS n").rows[0][0] == str(self.done)
                assert int(client.execute(statement, [self.done]).rows[0][0]) == self.done + 1
        except Exception as why:  # whatever it is, it should not have been
            self.wrong.append(repr(why))

    def finish(self):
        self.is_over = True
        self.thread.join(20)
        assert not self.wrong, self.wrong
        assert self.done > 50, self.done


def log_of(stand):
    with open(stand.directory + "/waybill.log", errors="replace") as log:
        return log.read()


def rest(client, seconds=3):
    """What the client still hears: packets up to the end of the connection or silence."""
    client.sock.settimeout(seconds)
    heard = b""
    try:
        while True:
            more = client.sock.recv(1 << 16)
            if not more:
                return heard, True
            heard += more
    except OSError as why:
        return heard, isinstance(why, ConnectionError)


def test_broken_frames(stand):
    """Wrong numbers and sizes end the connection with an error, told once with the address."""
    cases = {
        "wrong sequence": (b"\x01\0\0\x05\x0e", 1156),
        "wrong sequence of a part": (b"\xff\xff\xff\0" + b"\x03" + b"a" * 0xfffffe + b"\x01\0\0\x07x", 1156),
        "sequence 255": (b"\x01\0\0\xff\x0e", 1156),
    }
    for name, (raw, code) in cases.items():
        client = stand.client()
        port = client.sock.getsockname()[1]
        before = log_of(stand)
        client.send_raw(raw)
        heard, is_closed = rest(client)
        assert is_closed, name
        assert heard == b"" or (heard[4] == 0xff and struct.unpack_from("<H", heard, 5)[0] == code), (name, heard)
        lines = [line for line in log_of(stand)[len(before):].splitlines() if f":{port}" in line]
        assert len(lines) == 1, (name, lines)


def test_half_packets_are_forgotten_with_their_client(stand):
    for raw in (b"\xff\xff\xff\0", b"\xff\xff\xff\0\x03SELECT", b"\x10\0", b"\x10\0\0\0", b"\x05\0\0\0\x03SE"):
        client = stand.client()
        client.send_raw(raw)
        client.sock.settimeout(0.2)
        try:
            assert client.sock.recv(10) == b"", raw
        except TimeoutError:
            pass  # it waits for the rest
        client.abort()
    assert stand.client().query("SELECT 1").rows[0][0] == "1"


def test_bad_executions(stand):
    """Parameters that can't be read get an error, and the session lives."""
    client = stand.client()
    statement = client.prepare("SELECT ?, ?")
    head = struct.pack("<IBI", statement.id, 0, 1)
    for name, argument in {
        "nothing": b"", "no flags": struct.pack("<I", statement.id), "no values": head,
        "half a bitmap": head + b"\0", "types cut": head + b"\0\1\x03", "unknown type": head + b"\0\1\x77\0\x77\0" + b"abc",
        "values cut": head + b"\0\1\x08\0\x08\0" + b"\1\2", "absurd length": head + b"\0\1\xfd\0\xfd\0\xfe" + b"\xff" * 8,
        "length of nothing": head + b"\0\1\xfd\0\xfd\0\xfb\xfb", "length 0xff": head + b"\0\1\xfd\0\xfd\0\xff\xff",
        "absurd date": head + b"\0\1\x0c\0\x0c\0\xfa" + bytes(250), "no types ever": head + b"\0\0",
        "cursor and more": struct.pack("<IBI", statement.id, 0xff, 0xffffffff) + b"\0\1",
    }.items():
        client.send_command(wire.COM_STMT_EXECUTE, argument)
        payload = client.read_packet()
        assert payload[0] == 0xff, (name, payload)
        client.ping()
    assert [str(value) for value in client.execute(statement, [1, "x"]).rows[0]] == ["1", "x"]
    assert client.query("SELECT 1").rows[0][0] == "1"


def test_unknown_statements_take_no_memory(stand):
    """Long data for what was never prepared is thrown away."""
    stand.skip_if_sanitized()
    client = stand.client()
    client.ping()
    before = stand.waybill_rss_kib()
    for number in range(200):
        client.send_command(wire.COM_STMT_SEND_LONG_DATA, struct.pack("<IH", 1000 + number, 0) + b"x" * 200000)
    client.ping()
    assert stand.waybill_rss_kib() - before < 8000


def random_packets(dice):
    """Some bytes as a client of no protocol would send them, more often a command with random arguments."""
    out = b""
    for _ in range(dice.randint(1, 6)):
        kind = dice.random()
        size = dice.choice((0, 1, 2, 4, 5, 9, 10, 20, 100, 5000))
        junk = bytes(dice.getrandbits(8) for _ in range(size))
        if kind < 0.75:
            payload = bytes([dice.choice(COMMANDS)]) + dice.choice((junk, b"\1\0\0\0" + junk, b"SELECT 1", b"shop\0" + junk))
            out += struct.pack("<I", len(payload))[:3] + b"\0" + payload
        elif kind < 0.85:
            out += b"\0\0\0\0"
        elif kind < 0.95:
            out += struct.pack("<I", dice.randint(0, 0xffffff))[:3] + bytes([dice.choice((0, 0, 0, 1, 255))]) + junk
        else:
            out += junk
    return out


def test_random_packets(stand):
    neighbour = Neighbour(stand)
    for seed in range(ROUNDS):
        dice = random.Random(seed)
        try:
            client = stand.client()
            if dice.random() < 0.5:
                client.prepare("SELECT ?, ? FROM DUAL WHERE 1 = ?")
            client.send_raw(random_packets(dice))
            client.sock.settimeout(0.02)
            client.sock.recv(1 << 16)
        except (OSError, wire.ConnectionLost):
            pass
        if dice.random() < 0.5:
            client.abort()
        else:
            client.close_socket()
    neighbour.finish()
    stand.wait_until(lambda: len(stand.admin("SHOW SESSIONS")) == 0, 15, "all of them are gone")
    assert not stand.complaints(), stand.complaints()
    lines = [line for line in log_of(stand).splitlines() if re.search(r" (warning|error) ", line)]
    assert len(lines) < 50, lines[:10]
