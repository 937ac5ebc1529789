# SPDX-License-Identifier: Apache-2.0
"""cases_h1_messages.py - what follows what: connections that go on or end, pipelines, HTTP/1.0,
Expect, Upgrade, and what an answer may consist of."""
from battery import Fail, Warn
from h1 import (CHUNKED, GET, POST, SMUGGLED, Battery, answered, either, head, refused)

case = Battery()
CASES = case.cases


def fail(why):
    raise Fail(why)


def says(*options, never=()):
    """Of the answer's Connection field."""
    def then(e):
        found = {o.strip().lower() for v in e.answers[-1].values("connection")
                 for o in v.split(",")}
        if not set(options) <= found or found & set(never):
            raise Fail(f"Connection: {found}")
    return then


case.family("connection")
KEEP = "RFC 9112, 9.3"
case("keep-1.1", KEEP, GET(), answered(200, closed=False))
case("keep-close", "RFC 9112, 9.6", GET(b"Connection: close"),
     answered(200, closed=True, then=says("close")))
case("keep-close-upper-case", "RFC 9112, 9.6", GET(b"Connection: CLOSE"),
     answered(200, closed=True))
case("keep-close-in-list", "RFC 9112, 9.6", GET(b"Connection: x, close , y", b"X: z"),
     answered(200, closed=True))
case("keep-close-and-keep", KEEP, GET(b"Connection: keep-alive, close"),
     answered(200, closed=True))
case("keep-close-two-lines", KEEP, GET(b"Connection: close", b"Connection: x"),
     answered(200, closed=True))
case("keep-close-then-keep-line", KEEP, GET(b"Connection: close", b"Connection: keep-alive"),
     answered(200, closed=True))
case("keep-close-quoted", KEEP, GET(b"Connection: closed"),
     either(answered(200, closed=False), answered(200, closed=True)))
case("keep-other-option", KEEP, GET(b"Connection: x-other"),
     either(answered(200, closed=False), answered(200, closed=True)))
case("keep-empty", KEEP, GET(b"Connection:"),
     either(answered(200, closed=False), answered(200, closed=True)))
case("keep-close-nothing-after", "RFC 9112, 9.6", GET(b"Connection: close") + SMUGGLED,
     answered(200, closed=True, seen=1))
case("keep-after-404", KEEP, GET(path=b"/status/404"), answered(404, closed=False))
case("keep-after-500", KEEP, GET(path=b"/status/500"), answered(500, closed=False))

case.family("HTTP/1.0")
OLD = "RFC 9112, 9.3"
case("1.0-closes", OLD, GET(version=b"HTTP/1.0"), answered(200, closed=True))
case("1.0-keep", OLD, GET(b"Connection: keep-alive", version=b"HTTP/1.0"),
     either(answered(200, closed=False, then=says("keep-alive")), answered(200, closed=True)))
case("1.0-keep-and-close", OLD, GET(b"Connection: keep-alive, close", version=b"HTTP/1.0"),
     answered(200, closed=True))
case("1.0-pipeline", OLD, GET(version=b"HTTP/1.0") + SMUGGLED, answered(200, closed=True, seen=1))
case("1.0-body", "RFC 9112, 6.3", POST(b"Content-Length: 5", version=b"HTTP/1.0") + b"hello",
     answered(200, closed=True, body=b"hello"))
case("1.0-no-chunks", "RFC 9112, 6.1", GET(version=b"HTTP/1.0"),
     answered(200, closed=True,
              then=lambda e: e.answers[0].values("transfer-encoding") and fail("chunked to 1.0")))
case("1.0-no-continue", "RFC 9110, 10.1.1",
     POST(b"Content-Length: 5", b"Expect: 100-continue", version=b"HTTP/1.0") + b"hello",
     answered(200, closed=True, interim=[], body=b"hello"))

case.family("pipeline")
PIPE = "RFC 9112, 9.3.2"
case("pipe-three", PIPE, b"".join(GET(path=b"/pipe-three/%d" % i) for i in range(3)),
     answered(200, 200, 200, closed=False, seen=3, text=rb"^GET /pipe-three/2$"))
case("pipe-bodies", PIPE, POST(b"Content-Length: 3") + b"one" + POST(CHUNKED)
     + b"3\r\ntwo\r\n0\r\n\r\n" + POST(b"Content-Length: 5") + b"three",
     answered(200, 200, 200, closed=False, seen=3, body=b"three"))
case("pipe-body-looks-like-head", PIPE, POST(b"Content-Length: @LEN@") + SMUGGLED, answered(200, closed=False, seen=1))
case("pipe-chunk-looks-like-head", PIPE, POST(CHUNKED)
     + b"%x\r\n" % (len(SMUGGLED) + 22) + SMUGGLED + b"\r\n0\r\n\r\n",
     answered(200, closed=False, seen=1))
case("pipe-good-then-bad", PIPE, GET() + b"GET / HTTP/1.1\r\nBad : x\r\n\r\n" + SMUGGLED,
     answered(200, 400, closed=True, seen=1))
case("pipe-extra-newline", "RFC 9112, 2.2", POST(b"Content-Length: 5") + b"hello\r\n" + GET(),
     either(answered(200, 200, closed=False, seen=2), answered(200, 400, closed=True, seen=1)))
case("pipe-extra-bytes", PIPE, POST(b"Content-Length: 5") + b"hello(" + SMUGGLED,
     answered(200, 400, closed=True, seen=1))
