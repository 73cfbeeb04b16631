"""The accounts of the README, with those privileges and no others, are enough for work and for a failover."""

import os
import re

from stand import ROOT

CLUSTER = {"shards": 1, "replicas": 2}
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
    root = stand.root("s1a")
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
    states = {row["server"]: row["role"] for row in stand.admin("SHOW SERVERS")}
    assert sorted(states.values()) == ["detached", "primary", "replica"], states
