# SPDX-License-Identifier: Apache-2.0
"""h1.py - how a case of HTTP/1 is written: what is sent, in which pieces, and what is due.

    case("cl-plus", "RFC 9112, 6.3", POST(b"Content-Length: +3") + b"abc", refused())

The bytes are sent on a connection of their own; @ID@ in them becomes the case's id, so that its
path is that of no other, and @LEN@ the length of SMUGGLED. A judge looks at the Exchange: all answers, how the connection ended, and which requests the
function was given. Whatever the judge, a path with "smuggled" in it must never be seen.
"""
import re
import socket
import time
from dataclasses import dataclass, field

from battery import ANSWER_S, SILENCE_S, Case, Fail, Warn

SMUGGLED = b"GET /smuggled-@ID@ HTTP/1.1\r\nHost: a\r\n\r\n"

AFTER_LINE = "GET /after-it"
AFTER = AFTER_LINE.encode() + b" HTTP/1.1\r\nHost: a\r\n\r\n"


def head(line, *fields, host=True):
    """A head, of its lines without their ends."""
    lines = [line, *([b"Host: a"] if host else []), *fields]
    return b"".join(l + b"\r\n" for l in lines) + b"\r\n"


def GET(*fields, path=b"/@ID@", version=b"HTTP/1.1", host=True):
    return head(b"GET " + path + b" " + version, *fields, host=host)


def POST(*fields, path=b"/@ID@", version=b"HTTP/1.1", host=True):
    return head(b"POST " + path + b" " + version, *fields, host=host)


CHUNKED = b"Transfer-Encoding: chunked"


@dataclass
class Answer:
    status: int
    version: str
    fields: list  # (name in lower case, value)
    body: bytes
    framed: bool = True  # False: it ended with the connection

    def values(self, name):
        return [v for n, v in self.fields if n == name]


@dataclass
class Exchange:
    sent: bytes
    answers: list = field(default_factory=list)
    interim: list = field(default_factory=list)  # statuses 1xx
    closed: bool = False
    rest: bytes = b""  # what came and is no whole answer
    seen: list = field(default_factory=list)

    @property
    def statuses(self):
        return [a.status for a in self.answers]

    def __str__(self):
        end = "closed" if self.closed else "open"
        return f"answers {self.interim + self.statuses}, {end}, seen {self.seen}" + (
            f", then {self.rest[:60]!r}" if self.rest else "")


# ---- reading ----

def dechunk(data):
    """(body, rest) of a complete chunked body, None before that."""
    body = b""
    while True:
        line, mark, data = data.partition(b"\r\n")
        if not mark:
            return None
        size = int(line.split(b";")[0], 16)
        if len(data) < size + 2:
            return None
        if size == 0:
            return (body, data[2:]) if data[:2] == b"\r\n" else None
        if data[size:size + 2] != b"\r\n":
            raise Fail("a chunk without its end")
        body, data = body + data[:size], data[size + 2:]


def split(data, method, closed):
    """(Answer, rest) of the first answer in the bytes, None when it is not complete."""
    top, mark, rest = data.partition(b"\r\n\r\n")
    if not mark:
        return None
    lines = top.decode("latin-1").split("\r\n")
    match = re.fullmatch(r"(HTTP/1\.[01]) (\d{3})( .*)?", lines[0])
    if not match:
        raise Fail(f"no status line: {lines[0][:60]!r}")
    fields = []
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if not colon or not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name):
            raise Fail(f"no field line: {line[:60]!r}")
        fields.append((name.lower(), value.strip()))
    a = Answer(int(match[2]), match[1], fields, b"")
    if a.status < 200 or method == b"HEAD" or a.status in (204, 304):
        return a, rest
    if a.values("transfer-encoding"):
        done = dechunk(rest)
        if done is None:
            return None
        a.body, rest = done
        return a, rest
    lengths = a.values("content-length")
    if lengths:
        if len(rest) < int(lengths[0]):
            return None
        a.body = rest[:int(lengths[0])]
        return a, rest[int(lengths[0]):]
    if not closed:
        return None
    a.body, a.framed = rest, False
    return a, b""


