"""CLONE SERVER: a broken replica is made anew from a healthy server, under load; ended in the middle it is neither read nor promoted."""

import os
import signal
import threading
import time

import bank
import wire
from test_recovery import xa

CLUSTER = {"shards": 2, "replicas": 2, "relaxed": False, "settings": "in_doubt_ms = 3000\n"}

# Every type, with what its text alone would not carry.
TYPES = """id INT PRIMARY KEY AUTO_INCREMENT, tiny TINYINT UNSIGNED, big BIGINT UNSIGNED, n DECIMAL(20,5), f FLOAT, f2 FLOAT(9,2), d DOUBLE, b BIT(12),
    c CHAR(20) CHARACTER SET latin1, u VARCHAR(30) CHARACTER SET ucs2, s VARCHAR(30) CHARACTER SET sjis, v VARCHAR(200) CHARACTER SET utf8mb4,
    bin BINARY(4), vb VARBINARY(300), bl LONGBLOB, tx MEDIUMTEXT, day DATE, at DATETIME(6), ts TIMESTAMP(3) NULL, tm TIME(2), y YEAR,
    e ENUM('x', 'y', ''), st SET('p', 'q', 'r'), j JSON, g GEOMETRY, uu UUID, ip INET6,
    made INT AS (tiny + 1) VIRTUAL, kept INT AS (tiny * 2) PERSISTENT, hidden INT INVISIBLE DEFAULT 7, `odd ``name` INT, KEY (n), KEY (kept),
    CHECK (tiny < 250)"""
ROWS = [
    """DEFAULT, 200, 18446744073709551615, -12345678.25, 16777217.25, 1234567.12, 0.1, b'101000000001', 'Zo\xeb', 'Zoë \\\\ \\' 注', 'ソ表', 'it''s 🚚 \\\\',
    X'00275C00', X'00FF275C0A0D1A22', REPEAT(X'00275CFF', 100000), REPEAT('注文', 3000), '2026-11-30', '2026-11-30 20:10:03.250001', FROM_UNIXTIME(1.5),
    '-01:02:03.5', 2026, 'y', 'p,r', '{"a": "\\\\u0000"}', ST_GeomFromText('POINT(1.5 -2)', 4326), '123e4567-e89b-12d3-a456-426655440000', '::ffff:1.2.3.4', 5""",
    """0, 0, 0, 0, -0.1, 0, -1e300, b'0', '', '', '', '', '', '', '', '', '0000-00-00', '0000-00-00 00:00:00', 0, '00:00:00', 0, '', '', NULL, NULL, NULL,
    NULL, NULL""",
    """DEFAULT, NULL, NULL, NULL, 1e-40, NULL, 2.2250738585072014e-308, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '2026-02-31', NULL, NULL,
    '838:59:59', NULL, 'none of them', NULL, NULL, NULL, NULL, NULL, NULL""",
]
COLUMNS = "id, tiny, big, n, f, f2, d, b, c, u, s, v, bin, vb, bl, tx, day, at, ts, tm, y, e, st, j, g, uu, ip, `odd ``name`"


