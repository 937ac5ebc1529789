#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""test_front.py - one address for many chains: routing, and what happens when a gateway or the
front itself is replaced meanwhile."""
import os
import socket
import threading
from pathlib import Path

import tap
from client import Closed, Connection, poll
from front import Front
from front_cases import FrontTest, Load


class Routing(FrontTest):
    def test_the_most_specific_host_and_path_win_on_one_connection(self):
        with Front(workers=2) as front:
            for name in ("any", "name", "wild", "deep", "exact"):
                front.upstream(name)
            self.assertIsNone(front.routes(
                ("any", "", "/*"), ("name", "shop.example", "/a/*"), ("wild", "*.example", "/*"),
                ("deep", "*.b.example", "/*"), ("exact", "shop.example", "/a/b")))
            with front.connect() as c:
                for host, path, chain in (
                        ("elsewhere", "/", "any"), ("shop.example", "/a/x", "name"),
                        ("SHOP.example:81", "/a/b", "exact"), ("shop.example", "/b", "wild"),
                        ("x.b.example", "/a/b", "deep"), ("b.example", "/", "wild"),
                        ("example", "/", "any"), ("[::1]:80", "/", "any"),
                        ("shop.example", "/c/../a/b?q=/x", "exact")):
                    self.assertEqual(self.from_chain(c, host, path), chain, (host, path))
                c.host = "shop.example"
                self.assertEqual(c.request("GET", "http://x.b.example/z").header("x-from"), "deep")
                self.assertEqual(c.request("HEAD", "/a/b").header("content-length"), "17")
            self.assertEqual(front.upstreams["exact"].accepted, 1)

    def test_refusals_are_problem_documents(self):
        with Front() as front:
            front.routes(("one", "a.example", "/*"), ("gone", "", "/gone"))
            with front.connect() as c:
                self.problem(c.request("GET", "/x"), 404, "no-chain")
                answer = c.request("POST", "/gone", b"body")
                self.problem(answer, 503, "chain-unavailable", "gone")
                self.assertEqual(answer.header("retry-after"), "1")

    def test_fields_are_passed_added_and_removed(self):
        with Front() as front:
            one = front.upstream("one")
            front.routes(("one", "", "/*"))
            with front.connect() as c:
                c.write(b"POST /p?q=1 HTTP/1.1\r\nHost: h.example\r\nX-Forwarded-For: 1.2.3.4\r\n"
                        b"X-Forwarded-For: 5.6.7.8\r\nX-Forwarded-Proto: https\r\n"
                        b"X-Client-Cert-Subject: CN=admin\r\nX-Request-Id: mine\r\n"
                        b"Connection: keep-alive, X-Hop\r\nX-Hop: 1\r\nTE: trailers\r\n"
                        b"Proxy-Authorization: x\r\nCookie: a=1\r\nTransfer-Encoding: chunked\r\n"
                        b"\r\n3\r\nabc\r\n0\r\n\r\n")
                self.assertEqual(c.receive().body, b"one POST /p?q=1 3")
            method, path, headers, body = one.requests[0]
            self.assertEqual((method, path, body), ("POST", "/p?q=1", b"abc"))
            self.assertEqual(sorted(headers), sorted([
                ("host", "h.example"), ("content-length", "3"), ("x-request-id", "mine"),
                ("cookie", "a=1"), ("x-forwarded-for", "1.2.3.4, 5.6.7.8, 127.0.0.1"),
                ("x-forwarded-proto", "http")]))

    def test_vary_is_what_the_chain_said(self):
        """Also to a browser to which libh2o would not say it."""
        with Front() as front:
            front.upstream("one", lambda *_: b"HTTP/1.1 200 OK\r\nvary: x-a\r\n"
                           b"content-length: 0\r\n\r\n")
            front.routes(("one", "", "/*"))
            with front.connect() as c:
                answer = c.request("GET", "/x", headers={"User-Agent": "Mozilla/4.0 (compatible; "
                                                         "MSIE 6.0; Windows NT 5.1)"})
            self.assertEqual(answer.header("vary"), "x-a")
            self.assertIsNone(answer.header("cache-control"))

    def test_a_large_body_is_in_no_file(self):
        with Front() as front:
            one = front.upstream("one")
            front.routes(("one", "", "/*", 64 << 20))
            with front.connect() as c:
                c.write(b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % (48 << 20))
                for _ in range(47):
                    c.write(bytes(1 << 20))
                maps = Path(f"/proc/{front.process.pid}/maps").read_text()
                self.assertNotIn("h2o.b.", maps)
                c.write(bytes(1 << 20))
                self.assertEqual(c.receive().status, 200)
            self.assertEqual(len(one.requests[0][3]), 48 << 20)

    def test_answers_of_every_shape(self):
        big = os.urandom(3 << 20)
        shapes = {
            "/chunked": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2;x\r\nde\r\n0\r\nT: 1\r\n\r\n",
            "/close": b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nuntil the end",
            "/big": b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(big) + big,
            "/none": b"HTTP/1.1 204 No Content\r\n\r\n",
            "/error": b"HTTP/1.1 418 Teapot\r\ncontent-length: 4\r\nkeep-alive: x\r\n\r\nshort",
            "/hint": b"HTTP/1.1 103 Early\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
            "/two": b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nabc",
            "/garbage": b"SSH-2.0-OpenSSH\r\n\r\n",
            "/cut": b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\nconnection: close\r\n\r\nabc",
        }
        with Front() as front:
            front.upstream("one", lambda m, path, h, b: shapes[path])
            front.routes(("one", "", "/*"))
            with front.connect() as c:
                self.assertEqual(c.request("GET", "/chunked").body, b"abcde")
                self.assertEqual(c.request("GET", "/close").body, b"until the end")
                self.assertEqual(c.request("GET", "/big").body, big)
                self.assertEqual(c.request("GET", "/none").status, 204)
                answer = c.request("GET", "/error")
                self.assertEqual((answer.status, answer.body), (418, b"shor"))
                self.assertIsNone(answer.header("keep-alive"))
                self.assertEqual(c.request("GET", "/hint").body, b"ok")
                self.problem(c.request("GET", "/two"), 502, "bad-answer", "one")
                self.problem(c.request("GET", "/garbage"), 502, "bad-answer", "one")
                with self.assertRaises(Closed):
                    c.request("GET", "/cut")

    def test_a_body_above_the_largest_limit_is_refused_here(self):
        with Front() as front:
            one = front.upstream("one")
            front.routes(("one", "", "/*", 1000), ("one", "", "/b", 4000))
            with front.connect() as c:
                self.assertEqual(c.request("POST", "/x", b"x" * 4000).status, 200)
            with front.connect() as c:
                self.problem(c.request("POST", "/x", b"x" * 9000), 413, "body-too-large")
            self.assertEqual(len(one.requests), 1)

    def test_new_routes_fail_no_request(self):
        with Front(workers=2) as front:
            for name in ("a", "b"):
                front.upstream(name)
            front.routes(("a", "", "/*"))
            load = Load(front.connect, lambda c: self.from_chain(c, "h", "/x", "POST", b"b"))
            for i in range(40):
                self.assertIsNone(front.routes(("ab"[i % 2], "", "/*")))
                with front.connect() as c:
                    self.assertEqual(self.from_chain(c, "h", "/x"), "ab"[i % 2])
            load.more(100)
            self.assertEqual(load.end(), [])
            self.assertIsNotNone(front.update(2, [b"short"], 1))
            with front.connect() as c:
                self.assertEqual(self.from_chain(c, "h", "/x"), "b")


class Retry(FrontTest):
    def test_a_connection_closed_meanwhile_costs_no_request(self):
        with Front() as front:
            one = front.upstream("one")
            front.routes(("one", "", "/*"))
            with front.connect() as c:
                for i in range(50):
                    one.drop()
                    self.assertEqual(self.from_chain(c, "h", f"/{i}", "POST", b"x"), "one")
            self.assertEqual([r[1] for r in one.requests], [f"/{i}" for i in range(50)])

    def test_closed_unread_is_sent_again_even_a_post(self):
        with Front() as front:
            path = str(front.folder / "one.sock")
            front.routes(("one", "", "/*"))
            with socket.socket(socket.AF_UNIX) as sock, front.connect() as c:
                sock.bind(path)
                sock.listen(8)
                sock.settimeout(10)
                c.send("POST", "/", b"x" * 30000)
                first, _ = sock.accept()
                poll("it is there", lambda: len(first.recv(65536, socket.MSG_PEEK)) > 30000)
                first.recv(10)
                first.close()  # with bytes unread
                second, _ = sock.accept()
                second.settimeout(10)
                got = b""
                while len(got) < 30000:
                    got += second.recv(65536)
                second.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
                self.assertEqual(c.receive().body, b"ok")
                second.close()

    def test_read_and_closed_is_sent_again_only_if_it_may_be(self):
        first = {"GET": True, "POST": True}

        def answer(method, path, headers, body):
            if path == "/warm":
                return b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
            if first[method]:
                first[method] = False
                return None
            return b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"

        with Front() as front:
            one = front.upstream("one", answer)
            front.routes(("one", "", "/*"))
            with front.connect() as c:
                c.request("GET", "/warm")
                self.assertEqual(c.request("GET", "/").body, b"ok")
                self.problem(c.request("POST", "/", b"x"), 502, "chain-cut-off", "one")
            self.assertEqual([r[0] for r in one.requests if r[1] == "/"], ["GET", "GET", "POST"])

    def test_a_gateway_restarts(self):
        with Front() as front:
            one = front.upstream("one")
            front.routes(("one", "", "/*"))
            with front.connect() as c:
                self.assertEqual(self.from_chain(c, "h", "/"), "one")
                one.close()
                self.problem(c.request("GET", "/"), 503, "chain-unavailable", "one")
                one.listen()
                self.assertEqual(self.from_chain(c, "h", "/", "POST", b"b"), "one")


class Life(FrontTest):
    def test_killed_and_started_again_refuses_no_connection(self):
        with Front(workers=2) as front:
            front.upstream("one")
            front.routes(("one", "", "/*"))
            with front.connect() as c:
                self.assertEqual(self.from_chain(c, "h", "/"), "one")
            front.process.kill()
            front.process.wait()
            waiting = [front.connect() for _ in range(20)]
            for c in waiting:
                c.send("GET", "/")
            front.start()
            front.routes(("one", "", "/*"))
            for c in waiting:
                self.assertEqual(c.receive().status, 200)
                c.close()

    def test_the_end_of_the_controller_drains(self):
        gate = threading.Event()

        def answer(method, path, headers, body):
            gate.wait(10)
            return b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"

        with Front() as front:
            one = front.upstream("one", answer)
            front.routes(("one", "", "/*"))
            with front.connect() as c, front.connect() as idle:
                c.send("GET", "/")
                poll("it is there", lambda: one.requests)
                front.control.close()
                self.assertTrue(idle.closed())
                gate.set()
                self.assertEqual(c.receive().body, b"ok")
                self.assertTrue(c.closed())
            self.assertEqual(front.process.wait(10), 0)

    def test_idle_it_sleeps(self):
        def switches():
            text = Path(f"/proc/{front.process.pid}/status").read_text()
            return int(text.split("voluntary_ctxt_switches:")[1].split()[0])

        with Front() as front:
            front.upstream("one")
            front.routes(("one", "", "/*"))
            with front.connect() as c:
                self.assertEqual(self.from_chain(c, "h", "/"), "one")
            threading.Event().wait(0.3)  # the end of the connection
            before = switches()
            threading.Event().wait(2.2)
            self.assertEqual(switches(), before)

    def test_garbage_and_slow_clients_hold_nobody_up(self):
        with Front() as front:
            one = front.upstream("one")
            front.routes(("one", "", "/*"))
            slow = [front.connect() for _ in range(50)]
            for c in slow:
                c.write(b"GET / HTTP/1.1\r\nHost: ")
            for bad in (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", os.urandom(4000),
                        b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n"
                        b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
                        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\nx"):
                with front.connect() as c:
                    c.write(bad + b"\r\n\r\n")
                    try:
                        self.assertEqual(c.receive().status, 400)
                    except (Closed, ConnectionResetError):
                        pass
            with front.connect() as c:
                self.assertEqual(self.from_chain(c, "h", "/"), "one")
            self.assertEqual(len(one.requests), 1)
            for c in slow:
                c.write(b"h\r\n\r\n")
                self.assertEqual(c.receive().status, 200)
                c.close()


if __name__ == "__main__":
    tap.main()
