# SPDX-License-Identifier: Apache-2.0
"""The example motion: what it answers, and that a trace says the same however fast it is played."""
import re
import subprocess

import golden
import tap
from golden import EXAMPLES, replay
from harness import ChainTest

SECONDS = 600


def arrivals(seed=1, seconds=SECONDS):
    return subprocess.run([EXAMPLES / "motion/arrivals", f"--seed={seed}", f"--seconds={seconds}"],
                          capture_output=True, text=True, check=True).stdout


class Motion(ChainTest):
    def test_golden(self):
        with golden.example("motion") as chain:
            self.assertGreater(golden.check(self, chain, "motion"), 10)
            chain.wait_idle(leases=True)

    def test_arrivals_are_bursts(self):
        """Most events follow within seconds, most of the time is silence."""
        text = arrivals(seconds=86400)
        self.assertEqual(text, arrivals(seconds=86400))
        self.assertNotEqual(text, arrivals(seed=2, seconds=86400))
        times = [float(line.split()[0]) for line in text.splitlines()[1:]]
        gaps = [b - a for a, b in zip(times, times[1:])]
        self.assertEqual(times, sorted(times))
        self.assertGreater(sum(gap < 2 for gap in gaps) / len(gaps), 0.8)
        self.assertGreater(sum(gap for gap in gaps if gap > 20) / times[-1], 0.5)
        self.assertGreater(max(gaps), 600)

    def test_replay(self):
        """A trace at two speeds, one request at a time: the same answers, in order."""
        text = arrivals()
        count = len(text.splitlines()) - 1
        answers = []
        for speed in ("200", "400"):
            with golden.example("motion", args=("--trace",)) as chain:
                out = replay(chain, text, "--speed", speed, "--connections", "1", "--answers")
                answers.append(re.findall(r"^200 (lamp .*)$", out, re.M))
                self.assertRegex(out, rf"(?m)^{count} requests in .*: 0 failed$")
                self.assertRegex(out, rf"(?m)^path +{count} +100\.0 %  sensor actuator$")
                self.assertRegex(out, r"(?m)^response time, us:  p50 [\d.]+  p90 .*  p99 .*  p100 ")
                lights = chain.request("GET", "/lights").body.decode()
            switched = [a.split()[1] for a in answers[-1] if re.search(r"\d on from", a)]
            for line in lights.splitlines():
                words = line.split()
                self.assertEqual(switched.count(words[1]), int(words[4]), line)
        self.assertEqual(len(answers[0]), count)
        self.assertEqual(answers[0], answers[1])

    def test_replay_tells_failures(self):
        with golden.example("motion") as chain:
            out = replay(chain, "0 POST /motion 1 1\n0.01 POST /motion x\n0.02 GET /none\n",
                         code=1)
            self.assertRegex(out, r"3 requests in .*: 2 failed")
            for status in (200, 400, 404):
                self.assertRegex(out, rf"(?m)^status +1  {status}$")
            self.assertNotIn("path ", out)


if __name__ == "__main__":
    tap.main()