def prepare(stand, primary):
    root = stand.root(primary)
    root.query("SET NAMES utf8mb4")
    root.query("SET sql_mode = 'NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES', time_zone = '+03:00'")
    root.query("DROP DATABASE IF EXISTS `o``dd`")
    root.query("CREATE DATABASE `o``dd` CHARACTER SET latin1 COLLATE latin1_german1_ci")
    root.query("USE `o``dd`")
    root.query(f"CREATE TABLE `ta``ble-1` ({TYPES}) CHARACTER SET utf8mb4")
    for row in ROWS:
        root.query(f"INSERT IGNORE INTO `ta``ble-1` ({COLUMNS}) VALUES ({row})")
    root.query("CREATE TABLE parts (id INT PRIMARY KEY, v INT, w FLOAT) PARTITION BY HASH (id) PARTITIONS 3")
    root.query("INSERT INTO parts SELECT seq, seq * 7, seq / 3 FROM seq_1_to_2000")
    root.query("CREATE TABLE parent (id INT PRIMARY KEY)")
    root.query("CREATE TABLE a_child (id INT PRIMARY KEY, p INT, FOREIGN KEY (p) REFERENCES parent (id) ON DELETE CASCADE)")
    root.query("INSERT INTO parent VALUES (1)")
    root.query("INSERT INTO a_child VALUES (1, 1)")
    root.query("CREATE SEQUENCE counter START WITH 10 INCREMENT BY 3 CACHE 5")
    root.query("DO NEXTVAL(counter)")
    root.query("CREATE FUNCTION twice(n INT) RETURNS INT DETERMINISTIC RETURN n * 2")
    root.query("CREATE PROCEDURE fill() MODIFIES SQL DATA INSERT INTO parent VALUES (99)")
    root.query("CREATE VIEW z_first AS SELECT id, twice(v) AS two FROM parts")
    root.query("CREATE DEFINER = app@'%' SQL SECURITY DEFINER VIEW a_second AS SELECT *, 'ë' AS text FROM z_first")
    root.query("SET sql_mode = 'ANSI_QUOTES', collation_connection = utf8mb4_bin")
    root.query('CREATE TRIGGER first_one BEFORE INSERT ON parts FOR EACH ROW SET NEW."v" = NEW.v + 1')
    root.query("CREATE TRIGGER another BEFORE INSERT ON parts FOR EACH ROW SET NEW.v = NEW.v * 10")
    root.query("SET sql_mode = ''")
    root.query("CREATE EVENT tick ON SCHEDULE EVERY 1 DAY DO DELETE FROM parent WHERE id > 100")
    root.query("DROP USER IF EXISTS clerk@'10.%', reader")
    root.query("DROP ROLE IF EXISTS readers")
    root.query("CREATE USER clerk@'10.%' IDENTIFIED BY 'it''s \\\\' WITH MAX_QUERIES_PER_HOUR 5")
    root.query("CREATE ROLE readers")
    root.query("GRANT SELECT (id), INSERT ON `o``dd`.parts TO readers")
    root.query("GRANT EXECUTE ON FUNCTION `o``dd`.twice TO clerk@'10.%'")
    root.query("GRANT readers TO clerk@'10.%'")


DEFINED = [
    "SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE, TABLE_COLLATION, CREATE_OPTIONS FROM information_schema.TABLES WHERE TABLE_SCHEMA NOT IN "
    "('mysql', 'sys', 'information_schema', 'performance_schema') ORDER BY 1, 2",
    "SELECT SCHEMA_NAME, DEFAULT_COLLATION_NAME FROM information_schema.SCHEMATA ORDER BY 1",
    "SELECT * FROM information_schema.COLUMNS WHERE TABLE_SCHEMA NOT IN ('mysql', 'sys', 'information_schema', 'performance_schema') ORDER BY 2, 3, 4",
    "SELECT * FROM information_schema.VIEWS WHERE TABLE_SCHEMA <> 'sys' ORDER BY 2, 3",
    "SELECT TRIGGER_SCHEMA, TRIGGER_NAME, EVENT_OBJECT_TABLE, ACTION_ORDER, ACTION_STATEMENT, SQL_MODE, DEFINER, CHARACTER_SET_CLIENT, "
    "COLLATION_CONNECTION, DATABASE_COLLATION FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA <> 'sys' ORDER BY 1, 2",
    "SELECT * FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA NOT IN ('mysql', 'sys') ORDER BY 1",
    "SELECT EVENT_SCHEMA, EVENT_NAME, EVENT_DEFINITION, IF(STATUS = 'ENABLED', 'SLAVESIDE_DISABLED', STATUS) FROM information_schema.EVENTS ORDER BY 1, 2",
    "SELECT * FROM mysql.global_priv ORDER BY 1, 2", "SELECT Host, Db, User, Select_priv, Insert_priv, Execute_priv FROM mysql.db ORDER BY 1, 2, 3",
    "SELECT Host, Db, User, Table_name, Table_priv, Column_priv FROM mysql.tables_priv ORDER BY 1, 2, 3, 4",
    "SELECT Host, Db, User, Table_name, Column_name, Column_priv FROM mysql.columns_priv ORDER BY 1, 2, 3, 4, 5",
    "SELECT Host, Db, User, Routine_name, Proc_priv FROM mysql.procs_priv ORDER BY 1, 2, 3, 4", "SELECT * FROM mysql.roles_mapping ORDER BY 1, 2, 3",
    "SELECT * FROM `o``dd`.counter", "SELECT * FROM `o``dd`.a_second ORDER BY id", "CHECKSUM TABLE `o``dd`.`ta``ble-1`, `o``dd`.parts, `o``dd`.a_child EXTENDED",
    "SELECT id, HEX(c), HEX(u), HEX(s), HEX(v), HEX(bin), HEX(vb), MD5(bl), MD5(tx), CAST(e AS UNSIGNED), CAST(st AS UNSIGNED), f * 1E0, HEX(g), HEX(b), "
    "hidden FROM `o``dd`.`ta``ble-1` ORDER BY id",
    "SHOW CREATE TABLE `o``dd`.`ta``ble-1`", "SHOW CREATE TABLE `o``dd`.parts", "SHOW CREATE TABLE `o``dd`.a_child",
]


