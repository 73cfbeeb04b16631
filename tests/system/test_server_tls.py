"""TLS towards real servers: a cluster that lets nobody in without it, what is refused and why, reloads, a failover."""

import os
import shutil
import subprocess

import wire
from test_failover import primary_of
from test_reload import reload
from test_server_login import ask, restart_with, user_section

CLUSTER = {"shards": 1, "replicas": 2}
SERVERS = ("s1a", "s1b", "s1c")
CERTIFICATES = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "support", "certificates")


def file(stand, name):
    return os.path.join(stand.directory, "certificates", name)


def install(stand, name, to="now"):
    """The servers have their certificate at one path; what stands there changes. (For them all files are readable.)"""
    for end in (".pem", ".key"):
        shutil.copy(file(stand, name + end), file(stand, to + end))
        os.chmod(file(stand, to + end), 0o644)


def make_certificates(stand):
    if not os.path.exists(file(stand, "ca.pem")):
        subprocess.run([CERTIFICATES, file(stand, "")], check=True)
        shutil.copy(file(stand, "ca.pem"), file(stand, "trusted.pem"))


def restart_servers(stand, *lines):
    """All servers with further lines in their my.cnf; waybill, which is stopped here, opens the primary again."""
    stand.cluster("waybill", "stop")
    for server in SERVERS:
        stand.cluster("stop", f"s1/{server}")
        path = os.path.join(stand.directory, server, "my.cnf")
        with open(path) as old:
            kept = old.read().split("# test_server_tls\n")[0]
        with open(path, "w") as new:
            new.write(kept + "# test_server_tls\n" + "".join(line + "\n" for line in lines))
        stand.cluster("start", f"s1/{server}")


def with_tls(stand, *more, certificate="server"):
    make_certificates(stand)
    install(stand, certificate)
    restart_servers(stand, f"ssl_ca = {file(stand, 'ca.pem')}", f"ssl_cert = {file(stand, 'now.pem')}",
                    f"ssl_key = {file(stand, 'now.key')}", *more)


def settings(stand, mode, **more):
    named = {"ca": file(stand, "trusted.pem"), **more}
    return f"server_tls = {mode}\n" + "".join(f"server_tls_{key} = {value}\n" for key, value in named.items() if value)


def status(stand, name):
    """Of the connection to the primary. A client that asks for the status is told of its own connection: a view is not seen
    through."""
    stand.wait_until(lambda: primary_of(stand, "s1") in SERVERS, 15, "there is a primary")
    root = stand.root(primary_of(stand, "s1"))
    root.query("CREATE OR REPLACE SQL SECURITY INVOKER VIEW shop.link AS SELECT VARIABLE_NAME AS name, VARIABLE_VALUE AS value "
               "FROM information_schema.SESSION_STATUS WHERE VARIABLE_NAME IN ('SSL_VERSION', 'SSL_CIPHER', 'COMPRESSION')")
    root.close()
    client = stand.client()
    rows = dict(client.query("/* waybill: primary */ SELECT name, value FROM link").rows)
    client.close()
    return rows[name.upper()]


def wire_rows(stand, sql):
    client = stand.client()
    try:
        return [tuple(row) for row in client.query("/* waybill: shard=s1 */ " + sql).rows]
    finally:
        client.close()


def set_all(stand, name, value):
    for server in SERVERS:
        root = stand.root(server)
        root.query(f"SET GLOBAL {name} = {value}")
        root.close()


def servers(stand):
    return {row["server"]: row for row in stand.admin("SHOW SERVERS")}


def start_and_fail(stand, text):
    """waybill cannot reach any server: what it says of them, and what its client gets."""
    restart_with_text(stand, text + "hold_ms = 0\n")
    stand.wait_until(lambda: all(row["problem"] for row in servers(stand).values()), 15, "waybill says what is wrong")
    problems = {row["problem"] for row in servers(stand).values()}
    assert not stand.try_query("SELECT 1 FROM mysql.user"), "a statement got through"
    return " | ".join(sorted(problems))


def restart_with_text(stand, text):
    stand.cluster("waybill", "stop")
    path = os.path.join(stand.directory, "test.ini")
    with open(path, "w") as out:
        out.write(stand.cluster("conf").replace("[waybill]\n", "[waybill]\n" + text, 1))
    stand.cluster("waybill", "start", "--conf", path)


def replicates(stand, server):
    root = stand.root(server)
    result = root.query("SHOW SLAVE STATUS")
    root.close()
    row = dict(zip(result.names(), result.rows[0])) if result.rows else {}
    return (row.get("Slave_IO_Running"), row.get("Slave_SQL_Running"), row.get("Master_SSL_Allowed"))


