"""The MySQL wire protocol in plain Python: a client, and the pieces of a server.

For tests: nothing is hidden. A test may send any bytes (send_raw, send_packet) and look at every packet
(read_packet), or use the comfortable half: query(), prepare(), execute().

    client = Client(port=3306, user='app', password='secret', database='shop')
    for row in client.query('SELECT 1, NULL').rows: ...        # text protocol: str or None
    statement = client.prepare('SELECT * FROM t WHERE id = ?')
    client.execute(statement, [7]).rows                        # binary protocol: int, float, str, None
    client.close()

An ERR packet raises ServerError; a connection that ends raises ConnectionLost; a deadline raises TimeoutError.
"""

import hashlib
import os
import socket
import struct
import time

import compressed

# Capabilities
LONG_PASSWORD, FOUND_ROWS, LONG_FLAG, CONNECT_WITH_DB = 1 << 0, 1 << 1, 1 << 2, 1 << 3
LOCAL_FILES, PROTOCOL_41, INTERACTIVE, SSL, TRANSACTIONS = 1 << 7, 1 << 9, 1 << 10, 1 << 11, 1 << 13
SECURE_CONNECTION, MULTI_STATEMENTS, MULTI_RESULTS = 1 << 15, 1 << 16, 1 << 17
PS_MULTI_RESULTS, PLUGIN_AUTH, CONNECT_ATTRS = 1 << 18, 1 << 19, 1 << 20
PLUGIN_AUTH_LENENC, SESSION_TRACK, DEPRECATE_EOF = 1 << 21, 1 << 23, 1 << 24
STMT_BULK = 1 << 34  # MariaDB alone
COMPRESS, ZSTD = 1 << 5, 1 << 26

CLIENT_DEFAULT = (LONG_PASSWORD | LONG_FLAG | PROTOCOL_41 | TRANSACTIONS | SECURE_CONNECTION |
                  MULTI_RESULTS | PS_MULTI_RESULTS | PLUGIN_AUTH | PLUGIN_AUTH_LENENC | DEPRECATE_EOF)
# What MariaDB 10.11 says of itself: bit 0 is clear.
SERVER_DEFAULT = (CLIENT_DEFAULT | FOUND_ROWS | CONNECT_WITH_DB | MULTI_STATEMENTS | CONNECT_ATTRS |
                  INTERACTIVE | LOCAL_FILES | SESSION_TRACK) & ~LONG_PASSWORD

# Status flags
IN_TRANS, AUTOCOMMIT, MORE_RESULTS = 0x0001, 0x0002, 0x0008
CURSOR_EXISTS, LAST_ROW_SENT, SESSION_CHANGED = 0x0040, 0x0080, 0x4000

# Commands
COM_QUIT, COM_INIT_DB, COM_QUERY, COM_FIELD_LIST, COM_STATISTICS, COM_PING = 1, 2, 3, 4, 9, 14
COM_CHANGE_USER, COM_STMT_PREPARE, COM_STMT_EXECUTE, COM_STMT_SEND_LONG_DATA = 0x11, 0x16, 0x17, 0x18
COM_STMT_CLOSE, COM_STMT_RESET, COM_SET_OPTION, COM_STMT_FETCH, COM_RESET_CONNECTION = 0x19, 0x1a, 0x1b, 0x1c, 0x1f
COM_STMT_BULK_EXECUTE = 0xfa

# Types
T_TINY, T_SHORT, T_LONG, T_FLOAT, T_DOUBLE, T_NULL, T_TIMESTAMP, T_LONGLONG, T_INT24 = 1, 2, 3, 4, 5, 6, 7, 8, 9
T_DATE, T_TIME, T_DATETIME, T_YEAR, T_BLOB, T_VAR_STRING = 10, 11, 12, 13, 252, 253
UNSIGNED, BINARY_COLLATION = 32, 63

PAYLOAD_MAX = 0xffffff
NATIVE, SHA2 = 'mysql_native_password', 'caching_sha2_password'
CLEAR = 'mysql_clear_password'


