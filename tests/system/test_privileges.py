"""The accounts of the README, with those privileges and no others, are enough for work, for a failover and for a repair."""

import os
import re

from test_recovery import quietly, xa
from stand import ROOT

CLUSTER = {"shards": 2, "replicas": 2}
PASSWORDS = {"waybill": "waybill_pw", "repl": "repl_pw", "shop": "app_pw"}


def account_statements():
    with open(os.path.join(ROOT, "README.md")) as page:
        block = re.search(r"^```sql\n(.*?)^```", page.read(), re.M | re.S)[1]
    for statement in re.sub(r"--.*", "", block).split(";"):
        statement = statement.strip().replace("@'10.0.0.%'", "@'127.0.0.1'")
        user = re.search(r"(\w+)@'", statement)
        if user:
            statement = re.sub(r"IDENTIFIED BY '.*'", f"IDENTIFIED BY '{PASSWORDS[user[1]]}'", statement)
            yield statement.replace("shop@", "app@")  # the stand's application logs in as `app`


def test_accounts_of_the_readme_are_enough(stand):
    stand.cluster("waybill", "stop")
    for primary in ("s1a", "s2a"):
        root = stand.root(primary)
        root.query("DROP DATABASE waybill")
        for user in ("waybill", "repl", "app"):
            root.query(f"DROP USER {user}@'%'")
        for statement in account_statements():
            root.query(statement)
    stand.start_waybill()
    stand.wait_until(lambda: stand.try_query("SELECT 1"), 20, "waybill answers")
    client = stand.client()
    client.query("CREATE TABLE notes (id INT PRIMARY KEY)")
    client.query("INSERT INTO notes VALUES (1)")
    stand.cluster("kill", "s1/s1a")
    stand.wait_until(lambda: stand.admin("SHOW SHARDS")[0]["primary"] in ("s1b", "s1c"), 20, "a promotion")
    client.query("INSERT INTO notes VALUES (2)")
    assert client.query("SELECT COUNT(*) FROM notes").rows == [("2",)]

    def roles():
        return sorted(row["role"] for row in stand.admin("SHOW SERVERS") if row["server"].startswith("s1"))
    stand.wait_until(lambda: roles() == ["detached", "primary", "replica"], 20, "the third follows the second")


def test_they_are_enough_to_put_a_primary_right(stand):
    xa(stand.root("s2a"), "wb:1:a:1:s1", "INSERT INTO waybill.event VALUES (1000, NOW(), 1, 'lost')")
    quietly(stand.root("s2a"), "XA ROLLBACK 'wb:1:a:1:s1','x.1',22338")
    stand.cluster("waybill", "stop")  # (it would promote another)
    stand.cluster("stop", "s2/s2a")
    stand.cluster("start", "s2/s2a")
    stand.start_waybill()
    stand.wait_until(lambda: any("wb:1:a:1:s1 was prepared in its binary log only" in row["event"] for row in stand.admin("SHOW EVENTS")),
                     20, lambda: stand.admin("SHOW EVENTS")[-6:])
