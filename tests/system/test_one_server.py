"""In front of one unsharded server nothing tells waybill from it: what MariaDB's own tests (make transparency) have found, in small."""

import wire
from compare import Outcome

CLUSTER = {"shards": 1, "replicas": 0}
SERVER = "s1a"
LOCAL = wire.CLIENT_DEFAULT | wire.LOCAL_FILES
TABLES = ("DROP TABLE IF EXISTS t, u", "CREATE TABLE t (a INT PRIMARY KEY AUTO_INCREMENT, b INT) ENGINE=InnoDB",
          "INSERT INTO t VALUES (1, 1), (2, 2), (3, 3)")


def compare(stand, statements, is_prepared=False):
    """The statements straight on the server and through waybill, each on tables that were made anew."""
    outcomes = []
    for client in (stand.direct(SERVER), stand.client()):
        for sql in TABLES:
            client.query(sql)
        outcomes.append([Outcome(client, sql, is_prepared and sql.startswith("SELECT")) for sql in statements])
        client.close()
    problems = [f"{sql}: {what}" for sql, theirs, mine in zip(statements, *outcomes) for what in mine.differences(theirs, True)]
    assert not problems, "\n    ".join(problems)


def grant(stand, privilege):
    root = stand.root(SERVER)
    root.query(f"GRANT {privilege} ON *.* TO '{stand.values['WAYBILL_USER']}'@'%'")
    root.close()
    stand.cluster("waybill", "stop")  # its connections are without that privilege
    stand.start_waybill()
    stand.wait_until(lambda: stand.try_query("SELECT 1"), 20, "waybill answers")


def count(client):
    return int(client.query("SELECT COUNT(*) FROM t").rows[0][0])


def test_found_rows(stand):
    counted = ("SELECT 1 UNION SELECT 2", "CREATE TABLE u SELECT * FROM t LIMIT 2", "INSERT INTO u SELECT * FROM t", "INSERT INTO u SELECT 7, 7 FROM DUAL",
               "SELECT * FROM t LIMIT 2, 5", "REPLACE INTO u SELECT * FROM t WHERE 1 = 0", "(SELECT a FROM t LIMIT 1) UNION ALL (SELECT a FROM t) LIMIT 2")
    kept = ("SHOW CREATE TABLE t", "UPDATE t SET b = b + 1", "INSERT INTO t (b) VALUES (9)", "SET @x = 1", "SHOW GRANTS",
            "SHOW TRIGGERS", "SHOW CHARACTER SET", "VALUES (1), (2)", "BEGIN", "COMMIT", "CREATE OR REPLACE VIEW v AS SELECT * FROM t")
    statements = []
    for first in counted:
        statements += [first, "SELECT FOUND_ROWS()", "SELECT FOUND_ROWS()"]
    for first in ("SELECT 1 UNION SELECT 2 UNION SELECT 3", "INSERT INTO u SELECT * FROM t"):
        for between in kept:
            statements += [first, between, "SELECT FOUND_ROWS()"]
    statements += ["DROP TABLE IF EXISTS u", "DROP VIEW v", "SELECT FOUND_ROWS()"]
    compare(stand, statements)
    compare(stand, statements, is_prepared=True)


def test_found_rows_of_cursors(stand):
    """What a cursor leaves only its server knows."""
    asked = "SELECT FOUND_ROWS()"
    shown = []
    for client in (stand.direct(SERVER), stand.client()):
        for sql in TABLES:
            client.query(sql)
        for sql in ("SELECT a FROM t", "SELECT 1", "SELECT a FROM t LIMIT 1", "SELECT SQL_CALC_FOUND_ROWS a FROM t LIMIT 1", "SHOW TABLES LIKE 't'",
                    "SELECT 1 UNION SELECT 2", "SELECT a FROM t LIMIT 1 OFFSET 5"):
            for cursors in ((1, 1), (1, 0), (0, 1), (0, 0)):
                for text, cursor in zip((sql, asked), cursors):
                    statement = client.prepare(text)
                    result = client.execute(statement, cursor=cursor)
                    rows = result.rows or client.fetch(statement, result.columns, 100).rows if cursor else result.rows
                    client.close_statement(statement)
                shown.append((sql, cursors, rows))
            client.query(sql)
            shown.append((sql, client.query(asked).rows))
        client.close()
    half = len(shown) // 2
    different = [pair for pair in zip(shown[:half], shown[half:]) if pair[0] != pair[1]]
    assert half * 2 == len(shown) and not different, different


