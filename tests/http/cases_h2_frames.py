# SPDX-License-Identifier: Apache-2.0
"""HTTP/2 by frames: the preface, their sizes, streams' states, flow control, and what each frame
may say (RFC 9113, 3 to 6)."""
import socket
import struct
import time
from functools import partial

from battery import ANSWER_S, Case, Fail
from h2 import (ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, MAGIC, PADDED,
                PING, PRIORITIZED, PRIORITY, PUSH_PROMISE, QUIET_S, RST_STREAM, SETTINGS,
                WINDOW_UPDATE, Peer, answered, block, case, connection_error, finished, frame, headers, opened, said,
                sends, setting, stream_error, unmoved)

CASES = []
add = partial(case, CASES)
PROTOCOL = connection_error("PROTOCOL_ERROR")
SIZE = connection_error("FRAME_SIZE_ERROR")
FLOW = connection_error("FLOW_CONTROL_ERROR")
LEAF = struct.pack(">IB", 0, 15)  # priority: depends on 0
GREETING = MAGIC + frame(SETTINGS, 0, 0)


def increment(n, stream=0):
    return frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", n))


def data_frames(stream, body, most=16384):
    """A whole body."""
    parts = [body[i:i + most] for i in range(0, len(body), most)]
    return [frame(DATA, END_STREAM if p is parts[-1] else 0, stream, p) for p in parts]


# ---- the preface ----

add("preface", "preface", "3.4", lambda c: None, unmoved())
add("preface-in-pieces", "preface", "3.4",
    lambda c: [c.send(GREETING[i:i + 1]) for i in range(len(GREETING))], unmoved(), greet=False)
