# SPDX-License-Identifier: Apache-2.0
"""Readers beside the way of a request: tees and extra messages. The way itself must not care."""
import os
import signal
import time

import tap
from actors import ACTOR, EMITTER, CallTest, actor, actors, calls, do
from client import poll
from harness import Traffic, in_parallel
from test_call_pool import Streams

AUDIT = [{"from": "ingress", "to": "audit", "when": {"path": "/audit"}}]


def teed(**words):
    """a, then b, which answers; audit reads along at a and at b."""
    functions = {"a": calls("c"), "b": actor(), "c": actor(), "audit": actor()}
    routes = [*AUDIT, "ingress a", {"from": "a", "to": "b", "tee": ["audit"]},
              {"from": "b", "to": "reply", "tee": ["audit"]}, "c reply", "audit reply"]
    return actors(functions, routes, **{"timeout": "20s", "sizes": ("2Ki",), "body": "2Ki"} | words)


class TeeTest(CallTest):
    def in_of(self, chain, name):
        return sum(i["in"] for i in chain.function(name)["instances"])

    def good(self, chain, count, orders="", clients=8):
        """So many requests, each answered right. Returns the time of each, sorted."""
        times = []

        def client(i):
            with chain.connect(timeout=60) as c:
                for n in range(count // clients):
                    body = b"%d/%d" % (i, n)
                    began = time.monotonic()
                    answer = do(c, orders, body)
                    times.append(time.monotonic() - began)
                    self.assertEqual(answer.status, 200, answer)
                    if not orders:
                        self.assertEqual(answer.body, body)
        in_parallel(clients, client)
        return sorted(times)


class Tee(TeeTest):
    def test_reads_what_passes(self):
        with teed() as chain:
            self.assertEqual(self.do(chain, "audit.log=read;b.poke=B", b"body"), "Body")
            for body in ("body", "Body"):
                self.assertTrue(chain.log.wait(f"audit read body={body}$"), chain.report())
            self.assertEqual(self.counter(chain, "audit", "copied_bytes"), 0)
            self.whole(chain)

    def test_burst(self):
        """1,000 requests at once: each copy is read, or counted as left out. Requests that come
        one by one lose none."""
        with teed(memory="32Mi") as chain:
            for row in [Streams(chain, "") for _ in range(10)]:
                row.answers()
            dropped = sum(self.counter(chain, n, "tee_dropped") for n in "ab")
            poll("read or counted", lambda: self.in_of(chain, "audit") == 2000 - dropped)
            self.good(chain, 200, clients=1)
            self.assertEqual(sum(self.counter(chain, n, "tee_dropped") for n in "ab"), dropped)
            self.whole(chain)

    def test_writing_reader_dies_alone(self):
        """What others read is mapped read-only."""
        with teed() as chain:
            for _ in range(2):
                old = chain.instance_pid("audit")
                self.assertEqual(self.do(chain, "audit.scribble=X"), "body")
                chain.replaced("audit", [old], 20)
            self.good(chain, 100)
            self.whole(chain)

    def test_reader_that_copies(self):
        """sp_body of a shared body counts what it copies."""
        with teed() as chain:
            self.assertEqual(self.do(chain, "audit.poke=X;audit.log=read"), "body")
            self.assertTrue(chain.log.wait("audit read body=Xody"))
            poll("counted", lambda: self.counter(chain, "audit", "copied_bytes") == 8)
            self.whole(chain)

    def test_slow_reader(self):
        """Behind by minutes: the way is not slowed down, and copies are left out."""
        with teed(timeout="60s", memory="4Mi") as chain:
            self.good(chain, 400)
            before = self.good(chain, 800)
            self.good(chain, 8, "audit.sleep=60000")
            after = self.good(chain, 8000)
            self.assertLess(after[len(after) // 2], 20 * before[len(before) // 2] + 0.002)
            self.assertLess(after[-1], 2)
            self.assertGreater(self.counter(chain, "a", "tee_dropped"), 0)
            old = chain.instance_pid("audit")
            os.kill(old, signal.SIGKILL)
            chain.replaced("audit", [old], 20)
            self.whole(chain)

    def stopped(self, orders, **words):
        with teed(memory="4Mi", **words) as chain:
            total = chain.status()["buffers"]["total"]
            old = chain.instance_pid("audit")
            os.kill(old, signal.SIGSTOP)
            self.good(chain, 4 * total // 8 * 8, orders)
            status = chain.status()
            self.assertEqual(status["gateway"]["refused"], 0)
            self.assertGreater(self.counter(chain, "a", "tee_dropped", status), 0)
            self.assertLess(status["buffers"]["free"], total, "it holds what it was sent")
            os.kill(old, signal.SIGKILL)
            chain.replaced("audit", [old], 20)
            self.whole(chain)
            # Copies go to the next instance.
            at = self.in_of(chain, "audit")
            self.good(chain, 80)
            poll("read again", lambda: self.in_of(chain, "audit") > at + 80)
            self.whole(chain)

    def test_stopped_reader(self):
        """Four times as many requests as there are buffers: none fails."""
        self.stopped("")

    def test_stopped_reader_beside_calls(self):
        """The same where each request makes calls, too, whose buffers come from the same stock."""
        self.stopped("a.call=one,3")

    def test_stopped_reader_goes_on(self):
        with teed(memory="4Mi") as chain:
            old = chain.instance_pid("audit")
            os.kill(old, signal.SIGSTOP)
            self.good(chain, 4000)
            os.kill(old, signal.SIGCONT)
            self.whole(chain)
            self.assertEqual(chain.instance_pid("audit"), old)

    def test_dead_reader(self):
        """Killed again and again under load: nobody on the way notices."""
        def check(n, answer):
            assert (answer.status, answer.body) == (200, b"%d" % n), answer

        with teed() as chain:
            with Traffic(chain, lambda n: ("POST", "/", b"%d" % n), check, 8) as t:
                for _ in range(5):
                    done = t.done
                    for i in chain.instances("audit"):
                        os.kill(i["pid"], signal.SIGKILL)
                    poll("flows on", lambda d=done: t.done > d + 200 or t.errors, 20)
            poll("back", lambda: chain.instances("audit"), 20)
            self.whole(chain)

    def test_way_dies_under_its_readers(self):
        """The reader goes on reading what the dead one sent."""
        with teed() as chain:
            answer = chain.request("POST", "/", b"kept", {"x-do": "audit.hold;audit.log=later;"
                                                                  "b.die"})
            self.assertProblem(answer, 502)
            self.held(chain, 1, "/audit")
            self.good(chain, 400)
            chain.request("POST", "/audit", b"", {"x-do": "free"})
            self.assertTrue(chain.log.wait("audit later body=kept$"), chain.report())
            self.whole(chain)


class Emit(TeeTest):
    def emitters(self, **words):
        """a sends on to b, and by its edge `side` to audit."""
        return actors({"a": EMITTER, "b": ACTOR, "audit": ACTOR},
                      [*AUDIT, "ingress a", "a b", "a.side audit", "b reply", "audit reply"],
                      **{"timeout": "20s"} | words)

    def test_messages(self):
        with self.emitters() as chain:
            text = self.do(chain, "a.emit=extra;a.emit-message=built;a.emit-side;b.log=got;"
                                  "audit.log=got", b"own")
            self.assertEqual(text, "emit ok\nemit-message ok\nemit-side ok\n")
            for line in ("b got body=extra", "b got body=built", "audit got body=own",
                         "b got body=emit ok"):
                self.assertTrue(chain.log.wait(line), chain.report())
            self.whole(chain)

    def test_same_body(self):
        """The receiver reads it where it lies; the sender's own change of it is a copy."""
        with self.emitters() as chain:
            body = "own" * 600
            self.assertEqual(chain.request("POST", "/", body.encode(), {
                "x-do": "audit.hold;a.emit-side;a.poke=X;a.reply;audit.log=then"}).body[:5],
                b"emit-")
            self.held(chain, 1, "/audit")
            chain.request("POST", "/audit", b"", {"x-do": "free"})
            self.assertTrue(chain.log.wait(f"audit then body={body[:200]}"), chain.report())
            self.assertEqual(self.counter(chain, "audit", "copied_bytes"), 0)
            self.whole(chain)

    def test_where_it_may_not_go(self):
        with actors({"a": EMITTER, "b": ACTOR},
                    ["ingress a", "a b", "a.side reply", "b reply"]) as chain:
            self.assertEqual(self.do(chain, "a.emit-side"), "emit-side EOPNOTSUPP\n")
            self.assertEqual(self.do(chain, "b.emit=x"), "emit EOPNOTSUPP\n")
            self.whole(chain)

    def test_receiver_is_stopped(self):
        """What is emitted waits for it, until the sender gets no buffer any more: it is told."""
        with self.emitters(memory="2Mi", sizes=("2Ki",), body="2Ki", timeout="1s") as chain:
            old = chain.instance_pid("audit")
            os.kill(old, signal.SIGSTOP)
            self.good(chain, 40, "a.emit-side")
            answers = in_parallel(200, lambda _: chain.request(
                "POST", "/", b"x", {"x-do": "a.emit-side"}))
            self.assertEqual({a.status for a in answers}, {200, 504})
            os.kill(old, signal.SIGKILL)
            chain.replaced("audit", [old], 20)
            self.whole(chain)

    def test_receiver_dies(self):
        with self.emitters() as chain:
            for how in ("a.emit-side;audit.die", "a.emit=x;a.emit=y;b.sleep=1;audit.die"):
                old = chain.instance_pid("audit")
                self.do(chain, how + ";a.emit-side")
                chain.replaced("audit", [old], 20)
            self.whole(chain)

    def test_under_load(self):
        with self.emitters() as chain:
            self.good(chain, 800, "a.emit-side;a.emit=x;a.emit-message=y")
            self.whole(chain)


if __name__ == "__main__":
    tap.main()
