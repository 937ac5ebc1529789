# SPDX-License-Identifier: Apache-2.0
"""More requests than a chain or a function can do: what can be served is, the rest is told so
early, and who does not need the function does not notice."""
import json
import os
import signal
import socket
import statistics
import threading
import time

import tap
from actors import Later, actor, actors, calls
from client import Closed, poll
from h2 import (DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PREFACE, RST_STREAM, field, frame,
                post, read_frame)
from harness import ChainTest

PING, WINDOW_UPDATE = 6, 8
SLOW = bool(os.environ.get("SPROCKET_SLOW"))


def fork(slow=(), **more):
    """Two functions, at two paths; `slow` says more of that one."""
    return actors({"slow": actor(**dict(slow)), "fast": actor()},
                  [{"from": "ingress", "to": "fast", "when": {"path": "/fast"}},
                   "ingress slow", "slow reply", "fast reply"], timeout="2s", **more)


class Load:
    """Requests at a rate, whatever becomes of them; each on a connection that is free."""

    def __init__(self, chain, path, rate, headers=(), clients=64):
        self.chain, self.path, self.headers = chain, path, dict(headers)
        self.rate, self.clients = rate, clients
        self.stopping = threading.Event()
        self.lock = threading.Lock()
        self.answers = []  # (when, status, seconds, reason)
        self.errors = []
        self.next = time.monotonic()

    def __enter__(self):
        self.next = time.monotonic()
        self.threads = [threading.Thread(target=self.drive, daemon=True)
                        for _ in range(self.clients)]
        for t in self.threads:
            t.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for t in self.threads:
            t.join(30)

    def turn(self):
        with self.lock:
            at = self.next
            self.next = max(self.next + 1 / self.rate, time.monotonic() - 0.1)
        return self.stopping.wait(max(0, at - time.monotonic()))

    def drive(self):
        connection = None
        while not self.turn():
            try:
                connection = connection or self.chain.connect()
                began = time.monotonic()
                answer = connection.request("POST", self.path, b"x", self.headers)
                now = time.monotonic()
                reason = answer.json()["reason"] if answer.status >= 400 else ""
                if answer.header("connection") == "close":
                    connection.close()
                    connection = None
            except (OSError, Closed, ValueError) as e:
                self.errors.append(repr(e))
                connection = None
                continue
            with self.lock:
                self.answers.append((now, answer.status, now - began, reason))
        if connection:
            connection.close()

    def since(self, at):
        with self.lock:
            return [a for a in self.answers if a[0] >= at]


def quantile(values, q):
    values = sorted(values)
    return values[min(len(values) - 1, int(q * len(values)))]


