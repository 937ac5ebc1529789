#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""front.py - what the front costs: a chain of one asked directly, through the front, and under
TLS.

usage: bench/front.py [--rounds N] [--seconds N] [--connections N] [--json FILE]
                      [--server-cpu N] [--client-cpu N] BUILD_FOLDER
Exit codes: 0 measured, 1 not, 2 wrong arguments.

How: one sprocketd with one chain (functions/examples/chain-n/pass), POST 128 B on kept
connections. The ways take turns in each round; the median of the rounds counts.
sprocket-bench drives those without TLS, h2load the others (and HTTP/1 by the front again, so that
the two can be compared).
Servers are on one CPU, the load generator on the other. CPU is the scheduler's run time of
front and gateway, µs for each request.
"""
import argparse
import http.client
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
import load  # noqa: E402
import process  # noqa: E402
from process import Error  # noqa: E402

CHAIN = """apiVersion: sprocket.dev/v1alpha1
kind: Chain
metadata: {{name: bench}}
spec:
  ingress:
  - http: {{path: /, methods: [POST], maxBody: 2Ki}}
  pool: {{memory: 16Mi, bufferSizes: [2Ki]}}
  functions:
  - {{name: pass, exec: "{build}/functions/examples/chain-n/pass"}}
  steps: [pass]