def test_status_of_the_connection_alone(stand):
    """What is no variable of waybill's is asked as the client asks it: the reads that are counted are the server's."""
    table = "information_schema.session_status"
    reads = f"SELECT VARIABLE_VALUE FROM {table} WHERE VARIABLE_NAME LIKE 'Handler_read_rnd%' AND VARIABLE_VALUE >= 0 ORDER BY VARIABLE_NAME"
    compare(stand, ["CREATE TEMPORARY TABLE bound (a INT)", "FLUSH STATUS", "SELECT * FROM t", reads, reads, f"SELECT VARIABLE_VALUE FROM {table} WHERE VARIABLE_NAME IN "
                    "('Handler_read_rnd_next', 'Handler_read_rnd')", reads])


def test_warnings_outlive_statements_without_tables(stand):
    shown = ["SHOW WARNINGS", "SHOW COUNT(*) WARNINGS", "SELECT @@warning_count"]
    warn = "SELECT 1/0, CAST('x' AS INT)"
    compare(stand, ["CREATE OR REPLACE PROCEDURE p () SET @q = 1"] + [
        sql for between in ("SELECT @x := 5", "SELECT 5 INTO @y", "CALL p()", "SELECT @x := 5, @y := 6", "DO 1", "SET @z = @x + 1")
        for sql in [warn, between] + shown])


def test_warnings_of_set(stand):
    compare(stand, ["SET group_concat_max_len = 1024 * 1024 * 1024 * 4", "SHOW WARNINGS", "SELECT @@warning_count",
                    "SELECT @@group_concat_max_len", "SET max_sort_length = 1 + 1", "SHOW WARNINGS"])


def test_insert_ids_of_variables(stand):
    statements = []
    for sql in ("INSERT INTO t VALUES (@i, 1)", "INSERT INTO t (b) VALUES (@i)", "INSERT INTO t (b) VALUES ((SELECT 4))",
                "INSERT INTO t VALUES (@n, 4)", "INSERT INTO t VALUES (70 + 7, 4)",
                "INSERT INTO t VALUES (IF(1 = 1, 77, 3), 4)", "INSERT INTO t (b) VALUES (1 + 3)", "INSERT INTO t (b) VALUES (@i), (@i)", "INSERT INTO t VALUES (@i + 5, 3), (NULL, 3)"):
        statements += ["SET @i = 77, @n = NULL", sql, "SELECT LAST_INSERT_ID()", "DELETE FROM t WHERE a > 70 AND a < 79"]
    compare(stand, statements)


def test_session_isolation_ends_set_transaction(stand):
    """SET TRANSACTION is for the next transaction; SET SESSION TRANSACTION behind it is what counts."""
    client, other = stand.client(), stand.client()
    for sql in TABLES:
        other.query(sql)
    for first, then, sees in (("READ COMMITTED", "REPEATABLE READ", 3), ("REPEATABLE READ", "READ COMMITTED", 4)):
        client.query(f"SET TRANSACTION ISOLATION LEVEL {first}")
        client.query(f"SET SESSION TRANSACTION ISOLATION LEVEL {then}")
        client.query("BEGIN")
        client.query("SELECT COUNT(*) FROM t")
        other.query("INSERT INTO t VALUES (50, 1)")
        assert count(client) == sees, (first, then)
        client.query("COMMIT")
        other.query("DELETE FROM t WHERE a = 50")
    client.query("SET TRANSACTION READ ONLY")
    client.query("SET SESSION TRANSACTION READ WRITE")
    client.query("BEGIN")
    client.query("UPDATE t SET b = 8 WHERE a = 1")
    client.query("COMMIT")
    client.close()
    other.close()


def test_snapshot_is_of_its_moment(stand):
    client, other = stand.client(), stand.client()
    for sql in TABLES:
        other.query(sql)
    begun = Outcome(client, "START TRANSACTION WITH CONSISTENT SNAPSHOT")
    assert begun.error is None and begun.status & wire.IN_TRANS
    other.query("INSERT INTO t VALUES (50, 1)")
    assert count(client) == 3
    client.query("COMMIT")
    assert count(client) == 4
    client.query("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")  # then a snapshot is none, and there is a warning of it
    client.query("START TRANSACTION WITH CONSISTENT SNAPSHOT")
    client.query("ROLLBACK")
    client.close()
    other.close()


def test_twice_the_same_characteristic(stand):
    mistakes = ["SET TRANSACTION READ ONLY, READ WRITE", "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE, ISOLATION LEVEL SERIALIZABLE"]
    compare(stand, mistakes)
    said = []
    for client in (stand.direct(SERVER), stand.client()):
        for sql in mistakes:
            try:
                client.close_statement(client.prepare(sql))
                said.append("prepared")
            except wire.ServerError as error:
                said.append((error.code, error.message))
        client.close()
    assert said[:2] == said[2:] and "prepared" not in said, said


