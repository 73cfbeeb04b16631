"""Deep pages over four shards: the same rows as one plain server gives, and few of those before the page are moved.
What is counted and what is skipped is of one moment on each shard."""

import threading

import wire
from compare import Outcome

TABLES = """
[table shop.paged]
method = modulo
key = id
shards = s1, s2, s3, s4

[table shop.apart]
method = range
key = id
ranges = ..1999:s1, 2000..3999:s2, 4000..5999:s3, 6000..:s4

[table shop.loose]
method = modulo
key = id
shards = s1, s2, s3, s4

[table shop.colors]
type = reference
"""
CLUSTER = {"shards": 4, "replicas": 0, "plain": True, "tables": TABLES}
COLUMNS = """(
    id INT NOT NULL PRIMARY KEY, n INT, few TINYINT, b BIGINT UNSIGNED, d DECIMAL(30,10), at DATETIME(3), day DATE, tm TIME(2), ts TIMESTAMP NULL,
    g VARCHAR(40), c VARCHAR(40) COLLATE utf8mb4_bin, l VARCHAR(40) CHARACTER SET latin1 COLLATE latin1_swedish_ci, u VARCHAR(40) CHARACTER SET utf8mb3,
    v VARBINARY(20), t TEXT, f DOUBLE, e ENUM('z','a','m'), y YEAR, KEY (n), KEY (at), KEY (g)) DEFAULT CHARSET utf8mb4 COLLATE utf8mb4_general_ci"""
# r is a number below 2^32 that looks like chance
VALUES = """SELECT seq, IF(r % 9 = 0, NULL, r % 5000 - 2500), r % 3, CAST(r AS UNSIGNED) * 4294967297,
    IF(r % 50 = 0, NULL, (r - 2000000000) / 7), '2026-01-01' + INTERVAL r % 40000000 SECOND + INTERVAL r % 7 * 1000 MICROSECOND,
    '2020-02-28' + INTERVAL r % 900 DAY, SEC_TO_TIME(r % 2000000 - 1000000), '2026-03-01' + INTERVAL r % 20000000 SECOND,
    IF(r % 20 = 0, NULL, CONCAT(ELT(r % 5 + 1, 'a', 'A', 'Ä', 'ß', 'b '), MD5(r % 3000))), MD5(seq), CONCAT(ELT(r % 4 + 1, 'ä', 'A', 'o', 'Ö'), r % 4000), CONCAT('ü', r % 900),
    UNHEX(MD5(seq + 1)), CONCAT(REPEAT('x', r % 3 * 60), MD5(seq + 2)), r / 3, r % 3 + 1, 1901 + r % 255
    FROM (SELECT seq, CAST(CRC32(CONCAT('waybill', seq)) AS SIGNED) AS r FROM seq_1_to_8000 WHERE %s) AS made"""
FAST = 800  # rows moved at most where the page's beginning can be asked for: 4 shards, 10 + 100 rows, and what probes read


def fill_server(stand, number):
    """Of shard `number`, from 0 on; None: the plain one, which has all rows."""
    client = stand.direct("plain" if number is None else f"s{number + 1}a")
    by_modulo = "1" if number is None else f"seq % 4 = {number}"
    by_range = "1" if number is None else f"LEAST(seq DIV 2000, 3) = {number}"
    client.query("SET time_zone = '+00:00'")
    client.query(f"CREATE TABLE paged {COLUMNS}")
    client.query(f"INSERT INTO paged {VALUES.replace('%s', by_modulo)}")
    client.query("CREATE TABLE loose (id INT NOT NULL PRIMARY KEY, n INT) ENGINE = MyISAM SELECT id, n FROM paged")
    client.query(f"CREATE TABLE apart (id INT NOT NULL PRIMARY KEY, n INT) SELECT seq AS id, seq * 7919 % 5000 AS n FROM seq_1_to_8000 WHERE {by_range}")
    client.query("CREATE TABLE colors (few INT NOT NULL PRIMARY KEY, color VARCHAR(10))")
    client.query("INSERT INTO colors VALUES (0, 'red'), (1, 'green'), (2, 'blue')")
    client.close()


def fill(stand):
    fillers = [threading.Thread(target=fill_server, args=(stand, number)) for number in (None, 0, 1, 2, 3)]
    for filler in fillers:
        filler.start()
    for filler in fillers:
        filler.join()


def rows_sent(roots):
    return sum(int(root.query("SHOW GLOBAL STATUS LIKE 'Rows_sent'").rows[0][1]) for root in roots)


