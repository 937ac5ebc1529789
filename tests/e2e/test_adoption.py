# SPDX-License-Identifier: Apache-2.0
"""What a daemon takes over, and what is left when none comes."""
import fcntl
import os
import signal
import subprocess
import threading
import unittest

import tap
from client import poll
from daemon import Daemon, Stream, chain_text
from harness import BUILD, ChainTest, program
from test_limits import controllers, group_of
from test_steps import Scene, functions, gateways


def detour(way, other):
    """From first to one of two functions, from there to the other: each has one edge."""
    text = chain_text("fork", way=way)
    for edge in (".left", ".right", ""):
        if edge:
            text = text.replace(f"from: first{edge}, to: {edge[1:]}",
                                f"from: first{edge}, to: {way}")
        text = text.replace(f"from: {way}{edge}, to: reply", f"from: {way}{edge}, to: {other}")
    return text


class Adoption(ChainTest):
    def test_edges_keep_their_places(self):
        with Daemon() as daemon:
            daemon.apply(detour("left", "right"))
            for way, other in (("right", "left"), ("left", "right")):
                daemon.apply(detour(way, other))
                daemon.restart()
                pid = daemon.instances("fork", "first")[0]["pid"]
                os.kill(pid, signal.SIGKILL)
                poll("replaced", lambda p=pid: [i for i in daemon.instances("fork", "first")
                                                if i["pid"] != p])
                before = daemon.function("fork", way)["instances"][0]["in"]
                self.assertEqual(daemon.request("fork", body=b"x").status, 200)
                self.assertEqual(daemon.function("fork", way)["instances"][0]["in"], before + 1)
            daemon.whole("fork")

    def test_other_number_of_workers(self):
        with Daemon(args=("--workers", "1")) as daemon:
            scene = Scene(daemon)
            scene.serve()
            daemon.kill()
            daemon.args[:] = ["--workers", "2"]
            daemon.start()
            with Stream(daemon.port("one"), clients=2) as stream:
                self.assertIn("replaced", daemon.apply(scene.text("b", memory="32Mi")).stdout)
                self.assertEqual(scene.text_served(), "b")
            self.assertEqual(stream.failures, [])

    def test_drained_while_away(self):
        with Daemon() as daemon:
            scene = Scene(daemon)
            scene.serve()
            scene.hold()
            scene.ask("drain", "one")
            poll("it ends", lambda: scene.phase() == "Draining")
            for _ in range(3):
                daemon.restart()
            scene.end()
            self.assertEqual(scene.wait_settled(), "Drained")
            self.assertNotIn("Failed", daemon.reasons("one"))
            thread, answer = scene.held
            thread.join(20)
            self.assertEqual(answer[0].status, 200)

    def test_drain_without_a_gateway(self):
        with Daemon() as daemon:
            scene = Scene(daemon)
            for _ in range(3):
                scene.serve()
                os.kill(min(scene.gateways), signal.SIGKILL)
                poll("it is being started again",
                     lambda: daemon.status("one")["gateway"]["state"] != "READY" or
                     daemon.status("one")["gateway"]["pid"] not in scene.gateways)
                daemon.cli("delete", "one", check=True, seconds=20)
            self.assertNotIn("GatewayHangs", daemon.reasons("one"))

    def test_gateway_starts_during_a_change(self):
        with Daemon() as daemon:
            daemon.apply(chain_text("one", text="a", start="ok", instances=1, memory="16Mi",
                                    exec=program("probe", BUILD)))
            for n in range(3):
                path = f"/in{n}"
                os.kill(daemon.status("one")["gateway"]["pid"], signal.SIGKILL)
                text = chain_text("one", text=str(n), start="ok", instances=1, memory="16Mi",
                                  exec=program("probe", BUILD)).replace("path: /in", f"path: {path}")
                daemon.apply(text)
                poll("a gateway", lambda: daemon.status("one")["gateway"]["state"] == "READY")
                self.assertEqual(daemon.request("one", path=path, body=b"x").status, 200)

    @unittest.skipUnless("pids" in controllers(), "no control group limits processes here")
    def test_groups_of_those_that_died_while_away(self):
        with Daemon() as daemon:
            daemon.apply(chain_text("fork", way="left"))
            pid = daemon.instances("fork", "first")[0]["pid"]
            group = group_of(pid, "pids")
            self.assertTrue(group.is_dir())
            daemon.kill()
            os.kill(pid, signal.SIGKILL)
            poll("it has died", lambda: not group.joinpath("cgroup.procs").read_text())
            daemon.start()
            self.assertFalse(group.exists())
            poll("replaced", lambda: [i for i in daemon.instances("fork", "first")
                                      if i["pid"] != pid])

    def test_lock_is_kept_by_a_child_for_a_moment(self):
        """Killed while it starts a process, which has the lock until it executes its program."""
        with Daemon() as daemon:
            daemon.kill()
            with (daemon.run / "sprocketd.pid").open() as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                threading.Timer(0.3, lambda: fcntl.flock(lock, fcntl.LOCK_UN)).start()
                daemon.start()
            # One that lives is not waited for.
            other = subprocess.run(daemon.command(), capture_output=True, text=True, check=False,
                                   timeout=20)
            self.assertIn("another sprocketd runs here", other.stderr)


class Doctor(ChainTest):
    def test_what_a_daemon_left(self):
        with Daemon() as daemon:
            def doctor(*args):
                done = daemon.cli("doctor", "--run", daemon.run, "--pins", daemon.pins, *args)
                return done.stdout
            scene = Scene(daemon)
            scene.serve()
            daemon.footprint.look(daemon.process.pid)
            self.assertIn("looks after its chains", doctor("--clean", "--chains"))
            daemon.kill()
            self.assertIn("1 chain of a sprocketd that does not run", doctor("--clean"))
            self.assertEqual(functions(daemon.mark), scene.before)
            self.assertIn("daemon: ended one_1", doctor("--clean", "--chains"))
            poll("nothing runs", lambda: not functions(daemon.mark) and
                 not gateways(daemon.mark) and not daemon.fdstores())
            self.assertFalse(daemon.pins.exists())
            self.assertIn("none has left anything", doctor())
            daemon.start()
            self.assertEqual(scene.wait_settled(), "Serving")
            daemon.cli("delete", "one", check=True)


if __name__ == "__main__":
    tap.main()