def test_kill_by_expression(stand):
    compare(stand, ["KILL 1000000000 + 5", "KILL QUERY 1000000000 * 2", "KILL (SELECT 999999999)", "KILL (SELECT COUNT(*) FROM t)",
                    "KILL 'abc'", "KILL -5 + 1", "KILL 1000000000.6 + 1", "KILL NULL + 1"])
    client, victim = stand.client(), stand.client()
    assert Outcome(client, f"KILL {victim.connection_id} + 0").error is None
    assert victim.is_closed_by_peer()
    client.close()


def test_execute_as_text(stand):
    compare(stand, ["CREATE OR REPLACE TABLE u (a INT DEFAULT 5, b INT DEFAULT 6)", "PREPARE s FROM 'INSERT INTO u VALUES (?, ?)'",
                    "EXECUTE s USING 1, IGNORE", "EXECUTE s USING DEFAULT, 7", "SELECT * FROM u ORDER BY a",
                    "PREPARE m FROM 'SELECT @@sql_mode, @@max_statement_time, ?'", "SET @m = 'x'",
                    "SET STATEMENT sql_mode = 'ANSI', max_statement_time = 4 FOR EXECUTE m USING @m", "EXECUTE m USING @m",
                    "SET STATEMENT sql_mode = 'ANSI' FOR EXECUTE nobody"])


def test_number_of_a_condition(stand):
    compare(stand, ["SELECT 1/0", "SET @n = 1, @text = '1'", "GET DIAGNOSTICS CONDITION @n @m = MESSAGE_TEXT", "SELECT @m",
                    "GET DIAGNOSTICS CONDITION NULL @v = CLASS_ORIGIN", "SHOW WARNINGS", "DROP TABLE IF EXISTS nothing",
                    "GET DIAGNOSTICS CONDITION '1' @m = MESSAGE_TEXT", "SELECT @m"])


def value(client, sql):
    return client.query(sql).rows[0][0]


def test_set_global(stand):
    """Who is there keeps what he has, on whatever connection; who comes has the new value."""
    grant(stand, "SUPER")
    setters, old = stand.client(), [stand.client() for _ in range(6)]
    own, open_one = stand.client(), stand.client()
    own.query("SET sort_buffer_size = 300000")
    open_one.query("BEGIN")
    open_one.query("SELECT @@session.tx_isolation")
    changed = {"sort_buffer_size": "400000", "tx_isolation": "'READ-COMMITTED'", "sql_mode": "'ANSI'", "tx_read_only": "1",
               "optimizer_switch": "'index_merge=off'", "long_query_time": "7.5", "time_zone": "'+03:00'", "lc_messages": "'de_DE'",
               "net_buffer_length": "2048", "max_allowed_packet": "2097152"}
    for client in old:
        client.query("SELECT 1")
    before = {name: value(old[0], f"SELECT @@session.{name}") for name in changed}
    try:
        for name, literal in changed.items():
            setters.query(f"SET GLOBAL {name} = {literal}")
            assert value(setters, f"SELECT @@session.{name}") == before[name], name
        new = [stand.client() for _ in range(6)]
        for name in changed:
            now = value(setters, f"SELECT @@global.{name}")
            assert now != before[name], name
            for client in new:
                assert value(client, f"SELECT @@session.{name}") == now, name
            if name not in ("net_buffer_length", "max_allowed_packet"):
                for client in old:
                    assert value(client, f"SELECT @@session.{name}") == before[name], name
        assert value(own, "SELECT @@sort_buffer_size") == "300000" and value(own, "SELECT @@tx_isolation") == before["tx_isolation"]
        assert value(open_one, "SELECT @@tx_isolation") == before["tx_isolation"]
        open_one.query("COMMIT")
        assert value(open_one, "SELECT @@tx_isolation") == before["tx_isolation"]
        old[1].reset_connection()
        assert value(old[1], "SELECT @@session.sort_buffer_size") == "400000"
        for client in new:
            client.close()
    finally:
        for name in changed:
            text = str(before[name])
            setters.query(f"SET GLOBAL {name} = " + (text if text.replace(".", "").isdigit() else f"'{text}'"))
    for client in old + [own, open_one, setters]:
        client.close()


