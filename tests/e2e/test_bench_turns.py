# SPDX-License-Identifier: Apache-2.0
"""`sprocket-bench sweep`, `compare`, `report`: what measures more than once, or reads that."""
import tap
from bench import QUICK, BenchTest, places, server


class TurnsTest(BenchTest):
    def test_sweep_finds_a_knee(self):
        document, out, err = self.document(
            "sweep", "chain-2", "--rates", "500:1M:12", "--duration", "300ms", "--warmup", "100ms",
            "--connections", "16", *places(), code=None)
        self.assertEqual(document["kind"], "sweep")
        runs, knee = document["runs"], document.get("knee")
        self.assertTrue(knee, out + err)
        run = runs[knee["run"]]
        self.assertTrue(run["kept_up"] and run["valid"])
        self.assertAlmostEqual(run["rate"], knee["rate"], delta=1)
        self.assertAlmostEqual(knee["half"]["rate"], knee["rate"] / 2, delta=1)
        self.assertEqual([r["round"] for r in runs], list(range(len(runs))))
        kept = [r["rate"] for r in runs if r["kept_up"] and r["valid"]]
        self.assertEqual(max(kept), run["rate"])
        above = [r["rate"] for r in runs if r["rate"] > run["rate"]]
        self.assertLess(min(above), run["rate"] * 1.06)
        self.assertRegex(out, r"knee: [\d,]+/s, the highest rate that was kept up with")
        self.assertIn("at half of it", out)

    def test_sweep_below_the_knee_says_so(self):
        with server() as url:
            document, out, _ = self.document("sweep", url, "--rates", "50:100:2", *QUICK, code=1)
            self.assertIn("the knee is higher", document["invalid"])
            self.assertIn("INVALID: every rate was kept up with", out)

    def test_sweep_over_sizes(self):
        document, out, _ = self.document(
            "sweep", "chain-2", "--bodies", "64:1Mi:3", "--closed", *QUICK)
        self.assertEqual(document["kind"], "sweep")
        runs = document["runs"]
        self.assertEqual([r["body"] for r in runs], [64, 8192, 1 << 20])
        self.assertEqual([r["errors"] for r in runs], [{}] * 3)
        for run in runs:
            self.assertGreater(run["bytes_in"], run["answered"] * run["body"])
        self.assertNotIn("knee", document)
        self.assertRegex(out, r"(?m)^body +answers/s +MB/s ")
        self.assertRegex(out, r"(?m)^1.00 MiB +[\d,]+ +[\d.]+ +0 ")
        self.bench("report", self.folder / "result.json", "--out", self.folder / "page")
        self.assertIn("Throughput by the size", (self.folder / "page/index.html").read_text())

    def test_compare_takes_turns(self):
        document, out, _ = self.document(
            "compare", "chain-1", "chain-12", "chain-1", "--rounds", "5", *QUICK,
            "--metric", "cpu", "--metric", "rate", *places(), code=None)
        self.assertEqual(document["kind"], "compare")
        order = [(r["round"], r["target"]) for r in document["runs"]]
        self.assertEqual(len(order), 15)
        self.assertEqual([t for n, t in order if n == 0], ["chain-1", "chain-12", "chain-1 (2)"])
        self.assertEqual([t for n, t in order if n == 1], ["chain-12", "chain-1 (2)", "chain-1"])
        comparison = document["comparison"]
        self.assertEqual(comparison["baseline"], "chain-1")
        first, more, same = comparison["targets"][:3]
        self.assertNotIn("ratio", first)
        self.assertEqual((more["metric"], more["verdict"]), ("cpu_us", "more"))
        self.assertGreater(more["ratio"]["low"], 1)
        self.assertLess(same["ratio"]["low"], more["ratio"]["low"])
        self.assertLessEqual(same["ratio"]["low"], same["ratio"]["median"])
        self.assertIn("ratios are formed within a round", out)
        self.assertRegex(out, r"(?m)^chain-12 +cpu_us .* more$")

    def test_compare_refuses_what_answers_wrongly(self):
        with server() as good, server("--wrong", "body") as bad:
            _, err = self.bench("compare", good, bad, *QUICK, "--body", "64", "--verify", "echo",
                                code=3)
            self.assertIn(f"{bad} does not answer as it should", err)

    def test_compare_by_latency(self):
        with server() as quick, server("--stall", 300) as slow:
            document, _, _ = self.document(
                "compare", quick, slow, "--rate", "500", "--rounds", "5", "--duration", "1200ms",
                "--warmup", "0", "--metric", "p99", "--metric", "max", "--metric", "cpu", code=None)
            rows = {(t["target"], t["metric"]): t for t in document["comparison"]["targets"]}
            self.assertEqual(rows[slow, "max_us"]["verdict"], "more")
            self.assertIn("its processes are not known", rows[slow, "cpu_us"]["why"])

    def test_report(self):
        with server() as url:
            self.document("run", url, "--closed", *QUICK)
        out, _ = self.bench("report", self.folder / "result.json", "--out", self.folder / "page")
        self.assertEqual(out, f"{self.folder}/page/index.html")
        self.assertIn("<svg", (self.folder / "page/index.html").read_text())

    def test_targets(self):
        out, _ = self.bench("targets")
        for name in ("chain-N", "boutique", "ring-N", "sidecar-N"):
            self.assertIn(name, out)


if __name__ == "__main__":
    tap.main()
