# SPDX-License-Identifier: Apache-2.0
"""calls.py - the figures of calls, fan-outs, large bodies, and of the shop that is made of them.

For: bench/figures, sections call, fan, body, boutique.
How: chains are those of functions/examples, but for the one of bench-asker, which is written
here; all run on the server's CPU. Calls are timed by who makes them; hops by the kernel, as
Server-Timing tells; CPU time by the scheduler.
Thread-safety: none needed.
"""
import contextlib
import http.client
import os
import re
import statistics
import subprocess
import tempfile
import urllib.parse
import zlib

import load
from process import Error

NINE = 9
MI = 1 << 20
MIX = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                   "../functions/examples/boutique/mix.txt")
PAGES = ("index", "setCurrency", "browse", "addToCart", "viewCart", "checkout")  # of mix.txt
ASKER = """
apiVersion: sprocket.dev/v1alpha1
kind: Chain
metadata: {{name: asker}}
spec:
  ingress:
  - http: {{path: /}}
  timeout: 20s
  pool: {{memory: 64Mi, bufferSizes: [2Ki, 16Ki]}}
  functions:
  - {{name: asker, exec: {asker}, calls: [{names}]}}
{functions}
  steps: [asker]
"""
ROUNDS = """
apiVersion: sprocket.dev/v1alpha1
kind: Chain
metadata: {{name: rounds}}
spec:
  ingress:
  - http: {{path: /}}
  timeout: 10s
  maxHops: {hops}
  pool: {{memory: 64Mi, bufferSizes: [2Ki, 16Mi]}}
  functions:
  - {{name: ping, exec: {rounds}, config: {{hops: "{hops}"}}}}
  - {{name: pong, exec: {rounds}, config: {{hops: "{hops}"}}}}
  routes:
  - {{from: ingress, to: ping}}
  - {{from: ping, to: pong}}
  - {{from: pong, to: ping}}
"""
HOPS = 200
MIX_LEAST_S = 0.5  # so that there are answers enough for a p99


