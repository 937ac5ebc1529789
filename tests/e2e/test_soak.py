# SPDX-License-Identifier: Apache-2.0
"""Chains come and go, and nothing grows.

How: some threads create a chain, ask it once and delete it, over and over, under names never
used before. Every so often all of them pause, and what the daemon holds is compared with what
it held after the first cycles: processes, zombies, descriptors, BPF objects, pins, files,
hugepages, memory. SPROCKET_CYCLES says how many cycles (default 200).
"""
import os
import threading
import time
from pathlib import Path

import leftovers
import tap
from client import Connection, poll
from daemon import Daemon, chain_text
from harness import ChainTest

CYCLES = int(os.environ.get("SPROCKET_CYCLES", "200"))
AT_ONCE = 4
BLOCK = 100  # cycles between two looks
# The ring of events fills up, and the allocator keeps what it had once: then no more.
RSS_GROWTH_KIB = 4096


def text(name):
    return chain_text("trio", name, timeout="5s", instances=1)


def rss_kib(pid):
    for line in leftovers.read(f"/proc/{pid}/status").decode().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return 0


def entries(folder):
    return sorted(str(p.relative_to(folder)) for p in Path(folder).rglob("*"))


class Holdings:
    """What the daemon and its fd store hold while no chain is declared."""

    def __init__(self, daemon):
        processes = {"daemon": daemon.process.pid, "fdstore": daemon.fdstores()[0]}
        self.exact = {f"fds of {name}": len(os.listdir(f"/proc/{pid}/fd"))
                      for name, pid in processes.items()}
        self.exact["processes"] = sorted(leftovers.marked(daemon.mark))
        self.exact["children of the daemon, zombies too"] = sorted(
            leftovers.descendants(daemon.process.pid))
        self.exact["pins"] = entries(daemon.pins)
        for name in ("state", "logs", "run"):
            self.exact[f"files in {name}"] = entries(daemon.folder / name)
        self.bpf = {i for pid in processes.values() for i in leftovers.bpf_ids(pid)}
        self.exact["BPF objects"] = len(self.bpf)
        self.rss = {name: rss_kib(pid) for name, pid in processes.items()}
        if not leftovers.other_runs(set(self.exact["processes"])):
            self.exact["hugepages"] = leftovers.hugepage_limits()

    def differences(self, other):
        return [f"{what}: {value} became {other.exact[what]}"
                for what, value in self.exact.items()
                if what in other.exact and value != other.exact[what]]


class Cycles:
    """`count` cycles by several threads."""

    def __init__(self, daemon, first, count):
        self.daemon, self.todo = daemon, list(range(first + count - 1, first - 1, -1))
        self.bpf, self.errors, self.slowest = set(), [], 0.0
        self.lock = threading.Lock()
        threads = [threading.Thread(target=self.drive, daemon=True) for _ in range(AT_ONCE)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()

    def drive(self):
        try:
            while not self.errors:
                with self.lock:
                    if not self.todo:
                        return
                    n = self.todo.pop()
                self.one(f"soak-{n}")
        except Exception as e:  # pylint: disable=broad-except
            self.errors.append(repr(e))

    def one(self, name):
        began = time.monotonic()
        path = f"/v1/chains/{name}"
        made = self.daemon.api("PUT", f"{path}?file=/{name}.yaml", text(name))
        assert made.get("result") == "created", made
        with Connection(self.daemon.port(name)) as connection:
            answer = connection.request("POST", "/trio", name.encode())
        assert (answer.status, answer.body) == (200, name.encode()), answer
        ids = leftovers.bpf_ids(self.daemon.process.pid)
        gone = self.daemon.api("DELETE", path)
        assert gone.get("result") == "deleted", gone
        with self.lock:
            self.bpf |= ids
            self.slowest = max(self.slowest, time.monotonic() - began)


class Soak(ChainTest):
    def settle(self, daemon, before, seen):
        """What is held once the kernel has freed what was closed."""
        now = None

        def same():
            nonlocal now
            now = Holdings(daemon)
            return not before or not before.differences(now)
        try:
            poll("all is as before", same, 10, pause=0.05)
        except AssertionError:
            self.assertEqual(before.differences(now), [])
        lost = seen - now.bpf
        try:
            poll("BPF objects freed", lambda: not [i for i in lost if leftovers.bpf_exists(*i)],
                 10, pause=0.05)
        except AssertionError:
            self.fail(f"BPF objects left: {[i for i in lost if leftovers.bpf_exists(*i)]}")
        return now

    def test_create_and_delete(self):
        with Daemon() as daemon:
            Cycles(daemon, 0, 2 * AT_ONCE)
            before = first = self.settle(daemon, None, set())
            done, began = 0, time.monotonic()
            while done < CYCLES:
                part = min(BLOCK, CYCLES - done)
                cycles = Cycles(daemon, 1000 + done, part)
                self.assertEqual(cycles.errors, [], daemon.report())
                done += part
                now = self.settle(daemon, before, cycles.bpf)
                each = (time.monotonic() - began) / done
                print(f"# {done} cycles, {each * 1000:.0f} ms each, slowest of the last "
                      f"{part} {cycles.slowest * 1000:.0f} ms, rss KiB {now.rss}", flush=True)
                if done <= 5 * BLOCK:
                    first = now  # until the rings are full
            for name, kib in first.rss.items():
                self.assertLessEqual(now.rss[name], kib + RSS_GROWTH_KIB, name)


if __name__ == "__main__":
    tap.main()
