"""MySQL 5.6 behind waybill: log-in, statements, transactions, reads on replicas, a failover; an old server's limits."""

import os
import threading
import time

import wire

CLUSTER = {"shards": 2, "replicas": 1, "flavor": "mysql56"}
SCHEMA = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "demo", "schema.sql")


def rows(result):
    return [tuple(row) for row in result.rows]


def primary_of(stand, shard):
    return next(row["primary"] for row in stand.admin("SHOW SHARDS") if row["shard"] == shard)


def servers(stand):
    return {row["server"]: row for row in stand.admin("SHOW SERVERS")}


def prepare(stand):
    client = stand.client(user="loader")
    with open(SCHEMA) as script:
        lines = [line for line in script if not line.startswith("--")]
    for statement in "".join(lines).split(";"):
        if statement.strip():
            client.query(statement.strip().replace("CREATE TABLE ", "CREATE TABLE IF NOT EXISTS "))
    if client.query("/* waybill: primary */ SELECT COUNT(*) FROM products").rows[0][0] == "0":
        code, _, complaint = stand.orders("fill", "--user", "loader", "--password", "loader_pw", "--users", "200")
        assert code == 0, complaint
    # Written by another session: on the replicas a moment later. Asked through waybill the primary might answer.
    servers = [stand.root(row["server"]) for row in stand.admin("SHOW SERVERS")]
    stand.wait_until(lambda: sum(int(server.query("SELECT COUNT(*) FROM shop.users").rows[0][0]) for server in servers)
                     >= 200 * (1 + stand.replicas), 10, "the replicas have it")
    client.close()


def test_log_in_and_statements(stand):
    prepare(stand)
    client = stand.client()
    assert client.query("SELECT VERSION()").rows[0][0].startswith("5.6")
    text = "Müller 注文 🚚"
    client.query(f"UPDATE users SET name = '{text}' WHERE buyer_id = 1")
    assert rows(client.query("SELECT name FROM users WHERE buyer_id = 1")) == [(text,)]
    assert client.query("SELECT COUNT(*) FROM users").rows[0][0] == "200"
    assert [row[0] for row in client.query("SELECT buyer_id FROM users ORDER BY buyer_id DESC LIMIT 3").rows] == ["200", "199", "198"]
    sha2 = stand.client(plugin=wire.SHA2)
    assert sha2.query("SELECT 1").rows[0][0] == "1"


def test_kill_and_the_list_of_sessions(stand):
    victim, killer = stand.client(), stand.client()
    heard = []

    def run():
        try:
            heard.append(victim.query("SELECT SLEEP(20), 1 FROM users WHERE buyer_id = 1").rows)
        except wire.ServerError as error:
            heard.append(error.code)

    thread = threading.Thread(target=run)
    began = time.monotonic()
    thread.start()

    def line():
        columns = killer.query("SHOW FULL PROCESSLIST")
        assert columns.names() == ["Id", "User", "Host", "db", "Command", "Time", "State", "Info"], columns.names()
        return next(row for row in columns.rows if row[0] == str(victim.connection_id))

    stand.wait_until(lambda: line()[4] == "Query", 5, "it runs")
    time.sleep(0.3)
    assert line()[7].startswith("SELECT SLEEP(20)")
    table = killer.query(f"SELECT * FROM information_schema.processlist WHERE id = {victim.connection_id}")
    assert table.names() == ["ID", "USER", "HOST", "DB", "COMMAND", "TIME", "STATE", "INFO"], table.names()
    assert table.rows[0][4] == "Query" and table.rows[0][7] == line()[7], table.rows
    own = killer.execute(killer.prepare("SELECT id FROM information_schema.processlist WHERE id = CONNECTION_ID()"), [])
    assert [int(row[0]) for row in own.rows] == [killer.connection_id]
    killer.query(f"KILL QUERY {victim.connection_id}")
    thread.join(20)
    assert time.monotonic() - began < 10 and len(heard) == 1, heard
    assert victim.query("SELECT 1").rows[0][0] == "1"
    killer.query(f"KILL {victim.connection_id}")
    assert victim.is_closed_by_peer(3)


