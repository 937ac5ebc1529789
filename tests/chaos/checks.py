# SPDX-License-Identifier: Apache-2.0
"""checks.py - the invariants: while faults come, and when they have stopped.

Each returns sentences about what is wrong; an empty list is a check that held. Judge counts them.
"""
import threading
import time
from collections import Counter

import paths  # pylint: disable=unused-import
import leftovers
from client import poll
from ledger import ENDED
from world import NAME, wait_wanted

ENDS_NS = 60_000_000      # between a death and its notice by those who send to the dead
SETTLE_S = 15.0
OUTCOMES_NEVER = ("unexplained", "wrong", "malformed", "refused", "connect", "hang", "unsent")
# What a fault may do to a request that it meets: statuses with reasons (None: any), or an end of
# its connection. Whatever is not here must not happen.
MAY = {
    "kill-function": {(502, "function-died")},
    "exhaust-memory": {(502, "function-died"), (500, "function-failed"), (502, "function-failed"),
                       (503, "function-failed")},
    # Behind those that a function keeps others of its own wait.
    "exhaust-buffers": {(503, None), (504, "deadline")},
    "flood-requests": {(503, None)},
    "stop-function": {(503, None)},
    "slow-function": {(503, None)},
    "hog": {(503, None)},
    "exhaust-fds": {(503, None)},
    "overload": {(503, None)},
}
ENDS = {"kill-gateway", "exhaust-fds"}
# The same, of requests that come by the front, which answers for a gateway that is gone.
FRONT_MAY = {
    "kill-gateway": {(502, "chain-cut-off"), (503, "chain-unavailable")},
    "exhaust-fds": {(502, "chain-cut-off"), (503, "chain-unavailable")},
    "kill-daemon": {(503, "chain-unavailable")},
}
FRONT_ENDS = {"kill-front"}
# What a chain counts of the requests that it took in; each request is in one of them.
ENDINGS = ("answered", "failed", "timed_out", "lost", "bad_buffer", "abandoned", "in_flight",
           "circuit_open", "shed_inside")


def buffers_add_up(status):
    b = status["buffers"]
    found = []
    if b["free"] + b["gateway"] + b["functions"] != b["total"]:
        found.append(f"free + gateway + functions is not {b['total']}: {b}")
    if b.get("stray", 0):
        found.append(f"{b['stray']} buffers have a holder that is not there: {b}")
    return found


def counters_add_up(status):
    g = status["gateway"]
    # A message is nobody's request.
    total = sum(g.get(name, 0) for name in ENDINGS) - g.get("messages_lost", 0)
    if total != g["requests"]:
        return [f"{g['requests']} requests, but {total} endings: "
                + ", ".join(f"{n} {g[n]}" for n in ENDINGS if n in g)]
    return []


def requests_answered(ledger, faults, moments, front=False):
    """Every request has one answer, in time, that a fault of the run explains; `front`: they came
    by it."""
    sums, found = ledger.sums, []
    outcomes = sums["outcomes"]
    found += [f"{outcomes[o]} requests: {o}" for o in OUTCOMES_NEVER if outcomes[o]]
    if sums["late"]:
        found.append(f"{sums['late']} answers after the deadline + 100 ms, one by "
                     f"{sums['late_max_ms']} ms")
    if sums["extra"]:
        found.append(f"{sums['extra']} connections had more bytes than one answer each")
    if sum(outcomes.values()) != sums["requests"]:
        found.append(f"{sums['requests']} requests, but {outcomes}")
    may = set().union(*(MAY.get(f, set()) for f in faults),
                      *(FRONT_MAY.get(f, set()) for f in faults if front))
    ends = bool((FRONT_ENDS if front else ENDS) & set(faults))
    strange = Counter()
    for r in ledger.records():
        if r.outcome == "problem" and not {(r.status, r.reason), (r.status, None)} & may:
            strange[f"{r.status} {r.reason}"] += 1
        elif r.outcome in ENDED and not ends:
            strange[r.outcome] += 1
    found += [f"{n} answers that no fault explains: {what}" for what, n in strange.items()]
    return found + ([] if front else deaths_explain(ledger, faults, moments))


def deaths_explain(ledger, faults, moments):
    """Who is told that a function died, or nothing at all, was inside when something died."""
    if set(faults) & {"exhaust-memory", "exhaust-fds"}:
        return []
    killed = {"function-died": sorted(moments.get("kill-function", ())),
              "ended": sorted(moments.get("kill-gateway", ()))}
    strange = Counter()
    for r in ledger.records():
        what = "function-died" if r.reason == "function-died" else \
            "ended" if r.outcome in ENDED or r.reason == "chain-cut-off" else None
        if what and not any(r.due - ENDS_NS <= m + ENDS_NS and m <= r.done
                            and (not r.sent or r.sent <= m + ENDS_NS) for m in killed[what]):
            strange[what] += 1
    return [f"{n} requests {what}, but were not inside when one was killed"
            for what, n in strange.items()]


