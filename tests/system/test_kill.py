"""KILL: a session of any worker ends another's statement or connection, on the real servers and nowhere else."""

import struct
import threading
import time

import wire

CLUSTER = {"shards": 2, "replicas": 1, "plain": True, "settings": "proxy_id = 5\n"}
COM_PROCESS_KILL = 12


def app(stand):
    return stand.client()


def plain(stand):
    return wire.Client(port=int(stand.values["WAYBILL_PLAIN_PORT"]), user=stand.values["WAYBILL_USER"],
                       password=stand.values["WAYBILL_PASSWORD"], database="shop", timeout=30)


def outcome(action):
    """What came of it: rows and count, or the error's number and text."""
    try:
        result = action()
    except wire.ServerError as error:
        return error.code, error.sqlstate, error.message
    except (wire.ConnectionLost, ConnectionError):
        return "lost"
    return result.rows, getattr(result, "affected", None)


class Busy:
    """A statement that runs in a thread of its own."""

    def __init__(self, client, sql):
        self.client, self.result = client, None
        self.thread = threading.Thread(target=self.run, args=(sql,))
        self.began = time.monotonic()
        self.thread.start()

    def run(self, sql):
        self.result = outcome(lambda: self.client.query(sql))
        self.took = time.monotonic() - self.began

    def wait(self):
        self.thread.join(20)
        assert not self.thread.is_alive()
        return self.result


def running(stand, text):
    """Connections of all servers whose statement has this in it."""
    found = []
    for name in stand.values["WAYBILL_SERVERS"].split():
        root = stand.root(name)
        found += [row[0] for row in root.query("SELECT ID FROM information_schema.PROCESSLIST WHERE INFO LIKE "
                                               f"'%{text}%' AND ID <> CONNECTION_ID()").rows]
        root.close()
    return found


def fill(stand):
    for client in (stand.client(user="loader"), plain(stand)):
        client.query("DROP TABLE IF EXISTS users")
        client.query("CREATE TABLE users (buyer_id BIGINT PRIMARY KEY, name VARCHAR(50))")
        for i in range(1, 21):
            client.query(f"INSERT INTO users (buyer_id, name) VALUES ({i}, 'u{i}')")
        client.close()


WAITING = "SELECT name AS waits_for_all FROM users"


def lock_all(stand):
    """Every read of the table waits, on each server of it."""
    holders = [stand.root(name) for name in stand.values["WAYBILL_SERVERS"].split() if name != "plain"]
    for holder in holders:
        holder.query("LOCK TABLES shop.users WRITE")
    return holders


def unlock(holders):
    for holder in holders:
        holder.query("UNLOCK TABLES")
        holder.close()


def start_and_kill(stand, connect, sql, kill):
    """(what the victim was told, what the killer was told) of one statement that runs on a server."""
    victim, killer = connect(stand), connect(stand)
    busy = Busy(victim, sql)
    stand.wait_until(lambda: running(stand, "SLEEP"), 10, "it runs")
    told = outcome(lambda: kill(killer, victim.connection_id))
    heard = busy.wait()
    after = outcome(lambda: victim.query("SELECT 1"))
    assert busy.took < 8, busy.took
    stand.wait_until(lambda: not running(stand, "SLEEP"), 5, "nothing is left of it on a server")
    return heard, told, after


def test_as_a_server(stand):
    """Every form of KILL, directly and through waybill."""
    fill(stand)
    kills = {
        "query": lambda client, number: client.query(f"KILL QUERY {number}"),
        "connection": lambda client, number: client.query(f"KILL {number}"),
        "soft": lambda client, number: client.query(f"KILL SOFT CONNECTION {number}"),
        "hard query": lambda client, number: client.query(f"KILL HARD QUERY {number}"),
        "command": lambda client, number: client.command(COM_PROCESS_KILL, struct.pack("<I", number)),
        "prepared": lambda client, number: client.execute(client.prepare("KILL QUERY ?"), [number]),
    }
    for sql in ("SELECT SLEEP(20)", "SELECT SLEEP(1), name FROM users WHERE buyer_id = 3 AND SLEEP(20) = 0"):
        for name, kill in kills.items():
            direct = start_and_kill(stand, plain, sql, kill)
            through = start_and_kill(stand, app, sql, kill)
            assert direct == through, (sql, name, direct, through)


