"""CREATE TABLE with a comment that says where the rows are: all waybills know of the table before it is there."""

import os
import signal
import threading
import time

import wire
from stand import SecondWaybill

TABLES = """[table shop.orders]
key = buyer_id
id = order_id
[table shop.products]
type = reference
"""
CLUSTER = {"shards": 3, "replicas": 0, "tables": TABLES, "settings": "proxy_id = 5\ndeclared_tables = on\n"}
DECLARATION, UNKNOWN = 9050, 9051
SHARDS = ("s1a", "s2a", "s3a")


def error_of(client, sql):
    try:
        client.query(sql)
    except wire.ServerError as error:
        return error
    raise AssertionError(f"{sql}: no error")


def second(stand, number=6, place=0):
    return SecondWaybill(stand, "loader", ("proxy_id = 5", f"proxy_id = {number}"), place)


def keys(stand, table, column="user_id"):
    """The keys that each shard has."""
    return {server: sorted(int(row[0]) for row in stand.root(server).query(f"SELECT {column} FROM shop.{table}").rows) for server in SHARDS}


def routed(client, table, key, column="user_id"):
    rows = client.query(f"EXPLAIN ROUTE SELECT * FROM {table} WHERE {column} = {key}").rows
    return {row[1] for row in rows if row[1]}


def assert_placed(stand, client, table, column="user_id"):
    """Every row is where a look for its key would find it, and on no other shard."""
    found = keys(stand, table, column)
    for server, there in found.items():
        for key in there:
            assert routed(client, table, key, column) == {server[:2]}, (table, key, server)
    return sorted(key for there in found.values() for key in there)


def declared(stand):
    return {row["table"]: row["source"] for row in stand.admin("SHOW TABLES")}


def rows_of_declarations(stand):
    return [tuple(row) for row in stand.root("s1a").query("SELECT table_name, state FROM waybill.declared_table ORDER BY 1").rows]


def test_one_waybill(stand):
    client = stand.client("loader")
    began = time.monotonic()
    client.query("CREATE TABLE carts (user_id INT NOT NULL, n INT, KEY (user_id)) /* waybill: shard_by=user_id */")
    took = time.monotonic() - began
    for i in range(40):
        client.query(f"INSERT INTO carts VALUES ({i}, {i})")
    assert assert_placed(stand, client, "carts") == list(range(40))
    assert all(keys(stand, "carts").values()), "on all shards"
    assert rows_of_declarations(stand) == [("carts", "open")]
    assert declared(stand)["shop.carts"] == "declared" and declared(stand)["shop.orders"] == "file"
    client.query("ALTER TABLE carts ADD note VARCHAR(10)")
    client.query("DROP TABLE carts")
    assert rows_of_declarations(stand) == [] and "shop.carts" not in declared(stand)
    assert took < 5, took


