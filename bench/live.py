# SPDX-License-Identifier: Apache-2.0
"""live.py - the figures of chains under sprocketd: changes, restarts, many chains, metrics.

For: bench/figures, section daemon.
How: the daemon of the end-to-end tests (tests/e2e/daemon.py) in folders of its own; its
shutdown fails when anything is left. What must not fail is asked by sprocket-bench at
a constant rate, pinned to the client's CPU; every failure counts. Each part stands alone: one
that cannot be measured is a failed row, and the others are measured all the same.
Thread-safety: none needed.
"""
import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../tests/e2e"))
import load
import process
from process import Error

RATE = 5000
STEADY_CONNECTIONS = 16
INTERRUPTED = 130
CHAINS = 50
TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
KILLS = 10
KILLS_OF_ONE = 5  # as many deaths in a row are followed by a start at once
GROUP_NICE = "-15"
TRIO = {"timeout": "5s", "instances": 1}


def harness(plan):
    """The module daemon of the end-to-end tests, for the build that is measured."""
    os.environ["SPROCKET_BUILD"] = os.path.abspath(plan.build)
    import daemon
    return daemon


class Steady:
    """A constant rate in the background; a context manager. Afterwards .run has what came of it.
    Latencies count from when a request was due, nothing is asked twice, each failure counts."""

    def __init__(self, plan, port, path):
        self.child = subprocess.Popen(
            load.command(plan, "run", f"http://127.0.0.1:{port}{path}", rate=RATE,
                         arrivals="constant", connections=STEADY_CONNECTIONS, body=128,
                         verify="nonce", warmup=0, duration="900s", progress=True),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=load.environment(plan))
        self.run = {}

    def __enter__(self):
        said = self.child.stderr.readline()
        if "errors 0" not in said:  # after a second, the first line of progress
            self.child.send_signal(signal.SIGINT)
            raise Error(f"sprocket-bench: {said}{self.child.communicate(timeout=30)[1][-300:]}")
        return self

    def __exit__(self, kind, value, trace):
        self.child.send_signal(signal.SIGINT)
        out, said = self.child.communicate(timeout=30)
        if kind is not None:
            return
        if self.child.returncode != INTERRUPTED or not out:
            raise Error(f"sprocket-bench ended with status {self.child.returncode}: "
                        f"{said[-300:]}")
        self.run = json.loads(out)["runs"][0]

    def errors(self, *classes):
        return sum(self.run["errors"].get(name, 0) for name in classes)

    def note(self):
        failed = ", ".join(f"{count} {name}" for name, count in self.run["errors"].items())
        late = "" if self.run["valid"] else f"; no latencies: {self.run['invalid']}"
        return f"{self.run['answered']:,} answered; failed: {failed or 'none'}{late}"

    def report(self, report, what):
        report.add("daemon", f"{what}: failed requests", [self.run["error_count"]], "", most=0,
                   note=self.note())
        if not self.run["valid"]:  # failures count all the same
            return
        for key in ("p50", "p99", "max"):
            report.add("daemon", f"  latency {key}, from when it was due",
                       [self.run["latency"][f"{key}_us"] / 1000], "ms")
        report.add("daemon", "  longest time without an answer",
                   [self.run["longest_gap_us"] / 1000], "ms")


def timed(work):
    began = time.monotonic()
    work()
    return time.monotonic() - began


def new_binary(source, path, number):
    """Puts another program at `path`, as an installer does: it never is half written."""
    shutil.copy(source, f"{path}.new")
    with open(f"{path}.new", "ab") as file:
        file.write(b"%d" % number)
    os.rename(f"{path}.new", path)


def measure_redeploys(plan, report):
    harn = harness(plan)
    probe = plan.program("probe")
    with harn.Daemon() as daemon:
        path = str(daemon.folder / "function")

        def apply(number):
            new_binary(probe, path, number)
            done = daemon.apply(harn.chain_text("one", text="a", start="ok", instances=1,
                                                memory="16Mi", exec=path))
            if number and "configured" not in done.stdout:
                raise Error(f"redeploy {number}: {done.stdout.strip()}")
        apply(0)
        favour(daemon)
        with Steady(plan, daemon.port("one"), "/in") as steady:
            took = [timed(lambda n=n: apply(n)) for n in range(1, plan.redeploys + 1)]
        daemon.whole("one")
    steady.report(report, f"{plan.redeploys} redeploys at {RATE:,} req/s")
    report.add("daemon", "  one `sprocket apply` of a new binary", took, "s")


