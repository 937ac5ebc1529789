# SPDX-License-Identifier: Apache-2.0
"""The example parking: what it answers, and a lot of 164 places whose cameras all report at
once: nine of ten cars go one way through the chain, one of ten the other."""
import os
import re
import subprocess
import tempfile
from pathlib import Path

import golden
import tap
from golden import EXAMPLES, replay
from harness import ChainTest, run

PLACES = 164
VISITORS = 16
BURSTS = 3


def picture(name):
    """PLATE-SEED.jpg, as golden.txt says."""
    plate, seed = re.fullmatch(r"(.+)-(\d+)\.jpg", name).groups()
    return subprocess.run(
        [EXAMPLES / "parking/snapshot", "--plate", plate, "--seed", seed, "--width", "320",
         "--height", "240", "--bytes", "4096", "--out", "-"], capture_output=True,
        check=True).stdout


class Parking(ChainTest):
    def test_golden(self):
        with golden.example("parking") as chain:
            self.assertGreater(golden.check(self, chain, "parking", picture), 5)
            chain.wait_idle(leases=True)

    def test_lot(self):
        """All pictures of a burst are due at once; every one is read right."""
        with golden.example("parking", args=("--trace",)) as chain, \
                tempfile.TemporaryDirectory(prefix="sprocket-e2e-") as folder:
            arrivals = subprocess.run(
                [EXAMPLES / "parking/lot", "--bursts", str(BURSTS), folder], capture_output=True,
                text=True, check=True).stdout
            times = [line.split()[0] for line in arrivals.splitlines()]
            self.assertEqual(times, [str(240 * b) for b in range(BURSTS) for _ in range(PLACES)])
            out = replay(chain, arrivals, "--speed", "240", "--answers", folder=folder)
            total = BURSTS * PLACES
            self.assertRegex(out, rf"(?m)^{total} requests in .*: 0 failed$")
            self.assertRegex(out, rf"(?m)^status +{total}  200$")
            self.assertRegex(
                out, rf"(?m)^path +{total - BURSTS * VISITORS} +90\.2 %  detect search charge$")
            self.assertRegex(out, rf"(?m)^path +{BURSTS * VISITORS} +9\.8 %  "
                                  r"detect search index persist charge$")
            plates = re.findall(r'^200 \{"plate":"([^"]+)"', out, re.M)
            self.check_plates(plates)
            # a visitor of the first burst is known in those that follow
            self.assertEqual(len(set(re.findall(r'"ticket":(\d+)', out))), VISITORS)
            status = chain.wait_idle(leases=True)
            # what the kernel handed to each, not what the answers say
            took = {f["name"]: sum(i["in"] for i in f["instances"]) for f in status["functions"]}
            seen = BURSTS * VISITORS
            self.assertEqual(took, {"detect": total, "search": total, "index": seen,
                                    "persist": seen, "charge": total})

    def check_plates(self, plates):
        one = [f"{'VX' if place % 10 == 0 else 'PK'}-{place:04}" for place in range(1, PLACES + 1)]
        self.assertEqual(plates, one * BURSTS)

    def test_visitors_are_written_down(self):
        with tempfile.TemporaryDirectory(prefix="sprocket-e2e-") as folder:
            file = Path(folder) / "visitors.txt"
            os.chmod(folder, 0o777)  # the chain has a user of its own
            text = golden.example_text("parking").replace(
                "persist, exec", f'persist, config: {{file: "{file}", sync: "yes"}}, '
                f"security: {{files: {{write: [{folder}]}}}}, exec")
            with golden.Chain(text=text) as chain:
                for name in ("ZZ-9999-3.jpg", "AB-1234-1.jpg", "ZZ-8888-5.jpg", "ZZ-9999-4.jpg"):
                    self.assertEqual(chain.request("POST", "/snapshot", picture(name)).status, 200)
                lines = file.read_text().splitlines()
            self.assertEqual([line.split() for line in lines],
                             [["1", "ZZ-9999", "0", "visitor"], ["2", "ZZ-8888", "0", "visitor"]])

    def test_a_start_that_is_refused_names_the_key(self):
        with tempfile.TemporaryDirectory(prefix="sprocket-e2e-") as folder:
            file = Path(folder) / "chain.yaml"
            file.write_text(golden.example_text("parking").replace(
                "persist, exec", "persist, config: {file: /var/lib/visitors.txt}, exec"))
            made = run("run", file, "--listen", "127.0.0.1:0")
            self.assertEqual(made.returncode, 1, made.stderr)
            self.assertRegex(made.stderr, "persist cannot start: init failed: No such file or "
                                          "directory; .*security.files")


if __name__ == "__main__":
    tap.main()
