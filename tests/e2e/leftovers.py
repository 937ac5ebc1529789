# SPDX-License-Identifier: Apache-2.0
"""leftovers.py - what a run has, and whether any of it is still there afterwards.

How: while the run lives, its processes are found by descent and by a mark in their
environment, and its BPF programs and maps by the ids in /proc/PID/fdinfo. Afterwards the
kernel is asked for each of these ids: other runs on the machine do not disturb the answer.
Limits of hugepages and folders that all runs share are compared only while no other run is
alive.
"""
import contextlib
import ctypes
import os
import re
import time
from pathlib import Path

MARK = "SPROCKET_TEST_RUN"
HUGEPAGES = Path("/sys/kernel/mm/hugepages/hugepages-2048kB")
SHARED_FOLDERS = ["/run/sprocket", "/run/dpdk", "/var/run/dpdk", "/tmp/dpdk", "/dev/shm",
                  "/dev/hugepages", "/sys/fs/bpf", "/sys/fs/cgroup"]
BPF_SYSCALL = {"x86_64": 321, "aarch64": 280}[os.uname().machine]
BPF_GET_NEXT_ID = {"prog": 11, "map": 12}
DYING_S = 5.0
libc = ctypes.CDLL(None)


def read(path):
    try:
        return Path(path).read_bytes()
    except OSError:
        return b""


def pids():
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def stat_of(pid):
    """State and parent of a process; (None, 0) when there is none."""
    text = read(f"/proc/{pid}/stat").decode(errors="replace")
    if ")" not in text:
        return None, 0
    fields = text.rsplit(")", 1)[1].split()
    return fields[0], int(fields[1])


def started(pid):
    """When it did, in ticks since the machine did: with the pid a name that nobody else gets."""
    text = read(f"/proc/{pid}/stat").decode(errors="replace")
    return int(text.rsplit(")", 1)[1].split()[19]) if ")" in text else 0


def alive(pid):
    return stat_of(pid)[0] not in (None, "Z", "X")


def descendants(pid):
    children = {}
    for p in pids():
        children.setdefault(stat_of(p)[1], []).append(p)
    found, todo = set(), [pid]
    while todo:
        for child in children.get(todo.pop(), []):
            found.add(child)
            todo.append(child)
    return found


def marked(mark):
    """Processes whose environment has the run's mark."""
    want = f"{MARK}={mark}".encode()
    return {p for p in pids() if want in read(f"/proc/{p}/environ").split(b"\0") and alive(p)}


def bpf_ids(pid):
    """{("prog", id), ("map", id)} of the BPF objects that a process holds."""
    found = set()
    try:
        fds = os.listdir(f"/proc/{pid}/fdinfo")
    except OSError:
        return found
    for fd in fds:
        for kind, number in re.findall(rb"^(prog|map)_id:\s*(\d+)$",
                                       read(f"/proc/{pid}/fdinfo/{fd}"), re.M):
            found.add((kind.decode(), int(number)))
    return found


def bpf_exists(kind, number):
    """Looks without opening it: who opens and closes a prog_array while its last holder goes makes
    the kernel forget a reference to it (prog_array_map_clear in kernel/bpf/arraymap.c takes one
    each time, and one work gives one back)."""
    attr = (ctypes.c_uint32 * 32)(number - 1)
    found = libc.syscall(BPF_SYSCALL, BPF_GET_NEXT_ID[kind], ctypes.byref(attr), 128) == 0
    return found and attr[1] == number


def listening():
    """{inode: port} of all TCP sockets that listen."""
    found = {}
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in read(table).decode().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A":
                found[int(fields[9])] = int(fields[1].rsplit(":", 1)[1], 16)
    return found


def sockets_of(pid):
    found = set()
    try:
        for fd in os.listdir(f"/proc/{pid}/fd"):
            target = os.readlink(f"/proc/{pid}/fd/{fd}")
            if match := re.fullmatch(r"socket:\[(\d+)\]", target):
                found.add(int(match[1]))
    except OSError:
        pass
    return found


def hugepage_limits():
    return {name: int(read(HUGEPAGES / name) or 0)
            for name in ("nr_hugepages", "nr_overcommit_hugepages", "surplus_hugepages")}


