# SPDX-License-Identifier: Apache-2.0
"""`sprocket-bench run` against real chains, and against a server that stalls or answers wrongly."""
import contextlib
import csv
import io
import json
import os
import pty
import re
import signal
import subprocess
import sys
import time

import tap
from bench import BENCH, CPUS, LIMIT_S, QUICK, RUN_KEYS, Bench, BenchTest, places, server


class RunTest(BenchTest):
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
        self.assertAlmostEqual(run["achieved"], run["answered"] / run["taken_s"], delta=1)
        self.assertEqual(run["usage"]["functions"]["processes"], 3)
        for part in ("gateway", "functions"):
            self.assertGreater(run["usage"][part]["cpu_us"], 0.5)
            self.assertGreater(run["usage"][part]["rss_bytes"], 1 << 19)
        self.assertIn("closed loop: latency leaves out what a stalled server was not asked", out)
        self.assertRegex(out, r"(?m)^functions +3 ")
        self.assertRegex(document["environment"]["command"], r"sprocket-bench'? run chain-3 ")

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

    def test_counters(self):
        """They are of a load of their own, after what is timed."""
        document, out, _ = self.document("run", "chain-3", "--closed", *QUICK, "--count")
        run = document["runs"][0]
        self.assertGreater(run["counted"]["answers"], 100)
        self.assertAlmostEqual(run["counted"]["seconds"], 0.5, delta=0.01)
        self.assertEqual(run["latency"]["n"], run["answered"])
        if not run["counted"]["known"]:
            self.assertIn("no counters: ", out)
            return
        self.assertGreater(run["usage"]["gateway"]["syscalls"], 0.1)
        self.assertLess(run["usage"]["gateway"]["syscalls"], 50)
        self.assertRegex(out, r"(?m)^per request .* syscalls")
        self.assertIn("of their own, not timed", out)
        document, out, _ = self.document("run", "chain-3", "--closed", *QUICK)
        self.assertNotIn("counted", document["runs"][0])
        self.assertNotIn("syscalls", out)

    def test_idle(self):
        document, out, _ = self.document("run", "chain-3", "--closed", *QUICK, "--idle", "1s")
        idle = document["runs"][0]["idle"]
        self.assertAlmostEqual(idle["seconds"], 1, delta=0.2)
        self.assertEqual(set(idle["usage"]), {"controller", "gateway", "functions"})
        self.assertLess(idle["cpu_percent"], 20)
        self.assertAlmostEqual(sum(p["cpu_percent"] for p in idle["usage"].values()),
                               idle["cpu_percent"], delta=0.01)
        self.assertRegex(out, r"before the load, left alone for (1|1\.\d+|0\.9\d*) s")
        busy = self.folder / "busy.py"
        busy.write_text("import time\nwhile True:\n    pass\n")
        with server() as url, subprocess.Popen([sys.executable, busy]) as spins:
            try:
                document, _, _ = self.document("run", url, "--closed", *QUICK, "--idle", "1s",
                                               "--pid", spins.pid)
            finally:
                spins.kill()
            self.assertGreater(document["runs"][0]["idle"]["cpu_percent"], 20)

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
            load = (url, "--connections", "8", "--duration", "3s", "--body", "16",
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
            "--client-cpu", CPUS[0], "--server-cpu", CPUS[0], "--timeout", "20s", code=1)
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
                self.assertEqual(err.count("cannot write"), 1, err)

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

    def test_progress_on_a_terminal(self):
        """One line, drawn again and again, and gone at the end."""
        ours, theirs = pty.openpty()
        with server() as url:
            process = subprocess.Popen(
                [BENCH, "run", url, "--closed", "--warmup", "0", "--duration", "1s"],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=theirs)
            os.close(theirs)
            drawn = b""
            with contextlib.suppress(OSError):  # EIO: nobody has the other end any more
                while data := os.read(ours, 4096):
                    drawn += data
            os.close(ours)
            self.assertEqual(process.wait(LIMIT_S), 0)
        lines = drawn.decode().split("\r")
        self.assertGreaterEqual(len(lines), 4, lines)
        for line in lines[1:-1]:
            self.assertTrue(line.startswith(url) and line.endswith("\033[K"), lines)
        self.assertEqual(lines[-1], "\033[K")

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

    def test_rate_of_steps_until_an_interrupt(self):
        path = self.folder / "cut.json"
        with server() as url, Bench("run", url, "--arrivals", "step:200,1000", "--warmup", "0",
                                    "--duration", "10m", "--progress", "--json", path) as bench:
            self.assertTrue(bench.log.wait(r" 2 of 600 s", seconds=30), bench.report())
            bench.process.send_signal(signal.SIGINT)
            self.assertEqual(bench.ends(), 130, bench.report())
        run = json.loads(path.read_text())["runs"][0]
        self.assertAlmostEqual(run["rate"], 200, delta=10)

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
        _, err = self.bench("run", "chains-6", "--closed", code=2)
        self.assertIn("sprocket-bench targets", err)
        self.assertIn("Did you mean chain-6?", err)
        _, err = self.bench("run", "http://127.0.0.1:1/", "--closed", *QUICK, code=3)
        self.assertIn("no connection", err)

    def test_target_that_dies(self):
        with Bench("run", "chain-2", "--closed", "--duration", "5m", "--progress") as bench:
            self.assertTrue(bench.log.wait(r" of 301 s", seconds=30), bench.report())
            os.kill(bench.child(r"sprocket\0run"), signal.SIGKILL)
            began = time.monotonic()
            self.assertEqual(bench.ends(cleaned=True), 3, bench.report())
            self.assertLess(time.monotonic() - began, 30)
            self.assertIn("INVALID, do not use these figures: the target ended while it was "
                          "measured", bench.out.text())
            self.assertIn("ended by itself", bench.log.text())

    def test_caller_that_ignores_its_children(self):
        ended = subprocess.run(["env", "--ignore-signal=CHLD", BENCH, "run", "chain-1", "--closed",
                                *map(str, QUICK)], capture_output=True, timeout=LIMIT_S)
        self.assertEqual((ended.returncode, ended.stderr), (0, b""), ended)

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
                (("run", "http://127.0.0.1:1/", "--closed", "--count"), "--pid"),
                (("sweep", "boutique", "--closed", "--bodies", "1:2:2"), "--bodies are for one"),
                (("report", "/nowhere.json"), "/nowhere.json")):
            with self.subTest(args):
                _, err = self.bench(*args, code=2)
                self.assertIn(told, err)


if __name__ == "__main__":
    tap.main()
