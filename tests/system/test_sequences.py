"""A sequence lives on one shard and is used from everywhere: the same value never twice, whatever a transaction does."""

import os
import signal
import threading

import wire

TABLES = """[table shop.orders]
key = buyer_id

[table shop.users]
with = shop.orders
key = buyer_id

[table shop.products]
type = reference

[table shop.inventory]
type = unsharded
shard = s2

[table shop.invoice]
type = unsharded
shard = s3
"""
CLUSTER = {"shards": 3, "replicas": 1, "tables": TABLES}


def prepare(stand, user="loader"):
    client = stand.client(user="loader")
    for sql in ("DROP SEQUENCE IF EXISTS numbers", "DROP SEQUENCE IF EXISTS invoice"):
        client.query(sql)
    for table in ("orders", "products", "inventory"):
        client.query(f"DROP TABLE IF EXISTS {table}")
    client.query("CREATE SEQUENCE numbers")
    client.query("CREATE SEQUENCE invoice START WITH 1000")
    client.query("CREATE TABLE orders (buyer_id BIGINT NOT NULL, no BIGINT NOT NULL, at DATETIME(6), PRIMARY KEY (buyer_id, no))")
    client.query("CREATE TABLE products (id BIGINT PRIMARY KEY, name VARCHAR(20))")
    client.query("CREATE TABLE inventory (id BIGINT PRIMARY KEY, n INT)")
    if user != "loader":
        client.close()
        client = stand.client(user=user)
    return client


def value(client, sql):
    return int(client.query(sql).rows[0][0])


def refused(client, sql):
    try:
        client.query(sql)
    except wire.ServerError as error:
        return error.code, error.message
    raise AssertionError(f"{sql} was not refused")


def test_it_is_asked_on_its_shard(stand):
    client = prepare(stand, "app")
    assert [value(client, "SELECT NEXTVAL(numbers)"), value(client, "SELECT NEXT VALUE FOR shop.numbers")] == [1, 2]
    assert client.query("SELECT NEXTVAL(invoice), NEXTVAL(invoice) + 1").rows == [("1000", "1002")]
    direct = stand.direct("s3a")
    assert value(direct, "SELECT NEXTVAL(invoice)") == 1002
    direct.close()
    client.close()


def test_in_a_transaction_it_is_beside_it(stand):
    for user in ("app", "loader"):
        client = prepare(stand, user)
        client.query("BEGIN")
        client.query("INSERT INTO inventory VALUES (1, 1)")  # on s2; the sequences are on s1 and s3
        seen = [value(client, "SELECT NEXTVAL(invoice)"), value(client, "SELECT NEXTVAL(numbers)")]
        client.query("ROLLBACK")
        assert seen == [1000, 1] and value(client, "SELECT COUNT(*) FROM inventory") == 0
        assert value(client, "SELECT NEXTVAL(invoice)") == 1001 and value(client, "SELECT NEXTVAL(numbers)") == 2
        client.query("SET autocommit = 0")
        assert value(client, "SELECT NEXTVAL(invoice)") == 1002
        client.query("INSERT INTO inventory VALUES (NEXTVAL(invoice), 2)")
        client.query("COMMIT")
        assert client.query("SELECT id FROM inventory").rows == [("1003",)]
        client.query("ROLLBACK")
        client.close()


def test_values_are_put_into_an_insert(stand):
    client = prepare(stand)
    for buyer in range(1, 10):
        assert client.query(f"INSERT INTO orders (buyer_id, no, at) VALUES ({buyer}, NEXTVAL(invoice), NOW(6))").affected == 1
    result = client.query("INSERT INTO orders (buyer_id, no) VALUES (1, NEXTVAL(invoice)), (2, NEXT VALUE FOR invoice), "
                          "(3, 10 * NEXTVAL(invoice)), (4, 5)")
    assert result.affected == 4 and result.message.startswith("Records: 4"), vars(result)
    rows = client.query("SELECT no FROM orders ORDER BY no").rows
    assert [int(row[0]) for row in rows] == [5, *range(1000, 1011), 10110], rows
    client.query("INSERT INTO products VALUES (NEXTVAL(invoice), 'a')")
    assert client.query("SELECT id FROM products").rows == [("1012",)]
    for shard in ("s1a", "s2a", "s3a"):  # the copies are the same
        direct = stand.direct(shard)
        assert direct.query("SELECT id, name FROM products").rows == [("1012", "a")]
        direct.close()
    client.query("INSERT INTO orders SET buyer_id = NEXTVAL(numbers), no = NEXTVAL(numbers)")  # the key, too
    assert client.query("SELECT no FROM orders WHERE buyer_id = 1 AND no < 1000").rows == [("2",)]
    client.close()


