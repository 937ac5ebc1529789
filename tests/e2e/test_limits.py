# SPDX-License-Identifier: Apache-2.0
"""What a function may use of the machine: limits, what happens above them, and what is left."""
import contextlib
import os
import signal
import time
from pathlib import Path

import tap
from client import Closed, poll
from daemon import Daemon
from harness import BUILD, Chain, ChainTest, run

HOSTILE = BUILD / "tests/functions/hostile"
TEXT = """apiVersion: sprocket.dev/v1alpha1
kind: Chain
metadata: {{name: {name}}}
spec:
  timeout: {timeout}
  ingress: [{{http: {{path: "/*"}}}}]
  pool: {{memory: 32Mi, hugepages: never}}
  functions:
  - {{name: f, exec: "{exec}", instances: 1, {more}}}
  steps: [f]
"""


def text(more="env: {}", name="limits", timeout="500ms"):
    return TEXT.format(name=name, timeout=timeout, exec=HOSTILE, more=more)


def limited(more="env: {}", **words):
    return Chain(text=text(more, **words))


def controllers():
    """Controller -> folder of the hierarchy that has it, and its version."""
    found = {}
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        fields, rest = line.split(" - ")
        kind, _, options = rest.split()[:3]
        folder = Path(fields.split()[4])
        if kind == "cgroup":
            found |= {name: (folder, 1) for name in options.split(",")}
        elif kind == "cgroup2":
            names = (folder / "cgroup.controllers").read_text().split()
            found |= {name: (folder, 2) for name in names}
    return found


def group_of(pid, controller):
    """Folder of the group that a process is in."""
    folder, version = controllers()[controller]
    for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, names, path = line.split(":", 2)
        if controller in names.split(",") if version == 1 else not names:
            return Path(str(folder) + path)
    raise AssertionError(f"process {pid} is in no group of {controller}")


