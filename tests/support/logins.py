"""How clients prove passwords, in plain Python: every plugin that waybill has, step by step and written down.

    client = Prover(port=..., user='edward', password='x', plugin='client_ed25519')
    client.said        # what the other side said: ('switch', plugin), ('more', bytes), ('ok',), ('error', code, text)

What is here for the test's side of the server: ed25519_key and sha2_crypt give what servers keep of a password.
"""

import hashlib
import subprocess
import tempfile

import wire

ED25519, CLEAR = 'client_ed25519', 'mysql_clear_password'

# ---- Ed25519 (RFC 8032), with a password of any length as the secret

_P = 2**255 - 19
_ORDER = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, _P - 2, _P) % _P


def _add(a, b):
    left = (a[1] - a[0]) * (b[1] - b[0]) % _P
    right = (a[1] + a[0]) * (b[1] + b[0]) % _P
    c, d = 2 * a[3] * b[3] * _D % _P, 2 * a[2] * b[2] % _P
    e, f, g, h = right - left, d - c, d + c, right + left
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _times(scalar, point):
    result = (0, 1, 1, 0)
    while scalar > 0:
        if scalar & 1:
            result = _add(result, point)
        point = _add(point, point)
        scalar >>= 1
    return result


_BASE_Y = 4 * pow(5, _P - 2, _P) % _P
_BASE_X = 15112221349535400772501151409588531511454012693041857206046113283949847762202
_BASE = (_BASE_X, _BASE_Y, 1, _BASE_X * _BASE_Y % _P)


def _pack(point):
    inverse = pow(point[2], _P - 2, _P)
    x, y = point[0] * inverse % _P, point[1] * inverse % _P
    return (y | (x & 1) << 255).to_bytes(32, 'little')


def _secret(password):
    hashed = hashlib.sha512(password.encode()).digest()
    scalar = int.from_bytes(hashed[:32], 'little') & ((1 << 254) - 8) | 1 << 254
    return scalar, hashed[32:]


def ed25519_sign(password, message):
    scalar, prefix = _secret(password)
    public = _pack(_times(scalar, _BASE))
    r = int.from_bytes(hashlib.sha512(prefix + message).digest(), 'little') % _ORDER
    point = _pack(_times(r, _BASE))
    h = int.from_bytes(hashlib.sha512(point + public + message).digest(), 'little') % _ORDER
    return point + ((r + h * scalar) % _ORDER).to_bytes(32, 'little')


# ---- SHA-256 crypt ("Unix crypt using SHA-256 and SHA-512"), with MySQL's longer salt

_LETTERS = './0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
_ORDER_OF_BYTES = ((0, 10, 20), (21, 1, 11), (12, 22, 2), (3, 13, 23), (24, 4, 14), (15, 25, 5), (6, 16, 26), (27, 7, 17),
                   (18, 28, 8), (9, 19, 29))


def _stretch(digest, size):
    return (digest * (size // 32 + 1))[:size]


def _crypt_digest(password, salt, rounds):
    b = hashlib.sha256(password + salt + password).digest()
    a = hashlib.sha256(password + salt + _stretch(b, len(password)))
    size = len(password)
    while size > 0:
        a.update(b if size & 1 else password)
        size >>= 1
    a = a.digest()
    p = _stretch(hashlib.sha256(password * len(password)).digest(), len(password))
    s = _stretch(hashlib.sha256(salt * (16 + a[0])).digest(), len(salt))
    for i in range(rounds):
        c = hashlib.sha256(p if i & 1 else a)
        c.update((s if i % 3 else b'') + (p if i % 7 else b'') + (a if i & 1 else p))
        a = c.digest()
    return a


def sha2_crypt(password, salt=b'twenty bytes of salt'):
    """What MySQL keeps for caching_sha2_password: $A$005$..."""
    digest = _crypt_digest(password.encode(), salt, 5000)
    groups = [(digest[x] << 16 | digest[y] << 8 | digest[z], 4) for x, y, z in _ORDER_OF_BYTES]
    groups.append((digest[31] << 8 | digest[30], 3))
    text = ''.join(_LETTERS[value >> 6 * i & 63] for value, count in groups for i in range(count))
    return '$A$005$' + salt.decode() + text


# ---- a client

def seal(pem, password, nonce):
    """The password for caching_sha2_password without TLS: RSA-OAEP of it, XOR the nonce."""
    plain = password.encode() + b'\0'
    mixed = bytes(byte ^ nonce[i % len(nonce)] for i, byte in enumerate(plain))
    with tempfile.NamedTemporaryFile() as key:
        key.write(pem)
        key.flush()
        return subprocess.run(['openssl', 'pkeyutl', '-encrypt', '-pubin', '-inkey', key.name, '-pkeyopt', 'rsa_padding_mode:oaep'],
                              input=mixed, capture_output=True, check=True).stdout


class Prover(wire.Client):
    """A client that has every plugin; it answers the greeting with `plugin`, whatever was announced."""

    def __init__(self, **settings):
        self.said = []
        super().__init__(**settings)

    def answer(self, plugin):
        if plugin == ED25519:
            return ed25519_sign(self.password, self.nonce)
        if plugin == CLEAR:
            return self.password.encode() + b'\0'
        return wire.auth_answer(plugin, self.password, self.nonce)

    def login_payload(self):
        wish, self.plugin_wish = self.plugin_wish, None
        if wish is None or wish in (wire.NATIVE, wire.SHA2):
            self.plugin_wish = wish
            return super().login_payload()
        # Such a client has nothing to say to the greeting's nonce, but for a password in clear.
        payload = super().login_payload()
        proof = wire.lenenc_bytes(wire.auth_answer(self.plugin, self.password, self.nonce))
        own = wire.lenenc_bytes(self.answer(wish) if wish == CLEAR else b'')
        return payload.replace(proof, own, 1).replace(self.plugin.encode() + b'\0', wish.encode() + b'\0', 1)

    def change_user(self, user, password, database=None, plugin=wire.NATIVE):
        self.user, self.password, self.said = user, password, []
        proof = self.answer(plugin) if plugin != ED25519 else b''
        out = bytes([wire.COM_CHANGE_USER]) + user.encode() + b'\0' + bytes([len(proof)]) + proof
        out += (database or '').encode() + b'\0' + b'\x2d\0' + plugin.encode() + b'\0'
        self.send_packet(out, sequence=0)
        self.finish_login()

    def finish_login(self):
        while True:
            payload = self.read_packet()
            if payload[0] == 0xff:
                error = wire.read_error(payload)
                self.said.append(('error', error.code, error.message))
                raise error
            if payload[0] == 0:
                self.said.append(('ok',))
                return
            if payload[0] == 0xfe:
                reader = wire.Reader(payload[1:])
                self.plugin = reader.nul_string().decode()
                self.nonce = reader.take(32 if self.plugin == ED25519 else min(20, reader.left()))
                self.said.append(('switch', self.plugin))
                self.send_packet(self.answer(self.plugin))
            elif payload[:2] == b'\x01\x04':
                self.said.append(('more', 4))
                self.send_packet(b'\x02')
            elif payload[:2] == b'\x01\x03':
                self.said.append(('more', 3))
            elif payload[:1] == b'\x01':
                self.said.append(('key',))
                self.send_packet(seal(payload[1:], self.password, self.nonce))
            else:
                raise wire.ProtocolError('unknown log-in packet %r' % payload[:20])
