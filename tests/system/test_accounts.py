"""Who may come in: the servers' own accounts (users = servers), users of the file by hash, every plugin, PROXY headers."""

import os
import re
import socket
import struct
import subprocess
import time

import logins
import wire
from logins import CLEAR, ED25519

CLUSTER = {"shards": 1, "replicas": 2}
DAY = "accounts_refresh_ms = 86400000\n"  # nothing here may wait for the next regular read
OFTEN = "accounts_refresh_ms = 100\n"
SERVERS = "users = servers\n"


def configure(stand, waybill="", users="", server="", start=True, workers=1):
    """waybill with these settings and these [user] sections instead of those of the stand."""
    text = stand.cluster("conf")
    text = re.sub(r"\[user \w+\]\n[^\[]*", "", text)
    text = text.replace("[waybill]\n", "[waybill]\n" + waybill, 1).replace("workers = 2", f"workers = {workers}")
    text = re.sub(r"(\[server \w+\]\n)", lambda found: found[1] + server, text)
    path = os.path.join(stand.directory, "test.ini" if start else "waybill.ini")  # the one to copy, or the one that runs
    with open(path, "w") as out:
        out.write(text + "\n" + users)
    if start:
        stand.cluster("waybill", "stop")
        stand.cluster("waybill", "start", "--conf", path)
        stand.wait_until(lambda: is_ready(stand), 20, "waybill is ready")


def is_ready(stand):
    try:
        socket.create_connection(("127.0.0.1", int(stand.values["WAYBILL_PORT"]))).close()
        return any(row["primary"] for row in stand.admin("SHOW SHARDS"))
    except OSError:
        return False


def prover(stand, user, password="pw", **more):
    return logins.Prover(port=int(stand.values["WAYBILL_PORT"]), user=user, password=password, timeout=10, **more)


def whoami(stand, user, password="pw", **more):
    client = prover(stand, user, password, **more)
    try:
        return client.query("SELECT CURRENT_USER()").rows[0][0]
    finally:
        client.close()


def refused(stand, user, password="pw", **more):
    try:
        prover(stand, user, password, **more).close()
    except wire.ServerError as error:
        return error.code
    raise AssertionError(f"{user} got in")


def error_of(client, sql):
    try:
        client.query(sql)
    except wire.ServerError as error:
        return error.code
    return None


def run(stand, *statements):
    """On the primary, as root; what is there already is dropped first. Then the replicas have it, too."""
    primary = next((row["primary"] for row in stand.admin("SHOW SHARDS")), "s1a") if is_ready(stand) else "s1a"
    root = stand.root(primary)
    for statement in statements:
        found = re.match(r"CREATE USER (\S+@\S+)", statement)
        if found:
            root.query(f"DROP USER IF EXISTS {found[1]}")
        root.query(statement)
    position = root.query("SELECT @@gtid_binlog_pos").rows[0][0]
    root.close()
    for row in stand.admin("SHOW SERVERS"):
        if row["role"] == "replica" and row["state"] == "up":
            replica = stand.root(row["server"])
            assert replica.query(f"SELECT MASTER_GTID_WAIT('{position}', 5)").rows == [("0",)], row
            replica.close()


def log_of(stand):
    with open(os.path.join(stand.directory, "waybill.log"), errors="replace") as log:
        return log.read()


def events(stand):
    return " ".join(row["event"] for row in stand.admin("SHOW EVENTS"))


# ---- users = servers

def make_accounts(stand):
    for server in ("s1a", "s1b", "s1c"):
        try:
            stand.root(server).query("INSTALL SONAME 'auth_ed25519'")
        except (wire.ServerError, OSError):
            pass  # it is there, or the server is not
    run(stand, "CREATE USER plain@'%' IDENTIFIED BY 'pw'",
        "CREATE USER empty@'%'",
        "CREATE USER edward@'%' IDENTIFIED VIA ed25519 USING PASSWORD('pw')",
        "CREATE USER either@'%' IDENTIFIED VIA ed25519 USING PASSWORD('one') OR mysql_native_password USING PASSWORD('other')",
        "CREATE USER locked@'%' IDENTIFIED BY 'pw' ACCOUNT LOCK",
        "CREATE USER expired@'%' IDENTIFIED BY 'pw' PASSWORD EXPIRE",
        "CREATE USER ages@'%' IDENTIFIED BY 'pw' PASSWORD EXPIRE INTERVAL 3 DAY",
        "CREATE USER sealed@'%' IDENTIFIED BY 'pw' REQUIRE SSL",
        "CREATE USER socket@'%' IDENTIFIED VIA unix_socket",
        "CREATE OR REPLACE ROLE part",
        "CREATE USER acting@'%' IDENTIFIED BY 'pw'",
        "GRANT SELECT ON shop.* TO part", "GRANT part TO acting@'%'", "SET DEFAULT ROLE part FOR acting@'%'")


