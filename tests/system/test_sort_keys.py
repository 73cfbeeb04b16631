"""ORDER BY a collation that waybill can't compare by: the shards give their sort keys beside each row, and the rows come in
the order of one plain server, streamed, not gathered."""

import random

from compare import Outcome

SHARDS = 3
TABLES = "[table shop.words]\nkey = id\n"
CLUSTER = {"shards": SHARDS, "replicas": 0, "plain": True, "tables": TABLES}
# One level of weights: merged by them.
KEYED = ["utf8mb4_unicode_ci", "utf8mb4_unicode_nopad_ci", "utf8mb4_unicode_520_ci", "utf8mb4_german2_ci", "utf8mb4_swedish_ci",
         "utf8mb4_czech_ci", "utf8mb4_spanish2_ci", "utf8mb4_danish_ci", "utf8mb4_turkish_ci", "utf8mb4_croatian_ci",
         "utf8mb4_persian_ci", "utf8mb4_vietnamese_ci", "utf8mb3_unicode_ci", "utf8mb3_hungarian_ci", "ucs2_unicode_ci",
         "utf16_unicode_ci", "utf32_unicode_nopad_ci", "utf8mb4_uca1400_ai_ci", "utf8mb4_uca1400_nopad_ai_ci"]
# With several levels of weights, or one of other sizes.
OTHERS = ["utf8mb4_uca1400_as_cs", "utf8mb4_thai_520_w2", "sjis_japanese_ci", "latin1_german2_ci"]
PARTS = ["a", "A", "ä", "á", "b", "ch", "c", "h", "d", "dz", "ss", "ß", "æ", "ae", "ø", "o", "z", "å", "i", "ı", "İ", "y", "ll", "ñ", "n", " ",
         "  ", "\t", "\n", "-", "'", "0", "9", "é", "e", "漢", "字", "\u0301", "ﬁ", "!", "_"]


def column(number):
    return f"w{number}"


def collations(stand):
    """Those that the server has."""
    return [name for name in KEYED + OTHERS if stand.root("plain").query(
        f"SELECT 1 FROM information_schema.COLLATION_CHARACTER_SET_APPLICABILITY WHERE FULL_COLLATION_NAME = '{name}'").rows]


def prepare(stand):
    names = collations(stand)
    columns = ", ".join(f"{column(i)} VARCHAR(60) CHARACTER SET {name.split('_')[0]} COLLATE {name}" for i, name in enumerate(names))
    rng = random.Random(20261201)
    values = [None, "", " ", "a ", "a\t", "a \t", "a  b", "a", "a\n"]
    values += ["".join(rng.choice(PARTS) for _ in range(rng.randint(1, 6))) for _ in range(150)]
    for server in [f"s{i}a" for i in range(1, SHARDS + 1)] + ["plain"]:
        root = stand.root(server)
        root.query("CREATE DATABASE IF NOT EXISTS shop")
        root.query(f"CREATE TABLE shop.words (id INT NOT NULL PRIMARY KEY, n INT NOT NULL, {columns}, long_one TEXT COLLATE utf8mb4_unicode_ci)")
        root.close()
    for client in (stand.client(user="loader"), stand.direct("plain")):
        client.query("SET sql_mode = ''")  # what a set of characters lacks is '?'
        for begin in range(0, len(values), 50):
            rows = []
            for number, value in enumerate(values[begin:begin + 50], begin):
                text = "NULL" if value is None else "_utf8mb4 x'" + value.encode().hex() + "'"
                rows.append(f"({number}, {number % 7}, {', '.join([text] * len(names))}, {text})")
            client.query("INSERT IGNORE INTO words VALUES " + ", ".join(rows))
        client.close()
    return names


def test_every_collation(stand):
    """Ties end at the next key, so their order is told, too; NULLs, trailing blanks, and what sorts before a blank among them.
    Nothing may be gathered here, so it is by their keys that rows are put in order; what has no such keys is refused."""
    names = prepare(stand)
    client, plain = stand.client(), stand.direct("plain")
    for number, name in enumerate(names):
        w = column(number)
        for order in (f"{w}, id", f"{w} DESC, n, id DESC", f"n, {w}, id"):
            for sql in (f"SELECT id, {w} FROM words ORDER BY {order}", f"SELECT id FROM words ORDER BY {order} LIMIT 7, 20"):
                for is_prepared in (False, True):
                    mine, theirs = Outcome(client, sql, is_prepared), Outcome(plain, sql, is_prepared)
                    if name in KEYED:
                        assert not mine.differences(theirs, True), (name, sql, mine.differences(theirs, True)[:1])
                    else:
                        assert mine.error[0] == 9001, (name, mine.error)
    client.close()
    plain.close()


def test_forms(stand):
    """Joins, expressions, aliases, several such keys, a short max_sort_length, a transaction, other sets of results."""
    client, plain = stand.client(), stand.direct("plain")
    statements = [
        "SELECT a.id, a.w0 FROM words a JOIN words b USING (id) ORDER BY a.w0 DESC, b.w3, a.id",
        "SELECT id, CONCAT(w0, '-', n) AS c FROM words ORDER BY c, id",
        "SELECT id FROM words ORDER BY CONCAT(w0, w0) DESC, w5, id LIMIT 30",
        "SELECT * FROM words ORDER BY w2, w3 DESC, id",
        "SELECT id, long_one FROM words ORDER BY long_one, id",
        "SELECT id, w0 FROM words ORDER BY 2, 1",
        "SELECT SQL_CALC_FOUND_ROWS id FROM words ORDER BY w0, id LIMIT 3",
        "SELECT FOUND_ROWS()",
    ]
    for setting in ("SET max_sort_length = 1024", "SET NAMES latin1", "SET NAMES utf8mb4", "START TRANSACTION"):
        client.query(setting)
        plain.query(setting)
        for sql in statements:
            mine, theirs = Outcome(client, sql), Outcome(plain, sql)
            assert not mine.differences(theirs, True), (setting, sql, mine.differences(theirs, True)[:1])
    client.close()
    plain.close()
