"""The language of scenarios: one line, one step. README.md describes it for readers; the table of steps at the end
of each half is the truth."""

import os
import re
import signal
import struct
import time

import wire
from fake import Action, Fake, Rule, Shared
from proxy import Proxy

STEP_SECONDS = 20.0


class Failed(Exception):
    """A step did not come out as the script says."""


STEPS = []


def step(pattern):
    """Registers a method as the step that reads lines of this form."""
    def register(function):
        STEPS.append((re.compile(pattern + r'$'), function))
        return function
    return register


def number(text):
    """'16777215', '64k', '20M'."""
    factor = {'k': 1 << 10, 'M': 1 << 20, 'G': 1 << 30}.get(text[-1], 1)
    return int(text.rstrip('kMG')) * factor


def parse_rows(text):
    """`1|one ; 2|NULL` -> [('1', 'one'), ('2', None)]; nothing -> []."""
    if not text.strip():
        return []
    rows = []
    for row in text.split(';'):
        rows.append(tuple(None if cell.strip() == 'NULL' else cell.strip() for cell in row.split('|')))
    return rows


def parse_action(text):
    """What stands behind `with`."""
    found = re.match(r'ok(?: affected (\d+))?(?: insert_id (\d+))?$', text)
    if found:
        return Action('ok', affected=int(found.group(1) or 0), insert_id=int(found.group(2) or 0))
    found = re.match(r'error (\d+) (\w{5}) (.*)$', text)
    if found:
        return Action('error', code=int(found.group(1)), sqlstate=found.group(2), message=found.group(3))
    found = re.match(r'rows ([\w, ]+):(.*)$', text)
    if found:
        columns = [name.strip() for name in found.group(1).split(',')]
        return Action('rows', columns=columns, rows=parse_rows(found.group(2)))
    found = re.match(r'(\d+) rows of (\w+) bytes(, then vanishes)?$', text)
    if found:
        return Action('big', count=int(found.group(1)), size=number(found.group(2)), is_cut=bool(found.group(3)))
    found = re.match(r'a question for file (\S+?)(?:, then (vanishes|is slow|error .*))?$', text)
    if found:
        return Action('file', name=found.group(1), then=found.group(2) or '')
    found = re.match(r'a frame that is (.*)$', text)
    if found:
        return Action('frame', how=found.group(1))
    if text in ('nothing', 'garbage'):
        return Action(text)
    if text == 'a closed connection':
        return Action('vanish')
    raise Failed('no answer: %r' % text)


def parse_bytes(text):
    """`03 "SELECT 1" 00` -> bytes."""
    out = b''
    for hexes, quoted in re.findall(r'((?:[0-9a-fA-F]{2}\s*)+)|"([^"]*)"', text):
        out += bytes.fromhex(hexes) if hexes else quoted.encode()
    return out


class ScriptClient:
    """A client of the script: its connection, and the answers that it still has to get."""

    def __init__(self, name):
        self.name = name
        self.wire = None
        self.failure = None          # a log-in that failed and that nobody has looked at
        self.pending = []            # (decode, first sequence) of answers not read yet
        self.more = []               # results of several statements not looked at yet
        self.statements = {}
        self.last = None


