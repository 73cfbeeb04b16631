"""Row ids: increasing numbers that come once, on all shards, from two waybills, through crashes and failovers."""

import concurrent.futures
import os
import random
import signal
import threading
import time

import wire
from stand import SecondWaybill

TABLES = """[table shop.carts]
key = buyer_id
row_id = id

[table shop.items]
key = id
row_id = id

[table shop.products]
type = reference
row_id = id

[table shop.people]
key = buyer_id
"""
CLUSTER = {"shards": 2, "replicas": 1, "tables": TABLES, "settings": "proxy_id = 5\nrow_id_block = 50\ngather_on_primary = on\n"}


def prepare(stand):
    client = stand.client(user="loader")
    for table in ("carts", "items", "products", "people"):
        client.query(f"DROP TABLE IF EXISTS {table}")
    client.query("CREATE TABLE carts (id BIGINT NOT NULL AUTO_INCREMENT, buyer_id BIGINT NOT NULL, note VARCHAR(20), PRIMARY KEY (id))")
    client.query("CREATE TABLE items (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, note VARCHAR(20) UNIQUE)")
    client.query("CREATE TABLE products (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, name VARCHAR(20))")
    client.query("CREATE TABLE people (buyer_id BIGINT NOT NULL PRIMARY KEY, name VARCHAR(20))")
    return client


def numbers(client, sql):
    return sorted(int(row[0]) for row in client.query(sql).rows)


def all_ids(stand, table):
    """Of all shards, straight from the servers."""
    found = []
    for shard in range(1, stand.shards + 1):
        found += numbers(stand.root(stand_primary(stand, shard)), f"SELECT id FROM shop.{table}")
    return sorted(found)


def stand_primary(stand, shard):
    return next(row["primary"] for row in stand.admin("SHOW SHARDS") if row["shard"] == f"s{shard}")


def refused(client, sql):
    try:
        client.query(sql)
    except wire.ServerError as error:
        return error.code, error.message
    raise AssertionError(f"{sql} was not refused")


def test_an_insert_gets_ids_that_follow_one_another(stand):
    client = prepare(stand)
    one = client.query("INSERT INTO carts (buyer_id, note) VALUES (1, 'a')").insert_id
    assert client.query("SELECT LAST_INSERT_ID()").rows == [(str(one),)]
    many = client.query("INSERT INTO carts (buyer_id, note) VALUES (1, 'b'), (2, 'b'), (3, 'b'), (4, 'b'), (5, 'b')")
    assert (many.insert_id, many.affected) == (one + 1, 5) and many.message.startswith("Records: 5 "), (one, many.message)
    assert numbers(client, "SELECT id FROM carts WHERE note = 'b'") == list(range(one + 1, one + 6))
    for value in ("NULL", "0", "DEFAULT", "'0'"):
        assert client.query(f"INSERT INTO carts (id, buyer_id) VALUES ({value}, 7)").insert_id > one + 5
    assert client.query("INSERT INTO carts VALUES (NULL, 8, 'c')").insert_id > one + 9
    assert client.query("INSERT INTO carts SET buyer_id = 9").insert_id > one + 10
    assert client.query("REPLACE INTO carts (buyer_id) VALUES (9)").insert_id > one + 11
    statement = client.prepare("INSERT INTO carts (buyer_id, note) VALUES (?, ?), (?, 'z')")
    made = client.execute(statement, [11, "p", 12]).insert_id
    assert made > one + 12 and numbers(client, f"SELECT id FROM carts WHERE id >= {made}") == [made, made + 1]
    returned = client.query("INSERT INTO carts (buyer_id) VALUES (1), (2), (3) RETURNING id, buyer_id").rows
    assert returned == [(str(made + 2 + i), str(1 + i)) for i in range(3)], returned
    ids = all_ids(stand, "carts")
    assert len(ids) == len(set(ids)) == 18, ids