def test_accounts_of_the_servers(stand):
    make_accounts(stand)
    configure(stand, SERVERS + DAY, "[user edward]\nserver_password = pw\n[user either]\nserver_password = other\n[user mine]\npassword = pw\nserver_user = plain\n")
    assert whoami(stand, "plain") == "plain@%"
    assert whoami(stand, "empty", "") == "empty@%"
    assert whoami(stand, "edward") == "edward@%"
    assert whoami(stand, "edward", plugin=ED25519) == "edward@%"
    assert whoami(stand, "either", "other") == "either@%"
    assert whoami(stand, "acting") == "acting@%"
    assert whoami(stand, "app", "app_pw") == "app@%"
    assert whoami(stand, "mine") == "plain@%"
    for name, code in (("locked", 4151), ("expired", 1862), ("sealed", 1045), ("socket", 1045), ("part", 1045), ("nobody", 1045)):
        assert refused(stand, name) == code, name
        assert refused(stand, name, "wrong") == 1045, name  # a locked account is nobody else's business
    for name in ("plain", "edward", "either", "empty"):
        assert refused(stand, name, "wrong") == 1045, name
    assert refused(stand, "plain", "") == 1045
    assert "waybill can't check what its plugin unix_socket wants to know" in log_of(stand)
    shown = {row["user"]: row for row in stand.admin("SHOW USERS")}
    assert shown["mine"]["source"] == "file" and shown["plain"]["source"] == "servers", shown
    assert shown["locked"]["state"] == "locked" and shown["expired"]["state"] == "expired" and shown["ages"]["state"] == "ok"
    assert "part" not in shown and "unix_socket" in shown["socket"]["state"]


def test_who_names_no_database_is_in_none(stand):
    """... also on a connection over which somebody was just asked whether his may be used."""
    for _ in range(5):
        prover(stand, "app", "app_pw", database="shop").close()
        client = prover(stand, "app", "app_pw")
        assert client.query("SELECT DATABASE()").rows == [(None,)]
        assert error_of(client, "SELECT * FROM no_such_table") == 1046
        client.close()


def test_a_default_role_is_there(stand):
    client = prover(stand, "acting")
    assert client.query("SELECT CURRENT_ROLE()").rows[0][0] == "part"
    client.close()


def test_a_password_that_ages(stand):
    run(stand, "UPDATE mysql.global_priv SET Priv = JSON_SET(Priv, '$.password_last_changed', UNIX_TIMESTAMP() - 4 * 86400) "
        "WHERE User = 'ages'", "FLUSH PRIVILEGES")
    assert refused(stand, "nobody") == 1045  # a failed log-in has them read
    assert refused(stand, "ages") == 1862


def test_a_password_that_is_changed(stand):
    """Without waiting for the next regular read."""
    run(stand, "CREATE USER changes@'%' IDENTIFIED BY 'old'")
    before = prover(stand, "changes", "old")
    assert before.query("SELECT 1").rows == [("1",)]
    run(stand, "SET PASSWORD FOR changes@'%' = PASSWORD('new')")
    assert whoami(stand, "changes", "new") == "changes@%"
    assert refused(stand, "changes", "old") == 1045
    assert before.query("SELECT 1").rows == [("1",)]
    before.close()


def test_an_old_password_ends_at_the_latest_where_a_server_refuses_it(stand):
    run(stand, "CREATE USER stale@'%' IDENTIFIED BY 'old'")
    assert refused(stand, "nobody") == 1045  # they are read
    run(stand, "SET PASSWORD FOR stale@'%' = PASSWORD('new')")
    client = prover(stand, "stale", "old")  # by what was known until now
    try:
        client.query("SELECT 1")
        raise AssertionError("the server took it")
    except wire.ServerError as error:
        assert error.code == 1045, error
    client.close()
    stand.wait_until(lambda: try_refused(stand, "stale", "old"), 5, "the old password is refused")
    assert whoami(stand, "stale", "new") == "stale@%"


def try_refused(stand, *who, **more):
    try:
        prover(stand, *who, **more).close()
        return False
    except wire.ServerError:
        return True


def test_made_and_dropped(stand):
    configure(stand, SERVERS + OFTEN)
    run(stand, "CREATE USER fresh@'%' IDENTIFIED BY 'pw'")
    idle, busy, other = prover(stand, "fresh"), prover(stand, "fresh"), prover(stand, "plain")
    idle.query("SELECT 1")
    busy.send_command(wire.COM_QUERY, "SELECT SLEEP(1)")
    time.sleep(0.2)
    run(stand, "DROP USER fresh@'%'")
    assert idle.is_closed_by_peer(5)
    assert busy.read_results().rows == [("0",)]  # after its command
    assert busy.is_closed_by_peer(5)
    assert other.query("SELECT 1").rows == [("1",)]
    other.close()
    assert refused(stand, "fresh") == 1045
    run(stand, "CREATE USER fresh@'%' IDENTIFIED BY 'again'")
    assert whoami(stand, "fresh", "again") == "fresh@%"


