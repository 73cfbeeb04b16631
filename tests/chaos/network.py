"""The network between servers and waybills: a namespace for each, with an address of its own, on a bridge; or loopback, where nothing
of it can be broken.

All of it is in namespaces of this run alone (network, mounts, processes), which end with it, however it ends: nothing of them is seen
on the machine, and nothing is left."""

import os
import shutil
import subprocess

PREFIX = "10.77"
OURS = f"{PREFIX}.255.1"
INSIDE = "WAYBILL_CHAOS_INSIDE"
UNSHARE = ("unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
RULES = """table inet waybill {
    set deaf { type ipv4_addr; }
    chain loss { }
    chain input { type filter hook input priority 0; policy accept; iif lo accept; ip saddr %s accept; ip saddr @deaf drop; jump loss; }
}"""


def order(*words, text=None):
    done = subprocess.run(words, input=text, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(words)}: {done.stderr.strip()}")


def enter(words):
    """Goes on as `words` in namespaces of its own, where they can be had; comes back where not, and says why."""
    if os.environ.get(INSIDE):
        return None
    missing = [program for program in ("unshare", "ip", "nft", "mount") if not shutil.which(program)]
    if missing:
        return f"no program {', '.join(missing)}"
    tried = subprocess.run([*UNSHARE, "sh", "-c", "ip link add chaos0 type bridge && ip netns add chaos && nft add table inet waybill; "
                            "result=$?; ip netns delete chaos; exit $result"], capture_output=True, text=True)
    if tried.returncode != 0:
        return (tried.stderr.strip().splitlines() or ["they can't be had"])[0]
    os.environ[INSIDE] = "1"
    # The shell is the first process in there: it takes the end of servers that have outlived who started them.
    os.execvp(UNSHARE[0], [*UNSHARE, "bash", "-c", '"$@"; exit $?', "chaos", *words])


class Loopback:
    name, has_links, prefix = "loopback", False, ""

    def add(self, node, address):
        pass

    def around(self, node):
        return []


class Namespaces:
    """A node is a server (s1a) or a waybill (w1)."""

    name, has_links, prefix = "network namespaces", True, PREFIX

    def __init__(self):
        os.makedirs("/run/netns", exist_ok=True)
        order("mount", "-t", "tmpfs", "netns", "/run/netns")
        order("ip", "link", "set", "lo", "up")
        order("ip", "link", "add", "bridge", "type", "bridge")
        order("ip", "address", "add", f"{OURS}/16", "dev", "bridge")
        order("ip", "link", "set", "bridge", "up")
        self.addresses = {}

    def add(self, node, address):
        if node in self.addresses:
            return
        self.addresses[node] = address
        order("ip", "netns", "add", node)
        order("ip", "link", "add", f"to-{node}", "type", "veth", "peer", "name", "net", "netns", node)
        order("ip", "link", "set", f"to-{node}", "master", "bridge", "up")
        order("ip", "-n", node, "address", "add", f"{address}/16", "dev", "net")
        for link in ("lo", "net"):
            order("ip", "-n", node, "link", "set", link, "up")
        self.nft(node, RULES % OURS)

    def around(self, node):
        return ["ip", "netns", "exec", node]

    def nft(self, node, text):
        order(*self.around(node), "nft", "-f", "-", text=text)

    def deafen(self, node, others):
        """The node hears nothing of the others any more; they hear it."""
        self.nft(node, "".join(f"add element inet waybill deaf {{ {self.addresses[other]} }}\n" for other in others))

    def lose(self, node, percent):
        """So many of the packets that come to it."""
        self.nft(node, f"add rule inet waybill loss numgen random mod 100 < {percent} drop")

    def heal(self, node):
        self.nft(node, "flush set inet waybill deaf\nflush chain inet waybill loss")


def made():
    return Namespaces() if os.environ.get(INSIDE) else Loopback()