def test_words(stand):
    client = stand.client("loader")
    client.query("/* waybill: shard_by=code, key_type=binary */ CREATE TABLE d_codes (code VARBINARY(20) NOT NULL PRIMARY KEY)")
    client.query("CREATE TABLE d_ranges (k INT PRIMARY KEY /* waybill: shard_by=k, method=range, ranges='..99:s2, 100..:s3' */)")
    client.query("CREATE TABLE `d_items` (`user_id` BIGINT NOT NULL, order_id BIGINT NOT NULL PRIMARY KEY) /*!40100 COMMENT 'x' */ "
                 "/* waybill: shard_by=user_id id=order_id */")
    client.query("CREATE TABLE d_parts (part INT, order_id BIGINT, PRIMARY KEY (order_id, part)) /* waybill: id=order_id, with=d_items */")
    client.query("CREATE TABLE d_kinds (kind INT PRIMARY KEY, name VARCHAR(20)) /* waybill: reference */")
    client.query("CREATE TABLE d_rows (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, user_id INT) /* waybill: shard_by=user_id, row_id=id */")
    statement = client.prepare("CREATE TABLE d_prepared (name VARCHAR(20) PRIMARY KEY) /* waybill: shard_by=name */")
    client.execute(statement)
    shown = {row["table"]: row for row in stand.admin("SHOW TABLES LIKE '%.d\\_%'")}
    assert {name: (row["method"], row["key"], row["key_type"], row["id"], row["row_id"], row["with"]) for name, row in shown.items()} == {
        "shop.d_codes": ("bucket", "code", "binary", "", "", ""),
        "shop.d_ranges": ("range", "k", "integer", "", "", ""),
        "shop.d_items": ("bucket", "user_id", "integer", "order_id", "", ""),
        "shop.d_parts": ("bucket", "", "integer", "order_id", "", "shop.d_items"),
        "shop.d_kinds": ("", "", "", "", "", ""),
        "shop.d_rows": ("bucket", "user_id", "integer", "", "id", ""),
        "shop.d_prepared": ("bucket", "name", "string", "", "", ""),
    }, shown
    client.query("INSERT INTO d_ranges VALUES (5), (500)")
    assert keys(stand, "d_ranges", "k") == {"s1a": [], "s2a": [5], "s3a": [500]}
    made = [client.query(f"INSERT INTO d_items (user_id) VALUES ({i})").insert_id for i in range(20)]
    for one in made:
        client.query(f"INSERT INTO d_parts VALUES (1, {one})")
    assert len(client.query("SELECT i.user_id FROM d_items i JOIN d_parts p ON p.order_id = i.order_id").rows) == 20
    assert client.query("INSERT INTO d_rows (user_id) VALUES (7), (8), (9)").affected == 3
    client.query("INSERT INTO d_kinds VALUES (1, 'a')")
    assert keys(stand, "d_kinds", "kind") == {server: [1] for server in SHARDS}
    lines = [row["section"] for row in stand.admin("SHOW DECLARED TABLES")]
    at = lines.index("[table shop.d_items]")
    assert lines[at + 1:at + 4] == ["key = user_id", "id = order_id", "key_type = integer"], lines
    assert error_of(client, "DROP TABLE d_items").code == DECLARATION, "d_parts is with it"
    client.query("DROP TABLE d_items, d_parts, d_codes, d_ranges, d_kinds, d_rows")
    client.query("DROP TABLE d_prepared")
    assert rows_of_declarations(stand) == []


def test_mistakes(stand):
    client = stand.client("loader")
    table = "CREATE TABLE m (user_id INT NOT NULL, name VARCHAR(20), price FLOAT)"
    for sql, words in (
        (table + " /* waybill: shard_by=buyer */", "no column `buyer`"),
        (table + " /* waybill: shard_by=price */", "no values of that type"),
        (table + " /* waybill: shard_by=user_id, method=hash */", "method is one of"),
        (table + " /* waybill: shard_by=user_id, method=range */", "needs ranges"),
        (table + " /* waybill: shard_by=user_id, with=nothing */", "no table 'shop.nothing'"),
        (table + " /* waybill: shard_by=user_id, shard_by=name */", "said twice"),
        (table + " /* waybill: shard_by=user_id, shard=s2 */", "can't be in one comment"),
        (table + " /* waybill: shard_by=user_id, unit=day */", "has no meaning"),
        (table + " /* waybill: type=unsharded */", "leave the comment out"),
        (table + " /* waybill: shard_by */", "has no value"),
        ("CREATE TABLE m LIKE orders /* waybill: shard_by=user_id */", "LIKE or SELECT"),
        ("CREATE TABLE m (user_id INT) SELECT 1 /* waybill: shard_by=user_id */", "LIKE or SELECT"),
        ("CREATE TEMPORARY TABLE m (user_id INT) /* waybill: shard_by=user_id */", "temporary"),
        ("CREATE OR REPLACE TABLE m (user_id INT) /* waybill: shard_by=user_id */", "OR REPLACE"),
        ("CREATE TABLE `m.m` (user_id INT) /* waybill: shard_by=user_id */", "plain ASCII"),
        ("CREATE TABLE orders (buyer_id BIGINT, seller_id BIGINT) /* waybill: shard_by=seller_id */", "configuration file"),
        ("SELECT 1 /* waybill: shard_by=user_id */", "belong into a comment of CREATE TABLE"),
        ("ALTER TABLE m ADD x INT /* waybill: shard_by=user_id */", "belong into a comment of CREATE TABLE"),
    ):
        error = error_of(client, sql)
        assert error.code == DECLARATION and words in str(error), (sql, error)
    error = error_of(client, table.replace("(user_id", "(user_id INT, user_id") + " /* waybill: shard_by=user_id */")
    assert error.code == 1060, error  # by all servers: the declaration is taken back
    assert rows_of_declarations(stand) == []
    assert error_of(client, "SELECT * FROM m").code == 1146