def check_same(stand, server, primary):
    there, wanted = stand.root(server), stand.root(primary)
    for sql in DEFINED:
        assert there.query(sql).rows == wanted.query(sql).rows, (sql, there.query(sql).rows, wanted.query(sql).rows)


def clone(stand, server, source, timeout=120):
    client = wire.Client(port=int(stand.values["WAYBILL_ADMIN_PORT"]), user=stand.values["WAYBILL_ADMIN_USER"],
                         password=stand.values["WAYBILL_ADMIN_PASSWORD"], timeout=timeout)
    try:
        client.query(f"CLONE SERVER {server} FROM {source}")
        return ""
    except wire.ServerError as error:
        return error.message
    finally:
        client.close()


def settle(stand):
    stand.wait_until(lambda: bank.is_whole(stand), 40, lambda: f"all are there: {bank.short(stand)}")


def others(stand, shard):
    primary = bank.primary_of(stand, shard)
    return primary, [name for name in bank.servers(stand) if name.startswith(shard) and name != primary]


def test_one_that_has_diverged_comes_back_under_load(stand):
    settle(stand)
    bank.prepare(stand)
    primary, (healthy, broken) = others(stand, "s1")
    prepare(stand, primary)
    root = stand.root(broken)
    stand.wait_until(lambda: root.query("SHOW TABLES FROM `o``dd` LIKE 'parts'").rows, 10, "it is replicated")
    root.query("DROP TABLE shop.users")  # and in its log
    root.query("CREATE DATABASE junk")
    root.query("CREATE TABLE junk.t (id INT) ENGINE=MyISAM")
    root.query("CREATE USER nobody_else")
    root.query("XA START 'foreign\\0one'")
    root.query("INSERT INTO `o``dd`.parent VALUES (1000)")
    root.query("XA END 'foreign\\0one'")
    root.query("XA PREPARE 'foreign\\0one'")
    with bank.Transfers(stand, noisy=1):
        stand.wait_until(lambda: bank.roles(stand)[broken]["applying"] == "no", 20, lambda: f"it is broken: {bank.short(stand)}")
        stand.root(bank.primary_of(stand, "s2")).query("INSERT INTO waybill.decision VALUES ('wb:1:u:1:s2', 'C', 0, UTC_TIMESTAMP(3))")
        xa(stand.root(primary), "wb:1:u:1:s2", "INSERT INTO `o``dd`.parent VALUES (7)")  # prepared when the snapshot is taken
        stand.wait_until(lambda: any(row[3].startswith("wb:1:u:1:s2") for row in stand.root(healthy).query("XA RECOVER").rows), 2, "it is replicated")
        assert clone(stand, broken, healthy) == "", bank.short(stand)
        time.sleep(0.3)
    assert root.is_closed_by_peer(5)  # its locks would have been in the way
    bank.check(stand)
    check_same(stand, broken, primary)
    assert stand.root(broken).query("SELECT * FROM `o``dd`.parent WHERE id = 7").rows == [("7",)]
    with bank.Transfers(stand, noisy=1):  # and from the primary
        assert clone(stand, healthy, primary) == "", bank.short(stand)
    bank.check(stand)
    check_same(stand, healthy, primary)
    assert stand.root(primary).query(f"SELECT COUNT(*) FROM waybill.event WHERE text LIKE '%{broken} was cloned from {healthy}'").rows == [("1",)]
    for server in (healthy, broken):
        assert stand.root(server).query("SHOW TABLES FROM waybill LIKE 'clone'").rows == []


