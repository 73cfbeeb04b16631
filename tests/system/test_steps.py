"""Statements that waybill runs as several: UPDATE and DELETE with LIMIT over shards, INSERT ... SELECT to other shards.
All of one or nothing, also when many do it at once and when one of the steps fails."""

import threading

import wire
from stand import Stand  # noqa: F401  (the runner makes it)

TABLES = """
[table shop.jobs]
key = id
[table shop.copies]
key = id
[table shop.inventory]
type = unsharded
shard = s2
"""
CLUSTER = {"shards": 3, "replicas": 0, "tables": TABLES}
JOBS, WORKERS = 60, 3


def fill(stand):
    client = stand.client(user="loader")
    for name in ("jobs", "copies"):
        client.query(f"DROP TABLE IF EXISTS {name}")
        client.query(f"CREATE TABLE {name} (id INT NOT NULL PRIMARY KEY, owner INT NOT NULL DEFAULT 0, prio INT NOT NULL, n INT UNIQUE, KEY (owner, prio)) ENGINE=InnoDB")
    client.query("DROP TABLE IF EXISTS inventory")
    client.query("CREATE TABLE inventory (product_id INT NOT NULL PRIMARY KEY, stock INT NOT NULL) ENGINE=InnoDB")
    for i in range(1, JOBS + 1):
        client.query(f"INSERT INTO jobs (id, prio, n) VALUES ({i}, {i % 7}, {i})")
    return client


def rows_of(client, sql):
    return [tuple(int(value) for value in row) for row in client.query(sql).rows]


def take_jobs(stand, owner, taken, problems):
    client = stand.client(user="loader")
    while not problems:
        try:
            affected = client.query(f"UPDATE jobs SET owner = {owner} WHERE owner = 0 ORDER BY prio, id LIMIT 2").affected
        except wire.ServerError as error:
            if error.code not in (1213, 1205):
                problems.append(str(error))
            continue
        if affected == 0:
            break
        taken[owner] = taken.get(owner, 0) + affected
    client.close()


