# SPDX-License-Identifier: Apache-2.0
"""h2.py - how a case of HTTP/2 is written: frames by hand, and what has to come back.

    case("data-on-stream-0", "DATA", "6.1", lambda c: c.send(frame(DATA, 0, 0, b"x")),
         connection_error("PROTOCOL_ERROR"))

A case opens a connection, greets the server (unless it is about that), sends its bytes, and hands
the Peer to a judge. What a server may answer to a stream error is also a connection error
(RFC 9113, 5.4.1), and a malformed request may get a 4xx first (8.1.1).
"""
import select
import struct
import time

from battery import ANSWER_S, Case, Fail

(DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE,
 CONTINUATION) = range(10)
ACK = END_STREAM = 1
END_HEADERS, PADDED, PRIORITIZED = 4, 8, 0x20
MAGIC = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
ERRORS = ["NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR",
          "SETTINGS_TIMEOUT", "STREAM_CLOSED", "FRAME_SIZE_ERROR", "REFUSED_STREAM", "CANCEL",
          "COMPRESSION_ERROR", "CONNECT_ERROR", "ENHANCE_YOUR_CALM", "INADEQUATE_SECURITY",
          "HTTP_1_1_REQUIRED"]
QUIET_S = 0.05  # between what is sent and a question whose answer shows that all went well


def frame(kind, flags, stream, payload=b"", length=None):
    size = len(payload) if length is None else length
    return size.to_bytes(3, "big") + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def setting(number, value):
    return struct.pack(">HI", number, value)


def integer(value, bits, first=0):
    """RFC 7541, 5.1."""
    most = (1 << bits) - 1
    if value < most:
        return bytes([first | value])
    out, value = [first | most], value - most
    while value >= 128:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def text(value):
    value = value.encode() if isinstance(value, str) else value
    return integer(len(value), 7) + value


def field(name, value, first=0):
    """A literal with a name of its own; first: 0 not indexed, 0x40 indexed, 0x10 never."""
    return bytes([first]) + text(name) + text(value)


def block(*fields, method="POST", path="/h2", scheme="http", authority="a", **drop):
    """The block of a request, all of it literals; None leaves a pseudo-header field out."""
    pseudo = [(":method", method), (":scheme", scheme), (":authority", authority), (":path", path)]
    return b"".join(field(n, v) for n, v in pseudo if v is not None) \
        + b"".join(field(n, v) for n, v in fields)


def headers(stream, payload=None, flags=END_STREAM | END_HEADERS):
    return frame(HEADERS, flags, stream, block() if payload is None else payload)


class Peer:
    """A connection as its client sees it."""

    def __init__(self, target, greet=True, settings=b""):
        self.sock = target.connect("h2")
        self.bytes, self.frames, self.ended = b"", [], False
        if greet:
            self.send(MAGIC + frame(SETTINGS, 0, 0, settings))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def send(self, *parts):
        """What the server no longer takes is lost: its answer is what counts."""
        try:
            self.sock.sendall(b"".join(parts))
        except OSError:
            pass

    def pump(self, seconds):
        """Takes what comes within the time; False at the end of the connection."""
        if self.ended or not select.select([self.sock], [], [], max(seconds, 0))[0]:
            return not self.ended
        try:
            got = self.sock.recv(1 << 16)
        except OSError:
            got = b""
        self.ended = not got
        self.bytes += got
        while len(self.bytes) >= 9:
            size = int.from_bytes(self.bytes[:3], "big")
            if len(self.bytes) < 9 + size:
                break
            stream = int.from_bytes(self.bytes[5:9], "big") & 0x7FFFFFFF
            self.frames.append((self.bytes[3], self.bytes[4], stream, self.bytes[9:9 + size]))
            self.bytes = self.bytes[9 + size:]
        return not self.ended

    def wait(self, what, seconds=ANSWER_S):
        """Until `what()` is true; False when the connection or the time ended first."""
        end = time.monotonic() + seconds
        while not what():
            left = end - time.monotonic()
            if left <= 0 or not self.pump(left):
                return bool(what())
        return True

    def of(self, kind, stream=None):
        return [f for f in self.frames if f[0] == kind and stream in (None, f[2])]

    def goaway(self):
        """Name of the first error that a GOAWAY told, or None."""
        codes = [int.from_bytes(f[3][4:8], "big") for f in self.of(GOAWAY)]
        return next((ERRORS[c] if c < len(ERRORS) else str(c) for c in codes if c != 0), None)

    def reset(self, stream):
        found = self.of(RST_STREAM, stream)
        code = int.from_bytes(found[0][3][:4], "big") if found else None
        return None if code is None else ERRORS[code] if code < len(ERRORS) else str(code)

    def over(self, stream):
        """The stream has been answered, or reset."""
        return any(f[2] == stream and f[0] in (HEADERS, DATA) and f[1] & END_STREAM
                   for f in self.frames) or self.reset(stream) is not None

    def status(self, stream):
        """Of the first header block: indexed, or a literal with an indexed name."""
        found = self.of(HEADERS, stream)
        if not found:
            return None
        at = found[0][3]
        while at and at[0] & 0xE0 == 0x20:  # table size updates
            at = at[1:] if at[0] & 31 != 31 else at[2 + next(
                i for i, b in enumerate(at[1:]) if b < 128):]
        known = {8: 200, 9: 204, 10: 206, 11: 304, 12: 400, 13: 404, 14: 500}
        if at[0] & 0x80:
            return known.get(at[0] & 127)
        size, raw = at[1] & 127, at[2:]
        if not at[1] & 0x80:
            return int(raw[:size])
        bits, digits = "".join(f"{b:08b}" for b in raw[:size]), ""
        while len(digits) < 3:  # digits in Huffman's code: 0 1 2 in five bits, 3 to 9 in six
            width = 5 if int(bits[:5], 2) < 3 else 6
            value = int(bits[:width], 2)
            digits += str(value if width == 5 else value - 0x19 + 3)
            bits = bits[width:]
        return int(digits)

    def data(self, stream):
        return b"".join(f[3] for f in self.of(DATA, stream))

    def alive(self):
        """The connection still answers."""
        mark = struct.pack(">d", time.monotonic())
        self.send(frame(PING, 0, 0, mark))
        return self.wait(lambda: any(f[1] & ACK and f[3] == mark for f in self.of(PING)))

    def ask(self, stream, payload=None):
        """A request on `stream` gets its 200."""
        self.send(headers(stream, payload))
        self.wait(lambda: self.over(stream) or self.goaway())
        return self.status(stream) == 200


