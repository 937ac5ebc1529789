# SPDX-License-Identifier: Apache-2.0
"""Two revisions of a function that share its requests, and the end of one that fails."""
import math
import threading
import time

import tap
from client import Connection, poll
from daemon import ApiConnection, Daemon
from harness import Chain, ChainTest
from moods import Moods

ROLLBACK = "    rollback: {errorRate: 10%, minRequests: 10, crashes: 3, window: 5s}\n"


def bodies(connection, count):
    """How many of `count` requests each revision answered well, and those that failed."""
    seen = {}
    for _ in range(count):
        answer = connection.request("POST", "/in", b"")
        key = answer.body.decode() if answer.status == 200 else answer.status
        seen[key] = seen.get(key, 0) + 1
    return seen


class Load:
    """Requests all the while; the time of each answer is kept."""

    def __init__(self, port, clients=2):
        self.port, self.stopping = port, threading.Event()
        self.answers, self.errors = [], []
        self.threads = [threading.Thread(target=self.drive, daemon=True) for _ in range(clients)]

    def __enter__(self):
        for t in self.threads:
            t.start()
        poll("traffic flows", lambda: len(self.answers) > 10 or self.errors)
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for t in self.threads:
            t.join(30)

    def drive(self):
        try:
            with Connection(self.port, timeout=20) as connection:
                while not self.stopping.is_set():
                    answer = connection.request("POST", "/in", b"")
                    self.answers.append((time.monotonic(), answer.status, answer.body))
                    if answer.header("connection") == "close":
                        raise AssertionError("closed")
                    time.sleep(0.001)
        except Exception as e:
            self.errors.append(repr(e))


def revision(daemon, name):
    return next(f for f in daemon.status("moods")["functions"]
                if f.get("traffic", {}).get("revision") == name)


