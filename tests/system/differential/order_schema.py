"""The order schema of the generated statements: tables, the kinds of their columns, and rows at the edges of the types.

A kind says what an expression may do with a column, in one letter:

    i signed   u unsigned   n DECIMAL   d DOUBLE   f FLOAT   D DATE   T DATETIME   t TIME   y YEAR   b bytes   j JSON
    e ENUM     S SET        B BIT       strings by collation: g general_ci   c unicode_ci   x _bin   l latin1   a uca1400

Order ids are waybill's form with the buyer's bucket (doc/sharding.md), made here so that a seed makes the same rows.
"""

import re

SHARD_INI = """
[table shop.users]
key = buyer_id

[table shop.orders]
key = buyer_id
id = order_id

[table shop.order_items]
with = shop.orders
id = order_id

[table shop.visits]
key = visit_id

[table shop.products]
type = reference

[table shop.categories]
type = reference

[table shop.stock]
type = unsharded
shard = s1

[index seller]
table = shop.orders
column = seller_id

[index visitor]
table = shop.visits
column = buyer_id

[index name]
table = shop.users
column = name
key_type = string
"""
INDEXED = ("orders", "visits", "users")

TABLES = {
    "users": """buyer_id BIGINT NOT NULL PRIMARY KEY [i]; name VARCHAR(32) NOT NULL [g]; mail VARCHAR(40) COLLATE utf8mb4_unicode_ci [c];
        code CHAR(8) COLLATE utf8mb4_bin [x]; nick VARCHAR(20) CHARACTER SET latin1 [l]; alias VARCHAR(20) COLLATE utf8mb4_uca1400_ai_ci [a];
        age INT UNSIGNED [u]; balance DECIMAL(14,4) NOT NULL DEFAULT 0 [n]; score DOUBLE [d]; big BIGINT UNSIGNED [u]; low BIGINT [i];
        born DATE [D]; joined DATETIME(6) [T]; wakes TIME(3) [t]; kind ENUM('retail','Trade','agent') [e]; tags SET('new','vip','late') [S];
        photo BLOB [b]; extra JSON [j]; KEY (name); KEY (age)""",
    "orders": """order_id BIGINT NOT NULL PRIMARY KEY [i]; buyer_id BIGINT NOT NULL [i]; seller_id INT NOT NULL [i]; status VARCHAR(12) NOT NULL [g];
        total DECIMAL(10,2) NOT NULL [n]; fee DECIMAL(38,10) [n]; placed DATETIME NOT NULL [T]; paid TIMESTAMP(3) NULL [T]; due DATE [D];
        weight FLOAT [f]; note VARCHAR(40) [g]; flags BIT(9) [B]; KEY (buyer_id); KEY (seller_id, placed)""",
    "order_items": """order_id BIGINT NOT NULL [i]; item_no SMALLINT UNSIGNED NOT NULL [u]; product_id INT NOT NULL [i]; quantity TINYINT [i];
        price DECIMAL(10,2) [n]; discount DOUBLE [d]; remark TEXT [g]; raw VARBINARY(16) [b]; PRIMARY KEY (order_id, item_no)""",
    "visits": """visit_id BIGINT NOT NULL PRIMARY KEY [i]; buyer_id BIGINT [i]; seller_id INT [i]; page VARCHAR(20) COLLATE utf8mb4_unicode_ci [c];
        at DATETIME(3) [T]; year YEAR [y]; seconds MEDIUMINT UNSIGNED [u]; KEY (buyer_id)""",
    "products": """product_id INT NOT NULL PRIMARY KEY [i]; title VARCHAR(32) NOT NULL [g]; price DECIMAL(10,2) [n]; category_id INT [i];
        made DATE [D]; size ENUM('S','M','L') [e]""",
    "categories": """category_id INT NOT NULL PRIMARY KEY [i]; label VARCHAR(20) COLLATE utf8mb4_bin [x]; parent_id INT [i]""",
    "stock": """product_id INT NOT NULL PRIMARY KEY [i]; amount INT UNSIGNED NOT NULL [u]; place VARCHAR(10) [g]""",
}
UNIQUE = {"users": ("buyer_id",), "orders": ("order_id",), "order_items": ("order_id", "item_no"), "visits": ("visit_id",),
          "products": ("product_id",), "categories": ("category_id",), "stock": ("product_id",)}
