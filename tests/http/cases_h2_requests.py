# SPDX-License-Identifier: Apache-2.0
"""HTTP/2 by messages: pseudo-header fields, fields of a connection, Content-Length, trailers, and
header compression (RFC 9113, 8; RFC 7541)."""
import socket
from functools import partial

from battery import Case, Fail
from h2 import (CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, MAGIC, RST_STREAM, SETTINGS,
                answered, block, case, connection_error, field, finished, frame, headers, integer,
                malformed, opened, said, sends, setting, text, unmoved)

CASES = []
add = partial(case, CASES)
hpack = partial(case, CASES, rfc="RFC 7541")
COMPRESSION = connection_error("COMPRESSION_ERROR")


def ask(*parts, **pseudo):
    return sends(headers(1, block(*parts, **pseudo)))


# ---- pseudo-header fields ----

for name in ("method", "scheme", "path"):
    add(f"no-{name}", "pseudo-header", "8.3.1", ask(**{name: None}), malformed())
    add(f"{name}-twice", "pseudo-header", "8.3.1",
        sends(headers(1, block() + field(f":{name}", "/x"))), malformed())
    twice = {"method": "GET", "scheme": "http", "path": "/x"}[name]
    add(f"{name}-twice-in-front", "pseudo-header", "8.3.1",
        sends(headers(1, field(f":{name}", twice) + block())), malformed())
for name, pseudo in (("path-empty", {"path": ""}), ("path-without-slash", {"path": "x"}),
                     ("path-star-of-get", {"path": "*", "method": "GET"}),
                     ("path-with-fragment", {"path": "/a#b"}), ("path-absolute", {"path": "http://a/"}),
                     ("path-with-nul", {"path": "/a\0b"}), ("path-with-lf", {"path": "/a\nb"}),
                     ("method-empty", {"method": ""}), ("method-with-space", {"method": "GET /x"}),
                     ("method-with-crlf", {"method": "GET\r\nX: y"}),
                     ("authority-with-user", {"authority": "u:p@a"}),
                     ("authority-with-space", {"authority": "a b"}),
                     ("authority-with-slash", {"authority": "a/b"})):
    add(name, "pseudo-header", "8.3.1", ask(**pseudo), malformed())
add("authority-twice", "pseudo-header", "8.3", sends(headers(1, field(":authority", "b") + block())),
    malformed())
add("pseudo-behind-field", "pseudo-header", "8.3",
    sends(headers(1, field("a", "b") + block())), malformed())
add("pseudo-unknown", "pseudo-header", "8.3", sends(headers(1, field(":what", "b") + block())),
    malformed())
add("pseudo-of-responses", "pseudo-header", "8.3",
    sends(headers(1, field(":status", "200") + block())), malformed())
add("pseudo-upper-case", "pseudo-header", "8.3", sends(headers(1, field(":Path", "/") + block())),
    malformed())
add("host-agrees", "pseudo-header", "8.3.1", ask(("host", "a")), answered(1))
add("host-alone", "pseudo-header", "8.3.1", ask(("host", "a"), authority=None), answered(1))
add("host-differs", "pseudo-header", "8.3.1", ask(("host", "b")), malformed())
add("host-twice", "pseudo-header", "8.3.1", ask(("host", "a"), ("host", "b"), authority=None),
    malformed())

# ---- fields ----

for name, value in (("connection", "close"), ("keep-alive", "timeout=5"),
                    ("proxy-connection", "keep-alive"), ("transfer-encoding", "chunked"),
                    ("upgrade", "h2c")):
    add(f"field-{name}", "fields of a connection", "8.2.2", ask((name, value)), malformed())
add("field-te-trailers", "fields of a connection", "8.2.2", ask(("te", "trailers")), answered(1))
for name, value in (("te-gzip", "gzip"), ("te-list", "trailers, deflate")):
    add(f"field-{name}", "fields of a connection", "8.2.2", ask(("te", value)), malformed())
