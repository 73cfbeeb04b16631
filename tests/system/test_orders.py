"""Orders: ids that carry their bucket, one shard for an order and its items, prepared statements routed by value."""

import wire

TABLES = """[table shop.orders]
key = buyer_id
id = order_id

[table shop.order_items]
with = shop.orders
id = order_id

[table shop.users]
key = buyer_id

[table shop.bills]
key = token
key_type = string
id = order_id

[table shop.products]
type = reference

[table shop.inventory]
type = unsharded
shard = s2
"""
CLUSTER = {"shards": 4, "replicas": 0, "tables": TABLES}


def prepare(stand):
    client = stand.client(user="loader")
    for table in ("orders", "order_items", "users", "bills", "products", "inventory"):
        client.query(f"DROP TABLE IF EXISTS {table}")
    client.query("CREATE TABLE orders (order_id BIGINT NOT NULL PRIMARY KEY, buyer_id BIGINT NOT NULL, note VARCHAR(50), KEY (buyer_id))")
    client.query("CREATE TABLE order_items (order_id BIGINT NOT NULL, no INT NOT NULL, what VARCHAR(50), PRIMARY KEY (order_id, no))")
    client.query("CREATE TABLE users (buyer_id BIGINT NOT NULL PRIMARY KEY, name VARCHAR(20))")
    client.query("CREATE TABLE bills (order_id BIGINT NOT NULL PRIMARY KEY, token VARCHAR(20) NOT NULL, amount INT)")
    client.query("CREATE TABLE products (id INT NOT NULL PRIMARY KEY, name VARCHAR(20))")
    client.query("CREATE TABLE inventory (id INT NOT NULL PRIMARY KEY, stock INT)")
    return client


def shards_with(stand, sql):
    """The shards on whose server the count is not 0."""
    found = []
    for shard in range(1, stand.shards + 1):
        direct = stand.direct(f"s{shard}a")
        if direct.query(sql).rows[0][0] != "0":
            found.append(shard)
        direct.close()
    return found


def refused(client, sql, code):
    try:
        client.query(sql)
    except wire.ServerError as error:
        assert error.code == code, f"{sql}: {error}"
        return error.message
    raise AssertionError(f"{sql} was not refused")


def test_ids_are_made_and_found(stand):
    client = prepare(stand)
    ids = {}
    for buyer in range(1, 61):
        result = client.query(f"INSERT INTO orders (buyer_id, note) VALUES ({buyer}, 'n{buyer}')")
        assert result.affected == 1 and 0 < result.insert_id < 1 << 63, vars(result)
        ids[buyer] = result.insert_id
        assert client.query("SELECT LAST_INSERT_ID()").rows[0][0] == str(result.insert_id)
        client.query(f"INSERT INTO order_items (order_id, no, what) VALUES (LAST_INSERT_ID(), 1, 'a'), (LAST_INSERT_ID(), 2, 'b')")
    assert len(set(ids.values())) == 60
    used = set()
    for buyer, order in ids.items():
        where = shards_with(stand, f"SELECT COUNT(*) FROM shop.orders WHERE buyer_id = {buyer}")
        assert len(where) == 1 and where == shards_with(stand, f"SELECT COUNT(*) FROM shop.order_items WHERE order_id = {order}")
        assert where[0] == ((order >> 10) & 4095) * 4 // 4096 + 1
        used.add(where[0])
        for condition in (f"buyer_id = {buyer}", f"order_id = {order}", f"buyer_id = {buyer} AND order_id = {order}"):
            assert client.query(f"SELECT note FROM orders WHERE {condition}").rows[0][0] == f"n{buyer}", condition
        rows = client.query(f"SELECT i.what FROM orders o JOIN order_items i ON i.order_id = o.order_id WHERE o.buyer_id = {buyer} ORDER BY i.no").rows
        assert [row[0] for row in rows] == ["a", "b"]
    assert used == {1, 2, 3, 4}
    assert client.query("SELECT COUNT(*) FROM orders").rows[0][0] == "60"
    newest = client.query("SELECT order_id FROM orders ORDER BY order_id DESC LIMIT 5").rows
    assert [int(row[0]) for row in newest] == sorted(ids.values(), reverse=True)[:5]


