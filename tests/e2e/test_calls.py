# SPDX-License-Identifier: Apache-2.0
"""Calls of other functions: what comes back, errors as values, recursion, timeouts."""
import os
import re
import signal
import time

import tap
from actors import ACTOR, CallTest, Later, actor, actors, calls, do
from client import poll
from harness import in_parallel

# a calls b and c and itself, b calls c and itself and a.
ROUTES = [{"from": "ingress", "to": "b", "when": {"path": "/b"}},
          {"from": "ingress", "to": "c", "when": {"path": "/c"}},
          "ingress a", "a reply", "b reply", "c reply"]


def trio(concurrency=None, **words):
    more = {"concurrency": concurrency} if concurrency else {}
    return actors({"a": calls("b", "c", "a", **more), "b": calls("c", "b", "a", **more),
                   "c": actor(**more)}, ROUTES, **words)


class Replies(CallTest):
    """All in one chain; each test leaves it as it was."""

    @classmethod
    def setUpClass(cls):
        cls.chain = trio(timeout="10s").wait_ready()
        cls.addClassCleanup(cls.chain.kill)

    @classmethod
    def tearDownClass(cls):
        cls.chain.stop()

    def tearDown(self):
        self.whole(self.chain)

    def test_counts_and_kinds(self):
        for count in (1, 9, 64, 65, 70, 200):
            for how in ("copy", "ref", "msg"):
                with self.subTest(count=count, how=how):
                    text = self.do(self.chain, f"a.call=one,{count},{how}")
                    self.assertCall(text, ok=count, same=count)

    def test_large_bodies(self):
        for how in ("copy", "msg"):
            for size in (2047, 2048, 2049, 16000):
                with self.subTest(size=size, how=how):
                    text = self.do(self.chain, f"a.call=one,9,{how},0,{size}")
                    self.assertCall(text, ok=9, same=9)

    def test_too_large(self):
        self.assertCall(self.do(self.chain, "a.call=one,1,copy,0,17000"), SP_ETOOBIG=1)

    def test_empty_body_by_reference(self):
        self.assertCall(self.do(self.chain, "a.call=one,9,ref", b""), ok=9, same=9)

    def test_reply_in_a_larger_buffer(self):
        """The callee's answer outgrows the buffer that the call came in."""
        for how in ("copy", "ref", "msg"):
            text = self.do(self.chain, f"a.call=one,9,{how};b.grow=9000")
            self.assertCall(text, ok=9, same=0, last=r"^(one 8\.|body)\++$")

    def test_callee_changes_what_it_reads_by_reference(self):
        """It gets a copy; neither the caller nor the others see the change."""
        text = self.do(self.chain, "a.call=one,3,ref;b.poke=X;a.call=two,1,ref")
        first, second = text.splitlines()
        self.assertCall(first, ok=3, same=0, last="^Xody$")
        self.assertCall(second, ok=1, same=1, last="^body$")

    def test_nested(self):
        text = self.do(self.chain, "a.call=one,9;b.call=one,9")
        self.assertCall(text, ok=9, last=r"one ok=9 same=9 last=one 8\.$")

    def test_by_reference_all_the_way(self):
        text = self.do(self.chain, "a.call=one,9,ref;b.call=one,9,ref;c.view")
        self.assertCall(text, ok=9, last=r"one ok=9 same=0 last=body$")

    def test_many_in_a_row(self):
        self.assertEqual(self.do(self.chain, "a.loop=one,5000"), "5000 good\n")

    def test_refusal_is_an_error_value(self):
        text = self.do(self.chain, "a.call=one,9;b.fail=not today")
        self.assertCall(text, SP_EINPUT=9, last="^not today$")

    def test_no_answer_to_give(self):
        self.assertCall(self.do(self.chain, "a.call=one;b.drop"), ok=1, last="^$")

    def test_recursion_to_the_limit_of_hops(self):
        """maxHops is 32: calls count as hops."""
        for depth, found in ((5, "bottom"), (50, "SP_ELOOP=1")):
            text = self.do(self.chain, f"recurse=three,{depth}")
            self.assertEqual("bottom" in text, depth == 5, text)
        self.assertGreaterEqual(self.counter(self.chain, "a", "error_loop"), 1)

    def test_mutual_recursion(self):
        """a calls b, which calls a, until the hops are used up."""
        text = self.do(self.chain, "a.call=one;b.call=three")
        self.assertCall(text, ok=1)
        self.assertIn("one ok=1", text)

    def test_a_callee_sends_on(self):
        """The reply need not come from the one that was called: a callee has routes too."""
        chain = actors({"a": calls("b"), "b": ACTOR, "c": ACTOR},
                       ["ingress a", "a reply", "b c", "c reply"])
        with chain:
            text = self.do(chain, "a.call=one,9;c.say=from c")
            self.assertCall(text, ok=9, same=0, last="^from c$")
            text = self.do(chain, "a.call=one,9;c.fail=no")
            self.assertCall(text, SP_EINPUT=9, last="^no$")
            self.whole(chain)

    def test_timeout_of_one_call(self):
        """The late reply is nobody's."""
        began = time.monotonic()
        late = Later(self.chain, "a.call=one,3,copy,100;a.say=went on;b.hold")
        answer = late.answer()
        self.assertLess(time.monotonic() - began, 5)
        self.assertCall(answer.body.decode(), SP_ETIMEOUT=3)
        self.assertIn("went on", answer.body.decode())
        self.held(self.chain, 3, "/b")
        self.chain.request("POST", "/b", b"", {"x-do": "free"})

    def test_what_is_copied_is_counted(self):
        """Nothing is, by reference or in messages built in place."""
        def copied():
            status = self.chain.status()
            return [self.counter(self.chain, n, "copied_bytes", status) for n in "abc"]
        for how, bytes_each in (("ref", 0), ("msg", 0), ("copy", len("one 0."))):
            before = copied()
            self.assertCall(self.do(self.chain, f"a.call=one,9,{how};b.view"), ok=9)
            self.assertEqual(copied(), [before[0] + 9 * bytes_each, *before[1:]], how)
        before = copied()
        self.assertCall(self.do(self.chain, "a.call=one,9,ref;b.poke=X", b"x" * 1000), ok=9)
        self.assertEqual(copied(), [before[0], before[1] + 9 * 1000, before[2]])

    def test_callee_that_ends_after_its_callers_deadline(self):
        text = self.do(self.chain, "a.call=one,3,ref,50;b.sleep=100")
        self.assertCall(text, SP_ETIMEOUT=3)