def test_processlist_knows_the_servers_states(stand):
    """What waits for a lock says so; a statement's number is the server's, and KILL QUERY ID takes it."""
    client, holder, waiter = stand.client(), stand.client(), stand.client()
    table = "information_schema.PROCESSLIST"
    for sql in TABLES + ("LOCK TABLES t WRITE",):
        holder.query(sql)
    waiter.send_command(wire.COM_QUERY, b"SELECT * FROM shop.t")
    asked = f"SELECT STATE, INFO, TID > 0, QUERY_ID FROM {table} WHERE ID = {waiter.connection_id}"
    stand.wait_until(lambda: client.query(asked).rows[0][0] == "Waiting for table metadata lock", 10, "it waits, and says for what")
    row = client.query(asked).rows[0]
    assert row[1:3] == ("SELECT * FROM shop.t", "1"), row
    assert value(client, f"SELECT STATE FROM {table} WHERE ID = CONNECTION_ID()") == "Filling schema table"
    assert client.query(f"SELECT COMMAND, STATE FROM {table} WHERE ID = {holder.connection_id}").rows == [("Sleep", "")]
    assert client.query(f"SELECT COUNT(*), COUNT(DISTINCT USER) FROM {table}").rows == [("3", "1")]
    client.query(f"KILL QUERY ID {row[3]}")
    try:
        waiter.read_results()
        raise AssertionError("KILL QUERY ID has ended nothing")
    except wire.ServerError as error:
        assert error.code == 1317, error
    holder.query("UNLOCK TABLES")
    assert count(waiter) == 3
    for one in (client, holder, waiter):
        one.close()


def test_named_statements_and_routines(stand):
    """A routine executes, makes and drops the named statements of its session."""
    compare(stand, [
        "CREATE OR REPLACE PROCEDURE runs (a INT) EXECUTE s USING a", "CREATE OR REPLACE PROCEDURE makes () PREPARE made FROM 'SELECT 77'",
        "CREATE OR REPLACE PROCEDURE drops () DEALLOCATE PREPARE s", "PREPARE s FROM 'SELECT ? + 1 AS n, DATABASE()'",
        "PREPARE `we``ird` FROM 'SELECT \"x\\\\\\\\y\", ''q'''", "PREPARE i FROM 'INSERT INTO t (b) VALUES (?)'",
        "CALL runs(5)", "EXECUTE made", "EXECUTE `we``ird`", "CALL makes()", "EXECUTE made", "SET @a = 9", "EXECUTE s USING @a",
        "PREPARE s FROM 'SELECT ? * 100 AS n'", "EXECUTE s USING @a", "CALL runs(7)", "EXECUTE i USING @a", "SELECT LAST_INSERT_ID(), ROW_COUNT()",
        "CALL drops()", "EXECUTE s USING @a", "DEALLOCATE PREPARE made", "DEALLOCATE PREPARE made", "EXECUTE IMMEDIATE 'SELECT 5'"])


def test_what_is_left_in_new_tables_and_diagnostics(stand):
    compare(stand, ["UPDATE t SET b = b + 10", "CREATE OR REPLACE TABLE u AS SELECT ROW_COUNT(), CONCAT(ROW_COUNT()) AS c, ROW_COUNT() + 1 AS d",
                    "SHOW CREATE TABLE u", "SELECT * FROM u", "DROP TABLE u"])
    compare(stand, ["GET DIAGNOSTICS CONDITION a @v = CLASS_ORIGIN", "SELECT COUNT(*) INTO @n FROM t", "SET @one = 1, @word = 'x'",
                    "GET DIAGNOSTICS CONDITION @one @v = CLASS_ORIGIN", "SHOW WARNINGS", "GET DIAGNOSTICS CONDITION @word @v = CLASS_ORIGIN",
                    "SHOW WARNINGS", "INSERT INTO t VALUES (50, 1), (1, 1)", "GET DIAGNOSTICS CONDITION 1 @v = ROW_NUMBER, @m = MESSAGE_TEXT", "SELECT @v, @m"])
    client = stand.client()
    assert client.query("SELECT variable_name FROM information_schema.session_status LIMIT 1").names() == ["variable_name"]
    client.close()


