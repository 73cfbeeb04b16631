"""Transactions on several shards: all shards or none, and what is left is finished by anybody."""

import os
import random
import re
import signal
import threading
import time

import test_reload
import wire

WITHIN_S = 25
CLUSTER = {"shards": 2, "replicas": 0, "settings": "in_doubt_ms = 500\n"}
BUYERS, MONEY = 20, 100


def bank(stand):
    return wire.Client(port=int(stand.values["WAYBILL_PORT"]), user="bank", password="bank_pw", database="shop", timeout=20)


def fill(stand):
    client = bank(stand)
    client.query("CREATE TABLE IF NOT EXISTS users (buyer_id BIGINT PRIMARY KEY, money INT NOT NULL) ENGINE=InnoDB")
    client.query("CREATE TABLE IF NOT EXISTS products (id INT PRIMARY KEY, v INT NOT NULL) ENGINE=InnoDB")
    client.query("DELETE FROM users")
    client.query("DELETE FROM products")
    client.query("INSERT INTO users VALUES " + ", ".join(f"({i}, {MONEY})" for i in range(1, BUYERS + 1)))
    return client


def branches(stand):
    return [row for server in ("s1a", "s2a") for row in stand.root(server).query("XA RECOVER").rows]


def total(client):
    return int(client.query("SELECT SUM(money) FROM users").rows[0][0])


def here_and_there(stand):
    """A buyer on s1 and one on s2."""
    return [int(stand.root(f"{shard}a").query("SELECT MIN(buyer_id) FROM shop.users").rows[0][0]) for shard in ("s1", "s2")]


def code_of(client, sql):
    try:
        client.query(sql)
        return 0
    except wire.ServerError as error:
        return error.code


def test_transfer(stand):
    client = fill(stand)
    one, other = here_and_there(stand)
    for end, moved in (("COMMIT", 7), ("ROLLBACK", 0)):
        client.query("BEGIN")
        client.query(f"UPDATE users SET money = {MONEY} - 7 WHERE buyer_id = {one}")
        client.query(f"UPDATE users SET money = {MONEY} + 7 WHERE buyer_id = {other}")
        client.query(end)
        rows = client.query(f"SELECT money FROM users WHERE buyer_id = {one}").rows
        assert rows == [(str(MONEY - 7),)], rows
        assert total(client) == BUYERS * MONEY
    decided = stand.root("s1a").query("SELECT COUNT(*) FROM waybill.decision WHERE outcome = 'C'").rows
    assert int(decided[0][0]) >= 1, decided
    assert branches(stand) == []


def value(client, sql):
    return client.query(sql).rows[0][0]


def outcome(stand, token):
    return value(bank(stand), f"SELECT waybill_outcome('{token}')")


def begin(client, buyers):
    """A transaction that takes 7 from each buyer; its token, which is read early."""
    client.query("BEGIN")
    assert value(client, "SELECT @@waybill_transaction") is None  # it is nowhere yet
    token = None
    for buyer in buyers:
        client.query(f"UPDATE users SET money = money - 7 WHERE buyer_id = {buyer}")
        token = token or value(client, "SELECT @@waybill_transaction AS token")
    assert token and value(client, f"SELECT waybill_outcome('{token}')") == "running"
    return token


def test_tokens_tell_what_became_of_it(stand):
    client = fill(stand)
    one, other = here_and_there(stand)
    for buyers in ([one], [other], [one, other], [other, one]):
        token = begin(client, buyers)
        client.query("COMMIT")
        assert outcome(stand, token) == "committed"
        token = begin(client, buyers)
        client.query("ROLLBACK")
        assert outcome(stand, token) == "rolled back" == outcome(stand, token)
    assert value(client, "SELECT @@waybill_transaction") is None
    assert total(client) == BUYERS * MONEY - 6 * 7 and branches(stand) == []


