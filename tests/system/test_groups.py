"""Aggregates, GROUP BY, DISTINCT and ORDER BY expressions made at random, over rows at the edges of their types, on one
plain MariaDB and on four shards: every answer is the same, and none is refused."""

import os
import random

from compare import Outcome
from test_differential import CLUSTER, fill  # noqa: F401 (CLUSTER is the module's own need)
from test_gather import figure

STATEMENTS = 1500
VALUES = {
    "t": "NULL -128 -1 0 1 127".split(),
    "su": "NULL 0 1 65535".split(),
    "m": "NULL -8388608 0 3 8388607".split(),
    "b": "NULL 0 1 2 9223372036854775807 9223372036854775808 18446744073709551615".split(),
    "d": "NULL -1.5 0 0.25 2 1e3".split(),  # sums of these are exact in any order
    "n": "NULL -0.0000000001 0 0.5 -3.3333333333 99999999999999999999.9999999999 -99999999999999999999.9999999999".split(),
    "day": "NULL '1000-01-01' '2026-02-28' '9999-12-31'".split(),
    "tm": "NULL '-838:59:59.000' '00:00:00' '10:00:00.5'".split(),
    "dt": "NULL|'2026-01-01 00:00:00.000001'|'2026-01-01 00:00:00'|'9999-12-31 23:59:59.999999'".split("|"),
    "y": "NULL 1901 2000 2155".split(),
    "c": "NULL '' 'a' 'ab' 'é'".split(),
    "v": "NULL '' 'a' 'A' 'ß'".split(),
    "l": "NULL '' 'a' 'z' 'ä'".split(),
    "vb": "NULL x'' x'00' x'ff' 'a'".split(),
}
SUMMED = "t su m b d n t+1 su*2 n*2 -m id n+t IF(t>0,n,0)".split()
COMPARED = list(VALUES) + ["n*2", "t+1", "CONCAT(c,'x')", "LEFT(v,1)", "DATE(dt)"]
GROUPED = list(VALUES) + ["DATE(dt)", "YEAR(day)", "t>0", "LEFT(v,1)", "n*2", "id%3", "COALESCE(t,su)"]


def aggregate(rng):
    kind = rng.choice("COUNT COUNT SUM SUM AVG AVG MIN MAX BIT_AND BIT_OR BIT_XOR IFNULL STAR".split())
    if kind == "STAR":
        return "COUNT(*)"
    if kind == "IFNULL":
        return f"{rng.choice(('IFNULL', 'COALESCE'))}(SUM({rng.choice(SUMMED)}), 0)"
    if kind.startswith("BIT"):
        return f"{kind}({rng.choice(('t', 'su', 'b', 'm'))})"
    return f"{kind}({rng.choice(SUMMED if kind in ('SUM', 'AVG') else COMPARED)})"


def condition(rng):
    low = rng.randint(1, 60)
    return rng.choice(("", "", f" WHERE id < {low}", f" WHERE id BETWEEN {low} AND {low + rng.randint(0, 30)}", f" WHERE t IN (0, 1) OR n > 0", " WHERE id > 1000", f" WHERE v = 'a'"))


def compared(rng, aggregates):
    whole = [text for text in aggregates if text.startswith(("COUNT", "BIT"))]  # others may be gathered
    one = rng.choice(whole + ["COUNT(*)", "SUM(t)", "MIN(m)", "MAX(n)", "SUM(n)", "BIT_OR(su)"])
    number = rng.choice("0 1 2 3 -1 0.5 65535 18446744073709551615 -3.3333333333 2.0".split())
    return rng.choice((f"{one} {rng.choice('= <> < <= > >='.split())} {number}", f"{number} < {one}", f"{one} IS NULL", f"{one} IS NOT NULL",
                       f"{one} {rng.choice(('', 'NOT '))}BETWEEN -1 AND {number}", f"COUNT(*) > COUNT(t)", f"NOT {one} = {number}"))


def having(rng, aggregates):
    if rng.random() < 0.75:
        return ""
    return " HAVING " + f" {rng.choice(('AND', 'OR'))} ".join(compared(rng, aggregates) for _ in range(rng.randint(1, 3)))