def test_the_row_id_may_be_the_key(stand):
    client = prepare(stand)
    made = [client.query(f"INSERT INTO items (note) VALUES ('n{i}')").insert_id for i in range(20)]
    assert made == list(range(made[0], made[0] + 20)), made
    for one in made:
        assert len(client.query(f"SELECT note FROM items WHERE id = {one}").rows) == 1
    assert all(len(numbers(stand.root(stand_primary(stand, shard)), "SELECT id FROM shop.items")) > 0 for shard in (1, 2))
    assert client.query("INSERT INTO items VALUES (NULL, 'x'), (NULL, 'y')").insert_id == made[-1] + 1
    assert refused(client, f"INSERT INTO items (id) VALUES ({made[0]})")[0] == 1062


def test_copies_of_a_reference_table_get_the_same(stand):
    client = prepare(stand)
    one = client.query("INSERT INTO products (name) VALUES ('a'), ('b')").insert_id
    assert client.query("INSERT INTO products VALUES (NULL, 'c')").insert_id == one + 2
    assert client.query("INSERT INTO products (name) SELECT CONCAT(name, '2') FROM products ORDER BY id").affected == 3
    copies = [stand.root(stand_primary(stand, shard)).query("SELECT id, name FROM shop.products ORDER BY id").rows for shard in (1, 2)]
    assert copies[0] == copies[1] and len(copies[0]) == 6, copies


def test_an_id_that_is_given_is_never_made(stand):
    client = prepare(stand)
    one = client.query("INSERT INTO carts (buyer_id) VALUES (1)").insert_id
    for given in (one + 10, one + 1000000, one + 1000500):
        result = client.query(f"INSERT INTO carts (id, buyer_id) VALUES ({given}, 2)")
        assert result.insert_id == given, (result.insert_id, given)
        assert client.query("SELECT LAST_INSERT_ID()").rows == [(str(one),)]
        one = client.query("INSERT INTO carts (buyer_id) VALUES (3)").insert_id
        assert one > given, (one, given)
    mixed = client.query(f"INSERT INTO carts (id, buyer_id) VALUES (NULL, 1), ({one + 3}, 2), (NULL, 3)")
    assert mixed.insert_id == one + 4, (mixed.insert_id, one)
    client.query(f"INSERT INTO carts (id, buyer_id) VALUES ({one - 5}, 9)")  # one that was passed over
    client.query(f"UPDATE carts SET id = {one + 50} WHERE buyer_id = 9")
    assert client.query("INSERT INTO carts (buyer_id) VALUES (3)").insert_id > one + 50
    assert client.query("INSERT INTO carts (id, buyer_id) VALUES (5 + 5, 4)").affected == 1  # a server is asked
    assert refused(client, "UPDATE carts SET id = id + 1 WHERE buyer_id = 1")[0] == 9003
    assert client.query("INSERT INTO carts (id, buyer_id) VALUES (-3, 1)").affected == 1
    client.query("SET sql_mode = CONCAT(@@sql_mode, ',NO_AUTO_VALUE_ON_ZERO')")
    assert client.query("INSERT INTO carts (id, buyer_id) VALUES (0, 1)").affected == 1
    assert numbers(client, "SELECT id FROM carts WHERE id < 1") == [-3, 0]
    ids = all_ids(stand, "carts")
    assert len(ids) == len(set(ids)), ids


def test_duplicates_and_ignored_rows(stand):
    client = prepare(stand)
    one = client.query("INSERT INTO items (note) VALUES ('a')").insert_id
    change = f"INSERT INTO items (id, note) VALUES ({one}, 'b') ON DUPLICATE KEY UPDATE note = 'c'"
    assert client.query(change).affected == 2
    assert client.query("SELECT note FROM items").rows == [("c",)]
    assert client.query(f"INSERT IGNORE INTO items (id, note) VALUES ({one}, 'd')").affected == 0
    assert client.query(f"REPLACE INTO items (id, note) VALUES ({one}, 'e')").affected == 2
    assert client.query("INSERT INTO carts (buyer_id) VALUES (1) ON DUPLICATE KEY UPDATE id = LAST_INSERT_ID(id)").affected == 1