# (statement, are the rows before the page skipped)
PAGES = [
    ("SELECT id, n FROM paged ORDER BY n, id LIMIT 10 OFFSET 6000", True),
    ("SELECT id, n FROM paged ORDER BY n DESC, id LIMIT 10 OFFSET 6000", True),
    ("SELECT id FROM paged ORDER BY n, id LIMIT 6000, 10", True),
    ("SELECT * FROM paged ORDER BY n, id DESC LIMIT 10 OFFSET 5000", True),
    ("SELECT id, b FROM paged ORDER BY b LIMIT 10 OFFSET 7345", True),
    ("SELECT id, b FROM paged ORDER BY b DESC, id LIMIT 10 OFFSET 7345", True),
    ("SELECT id, d FROM paged ORDER BY d, id LIMIT 10 OFFSET 5500", True),
    ("SELECT id, d FROM paged ORDER BY d DESC, id LIMIT 10 OFFSET 5500", True),
    ("SELECT id, at FROM paged ORDER BY at, id LIMIT 10 OFFSET 5500", True),
    ("SELECT id, at AS n FROM paged ORDER BY at DESC, id LIMIT 10 OFFSET 5500", True),
    ("SELECT id, day FROM paged ORDER BY day, id LIMIT 10 OFFSET 5500", True),
    ("SELECT id, tm FROM paged ORDER BY tm, id LIMIT 10 OFFSET 5500", True),
    ("SELECT id, g FROM paged ORDER BY g, id LIMIT 10 OFFSET 5500", True),
    ("SELECT id, g FROM paged ORDER BY g DESC, id LIMIT 10 OFFSET 5500", True),
    ("SELECT id, c FROM paged ORDER BY c LIMIT 10 OFFSET 5500", True),
    ("SELECT id, l FROM paged ORDER BY l, id LIMIT 10 OFFSET 5500", True),
    ("SELECT id, l FROM paged ORDER BY l COLLATE latin1_bin DESC, id LIMIT 10 OFFSET 5500", True),
    ("SELECT id, u FROM paged ORDER BY u, id LIMIT 10 OFFSET 5500", True),
    ("SELECT id, HEX(v) FROM paged ORDER BY v LIMIT 10 OFFSET 5500", True),
    ("SELECT id FROM paged ORDER BY id LIMIT 10 OFFSET 7995", True),
    ("SELECT id FROM paged ORDER BY id LIMIT 10 OFFSET 8000", True),
    ("SELECT id FROM paged ORDER BY id LIMIT 10 OFFSET 1000000", True),
    ("SELECT id, few FROM paged WHERE few < 2 OR n IS NULL ORDER BY b, id LIMIT 10 OFFSET 5100", True),
    ("SELECT id, few FROM paged WHERE n > -2000 -- all but few\nORDER BY g, id LIMIT 10 OFFSET 5100", True),
    ("SELECT id, few FROM paged # none\nORDER BY g, id LIMIT 10 OFFSET 5100", True),
    ("SELECT id x, n * 2 y FROM paged ORDER BY y, x LIMIT 10 OFFSET 5100", True),
    ("SELECT id, n FROM paged ORDER BY 2, 1 LIMIT 10 OFFSET 5100", True),
    ("SELECT id FROM paged ORDER BY n + few, id LIMIT 10 OFFSET 5100", True),
    ("SELECT p.id, color FROM paged p JOIN colors USING (few) ORDER BY p.at, id LIMIT 10 OFFSET 5100", True),
    ("SELECT p.*, color FROM paged p JOIN colors c ON p.few = c.few WHERE c.few > 0 ORDER BY p.d, id LIMIT 3 OFFSET 5100", True),
    ("SELECT id, n FROM apart ORDER BY id LIMIT 10 OFFSET 6000", True),
    ("SELECT id, n FROM apart ORDER BY id DESC LIMIT 10 OFFSET 6000", True),
    ("SELECT id, n FROM apart ORDER BY n, id LIMIT 10 OFFSET 6000", True),
    ("SELECT id, few FROM paged ORDER BY few, id LIMIT 10 OFFSET 6000", False),  # thousands of rows alike
    ("SELECT id, n FROM paged ORDER BY n, id LIMIT 10 OFFSET 1000", False),
    ("SELECT id, ts FROM paged ORDER BY ts, id LIMIT 10 OFFSET 6000", None),  # by the servers' own time zone
    ("SELECT id, f FROM paged ORDER BY f, id LIMIT 10 OFFSET 6000", False),
    ("SELECT id, y FROM paged ORDER BY y, id LIMIT 10 OFFSET 6000", False),
    ("SELECT id, n FROM loose ORDER BY n, id LIMIT 10 OFFSET 6000", False),  # no transactions
    ("SELECT id, n FROM paged WHERE at < NOW() + INTERVAL 1 YEAR ORDER BY n, id LIMIT 10 OFFSET 6000", None),
    ("SELECT DISTINCT n FROM paged ORDER BY n LIMIT 10 OFFSET 4000", None),
    ("SELECT id, t FROM paged ORDER BY t, id LIMIT 3 OFFSET 6000", None),  # alike in the first 64 characters
    ("SELECT id FROM paged WHERE nothing = 1 ORDER BY n LIMIT 10 OFFSET 6000", None),
]


