"""Every dialogue of a client, ended at each packet's boundary and inside of packets: by the client, by a KILL on the
servers, and by servers that vanish. Nothing is left behind, no half of a statement is done, and the next client works."""

import re
import struct

import cuts
import wire

TABLES = """
[table shop.t]
key = id

[table shop.trios]
key = id

[table shop.part]
key = id
"""
CLUSTER = {"shards": 2, "replicas": 0, "tables": TABLES, "settings": "gather_on_primary = on\n"}
CAPABILITIES = wire.CLIENT_DEFAULT | wire.LOCAL_FILES | wire.MULTI_STATEMENTS
BULK = (wire.CLIENT_DEFAULT | wire.STMT_BULK | wire.LOCAL_FILES) & ~wire.LONG_PASSWORD
ROWS = 12
USERS = ("app", "loader")
CLIENT_CUTS_MAX, SERVER_CUTS_MAX = 40, 12  # of one dialogue and direction: of more, as many that are spread evenly


# --- dialogues: each is whole by itself, and what it hears is right or an error. `n` is new for every run.

def log_in(client, n):
    client.ping()


def plain_queries(client, n):
    assert client.query(f"SELECT v FROM t WHERE id = {n % ROWS}").rows == [(str(n % ROWS * 2),)]
    client.query(f"INSERT INTO part (id) VALUES ({n})")
    assert client.query(f"SELECT COUNT(*) FROM part WHERE id = {n}").rows == [("1",)]


def transaction(client, n):
    client.query("BEGIN")
    client.query(f"INSERT INTO trios (id, place) VALUES ({n}, 1)")
    client.query(f"INSERT INTO trios (id, place) VALUES ({n}, 2)")
    client.query(f"INSERT INTO trios (id, place) VALUES ({n}, 3)")
    client.query("COMMIT")


def prepared(client, n):
    statement = client.prepare("SELECT v, ? FROM t WHERE id = ?")
    client.send_long_data(statement, 0, b"long ")
    client.send_long_data(statement, 0, b"data")
    assert client.execute(statement, [b"", n % ROWS], long_data=(0,)).rows == [(n % ROWS * 2, "long data")]
    client.reset_statement(statement)
    write = client.prepare("INSERT INTO trios (id, place) VALUES (?, ?), (?, ?), (?, ?)")
    assert client.execute(write, [n, 1, n, 2, n, 3]).affected == 3
    client.close_statement(statement)
    assert client.execute(write, [n + 1, 1, n + 1, 2, n + 1, 3]).affected == 3


def cursor(client, n):
    for sql, values in (("SELECT place, id FROM trios WHERE id = ?", [1]), ("SELECT v, ? FROM t ORDER BY v", [1])):
        statement = client.prepare(sql)
        opened = client.execute(statement, values, cursor=1)
        assert client.fetch(statement, opened.columns, 1).rows in ([(1, 1)], [(0, 1)])
        assert client.fetch(statement, opened.columns, 1).rows in ([(2, 1)], [(2, 1)])
        client.reset_statement(statement)


def bulk(client, n):
    statement = client.prepare("INSERT INTO trios (id, place) VALUES (?, ?)")
    rows = [(struct.pack("<q", n), struct.pack("<q", place)) for place in (1, 2, 3)]
    assert client.execute_bulk(statement, [(wire.T_LONGLONG, False)] * 2, rows).affected == 3


def load(client, n):
    result = client.load("LOAD DATA LOCAL INFILE 'f' INTO TABLE trios FIELDS TERMINATED BY ','",
                         [f"{n},1\n{n}".encode(), b",2\n", f"{n},3\n".encode()])
    assert result.affected == 3


def several_statements(client, n):
    result = client.query(f"SELECT v FROM t WHERE id = 1; INSERT INTO part (id) VALUES ({n}); SELECT COUNT(*) FROM t")
    assert result.rows == [("2",)] and result.more[0].affected == 1 and result.more[1].rows == [(str(ROWS),)]


def scatter(client, n):
    rows = client.query("SELECT id, v, REPEAT('x', 3000) FROM t ORDER BY id").rows
    assert [row[:2] for row in rows] == [(str(i), str(i * 2)) for i in range(ROWS)]
    assert client.query("SELECT SUM(v), COUNT(*) FROM t").rows == [(str(ROWS * (ROWS - 1)), str(ROWS))]