def take_answers(exchange, data, methods):
    """Moves whole answers from the bytes to the exchange."""
    while data:
        method = methods[min(len(exchange.answers), len(methods) - 1)]
        done = split(data, method, exchange.closed)
        if done is None:
            break
        answer, data = done
        if answer.status < 200:
            exchange.interim.append(answer.status)
        else:
            exchange.answers.append(answer)
    return data


def receive(sock, exchange, data, methods, until):
    """Reads until `until(exchange)` holds, or the end, or a time has passed; returns the bytes
    that are no whole answer."""
    end = time.monotonic() + ANSWER_S
    while not exchange.closed and not until(exchange):
        left = end - time.monotonic()
        if left <= 0:
            break
        sock.settimeout(left)
        try:
            more = sock.recv(262144)
        except TimeoutError:
            break
        except ConnectionError:
            more = b""
        exchange.closed = not more
        data = take_answers(exchange, data + more, methods)
    return data


# ---- a case ----

class Script:
    """What is sent: pieces, each bytes or a word: WAIT (for an interim or final answer), HALF
    (no more will be sent), BYTEWISE (what follows goes out byte by byte)."""
    WAIT, HALF, BYTEWISE = "wait", "half", "bytewise"


def play(target, pieces, expected, methods=(b"GET",)):
    """Sends the pieces, then reads until `expected` answers are there and, when the judge needs
    the connection's fate, for a moment more."""
    exchange = Exchange(b"".join(p for p in pieces if isinstance(p, bytes)))
    before = len(target.seen()) if target.seen else 0
    bytewise, data, waits = False, b"", 0
    with target.connect() as sock:
        try:
            for piece in pieces:
                if piece == Script.WAIT:
                    waits += 1
                    data = receive(sock, exchange, data, methods,
                                   lambda e: len(e.interim) + len(e.answers) >= waits)
                elif piece == Script.HALF:
                    sock.shutdown(socket.SHUT_WR)
                elif piece == Script.BYTEWISE:
                    bytewise = True
                elif bytewise:
                    for i in range(len(piece)):
                        sock.sendall(piece[i:i + 1])
                else:
                    sock.sendall(piece)
        except ConnectionError:
            pass  # it was refused before all was sent; what it said is still to be read
        if expected == "end":
            exchange.rest = receive(sock, exchange, data, methods, lambda e: False)
        else:
            data = receive(sock, exchange, data, methods, lambda e: len(e.answers) >= expected)
            goes_on(sock, exchange, data, methods, quiet=expected == 0)
    if target.seen:
        exchange.seen = [line for line in target.seen()[before:] if line != AFTER_LINE]
    return exchange


def goes_on(sock, exchange, data, methods, quiet):
    """Says whether the connection is closed: it is not when one more request has its answer, and
    no byte before it. `quiet`: the server waits for the rest of a request; that is looked at."""
    have = len(exchange.answers)
    if quiet:
        sock.settimeout(SILENCE_S)
        try:
            exchange.rest = sock.recv(65536)
            exchange.closed = not exchange.rest
        except TimeoutError:
            pass
        except ConnectionError:
            exchange.closed = True
        return
    if not exchange.closed:
        try:
            sock.sendall(AFTER)
        except ConnectionError:
            pass
    methods = [*methods[:have], *[b"GET"] * max(1, have)] if have else [b"GET"]
    exchange.rest = receive(sock, exchange, data, methods, lambda e: len(e.answers) > have)
    if len(exchange.answers) > have and exchange.answers[-1].body.startswith(AFTER_LINE.encode()):
        exchange.answers.pop()
        exchange.closed = False


def methods_of(data):
    """Methods of what look like request lines, for an answer to HEAD has no body."""
    found = re.findall(rb"(?:^|\r\n)(?:\r\n)?([A-Z]+) [^ \r\n]+ HTTP/1\.[01]\r\n", data)
    return found or [b"GET"]