STRINGS = "gcxla"
# What equal values of each collation look like: their spelling in a group is anybody's choice.
VALUES = {
    "i": "-9223372036854775808 -1 0 1 2 3 5 7 9223372036854775807".split(),
    "u": "0 1 2 3 9 100 9223372036854775808 18446744073709551615".split(),
    "n": "-99999.99 -0.01 0 0.5 1 1.25 10 19.99 99999.99".split(),
    "d": "-1.5 -0.25 0 0.125 2 3.75 1024 1e6".split(),
    "f": "-1.5 0 0.25 2 3.5 1024".split(),
    "D": "'1000-01-01' '1999-12-31' '2024-02-29' '2026-01-01' '2026-02-28' '9999-12-31'".split(),
    "T": ["'2026-01-01 00:00:00'", "'2026-01-01 00:00:00.000001'", "'2026-03-31 23:59:59.9'", "'2026-07-04 12:30:00'", "'2025-12-31 10:00:00'"],
    "t": "'-838:59:59' '-00:00:00.5' '00:00:00' '07:30:00.25' '838:59:59'".split(),
    "y": "1901 2000 2025 2026 2155".split(),
    "e": "'retail' 'Trade' 'agent'".split(),
    "S": "'' 'new' 'vip' 'new,vip' 'new,vip,late'".split(),
    "b": "x'' x'00' x'ff' 'a' 'A' x'6100'".split(),
    "j": ["'{}'", "'[1, 2]'", "'{\"a\": 1}'", "'\"x\"'", "'{\"a\": {\"b\": [true, null]}}'"],
    "B": "b'0' b'1' b'101010101' b'111111111'".split(),
    "g": ["''", "'anna'", "'Anna'", "'bert'", "'ärger'", "'straße'", "'zoe'", "'a b'", "'10'", "'9'", "'x%y'"],
    "c": ["''", "'anna@x'", "'Bert@x'", "'œuvre'", "'strasse'", "'straße'", "'zoe'", "'a-b'", "'10'"],
    "x": ["''", "'A1'", "'a1'", "'B-2'", "'ä'", "'zz'"],
    "l": ["''", "'anna'", "'ANNA'", "'Øre'", "'ärger'", "'zoe'"],
    "a": ["''", "'anna'", "'Änna'", "'ñandu'", "'zoe'", "'o b'"],
}
SMALL = {"i": "0 1 2 3 4 5 7 -1".split(), "u": "0 1 2 3 4 5 9".split()}


class Column:
    def __init__(self, name, definition, kind):
        self.name, self.definition, self.kind = name, definition, kind


def columns_of(table):
    found = []
    for part in TABLES[table].split(";"):
        match = re.match(r"\s*(\w+) (.*) \[(\w)\]\s*$", part)
        if match:
            found.append(Column(*match.groups()))
    return found


COLUMNS = {table: columns_of(table) for table in TABLES}


def definition(table):
    parts = [re.sub(r" \[\w\]\s*$", "", part.strip()) for part in TABLES[table].split(";")]
    return f"CREATE TABLE {table} ({', '.join(parts)}) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci"


# ---- where a row is

M64 = (1 << 64) - 1
PRIMES = (0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5)


def rotate(value, bits):
    return (value << bits | value >> (64 - bits)) & M64


def xxh64_short(data):
    """xxh64 with seed 0 of fewer than 32 bytes."""
    hashed, at = (PRIMES[4] + len(data)) & M64, 0
    while at + 8 <= len(data):
        lane = rotate(int.from_bytes(data[at:at + 8], "little") * PRIMES[1] & M64, 31) * PRIMES[0] & M64
        hashed, at = (rotate(hashed ^ lane, 27) * PRIMES[0] + PRIMES[3]) & M64, at + 8
    if at + 4 <= len(data):
        lane = int.from_bytes(data[at:at + 4], "little") * PRIMES[0] & M64
        hashed, at = (rotate(hashed ^ lane, 23) * PRIMES[1] + PRIMES[2]) & M64, at + 4
    for byte in data[at:]:
        hashed = rotate(hashed ^ (byte * PRIMES[4] & M64), 11) * PRIMES[0] & M64
    hashed = (hashed ^ hashed >> 33) * PRIMES[1] & M64
    hashed = (hashed ^ hashed >> 29) * PRIMES[2] & M64
    return hashed ^ hashed >> 32


