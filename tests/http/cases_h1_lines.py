# SPDX-License-Identifier: Apache-2.0
"""cases_h1_lines.py - request lines, targets, field lines, Host, and how large they may be."""
from h1 import GET, POST, SMUGGLED, Battery, answered, either, head, refused, silent

case = Battery()
CASES = case.cases
OK = answered(200, closed=False, seen=1)

case.family("request line")
LINE = "RFC 9112, 3"
case("line-plain", LINE, GET(), OK)
case("line-empty-before", "RFC 9112, 2.2", b"\r\n" + GET(), either(OK, refused()))
case("line-two-empty-before", "RFC 9112, 2.2", b"\r\n\r\n" + GET(), either(refused(400), OK))
case("line-bare-lf", "RFC 9112, 2.2", b"GET /@ID@ HTTP/1.1\nHost: a\r\n\r\n",
     either(refused(400), OK))
case("line-bare-cr", "RFC 9112, 2.2", b"GET /@ID@ HTTP/1.1\rHost: a\r\n\r\n", refused(400))
case("line-bare-cr-in-target", "RFC 9112, 2.2", GET(path=b"/@ID@\rx"), refused(400))
case("line-two-spaces", LINE, b"GET  /@ID@ HTTP/1.1\r\nHost: a\r\n\r\n", either(refused(400), OK))
case("line-two-spaces-late", LINE, b"GET /@ID@  HTTP/1.1\r\nHost: a\r\n\r\n",
     either(refused(400), OK))
case("line-tabs", LINE, b"GET\t/@ID@\tHTTP/1.1\r\nHost: a\r\n\r\n", either(refused(400), OK))
case("line-space-first", LINE, b" " + GET(), refused(400))
case("line-space-last", LINE, GET(version=b"HTTP/1.1 "), either(refused(400), OK))
case("line-space-in-target", LINE, GET(path=b"/@ID@ x"), refused(400))
case("line-vertical-tab", LINE, GET(path=b"/@ID@\x0bx"), refused(400))
case("line-no-target", LINE, b"GET HTTP/1.1\r\nHost: a\r\n\r\n", refused(400))
case("line-method-no-token", "RFC 9110, 9.1", head(b"G(T /@ID@ HTTP/1.1"), refused(400))
case("line-method-lower-case", "RFC 9110, 9.1", head(b"get /@ID@ HTTP/1.1"),
     either(answered(200, text=rb"^get ", seen=1), answered(405), refused(400, 405, 501)))
case("line-method-unknown", "RFC 9110, 9.1", head(b"BREW /@ID@ HTTP/1.1"),
     either(answered(200, text=rb"^BREW ", seen=1), answered(405), answered(501),
            refused(400, 405, 501)))
case("line-method-empty", LINE, head(b" /@ID@ HTTP/1.1"), refused(400))
case("line-nul-in-method", "RFC 9110, 9.1", head(b"GE\0T /@ID@ HTTP/1.1"), refused(400))
case("line-noise", LINE, bytes(range(256)) + b"\r\n\r\n", refused())
case("line-tls", LINE, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"U" * 60, refused())

case.family("version")
VERSION = "RFC 9112, 2.3"
case("version-0.9", VERSION, b"GET /@ID@\r\n\r\n", refused(400, 505))
case("version-0.9-named", VERSION, GET(version=b"HTTP/0.9"), refused(400, 505, should=(505,)))
case("version-2.0", "RFC 9110, 15.6.6", GET(version=b"HTTP/2.0"), refused(400, 505, should=(505,)))
case("version-3.7", "RFC 9110, 15.6.6", GET(version=b"HTTP/3.7"), refused(400, 505, should=(505,)))
case("version-1.2", "RFC 9110, 2.5", GET(version=b"HTTP/1.2"), either(OK, refused(400, 505)))
case("version-lower-case", VERSION, GET(version=b"http/1.1"), refused(400, 505))
case("version-two-digits", VERSION, GET(version=b"HTTP/1.10"), refused(400, 505))
case("version-leading-zero", VERSION, GET(version=b"HTTP/01.1"), refused(400, 505))
case("version-comma", VERSION, GET(version=b"HTTP/1,1"), refused(400, 505))
case("version-no-minor", VERSION, GET(version=b"HTTP/1"), refused(400, 505))
case("version-other-name", VERSION, GET(version=b"HTCPCP/1.1"), refused(400, 505))
case("version-signed", VERSION, GET(version=b"HTTP/+1.1"), refused(400, 505))