def test_again_and_otherwise(stand):
    client = stand.client("loader")
    create = "CREATE TABLE IF NOT EXISTS again (user_id INT NOT NULL, seller_id INT NOT NULL, KEY (user_id)) /* waybill: shard_by=%s */"
    client.query(create % "user_id")
    client.query("INSERT INTO again VALUES (1, 1), (2, 2), (3, 3)")
    client.query(create % "user_id")
    assert error_of(client, create.replace("IF NOT EXISTS ", "") % "user_id").code == 1050
    error = error_of(client, create % "seller_id")
    assert error.code == DECLARATION and "declared otherwise" in str(error), error
    for sql in ("RENAME TABLE again TO anew", "ALTER TABLE again RENAME TO anew", "RENAME TABLE other TO again"):
        assert error_of(client, sql).code == DECLARATION, sql
    assert_placed(stand, client, "again")
    client.query("DROP TABLE again")
    client.query(create % "seller_id")
    client.query("INSERT INTO again VALUES (1, 11), (2, 12), (3, 13), (4, 14), (5, 15)")
    assert assert_placed(stand, client, "again", "seller_id") == [11, 12, 13, 14, 15]
    client.query("DROP TABLE again")
    client.query("CREATE TABLE there (user_id INT)")  # unsharded
    client.query("INSERT INTO there VALUES (1), (2)")
    error = error_of(client, "CREATE TABLE IF NOT EXISTS there (user_id INT) /* waybill: shard_by=user_id */")
    assert error.code in (DECLARATION, 9009) and rows_of_declarations(stand) == [], error
    assert len(client.query("SELECT * FROM there").rows) == 2
    client.query("DROP TABLE there")


def test_explain_route_and_constraints(stand):
    client = stand.client("loader")
    rows = client.query("EXPLAIN ROUTE CREATE TABLE e (user_id INT, n INT, UNIQUE (n)) /* waybill: shard_by=user_id */").rows
    assert {row[1] for row in rows if row[0] == "target"} == {"s1", "s2", "s3"} or "s3" in str(rows), rows
    assert rows_of_declarations(stand) == []
    client.query("CREATE TABLE e (user_id INT, n INT, UNIQUE (n)) /* waybill: shard_by=user_id */")
    assert [row[1] for row in client.query("SHOW WARNINGS").rows] == ["9034"]
    client.query("DROP TABLE e")


def test_a_database_with_declared_tables(stand):
    client = stand.client("loader")
    client.query("CREATE DATABASE more")
    client.query("CREATE TABLE more.a (user_id INT) /* waybill: shard_by=user_id */")
    client.query("CREATE TABLE more.b (user_id INT) /* waybill: shard_by=user_id, with=a */")
    assert len(rows_of_declarations(stand)) == 2
    client.query("DROP DATABASE more")
    assert rows_of_declarations(stand) == []


