# SPDX-License-Identifier: Apache-2.0
"""Metrics, top, graph and cores of chains under the real sprocketd: requests whose number and
way are known, and what is told of them."""
import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import threading
import time
import unittest
import xml.dom.minidom
from pathlib import Path

import tap
from client import poll
from daemon import Daemon, Stream, chain_text
from harness import ChainTest, program
from observe import histogram, hostile, metrics, probe, total, trio, value


class Metrics(ChainTest):
    def functions(self, families, chain, want):
        """want: name -> (received, sent, failed, dropped)."""
        for name, numbers in want.items():
            have = tuple(value(families, f"function_{what}_total", chain, function=name)
                         for what in ("received", "sent", "failed", "dropped"))
            self.assertEqual(have, numbers, name)

    def edges(self, families, chain, want):
        have = {(labels["from"], labels["to"]): 0 for _, labels, _ in
                families["sprocket_edge_descriptors_total"][1] if labels["chain"] == chain}
        for _, labels, count in families["sprocket_edge_descriptors_total"][1]:
            if labels["chain"] == chain:
                have[labels["from"], labels["to"]] += count
        self.assertEqual({k: v for k, v in have.items() if v}, want)

    def test_every_count_is_exact(self):
        with Daemon() as daemon:
            daemon.apply(trio(timeout="300ms"))
            for _ in range(40):
                self.assertEqual(probe(daemon, ""), 200)
            for _ in range(7):
                self.assertEqual(probe(daemon, "first.edge=left"), 200)
            for _ in range(5):
                self.assertEqual(probe(daemon, "first.edge=right"), 200)
            for _ in range(4):
                self.assertEqual(probe(daemon, "second.fail=SP_ECONFLICT"), 409)
            for _ in range(3):
                self.assertEqual(probe(daemon, "third.drop"), 204)
            for _ in range(2):
                self.assertEqual(probe(daemon, "second.sleep=600"), 504)
                daemon.whole("trio")
            f = metrics(daemon)
            self.assertEqual(value(f, "requests_total", "trio"), 61)
            errors = {labels["reason"]: v for _, labels, v in
                      f["sprocket_request_errors_total"][1]}
            self.assertEqual(errors.pop("timed_out"), 2)
            self.assertEqual(errors.pop("failed"), 4)
            self.assertEqual(set(errors.values()), {0}, errors)
            self.functions(f, "trio", {"first": (61, 61, 0, 0), "second": (49, 49, 4, 0),
                                       "third": (50, 50, 2, 3)})
            # What came too late is failed by the one that gets it next.
            self.edges(f, "trio", {("gateway", "first"): 61, ("first", "second"): 49,
                                   ("first", "third"): 5, ("first", "gateway"): 7,
                                   ("second", "third"): 45, ("second", "gateway"): 4,
                                   ("third", "gateway"): 50})
            for name, count in (("first", 61), ("second", 49), ("third", 50)):
                for kind in ("wait", "run"):
                    have, _, _ = histogram(f, f"function_{kind}_seconds", "trio", function=name)
                    self.assertEqual(have, count, (name, kind))
            have, summed, _ = histogram(f, "request_duration_seconds", "trio")
            parts = sum(histogram(f, f"function_{k}_seconds", "trio", function=n)[1]
                        for n in ("first", "second", "third") for k in ("wait", "run"))
            self.assertEqual(have, 61)
            self.assertGreaterEqual(summed + 61e-6 * 6, parts)  # each is rounded to 1 us
            self.assertEqual(total(f, "violations_total"), 0)
            self.assertEqual(total(f, "function_undeliverable_total"), 0)
            pool = daemon.status("trio")["buffers"]["total"]
            self.assertEqual(total(f, "buffers"), pool)
            self.assertEqual(total(f, "buffers", state="function"), 0)

    def test_times(self):
        with Daemon() as daemon:
            daemon.apply(trio())
            first, second = daemon.connect("trio"), daemon.connect("trio")
            first.send("POST", "/trio", b"x", {"x-probe": "first.sleep=300"})
            poll("the first is in its handler",
                 lambda: total(metrics(daemon), "instance_in_flight", function="first") == 1)
            self.assertEqual(value(metrics(daemon), "requests_in_flight", "trio"), 1)
            second.send("POST", "/trio", b"x", {"x-probe": "first.sleep=20"})
            self.assertEqual([first.receive().status, second.receive().status], [200, 200])
            first.close()
            second.close()
            f = metrics(daemon)
            self.assertEqual(total(f, "instance_in_flight"), 0)
            count, summed, buckets = histogram(f, "function_run_seconds", "trio",
                                               function="first")
            self.assertEqual(count, 2)
            self.assertGreaterEqual(summed, 0.32)
            self.assertEqual(max(v for le, v in buckets.items() if le <= 0.019), 0)
            self.assertEqual(max(v for le, v in buckets.items() if le <= 0.28), 1)
            count, waited, buckets = histogram(f, "function_wait_seconds", "trio",
                                               function="first")
            self.assertEqual(count, 2)
            self.assertGreater(waited, 0.05)
            self.assertEqual(max(v for le, v in buckets.items() if le <= 0.05), 1)

    def test_violations_restarts_and_what_is_lost(self):
        with Daemon() as daemon:
            daemon.apply(hostile())
            pid = daemon.instances("bad", "bad")[0]["pid"]
            with daemon.connect("bad") as c:
                c.send("POST", "/x", b"x", {"x-attack": "stale", "x-at": "bad"})
                c.receive()
            poll("replaced", lambda: [i for i in daemon.instances("bad", "bad")
                                      if i["pid"] != pid])
            daemon.whole("bad")
            f = metrics(daemon)
            self.assertEqual(value(f, "violations_total", "bad", kind="stale"), 1)
            self.assertEqual(total(f, "violations_total"), 1)
            self.assertEqual(value(f, "function_restarts_total", "bad", function="bad"), 1)
            self.assertEqual(total(f, "function_restarts_total"), 1)
            self.assertEqual(total(f, "request_errors_total"), 1)

    def test_counts_go_on(self):
        with Daemon() as daemon:
            daemon.apply(trio())
            for _ in range(10):
                self.assertEqual(probe(daemon, ""), 200)
            daemon.restart()
            for _ in range(5):
                self.assertEqual(probe(daemon, ""), 200)
            gateway = daemon.status("trio")["gateway"]["pid"]
            os.kill(gateway, signal.SIGKILL)
            poll("another gateway", lambda: daemon.status("trio")["gateway"]["pid"]
                 not in (0, gateway))
            pid = daemon.instances("trio", "second")[0]["pid"]
            os.kill(pid, signal.SIGKILL)
            poll("another instance", lambda: [i for i in daemon.instances("trio", "second")
                                              if i["pid"] != pid])
            for _ in range(3):
                self.assertEqual(probe(daemon, ""), 200)
            daemon.restart()
            f = metrics(daemon)
            self.assertEqual(value(f, "requests_total", "trio"), 18)
            self.assertEqual(value(f, "responses_total", "trio"), 18)
            self.assertEqual(value(f, "gateway_restarts_total", "trio"), 1)
            self.assertEqual(value(f, "function_restarts_total", "trio", function="second"), 1)
            self.functions(f, "trio", {n: (18, 18, 0, 0) for n in ("first", "second", "third")})
            self.assertEqual(histogram(f, "request_duration_seconds", "trio")[0], 18)

    def test_scrapes_while_chains_come_and_go(self):
        with Daemon() as daemon:
            daemon.apply(trio())
            stop, bad, done = threading.Event(), [], [0]

            def scrape():
                while not stop.is_set():
                    try:
                        metrics(daemon)
                        daemon.api("GET", "/v1/stats")
                        daemon.api("GET", "/v1/chains/other/graph")
                        done[0] += 1
                    except Exception as e:  # pylint: disable=broad-except
                        bad.append(repr(e))
            thread = threading.Thread(target=scrape)
            thread.start()
            try:
                for memory in ("16Mi", "32Mi"):
                    daemon.apply(chain_text("one", "other", text="a", start="ok", instances=2,
                                            memory=memory, exec=program("probe")), "other")
                daemon.cli("delete", "other", check=True)
            finally:
                stop.set()
                thread.join()
            self.assertEqual(bad, [])
            self.assertGreater(done[0], 3)


