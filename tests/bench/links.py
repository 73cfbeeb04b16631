"""What TLS and compression cost on each side of waybill, beside the same straight to the server."""

import os
import re
import shutil
import ssl
import statistics
import subprocess

import wire

HERE = os.path.dirname(os.path.abspath(__file__))
CERTIFICATES = os.path.join(os.path.dirname(HERE), "support", "certificates")
LISTENING = "tls_cert = certificates/server.pem\ntls_key = certificates/server.key\n"  # where waybill runs
STRAIGHT = "direct"
# A path's name, what its own waybill is told of the servers (None: it is straight), how its clients come.
PATHS = [
    ("direct, plain", None, ""),
    ("direct, TLS", None, "tls"),
    ("direct, zlib", None, "zlib"),
    ("waybill, plain", "", ""),
    ("TLS to clients", "", "tls"),
    ("TLS to servers", "server_tls = required\n", ""),
    ("TLS on both", "server_tls = required\n", "tls"),
    ("zlib to clients", "", "zlib"),
    ("zlib to servers", "server_compression = zlib\n", ""),
]
CONNECTS = ("direct, plain", "waybill, plain", "TLS to servers", "direct, TLS", "TLS to clients")
IDLE_CLIENTS = 500
BESIDE = {"": "direct, plain", "tls": "direct, TLS", "zlib": "direct, zlib"}


def directory(bench):
    return os.path.join(bench.directory, "certificates")


def give_certificates(bench):
    """To the server, and to sysbench, which looks for fixed names where it runs. The server may run as somebody else."""
    subprocess.run([CERTIFICATES, directory(bench)], check=True)
    for name, known_as in (("ca.pem", "cacert.pem"), ("client.pem", "client-cert.pem"), ("client.key", "client-key.pem")):
        shutil.copy(os.path.join(directory(bench), name), os.path.join(directory(bench), known_as))
    for name in os.listdir(directory(bench)):
        os.chmod(os.path.join(directory(bench), name), 0o644)
    bench.cluster("stop", "s1/s1a")
    with open(os.path.join(bench.directory, "s1a", "my.cnf"), "a") as settings:
        settings.write("".join(f"ssl_{key} = {directory(bench)}/{name}\n"
                               for key, name in (("ca", "ca.pem"), ("cert", "server.pem"), ("key", "server.key"))))
    bench.cluster("start", "s1/s1a")


def start_waybill(bench, number, settings):
    """One more, with the configuration of the first and these settings; its port and its process."""
    with open(os.path.join(bench.directory, "bench.ini")) as first:
        text = first.read()
    port = bench.args.base_port + 50 + 2 * number
    for key, value in (("listen", f"127.0.0.1:{port}"), ("admin_listen", f"127.0.0.1:{port + 1}"), ("http_listen", "")):
        text = re.sub(rf"(?m)^{key} = .*$", f"{key} = {value}", text)
    return port, bench.spawn_waybill(f"links{number}", text.replace("[waybill]\n", "[waybill]\n" + settings, 1))


def start(bench):
    known = {"": (bench.ports["waybill"], bench.pids["waybill"]), None: (bench.ports[STRAIGHT], None)}
    for name, settings, way in PATHS:
        is_new = settings not in known
        if is_new:
            known[settings] = start_waybill(bench, len(known), settings)
        bench.ports[name], bench.pids[name] = known[settings]
        bench.ways[name] = way
        if is_new:
            bench.wait_for(name)


def in_turns(bench, title, names, measure_one, out):
    if bench.args.only not in title:
        return
    figures = {name: [] for name in names}
    for turn in range(bench.args.rounds):
        for place in range(len(names)):
            name = names[(place + turn) % len(names)]
            figures[name].append(measure_one(name))
    middle = {name: {key: statistics.median(f[key] for f in figures[name]) for key in figures[name][0]} for name in names}
    print(f"\n{title}")
    print(f"  {'':15} {'per s':>10} {'p50 ms':>8} {'p99 ms':>8} {'CPU us/query':>13} {'beside direct':>14}")
    for name in names:
        m = middle[name]
        beside = m["rate"] / middle[BESIDE[bench.ways[name]]]["rate"]
        cpu = f"{m['cpu']:13.1f}" if bench.pids[name] else f"{'-':>13}"
        print(f"  {name:15} {m['rate']:10.0f} {m['p50']:8.2f} {m['p99']:8.2f} {cpu} {beside:14.2f}", flush=True)
        out.append((title, name, f"{m['rate']:.1f}", f"{m['p50']:.3f}", f"{m['p99']:.3f}", f"{m['cpu']:.2f}"))


def measure_idle(bench, out, rss_kib):
    """What a client of waybill costs that has asked once and waits."""
    print(f"\nmemory for each of {IDLE_CLIENTS} idle clients of waybill")
    trust = ssl.create_default_context(cafile=os.path.join(directory(bench), "ca.pem"))
    for name, more in (("plain", {}), ("TLS", {"tls": trust}), ("zlib", {"compress": "zlib"})):
        clients = []
        for count in (20, IDLE_CLIENTS):
            before = rss_kib(bench.pids["waybill"])
            for _ in range(count):
                clients.append(wire.Client("127.0.0.1", bench.ports["waybill"], bench.user, bench.password, "shop", timeout=60,
                                           **more))
                clients[-1].query("SELECT 1")
        each = (rss_kib(bench.pids["waybill"]) - before) / IDLE_CLIENTS
        for client in clients:
            client.close()
        print(f"  {name:8} {each:6.2f} KiB", flush=True)
        out.append(("idle client by link KiB", name, f"{each:.2f}", "", "", ""))


def measure(bench, out, measure_load, measure_connects):
    start(bench)
    names = [name for name, _, _ in PATHS]
    in_turns(bench, "point select by link", names,
             lambda name: measure_load(bench, name, "oltp_point_select", "disable"), out)
    in_turns(bench, "ranges of 100 rows by link", names,
             lambda name: measure_load(bench, name, "select_random_ranges", "disable"), out)
    in_turns(bench, "connect and disconnect by link", list(CONNECTS), lambda name: measure_connects(bench, name), out)
