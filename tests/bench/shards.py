"""What statements over several shards cost: the same rows on 1, 2, 4, 8 and 16 shards, each a server of its own, and a
waybill with one worker in front.

Of each statement: how many a second one client gets, and waybill's processor time for one. Then how many rows the shards
send for a deep page, and the growth of waybill's memory while a client reads 10 million rows in order."""

import os
import re
import time

import wire

COUNTS = (1, 2, 4, 8, 16)
SORTED_ROWS = int(os.environ.get("BENCH_SORTED_ROWS", "10000000"))
SHARDS_MAX = int(os.environ.get("BENCH_SHARDS_MAX", "16"))
ROWS_EACH = SORTED_ROWS // SHARDS_MAX
STATEMENTS = [
    ("point read by another column", "SELECT * FROM rows_of WHERE other = {n}"),
    ("ORDER BY LIMIT 10", "SELECT id, name, amount FROM rows_of WHERE id < 200000 ORDER BY id LIMIT 10"),
    ("ORDER BY, 50000 rows", "SELECT id, name, amount FROM rows_of WHERE id < 50000 ORDER BY id"),
    ("GROUP BY, 1000 groups", "SELECT id % 1000, COUNT(*), SUM(amount) FROM rows_of WHERE id < 50000 GROUP BY id % 1000"),
]
SECONDS = 3


def fill(bench, values):
    """Row id is on shard id % SHARDS_MAX; what is asked here has no condition on the key."""
    for i in range(SHARDS_MAX):
        client = wire.Client(unix_socket=values[f"WAYBILL_S{i + 1}A_SOCKET"], user=values["WAYBILL_ROOT_USER"], password="", timeout=600)
        client.query("CREATE DATABASE IF NOT EXISTS shop")
        client.query("USE shop")
        client.query("CREATE TABLE shop.rows_of (id BIGINT NOT NULL PRIMARY KEY, other BIGINT NOT NULL, name VARCHAR(20) NOT NULL, "
                     "amount DECIMAL(10,2) NOT NULL, KEY (other))")
        client.query(f"INSERT INTO shop.rows_of SELECT seq * {SHARDS_MAX} + {i}, seq * {SHARDS_MAX} + {i}, CONCAT('customer ', seq), "
                     f"seq % 1000 / 4 FROM seq_0_to_{ROWS_EACH - 1}")
        client.close()


def start_waybill(bench, count):
    """On `count` of the shards; (port, process)"""
    text = re.sub(r"(?m)^workers = .*$", "workers = 1", bench.cluster("conf"))
    text = text[: text.index("[table ")] + "[table shop.rows_of]\nkey = id\n"
    for i in range(SHARDS_MAX, 0, -1):
        section = re.search(rf"\[shard s{i}\]\n(.*\n)*?\n", text).group(0)
        buckets = f"buckets = {(i - 1) * 4096 // count}-{i * 4096 // count - 1}\n"
        text = text.replace(section, re.sub(r"buckets = .*\n", buckets, section) if i <= count else "")
        if i > count:
            text = re.sub(rf"\[server s{i}a\]\n(.*\n)*?\n", "", text)
    return bench.spawn_waybill(f"shards{count}", text)


def connect(bench, values):
    deadline = time.monotonic() + 20
    while True:
        try:
            return wire.Client(port=int(values["WAYBILL_PORT"]), user=bench.user, password=bench.password, database="shop", timeout=600)
        except (OSError, wire.ServerError, wire.ConnectionLost):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def drain(client, sql):
    """Sends the statement and throws the answer's rows away; their number."""
    client.send_command(wire.COM_QUERY, sql)
    count = 0
    for _ in range(wire.Reader(client.read_packet()).lenenc()):
        client.read_packet()
    while True:
        header = client.read_raw(4)
        client.sequence = (header[3] + 1) & 0xff
        payload = client.read_raw(int.from_bytes(header[:3], "little"))
        if payload[0] == 0xfe and len(payload) < 9:
            return count
        if payload[0] == 0xff:
            raise wire.read_error(payload)
        count += 1