def test_tables_by_bucket_are_together(stand):
    """One map of buckets: equal keys, and equal ids, of any tables by bucket are on one shard."""
    client = prepare(stand)
    for buyer in range(1, 41):
        client.query(f"INSERT INTO users (buyer_id, name) VALUES ({buyer}, 'u{buyer}')")
        order = client.query(f"INSERT INTO orders (buyer_id, note) VALUES ({buyer}, 'n{buyer}')").insert_id
        client.query(f"INSERT INTO order_items (order_id, no, what) VALUES ({order}, 1, 'a')")
        bill = client.query(f"INSERT INTO bills (token, amount) VALUES ('t{buyer}', {buyer})").insert_id
        client.query(f"INSERT INTO order_items (order_id, no, what) VALUES ({bill}, 1, 'billed {buyer}')")
    rows = client.query("SELECT buyer_id, name, note FROM orders JOIN users USING (buyer_id) ORDER BY buyer_id").rows
    assert [tuple(row) for row in rows] == [(str(buyer), f"u{buyer}", f"n{buyer}") for buyer in range(1, 41)]
    rows = client.query("SELECT u.name FROM users u JOIN orders o ON o.buyer_id = u.buyer_id WHERE o.buyer_id = 7").rows
    assert [row[0] for row in rows] == ["u7"]
    rows = client.query("SELECT b.amount, i.what FROM bills b JOIN order_items i ON i.order_id = b.order_id ORDER BY b.amount").rows
    assert [tuple(row) for row in rows] == [(str(amount), f"billed {amount}") for amount in range(1, 41)]
    refused(client, "SELECT * FROM bills b JOIN users u ON u.buyer_id = b.token", 9001)


def test_ids_null_zero_default(stand):
    client = prepare(stand)
    for value in ("NULL", "0", "DEFAULT"):
        made = client.query(f"INSERT INTO orders (order_id, buyer_id) VALUES ({value}, 7)").insert_id
        assert client.query(f"SELECT buyer_id FROM orders WHERE order_id = {made}").rows[0][0] == "7", value
    first = client.query("INSERT INTO orders (buyer_id) VALUES (8), (8), (8)").insert_id
    ids = [int(row[0]) for row in client.query("SELECT order_id FROM orders WHERE buyer_id = 8 ORDER BY order_id").rows]
    assert len(ids) == 3 and ids[0] == first


def test_ids_of_another_bucket_are_refused(stand):
    client = prepare(stand)
    made = client.query("INSERT INTO orders (buyer_id) VALUES (7)").insert_id
    other = made ^ (1 << 12)
    message = refused(client, f"INSERT INTO orders (order_id, buyer_id) VALUES ({other}, 7)", 9003)
    assert "bucket" in message
    client.query(f"INSERT INTO orders (order_id, buyer_id) VALUES ({made + 1}, 7)")
    assert client.query("SELECT COUNT(*) FROM orders WHERE buyer_id = 7").rows[0][0] == "2"


def test_ids_in_prepared_statements(stand):
    client = prepare(stand)
    without = client.prepare("INSERT INTO orders (buyer_id, note) VALUES (?, ?)")
    given = client.prepare("INSERT INTO orders (order_id, buyer_id, note) VALUES (?, ?, ?)")
    by_id = client.prepare("SELECT buyer_id, note FROM orders WHERE order_id = ?")
    by_buyer = client.prepare("SELECT order_id FROM orders WHERE buyer_id = ? ORDER BY order_id LIMIT ?")
    for buyer in range(1, 31):
        first = client.execute(without, [buyer, f"w{buyer}"]).insert_id
        second = client.execute(given, [None, buyer, "null id"]).insert_id
        third = client.execute(given, [0, buyer, "zero id"]).insert_id
        assert [tuple(row) for row in client.execute(by_id, [first]).rows] == [(buyer, f"w{buyer}")]
        assert [row[0] for row in client.execute(by_buyer, [buyer, 10]).rows] == sorted((first, second, third))
        assert [row[0] for row in client.execute(by_buyer, [str(buyer), 1]).rows] == [min(first, second, third)]
    count = client.prepare("SELECT COUNT(*) FROM orders WHERE note = ?")
    assert client.execute(count, ["null id"]).rows[0][0] == 30


def test_prepared_scatter_with_limit_parameters(stand):
    client = prepare(stand)
    for buyer in range(1, 41):
        client.query(f"INSERT INTO orders (buyer_id, note) VALUES ({buyer}, 'x')")
    page = client.prepare("SELECT buyer_id FROM orders ORDER BY buyer_id LIMIT ? OFFSET ?")
    assert [row[0] for row in client.execute(page, [5, 10]).rows] == [11, 12, 13, 14, 15]
    assert [row[0] for row in client.execute(page, [2, 0]).rows] == [1, 2]
    assert client.execute(page, [5, 100]).rows == []