def test_writes_that_no_rollback_undoes(stand):
    """With autocommit off the server remembers a write to a table without transactions, and warns; nobody inherits that.
    Where it writes no binary log, such a write is in no transaction."""
    grant(stand, "BINLOG ADMIN")
    shown = ["SHOW WARNINGS", "SELECT @@warning_count"]
    writes = ("INSERT INTO u VALUES (1)", "INSERT INTO u VALUES (2), (1)", "UPDATE u SET a = 9 WHERE a = 1", "DELETE FROM u WHERE a = 77", "DELETE FROM u")
    betweens = ("DO 1", "SELECT COUNT(*) FROM t", "UPDATE t SET b = b + 1", "SAVEPOINT x", "COMMIT", "BEGIN", "CREATE OR REPLACE TABLE v (a INT)", "SET @x = 1")
    statements = ["CREATE OR REPLACE TABLE u (a INT PRIMARY KEY) ENGINE=MyISAM", "SET sql_log_bin = 0, autocommit = 0"]
    for write in writes:
        statements += [write, "SELECT CONNECTION_ID() > 0", "SET @y = 2", "ROLLBACK"] + shown + ["ROLLBACK"] + shown
    for between in betweens:
        statements += ["REPLACE INTO u VALUES (7)", between, "ROLLBACK"] + shown
    statements += ["REPLACE INTO u VALUES (7)", "SAVEPOINT y", "REPLACE INTO u VALUES (8)", "ROLLBACK TO y"] + shown + ["SET autocommit = 1", "ROLLBACK"] + shown
    compare(stand, statements + ["DROP TABLE v"])
    others = [stand.client() for _ in range(6)]
    for client in others + [stand.client()]:
        client.query("SET sql_log_bin = 0, autocommit = 0")
    client.query("REPLACE INTO u VALUES (7)")
    client.close()
    for other in others:
        other.query("SELECT * FROM t")
        assert other.query("ROLLBACK").warnings == 0
        other.close()


def test_parts_of_a_variable(stand):
    """SET optimizer_switch = 'mrr=on' leaves its other parts as they were, on whatever connection."""
    client, others = stand.client(), [stand.client() for _ in range(6)]
    for sql in TABLES:
        client.query(sql)
    before = value(client, "SELECT @@optimizer_switch")
    for name in ("mrr", "mrr_sort_keys"):
        client.query(f"SET optimizer_switch = '{name}=on'")
    after = before.replace("mrr=off", "mrr=on").replace("mrr_sort_keys=off", "mrr_sort_keys=on")
    assert value(client, "SELECT @@optimizer_switch") == after != before
    for other in others:  # take the connections that there are
        other.query("BEGIN")
        count(other)
    assert value(client, "SELECT @@optimizer_switch") == after
    client.query("SET optimizer_switch = DEFAULT")
    assert value(client, "SELECT @@optimizer_switch") == before
    for one in [client] + others:
        one.close()


def test_a_database_that_comes_back(stand):
    """The connection that has dropped its own database is in none."""
    first, others = stand.client(), [stand.client() for _ in range(6)]
    for sql in ("CREATE DATABASE gone", "USE gone", "CREATE TABLE x (a INT)", "DROP DATABASE gone"):
        first.query(sql)
    for other in others:
        for sql in ("CREATE DATABASE IF NOT EXISTS gone", "USE gone", "CREATE TABLE IF NOT EXISTS x (a INT)"):
            other.query(sql)
        assert other.query("SELECT * FROM x").rows == []
    first.query("DROP DATABASE gone")
    for one in [first] + others:
        one.close()


def test_very_many_columns(stand):
    client = stand.client()
    columns = ",".join(["1"] * 70000)
    assert len(client.query("SELECT " + columns).rows[0]) == 70000
    client.close()


def test_numbers_of_the_connection(stand):
    client = stand.client()
    assert value(client, "SELECT @@pseudo_thread_id") == str(client.connection_id)
    client.close()
    compare(stand, ["PREPARE s FROM (SELECT 1)", "EXECUTE IMMEDIATE (SELECT 1)", "PREPARE s FROM (1 IN (SELECT a FROM t))",
                    "GET DIAGNOSTICS CONDITION (1 IN (SELECT 1)) @e = MYSQL_ERRNO"])


def test_insert_ids_given_one_after_the_other(stand):
    """Which column has the ids is asked once, and a CALL needs it."""
    compare(stand, ["CREATE OR REPLACE PROCEDURE shows () SELECT LAST_INSERT_ID()", "INSERT INTO t (b) VALUES (5)",
                    "INSERT INTO t VALUES (50, 50)", "INSERT INTO t VALUES (60, 0)", "INSERT INTO t VALUES (70, 70)", "CALL shows()",
                    "INSERT INTO t (b) VALUES (6)", "SELECT LAST_INSERT_ID()"])
    compare(stand, ["CREATE OR REPLACE TABLE u (b INT, a INT PRIMARY KEY AUTO_INCREMENT)", "INSERT INTO t (b) VALUES (5)",
                    "INSERT INTO u VALUES (50, NULL)", "INSERT INTO u VALUES (51, 51)", "INSERT INTO u VALUES (0, 60)", "INSERT INTO u (a, b) VALUES (70, 70)",
                    "SELECT LAST_INSERT_ID()", "DROP TABLE u"])


