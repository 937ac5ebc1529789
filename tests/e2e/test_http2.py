# SPDX-License-Identifier: Apache-2.0
"""HTTP/2 without TLS: by prior knowledge, not by upgrade, many streams, and rapid reset."""
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

    def test_no_upgrade(self):
        """RFC 9113, 3.1: behind a proxy that passes it on, it would be a tunnel past the proxy."""
        for method in ("GET", "POST"):
            out = self.curl("--http2", "-w", " %{http_version}", "-X", method, "-d", "up",
                            self.url())
            self.assertEqual(out, b"up 1.1")
        with self.chain.connect() as c:
            answer = c.request("GET", "/echo", headers={
                "Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c",
                "HTTP2-Settings": "AAMAAABkAAQAAP__"})
            self.assertEqual(answer.status, 200)

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

    # ---- headers: see gateway/hpack.c ----

    def assert_ids(self, text, count=1):
        """Each of `count` answers has an id and a trace of its own."""
        for field in (r"x-request-id: ([0-9a-f]{32})\b",
                      r"traceparent: 00-([0-9a-f]{32})-[0-9a-f]{16}-00\b"):
            found = re.findall(field, text)
            self.assertEqual(len(found), count, text)
            self.assertEqual(len(set(found)), count, text)

    def test_ids(self):
        for args, line in ((["-d", "x", self.url()], "HTTP/2 200"),
                           (["-X", "POST", "-H", "x-probe: status=204", self.url()], "HTTP/2 204"),
                           (["-X", "POST", "-H", "x-probe: status=304", self.url()], "HTTP/2 304"),
                           (["-I", self.url("/tree/x")], "HTTP/2 200"),
                           (["-d", "x", self.url("/none")], "HTTP/2 404"),
                           (["-d", "x", "-H", "x-probe: crash", self.url()], "HTTP/2 502")):
            out = self.curl("-i", "--http2-prior-knowledge", *args).decode()
            self.assertIn(line, out)
            self.assert_ids(out)

    def test_given_ids(self):
        for name in ("a", "b" * 126, "c" * 127, "d" * 128):
            trace = "00-" + name[0] * 32 + "-" + "1" * 16 + "-01"
            out = self.curl("-i", "--http2-prior-knowledge", "-d", "x", "-H",
                            f"x-request-id: {name}", "-H", f"traceparent: {trace}",
                            self.url()).decode()
            self.assertIn(f"x-request-id: {name}\r\n", out)
            self.assertIn(f"traceparent: {trace[:36]}", out)

    def test_headers_of_one_response_are_literals(self):
        with self.chain.connect() as c:
            c.write(PREFACE + b"".join(frame(HEADERS, END_HEADERS | END_STREAM, i, POST_ECHO)
                                       for i in (1, 3, 5)))
            blocks = []
            while len(blocks) < 3:
                kind, flags, _, payload = read_frame(c)
                if kind == HEADERS:
                    self.assertTrue(flags & END_HEADERS)
                    blocks.append(payload)
        for block in blocks:  # the first byte: without indexing, name and value without Huffman
            self.assertRegex(block, rb"\0\x0cx-request-id\x20[0-9a-f]{32}")
            self.assertRegex(block, rb"\0\x0btraceparent\x3700-[0-9a-f]")
        self.assertEqual(len(blocks[1]), len(blocks[2]))

    def test_small_header_tables(self):
        """Clients that allow less than libh2o would use."""
        for size in (0, 1, 64, 4095, 4096, 65536):
            done = subprocess.run(["h2load", "-v", "-n", "12", "-c", "2", "-m", "3",
                                   f"--header-table-size={size}", self.url()],
                                  capture_output=True, text=True, timeout=60, check=False)
            self.assertRegex(done.stdout, r"12 succeeded, 0 failed, 0 errored", size)
            self.assert_ids(done.stdout, 12)
        # Twice in one frame.
        done = subprocess.run(["nghttp", "-v", "--header-table-size=0", "--header-table-size=4096",
                               self.url()], capture_output=True, text=True, timeout=60, check=False)
        self.assertIn("x-request-id: ", done.stdout)
        self.assertNotIn("COMPRESSION_ERROR", done.stdout)


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
