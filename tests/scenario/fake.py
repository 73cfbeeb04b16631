"""Fake servers: enough of MariaDB to be watched by waybill's monitor and to be told what to answer.

A fake keeps no data. What it answers:
  - the monitor's probes (replication/probe.c): read_only, replication status, heartbeat and its echo, time for ids;
  - SET, USE, BEGIN, COMMIT, ROLLBACK, PING, RESET ... with OK and the right status flags;
  - what the scenario's rules say (rules are for the application's connections, not for the monitor's);
  - any other SELECT with one row of one column `server`: the fake's name; anything else with OK, 1 row affected.
"""

import re
import socket
import struct
import threading
import time
import zlib

import wire
from compressed import BadFrame

MONITOR_USER = 'waybill'
PASSWORDS = {'waybill': 'waybill_pw', 'app': 'app_pw', 'repl': 'repl_pw'}
ID_CLOCK = re.compile(r'FROM waybill\.id_clock')
PROBE = re.compile(r'FROM waybill\.heartbeat')
CHUNK_BYTES = 1 << 18
LAST_PREPARED = 0xffffffff     # MariaDB's short form, for PREPARE and EXECUTE in one write


class Gone(Exception):
    """The fake ends this connection on purpose."""


class Rule:
    """What to do for statements that match. `left`: how many times still (None: always)."""

    def __init__(self, pattern, action, left=None, after=0.0):
        self.pattern, self.action, self.left, self.after = re.compile(pattern, re.I | re.S), action, left, after
        self.lock = threading.Lock()

    def take(self, sql):
        if not self.pattern.search(sql):
            return False
        with self.lock:
            if self.left == 0:
                return False
            if self.left is not None:
                self.left -= 1
            return True


class Action:
    """An answer. kind: ok, error, rows, big, nothing, garbage, vanish, more."""

    def __init__(self, kind, **values):
        self.kind = kind
        self.__dict__.update(values)


class Shared:
    """What the fakes of one scenario know of each other: the heartbeats that were written."""

    def __init__(self):
        self.heartbeats = {}
        self.rules = []          # of all servers
        self.lock = threading.Lock()