def measure_routes(plan, report):
    harn = harness(plan)
    with harn.Daemon() as daemon:
        def apply(number):
            way = ("left", "right")[number % 2]
            before = daemon.function("fork", way)["instances"][0]["in"] if number else -1
            daemon.apply(harn.chain_text("fork", way=way))
            harn.poll("it goes the new way", lambda: not number or daemon.function(
                "fork", way)["instances"][0]["in"] > before)
        apply(0)
        favour(daemon)
        with Steady(plan, daemon.port("fork"), "/in") as steady:
            took = [timed(lambda n=n: apply(n)) for n in range(1, plan.route_changes + 1)]
        daemon.whole("fork")
    steady.report(report, f"{plan.route_changes} route changes at {RATE:,} req/s")
    report.add("daemon", "  one change, until requests go the new way", took, "s")


def serving(daemon):
    """Names of the chains that serve; none when nobody answers."""
    try:
        items = daemon.api("GET", "/v1/chains").get("items", [])
    except (OSError, http.client.HTTPException):
        return []
    return [i["metadata"]["name"] for i in items if i["status"]["phase"] == "Serving"]


def all_pids(daemon):
    import leftovers
    return sorted(leftovers.marked(daemon.mark) | set(daemon.fdstores()))


def favour(daemon):
    """Raises the scheduling groups of all its processes, as bench/figures does its own: each
    has one, being the leader of a session."""
    for pid in all_pids(daemon):
        try:
            with open(f"/proc/{pid}/autogroup", "w") as file:
                file.write(GROUP_NICE)
        except OSError:
            return  # bench/figures has said so


def ticks_ns(pid):
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * TICK_NS


def resident_mib(pid):
    with open(f"/proc/{pid}/status") as file:
        return next(int(x.split()[1]) for x in file if x.startswith("VmRSS:")) / 1024


def measure_idle(plan, report, daemon, section="daemon", chains=CHAINS, name="c0", path="/trio"):
    time.sleep(2)  # until what the start has left to do is done
    pids = all_pids(daemon)
    coarse, fine = {p: ticks_ns(p) for p in pids}, {p: process.cpu_ns(p) for p in pids}
    seconds = timed(lambda: time.sleep(plan.chains_idle_s))
    if all_pids(daemon) != pids:
        raise Error("processes came or went while the chains were idle")
    spent, by_ticks = {}, sum(ticks_ns(p) - coarse[p] for p in pids) / 1e7 / seconds
    for pid in pids:
        exe = process.name(pid)
        part = exe.removeprefix("sprocket-") if exe.startswith("sprocket") else "functions"
        spent[part] = spent.get(part, 0) + (process.cpu_ns(pid) - fine[pid]) / 1e7 / seconds
    # Nothing at all is a fair result, if one request is seen.
    asleep = sum(process.cpu_ns(p) for p in pids)
    daemon.request(name, path=path, body=b"x")
    if sum(process.cpu_ns(p) for p in pids) <= asleep:
        raise Error("the CPU time of a request was not seen: idle CPU cannot be measured so")
    note = f"{len(pids)} processes: " + ", ".join(f"{k} {v:.4f}" for k, v in spent.items())
    report.add(section, f"idle CPU of {chains} chains over {plan.chains_idle_s} s, all processes",
               [sum(spent.values())], "% of a core", most=0.5, note=note)
    report.add(section, f"  the same by ticks of {TICK_NS // 1_000_000} ms", [by_ticks],
               "% of a core", most=0.5)


