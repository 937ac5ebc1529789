# SPDX-License-Identifier: Apache-2.0
"""faults.py - one function for each fault: it hits something of the world, and says what.

Each takes the injector and the fault, and returns what it did as a text, or None when there was
nothing to hit. What must be undone is handed to injector.later(), which also runs at the end.
"""
import contextlib
import mmap
import os
import resource
import signal
import socket
import subprocess
import threading

import paths  # pylint: disable=unused-import
import leftovers
from client import Closed, Connection
from harness import KINDS
from hostile import order
from rlimits import rlimit_of, rlimit_set
from world import HOSTILE, NAME, sanitized

FAULTS = {}
HUGEPAGE = 2 << 20
MAP_HUGETLB = 0x40000
PARK_MAX = 4096
SPARE = 24
# Lets a limit be what it is already, with nothing to spare.
TIGHT = 2
# What is told of a process that died meanwhile.
GONE = (OSError, IndexError)


def fault(function):
    FAULTS[function.__name__.replace("_", "-")] = function
    return function


def send(pid, number):
    if pid <= 1:  # who died has none; 0 would be ourselves
        return False
    try:
        os.kill(pid, number)
        return True
    except ProcessLookupError:
        return False


def choose(candidates, f):
    return candidates[f.random().randrange(len(candidates))] if candidates else None


# ---- death ----

@fault
def kill_function(injector, f):
    victim = choose(injector.world.functions(), f)
    if victim and injector.killed(f, victim[2]):
        return f"{victim[0]} number {victim[1]}"
    return None


@fault
def kill_gateway(injector, f):
    pid = injector.world.gateway()
    return f"pid {pid}" if pid and injector.killed(f, pid) else None


def kill_named(injector, f, name):
    pid = choose(injector.world.named(name), f)
    return f"pid {pid}" if pid and injector.killed(f, pid) else None


@fault
def kill_front(injector, f):
    return kill_named(injector, f, "sprocket-front")


@fault
def kill_fdstore(injector, f):
    pid = choose(injector.world.daemon.fdstores(), f)
    return f"pid {pid}" if pid and injector.killed(f, pid) else None


@fault
def kill_daemon(injector, f):
    def again():
        injector.moment(f, injector.world.daemon_restart())
    return "and another one" if injector.aside("daemon", again) else None


# ---- stopped for a while ----

def stop(injector, f, pid, low_ms, high_ms):
    if not pid or not send(pid, signal.SIGSTOP):
        return None
    for_ms = f.random().randint(low_ms, high_ms)
    injector.later(for_ms / 1000, lambda: send(pid, signal.SIGCONT))
    return f"pid {pid} for {for_ms} ms"


@fault
def stop_function(injector, f):
    victim = choose(injector.world.functions(), f)
    return stop(injector, f, victim[2] if victim else 0, 20, 400)


@fault
def stop_gateway(injector, f):
    # Less than the slack: nobody can answer in time who is stopped for longer.
    return stop(injector, f, injector.world.gateway(), 5, 60)


@fault
def stop_daemon(injector, f):
    return stop(injector, f, injector.world.daemon.process.pid, 20, 500)


@fault
def stop_front(injector, f):
    return stop(injector, f, next(iter(injector.world.named("sprocket-front")), 0), 5, 60)


# ---- slow ----

@fault
def slow_function(injector, f):
    """A request that keeps its function's thread to itself."""
    r = f.random()
    orders = f"f{r.randint(1, 3)}.sleep={r.randint(20, 300)}"
    injector.ask(orders)
    return orders


@fault
def hog(injector, f):
    """A process that wants all the CPU there is, in the cgroup of the functions."""
    victim = choose(injector.world.functions(), f)
    if not victim:
        return None
    busy = subprocess.Popen(["/bin/sh", "-c", "while :; do :; done"], stdin=subprocess.DEVNULL)
    group = leftovers.read(f"/proc/{victim[2]}/cgroup").decode().partition("0::")[2].strip()
    with contextlib.suppress(OSError):
        with open(f"/sys/fs/cgroup{group}/cgroup.procs", "w", encoding="ascii") as file:
            file.write(str(busy.pid))

    def end():
        busy.kill()
        busy.wait()
    for_ms = f.random().randint(50, 400)
    injector.later(for_ms / 1000, end)
    return f"for {for_ms} ms"


# ---- floods ----

@fault
def flood_connections(injector, f):
    """Connections that say nothing."""
    open_ones = []
    for _ in range(f.random().randint(20, 200)):
        try:
            open_ones.append(socket.create_connection(("127.0.0.1", injector.world.port), 1))
        except OSError:
            break
    injector.later(0.3, lambda: [s.close() for s in open_ones])
    return f"{len(open_ones)} connections"


@fault
def flood_requests(injector, f):
    """All at once: what is asked must be answered, though not by a function."""
    count = f.random().randint(50, 200)
    for _ in range(count):
        injector.ask("")
    return f"{count} requests"


# ---- forged ----

