"""The same statements on one plain server and through waybill: everything that a client can see must be equal."""

import wire
from stand import REFUSALS


STATUS = wire.IN_TRANS | wire.AUTOCOMMIT | wire.MORE_RESULTS


class Outcome:
    """What a statement (or several in one text) came to, in a form that can be compared."""

    def __init__(self, client, sql, is_prepared=False, values=()):
        self.error = self.columns = self.rows = None
        self.affected = self.insert_id = self.warnings = self.status = 0
        self.message = ""
        self.more = []  # the outcomes of the further results
        try:
            if is_prepared:
                statement = client.prepare(sql)
                try:
                    client.send_packet(client.execute_payload(statement, values), sequence=0)
                    self.take_all(client, wire.decode_binary_row, True)
                finally:
                    client.close_statement(statement)
            else:
                client.send_command(wire.COM_QUERY, sql)
                self.take_all(client, wire.decode_text_row, False)
        except wire.ServerError as error:
            self.error = (error.code, error.sqlstate, error.message)

    def take_all(self, client, decode, is_execute):
        outcome = self
        while True:
            outcome.take(client.read_result(decode, is_execute))
            if not outcome.status & wire.MORE_RESULTS:
                return
            outcome = Outcome.__new__(Outcome)
            outcome.error = outcome.columns = outcome.rows = None
            outcome.more = []
            self.more.append(outcome)

    def take(self, result):
        if result.is_result_set:
            self.columns = [(c.name, c.org_name, c.table, c.org_table, c.schema, c.type, c.flags, c.collation, c.length, c.decimals)
                            for c in result.columns]
            self.rows = [tuple(row) for row in result.rows]
        self.affected, self.insert_id, self.warnings = result.affected, result.insert_id, result.warnings
        self.message, self.status = result.message, result.status & STATUS

    def is_refused(self):
        return self.error is not None and self.error[0] in REFUSALS

    def differences(self, other, is_ordered):
        """Sentences on what differs from the other (the plain server's)."""
        if self.error != other.error:
            return [f"error {self.error}, not {other.error}"]
        if len(self.more) != len(other.more):
            return [f"{len(self.more) + 1} results, not {len(other.more) + 1}"]
        found = self.own_differences(other, is_ordered)
        for place, (mine, theirs) in enumerate(zip(self.more, other.more)):
            found += [f"result {place + 2}: {what}" for what in mine.own_differences(theirs, is_ordered)]
        return found

    def own_differences(self, other, is_ordered):
        """Of one result, or of none when an error came in its place."""
        found = []
        for what in ("columns", "affected", "insert_id", "warnings", "message", "status"):
            mine, theirs = getattr(self, what, None), getattr(other, what, None)
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