class Cores(ChainTest):
    @unittest.skipIf(Path("/proc/sys/kernel/core_pattern").read_text().startswith(("/", "|")),
                     "kernel.core_pattern sends cores elsewhere")
    def test_core_is_kept_and_named(self):
        with Daemon(args=("--core-dumps",)) as daemon:
            daemon.apply(trio())
            pid = daemon.instances("trio", "second")[0]["pid"]
            self.assertGreaterEqual(probe(daemon, "second.crash"), 500)
            event = poll("told", lambda: [e for e in daemon.events("trio")
                                          if e["reason"] == "CoreDumped"], 20)[0]
            path = Path(event["message"].rsplit(" ", 1)[1])
            self.assertEqual(path.parent, daemon.state / "cores/trio")
            self.assertTrue(path.name.startswith(f"second-{pid}-"), path)
            self.assertEqual(path.read_bytes()[:4], b"\x7fELF")
            self.assertEqual(list(path.parent.iterdir()), [path])
            poll("replaced", lambda: daemon.instances("trio", "second"))
            self.assertEqual(probe(daemon, ""), 200)

    def test_none_unless_asked_for(self):
        with Daemon() as daemon:
            daemon.apply(trio())
            probe(daemon, "second.crash")
            poll("it died", lambda: "Died" in daemon.reasons("trio"))
            self.assertNotIn("CoreDumped", daemon.reasons("trio"))
            self.assertFalse((daemon.state / "cores").exists())