"""
WAYS = {  # name: (which address, load generator, HTTP's version)
    "direct": ("chain", "sprocket-bench", "1.1"),
    "front": ("front", "sprocket-bench", "1.1"),
    "front, h2c": ("front", "sprocket-bench", "2"),
    "front, h2load": ("front", "h2load", "1.1"),
    "front, TLS h1": ("tls", "h2load", "1.1"),
    "front, TLS h2": ("tls", "h2load", "2"),
}
UP_S = 20


class Api(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("sprocketd", timeout=10)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Daemon:
    """A sprocketd with a front, in a folder of its own."""

    def __init__(self, build, folder, cpu):
        self.build, self.folder, self.socket = build, folder, f"{folder}/api.sock"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:P-256", "-nodes", "-keyout", "key.pem", "-out",
                        "cert.pem", "-days", "2", "-subj", "/CN=localhost"], cwd=folder,
                       check=True, capture_output=True)
        command = [f"{build}/controller/sprocketd", "--socket", self.socket, "--workers", "1",
                   "--front", "127.0.0.1:0", "--front-tls", "127.0.0.1:0", "--cert",
                   f"{folder}/cert.pem", "--key", f"{folder}/key.pem", "--pins",
                   f"/sys/fs/bpf/sprocket-bench-{os.getpid()}"]
        for name in ("state", "logs", "run"):
            command += [f"--{name}", f"{folder}/{name}"]
        self.child = subprocess.Popen(command, stdin=subprocess.DEVNULL,
                                      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                      preexec_fn=lambda: os.sched_setaffinity(0, {cpu}))
        end = time.monotonic() + UP_S
        while not os.path.exists(self.socket):
            if self.child.poll() is not None or time.monotonic() > end:
                raise Error("sprocketd does not start")
            time.sleep(0.01)

    def get(self, path):
        api = Api(self.socket)
        api.request("GET", path)
        answer = json.loads(api.getresponse().read())
        api.close()
        return answer

    def command(self, *args):
        done = subprocess.run([f"{self.build}/controller/sprocket", *args], text=True,
                              capture_output=True, timeout=60, check=False,
                              env={**os.environ, "SPROCKET_SOCKET": self.socket})
        if done.returncode != 0:
            raise Error(f"sprocket {args[0]}: {done.stderr.strip()}")

    def front_pid(self):
        for pid in process.tree(self.child.pid):
            if process.name(pid) == "sprocket-front":
                return pid
        raise Error("there is no front")

    def stop(self):
        try:
            self.command("shutdown")
            self.child.wait(30)
        finally:
            if self.child.poll() is None:
                self.child.send_signal(signal.SIGKILL)


def h2load(url, http, options, body):
    """(rate, requests). It warms up before it counts, at the same rate."""
    seconds = options.seconds
    command = ["h2load", "-t1", f"-c{options.connections}", f"-D{seconds}", "--warm-up-time=1",
               "-d", body, *(["--h1"] if http == "1.1" else []), url]
    began = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 30,
                          preexec_fn=lambda: os.sched_setaffinity(0, {options.client_cpu}),
                          check=False)
    took = time.monotonic() - began
    counts = next((x for x in done.stdout.splitlines() if x.startswith("requests:")), "")
    words = counts.replace(",", "").split()
    if done.returncode != 0 or not words or words[9:14:2] != ["0", "0", "0"]:
        raise Error(f"h2load {url}: {counts or done.stderr.strip()[-300:]}")
    rate = int(words[7]) / seconds
    return rate, rate * took


def sprocket_bench(url, http, options):
    """(rate, requests)"""
    run = load.run(options, url, url, connections=options.connections, http=http)
    return run["achieved"], run["answered"]


def measure(options, daemon):
    version, chain = daemon.get("/v1/version"), daemon.get("/v1/chains/bench")
    urls = {"chain": f"http://{chain['status']['address']}/", "front": f"http://{version['front']}/",
            "tls": f"https://{version['frontTls']}/"}
    pids = {"front": daemon.front_pid(), "gateway": chain["status"]["gateway"]["pid"]}
    body, rounds = f"{daemon.folder}/body", {way: [] for way in WAYS}
    with open(body, "w") as file:
        file.write(load.BODY)
    for way in ("chain", "front"):
        load.check(way, urls[way], load.BODY.encode())
    for number in range(options.rounds + 1):
        for way, (where, tool, http) in WAYS.items():
            before = {name: process.cpu_ns(pid) for name, pid in pids.items()}
            if tool == "h2load":
                rate, requests = h2load(urls[where], http, options, body)
            else:
                rate, requests = sprocket_bench(urls[where], http, options)
            row = {"rate": rate} | {
                name: (process.cpu_ns(pid) - before[name]) / 1000 / requests
                for name, pid in pids.items()}
            if number > 0:  # the first is the warm-up
                rounds[way].append(row)
    return {way: {key: statistics.median(r[key] for r in rows) for key in rows[0]}
            for way, rows in rounds.items()}


def main():
    parser = argparse.ArgumentParser(usage=__doc__.split("usage: ")[1].split("\nExit")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--json")
    parser.add_argument("--server-cpu", type=int, default=0)
    parser.add_argument("--client-cpu", type=int, default=1)
    parser.add_argument("build")
    options = parser.parse_args()
    options.build = os.path.abspath(options.build)
    # What load.py asks of a plan.
    options.program = lambda name: f"{options.build}/bench/{name}"
    options.load_s, options.turn_warm_s = options.seconds, 0
    with tempfile.TemporaryDirectory(prefix="sprocket-bench-") as folder:
        daemon = Daemon(options.build, folder, options.server_cpu)
        try:
            with open(f"{folder}/bench.yaml", "w") as file:
                file.write(CHAIN.format(build=options.build))
            daemon.command("apply", "-f", f"{folder}/bench.yaml")
            result = measure(options, daemon)
        finally:
            daemon.stop()
    print(f"POST 128 B, chain of 1, {options.connections} connections, {options.rounds} rounds of "
          f"{options.seconds} s; load average {os.getloadavg()[0]:.1f}")
    print(f"{'':16} {'req/s':>9} {'front us':>9} {'gateway us':>11}")
    for way, row in result.items():
        print(f"{way:16} {row['rate']:9.0f} {row['front']:9.2f} {row['gateway']:11.2f}")
    if options.json:
        with open(options.json, "w") as file:
            json.dump(result, file, indent=1)


if __name__ == "__main__":
    try:
        main()
    except Error as error:
        sys.exit(f"bench/front.py: {error}")
