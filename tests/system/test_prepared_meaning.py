"""A prepared statement means what it meant when it was prepared, whatever sql_mode and character set the session has by
now; what is evaluated, and what comes back, is as the session has it now: on one server, and through waybill."""

import itertools

import wire
from test_prepared import both, outcome

CLUSTER = {"shards": 2, "replicas": 1, "plain": True}

MODES = ["SET sql_mode = DEFAULT", "SET sql_mode = ''", "SET sql_mode = 'ANSI_QUOTES,PIPES_AS_CONCAT'", "SET sql_mode = 'NO_BACKSLASH_ESCAPES'",
         "SET sql_mode = 'TRADITIONAL'", "SET sql_mode = 'HIGH_NOT_PRECEDENCE,IGNORE_SPACE,NO_UNSIGNED_SUBTRACTION'",
         "SET sql_mode = 'PAD_CHAR_TO_FULL_LENGTH,REAL_AS_FLOAT'"]
SETS = ["SET NAMES utf8mb4", "SET NAMES latin1", "SET NAMES utf8mb4 COLLATE utf8mb4_bin", "SET NAMES gbk", "SET character_set_client = latin1",
        "SET character_set_connection = latin1, character_set_results = utf8mb4", "SET collation_connection = utf8mb4_bin"]
READS = [b'SELECT "name", name FROM users WHERE buyer_id = ?', b"SELECT 'a' || 'b', ?", b"SELECT 'a\\n', LENGTH('a\\n'), ?", b"SELECT NOT 1 BETWEEN -5 AND 5, ?",
         b"SELECT COUNT (*), ? FROM inventory", b"SELECT CAST(1 AS UNSIGNED) - CAST(? AS UNSIGNED)", b"SELECT 1 / 0, ?, TIMESTAMP'2001-00-00 00:00:00'",
         b"SELECT 'caf\xc3\xa9' AS `\xc3\xa9`, HEX('caf\xc3\xa9'), CHARSET('x'), COLLATION('x'), 'a' = 'A', ?", b"SELECT '\xbf\\' = 5', HEX('\xd6\xd0'), ?",
         b"SELECT name, buyer_id FROM users WHERE name <> 'caf\xe9\\\\' AND buyer_id < ? ORDER BY buyer_id",
         b'SELECT CONCAT("name", \'!\') AS x FROM users WHERE buyer_id > ? ORDER BY buyer_id']
WRITES = [b"INSERT INTO users (buyer_id, name) VALUES (?, \"caf\xc3\xa9\\n\")", b"UPDATE users SET name = 'a' || '\\\\b' WHERE buyer_id = ?",
          b"UPDATE users SET age = '5x' WHERE buyer_id = ?", b"INSERT INTO inventory VALUES (?, '')"]


def seen(client, run):
    """With the warnings; a text that only one side can't decode is as wrong as any other difference."""
    try:
        found = outcome(run)
    except UnicodeDecodeError as error:
        found = ("bytes", error.object)
    columns = [column[:2] for column in found[0]] if isinstance(found[0], list) else found[0]
    return (columns,) + tuple(found[1:]), outcome(lambda: client.query("SHOW WARNINGS"))


def prepare(client, sql):
    try:
        return client.prepare(sql)
    except wire.ServerError as why:
        return (why.code, why.message)


def same(stand, old, new, statements, value):
    clients = stand if isinstance(stand, list) else both(stand)
    for c in clients:
        c.query("SET sql_mode = DEFAULT, NAMES utf8mb4")
        c.query(old)
    prepared = [[prepare(c, sql) for sql in statements] for c in clients]
    for c in clients:
        c.query("SET sql_mode = DEFAULT, NAMES utf8mb4")
        c.query(new)
    for sql, *pair in zip(statements, *prepared):
        if any(isinstance(one, tuple) for one in pair):
            assert pair[0] == pair[1], (old, sql, pair)
            continue
        got = [seen(c, lambda: c.execute(statement, [value])) for c, statement in zip(clients, pair)]
        if got[1][0][0] in (9001, 9002):
            continue
        assert got[0] == got[1], (old, new, sql, got)
        for c, statement in zip(clients, pair):
            c.close_statement(statement)


def filled(stand):
    clients = both(stand)
    for c in clients:
        for i in range(1, 6):
            c.query(f"INSERT INTO users (buyer_id, name, age) VALUES ({i}, 'user {i}', {i})")
            c.query(f"INSERT INTO inventory VALUES ({i}, {i})")
    return clients