def test_an_account_that_replicas_do_not_have_yet(stand):
    configure(stand, SERVERS + DAY)
    stand.wait_until(lambda: all(row["fit"] == "yes" for row in stand.admin("SHOW SERVERS") if row["role"] == "replica"), 15,
                     "the replicas are fit")
    run(stand, "SET SESSION sql_log_bin = 0", "CREATE USER late@'%' IDENTIFIED BY 'pw'", "SET SESSION sql_log_bin = 1")
    client = prover(stand, "late")
    for _ in range(10):
        assert client.query("SELECT CURRENT_USER(), @@server_id").rows[0][0] == "late@%"
    client.close()
    run(stand, "SET SESSION sql_log_bin = 0", "DROP USER late@'%'", "SET SESSION sql_log_bin = 1")


def test_places_are_used_again_and_nobody_becomes_another(stand):
    """Accounts that are made and dropped all the time: those of one moment never get a session of the moment before."""
    configure(stand, SERVERS + OFTEN)
    for i in range(12):
        run(stand, f"CREATE USER brief{i}@'%' IDENTIFIED BY 'pw{i}'")
        assert whoami(stand, f"brief{i}", f"pw{i}") == f"brief{i}@%"
        client = prover(stand, f"brief{i}", f"pw{i}")
        client.query("SELECT 1")  # it has a connection
        client.send_command(wire.COM_QUERY, "SELECT SLEEP(0.5)")
        run(stand, f"DROP USER brief{i}@'%'")
        client.read_results()
        assert client.is_closed_by_peer(5), i
    assert len(stand.admin("SHOW USERS")) < 40


def test_a_reload_keeps_them(stand):
    run(stand, "CREATE USER plain@'%' IDENTIFIED BY 'pw'")
    configure(stand, SERVERS + OFTEN)
    client = prover(stand, "plain")
    configure(stand, SERVERS + OFTEN, "[user plain]\npassword = of the file\nserver_password = pw\n", start=False)
    stand.admin("RELOAD")
    assert client.is_closed_by_peer(5)  # the section of that name is another account
    assert whoami(stand, "plain", "of the file") == "plain@%"
    assert refused(stand, "plain", "pw") == 1045
    other = prover(stand, "app", "app_pw")
    configure(stand, SERVERS + OFTEN, "[user app]\ndefault_schema = shop\n", start=False)
    stand.admin("RELOAD")
    stand.wait_until(lambda: not try_refused(stand, "plain"), 5, "without its section it is the servers' again")
    assert other.query("SELECT 1").rows == [("1",)]
    new = prover(stand, "app", "app_pw")
    assert new.query("SELECT DATABASE()").rows == [("shop",)]
    configure(stand, "", "[user app]\npassword = app_pw\n", start=False)
    stand.admin("RELOAD")
    assert new.is_closed_by_peer(5) and other.is_closed_by_peer(5)
    assert refused(stand, "plain") == 1045 and refused(stand, "root", "") == 1045
    assert whoami(stand, "app", "app_pw") == "app@%"


def test_a_missing_privilege_is_told(stand):
    run(stand, "CREATE USER plain@'%' IDENTIFIED BY 'pw'", "CREATE USER half@'%' IDENTIFIED BY 'half_pw'",
        "GRANT SLAVE MONITOR, REPLICATION MASTER ADMIN, REPLICATION SLAVE ADMIN, READ_ONLY ADMIN, RELOAD, PROCESS, "
        "CONNECTION ADMIN ON *.* TO half@'%'", "GRANT CREATE, SELECT, INSERT, UPDATE ON waybill.* TO half@'%'")
    configure(stand, SERVERS + OFTEN, "[user mine]\npassword = pw\nserver_user = plain\n")
    path = os.path.join(stand.directory, "test.ini")
    with open(path) as file:
        text = file.read()
    with open(path, "w") as file:
        file.write(re.sub(r"monitor_user = \w+\nmonitor_password = \w+", "monitor_user = half\nmonitor_password = half_pw", text))
    stand.cluster("waybill", "stop")
    stand.cluster("waybill", "start", "--conf", path)
    stand.wait_until(lambda: is_ready(stand), 20, "waybill is ready")
    assert whoami(stand, "mine") == "plain@%"
    assert refused(stand, "plain") == 1045
    assert "users = servers needs SELECT on mysql.global_priv" in events(stand), events(stand)
    run(stand, "GRANT SELECT ON mysql.global_priv TO half@'%'")
    stand.wait_until(lambda: not try_refused(stand, "plain"), 5, "with the privilege he gets in")
    assert "accounts can be read again" in events(stand)


