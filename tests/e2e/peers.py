# SPDX-License-Identifier: Apache-2.0
"""peers.py - runs one of the peers of bench/baselines for a test, and looks for what it leaves.

    peer = Peer("ring")
    assert peer.echoes([b"hello"]) and peer.end(signal.SIGINT) == 0
"""
import os
import re
import signal
import subprocess
import uuid

import leftovers
from client import Connection, poll
from harness import BUILD, Output

FOLDER = BUILD / "bench/baselines"
HELLO = 128  # bytes that the bare server answers to who sends none
FUNCTIONS = 3
START_S = 25.0
STOP_S = 10.0


def nginx_there():
    paths = os.environ.get("PATH", "").split(":") + ["/usr/sbin", "/usr/local/sbin"]
    return any(os.access(f"{path}/nginx", os.X_OK) for path in paths if path)


class Peer:
    """One running peer; its end is looked at by whoever makes it come."""

    def __init__(self, name, *args):
        self.name = name
        self.mark = uuid.uuid4().hex
        self.footprint = leftovers.Footprint(self.mark)
        self.functions = 0 if name == "bare" else FUNCTIONS
        self.process = subprocess.Popen(
            [str(FOLDER / f"peer-{name}"), "--functions", str(self.functions), *args],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd="/",
            env={**os.environ, leftovers.MARK: self.mark}, start_new_session=True)
        self.out = Output(self.process.stdout)
        self.log = Output(self.process.stderr)
        match = self.out.wait(r"^ready http://127\.0\.0\.1:(\d+)/$", seconds=START_S)
        if not match:
            self.process.poll()
            why = self.log.text()
            self.close()
            raise AssertionError(f"{name}: not ready: {self.process.returncode}: {why}")
        self.port = int(match[1])
        self.look()

    def look(self):
        """Takes note of its processes, and of all ports on which they listen."""
        self.footprint.look(self.process.pid)
        ports = leftovers.listening()
        for pid in self.footprint.pids:
            self.footprint.ports |= {ports[i] for i in leftovers.sockets_of(pid) if i in ports}

    def connect(self):
        return Connection(self.port)

    def echoes(self, bodies):
        """Sends them over one connection; true when each came back as it was."""
        bodies = list(bodies)
        with self.connect() as connection:
            answers = [connection.request("POST", "/", body) for body in bodies]
        return all(a.status == 200 and a.header("content-length") == str(len(a.body)) and
                   (a.body == b or (self.name == "bare" and not b and len(a.body) == HELLO))
                   for a, b in zip(answers, bodies, strict=True))

    def passed(self):
        """How many requests each function says to have worked on."""
        start = len(self.log.lines)
        self.process.send_signal(signal.SIGUSR1)
        match = self.log.wait(r"^passed:((?: \d+)*)$", start)
        if not match:
            raise AssertionError(f"{self.name}: no line on SIGUSR1: {self.log.text()}")
        return [int(n) for n in match[1].split()]

    def end(self, number):
        """Sends the signal; returns the exit status when nothing is left."""
        self.look()
        self.process.send_signal(number)
        status = self.process.wait(STOP_S)
        self.nothing_left()
        return status

    def nothing_left(self):
        try:
            poll("gone", lambda: not self.footprint.left())
        except AssertionError:
            raise AssertionError("\n".join(self.footprint.left())) from None

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.footprint.kill()


class GrpcPeer(Peer):
    def echoes(self, bodies):
        return all(self.call(body) == body for body in bodies)

    def call(self, body):
        """One call; returns the message that came back. The last trailer must say 0, which is
        good."""
        done = subprocess.run(
            ["curl", "-sSi", "--http2-prior-knowledge", "-H", "content-type: application/grpc",
             "-H", "te: trailers", "--data-binary", "@-",
             f"http://127.0.0.1:{self.port}/bench.Chain/Pass"], check=True, timeout=START_S,
            input=b"\0" + len(body).to_bytes(4, "big") + body, capture_output=True)
        head, _, rest = done.stdout.partition(b"\r\n\r\n")
        length = int.from_bytes(rest[1:5], "big")
        trailers = rest[5 + length:]
        if not head.startswith(b"HTTP/2 200") or rest[:1] != b"\0" or \
                not re.search(rb"grpc-status: 0\r\n", trailers):
            raise AssertionError(f"{head!r} {trailers!r}")
        return rest[5:5 + length]
