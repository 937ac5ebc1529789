# SPDX-License-Identifier: Apache-2.0
"""h2.py - frames of HTTP/2 by hand, for tests that must say what goes over the wire."""
import struct

DATA, HEADERS, RST_STREAM, SETTINGS, GOAWAY = 0, 1, 3, 4, 7
END_STREAM, END_HEADERS = 1, 4
CANCEL = b"\0\0\0\x08"


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) \
        + struct.pack(">I", stream) + payload


PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(SETTINGS, 0, 0)


def read_frame(connection):
    head = connection.take(9)
    size = int.from_bytes(head[:3], "big")
    return head[3], head[4], int.from_bytes(head[5:], "big"), connection.take(size)


def field(name, value):
    """A header field, not indexed."""
    return bytes([0, len(name)]) + name.encode() + bytes([len(value)]) + value.encode()


def post(path):
    """The block of POST to `path` of authority a."""
    return bytes([0x83, 0x86, 0x04, len(path)]) + path.encode() + bytes([0x01, 1]) + b"a"
