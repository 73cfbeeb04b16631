"""Attempts to get a wrong answer: statements at random over order ids and every method of sharding, and sessions at random
over few connections, each beside a twin on one plain server. And what such attempts have found."""

import os
import random
import re
import time

import test_differential
import wire
from compare import Outcome
from statements import KeyStatements, Statements
from stand import REFUSALS

TABLES = test_differential.TABLES + """
[table shop.orders]
key = buyer_id
id = order_id

[table shop.order_items]
with = shop.orders
id = order_id
"""
CLUSTER = {"shards": 4, "replicas": 0, "plain": True, "tables": TABLES, "settings": "pool_max = 24\ngather_on_primary = on\n"}
ORDERS = (
    "CREATE TABLE orders (order_id BIGINT NOT NULL PRIMARY KEY, buyer_id BIGINT NOT NULL, total DECIMAL(10,2), status VARCHAR(10), placed DATE, KEY (buyer_id)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4",
    "CREATE TABLE order_items (order_id BIGINT NOT NULL, no INT NOT NULL, product_id INT, PRIMARY KEY (order_id, no)) ENGINE=InnoDB")
MODES = ("", "STRICT_ALL_TABLES", "ANSI_QUOTES", "NO_BACKSLASH_ESCAPES", "PIPES_AS_CONCAT", "HIGH_NOT_PRECEDENCE", "ANSI")
SEED = int(os.environ.get("WAYBILL_TEST_SEED", "20261122"))
PLAN_FLAGS = 0x400b  # of columns: NOT NULL and parts of keys, which depend on how the server runs the statement


def fill(stand):
    """Returns the order ids: waybill makes them, and the plain server gets the same."""
    loader, plain, ids = stand.client(user="loader"), stand.direct("plain"), []
    test_differential.fill(loader)
    test_differential.fill(plain)
    rng = random.Random(SEED)
    for client in (loader, plain):
        client.query("DROP TABLE IF EXISTS orders")
        client.query("DROP TABLE IF EXISTS order_items")
        for statement in ORDERS:
            client.query(statement)
    for buyer in list(range(1, 41)) * 2:
        if rng.random() < 0.3:
            continue
        values = f"{buyer}, {rng.choice(('NULL', '1.5', '20'))}, {rng.choice(('NULL', 1, 2))}, '2026-05-0{rng.randint(1, 9)}'"
        ids.append(loader.query(f"INSERT INTO orders (buyer_id, total, status, placed) VALUES ({values})").insert_id)
        plain.query(f"INSERT INTO orders (order_id, buyer_id, total, status, placed) VALUES ({ids[-1]}, {values})")
        for no in range(rng.randint(0, 3)):
            for client in (loader, plain):
                client.query(f"INSERT INTO order_items (order_id, no, product_id) VALUES ({ids[-1]}, {no}, {1 + (ids[-1] + no) % 12})")
    loader.close()
    plain.close()
    return ids


def simplified(outcome):
    """Without what may differ: counts of warnings are summed over shards, ties are broken by letters of any case."""
    if outcome.columns:
        outcome.columns = [c[:6] + (c[6] & ~PLAN_FLAGS,) + c[7:9] for c in outcome.columns]
        outcome.rows = [tuple(v.lower() if isinstance(v, str) else v for v in row) for row in outcome.rows]
    outcome.warnings = 0
    outcome.message = re.sub(r"Warnings: \d+", "", outcome.message)
    return outcome


def beside(client, plain, statement, is_ordered, is_prepared=False):
    """(was it refused, differences)"""
    mine = simplified(Outcome(client, statement, is_prepared))
    if mine.is_refused():
        return True, []
    theirs = simplified(Outcome(plain, statement, is_prepared))
    if mine.error and theirs.error:
        both = {mine.error[0], theirs.error[0]}
        return False, [] if len(both) == 1 or both <= {1052, 1054, 1241} else [f"{mine.error}, not {theirs.error}"]
    return False, mine.differences(theirs, is_ordered)