def test_two_waybills(stand):
    other = second(stand)
    try:
        here, there = stand.client("loader"), other.client()
        for turn in range(6):
            maker, user = (here, there) if turn % 2 == 0 else (there, here)
            column = ("user_id", "seller_id")[turn // 2 % 2]
            began = time.monotonic()
            maker.query(f"CREATE TABLE pair (user_id INT NOT NULL, seller_id INT NOT NULL) /* waybill: shard_by={column} */")
            for i in range(30):
                user.query(f"INSERT INTO pair VALUES ({i}, {100 + i})")
            assert time.monotonic() - began < 30
            assert len(assert_placed(stand, user, "pair", column)) == 30
            user.query("CREATE INDEX by_user ON pair (user_id)")
            (user, maker)[turn % 3 == 0].query("DROP TABLE pair")
            assert error_of(here, "SELECT * FROM pair").code == 1146
            assert rows_of_declarations(stand) == []
    finally:
        other.stop()


def test_statements_that_come_all_the_time(stand):
    """Others insert into the table all the while it is made, dropped, and made with another key."""
    other = second(stand)
    stop = threading.Event()
    wrong, counts = [], [0, 0]

    def insert(place, make):
        client, i = make(), 0
        while not stop.is_set():
            i += 1
            try:
                client.query(f"INSERT INTO busy VALUES ({i % 1000}, {i % 777})")
                counts[place] += 1
            except wire.ServerError as error:
                if error.code not in (1146, DECLARATION, 1213, 1205, 9003, 1412):
                    wrong.append(error)
                    return

    threads = [threading.Thread(target=insert, args=(place, make)) for place, make in
               enumerate((lambda: stand.client("loader"), other.client))]
    try:
        client = stand.client("loader")
        for thread in threads:
            thread.start()
        for turn in range(6):
            column = ("user_id", "seller_id")[turn % 2]
            counts[:] = [0, 0]
            client.query(f"CREATE TABLE busy (user_id INT NOT NULL, seller_id INT NOT NULL) /* waybill: shard_by={column} */")
            stand.wait_until(lambda: wrong or min(counts) > 20, 60, "rows come through both")
            assert not wrong, wrong
            assert_placed(stand, client, "busy", column)
            client.query("DROP TABLE busy")
    finally:
        stop.set()
        for thread in threads:
            if thread.ident:
                thread.join()
        other.stop()
    assert not wrong, wrong


def test_a_waybill_that_is_frozen_meanwhile(stand):
    """Its clients' statements come to it while it stands still, and are run when it goes on: none may place a row as if nothing had
    been declared."""
    other = second(stand)
    stopped = False
    try:
        here = stand.client("loader")
        clients = [other.client() for _ in range(8)]
        idle = other.client()
        assert error_of(idle, "INSERT INTO frozen VALUES (1)").code == 1146
        other.process.send_signal(signal.SIGSTOP)
        stopped = True
        outcomes = []

        def insert(client, i):
            try:
                client.query(f"INSERT INTO frozen VALUES ({i})")
                outcomes.append((i, 0))
            except wire.ServerError as error:
                outcomes.append((i, error.code))

        threads = [threading.Thread(target=insert, args=(client, i)) for i, client in enumerate(clients)]
        for thread in threads:
            thread.start()
        began = time.monotonic()
        here.query("CREATE TABLE frozen (user_id INT NOT NULL PRIMARY KEY) /* waybill: shard_by=user_id */")
        assert time.monotonic() - began > 3, "its lease was waited for"
        other.process.send_signal(signal.SIGCONT)
        stopped = False
        for thread in threads:
            thread.join()
        assert all(code in (0, UNKNOWN, 9004, 9005, 2013) for _, code in outcomes), outcomes
        assert any(code == UNKNOWN for _, code in outcomes), outcomes
        assert assert_placed(stand, here, "frozen") == sorted(i for i, code in outcomes if code == 0)

        def serves():
            try:
                idle.query("INSERT INTO frozen VALUES (1000)")
                return True
            except wire.ServerError as error:
                assert error.code in (UNKNOWN, 9004, 9005, 1062), error
                return error.code == 1062

        stand.wait_until(serves, 60, "it knows the table")
        assert 1000 in assert_placed(stand, here, "frozen")
        here.query("DROP TABLE frozen")
    finally:
        if stopped:
            other.process.send_signal(signal.SIGCONT)
        other.stop()


def test_a_waybill_that_was_killed_is_waited_for_once(stand):
    other = second(stand)
    other.stop(signal.SIGKILL)
    client = stand.client("loader")
    client.query("CREATE TABLE gone1 (user_id INT) /* waybill: shard_by=user_id */")
    began = time.monotonic()
    client.query("DROP TABLE gone1")
    client.query("CREATE TABLE gone1 (user_id INT) /* waybill: shard_by=user_id */")
    client.query("DROP TABLE gone1")
    assert time.monotonic() - began < 6
    assert [row[0] for row in stand.root("s1a").query("SELECT proxy FROM waybill.proxy WHERE seen < 18446744073709551615").rows] == ["5"]


def test_a_waybill_that_takes_no_part(stand):
    other = SecondWaybill(stand, "loader", ("proxy_id = 5\ndeclared_tables = on", "proxy_id = 7\ndeclared_tables = off"))
    try:
        client = stand.client("loader")
        declares = "CREATE TABLE part (user_id INT) /* waybill: shard_by=user_id */"
        if stand.root("s1a").query("SELECT number FROM waybill.declaration").rows:
            # Something was declared before it came: it takes part, and only declares nothing by itself.
            client.query(declares)
            other.client().query("INSERT INTO part VALUES (1), (2), (3), (4), (5), (6)")
            assert len(assert_placed(stand, client, "part")) == 6
            client.query("DROP TABLE part")
        error = error_of(other.client(), declares)
        assert error.code == DECLARATION and "declared_tables is off" in str(error), error
    finally:
        other.stop()


def test_a_reload_keeps_what_is_declared(stand):
    client = stand.client("loader")
    client.query("CREATE TABLE kept (user_id INT NOT NULL) /* waybill: shard_by=user_id */")
    path = os.path.join(stand.directory, "waybill.ini")
    with open(path) as file:
        before = file.read()
    try:
        stand.admin("RELOAD")
        assert declared(stand)["shop.kept"] == "declared"
        client.query("INSERT INTO kept VALUES (1), (2), (3), (4), (5)")
        with open(path, "w") as file:
            file.write(before + "\n" + "\n".join(row["section"] for row in stand.admin("SHOW DECLARED TABLES")) + "\n")
        stand.admin("RELOAD")
        assert declared(stand)["shop.kept"] == "file"
        client.query("INSERT INTO kept VALUES (6), (7), (8)")
        assert assert_placed(stand, client, "kept") == list(range(1, 9))
        with open(path, "w") as file:
            file.write(before)
        stand.admin("RELOAD")
        assert declared(stand)["shop.kept"] == "declared"
        assert len(assert_placed(stand, client, "kept")) == 8
    finally:
        with open(path, "w") as file:
            file.write(before)
        stand.admin("RELOAD")
    client.query("DROP TABLE kept")
    assert rows_of_declarations(stand) == []


# A killed waybill leaves a declaration in one of these states. Other waybills look whether it has gone, then at the shards.
LEFT = (("coming", (), None), ("coming", ("s1a",), None), ("making", (), None), ("making", ("s1a", "s2a"), "open"), ("making", SHARDS, "open"),
        ("going", SHARDS, "open"), ("going", ("s3a",), "open"), ("going", (), None))


def test_what_a_killed_waybill_left(stand):
    """Each state in which it can be killed, written as it would have been, with what the shards had by then."""
    client, root = stand.client("loader"), stand.root("s1a")
    client.query("CREATE TABLE first_one (user_id INT) /* waybill: shard_by=user_id */")  # so that all tables are there
    client.query("DROP TABLE first_one")
    for i, (state, there, _) in enumerate(LEFT):
        root.query("START TRANSACTION")
        root.query("UPDATE waybill.declaration SET number = number + 1 WHERE id = 1")
        root.query("INSERT INTO waybill.declared_table SELECT 'shop', "
                   f"'left{i}', 'key = user_id\\nkey_type = integer\\n', number, '{state}', 77{i}, 99, 9, UTC_TIMESTAMP(3) - INTERVAL 5 MINUTE "
                   "FROM waybill.declaration")
        root.query("COMMIT")
        for server in there:
            stand.root(server).query(f"CREATE TABLE shop.left{i} (user_id INT)")

    def states():
        found = dict(rows_of_declarations(stand))
        return [found.get(f"left{i}") for i in range(len(LEFT))]

    stand.wait_until(lambda: states() == [outcome for _, _, outcome in LEFT], 60, "all is decided")
    stand.wait_until(lambda: {row["source"] for row in stand.admin("SHOW TABLES LIKE '%.left%'")} == {"declared"}, 60, "it is known")
    client.query("DROP TABLE left1")
    client.query("DROP TABLE IF EXISTS left3, left4, left5, left6")
    assert states() == [None] * len(LEFT)


def test_the_declaring_waybill_is_killed(stand):
    """At any moment; another one goes on with it, and whatever came of it, all rows can be found."""
    for turn in range(3):
        other = second(stand)
        maker = other.client()

        def create(maker=maker):
            try:
                maker.query("CREATE TABLE cut (user_id INT NOT NULL PRIMARY KEY) /* waybill: shard_by=user_id */")
            except (wire.ServerError, wire.ConnectionLost, OSError):
                pass

        thread = threading.Thread(target=create)
        thread.start()
        time.sleep(0.1 * turn)
        other.stop(signal.SIGKILL)
        thread.join()
        client = stand.client("loader")

        def usable(client=client):
            """It is declared and can be made whole, or is not known and can be declared."""
            try:
                client.query("CREATE TABLE IF NOT EXISTS cut (user_id INT NOT NULL PRIMARY KEY) /* waybill: shard_by=user_id */")
                return True
            except wire.ServerError as error:
                assert error.code in (DECLARATION, 9009), error
                stand.admin("REPAIR SCHEMA")
                return False

        stand.wait_until(usable, 120, "the table can be had")
        for i in range(20):
            client.query(f"INSERT INTO cut VALUES ({i})")
        assert assert_placed(stand, client, "cut") == list(range(20))
        client.query("DROP TABLE cut")
        assert rows_of_declarations(stand) == []