def test_after_a_failover_they_are_the_new_primarys(stand):
    configure(stand, SERVERS + DAY)
    client = prover(stand, "plain")
    old = stand.admin("SHOW SHARDS")[0]["primary"]
    stand.cluster("kill", f"s1/{old}")
    stand.wait_until(lambda: stand.admin("SHOW SHARDS")[0]["primary"] not in (None, "", old), 20, "a promotion")
    assert client.query("SELECT CURRENT_USER()").rows == [("plain@%",)]
    run(stand, "CREATE USER after@'%' IDENTIFIED BY 'pw'")
    assert whoami(stand, "after") == "after@%"
    assert whoami(stand, "plain") == "plain@%"
    client.close()


# ---- from where

def test_hosts(stand):
    """The servers are told of each client, so that both decide by the same address."""
    run(stand, "CREATE USER roams@'%' IDENTIFIED BY 'anywhere'",
        "CREATE USER roams@'127.0.0.5' IDENTIFIED BY 'five'",
        "CREATE USER roams@'127.0.1.0/255.255.255.0' IDENTIFIED BY 'net'",
        "CREATE USER roams@'127.0.2.%' IDENTIFIED BY 'pattern'",
        "CREATE USER roams@'127.0.2.7_' IDENTIFIED BY 'longer'",
        "CREATE USER roams@'::1' IDENTIFIED BY 'six'",
        "CREATE USER narrow@'127.0.0.5' IDENTIFIED BY 'pw'",
        "CREATE USER named@'no.such.host.invalid' IDENTIFIED BY 'pw'")
    servers = [row["server"] for row in stand.admin("SHOW SERVERS") if row["state"] == "up"]
    for server in servers:
        stand.root(server).query("SET GLOBAL proxy_protocol_networks = '127.0.0.1'")
    configure(stand, SERVERS + DAY, server="proxy_protocol = v2\n")
    for source, password, account in (("127.0.0.1", "anywhere", "%"), ("127.0.0.5", "five", "127.0.0.5"),
                                      ("127.0.1.200", "net", "127.0.1.0/255.255.255.0"), ("127.0.2.1", "pattern", "127.0.2.%"),
                                      ("127.0.2.77", "longer", "127.0.2.7_")):
        assert whoami(stand, "roams", password, source=source) == f"roams@{account}"
        assert refused(stand, "roams", "anywhere" if password != "anywhere" else "five", source=source) == 1045, source
    assert whoami(stand, "narrow", source="127.0.0.5") == "narrow@127.0.0.5"
    assert refused(stand, "narrow", source="127.0.0.6") == 1045
    assert refused(stand, "named") == 1045
    # The anonymous account comes first where its host does, whatever the name; as on the server.
    run(stand, "DROP USER IF EXISTS ''@'127.0.0.7'", "CREATE USER ''@'127.0.0.7'")
    assert whoami(stand, "roams", "", source="127.0.0.7") == "@127.0.0.7"
    assert whoami(stand, "whoever", "", source="127.0.0.7") == "@127.0.0.7"
    direct = wire.Client(port=int(stand.values[f"WAYBILL_{servers[0].upper()}_PORT"]), user="roams", password="", source="127.0.0.7")
    assert direct.query("SELECT CURRENT_USER()").rows == [("@127.0.0.7",)]
    direct.close()
    assert refused(stand, "roams", "anywhere", source="127.0.0.7") == 1045
    assert "from there the servers' anonymous account comes first" in log_of(stand)
    run(stand, "DROP USER ''@'127.0.0.7'")


def with_header(stand, header, user, password, source=None):
    client = prover(stand, user, password, connect=False, source=source)
    client.send_raw(header)
    client.read_greeting()
    client.login()
    return client


def v2_header(source, port=4711):
    addresses = socket.inet_aton(source) + socket.inet_aton("127.0.0.1") + struct.pack(">HH", port, 3306)
    return b"\r\n\r\n\0\r\nQUIT\n" + bytes([0x21, 0x11]) + struct.pack(">H", len(addresses)) + addresses


def v2_header_six(source, port=4711):
    addresses = socket.inet_pton(socket.AF_INET6, source) * 2 + struct.pack(">HH", port, 3306)
    return b"\r\n\r\n\0\r\nQUIT\n" + bytes([0x21, 0x21]) + struct.pack(">H", len(addresses)) + addresses