def play_random(stand, statements, count, prepared):
    """`statements`: a function that makes (statement, is its order promised)."""
    rng = random.Random(SEED)
    client, plain = stand.client(), stand.direct("plain")
    problems, refused = [], 0
    for number in range(count):
        if number % 150 == 0:
            mode = rng.choice(MODES)
            for one in (client, plain):
                one.query(f"SET sql_mode = '{mode}'")
        statement, is_ordered = statements()
        was_refused, found = beside(client, plain, statement, is_ordered, rng.random() < prepared)
        refused += was_refused
        assert not was_refused or not statement.startswith("SELECT"), f"refused: {statement}"
        problems += [f"[{mode}] {statement}\n        {what}" for what in found]
        assert len(problems) < 4, f"seed {SEED}, statement {number}:\n    " + "\n    ".join(problems)
    assert not problems, f"seed {SEED}:\n    " + "\n    ".join(problems)
    assert refused < count * 0.75, f"{refused} of {count} were refused"


def same_tables(stand, tables):
    client, plain = stand.client(), stand.direct("plain")
    for table in tables:
        mine, theirs = (sorted(tuple(r) for r in c.query(f"SELECT * FROM {table}").rows if None not in r) for c in (client, plain))
        assert mine == theirs, f"seed {SEED}: {table} differs at the end: {set(mine) ^ set(theirs)}"


def test_random_joins(stand):
    statements = Statements(random.Random(SEED), fill(stand))
    play_random(stand, statements.statement, 3000, prepared=0.2)
    same_tables(stand, ("users", "orders", "order_items", "addresses"))


def test_random_keys(stand):
    fill(stand)
    statements = KeyStatements(random.Random(SEED))
    play_random(stand, lambda: (statements.statement(), False), 2000, prepared=0.1)
    same_tables(stand, ("by_name", "by_day", "by_range", "by_modulo", "by_country"))


# ---- sessions


def session_statement(rng, keys):
    k = rng.choice(keys)
    value = rng.choice(("1", "NULL", "'x'", "2.5", "'\\''", '"dq"', "'a\\\\nb'", "1e3", "x'41'", "'é'"))
    mode = rng.choice(("", "ANSI_QUOTES", "NO_BACKSLASH_ESCAPES", "STRICT_ALL_TABLES", "PIPES_AS_CONCAT"))
    return rng.choice((
        "SELECT @a, @b, IF(@a IS NULL, 0, COLLATION(@a)), HEX(@b)", f"SET @a = {value}", f"SET @b = {value}, @a = {value}", f"SET sql_mode = '{mode}'", "SET sql_mode = DEFAULT",
        "SELECT @@autocommit, @@tx_isolation, @@sql_mode, @@time_zone, @@character_set_client, @@collation_connection, DATABASE()",
        f"SELECT buyer_id, name, age, @a, @b, @@time_zone, @@sql_mode, DATABASE() FROM shop.users WHERE buyer_id = {k}",
        f"SELECT LAST_INSERT_ID(), age FROM shop.users WHERE buyer_id = {k}", "SELECT LAST_INSERT_ID()",
        f"UPDATE shop.users SET age = {rng.randint(0, 9)} WHERE buyer_id = {k}", f"UPDATE shop.users SET age = 'abc' WHERE buyer_id = {k}",
        f"UPDATE shop.users SET age = LAST_INSERT_ID({rng.randint(1, 99)}) WHERE buyer_id = {k}", f"DELETE FROM shop.addresses WHERE buyer_id = {k}",
        f"INSERT INTO shop.users (buyer_id, name) VALUES ({k}, 'n') ON DUPLICATE KEY UPDATE age = IFNULL(age, 0) + 1",
        f"INSERT INTO shop.addresses (buyer_id, no, city) VALUES ({k}, 1, @a), ({k}, 2, 'x')", f"SELECT * FROM shop.addresses WHERE buyer_id = {k} ORDER BY no",
        f"REPLACE INTO shop.addresses (buyer_id, no, city) VALUES ({k}, 1, 'r')", f"SELECT name FROM shop.users WHERE buyer_id = {k} FOR UPDATE",
        f"SET time_zone = '{rng.choice(('+01:00', 'SYSTEM'))}'", f"SET NAMES {rng.choice(('utf8mb4', 'latin1', 'utf8mb4 COLLATE utf8mb4_bin', 'gbk'))}",
        "SELECT 'a' = 'A', COLLATION('a'), 'a' || 'b', '\\\\'", "USE shop", "USE information_schema", "USE no_such", "SELECT nothing FROM shop.users",
        f"SET tx_isolation = '{rng.choice(('READ-COMMITTED', 'READ-UNCOMMITTED'))}'", "SET TRANSACTION ISOLATION LEVEL READ COMMITTED",
        "BEGIN", "START TRANSACTION", "COMMIT", "COMMIT", "ROLLBACK", "ROLLBACK", "COMMIT AND CHAIN", "SAVEPOINT s1", "SAVEPOINT s2", "ROLLBACK TO s1",
        "ROLLBACK TO SAVEPOINT s2", "RELEASE SAVEPOINT s1", "SET autocommit = 0", "SET autocommit = 1", "SET @@autocommit = DEFAULT", "RESET", "LEAVE",
        f"SELECT COUNT(*) FROM shop.users WHERE buyer_id BETWEEN {keys[0]} AND {keys[-1]}", "SET group_concat_max_len = 7", "SET @b = CONCAT('z', 'y')",
        "SELECT GROUP_CONCAT(name ORDER BY name) FROM shop.products", "SET div_precision_increment = 7", "SELECT 1 / 3", "HANDLER shop.users OPEN",
        "CREATE TEMPORARY TABLE shop.t1 (i INT)", "INSERT INTO shop.t1 VALUES (1), (2)", "SELECT * FROM shop.t1", "DROP TEMPORARY TABLE shop.t1"))