class Scenario:
    def __init__(self, path, directory, program):
        self.path, self.directory, self.program = path, directory, program
        self.shared = Shared()
        self.fakes, self.shards, self.clients = {}, {}, {}
        self.proxy = Proxy(directory, program)
        self.is_direct = False
        self.is_started = False
        self.line_number, self.line = 0, ''
        self.deadline_seconds = STEP_SECONDS
        self.actor = None            # the client that `gives` speaks of
        self.marks = {}

    # ---- running

    def run(self):
        """None, or what went wrong."""
        try:
            self.run_lines()
            self.check_nothing_forgotten()
        except (Failed, wire.ServerError, wire.ConnectionLost, wire.ProtocolError, OSError) as why:
            text = str(why) or type(why).__name__
            return '%s:%d: %s\n    %s' % (os.path.relpath(self.path), self.line_number, self.line.strip(), text)
        finally:
            ended = self.end()
        return ended and '%s: %s' % (os.path.relpath(self.path), ended)

    def run_lines(self):
        with open(self.path) as file:
            for self.line_number, self.line in enumerate(file, 1):
                text = self.line.split(' #')[0].strip()
                if text and not text.startswith('#'):
                    for repeated in self.expand(text):
                        self.run_step(repeated)

    @staticmethod
    def expand(text):
        """`for 1..3: c$ connects` is three steps."""
        found = re.match(r'for (\d+)\.\.(\d+): (.*)$', text)
        if not found:
            return [text]
        return [found.group(3).replace('$', str(i)) for i in range(int(found.group(1)), int(found.group(2)) + 1)]

    def run_step(self, text):
        found = re.search(r' within ([\d.]+) ?s$', text)
        self.deadline_seconds = float(found.group(1)) if found else STEP_SECONDS
        if found:
            text = text[:found.start()]
        for pattern, function in STEPS:
            match = pattern.match(text)
            if match:
                function(self, *match.groups())
                return
        raise Failed('no step is written like that')

    def end(self):
        for client in self.clients.values():
            if client.wire is not None:
                client.wire.close_socket()
        ended = self.proxy.end()
        for fake in self.fakes.values():
            fake.stop()
        return ended

    def check_nothing_forgotten(self):
        for client in self.clients.values():
            self.check_failure(client)
        if self.is_started and not self.proxy.is_running():
            raise Failed('waybill is gone (%s)' % self.proxy.process.poll())

    @staticmethod
    def check_failure(client):
        if client.failure is not None:
            raise Failed('%s could not log in: %s' % (client.name, client.failure))

    def wait_until(self, is_true, what):
        deadline = time.monotonic() + self.deadline_seconds
        while not is_true():
            if time.monotonic() > deadline:
                raise Failed('%s, not within %g s' % (what(), self.deadline_seconds))
            time.sleep(0.01)

    # ---- the stage

    @step(r'direct')
    def be_direct(self):
        self.is_direct = True

    @step(r'waybill with (\w+) = (.*)')
    def set_setting(self, key, value):
        self.proxy.settings[key] = value

    @step(r'waybill has a certificate')
    def give_certificate(self):
        self.proxy.give_certificate()

    @step(r'waybill listens on a local socket')
    def listen_locally(self):
        self.proxy.settings['listen'] = os.path.join(self.directory, 'sock')

    @step(r'user (\w+) with (\w+) = ?(.*)')
    def set_user(self, name, key, value):
        self.proxy.users.setdefault(name, {'server_user': 'app', 'server_password': 'app_pw',
                                           'default_schema': 'shop'})[key] = value

    @step(r'server (\w+)(?: is a replica of (\w+))?(?: with max_connections (\d+))?')
    def add_server(self, name, source, max_connections):
        fake = Fake(name, len(self.fakes) + 1, self.shared)
        fake.max_connections = int(max_connections or 0)
        if source:
            fake.source, fake.is_read_only = self.fakes[source], True
        self.fakes[name] = fake

    @step(r'shard (\w+) has ([\w, ]+)')
    def add_shard(self, name, servers):
        self.shards[name] = [server.strip() for server in servers.split(',')]

    @step(r'waybill starts')
    def start(self):
        self.shards = self.shards or {'s1': list(self.fakes)}
        self.proxy.start(self.fakes.values(), self.shards)
        self.is_started = True
        if not self.proxy.wait_listening(time.monotonic() + 10):
            raise Failed('waybill does not listen')
        # Ready: every server that can be reached was probed a few times.
        reachable = [fake for fake in self.fakes.values()
                     if fake.listener is not None and fake.greeting[0] == 'normally']
        already = {fake.name: fake.probes for fake in reachable}
        self.wait_until(lambda: all(fake.probes >= already[fake.name] + 4 for fake in reachable),
                        lambda: 'the monitor has probed %s' % {f.name: f.probes for f in reachable})

    @step(r'wait ([\d.]+) ?s')
    def wait(self, seconds):
        time.sleep(float(seconds))

    # ---- waybill

    @step(r'waybill lives')
    def check_lives(self):
        if not self.proxy.is_running():
            raise Failed('it ended with %s' % self.proxy.process.poll())

    @step(r'waybill notes its memory')
    def note_memory(self):
        self.proxy.memory_kib = self.proxy.rss_kib()

    @step(r'waybill has grown by less than (\d+) MiB')
    def check_memory(self, limit):
        grown = self.proxy.rss_kib() - self.proxy.memory_kib
        if grown >= int(limit) * 1024:
            raise Failed('it has grown by %d KiB' % grown)

    @step(r'waybill logged /(.*)/')
    def check_log(self, pattern):
        self.wait_until(lambda: re.search(pattern, self.proxy.log()), lambda: 'nothing like that in its log')

    @step(r'waybill gets SIG(\w+)')
    def send_signal(self, name):
        self.proxy.signal(getattr(signal, 'SIG' + name))

    @step(r'waybill ends')
    def check_end(self):
        self.wait_until(lambda: not self.proxy.is_running(), lambda: 'it runs')
        self.is_started = False
        if self.proxy.process.poll() != 0:
            raise Failed('it ended with %d' % self.proxy.process.poll())

    # ---- servers

    def some(self, name):
        return list(self.fakes.values()) if name == 'servers' else [self.fake(name)]

    def fake(self, name):
        if name not in self.fakes:
            raise Failed('no server %s' % name)
        return self.fakes[name]

    @step(r'(\w+) answers? /(.*)/(?: (once|\d+ times))?(?: after ([\d.]+) ?s)? with (.*)')
    def add_rule(self, name, pattern, times, seconds, action):
        left = None if times is None else 1 if times == 'once' else int(times.split()[0])
        rule = Rule(pattern, parse_action(action), left, float(seconds or 0))
        if name == 'servers':
            self.shared.rules.insert(0, rule)
        else:
            self.fake(name).rules.insert(0, rule)

    @step(r'(\w+) forgets? its answers')
    def forget_rules(self, name):
        for fake in self.some(name):
            fake.rules.clear()
        if name == 'servers':
            self.shared.rules.clear()

    @step(r'(\w+) saw /(.*)/ before /(.*)/')
    def check_order(self, name, first, second):
        with self.fake(name).lock:
            seen = [sql for sql, _ in self.fake(name).seen]
        places = [[i for i, sql in enumerate(seen) if re.search(p, sql, re.I)] for p in (first, second)]
        if not places[0] or not places[1] or places[0][0] > places[1][0]:
            raise Failed('seen: %s' % [sql[:60] for sql in seen])

    @step(r'(\w+) saw (no|exactly \d+|at most \d+)? ?/(.*)/')
    def check_seen(self, name, how, pattern):
        fakes = self.some(name)

        def count():
            return sum(fake.count_seen(pattern) for fake in fakes)
        if how is None:
            self.wait_until(lambda: count() > 0, lambda: 'seen: %s' % self.seen_text(fakes))
            return
        wanted = 0 if how == 'no' else int(how.split()[-1])
        if how.startswith('exactly'):
            self.wait_until(lambda: count() >= wanted, lambda: 'seen %d times' % count())
        if count() > wanted or (how.startswith('exactly') and count() != wanted):
            raise Failed('seen %d times: %s' % (count(), self.seen_text(fakes)))

    @staticmethod
    def seen_text(fakes):
        return '; '.join('%s: %s' % (fake.name, [sql[:100] for sql, _ in fake.seen[-8:]]) for fake in fakes)

    @step(r'(\w+) forgets? what (?:it|they) saw')
    def forget_seen(self, name):
        for fake in self.some(name):
            with fake.lock:
                fake.seen.clear()

    @step(r'(\w+) refuses? connections')
    def refuse(self, name):
        for fake in self.some(name):
            fake.refuse()

    @step(r'(\w+) (?:accepts? connections|comes? back)')
    def accept(self, name):
        for fake in self.some(name):
            fake.come_back()

    @step(r'(\w+) dies?')
    def die(self, name):
        for fake in self.some(name):
            fake.die()

    @step(r'(\w+) drops? (?:its|their) connections')
    def drop(self, name):
        for fake in self.some(name):
            fake.drop_connections(is_monitor_too=False)

    @step(r'(\w+) greets? (normally|never|with garbage|with an error|after ([\d.]+) ?s)')
    def set_greeting(self, name, how, seconds):
        mode = {'with garbage': 'garbage', 'with an error': 'error'}.get(how, how)
        for fake in self.some(name):
            fake.greeting = ('slow', float(seconds)) if seconds else (mode, 0)

    @step(r'(\w+) takes? ([\d.]+) ?s to log in')
    def set_login_seconds(self, name, seconds):
        for fake in self.some(name):
            fake.login_seconds = float(seconds)

    @step(r'(\w+) asks? for (mysql_native_password|caching_sha2_password)')
    def set_plugin(self, name, plugin):
        for fake in self.some(name):
            fake.plugin = plugin

    @step(r'(\w+) offers? (tls|zlib|zstd)')
    def offer(self, name, what):
        for fake in self.some(name):
            fake.offered |= {'tls': wire.SSL, 'zlib': wire.COMPRESS, 'zstd': wire.ZSTD}[what]
            if what == 'tls':
                fake.tls = self.proxy.listening_tls()

    @step(r'(\w+) answers? tls (?:with )?(normally|garbage|half a hello|nothing|a closed connection|an OK in clear)')
    def set_tls_answer(self, name, how):
        for fake in self.some(name):
            fake.tls_answer = how

    @step(r'(\w+) lags? ([\d.]+) ?s')
    def set_lag(self, name, seconds):
        self.fake(name).lag_seconds = float(seconds)

    @step(r'(\w+) becomes (read-only|writable)')
    def set_read_only(self, name, how):
        self.fake(name).is_read_only = how == 'read-only'

    @step(r'(\w+) (?:was|were) probed (\d+) times more')
    def wait_probes(self, name, count):
        fakes = self.some(name)
        before = {fake.name: fake.probes for fake in fakes}
        self.wait_until(lambda: all(fake.probes >= before[fake.name] + int(count) for fake in fakes),
                        lambda: 'probed %s' % {f.name: f.probes - before[f.name] for f in fakes})

    @step(r'(\w+) has (exactly|at most|at least) (\d+) connections?')
    def check_connections(self, name, how, count):
        fakes, wanted = self.some(name), int(count)

        def found():
            return sum(fake.count_connections() for fake in fakes)
        if how == 'at most':
            if found() > wanted:
                raise Failed('%d connections' % found())
            return
        is_true = {'exactly': lambda: found() == wanted, 'at least': lambda: found() >= wanted}[how]
        self.wait_until(is_true, lambda: '%d connections' % found())

    @step(r'(\w+) has no open transaction')
    def check_no_transaction(self, name):
        fake = self.fake(name)

        def count():
            with fake.lock:
                return sum(1 for c in fake.connections if c.in_transaction)
        self.wait_until(lambda: count() == 0, lambda: '%d open transactions' % count())

    # ---- clients: log-in

    def client(self, name):
        if name in self.fakes or name in ('waybill', 'servers'):
            raise Failed('%s is no client' % name)
        self.actor = self.clients.setdefault(name, ScriptClient(name))
        return self.actor

    def ready(self, name):
        client = self.client(name)
        self.check_failure(client)
        if client.wire is None:
            raise Failed('%s has no connection' % name)
        client.wire.set_timeout(self.deadline_seconds)
        return client

    def place(self):
        """Where waybill's clients connect."""
        if 'listen' in self.proxy.settings and self.proxy.settings['listen'].startswith('/'):
            return {'unix_socket': self.proxy.settings['listen']}
        return {'port': self.port()}

    def port(self):
        return next(iter(self.fakes.values())).port if self.is_direct else self.proxy.port

    @step(r'(\w+) opens a connection')
    def open(self, name):
        client = self.client(name)
        client.wire = wire.Client(**self.place(), connect=False, timeout=self.deadline_seconds)

    @step(r'(\w+) reads the greeting')
    def read_greeting(self, name):
        self.ready(name).wire.read_greeting()

    @step(r'(\w+) asks for tls')
    def ask_for_tls(self, name):
        client = self.ready(name).wire
        client.send_packet(client.ssl_request())

    @step(r'(\w+) connects( to the admin port)?(?: as (\w+))?(?: with password (\S+)| without password)?'
          r'(?: using (native|sha2))?(?: to (\w+))?( with old eof)?( with multi statements)?( with local files)?( with tls)?( with zlib| with zstd)?')
    def connect(self, name, is_admin, user, password, plugin, schema, is_old_eof, is_multi, is_local, is_tls, packed):
        client = self.client(name)
        user = user or ('admin' if is_admin else 'app')
        if password is None:
            password = '' if 'without password' in self.line else user + '_pw'
        capabilities = wire.CLIENT_DEFAULT
        if is_old_eof:
            capabilities &= ~wire.DEPRECATE_EOF
        if is_local:
            capabilities |= wire.LOCAL_FILES
        if is_multi:
            capabilities |= wire.MULTI_STATEMENTS
        plugin = {'native': wire.NATIVE, 'sha2': wire.SHA2, None: None}[plugin]
        place = {'port': self.proxy.admin_port} if is_admin else self.place()
        try:
            client.wire = wire.Client(**place, user=user, password=password, database=schema, plugin=plugin,
                                      capabilities=capabilities, timeout=self.deadline_seconds,
                                      tls=self.proxy.trust() if is_tls else None, compress=packed and packed[6:])
        except (wire.ServerError, wire.ConnectionLost) as why:
            client.failure = why

    # ---- clients: commands

    def send(self, client, payload, decode):
        client.pending.append((decode, (len(payload) // wire.PAYLOAD_MAX + 1) & 0xff))
        try:
            client.wire.send_packet(payload, sequence=0)
        except ConnectionError:
            pass          # the answer may be there all the same; `gives` will tell

    @step(r'(\w+) asks of (\w+) bytes')
    def ask_large(self, name, size):
        filler = number(size) - len("\x03SELECT ''")
        self.send(self.ready(name), b"\x03SELECT '" + b'x' * filler + b"'", 'text')

    @step(r'(\w+) asks (.*)')
    def ask(self, name, sql):
        self.send(self.ready(name), b'\x03' + sql.encode(), 'text')

    @step(r'(\w+) (pings|resets|uses (\w+))')
    def simple(self, name, verb, schema):
        payload = {'pings': b'\x0e', 'resets': b'\x1f'}.get(verb) or b'\x02' + schema.encode()
        self.send(self.ready(name), payload, 'simple')

    @step(r'(\w+) sends command (.*)')
    def send_command(self, name, text):
        self.send(self.ready(name), parse_bytes(text), 'simple')

    @step(r'(?:(\w+) )?is asked for file (\S+)')
    def is_asked(self, name, file):
        client = self.ready(name) if name else self.actor
        client.wire.set_timeout(self.deadline_seconds)
        client.wire.sequence = client.pending[0][1]
        payload = client.wire.read_packet()
        if payload != b'\xfb' + file.encode():
            raise Failed('it gave %r' % payload[:100])
        client.pending[0] = (client.pending[0][0], None)

    @step(r'(\w+) sends file (.*)')
    def send_file(self, name, text):
        """A packet of its file; `of 20M bytes`: as many, in packets of 1 MiB, as far as they are taken."""
        client = self.ready(name)
        large = re.match(r'of (\w+) bytes$', text)
        for _ in range(number(large.group(1)) >> 20 if large else 0):
            client.wire.send_packet((b'x' * 1023 + b'\n') * 1024)
        if not large:
            client.wire.send_packet(parse_bytes(text))

    @step(r'(\w+) ends its file')
    def end_file(self, name):
        client = self.ready(name)
        client.wire.send_packet(b'')
        client.pending[0] = (client.pending[0][0], client.wire.sequence)

    @step(r'(\w+) sends bytes (.*)')
    def send_bytes(self, name, text):
        client = self.ready(name)
        client.wire.send_raw(parse_bytes(text))
        client.pending = client.pending or [('text', None)]

    @step(r'(\w+) sends packet (\d+): (.*)')
    def send_numbered(self, name, sequence, text):
        client = self.ready(name)
        client.pending.append(('text', None))
        client.wire.send_packet(parse_bytes(text), sequence=int(sequence))

    @step(r'(\w+) prepares (\w+): (.*)')
    def prepare(self, name, statement, sql):
        client = self.ready(name)
        try:
            client.statements[statement] = client.wire.prepare(sql)
        except wire.ServerError as why:
            client.failure = why

    @step(r'(\w+) executes (\w+)(?: with (.*?))?( and a cursor)?')
    def execute(self, name, statement, values, cursor):
        client = self.ready(name)
        parsed = []
        for value in (values or '').split(','):
            value = value.strip()
            if value:
                parsed.append(None if value == 'NULL' else int(value) if re.match(r'-?\d+$', value)
                              else value.strip("'"))
        payload = client.wire.execute_payload(client.statements[statement], parsed, cursor=1 if cursor else 0)
        self.send(client, payload, 'binary')

    @step(r'(\w+) fetches (\d+) rows? of (\w+)')
    def fetch(self, name, count, statement):
        client = self.ready(name)
        prepared = client.statements[statement]
        self.send(client, bytes([wire.COM_STMT_FETCH]) + struct.pack('<II', prepared.id, int(count)), prepared.columns)

    @step(r'(\w+) closes statement (\w+)')
    def close_statement(self, name, statement):
        client = self.ready(name)
        client.wire.close_statement(client.statements[statement])

    @step(r'(\w+) reads (\w+) bytes')
    def read_bytes(self, name, count):
        self.ready(name).wire.read_raw(number(count))

    @step(r'(\w+) leaves')
    def leave(self, name):
        client = self.ready(name)
        client.wire.close()
        client.wire = None

    @step(r'(\w+) vanishes')
    def vanish(self, name):
        client = self.ready(name)
        client.wire.abort()
        client.wire, client.pending = None, []

    # ---- clients: answers

    def answer(self, name):
        """Reads the next answer: a Result, or a ServerError, or a ConnectionLost."""
        client = self.client(name) if name else self.actor
        if client is None:
            raise Failed('whose answer?')
        if client.failure is not None:
            failure, client.failure = client.failure, None
            return failure
        if client.more:  # of several statements in one text
            client.last = client.more.pop(0)
            return client.last
        if not client.pending:
            raise Failed('%s has not asked anything' % client.name)
        client.wire.set_timeout(self.deadline_seconds)
        decode, sequence = client.pending.pop(0)
        if sequence is not None:
            client.wire.sequence = sequence
        try:
            client.last = self.read_answer(client.wire, decode, sequence is not None)
            client.more = list(client.last.more)
        except (wire.ServerError, wire.ConnectionLost) as why:
            client.last = why
        except TimeoutError:
            raise Failed('no answer within %g s' % self.deadline_seconds) from None
        return client.last

    @staticmethod
    def read_answer(connection, decode, is_sequence_known):
        if not is_sequence_known:
            # Whatever number the answer to odd bytes begins with.
            connection._fill(4)
            connection.sequence = connection.read_ahead[3]
        if isinstance(decode, list):  # the columns of a cursor
            result = wire.Result()
            result.columns, result.is_result_set = decode, True
            connection.read_rows(result, wire.decode_binary_row)
            return result
        if decode == 'binary':
            return connection.read_results(wire.decode_binary_row, is_execute=True)
        return connection.read_results(wire.decode_text_row)

    def good(self, answer):
        if isinstance(answer, Exception):
            raise Failed('it gave %s: %s' % (type(answer).__name__, answer))
        return answer

    @step(r'(?:(\w+) )?gives rows ?(.*)')
    def gives_rows(self, name, text):
        result = self.good(self.answer(name))
        rows = [tuple(None if cell is None else str(cell) for cell in row) for row in result.rows]
        if not result.is_result_set or rows != parse_rows(text):
            raise Failed('it gave %s' % rows[:10])

    @step(r'(?:(\w+) )?gives a row of (.*)')
    def gives_one_of(self, name, text):
        result = self.good(self.answer(name))
        if len(result.rows) != 1 or result.rows[0][0] not in [word.strip() for word in text.split(' or ')]:
            raise Failed('it gave %s' % result.rows[:10])

    @step(r'(?:(\w+) )?gives (\d+) rows')
    def gives_count(self, name, count):
        result = self.good(self.answer(name))
        if len(result.rows) != int(count):
            raise Failed('it gave %d rows' % len(result.rows))

    @step(r'(?:(\w+) )?gives ok(?: affected (\d+))?(?: insert_id (\d+))?(?: warnings (\d+))?')
    def gives_ok(self, name, affected, insert_id, warnings):
        result = self.good(self.answer(name))
        if result.is_result_set:
            raise Failed('it gave rows: %s' % result.rows[:10])
        if warnings is not None and result.warnings != int(warnings):
            raise Failed('%d warnings' % result.warnings)
        if affected is not None and result.affected != int(affected):
            raise Failed('%d rows affected' % result.affected)
        if insert_id is not None and result.insert_id != int(insert_id):
            raise Failed('insert id %d' % result.insert_id)

    @step(r'(?:(\w+) )?gives error (\d+(?: or \d+)*)(?: (\w{5}))?(?: /(.*)/)?')
    def gives_error(self, name, codes, sqlstate, pattern):
        answer = self.answer(name)
        if not isinstance(answer, wire.ServerError):
            raise Failed('it gave %s' % (answer.rows[:5] if isinstance(answer, wire.Result) else repr(answer)))
        if str(answer.code) not in codes.split(' or ') or (sqlstate and answer.sqlstate != sqlstate) or \
                (pattern and not re.search(pattern, answer.message)):
            raise Failed('it gave %s' % answer)

    @step(r'(?:(\w+) )?gives an error')
    def gives_some_error(self, name):
        answer = self.answer(name)
        if not isinstance(answer, wire.ServerError):
            raise Failed('it gave %r' % answer)

    @step(r'(?:(\w+) )?gives a broken answer')
    def gives_broken(self, name):
        """An ERR in the middle of it, or the end of the connection; no answer that looks whole."""
        answer = self.answer(name)
        if isinstance(answer, wire.Result):
            raise Failed('it gave a whole answer of %d rows' % len(answer.rows))

    @step(r'(?:(\w+) )?gives a closed connection')
    def gives_closed(self, name):
        """At once, or behind an answer that nobody asked for (an ERR that says why)."""
        client = self.client(name) if name else self.actor
        if isinstance(client.failure, wire.ConnectionLost):
            client.failure = None
            return
        if client.wire is None or not client.wire.is_closed_by_peer(self.deadline_seconds):
            raise Failed('the connection stays open')
        client.pending = []

    @step(r'(?:(\w+) )?gives nothing for ([\d.]+) ?s')
    def gives_nothing(self, name, seconds):
        client = self.client(name) if name else self.actor
        client.wire.set_timeout(float(seconds))
        try:
            client.wire._fill(len(client.wire.read_ahead) + 1)
        except TimeoutError:
            return
        raise Failed('it gave %r' % bytes(client.wire.read_ahead[:60]))