def measure_questions(plan, report, daemon):
    gets = [timed(lambda: daemon.cli("get", check=True)) for _ in range(plan.starts)]
    texts, scrapes = [], []
    for _ in range(plan.starts):
        scrapes.append(timed(lambda: texts.append(daemon.api("GET", "/metrics")["text"])))
    missing = [n for n in range(CHAINS) if f'"c{n}"' not in texts[-1]]
    if missing:
        raise Error(f"/metrics has nothing of the chains {missing}")
    report.add("daemon", f"`sprocket get` of {CHAINS} chains", [s * 1000 for s in gets], "ms",
               most=50)
    report.add("daemon", f"/metrics of {CHAINS} chains", [s * 1000 for s in scrapes], "ms",
               most=100, note=f"{len(texts[-1]) / 1024:.0f} KiB")
    report.add("daemon", "  resident memory of sprocketd", [resident_mib(daemon.process.pid)],
               "MiB")


def measure_adoption(plan, report, daemon):
    before, took = set(all_pids(daemon)) - {daemon.process.pid}, []
    with Steady(plan, daemon.port("c0"), "/trio") as steady:
        for _ in range(plan.adoptions):
            began = time.monotonic()
            daemon.kill()
            daemon.start(wait=False)
            harn_poll(daemon, "all are adopted", lambda: len(serving(daemon)) == CHAINS)
            took.append(time.monotonic() - began)
            time.sleep(0.5)  # a share of the requests under each daemon
    if set(all_pids(daemon)) - {daemon.process.pid} != before:
        raise Error("gateways or functions were replaced by the restart of sprocketd")
    report.add("daemon", f"kill -9 of sprocketd until {CHAINS} chains serve under the next", took,
               "s", most=2)
    steady.report(report, f"{plan.adoptions} such restarts at {RATE:,} req/s")


def harn_poll(daemon, what, condition):
    from client import poll
    try:
        poll(what, condition, 30, pause=0.005)
    except AssertionError as error:
        raise Error(f"{error}\n{daemon.report()[-2000:]}") from error


def measure_many(plan, report):
    harn = harness(plan)
    with harn.Daemon() as daemon:
        folder = daemon.folder / "all"
        folder.mkdir()
        for n in range(CHAINS):
            text = harn.chain_text("trio", f"c{n}", **TRIO).replace("16Mi", "8Mi")
            (folder / f"{n}.yaml").write_text(text)
        took = timed(lambda: daemon.cli("apply", "-f", folder, check=True, seconds=120))
        if len(serving(daemon)) != CHAINS:
            raise Error(f"{len(serving(daemon))} of {CHAINS} chains serve after apply")
        report.add("daemon", f"`sprocket apply` of {CHAINS} chains of 3", [took], "s", most=60)
        favour(daemon)
        for part in (measure_idle, measure_questions, measure_adoption):
            part(plan, report, daemon)


def kill_gateway(daemon, name, port):
    """Returns the milliseconds from the kill to the answer of a request made after it."""
    from client import Connection
    pid = daemon.status(name)["gateway"]["pid"]
    began = time.monotonic()
    os.kill(pid, signal.SIGKILL)
    with Connection(port) as connection:
        answer = connection.request("POST", "/trio", b"after")
    took = time.monotonic() - began
    if (answer.status, answer.body) != (200, b"after"):
        raise Error(f"the first answer after the kill: {answer}")
    if daemon.status(name)["gateway"]["pid"] == pid:
        raise Error("the gateway was not replaced")
    return took * 1000


