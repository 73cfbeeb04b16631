"""How waybill logs in to real servers: each plugin of MariaDB, TLS, compression, the PROXY protocol, connection attributes."""

import os
import re

import wire

CLUSTER = {"shards": 1, "replicas": 1}


def restart_with(stand, users="", waybill="", server=""):
    """waybill with further [user] sections, settings of [waybill], and settings of every [server]."""
    stand.cluster("waybill", "stop")
    text = stand.cluster("conf")
    text = text.replace("[waybill]\n", "[waybill]\n" + waybill, 1)
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