def lives(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def groups_of(chain):
    """Groups of a chain that there are, anywhere."""
    return [g for folder, _ in controllers().values()
            for g in folder.rglob(f"sprocket-*.{chain}.*") if g.is_dir()]


def watched(pid):
    """Groups whose limit of processes a controller watches."""
    found = []
    for fd in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # of who asked it just now
            found.append(Path(os.readlink(fd)))
    return [path.parent for path in found if path.name == "pids.events"]


class Limits(ChainTest):
    def attack(self, chain, kind, value=0, seconds=10):
        try:
            return chain.request(body=b"x", timeout=seconds,
                                 headers={"x-attack": kind, "x-value": str(value)})
        except Closed as e:
            raise AssertionError(f"{e!r}\n{chain.report()}") from None

    def assert_out(self, chain, kind, value, said, seconds):
        """The attacker is replaced in time, the event says why, nothing stays behind."""
        pid, began = chain.instance_pid("f"), time.monotonic()
        group = group_of(pid, "pids")
        answer = self.attack(chain, kind, value)
        self.assertIn(answer.status, (502, 504), answer)
        chain.replaced("f", [pid], seconds)
        self.assertLess(time.monotonic() - began, seconds)
        self.assertTrue(chain.log.wait(said), chain.report())
        poll("its group is gone", lambda: not group.exists())
        self.assertEqual(chain.request(body=b"after").body, b"after")

    def test_there_is_always_a_limit_of_processes(self):
        with limited(name="limits-pids") as chain:
            group = group_of(chain.instance_pid("f"), "pids")
            self.assertIn(".limits-pids.f.", group.name)
            self.assertEqual((group / "pids.max").read_text().strip(), "512")
        self.assertEqual(groups_of("limits-pids"), [])

    def test_limits_as_kubernetes_writes_them(self):
        more = "resources: {limits: {cpu: 0.25, memory: 48Mi, pids: 7}, requests: {cpu: 100m}}"
        with limited(more) as chain:
            pid = chain.instance_pid("f")
            version = controllers()["memory"][1]
            memory, cpu = (("memory.limit_in_bytes", "cpu.cfs_quota_us"),
                           ("memory.max", "cpu.max"))[version - 1]
            self.assertEqual((group_of(pid, "pids") / "pids.max").read_text().strip(), "7")
            self.assertEqual((group_of(pid, "memory") / memory).read_text().strip(),
                             str(48 << 20))
            self.assertEqual((group_of(pid, "cpu") / cpu).read_text().split()[0], "25000")

    def test_fork_bombs_end_at_once(self):
        with limited("resources: {limits: {pids: 40}}", timeout="5s") as chain:
            for sessions in (0, 1):
                self.assert_out(chain, "fork-bomb", sessions, "above its limit; killed", 1.0)

    def test_memory_above_the_limit(self):
        # The pool is on ordinary pages here: they are charged to the gateway, not to `f`.
        with limited("resources: {limits: {memory: 24Mi}}", timeout="5s") as chain:
            self.assert_out(chain, "memory", 200, "more than its limit of 24Mi", 1.0)

    def test_memory_below_the_limit(self):
        with limited("resources: {limits: {memory: 64Mi}}", timeout="5s") as chain:
            pid = chain.instance_pid("f")
            self.assertEqual(self.attack(chain, "memory", 30).status, 200)
            self.assertEqual(chain.instance_pid("f"), pid)

    def test_one_that_hangs_is_replaced(self):
        with limited("hangTimeout: 700ms", timeout="300ms") as chain:
            for kind, value in (("loop", 0), ("stuck", 0), ("hang", 0), ("signal", signal.SIGSTOP)):
                self.assert_out(chain, kind, value, "holds a request for .* killed", 2.0)

    def test_one_that_hangs_without_a_limit_stays(self):
        chain = limited("hangTimeout: never", timeout="100ms")
        chain.whole = False
        with chain:
            pid = chain.instance_pid("f")
            self.assertEqual(self.attack(chain, "hang").status, 504)
            time.sleep(1.6)  # the default limit would be 1.2 s
            self.assertEqual(chain.instance_pid("f"), pid)

    def test_bad_values_are_errors_at_their_place(self):
        chain = BUILD / "limits-bad.yaml"
        self.addCleanup(chain.unlink, missing_ok=True)
        for value, place, said in (
                ("resources: {limits: {cpu: half}}", "cpu must be", "9:"),
                ("resources: {limits: {memory: 1Ki}}", "memory must be", "9:"),
                ("resources: {limits: {pids: 0}}", "pids", "9:"),
                ("resources: {limit: {pids: 1}}", "Did you mean", "9:"),
                ("hangTimeout: 1ms", "hangTimeout", "9:")):
            chain.write_text(text(value))
            result = run("validate", str(chain))
            self.assertNotEqual(result.returncode, 0, value)
            self.assertIn(place, result.stdout + result.stderr)
            self.assertRegex(result.stdout + result.stderr, rf"limits-bad.yaml:{said}")

    def test_what_a_killed_run_leaves(self):
        """Its group, and a process that left its process group."""
        with limited(name="limits-left") as chain:
            group = group_of(chain.instance_pid("f"), "pids")
            self.assertEqual(self.attack(chain, "linger").status, 200)
            pids = poll("its child is there", lambda: (
                lambda p: len(p) > 1 and p)((group / "cgroup.procs").read_text().split()))
            os.kill(chain.pid, signal.SIGKILL)
            chain.process.wait(5)
            self.assertTrue(group.exists())
            result = run("doctor", "--clean")
            self.assertIn(f"removed control group {group}", result.stdout + result.stderr)
            for pid in pids:
                self.assertFalse(lives(pid), pid)
            chain.over = True
        self.assertEqual(groups_of("limits-left"), [])

    def test_what_dies_while_no_daemon_runs(self):
        """Its group goes, with what it started; the next daemon watches its successor alone."""
        with Daemon() as daemon:
            daemon.apply(text(name="limits-missed"))
            pid = daemon.instances("limits-missed", "f")[0]["pid"]
            group = group_of(pid, "pids")
            daemon.request("limits-missed", path="/", body=b"x", headers={"x-attack": "linger"})
            pids = poll("its child is there", lambda: (
                lambda p: len(p) > 1 and p)((group / "cgroup.procs").read_text().split()))
            daemon.kill()
            os.kill(pid, signal.SIGKILL)
            poll("it is gone", lambda: not lives(pid))
            daemon.start()
            now = poll("replaced", lambda: daemon.instances("limits-missed", "f"))[0]["pid"]
            poll("its group is gone", lambda: not group.exists())
            self.assertEqual([p for p in pids if lives(p)], [])
            poll("its successor alone is watched",
                 lambda: watched(daemon.process.pid) == [group_of(now, "pids")])


if __name__ == "__main__":
    tap.main()