def aftermath_statement(rng, keys):
    """What statements leave behind, what is asked after them, and statements whose text is prepared."""
    k, n, unique = rng.choice(keys), rng.randint(0, 9), rng.choice(keys) * 100
    return rng.choice((
        "SHOW WARNINGS", "SHOW ERRORS", "SHOW COUNT(*) WARNINGS", "SHOW WARNINGS LIMIT 1", "SELECT @@warning_count, @@error_count", "SELECT ROW_COUNT()", "SELECT 1 + ROW_COUNT()",
        "SELECT FOUND_ROWS()", "SELECT 1 + FOUND_ROWS()", "SET @b = ROW_COUNT()", "SET @b = FOUND_ROWS()", "SELECT @@last_insert_id, @@identity", "SELECT 1 + LAST_INSERT_ID()",
        "SET @b = LAST_INSERT_ID()", "DO LAST_INSERT_ID(5)", "SELECT LAST_INSERT_ID(6)", "SET last_insert_id = 4",
        "GET DIAGNOSTICS @n = NUMBER, @r = ROW_COUNT", "GET DIAGNOSTICS CONDITION 1 @e = MYSQL_ERRNO, @m = MESSAGE_TEXT", "GET DIAGNOSTICS CONDITION 2 @e = MYSQL_ERRNO",
        "SELECT @n, @r, @e, @m", "SELECT @N, @R", "DO 1", "SELECT CAST('x1' AS SIGNED)", f"SELECT name FROM shop.users WHERE buyer_id = '{k}x'",
        f"SELECT name, CAST(name AS SIGNED) FROM shop.users WHERE buyer_id = {k}", f"SELECT SQL_CALC_FOUND_ROWS no FROM shop.addresses WHERE buyer_id = {k} LIMIT 0",
        f"INSERT INTO shop.users (buyer_id, name) VALUES ({k}, 'again')", f"INSERT IGNORE INTO shop.users (buyer_id, name) VALUES ({k}, 'again')",
        f"INSERT INTO shop.counted (n) VALUES ({unique + n})", f"INSERT INTO shop.counted (id, n) VALUES ({unique * 1000 + n}, {unique + n})",
        f"INSERT INTO shop.counted (n) VALUES ({unique + n}) ON DUPLICATE KEY UPDATE id = LAST_INSERT_ID(id)", f"INSERT IGNORE INTO shop.counted (n) VALUES ({unique + n}), ({unique + 10 + n})",
        f"INSERT INTO shop.counted (n) SELECT {unique + n}", f"INSERT INTO shop.counted (n) VALUES ({unique + n}) RETURNING n", f"DELETE FROM shop.counted WHERE n = {unique + n}",
        f"SELECT n FROM shop.counted WHERE n BETWEEN {unique} AND {unique + 99} ORDER BY n",
        f"INSERT IGNORE INTO shop.addresses (buyer_id, no, city) SELECT buyer_id, no + 10, city FROM shop.addresses WHERE buyer_id = {k}",
        f"DELETE FROM shop.addresses WHERE buyer_id = {k} AND no > 8", f"REPLACE INTO shop.addresses (buyer_id, no, city) VALUES ({k}, 1, 'a long name of a city that fits')",
        f"SET @k = {k}", "SET @A = 7", "SET @`b` = 'B'", "PREPARE p1 FROM 'SELECT name, age FROM shop.users WHERE buyer_id = ?'", "EXECUTE p1 USING @k", "EXECUTE P1 USING @K", "EXECUTE p1 USING @n",
        f"EXECUTE p1 USING {k}", "EXECUTE p1", "PREPARE p2 FROM 'UPDATE shop.users SET age = ? WHERE buyer_id = ?'", "EXECUTE p2 USING @n, @k", f"EXECUTE p2 USING 'abc', {k}",
        "DEALLOCATE PREPARE p1", "DROP PREPARE p2", "PREPARE p1 FROM 'SELECT nothing FROM shop.users'", "PREPARE p1 FROM @m", "PREPARE p3 FROM 'SELECT ROW_COUNT(), LAST_INSERT_ID(), @a'", "EXECUTE p3",
        f"EXECUTE IMMEDIATE 'SELECT name FROM shop.users WHERE buyer_id = ?' USING {k}", "EXECUTE IMMEDIATE CONCAT('SELECT ', 1, ' + @n')", "PREPARE p4 FROM 'SET @n = 3'", "EXECUTE p4",
        "SET sql_mode = CONCAT(@@sql_mode, ',ANSI_QUOTES')", "SET group_concat_max_len = @@group_concat_max_len + 1", "SELECT @@group_concat_max_len, @@div_precision_increment, @@sql_mode",
        "SET @a = CONCAT('p', @b)", f"SELECT age INTO @n FROM shop.users WHERE buyer_id = {k}", "SELECT @x := 5", "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'own'",
        f"UPDATE shop.users SET age = {n} WHERE buyer_id = {k}; SELECT ROW_COUNT(); SELECT age FROM shop.users WHERE buyer_id = {k}", "SET @n = 1; SELECT @n; SELECT nothing; SELECT 3",
        f"BEGIN; UPDATE shop.users SET age = {n} WHERE buyer_id = {k}; SHOW WARNINGS", "SELECT 1; COMMIT", "SELECT CAST('y' AS SIGNED); SHOW WARNINGS; SELECT @@warning_count",
        "DROP TABLE IF EXISTS shop.never", "CREATE TABLE IF NOT EXISTS shop.misc (id INT)", f"SELECT name, age FROM shop.users WHERE buyer_id IN ({k}, {rng.choice(keys)}) ORDER BY name"))