def test_texts_and_numbers(stand):
    ends = ["KILL 99999", "KILL QUERY 99999", "KILL '77777'", "KILL -1", "KILL 1.5", "KILL NULL", "KILL 99999999999999",
            "KILL USER nobody", "KILL USER nobody@'%'", "KILL QUERY USER nobody", "KILL"]
    direct, through = plain(stand), app(stand)
    for sql in ends:
        a, b = outcome(lambda: direct.query(sql)), outcome(lambda: through.query(sql))
        if sql == "KILL":
            a, b = a[:1], b[:1]
        assert a == b, (sql, a, b)
    for form in ("KILL QUERY %d", "KILL QUERY CONNECTION_ID()", "KILL %d", "KILL CONNECTION_ID()", "KILL SOFT %d"):
        answers = []
        for connect in (plain, app):
            client = connect(stand)
            sql = form.replace("%d", str(client.connection_id))
            answers.append((outcome(lambda: client.query(sql)), outcome(lambda: client.query("SELECT 1"))))
        assert answers[0] == answers[1], (form, answers)


def test_idle_ones(stand):
    for connect in (plain, app):
        victim, killer = connect(stand), connect(stand)
        killer.query(f"KILL QUERY {victim.connection_id}")
        assert victim.query("SELECT 2").rows[0][0] == "2"
        killer.query(f"KILL {victim.connection_id}")
        assert victim.sock.recv(100) == b"", "closed without a word"
        # The plain server may still be tidying up behind the closed connection.
        stand.wait_until(lambda: outcome(lambda: killer.query(f"KILL {victim.connection_id}"))[0] == 1094, 5 if connect is plain else 0.1, "it is gone")


def test_every_worker_is_reached(stand):
    killer = app(stand)
    victims = [app(stand) for _ in range(12)]
    workers = {row["worker"] for row in stand.admin("SHOW SESSIONS")}
    assert len(workers) == 2, workers
    ids = [victim.connection_id for victim in victims]
    assert len(set(ids)) == 12 and all(number >> 26 == 5 for number in ids), ids
    for victim in victims[:6]:
        killer.query(f"KILL {victim.connection_id}")
        assert victim.is_closed_by_peer(2)
    result = killer.query("KILL USER app")
    assert result.affected == 7, result.affected  # himself, too
    assert all(victim.is_closed_by_peer(2) for victim in victims[6:])
    assert killer.is_closed_by_peer(2)


def test_all_shards_are_told(stand):
    victim, killer = app(stand), app(stand)
    holders = lock_all(stand)
    busy = Busy(victim, WAITING)
    stand.wait_until(lambda: len(running(stand, "waits_for_all")) >= 2, 10, "it waits on both shards")
    killer.query(f"KILL QUERY {victim.connection_id}")
    assert busy.wait()[0] == 1317
    stand.wait_until(lambda: not running(stand, "waits_for_all"), 5, "it has ended on both")
    unlock(holders)
    assert victim.query("SELECT COUNT(*) FROM users").rows[0][0] == "20"


def test_waiting_for_a_lock_in_a_transaction(stand):
    """The statement ends, its transaction and its locks stay, and COMMIT works."""
    holder, victim, killer, other = (app(stand) for _ in range(4))
    holder.query("BEGIN")
    holder.query("UPDATE users SET name = 'held' WHERE buyer_id = 1")
    victim.query("BEGIN")
    shard_of_one = holder.query("SELECT 1")  # keeps the transaction going
    assert shard_of_one.rows
    busy = Busy(victim, "UPDATE users SET name = 'wanted /* lock */' WHERE buyer_id = 1")
    stand.wait_until(lambda: running(stand, "wanted /* lock"), 5, "it waits")
    killer.query(f"KILL QUERY {victim.connection_id}")
    assert busy.wait()[0] == 1317
    assert victim.query("SELECT @@in_transaction").rows[0][0] == "1"
    holder.query("COMMIT")
    victim.query("UPDATE users SET name = 'mine' WHERE buyer_id = 1")
    victim.query("COMMIT")
    assert other.query("/* waybill: primary */ SELECT name FROM users WHERE buyer_id = 1").rows[0][0] == "mine"