def order_id(buyer_id, number):
    """The number-th order id of the buyer."""
    bucket = xxh64_short(str(buyer_id).encode()) >> 52
    return (200_000_000_000 + number) << 22 | bucket << 10 | number % 16


# ---- rows

def value(rng, kind, is_nullable=True):
    return "NULL" if is_nullable and rng.random() < 0.15 else rng.choice(VALUES[kind])


class Rows:
    """Makes the rows of all tables; `orders` are (order id, buyer) of those that there are."""

    USERS, ORDERS, VISITS, PRODUCTS = 40, 90, 60, 12

    def __init__(self, rng):
        self.rng = rng
        self.orders, self.next_order = [], 0

    def new_order(self, buyer):
        self.next_order += 1
        self.orders.append((order_id(buyer, self.next_order), buyer))
        return self.orders[-1][0]

    def row(self, table, **given):
        rng = self.rng
        values = []
        for column in COLUMNS[table]:
            if column.name in given:
                values.append(str(given[column.name]))
                continue
            is_nullable = "NOT NULL" not in column.definition
            kind = column.kind
            if column.name in ("age", "quantity", "seller_id", "category_id", "parent_id", "product_id", "seconds", "amount", "item_no"):
                values.append("NULL" if is_nullable and rng.random() < 0.15 else str(rng.randint(0, 12)))
            elif table == "products" and kind == "e":
                values.append(rng.choice(("'S'", "'M'", "'L'", "NULL")))
            elif column.name == "paid":
                values.append(rng.choice(("NULL", "'2026-01-01 00:00:00.001'", "'2026-07-04 12:30:00'", "'2025-12-31 10:00:00'")))
            else:
                values.append(value(rng, kind, is_nullable))
        return f"({', '.join(values)})"

    def inserts(self):
        """(table, rows) by which the tables are filled."""
        rng = self.rng
        yield "users", [self.row("users", buyer_id=i, age=rng.choice(("NULL", rng.randint(0, 12)))) for i in range(1, self.USERS + 1)]
        orders, items = [], []
        for _ in range(self.ORDERS):
            buyer = rng.randint(1, self.USERS)
            new_id = self.new_order(buyer)
            orders.append(self.row("orders", order_id=new_id, buyer_id=buyer))
            items += [self.row("order_items", order_id=new_id, item_no=no, product_id=rng.randint(1, self.PRODUCTS + 2)) for no in range(rng.randint(0, 4))]
        yield "orders", orders
        yield "order_items", items
        yield "visits", [self.row("visits", visit_id=i, buyer_id=rng.choice(("NULL", rng.randint(1, self.USERS)))) for i in range(1, self.VISITS + 1)]
        yield "products", [self.row("products", product_id=i) for i in range(1, self.PRODUCTS + 1)]
        yield "categories", [self.row("categories", category_id=i) for i in range(1, 6)]
        yield "stock", [self.row("stock", product_id=i) for i in range(1, self.PRODUCTS + 1)]


def fill(client, rng):
    """Makes and fills the tables through `client`; the same rng makes the same rows. The Rows that know them."""
    rows = Rows(rng)
    for table in TABLES:
        if table in INDEXED:  # waybill drops no table that has a global index
            client.query(definition(table).replace("TABLE", "TABLE IF NOT EXISTS", 1))
            client.query(f"TRUNCATE TABLE {table}")
        else:
            client.query(f"DROP TABLE IF EXISTS {table}")
            client.query(definition(table))
    for table, made in rows.inserts():
        names = ", ".join(column.name for column in COLUMNS[table])
        for first in range(0, len(made), 50):
            client.query(f"INSERT INTO {table} ({names}) VALUES {', '.join(made[first:first + 50])}")
    return rows