class Twins:
    """A session of waybill and one of the plain server that do the same."""

    def __init__(self, stand, number, **way):
        self.stand, self.keys, self.said = stand, list(range(number * 10 + 1, number * 10 + 11)), []
        self.way, self.simplify = way, (lambda outcome: outcome) if way else simplified
        self.client = self.plain = None
        self.enter()

    def enter(self):
        self.client, self.plain, self.said = self.stand.client(**self.way), self.stand.direct("plain", **self.way), []
        self.lock_rows_only()

    def lock_rows_only(self):
        """So that sessions do not wait for gaps between each other's keys: nobody could go on."""
        for one in (self.client, self.plain):
            one.query("SET tx_isolation = 'READ-COMMITTED'")
            one.query("SELECT 1")  # MariaDB's FOUND_ROWS() is 1 after a log-in to a schema

    def leave(self):
        for one in (self.client, self.plain):
            one.close()
        self.enter()

    def step(self, statement):
        """Differences. After a refusal both begin anew, so that they stay alike."""
        if statement == "LEAVE":
            self.leave()
            return []
        self.said.append(statement)
        if statement == "RESET":
            for one in (self.client, self.plain):
                one.reset_connection()
            self.lock_rows_only()
            return []
        mine = self.simplify(Outcome(self.client, statement))
        if mine.is_refused():
            for done in statement.split("; ")[:len(mine.more)]:
                self.plain.query(done)
            self.leave()
            return []
        theirs = self.simplify(Outcome(self.plain, statement))
        if mine.columns and theirs.columns:
            mine.columns, theirs.columns = ([c[:1] for c in o.columns] for o in (mine, theirs))
        return mine.differences(theirs, False)

    def is_holding(self):
        return any(re.match("BEGIN|START|SET autocommit = 0|COMMIT AND|CREATE TEMP|SET @b = CONCAT|LOCK", s) for s in self.said)