def test_locks_are_free_after_a_connection_is_killed(stand):
    holder, killer = app(stand), app(stand)
    holder.query("BEGIN")
    holder.query("UPDATE users SET name = 'held' WHERE buyer_id = 2")
    busy = Busy(holder, "SELECT SLEEP(20), name FROM users WHERE buyer_id = 2 FOR UPDATE")
    stand.wait_until(lambda: running(stand, "SLEEP"), 5, "it runs")
    killer.query(f"KILL {holder.connection_id}")
    assert busy.wait() == "lost"
    began = time.monotonic()
    killer.query("UPDATE users SET name = 'free' WHERE buyer_id = 2")
    assert time.monotonic() - began < 5


def test_nobody_else_is_hit(stand):
    """Many are killed while others use the same connections: an error 1317 reaches only whom it was meant for."""
    stop, wrong, done = threading.Event(), [], [0]

    def work():
        client = app(stand)
        while not stop.is_set():
            try:
                for i in range(1, 21):
                    client.query(f"SELECT name FROM users WHERE buyer_id = {i}")
                    done[0] += 1
            except (wire.ServerError, wire.ConnectionLost) as error:
                wrong.append(repr(error))
                return
        client.close()

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    killer, victim = app(stand), app(stand)
    hit = 0
    for i in range(150):
        busy = Busy(victim, f"SELECT SLEEP({0.002 * (i % 3)}), name FROM users WHERE buyer_id = {1 + i % 20}")
        time.sleep(0.001 * (i % 5))
        killer.query(f"KILL QUERY {victim.connection_id}")
        answer = busy.wait()
        assert answer[0] == 1317 or isinstance(answer[0], list), answer
        hit += answer[0] == 1317 or answer[0] == [["1", f"u{1 + i % 20}"]]
    stop.set()
    for thread in threads:
        thread.join(20)
    assert not wrong, wrong
    assert done[0] > 500, done
    print(f"      {hit} of 150 were hit, {done[0]} statements of others were not")


def test_others_are_not_his(stand):
    victim, killer = stand.client(user="loader"), app(stand)
    assert outcome(lambda: killer.query(f"KILL {victim.connection_id}")) == (
        1095, "HY000", f"You are not owner of thread {victim.connection_id}")
    assert outcome(lambda: killer.query("KILL USER loader")) == (
        1095, "HY000", "Operation KILL USER failed for loader@%")
    assert victim.query("SELECT 1").rows


def test_the_admin_port(stand):
    victim = app(stand)
    busy = Busy(victim, "SELECT SLEEP(20)")
    stand.wait_until(lambda: running(stand, "SLEEP"), 5, "it runs")
    stand.admin(f"KILL QUERY {victim.connection_id}")
    assert busy.wait() in ((1317, "70100", "Query execution was interrupted"), ([("1",)], 0), ([["1"]], 0))
    stand.admin(f"KILL {victim.connection_id}")
    assert victim.is_closed_by_peer(3)
    for wrong, code in (("KILL 4", 1094), ("KILL x", 1105), ("KILL", 1105), ("KILL 1 2", 1105)):
        try:
            stand.admin(wrong)
            raise AssertionError(wrong)
        except wire.ServerError as error:
            assert error.code == code, (wrong, str(error))


def test_a_client_that_goes_leaves_nothing_running(stand):
    victim = app(stand)
    holders = lock_all(stand)
    victim.send_command(wire.COM_QUERY, WAITING)
    stand.wait_until(lambda: len(running(stand, "waits_for_all")) >= 2, 5, "it waits on both shards")
    victim.abort()
    stand.wait_until(lambda: not running(stand, "waits_for_all"), 5, "it has ended on both shards")
    unlock(holders)


# ---- the list of sessions

PLAINS = (wire.CLIENT_DEFAULT, wire.CLIENT_DEFAULT & ~wire.DEPRECATE_EOF)
COM_PROCESS_INFO = 10