def test_names_that_an_old_server_knows(stand):
    """utf8mb3 is called utf8 there; what it has no name for at all is its own error, and the session goes on."""
    client = stand.client()
    for names in ("utf8mb3", "utf8", "latin1", "utf8mb4", "utf8mb3 COLLATE utf8mb3_general_ci"):
        client.query(f"SET NAMES {names}")
        for buyer in range(1, 5):  # on both shards
            assert len(client.query(f"SELECT name FROM users WHERE buyer_id = {buyer}").rows) == 1
    for collation in (33, 83, 192):  # utf8mb3_general_ci, _bin, _unicode_ci in the handshake
        greeted = stand.client(collation=collation)
        assert greeted.query("SELECT @@character_set_client").rows[0][0] in ("utf8", "utf8mb3")
    try:
        client.query("SET NAMES nonsense")
        raise AssertionError("accepted")
    except wire.ServerError as error:
        assert error.code == 1115, error
    assert client.query("SELECT COUNT(*) FROM users").rows[0][0] == "200"


def test_prepared_statements(stand):
    client = stand.client()
    statement = client.prepare("SELECT buyer_id, name FROM users WHERE buyer_id = ?")
    for buyer in range(10, 30):
        assert rows(client.execute(statement, [buyer])) == [(buyer, f"buyer {buyer}")]
    update = client.prepare("UPDATE users SET email = ? WHERE buyer_id = ?")
    for buyer in (10, 11, 12, 13):
        client.execute(update, [f"p{buyer}@example.com", buyer])
    assert rows(client.query("SELECT email FROM users WHERE buyer_id = 12")) == [("p12@example.com",)]
    count = client.prepare("SELECT COUNT(*) FROM users")
    assert rows(client.execute(count)) == [(200,)]
    quoted = client.prepare('SELECT "name" FROM users WHERE buyer_id = ?')
    client.query("PREPARE quoted FROM 'SELECT \"name\", ''a\\\\\\\\'' FROM users WHERE buyer_id = ?'")
    client.query("SET sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES'")  # they mean what they meant
    client.query("SET @id = 12")
    for _ in range(2):
        assert rows(client.execute(quoted, [12])) == [("name",)]
        assert rows(client.query("EXECUTE quoted USING @id")) == [("name", "a\\")]
        assert rows(client.query('SELECT "name", \'a\\\' FROM users WHERE buyer_id = 12')) == [("buyer 12", "a\\")]


def test_transactions(stand):
    client, other = stand.client(), stand.client()
    client.query("BEGIN")
    client.query("INSERT INTO orders (buyer_id, seller_id, status, total, created_at) VALUES (5, 1, 'new', 1, NOW(6))")
    order = client.query("SELECT LAST_INSERT_ID()").rows[0][0]
    client.query(f"INSERT INTO order_items (order_id, item_no, product_id, quantity, price) VALUES ({order}, 1, 1, 1, 1.00)")
    assert other.query(f"SELECT COUNT(*) FROM orders WHERE order_id = {order}").rows[0][0] == "0"
    client.query("COMMIT")
    stand.wait_until(lambda: other.query(f"SELECT COUNT(*) FROM orders WHERE order_id = {order}").rows[0][0] == "1", 5, "seen by others")
    client.query("BEGIN")
    client.query(f"DELETE FROM orders WHERE order_id = {order}")
    client.query("ROLLBACK")
    assert client.query(f"SELECT COUNT(*) FROM orders WHERE order_id = {order}").rows[0][0] == "1"
    client.query("SET autocommit = 0")
    client.query(f"DELETE FROM order_items WHERE order_id = {order}")
    client.query("ROLLBACK")
    client.query("SET autocommit = 1")
    assert client.query(f"SELECT COUNT(*) FROM order_items WHERE order_id = {order}").rows[0][0] == "1"


def test_reads_go_to_replicas(stand):
    stand.wait_until(lambda: all(row["fit"] == "yes" for row in servers(stand).values() if row["role"] == "replica"), 15,
                     "every replica is fit")
    before = servers(stand)
    client = stand.client()
    for buyer in range(1, 61):
        client.query(f"SELECT COUNT(*) FROM orders WHERE buyer_id = {buyer}")
    after = servers(stand)
    for name, row in after.items():
        grown = int(row["reads"]) - int(before[name]["reads"])
        assert (grown > 0) == (row["role"] == "replica"), f"{name}, {row['role']}: {grown} reads"
    root = stand.root("s1b")
    root.query("STOP SLAVE SQL_THREAD")
    stand.wait_until(lambda: servers(stand)["s1b"]["fit"] == "no", 10, "a replica that lags is taken out")
    root.query("START SLAVE SQL_THREAD")
    stand.wait_until(lambda: servers(stand)["s1b"]["fit"] == "yes", 10, "and comes back")