def test_rows_of_a_select(stand):
    client = prepare(stand)
    client.query("INSERT INTO people VALUES " + ", ".join(f"({i}, 'p{i}')" for i in range(1, 31)))
    done = client.query("INSERT INTO carts (buyer_id, note) SELECT buyer_id, name FROM people ORDER BY buyer_id")
    assert done.affected == 30, done.affected
    ids = all_ids(stand, "carts")
    assert ids == list(range(ids[0], ids[0] + 30)), ids
    assert client.query("SELECT LAST_INSERT_ID()").rows == [(str(ids[0]),)]
    client.query("INSERT INTO carts SELECT id + 100000, buyer_id, note FROM carts")
    assert client.query("INSERT INTO carts (buyer_id) VALUES (1)").insert_id > ids[-1] + 100000
    ids = all_ids(stand, "carts")
    assert len(ids) == len(set(ids)) == 61, ids


def test_many_rows_at_once_and_used_up_blocks(stand):
    client = prepare(stand)
    many = client.query("INSERT INTO carts (buyer_id) VALUES " + ", ".join(f"({i})" for i in range(3500)))
    ids = all_ids(stand, "carts")
    assert ids == list(range(many.insert_id, many.insert_id + 3500)), ids[:5]
    for i in range(3):
        client.query("INSERT INTO carts (buyer_id) VALUES " + ", ".join(f"({i})" for i in range(600)))
    ids = all_ids(stand, "carts")
    assert len(set(ids)) == 3500 + 1800


def test_rows_of_a_file(stand):
    client = prepare(stand)
    rows = "".join(f"{i}\tn{i}\n" for i in range(1, 9001))
    loader = stand.client(user="loader", capabilities=wire.CLIENT_DEFAULT | wire.LOCAL_FILES)
    data = (rows + "9001\tlast").encode()
    chunks = [data[i:i + 30000] for i in range(0, len(data), 30000)]
    loaded = loader.load("LOAD DATA LOCAL INFILE 'f' INTO TABLE carts (buyer_id, note)", chunks)
    assert loaded.affected == 9001, loaded.affected
    ids = all_ids(stand, "carts")
    assert len(ids) == len(set(ids)) == 9001
    assert client.query("SELECT COUNT(*) FROM carts a JOIN carts b ON a.id < b.id AND a.buyer_id > b.buyer_id WHERE a.buyer_id < 50 AND b.buyer_id < 50").rows == [("0",)]
    more = client.query("INSERT INTO carts (buyer_id) VALUES (1)").insert_id
    assert more not in ids
    assert refused(loader, "LOAD DATA LOCAL INFILE 'f' INTO TABLE carts")[0] == 9002  # with its own ids


def write(client, made, count):
    for i in range(count):
        made.append(client.query(f"INSERT INTO carts (buyer_id) VALUES ({i})").insert_id)
    client.close()


def storm(stand, other):
    """Numbers are made and given at the same time, around the highest one: what was given is never made afterwards."""
    made, given, top = [], {}, [1]

    def run(client, seed):
        chance = random.Random(seed)
        for _ in range(150):
            begin, buyer = time.monotonic(), chance.randint(1, 1000)
            try:
                if chance.random() < 0.25:
                    one = max(1, top[0] + chance.randint(-10, 90))
                    client.query(f"INSERT INTO carts (id, buyer_id) VALUES ({one}, {buyer})")
                    given[one] = min(given.get(one, time.monotonic()), time.monotonic())
                else:
                    count = chance.choice((1, 1, 2, 3, 60))
                    first = client.query("INSERT INTO carts (buyer_id) VALUES " + ", ".join([f"({buyer})"] * count)).insert_id
                    made.extend((first + i, begin) for i in range(count))
                    top[0] = max(top[0], first + count)
            except wire.ServerError as error:
                assert error.code in (9016, 1062), error

    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        list(pool.map(run, [(stand.client(user="loader") if i % 2 else other.client()) for i in range(6)], range(6)))
    numbers_made = [one for one, _ in made]
    assert len(made) > 500 and len(given) > 20 and len(numbers_made) == len(set(numbers_made)), (len(made), len(given))
    late = [one for one, begin in made if given.get(one, begin) < begin]
    assert not late, late