class Neighbours(ChainTest):
    def p99(self, chain, seconds=1.0):
        took = []
        with chain.connect() as c:
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                began = time.monotonic()
                answer = c.request("POST", "/fast", b"x")
                self.assertEqual(answer.status, 200, answer)
                took.append(time.monotonic() - began)
        return quantile(took, 0.99)

    def test_a_stopped_function_keeps_nothing_from_others(self):
        """Ten times as many requests for it as the pool has buffers of a kind."""
        with fork(memory="2Mi", sizes=("2Ki", "16Ki")) as chain:
            before = self.p99(chain)
            pid = chain.instance_pid("slow")
            os.kill(pid, signal.SIGSTOP)
            try:
                total = chain.status()["buffers"]["total"]
                with Load(chain, "/slow", 2000, clients=min(10 * total, 600)) as load:
                    poll("refused", lambda: any(a[3] == "function-overloaded"
                                                for a in load.since(0)), 10)
                    during = self.p99(chain)
                    self.assertGreater(chain.status()["buffers"]["free"], total // 80)
                self.assertEqual({(a[1], a[3]) for a in load.answers} - {(504, "deadline")},
                                 {(503, "function-overloaded")}, "what it has waits")
            finally:
                os.kill(pid, signal.SIGCONT)
            self.assertLess(during, max(3 * before, 0.05), "of those that do not need it")
            self.assertEqual(chain.request("POST", "/slow", b"x").status, 200)
            chain.wait_idle(seconds=10)

    def test_one_that_holds_what_it_gets(self):
        """It takes requests for ever and answers none: beyond its limit it gets no more."""
        with fork({"maxInFlight": 8}) as chain:
            held = [Later(chain, "slow.hold") for _ in range(8)]
            poll("held", lambda: chain.instances("slow")[0]["in_flight"] == 8)
            answer = chain.request("POST", "/slow", b"x", {"x-do": "slow.hold"})
            self.assertEqual(self.assertProblem(answer, 503)["reason"], "function-overloaded")
            self.assertEqual(answer.header("retry-after"), "1")
            self.p99(chain, 0.3)
            later = Later(chain, "slow.free")  # waits, until there is room or 100 ms are over
            self.assertEqual(later.answer().status, 503)
            os.kill(chain.instance_pid("slow"), signal.SIGKILL)
            for h in held:
                self.assertEqual(h.answer().status, 502)
            poll("serves again", lambda: chain.request("POST", "/slow", b"x").status == 200)
            chain.wait_idle()


class Function(ChainTest):
    def test_never_more_than_its_limit(self):
        """Requests that come while it has as many as it may wait, and are served in turn."""
        with fork({"maxInFlight": 3, "instances": 1},
                  overload={"interval": "5s", "target": "1s"}) as chain:
            most = []
            many = [Later(chain, "slow.sleep=20") for _ in range(24)]
            while any(m.thread.is_alive() for m in many):
                most.append(chain.instances("slow")[0]["in_flight"])
            self.assertEqual({m.answer().status for m in many}, {200})
            self.assertLessEqual(max(most), 3)
            self.assertGreater(max(most), 0)
            gateway = chain.wait_idle()["gateway"]
            self.assertGreater(gateway["queued"], 10)
            self.assertGreater(gateway["queued_us"], 20000)

    def test_from_one_function_to_the_next(self):
        """What the first one hands on comes home while the second one is full, and goes there
        when it is not."""
        with actors({"a": actor(), "b": actor(maxInFlight=2)}, ["ingress a", "a b", "b reply"],
                    overload={"interval": "5s", "target": "1s"}) as chain:
            many = [Later(chain, "b.sleep=10", b"body %d" % i) for i in range(20)]
            for i, m in enumerate(many):
                answer = m.answer()
                self.assertEqual((answer.status, answer.body), (200, b"body %d" % i))
            chain.wait_idle()

    def test_calls_wait_in_their_callers(self):
        with actors({"a": calls("b", instances=2), "b": actor(maxInFlight=1)},
                    ["ingress a", "a reply"], timeout="10s") as chain:
            many = [Later(chain, "a.call=one;b.sleep=10") for _ in range(10)]
            for m in many:
                self.assertIn(b"ok=1", m.answer().body)
            chain.wait_idle(leases=True)


class Chains(ChainTest):
    def bounded(self, **overload):
        return actors({"a": actor()}, ["ingress a", "a reply"], timeout="10s",
                      overload={"maxInFlight": 4, "maxQueue": 8} | overload)

    def test_tenfold(self):
        """Goodput stays, the rest is refused at once, and afterwards all is as before."""
        seconds = 300 if SLOW else 3
        order = {"x-do": "a.sleep=5"}  # 200 a second at most
        with self.bounded() as chain:
            with Load(chain, "/", 150, order, clients=4) as load:
                poll("flows", lambda: len(load.answers) > 20)
                begin = time.monotonic()
                poll("measured", lambda: time.monotonic() > begin + 1)
                self.assertEqual({a[1] for a in load.since(begin)}, {200})
            with Load(chain, "/", 1000, order, clients=4) as load:  # as fast as they are answered
                begin = time.monotonic() + 0.3
                poll("measured", lambda: time.monotonic() > begin + 1.5)
                peak = len([a for a in load.since(begin) if a[1] == 200]) / 1.5
            with Load(chain, "/", 10 * peak, order, clients=64) as load:
                begin = time.monotonic() + 0.5
                poll("measured", lambda: time.monotonic() > begin + seconds, seconds + 10)
                end = time.monotonic()
            answers = load.since(begin)
            good = [a for a in answers if a[1] == 200]
            refused = [a for a in answers if a[1] == 503]
            self.assertEqual(len(good) + len(refused), len(answers), load.errors[:3])
            self.assertEqual(load.errors, [])
            self.assertEqual({a[3] for a in refused}, {"overloaded"})
            goodput = len(good) / (end - begin)
            print(f"# peak {peak:.0f}/s, goodput {goodput:.0f}/s of {len(answers)/(end-begin):.0f}, "
                  f"503 p50 {1e3 * statistics.median(a[2] for a in refused):.1f} ms "
                  f"p99 {1e3 * quantile([a[2] for a in refused], .99):.1f} ms, "
                  f"200 p99 {1e3 * quantile([a[2] for a in good], .99):.1f} ms", flush=True)
            self.assertGreater(goodput, 0.8 * peak)
            with chain.connect() as c:
                answers = [c.request("POST", "/", b"x", order).status for _ in range(20)]
            self.assertEqual(set(answers), {200})
            chain.wait_idle()

    def test_a_burst_waits_its_turn(self):
        with self.bounded(maxQueue=64) as chain:
            many = [Later(chain, "a.sleep=1") for _ in range(24)]
            self.assertEqual([m.answer().status for m in many], [200] * 24)
            chain.wait_idle()

    def test_one_that_leaves_while_it_waits(self):
        with self.bounded() as chain:
            held = [Later(chain, "a.hold") for _ in range(4)]
            poll("held", lambda: chain.status()["gateway"]["in_flight"] == 4)
            c = chain.connect()
            c.send("POST", "/", b"x")
            poll("waits", lambda: chain.status()["gateway"]["queued"] == 1)
            c.reset()
            poll("gone", lambda: chain.status()["gateway"]["connections"] == 4)
            os.kill(chain.instance_pid("a"), signal.SIGKILL)
            for h in held:
                self.assertEqual(h.answer().status, 502)
            chain.wait_idle()


class Body(ChainTest):
    """A refusal that does not wait for the body."""

    def full(self):
        return actors({"a": actor()}, ["ingress a", "a reply"], timeout="10s",
                      overload={"maxInFlight": 1, "maxQueue": 1, "target": "2s", "interval": "4s"})

    def head(self, chain, fields, line=b"POST /"):
        s = socket.create_connection(("127.0.0.1", chain.port), 5)
        s.sendall(line + b" HTTP/1.1\r\nHost: h\r\n" + fields + b"\r\n")
        return s

    def refused(self, chain, fields, line=b"POST /"):
        with self.head(chain, fields, line) as s:
            got = b""
            while chunk := s.recv(65536):
                got += chunk
        head = got.lower()
        self.assertTrue(got.startswith(b"HTTP/1.1 503 "), got)
        self.assertIn(b"retry-after: 1\r\n", head)
        self.assertIn(b"connection: close\r\n", head)
        self.assertIn(b'"reason":"overloaded"', got)
        self.assertNotIn(b"100 Continue", got)

    def test_before_it_is_read(self):
        with self.full() as chain:
            held = Later(chain, "a.hold")
            poll("held", lambda: chain.status()["gateway"]["in_flight"] == 1)
            waits = Later(chain, "")
            poll("waits", lambda: chain.status()["gateway"]["queued"] == 1)
            self.refused(chain, b"Content-Length: 9000\r\n")
            self.refused(chain, b"Content-Length: 9000\r\nExpect: 100-continue\r\n")
            self.refused(chain, b"Transfer-Encoding: chunked\r\n")
            # What has an answer of its own: its body would become the next request.
            self.refused(chain, b"Content-Length: 9000\r\n", b"OPTIONS *")
            self.refused(chain, b"Content-Length: 9000\r\n", b"POST /healthz")
            # Without a body nothing is lost with the connection.
            with chain.connect() as c:
                self.assertEqual(c.request("GET", "/").status, 503)
                self.assertEqual(c.request("GET", "/").status, 503)
            os.kill(chain.instance_pid("a"), signal.SIGKILL)
            self.assertEqual(held.answer().status, 502)
            self.assertEqual(waits.answer().status, 200)
            with self.head(chain, b"Content-Length: 1\r\nExpect: 100-continue\r\n") as s:
                self.assertTrue(s.recv(100).startswith(b"HTTP/1.1 100 "))
                s.sendall(b"x")
                self.assertTrue(s.recv(1000).startswith(b"HTTP/1.1 200 "))
            chain.wait_idle()

    def test_http2_before_it_is_read(self):
        """The answer is whole, whatever of the body is on its way; so are what the connection
        has of header compression and of its window, and it serves on."""
        def answer(c, stream, last):
            """Reads until a frame of kind `last` of the stream; returns body and what ended it."""
            body, ends = b"", []
            while not ends or ends[-1][0] != last:
                kind, flags, of, payload = read_frame(c)
                self.assertNotEqual(kind, GOAWAY, payload)
                if of == 0 and kind == WINDOW_UPDATE:
                    self.window += int.from_bytes(payload, "big")
                self.assertIn(of, (0, stream))
                body += payload if kind == DATA else b""
                if kind == RST_STREAM or flags & END_STREAM and of:
                    ends.append((kind, payload))
            return body, ends

        def refused(c, stream, *sent, last=RST_STREAM):
            c.write(b"".join(sent))
            body, ends = answer(c, stream, last)
            self.assertEqual(json.loads(body)["reason"], "overloaded")
            self.assertEqual(ends[0][0], DATA)
            self.assertEqual(ends[1:], [(RST_STREAM, bytes(4))] if last == RST_STREAM else [])

        def opened(stream, *fields):
            return frame(HEADERS, END_HEADERS, stream, post("/") + b"".join(fields))

        with self.full() as chain:
            held = Later(chain, "a.hold")
            poll("held", lambda: chain.status()["gateway"]["in_flight"] == 1)
            waits = Later(chain, "")
            poll("waits", lambda: chain.status()["gateway"]["queued"] == 1)
            self.window = 65535
            kib16 = 16384
            with chain.connect() as c:
                c.write(PREFACE)
                refused(c, 1, opened(1))
                refused(c, 3, opened(3), frame(DATA, 0, 3, bytes(kib16)))
                # With all of the body there nothing is cut short.
                refused(c, 5, opened(5, field("content-length", "4")),
                        frame(DATA, END_STREAM, 5, b"body"), last=DATA)
                refused(c, 7, opened(7), frame(DATA, 0, 7, b"x"),
                        frame(HEADERS, END_HEADERS | END_STREAM, 7,
                              b"\x40\4name\5value"), last=DATA)
                # What comes later, too, and more of it than the window.
                sent = kib16
                for stream in range(9, 51, 2):
                    refused(c, stream, opened(stream))
                    c.write(frame(DATA, 0, stream, bytes(kib16)) * 60)
                    sent += 60 * kib16
                    c.write(frame(PING, 0, 0, bytes(8)))
                    while (kind := read_frame(c))[0] != PING:
                        self.assertEqual(kind[0], WINDOW_UPDATE)
                        self.window += int.from_bytes(kind[3], "big")
                    self.assertGreater(self.window, sent + 60 * kib16)
                self.assertGreater(sent, 1 << 24)
                os.kill(chain.instance_pid("a"), signal.SIGKILL)
                self.assertEqual(held.answer().status, 502)
                self.assertEqual(waits.answer().status, 200)
                # The newest entry of the table is the field of the trailers.
                c.write(frame(HEADERS, END_HEADERS, 51, post("/") + b"\xbe")
                        + frame(DATA, END_STREAM, 51, b"served"))
                self.assertEqual(answer(c, 51, DATA)[0], b"served")
            chain.wait_idle()

    def test_memory_is_flat(self):
        """So many refusals leave nothing in the gateway."""
        def rss():
            with open(f"/proc/{chain.status()['gateway']['pid']}/status") as f:
                return int(next(x for x in f if x.startswith("VmRSS")).split()[1])

        def refuse(count):
            request = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
            with chain.connect() as c:
                for _ in range(count // 20):
                    c.write(request * 20)
                    for _ in range(20):
                        assert c.receive("GET").status == 503

        with self.full() as chain:
            held = Later(chain, "a.hold")
            poll("held", lambda: chain.status()["gateway"]["in_flight"] == 1)
            waits = Later(chain, "")
            poll("waits", lambda: chain.status()["gateway"]["queued"] == 1)
            refuse(2000)
            before = rss()
            refuse(100000 if SLOW else 8000)
            self.assertLess(rss() - before, 1024, "KiB")
            os.kill(chain.instance_pid("a"), signal.SIGKILL)
            held.answer(), waits.answer()
            chain.wait_idle()


if __name__ == "__main__":
    tap.main()
