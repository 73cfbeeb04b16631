"""Gathered statements on replicas: what the servers see of them, what bounds them, and what happens when something breaks.
That the answers are those of one server is shown by test_differential.py and test_red.py."""

import os
import threading
import time

import wire

TABLES = """
[table shop.t]
key = id

[table shop.u]
key = id

[table shop.home1]
type = unsharded
shard = s1

[table shop.home2]
type = unsharded
shard = s2
"""
CLUSTER = {"shards": 2, "replicas": 1, "tables": TABLES, "settings": "gather_max_rows = 3000\ngather_max_bytes = 4000000\n"}
JOIN = "SELECT COUNT(*), SUM(x.v) FROM t x JOIN t y ON x.v = y.id"


def refusal(client, sql):
    try:
        client.query(sql)
    except wire.ServerError as error:
        return error.code, error.message
    return None


def fill(stand, rows=200):
    loader = stand.client(user="loader")
    for table in ("t", "u", "home1", "home2", "part", "uniq"):
        loader.query(f"DROP TABLE IF EXISTS {table}")
    loader.query("CREATE TABLE t (id INT NOT NULL PRIMARY KEY, v INT, b LONGBLOB)")
    loader.query("CREATE TABLE u (id INT NOT NULL PRIMARY KEY, v INT, UNIQUE (v))")
    loader.query("CREATE TABLE home1 (id INT NOT NULL PRIMARY KEY)")
    loader.query("CREATE TABLE home2 (id INT NOT NULL PRIMARY KEY)")
    for first in range(1, rows + 1, 500):
        for i in range(first, min(first + 500, rows + 1)):
            loader.query(f"INSERT INTO t (id, v) VALUES ({i}, {rows + 1 - i})")
    loader.close()
    wait_for_replicas(stand)


def set_all(stand, **settings):
    """These settings instead of those of the module, by a reload."""
    values = {"gather_max_rows": 3000, "gather_max_bytes": 4000000, **settings}
    stand.settings = "".join(f"{name} = {value}\n" for name, value in values.items())
    with open(os.path.join(stand.directory, "waybill.ini"), "w") as out:
        out.write(stand.configuration())
    stand.admin("RELOAD")
    name, value = list(values.items())[-1]
    stand.wait_until(lambda: stand.admin(f"SHOW SETTINGS LIKE '{name}'")[0]["value"] == str(value), 10, "the new settings count")
    time.sleep(0.1)


def wait_for_replicas(stand):
    def are_equal():
        return all(positions(stand, f"s{i}a") == positions(stand, f"s{i}b", "gtid_slave_pos") for i in (1, 2))
    stand.wait_until(are_equal, 20, "the replicas have all")


def positions(stand, server, variable="gtid_binlog_pos"):
    root = stand.root(server)
    position = root.query(f"SELECT @@{variable}").rows[0][0]
    root.close()
    return ",".join(sorted(part for part in position.split(",") if part))


def shards_of_rows(stand, table="t"):
    found = []
    for server in ("s1b", "s2b"):
        root = stand.root(server)
        found.append([int(row[0]) for row in root.query(f"SELECT id FROM shop.{table}").rows])
        root.close()
    return found


def figure(stand, name):
    return int([row for row in stand.admin(f"SHOW STATUS LIKE '{name}'") if row["figure"] == name][0]["value"])


def test_replicas_do_it_and_keep_nothing(stand):
    fill(stand)
    client = stand.client()
    before = [positions(stand, server) for server in ("s1a", "s1b", "s2a", "s2b")]
    primary_reads, gathered = figure(stand, "reads_primary_total"), figure(stand, "queries_gathered_total")
    for _ in range(6):
        assert client.query(JOIN).rows == [("200", "20100")]
        assert client.query("SELECT COUNT(*) FROM t").rows == [("200",)]
    assert figure(stand, "queries_gathered_total") == gathered + 6
    assert figure(stand, "rows_gathered_total") >= 6 * 200
    assert figure(stand, "reads_primary_total") == primary_reads
    for server in ("s1b", "s2b"):
        root = stand.root(server)
        stand.wait_until(lambda: root.query("SELECT COUNT(*) FROM information_schema.INNODB_SYS_TABLES WHERE NAME LIKE '%#sql%'").rows == [("0",)],
                         10, "no temporary table is left")
        root.close()
    time.sleep(0.5)  # a heartbeat on the primaries in between is theirs, and applied on the replicas
    wait_for_replicas(stand)
    for server, position in zip(("s1a", "s1b", "s2a", "s2b"), before):
        ids = lambda text: {part.rsplit("-", 1)[0] for part in text.split(",")}
        assert ids(positions(stand, server)) == ids(position), "somebody else has written there"


