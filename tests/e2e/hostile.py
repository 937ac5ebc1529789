# SPDX-License-Identifier: Apache-2.0
"""hostile.py - the chain with a hostile function in it, and what each attack must come to."""
import json
import struct
import threading
import time

from client import Closed, poll
from harness import Chain, ChainTest, Traffic, program

DESC = struct.Struct("=IIIBBH")  # struct sp_desc of bpf/wire.h: buf gen len edge flags home
REPLY, RELEASE, REFILL, GRANT = 0xf0, 0xf1, 0xf2, 0xf3


def hostile_chain(name="hostile", timeout="5s", memory="8Mi", sizes="2Ki, 64Ki", more=0, **words):
    """The chain; `more` bad functions are bad-1, bad-2, … at /bad-1, /bad-2, …"""
    names = [f"bad-{i}" for i in range(1, more + 1)]
    return Chain(
        "hostile", name=name, timeout=timeout, memory=memory, sizes=sizes,
        functions="".join(f'\n  - {{name: {n}, exec: "{program("hostile")}", instances: 1}}'
                          for n in names),
        ingress="".join(f"\n  - {{from: ingress, to: {n}, when: {{path: /{n}}}}}" for n in names),
        routes="".join(f"\n  - {{from: {n}, to: keeper}}" for n in names), **words)


def fine_traffic(chain, clients=2):
    """Requests to the honest part of the chain: every one must be answered right."""
    def check(n, answer):
        assert answer.status == 200 and answer.body == b"fine %d" % n, answer

    return Traffic(chain, lambda n: ("POST", "/fine", b"fine %d" % n), check, clients)


def order(kind, **words):
    """Headers that order an attack: order("stale", value=3, at="keeper")."""
    headers = {"x-attack": kind}
    headers |= {f"x-{name}": str(value) for name, value in ({"at": "bad"} | words).items()}
    return headers


def tell(chain, at="bad"):
    """What the function says of a request of its own."""
    path = f"/{at}" if at.startswith("bad-") else "/"
    answer = chain.request("POST", path, b"x" * 700, {"x-tell": "1", "x-at": at})
    assert answer.status == 200, answer
    return json.loads(answer.body)


class Held:
    """Requests that a hostile function keeps until the end of the block."""

    def __init__(self, chain, at="keeper", count=1):
        self.chain, self.at, self.count = chain, at, count
        self.path = f"/{at}" if at.startswith("bad-") else "/"
        self.answers = []
        self.threads = [threading.Thread(target=self.ask, args=(i,), daemon=True)
                        for i in range(count)]

    def ask(self, i):
        try:
            self.answers.append(self.chain.request("POST", self.path, b"held %d" % i,
                                                   {"x-hold": "1", "x-at": self.at}))
        except (OSError, Closed) as e:
            self.answers.append(e)

    def __enter__(self):
        for t in self.threads:
            t.start()
        poll(f"{self.count} held", lambda: tell(self.chain, self.at)["held_count"] == self.count)
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.free()

    def free(self):
        # One that still reaches an instance that was just killed is lost with it.
        while self.chain.request("POST", self.path, b"", {"x-free": "1", "x-at": self.at}).status \
                == 502:
            pass
        self.join()

    def join(self):
        for t in self.threads:
            t.join(20)
        assert len(self.answers) == self.count, f"{len(self.answers)} of {self.count} answered"


class HostileTest(ChainTest):
    """Attacks; in a class with `more`, all tests share a chain, each with a bad function of
    its own, so that the pauses before restarts do not add up."""

    more = 0
    timeout = "5s"

    @classmethod
    def setUpClass(cls):
        cls.chain = None
        if cls.more:
            cls.names = iter([f"bad-{i}" for i in range(1, cls.more + 1)])
            cls.chain = hostile_chain(more=cls.more, timeout=cls.timeout)
            cls.addClassCleanup(cls.chain.kill)
            cls.chain.wait_ready()

    @classmethod
    def tearDownClass(cls):
        if cls.chain:
            cls.chain.wait_idle()
            cls.chain.stop()

    def setUp(self):
        self.bad = next(self.names) if self.more else "bad"
        self.path = f"/{self.bad}" if self.more else "/"

    def attack(self, chain, headers, body=b"attack", seconds=20):
        with chain.connect(timeout=seconds) as connection:
            return connection.request("POST", self.path, body, headers | {"x-at": self.bad})

    def assert_refused(self, chain, headers, reasons, status=(502,), once=True):
        """The attack is refused for one of `reasons`, its instance replaced, its client
        answered, nobody else harmed, and every buffer free afterwards."""
        with fine_traffic(chain) as traffic:
            before, old = chain.violations(), chain.instance_pid(self.bad)
            others = [chain.instance_pid(n) for n in ("keeper", "honest")]
            done = traffic.done
            answer = self.attack(chain, headers)
            self.assertIn(answer.status, status, answer)
            if answer.status != 200:
                self.assertProblem(answer, answer.status, "hostile")
            chain.replaced(self.bad, [old])
            self.assert_counted(chain, before, reasons, once)
            said = rf"violation: {self.bad} \(slot \d+\): ({'|'.join(reasons)}): "
            self.assertTrue(chain.log.wait(said, seconds=1), "the violation is in the log")
            self.assertEqual(others, [chain.instance_pid(n) for n in ("keeper", "honest")])
            poll("others go on", lambda: traffic.done > done + 20)
        self.assert_serves(chain)

    def assert_counted(self, chain, before, reasons, once=True):
        after = chain.violations()
        risen = {k: after[k] - before.get(k, 0) for k in after if after[k] != before.get(k, 0)}
        self.assertTrue(risen, "nothing was counted")
        self.assertLessEqual(set(risen), set(reasons), risen)
        if once:
            self.assertEqual(sum(risen.values()), 1, risen)

    def assert_serves(self, chain):
        """The chain works in every part, and then all buffers are free."""
        for path in ("/fine", self.path):
            answer = chain.request("POST", path, b"after")
            self.assertEqual((answer.status, answer.body), (200, b"after"), answer)
        return chain.wait_idle()

    def assert_harmless(self, chain, headers, status=(200, 502), seconds=20):
        """The attack may be refused or not; it must be answered and nothing may suffer."""
        gateway = chain.status()["gateway"]["pid"]
        with fine_traffic(chain):
            began = time.monotonic()
            answer = self.attack(chain, headers, seconds=seconds)
            self.assertIn(answer.status, status, answer)
            self.assertLess(time.monotonic() - began, seconds)
        self.assert_serves(chain)
        self.assertEqual(chain.status()["gateway"]["pid"], gateway)
        return answer