def test_insert_ids_of_tables_that_are_not_plain(stand):
    """INVISIBLE columns have no place among the values, a view's are another table's, and a temporary table is in no information_schema."""
    asked = "SELECT LAST_INSERT_ID()"
    for table in ("TABLE u (a INT PRIMARY KEY AUTO_INCREMENT INVISIBLE, b INT)", "TABLE u (c INT INVISIBLE, a INT PRIMARY KEY AUTO_INCREMENT)"):
        compare(stand, ["INSERT INTO t (b) VALUES (5)", f"CREATE OR REPLACE {table}", "INSERT INTO u VALUES (1)", asked, "INSERT INTO u VALUES (2)", asked,
                        "INSERT INTO u (a) VALUES (3)", asked, "INSERT INTO u VALUES (9)", asked, "INSERT INTO t VALUES (50, 50)", asked, "DROP TABLE u"])
    for view in ("SELECT b, a FROM t", "SELECT b AS x, a AS y FROM t WHERE b < 50"):
        compare(stand, ["INSERT INTO t (b) VALUES (9)", f"CREATE OR REPLACE VIEW v AS {view}", "INSERT INTO v VALUES (30, 31)", asked, "INSERT INTO v VALUES (32, 32)",
                        asked, "INSERT INTO v VALUES (NULL, 33)", asked, "INSERT INTO v (b) VALUES (34)", asked, "INSERT INTO v (b, a) VALUES (40, 40)", asked,
                        "INSERT INTO v (y) VALUES (41)", asked, "INSERT INTO v (x) VALUES (42)", asked, "DROP VIEW v"])
    compare(stand, ["INSERT INTO t (b) VALUES (9)", "CREATE OR REPLACE VIEW v AS SELECT b FROM t", "INSERT INTO v VALUES (5)", asked, "INSERT INTO v (b) VALUES (6)",
                    asked, "DROP VIEW v"])
    compare(stand, ["INSERT INTO t (b) VALUES (9)", "CREATE OR REPLACE TABLE u LIKE t", "ALTER TABLE u ADD SYSTEM VERSIONING", "INSERT INTO u VALUES (5, 5)", asked,
                    "INSERT INTO u VALUES (NULL, 6)", asked, "DROP TABLE u", "CREATE TEMPORARY TABLE u LIKE t", "INSERT INTO u VALUES (50, 50)", asked,
                    "INSERT INTO u (b) VALUES (51)", asked, "INSERT INTO u SELECT a + 100, b FROM t", asked, "INSERT INTO t VALUES (90, 90)",
                    "INSERT INTO t VALUES (NULL, 91)", asked, "INSERT INTO u VALUES (@x := 60, 61)", "CALL sets()", asked])


def test_insert_id_of_load_data_local(stand):
    """The server's OK has none, its connection is asked."""
    told = []
    for make in (lambda: stand.direct(SERVER, capabilities=LOCAL), lambda: stand.client(capabilities=LOCAL)):
        client = make()
        for sql in TABLES + ("INSERT INTO t (b) VALUES (9)",):
            client.query(sql)
        told.append([])
        for rows in (b"77\t1\n", b"\\N\t2\n", b"x\t1\n", b"1\t1\n", b""):
            client.load("LOAD DATA LOCAL INFILE 'f' INTO TABLE t", [rows][:len(rows)])
            shown = [client.query(sql).rows for sql in ("SHOW WARNINGS", "SELECT LAST_INSERT_ID()", "SELECT ROW_COUNT()")]
            told[-1].append(shown)
        client.close()
    assert told[0] == told[1], told


def test_what_prepared_statements_without_tables_leave_of_the_warnings(stand):
    """DROP PROCEDURE keeps an older list, says the server: it is asked, whether the session is bound to it (CALL) or not."""
    shown = []
    for client in (stand.direct(SERVER), stand.client()):
        client.query("CREATE OR REPLACE PROCEDURE complains () SIGNAL SQLSTATE '77777' SET MYSQL_ERRNO = 1000")
        for first in ("SELECT 1/0", "CALL complains()"):
            for sql in (first, "CREATE PROCEDURE goes () SELECT 1", "DROP PROCEDURE goes", "SELECT @a", "DROP PROCEDURE IF EXISTS goes"):
                statement = client.prepare(sql)
                try:
                    client.execute(statement)
                except wire.ServerError as error:
                    shown.append(error.code)
                client.close_statement(statement)
                if sql.startswith("DROP"):
                    shown.append(client.query("SHOW WARNINGS").rows)
        client.close()
    half = len(shown) // 2
    assert shown[:half] == shown[half:], shown