def look(client, way):
    """The columns as packets, and the rows, of the list of processes."""
    if way == "command":
        client.send_command(COM_PROCESS_INFO)
    elif way == "prepared":
        client.send_packet(client.execute_payload(client.prepare("SHOW PROCESSLIST"), []), sequence=0)
    else:
        client.send_command(wire.COM_QUERY, way)
    count = client.read_packet()
    columns = [client.read_packet() for _ in range(count[0])]
    result = wire.Result()
    result.columns = [wire.Column(column) for column in columns]
    eof = b"" if client.capabilities & wire.DEPRECATE_EOF else client.read_packet()
    client.read_rows(result, wire.decode_binary_row if way == "prepared" else wire.decode_text_row)
    return count, columns, eof, result


def test_the_list_looks_as_a_servers(stand):
    for capabilities in PLAINS:
        for collation in (45, 8, 33, 28, 63):
            for way in ("SHOW PROCESSLIST", "SHOW FULL PROCESSLIST", "command", "prepared"):
                more = {"capabilities": capabilities, "collation": collation}
                direct_client = wire.Client(port=int(stand.values["WAYBILL_PLAIN_PORT"]), user="app", password="app_pw",
                                            database="shop", timeout=10, **more)
                client = stand.client(**more)
                direct, through = look(direct_client, way), look(client, way)
                assert direct[:3] == through[:3], (way, collation, direct[:3], through[:3])
                own = [row for row in through[3].rows if str(row[0]) == str(client.connection_id)]
                his = [row for row in direct[3].rows if str(row[0]) == str(direct_client.connection_id)]
                assert len(own) == len(his) == 1, (way, through[3].rows)
                for place in (1, 3, 4, 7, 8):  # User, db, Command, Info, Progress
                    assert own[0][place] == his[0][place], (way, place, own, his)
                assert own[0][2] == "127.0.0.1:%d" % client.sock.getsockname()[1], own
                assert client.query("SELECT 1").rows[0][0] == "1"
                direct_client.close(), client.close()


def test_the_list_has_the_sessions_of_all_workers(stand):
    clients, loader = [app(stand) for _ in range(10)], stand.client(user="loader")
    long = "SELECT SLEEP(20) /* " + "x" * 300 + " */"
    busy = Busy(clients[3], long)
    stand.wait_until(lambda: running(stand, "SLEEP"), 5, "it runs")
    rows = {int(row[0]): row for row in clients[0].query("SHOW PROCESSLIST").rows}
    assert {client.connection_id for client in clients} <= set(rows)
    assert {row[1] for row in rows.values()} == {"app"}  # his own user's only
    assert rows[clients[1].connection_id][4:8] in (["Sleep", "0", "", None], ("Sleep", "0", "", None))
    assert rows[clients[3].connection_id][4] == "Query" and rows[clients[3].connection_id][7] == long[:100]
    full = {int(row[0]): row for row in clients[0].query("SHOW FULL PROCESSLIST").rows}
    assert full[clients[3].connection_id][7] == long
    assert [row[1] for row in loader.query("SHOW PROCESSLIST").rows] == ["loader"]
    clients[0].query(f"KILL QUERY {clients[3].connection_id}")
    busy.wait()
    # A hint asks that shard's server for its own.
    assert loader.query("/* waybill: shard=s1 */ SHOW PROCESSLIST").rows[0][0] != str(loader.connection_id)
    assert [client.query("SELECT 1").rows[0][0] for client in clients] == ["1"] * 10


# ---- the same as a table

TABLE = "information_schema.PROCESSLIST"
OWN = ["USER", "DB", "COMMAND", "TIME", "INFO", "STAGE", "PROGRESS", "INFO_BINARY"]  # what both must say of the same client


def test_the_table_looks_as_a_servers(stand):
    """Names, order, types and values, in text and prepared; only what a derived table can't have is different."""
    for capabilities in PLAINS:
        for collation in (45, 8, 33, 28):
            more = {"capabilities": capabilities, "collation": collation}
            direct_client = wire.Client(port=int(stand.values["WAYBILL_PLAIN_PORT"]), user="app", password="app_pw",
                                        database="shop", timeout=10, **more)
            client = stand.client(**more)
            for sql in (f"SELECT * FROM {TABLE} WHERE ID = CONNECTION_ID()",
                        f"SELECT id, p.User, p.info FROM {TABLE} p WHERE p.id = CONNECTION_ID() ORDER BY 1",
                        f"SELECT CONNECTION_ID() = ID, COUNT(*), MAX(INFO) FROM {TABLE} WHERE CONNECTION_ID() = ID"):
                for prepared in (False, True):
                    answers = []
                    for one in (direct_client, client):
                        result = one.execute(one.prepare(sql), []) if prepared else one.query(sql)
                        if "STAGE" in result.names():
                            places = [result.names().index(name) for name in OWN]
                            rows = [[row[place] for place in places] for row in result.rows]
                        else:
                            rows = [[value for value in row if str(value) != str(one.connection_id)] for row in result.rows]
                        answers.append((result.names(), rows, one.query("SHOW WARNINGS").rows))
                    assert answers[0] == answers[1] and answers[0][1], (sql, prepared, answers)
            direct_client.close(), client.close()