for name, key, value in (
        ("upper-case", "X-Up", "1"), ("space", "a b", "1"), ("nul", "a\0b", "1"),
        ("colon", "a:b", "1"), ("lf", "a\nb", "1"), ("empty-name", "", "1"), ("del", "a\x7f", "1")):
    add(f"name-{name}", "fields", "8.2.1", ask((key, value)), malformed())
for name, value in (("nul", "a\0b"), ("lf", "a\nb"), ("cr", "a\rb"), ("crlf", "a\r\nx: y"),
                    ("space-first", " a"), ("space-last", "a "), ("tab-first", "\ta"),
                    ("tab-last", "a\t")):
    add(f"value-{name}", "fields", "8.2.1", ask(("x", value)), malformed())
add("value-empty", "fields", "8.2.1", ask(("x", "")), answered(1))
add("value-space-within", "fields", "8.2.1", ask(("x", "a b\tc")), answered(1))
add("cookie-crumbs", "fields", "8.2.3", ask(("cookie", "a=1"), ("cookie", "b=2")), answered(1))

# ---- Content-Length, trailers ----


def body(*frames, length):
    return sends(headers(1, block(("content-length", length)), END_HEADERS), *frames)


def data(payload, last=True):
    return frame(DATA, END_STREAM if last else 0, 1, payload)


add("length-agrees", "Content-Length", "8.1.1", body(data(b"abc"), length="3"), answered(1))
add("length-in-two-frames", "Content-Length", "8.1.1",
    body(data(b"ab", False), data(b"c"), length="3"), answered(1))
add("length-0", "Content-Length", "8.1.1", ask(("content-length", "0")), answered(1))
for name, act in (("too-short", body(data(b"ab"), length="3")),
                  ("too-long", body(data(b"abcd"), length="3")),
                  ("too-long-in-two", body(data(b"ab", False), data(b"cd"), length="3")),
                  ("without-body", ask(("content-length", "3"))),
                  ("empty-body", body(data(b""), length="3")),
                  ("body-of-0", body(data(b"x"), length="0")),
                  ("no-number", body(data(b"abc"), length="three")),
                  ("signed", body(data(b"abc"), length="+3")),
                  ("list", body(data(b"abc"), length="3, 3")),
                  ("too-large", body(data(b"abc"), length="99999999999999999999")),
                  ("hex", body(data(b"abc"), length="0x3"))):
    add(f"length-{name}", "Content-Length", "8.1.1", act, malformed())
for name, second in (("twice", field("content-length", "4")),
                     ("twice-indexed-name", integer(28, 4) + text("4")),
                     ("twice-huffman", b"\0\x8a\x21\xea\x49\x6a\x4a\xd4\x16\xa9\x93\x3f" + text("4"))):
    add(f"length-{name}", "Content-Length", "8.1.1",
        sends(headers(1, block(("content-length", "3")) + second, END_HEADERS), data(b"abcd")),
        malformed())


def trailers(payload, flags=END_STREAM | END_HEADERS):
    return opened(data(b"abc", False), frame(HEADERS, flags, 1, payload))


add("trailers", "trailers", "8.1", trailers(field("x-sum", "1")), answered(1))
add("trailers-without-end", "trailers", "8.1", trailers(field("x", "1"), END_HEADERS), malformed())
add("trailers-with-pseudo", "trailers", "8.1", trailers(field(":path", "/x")), malformed())
add("trailers-with-connection", "trailers", "8.2.2", trailers(field("connection", "close")),
    malformed())
add("trailers-upper-case", "trailers", "8.2.1", trailers(field("X", "1")), malformed())
add("trailers-continued", "trailers", "6.10",
    opened(data(b"abc", False), frame(HEADERS, END_STREAM, 1, field("x", "1")[:3]),
           frame(CONTINUATION, END_HEADERS, 1, field("x", "1")[3:])), answered(1))
add("data-behind-trailers", "trailers", "8.1",
    opened(frame(HEADERS, 5, 1, field("x", "1")), data(b"x")),
    lambda c: c.wait(lambda: c.over(1) or c.ended) or _hangs(c))


