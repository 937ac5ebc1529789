# SPDX-License-Identifier: Apache-2.0
"""Tap and logs of chains under the real sprocketd."""
import json
import os
import pty
import select
import signal
import subprocess
import threading

import tap
from client import poll
from daemon import Daemon, Stream
from harness import ChainTest, program
from observe import Tap, hostile, probe, tap_mode, trio


class Taps(ChainTest):
    def test_hops_of_a_request(self):
        with Daemon() as daemon:
            daemon.apply(trio())
            with Tap(daemon, "trio") as tapped:
                poll("on", lambda: tap_mode(daemon) == [1])
                answer = daemon.request("trio", "POST", "/trio", b"x" * 100,
                                        {"x-probe": "second.sleep=30"})
                self.assertEqual(answer.status, 200)
                hops = tapped.lines(4)
            self.assertEqual([(h["from"], h["to"], h["edge"]) for h in hops],
                             [("gateway", "first", "ingress"), ("first", "second", "next"),
                              ("second", "third", "next"),
                              ("third", "gateway", "left,right,next")])
            self.assertEqual(len({h["id"] for h in hops}), 1, hops)
            self.assertEqual({h["verdict"] for h in hops}, {"passed"})
            self.assertEqual(len({h["bytes"] for h in hops}), 1, hops)
            self.assertGreater(hops[0]["bytes"], 99)
            self.assertEqual(hops[0]["us"], 0)
            self.assertTrue(30000 <= hops[2]["us"] < 2000000, hops)
            self.assertEqual([h["time"] for h in hops], sorted(h["time"] for h in hops))
            poll("off", lambda: tap_mode(daemon) == [0])

    def test_filters_and_the_command(self):
        with Daemon() as daemon:
            daemon.apply(trio())
            with Stream(daemon.port("trio"), "/trio", clients=1, rate=200):
                done = daemon.cli("tap", "trio", "second", "--count", "4", "-o", "json",
                                  check=True)
                for line in done.stdout.splitlines():
                    self.assertIn("second", (json.loads(line)["from"], json.loads(line)["to"]))
                done = daemon.cli("tap", "trio", "--edge", "ingress", "--count", "3", check=True)
                lines = done.stdout.splitlines()
                self.assertEqual(len(lines), 4, done.stdout)
                for line in lines[1:]:
                    self.assertRegex(line, r"gateway -> first +ingress +\d+ .*passed$")
                with Tap(daemon, "trio", "?verdict=stale") as other:
                    self.assertEqual(probe(daemon, ""), 200)
                    other.connection.sock.settimeout(0.2)
                    self.assertRaises(TimeoutError, other.answer.readline)
            poll("off", lambda: tap_mode(daemon) == [0])

    def test_refused(self):
        with Daemon() as daemon:
            daemon.apply(hostile())
            with Tap(daemon, "bad", "?verdict=stale") as tapped:
                with daemon.connect("bad") as c:
                    c.send("POST", "/x", b"x", {"x-attack": "stale", "x-at": "bad"})
                    line, = tapped.lines(1)
                    self.assertEqual((line["from"], line["to"], line["verdict"]),
                                     ("bad", "", "stale"))
                    c.receive()

    def test_nothing_is_left_of_taps(self):
        def fds():
            return len(os.listdir(f"/proc/{daemon.process.pid}/fd"))
        with Daemon() as daemon:
            daemon.apply(trio())
            Tap(daemon, "trio").close()
            poll("off", lambda: tap_mode(daemon) == [0])
            before = poll("quiet", fds)
            for _ in range(50):
                with Tap(daemon, "trio") as tapped:
                    self.assertEqual(probe(daemon, ""), 200)
                    tapped.lines(1)
            poll("off", lambda: tap_mode(daemon) == [0])
            poll("the fds are closed", lambda: fds() <= before)

    def test_slow_reader_is_told(self):
        with Daemon() as daemon:
            daemon.apply(trio())
            with Tap(daemon, "trio") as tapped, Stream(daemon.port("trio"), "/trio") as stream:
                want = stream.done + 4000
                poll("many more than it holds", lambda: stream.done > want, 30)
                self.assertEqual(stream.failures, [])
                found = poll("told", lambda: tapped.lines(1)[0].get("lost"), 30, pause=0)
                self.assertGreater(found, 0)

    def test_daemon_killed(self):
        with Daemon() as daemon:
            daemon.apply(trio())
            with Tap(daemon, "trio"):
                poll("on", lambda: tap_mode(daemon) == [1])
                daemon.kill()
                self.assertEqual(tap_mode(daemon), [1])
            daemon.start()
            poll("off", lambda: tap_mode(daemon) == [0])
            self.assertEqual(probe(daemon, ""), 200)


