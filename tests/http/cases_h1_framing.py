# SPDX-License-Identifier: Apache-2.0
"""cases_h1_framing.py - where a message ends: lengths, transfer codings, chunks, and all the ways
to make two parsers see it in two places."""
from h1 import CHUNKED, POST, GET, SMUGGLED, Battery, answered, either, head, refused

case = Battery()
CASES = case.cases
HELLO = b"5\r\nhello\r\n0\r\n\r\n"
GOT = answered(200, closed=False, body=b"hello", seen=1)
BAD = refused(400)

case.family("content-length")
LENGTH = "RFC 9112, 6.3"
case("cl-plain", LENGTH, POST(b"Content-Length: 5") + b"hello", GOT)
case("cl-zero", LENGTH, POST(b"Content-Length: 0"), answered(200, closed=False, body=b""))
case("cl-none", LENGTH, POST(), answered(200, closed=False, body=b""))
case("cl-get", "RFC 9110, 9.3.1", GET(b"Content-Length: 5") + b"hello",
     either(answered(200, closed=False, seen=1), refused(400, 413)))
case("cl-leading-zeros", "RFC 9110, 8.6", POST(b"Content-Length: 0005") + b"hello",
     either(GOT, BAD))
for id, value in {"plus": b"+5", "minus": b"-5", "hex": b"0x5", "letters": b"five", "empty": b"",
                  "fraction": b"5.0", "exponent": b"5e0", "space-inside": b"5 5", "comma": b"5,",
                  "list": b"5, 6", "quoted": b'"5"', "underscore": b"1_0", "nul": b"5\0",
                  "vertical-tab": b"\x0b5", "not-ascii": b"\xd9\xa5",
                  "semicolon": b"5;"}.items():
    case("cl-" + id, LENGTH, POST(b"Content-Length: " + value) + b"hello" + SMUGGLED, BAD)
case("cl-same-list", LENGTH, POST(b"Content-Length: 5, 5") + b"hello", either(BAD, GOT))
case("cl-twice-same", LENGTH, POST(b"Content-Length: 5", b"Content-Length: 5") + b"hello",
     either(BAD, GOT))
case("cl-twice", LENGTH, POST(b"Content-Length: 5", b"Content-Length: 50") + b"hello" + SMUGGLED,
     BAD)
case("cl-twice-zero-first", LENGTH,
     POST(b"Content-Length: 0", b"Content-Length: 44") + SMUGGLED, BAD)
case("cl-twice-cases", LENGTH, POST(b"Content-Length: 5", b"content-length: 0") + SMUGGLED, BAD)
case("cl-overflow-64", LENGTH, POST(b"Content-Length: 18446744073709551621") + b"hello" + SMUGGLED,
     refused(400, 413))
case("cl-overflow-32", LENGTH, POST(b"Content-Length: 4294967301") + b"hello" + SMUGGLED,
     refused(400, 413))
case("cl-huge", LENGTH, POST(b"Content-Length: " + b"9" * 400), refused(400, 413))
case("cl-folded", LENGTH, POST(b"Content-Length:", b" 5") + b"hello", either(BAD, GOT))
case("cl-too-large", "RFC 9110, 15.5.14", POST(b"Content-Length: 9999999999"), refused(400, 413))

case.family("smuggling CL.TE, TE.CL")
BOTH = "RFC 9112, 6.1"
CLTE = b"0\r\n\r\n" + SMUGGLED
ONE = either(BAD, answered(200, closed=True, seen=1))
case("cl-te", BOTH, POST(b"Content-Length: 50", CHUNKED) + CLTE, ONE)
case("te-cl", BOTH, POST(CHUNKED, b"Content-Length: 4") + b"2c\r\n" + SMUGGLED + b"\r\n0\r\n\r\n",
     ONE)
case("cl-te-short", BOTH, POST(b"Content-Length: 5", CHUNKED) + CLTE, ONE)
case("cl0-te", BOTH, POST(b"Content-Length: 0", CHUNKED) + CLTE, ONE)
case("cl-te-1.0", BOTH, POST(b"Content-Length: 5", CHUNKED, version=b"HTTP/1.0") + CLTE, ONE)
case("te-1.0", BOTH, POST(CHUNKED, version=b"HTTP/1.0") + CLTE, ONE)
case("te-1.0-keep", BOTH,
     POST(CHUNKED, b"Connection: keep-alive", version=b"HTTP/1.0") + CLTE, ONE)
