# SPDX-License-Identifier: Apache-2.0
"""bench.py - runs sprocket-bench for a test, and a server that it may be tried on."""
import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
import unittest
import uuid
from pathlib import Path

import leftovers
from client import poll
from harness import BUILD, HERE, Output, program

BENCH = BUILD / "bench/sprocket-bench"
LIMIT_S = 60
CPUS = sorted(os.sched_getaffinity(0))
RUN_KEYS = {"target", "round", "rate", "achieved", "valid", "invalid", "due", "sent", "answered",
            "waited", "connects", "bytes_in", "bytes_out", "measured_s", "errors", "error_count",
            "longest_gap_us", "client", "latency", "service", "lag"}
QUICK = ("--duration", "500ms", "--warmup", "100ms", "--connections", "4")


def places():
    """Client and server beside each other, where there are CPUs for that."""
    return ("--client-cpu", CPUS[0], "--server-cpu", CPUS[-1]) if len(CPUS) > 1 else ()


class Bench:
    """One sprocket-bench, with everything it starts; on exit nothing of it may be left."""

    def __init__(self, *args, stdout=subprocess.PIPE, folder="/"):
        self.mark = uuid.uuid4().hex
        self.footprint = leftovers.Footprint(self.mark)
        self.process = subprocess.Popen(
            [str(BENCH), *map(str, args)], stdin=subprocess.DEVNULL, stdout=stdout,
            stderr=subprocess.PIPE, cwd=folder, env={**os.environ, leftovers.MARK: self.mark})
        self.out = Output(self.process.stdout) if stdout == subprocess.PIPE else None
        self.log = Output(self.process.stderr)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self.ends()
        finally:
            self.footprint.kill()
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait(5)

    def ends(self, cleaned=False):
        """Waits for its end. `cleaned`: then has what a killed `sprocket run` left given back, as
        its operator would. Returns the exit code."""
        try:
            code = self.process.wait(LIMIT_S)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running\n{self.report()}") from None
        for stream in (self.out, self.log):
            if stream:
                stream.thread.join(5)
        if cleaned:
            subprocess.run([program("sprocket"), "doctor", "--clean"], capture_output=True,
                           check=False, timeout=LIMIT_S)
        try:
            poll("nothing left", lambda: not self.footprint.left(), 10, pause=0.02)
        except AssertionError:
            raise AssertionError(f"left behind: {self.footprint.left()}\n{self.report()}") from None
        return code

    def report(self):
        return "\n".join([f"$ {' '.join(map(str, self.process.args))}",
                          self.out.text() if self.out else "", self.log.text()])

    def child(self, pattern):
        """Pid of a process below it whose command line has the pattern."""
        def look():
            self.footprint.look(self.process.pid)
            for pid in leftovers.descendants(self.process.pid):
                if re.search(pattern, leftovers.read(f"/proc/{pid}/cmdline").decode()):
                    return pid
            return None
        return poll(pattern, look, 15)


@contextlib.contextmanager
def server(*args):
    """bench_server.py; its URL."""
    pin = (lambda: os.sched_setaffinity(0, {CPUS[-1]})) if len(CPUS) > 1 else None
    process = subprocess.Popen(
        [sys.executable, str(HERE / "bench_server.py"), *map(str, args)],
        stdout=subprocess.PIPE, preexec_fn=pin)
    try:
        line = process.stdout.readline().decode()
        assert line.startswith("ready http://"), line
        yield line.split()[1]
    finally:
        process.terminate()
        process.wait(5)
        process.stdout.close()


class BenchTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="sprocket bench ")  # with a blank
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def bench(self, *args, code=0, **more):
        """Runs it to its end. Returns what it wrote to stdout and stderr."""
        with Bench(*args, **more) as bench:
            got = bench.ends()
            if code is not None:
                self.assertEqual(got, code, bench.report())
            return bench.out.text() if bench.out else "", bench.log.text()

    def document(self, *args, code=0):
        """The same, its --json."""
        path = self.folder / "result.json"
        path.unlink(missing_ok=True)
        out, err = self.bench(*args, "--json", path, code=code)
        document = json.loads(path.read_text())
        self.assertEqual(document["sprocket_bench"], 1)
        return document, out, err

    def one(self, *args):
        """The one run of a document; one that the machine disturbed is tried again."""
        for _ in range(4):
            document, out, _ = self.document("run", *args, code=None)
            if document["valid"]:
                break
        self.assertTrue(document["valid"], out)
        return document, document["runs"][0], out