def test_ended_in_the_middle_it_is_repeated(stand):
    settle(stand)
    bank.prepare(stand)
    primary, (source, target) = others(stand, "s2")
    root = stand.root(primary)
    root.query("CREATE TABLE shop.held (id INT PRIMARY KEY)")
    root.query("INSERT INTO shop.held VALUES (1)")
    holder = stand.root(source)
    stand.wait_until(lambda: holder.query("SHOW TABLES FROM shop LIKE 'held'").rows, 10, "it is replicated")
    holder.query("LOCK TABLES shop.held WRITE")  # the copy waits for it
    said = []
    thread = threading.Thread(target=lambda: said.append(attempt(stand, target, source)))
    thread.start()
    stand.wait_until(lambda: bank.roles(stand)[target]["state"] == "being cloned", 20, lambda: f"it begins: {bank.short(stand)}")
    stand.wait_until(lambda: stand.root(target).query("SHOW TABLES FROM shop LIKE 'held'").rows, 20, lambda: f"tables are there: {bank.short(stand)}")
    assert bank.roles(stand)[target]["fit"] == "no"
    os.kill(stand.waybill_pid(), signal.SIGKILL)
    thread.join()
    holder.close()
    bank.kill(stand, target)  # its mark outlives it, too
    stand.cluster("waybill", "stop", check=False)
    stand.cluster("start", f"s2/{target}")
    stand.start_waybill()
    stand.wait_until(lambda: bank.roles(stand)[target]["state"] == "being cloned", 30, lambda: bank.roles(stand)[target])
    assert bank.roles(stand)[target]["role"] == "detached" and bank.roles(stand)[target]["fit"] == "no"
    bank.kill(stand, primary)
    stand.wait_until(lambda: bank.primary_of(stand, "s2") == source, 30, lambda: f"a promotion: {bank.short(stand)}")
    assert bank.roles(stand)[target]["role"] == "detached"
    stand.cluster("start", f"s2/{primary}")
    stand.wait_until(lambda: bank.is_whole(stand, [target]), 40, lambda: f"all but one are there: {bank.short(stand)}")
    assert clone(stand, target, source) == "", bank.short(stand)
    bank.check(stand)


def attempt(stand, target, source):
    try:
        return clone(stand, target, source)
    except (OSError, wire.ConnectionLost):
        return "lost"


def test_what_is_refused_changes_nothing(stand):
    settle(stand)
    bank.prepare(stand)
    primary, (source, target) = others(stand, "s1")
    root = stand.root(primary)
    other = others(stand, "s2")[1][0]
    for server, whence, why in ((primary, source, "it is the primary"), (target, other, "they are not of the same shard"),
                                (target, target, "from itself?"), ("nobody", source, "there is no server 'nobody'")):
        assert why in clone(stand, server, whence), (server, whence)
    root.query("CREATE TABLE shop.old_engine (id INT) ENGINE=MyISAM")
    stand.wait_until(lambda: stand.root(source).query("SHOW TABLES FROM shop LIKE 'old_engine'").rows, 10, "it is replicated")
    assert "shop.old_engine: only rows of InnoDB are in a snapshot" in clone(stand, target, source)
    root.query("DROP TABLE shop.old_engine")
    root.query("CREATE TABLE shop.versioned (id INT) WITH SYSTEM VERSIONING")
    stand.wait_until(lambda: stand.root(source).query("SHOW TABLES FROM shop LIKE 'versioned'").rows, 10, "it is replicated")
    assert "shop.versioned: a table with system versioning" in clone(stand, target, source)
    root.query("DROP TABLE shop.versioned")
    stand.wait_until(lambda: not stand.root(source).query("SHOW TABLES FROM shop LIKE 'versioned'").rows, 10, "it is replicated")
    stand.root(source).query("STOP SLAVE")
    assert f"{source} is neither the primary nor a replica that receives and applies" in clone(stand, target, source)
    stand.root(source).query("START SLAVE")
    stand.root(target).query("SET GLOBAL read_only = 0")
    assert "it takes writes" in clone(stand, target, source)
    stand.root(target).query("SET GLOBAL read_only = 1")
    bank.check(stand)