# (text, what USING is set to, USING)
EXECUTED = [
    ("SELECT id, n FROM paged ORDER BY n, id LIMIT 10 OFFSET 6000", "", ""),
    ("SELECT id, n FROM paged ORDER BY n, id LIMIT ? OFFSET ?", "@a = 10, @b = 6000", "@a, @b"),
    ("SELECT id, g FROM paged WHERE few < ? OR g > ? ORDER BY g DESC, id LIMIT 9 OFFSET ?", "@a = 2, @b = 'a''x', @c = 5300", "@a, @b, @c"),
    ("SELECT id FROM paged WHERE d > ? ORDER BY at, id LIMIT ?, 10", "@a = -123456.75, @b = 5200", "@a, @b"),
]


def executed_as_text(client, plain, roots):
    problems = []
    for sql, values, using in EXECUTED:
        for one in (client, plain):
            one.query(f"PREPARE page FROM '{sql}'")
            if values:
                one.query(f"SET {values}")
        execute = f"EXECUTE page USING {using}" if using else "EXECUTE page"
        before = rows_sent(roots)
        mine = Outcome(client, execute)
        if rows_sent(roots) - before >= FAST:
            problems.append(f"EXECUTE of {sql}\n        is not skipped")
        problems += [f"EXECUTE of {sql}\n        {what}" for what in mine.differences(Outcome(plain, execute), True)]
    return problems


def with_cursor(client, plain, roots):
    sql, problems, fetched = "SELECT id, n, g FROM paged WHERE few < ? ORDER BY n, id LIMIT 20 OFFSET ?", [], []
    for one in (client, plain):
        statement = one.prepare(sql)
        before = rows_sent(roots)
        result = one.execute(statement, [2, 5100], cursor=1)
        if one is client and rows_sent(roots) - before >= FAST:
            problems.append(f"with a cursor: {sql}\n        is not skipped")
        if not result.is_cursor_open:
            problems.append(f"with a cursor: {sql}\n        none was opened")
        fetched.append([one.fetch(statement, result.columns, 7).rows for _ in range(3)])
    if fetched[0] != fetched[1]:
        problems.append(f"with a cursor: {sql}\n        {fetched[0]!r}, not {fetched[1]!r}")
    return problems


def test_same_rows(stand):
    fill(stand)
    client, plain = stand.client(), stand.direct("plain")
    roots = [stand.root(f"s{i + 1}a") for i in range(4)]
    problems = []
    for sql, is_skipped in PAGES:
        before = rows_sent(roots)
        mine = Outcome(client, sql)
        moved = rows_sent(roots) - before
        problems += [f"{sql}\n        {what}" for what in mine.differences(Outcome(plain, sql), True)]
        if is_skipped is not None and (moved < FAST) != is_skipped:
            problems.append(f"{sql}\n        {moved} rows were moved")
    for zone in ("+00:00", "SYSTEM"):
        for one in (client, plain):
            one.query(f"SET time_zone = '{zone}'")
        sql = "SELECT id, ts FROM paged ORDER BY ts DESC, id LIMIT 10 OFFSET 6000"
        before = rows_sent(roots)
        problems += [f"{sql}\n        {what}" for what in Outcome(client, sql).differences(Outcome(plain, sql), True)]
        if zone == "+00:00" and rows_sent(roots) - before >= FAST:
            problems.append(f"{sql}\n        is not skipped")
    for sql in ("SELECT id, n FROM paged ORDER BY n, id LIMIT 10 OFFSET 6000", "SELECT id, g FROM paged ORDER BY g, id LIMIT 10 OFFSET 6000"):
        problems += [f"prepared: {sql}\n        {what}" for what in Outcome(client, sql, True).differences(Outcome(plain, sql, True), True)]
    for sql, values in (("SELECT id, n FROM paged ORDER BY n, id LIMIT ? OFFSET ?", (10, 6000)), ("SELECT id, g, d FROM paged WHERE few < ? OR g > ? ORDER BY g, id LIMIT 9 OFFSET ?", (2, "a'\\", 5300)),
                        ("SELECT id x FROM paged WHERE at > ? ORDER BY d DESC, x LIMIT ?, 10", ("2026-02-01", 5200))):
        before = rows_sent(roots)
        mine = Outcome(client, sql, True, values)
        if rows_sent(roots) - before >= FAST:
            problems.append(f"prepared: {sql}\n        is not skipped")
        problems += [f"prepared: {sql}\n        {what}" for what in mine.differences(Outcome(plain, sql, True, values), True)]
    problems += executed_as_text(client, plain, roots) + with_cursor(client, plain, roots)
    assert not problems, f"{len(problems)} differences:\n    " + "\n    ".join(problems)
    client.close()


