# SPDX-License-Identifier: Apache-2.0
"""HTTP/2 without TLS: by prior knowledge and by upgrade, many streams, and rapid reset."""
import re
import subprocess
import time

import tap
from client import poll
from echo import LIMIT, EchoTest, noise
from h2 import (CANCEL, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PREFACE, RST_STREAM,
                SETTINGS, frame, post, read_frame)

# :method POST, :scheme http, :path /echo, :authority a.
POST_ECHO = post("/echo")


class Http2(EchoTest):
    def curl(self, *args):
        done = subprocess.run(["curl", "-sS", "--max-time", "20", *args], capture_output=True,
                              check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def url(self, path="/echo"):
        return f"http://127.0.0.1:{self.chain.port}{path}"

    def test_bodies(self):
        for size in (0, 1, 2047, 2048, 2049, 65536, 65537, LIMIT):
            body = noise(size)
            file = self.chain.folder / "body"
            file.write_bytes(body)
            out = self.curl("--http2-prior-knowledge", "--data-binary", f"@{file}", self.url())
            self.assertEqual(len(out), size)
            self.assertTrue(out == body)

    def test_upgrade(self):
        out = self.curl("--http2", "-w", " %{http_version}", "-d", "up", self.url())
        self.assertEqual(out, b"up 2")

    def test_refusals(self):
        for args, status in ((["-d", "x", self.url("/none")], 404),
                             (["-X", "DELETE", self.url()], 405),
                             (["-T", "-", self.url("/small")], 413)):
            done = subprocess.run(["curl", "-sS", "-i", "--http2-prior-knowledge", *args],
                                  input=b"x" * 101, capture_output=True, check=False)
            self.assertIn(b"HTTP/2 %d" % status, done.stdout.splitlines()[0])
            self.assertIn(b'"chain":"echo"', done.stdout)

    def test_streams_keep_their_answers(self):
        """Many at once on one connection, each stream with a body of its own."""
        bodies = {2 * n + 1: noise(n * 30, n) for n in range(60)}
        with self.chain.connect() as c:
            c.write(PREFACE + b"".join(
                frame(HEADERS, END_HEADERS, i, POST_ECHO) + frame(DATA, END_STREAM, i, body)
                for i, body in bodies.items()))
            answers, open_streams = {i: b"" for i in bodies}, set(bodies)
            while open_streams:
                kind, flags, i, payload = read_frame(c)
                self.assertNotIn(kind, (RST_STREAM, GOAWAY), f"stream {i}: {payload}")
                if kind == HEADERS:
                    self.assertEqual(payload[0], 0x88, "status 200")
                elif kind == DATA:
                    answers[i] += payload
                if kind in (HEADERS, DATA) and flags & END_STREAM:
                    open_streams.remove(i)
        self.assertEqual(answers, bodies)

    def test_load(self):
        file = self.chain.folder / "data"
        file.write_bytes(noise(128))
        done = subprocess.run(["h2load", "-n", "5000", "-c", "8", "-m", "16", "-d", str(file),
                               self.url()], capture_output=True, text=True, timeout=60,
                              check=False)
        self.assertRegex(done.stdout, r"5000 succeeded, 0 failed, 0 errored, 0 timeout")
        self.assertRegex(done.stdout, r"status codes: 5000 2xx, 0 3xx, 0 4xx, 0 5xx")
        bytes_of_data = int(re.search(r"\((\d+)\) data", done.stdout)[1])
        self.assertEqual(bytes_of_data, 5000 * 128)



class RapidReset(EchoTest):
    """Streams opened and reset at once must not stall other clients."""

    def test_other_clients_are_served(self):
        worst = 0.0
        with self.chain.connect() as c:
            c.write(PREFACE)
            c.sock.settimeout(0.2)
            try:
                for n in range(0, 50_000, 500):
                    c.write(b"".join(frame(HEADERS, END_HEADERS | END_STREAM, 2 * i + 1, POST_ECHO)
                                     + frame(RST_STREAM, 0, 2 * i + 1, CANCEL)
                                     for i in range(n, n + 500)))
                    began = time.monotonic()
                    self.assertEqual(self.chain.request(body=b"ok").body, b"ok")
                    worst = max(worst, time.monotonic() - began)
            except (ConnectionResetError, BrokenPipeError, TimeoutError):
                pass  # cut off: as it should be
        self.assertLess(worst, 1.0, "another client waited")
        poll("idle again", lambda: self.chain.wait_idle(leases=True))


if __name__ == "__main__":
    tap.main()
