"""What a statement leaves behind (SHOW WARNINGS, FOUND_ROWS(), GET DIAGNOSTICS) when its connection is wanted by others, or has gone
back: nothing of it is lost, and nobody waits for it. The same questions where nothing goes wrong: test_differential.py."""

import threading
import time

import wire

CLUSTER = {"shards": 2, "replicas": 0, "settings": "pool_max = 2\npool_wait_ms = 10000\n",
           "tables": "[table shop.rows]\nkey = k\n"}
COUNT = 20


def prepare(stand):
    loader = stand.client(user="loader")
    loader.query("DROP TABLE IF EXISTS `rows`")
    loader.query("CREATE TABLE `rows` (k BIGINT PRIMARY KEY, v TINYINT)")
    for k in range(1, COUNT + 1):
        loader.query(f"INSERT INTO `rows` (k, v) VALUES ({k}, {k})")
    loader.close()


def warn(client, k):
    """Leaves a warning that names k."""
    assert client.query(f"INSERT IGNORE INTO `rows` (k, v) VALUES ({k}, 1)").warnings == 1


def warned(k):
    return [["Warning", "1062", f"Duplicate entry '{k}' for key 'PRIMARY'"]]


def rows(client, sql):
    return [list(row) for row in client.query(sql).rows]


def error_of(client, sql):
    try:
        client.query(sql)
    except wire.ServerError as error:
        return error.code
    return 0


def lent(stand):
    return sum(int(row["lent"]) for row in stand.admin("SHOW POOLS"))


def test_others_need_the_connection(stand):
    """A server takes one connection of each worker: who waits for it gets it at once, and the list is still there."""
    prepare(stand)
    client, others = stand.client(), [stand.client() for _ in range(8)]  # some on the same worker
    for k in range(1, COUNT + 1):
        warn(client, k)
        began = time.monotonic()
        for other in others:
            other.query("UPDATE `rows` SET v = 100 - v WHERE k = 1")
            other.query("UPDATE `rows` SET v = 100 - v WHERE k = 2")
        assert time.monotonic() - began < 3, "the others waited for a connection that only lingered"
        assert rows(client, "SHOW WARNINGS") == warned(k)
        assert rows(client, "SELECT @@warning_count, @@error_count") == [["1", "0"]]
    client.query("SELECT SQL_CALC_FOUND_ROWS 1 UNION SELECT 2 UNION SELECT 3 LIMIT 1")
    for other in others:
        other.query("UPDATE `rows` SET v = 1 WHERE k = 1")
        other.query("UPDATE `rows` SET v = 1 WHERE k = 2")
    assert rows(client, "SELECT FOUND_ROWS()") == [["3"]]
    for one in [client, *others]:
        one.close()


def test_everybody_has_his_own(stand):
    """Eight clients in line for one connection to each server, all of them with warnings and errors."""
    prepare(stand)
    problems = []

    def run(number):
        client = stand.client()
        for round_ in range(25):
            k = (number * 7 + round_) % COUNT + 1
            warn(client, k)
            if rows(client, "SHOW WARNINGS") != warned(k):
                problems.append(f"client {number}: not the warning of {k}")
            if error_of(client, f"INSERT INTO `rows` (k, v) VALUES ({k}, 1)") != 1062:
                problems.append(f"client {number}: no error")
            if round_ % 3 == 0:
                time.sleep(0.01)
            if rows(client, "SHOW ERRORS")[0][2] != warned(k)[0][2]:
                problems.append(f"client {number}: not the error of {k}")
        client.close()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems, problems[:5]
    stand.wait_until(lambda: lent(stand) == 0, 10, "no connection is lent")


def test_after_a_while(stand):
    """An idle client keeps what it left, not the connection."""
    prepare(stand)
    client = stand.client()
    client.query("SET sql_mode = ''")
    assert client.query("UPDATE `rows` SET v = 'x' WHERE k = 3").warnings == 1
    stand.wait_until(lambda: lent(stand) == 0, 10, "the connection goes back")
    message = "Incorrect integer value: 'x' for column `shop`.`rows`.`v` at row 1"
    assert rows(client, "SHOW WARNINGS") == [["Warning", "1366", message]]
    assert error_of(client, "GET DIAGNOSTICS CONDITION 1 @s = RETURNED_SQLSTATE") == 1235  # SHOW WARNINGS says nothing of it
    client.query("GET DIAGNOSTICS CONDITION 1 @m = MESSAGE_TEXT, @e = MYSQL_ERRNO")
    assert rows(client, "SELECT @m, @e") == [[message, "1366"]]
    assert rows(client, "SHOW WARNINGS LIMIT 0") == []
    statement = client.prepare("SHOW WARNINGS LIMIT ?")
    assert [list(row) for row in client.execute(statement, (5,)).rows] == [["Warning", 1366, message]]
    client.query("SELECT v FROM `rows` WHERE k = 3")
    assert rows(client, "SHOW WARNINGS") == []
    client.close()


def test_in_another_character_set(stand):
    """A message that is kept is shown in the character set that it was made for, or not at all."""
    prepare(stand)
    client = stand.client()
    assert error_of(client, "SELECT nö FROM `rows` WHERE k = 1") == 1054
    stand.wait_until(lambda: lent(stand) == 0, 10, "the connection goes back")
    assert rows(client, "SHOW WARNINGS")[0][2] == "Unknown column 'nö' in 'SELECT'"
    client.query("SET NAMES latin1")
    assert error_of(client, "SHOW WARNINGS") == 1235
    client.query("SET NAMES utf8mb4")
    assert rows(client, "SHOW WARNINGS")[0][2] == "Unknown column 'nö' in 'SELECT'"
    client.close()


def test_own_errors(stand):
    """Errors that waybill gives by itself are in the list like a server's."""
    prepare(stand)
    client = stand.client()
    for sql, code in (("XA RECOVER", 9001), ("UPDATE `rows` SET v = 1", 9002), ("SELECT k FROM `rows` GROUP BY k HAVING AVG(v) > 1", 9001)):
        got = error_of(client, sql)
        assert got == code, f"{sql}: {got}, not {code}"
        shown = rows(client, "SHOW ERRORS")
        assert len(shown) == 1 and shown[0][:2] == ["Error", str(code)], shown
        assert rows(client, "SELECT @@error_count, ROW_COUNT()") == [["1", "-1"]]
        client.query("GET DIAGNOSTICS CONDITION 1 @s = RETURNED_SQLSTATE, @m = MESSAGE_TEXT")
        assert rows(client, "SELECT @m")[0][0] == shown[0][2]
    client.close()