def _hangs(c):
    raise Fail(f"no answer: {said(c)}")


def not_merged(c):
    answered(1)(c)
    if b"x-trailer" in c.data(1):
        raise Fail("a trailer became a header")


add("trailers-are-no-headers", "trailers", "6.5.1", trailers(field("x-trailer", "1")), not_merged,
    rfc="RFC 9110")
add("response-before-the-body", "messages", "8.1",
    sends(headers(1, block(path="/none"), END_HEADERS), data(b"x")),
    lambda c: c.wait(lambda: c.over(1)) or _hangs(c))
add("connect", "messages", "8.5",
    ask(method="CONNECT", path=None, scheme=None, authority="a:443"),
    lambda c: c.wait(lambda: c.over(1) or c.ended) and c.status(1) != 200 or _hangs(c))
add("options-star", "messages", "8.3.1", ask(method="OPTIONS", path="*"),
    lambda c: c.wait(lambda: c.over(1)) or _hangs(c))

# ---- header compression ----


def literal(name_len, rest):
    return sends(headers(1, block() + b"\0" + name_len + rest))


for name, bytes_ in (
        ("index-0", b"\x80"), ("index-beyond-the-table", integer(62, 7, 0x80)),
        ("index-far-beyond", integer(5000, 7, 0x80)), ("name-beyond-the-table", b"\x7f\x00\x01x"),
        ("integer-cut", b"\xff"), ("integer-too-long", b"\xff" + b"\xff" * 10 + b"\x01"),
        ("integer-overflow", b"\xff\xff\xff\xff\xff\xff\x0f"), ("string-cut", b"\0\x05ab"),
        ("string-missing", b"\0"), ("value-missing", b"\0\x01a"),
        ("string-too-long", b"\0\xff\x80\x80\x80\x80\x10"),
        ("size-above-the-setting", integer(4097, 5, 0x20)),
        ("size-behind-a-field", integer(0, 5, 0x20))):
    clause = {"index-0": "6.1", "integer-cut": "5.1", "integer-too-long": "5.1",
              "integer-overflow": "5.1", "size-above-the-setting": "6.3",
              "size-behind-a-field": "4.2"}.get(name, "2.3.3" if "table" in name else "5.2")
    hpack(f"hpack-{name}", "HPACK", clause,
          sends(headers(1, bytes_ + block() if name.startswith("size-above") else block() + bytes_)),
          COMPRESSION)
# Huffman: "a" is 00011 and three ones.
hpack("hpack-huffman", "HPACK", "5.2", literal(b"\x81", b"\x1f\x81\x1f"), answered(1))
hpack("hpack-huffman-padding-0", "HPACK", "5.2", literal(b"\x81", b"\x18\x01x"), COMPRESSION)
hpack("hpack-huffman-padding-long", "HPACK", "5.2", literal(b"\x82", b"\x1f\xff\x01x"), COMPRESSION)
hpack("hpack-huffman-eos", "HPACK", "5.2", literal(b"\x84", b"\xff\xff\xff\xff\x01x"), COMPRESSION)
hpack("hpack-huffman-eos-within", "HPACK", "5.2",
      literal(b"\x85", b"\xff\xff\xff\xfc\x7f\x01x"), COMPRESSION)
hpack("hpack-never-indexed", "HPACK", "6.2.3",
      sends(headers(1, block() + field("a", "b", 0x10))), answered(1))
hpack("hpack-incremental", "HPACK", "6.2.1",
      sends(headers(1, block() + field("a", "b", 0x40)), headers(3, block() + b"\xbe")),
      answered(1, 3))
hpack("hpack-incremental-of-another-block", "HPACK", "2.3.3",
      sends(headers(1, block() + field("a", "b", 0x40)), headers(3, block() + b"\xbf")), COMPRESSION)
hpack("hpack-eviction", "HPACK", "4.4",
      sends(headers(1, block() + field("a", "b", 0x40) + field("c", "d" * 4050, 0x40)),
            headers(3, block() + b"\xbf")), COMPRESSION)
