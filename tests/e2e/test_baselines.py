# SPDX-License-Identifier: Apache-2.0
"""The peers of bench/baselines: each answers rightly, by way of all functions, and is gone when
it is told to go or is killed. Those that are not built, or whose programs are not installed
(make peers), are skipped."""
import os
import random
import re
import signal
import subprocess
import threading
import unittest
from pathlib import Path

import leftovers
import tap
from client import Closed, Connection
from peers import FOLDER, FUNCTIONS, HELLO, START_S, STOP_S, GrpcPeer, Peer, nginx_there

CONNECTIONS = 64
EACH = 5  # requests of each of them
SIZES = [0, 1, 128, 65536]


def content(size):
    return random.Random(size).randbytes(size)


class PeerTest:
    """Tests of one peer; for each there is a class below."""

    name, kind = "", Peer

    def setUp(self):
        if not (FOLDER / f"peer-{self.name}").exists():
            self.skipTest(f"peer-{self.name} is not built: make peers")
        if self.name in ("http", "sidecar") and not nginx_there():
            self.skipTest("no nginx: make peers")

    def start(self, *args):
        peer = self.kind(self.name, *args)
        self.addCleanup(peer.close)
        return peer

    def test_answers_byte_for_byte_through_each_function(self):
        peer = self.start()
        before = peer.passed()
        self.assertEqual(len(before), peer.functions)
        self.assertTrue(peer.echoes(content(size) for size in SIZES))
        self.assertEqual(peer.passed(), [n + len(SIZES) for n in before])
        self.assertEqual(peer.end(signal.SIGINT), 0)

    def test_large_bodies_where_it_is_told_so(self):
        peer = self.start("--body-max", "1Mi")
        self.assertTrue(peer.echoes([content(1 << 20)] * 3))

    def test_many_connections_at_once(self):
        peer, trouble = self.start(), []
        before = peer.passed()

        def ask(number):
            try:
                first = 200 + number * EACH
                if not peer.echoes(content(first + i) for i in range(EACH)):
                    trouble.append(f"{number}: other bytes came back")
            except (AssertionError, Closed, OSError, subprocess.SubprocessError) as error:
                trouble.append(f"{number}: {error}")

        threads = [threading.Thread(target=ask, args=(n,)) for n in range(CONNECTIONS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(trouble, [])
        self.assertEqual(peer.passed(), [n + CONNECTIONS * EACH for n in before])
        self.assertEqual(peer.end(signal.SIGINT), 0)

    def test_killed_it_leaves_nothing(self):
        peer = self.start()
        self.assertTrue(peer.echoes([content(128)]))
        with peer.connect():
            self.assertEqual(peer.end(signal.SIGKILL), -signal.SIGKILL)

    def test_a_function_that_dies_ends_all(self):
        peer = self.start()
        children = leftovers.descendants(peer.process.pid)
        self.assertGreaterEqual(len(children), peer.functions)
        if not children:
            self.skipTest("it has no functions")
        os.kill(min(children), signal.SIGKILL)
        self.assertEqual(peer.process.wait(STOP_S), 1)
        peer.nothing_left()
        self.assertIn("ended", peer.log.text())

    def test_a_port_that_is_told(self):
        first = self.start()
        busy = self.run_peer("--functions", str(first.functions), "--listen",
                             f"127.0.0.1:{first.port}")
        self.assertEqual(busy.returncode, 1, busy.stderr)
        self.assertIn("--listen", busy.stderr)
        self.assertEqual(first.end(signal.SIGINT), 0)
        second = self.start("--listen", f"127.0.0.1:{first.port}")
        self.assertEqual(second.port, first.port)
        self.assertTrue(second.echoes([b"again"]))

    def run_peer(self, *args, **more):
        return subprocess.run([str(FOLDER / f"peer-{self.name}"), *args], timeout=START_S,
                              capture_output=True, text=True, check=False, **more)

    def test_wrong_arguments(self):
        count = "0" if self.name == "bare" else "1"
        wrong = [["--functions", "x"], ["--functions", "-1"], ["--functions", "65"],
                 ["--functions", "18446744073709551617"], ["--no-such-option"],
                 ["--functions", count, "more"], ["--functions", count, "--body-max", "17Mi"],
                 ["--functions", count, "--body-max", "0"],
                 ["--functions", count, "--body-max", "5Xi"],
                 ["--functions", count, "--listen", "127.0.0.1"],
                 ["--functions", count, "--listen", "127.0.0.1:65536"],
                 ["--functions", count, "--listen", "nowhere:80"]]
        for args in wrong + ([[], ["--functions", "0"]] if self.name != "bare" else []):
            with self.subTest(args=args):
                done = self.run_peer(*args)
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertRegex(done.stderr, rf"usage: peer-{self.name} ")
                self.assertEqual(done.stdout, "")


class Http1Test(PeerTest):
    """What can be tried where HTTP/1.1 is spoken."""

    def test_get(self):
        peer = self.start()
        with peer.connect() as connection:
            answer = connection.request("GET", "/")
        self.assertEqual(answer.status, 200)
        self.assertEqual(len(answer.body), 0 if peer.functions else HELLO)

    def test_a_body_in_pieces_and_then_close(self):
        peer, body = self.start(), content(3000)
        with peer.connect() as connection:
            connection.write(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3000\r\n")
            connection.write(b"Connection: close\r\n\r\n")
            for at in range(0, len(body), 700):
                connection.write(body[at:at + 700])
            self.assertTrue(connection.receive().body == body)
            self.assertTrue(connection.closed())

    def test_a_body_that_is_too_large(self):
        peer, size = self.start("--body-max", "100Ki"), 100 * 1024 + 1
        with peer.connect() as connection:
            connection.write(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % size)
            # Some refuse it at once, some when they have read it.
            connection.sock.settimeout(0.5)
            try:
                answer = connection.receive()
            except TimeoutError:
                connection.sock.settimeout(20)
                connection.write(content(size))
                answer = connection.receive()
        self.assertEqual(answer.status, 413)
        self.assertTrue(peer.echoes([content(size - 1)]))

    def test_clients_that_leave_midway(self):
        peer = self.start()
        for step in range(40):
            leaver = peer.connect()
            leaver.write(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 65536\r\n\r\n")
            leaver.write(content(65536)[:65536 if step % 2 else 40000])
            if step % 4 < 2:
                leaver.reset()
            else:
                leaver.close()
            self.assertTrue(peer.echoes([content(300 + step)]))
        self.assertEqual(peer.end(signal.SIGTERM), 0)

    def test_ends_with_requests_under_way(self):
        peer = self.start()
        with peer.connect() as half, peer.connect() as idle:
            self.assertEqual(idle.request("POST", "/", b"here").body, b"here")
            half.write(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 500\r\n\r\nabc")
            self.assertEqual(peer.end(signal.SIGINT), 0)


class NginxTest(Http1Test):
    """What only those have in front of which stands nginx."""

    @unittest.skipIf(os.geteuid() != 0, "only root can cover folders")
    def test_without_nginx_it_says_what_to_do(self):
        # In a mount namespace of its own, every folder in which nginx may be is covered.
        hide = "for d in /usr/sbin /usr/local/sbin; do mount -t tmpfs none $d; done; "
        done = subprocess.run(
            ["unshare", "-m", "sh", "-c", hide + f"PATH=/bin exec '{FOLDER}/peer-{self.name}' "
             "--functions 1"], timeout=START_S, capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("make peers", done.stderr)

    def test_nothing_on_disk(self):
        """Also while it runs: neither configuration nor bodies nor logs are in a file."""
        peer = self.start("--body-max", "4Mi")
        with peer.connect() as connection:
            self.assertTrue(connection.request("POST", "/", content(3 << 20)).body ==
                            content(3 << 20))
            found = set()
            for pid in leftovers.descendants(peer.process.pid):
                for fd in Path(f"/proc/{pid}/fd").iterdir():
                    found.add(re.sub(r"\[?\d+\]?", "", os.readlink(fd)))
        allowed = {"/dev/null", "socket:", "pipe:", "anon_inode:[eventpoll]",
                   "anon_inode:[eventfd]"}
        self.assertEqual({f for f in found if "memfd:" not in f} - allowed, set())
        self.assertEqual(peer.log.text(), "")


    def function_port(self, peer, number):
        """Where a function listens itself, behind nginx."""
        ports = leftovers.listening()
        for pid in leftovers.descendants(peer.process.pid):
            if leftovers.read(f"/proc/{pid}/comm") == b"function-%d\n" % number:
                return next(ports[i] for i in leftovers.sockets_of(pid) if i in ports)
        raise AssertionError(f"no function {number}")

    def test_requests_sent_ahead_are_answered_in_turn(self):
        peer, count = self.start(), 200
        bodies = [content(n) for n in range(count)]
        with Connection(self.function_port(peer, 1)) as connection:
            connection.write(b"".join(b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(body)
                                      + body for body in bodies))
            for body in bodies:
                self.assertTrue(connection.receive().body == body)
        self.assertEqual(peer.passed(), [count] * FUNCTIONS)

    def test_functions_refuse_what_is_not_http(self):
        peer = self.start()
        port = self.function_port(peer, FUNCTIONS)
        for head, status in [
                (b"nonsense\r\n\r\n", 400), (b"POST / HTTP/2.0\r\n\r\n", 400),
                (b"POST / HTTP/1.1\r\nno colon\r\n\r\n", 400),
                (b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
                (b"POST / HTTP/1.1\r\nContent-Length: 1 1\r\n\r\n", 400),
                (b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
                (b"POST / HTTP/1.1\r\nContent-Length: 9999999999999999999999\r\n\r\n", 400),
                (b"POST / HTTP/1.1\r\nContent-Length: 65537\r\n\r\n", 413),
                (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 501),
                (b"POST / HTTP/1.1\r\nx: " + b"y" * 8192, 431)]:
            with self.subTest(head=head[:60]), Connection(port) as connection:
                connection.write(head)
                self.assertEqual(connection.receive().status, status)
                self.assertTrue(connection.closed())
        self.assertTrue(peer.echoes([b"still here"]))

    def test_a_busy_way_on_is_no_way(self):
        """Callers that leave while the next function is stopped take their calls along."""
        peer = self.start()
        second = next(pid for pid in leftovers.descendants(peer.process.pid)
                      if leftovers.read(f"/proc/{pid}/comm") == b"function-2\n")
        first = self.function_port(peer, 1)
        os.kill(second, signal.SIGSTOP)
        leavers = [Connection(first) for _ in range(CONNECTIONS)]
        for number, leaver in enumerate(leavers):
            leaver.write(b"POST / HTTP/1.1\r\nContent-Length: 9000\r\n\r\n" + content(9000))
            if number % 2:
                leaver.close()
        os.kill(second, signal.SIGCONT)
        for leaver in leavers[::2]:
            with leaver:
                self.assertTrue(leaver.receive().body == content(9000))
        self.assertTrue(peer.echoes([content(77)]))


class BareTest(Http1Test, unittest.TestCase):
    name = "bare"


class RingTest(Http1Test, unittest.TestCase):
    name = "ring"


class PollTest(Http1Test, unittest.TestCase):
    name = "poll"


class SeqpacketTest(Http1Test, unittest.TestCase):
    name = "seqpacket"


class CopyTest(Http1Test, unittest.TestCase):
    name = "copy"


class HttpTest(NginxTest, unittest.TestCase):
    name = "http"


class SidecarTest(NginxTest, unittest.TestCase):
    name = "sidecar"


class GrpcTest(PeerTest, unittest.TestCase):
    name, kind = "grpc", GrpcPeer


if __name__ == "__main__":
    tap.main(needs_root=False)
