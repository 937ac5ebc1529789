# SPDX-License-Identifier: Apache-2.0
"""sprocket-bench against real chains, and against a server that stalls or answers wrongly."""
import contextlib
import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import uuid
from pathlib import Path

import leftovers
import tap
from client import poll
from harness import BUILD, HERE, Output

BENCH = BUILD / "bench/sprocket-bench"
LIMIT_S = 60
CPUS = sorted(os.sched_getaffinity(0))
RUN_KEYS = {"target", "round", "rate", "achieved", "valid", "invalid", "due", "sent", "answered",
            "waited", "connects", "bytes_in", "bytes_out", "measured_s", "errors", "error_count",
            "longest_gap_us", "client", "latency", "service", "lag"}
QUICK = ("--duration", "500ms", "--warmup", "100ms", "--connections", "4")


def places():
    """Client and server beside each other, where there are CPUs for that."""
    return ("--client-cpu", CPUS[0], "--server-cpu", CPUS[-1]) if len(CPUS) > 1 else ()


class Bench:
    """One sprocket-bench, with everything it starts; on exit nothing of it may be left."""

    def __init__(self, *args, stdout=subprocess.PIPE, folder="/"):
        self.mark = uuid.uuid4().hex
        self.footprint = leftovers.Footprint(self.mark)
        self.process = subprocess.Popen(
            [str(BENCH), *map(str, args)], stdin=subprocess.DEVNULL, stdout=stdout,
            stderr=subprocess.PIPE, cwd=folder, env={**os.environ, leftovers.MARK: self.mark})
        self.out = Output(self.process.stdout) if stdout == subprocess.PIPE else None
        self.log = Output(self.process.stderr)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self.ends()
        finally:
            self.footprint.kill()
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait(5)

    def ends(self):
        """Waits for its end. Returns the exit code."""
        try:
            code = self.process.wait(LIMIT_S)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running\n{self.report()}") from None
        for stream in (self.out, self.log):
            if stream:
                stream.thread.join(5)
        try:
            poll("nothing left", lambda: not self.footprint.left(), 10, pause=0.02)
        except AssertionError:
            raise AssertionError(f"left behind: {self.footprint.left()}\n{self.report()}") from None
        return code

    def report(self):
        return "\n".join([f"$ {' '.join(map(str, self.process.args))}",
                          self.out.text() if self.out else "", self.log.text()])

    def child(self, pattern):
        """Pid of a process below it whose command line has the pattern."""
        def look():
            self.footprint.look(self.process.pid)
            for pid in leftovers.descendants(self.process.pid):
                if re.search(pattern, leftovers.read(f"/proc/{pid}/cmdline").decode()):
                    return pid
            return None
        return poll(pattern, look, 15)


@contextlib.contextmanager
def server(*args):
    """bench_server.py; its URL."""
    pin = (lambda: os.sched_setaffinity(0, {CPUS[-1]})) if len(CPUS) > 1 else None
    process = subprocess.Popen(
        [sys.executable, str(HERE / "bench_server.py"), *map(str, args)],
        stdout=subprocess.PIPE, preexec_fn=pin)
    try:
        line = process.stdout.readline().decode()
        assert line.startswith("ready http://"), line
        yield line.split()[1]
    finally:
        process.terminate()
        process.wait(5)
        process.stdout.close()


class BenchTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="sprocket bench ")  # with a blank
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def bench(self, *args, code=0, **more):
        """Runs it to its end. Returns what it wrote to stdout and stderr."""
        with Bench(*args, **more) as bench:
            got = bench.ends()
            if code is not None:
                self.assertEqual(got, code, bench.report())
            return bench.out.text() if bench.out else "", bench.log.text()

    def document(self, *args, code=0):
        """The same, its --json."""
        path = self.folder / "result.json"
        path.unlink(missing_ok=True)
        out, err = self.bench(*args, "--json", path, code=code)
        document = json.loads(path.read_text())
        self.assertEqual(document["sprocket_bench"], 1)
        return document, out, err

    def one(self, *args):
        """The one run of a document; one that the machine disturbed is tried again."""
        for _ in range(4):
            document, out, _ = self.document("run", *args, code=None)
            if document["valid"]:
                break
        self.assertTrue(document["valid"], out)
        return document, document["runs"][0], out

    # ---- run ----

    def test_closed_loop_on_a_chain(self):
        document, out, _ = self.document("run", "chain-3", "--closed", *QUICK, *places())
        run = document["runs"][0]
        self.assertEqual(document["kind"], "run")
        self.assertLessEqual(RUN_KEYS, set(run))
        self.assertEqual(document["config"]["loop"], "closed")
        self.assertEqual(document["config"]["verify"], "echo")
        self.assertGreater(run["answered"], 100)
        self.assertEqual(run["errors"], {})
        self.assertEqual(run["connects"], 4)
        self.assertEqual(run["latency"]["n"], run["answered"])
        self.assertEqual(sum(count for _, count in run["latency"]["counts"]), run["answered"])
        self.assertAlmostEqual(run["achieved"], run["answered"] / run["measured_s"], delta=1)
        self.assertEqual(run["usage"]["functions"]["processes"], 3)
        for part in ("gateway", "functions"):
            self.assertGreater(run["usage"][part]["cpu_us"], 0.5)
            self.assertGreater(run["usage"][part]["rss_bytes"], 1 << 19)
        self.assertIn("closed loop: latency leaves out what a stalled server was not asked", out)
        self.assertRegex(out, r"(?m)^functions +3 ")
        self.assertIn("sprocket-bench run chain-3", document["environment"]["command"])

    def test_open_loop_on_a_chain(self):
        document, run, out = self.one("chain-2", "--rate", "2k", *QUICK, "--duration", "1s",
                                      "--arrivals", "constant", *places())
        self.assertEqual(document["config"]["arrivals"], "constant")
        self.assertAlmostEqual(run["due"], 2000, delta=2)
        self.assertEqual(run["answered"], run["due"])
        self.assertLessEqual(run["service"]["p50_us"], run["latency"]["p50_us"] * 1.01)
        self.assertIn("latency, from when due", out)
        self.assertIn("the client's own lag", out)

    def test_shop_by_its_name(self):
        document, run, out = self.one("boutique", "--rate", "500", *QUICK, *places())
        self.assertGreater(len(run["requests"]), 5)
        self.assertEqual(run["errors"], {})
        self.assertEqual(sum(r["answered"] for r in run["requests"]), run["answered"])
        self.assertIn("/product/", out)

    def test_hops_of_a_trace(self):
        _, run, out = self.one("chain-2", "--closed", *QUICK, "--trace")
        self.assertGreaterEqual(len(run["hops"]), 2, run)
        self.assertIn("by the kernel's stamps", out)

    def test_http2(self):
        document, run, _ = self.one("chain-1", "--closed", "--http", "2", "--streams", "8", *QUICK)
        self.assertEqual(document["config"]["protocol"], "h2c")
        self.assertEqual(run["errors"], {})
        self.assertGreater(run["answered"], 100)

    def test_a_stall_is_seen(self):
        """2,000 req/s over 8 connections, a stall of 100 ms each second: one request of ten is
        due in it, and the slowest hundredth of all waits for nearly all of it."""
        with server("--stall", 100) as url:
            client = ("--client-cpu", CPUS[0]) if len(CPUS) > 1 else ()
            load = (url, "--connections", "8", "--duration", "5s", "--body", "16",
                    "--verify", "echo", *client)
            _, run, out = self.one(*load, "--rate", "2k", "--arrivals", "constant")
            self.assertEqual(run["errors"], {})
            self.assertGreater(run["latency"]["p99_us"], 80e3, out)
            self.assertLess(run["latency"]["p99_us"], 120e3, out)
            self.assertGreater(run["longest_gap_us"], 80e3)
            # What a closed loop, or the service time alone, says of the same server.
            self.assertLess(run["service"]["p99_us"], run["latency"]["p99_us"] / 2)
            _, closed, _ = self.one(*load, "--closed")
            self.assertLess(closed["latency"]["p99_us"], 50e3)

    def test_wrong_answers_are_told_by_class(self):
        for kind in ("status", "shed", "length", "body", "malformed", "cut", "timeout"):
            with self.subTest(kind), server("--wrong", kind) as url:
                document, out, _ = self.document(
                    "run", url, "--closed", *QUICK, "--body", "100", "--verify", "echo",
                    "--timeout", "100ms", code=1)
                run = document["runs"][0]
                self.assertGreater(run["errors"].get(kind, 0), 0, run["errors"])
                self.assertEqual(run["latency"]["n"], run["answered"])
                self.assertRegex(out, rf"ERRORS:.* {kind} \d")

    def test_slo(self):
        with server() as url:
            load = ("run", url, "--closed", *QUICK)
            document, out, _ = self.document(*load, "--slo", "p50<1s", "--slo", "rate>10",
                                             "--slo", "errors<=0%")
            self.assertEqual([s["met"] for s in document["slo"]], [True] * 3)
            self.assertRegex(out, r"met: +p50<1s \(.*\)")
            document, out, _ = self.document(*load, "--slo", "p50<1us", "--slo", "max<1m", code=1)
            self.assertEqual([s["met"] for s in document["slo"]], [False, True])
            self.assertIn("MISSED: p50<1us", out)
            document, _, _ = self.document(*load, "--slo", "p99.999<1s", code=1)
            self.assertEqual(document["slo"][0]["why"], "too few answers to tell")
        with server("--wrong", "status") as url:
            load = ("run", url, "--closed", *QUICK)
            self.bench(*load, "--slo", "errors<20%")
            self.bench(*load, "--slo", "errors<1%", code=1)

    def test_a_client_that_is_too_slow_says_so(self):
        """It stands still for a third of the time: what was due then is sent late."""
        with server() as url, Bench(
                "run", url, "--rate", "1k", "--duration", "2s", "--warmup", "0", "--connections",
                "256", "--progress", "--json", self.folder / "late.json") as bench:
            client = bench.child("sprocket-bench\0run")
            while bench.process.poll() is None:
                for number, seconds in ((signal.SIGSTOP, 0.05), (signal.SIGCONT, 0.1)):
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(client, number)
                    time.sleep(seconds)
            self.assertEqual(bench.ends(), 1, bench.report())
            self.assertEqual(bench.out.text().count("INVALID, do not use these figures: "), 2)
        document = json.loads((self.folder / "late.json").read_text())
        self.assertEqual((document["valid"], document["runs"][0]["valid"]), (False, False))
        self.assertIn("the client was late", document["invalid"])

    def test_a_server_that_is_too_slow(self):
        """Client and server on one CPU, far beyond what it can do: that is told, and what was
        answered after the end does not count as if it had been answered before."""
        document, out, _ = self.document(
            "run", "chain-1", "--rate", "500k", "--duration", "500ms", "--warmup", "0",
            "--client-cpu", CPUS[0], "--server-cpu", CPUS[0], "--timeout", "20s", code=None)
        run = document["runs"][0]
        self.assertFalse(run["kept_up"])
        self.assertLess(run["achieved"], 400e3)
        self.assertGreater(run["latency"]["p50_us"], 50e3)
        self.assertIn("NOT KEPT UP WITH: ", out)

    def test_files(self):
        hgrm, table = self.folder / "a.hgrm", self.folder / "a.csv"
        with server() as url:
            document, _, _ = self.document("run", url, "--closed", *QUICK, "--hgrm", hgrm,
                                           "--csv", table)
            run = document["runs"][0]
            rows = list(csv.DictReader(io.StringIO(table.read_text())))
            self.assertEqual(len(rows), 1)
            self.assertEqual(int(rows[0]["answered"]), run["answered"])
            self.assertAlmostEqual(float(rows[0]["latency_p50_us"]), run["latency"]["p50_us"],
                                   delta=0.01)
            lines = [line.split() for line in hgrm.read_text().splitlines()]
            values = [list(map(float, line[:3])) for line in lines
                      if line and re.fullmatch(r"[\d.]+", line[0])]
            self.assertEqual([v[:2] for v in values], sorted(v[:2] for v in values))
            self.assertEqual(int(values[-1][2]), run["answered"])
            self.assertAlmostEqual(values[-1][0], run["latency"]["max_us"],
                                   delta=run["latency"]["max_us"] / 500)
            self.assertTrue(any(line[:2] == ["#[Max", "="] for line in lines))
            out, err = self.bench("run", url, "--closed", *QUICK, "--json", "-")
            self.assertEqual(json.loads(out)["kind"], "run")
            self.assertIn("answers in", err)
            out, _ = self.bench("run", url, "--closed", *QUICK, "--csv", "-")
            self.assertEqual(len(list(csv.DictReader(io.StringIO(out)))), 1)

    def test_a_full_disk_is_told(self):
        with server() as url:
            for args in (("--json", "/dev/full"), ("--csv", "/dev/full"), ("--hgrm", "/dev/full")):
                with self.subTest(args):
                    out, err = self.bench("run", url, "--closed", *QUICK, *args, code=3)
                    self.assertIn("No space left on device", err)
                    self.assertIn(args[0], err)
                    self.assertIn("answers in", out)
            with open("/dev/full", "w") as full:
                _, err = self.bench("run", url, "--closed", *QUICK, stdout=full, code=3)
                self.assertIn("No space left on device", err)

    def test_progress(self):
        with server() as url:
            load = ("run", url, "--closed", "--warmup", "0", "--duration", "2500ms")
            _, err = self.bench(*load, "--progress")
            lines = [line for line in err.splitlines() if line.startswith(url)]
            self.assertEqual(len(lines), 2, err)
            self.assertRegex(lines[0], r"  1 of 2 s  [\d,]+/s  slowest .* errors 0  late \d+$")
            for more in ((), ("--progress", "--quiet")):
                _, err = self.bench(*load, *more, "--duration", "1200ms")
                self.assertEqual(err, "")

    # ---- interrupted, and other trouble ----

    def test_interrupt(self):
        path = self.folder / "cut.json"
        with Bench("run", "chain-2", "--closed", "--warmup", "0", "--duration", "10m",
                   "--progress", "--json", path) as bench:
            self.assertTrue(bench.log.wait(r"^chain-2  \d+ of 600 s", seconds=30), bench.report())
            bench.footprint.look(bench.process.pid)
            bench.process.send_signal(signal.SIGINT)
            self.assertEqual(bench.ends(), 130, bench.report())
            self.assertRegex(bench.out.text(), r"[\d,]+ answers in [\d.]+ s: [\d,]+/s, no errors")
        run = json.loads(path.read_text())["runs"][0]
        self.assertGreater(run["answered"], 0)
        self.assertLess(run["measured_s"], 60)

    def test_second_interrupt_quits(self):
        with server() as url, Bench("run", "chain-2", "--closed", "--duration", "10m",
                                    "--progress") as bench:
            self.assertTrue(bench.log.wait(r" of 601 s", seconds=30), bench.report())
            # What is measured stands still, so that the first does not end it meanwhile.
            gateway = bench.child(r"sprocket\0run")
            os.kill(gateway, signal.SIGSTOP)
            try:
                bench.process.send_signal(signal.SIGINT)
                self.assertTrue(bench.log.wait("once more: quit", seconds=10), bench.report())
                bench.process.send_signal(signal.SIGINT)
                self.assertEqual(bench.process.wait(10), 130)
            finally:
                os.kill(gateway, signal.SIGCONT)

    def test_target_that_does_not_start(self):
        file = self.folder / "chain.yaml"
        file.write_text("apiVersion: sprocket.dev/v1alpha1\nkind: Chain\n")
        _, err = self.bench("run", file, "--closed", code=3)
        self.assertIn("before it was ready", err)
        _, err = self.bench("run", "chainsaw-6", "--closed", code=None)
        self.assertIn("sprocket-bench targets", err)
        _, err = self.bench("run", "http://127.0.0.1:1/", "--closed", *QUICK, code=3)
        self.assertIn("no connection", err)

    def test_target_that_dies(self):
        with Bench("run", "chain-2", "--closed", "--duration", "5m", "--progress") as bench:
            self.assertTrue(bench.log.wait(r" of 301 s", seconds=30), bench.report())
            os.kill(bench.child(r"sprocket\0run"), signal.SIGKILL)
            began = time.monotonic()
            self.assertEqual(bench.ends(), 3, bench.report())
            self.assertLess(time.monotonic() - began, 30)
            self.assertIn("INVALID, do not use these figures: the target ended while it was "
                          "measured", bench.out.text())
            self.assertIn("ended by itself", bench.log.text())

    def test_wrong_arguments(self):
        for args, told in (
                (("run", "chain-1", "--rate", "5x"), "--rate 5x: expected requests/s"),
                (("run", "chain-1"), "--rate R"),
                (("run", "chain-1", "--closed", "--streams", "2"), "--http 2"),
                (("run", "chain-1", "--rate", "5", "--arrivals", "monthly"), "monthly"),
                (("run", "boutique", "--closed", "--path", "/x"), "one request"),
                (("run", "boutique", "--closed", "--page", "99"), "--page 99"),
                (("run", "http://127.0.0.1:1/", "--closed", "--workers", "2"), "runs already"),
                (("run", "chain-1", "--closed", "--pid", "1"), "--pid"),
                (("report", "/nowhere.json"), "/nowhere.json")):
            with self.subTest(args):
                _, err = self.bench(*args, code=2)
                self.assertIn(told, err)

    # ---- sweep, compare, report ----

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

    def test_compare_takes_turns(self):
        document, out, _ = self.document(
            "compare", "chain-1", "chain-12", "chain-1", "--rounds", "5", *QUICK,
            "--metric", "cpu", "--metric", "rate", *places(), code=None)
        self.assertEqual(document["kind"], "compare")
        order = [(r["round"], r["target"]) for r in document["runs"]]
        self.assertEqual(len(order), 15)
        self.assertEqual([t for n, t in order if n == 0], ["chain-1", "chain-12", "chain-1"])
        self.assertEqual([t for n, t in order if n == 1], ["chain-12", "chain-1", "chain-1"])
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
                "compare", quick, slow, "--rate", "500", "--rounds", "5", "--duration", "2s",
                "--warmup", "0", "--metric", "p99", "--metric", "max", "--metric", "cpu", code=None)
            rows = {(t["target"], t["metric"]): t for t in document["comparison"]["targets"]}
            self.assertEqual(rows[slow, "max_us"]["verdict"], "more")
            self.assertEqual(rows[slow, "cpu_us"]["why"], "its processes are not known")

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