def measure_statement(client, pid, sql, cpu_seconds):
    drain(client, sql.format(n=1))
    before, began, count = cpu_seconds(pid), time.monotonic(), 0
    while time.monotonic() - began < SECONDS:
        count += 1
        drain(client, sql.format(n=count * 7919 % SORTED_ROWS))
    return count / (time.monotonic() - began), (cpu_seconds(pid) - before) * 1e6 / count


def stop(bench):
    process = bench.waybills.pop()
    process.terminate()
    process.wait()


def measure(bench, out, cpu_seconds, rss_kib):
    bench.cluster("up", "--shards", str(SHARDS_MAX), "--replicas", "0", "--base-port", str(bench.args.base_port))
    values = dict(re.findall(r"(WAYBILL_\w+)='?([^'\n]*)'?", bench.cluster("env")))
    bench.user, bench.password = values["WAYBILL_USER"], values["WAYBILL_PASSWORD"]
    fill(bench, values)
    figures = {}
    for count in [count for count in COUNTS if count <= SHARDS_MAX]:
        pid = start_waybill(bench, count)
        client = connect(bench, values)
        for name, sql in STATEMENTS:
            figures.setdefault(name, []).append((count, *measure_statement(client, pid, sql, cpu_seconds)))
        if count == SHARDS_MAX:
            measure_page(client, values, out)
            measure_memory(client, pid, out, rss_kib)
        client.close()
        stop(bench)
    print("\nstatements over shards, one client: so many a second (waybill's CPU us for one)")
    for name, found in figures.items():
        print(f"  {name:28}" + "".join(f"  {count:>2}: {rate:7.1f} ({cpu:.0f})" for count, rate, cpu in found))
        out += [(f"shards: {name}", f"{count} shards", f"{rate:.1f}", "", "", f"{cpu:.1f}") for count, rate, cpu in found]


def rows_sent(values):
    total = 0
    for i in range(SHARDS_MAX):
        client = wire.Client(unix_socket=values[f"WAYBILL_S{i + 1}A_SOCKET"], user=values["WAYBILL_ROOT_USER"], password="", timeout=60)
        total += int(client.query("SHOW GLOBAL STATUS LIKE 'Rows_sent'").rows[0][1])
        client.close()
    return total


def measure_page(client, values, out):
    offset = SORTED_ROWS // 10
    for name, key in (("id", "id"), ("other DESC", "other DESC")):
        before, began = rows_sent(values), time.monotonic()
        drain(client, f"SELECT id, name, amount FROM rows_of ORDER BY {key} LIMIT 10 OFFSET {offset}")
        took, moved = time.monotonic() - began, rows_sent(values) - before
        print(f"a page of 10 rows behind {offset} by {name}: {moved} rows sent by {SHARDS_MAX} shards, {took * 1000:.0f} ms")
        out.append((f"page behind {offset} by {name}, rows sent", f"{SHARDS_MAX} shards", f"{moved}", "", "", ""))


def measure_memory(client, pid, out, rss_kib):
    before = peak = rss_kib(pid)
    client.send_command(wire.COM_QUERY, "SELECT id, name, amount FROM rows_of ORDER BY id")
    received, tail = 0, b""
    while tail[:3] != b"\x07\0\0" or tail[4:5] != b"\xfe":  # the packet that ends the rows
        chunk = client.sock.recv(1 << 20)
        if not chunk:
            raise SystemExit("the sorted rows broke off")
        received += len(chunk)
        tail = (tail + chunk)[-11:]
        peak = max(peak, rss_kib(pid))
    print(f"\ngrowth of memory while a client reads {SORTED_ROWS} rows in the order of {SHARDS_MAX} shards: {(peak - before) / 1024:.2f} MiB "
          f"({received / 1e6:.0f} MB)")
    out.append((f"{SORTED_ROWS} rows sorted, MiB", "waybill", f"{(peak - before) / 1024:.2f}", "", "", ""))
