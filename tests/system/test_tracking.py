"""Session tracking: what an OK packet tells of the session's state is what the same statement's OK of one plain server
tells, whichever backends ran it; GTIDs of several servers are left out."""

import wire

CLUSTER = {"shards": 4, "replicas": 0, "plain": True}
WITH = wire.CLIENT_DEFAULT | wire.SESSION_TRACK
WITH_EOF = WITH & ~wire.DEPRECATE_EOF
# Its data stand in no EOF: the flag alone says that something was lost.
STATUS = 0x0001 | 0x0002 | 0x2000 | 0x8000  # in a transaction, autocommit, read-only transaction, ANSI_QUOTES

SETTINGS = """USE shop
SET NAMES latin1
SET NAMES utf8mb4
SET CHARACTER SET latin1
SET NAMES DEFAULT
SET autocommit = 0
SELECT 1
SET autocommit = 1
SET time_zone = '+01:00', sql_mode = ''
SET @a = 1
SET sql_mode = CONCAT(@@sql_mode, ',ANSI_QUOTES')
SELECT 1
SELECT name FROM users WHERE buyer_id = 3
SET time_zone = CONCAT('+', '03:00')
SET sql_mode = DEFAULT
SET no_such_variable = 1
SELECT COUNT(*) FROM users
SET session_track_system_variables = '*'
SET sql_mode = CONCAT(@@sql_mode, ',ANSI_QUOTES')
SET sql_mode = DEFAULT
SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED
SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ
SET session_track_system_variables = CONCAT('autocommit', ',sql_mode')
SET sql_mode = 'ANSI_QUOTES'
SET NAMES utf8mb4
SET session_track_schema = 0
USE shop
SET session_track_schema = 1
SET session_track_state_change = 1
SET @a = 2
SET sql_mode = DEFAULT
SELECT 1
UPDATE users SET name = 'b' WHERE buyer_id = 4
SELECT COUNT(*) FROM users
USE shop
SET @b = CONCAT(@a, '3')
SELECT @b
PREPARE x FROM 'SELECT 1'
EXECUTE x
PREPARE y FROM 'no statement'
DEALLOCATE PREPARE x
CREATE TEMPORARY TABLE temporary_1 (a INT)
DROP TEMPORARY TABLE temporary_1
SET session_track_state_change = 0"""