def test_proxy_headers_of_listed_networks(stand):
    """Whoever is in front of waybill says where the client is; the account, and what the servers see, is by that."""
    configure(stand, SERVERS + DAY + "proxy_protocol_networks = 127.0.9.0/24\n", server="proxy_protocol = v1\n")
    front = "127.0.9.1"
    v1 = b"PROXY TCP4 127.0.0.5 127.0.0.1 4711 3306\r\n"
    for header in (v1, v2_header("127.0.0.5")):
        client = with_header(stand, header, "roams", "five", front)
        assert client.query("SELECT USER()").rows == [("roams@127.0.0.5",)]
        assert client.query("SELECT CURRENT_USER()").rows == [("roams@127.0.0.5",)]
        client.close()
    client = with_header(stand, v2_header_six("::1"), "roams", "six", front)
    assert client.query("SELECT CURRENT_USER()").rows == [("roams@::1",)]
    client.close()
    # A health check of the front has no client; and a front may send no header at all.
    for header in (b"PROXY UNKNOWN\r\n", b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0", b""):
        client = with_header(stand, header, "roams", "anywhere", front)
        assert client.query("SELECT USER()").rows == [(f"roams@{front}",)]
        client.close()
    client = prover(stand, "roams", "five", connect=False, source=front)
    for part in (v1[:7], v1[7:30], v1[30:]):  # in pieces
        client.send_raw(part)
        time.sleep(0.05)
    client.read_greeting()
    client.login()
    client.close()


def test_proxy_headers_of_others_are_no_headers(stand):
    for header in (b"PROXY TCP4 127.0.0.5 127.0.0.1 4711 3306\r\n", v2_header("127.0.0.5")):
        client = prover(stand, "roams", "five", connect=False, source="127.0.0.8")
        client.send_raw(header)
        client.read_greeting()
        assert ends_with_an_error_or_closed(client)
    for header in (b"PROXY TCP4 127.0.0.5 nonsense 4711 3306\r\n", b"PROXY " + b"x" * 200, b"\r\n\r\n\0\r\nQUIT\n\xff\xff\0\0"):
        client = prover(stand, "roams", "five", connect=False, source="127.0.9.1")
        client.send_raw(header)
        client.read_greeting()
        assert ends_with_an_error_or_closed(client)
    assert re.search(r"a PROXY header from 127\.0\.9\.1:\d+ can't be read", log_of(stand))
    assert whoami(stand, "roams", "anywhere") == "roams@%"
    for row in stand.admin("SHOW SERVERS"):
        if row["state"] == "up":
            stand.root(row["server"]).query("SET GLOBAL proxy_protocol_networks = ''")


def ends_with_an_error_or_closed(client):
    try:
        payload = client.read_packet(is_sequence_checked=False)
        return payload[0] == 0xff and client.is_closed_by_peer(5)
    except wire.ConnectionLost:
        return True


# ---- users of the file, by hash

def native_hash(password):
    return "*" + wire.sha1(wire.sha1(password.encode())).hex().upper()


def ed25519_key(password):
    import base64
    public = logins._pack(logins._times(logins._secret(password)[0], logins._BASE))
    return base64.b64encode(public).decode()[:43]


def hashed_users():
    server = "server_user = app\nserver_password = app_pw\n"
    crypt = logins.sha2_crypt("pw")
    return (f"[user nat]\npassword_native = {native_hash('pw')}\n{server}"
            f"[user dbl]\npassword_sha2 = $W${wire.sha256(wire.sha256(b'pw')).hex()}\n{server}"
            f"[user crypt]\npassword_sha2 = {crypt}\n{server}"
            f"[user edw]\npassword_ed25519 = {ed25519_key('pw')}\n{server}"
            f"[user all]\npassword = pw\n{server}"
            f"[user own]\npassword_native = {native_hash('app_pw')}\nserver_user = app\n"
            f"[user shut]\npassword = pw\nlocked = yes\n{server}"
            f"[user none]\npassword =\n{server}")


def test_hashes_of_the_file(stand):
    configure(stand, "", hashed_users())
    for user in ("nat", "dbl", "crypt", "edw", "all"):
        for plugin in (None, wire.NATIVE, wire.SHA2, ED25519):
            assert whoami(stand, user, plugin=plugin) == "app@%", (user, plugin)
            assert refused(stand, user, "wrong", plugin=plugin) == 1045
            assert refused(stand, user, "", plugin=plugin) == 1045
    assert whoami(stand, "own", "app_pw") == "app@%"  # what its proof shows is enough for the server
    assert whoami(stand, "none", "") == "app@%"
    assert refused(stand, "none", "x") == 1045
    assert refused(stand, "shut") == 4151 and refused(stand, "shut", "wrong") == 1045
    # `crypt`: MySQL's own slow hash. Full by RSA once, then fast.
    client = prover(stand, "crypt", plugin=wire.SHA2)
    assert client.said == [("switch", wire.SHA2), ("more", 3), ("ok",)] or client.said == [("more", 3), ("ok",)], client.said
    client.close()
    configure(stand, "default_auth = caching_sha2_password\n", hashed_users())
    client = prover(stand, "crypt")
    assert client.said == [("more", 4), ("key",), ("ok",)], client.said
    client.close()
    client = prover(stand, "crypt")
    assert client.said == [("more", 3), ("ok",)], client.said
    client.close()
    for user in ("nat", "dbl", "crypt", "edw", "all"):
        assert whoami(stand, user) == "app@%", user


def test_a_password_in_clear_takes_tls(stand):
    for user in ("all", "nat", "crypt"):
        client = prover(stand, user, plugin=CLEAR)  # waybill asks for another one
        assert ("switch", CLEAR) not in client.said and client.said[0][0] == "switch", client.said
        client.close()
    configure(stand, "", hashed_users() + "[user clear]\npassword = pw\nplugin = mysql_clear_password\nserver_user = app\n")
    assert refused(stand, "clear", plugin=CLEAR) == 1045


def change_error(client, user, password):
    try:
        client.change_user(user, password, "shop")
    except wire.ServerError as error:
        return error.code
    raise AssertionError(f"{user} was let in")


def test_change_user(stand):
    configure(stand, "", hashed_users())
    client = prover(stand, "all")
    for _ in range(2):
        for user in ("nat", "dbl", "crypt", "edw", "all", "none"):
            for plugin in (wire.NATIVE, wire.SHA2, ED25519, CLEAR, "a_plugin_of_nobody"):
                if plugin == "a_plugin_of_nobody":
                    client.answer = lambda asked, own=client: b"" if asked == plugin else logins.Prover.answer(own, asked)
                client.query("SET @a = 1")
                client.change_user(user, "" if user == "none" else "pw", "shop", plugin)
                client.__dict__.pop("answer", None)
                assert client.query("SELECT CURRENT_USER()").rows == [("app@%",)], (user, plugin)
                assert client.query("SELECT DATABASE()").rows == [("shop",)]
                assert client.query("SELECT @a").rows == [(None,)]
    # Who fails stays who he was, as with MariaDB, in a session that was reset; three times.
    for user in ("nat", "dbl", "edw", "nobody", "nobody"):
        other = prover(stand, "all")
        for failure in range(3):
            other.query("SET @a = 1")
            assert change_error(other, user, "wrong") == 1045
            assert other.query("SELECT @a, CURRENT_USER()").rows == [(None, "app@%")], (user, failure)
        assert change_error(other, user, "wrong") == 1047
        assert change_error(other, "all", "pw") == 1047
        assert other.query("SELECT 1").rows == [("1",)]
        other.close()
    client.close()


def test_node_asks_for_the_key(stand):
    """A real client that has no TLS and no fast path yet: mysql2 of node."""
    from test_clients import install_node_modules
    modules = install_node_modules()
    configure(stand, "default_auth = caching_sha2_password\n", hashed_users())
    script = ("const mysql = require('mysql2/promise'); (async () => { for (const user of ['crypt', 'crypt', 'dbl', 'nat']) {"
              " const c = await mysql.createConnection({host: '127.0.0.1', port: +process.argv[1], user, password: 'pw'});"
              " const [rows] = await c.query('SELECT CURRENT_USER() AS u'); console.log(user, rows[0].u); await c.end(); } })()"
              ".catch(e => { console.log(e.message); process.exit(1); });")
    done = subprocess.run(["node", "-e", script, stand.values["WAYBILL_PORT"]], capture_output=True, text=True, timeout=60,
                          env=dict(os.environ, NODE_PATH=modules))
    assert done.stdout.split("\n")[:4] == ["crypt app@%", "crypt app@%", "dbl app@%", "nat app@%"], done.stdout + done.stderr


# ---- what an attacker learns

def dialogue(stand, user, password, plugin=None):
    """All that waybill says to a log-in that fails, but what has to differ: nonces, the name, connection ids."""
    client = prover(stand, user, password, connect=False, plugin=plugin)
    read, original = [], client.read_packet
    client.read_greeting()
    client.read_packet = lambda: keep(original(), client, user, read)
    try:
        client.login()
    except wire.ServerError:
        return tuple(read)
    raise AssertionError(f"{user} got in")


def keep(payload, client, user, read):
    shown = payload
    if payload[:1] == b"\xfe":
        shown = (len(payload), payload[:payload.index(b"\0", 1)])
    elif payload[:1] == b"\xff":
        shown = payload.replace(b"'" + user.encode() + b"'", b"NAME")
    read.append((client.sequence, shown))
    return payload


def same_for_names_that_nobody_has(stand, names, count, plugins=(None, wire.SHA2, ED25519, CLEAR)):
    seen = set()
    for plugin in plugins:
        for password in ("wrong", ""):
            real = {dialogue(stand, name, password, plugin) for name in names}
            unknown = [dialogue(stand, f"ghost{i}", password, plugin) for i in range(count)]
            assert set(unknown) <= real, (plugin, set(unknown) - real)
            assert unknown == [dialogue(stand, f"ghost{i}", password, plugin) for i in range(count)]  # and again
            seen |= set(unknown)
    return seen


def test_an_unknown_user_looks_like_a_wrong_password(stand):
    configure(stand, "", hashed_users())
    seen = same_for_names_that_nobody_has(stand, ("nat", "dbl", "crypt", "edw", "all", "shut"), 25)
    asked = {said[1] for dialogue_seen in seen for _, said in dialogue_seen if isinstance(said, tuple)}
    assert len(asked) > 1, f"nobody seems to have another plugin than the rest: {asked}"


def test_so_it_is_with_the_servers_accounts(stand):
    make_accounts(stand)
    configure(stand, SERVERS + DAY, "[user edward]\nserver_password = pw\n")
    same_for_names_that_nobody_has(stand, ("plain", "edward", "either", "locked", "sealed", "socket"), 12, (None, ED25519))


def test_hosts_that_fail_too_often_are_put_off(stand):
    configure(stand, "max_login_failures = 3\nlogin_block_ms = 600000\nproxy_protocol_networks = 127.0.9.1\n", hashed_users())
    for _ in range(2):  # a success in between: it starts again
        assert refused(stand, "all", "wrong", source="127.0.0.4") == 1045
        assert refused(stand, "ghost", source="127.0.0.4") == 1045
        assert whoami(stand, "all", source="127.0.0.4") == "app@%"
    for _ in range(3):
        assert refused(stand, "all", "wrong", source="127.0.0.4") == 1045
    assert refused(stand, "all", source="127.0.0.4") == 1129
    assert refused(stand, "all", source="127.0.0.4") == 1129
    assert whoami(stand, "all", source="127.0.0.5") == "app@%"
    assert re.search(r"127\.0\.0\.4: 3 log-ins failed in a row", log_of(stand))
    # Behind a front it is the client that is put off, not the front.
    try:
        with_header(stand, v2_header("127.0.0.4"), "all", "pw", "127.0.9.1")
        raise AssertionError("it was let in")
    except wire.ServerError as error:
        assert error.code == 1129, error
    with_header(stand, v2_header("127.0.0.6"), "all", "pw", "127.0.9.1").close()
    stand.admin("FLUSH HOSTS")
    stand.wait_until(lambda: not try_refused(stand, "all", source="127.0.0.4"), 5, "FLUSH HOSTS ends it")


# ---- what is no log-in

def good(client):
    return client.login_payload()


def cut(size):
    return lambda client: wire.frame(good(client)[:size], 1)


def with_capabilities(capabilities):
    return lambda client: wire.frame(struct.pack("<I", capabilities) + good(client)[4:], 1)


def with_proof(proof):
    return lambda client: wire.frame(good(client)[:32] + b"all\0" + proof, 1)


def with_attributes(count):
    def make(client):
        client.attributes = {f"key{i}": "value" for i in range(count)}
        return wire.frame(good(client), 1)
    return make


def with_attributes_that_lie(client):
    client.attributes = {"a": "b"}
    return wire.frame(good(client)[:-5] + b"\xfe" + b"\xff" * 8 + b"\1a\1b", 1)


MALFORMED = {  # what is sent after the greeting, and the error
    "nothing in it": (lambda client: wire.frame(b"", 1), 1043),
    "one byte": (lambda client: wire.frame(b"\x01", 1), 1043),
    "number 0": (lambda client: wire.frame(good(client), 0), 1156),
    "number 2": (lambda client: wire.frame(good(client), 2), 1156),
    "number 255": (lambda client: wire.frame(good(client), 255), 1156),
    "half its fixed part": (cut(20), 1043),
    "its fixed part alone": (cut(32), 1043),
    "half a name": (cut(33), 1043),
    "no proof": (cut(36), 1043),
    "half a proof": (cut(45), 1043),
    "no NUL at all": (lambda client: wire.frame(good(client)[:32] + b"a" * 500, 1), 1043),
    "a long name": (lambda client: wire.frame(good(client)[:32] + b"a" * 10000 + b"\0", 1), 1043),
    "a proof of 2^64 - 1 bytes": (with_proof(b"\xfe" + b"\xff" * 8), 1043),
    "a proof of 2^63 - 1 bytes": (with_proof(b"\xfe" + b"\xff" * 7 + b"\x7f"), 1043),
    "a proof of 16 MB": (with_proof(b"\xfd\xff\xff\xff"), 1043),
    "a proof that is NULL": (with_proof(b"\xfb" + b"x" * 30), 1043),
    "a proof whose length is an error": (with_proof(b"\xff" + b"x" * 30), 1043),
    "no capabilities": (with_capabilities(0), 1043),
    "the protocol of 1999": (with_capabilities(wire.CLIENT_DEFAULT & ~wire.PROTOCOL_41), 1043),
    "attributes longer than the packet": (with_attributes_that_lie, 1043),
    "100,000 attributes": (with_attributes(100000), 1153),
    "16 MB of zeros": (lambda client: wire.frame(bytes(wire.PAYLOAD_MAX), 1), 1153),
    "megabytes of nothing": (lambda client: bytes(4 << 20), 1156),
    "HTTP": (lambda client: b"GET / HTTP/1.1\r\nHost: waybill\r\n\r\n", 1156),
    "TLS that was not agreed on": (lambda client: bytes.fromhex("160301020001000200fc0303") + bytes(500), 1156),
    "a statement": (lambda client: wire.frame(b"\x03SELECT 1", 0), 1156),
}
HARMLESS = {  # unusual, but no reason to refuse anybody
    "capabilities that nobody knows": with_capabilities(0xffffffff & ~(wire.SSL | wire.CONNECT_WITH_DB | wire.CONNECT_ATTRS | 0x20 | 1 << 26)),
    "1,000 attributes": with_attributes(1000),
    "a first statement without waiting": lambda client: wire.frame(good(client), 1) + wire.frame(b"\x03SELECT 1", 0),
}


def send_without_care(client, data):
    try:
        client.send_raw(data)
    except OSError:
        pass  # it was closed before all of it was there


def test_what_is_no_log_in(stand):
    """An error and a closed connection; one line in the log, with the address; nobody else notices."""
    configure(stand, "", hashed_users())
    bystander = prover(stand, "all")
    before = stand.waybill_rss_kib()
    for what, (make, code) in MALFORMED.items():
        for _ in range(3):
            logged = len(log_of(stand))  # an earlier client may have had the same port
            client = prover(stand, "all", connect=False)
            client.read_greeting()
            address = "%s:%d" % client.sock.getsockname()
            send_without_care(client, make(client))
            try:
                payload = client.read_packet(is_sequence_checked=False)
                assert payload[0] == 0xff and wire.read_error(payload).code == code, (what, payload[:80])
            except wire.ConnectionLost:  # a reset may throw the error away where more than was read is on its way
                assert what in ("16 MB of zeros", "megabytes of nothing", "100,000 attributes"), what
            assert client.is_closed_by_peer(5), what
            lines = log_of(stand)[logged:]
            assert lines.count(address + ":") + lines.count(address + " refused") == 1, (what, lines)
        assert bystander.query("SELECT 1").rows == [("1",)], what
    for what, make in HARMLESS.items():
        client = prover(stand, "all", connect=False)
        client.read_greeting()
        client.send_raw(make(client))
        assert client.read_packet(is_sequence_checked=False)[0] == 0, what
        client.close()
    if not os.environ.get("WAYBILL_SANITIZED"):
        assert stand.waybill_rss_kib() - before < 8192
    bystander.close()


def test_a_log_in_cut_at_every_byte(stand):
    """Always an answer; and in only with the whole proof: what is cut behind it counts as it is, as on a server."""
    whole = None
    for size in range(0, 200):
        client = prover(stand, "all", connect=False, attributes={"program_name": "x"}, database="shop")
        client.read_greeting()
        whole = good(client)
        if size >= len(whole):
            client.close_socket()
            break
        client.send_packet(whole[:size])
        payload = client.read_packet()
        is_proof_whole = size >= 32 + len(b"all\0") + 1 + 20
        assert payload[0] in (0xff, 0xfe) or (is_proof_whole and payload[0] == 0), (size, payload)
        client.close_socket()
    assert whole is not None and size >= len(whole)


def test_a_log_in_that_never_comes(stand):
    configure(stand, "login_timeout_ms = 500\n", hashed_users())
    silent = [prover(stand, "all", connect=False) for _ in range(20)]
    half = prover(stand, "all", connect=False)
    half.read_greeting()
    half.send_raw(wire.frame(good(half), 1)[:-5])
    huge = prover(stand, "all", connect=False)
    huge.read_greeting()
    huge.send_raw(b"\xff\xff\x00\x01" + b"x" * 60000)  # it says 64 KiB, and stops
    assert whoami(stand, "all") == "app@%"
    for client in silent + [half, huge]:
        assert client.is_closed_by_peer(3)