class ServerError(Exception):
    def __init__(self, code, sqlstate, message):
        super().__init__('ERROR %d (%s): %s' % (code, sqlstate, message))
        self.code, self.sqlstate, self.message = code, sqlstate, message


class ConnectionLost(Exception):
    pass


class ProtocolError(Exception):
    pass


# ---- values

def lenenc(value):
    if value < 0xfb:
        return bytes([value])
    if value <= 0xffff:
        return b'\xfc' + struct.pack('<H', value)
    if value <= 0xffffff:
        return b'\xfd' + struct.pack('<I', value)[:3]
    return b'\xfe' + struct.pack('<Q', value)


def lenenc_bytes(value):
    return lenenc(len(value)) + value


class Reader:
    """Reads a payload from front to back."""

    def __init__(self, payload):
        self.payload, self.at = payload, 0

    def take(self, count):
        if self.at + count > len(self.payload):
            raise ProtocolError('packet too short: %r' % (self.payload[:40],))
        self.at += count
        return self.payload[self.at - count:self.at]

    def integer(self, count):
        return int.from_bytes(self.take(count), 'little')

    def lenenc(self):
        first = self.integer(1)
        if first < 0xfb:
            return first
        return self.integer({0xfc: 2, 0xfd: 3, 0xfe: 8}[first])

    def lenenc_bytes(self):
        return self.take(self.lenenc())

    def nul_string(self):
        end = self.payload.index(b'\0', self.at)
        found = self.take(end - self.at)
        self.at += 1
        return found

    def rest(self):
        return self.take(len(self.payload) - self.at)

    def left(self):
        return len(self.payload) - self.at


# ---- packets

def frame(payload, sequence=0):
    """The payload in as many packets as it needs."""
    out = []
    while True:
        part, payload = payload[:PAYLOAD_MAX], payload[PAYLOAD_MAX:]
        out.append(struct.pack('<I', len(part))[:3] + bytes([sequence & 0xff]) + part)
        sequence += 1
        if len(part) < PAYLOAD_MAX:
            return b''.join(out)