TRANSACTIONS = """SET session_track_transaction_info = 'CHARACTERISTICS'
SELECT 1
SELECT COUNT(*) FROM users
UPDATE users SET name = 'd' WHERE buyer_id = 5
BEGIN
SELECT name FROM users WHERE buyer_id = 1
SELECT name FROM users WHERE buyer_id = 2
SELECT name FROM users WHERE buyer_id = 3
UPDATE users SET name = 'c' WHERE buyer_id = 1
SELECT COUNT(*) FROM users
SELECT 1
SET time_zone = '+02:00'
USE shop
COMMIT
START TRANSACTION READ ONLY
SELECT COUNT(*) FROM users
ROLLBACK
START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY
COMMIT AND CHAIN
COMMIT
START TRANSACTION WITH CONSISTENT SNAPSHOT
COMMIT
START TRANSACTION READ WRITE
SAVEPOINT a
ROLLBACK TO a
RELEASE SAVEPOINT a
COMMIT
SET TRANSACTION ISOLATION LEVEL READ COMMITTED
SELECT name FROM users WHERE buyer_id = 1
SELECT name FROM users WHERE buyer_id = 1
SET TRANSACTION ISOLATION LEVEL READ UNCOMMITTED
SELECT COUNT(*) FROM users
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ
SET TRANSACTION READ ONLY
BEGIN
SELECT name FROM users WHERE buyer_id = 1
UPDATE users SET name = 'c' WHERE buyer_id = 1
COMMIT
SET TRANSACTION READ ONLY
COMMIT
SET TRANSACTION READ ONLY
SET TRANSACTION READ WRITE
START TRANSACTION
ROLLBACK
SET TRANSACTION ISOLATION LEVEL SERIALIZABLE, READ ONLY
START TRANSACTION
COMMIT AND CHAIN
COMMIT
SET TRANSACTION READ WRITE, READ WRITE
BEGIN
UPDATE users SET name = 'e' WHERE buyer_id = 2
COMMIT AND CHAIN
UPDATE users SET name = 'f' WHERE buyer_id = 3
ROLLBACK AND CHAIN
ROLLBACK
SET autocommit = 0
SELECT 1
SELECT name FROM users WHERE buyer_id = 1
SELECT name FROM users WHERE buyer_id = 2
UPDATE users SET name = 'g' WHERE buyer_id = 2
COMMIT
BEGIN
UPDATE users SET name = 'h' WHERE buyer_id = 2
COMMIT AND CHAIN
ROLLBACK
SELECT COUNT(*) FROM users
SET autocommit = 1
BEGIN
BEGIN
UPDATE users SET name = 'i' WHERE buyer_id = 3
BEGIN
INSERT INTO users (buyer_id, name) VALUES (3, 'twice')
UPDATE users SET name = 'j' WHERE buyer_id = 3
CREATE TABLE IF NOT EXISTS tracked (a INT)
SELECT 1
BEGIN
CREATE TABLE IF NOT EXISTS tracked (a INT)
SELECT 1
BEGIN
DO 0
SELECT name FROM no_such_table
UPDATE users SET name = UPPER(name) WHERE buyer_id = 3
COMMIT
SET session_track_transaction_info = 'STATE'
BEGIN
SELECT COUNT(*) FROM users
COMMIT
ROLLBACK
SET TRANSACTION READ ONLY
BEGIN
COMMIT
LOCK TABLES tracked READ
SELECT * FROM tracked
UNLOCK TABLES
SET session_track_transaction_info = CONCAT('O', 'FF')
BEGIN
COMMIT
SET session_track_transaction_info = 1
BEGIN
COMMIT
SET session_track_transaction_info = DEFAULT
BEGIN
COMMIT"""


def plain(stand, **more):
    return wire.Client(port=int(stand.values["WAYBILL_PLAIN_PORT"]), user=stand.values["WAYBILL_USER"],
                       password=stand.values["WAYBILL_PASSWORD"], database="shop", timeout=30, **more)


def fill(stand):
    for client in (plain(stand), stand.client(user="loader")):
        client.query("DROP TABLE IF EXISTS users")
        client.query("DROP TABLE IF EXISTS tracked")
        client.query("CREATE TABLE users (buyer_id BIGINT PRIMARY KEY, name VARCHAR(20))")
        for i in range(1, 9):
            client.query(f"INSERT INTO users (buyer_id, name) VALUES ({i}, 'user {i}')")
        client.close()


def told(client, sql, is_prepared=False):
    """[(status, changes)] of each result, or the error."""
    try:
        result = client.execute(client.prepare(sql)) if is_prepared else client.query(sql)
    except wire.ServerError as error:
        return error.code
    return [(one.status & STATUS, sorted(one.tracked)) for one in [result, *result.more]]


def compare(stand, script, capabilities, is_prepared):
    fill(stand)
    direct, client = plain(stand, capabilities=capabilities), stand.client(capabilities=capabilities)
    wrong = []
    for sql in script.splitlines():
        expected, found = (told(one, sql, is_prepared) for one in (direct, client))
        if expected != found:
            wrong.append(f"{sql}: {found}, not {expected}")
    assert not wrong, "\n".join(wrong)
    direct.close()
    client.close()


def test_settings(stand):
    for capabilities in (WITH, WITH_EOF, wire.CLIENT_DEFAULT):
        compare(stand, SETTINGS, capabilities, False)
    compare(stand, SETTINGS, WITH, True)


def test_transactions(stand):
    for capabilities in (WITH, WITH_EOF, wire.CLIENT_DEFAULT):
        compare(stand, TRANSACTIONS, capabilities, False)
    compare(stand, TRANSACTIONS, WITH, True)


