# SPDX-License-Identifier: Apache-2.0
"""The batteries of tests/http, on a chain's own address and through the front: no failure."""
import sys
import unittest
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "http"))

import battery
import servers
import tap

CASES_MIN = {"h1": 340, "h2": 248}  # what the batteries have at least, so that none is lost unseen


class Batteries(unittest.TestCase):
    def run_all(self, server):
        cases = battery.load()
        with server() as target:
            results = battery.run(cases, target)
        for r in results:
            if r.verdict != battery.PASS:
                print(f"# {r.verdict} {r.case.id} ({r.case.clause}): {r.why}", flush=True)
        for protocol, least in CASES_MIN.items():
            self.assertGreaterEqual(sum(c.protocol == protocol for c in cases), least)
        failed = [r.case.id for r in results if r.verdict == battery.FAIL]
        self.assertEqual(failed, [])

    def test_gateway(self):
        self.run_all(servers.sprocket)

    def test_front(self):
        self.run_all(servers.sprocket_front)


class Judges(unittest.TestCase):
    """A battery that cannot fail is none: a server that takes anything fails."""

    BAD = ("cl-plus", "cl-twice", "te-misspelt", "te-bare-lf", "chunk-size-underscore",
           "chunk-data-bare-lf", "field-space-before-colon", "host-two", "version-2.0")
    GOOD = ("cl-plain", "cl-zero", "chunk-plain", "keep-1.1", "keep-close", "field-empty-value")

    def test_a_lax_server_fails(self):
        cases = [c for c in battery.load() if c.id in self.BAD + self.GOOD]
        with servers.lax() as target, mock.patch("h1.ANSWER_S", 0.2):
            found = {r.case.id: r.verdict for r in battery.run(cases, target)}
        for id in self.BAD:
            self.assertEqual(found[id], battery.FAIL, id)
        for id in self.GOOD:
            self.assertEqual(found[id], battery.PASS, id)


if __name__ == "__main__":
    tap.main()
