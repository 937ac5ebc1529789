# SPDX-License-Identifier: Apache-2.0
"""schedule.py - which fault comes when: a pure function of seed, length, rates and names.

A fault has a number of its own, from which everything about it is chosen (whom it hits, for how
long), so that the same seed asks for the same again. What is there to be hit depends on the run;
the choice is made among it in a fixed order.
"""
import random
from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    at: float    # seconds from the start
    name: str
    number: int  # of this fault alone, from the seed

    def random(self):
        return random.Random(self.number)


def schedule(seed, seconds, every):
    """`every`: {name: seconds between two, on average}. "kill-function!" with a mark comes
    exactly so often. Sorted by time; none comes in the last tenth, nor in the last second, so
    that the end can be judged."""
    faults = []
    end = seconds - min(max(seconds / 10, 0.5), 10.0)
    for name in sorted(every):
        period, exact = every[name], name.endswith("!")
        chosen = random.Random(f"{seed}/{name}")
        at = period if exact else chosen.expovariate(1 / period)
        while at < end:
            faults.append(Fault(round(at, 6), name.rstrip("!"), chosen.getrandbits(64)))
            at += period if exact else chosen.expovariate(1 / period)
    return sorted(faults, key=lambda f: (f.at, f.name))