class Traffic(ChainTest):
    def test_share_is_as_declared_and_changes_live(self):
        with Moods("stable", "canary") as moods, Daemon() as daemon:
            daemon.apply(moods.chain(20))
            stable = daemon.instances("moods", "only")[0]["pid"]
            with daemon.connect("moods") as connection:
                for percent in (20, 50, 0, 100):
                    done = daemon.apply(moods.chain(percent))
                    self.assertRegex(done.stdout, "unchanged|configured")
                    count = 1000
                    seen = bodies(connection, count)
                    mean = count * percent / 100
                    sigma = math.sqrt(mean * (1 - percent / 100))
                    self.assertLessEqual(abs(seen.get("canary", 0) - mean), 5 * sigma, seen)
                    self.assertEqual(sum(seen.get(k, 0) for k in ("stable", "canary")), count)
            self.assertEqual(daemon.instances("moods", "only")[0]["pid"], stable)
            daemon.whole("moods")

    def test_changes_under_load_lose_nothing(self):
        with Moods("stable", "canary") as moods, Daemon() as daemon:
            daemon.apply(moods.chain(0))
            pids = [daemon.instances("moods", f)[0]["pid"] for f in ("only", "only@canary")]
            with Load(daemon.port("moods")) as load:
                for n in range(50):
                    self.assertIn("configured", daemon.apply(moods.chain(1 + n * 37 % 100)).stdout)
            self.assertEqual(load.errors, [])
            self.assertEqual({s for _, s, _ in load.answers}, {200})
            self.assertEqual({b for _, _, b in load.answers}, {b"stable", b"canary"})
            self.assertEqual(pids, [daemon.instances("moods", f)[0]["pid"]
                                    for f in ("only", "only@canary")])
            daemon.whole("moods")

    def test_command_changes_the_share(self):
        with Moods("stable", "canary") as moods, Daemon() as daemon:
            daemon.apply(moods.chain(0))
            done = daemon.cli("traffic", "moods", "only", "canary=100")
            self.assertEqual(done.returncode, 0, done.stderr)
            with daemon.connect("moods") as connection:
                self.assertEqual(bodies(connection, 50), {"canary": 50})
            self.assertEqual(revision(daemon, "canary")["traffic"]["declared"], 100)
            shown = daemon.cli("traffic", "moods").stdout
            self.assertRegex(shown, r"only +stable +0")
            self.assertRegex(shown, r"only +canary +100")
            daemon.restart()
            self.assertEqual(revision(daemon, "canary")["traffic"]["percent"], 100)
            wrong = daemon.cli("traffic", "moods", "only", "canari=5")
            self.assertEqual(wrong.returncode, 2)
            self.assertIn('Did you mean "canary"?', wrong.stderr)

    def test_adding_and_removing_a_revision_loses_nothing(self):
        with Moods("stable", "canary") as moods, Daemon() as daemon:
            daemon.apply(moods.chain())
            with Load(daemon.port("moods")) as load:
                daemon.apply(moods.chain(50))
                poll("canary answers", lambda: load.answers[-1][2] == b"canary" or load.errors, 20)
                daemon.apply(moods.chain())
            self.assertEqual({s for _, s, _ in load.answers}, {200})

    def test_metrics_and_describe_show_each_revision(self):
        with Moods("stable", "canary") as moods, Daemon() as daemon:
            daemon.apply(moods.chain(100))
            with daemon.connect("moods") as connection:
                bodies(connection, 20)
            connection = ApiConnection(daemon.socket)
            connection.request("GET", "/metrics")
            metrics = connection.getresponse().read().decode()
            connection.close()
            labels = 'chain="moods",function="only",revision="canary"'
            self.assertIn(f"sprocket_function_received_total{{{labels}}} 20\n", metrics)
            self.assertRegex(metrics, rf"sprocket_function_traffic_ratio{{{labels}}} 1\b")
            self.assertRegex(metrics, r'received_total\{chain="moods",function="only",'
                                      r'revision="stable"\} 0\n')
            text = daemon.cli("describe", "moods").stdout
            self.assertRegex(text, r"only@canary")
            self.assertRegex(text, r"canary +100 %")

    # ---- roll-back ----

    def judge(self, mood, reason, percent=30):
        with Moods("stable", "canary") as moods, Daemon() as daemon:
            daemon.apply(moods.chain(percent, ROLLBACK))
            with Load(daemon.port("moods")) as load:
                poll("canary answers", lambda: (b"canary" in {b for _, _, b in load.answers}))
                moods.set("canary", mood)
                bad = time.monotonic()
                poll("rolled back",
                     lambda: revision(daemon, "canary")["traffic"]["rolledBack"], 8)
                back = time.monotonic()
                poll("canary ends", lambda: not revision(daemon, "canary")["instances"], 8)
                poll("more answers", lambda: len([1 for at, _, _ in load.answers[-200:]
                                                  if at > back + 0.1]) > 50)
            self.assertEqual(load.errors, [])
            after = [(s, b) for at, s, b in load.answers if at > back + 0.1]
            self.assertEqual(set(after), {(200, b"stable")})
            failed = [at for at, s, _ in load.answers if s != 200]
            self.assertTrue(failed)
            if "crashes" not in reason:  # a crash loop waits for its back-off
                limit = failed[min(9, len(failed) - 1)]
                self.assertLess(back - limit, 1.0, f"since {bad}")
            self.assertIn("RolledBack", daemon.reasons("moods"))
            event = next(e for e in daemon.events("moods") if e["reason"] == "RolledBack")
            self.assertRegex(event["message"], reason)
            conditions = {c["type"]: c for c in daemon.status("moods")["conditions"]}
            self.assertEqual(conditions["Degraded"]["reason"], "RolledBack")
            self.assertEqual(conditions["Ready"]["status"], "True")
            # It is remembered, and what was declared stays declared.
            daemon.restart()
            self.assertTrue(revision(daemon, "canary")["traffic"]["rolledBack"])
            self.assertEqual(revision(daemon, "canary")["traffic"]["declared"], percent)
            with daemon.connect("moods") as connection:
                self.assertEqual(bodies(connection, 60), {"stable": 60})
            # Until the next apply.
            moods.set("canary", "ok")
            daemon.apply(moods.chain(percent, ROLLBACK))
            self.assertFalse(revision(daemon, "canary")["traffic"]["rolledBack"])
            with daemon.connect("moods") as connection:
                self.assertGreater(bodies(connection, 100).get("canary", 0), 0)
            daemon.whole("moods")

    def test_errors_roll_back(self):
        self.judge("fail 2", r"of \d+ requests went wrong")

    def test_crashes_roll_back(self):
        self.judge("crash 1", r"crashes|went wrong")

    def test_what_requests_are_to_blame_for_does_not(self):
        with Moods("stable", "canary") as moods, Daemon() as daemon:
            daemon.apply(moods.chain(100, ROLLBACK))
            moods.set("canary", "refuse 1")
            with daemon.connect("moods") as connection:
                self.assertEqual(bodies(connection, 100), {400: 100})
            self.assertFalse(revision(daemon, "canary")["traffic"]["rolledBack"])

    def test_run_rolls_back_too(self):
        with Moods("stable", "canary") as moods:
            moods.set("canary", "fail 1")
            with Chain(text=moods.chain(50, ROLLBACK)) as chain:
                with chain.connect() as connection:
                    poll("rolled back", lambda: (bodies(connection, 20),
                                                 chain.log.wait("gets no more requests: ",
                                                                seconds=0.05))[1], 5)
                    self.assertEqual(bodies(connection, 100), {"stable": 100})


if __name__ == "__main__":
    tap.main()
