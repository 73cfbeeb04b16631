"""Why a test differs, from what mysqltest said of it: a sentence to sort by, and the lines of the first difference."""

import re

BY_DESIGN = "by design:"
# Refusals that are waybill's intention, by the words of its error.
DESIGN = (
    (re.compile(r"1227.*(GLOBAL|administrator)"), "SET GLOBAL"),
    # What makes a connection like the session is among the statements that SHOW PROFILES lists.
    (re.compile(r"^\+\d+\t#\tSET (NAMES|`|last_insert_id=)", re.M), "SHOW PROFILES"),
    # doc/accounts.md: an expired password, a dropped account's sessions, max_password_errors, anonymous accounts' USER().
    (re.compile(r"1862.*To log in you must change it on a server"), "an expired password"),
    (re.compile(r"1045.*Access denied: user '\w+' is not there any more"), "sessions of an account that was dropped"),
    (re.compile(r"should have failed with error ER_USER_IS_BLOCKED \(4150\)"), "max_password_errors"),
    (re.compile(r"^-NULL\tconn@localhost\t@localhost\t.*\n\+NULL\t@localhost\t@localhost\t", re.M), "USER() of an anonymous account"),
    # doc/sessions.md: there are no ids of statements.
    (re.compile(r"1235.*KILL QUERY ID"), "KILL QUERY ID"),
    # A statement that a client has closed stays prepared on the connection, for whoever prepares it next.
    (re.compile(r"query 'UNINSTALL PLUGIN \w+' succeeded - should have failed"), "a plugin that a statement still prepared uses"),
    (re.compile(r"^[-+](Com_select|Questions)\t\d+$", re.M), "counters of a connection that is lent to many"),
)
FAILED_QUERY = re.compile(r"At line (\d+): (?:query|exec of) '(.*?)' failed.*?: (.*)", re.S)


def of(output):
    """(why, where): why begins with `by design:` when waybill refuses on purpose."""
    failed = re.search(r"mysqltest: (?:In included file.*?\n)?.*?(At line \d+: .*?)(?:\n\n|\nThe result|\Z)", output, re.S)
    if failed and "Result length mismatch" not in failed.group(1) and "Result content mismatch" not in failed.group(1):
        text = failed.group(1).strip()
        where = text
        query = re.search(r"(?:query|command) '?(.*?)'? failed(?: with wrong errno)?[: ]+(.*)", text, re.S)
        why = " ".join((query.group(2) if query else text).split())[:200]
        return design(why, text), where
    lines = output.splitlines()
    changed = [number for number, line in enumerate(lines) if re.match(r"[-+](?![-+] )", line)]
    if changed:
        first = changed[0]
        where = "\n".join(lines[max(0, first - 4): first + 8])
        why = next((lines[number] for number in changed if lines[number].startswith("+")), lines[first])
        return design("result: " + why[:160], where), where
    return "no word: " + " ".join(output.split())[-160:], output[-1500:]


def design(why, text):
    for pattern, name in DESIGN:
        if pattern.search(text):
            return f"{BY_DESIGN} {name}: {why}"
    return why