def test_many_prepared_statements_and_long_data(stand):
    client = prepare(stand)
    statements = [client.prepare(f"SELECT {i}, note FROM orders WHERE buyer_id = ?") for i in range(400)]
    client.query("INSERT INTO orders (buyer_id, note) VALUES (5, 'five')")
    for i, statement in enumerate(statements):
        assert [tuple(row) for row in client.execute(statement, [5]).rows] == [(i, "five")]
    for statement in statements:
        client.close_statement(statement)
    insert = client.prepare("INSERT INTO orders (buyer_id, note) VALUES (?, ?)")
    client.send_long_data(insert, 1, b"long ")
    client.send_long_data(insert, 1, b"data")
    client.execute(insert, [6, ""], long_data=(1,))
    assert client.query("SELECT note FROM orders WHERE buyer_id = 6").rows[0][0] == "long data"
    try:
        client.execute(statements[0], [5])
        raise AssertionError("a closed statement was executed")
    except wire.ServerError as error:
        assert error.code == 1243, error


def two_buyers_on_two_shards(client):
    ids = {}
    for buyer in range(1, 30):
        ids[buyer] = client.query(f"INSERT INTO orders (buyer_id) VALUES ({buyer})").insert_id >> 20 & 3
    one = next(iter(ids))
    return one, next(buyer for buyer in ids if ids[buyer] != ids[one])


def test_transaction_over_two_shards(stand):
    prepare(stand).close()
    client = stand.client()
    one, two = two_buyers_on_two_shards(client)
    client.query("BEGIN")
    client.query(f"UPDATE orders SET note = 'one' WHERE buyer_id = {one}")
    assert "shard" in refused(client, f"UPDATE orders SET note = 'two' WHERE buyer_id = {two}", 9002)
    assert client.query(f"SELECT note FROM orders WHERE buyer_id = {two}").rows[0][0] is None
    client.query("COMMIT")
    assert client.query(f"SELECT note FROM orders WHERE buyer_id = {one}").rows[0][0] == "one"
    loader = stand.client(user="loader")
    loader.query("BEGIN")
    loader.query(f"UPDATE orders SET note = 'l1' WHERE buyer_id = {one}")
    loader.query(f"UPDATE orders SET note = 'l2' WHERE buyer_id = {two}")
    loader.query("ROLLBACK")
    assert client.query(f"SELECT COUNT(*) FROM orders WHERE note LIKE 'l_'").rows[0][0] == "0"
    loader.query("BEGIN")
    loader.query(f"UPDATE orders SET note = 'l1' WHERE buyer_id = {one}")
    loader.query(f"UPDATE orders SET note = 'l2' WHERE buyer_id = {two}")
    loader.query("COMMIT")
    assert client.query(f"SELECT COUNT(*) FROM orders WHERE note LIKE 'l_'").rows[0][0] == "2"


def test_best_effort_writes(stand):
    client = prepare(stand)
    rows = ", ".join(f"({buyer}, 'many')" for buyer in range(1, 41))
    result = client.query(f"INSERT INTO orders (buyer_id, note) VALUES {rows}")
    assert result.affected == 40 and "Records: 40" in result.message, vars(result)
    assert len(shards_with(stand, "SELECT COUNT(*) FROM shop.orders")) == 4
    result = client.query("UPDATE orders SET note = 'all'")
    assert result.affected == 40 and "Rows matched: 40" in result.message, vars(result)
    assert client.query("DELETE FROM orders WHERE buyer_id <= 10").affected == 10
    client.query("INSERT INTO products VALUES (1, 'everywhere')")
    assert shards_with(stand, "SELECT COUNT(*) FROM shop.products") == [1, 2, 3, 4]
    client.query("INSERT INTO inventory VALUES (1, 1)")
    for shard in (1, 2, 3, 4):
        tables = "SELECT COUNT(*) FROM information_schema.tables WHERE table_name = 'inventory'"
        assert stand.direct(f"s{shard}a").query(tables).rows[0][0] == ("1" if shard == 2 else "0"), shard
    assert stand.direct("s2a").query("SELECT COUNT(*) FROM shop.inventory").rows[0][0] == "1"


def test_explain_route(stand):
    rows = stand.admin("EXPLAIN ROUTE SELECT * FROM shop.orders WHERE buyer_id = 5")
    assert len(rows) >= 1 and "s" in str(rows[0])


def test_state_follows_the_session(stand):
    """Many sessions with different settings over few backends: nobody sees another's."""
    clients = []
    for i in range(20):
        client = stand.client()
        client.query(f"SET @mine = {i}")
        client.query(f"SET time_zone = '+{i % 12:02}:00'")
        client.query("USE waybill" if i % 3 == 0 else "USE shop")
        clients.append(client)
    for turn in range(3):
        for i, client in enumerate(clients):
            row = client.query("SELECT @mine, @@time_zone, DATABASE()").rows[0]
            assert list(row) == [str(i), f"+{i % 12:02}:00", "waybill" if i % 3 == 0 else "shop"], (turn, i, row)
    fresh = stand.client()
    assert fresh.query("SELECT @mine").rows[0][0] is None
