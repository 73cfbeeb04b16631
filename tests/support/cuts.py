"""Connections that end where a test says: a client's socket, and a relay in front of servers.

What went over a connection is a list of packets, so that a test can end it at every boundary of one and inside."""

import select
import socket
import struct
import threading


class Gone(Exception):
    """The client has ended its connection itself."""


def cut_points(stream):
    """Offsets in a stream of packets: before each, inside and behind its header, in the middle of what it carries."""
    points, at = [], 0
    while at + 4 <= len(stream):
        size = int.from_bytes(stream[at:at + 3], "little")
        points += [at, at + 2, at + 4] + ([at + 4 + size // 2] if size > 1 else [])
        at += 4 + size
    return points


def packet_ends(stream):
    """Offsets behind each packet that is whole."""
    ends, at = [], 0
    while at + 4 <= len(stream):
        at += 4 + int.from_bytes(stream[at:at + 3], "little")
        if at <= len(stream):
            ends.append(at)
    return ends


class CutSocket:
    """A client's socket that ends itself when so many bytes were sent, or heard. Keeps what it has sent and heard."""

    def __init__(self, sock, sent_max=None, heard_max=None, with_reset=False, before_send=None):
        self.sock, self.sent_max, self.heard_max, self.with_reset = sock, sent_max, heard_max, with_reset
        self.sent, self.heard, self.before_send = bytearray(), bytearray(), before_send

    def go(self):
        if self.with_reset:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()
        raise Gone()

    def sendall(self, what):
        if self.before_send:
            self.before_send()
        if self.sent_max is not None and len(self.sent) + len(what) >= self.sent_max:
            self.sock.sendall(what[: self.sent_max - len(self.sent)])
            self.go()
        self.sent += what
        self.sock.sendall(what)

    def recv(self, count):
        if self.heard_max is not None:
            if len(self.heard) >= self.heard_max:
                self.go()
            count = min(count, self.heard_max - len(self.heard))
        what = self.sock.recv(count)
        self.heard += what
        return what

    def __getattr__(self, name):
        return getattr(self.sock, name)


class Relay:
    """Passes connections on to servers; those of `users` are counted, and end when the servers, or those who ask them, have
    sent so much."""

    def __init__(self, servers, users):
        """`servers`: their ports by name. `ports`: the relay's own."""
        self.users, self.lock = [user.encode() + b"\0" for user in users], threading.Lock()
        self.listeners = {}
        self.pairs, self.left, self.heard, self.has_cut, self.is_over = {}, None, {}, False, False
        self.asks, self.asked, self.instead, self.packets = False, {}, None, None
        for name, port in servers.items():
            listener = socket.create_server(("127.0.0.1", 0))
            self.listeners[listener] = port
        self.ports = dict(zip(servers, (listener.getsockname()[1] for listener in self.listeners)))
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def arm(self, left, asks=False, instead=None):
        """From now on `left` bytes of answers (`asks`: of what is asked), over all connections; the one whose byte is next is
        cut (None: never). `instead` is called ahead of that."""
        with self.lock:
            self.left, self.heard, self.asked, self.has_cut = left, {}, {}, False
            self.asks, self.instead, self.packets = asks, instead, None

    def arm_packets(self, packets, asks, instead):
        """The same behind so many packets, whose lengths may differ from run to run."""
        self.arm(None, asks, instead)
        with self.lock:
            self.packets = packets

    def disarm(self):
        """No cut from now on; whether there was one."""
        with self.lock:
            self.left = self.packets = None
            return self.has_cut

    def drop(self):
        """Ends all connections that are counted."""
        with self.lock:
            for sock in [sock for sock, pair in self.pairs.items() if pair["counted"]]:
                self.end(sock)

    def close(self):
        self.is_over = True
        self.thread.join(5)

    def end(self, sock):
        pair = self.pairs.get(sock)
        if pair:
            for each in (pair["client"], pair["server"]):
                self.pairs.pop(each, None)
                each.close()

    def run(self):
        while not self.is_over:
            with self.lock:
                watched = list(self.listeners) + list(self.pairs)
            try:
                ready, _, _ = select.select(watched, [], [], 0.05)
            except (OSError, ValueError):
                continue  # one of them was dropped meanwhile
            with self.lock:
                for sock in ready:
                    if sock in self.listeners:
                        self.accept(sock)
                    elif sock in self.pairs:
                        self.move(sock)
        for sock in list(self.pairs):
            self.end(sock)
        for listener in self.listeners:
            listener.close()

    def accept(self, listener):
        client, _ = listener.accept()
        try:
            server = socket.create_connection(("127.0.0.1", self.listeners[listener]))
        except OSError:
            client.close()
            return
        for sock in (client, server):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        pair = {"client": client, "server": server, "counted": False, "said": b""}
        self.pairs[client] = self.pairs[server] = pair

    def move(self, sock):
        pair = self.pairs[sock]
        try:
            what = sock.recv(1 << 16)
            if not what:
                self.end(sock)
            elif sock is pair["client"]:
                if len(pair["said"]) < 300 and not pair["counted"]:
                    pair["said"] += what
                    pair["counted"] = any(user in pair["said"] for user in self.users)
                self.pass_on(pair, what, pair["server"], self.asked, self.asks)
            else:
                self.pass_on(pair, what, pair["client"], self.heard, not self.asks)
        except OSError:
            self.end(sock)

    def pass_on(self, pair, what, to, seen, is_limited):
        if not pair["counted"]:
            to.sendall(what)
            return
        stream = seen.setdefault(id(pair), bytearray())
        if is_limited and self.packets is not None:
            missing = self.packets - sum(len(packet_ends(other)) for other in seen.values())
            ends = [end for end in packet_ends(stream + what) if end > len(stream)]
            if len(ends) >= missing:
                self.left, self.packets = ends[missing - 1] - len(stream), None
        stream.extend(what)
        if is_limited and self.left is not None:
            if len(what) >= self.left:
                left, self.left, self.has_cut = self.left, None, True
                to.sendall(what[:left])
                if self.instead:
                    self.instead()
                self.end(pair["client"])
                return
            self.left -= len(what)
        to.sendall(what)
