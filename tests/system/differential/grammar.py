"""SELECT statements made at random over the order schema. Each has one answer on a single server, apart from what a
`Made` says: whether its rows come in an order, and whether a spelling or a last digit is anybody's choice.

A constant stands in a statement between \\x01: its text form, or a parameter of a prepared statement."""

import re

from differential.order_schema import COLUMNS, STRINGS, UNIQUE, VALUES

CONSTANT = re.compile("\x01([^\x01]*)\x01")
COLLATIONS = {"g": "utf8mb4_general_ci", "c": "utf8mb4_unicode_ci", "x": "utf8mb4_bin", "l": "latin1_swedish_ci", "a": "utf8mb4_uca1400_ai_ci"}
NUMBERS = "iundfyB"


class Made:
    def __init__(self, text, is_ordered=False, may_choose=False):
        self.marked = text
        self.is_ordered = is_ordered      # every row's place is promised
        self.may_choose = may_choose      # strings that are equal by their collation, sums of doubles

    def text(self):
        return CONSTANT.sub(r"\1", self.marked)

    def with_parameters(self):
        """(text with ?, values)"""
        values = [constant_value(found) for found in CONSTANT.findall(self.marked)]
        return CONSTANT.sub("?", self.marked), values


def constant_value(text):
    if text == "NULL":
        return None
    if text[0] == "'":
        return text[1:-1].replace("''", "'")
    if text[:2] == "x'":
        return bytes.fromhex(text[2:-1])
    if re.fullmatch(r"-?\d+", text):
        return int(text)
    return float(text) if "e" in text else text


class Column:
    def __init__(self, table, name, kind):
        self.table, self.name, self.kind = table, name, kind

    def __str__(self):
        return f"{self.table}.{self.name}"


class From:
    """Tables joined: what stands behind FROM, the columns that it has, and those that tell each of its rows apart."""

    def __init__(self, text, columns, unique):
        self.text, self.columns, self.unique = text, columns, unique