def test_set_with_parameters(stand):
    values = (5, -7, 2**63, 1.5, None, "it's \\ \u00e4", b"\x00\xff'", "")
    shown = []
    for client in (stand.direct(SERVER), stand.client()):
        for sql, asked in (("SET @a = ?", "SELECT @a, HEX(@a), COERCIBILITY(@a), CHARSET(@a)"), ("SET @a := CONCAT(?, 'x'), @b = 3", "SELECT @a, @b"),
                           ("SET SESSION max_statement_time = ?", "SELECT @@max_statement_time"), ("SET group_concat_max_len = ?", "SELECT @@group_concat_max_len"),
                           ("SET autocommit = ?", "SELECT @@autocommit"), ("SET @a = (SELECT MAX(a) FROM t WHERE a < ?)", "SELECT @a"), ("SET nothing = ?", "SELECT 1")):
            try:
                statement = client.prepare(sql)
            except wire.ServerError as error:
                shown.append((sql, error.code, error.message))
                continue
            for value in values:
                try:
                    client.execute(statement, (value,))
                    shown.append((sql, value, client.query(asked).rows))
                except wire.ServerError as error:
                    shown.append((sql, value, error.code, error.message))
            client.close_statement(statement)
        client.close()
    half = len(shown) // 2
    different = [pair for pair in zip(shown[:half], shown[half:]) if pair[0] != pair[1]]
    assert half * 2 == len(shown) and not different, different


def test_own_password(stand):
    """Who sets his password goes on with what he has."""
    root, name = stand.root(SERVER), stand.values["WAYBILL_USER"]
    old = stand.values["WAYBILL_PASSWORD"]
    client = stand.client()
    try:
        client.query("SET PASSWORD = PASSWORD('another')")
        assert value(client, "SELECT 1") == "1"
        assert count(client) >= 0
    finally:
        root.query(f"SET PASSWORD FOR '{name}'@'%' = PASSWORD('{old}')")
    client.close()
    root.close()


def test_transactions_beside_xa(stand):
    compare(stand, ["XA START 'a','b'", "INSERT INTO t (b) VALUES (30)", "COMMIT", "SAVEPOINT x", "XA END 'a','b'", "BEGIN", "COMMIT", "ROLLBACK",
                    "XA ROLLBACK 'a','b'", "BEGIN", "INSERT INTO t (b) VALUES (31)", "COMMIT", "BEGIN", "INSERT INTO t (b) VALUES (32)", "SAVEPOINT s",
                    "INSERT INTO t (b) VALUES (33)", "ROLLBACK TO s", "COMMIT", "SELECT b FROM t ORDER BY a", "SET autocommit = 0",
                    "INSERT INTO t (b) VALUES (34)", "ROLLBACK", "SET autocommit = 1", "SELECT b FROM t ORDER BY a", "XA START 'x'", "SET autocommit = 0",
                    "INSERT INTO t (b) VALUES (35)", "SET autocommit = 1", "SELECT @@autocommit", "INSERT INTO t (b) VALUES (36)", "XA END 'x'",
                    "SET autocommit = 1", "XA COMMIT 'x' ONE PHASE", "SELECT @@autocommit", "INSERT INTO t (b) VALUES (37)", "SET autocommit = 1",
                    "SELECT b FROM t ORDER BY a", "ROLLBACK", "SELECT b FROM t ORDER BY a"])


def test_a_write_prepared_in_a_session_that_only_reads(stand):
    client = stand.client()
    for sql in TABLES + ("SET SESSION TRANSACTION READ ONLY", "START TRANSACTION READ WRITE"):
        client.query(sql)
    assert client.execute(client.prepare("DELETE FROM t WHERE a = ?"), (1,)).affected == 1
    client.query("COMMIT")
    outcome = Outcome(client, "DELETE FROM t WHERE a = 2")
    assert outcome.error is not None and outcome.error[0] == 1792, outcome.error
    client.close()


def test_set_statement_of_ids(stand):
    compare(stand, ["INSERT INTO t (b) VALUES (9)", "SET STATEMENT last_insert_id = 2 FOR SELECT LAST_INSERT_ID()", "SELECT LAST_INSERT_ID()",
                    "SET STATEMENT identity = 2, max_statement_time = 9 FOR SELECT b FROM t WHERE a = LAST_INSERT_ID()", "SELECT LAST_INSERT_ID()",
                    "SET STATEMENT last_insert_id = 3 FOR UPDATE t SET b = LAST_INSERT_ID() WHERE a = 1", "SELECT b, LAST_INSERT_ID() FROM t"])