def measure_gateway(plan, report):
    harn = harness(plan)
    took, refused, others, cut = [], 0, 0, 0
    with harn.Daemon() as daemon:
        for name in (f"killed-{n}" for n in range(KILLS // KILLS_OF_ONE)):
            daemon.apply(harn.chain_text("trio", name, **TRIO), name)
            favour(daemon)
            port = daemon.port(name)
            with Steady(plan, port, "/trio") as steady:
                for _ in range(KILLS_OF_ONE):
                    took.append(kill_gateway(daemon, name, port))
                    time.sleep(0.5)  # requests under each gateway
            daemon.whole(name)
            refused += steady.errors("refused")
            cut += steady.errors("reset", "cut")
            others += steady.run["error_count"] - steady.errors("reset", "cut")
    what = f"{KILLS} x kill -9 of a gateway at {RATE:,} req/s"
    report.add("daemon", f"{what}: connections refused", [refused], "", most=0)
    report.add("daemon", "  failed, but for what the dead gateway was at", [others], "", most=0,
               note=f"{cut / KILLS:.1f} requests per kill were cut off with their connection")
    report.add("daemon", "  kill to the next answer, median", took, "ms", most=500)
    report.add("daemon", "  kill to the next answer, slowest", [max(took)], "ms", most=500)


class Scraping:
    """Asks for /metrics every second; a context manager."""

    def __init__(self, daemon):
        self.daemon, self.stopping, self.count = daemon, threading.Event(), 0
        self.thread = threading.Thread(target=self.drive, daemon=True)

    def drive(self):
        while not self.stopping.is_set():
            self.count += "sprocket_" in self.daemon.api("GET", "/metrics")["text"]
            self.stopping.wait(1)

    def __enter__(self):
        self.thread.start()

    def __exit__(self, kind, value, trace):
        self.stopping.set()
        self.thread.join(10)
        if kind is None and not self.count:
            raise Error("/metrics never answered")


class Tapping:
    """`sprocket tap`, thrown away; a context manager."""

    def __init__(self, plan, daemon, chain):
        self.child = subprocess.Popen(
            [plan.program("sprocket"), "tap", chain], stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "SPROCKET_SOCKET": str(daemon.socket)})

    def __enter__(self):
        time.sleep(0.2)  # it prints nothing before there are requests

    def __exit__(self, kind, value, trace):
        ended = self.child.poll()
        self.child.send_signal(signal.SIGINT)
        self.child.wait(10)
        if kind is None and ended is not None:
            raise Error(f"sprocket tap ended by itself with status {ended}")


def measure_metrics(plan, report):
    harn = harness(plan)
    with harn.Daemon(args=["--cpus", str(plan.server_cpu)]) as daemon:
        file = plan.example("chain-n", "chain-6.yaml")
        daemon.cli("apply", "-f", os.path.abspath(file), check=True)
        for pid in all_pids(daemon):  # what a scrape costs is to be the server's loss
            os.sched_setaffinity(pid, {plan.server_cpu})
        favour(daemon)
        url = f"http://127.0.0.1:{daemon.port('chain-6')}/"
        load.check("chain of 6", url, load.BODY.encode())

        def run():
            return load.run(plan, "chain of 6", url)["achieved"]
        run()
        plain, scraped, tapped, spent = [], [], [], []
        for _ in range(plan.load_rounds):
            plain.append(run())
            with Scraping(daemon):
                before = process.cpu_ns(daemon.process.pid)
                seconds = timed(lambda: scraped.append(run()))
                spent.append((process.cpu_ns(daemon.process.pid) - before) / 1e7 / seconds)
            with Tapping(plan, daemon, "chain-6"):
                tapped.append(run())
        load.check("chain of 6", url, load.BODY.encode())
    report.add("daemon", "chain of 6, 64 conn.: /metrics every second / never",
               [a / b for a, b in zip(scraped, plain)], "x", least=0.98,
               note="the kernel's statistics are always on: their cost is in the rows of hop "
                    "(batches of 64, and depth 1)")
    report.add("daemon", "  CPU of sprocketd meanwhile, on the CPU of the chain", spent,
               "% of a core", most=2)
    report.add("daemon", "chain of 6, 64 conn.: `sprocket tap` of it / none",
               [a / b for a, b in zip(tapped, plain)], "x")
    report.add("daemon", "  chain of 6 under sprocketd, 64 conn.", plain, "req/s")


PARTS = {"redeploys": measure_redeploys, "route changes": measure_routes,
         "many chains": measure_many, "gateway killed": measure_gateway,
         "metrics": measure_metrics}


def measure(plan, report):
    for name, part in PARTS.items():
        print(f"  {name} ...", file=sys.stderr, flush=True)
        try:
            part(plan, report)
        except (Error, AssertionError, OSError, subprocess.TimeoutExpired) as error:
            report.fail(f"daemon, {name}", str(error) or repr(error))
