"""One waybill of a scenario: its configuration, its process, its memory, its log."""

import os
import random
import re
import signal
import socket
import ssl
import subprocess
import threading
import time

SUPPORT = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'support')

TABLES = '''
[table shop.orders]
type = sharded
method = bucket
key = buyer_id
id = order_id

[table shop.order_items]
with = shop.orders
id = order_id

[table shop.users]
type = sharded
method = bucket
key = buyer_id

[table shop.products]
type = reference

[table shop.inventory]
type = unsharded
shard = %s
'''

TROUBLE = re.compile(r'AddressSanitizer|LeakSanitizer|ThreadSanitizer|runtime error:|Assertion .* failed')

_taken_ports = set()
_port_lock = threading.Lock()


def free_port():
    """A port of loopback that nobody listens on, below those that the kernel gives to clients."""
    with _port_lock:
        while True:
            port = random.randrange(20000, 30000)
            if port in _taken_ports:
                continue
            with socket.socket() as probe:
                try:
                    probe.bind(('127.0.0.1', port))
                except OSError:
                    continue
            _taken_ports.add(port)
            return port


class Proxy:
    def __init__(self, directory, program):
        self.directory, self.program = directory, program
        self.port, self.admin_port = free_port(), free_port()
        self.settings = {
            'listen': '127.0.0.1:%d' % self.port, 'admin_listen': '127.0.0.1:%d' % self.admin_port,
            'admin_user': 'admin', 'admin_password': 'admin_pw',
            'monitor_user': 'waybill', 'monitor_password': 'waybill_pw',
            'replication_user': 'repl', 'replication_password': 'repl_pw',
            # One worker: pools belong to workers, so a scenario knows who shares which connections.
            'workers': '1', 'probe_ms': '50', 'failover': 'off', 'log': 'stderr', 'log_level': 'debug',
        }
        self.users = {'app': {'password': 'app_pw', 'server_user': 'app', 'server_password': 'app_pw',
                              'default_schema': 'shop'}}
        self.process = None
        self.memory_kib = 0
        self.log_path = os.path.join(directory, 'waybill.log')

    def write_config(self, fakes, shards):
        out = ['[waybill]'] + ['%s = %s' % item for item in self.settings.items()] + ['']
        for fake in fakes:
            out += ['[server %s]' % fake.name, 'address = 127.0.0.1:%d' % fake.port, 'weight = %d' % fake.weight]
            if fake.max_connections:
                out.append('max_connections = %d' % fake.max_connections)
            out.append('')
        for i, (name, servers) in enumerate(shards.items()):
            first, last = i * 4096 // len(shards), (i + 1) * 4096 // len(shards) - 1
            out += ['[shard %s]' % name, 'servers = ' + ', '.join(servers), 'buckets = %d-%d' % (first, last), '']
        for name, keys in self.users.items():
            out += ['[user %s]' % name] + ['%s = %s' % item for item in keys.items()] + ['']
        path = os.path.join(self.directory, 'waybill.ini')
        with open(path, 'w') as file:
            file.write('\n'.join(out) + TABLES % next(iter(shards)))
        return path

    def make_certificates(self):
        if not os.path.exists(os.path.join(self.directory, 'ca.pem')):
            subprocess.run([os.path.join(SUPPORT, 'certificates'), self.directory], check=True)

    def listening_tls(self):
        """What a fake server shows; waybill, which runs in this directory, finds who has signed it in ca.pem."""
        self.make_certificates()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(os.path.join(self.directory, 'server.pem'), os.path.join(self.directory, 'server.key'))
        return context

    def give_certificate(self):
        self.make_certificates()
        self.settings['tls_cert'] = os.path.join(self.directory, 'server.pem')
        self.settings['tls_key'] = os.path.join(self.directory, 'server.key')

    def trust(self):
        return ssl.create_default_context(cafile=os.path.join(self.directory, 'ca.pem'))

    def start(self, fakes, shards):
        path = self.write_config(fakes, shards)
        # A sanitizer keeps freed memory for a while: not so much that it would look like waybill's own.
        environment = {'ASAN_OPTIONS': 'quarantine_size_mb=2', **os.environ}
        with open(self.log_path, 'ab') as log:
            self.process = subprocess.Popen([self.program, path], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            cwd=self.directory, env=environment)

    def is_listening(self):
        try:
            if self.settings['listen'].startswith('/'):
                with socket.socket(socket.AF_UNIX) as probe:
                    probe.connect(self.settings['listen'])
            else:
                socket.create_connection(('127.0.0.1', self.port), timeout=0.5).close()
            return True
        except OSError:
            return False

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def signal(self, number):
        self.process.send_signal(number)

    def rss_kib(self):
        with open('/proc/%d/status' % self.process.pid) as status:
            return int(re.search(r'VmRSS:\s+(\d+)', status.read()).group(1))

    def log(self):
        try:
            with open(self.log_path, errors='replace') as file:
                return file.read()
        except OSError:
            return ''

    def end(self, within=15):
        """Ends it; what went wrong with that, or None."""
        if self.process is None:
            return None
        code = self.process.poll()
        if code is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                code = self.process.wait(within)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                return 'waybill did not end within %d s of SIGTERM' % within
        found = TROUBLE.search(self.log())
        if found:
            return 'waybill said: ' + found.group(0)
        return None if code == 0 else 'waybill ended with %d' % code

    def wait_listening(self, deadline):
        while time.monotonic() < deadline:
            if not self.is_running():
                return False
            if self.is_listening():
                return True
            time.sleep(0.02)
        return False
