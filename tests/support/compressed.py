"""A socket whose bytes go in MySQL's compressed packets, for wire.Client and wire.ServerSide: zlib of Python, zstd of the system's library.

Numbers of packets are looked at as strictly as by MySQL's own clients: a command's first is 0, and each one that
follows, in either direction, is one more.
"""

import ctypes
import ctypes.util
import struct
import zlib

FRAME_MAX = 16384


class BadFrame(Exception):
    pass


class Zlib:
    @staticmethod
    def pack(plain, level):
        return zlib.compress(plain, level or 6)

    @staticmethod
    def unpack(packed, size):
        return zlib.decompress(packed, bufsize=size)


class Zstd:
    library = None

    @classmethod
    def load(cls):
        if cls.library is None:
            cls.library = ctypes.CDLL(ctypes.util.find_library('zstd') or 'libzstd.so.1')
            for name in ('ZSTD_compress', 'ZSTD_decompress', 'ZSTD_compressBound'):
                getattr(cls.library, name).restype = ctypes.c_size_t
        return cls.library

    @classmethod
    def pack(cls, plain, level):
        library = cls.load()
        room = ctypes.create_string_buffer(library.ZSTD_compressBound(ctypes.c_size_t(len(plain))))
        size = library.ZSTD_compress(room, ctypes.c_size_t(len(room)), plain, ctypes.c_size_t(len(plain)), level or 3)
        return room.raw[:size]

    @classmethod
    def unpack(cls, packed, size):
        library = cls.load()
        room = ctypes.create_string_buffer(max(size, 1))
        got = library.ZSTD_decompress(room, ctypes.c_size_t(size), packed, ctypes.c_size_t(len(packed)))
        if got != size:
            raise BadFrame('zstd: %d bytes, not %d' % (got, size))
        return room.raw[:size]


ALGORITHMS = {'zlib': Zlib, 'zstd': Zstd}


class Compressed:
    """Has of a socket what wire.Wire uses."""

    def __init__(self, sock, kind, level=0, is_listening=False):
        self.sock, self.algorithm, self.level = sock, ALGORITHMS[kind], level
        self.is_listening = is_listening
        self.number = 0             # of the next frame, sent or received
        self.wire, self.plain = bytearray(), bytearray()
        self.wire_bytes = 0         # received, as they are on the wire
        self.is_strict = True

    def frame(self, plain):
        packed = self.algorithm.pack(plain, self.level) if len(plain) >= 50 else plain
        is_packed = len(packed) < len(plain)
        body = packed if is_packed else plain
        header = struct.pack('<I', len(body))[:3] + bytes([self.number & 0xff])
        self.number = (self.number + 1) & 0xff
        return header + struct.pack('<I', len(plain) if is_packed else 0)[:3] + body

    def sendall(self, data):
        if not self.is_listening and data[3:4] == b'\0':
            self.number = 0
        for at in range(0, len(data), FRAME_MAX):
            self.sock.sendall(self.frame(data[at:at + FRAME_MAX]))

    def take(self, count):
        while len(self.wire) < count:
            more = self.sock.recv(1 << 16)
            if not more:
                if self.wire:
                    raise BadFrame('the connection ends in a frame')
                return None
            self.wire_bytes += len(more)
            self.wire += more
        found = bytes(self.wire[:count])
        del self.wire[:count]
        return found

    def recv(self, count):
        while not self.plain:
            header = self.take(7)
            if header is None:
                return b''
            is_due = header[3] == self.number or (self.is_listening and header[3] == 0)
            if self.is_strict and not is_due:
                raise BadFrame('frame %d where %d was due' % (header[3], self.number))
            self.number = (header[3] + 1) & 0xff
            size, before = (int.from_bytes(part, 'little') for part in (header[:3], header[4:]))
            body = self.take(size)
            self.plain += self.algorithm.unpack(body, before) if before else body
        found = bytes(self.plain[:count])
        del self.plain[:count]
        return found

    def __getattr__(self, name):
        return getattr(self.sock, name)
