"""TLS towards real servers: a cluster that lets nobody in without it, what is refused and why, reloads, a failover."""

import os
import shutil
import subprocess
import time

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


def status(stand, name, user="app"):
    return dict(wire_rows(stand, f"SHOW STATUS LIKE '{name}'", user)).get(name, "")


def wire_rows(stand, sql, user="app"):
    client = stand.client() if user == "app" else wire.Client(port=int(stand.values["WAYBILL_PORT"]), user=user,
                                                              password="app_pw", database="shop", timeout=30)
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
    restart_with(stand, waybill=settings(stand, "verify-ca"))
    first = stand.client()
    first.query("/* waybill: shard=s1 */ SELECT GET_LOCK('first', 0)")  # keeps its connection
    others = [stand.client() for _ in range(3)]
    for number, other in enumerate(others):
        other.query(f"/* waybill: shard=s1 */ SELECT GET_LOCK('other {number}', 0)")
    reused = [dict(other.query("/* waybill: shard=s1 */ SHOW STATUS LIKE 'Ssl_session%'").rows) for other in others]
    print(reused)
    for client in [first, *others]:
        client.close()
