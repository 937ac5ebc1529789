# SPDX-License-Identifier: Apache-2.0
"""load.py - put load on servers with sprocket-bench, and take figures from what it tells.

For: bench/figures and front.py.
How: sprocket-bench starts what has a name, verifies every answer, and writes its result as JSON
(bench/result.h); here it is only run and read. One failed request makes the load an Error,
unless the caller says that this target may fail. Rate and latency of a run that sprocket-bench
itself calls not valid (the client was the bottleneck) are left out; of too few rounds there is no
figure. check() compares answers by another client, byte for byte.
Thread-safety: none needed.
"""
import http.client
import json
import os
import signal
import subprocess
import urllib.parse

from process import Error

BODY = "a body of 128 bytes, as small as an event or a sensor reading is; " \
       "posted over and over again".ljust(128, ".")
assert len(BODY) == 128
CHECKS = 20
STOP_S = 60
ROUNDS_LEAST = 3


def check(label, url, expected, times=CHECKS):
    """The server answers `expected` to BODY, so many times on one connection."""
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=10)
    try:
        for _ in range(times):
            connection.request("POST", parts.path or "/", BODY, {"Content-Type": "text/plain"})
            response = connection.getresponse()
            answer = response.read()
            if response.status != 200 or answer != expected:
                raise Error(f"{label}: wrong answer: {response.status} {answer[:200]!r}, "
                            f"expected 200 {expected[:200]!r}")
    except (OSError, http.client.HTTPException) as error:
        raise Error(f"{label}: {url}: {error!r}") from error
    finally:
        connection.close()


# ---- sprocket-bench ----

def command(plan, what, *targets, **options):
    """Its command line: connections=64 is --connections 64, closed=True is --closed."""
    words = [plan.program("sprocket-bench"), what, *targets, "--json", "-"]
    options.setdefault("client_cpu", plan.client_cpu)
    for key, value in options.items():
        if value is not None and value is not False:
            words.append("--" + key.replace("_", "-"))
            words += [] if value is True else [str(value)]
    return words


def environment(plan):
    return {**os.environ, "SPROCKET_BUILD": os.path.abspath(plan.build)}


def bench(plan, what, *targets, may_fail=(), **options):
    """What a command of sprocket-bench came to. Of those in `may_fail` requests may."""
    options.setdefault("quiet", True)
    child = subprocess.Popen(command(plan, what, *targets, **options), text=True,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                             env=environment(plan))
    try:
        out, said = child.communicate()
    except BaseException:  # what it has started is its to stop
        child.send_signal(signal.SIGINT)
        child.communicate(timeout=STOP_S)
        raise
    label = f"sprocket-bench {what} {' '.join(targets)}"
    if child.returncode not in (0, 1) or not out:
        said = " / ".join(said.strip().splitlines()[-3:])
        raise Error(f"{label}: status {child.returncode}: {said[-400:]}")
    document = json.loads(out)
    for run in document["runs"]:
        if run["error_count"] and run["target"] not in may_fail:
            failed = ", ".join(f"{q['failed']} of {q['method']} {q['path']}"
                               for q in run.get("requests", []) if q["failed"])
            raise Error(f"{label}: {run['target']}: {run['answered']} answers and errors "
                        f"{run['errors']} {failed}")
    return document


# What is taken from a run; None where it does not tell.

def per_request(run, key="cpu_us"):
    """What the server's processes used for each request: a key of usage, of all together."""
    return sum(part.get(key, 0) for part in run["usage"].values()) if run.get("usage") else None


def percentile(name):
    return lambda run: run["latency"].get(f"{name}_us") if run["valid"] else None


def rate(run):
    return run["achieved"] if run["valid"] else None


def carried(run):
    """As rate, of servers on one CPU. When the client was too slow for one of them: what its CPU
    would have carried at that much CPU time per request, which is more than was reached."""
    if run["valid"] or not per_request(run):
        return rate(run)
    return max(run["achieved"], 1e6 / per_request(run))


def switches(run):
    waits = per_request(run, "switches_voluntary")
    return None if waits is None else waits + per_request(run, "switches_involuntary")


class Turns:
    """Runs of targets that took turns, {target: [run of each round]}."""

    def __init__(self, runs):
        self.runs = runs

    def of(self, target, value):
        """Of each round that tells; none when too few of them do."""
        return _enough([value(run) for run in self.runs[target]])

    def pairs(self, form, target, base, value):
        """form(target's value, base's) of each round."""
        pairs = [(value(a), value(b)) for a, b in zip(self.runs[target], self.runs[base])]
        return _enough([None if None in pair else form(*pair) for pair in pairs])

    def ratio(self, target, base, value):
        return self.pairs(lambda a, b: a / b if b else None, target, base, value)


def _enough(values):
    known = [value for value in values if value is not None]
    return known if len(known) >= min(len(values), ROUNDS_LEAST) else []


def compare(plan, *targets, **options):
    """sprocket-bench compare: all are up, on the servers' CPU, and take turns."""
    settings = {"server_cpu": plan.server_cpu, "rounds": plan.turns, "duration": f"{plan.turn_s}s",
                "warmup": f"{plan.turn_warm_s}s"} | options
    document = bench(plan, "compare", *targets, **settings)
    runs = {target: [] for target in targets}
    for run in document["runs"]:
        runs[run["target"]].append(run)
    return Turns(runs)


def alternate(plan, ways, **common):
    """The same for ways that differ in more than the target, and for one alone: {name: (target,
    options)}. In each round each is started, has its turn, and is stopped."""
    settings = {"server_cpu": plan.server_cpu, "duration": f"{plan.turn_s}s",
                "warmup": f"{plan.turn_warm_s}s"} | common
    runs = {name: [] for name in ways}
    for _ in range(plan.turns):
        for name, (target, options) in ways.items():
            runs[name] += bench(plan, "run", target, **settings | options)["runs"]
    return Turns(runs)


def run(plan, label, url, pid=None, **options):
    """A closed loop on a server that runs already: POST 128 B on 64 connections, unless told."""
    settings = {"connections": 64, "duration": f"{plan.load_s}s", "warmup": f"{plan.turn_warm_s}s"}
    if "mix" not in options:
        settings |= {"body": 128, "verify": "echo"}
    got = bench(plan, "run", url, closed=True, pid=pid, **settings | options)["runs"][0]
    if not got["valid"]:
        raise Error(f"{label}: not valid: {got['invalid']}")
    return got