case.family("target")
TARGET = "RFC 9112, 3.2"
case("target-query", TARGET, GET(path=b"/@ID@?a=b&c=%20/?"),
     answered(200, closed=False, text=rb"\?a=b&c=%20/\?$"))
case("target-absolute", "RFC 9112, 3.2.2", GET(path=b"http://a/@ID@"),
     answered(200, closed=False, text=rb"^GET (http://a)?/target-absolute$"))
case("target-absolute-wins", "RFC 9112, 3.2.2",
     b"GET http://b.example/@ID@ HTTP/1.1\r\nHost: a\r\n\r\n",
     either(answered(200, closed=False, text=rb"^host: b\.example$"), refused(400)))
case("target-absolute-upper-case", "RFC 3986, 3.1", GET(path=b"HTTP://a/@ID@"),
     answered(200, closed=False, seen=1))
case("target-absolute-no-host", "RFC 9110, 4.2.1", GET(path=b"http:///@ID@"),
     either(refused(400), answered(400)))
case("target-absolute-user", "RFC 9110, 4.2.4", GET(path=b"http://u:p@a/@ID@"),
     either(refused(400), answered(400), OK))
case("target-absolute-scheme", "RFC 9110, 7.1", GET(path=b"ftp://a/@ID@"),
     either(refused(), answered(400), OK))
case("target-authority-in-get", "RFC 9112, 3.2.3", GET(path=b"a:80"),
     either(refused(400), answered(400)))
case("target-relative", TARGET, GET(path=b"@ID@"), either(refused(400), answered(400)))
case("target-fragment", TARGET, GET(path=b"/@ID@#x"), either(refused(400), answered(400), OK))
case("target-asterisk-get", "RFC 9112, 3.2.4", GET(path=b"*"), either(refused(400), answered(400)))
case("target-asterisk-options", "RFC 9112, 3.2.4", head(b"OPTIONS * HTTP/1.1"),
     either(answered(200, closed=False), answered(204, closed=False), answered(405), answered(501),
            refused(405, 501)))
case("target-connect", "RFC 9110, 9.3.6", head(b"CONNECT a:443 HTTP/1.1") + SMUGGLED,
     refused(400, 403, 404, 405, 501))
case("target-connect-path", "RFC 9112, 3.2.3", head(b"CONNECT /@ID@ HTTP/1.1"),
     refused(400, 405, 501))
case("target-nul", TARGET, GET(path=b"/@ID@\0x"), refused(400))
case("target-nul-escaped", "RFC 3986, 2.1", GET(path=b"/@ID@%00"),
     either(answered(400), refused(400), OK))
case("target-del", TARGET, GET(path=b"/@ID@\x7f"), either(refused(400), OK))
case("target-not-ascii", TARGET, GET(path=b"/@ID@/\xc3\xa4"), either(refused(400), OK))
case("target-backslash", TARGET, GET(path=b"/@ID@\\x"), either(refused(400), OK))
case("target-bad-escape", "RFC 3986, 2.1", GET(path=b"/@ID@%zz"),
     either(refused(400), answered(400), OK))
case("target-cut-escape", "RFC 3986, 2.1", GET(path=b"/@ID@%4"),
     either(refused(400), answered(400), OK))
case("target-dots", "RFC 3986, 5.2.4", GET(path=b"/x/../@ID@"),
     answered(200, closed=False, seen=1))
case("target-8000", LINE, GET(path=b"/@ID@?" + b"x" * 7900), OK)
case("target-64k", "RFC 9110, 15.5.15", GET(path=b"/@ID@?" + b"x" * 65536),
     refused(400, 413, 414, 431, should=(414,)))

case.family("field line")
FIELD = "RFC 9112, 5"
case("field-space-before-colon", "RFC 9112, 5.1", GET(b"X-A : b"), refused(400))
case("field-tab-before-colon", "RFC 9112, 5.1", GET(b"X-A\t: b"), refused(400))
case("field-no-colon", FIELD, GET(b"X-A"), refused(400))
case("field-empty-name", "RFC 9110, 5.1", GET(b": b"), refused(400))
case("field-space-in-name", "RFC 9110, 5.1", GET(b"X A: b"), refused(400))
case("field-first-space", "RFC 9112, 2.2", b"GET /@ID@ HTTP/1.1\r\n X: y\r\nHost: a\r\n\r\n",
     refused(400))