def test_bounds(stand):
    fill(stand, 200)
    client, loader = stand.client(), stand.client(user="loader")
    first, second = shards_of_rows(stand)
    for i in (first[0], second[0]):
        loader.query(f"UPDATE t SET b = REPEAT('x', 5000000) WHERE id = {i}")
    wait_for_replicas(stand)
    code, message = refusal(client, "SELECT MAX(x.b), COUNT(*) FROM t x JOIN t y ON x.v = y.id")
    assert code == 9008 and "shop.t" in message and "gather_max_bytes (4000000)" in message, message
    assert client.query(JOIN).rows == [("200", "20100")], "a column that is not named is not moved"
    assert client.query("SELECT MAX(LENGTH(b)), COUNT(*) FROM (SELECT RANK() OVER (ORDER BY id), b FROM t WHERE id NOT IN (%d, %d)) x" % (first[0], second[0])).rows == [(None, "198")]
    set_all(stand, gather_max_rows=150)
    code, message = refusal(client, JOIN)
    assert code == 9008 and "gather_max_rows (150)" in message, message
    assert client.query("SELECT SUM(v), MAX(id) FROM (SELECT RANK() OVER (ORDER BY id), v, id FROM t WHERE id <= 120) x").rows == [("16860", "120")], "a condition is sent along"
    set_all(stand, gather_max_rows=10)
    assert refusal(client, JOIN)[0] == 9008
    set_all(stand, gather="off")
    assert refusal(client, JOIN)[0] == 9001
    set_all(stand)
    assert client.query(JOIN).rows == [("200", "20100")]


def test_refusals_say_why(stand):
    fill(stand, 20)
    client = stand.client()
    assert refusal(client, "SELECT * FROM home1, home2")[0] == 9001
    client.query("CREATE TEMPORARY TABLE mine (id INT)")
    assert refusal(client, JOIN)[0] == 9006
    client.reset_connection()
    client.init_db("shop")
    assert client.query(JOIN).rows == [("20", "210")]


def test_equal_unique_keys(stand):
    fill(stand, 20)
    loader, client = stand.client(user="loader"), stand.client()
    for ids in shards_of_rows(stand):
        loader.query(f"INSERT INTO u (id, v) VALUES ({ids[0]}, 7)")
    wait_for_replicas(stand)
    code, message = refusal(client, "SELECT x.v, COUNT(*) FROM u x JOIN t ON t.id = x.v GROUP BY x.v")
    assert code == 9001 and "unique key" in message, message


def test_tables_that_cannot_be_temporary(stand):
    fill(stand, 20)
    loader, client = stand.client(user="loader"), stand.client()
    loader.query("DROP TABLE u")
    loader.query("CREATE TABLE u (id INT NOT NULL PRIMARY KEY, v INT) PARTITION BY HASH (id) PARTITIONS 2")
    wait_for_replicas(stand)
    code, message = refusal(client, "SELECT x.v, COUNT(*) FROM u x JOIN t ON t.id = x.v GROUP BY x.v")
    assert code == 9001 and "shop.u" in message and "TEMPORARY" in message, message
    assert client.query(JOIN).rows == [("20", "210")]


def test_views(stand):
    """A view would see the rows of its own server only, also the base table behind a gathered one."""
    fill(stand, 20)
    root, client = stand.root("s1a"), stand.client()
    root.query("CREATE OR REPLACE VIEW shop.seen AS SELECT * FROM shop.t")
    root.close()
    wait_for_replicas(stand)
    code, message = refusal(client, "SELECT COUNT(*), MAX(s.v) FROM t JOIN seen s ON s.id = t.v")
    assert code == 9001 and "view" in message, message


def test_own_writes(stand):
    """What the session has just written is seen: on a replica that has it, else there is an error, never an old answer."""
    fill(stand, 20)
    client = stand.client()
    for i in range(30):
        client.query(f"UPDATE t SET v = {1000 + i} WHERE id = 5")
        try:
            assert client.query("SELECT MAX(v), MAX(r) FROM (SELECT RANK() OVER (ORDER BY id) r, v FROM t) x").rows[0][0] == str(1000 + i)
        except wire.ServerError as error:
            assert error.code == 9001 and "gather_on_primary" in error.message
    wait_for_replicas(stand)
    stand.wait_until(lambda: refusal(client, "SELECT MAX(v), MAX(r) FROM (SELECT RANK() OVER (ORDER BY id) r, v FROM t) x") is None, 10, "a replica has it")


def test_privilege(stand):
    fill(stand, 20)
    for server in ("s1a", "s2a"):
        root = stand.root(server)
        root.query("REVOKE CREATE TEMPORARY TABLES ON *.* FROM app@'%'")
        root.close()
    try:
        wait_for_replicas(stand)
        stand.cluster("waybill", "stop")  # a server's connections keep the privileges that they had
        stand.start_waybill()
        stand.wait_until(lambda: all(row["fit"] == "yes" for row in stand.admin("SHOW SERVERS") if row["role"] == "replica"), 20, "replicas are fit")
        client = stand.client()
        code, message = refusal(client, JOIN)
        assert code == 9001 and "CREATE TEMPORARY TABLES" in message, message
        client.close()
    finally:
        for server in ("s1a", "s2a"):
            root = stand.root(server)
            root.query("GRANT CREATE TEMPORARY TABLES ON *.* TO app@'%'")
            root.close()
        wait_for_replicas(stand)
        stand.cluster("waybill", "stop")
        stand.start_waybill()
        stand.wait_until(lambda: stand.try_query("SELECT 1"), 20, "waybill answers")


