"""users = servers on MySQL 5.6, whose table of accounts is another one."""

import wire
from test_accounts import DAY, OFTEN, SERVERS, configure, log_of, prover, refused, whoami

CLUSTER = {"shards": 1, "replicas": 0, "flavor": "mysql56"}


def run(stand, *statements):
    root = stand.root("s1a")
    for statement in statements:
        root.query(statement)
    root.close()


def test_accounts_of_the_servers(stand):
    run(stand, "CREATE USER plain@'%' IDENTIFIED BY 'pw'", "CREATE USER empty@'%'",
        "CREATE USER expired@'%' IDENTIFIED BY 'pw'", "ALTER USER expired@'%' PASSWORD EXPIRE",
        "GRANT USAGE ON *.* TO sealed@'%' IDENTIFIED BY 'pw' REQUIRE SSL",
        "CREATE USER sha256@'%' IDENTIFIED WITH sha256_password",
        "CREATE USER ancient@'%'", "UPDATE mysql.user SET Password = '0123456789abcdef', plugin = '' WHERE User = 'ancient'",
        "CREATE USER near@'127.0.0.0/255.255.255.0' IDENTIFIED BY 'pw'",
        "CREATE USER far@'10.0.0.0/255.0.0.0' IDENTIFIED BY 'pw'", "FLUSH PRIVILEGES")
    configure(stand, SERVERS + DAY)
    for name in ("plain", "near"):
        assert whoami(stand, name).startswith(name + "@"), name
        assert whoami(stand, name, plugin=wire.SHA2).startswith(name + "@"), name
        assert refused(stand, name, "wrong") == 1045
    assert whoami(stand, "empty", "") == "empty@%"
    assert whoami(stand, "app", "app_pw") == "app@%"
    for name, code in (("expired", 1862), ("sealed", 1045), ("sha256", 1045), ("ancient", 1045), ("far", 1045), ("nobody", 1045)):
        assert refused(stand, name) == code, name
    assert "its password is from before MySQL 4.1" in log_of(stand)
    assert "waybill can't check what its plugin sha256_password wants to know" in log_of(stand)


def test_a_password_that_is_changed(stand):
    run(stand, "CREATE USER changes@'%' IDENTIFIED BY 'old'")
    assert whoami(stand, "changes", "old") == "changes@%"
    run(stand, "SET PASSWORD FOR changes@'%' = PASSWORD('new')")
    assert whoami(stand, "changes", "new") == "changes@%"
    assert refused(stand, "changes", "old") == 1045


def test_dropped(stand):
    configure(stand, SERVERS + OFTEN)
    client = prover(stand, "plain")
    assert client.query("SELECT 1").rows == [("1",)]
    run(stand, "DROP USER plain@'%'")
    assert client.is_closed_by_peer(5)
    assert refused(stand, "plain") == 1045
