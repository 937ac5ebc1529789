# SPDX-License-Identifier: Apache-2.0
"""Clients that take their time: those that mean to are cut off, those that cannot help it are
served; and what a thousand of them cost. And a gateway that is out of fds."""
import itertools
import os
import re
import resource
import socket
import threading
import time
import unittest
from pathlib import Path

import tap
from client import Closed, Connection, poll
from daemon import Daemon
from echo import EchoTest
from h2 import (DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PREFACE, SETTINGS, frame, post,
                read_frame)
from harness import Chain, fill
from observe import metrics, value
from rlimits import rlimit_of, rlimit_set

HEAD_S, BODY_S, SLACK_S = 10, 20, 4  # gateway.h; looked at once a second
CALM = (11).to_bytes(4, "big")


class Slow(EchoTest):
    """All of them at the same time: each takes many seconds."""

    def gateway(self):
        """Pid of the chain's gateway."""
        children = Path(f"/proc/{self.chain.pid}/task/{self.chain.pid}/children").read_text()
        return next(int(p) for p in children.split()
                    if "sprocket-gateway" in os.readlink(f"/proc/{p}/exe"))

    def ended_after(self, c, least, drip=b""):
        """Sends `drip`, or each of them in turn, every second until the connection ends; returns
        what came."""
        began, got = time.monotonic(), b""
        drips = itertools.cycle([drip] if isinstance(drip, bytes) else drip)
        c.sock.settimeout(1)
        while time.monotonic() - began < least + SLACK_S + 5:
            try:
                more = c.sock.recv(65536)
                if not more:
                    break
                got += more
            except TimeoutError:
                try:
                    c.sock.sendall(next(drips))
                except OSError:
                    break
            except OSError:
                break
        took = time.monotonic() - began
        self.assertGreater(took, least - 1.5, got)
        self.assertLess(took, least + SLACK_S, got)
        return got

    def head(self):
        with self.chain.connect() as c:
            c.write(b"GET /echo HTTP/1.1\r\nHost: a\r\n")
            self.assertIn(b" 408 ", self.ended_after(c, HEAD_S, b"X"))

    def body(self):
        with self.chain.connect() as c:
            c.write(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n")
            self.assertIn(b" 408 ", self.ended_after(c, BODY_S, b"x"))

    def chunks(self):
        with self.chain.connect() as c:
            c.write(b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
            self.ended_after(c, BODY_S, b"1\r\nx\r\n")

    def block(self):
        with self.chain.connect() as c:
            c.write(PREFACE + frame(HEADERS, END_STREAM, 1, post("/echo")))
            self.assertIn(CALM, self.ended_after(c, HEAD_S, frame(9, 0, 1, b"")))

    def part_of_a_frame(self):
        with self.chain.connect() as c:
            c.write(PREFACE + frame(HEADERS, END_HEADERS, 1, post("/echo"))[:12])
            self.assertIn(CALM, self.ended_after(c, HEAD_S))

    def preface(self):
        with self.chain.connect() as c:
            c.write(PREFACE[:5])
            self.ended_after(c, HEAD_S)

    def stream(self):
        with self.chain.connect() as c:
            c.write(PREFACE + frame(HEADERS, END_HEADERS, 1, post("/echo")))
            self.assertIn(CALM, self.ended_after(c, BODY_S, frame(DATA, 0, 1, b"x")))

    def pings(self):
        with self.chain.connect() as c:
            c.write(PREFACE + frame(HEADERS, END_HEADERS, 1, post("/echo")))
            self.assertIn(CALM, self.ended_after(c, BODY_S, frame(6, 0, 0, b"12345678")))

    def halves_of_pings(self):
        """What has arrived, and is no body's, comes and goes."""
        ping = frame(6, 0, 0, b"12345678")
        with self.chain.connect() as c:
            c.write(PREFACE + frame(HEADERS, END_HEADERS, 1, post("/echo")))
            self.assertIn(CALM, self.ended_after(c, BODY_S, (ping[:16], ping[16:])))

    def honest(self):
        """1,000 bytes a second, for longer than a body may stand still."""
        count = BODY_S + 6
        with self.chain.connect() as c:
            c.write(f"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: {1000 * count}\r\n\r\n"
                    .encode())
            for _ in range(count):
                c.write(b"x" * 1000)
                threading.Event().wait(1)
            self.assertEqual(len(c.receive().body), 1000 * count)

    def honest_stream(self):
        count = BODY_S + 6
        with self.chain.connect() as c:
            c.write(PREFACE + frame(HEADERS, END_HEADERS, 1, post("/echo")))
            for n in range(count):
                c.write(frame(DATA, END_STREAM if n == count - 1 else 0, 1, b"x" * 1000))
                threading.Event().wait(1)
            size = 0
            while size < 1000 * count:
                kind, _, _, payload = read_frame(c)
                self.assertNotEqual(kind, GOAWAY, payload)
                size += len(payload) if kind == DATA else 0

    def idle(self):
        """A connection without a request is left alone, before the first and between two."""
        with self.chain.connect() as c:
            for _ in range(2):
                threading.Event().wait(HEAD_S + 3)
                self.assertEqual(c.request("POST", "/echo", b"ok").body, b"ok")

    def test_each_as_it_deserves(self):
        faults = []

        def one(work):
            try:
                work()
            except (AssertionError, OSError, Closed) as e:
                faults.append(f"{work.__name__}: {type(e).__name__} {e}")
        threads = [threading.Thread(target=one, args=(work,)) for work in
                   (self.head, self.body, self.chunks, self.block, self.part_of_a_frame,
                    self.preface, self.stream, self.pings, self.halves_of_pings, self.honest,
                    self.honest_stream, self.idle)]
        for t in threads:
            t.start()
        for t in threads:
            t.join(60)
        self.assertEqual(faults, [])

    def rss_kib(self):
        text = Path(f"/proc/{self.gateway()}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", text)[1])

    def cost(self, count, begin):
        """KiB of the gateway's memory for each connection that `begin` makes."""
        before, open_now = self.rss_kib(), []
        try:
            for _ in range(count):
                c = self.chain.connect()
                open_now.append(c)
                begin(c)
            self.assertEqual(self.chain.request(body=b"ok").body, b"ok")
            return (self.rss_kib() - before) / count
        finally:
            for c in open_now:
                c.close()
            poll("idle", lambda: self.chain.wait_idle(leases=True))

    def test_what_a_thousand_cost(self):
        half = b"POST /echo HTTP/1.1\r\nHost: a\r\n"

        def zero_window(c):
            c.write(PREFACE + frame(SETTINGS, 0, 0, b"\0\4\0\0\0\0")
                    + frame(HEADERS, END_HEADERS | END_STREAM, 1, post("/none")))
        for name, begin, most in (
                ("half a head", lambda c: c.write(half), 32),
                ("half a body", lambda c: c.write(half + b"Content-Length: 20000\r\n\r\n"
                                                  + b"x" * 10000), 64),
                ("zero window", zero_window, 64),
                ("half a block", lambda c: c.write(
                    PREFACE + frame(HEADERS, 0, 1, post("/echo") * 100)), 64)):
            got = self.cost(1000, begin)
            print(f"# {name}: {got:.1f} KiB for each of 1,000 connections")
            self.assertLess(got, most, name)

    def test_out_of_fds(self):
        """accept() says EMFILE: it serves those it has, and the others once there are fds."""
        pid = self.gateway()
        soft, hard = rlimit_of(pid, resource.RLIMIT_NOFILE)
        used = max(int(fd) for fd in os.listdir(f"/proc/{pid}/fd")) + 1
        with self.chain.connect() as first:
            self.assertEqual(first.request("POST", "/echo", b"ok").body, b"ok")
            waiting = []
            try:
                rlimit_set(pid, resource.RLIMIT_NOFILE, used + 8, hard)
                waiting = [Connection(self.chain.port) for _ in range(30)]
                for c in waiting:
                    c.write(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nok")
                self.assertEqual(first.request("POST", "/echo", b"ok").body, b"ok")
                poll("no fd is left", lambda: len(os.listdir(f"/proc/{pid}/fd")) >= used + 7)
                for _ in range(10):
                    self.assertEqual(first.request("POST", "/echo", b"ok").body, b"ok")
            finally:
                rlimit_set(pid, resource.RLIMIT_NOFILE, soft, hard)
            for c in waiting:
                with c:
                    self.assertEqual(c.receive().body, b"ok")


class Limits(unittest.TestCase):
    """clients: {connections, connectionsPerAddress}, which may change while the chain runs."""

    def served(self, daemon, source):
        """A connection from `source`, or None where it is not kept."""
        sock = socket.create_connection(("127.0.0.1", daemon.port("echo")), 10,
                                        source_address=(source, 0))
        try:
            sock.sendall(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nok")
            if b"200" in sock.recv(4096):
                return sock
        except OSError:
            pass
        sock.close()
        return None

    def test_from_one_address(self):
        def text(limit):
            return fill("echo", {}).replace("  timeout: 5s", f"  timeout: 5s\n  clients: {limit}")
        with Daemon() as daemon:
            daemon.apply(text("{connectionsPerAddress: 5}"))
            kept = [self.served(daemon, "127.0.0.7") for _ in range(8)]
            try:
                self.assertEqual([k is not None for k in kept], [True] * 5 + [False] * 3)
                kept.append(self.served(daemon, "127.0.0.8"))
                self.assertIsNotNone(kept[-1], "another address")
                self.assertEqual(value(metrics(daemon), "connections_cut_total", "echo",
                                       reason="limit"), 3)
                kept.pop(0).close()
                poll("one came free", lambda: kept.append(self.served(daemon, "127.0.0.7"))
                     or kept[-1])
                daemon.apply(text("{connectionsPerAddress: 6}"))
                kept.append(self.served(daemon, "127.0.0.7"))
                self.assertIsNotNone(kept[-1], "the new limit")
                self.assertIsNone(self.served(daemon, "127.0.0.7"))
            finally:
                for k in kept:
                    if k:
                        k.close()

    def test_refused_ones_that_stay_are_counted(self):
        """Their connections are open for a second after the answer: until then they count."""
        text = fill("echo", {}).replace("  timeout: 5s",
                                        "  timeout: 5s\n  clients: {connectionsPerAddress: 5}")
        with Daemon() as daemon:
            daemon.apply(text)
            refused = []
            try:
                for _ in range(5):
                    refused.append(socket.create_connection(
                        ("127.0.0.1", daemon.port("echo")), 10, source_address=("127.0.0.7", 0)))
                for sock in refused:
                    sock.sendall(b"GET / HTTP/9.9\r\n\r\n")
                for sock in refused:
                    while sock.recv(4096):
                        pass
                self.assertIsNone(self.served(daemon, "127.0.0.7"))
                poll("they are over", lambda: refused.append(self.served(daemon, "127.0.0.7"))
                     or refused[-1])
            finally:
                for sock in refused:
                    if sock:
                        sock.close()

    def test_in_all(self):
        """Those beyond the limit wait until one ends."""
        more = fill("echo", {}).replace("  timeout: 5s",
                                        "  timeout: 5s\n  clients: {connections: 3}")
        with Chain(text=more, args=("--workers", "1")) as chain:
            kept = [Connection(chain.port) for _ in range(4)]
            for c in kept:
                c.write(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nok")
            for c in kept[:3]:
                self.assertEqual(c.receive().body, b"ok")
            kept[3].sock.settimeout(0.3)
            with self.assertRaises(TimeoutError):
                kept[3].sock.recv(1)
            kept[3].sock.settimeout(10)
            kept[0].close()
            self.assertEqual(kept[3].receive().body, b"ok")
            for c in kept[1:]:
                c.close()


if __name__ == "__main__":
    tap.main()