def test_every_mode(stand):
    with_tls(stand)
    for mode in ("preferred", "required", "verify-ca", "verify-identity"):
        restart_with(stand, waybill=settings(stand, mode))
        assert status(stand, "Ssl_version").startswith("TLSv1."), mode
        assert status(stand, "Ssl_cipher"), mode
    restart_with(stand, waybill=settings(stand, "required", min_version="TLSv1.3", ca=""))
    assert status(stand, "Ssl_version") == "TLSv1.3"
    restart_with(stand, waybill=settings(stand, "disabled"))
    assert status(stand, "Ssl_version") == ""
    restart_with(stand, waybill=settings(stand, "disabled"), server="tls = verify-identity\n")
    assert status(stand, "Ssl_version").startswith("TLSv1.")


def test_sessions_are_resumed(stand):
    with_tls(stand)
    restart_with(stand, waybill=settings(stand, "verify-ca") + "log_level = debug\n")
    first = stand.client()
    first.query("/* waybill: shard=s1 */ SELECT GET_LOCK('first', 0)")  # keeps its connection
    others = [stand.client() for _ in range(3)]
    for number, other in enumerate(others):
        other.query(f"/* waybill: shard=s1 */ SELECT GET_LOCK('other {number}', 0)")
    for client in [first, *others]:
        client.close()
    with open(os.path.join(stand.directory, "waybill.log"), errors="replace") as log:
        lines = [line for line in log if "TLSv1.3" in line]  # MariaDB's own Ssl_sessions_reused says 0 in any case
    assert len(lines) >= 4 and all("resumed" in line for line in lines[-3:]), lines


def test_refusals(stand):
    """What waybill says of its servers, where nothing can be spoken with them."""
    with_tls(stand)
    wrong = start_and_fail(stand, settings(stand, "verify-ca", ca=file(stand, "other-ca.pem")))
    assert "certificate" in wrong, wrong
    with_tls(stand, certificate="stranger")
    wrong = start_and_fail(stand, settings(stand, "verify-identity"))
    assert "certificate" in wrong, wrong
    restart_with(stand, waybill=settings(stand, "verify-ca"))  # its name is not looked at
    assert status(stand, "Ssl_cipher")
    with_tls(stand, certificate="expired")
    wrong = start_and_fail(stand, settings(stand, "verify-ca"))
    assert "expired" in wrong, wrong
    restart_with(stand, waybill=settings(stand, "required"))
    assert status(stand, "Ssl_cipher")


def test_servers_without_tls(stand):
    make_certificates(stand)
    restart_servers(stand)
    restart_with(stand, waybill=settings(stand, "preferred"))
    assert status(stand, "Ssl_cipher") == ""
    for mode in ("required", "verify-ca"):
        wrong = start_and_fail(stand, settings(stand, mode))
        assert "offers no TLS" in wrong, wrong
    wrong = start_and_fail(stand, settings(stand, "verify-identity"))
    assert "SSL is required" in wrong, wrong


def test_a_certificate_of_ones_own(stand):
    with_tls(stand)
    root = stand.root("s1a")
    root.query("CREATE OR REPLACE USER careful@'%' IDENTIFIED BY 'app_pw' REQUIRE SUBJECT '/O=shop/CN=app'")
    root.query("GRANT SELECT ON shop.* TO careful@'%'")
    root.close()
    own = {"cert": file(stand, "client.pem"), "key": file(stand, "client.key")}
    restart_with(stand, user_section("careful"), waybill=settings(stand, "required", **own) + "read_split = off\n")
    assert ask(stand, "careful") == "careful@%"
    restart_with(stand, user_section("careful"), waybill=settings(stand, "required"))
    try:
        ask(stand, "careful")
        raise AssertionError("careful got in without a certificate")
    except wire.ServerError as error:
        assert error.code == 1045, error