# ---- judges ----

def said(c):
    names = [f"{f[0]}:{f[2]}" for f in c.frames if f[0] != SETTINGS]
    return f"GOAWAY {c.goaway()}, ended {c.ended}, frames {names[:12]}"


def connection_error(*codes):
    """GOAWAY with one of the codes, and the connection's end. (Bare closing is a connection error,
    too: GOAWAY is a SHOULD. RFC 9113, 5.4.1)"""
    def judge(c):
        c.wait(lambda: c.ended, ANSWER_S)
        if c.goaway() is not None and c.goaway() not in codes:
            raise Fail(f"GOAWAY {c.goaway()}, not {'/'.join(codes)}")
        if c.goaway() is None and not c.ended:
            raise Fail(f"no connection error: {said(c)}")
    return judge


def stream_error(*codes, stream=1, answer=False):
    """RST_STREAM with one of the codes, or a connection error with it; with `answer`, a 4xx."""
    def judge(c):
        c.wait(lambda: c.over(stream) or c.goaway() or c.ended)
        got = c.reset(stream) or c.goaway()
        if c.status(stream) is not None:
            if not answer or not 400 <= c.status(stream) < 500:
                raise Fail(f"answered {c.status(stream)}")
        elif got is None and not c.ended:
            raise Fail(f"no error: {said(c)}")
        elif got is not None and got not in codes:
            raise Fail(f"{got}, not {'/'.join(codes)}")
    return judge


def malformed(stream=1):
    return stream_error("PROTOCOL_ERROR", stream=stream, answer=True)


def answered(*streams, status=200):
    def judge(c):
        for i in streams:
            c.wait(lambda i=i: c.over(i) or c.goaway())
            if c.status(i) != status:
                raise Fail(f"stream {i}: status {c.status(i)}, {c.reset(i)}; {said(c)}")
    return judge


def unmoved(stream=1):
    """As if nothing had been sent: the connection answers a request."""
    def judge(c):
        if c.status(stream) is None and not c.ask(stream):
            raise Fail(f"the next request is not answered: {c.reset(stream)}; {said(c)}")
    return judge


CASES_OF = {}


def case(cases, ident, family, clause, act, judge, *, greet=True, settings=b"", rfc="RFC 9113"):
    """Adds a case: `act(peer)` sends, `judge(peer)` raises Fail."""
    def run(target):
        with Peer(target, greet, settings) as c:
            act(c)
            judge(c)
    cases.append(Case("h2-" + ident, "h2 " + family, f"{rfc}, {clause}", run, "h2"))


def sends(*parts):
    return lambda c: c.send(*parts)


def opened(*parts, stream=1):
    """A request whose body is to follow, and then the parts."""
    return lambda c: c.send(headers(stream, None, END_HEADERS), *parts)


def finished(*parts, stream=1):
    """A request that was answered, and then the parts."""
    def act(c):
        if not c.ask(stream):
            raise Fail(f"the request before it is not answered: {said(c)}")
        c.send(*parts)
    return act


def silence(c):
    """Time for a server to answer what it should not have answered."""
    c.wait(lambda: False, QUIET_S)