@dataclass
class Judge:
    check: object    # check(exchange): raises Fail or Warn
    expected: object  # answers to wait for; "end": read until the connection ends


class Battery:
    """Collects cases of one family after the other."""

    def __init__(self):
        self.cases, self.name = [], ""

    def family(self, name):
        self.name = name

    def __call__(self, id, clause, send, judge, methods=None):
        pieces = [send] if isinstance(send, bytes) else list(send)
        smuggled = SMUGGLED.replace(b"@ID@", id.encode())
        pieces = [p.replace(b"@ID@", id.encode()).replace(b"@LEN@", b"%d" % len(smuggled))
                  if isinstance(p, bytes) else p for p in pieces]
        whole = b"".join(p for p in pieces if isinstance(p, bytes))

        def run(target):
            exchange = play(target, pieces, judge.expected, methods or methods_of(whole))
            if any("smuggled" in line for line in exchange.seen):
                raise Fail(f"a smuggled request was executed: {exchange}")
            judge.check(exchange)
        self.cases.append(Case(id, self.name, clause, run))


# ---- judges ----

def refused(*statuses, should=(), quietly=False):
    """One answer with an error (of `statuses` when given) and the connection's end, or just the
    end; nothing was executed. `should`: other statuses only warn; `quietly`: so does not an end
    without an answer."""
    def check(e):
        if e.seen:
            raise Fail(f"executed: {e}")
        if not e.closed:
            raise Fail(f"the connection goes on: {e}")
        if any(s < 400 for s in e.statuses) or len(e.answers) > 1:
            raise Fail(f"answered as if it were good: {e}")
        if not e.answers and quietly:
            return
        if not e.answers:
            raise Warn("closed without a word")
        if statuses and e.statuses[0] not in statuses:
            raise Fail(f"status {e.statuses[0]}, not {statuses}")
        if should and e.statuses[0] not in should:
            raise Warn(f"status {e.statuses[0]}, not {should}")
    return Judge(check, "end")


def answered(*statuses, closed=None, body=None, text=None, seen=None, interim=None, then=None):
    """Exactly these statuses. `closed`: whether the connection ends (None: either); `body`: what
    the function got as the last body; `text`: regular expressions that what the function got in
    the last request has; `seen`: how many requests it got; `then(exchange)`: more."""
    def check(e):
        if e.statuses != list(statuses) or e.rest:
            raise Fail(f"not {list(statuses)}: {e}")
        if closed is not None and e.closed != closed:
            raise Fail(f"{'not closed' if closed else 'closed'}: {e}")
        if seen is not None and len(e.seen) != seen:
            raise Fail(f"{len(e.seen)} requests, not {seen}: {e}")
        if interim is not None and e.interim != list(interim):
            raise Fail(f"not {interim} first: {e}")
        got = e.answers[-1].body if e.answers else b""
        if body is not None and got.partition(b"\n\n")[2] != body:
            raise Fail(f"the function got another body: {got[-80:]!r}")
        for pattern in [text] if isinstance(text, bytes) else text or []:
            if not re.search(pattern, got, re.M):
                raise Fail(f"the function did not get {pattern!r}: {got[:200]!r}")
        if then:
            then(e)
    return Judge(check, len(statuses))


def either(*judges):
    """Any of them; a warning when only a later one holds."""
    def check(e):
        first = None
        for i, judge in enumerate(judges):
            try:
                judge.check(e)
            except Fail as error:
                first = first or error
                continue
            if i > 0:
                raise Warn(f"allowed, not best: {first}")
            return
        raise first
    expected = [j.expected for j in judges]
    return Judge(check, "end" if all(x == "end" for x in expected) else
                 min(x for x in expected if x != "end"))


def silent():
    """No answer, and the connection stays open: the request is not complete."""
    def check(e):
        if e.answers or e.seen or e.closed:
            raise Fail(f"not waiting for the rest: {e}")
    return Judge(check, 0)
