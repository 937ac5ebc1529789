# SPDX-License-Identifier: Apache-2.0
"""harness.py - runs a chain for a test: the real `sprocket run`, on loopback.

    with Chain("echo") as chain:
        answer = chain.request("POST", "/", b"hello")

On entry the chain file (chains/NAME.yaml, its @words@ filled in) is run and waited for; on
exit it is told to stop, must end with 0, and must leave nothing behind: that is part of
every test. Nothing here sleeps for a fixed time: conditions are asked for until a deadline.
"""
import atexit
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import uuid
from pathlib import Path

import leftovers
from client import Closed, Connection, poll

HERE = Path(__file__).resolve().parent
BUILD = Path(os.environ.get("SPROCKET_BUILD", HERE.parents[1] / "build")).resolve()
PROGRAMS = {
    "sprocket": "controller/sprocket",
    "gateway": "gateway/sprocket-gateway",
    "probe": "functions/examples/probe/probe",
    "hostile": "tests/functions/hostile",
    "witness": "tests/functions/witness",
}
START_S = 15.0
STOP_S = 10.0
KINDS = ("size", "identity", "mixed", "edge", "index", "stale", "owner", "length", "home",
         "refill", "wake", "bypass")


def program(name, build=BUILD):
    return build / PROGRAMS[name]


class Output:
    """Lines of a stream, read as they come; keeps the last of them for the report."""

    def __init__(self, stream):
        self.lines = []
        self.changed = threading.Condition()
        self.ended = False
        self.thread = threading.Thread(target=self.pump, args=(stream,), daemon=True)
        self.thread.start()

    def pump(self, stream):
        for line in stream:
            with self.changed:
                self.lines.append(line.decode(errors="replace").rstrip("\n"))
                self.changed.notify_all()
        with self.changed:
            self.ended = True
            self.changed.notify_all()
        stream.close()

    def wait(self, pattern, start=0, seconds=5.0):
        """First line from number `start` on that has the pattern; None at the deadline or
        the end of the stream."""
        end = time.monotonic() + seconds
        with self.changed:
            at = start
            while True:
                while at < len(self.lines):
                    if match := re.search(pattern, self.lines[at]):
                        return match
                    at += 1
                left = end - time.monotonic()
                if self.ended or left <= 0:
                    return None
                self.changed.wait(left)

    def text(self):
        with self.changed:
            return "\n".join(self.lines)


def make_folder(suffix=""):
    folder = Path(tempfile.mkdtemp(prefix="sprocket-e2e-", suffix=suffix))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)  # whoever forgets it
    folder.chmod(0o755)
    return folder


def fill(template, words, build=BUILD):
    """Text of chains/TEMPLATE.yaml with its @words@ filled in."""
    text = (HERE / "chains" / f"{template}.yaml").read_text()
    words = {name: program(name, build) for name in PROGRAMS} | words
    # The folder is known only when the file is written.
    return re.sub(r"@(\w+)@", lambda m: str(words[m[1]]), text)


