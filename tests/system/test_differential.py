"""The same statements on one plain MariaDB and through waybill over 1 and over 4 shards: rows, column names, types,
affected rows, insert ids, warnings, messages and errors must be equal; what waybill refuses must say so in the script."""

import os
import random
import re

import wire
from compare import Outcome, run_script
from stand import HERE, REFUSALS, Stand

SCRIPTS = os.path.join(HERE, "differential")


def read(name):
    with open(os.path.join(SCRIPTS, name)) as script:
        return script.read()


TABLES = read("tables.ini")
CLUSTER = {"shards": 4, "replicas": 0, "plain": True, "tables": TABLES, "settings": "gather_on_primary = on\n"}
WAYS = {
    "text": {},
    "old EOF": {"capabilities": wire.CLIENT_DEFAULT & ~wire.DEPRECATE_EOF},
    "several": {"capabilities": wire.CLIENT_DEFAULT | wire.MULTI_STATEMENTS},
    "several, old EOF": {"capabilities": (wire.CLIENT_DEFAULT | wire.MULTI_STATEMENTS) & ~wire.DEPRECATE_EOF},
    "found rows": {"capabilities": wire.CLIENT_DEFAULT | wire.FOUND_ROWS},
}
one_shard = None


def single(stand):
    """A second waybill, over one shard; made when first wanted, and stopped with the first."""
    global one_shard
    if one_shard is None:
        one_shard = Stand("differential_one", shards=1, tables=re.sub(r":s\d", ":s1", TABLES).replace("s1, s2, s3, s4", "s1").replace("shard = s2", "shard = s1"))
        stop = stand.stop
        stand.stop = lambda: one_shard.stop() + stop()
        one_shard.start()
    return one_shard


def names_of_tables():
    return re.findall(r"CREATE TABLE (\w+)", read("tables.sql"))


def fill(client):
    """The same rows, by statements that each stay on one shard."""
    for name in names_of_tables():
        client.query(f"DROP TABLE IF EXISTS {name}")
    for statement, _ in run_script(read("tables.sql")):
        client.query(statement)
    for i in range(1, 62):
        age = "NULL" if i % 7 == 0 else str(i % 13)
        client.query(f"INSERT INTO users (buyer_id, name, age, balance, joined) VALUES ({i}, 'user {i}', {age}, {i * 1.25}, '2026-01-{i % 28 + 1:02} 10:00:00')")
        for no in range(i % 4):
            client.query(f"INSERT INTO addresses (buyer_id, no, city) VALUES ({i}, {no}, 'city {(i * 3 + no) % 10}')")
    for i in range(0, 400, 7):
        client.query(f"INSERT INTO by_range (id, v) VALUES ({i}, 'v{i}')")
    client.query("INSERT INTO by_range (id, v) VALUES (150, 'here')")
    for i, country in enumerate("cn hk tw de fr us br ar cl".split() * 2):
        client.query(f"INSERT INTO by_country (country, id) VALUES ('{country}', {i})")
    for i in range(12):
        client.query(f"INSERT INTO by_modulo (id, v) VALUES ({i}, {i * i})")
    for day in ("2026-01-01", "2026-03-31", "2026-04-01", "2026-05-05", "2026-06-30", "2026-07-01", "2027-01-01"):
        client.query(f"INSERT INTO by_day (day, id, v) VALUES ('{day}', 1, 5)")
    for i, name in enumerate(("Anna", "bert", "CARL", "dora", "anton")):
        client.query(f"INSERT INTO by_name (name, n) VALUES ('{name}', {i})")
    for i in range(1, 11):
        client.query(f"INSERT INTO products VALUES ({i}, 'product {i}', {i}.5)")
        client.query(f"INSERT INTO inventory VALUES ({i}, {i * 100})")