def limit(rng):
    return rng.choice(("", "", f" LIMIT {rng.randint(0, 9)}", f" LIMIT {rng.randint(1, 9)} OFFSET {rng.randint(0, 9)}"))


def directed(rng, items):
    return ", ".join(item + rng.choice(("", " ASC", " DESC")) for item in items)


def statement(rng):
    """(text, is its order promised)"""
    kind = rng.random()
    where = condition(rng)
    aggregates = [aggregate(rng) for _ in range(rng.randint(1, 5))]
    if kind < 0.3:
        return f"SELECT {', '.join(aggregates)} FROM typed{where}{having(rng, aggregates)}{rng.choice(('', '', ' LIMIT 1'))}", True
    keys = rng.sample(GROUPED, rng.randint(1, 3))
    if kind < 0.7:
        shown = [key for key in keys if rng.random() < 0.8] + aggregates
        rng.shuffle(shown)
        order = rng.sample(keys, len(keys)) if rng.random() < 0.6 else []
        tail = f" ORDER BY {directed(rng, order)}{limit(rng)}" if order else ""
        return f"SELECT {', '.join(shown)} FROM typed{where} GROUP BY {', '.join(keys)}{having(rng, aggregates)}{tail}", bool(order)
    if kind < 0.85:
        order = rng.sample(keys, len(keys)) if rng.random() < 0.6 else []
        tail = f" ORDER BY {directed(rng, order)}{limit(rng)}" if order else ""
        return f"SELECT DISTINCT {', '.join(keys)} FROM typed{where}{tail}", bool(order)
    return f"SELECT id, {keys[0]} FROM typed{where} ORDER BY {directed(rng, keys + ['id'])}{limit(rng)}", True


def test_random(stand):
    """By a seed that is printed with a failure."""
    seed = int(os.environ.get("WAYBILL_TEST_SEED", "20261130"))
    rng = random.Random(seed)
    filler, plain, client = stand.client(user="loader"), stand.direct("plain"), stand.client()
    fill(filler)
    fill(plain)
    for i in range(1, 61):
        row = f"INSERT INTO typed (id, {', '.join(VALUES)}) VALUES ({i}, {', '.join(rng.choice(values) for values in VALUES.values())})"
        filler.query(row)
        plain.query(row)
    problems = []
    for number in range(STATEMENTS):
        sql, is_ordered = statement(rng)
        is_prepared = rng.random() < 0.4
        mine, theirs = Outcome(client, sql, is_prepared), Outcome(plain, sql, is_prepared)
        problems += [f"{sql}\n        {what}" for what in mine.differences(theirs, is_ordered)]
        assert len(problems) < 5, f"seed {seed}, statement {number}:\n    " + "\n    ".join(problems)
    assert not problems, f"seed {seed}:\n    " + "\n    ".join(problems)


# By what a merge holds all groups for: an AVG, a string, no LIMIT, a key that isn't shown.
MERGED = [
    "SELECT age, COUNT(*) AS n FROM users GROUP BY age ORDER BY n DESC, age",
    "SELECT age, AVG(balance) AS a, COUNT(*) FROM users GROUP BY age ORDER BY a DESC, age",
    "SELECT age FROM users GROUP BY age ORDER BY AVG(balance), age LIMIT 4 OFFSET 1",
    "SELECT age, AVG(buyer_id) FROM users GROUP BY age HAVING COUNT(*) > 4 ORDER BY AVG(buyer_id) DESC, age",
    "SELECT age, MAX(name) FROM users GROUP BY age ORDER BY MAX(name) DESC, age",
    "SELECT age, MIN(name) AS first FROM users GROUP BY age ORDER BY first, age LIMIT 5",
    "SELECT city, COUNT(*) FROM addresses GROUP BY city ORDER BY COUNT(*) DESC, city",
    "SELECT COUNT(*), MIN(name) FROM users GROUP BY age ORDER BY 1, 2, age DESC",
    "SELECT MAX(joined) FROM users GROUP BY age ORDER BY COUNT(age), age DESC LIMIT 3, 100000",
    "SELECT age, COUNT(DISTINCT name) AS names FROM users GROUP BY age ORDER BY names DESC, age DESC",
    "SELECT name LIKE '%1%' AS one, SUM(balance) FROM users GROUP BY 1 ORDER BY 2 DESC",
    "SELECT age, SUM(balance) FROM users WHERE buyer_id > 1000 GROUP BY age ORDER BY 2",
    "SELECT SQL_CALC_FOUND_ROWS age, COUNT(*) FROM users GROUP BY age ORDER BY 2 DESC, age LIMIT 3",
    "SELECT FOUND_ROWS()",
]


