# SPDX-License-Identifier: Apache-2.0
"""alone.py - figures of chains by themselves: at their fastest, at rest, in memory; and those of
the load generator.

For: bench/figures, sections h2c, close, idle100, memory, generator.
How: sprocket-bench starts the chains; servers have a CPU and the client the other, unless it is
said that they share both. In idle100 chains run under sprocketd, as in live.py.
Thread-safety: none needed.
"""
import os
import statistics

import live
import load
import process
from load import carried, per_request, percentile, rate
from process import Error

HOPS = 7  # of a chain of 6: in, five between, and back
H2 = {"http": 2, "connections": 8, "streams": 16}
IDLE_FUNCTIONS = 3
IDLE = """apiVersion: sprocket.dev/v1alpha1
kind: Chain
metadata: {{name: idle-{number}}}
spec:
  ingress:
  - http: {{path: /idle-{number}, maxBody: 2Ki}}
  pool: {{memory: 8Mi, bufferSizes: [2Ki]}}
  functions:
{functions}
  steps: [{steps}]
"""
# SPRIGHT's own artifact on this kind of machine, which closes each connection: functions ->
# (req/s at 64 connections, what we promise of it, the p50 at one that we promise, us).
ARTIFACT = {1: (14_400, 1.4, 66), 3: (13_200, 1.6, 95), 6: (10_500, 2.0, 115)}
ARTIFACT_SHOP = 6_917
GENERATOR_RATE = 100_000
LAG_RATE = 10_000


def shared(plan):
    """Servers and client on the same two CPUs."""
    both = f"{plan.server_cpu},{plan.client_cpu}"
    return {"server_cpu": both, "client_cpu": both, "workers": 2}


# ---- h2c ----

def hops(run):
    return HOPS * rate(run) if run["valid"] else None


def measure_h2c(plan, report):
    on_both = shared(plan)
    ways = {"2 workers, client on both CPUs": ("chain-6", on_both),
            "1 worker, client on the other CPU": ("chain-6", {"workers": 1}),
            "bare, POST": ("bare", {}), "bare, GET": ("bare", {"method": "GET", "body": 0})}
    turns = load.alternate(plan, ways, closed=True, **H2)
    chains = [way for way, (target, _) in ways.items() if target == "chain-6"]
    best = max(chains, key=lambda way: statistics.median(turns.of(way, rate) or [0]))
    report.add("h2c", "chain of 6, checked descriptor-hops", turns.of(best, hops), "1/s",
               least=2_000_000,
               note=f"{HOPS} each request; {best}")
    for way in ways:
        label = way if way not in chains else f"chain of 6, {way}"
        report.add("h2c", label, turns.of(way, carried), "req/s")
    for way in chains:
        report.add("h2c", f"chain of 6, CPU, {way}", turns.of(way, per_request), "us/req")


# ---- close ----

def served(run):
    """From when the request was sent: the artifact's figures, by wrk, leave connecting out."""
    return run["service"].get("p50_us") if run["valid"] else None


def measure_close(plan, report):
    names = {functions: f"chain-{functions}" for functions in ARTIFACT}
    common = shared(plan) | {"closed": True, "http": "close"}
    many = load.compare(plan, *names.values(), "bare", connections=64, **common)
    one = load.compare(plan, *names.values(), connections=1, metric="p50", **common)
    for functions, (theirs, least, _) in ARTIFACT.items():
        ours = many.of(names[functions], rate)
        report.add("close", f"chain of {functions}, 64 conn. / {theirs:,} req/s",
                   [r / theirs for r in ours], "x", least=least)
    for functions, (_, _, most) in ARTIFACT.items():
        report.add("close", f"chain of {functions}, p50 at 1 conn.",
                   one.of(names[functions], served), "us", most=most)
    for name in names.values():
        report.add("close", f"{name}, p50 at 1 conn., connecting included",
                   one.of(name, percentile("p50")), "us")
    for name in (*names.values(), "bare"):
        report.add("close", f"{name}, 64 conn.", many.of(name, rate), "req/s")
        report.add("close", f"{name}, 64 conn., CPU", many.of(name, per_request), "us/req")
    report.add("close", "sprocket-bench, CPU of each of these requests",
               many.of("bare", lambda run: run["client"]["cpu_us"]), "us/req")
    ways = {"close": ("boutique", {"http": "close"}), "kept": ("boutique", {})}
    shop = load.alternate(plan, ways, page=1, closed=True, connections=64, **shared(plan))
    report.add("close", f"shop's home page, 64 conn. / {ARTIFACT_SHOP:,} req/s",
               [r / ARTIFACT_SHOP for r in shop.of("close", rate)], "x", least=3)
    report.add("close", "shop's home page, 64 conn.", shop.of("close", rate), "req/s")
    report.add("close", "shop's home page, 64 kept conn.", shop.of("kept", rate), "req/s")


