# SPDX-License-Identifier: Apache-2.0
"""injector.py - carries out a schedule, one thing after the other, and writes down what it did."""
import contextlib
import heapq
import itertools
import select
import threading
import time
import traceback

import paths  # pylint: disable=unused-import
import faults
from client import Connection
from world import NAME


PARKED_S = 10
HOARDED_S = 0.3
FREED_OFTEN = 6


def answered_of(connections):
    """Those of them that have something to read, or are ended."""
    poller, by_fd = select.poll(), {c.sock.fileno(): c for c in connections}
    for fd in by_fd:
        poller.register(fd, select.POLLIN)
    return {by_fd[fd] for fd, _ in poller.poll(10)}


class Injector:
    def __init__(self, world, plan, text):
        self.world, self.plan, self.text = world, plan, text
        self.events = []    # what was done: {"at", "fault", "did"}
        self.skipped = {}   # fault -> how often there was nothing to hit
        self.moments = {}   # fault -> [ns] at which it took effect
        self.changes = {"made": 0, "refused": 0, "cut off": 0}
        self.errors = []
        self.asker = faults.Asker(self)
        self.undo, self.number, self.undo_lock = [], itertools.count(), threading.Lock()
        self.busy = {}
        self.stopping, self.over = threading.Event(), threading.Event()
        self.hostile_port = world.daemon.port("hostile") if "hostile" in world.texts else None
        self.thread = threading.Thread(target=self.run, daemon=True)
        # Of its own: whoever is asked while it is stopped must go on all the same.
        self.undoer = threading.Thread(target=self.undo_all, daemon=True)

    def __enter__(self):
        self.began = time.monotonic()
        self.thread.start()
        self.undoer.start()
        return self

    def __exit__(self, *_):
        # What is under way may need what is due to be undone, and adds to it.
        self.stopping.set()
        self.thread.join(60)
        self.finish()

    # ---- what faults use ----

    def later(self, seconds, action):
        with self.undo_lock:
            heapq.heappush(self.undo, (time.monotonic() + seconds, next(self.number), action))

    def moment(self, fault, ns=None):
        self.moments.setdefault(fault.name, []).append(ns or time.monotonic_ns())

    def killed(self, fault, pid):
        """kill -9; True when there was somebody to kill."""
        at = time.monotonic_ns()
        if not faults.send(pid, 9):
            return False
        self.moment(fault, at)
        return True

    def aside(self, name, work):
        """In a thread of its own, one of a name at a time; False when one is at it still."""
        if name in self.busy and self.busy[name].is_alive():
            return False
        self.busy[name] = threading.Thread(target=self.guarded, args=(work,), daemon=True)
        self.busy[name].start()
        return True

    def ask(self, *args):
        self.asker.ask(*args)

    def change(self, fault):
        """A change of the chain under load: new instances, or more or fewer of them."""
        r = fault.random()
        version, instances = str(r.randrange(1000)), r.choice((1, 1, 2))

        def apply():
            answer = self.world.apply(NAME, self.text(version=version, instances=instances))
            how = "cut off" if answer is None else "made" if answer["http"] in (200, 201) else \
                "refused"
            self.changes[how] += 1
            if how == "refused" and not answer.get("error") and not answer.get("errors"):
                self.errors.append(f"a change was refused without a reason: {answer}")
        return f"version {version}, instances {instances}" if self.aside("change", apply) else None

    def park(self, count, seconds):
        """Requests that f1 keeps until it is told to let them go."""
        waiting = []
        with contextlib.suppress(OSError):
            for _ in range(count):
                c = Connection(self.world.port, timeout=20)
                waiting.append(c)
                c.send("POST", "/", b"", {"x-do": "f1.defer"})
        self.stopping.wait(seconds)
        end = time.monotonic() + PARKED_S
        idle, hopeless = 0, time.monotonic() + HOARDED_S
        # The order needs a buffer, too, and reaches one instance of several. Who has no client any
        # more, as the gateway was killed, is kept as well.
        while (waiting or idle < FREED_OFTEN) and time.monotonic() < end:
            idle = idle + 1 if faults.tell(self.world, "f1.free") == b"freed 0\n" else 0
            answered = answered_of(waiting)
            waiting = [c for c in waiting if c not in answered]
            for c in answered:
                c.close()
            if time.monotonic() > hopeless:
                hopeless = end
                self.hoarders_end()
        if waiting:
            self.errors.append(f"{len(waiting)} parked requests were not answered")

    def hoarders_end(self):
        """What keeps the clients' buffers and is told nothing any more, as it is to end after a
        change or as nothing can enter the chain, is killed."""
        status = self.world.last()
        for instance in next(f for f in status["functions"] if f["name"] == "f1")["instances"]:
            if instance["in_flight"] and faults.send(instance["pid"], 9):
                self.moments.setdefault("kill-function", []).append(time.monotonic_ns())

    # ---- the run ----

    def guarded(self, work):
        try:
            work()
        except Exception:  # pylint: disable=broad-except
            self.errors.append(traceback.format_exc())

    def undo_due(self, now):
        """Undoes one thing that is due; False when there is none."""
        with self.undo_lock:
            if not self.undo or self.undo[0][0] > now:
                return False
            action = heapq.heappop(self.undo)[2]
        self.guarded(action)
        return True

    def undo_all(self):
        while not self.over.wait(0.005):
            while self.undo_due(time.monotonic()):
                pass

    def run(self):
        for fault in self.plan:
            if self.stopping.wait(max(0, self.began + fault.at - time.monotonic())):
                return
            self.guarded(lambda f=fault: self.one(f))

    def one(self, fault):
        at = time.monotonic()
        with getattr(self.world, "lock", contextlib.nullcontext()):
            did = faults.FAULTS[fault.name](self, fault)
        if did is None:
            self.skipped[fault.name] = self.skipped.get(fault.name, 0) + 1
            return
        self.events.append({"at": round(at - self.began, 3), "fault": fault.name, "did": did})

    def finish(self):
        """Waits for what is under way, and undoes what is left."""
        for thread in self.busy.values():
            thread.join(60)
        if not self.asker.join():
            self.errors.append("a request of the faults' own was never answered")
        self.over.set()
        self.undoer.join(60)
        while self.undo_due(float("inf")):
            pass

    def counts(self):
        found = {}
        for event in self.events:
            found[event["fault"]] = found.get(event["fault"], 0) + 1
        return found