def test_memory_and_slow_servers(stand):
    """Rows that are twenty times what may be held pass through in little memory."""
    stand.skip_if_sanitized()
    fill(stand, 100)
    loader, client = stand.client(user="loader"), stand.client()
    for i in range(1, 101):
        loader.query(f"UPDATE t SET b = REPEAT(CHAR({i} + 32), 1000000) WHERE id = {i}")
    wait_for_replicas(stand)
    set_all(stand, gather_max_bytes=1000000000)
    before = stand.waybill_rss_kib()
    try:
        assert client.query("SELECT COUNT(DISTINCT b), SUM(LENGTH(b)) FROM (SELECT RANK() OVER (ORDER BY id), b FROM t) x").rows == [("100", "100000000")]
    finally:
        set_all(stand)
    grown = stand.waybill_rss_kib() - before
    assert grown < 24 * 1024, f"grew by {grown} KiB"


def test_a_client_that_goes_and_a_kill(stand):
    fill(stand, 200)
    slow = "SELECT COUNT(*) FROM t a JOIN t b ON a.v <> b.v JOIN t c ON c.v <> a.v JOIN t d ON d.v <> b.v WHERE a.v + b.v + c.v + d.v = -1"
    busy = lambda: running(stand, "s1b") + running(stand, "s2b")
    client, other = stand.client(), stand.client()
    client.send_command(wire.COM_QUERY, slow)
    stand.wait_until(busy, 10, "it runs")
    client.close_socket()
    stand.wait_until(lambda: not busy(), 10, "nothing runs for who has gone")
    client = stand.client()
    number = client.query("SELECT CONNECTION_ID()").rows[0][0]
    client.send_command(wire.COM_QUERY, slow)
    stand.wait_until(busy, 10, "it runs")
    other.query(f"KILL QUERY {number}")
    try:
        client.read_result(wire.decode_text_row, False)
        raise AssertionError("it was not killed")
    except wire.ServerError as error:
        assert error.code == 1317, error
    assert client.query(JOIN).rows == [("200", "20100")]


def running(stand, server):
    root = stand.root(server)
    rows = root.query("SELECT ID FROM information_schema.PROCESSLIST WHERE INFO LIKE '%a.v + b.v%' AND ID <> CONNECTION_ID()").rows
    root.close()
    return rows


def test_many_at_once_while_rows_change(stand):
    """Transfers within a shard: each gathered sum is one that was true on every shard."""
    fill(stand, 40)
    stop, problems, done = threading.Event(), [], [0]

    def read():
        client = stand.client()
        while not stop.is_set():
            try:
                rows = client.query("SELECT SUM(v), COUNT(*) FROM (SELECT RANK() OVER (ORDER BY id), v FROM t) x").rows
            except wire.ServerError as error:
                problems.append(str(error))
                break
            done[0] += 1
            if rows != [("820", "40")]:
                problems.append(rows)
        client.close()

    def move(ids):
        client = stand.client()
        while not stop.is_set():
            client.query("BEGIN")
            client.query(f"UPDATE t SET v = v - 1 WHERE id = {ids[0]}")
            client.query(f"UPDATE t SET v = v + 1 WHERE id = {ids[1]}")
            client.query("COMMIT")
        client.close()

    threads = [threading.Thread(target=read) for _ in range(6)] + [threading.Thread(target=move, args=(ids,)) for ids in shards_of_rows(stand)]
    for thread in threads:
        thread.start()
    time.sleep(4)
    stop.set()
    for thread in threads:
        thread.join(30)
    assert not problems, problems[:3]
    assert done[0] > 20, done


def test_a_replica_dies(stand):
    """While statements are gathered: each is answered rightly or with an error, and soon all are answered again."""
    fill(stand, 200)
    stop, wrong, answered = threading.Event(), [], [0]

    def read():
        client = stand.client()
        while not stop.is_set():
            try:
                rows = client.query(JOIN).rows
                answered[0] += 1
                if rows != [("200", "20100")]:
                    wrong.append(rows)
            except wire.ServerError as error:
                if error.code not in (9001, 9004, 2013, 2003, 2006, 1317, 9005, 1053):
                    wrong.append(str(error))
            except wire.ConnectionLost:
                client = stand.client()
        client.close()

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(1)
    stand.cluster("kill", "s1/s1b")
    time.sleep(1)
    before = answered[0]
    stand.wait_until(lambda: answered[0] > before + 10, 20, "the other replica does it all")
    stand.cluster("start", "s1/s1b")
    time.sleep(1)
    stop.set()
    for thread in threads:
        thread.join(30)
    assert not wrong, wrong[:3]
