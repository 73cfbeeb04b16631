"""Plays generated statements on one plain server and through waybill, and says what differs."""

import collections
import random
import re
import time
import unicodedata

import wire
from compare import Outcome
from differential import order_schema
from differential.changes import Changes
from differential.grammar import Grammar, Made

FLOATS = (wire.T_FLOAT, wire.T_DOUBLE)
MOMENTS = (7, 10, 11, 12)  # TIMESTAMP, DATE, TIME, DATETIME: UNSIGNED or not, as a temporary table has it
# PRI, UNIQUE, MULTIPLE, BINARY, NO_DEFAULT, PART_KEY and GROUP are shown or not as the server's plan for the statement has it: a
# temporary table in it loses facts about keys, and so do merged and materialised derived tables (seen on two plain servers
# with other statistics), a string's decimals are 0 or 39, and the
# length of an expression is the temporary table's (YEAR(): 4 or 5). NOT_NULL likewise below WITH ROLLUP, and where an outer
# join may become an inner one. What is made without any
# of these must be equal in all.
FLAGS_OF_PLAN, NOT_NULL, UNSIGNED = 2 | 4 | 8 | 128 | 4096 | 16384 | 32768, 1, 32
STRINGS = (wire.T_BLOB, wire.T_VAR_STRING, 254)
SIMPLE = re.compile(r"(?!.*\b(JOIN|GROUP BY|DISTINCT|WITH|UNION|INTERSECT|EXCEPT|OVER|RETURNING)\b|.*\(SELECT )", re.S)
BLOB = 16  # of an expression: whether a temporary table was in between
OUT_OF_RANGE = 1690
ROW_NUMBER = re.compile(r" at row \d+")
SHOWN_MAX = 3000
CHANGES_BETWEEN_LOOKS = 120
LIST_MAX = 64  # max_error_count


def folded(value):
    """A spelling for all strings that some collation calls equal."""
    if not isinstance(value, str):
        return value
    plain = unicodedata.normalize("NFKD", value.replace("œ", "oe").replace("ø", "o").replace("Ø", "o")).casefold()
    return "".join(letter for letter in plain if not unicodedata.combining(letter)).replace("ss", "s").rstrip(" ")


def rounded(value):
    try:
        return f"{float(value):.6g}"
    except (TypeError, ValueError):
        return value


def loosened(rows, columns):
    """The rows without what the statement leaves to the server: a spelling, the last digits of a sum of doubles."""
    is_float = [column[5] in FLOATS for column in columns]
    return [tuple(rounded(value) if loose else folded(value) for value, loose in zip(row, is_float)) for row in rows]


def without_plan(columns, text):
    """Column definitions without what depends on the server's plan."""
    hidden = FLAGS_OF_PLAN | (NOT_NULL if re.search("WITH ROLLUP|LEFT JOIN|RIGHT JOIN", text) else 0)
    is_named = not re.search(r"WITH |\(SELECT ", text)
    is_rolled_up = "WITH ROLLUP" in text  # what a server sees to be one value, or no row, forgets its table
    columns = [column[:2] + ("", "", "") + column[5:] if is_rolled_up else column for column in columns] if columns else columns
    return columns and [(name, org_name if table and is_named else "", table, org_table if is_named else "", schema, kind,
                         flags & ~(hidden | (UNSIGNED if kind in MOMENTS else 0) | (0 if table else BLOB)),
                         collation, length if table else 0, 0 if kind in STRINGS else decimals)
                        for name, org_name, table, org_table, schema, kind, flags, collation, length, decimals in columns]


def is_of_other_rows(mine, theirs, text):
    """Of rows that joins and other conditions leave out a server evaluates an expression, or does not."""
    codes = [outcome.error and outcome.error[0] for outcome in (mine, theirs)]
    return not SIMPLE.match(text) and text.startswith(("SELECT", "(SELECT", "WITH")) and sorted(codes, key=str) == [OUT_OF_RANGE, None]