case("field-folded", "RFC 9112, 5.2", GET(b"X-A: b", b" c"), either(refused(400), OK))
case("field-folded-tab", "RFC 9112, 5.2", GET(b"X-A: b", b"\tc"), either(refused(400), OK))
case("field-folded-empty", "RFC 9112, 5.2", GET(b"X-A:", b" b"), either(refused(400), OK))
case("field-bare-lf", "RFC 9112, 2.2", b"GET /@ID@ HTTP/1.1\r\nHost: a\nX: y\r\n\r\n",
     either(refused(400), OK))
case("field-bare-lf-at-end", "RFC 9112, 2.2", b"GET /@ID@ HTTP/1.1\r\nHost: a\r\n\n",
     either(refused(400), OK))
case("field-bare-cr", "RFC 9112, 2.2", GET(b"X-A: b\rc"), refused(400))
case("field-bare-cr-first", "RFC 9112, 2.2", GET(b"X-A: b\r\rX-B: c"), refused(400))
case("field-cr-cr-lf", "RFC 9112, 2.2", b"GET /@ID@ HTTP/1.1\r\nHost: a\r\r\n\r\n", refused(400))
case("field-nul", "RFC 9110, 5.5", GET(b"X-A: b\0c"), refused(400))
case("field-nul-in-name", "RFC 9110, 5.1", GET(b"X\0A: b"), refused(400))
case("field-control", "RFC 9110, 5.5", GET(b"X-A: b\x01c"), either(refused(400), OK))
case("field-del", "RFC 9110, 5.5", GET(b"X-A: b\x7fc"), either(refused(400), OK))
case("field-obs-text", "RFC 9110, 5.5", GET(b"X-A: \xe4\xf6"), either(OK, refused(400)))
case("field-name-not-ascii", "RFC 9110, 5.1", GET(b"X-\xe4: b"), refused(400))
case("field-name-brackets", "RFC 9110, 5.1", GET(b"X[a]: b"), refused(400))
case("field-name-every-token", "RFC 9110, 5.6.2", GET(b"!#$%&'*+-.^_`|~09azAZ: b"),
     either(OK, refused(400)))
case("field-colons-in-value", FIELD, GET(b"X-A: b:c: d"),
     answered(200, closed=False, text=rb"(?i)^x-a: b:c: d$"))
case("field-blanks-around", "RFC 9112, 5.1", GET(b"X-A: \t b c \t "),
     answered(200, closed=False, text=rb"(?i)^x-a: b c$"))
case("field-empty-value", FIELD, GET(b"X-A:"), answered(200, closed=False, text=rb"(?i)^x-a: ?$"))
case("field-twice", "RFC 9110, 5.3", GET(b"X-A: b", b"X-A: c"),
     answered(200, closed=False, text=rb"(?is)^x-a: b(, c$|.*^x-a: c$)"))
case("field-hop-by-hop", "RFC 9110, 7.6.1", GET(b"Connection: X-Hop", b"X-Hop: b"),
     answered(200, text=rb"\A(?!(?is:.*^x-hop:))"))

case.family("host")
HOST = "RFC 9112, 3.2"


def host(*lines):
    return GET(*[b"Host:" + l for l in lines], host=False)


NO_HOST = answered(400, seen=0)
case("host-none", HOST, GET(host=False), NO_HOST)
case("host-none-1.0", HOST, GET(host=False, version=b"HTTP/1.0"), answered(200, closed=True))
case("host-two", HOST, host(b" a", b" b"), NO_HOST)
case("host-two-same", HOST, host(b" a", b" a"), NO_HOST)
case("host-two-with-absolute", HOST, b"GET http://a/@ID@ HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
     NO_HOST)