def test_files_are_read_again(stand):
    """Another authority signs the servers' certificates: a transaction goes on, the next connection trusts the new one."""
    with_tls(stand)
    restart_with(stand, waybill=settings(stand, "verify-ca") + "read_split = off\n")
    client = stand.client()
    client.query("/* waybill: shard=s1 */ BEGIN")
    own = client.query("/* waybill: shard=s1 */ SELECT CONNECTION_ID() + 0").rows[0][0]
    idle = ask(stand, "app", "SELECT CONNECTION_ID() + 0")
    assert idle == ask(stand, "app", "SELECT CONNECTION_ID() + 0") != own
    install(stand, "other")
    for server in SERVERS:
        stand.root(server).query("FLUSH LOCAL SSL")  # in no binlog
    shutil.copy(file(stand, "other-ca.pem"), file(stand, "trusted.pem"))
    reload(stand)
    assert client.query("/* waybill: shard=s1 */ SELECT CONNECTION_ID() + 0").rows[0][0] == own
    new = ask(stand, "app", "SELECT CONNECTION_ID() + 0")
    assert new not in (own, idle), "a connection that trusted the old authority is still lent"
    client.query("COMMIT")
    client.close()
    stand.wait_until(lambda: own not in {row[0] for row in wire_rows(
        stand, "SELECT ID + 0 FROM information_schema.PROCESSLIST")}, 5, "the old connection is closed when it is given back")
    # A file that can't be used leaves all as it is.
    with open(file(stand, "trusted.pem"), "w") as broken:
        broken.write("nothing\n")
    try:
        reload(stand)
        raise AssertionError("a CA file without a certificate was taken")
    except wire.ServerError as error:
        assert "CA file" in error.message, error
    again = ask(stand, "app", "SELECT CONNECTION_ID() + 0")
    assert again == new, (own, idle, new, again)
    shutil.copy(file(stand, "ca.pem"), file(stand, "trusted.pem"))


def test_a_header_goes_ahead(stand):
    """The PROXY protocol's header comes before TLS."""
    with_tls(stand)
    set_all(stand, "proxy_protocol_networks", "'127.0.0.1'")
    restart_with(stand, waybill=settings(stand, "verify-identity"), server="proxy_protocol = v2\n")
    assert ask(stand, "app", "SELECT USER()", source="127.0.0.8") == "app@127.0.0.8"
    assert status(stand, "Ssl_cipher")
    set_all(stand, "proxy_protocol_networks", "''")


def count_safe(stand, server):
    root = stand.root(server)
    try:
        return root.query("SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_NAME = 'safe'").rows[0][0] == "1" and \
            root.query("SELECT COUNT(*) FROM shop.safe").rows[0][0]
    finally:
        root.close()


def test_nobody_gets_in_without_tls(stand):
    """Statements, reads on replicas, probes and a failover over TLS; the replica left over follows the new primary over TLS."""
    with_tls(stand)
    for server in SERVERS[1:]:
        root = stand.root(server)
        root.query("STOP SLAVE")
        root.query("CHANGE MASTER TO MASTER_SSL_CIPHER = 'ECDHE-ECDSA-AES256-GCM-SHA384'")
        root.query("START SLAVE")
        stand.wait_until(lambda server=server: replicates(stand, server) == ("Yes", "Yes", "No"), 10, f"{server} replicates")
        root.close()
    set_all(stand, "require_secure_transport", "ON")  # what is connected stays: the replicas have no TLS yet
    restart_with(stand, waybill=settings(stand, "verify-identity"))
    loader = stand.client(user="loader")
    loader.query("CREATE TABLE IF NOT EXISTS shop.safe (id INT PRIMARY KEY)")
    loader.query("/* waybill: shard=s1 */ INSERT INTO safe VALUES (1)")
    stand.wait_until(lambda: [row["fit"] for row in servers(stand).values() if row["role"] == "replica"] == ["yes", "yes"], 15,
                     "both replicas are fit")
    for server in SERVERS[1:]:
        stand.wait_until(lambda server=server: count_safe(stand, server) == "1", 10, f"{server} has the row")
    before = {name: int(row["reads"]) for name, row in servers(stand).items()}
    client = stand.client()
    for _ in range(20):
        assert client.query("SELECT COUNT(*) FROM safe").rows[0][0] == "1"
    assert all(int(servers(stand)[name]["reads"]) > before[name] for name in ("s1b", "s1c")), "replicas are not read"
    stand.cluster("kill", "s1/s1a")
    stand.wait_until(lambda: primary_of(stand, "s1") in SERVERS[1:], 30, "another is the primary")
    loader.query("/* waybill: shard=s1 */ INSERT INTO safe VALUES (2)")
    follower = next(server for server in SERVERS[1:] if server != primary_of(stand, "s1"))
    stand.wait_until(lambda: replicates(stand, follower) == ("Yes", "Yes", "Yes"), 30, f"{follower} follows over TLS")
    stand.wait_until(lambda: count_safe(stand, follower) == "2", 10, f"{follower} has both rows")
    root = stand.root(follower)
    result = root.query("SHOW SLAVE STATUS")
    kept = dict(zip(result.names(), result.rows[0]))["Master_SSL_Cipher"]
    assert kept == "ECDHE-ECDSA-AES256-GCM-SHA384", f"a setting of the replica's own is gone: {kept}"
    root.close()
    stand.cluster("start", "s1/s1a")
    set_all(stand, "require_secure_transport", "OFF")