case("pipe-after-close", "RFC 9112, 9.6", GET() + GET(b"Connection: close") + SMUGGLED,
     answered(200, 200, closed=True, seen=2))
case("pipe-many", PIPE, b"".join(GET(path=b"/pipe-many/%d" % i) for i in range(50)),
     answered(*[200] * 50, closed=False, seen=50, text=rb"^GET /pipe-many/49$"))

case.family("expect")
EXPECT = "RFC 9110, 10.1.1"
CONTINUE = b"Expect: 100-continue"
case("expect-waits", EXPECT, [POST(b"Content-Length: 5", CONTINUE), "wait", b"hello"],
     answered(200, closed=False, interim=[100], body=b"hello"))
case("expect-upper-case", EXPECT, [POST(b"Content-Length: 5", b"Expect: 100-Continue"), "wait",
                                   b"hello"],
     answered(200, closed=False, interim=[100], body=b"hello"))
case("expect-chunked", EXPECT, [POST(CHUNKED, CONTINUE), "wait", b"5\r\nhello\r\n0\r\n\r\n"],
     answered(200, closed=False, interim=[100], body=b"hello"))
case("expect-at-once", EXPECT, POST(b"Content-Length: 5", CONTINUE) + b"hello",
     answered(200, closed=False, body=b"hello"))
case("expect-no-body", EXPECT, GET(CONTINUE), answered(200, closed=False))
case("expect-unknown", EXPECT, POST(b"Content-Length: 5", b"Expect: 200-maybe") + b"hello",
     either(refused(417), answered(417), answered(200), refused(400)))
case("expect-too-large", EXPECT, POST(b"Content-Length: 9999999", CONTINUE), refused(400, 413))
case("expect-malformed", EXPECT,
     POST(b"Content-Length: 5", CHUNKED, CONTINUE) + b"0\r\n\r\n" + SMUGGLED,
     either(refused(400), answered(200, closed=True)))

case.family("upgrade")
UPGRADE = "RFC 9113, 3.1"
H2C = (b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c",
       b"HTTP2-Settings: AAMAAABkAAQAAP__")


def no_tunnel(e):
    if 101 in e.interim:
        raise Fail("switched protocols")


IGNORED = answered(200, closed=False, interim=[], then=no_tunnel)
case("upgrade-h2c", UPGRADE, GET(*H2C), IGNORED)
case("upgrade-h2c-post", UPGRADE, POST(b"Content-Length: 5", *H2C) + b"hello", IGNORED)
case("upgrade-h2c-no-settings", UPGRADE, GET(b"Connection: Upgrade", b"Upgrade: h2c"), IGNORED)
case("upgrade-h2c-draft", UPGRADE, GET(H2C[0], b"Upgrade: h2c-14", H2C[2]), IGNORED)
case("upgrade-websocket", "RFC 9110, 7.8",
     GET(b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Version: 13",
         b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="), IGNORED)
case("upgrade-not-passed-on", "RFC 9110, 7.6.1", GET(*H2C),
     either(answered(200, text=rb"\A(?!(?is:.*^(upgrade|http2-settings):))"), answered(200)))
case("upgrade-pipeline", UPGRADE, GET(*H2C) + SMUGGLED.replace(b"smuggled", b"next"),
     answered(200, 200, closed=False, seen=2))
case("preface-in-middle", "RFC 9113, 3.4", GET() + b"PRI * HTTP/1.1\r\n\r\nSM\r\n\r\n",
     either(answered(200, 400, closed=True), answered(200, 405, closed=True)))

case.family("answers")
ANSWER = "RFC 9112, 6.3"


def whole(e):
    """One way to tell the end, a date, a version that is ours."""
    a = e.answers[-1]
    if len(a.values("content-length")) + len(a.values("transfer-encoding")) != 1:
        fail(f"framed {a.fields}")
    if a.version != "HTTP/1.1":
        fail(a.version)
    if len(a.values("date")) != 1:
        raise Warn("no Date")


def bare(e):
    a = e.answers[-1]
    if a.values("content-length") or a.values("transfer-encoding"):
        fail(f"{a.status} with {a.fields}")


def no_body(e):
    if e.answers[-1].body:
        fail("a body")


case("answer-get", ANSWER, GET(), answered(200, closed=False, then=whole))
case("answer-head", "RFC 9110, 9.3.2", head(b"HEAD /@ID@ HTTP/1.1"),
     answered(200, closed=False, then=no_body))
case("answer-head-refused", "RFC 9110, 9.3.2", head(b"HEAD /@ID@ HTTP/1.1", b"Bad : x"),
     refused(400))
case("answer-head-error", "RFC 9110, 9.3.2", head(b"HEAD /status/500 HTTP/1.1"),
     answered(500, closed=False, then=no_body))
case("answer-204", "RFC 9110, 8.6", GET(path=b"/status/204"),
     answered(204, closed=False, then=bare))
case("answer-304", "RFC 9110, 15.4.5", GET(path=b"/status/304"),
     answered(304, closed=False, then=no_body))
case("answer-204-pipeline", ANSWER, GET(path=b"/status/204") + GET(path=b"/status/304") + GET(),
     answered(204, 304, 200, closed=False, seen=3))
case("answer-400-is-whole", "RFC 9110, 15.5.1", GET(b"Bad : x"),
     answered(400, closed=True, then=lambda e: (whole(e), says("close")(e))))
case("answer-refused-early", "RFC 9112, 9.6",
     POST(b"Content-Length: 99999999") + b"x" * 200_000, refused(413, 400))