def test_prepared(stand):
    client = prepare(stand)
    statement = client.prepare("INSERT INTO orders (buyer_id, no, at) VALUES (?, NEXTVAL(invoice), ?), (?, NEXTVAL(invoice), NULL)")
    for buyer in range(1, 8):
        assert client.execute(statement, [buyer, "2026-01-01", buyer + 100]).affected == 2
    rows = client.query("SELECT buyer_id, no FROM orders ORDER BY no").rows
    assert [int(row[1]) for row in rows] == list(range(1000, 1014)), rows
    assert [int(row[0]) for row in rows] == [one for buyer in range(1, 8) for one in (buyer, buyer + 100)], rows
    ask = client.prepare("SELECT NEXTVAL(numbers)")
    assert [client.execute(ask).rows[0][0] for _ in range(3)] == [1, 2, 3]
    client.close()


def test_what_would_need_it_elsewhere_is_refused(stand):
    client = prepare(stand)
    client.query("INSERT INTO orders (buyer_id, no) VALUES (1, 1), (2, 2), (3, 3), (4, 4)")
    client.query("INSERT INTO inventory VALUES (1, 1)")
    for sql in ("UPDATE inventory SET n = NEXTVAL(invoice)", "SELECT NEXTVAL(invoice), id FROM inventory",
                "UPDATE orders SET no = NEXTVAL(numbers)", "SELECT NEXTVAL(numbers) FROM orders",
                "INSERT INTO inventory SELECT NEXTVAL(invoice), no FROM orders",
                "INSERT INTO inventory VALUES (1, 2) ON DUPLICATE KEY UPDATE n = NEXTVAL(invoice)",
                "SELECT NEXTVAL(numbers), NEXTVAL(invoice)", "SELECT LASTVAL(numbers)"):
        code, text = refused(client, sql)
        assert code in (9001, 9002), (sql, code, text)
    assert value(client, "SELECT NEXTVAL(numbers)") == 1 and value(client, "SELECT NEXTVAL(invoice)") == 1000
    assert value(client, "SELECT NEXTVAL(invoice) /* waybill: shard=s3 */") == 1001
    client.close()


def test_many_at_once(stand):
    prepare(stand).close()
    seen, problems = [], []

    def run(number):
        try:
            client = stand.client(user="loader")
            for i in range(25):
                seen.append(value(client, "SELECT NEXTVAL(numbers)"))
                client.query(f"INSERT INTO orders (buyer_id, no) VALUES ({number * 100 + i}, NEXTVAL(invoice))")
            client.close()
        except Exception as error:  # told below
            problems.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems, problems
    client = stand.client(user="loader")
    numbers = {row[0] for row in client.query("SELECT no FROM orders").rows}
    assert len(set(seen)) == 100 and len(numbers) == 100, (sorted(seen), sorted(numbers))
    client.close()


def test_as_a_default(stand):
    client = prepare(stand)
    for table, sql in (("orders", "CREATE TABLE orders (buyer_id BIGINT PRIMARY KEY, no BIGINT DEFAULT NEXTVAL(shop.numbers))"),
                       ("products", "CREATE TABLE products (id BIGINT PRIMARY KEY DEFAULT NEXT VALUE FOR shop.numbers)"),
                       ("inventory", "CREATE TABLE inventory (id BIGINT PRIMARY KEY DEFAULT (1 + NEXTVAL(shop.numbers)))")):
        client.query(f"DROP TABLE {table}")
        assert refused(client, sql)[0] == 9001, sql
        for shard in ("s1a", "s2a", "s3a"):
            assert stand.direct(shard).query(f"SHOW TABLES LIKE '{table}'").rows == [], (shard, table)
    client.query("CREATE TABLE inventory (id BIGINT PRIMARY KEY, n BIGINT)")
    assert refused(client, "ALTER TABLE inventory ALTER n SET DEFAULT NEXTVAL(shop.numbers)")[0] == 9001
    client.query("DROP TABLE IF EXISTS notes")
    client.query("CREATE TABLE notes (id BIGINT PRIMARY KEY DEFAULT NEXTVAL(shop.numbers), t INT)")  # both are on s1
    client.query("INSERT INTO notes (t) VALUES (1), (2)")
    assert client.query("SELECT id FROM notes").rows == [("1",), ("2",)]
    client.query("DROP TABLE notes")
    client.close()


def test_its_server_fails(stand):
    """What the old primary has given nobody gets from the new one; waybill killed in between changes nothing."""
    client = prepare(stand)
    seen = [value(client, "SELECT NEXTVAL(invoice)") for _ in range(30)]
    stand.cluster("kill", "s3a")
    stand.wait_until(lambda: stand.try_query("SELECT NEXTVAL(shop.invoice) FROM DUAL WHERE 1 = 0"), 60, "another primary of s3")
    client = stand.client("loader")
    seen += [value(client, "SELECT NEXTVAL(invoice)") for _ in range(30)]
    os.kill(stand.waybill_pid(), signal.SIGKILL)
    stand.cluster("waybill", "stop", check=False)
    stand.start_waybill()
    stand.wait_until(lambda: stand.try_query("SELECT NEXTVAL(shop.invoice) FROM DUAL WHERE 1 = 0"), 60, "it answers again")
    client = stand.client("loader")
    seen += [value(client, "SELECT NEXTVAL(invoice)") for _ in range(30)]
    assert len(set(seen)) == 90, seen