# ---- idle100 ----

def write_chains(plan, folder):
    program = os.path.abspath(plan.example("chain-n", "pass"))
    names = [f"f{i}" for i in range(1, IDLE_FUNCTIONS + 1)]
    functions = "\n".join(f'  - {{name: {name}, exec: "{program}"}}' for name in names)
    for number in range(plan.idle_chains):
        (folder / f"{number}.yaml").write_text(
            IDLE.format(number=number, functions=functions, steps=", ".join(names)))


def measure_idle100(plan, report):
    with live.harness(plan).Daemon() as daemon:
        folder = daemon.folder / "all"
        folder.mkdir()
        write_chains(plan, folder)
        daemon.cli("apply", "-f", folder, check=True, seconds=240)
        if len(live.serving(daemon)) != plan.idle_chains:
            raise Error(f"{len(live.serving(daemon))} of {plan.idle_chains} chains serve")
        for number in range(plan.idle_chains):  # warm: each has had a request
            answer = daemon.request(f"idle-{number}", path=f"/idle-{number}", body=b"warm")
            if (answer.status, answer.body) != (200, b"warm"):
                raise Error(f"idle-{number}: {answer}")
        live.measure_idle(plan, report, daemon, "idle100", plan.idle_chains, "idle-0", "/idle-0")


# ---- memory ----

def proportional(server):
    """Resident MB beyond the pool, what several processes share divided among them."""
    return sum(process.rss_beyond_pool_kib(pid, field="Pss")[0]
               for pid in server.pids()) * 1024 / 1e6


def measure_memory(plan, report):
    by_part, shares = {}, []
    for _ in range(plan.turns):
        with plan.sprocket(6) as server:
            run = load.run(plan, server.label, server.ready, server.pid)
            shares.append(proportional(server))
        for part, usage in run["usage"].items():
            by_part.setdefault(part, []).append(usage["rss_bytes"] / 1e6)
    chain = [samples for part, samples in by_part.items() if part != "controller"]
    report.add("memory", "chain of 6, resident beyond its pool, after load",
               [sum(parts) for parts in zip(*chain)], "MB", most=30,
               note="gateway and six functions; code that they share counts for each")
    for part, samples in by_part.items():
        of = "  `sprocket run` beside it" if part == "controller" else f"  of which {part}"
        report.add("memory", of, samples, "MB")
    report.add("memory", "  all of these, shared code divided among who uses it", shares, "MB")


# ---- generator ----

def share_answered(run):
    return run["answered"] / run["due"]


def reached(run):
    """Its rate even if the client was the bottleneck: that is the question here."""
    return run["achieved"]


def lag(run):
    return run["lag"]["p99_us"]


def measure_generator(plan, report):
    ways = {"closed": ("bare", H2 | {"closed": True}),
            "open": ("bare", H2 | {"rate": GENERATOR_RATE, "arrivals": "constant"}),
            "lag": ("bare", {"rate": LAG_RATE, "arrivals": "poisson"})}
    turns = load.alternate(plan, ways)
    report.add("generator", "sprocket-bench on one CPU, bare by h2c", turns.of("closed", reached),
               "req/s", least=GENERATOR_RATE)
    report.add("generator", f"of {GENERATOR_RATE:,} req/s due, answered in time",
               turns.of("open", share_answered), "x", least=0.99)
    report.add("generator", f"send lag p99 at {LAG_RATE:,} req/s", turns.of("lag", lag), "us",
               most=50)
    report.add("generator", f"send lag p99 at {GENERATOR_RATE:,} req/s, h2c",
               turns.of("open", lag), "us")
    report.add("generator", "its own CPU, h2c",
               turns.of("closed", lambda run: run["client"]["cpu_us"]), "us/req")