case("cl-te-get", BOTH, GET(b"Content-Length: 5", CHUNKED) + CLTE, ONE)

case.family("smuggling CL.0, 0.CL")
ZERO = "RFC 9112, 6.3"
for method in (b"GET", b"HEAD", b"OPTIONS", b"DELETE", b"PUT"):
    name = method.decode().lower()
    case("cl.0-" + name, ZERO,
         head(method + b" /@ID@ HTTP/1.1", b"Content-Length: @LEN@") + SMUGGLED, either(answered(200, closed=False, seen=1), answered(405, closed=False),
                            refused(400, 405, 413)))
case("cl.0-not-found", ZERO, POST(b"Content-Length: @LEN@", path=b"/status/404") + SMUGGLED,
     answered(404, closed=False, seen=1))
case("cl.0-expect", ZERO, POST(b"Content-Length: @LEN@", b"Expect: 100-continue") + SMUGGLED,
     answered(200, closed=False, seen=1))
case("0.cl-space", ZERO, POST(b"Content-Length : 44") + SMUGGLED, BAD)
case("0.cl-first", ZERO, b"POST /@ID@ HTTP/1.1\r\n Content-Length: 44\r\nHost: a\r\n\r\n" + SMUGGLED,
     BAD)
case("0.cl-newline", ZERO, POST(b"X: y\nContent-Length: 0\r\nX: z") + SMUGGLED[:3],
     either(BAD, answered(200)))
case("0.cl-underscore", ZERO, POST(b"Content_Length: 500"),
     either(answered(200, closed=False, body=b""), BAD))
case("0.cl-bare-cr", ZERO, POST(b"X: y\rContent-Length: 44") + SMUGGLED, BAD)
case("0.cl-nul-name", ZERO, POST(b"Content-Length\0: 44") + SMUGGLED, BAD)
case("0.cl-control-name", ZERO, POST(b"\x01Content-Length: 44") + SMUGGLED, BAD)

case.family("smuggling TE.TE")
CODING = "RFC 9112, 6.1"
TE = b"Transfer-Encoding"
for id, line in {
        "misspelt": TE + b": xchunked", "longer": TE + b": chunkedx",
        "identity": TE + b": identity", "empty": TE + b":", "null": TE + b": null",
        "cow": TE + b": cow", "quoted": TE + b': "chunked"', "single": TE + b": 'chunked'",
        "parameter": TE + b": chunked;a=b", "twice": TE + b": chunked, chunked",
        "not-last": TE + b": chunked, gzip", "identity-last": TE + b": chunked, identity",
        "space-before-colon": TE + b" : chunked", "tab-before-colon": TE + b"\t: chunked",
        "vertical-tab": TE + b": \x0bchunked", "form-feed": TE + b": \x0cchunked",
        "no-break-space": TE + b": \xa0chunked", "nul": TE + b": chunked\0",
        "del": TE + b": \x7fchunked", "control": TE + b": \x01chunked",
        "bare-cr": TE + b": \rchunked", "cr-last": TE + b": chunked\r",
        "folded-cr": b"X: y\r" + TE + b": chunked", "space-first": b" " + TE + b": chunked",
        "space-in-name": b"Transfer Encoding: chunked", "nul-name": TE + b"\0: chunked",
        "semicolon": TE + b"; chunked", "no-colon": TE + b" chunked",
        "name-control": TE + b"\x08: chunked"}.items():
    case("te-" + id, CODING, POST(line) + CLTE, refused(400, 501))
for id, lines in {
        "two-lines": (TE + b": chunked", TE + b": identity"),
        "two-lines-reversed": (TE + b": identity", TE + b": chunked"),
        "two-lines-cow": (TE + b": chunked", TE + b": cow"),
        "two-lines-same": (TE + b": chunked", TE + b": chunked"),
        "two-cases": (TE + b": chunked", b"transfer-encoding: x"),
        "folded": (TE + b":", b" chunked"), "folded-more": (TE + b": chunked", b" , x")}.items():
    case("te-" + id, CODING, POST(*lines) + CLTE,
         either(refused(400, 501), answered(200, closed=True, seen=1)))
