"""The same order id never twice: crashes, clocks, and two waybills with one proxy_id."""

import os
import signal
import time

import wire
from stand import SecondWaybill

TABLES = """[table shop.orders]
key = buyer_id
id = order_id
"""
CLUSTER = {"shards": 2, "replicas": 1, "tables": TABLES, "settings": "proxy_id = 5\n"}
EPOCH_MS = 1577836800000


def ms_of(order_id):
    return (order_id >> 22) + EPOCH_MS


def insert(client, buyer):
    return client.query(f"INSERT INTO orders (buyer_id) VALUES ({buyer})").insert_id


def insert_some(stand, count=20):
    client = stand.client()
    ids = [insert(client, buyer) for buyer in range(1, count + 1)]
    client.close()
    return ids


def clock_rows(stand):
    """run, from_ms and upto_ms on each shard."""
    found = []
    for shard in range(1, stand.shards + 1):
        root = stand.root(f"s{shard}a")
        found += [[int(value) for value in row] for row in
                  root.query("SELECT run, from_ms, upto_ms FROM waybill.id_clock WHERE proxy = 5").rows]
        root.close()
    return found


def change_clocks(stand, sql):
    for shard in range(1, stand.shards + 1):
        root = stand.root(f"s{shard}a")
        root.query(sql)
        root.close()


def prepare(stand):
    client = stand.client(user="loader")
    client.query("DROP TABLE IF EXISTS orders")
    client.query("CREATE TABLE orders (order_id BIGINT NOT NULL PRIMARY KEY, buyer_id BIGINT NOT NULL)")
    client.close()


def test_time_is_reserved_ahead(stand):
    prepare(stand)
    ids = insert_some(stand)
    rows = clock_rows(stand)
    assert len(rows) == 2, rows
    for run, from_ms, upto_ms in rows:
        assert run != 0 and from_ms <= ms_of(min(ids)) and max(ms_of(one) for one in ids) < upto_ms, (rows, ids)
    replica = stand.root("s1b")
    stand.wait_until(lambda: replica.query("SELECT COUNT(*) FROM waybill.id_clock").rows[0][0] == "1", 10, "the replica has it")
    replica.close()


def test_a_start_goes_on_where_it_had_ended(stand):
    prepare(stand)
    ids = insert_some(stand)
    stand.cluster("waybill", "stop")
    assert [row[0] for row in clock_rows(stand)] == [0, 0], clock_rows(stand)
    ended = max(row[2] for row in clock_rows(stand))
    assert max(ms_of(one) for one in ids) < ended <= int(time.time() * 1000) + 1000, (ids, ended)
    stand.start_waybill()
    more = insert_some(stand)
    assert min(ms_of(one) for one in more) >= ended, (more, ended)


def test_a_start_after_a_crash_begins_above_what_was_reserved(stand):
    prepare(stand)
    insert_some(stand)
    reserved = max(row[2] for row in clock_rows(stand))
    os.kill(stand.waybill_pid(), signal.SIGKILL)
    stand.cluster("waybill", "stop", check=False)
    assert reserved > time.time() * 1000 + 10000, reserved
    stand.start_waybill()
    ids = insert_some(stand)
    assert min(ms_of(one) for one in ids) >= reserved, (ids, reserved)


def test_a_start_with_a_clock_that_was_set_back(stand):
    """... as it looks from the row: what was used is an hour ahead of this clock, on one of the shards."""
    prepare(stand)
    stand.cluster("waybill", "stop")
    ahead = int(time.time() * 1000) + 3600 * 1000
    root = stand.root("s1a")
    root.query(f"UPDATE waybill.id_clock SET upto_ms = {ahead}")
    root.close()
    stand.start_waybill()
    try:
        ids = insert_some(stand)  # of buyers on both shards
        assert ahead <= min(ms_of(one) for one in ids) and max(ms_of(one) for one in ids) < ahead + 10000, (ahead, ids)
        assert len(set(ids)) == len(ids)
    finally:
        stand.cluster("waybill", "stop")
        change_clocks(stand, "DELETE FROM waybill.id_clock")
        stand.start_waybill()


def outcome(client, sql):
    try:
        client.query(sql)
    except wire.ServerError as error:
        return error.code, error.message
    return None


def test_the_second_with_a_proxy_id_makes_no_ids(stand):
    prepare(stand)
    other = SecondWaybill(stand, "app")
    try:
        client = other.client()
        for _ in range(2):
            said = outcome(client, "INSERT INTO orders (buyer_id) VALUES (1)")
            assert said[0] == 9016 and "proxy_id = 5" in said[1] and "another waybill" in said[1], said
        assert outcome(client, f"INSERT INTO orders (order_id, buyer_id) VALUES ({insert_some(stand, 1)[0] + 1}, 1)") is None
        assert client.query("SELECT COUNT(*) FROM orders").rows[0][0] == "2"
        used = max(ms_of(one) for one in insert_some(stand))
        # when the first has ended the number is free
        stand.cluster("waybill", "stop")
        stand.wait_until(lambda: outcome(client, "INSERT INTO orders (buyer_id) VALUES (1)") is None, 10, "the other makes ids")
        assert ms_of(insert(client, 2)) > used
        client.close()
    finally:
        other.stop()
        stand.start_waybill()
    insert_some(stand)


def test_after_a_switchover_ids_go_on(stand):
    prepare(stand)
    before = insert_some(stand)
    rows = clock_rows(stand)
    stand.admin("SWITCHOVER SHARD s1 TO s1b")
    try:
        ids = insert_some(stand)
        assert min(ids) > max(before) - (1 << 22) and not set(ids) & set(before)
        root = stand.root("s1b")
        run, from_ms, upto_ms = root.query("SELECT run, from_ms, upto_ms FROM waybill.id_clock").rows[0]
        root.close()
        assert [int(run), int(from_ms)] == rows[0][:2] and int(upto_ms) > max(ms_of(one) for one in ids)
    finally:
        stand.admin("SWITCHOVER SHARD s1 TO s1a")