# A parameter in ORDER BY stays where it is, or the statement is gathered.
PARAMETERS = [
    ("SELECT age, COUNT(NULLIF(buyer_id, ?)) AS n FROM users GROUP BY age ORDER BY COUNT(NULLIF(buyer_id, ?)), age LIMIT 4", (20, 20)),
    ("SELECT age, SUM(buyer_id % ?) FROM users GROUP BY age ORDER BY SUM(buyer_id % ?) DESC, age LIMIT ?", (7, 5, 6)),
    ("SELECT age, SUM(buyer_id % ?) AS s FROM users WHERE buyer_id > ? GROUP BY age ORDER BY s DESC, age LIMIT ? OFFSET ?", (7, 3, 6, 1)),
]

# GROUP_CONCAT: in an order, of DISTINCT values, beside other aggregates, of strings of several collations.
CONCATENATED = [
    "SELECT age, GROUP_CONCAT(buyer_id ORDER BY buyer_id) FROM users GROUP BY age ORDER BY age",
    "SELECT age, GROUP_CONCAT(name ORDER BY balance DESC SEPARATOR '; '), COUNT(*), SUM(balance), AVG(balance) FROM users GROUP BY age ORDER BY age DESC LIMIT 5",
    "SELECT age, GROUP_CONCAT(DISTINCT name ORDER BY name DESC SEPARATOR '') AS names, COUNT(DISTINCT name) FROM users GROUP BY age ORDER BY 1",
    "SELECT GROUP_CONCAT(buyer_id ORDER BY balance) FROM users",
    "SELECT GROUP_CONCAT(DISTINCT age ORDER BY age), COUNT(DISTINCT age), COUNT(*), MIN(name) FROM users",
    "SELECT GROUP_CONCAT(DISTINCT city ORDER BY city DESC SEPARATOR '|') FROM addresses",
    "SELECT no, GROUP_CONCAT(DISTINCT city ORDER BY city DESC), MAX(city) FROM addresses GROUP BY no ORDER BY no",
    "SELECT GROUP_CONCAT(name ORDER BY buyer_id) FROM users WHERE buyer_id > 1000",
    "SELECT age, GROUP_CONCAT(IF(balance > 30, name, NULL) ORDER BY buyer_id DESC) AS rich FROM users GROUP BY age HAVING COUNT(*) > 3 ORDER BY age",
    "SELECT age, GROUP_CONCAT(name, ' ', balance ORDER BY buyer_id SEPARATOR ', ') FROM users GROUP BY age ORDER BY COUNT(*) DESC, age",
    "SELECT age, GROUP_CONCAT(DISTINCT name, no ORDER BY no, name DESC) FROM users JOIN addresses USING (buyer_id) GROUP BY age ORDER BY age",
    "SELECT GROUP_CONCAT(joined ORDER BY joined, buyer_id SEPARATOR '\\n') FROM users WHERE buyer_id < 20",
    "SELECT v, GROUP_CONCAT(id ORDER BY id) FROM typed GROUP BY v ORDER BY v",
    "SELECT GROUP_CONCAT(DISTINCT v ORDER BY v) FROM typed WHERE v = 'ß'",
    "SELECT GROUP_CONCAT(DISTINCT n ORDER BY n) FROM typed",
    "SELECT GROUP_CONCAT(DISTINCT b ORDER BY b DESC), SUM(DISTINCT b) FROM typed",
    "SELECT GROUP_CONCAT(l ORDER BY id), GROUP_CONCAT(vb ORDER BY id SEPARATOR '|') FROM typed",
    "SELECT GROUP_CONCAT(t, ':', n ORDER BY id DESC) FROM typed",
    "SELECT day, GROUP_CONCAT(dt ORDER BY id) FROM typed GROUP BY day ORDER BY day",
    "SELECT age, GROUP_CONCAT(joined) FROM users WHERE buyer_id = 5 OR buyer_id = 6 GROUP BY age ORDER BY age",
]