class Chain:
    """One `sprocket run`."""

    def __init__(self, template=None, *, text=None, args=(), env=(), listen="127.0.0.1:0",
                 build=BUILD, command=(), folder_suffix="", whole=True, **words):
        """`words` fill the template; without `whole`, buffers that a hung function holds at
        the end are allowed."""
        self.whole = whole
        self.mark = uuid.uuid4().hex
        self.folder = make_folder(folder_suffix)
        self.file = self.folder / f"{template or 'chain'}.yaml"
        self.file.write_text(text if text is not None else fill(template, words, build))
        self.footprint = leftovers.Footprint(self.mark)
        self.port = None
        self.path = "/"
        self.over = False  # ended, and what it left was looked for
        self.status_lock = threading.Lock()
        self.process = subprocess.Popen(
            [*command, str(program("sprocket", build)), "run", str(self.file),
             "--listen", listen, *args],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={**os.environ, leftovers.MARK: self.mark, **dict(env)},
            cwd="/", start_new_session=True)
        self.out = Output(self.process.stdout)
        self.log = Output(self.process.stderr)

    @property
    def pid(self):
        return self.process.pid

    def wait_ready(self, seconds=START_S):
        match = self.out.wait(r"^ready http://([^/\s]+):(\d+)(/\S*)$", seconds=seconds)
        if not match:
            if self.out.ended:  # it is ending, and may not have been heard to the end
                self.log.thread.join(5)
            self.process.poll()
            raise AssertionError(f"not ready in {seconds} s, exit {self.process.returncode}\n"
                                 + self.report())
        self.port, self.path = int(match[2]), match[3]
        self.footprint.ports.add(self.port)
        self.footprint.look(self.pid)
        return self

    def report(self):
        tail = self.log.text().splitlines()[-40:]
        return "\n".join([f"$ {' '.join(map(str, self.process.args))}", *self.out.lines, *tail])

    def __enter__(self):
        try:
            return self.wait_ready()
        except BaseException:
            self.kill()
            raise

    def __exit__(self, kind, error, _):
        if kind is None:
            try:
                if not self.over:
                    self.stop()
            finally:
                self.kill()
        else:
            print("\n".join("# | " + line for line in self.report().splitlines()), flush=True)
            self.kill()

    def stop(self, sig=signal.SIGINT, code=0):
        """Tells the run to stop; it must end with `code` and leave nothing."""
        self.footprint.look(self.pid)
        if self.process.poll() is None:
            self.process.send_signal(sig)
        self.ends(code)

    def ends(self, code=0, seconds=STOP_S):
        """The run ends, or has ended, with `code` and leaves nothing."""
        try:
            got = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {seconds} s\n" + self.report()) from None
        self.log.thread.join(5)
        if got != code:
            raise AssertionError(f"exit code {got}, not {code}\n" + self.report())
        self.assert_nothing_left()
        if code == 0 and self.whole and "pool not whole" in self.log.text():
            raise AssertionError("buffers were lost\n" + self.report())
        self.over = True

    def assert_nothing_left(self, seconds=5.0):
        # The kernel frees BPF objects and memory a moment after their last user.
        try:
            poll("nothing left", lambda: not self.footprint.left(), seconds, pause=0.02)
        except AssertionError:
            left = self.footprint.left()
            if left:
                raise AssertionError("left behind: " + "; ".join(left) + "\n"
                                     + self.report()) from None

    def kill(self):
        """Ends whatever there still is, when a test has failed."""
        if self.process.poll() is None:
            self.footprint.look(self.pid)
        self.footprint.kill()
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(5)
        shutil.rmtree(self.folder, ignore_errors=True)

    # ---- talking to it ----

    def connect(self, timeout=20):
        return Connection(self.port, timeout=timeout)

    def request(self, method="POST", path=None, body=None, headers=(), timeout=20, **more):
        with self.connect(timeout) as connection:
            return connection.request(method, path or self.path, body, headers, **more)

    def status(self):
        """What SIGUSR1 prints."""
        with self.status_lock:
            start = len(self.log.lines)
            self.process.send_signal(signal.SIGUSR1)
            match = self.log.wait(r"status: (\{.*\})\s*$", start, 5)
            if not match:
                raise AssertionError("no status on SIGUSR1\n" + self.report())
            return json.loads(match[1])

    def function(self, name, status=None):
        return next(f for f in (status or self.status())["functions"] if f["name"] == name)

    def instances(self, name):
        """Those that serve."""
        return [i for i in self.function(name)["instances"] if i["state"] == "READY"]

    def instance_pid(self, name):
        instances = self.instances(name)
        assert len(instances) == 1, f"{name} has {len(instances)} instances"
        return instances[0]["pid"]

    def replaced(self, name, old_pids, seconds=5.0):
        """Waits until the function has as many instances as before, none of them old."""
        def fresh():
            now = [i["pid"] for i in self.instances(name)]
            return len(now) >= len(old_pids) and not set(now) & set(old_pids) and now
        return poll(f"{name} replaced", fresh, seconds)

    def violations(self):
        return self.status()["kernel"]["violations"]

    def wait_idle(self, seconds=5.0, leases=False):
        """Waits until nothing is in flight and every buffer is free; with `leases`, those
        that functions hold for later use are allowed. Returns the status."""
        last = {}

        def idle():
            last.update(self.status())
            buffers, gateway = last["buffers"], last["gateway"]
            free = buffers["free"] + (gateway["leased"] if leases else 0)
            return gateway["in_flight"] == 0 and free == buffers["total"] > 0
        try:
            poll("every buffer free", idle, seconds, pause=0.02)
        except AssertionError as e:
            raise AssertionError(f"{e}: {last}\n{self.report()}") from None
        return last