def test_who_asks_ends_it(stand):
    """... when it has not committed: no answer could be true otherwise."""
    client = fill(stand)
    one, other = here_and_there(stand)
    for buyers in ([one], [one, other]):
        token = begin(client, buyers)
        assert outcome(stand, token) == "rolled back"
        assert code_of(client, "COMMIT") == 1213
        assert outcome(stand, token) == "rolled back"
    assert total(client) == BUYERS * MONEY and branches(stand) == []


def test_tokens_that_say_nothing(stand):
    client = fill(stand)
    one, _ = here_and_there(stand)
    token = begin(client, [one])
    client.query("COMMIT")
    old = re.sub("@.*", f"@{int(time.time()) - 3600:x}", token)
    assert outcome(stand, old) == "committed"  # as long as it is written down
    unknown = old.replace("wb:", "wb:9")
    for text, code in ((unknown, 9007), ("", 1210), ("x", 1210), (token + "x", 1210), (token.replace("@", ":s9@"), 1210),
                       (token.replace("wb:", "wb:\\'"), 1210), ("wb:" + "1" * 80 + token[3:], 1210)):
        assert code_of(client, f"SELECT waybill_outcome('{text}')") == code, (text, code)
    assert value(client, "SELECT waybill_outcome(NULL)") is None
    for sql in ("SELECT waybill_outcome('x'), 1", "SELECT waybill_outcome(1)", "SELECT @@waybill_transaction, 1",
                "SELECT * FROM users WHERE name = @@waybill_transaction"):
        assert code_of(client, sql) == 1235, sql
    for sql in ("SELECT @@waybill_transaction", "SELECT waybill_outcome(?)"):
        try:
            client.prepare(sql)
            raise AssertionError(f"{sql} was prepared")
        except wire.ServerError as error:
            assert error.code == 1235, error
    client.query("BEGIN")
    client.query("SELECT * FROM users FOR UPDATE")  # on both shards, and none of them is a branch unless the user's are atomic
    assert value(client, "SELECT @@waybill_transaction") is not None
    client.query("COMMIT")


def test_tokens_prepare_no_unfit_tables(stand):
    """Where only the second shard is written, that is a branch which its token has prepared: not of a table without a key."""
    client = fill(stand)
    one, other = here_and_there(stand)
    client.query("CREATE TABLE IF NOT EXISTS orders (order_id BIGINT NOT NULL, buyer_id BIGINT NOT NULL, n INT) ENGINE=InnoDB")
    insert, read = f"INSERT INTO orders (buyer_id, n) VALUES ({other}, 1)", f"SELECT * FROM users WHERE buyer_id = {one} FOR UPDATE"
    try:
        client.query("BEGIN")
        client.query(read)
        assert value(client, "SELECT @@waybill_transaction") is not None
        assert code_of(client, insert) == 9010
        client.query("COMMIT")
        client.query("BEGIN")
        client.query(read)
        client.query(insert)  # one shard, and nothing of it is prepared
        assert code_of(client, "SELECT @@waybill_transaction") == 1235
        client.query("COMMIT")
        assert stand.root("s2a").query("SELECT n FROM shop.orders").rows == [("1",)] and branches(stand) == []
    finally:
        client.query("DROP TABLE orders")


def test_a_transaction_commits_as_it_began(stand):
    """Changed by a reload in the middle, `distributed` is for the next one: what began plainly on one shard can't be atomic."""
    client = fill(stand)
    one, other = here_and_there(stand)
    whole = test_reload.read(stand)
    refuse = whole.replace("[user bank]\n", "[user bank]\ndistributed = refuse\n")
    assert refuse != whole
    try:
        test_reload.write(stand, refuse)
        test_reload.reload(stand)
        client.query("BEGIN")
        client.query(f"UPDATE users SET money = money - 7 WHERE buyer_id = {one}")
        test_reload.write(stand, whole)
        test_reload.reload(stand)
        stand.wait_until(lambda: code_of(bank(stand), "UPDATE products SET v = v + 1") == 0, 5, "the workers have it")
        assert code_of(client, f"UPDATE users SET money = money + 7 WHERE buyer_id = {other}") == 9002
        client.query("ROLLBACK")
        client.query("BEGIN")
        for sign, buyer in (("-", one), ("+", other)):
            client.query(f"UPDATE users SET money = money {sign} 7 WHERE buyer_id = {buyer}")
        client.query("COMMIT")
        assert total(client) == BUYERS * MONEY
    finally:
        test_reload.write(stand, whole)
        test_reload.reload(stand)