def committed(stand, keys):
    """What the shards and the plain server have of these keys, seen by others."""
    def rows(server):
        client = stand.direct(server)
        found = [tuple(row) for table in ("users", "addresses")
                 for row in client.query(f"SELECT * FROM {table} WHERE buyer_id BETWEEN {keys[0]} AND {keys[-1]}").rows]
        client.close()
        return found
    return sorted(sum((rows(f"s{i}a") for i in range(1, 5)), []), key=repr), sorted(rows("plain"), key=repr)


def differing(shards, plain):
    return [row for row in shards if row not in plain], [row for row in plain if row not in shards]


def play_sessions(stand, make, **way):
    fill(stand)
    rng = random.Random(SEED)
    twins = [Twins(stand, number, **way) for number in range(6)]
    for _ in range(3000):
        one = rng.choice(twins)
        statement = make(rng, one.keys)
        others = sum(twin.is_holding() for twin in twins if twin is not one)
        if others >= 3 and not one.is_holding() and re.match("BEGIN|START|SET autocommit = 0|COMMIT AND|CREATE TEMP|SET @b = CONCAT", statement):
            continue  # each holds a connection
        found = one.step(statement)
        assert not found, f"seed {SEED}: {one.said[-12:]}: {found}"
    for one in twins:
        one.leave()
    for one in twins:
        stand.wait_until(lambda: len(set(map(tuple, committed(stand, one.keys)))) == 1, 5,
                         lambda: f"seed {SEED}: {one.keys} are alike: {differing(*committed(stand, one.keys))}")
    for one in twins:
        one.client.close()
    stand.wait_until(lambda: all(row["lent"] == "0" for row in stand.admin("SHOW POOLS")), 5, f"seed {SEED}: nothing is lent when all have gone")


def test_random_sessions(stand):
    play_sessions(stand, session_statement)


def test_random_aftermath(stand):
    def make(rng, keys):
        return (aftermath_statement if rng.random() < 0.7 else session_statement)(rng, keys)
    play_sessions(stand, make, capabilities=wire.CLIENT_DEFAULT | wire.MULTI_STATEMENTS)


# ---- what was found


def refusal(client, sql):
    try:
        client.query(sql)
    except wire.ServerError as error:
        return error.code
    return None


def test_a_key_that_the_server_would_change(stand):
    """Clipped to the column's range the row would have a key of another shard."""
    fill(stand)
    client = stand.client()
    for sql in ("INSERT IGNORE INTO users (buyer_id, name) VALUES (18446744073709551615, 'x')", "INSERT IGNORE INTO users (buyer_id, name) VALUES (-5, 'x')"):
        assert refusal(client, sql) == 9003, sql
    assert refusal(client, "INSERT INTO users (buyer_id, name) VALUES (18446744073709551615, 'x')") == 1264
    client.query("SET sql_mode = ''")
    assert refusal(client, "INSERT INTO users (buyer_id, name) VALUES (9223372036854775808, 'x')") == 9003
    assert client.query("INSERT INTO users (buyer_id, name) VALUES (9223372036854775807, 'x')").affected == 1


def test_set_transaction_is_for_nobody_else(stand):
    fill(stand)
    for statement in ("SELECT 1", "UPDATE users SET age = 2 WHERE buyer_id = 3", "SELECT nothing FROM users WHERE buyer_id = 3", "DO 1"):
        client, plain = stand.client(), stand.direct("plain")
        others = [stand.client() for _ in range(6)]
        for one in (client, plain):
            one.query("SET TRANSACTION READ ONLY")
            refusal(one, statement)
        for other in others:
            other.query("UPDATE users SET age = age + 1 WHERE buyer_id = 3")
        after = [refusal(one, "UPDATE users SET age = 4 WHERE buyer_id = 3") for one in (client, plain)]
        assert after[0] == after[1], f"{statement}: {after}"


def test_strings_mean_the_same_on_every_backend(stand):
    fill(stand)
    for names in ("latin1", "gbk", "utf8mb4 COLLATE utf8mb4_bin", "utf8mb4"):
        client, plain = stand.client(), stand.direct("plain")
        for one in [stand.client() for _ in range(6)]:
            one.query("SET sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES'")
            one.query('SELECT "name" FROM "users" WHERE "buyer_id" = 3')
        for one in (client, plain):
            one.query(f"SET NAMES {names}")
            one.query('SET sql_mode = ""')
            one.query("SET @a = 'ä\\n', @b = \"it's \\\\ \"")
            one.query("SET NAMES utf8mb4")
        for buyer in range(1, 20):
            sql = f"SELECT @a, HEX(@a), COLLATION(@a), @b, COLLATION(@b), @@sql_mode FROM users WHERE buyer_id = {buyer}"
            mine, theirs = Outcome(client, sql), Outcome(plain, sql)
            assert (mine.error, mine.rows) == (theirs.error, theirs.rows), f"{names}: {mine.error} {mine.rows}, not {theirs.rows}"


