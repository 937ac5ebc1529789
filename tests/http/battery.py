# SPDX-License-Identifier: Apache-2.0
"""battery.py - runs batteries of protocol cases against a server and says how it did.

A case is a Case(); a battery is a module cases_*.py beside this file with a list CASES. See
README.md for how to write one. Nothing here knows HTTP: a case brings its own bytes.
"""
import importlib.util
import socket
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable

HERE = Path(__file__).resolve().parent
PASS, WARN, FAIL = "pass", "warn", "fail"
ANSWER_S = 5.0    # within which a server answers, or closes, when it has to
SILENCE_S = 0.15  # after which a server that need not answer is taken to wait


class Fail(Exception):
    """The server broke a MUST of the clause, or let a request through that nobody sent."""


class Warn(Exception):
    """The server did not do what the clause says it SHOULD."""


@dataclass
class Case:
    id: str      # unique, a word or more joined by "-"
    family: str  # a row of the table: "request line", "smuggling CL.TE"
    clause: str  # "RFC 9112, 6.3"
    run: Callable  # run(target): returns when all is well, raises Fail or Warn
    protocol: str = "h1"  # "h1" or "h2": which of the target's addresses it wants


@dataclass
class Target:
    """A server that runs. `seen` is what the function, or the server's upstream, got."""
    name: str
    h1: tuple         # (host, port) for HTTP/1.1
    h2: tuple = None  # (host, port) for HTTP/2 by prior knowledge; None: it has none
    seen: Callable = None  # seen() -> ["METHOD PATH", ...] since the start; None: unknown
    about: dict = field(default_factory=dict)

    def address(self, protocol):
        return self.h1 if protocol == "h1" else self.h2

    def connect(self, protocol="h1", timeout=ANSWER_S):
        sock = socket.create_connection(self.address(protocol), timeout)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock


@dataclass
class Result:
    case: Case
    verdict: str
    why: str
    seconds: float


def load(names=()):
    """The cases of all modules cases_*.py, or of those named (without .py)."""
    cases = []
    for path in sorted(HERE.glob("cases_*.py")):
        if names and path.stem not in names:
            continue
        spec = importlib.util.spec_from_file_location(path.stem, path)
        module = importlib.util.module_from_spec(spec)
        sys.modules[path.stem] = module
        spec.loader.exec_module(module)
        cases += module.CASES
    twice = [i for i, n in Counter(c.id for c in cases).items() if n > 1]
    if twice:
        raise ValueError(f"ids used twice: {', '.join(twice)}")
    return cases


def run_case(case, target):
    began = time.monotonic()
    try:
        case.run(target)
        verdict, why = PASS, ""
    except Warn as e:
        verdict, why = WARN, str(e)
    except Fail as e:
        verdict, why = FAIL, str(e)
    except (OSError, EOFError) as e:  # the connection ended where an answer was due
        verdict, why = FAIL, f"{type(e).__name__}: {e}"
    return Result(case, verdict, why, time.monotonic() - began)


def run(cases, target):
    """Results of all cases that the target has an address for."""
    return [run_case(c, target) for c in cases if target.address(c.protocol)]


def count(results):
    verdicts = Counter(r.verdict for r in results)
    return tuple(verdicts[v] for v in (PASS, WARN, FAIL))


def table(by_target):
    """Text: a line per family, a column per target, pass/warn/fail in each."""
    families = list(dict.fromkeys(r.case.family for rs in by_target.values() for r in rs))
    rows = [["family", *by_target]]
    for family in [*families, None]:
        row = [family or "all"]
        for results in by_target.values():
            mine = [r for r in results if family in (None, r.case.family)]
            row.append("/".join(map(str, count(mine))) if mine else "-")
        rows.append(row)
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(w) if i == 0 else cell.rjust(w)
                       for i, (cell, w) in enumerate(zip(row, widths))) for row in rows]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:-1], "-" * len(lines[0]), lines[-1]])