def test_statement_is_all_or_nothing(stand):
    client = fill(stand)
    values = ", ".join(f"({i}, 1)" for i in [*range(101, 110), 1])
    assert code_of(client, f"INSERT INTO users VALUES {values}") == 1062
    assert client.query("SELECT COUNT(*) FROM users").rows == [(str(BUYERS),)]
    client.query("BEGIN")
    client.query("UPDATE users SET money = money + 1")
    assert code_of(client, f"INSERT INTO users VALUES {values}") == 1062  # undone everywhere, and it goes on
    client.query("COMMIT")
    assert client.query("SELECT COUNT(*), SUM(money) FROM users").rows == [(str(BUYERS), str(BUYERS * (MONEY + 1)))]
    client.query("INSERT INTO products VALUES (1, 1)")
    for server in ("s1a", "s2a"):
        assert stand.root(server).query("SELECT COUNT(*) FROM shop.products").rows == [("1",)]


def test_left_branches_are_finished(stand):
    fill(stand)
    one, other = here_and_there(stand)
    names = {"C": f"wb:9:{time.time_ns():x}:1:s1", "A": f"wb:9:{time.time_ns():x}:2:s1"}
    stand.root("s1a").query(f"INSERT INTO waybill.decision VALUES ('{names['C']}', 'C', 0, UTC_TIMESTAMP(3))")
    holders = []
    for outcome, buyer in (("C", 1000001), ("A", 1000002)):
        holder = stand.root("s2a")
        number = holder.query("SELECT CONNECTION_ID()").rows[0][0]
        xid = f"'{names[outcome]}', 's2a.{number}', 22338"
        for sql in (f"XA START {xid}", f"INSERT INTO shop.users VALUES ({buyer}, 0)", f"XA END {xid}", f"XA PREPARE {xid}"):
            holder.query(sql)
        holders.append(holder)
    holders[0].close()  # the other one stays, as a frozen waybill's would
    stand.wait_until(lambda: branches(stand) == [], 15, lambda: branches(stand))
    rows = stand.root("s2a").query("SELECT buyer_id FROM shop.users WHERE buyer_id > 1000000").rows
    assert rows == [("1000001",)], rows
    late = code_of(stand.root("s1a"), f"INSERT INTO waybill.decision VALUES ('{names['A']}', 'C', 0, UTC_TIMESTAMP(3))")
    assert late == 1062, late  # a coordinator that comes back can't decide any more


def once(client, name, sql):
    """(affected rows, insert id, message), or the number of the error."""
    try:
        result = client.query(f"/* waybill: once='{name}' */ {sql}")
    except wire.ServerError as error:
        return error.code
    return result.affected, result.insert_id, result.message


