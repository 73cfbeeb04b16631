"""Statements made at random, meant to mislead a router: joins of all kinds, keys in every spelling, conditions that only
look like ones on the key. The same seed makes the same statements, but for the order ids, which waybill makes."""

COLUMNS = {
    "users": ("buyer_id", "name", "age", "balance", "joined"),
    "orders": ("order_id", "buyer_id", "total", "status", "placed"),
    "order_items": ("order_id", "no", "product_id"),
    "addresses": ("buyer_id", "no", "city"),
}
KEYS = {"users": ("buyer_id",), "orders": ("buyer_id", "order_id"), "order_items": ("order_id",), "addresses": ("buyer_id",)}
TO_PRODUCTS = {"users": "age", "orders": "buyer_id", "order_items": "product_id", "addresses": "no"}
SPELLINGS = """{n};{n};{n};{n};'{n}';'0{n}';0{n};{n}.0;{n}e0;0x{n:x};' {n}';'{n} ';+{n};'+{n}';({n});-{n};-(-{n});{n}--0;{n}.4
'{n}.0';'{n}abc';{n}/*!00000 + 1*/;{n}/*!99999 + 1*/;{n}/*! + 1 */;{n}/*M!100000 + 1*/;{n}/*!50701 + 1*/;{n} DIV 1;{n}|0;{n}^1;~~{n}
!{n};'{n}' COLLATE utf8mb4_bin;BINARY '{n}';_utf8'{n}';N'{n}';CAST({n} AS SIGNED);'' '{n}';b'{n:b}';NULLIF({n},3);TRUE;NULL;0;-0
18446744073709551615;9223372036854775807;'\\0{n}';'\\{n}';"{n}";{n} -- x@;/* c */{n};{n}||1;{n}&&1;{n} = 1;{n} IS NULL;{n} XOR 1
{n} IN (1,{n});{n} BETWEEN 1 AND 9;CASE WHEN 1 THEN {n} END;(SELECT {n});{n}<=>1""".replace("\n", ";").replace("@", "\n").split(";")
ATOMS = """{c} = {v};{c} = {v};{v} = {c};{c} <=> {v};{c} IN ({v});{c} IN ({v},{w});({c},1) = ({v},1);({c},1) IN (({v},1),({w},2))
ROW({c},{c}) = ROW({v},{w});{c} BETWEEN {v} AND {w};{c} >= {v};{v} < {c};{c} != {v};{c} NOT IN ({v},{w});{c} = {v} = 1;{c} = {v} IS NULL
{c} = {v} IS TRUE;{c} = {v} IS NOT TRUE;{v} IN ({c},{w});{v} BETWEEN {c} AND {c};{c};NOT {c} = {v};! {c} = {v};!({c} = {v});{c} LIKE {v}
IF({c} = {v},1,0);CASE {c} WHEN {v} THEN 1 ELSE 0 END;{c} = {v} | 1;-{c} = -{v};{c} + 0 = {v};({c}) = {v};({c} = {v}) IN (1,0)
COALESCE({c} = {v},1);{c} = ALL (SELECT {v});{c} = ANY (SELECT {v});{c} = {c}""".replace("\n", ";").split(";")
SUBQUERIES = """EXISTS (SELECT 1 FROM {i} {x} WHERE {l});NOT EXISTS (SELECT * FROM {i} {x} WHERE {l});{t}.{k} IN (SELECT {x}.{k} FROM {i} {x} WHERE {l})
{t}.{k} NOT IN (SELECT {k} FROM {i} {x} WHERE {l});(SELECT COUNT(*) FROM {i} {x} WHERE {l}) > 0
{t}.{k} = (SELECT MAX({x}.{k}) FROM {i} {x} WHERE {l})""".replace("\n", ";").split(";")


