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

    def insert_select(self):
        """Rows of one table into another, or into the same with other keys; some of them are there already."""
        word = self.one_of("INSERT", "INSERT", "INSERT IGNORE", "REPLACE")
        low = self.rng.randint(0, 60)
        text = self.one_of(
            f"{word} INTO visits (visit_id, buyer_id, seller_id, page) SELECT buyer_id + \x01{low}\x01, buyer_id, age, LEFT(name, 8) FROM users WHERE buyer_id BETWEEN {low} AND {low + 5}",
            f"{word} INTO users (buyer_id, name, balance, age) SELECT buyer_id, CONCAT('n', buyer_id), balance, age FROM users WHERE buyer_id < {low}",
            f"{word} INTO users (buyer_id, name) SELECT buyer_id + {low}, name FROM users WHERE buyer_id IN ({low}, {low + 1}, 3)",
            f"{word} INTO order_items (order_id, item_no, product_id, price) SELECT order_id, item_no + {low % 4}, product_id, price FROM order_items WHERE quantity > {low % 9}",
            f"{word} INTO stock (product_id, amount, place) SELECT seller_id + 20, COUNT(*), MIN(status) FROM orders WHERE seller_id < {low % 9} GROUP BY seller_id",
            f"{word} INTO products (product_id, title, price) SELECT product_id + {low}, title, price FROM products WHERE product_id < {low % 12}",
            f"{word} INTO products (product_id, title) SELECT buyer_id, LEFT(name, 9) FROM users WHERE buyer_id BETWEEN {low} AND {low + 2}",
            f"{word} INTO stock SELECT product_id, {low}, LEFT(title, 9) FROM products WHERE product_id > {low % 12}")
        return Made(text, False)

    def joined(self):
        """Several tables whose rows meet within a shard."""
        age, note = self.rng.randint(0, 14), self.rng.randint(0, 99)
        return Made(self.one_of(
            f"UPDATE orders JOIN users USING (buyer_id) SET orders.note = 'j{note}' WHERE users.age < \x01{age}\x01",
            f"UPDATE orders o JOIN order_items i ON i.order_id = o.order_id SET i.remark = 'r{note}', o.note = 'o{note}' WHERE o.seller_id = {age}",
            f"UPDATE order_items i, products p SET i.price = p.price WHERE p.product_id = i.product_id AND i.item_no = {age % 6}",
            f"UPDATE users SET score = {note} WHERE buyer_id IN (SELECT buyer_id FROM orders WHERE seller_id = {age}) AND age > 3",
            f"UPDATE users u SET low = (SELECT COUNT(*) FROM orders o WHERE o.buyer_id = u.buyer_id) WHERE u.age = {age}",
            f"DELETE i FROM orders o JOIN order_items i ON i.order_id = o.order_id WHERE o.seller_id = {age} AND i.item_no % 3 = {note % 3}",
            f"DELETE o, i FROM orders o LEFT JOIN order_items i ON i.order_id = o.order_id WHERE o.seller_id = {age} AND o.order_id % 5 = {note % 5}",
            f"DELETE FROM orders USING orders JOIN users USING (buyer_id) WHERE users.age = {age} AND orders.total > {note}",
            f"DELETE FROM order_items WHERE order_id IN (SELECT order_id FROM orders WHERE status = 'paid') AND item_no = {age % 6}"), False)

    def other(self):
        low = self.rng.randint(1, 60)
        return Made(self.one_of(
            f"INSERT INTO users SET buyer_id = \x01{low}\x01, name = 's{low}', age = {low} ON DUPLICATE KEY UPDATE age = {low} + 1, name = VALUES(name)",
            f"REPLACE INTO users SET buyer_id = {low}, name = 'r', kind = 'Trade'",
            f"REPLACE INTO visits (visit_id, page) VALUES ({low}, 'a'), ({low + 1}, NULL), ({low}, 'b') RETURNING visit_id, page",
            f"DELETE FROM visits WHERE visit_id BETWEEN {low} AND {low + 2} RETURNING visit_id, page",
            f"UPDATE visits SET seconds = {low} ORDER BY seconds DESC, visit_id LIMIT {low % 5}",
            f"DELETE FROM visits ORDER BY at, visit_id DESC LIMIT {low % 3}",
            f"UPDATE orders SET note = 'limit' WHERE seller_id < {low % 9} ORDER BY total DESC, order_id LIMIT {low % 6}",
            f"UPDATE users SET age = age - {low} WHERE buyer_id < 50",  # out of range: 1690
            f"INSERT INTO users (buyer_id, name, age) VALUES ({low + 200}, 'x', -1), ({low + 201}, 'y', 3), ({low + 202}, 'z', 4)",  # 1264
            f"INSERT IGNORE INTO users (buyer_id, name, age) VALUES ({low}, 'x', -1), ({low + 1}, REPEAT('y', 40), 3), (1, 'z', 'no')",
            f"INSERT INTO users (buyer_id, name) VALUES ({low + 200}, 'a'), ({low + 201}, NULL), ({low + 202}, 'c')",  # 1048
            "TRUNCATE TABLE visits", "TRUNCATE stock"), False)

    def change(self):
        table = self.table()
        kind = self.rng.random()
        if kind < 0.3:
            return self.insert()
        if kind < 0.5:
            return self.rng.choice((self.insert_select, self.joined, self.other))()
        tail = ""
        if self.rng.random() < 0.1:
            tail = f" ORDER BY {', '.join(UNIQUE[table])} LIMIT {self.rng.randint(0, 4)}"
        if kind < 0.82:
            return Made(f"UPDATE {self.one_of('', '', 'IGNORE ')}{table} SET {self.assignments(table)} WHERE {self.where(table)}{tail}")
        narrow = f" AND {UNIQUE[table][-1]} % 4 = {self.rng.randint(0, 3)}"
        return Made(f"DELETE FROM {table} WHERE ({self.where(table)}){narrow}{tail}", False)
