"""What the generated statements run on: one plain server and as many shards as are wanted at most; waybill in front of
the first 1, 3 or 8 of them."""

import re

from differential.tester import Tester
from stand import Stand

SETTINGS = "gather_on_primary = on\n"


class Ground(Stand):
    def __init__(self, name, shards, **needs):
        super().__init__(name, shards=shards, **needs)
        self.shards_used = shards

    def configuration(self, settings=""):
        """With the first shards_used shards, and all buckets on them."""
        text = super().configuration(settings)
        used = self.shards_used
        for i in range(1, self.shards + 1):
            section = re.search(rf"\[shard s{i}\]\n(.*\n)*?\n", text).group(0)
            buckets = f"buckets = {(i - 1) * 4096 // used}-{i * 4096 // used - 1}\n"
            text = text.replace(section, re.sub(r"buckets = .*\n", buckets, section) if i <= used else "")
            if i > used:
                text = re.sub(rf"\[server s{i}a\]\n(.*\n)*?\n", "", text)
        return text

    def use(self, shards):
        """waybill anew, with so many of the shards."""
        if shards != self.shards_used:
            self.cluster("waybill", "stop")
            self.shards_used = shards
            self.start_waybill()
            self.wait_until(lambda: self.try_query("SELECT 1"), 20, "waybill answers")
            # Entries are elsewhere then: until they are, rows of new values are refused (9040).
            self.wait_until(self.indexes_are_ready, 60, "indexes are ready")

    def indexes_are_ready(self):
        """Or their tables are not there yet."""
        return all(row["state"] == "ready" or "not there" in row["note"] for row in self.admin("SHOW INDEXES"))

    def tester(self, shards, seed, problems_max=5, report=print, is_atomic=False):
        self.use(shards)
        plain = self.direct("plain")
        return Tester(plain, lambda user: self.client(user=user), shards, seed, problems_max, report, is_atomic)
