"""Answers of every shape: several results and OUT parameters of CALL, packets of more than 16 MB both ways, in both EOF
forms, from one shard and from several: each packet is the plain server's."""

import struct

import wire

CLUSTER = {"shards": 4, "replicas": 0, "plain": True}
HINT = "/* waybill: shard=s1 */ "
MIB16 = 0xffffff
FORMS = (wire.CLIENT_DEFAULT, wire.CLIENT_DEFAULT & ~wire.DEPRECATE_EOF, wire.CLIENT_DEFAULT | wire.SESSION_TRACK)
PROCEDURES = """CREATE PROCEDURE several(n INT) BEGIN SELECT n AS a; SELECT n + 1 AS b, 'x' AS c; DO 0; SELECT 1 FROM DUAL WHERE 0; END
CREATE PROCEDURE gives(IN a INT, OUT b INT, INOUT c VARCHAR(20)) BEGIN SET b = a * 2, c = CONCAT(c, '!'); SELECT a; END
CREATE PROCEDURE gives_only(OUT b BIGINT UNSIGNED, OUT c VARCHAR(9)) SET b = 18446744073709551615, c = NULL
CREATE PROCEDURE fails(n INT) BEGIN SELECT n AS a; SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'on purpose'; END
CREATE PROCEDURE warns() BEGIN SELECT 1; SELECT CAST('x' AS SIGNED); END
CREATE PROCEDURE silent() DO 0"""


def place(stand, is_direct):
    port = stand.values["WAYBILL_PLAIN_PORT" if is_direct else "WAYBILL_PORT"]
    return {"port": int(port), "user": stand.values["WAYBILL_USER"], "password": stand.values["WAYBILL_PASSWORD"], "database": "shop",
            "timeout": 60}


def both(stand, capabilities):
    return [wire.Client(**place(stand, is_direct), capabilities=capabilities) for is_direct in (True, False)]


def make_procedures(stand):
    for server in ("plain", "s1a"):
        root = stand.root(server)
        root.query("USE shop")
        for sql in PROCEDURES.splitlines():
            root.query(f"DROP PROCEDURE IF EXISTS {sql.split()[2].split('(')[0]}")
            root.query(sql)
        root.close()


def packets(client, is_execute=False):
    """Everything up to the end of the answer."""
    found, is_old = [], not client.capabilities & wire.DEPRECATE_EOF
    while True:
        first = client.read_packet()
        found.append(first)
        if first[0] == 0xff:
            return found
        if first[0] == 0:
            status = status_of_ok(first)
        else:
            for _ in range(2 if is_old else 1):
                while True:
                    packet = client.read_packet()
                    found.append(packet)
                    if packet[0] == 0xff:
                        return found
                    if packet[0] == 0xfe and len(packet) < MIB16:
                        break
            status = struct.unpack_from("<H", found[-1], 3)[0] if is_old else status_of_ok(found[-1])
        if not status & wire.MORE_RESULTS:
            return found


def status_of_ok(payload):
    reader = wire.Reader(payload)
    reader.integer(1)
    reader.lenenc()
    reader.lenenc()
    return reader.integer(2)


def query(client, sql):
    client.send_command(wire.COM_QUERY, sql)
    return packets(client)


def execute(client, sql, values):
    statement = client.prepare(sql)
    client.send_packet(client.execute_payload(statement, values), sequence=0)
    found = packets(client, True)
    client.close_statement(statement)
    return found


def refusal(found):
    return struct.unpack_from("<H", found[0], 1)[0] if found[0][0] == 0xff else None


def test_calls(stand):
    make_procedures(stand)
    for capabilities in FORMS:
        clients = both(stand, capabilities)
        for sql in ("CALL several(5)", "CALL fails(3)", "CALL warns()", "CALL silent()", "CALL none()", "SELECT 1", "CALL several(6)"):
            expected, found = (query(client, HINT + sql) for client in clients)
            assert expected == found, (sql, found, expected)
            expected, found = (query(client, "SHOW WARNINGS") for client in clients)
            assert expected == found or refusal(found) == 1235, (sql, found, expected)
        for client in clients:
            client.query(HINT + "SET @b = 1, @c = 'c'")
        expected, found = (query(client, HINT + "CALL gives(4, @b, @c)") + query(client, "SELECT @b, @c") for client in clients)
        assert expected == found, (found, expected)