def test_what_is_refused_commits_nothing(stand):
    fill(stand)
    client = stand.client()
    before = client.query("SELECT age FROM users WHERE buyer_id = 3").rows
    for sql in ("LOCK TABLES users READ, products READ", "HANDLER users OPEN", "OPTIMIZE TABLE users, inventory", "SET PASSWORD = ''", "CREATE TABLE ("):
        client.query("BEGIN")
        client.query("UPDATE users SET age = 77 WHERE buyer_id = 3")
        assert refusal(client, sql) in REFUSALS + (1064,), sql
        client.query("ROLLBACK")
        assert client.query("SELECT age FROM users WHERE buyer_id = 3").rows == before, sql


def test_a_savepoint_before_the_first_statement(stand):
    fill(stand)
    client = stand.client()
    before = client.query("SELECT age FROM users WHERE buyer_id = 3").rows
    client.query("SET autocommit = 0")
    client.query("SAVEPOINT s1")
    client.query("UPDATE users SET age = 77 WHERE buyer_id = 3")
    client.query("ROLLBACK TO s1")
    client.query("COMMIT")
    assert client.query("SELECT age FROM users WHERE buyer_id = 3").rows == before
    client.query("SET autocommit = 1")
    assert refusal(client, "ROLLBACK TO s1") == 1305


def test_information_schema_misses_no_table(stand):
    """`inventory` is on s2 alone."""
    fill(stand)
    client, plain = stand.client(), stand.direct("plain")
    for condition in ("table_name = 'inventory'", "table_schema = 'shop' AND table_name = 'inventory'", "table_name IN ('users', 'products') AND table_schema = DATABASE()"):
        sql = f"SELECT table_name, column_name FROM information_schema.columns WHERE {condition} ORDER BY 1, 2"
        assert client.query(sql).rows == plain.query(sql).rows, sql
    for sql in ("SELECT table_name FROM information_schema.tables WHERE table_schema = 'shop' ORDER BY 1", "SHOW TRIGGERS", "SHOW EVENTS",
                "SELECT COUNT(*) FROM information_schema.tables WHERE table_name IN ('users', 'inventory') AND table_schema = 'shop'"):
        assert client.query(sql).rows == plain.query(sql).rows, sql
    assert refusal(client, "SHOW OPEN TABLES") == 9001
    assert client.query("SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name = 'shop'").rows[0][0] == "1"


def test_order_by_means_the_select_list_first(stand):
    fill(stand)
    client, plain = stand.client(), stand.direct("plain")
    sql = "SELECT users.* FROM users JOIN users b ON b.buyer_id = users.buyer_id ORDER BY name, users.buyer_id"
    assert client.query(sql).rows == plain.query(sql).rows
    sql = "SELECT b.* FROM users JOIN orders b ON b.buyer_id = users.buyer_id ORDER BY total"  # gathered: `total` may be anything's
    mine, theirs = client.query(sql).rows, plain.query(sql).rows
    assert [row[2] for row in mine] == [row[2] for row in theirs] and sorted(mine, key=repr) == sorted(theirs, key=repr)


FOUND = ("SELECT no FROM addresses WHERE buyer_id = 3 ORDER BY no LIMIT 1 OFFSET 1", "SELECT no FROM addresses WHERE buyer_id = 3 ORDER BY no LIMIT 2",
         "SELECT no FROM addresses WHERE buyer_id = 3 LIMIT 1 OFFSET 50", "SELECT buyer_id FROM users ORDER BY buyer_id LIMIT 4 OFFSET 5",
         "SELECT 1 UNION ALL SELECT 2 LIMIT 1", "UPDATE users SET age = 5 WHERE buyer_id = 3", "SET @a = 1", "COMMIT", "BEGIN", "ROLLBACK",
         "INSERT INTO addresses (buyer_id, no) SELECT 3, 77 FROM users WHERE buyer_id = 3", "DELETE FROM addresses WHERE buyer_id = 3 AND no = 77",
         "SELECT nothing FROM users WHERE buyer_id = 3", "EXPLAIN SELECT 1 FROM users WHERE buyer_id = 3", "DESCRIBE users", "SHOW TABLES", "SHOW CREATE TABLE users",
         "SELECT buyer_id FROM users WHERE buyer_id = (SELECT buyer_id FROM addresses)", "SET @b = (SELECT 5)", "SELECT name FROM users WHERE buyer_id = -1",
         "UPDATE users SET age = 'x' WHERE buyer_id = 3", "DO 1", "VALUES (1), (2)", "CHECK TABLE inventory", "USE shop")


