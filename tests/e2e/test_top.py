# SPDX-License-Identifier: Apache-2.0
"""`sprocket top`, `graph` and `tap` against a played daemon: on a terminal, and in a pipe."""
import fcntl
import http.server
import json
import os
import pathlib
import pty
import select
import signal
import socketserver
import struct
import subprocess
import tempfile
import termios
import threading
import time
import unittest

import tap

SPROCKET = pathlib.Path(os.environ["SPROCKET_BUILD"]) / "controller/sprocket"
LIMIT_S = 15
LEAVE = b"\033[?1049l"


def function(name, count):
    return {"name": name, "ready": 1, "desired": 2, "in": count, "out": count,
            "wait": {"sum_us": count * 4, "buckets": [[4, count]]},
            "run": {"sum_us": count * 200, "buckets": [[224, count]]},
            "instances": [{"slot": 3, "in_flight": 1, "buffers": 2, "cpu_s": count / 1e6,
                           "rss_bytes": 1 << 20}]}


class Daemon(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def address_string(self):
        return "client"

    def answer(self, status, value):
        text = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def stream(self, objects):
        self.send_response(200)
        self.send_header("Content-Type", "application/x-ndjson")
        self.send_header("Connection", "close")
        self.end_headers()
        for value in objects:
            self.wfile.write(json.dumps(value).encode() + b"\n")
        self.close_connection = True

    def do_GET(self):
        if self.server.gone:
            self.close_connection = True
            return
        now = time.monotonic_ns()
        count = now // 1000000  # 1000 a second
        path = self.path.split("?")[0]
        if path == "/v1/version":
            self.answer(200, {"version": "0.1.0", "api": "v1", "pid": 1, "started": "now"})
        elif path == "/v1/stats":
            chain = {"name": "shop", "functions": [function("detect", count)],
                     "buffers": [{"free": 5, "function": 2}],
                     "gateway": {"requests": count, "run": {"buckets": [[224, count]]}}}
            self.answer(200, {"time_ns": now, "daemon": {"cpu_s": 1}, "chains": [chain]})
        elif path == "/v1/chains/shop/graph":
            self.answer(200, {"time_ns": now, "name": "shop", "functions": [
                {"name": "gateway", "requests": count}, function("detect", count)],
                "edges": [{"from": "gateway", "to": "detect", "edge": "ingress", "count": count}]})
        elif path == "/v1/chains/shop/tap":
            self.server.asked = self.path
            self.stream({"time": "2026-01-02T03:04:05.678901Z", "id": "1", "from": "gateway",
                         "to": "detect", "edge": "ingress", "bytes": 3, "us": us,
                         "verdict": "passed"} for us in (1, 2000, 3000, 4000))
        else:
            self.answer(404, {"error": "there is no such chain", "reason": "NotFound"})


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    gone = False  # open connections end, too


class Played(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.socket = folder.name + "/sock"
        self.server = Server(self.socket, Daemon)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)

    def run_it(self, *arguments):
        return subprocess.run([SPROCKET, *arguments, "--socket", self.socket], text=True,
                              capture_output=True, timeout=LIMIT_S, stdin=subprocess.DEVNULL)


class Pipe(Played):
    def test_batch(self):
        done = self.run_it("top", "-b", "-n", "2", "-d", "0.2")
        self.assertEqual(done.returncode, 0, done.stderr)
        lines = [line.split() for line in done.stdout.splitlines() if "detect" in line]
        self.assertEqual(len(lines), 2)
        self.assertEqual(lines[0][1], "1/2")
        self.assertTrue(500 < float(lines[0][2]) < 2000, lines)
        self.assertNotIn("\033", done.stdout)

    def test_batch_json(self):
        done = self.run_it("top", "-b", "-n", "1", "-d", "0.2", "-o", "json")
        rows = json.loads(done.stdout)["rows"]
        self.assertEqual([row.get("function") for row in rows], [None, "detect"])
        self.assertTrue(150 < rows[1]["run_p99_us"] <= 224, rows)

    def test_no_terminal_says_so(self):
        done = self.run_it("top")
        self.assertEqual(done.returncode, 2)
        self.assertIn("use -b", done.stderr)

    def test_wrong_arguments(self):
        for arguments in (("top", "-d", "0"), ("top", "-d", "nan"), ("top", "-s", "x"),
                          ("top", "-o", "json"), ("graph",), ("graph", "shop", "-o", "png"),
                          ("tap",), ("tap", "Shop!"), ("tap", "shop", "--slower", "x")):
            done = self.run_it(*arguments)
            self.assertEqual(done.returncode, 2, arguments)
            self.assertIn("sprocket " + arguments[0], done.stderr)

    def test_graph(self):
        done = self.run_it("graph", "shop", "-d", "200ms")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("-> detect  1/2 p99 wait", done.stdout)
        self.assertEqual(self.run_it("graph", "none").returncode, 1)

    def test_tap(self):
        done = self.run_it("tap", "shop", "detect", "--edge", "a&b", "--slower", "2ms", "--count",
                           "2", "-o", "json")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual([json.loads(line)["us"] for line in done.stdout.splitlines()],
                         [2000, 3000])
        self.assertTrue(self.server.asked.endswith("/tap?function=detect&edge=a%26b"),
                        self.server.asked)


class Terminal(Played):
    def setUp(self):
        super().setUp()
        self.master, self.slave = pty.openpty()
        self.addCleanup(os.close, self.master)
        self.addCleanup(os.close, self.slave)
        self.before = termios.tcgetattr(self.slave)
        self.text = b""
        self.resize(24, 80)
        self.top = subprocess.Popen([SPROCKET, "top", "-d", "0.2", "--socket", self.socket],
                                    stdin=self.slave, stdout=self.slave, stderr=self.slave,
                                    start_new_session=True,
                                    preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        self.addCleanup(self.top.wait)
        self.addCleanup(self.top.kill)

    def resize(self, lines, columns):
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def see(self, what):
        """Reads until the terminal has got `what`, and forgets it all."""
        deadline = time.monotonic() + LIMIT_S
        while what not in self.text:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.master], [], [], left)[0]:
                self.fail(f"{what} not seen in {self.text[-2000:]!r}")
            self.text += os.read(self.master, 65536)
        seen, self.text = self.text, b""
        return seen

    def ended(self):
        self.see(LEAVE)
        self.top.wait(LIMIT_S)
        self.assertEqual(termios.tcgetattr(self.slave), self.before)

    def key(self, text):
        os.write(self.master, text)

    def test_keys(self):
        self.see(b"detect")
        self.key(b"h")
        self.see(b"Keys of sprocket top")
        self.key(b"x/none\n")
        self.see(b"filter: none")
        self.key(b"\033[B\033[6~q")
        self.ended()
        self.assertEqual(self.top.returncode, 0)

    def test_signals_give_the_terminal_back(self):
        self.see(b"detect")
        self.top.send_signal(signal.SIGTERM)
        self.ended()
        self.assertEqual(self.top.returncode, -signal.SIGTERM)

    def test_interrupt(self):
        self.see(b"detect")
        self.key(b"\003")
        self.ended()
        self.assertEqual(self.top.returncode, 0)

    def test_fault_gives_the_terminal_back(self):
        self.see(b"detect")
        self.top.send_signal(signal.SIGABRT)
        self.ended()
        self.assertEqual(self.top.returncode, -signal.SIGABRT)

    def test_suspend(self):
        self.see(b"detect")
        self.key(b"\032")
        self.see(LEAVE)
        self.assertEqual(os.waitpid(self.top.pid, os.WUNTRACED)[1] & 0xff, 0x7f)
        self.assertEqual(termios.tcgetattr(self.slave), self.before)
        self.top.send_signal(signal.SIGCONT)
        self.see(b"detect")
        self.key(b"q")
        self.ended()

    def test_resize(self):
        self.see(b"detect")
        self.resize(10, 120)
        self.see(b"CHAIN/FUNCTION" + b" " * (120 - 64 - 14) + b"  INST")
        self.key(b"q")
        self.ended()

    def test_daemon_goes_away(self):
        self.see(b"detect")
        self.server.gone = True
        os.unlink(self.socket)
        self.see(b"sprocket top: ")
        self.assertIsNone(self.top.poll())
        self.key(b"q")
        self.ended()


tap.main()