class FakeConnection(wire.ServerSide):
    def __init__(self, sock, fake, number):
        super().__init__(sock, timeout=120)
        self.fake, self.number = fake, number
        self.is_monitor = False
        self.user = None
        self.autocommit, self.in_transaction = True, False
        self.statements, self.next_statement = {}, 1

    def status(self, more=0):
        return (wire.AUTOCOMMIT if self.autocommit else 0) | (wire.IN_TRANS if self.in_transaction else 0) | more

    def say_nothing(self):
        """Until the peer has had enough."""
        while self.sock.recv(1 << 16):
            pass
        raise Gone

    # log-in

    def handshake(self):
        fake = self.fake
        mode, seconds = fake.greeting
        if mode == 'never':
            self.say_nothing()
        if mode == 'garbage':
            self.send_raw(b'HTTP/1.1 400 Bad Request\r\n\r\n' + bytes(range(256)))
            raise Gone
        if mode == 'error':
            self.send_packet(b'\xff' + struct.pack('<H', 1040) + b'Too many connections', sequence=0)
            raise Gone
        if mode == 'slow':
            fake.stopping.wait(seconds)
        self.is_greedy = False
        self.greet(connection_id=self.number, plugin=fake.plugin, capabilities=wire.SERVER_DEFAULT | fake.offered)
        if not self.read_login():
            self.begin_tls()
            self.read_login()
        self.is_greedy = True
        self.is_monitor = self.user == MONITOR_USER
        if not self.is_password(PASSWORDS.get(self.user, '')):
            self.send_error(1045, '28000', "Access denied for user '%s'@'localhost' (using password: YES)" % self.user)
            raise Gone
        if fake.login_seconds and not self.is_monitor:
            fake.stopping.wait(fake.login_seconds)
        self.send_ok(status=self.status())
        self.start_compression()
        if not self.is_monitor:
            ways = [name for name, bit in (('TLS', wire.SSL), ('zlib', wire.COMPRESS), ('zstd', wire.ZSTD))
                    if self.capabilities & bit]
            self.fake.note('SPEAKS ' + ' '.join(ways), self)

    def begin_tls(self):
        how = self.fake.tls_answer
        if how == 'garbage':
            self.send_raw(b'HTTP/1.1 400 Bad Request\r\n\r\n' + bytes(range(256)))
            self.say_nothing()
        if how == 'half a hello':
            self.send_raw(bytes.fromhex('160303007a020000760303') + bytes(20))
            self.say_nothing()
        if how == 'nothing':
            self.say_nothing()
        if how == 'a closed connection':
            raise Gone
        if how == 'an OK in clear':
            self.send_ok()
            self.say_nothing()
        self.sock = self.fake.tls.wrap_socket(self.sock, server_side=True)

    # commands

    def serve(self):
        while True:
            command, argument = self.read_command()
            if command == wire.COM_QUIT:
                return
            if command == wire.COM_QUERY:
                self.query(argument.decode('utf-8', 'replace'))
            elif command in (wire.COM_STMT_PREPARE, wire.COM_STMT_EXECUTE, wire.COM_STMT_CLOSE,
                             wire.COM_STMT_SEND_LONG_DATA, wire.COM_STMT_RESET,
                             wire.COM_STMT_FETCH):
                self.statement_command(command, argument)
            elif command == wire.COM_STATISTICS:
                self.send_packet(b'Uptime: 1  Threads: 1')
            elif command in (wire.COM_PING, wire.COM_INIT_DB, wire.COM_RESET_CONNECTION):
                self.fake.note('%s %s' % ({14: 'PING', 2: 'INIT_DB', 0x1f: 'RESET'}[command],
                                          argument.decode('utf-8', 'replace')), self)
                if command == wire.COM_RESET_CONNECTION:
                    self.autocommit, self.in_transaction = True, False
                    self.statements.clear()
                self.send_ok(status=self.status())
            elif command == wire.COM_SET_OPTION:
                self.send_rows_end(self.status())
            else:
                self.send_error(1047, '08S01', 'Unknown command')

    def query(self, sql):
        if self.is_monitor:
            self.monitor_query(sql)
            return
        self.fake.note(sql, self)
        action, seconds = self.fake.action_for(sql)
        if seconds:
            self.fake.stopping.wait(seconds)
        self.follow(sql)
        if action is None:
            self.default_answer(sql)
        else:
            self.act(action)

    def follow(self, sql):
        """The transaction's state after the statement."""
        for part in sql.split(';'):
            words = part.upper().split()
            if words[:1] in (['BEGIN'], ['START']):
                self.in_transaction = True
            elif words[:1] in (['COMMIT'], ['ROLLBACK']) and 'TO' not in words:
                self.in_transaction = False
            found = re.search(r'autocommit\s*=\s*(\w+)', part, re.I)
            if found:
                self.autocommit = found.group(1).upper() in ('1', 'ON', 'TRUE')
            elif not self.autocommit and words and words[0] in ('SELECT', 'INSERT', 'UPDATE', 'DELETE', 'REPLACE'):
                self.in_transaction = True

    def default_answer(self, sql):
        word = (sql.split() or [''])[0].upper()
        if word in ('SELECT', 'SHOW'):
            self.send_result(['server'], [[self.fake.name]], self.status())
        else:
            is_write = word in ('INSERT', 'UPDATE', 'DELETE', 'REPLACE')
            self.send_ok(affected=1 if is_write else 0, status=self.status())

    def act(self, action, is_binary=False):
        kind = action.kind
        if kind == 'ok':
            self.send_ok(affected=action.affected, insert_id=action.insert_id, status=self.status())
        elif kind == 'error':
            self.send_error(action.code, action.sqlstate, action.message)
        elif kind == 'rows':
            self.send_rows(action, is_binary)
        elif kind == 'big':
            self.send_big(action)
        elif kind == 'nothing':
            self.say_nothing()
        elif kind == 'file':
            self.take_file(action)
        elif kind == 'frame':
            self.sock.sock.sendall(hostile_frame(action.how, self.sock.number))
            self.say_nothing()
        elif kind == 'garbage':
            self.send_raw(b'\x07\x00\x00\x2a' + b'garbage' * 20)
        elif kind == 'vanish':
            raise Gone

    def take_file(self, action):
        """Asks for a file, notes it as FILE and its bytes (BROKEN FILE, when the connection ends in it)."""
        self.send_packet(b'\xfb' + action.name.encode())
        got, lines = b'', 0
        try:
            if action.then == 'is slow':
                self.fake.stopping.wait(1.5)
            while True:
                chunk = self.read_packet()
                if not chunk:
                    break
                got, lines = (got + chunk)[:2000], lines + chunk.count(b'\n')
                if action.then == 'vanishes':
                    raise Gone
                if action.then.startswith('error'):
                    break
        except wire.ConnectionLost:
            self.fake.note('BROKEN FILE ' + got.decode('utf-8', 'replace'), self)
            raise
        self.fake.note('FILE ' + got.decode('utf-8', 'replace'), self)
        if action.then.startswith('error'):
            self.send_error(1062, '23000', action.then[6:])
        else:
            message = 'Records: %d  Deleted: 0  Skipped: 0  Warnings: 0' % lines
            self.send_packet(wire.ok_payload(affected=lines, status=self.status(), message=message))

    def send_rows(self, action, is_binary):
        self.send_columns(action.columns, self.status())
        for row in action.rows:
            self.send_packet(binary_row_payload(row) if is_binary else wire.text_row_payload(row))
        self.send_rows_end(self.status())

    def send_big(self, action):
        """`count` rows of `size` bytes each, sent in large pieces; ends early when asked to."""
        self.send_columns(['filler'], self.status())
        self.is_sending = True
        payload = wire.text_row_payload([b'x' * action.size])
        pieces, piece_bytes = [], 0
        for _ in range(action.count):
            framed = wire.frame(payload, self.sequence)
            self.sequence = (self.sequence + len(payload) // wire.PAYLOAD_MAX + 1) & 0xff
            pieces.append(framed)
            piece_bytes += len(framed)
            if piece_bytes >= CHUNK_BYTES:
                self.send_raw(b''.join(pieces))
                pieces, piece_bytes = [], 0
        self.send_raw(b''.join(pieces))
        if action.is_cut:
            # Half of a row more, so that the end comes in the middle of a packet.
            self.send_raw(wire.frame(payload, self.sequence)[:len(payload) // 2 + 4])
            raise Gone
        self.send_rows_end(self.status())

    # prepared statements

    def statement_command(self, command, argument):
        if command == wire.COM_STMT_PREPARE:
            self.prepare(argument.decode('utf-8', 'replace'))
            return
        statement_id = struct.unpack_from('<I', argument)[0]
        if statement_id == LAST_PREPARED:
            statement_id = self.next_statement - 1
        statement = self.statements.get(statement_id)
        if command == wire.COM_STMT_CLOSE:
            self.statements.pop(statement_id, None)
            self.fake.note('CLOSE %d' % statement_id, self)
        elif command == wire.COM_STMT_SEND_LONG_DATA:
            if statement:
                place = struct.unpack_from('<H', argument, 4)[0]
                statement['long'][place] = statement['long'].get(place, b'') + argument[6:]
        elif statement is None:
            self.send_error(1243, 'HY000', 'Unknown prepared statement handler (%d) given to EXECUTE' % statement_id)
        elif command == wire.COM_STMT_RESET:
            statement['long'] = {}
            self.send_ok(status=self.status())
        elif command == wire.COM_STMT_FETCH:
            self.fetch(statement, *struct.unpack_from('<I', argument, 4))
        else:
            self.execute(statement, argument)

    def prepare(self, sql):
        self.fake.note('PREPARE ' + sql, self)
        rule = self.fake.rule_for(sql)
        columns = []
        if rule is not None and rule.action.kind == 'rows':
            columns = rule.action.columns
        elif sql.split()[:1] and sql.split()[0].upper() in ('SELECT', 'SHOW'):
            columns = ['server']
        statement_id, self.next_statement = self.next_statement, self.next_statement + 1
        params = sql.count('?')
        self.statements[statement_id] = {'sql': sql, 'params': params, 'types': None, 'long': {}}
        self.send_packet(b'\0' + struct.pack('<IHHBH', statement_id, len(columns), params, 0, 0))
        for names in (['?'] * params, columns):
            for name in names:
                self.send_packet(wire.column_payload(name))
            if names and not self.capabilities & wire.DEPRECATE_EOF:
                self.send_packet(wire.eof_payload(self.status()))

    def execute(self, statement, argument):
        values = read_values(statement, argument)
        sql = statement['sql']
        for value in values:
            sql = sql.replace('?', repr(value), 1)
        self.fake.note('EXECUTE ' + sql, self)
        action, seconds = self.fake.action_for(sql)
        if seconds:
            self.fake.stopping.wait(seconds)
        self.follow(statement['sql'])
        statement['cursor'] = None
        if argument[4] & 1 and action is not None and action.kind == 'rows':
            self.fake.note('CURSOR ' + sql, self)
            statement['cursor'] = list(action.rows)
            self.send_columns(action.columns, self.status() | wire.CURSOR_EXISTS)
            if self.capabilities & wire.DEPRECATE_EOF:
                self.send_rows_end(self.status() | wire.CURSOR_EXISTS)
        elif action is not None:
            self.act(action, is_binary=True)
        elif sql.split()[0].upper() in ('SELECT', 'SHOW'):
            self.send_rows(Action('rows', columns=['server'], rows=[[self.fake.name]]), True)
        else:
            self.default_answer(sql)

    def fetch(self, statement, count):
        self.fake.note('FETCH %d' % count, self)
        rows = statement['cursor']
        if rows is None:
            self.send_error(1421, 'HY000', 'The statement (0) has no open cursor')
            return
        for row in rows[:count]:
            self.send_packet(binary_row_payload(row))
        is_last = count > len(rows)
        statement['cursor'] = None if is_last else rows[count:]
        self.send_rows_end(self.status() | (wire.LAST_ROW_SENT if is_last else wire.CURSOR_EXISTS))

    # the monitor

    def monitor_query(self, sql):
        fake = self.fake
        fake.note_probe(sql)
        if 'read_only AS read_only' in sql:
            self.send_result(['read_only', 'server_id', 'sql_mode', 'binlog_gtid', 'applied_gtid'],
                             [[int(fake.is_read_only), fake.server_id, 'STRICT_TRANS_TABLES', '1-1-1',
                               '1-1-1' if fake.source else '']])
        elif 'SLAVE' in sql and 'STATUS' in sql and sql.upper().startswith('SHOW'):
            names = ['Master_Host', 'Master_Port', 'Slave_IO_Running', 'Slave_SQL_Running', 'Last_IO_Error',
                     'Last_SQL_Error', 'Gtid_IO_Pos', 'Seconds_Behind_Master']
            rows = [['127.0.0.1', fake.source.port, 'Yes', 'Yes', '', '', '1-1-1', 0]] if fake.source else []
            self.send_result(names, rows)
        elif sql.upper().startswith('SHOW'):
            self.send_result(['Variable_name', 'Value'], [])
        elif PROBE.search(sql) and sql.upper().startswith('SELECT'):
            self.send_result(['sent_us', 'epoch', 'primary_name'], [[fake.echo_heartbeat(sql), None, None]])
        elif ID_CLOCK.search(sql) and sql.upper().startswith('SELECT'):
            self.send_result(['run', 'from_ms', 'upto_ms'], fake.id_clock)
        elif 'GET_LOCK' in sql or 'IS_USED_LOCK' in sql:
            self.send_result(['locked'], [[1]])
        elif sql.upper().startswith('SELECT'):
            self.send_result(['value'], [])
        else:
            fake.take_heartbeat(sql)
            fake.take_id_clock(sql)
            self.send_ok(affected=1)


def hostile_frame(how, number):
    """A compressed packet that waybill has to see through."""
    packed = zlib.compress(b'x' * 200)
    body, size, plain = {
        'garbage': (bytes(range(60)), 60, 100),
        'longer than it says': (packed, len(packed), 100),
        'shorter than it says': (packed, len(packed), 300),
        'of absurd lengths': (b'x', 0xffffff, 1),
        'empty': (b'', 0, 100),
    }[how]
    return size.to_bytes(3, 'little') + bytes([number]) + plain.to_bytes(3, 'little') + body


def binary_row_payload(values):
    bitmap = bytearray((len(values) + 9) // 8)
    out = b''
    for i, value in enumerate(values):
        if value is None:
            bitmap[(i + 2) // 8] |= 1 << ((i + 2) % 8)
        else:
            out += wire.lenenc_bytes(value if isinstance(value, bytes) else str(value).encode())
    return b'\0' + bytes(bitmap) + out


def read_values(statement, argument):
    """The parameters of an EXECUTE."""
    count = statement['params']
    if count == 0:
        return []
    reader = wire.Reader(argument[9:])
    bitmap = reader.take((count + 7) // 8)
    if reader.integer(1):
        statement['types'] = reader.take(2 * count)
    types, values = statement['types'], []
    for i in range(count):
        if i in statement['long']:
            values.append(statement['long'][i].decode('utf-8', 'replace'))
        elif bitmap[i // 8] >> (i % 8) & 1 or types[2 * i] == wire.T_NULL:
            values.append(None)
        else:
            values.append(wire.decode_binary_value(reader, types[2 * i], bool(types[2 * i + 1] & 0x80)))
    return values


class Fake:
    """One fake server: a listener on a loopback port and a thread for each connection."""

    def __init__(self, name, server_id, shared):
        self.name, self.server_id, self.shared = name, server_id, shared
        self.source = None                 # the Fake that it replicates from
        self.is_read_only = False
        self.weight, self.max_connections = 100, 0
        self.greeting, self.login_seconds, self.plugin = ('normally', 0), 0, wire.NATIVE
        self.offered = 0                   # capabilities beside the usual ones
        self.tls, self.tls_answer = None, 'normally'
        self.lag_seconds = 0
        self.rules, self.seen, self.probes, self.id_clock = [], [], 0, []
        self.connections = set()
        self.count = 0                     # connections so far
        self.lock = threading.Lock()
        self.changed = threading.Condition(self.lock)
        self.stopping = threading.Event()
        self.listener = None
        self.port = None
        self.listen()

    # the listener

    def listen(self):
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(('127.0.0.1', self.port or 0))
        listener.listen(128)
        self.port = listener.getsockname()[1]
        self.listener = listener
        threading.Thread(target=self.accept, args=(listener,), daemon=True).start()

    def accept(self, listener):
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            with self.lock:
                if self.listener is not listener:
                    sock.close()
                    return
                self.count += 1
                connection = FakeConnection(sock, self, self.count)
                self.connections.add(connection)
                self.changed.notify_all()
            threading.Thread(target=self.run, args=(connection,), daemon=True).start()

    def run(self, connection):
        try:
            connection.handshake()
            connection.serve()
        except (Gone, wire.ConnectionLost, wire.ProtocolError, BadFrame, OSError, struct.error, ValueError):
            pass
        finally:
            connection.close_socket()
            with self.lock:
                self.connections.discard(connection)
                self.changed.notify_all()

    def refuse(self):
        listener, self.listener = self.listener, None
        if listener is not None:
            try:
                listener.shutdown(socket.SHUT_RDWR)   # wakes accept() up; close() alone does not
            except OSError:
                pass
            listener.close()

    def drop_connections(self, is_monitor_too=True):
        with self.lock:
            found = [c for c in self.connections if is_monitor_too or not c.is_monitor]
        for connection in found:
            try:
                connection.sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def die(self):
        self.refuse()
        self.drop_connections()

    def come_back(self):
        if self.listener is None:
            self.listen()

    def stop(self):
        self.stopping.set()
        self.die()

    # what was seen

    def note(self, sql, connection):
        with self.lock:
            self.seen.append((sql, connection.number))
            self.changed.notify_all()

    def note_probe(self, sql):
        if PROBE.search(sql):
            with self.lock:
                self.probes += 1
                self.changed.notify_all()

    def count_seen(self, pattern):
        found = re.compile(pattern, re.I | re.S)
        with self.lock:
            return sum(1 for sql, _ in self.seen if found.search(sql))

    def count_connections(self):
        with self.lock:
            return sum(1 for c in self.connections if not c.is_monitor and c.user is not None)

    # what is answered

    def rule_for(self, sql):
        for rule in self.rules + self.shared.rules:
            if rule.pattern.search(sql) and rule.left != 0:
                return rule
        return None

    def action_for(self, sql):
        for rule in self.rules + self.shared.rules:
            if rule.take(sql):
                return rule.action, rule.after
        return None, 0

    def take_heartbeat(self, sql):
        found = re.search(r'INTO waybill\.heartbeat.*SELECT (\d+), (\d+), (\d+) FROM', sql, re.S)
        if found:
            with self.shared.lock:
                beats = self.shared.heartbeats.setdefault((found.group(1), found.group(2)), [])
                beats.append((time.monotonic(), found.group(3)))

    def take_id_clock(self, sql):
        found = re.search(r'INTO waybill\.id_clock.*SELECT \d+, (\d+), 0, \d+ FROM', sql, re.S)
        if found:
            self.id_clock = [[found.group(1), '0', str(1 << 62)]]     # for ever

    def echo_heartbeat(self, sql):
        found = re.search(r'proxy = (\d+) AND run = (\d+)', sql)
        if not found:
            return None
        with self.shared.lock:
            beats = self.shared.heartbeats.get((found.group(1), found.group(2)), [])
            old_enough = [sent for at, sent in beats if at <= time.monotonic() - self.lag_seconds]
        return old_enough[-1] if old_enough else None