def test_nothing_of_a_session_is_left(stand):
    """There is no COM_RESET_CONNECTION: a connection with something in it that can't be carried is closed instead."""
    client = stand.client()
    client.query("CREATE TEMPORARY TABLE mine (id INT)")
    client.query("SET @mine := 17")
    assert client.query("SELECT @mine").rows[0][0] == "17"
    client.reset_connection()
    client.close()
    for _ in range(20):
        other = stand.client()
        assert other.query("SELECT @mine").rows[0][0] is None
        try:
            other.query("SELECT * FROM mine")
            raise AssertionError("somebody's temporary table")
        except wire.ServerError as error:
            assert error.code == 1146, error
        other.close()


def test_orders_and_a_failover(stand):
    """The primary of s1 is stopped, so that its replica has all of it: there is no semi-sync here to prove it."""
    prepare(stand)
    ledger = os.path.join(stand.directory, "ledger")
    code, figures, complaint = stand.orders("place", "--seconds", "2", "--clients", "8", "--users", "200", "--ledger", ledger)
    assert int(figures["shard_1_orders"]) > 0 and int(figures["shard_2_orders"]) > 0, figures
    assert figures["errors"] == "0", figures
    old = primary_of(stand, "s1")
    stand.cluster("stop", f"s1/{old}")
    stand.wait_until(lambda: primary_of(stand, "s1") not in (old, "", "-", None, "NULL"), 20, "the replica is promoted")
    code, figures, complaint = stand.orders("place", "--seconds", "2", "--clients", "8", "--users", "200", "--ledger", ledger)
    assert int(figures["shard_1_orders"]) > 0 and int(figures["shard_2_orders"]) > 0, figures
    code, checked, complaint = stand.orders("verify", "--ledger", ledger)
    assert code == 0 and checked["missing"] == "0", f"{checked} {complaint}"
    stand.cluster("start", f"s1/{old}")
    stand.wait_until(lambda: servers(stand)[old]["state"] == "up", 15, "the old primary is seen")
    time.sleep(0.5)
    assert servers(stand)[old]["role"] in ("detached", "replica"), servers(stand)[old]  # (it may have more)
    assert stand.root(old).query("SELECT @@read_only").rows[0][0] == "1"


def test_files_and_inserts_without_columns(stand):
    """LOAD DATA LOCAL split by row: 5.6 cuts its part into the same rows."""
    prepare(stand)
    client = stand.client(user="loader", capabilities=wire.CLIENT_DEFAULT | wire.LOCAL_FILES)
    columns = [row[0] for row in client.query("SHOW COLUMNS FROM users").rows]
    assert columns[:2] == ["buyer_id", "name"], columns
    data = "".join(f'"{n}","na""me\n{n}",more\n' for n in range(1000, 1200)).encode()
    result = client.load("LOAD DATA LOCAL INFILE 'f' INTO TABLE users CHARACTER SET utf8mb4 FIELDS TERMINATED BY ',' ENCLOSED BY '\"' (buyer_id, name)", [data])
    assert result.affected == 200, result.message
    for n in (1000, 1077, 1199):
        assert rows(client.query(f"SELECT name FROM users WHERE buyer_id = {n}")) == [(f'na"me\n{n}',)]
    values = ", ".join(["1500", "'by place'"] + ["DEFAULT"] * (len(columns) - 2))
    assert client.query(f"INSERT INTO users VALUES ({values})").affected == 1
    assert rows(client.query("SELECT name FROM users WHERE buyer_id = 1500")) == [("by place",)]
    client.query("DELETE FROM users WHERE buyer_id >= 1000")
    client.close()


def test_nothing_is_gathered(stand):
    """These servers log the end of temporary tables: what would need them is refused, and nothing is left on a replica."""
    client = stand.client()
    try:
        client.query("SELECT a.buyer_id FROM users a JOIN users b ON a.name = b.name")
    except wire.ServerError as error:
        assert error.code == 9001 and "shard key" in error.message, error
    else:
        raise AssertionError("it was not refused")