class Statements:
    def __init__(self, rng, order_ids):
        self.rng, self.order_ids = rng, order_ids

    def one_of(self, *choices):
        return self.rng.choice(choices)

    def number(self):
        return self.rng.choice(SPELLINGS).format(n=self.rng.randint(1, 45))

    def order_id(self):
        n = self.rng.choice(self.order_ids)
        return self.rng.choice(("{n}", "{n}", "{n}", "'{n}'", "'{n} '", "{n}.0", "{n}+0", "0{n}", "NULL", "0", "-1")).format(n=n)

    def atom(self, tables):
        name, table = self.rng.choice(tables)
        prefix = name + "." if len(tables) > 1 or self.rng.random() < 0.5 else ""
        if self.rng.random() < 0.2:
            other = prefix + self.rng.choice([c for c in COLUMNS[table] if c not in KEYS[table]])
            return self.one_of(f"{other} IS NULL", f"{other} = {self.rng.randint(0, 9)}", f"{other} <> 'new'", f"{other} IS NOT NULL")
        key = self.rng.choice(KEYS[table])
        value = self.order_id if key == "order_id" else self.number
        return self.rng.choice(ATOMS).format(c=prefix + key, v=value(), w=value())

    def subquery(self, tables):
        name, table = self.rng.choice(tables)
        key = self.rng.choice(KEYS[table])
        inner = self.rng.choice([t for t in KEYS if key in KEYS[t]])
        alias = self.one_of("x", "x", name)
        link = f"{alias}.{key} = {name}.{key}"
        link = self.one_of(link, link, f"{link} AND {self.condition([(alias, inner)], 2)}", self.condition([(alias, inner)], 2))
        return self.rng.choice(SUBQUERIES).format(i=inner, x=alias, l=link, t=name, k=key)

    def condition(self, tables, depth=0):
        text = self.atom(tables)
        for _ in range(self.one_of(0, 0, 1, 1, 2)):
            right = self.condition(tables, depth + 1) if depth < 2 and self.rng.random() < 0.4 else self.atom(tables)
            right = self.one_of(f"({right})", f"NOT ({right})", right, f"(({right}) {self.one_of('IS TRUE', 'IS UNKNOWN', '= 1')})")
            word = self.one_of("AND", "AND", "AND", "OR", "OR", "XOR", "&&", "||")
            text = self.one_of(f"{text} {word} {right}", f"{right} {word} {text}", f"({text}) {word} {right}")
        if self.rng.random() < 0.08:
            text = f"({text}) {self.one_of('AND', 'OR')} {self.subquery(tables)}"
        return text

    def joined(self):
        """(text of FROM, its tables as (name, table), conditions that WHERE must have)"""
        table = self.rng.choice(list(KEYS))
        tables, needed = [(self.one_of(table, "a", "A"), table)], []
        text = table if tables[0][0] == table else f"{table} AS {tables[0][0]}"
        for alias in "bcd"[: self.one_of(0, 0, 0, 1, 1, 1, 2)]:
            name, with_table = self.rng.choice(tables)
            key = self.rng.choice(KEYS[with_table])
            table = self.rng.choice([t for t in KEYS if key in KEYS[t]])
            if self.rng.random() < 0.1:
                text += f" {self.one_of('LEFT JOIN', 'JOIN', 'RIGHT JOIN')} products p{alias} ON p{alias}.product_id = {name}.{TO_PRODUCTS[with_table]}"
            tables.append((alias, table))
            equal = f"{name}.{key} = {alias}.{key}"
            if self.rng.random() < 0.2:
                text += f", {table} {alias}"
                needed.append(equal)
                continue
            on = self.one_of(f"ON {equal}", f"ON {equal}", f"USING ({key})", f"ON {equal} AND {self.condition(tables, 2)}",
                             f"ON ({name}.{key}, 1) = ({alias}.{key}, 1)", f"ON {equal} OR 1 = 0", f"ON {self.condition(tables, 2)}")
            text += f" {self.one_of('JOIN', 'LEFT JOIN', 'RIGHT JOIN', 'CROSS JOIN', 'STRAIGHT_JOIN')} {table} {alias} {on}"
        return text, tables, needed

    def items(self, tables):
        """A select list, and ORDER BY by what is in it."""
        items, order = [], []
        for i in range(self.rng.randint(1, 3)):
            name, table = self.rng.choice(tables)
            column = self.rng.choice(COLUMNS[table])
            alias = self.one_of("", f" AS k{i}", f" k{i}", f" AS {self.rng.choice(COLUMNS[table])}")
            items.append(f"{name}.{column}{alias}")
            order.append(self.one_of(f"{name}.{column}", column, f"k{i}", str(i + 1)) + self.one_of("", " DESC", " ASC"))
        return ", ".join(items), ", ".join(order + [str(i + 1) for i in range(len(items))])

    def select(self):
        """(statement, is its order promised)"""
        text, tables, needed = self.joined()
        where = " AND ".join(needed + [f"({self.condition(tables)})"])
        items, order = self.items(tables)
        kind = self.rng.random()
        if kind < 0.12:
            return f"SELECT {self.one_of('COUNT(*)', 'COUNT(1)', 'COUNT(*) + 0', 'SUM(1)')} FROM {text} WHERE {where}", True
        if kind < 0.55:
            return f"SELECT {self.one_of('', '', 'ALL ', 'DISTINCT ')}{items} FROM {text} WHERE {where}", False
        if kind < 0.6:
            return f"SELECT {items} FROM {text} WHERE {where} UNION ALL SELECT {items} FROM {text} WHERE {where}", False
        limit = self.one_of("", "", f" LIMIT {self.rng.randint(0, 9)}", f" LIMIT {self.rng.randint(0, 5)}, {self.rng.randint(0, 9)}")
        return f"SELECT {items} FROM {text} WHERE {where} ORDER BY {order}{limit}", True

    def write(self):
        table = self.rng.choice(list(KEYS))
        where = self.condition([(table, table)])
        kind = self.rng.random()
        if kind < 0.5:
            value = {"users": "age", "orders": "total", "addresses": "city", "order_items": "product_id"}[table]
            return f"UPDATE {table} SET {value} = {self.rng.randint(1, 9)} WHERE {where}", True
        if kind < 0.6:
            return f"DELETE FROM {table} WHERE ({where}) AND {KEYS[table][-1]} % 5 = 1", True
        insert = self.one_of("INSERT", "INSERT IGNORE", "REPLACE")
        key = self.one_of("buyer_id", "`buyer_id`", "BUYER_ID")
        return f"{insert} INTO addresses (no, {key}, city) VALUES ({self.rng.randint(0, 3)}, {self.number()}, 'c')", True

    def statement(self):
        return self.write() if self.rng.random() < 0.25 else self.select()


