"""How waybill logs in to real servers: each plugin of MariaDB, TLS, compression, the PROXY protocol, connection attributes."""

import os
import re

import wire

CLUSTER = {"shards": 1, "replicas": 1}


def restart_with(stand, users="", waybill="", server=""):
    """waybill with further [user] sections, settings of [waybill], and settings of every [server]."""
    stand.cluster("waybill", "stop")
    text = stand.cluster("conf")
    text = text.replace("[waybill]\n", "[waybill]\n" + waybill, 1).replace("workers = 2", "workers = 1")
    text = re.sub(r"(\[server \w+\]\n)", lambda found: found[1] + server, text)
    path = os.path.join(stand.directory, "test.ini")
    with open(path, "w") as out:
        out.write(text + users)
    stand.cluster("waybill", "start", "--conf", path)
    stand.wait_until(lambda: stand.try_query("SELECT 1"), 20, "waybill answers")


def user_section(name, password="app_pw", **settings):
    lines = [f"[user {name}]", f"password = {password}", "default_schema = shop"]
    return "\n".join(lines + [f"{key} = {value}" for key, value in settings.items()]) + "\n\n"


def ask(stand, user, sql="SELECT CURRENT_USER()", password="app_pw", **more):
    """The first value that the user gets through waybill; connections of the primary only."""
    client = wire.Client(port=int(stand.values["WAYBILL_PORT"]), user=user, password=password, database="shop", timeout=30,
                         **more)
    try:
        return client.query("/* waybill: shard=s1 */ " + sql).rows[0][0]
    finally:
        client.close()


def error_of(stand, user, **more):
    try:
        ask(stand, user, **more)
    except wire.ServerError as error:
        return error
    raise AssertionError(f"{user} got in")


def test_ed25519(stand):
    root = stand.root("s1a")
    root.query("INSTALL SONAME 'auth_ed25519'")
    root.query("CREATE USER edward@'%' IDENTIFIED VIA ed25519 USING PASSWORD('edwards own')")
    root.query("CREATE USER either@'%' IDENTIFIED VIA ed25519 USING PASSWORD('one way') OR mysql_native_password "
               "USING PASSWORD('other way')")
    root.query("GRANT SELECT ON shop.* TO edward@'%', either@'%'")
    stand.root("s1b").query("INSTALL SONAME 'auth_ed25519'")
    restart_with(stand, user_section("edward", server_password="edwards own") +
                 user_section("wrong", server_user="edward", server_password="edwards") +
                 user_section("other", server_user="either", server_password="other way"))
    assert ask(stand, "edward") == "edward@%"
    assert ask(stand, "other") == "either@%"  # the server asks for one plugin after the other
    assert error_of(stand, "wrong").code == 1045


def servers_with(stand, *lines):
    """Restarts both servers with further lines in their my.cnf; waybill, which is stopped here, opens the primary again."""
    stand.cluster("waybill", "stop")
    for server in ("s1a", "s1b"):
        stand.cluster("stop", f"s1/{server}")
        path = os.path.join(stand.directory, server, "my.cnf")
        with open(path) as old:
            kept = old.read().split("# test_server_login\n")[0]
        with open(path, "w") as new:
            new.write(kept + "# test_server_login\n" + "".join(line.format(server=server) + "\n" for line in lines))
        stand.cluster("start", f"s1/{server}")


def test_proxy_protocol(stand):
    for server in ("s1a", "s1b"):
        stand.root(server).query("SET GLOBAL proxy_protocol_networks = '127.0.0.1'")
    for version in ("v1", "v2"):
        restart_with(stand, server=f"proxy_protocol = {version}\n")
        assert ask(stand, "app", "SELECT USER()", source="127.0.0.8") == "app@127.0.0.8"
        assert ask(stand, "app", "SELECT USER()", source="127.0.0.9") == "app@127.0.0.9"
        connection = ask(stand, "app", "SELECT CONNECTION_ID() + 0", source="127.0.0.8")
        assert ask(stand, "app", "SELECT CONNECTION_ID() + 0", source="127.0.0.8") == connection
        assert ask(stand, "app", "SELECT CONNECTION_ID() + 0", source="127.0.0.9") != connection
    for server in ("s1a", "s1b"):
        stand.root(server).query("SET GLOBAL proxy_protocol_networks = ''")
    restart_with(stand)
    assert ask(stand, "app", "SELECT USER()", source="127.0.0.8") == "app@127.0.0.1"


def test_connection_attributes(stand):
    servers_with(stand, "performance_schema = ON")
    # Nobody else's: a connection that was opened for another client would have that one's attributes.
    restart_with(stand, user_section("sales", server_user="app", server_password="app_pw"))
    stand.root("s1a").query("GRANT SELECT ON performance_schema.* TO app@'%'")
    own = {"program_name": "sales", "_client_name": "wire.py", "waybill": "a lie"}
    client = wire.Client(port=int(stand.values["WAYBILL_PORT"]), user="sales", password="app_pw", database="shop", source="127.0.0.7",
                         attributes=own)
    sql = "/* waybill: shard=s1 */ SELECT ATTR_NAME, ATTR_VALUE FROM performance_schema.session_connect_attrs " \
          "WHERE PROCESSLIST_ID = CONNECTION_ID() + 0"
    found = dict(client.query(sql).rows)
    client.close()
    assert found["program_name"] == "waybill" and found["_client_name"] == "waybill", found
    assert found["client.program_name"] == "sales" and found["client._client_name"] == "wire.py", found
    assert found["client.waybill"] == "a lie" and found["client.user"] == "sales", found
    assert found["client.address"].startswith("127.0.0.7:"), found
    assert found["_pid"] == str(stand.waybill_pid()), found
