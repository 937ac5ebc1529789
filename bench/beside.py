# SPDX-License-Identifier: Apache-2.0
"""beside.py - the figures of a chain beside its peers, which do the same in other ways.

For: bench/figures, sections peers, one, bodies, tail.
How: sprocket-bench compare: all are up, share the servers' CPU, and take turns; ratios are formed
within a round. What each peer is: bench/baselines/README.md. Those that need what is not
installed are left out, and their rows say so.
Thread-safety: none needed.
"""
import os
import shutil
import tempfile

import load
from load import carried, per_request, percentile, rate, switches
from process import Error

SIX = "chain-6"
FURTHER = 5  # functions that a chain of 6 has more than one of 1
PLACES_OF_NGINX = "/usr/sbin:/usr/local/sbin:/usr/local/nginx/sbin"  # as http_nginx.c
NEEDS = {"http-6": "nginx", "sidecar-6": "nginx", "grpc-6": "gRPC for C++"}
FLOORS_64 = {"ring-6": 1.0, "bare": 0.75, "http-6": 8, "sidecar-6": 20, "grpc-6": 22}
FLOORS_BODIES = {"ring-6": 0.95, "http-6": 7, "sidecar-6": 18}
RATE_LOW = 1000
SPINS = ("20us", "100us")
SWEEP = "10k:160k:8"
TAIL_LEAST_S = 0.6  # so that the sidecars have answers enough for a p99
TAIL_WARMUP = "50ms"  # no longer: who does not keep up would first answer all that was due in it
QUEUE_TIMEOUT = "1s"  # who does not keep up is waited for so long at the end
SPINNING = """apiVersion: sprocket.dev/v1alpha1
kind: Chain
metadata: {{name: chain-6-spin}}
spec:
  ingress:
  - http: {{path: /, maxBody: 64Ki}}
  spin: {spin}
  pool: {{memory: 64Mi, bufferSizes: [2Ki, 64Ki]}}
  functions:
{functions}
  steps: [f1, f2, f3, f4, f5, f6]
"""


def is_there(plan, peer):
    if NEEDS.get(peer) == "nginx":
        return shutil.which("nginx", path=f"{os.environ['PATH']}:{PLACES_OF_NGINX}") is not None
    try:
        return peer not in NEEDS or bool(plan.program("peer-grpc"))
    except Error:
        return False


def present(plan, report, section, figure, peers):
    """Those of `peers` that can be run here; a row for each other one."""
    found = [peer for peer in peers if is_there(plan, peer)]
    for peer in peers:
        if peer not in found:
            report.skip(section, figure.format(peer=peer),
                        f"{NEEDS[peer]} is not installed: `make peers` installs it and builds the "
                        "peer")
    return found


# ---- peers ----

def report_hop(report, turns, connections, most):
    further = turns.pairs(lambda six, one: (six - one) / FURTHER, SIX, "chain-1", per_request)
    report.add("peers", f"each further hop, CPU at {connections} conn.", further, "us", most=most)


def measure_64(plan, report):
    figure = "chain of 6 / {peer}, req/s at 64 conn."
    peers = present(plan, report, "peers", figure, FLOORS_64)
    turns = load.compare(plan, SIX, "chain-1", *peers, closed=True, connections=64)
    for peer in peers:
        report.add("peers", figure.format(peer=peer), turns.ratio(SIX, peer, carried), "x",
                   least=FLOORS_64[peer])
    report.add("peers", "chain of 1 / bare, req/s at 64 conn.",
               turns.ratio("chain-1", "bare", carried), "x", least=0.85)
    report_hop(report, turns, 64, 0.4)
    report.add("peers", "chain of 6, context switches at 64 conn.", turns.of(SIX, switches),
               "per req", most=0.3)
    for peer in peers:
        report.add("peers", f"{peer} / chain of 6, CPU per request",
                   turns.ratio(peer, SIX, per_request), "x")
    for target in turns.runs:
        report.add("peers", f"{target}, 64 conn.", turns.of(target, rate), "req/s")
        report.add("peers", f"{target}, 64 conn., CPU", turns.of(target, per_request), "us/req")
    for part in ("gateway", "functions"):
        report.add("peers", f"{SIX}, CPU of its {part}",
                   turns.of(SIX, lambda run, part=part: run["usage"][part]["cpu_us"]), "us/req")


def measure_16(plan, report):
    turns = load.compare(plan, SIX, "chain-1", "ring-6", closed=True, connections=16)
    report.add("peers", "chain of 6 / ring-6, req/s at 16 conn.",
               turns.ratio(SIX, "ring-6", rate), "x", least=1.05)
    report_hop(report, turns, 16, 1.0)


def busy(run):
    """CPU of the servers, % of a core, under an open loop that was kept up with."""
    return per_request(run) * run["achieved"] / 1e4 if run["kept_up"] else None


def measure_poll(plan, report):
    """By itself: who polls takes the CPU from whoever else is there."""
    turns = load.alternate(plan, {"poll-6": ("poll-6", {})}, closed=True, connections=64)
    report.add("peers", "poll-6, 64 conn., alone on the CPU", turns.of("poll-6", rate), "req/s")
    ways = {name: (name, {}) for name in ("poll-6", SIX)}
    turns = load.alternate(plan, ways, rate=RATE_LOW, arrivals="constant")
    for name in ways:
        report.add("peers", f"{name} at {RATE_LOW:,} req/s, CPU", turns.of(name, busy),
                   "% of a core")


