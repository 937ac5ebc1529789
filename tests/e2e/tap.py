# SPDX-License-Identifier: Apache-2.0
"""tap.py - runs the tests of one file and prints TAP, which meson reads.

A test file ends in `tap.main()`. Arguments are parts of test names: only those run. A file
whose tests need root skips as a whole and says why; so do single tests by unittest.skip.
"""
import atexit
import os
import signal
import sys
import time
import unittest

import leftovers


class TapResult(unittest.TestResult):
    def __init__(self, total):
        super().__init__()
        self.number = 0
        self.began = 0.0
        print(f"TAP version 13\n1..{total}", flush=True)

    def startTest(self, test):
        super().startTest(test)
        self.began = time.monotonic()

    def line(self, good, test, note=""):
        self.number += 1
        name = test.id().removeprefix("__main__.")
        took = time.monotonic() - self.began if self.began else 0
        print(f"{'ok' if good else 'not ok'} {self.number} - {name}{note}", flush=True)
        if took > 0.05:
            print(f"# {name}: {took:.2f} s", flush=True)

    def why(self, test, err):
        for text in self._exc_info_to_string(err, test).splitlines():
            print(f"# {text}", flush=True)

    def addSuccess(self, test):
        self.line(True, test)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.line(True, test, f" # SKIP {reason}")

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.line(False, test)
        self.why(test, err)

    def addError(self, test, err):
        super().addError(test, err)
        self.line(False, test)
        self.why(test, err)

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            print(f"# part failed: {subtest.id()}")
            self.why(test, err)

    def stopTest(self, test):
        super().stopTest(test)
        self.began = 0.0
        # A test whose parts failed gets neither addSuccess nor addFailure.
        if self.number < self.testsRun:
            self.line(False, test)


def flatten(suite):
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from flatten(item)
        else:
            yield item


def ended(*_):
    """By SIGTERM, as meson does at the time limit: what was started must not live on beside others."""
    leftovers.kill_all()
    atexit._run_exitfuncs()  # folders
    os._exit(128 + signal.SIGTERM)


def main(needs_root=True):
    signal.signal(signal.SIGTERM, ended)
    if needs_root and os.geteuid() != 0:
        print("1..0 # SKIP needs root: the kernel program is loaded for real")
        sys.exit(0)
    wanted = sys.argv[1:]
    tests = list(flatten(unittest.defaultTestLoader.loadTestsFromModule(sys.modules["__main__"])))
    tests = [t for t in tests if not wanted or any(w in t.id() for w in wanted)]
    suite = unittest.TestSuite(tests)
    result = TapResult(len(tests))
    suite.run(result)
    # What failed outside of a test (class set-up and clean-up) has no line of its own yet.
    while result.number < len(tests):
        result.number += 1
        print(f"not ok {result.number} - not run")
    sys.exit(0 if result.wasSuccessful() and tests else 1)
