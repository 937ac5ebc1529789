# SPDX-License-Identifier: Apache-2.0
"""phases.py - runs that compare: what a chain carries, alone, and with ten times as much or a bad
neighbour."""
import checks
import report
from injector import Injector
from ledger import percentile
from run import Run

OVERLOAD = 10
PEAK_AT_ONCE = 32  # as many as wait in line while the peak is measured
SHED_MS = 5
NORMAL_S = 1.0
LONG_S = 60        # from here on figures are judged that a busy machine spoils


def slope(points):
    """Of a line through (x, y) by least squares."""
    n, sx, sy = len(points), sum(x for x, _ in points), sum(y for _, y in points)
    sxx, sxy = sum(x * x for x, _ in points), sum(x * y for x, y in points)
    below = n * sxx - sx * sx
    return (n * sxy - sx * sy) / below if below else 0.0


def latencies(records, outcome="ok", status=None):
    return [(r.done - r.sent) / 1e6 for r in records
            if r.outcome == outcome and status in (None, r.status)]


class Phased(Run):
    """Loads one after the other, each with a ledger of its own."""

    def phase(self, rate, seconds, salt, **more):
        with self.ledger(self.world.port, rate, seconds, salt, **more) as ledger:
            ledger.wait()
            ledger.kept = list(ledger.records())
            ledger.records = lambda: iter(ledger.kept)
            return ledger

    def told(self, ledgers):
        self.sums = report.build(self.scenario.name, self.seed, self.seconds, self.injector,
                                 ledgers, self.judge, self.figures)


class Overload(Phased):
    asks_alone = False

    def loaded(self):
        self.before = self.world.status()
        with checks.Watch(self.world, self.judge) as self.watch, \
                Injector(self.world, self.plan, self.text) as self.injector:
            third = self.seconds / 3
            # More than it can carry, but no more at once than it has room for.
            peak = self.phase(self.rate, third, 1, connections=PEAK_AT_ONCE)
            carried = self.rate_of(peak.kept)
            self.load = self.phase(carried * OVERLOAD, third, 2)
            after = self.phase(carried / 2, third, 3, connections=PEAK_AT_ONCE)
        self.judged(carried, after)
        self.ended()
        self.told([peak, self.load, after])

    def rate_of(self, records):
        good = sorted(r.done for r in records if r.outcome == "ok")
        return (len(good) - 1) * 1e9 / (good[-1] - good[0]) if len(good) > 1 else 1.0

    def judged(self, carried, after):
        goodput = self.rate_of(self.load.kept)
        shed = latencies(self.load.kept, "problem", 503)
        self.figures |= {"peak": f"{carried:.0f}/s", "asked": f"{carried * OVERLOAD:.0f}/s",
                         "goodput": f"{goodput / carried:.0%} of the peak",
                         "200 after, ms": report.spread(latencies(self.load.kept)),
                         "503 after, ms": report.spread(shed)}
        # Of short phases one may fall together with what neighbours do to the machine. There a
        # refusal is to be quicker than an answer, as those are that wait for nothing.
        long = self.seconds >= LONG_S
        self.judge.expect("goodput", goodput >= (0.9 if long else 0.6) * carried,
                          f"{goodput:.0f}/s")
        which, most = (0.99, SHED_MS) if long else (
            0.5, percentile(latencies(self.load.kept), 0.5) or 0)
        self.judge.expect("503 at once", shed and percentile(shed, which) <= most,
                          f"{report.spread(shed)}, at most {most:.1f}")
        began = min(r.due for r in after.kept if r.due)
        late = [r for r in after.kept if r.outcome != "ok" and r.due > began + NORMAL_S * 1e9]
        self.judge.expect("normal again", not late, f"{len(late)} after {NORMAL_S} s: {late[:3]}")


class Neighbour(Phased):
    """What the chain does alone, and then beside one that attacks."""

    def loaded(self):
        with Injector(self.world, [], self.text):
            alone = self.phase(self.rate, min(self.seconds / 3, 30), 1)
        super().loaded()
        quiet, beside = (percentile(latencies(found), 0.99)
                         for found in (alone.kept, self.records))
        self.figures["p99 alone"], self.figures["p99 beside"] = f"{quiet:.2f} ms", f"{beside:.2f} ms"
        if self.seconds >= LONG_S:
            self.judge.expect("p99 beside a bad neighbour", beside <= 1.5 * quiet,
                              f"{beside:.2f} ms, {quiet:.2f} alone")

    def ended(self):
        self.records = list(self.load.records())
        super().ended()