def measure_peers(plan, report):
    for part in (measure_64, measure_16, measure_poll):
        part(plan, report)


# ---- one ----

def spinning(plan, folder, spin):
    """A chain of 6 whose gateway looks for the next request for so long."""
    program = os.path.abspath(plan.example("chain-n", "pass"))
    path = os.path.join(folder, f"spin-{spin}.yaml")
    with open(path, "w") as file:
        file.write(SPINNING.format(spin=spin, functions="\n".join(
            f'  - {{name: f{i}, exec: "{program}"}}' for i in range(1, 7))))
    return path


def measure_one(plan, report):
    p50, figure = percentile("p50"), "{peer}, p50 at 1 conn."
    peers = present(plan, report, "one", figure, ["ring-6", "http-6", "sidecar-6"])
    with tempfile.TemporaryDirectory() as folder:
        spins = {spin: spinning(plan, folder, spin) for spin in SPINS}
        turns = load.compare(plan, SIX, "seqpacket-6", *peers, *spins.values(), closed=True,
                             connections=1, body=128, verify="echo", metric="p50")
    report.add("one", "chain of 6 / seqpacket-6, p50 at 1 conn.",
               turns.ratio(SIX, "seqpacket-6", p50), "x", most=1.0)
    for spin, path in spins.items():
        report.add("one", f"the same with spin: {spin}", turns.ratio(path, "seqpacket-6", p50), "x")
    labels = {SIX: SIX, **{path: f"{SIX}, spin: {spin}" for spin, path in spins.items()}}
    for target in turns.runs:
        report.add("one", figure.format(peer=labels.get(target, target)), turns.of(target, p50),
                   "us")
    for path in labels:
        report.add("one", f"{labels[path]}, CPU at 1 conn.", turns.of(path, per_request), "us/req")


# ---- bodies ----

def measure_bodies(plan, report):
    figure = "chain of 6 / {peer}, req/s, 64 KiB"
    peers = present(plan, report, "bodies", figure, FLOORS_BODIES)
    turns = load.compare(plan, SIX, *peers, closed=True, connections=16, body="64Ki")
    for peer in peers:
        report.add("bodies", figure.format(peer=peer), turns.ratio(SIX, peer, rate), "x",
                   least=FLOORS_BODIES[peer])
    for target in turns.runs:
        report.add("bodies", f"{target}, 64 KiB, 16 conn.", turns.of(target, rate), "req/s")
    for target in (SIX, *(peer for peer in peers if peer == "ring-6")):
        report.add("bodies", f"{target}, 64 KiB, CPU", turns.of(target, per_request), "us/req")
    turns = load.compare(plan, SIX, "bare", "ring-6", closed=True, connections=16, body="1Mi")
    report.add("bodies", "chain of 6 / bare, CPU per request, 1 MiB",
               turns.ratio(SIX, "bare", per_request), "x", most=1.2,
               note="bare reads the body in once and writes it out once, and does nothing else")
    for target in turns.runs:
        report.add("bodies", f"{target}, 1 MiB, CPU", turns.of(target, per_request), "us/req")


# ---- tail ----

def answered(run):
    return 100 * run["answered"] / run["due"]


def beside_sidecar(plan, report, at, what, most=None):
    """p99 from when a request was due, at the same rate."""
    p99 = percentile("p99")
    turns = load.compare(plan, SIX, "sidecar-6", rate=int(at), arrivals="poisson", metric="p99",
                         duration=f"{max(plan.turn_s, TAIL_LEAST_S)}s", warmup=TAIL_WARMUP,
                         timeout=QUEUE_TIMEOUT, may_fail=("sidecar-6",))
    kept = [run["kept_up"] for run in turns.runs["sidecar-6"]]
    note = f"{at:,.0f} req/s are due; the sidecars answered " \
           f"{min(turns.of('sidecar-6', answered)):.0f} % or more of them" \
           f"{'' if all(kept) else ': they cannot keep up, and their p99 is a queue'}"
    report.add("tail", f"chain of 6 / sidecar-6, p99 at {what}", turns.ratio(SIX, "sidecar-6", p99),
               "x", most=most, note=note)
    for target in turns.runs:
        report.add("tail", f"{target}, p99 at {what}", turns.of(target, p99), "us")


def measure_tail(plan, report):
    document = load.bench(plan, "sweep", SIX, rates=SWEEP, arrivals="poisson", may_fail=(SIX,),
                          server_cpu=plan.server_cpu, duration=f"{plan.sweep_s}s",
                          warmup=f"{plan.turn_warm_s}s")
    knee = document.get("knee", {}).get("rate")
    if not knee:
        raise Error(f"no knee was found in {SWEEP} req/s")
    report.add("tail", "chain of 6, knee", [knee], "req/s", note=document["invalid"])
    if not present(plan, report, "tail", "chain of 6 / {peer}, p99 at half of our knee",
                   ["sidecar-6"]):
        return
    beside_sidecar(plan, report, knee / 2, "half of our knee", most=0.1)
    # Where the sidecars keep up, too.
    alone = load.alternate(plan, {"sidecar-6": ("sidecar-6", {})}, closed=True)
    least = min(alone.of("sidecar-6", rate), default=0)
    if not least:
        raise Error("what the sidecars carry is not known: no valid run")
    beside_sidecar(plan, report, least / 2, "half of what they carry")


SECTIONS = {"peers": measure_peers, "one": measure_one, "bodies": measure_bodies,
            "tail": measure_tail}