def test_many_take_from_one_queue(stand):
    """Each row is taken once, and no two wait for one another on different shards."""
    client = fill(stand)
    taken, problems = {}, []
    threads = [threading.Thread(target=take_jobs, args=(stand, owner, taken, problems)) for owner in range(1, WORKERS + 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not problems and not any(thread.is_alive() for thread in threads), problems
    found = dict(rows_of(client, "SELECT owner, COUNT(*) FROM jobs GROUP BY owner"))
    assert found == taken and sum(taken.values()) == JOBS, (found, taken)
    client.close()


def test_a_failed_insert_leaves_nothing(stand):
    """The last row of a SELECT has a duplicate: nothing of the others stays, on no shard."""
    client = fill(stand)
    client.query("INSERT INTO copies (id, prio) VALUES (1057, 1)")
    for sql in ("INSERT INTO copies (id, prio) SELECT id + 1000, prio FROM jobs WHERE id < 58",
                "INSERT INTO copies (id, prio) SELECT id + 1000, n - 3 FROM jobs WHERE id = 57 OR id < 9",
                "INSERT INTO copies (id, prio) SELECT id + 2000, NULLIF(n, 33) FROM jobs"):
        try:
            client.query(sql)
            assert False, sql
        except wire.ServerError as error:
            assert error.code in (1062, 1048), error
        assert rows_of(client, "SELECT COUNT(*) FROM copies") == [(1,)], sql
        assert client.query("SELECT @@in_transaction").rows[0][0] in (b"0", "0"), sql
    client.close()


def test_a_failed_step_leaves_nothing_in_a_transaction(stand):
    """Nor in the client's own transaction, which lives on with what it had: on one shard and on several, each user's way."""
    fill(stand).close()
    for user, password in (("loader", "loader_pw"), ("bank", "bank_pw")):
        client = wire.Client(port=int(stand.values["WAYBILL_PORT"]), user=user, password=password, database="shop", timeout=30)
        client.query("DELETE FROM copies")
        client.query("DELETE FROM inventory")
        client.query("INSERT INTO inventory VALUES (60, 1)")
        client.query("BEGIN")
        client.query("INSERT INTO copies (id, prio) VALUES (1057, 1)")
        client.query("UPDATE jobs SET owner = 9 WHERE id = 1")
        for sql in ("INSERT INTO copies (id, prio) SELECT id + 1000, prio FROM jobs",
                    "INSERT INTO copies (id, prio) SELECT j.id * 10000 + k.id, NULLIF(j.id * 100 + k.id, 6060) FROM (SELECT 1) one, jobs j JOIN jobs k ON k.id = j.id",
                    "INSERT INTO inventory (product_id, stock) SELECT id, prio FROM jobs ORDER BY id"):
            try:
                client.query(sql)
                assert False, sql
            except wire.ServerError as error:
                assert error.code in (1062, 1048), (sql, error)
            assert rows_of(client, "SELECT COUNT(*) FROM copies") == [(1,)], (user, sql)
            assert rows_of(client, "SELECT COUNT(*) FROM inventory") == [(1,)], (user, sql)
        client.query("COMMIT")
        assert rows_of(client, "/* waybill: primary */ SELECT id FROM copies") == [(1057,)], user
        assert rows_of(client, "/* waybill: primary */ SELECT owner FROM jobs WHERE id = 1") == [(9,)], user
        client.close()


def test_all_steps_are_of_the_transaction(stand):
    client = fill(stand)
    client.query("BEGIN")
    client.query("INSERT INTO copies (id, prio) SELECT id + 1000, prio FROM jobs")
    client.query("DELETE FROM jobs ORDER BY prio DESC, id LIMIT 20")
    client.query("UPDATE copies SET owner = 5 ORDER BY id LIMIT 7")
    assert rows_of(client, "SELECT COUNT(*), SUM(owner) FROM copies") == [(JOBS, 35)]
    other = stand.client(user="loader")
    assert rows_of(other, "SELECT COUNT(*) FROM copies") == [(0,)] and rows_of(other, "SELECT COUNT(*) FROM jobs") == [(JOBS,)]
    client.query("ROLLBACK")
    assert rows_of(client, "SELECT COUNT(*) FROM copies") == [(0,)] and rows_of(client, "SELECT COUNT(*) FROM jobs") == [(JOBS,)]
    client.close()
    other.close()


def test_sql_select_limit(stand):
    """It is for the client's SELECTs: not for the rows, and the columns, that an INSERT needs."""
    client = fill(stand)
    client.query("SET sql_select_limit = 2")
    assert client.query("INSERT INTO copies (id, prio) SELECT id + 1000, prio FROM jobs").affected == JOBS
    assert client.query("INSERT INTO copies VALUES (1, 1, 1, 1)").affected == 1
    assert len(client.query("SELECT id FROM copies").rows) == 2
    client.close()


def test_large_insert_select(stand):
    """Several pieces: one OK with the sums, and no rows lost."""
    client = fill(stand)
    for i in range(4):
        client.query(f"INSERT INTO copies (id, prio) SELECT j.id + {(i + 1) * 100000} + k.id * 100, 1 FROM jobs j JOIN jobs k ON j.id = k.id")
    values = ", ".join(f"({i}, 1)" for i in range(1000, 12500))
    assert client.query(f"INSERT INTO copies (id, prio) VALUES {values}").affected == 11500
    result = client.query("INSERT INTO copies (id, prio) SELECT id + 1000000, prio FROM copies")
    assert result.affected == 11500 + 4 * JOBS, result.affected
    assert result.message == f"Records: {result.affected}  Duplicates: 0  Warnings: 0", result.message
    assert rows_of(client, "SELECT COUNT(*) FROM copies") == [(2 * result.affected,)]
    client.close()


def test_who_may_write_one_shard_only(stand):
    """A user who may not write to several shards: rows of all shards to one, and nothing to more."""
    fill(stand).close()
    client = stand.client()
    affected = client.query("INSERT INTO inventory SELECT id, prio FROM jobs").affected
    assert affected == JOBS, affected
    try:
        client.query("INSERT INTO copies (id, prio) SELECT id + 1000, prio FROM jobs")
        assert False
    except wire.ServerError as error:
        assert error.code == 9002, error
    assert rows_of(client, "SELECT COUNT(*) FROM copies") == [(0,)]
    assert client.query("INSERT INTO copies (id, prio) SELECT 5, COUNT(*) FROM jobs").affected == 1
    assert rows_of(client, "SELECT id, prio FROM copies") == [(5, JOBS)]
    client.close()


def test_a_killed_step_is_rolled_back(stand):
    """The client goes away while a step waits for a lock: its locks go with it."""
    client = fill(stand)
    client.query("BEGIN")
    client.query("UPDATE jobs SET owner = 9 WHERE id = 30")
    waiting = stand.client(user="loader")
    waiting.send_command(wire.COM_QUERY, "UPDATE jobs SET owner = 8 ORDER BY id LIMIT 50")
    client.query("SELECT SLEEP(0.3)")
    waiting.close()
    client.query("COMMIT")
    client.query("SET innodb_lock_wait_timeout = 20")
    assert client.query("UPDATE jobs SET owner = 7").affected == JOBS
    client.close()
