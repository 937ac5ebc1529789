# SPDX-License-Identifier: Apache-2.0
"""actors.py - chains of functions that call each other as a request tells them.

    text = chain_of({"a": calls("b"), "b": ACTOR}, ["ingress a", "a reply"])

The commands are in tests/functions/actor.c.
"""
import json
import re
import threading

from client import Closed, poll
from harness import BUILD, Chain, ChainTest

FOLDER = BUILD / "tests/functions"
ACTOR = {"exec": str(FOLDER / "actor")}
EMITTER = {"exec": str(FOLDER / "emitter")}
NAMES = ("one", "two", "three")


def actor(**more):
    return ACTOR | more


def calls(*functions, **more):
    """A function that calls up to three: `one`, `two`, `three` in its code."""
    names = {n: functions[min(i, len(functions) - 1)] for i, n in enumerate(NAMES)}
    return {"exec": str(FOLDER / "caller"), "calls": names} | more


def route(words):
    """A route: a dict, or "FROM TO"."""
    if isinstance(words, dict):
        return words
    start, to = words.split()
    return {"from": start, "to": to}


def chain_of(functions, routes, name="actors", timeout="5s", memory="16Mi", sizes=("2Ki", "16Ki"),
             body="16Ki", **spec):
    """The text of a chain file. JSON is YAML."""
    spec = {
        "ingress": [{"http": {"path": "/*", "maxBody": body}}],
        "timeout": timeout,
        "pool": {"memory": memory, "bufferSizes": list(sizes)},
        "functions": [{"name": n, "instances": 1} | f for n, f in functions.items()],
        "routes": [route(r) for r in routes],
    } | spec
    return json.dumps({"apiVersion": "sprocket.dev/v1alpha1", "kind": "Chain",
                       "metadata": {"name": name}, "spec": spec}, indent=1)


def actors(functions, routes, args=(), whole=True, **words):
    """The chain, to be run."""
    return Chain(text=chain_of(functions, routes, **words), args=args, whole=whole)


def do(connection, orders, body=b"body"):
    return connection.request("POST", "/", body, {"x-do": orders})


class Later:
    """A request in the background."""

    def __init__(self, chain, orders, body=b"body", path="/"):
        self.result = None
        self.thread = threading.Thread(target=self.ask, args=(chain, orders, body, path),
                                       daemon=True)
        self.thread.start()

    def ask(self, chain, orders, body, path):
        try:
            self.result = chain.request("POST", path, body, {"x-do": orders}, timeout=60)
        except (OSError, Closed) as e:
            self.result = e

    def answer(self, seconds=20):
        self.thread.join(seconds)
        assert not self.thread.is_alive(), "not answered: it hangs"
        return self.result


class CallTest(ChainTest):
    """Assertions on what callers report."""

    def do(self, chain, orders, body=b"body", status=200):
        answer = chain.request("POST", "/", body, {"x-do": orders}, timeout=60)
        self.assertEqual(answer.status, status, answer)
        return answer.body.decode()

    def assertCall(self, text, ok=0, same=None, last=None, **errors):
        """The first line of a report says so: `SP_ETIMEOUT=1` for errors."""
        match = re.match(r"\w+ ok=(\d+) same=(\d+)((?: SP_\w+=\d+)*) last=(.*)", text)
        self.assertTrue(match, text)
        self.assertEqual(int(match[1]), ok, text)
        self.assertEqual({k: int(v) for k, v in re.findall(r"(SP_\w+)=(\d+)", match[3])},
                         errors, text)
        if same is not None:
            self.assertEqual(int(match[2]), same, text)
        if last is not None:
            self.assertRegex(match[4], last)

    def held(self, chain, count, path="/held"):
        """Waits until the function at `path` holds so many requests."""
        poll(f"{count} held", lambda: chain.request("POST", path, b"", {"x-do": "held"}).body
             == b"%d\n" % count, 20)

    def counter(self, chain, function, name, status=None):
        return chain.function(function, status)["counters"].get(name, 0)

    def whole(self, chain):
        """Nothing is lost: all buffers are free or in stock, and nobody broke a rule."""
        status = chain.wait_idle(leases=True)
        self.assertEqual(sum(chain.violations().values()), 0, chain.log.text())
        return status