class Wire:
    """Packets over a socket. `timeout` is the longest wait for a single read or write."""

    def __init__(self, sock, timeout=10.0):
        self.sock = sock
        self.sock.settimeout(timeout)
        if sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sequence = 0          # of the next packet, sent or received
        self.read_ahead = bytearray()
        self.is_greedy = True      # reads what there is; before TLS begins, only what is needed
        self.bytes_read = 0

    def set_timeout(self, seconds):
        self.sock.settimeout(seconds)

    def send_raw(self, data):
        self.sock.sendall(data)

    def send_packet(self, payload, sequence=None):
        if sequence is not None:
            self.sequence = sequence
        framed = frame(payload, self.sequence)
        self.sequence = (self.sequence + len(payload) // PAYLOAD_MAX + 1) & 0xff
        self.sock.sendall(framed)

    def _fill(self, count):
        while len(self.read_ahead) < count:
            try:
                more = self.sock.recv(1 << 16 if self.is_greedy else count - len(self.read_ahead))
            except ConnectionError as why:
                raise ConnectionLost(str(why)) from None
            if not more:
                raise ConnectionLost('the peer closed the connection')
            self.bytes_read += len(more)
            self.read_ahead += more

    def read_raw(self, count):
        self._fill(count)
        found = bytes(self.read_ahead[:count])
        del self.read_ahead[:count]
        return found

    def peek(self):
        self._fill(1)
        return self.read_ahead[0]

    def read_packet(self, is_sequence_checked=True):
        """One logical packet's payload, its 16 MB parts joined."""
        parts = []
        while True:
            header = self.read_raw(4)
            size = int.from_bytes(header[:3], 'little')
            # A server may refuse a command of several packets at the first one: its ERR counts on from there.
            is_early_error = 0 < header[3] < self.sequence and size > 0 and self.peek() == 0xff
            if is_sequence_checked and header[3] != self.sequence and not is_early_error:
                raise ProtocolError('sequence %d where %d was due' % (header[3], self.sequence))
            self.sequence = (header[3] + 1) & 0xff
            parts.append(self.read_raw(size))
            if size < PAYLOAD_MAX:
                return b''.join(parts) if len(parts) > 1 else parts[0]

    def is_closed_by_peer(self, within=5.0):
        """True when the peer ends the connection in time; bytes that come before are thrown away."""
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            self.sock.settimeout(max(0.01, deadline - time.monotonic()))
            try:
                if not self.sock.recv(1 << 16):
                    return True
            except socket.timeout:
                return False
            except OSError:
                return True
        return False

    def abort(self):
        """Ends the connection with a reset, as a machine that vanishes would."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        self.sock.close()

    def close_socket(self):
        self.sock.close()


# ---- authentication

def sha1(data):
    return hashlib.sha1(data).digest()


def sha256(data):
    return hashlib.sha256(data).digest()


def xor(left, right):
    return bytes(a ^ b for a, b in zip(left, right))


def native_answer(password, nonce):
    if not password:
        return b''
    once = sha1(password.encode())
    return xor(once, sha1(nonce + sha1(once)))


def sha2_answer(password, nonce):
    if not password:
        return b''
    once = sha256(password.encode())
    return xor(once, sha256(sha256(once) + nonce))


def auth_answer(plugin, password, nonce):
    if plugin == NATIVE:
        return native_answer(password, nonce)
    if plugin == SHA2:
        return sha2_answer(password, nonce)
    if plugin == CLEAR:
        return password.encode() + b'\0'
    raise ProtocolError('unknown authentication plugin %r' % plugin)


# ---- answers

def error_payload(code, sqlstate, message):
    return b'\xff' + struct.pack('<H', code) + b'#' + sqlstate.encode() + message.encode()


def read_error(payload):
    code = struct.unpack_from('<H', payload, 1)[0]
    if payload[3:4] == b'#':
        return ServerError(code, payload[4:9].decode(), payload[9:].decode('utf-8', 'replace'))
    return ServerError(code, 'HY000', payload[3:].decode('utf-8', 'replace'))


def ok_payload(affected=0, insert_id=0, status=AUTOCOMMIT, warnings=0, message='', first=0):
    out = bytes([first]) + lenenc(affected) + lenenc(insert_id) + struct.pack('<HH', status, warnings)
    return out + (lenenc_bytes(message.encode()) if message else b'')


def eof_payload(status=AUTOCOMMIT, warnings=0):
    return b'\xfe' + struct.pack('<HH', warnings, status)


def column_payload(name, type_=T_VAR_STRING, flags=0, collation=45, length=1024, table='', schema='', decimals=0):
    names = [b'def', schema.encode(), table.encode(), table.encode(), name.encode(), name.encode()]
    fixed = struct.pack('<HIBHBH', collation, length, type_, flags, decimals, 0)
    return b''.join(lenenc_bytes(n) for n in names) + lenenc(len(fixed)) + fixed


def text_row_payload(values):
    out = []
    for value in values:
        if value is None:
            out.append(b'\xfb')
        else:
            out.append(lenenc_bytes(value if isinstance(value, bytes) else str(value).encode()))
    return b''.join(out)


class Column:
    def __init__(self, payload):
        reader = Reader(payload)
        reader.lenenc_bytes()
        names = [reader.lenenc_bytes().decode('utf-8', 'replace') for _ in range(5)]
        self.schema, self.table, self.org_table, self.name, self.org_name = names
        reader.lenenc()
        self.collation, self.length = reader.integer(2), reader.integer(4)
        self.type, self.flags, self.decimals = reader.integer(1), reader.integer(2), reader.integer(1)

    def __repr__(self):
        return 'Column(%r, type=%d, flags=%d, collation=%d)' % (self.name, self.type, self.flags, self.collation)


def read_tracked(block):
    """The state changes of an OK packet: (type, parts of it), a variable's name and value as two."""
    reader, found = Reader(block), []
    while reader.left():
        kind = reader.integer(1)
        inner = Reader(reader.lenenc_bytes())
        parts = []
        if kind == 2:  # a bare '1'
            parts.append(inner.rest().decode())
        if kind == 3:  # GTIDs begin with how they are written
            parts.append(inner.integer(1))
        while inner.left():
            parts.append(inner.lenenc_bytes().decode('utf-8', 'surrogateescape'))
        found.append((kind, *parts))
    return found


class Result:
    """One result: an OK (no columns) or a result set."""

    def __init__(self):
        self.columns, self.rows = [], []
        self.affected = self.insert_id = self.warnings = self.status = 0
        self.message = ''
        self.tracked = []          # with SESSION_TRACK: read_tracked of it
        self.is_result_set = False
        self.more = []             # the further results of a multi-result answer
        self.is_cursor_open = False

    def names(self):
        return [column.name for column in self.columns]

    def read_ok(self, payload):
        reader = Reader(payload)
        reader.integer(1)
        self.affected, self.insert_id = reader.lenenc(), reader.lenenc()
        self.status, self.warnings = reader.integer(2), reader.integer(2)
        if reader.left():
            self.message = reader.lenenc_bytes().decode('utf-8', 'replace')
        if reader.left() and self.status & SESSION_CHANGED:
            self.tracked = read_tracked(reader.lenenc_bytes())
        if reader.left():
            raise ProtocolError('bytes behind the OK')

    def read_eof(self, payload):
        self.warnings, self.status = struct.unpack_from('<HH', payload, 1)


def decode_text_row(payload, columns):
    reader, row = Reader(payload), []
    for _ in columns:
        if payload[reader.at:reader.at + 1] == b'\xfb':
            reader.at += 1
            row.append(None)
        else:
            row.append(reader.lenenc_bytes().decode('utf-8', 'surrogateescape'))
    if reader.left():
        raise ProtocolError('bytes behind the row')
    return tuple(row)


def decode_binary_value(reader, type_, is_unsigned):
    sizes = {T_TINY: 1, T_SHORT: 2, T_YEAR: 2, T_LONG: 4, T_INT24: 4, T_LONGLONG: 8}
    if type_ in sizes:
        return int.from_bytes(reader.take(sizes[type_]), 'little', signed=not is_unsigned)
    if type_ == T_FLOAT:
        return struct.unpack('<f', reader.take(4))[0]
    if type_ == T_DOUBLE:
        return struct.unpack('<d', reader.take(8))[0]
    if type_ in (T_DATE, T_DATETIME, T_TIMESTAMP):
        raw = reader.take(reader.integer(1))
        year, month, day, hour, minute, second, micro = struct.unpack('<HBBBBBI', raw.ljust(11, b'\0'))
        if type_ == T_DATE:
            return '%04d-%02d-%02d' % (year, month, day)
        text = '%04d-%02d-%02d %02d:%02d:%02d' % (year, month, day, hour, minute, second)
        return text + ('.%06d' % micro if len(raw) > 7 else '')
    if type_ == T_TIME:
        raw = reader.take(reader.integer(1))
        negative, days, hour, minute, second, micro = struct.unpack('<BIBBBI', raw.ljust(12, b'\0'))
        text = '%s%02d:%02d:%02d' % ('-' if negative else '', days * 24 + hour, minute, second)
        return text + ('.%06d' % micro if len(raw) > 8 else '')
    return reader.lenenc_bytes().decode('utf-8', 'surrogateescape')


def decode_binary_row(payload, columns):
    reader = Reader(payload)
    if reader.integer(1) != 0:
        raise ProtocolError('a binary row begins with 0')
    bitmap = reader.take((len(columns) + 9) // 8)
    row = []
    for i, column in enumerate(columns):
        is_null = bitmap[(i + 2) // 8] >> ((i + 2) % 8) & 1
        row.append(None if is_null else decode_binary_value(reader, column.type, bool(column.flags & UNSIGNED)))
    if reader.left():
        raise ProtocolError('bytes behind the row')
    return tuple(row)


def encode_binary_param(value):
    """(type, flags, bytes) of a parameter."""
    if value is None:
        return T_NULL, 0, b''
    if isinstance(value, bool):
        return T_TINY, 0, bytes([value])
    if isinstance(value, int):
        if value > 0x7fffffffffffffff:
            return T_LONGLONG, 0x80, struct.pack('<Q', value)
        return T_LONGLONG, 0, struct.pack('<q', value)
    if isinstance(value, float):
        return T_DOUBLE, 0, struct.pack('<d', value)
    if isinstance(value, bytes):
        return T_BLOB, 0, lenenc_bytes(value)
    return T_VAR_STRING, 0, lenenc_bytes(str(value).encode())


class Statement:
    def __init__(self, statement_id, params, columns):
        self.id, self.params, self.columns = statement_id, params, columns
        self.sent_types = None


# ---- the client

class Client(Wire):
    """A logged-in client. `connect=False` only opens the connection (self.greeting is still unread).
    `tls`: a context of Python's ssl. `compress`: 'zlib' or 'zstd', with that level."""

    def __init__(self, host='127.0.0.1', port=3306, user='root', password='', database=None, unix_socket=None,
                 capabilities=CLIENT_DEFAULT, plugin=None, collation=45, timeout=10.0, connect=True,
                 source=None, attributes=None, tls=None, tls_session=None, compress=None, level=0):
        if unix_socket:
            sock = socket.socket(socket.AF_UNIX)
            sock.settimeout(timeout)
            sock.connect(unix_socket)
        else:
            sock = socket.create_connection((host, port), timeout=timeout, source_address=(source, 0) if source else None)
        super().__init__(sock, timeout)
        self.user, self.password, self.database = user, password, database
        self.wanted, self.plugin_wish, self.collation = capabilities, plugin, collation
        self.capabilities = capabilities
        self.attributes = attributes
        self.tls, self.tls_session, self.compress, self.level = tls, tls_session, compress, level
        self.status = 0
        if connect:
            self.read_greeting()
            self.login()

    # the handshake

    def read_greeting(self):
        payload = self.read_packet()
        if payload[:1] == b'\xff':
            raise read_error(payload)
        reader = Reader(payload)
        self.protocol_version = reader.integer(1)
        self.server_version = reader.nul_string().decode()
        self.connection_id = reader.integer(4)
        nonce = reader.take(8)
        reader.take(1)
        low = reader.integer(2)
        self.server_collation, self.status = reader.integer(1), reader.integer(2)
        self.server_capabilities = low | reader.integer(2) << 16
        reader.take(7)
        extended = reader.integer(4)
        if not low & LONG_PASSWORD:
            self.server_capabilities |= extended << 32
        self.nonce = nonce + reader.take(12)
        reader.take(1)
        self.server_plugin = reader.nul_string().decode() if reader.left() else NATIVE

    def login_payload(self):
        # Bit 0 says who one is (clear = MariaDB), not what is agreed on: it is not masked.
        self.capabilities = self.wanted & (self.server_capabilities | LONG_PASSWORD)
        if self.wanted >> 32 and not self.server_capabilities & LONG_PASSWORD:
            self.capabilities &= ~LONG_PASSWORD  # both are MariaDB
        if self.database is not None:
            self.capabilities |= CONNECT_WITH_DB
        if self.attributes is not None:
            self.capabilities |= CONNECT_ATTRS
        if self.tls is not None:
            self.capabilities |= SSL
        if self.compress is not None:
            self.capabilities |= {'zlib': COMPRESS, 'zstd': ZSTD}[self.compress]
        plugin = self.plugin_wish or (self.server_plugin if self.server_plugin in (NATIVE, SHA2) else NATIVE)
        self.plugin = plugin
        out = struct.pack('<IIB', self.capabilities & 0xffffffff, 1 << 30, self.collation)
        out += bytes(19) + struct.pack('<I', self.capabilities >> 32)
        out += self.user.encode() + b'\0' + lenenc_bytes(auth_answer(plugin, self.password, self.nonce))
        if self.database is not None:
            out += self.database.encode() + b'\0'
        if self.capabilities & PLUGIN_AUTH:
            out += plugin.encode() + b'\0'
        if self.attributes is not None:
            pairs = b''.join(lenenc_bytes(k.encode()) + lenenc_bytes(v.encode()) for k, v in self.attributes.items())
            out += lenenc_bytes(pairs)
        if self.capabilities & ZSTD:
            out += bytes([self.level])
        return out

    def login(self):
        if self.tls is not None:
            self.start_tls()
        self.send_packet(self.login_payload())
        self.finish_login()
        if self.compress is not None:
            self.sock = compressed.Compressed(self.sock, self.compress, self.level)

    def ssl_request(self):
        return struct.pack('<IIB', self.wanted | SSL, 1 << 30, self.collation) + bytes(23)

    def start_tls(self):
        self.send_packet(self.ssl_request())
        self.sock = self.tls.wrap_socket(self.sock, server_hostname='localhost', session=self.tls_session)

    def finish_login(self):
        while True:
            payload = self.read_packet()
            if payload[0] == 0:
                result = Result()
                result.read_ok(payload)
                self.status, self.tracked = result.status, result.tracked
                return
            if payload[0] == 0xff:
                raise read_error(payload)
            if payload[0] == 0xfe:
                reader = Reader(payload[1:])
                self.plugin = reader.nul_string().decode()
                self.nonce = reader.rest()[:20]
                self.send_packet(auth_answer(self.plugin, self.password, self.nonce))
            elif payload[:2] == b'\x01\x04' and self.tls is not None:
                self.send_packet(self.password.encode() + b'\0')
            elif payload[:2] == b'\x01\x04':
                raise ProtocolError('the server wants full caching_sha2_password authentication')
            elif payload[:2] != b'\x01\x03':
                raise ProtocolError('unknown log-in packet %r' % payload[:20])

    # commands

    def send_command(self, command, argument=b''):
        if isinstance(argument, str):
            argument = argument.encode()
        self.send_packet(bytes([command]) + argument, sequence=0)

    def command(self, command, argument=b''):
        """A command that is answered by OK, EOF or ERR."""
        self.send_command(command, argument)
        payload = self.read_packet()
        if payload[:1] == b'\xff':
            raise read_error(payload)
        result = Result()
        if payload[:1] == b'\xfe' and len(payload) == 5:
            result.read_eof(payload)
        else:
            result.read_ok(payload)
        self.status = result.status
        return result

    def ping(self):
        return self.command(COM_PING)

    def init_db(self, name):
        return self.command(COM_INIT_DB, name)

    def reset_connection(self):
        return self.command(COM_RESET_CONNECTION)

    def statistics(self):
        self.send_command(COM_STATISTICS)
        payload = self.read_packet()
        if payload[:1] == b'\xff':
            raise read_error(payload)
        return payload.decode('utf-8', 'replace')

    def query(self, sql):
        """The first result; further ones are in its `more`."""
        self.send_command(COM_QUERY, sql)
        return self.read_results(decode_text_row)

    def load(self, sql, chunks, is_ended=True):
        """LOAD DATA LOCAL INFILE with a file of these chunks, one packet each; the name asked for is in `asked`."""
        self.send_command(COM_QUERY, sql)
        payload = self.read_packet()
        if payload[:1] == b'\xff':
            raise read_error(payload)
        if payload[:1] != b'\xfb':
            raise ProtocolError('it was not asked for a file: %r' % payload[:20])
        self.asked = payload[1:]
        for chunk in chunks:
            self.send_packet(chunk)
        if not is_ended:
            return None
        self.send_packet(b'')
        return self.read_results(decode_text_row)

    def read_results(self, decode=decode_text_row, is_execute=False):
        first = result = self.read_result(decode, is_execute)
        while result.status & MORE_RESULTS:
            result = self.read_result(decode, is_execute)
            first.more.append(result)
        self.status = result.status
        return first

    def read_result(self, decode, is_execute=False):
        result = Result()
        payload = self.read_packet()
        if payload[:1] == b'\xff':
            raise read_error(payload)
        if payload[:1] == b'\0':
            result.read_ok(payload)
            return result
        result.is_result_set = True
        count = Reader(payload).lenenc()
        result.columns = [Column(self.read_packet()) for _ in range(count)]
        if not self.capabilities & DEPRECATE_EOF:
            result.read_eof(self.read_packet())
            if is_execute and result.status & CURSOR_EXISTS:
                result.is_cursor_open = True
                return result
        self.read_rows(result, decode)
        return result

    def read_rows(self, result, decode):
        while True:
            payload = self.read_packet()
            if payload[0] == 0xff:
                raise read_error(payload)
            if payload[0] == 0xfe and len(payload) < PAYLOAD_MAX:
                if len(payload) == 5:
                    result.read_eof(payload)
                else:
                    result.read_ok(payload)
                result.is_cursor_open = bool(result.status & CURSOR_EXISTS)
                return
            result.rows.append(decode(payload, result.columns))

    # prepared statements

    def prepare(self, sql):
        self.send_command(COM_STMT_PREPARE, sql)
        payload = self.read_packet()
        if payload[:1] == b'\xff':
            raise read_error(payload)
        statement_id, column_count, param_count = struct.unpack_from('<IHH', payload, 1)
        params = [Column(self.read_packet()) for _ in range(param_count)]
        if param_count and not self.capabilities & DEPRECATE_EOF:
            self.read_packet()
        columns = [Column(self.read_packet()) for _ in range(column_count)]
        if column_count and not self.capabilities & DEPRECATE_EOF:
            self.read_packet()
        return Statement(statement_id, params, columns)

    def execute_payload(self, statement, values, cursor=0, long_data=()):
        out = bytes([COM_STMT_EXECUTE]) + struct.pack('<IBI', statement.id, cursor, 1)
        if not values:
            return out
        encoded = [encode_binary_param(value) for value in values]
        bitmap = bytearray((len(values) + 7) // 8)
        for i, value in enumerate(values):
            if value is None:
                bitmap[i // 8] |= 1 << (i % 8)
        types = b''.join(bytes([type_, flags]) for type_, flags, _ in encoded)
        is_new = types != statement.sent_types
        statement.sent_types = types
        out += bytes(bitmap) + bytes([is_new]) + (types if is_new else b'')
        return out + b''.join(raw for i, (_, _, raw) in enumerate(encoded) if i not in long_data)

    def execute(self, statement, values=(), cursor=0, long_data=()):
        """`long_data`: the places of parameters that were sent by send_long_data."""
        self.send_packet(self.execute_payload(statement, values, cursor, long_data), sequence=0)
        return self.read_results(decode_binary_row, is_execute=True)

    def bulk_payload(self, statement, types, rows, flags=128):
        """MariaDB's array of parameters. A value is bytes as on the wire, None, or an indicator (2 DEFAULT, 3 IGNORE)."""
        payload = bytes([COM_STMT_BULK_EXECUTE]) + struct.pack('<IH', statement.id, flags)
        if flags & 128:
            payload += b''.join(bytes([t, 128 if u else 0]) for t, u in types)
        for row in rows:
            for value in row:
                payload += b'\1' if value is None else bytes([value]) if isinstance(value, int) else b'\0' + value
        return payload

    def execute_bulk(self, statement, types, rows, flags=128):
        self.send_packet(self.bulk_payload(statement, types, rows, flags), sequence=0)
        return self.read_results(decode_binary_row, is_execute=True)

    def fetch(self, statement, columns, count):
        """The next rows of an open cursor."""
        self.send_command(COM_STMT_FETCH, struct.pack('<II', statement.id, count))
        result = Result()
        result.columns = columns
        self.read_rows(result, decode_binary_row)
        return result

    def send_long_data(self, statement, place, chunk):
        self.send_command(COM_STMT_SEND_LONG_DATA, struct.pack('<IH', statement.id, place) + chunk)

    def close_statement(self, statement):
        self.send_command(COM_STMT_CLOSE, struct.pack('<I', statement.id))

    def reset_statement(self, statement):
        return self.command(COM_STMT_RESET, struct.pack('<I', statement.id))

    def close(self):
        try:
            self.send_command(COM_QUIT)
        except OSError:
            pass
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


# ---- the server's side

class ServerSide(Wire):
    """One accepted connection of a fake server."""

    version = '5.5.5-10.11.19-MariaDB-fake'

    def greet(self, connection_id=1, capabilities=SERVER_DEFAULT, plugin=NATIVE, status=AUTOCOMMIT):
        self.nonce = bytes(1 + byte % 126 for byte in os.urandom(20))
        self.server_capabilities = capabilities
        out = b'\x0a' + self.version.encode() + b'\0' + struct.pack('<I', connection_id) + self.nonce[:8] + b'\0'
        out += struct.pack('<HBHH', capabilities & 0xffff, 45, status, capabilities >> 16) + bytes([21]) + bytes(10)
        out += self.nonce[8:] + b'\0' + plugin.encode() + b'\0'
        self.send_packet(out, sequence=0)

    def read_login(self):
        """False: it was the request for TLS; the log-in follows."""
        reader = Reader(self.read_packet())
        self.capabilities = reader.integer(4)
        reader.take(28)
        if not reader.left() and self.capabilities & SSL:
            return False
        self.user = reader.nul_string().decode()
        if self.capabilities & PLUGIN_AUTH_LENENC:
            self.auth = reader.lenenc_bytes()
        else:
            self.auth = reader.take(reader.integer(1))
        self.database = reader.nul_string().decode() if self.capabilities & CONNECT_WITH_DB else ''
        self.plugin = reader.nul_string().decode() if self.capabilities & PLUGIN_AUTH and reader.left() else NATIVE
        return True

    def start_compression(self):
        """Behind the OK, as agreed on."""
        if self.capabilities & (ZSTD | COMPRESS):
            self.sock = compressed.Compressed(self.sock, 'zstd' if self.capabilities & ZSTD else 'zlib', is_listening=True)

    def switch_to_native(self):
        self.send_packet(b'\xfe' + NATIVE.encode() + b'\0' + self.nonce + b'\0')
        self.auth = self.read_packet()
        self.plugin = NATIVE

    def is_password(self, password):
        if self.plugin != NATIVE:
            self.switch_to_native()
        return self.auth == native_answer(password, self.nonce)

    def read_command(self):
        """(command, argument) of the next command."""
        self.sequence = 0
        payload = self.read_packet()
        return payload[0], payload[1:]

    def send_ok(self, **values):
        self.send_packet(ok_payload(**values))

    def send_error(self, code, sqlstate, message):
        self.send_packet(error_payload(code, sqlstate, message))

    def send_columns(self, columns, status=AUTOCOMMIT):
        """`columns`: names, or finished payloads."""
        self.send_packet(lenenc(len(columns)))
        for column in columns:
            self.send_packet(column if isinstance(column, bytes) else column_payload(column))
        if not self.capabilities & DEPRECATE_EOF:
            self.send_packet(eof_payload(status))

    def send_rows_end(self, status=AUTOCOMMIT, warnings=0):
        if self.capabilities & DEPRECATE_EOF:
            self.send_packet(ok_payload(status=status, warnings=warnings, first=0xfe))
        else:
            self.send_packet(eof_payload(status, warnings))

    def send_result(self, columns, rows, status=AUTOCOMMIT):
        self.send_columns(columns, status)
        for row in rows:
            self.send_packet(text_row_payload(row))
        self.send_rows_end(status)