class Traffic:
    """Requests in the background, each answer judged, until told to stop."""

    def __init__(self, chain, make, check, clients=2):
        """`make(n)` gives arguments of Connection.request; `check(n, answer)` asserts."""
        self.chain, self.make, self.check = chain, make, check
        self.stopping = threading.Event()
        self.done = 0
        self.errors = []
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.drive, args=(c,), daemon=True)
                        for c in range(clients)]

    def __enter__(self):
        for t in self.threads:
            t.start()
        poll("traffic flows", lambda: self.done >= len(self.threads) or self.errors)
        return self

    def __exit__(self, kind, *_):
        self.stopping.set()
        for t in self.threads:
            t.join(30)
        if kind is None and self.errors:
            raise AssertionError(f"of {self.done} other requests: {self.errors[:3]}")

    def drive(self, client):
        try:
            with self.chain.connect() as connection:
                n = client
                while not self.stopping.is_set():
                    self.check(n, connection.request(*self.make(n)))
                    n += len(self.threads)
                    with self.lock:
                        self.done += 1
        except (AssertionError, OSError, Closed, ValueError) as e:
            with self.lock:
                self.errors.append(repr(e))


def in_parallel(count, work):
    """Runs work(0) … work(count - 1) at once, each in its thread; returns the results in
    order. The first error is raised."""
    results = [None] * count
    gate = threading.Barrier(count)

    def one(i):
        try:
            gate.wait(30)
            results[i] = (True, work(i))
        except BaseException as e:
            results[i] = (False, e)
    old = threading.stack_size(256 << 10)
    threads = [threading.Thread(target=one, args=(i,), daemon=True) for i in range(count)]
    for t in threads:
        t.start()
    threading.stack_size(old)
    for t in threads:
        t.join(120)
    errors = [r[1] for r in results if r and not r[0]]
    if errors or None in results:
        raise AssertionError(f"{len(errors)} of {count} failed, {results.count(None)} hang: "
                             f"{errors[:3]!r}")
    return [r[1] for r in results]


class ChainTest(unittest.TestCase):
    """Assertions that several files need."""

    def assertProblem(self, answer, status, chain=None):
        """The answer is a problem document (RFC 9457) that names chain and reason."""
        self.assertEqual(answer.status, status, answer)
        self.assertEqual(answer.header("content-type"), "application/problem+json", answer)
        document = answer.json()
        self.assertEqual(document["status"], status)
        self.assertTrue(document["title"])
        self.assertTrue(document["reason"])
        self.assertTrue(document["chain"])
        if chain:
            self.assertEqual(document["chain"], chain)
        return document


def run(*args, build=BUILD, env=(), command=(), cwd="/", seconds=60, **more):
    """Runs the `sprocket` command to its end."""
    command = [*command, str(program("sprocket", build)), *map(str, args)]
    try:
        return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              cwd=cwd, timeout=seconds, env={**os.environ, **dict(env)},
                              check=False, **more)
    except subprocess.TimeoutExpired as e:
        # It was killed: what it left must not disturb the tests that follow.
        subprocess.run([str(program("sprocket")), "doctor", "--clean"], capture_output=True,
                       check=False)
        raise AssertionError(f"still running after {seconds} s: {e.cmd}") from None


if not program("sprocket").exists():
    sys.exit(f"no {program('sprocket')}: build first, or name the build folder in SPROCKET_BUILD")
