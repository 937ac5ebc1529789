# SPDX-License-Identifier: Apache-2.0
"""A function that fails gets no requests for a while, and gets them back."""
import os
import signal
import statistics
import time

import tap
from actors import EMITTER, actor, actors
from client import poll
from daemon import Daemon
from harness import BUILD, Chain, ChainTest
from moods import Moods

BREAKER = "    breaker: {errorRate: 50%, minRequests: 10, window: 5s, openFor: 400ms}\n"
LONG = "    breaker: {errorRate: 50%, minRequests: 5, window: 5s, openFor: 60s}\n"


def state(chain):
    return chain.function("only")["breaker"]["state"]


def ask(connection):
    return connection.request("POST", "/in", b"")


def trip(connection, chain, seconds=5):
    poll("the breaker opens", lambda: ask(connection).header("retry-after") or None, seconds)
    if chain:
        assert state(chain) == "open"


class Breaker(ChainTest):
    def test_opens_sheds_fast_and_closes(self):
        with Moods("stable") as moods, Chain(text=moods.chain(extra=BREAKER)) as chain, \
                chain.connect() as connection:
            for _ in range(30):
                self.assertEqual(ask(connection).body, b"stable")
            self.assertEqual(state(chain), "closed")
            moods.set("stable", "fail 1")
            trip(connection, chain)
            times, before = [], chain.function("only")["instances"][0]["in"]
            for _ in range(50):
                began = time.monotonic()
                answer = ask(connection)
                times.append(time.monotonic() - began)
                if answer.status != 503:
                    break  # half-open already
                self.assertEqual(self.assertProblem(answer, 503)["reason"], "circuit-open")
                self.assertEqual(answer.json()["function"], "only")
            self.assertGreater(len(times), 20)
            self.assertLess(statistics.median(times), 0.005)
            # Still bad: the probes fail, and it is open again.
            poll("probed in vain", lambda: (ask(connection), chain.function("only")["breaker"]
                                            ["opened"] >= 2)[1], 5)
            reached = chain.function("only")["instances"][0]["in"] - before
            self.assertLess(reached, 20)
            moods.set("stable", "ok")
            poll("closed again", lambda: (ask(connection), state(chain) == "closed")[1], 5)
            for _ in range(30):
                self.assertEqual(ask(connection).body, b"stable")
            for line in ("gets no requests for 0.4 s", "gets a few requests, as a probe",
                         "gets requests again"):
                self.assertTrue(chain.log.wait(line, seconds=1), line)
            self.assertGreater(chain.wait_idle()["gateway"]["circuit_open"], 10)

    def test_few_errors_do_not_open_it(self):
        with Moods("stable") as moods, Chain(text=moods.chain(extra=BREAKER)) as chain, \
                chain.connect() as connection:
            moods.set("stable", "fail 4")
            for _ in range(200):
                ask(connection)
            self.assertEqual(state(chain), "closed")
            moods.set("stable", "refuse 1")
            for _ in range(100):
                self.assertEqual(ask(connection).status, 400)
            self.assertEqual(state(chain), "closed")

    def test_deaths_open_it_and_held_requests_are_answered(self):
        with Moods("stable") as moods, Chain(text=moods.chain(extra=BREAKER.replace(
                "minRequests: 10", "minRequests: 3"))) as chain, chain.connect() as connection:
            moods.set("stable", "crash 1")
            began = time.monotonic()
            poll("open", lambda: self.reason(ask(connection)) == "circuit-open", 10)
            self.assertLess(time.monotonic() - began, 10)
            moods.set("stable", "ok")
            poll("closed again", lambda: ask(connection).status == 200, 10)
            poll("state", lambda: (ask(connection), state(chain) == "closed")[1], 5)

    @staticmethod
    def reason(answer):
        return answer.json()["reason"] if answer.status >= 400 else None

    def test_deadlines_open_it(self):
        with Moods("stable") as moods, Chain(text=moods.chain(
                timeout="100ms", extra=LONG.replace("minRequests: 5", "minRequests: 2")),
                whole=False) as chain, chain.connect() as connection:
            moods.set("stable", "hang 1")
            poll("open", lambda: self.reason(ask(connection)) == "circuit-open", 8)
            self.assertEqual(state(chain), "open")
            moods.set("stable", "ok")

    def test_calls_fail_at_once(self):
        with Moods("stable") as moods:
            front = (f"  - name: front\n    exec: {moods.folder.parent}\n"
                     f"    instances: 1\n    calls: {{one: only, two: only, three: only}}\n")
            front = front.replace(str(moods.folder.parent),
                                  str(BUILD / "tests/functions/caller"), 1)
            text = moods.chain(before=front, extra=LONG, steps="[front]")
            with Chain(text=text) as chain, chain.connect() as connection:
                ask_one = lambda: connection.request("POST", "/in", b"",
                                                     {"X-Do": "call=one"})
                self.assertEqual(ask_one().status, 200)
                moods.set("stable", "fail 1")
                poll("open", lambda: (ask_one(), state(chain) == "open")[1], 5)
                times = []
                for _ in range(20):
                    began = time.monotonic()
                    ask_one()
                    times.append(time.monotonic() - began)
                self.assertLess(statistics.median(times), 0.005)

    def test_messages_are_lost_and_counted(self):
        """A message that finds the gate shut is nobody's request: requests are their ends."""
        breaker = {"errorRate": "50%", "minRequests": 5, "window": "5s", "openFor": "60s"}
        routes = [{"from": "ingress", "to": "audit", "when": {"path": "/audit"}}, "ingress a",
                  "a b", "a.side audit", "b reply", "audit reply"]
        with Moods("stable") as moods, actors({
                "a": EMITTER, "b": actor(), "audit": {"exec": str(moods.exec("stable")),
                                                      "breaker": breaker}}, routes) as chain:
            moods.set("stable", "fail 1")
            poll("open", lambda: self.reason(chain.request("POST", "/audit", b"")) ==
                 "circuit-open", 5)
            for _ in range(20):
                answer = chain.request("POST", "/", b"own", {"x-do": "a.emit-side"})
                self.assertEqual((answer.status, answer.body), (200, b"emit-side ok\n"))
            g = chain.wait_idle(leases=True)["gateway"]
            self.assertEqual(g["messages_lost"], 20)
            self.assertEqual(g["lost"], 20)
            self.assertEqual(g["requests"], g["answered"] + g["failed"] + g["circuit_open"])

    def test_survives_gateway_and_daemon(self):
        with Moods("stable") as moods, Daemon() as daemon:
            daemon.apply(moods.chain(extra=LONG))
            moods.set("stable", "fail 1")
            with daemon.connect("moods") as connection:
                trip(connection, None)
            self.assertIn("CircuitOpen", daemon.reasons("moods"))
            daemon.restart()
            self.assertEqual(daemon.function("moods", "only")["breaker"]["state"], "open")
            answer = daemon.request("moods", body=b"")
            self.assertEqual(self.assertProblem(answer, 503)["reason"], "circuit-open")
            pid = daemon.status("moods")["gateway"]["pid"]
            os.kill(pid, signal.SIGKILL)
            poll("another gateway", lambda: daemon.status("moods")["gateway"]["pid"]
                 not in (0, pid))
            answer = daemon.request("moods", body=b"")
            self.assertEqual(self.assertProblem(answer, 503)["reason"], "circuit-open")
            self.assertRegex(daemon.cli("describe", "moods").stdout, r"only +open +[12]")
            self.assertIn("Circuit", daemon.cli("describe", "moods").stdout)


if __name__ == "__main__":
    tap.main()