def play(stand, script, way, is_prepared=False, user=None):
    """Runs the script on the plain server and through `stand`; every difference is a line of the failure."""
    plain_stand = stand if stand.plain else one_shard.plain_stand
    filler = stand.client(user="loader")
    fill(filler)
    filler.close()
    plain, client = plain_stand.direct("plain", **way), stand.client(user=user, **way)
    fill(plain)
    plain.reset_connection()
    plain.init_db("shop")
    problems = []
    for statement, directives in run_script(read(script)):
        is_refusal_right = "refused" in directives and stand.shards > 1
        mine = Outcome(client, statement, is_prepared)
        if mine.is_refused() or is_refusal_right:
            code = mine.error[0] if mine.error else None
            if not is_refusal_right or str(code) != directives["refused"]:
                problems.append(f"{statement}\n        {mine.error or 'was not refused'}")
            continue
        theirs = Outcome(plain, statement, is_prepared)
        is_ordered = "unordered" not in directives or stand.shards == 1
        problems += [f"{statement}\n        {what}" for what in mine.differences(theirs, is_ordered)]
    plain.close()
    client.close()
    assert not problems, f"{len(problems)} differences over {stand.shards} shards:\n    " + "\n    ".join(problems)


def both(stand, script, way="text", is_prepared=False, user=None):
    small = single(stand)
    small.plain_stand = stand
    play(small, script, WAYS[way], is_prepared, user)
    play(stand, script, WAYS[way], is_prepared, user)


def test_reads(stand):
    both(stand, "reads.sql")


def test_reads_old_eof(stand):
    both(stand, "reads.sql", way="old EOF")


def test_reads_prepared(stand):
    both(stand, "reads.sql", is_prepared=True)


def test_gather(stand):
    both(stand, "gather.sql")


def test_gather_old_eof(stand):
    both(stand, "gather.sql", way="old EOF")


def test_gather_prepared(stand):
    both(stand, "gather.sql", is_prepared=True)


def test_types(stand):
    both(stand, "types.sql")


def test_types_prepared(stand):
    both(stand, "types.sql", is_prepared=True)


def test_groups(stand):
    both(stand, "groups.sql")


def test_groups_old_eof(stand):
    both(stand, "groups.sql", way="old EOF")


def test_groups_prepared(stand):
    both(stand, "groups.sql", is_prepared=True)


def test_writes(stand):
    both(stand, "writes.sql")


def test_writes_found_rows(stand):
    both(stand, "writes.sql", way="found rows")


def test_writes_prepared(stand):
    both(stand, "writes.sql", is_prepared=True)


def test_refused_writes(stand):
    play(stand, "refused_writes.sql", WAYS["text"])


def test_insert_without_columns(stand):
    both(stand, "no_columns.sql")


def test_insert_without_columns_prepared(stand):
    both(stand, "no_columns.sql", is_prepared=True)


def test_transactions(stand):
    both(stand, "transactions.sql")


def test_session(stand):
    both(stand, "session.sql")


def test_aftermath(stand):
    """What a statement leaves behind: warnings, counts."""
    both(stand, "aftermath.sql")


def test_aftermath_old_eof(stand):
    both(stand, "aftermath.sql", way="old EOF")


def test_aftermath_prepared(stand):
    both(stand, "aftermath.sql", is_prepared=True)


def test_aftermath_writes(stand):
    """... of writes on several shards: of a user who may do that."""
    both(stand, "aftermath_writes.sql", user="loader")


def test_aftermath_writes_found_rows(stand):
    both(stand, "aftermath_writes.sql", way="found rows", user="loader")


def test_aftermath_duplicates(stand):
    both(stand, "aftermath_duplicates.sql", user="loader")


def test_writes_of_many(stand):
    """On several shards: locking reads, joins within a shard, RETURNING, LIMIT, INSERT ... SELECT."""
    both(stand, "writes_many.sql", user="loader")


def test_writes_of_many_prepared(stand):
    both(stand, "writes_many.sql", is_prepared=True, user="loader")


def test_writes_of_many_found_rows(stand):
    both(stand, "writes_many.sql", way="found rows", user="loader")


def test_insert_ids(stand):
    both(stand, "insert_ids.sql")


def test_insert_ids_found_rows(stand):
    both(stand, "insert_ids.sql", way="found rows")


def test_insert_ids_prepared(stand):
    both(stand, "insert_ids.sql", is_prepared=True)


def test_insert_id_is_set(stand):
    """LAST_INSERT_ID(expression), and SET STATEMENT."""
    both(stand, "insert_id_set.sql")


def test_insert_id_is_set_prepared(stand):
    both(stand, "insert_id_set.sql", is_prepared=True)


def test_insert_ids_refused(stand):
    play(stand, "insert_ids_refused.sql", WAYS["text"])


def test_names(stand):
    both(stand, "names.sql")


def test_names_prepared(stand):
    both(stand, "names.sql", is_prepared=True)


