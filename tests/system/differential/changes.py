"""INSERT, REPLACE, UPDATE and DELETE made at random over the order schema. What a statement does is certain on a single
server: no LIMIT without an order, no value that depends on another row that the statement changes."""

from differential.grammar import Made
from differential.order_schema import COLUMNS, UNIQUE

SETTABLE = {
    "users": "age balance score big low born joined wakes kind tags photo name mail code nick alias".split(),
    "orders": "status total fee placed due weight note seller_id".split(),
    "order_items": "product_id quantity price discount remark raw".split(),
    "visits": "buyer_id seller_id page at seconds".split(),
    "products": "title price category_id made".split(),
    "stock": "amount place".split(),
}


class Changes:
    def __init__(self, rng, grammar):
        self.rng, self.grammar, self.rows = rng, grammar, grammar.rows

    def one_of(self, *choices):
        return self.rng.choice(choices)

    def table(self):
        return self.rng.choices(list(SETTABLE), (30, 25, 20, 15, 5, 5))[0]

    def value(self, table, name):
        column = next(column for column in COLUMNS[table] if column.name == name)
        if name in ("age", "quantity", "seller_id", "category_id", "product_id", "seconds", "amount"):
            return f"\x01{self.rng.randint(0, 14)}\x01"
        return self.grammar.constant(column.kind, name)

    def assignments(self, table):
        names = self.rng.sample(SETTABLE[table], self.rng.randint(1, 2))
        found = []
        for name in names:
            arithmetic = {"age": "age + 1", "balance": "balance * 2 % 1000", "total": "total + 1 - 1", "seconds": "COALESCE(seconds, 0) + 1", "amount": "amount + 1",
                          "price": "ROUND(price)", "score": "score + 1", "name": "CONCAT(LEFT(name, 5), 'x')", "status": "UPPER(status)"}
            value = arithmetic[name] if name in arithmetic and self.rng.random() < 0.4 else self.value(table, name)
            found.append(f"{name} = {value}")
        return ", ".join(found)

    def keyed(self, table, source):
        """A condition on the key of one or a few rows."""
        unique = UNIQUE[table][0]
        if table in ("orders", "users") and self.rng.random() < 0.5:
            unique = "buyer_id"
        values = [self.grammar.constant("i", unique) for _ in range(self.one_of(1, 1, 2, 3))]
        return f"{unique} = {values[0]}" if len(values) == 1 else f"{unique} IN ({', '.join(values)})"

    def where(self, table):
        source = self.grammar.table(table, table)
        kind = self.rng.random()
        if kind < 0.45:
            return self.keyed(table, source)
        if kind < 0.6:
            return f"{self.keyed(table, source)} AND {self.grammar.atom(source)}"
        return self.grammar.condition(source, is_keyed=False)

    def new_row(self, table):
        """A row of values and, for UNIQUE's columns, often one that exists."""
        rng, rows = self.rng, self.rows
        given = {}
        if table == "orders":
            order, buyer = self.rng.choice(rows.orders) if rng.random() < 0.3 else (None, rng.randint(1, 45))
            given = {"order_id": order or rows.new_order(buyer), "buyer_id": buyer}
        elif table == "order_items":
            given = {"order_id": rng.choice(rows.orders)[0], "item_no": rng.randint(0, 6)}
        else:
            given = {UNIQUE[table][0]: rng.randint(1, 70 if table in ("users", "visits") else 16)}
        return rows.row(table, **given)

    def insert(self):
        table = self.table()
        names = ", ".join(column.name for column in COLUMNS[table])
        rows = ", ".join(self.new_row(table) for _ in range(self.one_of(1, 1, 1, 2, 3, 5)))
        kind = self.rng.random()
        word = "INSERT" if kind < 0.6 else "REPLACE" if kind < 0.8 else "INSERT IGNORE"
        text = f"{word} INTO {table} ({names}) VALUES {rows}"
        if word == "INSERT" and self.rng.random() < 0.45:
            name = self.rng.choice(SETTABLE[table])
            text += f" ON DUPLICATE KEY UPDATE {self.one_of(f'{name} = VALUES({name})', self.assignments(table))}"
        if self.rng.random() < 0.08:
            text += f" RETURNING {', '.join(UNIQUE[table])}, {self.rng.choice(SETTABLE[table])}"
        return Made(text, False)

    def change(self):
        table = self.table()
        kind = self.rng.random()
        if kind < 0.4:
            return self.insert()
        tail = ""
        if self.rng.random() < 0.06:
            tail = f" ORDER BY {', '.join(UNIQUE[table])} LIMIT {self.rng.randint(0, 4)}"
        if kind < 0.8:
            return Made(f"UPDATE {self.one_of('', '', 'IGNORE ')}{table} SET {self.assignments(table)} WHERE {self.where(table)}{tail}")
        narrow = f" AND {UNIQUE[table][-1]} % 4 = {self.rng.randint(0, 3)}"
        return Made(f"DELETE FROM {table} WHERE ({self.where(table)}){narrow}{tail}", False)
