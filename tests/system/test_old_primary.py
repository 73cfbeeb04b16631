"""Primaries die under transactions on several shards and are replaced; nothing is there by half, and nobody waits for them."""

import time

import bank

CLUSTER = {"shards": 2, "replicas": 2, "relaxed": False, "settings": "in_doubt_ms = 500\n"}


def settle(stand):
    stand.wait_until(lambda: bank.is_whole(stand), 20, lambda: f"all are there: {bank.short(stand)}")
    bank.prepare(stand)


def crash_with_failover(stand, primary, noisy=0):
    with bank.Transfers(stand, noisy=noisy) as transfers:
        time.sleep(1)
        bank.kill(stand, primary)
        stand.wait_until(lambda: bank.primary_of(stand, primary[:2]) not in (primary, "", "-", None), 20, lambda: f"a promotion: {bank.short(stand)}")
        before = transfers.done.value
        stand.wait_until(lambda: transfers.done.value > before + 10, 20, lambda: f"transfers go on: {bank.short(stand)}")
    bank.check(stand, away=[primary])


def test_promotion_leaves_nothing_by_half(stand):
    settle(stand)
    with bank.Transfers(stand) as transfers:  # both decide, and both have branches of others
        for primary in ("s1a", "s2a"):
            time.sleep(0.7)
            bank.kill(stand, primary)
            stand.wait_until(lambda: bank.primary_of(stand, primary[:2]) not in (primary, "", "-", None), 20, lambda: f"a promotion: {bank.short(stand)}")
        before = transfers.done.value
        stand.wait_until(lambda: transfers.done.value > before + 10, 20, lambda: f"transfers go on: {bank.short(stand)}")
    bank.check(stand, away=["s1a", "s2a"])
