"""The same statements on one plain server and through waybill: everything that a client can see must be equal."""

import wire
from stand import REFUSALS


class Outcome:
    """What a statement came to, in a form that can be compared."""

    def __init__(self, client, sql, is_prepared=False, values=()):
        self.error = self.columns = self.rows = None
        self.affected = self.insert_id = self.warnings = 0
        self.message = ""
        try:
            if is_prepared:
                statement = client.prepare(sql)
                try:
                    self.take(client.execute(statement, values))
                finally:
                    client.close_statement(statement)
            else:
                self.take(client.query(sql))
        except wire.ServerError as error:
            self.error = (error.code, error.sqlstate, error.message)

    def take(self, result):
        if result.is_result_set:
            self.columns = [(c.name, c.org_name, c.table, c.org_table, c.schema, c.type, c.flags, c.collation, c.length, c.decimals)
                            for c in result.columns]
            self.rows = [tuple(row) for row in result.rows]
        self.affected, self.insert_id, self.warnings = result.affected, result.insert_id, result.warnings
        self.message = result.message

    def is_refused(self):
        return self.error is not None and self.error[0] in REFUSALS

    def differences(self, other, is_ordered):
        """Sentences on what differs from the other (the plain server's)."""
        found = []
        if self.error != other.error:
            return [f"error {self.error}, not {other.error}"]
        for what in ("columns", "affected", "insert_id", "warnings", "message"):
            mine, theirs = getattr(self, what), getattr(other, what)
            if mine != theirs:
                found.append(f"{what} {mine!r}, not {theirs!r}")
        mine, theirs = self.rows, other.rows
        if mine is not None and theirs is not None and not is_ordered:
            mine, theirs = sorted(mine, key=repr), sorted(theirs, key=repr)
        if mine != theirs:
            found.append(f"rows {mine!r:.300}, not {theirs!r:.300}")
        return found


def run_script(script):
    """Splits a script into (statement, directives): statements end with ; at the end of a line, directives are
    `-- word [value]` lines before it: unordered, refused CODE, prepared."""
    statement, directives, found = [], {}, []
    for line in script.splitlines():
        stripped = line.strip()
        if not statement and stripped.startswith("-- "):
            word, _, value = stripped[3:].partition(" ")
            directives[word] = value
            continue
        if not stripped:
            continue
        statement.append(line)
        if stripped.endswith(";"):
            found.append(("\n".join(statement).rstrip(" ;\n"), directives))
            statement, directives = [], {}
    return found
