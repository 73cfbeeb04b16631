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
    # doc/failover.md: read_only is how waybill keeps writes off a server; a primary that is found closed is opened.
    (re.compile(r"1290\)\.\.\.|running with the --read-only option|1st:\s+@@global\.read_only"), "read_only is waybill's own"),
    # doc/accounts.md: passwords of servers before 4.1 are not taken.
    (re.compile(r"1045.*'test_oldpw'@"), "mysql_old_password"),
    # Clients share connections, and max_connections is about these; max_clients is waybill's own.
    (re.compile(r"should have failed with error ER_CON_COUNT_ERROR"), "max_connections"),
    # A server that ends a transaction by closing its connection: 1213, as for every transaction that was lost, and no 2006.
    (re.compile(r"1213.*connection to one of its servers was lost.*instead of <Unknown> \(2006\)", re.S), "idle_transaction_timeout"),
    # doc/sessions.md: the threads of events and replication are in PROCESSLIST by the server's ids, which KILL does not take.
    (re.compile(r"query 'KILL QUERY \$id' failed: ER_NO_SUCH_THREAD"), "KILL of an event"),
    # doc/sessions.md: SET is prepared by waybill, and a connection can't be brought into a database that is gone.
    (re.compile(r"query 'execute s' failed: ER_UNKNOWN_SYSTEM_VARIABLE"), "a plugin whose variable a prepared SET names"),
    (re.compile(r"query 'EXECUTE \w+' failed: ER_BAD_DB_ERROR"), "a statement that was prepared in a database that is gone"),
    # A statement that a client has closed stays prepared on the connection, for whoever prepares it next.
    (re.compile(r"query 'UNINSTALL PLUGIN \w+' succeeded - should have failed"), "a plugin that a statement still prepared uses"),
    (re.compile(r"^[-+](Com_\w+|Feature_\w+|Questions|Qcache_\w+|Empty_queries)\t\d+$", re.M), "counters of a connection that is lent to many"),
    (re.compile(r"VARIABLE_NAME='aborted_clients'|show global status like \"max_memory_used\"|from information_schema.user_statistics"),
     "counters of a connection that is lent to many"),
    (re.compile(r"running with the --max-session-mem-used="), "memory of a connection that is lent to many"),
    (re.compile(r"^-anon@localhost\t.*\n\+@localhost\t", re.M), "USER() of an anonymous account"),
    (re.compile(r"^\+waybill$", re.M), "waybill's own account has a connection"),
    (re.compile(r"^ sum\(created_tmp_tables\)\n-\d+\n\+\d+$", re.M), "counters of a connection that is lent to many"),
    (re.compile(r"^ should be true\n-1\n\+0$", re.M), "memory of a connection that is lent to many"),
    (re.compile(r"^-1\t#\tset session profiling_history_size=", re.M), "SHOW PROFILES"),
    # The number that a message about a routine's argument has is that of the statement before, on its connection.
    (re.compile(r"^-(.* for column '\w+' at row) [01]\n\+\1 [01]$", re.M), "a row number that a connection has from another statement"),
    # Aria's keys and pages depend on which other connections there are; so do estimates from them.
    (re.compile(r"^-(1\tSIMPLE\tlineitem\trange\t.*)\t506\t.*\n\+\1\t464\t", re.M), "an estimate of Aria"),
    # doc/sessions.md: a statement that was prepared as text is prepared on the server, too, before a CALL.
    (re.compile(r"state='Waiting for stored function metadata lock' and\n\+info='select f1\(\) into @var'"), "a statement prepared before a CALL"),
    # doc/accounts.md: MariaDB's accounts are those of mysql.global_priv.
    (re.compile(r"1045.*'user1'@'localhost'.*instead of ER_ACCOUNT_HAS_BEEN_LOCKED", re.S), "accounts in an old mysql.user"),
    (re.compile(r"query 'insert mysql\.global_priv select \* from t1' failed: <Unknown>"), "sessions of an account that was dropped"),
    # doc/sessions.md: nobody looks into triggers.
    (re.compile(r"^ SELECT @sum;\n", re.M), "a user variable that a trigger sets"),
    # doc/failover.md: a server that is told to replicate from another one is no primary.
    (re.compile(r"mariadb-dump .*--dump-slave"), "replication is waybill's own"),
)
# doc/sessions.md: nobody looks into views, and with --view-protocol a SELECT is one from a view of it.
OF_VIEWS = (
    (re.compile(r"^ select (row_count\(\)|last_insert_id\(\)|release_lock\('\w+'\)).*;?$", re.M | re.I), "a view that asks of its connection"),
    (re.compile(r"^ SELECT user FROM information_schema.processlist|FROM INFORMATION_SCHEMA.PROCESSLIST\n\+WHERE ID = \d+\n", re.M),
     "PROCESSLIST in a view"),
)
FAILED_QUERY = re.compile(r"At line (\d+): (?:query|exec of) '(.*?)' failed.*?: (.*)", re.S)


def of(output, variant):
    """(why, where): why begins with `by design:` when waybill refuses on purpose."""
    failed = re.search(r"mysqltest: (?:In included file.*?\n)?.*?(At line \d+: .*?)(?:\n\n|\nThe result|\Z)", output, re.S)
    if failed and "Result length mismatch" not in failed.group(1) and "Result content mismatch" not in failed.group(1):
        text = failed.group(1).strip()
        where = text
        query = re.search(r"(?:query|command) '?(.*?)'? failed(?: with wrong errno)?[: ]+(.*)", text, re.S)
        why = " ".join((query.group(2) if query else text).split())[:200]
        return design(why, text, variant), where
    lines = output.splitlines()
    changed = [number for number, line in enumerate(lines) if re.match(r"[-+](?![-+]{2} )", line)]
    if changed:
        first = changed[0]
        where = "\n".join(lines[max(0, first - 4): first + 8])
        why = next((lines[number] for number in changed if lines[number].startswith("+")), lines[first])
        return design("result: " + why[:160], where, variant), where
    return "no word: " + " ".join(output.split())[-160:], output[-1500:]


def design(why, text, variant):
    for pattern, name in DESIGN + (OF_VIEWS if variant == "view-protocol" else ()):
        if pattern.search(text):
            return f"{BY_DESIGN} {name}: {why}"
    return why
