"""A reload under load: servers come and go, a weight changes, tables and users are new, and no client notices."""

import os
import re
import signal
import threading
import time

import wire
from test_failover import prepare

CLUSTER = {"shards": 2, "replicas": 2}
MORE = """
[table shop.coupons]
key = buyer_id

[user newbie]
password = newbie_pw
server_user = app
server_password = app_pw
default_schema = shop
"""


def path_of(stand):
    return os.path.join(stand.directory, "waybill.ini")


def read(stand):
    with open(path_of(stand)) as configuration:
        return configuration.read()


def write(stand, text):
    with open(path_of(stand), "w") as configuration:
        configuration.write(text)


def reload(stand):
    client = wire.Client(port=int(stand.values["WAYBILL_ADMIN_PORT"]), user=stand.values["WAYBILL_ADMIN_USER"],
                         password=stand.values["WAYBILL_ADMIN_PASSWORD"], timeout=10)
    client.query("RELOAD")
    client.close()


def hang_up(stand):
    os.kill(stand.waybill_pid(), signal.SIGHUP)


def servers(stand):
    return {row["server"]: row for row in stand.admin("SHOW SERVERS")}


def without_server(text, name):
    text = re.sub(rf"\[server {name}\]\n(?:[^\[]*\n)?(?=\[)", "", text)
    return text.replace(f", {name}", "")


def probes(stand):
    """The names of waybill's probing threads."""
    task = f"/proc/{stand.waybill_pid()}/task"
    names = []
    for thread in os.listdir(task):
        try:
            with open(f"{task}/{thread}/comm") as name:
                names.append(name.read().strip())
        except OSError:
            pass
    return sorted(name[6:] for name in names if name.startswith("probe "))


class Load:
    """Orders are placed as long as the block runs; each acknowledged one is looked up afterwards."""

    def __init__(self, stand, seconds):
        self.stand, self.result = stand, {}
        self.ledger = os.path.join(stand.directory, "reload-ledger")
        words = ("place", "--seconds", str(seconds), "--clients", "8", "--users", "500", "--ledger", self.ledger)
        self.thread = threading.Thread(target=lambda: self.result.update(zip(("code", "figures", "complaint"), stand.orders(*words))))

    def __enter__(self):
        self.thread.start()
        time.sleep(0.5)

    def __exit__(self, *failure):
        self.thread.join()
        if failure[0] is None:
            figures = self.result["figures"]
            assert self.result["code"] == 0 and int(figures["acknowledged"]) > 50, self.result
            code, checked, complaint = self.stand.orders("verify", "--ledger", self.ledger)
            assert code == 0 and checked["missing"] == "0", f"{checked} {complaint}"


def test_all_at_once_under_load(stand):
    prepare(stand)
    stand.wait_until(lambda: all(row["fit"] == "yes" for row in servers(stand).values() if row["role"] == "replica"), 20, "fit")
    whole = read(stand)
    with Load(stand, 6):
        less = without_server(without_server(whole, "s1c"), "s2c")
        assert less.count("[server ") == 4
        less = re.sub(r"(\[server s1b\]\n[^\[]*weight = )100", r"\g<1>7", less)
        write(stand, less + MORE)
        reload(stand)
        assert sorted(servers(stand)) == ["s1a", "s1b", "s2a", "s2b"]
        assert servers(stand)["s1b"]["weight"] == "7"
        assert "shop.coupons" in [row["table"] for row in stand.admin("SHOW TABLES")]
        stand.wait_until(lambda: probes(stand) == ["s1a", "s1b", "s2a", "s2b"], 10, "the removed ones' probes have ended")
        client = wire.Client(port=int(stand.values["WAYBILL_PORT"]), user="newbie", password="newbie_pw", database="shop", timeout=30)
        client.query("CREATE TABLE IF NOT EXISTS coupons (buyer_id BIGINT PRIMARY KEY, percent INT)")
        for buyer in range(1, 21):
            client.query(f"REPLACE INTO coupons (buyer_id, percent) VALUES ({buyer}, 5)")
        rows = client.query("SELECT COUNT(*) FROM coupons JOIN users USING (buyer_id) WHERE buyer_id = 7").rows
        assert rows[0][0] == "1", rows
        assert client.query("SELECT COUNT(*) FROM coupons").rows[0][0] == "20"
        time.sleep(0.5)
        write(stand, whole)
        hang_up(stand)
        stand.wait_until(lambda: len(servers(stand)) == 6 and servers(stand)["s1c"]["fit"] == "yes", 15, "s1c serves again")
        assert servers(stand)["s1b"]["weight"] == "100"
        before = int(servers(stand)["s1c"]["reads"])
        stand.wait_until(lambda: int(servers(stand)["s1c"]["reads"]) > before, 10, "reads go there")
        try:
            wire.Client(port=int(stand.values["WAYBILL_PORT"]), user="newbie", password="newbie_pw", timeout=10)
            raise AssertionError("the removed user still gets in")
        except wire.ServerError as error:
            assert error.code == 1045, error
    assert [row["state"] for row in stand.admin("SHOW SHARDS")] == ["ok", "ok"]