def differences(mine, theirs, made):
    text = made.text()
    if is_of_other_rows(mine, theirs, text):
        return []
    is_simple = SIMPLE.match(text)
    if not is_simple:
        for outcome in (mine, theirs):
            outcome.columns = without_plan(outcome.columns, text)
    if " LIMIT " in text or (not is_simple or " ORDER BY " in text) and mine.warnings and theirs.warnings:
        # A row that is not shown may have been looked at, and one that is, twice; what is sorted by is a column for a merge.
        mine.warnings = theirs.warnings
    found = mine.differences(theirs, made.is_ordered)
    if made.may_choose and len(found) == 1 and found[0].startswith("rows ") and mine.columns == theirs.columns:
        a, b = loosened(mine.rows, mine.columns), loosened(theirs.rows, theirs.columns)
        if a == b or not made.is_ordered and sorted(a, key=repr) == sorted(b, key=repr):
            return []
    return found


def warnings_of(client):
    """Each warning once, without the number of its row: which rows come first is not promised."""
    outcome = Outcome(client, "SHOW WARNINGS")
    if outcome.error:
        return [outcome.error]
    if len(outcome.rows) >= LIST_MAX:
        return []  # which of them are left out is not promised
    return sorted({(level, code, ROW_NUMBER.sub("", text)) for level, code, text in outcome.rows})


class Tally:
    def __init__(self):
        self.statements = self.selects = self.refused_selects = self.refused_changes = self.refused_in_transactions = self.errors = 0
        self.reasons = collections.Counter()
        self.examples = {}

    def refuse(self, text, message):
        reason = re.sub(r"(shop\.\w+|`[^`]*`|'[^']*')", "..", message)
        self.reasons[reason] += 1
        self.examples.setdefault(reason, text)

    def report(self):
        share = 100 * self.refused_selects / max(1, self.selects)
        lines = [f"{self.statements} statements, {self.errors} of them errors on both sides; {self.selects} SELECTs, "
                 f"refused {self.refused_selects} ({share:.2f} %); changes refused {self.refused_changes}, in transactions {self.refused_in_transactions}"]
        for reason, count in self.reasons.most_common():
            lines.append(f"  {count:6} {reason}\n         {self.examples[reason][:400]}")
        return "\n".join(lines)