def test_unread(stand):
    both(stand, "unread.sql")


def test_unread_prepared(stand):
    both(stand, "unread.sql", is_prepared=True)


def test_unread_with_hints(stand):
    play(stand, "unread_hints.sql", WAYS["text"])


def test_several(stand):
    both(stand, "several.sql", way="several")


def test_several_old_eof(stand):
    both(stand, "several.sql", way="several, old EOF")


def test_several_are_not_allowed(stand):
    """Without the capability the same is refused as a whole: the first statement is not run either."""
    both(stand, "several_refused.sql")


def test_several_by_option(stand):
    """COM_SET_OPTION allows several statements, and forbids them again."""
    client = stand.client()
    for option, is_allowed in ((0, True), (1, False), (0, True)):
        client.command(wire.COM_SET_OPTION, bytes([option, 0]))
        outcome = Outcome(client, "SELECT 1; SELECT 2")
        assert (outcome.error is None) == is_allowed and len(outcome.more) == is_allowed, outcome.error
    client.close()


# ---- statements made at random


def random_condition(rng):
    key = rng.choice(("buyer_id", "u.buyer_id"))
    number = lambda: rng.choice((str(rng.randint(1, 70)), f"'{rng.randint(1, 70)}'", "NULL"))
    simple = lambda: rng.choice((
        f"{key} = {number()}", f"{number()} = {key}", f"{key} <=> {number()}",
        f"{key} IN ({', '.join(number() for _ in range(rng.randint(1, 4)))})",
        f"({key}, age) = ({number()}, {rng.randint(0, 12)})", f"age = {rng.randint(0, 12)}", f"age IS NULL",
        f"{key} BETWEEN {number()} AND {number()}", f"NOT {key} = {number()}", f"{key} > {number()}", f"name = 'user {rng.randint(1, 60)}'",
        f"{key} = {rng.randint(1, 30)} + {rng.randint(1, 30)}", f"{key} NOT IN ({number()}, {number()})"))
    text = simple()
    for _ in range(rng.randint(0, 3)):
        text = f"{text} {rng.choice(('AND', 'OR', 'AND', 'OR', 'XOR'))} {rng.choice(('', 'NOT '))}({simple()})"
    return text


def random_gathered(rng, where):
    """What no merge can answer: (statement, is its order promised)."""
    age = rng.randint(0, 12)
    aggregates = ", ".join(rng.sample((
        "COUNT(*)", "SUM(balance)", "AVG(balance)", "MIN(name)", "MAX(joined)", "COUNT(DISTINCT age)", "SUM(age)", "AVG(age)", "BIT_OR(buyer_id)",
        "STD(age)", "VAR_SAMP(age)", "GROUP_CONCAT(name ORDER BY buyer_id)", "MAX(balance) - MIN(balance)", "SUM(buyer_id * 1e0)"), rng.randint(1, 4)))
    having = rng.choice(("", "", f" HAVING COUNT(*) > {rng.randint(0, 3)}"))
    rows = f"(SELECT * FROM users u WHERE {where})"
    return rng.choice((
        (f"SELECT {aggregates} FROM users u WHERE {where}", True),
        (f"SELECT age, {aggregates} FROM users u WHERE {where} GROUP BY age{having}", False),
        (f"SELECT age, {aggregates} FROM users u WHERE {where} GROUP BY age{having} ORDER BY 2 DESC, age LIMIT 5", True),
        # Of a condition that can't be true a server forgets the table of what is rolled up.
        (f"SELECT age, {aggregates} FROM users u WHERE ({where}) OR age = {age} GROUP BY age WITH ROLLUP", False),
        (f"SELECT DISTINCT age, LEFT(name, 6) FROM users u WHERE {where}", False),
        (f"SELECT u.buyer_id, a.buyer_id, a.no FROM users u {rng.choice(('JOIN', 'LEFT JOIN', 'RIGHT JOIN'))} addresses a ON u.age = a.no WHERE {where.replace(' age', ' u.age').replace('(buyer', '(u.buyer')}".replace(" buyer_id", " u.buyer_id"), False),
        (f"SELECT v.name, x.no FROM {rows} v JOIN addresses x ON x.no = v.age", False),
        (f"SELECT name FROM users WHERE age {rng.choice(('IN', 'NOT IN'))} (SELECT no FROM addresses a WHERE a.city = 'city {age}')", False),
        (f"SELECT name, (SELECT MAX(city) FROM addresses a WHERE a.no = u.age) FROM users u WHERE {where}", False),
        (f"SELECT u.buyer_id, ROW_NUMBER() OVER (PARTITION BY age ORDER BY u.buyer_id), SUM(balance) OVER (ORDER BY u.buyer_id) FROM users u WHERE {where}", False),
        (f"SELECT age FROM users u WHERE {where} {rng.choice(('UNION', 'UNION ALL', 'INTERSECT', 'EXCEPT'))} SELECT no FROM addresses", False),
        (f"WITH w AS {rows} SELECT COUNT(*), MIN(name), MAX(stock) FROM w JOIN inventory ON product_id = age", True),
        (f"SELECT u.buyer_id, name FROM users u WHERE {where} ORDER BY -age, LENGTH(name), u.buyer_id LIMIT 7", True),
    ))