class Concurrency(CallTest):
    def recursion(self, concurrency):
        """A function that calls itself while all its places are taken by callers."""
        with trio(concurrency=concurrency, timeout="20s") as chain:
            def client(i):
                with chain.connect(timeout=60) as c:
                    for n in range(5):
                        answer = do(c, "recurse=three,9" if i % 2 else
                                    "a.call=one;b.call=one,3;a.call=two")
                        self.assertEqual(answer.status, 200, answer)
                        if i % 2:
                            self.assertIn(b"bottom", answer.body)
            in_parallel(32, client)
            self.whole(chain)

    def test_recursion_with_one_place(self):
        self.recursion(1)

    def test_recursion_with_three_places(self):
        self.recursion(3)

    def test_recursion_with_the_default(self):
        self.recursion(None)

    def test_two_that_call_each_other_with_one_place(self):
        with trio(concurrency=1, timeout="20s") as chain:
            def client(i):
                path = ("/", "/b")[i % 2]
                orders = ("a.call=one,3;b.say=x", "b.call=three,3;a.say=y")[i % 2]
                for _ in range(5):
                    answer = chain.request("POST", path, b"", {"x-do": orders}, timeout=60)
                    self.assertEqual(answer.status, 200)
                    self.assertCall(answer.body.decode(), ok=3)
            in_parallel(32, client)
            self.whole(chain)


class Missing(CallTest):
    """Callees that are not there."""

    def test_gone_for_a_while(self):
        """The call waits for the next instance; nobody sees an error."""
        with trio(timeout="20s") as chain:
            for how in ("copy", "ref", "msg"):
                old = chain.instance_pid("b")
                os.kill(old, signal.SIGSTOP)  # nobody takes up what is sent to it
                os.kill(old, signal.SIGKILL)
                text = self.do(chain, f"a.call=one,9,{how}")
                # What reached the dying one is lost with it; the others wait.
                match = re.match(r"one ok=(\d+) same=(\d+)(?: SP_EUPSTREAM=(\d+))? ", text)
                self.assertTrue(match, text)
                self.assertEqual(int(match[1]) + int(match[3] or 0), 9, text)
                self.assertEqual(match[1], match[2])
                chain.replaced("b", [old])
            self.whole(chain)

    def absent(self, chain, name):
        """Kills the function's instance again and again until none is ready."""
        def none():
            for i in chain.instances(name):
                os.kill(i["pid"], signal.SIGKILL)
            return not chain.instances(name)
        poll(f"{name} is gone", none, 20, pause=0.01)

    def test_gone_then_back(self):
        """The restart pauses grow with each death: a call made in such a pause waits, and
        is delivered to the next instance."""
        with trio(timeout="20s") as chain:
            for how in ("copy", "ref", "msg"):
                self.absent(chain, "b")
                text = self.do(chain, f"a.call=one,9,{how}")
                self.assertCall(text, ok=9, same=9)
            self.whole(chain)

    def test_gone_for_good(self):
        """An error value at the deadline, or at the call's own timeout."""
        chain = actors({"a": calls("b"), "b": actor(env={"X": "1"})}, ["ingress a", "a reply"],
                       timeout="3s")
        with chain:
            self.keep_away(chain, "b")

    def keep_away(self, chain, name):
        stop = False

        def killer(_):
            while not stop:
                for i in chain.instances(name):
                    try:
                        os.kill(i["pid"], signal.SIGKILL)
                    except ProcessLookupError:
                        pass
                time.sleep(0.002)

        def asker(_):
            nonlocal stop
            try:
                poll("gone", lambda: not chain.instances(name), 5)
                seen = set()
                # Each of its short lives may see a call, so one round may not be enough.
                for how in ("copy", "ref", "msg") * 10:
                    began = time.monotonic()
                    answer = chain.request("POST", "/", b"x", {"x-do": f"a.call=one,9,{how},300"})
                    self.assertLess(time.monotonic() - began, 2)
                    self.assertEqual(answer.status, 200, answer)
                    seen |= set(re.findall(r"SP_\w+", answer.body.decode()))
                    if how == "msg" and "SP_EUNAVAILABLE" in seen:
                        break
                self.assertLessEqual(seen, {"SP_EUNAVAILABLE", "SP_EUPSTREAM", "SP_ETIMEOUT"})
                self.assertIn("SP_EUNAVAILABLE", seen)
            finally:
                stop = True
        in_parallel(2, lambda i: (killer, asker)[i](i))
        poll("back", lambda: chain.instances(name), 20)
        self.whole(chain)


if __name__ == "__main__":
    tap.main()