class Logs(ChainTest):
    def test_of_a_function(self):
        with Daemon() as daemon:
            daemon.apply(trio(instances=2))
            for _ in range(8):
                self.assertEqual(probe(daemon, "second.log=2"), 200)
            done = daemon.cli("logs", "trio", "--function", "second", check=True)
            lines = [l for l in done.stdout.splitlines() if "probe line" in l]
            self.assertEqual(len(lines), 16, done.stdout)
            self.assertEqual({l.split(":")[0] for l in lines} - {"second-0", "second-1"}, set())
            done = daemon.cli("logs", "trio", "--function", "first", check=True)
            self.assertNotIn("probe line", done.stdout)
            kept = sum(p.read_text().count("probe line")
                       for p in daemon.logs.glob("trio/second-?.log"))
            self.assertEqual(kept, 16)

    def test_follow_over_the_death_of_an_instance(self):
        with Daemon() as daemon:
            daemon.apply(trio())
            follower = subprocess.Popen(
                [program("sprocket"), "logs", "trio", "--function", "second", "-f", "--tail", "0"],
                env={**os.environ, "SPROCKET_SOCKET": str(daemon.socket)}, text=True,
                stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
            seen = []
            threading.Thread(target=lambda: seen.extend(iter(follower.stdout.readline, "")),
                             daemon=True).start()
            try:
                poll("the first comes", lambda: probe(daemon, "second.log=1") == 200 and any(
                    "probe line 1 of 1" in l for l in seen), pause=0.02)
                pid = daemon.instances("trio", "second")[0]["pid"]
                os.kill(pid, signal.SIGKILL)
                poll("replaced", lambda: [i for i in daemon.instances("trio", "second")
                                          if i["pid"] != pid])
                self.assertEqual(probe(daemon, "second.log=3"), 200)
                poll("its successor's too", lambda: any("line 3 of 3" in l for l in seen))
            finally:
                follower.kill()
                follower.wait()
                follower.stdout.close()

    def test_terminal_gets_no_control_characters(self):
        with Daemon() as daemon:
            daemon.apply(trio())
            self.assertEqual(probe(daemon, "first.log=1"), 200)
            log = daemon.logs / "trio/first-0.log"
            poll("it is kept", lambda: log.exists() and "probe line" in log.read_text())
            with open(log, "ab") as file:  # as only somebody else can
                file.write(b"2099-01-02T03:04:05.678901Z \x1b[2Jwiped\n")
            master, slave = pty.openpty()
            done = subprocess.Popen([program("sprocket"), "logs", "trio", "--socket",
                                     daemon.socket], stdin=slave, stdout=slave, stderr=slave)
            try:
                self.assertEqual(done.wait(20), 0)
                self.assertTrue(select.select([master], [], [], 5)[0])
                text = os.read(master, 65536)
            finally:
                os.close(master)
                os.close(slave)
            self.assertIn(b"\\x1b[2Jwiped", text)
            self.assertNotIn(b"\x1b", text)

    def test_flood_is_limited(self):
        with Daemon() as daemon:
            daemon.apply(trio())
            self.assertEqual(probe(daemon, "first.log=30000"), 200)
            poll("told", lambda: "lines dropped" in daemon.cli(
                "logs", "trio", "--function", "first", "--tail", "10000").stdout
                or probe(daemon, "first.log=1") != 200, 10, pause=0.1)
            self.assertEqual(probe(daemon, ""), 200)


if __name__ == "__main__":
    tap.main()