def gather(client, n):
    rows = client.query("SELECT COUNT(*), SUM(x.v) FROM t x JOIN t y ON x.v = y.id").rows
    assert rows == [(str(ROWS // 2), str(sum(i * 2 for i in range(ROWS // 2))))]


def prepared_as_text(client, n):
    client.query(f"SET @a = {n % ROWS}")
    client.query("PREPARE s FROM 'SELECT v FROM t WHERE id = ?'")
    assert client.query("EXECUTE s USING @a").rows == [(str(n % ROWS * 2),)]
    client.query("DEALLOCATE PREPARE s")


def change_user(client, n):
    client.query("SET @left = 1")
    payload = client.user.encode() + b"\0" + wire.lenenc_bytes(b"") + b"shop\0" + struct.pack("<H", 45)
    client.send_command(wire.COM_CHANGE_USER, payload + wire.NATIVE.encode() + b"\0")
    client.finish_login()
    assert client.query("SELECT @left").rows == [(None,)]
    client.reset_connection()


def pinned(client, n):
    assert client.query("/* waybill: shard=s1 */ SELECT GET_LOCK('cut', 5)").rows == [("1",)]
    client.query("/* waybill: shard=s1 */ CREATE TEMPORARY TABLE own (i INT)")
    client.query("/* waybill: shard=s1 */ INSERT INTO own VALUES (1)")
    assert client.query("/* waybill: shard=s1 */ SELECT COUNT(*) FROM own").rows == [("1",)]


def best_effort(client, n):
    client.query("BEGIN")
    client.query(f"INSERT INTO part (id) VALUES ({n}), ({n + 1}), ({n + 2}), ({n + 3})")
    client.query("COMMIT")


DIALOGUES = {
    log_in: {}, plain_queries: {}, transaction: {}, prepared: {}, cursor: {}, bulk: {"capabilities": BULK}, load: {},
    several_statements: {}, scatter: {}, gather: {}, prepared_as_text: {}, change_user: {}, pinned: {},
    best_effort: {"user": "loader"},
}


class Numbers:
    """Keys that no run has had before."""

    last = 1000

    @classmethod
    def next(cls):
        cls.last += 10
        return cls.last


def fill(stand):
    loader = stand.client(user="loader")
    for table in ("t", "trios", "part"):
        loader.query(f"DROP TABLE IF EXISTS {table}")
    loader.query("CREATE TABLE t (id INT NOT NULL PRIMARY KEY, v INT)")
    loader.query("CREATE TABLE trios (id BIGINT NOT NULL, place BIGINT, PRIMARY KEY (id, place))")
    loader.query("CREATE TABLE part (id BIGINT NOT NULL PRIMARY KEY)")
    for i in range(ROWS):
        loader.query(f"INSERT INTO t (id, v) VALUES ({i}, {i * 2})")
    loader.query("INSERT INTO trios (id, place) VALUES (1, 1), (1, 2), (1, 3)")
    loader.close()


def speak(stand, dialogue, **cut):
    """The whole dialogue with its log-in, as far as it comes: its socket, and None or what ended it."""
    client = stand.client(**{"capabilities": CAPABILITIES, **DIALOGUES[dialogue]}, connect=False)
    client.sock = sock = cuts.CutSocket(client.sock, **cut)
    try:
        client.read_greeting()
        client.login()
        dialogue(client, Numbers.next())
        client.close()
        return sock, None
    except cuts.Gone as gone:
        return sock, gone
    except (wire.ServerError, wire.ConnectionLost, OSError) as why:
        client.abort()
        return sock, why
    except wire.ProtocolError as why:
        raise AssertionError(f"{dialogue.__name__}, {cut}: {why}; it ends with {bytes(sock.heard[-200:])}") from why


def spread(points, count):
    return points[:: max(1, -(-len(points) // count))]


def works(stand, dialogue):
    _, why = speak(stand, dialogue)
    assert why is None, (dialogue.__name__, why)


def check_nothing_is_left(stand, what):
    """No session, no backend that is lent, no transaction and no lock; and every statement is there whole or not at all."""
    stand.wait_until(lambda: not stand.admin("SHOW SESSIONS"), 15, lambda: f"{what}: sessions end: {stand.admin('SHOW SESSIONS')}")
    stand.wait_until(lambda: all(pool["lent"] == pool["waiting"] == "0" for pool in stand.admin("SHOW POOLS")), 15,
                     lambda: f"{what}: backends are given back: {stand.admin('SHOW POOLS')}")
    for server in ("s1a", "s2a"):
        root = stand.root(server)
        open_transactions = ("SELECT trx_state, trx_started, trx_query, p.id, user, command, time, info FROM information_schema.innodb_trx "
                             "LEFT JOIN information_schema.processlist p ON p.id = trx_mysql_thread_id")
        stand.wait_until(lambda: not root.query(open_transactions).rows, 15,
                         lambda: f"{what}: {server} has an open transaction: {root.query(open_transactions).rows}")
        halves = root.query("SELECT id, COUNT(*) FROM shop.trios GROUP BY id HAVING COUNT(*) <> 3").rows
        assert not halves, (what, server, halves)
        if server == "s1a":
            assert root.query("SELECT IS_FREE_LOCK('cut')").rows == [("1",)], what
        root.close()


def test_a_client_that_goes(stand):
    """After each packet that it sends or hears, and inside; by turns with a FIN and with a reset."""
    fill(stand)
    done = 0
    for dialogue in DIALOGUES:
        sock, why = speak(stand, dialogue)
        assert why is None, (dialogue.__name__, why)
        for direction, stream in (("sent_max", sock.sent), ("heard_max", sock.heard)):
            for number, point in enumerate(spread(cuts.cut_points(stream), CLIENT_CUTS_MAX)):
                _, why = speak(stand, dialogue, **{direction: point}, with_reset=number % 2 == 0)
                assert isinstance(why, cuts.Gone) or why is None, (dialogue.__name__, direction, point, why)
                done += isinstance(why, cuts.Gone)
        check_nothing_is_left(stand, dialogue.__name__)
        works(stand, dialogue)
    assert done > 500, done


def test_clients_that_go_leave_no_memory(stand):
    """What the first rounds took is enough for all later ones."""
    stand.skip_if_sanitized()
    fill(stand)

    def one_round():
        for dialogue in DIALOGUES:
            sock, why = speak(stand, dialogue)
            assert why is None, (dialogue.__name__, why)
            for number, point in enumerate(cuts.cut_points(sock.sent)[::5]):
                speak(stand, dialogue, sent_max=point, with_reset=number % 2 == 0)

    one_round()
    one_round()
    before = stand.waybill_rss_kib()
    for _ in range(4):
        one_round()
    assert stand.waybill_rss_kib() - before < 2000, (before, stand.waybill_rss_kib())


def test_backends_are_killed_between_packets(stand):
    """Before each packet of the client: an answer that is right, or an error; never a wrong answer."""
    fill(stand)
    roots = [stand.root(server) for server in ("s1a", "s2a")]

    def kill_all():
        for root in roots:
            for (number,) in root.query("SELECT id FROM information_schema.processlist WHERE user IN ('app', 'loader')").rows:
                try:
                    root.query(f"KILL {number}")
                except wire.ServerError:
                    pass  # it has ended meanwhile

    killed = 0
    for dialogue in DIALOGUES:
        sock, why = speak(stand, dialogue)
        assert why is None, (dialogue.__name__, why)
        for place in range(3, len(cuts.cut_points(sock.sent)) // 3 + 2):
            packets = iter(range(1000))
            speak(stand, dialogue, before_send=lambda: kill_all() if next(packets) == place else None)
            killed += 1
        check_nothing_is_left(stand, dialogue.__name__)
        works(stand, dialogue)
    assert killed > 50, killed


def start_behind(stand, relay, workers=2):
    """waybill anew, with the relay between it and its servers."""
    text = re.sub("(?m)^workers = .*$", f"workers = {workers}", stand.configuration())
    for server, port in relay.ports.items():
        address = f"127.0.0.1:{stand.values[f'WAYBILL_{server.upper()}_PORT']}"
        assert address in text
        text = text.replace(address, f"127.0.0.1:{port}")
    path = stand.directory + "/relayed.ini"
    with open(path, "w") as out:
        out.write(text)
    stand.cluster("waybill", "stop")
    stand.cluster("waybill", "start", "--conf", path)
    stand.wait_until(lambda: stand.try_query("SELECT 1"), 20, "waybill answers")


def test_servers_that_vanish(stand):
    """At each packet of their answers, log-ins of waybill among them, and inside of packets."""
    fill(stand)
    relay = cuts.Relay({server: int(stand.values[f"WAYBILL_{server.upper()}_PORT"]) for server in ("s1a", "s2a")}, USERS)
    done = 0
    try:
        start_behind(stand, relay)
        for dialogue in DIALOGUES:
            relay.drop()
            relay.arm(None)
            stand.wait_until(lambda: all(pool["idle"] == "0" for pool in stand.admin("SHOW POOLS")), 10, "waybill knows of it")
            works(stand, dialogue)
            points, at = [], 0
            for stream in relay.heard.values():
                # waybill waits a little after a log-in that failed: those of one dialogue are enough.
                log_in_ends = 0 if dialogue is plain_queries else 4 + stream[0]
                points += [at + point for point in cuts.cut_points(stream) if point >= log_in_ends]
                at += len(stream)
            for point in spread([point for point in points if point > 0], SERVER_CUTS_MAX):
                relay.drop()
                relay.arm(point)
                speak(stand, dialogue)
                done += relay.has_cut
            relay.arm(None)
            check_nothing_is_left(stand, dialogue.__name__)
            works(stand, dialogue)
    finally:
        relay.arm(None)
        stand.cluster("waybill", "stop")
        stand.start_waybill()
        relay.close()
    assert done > 100, done