# Servers don't sort NULL as NULL there; what is cut comes with a warning that names the row.
NOT_CONCATENATED = [
    "SELECT GROUP_CONCAT(balance ORDER BY age IS NULL, age, buyer_id) FROM users",
    "SELECT age, GROUP_CONCAT(buyer_id ORDER BY buyer_id LIMIT 2) FROM users GROUP BY age ORDER BY age",
    "SELECT GROUP_CONCAT(buyer_id ORDER BY buyer_id), GROUP_CONCAT(buyer_id ORDER BY buyer_id DESC) FROM users",
]


def differences_of(client, plain, statements):
    problems = []
    for sql in statements:
        for is_prepared in (False, True):
            mine, theirs = Outcome(client, sql, is_prepared), Outcome(plain, sql, is_prepared)
            problems += [f"{sql}\n        {what}" for what in mine.differences(theirs, True)]
    return problems


def filled(stand):
    """A client of waybill, and one of the plain server; the tables are there."""
    client, plain = stand.client(), stand.direct("plain")
    if not client.query("SHOW TABLES LIKE 'users'").rows:
        fill(stand.client(user="loader"))
        fill(plain)
    return client, plain


def test_merged_by_values(stand):
    client, plain = filled(stand)
    before = figure(stand, "queries_gathered_total")
    problems = differences_of(client, plain, MERGED)
    for one in (client, plain):
        one.query("SET sql_select_limit = 3")
    problems += differences_of(client, plain, MERGED[:1])
    for one in (client, plain):
        one.query("SET sql_select_limit = DEFAULT, div_precision_increment = 0")
    problems += differences_of(client, plain, ["SELECT age, AVG(buyer_id) FROM users GROUP BY age ORDER BY AVG(buyer_id), age DESC"])
    assert not problems, "\n    ".join(problems)
    assert figure(stand, "queries_gathered_total") == before
    for sql, values in PARAMETERS:
        mine, theirs = Outcome(client, sql, True, values), Outcome(plain, sql, True, values)
        problems += [f"{sql} with {values}\n        {what}" for what in mine.differences(theirs, True)]
    assert not problems, "\n    ".join(problems)


def test_more_groups_than_are_held(stand):
    """Nothing was sent yet: one server answers with all rows."""
    client, plain = filled(stand)
    before = figure(stand, "queries_gathered_total")
    sql = "SELECT buyer_id, MAX(RPAD(name, 300000, 'x')) AS m FROM users GROUP BY buyer_id ORDER BY m DESC"
    problems = differences_of(client, plain, [sql])
    assert not problems, "\n    ".join(problem[:300] for problem in problems)
    assert figure(stand, "queries_gathered_total") == before + 2


def test_concatenated(stand):
    client, plain = filled(stand)
    before = figure(stand, "queries_gathered_total")
    problems = []
    for sql in CONCATENATED:
        problems += differences_of(client, plain, [sql])
        after = figure(stand, "queries_gathered_total")
        problems += [f"{sql}\n        was gathered"] if after > before else []
        before = after
    problems += differences_of(client, plain, NOT_CONCATENATED)
    for one in (client, plain):
        one.query("SET group_concat_max_len = 20")
    for sql in CONCATENATED:
        problems += [f"cut: {one}" for one in differences_of(client, plain, [sql])]
        lists = [one.query("SHOW WARNINGS").rows for one in (client, plain)]
        problems += [f"cut: {sql}\n        warnings {lists[0]!r}, not {lists[1]!r}"] if lists[0] != lists[1] else []
    assert not problems, "\n    ".join(problems)


def test_one_that_is_cut_behind_others(stand):
    """When a part was sent it is an error, never another text."""
    client, _ = filled(stand)
    sql = "SELECT buyer_id, GROUP_CONCAT(RPAD(name, IF(buyer_id = 61, 1100000, 400000), 'x')) FROM users WHERE buyer_id > 50 GROUP BY buyer_id ORDER BY buyer_id"
    mine = Outcome(client, sql)
    assert mine.error and mine.error[0] == 9001 and "group_concat_max_len" in mine.error[2], mine.error
    assert len(client.query(sql.replace("> 50", "BETWEEN 50 AND 60")).rows) == 11