def test_in_transaction(stand):
    """The session's own writes count; and afterwards its sessions are as before."""
    client = stand.client()
    sql = "SELECT id FROM paged ORDER BY id LIMIT 3 OFFSET 6000"
    roots = [stand.root(f"s{i + 1}a") for i in range(4)]
    for isolation, is_skipped in (("REPEATABLE READ", True), ("READ COMMITTED", False)):
        client.query(f"SET SESSION TRANSACTION ISOLATION LEVEL {isolation}")
        client.query("BEGIN")
        client.query("DELETE FROM paged WHERE id = 8")
        before = rows_sent(roots)
        assert [row[0] for row in client.query(sql).rows] == ["6002", "6003", "6004"]
        assert (rows_sent(roots) - before < FAST) == is_skipped, (isolation, rows_sent(roots) - before)
        client.query("INSERT INTO paged (id) VALUES (-4), (-8)")
        assert [row[0] for row in client.query(sql).rows] == ["6000", "6001", "6002"]
        client.query("ROLLBACK")
    client.query("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    assert [row[0] for row in client.query(sql).rows] == ["6001", "6002", "6003"]
    client.query("BEGIN")
    client.query("UPDATE paged SET few = few WHERE id = 8")
    client.query("COMMIT")
    assert [row[0] for row in client.query(sql).rows] == ["6001", "6002", "6003"]
    client.close()


def test_one_moment(stand):
    """Rows go to and fro between the front and the last places before the page, which is the same at any moment."""
    client = stand.client()
    sql = "SELECT id FROM paged ORDER BY b, id LIMIT 10 OFFSET 6000"
    before = "SELECT id, b FROM paged ORDER BY b, id LIMIT 60 OFFSET 5940"
    moved = client.query(before).rows
    expected = client.query(sql).rows
    is_over = threading.Event()

    def move(shard):
        mover = stand.client()
        ids = ", ".join(row[0] for row in moved if int(row[0]) % 4 == shard)
        values = " ".join(f"WHEN {row[0]} THEN {row[1]}" for row in moved)
        while ids and not is_over.is_set():
            mover.query(f"UPDATE paged SET b = id % 2 WHERE id IN ({ids}) AND id % 4 = {shard}")
            mover.query(f"UPDATE paged SET b = CASE id {values} END WHERE id IN ({ids}) AND id % 4 = {shard}")
        mover.close()

    movers = [threading.Thread(target=move, args=(shard,)) for shard in range(4)]
    for mover in movers:
        mover.start()
    try:
        for turn in range(20):
            found = client.query(sql).rows
            assert found == expected, f"turn {turn}: {found}, not {expected}"
    finally:
        is_over.set()
        for mover in movers:
            mover.join()
    client.close()


def test_lost_connections(stand):
    """Connections are killed all the while: a page is right, or an error."""
    root = stand.root("s2a")
    client = stand.client()
    sql = "SELECT id, g FROM paged ORDER BY g, id LIMIT 10 OFFSET 5500"
    expected = client.query(sql).rows
    is_over = threading.Event()

    def kill():
        while not is_over.wait(0.003):
            for row in root.query(f"SELECT id FROM information_schema.processlist WHERE user = '{stand.values['WAYBILL_USER']}'").rows:
                try:
                    root.query(f"KILL {row[0]}")
                except wire.ServerError:
                    pass  # it has gone

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        for turn in range(15):
            try:
                found = client.query(sql).rows
                assert found == expected, f"turn {turn}: {found}, not {expected}"
            except wire.ServerError:
                pass
            except (wire.ConnectionLost, OSError):
                client = stand.client()
    finally:
        is_over.set()
        killer.join()
    assert client.query(sql).rows == expected
    client.close()