def test_two_waybills_and_a_crash(stand):
    client = prepare(stand)
    other = SecondWaybill(stand, "loader", ("proxy_id = 5", "proxy_id = 6"))
    try:
        made = []
        threads = [threading.Thread(target=write, args=(way.client() if way is other else stand.client(user="loader"), made, 150))
                   for way in (stand, other, stand, other)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(made) == len(set(made)) == 600 and all_ids(stand, "carts") == sorted(made)
        storm(stand, other)
        other.client().query("INSERT INTO carts (buyer_id) VALUES (1)")
        root = stand.root("s1a")
        last = int(root.query("SELECT MAX(upto_id) FROM waybill.row_id_block WHERE proxy = 6 AND table_name = 'carts'").rows[0][0]) - 1
        code, message = refused(client, f"INSERT INTO carts (id, buyer_id) VALUES ({last}, 2)")
        assert code == 9016 and "another waybill" in message, (code, message)
        client.query("INSERT INTO items (note) VALUES ('mine')")
        far = other.client().query("INSERT INTO items (note) VALUES ('its')").insert_id
        assert refused(client, f"INSERT INTO items (id, note) VALUES ({far}, 'mine too')")[0] == 1062
    finally:
        other.stop(signal.SIGKILL)
    highest = max(all_ids(stand, "carts"))
    os.kill(stand.waybill_pid(), signal.SIGKILL)
    stand.cluster("waybill", "stop", check=False)
    stand.start_waybill()
    client = stand.client(user="loader")
    assert client.query("INSERT INTO carts (buyer_id) VALUES (1)").insert_id > highest
    root = stand.root("s1a")
    blocks = "SELECT COUNT(DISTINCT run) FROM waybill.row_id_block WHERE table_name = 'carts'"
    assert root.query(blocks).rows == [("3",)]  # of both crashes, and its own
    stand.cluster("waybill", "stop")
    assert root.query(blocks).rows == [("2",)]  # an orderly end leaves none
    stand.start_waybill()


def test_a_counter_begins_behind_what_the_table_has(stand):
    client = prepare(stand)
    root = stand.root(stand_primary(stand, 1))
    root.query("DELETE FROM waybill.row_id WHERE table_name = 'carts'")
    stand.root(stand_primary(stand, 2)).query("INSERT INTO shop.carts VALUES (7000000, 3, 'old')")
    stand.cluster("waybill", "stop")
    stand.start_waybill()
    client = stand.client(user="loader")
    assert client.query("INSERT INTO carts (buyer_id) VALUES (1)").insert_id > 7000000


def test_the_home_shard_fails_over(stand):
    client = prepare(stand)
    made = [client.query(f"INSERT INTO carts (buyer_id) VALUES ({i})").insert_id for i in range(30)]
    stand.cluster("kill", "s1a")
    stand.wait_until(lambda: stand_primary(stand, 1) == "s1b", 120, "s1 has a new primary")
    client = stand.client(user="loader")
    many = client.query("INSERT INTO carts (buyer_id) VALUES " + ", ".join(f"({i})" for i in range(2500))).insert_id
    assert many > max(made)
    made += range(many, many + 2500)
    os.kill(stand.waybill_pid(), signal.SIGKILL)
    stand.cluster("waybill", "stop", check=False)
    stand.start_waybill()
    client = stand.client(user="loader")
    made += [client.query(f"INSERT INTO carts (buyer_id) VALUES ({i})").insert_id for i in range(30)]
    assert len(made) == len(set(made)) and all_ids(stand, "carts") == sorted(made)