class Grammar:
    def __init__(self, rng, rows):
        self.rng, self.rows = rng, rows
        self.may_choose = False
        self.aliases = 0

    # ---- small things

    def one_of(self, *choices):
        return self.rng.choice(choices)

    def chance(self, share):
        return self.rng.random() < share

    def constant(self, kind, like=""):
        """`like`: the name of the column beside which it stands."""
        if self.chance(0.03):
            return "NULL"
        if like in ("order_id",):
            found = str(self.rng.choice(self.rows.orders)[0])
        elif like in ("buyer_id", "visit_id", "product_id", "seller_id", "category_id", "age", "quantity", "item_no"):
            found = str(self.rng.randint(0, 41 if like in ("buyer_id", "visit_id") else 14))
        elif kind == "B":
            found = str(self.rng.choice((0, 1, 341, 511)))
        elif kind == "b":
            return self.rng.choice(VALUES["b"])
        else:
            found = self.rng.choice(VALUES[kind])
        return f"\x01{found}\x01"

    def column(self, source, kinds):
        fits = [column for column in source.columns if column.kind in kinds]
        return self.rng.choice(fits) if fits else None

    # ---- expressions: (text, kind)

    def expression(self, source, depth=0, kinds=None):
        kinds = kinds or self.one_of("iu", "n", "d", STRINGS, "DT", "iundfDTtyeSBbj" + STRINGS)
        column = self.column(source, kinds)
        if column is None:
            return self.constant_of_a_kind(kinds)
        if depth >= 2 or self.chance(0.55):
            return str(column), column.kind
        makers = {"i": self.integer, "u": self.integer, "n": self.decimal, "d": self.double, "D": self.date, "T": self.date}
        maker = makers.get(column.kind, self.string if column.kind in STRINGS else self.any_kind)
        return maker(source, column, depth)

    def constant_of_a_kind(self, kinds):
        kind = self.rng.choice([kind for kind in kinds if kind != "f"] or ["i"])
        return self.constant(kind), kind

    def integer(self, source, column, depth):
        small = self.one_of("quantity", "age", "item_no", "amount", "seller_id", "product_id", "category_id", "seconds")
        fits = [c for c in source.columns if c.name == small] or [c for c in source.columns if c.name in ("buyer_id", "visit_id", "product_id")] or [column]
        column = fits[0]
        other, _ = self.expression(source, depth + 1, "n")
        return self.one_of(
            (f"{column} % {self.rng.randint(2, 5)}", column.kind), (f"{column} + {self.constant('i', 'age')}", "i"), (f"-{column}", "i"),
            (f"{column} * 3", column.kind), (f"{column} DIV 2", column.kind), (f"ABS({column})", column.kind), (f"{column} / 4", "n"),
            (f"IF({column} > {self.constant('i', 'age')}, {column}, 0)", column.kind), (f"COALESCE({column}, 0)", column.kind),
            (f"NULLIF({column}, {self.constant('i', 'age')})", column.kind), (f"CAST({column} AS CHAR)", "g"), (f"CAST({column} AS DECIMAL(12,3))", "n"),
            (f"{column} & 6", "u"), (f"{column} IS NULL", "i"), (f"({column} = {self.constant('i', 'age')})", "i"), (f"{column} * {other}", "n"),
            (f"CASE WHEN {column} > 3 THEN 'many' WHEN {column} IS NULL THEN NULL ELSE 'few' END", "g"), (f"SIGN({column})", "i"),
            (f"GREATEST({column}, 3)", column.kind), (f"LEAST({column}, {other})", "n"), (f"BIT_COUNT({column})", "i"), (f"{column} + 0e0", "d"))

    def decimal(self, source, column, depth):
        other, _ = self.expression(source, depth + 1, "iu")
        return self.one_of(
            (f"{column} * 2", "n"), (f"{column} + {self.constant('n')}", "n"), (f"ROUND({column}, 1)", "n"), (f"ROUND({column})", "n"),
            (f"TRUNCATE({column}, 1)", "n"), (f"FLOOR({column})", "i"), (f"CEIL({column})", "i"), (f"{column} / 3", "n"), (f"-{column}", "n"),
            (f"CAST({column} AS SIGNED)", "i"), (f"CAST({column} AS DOUBLE)", "d"), (f"IFNULL({column}, 0)", "n"), (f"ABS({column})", "n"),
            (f"CONCAT({column}, '')", "g"), (f"{column} % 7", "n"), (f"NULLIF({column}, {self.constant('n')})", "n"),
            (f"IF({other} > 2, {column}, NULL)", "n"), (f"{column} > {self.constant('n')}", "i"), (f"FORMAT({column}, 1)", "g"))

    def double(self, source, column, depth):
        return self.one_of((f"{column} * 2", "d"), (f"{column} + 1", "d"), (f"ROUND({column}, 1)", "d"), (f"FLOOR({column})", "i"), (f"-{column}", "d"),
                           (f"IFNULL({column}, 0)", "d"), (f"CAST({column} AS DECIMAL(20,3))", "n"), (f"{column} > {self.constant('d')}", "i"))

    def date(self, source, column, depth):
        return self.one_of((f"DATE({column})", "D"), (f"YEAR({column})", "i"), (f"MONTH({column})", "i"), (f"DAYOFWEEK({column})", "i"),
                           (f"DATE_FORMAT({column}, '%Y-%m')", "g"), (f"{column} + INTERVAL 1 DAY", column.kind if column.kind == "T" else "D"),
                           (f"DATEDIFF({column}, '2026-01-01')", "i"), (f"LAST_DAY({column})", "D"), (f"EXTRACT(YEAR_MONTH FROM {column})", "i"),
                           (f"COALESCE({column}, {column})", column.kind), (f"TIME({column})" if column.kind == "T" else f"DATE({column})", "t"))

    def string(self, source, column, depth):
        kind = column.kind
        return self.one_of((f"UPPER({column})", kind), (f"LOWER({column})", kind), (f"LEFT({column}, 2)", kind), (f"CONCAT({column}, '!')", kind),
                           (f"CHAR_LENGTH({column})", "i"), (f"LENGTH({column})", "i"), (f"REVERSE({column})", kind), (f"COALESCE({column}, '-')", kind),
                           (f"SUBSTR({column}, 2)", kind), (f"{column} LIKE {self.constant(kind)}", "i"), (f"{column} = {self.constant(kind)}", "i"),
                           (f"REPLACE({column}, 'a', 'o')", kind), (f"TRIM({column})", kind), (f"LOCATE('a', {column})", "i"), (f"ASCII({column})", "i"),
                           (f"IF({column} < {self.constant(kind)}, 'low', {column})", kind), (f"HEX({column})", "g"), (f"{column} IS NOT NULL", "i"))

    def any_kind(self, source, column, depth):
        return self.one_of((f"{column} IS NULL", "i"), (f"CAST({column} AS CHAR)", "g"), (f"COALESCE({column}, {column})", column.kind),
                           (f"HEX({column})", "g"), (f"{column} <=> {column}", "i"), (str(column), column.kind))

    # ---- conditions

    def atom(self, source):
        kinds = self.one_of("iu", "iu", "n", "d", STRINGS, STRINGS, "DT", "eS", "tyBf")
        column = self.column(source, kinds) or self.rng.choice(source.columns)
        kind, c, v = column.kind, str(column), lambda: self.constant(column.kind, column.name)
        if kind in "bj":
            return f"{c} IS {self.one_of('', 'NOT ')}NULL"
        forms = ["{c} = {v}", "{c} = {v}", "{c} <> {v}", "{c} > {v}", "{c} <= {v}", "{c} BETWEEN {v} AND {w}", "{c} IN ({v}, {w})", "{c} NOT IN ({v}, {w})",
                 "{c} IS NULL", "{c} IS NOT NULL", "{c} <=> {v}", "{v} < {c}", "NOT {c} = {v}", "COALESCE({c}, {v}) = {w}"]
        if kind in STRINGS:
            forms += ["{c} LIKE 'a%'", "{c} LIKE '%n_a'", "{c} NOT LIKE {v}", "LEFT({c}, 1) = 'a'"]
        if kind in "iun":
            forms += ["{c} % 3 = 1", "{c} + 1 > {v}", "ABS({c}) < 5" if column.name != "low" else "{c} > -5"]
        return self.rng.choice(forms).format(c=c, v=v(), w=v())

    def condition(self, source, is_keyed=None):
        text = self.atom(source)
        for _ in range(self.one_of(0, 0, 1, 1, 2)):
            text = f"{text} {self.one_of('AND', 'AND', 'OR', 'XOR')} {self.one_of('', '', 'NOT ')}({self.atom(source)})"
        keys = [c for c in source.columns if c.name in ("buyer_id", "order_id", "visit_id")]
        if keys and (self.chance(0.15) if is_keyed is None else is_keyed):
            key = self.rng.choice(keys)
            few = ", ".join(self.constant("i", key.name) for _ in range(self.rng.randint(1, 3)))
            text = f"{key} IN ({few}) AND ({text})" if self.chance(0.5) else f"{key} = {self.constant('i', key.name)} AND ({text})"
        if self.chance(0.12):
            text = f"({text}) AND {self.subquery(source)}"
        return text

    def where(self, source, share=0.7):
        return f" WHERE {self.condition(source)}" if self.chance(share) else ""

    def subquery(self, source):
        inner = self.table(self.one_of("users", "orders", "order_items", "visits", "products"))
        pairs = [(a, b) for a in source.columns for b in inner.columns if a.name == b.name and a.kind == b.kind == "i"]
        if not pairs:
            return f"EXISTS (SELECT 1 FROM {inner.text} WHERE {self.atom(inner)})"
        outer, column = self.rng.choice(pairs)
        link = f"{column} = {outer}"
        return self.one_of(
            f"{self.one_of('', 'NOT ')}EXISTS (SELECT 1 FROM {inner.text} WHERE {link} AND {self.atom(inner)})",
            f"{outer} {self.one_of('IN', 'NOT IN')} (SELECT {column} FROM {inner.text} WHERE {self.atom(inner)} AND {column} IS NOT NULL)",
            f"(SELECT COUNT(*) FROM {inner.text} WHERE {link}) > {self.rng.randint(0, 2)}",
            f"{outer} >= (SELECT MAX({column}) FROM {inner.text} WHERE {self.atom(inner)})",
            f"{outer} > ALL (SELECT {column} FROM {inner.text} WHERE {self.atom(inner)} AND {column} < 4)")

    # ---- FROM

    def alias(self):
        self.aliases += 1
        return self.one_of("t{}", "a{}", "X{}").format(self.aliases)

    def table(self, name, alias=None):
        alias = alias or (self.alias() if self.chance(0.6) else None)
        shown = alias or name
        columns = [Column(shown, column.name, column.kind) for column in COLUMNS[name]]
        text = f"{name} {self.one_of('', 'AS ')}{alias}" if alias else name
        return From(text, columns, [f"{shown}.{column}" for column in UNIQUE[name]])

    def derived(self):
        """A derived table with rows of its own."""
        base = self.source(may_nest=False)
        alias = self.alias()
        picked, items, columns = self.rng.sample(base.columns, min(len(base.columns), self.rng.randint(1, 4))), [], []
        for i, unique in enumerate(base.unique):
            items.append(f"{unique} AS k{i}")
            columns.append(Column(alias, f"k{i}", "i"))
        for i, column in enumerate(picked):
            items.append(f"{column} AS v{i}")
            columns.append(Column(alias, f"v{i}", column.kind))
        text = f"(SELECT {', '.join(items)} FROM {base.text}{self.where(base)}) {alias}"
        return From(text, columns, [f"{alias}.k{i}" for i in range(len(base.unique))])

    JOINS = (("users", "orders", "buyer_id"), ("orders", "order_items", "order_id"), ("orders", "users", "buyer_id"), ("order_items", "products", "product_id"),
             ("products", "categories", "category_id"), ("users", "visits", "buyer_id"), ("orders", "visits", "seller_id"), ("order_items", "stock", "product_id"),
             ("visits", "orders", "buyer_id"), ("orders", "orders", "buyer_id"), ("order_items", "order_items", "order_id"), ("order_items", "order_items", "product_id"))

    def source(self, may_nest=True):
        kind = self.rng.random()
        if kind < 0.5:
            return self.table(self.one_of("users", "users", "orders", "orders", "order_items", "visits", "products"))
        if kind < 0.58 and may_nest:
            return self.derived()
        left_name, right_name, column = self.rng.choice(self.JOINS)
        left = self.table(left_name, self.alias())
        found = self.joined(left, left_name, self.table(right_name, self.alias()), column)
        if kind > 0.9:
            third = [join for join in self.JOINS if join[0] == right_name]
            if third:
                _, name, column = self.rng.choice(third)
                right_alias = found.columns[-1].table
                found = self.joined(found, right_alias, self.table(name, self.alias()), column)
        return found

    def joined(self, left, left_name, right, column):
        left_column = [c for c in left.columns if c.name == column][-1]
        right_column = [c for c in right.columns if c.name == column][0]
        word = self.one_of("JOIN", "JOIN", "INNER JOIN", "LEFT JOIN", "LEFT JOIN", "RIGHT JOIN", "STRAIGHT_JOIN")
        on = f"ON {left_column} = {right_column}"
        if self.chance(0.2):
            on += f" AND {self.atom(right)}"
        return From(f"{left.text} {word} {right.text} {on}", left.columns + right.columns, left.unique + right.unique)

    # ---- tails

    def order(self, source, items=(), may_cut=True):
        """ORDER BY that tells all rows apart, perhaps with LIMIT: (text, is it ordered)"""
        if self.chance(0.35):
            return "", False
        keys = []
        for _ in range(self.rng.randint(0, 2)):
            key = self.expression(source, 1)[0] if self.chance(0.5) or not items else str(self.rng.randint(1, len(items)))
            keys.append(key if "\x01" not in key else source.unique[0])
        if self.chance(0.1):
            return f" ORDER BY {', '.join(keys or source.unique)}", False
        keys = [key + self.one_of("", "", " ASC", " DESC") for key in keys + list(source.unique)]
        return f" ORDER BY {', '.join(keys)}{self.limit() if may_cut else ''}", True

    def limit(self):
        return self.one_of("", "", f" LIMIT {self.rng.randint(0, 12)}", f" LIMIT {self.rng.randint(1, 9)} OFFSET {self.rng.randint(0, 60)}",
                           f" LIMIT {self.rng.randint(0, 30)}, {self.rng.randint(1, 9)}")

    def named(self, text):
        return text + self.one_of("", "", "", f" AS n{self.rng.randint(1, 99)}", f" `a b{self.rng.randint(1, 9)}`")

    # ---- aggregates

    def aggregate(self, source):
        kind = self.rng.random()
        if kind < 0.2:
            return "COUNT(*)"
        number = self.small_number(source)
        any_text, any_kind = self.expression(source, 1)
        if kind < 0.32:
            return f"COUNT({any_text})"
        if kind < 0.5:
            return f"SUM({number})"
        if kind < 0.6:
            return f"AVG({number})"
        if kind < 0.78:
            self.may_choose |= any_kind in STRINGS
            return f"{self.one_of('MIN', 'MAX')}({any_text})"
        if kind < 0.84:
            return f"COUNT(DISTINCT {any_text})"
        if kind < 0.87:
            return f"{self.one_of('SUM', 'AVG')}(DISTINCT {number})"
        if kind < 0.91:
            return f"{self.one_of('BIT_OR', 'BIT_AND', 'BIT_XOR')}({number})"
        if kind < 0.95:
            self.may_choose = True
            return f"{self.one_of('STD', 'VAR_SAMP', 'STDDEV_SAMP', 'VARIANCE')}({number})"
        column = self.rng.choice([c for c in source.columns if c.kind not in "bjBf"])
        return f"GROUP_CONCAT({column} ORDER BY {', '.join(source.unique)}{self.one_of('', ' DESC')} SEPARATOR '{self.one_of(',', ';', '')}')"

    def small_number(self, source):
        names = ("age", "balance", "total", "fee", "price", "quantity", "seconds", "amount", "score", "item_no", "seller_id", "discount", "weight")
        fits = [c for c in source.columns if c.name in names]
        if not fits:
            return self.one_of("1", source.unique[0] + " % 100")
        column = self.rng.choice(fits)
        self.may_choose |= column.kind in "df"
        return self.one_of(str(column), str(column), str(column), f"{column} * 2", f"{column} + 1", f"IF({column} > 1, {column}, 0)")

    def aggregates(self, source):
        found = []
        for _ in range(self.rng.randint(1, 4)):
            one = self.aggregate(source)
            found.append(self.one_of(one, one, one, one, f"IFNULL({one}, 0)", f"{one} + 1" if "GROUP_CONCAT" not in one and not one.startswith("M") else one))
        return found

    # ---- statements

    def rows_statement(self):
        source = self.source()
        if self.chance(0.12):
            items = [self.one_of("*", f"{source.columns[0].table}.*")]
            order, is_ordered = self.order(source)
        else:
            items = [self.expression(source)[0] for _ in range(self.rng.randint(1, 5))]
            order, is_ordered = self.order(source, items)
            items = [self.named(item) for item in items]
        if self.chance(0.05):
            items.append(f"({self.scalar(source)})")
        return f"SELECT {', '.join(items)} FROM {source.text}{self.where(source)}{order}", is_ordered

    def scalar(self, source):
        inner = self.table(self.one_of("orders", "order_items", "visits", "products"), self.alias())
        pairs = [(a, b) for a in source.columns for b in inner.columns if a.name == b.name and a.kind == "i"]
        link = "{} = {}".format(*self.rng.choice(pairs)) if pairs else "1 = 1"
        return f"SELECT {self.one_of('COUNT(*)', f'MAX({self.small_number(inner)})')} FROM {inner.text} WHERE {link}"

    def total_statement(self):
        source = self.source()
        return f"SELECT {', '.join(map(self.named, self.aggregates(source)))} FROM {source.text}{self.where(source)}", True

    def grouped_statement(self):
        source = self.source()
        keys = []
        while len(keys) < self.rng.randint(1, 3):
            text, kind = self.expression(source, self.one_of(1, 2, 2), "iuinDTtye" + STRINGS + STRINGS)
            if "\x01" not in text and text not in keys:
                keys.append(text)
                self.may_choose |= kind in STRINGS
        aggregates = self.aggregates(source)
        shown = [key for key in keys if self.chance(0.8)] + aggregates
        tail = f" GROUP BY {', '.join(keys)}"
        if self.chance(0.1):
            tail += " WITH ROLLUP"
            return f"SELECT {', '.join(shown)} FROM {source.text}{self.where(source)}{tail}", False
        if self.chance(0.25):
            tail += f" HAVING {self.one_of('COUNT(*) > 1', f'{aggregates[0]} IS NOT NULL', f'COUNT(*) BETWEEN 1 AND {self.rng.randint(1, 9)}', 'MAX(' + source.unique[0] + ') > 5')}"
        is_ordered = self.chance(0.6)
        if is_ordered:
            first = [self.one_of("COUNT(*)", f"SUM({source.unique[0]} % 10)")] if self.chance(0.3) else []
            tail += f" ORDER BY {', '.join(key + self.one_of('', ' DESC') for key in first + self.rng.sample(keys, len(keys)))}{self.limit()}"
        return f"SELECT {', '.join(shown)} FROM {source.text}{self.where(source)}{tail}", is_ordered

    def merged_statement(self):
        """One of the forms that a merge makes of finer groups, or of several arms at once."""
        return self.one_of(self.distinct_values_statement, self.distinct_values_statement, self.union_all_statement, self.rollup_statement, self.top_statement,
                           self.concat_statement)()

    def rollup_statement(self):
        source = self.source()
        keys = [self.expression(source, self.one_of(1, 2), "iuinDTye" + STRINGS)[0] for _ in range(self.rng.randint(1, 3))]
        keys = list(dict.fromkeys(key for key in keys if "\x01" not in key and any(str(column) in key for column in source.columns))) or [source.unique[0]]
        self.may_choose = True
        aggregates = [one for one in self.aggregates(source) if not re.search("DISTINCT|GROUP_CONCAT|STD|VAR|\\+ 1", one)] or ["COUNT(*)"]
        having = self.one_of("", "", f" HAVING COUNT(*) > {self.rng.randint(1, 3)}")
        items = [key for key in keys if self.chance(0.9)] + aggregates
        return (f"SELECT {', '.join(items)} FROM {source.text}{self.where(source)} GROUP BY "
                f"{', '.join(key + self.one_of('', '', ' DESC') for key in keys)} WITH ROLLUP{having}{self.limit()}"), True

    def concat_statement(self):
        """GROUP_CONCAT in an order that is whole, or of DISTINCT values in their order."""
        source = self.source()
        value = str(self.rng.choice([column for column in source.columns if column.kind in "iunDTty" + STRINGS]))
        end = self.one_of("", "", " SEPARATOR '; '", " SEPARATOR ''")
        if self.chance(0.4):
            concat = f"GROUP_CONCAT(DISTINCT {value} ORDER BY {value}{self.one_of('', ' DESC')}{end})"
        else:
            order = ", ".join(column + self.one_of("", " DESC") for column in self.one_of(source.unique, source.unique, [value] + source.unique))
            concat = f"GROUP_CONCAT({self.one_of(value, value, value + ', 1', f'IF({source.unique[0]} % 3 = 0, NULL, {value})')} ORDER BY {order}{end})"
        self.may_choose = True
        beside = [one for one in self.aggregates(source) if not re.search("DISTINCT|GROUP_CONCAT|STD|VAR|\\+ 1|IFNULL", one)]
        items = [concat] + self.rng.sample(beside, min(1, len(beside)))
        if self.chance(0.3):
            return f"SELECT {', '.join(map(self.named, items))} FROM {source.text}{self.where(source)}", True
        keys = list(dict.fromkeys(str(column) for column in self.rng.sample(source.columns, self.rng.randint(1, 2)) if column.kind in "iunDe" + STRINGS)) or [source.unique[0]]
        order = ", ".join(key + self.one_of("", " DESC") for key in keys)
        return f"SELECT {', '.join(keys + items)} FROM {source.text}{self.where(source)} GROUP BY {', '.join(keys)} ORDER BY {order}{self.limit()}", True

    def top_statement(self):
        """Groups by their aggregates, told apart by their keys. What type MIN and MAX of an expression are of depends on whether the
        server has put them into a temporary table, which it does not where it sees that there is no row."""
        source = self.source()
        keys = list(dict.fromkeys(str(column) for column in self.rng.sample(source.columns, self.rng.randint(1, 2)) if column.kind in "iunDe")) or [source.unique[0]]
        aggregates = [one for one in self.aggregates(source) if not re.search(r"GROUP_CONCAT|STD|VAR|\+ 1|IFNULL|(MIN|MAX)\((?!\w+\.\w+\))", one)] or ["COUNT(*)"]
        if len({one for one in aggregates if "DISTINCT" in one}) > 1:
            aggregates = ["COUNT(*)"]
        self.may_choose = True
        items = keys + [f"{one} AS total{i}" for i, one in enumerate(aggregates)]
        is_double = re.search("score|weight|discount", aggregates[0])
        first = self.one_of("total0", str(len(keys) + 1), aggregates[0], "COUNT(*)", f"SUM({source.unique[0]})") if not is_double else "COUNT(*)"
        having = self.one_of("", "", "", f" HAVING COUNT(*) > {self.rng.randint(1, 2)}")
        order = ", ".join(key + self.one_of("", " DESC") for key in [first] + keys)
        return (f"SELECT {', '.join(items)} FROM {source.text}{self.where(source)} GROUP BY {', '.join(keys)}{having} ORDER BY {order}"
                f"{self.limit()}"), True

    def distinct_values_statement(self):
        source = self.source()
        values, kind = self.expression(source, self.one_of(1, 2, 2), "iuinDTtye" + STRINGS)
        if "\x01" in values or not any(str(column) in values for column in source.columns):
            values = source.unique[0]
        more = self.rng.choice([str(column) for column in source.columns if column.kind in "iunD" + STRINGS])
        number = self.small_number(source)
        distinct = self.one_of([f"COUNT(DISTINCT {values})"], [f"COUNT(DISTINCT {values})"], [f"COUNT(DISTINCT {values}, {more})"],
                               [f"COUNT(DISTINCT {number})", f"SUM(DISTINCT {number})"], [f"AVG(DISTINCT {number})"])
        beside = [one for one in self.aggregates(source) if not re.search("DISTINCT|GROUP_CONCAT|STD|VAR", one)]
        items = self.rng.sample(distinct + beside, len(distinct + beside))
        if self.chance(0.35):
            return f"SELECT {', '.join(map(self.named, items))} FROM {source.text}{self.where(source)}", True
        keys = [str(column) for column in self.rng.sample(source.columns, self.rng.randint(1, 2)) if column.kind in "iunDTtye" + STRINGS]
        keys = keys or [source.unique[0]]
        self.may_choose = True
        tail = f" GROUP BY {', '.join(keys)}"
        if self.chance(0.2):
            tail += f" HAVING {distinct[0]} {self.one_of('>', '<>', '<=')} {self.rng.randint(0, 3)}"
        is_ordered = self.chance(0.6)
        if is_ordered:
            tail += f" ORDER BY {', '.join(key + self.one_of('', ' DESC') for key in self.rng.sample(keys, len(keys)))}{self.limit()}"
        return f"SELECT {', '.join([key for key in keys if self.chance(0.8)] + items)} FROM {source.text}{self.where(source)}{tail}", is_ordered

    def union_all_statement(self):
        kinds = [self.one_of("iu", "n", "DT", "i", "g", "d", "e") for _ in range(self.rng.randint(1, 4))]
        arms = []
        for _ in range(self.one_of(2, 2, 2, 3)):
            source = self.table(self.one_of("users", "orders", "order_items", "visits")) if self.chance(0.8) else self.source()
            items = [self.expression(source, self.one_of(1, 2), kind)[0] for kind in kinds]
            arm = f"SELECT {', '.join(map(self.named, items))} FROM {source.text}{self.where(source)}"
            arms.append(f"({arm})" if self.chance(0.2) else arm)
        if self.chance(0.4):
            return " UNION ALL ".join(arms), False
        order = ", ".join(str(i + 1) + self.one_of("", " DESC") for i in self.rng.sample(range(len(kinds)), len(kinds)))
        self.may_choose |= "g" in kinds
        return f"{' UNION ALL '.join(arms)} ORDER BY {order}{self.limit()}", True

    def distinct_statement(self):
        source = self.source()
        items = []
        for _ in range(self.rng.randint(1, 3)):
            text, kind = self.expression(source, self.one_of(1, 2, 2))
            self.may_choose |= kind in STRINGS
            items.append(text)
        if not any(str(column) in item and " IS " not in item for item in items for column in source.columns):
            items.append(source.unique[0])  # of constants alone a server gives one row, whatever OFFSET says
        is_ordered = self.chance(0.5)
        order = f" ORDER BY {', '.join(str(i + 1) + self.one_of('', ' DESC') for i in range(len(items)))}{self.limit()}" if is_ordered else ""
        return f"SELECT DISTINCT {', '.join(items)} FROM {source.text}{self.where(source)}{order}", is_ordered

    def union_statement(self):
        kinds = [self.one_of("iu", "n", "DT", "g", "d", "x") for _ in range(self.rng.randint(1, 3))]
        parts = []
        for _ in range(self.one_of(2, 2, 2, 3)):
            source = self.source(may_nest=False)
            items = [self.expression(source, 2, kind)[0].replace("\x01", "") for kind in kinds]
            parts.append(f"SELECT {', '.join(items)} FROM {source.text}{self.where(source)}")
        word = self.one_of("UNION", "UNION ALL", "UNION", "INTERSECT", "EXCEPT")
        self.may_choose |= "g" in kinds
        is_ordered = self.chance(0.4)
        order = f" ORDER BY {', '.join(str(i + 1) + self.one_of('', ' DESC') for i in range(len(kinds)))}{self.limit()}" if is_ordered else ""
        return f" {word} ".join(parts) + order, is_ordered and word != "UNION ALL" or is_ordered and "LIMIT" not in order

    def window_statement(self):
        source = self.source()
        part = self.rng.choice([c for c in source.columns if c.kind in "iueDn"])
        over = f"OVER ({self.one_of('', f'PARTITION BY {part} ')}ORDER BY {', '.join(source.unique)}{self.one_of('', ' ROWS BETWEEN 2 PRECEDING AND CURRENT ROW')})"
        plain = f"OVER ({self.one_of('', f'PARTITION BY {part} ')}ORDER BY {', '.join(source.unique)})"
        number = self.small_number(source)
        functions = [f"ROW_NUMBER() {plain}", f"SUM({number}) {over}", f"COUNT(*) {over}", f"LAG({part}) {plain}", f"RANK() OVER (ORDER BY {part})",
                     f"FIRST_VALUE({part}) {plain}", f"NTILE(3) {plain}", f"MAX({number}) OVER (PARTITION BY {part})"]
        self.may_choose = True
        items = list(source.unique) + self.rng.sample(functions, self.rng.randint(1, 2))
        order, is_ordered = self.order(source)
        return f"SELECT {', '.join(items)} FROM {source.text}{self.where(source)}{order}", is_ordered

    def with_statement(self):
        base = self.source(may_nest=False)
        items, columns = [], []
        for i, unique in enumerate(base.unique):
            items.append(f"{unique} AS k{i}")
            columns.append(Column("w", f"k{i}", "i"))
        for i, column in enumerate(self.rng.sample(base.columns, min(3, len(base.columns)))):
            items.append(f"{column} AS v{i}")
            columns.append(Column("w", f"v{i}", column.kind))
        head = f"WITH w AS (SELECT {', '.join(items)} FROM {base.text}{self.where(base)}) "
        source = From("w", columns, [f"w.k{i}" for i in range(len(base.unique))])
        if self.chance(0.3):
            other = [Column("w2", column.name, column.kind) for column in columns]
            source = From(f"w JOIN w AS w2 ON w.k0 = w2.k0", columns + other, source.unique + [f"w2.k{i}" for i in range(len(base.unique))])
        if self.chance(0.4):
            return f"{head}SELECT {', '.join(self.aggregates(source))} FROM {source.text}{self.where(source)}", True
        shown = [self.expression(source)[0] for _ in range(self.rng.randint(1, 3))]
        order, is_ordered = self.order(source, shown)
        return f"{head}SELECT {', '.join(shown)} FROM {source.text}{self.where(source)}{order}", is_ordered

    def select(self):
        self.may_choose, self.aliases = False, 0
        maker = self.rng.choices((self.rows_statement, self.total_statement, self.grouped_statement, self.distinct_statement, self.union_statement,
                                  self.window_statement, self.with_statement, self.merged_statement), (30, 12, 18, 8, 8, 6, 6, 12))[0]
        text, is_ordered = maker()
        return Made(text, is_ordered, self.may_choose)