def test_once(stand):
    client, other_client = fill(stand), bank(stand)
    one, other = here_and_there(stand)
    client.query("CREATE TABLE IF NOT EXISTS orders (order_id BIGINT PRIMARY KEY, buyer_id BIGINT NOT NULL, n INT) ENGINE=InnoDB")
    for buyer in (one, other):
        sql = f"INSERT INTO orders (buyer_id, n) VALUES ({buyer}, 1)"
        first = once(client, f"order-{buyer}", sql)
        assert first[0] == 1 and first[1] > 0, first
        assert once(client, f"order-{buyer}", sql) == first == once(other_client, f"order-{buyer}", sql)
        assert other_client.query("SELECT LAST_INSERT_ID(), ROW_COUNT()").rows == [(str(first[1]), "1")]
        assert value(client, f"SELECT COUNT(*) FROM orders WHERE buyer_id = {buyer}") == "1"
    update = f"UPDATE users SET money = money + 1 WHERE buyer_id = {one}"
    assert once(client, "u", update) == once(client, "u", update) == (1, 0, "Rows matched: 1  Changed: 1  Warnings: 0")
    assert once(client, "u", update.replace("+ 1", "+ 2")) == 9011  # another statement by that name
    assert value(client, f"SELECT money FROM users WHERE buyer_id = {one}") == str(MONEY + 1)
    client.query("DROP TABLE orders")


def test_once_in_a_transaction(stand):
    """It is there if the transaction was committed; a statement that fails leaves no name."""
    client, other_client = fill(stand), bank(stand)
    one, other = here_and_there(stand)
    update, elsewhere = (f"UPDATE users SET money = money + 1 WHERE buyer_id = {buyer}" for buyer in (one, other))
    for end, money in (("ROLLBACK", MONEY + 1), ("COMMIT", MONEY + 1), ("COMMIT", MONEY + 1)):
        client.query("BEGIN")
        client.query(f"SELECT * FROM users WHERE buyer_id = {one}")  # a snapshot
        if end == "COMMIT" and value(client, "SELECT 1") == "1":
            assert once(other_client, "t2", elsewhere)[0] == 1
        assert once(client, "t", update)[0] == 1 == once(client, "t", update)[0]
        assert once(client, "t2", elsewhere)[0] == 1  # what is newer than the snapshot counts
        assert value(client, f"SELECT money FROM users WHERE buyer_id = {one}") == str(money)
        client.query(end)
    insert = f"INSERT INTO users VALUES ({one}, 1)"
    assert once(client, "f", insert) == 1062 == once(client, "f", insert)
    client.query(f"DELETE FROM users WHERE buyer_id = {one}")
    assert once(client, "f", insert)[0] == 1 == once(client, "f", insert)[0]
    assert value(client, f"SELECT money FROM users WHERE buyer_id = {one}") == "1"
    assert branches(stand) == []