def samples(command, name):
    """Runs a program that prints `NAME SAMPLE ...`, in ns. Returns {name: [us, ...]}."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode != 0:
        raise Error(done.stderr.strip() or f"{name}: status {done.returncode}")
    us = {}
    for line in done.stdout.splitlines():
        way, *values = line.split()
        us[way] = [float(ns) / 1000 for ns in values]
    return us


class Client:
    """One connection that is kept. A context manager."""

    def __init__(self, server):
        self.label, parts = server.label, urllib.parse.urlsplit(server.ready)
        self.path = parts.path or "/"
        self.connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=30)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()

    def ask(self, body):
        try:
            self.connection.request("POST", self.path, body)
            response = self.connection.getresponse()
            answer = response.read()
        except (OSError, http.client.HTTPException) as error:
            raise Error(f"{self.label}: {error!r}") from error
        if response.status != 200:
            raise Error(f"{self.label}: {response.status} {answer[:200]!r}")
        return answer, response.headers


# ---- call ----

def asker_file(plan, folder):
    names = [f"b{i}" for i in range(1, NINE + 1)]
    echo = os.path.abspath(plan.example("chain-n", "echo"))
    path = os.path.join(folder, "asker.yaml")
    with open(path, "w") as file:
        file.write(ASKER.format(
            asker=os.path.abspath(plan.program("bench-asker")), names=", ".join(names),
            functions="\n".join(f"  - {{name: {n}, exec: {echo}}}" for n in names)))
    return path


def measure_call(plan, report):
    hop = [plan.program("bench-hop"), "-c", str(plan.server_cpu), "-r", "1", "-m",
           str(plan.hop_ms)]
    one, nine, each, hops = [], [], [], []
    with tempfile.TemporaryDirectory() as folder, \
            plan.serve("asker", asker_file(plan, folder)) as server, Client(server) as client:
        server.check_pinned()
        client.ask(str(plan.asks))  # warm
        for _ in range(plan.hop_rounds):
            hops += samples(hop, "bench-hop")["hop"]
            answer, _ = client.ask(str(plan.asks))
            ns = [float(word) for word in answer.split()]
            one.append(ns[0] / 1000)
            nine.append(ns[1] / 1000)
            each.append(ns[2] / 1000)
    report.add("call", "a call and its return / one warm hop",
               [a / b for a, b in zip(one, hops)], "x", most=2.3)
    report.add("call", "nine calls of one function at once / one call",
               [a / b for a, b in zip(nine, one)], "x", most=3)
    report.add("call", "a call and its return, depth 1", one, "us")
    report.add("call", "nine calls of one function at once", nine, "us")
    report.add("call", "nine calls of nine functions at once", each, "us")
    report.add("call", "one warm hop, depth 1, beside it", hops, "us")


# ---- fan ----

def fan_cpu(plan, server):
    """CPU of all processes per request, us, under one load."""
    return load.per_request(load.run(plan, server.label, server.ready, server.pid))


def measure_fan(plan, report):
    least = {}
    for count in plan.branches:
        with contextlib.ExitStack() as stack:
            servers = {way: stack.enter_context(plan.serve(
                f"fan-{way}-{count}", plan.example("fan-k", f"fan-{way}-{count}.yaml")))
                for way in ("all", "calls")}
            cpu = {way: [] for way in servers}
            for server in servers.values():
                server.check_pinned()
                load.check(server.label, server.ready, load.BODY.encode())
                load.run(plan, server.label, server.ready, duration="1s")  # warm
            for _ in range(plan.load_rounds):
                for way, server in servers.items():
                    cpu[way].append(fan_cpu(plan, server))
            for server in servers.values():
                load.check(server.label, server.ready, load.BODY.encode())
        for way, name in (("all", "fan-out and join"), ("calls", "calls by reference")):
            least.setdefault(way, statistics.median(cpu[way]))
            report.add("fan", f"{name}, {count}: CPU", cpu[way], "us/req")
            if count > 1:
                report.add("fan", f"{name}, {count}: CPU of each further one",
                           [(us - least[way]) / (count - 1) for us in cpu[way]], "us")


# ---- body ----

def timing(headers):
    """Server-Timing: ({function: us}, us from the first function's hand-over to the reply)."""
    text = headers["server-timing"] or ""
    us = {name: float(ms) * 1000 for name, ms in re.findall(r"(\w+);dur=([0-9.]+)", text)}
    if "total" not in us:
        raise Error(f"no time of the chain in Server-Timing: {text}")
    return us, us.pop("total")


def rounds_file(plan, folder):
    path = os.path.join(folder, "rounds.yaml")
    with open(path, "w") as file:
        file.write(ROUNDS.format(rounds=os.path.abspath(plan.program("bench-rounds")), hops=HOPS))
    return path


def hop_us(client, body):
    """Mean of HOPS hops to and fro, by the kernel's stamps."""
    return timing(client.ask(body)[1])[1] / HOPS


def checksum(body):
    """What functions/examples/big/sum.c answers."""
    return b"%08x" % zlib.crc32(body)


def measure_body(plan, report):
    body, large = os.urandom(MI), os.urandom(16 * MI)
    six_us, one_us, small_hop, large_hop = [], [], [], []
    with contextlib.ExitStack() as stack:
        clients = []
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        for path in (plan.example("big", "big.yaml"), plan.example("big", "big-one.yaml"),
                     rounds_file(plan, folder)):
            server = stack.enter_context(plan.serve(os.path.basename(path), path, "--trace"))
            server.check_pinned()
            clients.append(stack.enter_context(Client(server)))
        six, one, rounds = clients
        for client in (six, one):
            answer, headers = client.ask(body)
            if answer != checksum(body) or len(timing(headers)[0]) != (6 if client is six else 1):
                raise Error(f"{client.label}: answered {answer!r} by {headers}")
        for _ in range(plan.bodies):
            six_us.append(timing(six.ask(body)[1])[1])
            one_us.append(timing(one.ask(body)[1])[1])
        # By themselves: a gateway is busy with 16 MiB for a while after its answer.
        for _ in range(plan.bodies):
            small_hop.append(hop_us(rounds, body[:100]))
            large_hop.append(hop_us(rounds, large))
    report.add("body", "1 MiB read by each of 6 / six times by one",
               [a / b for a, b in zip(six_us, one_us)], "x", most=1.15)
    report.add("body", "hop with 16 MiB / hop with 100 B",
               [a / b for a, b in zip(large_hop, small_hop)], "x", most=1.15)
    report.add("body", "1 MiB through 6 functions that read it", six_us, "us")
    report.add("body", "1 MiB through one that reads it six times", one_us, "us")
    report.add("body", f"hop of {HOPS} with 100 B, one request at a time", small_hop, "us")
    report.add("body", f"hop of {HOPS} with 16 MiB, one request at a time", large_hop, "us")


# ---- boutique ----

def shop_round(plan, server, page, seconds):
    """One load; page None: the mix. CPU per request and per delivery, us, and deliveries per
    request, besides rate and latency."""
    before = server.status()["kernel"]["descriptors"]
    run = load.run(plan, server.label, server.ready, server.pid, mix=MIX, page=page, warmup="0s",
                   duration=f"{seconds}s")
    delivered = server.status()["kernel"]["descriptors"] - before
    got = {"rate": run["achieved"], "latency": run["latency"], "cpu": load.per_request(run),
           "deliveries": delivered / run["answered"]}
    got["cpu_each"] = got["cpu"] / got["deliveries"]
    return got


def measure_boutique(plan, report):
    pages = {name: [] for name in PAGES}
    mixed = []
    with plan.serve("boutique", plan.example("boutique", "chain.yaml")) as server:
        server.check_pinned()
        shop_round(plan, server, None, 1)  # warm
        for _ in range(plan.load_rounds):
            for number, name in enumerate(PAGES, 1):
                pages[name].append(shop_round(plan, server, number, plan.load_s))
            mixed.append(shop_round(plan, server, None, max(plan.load_s, MIX_LEAST_S)))
    told = [m["latency"] for m in mixed if "p99_us" in m["latency"]]
    report.add("boutique", "mix, p99 / p50 at 64 conn.", [t["p99_us"] / t["p50_us"] for t in told],
               "x", most=10)
    for name, rounds in pages.items():
        report.add("boutique", f"{name}, CPU per delivery", [r["cpu_each"] for r in rounds],
                   "us", most=40)
    report.add("boutique", "mix, 64 conn.", [m["rate"] for m in mixed], "req/s")
    report.add("boutique", "mix, CPU", [m["cpu"] for m in mixed], "us/req")
    report.add("boutique", "mix, CPU per delivery", [m["cpu_each"] for m in mixed], "us")
    for rank in ("p50", "p99"):
        report.add("boutique", f"mix, {rank} at 64 conn.", [t[f"{rank}_us"] for t in told], "us")
    for name, rounds in pages.items():
        report.add("boutique", f"{name}, CPU", [r["cpu"] for r in rounds], "us/req")
        report.add("boutique", f"{name}, deliveries", [r["deliveries"] for r in rounds],
                   "per req")