class Shown(ChainTest):
    def test_graph(self):
        with Daemon() as daemon:
            daemon.apply(chain_text("routes"))
            with Stream(daemon.port("routes"), "/any", clients=1, rate=100):
                text = daemon.cli("graph", "routes", check=True).stdout
                svg = daemon.cli("graph", "routes", "-o", "svg", check=True).stdout
                dot = daemon.cli("graph", "routes", "-o", "dot", check=True).stdout
            rates = {name: rate for rate, name in
                     re.findall(r"ingress (\S+)/s -> (a|loop)", text)}
            self.assertTrue(20 < float(rates["a"]) < 200 and rates["loop"] == "0", text)
            self.assertRegex(text, r"\n\|  `- next \S+/s -> b  1/1 p99 wait \S+ run \S+\n")
            self.assertIn("-> loop (see above)", text)
            document = xml.dom.minidom.parseString(svg)
            self.assertEqual(len([r for r in document.getElementsByTagName("rect")
                                  if r.getAttribute("class") in ("box", "end")]), 6)
            lines = [p.getAttribute("class") for p in document.getElementsByTagName("path")
                     if p.getAttribute("class")]
            self.assertEqual((lines.count("edge"), lines.count("edge idle")), (4, 7))
            self.assertEqual(dot.count(" -> "), 11)
            self.assertEqual(daemon.cli("graph", "none").returncode, 1)

    def test_top(self):
        with Daemon() as daemon:
            daemon.apply(trio(instances=2))
            with Stream(daemon.port("trio"), "/trio", clients=2, rate=200):
                done = daemon.cli("top", "-b", "-n", "1", "-d", "1", "-o", "json", check=True)
                rows = {r.get("function", r["chain"]): r for r in json.loads(done.stdout)["rows"]}
                self.assertEqual(list(rows), ["trio", "first", "second", "third"])
                for row in rows.values():
                    self.assertTrue(40 < row["requests_per_s"] < 400, row)
                    self.assertEqual(row["ready"], 6 if row is rows["trio"] else 2)
                text = daemon.cli("top", "-b", "-n", "1", check=True).stdout
                for name in ("first", "second", "third"):
                    line = next(l for l in text.splitlines() if name in l).split()
                    self.assertEqual(line[1], "2/2")
                    self.assertTrue(40 < float(line[2]) < 400, line)

    def test_top_on_a_terminal(self):
        with Daemon() as daemon:
            daemon.apply(trio())
            master, slave = pty.openpty()
            fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
            before = termios.tcgetattr(slave)
            top = subprocess.Popen([program("sprocket"), "top", "-d", "0.2", "--socket",
                                    daemon.socket], stdin=slave, stdout=slave, stderr=slave,
                                   start_new_session=True)
            try:
                text = b""
                while b"second" not in text or b"sprocketd" not in text:
                    self.assertTrue(select.select([master], [], [], 15)[0], text)
                    text += os.read(master, 65536)
                daemon.cli("delete", "trio", check=True)
                os.write(master, b"q")
                end = time.monotonic() + 15
                while top.poll() is None and time.monotonic() < end:
                    if select.select([master], [], [], 0.1)[0]:
                        os.read(master, 65536)
                self.assertEqual(top.returncode, 0)
                self.assertEqual(termios.tcgetattr(slave), before)
            finally:
                top.kill()
                top.wait()
                os.close(master)
                os.close(slave)


if __name__ == "__main__":
    tap.main()