case("host-two-cases", HOST, GET(b"Host: a", b"hOsT: b", host=False), NO_HOST)
case("host-folded", HOST, GET(b"Host: a", b" b", host=False), refused(400))
case("host-space", HOST, host(b" a b"), NO_HOST)
case("host-slash", HOST, host(b" a/b"), NO_HOST)
case("host-user", HOST, host(b" u@a"), NO_HOST)
case("host-list", HOST, host(b" a, b"), NO_HOST)
case("host-port-letters", HOST, host(b" a:b"), NO_HOST)
case("host-port-empty", "RFC 3986, 3.2.3", host(b" a:"), either(OK, refused(400)))
case("host-control", HOST, host(b" a\x01b"), NO_HOST)
case("host-nul", HOST, host(b" a\0b"), refused(400))
case("host-not-ascii", HOST, host(b" \xc3\xa4"), NO_HOST)
case("host-backslash", HOST, host(b" a\\b"), NO_HOST)
case("host-url", HOST, host(b" http://a"), NO_HOST)
case("host-open-bracket", HOST, host(b" [::1"), NO_HOST)
case("host-ipv6", "RFC 3986, 3.2.2", host(b" [::1]:80"), OK)
case("host-upper-case", "RFC 3986, 3.2.2", host(b" A.EXAMPLE"), OK)
case("host-space-before-colon", "RFC 9112, 5.1",
     b"GET /@ID@ HTTP/1.1\r\nHost : a\r\nHost: b\r\n\r\n", refused(400))

case.family("size")
SIZE = "RFC 9110, 5.4"
LARGE = refused(400, 413, 431, should=(431,))
case("size-60k-of-fields", SIZE, GET(*[b"X-%d: " % i + b"v" * 4000 for i in range(15)]),
     either(OK, LARGE))
case("size-field-60k", SIZE, GET(b"X-A: " + b"v" * 60000), either(OK, LARGE))
case("size-field-over-64k", SIZE, GET(b"X-A: " + b"v" * 66000), LARGE)
case("size-fields-over-64k", SIZE, GET(*[b"X-%d: " % i + b"v" * 4000 for i in range(18)]), LARGE)
case("size-name-over-64k", SIZE, GET(b"X" * 66000 + b": v"), LARGE)
case("size-endless", SIZE, b"GET /@ID@ HTTP/1.1\r\nX-A: " + b"v" * 500_000, LARGE)
case("size-90-fields", SIZE, GET(*[b"X-%d: v" % i for i in range(90)]), OK)
case("size-101-fields", SIZE, GET(*[b"X-%d: v" % i for i in range(100)]), either(LARGE, OK))
case("size-3000-fields", SIZE, GET(*[b"X-%d: v" % i for i in range(3000)]), either(LARGE, OK))

case.family("delivery")
PARTS = "RFC 9112, 2.2"
case("parts-bytewise", PARTS, ["bytewise", GET(b"X-A: b")], OK)
case("parts-bytewise-body", PARTS, ["bytewise", POST(b"Content-Length: 5") + b"hello"],
     answered(200, closed=False, body=b"hello"))
case("parts-bytewise-chunked", PARTS,
     ["bytewise", POST(b"Transfer-Encoding: chunked") + b"5;a=b\r\nhello\r\n0\r\nT: u\r\n\r\n"],
     answered(200, closed=False, body=b"hello"))
case("parts-bytewise-bad", PARTS, ["bytewise", GET(b"X-A : b")], refused(400))
case("parts-bytewise-both", PARTS,
     ["bytewise", POST(b"Content-Length: 5", b"Transfer-Encoding: chunked")
      + b"0\r\n\r\n" + SMUGGLED], either(refused(400), answered(200, closed=True, seen=1)))
case("parts-half-line", PARTS, b"GET /@ID@ HTT", silent())
case("parts-half-head", PARTS, b"GET /@ID@ HTTP/1.1\r\nHost: a\r\nX-A: ", silent())
case("parts-half-body", PARTS, POST(b"Content-Length: 5") + b"hell", silent())
case("parts-half-chunk", PARTS, POST(b"Transfer-Encoding: chunked") + b"5\r\nhell", silent())
case("parts-end-in-head", "RFC 9112, 8", [b"GET /@ID@ HTTP/1.1\r\nHost: a\r\n", "half"],
     refused(quietly=True))
case("parts-end-in-body", "RFC 9112, 8", [POST(b"Content-Length: 5") + b"hell", "half"],
     refused(quietly=True))
case("parts-end-in-chunk", "RFC 9112, 8",
     [POST(b"Transfer-Encoding: chunked") + b"5\r\nhell", "half"], refused(quietly=True))
