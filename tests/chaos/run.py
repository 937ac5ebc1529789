# SPDX-License-Identifier: Apache-2.0
"""run.py - one run of a scenario, from the first process to the last look for what is left."""
import contextlib
import subprocess
import tempfile
import threading
from pathlib import Path

import checks
import report
import timeline
from injector import Injector
from ledger import Ledger, recoveries
from schedule import schedule
from world import (BUILD, DEADLINE_MS, NAME, SANITIZER_MS, RunWorld, World, chain_text, hostile_text,
                   sanitized)

STATE_KIB = 512
FRONT_SHARE = 10  # of the rate, by the front


class Run:
    """One run of a scenario."""

    asks_alone = True  # the load is all that the chain is asked

    def __init__(self, scenario, seed, seconds, rate, every, build=BUILD, env=()):
        self.scenario, self.seed, self.seconds, self.rate = scenario, seed, seconds, rate
        self.every, self.build, self.env = every, build, env
        self.judge, self.figures, self.changes_made = checks.Judge(), {}, 0
        self.over = threading.Event()
        self.plan = schedule(seed, seconds, every)

    def text(self, **words):
        return chain_text(**self.scenario.chain | words)

    def ledger(self, port, rate, seconds, salt=0, **more):
        s = self.scenario
        return Ledger(self.build, port, **{
            "rate": rate, "seconds": seconds, "close": s.close,
            "deadline_ms": DEADLINE_MS + (SANITIZER_MS if sanitized(self.build) else 0),
            "seed": self.seed + salt, "connections": s.connections, "kinds": s.kinds,
            "env": self.env} | more)

    def go(self):
        with State() as state:
            try:
                with self.world_of(state) as self.world:
                    self.loaded()
            except AssertionError as e:
                # The end of the world looks for what is left behind.
                self.judge.expect("nothing is left behind", False, str(e)[:2000])
            else:
                self.judge.expect("nothing is left behind", True, "")
        return self.report()

    def world_of(self, state):
        if self.scenario.command:
            return RunWorld(self.text(), self.build, self.env)
        texts = {NAME: self.text()} | ({"hostile": hostile_text()} if self.scenario.hostile else {})
        return World(texts, self.build, self.scenario.front, state=state, env=self.env)

    def loaded(self):
        self.before = self.world.status()
        with self.ledger(self.world.port, self.rate, self.seconds) as self.load, \
                self.by_front() as self.front_load, checks.Watch(self.world, self.judge) as self.watch, \
                Injector(self.world, self.plan, self.text) as self.injector:
            if self.scenario.beside:
                self.injector.aside("beside", lambda: self.scenario.beside(self))
            loads = [self.load] + ([self.front_load] if self.scenario.front else [])
            for load in loads:
                load.wait()
            self.over.set()
            self.injector.__exit__()
            self.ended()
            self.sums = report.build(self.scenario.name, self.seed, self.seconds, self.injector,
                                     loads, self.judge, self.figures)
            if self.judge.failures:
                self.sums["timeline"] = timeline.rows(self.load.records(), self.injector.events)
                self.sums["log"] = self.world.report().splitlines()
                self.sums["memory, KiB"] = self.watch.samples

    def by_front(self):
        if not self.scenario.front:
            return contextlib.nullcontext()
        return self.ledger(self.world.front_port(), self.rate / FRONT_SHARE, self.seconds, 1,
                           connections=8, kinds=("1 echo /",))

    def ended(self):
        """The faults have stopped; all requests have ended."""
        judge, names = self.judge, set(self.injector.counts()) | set(self.scenario.extra)
        if "change" in names or self.scenario.beside or names & {"exhaust-disk",
                                                                  "exhaust-hugepages"}:
            again = self.world.apply(NAME, self.text())
            judge.expect("it may be changed again", again and again["http"] in (200, 201),
                         str(again))
        after = checks.settled(self.world, judge)
        if "hostile" in self.world.texts:
            checks.settled(self.world, judge, "hostile")
        judge.check("one answer each", checks.requests_answered(
            self.load, names, self.injector.moments))
        if self.scenario.front:
            judge.check("one answer each by the front", checks.requests_answered(
                self.front_load, names, self.injector.moments, front=True))
        if after and self.asks_alone and not self.scenario.front:
            judge.check("client and chain agree", checks.client_agrees(
                self.load, self.before, after, self.injector))
            if not self.scenario.hostile:
                bad = {k: v for k, v in after["kernel"]["violations"].items() if v}
                judge.expect("nobody broke a rule", not bad, str(bad))
        checks.as_before(self.world, judge)
        judge.check("no sanitizer complains", self.world.complaints())
        judge.check("the faults' own requests", self.injector.errors)
        self.recovery(names)
        for more in self.scenario.judges:
            more(self)

    def recovery(self, names):
        for name in sorted(n for n in names if n.startswith("kill-")):
            if moments := self.injector.moments.get(name):
                self.figures[f"after {name}, ms"] = report.spread(
                    recoveries(self.load.records(), moments))

    def report(self):
        found = getattr(self, "sums", None)
        if not found:
            return {"scenario": self.scenario.name, "seed": self.seed, "passed": False,
                    "failures": self.judge.failures, "seconds": self.seconds}
        found["checks"], found["failures"] = dict(self.judge.checks), self.judge.failures
        found["passed"] = not self.judge.failures
        return found


class State:
    """A folder for what the daemon declares, on a disk so small that it can be filled."""

    def __enter__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="sprocket-e2e-chaos-"))
        self.mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={STATE_KIB}k",
                                       "chaos", self.folder], check=False).returncode == 0
        return self.folder

    def __exit__(self, *_):
        if self.mounted:
            subprocess.run(["umount", "-l", self.folder], check=False)
        self.folder.rmdir()
