# SPDX-License-Identifier: Apache-2.0
"""ledger.py - runs chaos-client, and knows of every request what became of it.

    with Ledger(build, port, rate=5000, seconds=8, deadline_ms=2000, seed=1) as ledger: ...
    ledger.sums["outcomes"]["ok"]; ledger.records()

Times are of CLOCK_MONOTONIC in ns, as time.monotonic_ns().
"""
import json
import os
import struct
import subprocess
import tempfile

RECORD = struct.Struct("=QQQHBBBBH")  # struct record of client.h
OUTCOMES = ("ok", "problem", "unexplained", "wrong", "malformed", "refused", "connect", "closed",
            "closed_reused", "cut", "hang", "unsent")
# The connection ended and no answer came: the gateway that had the request is gone.
ENDED = ("closed", "closed_reused", "cut")
ECHO = "1 echo /"


class Record:
    __slots__ = ("due", "sent", "done", "status", "outcome", "reason", "kind", "late")

    def __init__(self, fields, reasons):
        self.due, self.sent, self.done, self.status, outcome, reason, self.kind, late, _ = fields
        self.outcome = OUTCOMES[outcome]
        self.reason = reasons[reason] if self.outcome == "problem" else ""
        self.late = bool(late)

    def __repr__(self):
        took = (self.done - self.sent) / 1e6 if self.sent else 0
        return f"<{self.outcome} {self.status} {self.reason} {took:.1f} ms, kind {self.kind}>"


class Ledger:
    def __init__(self, build, port, *, rate, seconds, deadline_ms, seed, connections=64,
                 kinds=(ECHO,), close=False, env=()):
        self.log = tempfile.NamedTemporaryFile(prefix="sprocket-e2e-chaos-")
        self.sums = None
        self.process = subprocess.Popen(
            [str(build / "tests/chaos/chaos-client"), str(port), str(rate), str(seconds),
             str(connections), str(deadline_ms), str(seed), self.log.name,
             "close" if close else "keep", *kinds],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, **dict(env)})
        self.seconds, self.deadline_ms = seconds, deadline_ms

    def wait(self):
        out, err = self.process.communicate(timeout=self.seconds + self.deadline_ms / 1000 + 30)
        if self.process.returncode != 0:
            raise AssertionError(f"the client ended with {self.process.returncode}: {err}")
        self.sums = json.loads(out)
        return self.sums

    def running(self):
        return self.process.poll() is None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.running():
            self.process.kill()
            self.process.communicate()
        self.log.close()

    def records(self):
        """All requests, in the order in which they ended."""
        reasons = list(self.sums["reasons"])
        with open(self.log.name, "rb") as file:
            while block := file.read(RECORD.size * 4096):
                for fields in RECORD.iter_unpack(block):
                    yield Record(fields, reasons)


def percentile(values, share):
    """The value that `share` of them do not exceed; None of none."""
    values = sorted(values)
    if not values:
        return None
    return values[min(len(values) - 1, max(0, -int(-share * len(values) // 1) - 1))]


def recoveries(records, moments):
    """For each moment (ns) the time until a request that was sent after it was answered
    rightly, in ms; of a moment that none followed, nothing."""
    good = sorted((r.sent, r.done) for r in records if r.outcome == "ok")
    best, found, at = None, [], len(good)
    for moment in sorted(moments, reverse=True):
        while at > 0 and good[at - 1][0] >= moment:
            at -= 1
            best = good[at][1] if best is None else min(best, good[at][1])
        if best is not None:
            found.append((best - moment) / 1e6)
    return found