STRINGS = ["anna", "Anna", "bert", "x", "a b", " a", "a\\t", "", "05", "5", "5abc", "Ánna", "straße", "a_b", "o''b", "a\\nb", "a\\0", "[", "`"]
DAYS = """'2026-03-31';'2026-04-01';'2026-4-1';'20260401';20260401;'26-04-01';DATE'2026-04-01';'2026-04-01 00:00:00';'2026-04-01 10:00:00'
'2026-03-31 23:59:59.9';'2026-03-31T12:00:00';TIMESTAMP'2026-03-31 12:00:00';{d '2026-04-01'};'2026/04/01';'2026-04-01x';' 2026-04-01'
'2026-02-31';'0000-00-00';NULL;'2026-04-01' + INTERVAL 1 DAY;'2026-06-30';'2026-07-01';'2027-01-01';0;'2026-04-01 24:00:00'""".replace("\n", ";").split(";")
COUNTRIES = "'cn';'CN';'Cn ';'hk';'de';'fr';'us';'br';'xx';NULL;'c';'cn\\t';'';0;'dé';'dez';_utf8'cn'".split(";")
BY_KEY = {"by_name": ("name", "n"), "by_day": ("day", "v"), "by_range": ("id", "v"), "by_modulo": ("id", "v"), "by_country": ("country", "id")}


class KeyStatements:
    """On tables of every method, one at a time."""

    def __init__(self, rng):
        self.rng = rng

    def value(self, table):
        rng = self.rng
        if table == "by_name":
            form = rng.choice(["'{}'"] * 5 + ["'{} '", '"{}"', "_latin1'{}'", "N'{}'", "BINARY '{}'", "CONCAT('{}','')", "'an' '{}'"])
            return rng.choice((form.format(rng.choice(STRINGS)), form.format("anna"), "NULL", "5", "0", "0x616e6e61"))
        if table in ("by_day", "by_country"):
            return rng.choice(DAYS if table == "by_day" else COUNTRIES)
        n = rng.choice((0, 1, 4, 5, 99, 100, 101, 199, 200, 299, 300, 301))
        return rng.choice(("{n}", "{n}", "'{n}'", "{n}.0", "{n}.5", "'{n}.6'", "{n}e0", "' {n}'", "0{n}", "-{n}", "NULL", "TRUE", "{n} - 1", "'{n}x'")).format(n=n)

    def condition(self, table):
        key, other = BY_KEY[table]
        text = ""
        for _ in range(self.rng.choice((1, 1, 1, 2, 3))):
            atom = self.rng.choice(("{c} = {v}", "{c} = {v}", "{v} = {c}", "{c} <=> {v}", "{c} IN ({v},{w})", "{c} BETWEEN {v} AND {w}", "{c} > {v}",
                                    "{c} >= {v}", "{c} < {v}", "{c} <= {v}", "{v} > {c}", "{c} <> {v}", "({c},{o}) = ({v},1)", "({c},{o}) > ({v},1)",
                                    "{c} LIKE {v}", "{c} NOT BETWEEN {v} AND {w}", "BINARY {c} = {v}", "{v} BETWEEN {c} AND {w}"))
            atom = atom.format(c=key, o=other, v=self.value(table), w=self.value(table))
            text = f"{text} {self.rng.choice(('AND', 'OR'))} {self.rng.choice(('', 'NOT '))}({atom})" if text else atom
        return text

    def statement(self):
        table = self.rng.choice(list(BY_KEY))
        key, other = BY_KEY[table]
        kind = self.rng.random()
        if kind < 0.5:
            return f"SELECT * FROM {table} WHERE {self.condition(table)}"
        if kind < 0.6:
            return f"SELECT COUNT(*) FROM {table} WHERE {self.condition(table)}"
        if kind < 0.9:
            insert = self.rng.choice(("INSERT", "INSERT IGNORE", "REPLACE"))
            more = (", id", f", {self.rng.randint(1, 5)}") if table == "by_day" else ("", "")
            return f"{insert} INTO {table} ({key}, {other}{more[0]}) VALUES ({self.value(table)}, {self.rng.randint(1, 50)}{more[1]})"
        return self.rng.choice((f"DELETE FROM {table}", f"UPDATE {table} SET {other} = {other}")) + f" WHERE {self.condition(table)}"
