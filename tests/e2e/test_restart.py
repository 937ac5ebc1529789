# SPDX-License-Identifier: Apache-2.0
"""The death of any one process is a line in a log."""
import os
import signal
import subprocess
import time

import leftovers
import tap
from client import Connection, poll
from daemon import Daemon, Stream, chain_text
from harness import BUILD, ChainTest, program
from test_change import one


def trio(**words):
    return chain_text("trio", **{"timeout": "2s", "instances": 1, **words})


def pids(daemon, chain):
    status = daemon.status(chain)
    return {i["pid"] for f in status["functions"] for i in f["instances"]} | {
        status["gateway"]["pid"]}


class Restart(ChainTest):
    def test_daemon_killed(self):
        with Daemon() as daemon:
            daemon.apply(trio())
            daemon.apply(one())
            before = pids(daemon, "trio"), pids(daemon, "one")
            requests = daemon.status("trio")["gateway"]["requests"]
            with Stream(daemon.port("trio"), "/trio") as a, Stream(daemon.port("one")) as b:
                for sig in (signal.SIGKILL, signal.SIGTERM, signal.SIGKILL):
                    daemon.kill(sig)
                    done = a.done
                    poll("it serves without a daemon", lambda d=done: a.done > d + 20)
                    daemon.start()
            self.assertEqual((a.failures, b.failures), ([], []))
            self.assertEqual((pids(daemon, "trio"), pids(daemon, "one")), before)
            self.assertGreater(daemon.status("trio")["gateway"]["requests"], requests)
            self.assertIn("unchanged", daemon.apply(trio(), name="chain").stdout)
            # And it is in charge: it replaces, changes, stops.
            pid = daemon.instances("trio", "second")[0]["pid"]
            os.kill(pid, signal.SIGKILL)
            poll("replaced", lambda: [i for i in daemon.instances("trio", "second")
                                      if i["pid"] != pid])
            self.assertIn("configured", daemon.apply(one("b")).stdout)
            daemon.whole("trio")

    def test_function_dies_while_no_daemon_runs(self):
        with Daemon() as daemon:
            daemon.apply(trio())
            port = daemon.port("trio")
            pid = daemon.instances("trio", "second")[0]["pid"]
            daemon.kill()
            os.kill(pid, signal.SIGKILL)
            poll("it is gone", lambda: not leftovers.alive(pid))  # else it may yet be sent some
            with Connection(port) as waiting:
                waiting.send("POST", "/trio", b"held")
                daemon.start()
                answer = waiting.receive()
            self.assertEqual((answer.status, answer.body), (200, b"held"))
            daemon.whole("trio")

    def test_gateway_killed(self):
        with Daemon() as daemon:
            daemon.apply(trio())
            port = daemon.port("trio")
            functions = pids(daemon, "trio") - {daemon.status("trio")["gateway"]["pid"]}
            worst = 0
            for n in range(5):
                gateway = daemon.status("trio")["gateway"]["pid"]
                with Connection(port) as slow:
                    slow.send("POST", "/trio", b"slow", {"X-Probe": "second.sleep=100"})
                    poll("in the chain",
                         lambda: daemon.status("trio")["gateway"]["in_flight"] == 1)
                    os.kill(gateway, signal.SIGKILL)
                    began = time.monotonic()
                    with Connection(port) as connection:
                        answer = connection.request("POST", "/trio", b"next",
                                                        {"X-Probe": "first.edge=left"})
                    worst = max(worst, time.monotonic() - began)
                    self.assertEqual((answer.status, answer.body), (200, b"next"))
                self.assertNotEqual(daemon.status("trio")["gateway"]["pid"], gateway)
                daemon.whole("trio")
            self.assertLess(worst, 0.5)
            self.assertEqual(pids(daemon, "trio") - {daemon.status("trio")["gateway"]["pid"]},
                             functions)
            self.assertEqual(sum(daemon.status("trio")["kernel"]["violations"].values()), 0)
            self.assertIn("GatewayDied", daemon.reasons("trio"))
            print(f"# slowest first answer after the kill: {worst * 1000:.0f} ms")

    def test_gateway_killed_under_load_refuses_nobody(self):
        with Daemon() as daemon:
            daemon.apply(trio())
            port = daemon.port("trio")
            with Stream(port, "/trio", clients=8, reconnect=True) as stream:
                for _ in range(3):
                    gateway = daemon.status("trio")["gateway"]["pid"]
                    os.kill(gateway, signal.SIGKILL)
                    poll("another one", lambda g=gateway: daemon.status("trio")["gateway"]["pid"]
                         not in (g, 0) and daemon.status("trio")["gateway"]["state"] == "READY")
                    done = stream.done
                    poll("goes on", lambda d=done: stream.done > d + 20)
            refused = [f for f in stream.failures if "refused" in f.lower()]
            self.assertEqual(refused, [])
            # Whoever was being answered by the dead process, and nobody else.
            self.assertLessEqual(len(stream.failures), 3 * 8)
            daemon.whole("trio")

    def test_gateway_and_daemon_killed(self):
        with Daemon() as daemon:
            daemon.apply(trio())
            port = daemon.port("trio")
            gateway = daemon.status("trio")["gateway"]["pid"]
            daemon.kill()
            os.kill(gateway, signal.SIGKILL)
            with Connection(port) as waiting:  # the listener is not gone
                waiting.send("POST", "/trio", b"patience")
                daemon.start()
                self.assertEqual(waiting.receive().body, b"patience")
            daemon.whole("trio")

    def test_fdstore_killed(self):
        with Daemon() as daemon:
            daemon.apply(trio())
            before = pids(daemon, "trio")
            store = daemon.fdstores()
            self.assertEqual(len(store), 1)
            os.kill(store[0], signal.SIGKILL)
            poll("another store", lambda: daemon.fdstores() not in ([], store))
            poll("it is told", lambda: "FdstoreDied" in daemon.reasons())
            daemon.restart()
            self.assertEqual(pids(daemon, "trio"), before)
            self.assertEqual(daemon.request("trio", path="/trio", body=b"x").body, b"x")

    def test_everything_killed(self):
        with Daemon() as daemon:
            daemon.apply(trio())
            all_of = pids(daemon, "trio")
            daemon.kill()
            for pid in daemon.fdstores() + list(all_of):
                os.kill(pid, signal.SIGKILL)
            daemon.start()
            poll("it serves again", lambda: daemon.status("trio").get("phase") == "Serving", 20)
            self.assertEqual(daemon.request("trio", path="/trio", body=b"x").body, b"x")

    def test_killed_at_every_moment_of_a_change(self):
        texts = {"config": (one("a"), one("b")),
                 "pool": (one("a"), one("a", memory="32Mi")),
                 "rollback": (one("a"), one("a", start="crash"))}
        with Daemon() as daemon:
            for kind, (first, second) in texts.items():
                for delay in (0, 2, 4, 7, 10, 15, 25, 40, 80, 160, 250):
                    daemon.apply(first)
                    daemon.write(second, "second")
                    with Stream(daemon.port("one"), clients=2) as stream:
                        apply = subprocess.Popen(
                            [str(program("sprocket", BUILD)), "apply", "-f",
                             str(daemon.folder / "second.yaml")], stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL,
                            env={**os.environ, "SPROCKET_SOCKET": str(daemon.socket)})
                        time.sleep(delay / 1000)
                        daemon.restart()
                        apply.wait(30)
                        poll("settled", lambda: settled(daemon), 25)
                    self.assertEqual(stream.failures, [], (kind, delay, stream.done))
                    self.assertEqual(daemon.request("one", body=b"x").body, b"x")
                    daemon.whole("one")

    def test_restart_of_many(self):
        count = 50 if os.environ.get("SPROCKET_SLOW") == "1" else 8
        with Daemon() as daemon:
            for n in range(count):
                (daemon.folder / "all").mkdir(exist_ok=True)
                text = chain_text("trio", f"c{n}", timeout="2s", instances=1)
                (daemon.folder / "all" / f"{n}.yaml").write_text(text)
            began = time.monotonic()
            daemon.cli("apply", "-f", daemon.folder / "all", check=True, seconds=120)
            print(f"# {count} chains applied in {time.monotonic() - began:.2f} s")
            before = {f"c{n}": pids(daemon, f"c{n}") for n in range(count)}
            with Stream(daemon.port("c0"), "/trio") as stream:
                daemon.kill()
                began = time.monotonic()
                daemon.start()
                took = time.monotonic() - began
            print(f"# {count} chains adopted in {took:.2f} s")
            self.assertLess(took, 2.0)
            self.assertEqual(stream.failures, [])
            self.assertEqual({f"c{n}": pids(daemon, f"c{n}") for n in range(count)}, before)
            began = time.monotonic()
            daemon.cli("get", check=True)
            print(f"# get of {count}: {(time.monotonic() - began) * 1000:.0f} ms")


def settled(daemon):
    status = daemon.api("GET", "/v1/chains/one")
    if status["http"] != 200:
        return False
    status = status["status"]
    progressing = next(c for c in status["conditions"] if c["type"] == "Progressing")
    return (status["phase"] == "Serving" and progressing["status"] == "False" and
            [i["state"] for i in status["functions"][0]["instances"]] == ["READY"])


if __name__ == "__main__":
    tap.main()