def test_several_statements(stand):
    texts = ["SET autocommit = 0; SELECT 1; SET autocommit = 1", "SET session_track_transaction_info = 'STATE'",
             "BEGIN; SELECT name FROM users WHERE buyer_id = 1; UPDATE users SET name = 'x' WHERE buyer_id = 2; COMMIT; DO 1",
             "USE shop; BEGIN", "SELECT COUNT(*) FROM users; SET NAMES latin1; ROLLBACK"]
    compare(stand, "\n".join(texts), WITH | wire.MULTI_STATEMENTS, False)


def test_log_in_and_reset(stand):
    for client in (plain(stand, capabilities=WITH), stand.client(capabilities=WITH)):
        assert client.tracked == [(1, "shop")]
        client.query("SET session_track_transaction_info = 'STATE'")
        assert told(client, "BEGIN") == [(3, [(5, "T_______")])]
        assert client.reset_connection().tracked == []
        assert told(client, "BEGIN") == [(3, [])]
        assert client.init_db("shop").tracked == [(1, "shop")]
        client.close()
    none = stand.client(capabilities=WITH, database=None)
    assert none.tracked in ([], [(1, "shop")])  # the account's default schema
    none.close()


def test_dropped_database(stand):
    for client in (plain(stand, capabilities=WITH), stand.client(user="loader", capabilities=WITH)):
        client.query("CREATE DATABASE IF NOT EXISTS passing")
        assert told(client, "USE passing") == [(2, [(1, "passing")])]
        assert told(client, "DROP DATABASE passing") == [(2, [(1, "")])]
        assert client.query("SELECT DATABASE()").rows == [(None,)]
        client.close()


def last_gtid(result):
    return [change[2] for change in result.tracked if change[:2] == (0, "last_gtid")]


def binlog_gtid(stand, shard):
    return stand.root(f"s{shard}a").query("SELECT @@gtid_binlog_pos").rows[0][0]


def test_gtids(stand):
    """Of the one server that has committed; of several none."""
    fill(stand)
    client = stand.client(user="loader", capabilities=WITH)
    client.query("SET session_track_system_variables = CONCAT(@@session_track_system_variables, ',last_gtid')")
    places = {}
    for i in range(1, 9):
        found = last_gtid(client.query(f"UPDATE users SET name = 'z' WHERE buyer_id = {i}"))
        shard = next(n for n in range(1, 5) if binlog_gtid(stand, n) == found[0])
        places.setdefault(shard, []).append(i)
    assert len(places) > 1, places
    one, other = (numbers[0] for numbers in list(places.values())[:2])
    client.query("BEGIN")
    assert last_gtid(client.query(f"UPDATE users SET name = 'y' WHERE buyer_id = {one}")) == []
    client.query(f"SELECT name FROM users WHERE buyer_id = {other}")
    assert last_gtid(client.query("COMMIT")) == [binlog_gtid(stand, next(n for n in places if one in places[n]))]
    assert last_gtid(client.query("COMMIT")) == []
    client.query("BEGIN")
    client.query(f"UPDATE users SET name = 'x' WHERE buyer_id = {one}")
    assert len(last_gtid(client.query("BEGIN"))) == 1  # which has committed it
    client.query(f"UPDATE users SET name = 'w' WHERE buyer_id = {one}")
    client.query(f"UPDATE users SET name = 'w' WHERE buyer_id = {other}")
    assert last_gtid(client.query("COMMIT")) == []
    assert last_gtid(client.query("UPDATE users SET name = 'v'")) == []
    assert last_gtid(client.query("SELECT COUNT(*) FROM users")) == []
    assert len(last_gtid(client.query(f"DELETE FROM users WHERE buyer_id = {one}"))) == 1
    client.close()


def test_servers_default(stand):
    """The servers' own default of session_track_transaction_info counts where the client has not set it."""
    roots = [stand.root(f"s{n}a") for n in range(1, 5)]
    for root in roots:
        root.query("SET GLOBAL session_track_transaction_info = 'STATE'")

    def is_known():
        with stand.client(capabilities=WITH) as client:
            return client.query("BEGIN").tracked == [(5, "T_______")]

    try:
        stand.wait_until(is_known, 10, "the new default is known")
    finally:
        for root in roots:
            root.query("SET GLOBAL session_track_transaction_info = 'OFF'")
            root.close()
    stand.wait_until(lambda: not is_known(), 10, "the old default is known")
