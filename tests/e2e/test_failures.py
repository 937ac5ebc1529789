# SPDX-License-Identifier: Apache-2.0
"""No memory at any one moment, and system calls that fail: nobody crashes, nobody hangs, nothing is
left, and what cannot start says why. Every allocation of a start is tried with SPROCKET_SLOW=1, else
every so-manieth."""
import contextlib
import os
import shutil
import subprocess
import sys
import unittest
import uuid

import tap
from daemon import Daemon
from harness import BUILD, Chain, fill, make_folder, program

FAIL = BUILD / "tests/faults/fail.so"
SLOW = bool(os.environ.get("SPROCKET_SLOW"))
START_S = 40  # without the types of its program the kernel takes seconds to judge it


class Failures:
    """What is preloaded into programs named `name`; the folder is one that functions can read."""

    def __init__(self, folder, name, alloc=0, calls=""):
        library = folder / "fail.so"
        if not library.exists():
            shutil.copy(FAIL, library)
        self.mark = folder / f"mark-{uuid.uuid4().hex}"
        self.mark.touch()
        self.mark.chmod(0o666)  # functions have a user of their own
        self.env = {"LD_PRELOAD": str(library), "SPROCKET_FAIL_IN": name,
                    "SPROCKET_FAIL_MARK": str(self.mark)}
        if alloc:
            self.env["SPROCKET_FAIL_ALLOC"] = str(alloc)
        if calls:
            self.env["SPROCKET_FAIL_CALLS"] = calls

    def count(self):
        return self.mark.stat().st_size


def shown(folder):
    """The echo chain, whose functions are shown the folder."""
    return fill("echo", {}).replace(
        "  functions:", f"  security: {{files: {{write: [{folder}]}}}}\n  functions:", 1)


def every(test, most, attempt, stride):
    """attempt(n) for every stride-th n from 1 on, until it says that there is no n-th."""
    tried = 0
    for n in range(1, most, 1 if SLOW else stride):
        with test.subTest(allocation=n):
            if not attempt(n):
                break
        tried += 1
    else:
        test.fail(f"more than {most} allocations")
    test.assertGreater(tried, 3)
    print(f"# {tried} of them failed", flush=True)


class RunTest(unittest.TestCase):
    """One allocation of one program fails while a chain starts, serves and stops."""

    def setUp(self):
        self.folder = make_folder()

    def attempt(self, name, n):
        """Returns False when the program made fewer allocations."""
        failures = Failures(self.folder, name, alloc=n)
        chain = Chain(text=shown(self.folder), env=failures.env)
        try:
            ready = chain.out.wait(r"^ready http://([^/\s]+):(\d+)(/\S*)$", seconds=START_S)
            if ready:
                chain.port, chain.path = int(ready[2]), ready[3]
                chain.footprint.ports.add(chain.port)
                # That one may be the request for which there was no memory.
                self.assertIn(chain.request("POST", "/echo", b"hello").status, (200, 500, 502))
                self.assertEqual(chain.request("POST", "/echo", b"hello").status, 200)
                chain.stop()
            else:
                code = chain.process.wait(10)
                chain.log.thread.join(5)
                self.assertIn(code, (1, 3), chain.report())  # 3: the file has an error
                self.assertTrue(chain.log.text().strip(), "it did not say why")
                chain.assert_nothing_left()
            return failures.count() > 0
        finally:
            chain.kill()

    def test_run(self):
        every(self, 20000, lambda n: self.attempt("sprocket", n), 83)

    def test_gateway(self):
        """A gateway that cannot start is started again. (What libh2o cannot allocate later, while
        it serves, ends the process: that is its way.)"""
        every(self, 20000, lambda n: self.attempt("sprocket-gateway", n), 97)

    def test_function(self):
        every(self, 500, lambda n: self.attempt("only", n), 1)

    def test_validate(self):
        path = self.folder / "chain.yaml"
        path.write_text(fill("echo", {}))

        def attempt(n):
            failures = Failures(self.folder, "sprocket", alloc=n)
            done = subprocess.run([program("sprocket"), "validate", path], timeout=30,
                                  capture_output=True, env={**os.environ, **failures.env},
                                  check=False)
            self.assertIn(done.returncode, (0, 1, 3), (done, n))
            self.assertTrue(done.returncode == 0 or done.stderr.strip(), (done, n))
            self.assertNotIn(b"(null)", done.stderr)
            return failures.count() > 0
        every(self, 5000, attempt, 7)


class CallsTest(unittest.TestCase):
    """Of 200 system calls one fails, in one program after another, under traffic."""

    def traffic(self, chain, failures, requests=300):
        statuses = []
        connection = None
        for n in range(requests):
            body = b"%d" % n * (1 + n % 50)
            try:
                connection = connection or chain.connect()
                answer = connection.request("POST", "/echo", body)
                statuses.append(answer.status)
                if answer.status == 200:
                    self.assertEqual(answer.body, body)
            except OSError:
                statuses.append(0)
            if statuses[-1] != 200 and connection:
                connection.close()
                connection = None
        self.assertGreater(failures.count(), 0, "no call has failed")
        return [s for s in statuses if s != 200]

    def one(self, name):
        folder = make_folder()
        for seed in range(20 if SLOW else 2):
            failures = Failures(folder, name, calls=f"5:{seed + 1}")
            with self.subTest(seed=seed), Chain(text=shown(folder), env=failures.env) as chain:
                bad = self.traffic(chain, failures)
                self.assertEqual(bad, [])
                chain.wait_idle(leases=True)

    def test_run(self):
        self.one("sprocket")

    def test_gateway(self):
        self.one("sprocket-gateway")

    def test_function(self):
        self.one("only")

    def test_daemon(self):
        folder = make_folder()
        failures = Failures(folder, "sprocketd", calls="5:7")
        with Daemon(env=failures.env) as daemon:
            for n in range(3):
                daemon.apply(fill("echo", {}))
                self.assertEqual(daemon.request("echo", path="/echo").status, 200)
                daemon.cli("delete", "echo", check=True)
            self.assertGreater(failures.count(), 0)


class DaemonTest(unittest.TestCase):
    """One allocation of the daemon fails: it, or what it was asked for, may fail; the next daemon
    and the next try do not."""

    @staticmethod
    @contextlib.contextmanager
    def finished(daemon):
        """The rest of a daemon's life; __enter__() would start it."""
        try:
            yield daemon
        except BaseException as e:
            daemon.__exit__(type(e), e, None)
            raise
        daemon.__exit__(None, None, None)

    def attempt(self, n):
        failures = Failures(make_folder(), "sprocketd", alloc=n)
        daemon = Daemon(env=failures.env)
        try:
            daemon.start()
        except AssertionError as e:
            daemon.destroy()
            self.assertGreater(failures.count(), 0, e)
            self.assertEqual(daemon.process.returncode, 1, e)
            self.assertTrue(daemon.log.text().strip(), "it did not say why")
            return True
        with self.finished(daemon):
            for work in (lambda: daemon.apply(fill("echo", {})),
                         lambda: self.assertEqual(
                             daemon.request("echo", path="/echo").status, 200)):
                before = failures.count()
                try:
                    work()
                except AssertionError as e:
                    self.assertGreater(failures.count(), before, e)
                    work()
            self.assertIsNone(daemon.process.poll(), daemon.report())
        return failures.count() > 0

    def test_apply(self):
        every(self, 20000, self.attempt, 397)


if __name__ == "__main__":
    if os.geteuid() != 0:
        print("1..0 # SKIP chains are run by root")
        sys.exit(77)
    tap.main()