def test_found_rows(stand):
    fill(stand)
    client, plain = stand.client(), stand.direct("plain")
    for sql in FOUND:
        for question in ("SELECT FOUND_ROWS()", "SELECT FOUND_ROWS() + 0"):
            for one in (client, plain):
                one.reset_connection()
                one.init_db("shop")
                one.query("SELECT name FROM users WHERE buyer_id < 8 AND buyer_id IN (3, 4, 5)")
            codes = [refusal(one, sql) for one in (client, plain)]
            if codes[0] == codes[1]:
                mine = Outcome(client, question)
                if not mine.is_refused():
                    assert mine.rows == Outcome(plain, question).rows, f"{sql}: {question}: {mine.rows} {mine.error}"


def test_characteristics_of_a_transaction(stand):
    fill(stand)
    client, plain = stand.client(), stand.direct("plain")
    for sql in ("SET SESSION TRANSACTION READ ONLY", "SET tx_isolation = 'SERIALIZABLE'", "SET tx_read_only = 1", "SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE"):
        client.query("BEGIN")
        assert refusal(client, sql) == 1235, sql
        client.query("UPDATE users SET age = 4 WHERE buyer_id = 3")
        assert refusal(client, sql) == 1235, sql
        client.query("ROLLBACK")
        assert client.query("SELECT @@tx_isolation, @@tx_read_only").rows == plain.query("SELECT @@tx_isolation, @@tx_read_only").rows
    for sql in ("SET TRANSACTION READ ONLY", "SET TRANSACTION READ WRITE"):
        for begin in ("BEGIN", "START TRANSACTION READ ONLY", "START TRANSACTION"):
            after = []
            for one in (client, plain):
                one.query(sql)
                one.query(begin)
                one.query("SELECT age FROM users WHERE buyer_id = 3")
                one.query("COMMIT AND CHAIN")
                after.append(refusal(one, "UPDATE users SET age = 4 WHERE buyer_id = 3"))
                one.query("ROLLBACK")
                after.append(refusal(one, "UPDATE users SET age = 4 WHERE buyer_id = 3"))
            assert after[:2] == after[2:], f"{sql}; {begin}: {after}"


def test_warnings_do_not_starve_others(stand):
    """Each of many idle clients has had a warning, and its connection waits for SHOW WARNINGS."""
    fill(stand)
    clients = [stand.client() for _ in range(40)]
    began = time.monotonic()
    for one in clients:
        assert one.query("SELECT 'abc' + 1, SLEEP(0) FROM users WHERE buyer_id = 3").warnings == 1
    assert time.monotonic() - began < 3, time.monotonic() - began
    for one in clients:  # what was fetched from a connection before it went, or from that connection
        assert len(one.query("SHOW WARNINGS").rows) == 1
        one.close()


PINNED = ("SELECT nothing FROM inventory", "UPDATE inventory SET stock = 'x' WHERE product_id = 1", "SELECT 'abc' + 1", "SET @a = 1", "SET NAMES nothing", "USE shop", "USE nothing",
          "BEGIN", "COMMIT", "ROLLBACK TO nothing", "SELECT stock FROM inventory", "SHOW TABLES", "SELECT 1", "SELECT COUNT(*) FROM users WHERE buyer_id = -1", "SELECT FROM", "DO 1")