def test_once_at_one_time(stand):
    """Many send it at one time: one does it, and all are told the same."""
    fill(stand)
    one, _ = here_and_there(stand)
    told = []

    def send():
        client = bank(stand)
        for number in range(5):
            told.append((number, once(client, f"m{number}", f"UPDATE users SET money = money + 1 WHERE buyer_id = {one}")))
    threads = [threading.Thread(target=send) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(told) == 30 and {what[1][0] if isinstance(what[1], tuple) else what[1] for what in told} <= {1, 1213}, told
    assert value(bank(stand), f"SELECT money FROM users WHERE buyer_id = {one}") == str(MONEY + 5)


def test_once_is_refused(stand):
    client = fill(stand)
    one, _ = here_and_there(stand)
    for sql, code in (("SELECT 1", 1235), ("TRUNCATE users", 1235), ("UPDATE users SET money = 1", 9002),
                      (f"INSERT INTO users VALUES ({BUYERS + 1}, 1) RETURNING money", 1235), ("INSERT INTO users VALUES (UUID_SHORT(), 1)", 9002)):
        assert once(client, "r", sql) == code, sql
    for name in ("", "a b", "x" * 65, "a\"b"):
        assert once(client, name, f"DELETE FROM users WHERE buyer_id = {one}") == 1105, name
    try:
        client.prepare(f"/* waybill: once='p' */ DELETE FROM users WHERE buyer_id = {one}")
    except wire.ServerError as error:
        assert error.code == 1235, error
    assert value(client, "SELECT COUNT(*) FROM users") == str(BUYERS)


def test_old_decisions_are_deleted(stand):
    """At the start, and every minute from then on."""
    fill(stand)
    for name, outcome, age in (("wb:old", "C", "2 HOUR"), ("wb:new", "C", "10 MINUTE"), ("wb:no", "A", "2 HOUR"), ("wb:never", "A", "2 DAY")):
        for server in ("s1a", "s2a"):
            stand.root(server).query("INSERT INTO waybill.decision (gtrid, outcome, at) SELECT "
                                     f"CONCAT('{name}:', seq), '{outcome}', UTC_TIMESTAMP(3) - INTERVAL {age} FROM shop.seq_1_to_12000")
    stand.cluster("waybill", "stop")
    stand.start_waybill()

    def left(server):
        return {name: int(count) for name, count in stand.root(server).query(
            "SELECT REGEXP_SUBSTR(gtrid, 'wb:[a-z]+(?=:)') AS name, COUNT(*) FROM waybill.decision WHERE gtrid REGEXP 'wb:[a-z]+:' GROUP BY name").rows}
    stand.wait_until(lambda: all(left(server) == {"wb:new": 12000, "wb:no": 12000} for server in ("s1a", "s2a")), 20, lambda: left("s1a"))


def transfer_until(stand, is_over, done):
    client = None
    while not is_over.is_set():
        try:
            client = client or bank(stand)
            one, other = sorted(random.sample(range(1, BUYERS + 1), 2))  # no deadlock between shards
            client.query("BEGIN")
            client.query(f"UPDATE users SET money = money - 1 WHERE buyer_id = {one}")
            client.query(f"UPDATE users SET money = money + 1 WHERE buyer_id = {other}")
            client.query("COMMIT")
            done.append(1)
        except (OSError, wire.ServerError, wire.ConnectionLost):
            client = None  # (the transaction may live on after an error: a BEGIN would commit the half of it)
            time.sleep(0.02)


def test_waybill_is_killed(stand):
    fill(stand)
    is_over, done = threading.Event(), []
    clients = [threading.Thread(target=transfer_until, args=(stand, is_over, done)) for _ in range(6)]
    for client in clients:
        client.start()
    for _ in range(3):
        time.sleep(0.7)
        os.kill(stand.waybill_pid(), signal.SIGKILL)
        stand.start_waybill()
    time.sleep(0.5)
    is_over.set()
    for client in clients:
        client.join()
    stand.wait_until(lambda: branches(stand) == [], 20, lambda: branches(stand))
    assert done and total(bank(stand)) == BUYERS * MONEY


def test_session_chooses(stand):
    """SET waybill_distributed: as text, among several statements, prepared; gone with the connection's reset."""
    client = fill(stand)
    one, other = here_and_there(stand)

    def second_shard(who):
        who.query("BEGIN")
        who.query(f"UPDATE users SET money = money - 1 WHERE buyer_id = {one}")
        code = code_of(who, f"UPDATE users SET money = money + 1 WHERE buyer_id = {other}")
        who.query("ROLLBACK")
        return code

    def mode(who):
        result = who.query("SELECT @@waybill_distributed")
        return result.names()[0], result.rows[0][0]

    assert mode(client) == ("@@waybill_distributed", "atomic") and second_shard(client) == 0
    client.query("SET waybill_distributed = refuse")
    assert mode(client)[1] == "refuse" and second_shard(client) == 9002
    client.reset_connection()
    assert mode(client)[1] == "atomic" and second_shard(client) == 0
    chosen = client.prepare("SET SESSION waybill_distributed = refuse")
    client.execute(chosen)
    assert second_shard(client) == 9002
    client.query("SET waybill_distributed = DEFAULT")
    assert second_shard(client) == 0
    assert code_of(client, "SET waybill_distributed = best_effort") == 1227
    several = wire.Client(port=int(stand.values["WAYBILL_PORT"]), user="loader", password="loader_pw", database="shop", timeout=20,
                          capabilities=wire.CLIENT_DEFAULT | wire.MULTI_STATEMENTS)
    result = several.query("SET waybill_distributed = atomic; SELECT @@waybill_distributed")
    assert result.more[0].rows == [("atomic",)]
    values = ", ".join(f"({i}, 1)" for i in [*range(101, 110), 1])
    assert code_of(several, f"INSERT INTO users VALUES {values}") == 1062
    assert client.query("SELECT COUNT(*) FROM users").rows == [(str(BUYERS),)]  # nothing of it, for a user who has best_effort


def test_decided_is_seen_by_its_session(stand):
    """commit_wait = decided: whoever commits reads it at once, on both shards; nobody loses anything."""
    fill(stand)
    whole = test_reload.read(stand)
    buyers = {shard: [int(row[0]) for row in stand.root(f"{shard}a").query("SELECT buyer_id FROM shop.users").rows] for shard in ("s1", "s2")}
    wrong, lock = [], threading.Lock()

    def transfer_and_look(one, other):
        client = bank(stand)
        for moved in range(1, 61):
            client.query("BEGIN")
            client.query(f"UPDATE users SET money = money - 1 WHERE buyer_id = {one}")
            client.query(f"UPDATE users SET money = money + 1 WHERE buyer_id = {other}")
            client.query("COMMIT")
            seen = [int(client.query(f"SELECT money FROM users WHERE buyer_id = {buyer}").rows[0][0]) for buyer in (one, other)]
            if seen != [MONEY - moved, MONEY + moved]:
                with lock:
                    wrong.append((one, other, moved, seen))

    try:
        test_reload.write(stand, whole.replace("[user bank]\n", "[user bank]\ncommit_wait = decided\n"))
        test_reload.reload(stand)
        clients = [threading.Thread(target=transfer_and_look, args=pair) for pair in list(zip(buyers["s1"], buyers["s2"]))[:4]]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        assert wrong == []
        stand.wait_until(lambda: branches(stand) == [], 5, lambda: branches(stand))
        assert total(bank(stand)) == BUYERS * MONEY
    finally:
        test_reload.write(stand, whole)
        test_reload.reload(stand)


def set_figure(stand, name, value):
    text = re.sub(rf"(?m)^{name} = .*\n", "", test_reload.read(stand))
    test_reload.write(stand, text.replace("[waybill]\n", f"[waybill]\n{name} = {value}\n", 1))
    test_reload.reload(stand)


def test_xa_of_clients(stand):
    """On the shard that is named, as on a server; the session is bound to it, and waybill's own branches are nobody's."""
    client = fill(stand)
    one, other = here_and_there(stand)
    take = "UPDATE users SET money = money - 7 WHERE buyer_id = "
    assert code_of(client, "XA START 'x'") == 9001
    client.query("/* waybill: shard=s1 */ XA START 'x','y',5")
    client.query(take + str(one))
    assert code_of(client, take + str(other)) == 9006 == code_of(client, "UPDATE users SET money = 0")
    assert [code_of(client, sql) for sql in ("BEGIN", "COMMIT", "ROLLBACK")] == [1399] * 3  # as a server says it
    for sql in ("XA END 'x','y',5", "XA PREPARE 'x','y',5"):
        client.query(sql)
    client.close()
    client = bank(stand)
    assert money_of(client, one) == MONEY
    stand.wait_until(lambda: code_of(client, "/* waybill: shard=s1 */ XA COMMIT 'x','y',5") == 0, WITHIN_S, "its session is gone")
    assert money_of(client, one) == MONEY - 7 and branches(stand) == []
    for sql in ("BEGIN", take + str(one), "ROLLBACK", "XA START 'z'", take + str(one), "XA END 'z'", "XA COMMIT 'z' ONE PHASE"):
        client.query(sql)
    assert money_of(client, one) == MONEY - 14
    assert code_of(client, "XA COMMIT 'wb:1:1:1:s1','s1a.1',22338") == 1235
    client.query("/* waybill: shard=s1 */ XA START 'w'")
    client.query(take + str(one))
    client.close()  # rolled back by that
    stand.wait_until(lambda: code_of(bank(stand), take + str(one)) == 0, WITHIN_S, "it is free")
    assert money_of(bank(stand), one) == MONEY - 21


# ---- a shard that could not be told: who has committed doesn't read there what was before


def later(action):
    """(the thread, where its answer comes)"""
    answers = []
    thread = threading.Thread(target=lambda: answers.append(action()))
    thread.start()
    return thread, answers


def leave_untold(stand, client, one, other):
    """Commits a transfer whose branch on s2 is prepared, decided and not told: its connection is killed before the decision."""
    set_figure(stand, "in_doubt_ms", 60000)
    client.query("BEGIN")
    client.query(f"UPDATE users SET money = money - 7 WHERE buyer_id = {one}")
    client.query(f"UPDATE users SET money = money + 7 WHERE buyer_id = {other}")
    decider, branch = stand.root("s1a"), stand.root("s2a")
    decider.query("LOCK TABLES waybill.decision WRITE")
    thread, answers = later(lambda: client.query("COMMIT"))
    stand.wait_until(lambda: branches(stand), WITHIN_S, "it is prepared")
    holder = branch.query("XA RECOVER").rows[0][3].rsplit(".", 1)[1]
    branch.query(f"KILL {holder}")
    stand.wait_until(lambda: not branch.query(f"SELECT 1 FROM information_schema.PROCESSLIST WHERE ID = {holder}").rows,
                     WITHIN_S, "its connection is gone")
    time.sleep(0.2)  # waybill has heard of it, or hears of it when it tells the branch: both are the same to the client
    decider.query("UNLOCK TABLES")
    thread.join(WITHIN_S)
    assert answers and answers[0].warnings == 1, answers
    assert client.query("SHOW WARNINGS").rows[0][1] == "9032"
    assert branches(stand)


def money_of(client, buyer):
    return int(client.query(f"SELECT money FROM users WHERE buyer_id = {buyer}").rows[0][0])


def read(client, buyer):
    try:
        return money_of(client, buyer)
    except wire.ServerError as error:
        return error.code, error.message


def finish(stand):
    set_figure(stand, "in_doubt_ms", 500)
    stand.wait_until(lambda: not branches(stand), WITHIN_S, "it is finished")


def test_reads_wait_for_what_was_committed(stand):
    client = fill(stand)
    one, other = here_and_there(stand)
    leave_untold(stand, client, one, other)
    begun = time.monotonic()
    assert read(client, one) == MONEY - 7  # the shard that has decided
    assert read(bank(stand), other) == MONEY  # another session waits for nothing
    assert time.monotonic() - begun < WITHIN_S / 2
    thread, answers = later(lambda: [read(client, other), total(client)])
    thread.join(0.5)
    assert thread.is_alive() and not answers, answers
    finish(stand)
    thread.join(WITHIN_S)
    assert answers == [[MONEY + 7, BUYERS * MONEY]], answers


def test_they_wait_not_for_ever(stand):
    client = fill(stand)
    one, other = here_and_there(stand)
    leave_untold(stand, client, one, other)
    set_figure(stand, "hold_ms", 300)
    code, message = read(client, other)
    assert code == 9004 and "has committed there" in message, (code, message)
    code, message = read(client, other)
    assert code == 9004, (code, message)  # again
    set_figure(stand, "hold_ms", 15000)
    finish(stand)
    assert read(client, other) == MONEY + 7


def test_who_goes_while_it_waits_leaves_nothing(stand):
    client = fill(stand)
    one, other = here_and_there(stand)
    leave_untold(stand, client, one, other)
    client.send_packet(b"\x03" + f"UPDATE users SET money = 0 WHERE buyer_id = {other}".encode(), 0)
    time.sleep(0.5)  # it is held, and asked for
    client.close_socket()
    finish(stand)
    assert read(bank(stand), other) == MONEY + 7