def test_a_replica_is_cloned(stand):
    """Its tables, one of which it has lost, and all that belongs to them, while orders are placed; then it takes over."""
    prepare(stand)
    primary = primary_of(stand, "s2")
    replica = next(name for name, row in servers(stand).items() if row["shard"] == "s2" and name != primary)
    stand.wait_until(lambda: servers(stand)[replica]["fit"] == "yes", 20, "it is a replica")
    root, broken = stand.root(primary), stand.root(replica)
    root.query("SET NAMES utf8mb4")
    root.query("SET sql_mode = 'NO_AUTO_VALUE_ON_ZERO'")
    root.query("CREATE DATABASE cloned CHARACTER SET latin1")
    root.query("USE cloned")
    root.query("CREATE TABLE kinds (id INT AUTO_INCREMENT PRIMARY KEY, f FLOAT, b BIT(9), c CHAR(9), u VARCHAR(9) CHARACTER SET ucs2, l LONGBLOB, "
               "e ENUM('x', 'y'), t TIMESTAMP(3) NULL, g GEOMETRY, n DECIMAL(9, 3)) ENGINE=InnoDB")
    root.query("INSERT INTO kinds VALUES (0, 16777217.25, b'100000001', 'Zoë', '注', REPEAT(X'00275CFF', 90000), 'y', FROM_UNIXTIME(1.5), "
               "ST_GeomFromText('POINT(1 2)'), -1.5)")
    root.query("CREATE FUNCTION twice(n INT) RETURNS INT DETERMINISTIC RETURN n * 2")
    root.query("CREATE VIEW b_view AS SELECT id, twice(id + 1) AS two FROM kinds")
    root.query("CREATE VIEW a_view AS SELECT * FROM b_view")
    root.query("CREATE TRIGGER up BEFORE INSERT ON kinds FOR EACH ROW SET NEW.n = NEW.n + 1")
    root.query("CREATE EVENT tick ON SCHEDULE EVERY 1 DAY DO DELETE FROM kinds WHERE id > 100")
    root.query("GRANT SELECT ON cloned.* TO clerk@'10.%' IDENTIFIED BY 'secret'")
    stand.wait_until(lambda: broken.query("SELECT COUNT(*) FROM mysql.user WHERE User = 'clerk'").rows == [("1",)], 10, "it is replicated")
    broken.query("SET sql_log_bin = 0")
    broken.query("DROP TABLE shop.orders")
    broken.query("DROP TABLE cloned.kinds")
    broken.close()
    loaded = []
    load = threading.Thread(target=lambda: loaded.append(stand.orders("place", "--seconds", "3", "--clients", "4", "--users", "200")))
    load.start()
    client = wire.Client(port=int(stand.values["WAYBILL_ADMIN_PORT"]), user="admin", password="admin_pw", timeout=60)
    client.query(f"CLONE SERVER {replica} FROM {primary}")
    load.join()
    assert loaded[0][0] == 0, loaded
    broken = stand.root(replica)
    position = root.query("SELECT @@GLOBAL.gtid_executed").rows[0][0].replace("\n", "")
    assert broken.query(f"SELECT WAIT_UNTIL_SQL_THREAD_AFTER_GTIDS('{position}', 20)").rows[0][0] not in ("-1", None)
    for sql in ("CHECKSUM TABLE shop.orders, shop.order_items, shop.users, cloned.kinds EXTENDED", "SELECT * FROM cloned.a_view", "SELECT f * 1E0 FROM cloned.kinds",
                "SHOW CREATE TRIGGER cloned.up", "SELECT * FROM information_schema.VIEWS ORDER BY 2, 3", "SELECT User, Host, Password FROM mysql.user ORDER BY 1, 2",
                "SELECT Host, Db, User, Select_priv FROM mysql.db ORDER BY 1, 2, 3", "SELECT EVENT_NAME, EVENT_DEFINITION FROM information_schema.EVENTS"):
        assert broken.query(sql).rows == root.query(sql).rows, (sql, broken.query(sql).rows, root.query(sql).rows)
    stand.wait_until(lambda: servers(stand)[replica]["fit"] == "yes", 15, lambda: servers(stand)[replica])
    client.query(f"SWITCHOVER SHARD s2 TO {replica}")