case("te-gzip-chunked", "RFC 9112, 6.1", POST(TE + b": gzip, chunked") + HELLO,
     refused(400, 501, should=(501,)))
case("te-gzip", "RFC 9112, 6.3", POST(TE + b": gzip") + HELLO, refused(400, 501))
case("te-list-empty-first", "RFC 9110, 5.6.1", POST(TE + b": , chunked") + HELLO,
     either(refused(400, 501), GOT))
case("te-upper-case", "RFC 9112, 7", POST(b"TRANSFER-ENCODING: CHUNKED") + HELLO, GOT)
case("te-blanks", "RFC 9112, 5.1", POST(TE + b": \t chunked \t ") + HELLO, GOT)
case("te-underscore", CODING, POST(b"Transfer_Encoding: chunked"),
     either(answered(200, closed=False, body=b""), BAD))
case("te-bare-lf", CODING, POST(b"X: y\n" + TE + b": chunked", b"Content-Length: 5") + CLTE, ONE)

case.family("chunked")
CHUNK = "RFC 9112, 7.1"


def chunks(id, data, judge, clause=CHUNK):
    case("chunk-" + id, clause, POST(CHUNKED) + data, judge)


chunks("plain", HELLO, GOT)
chunks("none", b"0\r\n\r\n", answered(200, closed=False, body=b""))
chunks("three", b"1\r\nh\r\n3\r\nell\r\n1\r\no\r\n0\r\n\r\n", GOT)
chunks("hex", b"A\r\n0123456789\r\nb\r\n01234567890\r\n0\r\n\r\n",
       answered(200, closed=False, body=b"012345678901234567890"))
chunks("leading-zeros", b"005\r\nhello\r\n000\r\n\r\n", GOT)
for id, size in {"letters": b"xyz", "0x": b"0x5", "plus": b"+5", "minus": b"-5", "space": b" 5",
                 "empty": b"", "two": b"5 5", "comma": b"5,5", "dot": b"5.0", "nul": b"5\0",
                 "underscore": b"0_5", "quote": b'"5"', "overflow": b"10000000000000005",
                 "overflow-32": b"f00000005", "sign-bit": b"ffffffffffffffff",
                 "control": b"5\x01", "vertical-tab": b"5\x0b"}.items():
    chunks("size-" + id, size + b"\r\nhello\r\n0\r\n\r\n" + SMUGGLED, refused(400, 413))
chunks("size-trailing-space", b"5 \r\nhello\r\n0\r\n\r\n", either(BAD, GOT))
chunks("size-long-zeros", b"0" * 300 + b"5\r\nhello\r\n0\r\n\r\n", either(BAD, GOT))
chunks("size-bare-lf", b"5\nhello\r\n0\r\n\r\n", either(BAD, GOT))
chunks("size-bare-cr", b"5\rhello\r\n0\r\n\r\n" + SMUGGLED, BAD)
chunks("size-cr-cr-lf", b"5\r\r\nhello\r\n0\r\n\r\n" + SMUGGLED, BAD)
chunks("data-no-end", b"5\r\nhello0\r\n\r\n" + SMUGGLED, BAD)
chunks("data-long", b"5\r\nhelloxx0\r\n\r\n" + SMUGGLED, BAD)
chunks("data-short", b"6\r\nhello\r\n0\r\n\r\n" + SMUGGLED, BAD)
chunks("data-bare-lf", b"5\r\nhello\n0\r\n\r\n" + SMUGGLED, BAD)
chunks("data-bare-cr", b"5\r\nhello\r0\r\n\r\n" + SMUGGLED, BAD)
chunks("data-other-two", b"5\r\nhelloXX0\r\n\r\n" + SMUGGLED, BAD)
chunks("last-bare-lf", b"5\r\nhello\r\n0\n\n" + SMUGGLED,
       either(BAD, answered(200, 200)))
chunks("last-ends-in-lf", b"5\r\nhello\r\n0\r\n\n" , either(BAD, GOT))
chunks("last-then-next", HELLO + GET(path=b"/chunk-next"), answered(200, 200, closed=False, seen=2))

