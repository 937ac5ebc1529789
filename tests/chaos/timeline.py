# SPDX-License-Identifier: Apache-2.0
"""timeline.py - a run in rows of a tenth of a second: what was answered, what was done."""
from collections import Counter

STEP_NS = 100_000_000


def rows(records, events):
    """Text lines; `events` are the injector's, by seconds from its start."""
    records = sorted(records, key=lambda r: r.done)
    if not records:
        return []
    began = min(r.due for r in records if r.due)
    found = {}
    for r in records:
        what = r.outcome if r.outcome != "problem" else f"{r.status} {r.reason}"
        found.setdefault((r.done - began) // STEP_NS if r.done else -1, Counter())[what] += 1
    done = {}
    for event in events:
        done.setdefault(int(event["at"] * 1e9) // STEP_NS, []).append(
            f"{event['fault']} ({event['did']})")
    return [f"{step / 10:6.1f}  " + "  ".join(f"{k} {v}" for k, v in sorted(
        found.get(step, Counter()).items())) + "  | " * bool(step in done)
        + ", ".join(done.get(step, [])) for step in sorted(found.keys() | done.keys())]
