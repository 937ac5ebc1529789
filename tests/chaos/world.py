# SPDX-License-Identifier: Apache-2.0
"""world.py - what the faults hit: a sprocketd with its chains, or one `sprocket run`.

Both answer the same questions: whom may I kill, where do requests go, what does the chain say of
itself. While the daemon is dead, what it said last holds.
"""
import contextlib
import http.client
import json
import os
import re
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import paths  # pylint: disable=unused-import
import leftovers
from actors import chain_of, actor, calls
from client import poll
from daemon import Daemon
from harness import BUILD, Chain, program

NAME = "chaos"
DEADLINE_MS = 2000
SANITIZER_MS = 500  # that answers may take longer where one watches every access
HOSTILE = "/hostile"
ATTACKERS = ("bad", "keeper")


def chain_text(name=NAME, instances=1, version="0", memory="2Mi", deadline_ms=DEADLINE_MS,
               functions=3, path="/*", idempotent=False, **spec):
    """A line of actors, of which the second may call one beside the line."""
    names = [f"f{i}" for i in range(1, functions + 1)]
    more = {"instances": instances, "env": {"VERSION": version}}
    if idempotent:
        more["idempotent"] = True
    found = {n: actor(**more) for n in names}
    found["f2"], found["side"] = calls("side", **more), actor(**more)
    routes = ["ingress f1", *(f"{a} {b}" for a, b in zip(names, names[1:])), f"{names[-1]} reply",
              {"from": "ingress", "to": "side", "when": {"path": "/side"}}, "side reply"]
    routes = [r for r in routes if isinstance(r, dict)] + [r for r in routes if isinstance(r, str)]
    spec.setdefault("ingress", [{"http": {"path": path, "maxBody": "2Ki"}}])
    return chain_of(found, routes, name, timeout=f"{deadline_ms}ms", memory=memory,
                    sizes=("2Ki",), body="2Ki", **spec)


def hostile_text(name="hostile", deadline_ms=DEADLINE_MS):
    """Functions that attack; the requests that order it say how."""
    bad = {"exec": str(program("hostile")), "instances": 1}
    return chain_of({name: bad for name in ATTACKERS}, ["ingress bad", "bad keeper", "keeper reply"],
                    name, timeout=f"{deadline_ms}ms", memory="2Mi", sizes=("2Ki",), body="2Ki",
                    ingress=[{"http": {"path": HOSTILE, "maxBody": "2Ki"}}])


COMPLAINT = re.compile(r"(Address|Leak|Thread)Sanitizer: |runtime error: ")


def sanitized(build=BUILD):
    """Built with the address sanitizer?"""
    return b"__asan_init" in (build / "gateway/sprocket-gateway").read_bytes()


def complaints_in(lines):
    return [line for line in lines if COMPLAINT.search(line)]


def fd_kinds(pid):
    """{what: count} of its descriptors. The least of some looks: our own question to it has a
    descriptor, too, until it is over."""
    looks = []
    for _ in range(6):
        found = Counter()
        for fd in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                name = re.sub(r"\d+", "N", os.readlink(f"/proc/{pid}/fd/{fd}"))
                found[name] += not name.endswith(".log")  # opened with the first line
        looks.append(+found)
        time.sleep(0.005)
    return dict(min(looks, key=lambda look: sum(look.values())))