case.family("chunk extensions")
EXT = "RFC 9112, 7.1.1"
chunks("ext", b"5;a=b\r\nhello\r\n0;c\r\n\r\n", GOT, EXT)
chunks("ext-quoted", b'5;a="b;c\\"d"\r\nhello\r\n0\r\n\r\n', GOT, EXT)
chunks("ext-blanks", b"5 ; a = b\r\nhello\r\n0\r\n\r\n", either(GOT, BAD), EXT)
chunks("ext-empty", b"5;\r\nhello\r\n0\r\n\r\n", either(BAD, GOT), EXT)
chunks("ext-no-name", b"5;=b\r\nhello\r\n0\r\n\r\n", either(BAD, GOT), EXT)
chunks("ext-bare-lf", b"5;a\nhello\r\n0\r\n\r\n" + SMUGGLED, either(BAD, answered(200)), EXT)
chunks("ext-lf-inside", b"5;a\nb\r\nhello\r\n0\r\n\r\n", BAD, EXT)
chunks("ext-bare-cr", b"5;a\rb\r\nhello\r\n0\r\n\r\n", either(BAD, GOT), EXT)
chunks("ext-nul", b"5;a\0\r\nhello\r\n0\r\n\r\n", either(BAD, GOT), EXT)
chunks("ext-control", b"5;a=\x01\r\nhello\r\n0\r\n\r\n", either(BAD, GOT), EXT)
chunks("ext-newline-quoted", b'5;a="\r\nhello\r\n0\r\n\r\n"\r\n' + SMUGGLED,
       either(BAD, answered(200)), EXT)
chunks("ext-two-parsers", b"2;\nxx\r\n4c\r\n0\r\n\r\n" + SMUGGLED, BAD, EXT)
chunks("ext-64k", b"5;a=" + b"b" * 65536 + b"\r\nhello\r\n0\r\n\r\n", either(BAD, GOT), EXT)
chunks("ext-many", b"1;a=bbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\r\nx\r\n" * 3000 + b"0\r\n\r\n",
       either(BAD, answered(200, closed=False)), EXT)

case.family("trailers")
TRAILER = "RFC 9112, 7.1.2"
LAST = b"5\r\nhello\r\n0\r\n"
chunks("trailer", LAST + b"X-T: u\r\n\r\n", GOT, TRAILER)
chunks("trailer-announced", LAST + b"Digest: x\r\n\r\n", GOT, TRAILER)
chunks("trailer-framing", LAST + b"Content-Length: 44\r\nTransfer-Encoding: x\r\n\r\n",
       either(GOT, BAD), "RFC 9110, 6.5.1")
chunks("trailer-host", LAST + b"Host: b\r\nX-Forwarded-For: c\r\n\r\n",
       either(answered(200, closed=False, text=rb"\A(?!(?is:.*^(host: b|x-forwarded-for: c)$))"),
              BAD), "RFC 9110, 6.5.1")
chunks("trailer-no-colon", LAST + b"GET /x HTTP/1.1\r\n\r\n", either(BAD, GOT), TRAILER)
chunks("trailer-folded", LAST + b"A: b\r\n c\r\n\r\n", either(BAD, GOT), TRAILER)
chunks("trailer-space-before-colon", LAST + b"A : b\r\n\r\n", either(BAD, GOT), TRAILER)
chunks("trailer-nul", LAST + b"A: \0\r\n\r\n", either(BAD, GOT), TRAILER)
chunks("trailer-bare-lf", LAST + b"A: b\n\r\n", either(BAD, GOT), TRAILER)
chunks("trailer-bare-cr", LAST + b"A: b\rC: d\r\n\r\n", either(BAD, GOT), TRAILER)
chunks("trailer-64k", LAST + b"A: " + b"b" * 70000 + b"\r\n\r\n",
       either(refused(400, 413, 431), GOT), TRAILER)
chunks("trailer-many", LAST + b"A: b\r\n" * 2000 + b"\r\n",
       either(refused(400, 413, 431), GOT), TRAILER)
chunks("trailer-then-next", LAST + b"X: y\r\n\r\n" + GET(path=b"/chunk-trailer-next"),
       answered(200, 200, closed=False, seen=2), TRAILER)