def random_statement(rng):
    where = random_condition(rng)
    if rng.random() < 0.25:
        return random_gathered(rng, where)
    kind = rng.randint(0, 9)
    if kind < 3:
        return f"SELECT u.buyer_id, name, age FROM users u WHERE {where}", False
    if kind < 5:
        order = rng.choice(("u.buyer_id", "age, u.buyer_id DESC", "name", "balance DESC, u.buyer_id"))
        limit = rng.choice(("", f" LIMIT {rng.randint(0, 9)}", f" LIMIT {rng.randint(0, 9)} OFFSET {rng.randint(0, 9)}"))
        return f"SELECT u.buyer_id, name FROM users u WHERE {where} ORDER BY {order}{limit}", True
    if kind == 5:
        return f"SELECT COUNT(*), COUNT(age) FROM users u WHERE {where}", True
    if kind == 6:
        join = rng.choice(("JOIN", "LEFT JOIN", "RIGHT JOIN"))
        condition = where if "u." in where else where.replace("buyer_id", "u.buyer_id")
        return f"SELECT u.buyer_id, a.no FROM users u {join} addresses a ON u.buyer_id = a.buyer_id WHERE {condition}", False
    where = where.replace("u.buyer_id", "buyer_id")
    if kind == 7:
        return f"UPDATE users SET age = {rng.randint(0, 12)} WHERE {where}", True
    if kind == 8:
        return f"DELETE FROM addresses WHERE {where.replace('age', 'no').replace('name', 'city')}", True
    i = rng.randint(1, 90)
    return f"INSERT INTO users (buyer_id, name, age) VALUES ({i}, 'user {i}', {rng.randint(0, 12)}) ON DUPLICATE KEY UPDATE age = age + 1", True


def test_random(stand):
    """4000 statements by a seed that is printed with a failure."""
    seed = int(os.environ.get("WAYBILL_TEST_SEED", "20261130"))
    rng = random.Random(seed)
    filler = stand.client(user="loader")
    fill(filler)
    plain, client = stand.direct("plain"), stand.client()
    fill(plain)
    plain.reset_connection()
    plain.init_db("shop")
    problems, refused = [], 0
    for number in range(4000):
        statement, is_ordered = random_statement(rng)
        is_prepared = rng.random() < 0.25
        mine = Outcome(client, statement, is_prepared)
        if mine.is_refused():
            refused += 1
            assert not re.match("SELECT|WITH", statement), f"seed {seed}: {statement}: {mine.error}"
            continue
        theirs = Outcome(plain, statement, is_prepared)
        problems += [f"{statement}\n        {what}" for what in mine.differences(theirs, is_ordered)]
        assert len(problems) < 5, f"seed {seed}, statement {number}:\n    " + "\n    ".join(problems)
    assert not problems, f"seed {seed}:\n    " + "\n    ".join(problems)
    assert refused < 1600, f"seed {seed}: {refused} of 4000 were refused"
    for table in ("users", "addresses"):
        order = "buyer_id" if table == "users" else "buyer_id, no"
        mine, theirs = (Outcome(c, f"SELECT * FROM {table} ORDER BY {order}") for c in (client, plain))
        assert mine.rows == theirs.rows, f"seed {seed}: {table} differs at the end"


def test_prepared_text(stand):
    both(stand, "prepared_text.sql")


def test_prepared_text_old_eof(stand):
    both(stand, "prepared_text.sql", way="old EOF")
