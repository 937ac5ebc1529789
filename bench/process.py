# SPDX-License-Identifier: Apache-2.0
"""process.py - start and stop what is measured, and read its cost from /proc.

For: bench/figures.
How: a Server is a child process, pinned to CPUs, that prints a line beginning with `ready `
once it serves. It is stopped by SIGINT and must then be gone with all its descendants, in
STOP_S seconds and with exit status 0 (or by the signal); anything else is an Error: a
measurement of something that does not stop cleanly does not count.
CPU time is the scheduler's run time in ns (/proc/PID/task/*/schedstat), not ticks.
Thread-safety: one thread; each Server has a thread of its own that drains its stdout.
"""
import json
import os
import queue
import re
import signal
import subprocess
import tempfile
import threading
import time

READY_S = 20
STOP_S = 15
STATUS_S = 5


class Error(Exception):
    """A figure could not be measured; the text says why."""


def _read(path):
    try:
        with open(path) as file:
            return file.read()
    except (FileNotFoundError, ProcessLookupError):
        return ""  # the process has ended meanwhile


def _parents():
    """pid -> parent's pid, of every process."""
    parents = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            stat = _read(f"/proc/{entry}/stat")
            if stat:  # the name, in parentheses, may contain anything
                parents[int(entry)] = int(stat.rpartition(")")[2].split()[1])
    return parents


def tree(pid):
    """pid and its descendants."""
    parents, found = _parents(), [pid]
    for member in found:
        found += [child for child, parent in parents.items() if parent == member]
    return found


def name(pid):
    """File name of the executable, "" when the process has ended."""
    try:
        return os.path.basename(os.readlink(f"/proc/{pid}/exe"))
    except (FileNotFoundError, ProcessLookupError):
        return ""


def component(pid):
    exe = name(pid)
    if exe == "sprocket-gateway":
        return "gateway"
    return "controller" if exe in ("sprocket", "sprocketd") else "functions"


def _threads(pid):
    try:
        return os.listdir(f"/proc/{pid}/task")
    except (FileNotFoundError, ProcessLookupError):
        return []


def cpu_ns(pid):
    """Time that the threads of a process have run."""
    total = 0
    for thread in _threads(pid):
        total += int((_read(f"/proc/{pid}/task/{thread}/schedstat") or "0").split()[0])
    return total


def rss_beyond_pool_kib(pid, pool_min_kib=2048, field="Rss"):
    """Resident KiB of a process without the chain's pool: the memfd mappings of at least
    `pool_min_kib` (hugetlb pages are not in Rss at all). Returns (rss, pools seen: one may be
    mapped in several places). With the field Pss, what n processes share counts as its nth part."""
    total, pools, is_pool = 0, set(), False
    for line in _read(f"/proc/{pid}/smaps").splitlines():
        head = re.match(r"([0-9a-f]+)-([0-9a-f]+) \S+ \S+ \S+ (\S+) *(.*)", line)
        if head:
            size_kib = (int(head[2], 16) - int(head[1], 16)) // 1024
            is_pool = size_kib >= pool_min_kib and "memfd:" in head[4]
            if is_pool:
                pools.add(head[3])
        elif line.startswith(f"{field}:") and not is_pool:
            total += int(line.split()[1])
    return total, len(pools)


class Server:
    """A running server; a context manager that stops it."""

    def __init__(self, label, command, cpu=None):
        self.label = label
        self._cpu = cpu
        self._lines = queue.Queue()
        # It shares our position in the file, which stderr() moves: it has to append.
        self._stderr = tempfile.TemporaryFile("a+", errors="replace")
        pin = None if cpu is None else lambda: os.sched_setaffinity(0, {cpu})
        self.started_at = time.monotonic()
        try:
            self._child = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=self._stderr, text=True, preexec_fn=pin)
        except OSError as error:
            raise Error(f"{label}: {command[0]}: {error.strerror}") from error
        threading.Thread(target=self._drain, daemon=True).start()
        try:
            self.ready = self._wait_ready()
        except BaseException:
            self._kill()
            raise

    def _drain(self):
        for line in self._child.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def _wait_ready(self):
        """What follows `ready ` on its stdout."""
        end = self.started_at + READY_S
        while True:
            try:
                line = self._lines.get(timeout=max(0, end - time.monotonic()))
            except queue.Empty:
                raise Error(f"{self.label}: not ready within {READY_S} s{self._said()}") from None
            if line is None:
                raise Error(f"{self.label}: ended before it was ready{self._said()}")
            if line.startswith("ready "):
                return line.split()[1]

    def _said(self):
        lines = self.stderr().strip().splitlines()
        return "; its last words: " + " / ".join(lines[-3:]) if lines else ""

    def stderr(self):
        self._stderr.seek(0)
        return self._stderr.read()

    def status(self):
        """What `sprocket run` prints on SIGUSR1."""
        before = self.stderr().count("status: {")
        self._child.send_signal(signal.SIGUSR1)
        end = time.monotonic() + STATUS_S
        while time.monotonic() < end:
            found = re.findall(r"status: (\{.*\})\n", self.stderr())
            if len(found) > before:
                return json.loads(found[-1])
            time.sleep(0.01)
        raise Error(f"{self.label}: no status on SIGUSR1 within {STATUS_S} s")

    @property
    def pid(self):
        return self._child.pid

    def pids(self):
        return tree(self.pid)

    def functions(self):
        return [pid for pid in self.pids() if component(pid) == "functions"]

    def check_pinned(self):
        """Every thread is still where the server was put."""
        for pid in self.pids():
            for thread in _threads(pid):
                cpus = os.sched_getaffinity(int(thread))
                if cpus != {self._cpu}:
                    raise Error(f"{self.label}: a thread of {name(pid)} ({pid}) may run on "
                                f"CPUs {sorted(cpus)}, not on {self._cpu} alone")

    def cpu(self):
        """Component -> ns of CPU time so far."""
        total = {}
        for pid in self.pids():
            part = component(pid)
            total[part] = total.get(part, 0) + cpu_ns(pid)
        return total

    def _kill(self):
        pids = self.pids()
        self._child.kill()
        self._child.wait()
        for pid in pids[1:]:
            if name(pid):
                os.kill(pid, signal.SIGKILL)

    def stop(self):
        pids = self.pids()
        names = {pid: name(pid) for pid in pids}
        if self._child.poll() is not None:
            raise Error(f"{self.label}: ended by itself with status "
                        f"{self._child.returncode}{self._said()}")
        self._child.send_signal(signal.SIGINT)
        try:
            status = self._child.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._kill()
            raise Error(f"{self.label}: still running {STOP_S} s after SIGINT") from None
        left = [pid for pid in pids[1:] if names[pid] and name(pid) == names[pid]]
        if left:
            for pid in left:
                os.kill(pid, signal.SIGKILL)
            raise Error(f"{self.label}: left behind " +
                        ", ".join(f"{names[pid]} ({pid})" for pid in left))
        if status not in (0, 130, -signal.SIGINT):
            raise Error(f"{self.label}: status {status} after SIGINT{self._said()}")

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind is None:
            self.stop()
        elif self._child.poll() is None:
            try:
                self.stop()
            except Error:
                pass  # the first failure is the one to be told
