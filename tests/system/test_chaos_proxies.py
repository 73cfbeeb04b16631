"""Three waybills in front of one cluster that things are done to; longer, with other seeds: make chaos (tests/chaos/run)."""

import os
import subprocess
import sys

import stand

CLUSTER = {}
SEED = os.environ.get("WAYBILL_TEST_SEED", "2")


class STAND:
    """Nothing: a round makes its own cluster, in namespaces of its own where they can be had."""

    def __init__(self, name):
        self.name, self.port = name, stand.FIRST_PORT + stand.Stand.made * stand.PORTS_EACH
        stand.Stand.made += 1

    def start(self):
        pass

    def stop(self):
        return ""

    def show_log(self):
        pass


def test_a_round(nothing):
    # (Without full disks, on which a server of MariaDB looks once a minute.)
    words = [sys.executable, os.path.join(stand.ROOT, "tests", "chaos", "run"), "--rounds", "1", "--seconds", "12", "--seed", SEED, "--without", "fill_disk"]
    done = subprocess.run(words, capture_output=True, text=True, env={**os.environ, "WAYBILL_TEST_PORT": str(nothing.port)})
    print("".join(f"      {line}\n" for line in (done.stdout + done.stderr).splitlines()), end="", flush=True)
    assert done.returncode == 0, "see above"