def test_the_table_has_the_sessions(stand):
    fill(stand)
    clients, loader = [app(stand) for _ in range(10)], stand.client(user="loader")
    ids = sorted(client.connection_id for client in clients)
    here = clients[0]
    listed = ",".join(map(str, ids))
    assert [int(row[0]) for row in here.query(f"SELECT ID FROM {TABLE} WHERE ID IN ({listed}) ORDER BY ID").rows] == ids
    assert here.query(f"SELECT DISTINCT USER FROM {TABLE}").rows in ([("app",)], [["app"]])
    # With every kind of text, and what utf8mb3 can't say.
    text = "SELECT SLEEP(20), 'it''s \\\\ é 😀 \x07' /* `x` */"
    busy = Busy(clients[3], text)
    stand.wait_until(lambda: running(stand, "SLEEP"), 5, "it runs")
    info = here.query(f"SELECT COMMAND, INFO FROM {TABLE} WHERE ID = {clients[3].connection_id}").rows[0]
    assert tuple(info) == ("Query", text.replace("😀", "????")), info
    found = here.query(f"SELECT ID FROM {TABLE} WHERE INFO LIKE '%it''''s%' AND ID <> CONNECTION_ID()").rows
    assert [int(row[0]) for row in found] == [clients[3].connection_id], found
    # Monitoring asks, and kills whom it finds.
    here.query(f"KILL QUERY {found[0][0]}")
    busy.wait()
    ways = (
        f"SELECT COUNT(*) FROM {TABLE} AS p JOIN (SELECT 1 AS one) AS o WHERE p.ID IN ({listed})",
        f"SELECT COUNT(*) FROM (SELECT ID FROM {TABLE}) AS p WHERE p.ID IN ({listed})",
        f"WITH p AS (SELECT * FROM {TABLE}) SELECT COUNT(*) FROM p WHERE ID IN ({listed})",
        f"SELECT SUM(ID IN (SELECT ID FROM {TABLE})) FROM information_schema.processlist WHERE ID IN ({listed})",
        f"SELECT COUNT(PROCESSLIST.ID) FROM {TABLE} WHERE information_schema.PROCESSLIST.id IN ({listed})",
        f"SELECT COUNT(`processlist`.ID) FROM `information_schema`.`processlist` WHERE ID IN ({listed})",
        f"SELECT COUNT(*) FROM {TABLE} WHERE ID IN ({listed}) UNION ALL SELECT 1 FROM {TABLE} WHERE ID = 0",
    )
    for sql in ways:
        assert [str(row[0]) for row in here.query(sql).rows] == ["10"], sql
        assert [str(row[0]) for row in here.execute(here.prepare(sql), []).rows] == ["10"], sql
    here.query("USE information_schema")
    assert here.query(f"SELECT COUNT(*) FROM processlist WHERE id IN ({listed})").rows[0][0] == "10"
    here.query("USE shop")
    here.query("BEGIN")  # a transaction goes on
    here.query("UPDATE users SET name = 'listed' WHERE buyer_id = 7")
    assert here.query(f"SELECT COUNT(*) FROM {TABLE} WHERE ID IN ({listed})").rows[0][0] == "10"
    here.query("ROLLBACK")
    # What is about a server's own threads has the server's own list.
    for sql in (f"/* waybill: shard=s1 */ SELECT ID FROM {TABLE}",
                f"SELECT p.ID FROM {TABLE} p LEFT JOIN information_schema.INNODB_TRX t ON t.trx_mysql_thread_id = p.ID"):
        assert not {int(row[0]) for row in loader.query(sql).rows} & {*ids, loader.connection_id}, sql
