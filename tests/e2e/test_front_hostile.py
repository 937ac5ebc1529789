#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""test_front_hostile.py - clients that want the front and a gateway to see two different
requests, to be taken for somebody else, or to wear the front out."""
import os
import socket
import struct
import threading
import time
import unittest
from pathlib import Path

import tap
from client import Closed, poll
from front import Front
from test_http2 import (DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PREFACE, RST_STREAM,
                        frame, read_frame)


def text(data):
    """An HPACK string, not Huffman coded."""
    assert len(data) < 127
    return bytes([len(data)]) + data


def field(name, value):
    """A literal field without indexing."""
    return b"\0" + text(name) + text(value)


def pseudo(method=b"POST", path=b"/x", authority=b"h", scheme=b"http"):
    return [(b":method", method), (b":scheme", scheme), (b":path", path),
            (b":authority", authority)]


def fds(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


class Hostile(unittest.TestCase):
    def h2(self, front, fields, body=b""):
        """Sends one HTTP/2 request. Returns the status, or None when it was reset."""
        block = b"".join(field(n, v) for n, v in fields)
        with front.connect() as c:
            c.write(PREFACE + frame(HEADERS, END_HEADERS | (0 if body else END_STREAM), 1, block)
                    + (frame(DATA, END_STREAM, 1, body) if body else b""))
            try:
                while True:
                    kind, _, stream, payload = read_frame(c)
                    if kind in (RST_STREAM, GOAWAY):
                        return None
                    if kind == HEADERS and stream == 1:
                        return payload[0]
            except (Closed, ConnectionResetError):
                return None

    def test_http2_fields_make_no_second_request(self):
        evil = b"a\r\nX-Client-Cert-Subject: CN=admin\r\n\r\nGET /evil HTTP/1.1\r\nHost: h\r\n\r\n"
        for name, fields in {
                "value": pseudo() + [(b"x-a", evil)],
                "value, bare LF": pseudo() + [(b"x-a", evil.replace(b"\r\n", b"\n"))],
                "value, NUL": pseudo() + [(b"x-a", b"a\0b")],
                "cookie": pseudo() + [(b"cookie", evil)],
                "x-forwarded-for": pseudo() + [(b"x-forwarded-for", evil)],
                "name": pseudo() + [(b"x-a: b\r\nx-client-cert-subject", b"CN=admin")],
                "name with a colon": pseudo() + [(b"x-client-cert-subject:x", b"CN=admin")],
                "name with a space": pseudo() + [(b"x-client-cert-subject ", b"CN=admin")],
                "name empty": pseudo() + [(b"", b"CN=admin")],
                "name in capitals": pseudo() + [(b"X-Client-Cert-Subject", b"CN=admin")],
                "method": pseudo(method=b"GET /evil HTTP/1.1\r\nHost: h\r\n\r\nGET"),
                "method with a space": pseudo(method=b"GET /evil"),
                "path": pseudo(path=b"/x HTTP/1.1\r\nx-evil: 1\r\n\r\nGET /evil"),
                "path with a space": pseudo(path=b"/x /evil"),
                "query": pseudo(path=b"/x?a HTTP/1.1\r\nHost: h\r\n\r\nGET /evil"),
                "query with a space": pseudo(path=b"/x?a b"),
                "authority": pseudo(authority=b"h\r\nx-evil: 1"),
                "authority with a space": pseudo(authority=b"h evil"),
                "host": pseudo()[:3] + [(b"host", b"h\r\nx-evil: 1")],
                "transfer-encoding": pseudo() + [(b"transfer-encoding", b"chunked")],
                "content-length beside none": pseudo() + [(b"content-length", b"30")],
                "path without a slash": pseudo(path=b"evil"),
                "connect": [(b":method", b"CONNECT"), (b":authority", b"h:80")],
        }.items():
            with self.subTest(name), Front() as front:
                one = front.upstream("one")
                front.routes(("one", "", "/*"))
                self.h2(front, fields, b"body")
                self.h2(front, pseudo(path=b"/good"))
                good = [r for r in one.requests if r[1] == "/good"]
                self.assertEqual(len(good), 1, one.requests)
                for method, path, headers, _ in one.requests:
                    self.assertIn(method, ("POST", "GET"))
                    self.assertIn(path, ("/x", "/good"), one.requests)
                    for n, v in headers:
                        self.assertNotIn("evil", n + v, one.requests)
                        self.assertNotIn("admin", n + v, one.requests)
                        self.assertNotIn("\0", v)
                        self.assertRegex(n, r"\A[!#$%&'*+.^_`|~0-9a-z-]+\Z")
                    self.assertLessEqual(
                        sum(n in ("content-length", "transfer-encoding") for n, _ in headers), 1)

    def test_http1_heads_make_no_second_request(self):
        for name, head in {
                "bare LF": b"GET /x HTTP/1.1\nHost: h\nX-A: b\n\n",
                "bare CR": b"GET /x HTTP/1.1\r\nHost: h\r\nX-A: a\rX-Evil: 1\r\n\r\n",
                "NUL": b"GET /x HTTP/1.1\r\nHost: h\r\nX-A: a\0evil\r\n\r\n",
                "vertical tab": b"GET /x HTTP/1.1\r\nHost: h\r\nX-A: a\x0bevil\r\n\r\n",
                "host with a space": b"GET /x HTTP/1.1\r\nHost: h evil\r\n\r\n",
                "host with a path": b"GET /x HTTP/1.1\r\nHost: h/evil\r\n\r\n",
                "absolute with userinfo": b"GET http://h@evil/x HTTP/1.1\r\nHost: h\r\n\r\n",
                "method": b"GE\x01T /x HTTP/1.1\r\nHost: h\r\n\r\n",
                "path with 8 bits": b"GET /x?\xff\xfe HTTP/1.1\r\nHost: h\r\n\r\n",
                "connect": b"CONNECT evil:80 HTTP/1.1\r\nHost: evil:80\r\n\r\n",
                "authority form": b"GET evil:80 HTTP/1.1\r\nHost: h\r\n\r\n",
                "name with a slash": b"GET /x HTTP/1.1\r\nHost: h\r\nX/Evil: 1\r\n\r\n",
                "chunked, upper case twice": b"POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: "
                                             b"chunked, chunked\r\n\r\n0\r\n\r\nGET /evil HTTP/1.1"
                                             b"\r\nHost: h\r\n\r\n",
                "content-length of a hop": b"POST /x HTTP/1.1\r\nHost: h\r\nConnection: "
                                           b"content-length\r\nContent-Length: 4\r\n\r\nevil",
                "host of a hop": b"GET /x HTTP/1.1\r\nHost: h\r\nConnection: host\r\n\r\n",
        }.items():
            with self.subTest(name), Front() as front:
                one = front.upstream("one")
                front.routes(("one", "h", "/*"))
                with front.connect() as c:
                    c.write(head)
                    try:
                        c.receive()
                    except (Closed, ConnectionResetError):
                        pass
                for _, path, headers, body in one.requests:
                    self.assertNotIn("evil", path)
                    for n, v in headers:
                        self.assertNotIn("evil", (n + v).lower(), one.requests)
                        self.assertRegex(n, r"\A[!#$%&'*+.^_`|~0-9a-z-]+\Z")
                    if body:
                        self.assertEqual(dict(headers)["content-length"], "4")

    def test_nobody_says_whom_the_front_has_seen(self):
        """Also not to programs that take "_" for "-", as CGI does."""
        with Front() as front:
            one = front.upstream("one")
            front.routes(("one", "", "/*"))
            with front.connect() as c:
                c.write(b"GET /x HTTP/1.1\r\nHost: h\r\nX-CLIENT-CERT-SUBJECT: CN=admin\r\n"
                        b"x-client-cert-subject: CN=admin\r\nX_Client_Cert_Subject: CN=admin\r\n"
                        b"X-Client_Cert-Subject: CN=admin\r\nX_Forwarded_Proto: https\r\n"
                        b"x-forwarded-proto: https\r\nX_Forwarded_For: 9.9.9.9\r\n"
                        b"X_Other: stays\r\n\r\n")
                self.assertEqual(c.receive().status, 200)
            self.assertEqual(sorted(one.requests[0][2]), sorted([
                ("host", "h"), ("x_other", "stays"), ("x-forwarded-for", "127.0.0.1"),
                ("x-forwarded-proto", "http")]))

    def test_a_scheme_of_http2_is_no_tls(self):
        with Front() as front:
            one = front.upstream("one")
            front.routes(("one", "", "/*"))
            self.assertIsNotNone(self.h2(front, pseudo(scheme=b"https")))
            self.assertEqual(dict(one.requests[0][2])["x-forwarded-proto"], "http")

    def test_a_chain_that_does_not_answer_leaves_connections_to_others(self):
        done = threading.Event()

        def never(*_):
            done.wait(20)
        with Front(fds=64 + 2 * 60) as front, front.connect() as slow, front.connect() as good:
            front.upstream("slow", never)
            front.upstream("other")
            front.routes(("slow", "slow", "/*"), ("other", "other", "/*"))
            block = b"".join(field(n, v) for n, v in pseudo(b"GET", authority=b"slow"))
            slow.write(PREFACE + b"".join(frame(HEADERS, END_HEADERS | END_STREAM, i, block)
                                          for i in range(1, 181, 2)))
            good.host = "other"
            poll("all it may have", lambda: front.upstreams["slow"].accepted >= 40)
            for _ in range(3):
                self.assertEqual(good.request("GET", "/x").status, 200)
            done.set()

    def test_connection_cannot_name_away_what_the_front_says(self):
        with Front() as front:
            one = front.upstream("one")
            front.routes(("one", "", "/*"))
            with front.connect() as c:
                c.write(b"POST /x HTTP/1.1\r\nHost: h\r\nConnection: close, x-forwarded-for, "
                        b"x-forwarded-proto, host, content-length\r\nConnection: X-Hop\r\n"
                        b"X-Hop: 1\r\nContent-Length: 1\r\n\r\nx")
                self.assertEqual(c.receive().status, 200)
            self.assertEqual(sorted(one.requests[0][2]), sorted([
                ("host", "h"), ("content-length", "1"), ("x-forwarded-for", "127.0.0.1"),
                ("x-forwarded-proto", "http")]))

    def test_continue_is_said_and_a_pipeline_is_answered_in_order(self):
        with Front() as front:
            one = front.upstream("one")
            front.routes(("one", "", "/*"))
            with front.connect() as c:
                c.write(b"POST /a HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n"
                        b"Content-Length: 3\r\n\r\n")
                self.assertIn(b"100", c.until(b"\r\n\r\n"))
                c.write(b"abc")
                self.assertEqual(c.receive().body, b"one POST /a 3")
                self.assertNotIn("expect", dict(one.requests[0][2]))
                c.write(b"".join(b"GET /%d HTTP/1.1\r\nHost: h\r\n\r\n" % i for i in range(20)))
                for i in range(20):
                    self.assertEqual(c.receive().body, b"one GET /%d 0" % i)

    def test_half_closed_clients_get_their_answer(self):
        with Front() as front:
            front.upstream("one")
            front.routes(("one", "", "/*"))
            with front.connect() as c:
                c.write(b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n")
                c.sock.shutdown(socket.SHUT_WR)
                self.assertEqual(c.receive().body, b"one GET /a 0")
                self.assertTrue(c.closed())

    def test_an_answer_before_the_body_is_taken(self):
        """The gateway answers having read the head only, and closes."""
        with Front() as front:
            front.routes(("one", "", "/*", 8 << 20))
            with socket.socket(socket.AF_UNIX) as sock:
                sock.bind(str(front.folder / "one.sock"))
                sock.listen(8)
                sock.settimeout(10)
                for close in (True, False):
                    with front.connect() as c:
                        sender = threading.Thread(
                            target=c.send, args=("POST", "/", b"x" * (4 << 20)), daemon=True)
                        sender.start()
                        up, _ = sock.accept()
                        up.recv(1000)
                        up.sendall(b"HTTP/1.1 413 Too Large\r\ncontent-length: 2\r\n%s\r\nno"
                                   % (b"connection: close\r\n" if close else b""))
                        if close:
                            up.close()
                        answer = c.receive()
                        self.assertEqual((answer.status, answer.body), (413, b"no"))
                        sender.join(10)
                        # What was not taken must not become the next request's beginning.
                        c.send("GET", "/next")
                        fresh, _ = sock.accept()
                        self.assertTrue(fresh.recv(65536).startswith(b"GET /next "))
                        fresh.sendall(b"HTTP/1.1 204 None\r\n\r\n")
                        self.assertEqual(c.receive().status, 204)
                        fresh.close()
                        up.close()

    def test_answers_cannot_be_split(self):
        heads = {
            "/cr": b"HTTP/1.1 200 OK\r\nx-a: a\rx-evil: 1\r\ncontent-length: 0\r\n\r\n",
            "/nul": b"HTTP/1.1 200 OK\r\nx-a: a\0evil\r\ncontent-length: 0\r\n\r\n",
            "/101": b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n",
            "/hints": b"HTTP/1.1 103 Hints\r\n\r\n" * 50 + b"HTTP/1.1 204 No\r\n\r\n",
            "/long": b"HTTP/1.1 200 OK\r\nx-a: " + b"a" * 300000,
            "/chunk": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
            "/304": b"HTTP/1.1 304 Not\r\ncontent-length: 9\r\n\r\n",
        }
        with Front() as front:
            front.upstream("one", lambda m, path, h, b: heads[path])
            front.routes(("one", "", "/*"))
            for path, status in (("/cr", 502), ("/nul", 502), ("/101", 502), ("/hints", 204),
                                 ("/long", 502), ("/304", 304)):
                with front.connect() as c:
                    self.assertEqual(c.request("GET", path).status, status, path)
            with front.connect() as c, self.assertRaises((Closed, ConnectionResetError,
                                                          ValueError)):
                c.request("GET", "/chunk")

    def test_ten_thousand_connections_leave_nothing(self):
        with Front() as front:
            front.upstream("one")
            front.routes(("one", "", "/*"))
            with front.connect() as c:
                self.assertEqual(c.request("GET", "/").status, 200)
            poll("idle", lambda: not sockets_of(front.port))
            before = fds(front.process.pid)
            for i in range(10000):
                c = front.connect()
                if i % 4 == 0:
                    c.write(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
                    self.assertEqual(c.receive().status, 200)
                elif i % 4 == 1:
                    c.write(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc")
                elif i % 4 == 2:
                    c.write(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx")
                    c.reset()
                c.close()
            poll("every fd is closed", lambda: fds(front.process.pid) <= before + 8, 20)
            with front.connect() as c:
                self.assertEqual(c.request("GET", "/").status, 200)


def sockets_of(port):
    """Connections to a port that are established."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    return [l for l in lines if l.split()[1].endswith(f":{port:04X}") and l.split()[3] == "01"]


if __name__ == "__main__":
    tap.main()
