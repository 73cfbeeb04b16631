"""Accounts that change (users = servers): statements about them count at once, and so does what an account may do."""

import time

import wire
from test_accounts import DAY, OFTEN, SERVERS, configure, is_ready, prover, refused, whoami

CLUSTER = {"shards": 2, "replicas": 1}
ALL = "/* waybill: shard={} */ {}"


def start(stand, waybill, users=""):
    configure(stand, waybill, users, workers=3)
    stand.wait_until(lambda: is_ready(stand) and all(row["fit"] == "yes" for row in stand.admin("SHOW SERVERS")
                                                     if row["role"] == "replica"), 20, "all servers are fit")


def on_servers(stand, *statements):
    """As root, straight on both primaries."""
    for server in ("s1a", "s2a"):
        root = stand.root(server)
        for statement in statements:
            root.query(statement)
        root.close()


def make_boss(stand):
    on_servers(stand, "CREATE OR REPLACE USER boss@'%' IDENTIFIED BY 'pw'", "GRANT ALL ON *.* TO boss@'%' WITH GRANT OPTION",
               "CREATE OR REPLACE USER clerk@'%' IDENTIFIED BY 'pw'", "CREATE DATABASE IF NOT EXISTS acc",
               "CREATE TABLE IF NOT EXISTS acc.t (a INT)")


def code(client, sql):
    try:
        client.query(sql)
        return 0
    except wire.ServerError as error:
        return error.code


def test_statements_count_at_once_on_every_worker(stand):
    make_boss(stand)
    start(stand, SERVERS + DAY)
    boss = prover(stand, "boss")

    def say(statement):
        boss.query(ALL.format("s2", statement))
        boss.query(ALL.format("s1", statement))
    for i in range(8):
        name = f"quick{i}"
        say(f"CREATE USER {name}@'%' IDENTIFIED BY 'one'")
        assert [whoami(stand, name, "one") for _ in range(4)] == [f"{name}@%"] * 4
        say(f"SET PASSWORD FOR {name}@'%' = PASSWORD('two')")
        assert [refused(stand, name, "one") for _ in range(4)] == [1045] * 4
        say(f"ALTER USER {name}@'%' ACCOUNT LOCK")
        assert [refused(stand, name, "two") for _ in range(4)] == [4151] * 4
        say(f"UPDATE mysql.global_priv SET Priv = JSON_REMOVE(Priv, '$.account_locked') WHERE User = '{name}'")
        say("FLUSH PRIVILEGES")
        say(f"RENAME USER {name}@'%' TO {name}@'127.%'")
        assert [whoami(stand, name, "two") for _ in range(4)] == [f"{name}@127.%"] * 4
        say(f"DROP USER {name}@'127.%'")
        assert [refused(stand, name, "two") for _ in range(4)] == [1045] * 4
    prepared = boss.prepare(ALL.format("s1", "CREATE USER quick@'%' IDENTIFIED BY 'one'"))
    boss.execute(prepared)
    assert whoami(stand, "quick", "one") == "quick@%"
    boss.query(ALL.format("s1", "DROP USER quick@'%'"))
    assert code(boss, "CREATE USER x@'%'") == 9001  # on which shard?
    assert code(boss, ALL.format("s1", "DROP USER nobody@'%'")) == 1396
    boss.close()


def test_who_was_made_just_now_is_not_the_anonymous_one(stand):
    on_servers(stand, "CREATE OR REPLACE USER ''@'%'")
    try:
        start(stand, SERVERS + DAY)
        assert whoami(stand, "somebody", "") == "@%"
        on_servers(stand, "CREATE OR REPLACE USER somebody@'%'")
        assert whoami(stand, "somebody", "") == "somebody@%"
        on_servers(stand, "CREATE OR REPLACE USER other@'%' IDENTIFIED BY 'pw'")
        assert whoami(stand, "other") == "other@%"
        assert refused(stand, "other", "") == 1045
    finally:
        on_servers(stand, "DROP USER ''@'%'", "DROP USER IF EXISTS somebody@'%', other@'%'")


PRIMARY = "[user *]\nreads = primary\ndefault_schema =\n"


def clerk_codes(stand, database="acc"):
    """What a new client may do, over connections that are in the pool: read, write."""
    client = prover(stand, "clerk", database=database)
    found = code(client, "SELECT a FROM t"), code(client, "INSERT INTO t VALUES (1)")
    client.close()
    return found


READ, WRITE = (0, 1142), (0, 0)


def test_privileges_count_for_the_next_connection(stand):
    """Those of all tables and of a schema are looked up once for each connection; the pool's are not kept for that."""
    make_boss(stand)
    start(stand, SERVERS + DAY, PRIMARY)
    boss = prover(stand, "boss")

    def say(statement):
        boss.query(ALL.format("s2", statement))
        boss.query(ALL.format("s1", statement))
    say("GRANT SELECT ON acc.* TO clerk@'%'")
    keeper = prover(stand, "clerk", database="acc")
    assert clerk_codes(stand) == READ
    say("GRANT INSERT ON acc.* TO clerk@'%'")
    assert clerk_codes(stand) == WRITE
    say("REVOKE INSERT ON acc.* FROM clerk@'%'")
    assert clerk_codes(stand) == READ
    say("GRANT INSERT ON *.* TO clerk@'%'")
    assert clerk_codes(stand) == WRITE
    say("REVOKE INSERT ON *.* FROM clerk@'%'")
    assert clerk_codes(stand) == READ
    say("CREATE OR REPLACE ROLE writer")
    say("GRANT writer TO clerk@'%'")
    say("SET DEFAULT ROLE writer FOR clerk@'%'")
    assert clerk_codes(stand) == READ
    for on in ("acc.*", "*.*"):
        say(f"GRANT INSERT ON {on} TO writer")
        assert clerk_codes(stand) == WRITE, on
        say(f"REVOKE INSERT ON {on} FROM writer")
        assert clerk_codes(stand) == READ, on
        say(f"GRANT INSERT ON {on} TO PUBLIC")
        assert clerk_codes(stand) == WRITE, on
        say(f"REVOKE INSERT ON {on} FROM PUBLIC")
        assert clerk_codes(stand) == READ, on
    say("DROP ROLE writer")
    assert keeper.query("SELECT COUNT(*) FROM t").rows
    say("REVOKE SELECT ON acc.* FROM clerk@'%'")
    assert code(keeper, "SELECT a FROM t") in (1044, 1142)  # its next statement has a new connection
    keeper.close()
    boss.close()