hpack("hpack-larger-than-the-table", "HPACK", "4.4",
      sends(headers(1, block() + field("a", "b", 0x40) + field("c", "d" * 5000, 0x40)),
            headers(3, block() + b"\xbe")), COMPRESSION)
hpack("hpack-size-0-and-back", "HPACK", "4.2",
      sends(headers(1, block() + field("a", "b", 0x40)),
            headers(3, integer(0, 5, 0x20) + integer(4096, 5, 0x20) + block())), answered(1, 3))
hpack("hpack-size-0-empties", "HPACK", "4.3",
      sends(headers(1, block() + field("a", "b", 0x40)),
            headers(3, integer(0, 5, 0x20) + block() + b"\xbe")), COMPRESSION)
hpack("hpack-block-of-a-cancelled-stream", "HPACK", "4.1",
      sends(headers(1, block() + field("a", "b", 0x40), END_HEADERS),
            frame(RST_STREAM, 0, 1, b"\0\0\0\x08"), headers(3, block() + b"\xbe")), answered(3))
hpack("hpack-block-of-a-malformed-request", "HPACK", "2.3.2",
      sends(headers(1, block(path="") + field("a", "b", 0x40)), headers(3, block() + b"\xbe")),
      answered(3))
hpack("hpack-static", "HPACK", "A", sends(headers(1, b"\x83\x86\x84\x41\x01a")), answered(1))


def reset_then_trailers(c):
    """Trailers that were on their way when the stream was reset change the table all the same."""
    c.send(headers(1, block(("content-length", "1")), END_HEADERS), data(b"too long", False))
    c.wait(lambda: c.reset(1) or c.goaway() or c.ended)
    c.send(frame(HEADERS, 5, 1, field("a", "b", 0x40)), headers(3, block() + b"\xbe"))
    if c.reset(1) and not c.goaway():
        answered(3)(c)


add("trailers-of-a-reset-stream", "stream states", "5.1", lambda c: None, reset_then_trailers)
add("empty-block", "HPACK", "8.3.1", sends(headers(1, b"")), malformed())
add("answer-twice-on-a-connection", "messages", "8.1", finished(headers(3)), answered(3))

# ---- h2c by upgrade (RFC 7540, 3.2) ----

UPGRADE = ("GET /h2 HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\n"
           "Upgrade: h2c\r\nHTTP2-Settings: {}\r\n\r\n")


def upgrade(ident, settings, judge):
    def run(target):
        with socket.create_connection(target.address("h2"), 5) as sock:
            sock.sendall(UPGRADE.format(settings).encode())
            judge(sock, sock.recv(4096))
    CASES.append(Case(f"h2-upgrade-{ident}", "h2 upgrade", "RFC 7540, 3.2", run, "h2"))


def taken_or_not(sock, got):
    """A server need not know h2c; one that says 101 answers stream 1 after the preface."""
    if not got.startswith((b"HTTP/1.1 101", b"HTTP/1.1 200", b"HTTP/1.1 4")):
        raise Fail(f"{got[:60]}")
    if got.startswith(b"HTTP/1.1 101"):
        sock.sendall(MAGIC + frame(SETTINGS, 0, 0, setting(4, 65535)))
        while b"\r\n\r\n" not in got or bytes([HEADERS]) not in got.split(b"\r\n\r\n", 1)[1]:
            more = sock.recv(4096)
            if not more:
                raise Fail("no answer on stream 1")
            got += more


def not_taken(_, got):
    if got.startswith(b"HTTP/1.1 101"):
        raise Fail("upgraded by settings that are none")


upgrade("settings", "AAMAAABk", taken_or_not)
upgrade("settings-none", "", taken_or_not)
upgrade("settings-garbage", "!!!!", not_taken)
upgrade("settings-forbidden", "AAIAAAAC", not_taken)
add("again", "messages", "3.4", lambda c: None, unmoved())