def hugepages_to_be_had():
    """Pages that can be had without changing a limit."""
    limits, free = hugepage_limits(), int(read(HUGEPAGES / "free_hugepages") or 0)
    return free + max(0, limits["nr_overcommit_hugepages"] - limits["surplus_hugepages"])


def folder_entries():
    entries = {str(p) for p in Path("/tmp").glob("sprocket*")}
    for folder in SHARED_FOLDERS:
        if os.path.isdir(folder):
            entries |= {f"{folder}/{name}" for name in os.listdir(folder)}
    return {e for e in entries if "sprocket-e2e" not in e}


def other_runs(own):
    """Processes of Sprocket that are not ours."""
    names = (b"sprocket", b"sprocketd", b"sprocket-gatewa")
    return [p for p in pids() if p not in own and read(f"/proc/{p}/comm").strip() in names
            and alive(p)]


def control_groups(makers):
    """Those that one of these processes, (pid, start), has made."""
    hierarchies = [m.split()[4] for m in read("/proc/self/mountinfo").decode().splitlines()
                   if " - cgroup" in m]
    starts = tuple(f"sprocket-{pid}-{start}-" for pid, start in makers)
    return [Path(folder) / name for top in hierarchies
            for folder, names, _ in os.walk(top) for name in names if name.startswith(starts)]


class Shared:
    """What all runs of the machine share, as it was before."""

    def __init__(self):
        self.limits = hugepage_limits()
        self.entries = folder_entries()

    def differences(self):
        """Sentences about what is more than it was."""
        found = [f"{n} was {self.limits[n]}, is {v}" for n, v in hugepage_limits().items()
                 if v > self.limits[n]]
        return found + [f"new: {e}" for e in sorted(folder_entries() - self.entries)
                        if os.path.exists(e)]


def kill_all():
    """Kills what all runs of this process have started."""
    wanted = {f"{MARK}={mark}".encode() for mark in Footprint.marks}
    for p in pids():
        if wanted & set(read(f"/proc/{p}/environ").split(b"\0")):
            with contextlib.suppress(ProcessLookupError):
                os.kill(p, 9)


class Footprint:
    """What one run has, as far as it was seen."""

    marks = set()  # of all

    def __init__(self, mark):
        self.mark = mark
        self.marks.add(mark)
        self.shared = Shared()
        self.seen = set()  # (pid, start): a long run outlives many, whose pids others get
        self.bpf = set()
        self.ports = set()

    @property
    def pids(self):
        """Of those seen that are there."""
        return {pid for pid, start in self.seen if started(pid) == start}

    def look(self, pid):
        """Takes note of what the run of `pid` has now."""
        self.seen |= {(p, started(p)) for p in {pid} | descendants(pid) | marked(self.mark)}
        for p in self.pids:
            self.bpf |= bpf_ids(p)

    def left(self):
        """Sentences about what is still there."""
        here = {p for p in self.pids | marked(self.mark) if alive(p)}
        found = [f"process {p}: {read(f'/proc/{p}/cmdline')!r}" for p in sorted(here)]
        found += [f"BPF {k} {n}" for k, n in sorted(self.bpf) if bpf_exists(k, n)]
        found += [f"control group {g}" for g in control_groups(self.seen)]
        found += [f"listener on port {p}" for p in self.ports & set(listening().values())]
        if not other_runs(self.pids):
            found += self.shared.differences()
        return found

    def kill(self):
        for p in self.pids | marked(self.mark):
            # A pid may have been given to someone else meanwhile.
            if f"{MARK}={self.mark}".encode() in read(f"/proc/{p}/environ"):
                try:
                    os.kill(p, 9)
                except ProcessLookupError:
                    pass
        # One can be removed when the last that was killed in it is gone, a moment later.
        end = time.monotonic() + DYING_S
        while (groups := control_groups(self.seen)) and time.monotonic() < end:
            for group in groups:
                with contextlib.suppress(OSError):
                    for p in (group / "cgroup.procs").read_text().split():
                        os.kill(int(p), 9)
                    group.rmdir()
            time.sleep(0.005)