add("preface-wrong-end", "preface", "3.4",
    sends(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\rX", frame(SETTINGS, 0, 0)), PROTOCOL, greet=False)
for name, first in (("ping", frame(PING, 0, 0, b"8" * 8)), ("headers", headers(1)),
                    ("ack", frame(SETTINGS, ACK, 0)), ("window", increment(1)),
                    ("goaway", frame(GOAWAY, 0, 0, bytes(8))), ("unknown", frame(99, 0, 0))):
    add(f"preface-then-{name}", "preface", "3.4", sends(MAGIC, first, frame(SETTINGS, 0, 0)),
        PROTOCOL, greet=False)


def server_greets(c):
    if not c.wait(lambda: c.of(SETTINGS)) or c.frames[0][0] != SETTINGS or c.frames[0][1] & ACK:
        raise Fail("its first frame is not SETTINGS")


def acknowledged(c):
    if not c.wait(lambda: any(f[1] & ACK for f in c.of(SETTINGS))):
        raise Fail("SETTINGS are not acknowledged")


add("preface-of-the-server", "preface", "3.4", lambda c: None, server_greets)
add("settings-are-acknowledged", "SETTINGS", "6.5.3", lambda c: None, acknowledged)

# ---- frames ----

for kind, name in ((DATA, "data"), (HEADERS, "headers"), (SETTINGS, "settings"), (PING, "ping"),
                   (99, "unknown")):
    add(f"size-above-the-limit-{name}", "frame sizes", "4.2",
        opened(frame(kind, 0, 0 if kind in (SETTINGS, PING) else 1, bytes(16385))), SIZE)
add("size-at-the-limit", "frame sizes", "4.2", opened(frame(DATA, END_STREAM, 1, bytes(16384))),
    answered(1))
add("size-24-bits", "frame sizes", "4.2", sends(b"\xff\xff\xff\0\0\0\0\0\1"), SIZE)
add("unknown-frame", "unknown", "5.5", sends(frame(0xBE, 0xFF, 0, b"?")), unmoved())
add("unknown-frame-of-a-stream", "unknown", "5.5",
    opened(frame(0xBE, 0xFF, 1, b"?" * 100), frame(DATA, END_STREAM, 1, b"x")), answered(1))
add("unknown-frame-of-an-idle-stream", "unknown", "5.5", sends(frame(0xBE, 0, 77)), unmoved())
add("unknown-flags", "unknown", "4.1", sends(frame(PING, 0xFE, 0, b"8" * 8)), unmoved())
add("reserved-bit", "unknown", "4.1",
    sends(frame(HEADERS, 5, 0x80000001, block())), answered(1))
add("unknown-frame-within-a-block", "CONTINUATION", "5.5",
    sends(headers(1, block()[:9], END_STREAM), frame(0xBE, 0, 1)), PROTOCOL)

# ---- streams' states ----

for kind, name, payload in ((DATA, "data", b"x"), (RST_STREAM, "rst", bytes(4)),
                            (WINDOW_UPDATE, "window", b"\0\0\0\1"),
                            (CONTINUATION, "continuation", block())):
    add(f"idle-{name}", "stream states", "5.1", sends(frame(kind, 4, 5, payload)), PROTOCOL)
    add(f"even-{name}", "stream states", "5.1.1", sends(headers(1), frame(kind, 4, 2, payload)),
        PROTOCOL)
add("idle-data-after-priority", "stream states", "5.1",
    sends(frame(PRIORITY, 0, 5, LEAF), frame(DATA, 0, 5, b"x")), PROTOCOL)
add("idle-priority", "stream states", "5.1", sends(frame(PRIORITY, 0, 5, LEAF)), unmoved(5))
add("half-closed-data", "stream states", "5.1",
    sends(headers(1), frame(DATA, END_STREAM, 1, b"x")), lambda c: half_closed(c))
add("half-closed-headers", "stream states", "5.1", sends(headers(1), headers(1)),
    lambda c: half_closed(c))
add("closed-data", "stream states", "5.1", finished(frame(DATA, END_STREAM, 1, b"x")),
    lambda c: closed(c))
add("closed-headers", "stream states", "5.1", finished(headers(1)), lambda c: closed(c))
add("closed-continuation", "stream states", "5.1",
    finished(frame(CONTINUATION, END_HEADERS, 1, block())),
    connection_error("PROTOCOL_ERROR", "STREAM_CLOSED"))
add("closed-window", "stream states", "5.1", finished(increment(1, 1)), unmoved(3))
add("closed-priority", "stream states", "5.1", finished(frame(PRIORITY, 0, 1, LEAF)), unmoved(3))
add("closed-rst", "stream states", "5.1", finished(frame(RST_STREAM, 0, 1, bytes(4))), unmoved(3))
add("cancelled-data", "stream states", "5.1",
    opened(frame(RST_STREAM, 0, 1, b"\0\0\0\x08"), frame(DATA, 0, 1, b"x")), lambda c: closed(c))
add("cancelled-headers", "stream states", "5.1",
    opened(frame(RST_STREAM, 0, 1, b"\0\0\0\x08"), headers(1)), lambda c: closed(c))


def half_closed(c):
    """STREAM_CLOSED, or the answer where that had already left."""
    c.wait(lambda: c.reset(1) or c.goaway() or c.ended, 1)
    if (c.reset(1) or c.goaway()) != "STREAM_CLOSED" and not (c.status(1) == 200 or c.ended):
        raise Fail(f"no STREAM_CLOSED: {said(c)}")


def closed(c):
    c.wait(lambda: c.reset(1) or c.goaway() or c.ended, 1)
    if (c.reset(1) or c.goaway()) != "STREAM_CLOSED" and not c.ended:
        raise Fail(f"no STREAM_CLOSED: {said(c)}")


add("number-even", "stream numbers", "5.1.1", sends(headers(2)), PROTOCOL)
add("number-0", "stream numbers", "6.2", sends(headers(0)), PROTOCOL)
add("number-smaller", "stream numbers", "5.1.1", sends(headers(5), headers(3)),
    connection_error("PROTOCOL_ERROR", "STREAM_CLOSED"))
add("number-skips", "stream numbers", "5.1.1", sends(headers(1), headers(1001)),
    answered(1, 1001))
add("number-last", "stream numbers", "5.1.1", sends(headers(0x7FFFFFFF)), answered(0x7FFFFFFF))


def many_streams(c):
    """All within the limit are answered, those beyond it refused: none hangs."""
    c.send(*(headers(2 * i + 1, None, END_HEADERS) for i in range(150)))
    c.send(*(frame(DATA, END_STREAM, 2 * i + 1, b"x") for i in range(150)))
    for i in range(150):
        stream = 2 * i + 1
        if not c.wait(lambda s=stream: c.over(s)) and not c.goaway():
            raise Fail(f"stream {stream} hangs")
        if c.reset(stream) not in (None, "REFUSED_STREAM", "STREAM_CLOSED", "PROTOCOL_ERROR"):
            raise Fail(f"stream {stream}: {c.reset(stream)}")


add("streams-above-the-limit", "stream numbers", "5.1.2", lambda c: None, many_streams)

# ---- DATA ----

add("data-on-stream-0", "DATA", "6.1", sends(frame(DATA, 0, 0, b"x")), PROTOCOL)
add("data-padded", "DATA", "6.1", opened(frame(DATA, PADDED | END_STREAM, 1, b"\4body" + bytes(4))),
    answered(1))
add("data-all-padding", "DATA", "6.1",
    opened(frame(DATA, PADDED | END_STREAM, 1, b"\4" + bytes(4))), answered(1))
add("data-padding-too-long", "DATA", "6.1",
    opened(frame(DATA, PADDED | END_STREAM, 1, b"\5" + bytes(4))), PROTOCOL)
add("data-padded-and-empty", "DATA", "6.1", opened(frame(DATA, PADDED | END_STREAM, 1)),
    connection_error("PROTOCOL_ERROR", "FRAME_SIZE_ERROR"))
add("data-empty-at-last", "DATA", "6.1",
    opened(frame(DATA, 0, 1, b"x"), frame(DATA, 0, 1), frame(DATA, END_STREAM, 1)), answered(1))

# ---- HEADERS, CONTINUATION ----

add("headers-padded", "HEADERS", "6.2",
    sends(frame(HEADERS, PADDED | 5, 1, b"\3" + block() + bytes(3))), answered(1))
add("headers-padding-too-long", "HEADERS", "6.2",
    sends(frame(HEADERS, PADDED | 5, 1, b"\xff" + block())), PROTOCOL)
add("headers-padded-and-empty", "HEADERS", "6.2", sends(frame(HEADERS, PADDED | 5, 1)),
    connection_error("PROTOCOL_ERROR", "FRAME_SIZE_ERROR"))
add("headers-priority", "HEADERS", "6.2", sends(frame(HEADERS, PRIORITIZED | 5, 1, LEAF + block())),
    answered(1))
add("headers-priority-cut", "HEADERS", "6.2", sends(frame(HEADERS, PRIORITIZED | 5, 1, b"\0\0")),
    connection_error("PROTOCOL_ERROR", "FRAME_SIZE_ERROR"))
for parts in (2, 5, 30):
    cut = len(block()) // parts + 1
    pieces = [block()[i:i + cut] for i in range(0, len(block()), cut)]
    add(f"continuation-{parts}", "CONTINUATION", "6.10",
        sends(headers(1, pieces[0], END_STREAM),
              *(frame(CONTINUATION, END_HEADERS if i == len(pieces) - 1 else 0, 1, piece)
                for i, piece in enumerate(pieces) if i > 0)), answered(1))
add("continuation-empty", "CONTINUATION", "6.10",
    sends(headers(1, block(), END_STREAM), frame(CONTINUATION, END_HEADERS, 1)), answered(1))
HALF = headers(3, block()[:9], END_STREAM)
for name, what in (("data", frame(DATA, 0, 1, b"x")), ("ping", frame(PING, 0, 0, b"8" * 8)),
                   ("headers", headers(5)), ("settings", frame(SETTINGS, 0, 0)),
                   ("priority", frame(PRIORITY, 0, 3, LEAF)), ("window", increment(1)),
                   ("rst", frame(RST_STREAM, 0, 3, bytes(4))),
                   ("goaway", frame(GOAWAY, 0, 0, bytes(8)))):
    add(f"continuation-due-{name}", "CONTINUATION", "6.10", opened(HALF, what), PROTOCOL)
add("continuation-of-another-stream", "CONTINUATION", "6.10",
    opened(HALF, frame(CONTINUATION, END_HEADERS, 1, block()[9:])), PROTOCOL)
add("continuation-on-stream-0", "CONTINUATION", "6.10",
    opened(HALF, frame(CONTINUATION, END_HEADERS, 0, block()[9:])), PROTOCOL)
add("continuation-first", "CONTINUATION", "6.10",
    opened(frame(CONTINUATION, END_HEADERS, 1, block())), PROTOCOL)
add("continuation-after-the-end", "CONTINUATION", "6.10",
    sends(headers(1, None, END_HEADERS), frame(CONTINUATION, END_HEADERS, 1, b"")), PROTOCOL)

# ---- PRIORITY, RST_STREAM, SETTINGS ----

add("priority-on-stream-0", "PRIORITY", "6.3", sends(frame(PRIORITY, 0, 0, LEAF)), PROTOCOL)
for size in (4, 6):
    add(f"priority-of-{size}", "PRIORITY", "6.3",
        opened(frame(PRIORITY, 0, 1, bytes(size))), stream_error("FRAME_SIZE_ERROR"))
add("priority-loop", "PRIORITY", "5.3.1",
    opened(*(frame(PRIORITY, 0, a, struct.pack(">IB", b, 1)) for a, b in ((1, 3), (3, 5), (5, 1))),
           frame(DATA, END_STREAM, 1)), answered(1), rfc="RFC 7540")
add("rst-on-stream-0", "RST_STREAM", "6.4", sends(frame(RST_STREAM, 0, 0, bytes(4))), PROTOCOL)
for size in (0, 3, 5):
    add(f"rst-of-{size}", "RST_STREAM", "6.4", opened(frame(RST_STREAM, 0, 1, bytes(size))), SIZE)
add("rst-unknown-code", "RST_STREAM", "7", opened(frame(RST_STREAM, 0, 1, b"\xff" * 4)), unmoved(3))
add("settings-on-a-stream", "SETTINGS", "6.5", sends(headers(1), frame(SETTINGS, 0, 1)), PROTOCOL)
add("settings-ack-with-payload", "SETTINGS", "6.5", sends(frame(SETTINGS, ACK, 0, bytes(6))), SIZE)
for size in (1, 5, 7):
    add(f"settings-of-{size}", "SETTINGS", "6.5", sends(frame(SETTINGS, 0, 0, bytes(size))), SIZE)
for name, value, judge in (
        ("push-2", setting(2, 2), PROTOCOL), ("push-0", setting(2, 0), unmoved()),
        ("window-max", setting(4, 0x7FFFFFFF), unmoved()), ("window-above", setting(4, 1 << 31), FLOW),
        ("frame-16383", setting(5, 16383), PROTOCOL), ("frame-16384", setting(5, 16384), unmoved()),
        ("frame-max", setting(5, (1 << 24) - 1), unmoved()),
        ("frame-above", setting(5, 1 << 24), PROTOCOL), ("table-0", setting(1, 0), unmoved()),
        ("table-max", setting(1, 0xFFFFFFFF), unmoved()), ("list-1", setting(6, 1), None),
        ("unknown", setting(0xBEEF, 7), unmoved()),
        ("twice", setting(4, 1) + setting(4, 65535), unmoved()),
        ("streams-0", setting(3, 0), unmoved())):
    if judge:
        add(f"settings-{name}", "SETTINGS", "6.5.2", sends(frame(SETTINGS, 0, 0, value)), judge)
add("settings-window-overflow", "SETTINGS", "6.9.2",
    opened(increment(0x7FFFFFFF - 65535, 1), frame(SETTINGS, 0, 0, setting(4, 65536))), FLOW)

# ---- PUSH_PROMISE, PING, GOAWAY ----

add("push-promise", "PUSH_PROMISE", "8.4", opened(frame(PUSH_PROMISE, 4, 1, b"\0\0\0\2" + block())),
    PROTOCOL)
add("ping-on-a-stream", "PING", "6.7", opened(frame(PING, 0, 1, b"8" * 8)), PROTOCOL)
for size in (0, 7, 9):
    add(f"ping-of-{size}", "PING", "6.7", sends(frame(PING, 0, 0, bytes(size))), SIZE)


def ack_unanswered(c):
    if not c.alive() or len(c.of(PING)) != 1:
        raise Fail(f"answered: {said(c)}")


add("ping-ack", "PING", "6.7", sends(frame(PING, ACK, 0, b"8" * 8)), ack_unanswered)
add("goaway-on-a-stream", "GOAWAY", "6.8", opened(frame(GOAWAY, 0, 1, bytes(8))), PROTOCOL)
add("goaway-of-7", "GOAWAY", "6.8", sends(frame(GOAWAY, 0, 0, bytes(7))), SIZE)
add("goaway-streams-go-on", "GOAWAY", "6.8",
    opened(frame(GOAWAY, 0, 0, bytes(8)), frame(DATA, END_STREAM, 1, b"x")), answered(1))
add("goaway-with-text", "GOAWAY", "6.8",
    opened(frame(GOAWAY, 0, 0, bytes(8) + b"bye"), frame(DATA, END_STREAM, 1, b"x")), answered(1))

# ---- flow control ----

add("window-0-of-the-connection", "flow control", "6.9", sends(increment(0)), PROTOCOL)
add("window-0-of-a-stream", "flow control", "6.9", opened(increment(0, 1)),
    stream_error("PROTOCOL_ERROR"))
for size in (0, 3, 5):
    add(f"window-of-{size}", "flow control", "6.9", sends(frame(WINDOW_UPDATE, 0, 0, bytes(size))),
        SIZE)
add("window-overflow-of-the-connection", "flow control", "6.9.1", sends(increment(0x7FFFFFFF)),
    FLOW)
add("window-overflow-of-a-stream", "flow control", "6.9.1", opened(increment(0x7FFFFFFF, 1)),
    stream_error("FLOW_CONTROL_ERROR"))
add("window-max-of-the-connection", "flow control", "6.9.1", sends(increment(0x7FFFFFFF - 65535)),
    unmoved())


def within_window(c):
    """With a window of one byte the body comes byte by byte, never more than was allowed."""
    c.wait(lambda: c.of(HEADERS, 1))
    for allowed in (1, 2, 3):
        c.wait(lambda n=allowed: len(c.data(1)) >= n)
        if len(c.data(1)) != allowed or not c.alive() or len(c.data(1)) != allowed:
            raise Fail(f"{len(c.data(1))} bytes of DATA where {allowed} were allowed")
        c.send(increment(1, 1))
    c.send(increment(60000, 1))
    answered(1)(c)


add("window-of-one-byte", "flow control", "6.9.2", opened(frame(DATA, END_STREAM, 1, b"x" * 99)),
    within_window,
    settings=setting(4, 1))


def after_zero(c):
    """Nothing while the window is 0; SETTINGS open it."""
    if not c.alive() or c.data(1):
        raise Fail("DATA beyond the window")
    c.send(frame(SETTINGS, 0, 0, setting(4, 65535)))
    answered(1)(c)


add("window-0-by-settings", "flow control", "6.9.2", opened(frame(DATA, END_STREAM, 1, b"x" * 99)), after_zero,
    settings=setting(4, 0))


def below_zero(c):
    """A window below zero: 65535 - n by SETTINGS after DATA left."""
    if not c.ask(1):
        raise Fail(said(c))
    c.send(frame(SETTINGS, 0, 0, setting(4, 0)), headers(3, None, END_HEADERS),
           frame(DATA, END_STREAM, 3, b"x" * 99))
    if not c.alive() or c.data(3):
        raise Fail("DATA beyond the window")
    c.send(increment(100000, 3))
    answered(3)(c)


add("window-below-zero", "flow control", "6.9.2", lambda c: None, below_zero)


def beyond_window(c):
    """More than any window that was granted: an error, or all of it was taken (6.9: MAY)."""
    c.wait(lambda: c.of(SETTINGS))
    c.send(headers(1, None, END_HEADERS))
    sent, granted = 0, 65535
    while sent <= granted and not c.ended:
        c.send(frame(DATA, 0, 1, bytes(16384)))
        sent += 16384
        if sent > 1 << 20:
            break
    c.wait(lambda: c.goaway() or c.reset(1) or c.ended, 0.5)
    if c.goaway() not in (None, "FLOW_CONTROL_ERROR", "ENHANCE_YOUR_CALM"):
        raise Fail(said(c))


add("data-beyond-the-window", "flow control", "6.9.1", lambda c: None, beyond_window)


class Narrow:
    """A target behind a line that takes little, so that its writes are cut off in the middle."""

    def __init__(self, target):
        self.address = target.address("h2")

    def connect(self, _):
        sock = socket.socket()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.settimeout(ANSWER_S)
        sock.connect(self.address)
        return sock


def taken_late(target):
    """Answers that just fill their windows are on their way, and not taken: when windows open of
    those that have all left, no more is sent of them, and all arrive. (Which writes are cut off
    is the kernel's matter: some tries.)"""
    for length in (16000, 17000) * 3:
        body, streams = b"x" * length, range(3, 3 + 2 * 50, 2)
        with Peer(Narrow(target)) as c:
            c.send(headers(1, None, END_HEADERS), *data_frames(1, body))
            c.wait(lambda c=c: c.over(1) or c.goaway())
            size, before = len(c.data(1)), len(target.seen())
            c.send(increment(1 << 30), frame(SETTINGS, 0, 0, setting(4, size)))
            for i in streams:
                c.send(headers(i, None, END_HEADERS), *data_frames(i, body))
            end = time.monotonic() + ANSWER_S
            while len(target.seen()) < before + len(streams) and time.monotonic() < end:
                time.sleep(QUIET_S)
            time.sleep(QUIET_S)
            c.send(*(increment(1, i) for i in streams), frame(SETTINGS, 0, 0, setting(4, 0)),
                   frame(SETTINGS, 0, 0, setting(4, size + 1)))
            c.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
            c.wait(lambda c=c, s=streams: all(c.over(i) for i in s) or c.goaway(), 2 * ANSWER_S)
            answered(*streams)(c)
            if any(len(c.data(i)) != size for i in streams) or not c.alive():
                raise Fail(said(c))


CASES.append(Case("h2-window-of-a-sent-answer", "h2 flow control", "RFC 9113, 6.9", taken_late, "h2"))