def test_set_statement_for_execute_immediate(stand):
    compare(stand, ["SET STATEMENT sql_mode = 'ANSI' FOR EXECUTE IMMEDIATE 'SELECT @@sql_mode, a FROM t'", "SELECT @@sql_mode LIKE 'REAL%'"])


def test_what_tokens_leave_is_deleted(stand):
    """Where there is one shard, too."""
    root = stand.root(SERVER)
    client = stand.client()
    client.query("CREATE TABLE IF NOT EXISTS t (a INT PRIMARY KEY AUTO_INCREMENT, b INT)")
    client.query("BEGIN")
    client.query("INSERT INTO t (b) VALUES (40)")
    token = client.query("SELECT @@waybill_transaction").rows[0][0]
    client.query("COMMIT")
    assert client.query(f"SELECT waybill_outcome('{token}')").rows == [("committed",)]
    for _ in range(2):
        assert client.query("/* waybill: once='one-server' */ INSERT INTO t (b) VALUES (41)").affected == 1
    assert client.query("SELECT COUNT(*) FROM t WHERE b = 41").rows == [("1",)]
    root.query("UPDATE waybill.decision SET at = at - INTERVAL 2 HOUR")
    root.query("UPDATE waybill.once SET at = at - INTERVAL 8 DAY")
    stand.cluster("waybill", "stop")
    stand.start_waybill()
    left = "SELECT (SELECT COUNT(*) FROM waybill.decision) + (SELECT COUNT(*) FROM waybill.once)"
    stand.wait_until(lambda: root.query(left).rows == [("0",)], 20, "old rows are deleted")


def test_prepared_routines_with_cursors_of_their_own(stand):
    root = stand.root(SERVER)
    root.query("SET GLOBAL log_bin_trust_function_creators = 1")
    root.close()
    client = stand.client()
    for sql in TABLES + ("CREATE OR REPLACE PROCEDURE looks () BEGIN DECLARE n INT; DECLARE c CURSOR FOR SELECT a FROM t ORDER BY a; OPEN c; "
                         "FETCH c INTO n; SELECT n; FETCH c INTO n; SELECT n; CLOSE c; END",
                         "CREATE OR REPLACE FUNCTION takes () RETURNS INT READS SQL DATA BEGIN DECLARE n INT; DECLARE c CURSOR FOR SELECT a FROM t ORDER BY a; "
                         "OPEN c; FETCH c INTO n; CLOSE c; RETURN n; END"):
        client.query(sql)
    both = [stand.direct(SERVER), stand.client()]
    for sql in ("CALL looks()", "SELECT takes()", "SELECT takes() FROM t"):
        theirs, mine = [Outcome(one, sql, True) for one in both]
        assert mine.error is None and not mine.differences(theirs, True), (sql, mine.error, mine.differences(theirs, True))
    for one in both:
        assert value(one, "SELECT 1") == "1"
        one.close()
    client.close()


def test_a_database_named_in_the_clients_character_set(stand):
    client, other = stand.client(), stand.client()
    client.query("CREATE DATABASE IF NOT EXISTS `t\u00e4glich`")
    other.query("SET NAMES latin1")
    client.query("SELECT 1")  # the connection is in utf8mb4 again
    other.query("USE `t\u00e4glich`".encode("latin1"))
    hexadecimal = "SELECT HEX(CONVERT(DATABASE() USING utf8mb4))"
    assert value(other, hexadecimal) == "t\u00e4glich".encode().hex().upper()
    for names in ("latin1", "utf8mb4"):
        other.query(f"SET NAMES {names}")
        others = [stand.client() for _ in range(3)]  # bring all connections into their own database and character set
        for sql in ("BEGIN", "SELECT COUNT(*) FROM t", "COMMIT"):
            for each in others:
                each.query(sql)
        for each in others:
            each.close()
        assert value(other, hexadecimal) == "t\u00e4glich".encode().hex().upper(), names
    client.query("DROP DATABASE `t\u00e4glich`")
    client.close()
    other.close()


def test_a_login_with_a_name_that_no_database_can_have(stand):
    for name, collation in (("x" * 65, 45), ("x" * 2000, 45), ("\u20ac" * 65, 45), ("\U0001F601", 33), ("\U0001F601", 63), ("nobody's", 45)):
        said = []
        for make in (lambda **more: stand.direct(SERVER, **more), stand.client):
            try:
                make(database=name, collation=collation).close()
                said.append(None)
            except wire.ServerError as error:
                said.append((error.code, error.sqlstate, error.message))
        assert said[0] == said[1] is not None, said
