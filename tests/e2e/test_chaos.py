# SPDX-License-Identifier: Apache-2.0
"""Short forms of tests/chaos: faults under load, and nothing is lost. Each prints its seed.

SPROCKET_CHAOS_RATE lowers the rates, for a build with sanitizers.
"""
import os
import random
import resource
import socket
import sys
from collections import Counter
from pathlib import Path

import tap
from harness import BUILD, ChainTest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "chaos"))
# pylint: disable=wrong-import-position
import report
from ledger import Ledger
from odd_server import OddServer
from scenarios import SCENARIOS
from schedule import schedule

FDS = 16384
RATE = float(os.environ.get("SPROCKET_CHAOS_RATE", "0"))
SEED = int(os.environ.get("SPROCKET_CHAOS_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)


class Chaos(ChainTest):
    def run_short(self, name):
        s = SCENARIOS[name]
        print(f"# {name}: seed {SEED}", flush=True)
        found = s.kind(s, SEED, s.seconds, RATE or s.rate, s.short or s.every).go()
        for line in report.text(found).splitlines() if "faults" in found else ():
            print(f"# {line}", flush=True)
        self.assertEqual(found["failures"], [], "\n".join(found.get("timeline", ())))
        self.assertGreater(sum(found["answers"].values()), 0)
        return found

    def test_functions(self):
        self.assertGreater(self.run_short("functions")["faults"]["kill-function"], 10)

    def test_gateway(self):
        self.assertGreater(self.run_short("gateway")["faults"]["kill-gateway"], 1)

    def test_daemon(self):
        self.assertGreater(self.run_short("daemon")["faults"]["kill-daemon"], 1)

    def test_idempotent(self):
        self.run_short("idempotent")

    def test_overload(self):
        self.run_short("overload")

    def test_hostile(self):
        self.assertGreater(self.run_short("hostile")["faults"]["forge"], 10)

    def test_run(self):
        self.assertGreater(len(self.run_short("run")["faults"]), 2)

    def test_mixed(self):
        self.assertGreater(len(self.run_short("mixed")["faults"]), 5)


class Client(ChainTest):
    """What the others rest on: nothing that a server does is taken for an answer that is none."""

    def asked(self, path, count=4, deadline_ms=100):
        with OddServer() as server, Ledger(BUILD, server.port, rate=100, seconds=count / 100,
                                           deadline_ms=deadline_ms, seed=3, connections=4,
                                           kinds=[f"1 echo {path}"]) as ledger:
            sums = ledger.wait()
            records = list(ledger.records())
        self.assertEqual((sums["requests"], len(records)), (count, count))
        self.assertEqual(sum(sums["outcomes"].values()), count)
        found = {name: n for name, n in sums["outcomes"].items() if n}
        self.assertEqual(Counter(r.outcome for r in records), found)
        return found, sums

    def test_answers(self):
        for path, outcome in (("/ok", "ok"), ("/problem", "problem"), ("/wrong", "wrong"),
                              ("/long", "wrong"), ("/malformed", "malformed"), ("/cut", "cut"),
                              ("/unexplained", "unexplained"), ("/no-reason", "unexplained"),
                              ("/closed", "closed"), ("/extra", "ok"), ("/late", "ok")):
            with self.subTest(path):
                found, sums = self.asked(path, deadline_ms=100 if path == "/late" else 5000)
                self.assertEqual(found, {outcome: 4})
                self.assertEqual(sums["extra"], 4 if path == "/extra" else 0)
                self.assertEqual(sums["late"], 4 if path == "/late" else 0)
                self.assertEqual(sums["reasons"], {"busy": 4} if path == "/problem" else {})

    def test_none(self):
        found, sums = self.asked("/hang", count=2)
        self.assertEqual((found, sums["late"]), ({"hang": 2}, 2))
        with socket.create_server(("127.0.0.1", 0)) as gone:
            port = gone.getsockname()[1]
        with Ledger(BUILD, port, rate=100, seconds=0.03, deadline_ms=100, seed=1) as ledger:
            self.assertEqual(ledger.wait()["outcomes"]["refused"], 3)


class Schedule(ChainTest):
    def test_is_a_function_of_the_seed(self):
        every = SCENARIOS["mixed"].every
        once = schedule(7, 60, every)
        self.assertGreater(len(once), 100)
        self.assertEqual(once, schedule(7, 60, every))
        self.assertNotEqual(once, schedule(8, 60, every))
        # Another fault beside it does not move those there are.
        self.assertEqual([f for f in once if f.name == "hog"],
                         schedule(7, 60, {"hog": every["hog"]}))

    def test_exact_faults_come_exactly_so_often(self):
        found = schedule(1, 8, {"kill-function!": 0.2})
        self.assertEqual([round(f.at, 6) for f in found[:3]], [0.2, 0.4, 0.6])
        self.assertEqual({f.name for f in found}, {"kill-function"})


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_NOFILE, (FDS, FDS))
    tap.main()