def client_agrees(ledger, before, after, injector):
    """The chain counted what the client saw; where nobody else asked, and no count died."""
    if set(injector.counts()) - {"kill-function", "kill-daemon", "stop-function", "stop-gateway",
                                 "stop-daemon", "hog", "change", "flood-connections"}:
        return []
    risen = {n: after["gateway"][n] - before["gateway"][n] for n in before["gateway"]
             if isinstance(before["gateway"][n], int)}
    outcomes, reasons = ledger.sums["outcomes"], ledger.sums["reasons"]
    pairs = (("answered", outcomes["ok"]), ("lost", reasons.get("function-died", 0)),
             ("timed_out", reasons.get("deadline", 0) + reasons.get("no-instance", 0)),
             ("abandoned", 0))
    return [f"the client saw {seen} {name}, the chain counted {risen[name]}"
            for name, seen in pairs if risen[name] != seen]


class Judge:
    """All checks of a run, counted, with what failed."""

    def __init__(self):
        self.checks, self.failures = Counter(), []
        self.lock = threading.Lock()

    def check(self, name, found):
        with self.lock:
            self.checks[name] += 1
            self.failures += [f"{name}: {text}" for text in found]
        return not found

    def expect(self, name, condition, text):
        return self.check(name, [] if condition else [text])


class Watch:
    """Looks at the chain again and again while the faults come."""

    PAUSE_S = 0.1

    def __init__(self, world, judge):
        self.world, self.judge, self.samples = world, judge, []
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.thread.join(20)

    def run(self):
        while not self.stopping.wait(self.PAUSE_S):
            status = self.world.status(timeout=3)
            if not status:
                continue
            self.judge.check("buffers add up", buffers_add_up(status))
            if not self.samples or time.monotonic() - self.samples[-1][0] >= 1:
                self.samples.append((time.monotonic(), self.sizes(status)))
            with getattr(self.world, "lock"):
                self.world.footprint_look()

    def sizes(self, status):
        """Resident KiB by what it is of; those that are replaced count as the same."""
        found = {"gateway": rss_kib(status["gateway"]["pid"])}
        if hasattr(self.world, "daemon"):
            found["daemon"] = rss_kib(self.world.daemon.process.pid)
        # Of each: changes have one instance or two of a function.
        each = [rss_kib(i["pid"]) for f in status["functions"] for i in f["instances"]]
        if each:
            found["functions"] = sum(each) / len(each)
        return found


def rss_kib(pid):
    for line in leftovers.read(f"/proc/{pid}/status").decode().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return 0


def whole(status):
    return (status["gateway"]["in_flight"] == 0 and status["buffers"]["gateway"] == 0 and
            status["buffers"]["free"] + status["gateway"]["leased"] == status["buffers"]["total"])


def settled(world, judge, chain=NAME):
    """When the faults have stopped: all is as it should be, after some time. The status."""
    try:
        wait_wanted(world, chain, SETTLE_S)
        judge.expect("instances = wanted", True, "")
    except AssertionError as e:
        judge.expect("instances = wanted", False, f"{e}: {world.last(chain)}")
        return None
    try:
        status = poll("whole", lambda: (s := world.status(chain)) and whole(s) and s, SETTLE_S,
                      pause=0.05)
    except AssertionError:
        status = world.last(chain)
        judge.expect("every buffer is back", False, f"{status['buffers']}, {status['gateway']}")
        return status
    judge.expect("every buffer is back", True, "")
    judge.check("buffers add up", buffers_add_up(status))
    judge.check("counters add up", counters_add_up(status))
    return status


def as_before(world, judge):
    """Nothing has become more: fds, threads, processes, BPF objects."""
    before, now = world.settled_first, {}
    kept = kept_by_front(before)

    def same():
        now.update(world.holdings())
        kept_away = kept_by_front(now) - kept
        for name in FRONT_ENDS_OF if kept_away > 0 else ():
            now[name]["socket:[N]"] -= kept_away
        return now == before
    try:
        poll("as before", same, SETTLE_S, pause=0.05)
    except AssertionError:
        pass
    judge.check("nothing leaked", [
        f"{what}: {less(before[what], now.get(what))} became {less(now.get(what), before[what])}"
        for what in before if now.get(what) != before[what]])


# The front keeps connections to a gateway for the next requests.
FRONT_ENDS_OF = ("fds of gateway", "fds of front")


def kept_by_front(holdings):
    return holdings.get("fds of front", {}).get("socket:[N]", 0)


def less(one, other):
    """Of two counts by name: what the one has and the other has not."""
    if not isinstance(one, dict) or not isinstance(other, dict):
        return one
    return {k: v for k, v in one.items() if other.get(k) != v}