def test_changes_made_on_the_servers_count_with_the_next_read(stand):
    start(stand, SERVERS + OFTEN, PRIMARY)
    on_servers(stand, "GRANT SELECT ON acc.* TO clerk@'%'")
    stand.wait_until(lambda: try_codes(stand) == READ, 5, "he may read")
    on_servers(stand, "GRANT INSERT ON acc.* TO clerk@'%'")
    stand.wait_until(lambda: try_codes(stand) == WRITE, 5, "he may write")
    on_servers(stand, "REVOKE INSERT ON acc.* FROM clerk@'%'", "GRANT INSERT ON *.* TO clerk@'%'")
    time.sleep(0.5)
    assert clerk_codes(stand) == WRITE
    on_servers(stand, "REVOKE INSERT ON *.* FROM clerk@'%'")
    stand.wait_until(lambda: try_codes(stand) == READ, 5, "he may only read")


def try_codes(stand):
    try:
        return clerk_codes(stand)
    except wire.ServerError:
        return None


def test_a_password_that_is_changed_closes_nothing(stand):
    time.sleep(0.5)  # what was granted before is known
    keeper = prover(stand, "clerk", database="acc")
    keeper.query("SELECT a FROM t")
    on_servers(stand, "SET PASSWORD FOR clerk@'%' = PASSWORD('pw')")
    opened = sum(int(row["opened"]) for row in stand.admin("SHOW POOLS") if row["user"] == "clerk")
    time.sleep(0.5)
    keeper.query("SELECT a FROM t")
    assert sum(int(row["opened"]) for row in stand.admin("SHOW POOLS") if row["user"] == "clerk") == opened
    keeper.close()


def test_replicas_follow(stand):
    """A connection that was opened to a replica before that has applied the change is not kept."""
    start(stand, SERVERS + DAY)
    replica = stand.root("s1b")
    boss = prover(stand, "boss")
    boss.query(ALL.format("s1", "GRANT SELECT ON acc.* TO clerk@'%'"))
    client = prover(stand, "clerk", database="acc")
    stand.wait_until(lambda: code(client, "SELECT a FROM t") == 0, 5, "it may read")
    replica.query("STOP SLAVE SQL_THREAD")
    boss.query(ALL.format("s1", "REVOKE SELECT ON acc.* FROM clerk@'%'"))
    for _ in range(20):
        code(client, "SELECT a FROM t")  # opens anew where nobody knows of it yet
    replica.query("START SLAVE SQL_THREAD")
    stand.wait_until(lambda: all(code(client, "SELECT a FROM t") != 0 for _ in range(10)), 10, "no replica lets it read")
    stand.wait_until(lambda: all(row["fit"] == "yes" for row in stand.admin("SHOW SERVERS") if row["role"] == "replica"), 10,
                     "the replica is fit")
    time.sleep(0.3)
    assert {code(client, "SELECT a FROM t") for _ in range(30)} <= {1044, 1142}
    for one in (client, boss, replica):
        one.close()


def others(client):
    return {row[1] for row in client.query("SHOW PROCESSLIST").rows} - {"clerk"}


def test_sessions_of_others_as_the_servers_allow(stand):
    """PROCESS sees them; SUPER and CONNECTION ADMIN may KILL them."""
    boss = prover(stand, "boss")
    clerk = prover(stand, "clerk")

    def say(statement):
        boss.query(ALL.format("s1", statement))
    for grant, sees, kills in (("", False, False), ("PROCESS", True, False), ("CONNECTION ADMIN", False, True),
                               ("SUPER", False, True), ("PROCESS, SUPER", True, True)):
        say("REVOKE ALL PRIVILEGES, GRANT OPTION FROM clerk@'%'")
        if grant:
            say(f"GRANT {grant} ON *.* TO clerk@'%'")
        assert others(clerk) == ({"boss"} if sees else set()), grant
        victim = boss.query("SELECT CONNECTION_ID()").rows[0][0]
        assert code(clerk, f"KILL QUERY {victim}") == (0 if kills else 1095), grant
    say("REVOKE ALL PRIVILEGES, GRANT OPTION FROM clerk@'%'")
    say("CREATE OR REPLACE ROLE watcher")
    say("GRANT PROCESS ON *.* TO watcher")
    say("GRANT watcher TO clerk@'%'")
    assert others(clerk) == set()
    say("SET DEFAULT ROLE watcher FOR clerk@'%'")
    assert others(clerk) == {"boss"}
    say("DROP ROLE watcher")
    assert others(clerk) == set()
    clerk.close()
    boss.close()