@fault
def forge(injector, f):
    if "hostile" not in injector.world.texts:
        return None
    r = f.random()
    kind = r.choice(KINDS)
    headers = order(kind, seed=r.getrandbits(31), value=r.randrange(64))
    injector.ask(None, headers, injector.hostile_port, HOSTILE)
    return kind


# ---- exhaustion ----

@fault
def exhaust_buffers(injector, f):
    """Requests for nearly all buffers, none of which ends before it is told to. Who is to tell it
    needs one, too."""
    status = injector.world.last()
    count = min(PARK_MAX, status["buffers"]["free"] - SPARE)
    if not injector.aside("park", lambda: injector.park(count, f.random().uniform(0.05, 0.5))):
        return None
    return f"{count} requests that wait"


def limit(pid, kind, soft):
    """Lowers a soft limit of a process; returns what undoes it."""
    old, hard = rlimit_of(pid, kind)
    rlimit_set(pid, kind, soft, hard)

    def undo():
        with contextlib.suppress(*GONE):
            rlimit_set(pid, kind, old, hard)
    return undo


@fault
def exhaust_fds(injector, f):
    pid = injector.world.gateway()
    with contextlib.suppress(*GONE):
        count = len(os.listdir(f"/proc/{pid}/fd"))
        injector.later(f.random().uniform(0.05, 0.3),
                       limit(pid, resource.RLIMIT_NOFILE, count + TIGHT))
        return f"of the gateway: {count + TIGHT}"
    return None


@fault
def exhaust_memory(injector, f):
    """A function that gets no more memory: its business, and nobody else's. A sanitizer would take
    it for its own."""
    if sanitized():
        return None
    victim = choose(injector.world.functions(), f)
    if not victim:
        return None
    with contextlib.suppress(*GONE):
        pages = int(leftovers.read(f"/proc/{victim[2]}/statm").split()[0])
        injector.later(f.random().uniform(0.05, 0.5),
                       limit(victim[2], resource.RLIMIT_AS, pages * mmap.PAGESIZE))
        return f"of {victim[0]}"
    return None


@fault
def exhaust_hugepages(injector, f):
    """All that are free, while a chain is made that wants some. Not while others run here."""
    mark = injector.world.daemon.mark
    if leftovers.other_runs(leftovers.marked(mark)):
        return None
    count, taken = leftovers.hugepages_to_be_had(), []
    with contextlib.suppress(OSError, ValueError):
        for _ in range(count):
            taken.append(mmap.mmap(-1, HUGEPAGE, mmap.MAP_SHARED | mmap.MAP_ANONYMOUS |
                                   MAP_HUGETLB))
    injector.later(0.3, lambda: [m.close() for m in taken])
    injector.change(f)
    return f"{len(taken)} pages"


@fault
def exhaust_disk(injector, f):
    """The state folder is full: a change is refused whole, and what serves goes on."""
    folder = injector.world.daemon.state
    if not os.path.ismount(folder):
        return None
    path = os.path.join(folder, "full")
    with contextlib.suppress(OSError):
        with open(path, "wb") as file:
            while True:
                file.write(bytes(4096))
                file.flush()
    injector.later(f.random().uniform(0.1, 0.4), lambda: os.path.exists(path) and os.remove(path))
    injector.change(f)
    return "until it was full"


# ---- change ----

@fault
def change(injector, f):
    return injector.change(f)


# ---- requests of the faults' own ----

class Asker:
    """Requests in the background; what was answered is counted, and that it was."""

    def __init__(self, injector):
        self.injector = injector
        self.lock = threading.Lock()
        self.answers, self.errors, self.threads = {}, {}, []

    def ask(self, orders, headers=None, port=None, path="/"):
        t = threading.Thread(target=self.one, args=(orders, headers, port, path), daemon=True)
        with self.lock:
            self.threads = [x for x in self.threads if x.is_alive()] + [t]
        t.start()

    def one(self, orders, headers, port, path):
        headers = headers or ({"x-do": orders} if orders else {})
        try:
            with Connection(port or self.injector.world.port, timeout=20) as connection:
                answer = connection.request("POST", path, b"fault", headers)
            reason = answer.json()["reason"] if answer.status >= 400 else "ok"
            with self.lock:
                self.answers[reason] = self.answers.get(reason, 0) + 1
        except (OSError, Closed, ValueError, KeyError, AssertionError) as e:
            with self.lock:
                self.errors[type(e).__name__] = self.errors.get(type(e).__name__, 0) + 1

    def join(self, seconds=20):
        for t in list(self.threads):
            t.join(seconds)
        return not any(t.is_alive() for t in self.threads)


def tell(world, orders):
    """What was answered, if it was: the function may be dead just now."""
    try:
        with Connection(world.port, timeout=5) as connection:
            return connection.request("POST", "/", b"", {"x-do": orders}).body
    except (OSError, Closed, AssertionError):
        return None


__all__ = ["FAULTS", "Asker", "NAME", "tell"]
