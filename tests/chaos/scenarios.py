# SPDX-License-Identifier: Apache-2.0
"""scenarios.py - what is loaded, which faults come how often, and what must be so in the end."""
import time
from dataclasses import dataclass, field

import phases
from run import Run
from world import NAME

PLAIN = ("20 echo /", "2 has / x-do: f2.call=one,1;f2.view", "1 has / x-do: f2.pid;f2.view")
RECOVERY_MS = 250
P99_FROM = 100  # deaths
CHANGES = 1000
SLOPE_FROM_S = 3600  # in 900 s a gateway that is replaced every 50 s seemed to grow by 1.6 MB/h


@dataclass
class Scenario:
    name: str
    about: str
    every: dict                    # fault -> seconds between two, in the long form
    short: dict = None             # the same in the short form
    seconds: float = 5             # of the short form
    long_seconds: float = 600
    rate: float = 5000
    connections: int = 64
    close: bool = False
    kinds: tuple = PLAIN
    hostile: bool = False
    front: bool = False
    command: bool = False          # `sprocket run`, without a daemon
    judges: tuple = ()             # (run) -> None, which ask run.judge
    beside: object = None          # (run) -> None, while the faults come
    extra: tuple = field(default=())  # names of what explains answers beside the faults
    chain: dict = field(default_factory=dict)  # of chain_text()
    kind: type = Run


# ---- what must be so besides ----

def recovers(run):
    found = run.figures.get("after kill-function, ms", {})
    # A few deaths have no p99: one of them that met others on the CPU would be it. Nine of ten
    # are to be in time all the same, and none may take much longer.
    which = "p99" if found and found["count"] >= P99_FROM else "p90"
    run.judge.expect("recovery", found and found[which] <= RECOVERY_MS
                     and found["max"] <= 4 * RECOVERY_MS,
                     f"not within {RECOVERY_MS} ms at {which}: {found}")


def gateway_recovers(run):
    found = run.figures.get("after kill-gateway, ms", {})
    run.judge.expect("recovery", found and found["max"] <= 4 * RECOVERY_MS,
                     f"not within {4 * RECOVERY_MS} ms: {found}")


def none_failed(run):
    outcomes = run.load.sums["outcomes"]
    run.judge.expect("no request failed", outcomes["ok"] == run.load.sums["requests"],
                     str(outcomes))


def many_changes(run):
    made = run.injector.changes["made"]
    wanted = CHANGES if run.seconds >= run.scenario.long_seconds else run.seconds
    run.judge.expect("changes were made", made >= wanted, f"{made} in {run.seconds} s")


def changes(run):
    """One change after the other until all are made or time is over: what a daemon that died
    did not say is asked again."""
    for n in range(CHANGES):
        answer = None
        while answer is None and not run.over.is_set():
            answer = run.world.apply(NAME, run.text(version=str(n)))
            if answer is None:
                run.injector.changes["cut off"] += 1
                time.sleep(0.01)
        if run.over.is_set():
            return
        made = answer["http"] in (200, 201)
        run.injector.changes["made" if made else "refused"] += 1
        if not made:
            run.injector.errors.append(f"change {n} was refused: {answer}")


def grows(run):
    """Resident memory by least squares, after the first twelfth: the start is no leak."""
    samples = run.watch.samples
    samples = [s for s in samples if s[0] - samples[0][0] > run.seconds / 12]
    for name in samples[0][1] if len(samples) > 2 else ():
        slope = phases.slope([(at, sizes[name]) for at, sizes in samples
                              if name in sizes]) * 3600 / 1024
        run.figures[f"growth of {name}"] = f"{slope:.2f} MB/h"
        if run.seconds >= SLOPE_FROM_S:
            run.judge.expect("memory is constant", slope < 1, f"{name}: {slope:.2f} MB/h")


ALL = {"kill-function": 1.0, "kill-gateway": 5.0, "kill-daemon": 7.0, "kill-front": 9.0,
       "kill-fdstore": 11.0, "stop-function": 2.0, "stop-gateway": 5.0, "stop-daemon": 6.0,
       "slow-function": 2.0, "hog": 5.0, "flood-connections": 3.0, "flood-requests": 4.0,
       "forge": 1.5, "exhaust-buffers": 7.0, "exhaust-fds": 8.0, "exhaust-memory": 6.0,
       "exhaust-hugepages": 10.0, "exhaust-disk": 8.0, "change": 3.0}

SCENARIOS = {s.name: s for s in (
    Scenario("functions", "kill -9 of a random function every 200 ms",
             {"kill-function!": 0.2}, seconds=4, judges=(recovers,)),
    Scenario("gateway", "kill -9 of the gateway every 5 s; each request on a connection of its own",
             {"kill-gateway!": 5.0}, {"kill-gateway!": 1.0}, seconds=3.5, rate=1000, close=True,
             judges=(gateway_recovers,)),
    Scenario("daemon", "kill -9 of the daemon every second, during 1,000 changes",
             {"kill-daemon!": 1.0}, seconds=3, rate=1000, beside=changes,
             judges=(none_failed, many_changes)),
    Scenario("idempotent", "as functions, but each may be asked again: nobody is to notice",
             {"kill-function!": 0.2}, seconds=3, kinds=("1 echo /",), chain={"idempotent": True},
             judges=(recovers, none_failed)),
    Scenario("overload", "ten times what the chain carries, then half of it", {}, seconds=4.5,
             long_seconds=300, connections=512, kinds=("1 echo / x-do: f2.sleep=1",),
             chain={"overload": {"maxInFlight": 64}}, extra=("overload",), kind=phases.Overload),
    Scenario("hostile", "a chain that attacks, and one beside it that must not notice",
             {"forge!": 0.15}, seconds=2.5, rate=2000, hostile=True, judges=(none_failed,),
             kind=phases.Neighbour),
    Scenario("run", "what one command has, without a daemon",
             {"kill-function": 0.5, "kill-gateway": 2.0, "stop-function": 2.0, "stop-gateway": 3.0,
              "slow-function": 2.0, "hog": 3.0, "flood-connections": 3.0, "flood-requests": 3.0,
              "exhaust-fds": 4.0, "exhaust-memory": 4.0},
             seconds=3, rate=2000, command=True),
    Scenario("mixed", "everything", ALL, {name: every / 3 for name, every in ALL.items()},
             rate=2000, hostile=True, front=True),
    Scenario("soak", "everything, more rarely, for an hour: nothing grows",
             {name: every * 10 for name, every in ALL.items()}, seconds=8, long_seconds=3600,
             rate=500, hostile=True, front=True, judges=(grows,)),
)}
