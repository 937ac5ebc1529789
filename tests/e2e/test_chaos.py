# SPDX-License-Identifier: Apache-2.0
"""Short forms of tests/chaos: faults under load, and nothing is lost. Each prints its seed.

SPROCKET_CHAOS_RATE lowers the rates, for a build with sanitizers.
"""
import os
import random
import resource
import sys
from pathlib import Path

import tap
from harness import ChainTest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "chaos"))
# pylint: disable=wrong-import-position
import report
from scenarios import SCENARIOS
from schedule import schedule

FDS = 16384
RATE = float(os.environ.get("SPROCKET_CHAOS_RATE", "0"))
SEED = int(os.environ.get("SPROCKET_CHAOS_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)


class Chaos(ChainTest):
    def run_short(self, name, seconds=None):
        s = SCENARIOS[name]
        print(f"# {name}: seed {SEED}", flush=True)
        found = s.kind(s, SEED, seconds or s.seconds, RATE or s.rate, s.short or s.every).go()
        for line in report.text(found).splitlines() if "faults" in found else ():
            print(f"# {line}", flush=True)
        self.assertEqual(found["failures"], [], "\n".join(found.get("timeline", ())))
        self.assertGreater(sum(found["answers"].values()), 0)
        return found

    def test_functions(self):
        self.assertGreater(self.run_short("functions", 5)["faults"]["kill-function"], 10)

    def test_gateway(self):
        self.assertGreater(self.run_short("gateway")["faults"]["kill-gateway"], 1)

    def test_daemon(self):
        self.assertGreater(self.run_short("daemon")["faults"]["kill-daemon"], 1)

    def test_idempotent(self):
        self.run_short("idempotent", 3)

    def test_overload(self):
        self.run_short("overload")

    def test_hostile(self):
        self.assertGreater(self.run_short("hostile")["faults"]["forge"], 10)

    def test_run(self):
        self.assertGreater(len(self.run_short("run")["faults"]), 2)

    def test_mixed(self):
        self.assertGreater(len(self.run_short("mixed")["faults"]), 5)


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
