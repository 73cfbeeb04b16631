"""Three waybills in front of one cluster that things are done to; longer, with other seeds: make chaos (tests/chaos/run)."""

import os

import chaos

CLUSTER = {"shards": 2, "replicas": 2, "tables": chaos.TABLES, "settings": chaos.SETTINGS, "relaxed": False}
SEED = int(os.environ.get("WAYBILL_TEST_SEED", "2"))


def test_a_round(stand):
    print("      " + chaos.run(stand, SEED, 12), flush=True)