def test_sql_modes(stand):
    clients = filled(stand)
    for old, new in itertools.product(MODES, MODES):
        same(clients, old, new, READS, 3)


def test_character_sets(stand):
    clients = filled(stand)
    for old, new in itertools.product(SETS, SETS):
        same(clients, old, new, READS, 3)
        same(clients, old, new, READS[7:9], "\u00e9")


def test_writes(stand):
    clients = filled(stand)
    for number, (old, new) in enumerate(itertools.product(MODES[:5] + SETS[:3], MODES[:5] + SETS[:3])):
        for sql in WRITES:
            same(clients, old, new, [sql], 1 + number % 9)
        for c in clients:
            c.query("SET NAMES utf8mb4")
        for table in ("users", "inventory"):
            rows = [c.query(f"SELECT HEX(name), age FROM {table} ORDER BY buyer_id" if table == "users" else f"SELECT * FROM {table} ORDER BY 1").rows
                    for c in clients]
            assert rows[0] == rows[1], (old, new, rows)


def test_as_text(stand):
    """PREPARE and EXECUTE as text; in a transaction, too, where the same connection goes on."""
    clients = filled(stand)
    ways = MODES[:5] + SETS[:4]
    for number, (old, new) in enumerate(itertools.product(ways, ways)):
        for sql in [b"SELECT ? + 1"] + READS + WRITES[:3]:
            got = []
            for c in clients:
                c.query("SET sql_mode = DEFAULT, NAMES utf8mb4")
                c.query(old)
                parts = [outcome(lambda: c.query(b"PREPARE s FROM x'" + sql.hex().encode() + b"'"))]
                c.query("SET sql_mode = DEFAULT, NAMES utf8mb4")
                c.query(new)
                if number % 2:
                    c.query("BEGIN")
                for execution in ("EXECUTE s USING 3", "SELECT 'a' || 'b', \"x\", 'a\\\\n', CHARSET('x')"):
                    parts.append(seen(c, lambda: c.query(execution)))
                c.query("ROLLBACK")
                outcome(lambda: c.query("DEALLOCATE PREPARE s"))
                got.append(parts)
            if isinstance(got[1][0][0], int) and got[1][0][0] in (9001, 9002) or got[1][1][0][0] in (9001, 9002):
                continue
            assert got[0] == got[1], (old, new, sql, got)


def test_the_session_keeps_its_settings(stand):
    """A connection that has turned to other settings for a PREPARE is back, whatever became of it."""
    client = filled(stand)[1]
    client.query("SET sql_mode = 'ANSI_QUOTES'")
    statement = client.prepare('SELECT "name" FROM users WHERE buyer_id = ?')
    gone = client.prepare('SELECT "name" FROM users WHERE buyer_id = ? AND "age" > 0')
    client.query("SET sql_mode = 'NO_BACKSLASH_ESCAPES'")
    for _ in range(3):
        for buyer in (1, 2, 3, 4, 5):
            client.query("BEGIN")
            assert client.execute(statement, [buyer]).rows == [(f"user {buyer}",)]
            assert client.query(f"SELECT @@sql_mode, \"x\" FROM users WHERE buyer_id = {buyer}").rows == [("NO_BACKSLASH_ESCAPES", "x")]
            client.query("COMMIT")
    client.query("ALTER TABLE users DROP COLUMN age")
    for buyer in (1, 2, 3):
        found = outcome(lambda: client.execute(gone, [buyer]))
        assert found[0] == 1054, found
        assert client.query(f"SELECT @@sql_mode FROM users WHERE buyer_id = {buyer}").rows == [("NO_BACKSLASH_ESCAPES",)]


def test_what_waybill_runs_itself(stand):
    """SET is run as the text that it is: refused when that would be read otherwise now."""
    client = filled(stand)[1]
    client.query("SET sql_mode = ''")
    statement = client.prepare('SET @x = "y"')
    begin = client.prepare("BEGIN")
    client.query("SET sql_mode = 'ANSI_QUOTES'")
    assert outcome(lambda: client.execute(statement))[0] == 1235
    assert outcome(lambda: client.execute(begin))[0] is None
    client.query("ROLLBACK")
    client.query("SET sql_mode = 'STRICT_ALL_TABLES'")
    assert outcome(lambda: client.execute(statement))[0] is None
    assert client.query("SELECT @x").rows == [("y",)]