def test_warnings_of_a_pinned_session(stand):
    fill(stand)
    rng = random.Random(SEED)
    for _ in range(12):
        client, plain = stand.client(), stand.direct("plain")
        for one in (client, plain):
            one.query("SELECT @x := stock FROM inventory")
        said = []
        for _ in range(20):
            said.append(rng.choice(PINNED))
            codes = [refusal(one, said[-1]) for one in (client, plain)]
            if codes[0] != codes[1]:
                break
            mine, theirs = Outcome(client, "SHOW WARNINGS"), Outcome(plain, "SHOW WARNINGS")
            assert mine.is_refused() or mine.rows == theirs.rows, f"{said}: {mine.rows}, not {theirs.rows}"
        client.close()


# Sequences of which each answer, with its status, is the plain server's, or the last ones are refused.
SEQUENCES = (
    # Whose session is the server's connection like?
    ("USE shop",), ("USE information_schema",), ("BEGIN", "USE shop"), ("SET autocommit = 0", "USE shop"), ("SET sql_mode = 'NO_BACKSLASH_ESCAPES'", "USE shop"),
    # Does a statement that fails begin a transaction, with autocommit off?
    ("SET autocommit = 0", "DROP TEMPORARY TABLE shop.never", "SET sql_mode = ''"), ("SET autocommit = 0", "SELECT nothing FROM users WHERE buyer_id = 3", "DO 1"),
    ("SET autocommit = 0", "UPDATE users SET age = 'abc' WHERE buyer_id = 3", "SET sql_mode = ''", "SHOW WARNINGS"),
    ("SET autocommit = 0", "UPDATE users SET age = 'abc' WHERE buyer_id = 3", "SELECT 1 + ROW_COUNT()"),
    # Beside a transaction on another shard.
    ("SET autocommit = 0", "SELECT name FROM users WHERE buyer_id = 35", "CREATE TEMPORARY TABLE shop.t1 (i INT)"),
    ("BEGIN", "SELECT name FROM users WHERE buyer_id = 35", "SAVEPOINT s", "CREATE TEMPORARY TABLE shop.t1 (i INT)", "DROP TEMPORARY TABLE shop.t1", "ROLLBACK TO s", "SHOW WARNINGS"),
    # What waybill asks behind the client's back is no statement of the client's.
    ("SET @b = CONCAT('z', 'y')", "SET sql_mode = CONCAT(@@sql_mode, ',ANSI_QUOTES')", "SELECT 1 + ROW_COUNT()", "SELECT 1 + FOUND_ROWS()"),
    ("CREATE TEMPORARY TABLE shop.t1 (i INT)", "INSERT INTO shop.t1 VALUES (1), (2)", "PREPARE p4 FROM 'SET @n = 3'", "SELECT 1 + ROW_COUNT()"),
    ("INSERT IGNORE INTO counted (n) SELECT 900 UNION ALL SELECT 900", "SELECT 1 + ROW_COUNT()"), ("SELECT 1", "INSERT INTO counted (n) SELECT 901", "SELECT FOUND_ROWS()"),
    # Lists that are lost, and variables that a server has set.
    ("UPDATE users SET age = 'abc' WHERE buyer_id = 18", "SELECT 'a' = 'A', 'a' || 'b'", "SELECT @x := 5", "GET DIAGNOSTICS CONDITION 2 @e = MYSQL_ERRNO"),
    ("SELECT @x := 5", "INSERT IGNORE INTO counted (n) VALUES (902), (902)", "BEGIN", "GET DIAGNOSTICS @r = ROW_COUNT", "SELECT @r", "COMMIT",
     "INSERT IGNORE INTO counted (n) VALUES (902), (903)", "BEGIN", "GET DIAGNOSTICS @r = ROW_COUNT", "SELECT @r"))


def test_sequences(stand):
    fill(stand)
    for sequence in SEQUENCES:
        others = [stand.client() for _ in range(6)]
        for number, one in enumerate(others):
            one.query("SET autocommit = 0, sql_mode = 'ANSI_QUOTES'")
            one.query(f"SELECT name FROM users WHERE buyer_id = {number}")
            one.query("SELECT 1")
            one.query("ROLLBACK")
            one.close()
        client, plain = stand.client(), stand.direct("plain")
        for statement in sequence:
            mine, theirs = Outcome(client, statement), Outcome(plain, statement)
            if mine.is_refused():
                assert statement == sequence[-1], (sequence, mine.error)
                continue
            if mine.columns and theirs.columns:
                mine.columns, theirs.columns = ([c[:1] for c in o.columns] for o in (mine, theirs))
            found = mine.differences(theirs, False)
            assert not found, (sequence, statement, found)
        client.close()
        plain.close()