class World:
    """A sprocketd (with a front, when `front`) that has one chain under load, and others."""

    def __init__(self, texts, build=BUILD, front=False, workers=1, state=None, env=()):
        args = ["--workers", str(workers)] + (["--front", "127.0.0.1:0"] if front else [])
        self.build, self.texts = build, dict(texts)
        self.daemon = Daemon(args, env=env, build=build)
        if state:
            self.daemon.state = Path(state)
        self.lock = threading.RLock()
        self.known = {}   # chain -> last status
        self.port = None

    def __enter__(self):
        self.daemon.__enter__()
        try:
            for name, text in self.texts.items():
                self.daemon.apply(text, name)
            self.port = self.daemon.port(NAME)
            self.settled_first = self.holdings()
        except BaseException:
            self.daemon.__exit__(*sys.exc_info())
            raise
        return self

    def __exit__(self, kind, error, trace):
        self.daemon.__exit__(kind, error, trace)

    def report(self):
        return self.daemon.report()

    def complaints(self):
        """What sanitizers have said, in the daemon's output and in the logs of its chains; but for
        those that attack, which may."""
        lines = [line for output in self.daemon.outputs for line in output.text().splitlines()]
        for path in self.daemon.logs.rglob("*.log*"):
            if not path.name.startswith(ATTACKERS):
                lines += path.read_text(errors="replace").splitlines()
        return complaints_in(lines)

    def front_port(self):
        return int(self.daemon.api("GET", "/v1/version")["front"].split(":")[1])

    # ---- what it says ----

    def status(self, chain=NAME, timeout=5):
        """None while no daemon answers."""
        try:
            found = self.daemon.api("GET", f"/v1/chains/{chain}", timeout=timeout)
        except (OSError, http.client.HTTPException, json.JSONDecodeError):
            return None
        if found.get("http") != 200 or not found.get("status"):
            return None
        if "gateway" in found["status"]:
            self.known[chain] = found["status"]
            return found["status"]
        return None

    def last(self, chain=NAME):
        return self.status(chain) or self.known.get(chain)

    def functions(self, chain=NAME):
        """Instances that serve, in a fixed order: (function, number, pid)."""
        status = self.last(chain)
        return sorted((f["name"], i["number"], i["pid"]) for f in status["functions"]
                      for i in f["instances"] if i["state"] == "READY") if status else []

    def gateway(self, chain=NAME):
        status = self.last(chain)
        return status["gateway"]["pid"] if status else 0

    def named(self, name):
        """Pids of the run whose first argument has the name."""
        return sorted(p for p in leftovers.marked(self.daemon.mark) if leftovers.alive(p) and
                      os.path.basename(leftovers.read(f"/proc/{p}/cmdline").split(b"\0")[0])
                      == name.encode())

    # ---- what it has ----

    def holdings(self):
        """Counts of what must not grow: fds and threads of each kind of process, processes."""
        status = self.last()
        who = {"daemon": self.daemon.process.pid, "gateway": status["gateway"]["pid"]}
        for name, pids in (("fdstore", self.daemon.fdstores()),
                           ("front", self.named("sprocket-front"))):
            if pids:
                who[name] = pids[0]
        found = {}
        for name, pid in who.items():
            with contextlib.suppress(OSError):
                found[f"fds of {name}"] = fd_kinds(pid)
                found[f"threads of {name}"] = len(os.listdir(f"/proc/{pid}/task"))
        found["processes"] = len([p for p in leftovers.marked(self.daemon.mark)
                                  if leftovers.alive(p)])
        found["BPF objects"] = len(set().union(*(leftovers.bpf_ids(p) for p in who.values())))
        return found

    # ---- what may be done to it ----

    def daemon_restart(self):
        """kill -9, and another one, which must adopt everything."""
        with self.lock:
            self.daemon.kill()
            killed = time.monotonic_ns()
            self.daemon.start()
            return killed

    def apply(self, name, text):
        """By the API; returns the answer, None when the daemon died meanwhile."""
        try:
            return self.daemon.api("PUT", f"/v1/chains/{name}?file=/{name}.yaml", text)
        except (OSError, http.client.HTTPException, json.JSONDecodeError):
            return None

    def footprint_look(self):
        with self.lock:
            if self.daemon.process.poll() is None:
                self.daemon.footprint.look(self.daemon.process.pid)


class RunWorld:
    """One `sprocket run`."""

    def __init__(self, text, build=BUILD, env=()):
        self.texts = {NAME: text}
        self.chain = Chain(text=text, build=build, env=env)
        self.known = {}
        self.lock = threading.RLock()

    def __enter__(self):
        self.chain.__enter__()
        self.port = self.chain.port
        self.settled_first = self.holdings()
        return self

    def __exit__(self, *args):
        self.chain.__exit__(*args)

    def report(self):
        return self.chain.report()

    def status(self, chain=NAME, timeout=5):
        del chain, timeout
        with contextlib.suppress(AssertionError, ProcessLookupError):
            self.known[NAME] = self.chain.status()
            return self.known[NAME]
        return None

    def complaints(self):
        return complaints_in(self.chain.log.text().splitlines())

    last, functions, gateway = World.last, World.functions, World.gateway

    def holdings(self):
        who = {"run": self.chain.pid, "gateway": self.last()["gateway"]["pid"]}
        found = {f"fds of {n}": fd_kinds(p) for n, p in who.items()}
        found |= {f"threads of {n}": len(os.listdir(f"/proc/{p}/task")) for n, p in who.items()}
        found["processes"] = len(leftovers.descendants(self.chain.pid))
        return found

    def footprint_look(self):
        self.chain.footprint.look(self.chain.pid)


def wait_wanted(world, chain=NAME, seconds=10.0):
    """Until instances = wanted, of every function, and the gateway serves."""
    def wanted():
        s = world.status(chain)
        return s and s["gateway"]["state"] == "READY" and all(
            f["ready"] == f["desired"] == len([i for i in f["instances"]
                                               if i["state"] == "READY"])
            for f in s["functions"]) and s
    return poll(f"instances = wanted in {chain}", wanted, seconds, pause=0.02)