def test_calls_prepared(stand):
    """OUT parameters come as a row of their own, with PS_OUT_PARAMS in its status."""
    make_procedures(stand)
    for capabilities in FORMS:
        clients = both(stand, capabilities)
        for sql, values in (("CALL several(?)", [7]), ("CALL gives(?, ?, ?)", [4, None, "c"]), ("CALL gives_only(?, ?)", [1, "y"]),
                            ("CALL fails(?)", [3]), ("CALL silent()", []), ("CALL gives(?, ?, ?)", [5, 1, "d"])):
            expected, found = (execute(client, HINT + sql, values) for client in clients)
            assert expected == found, (sql, found, expected)
        assert any(packet[0] == 0xfe and len(packet) < 20 and 0x1000 & (struct.unpack_from("<H", packet, 3)[0]) for packet in found)


def test_several_results_of_several_statements(stand):
    make_procedures(stand)
    for capabilities in FORMS:
        clients = both(stand, capabilities | wire.MULTI_STATEMENTS)
        for text in ("SELECT 1; {h}CALL several(5); SELECT 2", "{h}CALL fails(1); SELECT 2", "DO 1; {h}CALL silent(); DO 2"):
            expected, found = (query(client, text.replace("{h}", HINT)) for client in clients)
            assert expected == found, (text, found, expected)


def test_huge_packets(stand):
    """Rows and statements around the size at which a packet is split, and twice it."""
    for client in (wire.Client(**place(stand, True)), stand.client(user="loader")):
        client.query("DROP TABLE IF EXISTS users")
        client.query("CREATE TABLE users (buyer_id INT PRIMARY KEY, b LONGBLOB)")
        for i in range(1, 5):
            client.query(f"INSERT INTO users (buyer_id, b) VALUES ({i}, 'small')")
        client.close()
    for capabilities in FORMS[:2]:
        clients = both(stand, capabilities)
        for extra in (-5, -4, -3, 0, MIB16 - 8):
            sql = f"SELECT REPEAT('x', {MIB16 + extra})"
            expected, found = (query(client, sql) for client in clients)
            assert expected == found, (extra, [len(p) for p in found], [len(p) for p in expected])
        for extra in (-1, 0):
            begin, end = "UPDATE users SET b = '", "' WHERE buyer_id = 3"
            text = begin + "y" * (MIB16 + extra - len(begin) - len(end)) + end
            expected, found = (query(client, text) for client in clients)
            assert expected == found, (extra, found, expected)
            for sql in ("SELECT buyer_id, LENGTH(b), MD5(b) FROM users ORDER BY buyer_id", "SELECT b FROM users WHERE buyer_id = 3"):
                expected, found = (query(client, sql) for client in clients)
                assert masked(expected) == masked(found), (extra, sql)
            value = b"z" * (MIB16 + extra)
            expected, found = (execute(client, "UPDATE users SET b = ? WHERE buyer_id = 2", [value]) for client in clients)
            assert expected == found, (extra, found, expected)
            sql = "SELECT b, buyer_id FROM users ORDER BY buyer_id"
            expected, found = (masked(execute(client, sql, [])) for client in clients)
            assert expected == found, (extra, sql, [len(p) for p in found], [len(p) for p in expected])
            expected, found = (masked(query(client, sql)) for client in clients)
            assert expected == found, (extra, sql, [len(p) for p in found], [len(p) for p in expected])


def masked(found):
    """Whether a shard's index was used is not the plain server's."""
    return [packet[:1] if packet[0] == 0xfe and len(packet) < 10 else packet for packet in found]