class Tester:
    """`plain`: a client of the plain server; `clients`: makes one of waybill (user) -> client."""

    def __init__(self, plain, make_client, shards, seed, problems_max=5, report=print, is_atomic=False):
        self.is_atomic = is_atomic and shards > 1
        self.share_of_changes = 0.2
        self.plain, self.client, self.loader = plain, make_client(None), make_client("loader")
        self.shards, self.seed, self.problems_max, self.report = shards, seed, problems_max, report
        self.rng = random.Random(seed)
        self.tally, self.problems = Tally(), []
        self.changes_since_look = 0
        if self.is_atomic:
            self.loader.query("SET waybill_distributed = 'atomic'")

    def fill(self):
        state = self.rng.getstate()
        order_schema.fill(self.loader, self.rng)
        self.rng.setstate(state)
        self.rows = order_schema.fill(self.plain, self.rng)
        self.grammar = Grammar(self.rng, self.rows)
        self.changes = Changes(self.rng, self.grammar)

    def problem(self, number, text, what, way):
        line = f"seed {self.seed}, {self.shards} shards, statement {number}, {way}:\n    {text};\n        " + "\n        ".join(part[:SHOWN_MAX] for part in what)
        self.problems.append(line)
        self.report(line)

    def play(self, seconds, statements=1 << 60):
        """Until the time is over, or enough has been found; the problems."""
        self.fill()
        deadline = time.monotonic() + seconds
        for number in range(statements):
            if time.monotonic() > deadline or len(self.problems) >= self.problems_max:
                break
            self.tally.statements += 1
            kind = self.rng.random()
            if kind < self.share_of_changes:
                self.one_change(number)
            elif kind < self.share_of_changes + 0.03:
                self.one_transaction(number)
            else:
                self.one_select(number)
        if len(self.problems) < self.problems_max:
            self.look()
        return self.problems

    def way(self, made):
        """(name, text, is prepared, values)"""
        kind = self.rng.random()
        if kind < 0.55:
            return "text", made.text(), False, ()
        if kind < 0.75:
            return "prepared", made.text(), True, ()
        text, values = made.with_parameters()
        return f"prepared with {values!r}", text, True, values

    def one_select(self, number):
        made = self.grammar.select()
        way, text, is_prepared, values = self.way(made)
        mine = Outcome(self.client, text, is_prepared, values)
        self.tally.selects += 1
        if mine.is_refused():
            self.tally.refused_selects += 1
            self.tally.refuse(text, f"{mine.error[0]} {mine.error[2]}")
            return
        theirs = Outcome(self.plain, text, is_prepared, values)
        self.judge(number, text, way, mine, theirs, made, self.client)

    def judge(self, number, text, way, mine, theirs, made, client):
        self.tally.errors += theirs.error is not None
        has_lists = mine.warnings and theirs.warnings
        found = differences(mine, theirs, made)
        if not found and has_lists:
            a, b = warnings_of(client), warnings_of(self.plain)
            if a != b:
                found = [f"SHOW WARNINGS: {a!r}, not {b!r}"]
        if found:
            self.problem(number, text, found, way)
        return found

    def one_change(self, number):
        made = self.changes.change()
        way, text, is_prepared, values = self.way(made)
        mine = Outcome(self.loader, text, is_prepared, values)
        if mine.is_refused():
            self.tally.refused_changes += 1
            self.tally.refuse(text, f"{mine.error[0]} {mine.error[2]}")
            return
        theirs = Outcome(self.plain, text, is_prepared, values)
        if self.shards > 1 and mine.error and theirs.error and mine.error[:2] == theirs.error[:2]:
            mine.error = theirs.error  # which row is told of, and where the others are
        self.judge(number, text, way, mine, theirs, made, self.loader)
        self.changes_since_look += 1
        if theirs.error is not None and self.shards > 1 and not self.is_atomic:
            self.fill()  # best_effort may have done a part
        elif theirs.error is not None and self.is_atomic:
            self.look()
        elif self.changes_since_look >= CHANGES_BETWEEN_LOOKS:
            self.look()
            self.fill()

    def both(self, text, is_prepared=False, values=()):
        """(waybill's, the plain server's) outcome in the sessions that change rows; the latter is None when refused."""
        mine = Outcome(self.loader, text, is_prepared, values)
        return mine, None if mine.is_refused() else Outcome(self.plain, text, is_prepared, values)

    def one_transaction(self, number):
        """Reads and changes between BEGIN and its end; what is refused within is counted by itself."""
        self.both("BEGIN")
        has_failed = False
        for _ in range(self.rng.randint(1, 4)):
            is_read = self.rng.random() < 0.6
            made = self.grammar.select() if is_read else self.changes.change()
            way, text, is_prepared, values = self.way(made)
            mine, theirs = self.both(text, is_prepared, values)
            if theirs is None:
                self.tally.refused_in_transactions += 1
                self.tally.refuse(text, f"{mine.error[0]} {mine.error[2]}")
                continue
            if self.shards > 1 and mine.error and theirs.error and mine.error[:2] == theirs.error[:2]:
                mine.error = theirs.error
            has_failed |= theirs.error is not None and not is_read
            self.judge(number, text, f"in a transaction, {way}", mine, theirs, made, self.loader)
            if has_failed and self.shards > 1 and not self.is_atomic:
                break  # best_effort may have done a part
        end = self.rng.choice(("COMMIT", "ROLLBACK"))
        self.judge(number, end, "text", *self.both(end), Made(end), self.loader)
        if has_failed and self.is_atomic:
            self.look()
        elif has_failed and self.shards > 1:
            self.fill()

    def look(self):
        """Are the tables the same on both sides?"""
        self.changes_since_look = 0
        for table, unique in order_schema.UNIQUE.items():
            text = f"SELECT * FROM {table} ORDER BY {', '.join(unique)}"
            mine, theirs = Outcome(self.loader, text), Outcome(self.plain, text)
            if mine.rows != theirs.rows:
                self.problem(-1, text, [f"the tables differ: {set(mine.rows) - set(theirs.rows)!r}\n\n{set(theirs.rows) - set(mine.rows)!r}"], "after changes")
                self.fill()
                return