def test_many_reloads_leave_nothing_behind(stand):
    whole = read(stand)
    less = without_server(whole, "s1c")
    with Load(stand, 5):
        for _ in range(15):
            write(stand, less)
            reload(stand)
            write(stand, whole)
            hang_up(stand)
            stand.wait_until(lambda: "s1c" in servers(stand), 10, "the signal was heard")
    stand.wait_until(lambda: probes(stand) == ["s1a", "s1b", "s1c", "s2a", "s2b", "s2c"], 10, "one probe for each server")
    stand.wait_until(lambda: servers(stand)["s1c"]["fit"] == "yes", 10, "s1c is fit")
    assert [row["primary"] for row in stand.admin("SHOW SHARDS")] == ["s1a", "s2a"]


def test_a_mistake_changes_nothing(stand):
    whole = read(stand)
    write(stand, without_server(whole, "s1c") + "\n[table shop.orders]\nkey = buyer_id\n")
    try:
        reload(stand)
        raise AssertionError("a table twice was taken")
    except wire.ServerError as error:
        assert "nothing was changed" in error.message and "shop.orders" in error.message, error.message
    finally:
        write(stand, whole)
    assert "s1c" in servers(stand)


def test_failover_after_a_reload(stand):
    """A server that came by a reload is a candidate like the others, and one that is gone is not asked."""
    write(stand, without_server(read(stand), "s2c"))
    reload(stand)
    stand.root("s2c").query("STOP SLAVE")  # it is somebody else's now
    with Load(stand, 8):
        stand.cluster("kill", "s2/s2a")
        stand.wait_until(lambda: stand.admin("SHOW SHARDS")[1]["primary"] == "s2b", 20, "s2b is promoted")
    assert servers(stand)["s2a"]["role"] == "detached"


def test_a_user_who_is_removed(stand):
    """Idle sessions end at once, busy ones after their command; a changed password ends nothing."""
    text = read(stand)
    write(stand, text + MORE)
    reload(stand)
    more = {"port": int(stand.values["WAYBILL_PORT"]), "user": "newbie", "password": "newbie_pw", "database": "shop", "timeout": 10}
    write(stand, text + MORE.replace("password = newbie_pw", "password = another", 1))
    idle, busy, open_one = (wire.Client(**more) for _ in range(3))
    reload(stand)
    for one in (idle, busy, open_one):
        one.query("SELECT 1")
    open_one.query("BEGIN")
    open_one.query("SELECT schema_name FROM information_schema.schemata")
    answers = []
    thread = threading.Thread(target=lambda: answers.append(busy.query("SELECT SLEEP(1)").rows[0][0]))
    thread.start()
    time.sleep(0.3)
    write(stand, text)
    reload(stand)
    thread.join()
    assert answers == ["0"], answers
    for one in (idle, busy, open_one):
        try:
            one.query("SELECT 1")
            raise AssertionError("it goes on")
        except wire.ServerError as error:
            assert error.code == 1045, error
        except (wire.ConnectionLost, wire.ProtocolError, OSError):
            pass  # the error came before the question
    log = open(os.path.join(stand.directory, "waybill.log")).read()
    assert "user ''" not in log and "for user ''@" not in log
