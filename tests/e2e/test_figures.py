# SPDX-License-Identifier: Apache-2.0
"""bench/figures: sections are measured, what cannot be is told, and everything stops."""
import importlib.util
import json
import os
import signal
import subprocess
import sys
import tempfile
import unittest
import uuid
from pathlib import Path

import leftovers
import tap
from client import poll
from harness import BUILD

SOURCE = Path(__file__).resolve().parents[2]
FIGURES = SOURCE / "bench/figures"


def reporting():
    spec = importlib.util.spec_from_file_location("bench_report", SOURCE / "bench/report.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class ReportTest(unittest.TestCase):
    def test_a_missing_peer_fails_only_if_strict(self):
        for strict in (False, True):
            report = reporting().Report(strict)
            report.add("peers", "chain / ring", [2, 1, 3], "x", least=1)
            report.skip("peers", "chain / http-6", "nginx is not installed")
            self.assertEqual((report.passed(), report.missing), (not strict, 1))
            self.assertIn("chain / http-6: not measured", report.table())
            self.assertIn("nginx is not installed", report.table())

    def test_without_samples_no_floor_is_met(self):
        report = reporting().Report()
        report.add("peers", "for information", [], "us")
        self.assertTrue(report.passed())
        report.add("peers", "promised", [], "us", most=1)
        self.assertFalse(report.passed())

    def test_the_median_is_judged(self):
        for samples, passed in (([1, 9, 1], True), ([9, 1, 9], False)):
            report = reporting().Report()
            report.add("hop", "hop", samples, "us", most=2)
            self.assertEqual(report.passed(), passed)


class FiguresTest(unittest.TestCase):
    def setUp(self):
        if os.geteuid() != 0:
            self.skipTest("needs root")
        if len(os.sched_getaffinity(0)) < 2:
            self.skipTest("needs two CPUs")
        self.mark = uuid.uuid4().hex
        self.env = {**os.environ, leftovers.MARK: self.mark}

    def tearDown(self):
        for pid in leftovers.marked(self.mark):
            os.kill(pid, signal.SIGKILL)

    def figures(self, *args):
        return [sys.executable, str(FIGURES), *args, str(BUILD)]

    def test_sections(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "figures.json")
            command = self.figures("--quick", "--only", "memory,generator", "--json", path)
            done = subprocess.run(command, capture_output=True, text=True, env=self.env,
                                  timeout=120, check=False)
            self.assertTrue(os.path.exists(path), done.stderr)
            with open(path) as file:
                result = json.load(file)
        rows = {row["figure"]: row for row in result["figures"]}
        self.assertEqual(done.returncode, 0 if result["passed"] else 1)
        self.assertEqual(result["passed"], all(r["pass"] is not False for r in rows.values()))
        resident = rows["chain of 6, resident beyond its pool, after load"]
        self.assertEqual((resident["samples"], resident["floor"]), (5, 30))
        self.assertGreater(resident["median"], 8)  # eight processes
        self.assertGreater(rows["sprocket-bench on one CPU, bare by h2c"]["median"], 1000)
        self.assertEqual(leftovers.marked(self.mark), set())

    def test_interrupted(self):
        with subprocess.Popen(self.figures("--quick", "--only", "peers"), env=self.env,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as child:
            # The peers are up, or about to be.
            poll("servers run", lambda: len(leftovers.marked(self.mark)) > 12, 30)
            child.send_signal(signal.SIGINT)
            self.assertEqual(child.wait(60), 130)
        self.assertEqual(leftovers.marked(self.mark), set())

    def test_wrong_arguments(self):
        for args, said in ((("--only", "hops"), "no section 'hops'"),
                           (("--server-cpu", "0", "--client-cpu", "0"), "need a CPU each")):
            done = subprocess.run(self.figures(*args), capture_output=True, text=True,
                                  timeout=30, check=False)
            self.assertEqual(done.returncode, 2)
            self.assertIn(said, done.stderr)


if __name__ == "__main__":
    tap.main()
