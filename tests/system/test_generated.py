"""Statements made at random over the order schema (tests/system/differential/grammar.py and changes.py), on one plain
server and through waybill over 1, 3 and 8 shards: rows, column definitions, counts, messages, warnings and errors are the
same. A statement may differ only by being refused; less than 1 % of the SELECTs are.

The same statements each time, so that a change is judged by what it changes. New ones, for as long as you like, are
looked for by tests/system/differential/run (doc/testing.md)."""

import os

from differential import order_schema
from differential.ground import Ground, SETTINGS

CLUSTER = {"shards": 8, "plain": True, "tables": order_schema.SHARD_INI, "settings": SETTINGS}
STAND = Ground
SEEDS = [int(seed) for seed in os.environ.get("WAYBILL_TEST_SEED", "4711 1060877525").split()]
STATEMENTS_MAX = 800
REFUSED_MAX = 0.01


def play(stand, shards, seconds, is_atomic=False, changes=0.2):
    for seed in SEEDS:
        tester = stand.tester(shards, seed, report=lambda line: None, is_atomic=is_atomic)
        tester.share_of_changes = changes
        problems = tester.play(seconds / len(SEEDS), STATEMENTS_MAX)
        assert not problems, "\n    ".join(["differences:"] + problems)
        print(f"      seed {seed}, {shards} shards: {tester.tally.report().splitlines()[0]}", flush=True)
        assert tester.tally.refused_selects <= REFUSED_MAX * tester.tally.selects + 3, f"seed {seed}: {tester.tally.report()}"


def test_8_shards(stand):
    play(stand, 8, 16)


def test_3_shards(stand):
    play(stand, 3, 10)


def test_3_shards_changed_as_one(stand):
    """Nearly all are changes, of all shards or of none: what fails leaves the tables as they were, too."""
    play(stand, 3, 14, is_atomic=True, changes=0.9)


def test_1_shard(stand):
    play(stand, 1, 6)
