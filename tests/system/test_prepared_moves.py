"""Prepared statements when their server is killed (-9) between two executions: nobody has to prepare again."""

import time

import wire

CLUSTER = {"shards": 1, "replicas": 2}


def test_a_failover_is_not_noticed(stand):
    client, looker = stand.client(), stand.client()
    client.query("DROP TABLE IF EXISTS users")
    client.query("CREATE TABLE users (buyer_id BIGINT PRIMARY KEY, name VARCHAR(20), age INT)")
    for buyer in range(1, 9):
        client.query(f"INSERT INTO users (buyer_id, name) VALUES ({buyer}, 'user {buyer}')")
    write = client.prepare("UPDATE users SET age = ? WHERE buyer_id = ?")
    read = client.prepare("SELECT name, age FROM users WHERE buyer_id = ?")
    client.query("PREPARE one FROM 'SELECT name, age FROM users WHERE buyer_id = ?'")
    client.query("SET @key = 5")
    stand.wait_until(lambda: ready(looker), 20, "the replicas have the table")
    looks = looker.prepare("SELECT name FROM users WHERE buyer_id = ?")

    def play(turn):
        for buyer in range(1, 9):
            assert client.execute(write, [turn, buyer]).affected == 1
            assert client.execute(read, [buyer]).rows == [(f"user {buyer}", turn)]
            assert looker.execute(looks, [buyer]).rows == [(f"user {buyer}",)]
        assert client.query("EXECUTE one USING @key").rows == [("user 5", str(turn))]

    play(1)
    victim = stand.admin("SHOW SHARDS")[0]["primary"]
    stand.cluster("kill", f"s1/{victim}")
    time.sleep(0.3)
    play(2)
    now = stand.admin("SHOW SHARDS")[0]["primary"]
    assert now not in (victim, "", "NULL"), now
    for server in {"s1a", "s1b", "s1c"} - {victim, now}:  # whoever reads there moves on
        stand.cluster("kill", f"s1/{server}")
    time.sleep(0.3)
    for buyer in range(1, 9):
        assert looker.execute(looks, [buyer]).rows == [(f"user {buyer}",)]
        assert client.execute(read, [buyer]).rows == [(f"user {buyer}", 2)]


def ready(client):
    try:
        return all(len(client.query("SELECT name FROM users WHERE buyer_id = 8").rows) == 1 for _ in range(6))
    except wire.ServerError:
        return False
